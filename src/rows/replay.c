// Replay: rows are written as the log says, in one version, by one thread at a time per store.
#include "base/assert.h"
#include "base/error.h"
#include "rows/row_store_internal.h"

static Status page_ensure(RowStore *store, RowId row, size_t heap_bytes, RowPlace *place_out) {
    if (row.value > ROW_ID_MAX) return fail(DATA_CORRUPTED, "row id out of range in the log");
    uint32_t index = row_id_group(row);
    RowGroup *group = group_find(store, index);
    mutex_lock(&store->structure);
    Status status = OK;
    if (group == NULL) {
        const RowLayout *layout = row_store_layout(store);
        status = group_add(store, index, row_page_bits(layout, (double)heap_bytes), &group);
    }
    PageChunk *chunk = NULL;
    if (status == OK) {
        uint32_t page = row_id_low(row) >> group->page_row_bits;
        status = chunk_ensure(store, group, page, &chunk);
        bool is_last = index + 1 == atomic_load(&store->group_count);
        if (is_last && atomic_load(&store->next_page) <= page) {
            atomic_store(&store->next_page, page + 1);
        }
    }
    mutex_unlock(&store->structure);
    TRY(status);
    *place_out = row_place(store, row);
    CacheSlot *slot = &place_out->slot->cache;
    if (cache_find(slot) != NULL || !extent_is_none(slot->disk)) return OK;
    const RowLayout *layout = row_store_layout(store);
    uint32_t bytes = row_page_bytes(layout, 1U << group->page_row_bits, heap_bytes);
    if (bytes > ROW_PAGE_BYTES_MAX) return fail(DATA_CORRUPTED, "row in the log is too big");
    return page_create(store, group, place_out->page, bytes);
}

static size_t heap_bytes_of(const RowLayout *layout, const uint64_t *columns, const Value *values) {
    size_t bytes = 0;
    for (uint32_t i = 0; i < layout->column_count; i++) {
        if (columns != NULL && !column_bit(columns, i)) continue;
        if (layout->columns[i].kind != PHYSICAL_VIEW || values[i].is_null) continue;
        if (values[i].datum.view.count > VIEW_INLINE_MAX) bytes += values[i].datum.view.count;
    }
    return bytes;
}

// An insertion point that was loaded goes on behind what the log put into its page.
static void points_advance(RowStore *store, const RowPlace *place) {
    for (uint32_t i = 0; i < store->point_count; i++) {
        InsertionPoint *point = &store->points[i];
        bool is_here =
            point->has_page && point->group == place->group && point->page == place->page;
        if (!is_here || point->next > place->index) continue;
        point->next = place->index + 1;
        if (point->next == 1U << place->group->page_row_bits) point->has_page = false;
    }
}

Status row_store_replay_put(RowStore *store, RowId row, const Value *values) {
    const RowLayout *layout = row_store_layout(store);
    size_t heap_bytes = heap_bytes_of(layout, NULL, values);
    RowPlace place;
    TRY(page_ensure(store, row, heap_bytes, &place));
    RowPage *page;
    bool exists;
    TRY(page_lock_for_write(store, &place, heap_bytes, &page, &exists));
    ASSERT(exists);
    uint8_t *bytes = page_row(page, place.index);
    for (uint32_t i = 0; i < layout->column_count; i++)
        row_put(page, layout, bytes, i, &values[i]);
    if (!page_is_live(page, place.index)) {
        atomic_fetch_add_explicit(&store->row_count, 1, memory_order_relaxed);
    }
    page_set_live(page, place.index, true);
    page_changed(&place, page);
    page_unlock(store, page);
    points_advance(store, &place);
    return OK;
}

Status row_store_replay_update(
    RowStore *store, RowId row, const uint64_t *columns, const Value *values, bool *found_out) {
    const RowLayout *layout = row_store_layout(store);
    RowPlace place = row_place(store, row);
    *found_out = false;
    if (place.slot == NULL) return OK;
    RowPage *page;
    bool exists;
    TRY(page_lock_for_write(store, &place, heap_bytes_of(layout, columns, values), &page, &exists));
    if (!exists) return OK;
    if (page_is_live(page, place.index)) {
        uint8_t *bytes = page_row(page, place.index);
        for (uint32_t i = 0; i < layout->column_count; i++) {
            if (column_bit(columns, i)) row_put(page, layout, bytes, i, &values[i]);
        }
        page_changed(&place, page);
        *found_out = true;
    }
    page_unlock(store, page);
    return OK;
}

Status row_store_replay_delete(RowStore *store, RowId row) {
    RowPlace place = row_place(store, row);
    if (place.slot == NULL) return OK;
    RowPage *page;
    bool exists;
    TRY(page_lock(store, place.slot, &page, &exists));
    if (!exists) return OK;
    if (page_is_live(page, place.index)) {
        page_set_live(page, place.index, false);
        atomic_fetch_sub_explicit(&store->row_count, 1, memory_order_relaxed);
        page_changed(&place, page);
    }
    page_unlock(store, page);
    return OK;
}
