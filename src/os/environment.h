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
