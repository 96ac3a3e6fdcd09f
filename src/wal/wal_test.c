#include "base/assert.h"
#include "base/random.h"
#include "base/test.h"
#include "os/file_system.h"
#include "os/simulated_disk.h"
#include "wal/wal_internal.h"

#include <stdlib.h>
#include <unistd.h>

// A folder of its own where the tests run; every test makes its log in it and removes it again.
static char folder[64];

static Environment environment;

static int folder_set_up(void **state) {
    (void)state;
    environment = environment_real();
    snprintf(folder, sizeof folder, "wal_test.XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int folder_tear_down(void **state) {
    (void)state;
    rmdir(folder); // wal_remove has taken it with it
    return 0;
}

enum { FILE_BYTES = 1 << 20, RING_BYTES = 1 << 18, FIRST = 1 << 20 };

static WalOptions options_make(void) {
    return (WalOptions){.file_bytes = FILE_BYTES, .ring_bytes = RING_BYTES, .database_id = "tests"};
}

static Wal *log_create(void) {
    WalOptions options = options_make();
    Wal *wal;
    assert_ok(wal_create(environment, folder, &options, (Lsn){FIRST}, &wal));
    return wal;
}

// Appends a record whose body is its number and filling, and waits for it.
static Lsn append_number(Wal *wal, uint32_t number, size_t body_bytes, bool waits) {
    static uint8_t body[RING_BYTES / 4];
    memset(body, (int)number, body_bytes);
    put_u32_le(body, number);
    Lsn end;
    assert_ok(wal_append(wal, WAL_MESSAGE, (TxnId){number}, bytes_make(body, body_bytes), &end));
    if (waits) assert_ok(wal_wait_durable(wal, end));
    return end;
}

// Reads the whole log; every record must carry the next number. Returns how many there were.
static uint32_t read_numbers(Lsn from, Lsn *end_out, bool *is_torn_out) {
    WalOptions options = options_make();
    WalReader *reader;
    assert_ok(wal_reader_open(environment, folder, &options, from, &reader));
    uint32_t count = 0;
    for (;;) {
        WalRecord record;
        bool is_found;
        assert_ok(wal_reader_next(reader, &record, &is_found));
        if (!is_found) break;
        if (record.type == WAL_RESUME) continue;
        assert_int_equal(record.type, WAL_MESSAGE);
        assert_int_equal(get_u32_le(record.body.data), count);
        assert_int_equal(record.txn.value, count);
        assert_int_equal(record.body.data[record.body.count - 1],
            record.body.count > 4 ? (uint8_t)count : record.body.data[3]);
        count++;
    }
    *end_out = wal_reader_end(reader, is_torn_out);
    wal_reader_close(reader);
    return count;
}

// Writes over bytes of the log, behind its back.
static void overwrite(uint64_t position, const void *bytes, size_t count) {
    Arena arena;
    arena_init(&arena, NULL);
    File *file;
    assert_ok(file_open(environment.files, wal_file_path(&arena, folder, position / FILE_BYTES),
        (FileOptions){0}, &file));
    assert_ok(file_write(file, position % FILE_BYTES, bytes, count));
    file_close(file);
    arena_deinit(&arena);
}

TEST(wal, gives_back_records_of_every_size) {
    Wal *wal = log_create();
    Random random;
    random_seed(&random, 7);

    enum { COUNT = 2000 };

    for (uint32_t i = 0; i < COUNT; i++) {
        size_t bytes = 4 + random_below(&random, i % 50 == 0 ? 60000 : 300);
        append_number(wal, i, bytes, i % 7 == 0);
    }
    wal_close(wal);
    Lsn end;
    bool is_torn;
    assert_int_equal(read_numbers((Lsn){FIRST}, &end, &is_torn), COUNT);
    assert_false(is_torn);
    assert_int_equal(end.value % WAL_SECTOR_BYTES, 0);

    WalOptions options = options_make();
    assert_ok(wal_open(environment, folder, &options, end, false, &wal));
    assert_int_equal(wal_tail(wal).value, end.value);
    append_number(wal, COUNT, 100, true);
    wal_close(wal);
    assert_int_equal(read_numbers((Lsn){FIRST}, &end, &is_torn), COUNT + 1);
    assert_ok(wal_remove(environment, folder));
    assert_false(file_exists(environment.files, folder));
}

TEST(wal, recycles_files_and_never_reads_their_old_records) {
    Wal *wal = log_create();
    Lsn kept = {0};
    uint32_t number = 0;
    for (uint32_t i = 0; i < 600; i++) {
        if (i % 100 == 0) {
            kept = wal_durable(wal);
            number = 0;
            assert_ok(wal_recycle(wal, kept));
        }
        append_number(wal, number++, 30000, true);
        assert_ok(wal_prepare_ahead(wal));
    }
    Arena arena;
    arena_init(&arena, NULL);
    uint64_t *numbers;
    size_t count;
    assert_ok(wal_list_files(environment, folder, &arena, &numbers, &count));
    assert_true(count < 12); // 600 x 30,000 bytes are 17 files
    arena_deinit(&arena);
    wal_close(wal);
    Lsn end;
    bool is_torn;
    assert_int_equal(read_numbers(kept, &end, &is_torn), number);
    assert_false(is_torn);
    assert_ok(wal_remove(environment, folder));
}

TEST(wal, p13_steps_over_a_torn_tail) {
    Wal *wal = log_create();
    for (uint32_t i = 0; i < 5; i++)
        append_number(wal, i, 100, true);
    Lsn before = wal_tail(wal);
    for (uint32_t i = 5; i < 8; i++)
        append_number(wal, i, 3000, false); // one flush
    wal_close(wal);
    // The flush has reached the disk without its second sector.
    uint8_t zeros[WAL_SECTOR_BYTES] = {0};
    overwrite(before.value + WAL_SECTOR_BYTES, zeros, sizeof zeros);

    Lsn end, later;
    bool is_torn;
    assert_int_equal(read_numbers((Lsn){FIRST}, &end, &is_torn), 6);
    assert_true(is_torn);
    WalOptions options = options_make();
    assert_ok(wal_open(environment, folder, &options, end, is_torn, &wal));
    assert_true(wal_tail(wal).value > end.value + WAL_PROBE_BYTES_MIN);
    append_number(wal, 6, 100, true);
    wal_close(wal);
    assert_int_equal(read_numbers((Lsn){FIRST}, &later, &is_torn), 7);
    assert_false(is_torn);
    assert_ok(wal_remove(environment, folder));
}

TEST(wal, refuses_damage_in_what_was_durable) {
    Wal *wal = log_create();
    Lsn damaged = {0};
    for (uint32_t i = 0; i < 10; i++) {
        if (i == 4) damaged = wal_tail(wal);
        append_number(wal, i, 100, true);
    }
    wal_close(wal);
    overwrite(damaged.value + WAL_HEADER_BYTES + 50, "x", 1);
    WalOptions options = options_make();
    WalReader *reader;
    assert_ok(wal_reader_open(environment, folder, &options, (Lsn){FIRST}, &reader));
    WalRecord record;
    bool is_found = true;
    for (int i = 0; i < 4; i++)
        assert_ok(wal_reader_next(reader, &record, &is_found));
    assert_fails(DATA_CORRUPTED, wal_reader_next(reader, &record, &is_found));
    wal_reader_close(reader);
    assert_fails(DATA_CORRUPTED, wal_reader_open(environment, folder, &options, damaged, &reader));
    options.database_id[0] ^= 1; // another database's
    assert_fails(
        DATA_CORRUPTED, wal_reader_open(environment, folder, &options, (Lsn){FIRST}, &reader));
    assert_ok(wal_remove(environment, folder));
}

enum { WRITER_COUNT = 8, COMMIT_COUNT = 500 };

typedef struct Writers {
    Wal *wal;
    _Atomic uint64_t told; // by the listener
    _Atomic uint64_t rounds;
} Writers;

static void listener_advanced(void *argument, Lsn durable) {
    Writers *writers = argument;
    uint64_t before = atomic_exchange(&writers->told, durable.value);
    ASSERT(before <= durable.value);
    atomic_fetch_add(&writers->rounds, 1);
}

static void commit_many(void *argument) {
    Writers *writers = argument;
    uint8_t body[64] = {1};
    for (int i = 0; i < COMMIT_COUNT; i++) {
        Lsn end;
        ASSERT(wal_append(writers->wal, WAL_TXN, (TxnId){9}, bytes_make(body, sizeof body), &end)
               == OK);
        ASSERT(wal_wait_durable(writers->wal, end) == OK);
        ASSERT(atomic_load(&writers->told) >= end.value); // told before anybody wakes
    }
}

static void run_writers(Wal *wal, const char *what) {
    Writers writers = {.wal = wal};
    wal_set_listener(wal, (DurableListener){.advanced = listener_advanced, .argument = &writers});
    Thread *threads[WRITER_COUNT];
    int64_t started_ns = clock_monotonic_ns(environment.clock);
    for (int i = 0; i < WRITER_COUNT; i++) {
        assert_ok(thread_start("commit", 0, commit_many, &writers, &threads[i]));
    }
    for (int i = 0; i < WRITER_COUNT; i++)
        thread_join(threads[i]);
    int64_t took_ns = clock_monotonic_ns(environment.clock) - started_ns;
    print_message("%s: %d commits in %llu rounds, %.0f a second\n", what,
        WRITER_COUNT * COMMIT_COUNT, (unsigned long long)atomic_load(&writers.rounds),
        WRITER_COUNT * COMMIT_COUNT * 1e9 / (double)took_ns);
}

TEST(wal, commits_in_groups) {
    Wal *wal = log_create();
    run_writers(wal, "8 threads");
    wal_close(wal);
    WalOptions options = options_make();
    WalReader *reader;
    assert_ok(wal_reader_open(environment, folder, &options, (Lsn){FIRST}, &reader));
    int count = -1;
    for (bool is_found = true; is_found; count++) {
        WalRecord record;
        assert_ok(wal_reader_next(reader, &record, &is_found));
    }
    assert_int_equal(count, WRITER_COUNT * COMMIT_COUNT);
    wal_reader_close(reader);
    assert_ok(wal_remove(environment, folder));
}

TEST(wal, in_memory_writes_nothing) {
    WalOptions options = options_make();
    options.is_volatile = true;
    Wal *wal;
    assert_ok(wal_create(environment, NULL, &options, (Lsn){FIRST}, &wal));
    run_writers(wal, "in memory");
    assert_ok(wal_recycle(wal, wal_tail(wal)));
    wal_close(wal);
}

// Several threads push more than the ring holds without waiting for it to be durable.
static void push_large(void *argument) {
    Writers *writers = argument;
    static const uint8_t body[RING_BYTES / 4 - 100];
    for (int i = 0; i < 50; i++) {
        Lsn end;
        ASSERT(
            wal_append(writers->wal, WAL_MESSAGE, (TxnId){9}, bytes_make(body, sizeof body), &end)
            == OK);
    }
}

TEST(wal, makes_room_in_its_ring) {
    Wal *wal = log_create();
    Writers writers = {.wal = wal};
    Thread *threads[4];
    for (int i = 0; i < 4; i++) {
        assert_ok(thread_start("push", 0, push_large, &writers, &threads[i]));
    }
    for (int i = 0; i < 4; i++)
        thread_join(threads[i]);
    assert_ok(wal_wait_durable(wal, wal_tail(wal)));
    wal_close(wal);
    assert_ok(wal_remove(environment, folder));
}

// ---- Records larger than the reader's window ----------------------------------------------------

enum { LARGE_FILE_BYTES = 1 << 26, LARGE_RING_BYTES = 1 << 24, LARGE_BODY_BYTES = 3 << 20 };

// A simulated disk whose largest read is noted: the reader reads into its own memory.
static const FileSystemOps *simulated_ops;
static FileSystemOps noting_ops;
static size_t largest_read;

static Status noting_open(
    FileSystem *files, const char *path, FileOptions options, File **file_out) {
    TRY(simulated_ops->open(files, path, options, file_out));
    (*file_out)->ops = &noting_ops;
    return OK;
}

static Status noting_read(
    File *file, uint64_t offset, void *bytes, size_t count, size_t *read_out) {
    if (count > largest_read) largest_read = count;
    return simulated_ops->read(file, offset, bytes, count, read_out);
}

static FileSystem *noting_files(SimulatedDisk *disk) {
    FileSystem *files = simulated_disk_files(disk);
    simulated_ops = files->ops;
    noting_ops = *simulated_ops;
    noting_ops.open = noting_open;
    noting_ops.read = noting_read;
    files->ops = &noting_ops;
    return files;
}

// The record at `at` says that it is of `bytes`; its checksum is still that of what it was.
static void claim_bytes(Environment on, uint64_t at, uint32_t bytes) {
    Arena arena;
    arena_init(&arena, NULL);
    File *file;
    assert_ok(file_open(
        on.files, wal_file_path(&arena, folder, at / LARGE_FILE_BYTES), (FileOptions){0}, &file));
    uint8_t encoded[4];
    put_u32_le(encoded, bytes);
    assert_ok(file_write(file, at % LARGE_FILE_BYTES, encoded, sizeof encoded));
    file_close(file);
    arena_deinit(&arena);
}

static uint32_t count_records(Environment on, const WalOptions *options, size_t body_bytes) {
    WalReader *reader;
    assert_ok(wal_reader_open(on, folder, options, (Lsn){LARGE_FILE_BYTES}, &reader));
    uint32_t count = 0;
    for (;;) {
        WalRecord record;
        bool is_found;
        assert_ok(wal_reader_next(reader, &record, &is_found));
        if (!is_found) break;
        assert_int_equal(record.body.count, body_bytes);
        for (size_t i = 0; i < body_bytes; i += 4096)
            assert_int_equal(record.body.data[i], (uint8_t)(count + i / 4096));
        count++;
    }
    wal_reader_close(reader);
    return count;
}

TEST(wal, takes_no_memory_for_what_its_checksum_does_not_cover) {
    SimulatedDisk *disk;
    assert_ok(simulated_disk_create(&disk));
    Environment on = environment;
    on.files = noting_files(disk);
    WalOptions options = {
        .file_bytes = LARGE_FILE_BYTES, .ring_bytes = LARGE_RING_BYTES, .database_id = "tests"};
    Wal *wal;
    assert_ok(wal_create(on, folder, &options, (Lsn){LARGE_FILE_BYTES}, &wal));
    uint8_t *body = malloc(LARGE_BODY_BYTES);
    Lsn start = {0}, end = {0};
    for (uint32_t number = 0; number < 3; number++) {
        for (size_t i = 0; i < LARGE_BODY_BYTES; i++)
            body[i] = (uint8_t)(number + i / 4096);
        start = wal_tail(wal);
        assert_ok(
            wal_append(wal, WAL_MESSAGE, (TxnId){1}, bytes_make(body, LARGE_BODY_BYTES), &end));
    }
    free(body);
    wal_close(wal); // one flush, so that none of the records had been durable before another
    assert_int_equal(count_records(on, &options, LARGE_BODY_BYTES), 3);

    // Short of a bound, a torn record's length is anything.
    claim_bytes(on, start.value, 200 << 20);
    largest_read = 0;
    WalReader *reader;
    assert_fails(DATA_CORRUPTED, wal_reader_open(on, folder, &options, start, &reader));
    assert_true(largest_read > 0 && largest_read <= 1 << 20);
    assert_int_equal(count_records(on, &options, LARGE_BODY_BYTES), 2);
    simulated_disk_destroy(disk);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST_OF(wal, gives_back_records_of_every_size),
        TEST_OF(wal, recycles_files_and_never_reads_their_old_records),
        TEST_OF(wal, p13_steps_over_a_torn_tail), TEST_OF(wal, refuses_damage_in_what_was_durable),
        TEST_OF(wal, commits_in_groups), TEST_OF(wal, in_memory_writes_nothing),
        TEST_OF(wal, makes_room_in_its_ring),
        TEST_OF(wal, takes_no_memory_for_what_its_checksum_does_not_cover)};
    return cmocka_run_group_tests(tests, folder_set_up, folder_tear_down);
}
