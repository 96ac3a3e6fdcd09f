// Set-returning functions: in FROM, and in a target list.
#include "execute/execute_internal.h"

static Status set_open(Execution *execution, Oid function, const Value *arguments,
    uint32_t argument_count, Arena *arena, SetGenerator **generator_out) {
    FunctionContext *context = execution->input.functions;
    const FunctionEntry *entry;
    TRY(function_registry_find(context->registry, function, &entry));
    const FunctionInfo *info = function_find(function);
    ASSERT(info != NULL);
    if (entry->set == NULL) {
        return fail(FEATURE_NOT_SUPPORTED, "function %s is not supported here yet", info->name);
    }
    *generator_out = NULL;
    if (info->is_strict) {
        for (uint32_t i = 0; i < argument_count; i++) {
            if (arguments[i].is_null) return OK; // no rows
        }
    }
    return entry->set(context, info, arguments, argument_count, arena, generator_out);
}

typedef struct FunctionScan {
    Operator base;
    Evaluator *arguments;
    Value *values;
    SetGenerator *generator;
    Batch *rows;  // as the function gives them
    Batch *shell; // with the ordinality
    int64_t *ordinals;
    int64_t ordinal;
    bool is_open;
} FunctionScan;

static Status function_scan_next(Local *local, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    FunctionScan *self = (FunctionScan *)local->owner;
    const PlanNode *node = self->base.node;
    bool is_first = !self->is_open;
    if (is_first) {
        self->is_open = true;
        self->ordinal = 0;
        if (self->arguments != NULL) TRY(evaluator_values(self->arguments, self->values));
        if (node->function.returns_set) {
            TRY(set_open(self->base.execution, node->function.function, self->values,
                node->function.argument_count, &local->arena, &self->generator));
        }
    }
    if (node->function.returns_set) {
        if (self->generator == NULL) return OK;
        batch_clear(self->rows);
        TRY(self->generator->next(self->generator, self->rows));
        TRY(local_check_memory(local));
        if (self->rows->selected_count == 0) return OK;
    } else {
        if (!is_first) return OK;
        batch_clear(self->rows);
        batch_append_values(self->rows, &local->arena, self->values);
    }
    if (!node->function.with_ordinality) {
        *batch_out = self->rows;
        return OK;
    }
    for (uint32_t i = 0; i < self->rows->row_count; i++) {
        self->ordinals[i] = ++self->ordinal;
    }
    Batch *shell = self->shell;
    for (uint32_t i = 0; i < self->rows->column_count; i++) {
        shell->columns[i] = self->rows->columns[i];
    }
    shell->row_count = self->rows->row_count;
    shell->selected_count = self->rows->selected_count;
    shell->selection = self->rows->selection;
    *batch_out = shell;
    return OK;
}

static Status function_scan_rewind(Operator *base) {
    FunctionScan *self = (FunctionScan *)base;
    self->is_open = false;
    self->generator = NULL;
    arena_reset(&base->local->arena);
    return OK;
}

static Status function_scan_make(Operator *base) {
    FunctionScan *self = (FunctionScan *)base;
    const PlanNode *node = base->node;
    Execution *execution = base->execution;
    TRY(evaluator_make(&execution->worker, node->function.arguments, &self->arguments));
    uint32_t value_count = self->arguments == NULL ? 0 : self->arguments->result_count;
    self->values = arena_new_array(execution->arena, Value, value_count + 1);
    uint32_t column_count = node->layout.count - (node->function.with_ordinality ? 1U : 0U);
    Oid *types = layout_types(execution->arena, &node->layout);
    self->rows = batch_owned_make(execution->arena, types, column_count);
    if (node->function.with_ordinality) {
        self->shell = batch_shell_make(execution->arena, node->layout.count);
        self->ordinals = arena_allocate(execution->arena, sizeof(int64_t) * BATCH_ROW_COUNT, 64);
        self->shell->columns[column_count] =
            (Column){.type = TYPE_INT8, .kind = PHYSICAL_INT8, .values = self->ordinals};
    }
    base->is_speculative = false;
    return OK;
}

const OperatorKind function_scan_kind = {
    .operator_bytes = sizeof(FunctionScan),
    .make = function_scan_make,
    .rewind = function_scan_rewind,
    .next = function_scan_next,
};

// One set-returning target of the current input row.
typedef struct SetTarget {
    SetGenerator *generator;
    Batch *rows;
    uint32_t next;
    bool is_ended;
} SetTarget;

typedef struct ProjectSet {
    Operator base;
    Batch *output;
    SetTarget *targets;
    const Batch *input; // while it has rows left
    uint32_t next_input;
    bool has_row;
    Value *row, *arguments;
    Arena row_arena;
} ProjectSet;

static Status project_set_open_row(ProjectSet *self, uint32_t input_row) {
    const PlanNode *node = self->base.node;
    arena_reset(&self->row_arena);
    for (uint32_t i = 0; i < node->project_set.column_count; i++) {
        const struct PlanSetColumn *column = &node->project_set.columns[i];
        if (!column->is_set) {
            self->row[i] = column_get(&self->input->columns[column->inputs[0]], input_row);
            continue;
        }
        for (uint32_t j = 0; j < column->count; j++) {
            self->arguments[j] = column_get(&self->input->columns[column->inputs[j]], input_row);
        }
        SetTarget *target = &self->targets[i];
        target->is_ended = false;
        target->next = 0;
        batch_clear(target->rows);
        TRY(set_open(self->base.execution, column->function, self->arguments, column->count,
            &self->row_arena, &target->generator));
        if (target->generator == NULL) target->is_ended = true;
    }
    self->has_row = true;
    return OK;
}

static Status set_target_next(SetTarget *target, Value *value_out) {
    *value_out = value_null();
    if (target->is_ended) return OK;
    if (target->next == target->rows->selected_count) {
        batch_clear(target->rows);
        target->next = 0;
        TRY(target->generator->next(target->generator, target->rows));
        if (target->rows->selected_count == 0) {
            target->is_ended = true;
            return OK;
        }
    }
    uint32_t row = selection_row(batch_selection(target->rows), target->next++);
    *value_out = column_get(&target->rows->columns[0], row);
    return OK;
}

// The next output row of the current input row; `is_row_out` is false when every set has ended.
static Status project_set_step(ProjectSet *self, bool *is_row_out) {
    const PlanNode *node = self->base.node;
    *is_row_out = false;
    for (uint32_t i = 0; i < node->project_set.column_count; i++) {
        if (!node->project_set.columns[i].is_set) continue;
        TRY(set_target_next(&self->targets[i], &self->row[i]));
        if (!self->targets[i].is_ended) *is_row_out = true;
    }
    return OK;
}

static Status project_set_process(Local *local, Batch *input, Batch **batch_out, Flow *flow_out) {
    ProjectSet *self = (ProjectSet *)local->owner;
    if (self->input == NULL) {
        self->input = input;
        self->next_input = 0;
    }
    batch_clear(self->output);
    arena_reset(&local->arena);
    uint32_t wanted = local->row_max < BATCH_ROW_COUNT ? local->row_max : BATCH_ROW_COUNT;
    *batch_out = self->output;
    *flow_out = FLOW_HAVE_MORE;
    while (self->output->row_count < wanted) {
        if (!self->has_row) {
            if (self->next_input == input->selected_count) {
                self->input = NULL;
                *flow_out = FLOW_NEED_INPUT;
                break;
            }
            uint32_t row = selection_row(batch_selection(input), self->next_input++);
            TRY(project_set_open_row(self, row));
        }
        bool is_row;
        TRY(project_set_step(self, &is_row));
        if (is_row) {
            batch_append_values(self->output, &local->arena, self->row);
        } else {
            self->has_row = false;
        }
    }
    return local_check_memory(local);
}

// One input row may give many.
static uint32_t project_set_budget(Local *local, uint32_t row_max) {
    (void)local;
    return row_max < BATCH_ROW_COUNT ? 1 : row_max;
}

static Status project_set_rewind(Operator *base) {
    ProjectSet *self = (ProjectSet *)base;
    self->input = NULL;
    self->has_row = false;
    return OK;
}

static void project_set_close(Operator *base) {
    arena_deinit(&((ProjectSet *)base)->row_arena);
}

static Status project_set_make(Operator *base) {
    ProjectSet *self = (ProjectSet *)base;
    const PlanNode *node = base->node;
    Execution *execution = base->execution;
    arena_init(&self->row_arena, execution->arena->budget);
    uint32_t column_count = node->project_set.column_count;
    self->targets = arena_new_array(execution->arena, SetTarget, column_count + 1);
    uint32_t argument_max = 0;
    for (uint32_t i = 0; i < column_count; i++) {
        const struct PlanSetColumn *column = &node->project_set.columns[i];
        if (!column->is_set) continue;
        if (column->count > argument_max) argument_max = column->count;
        self->targets[i].rows = batch_owned_make(execution->arena, &column->result.oid, 1);
    }
    self->row = arena_new_array(execution->arena, Value, column_count + 1);
    self->arguments = arena_new_array(execution->arena, Value, argument_max + 1);
    Oid *types = layout_types(execution->arena, &node->layout);
    self->output = batch_owned_make(execution->arena, types, column_count);
    base->is_speculative = false;
    return OK;
}

const OperatorKind project_set_kind = {
    .operator_bytes = sizeof(ProjectSet),
    .make = project_set_make,
    .rewind = project_set_rewind,
    .close = project_set_close,
    .process = project_set_process,
    .budget = project_set_budget,
};
