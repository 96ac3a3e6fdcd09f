#include "os/epoch.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "os/thread.h"

#include <stdatomic.h>
#include <stdlib.h>

#if defined(__linux__) && !defined(__SANITIZE_THREAD__) // it does not know what membarrier orders
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>
#define HAS_MEMBARRIER 1
#else
#define HAS_MEMBARRIER 0
#endif

// Retired memory waits in bags, oldest first. A bag's entries carry the epoch of their retirement;
// they are free once every thread inside has entered in a later one.
enum { BAG_ENTRY_COUNT = 84, COLLECT_AT_COUNT = 64, RELEASE_BATCH = 64 };

typedef struct RetiredEntry {
    void *memory;
    void (*release)(void *memory);
    uint64_t epoch;
} RetiredEntry;

typedef struct RetiredBag {
    struct RetiredBag *next;
    uint32_t first, count; // entries [first, count) are waiting
    RetiredEntry entries[BAG_ENTRY_COUNT];
} RetiredBag;

// One a thread. Slots outlive their threads: the next new thread takes one over, with its bags.
struct EpochSlot {
    _Alignas(64) _Atomic uint64_t epoch; // 0 outside; written by the owner, read by collectors
    uint32_t depth;                      // the owner's
    uint32_t collect_at_count;           // the owner's
    _Atomic bool is_owned;
    EpochSet *set;
    struct EpochSlot *next; // never changes once the slot is in the list

    Mutex mutex; // guards the bags: the owner retires, anybody collects
    RetiredBag *oldest, *newest;
    _Atomic uint32_t waiting_count; // relaxed: only a hint for when to collect
};

struct EpochSet {
    pthread_key_t key;  // the thread's slot
    bool can_interrupt; // collectors order the readers' stores, so that readers need no fence
    _Alignas(64) _Atomic uint64_t epoch;
    _Atomic(EpochSlot *) slots;
};

// Entering is on the path of every lookup, where a fence costs as much as a cache miss: it lets
// no load of the next lookup begin. Collecting is rare. So where the kernel can run a fence on all
// threads of the process, the collector asks for that, and readers only keep the compiler in order.
static bool can_interrupt_others(void) {
#if HAS_MEMBARRIER
    return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
#else
    return false;
#endif
}

static void fence_others(const EpochSet *set) {
#if HAS_MEMBARRIER
    if (set->can_interrupt) {
        long error = syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
        ASSERT(error == 0); // we are registered
    }
#else
    (void)set;
#endif
}

static void slot_give_back(void *memory) { // at the end of a thread
    EpochSlot *slot = memory;
    ASSERT(slot->depth == 0);
    atomic_store_explicit(&slot->is_owned, false, memory_order_release);
}

Status epoch_set_create(EpochSet **set_out) {
    EpochSet *set = aligned_alloc(64, sizeof *set);
    if (set == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    int error = pthread_key_create(&set->key, slot_give_back);
    if (error != 0) {
        free(set);
        return fail(INSUFFICIENT_RESOURCES, "could not create a thread key: error %d", error);
    }
    set->can_interrupt = can_interrupt_others();
    atomic_init(&set->epoch, 1);
    atomic_init(&set->slots, NULL);
    *set_out = set;
    return OK;
}

void epoch_set_destroy(EpochSet *set) {
    if (set == NULL) return;
    pthread_key_delete(set->key);
    // Releasing may retire more; the thread's slot is gone, so that would be refused by an ASSERT
    // in epoch_retire's registration: owners destroy their own structures before the set.
    EpochSlot *slot = atomic_load(&set->slots);
    while (slot != NULL) {
        ASSERT(atomic_load(&slot->epoch) == 0);
        RetiredBag *bag = slot->oldest;
        while (bag != NULL) {
            for (uint32_t i = bag->first; i < bag->count; i++) {
                bag->entries[i].release(bag->entries[i].memory);
            }
            RetiredBag *next_bag = bag->next;
            free(bag);
            bag = next_bag;
        }
        EpochSlot *next = slot->next;
        mutex_deinit(&slot->mutex);
        free(slot);
        slot = next;
    }
    free(set);
}

static EpochSlot *slot_take_over(EpochSet *set) {
    EpochSlot *slot = atomic_load_explicit(&set->slots, memory_order_acquire);
    for (; slot != NULL; slot = slot->next) {
        bool expected = false;
        if (!atomic_load_explicit(&slot->is_owned, memory_order_relaxed)
            && atomic_compare_exchange_strong(&slot->is_owned, &expected, true)) {
            return slot;
        }
    }
    return NULL;
}

static EpochSlot *slot_create(EpochSet *set) {
    EpochSlot *slot = aligned_alloc(64, sizeof *slot);
    // There is no way on without a slot: what the thread reads could be freed under it.
    if (slot == NULL) assert_fail("memory for an epoch slot", __FILE__, __LINE__);
    atomic_init(&slot->epoch, 0);
    slot->depth = 0;
    slot->collect_at_count = COLLECT_AT_COUNT;
    atomic_init(&slot->is_owned, true);
    slot->set = set;
    mutex_init(&slot->mutex, LATCH_RANK_EPOCH);
    slot->oldest = slot->newest = NULL;
    atomic_init(&slot->waiting_count, 0);
    slot->next = atomic_load_explicit(&set->slots, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(
        &set->slots, &slot->next, slot, memory_order_release, memory_order_relaxed)) {
        // another thread registered; slot->next is the new head
    }
    return slot;
}

[[gnu::noinline]] static EpochSlot *slot_register(EpochSet *set) {
    EpochSlot *slot = slot_take_over(set);
    if (slot == NULL) slot = slot_create(set);
    int error = pthread_setspecific(set->key, slot);
    ASSERT(error == 0);
    return slot;
}

static inline EpochSlot *slot_get(EpochSet *set) {
    EpochSlot *slot = pthread_getspecific(set->key);
    return slot != NULL ? slot : slot_register(set);
}

// Takes up to RELEASE_BATCH entries retired before `before` off a slot's oldest bags.
static uint32_t slot_take_entries(EpochSlot *slot, uint64_t before, RetiredEntry *entries_out) {
    uint32_t count = 0;
    mutex_lock(&slot->mutex);
    while (slot->oldest != NULL && count < RELEASE_BATCH) {
        RetiredBag *bag = slot->oldest;
        while (bag->first < bag->count && count < RELEASE_BATCH
               && bag->entries[bag->first].epoch < before) {
            entries_out[count++] = bag->entries[bag->first++];
        }
        if (bag->first < bag->count) break;
        if (bag == slot->newest) { // kept for the next ones
            bag->first = bag->count = 0;
            break;
        }
        slot->oldest = bag->next;
        free(bag);
    }
    mutex_unlock(&slot->mutex);
    atomic_fetch_sub_explicit(&slot->waiting_count, count, memory_order_relaxed);
    return count;
}

static void slot_collect(EpochSlot *slot, uint64_t before) {
    RetiredEntry entries[RELEASE_BATCH];
    uint32_t count;
    do {
        count = slot_take_entries(slot, before, entries);
        for (uint32_t i = 0; i < count; i++)
            entries[i].release(entries[i].memory);
    } while (count == RELEASE_BATCH);
}

// Raises the epoch and returns the oldest one that a thread inside may have entered in. A thread
// that has read an older epoch but is not seen here publishes it after this scan, and so reads
// every pointer after whatever was retired had been unlinked.
static uint64_t set_raise(EpochSet *set) {
    uint64_t oldest = atomic_fetch_add(&set->epoch, 1) + 1;
    fence_others(set);
    EpochSlot *slot = atomic_load(&set->slots);
    for (; slot != NULL; slot = slot->next) {
        uint64_t epoch = atomic_load(&slot->epoch);
        if (epoch != 0 && epoch < oldest) oldest = epoch;
    }
    return oldest;
}

EpochSlot *epoch_pin(EpochSet *set) {
    EpochSlot *slot = slot_get(set);
    if (slot->depth++ > 0) return slot;
    uint64_t epoch = atomic_load_explicit(&set->epoch, memory_order_acquire);
    if (set->can_interrupt) { // the scan in set_raise has fenced us: see there
        atomic_store_explicit(&slot->epoch, epoch, memory_order_relaxed);
        atomic_signal_fence(memory_order_seq_cst);
    } else {
        atomic_store(&slot->epoch, epoch); // before any load of what comes
    }
    return slot;
}

static void slot_collect_own(EpochSlot *slot) {
    slot_collect(slot, set_raise(slot->set));
    // What an old reader holds back is not asked for at every leaving.
    slot->collect_at_count =
        atomic_load_explicit(&slot->waiting_count, memory_order_relaxed) + COLLECT_AT_COUNT;
}

void epoch_unpin(EpochSlot *slot) {
    ASSERT(slot->depth > 0);
    if (--slot->depth > 0) return;
    atomic_store_explicit(&slot->epoch, 0, memory_order_release);
    uint32_t waiting = atomic_load_explicit(&slot->waiting_count, memory_order_relaxed);
    if (__builtin_expect(waiting >= slot->collect_at_count, 0)) {
        slot_collect_own(slot);
    }
}

void epoch_enter(EpochSet *set) {
    (void)epoch_pin(set);
}

void epoch_leave(EpochSet *set) {
    epoch_unpin(slot_get(set));
}

bool epoch_is_inside(EpochSet *set) {
    const EpochSlot *slot = pthread_getspecific(set->key);
    return slot != NULL && slot->depth > 0;
}

void epoch_retire(EpochSet *set, void *memory, void (*release)(void *memory)) {
    EpochSlot *slot = slot_get(set);
    mutex_lock(&slot->mutex);
    if (slot->newest == NULL || slot->newest->count == BAG_ENTRY_COUNT) {
        RetiredBag *bag = malloc(sizeof *bag);
        if (bag == NULL) { // losing it is the one safe thing left to do
            mutex_unlock(&slot->mutex);
            LOG_ERROR("out of memory: an object that others may be reading is never freed");
            return;
        }
        bag->next = NULL;
        bag->first = bag->count = 0;
        if (slot->newest == NULL) {
            slot->oldest = bag;
        } else {
            slot->newest->next = bag;
        }
        slot->newest = bag;
    }
    slot->newest->entries[slot->newest->count++] = (RetiredEntry){
        .memory = memory,
        .release = release,
        .epoch = atomic_load(&set->epoch), // after the caller has unlinked it
    };
    mutex_unlock(&slot->mutex);
    atomic_fetch_add_explicit(&slot->waiting_count, 1, memory_order_relaxed);
}

void epoch_advance(EpochSet *set) {
    uint64_t oldest = set_raise(set);
    EpochSlot *slot = atomic_load(&set->slots);
    for (; slot != NULL; slot = slot->next)
        slot_collect(slot, oldest);
}
