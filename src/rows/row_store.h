// Row store: the hot rows of one store, by row id, newest version in place.
//
// Model    Row id -> group -> page -> slot is arithmetic and two loads. A group fixes how many rows
//          its pages have when it is started. Old versions hang on the page's slot, not on its
//          frame. Writers find out by the record at the head of a row's chain whether somebody else
//          is changing it, and wait for that transaction when it decides.
// Threads  Everything but create, destroy and load may be called by any thread, outside epochs.
// Format   docs/row-format.md
#pragma once

#include "rows/row_batch.h"
#include "rows/row_layout.h"
#include "store/checkpoint_part.h"
#include "txn/undo.h"
#include "types/key.h"

typedef struct RowStore RowStore;

typedef struct RowStoreOptions {
    Cache *cache;
    TxnSystem *txns;
    MemoryBudget *budget; // control structures
    StoreId store;
    UndoOwner *owner; // of every record; filled in by the table
} RowStoreOptions;

Status row_store_create(RowStoreOptions options, RowStore **store_out);
// Frees memory and frames; row_store_drop frees the extents too. No record refers to it any more.
void row_store_destroy(RowStore *store);
void row_store_drop(RowStore *store);

// The layout that rows are written with from now on. The store owns it, and every earlier one.
void row_store_add_layout(RowStore *store, RowLayout *layout);       // gives it
void row_store_set_layout(RowStore *store, const RowLayout *layout); // one it has
const RowLayout *row_store_layout(const RowStore *store);
uint16_t row_store_next_layout_version(const RowStore *store);

// ---- Writing ------------------------------------------------------------------------------------

// Errors: OUT_OF_MEMORY, PROGRAM_LIMIT_EXCEEDED for a row that is too large, IO_ERROR.
Status row_store_insert(RowStore *store, Txn *txn, const Value *values, RowId *row_out);
// The selected rows of a batch that has one column a column of the layout, page by page; their ids
// in order. With an error *count_out of them are there, for the statement to roll back.
Status row_store_insert_batch(
    RowStore *store, Txn *txn, const Batch *batch, RowId *rows_out, uint32_t *count_out);

typedef enum RowOutcome {
    ROW_DONE,
    ROW_CHANGED, // changed since `seen` by a committed transaction; the row is locked now
    ROW_GONE,    // deleted by a committed transaction, or never was
    ROW_OWN,     // this command has changed it
    ROW_SKIPPED, // locked by another, and the policy is WAIT_SKIP
} RowOutcome;

typedef struct RowChange {
    const uint64_t *columns;     // one bit a column to change
    const uint64_t *key_columns; // one bit a column of any index
    const Value *values;         // one a column
} RowChange;

// Waits for others as needed. Errors: SERIALIZATION_FAILURE in REPEATABLE READ, and those of
// txn_wait_for and row_store_insert.
Status row_store_update(RowStore *store, Txn *txn, RowId row, Snapshot seen,
    const RowChange *change, RowOutcome *outcome_out, bool *keys_changed_out);
Status row_store_delete(
    RowStore *store, Txn *txn, RowId row, Snapshot seen, bool has_keys, RowOutcome *outcome_out);
Status row_store_lock(RowStore *store, Txn *txn, RowId row, Snapshot seen, WaitPolicy policy,
    RowOutcome *outcome_out);

// Waits until whoever is changing the row has ended; at once when nobody is.
Status row_store_wait(RowStore *store, Txn *txn, RowId row);

// ---- Reading ------------------------------------------------------------------------------------

// What a row must still be to count as found by an index entry.
typedef struct KeyCheck {
    const KeyFormat *format;
    const uint16_t *columns; // of the row, in the key's order
    const Bytes *keys;       // one a row asked for
    uint32_t integer_width;  // 4 or 8 when a key is a signed integer's bytes alone; 0 otherwise
} KeyCheck;

// Appends those of `rows` that the reader sees, in the order given, as many as fit in the batch;
// `done_out` counts the rows looked at. `check` may be NULL.
Status row_store_fetch(RowStore *store, const UndoReader *reader, const RowId *rows,
    uint32_t row_count, const KeyCheck *check, RowBatch *batch, uint32_t *done_out);

// Appends the visible rows of the next pages, from *page_inout on, until the batch might not hold
// another page. Pages are numbered through groups; the end is row_store_page_end.
typedef struct RowPosition {
    uint32_t group, page;
} RowPosition;

Status row_store_scan(RowStore *store, const UndoReader *reader, RowPosition *position_inout,
    RowPosition end, RowBatch *batch);
RowPosition row_store_end(RowStore *store); // after the last page there is now
// Moves on by pages that hold at most `row_room` rows together; false when there is no room for
// one, or no page before the end.
bool row_store_advance(
    RowStore *store, RowPosition *position_inout, RowPosition end, uint32_t row_room);

// The newest version that is committed or the transaction's own. False when it is gone.
Status row_store_fetch_newest(
    RowStore *store, Txn *txn, RowId row, RowBatch *batch, bool *found_out);

// Rows that are live in their newest version.
uint64_t row_store_row_count(const RowStore *store);
// About how many bytes its pages have: their number times what a page of rows like these takes.
uint64_t row_store_bytes(RowStore *store);

// ---- Keys, for unique checks, purge and check ---------------------------------------------------

typedef enum RowKeyState {
    ROW_KEY_LIVE,    // newest committed (or own) version is live and carries the key
    ROW_KEY_DEAD,    // neither that nor an undecided version does
    ROW_KEY_PENDING, // another transaction's uncommitted change decides
    ROW_KEY_ABSENT,  // the page is not in memory
} RowKeyState;

// Neither waits nor allocates (but for keys longer than 256 bytes). `own` may be NULL.
RowKeyState row_store_key_rival(RowStore *store, const TxnHistory *own, const KeyFormat *format,
    const uint16_t *columns, Bytes key, RowId row);
// LIVE when a version that anybody may still need carries the key; else DEAD, or ABSENT.
RowKeyState row_store_key_needed(
    RowStore *store, const KeyFormat *format, const uint16_t *columns, Bytes key, RowId row);

// Brings a row's page into memory.
Status row_store_load_row(RowStore *store, RowId row);

// ---- What table's UndoActions are made of -------------------------------------------------------

// Values of the columns in `columns`, copied to `arena`, as the row is now (before a rollback), or
// as it was before the record; false when it is or was not live. Only values_now may read the disk,
// and only for a row without versions.
Status row_store_values_now(RowStore *store, RowId row, const uint64_t *columns, Arena *arena,
    Value *values_out, bool *is_live_out);
bool row_store_values_before(
    RowStore *store, UndoRecord *record, const uint64_t *columns, Arena *arena, Value *values_out);

// Rollback of one row of a record: puts it back, with the record still in the chain; then unlinks
// it. The last of an UNDO_INSERT's rows unlinks the record.
void row_store_restore(RowStore *store, UndoRecord *record, RowId row);
void row_store_unlink_restored(RowStore *store, UndoRecord *record, RowId row, bool is_last);

// Collection. Marks the record and what is behind it dead; false when another collector has it.
// *next_out is the record behind a record, for reading what they need gone.
bool row_store_purge_begin(RowStore *store, UndoRecord *record);
UndoRecord *row_store_purge_next(UndoRecord *record); // NULL at the end or at an UNDO_INSERT
void row_store_purge_end(RowStore *store, UndoRecord *record);

// ---- Replay: one version, nothing to undo -------------------------------------------------------

// Writes a row as of now, live, whatever was there.
Status row_store_replay_put(RowStore *store, RowId row, const Value *values);
Status row_store_replay_update(
    RowStore *store, RowId row, const uint64_t *columns, const Value *values, bool *found_out);
Status row_store_replay_delete(RowStore *store, RowId row);

// ---- Images -------------------------------------------------------------------------------------

// How far rows went when the image was fixed.
typedef struct RowStoreMark {
    uint32_t group_count, next_page, point_count;
    uint64_t row_count;

    struct {
        uint32_t group, page, next;
    } points[8];
} RowStoreMark;

void row_store_flip(RowStore *store, RowStoreMark *mark_out);

// Writes the pages that changed since the last image, as of the snapshot, and the descriptors above
// them; appends to `entry` what row_store_load takes. Errors: IO_ERROR, DISK_FULL, OUT_OF_MEMORY,
// QUERY_CANCELED when the work was cancelled.
Status row_store_write(
    RowStore *store, const RowStoreMark *mark, const CheckpointWork *work, Text *entry);

// Into an empty store that has its layouts. Reads descriptors, no pages. Errors: DATA_CORRUPTED.
Status row_store_load(RowStore *store, Bytes *entry);

// Every extent of the last image, written or loaded, each once.
Status row_store_extents(
    RowStore *store, Status (*visit)(void *argument, ExtentRef ref), void *argument);
uint64_t row_store_dirty_bytes(const RowStore *store);

// Every layout the store ever had, and the way back; `current` (given) takes the place of the one
// with its version.
void row_store_encode_layouts(RowStore *store, Text *out);
Status row_store_load_layouts(RowStore *store, RowLayout *current, Bytes *bytes);
