// Key table: numbers the distinct keys it is given, from 0. NULLs are equal to each other here.
//
// Model    Keys are kept in a row buffer, one row a key; an open-addressing directory of hashes
//          finds them, a batch at a time: hash all, find a candidate for each, compare column by
//          column; only what is left goes one by one.
// Threads  Belongs to one thread; parts that several have filled are merged.
#pragma once

#include "execute/row_buffer.h"
#include "types/type.h"

typedef struct KeyTypes {
    uint32_t count;
    const Oid *oids;
    const TypeOps **ops;
    bool hash_is_key; // different keys have different hashes, but for NULL's
} KeyTypes;

// Errors: FEATURE_NOT_SUPPORTED for a type without equality.
Status key_types_init(KeyTypes *types, Arena *arena, const Oid *oids, uint32_t count);

// hashes_out[i] is for the i-th selected row. `null_rows_out`, when not NULL, tells which of them
// have a NULL in their key.
void key_types_hash(const KeyTypes *types, const Column *columns, Selection selection,
    uint64_t *hashes_out, bool *null_rows_out);
bool key_types_equal(
    const KeyTypes *types, const Column *a, uint32_t row_a, const Column *b, uint32_t row_b);

typedef struct KeySlot {
    uint64_t hash;
    uint32_t number; // + 1; 0 is an empty slot
} KeySlot;

typedef struct KeyTable {
    KeyTypes types;
    Arena *arena;
    RowBuffer keys;
    KeySlot *directory;
    uint32_t directory_bits;
} KeyTable;

Status key_table_init(KeyTable *table, Arena *arena, const Oid *oids, uint32_t count);

// The numbers of the selected rows' keys, made when new. is_new_out[i] tells; may be NULL.
Status key_table_add(KeyTable *table, const Column *columns, Selection selection,
    uint32_t *numbers_out, bool *is_new_out);

// Adds the keys of `from`, of the same types: numbers_out[i] is what its key `i` has here. One
// entry a key of `from`; NULL when nobody asks.
Status key_table_merge(KeyTable *table, const KeyTable *from, uint32_t *numbers_out);

static inline uint32_t key_table_count(const KeyTable *table) {
    return table->keys.row_count;
}
