#include "os/rank_check.h"

#include "base/assert.h"

#ifdef OMEN_DEBUG

#include <stdint.h>

static_assert(LATCH_RANK_OS < 64, "one bit a rank");

// How many latches of each rank the thread holds, and a bit for each that is not zero.
static _Thread_local uint16_t held_counts[LATCH_RANK_OS + 1];
static _Thread_local uint64_t held_bits;

void rank_check_above(LatchRank rank) {
    ASSERT(held_bits >> rank == 0);
}

void rank_check_not_below(LatchRank rank) {
    ASSERT(held_bits >> rank >> 1 == 0);
}

void rank_taken(LatchRank rank) {
    held_counts[rank]++;
    held_bits |= UINT64_C(1) << rank;
}

void rank_released(LatchRank rank) {
    ASSERT(held_counts[rank] > 0);
    if (--held_counts[rank] == 0) held_bits &= ~(UINT64_C(1) << rank);
}

bool rank_is_held(LatchRank rank) {
    return held_counts[rank] > 0;
}

#endif
