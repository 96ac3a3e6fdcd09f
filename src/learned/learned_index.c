#include "base/assert.h"
#include "base/error.h"
#include "learned/learned_internal.h"
#include "os/thread.h"
#include "types/key.h"

#include <stdlib.h>

// After so many failed optimistic tries a reader takes the latch.
enum { OPTIMISTIC_TRY_COUNT = 8 };

// ---- Leaves as objects of the cache

// The frame is latched. The one that takes its place one day lies differently: the hint is learned
// anew, which the latch's version tells the eviction if it comes before its end.
static bool leaf_can_evict(const CacheFrame *frame) {
    LeafEntry *entry = (LeafEntry *)frame->slot;
    if (atomic_load_explicit(&entry->is_dead, memory_order_relaxed)) {
        return false; // its memory comes soon
    }
    atomic_store_explicit(&entry->hint.form, 0, memory_order_relaxed);
    return true;
}

static Status leaf_object_encode(const CacheFrame *frame, Text *bytes_out) {
    const LeafEntry *entry = (const LeafEntry *)frame->slot;
    leaf_encode(frame, atomic_load_explicit(&entry->is_exact, memory_order_relaxed), bytes_out);
    return arena_check(bytes_out->arena);
}

static Status leaf_object_decode(void *owner, Bytes bytes, CacheFrame **frame_out) {
    LearnedIndex *index = owner;
    LeafImage image;
    if (!leaf_image_parse(bytes, index->shape, index->options.is_unique, &image)) {
        return fail(INDEX_CORRUPTED, "a stored leaf of an index is damaged");
    }
    CacheFrame *frame;
    TRY(cache_frame_create(index->cache, &leaf_object_kind, index,
        leaf_frame_bytes(image.memory_bytes, image.block_capacity), &frame));
    leaf_image_fill(frame, &image);
    LeafView view = leaf_view(frame, index->shape);
    const char *fault = leaf_find_fault(&view);
    if (fault != NULL) {
        cache_frame_destroy(frame);
        return fail(INDEX_CORRUPTED, "a stored leaf of an index is damaged: %s", fault);
    }
    *frame_out = frame;
    return OK;
}

const ObjectKind leaf_object_kind = {
    .name = "index leaf",
    .extent = EXTENT_INDEX_LEAF,
    .rank = LATCH_RANK_INDEX_LEAF,
    .can_evict = leaf_can_evict,
    .encode = leaf_object_encode,
    .decode = leaf_object_decode,
};

// ---- Leaf entries

Status leaf_entry_create(
    LearnedIndex *index, uint32_t level, bool is_row_level, LeafEntry **entry_out) {
    MemoryBudget *budget = index->options.budget;
    if (budget != NULL) TRY(memory_budget_reserve(budget, sizeof(LeafEntry)));
    LeafEntry *entry = aligned_alloc(64, (sizeof(LeafEntry) + 63) / 64 * 64);
    if (entry == NULL) {
        if (budget != NULL) memory_budget_release(budget, sizeof(LeafEntry));
        return fail(OUT_OF_MEMORY, "out of memory");
    }
    memset(entry, 0, sizeof *entry);
    entry->index = index;
    entry->level = (uint16_t)level;
    entry->is_row_level = is_row_level;
    atomic_init(&entry->is_exact, true);
    atomic_init(&entry->refs, 1);
    // What is made after a flip is not part of its image.
    atomic_init(&entry->captured, atomic_load(&index->checkpointing.epoch));
    *entry_out = entry;
    return OK;
}

void leaf_entry_destroy(LeafEntry *entry) {
    LearnedIndex *index = entry->index;
    cache_detach(index->cache, &entry->cache);
    if (!extent_is_none(entry->cache.disk)) store_free(index->store, entry->cache.disk);
    if (index->options.budget != NULL) {
        memory_budget_release(index->options.budget, sizeof(LeafEntry));
    }
    free(entry);
}

// A dead entry keeps its frame and extents until the last reader has left it: who loads a leaf
// while it dies gets what it was, and finds it dead. Epochs release in the middle of anything, so
// the entry only goes to the grave here, and whoever has the structure mutex next buries it.
void leaf_entry_unref(LeafEntry *entry) {
    if (atomic_fetch_sub(&entry->refs, 1) > 1) return;
    LearnedIndex *index = entry->index;
    LeafEntry *top = atomic_load(&index->grave);
    do {
        entry->below_in_grave = top;
    } while (!atomic_compare_exchange_weak(&index->grave, &top, entry));
}

void learned_index_bury(LearnedIndex *index) {
    LeafEntry *entry = atomic_exchange(&index->grave, NULL);
    while (entry != NULL) {
        LeafEntry *below = entry->below_in_grave;
        leaf_entry_destroy(entry);
        atomic_fetch_sub(&index->zombie_count, 1);
        entry = below;
    }
}

Status leaf_entry_load(LeafEntry *entry) {
    LearnedIndex *index = entry->index;
    if (atomic_load(&entry->is_dead)) {
        epoch_leave(index->epochs);
        return OK;
    }
    atomic_fetch_add(&entry->refs, 1);
    epoch_leave(index->epochs);
    CacheFrame *frame;
    Status status = cache_load(index->cache, &entry->cache, &leaf_object_kind, index, &frame);
    if (status == OK) {
        leaf_entry_learn(entry, frame);
        cache_unpin(frame);
    } else if (status == DATA_CORRUPTED) {
        Arena arena;
        arena_init(&arena, NULL);
        Error error;
        error_take(&arena, &error);
        status = fail(INDEX_CORRUPTED, "an index leaf cannot be read: %s", error.message);
        arena_deinit(&arena);
    }
    leaf_entry_unref(entry);
    return status;
}

// The frame is latched, or not reachable yet.
static void hint_set(LeafEntry *entry, const CacheFrame *frame) {
    const LeafBody *body = leaf_body(frame);
    if (entry->index->word_finder == NULL || entry->is_row_level) return;
    const LeafLine *line = leaf_lines(body);
    atomic_store_explicit(&entry->hint.first, body->firsts[0], memory_order_relaxed);
    atomic_store_explicit(&entry->hint.slope, line->slope, memory_order_relaxed);
    atomic_store_explicit(&entry->hint.start, line->start, memory_order_relaxed);
    atomic_store_explicit(&entry->hint.form, leaf_form_make(body), memory_order_relaxed);
}

void leaf_entry_learn(LeafEntry *entry, CacheFrame *frame) {
    if (entry->index->word_finder == NULL || entry->is_row_level) return;
    if (atomic_load_explicit(&entry->hint.form, memory_order_relaxed) != 0) return;
    if (!latch_try_lock(&frame->latch, LATCH_RANK_INDEX_LEAF)) return; // another time
    if (cache_find(&entry->cache) == frame && !atomic_load(&entry->is_dead)) {
        hint_set(entry, frame);
    }
    latch_unlock(&frame->latch, LATCH_RANK_INDEX_LEAF);
}

void leaf_entry_attach(LeafEntry *entry, CacheFrame *frame) {
    hint_set(entry, frame);
    atomic_store_explicit(&entry->pair_count, leaf_body(frame)->pair_count, memory_order_relaxed);
    atomic_store_explicit(&frame->is_dirty, true, memory_order_relaxed);
    cache_attach(entry->index->cache, &entry->cache, frame);
    cache_unpin(frame);
}

void leaf_entry_replace(LeafEntry *entry, CacheFrame *old_frame, CacheFrame *new_frame) {
    atomic_store_explicit(
        &entry->pair_count, leaf_body(new_frame)->pair_count, memory_order_relaxed);
    atomic_store_explicit(&new_frame->is_dirty, true, memory_order_relaxed);
    hint_set(entry, new_frame);
    cache_replace(entry->index->cache, &entry->cache, old_frame, new_frame);
    cache_unpin(new_frame);
}

void leaf_entry_changed(LeafEntry *entry, CacheFrame *frame) {
    if (!atomic_load_explicit(&frame->is_dirty, memory_order_relaxed)) {
        atomic_store_explicit(&frame->is_dirty, true, memory_order_relaxed);
    }
    const LeafBody *body = leaf_body(frame);
    atomic_store_explicit(&entry->pair_count, body->pair_count, memory_order_relaxed);
    uint64_t form = atomic_load_explicit(&entry->hint.form, memory_order_relaxed);
    uint32_t blocks = atomic_load_explicit(&body->block_count, memory_order_relaxed);
    if (form != 0 && leaf_form_blocks(form) != blocks) {
        atomic_store_explicit(&entry->hint.form, leaf_form_make(body), memory_order_relaxed);
    }
}

bool leaf_read_begin(LeafEntry *entry, CacheFrame *frame, uint32_t attempt, LeafRead *read_out) {
    *read_out = (LeafRead){.entry = entry, .frame = frame};
    if (attempt < OPTIMISTIC_TRY_COUNT) {
        return latch_read_begin(&frame->latch, &read_out->version)
               && !atomic_load_explicit(&entry->is_dead, memory_order_acquire);
    }
    read_out->is_latched = true;
    if (!latch_lock(&frame->latch, LATCH_RANK_INDEX_LEAF)) return false;
    if (!atomic_load_explicit(&entry->is_dead, memory_order_acquire)) return true;
    latch_unlock(&frame->latch, LATCH_RANK_INDEX_LEAF);
    return false;
}

bool leaf_read_end(const LeafRead *read) {
    if (read->is_latched) {
        latch_unlock(&read->frame->latch, LATCH_RANK_INDEX_LEAF);
    } else if (!latch_read_is_valid(&read->frame->latch, read->version)) {
        return false;
    }
    cache_touch(read->frame);
    return true;
}

// ---- Life

Status learned_index_allocate(Cache *cache, LearnedIndexOptions options, LearnedIndex **index_out) {
    ASSERT(options.key_width <= 16);
    LearnedIndex *index = calloc(1, sizeof *index);
    if (index == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    index->cache = cache;
    index->epochs = cache_epochs(cache);
    index->store = cache_store(cache);
    index->options = options;
    index->shape = key_shape_make(options.key_width);
    if (index->shape.kind == KEY_WORD) {
        index->word_finder = word_finder_at(0);
    }
    mutex_init(&index->structure, LATCH_RANK_INDEX_STRUCTURE);
    mutex_init(&index->checkpointing.mutex, LATCH_RANK_INDEX_CAPTURE);
    *index_out = index;
    return OK;
}

static Status add_first_leaf(LearnedIndex *index) {
    LeafRole role = {.shape = index->shape, .is_unique = index->options.is_unique};
    LeafLayout layout = leaf_layout(&role, NULL, 0, LEAF_LANE_COUNT, 7);
    LeafEntry *entry;
    CacheFrame *frame;
    TRY(checkpointing_reserve(index, 1, 0, 0));
    TRY(leaf_entry_create(index, 0, false, &entry));
    index->first = index->last = entry;
    index->leaf_count = 1;
    atomic_init(&index->root, child_of_leaf(entry));
    TRY(cache_frame_create(index->cache, &leaf_object_kind, index,
        leaf_frame_bytes(layout.body_bytes, layout.block_capacity), &frame));
    leaf_fill(frame, &role, &layout, NULL, index->options.incarnation, true);
    leaf_entry_attach(entry, frame);
    return OK;
}

Status learned_index_create(Cache *cache, LearnedIndexOptions options, LearnedIndex **index_out) {
    LearnedIndex *index;
    TRY(learned_index_allocate(cache, options, &index));
    Status status = add_first_leaf(index);
    if (status == OK) {
        *index_out = index;
    } else {
        learned_index_destroy(index);
    }
    return status;
}

static void clear_nodes(Child child) {
    if (child == 0 || child_is_leaf(child)) return;
    InnerNode *node = child_node(child);
    Child last = 0;
    for (uint32_t slot = 0; slot < node->slot_count; slot++) {
        Child below = inner_node_child(node, slot);
        if (below != last) clear_nodes(below);
        last = below;
    }
    inner_node_destroy(node);
}

// Frees every node and entry; the index is nobody's any more. `free_extents` as well.
static void learned_index_clear(LearnedIndex *index, bool free_extents) {
    clear_nodes(learned_index_root(index));
    atomic_store(&index->root, 0);
    LeafEntry *entry = index->first;
    while (entry != NULL) {
        LeafEntry *next = leaf_entry_next(entry);
        if (!free_extents) entry->cache.disk = (ExtentRef){0};
        leaf_entry_destroy(entry);
        entry = next;
    }
    index->first = index->last = NULL;
}

static void index_destroy(LearnedIndex *index, bool free_extents) {
    if (index == NULL) return;
    learned_index_clear(index, free_extents);
    // Dead entries refer to the index; their readers leave soon, because they never wait inside.
    while (atomic_load(&index->zombie_count) > 0) {
        epoch_advance(index->epochs);
        learned_index_bury(index);
        if (atomic_load(&index->zombie_count) > 0) thread_yield();
    }
    checkpointing_deinit(index);
    mutex_deinit(&index->structure);
    free(index);
}

void learned_index_destroy(LearnedIndex *index) {
    index_destroy(index, false);
}

void learned_index_drop(LearnedIndex *index) {
    if (index != NULL) learned_index_free_image(index);
    index_destroy(index, true);
}

// ---- Changes

static Status check_key(const LearnedIndex *index, Bytes key) {
    uint32_t width = index->options.key_width;
    if (width != 0) {
        ASSERT(key.count == width);
    } else if (key.count > KEY_BYTES_MAX) {
        return fail(PROGRAM_LIMIT_EXCEEDED, "index row size %zu exceeds maximum %d", key.count,
            KEY_BYTES_MAX);
    }
    return OK;
}

// Finds the pair's leaf and latches it. On OK the caller is inside the epoch.
static Status latch_leaf(
    LearnedIndex *index, const IndexPair *pair, LeafEntry **entry_out, CacheFrame **frame_out) {
    for (;;) {
        epoch_enter(index->epochs);
        LeafEntry *entry = learned_index_route(index, pair);
        CacheFrame *frame = cache_find(&entry->cache);
        if (frame == NULL) {
            TRY(leaf_entry_load(entry));
            continue;
        }
        if (latch_lock(&frame->latch, LATCH_RANK_INDEX_LEAF)) {
            if (!atomic_load_explicit(&entry->is_dead, memory_order_acquire)) {
                cache_touch(frame);
                *entry_out = entry;
                *frame_out = frame;
                return OK;
            }
            latch_unlock(&frame->latch, LATCH_RANK_INDEX_LEAF);
        }
        epoch_leave(index->epochs);
    }
}

static void unlatch_leaf(LearnedIndex *index, CacheFrame *frame) {
    latch_unlock(&frame->latch, LATCH_RANK_INDEX_LEAF);
    epoch_leave(index->epochs);
}

// A key that is one word, is not there yet and finds room in its block takes the short way.
static bool add_word(
    const LearnedIndex *index, const LeafEntry *entry, CacheFrame *frame, const IndexPair *pair) {
    return index->word_finder != NULL && !entry->is_row_level
           && index->word_finder->add(frame, pair->words[0], pair->row);
}

static Status add_to_leaf(LearnedIndex *index, LeafEntry *entry, CacheFrame *frame,
    const IndexPair *pair, LeafOutcome *outcome_out) {
    TRY(leaf_entry_prepare_change(entry, frame));
    *outcome_out =
        add_word(index, entry, frame, pair) ? LEAF_DONE : leaf_add(frame, index->shape, pair);
    if (*outcome_out == LEAF_DONE) {
        leaf_entry_changed(entry, frame);
        atomic_fetch_add_explicit(&index->pair_count, 1, memory_order_relaxed);
    }
    return OK;
}

Status learned_index_add(LearnedIndex *index, Bytes key, RowId row) {
    TRY(check_key(index, key));
    IndexPair pair = index_pair_make(index->shape, key, row.value);
    LeafEntry *entry;
    CacheFrame *frame;
    TRY(latch_leaf(index, &pair, &entry, &frame));
    LeafOutcome outcome = LEAF_PRESENT;
    Status status = add_to_leaf(index, entry, frame, &pair, &outcome);
    unlatch_leaf(index, frame);
    if (status != OK || outcome != LEAF_FULL) return status;
    bool was_added;
    return restructure_add(index, &pair, &was_added);
}

static AddOutcome outcome_of_state(KeyState state) {
    switch (state) {
    case KEY_LIVE:
        return ADD_CONFLICT;
    case KEY_WAIT:
        return ADD_MUST_WAIT;
    case KEY_NEEDS_READ:
        return ADD_MUST_READ;
    case KEY_DEAD:
        return ADD_DONE;
    }
    UNREACHABLE();
}

// Asks about every other row of a lane that has the key.
static AddOutcome inspect_lane(const LeafView *view, LeafPlace place, Bytes key, RowId row,
    const KeyProbe *probe, RowId *rival_out) {
    uint64_t rows[1 + LEAF_MORE_ROWS_MAX];
    uint32_t count = leaf_lane_rows(view, place, rows);
    for (uint32_t i = 0; i < count; i++) {
        RowId rival = {rows[i]};
        if (rival.value == row.value) continue;
        AddOutcome outcome = outcome_of_state(probe->is_rival(probe->argument, key, rival));
        if (outcome != ADD_DONE) {
            *rival_out = rival;
            return outcome;
        }
    }
    return ADD_DONE;
}

AddOutcome unique_check_inspect(UniqueCheck *check, const LeafView *view, const IndexPair *pair) {
    LeafPlace place = leaf_seek(view, pair);
    if (!leaf_place_settle(view, &place) || leaf_compare_key(view, place, pair) != 0) {
        return ADD_DONE;
    }
    return inspect_lane(view, place, check->key, check->row, check->probe, &check->rival);
}

// Asks about the rows of a key that has leaves of its own.
static Status inspect_spread(LearnedIndex *index, const IndexPair *pair, UniqueCheck *check) {
    IndexPair first = *pair;
    first.row = 0;
    LeafEntry *entry = learned_index_route(index, &first);
    if (!entry->is_row_level) check->outcome = UNIQUE_LOOK_AGAIN;
    while (entry != NULL && entry->is_row_level && check->outcome == UNIQUE_ADDED) {
        CacheFrame *frame;
        TRY(cache_load(index->cache, &entry->cache, &leaf_object_kind, index, &frame));
        bool is_locked = latch_lock(&frame->latch, LATCH_RANK_INDEX_LEAF);
        ASSERT(is_locked); // it is pinned, and only who has the structure mutex replaces it
        LeafView view = leaf_view(frame, index->shape);
        bool is_of_key = leaf_prefix_is(&view, check->key);
        AddOutcome outcome = ADD_DONE;
        LeafPlace place = {0};
        for (; is_of_key && outcome == ADD_DONE && leaf_place_settle(&view, &place); place.lane++)
            outcome =
                inspect_lane(&view, place, check->key, check->row, check->probe, &check->rival);
        latch_unlock(&frame->latch, LATCH_RANK_INDEX_LEAF);
        cache_unpin(frame);
        if (!is_of_key) break;
        check->outcome = (UniqueOutcome)outcome;
        entry = leaf_entry_next(entry);
    }
    return OK;
}

// The structure mutex is the lock of a key that has leaves of its own: every unique add of it
// comes here.
static Status add_unique_spread(LearnedIndex *index, const IndexPair *pair, UniqueCheck *check) {
    bool was_added;
    mutex_lock(&index->structure);
    Status status = inspect_spread(index, pair, check);
    if (status == OK && check->outcome == UNIQUE_ADDED) {
        status = restructure_add_locked(index, pair, NULL, &was_added);
    }
    mutex_unlock(&index->structure);
    return status;
}

static Status try_add_unique(LearnedIndex *index, const IndexPair *pair, UniqueCheck *check) {
    LeafEntry *entry;
    CacheFrame *frame;
    TRY(latch_leaf(index, pair, &entry, &frame));
    LeafView view = leaf_view(frame, index->shape);
    if (view.is_row_level) {
        unlatch_leaf(index, frame);
        return add_unique_spread(index, pair, check);
    }
    LeafOutcome leaf_outcome = LEAF_PRESENT;
    Status status = leaf_entry_prepare_change(entry, frame);
    check->outcome = UNIQUE_ADDED;
    if (status == OK && add_word(index, entry, frame, pair)) { // nobody has the key
        leaf_entry_changed(entry, frame);
        atomic_fetch_add_explicit(&index->pair_count, 1, memory_order_relaxed);
    } else if (status == OK) {
        check->outcome = (UniqueOutcome)unique_check_inspect(check, &view, pair);
        if (check->outcome == UNIQUE_ADDED) {
            status = add_to_leaf(index, entry, frame, pair, &leaf_outcome);
        }
    }
    unlatch_leaf(index, frame);
    if (status != OK || leaf_outcome != LEAF_FULL) return status;
    // Others may add the key before the leaf has room: the question is asked again there.
    bool was_added;
    mutex_lock(&index->structure);
    status = restructure_add_locked(index, pair, check, &was_added);
    mutex_unlock(&index->structure);
    return status;
}

Status learned_index_add_unique(LearnedIndex *index, Bytes key, RowId row, const KeyProbe *probe,
    AddOutcome *outcome_out, RowId *rival_out) {
    ASSERT(index->options.is_unique);
    TRY(check_key(index, key));
    IndexPair pair = index_pair_make(index->shape, key, row.value);
    UniqueCheck check;
    do {
        check = (UniqueCheck){.probe = probe, .key = key, .row = row};
        TRY(try_add_unique(index, &pair, &check));
    } while (check.outcome == UNIQUE_LOOK_AGAIN);
    *outcome_out = (AddOutcome)check.outcome;
    if (check.outcome != UNIQUE_ADDED) *rival_out = check.rival;
    return OK;
}

Status learned_index_has(LearnedIndex *index, Bytes key, RowId row, bool *found_out) {
    IndexPair pair = index_pair_make(index->shape, key, row.value);
    LeafEntry *entry;
    CacheFrame *frame;
    TRY(latch_leaf(index, &pair, &entry, &frame));
    LeafView view = leaf_view(frame, index->shape);
    *found_out = leaf_has(&view, &pair);
    unlatch_leaf(index, frame);
    return OK;
}

static void forget_exact(LearnedIndex *index, const IndexPair *pair) {
    mutex_lock(&index->structure); // so that no structural change is taking the leaf over
    LeafEntry *entry = learned_index_route(index, pair);
    atomic_store_explicit(&entry->is_exact, false, memory_order_relaxed);
    mutex_unlock(&index->structure);
}

void learned_index_remove_if(LearnedIndex *index, Bytes key, RowId row, const KeyProbe *probe) {
    IndexPair pair = index_pair_make(index->shape, key, row.value);
    LeafEntry *entry;
    CacheFrame *frame;
    if (latch_leaf(index, &pair, &entry, &frame) != OK) {
        error_clear();
        forget_exact(index, &pair);
        return;
    }
    LeafView view = leaf_view(frame, index->shape);
    if (leaf_has(&view, &pair)) {
        KeyState state = probe->is_needed(probe->argument, key, row);
        if (state == KEY_DEAD && leaf_entry_prepare_change(entry, frame) == OK) {
            leaf_remove(frame, index->shape, &pair);
            leaf_entry_changed(entry, frame);
            atomic_fetch_sub_explicit(&index->pair_count, 1, memory_order_relaxed);
        } else if (state == KEY_DEAD || state == KEY_NEEDS_READ) {
            error_clear();
            atomic_store_explicit(&entry->is_exact, false, memory_order_relaxed);
        }
    }
    unlatch_leaf(index, frame);
}
