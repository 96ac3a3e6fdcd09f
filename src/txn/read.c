// Reads that need no transaction of their own: a thread keeps a handle for them, so that one begins
// and ends with stores to a line that is the thread's, and takes no mutex.
#include "base/error.h"
#include "txn/txn_internal.h"

[[gnu::noinline]] static Txn *reader_make(TxnSystem *system) {
    Txn *handle;
    if (system_handle_take(system, &handle) != OK) {
        error_clear(); // the long way says so
        return NULL;
    }
    if (pthread_setspecific(system->reader_key, handle) == 0) return handle;
    system_handle_give(handle);
    return NULL;
}

static void unlock(Txn *handle, _Atomic uint32_t *strong_word) {
    atomic_store(&handle->fast_locks[0], 0);
    if (atomic_load(strong_word) != 0) locks_wake(handle->system);
}

bool txn_read_begin(TxnSystem *system, Oid object, TxnRead *read_out) {
    Txn *handle = pthread_getspecific(system->reader_key);
    if (handle == NULL) handle = reader_make(system);
    _Atomic uint32_t *strong_word = lock_strong_word(system, object);
    if (handle == NULL || atomic_load_explicit(strong_word, memory_order_relaxed) != 0) {
        return false;
    }
    // As object_lock.c's weak lockers do: store, then look whether a strong one is there.
    atomic_store(&handle->fast_locks[0], (uint64_t)object << 8 | 1U << LOCK_ACCESS_SHARE);
    if (atomic_load(strong_word) != 0) {
        unlock(handle, strong_word);
        return false;
    }
    uint64_t lsn = snapshot_publish(system, &handle->oldest_snapshot);
    *read_out = (TxnRead){.snapshot = {.lsn = {lsn}}, .handle = handle, .strong_word = strong_word};
    return true;
}

void txn_read_end(const TxnRead *read) {
    // Nothing is read under the snapshot any more; it may be seen to go later than it does.
    atomic_store_explicit(&read->handle->oldest_snapshot, SLOT_FREE, memory_order_release);
    unlock(read->handle, read->strong_word);
}
