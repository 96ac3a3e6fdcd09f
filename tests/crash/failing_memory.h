// Allocations that fail when told, and are counted. The linker sends the program's calls of malloc
// and its kin here (--wrap); those of shared libraries go on as they are.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Allocations so far, by any thread; and blocks that are allocated now.
uint64_t memory_allocation_count(void);
int64_t memory_block_count(void);

// The allocation with this number fails; 0 for none.
void memory_fail_at(uint64_t allocation);
