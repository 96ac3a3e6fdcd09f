#include "os/simulated_disk.h"

#include "base/assert.h"
#include "base/test.h"

static SimulatedDisk *disk;

static FileSystem *files;

static int disk_set_up(void **state) {
    (void)state;
    Status status = simulated_disk_create(&disk);
    files = simulated_disk_files(disk);
    return status != OK;
}

static int disk_tear_down(void **state) {
    (void)state;
    simulated_disk_destroy(disk);
    return 0;
}

static File *open_file(const char *path, bool sync_each_write) {
    File *file;
    assert_ok(file_open(
        files, path, (FileOptions){.create = true, .sync_each_write = sync_each_write}, &file));
    return file;
}

static void check_content(const char *path, const char *expected) {
    File *file;
    assert_ok(file_open(files, path, (FileOptions){0}, &file));
    char bytes[64] = {0};
    size_t read;
    assert_ok(file_read(file, 0, bytes, sizeof bytes - 1, &read));
    assert_string_equal(bytes, expected);
    file_close(file);
}

TEST(simulated_disk, keeps_what_was_synced) {
    File *file = open_file("a", false);
    assert_ok(file_write(file, 0, "old", 3));
    assert_ok(file_sync(file));
    assert_ok(folder_sync(files, "."));
    assert_ok(file_write(file, 0, "new", 3));
    file_close(file);
    file = open_file("b", true); // its bytes are durable, its name is not
    assert_ok(file_write(file, 0, "b", 1));
    file_close(file);
    assert_ok(file_rename(files, "b", "c"));

    SimulatedDisk *original = disk;
    for (CrashPolicy policy = CRASH_KILL; policy < CRASH_POLICY_COUNT; policy++) {
        assert_ok(simulated_disk_copy(original, &disk));
        files = simulated_disk_files(disk);
        simulated_disk_restart(disk, policy, 5);
        if (policy == CRASH_KILL || policy == CRASH_EVERYTHING) {
            check_content("a", "new");
            check_content("c", "b");
        } else if (policy == CRASH_NOTHING || policy == CRASH_ZEROS) {
            check_content("a", "old");
            assert_false(file_exists(files, "c"));
        } else if (policy == CRASH_NAMES_LATE) {
            check_content("a", "new");
            assert_false(file_exists(files, "b"));
        }
        if (policy == CRASH_KILL) { // and then the power fails as well
            simulated_disk_restart(disk, CRASH_NOTHING, 5);
            check_content("a", "old");
        }
        simulated_disk_destroy(disk);
    }
    disk = original;
    files = simulated_disk_files(disk);
    check_content("a", "new");
}

TEST(simulated_disk, goes_down_and_comes_up) {
    File *file = open_file("a", false);
    assert_ok(file_write(file, 0, "one", 3));
    assert_ok(file_sync(file));
    assert_ok(folder_sync(files, "."));
    simulated_disk_crash_at(disk, simulated_disk_call_count(disk) + 2);
    assert_ok(file_write(file, 0, "two", 3));
    assert_fails(IO_ERROR, file_sync(file));
    size_t read;
    char byte;
    assert_fails(IO_ERROR, file_read(file, 0, &byte, 1, &read));
    file_close(file);
    simulated_disk_restart(disk, CRASH_NOTHING, 1);
    check_content("a", "one");
}

TEST(simulated_disk, fails_when_told) {
    File *file = open_file("a", false);
    assert_ok(folder_sync(files, "."));
    simulated_disk_set_limit(disk, 10);
    assert_fails(DISK_FULL, file_write(file, 0, "twelve bytes", 12));
    assert_ok(file_write(file, 0, "ten bytes!", 10));
    assert_fails(DISK_FULL, file_allocate(file, 0, 11));
    simulated_disk_fail_at(disk, simulated_disk_call_count(disk) + 1, FAULT_SYNC, false);
    assert_fails(IO_ERROR, file_sync(file));
    assert_ok(file_sync(file)); // as Linux: it has forgotten
    assert_true(simulated_disk_flip_bit(disk, "a", 0, 5));
    check_content("a", "Ten bytes!");
    file_close(file);
    simulated_disk_restart(disk, CRASH_NOTHING, 1);
    check_content("a", "");
}

static void count_call(void *argument, uint64_t call, [[maybe_unused]] const char *path) {
    SimulatedDisk *copy;
    ASSERT(simulated_disk_copy(disk, &copy) == OK);
    ASSERT(simulated_disk_call_count(copy) == call);
    simulated_disk_destroy(copy);
    (*(int *)argument)++;
}

TEST(simulated_disk, shows_every_call_to_its_hook) {
    int count = 0;
    simulated_disk_set_hook(disk, count_call, &count);
    assert_ok(folder_create(files, "f"));
    File *file = open_file("f/a", true);
    File *second = open_file("f/a", true);
    assert_ok(file_lock(file));
    assert_fails(OBJECT_IN_USE, file_lock(second));
    file_close(second);
    assert_ok(file_write(file, 0, "x", 1));
    assert_ok(file_set_size(file, 4096));
    file_close(file);
    assert_ok(file_remove(files, "f/a"));
    assert_ok(folder_remove(files, "f"));
    assert_int_equal(count, 6);
    assert_int_equal(simulated_disk_call_count(disk), 6);

    SimulatedClock *clock;
    assert_ok(simulated_clock_create(&clock));
    int64_t before = clock_monotonic_ns(simulated_clock_clock(clock));
    clock_sleep_us(simulated_clock_clock(clock), 5000000);
    assert_int_equal(clock_monotonic_ns(simulated_clock_clock(clock)) - before, 5000001000);
    simulated_clock_destroy(clock);
}

#define TEST_ON_DISK(noun, sentence)                                                               \
    cmocka_unit_test_setup_teardown(noun##_##sentence, disk_set_up, disk_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {TEST_ON_DISK(simulated_disk, keeps_what_was_synced),
        TEST_ON_DISK(simulated_disk, goes_down_and_comes_up),
        TEST_ON_DISK(simulated_disk, fails_when_told),
        TEST_ON_DISK(simulated_disk, shows_every_call_to_its_hook)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
