// Tables on a simulated disk: images, eviction, the log, and what comes up after the power failed.
// The driver below does in small what engine does.
#include "base/random.h"
#include "base/test.h"
#include "os/simulated_disk.h"
#include "table/table.h"
#include "txn/undo.h"

#include <stdlib.h>

enum { COLUMN_COUNT = 3, STORE = 100, ID_COUNT = 400, FILE_BYTES = 1 << 20 };

typedef struct Machine {
    SimulatedDisk *disk;
    SimulatedClock *clock;
    Environment environment;
    EpochSet *epochs;
    Wal *wal;
    Store *store;
    Cache *cache;
    MemoryBudget control_budget, cache_budget, undo_budget;
    TxnSystem *txns;
    TableSet *set;
    uint64_t epoch;
    size_t cache_bytes;
} Machine;

static const StoreColumn columns[COLUMN_COUNT] = {
    {.type = {TYPE_INT8, -1}}, {.type = {TYPE_INT4, -1}}, {.type = {TYPE_TEXT, -1}}};
static const KeyColumn id_key[] = {{.type = TYPE_INT8}};
static const KeyColumn text_key[] = {{.type = TYPE_TEXT, .is_nullable = true}};
static const uint16_t id_column[] = {0}, text_column[] = {2};
static const char *const id_name[] = {"id"}, *const text_name[] = {"t"};
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
        .name = "t_t_idx",
        .column_count = 1,
        .columns = text_column,
        .keys = text_key,
        .column_names = text_name},
};
static const StoreSchema schema = {.object = 200,
    .schema_name = "public",
    .table_name = "t",
    .column_count = COLUMN_COUNT,
    .columns = columns,
    .index_count = 2,
    .indexes = indexes};

static WalOptions wal_options(void) {
    return (WalOptions){.file_bytes = FILE_BYTES, .ring_bytes = 256 << 10};
}

static Status mark(void *argument, ExtentRef ref) {
    store_mark(argument, ref);
    return OK;
}

// One transaction's chunks, if it had any: one at a time streams in these tests.
typedef struct Stream {
    uint8_t *bytes;
    size_t count;
} Stream;

static Status apply(Machine *machine, Stream *stream, const WalRecord *record, Lsn checkpoint) {
    Bytes body = record->body;
    if (record->type == WAL_CHUNK) {
        uint64_t offset;
        assert_true(bytes_take_u64_le(&body, &offset));
        stream->bytes = realloc(stream->bytes, offset + body.count);
        memcpy(stream->bytes + offset, body.data, body.count);
        stream->count = offset + body.count;
        return OK;
    }
    if (record->type != WAL_TXN || record->end.value <= checkpoint.value) return OK;
    uint64_t wallclock;
    uint32_t range_count = 0;
    assert_true(bytes_take_u64_le(&body, &wallclock) && bytes_take_u32_le(&body, &range_count));
    Arena arena;
    arena_init(&arena, NULL);
    Text operations;
    text_init(&operations, &arena);
    for (uint32_t i = 0; i < range_count; i++) {
        uint64_t from = 0, to = 0;
        assert_true(bytes_take_u64_le(&body, &from) && bytes_take_u64_le(&body, &to));
        assert_true(from <= to && to <= stream->count);
        text_append(&operations, stream->bytes + from, (size_t)(to - from));
    }
    text_append(&operations, body.data, body.count);
    Status status = table_set_replay(machine->set, text_bytes(&operations), false);
    arena_deinit(&arena);
    return status;
}

static void machine_start(Machine *machine, bool is_new) {
    memory_budget_init(&machine->control_budget, "control", SIZE_MAX / 2, NULL);
    memory_budget_init(&machine->cache_budget, "cache", machine->cache_bytes, NULL);
    memory_budget_init(&machine->undo_budget, "undo", 256 << 20, NULL);
    assert_ok(epoch_set_create(&machine->epochs));
    WalOptions options = wal_options();
    StoreRoot root = {
        .wal_file_bytes = FILE_BYTES, .next_oid = FIRST_USER_OID, .checkpoint = {FILE_BYTES}};
    root.redo = root.checkpoint;
    if (is_new) {
        assert_ok(store_create(machine->environment, "db", &root, &machine->store));
        assert_ok(wal_create(machine->environment, "db-wal", &options, root.redo, &machine->wal));
        Lsn begin;
        assert_ok(wal_append(machine->wal, WAL_CHECKPOINT_BEGIN, (TxnId){0}, (Bytes){0}, &begin));
        assert_ok(wal_wait_durable(machine->wal, begin));
    } else {
        assert_ok(store_open(machine->environment, "db", &machine->store));
        root = store_root(machine->store);
    }
    assert_ok(
        cache_create(machine->store, machine->epochs, &machine->cache_budget, &machine->cache));
    uint64_t txn_max = 2;
    if (!is_new) {
        WalReader *reader;
        assert_ok(wal_reader_open(machine->environment, "db-wal", &options, root.redo, &reader));
        WalRecord record;
        bool is_found, is_torn;
        for (;;) {
            assert_ok(wal_reader_next(reader, &record, &is_found));
            if (!is_found) break;
            if (record.txn.value > txn_max) txn_max = record.txn.value;
        }
        Lsn end = wal_reader_end(reader, &is_torn);
        wal_reader_close(reader);
        assert_ok(wal_open(machine->environment, "db-wal", &options, end, is_torn, &machine->wal));
    }
    assert_ok(txn_system_create(machine->wal, machine->epochs, machine->environment.clock,
        &machine->undo_budget, (TxnId){txn_max + 1}, &machine->txns));
    assert_ok(table_set_create(machine->environment, machine->txns, machine->cache,
        &machine->control_budget, 1, &machine->set));
    if (is_new) {
        assert_ok(table_set_bootstrap(machine->set, (StoreId){STORE}, &schema));
        return;
    }
    Arena arena;
    arena_init(&arena, NULL);
    if (extent_is_none(root.directory)) {
        assert_ok(table_set_bootstrap(machine->set, (StoreId){STORE}, &schema));
    } else {
        Directory *directory;
        assert_ok(directory_read(machine->store, root.directory, &arena, &directory));
        assert_ok(table_set_load(machine->set, directory));
        ExtentRef *refs;
        size_t count;
        assert_ok(directory_extents(machine->store, root.directory, &arena, &refs, &count));
        for (size_t i = 0; i < count; i++)
            store_mark(machine->store, refs[i]);
        assert_ok(table_set_mark_extents(machine->set, mark, machine->store));
    }
    assert_ok(store_finish_marks(machine->store));
    arena_deinit(&arena);
    WalReader *reader;
    assert_ok(wal_reader_open(machine->environment, "db-wal", &options, root.redo, &reader));
    Stream stream = {0};
    for (;;) {
        WalRecord record;
        bool is_found;
        assert_ok(wal_reader_next(reader, &record, &is_found));
        if (!is_found) break;
        assert_ok(apply(machine, &stream, &record, root.checkpoint));
    }
    free(stream.bytes);
    wal_reader_close(reader);
}

static void machine_stop(Machine *machine) {
    table_set_destroy(machine->set);
    txn_system_destroy(machine->txns);
    for (int i = 0; i < 4; i++)
        epoch_advance(machine->epochs);
    cache_destroy(machine->cache);
    store_close(machine->store);
    wal_close(machine->wal);
    epoch_set_destroy(machine->epochs);
}

static void checkpoint(Machine *machine) {
    uint32_t slot;
    Snapshot snapshot = txn_system_snapshot_acquire(machine->txns, &slot);
    StoreRoot root = store_root(machine->store);
    ExtentRef old_directory = root.directory;
    root.checkpoint = snapshot.lsn;
    root.redo = txn_system_redo_lsn(machine->txns, snapshot.lsn);
    Lsn begin;
    assert_ok(wal_append(machine->wal, WAL_CHECKPOINT_BEGIN, (TxnId){0}, (Bytes){0}, &begin));
    Arena arena;
    arena_init(&arena, NULL);
    CheckpointWork work = {.epoch = ++machine->epoch, .snapshot = snapshot.lsn, .arena = &arena};
    CheckpointPart part = table_set_checkpoint_part(machine->set);
    store_begin_root(machine->store);
    part.flip(part.part, &work);
    root.next_txn = txn_system_next_id(machine->txns);
    Directory *directory = directory_make(&arena);
    assert_ok(part.write(part.part, &work, directory));
    assert_ok(directory_write(directory, machine->store, &root.directory));
    assert_ok(wal_wait_durable(machine->wal, begin));
    assert_ok(store_publish(machine->store, &root));
    part.finish(part.part, &work, true);
    txn_system_snapshot_release(machine->txns, slot);
    if (!extent_is_none(old_directory)) {
        ExtentRef *refs;
        size_t count;
        assert_ok(directory_extents(machine->store, old_directory, &arena, &refs, &count));
        for (size_t i = 0; i < count; i++)
            store_free(machine->store, refs[i]);
    }
    uint8_t generation[8];
    put_u64_le(generation, store_root(machine->store).generation);
    Lsn end;
    assert_ok(
        wal_append(machine->wal, WAL_CHECKPOINT_END, (TxnId){0}, bytes_make(generation, 8), &end));
    assert_ok(wal_wait_durable(machine->wal, end));
    store_release(machine->store);
    assert_ok(wal_recycle(machine->wal, root.redo));
    arena_deinit(&arena);
}

// ---- The model ----------------------------------------------------------------------------------

typedef struct ModelRow {
    bool is_live;
    int32_t v;
    uint32_t text_count; // 0: NULL
    RowId row;
} ModelRow;

typedef struct Model {
    ModelRow rows[ID_COUNT];
} Model;

static char text_space[70000];

static void values_of(int64_t id, const ModelRow *row, Value *values) {
    memset(values, 0, sizeof(Value) * COLUMN_COUNT);
    values[0].datum.int8 = id;
    values[1].datum.int4 = row->v;
    values[2].is_null = row->text_count == 0;
    if (row->text_count > 0) {
        memset(text_space, 'a' + row->v % 26, row->text_count);
        values[2].datum.view = view_make(text_space, row->text_count);
    }
}

static void compare(Machine *machine, const Model *model) {
    Table *table = table_find(machine->set, (StoreId){STORE});
    assert_non_null(table);
    Txn *txn;
    assert_ok(txn_begin(machine->txns, (TxnOptions){.is_synchronous = true}, &txn));
    assert_ok(txn_statement_begin(txn));
    Arena arena;
    arena_init(&arena, NULL);
    Batch *batch = table_batch_make(&arena, table, all_columns);
    TableScan *scan;
    assert_ok(table_scan_open(table, txn_snapshot(txn), all_columns, &arena, &scan));
    uint32_t count = 0;
    for (;;) {
        assert_ok(table_scan_next(scan, batch));
        if (batch->row_count == 0) break;
        for (uint32_t i = 0; i < batch->row_count; i++) {
            int64_t id = column_get(&batch->columns[0], i).datum.int8;
            assert_true(id >= 0 && id < ID_COUNT);
            const ModelRow *row = &model->rows[id];
            assert_true(row->is_live);
            assert_int_equal(column_get(&batch->columns[1], i).datum.int4, row->v);
            Value expected[COLUMN_COUNT];
            values_of(id, row, expected);
            Value text = column_get(&batch->columns[2], i);
            assert_int_equal(text.is_null, expected[2].is_null);
            if (!text.is_null) {
                assert_true(view_equal(&text.datum.view, &expected[2].datum.view));
            }
        }
        count += batch->row_count;
    }
    table_scan_close(scan);
    uint32_t live = 0;
    for (int64_t id = 0; id < ID_COUNT; id++) {
        live += model->rows[id].is_live;
        Value key = {.datum = {.int8 = id}};
        assert_ok(table_find_key(table, txn_snapshot(txn), all_columns, 1, &key, batch));
        assert_int_equal(batch->row_count, model->rows[id].is_live);
    }
    assert_int_equal(count, live);
    batch_release_pins(batch);
    txn_statement_end(txn);
    assert_ok(txn_commit(txn));
    Text findings;
    text_init(&findings, &arena);
    if (table_set_check(machine->set, &findings) != OK) print_error("%s", findings.data);
    assert_int_equal(findings.count, 0);
    arena_deinit(&arena);
}

static uint32_t random_text_count(Random *random) {
    switch (random_below(random, 10)) {
    case 0:
        return 0;
    case 1:
        return (uint32_t)random_below(random, 2000) + 1;
    default:
        return (uint32_t)random_below(random, 60) + 1;
    }
}

// Several rows that are not there, from `first` on, as one batch of which some rows are not
// selected.
static void insert_batch(Table *table, Txn *txn, Model *model, Random *random, int64_t first) {
    static const Oid types[COLUMN_COUNT] = {TYPE_INT8, TYPE_INT4, TYPE_TEXT};
    Arena arena;
    arena_init(&arena, NULL);
    Batch *batch = batch_make(&arena, types, COLUMN_COUNT, false);
    Batch *found = table_batch_make(&arena, table, all_columns);
    uint16_t *selection = arena_new_array(&arena, uint16_t, ID_COUNT);
    uint32_t count = 0;
    int64_t end = first + (int64_t)random_below(random, 60) + 1;
    for (int64_t id = first; id < end && id < ID_COUNT; id++) {
        if (model->rows[id].is_live) continue;
        ModelRow row = {.is_live = true,
            .v = (int32_t)random_below(random, 1000),
            .text_count = random_text_count(random)};
        Value values[COLUMN_COUNT];
        values_of(id, &row, values);
        values[2] = value_copy(values[2], PHYSICAL_VIEW, &arena);
        if (random_below(random, 8) != 0) {
            selection[count++] = (uint16_t)batch->row_count;
            model->rows[id] = row;
        }
        batch_append_values(batch, &arena, values);
    }
    if (count < batch->row_count) {
        batch->selection = selection;
        batch->selected_count = count;
    }
    uint32_t done;
    assert_ok(table_insert_batch(txn, table, batch, &done));
    assert_int_equal(done, count);
    txn_statement_end(txn);
    assert_ok(txn_statement_begin(txn));
    for (int64_t id = first; id < end && id < ID_COUNT; id++) {
        if (!model->rows[id].is_live) continue;
        Value key = {.datum = {.int8 = id}};
        assert_ok(table_find_key(table, txn_snapshot(txn), all_columns, 1, &key, found));
        assert_int_equal(found->row_count, 1);
        model->rows[id].row = found->row_ids[0];
    }
    batch_release_pins(found);
    arena_deinit(&arena);
}

// One transaction: changes, perhaps with a savepoint gone back to; committed or rolled back.
static void run_txn(Machine *machine, Model *model, Random *random, uint32_t change_max) {
    Table *table = table_find(machine->set, (StoreId){STORE});
    Model changed = *model, saved = *model;
    Txn *txn;
    assert_ok(txn_begin(machine->txns, (TxnOptions){.is_synchronous = true}, &txn));
    bool has_savepoint = random_below(random, 3) == 0;
    Savepoint savepoint = 0;
    uint32_t count = (uint32_t)random_below(random, change_max) + 1;
    for (uint32_t i = 0; i < count; i++) {
        if (has_savepoint && i == count / 2) {
            assert_ok(txn_savepoint(txn, &savepoint));
            saved = changed;
        }
        // An image, and collection, in the middle of it: what is uncommitted is not in the image,
        // and is in the next one (I-10).
        if (random_below(random, 40) == 0) checkpoint(machine);
        if (random_below(random, 40) == 0) (void)txn_system_collect(machine->txns, 50);
        assert_ok(txn_statement_begin(txn));
        int64_t id = (int64_t)random_below(random, ID_COUNT);
        ModelRow *row = &changed.rows[id];
        Value values[COLUMN_COUNT];
        WriteOutcome outcome;
        uint64_t kind = random_below(random, 4);
        if (!row->is_live && kind == 0) {
            insert_batch(table, txn, &changed, random, id);
        } else if (!row->is_live) {
            *row = (ModelRow){.is_live = true,
                .v = (int32_t)random_below(random, 1000),
                .text_count = random_text_count(random)};
            values_of(id, row, values);
            assert_ok(table_insert(txn, table, values, NULL, &row->row, NULL, NULL));
        } else if (kind == 0) {
            assert_ok(table_delete(txn, table, row->row, txn_snapshot(txn), &outcome));
            assert_int_equal(outcome, WRITE_DONE);
            row->is_live = false;
        } else {
            row->v = (int32_t)random_below(random, 1000);
            row->text_count = random_text_count(random);
            values_of(id, row, values);
            uint64_t bits = 6;
            assert_ok(
                table_update(txn, table, row->row, txn_snapshot(txn), &bits, values, &outcome));
            assert_int_equal(outcome, WRITE_DONE);
        }
        txn_statement_end(txn);
    }
    if (has_savepoint) {
        txn_savepoint_rollback(txn, savepoint);
        changed = saved;
    }
    if (random_below(random, 5) == 0) {
        txn_rollback(txn);
        return;
    }
    assert_ok(txn_commit(txn));
    *model = changed;
}

static void machine_init(Machine *machine, size_t cache_bytes) {
    *machine = (Machine){.cache_bytes = cache_bytes};
    assert_ok(simulated_disk_create(&machine->disk));
    assert_ok(simulated_clock_create(&machine->clock));
    machine->environment = (Environment){.files = simulated_disk_files(machine->disk),
        .clock = simulated_clock_clock(machine->clock),
        .random_seed = 1};
}

static void machine_deinit(Machine *machine) {
    simulated_disk_destroy(machine->disk);
    simulated_clock_destroy(machine->clock);
}

// What a copy of the disk, crashed now, comes up with.
static void compare_after_crash(
    Machine *machine, const Model *model, CrashPolicy policy, uint64_t seed) {
    Machine copy = {.cache_bytes = machine->cache_bytes, .epoch = machine->epoch};
    assert_ok(simulated_disk_copy(machine->disk, &copy.disk));
    simulated_disk_restart(copy.disk, policy, seed);
    assert_ok(simulated_clock_create(&copy.clock));
    copy.environment = (Environment){.files = simulated_disk_files(copy.disk),
        .clock = simulated_clock_clock(copy.clock),
        .random_seed = 1};
    machine_start(&copy, false);
    compare(&copy, model);
    // And it works on, through another image and another crash.
    Model next = *model;
    Random random;
    random_seed(&random, seed + 1);
    run_txn(&copy, &next, &random, 20);
    checkpoint(&copy);
    run_txn(&copy, &next, &random, 20);
    compare(&copy, &next);
    machine_stop(&copy);
    machine_start(&copy, false);
    compare(&copy, &next);
    machine_stop(&copy);
    machine_deinit(&copy);
}

static void run(size_t cache_bytes, uint32_t steps, uint64_t seed, uint32_t change_max) {
    Machine machine;
    machine_init(&machine, cache_bytes);
    Model *model = calloc(1, sizeof *model);
    machine_start(&machine, true);
    Random random;
    random_seed(&random, seed);
    for (uint32_t i = 0; i < steps; i++) {
        run_txn(&machine, model, &random, change_max);
        uint64_t what = random_below(&random, 20);
        if (what == 0) checkpoint(&machine);
        if (what == 1) {
            compare_after_crash(&machine, model,
                (CrashPolicy)random_below(&random, CRASH_POLICY_COUNT), seed * 1000 + i);
        }
        if (what == 2) (void)txn_system_collect(machine.txns, 1000);
    }
    compare(&machine, model);
    machine_stop(&machine);
    free(model);
    machine_deinit(&machine);
}

TEST(table, comes_up_after_a_crash_as_it_was_committed) {
    for (uint64_t seed = 1; seed <= 3; seed++)
        run(64 << 20, 120, seed, 30);
}

TEST(table, comes_up_when_pages_had_been_evicted) {
    for (uint64_t seed = 4; seed <= 6; seed++)
        run(400 << 10, 120, seed, 10);
}

// storage-rules 2: savepoints rolled back after redo was streamed.
TEST(table, p02_comes_up_when_redo_was_streamed) {
    run(64 << 20, 12, 7, 2500);
}

TEST_MAIN(TEST_OF(table, comes_up_after_a_crash_as_it_was_committed),
    TEST_OF(table, comes_up_when_pages_had_been_evicted),
    TEST_OF(table, p02_comes_up_when_redo_was_streamed))
