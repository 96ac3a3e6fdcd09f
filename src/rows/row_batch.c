#include "rows/row_batch.h"

#include "base/assert.h"
#include "base/error.h"

#include <stdlib.h>

enum {
    COPY_BLOCK_BYTES = 4096,
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
    rows->has_copies_pin = false;
    rows->copy_next = rows->copy_end = NULL;
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
    for (uint32_t i = 0; i < column_count; i++) {
        Column *column = &rows->batch.columns[i];
        if ((columns[i / 64] >> (i % 64) & 1) == 0) {
            *column = (Column){.type = types[i], .kind = type_physical(types[i])};
            continue;
        }
        column_make(arena, types[i], column);
        rows->null_space[i] = arena_allocate(arena, NULL_WORDS * sizeof(uint64_t), 64);
    }
    return &rows->batch;
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

Status row_batch_copy(RowBatch *rows, View *view) {
    if (view->count <= VIEW_INLINE_MAX) return OK;
    if ((size_t)(rows->copy_end - rows->copy_next) < view->count) {
        size_t bytes = sizeof(CopyBlock) + view->count;
        if (bytes < COPY_BLOCK_BYTES) bytes = COPY_BLOCK_BYTES;
        CopyBlock *block = malloc(bytes);
        if (block == NULL) return fail(OUT_OF_MEMORY, "out of memory");
        block->older = rows->copies;
        rows->copies = block;
        rows->copy_next = (uint8_t *)(block + 1);
        rows->copy_end = (uint8_t *)block + bytes;
        if (!rows->has_copies_pin) {
            // First in the list, so that the newest page pin stays the last one.
            BatchPins *pins = &rows->pins;
            ASSERT(pins->count < pins->capacity);
            memmove(pins->pins + 1, pins->pins, sizeof(void *) * pins->count);
            pins->pins[0] = rows;
            pins->count++;
            rows->has_copies_pin = true;
        }
    }
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
