// Row batch: a Batch that rows are read into, with what keeps their strings in place: pins on the
// pages they lie in, and copies of those that lie in old versions.
#pragma once

#include "batch/batch.h"
#include "store/cache.h"

typedef struct RowBatch {
    Batch batch; // first; only this is seen above
    BatchPins pins;
    Cache *cache;
    const uint64_t *columns;  // one bit a column that is read
    uint64_t **null_space;    // one bitmap a column, used when it has a NULL
    struct CopyBlock *copies; // newest first; the last pin, when there are any
    bool has_copies_pin;
    uint8_t *copy_next, *copy_end;
    Value *row_values;     // one a column: a row being put together from its versions
    uint64_t *row_columns; // which of them
} RowBatch;

// A batch for these columns; the others get no values. `types` has one a column.
Batch *row_batch_make(
    Arena *arena, Cache *cache, const Oid *types, uint32_t column_count, const uint64_t *columns);

static inline RowBatch *row_batch_of(Batch *batch) {
    return (RowBatch *)batch;
}

// Gives the batch a pin that the caller holds. A page that is pinned last already is unpinned.
void row_batch_give_pin(RowBatch *rows, CacheFrame *frame);

// Room for string bytes that live as long as the rows. Errors: OUT_OF_MEMORY.
Status row_batch_copy(RowBatch *rows, View *view);

void row_batch_set_null(RowBatch *rows, uint32_t column, uint32_t row);
