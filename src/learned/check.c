// Checking and printing an index, and what the planner asks of its models.
#include "base/assert.h"
#include "base/error.h"
#include "learned/learned_internal.h"
#include "types/key.h"

// Ranks are counted anew after this part of the leaves has changed.
enum { RANK_CHANGE_PART = 16 };

uint64_t learned_index_entry_count(const LearnedIndex *index) {
    return atomic_load_explicit(&index->pair_count, memory_order_relaxed);
}

uint64_t learned_index_bytes(LearnedIndex *index) {
    uint64_t bytes = 0, present = 0;
    mutex_lock(&index->structure);
    epoch_enter(index->epochs);
    for (LeafEntry *entry = index->first; entry != NULL; entry = leaf_entry_next(entry)) {
        const CacheFrame *frame = cache_find(&entry->cache);
        if (frame == NULL) continue;
        bytes += frame->bytes;
        present++;
    }
    epoch_leave(index->epochs);
    uint64_t pair_bytes = sizeof(RowId) * 2;
    uint64_t leaf_bytes = present > 0 ? bytes / present : 0;
    uint64_t absent = index->leaf_count > present ? index->leaf_count - present : 0;
    bytes += leaf_bytes * absent + index->inner_bytes;
    if (present == 0) bytes += learned_index_entry_count(index) * pair_bytes;
    mutex_unlock(&index->structure);
    return bytes;
}

void learned_index_count_ranks(LearnedIndex *index) {
    double rank = 0;
    for (LeafEntry *entry = index->first; entry != NULL; entry = leaf_entry_next(entry)) {
        atomic_store_explicit(&entry->rank_before, rank, memory_order_relaxed);
        rank += atomic_load_explicit(&entry->pair_count, memory_order_relaxed);
    }
    index->ranked_pairs = rank;
    index->ranked_changes = 0;
}

double learned_index_rank(LearnedIndex *index, Bytes key) {
    if (mutex_try_lock(&index->structure)) {
        double pairs = (double)learned_index_entry_count(index);
        if (index->ranked_changes > index->leaf_count / RANK_CHANGE_PART
            || pairs > 1.1 * index->ranked_pairs || pairs < 0.9 * index->ranked_pairs) {
            learned_index_count_ranks(index);
        }
        mutex_unlock(&index->structure);
    }
    IndexPair place = index_place_make(index->shape, key, false);
    epoch_enter(index->epochs);
    LeafEntry *entry = learned_index_route(index, &place);
    double rank = atomic_load_explicit(&entry->rank_before, memory_order_relaxed);
    double pairs = atomic_load_explicit(&entry->pair_count, memory_order_relaxed);
    CacheFrame *frame = cache_find(&entry->cache);
    double part = 0.5; // of a cold leaf
    if (frame != NULL) {
        LeafView view = leaf_view(frame, index->shape);
        uint64_t slice = index_pair_slice(index->shape, &place, entry->level, entry->is_row_level);
        part = leaf_predict(&view, slice) / (double)view.block_count;
    }
    epoch_leave(index->epochs);
    return rank + part * pairs;
}

// ---- Check

typedef struct CheckState {
    LearnedIndex *index;
    LeafEntry *expected; // the next leaf in link order
    uint64_t pair_count;
    uint32_t leaf_count, node_count, depth_max;
    uint8_t last_key[LEAF_KEY_ROOM];
    IndexPair last;
    bool has_last;
} CheckState;

static Status damaged(const char *what) {
    return fail(INDEX_CORRUPTED, "an index is damaged: %s", what);
}

// One pair: after the last one, and routed to this leaf.
static Status check_pair(CheckState *state, const LeafEntry *entry, const IndexPair *pair) {
    LearnedIndex *index = state->index;
    if (state->has_last && index_pair_compare(index->shape, &state->last, pair) >= 0) {
        return damaged("leaves overlap");
    }
    if (learned_index_route(index, pair) != entry) return damaged("a pair in the wrong leaf");
    state->last = *pair;
    if (pair->key.count > 0) memcpy(state->last_key, pair->key.data, pair->key.count);
    state->last.key = bytes_make(state->last_key, pair->key.count);
    state->has_last = true;
    state->pair_count++;
    return OK;
}

static Status check_leaf_pairs(
    CheckState *state, LeafEntry *entry, const LeafView *view, Arena *arena) {
    const char *fault = leaf_find_fault(view);
    if (fault != NULL) return damaged(fault);
    if (view->level != entry->level || view->is_row_level != entry->is_row_level) {
        return damaged("a leaf of another level");
    }
    IndexPair *pairs = arena_new_array(arena, IndexPair, view->body->pair_count + 1);
    uint32_t count = leaf_collect(view, arena, pairs);
    for (uint32_t i = 0; i < count; i++)
        TRY(check_pair(state, entry, &pairs[i]));
    return OK;
}

static Status check_leaf(CheckState *state, LeafEntry *entry) {
    LearnedIndex *index = state->index;
    if (entry != state->expected) return damaged("leaves are linked in another order");
    state->expected = leaf_entry_next(entry);
    if (state->expected != NULL && leaf_entry_previous(state->expected) != entry) {
        return damaged("a link that does not lead back");
    }
    if (atomic_load(&entry->is_dead)) return damaged("a dead leaf is reached");
    state->leaf_count++;
    CacheFrame *frame;
    TRY(cache_load(index->cache, &entry->cache, &leaf_object_kind, index, &frame));
    bool is_locked = latch_lock(&frame->latch, LATCH_RANK_INDEX_LEAF);
    ASSERT(is_locked);
    Arena arena;
    arena_init(&arena, NULL);
    LeafView view = leaf_view(frame, index->shape);
    Status status = check_leaf_pairs(state, entry, &view, &arena);
    arena_deinit(&arena);
    latch_unlock(&frame->latch, LATCH_RANK_INDEX_LEAF);
    cache_unpin(frame);
    return status;
}

static Status check_child(CheckState *state, Child child, uint32_t depth) {
    if (depth > state->depth_max) state->depth_max = depth;
    if (child == 0) return damaged("a slot without a child");
    if (child_is_leaf(child)) return check_leaf(state, child_leaf(child));
    const InnerNode *node = child_node(child);
    state->node_count++;
    uint32_t child_count = 0;
    Child last = 0;
    for (uint32_t slot = 0; slot < node->slot_count; slot++) {
        Child below = inner_node_child(node, slot);
        if (below == last) continue;
        last = below;
        child_count++;
        TRY(check_child(state, below, depth + 1));
    }
    return child_count == node->child_count ? OK : damaged("a wrong count of children");
}

Status learned_index_check(LearnedIndex *index) {
    mutex_lock(&index->structure);
    CheckState state = {.index = index, .expected = index->first};
    Status status = check_child(&state, learned_index_root(index), 0);
    if (status == OK && (state.expected != NULL || state.leaf_count != index->leaf_count)) {
        status = damaged("a wrong count of leaves");
    }
    if (status == OK && state.node_count != index->node_count) {
        status = damaged("a wrong count of nodes");
    }
    mutex_unlock(&index->structure);
    return status;
}

// ---- Dump

typedef struct Shape {
    uint64_t slot_count, resident_count, memory_bytes, segment_count;
    uint32_t depth_max, leaves_by_kind[4], gate_count;
} Shape;

static void measure(const LearnedIndex *index, Child child, uint32_t depth, Shape *shape) {
    if (depth > shape->depth_max) shape->depth_max = depth;
    if (child_is_leaf(child)) {
        LeafEntry *entry = child_leaf(child);
        CacheFrame *frame = cache_find(&entry->cache);
        shape->memory_bytes += sizeof *entry;
        if (frame == NULL) return;
        const LeafBody *body = leaf_body(frame);
        shape->resident_count++;
        shape->memory_bytes += frame->bytes;
        shape->segment_count += body->segment_count;
        shape->leaves_by_kind[body->kind & 3]++;
        return;
    }
    const InnerNode *node = child_node(child);
    shape->slot_count += node->slot_count;
    shape->memory_bytes += node->bytes;
    if (node->gate_count > 0) shape->gate_count++;
    Child last = 0;
    for (uint32_t slot = 0; slot < node->slot_count; slot++) {
        Child below = inner_node_child(node, slot);
        if (below != last) measure(index, below, depth + 1, shape);
        last = below;
    }
}

void learned_index_dump(LearnedIndex *index, Text *out) {
    Shape shape = {0};
    mutex_lock(&index->structure);
    epoch_enter(index->epochs);
    measure(index, learned_index_root(index), 0, &shape);
    epoch_leave(index->epochs);
    uint64_t pairs = learned_index_entry_count(index);
    text_append_format(out, "entries %llu\n", (unsigned long long)pairs);
    text_append_format(out, "depth %u, inner nodes %u (%u gates), slots %llu, inner bytes %llu\n",
        shape.depth_max, index->node_count, shape.gate_count, (unsigned long long)shape.slot_count,
        (unsigned long long)index->inner_bytes);
    text_append_format(out, "leaves %u, in memory %llu (8: %u, 16: %u, V: %u), models %llu\n",
        index->leaf_count, (unsigned long long)shape.resident_count, shape.leaves_by_kind[LEAF_8],
        shape.leaves_by_kind[LEAF_16], shape.leaves_by_kind[LEAF_V],
        (unsigned long long)shape.segment_count);
    text_append_format(out, "bytes in memory %llu, per entry %.1f\n",
        (unsigned long long)shape.memory_bytes,
        pairs == 0 ? 0.0 : (double)shape.memory_bytes / (double)pairs);
    text_append_format(out, "changes: rebuilds %llu, splits %llu, pushes %llu, growths %llu\n",
        (unsigned long long)index->rebuild_count, (unsigned long long)index->split_count,
        (unsigned long long)index->push_count, (unsigned long long)index->grow_count);
    mutex_unlock(&index->structure);
}
