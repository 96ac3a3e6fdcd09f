// What the files of this module share: the superblock, the map of blocks, and the store itself.
#pragma once

#include "store/store.h"

enum {
    SUPERBLOCK_BYTES = 4096,
    SUPERBLOCK_SPACING = 16384,
    SUPERBLOCK_COUNT = 4,
    FIRST_EXTENT_OFFSET = SUPERBLOCK_COUNT * SUPERBLOCK_SPACING,
    FIRST_EXTENT_BLOCK = FIRST_EXTENT_OFFSET / STORE_BLOCK_BYTES,
    FORMAT_VERSION = 2,          // 1 had no compressed extents
    COMPRESSED_BLOCKS_MAX = 256, // longer extents are stored as they are
};

void superblock_encode(const StoreRoot *root, uint64_t block_count, uint8_t *at);

// Errors: DATA_CORRUPTED, FEATURE_NOT_SUPPORTED for a newer format.
Status superblock_decode(const uint8_t *at, StoreRoot *root_out);

// The slots of a generation: this one and the one after it.
static inline uint64_t superblock_offset(uint64_t generation) {
    return (generation & 1) * 2 * SUPERBLOCK_SPACING;
}

// ---- Which blocks are taken ---------------------------------------------------------------------

// Blocks are grouped in regions; each remembers a bound of its longest free run.
enum { REGION_BLOCKS = 16384 };

typedef struct BlockMap {
    uint64_t *words;        // one bit a block, set when taken
    uint32_t *longest_free; // a region's longest free run is not longer than this
    uint64_t block_count;   // of the file; a multiple of 64 in memory, the rest taken
    uint64_t word_capacity;
    uint64_t used_count;
} BlockMap;

void block_map_deinit(BlockMap *map);
Status block_map_grow(BlockMap *map, uint64_t block_count); // new blocks are free
bool block_map_take(BlockMap *map, uint32_t count, uint64_t *first_out);
void block_map_give(BlockMap *map, uint64_t first, uint32_t count);

// False when one of them is taken already, or beyond the end; nothing changes then.
bool block_map_mark(BlockMap *map, uint64_t first, uint32_t count);
bool block_map_is_taken(const BlockMap *map, uint64_t block);

static inline uint64_t extent_first_block(ExtentRef ref) {
    return ref.location & ((UINT64_C(1) << 40) - 1);
}

// In the file.
static inline uint32_t extent_block_count(ExtentRef ref) {
    return (uint32_t)(ref.location >> 40 & (extent_is_compressed(ref) ? 0xFF : 0xFFFF)) + 1;
}

// ---- Compression (compress.c) -------------------------------------------------------------------

// Into `to`, when the result has room there; returns its bytes, or 0.
size_t compress_bytes(Store *store, Bytes bytes, uint8_t *to, size_t room);

// Fills `to` with what was compressed and zeros. `*is_sound_out` false: the bytes are no such
// thing. Errors: OUT_OF_MEMORY.
Status expand_bytes(Store *store, Bytes stored, uint8_t *to, size_t room, bool *is_sound_out);

void compress_deinit(Store *store);

// ---- The store ----------------------------------------------------------------------------------

typedef struct RefList {
    ExtentRef *refs;
    size_t count, capacity;
    uint64_t block_count;
} RefList;

struct Store {
    Environment environment;
    File *file; // NULL when in memory
    _Atomic bool is_failed;
    _Atomic(struct ZSTD_CCtx_s *) compressor; // not in use, or NULL
    _Atomic(struct ZSTD_DCtx_s *) expander;

    Mutex mutex; // guards what follows
    StoreRoot root;
    BlockMap map;
    bool is_marked;     // after an open: what the root names is known, so the rest may be given out
    bool has_bad_marks; // two references to a block, or one beyond the end
    bool is_making_root; // between store_begin_root and publish or abandon
    RefList freed;       // no longer in the next root: released when that is durable
    RefList freed_late;  // freed while a root is made, which may name them: one root later
    RefList releasable;  // the newest root does not name it, the one before did
    uint8_t **memory;    // in memory: one piece a region, reserved when first used
    uint64_t memory_count;
};
