// The log on a disk that loses what was not synced: a copy is crashed inside every call of a
// workload, with every policy, read back, appended to, crashed again and read back again.
#include "base/assert.h"
#include "base/log.h"
#include "base/random.h"
#include "base/test.h"
#include "os/simulated_disk.h"
#include "wal/wal_internal.h"

enum { FILE_BYTES = 1 << 20, RING_BYTES = 1 << 16, FIRST = 1 << 20 };

static const char FOLDER[] = "log";

static WalOptions options_make(void) {
    return (WalOptions){.file_bytes = FILE_BYTES, .ring_bytes = RING_BYTES, .database_id = "crash"};
}

// What the workload has been promised so far.
typedef struct Promise {
    SimulatedDisk *disk;
    bool is_created;       // wal_create has returned
    uint32_t appended;     // records 0 to appended - 1 exist in memory
    uint32_t acknowledged; // and these are durable
    Lsn from;              // where a checkpoint's redo would be
    uint32_t from_number;  // the number of the record there
    uint64_t checked;
} Promise;

static Lsn append_number(Wal *wal, uint32_t number, Random *random) {
    uint8_t body[12000];
    size_t count = 4 + random_below(random, number % 3 == 0 ? sizeof body - 4 : 200);
    memset(body, (int)number, count);
    put_u32_le(body, number);
    Lsn end;
    ASSERT(wal_append(wal, WAL_MESSAGE, (TxnId){1}, bytes_make(body, count), &end) == OK);
    return end;
}

// Reads the log: every record carries the number after the one before it. Returns the number after
// the last; the first must be `number`.
static uint32_t read_numbers(
    Environment environment, Lsn from, uint32_t number, Lsn *end_out, bool *is_torn_out) {
    WalOptions options = options_make();
    WalReader *reader;
    ASSERT(wal_reader_open(environment, FOLDER, &options, from, &reader) == OK);
    for (;;) {
        WalRecord record;
        bool is_found;
        Status status = wal_reader_next(reader, &record, &is_found);
        if (status != OK) print_error("%s\n", error_get()->message);
        ASSERT(status == OK);
        if (!is_found) break;
        if (record.type == WAL_RESUME) continue;
        ASSERT(record.type == WAL_MESSAGE && get_u32_le(record.body.data) == number);
        number++;
    }
    *end_out = wal_reader_end(reader, is_torn_out);
    wal_reader_close(reader);
    return number;
}

// Brings up a crashed disk, goes on with the log, crashes again, and brings it up again.
static void check_copy(Promise *promise, SimulatedDisk *disk, CrashPolicy policy, uint64_t seed) {
    Environment environment = environment_real();
    environment.files = simulated_disk_files(disk);
    simulated_disk_restart(disk, policy, seed);
    if (promise->acknowledged <= promise->from_number) return; // nothing durable to start from
    Lsn end;
    bool is_torn;
    uint32_t number =
        read_numbers(environment, promise->from, promise->from_number, &end, &is_torn);
    ASSERT(number >= promise->acknowledged && number <= promise->appended);

    WalOptions options = options_make();
    Wal *wal;
    ASSERT(wal_open(environment, FOLDER, &options, end, is_torn, &wal) == OK);
    Random random;
    random_seed(&random, seed);
    uint32_t more = 1 + (uint32_t)random_below(&random, 4);
    Lsn acknowledged = {0};
    for (uint32_t i = 0; i < more; i++)
        acknowledged = append_number(wal, number + i, &random);
    ASSERT(wal_wait_durable(wal, acknowledged) == OK);
    append_number(wal, number + more, &random); // nobody waits for this one
    simulated_disk_crash_at(disk, simulated_disk_call_count(disk) + 1);
    wal_close(wal); // the power fails in its flush
    CrashPolicy second = (CrashPolicy)random_below(&random, CRASH_POLICY_COUNT);
    simulated_disk_restart(disk, second, seed + 1);
    uint32_t again = read_numbers(environment, promise->from, promise->from_number, &end, &is_torn);
    ASSERT(again == number + more || again == number + more + 1);
    promise->checked++;
}

static void check_policies(void *argument) {
    Promise *promise = argument;
    for (CrashPolicy policy = CRASH_KILL; policy < CRASH_POLICY_COUNT; policy++) {
        SimulatedDisk *copy;
        ASSERT(simulated_disk_copy(promise->disk, &copy) == OK);
        uint64_t call = simulated_disk_call_count(copy);
        check_copy(promise, copy, policy, call * CRASH_POLICY_COUNT + policy);
        simulated_disk_destroy(copy);
    }
}

// On a thread of its own: the workload's holds whatever locks it holds inside its call.
static void check_at(void *argument, uint64_t call, [[maybe_unused]] const char *path) {
    (void)call;
    if (!((Promise *)argument)->is_created) return;
    Thread *thread;
    ASSERT(thread_start("check", 0, check_policies, argument, &thread) == OK);
    thread_join(thread);
}

TEST(wal, keeps_what_it_promised_through_every_crash) {
    log_set_severity(LOG_OFF); // every crash is told in it
    Promise promise = {.from = {FIRST}};
    assert_ok(simulated_disk_create(&promise.disk));
    simulated_disk_set_hook(promise.disk, check_at, &promise);
    Environment environment = environment_real();
    environment.files = simulated_disk_files(promise.disk);
    WalOptions options = options_make();
    Wal *wal;
    assert_ok(wal_create(environment, FOLDER, &options, (Lsn){FIRST}, &wal));
    assert_ok(folder_sync(environment.files, "."));
    promise.is_created = true;
    Random random;
    random_seed(&random, 11);
    Lsn redo = {0};
    uint32_t redo_number = 0;
    for (uint32_t number = 0; number < 1600; number++) {
        promise.appended = number + 1;
        Lsn start = wal_tail(wal);
        Lsn end = append_number(wal, number, &random);
        if (number % 5 != 0 && number % 20 != 19) continue;
        assert_ok(wal_wait_durable(wal, end));
        promise.acknowledged = number + 1;
        if (number % 400 == 10) { // a checkpoint begins: it fixes its redo here
            redo = start;
            redo_number = number;
        }
        if (number % 400 == 390) { // and lets go of what is before it
            promise.from = redo;
            promise.from_number = redo_number;
            assert_ok(wal_recycle(wal, redo));
            assert_ok(wal_prepare_ahead(wal));
        }
    }
    wal_close(wal);
    check_at(&promise, 0, "");
    assert_true(promise.checked > 3000);
    print_message("%llu crashes\n", (unsigned long long)promise.checked);
    simulated_disk_destroy(promise.disk);
}

TEST_MAIN(TEST_OF(wal, keeps_what_it_promised_through_every_crash))
