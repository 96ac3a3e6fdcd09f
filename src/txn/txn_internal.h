// What the files of txn share.
#pragma once

#include "base/hash.h"
#include "os/thread.h"
#include "txn/undo.h"

enum {
    TXN_CHUNK_COUNT = 64,       // handles in one piece of the table of handles
    TXN_CHUNKS_MAX = 1024,      // 65,536 transactions at once
    SYSTEM_SNAPSHOT_COUNT = 64, // txn_system_snapshot_acquire
    FAST_LOCK_COUNT = 16,       // read.c uses the first, of a handle that is no transaction's
    STRONG_WORD_COUNT = 1024,
    LOCK_BUCKET_COUNT = 1024,
    STREAM_BYTES = 1 << 20, // redo beyond it goes to the log before the commit
    COLLECT_RECORDS = 256,  // at most, inside somebody's commit (storage-rules 24)
};

#define SLOT_FREE    UINT64_MAX
#define SLOT_PENDING (UINT64_MAX - 1)

struct UndoChunk {
    UndoChunk *older;
    size_t bytes;
};

typedef struct HeldLock {
    Oid object;
    uint8_t mode;
    bool is_fast;
} HeldLock;

typedef struct HeldSnapshot {
    uint64_t lsn;
    uint32_t uses;
} HeldSnapshot;

typedef struct RedoRange {
    uint64_t from, to;
} RedoRange;

// A transaction that has chunks in the log. It stays listed beyond its end, until a checkpoint's
// snapshot sees it: a checkpoint that fixed its snapshot before that end needs the chunks
// (storage-rules 1).
typedef struct StreamedTxn {
    uint64_t id, first_chunk, commit; // commit 0: not known yet
} StreamedTxn;

// A growing array on the heap; of a transaction's handle, which is used again and again.
typedef struct List {
    void *items;
    uint32_t count, capacity;
} List;

struct Txn {
    TxnSystem *system;
    uint32_t slot; // in the table of handles
    Txn *free_link;

    // Read by others: the collector, the checkpoint, strong lockers, the deadlock check.
    _Alignas(64) _Atomic uint64_t oldest_snapshot; // SLOT_FREE, SLOT_PENDING or an LSN
    _Atomic(TxnHistory *) history;                 // NULL until the first write
    _Atomic uint64_t fast_locks[FAST_LOCK_COUNT];  // object << 8 | mask of modes 1 to 3

    // Guarded by the system's wait mutex.
    TxnHistory *waits_for; // with waits_for_id
    uint64_t waits_for_id;
    struct LockEntry *waits_for_lock;
    uint32_t waits_for_mode;
    uint64_t visit; // of the deadlock check
    Txn *visit_parent, *visit_link;

    // The session's own.
    _Alignas(64) TxnOptions options;
    bool is_open;
    bool has_snapshot, in_statement;
    bool is_extensible; // the newest record may take in more rows
    uint32_t command;
    uint64_t snapshot_lsn;
    List held_snapshots; // HeldSnapshot
    List actions;        // TxnAction
    List savepoints;     // TxnMark
    List locks;          // HeldLock
    TxnMark statement_mark;

    uint8_t *redo; // not streamed yet
    size_t redo_count, redo_capacity;
    uint64_t redo_base; // logical offset of redo[0]
    List ranges;        // RedoRange: what survives of the streamed part
    bool is_streamed;
    Lsn commit_lsn;
};

typedef struct LockHolder {
    Txn *txn;
    uint32_t modes; // a bit a mode
    struct LockHolder *next;
} LockHolder;

typedef struct LockWaiter {
    Txn *txn;
    uint32_t mode;
    struct LockWaiter *next;
} LockWaiter;

typedef struct LockEntry {
    Oid object;
    LockHolder *holders;
    LockWaiter *waiters; // oldest first
    struct LockEntry *next;
} LockEntry;

struct TxnSystem {
    Wal *wal;
    pthread_key_t reader_key; // the handle that a thread reads with
    EpochSet *epochs;
    Clock *clock;
    MemoryBudget *undo_budget;
    uint64_t stream_bytes;
    MemoryRelief relief;

    _Alignas(64) _Atomic uint64_t visible; // every snapshot taken now sees up to here
    _Alignas(64) _Atomic uint64_t oldest;  // last known; never above the true one
    _Atomic uint64_t next_id;
    _Atomic uint32_t commits; // for pacing the collection
    _Atomic uint64_t system_snapshots[SYSTEM_SNAPSHOT_COUNT];

    Mutex handle_mutex;   // of the table of handles, the free histories, the streamed list, and of
                          // which system snapshots are loose
    uint64_t loose_slots; // a bit a system snapshot
    List streamed;        // StreamedTxn
    _Atomic(Txn *) chunks[TXN_CHUNKS_MAX];
    _Atomic uint32_t handle_count; // handles ever made
    Txn *free_handles;
    TxnHistory *free_histories;
    uint32_t history_count, free_history_count;

    Mutex collect_mutex; // of the list of ended histories
    TxnHistory *ended_first, *ended_last;
    _Atomic uint32_t ended_count;
    _Atomic bool is_collecting; // one collector at a time: a row's chain has one end

    Mutex wait_mutex; // of locks and of who waits for whom
    Condition lock_released;
    uint32_t lock_waiters; // threads that wait for an object's lock
    uint64_t visit;
    LockEntry *lock_buckets[LOCK_BUCKET_COUNT];
    _Atomic uint32_t strong_words[STRONG_WORD_COUNT]; // strong lockers, by hash of the object
};

// list.c: room for one more; NULL without memory.
void *list_add(List *list, size_t item_bytes);

static inline Txn *system_handle(TxnSystem *system, uint32_t slot) {
    Txn *chunk =
        atomic_load_explicit(&system->chunks[slot / TXN_CHUNK_COUNT], memory_order_acquire);
    return &chunk[slot % TXN_CHUNK_COUNT];
}

static inline _Atomic uint32_t *lock_strong_word(TxnSystem *system, Oid object) {
    return &system->strong_words[hash_u64(object) % STRONG_WORD_COUNT];
}

// system.c
Status system_handle_take(TxnSystem *system, Txn **txn_out);
void system_handle_give(Txn *txn);
// Waits until a commit that has its LSN is visible to new snapshots.
Status system_wait_visible(TxnSystem *system, Lsn commit, bool is_synchronous);
void snapshot_take(Txn *txn);
// Takes a snapshot into a free slot, and returns its LSN.
uint64_t snapshot_publish(TxnSystem *system, _Atomic uint64_t *slot);
void snapshot_publish_rest(Txn *txn); // after one was given up

// undo.c
// Whether old versions take so much memory that it is time to do more about them.
static inline bool undo_is_short(const TxnSystem *system) {
    return memory_budget_used(system->undo_budget) > system->undo_budget->limit_bytes / 2;
}

Status history_ensure(Txn *txn);
void history_wake(TxnHistory *history);
void history_ended(TxnHistory *history); // committed: to be collected
void history_release(TxnHistory *history);
void undo_rollback(Txn *txn, UndoRecord *until);
void collect_after_commit(TxnSystem *system);

// redo.c
void redo_rollback(Txn *txn, uint64_t offset);
bool redo_is_empty(const Txn *txn);
// Acquires credit, reserves, publishes the commit timestamp, fills.
Status redo_commit(Txn *txn);
void redo_abort(Txn *txn);

// object_lock.c
void locks_release(Txn *txn, uint32_t count_kept);
void locks_wake(TxnSystem *system); // a lock that somebody waits for may be free
// Appends to `blockers` every transaction that `txn` waits for, itself excepted; for wait.c.
void lock_blockers(Txn *txn, LockEntry *entry, uint32_t mode, void (*visit)(void *, Txn *), void *);

// wait.c, under the wait mutex: an error when `txn`, as registered, waits for itself.
Status deadlock_check(Txn *txn);

// What ends a wait early: cancellation, the lock timeout.
typedef struct Patience {
    int64_t start_ns;
    bool has_checked_again;
} Patience;

Patience patience_begin(const Txn *txn);
int64_t patience_slice_us(const Txn *txn, const Patience *patience);
Status patience_check(Txn *txn, Patience *patience, bool *check_deadlock_out);
