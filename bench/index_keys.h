// Key sets for bench_index, after learned-index benchmarks: from dense ids to keys that are locally
// hard at every scale. The same name, count and seed give the same keys.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const char *const index_key_sets[];
extern const size_t index_key_set_count;

// Sorted, distinct; the count may come out a little lower. The caller frees them. NULL: no such
// set.
uint64_t *index_keys_make(const char *name, size_t count, size_t *count_out);
