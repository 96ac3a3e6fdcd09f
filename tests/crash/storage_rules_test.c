// Findings of the design's storage rules as schedules, one test each: pNN is the finding's number.
// docs/testing.md lists all of them, and the broken build that each must catch.
//
// Every test has a database on a simulated disk, without a background thread, so that collection
// and checkpoints happen where the schedule has them.
#include "base/error.h"
#include "base/log.h"
#include "base/test.h"
#include "engine/engine_internal.h"
#include "os/simulated_disk.h"
#include "rows/row_store_internal.h"
#include "table/table_internal.h"

#include <stdlib.h>

enum { COLUMN_COUNT = 3, LONG_TEXT = 3000 };

static const char PATH[] = "rules.omen";

// ---- The table: (id bigint primary key, v integer, t text), with an index over v ----------------

static const StoreColumn columns[COLUMN_COUNT] = {
    {.type = {TYPE_INT8, -1}}, {.type = {TYPE_INT4, -1}}, {.type = {TYPE_TEXT, -1}}};
static const KeyColumn id_key[] = {{.type = TYPE_INT8}};
static const KeyColumn v_key[] = {{.type = TYPE_INT4, .is_nullable = true}};
static const uint16_t id_column[] = {0}, v_column[] = {1};
static const char *const id_name[] = {"id"}, *const v_name[] = {"v"};
static const uint64_t all_columns[] = {7};

static const IndexSchema indexes[] = {
    {.index_number = 1,
        .object = 20001,
        .name = "t_pkey",
        .is_unique = true,
        .is_primary = true,
        .column_count = 1,
        .columns = id_column,
        .keys = id_key,
        .column_names = id_name},
    {.index_number = 2,
        .object = 20002,
        .name = "t_v_idx",
        .column_count = 1,
        .columns = v_column,
        .keys = v_key,
        .column_names = v_name},
};

static const IndexSchema late_index = {.index_number = 3,
    .object = 20003,
    .name = "t_v_late",
    .column_count = 1,
    .columns = v_column,
    .keys = v_key,
    .column_names = v_name};

static const StoreSchema schema = {.object = 20000,
    .schema_name = "public",
    .table_name = "t",
    .column_count = COLUMN_COUNT,
    .columns = columns,
    .index_count = 2,
    .indexes = indexes};

typedef struct Fixture {
    SimulatedDisk *disk;
    Database *database;
    TxnSystem *txns;
    StoreId store;
    Table *table;
    Arena arena;
    uint64_t memory_bytes;
} Fixture;

static void fixture_open(Fixture *fixture) {
    DatabaseOptions options = {
        .environment = environment_real(),
        .memory_limit_bytes = fixture->memory_bytes,
        .wal_file_bytes = 1 << 20,
        .wal_ring_bytes = 1 << 18,
        .no_background = true,
    };
    options.environment.files = simulated_disk_files(fixture->disk);
    assert_ok(database_open(PATH, &options, &fixture->database));
    fixture->txns = database_txns(fixture->database);
    fixture->table = table_find(database_tables(fixture->database), fixture->store);
}

static Txn *begin_at(Fixture *fixture, Isolation isolation) {
    TxnOptions options = {.isolation = isolation,
        .is_synchronous = true,
        .lock_timeout_us = 3 * 1000 * 1000,
        .deadlock_timeout_us = 1000 * 1000};
    Txn *txn;
    assert_ok(txn_begin(fixture->txns, options, &txn));
    assert_ok(txn_statement_begin(txn));
    return txn;
}

static Txn *begin(Fixture *fixture) {
    return begin_at(fixture, ISOLATION_READ_COMMITTED);
}

static void commit(Txn *txn) {
    txn_statement_end(txn);
    assert_ok(txn_commit(txn));
}

static void rollback(Txn *txn) {
    txn_statement_end(txn);
    txn_rollback(txn);
}

static void fixture_init_small(Fixture *fixture, uint64_t memory_bytes) {
    *fixture = (Fixture){.memory_bytes = memory_bytes};
    log_set_severity(LOG_OFF);
    arena_init(&fixture->arena, NULL);
    assert_ok(simulated_disk_create(&fixture->disk));
    fixture_open(fixture);
    Txn *txn = begin(fixture);
    assert_ok(
        table_store_create(database_tables(fixture->database), txn, &schema, &fixture->store));
    commit(txn);
    fixture->table = table_find(database_tables(fixture->database), fixture->store);
}

static void fixture_init(Fixture *fixture) {
    fixture_init_small(fixture, 64 << 20);
}

static void fixture_deinit(Fixture *fixture) {
    database_close(fixture->database);
    simulated_disk_destroy(fixture->disk);
    arena_deinit(&fixture->arena);
}

static void row_values(int64_t id, int32_t v, View text, Value *values) {
    memset(values, 0, sizeof(Value) * COLUMN_COUNT);
    values[0].datum.int8 = id;
    values[1].datum.int4 = v;
    values[2].datum.view = text;
}

static Status insert(Fixture *fixture, Txn *txn, int64_t id, int32_t v, View text, RowId *row_out) {
    Value values[COLUMN_COUNT];
    row_values(id, v, text, values);
    return table_insert(txn, fixture->table, values, NULL, row_out, NULL, NULL);
}

// Rows 0 to count - 1, committed, each with v = 1 and a short text; returns row 0.
static RowId insert_rows(Fixture *fixture, int count) {
    Txn *txn = begin(fixture);
    RowId first = {0}, row;
    for (int i = 0; i < count; i++) {
        assert_ok(insert(fixture, txn, i, 1, view_from_text("short"), &row));
        if (i == 0) first = row;
    }
    commit(txn);
    return first;
}

static Status update_v(Fixture *fixture, Txn *txn, RowId row, int32_t v) {
    Value values[COLUMN_COUNT];
    row_values(0, v, view_from_text(""), values);
    uint64_t changed = 2;
    WriteOutcome outcome;
    return table_update(txn, fixture->table, row, txn_snapshot(txn), &changed, values, &outcome);
}

static void update_text(Fixture *fixture, Txn *txn, RowId row, View text) {
    Value values[COLUMN_COUNT];
    row_values(0, 0, text, values);
    uint64_t changed = 4;
    WriteOutcome outcome;
    assert_ok(
        table_update(txn, fixture->table, row, txn_snapshot(txn), &changed, values, &outcome));
    assert_int_equal(outcome, WRITE_DONE);
}

// Of the first row of a scan.
static int32_t first_v(Fixture *fixture, Txn *txn) {
    Batch *batch = table_batch_make(&fixture->arena, fixture->table, all_columns);
    TableScan *scan;
    assert_ok(
        table_scan_open(fixture->table, txn_snapshot(txn), all_columns, &fixture->arena, &scan));
    assert_ok(table_scan_next(scan, batch));
    assert_true(batch->row_count > 0);
    int32_t v = column_get(&batch->columns[1], 0).datum.int4;
    table_scan_close(scan);
    batch_release_pins(batch);
    return v;
}

static uint64_t entries_over_v(const Fixture *fixture) {
    return learned_index_entry_count(table_definition(fixture->table)->indexes[1]->learned);
}

static void collect_all(Fixture *fixture) {
    while (txn_system_collect(fixture->txns, 1000)) {}
}

// ---- 8: an entry is added again while it is being removed ---------------------------------------

typedef struct Readd {
    LearnedIndex *index;
    Bytes key;
    Thread *thread;
} Readd;

static void readd_run(void *argument) {
    Readd *readd = argument;
    assert_ok(learned_index_add(readd->index, readd->key, (RowId){7}));
}

// The row has no version with the key; from now on it has one again.
static KeyState readd_is_needed(void *argument, Bytes key, RowId row) {
    (void)key;
    (void)row;
    Readd *readd = argument;
    assert_ok(thread_start("add", 0, readd_run, readd, &readd->thread));
    _Atomic uint32_t nothing = 0;
    word_wait(&nothing, 0, 50 * 1000); // it gets as far as it can
    return KEY_DEAD;
}

TEST(rules, p08_add_decides_under_the_lock) {
    Fixture fixture;
    fixture_init(&fixture);
    MemoryBudget budget;
    memory_budget_init(&budget, "index", SIZE_MAX / 2, NULL);
    LearnedIndexOptions options = {.key_width = 8, .incarnation = 1, .budget = &budget};
    Readd readd;
    assert_ok(learned_index_create(fixture.database->cache, options, &readd.index));
    uint8_t bytes[8] = {1};
    readd.key = bytes_make(bytes, sizeof bytes);
    assert_ok(learned_index_add(readd.index, readd.key, (RowId){7}));
    KeyProbe probe = {.is_needed = readd_is_needed, .argument = &readd};
    learned_index_remove_if(readd.index, readd.key, (RowId){7}, &probe);
    thread_join(readd.thread);
    bool is_found;
    assert_ok(learned_index_has(readd.index, readd.key, (RowId){7}, &is_found));
    assert_true(is_found);
    learned_index_drop(readd.index);
    fixture_deinit(&fixture);
}

// ---- 9: what is cut with a record, and what a close leaves --------------------------------------

typedef struct Overtaking {
    Fixture *fixture;
    RowId row;
} Overtaking;

static void overtake(void *argument, Lsn commit_lsn) {
    (void)commit_lsn;
    Overtaking *overtaking = argument;
    Txn *txn = begin(overtaking->fixture);
    assert_ok(update_v(overtaking->fixture, txn, overtaking->row, 3));
    commit(txn);
}

// 1 -> 2 by one transaction, 2 -> 3 by another, which ends first: its record is collected first,
// and cuts the other's off.
TEST(rules, p09_collection_removes_the_keys_of_all_it_cuts) {
    Fixture fixture;
    fixture_init(&fixture);
    Overtaking overtaking = {.fixture = &fixture, .row = insert_rows(&fixture, 1)};
    collect_all(&fixture);
    Txn *txn = begin(&fixture);
    assert_ok(update_v(&fixture, txn, overtaking.row, 2));
    txn_add_action(txn, (TxnAction){.on_commit = overtake, .argument = &overtaking});
    commit(txn); // the other one's commit lies within
    assert_int_equal(entries_over_v(&fixture), 3);
    (void)txn_system_collect(fixture.txns, 1);
    // The row has no versions any more: an exact leaf must have its one entry alone.
    assert_int_equal(entries_over_v(&fixture), 1);
    collect_all(&fixture);
    assert_int_equal(entries_over_v(&fixture), 1);
    fixture_deinit(&fixture);
}

TEST(rules, p09_clean_close_leaves_no_entries_to_remove) {
    Fixture fixture;
    fixture_init(&fixture);
    RowId row = insert_rows(&fixture, 1);
    for (int32_t v = 2; v < 5; v++) {
        Txn *txn = begin(&fixture);
        assert_ok(update_v(&fixture, txn, row, v));
        commit(txn);
    }
    assert_true(entries_over_v(&fixture) > 1);
    database_close(fixture.database);
    fixture_open(&fixture);
    assert_int_equal(entries_over_v(&fixture), 1);
    fixture_deinit(&fixture);
}

// ---- 10: rollback when the index cannot be read -------------------------------------------------

TEST(rules, p10_rollback_goes_on_without_an_index_leaf) {
    Fixture fixture;
    fixture_init(&fixture);
    RowId row = insert_rows(&fixture, 3);
    collect_all(&fixture);
    Txn *txn = begin(&fixture);
    assert_ok(update_v(&fixture, txn, row, 2));
    cache_make_room(fixture.database->cache, SIZE_MAX / 4); // the leaves go, the row's page stays
    epoch_advance(fixture.database->epochs);
    for (uint64_t offset = 64 << 10; simulated_disk_flip_bit(fixture.disk, PATH, offset, 0);)
        offset += STORE_BLOCK_BYTES;
    rollback(txn);
    txn = begin(&fixture);
    assert_int_equal(first_v(&fixture, txn), 1);
    Batch *batch = table_batch_make(&fixture.arena, fixture.table, all_columns);
    Value key = {.datum = {.int8 = 0}};
    assert_fails(INDEX_CORRUPTED, // the leaf was indeed not to be had
        table_find_key(fixture.table, txn_snapshot(txn), all_columns, 1, &key, batch));
    commit(txn);
    fixture_deinit(&fixture);
}

// ---- 14: whoever waits for a row depends on the log, not on the other's session -----------------

typedef struct Waiter {
    Fixture *fixture;
    Txn *txn;
    RowId row;
    Status status;
} Waiter;

static void waiter_run(void *argument) {
    Waiter *waiter = argument;
    waiter->status = update_v(waiter->fixture, waiter->txn, waiter->row, 9);
    error_clear();
    txn_statement_end(waiter->txn);
    if (waiter->status == OK) {
        waiter->status = txn_commit(waiter->txn);
        error_clear();
    } else {
        txn_rollback(waiter->txn);
    }
}

static Thread *waiter_start(Waiter *waiter, Fixture *fixture, RowId row) {
    *waiter = (Waiter){.fixture = fixture, .txn = begin(fixture), .row = row};
    Thread *thread;
    assert_ok(thread_start("waiter", 0, waiter_run, waiter, &thread));
    _Atomic uint32_t nothing = 0;
    word_wait(&nothing, 0, 50 * 1000);
    return thread;
}

typedef struct Waiting {
    Waiter waiter;
    Thread *thread;
} Waiting;

// The commit is durable, and its session does nothing more before the waiter has ended.
static void let_waiter_end(void *argument, Lsn commit_lsn) {
    (void)commit_lsn;
    thread_join(((Waiting *)argument)->thread);
}

TEST(rules, p14_lock_waiter_goes_on_before_the_commit_is_finished) {
    Fixture fixture;
    fixture_init(&fixture);
    RowId row = insert_rows(&fixture, 1);
    Txn *txn = begin(&fixture);
    assert_ok(update_v(&fixture, txn, row, 2));
    Waiting waiting;
    txn_add_action(txn, (TxnAction){.on_commit = let_waiter_end, .argument = &waiting});
    waiting.thread = waiter_start(&waiting.waiter, &fixture, row);
    commit(txn);
    assert_int_equal(waiting.waiter.status, OK);
    fixture_deinit(&fixture);
}

// ---- 15: one horizon of what is visible ---------------------------------------------------------

TEST(rules, p15_asynchronous_commit_is_visible_to_all_at_once) {
    Fixture fixture;
    fixture_init(&fixture);
    RowId row = insert_rows(&fixture, 1);
    TxnOptions options = {.lock_timeout_us = 1000 * 1000, .deadlock_timeout_us = 1000 * 1000};
    Txn *txn;
    assert_ok(txn_begin(fixture.txns, options, &txn));
    assert_ok(txn_statement_begin(txn));
    assert_ok(update_v(&fixture, txn, row, 2));
    commit(txn);
    assert_true(wal_durable(fixture.database->wal).value < wal_tail(fixture.database->wal).value);
    Txn *other = begin(&fixture);
    assert_int_equal(first_v(&fixture, other), 2);
    commit(other);
    other = begin_at(&fixture, ISOLATION_REPEATABLE_READ);
    assert_ok(update_v(&fixture, other, row, 3)); // no 40001
    commit(other);
    fixture_deinit(&fixture);
}

// ---- 16: views and versions outlive the page they come from -------------------------------------

static View long_text(Fixture *fixture, char letter) {
    char *text = arena_new_array(&fixture->arena, char, LONG_TEXT);
    memset(text, letter, LONG_TEXT);
    return view_make(text, LONG_TEXT);
}

TEST(rules, p16_batch_keeps_the_page_that_its_views_borrow) {
    Fixture fixture;
    fixture_init(&fixture);
    Txn *txn = begin(&fixture);
    RowId row;
    assert_ok(insert(&fixture, txn, 0, 1, long_text(&fixture, 'a'), &row));
    commit(txn);
    collect_all(&fixture);
    Txn *reader = begin_at(&fixture, ISOLATION_REPEATABLE_READ);
    Batch *batch = table_batch_make(&fixture.arena, fixture.table, all_columns);
    TableScan *scan;
    assert_ok(
        table_scan_open(fixture.table, txn_snapshot(reader), all_columns, &fixture.arena, &scan));
    assert_ok(table_scan_next(scan, batch));
    assert_int_equal(batch->row_count, 1);
    // Each update needs room again, so the page is replaced several times.
    for (int i = 0; i < 100; i++) {
        txn = begin(&fixture);
        update_text(&fixture, txn, row, long_text(&fixture, (char)('b' + i % 20)));
        commit(txn);
        epoch_advance(fixture.database->epochs);
    }
    View expected = long_text(&fixture, 'a');
    Value found = column_get(&batch->columns[2], 0);
    assert_true(view_equal(&found.datum.view, &expected));
    table_scan_close(scan);
    batch_release_pins(batch);
    // And the old version, put together from what the records hold, is still whole.
    assert_ok(
        table_scan_open(fixture.table, txn_snapshot(reader), all_columns, &fixture.arena, &scan));
    assert_ok(table_scan_next(scan, batch));
    found = column_get(&batch->columns[2], 0);
    assert_true(view_equal(&found.datum.view, &expected));
    table_scan_close(scan);
    batch_release_pins(batch);
    commit(reader);
    fixture_deinit(&fixture);
}

// A writer waits for the latch of a page that is replaced meanwhile.
TEST(rules, p16_writer_goes_back_to_the_slot_of_a_replaced_page) {
    Fixture fixture;
    fixture_init(&fixture);
    RowId row = insert_rows(&fixture, 1);
    collect_all(&fixture);
    RowStore *rows = fixture.table->rows;
    RowPlace place = row_place(rows, row);
    CacheFrame *fresh;
    uint32_t bytes = page_of(cache_find(&place.slot->cache))->frame.bytes;
    assert_ok(cache_frame_create(fixture.database->cache, &row_page_kind, rows, bytes, &fresh));
    RowPage *page = page_try_lock_resident(rows, place.slot);
    Waiter waiter;
    Thread *thread = waiter_start(&waiter, &fixture, row);
    memcpy(page_of(fresh)->bytes, page->bytes, page_header(page)->heap_end);
    page_changed(&place, page_of(fresh));
    cache_replace(fixture.database->cache, &place.slot->cache, &page->frame, fresh);
    epoch_leave(fixture.database->epochs);
    cache_unpin(fresh);
    thread_join(thread);
    assert_int_equal(waiter.status, OK);
    Txn *txn = begin(&fixture);
    assert_int_equal(first_v(&fixture, txn), 9);
    commit(txn);
    fixture_deinit(&fixture);
}

// ---- 17: pages do not outgrow their limit -------------------------------------------------------

TEST(rules, p17_wide_rows_are_spread_over_pages) {
    Fixture fixture;
    fixture_init(&fixture);
    // Narrow rows first, so that many to a page are expected.
    (void)insert_rows(&fixture, 3000);
    Txn *txn = begin(&fixture);
    for (int i = 3000; i < 3400; i++) {
        RowId row;
        assert_ok(insert(&fixture, txn, i, 1, long_text(&fixture, 'w'), &row));
        RowPlace place = row_place(fixture.table->rows, row);
        epoch_enter(fixture.database->epochs);
        RowPage *page = page_of(cache_find(&place.slot->cache));
        assert_true(page_header(page)->bytes <= 256 << 10);
        epoch_leave(fixture.database->epochs);
    }
    commit(txn);
    fixture_deinit(&fixture);
}

// ---- 18: definitions and old snapshots ----------------------------------------------------------

TEST(rules, p18_index_is_not_used_by_a_snapshot_older_than_it) {
    Fixture fixture;
    fixture_init(&fixture);
    RowId row = insert_rows(&fixture, 1);
    Txn *reader = begin_at(&fixture, ISOLATION_REPEATABLE_READ);
    assert_int_equal(first_v(&fixture, reader), 1);
    Txn *txn = begin(&fixture);
    assert_ok(update_v(&fixture, txn, row, 2));
    commit(txn);
    txn = begin(&fixture);
    TableSet *set = database_tables(fixture.database);
    assert_ok(table_index_create(set, txn, fixture.store, &late_index));
    commit(txn);
    // It has an entry for 2 alone: by it, the reader would find nothing.
    IndexRange range = {.index_number = 3};
    IndexScan *scan;
    assert_fails(SERIALIZATION_FAILURE, table_index_scan_open(fixture.table, txn_snapshot(reader),
                                            all_columns, &range, &fixture.arena, &scan));
    commit(reader);
    txn = begin(&fixture);
    assert_ok(table_index_scan_open(
        fixture.table, txn_snapshot(txn), all_columns, &range, &fixture.arena, &scan));
    table_index_scan_close(scan);
    commit(txn);
    fixture_deinit(&fixture);
}

static void drop_beside(void *argument) {
    Fixture *fixture = argument;
    TableSet *set = database_tables(fixture->database);
    Txn *txn = begin(fixture);
    assert_ok(table_store_drop(set, txn, fixture->store));
    commit(txn);
    txn_system_snapshots_move_on(fixture->txns);
    collect_all(fixture);
    tables_free_dropped(set);
}

// Inside the first write of the data file, when the flip is over.
static void drop_in_call(void *argument, uint64_t call, const char *path) {
    (void)call;
    Fixture *fixture = argument;
    if (strstr(path, "-wal") != NULL) return;
    simulated_disk_set_hook(fixture->disk, NULL, NULL);
    Thread *thread;
    assert_ok(thread_start("beside", 0, drop_beside, fixture, &thread));
    thread_join(thread);
}

TEST(rules, p18_checkpoint_keeps_the_tables_of_its_flip) {
    Fixture fixture;
    fixture_init(&fixture);
    (void)insert_rows(&fixture, 2000);
    simulated_disk_set_hook(fixture.disk, drop_in_call, &fixture);
    assert_ok(database_checkpoint(fixture.database));
    database_close(fixture.database);
    fixture_open(&fixture);
    assert_null(fixture.table);
    fixture_deinit(&fixture);
}

// ---- 21: the log has failed ---------------------------------------------------------------------

TEST(rules, p21_failed_log_ends_waits_and_shows_nothing) {
    Fixture fixture;
    fixture_init(&fixture);
    RowId row = insert_rows(&fixture, 2);
    Txn *holder = begin(&fixture);
    assert_ok(update_v(&fixture, holder, row, 2));
    Waiter waiter;
    Thread *thread = waiter_start(&waiter, &fixture, row);
    Txn *txn = begin(&fixture);
    assert_ok(insert(&fixture, txn, 100, 5, view_from_text("lost"), &row));
    simulated_disk_fail_at(
        fixture.disk, simulated_disk_call_count(fixture.disk) + 1, FAULT_IO, true);
    txn_statement_end(txn);
    assert_int_equal(txn_commit(txn), TRANSACTION_RESOLUTION_UNKNOWN);
    error_clear();
    thread_join(thread); // the holder has neither committed nor rolled back
    assert_int_equal(waiter.status, IO_ERROR);
    txn = begin(&fixture);
    Batch *batch = table_batch_make(&fixture.arena, fixture.table, all_columns);
    Value key = {.datum = {.int8 = 100}};
    assert_ok(table_find_key(fixture.table, txn_snapshot(txn), all_columns, 1, &key, batch));
    assert_int_equal(batch->row_count, 0); // it may be in the log, but nobody knows
    batch_release_pins(batch);
    rollback(txn);
    rollback(holder);
    uint64_t calls = simulated_disk_call_count(fixture.disk);
    database_close(fixture.database);
    assert_int_equal(simulated_disk_call_count(fixture.disk), calls); // closing writes nothing
    simulated_disk_restart(fixture.disk, CRASH_EVERYTHING, 1);
    fixture_open(&fixture);
    txn = begin(&fixture);
    assert_int_equal(first_v(&fixture, txn), 1);
    commit(txn);
    fixture_deinit(&fixture);
}

TEST(rules, p21_full_disk_refuses_the_commit_and_nothing_else) {
    Fixture fixture;
    fixture_init(&fixture);
    RowId row = insert_rows(&fixture, 1);
    simulated_disk_set_limit(fixture.disk, 1);
    Status status = OK;
    for (int32_t v = 2; v < 4000 && status == OK; v++) {
        Txn *txn = begin(&fixture);
        update_text(&fixture, txn, row, long_text(&fixture, 'f'));
        txn_statement_end(txn);
        status = txn_commit(txn);
    }
    assert_int_equal(status, DISK_FULL);
    error_clear();
    simulated_disk_set_limit(fixture.disk, 0);
    Txn *txn = begin(&fixture);
    assert_ok(update_v(&fixture, txn, row, 5));
    commit(txn);
    txn = begin(&fixture);
    assert_int_equal(first_v(&fixture, txn), 5);
    commit(txn);
    fixture_deinit(&fixture);
}

// ---- 23: a transaction that is larger than the cache --------------------------------------------

// Pages with versions stay in memory (docs/decisions.md), so it is refused, and nothing is lost.
TEST(rules, r23_transaction_larger_than_the_cache_is_refused) {
    Fixture fixture;
    fixture_init_small(&fixture, 12 << 20);
    (void)insert_rows(&fixture, 10);
    Txn *txn = begin(&fixture);
    Status status = OK;
    for (int i = 0; i < 40000 && status == OK; i++) {
        RowId row;
        status = insert(&fixture, txn, 1000 + i, 1, long_text(&fixture, 'l'), &row);
    }
    assert_int_equal(status, OUT_OF_MEMORY);
    error_clear();
    txn_statement_rollback(txn);
    txn_rollback(txn);
    collect_all(&fixture);
    database_close(fixture.database);
    fixture_open(&fixture);
    txn = begin(&fixture);
    Batch *batch = table_batch_make(&fixture.arena, fixture.table, all_columns);
    TableScan *scan;
    assert_ok(
        table_scan_open(fixture.table, txn_snapshot(txn), all_columns, &fixture.arena, &scan));
    uint32_t count = 0;
    do {
        assert_ok(table_scan_next(scan, batch));
        count += batch->row_count;
    } while (batch->row_count > 0);
    assert_int_equal(count, 10);
    table_scan_close(scan);
    batch_release_pins(batch);
    commit(txn);
    fixture_deinit(&fixture);
}

TEST_MAIN(TEST_OF(rules, p08_add_decides_under_the_lock),
    TEST_OF(rules, p09_collection_removes_the_keys_of_all_it_cuts),
    TEST_OF(rules, p09_clean_close_leaves_no_entries_to_remove),
    TEST_OF(rules, p10_rollback_goes_on_without_an_index_leaf),
    TEST_OF(rules, p14_lock_waiter_goes_on_before_the_commit_is_finished),
    TEST_OF(rules, p15_asynchronous_commit_is_visible_to_all_at_once),
    TEST_OF(rules, p16_batch_keeps_the_page_that_its_views_borrow),
    TEST_OF(rules, p16_writer_goes_back_to_the_slot_of_a_replaced_page),
    TEST_OF(rules, p17_wide_rows_are_spread_over_pages),
    TEST_OF(rules, p18_index_is_not_used_by_a_snapshot_older_than_it),
    TEST_OF(rules, p18_checkpoint_keeps_the_tables_of_its_flip),
    TEST_OF(rules, p21_failed_log_ends_waits_and_shows_nothing),
    TEST_OF(rules, p21_full_disk_refuses_the_commit_and_nothing_else),
    TEST_OF(rules, r23_transaction_larger_than_the_cache_is_refused))
