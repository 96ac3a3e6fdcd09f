// The transaction system: handles, snapshots, the visible horizon, the oldest snapshot.
#include "base/assert.h"
#include "base/error.h"
#include "txn/txn_internal.h"

#include <stdlib.h>

static void system_raise_visible(TxnSystem *system, Lsn lsn);

static void durable_advanced(void *argument, Lsn durable) {
    system_raise_visible(argument, durable);
}

// Sleepers on row locks look at the log every slice and find it failed themselves.
static void log_failed([[maybe_unused]] void *argument) {}

static void reader_give_back(void *handle) { // at the end of a thread
    system_handle_give(handle);
}

Status txn_system_create(Wal *wal, EpochSet *epochs, Clock *clock, MemoryBudget *undo_budget,
    TxnId next_txn, TxnSystem **system_out) {
    TxnSystem *system = aligned_alloc(64, (sizeof *system + 63) / 64 * 64);
    if (system == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    memset(system, 0, sizeof *system);
    system->wal = wal;
    system->epochs = epochs;
    system->clock = clock;
    system->undo_budget = undo_budget;
    uint64_t record_bytes = wal_record_bytes_max(wal);
    system->stream_bytes = record_bytes / 2 < STREAM_BYTES ? record_bytes / 2 : STREAM_BYTES;
    atomic_store(&system->next_id, next_txn.value);
    Lsn durable = wal_durable(wal);
    atomic_store(&system->visible, durable.value);
    atomic_store(&system->oldest, durable.value);
    for (uint32_t i = 0; i < SYSTEM_SNAPSHOT_COUNT; i++) {
        atomic_store(&system->system_snapshots[i], SLOT_FREE);
    }
    int error = pthread_key_create(&system->reader_key, reader_give_back);
    if (error != 0) {
        free(system);
        return fail(INSUFFICIENT_RESOURCES, "could not create a thread key: error %d", error);
    }
    mutex_init(&system->handle_mutex, LATCH_RANK_TXN);
    mutex_init(&system->collect_mutex, LATCH_RANK_COLLECT);
    mutex_init(&system->wait_mutex, LATCH_RANK_TABLE_LOCK);
    condition_init(&system->lock_released);
    wal_set_listener(wal,
        (DurableListener){.advanced = durable_advanced, .failed = log_failed, .argument = system});
    *system_out = system;
    return OK;
}

static void handle_deinit(Txn *txn) {
    free(txn->held_snapshots.items);
    free(txn->actions.items);
    free(txn->savepoints.items);
    free(txn->locks.items);
    free(txn->ranges.items);
    free(txn->redo);
}

void txn_system_destroy(TxnSystem *system) {
    if (system == NULL) return;
    pthread_key_delete(system->reader_key);
    wal_set_listener(system->wal, (DurableListener){0});
    txn_system_drain(system);
    while (system->free_histories != NULL) {
        TxnHistory *history = system->free_histories;
        system->free_histories = history->link;
        free(history);
    }
    uint32_t count = atomic_load(&system->handle_count);
    for (uint32_t slot = 0; slot < count; slot++) {
        Txn *txn = system_handle(system, slot);
        ASSERT(!txn->is_open);
        handle_deinit(txn);
    }
    free(system->streamed.items);
    for (uint32_t i = 0; i < TXN_CHUNKS_MAX; i++)
        free(atomic_load(&system->chunks[i]));
    for (uint32_t i = 0; i < LOCK_BUCKET_COUNT; i++)
        ASSERT(system->lock_buckets[i] == NULL);
    condition_deinit(&system->lock_released);
    mutex_deinit(&system->wait_mutex);
    mutex_deinit(&system->collect_mutex);
    mutex_deinit(&system->handle_mutex);
    free(system);
}

static Status chunk_add(TxnSystem *system) {
    uint32_t count = atomic_load(&system->handle_count);
    uint32_t index = count / TXN_CHUNK_COUNT;
    if (index == TXN_CHUNKS_MAX) return fail(TOO_MANY_CONNECTIONS, "too many transactions at once");
    Txn *chunk = aligned_alloc(64, sizeof(Txn) * TXN_CHUNK_COUNT);
    if (chunk == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    memset(chunk, 0, sizeof(Txn) * TXN_CHUNK_COUNT);
    for (uint32_t i = TXN_CHUNK_COUNT; i-- > 0;) {
        Txn *txn = &chunk[i];
        txn->system = system;
        txn->slot = count + i;
        atomic_store(&txn->oldest_snapshot, SLOT_FREE);
        txn->free_link = system->free_handles;
        system->free_handles = txn;
    }
    atomic_store_explicit(&system->chunks[index], chunk, memory_order_release);
    atomic_store_explicit(&system->handle_count, count + TXN_CHUNK_COUNT, memory_order_release);
    return OK;
}

Status system_handle_take(TxnSystem *system, Txn **txn_out) {
    mutex_lock(&system->handle_mutex);
    Status status = system->free_handles == NULL ? chunk_add(system) : OK;
    if (status == OK) {
        *txn_out = system->free_handles;
        system->free_handles = (*txn_out)->free_link;
    }
    mutex_unlock(&system->handle_mutex);
    return status;
}

void system_handle_give(Txn *txn) {
    mutex_lock(&txn->system->handle_mutex);
    txn->free_link = txn->system->free_handles;
    txn->system->free_handles = txn;
    mutex_unlock(&txn->system->handle_mutex);
}

static void system_raise_visible(TxnSystem *system, Lsn lsn) {
    uint64_t seen = atomic_load_explicit(&system->visible, memory_order_relaxed);
    while (seen < lsn.value && !atomic_compare_exchange_weak(&system->visible, &seen, lsn.value)) {}
}

Status system_wait_visible(TxnSystem *system, Lsn commit, bool is_synchronous) {
    if (atomic_load(&system->visible) >= commit.value) return OK;
    if (is_synchronous) {
        TRY(wal_wait_durable(system->wal, commit));
    } else {
        wal_wait_filled(system->wal, commit);
    }
    system_raise_visible(system, commit);
    return OK;
}

// A slot is PENDING while its snapshot is being loaded, and the collector stops at it: without
// that, it could pass between the load and the store (storage-rules 11).
uint64_t snapshot_publish(TxnSystem *system, _Atomic uint64_t *slot) {
    atomic_store(slot, SLOT_PENDING);
    uint64_t lsn = atomic_load(&system->visible);
    // Whoever still finds PENDING stops just the same: this one need not be seen at once.
    atomic_store_explicit(slot, lsn, memory_order_release);
    return lsn;
}

void snapshot_take(Txn *txn) {
    bool is_published =
        atomic_load_explicit(&txn->oldest_snapshot, memory_order_relaxed) != SLOT_FREE;
    // An older snapshot that is published already holds everything that a newer one needs.
    txn->snapshot_lsn = is_published ? atomic_load(&txn->system->visible)
                                     : snapshot_publish(txn->system, &txn->oldest_snapshot);
    txn->has_snapshot = true;
}

void snapshot_publish_rest(Txn *txn) {
    uint64_t oldest = txn->has_snapshot ? txn->snapshot_lsn : SLOT_FREE;
    const HeldSnapshot *held = txn->held_snapshots.items;
    for (uint32_t i = 0; i < txn->held_snapshots.count; i++) {
        if (held[i].lsn < oldest) oldest = held[i].lsn;
    }
    atomic_store(&txn->oldest_snapshot, oldest);
}

Snapshot txn_system_snapshot_acquire(TxnSystem *system, uint32_t *slot_out) {
    for (;;) {
        for (uint32_t i = 0; i < SYSTEM_SNAPSHOT_COUNT; i++) {
            uint64_t expected = SLOT_FREE;
            _Atomic uint64_t *slot = &system->system_snapshots[i];
            if (!atomic_compare_exchange_strong(slot, &expected, SLOT_PENDING)) continue;
            *slot_out = i;
            return (Snapshot){.lsn = {snapshot_publish(system, slot)}};
        }
        thread_yield();
    }
}

void txn_system_snapshot_release(TxnSystem *system, uint32_t slot) {
    (void)txn_system_snapshot_fasten(system, slot);
    atomic_store(&system->system_snapshots[slot], SLOT_FREE);
}

void txn_system_snapshot_loosen(TxnSystem *system, uint32_t slot) {
    static_assert(SYSTEM_SNAPSHOT_COUNT <= 64, "a bit a system snapshot");
    mutex_lock(&system->handle_mutex);
    system->loose_slots |= UINT64_C(1) << slot;
    mutex_unlock(&system->handle_mutex);
}

Lsn txn_system_snapshot_now(TxnSystem *system, uint32_t slot) {
    uint64_t lsn;
    while ((lsn = atomic_load(&system->system_snapshots[slot])) == SLOT_PENDING)
        thread_pause();
    return (Lsn){lsn};
}

Lsn txn_system_snapshot_fasten(TxnSystem *system, uint32_t slot) {
    mutex_lock(&system->handle_mutex);
    system->loose_slots &= ~(UINT64_C(1) << slot);
    mutex_unlock(&system->handle_mutex);
    return txn_system_snapshot_now(system, slot);
}

void txn_system_snapshots_move_on(TxnSystem *system) {
    mutex_lock(&system->handle_mutex);
    for (uint64_t bits = system->loose_slots; bits != 0; bits &= bits - 1) {
        (void)snapshot_publish(system, &system->system_snapshots[__builtin_ctzll(bits)]);
    }
    mutex_unlock(&system->handle_mutex);
}

void txn_system_set_relief(TxnSystem *system, MemoryRelief relief) {
    system->relief = relief;
}

Lsn txn_system_visible(TxnSystem *system) {
    return (Lsn){atomic_load(&system->visible)};
}

TxnId txn_system_next_id(TxnSystem *system) {
    return (TxnId){atomic_load(&system->next_id)};
}

Lsn txn_system_oldest(TxnSystem *system) {
    uint64_t oldest = atomic_load(&system->visible); // before any slot
    uint32_t count = atomic_load_explicit(&system->handle_count, memory_order_acquire);
    for (uint32_t i = 0; i < count + SYSTEM_SNAPSHOT_COUNT; i++) {
        uint64_t slot = i < count ? atomic_load(&system_handle(system, i)->oldest_snapshot)
                                  : atomic_load(&system->system_snapshots[i - count]);
        if (slot == SLOT_PENDING) return (Lsn){atomic_load(&system->oldest)};
        if (slot != SLOT_FREE && slot < oldest) oldest = slot;
    }
    uint64_t known = atomic_load(&system->oldest);
    while (known < oldest && !atomic_compare_exchange_weak(&system->oldest, &known, oldest)) {}
    return (Lsn){known < oldest ? oldest : known};
}

Lsn txn_system_redo_lsn(TxnSystem *system, Lsn snapshot) {
    uint64_t redo = snapshot.value;
    mutex_lock(&system->handle_mutex);
    StreamedTxn *streamed = system->streamed.items;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < system->streamed.count; i++) {
        if (streamed[i].commit != 0 && streamed[i].commit <= snapshot.value) continue;
        if (streamed[i].first_chunk < redo) redo = streamed[i].first_chunk;
        streamed[kept++] = streamed[i];
    }
    system->streamed.count = kept;
    mutex_unlock(&system->handle_mutex);
    return (Lsn){redo};
}
