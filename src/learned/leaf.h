// Leaf: up to 64 KiB of consecutive pairs in blocks of seven, found through a model.
//
// Model    A block's lanes are sorted and packed to the left. The model predicts the block; the
//          search walks on from there, doubling its steps, so a wrong model costs time only. A
//          block may be empty: its first lane then still separates its neighbours.
//          In a unique index a key has one lane, whatever its rows: the payload holds the smallest
//          row and points to a list of the others. Elsewhere each pair has a lane.
// Threads  Changes: under the frame's latch. Reads: under it, or optimistically; every word that a
//          change may touch is read and written as a word, and every offset that was read is
//          checked before it is followed.
// Format   docs/index-format.md. In memory there is slack after the blocks and after the heap.
#pragma once

#include "learned/index_key.h"
#include "store/cache.h"
#include "types/key.h"

typedef enum LeafKind { LEAF_8 = 1, LEAF_16 = 2, LEAF_V = 3 } LeafKind;

enum {
    LEAF_MAGIC = 0x464C444F, // "ODLF"
    LEAF_VERSION = 1,
    LEAF_LANE_COUNT = 7,
    LEAF_BYTES_MAX = 65536,    // of an image, and of a leaf in memory without its frame
    LEAF_BYTES_TARGET = 32768, // leaves are split beyond this
    LEAF_SEGMENT_COUNT_MAX = 16,
    LEAF_MORE_ROWS_MAX = 128, // in a lane's list; a key with more gets leaves of its own
    LEAF_KEY_ROOM = 2 * KEY_BYTES_MAX + 16, // for the key of a lane, torn ones included
    LEAF_EXACT = 1,     // flag: no entry is garbage, if the incarnation is the current one
    LEAF_LISTS = 2,     // flag: one lane a key
    LEAF_ROW_LEVEL = 4, // flag: all entries have the same key; the slice is the row
};

// A line of the model: predict(slice) = start + (slice - first) * slope, in blocks.
typedef struct LeafLine {
    double slope, start;
} LeafLine;

typedef struct LeafBody {
    uint32_t magic;
    uint8_t version, kind, flags, key_width;
    uint16_t level, segment_count;
    uint32_t pair_count;          // guarded by the latch
    _Atomic uint32_t block_count; // written under the latch; relaxed
    uint32_t block_capacity;      // in memory
    uint32_t heap_bytes;          // used; guarded by the latch
    uint32_t heap_capacity;       // in memory
    uint32_t heap_garbage;        // guarded by the latch
    uint32_t prefix_bytes;        // of the key, shared by all entries; at the heap's start
    uint64_t incarnation;         // of the database when it was last known exact
    // In memory only; zero in an image:
    uint64_t pivot_base;
    uint32_t pivots_offset; // from the body
    uint32_t pivot_shift;
    // The first slice of each segment of the model, filled up to a multiple of 8 of them with ones,
    // so that one compare of a line finds the segment. Then a line a segment; then, at a multiple
    // of 64, blocks; then the heap.
    uint64_t firsts[];
} LeafBody;

static_assert(sizeof(LeafBody) == 64, "a leaf's header is one line");

// In memory a leaf ends with a pivot for each block: where its first slice lies in what the leaf
// spans, in 30 bits. The model says which sixteen of them to look at; one compare of those finds
// the block, however far inserts have moved it from where it was when the model was fitted. Those
// of blocks that are not there are greater than any.
enum { LEAF_PIVOT_BITS = 30, LEAF_PIVOT_WINDOW = 16, LEAF_PIVOT_BEFORE = 8 };

#define LEAF_PIVOT_NONE UINT32_MAX

static inline uint32_t leaf_pivot_of(uint64_t base, uint32_t shift, uint64_t slice) {
    uint64_t part = slice > base ? (slice - base) >> shift : 0;
    return part < LEAF_PIVOT_NONE ? (uint32_t)part : LEAF_PIVOT_NONE - 1;
}

// A leaf in memory is a frame, then its body on the next line border.
static inline LeafBody *leaf_body(const CacheFrame *frame) {
    uintptr_t end = (uintptr_t)frame + sizeof(CacheFrame);
    return (LeafBody *)((end + 63) & ~(uintptr_t)63);
}

enum { LEAF_FRAME_OVERHEAD = (sizeof(CacheFrame) + 63 + 63) / 64 * 64 };

static inline uint32_t leaf_pivots_offset(uint32_t body_bytes) {
    return (body_bytes + 63) / 64 * 64;
}

// Of a frame whose leaf has a body of `body_bytes` with room for so many blocks.
static inline size_t leaf_frame_bytes(uint32_t body_bytes, uint32_t block_capacity) {
    return LEAF_FRAME_OVERHEAD + leaf_pivots_offset(body_bytes)
           + (size_t)(block_capacity + LEAF_PIVOT_WINDOW) * sizeof(uint32_t);
}

static inline uint32_t *leaf_pivots(const LeafBody *body) {
    return (uint32_t *)((uintptr_t)body + body->pivots_offset);
}

static inline uint32_t leaf_lines_offset(uint32_t segment_count) {
    return (uint32_t)sizeof(LeafBody) + (segment_count + 7) / 8 * 64;
}

static inline const LeafLine *leaf_lines(const LeafBody *body) {
    const uint8_t *bytes = (const uint8_t *)body + leaf_lines_offset(body->segment_count);
    return (const LeafLine *)(const void *)bytes;
}

static inline uint32_t leaf_blocks_offset(uint32_t segment_count) {
    size_t end = leaf_lines_offset(segment_count) + segment_count * sizeof(LeafLine);
    return (uint32_t)((end + 63) / 64 * 64);
}

// Where segment `segment` puts the slice, whatever the model's numbers are.
static inline uint32_t leaf_line_predict(
    const LeafBody *body, uint32_t segment, uint64_t slice, uint32_t block_count) {
    const LeafLine *line = leaf_lines(body) + segment;
    uint64_t first = body->firsts[segment];
    double block = line->start + (slice > first ? (double)(slice - first) : 0) * line->slope;
    if (!(block > 0)) return 0;
    return block < (double)(block_count - 1) ? (uint32_t)block : block_count - 1;
}

static inline uint32_t leaf_block_bytes(LeafKind kind) {
    return kind == LEAF_16 ? 192 : 128;
}

// Words of a block: 0 count; 1-7 slices; then payloads, after the second words if there are any.
static inline uint32_t leaf_payload_word(LeafKind kind) {
    return kind == LEAF_16 ? 16 : 8;
}

static inline uint64_t leaf_word(const uint64_t *word) {
#ifdef __SANITIZE_THREAD__ // it knows no fences; see os/latch.c
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
#else
    return __atomic_load_n(word, __ATOMIC_RELAXED);
#endif
}

static inline void leaf_word_set(uint64_t *word, uint64_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

// What a leaf is for: fixed when it is made.
typedef struct LeafRole {
    KeyShape shape;
    uint32_t level;
    bool is_row_level, is_unique;
    Bytes prefix; // the key's bytes before `level`; all of them at the row level
} LeafRole;

static inline LeafKind leaf_role_kind(const LeafRole *role) {
    if (role->is_row_level) return LEAF_8;
    if (role->shape.kind == KEY_BYTES) return LEAF_V;
    return role->shape.kind == KEY_TWO_WORDS && role->level == 0 ? LEAF_16 : LEAF_8;
}

// A leaf as its readers see it.
typedef struct LeafView {
    const LeafBody *body;
    const uint8_t *blocks, *heap;
    uint32_t block_count, block_bytes, payload_word;
    uint32_t heap_capacity;
    LeafKind kind;
    KeyShape shape;
    uint32_t level;
    bool is_row_level, has_lists;
    uint32_t *pivots;
} LeafView;

LeafView leaf_view(const CacheFrame *frame, KeyShape shape);

static inline uint64_t *leaf_block(const LeafView *view, uint32_t block) {
    return (uint64_t *)(uintptr_t)(view->blocks + (size_t)block * view->block_bytes);
}

static inline uint32_t leaf_block_lanes(const uint64_t *block) {
    uint32_t count = (uint32_t)(leaf_word(block) & 0xFF);
    return count <= LEAF_LANE_COUNT ? count : LEAF_LANE_COUNT;
}

typedef struct LeafPlace {
    uint32_t block, lane; // lane may be the block's count: at its end
} LeafPlace;

uint32_t leaf_predict(const LeafView *view, uint64_t slice);

// The first lane that is not less than the pair. With lists, rows do not count.
LeafPlace leaf_seek(const LeafView *view, const IndexPair *pair);

// Moves a place at the end of a block to the next lane there is. False at the leaf's end.
bool leaf_place_settle(const LeafView *view, LeafPlace *place);

// The lane before. False at the leaf's start.
bool leaf_place_step_back(const LeafView *view, LeafPlace *place);

// Orders the lane's key against the pair's.
int leaf_compare_key(const LeafView *view, LeafPlace place, const IndexPair *pair);

// Whether what all entries share is this (at the row level, the key).
static inline bool leaf_prefix_is(const LeafView *view, Bytes key) {
    return bytes_equal(bytes_make(view->heap, view->body->prefix_bytes), key);
}

static inline uint64_t leaf_payload(const LeafView *view, LeafPlace place) {
    return leaf_word(leaf_block(view, place.block) + view->payload_word + place.lane);
}

// The rows of a lane, ascending: `rows_out` has room for 1 + LEAF_MORE_ROWS_MAX.
uint32_t leaf_lane_rows(const LeafView *view, LeafPlace place, uint64_t *rows_out);

// The lane's key, into `bytes_out` (room for LEAF_KEY_ROOM); returns its bytes.
size_t leaf_lane_key(const LeafView *view, LeafPlace place, uint8_t *bytes_out);

typedef enum LeafOutcome { LEAF_DONE, LEAF_PRESENT, LEAF_FULL } LeafOutcome;

LeafOutcome leaf_add(CacheFrame *frame, KeyShape shape, const IndexPair *pair);
bool leaf_remove(CacheFrame *frame, KeyShape shape, const IndexPair *pair); // false: was not there
bool leaf_has(const LeafView *view, const IndexPair *pair);

// All pairs in order, with key bytes (of variable keys) in `arena`.
uint32_t leaf_collect(const LeafView *view, Arena *arena, IndexPair *pairs_out);

// How a leaf for these pairs would be laid out.
typedef struct LeafLayout {
    uint32_t pair_count, lane_count;
    uint32_t block_count, block_capacity;
    uint32_t heap_bytes, heap_capacity;
    bool is_plain;       // no pair needs a record: each has a lane
    bool is_possible;    // fits LEAF_BYTES_MAX, and no list is too long
    uint32_t body_bytes; // at most, for LEAF_SEGMENT_COUNT_MAX segments
} LeafLayout;

// `lanes_per_block` up to 7; `spare_blocks` beyond.
LeafLayout leaf_layout(const LeafRole *role, const IndexPair *pairs, uint32_t count,
    double lanes_per_block, uint32_t spare_blocks);

// Fills a fresh, zeroed frame of leaf_frame_bytes.
void leaf_fill(CacheFrame *frame, const LeafRole *role, const LeafLayout *layout,
    const IndexPair *pairs, uint64_t incarnation, bool is_exact);

// The image: the leaf without slack.
void leaf_encode(const CacheFrame *frame, bool is_exact, Text *bytes_out);

// What a leaf's image says of itself, checked as a whole. False when it is damaged.
typedef struct LeafImage {
    const LeafBody *header;
    uint32_t image_bytes;
    uint32_t memory_bytes; // of a body with some slack
    uint32_t block_capacity, heap_capacity;
} LeafImage;

bool leaf_image_parse(Bytes bytes, KeyShape shape, bool is_unique, LeafImage *image_out);
void leaf_image_fill(CacheFrame *frame, const LeafImage *image);

// Everything that must hold inside a leaf; the reason when it does not.
const char *leaf_find_fault(const LeafView *view);
