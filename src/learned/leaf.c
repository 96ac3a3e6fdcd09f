#include "learned/leaf.h"

#include "base/assert.h"
#include "learned/leaf_internal.h"

LeafView leaf_view(const CacheFrame *frame, KeyShape shape) {
    const LeafBody *body = leaf_body(frame);
    LeafKind kind = (LeafKind)body->kind;
    uint32_t block_bytes = leaf_block_bytes(kind);
    const uint8_t *blocks = (const uint8_t *)body + leaf_blocks_offset(body->segment_count);
    return (LeafView){
        .body = body,
        .blocks = blocks,
        .heap = blocks + (size_t)body->block_capacity * block_bytes,
        .block_count = atomic_load_explicit(&body->block_count, memory_order_relaxed),
        .block_bytes = block_bytes,
        .payload_word = leaf_payload_word(kind),
        .heap_capacity = body->heap_capacity,
        .kind = kind,
        .shape = shape,
        .level = body->level,
        .is_row_level = (body->flags & LEAF_ROW_LEVEL) != 0,
        .has_lists = (body->flags & LEAF_LISTS) != 0,
        .pivots = leaf_pivots(body),
    };
}

// ---- The heap: records of a lane's rest of the key and of its further rows

LeafRecord leaf_record_find(const LeafView *view, uint64_t payload) {
    LeafRecord record = {0};
    uint32_t offset = (uint32_t)(payload & 0xFFFF);
    if (offset == 0) return record;
    size_t at = (size_t)(offset - 1) * 8;
    if (at + 8 > view->heap_capacity) return record; // torn
    const uint64_t *words = (const uint64_t *)(const void *)(view->heap + at);
    uint64_t head = leaf_word(words);
    uint32_t rest_bytes = (uint32_t)(head & 0xFFFF);
    uint32_t row_count = (uint32_t)(head >> 16 & 0xFFFF);
    uint32_t bytes = leaf_record_bytes(rest_bytes, row_count);
    if (row_count > LEAF_MORE_ROWS_MAX || at + bytes > view->heap_capacity) return record;
    record.words = words;
    record.rest_bytes = rest_bytes;
    record.row_count = row_count;
    record.bytes = bytes;
    return record;
}

// Copies shared words as words; `count` in bytes, from a word border.
static void copy_out(void *to, const uint64_t *words, size_t count) {
#ifdef __SANITIZE_THREAD__
    uint8_t *bytes = to;
    for (size_t done = 0; done < count; done += 8) {
        uint64_t word = leaf_word(words + done / 8);
        memcpy(bytes + done, &word, count - done < 8 ? count - done : 8);
    }
#else
    if (count > 0) memcpy(to, words, count);
#endif
}

static const uint64_t *record_row_words(const LeafRecord *record) {
    return record->words + 1 + (record->rest_bytes + 7) / 8;
}

static int compare_u64(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

// Orders the lane's rest of the key (behind the slice) against the pair's.
static int compare_rest(const LeafView *view, uint64_t payload, const IndexPair *pair) {
    LeafRecord record = leaf_record_find(view, payload);
    size_t offset = (size_t)(view->level + 1) * SLICE_KEY_BYTES;
    Bytes wanted = bytes_make(pair->key.data + offset, pair->key.count - offset);
#ifdef __SANITIZE_THREAD__
    uint8_t rest[LEAF_REST_BYTES_MAX];
    uint32_t count = record.rest_bytes < sizeof rest ? record.rest_bytes : sizeof rest;
    if (count > 0) copy_out(rest, record.words + 1, count);
    return bytes_compare(bytes_make(rest, count), wanted);
#else
    const uint64_t *rest = record.words == NULL ? NULL : record.words + 1;
    return bytes_compare(bytes_make(rest, record.rest_bytes), wanted);
#endif
}

static int compare_key(const LeafView *view, const uint64_t *block, uint32_t lane, uint64_t slice,
    const IndexPair *pair) {
    uint64_t lane_slice = leaf_word(block + 1 + lane);
    if (lane_slice != slice) return lane_slice < slice ? -1 : 1;
    if (view->kind == LEAF_16) return compare_u64(leaf_word(block + 8 + lane), pair->words[1]);
    if (view->kind == LEAF_V && (slice & 0xFF) == SLICE_MORE) {
        return compare_rest(view, leaf_word(block + view->payload_word + lane), pair);
    }
    return 0;
}

static int compare_lane(const LeafView *view, const uint64_t *block, uint32_t lane, uint64_t slice,
    const IndexPair *pair) {
    int order = compare_key(view, block, lane, slice, pair);
    if (order != 0 || view->has_lists) return order;
    return compare_u64(leaf_word(block + view->payload_word + lane) >> 16, pair->row);
}

static uint64_t view_slice(const LeafView *view, const IndexPair *pair) {
    return index_pair_slice(view->shape, pair, view->level, view->is_row_level);
}

// Orders what all entries share against the pair's part of it. A pair that was routed to the leaf
// has the same; a bound may not. The prefix never changes.
static int compare_prefix(const LeafView *view, const IndexPair *pair) {
    uint32_t count = view->body->prefix_bytes;
    if (count == 0) return 0;
    if (view->shape.kind == KEY_BYTES) {
        Bytes key = pair->key;
        if (!view->is_row_level && key.count > count) key.count = count;
        return bytes_compare(bytes_make(view->heap, count), key);
    }
    IndexPair prefix = {.words = {0, pair->words[1]}};
    if (view->is_row_level) {
        prefix = index_pair_make(view->shape, bytes_make(view->heap, count), 0);
    } else {
        prefix.words[0] = get_u64_be(view->heap);
    }
    return index_pair_compare_keys(view->shape, &prefix, pair);
}

int leaf_compare_key(const LeafView *view, LeafPlace place, const IndexPair *pair) {
    int order = compare_prefix(view, pair);
    if (order != 0 || view->is_row_level) return order;
    return compare_key(
        view, leaf_block(view, place.block), place.lane, view_slice(view, pair), pair);
}

// ---- Search

uint32_t leaf_predict(const LeafView *view, uint64_t slice) {
    const LeafBody *body = view->body;
    uint32_t segment = 0;
    while (segment + 1 < body->segment_count && body->firsts[segment + 1] <= slice)
        segment++;
    return leaf_line_predict(body, segment, slice, view->block_count);
}

static inline uint32_t pivot_get(const LeafView *view, uint32_t block) {
#ifdef __SANITIZE_THREAD__
    return __atomic_load_n(view->pivots + block, __ATOMIC_ACQUIRE);
#else
    return __atomic_load_n(view->pivots + block, __ATOMIC_RELAXED);
#endif
}

// The first block from `low` on whose pivot is not less than `pivot`; `high` if there is none.
static uint32_t pivots_seek(const LeafView *view, uint32_t low, uint32_t high, uint32_t pivot) {
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        bool is_less = pivot_get(view, middle) < pivot;
        low = is_less ? middle + 1 : low;
        high = is_less ? high : middle;
    }
    return low;
}

// The last block whose first lane is not greater than the pair; block 0 counts as such.
static uint32_t find_block(const LeafView *view, uint64_t slice, const IndexPair *pair) {
    uint32_t pivot = leaf_pivot_of(view->body->pivot_base, view->body->pivot_shift, slice);
    uint32_t guess = leaf_predict(view, slice);
    uint32_t first = guess > LEAF_PIVOT_BEFORE ? guess - LEAF_PIVOT_BEFORE : 0;
    uint32_t end = first + LEAF_PIVOT_WINDOW;
    if (end > view->block_count) end = view->block_count;
    if (first > 0 && pivot_get(view, first) >= pivot) first = 0;
    if (end < view->block_count && pivot_get(view, end - 1) < pivot) end = view->block_count;
    // The answer is in [low, high): before `low` + 1 pivots are less, and so are first lanes.
    uint32_t low = pivots_seek(view, first, end, pivot), high = low;
    while (high < view->block_count && pivot_get(view, high) == pivot)
        high++;
    low = low > 0 ? low - 1 : 0;
    while (high > low + 1) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_lane(view, leaf_block(view, middle), 0, slice, pair) <= 0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

LeafPlace leaf_seek(const LeafView *view, const IndexPair *pair) {
    if (view->body->prefix_bytes != 0) {
        int order = compare_prefix(view, pair);
        if (order > 0) return (LeafPlace){0};
        uint32_t last = view->block_count - 1;
        if (order < 0) {
            return (LeafPlace){.block = last, .lane = leaf_block_lanes(leaf_block(view, last))};
        }
    }
    uint64_t slice = view_slice(view, pair);
    LeafPlace place = {.block = find_block(view, slice, pair)};
    const uint64_t *block = leaf_block(view, place.block);
    uint32_t lanes = leaf_block_lanes(block);
    while (place.lane < lanes && compare_lane(view, block, place.lane, slice, pair) < 0)
        place.lane++;
    return place;
}

bool leaf_place_settle(const LeafView *view, LeafPlace *place) {
    while (place->lane >= leaf_block_lanes(leaf_block(view, place->block))) {
        if (place->block + 1 >= view->block_count) return false;
        place->block++;
        place->lane = 0;
    }
    return true;
}

bool leaf_place_step_back(const LeafView *view, LeafPlace *place) {
    while (place->lane == 0) {
        if (place->block == 0) return false;
        place->block--;
        place->lane = leaf_block_lanes(leaf_block(view, place->block));
    }
    place->lane--;
    return true;
}

bool leaf_has(const LeafView *view, const IndexPair *pair) {
    LeafPlace place = leaf_seek(view, pair);
    if (!leaf_place_settle(view, &place) || leaf_compare_key(view, place, pair) != 0) return false;
    if (!view->has_lists) return leaf_payload(view, place) >> 16 == pair->row;
    uint64_t rows[1 + LEAF_MORE_ROWS_MAX];
    uint32_t count = leaf_lane_rows(view, place, rows);
    for (uint32_t i = 0; i < count; i++) {
        if (rows[i] == pair->row) return true;
    }
    return false;
}

// ---- What a lane holds

uint32_t leaf_lane_rows(const LeafView *view, LeafPlace place, uint64_t *rows_out) {
    uint64_t payload = leaf_payload(view, place);
    rows_out[0] = payload >> 16;
    if (!view->has_lists) return 1;
    LeafRecord record = leaf_record_find(view, payload);
    const uint64_t *words = record.words == NULL ? NULL : record_row_words(&record);
    for (uint32_t i = 0; i < record.row_count; i++)
        rows_out[1 + i] = leaf_word(words + i) >> 16;
    return 1 + record.row_count;
}

size_t leaf_lane_key(const LeafView *view, LeafPlace place, uint8_t *bytes_out) {
    const uint64_t *block = leaf_block(view, place.block);
    uint64_t slice = leaf_word(block + 1 + place.lane);
    size_t count = view->body->prefix_bytes;
    memcpy(bytes_out, view->heap, count); // never changes
    if (view->is_row_level) return count;
    if (view->shape.kind != KEY_BYTES) {
        IndexPair pair = {.words = {slice, 0}};
        if (view->kind == LEAF_16) pair.words[1] = leaf_word(block + 8 + place.lane);
        if (view->shape.kind == KEY_TWO_WORDS && view->level == 1) {
            pair.words[0] = get_u64_be(bytes_out);
            pair.words[1] = slice;
        }
        return index_pair_write_key(view->shape, &pair, bytes_out);
    }
    uint32_t left = (uint32_t)(slice & 0xFF), in_slice = left < 7 ? left : 7;
    put_u64_be(bytes_out + count, slice);
    count += in_slice;
    if (left != SLICE_MORE) return count;
    LeafRecord record = leaf_record_find(view, leaf_payload(view, place));
    uint32_t rest = record.rest_bytes < LEAF_REST_BYTES_MAX ? record.rest_bytes : 0;
    if (rest > 0) copy_out(bytes_out + count, record.words + 1, rest);
    return count + rest;
}

// The lane's pair without its row; a fixed key comes straight from its words.
static IndexPair lane_pair(
    const LeafView *view, LeafPlace place, const IndexPair *prefix, Arena *arena) {
    IndexPair pair = *prefix;
    const uint64_t *block = leaf_block(view, place.block);
    if (view->shape.kind == KEY_BYTES) {
        uint8_t bytes[LEAF_KEY_ROOM];
        size_t count = leaf_lane_key(view, place, bytes);
        pair.key = bytes_make(arena_copy_bytes(arena, bytes, count), count);
    } else if (!view->is_row_level) {
        pair.words[view->level] = leaf_word(block + 1 + place.lane);
        if (view->kind == LEAF_16) pair.words[1] = leaf_word(block + 8 + place.lane);
    }
    return pair;
}

// The pairs of a leaf of fixed keys without records.
static uint32_t collect_plain(const LeafView *view, const IndexPair *prefix, IndexPair *pairs_out) {
    uint32_t count = 0;
    for (uint32_t block = 0; block < view->block_count; block++) {
        const uint64_t *words = leaf_block(view, block);
        uint32_t lanes = leaf_block_lanes(words);
        for (uint32_t lane = 0; lane < lanes; lane++) {
            IndexPair *pair = &pairs_out[count++];
            *pair = *prefix;
            if (!view->is_row_level) pair->words[view->level] = leaf_word(words + 1 + lane);
            if (view->kind == LEAF_16) pair->words[1] = leaf_word(words + 8 + lane);
            pair->row = leaf_word(words + view->payload_word + lane) >> 16;
        }
    }
    return count;
}

uint32_t leaf_collect(const LeafView *view, Arena *arena, IndexPair *pairs_out) {
    uint32_t count = 0;
    uint64_t rows[1 + LEAF_MORE_ROWS_MAX];
    IndexPair prefix = {0};
    if (view->shape.kind != KEY_BYTES) {
        if (view->is_row_level) {
            prefix =
                index_pair_make(view->shape, bytes_make(view->heap, view->body->prefix_bytes), 0);
            prefix.key = bytes_make(NULL, 0);
        } else if (view->level == 1) {
            prefix.words[0] = get_u64_be(view->heap);
        }
    }
    bool has_records = view->body->heap_bytes > (view->body->prefix_bytes + 7) / 8 * 8;
    if (view->shape.kind != KEY_BYTES && !has_records) {
        return collect_plain(view, &prefix, pairs_out);
    }
    LeafPlace place = {0};
    for (; leaf_place_settle(view, &place); place.lane++) {
        IndexPair pair = lane_pair(view, place, &prefix, arena);
        uint64_t payload = leaf_payload(view, place);
        if (!view->has_lists || (payload & 0xFFFF) == 0) {
            pair.row = payload >> 16;
            pairs_out[count++] = pair;
            continue;
        }
        uint32_t row_count = leaf_lane_rows(view, place, rows);
        for (uint32_t i = 0; i < row_count; i++) {
            pair.row = rows[i];
            pairs_out[count++] = pair;
        }
    }
    return count;
}

const char *leaf_find_fault(const LeafView *view) {
    const LeafBody *body = view->body;
    if (view->block_count == 0) return "a leaf without blocks";
    uint32_t pair_count = 0;
    uint8_t keys[2][LEAF_KEY_ROOM];
    IndexPair last = {0};
    bool has_last = false;
    for (uint32_t block = 0; block < view->block_count; block++) {
        const uint64_t *words = leaf_block(view, block);
        if ((leaf_word(words) & 0xFF) > LEAF_LANE_COUNT) return "a block with too many lanes";
        if (pivot_get(view, block)
            != leaf_pivot_of(body->pivot_base, body->pivot_shift, leaf_word(words + 1))) {
            return "a pivot of another slice";
        }
        for (uint32_t lane = leaf_block_lanes(words); lane < LEAF_LANE_COUNT; lane++) {
            if (lane > 0 && leaf_word(words + 1 + lane) != UINT64_MAX) return "a lane not cleared";
        }
    }
    uint64_t rows[1 + LEAF_MORE_ROWS_MAX];
    LeafPlace place = {0};
    for (; leaf_place_settle(view, &place); place.lane++) {
        uint64_t payload = leaf_payload(view, place);
        uint64_t slice = leaf_word(leaf_block(view, place.block) + 1 + place.lane);
        bool needs_record = view->kind == LEAF_V && (slice & 0xFF) == SLICE_MORE;
        if (view->kind == LEAF_V && (slice & 0xFF) > SLICE_MORE) return "a slice of no key";
        if ((needs_record || (payload & 0xFFFF) != 0)
            && leaf_record_find(view, payload).words == NULL) {
            return "a lane whose record is outside the heap";
        }
        uint8_t *bytes = keys[pair_count & 1];
        Bytes key = bytes_make(bytes, leaf_lane_key(view, place, bytes));
        IndexPair pair = index_pair_make(view->shape, key, 0);
        uint32_t count = leaf_lane_rows(view, place, rows);
        for (uint32_t i = 0; i < count; i++) {
            pair.row = rows[i];
            if (i > 0 && rows[i] <= rows[i - 1]) return "rows of a key out of order";
            if (i == 0 && has_last && index_pair_compare(view->shape, &last, &pair) >= 0) {
                return "pairs out of order";
            }
        }
        if (view->is_row_level && slice != rows[0]) return "a slice that is not the row";
        last = pair;
        has_last = true;
        // The other buffer next: parity must move by one a lane.
        pair_count += count;
        if ((count & 1) == 0 && view->shape.kind == KEY_BYTES) {
            memcpy(keys[(pair_count & 1) ^ 1], bytes, key.count);
            last.key = bytes_make(keys[(pair_count & 1) ^ 1], key.count);
        }
    }
    if (pair_count != body->pair_count) return "a wrong count of pairs";
    return NULL;
}
