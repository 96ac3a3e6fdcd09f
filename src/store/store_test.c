#include "base/hash.h"
#include "base/random.h"
#include "base/test.h"
#include "store/directory.h"
#include "store/store_internal.h"

#include <stdlib.h>
#include <unistd.h>

static char path[64];
static Environment environment;

static int file_set_up(void **state) {
    (void)state;
    environment = environment_real();
    snprintf(path, sizeof path, "store_test.%d.omen", (int)getpid());
    return 0;
}

static int file_tear_down(void **state) {
    (void)state;
    if (unlink(path) != 0) return 0; // a test has taken it
    return 0;
}

static Store *file_create(void) {
    unlink(path);
    Store *store;
    StoreRoot root = {.wal_file_bytes = 1 << 20, .is_clean = true, .next_oid = FIRST_USER_OID};
    assert_ok(store_create(environment, path, &root, &store));
    return store;
}

static ExtentRef write_kind(Store *store, ExtentKind kind, int filling, size_t count) {
    uint8_t *bytes = malloc(count);
    memset(bytes, filling, count);
    ExtentRef ref;
    assert_ok(store_write(store, kind, bytes_make(bytes, count), &ref));
    free(bytes);
    return ref;
}

static ExtentRef write_filled(Store *store, int filling, size_t count) {
    return write_kind(store, EXTENT_GROUP, filling, count);
}

static void check_filled(Store *store, ExtentRef ref, int filling, size_t count) {
    uint8_t *bytes = malloc(extent_bytes(ref));
    assert_ok(store_read(store, ref, bytes));
    for (size_t i = 0; i < extent_bytes(ref); i++) {
        assert_int_equal(bytes[i], i < count ? (uint8_t)filling : 0);
    }
    free(bytes);
}

TEST(store, opens_the_newest_root) {
    Store *store = file_create();
    Store *second;
    StoreRoot none = {0};
    assert_fails(DUPLICATE_FILE, store_create(environment, path, &none, &second));
    assert_fails(OBJECT_IN_USE, store_open(environment, path, &second));
    ExtentRef refs[3];
    for (int i = 0; i < 3; i++) {
        refs[i] = write_filled(store, 'a' + i, 5000);
        StoreRoot root = store_root(store);
        root.checkpoint = (Lsn){100 + (uint64_t)i};
        root.directory = refs[i];
        assert_ok(store_publish(store, &root));
    }
    assert_int_equal(store_root(store).generation, 4);
    store_close(store);

    assert_ok(store_open(environment, path, &store));
    StoreRoot root = store_root(store);
    assert_int_equal(root.generation, 4);
    assert_int_equal(root.checkpoint.value, 102);
    assert_int_equal(root.next_oid, FIRST_USER_OID);
    assert_true(root.is_clean);
    store_mark(store, root.directory);
    assert_ok(store_finish_marks(store));
    check_filled(store, root.directory, 'c', 5000);
    store_close(store);
}

static void overwrite(uint64_t offset, const void *bytes, size_t count) {
    File *file;
    assert_ok(file_open(environment.files, path, (FileOptions){0}, &file));
    assert_ok(file_write(file, offset, bytes, count));
    file_close(file);
}

TEST(store, compresses_pages_and_leaves_where_that_saves_blocks) {
    enum { COUNT = 5 * STORE_BLOCK_BYTES - 100 };

    Store *store = file_create();
    ExtentRef same = write_kind(store, EXTENT_PAGE, 'p', COUNT);
    assert_true(extent_is_compressed(same));
    assert_int_equal(extent_kind(same), EXTENT_PAGE);
    assert_int_equal(extent_bytes(same), 5 * STORE_BLOCK_BYTES);
    assert_int_equal(extent_block_count(same), 1);
    check_filled(store, same, 'p', COUNT);

    uint8_t *noise = malloc(COUNT), *back = malloc(5 * STORE_BLOCK_BYTES);
    Random random;
    random_seed(&random, 7);
    for (size_t i = 0; i < COUNT; i++)
        noise[i] = (uint8_t)random_next(&random);
    ExtentRef ref;
    assert_ok(store_write(store, EXTENT_INDEX_LEAF, bytes_make(noise, COUNT), &ref));
    assert_false(extent_is_compressed(ref));
    assert_ok(store_read(store, ref, back));
    assert_memory_equal(back, noise, COUNT);

    // Bytes with a right sum that no compressor has made.
    for (int is_long = 0; is_long < 2; is_long++) {
        put_u32_le(noise, is_long ? UINT32_MAX : 100);
        assert_ok(store_write(store, EXTENT_GROUP, bytes_make(noise, STORE_BLOCK_BYTES), &ref));
        ref.location |= UINT64_C(4) << 48 | UINT64_C(1) << 63;
        ref.checksum = hash_bytes(noise, STORE_BLOCK_BYTES, ref.location);
        assert_fails(DATA_CORRUPTED, store_read(store, ref, back));
    }
    free(noise);
    free(back);
    store_close(store);
}

TEST(store, falls_back_to_what_is_valid_and_refuses_the_rest) {
    Store *store = file_create();
    StoreRoot root = store_root(store);
    root.checkpoint = (Lsn){7};
    assert_ok(store_publish(store, &root)); // generation 2: slots 0 and 1
    ExtentRef ref = write_filled(store, 'x', 4096);
    store_close(store);
    uint8_t zeros[4096] = {0};

    overwrite(0, zeros, sizeof zeros); // one copy
    assert_ok(store_open(environment, path, &store));
    assert_int_equal(store_root(store).generation, 2);
    overwrite(extent_offset(ref) + 17, "y", 1);
    uint8_t bytes[4096];
    assert_fails(DATA_CORRUPTED, store_read(store, ref, bytes));
    ref.location += 1000; // beyond the end
    assert_fails(DATA_CORRUPTED, store_read(store, ref, bytes));
    store_close(store);

    overwrite(SUPERBLOCK_SPACING + 60, "torn", 4); // the other copy
    assert_ok(store_open(environment, path, &store));
    assert_int_equal(store_root(store).generation, 1);
    store_close(store);
    overwrite(2 * SUPERBLOCK_SPACING, zeros, sizeof zeros);
    overwrite(3 * SUPERBLOCK_SPACING, zeros, sizeof zeros);
    assert_fails(DATA_CORRUPTED, store_open(environment, path, &store));
}

static uint64_t used_bytes(const Store *store) {
    return store_usage(store).used_bytes;
}

TEST(store, p12_releases_blocks_one_root_later) {
    Store *store = file_create();
    StoreRoot root = store_root(store);
    uint64_t empty = used_bytes(store);
    ExtentRef before = write_filled(store, 'a', 8192);
    ExtentRef during = write_filled(store, 'b', 4096);
    store_free(store, before); // the next root does not name it
    assert_int_equal(store_usage(store).pending_bytes, 8192);
    store_begin_root(store);
    store_free(store, during); // the root in the making may
    assert_ok(store_publish(store, &root));
    assert_int_equal(used_bytes(store), empty + 8192 + 4096);
    store_release(store); // nothing can go back any more
    assert_int_equal(used_bytes(store), empty + 4096);
    assert_ok(store_publish(store, &root));
    store_release(store);
    assert_int_equal(used_bytes(store), empty);

    ExtentRef now = write_filled(store, 'c', 4096);
    store_free_now(store, now);
    assert_int_equal(used_bytes(store), empty);
    store_begin_root(store);
    store_free(store, write_filled(store, 'd', 4096));
    store_abandon_root(store);
    store_begin_root(store);
    assert_ok(store_publish(store, &root));
    store_release(store);
    assert_int_equal(used_bytes(store), empty);
    store_close(store);
}

// Random writes and frees against a shadow: no two extents overlap, contents stay.
static void churn(Store *store) {
    enum { COUNT = 64 };

    ExtentRef refs[COUNT] = {0};
    size_t counts[COUNT];
    Random random;
    random_seed(&random, 3);
    uint64_t empty = used_bytes(store);
    for (int round = 0; round < 1500; round++) {
        size_t i = random_below(&random, COUNT);
        if (!extent_is_none(refs[i])) {
            check_filled(store, refs[i], (int)i, counts[i]);
            store_free_now(store, refs[i]);
        }
        counts[i] = 1 + random_below(&random, round % 10 == 0 ? 300000 : 20000);
        refs[i] = write_filled(store, (int)i, counts[i]);
    }
    StoreMarker *marker;
    assert_ok(store_marker_create(store, &marker));
    for (int i = 1; i < COUNT; i++)
        assert_ok(store_marker_add(marker, refs[i]));
    assert_fails(DATA_CORRUPTED, store_marker_add(marker, refs[1]));
    assert_fails(DATA_CORRUPTED, store_marker_finish(marker)); // refs[0] is missing
    assert_ok(store_marker_create(store, &marker));
    for (int i = 0; i < COUNT; i++)
        assert_ok(store_marker_add(marker, refs[i]));
    assert_ok(store_marker_finish(marker));
    for (int i = 0; i < COUNT; i++)
        store_free_now(store, refs[i]);
    assert_int_equal(used_bytes(store), empty);
}

TEST(store, gives_out_no_block_twice) {
    Store *store = file_create();
    churn(store);
    assert_true(store_usage(store).file_bytes < 64 << 20);
    store_close(store);
    assert_ok(store_create_volatile(environment, &store));
    churn(store);
    store_close(store);
}

TEST(store, finds_long_runs_across_regions) {
    BlockMap map = {0};
    assert_ok(block_map_grow(&map, 3 * REGION_BLOCKS));
    uint64_t first;
    assert_true(block_map_mark(&map, 0, 100));
    assert_true(block_map_take(&map, 2 * REGION_BLOCKS, &first));
    assert_int_equal(first, 100);
    assert_false(block_map_take(&map, REGION_BLOCKS, &first));
    assert_ok(block_map_grow(&map, 4 * REGION_BLOCKS));
    assert_true(block_map_take(&map, REGION_BLOCKS, &first));
    assert_int_equal(first, 100 + 2 * REGION_BLOCKS);
    block_map_give(&map, 100, 2 * REGION_BLOCKS);
    assert_true(block_map_take(&map, REGION_BLOCKS, &first));
    assert_int_equal(first, 100);
    block_map_deinit(&map);
}

TEST(directory, gives_back_its_entries) {
    Store *store = file_create();
    Arena arena;
    arena_init(&arena, NULL);
    Directory *directory = directory_make(&arena);
    char *bytes = arena_allocate(&arena, 3000, 1);
    for (uint32_t i = 0; i < 1000; i++) { // 1.5 MB: more than one piece
        memset(bytes, (int)i, i * 3);
        directory_add(directory, (StoreId){i * 2 + 1}, bytes_make(bytes, i * 3));
    }
    ExtentRef ref;
    assert_ok(directory_write(directory, store, &ref));
    ExtentRef *refs;
    size_t count;
    assert_ok(directory_extents(store, ref, &arena, &refs, &count));
    assert_int_equal(count, 3);
    Directory *read;
    assert_ok(directory_read(store, ref, &arena, &read));
    assert_int_equal(directory_count(read), 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        StoreId id;
        Bytes entry;
        directory_get(read, i, &id, &entry);
        assert_int_equal(id.value, i * 2 + 1);
        assert_int_equal(entry.count, i * 3);
        if (entry.count > 0) assert_int_equal(entry.data[entry.count - 1], (uint8_t)i);
    }
    assert_fails(DATA_CORRUPTED, directory_read(store, refs[1], &arena, &read));
    Directory *empty = directory_make(&arena);
    assert_ok(directory_write(empty, store, &ref));
    assert_ok(directory_read(store, ref, &arena, &read));
    assert_int_equal(directory_count(read), 0);
    arena_deinit(&arena);
    store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST_OF(store, opens_the_newest_root),
        TEST_OF(store, compresses_pages_and_leaves_where_that_saves_blocks),
        TEST_OF(store, falls_back_to_what_is_valid_and_refuses_the_rest),
        TEST_OF(store, p12_releases_blocks_one_root_later),
        TEST_OF(store, gives_out_no_block_twice), TEST_OF(store, finds_long_runs_across_regions),
        TEST_OF(directory, gives_back_its_entries)};
    return cmocka_run_group_tests(tests, file_set_up, file_tear_down);
}
