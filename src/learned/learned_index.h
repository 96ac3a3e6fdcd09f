// The learned index: an ordered set of (normalised key, row id), found through models.
//
// Model    learned-index.md part C with storage-rules 3-10, 25. Every index, unique or not, primary
//          key or not, is a set of pairs; equal keys are ordered by row id. The set is a superset
//          of what any snapshot needs: readers re-check the row. Entries are not logged; a
//          checkpoint stores the leaves as of one instant, and replay adds what came later,
//          idempotently.
// Threads  Everything but create, open and destroy may be called by any thread. The caller of find,
//          seek and next is not inside an epoch; the index enters and leaves its own. No function
//          sleeps on a row lock: KeyProbe says WAIT and the call returns.
// Memory   Leaves are cached objects (store/cache.h); inner models are charged to `budget`.
// Errors   OUT_OF_MEMORY, IO_ERROR; INDEX_CORRUPTED (XX002) when a stored leaf is damaged, and the
//          table then rebuilds the index.
// Format   docs/index-format.md
#pragma once

#include "base/ids.h"
#include "batch/batch.h"
#include "store/cache.h"
#include "store/checkpoint_part.h"

typedef struct LearnedIndex LearnedIndex;

// What the row behind an entry is to a unique check or to a purge; answered by the table.
typedef enum KeyState {
    KEY_LIVE,       // newest committed (or own) version is live and carries the key
    KEY_DEAD,       // no retained version that matters carries the key
    KEY_WAIT,       // an uncommitted change by another decides: wait and come again
    KEY_NEEDS_READ, // the row is not in memory: load it and come again
} KeyState;

typedef struct KeyProbe {
    // Called under the key's lock: never waits, never does I/O, never allocates.
    KeyState (*is_rival)(void *argument, Bytes key, RowId row);  // for add_unique
    KeyState (*is_needed)(void *argument, Bytes key, RowId row); // for remove_if: DEAD removes
    void *argument;
} KeyProbe;

typedef struct LearnedIndexOptions {
    uint32_t key_width;   // bytes of every key when fixed (1 to 16), or 0
    bool is_unique;       // keys mostly have one row: choose leaves for that
    uint64_t incarnation; // of the database now: leaves of another are not exact
    MemoryBudget *budget;
} LearnedIndexOptions;

Status learned_index_create(Cache *cache, LearnedIndexOptions options, LearnedIndex **index_out);

// From an image that learned_index_write left. Reads the leaf table, not the leaves.
Status learned_index_open(
    Cache *cache, LearnedIndexOptions options, Bytes image_root, LearnedIndex **index_out);

// Frees the memory. learned_index_drop frees its extents too.
void learned_index_destroy(LearnedIndex *index);
void learned_index_drop(LearnedIndex *index);

// Adds a pair; an existing one is fine.
Status learned_index_add(LearnedIndex *index, Bytes key, RowId row);

typedef enum AddOutcome {
    ADD_DONE,
    ADD_CONFLICT,  // *rival_out is live with this key; nothing was added
    ADD_MUST_WAIT, // *rival_out is undecided; nothing was added
    ADD_MUST_READ, // *rival_out is not in memory; nothing was added
} AddOutcome;

// Inspects, under the key's lock, every other row with this key, and adds only when none is a
// rival (storage-rules 7).
Status learned_index_add_unique(LearnedIndex *index, Bytes key, RowId row, const KeyProbe *probe,
    AddOutcome *outcome_out, RowId *rival_out);

// Removes the pair unless the probe says that it is needed. Best effort: when the leaf cannot be
// had, the entry stays as garbage and the leaf is no longer exact (storage-rules 10). Never fails.
void learned_index_remove_if(LearnedIndex *index, Bytes key, RowId row, const KeyProbe *probe);

// Whether the pair is there: one search, however many rows the key has.
Status learned_index_has(LearnedIndex *index, Bytes key, RowId row, bool *found_out);

// Row ids of a key: as many as fit; `more_out` when there are more (then seek).
Status learned_index_find(LearnedIndex *index, Bytes key, RowId *rows_out, uint32_t row_max,
    uint32_t *count_out, bool *more_out);

// Up to 16 keys at once, the misses of one hidden behind the others. rows_out[i] is the first row
// of keys[i]; ROW_ID_NONE when it has none. `more_out[i]` when it has several.
#define ROW_ID_NONE ((RowId){UINT64_MAX})
Status learned_index_find_batch(
    LearnedIndex *index, const Bytes *keys, uint32_t count, RowId *rows_out, bool *more_out);

// An ordered walk. Bounds are byte strings; an empty `data == NULL` bound is open.
typedef struct KeyRange {
    Bytes low, high;
    bool low_inclusive, high_inclusive;
} KeyRange;

typedef struct IndexCursor IndexCursor;

Status learned_index_seek(LearnedIndex *index, const KeyRange *range, bool is_backward,
    Arena *arena, IndexCursor **cursor_out);

// The next pairs, in order, greater than all before; 0 at the end. keys_out may be NULL; keys live
// until the next call.
Status index_cursor_next(
    IndexCursor *cursor, RowId *rows_out, Bytes *keys_out, uint32_t row_max, uint32_t *count_out);
void index_cursor_close(IndexCursor *cursor);

// About how many entries are before `key`: from the models, without reading leaves.
double learned_index_rank(LearnedIndex *index, Bytes key);
uint64_t learned_index_entry_count(const LearnedIndex *index);
// About how many bytes it has: models, and leaves, of which those on disk count as those in memory
// do on average.
uint64_t learned_index_bytes(LearnedIndex *index);

// Fills an empty index from pairs in order. Errors: DATA_CORRUPTED when they are not.
typedef struct IndexBulk IndexBulk;
Status learned_index_bulk_begin(LearnedIndex *index, IndexBulk **bulk_out);
Status learned_index_bulk_add(IndexBulk *bulk, Bytes key, RowId row);
Status learned_index_bulk_end(IndexBulk *bulk); // frees it

// ---- Checkpoint: called by table's CheckpointPart
// ------------------------------------------------

void learned_index_flip(LearnedIndex *index, uint64_t epoch);

// Writes the leaves of the flip instant that are not stored yet, and the leaf table; appends the
// image's root (what learned_index_open takes) to `root_out`.
Status learned_index_write(LearnedIndex *index, const CheckpointWork *work, Text *root_out);
void learned_index_finish(LearnedIndex *index, const CheckpointWork *work, bool is_durable);

// Every extent an image refers to, for marks and checks.
Status learned_index_image_extents(
    Store *store, Bytes image_root, Status (*visit)(void *argument, ExtentRef ref), void *argument);

// Verifies order, models, bounds and counts. Errors: INDEX_CORRUPTED.
Status learned_index_check(LearnedIndex *index);
void learned_index_dump(LearnedIndex *index, Text *out);
