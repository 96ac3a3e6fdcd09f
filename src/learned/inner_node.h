// Inner nodes: exact routing from a slice to a child, by arithmetic alone.
//
// Model    A range node divides the slices of its level into slots of equal width, a power of two:
//          slot = (slice - base) >> shift, the first and the last slot taking what lies beyond.
//          The map is monotone and the same one builds and routes, so no key can be misplaced. A
//          child owns a run of neighbouring slots. A gate stands for slices that all keys below
//          share: child 0 is for less, 1 for equal, 2 for greater; below 1 those levels are behind.
//          A child's level is the child's own matter.
// Threads  Slots are read at any time inside an epoch and written under the index's structure
//          mutex; everything else never changes once the node can be reached.
#pragma once

#include "base/memory_budget.h"
#include "learned/index_key.h"
#include "os/epoch.h"

#include <stdatomic.h>

typedef struct LeafEntry LeafEntry;
typedef struct InnerNode InnerNode;

// A tagged pointer: an inner node, or with the lowest bit a leaf entry.
typedef uintptr_t Child;

static inline bool child_is_leaf(Child child) {
    return (child & 1) != 0;
}

static inline LeafEntry *child_leaf(Child child) {
    return (LeafEntry *)(child & ~(Child)1);
}

static inline InnerNode *child_node(Child child) {
    return (InnerNode *)child;
}

static inline Child child_of_leaf(LeafEntry *entry) {
    return (Child)entry | 1;
}

static inline Child child_of_node(InnerNode *node) {
    return (Child)node;
}

struct InnerNode {
    uint64_t base;
    uint32_t slot_count;
    uint16_t level;
    uint8_t shift;
    bool is_row_level;
    uint32_t gate_count;  // slices of a gate, behind the slots; 0 in a range node
    uint32_t child_count; // distinct children; guarded by the structure mutex
    uint32_t bytes;       // charged
    MemoryBudget *budget;
    _Atomic uint32_t *zombie_count; // of a retired node: counts it until it is freed
    _Atomic(Child) slots[];
};

static inline uint64_t *gate_slices(InnerNode *node) {
    return (uint64_t *)(uintptr_t)(node->slots + node->slot_count);
}

uint32_t gate_slot(const InnerNode *node, KeyShape shape, const IndexPair *pair);

static inline uint32_t range_slot(const InnerNode *node, uint64_t slice) {
    if (slice < node->base) return 0;
    uint64_t slot = (slice - node->base) >> node->shift;
    return slot < node->slot_count ? (uint32_t)slot : node->slot_count - 1;
}

static inline uint32_t inner_node_slot(
    const InnerNode *node, KeyShape shape, const IndexPair *pair) {
    if (__builtin_expect(node->gate_count != 0, 0)) return gate_slot(node, shape, pair);
    return range_slot(node, index_pair_slice(shape, pair, node->level, node->is_row_level));
}

static inline Child inner_node_child(const InnerNode *node, uint32_t slot) {
    return atomic_load_explicit(&node->slots[slot], memory_order_acquire);
}

// Errors: OUT_OF_MEMORY. Slots are empty. `gate_count` 0 for a range node.
Status inner_node_create(
    MemoryBudget *budget, uint32_t slot_count, uint32_t gate_count, InnerNode **node_out);
void inner_node_destroy(void *node); // the node alone

// Frees the node when nobody is on his way through it.
void inner_node_retire(InnerNode *node, EpochSet *epochs, _Atomic uint32_t *zombie_count);

// The run of slots that hold the same child as `slot`: [first_out, end_out).
void inner_node_run(const InnerNode *node, uint32_t slot, uint32_t *first_out, uint32_t *end_out);

static inline void inner_node_set(InnerNode *node, uint32_t first, uint32_t end, Child child) {
    for (uint32_t slot = first; slot < end; slot++)
        atomic_store_explicit(&node->slots[slot], child, memory_order_release);
}
