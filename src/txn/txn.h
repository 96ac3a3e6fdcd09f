// Transactions: what a statement sees, how it commits, how it is undone, and who waits for whom.
//
// Model    storage.md 3. A commit timestamp is the LSN at the end of the commit record; a snapshot
//          is an LSN up to which everything is visible. The newest version of a row is in place;
//          older ones are undo records in memory, chained from the row's slot. A transaction's redo
//          is collected privately and copied to the log at commit, or streamed in chunks beyond
//          1 MiB. Row locks are held by being the uncommitted head of a row's chain.
// Threads  A Txn belongs to one session at a time; the TxnSystem is shared.
// Errors   40001, 40P01, 25P02 and the like in PostgreSQL's words.
#pragma once

#include "base/ids.h"
#include "os/epoch.h"
#include "wal/wal.h"

typedef struct TxnSystem TxnSystem;
typedef struct Txn Txn;

typedef enum Isolation {
    ISOLATION_READ_COMMITTED, // also READ UNCOMMITTED
    ISOLATION_REPEATABLE_READ,
    ISOLATION_SERIALIZABLE, // refused by the session until it is real
} Isolation;

// What a reader sees: everything committed up to `lsn`, and its own changes of commands before
// `command`.
typedef struct Snapshot {
    Lsn lsn;
    const Txn *own; // NULL for a reader that writes nothing
    uint32_t command;
} Snapshot;

typedef struct TxnOptions {
    Isolation isolation;
    bool is_read_only;
    bool is_synchronous; // commit waits until durable; false is synchronous_commit=off
    int64_t lock_timeout_us, deadlock_timeout_us; // 0: no lock timeout
    const _Atomic bool *is_cancelled;             // asked while waiting; may be NULL
} TxnOptions;

// `wal` may be a volatile log. The system keeps undo within `undo_budget`.
Status txn_system_create(Wal *wal, EpochSet *epochs, Clock *clock, MemoryBudget *undo_budget,
    TxnId next_txn, TxnSystem **system_out);
void txn_system_destroy(TxnSystem *system); // no transaction is left

Status txn_begin(TxnSystem *system, TxnOptions options, Txn **txn_out);

// Ends the transaction and frees it, in every case. A commit that fails before its record was
// reserved has rolled back; TRANSACTION_RESOLUTION_UNKNOWN means that nobody knows.
Status txn_commit(Txn *txn);
void txn_rollback(Txn *txn);

// A new snapshot for each statement in READ COMMITTED, the transaction's first one otherwise; and
// an implicit savepoint for statement atomicity.
Status txn_statement_begin(Txn *txn);
void txn_statement_end(Txn *txn);      // keeps its changes
void txn_statement_rollback(Txn *txn); // undoes them
Snapshot txn_snapshot(const Txn *txn);

// Own changes made so far become visible to what follows, within the statement or after it.
void txn_command_increment(Txn *txn);

// Holds a snapshot for a portal beyond its statement. Ends with the transaction at the latest.
Snapshot txn_snapshot_hold(Txn *txn);
void txn_snapshot_drop(Txn *txn, Snapshot snapshot);

// Savepoints nest; names are the session's business.
typedef uint32_t Savepoint;
Status txn_savepoint(Txn *txn, Savepoint *savepoint_out);
void txn_savepoint_release(Txn *txn, Savepoint savepoint);
void txn_savepoint_rollback(Txn *txn, Savepoint savepoint); // it stays usable

TxnId txn_id(Txn *txn); // assigns one if there is none yet
bool txn_has_written(const Txn *txn);
Isolation txn_isolation(const Txn *txn);
bool txn_is_read_only(const Txn *txn);
TxnSystem *txn_system(const Txn *txn);

// A statement that is a transaction of its own, reads, and neither waits nor writes: its snapshot,
// and ACCESS SHARE on one object, in a handle that the thread keeps. It ends on the thread that
// began it, before that thread begins another.
typedef struct TxnRead {
    Snapshot snapshot;
    Txn *handle;
    _Atomic uint32_t *strong_word; // of the object's lock
} TxnRead;

// False when the lock cannot be had at once: then a transaction has to wait for it.
bool txn_read_begin(TxnSystem *system, Oid object, TxnRead *read_out);
void txn_read_end(const TxnRead *read);

// Work to do when the transaction commits (after its record is durable, in order of adding) or
// rolls back to before this point (in reverse order): catalog publication, dropped stores.
typedef struct TxnAction {
    void (*on_commit)(void *argument, Lsn commit); // may be NULL
    void (*on_rollback)(void *argument);           // may be NULL
    void *argument;
    // When nobody knows whether it has committed: nobody will see what it has done before the
    // database is opened again, and what it has done to rows stays. May be NULL.
    void (*on_unknown)(void *argument);
} TxnAction;

void txn_add_action(Txn *txn, TxnAction action);

// Adds a redo operation to the transaction; the bytes are encoded by the caller (table/redo.h).
// Errors: DISK_FULL, IO_ERROR from streaming.
Status txn_log(Txn *txn, Bytes operation);
// The same without a copy: room for `bytes`, filled by the caller, who then says how many it took.
Status txn_log_reserve(Txn *txn, size_t bytes, uint8_t **room_out);
Status txn_log_take(Txn *txn, size_t bytes);

// A snapshot outside any transaction, for the checkpoint; registered so that nothing it needs is
// collected (storage-rules 11).
Snapshot txn_system_snapshot_acquire(TxnSystem *system, uint32_t *slot_out);
void txn_system_snapshot_release(TxnSystem *system, uint32_t slot);

// From now on the snapshot moves on to newer commits when old versions get short of memory, so that
// a long checkpoint does not stop writers (storage.md 5.4b). Its holder asks for it anew under the
// latch of each thing that it reads.
void txn_system_snapshot_loosen(TxnSystem *system, uint32_t slot);
Lsn txn_system_snapshot_now(TxnSystem *system, uint32_t slot);
// It stays what it is again.
Lsn txn_system_snapshot_fasten(TxnSystem *system, uint32_t slot);
// Moves every loose snapshot on; collection does it when memory is short.
void txn_system_snapshots_move_on(TxnSystem *system);

// min(S, first chunk of every transaction not visible at S); storage-rules 1.
Lsn txn_system_redo_lsn(TxnSystem *system, Lsn snapshot);
Lsn txn_system_oldest(TxnSystem *system); // no snapshot is older
Lsn txn_system_visible(TxnSystem *system);
TxnId txn_system_next_id(TxnSystem *system);

// What gives memory back when undo has none left, outside of its own budget.
typedef struct MemoryRelief {
    void (*make_room)(void *argument, size_t bytes); // or NULL
    void *argument;
} MemoryRelief;

void txn_system_set_relief(TxnSystem *system, MemoryRelief relief);

// Collects old versions; for a background thread and for clean closes. True when some were left.
bool txn_system_collect(TxnSystem *system, uint32_t record_count_max);

// ---- Table locks --------------------------------------------------------------------------------

// PostgreSQL's eight modes, with its conflicts.
typedef enum TableLockMode {
    LOCK_ACCESS_SHARE = 1,
    LOCK_ROW_SHARE,
    LOCK_ROW_EXCLUSIVE,
    LOCK_SHARE_UPDATE_EXCLUSIVE,
    LOCK_SHARE,
    LOCK_SHARE_ROW_EXCLUSIVE,
    LOCK_EXCLUSIVE,
    LOCK_ACCESS_EXCLUSIVE,
} TableLockMode;

typedef enum WaitPolicy { WAIT_BLOCK, WAIT_SKIP, WAIT_ERROR } WaitPolicy;

// Held until the transaction ends. Errors: DEADLOCK_DETECTED, LOCK_NOT_AVAILABLE, QUERY_CANCELED.
Status txn_lock_object(Txn *txn, Oid object, TableLockMode mode, WaitPolicy policy);
