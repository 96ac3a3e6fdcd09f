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

static Status function_scan_produce(Operator *base, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    FunctionScan *self = (FunctionScan *)base;
    const PlanNode *node = base->node;
    *batch_out = NULL;
    bool is_first = !self->is_open;
    if (is_first) {
        self->is_open = true;
        self->ordinal = 0;
        if (self->arguments != NULL) TRY(evaluator_values(self->arguments, self->values));
        if (node->function.returns_set) {
            TRY(set_open(base->execution, node->function.function, self->values,
                node->function.argument_count, &base->arena, &self->generator));
        }
    }
    if (node->function.returns_set) {
        if (self->generator == NULL) return OK;
        batch_clear(self->rows);
        TRY(self->generator->next(self->generator, self->rows));
        TRY(operator_check_memory(base));
        if (self->rows->selected_count == 0) return OK;
    } else {
        if (!is_first) return OK;
        batch_clear(self->rows);
        batch_append_values(self->rows, &base->arena, self->values);
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
    arena_reset(&base->arena);
    return OK;
}

Status function_scan_make(Execution *execution, const PlanNode *node, Operator **operator_out) {
    FunctionScan *self;
    TRY(operator_new(execution, node, FunctionScan, &self));
    TRY(evaluator_make(execution, node->function.arguments, &self->arguments));
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
    self->base.is_speculative = false;
    self->base.produce = function_scan_produce;
    self->base.rewind = function_scan_rewind;
    *operator_out = &self->base;
    return OK;
}

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
    Batch *input;
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
            self->row[i] = column_get(&self->input->columns[column->first], input_row);
            continue;
        }
        for (uint32_t j = 0; j < column->count; j++) {
            self->arguments[j] = column_get(&self->input->columns[column->first + j], input_row);
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

static Status project_set_produce(Operator *base, uint32_t row_max, Batch **batch_out) {
    ProjectSet *self = (ProjectSet *)base;
    batch_clear(self->output);
    arena_reset(&base->arena);
    *batch_out = NULL;
    uint32_t wanted = row_max < BATCH_ROW_COUNT ? row_max : BATCH_ROW_COUNT;
    while (self->output->row_count < wanted) {
        if (!self->has_row) {
            if (self->input == NULL || self->next_input == self->input->selected_count) {
                TRY(operator_next(base->input, 1, &self->input));
                self->next_input = 0;
                if (self->input == NULL) break;
            }
            uint32_t row = selection_row(batch_selection(self->input), self->next_input++);
            TRY(project_set_open_row(self, row));
        }
        bool is_row;
        TRY(project_set_step(self, &is_row));
        if (is_row) {
            batch_append_values(self->output, &base->arena, self->row);
        } else {
            self->has_row = false;
        }
    }
    if (self->output->row_count > 0) *batch_out = self->output;
    return operator_check_memory(base);
}

static Status project_set_rewind(Operator *base) {
    ProjectSet *self = (ProjectSet *)base;
    self->input = NULL;
    self->has_row = false;
    return operator_rewind(base->input);
}

static void project_set_close(Operator *base) {
    arena_deinit(&((ProjectSet *)base)->row_arena);
}

Status project_set_make(Execution *execution, const PlanNode *node, Operator **operator_out) {
    ProjectSet *self;
    TRY(operator_new(execution, node, ProjectSet, &self));
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
    self->base.is_speculative = false;
    self->base.produce = project_set_produce;
    self->base.rewind = project_set_rewind;
    self->base.close = project_set_close;
    *operator_out = &self->base;
    return OK;
}
