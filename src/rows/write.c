// Insert, update, delete, lock: newest version in place, a row at a time; inserts also a batch.
#include "base/assert.h"
#include "base/error.h"
#include "rows/row_store_internal.h"

static size_t values_heap_bytes(
    const RowLayout *layout, const Value *values, const uint64_t *columns) {
    size_t bytes = 0;
    if (layout->view_count == 0) return 0;
    for (uint32_t i = 0; i < layout->column_count; i++) {
        if (columns != NULL && !column_bit(columns, i)) continue;
        if (layout->columns[i].kind != PHYSICAL_VIEW || values[i].is_null) continue;
        uint32_t count = values[i].datum.view.count;
        if (count > VIEW_INLINE_MAX) bytes += count;
    }
    return bytes;
}

// ---- Insert -------------------------------------------------------------------------------------

static void rows_link_insert(
    RowStore *store, Txn *txn, const RowPlace *place, RowId row, uint32_t count) {
    UndoRecord *record = undo_find_extensible(txn, store->options.owner, row);
    // A record covers rows of one page only, so that one latch covers what it does.
    bool is_same_page =
        record != NULL && place->index > 0 && record->row.value >= row.value - place->index;
    if (is_same_page) {
        record->row_count = (uint16_t)(record->row_count + count);
    } else {
        record = undo_add(txn, store->options.owner, UNDO_INSERT, row, 0);
        record->row_count = (uint16_t)count;
    }
    for (uint32_t i = 0; i < count; i++)
        versions_set(store, place->slot, place->index + i, record);
}

static RowPlace point_place(const InsertionPoint *point) {
    RowPlace place = {.group = point->group,
        .chunk = group_chunk(point->group, point->page),
        .page = point->page,
        .index = point->next};
    place.slot = &place.chunk->slots[point->page % CHUNK_PAGE_COUNT];
    return place;
}

static Status point_claim_page(RowStore *store, InsertionPoint *point, size_t heap_bytes) {
    TRY(page_claim(store, heap_bytes, &point->group, &point->page));
    point->next = 0;
    point->has_page = true;
    return OK;
}

// Writes the row into the point's page; false when that page takes no more.
static Status point_insert(RowStore *store, Txn *txn, InsertionPoint *point, const Value *values,
    size_t heap_bytes, RowId *row_out, bool *is_full_out) {
    RowPlace place = point_place(point);
    RowPage *page;
    bool exists;
    *is_full_out = false;
    TRY(page_lock(store, place.slot, &page, &exists));
    ASSERT(exists);
    if (!page_is_ready(store, page, heap_bytes)) {
        // Row ids are no scarce good: a page that long values have filled gets no more rows.
        *is_full_out = page_heap_room(page) < heap_bytes
                       && page_header(page)->bytes >= ROW_PAGE_INSERT_BYTES_MAX;
        page_unlock(store, page);
        if (*is_full_out) return OK;
        TRY(page_lock_for_write(store, &place, heap_bytes, &page, &exists));
        ASSERT(exists);
    }
    uint32_t row_count = page_header(page)->row_count;
    Status status = versions_reserve(store, place.slot, place.index, 1, row_count);
    if (status != OK) {
        page_unlock(store, page);
        return status;
    }
    const RowLayout *layout = row_store_layout(store);
    uint8_t *row = page_row(page, place.index);
    for (uint32_t i = 0; i < layout->column_count; i++)
        row_put(page, layout, row, i, &values[i]);
    RowId id = {page_first_row(place.group, place.page).value + place.index};
    rows_link_insert(store, txn, &place, id, 1);
    page_set_live(page, place.index, true);
    page_changed(&place, page);
    page_unlock(store, page);
    point->next++;
    if (point->next == row_count) point->has_page = false;
    *row_out = id;
    return OK;
}

Status row_store_insert(RowStore *store, Txn *txn, const Value *values, RowId *row_out) {
    const RowLayout *layout = row_store_layout(store);
    size_t heap_bytes = values_heap_bytes(layout, values, NULL);
    InsertionPoint *point = &store->points[txn_slot(txn) % store->point_count];
    TRY(undo_reserve(txn, 0)); // before the point is taken: it may wait
    mutex_lock(&point->mutex);
    Status status = OK;
    bool is_done = false;
    while (status == OK && !is_done) {
        if (!point->has_page) {
            status = point_claim_page(store, point, heap_bytes);
            if (status != OK) break;
        }
        bool is_full;
        status = point_insert(store, txn, point, values, heap_bytes, row_out, &is_full);
        if (is_full) point->has_page = false;
        is_done = !is_full;
    }
    mutex_unlock(&point->mutex);
    TRY(status);
    atomic_fetch_add_explicit(&store->row_count, 1, memory_order_relaxed);
    if (layout->view_count > 0) {
        atomic_fetch_add_explicit(&store->heap_bytes, heap_bytes, memory_order_relaxed);
        atomic_fetch_add_explicit(&store->heap_rows, 1, memory_order_relaxed);
    }
    return OK;
}

// ---- Insert of many -----------------------------------------------------------------------------

typedef struct BatchInsert {
    RowStore *store;
    Txn *txn;
    const RowLayout *layout;
    const Batch *batch;
    Selection rows;
    uint32_t *heap_bytes; // one a selected row; NULL when no column has a heap
} BatchInsert;

// Adds up each row's long views; returns what all of them take.
static uint64_t heap_bytes_measure(BatchInsert *insert) {
    uint64_t total = 0;
    memset(insert->heap_bytes, 0, insert->rows.count * sizeof *insert->heap_bytes);
    for (uint32_t i = 0; i < insert->layout->column_count; i++) {
        const Column *column = &insert->batch->columns[i];
        if (column->kind != PHYSICAL_VIEW) continue;
        const View *views = column->values;
        for (uint32_t j = 0; j < insert->rows.count; j++) {
            uint32_t row = selection_row(insert->rows, j);
            uint32_t count = views[column->is_constant ? 0 : row].count;
            if (count <= VIEW_INLINE_MAX || column_is_null(column, row)) continue;
            insert->heap_bytes[j] += count;
            total += count;
        }
    }
    return total;
}

// How many rows from `first` on the point's page takes, and their heap bytes. 0: it is full.
static uint32_t page_rows_that_fit(
    const BatchInsert *insert, RowPage *page, uint32_t index, uint32_t first, size_t *bytes_out) {
    const RowPageHeader *header = page_header(page);
    uint32_t count = header->row_count - index, left = insert->rows.count - first;
    if (count > left) count = left;
    *bytes_out = 0;
    if (insert->heap_bytes == NULL) return count;
    uint32_t limit =
        header->bytes > ROW_PAGE_INSERT_BYTES_MAX ? header->bytes : ROW_PAGE_INSERT_BYTES_MAX;
    size_t room = limit - header->heap_end, bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t more = insert->heap_bytes[first + i];
        // A page that is not full takes one row, however long.
        bool fits = bytes + more <= room || (i == 0 && header->bytes < ROW_PAGE_INSERT_BYTES_MAX);
        if (!fits) return i;
        bytes += more;
        *bytes_out = bytes;
    }
    return count;
}

// Where the values of one column go: into `count` rows that lie `stride` apart.
typedef struct ColumnTarget {
    RowPage *page;
    uint8_t *row;
    size_t stride;
    uint32_t null_offset; // of the column's byte
    uint8_t null_bit;
    uint32_t offset;
} ColumnTarget;

// Inlined for each width, so that a value is copied by one instruction.
[[gnu::always_inline]] static inline void put_fixed(ColumnTarget target, const Column *from,
    Selection rows, uint32_t first, uint32_t count, size_t width) {
    uint8_t *to = target.row + target.offset;
    for (uint32_t i = 0; i < count; i++, to += target.stride) {
        uint32_t row = from->is_constant ? 0 : selection_row(rows, first + i);
        if (from->nulls != NULL && column_is_null(from, row)) {
            target.row[i * target.stride + target.null_offset] |= target.null_bit;
            memset(to, 0, width);
            continue;
        }
        memcpy(to, (const uint8_t *)from->values + row * width, width);
    }
}

static void put_views(
    ColumnTarget target, const Column *from, Selection rows, uint32_t first, uint32_t count) {
    put_fixed(target, from, rows, first, count, sizeof(View));
    RowPageHeader *header = page_header(target.page);
    uint8_t *to = target.row + target.offset;
    for (uint32_t i = 0; i < count; i++, to += target.stride) {
        View view;
        memcpy(&view, to, sizeof view);
        if (view.count <= VIEW_INLINE_MAX) continue;
        ASSERT(page_heap_room(target.page) >= view.count);
        memcpy(target.page->bytes + header->heap_end, view_data(&view), view.count);
        view.rest = header->heap_end;
        header->heap_end += view.count;
        memcpy(to, &view, sizeof view);
    }
}

// Column by column: one decision about a column's kind serves a page.
static void page_put_rows(
    const BatchInsert *insert, RowPage *page, uint32_t index, uint32_t first, uint32_t count) {
    const RowLayout *layout = insert->layout;
    ColumnTarget target = {
        .page = page, .row = page_row(page, index), .stride = page_header(page)->stride};
    uint32_t null_bytes = (layout->column_count + 7) / 8;
    for (uint32_t i = 0; i < count; i++)
        memset(target.row + i * target.stride + layout->null_offset, 0, null_bytes);
    for (uint32_t i = 0; i < layout->column_count; i++) {
        const Column *from = &insert->batch->columns[i];
        const RowColumn *column = &layout->columns[i];
        ASSERT(from->kind == column->kind);
        target.offset = column->offset;
        target.null_offset = layout->null_offset + i / 8;
        target.null_bit = (uint8_t)(1U << (i % 8));
        if (column->kind == PHYSICAL_VIEW) {
            put_views(target, from, insert->rows, first, count);
        } else if (column->width == 8) {
            put_fixed(target, from, insert->rows, first, count, 8);
        } else if (column->width == 4) {
            put_fixed(target, from, insert->rows, first, count, 4);
        } else {
            put_fixed(target, from, insert->rows, first, count, column->width);
        }
    }
    for (uint32_t i = 0; i < count; i++)
        page_set_live(page, index + i, true);
}

// Writes as many of the rows from `first` on as the point's page takes.
static Status point_insert_rows(BatchInsert *insert, InsertionPoint *point, uint32_t first,
    RowId *id_out, uint32_t *count_out) {
    RowStore *store = insert->store;
    RowPlace place = point_place(point);
    RowPage *page;
    bool exists;
    TRY(page_lock(store, place.slot, &page, &exists));
    ASSERT(exists);
    size_t heap_bytes;
    uint32_t count = page_rows_that_fit(insert, page, place.index, first, &heap_bytes);
    *count_out = count;
    if (count == 0 || !page_is_ready(store, page, heap_bytes)) {
        page_unlock(store, page);
        if (count == 0) return OK;
        TRY(page_lock_for_write(store, &place, heap_bytes, &page, &exists));
        ASSERT(exists);
    }
    uint32_t row_count = page_header(page)->row_count;
    Status status = versions_reserve(store, place.slot, place.index, count, row_count);
    if (status != OK) {
        page_unlock(store, page);
        return status;
    }
    page_put_rows(insert, page, place.index, first, count);
    *id_out = (RowId){page_first_row(place.group, place.page).value + place.index};
    rows_link_insert(store, insert->txn, &place, *id_out, count);
    page_changed(&place, page);
    page_unlock(store, page);
    point->next += count;
    if (point->next == row_count) point->has_page = false;
    atomic_fetch_add_explicit(&store->row_count, count, memory_order_relaxed);
    return OK;
}

Status row_store_insert_batch(
    RowStore *store, Txn *txn, const Batch *batch, RowId *rows_out, uint32_t *count_out) {
    uint32_t heap_bytes[BATCH_ROW_COUNT];
    BatchInsert insert = {.store = store,
        .txn = txn,
        .layout = row_store_layout(store),
        .batch = batch,
        .rows = batch_selection(batch)};
    ASSERT(batch->column_count == insert.layout->column_count);
    if (insert.layout->view_count > 0) {
        insert.heap_bytes = heap_bytes;
        // Counted before the rows are written: the first page is made for rows like these.
        atomic_fetch_add_explicit(
            &store->heap_bytes, heap_bytes_measure(&insert), memory_order_relaxed);
        atomic_fetch_add_explicit(&store->heap_rows, insert.rows.count, memory_order_relaxed);
    }
    InsertionPoint *point = &store->points[txn_slot(txn) % store->point_count];
    Status status = OK;
    uint32_t first = 0;
    while (first < insert.rows.count && status == OK) {
        RowId id;
        uint32_t count = 0;
        status = undo_reserve(txn, 0); // before the point is taken: it may wait
        if (status != OK) break;
        mutex_lock(&point->mutex);
        if (!point->has_page) {
            status =
                point_claim_page(store, point, insert.heap_bytes == NULL ? 0 : heap_bytes[first]);
        }
        if (status == OK) status = point_insert_rows(&insert, point, first, &id, &count);
        if (status == OK && count == 0) point->has_page = false;
        mutex_unlock(&point->mutex);
        for (uint32_t i = 0; i < count && status == OK; i++)
            rows_out[first + i] = (RowId){id.value + i};
        if (status == OK) first += count;
    }
    *count_out = first;
    return status;
}

// ---- Conflicts ----------------------------------------------------------------------------------

typedef enum Verdict {
    VERDICT_FREE,    // nobody is in the way
    VERDICT_WAIT,    // somebody is changing it
    VERDICT_CHANGED, // somebody has, since the snapshot
    VERDICT_GONE,
    VERDICT_OWN,
} Verdict;

static const UndoRecord *first_change(const UndoRecord *record) {
    while (record != NULL && record->kind == UNDO_LOCK) {
        record = atomic_load_explicit(&record->older, memory_order_acquire);
    }
    return record;
}

// Under the page's latch: what stands between the transaction and the row.
static Verdict judge(RowSlot *slot, RowPage *page, uint32_t index, const TxnHistory *own,
    Snapshot seen, const UndoRecord **blocker_out) {
    const UndoRecord *head = versions_head(slot, index);
    bool is_live = page_is_live(page, index);
    if (head == NULL) return is_live ? VERDICT_FREE : VERDICT_GONE;
    const UndoRecord *change = first_change(head);
    if (undo_is_own(head, own)) {
        // Own lock or own change: nobody else can have come between.
        if (change != NULL && undo_is_own(change, own) && change->command >= seen.command) {
            return VERDICT_OWN;
        }
        return is_live ? VERDICT_FREE : VERDICT_GONE;
    }
    if (!undo_is_committed(head)) {
        // A lock of a transaction that has committed nothing yet, or a change of one.
        bool is_lock_of_committing =
            head->kind == UNDO_LOCK
            && atomic_load_explicit(&head->history->commit, memory_order_acquire) != 0;
        if (!is_lock_of_committing || (change != NULL && !undo_is_committed(change))) {
            *blocker_out = head;
            return VERDICT_WAIT;
        }
    }
    if (change != NULL) {
        uint64_t commit = atomic_load_explicit(&change->history->commit, memory_order_acquire);
        if (commit > seen.lsn.value) return is_live ? VERDICT_CHANGED : VERDICT_GONE;
    }
    return is_live ? VERDICT_FREE : VERDICT_GONE;
}

// Judged under the latch; the latch is held on return when the verdict is FREE or CHANGED.
typedef struct WriteAccess {
    RowPlace place;
    RowPage *page;
    Verdict verdict;
} WriteAccess;

static Status refuse_serialization(Verdict verdict) {
    return fail(SERIALIZATION_FAILURE, "could not serialize access due to concurrent %s",
        verdict == VERDICT_GONE ? "delete" : "update");
}

// Whether the row was gone for the snapshot already, or has gone since.
static bool has_gone_since(RowSlot *slot, uint32_t index, Snapshot seen) {
    const UndoRecord *change = first_change(versions_head(slot, index));
    if (change == NULL) return false;
    uint64_t commit = atomic_load_explicit(&change->history->commit, memory_order_acquire);
    return commit > seen.lsn.value;
}

static Status write_begin(RowStore *store, Txn *txn, RowId row, Snapshot seen, size_t heap_bytes,
    size_t before_bytes, WaitPolicy policy, WriteAccess *access, RowOutcome *outcome_out) {
    for (;;) {
        TRY(undo_reserve(txn, before_bytes));
        access->place = row_place(store, row);
        bool exists = access->place.slot != NULL;
        if (exists) {
            TRY(page_lock_for_write(store, &access->place, heap_bytes, &access->page, &exists));
        }
        if (!exists) {
            *outcome_out = ROW_GONE;
            access->verdict = VERDICT_GONE;
            return OK;
        }
        RowSlot *slot = access->place.slot;
        uint32_t index = access->place.index;
        const UndoRecord *blocker = NULL;
        Verdict verdict = judge(slot, access->page, index, txn_history(txn), seen, &blocker);
        access->verdict = verdict;
        if (verdict == VERDICT_FREE || verdict == VERDICT_CHANGED) {
            Status status =
                versions_reserve(store, slot, index, 1, page_header(access->page)->row_count);
            if (status == OK && verdict == VERDICT_CHANGED
                && txn_isolation(txn) != ISOLATION_READ_COMMITTED) {
                status = refuse_serialization(verdict);
            }
            if (status != OK) page_unlock(store, access->page);
            return status;
        }
        if (verdict == VERDICT_OWN || verdict == VERDICT_GONE) {
            bool is_conflict = verdict == VERDICT_GONE && has_gone_since(slot, index, seen)
                               && txn_isolation(txn) != ISOLATION_READ_COMMITTED;
            page_unlock(store, access->page);
            if (is_conflict) return refuse_serialization(verdict);
            *outcome_out = verdict == VERDICT_OWN ? ROW_OWN : ROW_GONE;
            return OK;
        }
        TxnHistory *history = blocker->history;
        TxnId id = {atomic_load_explicit(&history->id, memory_order_relaxed)};
        page_unlock(store, access->page);
        bool is_skipped;
        TRY(txn_wait_for(txn, history, id, policy, &is_skipped));
        if (is_skipped) {
            *outcome_out = ROW_SKIPPED;
            return OK;
        }
    }
}

static UndoRecord *record_link(
    RowStore *store, Txn *txn, const WriteAccess *access, RowId row, UndoKind kind, size_t bytes) {
    UndoRecord *record = undo_add(txn, store->options.owner, kind, row, bytes);
    UndoRecord *head = versions_head(access->place.slot, access->place.index);
    atomic_store_explicit(&record->older, head, memory_order_release);
    versions_set(store, access->place.slot, access->place.index, record);
    return record;
}

// The row's lock, so that what the caller is about to check again stays as it is.
static void lock_changed(
    RowStore *store, Txn *txn, WriteAccess *access, RowId row, RowOutcome *outcome_out) {
    (void)record_link(store, txn, access, row, UNDO_LOCK, 0);
    page_unlock(store, access->page);
    *outcome_out = ROW_CHANGED;
}

static bool is_ready_to_write(const WriteAccess *access) {
    return access->verdict == VERDICT_FREE || access->verdict == VERDICT_CHANGED;
}

// ---- Update -------------------------------------------------------------------------------------

static bool values_equal(const RowColumn *column, const Value *a, const Value *b) {
    if (a->is_null || b->is_null) return a->is_null == b->is_null;
    if (column->kind == PHYSICAL_VIEW) return view_equal(&a->datum.view, &b->datum.view);
    return memcmp(&a->datum, &b->datum, column->width) == 0;
}

// Bytes of the before-image: the columns that really change.
static size_t before_bytes(
    const RowLayout *layout, RowPage *page, const uint8_t *row, const RowChange *change) {
    size_t bytes = 0;
    for (uint32_t i = 0; i < layout->column_count; i++) {
        if (!column_bit(change->columns, i)) continue;
        Value old = row_get(page, layout, row, i);
        if (values_equal(&layout->columns[i], &old, &change->values[i])) continue;
        bytes += before_item_bytes(&layout->columns[i], &old);
    }
    return bytes;
}

static void update_apply(RowStore *store, Txn *txn, const WriteAccess *access, RowId id,
    size_t bytes, const RowChange *change, bool *keys_changed_out) {
    const RowLayout *layout = row_store_layout(store);
    RowPage *page = access->page;
    uint8_t *row = page_row(page, access->place.index);
    UndoRecord *record = record_link(store, txn, access, id, UNDO_UPDATE, bytes);
    uint8_t *before = record->before;
    bool has_key = false;
    for (uint32_t i = 0; i < layout->column_count; i++) {
        if (!column_bit(change->columns, i)) continue;
        const RowColumn *column = &layout->columns[i];
        Value old = row_get(page, layout, row, i);
        if (values_equal(column, &old, &change->values[i])) continue;
        before = before_item_put(before, i, column, &old);
        if (column->kind == PHYSICAL_VIEW && !old.is_null
            && old.datum.view.count > VIEW_INLINE_MAX) {
            page_header(page)->heap_dead += old.datum.view.count;
        }
        row_put(page, layout, row, i, &change->values[i]);
        has_key |= column_bit(change->key_columns, i);
    }
    ASSERT(before == record->before + bytes);
    if (has_key) atomic_fetch_or(&record->flags, UNDO_TOUCHES_KEYS);
    *keys_changed_out = has_key;
    page_changed(&access->place, page);
}

Status row_store_update(RowStore *store, Txn *txn, RowId row, Snapshot seen,
    const RowChange *change, RowOutcome *outcome_out, bool *keys_changed_out) {
    size_t heap_bytes = values_heap_bytes(row_store_layout(store), change->values, change->columns);
    size_t reserved = 128; // for most updates; measured under the latch, then tried again
    for (;;) {
        WriteAccess access;
        TRY(write_begin(
            store, txn, row, seen, heap_bytes, reserved, WAIT_BLOCK, &access, outcome_out));
        if (!is_ready_to_write(&access)) return OK;
        if (access.verdict == VERDICT_CHANGED) {
            lock_changed(store, txn, &access, row, outcome_out);
            return OK;
        }
        const uint8_t *bytes_of_row = page_row(access.page, access.place.index);
        size_t bytes = before_bytes(row_store_layout(store), access.page, bytes_of_row, change);
        if (bytes > reserved) {
            page_unlock(store, access.page);
            reserved = bytes;
            continue;
        }
        update_apply(store, txn, &access, row, bytes, change, keys_changed_out);
        page_unlock(store, access.page);
        *outcome_out = ROW_DONE;
        return OK;
    }
}

// ---- Delete, lock -------------------------------------------------------------------------------

Status row_store_delete(
    RowStore *store, Txn *txn, RowId row, Snapshot seen, bool has_keys, RowOutcome *outcome_out) {
    WriteAccess access;
    TRY(write_begin(store, txn, row, seen, 0, 0, WAIT_BLOCK, &access, outcome_out));
    if (!is_ready_to_write(&access)) return OK;
    if (access.verdict == VERDICT_CHANGED) {
        lock_changed(store, txn, &access, row, outcome_out);
        return OK;
    }
    UndoRecord *record = record_link(store, txn, &access, row, UNDO_DELETE, 0);
    if (has_keys) atomic_fetch_or(&record->flags, UNDO_TOUCHES_KEYS);
    page_set_live(access.page, access.place.index, false);
    page_changed(&access.place, access.page);
    page_unlock(store, access.page);
    atomic_fetch_sub_explicit(&store->row_count, 1, memory_order_relaxed);
    *outcome_out = ROW_DONE;
    return OK;
}

Status row_store_lock(RowStore *store, Txn *txn, RowId row, Snapshot seen, WaitPolicy policy,
    RowOutcome *outcome_out) {
    WriteAccess access;
    TRY(write_begin(store, txn, row, seen, 0, 0, policy, &access, outcome_out));
    if (!is_ready_to_write(&access)) return OK;
    if (access.verdict == VERDICT_CHANGED) {
        lock_changed(store, txn, &access, row, outcome_out);
        return OK;
    }
    const UndoRecord *head = versions_head(access.place.slot, access.place.index);
    // An own head already keeps others away.
    if (head == NULL || !undo_is_own(head, txn_history(txn))) {
        (void)record_link(store, txn, &access, row, UNDO_LOCK, 0);
    } else {
        versions_set(store, access.place.slot, access.place.index, (UndoRecord *)(uintptr_t)head);
    }
    page_unlock(store, access.page);
    *outcome_out = ROW_DONE;
    return OK;
}

Status row_store_wait(RowStore *store, Txn *txn, RowId row) {
    RowPlace place = row_place(store, row);
    RowPage *page = place.slot == NULL ? NULL : page_try_lock_resident(store, place.slot);
    if (page == NULL) return OK; // without versions, or it would be in memory
    const UndoRecord *head = first_change(versions_head(place.slot, place.index));
    bool must_wait =
        head != NULL && !undo_is_own(head, txn_history(txn)) && !undo_is_committed(head);
    TxnHistory *history = must_wait ? head->history : NULL;
    TxnId id = {must_wait ? atomic_load_explicit(&history->id, memory_order_relaxed) : 0};
    page_unlock(store, page);
    if (!must_wait) return OK;
    bool is_skipped;
    return txn_wait_for(txn, history, id, WAIT_BLOCK, &is_skipped);
}
