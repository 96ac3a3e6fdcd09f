#include "execute/sorter.h"

#include "base/error.h"

enum { BOUND_SLACK = 8192, INSERTION_ROW_COUNT = 12 };

Status sorter_init(Sorter *sorter, Arena *arena, const Oid *types, uint32_t column_count,
    const uint32_t *key_columns, const KeyColumn *keys, uint32_t key_count) {
    *sorter = (Sorter){
        .scratch = arena,
        .types = types,
        .column_count = column_count,
        .key_columns = key_columns,
        .format = {.columns = keys, .column_count = key_count},
        .key_values = arena_new_array(arena, Value, key_count + 1),
    };
    for (uint32_t i = 0; i < key_count; i++) {
        const TypeOps *ops;
        TRY(type_ops_require(keys[i].type, &ops));
        if (i == 0) sorter->first_ops = ops;
        if (ops->key_append == NULL) {
            Text name;
            text_init(&name, arena);
            type_format(sql_type(keys[i].type), &name);
            return fail(UNDEFINED_FUNCTION, "could not identify an ordering operator for type %s",
                name.data);
        }
    }
    arena_init(&sorter->arena, arena->budget);
    text_init(&sorter->key, arena);
    row_buffer_init(&sorter->rows, &sorter->arena, types, column_count);
    return OK;
}

void sorter_deinit(Sorter *sorter) {
    arena_deinit(&sorter->arena);
}

void sorter_clear(Sorter *sorter) {
    arena_reset(&sorter->arena);
    row_buffer_init(&sorter->rows, &sorter->arena, sorter->types, sorter->column_count);
    sorter->items = NULL;
    sorter->item_count = 0;
    sorter->item_capacity = 0;
}

static bool item_before(const SortItem *a, const SortItem *b) {
    if (a->prefix != b->prefix) return a->prefix < b->prefix;
    uint32_t shorter = a->key_bytes < b->key_bytes ? a->key_bytes : b->key_bytes;
    if (shorter > sizeof a->prefix) {
        int order = memcmp(
            a->key + sizeof a->prefix, b->key + sizeof a->prefix, shorter - sizeof a->prefix);
        if (order != 0) return order < 0;
    }
    if (a->key_bytes != b->key_bytes) return a->key_bytes < b->key_bytes;
    return a->row < b->row;
}

static void items_insertion_sort(SortItem *items, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        SortItem item = items[i];
        uint32_t j = i;
        for (; j > 0 && item_before(&item, &items[j - 1]); j--) {
            items[j] = items[j - 1];
        }
        items[j] = item;
    }
}

static void items_merge_sort(SortItem *items, uint32_t count, SortItem *scratch) {
    if (count <= INSERTION_ROW_COUNT) {
        items_insertion_sort(items, count);
        return;
    }
    uint32_t half = count / 2;
    items_merge_sort(items, half, scratch);
    items_merge_sort(items + half, count - half, scratch);
    if (item_before(&items[half - 1], &items[half])) return; // in order already
    memcpy(scratch, items, half * sizeof *items);
    uint32_t left = 0, right = half, out = 0;
    while (left < half && right < count) {
        items[out++] =
            item_before(&items[right], &scratch[left]) ? items[right++] : scratch[left++];
    }
    memcpy(items + out, scratch + left, (half - left) * sizeof *items);
}

static Status sorter_reserve(Sorter *sorter, uint32_t more) {
    if (sorter->item_count + more <= sorter->item_capacity) return OK;
    uint32_t capacity = (sorter->item_count + more) * 2;
    void *items;
    TRY(arena_try_allocate(&sorter->arena, capacity * sizeof(SortItem), 64, &items));
    if (sorter->item_count > 0) {
        memcpy(items, sorter->items, sorter->item_count * sizeof(SortItem));
    }
    sorter->items = items;
    sorter->item_capacity = capacity;
    return OK;
}

static Status sorter_sort(Sorter *sorter) {
    Arena scratch;
    arena_init(&scratch, sorter->arena.budget);
    void *halves;
    Status status = arena_try_allocate(
        &scratch, ((size_t)sorter->item_count / 2 + 1) * sizeof(SortItem), 64, &halves);
    if (status == OK) items_merge_sort(sorter->items, sorter->item_count, halves);
    arena_deinit(&scratch);
    return status;
}

// ---- The first rows only ------------------------------------------------------------------------
// Once there are `bound` items they form a heap with the last one on top, and a row that comes
// after it is not looked at further.

static void heap_sift_down(SortItem *items, uint32_t count, uint32_t at) {
    SortItem item = items[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= count) break;
        if (child + 1 < count && item_before(&items[child], &items[child + 1])) child++;
        if (!item_before(&item, &items[child])) break;
        items[at] = items[child];
        at = child;
    }
    items[at] = item;
}

static void heap_make(SortItem *items, uint32_t count) {
    for (uint32_t i = count / 2; i-- > 0;) {
        heap_sift_down(items, count, i);
    }
}

// Copies the rows that the heap still has, so that those that fell out of it are let go.
static Status sorter_compact(Sorter *sorter) {
    TRY(sorter_sort(sorter));
    Sorter kept = *sorter;
    arena_init(&kept.arena, sorter->arena.budget);
    row_buffer_init(&kept.rows, &kept.arena, sorter->types, sorter->column_count);
    kept.items = NULL;
    kept.item_count = 0;
    kept.item_capacity = 0;
    Value *row = arena_new_array(&kept.arena, Value, sorter->column_count + 1);
    Status status = sorter_reserve(&kept, sorter->item_count);
    for (uint32_t i = 0; i < sorter->item_count && status == OK; i++) {
        const SortItem *item = &sorter->items[i];
        for (uint32_t k = 0; k < sorter->column_count; k++) {
            row[k] = row_buffer_get(&sorter->rows, k, item->row);
        }
        status = row_buffer_append_values(&kept.rows, row);
        // From the last to the first, which is a heap.
        SortItem *copy = &kept.items[sorter->item_count - 1 - i];
        *copy = *item;
        if (item->key != NULL) {
            copy->key = arena_copy_bytes(&kept.arena, item->key, item->key_bytes);
        }
        copy->row = i;
        kept.item_count++;
    }
    if (status != OK) {
        arena_deinit(&kept.arena);
        return status;
    }
    arena_deinit(&sorter->arena);
    *sorter = kept;
    sorter->rows.arena = &sorter->arena; // it moved with the struct
    return OK;
}

static bool is_integer_type(Oid type) {
    return type == TYPE_INT4 || type == TYPE_INT8 || type == TYPE_DATE || type == TYPE_TIMESTAMP
           || type == TYPE_TIMESTAMPTZ;
}

// One loop a width and direction; what is equal to the boundary stays.
#define KEEP_INTEGERS(Type, OP)                                                                    \
    for (uint32_t i = 0; i < selection.count; i++) {                                               \
        uint32_t row = selection_row(selection, i);                                                \
        rows_out[count] = (uint16_t)row;                                                           \
        count += ((const Type *)column->values)[row] OP boundary;                                  \
    }

static uint32_t keep_integers(const Column *column, Selection selection, bool is_descending,
    int64_t boundary, uint16_t *rows_out) {
    uint32_t count = 0;
    if (column->kind == PHYSICAL_INT4) {
        if (is_descending) {
            KEEP_INTEGERS(int32_t, >=)
        } else {
            KEEP_INTEGERS(int32_t, <=)
        }
    } else if (is_descending) {
        KEEP_INTEGERS(int64_t, >=)
    } else {
        KEEP_INTEGERS(int64_t, <=)
    }
    return count;
}

// The selected rows that the first key column alone does not put after the last item.
static uint32_t sorter_preselect(const Sorter *sorter, const Batch *batch, uint16_t *rows_out) {
    const KeyColumn *key = &sorter->format.columns[0];
    const Column *column = &batch->columns[sorter->key_columns[0]];
    Selection selection = batch_selection(batch);
    Value last = row_buffer_get(&sorter->rows, sorter->key_columns[0], sorter->items[0].row);
    if (is_integer_type(column->type) && !column->is_constant && column->nulls == NULL
        && !last.is_null) {
        int64_t boundary =
            column->kind == PHYSICAL_INT4 ? (int64_t)last.datum.int4 : last.datum.int8;
        return keep_integers(column, selection, key->is_descending, boundary, rows_out);
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = selection_row(selection, i);
        Value value = column_get(column, row);
        int order = 0;
        if (value.is_null || last.is_null) {
            order = (int)value.is_null - (int)last.is_null;
            if (key->nulls_first) order = -order;
        } else {
            order = sorter->first_ops->compare(&value.datum, &last.datum);
            if (key->is_descending) order = -order;
        }
        if (order <= 0) rows_out[count++] = (uint16_t)row;
    }
    return count;
}

// The row's item, whose key is still in the scratch text.
static SortItem sorter_make_item(Sorter *sorter, const Batch *batch, uint32_t row) {
    for (uint32_t k = 0; k < sorter->format.column_count; k++) {
        sorter->key_values[k] = column_get(&batch->columns[sorter->key_columns[k]], row);
    }
    text_clear(&sorter->key);
    key_append(&sorter->format, sorter->key_values, &sorter->key);
    uint8_t prefix[sizeof(uint64_t)] = {0};
    size_t count = sorter->key.count;
    memcpy(prefix, sorter->key.data, count < sizeof prefix ? count : sizeof prefix);
    return (SortItem){
        .prefix = get_u64_be(prefix),
        .key = count <= sizeof prefix ? NULL : (const uint8_t *)sorter->key.data,
        .key_bytes = (uint32_t)count,
    };
}

static SortItem sorter_keep_item(Sorter *sorter, SortItem item, uint32_t row) {
    if (item.key != NULL) {
        item.key = arena_copy_bytes(&sorter->arena, item.key, item.key_bytes);
    }
    item.row = row;
    return item;
}

static Status sorter_add_to_heap(Sorter *sorter, const Batch *batch) {
    uint16_t rows[BATCH_ROW_COUNT];
    uint32_t count = sorter_preselect(sorter, batch, rows), kept_count = 0;
    uint32_t first = sorter->rows.row_count;
    for (uint32_t i = 0; i < count; i++) {
        SortItem item = sorter_make_item(sorter, batch, rows[i]);
        item.row = first + kept_count;
        if (!item_before(&item, &sorter->items[0])) continue;
        sorter->items[0] = sorter_keep_item(sorter, item, item.row);
        heap_sift_down(sorter->items, sorter->item_count, 0);
        rows[kept_count++] = rows[i];
    }
    if (kept_count == 0) return OK;
    Batch kept = *batch;
    kept.selection = rows;
    kept.selected_count = kept_count;
    TRY(row_buffer_append(&sorter->rows, &kept));
    TRY(arena_check(&sorter->arena));
    bool has_many_dead = sorter->rows.row_count > sorter->bound * 2 + BOUND_SLACK;
    return has_many_dead ? sorter_compact(sorter) : OK;
}

// ---- Adding -------------------------------------------------------------------------------------

static Status sorter_add_all(Sorter *sorter, const Batch *batch) {
    TRY(sorter_reserve(sorter, batch->selected_count));
    uint32_t first = sorter->rows.row_count;
    TRY(row_buffer_append(&sorter->rows, batch));
    Selection selection = batch_selection(batch);
    for (uint32_t i = 0; i < selection.count; i++) {
        SortItem item = sorter_make_item(sorter, batch, selection_row(selection, i));
        sorter->items[sorter->item_count++] = sorter_keep_item(sorter, item, first + i);
    }
    return arena_check(&sorter->arena);
}

Status sorter_add(Sorter *sorter, const Batch *batch) {
    if (sorter->bound == 0 || sorter->bound >= UINT32_MAX / 4) return sorter_add_all(sorter, batch);
    if (sorter->item_count == sorter->bound) return sorter_add_to_heap(sorter, batch);
    TRY(sorter_add_all(sorter, batch));
    if (sorter->item_count < sorter->bound) return OK;
    TRY(sorter_sort(sorter));
    sorter->item_count = (uint32_t)sorter->bound;
    heap_make(sorter->items, sorter->item_count);
    return OK;
}

Status sorter_finish(Sorter *sorter) {
    TRY(sorter_sort(sorter));
    if (sorter->bound > 0 && sorter->item_count > sorter->bound) {
        sorter->item_count = (uint32_t)sorter->bound;
    }
    return OK;
}

Status sorter_merge(Sorter *sorter, const Sorter *from) {
    uint64_t total = (uint64_t)sorter->item_count + from->item_count;
    if (sorter->bound > 0 && total > sorter->bound) total = sorter->bound;
    uint32_t first;
    TRY(row_buffer_adopt(&sorter->rows, &from->rows, &first));
    void *memory;
    TRY(arena_try_allocate(&sorter->arena, (size_t)(total + 1) * sizeof(SortItem), 64, &memory));
    SortItem *merged = memory;
    uint32_t left = 0, right = 0, count = 0;
    while (count < total) {
        bool takes_right = left == sorter->item_count;
        SortItem item = {0};
        if (right < from->item_count) {
            item = from->items[right];
            item.row += first;
            takes_right = takes_right || item_before(&item, &sorter->items[left]);
        }
        if (takes_right) right++;
        merged[count++] = takes_right ? item : sorter->items[left++];
    }
    sorter->items = merged;
    sorter->item_count = count;
    sorter->item_capacity = count;
    return OK;
}
