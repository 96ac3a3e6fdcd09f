#include "base/assert.h"
#include "base/test.h"
#include "os/environment.h"
#include "os/epoch.h"
#include "os/latch.h"
#include "os/thread.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

// A folder of its own where the tests run.
static char folder[64];

static const char *path_in(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int folder_set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "os_test.XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int folder_tear_down(void **state) {
    (void)state;
    return rmdir(folder);
}

TEST(file, keeps_what_was_written_directly) {
    FileSystem *files = file_system_real();
    File *file;
    assert_fails(UNDEFINED_FILE, file_open(files, path_in("none"), (FileOptions){0}, &file));
    FileOptions options = {.create = true, .exclusive = true, .direct = true};
    assert_ok(file_open(files, path_in("a"), options, &file));
    uint64_t size;
    assert_ok(file_get_size(file, &size));
    assert_int_equal(size, 0); // the probe left nothing
    File *again;
    assert_fails(DUPLICATE_FILE, file_open(files, path_in("a"), options, &again));

    uint8_t *block = aligned_alloc(4096, 8192);
    assert_non_null(block);
    memset(block, 7, 8192);
    assert_ok(file_write(file, 4096, block, 8192));
    assert_ok(file_sync(file));
    memset(block, 0, 8192);
    assert_ok(file_read_exactly(file, 8192, block, 4096));
    assert_int_equal(block[4095], 7);
    size_t read;
    assert_ok(file_read(file, 8192, block, 8192, &read));
    assert_int_equal(read, 4096);
    assert_fails(DATA_CORRUPTED, file_read_exactly(file, 8192, block, 8192));
    assert_ok(file_allocate(file, 0, 65536));
    file_punch(file, 4096, 4096);
    assert_ok(file_read_exactly(file, 4096, block, 4096));
    assert_ok(file_set_size(file, 4096));
    file_close(file);

    assert_ok(
        file_open(files, path_in("a"), (FileOptions){.read_only = true, .direct = true}, &file));
    assert_ok(file_get_size(file, &size));
    assert_int_equal(size, 4096);
    assert_ok(file_read_exactly(file, 0, block, 4096));
    file_close(file);
    free(block);
    assert_ok(file_remove(files, path_in("a")));
    assert_ok(file_remove(files, path_in("a")));
}

TEST(file, lock_keeps_out_a_second_open_in_this_process) {
    FileSystem *files = file_system_real();
    File *first, *second;
    assert_ok(file_open(files, path_in("lock"), (FileOptions){.create = true}, &first));
    assert_ok(file_lock(first));
    assert_ok(file_open(files, path_in("lock"), (FileOptions){0}, &second));
    assert_fails(OBJECT_IN_USE, file_lock(second));
    file_close(second); // must not drop the first one's lock, as a process-wide lock would be
    assert_ok(file_open(files, path_in("lock"), (FileOptions){0}, &second));
    assert_fails(OBJECT_IN_USE, file_lock(second));
    file_close(first);
    assert_ok(file_lock(second));
    file_close(second);
    assert_ok(file_remove(files, path_in("lock")));
}

TEST(folder, lists_its_files_in_order) {
    FileSystem *files = file_system_real();
    Arena arena;
    arena_init(&arena, NULL);
    assert_ok(folder_create(files, path_in("sub")));
    assert_ok(folder_create(files, path_in("sub")));
    const char *names[] = {"sub/b", "sub/a", "sub/c"};
    for (int i = 0; i < 3; i++) {
        File *file;
        assert_ok(file_open(files, path_in(names[i]), (FileOptions){.create = true}, &file));
        file_close(file);
    }
    char to[128];
    snprintf(to, sizeof to, "%s", path_in("sub/d"));
    assert_ok(file_rename(files, path_in("sub/a"), to));
    assert_ok(folder_sync(files, path_in("sub")));
    const char **found;
    size_t count;
    assert_ok(folder_list(files, path_in("sub"), &arena, &found, &count));
    assert_int_equal(count, 3);
    const char *expected[] = {"b", "c", "d"};
    for (int i = 0; i < 3; i++) {
        assert_string_equal(found[i], expected[i]);
        char name[16];
        snprintf(name, sizeof name, "sub/%s", expected[i]);
        assert_ok(file_remove(files, path_in(name)));
    }
    assert_ok(folder_remove(files, path_in("sub")));
    assert_fails(UNDEFINED_FILE, folder_list(files, path_in("sub"), &arena, &found, &count));
    arena_deinit(&arena);
}

TEST(clock, moves_on) {
    Clock *clock = clock_real();
    int64_t before = clock_monotonic_ns(clock);
    clock_sleep_us(clock, 1000);
    assert_true(clock_monotonic_ns(clock) - before >= 1000000);
    assert_true(clock_wall_us(clock) > INT64_C(800000000) * 1000000); // later than 2025
}

enum { THREAD_COUNT = 4, ROUND_COUNT = 20000 };

typedef struct Counted {
    Latch latch;
    _Atomic uint64_t a, b; // equal whenever the latch is free
} Counted;

static void count_under_latch(void *argument) {
    Counted *counted = argument;
    for (int i = 0; i < ROUND_COUNT; i++) {
        ASSERT(latch_lock(&counted->latch, LATCH_RANK_PAGE));
        uint64_t a = atomic_load_explicit(&counted->a, memory_order_relaxed);
        atomic_store_explicit(&counted->a, a + 1, memory_order_relaxed);
        atomic_store_explicit(&counted->b, a + 1, memory_order_relaxed);
        latch_unlock(&counted->latch, LATCH_RANK_PAGE);
        uint64_t version;
        if (!latch_read_begin(&counted->latch, &version)) continue;
        uint64_t seen_a = atomic_load_explicit(&counted->a, memory_order_acquire);
        uint64_t seen_b = atomic_load_explicit(&counted->b, memory_order_acquire);
        if (latch_read_is_valid(&counted->latch, version)) ASSERT(seen_a == seen_b);
    }
}

TEST(latch, excludes_writers_and_validates_readers) {
    Counted counted = {0};
    latch_init(&counted.latch);
    Thread *threads[THREAD_COUNT];
    for (int i = 0; i < THREAD_COUNT; i++) {
        assert_ok(thread_start("count", 0, count_under_latch, &counted, &threads[i]));
    }
    for (int i = 0; i < THREAD_COUNT; i++)
        thread_join(threads[i]);
    assert_int_equal(counted.a, THREAD_COUNT * ROUND_COUNT);

    uint64_t version;
    assert_true(latch_read_begin(&counted.latch, &version));
    assert_true(latch_lock(&counted.latch, LATCH_RANK_PAGE));
    assert_true(latch_is_held(&counted.latch));
    assert_false(latch_try_lock(&counted.latch, LATCH_RANK_PAGE));
    latch_unlock_obsolete(&counted.latch, LATCH_RANK_PAGE);
    assert_false(latch_read_is_valid(&counted.latch, version));
    assert_false(latch_read_begin(&counted.latch, &version));
    assert_false(latch_lock(&counted.latch, LATCH_RANK_PAGE));
}

typedef struct Shared {
    EpochSet *epochs;
    _Atomic(uint64_t *) value; // always points at a live 1
    _Atomic bool is_done;
    _Atomic uint64_t freed_count;
} Shared;

static _Atomic uint64_t released_count;

static void release_value(void *memory) {
    *(uint64_t *)memory = 0; // what a reader would trip over
    free(memory);
    atomic_fetch_add(&released_count, 1);
}

static void read_values(void *argument) {
    Shared *shared = argument;
    while (!atomic_load(&shared->is_done)) {
        epoch_enter(shared->epochs);
        epoch_enter(shared->epochs);
        const uint64_t *value = atomic_load_explicit(&shared->value, memory_order_acquire);
        for (int i = 0; i < 10; i++)
            ASSERT(*(const volatile uint64_t *)value == 1);
        epoch_leave(shared->epochs);
        ASSERT(epoch_is_inside(shared->epochs));
        epoch_leave(shared->epochs);
    }
}

TEST(epoch, frees_only_what_nobody_reads) {
    Shared shared = {0};
    assert_ok(epoch_set_create(&shared.epochs));
    uint64_t *first = malloc(sizeof *first);
    *first = 1;
    atomic_init(&shared.value, first);
    Thread *threads[2];
    for (int i = 0; i < 2; i++) {
        assert_ok(thread_start("read", 0, read_values, &shared, &threads[i]));
    }
    for (int i = 0; i < ROUND_COUNT; i++) {
        uint64_t *fresh = malloc(sizeof *fresh);
        *fresh = 1;
        uint64_t *old = atomic_exchange(&shared.value, fresh);
        epoch_retire(shared.epochs, old, release_value);
        if (i % 100 == 0) epoch_advance(shared.epochs);
    }
    // Readers come and go, but one may lie asleep inside for as long as others keep the machine.
    while (atomic_load(&released_count) == 0) {
        thread_yield();
        epoch_advance(shared.epochs);
    }
    atomic_store(&shared.is_done, true);
    for (int i = 0; i < 2; i++)
        thread_join(threads[i]);
    assert_false(epoch_is_inside(shared.epochs));
    epoch_advance(shared.epochs);
    assert_int_equal(atomic_load(&released_count), ROUND_COUNT);
    epoch_retire(shared.epochs, atomic_load(&shared.value), release_value);
    epoch_set_destroy(shared.epochs);
    assert_int_equal(atomic_load(&released_count), ROUND_COUNT + 1);
}

static void look_at_signals(void *argument) {
    pthread_sigmask(SIG_SETMASK, NULL, argument);
}

TEST(thread, takes_no_signals_of_the_program) {
    sigset_t mask;
    Thread *thread;
    assert_ok(thread_start("look", 0, look_at_signals, &mask, &thread));
    thread_join(thread);
    assert_true(sigismember(&mask, SIGINT));
    assert_true(sigismember(&mask, SIGCHLD));
    assert_false(sigismember(&mask, SIGSEGV));
    look_at_signals(&mask); // and this one's are as they were
    assert_false(sigismember(&mask, SIGINT));
}

TEST(condition, times_out) {
    Mutex mutex;
    Condition condition;
    mutex_init(&mutex, LATCH_RANK_WAL);
    condition_init(&condition);
    mutex_lock(&mutex);
    assert_true(mutex_is_held(&mutex));
    assert_false(condition_wait_us(&condition, &mutex, 2000));
    mutex_unlock(&mutex);
    condition_deinit(&condition);
    mutex_deinit(&mutex);
    _Atomic uint32_t word = 3;
    word_wait(&word, 3, 1000); // returns after a millisecond
    word_wait(&word, 4, -1);   // returns at once
    assert_true(cpu_count() >= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST_OF(file, keeps_what_was_written_directly),
        TEST_OF(file, lock_keeps_out_a_second_open_in_this_process),
        TEST_OF(folder, lists_its_files_in_order), TEST_OF(clock, moves_on),
        TEST_OF(latch, excludes_writers_and_validates_readers),
        TEST_OF(epoch, frees_only_what_nobody_reads),
        TEST_OF(thread, takes_no_signals_of_the_program), TEST_OF(condition, times_out)};
    return cmocka_run_group_tests(tests, folder_set_up, folder_tear_down);
}
