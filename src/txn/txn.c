// Begin, statements, savepoints, commit and rollback.
#include "base/assert.h"
#include "base/error.h"
#include "txn/txn_internal.h"

Status txn_begin(TxnSystem *system, TxnOptions options, Txn **txn_out) {
    Txn *txn;
    TRY(system_handle_take(system, &txn));
    ASSERT(!txn->is_open);
    txn->options = options;
    txn->is_open = true;
    txn->has_snapshot = false;
    txn->in_statement = false;
    txn->is_extensible = false;
    txn->command = 1;
    txn->commit_lsn = (Lsn){0};
    *txn_out = txn;
    return OK;
}

// ---- Snapshots ----------------------------------------------------------------------------------

static bool snapshot_is_per_statement(const Txn *txn) {
    return txn->options.isolation == ISOLATION_READ_COMMITTED;
}

Snapshot txn_snapshot(const Txn *txn) {
    if (!txn->has_snapshot) {
        // Asked for outside a statement: it lasts until the end of the next one.
        snapshot_take((Txn *)(uintptr_t)txn);
    }
    return (Snapshot){.lsn = {txn->snapshot_lsn}, .own = txn, .command = txn->command};
}

Snapshot txn_snapshot_hold(Txn *txn) {
    Snapshot snapshot = txn_snapshot(txn);
    HeldSnapshot *held = txn->held_snapshots.items;
    for (uint32_t i = 0; i < txn->held_snapshots.count; i++) {
        if (held[i].lsn == snapshot.lsn.value) {
            held[i].uses++;
            return snapshot;
        }
    }
    held = list_add(&txn->held_snapshots, sizeof *held);
    if (held != NULL) {
        *held = (HeldSnapshot){.lsn = snapshot.lsn.value, .uses = 1};
    } else {
        // Without memory to remember it by, the snapshot stays until the transaction ends.
        txn->options.isolation = ISOLATION_REPEATABLE_READ;
    }
    return snapshot;
}

void txn_snapshot_drop(Txn *txn, Snapshot snapshot) {
    HeldSnapshot *held = txn->held_snapshots.items;
    for (uint32_t i = 0; i < txn->held_snapshots.count; i++) {
        if (held[i].lsn != snapshot.lsn.value) continue;
        if (--held[i].uses == 0) held[i] = held[--txn->held_snapshots.count];
        break;
    }
    snapshot_publish_rest(txn);
}

static void snapshot_end(Txn *txn) {
    txn->has_snapshot = false;
    txn->held_snapshots.count = 0;
    atomic_store(&txn->oldest_snapshot, SLOT_FREE);
}

// ---- Statements ---------------------------------------------------------------------------------

TxnMark txn_mark(Txn *txn) {
    TxnHistory *history = atomic_load_explicit(&txn->history, memory_order_relaxed);
    txn->is_extensible = false; // rows added to the newest record would escape the rollback
    return (TxnMark){.newest = history == NULL ? NULL : history->newest,
        .redo_offset = txn->redo_base + txn->redo_count,
        .action_count = txn->actions.count,
        .lock_count = txn->locks.count};
}

static void actions_rollback(Txn *txn, uint32_t count_kept) {
    while (txn->actions.count > count_kept) {
        TxnAction action = ((TxnAction *)txn->actions.items)[--txn->actions.count];
        if (action.on_rollback != NULL) action.on_rollback(action.argument);
    }
}

static void txn_rollback_to(Txn *txn, TxnMark mark) {
    undo_rollback(txn, mark.newest);
    redo_rollback(txn, mark.redo_offset);
    actions_rollback(txn, mark.action_count);
    locks_release(txn, mark.lock_count);
    txn->command++;
}

void txn_undo_to(Txn *txn, TxnMark mark) {
    undo_rollback(txn, mark.newest);
    redo_rollback(txn, mark.redo_offset);
}

Status txn_statement_begin(Txn *txn) {
    ASSERT(txn->is_open);
    if (snapshot_is_per_statement(txn) || !txn->has_snapshot) {
        if (txn->has_snapshot && txn->held_snapshots.count == 0) {
            atomic_store(&txn->oldest_snapshot, SLOT_FREE);
        }
        snapshot_take(txn);
    }
    txn->command++;
    txn->in_statement = true;
    txn->statement_mark = txn_mark(txn);
    return OK;
}

static void statement_leave(Txn *txn) {
    txn->in_statement = false;
    if (snapshot_is_per_statement(txn)) {
        txn->has_snapshot = false;
        snapshot_publish_rest(txn);
    }
}

void txn_statement_end(Txn *txn) {
    txn->command++;
    statement_leave(txn);
}

void txn_statement_rollback(Txn *txn) {
    txn_rollback_to(txn, txn->statement_mark);
    statement_leave(txn);
}

void txn_command_increment(Txn *txn) {
    txn->command++;
}

// ---- Savepoints ---------------------------------------------------------------------------------

Status txn_savepoint(Txn *txn, Savepoint *savepoint_out) {
    TxnMark *mark = list_add(&txn->savepoints, sizeof *mark);
    if (mark == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    *mark = txn_mark(txn);
    *savepoint_out = txn->savepoints.count - 1;
    return OK;
}

void txn_savepoint_release(Txn *txn, Savepoint savepoint) {
    ASSERT(savepoint < txn->savepoints.count);
    txn->savepoints.count = savepoint;
}

void txn_savepoint_rollback(Txn *txn, Savepoint savepoint) {
    ASSERT(savepoint < txn->savepoints.count);
    txn->savepoints.count = savepoint + 1;
    TxnMark mark = ((TxnMark *)txn->savepoints.items)[savepoint];
    txn_rollback_to(txn, mark);
    // A statement that is being rolled back with it has nothing left to undo.
    txn->statement_mark = txn_mark(txn);
}

void txn_add_action(Txn *txn, TxnAction action) {
    TxnAction *added = list_add(&txn->actions, sizeof *added);
    // Losing one would leave the catalog and the stores apart: there is nothing to go on with.
    ASSERT(added != NULL);
    *added = action;
}

// ---- The end ------------------------------------------------------------------------------------

static void txn_free(Txn *txn) {
    snapshot_end(txn);
    locks_release(txn, 0);
    txn->actions.count = 0;
    txn->savepoints.count = 0;
    txn->is_open = false;
    system_handle_give(txn);
}

void txn_rollback(Txn *txn) {
    ASSERT(txn->is_open && txn->commit_lsn.value == 0);
    undo_rollback(txn, NULL);
    redo_abort(txn);
    actions_rollback(txn, 0);
    TxnHistory *history = atomic_load_explicit(&txn->history, memory_order_relaxed);
    if (history != NULL) {
        atomic_store(&history->is_ended, true);
        history_wake(history);
        atomic_store(&txn->history, NULL);
        history_release(history);
    }
    txn_free(txn);
}

// Reserves and fills, and returns the LSN to wait for in txn_commit_finish. `needs_wait_out` is
// false when nothing was written.
static Status txn_commit_start(Txn *txn, Lsn *lsn_out, bool *needs_wait_out) {
    ASSERT(txn->is_open && txn->commit_lsn.value == 0);
    *needs_wait_out = false;
    if (redo_is_empty(txn)) {
        // Only row locks, if anything: their records go now (storage-rules 39).
        undo_rollback(txn, NULL);
        return OK;
    }
    Status status = redo_commit(txn);
    if (status != OK) {
        txn_rollback(txn);
        return status;
    }
    // Nothing is read under it any more; collection need not wait for the flush.
    snapshot_end(txn);
    history_wake(atomic_load_explicit(&txn->history, memory_order_relaxed));
    *lsn_out = txn->commit_lsn;
    *needs_wait_out = true;
    return OK;
}

static void run_actions(Txn *txn, bool is_known) {
    const TxnAction *actions = txn->actions.items;
    for (uint32_t i = 0; is_known && i < txn->actions.count; i++) {
        if (actions[i].on_commit != NULL)
            actions[i].on_commit(actions[i].argument, txn->commit_lsn);
    }
    for (uint32_t i = txn->actions.count; !is_known && i > 0; i--) {
        const TxnAction *action = &actions[i - 1];
        if (action->on_unknown != NULL) action->on_unknown(action->argument);
    }
}

static void finish(Txn *txn, bool is_known) {
    TxnSystem *system = txn->system;
    run_actions(txn, is_known);
    TxnHistory *history = atomic_load_explicit(&txn->history, memory_order_relaxed);
    bool has_written = txn->commit_lsn.value != 0;
    atomic_store(&txn->history, NULL);
    if (history != NULL) {
        if (!has_written) atomic_store(&history->is_ended, true);
        history_wake(history);
        history_ended(history);
    }
    txn_free(txn);
    if (has_written) collect_after_commit(system);
}

static Status txn_commit_finish(Txn *txn) {
    Status status = OK;
    if (txn->commit_lsn.value != 0) {
        status = system_wait_visible(txn->system, txn->commit_lsn, txn->options.is_synchronous);
    }
    finish(txn, status == OK);
    return status;
}

Status txn_commit(Txn *txn) {
    Lsn commit;
    bool needs_wait;
    TRY(txn_commit_start(txn, &commit, &needs_wait));
    return txn_commit_finish(txn);
}

// ---- Asking -------------------------------------------------------------------------------------

TxnId txn_id(Txn *txn) {
    Status status = history_ensure(txn);
    // Without memory for a history the id is lent from the counter and never seen again.
    if (status != OK) {
        error_clear();
        return (TxnId){atomic_fetch_add(&txn->system->next_id, 1)};
    }
    TxnHistory *history = atomic_load_explicit(&txn->history, memory_order_relaxed);
    return (TxnId){atomic_load_explicit(&history->id, memory_order_relaxed)};
}

bool txn_has_written(const Txn *txn) {
    return !redo_is_empty(txn);
}

Isolation txn_isolation(const Txn *txn) {
    return txn->options.isolation;
}

bool txn_is_read_only(const Txn *txn) {
    return txn->options.is_read_only;
}

TxnSystem *txn_system(const Txn *txn) {
    return txn->system;
}

const TxnHistory *txn_history(const Txn *txn) {
    return atomic_load_explicit(&txn->history, memory_order_relaxed);
}

uint32_t txn_slot(const Txn *txn) {
    return txn->slot;
}
