// What bench_index asks of every index that it measures. Each runs its own loops, so that nobody
// pays for a call through a pointer at every key.
//
// Model    Keys are distinct 64-bit numbers, values are places in the sorted key set. Lookups sum
//          up what they found wrong: 0 when every value was right.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { PEER_SCAN_KEYS = 100, PEER_BATCH_KEYS = 16 };

typedef struct IndexPeer {
    const char *name;
    void *(*create)(void);
    void (*destroy)(void *index);
    void (*load)(void *index, const uint64_t *keys, const uint32_t *values, size_t count); // sorted
    uint64_t (*get)(
        void *index, const uint64_t *keys, const uint32_t *values, size_t count, int is_dependent);
    // NULL when it has none.
    uint64_t (*get_batch)(void *index, const uint64_t *keys, const uint32_t *values, size_t count);
    // PEER_SCAN_KEYS values from each key on; `limit` is the count of all keys. NULL: cannot.
    uint64_t (*scan)(
        void *index, const uint64_t *keys, const uint32_t *values, size_t count, uint32_t limit);
    void (*insert)(void *index, uint64_t key, uint32_t value);
    void (*insert_many)(void *index, const uint64_t *keys, const uint32_t *values, size_t count);
    void (*remove_many)(void *index, const uint64_t *keys, const uint32_t *values, size_t count);
} IndexPeer;

// What a loop over values makes of a wrong one.
static inline uint64_t peer_fault(uint64_t found, uint64_t expected) {
    return found == expected ? 0 : 1;
}

// The next key of a dependent loop: known only when the last value is.
static inline uint64_t peer_depend(uint64_t key, uint64_t last, int is_dependent) {
    return key ^ (is_dependent ? last >> 63 : 0);
}

extern const IndexPeer peer_omen, peer_absl, peer_alex;

#ifdef __cplusplus
}
#endif
