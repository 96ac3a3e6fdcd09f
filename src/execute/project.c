// The operators that look at one batch at a time: one row, VALUES, what COPY feeds, UNION ALL,
// filter and project.
#include "execute/execute_internal.h"

typedef struct Result {
    Operator base;
    Batch *row;
    bool is_given;
} Result;

static Status result_next(Local *local, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    Result *self = (Result *)local->owner;
    *batch_out = self->is_given ? NULL : self->row;
    self->is_given = true;
    return OK;
}

static Status result_rewind(Operator *base) {
    ((Result *)base)->is_given = false;
    return OK;
}

static Status result_make(Operator *base) {
    Result *self = (Result *)base;
    self->row = batch_shell_make(base->execution->arena, 0);
    self->row->row_count = 1;
    self->row->selected_count = 1;
    return OK;
}

const OperatorKind result_kind = {
    .operator_bytes = sizeof(Result),
    .make = result_make,
    .rewind = result_rewind,
    .next = result_next,
};

typedef struct Values {
    Operator base;
    Evaluator **rows;
    Value *row;
    Batch *batch;
    uint32_t next;
} Values;

static Status values_next(Local *local, uint32_t row_max, Batch **batch_out) {
    Values *self = (Values *)local->owner;
    uint32_t row_count = self->base.node->values.row_count;
    batch_clear(self->batch);
    arena_reset(&local->arena);
    while (self->next < row_count && self->batch->row_count < BATCH_ROW_COUNT
           && self->batch->row_count < row_max) {
        TRY(evaluator_values(self->rows[self->next++], self->row));
        batch_append_values(self->batch, &local->arena, self->row);
    }
    if (self->batch->row_count > 0) *batch_out = self->batch;
    return local_check_memory(local);
}

static Status values_rewind(Operator *base) {
    ((Values *)base)->next = 0;
    return OK;
}

static Status values_make(Operator *base) {
    Values *self = (Values *)base;
    const PlanNode *node = base->node;
    Execution *execution = base->execution;
    self->rows = arena_new_array(execution->arena, Evaluator *, node->values.row_count);
    for (uint32_t i = 0; i < node->values.row_count; i++) {
        TRY(evaluator_make(&execution->worker, node->values.rows[i], &self->rows[i]));
        if (!node->values.rows[i]->is_speculative) base->is_speculative = false;
    }
    self->row = arena_new_array(execution->arena, Value, node->layout.count + 1);
    Oid *types = layout_types(execution->arena, &node->layout);
    self->batch = batch_owned_make(execution->arena, types, node->layout.count);
    return OK;
}

const OperatorKind values_kind = {
    .operator_bytes = sizeof(Values),
    .make = values_make,
    .rewind = values_rewind,
    .next = values_next,
};

static Status feed_next(Local *local, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    const ExecutionInput *input = &local->worker->execution->input;
    ASSERT(input->feed != NULL);
    Batch *batch;
    TRY(input->feed(input->feed_argument, &batch));
    if (batch != NULL && batch->selected_count > 0) *batch_out = batch;
    return OK;
}

static Status feed_rewind(Operator *base) {
    (void)base;
    return fail(INTERNAL_ERROR, "rows that are fed cannot be read twice");
}

static Status feed_make(Operator *base) {
    base->is_speculative = false;
    return OK;
}

const OperatorKind feed_kind = {.make = feed_make, .rewind = feed_rewind, .next = feed_next};

// UNION ALL: one side after the other; plain UNION is that under a DISTINCT.
typedef struct Append {
    Operator base;
    Pipeline *parts[2];
    uint32_t part;
} Append;

static Status append_next(Local *local, uint32_t row_max, Batch **batch_out) {
    Append *self = (Append *)local->owner;
    while (self->part < 2) {
        TRY(pipeline_next(self->parts[self->part], row_max, batch_out));
        if (*batch_out != NULL) return OK;
        self->part++;
    }
    return OK;
}

static Status append_rewind(Operator *base) {
    Append *self = (Append *)base;
    self->part = 0;
    TRY(pipeline_rewind(self->parts[0]));
    return pipeline_rewind(self->parts[1]);
}

static Status append_make(Operator *base) {
    Append *self = (Append *)base;
    TRY(pipeline_make(base->execution, base->node->input, NULL, &self->parts[0]));
    TRY(pipeline_make(base->execution, base->node->second, NULL, &self->parts[1]));
    base->is_speculative = self->parts[0]->is_speculative && self->parts[1]->is_speculative;
    return OK;
}

const OperatorKind append_kind = {
    .operator_bytes = sizeof(Append),
    .make = append_make,
    .rewind = append_rewind,
    .next = append_next,
};

// The condition of a node of any kind.
typedef struct Filter {
    Local base;
    Evaluator *condition;
    uint16_t *rows;
    Batch passed;
    uint32_t wish; // rows that it asks for at least; grows while it lets little through
} Filter;

static Status filter_process(Local *base, Batch *input, Batch **batch_out, Flow *flow_out) {
    Filter *self = (Filter *)base;
    uint32_t count;
    TRY(evaluator_select(self->condition, input, self->rows, &count));
    self->passed = *input;
    self->passed.selection = self->rows;
    self->passed.selected_count = count;
    self->wish = base->wanted < BATCH_ROW_COUNT ? base->wanted * 4 : ROW_MAX_NONE;
    *batch_out = &self->passed;
    *flow_out = FLOW_NEED_INPUT;
    return OK;
}

// Few rows are wanted: not many are read before it is known how many of them pass.
static uint32_t filter_budget(Local *base, uint32_t row_max) {
    const Filter *self = (const Filter *)base;
    const Operator *owner = base->owner;
    bool is_free =
        (owner->is_speculative && owner->input_speculative) || row_max >= BATCH_ROW_COUNT;
    return is_free && self->wish > row_max ? self->wish : row_max;
}

static Status filter_rewind_local(Local *base) {
    ((Filter *)base)->wish = 0;
    return OK;
}

static Status filter_make(Operator *base) {
    base->is_speculative = base->node->filter->is_speculative;
    base->is_parallel = plan_program_is_parallel(base->node->filter);
    return OK;
}

static Status filter_make_local(Local *base) {
    Filter *self = (Filter *)base;
    self->rows = scratch_new(base->worker->arena, uint16_t);
    return evaluator_make(base->worker, base->owner->node->filter, &self->condition);
}

const OperatorKind filter_kind = {
    .local_bytes = sizeof(Filter),
    .make = filter_make,
    .make_local = filter_make_local,
    .rewind_local = filter_rewind_local,
    .process = filter_process,
    .budget = filter_budget,
    .is_plain = true,
};

typedef struct Project {
    Local base;
    Evaluator *program;
    Batch *shell;
} Project;

static Status project_process(Local *base, Batch *input, Batch **batch_out, Flow *flow_out) {
    Project *self = (Project *)base;
    const Column *results = NULL;
    if (self->program != NULL) TRY(evaluator_run(self->program, input, &results));
    Batch *shell = self->shell;
    shell->row_count = input->row_count;
    shell->selected_count = input->selected_count;
    shell->selection = input->selection;
    const int32_t *sources = base->owner->node->project.sources;
    for (uint32_t i = 0; i < shell->column_count; i++) {
        shell->columns[i] = sources[i] >= 0 ? input->columns[sources[i]] : results[-1 - sources[i]];
    }
    *batch_out = shell;
    *flow_out = FLOW_NEED_INPUT;
    return OK;
}

static Status project_make(Operator *base) {
    const PlanProgram *program = base->node->project.program;
    base->is_speculative = program == NULL || program->is_speculative;
    base->is_parallel = plan_program_is_parallel(program);
    return OK;
}

static Status project_make_local(Local *base) {
    Project *self = (Project *)base;
    const PlanNode *node = base->owner->node;
    self->shell = batch_shell_make(base->worker->arena, node->layout.count);
    return evaluator_make(base->worker, node->project.program, &self->program);
}

const OperatorKind project_kind = {
    .local_bytes = sizeof(Project),
    .make = project_make,
    .make_local = project_make_local,
    .process = project_process,
    .is_plain = true,
};
