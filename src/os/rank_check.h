// Which latch ranks this thread holds: debug builds refuse a wait for a latch below one of them.
// Release builds compile all of it to nothing.
#pragma once

#include "os/latch_rank.h"

#include <stdbool.h>

#ifdef OMEN_DEBUG
void rank_check_above(LatchRank rank);     // asserts that every rank held is below `rank`
void rank_check_not_below(LatchRank rank); // ... is not above it: latches of one rank have an order
void rank_taken(LatchRank rank);
void rank_released(LatchRank rank);
bool rank_is_held(LatchRank rank);
#else
static inline void rank_check_above(LatchRank rank) {
    (void)rank;
}

static inline void rank_check_not_below(LatchRank rank) {
    (void)rank;
}

static inline void rank_taken(LatchRank rank) {
    (void)rank;
}

static inline void rank_released(LatchRank rank) {
    (void)rank;
}

static inline bool rank_is_held(LatchRank rank) {
    (void)rank;
    return true;
}
#endif
