// Batch: up to BATCH_ROW_COUNT rows in flight, as columns.
//
// Model    A batch has a count of rows and, when some of them were dropped by a filter, a selection
//          that lists the rows that remain, in order. Columns are flat or constant. A column's null
//          bitmap has a set bit for NULL; the value under a NULL is zero bytes.
// Memory   Columns belong to the arena of the operator that made the batch and are overwritten by
//          its next one. Views may point into a frame, which the batch then pins (`pins`), or into
//          the operator's arena. Who keeps rows copies them (batch_append_rows).
// Threads  A batch belongs to one thread.
#pragma once

#include "types/type.h"

enum { BATCH_ROW_COUNT = 2048, BLOCK_ROW_COUNT = 1024 };

typedef struct Column {
    Oid type;
    PhysicalKind kind;
    bool is_constant; // values[0] and null bit 0 stand for every row
    void *values;     // 64-byte aligned, room for BATCH_ROW_COUNT values of `kind`
    uint64_t *nulls;  // BATCH_ROW_COUNT bits, or NULL when no row is NULL
} Column;

// What keeps the memory behind a batch's views in place until the batch is released.
typedef struct BatchPins {
    void (*release)(void *owner, void *pin);
    void *owner;
    void **pins;
    uint32_t count, capacity;
} BatchPins;

typedef struct Batch {
    uint32_t row_count;        // rows in the columns
    uint32_t selected_count;   // rows that remain; row_count when `selection` is NULL
    const uint16_t *selection; // row indexes in rising order, or NULL for all
    uint32_t column_count;
    Column *columns;
    RowId *row_ids;  // of the rows, when the source is a table; or NULL
    BatchPins *pins; // or NULL
} Batch;

// The rows a kernel works on: `rows` is NULL for 0 to count - 1.
typedef struct Selection {
    const uint16_t *rows;
    uint32_t count;
} Selection;

static inline Selection batch_selection(const Batch *batch) {
    return (Selection){.rows = batch->selection, .count = batch->selected_count};
}

static inline uint32_t selection_row(Selection selection, uint32_t index) {
    return selection.rows == NULL ? index : selection.rows[index];
}

static inline bool column_is_null(const Column *column, uint32_t row) {
    if (column->nulls == NULL) return false;
    if (column->is_constant) row = 0;
    return (column->nulls[row >> 6] >> (row & 63) & 1) != 0;
}

// A batch of empty flat columns of these types, in `arena`. With `has_row_ids`, room for them too.
Batch *batch_make(Arena *arena, const Oid *types, uint32_t column_count, bool has_row_ids);

// Ready for other rows: no rows, no selection, no nulls, pins released.
void batch_clear(Batch *batch);
void batch_release_pins(Batch *batch);

// A flat column with room for BATCH_ROW_COUNT values.
void column_make(Arena *arena, Oid type, Column *column_out);

// A column with one value for every row. The value's bytes are borrowed.
void column_make_constant(Arena *arena, Oid type, const Value *value, Column *column_out);

Value column_get(const Column *column, uint32_t row); // borrows a view's bytes
void column_set(Column *column, Arena *arena, uint32_t row, const Value *value); // likewise
void column_set_null(Column *column, Arena *arena, uint32_t row); // makes the bitmap if needed

// Appends the selected rows of `from`, as many as fit, with view bytes copied to `arena`; returns
// how many of them, counted in the selection from `first`.
uint32_t batch_append_rows(Batch *to, Arena *arena, const Batch *from, uint32_t first);

// Appends one row of values.
void batch_append_values(Batch *to, Arena *arena, const Value *values);
