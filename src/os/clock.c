#include "os/clock.h"

#include "os/clock_ops.h"

#include <time.h>

// 2000-01-01 00:00 UTC in Unix seconds.
enum { POSTGRES_EPOCH_S = 946684800 };

static int64_t real_wall_us(Clock *clock) {
    (void)clock;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return ((int64_t)now.tv_sec - POSTGRES_EPOCH_S) * 1000000 + now.tv_nsec / 1000;
}

static int64_t real_monotonic_ns(Clock *clock) {
    (void)clock;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void real_sleep_us(Clock *clock, int64_t us) {
    (void)clock;
    if (us <= 0) return;
    struct timespec pause = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, &pause) != 0) {
        // interrupted: `pause` is what is left
    }
}

Clock *clock_real(void) {
    static const ClockOps ops = {real_wall_us, real_monotonic_ns, real_sleep_us};
    static Clock clock = {.ops = &ops}; // holds no state
    return &clock;
}

int64_t clock_wall_us(Clock *clock) {
    return clock->ops->wall_us(clock);
}

int64_t clock_monotonic_ns(Clock *clock) {
    return clock->ops->monotonic_ns(clock);
}

void clock_sleep_us(Clock *clock, int64_t us) {
    clock->ops->sleep_us(clock, us);
}
