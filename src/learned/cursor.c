// Ordered walks. A cursor keeps no pointer into the index between calls: only the place that it has
// come to. Within a leaf it emits from what it reads, and takes that back when the leaf changed
// meanwhile.
#include "base/assert.h"
#include "base/error.h"
#include "learned/learned_internal.h"

struct IndexCursor {
    LearnedIndex *index;
    bool is_backward, is_at_end;
    bool has_low, has_high;
    IndexPair low, high; // pairs p with low <= p < high; their variable keys live in the arena
    // Forward: pairs not less than this come next. Backward: pairs less than this do.
    IndexPair resume;
    bool has_resume; // or from the index's end
    uint8_t *resume_bytes, *pending_bytes;
    Text keys; // of the last call
    size_t *key_ends;
    uint32_t key_capacity;
    Arena *arena;
};

enum { WORDS_AT_ONCE = 128 };

static void copy_place(Arena *arena, IndexPair *place) {
    if (place->key.count == 0) return;
    place->key.data = arena_copy_bytes(arena, place->key.data, place->key.count);
}

Status learned_index_seek(LearnedIndex *index, const KeyRange *range, bool is_backward,
    Arena *arena, IndexCursor **cursor_out) {
    IndexCursor *cursor = arena_new(arena, IndexCursor);
    *cursor = (IndexCursor){
        .index = index,
        .is_backward = is_backward,
        .has_low = range->low.data != NULL,
        .has_high = range->high.data != NULL,
        .arena = arena,
        .resume_bytes = arena_allocate(arena, LEAF_KEY_ROOM, 8),
        .pending_bytes = arena_allocate(arena, LEAF_KEY_ROOM, 8),
    };
    if (cursor->has_low) {
        cursor->low = index_place_make(index->shape, range->low, !range->low_inclusive);
        copy_place(arena, &cursor->low);
    }
    if (cursor->has_high) {
        cursor->high = index_place_make(index->shape, range->high, range->high_inclusive);
        copy_place(arena, &cursor->high);
    }
    cursor->resume = is_backward ? cursor->high : cursor->low;
    cursor->has_resume = is_backward ? cursor->has_high : cursor->has_low;
    text_init(&cursor->keys, arena);
    TRY(arena_check(arena));
    *cursor_out = cursor;
    return OK;
}

void index_cursor_close([[maybe_unused]] IndexCursor *cursor) {
    // Everything is in the arena.
}

// What one call has emitted so far.
typedef struct Emission {
    RowId *rows;
    bool with_keys;
    uint32_t count, row_max;
    bool has_pending; // a last pair that the next leaf goes on from
    IndexPair pending;
    bool is_at_bound; // nothing is left of the range
    bool is_full;     // something is left of the leaf
} Emission;

static void emit(
    IndexCursor *cursor, Emission *emission, const LeafView *view, LeafPlace place, uint64_t row) {
    emission->rows[emission->count] = (RowId){row};
    if (emission->with_keys) {
        text_reserve(&cursor->keys, LEAF_KEY_ROOM);
        size_t bytes =
            leaf_lane_key(view, place, (uint8_t *)cursor->keys.data + cursor->keys.count);
        cursor->keys.count += bytes;
        cursor->key_ends[emission->count] = cursor->keys.count;
    }
    emission->count++;
}

// Notes the last emitted pair. Forward, the walk goes on behind it; backward, before it.
static void emission_end(
    IndexCursor *cursor, Emission *emission, const LeafView *view, LeafPlace place, uint64_t row) {
    size_t count = leaf_lane_key(view, place, cursor->pending_bytes);
    Bytes key = bytes_make(cursor->pending_bytes, count);
    emission->pending = index_pair_make(view->shape, key, cursor->is_backward ? row : row + 1);
    emission->has_pending = true;
}

// Whether a lane's row is inside the cursor's bounds. Only lanes with lists need to be asked, and
// of those only the ones whose key is a bound's.
static bool row_is_inside(
    const IndexCursor *cursor, const LeafView *view, LeafPlace place, uint64_t row) {
    const IndexPair *low = cursor->is_backward ? (cursor->has_low ? &cursor->low : NULL)
                                               : (cursor->has_resume ? &cursor->resume : NULL);
    const IndexPair *high = cursor->is_backward ? (cursor->has_resume ? &cursor->resume : NULL)
                                                : (cursor->has_high ? &cursor->high : NULL);
    if (low != NULL && row < low->row && leaf_compare_key(view, place, low) == 0) return false;
    if (high != NULL && row >= high->row && leaf_compare_key(view, place, high) == 0) return false;
    return true;
}

// The end of what is less than `high`: with lists, behind the lane that may hold some of it.
static LeafPlace seek_end(const LeafView *view, const IndexPair *high) {
    LeafPlace end = leaf_seek(view, high), found = end;
    if (view->has_lists && high->row > 0 && leaf_place_settle(view, &found)
        && leaf_compare_key(view, found, high) == 0) {
        end = found;
        end.lane++;
    }
    return end;
}

static bool place_is_before(LeafPlace a, LeafPlace b) {
    return a.block != b.block ? a.block < b.block : a.lane < b.lane;
}

// The last pair that was emitted from a leaf.
typedef struct LastPair {
    LeafPlace place;
    uint64_t row;
    bool is_there;
} LastPair;

// Emits the rows of one lane that are inside the bounds. False when there was no room.
static bool emit_lane(IndexCursor *cursor, Emission *emission, const LeafView *view,
    LeafPlace place, LastPair *last) {
    uint64_t rows[1 + LEAF_MORE_ROWS_MAX];
    uint32_t count = leaf_lane_rows(view, place, rows);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t row = rows[cursor->is_backward ? count - 1 - i : i];
        if (view->has_lists && !row_is_inside(cursor, view, place, row)) continue;
        emission->is_full = emission->count == emission->row_max;
        if (emission->is_full) return false;
        emit(cursor, emission, view, place, row);
        *last = (LastPair){.place = place, .row = row, .is_there = true};
    }
    return true;
}

// Keys that are one word each, behind those emitted.
static void emit_word_keys(
    IndexCursor *cursor, const Emission *emission, const uint64_t *words, uint32_t count) {
    uint32_t width = cursor->index->shape.width, shift = 8 * (8 - width);
    text_reserve(&cursor->keys, (size_t)count * width + sizeof(uint64_t));
    size_t *ends = cursor->key_ends + emission->count;
    for (uint32_t i = 0; i < count; i++) {
        put_u64_be(cursor->keys.data + cursor->keys.count, leaf_word(words + i) << shift);
        cursor->keys.count += width;
        ends[i] = cursor->keys.count;
    }
}

// Emits lanes of one block that hold one row each; returns where it stopped. They are neither the
// first nor the last of the range: all of their rows are inside.
static uint32_t emit_block(
    IndexCursor *cursor, Emission *emission, const LeafView *view, LeafPlace from, uint32_t end) {
    const uint64_t *block = leaf_block(view, from.block), *payloads = block + view->payload_word;
    uint32_t room = emission->row_max - emission->count, lane = from.lane;
    RowId *rows = emission->rows + emission->count;
    if (end > lane + room) end = lane + room;
    for (; lane < end; lane++) {
        uint64_t payload = leaf_word(payloads + lane);
        if (view->has_lists && (payload & 0xFFFF) != 0) break;
        rows[lane - from.lane] = (RowId){payload >> 16};
    }
    uint32_t count = lane - from.lane;
    if (emission->with_keys) emit_word_keys(cursor, emission, block + 1 + from.lane, count);
    emission->count += count;
    return lane;
}

// Emits whole blocks of words before `end`. False when there were none.
static bool emit_words(
    IndexCursor *cursor, Emission *emission, const LeafView *view, uint32_t *block, uint32_t end) {
    const LearnedIndex *index = cursor->index;
    RowId *rows = emission->rows + emission->count;
    uint32_t room = emission->row_max - emission->count;
    uint64_t words[WORDS_AT_ONCE];
    if (emission->with_keys && room > WORDS_AT_ONCE) room = WORDS_AT_ONCE;
    uint32_t count = index->word_finder->emit(
        view->blocks, block, end, room, rows, emission->with_keys ? words : NULL);
    if (emission->with_keys && count > 0) {
        uint32_t width = index->shape.width;
        text_reserve(&cursor->keys, (size_t)count * 8);
        uint8_t *at = (uint8_t *)cursor->keys.data + cursor->keys.count;
        for (uint32_t i = 0; i < count; i++, at += width) {
            put_u64_be(at, words[i] << (64 - 8 * width));
            cursor->keys.count += width;
            cursor->key_ends[emission->count + i] = cursor->keys.count;
        }
    }
    emission->count += count;
    return count > 0;
}

static void emit_forward(IndexCursor *cursor, Emission *emission, const LeafView *view) {
    LeafPlace at = {0};
    LeafPlace end = {.block = view->block_count, .lane = 0};
    if (cursor->has_resume) at = leaf_seek(view, &cursor->resume);
    if (cursor->has_high) end = seek_end(view, &cursor->high);
    LastPair last = {0};
    bool is_first = true;
    bool is_words = cursor->index->word_finder != NULL && !view->is_row_level;
    // Rows of variable keys stand beside a place in the heap, so that only lists are told by it.
    bool is_word = view->kind == LEAF_8 && view->shape.kind == KEY_WORD && !view->is_row_level;
    bool is_plain = is_word || (!emission->with_keys && (view->kind != LEAF_V || !view->has_lists));
    for (; leaf_place_settle(view, &at); at.lane++) {
        if (!place_is_before(at, end)) {
            emission->is_at_bound = true;
            break;
        }
        if (is_words && !is_first && at.lane == 0 && at.block < end.block) {
            // Not the last block before the end: a list in it may be only partly inside.
            uint32_t stop = end.lane == 0 ? end.block - 1 : end.block;
            if (emit_words(cursor, emission, view, &at.block, stop)) {
                last.place = at;
                leaf_place_step_back(view, &last.place);
                last.row = leaf_payload(view, last.place) >> 16;
                last.is_there = true;
                at.lane = UINT32_MAX; // the loop begins the block anew
                continue;
            }
        }
        if (is_plain && !is_first && at.block < end.block) {
            uint32_t lanes = leaf_block_lanes(leaf_block(view, at.block));
            bool is_lane_before_end = at.block + 1 == end.block && end.lane == 0;
            uint32_t stop =
                emit_block(cursor, emission, view, at, lanes - (is_lane_before_end ? 1 : 0));
            if (stop > at.lane) {
                last.place = (LeafPlace){.block = at.block, .lane = stop - 1};
                last.row = leaf_payload(view, last.place) >> 16;
                last.is_there = true;
            }
            at.lane = stop;
            if (stop == lanes) {
                at.lane--;
                continue;
            }
        }
        if (!emit_lane(cursor, emission, view, at, &last)) break;
        is_first = false;
    }
    if (last.is_there) emission_end(cursor, emission, view, last.place, last.row);
}

static void emit_backward(IndexCursor *cursor, Emission *emission, const LeafView *view) {
    LeafPlace at = {.block = view->block_count, .lane = 0}, start = {0};
    if (cursor->has_resume) at = seek_end(view, &cursor->resume);
    if (at.block == view->block_count) {
        at.block--;
        at.lane = leaf_block_lanes(leaf_block(view, at.block));
    }
    if (cursor->has_low) start = leaf_seek(view, &cursor->low);
    LastPair last = {0};
    while (leaf_place_step_back(view, &at)) {
        if (cursor->has_low && place_is_before(at, start)) {
            emission->is_at_bound = true;
            break;
        }
        if (!emit_lane(cursor, emission, view, at, &last)) break;
    }
    if (last.is_there) emission_end(cursor, emission, view, last.place, last.row);
}

static LeafEntry *first_leaf(const IndexCursor *cursor) {
    const LearnedIndex *index = cursor->index;
    if (cursor->has_resume) return learned_index_route(index, &cursor->resume);
    Child child = learned_index_root(index);
    while (!child_is_leaf(child)) {
        const InnerNode *node = child_node(child);
        child = inner_node_child(node, cursor->is_backward ? node->slot_count - 1 : 0);
    }
    return child_leaf(child);
}

// Emits from one leaf. False when that was in vain: look for the leaf again.
static bool visit_leaf(IndexCursor *cursor, Emission *emission, LeafEntry *entry, CacheFrame *frame,
    uint32_t attempt, LeafEntry **next_out) {
    Emission before = *emission;
    size_t key_bytes = cursor->keys.count;
    LeafRead read;
    if (!leaf_read_begin(entry, frame, attempt, &read)) return false;
    LeafView view = leaf_view(frame, cursor->index->shape);
    emission->has_pending = false;
    if (cursor->is_backward) {
        emit_backward(cursor, emission, &view);
        *next_out = leaf_entry_previous(entry);
    } else {
        emit_forward(cursor, emission, &view);
        *next_out = leaf_entry_next(entry);
    }
    if (!leaf_read_end(&read)) {
        *emission = before;
        cursor->keys.count = key_bytes;
        return false;
    }
    if (emission->has_pending) {
        uint8_t *bytes = cursor->resume_bytes;
        cursor->resume_bytes = cursor->pending_bytes;
        cursor->pending_bytes = bytes;
        cursor->resume = emission->pending;
        cursor->has_resume = true;
    }
    return true;
}

static Status walk(IndexCursor *cursor, Emission *emission) {
    LearnedIndex *index = cursor->index;
    uint32_t attempt = 0;
    epoch_enter(index->epochs);
    LeafEntry *entry = first_leaf(cursor);
    while (entry != NULL && emission->count < emission->row_max && !emission->is_at_bound) {
        CacheFrame *frame = cache_find(&entry->cache);
        if (frame == NULL) {
            TRY(leaf_entry_load(entry));
            epoch_enter(index->epochs);
            entry = first_leaf(cursor);
            continue;
        }
        LeafEntry *next;
        if (visit_leaf(cursor, emission, entry, frame, attempt, &next)) {
            entry = next;
            attempt = 0;
        } else {
            entry = first_leaf(cursor);
            attempt++;
        }
    }
    epoch_leave(index->epochs);
    if (!emission->is_full && (entry == NULL || emission->is_at_bound)) cursor->is_at_end = true;
    return OK;
}

Status index_cursor_next(
    IndexCursor *cursor, RowId *rows_out, Bytes *keys_out, uint32_t row_max, uint32_t *count_out) {
    *count_out = 0;
    if (cursor->is_at_end || row_max == 0) return OK;
    text_clear(&cursor->keys);
    if (keys_out != NULL && cursor->key_capacity < row_max) {
        cursor->key_ends = arena_new_array(cursor->arena, size_t, row_max);
        cursor->key_capacity = row_max;
    }
    Emission emission = {.rows = rows_out, .with_keys = keys_out != NULL, .row_max = row_max};
    TRY(walk(cursor, &emission));
    TRY(arena_check(cursor->arena));
    if (keys_out != NULL) {
        size_t start = 0;
        for (uint32_t i = 0; i < emission.count; i++) {
            keys_out[i] = bytes_make(cursor->keys.data + start, cursor->key_ends[i] - start);
            start = cursor->key_ends[i];
        }
    }
    *count_out = emission.count;
    return OK;
}
