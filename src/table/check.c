// `omendb check`: every index is a superset of its table, unique keys are unique, counts hold.
#include "base/assert.h"
#include "base/error.h"
#include "table/table_internal.h"

enum { FOUND_MAX = 16 };

typedef struct Check {
    Table *table;
    const Definition *definition;
    Text *findings;
    uint64_t finding_count;
} Check;

static void finding(Check *check, const char *what, const TableIndex *index, RowId row) {
    check->finding_count++;
    if (check->finding_count > 100) return; // enough to see what is wrong
    text_append_format(check->findings, "store %u (%s): %s", check->table->id.value,
        check->definition->schema.table_name, what);
    if (index != NULL) text_append_format(check->findings, ", index %s", index->schema.name);
    text_append_format(check->findings, ", row %llu\n", (unsigned long long)row.value);
}

// Whether a live row other than `row` has the key. Walks the key's rows: one that is live, and
// what is left of others until it is purged.
static Status find_rival(
    Check *check, const TableIndex *index, Bytes key, RowId row, bool *found_out) {
    Arena arena;
    arena_init(&arena, NULL);
    KeyRange range = {.low = key, .high = key, .low_inclusive = true, .high_inclusive = true};
    IndexCursor *cursor;
    Status status = learned_index_seek(index->learned, &range, false, &arena, &cursor);
    bool is_open = status == OK;
    *found_out = false;
    while (status == OK) {
        RowId rows[FOUND_MAX];
        uint32_t count;
        status = index_cursor_next(cursor, rows, NULL, FOUND_MAX, &count);
        if (status != OK || count == 0) break;
        for (uint32_t i = 0; i < count; i++) {
            if (rows[i].value == row.value) continue;
            RowKeyState state = row_store_key_rival(
                check->table->rows, NULL, &index->format, index->schema.columns, key, rows[i]);
            *found_out |= state == ROW_KEY_LIVE;
        }
    }
    if (is_open) index_cursor_close(cursor);
    arena_deinit(&arena);
    return status;
}

static Status check_entry(Check *check, TableIndex *index, const Value *values, RowId row) {
    KeyText key;
    key_text_init(&key);
    bool has_null, is_found = true, has_rival = false;
    Status status = index_key(index, values, &key.text, &has_null);
    if (status == OK) {
        Bytes bytes = text_bytes(&key.text);
        status = learned_index_has(index->learned, bytes, row, &is_found);
        bool must_be_unique =
            index->schema.is_unique && (!has_null || index->schema.nulls_not_distinct);
        if (status == OK && must_be_unique) {
            status = find_rival(check, index, bytes, row, &has_rival);
        }
    }
    if (status == OK && !is_found) finding(check, "row without an entry", index, row);
    if (status == OK && has_rival) finding(check, "key that is not unique", index, row);
    key_text_deinit(&key);
    return status;
}

static Status check_row(Check *check, const Batch *batch, uint32_t at, Value *values) {
    for (uint32_t i = 0; i < batch->column_count; i++) {
        if (batch->columns[i].values != NULL) values[i] = column_get(&batch->columns[i], at);
    }
    for (uint32_t i = 0; i < check->definition->schema.index_count; i++) {
        TRY(check_entry(check, check->definition->indexes[i], values, batch->row_ids[at]));
    }
    return OK;
}

static Status check_rows(Check *check, Arena *arena) {
    const uint64_t *columns = check->definition->key_columns;
    Batch *batch = table_batch_make(arena, check->table, columns);
    Value *values = arena_new_array(arena, Value, check->definition->schema.column_count);
    uint32_t slot;
    Snapshot snapshot = txn_system_snapshot_acquire(check->table->set->txns, &slot);
    TableScan *scan;
    Status status = table_scan_open(check->table, snapshot, columns, arena, &scan);
    bool is_open = status == OK;
    while (status == OK) {
        status = table_scan_next(scan, batch);
        if (status != OK || batch->row_count == 0) break;
        for (uint32_t i = 0; i < batch->row_count && status == OK; i++) {
            status = check_row(check, batch, i, values);
        }
    }
    if (is_open) table_scan_close(scan);
    batch_release_pins(batch);
    txn_system_snapshot_release(check->table->set->txns, slot);
    return status;
}

Status table_set_check(TableSet *set, Text *findings) {
    uint64_t finding_count = 0;
    uint32_t end = atomic_load(&set->store_end);
    for (uint32_t i = 0; i < end; i++) {
        Table *table = table_find(set, (StoreId){i});
        if (table == NULL) continue;
        Check check = {.table = table, .definition = table_definition(table), .findings = findings};
        for (uint32_t j = 0; j < check.definition->schema.index_count; j++) {
            TableIndex *index = check.definition->indexes[j];
            if (learned_index_check(index->learned) == OK) continue;
            text_append_format(
                findings, "store %u: index %s: %s\n", i, index->schema.name, error_get()->message);
            error_clear();
            check.finding_count++;
        }
        Arena arena;
        arena_init(&arena, NULL);
        Status status = check_rows(&check, &arena);
        arena_deinit(&arena);
        TRY(status);
        finding_count += check.finding_count;
    }
    if (finding_count == 0) return OK;
    return fail(
        DATA_CORRUPTED, "the database has %llu inconsistencies", (unsigned long long)finding_count);
}
