// Index keys: how a normalised key becomes the words that models and blocks work on.
//
// Model    A pair (key, row) is looked at through 64-bit slices, most significant first. A fixed
//          key of up to 8 bytes is one slice, one of up to 16 bytes is two. A variable key is cut
//          into runs of 7 bytes; a slice is the run, zero-filled, with the count of bytes that were
//          left in its lowest byte (8: more than seven), so that slices order as memcmp does and
//          tell "a" from "a\0". After the last slice of the key comes the row id as one more slice.
//          `level` says how many slices are behind us; at the row level all of the key is.
#pragma once

#include "base/bytes.h"
#include "base/ids.h"

typedef enum KeyKind {
    KEY_WORD = 1,  // 1 to 8 bytes
    KEY_TWO_WORDS, // 9 to 16 bytes
    KEY_BYTES,     // any length
} KeyKind;

enum { SLICE_KEY_BYTES = 7, SLICE_MORE = 8, ROW_END_SHIFT = ROW_ID_BITS };

// Greater than every row id: with it, a place after all pairs of a key.
#define ROW_END (UINT64_C(1) << ROW_END_SHIFT)

// A pair, or a place between pairs. Words are set for fixed keys, `key` for variable ones.
typedef struct IndexPair {
    uint64_t words[2];
    Bytes key;
    uint64_t row;
} IndexPair;

typedef struct KeyShape {
    KeyKind kind;
    uint32_t width; // of a fixed key
} KeyShape;

static inline KeyShape key_shape_make(uint32_t width) {
    return (KeyShape){
        .kind = width == 0   ? KEY_BYTES
                : width <= 8 ? KEY_WORD
                             : KEY_TWO_WORDS,
        .width = width,
    };
}

// The big-endian number of up to 8 bytes.
static inline uint64_t word_of_bytes(const uint8_t *bytes, size_t count) {
    if (count == 8) return get_u64_be(bytes);
    uint64_t word = 0;
    for (size_t i = 0; i < count; i++)
        word = word << 8 | bytes[i];
    return word;
}

// A pair of an index with this shape. Fixed keys have exactly their width.
static inline IndexPair index_pair_make(KeyShape shape, Bytes key, uint64_t row) {
    IndexPair pair = {.key = key, .row = row};
    if (shape.kind == KEY_WORD) {
        pair.words[0] = word_of_bytes(key.data, shape.width);
    } else if (shape.kind == KEY_TWO_WORDS) {
        pair.words[0] = get_u64_be(key.data);
        pair.words[1] = word_of_bytes(key.data + 8, shape.width - 8);
    }
    return pair;
}

// The place of a bound: before all pairs of the key, or (`is_after`) after them. A bound of a fixed
// index may be shorter or longer than the keys are.
IndexPair index_place_make(KeyShape shape, Bytes bound, bool is_after);

// Writes the key of a fixed pair; returns its width.
size_t index_pair_write_key(KeyShape shape, const IndexPair *pair, uint8_t *bytes_out);

static inline uint64_t key_bytes_slice(Bytes key, uint32_t level) {
    size_t offset = (size_t)level * SLICE_KEY_BYTES;
    if (key.count >= offset + 8) {
        return (get_u64_be(key.data + offset) & ~UINT64_C(0xFF)) | SLICE_MORE;
    }
    size_t left = key.count > offset ? key.count - offset : 0; // at most 7
    uint64_t slice = 0;
    for (size_t i = 0; i < SLICE_KEY_BYTES; i++)
        slice = slice << 8 | (i < left ? key.data[offset + i] : 0);
    return slice << 8 | left;
}

static inline uint64_t index_pair_slice(
    KeyShape shape, const IndexPair *pair, uint32_t level, bool is_row_level) {
    if (is_row_level) return pair->row;
    if (shape.kind == KEY_BYTES) return key_bytes_slice(pair->key, level);
    return pair->words[level];
}

// Whether the key ends with this slice: the next level is the row's.
static inline bool key_slice_is_last(KeyShape shape, uint32_t level, uint64_t slice) {
    if (shape.kind == KEY_WORD) return true;
    if (shape.kind == KEY_TWO_WORDS) return level == 1;
    return (slice & 0xFF) != SLICE_MORE;
}

int index_pair_compare_keys(KeyShape shape, const IndexPair *a, const IndexPair *b);
int index_pair_compare(KeyShape shape, const IndexPair *a, const IndexPair *b); // key, then row
