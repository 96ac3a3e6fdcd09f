// Keys of rows: kept in indexes, checked for uniqueness, removed when nobody needs them.
//
// Model    storage.md 1.4 with storage-rules 7, 8, 9: the row is changed first, its entries are
//          added after; a unique key is inspected under its lock before it is added; an entry is
//          removed when no version that anybody may read carries its key.
#include "base/assert.h"
#include "base/error.h"
#include "table/table_internal.h"

#include <stdlib.h>

// ---- Keys ---------------------------------------------------------------------------------------

// The key of values that are the index's columns, in its order.
static Status picked_key(
    const TableIndex *index, const Value *picked, Text *key, bool *has_null_out) {
    if (index->integer_width != 0 && !picked[0].is_null) {
        ASSERT(key->capacity >= sizeof(uint64_t));
        *has_null_out = false;
        key->count = index->integer_width;
        if (key->count == 8) {
            put_u64_be(key->data, (uint64_t)picked[0].datum.int8 ^ UINT64_C(1) << 63);
        } else {
            put_u32_be(key->data, (uint32_t)picked[0].datum.int4 ^ UINT32_C(1) << 31);
        }
        return OK;
    }
    bool has_null = false;
    for (uint32_t i = 0; i < index->schema.column_count; i++) {
        has_null |= picked[i].is_null;
        if (picked[i].is_null && !index->schema.keys[i].is_nullable) {
            Status status =
                fail(NOT_NULL_VIOLATION, "null value in column \"%s\" violates not-null constraint",
                    index->schema.column_names[i]);
            error_set_name(ERROR_COLUMN_NAME, index->schema.column_names[i]);
            return status;
        }
    }
    *has_null_out = has_null;
    key->count = 0;
    key_append(&index->format, picked, key);
    if (key->count > KEY_BYTES_MAX) {
        return fail(PROGRAM_LIMIT_EXCEEDED,
            "index row size %zu exceeds btree version 4 maximum %d for index \"%s\"", key->count,
            KEY_BYTES_MAX, index->schema.name);
    }
    return OK;
}

static void values_pick(const TableIndex *index, const Value *values, Value *picked) {
    for (uint32_t i = 0; i < index->schema.column_count; i++)
        picked[i] = values[index->schema.columns[i]];
}

Status index_key(const TableIndex *index, const Value *values, Text *key, bool *has_null_out) {
    Value picked[KEY_COLUMNS_MAX];
    values_pick(index, values, picked);
    return picked_key(index, picked, key, has_null_out);
}

// ---- What rows say ------------------------------------------------------------------------------

typedef struct Probe {
    Table *table;
    const TableIndex *index;
    const TxnHistory *own;
} Probe;

static KeyState key_state(RowKeyState state) {
    switch (state) {
    case ROW_KEY_LIVE:
        return KEY_LIVE;
    case ROW_KEY_DEAD:
        return KEY_DEAD;
    case ROW_KEY_PENDING:
        return KEY_WAIT;
    case ROW_KEY_ABSENT:
        return KEY_NEEDS_READ;
    }
    UNREACHABLE();
}

static KeyState is_rival(void *argument, Bytes key, RowId row) {
    const Probe *probe = argument;
    return key_state(row_store_key_rival(probe->table->rows, probe->own, &probe->index->format,
        probe->index->schema.columns, key, row));
}

static KeyState is_needed(void *argument, Bytes key, RowId row) {
    const Probe *probe = argument;
    return key_state(row_store_key_needed(
        probe->table->rows, &probe->index->format, probe->index->schema.columns, key, row));
}

// ---- Uniqueness ---------------------------------------------------------------------------------

static void append_key_detail(const TableIndex *index, const Value *picked, Text *out) {
    text_append_text(out, "Key (");
    for (uint32_t i = 0; i < index->schema.column_count; i++) {
        if (i > 0) text_append_text(out, ", ");
        text_append_text(out, index->schema.column_names[i]);
    }
    text_append_text(out, ")=(");
    for (uint32_t i = 0; i < index->schema.column_count; i++) {
        if (i > 0) text_append_text(out, ", ");
        const Value *value = &picked[i];
        if (value->is_null) {
            text_append_text(out, "null");
        } else if (value_to_text(value_context_default(), index->schema.keys[i].type, value, out)
                   != OK) {
            error_clear();
            text_append_text(out, "?");
        }
    }
    text_append_text(out, ")");
}

static Status duplicate_key(
    const Table *table, const TableIndex *index, const Value *picked, bool is_build) {
    Arena arena;
    arena_init(&arena, NULL);
    Text detail;
    text_init(&detail, &arena);
    append_key_detail(index, picked, &detail);
    Status status;
    if (is_build) {
        status = fail(UNIQUE_VIOLATION, "could not create unique index \"%s\"", index->schema.name);
        error_add_detail("%s is duplicated.", detail.data);
    } else {
        status = fail(UNIQUE_VIOLATION, "duplicate key value violates unique constraint \"%s\"",
            index->schema.name);
        error_add_detail("%s already exists.", detail.data);
    }
    const StoreSchema *schema = table_schema(table);
    error_set_name(ERROR_SCHEMA_NAME, schema->schema_name);
    error_set_name(ERROR_TABLE_NAME, schema->table_name);
    error_set_name(ERROR_CONSTRAINT_NAME, index->schema.name);
    arena_deinit(&arena);
    return status;
}

static bool is_arbiter(const TableIndex *index, uint32_t arbiter) {
    return index->schema.is_unique
           && (arbiter == ARBITER_ANY || index->schema.index_number == arbiter);
}

static bool is_checked(const TableIndex *index, bool has_null) {
    return index->schema.is_unique && (!has_null || index->schema.nulls_not_distinct);
}

static Status add_unique(Table *table, Txn *txn, TableIndex *index, Bytes key, RowId row,
    bool *is_conflict_out, RowId *rival_out) {
    Probe probe = {.table = table, .index = index};
    KeyProbe door = {.is_rival = is_rival, .is_needed = is_needed, .argument = &probe};
    *is_conflict_out = false;
    for (;;) {
        probe.own = txn_history(txn);
        AddOutcome outcome;
        TRY(learned_index_add_unique(index->learned, key, row, &door, &outcome, rival_out));
        switch (outcome) {
        case ADD_DONE:
            return OK;
        case ADD_CONFLICT:
            *is_conflict_out = true;
            return OK;
        case ADD_MUST_WAIT:
            TRY(row_store_wait(table->rows, txn, *rival_out));
            break;
        case ADD_MUST_READ:
            TRY(row_store_load_row(table->rows, *rival_out));
            break;
        }
    }
}

static bool intersects(const uint64_t *a, const uint64_t *b, uint32_t word_count) {
    for (uint32_t i = 0; i < word_count; i++) {
        if ((a[i] & b[i]) != 0) return true;
    }
    return false;
}

Status indexes_add(Table *table, Txn *txn, const Value *values, const uint64_t *changed,
    uint32_t arbiter, RowId row, bool *is_conflict_out, RowId *conflict_out) {
    const Definition *definition = table_definition(table);
    KeyText key;
    key_text_init(&key);
    Status status = OK;
    *is_conflict_out = false;
    for (uint32_t i = 0; i < definition->schema.index_count && status == OK; i++) {
        TableIndex *index = definition->indexes[i];
        uint32_t words = (definition->schema.column_count + 63) / 64;
        if (changed != NULL && !intersects(changed, index->column_bits, words)) continue;
        bool has_null;
        status = index_key(index, values, &key.text, &has_null);
        if (status != OK) break;
        if (!is_checked(index, has_null)) {
            status = learned_index_add(index->learned, text_bytes(&key.text), row);
            continue;
        }
        bool is_conflict;
        RowId rival;
        status = add_unique(table, txn, index, text_bytes(&key.text), row, &is_conflict, &rival);
        if (status != OK || !is_conflict) continue;
        if (arbiter != ARBITER_NONE && is_arbiter(index, arbiter)) {
            *is_conflict_out = true;
            *conflict_out = rival;
            break;
        }
        Value picked[KEY_COLUMNS_MAX];
        values_pick(index, values, picked);
        status = duplicate_key(table, index, picked, false);
    }
    key_text_deinit(&key);
    return status;
}

// The entries of one index. *limit_inout: only rows before it can still fail first.
static Status index_add_batch(Table *table, Txn *txn, TableIndex *index, const Batch *batch,
    const RowId *ids, uint32_t *limit_inout) {
    KeyText key;
    key_text_init(&key);
    Value values[KEY_COLUMNS_MAX];
    Status status = OK;
    Selection rows = batch_selection(batch);
    uint32_t i = 0;
    for (; i < *limit_inout; i++) {
        uint32_t row = selection_row(rows, i);
        for (uint32_t j = 0; j < index->schema.column_count; j++)
            values[j] = column_get(&batch->columns[index->schema.columns[j]], row);
        bool has_null, is_conflict = false;
        RowId rival;
        status = picked_key(index, values, &key.text, &has_null);
        if (status != OK) break;
        Bytes bytes = text_bytes(&key.text);
        if (is_checked(index, has_null)) {
            status = add_unique(table, txn, index, bytes, ids[i], &is_conflict, &rival);
        } else {
            status = learned_index_add(index->learned, bytes, ids[i]);
        }
        if (status != OK) break;
        if (is_conflict) {
            status = duplicate_key(table, index, values, false);
            break;
        }
    }
    *limit_inout = i;
    key_text_deinit(&key);
    return status;
}

Status indexes_add_batch(
    Table *table, Txn *txn, const Batch *batch, const RowId *ids, uint32_t *done_out) {
    const Definition *definition = table_definition(table);
    Arena arena;
    arena_init(&arena, NULL);
    Error first = {0};
    uint32_t limit = batch->selected_count;
    Status status = OK;
    // A conflict in one index stands unless an earlier row has one in another.
    for (uint32_t i = 0; i < definition->schema.index_count; i++) {
        status = index_add_batch(table, txn, definition->indexes[i], batch, ids, &limit);
        if (status == UNIQUE_VIOLATION) {
            error_take(&arena, &first);
        } else if (status != OK) {
            break;
        }
    }
    *done_out = limit;
    bool is_conflict = first.status != OK && (status == OK || status == UNIQUE_VIOLATION);
    if (is_conflict) status = error_raise(&first);
    arena_deinit(&arena);
    return status;
}

// ---- ON CONFLICT --------------------------------------------------------------------------------

enum { FOUND_MAX = 16 };

// Every row id of a key, however many.
static Status for_each_row_of_key(
    TableIndex *index, Bytes key, Status (*visit)(void *, RowId, bool *), void *argument) {
    RowId rows[FOUND_MAX];
    uint32_t count;
    bool has_more, is_done = false;
    TRY(learned_index_find(index->learned, key, rows, FOUND_MAX, &count, &has_more));
    if (!has_more) {
        for (uint32_t i = 0; i < count && !is_done; i++)
            TRY(visit(argument, rows[i], &is_done));
        return OK;
    }
    Arena arena;
    arena_init(&arena, NULL);
    KeyRange range = {.low = key, .high = key, .low_inclusive = true, .high_inclusive = true};
    IndexCursor *cursor;
    Status status = learned_index_seek(index->learned, &range, false, &arena, &cursor);
    if (status == OK) {
        do {
            Bytes keys[FOUND_MAX];
            status = index_cursor_next(cursor, rows, keys, FOUND_MAX, &count);
            for (uint32_t i = 0; i < count && status == OK && !is_done; i++) {
                status = visit(argument, rows[i], &is_done);
            }
        } while (status == OK && count > 0 && !is_done);
        index_cursor_close(cursor);
    }
    arena_deinit(&arena);
    return status;
}

typedef struct ArbiterSearch {
    Table *table;
    Txn *txn;
    TableIndex *index;
    Bytes key;
    bool is_conflict, must_restart;
    RowId rival;
} ArbiterSearch;

static Status arbiter_visit(void *argument, RowId row, bool *is_done_out) {
    ArbiterSearch *search = argument;
    RowStore *rows = search->table->rows;
    switch (row_store_key_rival(rows, txn_history(search->txn), &search->index->format,
        search->index->schema.columns, search->key, row)) {
    case ROW_KEY_DEAD:
        return OK;
    case ROW_KEY_LIVE:
        search->is_conflict = true;
        search->rival = row;
        *is_done_out = true;
        return OK;
    case ROW_KEY_PENDING:
        search->must_restart = *is_done_out = true;
        return row_store_wait(rows, search->txn, row);
    case ROW_KEY_ABSENT:
        search->must_restart = *is_done_out = true;
        return row_store_load_row(rows, row);
    }
    UNREACHABLE();
}

Status arbiters_probe(Table *table, Txn *txn, const Value *values, uint32_t arbiter,
    bool *is_conflict_out, RowId *conflict_out) {
    const Definition *definition = table_definition(table);
    KeyText key;
    key_text_init(&key);
    Status status = OK;
    *is_conflict_out = false;
    for (uint32_t i = 0; i < definition->schema.index_count && status == OK; i++) {
        TableIndex *index = definition->indexes[i];
        bool has_null;
        if (!is_arbiter(index, arbiter)) continue;
        status = index_key(index, values, &key.text, &has_null);
        if (status != OK || !is_checked(index, has_null)) continue;
        ArbiterSearch search;
        do {
            search = (ArbiterSearch){
                .table = table, .txn = txn, .index = index, .key = text_bytes(&key.text)};
            status = for_each_row_of_key(index, search.key, arbiter_visit, &search);
        } while (status == OK && search.must_restart);
        if (status != OK || !search.is_conflict) continue;
        *is_conflict_out = true;
        *conflict_out = search.rival;
        break;
    }
    key_text_deinit(&key);
    return status;
}

// ---- Removal ------------------------------------------------------------------------------------

void indexes_remove(Table *table, const Value *values, RowId row) {
    const Definition *definition = table_definition(table);
    KeyText key;
    key_text_init(&key);
    for (uint32_t i = 0; i < definition->schema.index_count; i++) {
        TableIndex *index = definition->indexes[i];
        bool has_null;
        if (index_key(index, values, &key.text, &has_null) != OK) {
            error_clear(); // such a key was never added
            continue;
        }
        Probe probe = {.table = table, .index = index};
        KeyProbe door = {.is_rival = is_rival, .is_needed = is_needed, .argument = &probe};
        learned_index_remove_if(index->learned, text_bytes(&key.text), row, &door);
    }
    key_text_deinit(&key);
}

// The columns of any index that an update changed, as they were; the entries of both go through
// the same test, so it does not matter which of them really differ.
static void restore_with_keys(
    Table *table, UndoRecord *record, RowId row, bool is_last, Arena *arena, Value *values) {
    const Definition *definition = table_definition(table);
    arena_reset(arena);
    bool is_live;
    // The page has versions, so it is in memory and this cannot fail.
    if (row_store_values_now(table->rows, row, definition->key_columns, arena, values, &is_live)
        != OK) {
        error_clear();
        is_live = false;
    }
    row_store_restore(table->rows, record, row);
    if (is_live) indexes_remove(table, values, row);
    row_store_unlink_restored(table->rows, record, row, is_last);
}

static void restore(UndoRecord *record) {
    Table *table = table_of_record(record);
    const Definition *definition = table_definition(table);
    uint8_t flags = atomic_load(&record->flags);
    bool has_keys = definition->schema.index_count > 0
                    && (record->kind == UNDO_INSERT || (flags & UNDO_TOUCHES_KEYS) != 0)
                    && record->kind != UNDO_DELETE;
    Arena arena;
    arena_init(&arena, NULL);
    Value *values =
        has_keys ? arena_new_array(&arena, Value, definition->schema.column_count) : NULL;
    Arena scratch;
    arena_init(&scratch, NULL);
    for (uint32_t i = record->row_count; i-- > 0;) {
        RowId row = {record->row.value + i};
        bool is_last = i == 0;
        if (has_keys) {
            restore_with_keys(table, record, row, is_last, &scratch, values);
        } else {
            row_store_restore(table->rows, record, row);
            row_store_unlink_restored(table->rows, record, row, is_last);
        }
    }
    arena_deinit(&scratch);
    arena_deinit(&arena);
}

static void purge(UndoRecord *record) {
    Table *table = table_of_record(record);
    if (!row_store_purge_begin(table->rows, record)) return;
    const Definition *definition = table_definition(table);
    for (UndoRecord *at = record; at != NULL; at = row_store_purge_next(at)) {
        if ((atomic_load(&at->flags) & UNDO_TOUCHES_KEYS) == 0) continue;
        Arena arena;
        arena_init(&arena, NULL);
        Value *values = arena_new_array(&arena, Value, definition->schema.column_count);
        bool was_live =
            row_store_values_before(table->rows, at, definition->key_columns, &arena, values);
        if (was_live) indexes_remove(table, values, at->row);
        arena_deinit(&arena);
    }
    row_store_purge_end(table->rows, record);
}

const UndoActions table_undo_actions = {.restore = restore, .purge = purge};

// ---- Building -----------------------------------------------------------------------------------

typedef struct BuildEntry {
    Bytes key;
    RowId row;
    bool is_checked;
} BuildEntry;

static int entry_compare(const void *a, const void *b) {
    const BuildEntry *left = a, *right = b;
    int order = bytes_compare(left->key, right->key);
    if (order != 0) return order;
    return (left->row.value > right->row.value) - (left->row.value < right->row.value);
}

typedef struct Build {
    Table *table;
    TableIndex *index;
    Arena arena; // keys
    BuildEntry *entries;
    size_t count, capacity;
} Build;

static Status build_add(Build *build, const Value *values, RowId row) {
    if (build->count == build->capacity) {
        size_t capacity = build->capacity == 0 ? 1024 : build->capacity * 2;
        BuildEntry *entries = realloc(build->entries, capacity * sizeof *entries);
        if (entries == NULL) return fail(OUT_OF_MEMORY, "out of memory");
        build->entries = entries;
        build->capacity = capacity;
    }
    KeyText key;
    key_text_init(&key);
    bool has_null;
    Status status = index_key(build->index, values, &key.text, &has_null);
    if (status == OK) {
        void *copy = arena_copy_bytes(&build->arena, key.text.data, key.text.count);
        build->entries[build->count++] = (BuildEntry){.key = bytes_make(copy, key.text.count),
            .row = row,
            .is_checked = is_checked(build->index, has_null)};
        status = arena_check(&build->arena);
    }
    key_text_deinit(&key);
    return status;
}

// The rows as this transaction sees them: committed ones and its own; the caller's lock keeps
// other writers away.
static Status build_read(Build *build, Txn *txn) {
    Table *table = build->table;
    const Definition *definition = table_definition(table);
    Arena arena;
    arena_init(&arena, NULL);
    Batch *batch = table_batch_make(&arena, table, build->index->column_bits);
    Value *values = arena_new_array(&arena, Value, definition->schema.column_count);
    uint32_t slot;
    Snapshot snapshot = txn_system_snapshot_acquire(table->set->txns, &slot);
    snapshot.own = txn;
    snapshot.command = UINT32_MAX;
    TableScan *scan;
    Status status = table_scan_open(table, snapshot, build->index->column_bits, &arena, &scan);
    bool is_open = status == OK;
    while (status == OK) {
        status = table_scan_next(scan, batch);
        if (status != OK || batch->row_count == 0) break;
        for (uint32_t i = 0; i < batch->row_count && status == OK; i++) {
            for (uint32_t j = 0; j < build->index->schema.column_count; j++) {
                uint32_t column = build->index->schema.columns[j];
                values[column] = column_get(&batch->columns[column], i);
            }
            status = build_add(build, values, batch->row_ids[i]);
        }
    }
    if (is_open) table_scan_close(scan);
    batch_release_pins(batch);
    txn_system_snapshot_release(table->set->txns, slot);
    arena_deinit(&arena);
    return status;
}

static Status build_refuse(Build *build, Txn *txn, RowId row) {
    Arena arena;
    arena_init(&arena, NULL);
    Batch *batch = table_batch_make(&arena, build->table, build->index->column_bits);
    const Definition *definition = table_definition(build->table);
    Value *values = arena_new_array(&arena, Value, definition->schema.column_count);
    bool is_found = false;
    Status status =
        row_store_fetch_newest(build->table->rows, txn, row, row_batch_of(batch), &is_found);
    for (uint32_t j = 0; status == OK && j < build->index->schema.column_count; j++) {
        uint32_t column = build->index->schema.columns[j];
        values[column] = is_found ? column_get(&batch->columns[column], 0) : value_null();
    }
    Value picked[KEY_COLUMNS_MAX];
    values_pick(build->index, values, picked);
    if (status == OK) status = duplicate_key(build->table, build->index, picked, true);
    batch_release_pins(batch);
    arena_deinit(&arena);
    return status;
}

static Status build_fill(Build *build, Txn *txn) {
    for (size_t i = 1; i < build->count; i++) {
        bool is_duplicate = build->entries[i].is_checked
                            && bytes_equal(build->entries[i - 1].key, build->entries[i].key);
        if (is_duplicate) return build_refuse(build, txn, build->entries[i].row);
    }
    IndexBulk *bulk;
    TRY(learned_index_bulk_begin(build->index->learned, &bulk));
    Status status = OK;
    for (size_t i = 0; i < build->count && status == OK; i++) {
        status = learned_index_bulk_add(bulk, build->entries[i].key, build->entries[i].row);
    }
    Status end_status = learned_index_bulk_end(bulk);
    return status != OK ? status : end_status;
}

Status index_build(Table *table, Txn *txn, TableIndex *index) {
    Build build = {.table = table, .index = index};
    arena_init(&build.arena, NULL);
    Status status = build_read(&build, txn);
    if (status == OK && build.count > 0) {
        qsort(build.entries, build.count, sizeof *build.entries, entry_compare);
        status = build_fill(&build, txn);
    }
    free(build.entries);
    arena_deinit(&build.arena);
    return status;
}
