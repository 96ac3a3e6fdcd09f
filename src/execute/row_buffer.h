// Row buffer: rows that are kept, in columns, in chunks of a batch. Rows are numbered from 0.
#pragma once

#include "batch/batch.h"

typedef struct RowBuffer {
    Arena *arena;
    const Oid *types;
    uint32_t column_count;
    Batch **chunks;
    void **values; // of each column of each chunk, so that a row is one step away
    bool has_nulls;
    uint32_t chunk_count, chunk_capacity;
    uint32_t row_count; // up to the last row; an adopted part leaves a gap before it
} RowBuffer;

// `types` is borrowed.
void row_buffer_init(RowBuffer *buffer, Arena *arena, const Oid *types, uint32_t column_count);
// Copies the selected rows, with the bytes of their views. Errors: OUT_OF_MEMORY,
// PROGRAM_LIMIT_EXCEEDED.
Status row_buffer_append(RowBuffer *buffer, const Batch *batch);
Status row_buffer_append_values(RowBuffer *buffer, const Value *values);

static inline const Column *row_buffer_column(
    const RowBuffer *buffer, uint32_t column, uint32_t row, uint32_t *row_in_chunk_out) {
    *row_in_chunk_out = row % BATCH_ROW_COUNT;
    return &buffer->chunks[row / BATCH_ROW_COUNT]->columns[column];
}

// Takes over the chunks of `from`, which has the same columns and whose arena must live as long.
// Row `i` of it is row `*first_out` + i. Nothing may be appended after that.
Status row_buffer_adopt(RowBuffer *buffer, const RowBuffer *from, uint32_t *first_out);

Value row_buffer_get(const RowBuffer *buffer, uint32_t column, uint32_t row);

// Rows `rows` of one column into the first `count` rows of a flat column; views still point into
// the buffer. A row of ROW_NONE becomes NULL.
#define ROW_NONE UINT32_MAX
void row_buffer_gather(const RowBuffer *buffer, uint32_t column, const uint32_t *rows,
    uint32_t count, Arena *arena, Column *to);
// The same from a column.
void column_gather(
    const Column *from, const uint16_t *rows, uint32_t count, Arena *arena, Column *to);
