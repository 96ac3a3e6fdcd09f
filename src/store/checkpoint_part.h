// What takes part in a checkpoint: declared here, filled in by rows, learned and table, driven by
// engine/checkpoint.c.
//
// Model    storage.md 5.2 with storage-rules 1, 4, 5, 12: the driver fixes S and redo, registers S
//          as a snapshot, flips every part, lets every part write its image at S, publishes the
//          root, and then tells every part that it is durable.
#pragma once

#include "store/directory.h"

typedef struct CheckpointWork {
    uint64_t epoch; // of this checkpoint; rises by one each time
    Lsn snapshot;   // S, at the flip
    bool is_final;  // of a clean close: no writer runs
    Arena *arena;   // lives until finish
    bool (*is_cancelled)(void *argument);
    // After the flip S may move on when memory is short: rows are written as of what this returns
    // under the latch of their page. NULL: S stays.
    Lsn (*snapshot_now)(void *argument);
    void *argument;
} CheckpointWork;

typedef struct CheckpointPart {
    void *part;
    // The instant of the image. Microseconds; takes no I/O. Cannot fail.
    void (*flip)(void *part, const CheckpointWork *work);
    // Writes everything of the image that differs from the last root, and adds the entries of its
    // stores. Errors end the checkpoint; the old root stays.
    Status (*write)(void *part, const CheckpointWork *work, Directory *directory);
    // The root is durable (or was abandoned): forget captures, adopt or drop the new references.
    void (*finish)(void *part, const CheckpointWork *work, bool is_durable);
} CheckpointPart;
