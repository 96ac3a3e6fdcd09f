#include "execute/row_buffer.h"

#include "base/error.h"

void row_buffer_init(RowBuffer *buffer, Arena *arena, const Oid *types, uint32_t column_count) {
    *buffer = (RowBuffer){.arena = arena, .types = types, .column_count = column_count};
}

// Room for so many more chunks.
static Status row_buffer_reserve(RowBuffer *buffer, uint32_t more) {
    TRY(arena_check(buffer->arena));
    uint32_t wanted = buffer->chunk_count + more;
    if (wanted > UINT32_MAX / BATCH_ROW_COUNT - 2) {
        return fail(PROGRAM_LIMIT_EXCEEDED, "too many rows to keep in memory");
    }
    if (wanted <= buffer->chunk_capacity) return OK;
    uint32_t capacity = wanted * 2 + 2;
    Batch **chunks = arena_new_array(buffer->arena, Batch *, capacity);
    void **values = arena_new_array(buffer->arena, void *, (size_t)capacity * buffer->column_count);
    if (buffer->chunk_count > 0) {
        memcpy(chunks, buffer->chunks, buffer->chunk_count * sizeof(Batch *));
        memcpy(values, buffer->values,
            (size_t)buffer->chunk_count * buffer->column_count * sizeof(void *));
    }
    buffer->chunks = chunks;
    buffer->values = values;
    buffer->chunk_capacity = capacity;
    return OK;
}

static void row_buffer_add_chunk(RowBuffer *buffer, Batch *chunk) {
    void **values = buffer->values + (size_t)buffer->chunk_count * buffer->column_count;
    for (uint32_t i = 0; i < buffer->column_count; i++) {
        values[i] = chunk->columns[i].values;
    }
    buffer->chunks[buffer->chunk_count++] = chunk;
}

// A chunk with room for at least one row.
static Status row_buffer_open_chunk(RowBuffer *buffer, Batch **chunk_out) {
    if (buffer->chunk_count > 0) {
        Batch *last = buffer->chunks[buffer->chunk_count - 1];
        if (last->row_count < BATCH_ROW_COUNT) {
            *chunk_out = last;
            return OK;
        }
    }
    TRY(row_buffer_reserve(buffer, 1));
    Batch *chunk = batch_make(buffer->arena, buffer->types, buffer->column_count, false);
    row_buffer_add_chunk(buffer, chunk);
    *chunk_out = chunk;
    return OK;
}

Status row_buffer_adopt(RowBuffer *buffer, const RowBuffer *from, uint32_t *first_out) {
    *first_out = buffer->chunk_count * BATCH_ROW_COUNT;
    if (from->chunk_count == 0) return OK;
    TRY(row_buffer_reserve(buffer, from->chunk_count));
    for (uint32_t i = 0; i < from->chunk_count; i++) {
        row_buffer_add_chunk(buffer, from->chunks[i]);
    }
    buffer->has_nulls = buffer->has_nulls || from->has_nulls;
    buffer->row_count = *first_out + from->row_count;
    return OK;
}

Status row_buffer_append(RowBuffer *buffer, const Batch *batch) {
    uint32_t first = 0;
    while (first < batch->selected_count) {
        Batch *chunk;
        TRY(row_buffer_open_chunk(buffer, &chunk));
        uint32_t taken = batch_append_rows(chunk, buffer->arena, batch, first);
        first += taken;
        buffer->row_count += taken;
        for (uint32_t i = 0; i < chunk->column_count; i++) {
            buffer->has_nulls = buffer->has_nulls || chunk->columns[i].nulls != NULL;
        }
    }
    return arena_check(buffer->arena);
}

Status row_buffer_append_values(RowBuffer *buffer, const Value *values) {
    Batch *chunk;
    TRY(row_buffer_open_chunk(buffer, &chunk));
    batch_append_values(chunk, buffer->arena, values);
    for (uint32_t i = 0; i < chunk->column_count; i++) {
        buffer->has_nulls = buffer->has_nulls || values[i].is_null;
    }
    buffer->row_count++;
    return OK;
}

Value row_buffer_get(const RowBuffer *buffer, uint32_t column, uint32_t row) {
    uint32_t row_in_chunk;
    const Column *from = row_buffer_column(buffer, column, row, &row_in_chunk);
    return column_get(from, row_in_chunk);
}

static void null_set(Column *column, Arena *arena, uint32_t row) {
    if (column->nulls == NULL) {
        column->nulls = arena_allocate_zeroed(arena, BATCH_ROW_COUNT / 8, 64);
    }
    column->nulls[row >> 6] |= UINT64_C(1) << (row & 63);
}

static void column_clear_nulls(Column *column) {
    if (column->nulls != NULL) memset(column->nulls, 0, BATCH_ROW_COUNT / 8);
}

// One loop a width, so that the compiler knows what it moves. `from` and `row` are evaluated for
// each `i`; a NULL's bytes are zeros already.
#define GATHER(Type, source, row)                                                                  \
    for (uint32_t i = 0; i < count; i++) {                                                         \
        ((Type *)to->values)[i] = ((const Type *)(source)->values)[row];                           \
    }

void column_gather(
    const Column *from, const uint16_t *rows, uint32_t count, Arena *arena, Column *to) {
    column_clear_nulls(to);
    uint16_t mask = from->is_constant ? 0 : UINT16_MAX;
    switch (physical_width[from->kind]) {
    case 1:
        GATHER(uint8_t, from, rows[i] & mask) break;
    case 2:
        GATHER(uint16_t, from, rows[i] & mask) break;
    case 4:
        GATHER(uint32_t, from, rows[i] & mask) break;
    case 8:
        GATHER(uint64_t, from, rows[i] & mask) break;
    default:
        GATHER(Interval, from, rows[i] & mask) break;
    }
    if (from->nulls == NULL) return;
    for (uint32_t i = 0; i < count; i++) {
        if (column_is_null(from, rows[i])) null_set(to, arena, i);
    }
}

static const Column *buffer_column(const RowBuffer *buffer, uint32_t column, uint32_t row) {
    return &buffer->chunks[row / BATCH_ROW_COUNT]->columns[column];
}

#define GATHER_KEPT(Type)                                                                          \
    for (uint32_t i = 0; i < count; i++) {                                                         \
        const Type *chunk = values[rows[i] / BATCH_ROW_COUNT * stride];                            \
        ((Type *)to->values)[i] = chunk[rows[i] % BATCH_ROW_COUNT];                                \
    }

void row_buffer_gather(const RowBuffer *buffer, uint32_t column, const uint32_t *rows,
    uint32_t count, Arena *arena, Column *to) {
    column_clear_nulls(to);
    bool has_none = false;
    for (uint32_t i = 0; i < count; i++) {
        has_none |= rows[i] == ROW_NONE;
    }
    size_t width = physical_width[to->kind];
    if (has_none) {
        for (uint32_t i = 0; i < count; i++) {
            uint8_t *at = (uint8_t *)to->values + i * width;
            if (rows[i] == ROW_NONE) {
                memset(at, 0, width);
                null_set(to, arena, i);
                continue;
            }
            const Column *from = buffer_column(buffer, column, rows[i]);
            uint32_t row = rows[i] % BATCH_ROW_COUNT;
            memcpy(at, (const uint8_t *)from->values + row * width, width);
            if (column_is_null(from, row)) null_set(to, arena, i);
        }
        return;
    }
    void *const *values = buffer->values + column;
    size_t stride = buffer->column_count;
    switch (width) {
    case 1:
        GATHER_KEPT(uint8_t) break;
    case 2:
        GATHER_KEPT(uint16_t) break;
    case 4:
        GATHER_KEPT(uint32_t) break;
    case 8:
        GATHER_KEPT(uint64_t) break;
    default:
        GATHER_KEPT(Interval) break;
    }
    if (!buffer->has_nulls) return;
    for (uint32_t i = 0; i < count; i++) {
        const Column *from = buffer_column(buffer, column, rows[i]);
        if (from->nulls != NULL && column_is_null(from, rows[i] % BATCH_ROW_COUNT)) {
            null_set(to, arena, i);
        }
    }
}
