// A database on a disk that loses what was not synced: a copy of the disk is crashed inside every
// call of a workload, opened, compared with a model, checked, and crashed again while it recovers.
//
// The workload is one thread's, so that it is the same in every run. What runs beside a checkpoint
// (a transaction that commits, objects that leave the cache) is run inside one of its calls.
//
// Usage: database_crash_test [SHARE [EVERY]]: how many of the crash policies to try in a call, and
// in every how many calls; 1 and 1 if not given. The policies take turns, so every one meets every
// kind of call.
#include "base/assert.h"
#include "base/log.h"
#include "base/random.h"
#include "base/test.h"
#include "engine/engine_internal.h"
#include "os/simulated_disk.h"

#include <stdlib.h>

enum {
    SHORT_COUNT = 48, // ids that short transactions change
    LONG_COUNT = 16,  // and those that are left to the long ones
    ID_COUNT = SHORT_COUNT + LONG_COUNT,
    ROUND_COUNT = 260,
    STATE_COUNT = ROUND_COUNT * 2,
    LONG_CHANGES = 250, // enough for it to be streamed
    TEXT_BYTES_MAX = 6000,
    RANDOM_SEED = 20,
    COLUMN_COUNT = 3,
};

static const char PATH[] = "crash.omen";

static int policy_share = 1;
static uint64_t call_step = 1;

// ---- The table: (id bigint primary key, v integer, t text), with an index over v
// -----------------

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

static const StoreSchema schema = {.object = 20000,
    .schema_name = "public",
    .table_name = "t",
    .column_count = COLUMN_COUNT,
    .columns = columns,
    .index_count = 2,
    .indexes = indexes};

// ---- The model ----------------------------------------------------------------------------------

// What the table holds: by id, its v, or 0 for no row. The text follows from v.
typedef struct State {
    int32_t v[ID_COUNT];
} State;

typedef struct Workload {
    SimulatedDisk *disk;
    Database *database;
    StoreId store;
    bool has_store;            // its creation is acknowledged
    State states[STATE_COUNT]; // after so many commits
    RowId rows[ID_COUNT];      // of the newest state
    uint32_t started, acknowledged;
    uint64_t checked;
    Random random;

    Txn *long_txn; // open across checkpoints; NULL for none
    State long_state;
    uint32_t calls_to_intrusion; // inside a checkpoint; 0 for none to come
    bool is_intruding;
    uint32_t intrusions;
} Workload;

static uint32_t text_count(int32_t v) {
    return (uint32_t)v * 37 % (v % 10 == 0 ? TEXT_BYTES_MAX : 40);
}

static void fill_text(int32_t v, char *text) {
    memset(text, 'a' + v % 26, text_count(v));
}

static void row_values(int64_t id, int32_t v, char *text, Value *values) {
    memset(values, 0, sizeof(Value) * COLUMN_COUNT);
    fill_text(v, text);
    values[0].datum.int8 = id;
    values[1].datum.int4 = v;
    values[2].datum.view = view_make(text, text_count(v));
}

static Status open_database(SimulatedDisk *disk, Database **database_out) {
    DatabaseOptions options = {
        .environment = environment_real(),
        .memory_limit_bytes = 32 << 20,
        .wal_file_bytes = 1 << 20,
        .wal_ring_bytes = 1 << 16,
        .no_background = true,
    };
    options.environment.files = simulated_disk_files(disk);
    options.environment.random_seed = RANDOM_SEED;
    return database_open(PATH, &options, database_out);
}

static Txn *begin(Database *database) {
    TxnOptions options = {.is_synchronous = true, .deadlock_timeout_us = 1000000};
    Txn *txn;
    ASSERT(txn_begin(database_txns(database), options, &txn) == OK);
    ASSERT(txn_statement_begin(txn) == OK);
    return txn;
}

// ---- Checking a crashed copy --------------------------------------------------------------------

// Reads the table into `state`; every text must be the one that follows from v.
static void read_state(Database *database, StoreId store, State *state) {
    memset(state, 0, sizeof *state);
    Table *table = table_find(database_tables(database), store);
    ASSERT(table != NULL);
    Arena arena;
    arena_init(&arena, NULL);
    Txn *txn = begin(database);
    Batch *batch = table_batch_make(&arena, table, all_columns);
    TableScan *scan;
    ASSERT(table_scan_open(table, txn_snapshot(txn), all_columns, &arena, &scan) == OK);
    char text[TEXT_BYTES_MAX];
    for (;;) {
        Status status = table_scan_next(scan, batch);
        ASSERT(status == OK);
        if (batch->row_count == 0) break;
        for (uint32_t i = 0; i < batch->row_count; i++) {
            int64_t id = column_get(&batch->columns[0], i).datum.int8;
            int32_t v = column_get(&batch->columns[1], i).datum.int4;
            View found = column_get(&batch->columns[2], i).datum.view;
            ASSERT(id >= 0 && id < ID_COUNT && state->v[id] == 0 && v > 0);
            fill_text(v, text);
            ASSERT(found.count == text_count(v));
            ASSERT(memcmp(view_data(&found), text, found.count) == 0);
            state->v[id] = v;
        }
    }
    table_scan_close(scan);
    batch_release_pins(batch);
    txn_statement_end(txn);
    ASSERT(txn_commit(txn) == OK);
    arena_deinit(&arena);
}

// The number of transactions that the opened database holds: at least those acknowledged.
static uint32_t check_content(Workload *workload, Database *database) {
    if (table_find(database_tables(database), workload->store) == NULL) {
        ASSERT(!workload->has_store);
        return 0;
    }
    State state;
    read_state(database, workload->store, &state);
    uint32_t count = workload->acknowledged;
    while (
        count <= workload->started && memcmp(&workload->states[count], &state, sizeof state) != 0) {
        count++;
    }
    ASSERT(count <= workload->started);
    return count;
}

static void check_structure(Database *database) {
    Arena arena;
    arena_init(&arena, NULL);
    Text findings;
    text_init(&findings, &arena);
    Status status = database_check(database, &findings);
    if (status != OK) {
        print_error("%s: %s\n", error_get()->message, findings.data);
        ASSERT(status == OK);
    }
    arena_deinit(&arena);
}

static Database *reopen(SimulatedDisk *disk, CrashPolicy policy, uint64_t seed) {
    simulated_disk_restart(disk, policy, seed);
    Database *database;
    Status status = open_database(disk, &database);
    if (status != OK) {
        print_error("after %s: %s (%s)\n", crash_policy_name(policy), error_get()->message,
            error_get()->context == NULL ? "" : error_get()->context);
        ASSERT(status == OK);
    }
    return database;
}

// Crashes while a second copy recovers, and opens it again.
static void check_twice(
    Workload *workload, SimulatedDisk *disk, CrashPolicy policy, uint64_t seed) {
    SimulatedDisk *copy;
    ASSERT(simulated_disk_copy(disk, &copy) == OK);
    simulated_disk_restart(copy, policy, seed);
    Random random;
    random_seed(&random, seed);
    simulated_disk_crash_at(copy, simulated_disk_call_count(copy) + 1 + random_below(&random, 6));
    Database *database;
    if (open_database(copy, &database) == OK) {
        database_close(database);
    } else {
        error_clear();
    }
    CrashPolicy second = (CrashPolicy)random_below(&random, CRASH_POLICY_COUNT);
    database = reopen(copy, second, seed + 1);
    check_content(workload, database);
    database_close(database);
    simulated_disk_destroy(copy);
}

static void check_copy(Workload *workload, CrashPolicy policy, uint64_t seed) {
    SimulatedDisk *copy;
    ASSERT(simulated_disk_copy(workload->disk, &copy) == OK);
    check_twice(workload, copy, policy, seed);
    Database *database = reopen(copy, policy, seed);
    uint32_t count = check_content(workload, database);
    check_structure(database);
    database_close(database);
    // And what it says now it says again.
    database = reopen(copy, CRASH_NOTHING, seed);
    ASSERT(check_content(workload, database) == count);
    database_close(database);
    simulated_disk_destroy(copy);
    workload->checked++;
}

typedef struct Check {
    Workload *workload;
    uint64_t call;
} Check;

static void check_policies(void *argument) {
    Check *check = argument;
    for (int i = 0; i < policy_share; i++) {
        uint64_t turn = check->call / call_step * (uint64_t)policy_share + (uint64_t)i;
        CrashPolicy policy = (CrashPolicy)(turn % CRASH_POLICY_COUNT);
        check_copy(check->workload, policy, check->call * CRASH_POLICY_COUNT + policy);
    }
}

// On a thread of its own: the workload's holds whatever locks it holds inside its call.
static void run_on_thread(void (*run)(void *argument), void *argument) {
    Thread *thread;
    ASSERT(thread_start("beside", 0, run, argument, &thread) == OK);
    thread_join(thread);
}

static void intrude(void *argument);

// An intrusion waits for a call on the data file: the log's calls belong to whoever leads a flush,
// and an intruder's commit would wait for it.
static void visit_call(void *argument, uint64_t call, const char *path) {
    Workload *workload = argument;
    Check check = {.workload = workload, .call = call};
    if (call % call_step == 0) run_on_thread(check_policies, &check);
    if (workload->calls_to_intrusion == 0 || workload->is_intruding) return;
    if (strcmp(path, PATH) != 0) return;
    if (--workload->calls_to_intrusion > 0) return;
    workload->is_intruding = true;
    run_on_thread(intrude, workload);
    workload->is_intruding = false;
}

// ---- The workload -------------------------------------------------------------------------------

static void create_table(Workload *workload) {
    Txn *txn = begin(workload->database);
    assert_ok(
        table_store_create(database_tables(workload->database), txn, &schema, &workload->store));
    txn_statement_end(txn);
    assert_ok(txn_commit(txn));
    workload->has_store = true;
}

static void next_statement(Txn *txn) {
    txn_statement_end(txn);
    ASSERT(txn_statement_begin(txn) == OK);
}

// Inserts, updates or deletes the row of one of `count` ids from `first`.
static void change_row(
    Workload *workload, Txn *txn, State *state, RowId *rows, uint32_t first, uint32_t count) {
    Table *table = table_find(database_tables(workload->database), workload->store);
    uint32_t id = first + (uint32_t)random_below(&workload->random, count);
    int32_t v = 1 + (int32_t)random_below(&workload->random, 1000);
    char text[TEXT_BYTES_MAX];
    Value values[COLUMN_COUNT];
    row_values(id, v, text, values);
    WriteOutcome outcome = WRITE_DONE;
    Status status;
    if (state->v[id] == 0) {
        status = table_insert(txn, table, values, NULL, &rows[id], NULL, NULL);
        state->v[id] = v;
    } else if (random_below(&workload->random, 3) == 0) {
        status = table_delete(txn, table, rows[id], txn_snapshot(txn), &outcome);
        state->v[id] = 0;
    } else {
        uint64_t changed = 6;
        status = table_update(txn, table, rows[id], txn_snapshot(txn), &changed, values, &outcome);
        state->v[id] = v;
    }
    ASSERT(status == OK && outcome == WRITE_DONE);
    next_statement(txn);
}

// Commits what makes this the newest state.
static void commit_state(Workload *workload, Txn *txn, const State *state) {
    txn_statement_end(txn);
    ASSERT(workload->started + 1 < STATE_COUNT);
    workload->states[++workload->started] = *state;
    ASSERT(txn_commit(txn) == OK);
    workload->acknowledged = workload->started;
}

// A transaction of a few changes, or of so many that it is streamed; some are taken back to a
// savepoint, some altogether.
static void run_short_txn(Workload *workload) {
    State state = workload->states[workload->started];
    RowId rows[ID_COUNT], kept_rows[ID_COUNT];
    memcpy(rows, workload->rows, sizeof rows);
    uint64_t kind = random_below(&workload->random, 20);
    uint32_t count = kind == 0 ? 900 : 1 + (uint32_t)random_below(&workload->random, 6);
    Txn *txn = begin(workload->database);
    for (uint32_t i = 0; i < count; i++) {
        change_row(workload, txn, &state, rows, 0, SHORT_COUNT);
    }
    if (kind <= 3) {
        State kept = state;
        memcpy(kept_rows, rows, sizeof rows);
        Savepoint savepoint;
        txn_statement_end(txn);
        assert_ok(txn_savepoint(txn, &savepoint));
        assert_ok(txn_statement_begin(txn));
        for (uint32_t i = 0; i < count / 2 + 1; i++) {
            change_row(workload, txn, &state, rows, 0, SHORT_COUNT);
        }
        txn_statement_end(txn);
        txn_savepoint_rollback(txn, savepoint);
        assert_ok(txn_statement_begin(txn));
        state = kept;
        memcpy(rows, kept_rows, sizeof rows);
        for (uint32_t i = 0; i < count / 3 + 1; i++) {
            change_row(workload, txn, &state, rows, 0, SHORT_COUNT);
        }
    }
    if (kind == 4) {
        txn_statement_end(txn);
        txn_rollback(txn);
        return;
    }
    commit_state(workload, txn, &state);
    memcpy(workload->rows, rows, SHORT_COUNT * sizeof *rows);
}

static void begin_long_txn(Workload *workload) {
    workload->long_txn = begin(workload->database);
    workload->long_state = workload->states[workload->started];
    for (uint32_t i = 0; i < LONG_CHANGES; i++) {
        change_row(workload, workload->long_txn, &workload->long_state, workload->rows, SHORT_COUNT,
            LONG_COUNT);
    }
}

// Commits it over whatever the short ones have made of their ids meanwhile.
static void commit_long_txn(Workload *workload) {
    if (workload->long_txn == NULL) return;
    State state = workload->states[workload->started];
    memcpy(&state.v[SHORT_COUNT], &workload->long_state.v[SHORT_COUNT],
        LONG_COUNT * sizeof state.v[0]);
    Txn *txn = workload->long_txn;
    workload->long_txn = NULL;
    commit_state(workload, txn, &state);
}

// Everything that may leave the cache does.
static void evict_all(Workload *workload) {
    cache_make_room(workload->database->cache, SIZE_MAX / 4);
    epoch_advance(database_epochs(workload->database));
}

// What happens inside a checkpoint: the long transaction commits; what it and others have changed
// is collected, leaves the cache, is changed again, and leaves it again. Every other time old
// versions are short of memory, so that the checkpoint's snapshot moves on.
static void intrude(void *argument) {
    Workload *workload = argument;
    bool is_short = ++workload->intrusions % 2 == 0;
    commit_long_txn(workload);
    for (int i = 0; i < 3; i++)
        run_short_txn(workload);
    if (is_short) txn_system_snapshots_move_on(database_txns(workload->database));
    txn_system_collect(database_txns(workload->database), 1000);
    evict_all(workload);
    for (int i = 0; i < 3; i++)
        run_short_txn(workload);
    txn_system_collect(database_txns(workload->database), 1000);
    evict_all(workload);
}

static void run_round(Workload *workload, uint32_t number) {
    if (number % 40 == 12) begin_long_txn(workload);
    run_short_txn(workload);
    if (number % 10 == 5) database_tick(workload->database);
    if (number % 20 == 3) evict_all(workload);
    if (number % 20 == 7 || number % 40 == 25) {
        workload->calls_to_intrusion =
            (uint32_t)random_below(&workload->random, 12); // none, one time in twelve
        assert_ok(database_checkpoint(workload->database));
        workload->calls_to_intrusion = 0;
    }
    if (number % 40 == 30) commit_long_txn(workload);
    if (number % 90 == 80) { // closed in order, and opened again
        commit_long_txn(workload);
        database_close(workload->database);
        assert_ok(open_database(workload->disk, &workload->database));
    }
}

TEST(database, keeps_what_it_promised_through_every_crash) {
    log_set_severity(LOG_OFF); // every crash is told in it
    Workload *workload = calloc(1, sizeof *workload);
    assert_non_null(workload);
    random_seed(&workload->random, 4);
    assert_ok(simulated_disk_create(&workload->disk));
    simulated_disk_set_hook(workload->disk, visit_call, workload);
    assert_ok(open_database(workload->disk, &workload->database));
    create_table(workload);
    for (uint32_t number = 0; number < ROUND_COUNT; number++)
        run_round(workload, number);
    commit_long_txn(workload);
    database_close(workload->database);
    visit_call(workload, 0, PATH);
    print_message("%llu crashes\n", (unsigned long long)workload->checked);
    simulated_disk_destroy(workload->disk);
    free(workload);
}

int main(int argument_count, char **arguments) {
    if (argument_count > 1) policy_share = (int)strtol(arguments[1], NULL, 10);
    if (argument_count > 2) call_step = strtoull(arguments[2], NULL, 10);
    ASSERT(policy_share > 0 && call_step > 0);
    const struct CMUnitTest tests[] = {
        TEST_OF(database, keeps_what_it_promised_through_every_crash)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
