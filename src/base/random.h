// A small seeded generator (xoshiro256++) for tests, sampling and random(). Not for secrets.
//
// Source  Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", 2021.
#pragma once

#include <stdint.h>

typedef struct Random {
    uint64_t state[4];
} Random;

void random_seed(Random *random, uint64_t seed);
uint64_t random_next(Random *random);
uint64_t random_below(Random *random, uint64_t bound); // 0 to bound - 1; bound > 0
double random_unit(Random *random);                    // 0 <= x < 1
