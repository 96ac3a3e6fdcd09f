#include "os/environment.h"

#include "base/hash.h"

#include <sys/random.h>

Environment environment_real(void) {
    return (Environment){.files = file_system_real(), .clock = clock_real()};
}

uint64_t environment_random(const Environment *environment) {
    if (environment->random_seed != 0) {
        uint64_t moment = (uint64_t)clock_monotonic_ns(environment->clock);
        return hash_combine(environment->random_seed, moment);
    }
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) == sizeof random) return random;
    return hash_combine((uint64_t)clock_wall_us(environment->clock),
        (uint64_t)clock_monotonic_ns(environment->clock));
}
