// Undo: histories, records, rollback, and the collection of what no snapshot needs any more.
//
// Invariants  A record is unlinked exactly once, by rollback or by one collector; a history goes
//             back to the pool when its last record is unlinked and its owner has let go.
#include "base/assert.h"
#include "base/error.h"
#include "txn/txn_internal.h"

#include <stdlib.h>

enum {
    FIRST_BYTES = 512, // of records, inside the history itself: enough for a short transaction
    CHUNK_BYTES_MIN = 4 << 10,
    CHUNK_BYTES_MAX = 64 << 10,
    COLLECT_RECORDS_SHORT = 4096, // by somebody who has no memory left
    MEMORY_WAIT_US = 1000,
    MEMORY_WAITS_MAX = 1000,
};

typedef struct HistoryBlock {
    TxnHistory history;
    _Alignas(16) uint8_t first[FIRST_BYTES];
} HistoryBlock;

// A record's length, kept aligned.
static size_t record_bytes(size_t before_bytes) {
    return (sizeof(UndoRecord) + before_bytes + 7) & ~(size_t)7;
}

static TxnHistory *history_take(TxnSystem *system) {
    mutex_lock(&system->handle_mutex);
    TxnHistory *history = system->free_histories;
    if (history != NULL) {
        system->free_histories = history->link;
        system->free_history_count--;
    } else {
        system->history_count++;
    }
    mutex_unlock(&system->handle_mutex);
    if (history != NULL) return history;
    HistoryBlock *block = calloc(1, sizeof *block);
    if (block == NULL) {
        mutex_lock(&system->handle_mutex);
        system->history_count--;
        mutex_unlock(&system->handle_mutex);
        return NULL;
    }
    block->history.system = system;
    return &block->history;
}

// ---- Memory -------------------------------------------------------------------------------------

// When it ends, the most can be collected: nobody's versions are held back by an older snapshot.
static bool has_oldest_snapshot(Txn *txn) {
    return atomic_load(&txn->oldest_snapshot) <= txn_system_oldest(txn->system).value;
}

// The last quarter is for the transaction that the others' old versions wait for.
static bool memory_try(Txn *txn, size_t bytes) {
    MemoryBudget *budget = txn->system->undo_budget;
    size_t common = budget->limit_bytes / 4 * 3;
    if (memory_budget_used(budget) + bytes > common && !has_oldest_snapshot(txn)) return false;
    return memory_budget_try_reserve(budget, bytes);
}

// Whether memory may come back by itself: somebody else's transactions hold some of it.
static bool others_hold_memory(const Txn *txn) {
    TxnSystem *system = txn->system;
    bool has_own = atomic_load_explicit(&txn->history, memory_order_relaxed) != NULL;
    mutex_lock(&system->handle_mutex);
    bool is_alone = system->history_count - system->free_history_count == (has_own ? 1 : 0);
    mutex_unlock(&system->handle_mutex);
    return !is_alone;
}

static Status refuse_memory(TxnSystem *system) {
    Status status = fail(OUT_OF_MEMORY, "undo memory exhausted");
    error_add_detail("Old row versions take %zu of %zu bytes; the oldest snapshot is at %llu, the "
                     "newest at %llu.",
        memory_budget_used(system->undo_budget), system->undo_budget->limit_bytes,
        (unsigned long long)txn_system_oldest(system).value,
        (unsigned long long)txn_system_visible(system).value);
    return status;
}

// Collects what nobody needs any more, and waits for others who are about to end. Not for ever:
// they may be waiting for this transaction's rows, or for memory too.
static Status memory_wait(Txn *txn, size_t bytes) {
    TxnSystem *system = txn->system;
    const _Atomic bool *is_cancelled = txn->options.is_cancelled;
    for (uint32_t waits = 0;; waits++) {
        (void)txn_system_collect(system, COLLECT_RECORDS_SHORT);
        epoch_advance(system->epochs);
        if (memory_try(txn, bytes)) return OK;
        if (system->relief.make_room != NULL) {
            system->relief.make_room(system->relief.argument, bytes);
            if (memory_try(txn, bytes)) return OK;
        }
        if (is_cancelled != NULL && atomic_load(is_cancelled)) {
            return fail(QUERY_CANCELED, "canceling statement due to user request");
        }
        if (waits == MEMORY_WAITS_MAX || !others_hold_memory(txn)) return refuse_memory(system);
        _Atomic uint32_t nothing = 0;
        word_wait(&nothing, 0, MEMORY_WAIT_US);
    }
}

static Status memory_take(Txn *txn, size_t bytes) {
    if (memory_try(txn, bytes)) return OK;
    blocking_begin();
    Status status = memory_wait(txn, bytes);
    blocking_end();
    return status;
}

// ---- Histories ----------------------------------------------------------------------------------

Status history_ensure(Txn *txn) {
    if (atomic_load_explicit(&txn->history, memory_order_relaxed) != NULL) return OK;
    TxnSystem *system = txn->system;
    TRY(memory_take(txn, sizeof(HistoryBlock)));
    TxnHistory *history = history_take(system);
    if (history == NULL) {
        memory_budget_release(system->undo_budget, sizeof(HistoryBlock));
        return fail(OUT_OF_MEMORY, "out of memory");
    }
    HistoryBlock *block = (HistoryBlock *)(void *)history;
    history->newest = NULL;
    history->collect_next = NULL;
    history->chunks = NULL;
    history->next = block->first;
    history->end = block->first + FIRST_BYTES;
    history->slot = txn->slot;
    atomic_store(&history->holds, 1);
    atomic_store(&history->commit, 0);
    atomic_store(&history->is_ended, false);
    // Last: a waiter with an older id must not take the new transaction's fate for the old one's.
    atomic_store(&history->id, atomic_fetch_add(&system->next_id, 1));
    atomic_store(&txn->history, history);
    return OK;
}

// Called when no thread can see its records any more.
static void history_free(void *memory) {
    TxnHistory *history = memory;
    TxnSystem *system = history->system;
    while (history->chunks != NULL) {
        UndoChunk *chunk = history->chunks;
        history->chunks = chunk->older;
        memory_budget_release(system->undo_budget, chunk->bytes);
        free(chunk);
    }
    memory_budget_release(system->undo_budget, sizeof(HistoryBlock));
    mutex_lock(&system->handle_mutex);
    history->link = system->free_histories;
    system->free_histories = history;
    system->free_history_count++;
    mutex_unlock(&system->handle_mutex);
}

void history_release(TxnHistory *history) {
    if (atomic_fetch_sub(&history->holds, 1) == 1) {
        epoch_retire(history->system->epochs, history, history_free);
    }
}

void history_wake(TxnHistory *history) {
    atomic_fetch_add(&history->wake, 1);
    if (atomic_load(&history->waiters) != 0) word_wake_all(&history->wake);
}

void history_ended(TxnHistory *history) {
    TxnSystem *system = history->system;
    if (history->newest == NULL) {
        history_release(history);
        return;
    }
    history->collect_next = history->newest;
    history->link = NULL;
    mutex_lock(&system->collect_mutex);
    if (system->ended_last == NULL) {
        system->ended_first = history;
    } else {
        system->ended_last->link = history;
    }
    system->ended_last = history;
    atomic_fetch_add_explicit(&system->ended_count, 1, memory_order_relaxed);
    mutex_unlock(&system->collect_mutex);
}

Status undo_reserve(Txn *txn, size_t before_bytes) {
    TRY(history_ensure(txn));
    TxnHistory *history = atomic_load_explicit(&txn->history, memory_order_relaxed);
    size_t needed = record_bytes(before_bytes);
    if ((size_t)(history->end - history->next) >= needed) return OK;
    size_t bytes = history->chunks == NULL ? CHUNK_BYTES_MIN : history->chunks->bytes * 2;
    if (bytes > CHUNK_BYTES_MAX) bytes = CHUNK_BYTES_MAX;
    if (bytes < needed + sizeof(UndoChunk)) bytes = needed + sizeof(UndoChunk);
    TRY(memory_take(txn, bytes));
    UndoChunk *chunk = malloc(bytes);
    if (chunk == NULL) {
        memory_budget_release(txn->system->undo_budget, bytes);
        return fail(OUT_OF_MEMORY, "out of memory");
    }
    *chunk = (UndoChunk){.older = history->chunks, .bytes = bytes};
    history->chunks = chunk;
    history->next = (uint8_t *)(chunk + 1);
    history->end = (uint8_t *)chunk + bytes;
    return OK;
}

UndoRecord *undo_add(Txn *txn, UndoOwner *owner, UndoKind kind, RowId row, size_t before_bytes) {
    TxnHistory *history = atomic_load_explicit(&txn->history, memory_order_relaxed);
    size_t bytes = record_bytes(before_bytes);
    ASSERT(history != NULL && (size_t)(history->end - history->next) >= bytes);
    UndoRecord *record = (UndoRecord *)(void *)history->next;
    history->next += bytes;
    record->history = history;
    atomic_init(&record->older, NULL);
    record->previous = history->newest;
    record->owner = owner;
    record->row = row;
    record->command = txn->command;
    record->row_count = 1;
    record->kind = (uint8_t)kind;
    atomic_init(&record->flags, 0);
    record->before_bytes = (uint32_t)before_bytes;
    history->newest = record;
    atomic_fetch_add_explicit(&history->holds, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&owner->record_count, 1, memory_order_relaxed);
    txn->is_extensible = kind == UNDO_INSERT;
    return record;
}

UndoRecord *undo_find_extensible(Txn *txn, const UndoOwner *owner, RowId row) {
    if (!txn->is_extensible) return NULL;
    TxnHistory *history = atomic_load_explicit(&txn->history, memory_order_relaxed);
    UndoRecord *record = history->newest;
    bool fits = record->owner == owner && record->command == txn->command
                && record->row.value + record->row_count == row.value
                && record->row_count < UINT16_MAX;
    return fits ? record : NULL;
}

void undo_unlinked(UndoRecord *record) {
    uint8_t before = atomic_fetch_or(&record->flags, UNDO_IS_UNLINKED);
    ASSERT((before & UNDO_IS_UNLINKED) == 0);
    atomic_fetch_sub(&record->owner->record_count, 1);
    history_release(record->history);
}

void undo_rollback(Txn *txn, UndoRecord *until) {
    TxnHistory *history = atomic_load_explicit(&txn->history, memory_order_relaxed);
    if (history == NULL) return;
    txn->is_extensible = false;
    bool has_any = history->newest != until;
    while (history->newest != until) {
        UndoRecord *record = history->newest;
        ASSERT(record != NULL);
        // Its memory is not used again before the history ends: somebody may be reading it.
        history->newest = record->previous;
        record->owner->actions->restore(record);
        ASSERT((atomic_load(&record->flags) & UNDO_IS_UNLINKED) != 0);
    }
    if (has_any) history_wake(history);
}

UndoReader undo_reader(Snapshot snapshot) {
    return (UndoReader){.lsn = snapshot.lsn.value,
        .own = snapshot.own == NULL ? NULL : txn_history(snapshot.own),
        .command = snapshot.command};
}

bool undo_is_committed(const UndoRecord *record) {
    uint64_t commit = atomic_load_explicit(&record->history->commit, memory_order_acquire);
    return commit != 0 && commit <= atomic_load(&record->history->system->visible);
}

// ---- Collection ---------------------------------------------------------------------------------

static TxnHistory *ended_take(TxnSystem *system, uint64_t oldest) {
    mutex_lock(&system->collect_mutex);
    TxnHistory *history = system->ended_first;
    if (history != NULL && atomic_load(&history->commit) <= oldest) {
        system->ended_first = history->link;
        if (system->ended_first == NULL) system->ended_last = NULL;
        atomic_fetch_sub_explicit(&system->ended_count, 1, memory_order_relaxed);
    } else {
        history = NULL;
    }
    mutex_unlock(&system->collect_mutex);
    return history;
}

static void ended_give_back(TxnSystem *system, TxnHistory *history) {
    mutex_lock(&system->collect_mutex);
    history->link = system->ended_first;
    system->ended_first = history;
    if (system->ended_last == NULL) system->ended_last = history;
    atomic_fetch_add_explicit(&system->ended_count, 1, memory_order_relaxed);
    mutex_unlock(&system->collect_mutex);
}

static bool collect(TxnSystem *system, uint32_t record_count_max, bool is_final) {
    if (atomic_exchange(&system->is_collecting, true)) return true;
    if (!is_final && undo_is_short(system)) txn_system_snapshots_move_on(system);
    uint64_t oldest = is_final ? UINT64_MAX : atomic_load(&system->oldest);
    bool is_fresh = is_final;
    while (record_count_max > 0) {
        TxnHistory *history = ended_take(system, oldest);
        if (history == NULL) {
            if (is_fresh || atomic_load(&system->ended_count) == 0) break;
            oldest = txn_system_oldest(system).value;
            is_fresh = true;
            continue;
        }
        while (history->collect_next != NULL && record_count_max > 0) {
            UndoRecord *record = history->collect_next;
            history->collect_next = record->previous;
            record->owner->actions->purge(record);
            record_count_max--;
        }
        if (history->collect_next != NULL) {
            ended_give_back(system, history);
        } else {
            history_release(history);
        }
    }
    atomic_store(&system->is_collecting, false);
    return atomic_load(&system->ended_count) != 0;
}

bool txn_system_collect(TxnSystem *system, uint32_t record_count_max) {
    return collect(system, record_count_max, false);
}

void collect_after_commit(TxnSystem *system) {
    uint32_t commits = atomic_fetch_add_explicit(&system->commits, 1, memory_order_relaxed);
    bool is_short = undo_is_short(system);
    if (commits % 16 != 0 && !is_short) return;
    (void)txn_system_collect(system, COLLECT_RECORDS);
    if (commits % 64 == 0 || is_short) epoch_advance(system->epochs);
}

void txn_system_drain(TxnSystem *system) {
    while (collect(system, UINT32_MAX, true)) {}
    ASSERT(system->ended_first == NULL);
    // Nobody is inside an epoch any more, so a few advances let every history come back.
    for (;;) {
        mutex_lock(&system->handle_mutex);
        bool is_done = system->free_history_count == system->history_count;
        mutex_unlock(&system->handle_mutex);
        if (is_done) break;
        epoch_advance(system->epochs);
    }
}
