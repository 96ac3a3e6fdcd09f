// ORDER BY: a sink that sorts, and the source of its rows.
#include "execute/execute_internal.h"
#include "execute/sorter.h"

typedef struct Sort {
    Operator base;
    Sorter sorter;
    bool is_filled;
    uint64_t bound;
    uint32_t next;
    uint32_t *rows;
    Batch *output;
} Sort;

void sort_set_bound(Operator *base, uint64_t row_count) {
    Sort *self = (Sort *)base;
    if (!self->is_filled) self->sorter.bound = row_count == 0 ? 1 : row_count;
}

static Status sort_fill(Sort *self) {
    for (;;) {
        Batch *batch;
        TRY(operator_next(self->base.input, ROW_MAX_NONE, &batch));
        if (batch == NULL) break;
        TRY(sorter_add(&self->sorter, batch));
    }
    TRY(sorter_finish(&self->sorter));
    self->is_filled = true;
    self->next = 0;
    return OK;
}

static Status sort_produce(Operator *base, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    Sort *self = (Sort *)base;
    if (!self->is_filled) TRY(sort_fill(self));
    *batch_out = NULL;
    uint32_t count = self->sorter.item_count - self->next;
    if (count == 0) return OK;
    if (count > BATCH_ROW_COUNT) count = BATCH_ROW_COUNT;
    for (uint32_t i = 0; i < count; i++) {
        self->rows[i] = self->sorter.items[self->next + i].row;
    }
    self->next += count;
    for (uint32_t i = 0; i < self->output->column_count; i++) {
        row_buffer_gather(&self->sorter.rows, i, self->rows, count, base->execution->arena,
            &self->output->columns[i]);
    }
    self->output->row_count = count;
    self->output->selected_count = count;
    *batch_out = self->output;
    return OK;
}

static Status sort_rewind(Operator *base) {
    Sort *self = (Sort *)base;
    sorter_clear(&self->sorter);
    self->is_filled = false;
    return operator_rewind(base->input);
}

static void sort_close(Operator *base) {
    sorter_deinit(&((Sort *)base)->sorter);
}

Status sort_make(Execution *execution, const PlanNode *node, Operator **operator_out) {
    Sort *self;
    TRY(operator_new(execution, node, Sort, &self));
    Oid *types = layout_types(execution->arena, &node->layout);
    TRY(sorter_init(&self->sorter, execution->arena, types, node->layout.count, node->sort.columns,
        node->sort.keys, node->sort.key_count));
    self->rows = scratch_new(execution->arena, uint32_t);
    self->output = batch_owned_make(execution->arena, types, node->layout.count);
    self->base.is_speculative = true; // all is done before the first row
    self->base.produce = sort_produce;
    self->base.rewind = sort_rewind;
    self->base.close = sort_close;
    *operator_out = &self->base;
    return OK;
}
