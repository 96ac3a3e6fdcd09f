#include "learned/subtree.h"

#include "base/assert.h"
#include "base/error.h"
#include "types/key.h"

// Slots for each leaf that a new range node is for: so many times can leaves be split by slots.
enum { SLOTS_PER_LEAF = 16 };

// A leaf is filled to this part of its target when several are made.
#define GROUP_SLACK 1.1

enum { KEY_LEVEL_MAX = KEY_BYTES_MAX / SLICE_KEY_BYTES + 2 };

LeafRole leaf_role_advance(const LeafRole *role, const IndexPair *pair, Arena *scratch) {
    LeafRole next = *role;
    uint64_t slice = index_pair_slice(role->shape, pair, role->level, false);
    ASSERT(!role->is_row_level);
    if (key_slice_is_last(role->shape, role->level, slice)) {
        next.is_row_level = true;
        next.level++;
    } else {
        next.level++;
    }
    if (role->shape.kind == KEY_BYTES) {
        size_t count = next.is_row_level ? pair->key.count : (size_t)next.level * SLICE_KEY_BYTES;
        next.prefix = bytes_make(arena_copy_bytes(scratch, pair->key.data, count), count);
    } else {
        uint8_t *bytes = arena_allocate(scratch, 16, 8);
        index_pair_write_key(role->shape, pair, bytes);
        next.prefix = bytes_make(bytes, next.is_row_level ? role->shape.width : 8);
    }
    return next;
}

static Status build_leaf(SubtreeBuild *build, const LeafRole *role, const LeafLayout *layout,
    const IndexPair *pairs, Child *out) {
    LearnedIndex *index = build->index;
    LeafEntry *entry;
    CacheFrame *frame;
    TRY(leaf_entry_create(index, role->level, role->is_row_level, &entry));
    Status status = cache_frame_create(index->cache, &leaf_object_kind, index,
        leaf_frame_bytes(layout->body_bytes, layout->block_capacity), &frame);
    if (status != OK) {
        leaf_entry_destroy(entry);
        return status;
    }
    atomic_init(&entry->is_exact, build->is_exact);
    leaf_fill(frame, role, layout, pairs, index->options.incarnation, build->is_exact);
    leaf_entry_attach(entry, frame);
    atomic_store(&entry->previous, build->last);
    if (build->last == NULL) {
        build->first = entry;
    } else {
        atomic_store(&build->last->next, entry);
    }
    build->last = entry;
    build->leaf_count++;
    *out = child_of_leaf(entry);
    return OK;
}

static Status build_node(
    SubtreeBuild *build, uint32_t slot_count, uint32_t gate_count, InnerNode **node_out) {
    InnerNode *node;
    TRY(inner_node_create(build->index->options.budget, slot_count, gate_count, &node));
    if (build->node_count == build->node_capacity) {
        uint32_t capacity = build->node_capacity == 0 ? 16 : 2 * build->node_capacity;
        InnerNode **nodes = arena_new_array(build->scratch, InnerNode *, capacity);
        if (build->node_count > 0) {
            memcpy(nodes, build->nodes, build->node_count * sizeof(InnerNode *));
        }
        build->nodes = nodes;
        build->node_capacity = capacity;
    }
    build->nodes[build->node_count++] = node;
    *node_out = node;
    return OK;
}

void subtree_give_up(SubtreeBuild *build) {
    for (uint32_t i = 0; i < build->node_count; i++)
        inner_node_destroy(build->nodes[i]);
    LeafEntry *entry = build->first;
    while (entry != NULL) {
        LeafEntry *next = leaf_entry_next(entry);
        leaf_entry_destroy(entry);
        entry = next;
    }
    build->node_count = 0;
    build->first = build->last = NULL;
}

static uint64_t slice_of(const LeafRole *role, const IndexPair *pair) {
    return index_pair_slice(role->shape, pair, role->level, role->is_row_level);
}

// All pairs share the slice: a gate passes over it and over all further slices that they share.
static Status build_gate(
    SubtreeBuild *build, const LeafRole *role, const IndexPair *pairs, uint32_t count, Child *out) {
    uint64_t *slices = arena_new_array(build->scratch, uint64_t, KEY_LEVEL_MAX);
    uint32_t slice_count = 0;
    LeafRole below = *role;
    while (!below.is_row_level && slice_count < KEY_LEVEL_MAX
           && slice_of(&below, pairs) == slice_of(&below, pairs + count - 1)) {
        slices[slice_count++] = slice_of(&below, pairs);
        below = leaf_role_advance(&below, pairs, build->scratch);
    }
    InnerNode *node;
    TRY(build_node(build, 3, slice_count, &node));
    node->level = (uint16_t)role->level;
    memcpy(gate_slices(node), slices, slice_count * sizeof slices[0]);
    node->child_count = 3;
    Child child;
    for (uint32_t slot = 0; slot < 3; slot++) {
        TRY(slot == 1 ? subtree_build(build, &below, pairs, count, &child)
                      : subtree_build(build, role, NULL, 0, &child));
        inner_node_set(node, slot, slot + 1, child);
    }
    *out = child_of_node(node);
    return OK;
}

// Bytes of a leaf that a pair takes, roughly.
static double pair_cost(const SubtreeBuild *build, const LeafRole *role, const IndexPair *pair) {
    LeafKind kind = leaf_role_kind(role);
    double cost = leaf_block_bytes(kind) / build->lanes_per_block;
    size_t taken = (size_t)(role->level + 1) * SLICE_KEY_BYTES;
    if (kind == LEAF_V && pair->key.count > taken) cost += (double)(pair->key.count - taken + 15);
    return cost;
}

// A range node whose slots are as wide as `slots_wanted` of them over the pairs' slices allow. At
// width one, slots beyond both ends make those of the pairs exact: they hold one slice each.
static Status build_range_node(SubtreeBuild *build, const LeafRole *role, uint64_t first,
    uint64_t last, uint64_t slots_wanted, InnerNode **node_out) {
    uint32_t shift = 0;
    while (((last - first) >> shift) >= slots_wanted)
        shift++;
    uint64_t base = first >> shift << shift;
    uint64_t slot_count = ((last - base) >> shift) + 1;
    if (shift == 0 && base > 0) {
        base--;
        slot_count++;
    }
    if (shift == 0 && last < UINT64_MAX) slot_count++;
    InnerNode *node;
    TRY(build_node(build, (uint32_t)slot_count, 0, &node));
    node->base = base;
    node->shift = (uint8_t)shift;
    node->level = (uint16_t)role->level;
    node->is_row_level = role->is_row_level;
    *node_out = node;
    return OK;
}

// Gives slots [first, end) to a child for the pairs in them.
static Status fill_slots(SubtreeBuild *build, const LeafRole *role, InnerNode *node, uint32_t first,
    uint32_t end, const IndexPair *pairs, uint32_t count) {
    Child child;
    bool is_exact = node->shift == 0 && end - first == 1 && count > 1 && !role->is_row_level
                    && slice_of(role, pairs) == slice_of(role, pairs + count - 1);
    if (is_exact) {
        LeafRole below = leaf_role_advance(role, pairs, build->scratch);
        TRY(subtree_build(build, &below, pairs, count, &child));
    } else {
        TRY(subtree_build(build, role, pairs, count, &child));
    }
    inner_node_set(node, first, end, child);
    node->child_count++;
    return OK;
}

// Gives neighbouring slots to one leaf while their pairs fit it.
static Status group_slots(SubtreeBuild *build, const LeafRole *role, InnerNode *node,
    const IndexPair *pairs, uint32_t count, double group_cost_max) {
    uint32_t first_slot = 0, first_pair = 0; // of the group
    double group_cost = 0;
    for (uint32_t i = 0; i < count;) {
        uint32_t slot = range_slot(node, slice_of(role, pairs + i)), end = i;
        double slot_cost = 0;
        while (end < count && range_slot(node, slice_of(role, pairs + end)) == slot)
            slot_cost += pair_cost(build, role, pairs + end++);
        if (group_cost > 0 && group_cost + slot_cost > group_cost_max) {
            TRY(fill_slots(
                build, role, node, first_slot, slot, pairs + first_pair, i - first_pair));
            first_slot = slot;
            first_pair = i;
            group_cost = 0;
        }
        if (slot_cost > group_cost_max && slot > first_slot) {
            // The crowded slot is alone, so that what is below it sees a narrow range.
            TRY(fill_slots(build, role, node, first_slot, slot, NULL, 0));
            first_slot = slot;
        }
        group_cost += slot_cost;
        i = end;
        if (slot_cost > group_cost_max && slot + 1 < node->slot_count) {
            TRY(fill_slots(
                build, role, node, first_slot, slot + 1, pairs + first_pair, i - first_pair));
            first_slot = slot + 1;
            first_pair = i;
            group_cost = 0;
        }
    }
    return first_slot == node->slot_count
               ? OK
               : fill_slots(build, role, node, first_slot, node->slot_count, pairs + first_pair,
                   count - first_pair);
}

Status subtree_build(
    SubtreeBuild *build, const LeafRole *role, const IndexPair *pairs, uint32_t count, Child *out) {
    double total_cost = 0;
    for (uint32_t i = 0; i < count; i++)
        total_cost += pair_cost(build, role, pairs + i);
    if (total_cost < 2 * LEAF_BYTES_MAX) {
        LeafLayout layout =
            leaf_layout(role, pairs, count, build->lanes_per_block, build->spare_blocks);
        if (layout.is_possible && (layout.body_bytes <= LEAF_BYTES_TARGET || count <= 1)) {
            return build_leaf(build, role, &layout, pairs, out);
        }
    }
    ASSERT(count > 1);
    uint64_t first = slice_of(role, pairs), last = slice_of(role, pairs + count - 1);
    if (first == last) return build_gate(build, role, pairs, count, out);
    double leaf_cost_max = LEAF_BYTES_TARGET * 0.85;
    double leaves = (double)(uint64_t)(total_cost / leaf_cost_max) + 1;
    if (leaves < 2) leaves = 2;
    InnerNode *node;
    TRY(build_range_node(build, role, first, last, (uint64_t)(leaves * SLOTS_PER_LEAF), &node));
    TRY(group_slots(build, role, node, pairs, count, total_cost / leaves * GROUP_SLACK));
    *out = child_of_node(node);
    return OK;
}
