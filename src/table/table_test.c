// Tables in memory: rows, versions, indexes and conflicts, through the door of table.h.
#include "table/table.h"

#include "base/random.h"
#include "base/test.h"
#include "os/environment.h"
#include "os/thread.h"
#include "txn/undo.h"

#include <stdlib.h>

enum { COLUMN_COUNT = 3, STORE = 100 };

// (id bigint primary key, v integer, t text), with an index over v.
typedef struct Fixture {
    EpochSet *epochs;
    Wal *wal;
    Store *store;
    Cache *cache;
    MemoryBudget budget, cache_budget, undo_budget;
    TxnSystem *txns;
    TableSet *set;
    Table *table;
    Arena arena;
} Fixture;

static const StoreColumn columns[COLUMN_COUNT] = {
    {.type = {TYPE_INT8, -1}}, {.type = {TYPE_INT4, -1}}, {.type = {TYPE_TEXT, -1}}};
static const KeyColumn id_key[] = {{.type = TYPE_INT8}};
static const KeyColumn v_key[] = {{.type = TYPE_INT4, .is_nullable = true}};
static const uint16_t id_column[] = {0}, v_column[] = {1};
static const char *const id_name[] = {"id"}, *const v_name[] = {"v"};
static const uint64_t all_columns[] = {7};

static const IndexSchema indexes[] = {
    {.index_number = 1,
        .object = 201,
        .name = "t_pkey",
        .is_unique = true,
        .is_primary = true,
        .column_count = 1,
        .columns = id_column,
        .keys = id_key,
        .column_names = id_name},
    {.index_number = 2,
        .object = 202,
        .name = "t_v_idx",
        .column_count = 1,
        .columns = v_column,
        .keys = v_key,
        .column_names = v_name},
};

static void fixture_init(Fixture *fixture) {
    *fixture = (Fixture){0};
    memory_budget_init(&fixture->budget, "control", SIZE_MAX / 2, NULL);
    memory_budget_init(&fixture->cache_budget, "cache", 512 << 20, NULL);
    memory_budget_init(&fixture->undo_budget, "undo", 256 << 20, NULL);
    arena_init(&fixture->arena, NULL);
    assert_ok(epoch_set_create(&fixture->epochs));
    WalOptions options = {.file_bytes = 4 << 20, .ring_bytes = 1 << 20, .is_volatile = true};
    assert_ok(wal_create(environment_real(), "", &options, (Lsn){4096}, &fixture->wal));
    assert_ok(store_create_volatile(environment_real(), &fixture->store));
    assert_ok(
        cache_create(fixture->store, fixture->epochs, &fixture->cache_budget, &fixture->cache));
    assert_ok(txn_system_create(fixture->wal, fixture->epochs, clock_real(), &fixture->undo_budget,
        (TxnId){3}, &fixture->txns));
    assert_ok(table_set_create(
        environment_real(), fixture->txns, fixture->cache, &fixture->budget, 1, &fixture->set));
    StoreSchema schema = {.object = 200,
        .schema_name = "public",
        .table_name = "t",
        .column_count = COLUMN_COUNT,
        .columns = columns,
        .index_count = 2,
        .indexes = indexes};
    assert_ok(table_set_bootstrap(fixture->set, (StoreId){STORE}, &schema));
    fixture->table = table_find(fixture->set, (StoreId){STORE});
    assert_non_null(fixture->table);
}

static void fixture_deinit(Fixture *fixture) {
    Text findings;
    text_init(&findings, &fixture->arena);
    if (table_set_check(fixture->set, &findings) != OK) {
        print_error("%s", findings.data);
        assert_true(false);
    }
    table_set_destroy(fixture->set);
    txn_system_destroy(fixture->txns);
    assert_int_equal(memory_budget_used(&fixture->undo_budget), 0);
    epoch_advance(fixture->epochs);
    cache_destroy(fixture->cache);
    store_close(fixture->store);
    wal_close(fixture->wal);
    epoch_set_destroy(fixture->epochs);
    arena_deinit(&fixture->arena);
}

static Txn *begin_at(Fixture *fixture, Isolation isolation) {
    Txn *txn;
    TxnOptions options = {.isolation = isolation,
        .is_synchronous = true,
        .lock_timeout_us = 5 * 1000 * 1000,
        .deadlock_timeout_us = 1000 * 1000};
    assert_ok(txn_begin(fixture->txns, options, &txn));
    assert_ok(txn_statement_begin(txn));
    return txn;
}

static Txn *begin(Fixture *fixture) {
    return begin_at(fixture, ISOLATION_READ_COMMITTED);
}

static void next_statement(Txn *txn) {
    txn_statement_end(txn);
    assert_ok(txn_statement_begin(txn));
}

static void commit(Txn *txn) {
    txn_statement_end(txn);
    assert_ok(txn_commit(txn));
}

static void row_values(int64_t id, int32_t v, const char *text, Value *values) {
    memset(values, 0, sizeof(Value) * COLUMN_COUNT);
    values[0].datum.int8 = id;
    values[1].datum.int4 = v;
    if (text == NULL) {
        values[2].is_null = true;
    } else {
        values[2].datum.view = view_from_text(text);
    }
}

static Status insert(
    Fixture *fixture, Txn *txn, int64_t id, int32_t v, const char *text, RowId *row_out) {
    Value values[COLUMN_COUNT];
    row_values(id, v, text, values);
    RowId row;
    return table_insert(
        txn, fixture->table, values, NULL, row_out == NULL ? &row : row_out, NULL, NULL);
}

static Status update(Fixture *fixture, Txn *txn, RowId row, int64_t id, int32_t v, const char *text,
    uint64_t changed, WriteOutcome *outcome_out) {
    Value values[COLUMN_COUNT];
    row_values(id, v, text, values);
    return table_update(txn, fixture->table, row, txn_snapshot(txn), &changed, values, outcome_out);
}

// The row with this id as the transaction sees it: its v and text; false when there is none.
static bool find(Fixture *fixture, Txn *txn, int64_t id, int32_t *v_out, char *text_out) {
    Batch *batch = table_batch_make(&fixture->arena, fixture->table, all_columns);
    Value key = {.datum = {.int8 = id}};
    assert_ok(table_find_key(fixture->table, txn_snapshot(txn), all_columns, 1, &key, batch));
    assert_true(batch->row_count <= 1);
    bool is_found = batch->row_count == 1;
    if (is_found) {
        assert_int_equal(column_get(&batch->columns[0], 0).datum.int8, id);
        if (v_out != NULL) *v_out = column_get(&batch->columns[1], 0).datum.int4;
        Value text = column_get(&batch->columns[2], 0);
        if (text_out != NULL && !text.is_null) {
            memcpy(text_out, view_data(&text.datum.view), text.datum.view.count);
            text_out[text.datum.view.count] = 0;
        }
    }
    batch_release_pins(batch);
    return is_found;
}

static uint32_t count_rows(Fixture *fixture, Txn *txn, int64_t *sum_out) {
    Batch *batch = table_batch_make(&fixture->arena, fixture->table, all_columns);
    TableScan *scan;
    assert_ok(
        table_scan_open(fixture->table, txn_snapshot(txn), all_columns, &fixture->arena, &scan));
    uint32_t count = 0;
    int64_t sum = 0;
    for (;;) {
        assert_ok(table_scan_next(scan, batch));
        if (batch->row_count == 0) break;
        for (uint32_t i = 0; i < batch->row_count; i++) {
            sum += column_get(&batch->columns[1], i).datum.int4;
        }
        count += batch->row_count;
    }
    table_scan_close(scan);
    batch_release_pins(batch);
    if (sum_out != NULL) *sum_out = sum;
    return count;
}

static uint32_t count_index(Fixture *fixture, Txn *txn, uint32_t index, const IndexRange *range) {
    IndexRange all = {.index_number = index};
    if (range == NULL) range = &all;
    Batch *batch = table_batch_make(&fixture->arena, fixture->table, all_columns);
    IndexScan *scan;
    assert_ok(table_index_scan_open(
        fixture->table, txn_snapshot(txn), all_columns, range, &fixture->arena, &scan));
    uint32_t count = 0;
    for (;;) {
        assert_ok(table_index_scan_next(scan, BATCH_ROW_COUNT, batch));
        if (batch->row_count == 0) break;
        count += batch->row_count;
    }
    table_index_scan_close(scan);
    batch_release_pins(batch);
    return count;
}

TEST(table, a_row_travels) {
    Fixture fixture;
    fixture_init(&fixture);
    Txn *txn = begin(&fixture);
    RowId row;
    assert_ok(insert(&fixture, txn, 1, 10, "a text that is longer than twelve bytes", &row));
    assert_false(find(&fixture, txn, 1, NULL, NULL)); // its own command does not see it
    next_statement(txn);
    int32_t v;
    char text[100];
    assert_true(find(&fixture, txn, 1, &v, text));
    assert_int_equal(v, 10);
    assert_string_equal(text, "a text that is longer than twelve bytes");
    Txn *other = begin(&fixture);
    assert_false(find(&fixture, other, 1, NULL, NULL));
    assert_int_equal(count_rows(&fixture, other, NULL), 0);
    commit(txn);
    assert_false(find(&fixture, other, 1, NULL, NULL)); // the statement's snapshot is older
    next_statement(other);
    assert_true(find(&fixture, other, 1, &v, NULL));
    WriteOutcome outcome;
    assert_ok(update(&fixture, other, row, 1, 11, "another text, which is also long", 6, &outcome));
    assert_int_equal(outcome, WRITE_DONE);
    next_statement(other);
    assert_true(find(&fixture, other, 1, &v, text));
    assert_int_equal(v, 11);
    assert_string_equal(text, "another text, which is also long");
    txn = begin(&fixture);
    assert_true(find(&fixture, txn, 1, &v, text));
    assert_int_equal(v, 10);
    assert_string_equal(text, "a text that is longer than twelve bytes");
    commit(other);
    next_statement(txn);
    assert_ok(table_delete(txn, fixture.table, row, txn_snapshot(txn), &outcome));
    assert_int_equal(outcome, WRITE_DONE);
    next_statement(txn);
    assert_int_equal(count_rows(&fixture, txn, NULL), 0);
    assert_false(find(&fixture, txn, 1, NULL, NULL));
    commit(txn);
    fixture_deinit(&fixture);
}

TEST(table, rollback_leaves_no_trace) {
    Fixture fixture;
    fixture_init(&fixture);
    Txn *txn = begin(&fixture);
    RowId rows[100];
    for (int i = 0; i < 100; i++) {
        assert_ok(insert(&fixture, txn, i, i, "some text of some length", &rows[i]));
    }
    commit(txn);
    txn = begin(&fixture);
    WriteOutcome outcome;
    for (int i = 0; i < 100; i += 3) {
        assert_ok(update(&fixture, txn, rows[i], i + 1000, -i, "new text", 7, &outcome));
    }
    for (int i = 1; i < 100; i += 3) {
        assert_ok(table_delete(txn, fixture.table, rows[i], txn_snapshot(txn), &outcome));
    }
    for (int i = 0; i < 300; i++)
        assert_ok(insert(&fixture, txn, 5000 + i, i, NULL, NULL));
    next_statement(txn);
    assert_int_equal(count_rows(&fixture, txn, NULL), 100 - 33 + 300);
    txn_statement_end(txn);
    txn_rollback(txn);
    txn = begin(&fixture);
    int64_t sum;
    assert_int_equal(count_rows(&fixture, txn, &sum), 100);
    assert_int_equal(sum, 99 * 100 / 2);
    assert_int_equal(count_index(&fixture, txn, 1, NULL), 100);
    assert_int_equal(count_index(&fixture, txn, 2, NULL), 100);
    char text[100];
    assert_true(find(&fixture, txn, 3, NULL, text));
    assert_string_equal(text, "some text of some length");
    commit(txn);
    fixture_deinit(&fixture);
}

TEST(table, a_savepoint_takes_back_what_came_after_it) {
    Fixture fixture;
    fixture_init(&fixture);
    Txn *txn = begin(&fixture);
    RowId row;
    assert_ok(insert(&fixture, txn, 1, 1, "one", &row));
    txn_statement_end(txn);
    Savepoint savepoint;
    assert_ok(txn_savepoint(txn, &savepoint));
    assert_ok(txn_statement_begin(txn));
    assert_ok(insert(&fixture, txn, 2, 2, "two", NULL));
    next_statement(txn);
    WriteOutcome outcome;
    assert_ok(update(&fixture, txn, row, 7, 7, "seven", 7, &outcome));
    txn_statement_end(txn);
    txn_savepoint_rollback(txn, savepoint);
    assert_ok(txn_statement_begin(txn));
    assert_ok(insert(&fixture, txn, 3, 3, "three", NULL));
    next_statement(txn);
    assert_int_equal(count_rows(&fixture, txn, NULL), 2);
    assert_true(find(&fixture, txn, 1, NULL, NULL));
    assert_false(find(&fixture, txn, 2, NULL, NULL));
    assert_false(find(&fixture, txn, 7, NULL, NULL));
    assert_true(find(&fixture, txn, 3, NULL, NULL));
    commit(txn);
    fixture_deinit(&fixture);
}

TEST(table, a_duplicate_key_is_refused_with_postgresql_s_words) {
    Fixture fixture;
    fixture_init(&fixture);
    Txn *txn = begin(&fixture);
    assert_ok(insert(&fixture, txn, 1, 1, NULL, NULL));
    commit(txn);
    txn = begin(&fixture);
    assert_int_equal(insert(&fixture, txn, 1, 2, NULL, NULL), UNIQUE_VIOLATION);
    const Error *error = error_get();
    assert_string_equal(
        error->message, "duplicate key value violates unique constraint \"t_pkey\"");
    assert_string_equal(error->detail, "Key (id)=(1) already exists.");
    assert_string_equal(error->schema_name, "public");
    assert_string_equal(error->table_name, "t");
    assert_string_equal(error->constraint_name, "t_pkey");
    error_clear();
    txn_statement_rollback(txn);
    assert_ok(txn_statement_begin(txn));
    assert_int_equal(count_rows(&fixture, txn, NULL), 1);
    assert_ok(insert(&fixture, txn, 2, 2, NULL, NULL));
    commit(txn);
    fixture_deinit(&fixture);
}

// storage-rules 6: while an old snapshot lives, both rows of a key are in the index.
TEST(table, p06_key_deleted_and_inserted_again_is_there_for_both) {
    Fixture fixture;
    fixture_init(&fixture);
    Txn *txn = begin(&fixture);
    RowId row;
    assert_ok(insert(&fixture, txn, 5, 1, "old", &row));
    commit(txn);
    Txn *reader = begin_at(&fixture, ISOLATION_REPEATABLE_READ);
    int32_t v;
    assert_true(find(&fixture, reader, 5, &v, NULL));
    txn = begin(&fixture);
    WriteOutcome outcome;
    assert_ok(table_delete(txn, fixture.table, row, txn_snapshot(txn), &outcome));
    next_statement(txn);
    assert_ok(insert(&fixture, txn, 5, 2, "new", NULL));
    commit(txn);
    (void)txn_system_collect(fixture.txns, 1000);
    assert_true(find(&fixture, reader, 5, &v, NULL));
    assert_int_equal(v, 1);
    commit(reader);
    (void)txn_system_collect(fixture.txns, 1000);
    txn = begin(&fixture);
    assert_true(find(&fixture, txn, 5, &v, NULL));
    assert_int_equal(v, 2);
    assert_int_equal(count_index(&fixture, txn, 1, NULL), 1);
    commit(txn);
    fixture_deinit(&fixture);
}

TEST(table, repeatable_read_refuses_what_others_have_changed) {
    Fixture fixture;
    fixture_init(&fixture);
    Txn *txn = begin(&fixture);
    RowId row, gone;
    assert_ok(insert(&fixture, txn, 1, 1, NULL, &row));
    assert_ok(insert(&fixture, txn, 2, 2, NULL, &gone));
    commit(txn);
    Txn *old = begin_at(&fixture, ISOLATION_REPEATABLE_READ);
    Txn *committed = begin(&fixture);
    assert_int_equal(count_rows(&fixture, old, NULL), 2);
    assert_int_equal(count_rows(&fixture, committed, NULL), 2);
    txn = begin(&fixture);
    WriteOutcome outcome;
    assert_ok(update(&fixture, txn, row, 1, 5, NULL, 2, &outcome));
    assert_ok(table_delete(txn, fixture.table, gone, txn_snapshot(txn), &outcome));
    commit(txn);
    assert_int_equal(update(&fixture, old, row, 1, 6, NULL, 2, &outcome), SERIALIZATION_FAILURE);
    assert_string_equal(
        error_get()->message, "could not serialize access due to concurrent update");
    error_clear();
    assert_int_equal(update(&fixture, old, gone, 1, 6, NULL, 2, &outcome), SERIALIZATION_FAILURE);
    assert_string_equal(
        error_get()->message, "could not serialize access due to concurrent delete");
    error_clear();
    txn_statement_rollback(old);
    txn_rollback(old);
    // READ COMMITTED: the row is locked, checked again by the caller, and then changed.
    assert_ok(update(&fixture, committed, gone, 2, 6, NULL, 2, &outcome));
    assert_int_equal(outcome, WRITE_GONE);
    assert_ok(update(&fixture, committed, row, 1, 6, NULL, 2, &outcome));
    assert_int_equal(outcome, WRITE_CHANGED);
    Batch *batch = table_batch_make(&fixture.arena, fixture.table, all_columns);
    bool is_found;
    assert_ok(table_fetch_newest(committed, fixture.table, row, all_columns, batch, &is_found));
    assert_true(is_found);
    assert_int_equal(column_get(&batch->columns[1], 0).datum.int4, 5);
    batch_release_pins(batch);
    assert_ok(update(&fixture, committed, row, 1, 6, NULL, 2, &outcome));
    assert_int_equal(outcome, WRITE_DONE);
    assert_ok(update(&fixture, committed, row, 1, 7, NULL, 2, &outcome));
    assert_int_equal(outcome, WRITE_OWN_COMMAND);
    commit(committed);
    txn = begin(&fixture);
    int32_t v;
    assert_true(find(&fixture, txn, 1, &v, NULL));
    assert_int_equal(v, 6);
    commit(txn);
    fixture_deinit(&fixture);
}

TEST(table, index_ranges_hold_what_they_should) {
    Fixture fixture;
    fixture_init(&fixture);
    Txn *txn = begin(&fixture);
    Value values[COLUMN_COUNT];
    for (int i = 0; i < 3000; i++) {
        row_values((i * 7919) % 3000, i % 100, "x", values);
        values[1].is_null = i % 100 == 50;
        RowId row;
        assert_ok(table_insert(txn, fixture.table, values, NULL, &row, NULL, NULL));
    }
    commit(txn);
    txn = begin(&fixture);
    Value low = {.datum = {.int8 = 100}}, high = {.datum = {.int8 = 199}};
    IndexRange range = {.index_number = 1,
        .low_count = 1,
        .low = &low,
        .low_inclusive = true,
        .high_count = 1,
        .high = &high,
        .high_inclusive = true};
    assert_int_equal(count_index(&fixture, txn, 1, &range), 100);
    range.low_inclusive = range.high_inclusive = false;
    assert_int_equal(count_index(&fixture, txn, 1, &range), 98);
    range.is_backward = true;
    assert_int_equal(count_index(&fixture, txn, 1, &range), 98);
    Value v = {.datum = {.int4 = 90}};
    IndexRange above = {.index_number = 2, .low_count = 1, .low = &v, .low_inclusive = true};
    assert_int_equal(count_index(&fixture, txn, 2, &above), 300); // NULLs are not above 90
    assert_int_equal(count_index(&fixture, txn, 2, NULL), 3000);
    IndexRange equal = {.index_number = 2,
        .low_count = 1,
        .low = &v,
        .low_inclusive = true,
        .high_count = 1,
        .high = &v,
        .high_inclusive = true};
    assert_int_equal(count_index(&fixture, txn, 2, &equal), 30);
    Batch *batch = table_batch_make(&fixture.arena, fixture.table, all_columns);
    assert_ok(table_find_key(fixture.table, txn_snapshot(txn), all_columns, 2, &v, batch));
    assert_int_equal(batch->row_count, 30);
    batch_release_pins(batch);
    commit(txn);
    fixture_deinit(&fixture);
}

// ---- Strings ------------------------------------------------------------------------------------

enum { STRING_ROWS = 3000, STRING_BYTES_MAX = 700 };

// Inline, copied and pinned lengths; NULL now and then.
static const char *string_of(int64_t id, char *text) {
    if (id % 97 == 5) return NULL;
    uint32_t count = (uint32_t)(id * 13 % STRING_BYTES_MAX);
    for (uint32_t i = 0; i < count; i++)
        text[i] = (char)('a' + (id + i) % 26);
    text[count] = 0;
    return text;
}

static uint32_t check_strings(Fixture *fixture, Txn *txn, uint32_t row_max, bool is_backward) {
    IndexRange range = {.index_number = 1, .is_backward = is_backward};
    Batch *batch = table_batch_make(&fixture->arena, fixture->table, all_columns);
    IndexScan *scan;
    assert_ok(table_index_scan_open(
        fixture->table, txn_snapshot(txn), all_columns, &range, &fixture->arena, &scan));
    uint32_t count = 0;
    for (;;) {
        assert_ok(table_index_scan_next(scan, row_max, batch));
        if (batch->row_count == 0) break;
        for (uint32_t i = 0; i < batch->row_count; i++, count++) {
            char space[STRING_BYTES_MAX + 1];
            int64_t id = is_backward ? STRING_ROWS - 1 - count : count;
            assert_int_equal(column_get(&batch->columns[0], i).datum.int8, id);
            const char *wanted = string_of(id, space);
            Value text = column_get(&batch->columns[2], i);
            assert_int_equal(text.is_null, wanted == NULL);
            if (wanted == NULL) continue;
            assert_int_equal(text.datum.view.count, strlen(wanted));
            assert_memory_equal(view_data(&text.datum.view), wanted, text.datum.view.count);
        }
    }
    table_index_scan_close(scan);
    batch_release_pins(batch);
    return count;
}

// The first half lies in the order of its keys, several rows a page; the second half anywhere.
TEST(table, strings_of_every_length_come_by_index) {
    Fixture fixture;
    fixture_init(&fixture);
    Txn *txn = begin(&fixture);
    RowId rows[STRING_ROWS];
    char space[STRING_BYTES_MAX + 1];
    for (int64_t i = 0; i < STRING_ROWS; i++) {
        int64_t half = STRING_ROWS / 2, id = i < half ? i : half + (i - half) * 7 % half;
        assert_ok(insert(&fixture, txn, id, 0, string_of(id, space), &rows[id]));
    }
    commit(txn);
    while (txn_system_collect(fixture.txns, 1000)) {}
    Txn *reader = begin(&fixture);
    for (int pass = 0; pass < 2; pass++) {
        assert_int_equal(check_strings(&fixture, reader, BATCH_ROW_COUNT, false), STRING_ROWS);
        assert_int_equal(check_strings(&fixture, reader, 100, false), STRING_ROWS);
        assert_int_equal(check_strings(&fixture, reader, 1, true), STRING_ROWS);
        // The second pass finds versions on some of the pages.
        if (pass == 1) break;
        txn = begin(&fixture);
        for (int64_t id = 0; id < STRING_ROWS; id += 150) {
            WriteOutcome outcome;
            assert_ok(update(&fixture, txn, rows[id], id, 1, "other", 6, &outcome));
            assert_int_equal(outcome, WRITE_DONE);
        }
        commit(txn);
    }
    commit(reader);
    fixture_deinit(&fixture);
}

// ---- Batches ------------------------------------------------------------------------------------

typedef struct BatchRow {
    int64_t id;
    int32_t v;
} BatchRow;

static Batch *batch_of(Fixture *fixture, const BatchRow *rows, uint32_t count, uint32_t bytes) {
    static const Oid types[COLUMN_COUNT] = {TYPE_INT8, TYPE_INT4, TYPE_TEXT};
    Batch *batch = batch_make(&fixture->arena, types, COLUMN_COUNT, false);
    char *text = arena_allocate(&fixture->arena, bytes + 1, 1);
    memset(text, 'x', bytes);
    for (uint32_t i = 0; i < count; i++) {
        Value values[COLUMN_COUNT] = {{.datum = {.int8 = rows[i].id}},
            {.datum = {.int4 = rows[i].v}, .is_null = rows[i].v < 0},
            {.datum = {.view = view_make(text, bytes)}, .is_null = bytes == 0}};
        batch_append_values(batch, &fixture->arena, values);
    }
    return batch;
}

// The first row in the batch's order that conflicts is told of, with whatever it conflicts.
TEST(table, a_batch_fails_at_its_first_row_that_conflicts) {
    Fixture fixture;
    fixture_init(&fixture);
    Txn *txn = begin(&fixture);
    const IndexSchema unique_v = {.index_number = 3,
        .object = 203,
        .name = "t_v_key",
        .is_unique = true,
        .column_count = 1,
        .columns = v_column,
        .keys = v_key,
        .column_names = v_name};
    assert_ok(table_index_create(fixture.set, txn, (StoreId){STORE}, &unique_v));
    commit(txn);
    static const BatchRow rows[] = {{1, 1}, {2, 2}, {3, -1}, {4, -1}, {5, 1}, {6, 3}, {2, 9}};
    static const BatchRow other[] = {{1, 1}, {2, 2}, {1, 5}, {4, 2}};
    uint32_t done;
    txn = begin(&fixture);
    Batch *batch = batch_of(&fixture, rows, 7, 20);
    assert_int_equal(table_insert_batch(txn, fixture.table, batch, &done), UNIQUE_VIOLATION);
    assert_int_equal(done, 4);
    assert_string_equal(
        error_get()->message, "duplicate key value violates unique constraint \"t_v_key\"");
    assert_string_equal(error_get()->detail, "Key (v)=(1) already exists.");
    txn_statement_rollback(txn);
    assert_ok(txn_statement_begin(txn));
    batch = batch_of(&fixture, other, 4, 0);
    assert_int_equal(table_insert_batch(txn, fixture.table, batch, &done), UNIQUE_VIOLATION);
    assert_int_equal(done, 2);
    assert_string_equal(
        error_get()->message, "duplicate key value violates unique constraint \"t_pkey\"");
    txn_statement_rollback(txn);
    // Nothing of either is left.
    assert_ok(txn_statement_begin(txn));
    batch = batch_of(&fixture, rows, 4, 20);
    assert_ok(table_insert_batch(txn, fixture.table, batch, &done));
    assert_int_equal(done, 4);
    commit(txn);
    error_clear();
    fixture_deinit(&fixture);
}

// Long values end a page early, and one that is longer than a page may be has one of its own.
TEST(table, a_batch_of_long_values_goes_into_many_pages) {
    Fixture fixture;
    fixture_init(&fixture);
    static const uint32_t sizes[] = {0, 12, 13, 300, 5000, 70000, 200000};
    int64_t id = 0;
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        BatchRow rows[150];
        uint32_t count = sizes[i] > 1000 ? 20 : 150;
        for (uint32_t j = 0; j < count; j++, id++)
            rows[j] = (BatchRow){id, (int32_t)(id % 7)};
        Txn *txn = begin(&fixture);
        uint32_t done;
        assert_ok(table_insert_batch(
            txn, fixture.table, batch_of(&fixture, rows, count, sizes[i]), &done));
        commit(txn);
    }
    Txn *txn = begin(&fixture);
    Batch *batch = table_batch_make(&fixture.arena, fixture.table, all_columns);
    for (int64_t i = 0; i < id; i++) {
        Value key = {.datum = {.int8 = i}};
        assert_ok(table_find_key(fixture.table, txn_snapshot(txn), all_columns, 1, &key, batch));
        assert_int_equal(batch->row_count, 1);
        assert_int_equal(column_get(&batch->columns[1], 0).datum.int4, i % 7);
        Value text = column_get(&batch->columns[2], 0);
        uint32_t bytes = i < 600 ? sizes[i / 150] : sizes[4 + (i - 600) / 20];
        assert_int_equal(text.is_null, bytes == 0);
        if (bytes == 0) continue;
        assert_int_equal(text.datum.view.count, bytes);
        assert_int_equal(view_data(&text.datum.view)[bytes - 1], 'x');
    }
    batch_release_pins(batch);
    commit(txn);
    txn = begin(&fixture);
    static const BatchRow too_long[] = {{100000, 1}, {100001, 1}};
    uint32_t done;
    batch = batch_of(&fixture, too_long, 2, 20);
    View *views = batch->columns[2].values;
    char *text = arena_allocate(&fixture.arena, EXTENT_BYTES_MAX, 1);
    memset(text, 'x', EXTENT_BYTES_MAX);
    views[1] = view_make(text, EXTENT_BYTES_MAX);
    assert_int_equal(table_insert_batch(txn, fixture.table, batch, &done), PROGRAM_LIMIT_EXCEEDED);
    assert_int_equal(done, 1);
    txn_rollback(txn);
    error_clear();
    fixture_deinit(&fixture);
}

TEST_MAIN(TEST_OF(table, a_batch_fails_at_its_first_row_that_conflicts),
    TEST_OF(table, a_batch_of_long_values_goes_into_many_pages), TEST_OF(table, a_row_travels),
    TEST_OF(table, rollback_leaves_no_trace),
    TEST_OF(table, a_savepoint_takes_back_what_came_after_it),
    TEST_OF(table, a_duplicate_key_is_refused_with_postgresql_s_words),
    TEST_OF(table, p06_key_deleted_and_inserted_again_is_there_for_both),
    TEST_OF(table, repeatable_read_refuses_what_others_have_changed),
    TEST_OF(table, index_ranges_hold_what_they_should),
    TEST_OF(table, strings_of_every_length_come_by_index))
