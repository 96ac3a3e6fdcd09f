// Clocks: the only source of time. A Clock is the real one or a simulated one that a test moves.
#pragma once

#include <stdint.h>

typedef struct Clock Clock;

// Lives for ever.
Clock *clock_real(void);

// Microseconds since 2000-01-01 00:00 UTC, PostgreSQL's epoch. May step back.
int64_t clock_wall_us(Clock *clock);

// Nanoseconds since some start; never steps back.
int64_t clock_monotonic_ns(Clock *clock);

// Sleeps the calling thread; on a simulated clock, moves it.
void clock_sleep_us(Clock *clock, int64_t us);
