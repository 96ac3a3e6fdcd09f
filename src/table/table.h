// Tables: rows under row ids for life, with their indexes, under MVCC. What execute and everything
// above it see; rows, pages and leaves are below this door.
//
// Model    A TableSet holds every store of a database. A store is created, altered and dropped
//          inside a transaction, and its schema is logged with it, so that recovery needs no
//          catalog. Writes find conflicts as PostgreSQL does and wait for the other transaction
//          when its outcome decides. NOT NULL, CHECK and DEFAULT are the plan's business.
// Threads  Everything may be called by any thread, for its own transaction.
// Memory   Rows returned in batches are pinned by the batch; values are borrowed from it.
#pragma once

#include "batch/batch.h"
#include "store/cache.h"
#include "store/checkpoint_part.h"
#include "txn/txn.h"
#include "types/key.h"

typedef struct TableSet TableSet;
typedef struct Table Table;

typedef struct StoreColumn {
    SqlType type;
    bool is_dropped;  // reads as NULL, written as NULL
    bool has_missing; // ADD COLUMN with a constant default: rows written before read `missing`
    Value missing;
} StoreColumn;

// Index numbers are unique within a store for life.
typedef struct IndexSchema {
    uint32_t index_number;
    Oid object;       // the index's OID, for lock and error context
    const char *name; // in error messages
    bool is_unique, is_primary;
    bool nulls_not_distinct;
    uint32_t column_count;
    const uint16_t *columns;         // positions in the store's columns, from 0
    const KeyColumn *keys;           // one a column
    const char *const *column_names; // for "Key (a, b)=(1, 2) already exists."
} IndexSchema;

typedef struct StoreSchema {
    Oid object;                           // the table's OID
    const char *schema_name, *table_name; // for messages
    uint32_t column_count;
    const StoreColumn *columns;
    uint32_t index_count;
    const IndexSchema *indexes;
} StoreSchema;

Status table_set_create(Environment environment, TxnSystem *txns, Cache *cache,
    MemoryBudget *budget, uint64_t incarnation, TableSet **set_out);
void table_set_destroy(TableSet *set);

// A built-in store with a fixed id, outside any transaction: the bootstrap of a new file.
Status table_set_bootstrap(TableSet *set, StoreId store, const StoreSchema *schema);

// Transactional definition. A store's id comes from a counter that is logged ahead.
Status table_store_create(TableSet *set, Txn *txn, const StoreSchema *schema, StoreId *store_out);
Status table_store_drop(TableSet *set, Txn *txn, StoreId store);
// Columns appended, dropped or renamed, names changed; existing rows stay as they are.
Status table_store_alter(TableSet *set, Txn *txn, StoreId store, const StoreSchema *schema);

// Builds an index over the rows there are; UNIQUE_VIOLATION when they conflict. The caller holds
// LOCK_SHARE on the table.
Status table_index_create(TableSet *set, Txn *txn, StoreId store, const IndexSchema *index);
Status table_index_drop(TableSet *set, Txn *txn, StoreId store, uint32_t index_number);

// NULL when there is no such store. Valid while the caller holds a lock on the table.
Table *table_find(TableSet *set, StoreId store);
const StoreSchema *table_schema(const Table *table);

// About how many rows there are; for the planner.
double table_row_estimate(const Table *table);

// About how many bytes the rows, or an index (0 when there is none of the number), have in memory
// or on disk; and the bytes of the database's file, or of its cache when it has
// none.
uint64_t table_row_bytes(Table *table);
uint64_t table_index_bytes(Table *table, uint32_t index_number);
uint64_t table_set_file_bytes(const TableSet *set);

// ---- Writing ------------------------------------------------------------------------------------

typedef struct InsertOptions {
    // ON CONFLICT: which unique index arbitrates; UINT32_MAX none, UINT32_MAX - 1 any.
    uint32_t arbiter_index;
    bool is_bulk; // many rows follow: batch the log and the index work
} InsertOptions;

#define ARBITER_NONE UINT32_MAX
#define ARBITER_ANY  (UINT32_MAX - 1)

// Inserts one row, `values` one a column of the store. With an arbiter, a conflict is no error: it
// sets *conflict_out to the row in the way (its newest version is committed and live, or own), and
// nothing was inserted. Errors: UNIQUE_VIOLATION with constraint, table and key; 40001.
Status table_insert(Txn *txn, Table *table, const Value *values, const InsertOptions *options,
    RowId *row_out, bool *is_conflict_out, RowId *conflict_out);

// Inserts the selected rows of a batch; all or, with an error, some (the statement rolls back).
// *done_out is how many of them come before the one that the error belongs to.
Status table_insert_batch(Txn *txn, Table *table, const Batch *rows, uint32_t *done_out);

typedef enum WriteOutcome {
    WRITE_DONE,
    WRITE_CHANGED,     // READ COMMITTED: a newer committed version exists; re-check it and retry
    WRITE_GONE,        // deleted by a committed transaction: skip it
    WRITE_OWN_COMMAND, // this command already changed it: skip it
    WRITE_SKIPPED,     // WAIT_SKIP and it is locked
} WriteOutcome;

// Changes the columns whose bit is set in `changed` (one bit a column, column_count bits) to
// values[column]. `seen` is the snapshot the row was found under. A wait for another transaction
// happens inside. In REPEATABLE READ a newer version is SERIALIZATION_FAILURE.
Status table_update(Txn *txn, Table *table, RowId row, Snapshot seen, const uint64_t *changed,
    const Value *values, WriteOutcome *outcome_out);
Status table_delete(Txn *txn, Table *table, RowId row, Snapshot seen, WriteOutcome *outcome_out);

typedef enum RowLockMode {
    ROW_LOCK_KEY_SHARE,
    ROW_LOCK_SHARE,
    ROW_LOCK_NO_KEY_UPDATE,
    ROW_LOCK_UPDATE,
} RowLockMode;

// Share modes may be taken as exclusive ones until the share-lock table exists.
Status table_lock_row(Txn *txn, Table *table, RowId row, Snapshot seen, RowLockMode mode,
    WaitPolicy policy, WriteOutcome *outcome_out);

// The newest committed (or own) version of a row, for the re-check after WRITE_CHANGED and for
// ON CONFLICT DO UPDATE; one row into `batch_out`. False when it is gone.
Status table_fetch_newest(
    Txn *txn, Table *table, RowId row, const uint64_t *columns, Batch *batch_out, bool *found_out);

// Removes every row at once (TRUNCATE without a new store); used by the bootstrap's own tests.
Status table_truncate(TableSet *set, Txn *txn, StoreId store, StoreId *new_store_out);

// ---- Reading ------------------------------------------------------------------------------------
// `columns` has one bit a column: the others are left empty in the batch (NULL values pointer).
// Batches passed in were made by table_batch_make for the same columns.

Batch *table_batch_make(Arena *arena, const Table *table, const uint64_t *columns);

typedef struct TableScan TableScan;

// Several threads may scan one range: each takes morsels (groups) from the shared scan.
Status table_scan_open(
    Table *table, Snapshot snapshot, const uint64_t *columns, Arena *arena, TableScan **scan_out);
// Fills the batch with the next rows, with row ids; an empty batch at the end.
Status table_scan_next(TableScan *scan, Batch *batch_out);
void table_scan_close(TableScan *scan);

// Rows by id: those visible at the snapshot, in the order given.
Status table_fetch(Table *table, Snapshot snapshot, const uint64_t *columns, const RowId *rows,
    uint32_t row_count, Batch *batch_out);

typedef struct IndexRange {
    uint32_t index_number;
    uint32_t low_count, high_count; // leading key columns bound on each side
    const Value *low, *high;        // in key column order; a NULL bound matches nothing
    bool low_inclusive, high_inclusive;
    bool is_backward;
} IndexRange;

typedef struct IndexScan IndexScan;

// Visible rows whose key is in the range, in key order; each row's key is re-checked.
Status table_index_scan_open(Table *table, Snapshot snapshot, const uint64_t *columns,
    const IndexRange *range, Arena *arena, IndexScan **scan_out);
Status table_index_scan_next(IndexScan *scan, uint32_t row_max, Batch *batch_out);
void table_index_scan_close(IndexScan *scan);

// The rows with exactly this key (all key columns given), for a unique index at most one: the short
// path. The batch is empty when there is none.
Status table_find_key(Table *table, Snapshot snapshot, const uint64_t *columns,
    uint32_t index_number, const Value *key, Batch *batch_out);

// About what share of the rows is in the range, from the index's models: 0 to 1.
double table_index_estimate(Table *table, const IndexRange *range);

// ---- Recovery and checkpoint: called by engine --------------------------------------------------

// Applies one transaction's operations (the body of a log record, or the concatenation of its
// surviving chunks). Pages may be `is_in_image` already, or hold what came after it.
Status table_set_replay(TableSet *set, Bytes operations, bool is_in_image);
// The body of a COUNTERS record (docs/wal-format.md), in the order of the log: what was logged
// ahead counts as used.
Status table_set_replay_counters(TableSet *set, Bytes body);
CheckpointPart table_set_checkpoint_part(TableSet *set);
// At open, before replay. Counters and sequences are in the directory's entry of store 0.
Status table_set_load(TableSet *set, const Directory *directory);
// Every extent that the loaded root names in the stores' entries, each once.
Status table_set_mark_extents(
    TableSet *set, Status (*visit)(void *argument, ExtentRef ref), void *argument);
uint64_t table_set_dirty_bytes(const TableSet *set);

// Counters that are logged ahead (storage-rules 26). `kind` 0: OIDs; 1: stores.
Status table_set_next_oid(TableSet *set, Oid *oid_out);

// Sequences: values are logged ahead by 32 and survive rollback, as PostgreSQL's do.
typedef struct SequenceState {
    int64_t last_value, increment, minimum, maximum, start, cache;
    bool is_called, is_cycled;
} SequenceState;

Status table_sequence_create(TableSet *set, Txn *txn, Oid sequence, const SequenceState *state);
Status table_sequence_drop(TableSet *set, Txn *txn, Oid sequence);
Status table_sequence_next(TableSet *set, Txn *txn, Oid sequence, int64_t *value_out);
Status table_sequence_set(TableSet *set, Txn *txn, Oid sequence, int64_t value, bool is_called);
Status table_sequence_get(TableSet *set, Oid sequence, SequenceState *state_out);

// `omendb check`: every index is a superset of its table, unique keys are, counts hold.
// Appends one line for each finding. Errors: DATA_CORRUPTED when there was one.
Status table_set_check(TableSet *set, Text *findings);
