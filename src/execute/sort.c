// ORDER BY: a sink that sorts, and the source of its rows.
//
// Threads  Each thread sorts a part; the parts are merged.
#include "execute/execute_internal.h"
#include "execute/sorter.h"

typedef struct Sort {
    Operator base;
    const Oid *types;
    uint64_t bound;
    Sorter *sorted; // the part that all the others were merged into
    uint32_t next;
    uint32_t *rows;
    Batch *output;
} Sort;

typedef struct SortPart {
    Local base;
    Sorter sorter;
} SortPart;

void sort_set_bound(Operator *base, uint64_t row_count) {
    ((Sort *)base)->bound = row_count;
}

static Status sort_consume(Local *base, Batch *batch) {
    SortPart *part = (SortPart *)base;
    part->sorter.bound = ((const Sort *)base->owner)->bound;
    return sorter_add(&part->sorter, batch);
}

static Status sort_seal(Local *base) {
    SortPart *part = (SortPart *)base;
    part->sorter.bound = ((const Sort *)base->owner)->bound;
    return sorter_finish(&part->sorter);
}

static Status sort_combine(Local *base) {
    Sort *self = (Sort *)base->owner;
    SortPart *part = (SortPart *)base;
    if (self->sorted != NULL) return sorter_merge(self->sorted, &part->sorter);
    self->sorted = &part->sorter;
    return OK;
}

static Status sort_next(Local *local, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    Sort *self = (Sort *)local->owner;
    const Sorter *sorter = self->sorted;
    uint32_t count = sorter->item_count - self->next;
    if (count == 0) return OK;
    if (count > BATCH_ROW_COUNT) count = BATCH_ROW_COUNT;
    for (uint32_t i = 0; i < count; i++) {
        self->rows[i] = sorter->items[self->next + i].row;
    }
    self->next += count;
    for (uint32_t i = 0; i < self->output->column_count; i++) {
        row_buffer_gather(
            &sorter->rows, i, self->rows, count, local->worker->arena, &self->output->columns[i]);
    }
    self->output->row_count = count;
    self->output->selected_count = count;
    *batch_out = self->output;
    return OK;
}

static Status sort_rewind(Operator *base) {
    Sort *self = (Sort *)base;
    self->sorted = NULL;
    self->next = 0;
    return OK;
}

static Status sort_rewind_local(Local *base) {
    sorter_clear(&((SortPart *)base)->sorter);
    return OK;
}

static void sort_close_local(Local *base) {
    sorter_deinit(&((SortPart *)base)->sorter);
}

static Status sort_make(Operator *base) {
    Sort *self = (Sort *)base;
    Arena *arena = base->execution->arena;
    const Layout *layout = &base->node->layout;
    Oid *types = layout_types(arena, layout);
    self->types = types;
    self->rows = scratch_new(arena, uint32_t);
    self->output = batch_owned_make(arena, types, layout->count);
    base->is_parallel = true;
    return OK;
}

static Status sort_make_local(Local *base) {
    const PlanNode *node = base->owner->node;
    return sorter_init(&((SortPart *)base)->sorter, base->worker->arena,
        ((const Sort *)base->owner)->types, node->layout.count, node->sort.columns, node->sort.keys,
        node->sort.key_count);
}

const OperatorKind sort_kind = {
    .operator_bytes = sizeof(Sort),
    .local_bytes = sizeof(SortPart),
    .make = sort_make,
    .make_local = sort_make_local,
    .rewind = sort_rewind,
    .rewind_local = sort_rewind_local,
    .close_local = sort_close_local,
    .next = sort_next,
    .consume = sort_consume,
    .seal = sort_seal,
    .combine = sort_combine,
};
