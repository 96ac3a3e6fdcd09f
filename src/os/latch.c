#include "os/latch.h"

#include "base/assert.h"
#include "os/rank_check.h"
#include "os/thread.h"

enum { LOCKED = 1, OBSOLETE = 2, SLEEPERS = 4, VERSION = 8 }; // the first two also in latch.h

enum { SPIN_COUNT = 64, READ_SPIN_COUNT = 256 };

// The half of the word with the flags, which the kernel can compare and sleep on.
static _Atomic uint32_t *low_half(Latch *latch) {
    return (_Atomic uint32_t *)(uintptr_t)&latch->word;
}

// What the holder writes next must not be seen before the lock bit is.
static inline void fence_after_lock(void) {
#ifndef __SANITIZE_THREAD__ // it knows no fences; there the acquire of the lock has to do
    atomic_thread_fence(memory_order_release);
#endif
}

bool latch_lock_version(Latch *latch, uint64_t version, LatchRank rank) {
    if (!atomic_compare_exchange_strong_explicit(
            &latch->word, &version, version | LOCKED, memory_order_acquire, memory_order_relaxed)) {
        return false;
    }
    fence_after_lock();
    rank_taken(rank);
    return true;
}

bool latch_try_lock(Latch *latch, LatchRank rank) {
    uint64_t seen = atomic_load_explicit(&latch->word, memory_order_relaxed);
    return (seen & (LOCKED | OBSOLETE)) == 0 && latch_lock_version(latch, seen, rank);
}

bool latch_lock(Latch *latch, LatchRank rank) {
    rank_check_not_below(rank);
    for (uint32_t round = 0;; round++) {
        uint64_t seen = atomic_load_explicit(&latch->word, memory_order_relaxed);
        if ((seen & OBSOLETE) != 0) return false;
        if ((seen & LOCKED) == 0) {
            if (atomic_compare_exchange_weak_explicit(&latch->word, &seen, seen | LOCKED,
                    memory_order_acquire, memory_order_relaxed)) {
                fence_after_lock();
                rank_taken(rank);
                return true;
            }
        } else if (round < SPIN_COUNT) {
            thread_pause();
        } else if ((seen & SLEEPERS) != 0
                   || atomic_compare_exchange_weak_explicit(&latch->word, &seen, seen | SLEEPERS,
                       memory_order_relaxed, memory_order_relaxed)) {
            // An unlock since then has changed the word, and the kernel does not put us to sleep.
            word_wait(low_half(latch), (uint32_t)(seen | SLEEPERS), -1);
        }
    }
}

static uint64_t unlock(Latch *latch, LatchRank rank, uint64_t more_flags) {
    rank_released(rank);
    uint64_t held = atomic_load_explicit(&latch->word, memory_order_relaxed);
    ASSERT((held & LOCKED) != 0);
    uint64_t free_word;
    do {
        free_word = ((held + VERSION) & ~(uint64_t)(LOCKED | SLEEPERS)) | more_flags;
    } while (!atomic_compare_exchange_weak_explicit(
        &latch->word, &held, free_word, memory_order_release, memory_order_relaxed));
    if ((held & SLEEPERS) != 0) word_wake_all(low_half(latch));
    return free_word;
}

void latch_unlock(Latch *latch, LatchRank rank) {
    unlock(latch, rank, 0);
}

uint64_t latch_unlock_version(Latch *latch, LatchRank rank) {
    return unlock(latch, rank, 0);
}

void latch_unlock_obsolete(Latch *latch, LatchRank rank) {
    unlock(latch, rank, OBSOLETE);
}

bool latch_read_begin(const Latch *latch, uint64_t *version_out) {
    for (uint32_t round = 0; round < READ_SPIN_COUNT; round++) {
        uint64_t seen = atomic_load_explicit(&latch->word, memory_order_acquire);
        if ((seen & OBSOLETE) != 0) return false;
        if ((seen & LOCKED) == 0) {
            *version_out = seen;
            return true;
        }
        thread_pause();
    }
    return false;
}
