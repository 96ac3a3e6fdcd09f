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

// What a leaf says about a key; unique words take the short way.
[[gnu::always_inline]] static inline KeyRows find_in_leaf(const LearnedIndex *index,
    const LeafEntry *entry, const CacheFrame *frame, const IndexPair *place, RowId *rows_out,
    uint32_t row_max) {
    if (index->search_word != NULL && !entry->is_row_level && row_max > 0) {
        uint64_t payload;
        WordSearch found = index->search_word(frame, place->words[0], &payload);
        if (found == WORD_ABSENT) return (KeyRows){0};
        if (found == WORD_FOUND && (payload & 0xFFFF) == 0) {
            rows_out[0] = (RowId){payload >> 16};
            return (KeyRows){.count = 1};
        }
    }
    LeafView view = leaf_view(frame, index->shape);
    return leaf_find_rows(&view, place, rows_out, row_max);
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

Status learned_index_find(LearnedIndex *index, Bytes key, RowId *rows_out, uint32_t row_max,
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
            found = find_in_leaf(index, entry, frame, &place, rows_out, row_max);
            is_good = leaf_read_end(&read);
        }
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

// One key by itself, for those that the pipeline could not settle.
static Status find_first(LearnedIndex *index, Bytes key, RowId *row_out, bool *more_out) {
    uint32_t count;
    TRY(learned_index_find(index, key, row_out, 1, &count, more_out));
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

Status learned_index_find_batch(
    LearnedIndex *index, const Bytes *keys, uint32_t count, RowId *rows_out, bool *more_out) {
    ASSERT(count <= BATCH_KEY_COUNT);
    BatchKey batch[BATCH_KEY_COUNT];
    uint32_t unsettled = 0; // a bit a key
    epoch_enter(index->epochs);
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
        KeyRows found =
            find_in_leaf(index, batch[i].entry, batch[i].frame, &batch[i].place, &rows_out[i], 1);
        if (!leaf_read_end(&read) || found.may_continue) continue;
        if (found.count == 0) rows_out[i] = ROW_ID_NONE;
        more_out[i] = found.has_more;
        unsettled &= ~(UINT32_C(1) << i);
    }
    epoch_leave(index->epochs);
    for (uint32_t i = 0; i < count; i++) {
        if ((unsettled >> i & 1) != 0) TRY(find_first(index, keys[i], &rows_out[i], &more_out[i]));
    }
    return OK;
}
