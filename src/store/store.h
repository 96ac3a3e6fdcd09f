// The data file: extents written once, references that carry their checksum, and one root that
// changes in one step.
//
// Model    The file is 4 KiB blocks. An extent is a run of them, never overwritten while anything
//          may refer to it. A reference to it (ExtentRef) holds place, length and checksum, and
//          lives in the parent. The root is a superblock in two copies per generation; publishing
//          generation g+1 leaves both copies of g in place.
//          Freeing is deferred: an extent is given out again only when no durable root, retained
//          log record or pinned root can refer to it (invariant I-8, storage-rules 12).
// Threads  Everything but create, open and close may be called by any thread; roots are made by one
//          at a time.
// Failure  A sync error puts the store into FAILED: nothing is written any more, IO_ERROR.
//          DISK_FULL is an ordinary error.
// Format   docs/file-format.md
#pragma once

#include "base/ids.h"
#include "base/text.h"
#include "os/environment.h"
#include "os/thread.h"

typedef struct Store Store;

enum { STORE_BLOCK_BYTES = 4096 };

// Sixteen bytes that name stored bytes for good. Zero is none.
typedef struct ExtentRef {
    uint64_t location; // bits 0-39 first block, 40-55 blocks - 1, 56-62 kind, 63 compressed
    uint64_t checksum; // XXH3-64 of the stored bytes, seeded with location
} ExtentRef;

// X(NAME, number): what an extent holds; for check, dump and messages.
#define EXTENT_KIND_LIST(X)                                                                        \
    X(PAGE, 1)                                                                                     \
    X(GROUP, 2)                                                                                    \
    X(GROUP_DIRECTORY, 3)                                                                          \
    X(BLOB, 4)                                                                                     \
    X(INDEX_LEAF, 5)                                                                               \
    X(INDEX_TABLE, 6)                                                                              \
    X(DIRECTORY, 7)                                                                                \
    X(ALLOCATION, 8)                                                                               \
    X(SEGMENT, 9)

typedef enum ExtentKind {

#define X(name, number) EXTENT_##name = number,
    EXTENT_KIND_LIST(X)
#undef X
} ExtentKind;

static inline bool extent_is_none(ExtentRef ref) {
    return ref.location == 0;
}

static inline ExtentKind extent_kind(ExtentRef ref) {
    return (ExtentKind)(ref.location >> 56 & 0x7F);
}

// Of a compressed extent, bits 40-47 are the blocks - 1 that are stored, 48-55 those that are read.
static inline bool extent_is_compressed(ExtentRef ref) {
    return ref.location >> 63 != 0;
}

static inline uint64_t extent_offset(ExtentRef ref) {
    return (ref.location & ((UINT64_C(1) << 40) - 1)) * STORE_BLOCK_BYTES;
}

// What store_read gives, a multiple of STORE_BLOCK_BYTES; formats carry their own lengths.
static inline size_t extent_bytes(ExtentRef ref) {
    uint64_t blocks =
        extent_is_compressed(ref) ? ref.location >> 48 & 0xFF : ref.location >> 40 & 0xFFFF;
    return (size_t)(blocks + 1) * STORE_BLOCK_BYTES;
}

enum { EXTENT_BYTES_MAX = 65536 * STORE_BLOCK_BYTES };

// What a root says. Everything else hangs off `directory`.
typedef struct StoreRoot {
    uint64_t generation;
    uint64_t timeline;
    uint64_t incarnation; // +1 at every open that was not clean
    Lsn checkpoint;       // the snapshot that the root is an image of
    Lsn image;            // no page holds anything younger; `checkpoint` unless S has moved on
    Lsn redo;             // replay starts here
    uint64_t wal_file_bytes;
    ExtentRef directory;
    TxnId next_txn;
    uint32_t next_store;
    Oid next_oid;
    bool is_clean; // closed in order; the log may be gone
    uint8_t database_id[16];
} StoreRoot;

// Creates an empty file with generation 1. Errors: DUPLICATE_FILE.
Status store_create(
    Environment environment, const char *path, const StoreRoot *initial, Store **store_out);

// Opens the newest generation that is valid and locks the file. Errors: DATA_CORRUPTED,
// OBJECT_IN_USE when another process has it, FEATURE_NOT_SUPPORTED for a newer format.
Status store_open(Environment environment, const char *path, Store **store_out);

// A store in memory: same interface, no file, nothing durable.
Status store_create_volatile(Environment environment, Store **store_out);

void store_close(Store *store);

StoreRoot store_root(const Store *store); // the newest durable one
bool store_is_failed(const Store *store);

// Writes bytes to a fresh extent, padded with zeros to whole blocks; pages and leaves compressed,
// where that saves a block of a file. Not durable before the next store_publish. Errors: DISK_FULL,
// IO_ERROR.
Status store_write(Store *store, ExtentKind kind, Bytes bytes, ExtentRef *ref_out);

// Reads a whole extent, extent_bytes(ref) of them, into `bytes` (aligned to 4 KiB when the caller
// can). Errors: DATA_CORRUPTED, naming the place, when the checksum differs.
Status store_read(Store *store, ExtentRef ref, void *bytes);

// The extent is no longer referred to by what the next root will hold. Never fails.
void store_free(Store *store, ExtentRef ref);

// As store_free for an extent that no root in the making has captured: usable again at once.
void store_free_now(Store *store, ExtentRef ref);

// From here on frees belong to the root in the making: they are released by the store_release after
// the root that follows it. Called at FLIP.
void store_begin_root(Store *store);

// Makes `root` the newest one: syncs the data, writes both copies of the superblock, and syncs
// again. `root` comes with everything filled in but generation. On an error the old root stays.
Status store_publish(Store *store, const StoreRoot *root);

// Once nothing can go back to the root before the newest one (the log says so, durably): what that
// one alone held may be given out again.
void store_release(Store *store);

// Gives up a root in the making; its frees stay deferred.
void store_abandon_root(Store *store);

// After an unclean open: every extent that the walk of the root does not name is free. The owner of
// each structure calls store_mark for each extent it refers to, then store_finish_marks once.
void store_mark(Store *store, ExtentRef ref);
Status store_finish_marks(Store *store);

typedef struct StoreUsage {
    uint64_t file_bytes, used_bytes, pending_bytes;
} StoreUsage;

StoreUsage store_usage(const Store *store);

// For `omendb check` (invariant I-9): compares what was marked through `marker` with the
// allocation map. Errors: DATA_CORRUPTED for a leak, an overlap or a double reference.
typedef struct StoreMarker StoreMarker;
Status store_marker_create(Store *store, StoreMarker **marker_out);
Status store_marker_add(StoreMarker *marker, ExtentRef ref); // reads it too, and checks the sum
Status store_marker_finish(StoreMarker *marker);             // frees the marker
