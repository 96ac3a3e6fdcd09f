// What the files of table share.
#pragma once

#include "learned/learned_index.h"
#include "os/thread.h"
#include "rows/row_store.h"
#include "table/table.h"

enum {
    TABLE_ROOT_COUNT = 1024,
    TABLE_LEAF_COUNT = 1024, // 2^20 stores
    SEQUENCE_BUCKET_COUNT = 256,
    KEY_SPACE_BYTES = 256,
    KEY_COLUMNS_MAX = 32, // of an index
    COUNTER_AHEAD = 1024, // OIDs and stores logged ahead
};

// When something defined by a transaction exists for others: at its commit. Until the commit has
// been noted here, its history tells, so that a checkpoint between the two misses nothing.
typedef struct Birth {
    const TxnHistory *history;
    uint64_t id;
    _Atomic uint64_t commit; // 0: not noted yet
} Birth;

void birth_begin(Birth *birth, Txn *txn);
void birth_done(Birth *birth, Lsn commit);
uint64_t birth_commit(const Birth *birth); // UINT64_MAX while it is not committed

typedef struct TableIndex {
    IndexSchema schema; // in its own arena
    KeyFormat format;
    uint32_t integer_width; // as in KeyCheck
    uint64_t *column_bits;  // one a column of the store
    LearnedIndex *learned;
    Birth birth;
    uint8_t *image; // the root of its last image, or NULL; of the checkpointer
    size_t image_bytes;
    struct TableIndex *next; // of every index the table ever had
    Arena arena;
} TableIndex;

// What a store looks like, from one definition statement to the next.
typedef struct Definition {
    struct Definition *older;
    StoreSchema schema; // indexes included, in the arena
    TableIndex **indexes;
    uint64_t *key_columns; // of any index
    uint64_t *all_columns;
    uint32_t word_count; // of such bitmaps
    const RowLayout *layout;
    Birth birth;
    Arena arena;
} Definition;

struct Table {
    UndoOwner owner; // first
    TableSet *set;
    StoreId id;
    RowStore *rows;
    _Atomic(Definition *) definition; // newest
    TableIndex *indexes;              // all; guarded by the set's mutex
    Definition *unused_definitions;   // rolled back; somebody may be looking still
    Birth birth;                      // of the store
    Birth death;                      // of its drop; `history` NULL while it lives
    _Atomic bool is_dropped;          // by a committed transaction
    Table *next_dropped;
};

typedef struct TableLeaf {
    _Atomic(Table *) tables[TABLE_LEAF_COUNT];
} TableLeaf;

typedef struct Sequence {
    Oid oid;
    Mutex mutex;
    SequenceState state;
    uint64_t version; // raised by every change; replay takes the highest
    Birth birth, death;
    struct Sequence *next;
} Sequence;

struct TableSet {
    Environment environment;
    TxnSystem *txns;
    Cache *cache;
    EpochSet *epochs;
    MemoryBudget *budget;
    uint64_t incarnation;

    Mutex mutex; // definitions, the lists below
    _Atomic(TableLeaf *) leaves[TABLE_ROOT_COUNT];
    _Atomic uint32_t store_end;         // ids of stores are below it
    struct TableCheckpoint *checkpoint; // the one that runs, or NULL; in its arena
    Table *dropped;                     // committed drops, to be freed when nobody needs them
    Sequence *sequences[SEQUENCE_BUCKET_COUNT];
    _Atomic uint64_t next_oid, logged_oid;
    _Atomic uint64_t next_store, logged_store;
    _Atomic uint64_t changed_rows; // since the last checkpoint, about
};

static inline Definition *table_definition(const Table *table) {
    return atomic_load_explicit(&table->definition, memory_order_acquire);
}

static inline Table *table_of_record(const UndoRecord *record) {
    return (Table *)(void *)record->owner;
}

extern const UndoActions table_undo_actions;

// definition.c
Status definition_create(
    const StoreSchema *schema, TableIndex *const *indexes, uint32_t index_count, Definition **out);
void definition_destroy(Definition *definition);
// From an image's root, or empty when there is none.
Status table_index_create_object(Table *table, const IndexSchema *schema, uint32_t column_count,
    Bytes image, TableIndex **index_out);
void table_index_destroy_object(TableIndex *index, bool must_drop);
Status layout_for(const StoreSchema *schema, uint16_t version, RowLayout **layout_out);

// table_set.c
// Without a definition and rows.
Status table_make_empty(TableSet *set, StoreId store, Table **table_out);
void table_destroy(Table *table, bool must_drop);
Status table_register(TableSet *set, Table *table);
void table_unregister(TableSet *set, Table *table);
void tables_free_dropped(TableSet *set);

// A key being built, without heap memory when it is short.
typedef struct KeyText {
    char space[KEY_SPACE_BYTES];
    Arena arena;
    Text text;
} KeyText;

static inline void key_text_init(KeyText *key) {
    arena_init(&key->arena, NULL);
    key->text = (Text){.data = key->space, .capacity = sizeof key->space - 1, .arena = &key->arena};
}

static inline void key_text_deinit(KeyText *key) {
    arena_deinit(&key->arena);
}

// index.c
// The key of a row's values (one a column of the store). False in *has_null_out unless a column of
// it is NULL. Errors: PROGRAM_LIMIT_EXCEEDED for a key that is too long.
Status index_key(const TableIndex *index, const Value *values, Text *key, bool *has_null_out);
KeyCheck index_key_check(const TableIndex *index); // without keys
// Adds the row's entries to every index whose columns intersect `changed` (NULL: all).
// With a conflict on the arbiter (or any, for ARBITER_ANY) *is_conflict_out is set instead.
Status indexes_add(Table *table, Txn *txn, const Value *values, const uint64_t *changed,
    uint32_t arbiter, RowId row, bool *is_conflict_out, RowId *conflict_out);
// Adds the entries of the selected rows of a batch. With an error, *done_out is how many rows came
// before the one that it belongs to.
Status indexes_add_batch(
    Table *table, Txn *txn, const Batch *batch, const RowId *ids, uint32_t *done_out);
// Looks for a row that conflicts on the arbiter before anything is inserted.
Status arbiters_probe(Table *table, Txn *txn, const Value *values, uint32_t arbiter,
    bool *is_conflict_out, RowId *conflict_out);
// Removes the entries of these values from every index, where no version needs them.
void indexes_remove(Table *table, const Value *values, RowId row);
Status index_build(Table *table, Txn *txn, TableIndex *index);

// redo.c
typedef enum RedoKind {
    REDO_INSERT = 1,
    REDO_UPDATE,
    REDO_DELETE,
    REDO_NEW_STORE,
    REDO_ALTER_STORE,
    REDO_DROP_STORE,
    REDO_ATTACH_INDEX,
    REDO_DETACH_INDEX,
    REDO_SEQUENCE,
    REDO_DROP_SEQUENCE,
    REDO_STORE_COUNTER,
    REDO_INSERT_ROWS,
} RedoKind;

Status redo_insert(Txn *txn, const Table *table, RowId row, const Value *values);
// The selected rows of a batch, which got these ids.
Status redo_insert_batch(Txn *txn, const Table *table, const Batch *batch, const RowId *ids);
Status redo_update(
    Txn *txn, const Table *table, RowId row, const uint64_t *changed, const Value *values);
Status redo_delete(Txn *txn, const Table *table, RowId row);
Status redo_schema(Txn *txn, RedoKind kind, StoreId store, const StoreSchema *schema);
Status redo_index(Txn *txn, StoreId store, const IndexSchema *index);
Status redo_number(Txn *txn, RedoKind kind, uint64_t first, uint64_t second);
Status redo_sequence(Txn *txn, Oid oid, uint64_t version, const SequenceState *state);

void schema_encode(const StoreSchema *schema, Text *out);
Status schema_decode(Bytes *bytes, Arena *arena, StoreSchema *schema_out);
Status index_decode(Bytes *bytes, Arena *arena, IndexSchema *index_out);
void sequence_encode(uint64_t version, const SequenceState *state, Text *out);
bool sequence_decode(Bytes *bytes, uint64_t *version_out, SequenceState *state_out);
// One row's columns, those in `columns`; views borrow the bytes. False for a malformed one.
bool values_decode(
    Bytes *bytes, const RowLayout *layout, const uint64_t *columns, Value *values_out);

// sequence.c
Sequence *sequence_find(TableSet *set, Oid oid); // takes the set's mutex
Status sequence_add(TableSet *set, Oid oid, const SequenceState *state, Sequence **sequence_out);
void sequence_remove(TableSet *set, Sequence *sequence); // and frees it
