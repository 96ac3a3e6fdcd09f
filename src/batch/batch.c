#include "batch/batch.h"

#include <string.h>

enum { VALUE_ALIGNMENT = 64, NULL_BYTES = BATCH_ROW_COUNT / 8 };

static uint64_t *nulls_make(Arena *arena) {
    return arena_allocate_zeroed(arena, NULL_BYTES, VALUE_ALIGNMENT);
}

void column_make(Arena *arena, Oid type, Column *column_out) {
    PhysicalKind kind = type_physical(type);
    size_t bytes = (size_t)physical_width[kind] * BATCH_ROW_COUNT;
    *column_out = (Column){
        .type = type,
        .kind = kind,
        .values = arena_allocate_zeroed(arena, bytes, VALUE_ALIGNMENT),
    };
}

void column_make_constant(Arena *arena, Oid type, const Value *value, Column *column_out) {
    Datum *datum = arena_allocate_zeroed(arena, sizeof(Datum), VALUE_ALIGNMENT);
    uint64_t *nulls = NULL;
    if (value->is_null) {
        nulls = arena_new(arena, uint64_t);
        *nulls = 1;
    } else {
        *datum = value->datum;
    }
    *column_out = (Column){
        .type = type,
        .kind = type_physical(type),
        .is_constant = true,
        .values = datum,
        .nulls = nulls,
    };
}

Value column_get(const Column *column, uint32_t row) {
    if (column->is_constant) row = 0;
    Value value = {.is_null = column_is_null(column, row)};
    size_t width = physical_width[column->kind];
    memcpy(&value.datum, (const uint8_t *)column->values + row * width, width);
    return value;
}

void column_set(Column *column, Arena *arena, uint32_t row, const Value *value) {
    ASSERT(!column->is_constant);
    if (value->is_null) {
        column_set_null(column, arena, row);
        return;
    }
    size_t width = physical_width[column->kind];
    memcpy((uint8_t *)column->values + row * width, &value->datum, width);
    if (column->nulls != NULL) column->nulls[row >> 6] &= ~(UINT64_C(1) << (row & 63));
}

void column_set_null(Column *column, Arena *arena, uint32_t row) {
    ASSERT(!column->is_constant);
    if (column->nulls == NULL) column->nulls = nulls_make(arena);
    column->nulls[row >> 6] |= UINT64_C(1) << (row & 63);
    size_t width = physical_width[column->kind];
    memset((uint8_t *)column->values + row * width, 0, width);
}

Batch *batch_make(Arena *arena, const Oid *types, uint32_t column_count, bool has_row_ids) {
    Batch *batch = arena_new(arena, Batch);
    batch->column_count = column_count;
    batch->columns = arena_new_array(arena, Column, column_count);
    for (uint32_t i = 0; i < column_count; i++)
        column_make(arena, types[i], &batch->columns[i]);
    if (has_row_ids) batch->row_ids = arena_new_array(arena, RowId, BATCH_ROW_COUNT);
    return batch;
}

void batch_release_pins(Batch *batch) {
    BatchPins *pins = batch->pins;
    if (pins == NULL) return;
    for (uint32_t i = 0; i < pins->count; i++)
        pins->release(pins->owner, pins->pins[i]);
    pins->count = 0;
}

void batch_clear(Batch *batch) {
    batch_release_pins(batch);
    batch->row_count = 0;
    batch->selected_count = 0;
    batch->selection = NULL;
    for (uint32_t i = 0; i < batch->column_count; i++) {
        // The bitmap is kept for later rows: an all-clear one says the same as none.
        Column *column = &batch->columns[i];
        if (column->nulls != NULL && !column->is_constant) memset(column->nulls, 0, NULL_BYTES);
    }
}

static void append_views(
    View *restrict to, Arena *arena, const Column *from, Selection rows, uint32_t first) {
    const View *views = from->values;
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = from->is_constant ? 0 : selection_row(rows, i + first);
        to[i] = view_copy(views[row], arena);
    }
}

// One loop a width, so that the compiler knows what it copies.
#define APPEND_FIXED(Type)                                                                         \
    for (uint32_t i = 0; i < rows.count; i++) {                                                    \
        uint32_t row = from->is_constant ? 0 : selection_row(rows, i + first);                     \
        ((Type *)to)[i] = ((const Type *)from->values)[row];                                       \
    }

static void append_fixed(void *to, const Column *from, Selection rows, uint32_t first) {
    switch (physical_width[from->kind]) {
    case 1:
        APPEND_FIXED(uint8_t) break;
    case 2:
        APPEND_FIXED(uint16_t) break;
    case 4:
        APPEND_FIXED(uint32_t) break;
    case 8:
        APPEND_FIXED(uint64_t) break;
    default:
        APPEND_FIXED(Interval) break;
    }
}

uint32_t batch_append_rows(Batch *to, Arena *arena, const Batch *from, uint32_t first) {
    ASSERT(to->column_count == from->column_count && to->selection == NULL);
    ASSERT(first <= from->selected_count);
    uint32_t room = BATCH_ROW_COUNT - to->row_count;
    uint32_t count = from->selected_count - first;
    if (count > room) count = room;
    Selection rows = {.rows = from->selection, .count = count};
    uint32_t at = to->row_count;

    for (uint32_t i = 0; i < to->column_count; i++) {
        Column *column = &to->columns[i];
        const Column *source = &from->columns[i];
        ASSERT(column->kind == source->kind && !column->is_constant);
        uint8_t *values = (uint8_t *)column->values + (size_t)at * physical_width[column->kind];
        if (column->kind == PHYSICAL_VIEW) {
            append_views((View *)(void *)values, arena, source, rows, first);
        } else {
            append_fixed(values, source, rows, first);
        }
        if (source->nulls == NULL) continue;
        for (uint32_t j = 0; j < count; j++) {
            if (column_is_null(source, selection_row(rows, first + j))) {
                column_set_null(column, arena, at + j);
            }
        }
    }
    if (to->row_ids != NULL && from->row_ids != NULL) {
        for (uint32_t j = 0; j < count; j++) {
            to->row_ids[at + j] = from->row_ids[selection_row(rows, first + j)];
        }
    }
    to->row_count += count;
    to->selected_count = to->row_count;
    return count;
}

void batch_append_values(Batch *to, Arena *arena, const Value *values) {
    ASSERT(to->row_count < BATCH_ROW_COUNT && to->selection == NULL);
    for (uint32_t i = 0; i < to->column_count; i++) {
        Column *column = &to->columns[i];
        Value copy = value_copy(values[i], column->kind, arena);
        column_set(column, arena, to->row_count, &copy);
    }
    to->selected_count = ++to->row_count;
}
