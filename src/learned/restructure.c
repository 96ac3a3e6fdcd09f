// Structural changes: what happens when a pair finds its leaf full.
//
// Model    Under the structure mutex, one at a time: build the leaf anew with more room; or split
//          it at a slot border, of its parent or, at the edge of a subtree, of an ancestor; or give
//          a node more slots (to the right, to the left, or finer ones) and try again; or put a
//          node above it that covers more; or push a node below. Slots are bounded by the number
//          of children, so that no sequence of keys can ask for more than a few bytes a pair.
//          Everything is built aside and published by storing slots. The leaf is not latched while
//          memory is asked for, because making room may wait until readers have left their epochs,
//          and they may be waiting for the leaf; if it changed meanwhile, all starts again.
#include "base/assert.h"
#include "base/error.h"
#include "learned/subtree.h"

#include <stdlib.h>

enum {
    SLOTS_PER_CHILD_MAX = 32,
    SLOTS_FREE_COUNT = 64, // a node may have that many whatever its children
    SUPER_SLOT_COUNT = 64, // of a node put above another
    SUPER_SPAN_PART = 8,   // its slots are at least that part of what the other covers
    BALANCE_PART = 8,      // a leaf is split at its own slots to leave at least 1/8 on either side
    REFINE_BITS_MAX = 3,
    HOLD_AFTER_ROUND = 8, // of changes that others made stale
};

// Blocks are filled so far where pairs come in any order.
#define RANDOM_LANES 4.75

typedef struct PathStep {
    InnerNode *node;
    uint32_t slot, run_first, run_end;
} PathStep;

typedef struct Change {
    LearnedIndex *index;
    Arena *scratch;
    PathStep *steps;
    uint32_t step_count, step_capacity;
    LeafEntry *entry;  // the full leaf
    CacheFrame *frame; // pinned
    bool is_latched;
    bool is_stale;    // somebody changed the leaf while it was not latched
    uint64_t version; // of the leaf whose pairs these are
    LeafRole role;
    IndexPair *pairs; // its pairs and the new one
    uint32_t count, new_pair;
    bool is_append, is_prepend;
    bool has_put_above; // once a change: what comes then fits the new node, or goes below
} Change;

static void find_path(Change *change, const IndexPair *pair) {
    const LearnedIndex *index = change->index;
    change->step_count = 0;
    Child child = learned_index_root(index);
    while (!child_is_leaf(child)) {
        InnerNode *node = child_node(child);
        if (change->step_count == change->step_capacity) {
            uint32_t capacity = 2 * change->step_capacity + 16;
            PathStep *steps = arena_new_array(change->scratch, PathStep, capacity);
            if (change->step_count > 0) {
                memcpy(steps, change->steps, change->step_count * sizeof(PathStep));
            }
            change->steps = steps;
            change->step_capacity = capacity;
        }
        PathStep *step = &change->steps[change->step_count++];
        step->node = node;
        step->slot = inner_node_slot(node, index->shape, pair);
        inner_node_run(node, step->slot, &step->run_first, &step->run_end);
        child = inner_node_child(node, step->slot);
    }
    change->entry = child_leaf(child);
}

// Puts another child in the place of the one that step `depth` leads to (-1: the root).
static void set_child(Change *change, int depth, Child child) {
    if (depth < 0) {
        atomic_store_explicit(&change->index->root, child, memory_order_release);
        return;
    }
    const PathStep *step = &change->steps[depth];
    inner_node_set(step->node, step->run_first, step->run_end, child);
}

static bool is_range(const InnerNode *node) {
    return node->gate_count == 0;
}

static uint32_t pair_slot(const Change *change, const InnerNode *node, uint32_t pair) {
    return inner_node_slot(node, change->index->shape, &change->pairs[pair]);
}

// Pairs before the first one whose slot is at least `slot`.
static uint32_t pairs_before_slot(const Change *change, const InnerNode *node, uint32_t slot) {
    uint32_t low = 0, high = change->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (pair_slot(change, node, middle) < slot) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

// Where a node's slot begins; the last slice there is when that is beyond all of them.
static uint64_t slot_first_slice(const InnerNode *node, uint64_t slot) {
    uint64_t room = (UINT64_MAX - node->base) >> node->shift;
    return slot <= room ? node->base + (slot << node->shift) : UINT64_MAX;
}

// ---- Publishing

static void link_leaves(Change *change, const SubtreeBuild *build) {
    LearnedIndex *index = change->index;
    LeafEntry *previous = leaf_entry_previous(change->entry);
    LeafEntry *next = leaf_entry_next(change->entry);
    atomic_store(&build->first->previous, previous);
    atomic_store(&build->last->next, next);
    if (previous == NULL) {
        index->first = build->first;
    } else {
        atomic_store_explicit(&previous->next, build->first, memory_order_release);
    }
    if (next == NULL) {
        index->last = build->last;
    } else {
        atomic_store_explicit(&next->previous, build->last, memory_order_release);
    }
    index->leaf_count += build->leaf_count - 1;
}

static void release_entry(void *entry) {
    leaf_entry_unref(entry);
}

static uint64_t build_gate_slices(const SubtreeBuild *build) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < build->node_count; i++)
        count += build->nodes[i]->gate_count;
    return count;
}

static Status reserve_captures(const SubtreeBuild *build) {
    LearnedIndex *index = build->index;
    return checkpointing_reserve(index, index->leaf_count + build->leaf_count,
        index->node_count + build->node_count, index->gate_slice_count + build_gate_slices(build));
}

static void count_nodes(LearnedIndex *index, const SubtreeBuild *build) {
    for (uint32_t i = 0; i < build->node_count; i++)
        index->inner_bytes += build->nodes[i]->bytes;
    index->node_count += build->node_count;
    index->gate_slice_count += build_gate_slices(build);
}

// The new leaves can be reached; ends the old one.
static void finish_publish(Change *change, const SubtreeBuild *build) {
    LearnedIndex *index = change->index;
    LeafEntry *old = change->entry;
    double rank = atomic_load_explicit(&old->rank_before, memory_order_relaxed);
    for (LeafEntry *entry = build->first;; entry = leaf_entry_next(entry)) {
        atomic_store_explicit(&entry->rank_before, rank, memory_order_relaxed);
        rank += atomic_load_explicit(&entry->pair_count, memory_order_relaxed);
        if (entry == build->last) break;
    }
    count_nodes(index, build);
    index->ranked_changes++;
    atomic_store_explicit(&old->hint.form, 0, memory_order_relaxed);
    atomic_store(&old->is_dead, true);
    latch_unlock(&change->frame->latch, LATCH_RANK_INDEX_LEAF);
    cache_unpin(change->frame);
    atomic_fetch_add(&index->zombie_count, 1);
    epoch_retire(index->epochs, old, release_entry);
    atomic_fetch_add_explicit(&index->pair_count, 1, memory_order_relaxed);
}

static SubtreeBuild make_build(const Change *change) {
    return (SubtreeBuild){
        .index = change->index,
        .scratch = change->scratch,
        .lanes_per_block = change->is_append ? LEAF_LANE_COUNT : RANDOM_LANES,
        .is_exact = atomic_load_explicit(&change->entry->is_exact, memory_order_relaxed),
    };
}

// Latches the leaf again before something is published in its place. False when it has changed.
static bool relatch(Change *change) {
    if (!change->is_latched) {
        change->is_latched =
            latch_lock_version(&change->frame->latch, change->version, LATCH_RANK_INDEX_LEAF);
        change->is_stale = !change->is_latched;
    }
    return change->is_latched;
}

// ---- The same leaf, with more room

// Blocks beyond those that are needed, up to the target size.
static uint32_t spare_blocks(const Change *change, uint32_t count, bool is_append) {
    LeafLayout layout = leaf_layout(&change->role, change->pairs + change->count - count, count,
        is_append ? LEAF_LANE_COUNT : RANDOM_LANES, 0);
    if (!layout.is_possible || layout.body_bytes >= LEAF_BYTES_TARGET) return 0;
    uint32_t block_bytes = leaf_block_bytes(leaf_role_kind(&change->role));
    double bytes_per_block = block_bytes;
    if (layout.block_count > 0) {
        bytes_per_block += (double)layout.heap_bytes / layout.block_count;
    }
    uint32_t fitting = (uint32_t)((LEAF_BYTES_TARGET - layout.body_bytes) / bytes_per_block);
    uint32_t wanted = is_append ? 2 * layout.block_count + 8 : layout.block_count / 16;
    return wanted < fitting ? wanted : fitting;
}

static Status try_rebuild(Change *change, bool *is_done_out) {
    LearnedIndex *index = change->index;
    uint32_t spare = spare_blocks(change, change->count, change->is_append);
    LeafLayout layout = leaf_layout(&change->role, change->pairs, change->count,
        change->is_append ? LEAF_LANE_COUNT : RANDOM_LANES, spare);
    *is_done_out = false;
    if (!layout.is_possible || layout.body_bytes > LEAF_BYTES_TARGET) return OK;
    // A leaf that grows by appending must gain something.
    if (change->is_append && spare == 0) return OK;
    CacheFrame *frame;
    TRY(cache_frame_create(index->cache, &leaf_object_kind, index,
        leaf_frame_bytes(layout.body_bytes, layout.block_capacity), &frame));
    bool is_exact = atomic_load_explicit(&change->entry->is_exact, memory_order_relaxed);
    leaf_fill(frame, &change->role, &layout, change->pairs, index->options.incarnation, is_exact);
    *is_done_out = true;
    if (!relatch(change)) {
        cache_frame_destroy(frame);
        return OK;
    }
    leaf_entry_replace(change->entry, change->frame, frame);
    cache_unpin(change->frame);
    atomic_fetch_add_explicit(&index->pair_count, 1, memory_order_relaxed);
    index->rebuild_count++;
    return OK;
}

// ---- Splits at slot borders

typedef enum SplitSide { SPLIT_OWN, SPLIT_RIGHT_EDGE, SPLIT_LEFT_EDGE } SplitSide;

// A border between slots of the node at `depth`: what is at or behind it moves to other slots.
typedef struct Split {
    uint32_t depth, border, left_count;
    SplitSide side;
} Split;

// The border that divides the pairs best, within (low, high].
static uint32_t best_border(
    const Change *change, const InnerNode *node, uint32_t low, uint32_t high) {
    if (change->is_append) return high;
    if (change->is_prepend) return low + 1;
    uint32_t middle = pair_slot(change, node, change->count / 2);
    uint32_t best = low + 1, best_distance = UINT32_MAX;
    for (uint32_t border = middle; border <= middle + 1; border++) {
        if (border <= low || border > high) continue;
        uint32_t left = pairs_before_slot(change, node, border);
        uint32_t half = change->count / 2;
        uint32_t distance = left > half ? left - half : half - left;
        if (distance < best_distance) {
            best = border;
            best_distance = distance;
        }
    }
    return best;
}

static bool split_is_balanced(const Change *change, uint32_t left_count) {
    uint32_t right_count = change->count - left_count;
    if (change->is_append) return left_count > 0 && right_count > 0;
    if (change->is_prepend) return left_count > 0 && right_count > 0;
    return left_count >= change->count / BALANCE_PART
           && right_count >= change->count / BALANCE_PART;
}

// All pairs are in one slot of an ancestor and have left the subtree below it behind, which keeps
// an empty leaf at its edge. Nothing beside the full leaf may be on their side of the border: the
// leaf's own slots reach up to it.
static bool try_leaving_border(
    const Change *change, uint32_t depth, uint32_t slot, SplitSide side, Split *split_out) {
    const PathStep *step = &change->steps[depth];
    const PathStep *own = &change->steps[change->step_count - 1];
    if (!is_range(own->node) || own->node->level != step->node->level
        || own->node->is_row_level != step->node->is_row_level) {
        return false;
    }
    *split_out = (Split){.depth = depth, .side = side};
    if (side == SPLIT_RIGHT_EDGE) {
        split_out->border = slot;
        return slot > step->run_first && own->run_first > 0
               && slot_first_slice(own->node, own->run_first) <= slot_first_slice(step->node, slot);
    }
    split_out->border = slot + 1;
    split_out->left_count = change->count;
    return side == SPLIT_LEFT_EDGE && slot + 1 < step->run_end
           && own->run_end < own->node->slot_count
           && slot_first_slice(own->node, own->run_end) >= slot_first_slice(step->node, slot + 1);
}

// A split at a border of this node, which leads to the leaf. `side` says on which edge of the
// subtree below the leaf lies.
static bool try_border(const Change *change, uint32_t depth, SplitSide side, Split *split_out) {
    const PathStep *step = &change->steps[depth];
    if (!is_range(step->node) || step->run_end - step->run_first < 2) return false;
    uint32_t low = pair_slot(change, step->node, 0);
    uint32_t high = pair_slot(change, step->node, change->count - 1);
    if (low == high) {
        return try_leaving_border(change, depth, low, side, split_out);
    }
    uint32_t border = best_border(change, step->node, low, high);
    uint32_t left_count = pairs_before_slot(change, step->node, border);
    // At an ancestor's border any split helps: what goes is then where it belongs.
    if (side == SPLIT_OWN && !split_is_balanced(change, left_count)) return false;
    *split_out = (Split){.depth = depth, .border = border, .left_count = left_count, .side = side};
    return true;
}

static bool find_split(const Change *change, Split *split_out) {
    // From the leaf up: how far it lies on an edge of what is below a step.
    uint32_t right_from = change->step_count, left_from = change->step_count;
    while (
        right_from > 0
        && change->steps[right_from - 1].run_end == change->steps[right_from - 1].node->slot_count)
        right_from--;
    while (left_from > 0 && change->steps[left_from - 1].run_first == 0)
        left_from--;
    for (uint32_t depth = 0; depth < change->step_count; depth++) {
        if (depth + 1 == change->step_count) {
            if (try_border(change, depth, SPLIT_OWN, split_out)) return true;
        } else if (right_from <= depth + 1) {
            if (try_border(change, depth, SPLIT_RIGHT_EDGE, split_out)) return true;
        } else if (left_from <= depth + 1) {
            if (try_border(change, depth, SPLIT_LEFT_EDGE, split_out)) return true;
        }
    }
    return false;
}

static Status split_leaf(Change *change, const Split *split) {
    LearnedIndex *index = change->index;
    SubtreeBuild build = make_build(change);
    Child left = 0, right = 0;
    uint32_t right_count = change->count - split->left_count;
    Status status = subtree_build(&build, &change->role, change->pairs, split->left_count, &left);
    if (status == OK) {
        if (change->is_append && leaf_entry_next(change->entry) == NULL) {
            build.spare_blocks = spare_blocks(change, right_count, true);
        }
        status = subtree_build(
            &build, &change->role, change->pairs + split->left_count, right_count, &right);
    }
    if (status == OK) {
        status = reserve_captures(&build);
    }
    if (status != OK || !relatch(change)) {
        subtree_give_up(&build);
        return status;
    }
    link_leaves(change, &build);
    const PathStep *step = &change->steps[split->depth];
    uint32_t border = split->border;
    switch (split->side) {
    case SPLIT_OWN:
        inner_node_set(step->node, step->run_first, border, left);
        inner_node_set(step->node, border, step->run_end, right);
        break;
    case SPLIT_RIGHT_EDGE:
        inner_node_set(step->node, border, step->run_end, right);
        set_child(change, (int)change->step_count - 1, left);
        break;
    case SPLIT_LEFT_EDGE:
        inner_node_set(step->node, step->run_first, border, left);
        set_child(change, (int)change->step_count - 1, right);
        break;
    }
    step->node->child_count++;
    index->split_count++;
    finish_publish(change, &build);
    return OK;
}

// ---- More slots

static bool slots_are_allowed(const InnerNode *node, uint64_t slot_count) {
    return slot_count <= (uint64_t)SLOTS_PER_CHILD_MAX * node->child_count + SLOTS_FREE_COUNT;
}

// Puts `node` in the place of step `depth`'s node.
static void replace_node(Change *change, uint32_t depth, InnerNode *node) {
    LearnedIndex *index = change->index;
    InnerNode *old = change->steps[depth].node;
    set_child(change, (int)depth - 1, child_of_node(node));
    index->inner_bytes += node->bytes - (uint64_t)old->bytes;
    index->grow_count++;
    inner_node_retire(old, index->epochs, &index->zombie_count);
}

static void copy_head(InnerNode *to, const InnerNode *from) {
    to->base = from->base;
    to->level = from->level;
    to->shift = from->shift;
    to->is_row_level = from->is_row_level;
    to->child_count = from->child_count;
}

// Adds slots at one end, all for the child that is there now.
static Status extend_node(Change *change, uint32_t depth, uint32_t more, bool is_left) {
    InnerNode *old = change->steps[depth].node, *node;
    TRY(inner_node_create(change->index->options.budget, old->slot_count + more, 0, &node));
    copy_head(node, old);
    uint32_t offset = is_left ? more : 0;
    for (uint32_t slot = 0; slot < old->slot_count; slot++)
        inner_node_set(node, offset + slot, offset + slot + 1, inner_node_child(old, slot));
    if (is_left) {
        node->base -= (uint64_t)more << old->shift;
        inner_node_set(node, 0, more, inner_node_child(old, 0));
    } else {
        inner_node_set(
            node, old->slot_count, node->slot_count, inner_node_child(old, old->slot_count - 1));
    }
    replace_node(change, depth, node);
    return OK;
}

// Divides every slot into 2^bits.
static Status refine_node(Change *change, uint32_t depth, uint32_t bits) {
    InnerNode *old = change->steps[depth].node, *node;
    TRY(inner_node_create(change->index->options.budget, old->slot_count << bits, 0, &node));
    copy_head(node, old);
    node->shift = (uint8_t)(old->shift - bits);
    for (uint32_t slot = 0; slot < node->slot_count; slot++)
        inner_node_set(node, slot, slot + 1, inner_node_child(old, slot >> bits));
    replace_node(change, depth, node);
    return OK;
}

// Width of the slots of a node above another: they reach `distance` beyond it, and the new node
// covers several times what the old one does, so that nodes are stacked a few times at most.
static uint32_t super_shift(uint64_t distance, uint64_t span) {
    uint32_t shift = 0;
    while (
        shift < 63
        && ((distance >> shift) >= SUPER_SLOT_COUNT - 2 || (span / SUPER_SPAN_PART) >> shift != 0))
        shift++;
    return shift;
}

// Puts a node above the one at `depth`, whose pairs reach far beyond it. A slot at one end takes
// all that the old node has but the slots of the full leaf at its edge; for now the old node has
// the other slots too.
static Status put_node_above(Change *change, uint32_t depth, uint64_t reach, bool is_left) {
    LearnedIndex *index = change->index;
    InnerNode *below = change->steps[depth].node, *node;
    uint32_t shift;
    uint64_t base, slot_count;
    if (is_left) {
        uint64_t edge = slot_first_slice(below, 1);
        shift = super_shift(edge - reach, slot_first_slice(below, below->slot_count) - edge);
        uint64_t more = ((edge - 1 - reach) >> shift) + 1;
        base = edge >> shift >= more ? edge - (more << shift) : 0;
        slot_count = ((edge - base) >> shift) + 1;
    } else {
        uint64_t edge = slot_first_slice(below, below->slot_count - 1);
        shift = super_shift(reach - edge, edge - below->base);
        base = edge >> shift >= 1 ? edge - (UINT64_C(1) << shift) : 0;
        slot_count = ((reach - base) >> shift) + 2;
    }
    if (slot_count < 2) slot_count = 2;
    TRY(checkpointing_reserve(
        index, index->leaf_count, index->node_count + 1, index->gate_slice_count));
    TRY(inner_node_create(index->options.budget, (uint32_t)slot_count, 0, &node));
    copy_head(node, below);
    node->base = base;
    node->shift = (uint8_t)shift;
    node->child_count = 1;
    inner_node_set(node, 0, node->slot_count, child_of_node(below));
    set_child(change, (int)depth - 1, child_of_node(node));
    index->inner_bytes += node->bytes;
    index->node_count++;
    index->grow_count++;
    return OK;
}

// Pairs whose slice at the node's level is beyond its slots, to the left or to the right.
static uint32_t count_beyond(const Change *change, const InnerNode *node, bool is_left) {
    uint64_t end = slot_first_slice(node, node->slot_count);
    uint32_t count = 0;
    for (uint32_t i = 0; i < change->count; i++) {
        const IndexPair *pair = &change->pairs[is_left ? i : change->count - 1 - i];
        uint64_t slice =
            index_pair_slice(change->index->shape, pair, node->level, node->is_row_level);
        if (is_left ? slice >= node->base : slice < end || end == UINT64_MAX) break;
        count++;
    }
    return count;
}

// A node on whose edge the leaf lies, and that many pairs have outgrown, gets slots for them.
static Status try_grow(Change *change, bool is_left, bool *is_done_out) {
    *is_done_out = false;
    uint32_t edge = change->step_count;
    while (edge > 0) {
        const PathStep *step = &change->steps[edge - 1];
        if (is_left ? step->run_first != 0 : step->run_end != step->node->slot_count) break;
        edge--;
    }
    for (uint32_t depth = edge; depth < change->step_count; depth++) {
        InnerNode *node = change->steps[depth].node;
        if (!is_range(node)) continue;
        // A node under a slot of its own level cannot see what is beyond that slot, and need not.
        uint32_t beyond = count_beyond(change, node, is_left);
        bool is_sequence = is_left ? change->is_prepend : change->is_append;
        if (beyond == 0 || (beyond <= change->count / 4 && !is_sequence)) continue;
        const IndexPair *farthest = &change->pairs[is_left ? 0 : change->count - 1];
        uint64_t reach =
            index_pair_slice(change->index->shape, farthest, node->level, node->is_row_level);
        uint64_t more = is_left ? ((node->base - reach - 1) >> node->shift) + 1
                                : ((reach - node->base) >> node->shift) + 1 - node->slot_count;
        if (more < node->slot_count) more = node->slot_count;
        uint64_t room = is_left ? node->base >> node->shift
                                : ((UINT64_MAX - node->base) >> node->shift) + 1 - node->slot_count;
        if (more > room) more = room;
        // Slots of width one at the edge hold all that is beyond, and stay so.
        if (more > 0 && slots_are_allowed(node, node->slot_count + more)) {
            *is_done_out = true;
            return extend_node(change, depth, (uint32_t)more, is_left);
        }
        if (beyond > change->count / 4 && !change->has_put_above) {
            *is_done_out = true;
            change->has_put_above = true;
            return put_node_above(change, depth, reach, is_left);
        }
    }
    return OK;
}

// Finer slots of the parent, when they divide the leaf.
static Status try_refine(Change *change, bool *is_done_out) {
    *is_done_out = false;
    if (change->step_count == 0) return OK;
    uint32_t depth = change->step_count - 1;
    const InnerNode *node = change->steps[depth].node;
    if (!is_range(node) || node->level != change->role.level
        || node->is_row_level != change->role.is_row_level) {
        return OK;
    }
    uint64_t middle = index_pair_slice(
        change->index->shape, &change->pairs[change->count / 2], node->level, node->is_row_level);
    for (uint32_t bits = 1; bits <= REFINE_BITS_MAX && bits <= node->shift; bits++) {
        if (!slots_are_allowed(node, (uint64_t)node->slot_count << bits)) break;
        InnerNode finer = {
            .base = node->base,
            .slot_count = node->slot_count << bits,
            .level = node->level,
            .shift = (uint8_t)(node->shift - bits),
            .is_row_level = node->is_row_level,
        };
        uint32_t border = range_slot(&finer, middle);
        if (split_is_balanced(change, pairs_before_slot(change, &finer, border))
            || split_is_balanced(change, pairs_before_slot(change, &finer, border + 1))) {
            *is_done_out = true;
            return refine_node(change, depth, bits);
        }
    }
    return OK;
}

// ---- A node below

static Status push_node(Change *change) {
    LearnedIndex *index = change->index;
    SubtreeBuild build = make_build(change);
    LeafRole role = change->role;
    if (change->step_count > 0) {
        const PathStep *step = &change->steps[change->step_count - 1];
        const InnerNode *node = step->node;
        bool is_exact = is_range(node) && node->shift == 0 && step->run_end - step->run_first == 1
                        && step->run_first > 0 && step->run_end < node->slot_count
                        && node->level == role.level && !role.is_row_level;
        if (is_exact) role = leaf_role_advance(&role, change->pairs, change->scratch);
    }
    Child child;
    Status status = subtree_build(&build, &role, change->pairs, change->count, &child);
    if (status == OK) {
        status = reserve_captures(&build);
    }
    if (status != OK || !relatch(change)) {
        subtree_give_up(&build);
        return status;
    }
    link_leaves(change, &build);
    set_child(change, (int)change->step_count - 1, child);
    index->push_count++;
    finish_publish(change, &build);
    return OK;
}

// ---- All together

static void collect_pairs(Change *change, const IndexPair *pair) {
    KeyShape shape = change->index->shape;
    const LeafBody *body = leaf_body(change->frame);
    LeafView view = leaf_view(change->frame, shape);
    change->role = (LeafRole){
        .shape = shape,
        .level = body->level,
        .is_row_level = view.is_row_level,
        .is_unique = change->index->options.is_unique,
        .prefix = bytes_make(
            arena_copy_bytes(change->scratch, view.heap, body->prefix_bytes), body->prefix_bytes),
    };
    size_t bytes = (body->pair_count + 1) * sizeof(IndexPair);
    change->pairs = arena_allocate(change->scratch, bytes, _Alignof(IndexPair));
    uint32_t count = leaf_collect(&view, change->scratch, change->pairs);
    uint32_t at = 0;
    for (uint32_t end = count; at < end;) {
        uint32_t middle = at + (end - at) / 2;
        if (index_pair_compare(shape, pair, &change->pairs[middle]) < 0) {
            end = middle;
        } else {
            at = middle + 1;
        }
    }
    memmove(change->pairs + at + 1, change->pairs + at, (count - at) * sizeof(IndexPair));
    change->pairs[at] = *pair;
    change->count = count + 1;
    change->is_append = at == count;
    change->is_prepend = at == 0 && count > 0;
}

// The leaf's pairs and the new one are collected. On OK the leaf is replaced, and neither latched
// nor pinned any more; or it is stale.
static Status make_room(Change *change, const IndexPair *pair) {
    bool is_done;
    TRY(try_rebuild(change, &is_done));
    if (is_done) return OK;
    // Growing changes only the way to the leaf; each round then finds a split or goes on. The
    // rounds are bounded because every growth doubles what a node covers or divides.
    for (uint32_t round = 0; round < 64; round++) {
        Split split;
        if (find_split(change, &split)) return split_leaf(change, &split);
        TRY(try_grow(change, false, &is_done));
        if (!is_done) TRY(try_grow(change, true, &is_done));
        if (!is_done) TRY(try_refine(change, &is_done));
        if (!is_done) break;
        find_path(change, pair);
    }
    return push_node(change);
}

// Adds to the leaf, which is latched and pinned, and then is neither. LEAF_FULL: it was full, and
// its pairs are collected; it is still pinned.
static Status try_add(
    Change *change, const IndexPair *pair, UniqueCheck *check, LeafOutcome *outcome_out) {
    LearnedIndex *index = change->index;
    LeafView view = leaf_view(change->frame, index->shape);
    Status status = OK;
    *outcome_out = LEAF_PRESENT;
    if (check != NULL) {
        check->outcome = view.is_row_level
                             ? UNIQUE_LOOK_AGAIN
                             : (UniqueOutcome)unique_check_inspect(check, &view, pair);
    }
    if (check == NULL || check->outcome == UNIQUE_ADDED) {
        status = leaf_entry_prepare_change(change->entry, change->frame);
        if (status == OK) *outcome_out = leaf_add(change->frame, index->shape, pair);
    }
    if (*outcome_out == LEAF_FULL) {
        collect_pairs(change, pair);
        return OK;
    }
    if (*outcome_out == LEAF_DONE) {
        leaf_entry_changed(change->entry, change->frame);
        atomic_fetch_add_explicit(&index->pair_count, 1, memory_order_relaxed);
    }
    latch_unlock(&change->frame->latch, LATCH_RANK_INDEX_LEAF);
    cache_unpin(change->frame);
    return status;
}

// One try. `may_hold`: keeps the leaf latched throughout, so that nobody can make it stale.
static Status try_change(
    Change *change, const IndexPair *pair, UniqueCheck *check, bool may_hold, bool *was_added_out) {
    LearnedIndex *index = change->index;
    find_path(change, pair);
    change->is_stale = false;
    TRY(cache_load(index->cache, &change->entry->cache, &leaf_object_kind, index, &change->frame));
    change->is_latched = latch_lock(&change->frame->latch, LATCH_RANK_INDEX_LEAF);
    ASSERT(change->is_latched); // it is pinned, and only who has the structure mutex replaces it
    LeafOutcome outcome;
    TRY(try_add(change, pair, check, &outcome));
    *was_added_out = outcome != LEAF_PRESENT;
    if (outcome != LEAF_FULL) return OK;
    if (!may_hold) {
        change->version = latch_unlock_version(&change->frame->latch, LATCH_RANK_INDEX_LEAF);
        change->is_latched = false;
    }
    Status status = make_room(change, pair);
    if (status == OK && !change->is_stale) return OK;
    if (change->is_latched) latch_unlock(&change->frame->latch, LATCH_RANK_INDEX_LEAF);
    cache_unpin(change->frame);
    return status;
}

Status restructure_add_locked(
    LearnedIndex *index, const IndexPair *pair, UniqueCheck *check, bool *was_added_out) {
    learned_index_bury(index);
    Status status = OK;
    bool is_stale = true;
    for (uint32_t round = 0; status == OK && is_stale; round++) {
        Arena scratch;
        arena_init(&scratch, NULL);
        Change change = {.index = index, .scratch = &scratch};
        status = try_change(&change, pair, check, round >= HOLD_AFTER_ROUND, was_added_out);
        is_stale = change.is_stale;
        arena_deinit(&scratch);
    }
    return status;
}

Status restructure_add(LearnedIndex *index, const IndexPair *pair, bool *was_added_out) {
    mutex_lock(&index->structure);
    Status status = restructure_add_locked(index, pair, NULL, was_added_out);
    mutex_unlock(&index->structure);
    return status;
}
