#include "rows/row_batch.h"

#include "base/assert.h"
#include "base/error.h"

#include <stdlib.h>

enum {
    KEPT_BYTES = 8192,
    COPY_BLOCK_BYTES = 65536,
    PIN_COUNT = BATCH_ROW_COUNT + 1,
    NULL_WORDS = BATCH_ROW_COUNT / 64
};

typedef struct CopyBlock {
    struct CopyBlock *older;
} CopyBlock;

static void release(void *owner, void *pin) {
    RowBatch *rows = owner;
    if (pin != rows) {
        cache_unpin(pin);
        return;
    }
    while (rows->copies != NULL) {
        CopyBlock *block = rows->copies;
        rows->copies = block->older;
        free(block);
    }
    rows->copy_next = rows->kept;
    rows->copy_end = rows->kept_end;
}

Batch *row_batch_make(
    Arena *arena, Cache *cache, const Oid *types, uint32_t column_count, const uint64_t *columns) {
    RowBatch *rows = arena_new(arena, RowBatch);
    size_t words = column_count == 0 ? 1 : (column_count + 63) / 64;
    rows->cache = cache;
    rows->columns = arena_copy_bytes(arena, columns, words * sizeof(uint64_t));
    rows->null_space = arena_new_array(arena, uint64_t *, column_count);
    rows->row_values = arena_new_array(arena, Value, column_count);
    rows->row_columns = arena_new_array(arena, uint64_t, words);
    rows->pins = (BatchPins){.release = release,
        .owner = rows,
        .pins = arena_new_array(arena, void *, PIN_COUNT),
        .capacity = PIN_COUNT};
    rows->batch = (Batch){.column_count = column_count,
        .columns = arena_new_array(arena, Column, column_count),
        .row_ids = arena_new_array(arena, RowId, BATCH_ROW_COUNT),
        .pins = &rows->pins};
    rows->list = arena_new_array(arena, RowBatchColumn, column_count);
    for (uint32_t i = 0; i < column_count; i++) {
        Column *column = &rows->batch.columns[i];
        if ((columns[i / 64] >> (i % 64) & 1) == 0) {
            *column = (Column){.type = types[i], .kind = type_physical(types[i])};
            continue;
        }
        column_make(arena, types[i], column);
        bool is_view = column->kind == PHYSICAL_VIEW;
        rows->list[rows->list_count++] =
            (RowBatchColumn){.column = (uint16_t)i, .is_view = is_view, .values = column->values};
        if (is_view) rows->view_count++;
        rows->null_space[i] = arena_allocate(arena, NULL_WORDS * sizeof(uint64_t), 64);
    }
    if (rows->view_count > 0) {
        rows->kept = arena_allocate(arena, KEPT_BYTES, 64);
        rows->kept_end = rows->kept + KEPT_BYTES;
    }
    return &rows->batch;
}

void row_batch_place(RowBatch *rows, const RowLayout *layout) {
    for (uint32_t i = 0; i < rows->list_count; i++) {
        const RowColumn *from = &layout->columns[rows->list[i].column];
        rows->list[i].offset = from->offset;
        rows->list[i].width = from->width;
    }
    rows->layout = layout;
}

void row_batch_give_pin(RowBatch *rows, CacheFrame *frame) {
    BatchPins *pins = &rows->pins;
    if (pins->count > 0 && pins->pins[pins->count - 1] == frame) {
        cache_unpin(frame);
        return;
    }
    ASSERT(pins->count < pins->capacity);
    pins->pins[pins->count++] = frame;
}

// A block of copies is in the list of pins, so that it goes when they do. It is the first there:
// the newest page pin stays the last one.
static Status block_add(RowBatch *rows, size_t bytes) {
    bytes += sizeof(CopyBlock);
    if (bytes < COPY_BLOCK_BYTES) bytes = COPY_BLOCK_BYTES;
    CopyBlock *block = malloc(bytes);
    if (block == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    if (rows->copies == NULL) {
        BatchPins *pins = &rows->pins;
        ASSERT(pins->count < pins->capacity);
        memmove(pins->pins + 1, pins->pins, sizeof(void *) * pins->count);
        pins->pins[0] = rows;
        pins->count++;
    }
    block->older = rows->copies;
    rows->copies = block;
    rows->copy_next = (uint8_t *)(block + 1);
    rows->copy_end = (uint8_t *)block + bytes;
    return OK;
}

Status row_batch_reserve(RowBatch *rows, size_t bytes) {
    if ((size_t)(rows->copy_end - rows->copy_next) >= bytes) return OK;
    return block_add(rows, bytes);
}

Status row_batch_copy(RowBatch *rows, View *view) {
    if (view->count <= VIEW_INLINE_MAX) return OK;
    TRY(row_batch_reserve(rows, view->count));
    memcpy(rows->copy_next, view_data(view), view->count);
    view->rest = (uint64_t)(uintptr_t)rows->copy_next;
    rows->copy_next += view->count;
    return OK;
}

void row_batch_set_null(RowBatch *rows, uint32_t column, uint32_t row) {
    Column *at = &rows->batch.columns[column];
    if (at->nulls == NULL) {
        at->nulls = rows->null_space[column];
        memset(at->nulls, 0, NULL_WORDS * sizeof(uint64_t));
    }
    at->nulls[row / 64] |= UINT64_C(1) << (row % 64);
}
