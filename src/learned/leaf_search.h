// The hot path of lookups: one word in a leaf of unique words, with the widest compare there is.
#pragma once

#include "learned/leaf.h"

typedef enum WordSearch {
    WORD_FOUND,
    WORD_ABSENT,
    WORD_UNDECIDED, // an empty block, or a model far off: leaf_seek finds out
} WordSearch;

// Looks for the lane with this slice in a leaf of kind L8 where no two lanes have the same. What it
// says holds if the leaf has not changed meanwhile.
typedef WordSearch (*WordSearchFunction)(
    const CacheFrame *frame, uint64_t slice, uint64_t *payload_out);

// The fastest for this CPU.
WordSearchFunction word_search_choose(void);
