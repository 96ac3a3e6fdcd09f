// The cache of stored objects: each object hangs off exactly one slot of its owner, so that finding
// it needs no hashing, and it can be evicted because the slot remembers where its bytes are.
//
// Model    A slot holds the frame in memory, or NULL, and the newest stored bytes, or none. A frame
//          starts every cached object. Inside an epoch a frame that was found in its slot stays
//          readable; to keep it across a wait, pin it. A changed object is dirty: its bytes in
//          memory differ from slot->disk.
// Threads  Any. cache_load may do I/O: the caller is outside epochs and holds no latch.
// Memory   Frames are charged to the cache's budget, control structures to their owner's.
#pragma once

#include "os/epoch.h"
#include "os/latch.h"
#include "store/store.h"

typedef struct Cache Cache;
typedef struct CacheFrame CacheFrame;
typedef struct CacheSlot CacheSlot;

struct CacheSlot {
    _Atomic(CacheFrame *) frame; // release-stored when loaded; acquire-loaded by readers
    ExtentRef disk;              // newest stored bytes; guarded by the frame's latch while resident
};

typedef struct ObjectKind {
    const char *name;
    ExtentKind extent;
    LatchRank rank; // of the frames' latches
    // Whether the frame may leave memory now (no versions the owner keeps in the frame, ...).
    bool (*can_evict)(const CacheFrame *frame);
    // Appends the bytes to store. Called with the frame latched, and outside epochs.
    Status (*encode)(const CacheFrame *frame, Text *bytes_out);
    // Makes the object from stored bytes, which it must not trust, in a frame that it takes from
    // cache_frame_create. The bytes are whole blocks: zeros may follow what was encoded.
    Status (*decode)(void *owner, Bytes bytes, CacheFrame **frame_out);
    // Frees what the object owns beside its frame, when nobody reads it any more; may be NULL. The
    // frame itself is the cache's. Called outside latches, on any thread.
    void (*destroy)(CacheFrame *frame);
} ObjectKind;

// First member of every cached object.
struct CacheFrame {
    Latch latch;
    CacheSlot *slot;
    const ObjectKind *kind;
    void *owner;
    Cache *cache;
    uint32_t bytes;        // of memory
    _Atomic uint32_t pins; // a count and the cache's own marks
    _Atomic bool is_dirty; // set and cleared under the latch
    _Atomic bool was_used; // set by readers only when clear; cleared by the clock hand
    bool is_cut;           // private to the cache, as is the next
    uint32_t position;
    uint64_t captured; // the checkpoint epoch that has this object's image; owner's use
};

Status cache_create(Store *store, EpochSet *epochs, MemoryBudget *budget, Cache **cache_out);

// Who is told, on any thread, that a frame waits for room and nothing can be evicted: it should end
// soon what keeps frames in memory (versions that nobody needs). It does not do so in the call,
// since the one who waits may hold locks. Set before the first frame is made.
void cache_on_shortage(Cache *cache, void (*shortage)(void *argument), void *argument);

void cache_destroy(Cache *cache); // owners have removed their frames

// Takes memory for a frame of `bytes` in all, evicting others if need be, zeroed, with the header
// filled and pinned once. Inside an epoch it writes nothing to make room, and may go a little over
// the budget instead. Elsewhere it waits for a second before it gives up. Errors: OUT_OF_MEMORY.
Status cache_frame_create(
    Cache *cache, const ObjectKind *kind, void *owner, size_t bytes, CacheFrame **frame_out);

// Gives back a frame that was never attached.
void cache_frame_destroy(CacheFrame *frame);

// Puts a frame into an empty slot; from now on others find it. It stays pinned.
void cache_attach(Cache *cache, CacheSlot *slot, CacheFrame *frame);

// Puts a new frame in the place of the slot's old one, which is latched by the caller; the old one
// becomes obsolete, is unlatched, and is destroyed when nobody reads it. The new one stays pinned.
void cache_replace(Cache *cache, CacheSlot *slot, CacheFrame *old_frame, CacheFrame *new_frame);

// Takes a frame out of its slot for good (its object was dropped); destroyed when nobody reads it.
// The caller does not hold its latch; slot->disk is the caller's to free.
void cache_detach(Cache *cache, CacheSlot *slot);

// The slot's frame, pinned, read from disk if need be. Errors: IO_ERROR, DATA_CORRUPTED,
// OUT_OF_MEMORY.
Status cache_load(
    Cache *cache, CacheSlot *slot, const ObjectKind *kind, void *owner, CacheFrame **frame_out);

// The slot's frame if it is in memory; NULL otherwise. The caller is inside an epoch.
static inline CacheFrame *cache_find(CacheSlot *slot) {
    return atomic_load_explicit(&slot->frame, memory_order_acquire);
}

// Inside an epoch. False when the frame is on its way out.
bool cache_pin(CacheFrame *frame);
void cache_unpin(CacheFrame *frame);

static inline void cache_touch(CacheFrame *frame) {
    if (!atomic_load_explicit(&frame->was_used, memory_order_relaxed)) {
        atomic_store_explicit(&frame->was_used, true, memory_order_relaxed);
    }
}

// Evicts until the budget has `bytes` of room, writing dirty objects to fresh extents.
// False when nothing more can be evicted.
bool cache_make_room(Cache *cache, size_t bytes);

size_t cache_used_bytes(const Cache *cache);
uint64_t cache_evicted_count(const Cache *cache); // objects since it was made
Store *cache_store(const Cache *cache);
EpochSet *cache_epochs(const Cache *cache);
