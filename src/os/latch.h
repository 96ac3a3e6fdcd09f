// Latch: a small reader-writer latch with an optimistic read, for pages, leaves and groups.
//
// Model    One 64-bit word: bit 0 locked, bit 1 obsolete, bit 2 somebody sleeps, the rest a version
//          that each unlock raises. An optimistic reader takes the version, copies what it needs
//          with atomic loads, and asks whether the version still holds. A writer spins briefly,
//          then sleeps.
// Threads  Any. Held for at most microseconds; nobody sleeps on I/O or a lock while holding one.
#pragma once

#include "os/latch_rank.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Latch {
    _Atomic uint64_t word;
} Latch;

static inline void latch_init(Latch *latch) {
    atomic_init(&latch->word, 8);
}

// False when the object is obsolete: the caller goes back to where it found it.
[[nodiscard]] bool latch_lock(Latch *latch, LatchRank rank);
[[nodiscard]] bool latch_try_lock(Latch *latch, LatchRank rank);
void latch_unlock(Latch *latch, LatchRank rank);

// Unlocks and returns the version that this leaves behind.
uint64_t latch_unlock_version(Latch *latch, LatchRank rank);

// Locks if nobody has locked it since this version; never waits.
[[nodiscard]] bool latch_lock_version(Latch *latch, uint64_t version, LatchRank rank);

// Unlocks and marks the object as replaced: later lockers and validators are refused.
void latch_unlock_obsolete(Latch *latch, LatchRank rank);

// The version to validate against, or false when locked for too long or obsolete.
[[nodiscard]] bool latch_read_begin(const Latch *latch, uint64_t *version_out);

// The same without waiting: false when it is locked or obsolete now.
[[nodiscard]] static inline bool latch_try_read(const Latch *latch, uint64_t *version_out) {
    *version_out = atomic_load_explicit(&latch->word, memory_order_acquire);
    return (*version_out & 3) == 0;
}

[[nodiscard]] static inline bool latch_read_is_valid(const Latch *latch, uint64_t version) {
#ifndef __SANITIZE_THREAD__ // there the reader's own loads are acquires
    atomic_thread_fence(memory_order_acquire);
#endif
    return atomic_load_explicit(&latch->word, memory_order_relaxed) == version;
}

static inline bool latch_is_held(const Latch *latch) {
    return (atomic_load_explicit(&latch->word, memory_order_relaxed) & 1) != 0;
}
