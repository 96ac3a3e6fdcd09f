// Lookups of whole keys, one or sixteen at a time.
#include "base/assert.h"
#include "base/error.h"
#include "learned/learned_internal.h"
#include "os/thread.h"

enum { BATCH_KEY_COUNT = 16 };

// What one leaf says about a key.
typedef struct KeyRows {
    uint32_t count;
    bool has_more;     // than fitted
    bool may_continue; // in the next leaf
} KeyRows;

static KeyRows leaf_find_rows(
    const LeafView *view, const IndexPair *place, RowId *rows_out, uint32_t row_max) {
    KeyRows found = {0};
    uint64_t rows[1 + LEAF_MORE_ROWS_MAX];
    LeafPlace at = leaf_seek(view, place);
    for (;; at.lane++) {
        if (!leaf_place_settle(view, &at)) {
            found.may_continue = view->is_row_level;
            return found;
        }
        if (leaf_compare_key(view, at, place) != 0) return found;
        uint32_t count = leaf_lane_rows(view, at, rows);
        for (uint32_t i = 0; i < count; i++) {
            if (found.count == row_max) {
                found.has_more = true;
                return found;
            }
            rows_out[found.count++] = (RowId){rows[i]};
        }
        if (view->has_lists) return found;
    }
}

// A key with leaves of its own: walks them.
static Status find_spread(LearnedIndex *index, Bytes key, RowId *rows_out, uint32_t row_max,
    uint32_t *count_out, bool *more_out) {
    Arena arena;
    arena_init(&arena, NULL);
    KeyRange range = {.low = key, .high = key, .low_inclusive = true, .high_inclusive = true};
    IndexCursor *cursor;
    RowId rows[2];
    uint32_t count = 0, one_more = 0;
    Status status = learned_index_seek(index, &range, false, &arena, &cursor);
    if (status == OK) {
        while (status == OK && count < row_max) {
            uint32_t next_count = 0;
            status =
                index_cursor_next(cursor, rows_out + count, NULL, row_max - count, &next_count);
            if (next_count == 0) break;
            count += next_count;
        }
        if (status == OK) status = index_cursor_next(cursor, rows, NULL, 1, &one_more);
        index_cursor_close(cursor);
    }
    arena_deinit(&arena);
    if (status != OK) return status;
    *count_out = count;
    *more_out = one_more > 0;
    return OK;
}

static Status find_key(LearnedIndex *index, Bytes key, RowId *rows_out, uint32_t row_max,
    uint32_t *count_out, bool *more_out) {
    IndexPair place = index_pair_make(index->shape, key, 0);
    for (uint32_t attempt = 0;; attempt++) {
        epoch_enter(index->epochs);
        LeafEntry *entry = learned_index_route(index, &place);
        CacheFrame *frame = cache_find(&entry->cache);
        if (frame == NULL) {
            TRY(leaf_entry_load(entry));
            continue;
        }
        LeafRead read;
        KeyRows found = {0};
        bool is_good = leaf_read_begin(entry, frame, attempt, &read);
        if (is_good) {
            LeafView view = leaf_view(frame, index->shape);
            found = leaf_find_rows(&view, &place, rows_out, row_max);
            is_good = leaf_read_end(&read);
        }
        leaf_entry_learn(entry, frame);
        epoch_leave(index->epochs);
        if (!is_good) continue;
        if (found.may_continue) {
            return find_spread(index, key, rows_out, row_max, count_out, more_out);
        }
        *count_out = found.count;
        *more_out = found.has_more;
        return OK;
    }
}

Status learned_index_find(LearnedIndex *index, Bytes key, RowId *rows_out, uint32_t row_max,
    uint32_t *count_out, bool *more_out) {
    if (index->word_finder != NULL && row_max > 0) {
        uint64_t word = word_of_bytes(key.data, index->shape.width);
        EpochSlot *slot = epoch_pin(index->epochs);
        bool is_settled =
            index->word_finder->find(index, word, rows_out, row_max, count_out, more_out);
        epoch_unpin(slot);
        if (__builtin_expect(is_settled, 1)) return OK;
    }
    return find_key(index, key, rows_out, row_max, count_out, more_out);
}

// One key by itself, for those that the pipeline could not settle.
static Status find_first(LearnedIndex *index, Bytes key, RowId *row_out, bool *more_out) {
    uint32_t count;
    TRY(find_key(index, key, row_out, 1, &count, more_out));
    if (count == 0) *row_out = ROW_ID_NONE;
    return OK;
}

// What is known of one key of a batch, stage after stage.
typedef struct BatchKey {
    IndexPair place;
    LeafEntry *entry;
    CacheFrame *frame;
} BatchKey;

// The first line of where the key's block should be, from the entry alone.
static void prefetch_block(const BatchKey *key, KeyShape shape) {
    LeafView view = leaf_view(key->frame, shape);
    uint64_t slice = index_pair_slice(shape, &key->place, view.level, view.is_row_level);
    const uint64_t *block = leaf_block(&view, leaf_predict(&view, slice));
    __builtin_prefetch(block);
    __builtin_prefetch(block + 8);
}

// Finds what it can of the keys; a bit for each that it could not settle.
static uint32_t find_together(
    LearnedIndex *index, const Bytes *keys, uint32_t count, RowId *rows_out, bool *more_out) {
    BatchKey batch[BATCH_KEY_COUNT];
    uint32_t unsettled = 0;
    for (uint32_t i = 0; i < count; i++) {
        batch[i].place = index_pair_make(index->shape, keys[i], 0);
        batch[i].entry = learned_index_route(index, &batch[i].place);
        __builtin_prefetch(batch[i].entry);
    }
    for (uint32_t i = 0; i < count; i++) {
        batch[i].frame = cache_find(&batch[i].entry->cache);
        if (batch[i].frame == NULL) continue;
        __builtin_prefetch(batch[i].frame);
        __builtin_prefetch(leaf_body(batch[i].frame));
        __builtin_prefetch(leaf_body(batch[i].frame)->firsts);
        __builtin_prefetch(leaf_body(batch[i].frame)->firsts + 8);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (batch[i].frame != NULL) prefetch_block(&batch[i], index->shape);
    }
    for (uint32_t i = 0; i < count; i++) {
        LeafRead read;
        unsettled |= UINT32_C(1) << i;
        if (batch[i].frame == NULL) continue;
        if (!leaf_read_begin(batch[i].entry, batch[i].frame, 0, &read)) continue;
        LeafView view = leaf_view(batch[i].frame, index->shape);
        KeyRows found = leaf_find_rows(&view, &batch[i].place, &rows_out[i], 1);
        if (!leaf_read_end(&read) || found.may_continue) continue;
        if (found.count == 0) rows_out[i] = ROW_ID_NONE;
        more_out[i] = found.has_more;
        unsettled &= ~(UINT32_C(1) << i);
    }
    return unsettled;
}

static uint32_t find_words(
    LearnedIndex *index, const Bytes *keys, uint32_t count, RowId *rows_out, bool *more_out) {
    uint64_t words[BATCH_KEY_COUNT];
    for (uint32_t i = 0; i < count; i++)
        words[i] = word_of_bytes(keys[i].data, index->shape.width);
    return index->word_finder->find_batch(index, words, count, rows_out, more_out);
}

Status learned_index_find_batch(
    LearnedIndex *index, const Bytes *keys, uint32_t count, RowId *rows_out, bool *more_out) {
    ASSERT(count <= BATCH_KEY_COUNT);
    epoch_enter(index->epochs);
    uint32_t unsettled = index->word_finder != NULL
                             ? find_words(index, keys, count, rows_out, more_out)
                             : find_together(index, keys, count, rows_out, more_out);
    epoch_leave(index->epochs);
    for (; unsettled != 0; unsettled &= unsettled - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(unsettled);
        TRY(find_first(index, keys[i], &rows_out[i], &more_out[i]));
    }
    return OK;
}
