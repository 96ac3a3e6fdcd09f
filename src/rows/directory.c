// The directory of a row store: groups, pages, layouts, and where the next page goes.
#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "rows/row_store_internal.h"

#include <stdlib.h>

Status row_store_create(RowStoreOptions options, RowStore **store_out) {
    RowStore *store = aligned_alloc(64, (sizeof *store + 63) / 64 * 64);
    if (store == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    memset(store, 0, sizeof *store);
    store->options = options;
    store->cache = options.cache;
    store->epochs = cache_epochs(options.cache);
    mutex_init(&store->structure, LATCH_RANK_GROUP);
    store->point_count = cpu_count() < POINT_COUNT_MAX ? cpu_count() : POINT_COUNT_MAX;
    for (uint32_t i = 0; i < POINT_COUNT_MAX; i++) {
        mutex_init(&store->points[i].mutex, LATCH_RANK_INDEX_LEAF);
    }
    *store_out = store;
    return OK;
}

static void group_destroy(RowStore *store, RowGroup *group, bool must_free) {
    for (uint32_t i = 0; i < (group->page_count + CHUNK_PAGE_COUNT - 1) / CHUNK_PAGE_COUNT; i++) {
        PageChunk *chunk = atomic_load(&group->chunks[i]);
        if (chunk == NULL) continue;
        for (uint32_t j = 0; j < CHUNK_PAGE_COUNT; j++) {
            RowSlot *slot = &chunk->slots[j];
            free(atomic_load(&slot->versions));
            ExtentRef disk = slot->cache.disk;
            if (cache_find(&slot->cache) != NULL) cache_detach(store->cache, &slot->cache);
            if (must_free && !extent_is_none(disk)) store_free(cache_store(store->cache), disk);
        }
        free(chunk);
    }
    if (must_free) store_free(cache_store(store->cache), group->image);
    free(group);
}

static void destroy(RowStore *store, bool must_free) {
    uint32_t count = atomic_load(&store->group_count);
    for (uint32_t i = 0; i < count; i++) {
        RowGroup *group = group_find(store, i);
        if (group != NULL) group_destroy(store, group, must_free);
    }
    if (must_free) store_free(cache_store(store->cache), store->directory_image);
    for (uint32_t i = 0; i < DIRECTORY_ROOT_COUNT; i++)
        free(atomic_load(&store->directory[i]));
    while (store->layouts != NULL) {
        RowLayout *layout = store->layouts;
        store->layouts = layout->older;
        row_layout_destroy(layout);
    }
    for (uint32_t i = 0; i < POINT_COUNT_MAX; i++)
        mutex_deinit(&store->points[i].mutex);
    mutex_deinit(&store->structure);
    free(store);
}

void row_store_destroy(RowStore *store) {
    if (store != NULL) destroy(store, false);
}

void row_store_drop(RowStore *store) {
    if (store != NULL) destroy(store, true);
}

void row_store_add_layout(RowStore *store, RowLayout *layout) {
    mutex_lock(&store->structure);
    layout->older = store->layouts;
    store->layouts = layout;
    mutex_unlock(&store->structure);
    row_store_set_layout(store, layout);
}

void row_store_set_layout(RowStore *store, const RowLayout *layout) {
    atomic_store_explicit(&store->layout, (RowLayout *)(uintptr_t)layout, memory_order_release);
}

const RowLayout *row_store_layout(const RowStore *store) {
    return atomic_load_explicit(&store->layout, memory_order_acquire);
}

uint16_t row_store_next_layout_version(const RowStore *store) {
    return store->layouts == NULL ? 1 : (uint16_t)(store->layouts->version + 1);
}

const RowLayout *layout_find(RowStore *store, uint16_t version) {
    const RowLayout *layout = atomic_load_explicit(&store->layout, memory_order_acquire);
    if (layout->version == version) return layout;
    // A page only has the version of a layout that was added before it was written.
    for (layout = store->layouts; layout != NULL; layout = layout->older) {
        if (layout->version == version) return layout;
    }
    return NULL;
}

// ---- Groups and pages ---------------------------------------------------------------------------

Status group_add(RowStore *store, uint32_t index, uint8_t page_row_bits, RowGroup **group_out) {
    ASSERT(mutex_is_held(&store->structure));
    if (index / DIRECTORY_LEAF_COUNT >= DIRECTORY_ROOT_COUNT) {
        return fail(PROGRAM_LIMIT_EXCEEDED, "the table is full");
    }
    _Atomic(DirectoryLeaf *) *root = &store->directory[index / DIRECTORY_LEAF_COUNT];
    DirectoryLeaf *leaf = atomic_load(root);
    if (leaf == NULL) {
        leaf = calloc(1, sizeof *leaf);
        if (leaf == NULL) return fail(OUT_OF_MEMORY, "out of memory");
        atomic_store_explicit(root, leaf, memory_order_release);
    }
    uint32_t page_count = (uint32_t)GROUP_ROW_COUNT >> page_row_bits;
    uint32_t chunk_count = (page_count + CHUNK_PAGE_COUNT - 1) / CHUNK_PAGE_COUNT;
    RowGroup *group = calloc(1, sizeof *group + sizeof(PageChunk *) * chunk_count);
    if (group == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    group->index = index;
    group->page_row_bits = page_row_bits;
    group->page_count = page_count;
    atomic_store_explicit(&leaf->groups[index % DIRECTORY_LEAF_COUNT], group, memory_order_release);
    if (index >= atomic_load(&store->group_count)) {
        atomic_store_explicit(&store->next_page, 0, memory_order_relaxed);
        atomic_store_explicit(&store->group_count, index + 1, memory_order_release);
    }
    *group_out = group;
    return OK;
}

Status chunk_ensure(RowStore *store, RowGroup *group, uint32_t page, PageChunk **chunk_out) {
    ASSERT(mutex_is_held(&store->structure));
    PageChunk *chunk = group_chunk(group, page);
    if (chunk == NULL) {
        chunk = calloc(1, sizeof *chunk);
        if (chunk == NULL) return fail(OUT_OF_MEMORY, "out of memory");
        atomic_store_explicit(&group->chunks[page / CHUNK_PAGE_COUNT], chunk, memory_order_release);
    }
    *chunk_out = chunk;
    return OK;
}

// What a row's long values have taken so far, or a guess.
static double heap_bytes_per_row(RowStore *store, const RowLayout *layout) {
    uint64_t rows = atomic_load_explicit(&store->heap_rows, memory_order_relaxed);
    if (rows == 0) return 24.0 * layout->view_count;
    return (double)atomic_load_explicit(&store->heap_bytes, memory_order_relaxed) / (double)rows;
}

// What a page's rows are expected to have in its heap.
static size_t expected_heap_bytes(RowStore *store, const RowLayout *layout, uint32_t row_count) {
    size_t expected = (size_t)(heap_bytes_per_row(store, layout) * row_count);
    return expected > ROW_PAGE_TARGET_BYTES ? ROW_PAGE_TARGET_BYTES : expected;
}

uint64_t row_store_bytes(RowStore *store) {
    const RowLayout *layout = row_store_layout(store);
    uint64_t bytes = 0;
    mutex_lock(&store->structure);
    uint32_t group_count = atomic_load(&store->group_count);
    for (uint32_t i = 0; i < group_count; i++) {
        const RowGroup *group = group_find(store, i);
        bool is_last = i + 1 == group_count;
        uint32_t page_count = is_last ? atomic_load(&store->next_page) : group->page_count;
        uint32_t row_count = 1U << group->page_row_bits;
        bytes += (uint64_t)page_count
                 * row_page_bytes(layout, row_count, expected_heap_bytes(store, layout, row_count));
    }
    mutex_unlock(&store->structure);
    return bytes;
}

Status page_create(RowStore *store, RowGroup *group, uint32_t page, uint32_t bytes) {
    const RowLayout *layout = row_store_layout(store);
    CacheFrame *frame;
    TRY(cache_frame_create(store->cache, &row_page_kind, store, sizeof(RowPage) + bytes, &frame));
    row_page_init(page_of(frame), layout, store->options.store, page_first_row(group, page),
        1U << group->page_row_bits, bytes);
    atomic_store(&frame->is_dirty, true);
    PageChunk *chunk = group_chunk(group, page);
    cache_attach(store->cache, &chunk->slots[page % CHUNK_PAGE_COUNT].cache, frame);
    cache_unpin(frame);
    return OK;
}

Status page_claim(RowStore *store, size_t heap_bytes, RowGroup **group_out, uint32_t *page_out) {
    const RowLayout *layout = row_store_layout(store);
    double per_row = heap_bytes_per_row(store, layout);
    mutex_lock(&store->structure);
    Status status = OK;
    uint32_t group_count = atomic_load(&store->group_count);
    RowGroup *group = group_count == 0 ? NULL : group_find(store, group_count - 1);
    uint32_t page = atomic_load(&store->next_page);
    if (group == NULL || page >= group->page_count) {
        double guess = (double)heap_bytes > per_row ? (double)heap_bytes : per_row;
        status = group_add(
            store, group_count, row_page_bits(layout, group_count == 0 ? guess : per_row), &group);
        page = 0;
    }
    PageChunk *chunk;
    if (status == OK) status = chunk_ensure(store, group, page, &chunk);
    // Once taken, a page is not given back: an error later leaves it empty.
    if (status == OK) atomic_store(&store->next_page, page + 1);
    mutex_unlock(&store->structure);
    TRY(status);
    uint32_t row_count = 1U << group->page_row_bits;
    size_t expected = expected_heap_bytes(store, layout, row_count);
    if (expected < heap_bytes) expected = heap_bytes;
    uint32_t bytes = row_page_bytes(layout, row_count, expected);
    if (bytes > ROW_PAGE_BYTES_MAX) {
        return fail(PROGRAM_LIMIT_EXCEEDED, "row is too big: size %zu, maximum size %u",
            heap_bytes + layout->stride, (unsigned)ROW_PAGE_BYTES_MAX);
    }
    TRY(page_create(store, group, page, bytes));
    *group_out = group;
    *page_out = page;
    return OK;
}

RowPosition row_store_end(RowStore *store) {
    mutex_lock(&store->structure);
    uint32_t count = atomic_load(&store->group_count);
    RowPosition end = {.group = count == 0 ? 0 : count - 1, .page = atomic_load(&store->next_page)};
    mutex_unlock(&store->structure);
    return end;
}

uint64_t row_store_row_count(const RowStore *store) {
    return atomic_load_explicit(&store->row_count, memory_order_relaxed);
}
