// Insert, update, delete, lock: the row first, then its index entries and its redo.
#include "base/assert.h"
#include "base/error.h"
#include "table/table_internal.h"

static Status insert_without_arbiter(Txn *txn, Table *table, const Value *values, RowId *row_out) {
    TRY(row_store_insert(table->rows, txn, values, row_out));
    TRY(redo_insert(txn, table, *row_out, values));
    bool is_conflict;
    RowId conflict;
    return indexes_add(table, txn, values, NULL, ARBITER_NONE, *row_out, &is_conflict, &conflict);
}

Status table_insert(Txn *txn, Table *table, const Value *values, const InsertOptions *options,
    RowId *row_out, bool *is_conflict_out, RowId *conflict_out) {
    uint32_t arbiter = options == NULL ? ARBITER_NONE : options->arbiter_index;
    if (is_conflict_out != NULL) *is_conflict_out = false;
    if (arbiter == ARBITER_NONE) return insert_without_arbiter(txn, table, values, row_out);
    ASSERT(is_conflict_out != NULL && conflict_out != NULL);
    for (;;) {
        // Looked for first, so that upserts of a row that is there use up no row ids.
        TRY(arbiters_probe(table, txn, values, arbiter, is_conflict_out, conflict_out));
        if (*is_conflict_out) return OK;
        TxnMark mark = txn_mark(txn);
        TRY(row_store_insert(table->rows, txn, values, row_out));
        TRY(redo_insert(txn, table, *row_out, values));
        TRY(indexes_add(
            table, txn, values, NULL, arbiter, *row_out, is_conflict_out, conflict_out));
        if (!*is_conflict_out) return OK;
        // Somebody came between: the row goes again, and the search starts over.
        txn_undo_to(txn, mark);
    }
}

// Rows page by page, one run of redo, then the entries in the order of the rows, so that the first
// row that conflicts is the one that is told of.
Status table_insert_batch(Txn *txn, Table *table, const Batch *rows, uint32_t *done_out) {
    RowId ids[BATCH_ROW_COUNT];
    *done_out = 0;
    TRY(row_store_insert_batch(table->rows, txn, rows, ids, done_out));
    TRY(redo_insert_batch(txn, table, rows, ids));
    return indexes_add_batch(table, txn, rows, ids, done_out);
}

static WriteOutcome write_outcome(RowOutcome outcome) {
    switch (outcome) {
    case ROW_DONE:
        return WRITE_DONE;
    case ROW_CHANGED:
        return WRITE_CHANGED;
    case ROW_GONE:
        return WRITE_GONE;
    case ROW_OWN:
        return WRITE_OWN_COMMAND;
    case ROW_SKIPPED:
        return WRITE_SKIPPED;
    }
    UNREACHABLE();
}

// The row's key columns as this transaction has just left them.
static Status entries_add(Txn *txn, Table *table, RowId row, const uint64_t *changed) {
    const Definition *definition = table_definition(table);
    Arena arena;
    arena_init(&arena, NULL);
    Value *values = arena_new_array(&arena, Value, definition->schema.column_count);
    bool is_live, is_conflict;
    RowId conflict;
    Status status =
        row_store_values_now(table->rows, row, definition->key_columns, &arena, values, &is_live);
    if (status == OK) {
        ASSERT(is_live);
        status =
            indexes_add(table, txn, values, changed, ARBITER_NONE, row, &is_conflict, &conflict);
    }
    arena_deinit(&arena);
    return status;
}

Status table_update(Txn *txn, Table *table, RowId row, Snapshot seen, const uint64_t *changed,
    const Value *values, WriteOutcome *outcome_out) {
    const Definition *definition = table_definition(table);
    RowChange change = {
        .columns = changed, .key_columns = definition->key_columns, .values = values};
    RowOutcome outcome;
    bool keys_changed = false;
    TRY(row_store_update(table->rows, txn, row, seen, &change, &outcome, &keys_changed));
    *outcome_out = write_outcome(outcome);
    if (outcome != ROW_DONE) return OK;
    TRY(redo_update(txn, table, row, changed, values));
    return keys_changed ? entries_add(txn, table, row, changed) : OK;
}

Status table_delete(Txn *txn, Table *table, RowId row, Snapshot seen, WriteOutcome *outcome_out) {
    bool has_keys = table_definition(table)->schema.index_count > 0;
    RowOutcome outcome;
    TRY(row_store_delete(table->rows, txn, row, seen, has_keys, &outcome));
    *outcome_out = write_outcome(outcome);
    return outcome == ROW_DONE ? redo_delete(txn, table, row) : OK;
}

Status table_lock_row(Txn *txn, Table *table, RowId row, Snapshot seen,
    [[maybe_unused]] RowLockMode mode, WaitPolicy policy, WriteOutcome *outcome_out) {
    RowOutcome outcome;
    Status status = row_store_lock(table->rows, txn, row, seen, policy, &outcome);
    if (status == LOCK_NOT_AVAILABLE && policy == WAIT_ERROR) {
        error_clear();
        status = fail(LOCK_NOT_AVAILABLE, "could not obtain lock on row in relation \"%s\"",
            table_schema(table)->table_name);
    }
    TRY(status);
    *outcome_out = write_outcome(outcome);
    return OK;
}

Status table_fetch_newest(
    Txn *txn, Table *table, RowId row, const uint64_t *columns, Batch *batch_out, bool *found_out) {
    (void)columns; // the batch was made for them
    batch_clear(batch_out);
    return row_store_fetch_newest(table->rows, txn, row, row_batch_of(batch_out), found_out);
}
