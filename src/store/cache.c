// Frames, their budget, and the clock that evicts them.
//
// Model    `ring` holds every attached frame; the clock's hand goes round it. `pins` counts those
//          who keep a frame, with two marks: GONE, it has left its slot and takes no new pin; DEAD,
//          the epoch in which it left has passed, so whoever takes the last pin off frees it.
//          A frame leaves its slot under its latch, and its latch becomes obsolete, so that who
//          waited for it goes back to the slot.
//          Evicting a dirty frame encodes it under its latch, writes without it, and takes it out
//          only when nobody has latched it in between.
//          One thread loads a slot; the others that want it wait. So the reference of an empty slot
//          does not change under its loader.
#include "store/cache.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "os/thread.h"
#include "store/frame_memory.h"

#include <stdlib.h>

#define PIN_GONE  (UINT32_C(1) << 31)
#define PIN_DEAD  (UINT32_C(1) << 30)
#define PIN_COUNT (PIN_DEAD - 1)

#define NOT_IN_RING UINT32_MAX

enum {
    SHARD_COUNT = 32,
    LOADING_MAX = 64,     // slots that load at once, a shard
    OVERDRAFT_SHARE = 16, // what frames made inside an epoch may take beyond the budget
};

enum { ROOM_TRIES = 100, ROOM_WAITS = 1000, ROOM_WAIT_US = 1000 };

typedef struct LoadShard {
    Mutex mutex;
    Condition condition; // something has finished loading
    const CacheSlot *loading[LOADING_MAX];
    uint32_t count;
} LoadShard;

struct Cache {
    Store *store;
    EpochSet *epochs;
    MemoryBudget *budget;
    FrameMemory *memory;
    _Atomic size_t used_bytes;
    _Atomic uint64_t evicted_count;
    void (*shortage)(void *argument);
    void *shortage_argument;

    Mutex mutex; // guards the ring
    CacheFrame **ring;
    uint32_t ring_count, ring_capacity;
    uint32_t made_count; // frames that are made and not yet attached: the ring has room for them
    uint32_t hand;

    LoadShard shards[SHARD_COUNT];
};

Status cache_create(Store *store, EpochSet *epochs, MemoryBudget *budget, Cache **cache_out) {
    Cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    cache->store = store;
    cache->epochs = epochs;
    cache->budget = budget;
    cache->memory = frame_memory_create();
    if (cache->memory == NULL) {
        free(cache);
        return fail(OUT_OF_MEMORY, "out of memory");
    }
    mutex_init(&cache->mutex, LATCH_RANK_CACHE);
    for (int i = 0; i < SHARD_COUNT; i++) {
        mutex_init(&cache->shards[i].mutex, LATCH_RANK_CACHE);
        condition_init(&cache->shards[i].condition);
    }
    *cache_out = cache;
    return OK;
}

void cache_on_shortage(Cache *cache, void (*shortage)(void *argument), void *argument) {
    cache->shortage = shortage;
    cache->shortage_argument = argument;
}

void cache_destroy(Cache *cache) {
    if (cache == NULL) return;
    ASSERT(cache->ring_count == 0);
    for (int i = 0; i < SHARD_COUNT; i++) {
        mutex_deinit(&cache->shards[i].mutex);
        condition_deinit(&cache->shards[i].condition);
    }
    mutex_deinit(&cache->mutex);
    frame_memory_destroy(cache->memory);
    free(cache->ring);
    free(cache);
}

uint64_t cache_evicted_count(const Cache *cache) {
    return atomic_load_explicit(&cache->evicted_count, memory_order_relaxed);
}

size_t cache_used_bytes(const Cache *cache) {
    return atomic_load_explicit(&cache->used_bytes, memory_order_relaxed);
}

Store *cache_store(const Cache *cache) {
    return cache->store;
}

EpochSet *cache_epochs(const Cache *cache) {
    return cache->epochs;
}

// ---- Memory of frames ---------------------------------------------------------------------------

static void frame_free(CacheFrame *frame) {
    Cache *cache = frame->cache;
    if (frame->kind->destroy != NULL) frame->kind->destroy(frame);
    memory_budget_release(cache->budget, frame->bytes);
    atomic_fetch_sub_explicit(&cache->used_bytes, frame->bytes, memory_order_relaxed);
    frame_memory_free(cache->memory, frame, frame->bytes, frame->is_cut);
}

// Makes room while what keeps the frames in memory is being ended elsewhere.
static bool budget_wait(Cache *cache, size_t bytes) {
    bool is_taken = false;
    blocking_begin();
    for (int waits = 0; waits < ROOM_WAITS && !is_taken; waits++) {
        cache->shortage(cache->shortage_argument);
        _Atomic uint32_t nothing = 0;
        word_wait(&nothing, 0, ROOM_WAIT_US);
        (void)cache_make_room(cache, bytes);
        is_taken = memory_budget_try_reserve(cache->budget, bytes);
    }
    blocking_end();
    return is_taken;
}

// Takes `bytes` off the budget, evicting if need be. What is evicted inside an epoch would not come
// back before its end.
static Status budget_take(Cache *cache, size_t bytes) {
    size_t limit = cache->budget->limit_bytes;
    if (memory_budget_try_reserve(cache->budget, bytes)) return OK;
    if (epoch_is_inside(cache->epochs)) {
        if (memory_budget_used(cache->budget) + bytes > limit + limit / OVERDRAFT_SHARE) {
            return memory_budget_reserve(cache->budget, bytes); // fails with the budget's words
        }
        memory_budget_force(cache->budget, bytes);
        return OK;
    }
    // Others take the room that is made, and what is evicted comes back only when they have left
    // their epochs, so one try proves nothing.
    for (int tries = 0; tries < ROOM_TRIES; tries++) {
        if (!cache_make_room(cache, bytes)) thread_yield();
        if (memory_budget_try_reserve(cache->budget, bytes)) return OK;
    }
    if (cache->shortage != NULL && budget_wait(cache, bytes)) return OK;
    return memory_budget_reserve(cache->budget, bytes);
}

// Keeps the ring large enough for every frame that is made, so that attaching cannot fail.
static Status ring_reserve(Cache *cache) {
    mutex_lock(&cache->mutex);
    Status status = OK;
    if (cache->ring_count + cache->made_count == cache->ring_capacity) {
        uint32_t capacity = cache->ring_capacity == 0 ? 256 : cache->ring_capacity * 2;
        CacheFrame **ring = realloc(cache->ring, capacity * sizeof(CacheFrame *));
        if (ring == NULL) {
            status = fail(OUT_OF_MEMORY, "out of memory");
        } else {
            cache->ring = ring;
            cache->ring_capacity = capacity;
        }
    }
    if (status == OK) cache->made_count++;
    mutex_unlock(&cache->mutex);
    return status;
}

static void ring_unreserve(Cache *cache) {
    mutex_lock(&cache->mutex);
    cache->made_count--;
    mutex_unlock(&cache->mutex);
}

Status cache_frame_create(
    Cache *cache, const ObjectKind *kind, void *owner, size_t bytes, CacheFrame **frame_out) {
    ASSERT(bytes >= sizeof(CacheFrame));
    size_t rounded = (bytes + 63) & ~(size_t)63;
    TRY(budget_take(cache, rounded));
    Status status = ring_reserve(cache);
    bool is_cut;
    CacheFrame *frame =
        status == OK ? frame_memory_allocate(cache->memory, rounded, &is_cut) : NULL;
    if (frame == NULL) {
        if (status == OK) {
            ring_unreserve(cache);
            status = fail(OUT_OF_MEMORY, "out of memory");
        }
        memory_budget_release(cache->budget, rounded);
        return status;
    }
    memset(frame, 0, rounded);
    latch_init(&frame->latch);
    frame->kind = kind;
    frame->owner = owner;
    frame->cache = cache;
    frame->bytes = (uint32_t)rounded;
    frame->is_cut = is_cut;
    frame->position = NOT_IN_RING;
    atomic_init(&frame->pins, 1);
    atomic_init(&frame->was_used, true);
    atomic_fetch_add_explicit(&cache->used_bytes, rounded, memory_order_relaxed);
    *frame_out = frame;
    return OK;
}

void cache_frame_destroy(CacheFrame *frame) {
    ASSERT(frame->position == NOT_IN_RING && frame->slot == NULL);
    ring_unreserve(frame->cache);
    frame_free(frame);
}

bool cache_pin(CacheFrame *frame) {
    uint32_t pins = atomic_load_explicit(&frame->pins, memory_order_relaxed);
    do {
        if ((pins & PIN_GONE) != 0) return false;
    } while (!atomic_compare_exchange_weak_explicit(
        &frame->pins, &pins, pins + 1, memory_order_acquire, memory_order_relaxed));
    return true;
}

void cache_unpin(CacheFrame *frame) {
    uint32_t before = atomic_fetch_sub_explicit(&frame->pins, 1, memory_order_acq_rel);
    ASSERT((before & PIN_COUNT) > 0);
    if (before == (PIN_GONE | PIN_DEAD | 1)) frame_free(frame);
}

// The epoch has passed: nobody has the frame but those who pinned it.
static void frame_release(void *memory) {
    CacheFrame *frame = memory;
    uint32_t before = atomic_fetch_or_explicit(&frame->pins, PIN_DEAD, memory_order_acq_rel);
    if ((before & PIN_COUNT) == 0) frame_free(frame);
}

// ---- The ring -----------------------------------------------------------------------------------

// Guarded by the cache's mutex.
static void ring_add(Cache *cache, CacheFrame *frame) {
    ASSERT(cache->made_count > 0 && cache->ring_count < cache->ring_capacity);
    cache->made_count--;
    frame->position = cache->ring_count;
    cache->ring[cache->ring_count++] = frame;
}

static void ring_remove(Cache *cache, CacheFrame *frame) {
    ASSERT(cache->ring[frame->position] == frame);
    CacheFrame *last = cache->ring[--cache->ring_count];
    cache->ring[frame->position] = last;
    last->position = frame->position;
    frame->position = NOT_IN_RING;
}

void cache_attach(Cache *cache, CacheSlot *slot, CacheFrame *frame) {
    ASSERT(atomic_load_explicit(&slot->frame, memory_order_relaxed) == NULL);
    mutex_lock(&cache->mutex);
    frame->slot = slot;
    ring_add(cache, frame);
    mutex_unlock(&cache->mutex);
    atomic_store_explicit(&slot->frame, frame, memory_order_release);
}

// The frame, latched by the caller, has left its slot: unlatches it, and lets the epoch take it.
static void frame_leave(Cache *cache, CacheFrame *frame) {
    atomic_fetch_or_explicit(&frame->pins, PIN_GONE, memory_order_relaxed);
    mutex_lock(&cache->mutex);
    ring_remove(cache, frame);
    mutex_unlock(&cache->mutex);
    latch_unlock_obsolete(&frame->latch, frame->kind->rank);
    epoch_retire(cache->epochs, frame, frame_release);
}

void cache_replace(Cache *cache, CacheSlot *slot, CacheFrame *old_frame, CacheFrame *new_frame) {
    ASSERT(latch_is_held(&old_frame->latch));
    ASSERT(atomic_load_explicit(&slot->frame, memory_order_relaxed) == old_frame);
    mutex_lock(&cache->mutex);
    new_frame->slot = slot;
    ring_add(cache, new_frame);
    mutex_unlock(&cache->mutex);
    atomic_store_explicit(&slot->frame, new_frame, memory_order_release);
    frame_leave(cache, old_frame);
}

void cache_detach(Cache *cache, CacheSlot *slot) {
    for (;;) {
        epoch_enter(cache->epochs);
        CacheFrame *frame = cache_find(slot);
        bool is_latched = frame != NULL && latch_lock(&frame->latch, frame->kind->rank);
        if (is_latched) {
            atomic_store_explicit(&slot->frame, NULL, memory_order_release);
            frame_leave(cache, frame);
        }
        epoch_leave(cache->epochs);
        if (frame == NULL || is_latched) return; // obsolete: another frame took its place
    }
}

// ---- Eviction -----------------------------------------------------------------------------------

// How many frames one search may look at: each is seen once with its mark of use and once without,
// and some are passed over because others are moved behind the hand when they leave.
static uint64_t looks_max(Cache *cache) {
    mutex_lock(&cache->mutex);
    uint64_t looks = 3 * (uint64_t)cache->ring_count;
    mutex_unlock(&cache->mutex);
    return looks;
}

// The next frame that was not used since the hand last passed, pinned; NULL when there is none.
static CacheFrame *choose_victim(Cache *cache, uint64_t *looks_left) {
    CacheFrame *victim = NULL;
    mutex_lock(&cache->mutex);
    while (victim == NULL && cache->ring_count > 0 && *looks_left > 0) {
        (*looks_left)--;
        if (cache->hand >= cache->ring_count) cache->hand = 0;
        CacheFrame *frame = cache->ring[cache->hand++];
        if (atomic_load_explicit(&frame->pins, memory_order_relaxed) != 0) continue;
        if (atomic_exchange_explicit(&frame->was_used, false, memory_order_relaxed)) continue;
        if (cache_pin(frame)) victim = frame;
    }
    mutex_unlock(&cache->mutex);
    return victim;
}

// Writes a dirty frame, latched by the caller, to a fresh extent, without the latch meanwhile. True
// when nobody has latched it in between: it is clean and latched again. Otherwise it is unlatched.
static bool spill(Cache *cache, CacheFrame *frame) {
    Arena arena;
    arena_init(&arena, NULL);
    Text bytes;
    text_init(&bytes, &arena);
    Status status = frame->kind->encode(frame, &bytes);
    uint64_t version = latch_unlock_version(&frame->latch, frame->kind->rank);
    if (status == OK) status = arena_check(&arena);
    ExtentRef ref;
    if (status == OK) {
        status = store_write(cache->store, frame->kind->extent, text_bytes(&bytes), &ref);
    }
    arena_deinit(&arena);
    if (status != OK) {
        LOG_WARNING("an object could not be evicted: %s", error_get()->message);
        error_clear();
        return false;
    }
    if (!latch_lock_version(&frame->latch, version, frame->kind->rank)) {
        store_free_now(cache->store, ref); // nobody has seen it
        return false;
    }
    store_free(cache->store, frame->slot->disk);
    frame->slot->disk = ref;
    atomic_store_explicit(&frame->is_dirty, false, memory_order_relaxed);
    return true;
}

// Takes a frame, pinned by the caller, out of its slot if nobody needs it. The pin stays.
static bool evict(Cache *cache, CacheFrame *frame) {
    LatchRank rank = frame->kind->rank;
    if (!latch_try_lock(&frame->latch, rank)) return false;
    if (!frame->kind->can_evict(frame)) {
        latch_unlock(&frame->latch, rank);
        return false;
    }
    if (atomic_load_explicit(&frame->is_dirty, memory_order_relaxed) && !spill(cache, frame)) {
        return false;
    }
    uint32_t only_mine = 1;
    if (!atomic_compare_exchange_strong(&frame->pins, &only_mine, PIN_GONE | 1)) {
        latch_unlock(&frame->latch, rank);
        return false;
    }
    atomic_store_explicit(&frame->slot->frame, NULL, memory_order_release);
    frame_leave(cache, frame);
    atomic_fetch_add_explicit(&cache->evicted_count, 1, memory_order_relaxed);
    return true;
}

static bool budget_has_room(const Cache *cache, size_t bytes) {
    for (const MemoryBudget *budget = cache->budget; budget != NULL; budget = budget->parent) {
        if (memory_budget_used(budget) + bytes > budget->limit_bytes) return false;
    }
    return true;
}

bool cache_make_room(Cache *cache, size_t bytes) {
    if (epoch_is_inside(cache->epochs)) return budget_has_room(cache, bytes);
    uint64_t looks_left = looks_max(cache);
    size_t evicted_bytes = 0;
    while (!budget_has_room(cache, bytes)) {
        CacheFrame *victim = choose_victim(cache, &looks_left);
        if (victim != NULL) {
            size_t victim_bytes = victim->bytes;
            if (evict(cache, victim)) evicted_bytes += victim_bytes;
            cache_unpin(victim);
        }
        // Memory comes back when the epoch has passed.
        if (victim == NULL || evicted_bytes >= bytes) {
            epoch_advance(cache->epochs);
            evicted_bytes = 0;
        }
        if (victim == NULL) return budget_has_room(cache, bytes);
    }
    return true;
}

// ---- Loading ------------------------------------------------------------------------------------

static LoadShard *shard_of(Cache *cache, const CacheSlot *slot) {
    return &cache->shards[hash_u64((uint64_t)(uintptr_t)slot) % SHARD_COUNT];
}

static bool shard_is_loading(const LoadShard *shard, const CacheSlot *slot) {
    for (uint32_t i = 0; i < shard->count; i++) {
        if (shard->loading[i] == slot) return true;
    }
    return false;
}

// Becomes the slot's loader; false, after waiting, when another one was or the slot is full.
static bool loading_begin(Cache *cache, CacheSlot *slot) {
    LoadShard *shard = shard_of(cache, slot);
    mutex_lock(&shard->mutex);
    bool is_taken = shard->count == LOADING_MAX || shard_is_loading(shard, slot);
    bool is_mine = !is_taken && cache_find(slot) == NULL;
    if (is_mine) {
        shard->loading[shard->count++] = slot;
    } else if (is_taken) {
        condition_wait(&shard->condition, &shard->mutex);
    }
    mutex_unlock(&shard->mutex);
    return is_mine;
}

static void loading_end(Cache *cache, const CacheSlot *slot) {
    LoadShard *shard = shard_of(cache, slot);
    mutex_lock(&shard->mutex);
    for (uint32_t i = 0; i < shard->count; i++) {
        if (shard->loading[i] != slot) continue;
        shard->loading[i] = shard->loading[--shard->count];
        break;
    }
    condition_wake_all(&shard->condition);
    mutex_unlock(&shard->mutex);
}

static Status load_frame(
    Cache *cache, CacheSlot *slot, const ObjectKind *kind, void *owner, CacheFrame **frame_out) {
    ASSERT(!extent_is_none(slot->disk));
    if (extent_kind(slot->disk) != kind->extent) {
        return fail(DATA_CORRUPTED, "a reference to an object of kind \"%s\" names one of kind %d",
            kind->name, (int)extent_kind(slot->disk));
    }
    size_t count = extent_bytes(slot->disk);
    void *bytes = aligned_alloc(STORE_BLOCK_BYTES, count);
    if (bytes == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    Status status = store_read(cache->store, slot->disk, bytes);
    if (status == OK) status = kind->decode(owner, bytes_make(bytes, count), frame_out);
    free(bytes);
    return status;
}

static CacheFrame *find_and_pin(Cache *cache, CacheSlot *slot) {
    epoch_enter(cache->epochs);
    CacheFrame *frame = cache_find(slot);
    if (frame != NULL && !cache_pin(frame)) frame = NULL;
    epoch_leave(cache->epochs);
    return frame;
}

Status cache_load(
    Cache *cache, CacheSlot *slot, const ObjectKind *kind, void *owner, CacheFrame **frame_out) {
    CacheFrame *frame = find_and_pin(cache, slot);
    if (frame != NULL) {
        cache_touch(frame);
        *frame_out = frame;
        return OK;
    }
    ASSERT(!epoch_is_inside(cache->epochs)); // reading takes long
    blocking_begin();
    Status status = OK;
    while (status == OK && frame == NULL) {
        if (loading_begin(cache, slot)) {
            status = load_frame(cache, slot, kind, owner, &frame);
            if (status == OK) cache_attach(cache, slot, frame);
            loading_end(cache, slot);
        } else {
            frame = find_and_pin(cache, slot);
        }
    }
    blocking_end();
    if (status == OK) *frame_out = frame;
    return status;
}
