// Changes of a leaf in place: everything here runs under the frame's latch.
#include "base/assert.h"
#include "learned/leaf_internal.h"

enum { CASCADE_BLOCK_MAX = 16 }; // how far an entry moves another for room

typedef struct Lane {
    uint64_t slice, second, payload;
} Lane;

static Lane lane_get(const LeafView *view, const uint64_t *block, uint32_t lane) {
    return (Lane){
        .slice = block[1 + lane],
        .second = view->kind == LEAF_16 ? block[8 + lane] : 0,
        .payload = block[view->payload_word + lane],
    };
}

static void pivot_set(const LeafView *view, const uint64_t *block, uint64_t slice) {
    size_t at = (size_t)((const uint8_t *)block - view->blocks) / view->block_bytes;
    uint32_t pivot = leaf_pivot_of(view->body->pivot_base, view->body->pivot_shift, slice);
    __atomic_store_n(view->pivots + at, pivot, __ATOMIC_RELAXED);
}

static void lane_set(const LeafView *view, uint64_t *block, uint32_t lane, Lane value) {
    if (lane == 0) pivot_set(view, block, value.slice);
    leaf_word_set(block + 1 + lane, value.slice);
    if (view->kind == LEAF_16) leaf_word_set(block + 8 + lane, value.second);
    leaf_word_set(block + view->payload_word + lane, value.payload);
}

// Readers that see half of a move find the leaf's version raised.
static void words_move(uint64_t *to, const uint64_t *from, uint32_t count) {
#ifdef __SANITIZE_THREAD__
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = to < from ? i : count - 1 - i;
        leaf_word_set(to + at, from[at]);
    }
#else
    memmove(to, from, count * sizeof(uint64_t));
#endif
}

// Moves `count` lanes of a block.
static void lanes_move(
    const LeafView *view, uint64_t *block, uint32_t to, uint32_t from, uint32_t count) {
    uint64_t *payloads = block + view->payload_word;
    words_move(block + 1 + to, block + 1 + from, count);
    if (view->kind == LEAF_16) words_move(block + 8 + to, block + 8 + from, count);
    words_move(payloads + to, payloads + from, count);
}

static void block_insert(const LeafView *view, uint64_t *block, uint32_t at, Lane value) {
    uint32_t count = leaf_block_lanes(block);
    ASSERT(count < LEAF_LANE_COUNT && at <= count);
    lanes_move(view, block, at + 1, at, count - at);
    lane_set(view, block, at, value);
    leaf_word_set(block, count + 1);
}

// The last lane's first words stay as the separator when the block becomes empty.
static Lane block_remove(const LeafView *view, uint64_t *block, uint32_t at) {
    uint32_t count = leaf_block_lanes(block);
    ASSERT(at < count);
    Lane removed = lane_get(view, block, at);
    lanes_move(view, block, at, at + 1, count - at - 1);
    if (count > 1) {
        leaf_word_set(block + count, UINT64_MAX);
        if (at == 0) pivot_set(view, block, block[1]);
    }
    leaf_word_set(block, count - 1);
    return removed;
}

static void block_clear(uint64_t *block) {
    leaf_word_set(block, 0);
    for (uint32_t lane = 0; lane < LEAF_LANE_COUNT; lane++)
        leaf_word_set(block + 1 + lane, UINT64_MAX);
}

// Writes a record; 0 when the heap has no room.
static uint32_t heap_add(
    const LeafView *view, LeafBody *body, Bytes rest, const uint64_t *rows, uint32_t row_count) {
    uint32_t bytes = leaf_record_bytes((uint32_t)rest.count, row_count);
    if (body->heap_capacity - body->heap_bytes < bytes) return 0;
    uint64_t *words = (uint64_t *)(uintptr_t)(view->heap + body->heap_bytes);
    uint32_t offset = body->heap_bytes / 8 + 1;
    if (offset > 0xFFFF) return 0;
    leaf_word_set(words++, rest.count | (uint64_t)row_count << 16);
    for (size_t done = 0; done < rest.count; done += 8) {
        uint64_t word = 0;
        memcpy(&word, rest.data + done, rest.count - done < 8 ? rest.count - done : 8);
        leaf_word_set(words++, word);
    }
    for (uint32_t i = 0; i < row_count; i++)
        leaf_word_set(words++, rows[i] << 16);
    body->heap_bytes += bytes;
    return offset;
}

static Bytes pair_rest(const LeafView *view, const IndexPair *pair, uint64_t slice) {
    if (view->kind != LEAF_V || (slice & 0xFF) != SLICE_MORE) return bytes_make(NULL, 0);
    size_t offset = (size_t)(view->level + 1) * SLICE_KEY_BYTES;
    return bytes_make(pair->key.data + offset, pair->key.count - offset);
}

// Puts `value` before lane `at` of a full block by moving one entry a block towards the nearest
// block with room. False when none is near.
static bool cascade(const LeafView *view, LeafBody *body, uint32_t from, uint32_t at, Lane value) {
    uint32_t block_count = view->block_count;
    uint32_t room_right = 0, room_left = 0; // distances
    for (uint32_t d = 1; d <= CASCADE_BLOCK_MAX; d++) {
        if (from + d < block_count) {
            if (leaf_block_lanes(leaf_block(view, from + d)) < LEAF_LANE_COUNT) room_right = d;
        } else if (from + d == block_count && block_count < body->block_capacity) {
            block_clear(leaf_block(view, block_count));
            atomic_store_explicit(&body->block_count, block_count + 1, memory_order_relaxed);
            room_right = d;
        }
        if (room_right != 0) break;
        if (from >= d && leaf_block_lanes(leaf_block(view, from - d)) < LEAF_LANE_COUNT) {
            room_left = d;
            break;
        }
    }
    uint64_t *block = leaf_block(view, from);
    if (room_right != 0) {
        if (at < LEAF_LANE_COUNT) {
            Lane moved = block_remove(view, block, LEAF_LANE_COUNT - 1);
            block_insert(view, block, at, value);
            value = moved;
        }
        for (uint32_t d = 1; d < room_right; d++) {
            block = leaf_block(view, from + d);
            Lane moved = block_remove(view, block, LEAF_LANE_COUNT - 1);
            block_insert(view, block, 0, value);
            value = moved;
        }
        block_insert(view, leaf_block(view, from + room_right), 0, value);
        return true;
    }
    if (room_left != 0) {
        if (at > 0) {
            Lane moved = block_remove(view, block, 0);
            block_insert(view, block, at - 1, value);
            value = moved;
        }
        for (uint32_t d = 1; d < room_left; d++) {
            block = leaf_block(view, from - d);
            Lane moved = block_remove(view, block, 0);
            block_insert(view, block, LEAF_LANE_COUNT - 1, value);
            value = moved;
        }
        block = leaf_block(view, from - room_left);
        block_insert(view, block, leaf_block_lanes(block), value);
        return true;
    }
    return false;
}

// Gives the lane another set of rows: in its record if they fit there, else in a new one.
static LeafOutcome lane_set_rows(const LeafView *view, LeafBody *body, LeafPlace place,
    const uint64_t *rows, uint32_t row_count) {
    uint64_t *payload_word = leaf_block(view, place.block) + view->payload_word + place.lane;
    uint64_t payload = leaf_payload(view, place);
    LeafRecord old = leaf_record_find(view, payload);
    uint64_t offset = payload & 0xFFFF;
    if (row_count - 1 <= old.row_count) { // shrinks
        uint64_t *words = (uint64_t *)(uintptr_t)old.words;
        uint64_t *row_words = words + 1 + (old.rest_bytes + 7) / 8;
        leaf_word_set(words, old.rest_bytes | (uint64_t)(row_count - 1) << 16);
        for (uint32_t i = 1; i < row_count; i++)
            leaf_word_set(row_words + i - 1, rows[i] << 16);
        body->heap_garbage += (old.row_count + 1 - row_count) * 8;
        if (row_count == 1 && old.rest_bytes == 0) {
            body->heap_garbage += 8;
            offset = 0;
        }
    } else {
        uint8_t rest[LEAF_REST_BYTES_MAX];
        ASSERT(old.rest_bytes <= sizeof rest);
        if (old.rest_bytes > 0) memcpy(rest, old.words + 1, old.rest_bytes);
        offset = heap_add(view, body, bytes_make(rest, old.rest_bytes), rows + 1, row_count - 1);
        if (offset == 0) return LEAF_FULL;
        body->heap_garbage += old.bytes;
    }
    leaf_word_set(payload_word, rows[0] << 16 | offset);
    return LEAF_DONE;
}

// Adds the row to the lane that has the key.
static LeafOutcome list_add(const LeafView *view, LeafBody *body, LeafPlace place, uint64_t row) {
    uint64_t rows[2 + LEAF_MORE_ROWS_MAX];
    uint32_t count = leaf_lane_rows(view, place, rows), at = 0;
    while (at < count && rows[at] < row)
        at++;
    if (at < count && rows[at] == row) return LEAF_PRESENT;
    if (count > LEAF_MORE_ROWS_MAX) return LEAF_FULL;
    memmove(rows + at + 1, rows + at, (count - at) * sizeof rows[0]);
    rows[at] = row;
    return lane_set_rows(view, body, place, rows, count + 1);
}

LeafOutcome leaf_add(CacheFrame *frame, KeyShape shape, const IndexPair *pair) {
    LeafBody *body = leaf_body(frame);
    LeafView view = leaf_view(frame, shape);
    LeafPlace place = leaf_seek(&view, pair), found = place;
    if (leaf_place_settle(&view, &found) && leaf_compare_key(&view, found, pair) == 0) {
        if (view.has_lists) {
            LeafOutcome outcome = list_add(&view, body, found, pair->row);
            if (outcome == LEAF_DONE) body->pair_count++;
            return outcome;
        }
        if (leaf_payload(&view, found) >> 16 == pair->row) return LEAF_PRESENT;
    }
    uint64_t slice = index_pair_slice(shape, pair, view.level, view.is_row_level);
    Lane value = {.slice = slice, .second = pair->words[1], .payload = pair->row << 16};
    Bytes rest = pair_rest(&view, pair, slice);
    uint32_t heap_bytes = body->heap_bytes;
    if (rest.count > 0) {
        uint32_t offset = heap_add(&view, body, rest, NULL, 0);
        if (offset == 0) return LEAF_FULL;
        value.payload |= offset;
    }
    uint64_t *block = leaf_block(&view, place.block);
    if (leaf_block_lanes(block) < LEAF_LANE_COUNT) {
        block_insert(&view, block, place.lane, value);
    } else if (!cascade(&view, body, place.block, place.lane, value)) {
        body->heap_bytes = heap_bytes;
        return LEAF_FULL;
    }
    body->pair_count++;
    return LEAF_DONE;
}

bool leaf_remove(CacheFrame *frame, KeyShape shape, const IndexPair *pair) {
    LeafBody *body = leaf_body(frame);
    LeafView view = leaf_view(frame, shape);
    LeafPlace place = leaf_seek(&view, pair);
    if (!leaf_place_settle(&view, &place) || leaf_compare_key(&view, place, pair) != 0) {
        return false;
    }
    uint64_t rows[1 + LEAF_MORE_ROWS_MAX];
    uint32_t count = leaf_lane_rows(&view, place, rows), at = 0;
    while (at < count && rows[at] != pair->row)
        at++;
    if (at == count) return false;
    if (count == 1) {
        body->heap_garbage += leaf_record_find(&view, leaf_payload(&view, place)).bytes;
        block_remove(&view, leaf_block(&view, place.block), place.lane);
    } else {
        memmove(rows + at, rows + at + 1, (count - at - 1) * sizeof rows[0]);
        LeafOutcome outcome = lane_set_rows(&view, body, place, rows, count - 1);
        ASSERT(outcome == LEAF_DONE); // it shrinks
    }
    body->pair_count--;
    return true;
}
