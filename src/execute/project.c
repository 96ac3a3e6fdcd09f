// The operators that look at one batch at a time: one row, VALUES, what COPY feeds, filter and
// project.
#include "execute/execute_internal.h"

typedef struct Result {
    Operator base;
    Batch *row;
    bool is_given;
} Result;

static Status result_produce(Operator *base, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    Result *self = (Result *)base;
    *batch_out = self->is_given ? NULL : self->row;
    self->is_given = true;
    return OK;
}

static Status result_rewind(Operator *base) {
    ((Result *)base)->is_given = false;
    return OK;
}

Status result_make(Execution *execution, const PlanNode *node, Operator **operator_out) {
    Result *self;
    TRY(operator_new(execution, node, Result, &self));
    self->row = batch_shell_make(execution->arena, 0);
    self->row->row_count = 1;
    self->row->selected_count = 1;
    self->base.produce = result_produce;
    self->base.rewind = result_rewind;
    *operator_out = &self->base;
    return OK;
}

typedef struct Values {
    Operator base;
    Evaluator **rows;
    Value *row;
    Batch *batch;
    uint32_t next;
} Values;

static Status values_produce(Operator *base, uint32_t row_max, Batch **batch_out) {
    Values *self = (Values *)base;
    uint32_t row_count = base->node->values.row_count;
    *batch_out = NULL;
    batch_clear(self->batch);
    arena_reset(&base->arena);
    while (self->next < row_count && self->batch->row_count < BATCH_ROW_COUNT
           && self->batch->row_count < row_max) {
        TRY(evaluator_values(self->rows[self->next++], self->row));
        batch_append_values(self->batch, &base->arena, self->row);
    }
    if (self->batch->row_count > 0) *batch_out = self->batch;
    return operator_check_memory(base);
}

static Status values_rewind(Operator *base) {
    ((Values *)base)->next = 0;
    return OK;
}

Status values_make(Execution *execution, const PlanNode *node, Operator **operator_out) {
    Values *self;
    TRY(operator_new(execution, node, Values, &self));
    self->rows = arena_new_array(execution->arena, Evaluator *, node->values.row_count);
    for (uint32_t i = 0; i < node->values.row_count; i++) {
        TRY(evaluator_make(execution, node->values.rows[i], &self->rows[i]));
        if (!node->values.rows[i]->is_speculative) self->base.is_speculative = false;
    }
    self->row = arena_new_array(execution->arena, Value, node->layout.count + 1);
    Oid *types = layout_types(execution->arena, &node->layout);
    self->batch = batch_owned_make(execution->arena, types, node->layout.count);
    self->base.produce = values_produce;
    self->base.rewind = values_rewind;
    *operator_out = &self->base;
    return OK;
}

static Status feed_produce(Operator *base, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    const ExecutionInput *input = &base->execution->input;
    ASSERT(input->feed != NULL);
    *batch_out = NULL;
    Batch *batch;
    TRY(input->feed(input->feed_argument, &batch));
    if (batch != NULL && batch->selected_count > 0) *batch_out = batch;
    return OK;
}

static Status feed_rewind(Operator *base) {
    (void)base;
    return fail(INTERNAL_ERROR, "rows that are fed cannot be read twice");
}

Status feed_make(Execution *execution, const PlanNode *node, Operator **operator_out) {
    Operator *self;
    TRY(operator_new(execution, node, Operator, &self));
    self->produce = feed_produce;
    self->rewind = feed_rewind;
    self->is_speculative = false;
    *operator_out = self;
    return OK;
}

// The filter itself is operator_next's business.
static Status filter_produce(Operator *base, uint32_t row_max, Batch **batch_out) {
    return operator_next(base->input, row_max, batch_out);
}

static Status filter_rewind(Operator *base) {
    return operator_rewind(base->input);
}

Status filter_make(Execution *execution, const PlanNode *node, Operator **operator_out) {
    Operator *self;
    TRY(operator_new(execution, node, Operator, &self));
    self->produce = filter_produce;
    self->rewind = filter_rewind;
    *operator_out = self;
    return OK;
}

typedef struct Project {
    Operator base;
    Evaluator *program;
    Batch *shell;
} Project;

static Status project_produce(Operator *base, uint32_t row_max, Batch **batch_out) {
    Project *self = (Project *)base;
    *batch_out = NULL;
    Batch *input;
    TRY(operator_next(base->input, row_max, &input));
    if (input == NULL) return OK;

    const Column *results = NULL;
    if (self->program != NULL) TRY(evaluator_run(self->program, input, &results));
    Batch *shell = self->shell;
    shell->row_count = input->row_count;
    shell->selected_count = input->selected_count;
    shell->selection = input->selection;
    const int32_t *sources = base->node->project.sources;
    for (uint32_t i = 0; i < shell->column_count; i++) {
        shell->columns[i] = sources[i] >= 0 ? input->columns[sources[i]] : results[-1 - sources[i]];
    }
    *batch_out = shell;
    return OK;
}

static Status project_rewind(Operator *base) {
    return operator_rewind(base->input);
}

Status project_make(Execution *execution, const PlanNode *node, Operator **operator_out) {
    Project *self;
    TRY(operator_new(execution, node, Project, &self));
    TRY(evaluator_make(execution, node->project.program, &self->program));
    if (self->program != NULL && !node->project.program->is_speculative) {
        self->base.is_speculative = false;
    }
    self->shell = batch_shell_make(execution->arena, node->layout.count);
    self->base.produce = project_produce;
    self->base.rewind = project_rewind;
    *operator_out = &self->base;
    return OK;
}
