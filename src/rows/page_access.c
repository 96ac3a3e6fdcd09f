// Getting at a page: latched, in memory, in the right layout, with enough room.
#include "base/assert.h"
#include "base/error.h"
#include "rows/row_store_internal.h"

static bool can_evict(const CacheFrame *frame) {
    const RowSlot *slot = (const RowSlot *)(const void *)frame->slot;
    return atomic_load_explicit(&slot->versions, memory_order_acquire) == NULL;
}

// Rows that were never used are not stored: the heap, if any, ends the page.
static Status encode(const CacheFrame *frame, Text *bytes_out) {
    const RowPage *page = (const RowPage *)(const void *)frame;
    const RowPageHeader *header = (const RowPageHeader *)(const void *)page->bytes;
    text_append(bytes_out, page->bytes, header->heap_end);
    return OK;
}

static Status decode(void *owner, Bytes bytes, CacheFrame **frame_out) {
    RowStore *store = owner;
    RowPageHeader header;
    if (bytes.count < sizeof header) {
        return fail(
            DATA_CORRUPTED, "row page of store %u is too short", store->options.store.value);
    }
    memcpy(&header, bytes.data, sizeof header);
    RowGroup *group = header.first_row > ROW_ID_MAX
                          ? NULL
                          : group_find(store, row_id_group((RowId){header.first_row}));
    if (group == NULL) {
        return fail(
            DATA_CORRUPTED, "row page of store %u belongs to no group", store->options.store.value);
    }
    TRY(row_page_check(bytes, layout_find(store, header.layout_version), store->options.store,
        (RowId){header.first_row}, 1U << group->page_row_bits));
    CacheFrame *frame;
    TRY(cache_frame_create(
        store->cache, &row_page_kind, store, sizeof(RowPage) + header.bytes, &frame));
    memcpy(page_of(frame)->bytes, bytes.data, header.heap_end);
    *frame_out = frame;
    return OK;
}

const ObjectKind row_page_kind = {.name = "row page",
    .extent = EXTENT_PAGE,
    .can_evict = can_evict,
    .encode = encode,
    .decode = decode,
    .rank = LATCH_RANK_PAGE};

Status page_lock(RowStore *store, RowSlot *slot, RowPage **page_out, bool *exists_out) {
    for (;;) {
        epoch_enter(store->epochs);
        CacheFrame *frame = cache_find(&slot->cache);
        if (frame != NULL && latch_lock(&frame->latch, LATCH_RANK_PAGE)) {
            *page_out = page_of(frame);
            *exists_out = true;
            return OK;
        }
        epoch_leave(store->epochs);
        if (frame != NULL) continue; // replaced or evicted meanwhile
        if (extent_is_none(slot->cache.disk)) {
            // Attached or evicted between the two looks, or never there.
            if (cache_find(&slot->cache) != NULL) continue;
            if (!extent_is_none(slot->cache.disk)) continue;
            *exists_out = false;
            return OK;
        }
        TRY(cache_load(store->cache, &slot->cache, &row_page_kind, store, &frame));
        cache_unpin(frame);
    }
}

RowPage *page_try_lock_resident(RowStore *store, RowSlot *slot) {
    for (;;) {
        epoch_enter(store->epochs);
        CacheFrame *frame = cache_find(&slot->cache);
        if (frame == NULL) {
            epoch_leave(store->epochs);
            return NULL;
        }
        if (latch_lock(&frame->latch, LATCH_RANK_PAGE)) return page_of(frame);
        epoch_leave(store->epochs);
    }
}

void page_unlock(RowStore *store, RowPage *page) {
    latch_unlock(&page->frame.latch, LATCH_RANK_PAGE);
    epoch_leave(store->epochs);
}

void page_changed(const RowPlace *place, RowPage *page) {
    atomic_store_explicit(&page->frame.is_dirty, true, memory_order_relaxed);
    uint64_t bit = UINT64_C(1) << (place->page % CHUNK_PAGE_COUNT);
    if ((atomic_load_explicit(&place->chunk->changed, memory_order_relaxed) & bit) == 0) {
        atomic_fetch_or(&place->chunk->changed, bit);
    }
}

// The rows whose bytes somebody may still need: live ones, and deleted ones with versions.
static void rows_kept(RowSlot *slot, RowPage *page, uint64_t *kept) {
    uint32_t row_count = page_header(page)->row_count;
    for (uint32_t i = 0; i < (row_count + 63) / 64; i++)
        kept[i] = page_header(page)->live[i];
    if (slot_versions(slot) == NULL) return;
    for (uint32_t i = 0; i < row_count; i++) {
        if (versions_head(slot, i) != NULL) kept[i / 64] |= UINT64_C(1) << (i % 64);
    }
}

static size_t heap_bytes_kept(RowStore *store, RowPage *page, const uint64_t *kept) {
    const RowPageHeader *header = page_header(page);
    const RowLayout *layout = row_store_layout(store);
    const RowLayout *page_layout = layout_find(store, header->layout_version);
    size_t missing_bytes = 0;
    for (uint32_t i = page_layout->column_count; i < layout->column_count; i++) {
        const RowColumn *column = &layout->columns[i];
        if (column->has_missing && column->kind == PHYSICAL_VIEW) {
            missing_bytes += column->missing.datum.view.count;
        }
    }
    size_t bytes = 0;
    for (uint32_t i = 0; i < header->row_count; i++) {
        if (!column_bit(kept, i)) continue;
        bytes += row_heap_bytes(page_layout, page_row(page, i)) + missing_bytes;
    }
    return bytes;
}

bool page_is_ready(RowStore *store, RowPage *page, size_t heap_bytes) {
    return page_header(page)->layout_version == row_store_layout(store)->version
           && page_heap_room(page) >= heap_bytes;
}

// Puts a larger page in the place of one, latched by the caller, if it is still what it was
// measured to be.
static Status page_rebuild(
    RowStore *store, const RowPlace *place, RowPage *page, size_t heap_bytes) {
    uint64_t kept[ROW_PAGE_ROWS_MAX / 64];
    uint32_t row_count = page_header(page)->row_count;
    rows_kept(place->slot, page, kept);
    size_t needed = heap_bytes_kept(store, page, kept) + heap_bytes;
    page_unlock(store, page);

    const RowLayout *layout = row_store_layout(store);
    uint32_t bytes = row_page_bytes(layout, row_count, needed + needed / 4);
    if (bytes > ROW_PAGE_BYTES_MAX) {
        bytes = row_page_bytes(layout, row_count, needed);
        if (bytes > ROW_PAGE_BYTES_MAX) {
            return fail(PROGRAM_LIMIT_EXCEEDED, "row is too big: size %zu, maximum size %u", needed,
                (unsigned)ROW_PAGE_BYTES_MAX);
        }
    }
    CacheFrame *frame;
    TRY(cache_frame_create(store->cache, &row_page_kind, store, sizeof(RowPage) + bytes, &frame));
    RowPage *fresh = page_of(frame);
    row_page_init(fresh, layout, store->options.store, page_first_row(place->group, place->page),
        row_count, bytes);
    page = page_try_lock_resident(store, place->slot);
    bool is_wanted = page != NULL && !page_is_ready(store, page, heap_bytes);
    if (is_wanted) {
        rows_kept(place->slot, page, kept);
        is_wanted = heap_bytes_kept(store, page, kept) + heap_bytes <= page_heap_room(fresh)
                    && layout == row_store_layout(store);
    }
    if (!is_wanted) {
        if (page != NULL) page_unlock(store, page);
        cache_frame_destroy(frame);
        return OK;
    }
    row_page_copy(fresh, layout, page, layout_find(store, page_header(page)->layout_version), kept);
    // Its extent is freed when it is evicted, so the next root must not go on naming that, also
    // when the write that the room was made for never comes.
    page_changed(place, fresh);
    cache_replace(store->cache, &place->slot->cache, &page->frame, frame);
    epoch_leave(store->epochs);
    cache_unpin(frame);
    return OK;
}

Status page_lock_for_write(RowStore *store, const RowPlace *place, size_t heap_bytes,
    RowPage **page_out, bool *exists_out) {
    for (;;) {
        TRY(page_lock(store, place->slot, page_out, exists_out));
        if (!*exists_out || page_is_ready(store, *page_out, heap_bytes)) return OK;
        // Pinned: or the room for a larger page could be made by evicting this one, in vain and for
        // ever when nothing else can go.
        CacheFrame *frame = &(*page_out)->frame;
        bool is_pinned = cache_pin(frame);
        ASSERT(is_pinned); // nothing leaves its slot while it is latched
        Status status = page_rebuild(store, place, *page_out, heap_bytes);
        cache_unpin(frame);
        TRY(status);
    }
}
