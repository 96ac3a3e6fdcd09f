// Sorter: keeps rows and gives them back in the order of some of their columns.
//
// Model    A row's key is its normalised key (types/key.h), so that order is memcmp; its first
//          eight bytes lie beside the row's number, and most comparisons end there. Equal keys keep
//          the order in which they came. With a bound, only the first rows are kept, in a heap.
// Threads  Belongs to one thread. Sorted parts are combined by merging.
#pragma once

#include "execute/row_buffer.h"
#include "types/key.h"

typedef struct SortItem {
    uint64_t prefix; // big-endian, so that its order is that of the bytes
    const uint8_t *key;
    uint32_t key_bytes;
    uint32_t row;
} SortItem;

typedef struct Sorter {
    Arena arena;
    Arena *scratch;
    const Oid *types;
    uint32_t column_count;
    const uint32_t *key_columns;
    KeyFormat format;
    RowBuffer rows;
    SortItem *items;
    uint32_t item_count, item_capacity;
    uint64_t bound; // 0 for none
    const TypeOps *first_ops;
    Value *key_values;
    Text key;
} Sorter;

Status sorter_init(Sorter *sorter, Arena *arena, const Oid *types, uint32_t column_count,
    const uint32_t *key_columns, const KeyColumn *keys, uint32_t key_count);
void sorter_deinit(Sorter *sorter);
void sorter_clear(Sorter *sorter);
Status sorter_add(Sorter *sorter, const Batch *batch);
Status sorter_finish(Sorter *sorter); // sorts; then items[i].row is the i-th row
// Merges two finished sorters: `from`'s rows into `sorter`, whose own come first among equals.
// `from` must live as long.
Status sorter_merge(Sorter *sorter, const Sorter *from);
