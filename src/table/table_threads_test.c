// Tables under several threads: waits, deadlocks, uniqueness, and sums that must hold in every
// snapshot while others write, collect and make images.
#include "base/random.h"
#include "base/test.h"
#include "os/environment.h"
#include "os/thread.h"
#include "table/table.h"
#include "txn/undo.h"

#include <stdlib.h>

enum { COLUMN_COUNT = 3, STORE = 100, THREAD_COUNT = 4, ACCOUNT_COUNT = 40, BALANCE = 1000 };

typedef struct Fixture {
    EpochSet *epochs;
    Wal *wal;
    Store *store;
    Cache *cache;
    MemoryBudget budget, cache_budget, undo_budget;
    TxnSystem *txns;
    TableSet *set;
    Table *table;
    uint32_t row_count; // those with a balance and others with none
    _Atomic bool must_stop;
    _Atomic uint32_t deadlocks, commits, duplicates, sums;
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

static void fixture_init_with(Fixture *fixture, size_t cache_bytes) {
    memset(fixture, 0, sizeof *fixture);
    fixture->row_count = ACCOUNT_COUNT;
    memory_budget_init(&fixture->budget, "control", SIZE_MAX / 2, NULL);
    memory_budget_init(&fixture->cache_budget, "cache", cache_bytes, NULL);
    memory_budget_init(&fixture->undo_budget, "undo", 256 << 20, NULL);
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
}

static void fixture_init(Fixture *fixture) {
    fixture_init_with(fixture, 512 << 20);
}

static void fixture_deinit(Fixture *fixture) {
    Arena arena;
    arena_init(&arena, NULL);
    Text findings;
    text_init(&findings, &arena);
    if (table_set_check(fixture->set, &findings) != OK) print_error("%s", findings.data);
    assert_int_equal(findings.count, 0);
    arena_deinit(&arena);
    table_set_destroy(fixture->set);
    txn_system_destroy(fixture->txns);
    assert_int_equal(memory_budget_used(&fixture->undo_budget), 0);
    for (int i = 0; i < 4; i++)
        epoch_advance(fixture->epochs);
    cache_destroy(fixture->cache);
    store_close(fixture->store);
    wal_close(fixture->wal);
    epoch_set_destroy(fixture->epochs);
}

static Txn *begin_at(Fixture *fixture, Isolation isolation) {
    Txn *txn;
    TxnOptions options = {.isolation = isolation,
        .is_synchronous = true,
        .lock_timeout_us = 20 * 1000 * 1000,
        .deadlock_timeout_us = 1000 * 1000};
    assert_ok(txn_begin(fixture->txns, options, &txn));
    assert_ok(txn_statement_begin(txn));
    return txn;
}

static void commit(Txn *txn) {
    txn_statement_end(txn);
    assert_ok(txn_commit(txn));
}

static void roll_back(Txn *txn) {
    error_clear();
    txn_statement_rollback(txn);
    txn_rollback(txn);
}

static Status insert(Fixture *fixture, Txn *txn, int64_t id, int32_t v, RowId *row_out) {
    Value values[COLUMN_COUNT] = {{.datum = {.int8 = id}}, {.datum = {.int4 = v}},
        {.datum = {.view = view_from_text("some text beyond a view")}}};
    return table_insert(txn, fixture->table, values, NULL, row_out, NULL, NULL);
}

// A batch of one's own for each thread.
typedef struct Reader {
    Arena arena;
    Batch *batch;
} Reader;

static void reader_init(Fixture *fixture, Reader *reader) {
    arena_init(&reader->arena, NULL);
    reader->batch = table_batch_make(&reader->arena, fixture->table, all_columns);
}

static void reader_deinit(Reader *reader) {
    batch_release_pins(reader->batch);
    arena_deinit(&reader->arena);
}

// Adds `amount` to the row with this id; what a READ COMMITTED statement does, re-check included.
static Status add(
    Fixture *fixture, Reader *reader, Txn *txn, int64_t id, int32_t amount, bool *is_done_out) {
    *is_done_out = false;
    Value key = {.datum = {.int8 = id}};
    Snapshot seen = txn_snapshot(txn);
    TRY(table_find_key(fixture->table, seen, all_columns, 1, &key, reader->batch));
    if (reader->batch->row_count == 0) return OK;
    RowId row = reader->batch->row_ids[0];
    int32_t v = column_get(&reader->batch->columns[1], 0).datum.int4;
    for (;;) {
        Value values[COLUMN_COUNT] = {{.is_null = true}, {.datum = {.int4 = v + amount}}};
        uint64_t changed = 2;
        WriteOutcome outcome;
        TRY(table_update(txn, fixture->table, row, seen, &changed, values, &outcome));
        if (outcome == WRITE_DONE) {
            *is_done_out = true;
            return OK;
        }
        if (outcome != WRITE_CHANGED) return OK;
        bool is_found;
        TRY(table_fetch_newest(txn, fixture->table, row, all_columns, reader->batch, &is_found));
        if (!is_found) return OK;
        v = column_get(&reader->batch->columns[1], 0).datum.int4;
    }
}

typedef struct Worker {
    Fixture *fixture;
    uint64_t seed;
    Thread *thread;
} Worker;

static void start(Fixture *fixture, Worker *workers, uint32_t count, void (*run)(void *)) {
    for (uint32_t i = 0; i < count; i++) {
        workers[i].fixture = fixture;
        workers[i].seed = i + 1;
        assert_ok(thread_start("worker", 0, run, &workers[i], &workers[i].thread));
    }
}

static void join(Worker *workers, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        thread_join(workers[i].thread);
}

// ---- Transfers ----------------------------------------------------------------------------------

static void transfer_run(void *argument) {
    Worker *worker = argument;
    Fixture *fixture = worker->fixture;
    Random random;
    random_seed(&random, worker->seed);
    Reader reader;
    reader_init(fixture, &reader);
    for (int i = 0; i < 300; i++) {
        int64_t from = (int64_t)random_below(&random, ACCOUNT_COUNT);
        int64_t to = (int64_t)random_below(&random, ACCOUNT_COUNT);
        if (from == to) continue;
        Isolation isolation =
            random_below(&random, 3) == 0 ? ISOLATION_REPEATABLE_READ : ISOLATION_READ_COMMITTED;
        Txn *txn = begin_at(fixture, isolation);
        bool is_done;
        Status status = add(fixture, &reader, txn, from, -1, &is_done);
        txn_command_increment(txn);
        if (status == OK) status = add(fixture, &reader, txn, to, 1, &is_done);
        if (status != OK) {
            assert_true(status == DEADLOCK_DETECTED || status == SERIALIZATION_FAILURE);
            if (status == DEADLOCK_DETECTED) atomic_fetch_add(&fixture->deadlocks, 1);
            roll_back(txn);
        } else if (random_below(&random, 10) == 0) {
            roll_back(txn);
        } else {
            commit(txn);
            atomic_fetch_add(&fixture->commits, 1);
        }
    }
    reader_deinit(&reader);
}

static void sum_run(void *argument) {
    Worker *worker = argument;
    Fixture *fixture = worker->fixture;
    Reader reader;
    reader_init(fixture, &reader);
    bool is_by_index = worker->seed % 2 == 0;
    while (!atomic_load(&fixture->must_stop)) {
        Txn *txn = begin_at(fixture, ISOLATION_REPEATABLE_READ);
        int64_t sum = 0;
        uint32_t count = 0;
        Arena arena;
        arena_init(&arena, NULL);
        TableScan *scan = NULL;
        IndexScan *index_scan = NULL;
        IndexRange range = {.index_number = 1};
        if (is_by_index) {
            assert_ok(table_index_scan_open(
                fixture->table, txn_snapshot(txn), all_columns, &range, &arena, &index_scan));
        } else {
            assert_ok(
                table_scan_open(fixture->table, txn_snapshot(txn), all_columns, &arena, &scan));
        }
        for (;;) {
            assert_ok(is_by_index ? table_index_scan_next(index_scan, BATCH_ROW_COUNT, reader.batch)
                                  : table_scan_next(scan, reader.batch));
            if (reader.batch->row_count == 0) break;
            count += reader.batch->row_count;
            for (uint32_t i = 0; i < reader.batch->row_count; i++) {
                sum += column_get(&reader.batch->columns[1], i).datum.int4;
                View text = column_get(&reader.batch->columns[2], i).datum.view;
                assert_int_equal(text.count, 23);
                assert_memory_equal(view_data(&text), "some text beyond a view", 23);
            }
        }
        assert_int_equal(count, fixture->row_count);
        assert_int_equal(sum, ACCOUNT_COUNT * BALANCE);
        if (is_by_index) table_index_scan_close(index_scan);
        if (!is_by_index) table_scan_close(scan);
        arena_deinit(&arena);
        commit(txn);
        atomic_fetch_add(&fixture->sums, 1);
        (void)txn_system_collect(fixture->txns, 100);
    }
    reader_deinit(&reader);
}

TEST(table, every_snapshot_sees_whole_transactions) {
    Fixture *fixture = malloc(sizeof *fixture);
    fixture_init(fixture);
    Txn *txn = begin_at(fixture, ISOLATION_READ_COMMITTED);
    RowId row;
    for (int i = 0; i < ACCOUNT_COUNT; i++)
        assert_ok(insert(fixture, txn, i, BALANCE, &row));
    commit(txn);
    Worker writers[THREAD_COUNT], readers[2];
    start(fixture, readers, 2, sum_run);
    start(fixture, writers, THREAD_COUNT, transfer_run);
    join(writers, THREAD_COUNT);
    atomic_store(&fixture->must_stop, true);
    join(readers, 2);
    assert_true(atomic_load(&fixture->commits) > 0);
    assert_true(atomic_load(&fixture->sums) > 0);
    fixture_deinit(fixture);
    free(fixture);
}

// Images one after another, as a checkpointer makes them.
static void image_run(void *argument) {
    Worker *worker = argument;
    Fixture *fixture = worker->fixture;
    ExtentRef old_refs[64];
    size_t old_count = 0;
    for (uint64_t epoch = 1; !atomic_load(&fixture->must_stop); epoch++) {
        Arena arena;
        arena_init(&arena, NULL);
        uint32_t slot;
        Snapshot snapshot = txn_system_snapshot_acquire(fixture->txns, &slot);
        CheckpointWork work = {.epoch = epoch, .snapshot = snapshot.lsn, .arena = &arena};
        CheckpointPart part = table_set_checkpoint_part(fixture->set);
        store_begin_root(fixture->store);
        part.flip(part.part, &work);
        Directory *directory = directory_make(&arena);
        assert_ok(part.write(part.part, &work, directory));
        StoreRoot root = store_root(fixture->store);
        assert_ok(directory_write(directory, fixture->store, &root.directory));
        assert_ok(store_publish(fixture->store, &root));
        part.finish(part.part, &work, true);
        txn_system_snapshot_release(fixture->txns, slot);
        for (size_t i = 0; i < old_count; i++)
            store_free(fixture->store, old_refs[i]);
        ExtentRef *refs;
        assert_ok(directory_extents(fixture->store, root.directory, &arena, &refs, &old_count));
        assert_true(old_count <= 64);
        memcpy(old_refs, refs, old_count * sizeof *refs);
        store_release(fixture->store);
        arena_deinit(&arena);
        clock_sleep_us(clock_real(), 2000);
    }
}

TEST(table, p16_images_and_eviction_disturb_nobody) {
    Fixture *fixture = malloc(sizeof *fixture);
    fixture_init_with(fixture, 900 << 10);
    RowId row;
    Txn *txn = begin_at(fixture, ISOLATION_READ_COMMITTED);
    for (int i = 0; i < ACCOUNT_COUNT; i++)
        assert_ok(insert(fixture, txn, i, BALANCE, &row));
    commit(txn);
    for (int i = 0; i < 100; i++) {
        txn = begin_at(fixture, ISOLATION_READ_COMMITTED);
        for (int j = 0; j < 60; j++) {
            assert_ok(insert(fixture, txn, 1000 + i * 60 + j, 0, &row));
        }
        commit(txn);
        (void)txn_system_collect(fixture->txns, 1000);
    }
    fixture->row_count += 6000;
    Worker writers[THREAD_COUNT], readers[2], imager;
    start(fixture, &imager, 1, image_run);
    start(fixture, readers, 2, sum_run);
    start(fixture, writers, THREAD_COUNT, transfer_run);
    join(writers, THREAD_COUNT);
    atomic_store(&fixture->must_stop, true);
    join(readers, 2);
    join(&imager, 1);
    fixture_deinit(fixture);
    free(fixture);
}

// ---- Uniqueness ---------------------------------------------------------------------------------

static void insert_run(void *argument) {
    Worker *worker = argument;
    Fixture *fixture = worker->fixture;
    Random random;
    random_seed(&random, worker->seed);
    for (int i = 0; i < 300; i++) {
        Txn *txn = begin_at(fixture, ISOLATION_READ_COMMITTED);
        RowId row;
        Status status = insert(fixture, txn, (int64_t)random_below(&random, 200), i, &row);
        if (status == OK && random_below(&random, 3) == 0) {
            status = UNIQUE_VIOLATION; // changes its mind
        } else if (status == OK && random_below(&random, 3) == 0) {
            WriteOutcome outcome;
            txn_command_increment(txn);
            assert_ok(table_delete(txn, fixture->table, row, txn_snapshot(txn), &outcome));
            assert_int_equal(outcome, WRITE_DONE);
        }
        if (status == OK) {
            commit(txn);
            continue;
        }
        assert_int_equal(status, UNIQUE_VIOLATION);
        atomic_fetch_add(&fixture->duplicates, 1);
        roll_back(txn);
    }
}

// The check at the end finds a key that two live rows have.
TEST(table, a_unique_key_stays_unique_under_threads) {
    Fixture *fixture = malloc(sizeof *fixture);
    fixture_init(fixture);
    Worker workers[THREAD_COUNT];
    start(fixture, workers, THREAD_COUNT, insert_run);
    join(workers, THREAD_COUNT);
    assert_true(atomic_load(&fixture->duplicates) > 0);
    fixture_deinit(fixture);
    free(fixture);
}

// storage-rules 7: two who wait for the third's key do not deadlock when it rolls back.
typedef struct Rival {
    Fixture *fixture;
    Status status;
    Thread *thread;
} Rival;

static void rival_run(void *argument) {
    Rival *rival = argument;
    Txn *txn = begin_at(rival->fixture, ISOLATION_READ_COMMITTED);
    RowId row;
    rival->status = insert(rival->fixture, txn, 5, 1, &row);
    if (rival->status == OK) {
        commit(txn);
    } else {
        roll_back(txn);
    }
}

TEST(table, p07_waiting_for_a_key_is_no_deadlock) {
    Fixture *fixture = malloc(sizeof *fixture);
    fixture_init(fixture);
    Txn *first = begin_at(fixture, ISOLATION_READ_COMMITTED);
    RowId row;
    assert_ok(insert(fixture, first, 5, 0, &row));
    Rival rivals[2] = {{.fixture = fixture}, {.fixture = fixture}};
    for (int i = 0; i < 2; i++) {
        assert_ok(thread_start("rival", 0, rival_run, &rivals[i], &rivals[i].thread));
    }
    clock_sleep_us(clock_real(), 50 * 1000);
    roll_back(first);
    for (int i = 0; i < 2; i++)
        thread_join(rivals[i].thread);
    bool is_first = rivals[0].status == OK;
    assert_int_equal(rivals[is_first ? 0 : 1].status, OK);
    assert_int_equal(rivals[is_first ? 1 : 0].status, UNIQUE_VIOLATION);
    fixture_deinit(fixture);
    free(fixture);
}

// ---- Upserts ------------------------------------------------------------------------------------

static void upsert_run(void *argument) {
    Worker *worker = argument;
    Fixture *fixture = worker->fixture;
    Reader reader;
    reader_init(fixture, &reader);
    InsertOptions options = {.arbiter_index = 1};
    for (int i = 0; i < 200; i++) {
        Txn *txn = begin_at(fixture, ISOLATION_READ_COMMITTED);
        Value values[COLUMN_COUNT] = {
            {.datum = {.int8 = i % 7}}, {.datum = {.int4 = 1}}, {.is_null = true}};
        bool is_conflict, is_done = true;
        RowId row, conflict;
        do {
            assert_ok(
                table_insert(txn, fixture->table, values, &options, &row, &is_conflict, &conflict));
            if (!is_conflict) break;
            // ON CONFLICT DO UPDATE SET v = v + 1: in the newest version, whatever the snapshot.
            WriteOutcome outcome;
            assert_ok(table_lock_row(txn, fixture->table, conflict, txn_snapshot(txn),
                ROW_LOCK_NO_KEY_UPDATE, WAIT_BLOCK, &outcome));
            bool is_found;
            assert_ok(table_fetch_newest(
                txn, fixture->table, conflict, all_columns, reader.batch, &is_found));
            is_done = is_found;
            if (!is_found) continue;
            Value changed[COLUMN_COUNT] = {{.is_null = true},
                {.datum = {.int4 = column_get(&reader.batch->columns[1], 0).datum.int4 + 1}}};
            uint64_t bits = 2;
            assert_ok(table_update(
                txn, fixture->table, conflict, txn_snapshot(txn), &bits, changed, &outcome));
            assert_int_equal(outcome, WRITE_DONE);
        } while (!is_done);
        commit(txn);
    }
    reader_deinit(&reader);
}

TEST(table, upserts_count_right) {
    Fixture *fixture = malloc(sizeof *fixture);
    fixture_init(fixture);
    Worker workers[THREAD_COUNT];
    start(fixture, workers, THREAD_COUNT, upsert_run);
    join(workers, THREAD_COUNT);
    Txn *txn = begin_at(fixture, ISOLATION_READ_COMMITTED);
    Reader reader;
    reader_init(fixture, &reader);
    int64_t sum = 0;
    for (int i = 0; i < 7; i++) {
        Value key = {.datum = {.int8 = i}};
        assert_ok(
            table_find_key(fixture->table, txn_snapshot(txn), all_columns, 1, &key, reader.batch));
        assert_int_equal(reader.batch->row_count, 1);
        sum += column_get(&reader.batch->columns[1], 0).datum.int4;
    }
    assert_int_equal(sum, THREAD_COUNT * 200);
    reader_deinit(&reader);
    commit(txn);
    fixture_deinit(fixture);
    free(fixture);
}

static void create_and_drop_run(void *argument) {
    Worker *worker = argument;
    Fixture *fixture = worker->fixture;
    StoreSchema schema = {.object = 300,
        .schema_name = "public",
        .table_name = "short",
        .column_count = COLUMN_COUNT,
        .columns = columns,
        .index_count = 2,
        .indexes = indexes};
    for (int i = 0; i < 300; i++) {
        StoreId store;
        Txn *txn = begin_at(fixture, ISOLATION_READ_COMMITTED);
        assert_ok(table_store_create(fixture->set, txn, &schema, &store));
        Value values[COLUMN_COUNT] = {{.datum = {.int8 = 1}}, {.datum = {.int4 = 2}},
            {.datum = {.view = view_from_text("a row that makes a page")}}};
        RowId row;
        assert_ok(
            table_insert(txn, table_find(fixture->set, store), values, NULL, &row, NULL, NULL));
        if (i % 3 == 0) {
            roll_back(txn);
            continue;
        }
        commit(txn);
        txn = begin_at(fixture, ISOLATION_READ_COMMITTED);
        assert_ok(table_store_drop(fixture->set, txn, store));
        commit(txn);
        while (txn_system_collect(fixture->txns, 1000)) {}
    }
    atomic_store(&fixture->must_stop, true);
}

// What a dropped table was made of is freed by whoever makes the next one.
TEST(table, counting_changes_survives_drops) {
    Fixture *fixture = malloc(sizeof *fixture);
    fixture_init(fixture);
    Worker workers[1];
    start(fixture, workers, 1, create_and_drop_run);
    uint64_t counts = 0;
    while (!atomic_load(&fixture->must_stop)) {
        (void)table_set_dirty_bytes(fixture->set);
        counts++;
    }
    join(workers, 1);
    assert_true(counts > 0);
    fixture_deinit(fixture);
    free(fixture);
}

TEST_MAIN(TEST_OF(table, every_snapshot_sees_whole_transactions),
    TEST_OF(table, p16_images_and_eviction_disturb_nobody),
    TEST_OF(table, a_unique_key_stays_unique_under_threads),
    TEST_OF(table, p07_waiting_for_a_key_is_no_deadlock), TEST_OF(table, upserts_count_right),
    TEST_OF(table, counting_changes_survives_drops))
