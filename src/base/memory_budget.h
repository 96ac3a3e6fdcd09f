// Memory budget: a limit that large consumers ask before they allocate, so that they can spill or
// fail instead of exhausting the machine.
//
// Model    A tree; a reservation counts in every ancestor. Reserving is advice about memory that
//          the caller then allocates, so reserve and release must pair.
// Threads  Every function may run concurrently.
#pragma once

#include "base/status.h"

#include <stdatomic.h>

typedef struct MemoryBudget {
    const char *name; // in messages: "query work memory"
    size_t limit_bytes;
    _Atomic size_t used_bytes;   // relaxed: nothing is inferred from it
    struct MemoryBudget *parent; // or NULL
} MemoryBudget;

void memory_budget_init(
    MemoryBudget *budget, const char *name, size_t limit_bytes, MemoryBudget *parent);

// Errors: OUT_OF_MEMORY, with nothing reserved.
Status memory_budget_reserve(MemoryBudget *budget, size_t bytes);

// False, and no error, when it does not fit.
bool memory_budget_try_reserve(MemoryBudget *budget, size_t bytes);

// Reserves even beyond the limit; for what cannot fail.
void memory_budget_force(MemoryBudget *budget, size_t bytes);

void memory_budget_release(MemoryBudget *budget, size_t bytes);
size_t memory_budget_used(const MemoryBudget *budget);
