// The root swap on a disk that loses what was not synced: a copy is crashed inside every call of a
// workload, with every policy; whichever root it comes up with must be whole.
#include "base/assert.h"
#include "base/log.h"
#include "base/random.h"
#include "base/test.h"
#include "os/simulated_disk.h"
#include "store/store_internal.h"

enum { OBJECT_COUNT = 12, ROOT_COUNT = 40, OBJECT_BYTES = 9000 };

static const char PATH[] = "f.omen";

// Objects are numbers in extents; the root's directory is one extent with their references.
typedef struct State {
    ExtentRef refs[OBJECT_COUNT];
    uint64_t numbers[OBJECT_COUNT];
} State;

typedef struct Workload {
    SimulatedDisk *disk;
    bool is_created;
    uint64_t published, published_next; // generations
    State states[ROOT_COUNT * 2];       // by generation
    uint64_t checked;
} Workload;

static Status write_number(Store *store, uint64_t number, ExtentRef *ref_out) {
    uint8_t bytes[OBJECT_BYTES];
    memset(bytes, (int)number, sizeof bytes);
    put_u64_le(bytes, number);
    return store_write(store, EXTENT_PAGE, bytes_make(bytes, 8 + number % 9000), ref_out);
}

static Status write_directory(Store *store, const State *state, ExtentRef *ref_out) {
    uint8_t bytes[OBJECT_COUNT * 16];
    for (int i = 0; i < OBJECT_COUNT; i++) {
        put_u64_le(bytes + i * 16, state->refs[i].location);
        put_u64_le(bytes + i * 16 + 8, state->refs[i].checksum);
    }
    return store_write(store, EXTENT_DIRECTORY, bytes_make(bytes, sizeof bytes), ref_out);
}

// Every object of the root there is holds the number it had in that generation.
static void check_root(const Workload *workload, Store *store) {
    StoreRoot root = store_root(store);
    ASSERT(root.generation == workload->published || root.generation == workload->published_next);
    if (extent_is_none(root.directory)) {
        ASSERT(store_finish_marks(store) == OK);
        return;
    }
    store_mark(store, root.directory);
    uint8_t bytes[STORE_BLOCK_BYTES * 3];
    ASSERT(store_read(store, root.directory, bytes) == OK);
    ExtentRef refs[OBJECT_COUNT];
    for (int i = 0; i < OBJECT_COUNT; i++) {
        refs[i] = (ExtentRef){get_u64_le(bytes + i * 16), get_u64_le(bytes + i * 16 + 8)};
        if (!extent_is_none(refs[i])) store_mark(store, refs[i]);
    }
    ASSERT(store_finish_marks(store) == OK);
    for (int i = 0; i < OBJECT_COUNT; i++) {
        if (extent_is_none(refs[i])) continue;
        Status status = store_read(store, refs[i], bytes);
        if (status != OK) print_error("%s\n", error_get()->message);
        ASSERT(status == OK);
        ASSERT(get_u64_le(bytes) == workload->states[root.generation].numbers[i]);
    }
}

static void check_policies(void *argument) {
    Workload *workload = argument;
    for (CrashPolicy policy = CRASH_KILL; policy < CRASH_POLICY_COUNT; policy++) {
        SimulatedDisk *copy;
        ASSERT(simulated_disk_copy(workload->disk, &copy) == OK);
        Environment environment = environment_real();
        environment.files = simulated_disk_files(copy);
        uint64_t seed = simulated_disk_call_count(copy) * CRASH_POLICY_COUNT + policy;
        simulated_disk_restart(copy, policy, seed);
        Store *store;
        ASSERT(store_open(environment, PATH, &store) == OK);
        check_root(workload, store);
        // What has come up may be written over now: crash once more, without another root.
        ExtentRef ref;
        for (int i = 0; i < 5; i++)
            ASSERT(write_number(store, (uint64_t)i, &ref) == OK);
        StoreRoot root = store_root(store);
        store_close(store);
        simulated_disk_restart(copy, (CrashPolicy)(seed / 7 % CRASH_POLICY_COUNT), seed);
        ASSERT(store_open(environment, PATH, &store) == OK);
        ASSERT(store_root(store).generation == root.generation);
        check_root(workload, store);
        store_close(store);
        simulated_disk_destroy(copy);
        workload->checked++;
    }
}

// On a thread of its own: the workload's holds whatever locks it holds inside its call.
static void check_at(void *argument, uint64_t call, [[maybe_unused]] const char *path) {
    (void)call;
    if (!((Workload *)argument)->is_created) return;
    Thread *thread;
    ASSERT(thread_start("check", 0, check_policies, argument, &thread) == OK);
    thread_join(thread);
}

// Gives objects new numbers. Before the root is begun they are in it; after, in the next one, and
// some of those are spilled several times meanwhile.
static void change_objects(Store *store, State *state, Random *random, uint64_t *number) {
    for (int i = 0; i < 4; i++) {
        size_t at = random_below(random, OBJECT_COUNT);
        store_free(store, state->refs[at]);
        state->numbers[at] = ++*number;
        assert_ok(write_number(store, *number, &state->refs[at]));
    }
}

TEST(store, comes_up_with_a_whole_root_after_every_crash) {
    log_set_severity(LOG_OFF);
    static Workload workload;
    workload = (Workload){.published = 1, .published_next = 1};
    assert_ok(simulated_disk_create(&workload.disk));
    simulated_disk_set_hook(workload.disk, check_at, &workload);
    Environment environment = environment_real();
    environment.files = simulated_disk_files(workload.disk);
    StoreRoot root = {.wal_file_bytes = 1 << 20, .is_clean = true};
    Store *store;
    assert_ok(store_create(environment, PATH, &root, &store));
    workload.is_created = true;
    Random random;
    random_seed(&random, 5);
    State now = {0};
    uint64_t number = 0;
    ExtentRef directory = {0};
    for (uint64_t generation = 2; generation < ROOT_COUNT; generation++) {
        change_objects(store, &now, &random, &number);
        store_begin_root(store);
        State image = now;
        change_objects(store, &now, &random, &number);
        root = store_root(store);
        assert_ok(write_directory(store, &image, &root.directory));
        workload.states[generation] = image;
        workload.published_next = generation;
        assert_ok(store_publish(store, &root));
        workload.published = generation;
        store_release(store);
        store_free(store, directory);
        directory = root.directory;
    }
    store_close(store);
    check_at(&workload, 0, "");
    print_message("%llu crashes\n", (unsigned long long)workload.checked);
    assert_true(workload.checked > 3000);
    simulated_disk_destroy(workload.disk);
}

TEST_MAIN(TEST_OF(store, comes_up_with_a_whole_root_after_every_crash))
