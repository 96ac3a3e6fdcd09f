// The image of a row store: what a checkpoint writes of it, exact as of its snapshot, and what
// opening reads.
//
// Format   docs/row-format.md: page extents, a descriptor a group, a list of groups.
// Model    A page whose bit in `changed` is set differs from its last image. Its current bytes are
//          copied under the latch, and rows with versions newer than the snapshot are put back in
//          the copy. slot.disk always names the newest stored bytes (storage-rules 12): the image
//          if the page is still in memory, what the cache wrote when it left otherwise.
// Threads  One checkpoint at a time; writers run meanwhile.
#include "base/assert.h"
#include "base/error.h"
#include "rows/row_store_internal.h"

#include <stdlib.h>

enum {
    GROUP_MAGIC = 0x31475252, // "RRG1"
    GROUP_HEADER_BYTES = 20,
    INLINE_GROUP_COUNT = 16,
    CANCEL_EVERY = 64,
};

void row_store_flip(RowStore *store, RowStoreMark *mark_out) {
    *mark_out = (RowStoreMark){.point_count = store->point_count};
    for (uint32_t i = 0; i < store->point_count; i++) {
        InsertionPoint *point = &store->points[i];
        mutex_lock(&point->mutex);
        mark_out->points[i].group = point->has_page ? point->group->index : UINT32_MAX;
        mark_out->points[i].page = point->page;
        mark_out->points[i].next = point->next;
        mutex_unlock(&point->mutex);
    }
    mutex_lock(&store->structure);
    mark_out->group_count = atomic_load(&store->group_count);
    mark_out->next_page = atomic_load(&store->next_page);
    mutex_unlock(&store->structure);
    mark_out->row_count = atomic_load(&store->row_count);
}

// ---- Pages --------------------------------------------------------------------------------------

typedef struct PageImage {
    RowPage *original; // pinned
    RowPage *page;     // a copy, with a frame's room in front that is not used
    uint64_t version;  // of the latch that the copy was made under
    bool is_newer;     // the page has changes that the snapshot does not see
} PageImage;

static size_t unseen_heap_bytes(RowSlot *slot, uint32_t row_count, const UndoReader *reader) {
    size_t bytes = 0;
    for (uint32_t i = 0; i < row_count; i++) {
        for (const UndoRecord *record = versions_head(slot, i);
             record != NULL && !undo_is_visible(record, reader);
             record = atomic_load_explicit(&record->older, memory_order_acquire)) {
            bytes += record->before_bytes;
        }
    }
    return bytes;
}

static void unsee_update(
    RowPage *image, const RowLayout *layout, uint32_t index, const UndoRecord *record) {
    BeforeItem item;
    uint32_t offset = 0;
    while (before_item_take(record, &offset, &item)) {
        if (item.column < layout->column_count) {
            row_put(image, layout, page_row(image, index), item.column, &item.value);
        }
    }
}

// Takes back what the snapshot does not see.
static void unsee(
    PageImage *image, RowSlot *slot, const RowLayout *layout, const UndoReader *reader) {
    uint32_t row_count = page_header(image->page)->row_count;
    for (uint32_t i = 0; i < row_count; i++) {
        for (const UndoRecord *record = versions_head(slot, i);
             record != NULL && !undo_is_visible(record, reader);
             record = atomic_load_explicit(&record->older, memory_order_acquire)) {
            switch ((UndoKind)record->kind) {
            case UNDO_LOCK:
                continue;
            case UNDO_INSERT:
                page_set_live(image->page, i, false);
                break;
            case UNDO_DELETE:
                page_set_live(image->page, i, true);
                break;
            case UNDO_UPDATE:
                unsee_update(image->page, layout, i, record);
                break;
            }
            image->is_newer = true;
        }
    }
}

// Copies a latched page as the reader sees it.
static Status page_copy_seen(
    RowStore *store, RowSlot *slot, RowPage *page, const UndoReader *reader, PageImage *image) {
    const RowPageHeader *header = page_header(page);
    bool has_versions = slot_versions(slot) != NULL;
    size_t extra = has_versions ? unseen_heap_bytes(slot, header->row_count, reader) : 0;
    size_t bytes =
        (header->heap_end + extra + STORE_BLOCK_BYTES - 1) / STORE_BLOCK_BYTES * STORE_BLOCK_BYTES;
    if (bytes < header->bytes) bytes = header->bytes;
    size_t rounded = (sizeof(RowPage) + bytes + 63) & ~(size_t)63;
    image->page = bytes > ROW_PAGE_BYTES_MAX ? NULL : aligned_alloc(64, rounded);
    if (image->page == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    memset(&image->page->frame, 0, sizeof image->page->frame);
    memcpy(image->page->bytes, page->bytes, header->heap_end);
    page_header(image->page)->bytes = (uint32_t)bytes;
    if (has_versions) unsee(image, slot, layout_find(store, header->layout_version), reader);
    return OK;
}

// The image of a page becomes its newest stored bytes. A page whose bytes are not all in the image
// stays dirty (I-10: other than "nothing committed since"), and so does one that was latched
// meanwhile, even if that changed nothing. Then the next checkpoint must look at it again: when it
// is evicted, the extent of this image is freed.
static void image_adopt(
    RowStore *store, const RowPlace *place, const PageImage *image, ExtentRef ref) {
    RowSlot *slot = place->slot;
    for (;;) {
        epoch_enter(store->epochs);
        CacheFrame *frame = cache_find(&slot->cache);
        ASSERT(frame != NULL); // pinned, so it was replaced at most
        bool is_unchanged = frame == &image->original->frame
                            && latch_lock_version(&frame->latch, image->version, LATCH_RANK_PAGE);
        if (is_unchanged || latch_lock(&frame->latch, LATCH_RANK_PAGE)) {
            ExtentRef old = slot->cache.disk;
            slot->cache.disk = ref;
            if (is_unchanged && !image->is_newer) {
                atomic_store(&frame->is_dirty, false);
            } else {
                page_changed(place, page_of(frame));
            }
            latch_unlock(&frame->latch, LATCH_RANK_PAGE);
            epoch_leave(store->epochs);
            store_free(cache_store(store->cache), old);
            return;
        }
        epoch_leave(store->epochs);
    }
}

// Whether a latched page's rows are all gone for good: none is live, none has a version, and no
// new row comes into it, since insertion points only move on to new pages.
static bool is_spent(RowSlot *slot, RowPage *page) {
    return slot_versions(slot) == NULL && !page_has_live(page);
}

static bool is_closed(const RowStoreMark *mark, const RowGroup *group, uint32_t page) {
    bool is_after = group->index + 1 > mark->group_count
                    || (group->index + 1 == mark->group_count && page >= mark->next_page);
    if (is_after) return false;
    for (uint32_t i = 0; i < mark->point_count; i++) {
        if (mark->points[i].group == group->index && mark->points[i].page == page) return false;
    }
    return true;
}

// Lets a spent page go, latched by the caller: whoever looks for it finds none.
static void page_drop(
    RowStore *store, RowGroup *group, RowSlot *slot, RowPage *page, ExtentRef *image) {
    ExtentRef old = slot->cache.disk;
    slot->cache.disk = (ExtentRef){0};
    atomic_store(&page->frame.is_dirty, false);
    page_unlock(store, page);
    cache_detach(store->cache, &slot->cache);
    store_free(cache_store(store->cache), old);
    *image = (ExtentRef){0};
    group->is_image_stale = true;
}

// Asked for under the latch of what is read: versions that it needs are unlinked under that latch.
static Lsn snapshot_now(const CheckpointWork *work) {
    return work->snapshot_now == NULL ? work->snapshot : work->snapshot_now(work->argument);
}

static Status page_write(RowStore *store, RowGroup *group, PageChunk *chunk, uint32_t page_index,
    const RowStoreMark *mark, const CheckpointWork *work) {
    uint32_t at = page_index % CHUNK_PAGE_COUNT;
    RowSlot *slot = &chunk->slots[at];
    RowPlace place = {.group = group, .slot = slot, .chunk = chunk, .page = page_index};
    // Cleared before looking: a change from now on sets it again.
    atomic_fetch_and(&chunk->changed, ~(UINT64_C(1) << at));
    RowPage *page = page_try_lock_resident(store, slot);
    if (page == NULL) {
        chunk->images[at] = slot->cache.disk;
        group->is_image_stale = true;
        return OK;
    }
    if (is_closed(mark, group, page_index) && is_spent(slot, page)) {
        page_drop(store, group, slot, page, &chunk->images[at]);
        return OK;
    }
    PageImage image = {.original = page};
    bool is_pinned = cache_pin(&page->frame);
    ASSERT(is_pinned); // nothing leaves its slot while it is latched
    UndoReader reader = {.lsn = snapshot_now(work).value};
    Status status = page_copy_seen(store, slot, page, &reader, &image);
    image.version = latch_unlock_version(&page->frame.latch, LATCH_RANK_PAGE);
    epoch_leave(store->epochs);
    ExtentRef ref;
    if (status == OK) {
        Bytes bytes = bytes_make(image.page->bytes, page_header(image.page)->heap_end);
        status = store_write(cache_store(store->cache), EXTENT_PAGE, bytes, &ref);
    }
    if (status != OK) {
        atomic_fetch_or(&chunk->changed, UINT64_C(1) << at);
    } else {
        image_adopt(store, &place, &image, ref);
        chunk->images[at] = ref;
        group->is_image_stale = true;
    }
    cache_unpin(&image.original->frame);
    free(image.page);
    return status;
}

// ---- Descriptors --------------------------------------------------------------------------------

static uint32_t group_chunk_count(const RowGroup *group) {
    return (group->page_count + CHUNK_PAGE_COUNT - 1) / CHUNK_PAGE_COUNT;
}

static ExtentRef page_image(RowGroup *group, uint32_t page) {
    PageChunk *chunk = group_chunk(group, page);
    return chunk == NULL ? (ExtentRef){0} : chunk->images[page % CHUNK_PAGE_COUNT];
}

static void append_ref(Text *out, ExtentRef ref) {
    text_append_u64_le(out, ref.location);
    text_append_u64_le(out, ref.checksum);
}

static bool take_ref(Bytes *bytes, ExtentRef *ref_out) {
    return bytes_take_u64_le(bytes, &ref_out->location)
           && bytes_take_u64_le(bytes, &ref_out->checksum);
}

static Status group_write(RowStore *store, RowGroup *group) {
    Arena arena;
    arena_init(&arena, NULL);
    Text text;
    text_init(&text, &arena);
    uint32_t count = group->page_count;
    while (count > 0 && extent_is_none(page_image(group, count - 1)))
        count--;
    text_append_u32_le(&text, GROUP_MAGIC);
    text_append_u32_le(&text, store->options.store.value);
    text_append_u32_le(&text, group->index);
    text_append_u32_le(&text, group->page_row_bits);
    text_append_u32_le(&text, count);
    for (uint32_t i = 0; i < count; i++)
        append_ref(&text, page_image(group, i));
    Status status = arena_check(&arena);
    ExtentRef ref;
    Store *file = cache_store(store->cache);
    if (status == OK) status = store_write(file, EXTENT_GROUP, text_bytes(&text), &ref);
    if (status == OK) {
        store_free(file, group->image);
        group->image = ref;
        group->is_image_stale = false;
    }
    arena_deinit(&arena);
    return status;
}

static Status group_pages_write(
    RowStore *store, RowGroup *group, const RowStoreMark *mark, const CheckpointWork *work) {
    uint32_t written = 0;
    for (uint32_t i = 0; i < group_chunk_count(group); i++) {
        PageChunk *chunk = atomic_load_explicit(&group->chunks[i], memory_order_acquire);
        if (chunk == NULL) continue;
        for (uint64_t bits = atomic_load(&chunk->changed); bits != 0; bits &= bits - 1) {
            uint32_t page = i * CHUNK_PAGE_COUNT + (uint32_t)__builtin_ctzll(bits);
            TRY(page_write(store, group, chunk, page, mark, work));
            if (++written % CANCEL_EVERY == 0 && work->is_cancelled != NULL
                && work->is_cancelled(work->argument)) {
                return fail(QUERY_CANCELED, "checkpoint was cancelled");
            }
        }
    }
    return OK;
}

Status row_store_write(
    RowStore *store, const RowStoreMark *mark, const CheckpointWork *work, Text *entry) {
    bool is_stale = false;
    for (uint32_t i = 0; i < mark->group_count; i++) {
        RowGroup *group = group_find(store, i);
        if (group == NULL) continue;
        TRY(group_pages_write(store, group, mark, work));
        if (!group->is_image_stale && !extent_is_none(group->image)) continue;
        TRY(group_write(store, group));
        is_stale = true;
    }
    text_append_varint(entry, mark->group_count);
    text_append_varint(entry, mark->next_page);
    text_append_varint(entry, mark->row_count);
    text_append_varint(entry, atomic_load(&store->heap_bytes));
    text_append_varint(entry, atomic_load(&store->heap_rows));
    text_append_varint(entry, mark->point_count);
    for (uint32_t i = 0; i < mark->point_count; i++) {
        text_append_varint(entry, mark->points[i].group);
        text_append_varint(entry, mark->points[i].page);
        text_append_varint(entry, mark->points[i].next);
    }
    Store *file = cache_store(store->cache);
    bool is_inline = mark->group_count <= INLINE_GROUP_COUNT;
    if (!is_inline && (is_stale || extent_is_none(store->directory_image))) {
        Arena arena;
        arena_init(&arena, NULL);
        Text text;
        text_init(&text, &arena);
        for (uint32_t i = 0; i < mark->group_count; i++) {
            RowGroup *group = group_find(store, i);
            append_ref(&text, group == NULL ? (ExtentRef){0} : group->image);
        }
        ExtentRef ref;
        Status status = arena_check(&arena);
        if (status == OK) {
            status = store_write(file, EXTENT_GROUP_DIRECTORY, text_bytes(&text), &ref);
        }
        arena_deinit(&arena);
        TRY(status);
        store_free(file, store->directory_image);
        store->directory_image = ref;
    }
    if (!is_inline) {
        append_ref(entry, store->directory_image);
        return OK;
    }
    for (uint32_t i = 0; i < mark->group_count; i++) {
        RowGroup *group = group_find(store, i);
        append_ref(entry, group == NULL ? (ExtentRef){0} : group->image);
    }
    return OK;
}

// ---- Loading ------------------------------------------------------------------------------------

static Status damaged(const RowStore *store, const char *what) {
    return fail(
        DATA_CORRUPTED, "the image of store %u is damaged: %s", store->options.store.value, what);
}

static Status extent_load(RowStore *store, ExtentRef ref, Arena *arena, Bytes *bytes_out) {
    size_t count = extent_bytes(ref);
    void *bytes;
    TRY(arena_try_allocate(arena, count, 64, &bytes));
    TRY(store_read(cache_store(store->cache), ref, bytes));
    *bytes_out = bytes_make(bytes, count);
    return OK;
}

static Status group_decode(RowStore *store, uint32_t index, ExtentRef image, Bytes bytes) {
    uint32_t magic, owner, stored_index, bits, count;
    bool is_good = bytes_take_u32_le(&bytes, &magic) && magic == GROUP_MAGIC
                   && bytes_take_u32_le(&bytes, &owner) && owner == store->options.store.value
                   && bytes_take_u32_le(&bytes, &stored_index) && stored_index == index
                   && bytes_take_u32_le(&bytes, &bits) && bits <= 8
                   && bytes_take_u32_le(&bytes, &count)
                   && count <= (uint32_t)GROUP_ROW_COUNT >> bits;
    if (!is_good) return damaged(store, "a group's descriptor");
    RowGroup *group;
    TRY(group_add(store, index, (uint8_t)bits, &group));
    group->image = image;
    for (uint32_t page = 0; page < count; page++) {
        ExtentRef ref;
        if (!take_ref(&bytes, &ref)) return damaged(store, "a group's descriptor is too short");
        if (extent_is_none(ref)) continue;
        if (extent_kind(ref) != EXTENT_PAGE) return damaged(store, "a page's reference");
        PageChunk *chunk;
        TRY(chunk_ensure(store, group, page, &chunk));
        chunk->slots[page % CHUNK_PAGE_COUNT].cache.disk = ref;
        chunk->images[page % CHUNK_PAGE_COUNT] = ref;
    }
    return OK;
}

static Status groups_load(RowStore *store, Bytes refs, uint32_t group_count, Arena *arena) {
    for (uint32_t i = 0; i < group_count; i++) {
        ExtentRef ref;
        if (!take_ref(&refs, &ref)) return damaged(store, "the list of groups is too short");
        if (extent_is_none(ref)) continue;
        if (extent_kind(ref) != EXTENT_GROUP) return damaged(store, "a group's reference");
        ArenaMark mark = arena_mark(arena);
        Bytes bytes;
        TRY(extent_load(store, ref, arena, &bytes));
        mutex_lock(&store->structure);
        Status status = group_decode(store, i, ref, bytes);
        mutex_unlock(&store->structure);
        TRY(status);
        arena_rewind(arena, mark);
    }
    return OK;
}

static void points_load(RowStore *store, uint32_t index, const uint64_t *numbers) {
    RowGroup *group = numbers[0] > UINT32_MAX ? NULL : group_find(store, (uint32_t)numbers[0]);
    if (index >= store->point_count || group == NULL || numbers[1] >= group->page_count) return;
    PageChunk *chunk = group_chunk(group, (uint32_t)numbers[1]);
    bool exists =
        chunk != NULL && !extent_is_none(chunk->slots[numbers[1] % CHUNK_PAGE_COUNT].cache.disk);
    if (!exists || numbers[2] >= UINT64_C(1) << group->page_row_bits) return;
    InsertionPoint *point = &store->points[index];
    point->has_page = true;
    point->group = group;
    point->page = (uint32_t)numbers[1];
    point->next = (uint32_t)numbers[2];
}

static Status load(RowStore *store, Bytes *entry, Arena *arena) {
    uint64_t group_count, next_page, row_count, heap_bytes, heap_rows, point_count;
    bool is_good = bytes_take_varint(entry, &group_count)
                   && group_count <= (uint64_t)DIRECTORY_ROOT_COUNT * DIRECTORY_LEAF_COUNT
                   && bytes_take_varint(entry, &next_page) && next_page <= GROUP_ROW_COUNT
                   && bytes_take_varint(entry, &row_count) && bytes_take_varint(entry, &heap_bytes)
                   && bytes_take_varint(entry, &heap_rows) && bytes_take_varint(entry, &point_count)
                   && point_count <= POINT_COUNT_MAX;
    if (!is_good) return damaged(store, "its entry");
    uint64_t points[POINT_COUNT_MAX][3];
    for (uint32_t i = 0; i < point_count; i++) {
        for (uint32_t j = 0; j < 3; j++) {
            if (!bytes_take_varint(entry, &points[i][j])) return damaged(store, "its entry");
        }
    }
    Bytes refs;
    if (group_count > INLINE_GROUP_COUNT) {
        if (!take_ref(entry, &store->directory_image) || extent_is_none(store->directory_image)
            || extent_kind(store->directory_image) != EXTENT_GROUP_DIRECTORY) {
            return damaged(store, "the list of groups");
        }
        TRY(extent_load(store, store->directory_image, arena, &refs));
    } else if (!bytes_take(entry, (size_t)group_count * sizeof(ExtentRef), &refs)) {
        return damaged(store, "its entry");
    }
    TRY(groups_load(store, refs, (uint32_t)group_count, arena));
    atomic_store(&store->group_count, (uint32_t)group_count);
    atomic_store(&store->next_page, (uint32_t)next_page);
    atomic_store(&store->row_count, row_count);
    atomic_store(&store->heap_bytes, heap_bytes);
    atomic_store(&store->heap_rows, heap_rows);
    for (uint32_t i = 0; i < point_count; i++)
        points_load(store, i, points[i]);
    return OK;
}

Status row_store_load(RowStore *store, Bytes *entry) {
    Arena arena;
    arena_init(&arena, NULL);
    Status status = load(store, entry, &arena);
    arena_deinit(&arena);
    return status;
}

Status row_store_extents(
    RowStore *store, Status (*visit)(void *argument, ExtentRef ref), void *argument) {
    if (!extent_is_none(store->directory_image)) TRY(visit(argument, store->directory_image));
    uint32_t count = atomic_load(&store->group_count);
    for (uint32_t i = 0; i < count; i++) {
        RowGroup *group = group_find(store, i);
        if (group == NULL || extent_is_none(group->image)) continue;
        TRY(visit(argument, group->image));
        for (uint32_t page = 0; page < group->page_count; page++) {
            ExtentRef ref = page_image(group, page);
            if (!extent_is_none(ref)) TRY(visit(argument, ref));
        }
    }
    return OK;
}

uint64_t row_store_dirty_bytes(const RowStore *store) {
    uint64_t pages = 0;
    uint32_t count = atomic_load(&store->group_count);
    for (uint32_t i = 0; i < count; i++) {
        RowGroup *group = group_find((RowStore *)(uintptr_t)store, i);
        if (group == NULL) continue;
        for (uint32_t j = 0; j < group_chunk_count(group); j++) {
            PageChunk *chunk = atomic_load_explicit(&group->chunks[j], memory_order_acquire);
            if (chunk == NULL) continue;
            pages += (uint64_t)__builtin_popcountll(
                atomic_load_explicit(&chunk->changed, memory_order_relaxed));
        }
    }
    return pages * ROW_PAGE_TARGET_BYTES;
}

// ---- Layouts ------------------------------------------------------------------------------------

void row_store_encode_layouts(RowStore *store, Text *out) {
    mutex_lock(&store->structure);
    uint32_t count = 0;
    RowLayout *newest = atomic_load(&store->layouts);
    for (RowLayout *layout = newest; layout != NULL; layout = layout->older)
        count++;
    text_append_varint(out, count);
    for (RowLayout *layout = newest; layout != NULL; layout = layout->older) {
        text_append_varint(out, layout->version);
        text_append_varint(out, layout->column_count);
        for (uint32_t i = 0; i < layout->column_count; i++) {
            text_append_varint(out, layout->columns[i].type);
        }
    }
    mutex_unlock(&store->structure);
}

static Status layout_decode(RowStore *store, Bytes *bytes, RowLayoutColumn *columns,
    RowLayout *current, RowLayout **layout_out) {
    uint64_t version, column_count;
    bool is_good = bytes_take_varint(bytes, &version) && version <= UINT16_MAX
                   && bytes_take_varint(bytes, &column_count) && column_count <= ROW_COLUMNS_MAX;
    if (!is_good) return damaged(store, "a layout");
    for (uint32_t i = 0; i < column_count; i++) {
        uint64_t type;
        if (!bytes_take_varint(bytes, &type) || type > UINT32_MAX) {
            return damaged(store, "a layout");
        }
        columns[i] = (RowLayoutColumn){.type = (Oid)type};
    }
    if (current != NULL && version == current->version) {
        if (column_count != current->column_count) return damaged(store, "its newest layout");
        *layout_out = current;
        return OK;
    }
    return row_layout_create((uint16_t)version, columns, (uint32_t)column_count, layout_out);
}

Status row_store_load_layouts(RowStore *store, RowLayout *current, Bytes *bytes) {
    uint64_t count;
    if (!bytes_take_varint(bytes, &count) || count > UINT16_MAX) {
        row_layout_destroy(current);
        return damaged(store, "its layouts");
    }
    bool has_current = false;
    RowLayoutColumn *columns = calloc(ROW_COLUMNS_MAX, sizeof *columns);
    if (columns == NULL) {
        row_layout_destroy(current);
        return fail(OUT_OF_MEMORY, "out of memory");
    }
    Status status = OK;
    RowLayout *last = NULL;
    for (uint64_t i = 0; i < count && status == OK; i++) {
        RowLayout *layout;
        status = layout_decode(store, bytes, columns, has_current ? NULL : current, &layout);
        if (status != OK) break;
        has_current |= layout == current;
        layout->older = NULL;
        if (last == NULL) {
            atomic_store(&store->layouts, layout);
        } else {
            last->older = layout;
        }
        last = layout;
    }
    free(columns);
    if (!has_current) {
        row_layout_destroy(current);
        return status == OK ? damaged(store, "its newest layout") : status;
    }
    row_store_set_layout(store, current);
    return status;
}
