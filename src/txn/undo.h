// Undo records: before-images in memory, chained from the rows they belong to, and the history
// that holds all of one transaction's records together with its fate.
//
// Model    A row's chain runs from the newest change to the oldest; the record at the head tells
//          what the row was before the newest change. Records of one transaction are linked in the
//          order of writing too, for rollback and collection. A history lives until the last of its
//          records is unlinked and every epoch that may still see one has passed.
// Threads  Records are added by their transaction's thread. Chains are changed under the latch of
//          the row's page, and walked under it or inside an epoch.
// Memory   Charged to the undo budget. Histories are type-stable: a waiter may hold one across its
//          end, with the id it had.
#pragma once

#include "txn/txn.h"

#include <stdatomic.h>

typedef struct UndoRecord UndoRecord;
typedef struct UndoOwner UndoOwner;
typedef struct UndoChunk UndoChunk;

typedef enum UndoKind {
    UNDO_INSERT = 1, // `row_count` rows from `row` did not exist; nothing is behind it
    UNDO_UPDATE,     // `before` holds the changed columns
    UNDO_DELETE,     // the row was live
    UNDO_LOCK,       // nothing changed
} UndoKind;

enum {
    UNDO_IS_DEAD = 1,      // being collected: nobody needs the version before it
    UNDO_IS_UNLINKED = 2,  // no chain has it
    UNDO_TOUCHES_KEYS = 4, // an index key differs before and after
};

typedef struct TxnHistory {
    _Atomic uint64_t commit;  // LSN; 0 until reserved. Stored with release before the log is
                              // filled, so that a snapshot at or above it finds it set
    _Atomic uint64_t id;      // the transaction's; another one once the memory is used again
    _Atomic uint32_t wake;    // raised whenever waiters should look again
    _Atomic uint32_t waiters; // threads that may sleep on `wake`
    _Atomic bool is_ended;    // rolled back and gone from every chain
    bool is_synchronous;      // of the commit; read by waiters once `commit` is set
    _Atomic uint32_t holds;   // linked records, and one for whoever owns the history
    uint32_t slot;            // of the transaction's handle
    TxnSystem *system;
    UndoRecord *newest;       // in order of writing
    UndoRecord *collect_next; // of the collector
    UndoChunk *chunks;        // newest first
    uint8_t *next, *end;      // free room in the newest chunk
    struct TxnHistory *link;  // in the list of ended histories, or of free ones
} TxnHistory;

struct UndoRecord {
    TxnHistory *history;
    _Atomic(UndoRecord *) older; // of the same row; changed under the page's latch
    UndoRecord *previous;        // of the same transaction
    UndoOwner *owner;
    RowId row;
    uint32_t command;
    uint16_t row_count;    // 1, but for UNDO_INSERT
    uint8_t kind;          // UndoKind
    _Atomic uint8_t flags; // changed under the page's latch
    uint32_t before_bytes;
    uint8_t before[];
};

// What rows and indexes do about a record. None of it may fail.
typedef struct UndoActions {
    // Rollback: puts the row back, removes the index entries that the change brought, and unlinks.
    void (*restore)(UndoRecord *record);
    // Collection: every snapshot sees the change. Removes the index entries that only the versions
    // before it needed, and unlinks it with everything behind it (storage-rules 9).
    void (*purge)(UndoRecord *record);
} UndoActions;

// First member of what records belong to.
struct UndoOwner {
    const UndoActions *actions;
    _Atomic uint64_t record_count; // records not unlinked yet; it may be freed at 0
};

// What a reader needs to judge records, made once per call.
typedef struct UndoReader {
    uint64_t lsn;
    const TxnHistory *own; // NULL when the reader has written nothing
    uint32_t command;
} UndoReader;

UndoReader undo_reader(Snapshot snapshot);

// Whether the version after this record is what the reader sees.
static inline bool undo_is_visible(const UndoRecord *record, const UndoReader *reader) {
    if (record->history == reader->own) return record->command < reader->command;
    uint64_t commit = atomic_load_explicit(&record->history->commit, memory_order_acquire);
    return commit != 0 && commit <= reader->lsn;
}

// Whether its transaction has committed so that anybody's next snapshot sees it.
bool undo_is_committed(const UndoRecord *record);

static inline bool undo_is_own(const UndoRecord *record, const TxnHistory *own) {
    return record->history == own;
}

// The history of a transaction that has one, or NULL.
const TxnHistory *txn_history(const Txn *txn);
uint32_t txn_slot(const Txn *txn); // a small number, for spreading work

// Makes sure that the next undo_add of up to `before_bytes` finds room, and gives the transaction
// an id. Errors: OUT_OF_MEMORY.
Status undo_reserve(Txn *txn, size_t before_bytes);

// Adds a record after undo_reserve; never fails. The caller fills `before` and links it.
UndoRecord *undo_add(Txn *txn, UndoOwner *owner, UndoKind kind, RowId row, size_t before_bytes);

// The newest record when it is an UNDO_INSERT of this command whose rows end just before `row`, and
// no savepoint lies between: then it can take in that row too. NULL otherwise.
UndoRecord *undo_find_extensible(Txn *txn, const UndoOwner *owner, RowId row);

// The record has left its chain (or, for UNDO_INSERT, all of its rows' chains).
void undo_unlinked(UndoRecord *record);

// A place to roll back to, within a statement.
typedef struct TxnMark {
    UndoRecord *newest;
    uint64_t redo_offset;
    uint32_t action_count, lock_count;
} TxnMark;

TxnMark txn_mark(Txn *txn);

// Waits until the transaction of a history may have ended or given up a row, as it was when it had
// `id`. The caller holds no latch, is in no epoch, and looks at the row again.
// Errors: DEADLOCK_DETECTED, LOCK_NOT_AVAILABLE, QUERY_CANCELED, IO_ERROR.
Status txn_wait_for(
    Txn *txn, TxnHistory *history, TxnId id, WaitPolicy policy, bool *is_skipped_out);

// Collects everything, whatever snapshots there may be: for the end, before what the records belong
// to is destroyed. No transaction is open.
void txn_system_drain(TxnSystem *system);

// As a rollback to a savepoint, for records and redo alone, within a command: what the command did
// before the mark stays its own.
void txn_undo_to(Txn *txn, TxnMark mark);
