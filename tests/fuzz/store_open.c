// Fuzz target: the head of a data file. The input's first byte says what it lies over: a superblock
// (its checksum is made right again), the directory's head, or the directory's entries. What comes
// of it is an error or a directory whose entries can be read.
#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "os/simulated_disk.h"
#include "store/directory.h"
#include "store/store_internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

static void require(bool holds) {
    if (!holds) abort();
}

static bool is_expected(Status status) {
    return status == OK || status == DATA_CORRUPTED || status == FEATURE_NOT_SUPPORTED
           || status == IO_ERROR || status == OUT_OF_MEMORY;
}

static void read_directory(Store *store, ExtentRef ref) {
    Arena arena;
    arena_init(&arena, NULL);
    Directory *directory;
    Status status = directory_read(store, ref, &arena, &directory);
    require(is_expected(status));
    uint64_t sum = 0;
    for (size_t i = 0; status == OK && i < directory_count(directory); i++) {
        StoreId id;
        Bytes bytes;
        directory_get(directory, i, &id, &bytes);
        sum += hash_bytes(bytes.data, bytes.count, id.value);
    }
    volatile uint64_t kept = sum; // so that the reading is not left out
    (void)kept;
    ExtentRef *refs;
    size_t count;
    require(is_expected(directory_extents(store, ref, &arena, &refs, &count)));
    error_clear();
    arena_deinit(&arena);
}

// A superblock with the input over it, in all four places of a file, opened.
static void open_superblock(Bytes input) {
    enum { OFFSET = 8, CHECKSUM_OFFSET = SUPERBLOCK_BYTES - 8 };

    StoreRoot root = {.generation = 2, .wal_file_bytes = 1 << 20, .next_store = 1};
    uint8_t block[SUPERBLOCK_BYTES];
    superblock_encode(&root, FIRST_EXTENT_BLOCK, block);
    size_t count = input.count < 256 ? input.count : 256;
    for (size_t i = 0; i < count; i++)
        block[OFFSET + i] ^= input.data[i]; // zeros leave a right one
    put_u64_le(block + CHECKSUM_OFFSET, hash_bytes(block, CHECKSUM_OFFSET, 0));

    SimulatedDisk *disk;
    require(simulated_disk_create(&disk) == OK);
    Environment environment = environment_real();
    environment.files = simulated_disk_files(disk);
    File *file;
    require(file_open(environment.files, "f", (FileOptions){.create = true}, &file) == OK);
    require(file_set_size(file, FIRST_EXTENT_OFFSET + 4 * STORE_BLOCK_BYTES) == OK);
    for (uint64_t i = 0; i < SUPERBLOCK_COUNT; i++) {
        require(file_write(file, i * SUPERBLOCK_SPACING, block, sizeof block) == OK);
    }
    file_close(file);
    Store *store;
    Status status = store_open(environment, "f", &store);
    require(is_expected(status));
    if (status == OK) {
        read_directory(store, store_root(store).directory);
        store_close(store);
    }
    simulated_disk_destroy(disk);
}

// The input as the directory's head, or as its entries under a right head.
static void open_directory(Bytes input, bool is_head) {
    Store *store;
    require(store_create_volatile(environment_real(), &store) == OK);
    uint8_t head[64] = "ODIR";
    ExtentRef ref;
    Bytes entries =
        is_head || input.count < 4 ? input : bytes_make(input.data + 4, input.count - 4);
    if (entries.count == 0) entries = bytes_make("\0\0\0\0\0\0\0\0", 8);
    require(store_write(store, EXTENT_DIRECTORY, entries, &ref) == OK);
    put_u32_le(head + 4, 1);
    put_u64_le(head + 8, entries.count);
    put_u32_le(head + 16, input.count < 4 ? 0 : get_u32_le(input.data));
    put_u64_le(head + 24, ref.location);
    put_u64_le(head + 32, ref.checksum);
    if (is_head) {
        for (size_t i = 4; i < sizeof head && i < input.count; i++)
            head[i] ^= input.data[i];
    }
    require(store_write(store, EXTENT_DIRECTORY, bytes_make(head, sizeof head), &ref) == OK);
    read_directory(store, ref);
    store_close(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count) {
    if (count == 0) return 0;
    Bytes input = bytes_make(data + 1, count - 1);
    if (data[0] % 3 == 0) {
        open_superblock(input);
    } else {
        open_directory(input, data[0] % 3 == 1);
    }
    error_clear();
    return 0;
}
