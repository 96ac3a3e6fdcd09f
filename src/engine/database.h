// A database, open: the log, the data file, transactions, tables and the catalog, with the threads
// that checkpoint and collect.
//
// Model    Opening recovers: newest valid root, directory, log from `redo`, in commit order.
// Closing
//          cleanly writes a final checkpoint and removes the log.
// Threads  Open and close by one thread; the rest by any.
#pragma once

#include "catalog/catalog.h"
#include "os/environment.h"

typedef struct Database Database;

typedef struct DatabaseOptions {
    Environment environment;
    bool must_exist; // do not create
    bool is_read_only;
    uint64_t memory_limit_bytes;   // 0: 70 % of what the machine or its cgroup has
    uint64_t wal_file_bytes;       // 0: 4 MiB (embedded); the server asks for 64 MiB
    uint64_t wal_ring_bytes;       // 0: 1 MiB
    uint64_t checkpoint_wal_bytes; // 0: 256 MiB
    bool no_background;            // tests drive checkpoints and collection themselves
    // Told while recovery runs, 0 to 1.
    void (*progress)(void *argument, const char *what, double fraction);
    void *progress_argument;
} DatabaseOptions;

// `path` NULL: in memory. Errors: OBJECT_IN_USE, DATA_CORRUPTED, IO_ERROR, ...
Status database_open(const char *path, const DatabaseOptions *options, Database **database_out);

// Waits for nothing but its own threads: no session is left. Errors of the final checkpoint are
// logged; the log then stays and the next open recovers.
void database_close(Database *database);

Catalog *database_catalog(Database *database);
TxnSystem *database_txns(Database *database);
TableSet *database_tables(Database *database);
EpochSet *database_epochs(Database *database);
Environment database_environment(const Database *database);
const char *database_path(const Database *database); // NULL in memory

// Runs a checkpoint now; CHECKPOINT the statement. One at a time: a second waits.
Status database_checkpoint(Database *database);

// Collects old versions and evicts, once; for databases with no_background.
void database_tick(Database *database);

// `omendb check`: reachability, checksums, indexes against tables. Appends findings.
// Errors: DATA_CORRUPTED when there was one.
Status database_check(Database *database, Text *findings);

typedef struct DatabaseStatistics {
    uint64_t checkpoints, checkpoint_bytes, recovered_records, recovered_bytes;
    double recovery_seconds;
    uint64_t evicted_objects;
} DatabaseStatistics;

DatabaseStatistics database_statistics(const Database *database);
