// GROUP BY and aggregates: a sink that numbers the groups and updates their states, and the source
// of one row a group.
//
// Model    The first columns of the input are the group; each call names its arguments among the
//          others. DISTINCT collects (group, arguments) and updates the states when all are there;
//          an aggregate with ORDER BY keeps its rows and is fed at the end, in order.
// Threads  Each thread fills a part. Parts are combined by merging their groups and states; what
//          depends on the order of its rows is filled by one thread.
#include "execute/execute_internal.h"
#include "execute/key_table.h"
#include "execute/sorter.h"

enum { FUNCTION_ARGUMENT_MAX = 100 };

typedef struct AggregateCall {
    const PlanAggregateCall *plan;
    const AggregateKernels *kernels;
    const FunctionInfo *info;
    uint32_t offset; // of its state within a group's
    // ORDER BY, or DISTINCT where the order of the values can be seen.
    bool is_sorted;
    const Oid *sorter_types;
    const uint32_t *sorter_columns;
    const KeyColumn *sorter_keys;
    uint32_t sorter_column_count, sorter_key_count;
    const Oid *distinct_types;
} AggregateCall;

typedef struct Aggregate {
    Operator base;
    AggregateCall *calls;
    const Oid *types;            // of the output; the group's come first
    uint32_t state_bytes;        // of one group
    struct AggregatePart *whole; // the part that all the others were merged into
    uint32_t next;
    Batch *output;
    Arena output_arena;
} Aggregate;

typedef struct CallState {
    Call call;
    Column *arguments;
    KeyTable distinct; // of (group number, arguments)
    Sorter *sorter;    // of (group number, arguments, order columns), or NULL
    Batch *sorter_batch;
} CallState;

typedef struct AggregatePart {
    Local base;
    KeyTable groups;
    CallState *calls;
    void **states; // of each group
    uint32_t state_capacity;
    uint32_t group_count;
    uint32_t *numbers; // of the rows of the batch
    void **row_states;
    uint16_t *rows;
    uint32_t *kept_numbers;
    bool *is_new;
    int64_t *group_column;
} AggregatePart;

static const Aggregate *aggregate_of(const AggregatePart *part) {
    return (const Aggregate *)part->base.owner;
}

static Status part_reserve(AggregatePart *part, uint32_t group_count) {
    uint32_t state_bytes = aggregate_of(part)->state_bytes;
    if (group_count > part->state_capacity) {
        uint32_t capacity = group_count * 2 + 64;
        void *memory;
        TRY(arena_try_allocate(&part->base.arena, capacity * sizeof(void *), 64, &memory));
        if (part->group_count > 0) {
            memcpy(memory, part->states, part->group_count * sizeof(void *));
        }
        part->states = memory;
        part->state_capacity = capacity;
    }
    if (group_count == part->group_count) return OK;
    uint32_t added = group_count - part->group_count;
    void *memory;
    size_t bytes = (size_t)added * state_bytes + 16;
    TRY(arena_try_allocate(&part->base.arena, bytes, 16, &memory));
    memset(memory, 0, bytes);
    for (uint32_t i = 0; i < added; i++) {
        part->states[part->group_count + i] = (uint8_t *)memory + (size_t)i * state_bytes;
    }
    part->group_count = group_count;
    return OK;
}

// ---- Filling ------------------------------------------------------------------------------------

// Runs the kernel over rows whose group numbers are given, one a selected row.
static Status call_update(AggregatePart *part, uint32_t c, const Column *arguments,
    Selection selection, const uint32_t *numbers) {
    const AggregateCall *call = &aggregate_of(part)->calls[c];
    CallState *state = &part->calls[c];
    state->call.arguments = arguments;
    state->call.selection = selection;
    if (part->group_count == 1 && call->kernels->update_one != NULL) {
        uint8_t *only = part->states[0];
        return call->kernels->update_one(&state->call, only + call->offset, &part->base.arena);
    }
    for (uint32_t i = 0; i < selection.count; i++) {
        part->row_states[i] = (uint8_t *)part->states[numbers[i]] + call->offset;
    }
    return call->kernels->update(&state->call, part->row_states, &part->base.arena);
}

// The selected rows that pass the call's FILTER, with their group numbers.
static Selection call_filter(AggregatePart *part, const PlanAggregateCall *plan, const Batch *batch,
    const uint32_t **numbers) {
    Selection selection = batch_selection(batch);
    if (!plan->has_filter) return selection;
    const Column *filter = &batch->columns[plan->filter];
    uint32_t count = 0;
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = selection_row(selection, i);
        Value value = column_get(filter, row);
        if (value.is_null || !value.datum.boolean) continue;
        part->kept_numbers[count] = (*numbers)[i];
        part->rows[count++] = (uint16_t)row;
    }
    *numbers = part->kept_numbers;
    return (Selection){.rows = part->rows, .count = count};
}

// The group numbers as a column, indexed by row.
static Column group_column_make(AggregatePart *part, Selection selection, const uint32_t *numbers) {
    for (uint32_t i = 0; i < selection.count; i++) {
        part->group_column[selection_row(selection, i)] = numbers[i];
    }
    return (Column){.type = TYPE_INT8, .kind = PHYSICAL_INT8, .values = part->group_column};
}

// Keeps each (group, arguments) once, and in `is_new` which of the rows were the first.
static Status call_keep_distinct(AggregatePart *part, const PlanAggregateCall *plan,
    CallState *state, Selection selection, const uint32_t *numbers) {
    Column keys[FUNCTION_ARGUMENT_MAX + 1];
    keys[0] = group_column_make(part, selection, numbers);
    memcpy(&keys[1], state->arguments, plan->argument_count * sizeof *keys);
    uint32_t ignored[BATCH_ROW_COUNT];
    return key_table_add(&state->distinct, keys, selection, ignored, part->is_new);
}

static Selection call_take_new(AggregatePart *part, Selection selection, const uint32_t **numbers) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < selection.count; i++) {
        if (!part->is_new[i]) continue;
        uint32_t row = selection_row(selection, i);
        part->kept_numbers[count] = (*numbers)[i];
        part->rows[count++] = (uint16_t)row;
    }
    *numbers = part->kept_numbers;
    return (Selection){.rows = part->rows, .count = count};
}

static Status call_keep_for_order(AggregatePart *part, const PlanAggregateCall *plan,
    CallState *state, const Batch *batch, Selection selection, const uint32_t *numbers) {
    Batch *kept = state->sorter_batch;
    kept->columns[0] = group_column_make(part, selection, numbers);
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

static Status call_consume(AggregatePart *part, uint32_t c, const Batch *batch) {
    const PlanAggregateCall *plan = aggregate_of(part)->calls[c].plan;
    CallState *state = &part->calls[c];
    for (uint32_t i = 0; i < plan->argument_count; i++) {
        state->arguments[i] = batch->columns[plan->arguments[i]];
    }
    const uint32_t *numbers = part->numbers;
    Selection selection = call_filter(part, plan, batch, &numbers);
    if (plan->is_distinct) {
        TRY(call_keep_distinct(part, plan, state, selection, numbers));
        if (state->sorter == NULL) return OK;
        selection = call_take_new(part, selection, &numbers);
    }
    if (selection.count == 0) return OK;
    if (state->sorter != NULL) {
        return call_keep_for_order(part, plan, state, batch, selection, numbers);
    }
    return call_update(part, c, state->arguments, selection, numbers);
}

static Status aggregate_consume(Local *base, Batch *batch) {
    AggregatePart *part = (AggregatePart *)base;
    const PlanNode *node = base->owner->node;
    if (node->aggregate.group_count > 0) {
        TRY(key_table_add(
            &part->groups, batch->columns, batch_selection(batch), part->numbers, NULL));
        TRY(part_reserve(part, key_table_count(&part->groups)));
    }
    for (uint32_t c = 0; c < node->aggregate.call_count; c++) {
        TRY(call_consume(part, c, batch));
    }
    return local_check_memory(base);
}

// ---- Combining ----------------------------------------------------------------------------------

// (group, arguments) of `from`, with the numbers that its groups have in `whole`.
static Status call_merge_distinct(
    AggregatePart *whole, CallState *state, const CallState *from, const uint32_t *group_numbers) {
    const RowBuffer *keys = &from->distinct.keys;
    Column columns[FUNCTION_ARGUMENT_MAX + 1];
    uint32_t ignored[BATCH_ROW_COUNT];
    for (uint32_t i = 0; i < keys->chunk_count; i++) {
        const Batch *chunk = keys->chunks[i];
        memcpy(columns, chunk->columns, chunk->column_count * sizeof *columns);
        const int64_t *groups = chunk->columns[0].values;
        for (uint32_t row = 0; row < chunk->row_count; row++) {
            whole->group_column[row] = group_numbers[groups[row]];
        }
        columns[0].values = whole->group_column;
        TRY(key_table_add(&state->distinct, columns, batch_selection(chunk), ignored, NULL));
    }
    return OK;
}

static Status call_merge(
    AggregatePart *whole, const AggregatePart *from, uint32_t c, const uint32_t *group_numbers) {
    const AggregateCall *call = &aggregate_of(whole)->calls[c];
    CallState *state = &whole->calls[c];
    ASSERT(!call->is_sorted);
    if (call->plan->is_distinct) {
        return call_merge_distinct(whole, state, &from->calls[c], group_numbers);
    }
    for (uint32_t i = 0; i < from->group_count; i++) {
        uint8_t *into = whole->states[group_numbers[i]];
        const uint8_t *other = from->states[i];
        TRY(call->kernels->combine(
            &state->call, into + call->offset, other + call->offset, &whole->base.arena));
    }
    return OK;
}

static Status part_merge(AggregatePart *whole, const AggregatePart *from) {
    const PlanNode *node = whole->base.owner->node;
    void *numbers;
    size_t bytes = ((size_t)from->group_count + 1) * sizeof(uint32_t);
    TRY(arena_try_allocate(&whole->base.arena, bytes, 64, &numbers));
    *(uint32_t *)numbers = 0;
    if (node->aggregate.group_count > 0) {
        TRY(key_table_merge(&whole->groups, &from->groups, numbers));
        TRY(part_reserve(whole, key_table_count(&whole->groups)));
    }
    for (uint32_t c = 0; c < node->aggregate.call_count; c++) {
        TRY(call_merge(whole, from, c, numbers));
    }
    return local_check_memory(&whole->base);
}

static Status aggregate_combine(Local *base) {
    Aggregate *self = (Aggregate *)base->owner;
    AggregatePart *part = (AggregatePart *)base;
    if (self->whole != NULL) return part_merge(self->whole, part);
    self->whole = part;
    return OK;
}

// Feeds an aggregate with ORDER BY what was kept for it.
static Status call_feed_in_order(AggregatePart *part, uint32_t c) {
    const AggregateCall *call = &aggregate_of(part)->calls[c];
    Sorter *sorter = part->calls[c].sorter;
    TRY(sorter_finish(sorter));
    uint32_t argument_count = call->plan->argument_count;
    Arena *arena = part->base.worker->arena;
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
            part->kept_numbers[i] = (uint32_t)groups[i];
        }
        TRY(call_update(
            part, c, piece->columns + 1, (Selection){.count = count}, part->kept_numbers));
    }
    return OK;
}

// Feeds an aggregate with DISTINCT each value once.
static Status call_feed_distinct(AggregatePart *part, uint32_t c) {
    const RowBuffer *keys = &part->calls[c].distinct.keys;
    for (uint32_t i = 0; i < keys->chunk_count; i++) {
        const Batch *chunk = keys->chunks[i];
        const int64_t *groups = chunk->columns[0].values;
        for (uint32_t row = 0; row < chunk->row_count; row++) {
            part->kept_numbers[row] = (uint32_t)groups[row];
        }
        TRY(call_update(part, c, chunk->columns + 1, batch_selection(chunk), part->kept_numbers));
    }
    return OK;
}

static Status aggregate_finalize(Operator *base) {
    Aggregate *self = (Aggregate *)base;
    for (uint32_t c = 0; c < base->node->aggregate.call_count; c++) {
        if (self->calls[c].is_sorted) {
            TRY(call_feed_in_order(self->whole, c));
        } else if (self->calls[c].plan->is_distinct) {
            TRY(call_feed_distinct(self->whole, c));
        }
    }
    return local_check_memory(&self->whole->base);
}

// ---- Giving -------------------------------------------------------------------------------------

static Status aggregate_give(Aggregate *self, uint32_t group) {
    const PlanNode *node = self->base.node;
    AggregatePart *whole = self->whole;
    Batch *output = self->output;
    Arena *arena = self->base.execution->arena;
    uint32_t row = output->row_count;
    for (uint32_t i = 0; i < node->aggregate.group_count; i++) {
        Value value = row_buffer_get(&whole->groups.keys, i, group);
        column_set(&output->columns[i], arena, row, &value);
    }
    for (uint32_t c = 0; c < node->aggregate.call_count; c++) {
        const AggregateCall *call = &self->calls[c];
        const void *at = (const uint8_t *)whole->states[group] + call->offset;
        Value value;
        TRY(call->kernels->finalize(&whole->calls[c].call, at, &self->output_arena, &value));
        column_set(&output->columns[node->aggregate.group_count + c], arena, row, &value);
    }
    output->selected_count = ++output->row_count;
    return OK;
}

static Status aggregate_next(Local *local, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    Aggregate *self = (Aggregate *)local->owner;
    batch_clear(self->output);
    arena_reset(&self->output_arena);
    while (self->next < self->whole->group_count && self->output->row_count < BATCH_ROW_COUNT) {
        TRY(aggregate_give(self, self->next++));
    }
    TRY(arena_check(&self->output_arena));
    if (self->output->row_count > 0) *batch_out = self->output;
    return OK;
}

// ---- Making -------------------------------------------------------------------------------------

static Status part_start(AggregatePart *part) {
    const Aggregate *self = aggregate_of(part);
    const PlanNode *node = self->base.node;
    Arena *arena = &part->base.arena;
    part->states = NULL;
    part->state_capacity = 0;
    part->group_count = 0;
    for (uint32_t c = 0; c < node->aggregate.call_count; c++) {
        if (!self->calls[c].plan->is_distinct) continue;
        TRY(key_table_init(&part->calls[c].distinct, arena, self->calls[c].distinct_types,
            self->calls[c].plan->argument_count + 1));
    }
    if (node->aggregate.group_count > 0) {
        return key_table_init(&part->groups, arena, self->types, node->aggregate.group_count);
    }
    memset(part->numbers, 0, BATCH_ROW_COUNT * sizeof *part->numbers);
    return part_reserve(part, 1); // there is always one group
}

static Status aggregate_rewind_local(Local *base) {
    AggregatePart *part = (AggregatePart *)base;
    arena_reset(&base->arena);
    for (uint32_t c = 0; c < base->owner->node->aggregate.call_count; c++) {
        if (part->calls[c].sorter != NULL) sorter_clear(part->calls[c].sorter);
    }
    return part_start(part);
}

static Status aggregate_rewind(Operator *base) {
    Aggregate *self = (Aggregate *)base;
    self->whole = NULL;
    self->next = 0;
    return OK;
}

static void aggregate_close_local(Local *base) {
    AggregatePart *part = (AggregatePart *)base;
    for (uint32_t c = 0; c < base->owner->node->aggregate.call_count; c++) {
        if (part->calls != NULL && part->calls[c].sorter != NULL) {
            sorter_deinit(part->calls[c].sorter);
        }
    }
}

static void aggregate_close(Operator *base) {
    arena_deinit(&((Aggregate *)base)->output_arena);
}

static void call_set_sorter(AggregateCall *call, Arena *arena) {
    const PlanAggregateCall *plan = call->plan;
    // DISTINCT gives its values in order, where the order can be seen.
    bool orders_arguments =
        plan->order_count == 0 && plan->is_distinct && call->kernels->is_order_sensitive;
    call->is_sorted = plan->order_count > 0 || orders_arguments;
    if (!call->is_sorted) return;

    uint32_t column_count = 1 + plan->argument_count + plan->order_count;
    Oid *types = arena_new_array(arena, Oid, column_count);
    types[0] = TYPE_INT8;
    memcpy(&types[1], plan->argument_types, plan->argument_count * sizeof *types);
    uint32_t key_count = orders_arguments ? plan->argument_count : plan->order_count;
    uint32_t *columns = arena_new_array(arena, uint32_t, key_count);
    KeyColumn *argument_keys = arena_new_array(arena, KeyColumn, plan->argument_count);
    for (uint32_t i = 0; i < plan->argument_count && orders_arguments; i++) {
        columns[i] = 1 + i;
        argument_keys[i] = (KeyColumn){.type = plan->argument_types[i], .is_nullable = true};
    }
    for (uint32_t i = 0; i < plan->order_count; i++) {
        columns[i] = 1 + plan->argument_count + i;
        types[columns[i]] = plan->order_keys[i].type;
    }
    call->sorter_types = types;
    call->sorter_column_count = column_count;
    call->sorter_columns = columns;
    call->sorter_keys = orders_arguments ? argument_keys : plan->order_keys;
    call->sorter_key_count = key_count;
}

static Status call_init(Aggregate *self, AggregateCall *call, const PlanAggregateCall *plan) {
    Execution *execution = self->base.execution;
    const FunctionEntry *entry;
    TRY(function_registry_find(execution->input.functions->registry, plan->function, &entry));
    call->info = function_find(plan->function);
    if (entry->aggregate == NULL || plan->argument_count > FUNCTION_ARGUMENT_MAX) {
        return fail(FEATURE_NOT_SUPPORTED, "aggregate %s is not supported yet",
            call->info == NULL ? "?" : call->info->name);
    }
    call->plan = plan;
    call->kernels = entry->aggregate;
    call->offset = self->state_bytes;
    self->state_bytes += (entry->aggregate->state_bytes + 15U) & ~15U;
    Oid *types = arena_new_array(execution->arena, Oid, plan->argument_count + 1);
    types[0] = TYPE_INT8;
    memcpy(&types[1], plan->argument_types, plan->argument_count * sizeof *types);
    call->distinct_types = types;
    call_set_sorter(call, execution->arena);
    if (call->is_sorted || entry->aggregate->is_order_sensitive
        || entry->aggregate->combine == NULL) {
        self->base.is_parallel = false;
    }
    return OK;
}

static Status aggregate_make(Operator *base) {
    Aggregate *self = (Aggregate *)base;
    const PlanNode *node = base->node;
    Arena *arena = base->execution->arena;
    arena_init(&self->output_arena, arena->budget);
    base->is_parallel = true;
    self->calls = arena_new_array(arena, AggregateCall, node->aggregate.call_count + 1);
    for (uint32_t c = 0; c < node->aggregate.call_count; c++) {
        TRY(call_init(self, &self->calls[c], &node->aggregate.calls[c]));
    }
    Oid *types = layout_types(arena, &node->layout);
    self->types = types;
    self->output = batch_owned_make(arena, types, node->layout.count);
    return OK;
}

static Status call_make_local(AggregatePart *part, uint32_t c) {
    Aggregate *self = (Aggregate *)part->base.owner;
    const AggregateCall *call = &self->calls[c];
    CallState *state = &part->calls[c];
    Arena *arena = part->base.worker->arena;
    state->arguments = arena_new_array(arena, Column, call->plan->argument_count + 1);
    state->call = (Call){
        .context = part->base.worker->functions,
        .function = call->info,
        .argument_count = call->plan->argument_count,
        .argument_types = call->plan->argument_types,
        .result_type = call->plan->result,
        .arena = &self->output_arena,
    };
    if (!call->is_sorted) return OK;
    state->sorter = arena_new(arena, Sorter);
    state->sorter_batch = batch_shell_make(arena, call->sorter_column_count);
    return sorter_init(state->sorter, arena, call->sorter_types, call->sorter_column_count,
        call->sorter_columns, call->sorter_keys, call->sorter_key_count);
}

static Status aggregate_make_local(Local *base) {
    AggregatePart *part = (AggregatePart *)base;
    Arena *arena = base->worker->arena;
    uint32_t call_count = base->owner->node->aggregate.call_count;
    part->calls = arena_new_array(arena, CallState, call_count + 1);
    part->numbers = scratch_new(arena, uint32_t);
    part->kept_numbers = scratch_new(arena, uint32_t);
    part->row_states = scratch_new(arena, void *);
    part->rows = scratch_new(arena, uint16_t);
    part->is_new = scratch_new(arena, bool);
    part->group_column = arena_allocate(arena, sizeof(int64_t) * BATCH_ROW_COUNT, 64);
    for (uint32_t c = 0; c < call_count; c++) {
        TRY(call_make_local(part, c));
    }
    return part_start(part);
}

const OperatorKind aggregate_kind = {
    .operator_bytes = sizeof(Aggregate),
    .local_bytes = sizeof(AggregatePart),
    .make = aggregate_make,
    .make_local = aggregate_make_local,
    .rewind = aggregate_rewind,
    .rewind_local = aggregate_rewind_local,
    .close = aggregate_close,
    .close_local = aggregate_close_local,
    .next = aggregate_next,
    .consume = aggregate_consume,
    .combine = aggregate_combine,
    .finalize = aggregate_finalize,
};
