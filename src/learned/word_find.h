// The hot path of lookups and inserts: keys of up to eight bytes, from the root to the lane without
// a call, and for lookups without a store, with the widest compare the CPU has.
//
// Model    root slot -> (inner slot)* -> leaf entry, whose hint predicts the block -> block. What
//          is not plain (gates, row ids as slices, lists, empty blocks, cold leaves, writers at
//          work) is undecided: the general search finds out.
// Threads  Inside an epoch.
#pragma once

#include "store/cache.h"

typedef struct LearnedIndex LearnedIndex;

enum { WORD_BATCH_COUNT = 16 };

typedef struct WordFinder {
    // The rows of a key, `row_max` at most (1 or more). False when undecided.
    bool (*find)(const LearnedIndex *index, uint64_t word, RowId *rows_out, uint32_t row_max,
        uint32_t *count_out, bool *more_out);
    // The first rows of up to WORD_BATCH_COUNT keys, or ROW_ID_NONE; a bit for each undecided one.
    uint32_t (*find_batch)(const LearnedIndex *index, const uint64_t *words, uint32_t count,
        RowId *rows_out, bool *more_out);
    // Adds a key that is not there yet to a leaf, latched and ready to be changed, whose slices are
    // words. False when that is not so, or the block is full: the general way finds out.
    bool (*add)(CacheFrame *frame, uint64_t word, uint64_t row);
    // Emits blocks [*block, end) of a leaf whose slices are words, whole ones only, while `room` is
    // enough for any; stops at one with a list. Returns the count of rows, and in `*block` the
    // first block that is not emitted. `words_out` may be NULL.
    uint32_t (*emit)(const uint8_t *blocks, uint32_t *block, uint32_t end, uint32_t room,
        RowId *rows_out, uint64_t *words_out);
} WordFinder;

// Those that this CPU can run, the fastest first; NULL behind the last.
const WordFinder *word_finder_at(uint32_t number);
