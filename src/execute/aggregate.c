// GROUP BY and aggregates: a sink that numbers the groups and updates their states, and the source
// of one row a group.
//
// Model    The first columns of the input are the group; each call names its arguments among the
//          others. DISTINCT passes a (group, arguments) the first time only; an aggregate with
//          ORDER BY keeps its rows and is fed at the end, in order.
// Threads  A part is filled locally; parts are combined by adding one's groups to another.
#include "execute/execute_internal.h"
#include "execute/key_table.h"
#include "execute/sorter.h"

enum { FUNCTION_ARGUMENT_MAX = 100 };

typedef struct CallState {
    const PlanAggregateCall *plan;
    const AggregateKernels *kernels;
    Call call;
    Column *arguments;
    uint32_t offset;    // of its state within a group's
    KeyTable *distinct; // of (group number, arguments), or NULL
    Sorter *sorter;     // of (group number, arguments, order columns), or NULL
    Batch *sorter_batch;
} CallState;

typedef struct Aggregate {
    Operator base;
    KeyTable groups;
    CallState *calls;
    uint32_t state_bytes; // of one group
    void **states;        // of each group
    uint32_t state_capacity;
    uint32_t group_count;
    uint32_t *numbers; // of the rows of the batch
    void **row_states;
    uint16_t *rows;
    uint32_t *kept_numbers;
    bool *is_new;
    int64_t *group_column;
    bool is_filled;
    uint32_t next;
    Batch *output;
    Arena output_arena;
} Aggregate;

static Status aggregate_reserve(Aggregate *self, uint32_t group_count) {
    if (group_count > self->state_capacity) {
        uint32_t capacity = group_count * 2 + 64;
        void *memory;
        TRY(arena_try_allocate(&self->base.arena, capacity * sizeof(void *), 64, &memory));
        if (self->group_count > 0) {
            memcpy(memory, self->states, self->group_count * sizeof(void *));
        }
        self->states = memory;
        self->state_capacity = capacity;
    }
    if (group_count == self->group_count) return OK;
    uint32_t added = group_count - self->group_count;
    void *memory;
    size_t bytes = (size_t)added * self->state_bytes + 16;
    TRY(arena_try_allocate(&self->base.arena, bytes, 16, &memory));
    memset(memory, 0, bytes);
    for (uint32_t i = 0; i < added; i++) {
        self->states[self->group_count + i] = (uint8_t *)memory + (size_t)i * self->state_bytes;
    }
    self->group_count = group_count;
    return OK;
}

// Runs the kernel over rows whose group numbers are given, one a selected row.
static Status call_update(Aggregate *self, CallState *state, const Column *arguments,
    Selection selection, const uint32_t *numbers) {
    for (uint32_t i = 0; i < selection.count; i++) {
        self->row_states[i] = (uint8_t *)self->states[numbers[i]] + state->offset;
    }
    state->call.arguments = arguments;
    state->call.selection = selection;
    return state->kernels->update(&state->call, self->row_states, &self->base.arena);
}

// The selected rows that pass the call's FILTER, with their group numbers.
static Selection call_filter(
    Aggregate *self, const CallState *state, const Batch *batch, const uint32_t **numbers) {
    Selection selection = batch_selection(batch);
    if (!state->plan->has_filter) return selection;
    const Column *filter = &batch->columns[state->plan->filter];
    uint32_t count = 0;
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = selection_row(selection, i);
        Value value = column_get(filter, row);
        if (value.is_null || !value.datum.boolean) continue;
        self->kept_numbers[count] = (*numbers)[i];
        self->rows[count++] = (uint16_t)row;
    }
    *numbers = self->kept_numbers;
    return (Selection){.rows = self->rows, .count = count};
}

// The group numbers as a column, indexed by row.
static Column group_column_make(Aggregate *self, Selection selection, const uint32_t *numbers) {
    for (uint32_t i = 0; i < selection.count; i++) {
        self->group_column[selection_row(selection, i)] = numbers[i];
    }
    return (Column){.type = TYPE_INT8, .kind = PHYSICAL_INT8, .values = self->group_column};
}

static Status call_keep_distinct(
    Aggregate *self, CallState *state, Selection *selection, const uint32_t **numbers) {
    uint32_t argument_count = state->plan->argument_count;
    Column keys[FUNCTION_ARGUMENT_MAX + 1];
    keys[0] = group_column_make(self, *selection, *numbers);
    memcpy(&keys[1], state->arguments, argument_count * sizeof *keys);
    uint32_t ignored[BATCH_ROW_COUNT];
    TRY(key_table_add(state->distinct, keys, *selection, ignored, self->is_new));
    uint32_t count = 0;
    for (uint32_t i = 0; i < selection->count; i++) {
        if (!self->is_new[i]) continue;
        uint32_t row = selection_row(*selection, i);
        self->kept_numbers[count] = (*numbers)[i];
        self->rows[count++] = (uint16_t)row;
    }
    *numbers = self->kept_numbers;
    *selection = (Selection){.rows = self->rows, .count = count};
    return OK;
}

static Status call_keep_for_order(Aggregate *self, CallState *state, const Batch *batch,
    Selection selection, const uint32_t *numbers) {
    const PlanAggregateCall *plan = state->plan;
    Batch *kept = state->sorter_batch;
    kept->columns[0] = group_column_make(self, selection, numbers);
    for (uint32_t i = 0; i < plan->argument_count; i++) {
        kept->columns[1 + i] = state->arguments[i];
    }
    for (uint32_t i = 0; i < plan->order_count; i++) {
        kept->columns[1 + plan->argument_count + i] = batch->columns[plan->order_columns[i]];
    }
    kept->row_count = batch->row_count;
    kept->selection = selection.rows;
    kept->selected_count = selection.count;
    return sorter_add(state->sorter, kept);
}

static Status aggregate_consume(Aggregate *self, const Batch *batch) {
    const PlanNode *node = self->base.node;
    Selection all = batch_selection(batch);
    if (node->aggregate.group_count > 0) {
        TRY(key_table_add(&self->groups, batch->columns, all, self->numbers, NULL));
        TRY(aggregate_reserve(self, key_table_count(&self->groups)));
    }
    for (uint32_t c = 0; c < node->aggregate.call_count; c++) {
        CallState *state = &self->calls[c];
        for (uint32_t i = 0; i < state->plan->argument_count; i++) {
            state->arguments[i] = batch->columns[state->plan->arguments[i]];
        }
        const uint32_t *numbers = self->numbers;
        Selection selection = call_filter(self, state, batch, &numbers);
        if (state->distinct != NULL) {
            TRY(call_keep_distinct(self, state, &selection, &numbers));
        }
        if (selection.count == 0) continue;
        if (state->sorter != NULL) {
            TRY(call_keep_for_order(self, state, batch, selection, numbers));
        } else {
            TRY(call_update(self, state, state->arguments, selection, numbers));
        }
    }
    return operator_check_memory(&self->base);
}

// Feeds an aggregate with ORDER BY what was kept for it.
static Status call_feed_in_order(Aggregate *self, CallState *state) {
    Sorter *sorter = state->sorter;
    TRY(sorter_finish(sorter));
    uint32_t argument_count = state->plan->argument_count;
    Arena *arena = self->base.execution->arena;
    Batch *piece = batch_owned_make(arena, sorter->types, 1 + argument_count);
    uint32_t rows[BATCH_ROW_COUNT];
    for (uint32_t first = 0; first < sorter->item_count; first += BATCH_ROW_COUNT) {
        uint32_t count = sorter->item_count - first;
        if (count > BATCH_ROW_COUNT) count = BATCH_ROW_COUNT;
        for (uint32_t i = 0; i < count; i++) {
            rows[i] = sorter->items[first + i].row;
        }
        for (uint32_t i = 0; i < 1 + argument_count; i++) {
            row_buffer_gather(&sorter->rows, i, rows, count, arena, &piece->columns[i]);
        }
        const int64_t *groups = piece->columns[0].values;
        for (uint32_t i = 0; i < count; i++) {
            self->kept_numbers[i] = (uint32_t)groups[i];
        }
        TRY(call_update(
            self, state, piece->columns + 1, (Selection){.count = count}, self->kept_numbers));
    }
    return OK;
}

static Status aggregate_fill(Aggregate *self) {
    const PlanNode *node = self->base.node;
    if (node->aggregate.group_count == 0) {
        TRY(aggregate_reserve(self, 1)); // there is always one group
        memset(self->numbers, 0, BATCH_ROW_COUNT * sizeof *self->numbers);
    }
    for (;;) {
        Batch *batch;
        TRY(operator_next(self->base.input, ROW_MAX_NONE, &batch));
        if (batch == NULL) break;
        TRY(aggregate_consume(self, batch));
    }
    for (uint32_t c = 0; c < node->aggregate.call_count; c++) {
        if (self->calls[c].sorter != NULL) TRY(call_feed_in_order(self, &self->calls[c]));
    }
    self->is_filled = true;
    self->next = 0;
    return OK;
}

static Status aggregate_give(Aggregate *self, uint32_t group) {
    const PlanNode *node = self->base.node;
    Batch *output = self->output;
    uint32_t row = output->row_count;
    for (uint32_t i = 0; i < node->aggregate.group_count; i++) {
        Value value = row_buffer_get(&self->groups.keys, i, group);
        column_set(&output->columns[i], self->base.execution->arena, row, &value);
    }
    for (uint32_t c = 0; c < node->aggregate.call_count; c++) {
        CallState *state = &self->calls[c];
        const void *at = (const uint8_t *)self->states[group] + state->offset;
        Value value;
        TRY(state->kernels->finalize(&state->call, at, &self->output_arena, &value));
        column_set(&output->columns[node->aggregate.group_count + c], self->base.execution->arena,
            row, &value);
    }
    output->selected_count = ++output->row_count;
    return OK;
}

static Status aggregate_produce(Operator *base, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    Aggregate *self = (Aggregate *)base;
    if (!self->is_filled) TRY(aggregate_fill(self));
    *batch_out = NULL;
    batch_clear(self->output);
    arena_reset(&self->output_arena);
    while (self->next < self->group_count && self->output->row_count < BATCH_ROW_COUNT) {
        TRY(aggregate_give(self, self->next++));
    }
    TRY(arena_check(&self->output_arena));
    if (self->output->row_count > 0) *batch_out = self->output;
    return OK;
}

static Status call_start(Aggregate *self, CallState *state) {
    const PlanAggregateCall *plan = state->plan;
    Arena *arena = &self->base.arena;
    if (plan->is_distinct) {
        Oid *types = arena_new_array(arena, Oid, plan->argument_count + 1);
        types[0] = TYPE_INT8;
        memcpy(&types[1], plan->argument_types, plan->argument_count * sizeof *types);
        state->distinct = arena_new(arena, KeyTable);
        TRY(key_table_init(state->distinct, arena, types, plan->argument_count + 1));
    }
    return OK;
}

static Status call_init(Aggregate *self, CallState *state, const PlanAggregateCall *plan) {
    Execution *execution = self->base.execution;
    const FunctionEntry *entry;
    TRY(function_registry_find(execution->input.functions->registry, plan->function, &entry));
    const FunctionInfo *info = function_find(plan->function);
    if (entry->aggregate == NULL || plan->argument_count > FUNCTION_ARGUMENT_MAX) {
        return fail(FEATURE_NOT_SUPPORTED, "aggregate %s is not supported yet",
            info == NULL ? "?" : info->name);
    }
    state->plan = plan;
    state->kernels = entry->aggregate;
    state->arguments = arena_new_array(execution->arena, Column, plan->argument_count + 1);
    state->call = (Call){
        .context = execution->input.functions,
        .function = info,
        .argument_count = plan->argument_count,
        .argument_types = plan->argument_types,
        .result_type = plan->result,
        .arena = &self->output_arena,
    };
    state->offset = self->state_bytes;
    self->state_bytes += (entry->aggregate->state_bytes + 15U) & ~15U;
    // DISTINCT gives its values in order, where the order can be seen.
    bool orders_arguments =
        plan->order_count == 0 && plan->is_distinct && entry->aggregate->is_order_sensitive;
    if (plan->order_count == 0 && !orders_arguments) return call_start(self, state);

    uint32_t column_count = 1 + plan->argument_count + plan->order_count;
    Oid *types = arena_new_array(execution->arena, Oid, column_count);
    types[0] = TYPE_INT8;
    memcpy(&types[1], plan->argument_types, plan->argument_count * sizeof *types);
    uint32_t key_count = orders_arguments ? plan->argument_count : plan->order_count;
    uint32_t *columns = arena_new_array(execution->arena, uint32_t, key_count);
    KeyColumn *argument_keys = arena_new_array(execution->arena, KeyColumn, plan->argument_count);
    for (uint32_t i = 0; i < plan->argument_count && orders_arguments; i++) {
        columns[i] = 1 + i;
        argument_keys[i] = (KeyColumn){.type = plan->argument_types[i], .is_nullable = true};
    }
    for (uint32_t i = 0; i < plan->order_count; i++) {
        columns[i] = 1 + plan->argument_count + i;
        types[columns[i]] = plan->order_keys[i].type;
    }
    state->sorter = arena_new(execution->arena, Sorter);
    state->sorter_batch = batch_shell_make(execution->arena, column_count);
    TRY(sorter_init(state->sorter, execution->arena, types, column_count, columns,
        orders_arguments ? argument_keys : plan->order_keys, key_count));
    return call_start(self, state);
}

static Status aggregate_start(Aggregate *self) {
    const PlanNode *node = self->base.node;
    self->states = NULL;
    self->state_capacity = 0;
    self->group_count = 0;
    self->is_filled = false;
    if (node->aggregate.group_count == 0) return OK;
    Oid *types = layout_types(&self->base.arena, &node->layout);
    return key_table_init(&self->groups, &self->base.arena, types, node->aggregate.group_count);
}

static Status aggregate_rewind(Operator *base) {
    Aggregate *self = (Aggregate *)base;
    arena_reset(&base->arena);
    TRY(aggregate_start(self));
    for (uint32_t c = 0; c < base->node->aggregate.call_count; c++) {
        if (self->calls[c].sorter != NULL) sorter_clear(self->calls[c].sorter);
        TRY(call_start(self, &self->calls[c]));
    }
    return operator_rewind(base->input);
}

static void aggregate_close(Operator *base) {
    Aggregate *self = (Aggregate *)base;
    for (uint32_t c = 0; c < base->node->aggregate.call_count; c++) {
        if (self->calls[c].sorter != NULL) sorter_deinit(self->calls[c].sorter);
    }
    arena_deinit(&self->output_arena);
}

Status aggregate_make(Execution *execution, const PlanNode *node, Operator **operator_out) {
    Aggregate *self;
    TRY(operator_new(execution, node, Aggregate, &self));
    Arena *arena = execution->arena;
    arena_init(&self->output_arena, arena->budget);
    self->base.close = aggregate_close;
    self->calls = arena_new_array(arena, CallState, node->aggregate.call_count + 1);
    for (uint32_t c = 0; c < node->aggregate.call_count; c++) {
        TRY(call_init(self, &self->calls[c], &node->aggregate.calls[c]));
    }
    TRY(aggregate_start(self));
    self->numbers = scratch_new(arena, uint32_t);
    self->kept_numbers = scratch_new(arena, uint32_t);
    self->row_states = scratch_new(arena, void *);
    self->rows = scratch_new(arena, uint16_t);
    self->is_new = scratch_new(arena, bool);
    self->group_column = arena_allocate(arena, sizeof(int64_t) * BATCH_ROW_COUNT, 64);
    Oid *types = layout_types(arena, &node->layout);
    self->output = batch_owned_make(arena, types, node->layout.count);
    self->base.is_speculative = true;
    self->base.produce = aggregate_produce;
    self->base.rewind = aggregate_rewind;
    *operator_out = &self->base;
    return OK;
}
