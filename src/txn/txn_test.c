// Transactions over a volatile log: snapshots, redo, waits, locks. Rows are a toy: one number each.
#include "base/error.h"
#include "base/memory_budget.h"
#include "base/test.h"
#include "os/environment.h"
#include "os/thread.h"
#include "txn/txn_internal.h"

#include <stdlib.h>

typedef struct Fixture {
    EpochSet *epochs;
    Wal *wal;
    MemoryBudget budget;
    TxnSystem *system;
} Fixture;

static void fixture_init(Fixture *fixture) {
    memory_budget_init(&fixture->budget, "undo", 64 << 20, NULL);
    assert_ok(epoch_set_create(&fixture->epochs));
    WalOptions options = {.file_bytes = 4 << 20, .ring_bytes = 1 << 20, .is_volatile = true};
    assert_ok(wal_create(environment_real(), "", &options, (Lsn){4096}, &fixture->wal));
    assert_ok(txn_system_create(fixture->wal, fixture->epochs, clock_real(), &fixture->budget,
        (TxnId){3}, &fixture->system));
}

static void fixture_deinit(Fixture *fixture) {
    txn_system_destroy(fixture->system);
    assert_int_equal(memory_budget_used(&fixture->budget), 0);
    wal_close(fixture->wal);
    epoch_set_destroy(fixture->epochs);
}

static Txn *begin(Fixture *fixture, Isolation isolation) {
    Txn *txn;
    TxnOptions options = {.isolation = isolation,
        .is_synchronous = true,
        .deadlock_timeout_us = 1000 * 1000,
        .lock_timeout_us = 200 * 1000};
    assert_ok(txn_begin(fixture->system, options, &txn));
    return txn;
}

TEST(txn, snapshot_sees_what_was_committed_before_it) {
    Fixture fixture;
    fixture_init(&fixture);
    Txn *reader = begin(&fixture, ISOLATION_REPEATABLE_READ);
    assert_ok(txn_statement_begin(reader));
    Snapshot before = txn_snapshot(reader);
    Txn *writer = begin(&fixture, ISOLATION_READ_COMMITTED);
    assert_ok(txn_log(writer, bytes_from_text("operation")));
    assert_ok(txn_commit(writer));
    assert_true(txn_system_visible(fixture.system).value > before.lsn.value);
    assert_true(txn_system_oldest(fixture.system).value <= before.lsn.value);
    txn_statement_end(reader);
    assert_ok(txn_statement_begin(reader));
    assert_int_equal(txn_snapshot(reader).lsn.value, before.lsn.value);
    txn_statement_end(reader);
    assert_ok(txn_commit(reader));
    assert_int_equal(
        txn_system_oldest(fixture.system).value, txn_system_visible(fixture.system).value);
    fixture_deinit(&fixture);
}

// storage-rules 1: chunks of a transaction that a checkpoint's snapshot does not see are kept, also
// when it has ended by the time anybody asks.
TEST(txn, p01_streamed_transaction_that_ends_later_holds_redo_back) {
    Fixture fixture;
    fixture_init(&fixture);
    Txn *txn = begin(&fixture, ISOLATION_READ_COMMITTED);
    Lsn start = wal_tail(fixture.wal);
    uint8_t *bytes = calloc(1, 1 << 20);
    assert_ok(txn_log(txn, bytes_make(bytes, 1 << 20)));
    free(bytes);
    uint32_t slot;
    Snapshot snapshot = txn_system_snapshot_acquire(fixture.system, &slot);
    assert_int_equal(txn_system_redo_lsn(fixture.system, snapshot.lsn).value, start.value);
    assert_ok(txn_commit(txn));
    assert_int_equal(txn_system_redo_lsn(fixture.system, snapshot.lsn).value, start.value);
    txn_system_snapshot_release(fixture.system, slot);
    snapshot = txn_system_snapshot_acquire(fixture.system, &slot);
    assert_int_equal(txn_system_redo_lsn(fixture.system, snapshot.lsn).value, snapshot.lsn.value);
    txn_system_snapshot_release(fixture.system, slot);
    fixture_deinit(&fixture);
}

TEST(txn, weak_locks_do_not_conflict_and_strong_ones_do) {
    Fixture fixture;
    fixture_init(&fixture);
    Txn *a = begin(&fixture, ISOLATION_READ_COMMITTED);
    Txn *b = begin(&fixture, ISOLATION_READ_COMMITTED);
    assert_ok(txn_lock_object(a, 20000, LOCK_ROW_EXCLUSIVE, WAIT_BLOCK));
    assert_ok(txn_lock_object(b, 20000, LOCK_ROW_EXCLUSIVE, WAIT_BLOCK));
    assert_fails(LOCK_NOT_AVAILABLE, txn_lock_object(b, 20000, LOCK_SHARE, WAIT_ERROR));
    assert_fails(LOCK_NOT_AVAILABLE, txn_lock_object(b, 20000, LOCK_ACCESS_EXCLUSIVE, WAIT_BLOCK));
    txn_rollback(a);
    assert_ok(txn_lock_object(b, 20000, LOCK_ACCESS_EXCLUSIVE, WAIT_ERROR));
    a = begin(&fixture, ISOLATION_READ_COMMITTED);
    assert_fails(LOCK_NOT_AVAILABLE, txn_lock_object(a, 20000, LOCK_ACCESS_SHARE, WAIT_ERROR));
    assert_ok(txn_commit(b));
    assert_ok(txn_lock_object(a, 20000, LOCK_ACCESS_SHARE, WAIT_ERROR));
    txn_rollback(a);
    fixture_deinit(&fixture);
}

typedef struct Locker {
    Txn *txn;
    Oid object;
    Status status;
} Locker;

static void locker_run(void *argument) {
    Locker *locker = argument;
    locker->status =
        txn_lock_object(locker->txn, locker->object, LOCK_ACCESS_EXCLUSIVE, WAIT_BLOCK);
    error_clear();
    if (locker->status != OK) txn_rollback(locker->txn);
}

TEST(txn, a_cycle_of_object_locks_has_one_victim) {
    Fixture fixture;
    fixture_init(&fixture);
    Txn *a = begin(&fixture, ISOLATION_READ_COMMITTED);
    Txn *b = begin(&fixture, ISOLATION_READ_COMMITTED);
    assert_ok(txn_lock_object(a, 1, LOCK_ACCESS_EXCLUSIVE, WAIT_BLOCK));
    assert_ok(txn_lock_object(b, 2, LOCK_ROW_EXCLUSIVE, WAIT_BLOCK));
    Locker locker = {.txn = b, .object = 1};
    Thread *thread;
    assert_ok(thread_start("locker", 0, locker_run, &locker, &thread));
    Status status = txn_lock_object(a, 2, LOCK_SHARE, WAIT_BLOCK);
    error_clear();
    txn_rollback(a);
    thread_join(thread);
    bool is_victim_a = status == DEADLOCK_DETECTED,
         is_victim_b = locker.status == DEADLOCK_DETECTED;
    assert_true(is_victim_a != is_victim_b);
    if (locker.status == OK) txn_rollback(b);
    fixture_deinit(&fixture);
}

typedef struct Action {
    int commits, rollbacks;
} Action;

static void on_commit(void *argument, [[maybe_unused]] Lsn commit) {
    ((Action *)argument)->commits++;
}

static void on_rollback(void *argument) {
    ((Action *)argument)->rollbacks++;
}

TEST(txn, rollback_to_a_savepoint_undoes_the_actions_after_it) {
    Fixture fixture;
    fixture_init(&fixture);
    Action first = {0}, second = {0};
    Txn *txn = begin(&fixture, ISOLATION_READ_COMMITTED);
    txn_add_action(txn, (TxnAction){on_commit, on_rollback, &first, NULL});
    Savepoint savepoint;
    assert_ok(txn_savepoint(txn, &savepoint));
    txn_add_action(txn, (TxnAction){on_commit, on_rollback, &second, NULL});
    assert_ok(txn_log(txn, bytes_from_text("gone")));
    txn_savepoint_rollback(txn, savepoint);
    assert_false(txn_has_written(txn));
    assert_int_equal(second.rollbacks, 1);
    assert_ok(txn_log(txn, bytes_from_text("kept")));
    assert_ok(txn_commit(txn));
    assert_int_equal(first.commits, 1);
    assert_int_equal(second.commits, 0);
    fixture_deinit(&fixture);
}

// storage-rules 11: between the load of the horizon and its publication, the collector stops.
TEST(txn, p11_collector_stops_at_a_snapshot_that_is_being_taken) {
    Fixture fixture;
    fixture_init(&fixture);
    Txn *reader = begin(&fixture, ISOLATION_READ_COMMITTED);
    uint64_t before = txn_system_oldest(fixture.system).value;
    atomic_store(&reader->oldest_snapshot, SLOT_PENDING); // it has loaded the horizon
    Txn *writer = begin(&fixture, ISOLATION_READ_COMMITTED);
    assert_ok(txn_log(writer, bytes_from_text("operation")));
    assert_ok(txn_commit(writer));
    assert_int_equal(txn_system_oldest(fixture.system).value, before);
    atomic_store(&reader->oldest_snapshot, before);
    assert_int_equal(txn_system_oldest(fixture.system).value, before);
    txn_rollback(reader);
    assert_true(txn_system_oldest(fixture.system).value > before);
    fixture_deinit(&fixture);
}

// storage-rules 14: histories are used again, so a waiter goes by the id that it has seen as well.
TEST(txn, p14_wait_ends_when_the_history_is_another_s) {
    Fixture fixture;
    fixture_init(&fixture);
    Txn *waiter = begin(&fixture, ISOLATION_READ_COMMITTED);
    Txn *holder = begin(&fixture, ISOLATION_READ_COMMITTED);
    TxnId id = txn_id(holder);
    TxnHistory *history = atomic_load(&holder->history);
    bool is_skipped;
    assert_fails(LOCK_NOT_AVAILABLE, txn_wait_for(waiter, history, id, WAIT_ERROR, &is_skipped));
    assert_ok(txn_wait_for(waiter, history, (TxnId){id.value - 1}, WAIT_ERROR, &is_skipped));
    assert_false(is_skipped);
    txn_rollback(holder);
    txn_rollback(waiter);
    fixture_deinit(&fixture);
}

// ---- Old versions -------------------------------------------------------------------------------

enum { ROW_BYTES = 15 << 10 }; // four in a chunk

static void toy_unlink(UndoRecord *record) {
    undo_unlinked(record);
}

static const UndoActions toy_actions = {.restore = toy_unlink, .purge = toy_unlink};

// One transaction that replaces `bytes`; nobody reads them.
static Status change(Txn *txn, UndoOwner *owner, size_t bytes) {
    for (size_t done = 0; done < bytes; done += ROW_BYTES) {
        Status status = undo_reserve(txn, ROW_BYTES);
        if (status != OK) {
            txn_rollback(txn);
            return status;
        }
        (void)undo_add(txn, owner, UNDO_UPDATE, (RowId){done}, ROW_BYTES);
    }
    assert_ok(txn_log(txn, bytes_from_text("operation")));
    return txn_commit(txn);
}

static Status change_in_statement(Fixture *fixture, UndoOwner *owner, size_t bytes) {
    Txn *txn = begin(fixture, ISOLATION_READ_COMMITTED);
    assert_ok(txn_statement_begin(txn));
    return change(txn, owner, bytes);
}

// storage.md 5.4b: writers do not run out of memory because a checkpoint takes long.
TEST(txn, loose_snapshot_moves_on_when_undo_is_short) {
    Fixture fixture;
    fixture_init(&fixture);
    UndoOwner owner = {.actions = &toy_actions};
    uint32_t slot;
    Snapshot snapshot = txn_system_snapshot_acquire(fixture.system, &slot);
    for (int i = 0; i < 4; i++) // a little: it stays
        assert_ok(change_in_statement(&fixture, &owner, 4 << 20));
    assert_int_equal(txn_system_snapshot_now(fixture.system, slot).value, snapshot.lsn.value);
    txn_system_snapshot_loosen(fixture.system, slot);
    for (int i = 0; i < 100; i++)
        assert_ok(change_in_statement(&fixture, &owner, 4 << 20));
    Lsn moved = txn_system_snapshot_fasten(fixture.system, slot);
    assert_true(moved.value > snapshot.lsn.value);
    Status status = OK;
    for (int i = 0; i < 100 && status == OK; i++)
        status = change_in_statement(&fixture, &owner, 4 << 20);
    assert_int_equal(status, OUT_OF_MEMORY); // it holds what it needs again
    error_clear();
    assert_int_equal(txn_system_snapshot_now(fixture.system, slot).value, moved.value);
    txn_system_snapshot_release(fixture.system, slot);
    assert_ok(change_in_statement(&fixture, &owner, 4 << 20));
    fixture_deinit(&fixture);
}

// A transaction that is larger than the memory there is for all is refused at once, and one that
// comes just after large ones finds their memory.
TEST(txn, undo_memory_of_ended_transactions_is_found_again) {
    Fixture fixture;
    fixture_init(&fixture);
    UndoOwner owner = {.actions = &toy_actions};
    for (int i = 0; i < 50; i++)
        assert_ok(change_in_statement(&fixture, &owner, 40 << 20));
    assert_fails(OUT_OF_MEMORY, change_in_statement(&fixture, &owner, 80 << 20));
    assert_ok(change_in_statement(&fixture, &owner, 40 << 20));
    fixture_deinit(&fixture);
}

typedef struct Changer {
    Fixture *fixture;
    UndoOwner *owner;
    Status status;
} Changer;

static void changer_run(void *argument) {
    Changer *changer = argument;
    changer->status = OK;
    for (int i = 0; i < 20 && changer->status == OK; i++)
        changer->status = change_in_statement(changer->fixture, changer->owner, 8 << 20);
    error_clear();
}

// Two statements that run for long beside many short ones: the one with the oldest snapshot is let
// through, and then the others' versions can go.
TEST(txn, writers_wait_for_the_oldest_snapshot) {
    Fixture fixture;
    fixture_init(&fixture);
    UndoOwner owner = {.actions = &toy_actions};
    Txn *old = begin(&fixture, ISOLATION_READ_COMMITTED);
    assert_ok(txn_statement_begin(old));
    Changer changer = {.fixture = &fixture, .owner = &owner};
    Thread *thread;
    assert_ok(thread_start("changer", 0, changer_run, &changer, &thread));
    while (memory_budget_used(&fixture.budget) < 40 << 20)
        thread_yield();
    assert_ok(change(old, &owner, 8 << 20));
    thread_join(thread);
    assert_int_equal(changer.status, OK);
    fixture_deinit(&fixture);
}

TEST_MAIN(TEST_OF(txn, snapshot_sees_what_was_committed_before_it),
    TEST_OF(txn, p01_streamed_transaction_that_ends_later_holds_redo_back),
    TEST_OF(txn, weak_locks_do_not_conflict_and_strong_ones_do),
    TEST_OF(txn, a_cycle_of_object_locks_has_one_victim),
    TEST_OF(txn, rollback_to_a_savepoint_undoes_the_actions_after_it),
    TEST_OF(txn, p11_collector_stops_at_a_snapshot_that_is_being_taken),
    TEST_OF(txn, p14_wait_ends_when_the_history_is_another_s),
    TEST_OF(txn, loose_snapshot_moves_on_when_undo_is_short),
    TEST_OF(txn, undo_memory_of_ended_transactions_is_found_again),
    TEST_OF(txn, writers_wait_for_the_oldest_snapshot))
