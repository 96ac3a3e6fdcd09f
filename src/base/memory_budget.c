#include "base/memory_budget.h"

#include "base/assert.h"
#include "base/error.h"

void memory_budget_init(
    MemoryBudget *budget, const char *name, size_t limit_bytes, MemoryBudget *parent) {
    budget->name = name;
    budget->limit_bytes = limit_bytes;
    atomic_init(&budget->used_bytes, 0);
    budget->parent = parent;
}

static void release_up_to(MemoryBudget *budget, const MemoryBudget *end, size_t bytes) {
    for (; budget != end; budget = budget->parent) {
        size_t before = atomic_fetch_sub_explicit(&budget->used_bytes, bytes, memory_order_relaxed);
        ASSERT(before >= bytes);
    }
}

bool memory_budget_try_reserve(MemoryBudget *budget, size_t bytes) {
    for (MemoryBudget *b = budget; b != NULL; b = b->parent) {
        size_t before = atomic_fetch_add_explicit(&b->used_bytes, bytes, memory_order_relaxed);
        if (before + bytes > b->limit_bytes) {
            release_up_to(budget, b->parent, bytes);
            return false;
        }
    }
    return true;
}

Status memory_budget_reserve(MemoryBudget *budget, size_t bytes) {
    if (memory_budget_try_reserve(budget, bytes)) return OK;
    Status status = fail(OUT_OF_MEMORY, "out of memory");
    error_add_detail(
        "Failed on request of size %zu in memory budget \"%s\": %zu of %zu bytes used.", bytes,
        budget->name, memory_budget_used(budget), budget->limit_bytes);
    return status;
}

void memory_budget_force(MemoryBudget *budget, size_t bytes) {
    for (MemoryBudget *b = budget; b != NULL; b = b->parent) {
        atomic_fetch_add_explicit(&b->used_bytes, bytes, memory_order_relaxed);
    }
}

void memory_budget_release(MemoryBudget *budget, size_t bytes) {
    release_up_to(budget, NULL, bytes);
}

size_t memory_budget_used(const MemoryBudget *budget) {
    return atomic_load_explicit(&budget->used_bytes, memory_order_relaxed);
}
