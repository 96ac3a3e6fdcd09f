// Locks on objects, in PostgreSQL's eight modes.
//
// Model    Modes 1 to 3, which every statement takes, conflict only with modes 5 to 8 ("strong")
//          and so go to a small array in the transaction's handle: store the slot, then test the
//          object's strong word. A strong locker raises the word, then reads every handle's array
//          as well as the shared table. Both steps are sequentially consistent, so at least one
//          side sees the other (storage-rules 18). The shared table, its queues and the wait graph
//          are under one mutex: they are for the rare cases.
#include "base/assert.h"
#include "base/error.h"
#include "txn/txn_internal.h"

#include <stdlib.h>

#define WEAK_MODE_MAX   LOCK_ROW_EXCLUSIVE
#define STRONG_MODE_MIN LOCK_SHARE
#define BIT(mode)       (1U << (mode))

static const uint32_t conflicts[LOCK_ACCESS_EXCLUSIVE + 1] = {
    [LOCK_ACCESS_SHARE] = BIT(8),
    [LOCK_ROW_SHARE] = BIT(7) | BIT(8),
    [LOCK_ROW_EXCLUSIVE] = BIT(5) | BIT(6) | BIT(7) | BIT(8),
    [LOCK_SHARE_UPDATE_EXCLUSIVE] = BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8),
    [LOCK_SHARE] = BIT(3) | BIT(4) | BIT(6) | BIT(7) | BIT(8),
    [LOCK_SHARE_ROW_EXCLUSIVE] = BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8),
    [LOCK_EXCLUSIVE] = BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8),
    [LOCK_ACCESS_EXCLUSIVE] = BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8),
};

static LockEntry **bucket(TxnSystem *system, Oid object) {
    return &system->lock_buckets[hash_u64(object) % LOCK_BUCKET_COUNT];
}

static LockEntry *entry_find(TxnSystem *system, Oid object) {
    LockEntry *entry = *bucket(system, object);
    while (entry != NULL && entry->object != object)
        entry = entry->next;
    return entry;
}

static LockEntry *entry_find_or_add(TxnSystem *system, Oid object) {
    LockEntry *entry = entry_find(system, object);
    if (entry != NULL) return entry;
    entry = calloc(1, sizeof *entry);
    if (entry == NULL) return NULL;
    entry->object = object;
    entry->next = *bucket(system, object);
    *bucket(system, object) = entry;
    return entry;
}

static void entry_drop_if_unused(TxnSystem *system, LockEntry *entry) {
    if (entry->holders != NULL || entry->waiters != NULL) return;
    LockEntry **link = bucket(system, entry->object);
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    free(entry);
}

// ---- The fast array -----------------------------------------------------------------------------

static _Atomic uint64_t *fast_find(Txn *txn, Oid object) {
    for (uint32_t i = 0; i < FAST_LOCK_COUNT; i++) {
        uint64_t slot = atomic_load_explicit(&txn->fast_locks[i], memory_order_relaxed);
        if (slot != 0 && slot >> 8 == object) return &txn->fast_locks[i];
    }
    return NULL;
}

static _Atomic uint64_t *fast_find_free(Txn *txn) {
    for (uint32_t i = 0; i < FAST_LOCK_COUNT; i++) {
        if (atomic_load_explicit(&txn->fast_locks[i], memory_order_relaxed) == 0) {
            return &txn->fast_locks[i];
        }
    }
    return NULL;
}

static bool fast_lock(Txn *txn, Oid object, TableLockMode mode) {
    _Atomic uint32_t *strong = lock_strong_word(txn->system, object);
    if (atomic_load_explicit(strong, memory_order_relaxed) != 0) return false;
    _Atomic uint64_t *slot = fast_find(txn, object);
    uint64_t before = slot == NULL ? 0 : atomic_load_explicit(slot, memory_order_relaxed);
    if (slot == NULL) slot = fast_find_free(txn);
    if (slot == NULL) return false;
    atomic_store(slot, (uint64_t)object << 8 | (before & 0xFF) | BIT(mode));
    if (atomic_load(strong) == 0) return true;
    atomic_store(slot, before);
    return false;
}

// True when a strong locker may be waiting for it.
static bool fast_unlock(Txn *txn, Oid object, uint8_t mode) {
    _Atomic uint64_t *slot = fast_find(txn, object);
    ASSERT(slot != NULL);
    uint64_t rest = atomic_load_explicit(slot, memory_order_relaxed) & ~(uint64_t)BIT(mode);
    atomic_store(slot, (rest & 0xFF) == 0 ? 0 : rest);
    return atomic_load(lock_strong_word(txn->system, object)) != 0;
}

// ---- The shared table, under the wait mutex -----------------------------------------------------

static LockHolder *holder_find(const LockEntry *entry, const Txn *txn) {
    LockHolder *holder = entry->holders;
    while (holder != NULL && holder->txn != txn)
        holder = holder->next;
    return holder;
}

void lock_blockers(
    Txn *txn, LockEntry *entry, uint32_t mode, void (*visit)(void *, Txn *), void *argument) {
    TxnSystem *system = txn->system;
    uint32_t conflicting = conflicts[mode];
    for (LockHolder *holder = entry->holders; holder != NULL; holder = holder->next) {
        if (holder->txn != txn && (holder->modes & conflicting) != 0) visit(argument, holder->txn);
    }
    if (mode >= STRONG_MODE_MIN) {
        uint32_t count = atomic_load_explicit(&system->handle_count, memory_order_acquire);
        for (uint32_t i = 0; i < count; i++) {
            Txn *other = system_handle(system, i);
            if (other == txn) continue;
            for (uint32_t j = 0; j < FAST_LOCK_COUNT; j++) {
                uint64_t slot = atomic_load(&other->fast_locks[j]);
                if (slot >> 8 == entry->object && (slot & 0xFF & conflicting) != 0) {
                    visit(argument, other);
                }
            }
        }
    }
    // Whoever has the object already goes first; others queue behind earlier waiters.
    if (holder_find(entry, txn) != NULL || fast_find(txn, entry->object) != NULL) return;
    for (LockWaiter *waiter = entry->waiters; waiter != NULL && waiter->txn != txn;
         waiter = waiter->next) {
        if ((BIT(waiter->mode) & conflicting) != 0) visit(argument, waiter->txn);
    }
}

static void blocker_seen(void *argument, [[maybe_unused]] Txn *txn) {
    *(bool *)argument = true;
}

static bool is_blocked(Txn *txn, LockEntry *entry, uint32_t mode) {
    bool is_any = false;
    lock_blockers(txn, entry, mode, blocker_seen, &is_any);
    return is_any;
}

static void waiter_remove(LockEntry *entry, const LockWaiter *waiter) {
    LockWaiter **link = &entry->waiters;
    while (*link != waiter)
        link = &(*link)->next;
    *link = waiter->next;
}

static Status wait_for_lock(Txn *txn, LockEntry *entry, uint32_t mode) {
    TxnSystem *system = txn->system;
    LockWaiter waiter = {.txn = txn, .mode = mode};
    LockWaiter **end = &entry->waiters;
    while (*end != NULL)
        end = &(*end)->next;
    *end = &waiter;
    txn->waits_for_lock = entry;
    txn->waits_for_mode = mode;
    system->lock_waiters++;
    Patience patience = patience_begin(txn);
    Status status = deadlock_check(txn);
    while (status == OK && is_blocked(txn, entry, mode)) {
        (void)condition_wait_us(
            &system->lock_released, &system->wait_mutex, patience_slice_us(txn, &patience));
        bool check_deadlock;
        status = patience_check(txn, &patience, &check_deadlock);
        if (status == OK && check_deadlock) status = deadlock_check(txn);
    }
    system->lock_waiters--;
    txn->waits_for_lock = NULL;
    waiter_remove(entry, &waiter);
    return status;
}

static Status shared_lock_held(
    Txn *txn, Oid object, TableLockMode mode, WaitPolicy policy, bool *is_granted_out) {
    TxnSystem *system = txn->system;
    *is_granted_out = false;
    LockEntry *entry = entry_find_or_add(system, object);
    if (entry == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    LockHolder *holder = holder_find(entry, txn);
    LockHolder *fresh = holder == NULL ? calloc(1, sizeof *fresh) : NULL;
    Status status = OK;
    if (holder == NULL && fresh == NULL) status = fail(OUT_OF_MEMORY, "out of memory");
    if (status == OK && is_blocked(txn, entry, mode)) {
        if (policy == WAIT_BLOCK) {
            status = wait_for_lock(txn, entry, mode);
        } else {
            status = fail(LOCK_NOT_AVAILABLE, "could not obtain lock on relation %u", object);
        }
    }
    if (status == OK) {
        if (holder == NULL) {
            *fresh = (LockHolder){.txn = txn, .next = entry->holders};
            entry->holders = holder = fresh;
            fresh = NULL;
        }
        holder->modes |= BIT(mode);
        *is_granted_out = true;
    }
    free(fresh);
    entry_drop_if_unused(system, entry);
    return status;
}

static Status shared_lock(Txn *txn, Oid object, TableLockMode mode, WaitPolicy policy) {
    TxnSystem *system = txn->system;
    bool is_granted;
    blocking_begin();
    mutex_lock(&system->wait_mutex);
    if (mode >= STRONG_MODE_MIN) atomic_fetch_add(lock_strong_word(system, object), 1);
    Status status = shared_lock_held(txn, object, mode, policy, &is_granted);
    if (!is_granted && mode >= STRONG_MODE_MIN)
        atomic_fetch_sub(lock_strong_word(system, object), 1);
    // A waiter that gave up may have held others back.
    if (!is_granted && system->lock_waiters > 0) condition_wake_all(&system->lock_released);
    mutex_unlock(&system->wait_mutex);
    blocking_end();
    return status;
}

static void shared_unlock(Txn *txn, Oid object, uint8_t mode) {
    TxnSystem *system = txn->system;
    LockEntry *entry = entry_find(system, object);
    ASSERT(entry != NULL);
    LockHolder **link = &entry->holders;
    while ((*link)->txn != txn)
        link = &(*link)->next;
    LockHolder *holder = *link;
    holder->modes &= ~BIT(mode);
    if (holder->modes == 0) {
        *link = holder->next;
        free(holder);
    }
    if (mode >= STRONG_MODE_MIN) atomic_fetch_sub(lock_strong_word(system, object), 1);
    entry_drop_if_unused(system, entry);
}

// ---- The door -----------------------------------------------------------------------------------

Status txn_lock_object(Txn *txn, Oid object, TableLockMode mode, WaitPolicy policy) {
    ASSERT(mode >= LOCK_ACCESS_SHARE && mode <= LOCK_ACCESS_EXCLUSIVE);
    const HeldLock *locks = txn->locks.items;
    for (uint32_t i = txn->locks.count; i-- > 0;) {
        if (locks[i].object == object && locks[i].mode == mode) return OK;
    }
    HeldLock *held = list_add(&txn->locks, sizeof *held);
    if (held == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    *held = (HeldLock){.object = object, .mode = (uint8_t)mode};
    if (mode <= WEAK_MODE_MAX && fast_lock(txn, object, mode)) {
        held->is_fast = true;
        return OK;
    }
    txn->locks.count--;
    Status status = shared_lock(txn, object, mode, policy);
    if (status == OK) txn->locks.count++; // still in its place: nothing was added meanwhile
    return status;
}

void locks_release(Txn *txn, uint32_t count_kept) {
    TxnSystem *system = txn->system;
    bool must_wake = false, is_locked = false;
    while (txn->locks.count > count_kept) {
        HeldLock held = ((HeldLock *)txn->locks.items)[--txn->locks.count];
        if (held.is_fast) {
            must_wake |= fast_unlock(txn, held.object, held.mode);
            continue;
        }
        if (!is_locked) mutex_lock(&system->wait_mutex);
        is_locked = true;
        must_wake = true;
        shared_unlock(txn, held.object, held.mode);
    }
    if (!must_wake) return;
    if (is_locked) mutex_unlock(&system->wait_mutex);
    locks_wake(system);
}

void locks_wake(TxnSystem *system) {
    mutex_lock(&system->wait_mutex);
    if (system->lock_waiters > 0) condition_wake_all(&system->lock_released);
    mutex_unlock(&system->wait_mutex);
}
