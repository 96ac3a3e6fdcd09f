// The learned index from inside: leaf entries, routing, and who may change what.
//
// Model    Inner nodes route a pair to a leaf entry; the entry owns the leaf through its cache
//          slot, keeps a copy of the leaf's first model, and links to its neighbours. A leaf's
//          range never changes: a structural change makes new entries and leaves the old one dead.
// Threads  Readers: inside an epoch, storing nothing; they validate the leaf's latch version.
//          Writers: the leaf's latch. Structural changes: the structure mutex, then the latch.
//          Whoever finds a leaf obsolete starts again from the root.
#pragma once

#include "learned/inner_node.h"
#include "learned/leaf.h"
#include "learned/learned_index.h"
#include "learned/word_find.h"

// What word_find.c needs to know of a leaf, in the line of the pointer to its frame: the model, if
// it is one line, and the form. Only who has the leaf's frame latched writes it, so that it holds
// for a reader if the frame's version does. A form of 0 says: unknown, or not plain, or dead.
typedef struct LeafHint {
    _Atomic uint64_t first;
    _Atomic double slope, start;
    _Atomic uint64_t form;
} LeafHint;

static inline uint64_t leaf_form_make(const LeafBody *body) {
    return atomic_load_explicit(&body->block_count, memory_order_relaxed)
           | (uint64_t)body->segment_count << 16 | (uint64_t)body->pivot_shift << 24
           | (uint64_t)(body->pivots_offset / 64) << 32;
}

static inline uint32_t leaf_form_blocks(uint64_t form) {
    return (uint32_t)(form & 0xFFFF);
}

static inline uint32_t leaf_form_segments(uint64_t form) {
    return (uint32_t)(form >> 16 & 0xFF);
}

static inline uint32_t leaf_form_pivot_shift(uint64_t form) {
    return (uint32_t)(form >> 24 & 0xFF);
}

static inline uint32_t leaf_form_pivots_offset(uint64_t form) {
    return (uint32_t)(form >> 32) * 64;
}

struct LeafEntry {
    CacheSlot cache;
    LeafHint hint;
    _Atomic(LeafEntry *) next;     // written under the structure mutex
    _Atomic(LeafEntry *) previous; // likewise
    LearnedIndex *index;
    _Atomic uint32_t pair_count; // a copy, relaxed
    _Atomic uint32_t refs;       // one of the structure, one each for loads under way
    uint16_t level;
    bool is_row_level;
    _Atomic bool is_dead; // replaced; set under its latch: who has latched it asks
    LeafEntry *below_in_grave;
    _Atomic bool is_exact;      // cleared when an entry could not be removed
    _Atomic uint64_t captured;  // the checkpoint epoch that has the leaf's image, relaxed
    uint32_t capture;           // its place among the captures; written by the flip
    _Atomic double rank_before; // pairs before the leaf when ranks were last counted; relaxed
};

typedef struct LeafCapture {
    LeafEntry *entry; // borrowed while the leaf is not captured; NULL afterwards
    ExtentRef ref;    // its stored bytes
    uint8_t *bytes;   // or a copy of them, not stored yet
    size_t byte_count;
    uint32_t pair_count;
    uint16_t level;
    bool is_row_level, is_exact;
    bool is_fresh; // `ref` was written by this checkpoint and is nobody's slot.disk
} LeafCapture;

typedef struct ExtentList {
    ExtentRef *refs;
    uint32_t count, capacity;
} ExtentList;

// The flip that is being written. Its arrays are filled under the structure mutex by the flip; the
// captures in them are guarded by `mutex`.
typedef struct Checkpointing {
    _Atomic uint64_t epoch; // of the flip until its finish; 0 otherwise
    Mutex mutex;
    LeafCapture *captures; // of all leaves, in order
    uint8_t *shape;        // the inner nodes at the flip, encoded
    uint32_t capture_count, capture_capacity, node_count;
    size_t shape_bytes, shape_capacity;
    // The table's chunks of the newest image, and of the one being written.
    ExtentList image, next_image;
    uint64_t image_hash; // of the newest table; 0 when it is not known
    uint64_t next_hash;
    bool is_reused; // the image being written is the newest one
} Checkpointing;

struct LearnedIndex {
    Cache *cache;
    EpochSet *epochs;
    Store *store;
    LearnedIndexOptions options;
    KeyShape shape;
    const WordFinder *word_finder; // NULL when keys are not words

    _Atomic(Child) root;
    Mutex structure; // guards every slot, link and count below; taken before leaf latches
    LeafEntry *first, *last;
    uint32_t leaf_count, node_count;
    uint64_t inner_bytes, gate_slice_count;
    uint64_t split_count, rebuild_count, push_count, grow_count; // structural changes by kind
    _Atomic uint64_t pair_count;
    _Atomic uint32_t zombie_count; // dead entries and nodes that are not freed yet
    _Atomic(LeafEntry *) grave;    // dead entries that nobody reads any more
    double ranked_pairs;           // pairs when ranks were last counted
    uint32_t ranked_changes;       // structural changes since

    Checkpointing checkpointing;
};

extern const ObjectKind leaf_object_kind;

static inline Child learned_index_root(const LearnedIndex *index) {
    return atomic_load_explicit(&index->root, memory_order_acquire);
}

static inline LeafEntry *learned_index_route(const LearnedIndex *index, const IndexPair *pair) {
    Child child = learned_index_root(index);
    while (!child_is_leaf(child)) {
        const InnerNode *node = child_node(child);
        child = inner_node_child(node, inner_node_slot(node, index->shape, pair));
    }
    return child_leaf(child);
}

Status leaf_entry_create(
    LearnedIndex *index, uint32_t level, bool is_row_level, LeafEntry **entry_out);
void leaf_entry_destroy(LeafEntry *entry); // with its frame and its extent; nobody reads it
void leaf_entry_unref(LeafEntry *entry);
void learned_index_bury(LearnedIndex *index); // frees what is in the grave

// Loads a cold leaf into memory; the caller is inside the epoch and leaves it by this call.
Status leaf_entry_load(LeafEntry *entry);

// Puts a new frame into a new entry, or into the place of the entry's latched frame, and unpins it.
void leaf_entry_attach(LeafEntry *entry, CacheFrame *frame);
void leaf_entry_replace(LeafEntry *entry, CacheFrame *old_frame, CacheFrame *new_frame);

// Lets word_find.c use a leaf that has come from its image.
void leaf_entry_learn(LeafEntry *entry, CacheFrame *frame);

// Marks a latched leaf as changed, and keeps the entry's copy of its count.
void leaf_entry_changed(LeafEntry *entry, CacheFrame *frame);

static inline LeafEntry *leaf_entry_next(const LeafEntry *entry) {
    return atomic_load_explicit(&entry->next, memory_order_acquire);
}

static inline LeafEntry *leaf_entry_previous(const LeafEntry *entry) {
    return atomic_load_explicit(&entry->previous, memory_order_acquire);
}

// A leaf found for reading: optimistic, or latched when writers left no time for that.
typedef struct LeafRead {
    LeafEntry *entry;
    CacheFrame *frame;
    uint64_t version;
    bool is_latched;
} LeafRead;

// False: start again from the root. `attempt` counts the caller's tries.
bool leaf_read_begin(LeafEntry *entry, CacheFrame *frame, uint32_t attempt, LeafRead *read_out);
bool leaf_read_end(const LeafRead *read); // whether what was read holds

// Under the leaf's latch, before a change: keeps the flip instant's image.
// Errors: OUT_OF_MEMORY.
Status leaf_entry_prepare_change(LeafEntry *entry, CacheFrame *frame);

// A unique check that is made under the latch of the leaf that takes the pair.
typedef enum UniqueOutcome {
    UNIQUE_ADDED = ADD_DONE,
    UNIQUE_CONFLICT = ADD_CONFLICT,
    UNIQUE_MUST_WAIT = ADD_MUST_WAIT,
    UNIQUE_MUST_READ = ADD_MUST_READ,
    UNIQUE_LOOK_AGAIN, // the key has come to leaves of its own, or has left them
} UniqueOutcome;

typedef struct UniqueCheck {
    const KeyProbe *probe;
    Bytes key;
    RowId row, rival;
    UniqueOutcome outcome;
} UniqueCheck;

// Asks about the other rows of the lane that has the key.
AddOutcome unique_check_inspect(UniqueCheck *check, const LeafView *view, const IndexPair *pair);

// Adds a pair whose leaf is full, changing the structure. Errors: OUT_OF_MEMORY, IO_ERROR.
Status restructure_add(LearnedIndex *index, const IndexPair *pair, bool *was_added_out);

// Likewise, under the structure mutex; with `check` (or NULL) nothing is added when it fails.
Status restructure_add_locked(
    LearnedIndex *index, const IndexPair *pair, UniqueCheck *check, bool *was_added_out);

// Counts the pairs before each leaf anew. Under the structure mutex.
void learned_index_count_ranks(LearnedIndex *index);

// An index without leaves. Errors: OUT_OF_MEMORY.
Status learned_index_allocate(Cache *cache, LearnedIndexOptions options, LearnedIndex **index_out);

// Room to capture so many leaves below so many nodes, so that a flip cannot fail; under the
// structure mutex. Errors: OUT_OF_MEMORY.
Status checkpointing_reserve(
    LearnedIndex *index, uint32_t leaf_count, uint32_t node_count, uint64_t gate_slice_count);
void checkpointing_deinit(LearnedIndex *index);
void learned_index_free_image(LearnedIndex *index); // the extents of the newest image
