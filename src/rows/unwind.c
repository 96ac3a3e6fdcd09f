// Putting rows back, and letting old versions go: what table's UndoActions are made of.
//
// Invariants  Versions keep their page in memory, so none of this reads the disk. An UNDO_INSERT
//             ends every chain it is in and may be in many; only its own transaction unlinks it.
#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "rows/row_store_internal.h"

static RowPage *lock_versioned(RowStore *store, RowId row, RowPlace *place_out) {
    *place_out = row_place(store, row);
    ASSERT(place_out->slot != NULL);
    RowPage *page = page_try_lock_resident(store, place_out->slot);
    ASSERT(page != NULL);
    return page;
}

static void values_copy(
    const RowLayout *layout, const uint64_t *columns, Arena *arena, Value *values) {
    for (uint32_t i = 0; i < layout->column_count; i++) {
        if (column_bit(columns, i)) {
            values[i] = value_copy(values[i], layout->columns[i].kind, arena);
        }
    }
}

Status row_store_values_now(RowStore *store, RowId row, const uint64_t *columns, Arena *arena,
    Value *values_out, bool *is_live_out) {
    RowPlace place = row_place(store, row);
    *is_live_out = false;
    if (place.slot == NULL) return OK;
    RowPage *page;
    bool exists;
    TRY(page_lock(store, place.slot, &page, &exists));
    if (!exists) return OK;
    const RowLayout *layout = row_store_layout(store);
    RowVersion version = {.values = values_out};
    version_load(page, layout_find(store, page_header(page)->layout_version), layout, place.index,
        columns, &version);
    if (version.is_live) values_copy(layout, columns, arena, values_out);
    page_unlock(store, page);
    *is_live_out = version.is_live;
    return OK;
}

bool row_store_values_before(
    RowStore *store, UndoRecord *record, const uint64_t *columns, Arena *arena, Value *values_out) {
    RowPlace place;
    RowPage *page = lock_versioned(store, record->row, &place);
    const RowLayout *layout = row_store_layout(store);
    RowVersion version = {.values = values_out};
    version_load(page, layout_find(store, page_header(page)->layout_version), layout, place.index,
        columns, &version);
    const UndoRecord *at = versions_head(place.slot, place.index);
    for (;; at = atomic_load_explicit(&at->older, memory_order_acquire)) {
        ASSERT(at != NULL);
        version_undo(at, columns, &version);
        if (at == record) break;
    }
    if (version.is_live) values_copy(layout, columns, arena, values_out);
    page_unlock(store, page);
    return version.is_live;
}

// ---- Rollback -----------------------------------------------------------------------------------

static size_t restore_heap_bytes(const UndoRecord *record) {
    size_t bytes = 0;
    BeforeItem item;
    uint32_t offset = 0;
    while (before_item_take(record, &offset, &item)) {
        if (item.kind != PHYSICAL_VIEW || item.value.is_null) continue;
        if (item.value.datum.view.count > VIEW_INLINE_MAX) bytes += item.value.datum.view.count;
    }
    return bytes;
}

static void restore_update(
    RowPage *page, const RowLayout *layout, uint32_t index, const UndoRecord *record) {
    uint8_t *row = page_row(page, index);
    BeforeItem item;
    uint32_t offset = 0;
    while (before_item_take(record, &offset, &item)) {
        if (item.column < layout->column_count) {
            row_put(page, layout, row, item.column, &item.value);
        }
    }
}

void row_store_restore(RowStore *store, UndoRecord *record, RowId row) {
    if (record->kind == UNDO_LOCK) return;
    RowPlace place = row_place(store, row);
    ASSERT(place.slot != NULL);
    RowPage *page;
    bool exists;
    Status status;
    // Long values that are put back need room again; a page that has none is built anew, and that
    // may have to wait for memory.
    while ((status = page_lock_for_write(store, &place, restore_heap_bytes(record), &page, &exists))
           != OK) {
        LOG_WARNING("rollback waits for memory: %s", error_get()->message);
        error_clear();
        thread_yield();
    }
    ASSERT(exists);
    switch ((UndoKind)record->kind) {
    case UNDO_INSERT:
        page_set_live(page, place.index, false);
        atomic_fetch_sub_explicit(&store->row_count, 1, memory_order_relaxed);
        break;
    case UNDO_DELETE:
        page_set_live(page, place.index, true);
        atomic_fetch_add_explicit(&store->row_count, 1, memory_order_relaxed);
        break;
    case UNDO_UPDATE:
        restore_update(page, row_store_layout(store), place.index, record);
        break;
    case UNDO_LOCK:
        break;
    }
    page_changed(&place, page);
    page_unlock(store, page);
}

void row_store_unlink_restored(RowStore *store, UndoRecord *record, RowId row, bool is_last) {
    RowPlace place;
    RowPage *page = lock_versioned(store, row, &place);
    ASSERT(versions_head(place.slot, place.index) == record);
    UndoRecord *older = atomic_load_explicit(&record->older, memory_order_acquire);
    versions_set(store, place.slot, place.index, older);
    page_unlock(store, page);
    if (is_last) undo_unlinked(record);
}

// ---- Collection ---------------------------------------------------------------------------------

// Takes the record out of the chain of one row, with everything behind it.
static void chain_cut(RowStore *store, RowSlot *slot, uint32_t index, UndoRecord *record) {
    UndoRecord *head = versions_head(slot, index);
    if (head == record) {
        versions_set(store, slot, index, NULL);
        return;
    }
    while (head != NULL) {
        UndoRecord *older = atomic_load_explicit(&head->older, memory_order_acquire);
        if (older == record) {
            atomic_store_explicit(&head->older, NULL, memory_order_release);
            return;
        }
        head = older;
    }
}

static void purge_insert(RowStore *store, UndoRecord *record) {
    RowPlace place = row_place(store, record->row);
    ASSERT(place.slot != NULL);
    // Without versions the page may have left memory: then newer collections cut it from all.
    RowPage *page = page_try_lock_resident(store, place.slot);
    if (page != NULL) {
        for (uint32_t i = 0; i < record->row_count; i++) {
            chain_cut(store, place.slot, place.index + i, record);
        }
        page_unlock(store, page);
    }
    undo_unlinked(record);
}

bool row_store_purge_begin(RowStore *store, UndoRecord *record) {
    if (record->kind == UNDO_INSERT) {
        purge_insert(store, record);
        return false;
    }
    // There is one collector at a time, so a dead record has been unlinked too.
    if ((atomic_load(&record->flags) & UNDO_IS_DEAD) != 0) return false;
    RowPlace place;
    RowPage *page = lock_versioned(store, record->row, &place);
    for (UndoRecord *at = record; at != NULL;) {
        atomic_fetch_or(&at->flags, UNDO_IS_DEAD);
        UndoRecord *older = atomic_load_explicit(&at->older, memory_order_acquire);
        // The insert is let go at once: it has nothing to remove, and may end other chains.
        if (older != NULL && older->kind == UNDO_INSERT) {
            atomic_store_explicit(&at->older, NULL, memory_order_release);
            older = NULL;
        }
        at = older;
    }
    page_unlock(store, page);
    return true;
}

UndoRecord *row_store_purge_next(UndoRecord *record) {
    return atomic_load_explicit(&record->older, memory_order_acquire);
}

void row_store_purge_end(RowStore *store, UndoRecord *record) {
    RowPlace place;
    RowPage *page = lock_versioned(store, record->row, &place);
    chain_cut(store, place.slot, place.index, record);
    if (record->kind == UNDO_DELETE) {
        const RowLayout *layout = layout_find(store, page_header(page)->layout_version);
        page_header(page)->heap_dead +=
            (uint32_t)row_heap_bytes(layout, page_row(page, place.index));
        // The next image lets a page go whose last row this was.
        if (!page_has_live(page)) page_changed(&place, page);
    }
    page_unlock(store, page);
    while (record != NULL) {
        UndoRecord *older = atomic_load_explicit(&record->older, memory_order_acquire);
        undo_unlinked(record);
        record = older;
    }
}
