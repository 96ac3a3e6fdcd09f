// What the files of this module share: the open database.
#pragma once

#include "engine/database.h"
#include "os/thread.h"
#include "store/checkpoint_part.h"

struct Database {
    DatabaseOptions options;
    Environment environment;
    char *path, *wal_path; // NULL in memory
    WalOptions wal_options;

    MemoryBudget memory, cache_memory, undo_memory, query_memory;
    Store *store;
    Wal *wal;
    EpochSet *epochs;
    TxnSystem *txns;
    Cache *cache;
    TableSet *tables;
    Catalog *catalog;

    Mutex checkpoint_mutex;    // one checkpoint at a time; guards what follows
    uint64_t checkpoint_epoch; // of the last one
    uint32_t checkpoint_slot;  // of its snapshot
    Lsn checkpoint_tail;       // of the log, when the last one began
    int64_t checkpoint_began_ns;
    uint64_t checkpoints_given_up; // one after the other

    Mutex background_mutex; // guards is_closing, for background_wake
    Condition background_wake;
    _Atomic bool is_closing;
    _Atomic bool is_short; // a frame waits for room: no pause before the next round
    Thread *background;

    DatabaseStatistics statistics; // guarded by checkpoint_mutex, but for what recovery sets
};

// ---- checkpoint.c -------------------------------------------------------------------------------

typedef enum CheckpointKind {
    CHECKPOINT_ORDINARY,
    CHECKPOINT_CLOSING, // the last one: leaves a root that needs no log
} CheckpointKind;

Status checkpoint_run(Database *database, CheckpointKind kind);

// Says in the log, durably, that the root of this generation is durable: the one before is refused
// from here on. Before anything that it alone held is given away.
Status checkpoint_log_end(Database *database, uint64_t generation);

// Whether enough has changed, or enough time has passed, for a checkpoint.
bool checkpoint_is_due(Database *database);

// ---- replay.c -----------------------------------------------------------------------------------

typedef struct ReplayScan {
    Lsn end; // of the log
    bool is_torn;
    bool has_end;  // the log knows that this root is durable
    TxnId txn_max; // the largest id in any record
    uint64_t record_count, bytes;
    TxnId *streamed; // transactions that were streamed and have committed, sorted
    size_t streamed_count;
} ReplayScan;

// The first pass: finds the end of the log, and refuses a log that does not belong to the root.
Status replay_scan(
    const Database *database, const StoreRoot *root, Arena *arena, ReplayScan *scan_out);

// Where the log of a root that was closed in order begins: in a file that no earlier log has used.
static inline Lsn replay_first_lsn(const StoreRoot *root, uint64_t file_bytes) {
    return (Lsn){(root->checkpoint.value + file_bytes - 1) / file_bytes * file_bytes};
}

// Refuses a root closed in order when the log beside it was begun under a newer one.
Status replay_check_clean(const Database *database, const StoreRoot *root);

// The second pass: applies what has committed behind the root's checkpoint.
Status replay_apply(Database *database, const StoreRoot *root, const ReplayScan *scan);

// ---- background.c -------------------------------------------------------------------------------

Status background_start(Database *database);
void background_stop(Database *database); // waits for what it is doing

// Collects old versions, frees, evicts; false when there was nothing to do.
bool background_tidy(Database *database, uint32_t record_count_max);
