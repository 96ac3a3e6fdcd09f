#include "learned/inner_node.h"

#include "base/error.h"

#include <stdlib.h>

Status inner_node_create(
    MemoryBudget *budget, uint32_t slot_count, uint32_t gate_count, InnerNode **node_out) {
    size_t bytes = sizeof(InnerNode) + slot_count * sizeof(Child) + gate_count * sizeof(uint64_t);
    if (budget != NULL) TRY(memory_budget_reserve(budget, bytes));
    InnerNode *node = calloc(1, bytes);
    if (node == NULL) {
        if (budget != NULL) memory_budget_release(budget, bytes);
        return fail(OUT_OF_MEMORY, "out of memory");
    }
    node->slot_count = slot_count;
    node->gate_count = gate_count;
    node->bytes = (uint32_t)bytes;
    node->budget = budget;
    *node_out = node;
    return OK;
}

void inner_node_destroy(void *memory) {
    InnerNode *node = memory;
    if (node == NULL) return;
    _Atomic uint32_t *zombie_count = node->zombie_count;
    if (node->budget != NULL) memory_budget_release(node->budget, node->bytes);
    free(node);
    if (zombie_count != NULL) atomic_fetch_sub(zombie_count, 1);
}

void inner_node_retire(InnerNode *node, EpochSet *epochs, _Atomic uint32_t *zombie_count) {
    atomic_fetch_add(zombie_count, 1);
    node->zombie_count = zombie_count;
    epoch_retire(epochs, node, inner_node_destroy);
}

uint32_t gate_slot(const InnerNode *node, KeyShape shape, const IndexPair *pair) {
    const uint64_t *slices = (const uint64_t *)(uintptr_t)(node->slots + node->slot_count);
    for (uint32_t i = 0; i < node->gate_count; i++) {
        uint64_t slice = index_pair_slice(shape, pair, node->level + i, node->is_row_level);
        if (slice != slices[i]) return slice < slices[i] ? 0 : 2;
    }
    return 1;
}

void inner_node_run(const InnerNode *node, uint32_t slot, uint32_t *first_out, uint32_t *end_out) {
    Child child = inner_node_child(node, slot);
    uint32_t first = slot, end = slot + 1;
    while (first > 0 && inner_node_child(node, first - 1) == child)
        first--;
    while (end < node->slot_count && inner_node_child(node, end) == child)
        end++;
    *first_out = first;
    *end_out = end;
}
