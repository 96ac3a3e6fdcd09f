// A simulated disk: files in memory that lose what was not synced, so that a test can cut the power
// at any call, and see what comes up again.
//
// Model    Every call that changes something is numbered, from 1. What a write, a change of size, a
//          create, a rename or a remove has done is seen at once by readers, and is durable after
//          file_sync (contents), folder_sync (names), or at once (sync_each_write). A crash keeps
//          of the rest what its policy says. A copy can be taken inside any call, and crashed and
//          restarted by itself while the original goes on.
// Threads  Any, with one lock; numbering is repeatable only for one thread at a time.
// Memory   Contents twice and every unsynced write once more, where they differ; what is zero takes
//          none, and a copy shares what neither has written since.
#pragma once

#include "os/environment.h"

typedef struct SimulatedDisk SimulatedDisk;

Status simulated_disk_create(SimulatedDisk **disk_out);
void simulated_disk_destroy(SimulatedDisk *disk); // its files are closed
FileSystem *simulated_disk_files(SimulatedDisk *disk);

// Calls so far that change something.
uint64_t simulated_disk_call_count(SimulatedDisk *disk);

// Called inside each numbered call, when what it does can be seen but is not durable; `path` is
// what it is done to.
void simulated_disk_set_hook(SimulatedDisk *disk,
    void (*hook)(void *argument, uint64_t call, const char *path), void *argument);

// Contents, names and what is unsynced; not the open files, locks, faults and hook.
Status simulated_disk_copy(SimulatedDisk *disk, SimulatedDisk **copy_out);

// X(NAME): what is left of the unsynced.
#define CRASH_POLICY_LIST(X)                                                                       \
    X(KILL)       /* all of it, still unsynced: the program died, not the machine */               \
    X(NOTHING)    /* none */                                                                       \
    X(EVERYTHING) /* all, durable */                                                               \
    X(PREFIX)     /* what was done before a random moment */                                       \
    X(REORDERED)  /* each call's work or not, at random */                                         \
    X(SECTORS)    /* each 512 bytes or not, at random */                                           \
    X(TORN_LAST)  /* all, but of the last write only its first part */                             \
    X(ZEROS)      /* sizes, with zeros where bytes were added; none of the bytes */                \
    X(NAMES_LATE) /* contents, but no create, rename or remove */

typedef enum CrashPolicy {

#define X(name) CRASH_##name,
    CRASH_POLICY_LIST(X)
#undef X
        CRASH_POLICY_COUNT
} CrashPolicy;

const char *crash_policy_name(CrashPolicy policy);

// The power fails in call `call`, 0 for never: that call and every later one fails with IO_ERROR.
void simulated_disk_crash_at(SimulatedDisk *disk, uint64_t call);

// The machine comes up again: decides what is left, forgets open files' locks, and works.
void simulated_disk_restart(SimulatedDisk *disk, CrashPolicy policy, uint64_t seed);

typedef enum DiskFault {
    FAULT_IO,   // IO_ERROR, nothing done
    FAULT_FULL, // DISK_FULL, nothing done; only calls that take more of the disk
    FAULT_SYNC, // IO_ERROR from the sync, and what it was to make durable never will be
} DiskFault;

// Call `call` fails, and when `is_lasting` every later one of its kind too.
void simulated_disk_fail_at(SimulatedDisk *disk, uint64_t call, DiskFault fault, bool is_lasting);

// Files may hold this much in all, then DISK_FULL. 0: no limit.
void simulated_disk_set_limit(SimulatedDisk *disk, uint64_t bytes);

// Turns one bit round, durably. False when there is no such byte.
bool simulated_disk_flip_bit(SimulatedDisk *disk, const char *path, uint64_t offset, uint32_t bit);

// A clock that moves only when it is asked or slept on.
typedef struct SimulatedClock SimulatedClock;

Status simulated_clock_create(SimulatedClock **clock_out);
void simulated_clock_destroy(SimulatedClock *clock);
Clock *simulated_clock_clock(SimulatedClock *clock);
