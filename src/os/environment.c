#include "os/environment.h"

#include "base/hash.h"

#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

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

uint64_t environment_memory_bytes(void) {
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    uint64_t bytes =
        pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes : UINT64_C(1) << 30;
    FILE *file = fopen("/sys/fs/cgroup/memory.max", "re");
    if (file != NULL) {
        unsigned long long limit;
        if (fscanf(file, "%llu", &limit) == 1 && limit < bytes) bytes = limit;
        fclose(file);
    }
    return bytes;
}
