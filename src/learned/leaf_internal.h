// What the files of the leaf share: heap records.
#pragma once

#include "learned/leaf.h"
#include "types/key.h"

enum { LEAF_REST_BYTES_MAX = KEY_BYTES_MAX };

// One word with the count of the key's remaining bytes (16 bits) and of further rows (16 bits),
// then those bytes, filled up to whole words, then a word a row (row << 16, as in payloads).
typedef struct LeafRecord {
    const uint64_t *words; // NULL: the lane has none, or it was torn
    uint32_t rest_bytes, row_count, bytes;
} LeafRecord;

static inline uint32_t leaf_record_bytes(uint32_t rest_bytes, uint32_t row_count) {
    return 8 + (rest_bytes + 7) / 8 * 8 + row_count * 8;
}

LeafRecord leaf_record_find(const LeafView *view, uint64_t payload);
