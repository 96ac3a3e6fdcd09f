// The environment a database runs in: everything that comes from outside the program.
#pragma once

#include "os/clock.h"
#include "os/file.h"

typedef struct Environment {
    FileSystem *files;
    Clock *clock;
    uint64_t random_seed; // 0: take one from the system
} Environment;

// The operating system's files and clock.
Environment environment_real(void);

// Sixty-four random bits: the system's, or, with a seed, the same ones in every run whose clock
// moves the same way. For seeds and identifiers, not for secrets.
uint64_t environment_random(const Environment *environment);

// Bytes of memory that this process may count on: the machine's, or its control group's limit.
uint64_t environment_memory_bytes(void);
