// Waiting for another transaction, and the search for deadlocks.
//
// Model    A waiter registers what it waits for under the wait mutex and looks for a cycle before
// it
//          sleeps, and once more after deadlock_timeout. The one who closes the cycle is the
//          victim. A transaction that has reserved its commit is waited for in the log, so that
//          nobody depends on a session that is slow to finish it (storage-rules 14).
#include "base/assert.h"
#include "base/error.h"
#include "txn/txn_internal.h"

#include <stdio.h>
#include <string.h>

enum { SLICE_US = 20 * 1000 }; // how long a cancellation may go unseen

Patience patience_begin(const Txn *txn) {
    return (Patience){.start_ns = clock_monotonic_ns(txn->system->clock)};
}

int64_t patience_slice_us(const Txn *txn, const Patience *patience) {
    int64_t slice = SLICE_US;
    int64_t waited = (clock_monotonic_ns(txn->system->clock) - patience->start_ns) / 1000;
    int64_t limit = txn->options.lock_timeout_us;
    if (limit > 0 && limit - waited < slice) slice = limit - waited;
    return slice < 1 ? 1 : slice;
}

Status patience_check(Txn *txn, Patience *patience, bool *check_deadlock_out) {
    *check_deadlock_out = false;
    const _Atomic bool *is_cancelled = txn->options.is_cancelled;
    if (is_cancelled != NULL && atomic_load(is_cancelled)) {
        return fail(QUERY_CANCELED, "canceling statement due to user request");
    }
    int64_t waited = (clock_monotonic_ns(txn->system->clock) - patience->start_ns) / 1000;
    if (txn->options.lock_timeout_us > 0 && waited >= txn->options.lock_timeout_us) {
        return fail(LOCK_NOT_AVAILABLE, "canceling statement due to lock timeout");
    }
    if (!patience->has_checked_again && waited >= txn->options.deadlock_timeout_us) {
        patience->has_checked_again = true;
        *check_deadlock_out = true;
    }
    return OK;
}

typedef struct Search {
    Txn *from;
    uint64_t visit;
    Txn *next, **last; // still to look at
    Txn *parent;
    bool is_found;
    Txn *found_from;
} Search;

static void search_visit(void *argument, Txn *txn) {
    Search *search = argument;
    if (txn == search->from) {
        if (!search->is_found) search->found_from = search->parent;
        search->is_found = true;
        return;
    }
    if (txn->visit == search->visit) return;
    txn->visit = search->visit;
    txn->visit_parent = search->parent;
    txn->visit_link = NULL;
    *search->last = txn;
    search->last = &txn->visit_link;
}

static void search_edges(Search *search, Txn *txn) {
    search->parent = txn;
    if (txn->waits_for_lock != NULL) {
        lock_blockers(txn, txn->waits_for_lock, txn->waits_for_mode, search_visit, search);
    }
    TxnHistory *history = txn->waits_for;
    if (history == NULL || atomic_load(&history->id) != txn->waits_for_id) return;
    if (atomic_load(&history->commit) != 0 || atomic_load(&history->is_ended)) return;
    Txn *owner = system_handle(txn->system, history->slot);
    if (atomic_load(&owner->history) == history) search_visit(search, owner);
}

static void describe(const Txn *waiter, const Txn *blocker, char *text, size_t capacity) {
    if (waiter->waits_for != NULL) {
        snprintf(text, capacity,
            "Process %u waits for ShareLock on transaction %llu; blocked by "
            "process %u.",
            waiter->slot, (unsigned long long)waiter->waits_for_id, blocker->slot);
        return;
    }
    static const char *const names[] = {"", "AccessShareLock", "RowShareLock", "RowExclusiveLock",
        "ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock",
        "AccessExclusiveLock"};
    snprintf(text, capacity, "Process %u waits for %s on relation %u; blocked by process %u.",
        waiter->slot, names[waiter->waits_for_mode], waiter->waits_for_lock->object, blocker->slot);
}

Status deadlock_check(Txn *txn) {
    Search search = {.from = txn, .visit = ++txn->system->visit};
    search.last = &search.next;
    search_edges(&search, txn);
    while (search.next != NULL && !search.is_found) {
        Txn *other = search.next;
        search.next = other->visit_link;
        if (search.next == NULL) search.last = &search.next;
        search_edges(&search, other);
    }
    if (!search.is_found) return OK;
    // The path was found backwards: who waits for `txn`, who waits for that one, and so on.
    char lines[1024];
    size_t used = sizeof lines - 1;
    lines[used] = 0;
    const Txn *blocker = txn;
    for (const Txn *waiter = search.found_from;; waiter = waiter->visit_parent) {
        char line[200];
        describe(waiter, blocker, line, sizeof line);
        size_t count = strlen(line);
        if (used < count + 1) break;
        if (used < sizeof lines - 1) lines[--used] = '\n';
        used -= count;
        memcpy(lines + used, line, count);
        if (waiter == txn) break;
        blocker = waiter;
    }
    Status status = fail(DEADLOCK_DETECTED, "deadlock detected");
    error_add_detail("%s", lines + used);
    error_add_hint("See server log for query details.");
    return status;
}

static Status wait_register(Txn *txn, TxnHistory *history, TxnId id) {
    mutex_lock(&txn->system->wait_mutex);
    txn->waits_for = history;
    txn->waits_for_id = id.value;
    Status status = deadlock_check(txn);
    if (status != OK) txn->waits_for = NULL;
    mutex_unlock(&txn->system->wait_mutex);
    return status;
}

static void wait_unregister(Txn *txn) {
    mutex_lock(&txn->system->wait_mutex);
    txn->waits_for = NULL;
    mutex_unlock(&txn->system->wait_mutex);
}

static bool is_over(TxnHistory *history, TxnId id) {
    return atomic_load(&history->id) != id.value || atomic_load(&history->commit) != 0
           || atomic_load(&history->is_ended);
}

static Status wait_until_over(Txn *txn, TxnHistory *history, TxnId id, uint32_t seen) {
    Patience patience = patience_begin(txn);
    while (!is_over(history, id) && atomic_load(&history->wake) == seen) {
        word_wait(&history->wake, seen, patience_slice_us(txn, &patience));
        if (wal_is_failed(txn->system->wal)) {
            return fail(IO_ERROR, "the log has failed; the database must be opened again");
        }
        bool check_deadlock;
        TRY(patience_check(txn, &patience, &check_deadlock));
        if (!check_deadlock) continue;
        mutex_lock(&txn->system->wait_mutex);
        Status status = deadlock_check(txn);
        mutex_unlock(&txn->system->wait_mutex);
        TRY(status);
    }
    return OK;
}

Status txn_wait_for(
    Txn *txn, TxnHistory *history, TxnId id, WaitPolicy policy, bool *is_skipped_out) {
    ASSERT(!epoch_is_inside(txn->system->epochs));
    *is_skipped_out = false;
    uint32_t seen = atomic_load(&history->wake);
    bool is_over_already = is_over(history, id);
    uint64_t commit = atomic_load(&history->commit);
    bool is_visible = commit != 0 && commit <= atomic_load(&txn->system->visible);
    if (is_over_already && (commit == 0 || is_visible)) return OK;
    if (policy == WAIT_SKIP) {
        *is_skipped_out = true;
        return OK;
    }
    if (policy == WAIT_ERROR) {
        return fail(LOCK_NOT_AVAILABLE, "could not obtain lock on row");
    }
    blocking_begin();
    Status status = OK;
    if (!is_over_already) {
        atomic_fetch_add(&history->waiters, 1);
        status = wait_register(txn, history, id);
        if (status == OK) {
            status = wait_until_over(txn, history, id, seen);
            wait_unregister(txn);
        }
        atomic_fetch_sub(&history->waiters, 1);
    }
    // The commit's place in the log is known: waiting for that needs nobody's help.
    commit = atomic_load(&history->commit);
    if (status == OK && commit != 0 && atomic_load(&history->id) == id.value) {
        status = system_wait_visible(txn->system, (Lsn){commit}, history->is_synchronous);
        if (status != OK) {
            error_clear();
            status = fail(IO_ERROR, "the log has failed; the database must be opened again");
        }
    }
    blocking_end();
    return status;
}
