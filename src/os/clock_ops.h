// What a clock is made of: the door behind os/clock.h, for its implementations alone.
#pragma once

#include "os/clock.h"

typedef struct ClockOps {
    int64_t (*wall_us)(Clock *clock);
    int64_t (*monotonic_ns)(Clock *clock);
    void (*sleep_us)(Clock *clock, int64_t us);
} ClockOps;

// First member of every implementation's own struct.
struct Clock {
    const ClockOps *ops;
};
