// Row batch: a Batch that rows are read into, with what keeps their strings in place: pins on the
// pages they lie in, and copies of those that lie in old versions or that are short.
#pragma once

#include "batch/batch.h"
#include "rows/row_layout.h"
#include "store/cache.h"

// Where a column of the batch comes from in a row, and goes.
typedef struct RowBatchColumn {
    uint32_t offset; // in the row
    uint8_t width;
    bool is_view;
    uint16_t column;
    void *values;
} RowBatchColumn;

typedef struct RowBatch {
    Batch batch; // first; only this is seen above
    BatchPins pins;
    Cache *cache;
    const uint64_t *columns; // one bit a column that is read
    uint64_t **null_space;   // one bitmap a column, used when it has a NULL
    RowBatchColumn *list;    // the same columns as a list, placed as in `layout`
    const RowLayout *layout; // or NULL: not placed yet
    uint32_t list_count, view_count;
    uint8_t *kept, *kept_end; // room for copies that is used again and again
    struct CopyBlock *copies; // further blocks, newest first; a pin, when there are any
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

// Copies a string whose bytes live as long as the rows. Errors: OUT_OF_MEMORY.
Status row_batch_copy(RowBatch *rows, View *view);

// Room for copies at copy_next. Errors: OUT_OF_MEMORY.
Status row_batch_reserve(RowBatch *rows, size_t bytes);

void row_batch_place(RowBatch *rows, const RowLayout *layout);

// Before rows are read: forgets the copies that belonged to rows which are gone, and learns where
// rows of this layout, which has all of the batch's columns, keep them.
static inline void row_batch_begin(RowBatch *rows, const RowLayout *layout) {
    if (rows->layout != layout) row_batch_place(rows, layout);
    if (rows->batch.row_count > 0 || rows->copies != NULL) return;
    rows->copy_next = rows->kept;
    rows->copy_end = rows->kept_end;
}

void row_batch_set_null(RowBatch *rows, uint32_t column, uint32_t row);
