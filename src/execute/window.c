// Window functions: a sink that keeps the rows, which come in the window's order, and the source of
// the same rows with the functions' values behind them, one partition after another.
//
// Model    An aggregate's state grows with the frame while the frame only grows at its end, and is
//          made anew when the frame has lost a row: so are sums of floats PostgreSQL's to the last
//          digit, which taking rows out again would not give.
#include "execute/window_frame.h"

// pg_proc's OIDs.
enum {
    FUNCTION_ROW_NUMBER = 3100,
    FUNCTION_RANK = 3101,
    FUNCTION_DENSE_RANK = 3102,
    FUNCTION_PERCENT_RANK = 3103,
    FUNCTION_CUME_DIST = 3104,
    FUNCTION_NTILE = 3105,
    FUNCTION_LAG = 3106, // and the two after it, with an offset, and with a default
    FUNCTION_LEAD = 3109,
    FUNCTION_FIRST_VALUE = 3112,
    FUNCTION_LAST_VALUE = 3113,
    FUNCTION_NTH_VALUE = 3114,
};

typedef struct WindowCall {
    const PlanAggregateCall *plan;
    const AggregateKernels *kernels; // NULL for a function that is no aggregate
    Call call;
    Column *arguments;
    void *state;
    Value *results; // of the partition's rows
    // What the state has in it, and its answer if that is known.
    Frame done;
    bool has_answer;
    Value answer;
} WindowCall;

typedef struct WindowOperator {
    Operator base;
    RowBuffer rows;
    Oid *types;
    KeyTypes partition_types, order_types;
    Evaluator *offsets;
    Framer framer;
    Partition partition;
    WindowCall *calls;
    uint32_t next;         // row to give
    Arena partition_arena; // of the partitions that the rows given last were in
    Arena state_arena;
    void **states; // one pointer a row, all to the same state
    uint16_t *selected;
    uint32_t *output_rows;
    Batch *output;
} WindowOperator;

// ---- Partitions ---------------------------------------------------------------------------------

static bool rows_equal(const WindowOperator *self, const KeyTypes *types, const uint32_t *columns,
    uint32_t a, uint32_t b) {
    for (uint32_t k = 0; k < types->count; k++) {
        Value left = row_buffer_get(&self->rows, columns[k], a);
        Value right = row_buffer_get(&self->rows, columns[k], b);
        if (left.is_null != right.is_null) return false;
        if (!left.is_null && types->ops[k]->compare(&left.datum, &right.datum) != 0) return false;
    }
    return true;
}

// The partition that begins at row `first`, with its groups.
static Status partition_open(WindowOperator *self, uint32_t first) {
    const PlanNode *node = self->base.node;
    uint32_t end = first + 1;
    while (end < self->rows.row_count
           && rows_equal(self, &self->partition_types, node->window.partitions, end - 1, end)) {
        end++;
    }
    uint32_t count = end - first;
    Partition *partition = &self->partition;
    *partition = (Partition){.rows = &self->rows, .first = first, .count = count};
    void *memory;
    size_t bytes = ((size_t)count * 2 + 1) * sizeof(uint32_t);
    TRY(arena_try_allocate(&self->partition_arena, bytes, 16, &memory));
    partition->group_of = memory;
    partition->group_first = partition->group_of + count;
    for (uint32_t i = 0; i < count; i++) {
        bool is_new =
            i == 0
            || !rows_equal(self, &self->order_types, node->window.orders, first + i - 1, first + i);
        if (is_new) partition->group_first[partition->group_count++] = i;
        partition->group_of[i] = partition->group_count - 1;
    }
    partition->group_first[partition->group_count] = count;
    return OK;
}

// ---- Aggregates ---------------------------------------------------------------------------------

static void aggregate_restart(WindowOperator *self, WindowCall *call) {
    arena_reset(&self->state_arena);
    memset(call->state, 0, call->kernels->state_bytes);
    call->done = (Frame){0};
    call->has_answer = false;
}

// The rows of a chunk that pass FILTER and are not excluded.
static uint32_t aggregate_select(WindowOperator *self, const WindowCall *call, const Batch *chunk,
    const Frame *frame, uint32_t first, uint32_t end) {
    uint32_t count = 0;
    for (uint32_t row = first; row < end; row++) {
        uint32_t at = (self->partition.first + row) % BATCH_ROW_COUNT;
        if (!frame_has(frame, row)) continue;
        if (call->plan->has_filter) {
            Value passes = column_get(&chunk->columns[call->plan->filter], at);
            if (passes.is_null || !passes.datum.boolean) continue;
        }
        self->selected[count++] = (uint16_t)at;
    }
    return count;
}

static Status aggregate_add(
    WindowOperator *self, WindowCall *call, const Frame *frame, uint32_t first, uint32_t end) {
    for (uint32_t i = 0; i < BATCH_ROW_COUNT; i++) {
        self->states[i] = call->state;
    }
    while (first < end) {
        uint32_t row = self->partition.first + first;
        uint32_t left = BATCH_ROW_COUNT - row % BATCH_ROW_COUNT;
        uint32_t stop = end - first < left ? end : first + left;
        const Batch *chunk = self->rows.chunks[row / BATCH_ROW_COUNT];
        uint32_t count = aggregate_select(self, call, chunk, frame, first, stop);
        for (uint32_t i = 0; i < call->plan->argument_count; i++) {
            call->arguments[i] = chunk->columns[call->plan->arguments[i]];
        }
        call->call.arguments = call->arguments;
        call->call.selection = (Selection){.rows = self->selected, .count = count};
        if (count > 0) {
            TRY(call->kernels->update(&call->call, self->states, &self->state_arena));
        }
        first = stop;
    }
    return OK;
}

static Status aggregate_at(WindowOperator *self, WindowCall *call, const Frame *frame, Value *out) {
    bool has_exclusion = frame->excluded_first < frame->excluded_end;
    bool had_exclusion = call->done.excluded_first < call->done.excluded_end;
    bool grows = !has_exclusion && !had_exclusion && frame->first == call->done.first
                 && frame->end >= call->done.end;
    if (!grows) aggregate_restart(self, call);
    uint32_t from = grows ? call->done.end : frame->first;
    if (from < frame->end) {
        TRY(aggregate_add(self, call, frame, from, frame->end));
        call->has_answer = false;
    }
    call->done = *frame;
    if (!call->has_answer) {
        Value answer;
        TRY(call->kernels->finalize(&call->call, call->state, &self->partition_arena, &answer));
        // What it borrows of the state does not outlive the state's next change.
        call->answer =
            value_copy(answer, type_physical(call->plan->result.oid), &self->partition_arena);
        call->has_answer = true;
    }
    *out = call->answer;
    return OK;
}

static Status aggregate_all(WindowOperator *self, WindowCall *call) {
    framer_begin(&self->framer, &self->partition);
    aggregate_restart(self, call);
    for (uint32_t row = 0; row < self->partition.count; row++) {
        Frame frame;
        if (row % BATCH_ROW_COUNT == 0) TRY(execution_check_cancelled(self->base.execution));
        TRY(framer_at(&self->framer, row, &frame));
        TRY(aggregate_at(self, call, &frame, &call->results[row]));
    }
    TRY(arena_check(&self->state_arena));
    return OK;
}

// ---- Values of other rows -----------------------------------------------------------------------

static Value argument_at(
    const WindowOperator *self, const WindowCall *call, uint32_t argument, uint32_t row) {
    return partition_get(&self->partition, call->plan->arguments[argument], row);
}

static Value value_behind(
    const WindowOperator *self, const WindowCall *call, uint32_t row, bool is_lead) {
    int64_t offset = 1;
    if (call->plan->argument_count > 1) {
        Value given = argument_at(self, call, 1, row);
        if (given.is_null) return value_null();
        offset = given.datum.int4;
    }
    int64_t wanted = is_lead ? row + offset : row - offset;
    if (wanted >= 0 && wanted < self->partition.count) {
        return argument_at(self, call, 0, (uint32_t)wanted);
    }
    return call->plan->argument_count > 2 ? argument_at(self, call, 2, row) : value_null();
}

// The n-th row of a frame, from 1, at its front or from its back; NULL when it has fewer.
static Value value_in_frame(const WindowOperator *self, const WindowCall *call, const Frame *frame,
    int64_t number, bool is_from_back) {
    bool has_exclusion = frame->excluded_first < frame->excluded_end;
    uint32_t count = frame->end - frame->first;
    if (number > count) return value_null();
    if (!has_exclusion) {
        uint32_t step = (uint32_t)number - 1;
        return argument_at(
            self, call, 0, is_from_back ? frame->end - 1 - step : frame->first + step);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = is_from_back ? frame->end - 1 - i : frame->first + i;
        if (frame_has(frame, row) && --number == 0) return argument_at(self, call, 0, row);
    }
    return value_null();
}

static Status frame_value(WindowOperator *self, WindowCall *call, uint32_t row, Value *out) {
    Frame frame;
    TRY(framer_at(&self->framer, row, &frame));
    int64_t number = 1;
    if (call->plan->function == FUNCTION_NTH_VALUE) {
        Value given = argument_at(self, call, 1, row);
        *out = value_null();
        if (given.is_null) return OK;
        number = given.datum.int4;
        if (number <= 0) {
            return fail(
                INVALID_ARGUMENT_FOR_NTH_VALUE, "argument of nth_value must be greater than zero");
        }
    }
    *out = value_in_frame(self, call, &frame, number, call->plan->function == FUNCTION_LAST_VALUE);
    return OK;
}

// ---- Ranks --------------------------------------------------------------------------------------

static Value rank_of(const Partition *partition, Oid function, uint32_t row) {
    uint32_t peers = partition_peer_first(partition, row);
    double count = partition->count;
    switch (function) {
    case FUNCTION_ROW_NUMBER:
        return (Value){.datum.int8 = row + INT64_C(1)};
    case FUNCTION_RANK:
        return (Value){.datum.int8 = peers + INT64_C(1)};
    case FUNCTION_DENSE_RANK:
        return (Value){.datum.int8 = partition->group_of[row] + INT64_C(1)};
    case FUNCTION_PERCENT_RANK:
        return (Value){.datum.float8 = partition->count > 1 ? peers / (count - 1) : 0.0};
    default:
        return (Value){.datum.float8 = partition_peer_end(partition, row) / count};
    }
}

// Buckets of the same size, the first of them with one row more as long as some are left over. How
// many there are says the first row that says anything.
static Status number_tiles(WindowOperator *self, WindowCall *call) {
    uint32_t total = self->partition.count;
    int64_t buckets = 0;
    uint32_t begun = 0;
    for (uint32_t row = 0; row < total; row++) {
        if (buckets == 0) {
            Value given = argument_at(self, call, 0, row);
            call->results[row] = value_null();
            if (given.is_null) continue;
            buckets = given.datum.int4;
            begun = row;
            if (buckets <= 0) {
                return fail(
                    INVALID_ARGUMENT_FOR_NTILE, "argument of ntile must be greater than zero");
            }
        }
        int64_t size = total / buckets, larger = total % buckets, at = row - begun;
        int64_t in_larger = larger * (size + 1);
        int64_t bucket =
            at < in_larger || size == 0 ? at / (size + 1) : larger + (at - in_larger) / size;
        call->results[row] = (Value){.datum.int4 = (int32_t)bucket + 1};
    }
    return OK;
}

static Status call_run(WindowOperator *self, WindowCall *call) {
    void *memory;
    size_t bytes = (size_t)self->partition.count * sizeof(Value);
    TRY(arena_try_allocate(&self->partition_arena, bytes, 16, &memory));
    call->results = memory;
    if (call->kernels != NULL) return aggregate_all(self, call);
    Oid function = call->plan->function;
    if (function == FUNCTION_NTILE) return number_tiles(self, call);
    framer_begin(&self->framer, &self->partition);
    for (uint32_t row = 0; row < self->partition.count; row++) {
        Value *result = &call->results[row];
        if (function >= FUNCTION_FIRST_VALUE) {
            TRY(frame_value(self, call, row, result));
        } else if (function >= FUNCTION_LAG) {
            *result = value_behind(self, call, row, function >= FUNCTION_LEAD);
        } else {
            *result = rank_of(&self->partition, function, row);
        }
    }
    return OK;
}

// ---- The operator -------------------------------------------------------------------------------

static Status window_consume(Local *local, Batch *batch) {
    return row_buffer_append(&((WindowOperator *)local->owner)->rows, batch);
}

static Status window_finalize(Operator *base) {
    WindowOperator *self = (WindowOperator *)base;
    const PlanNode *node = base->node;
    self->next = 0;
    self->partition = (Partition){0};
    if (self->offsets == NULL || self->rows.row_count == 0) return OK;
    Value offsets[2];
    TRY(evaluator_values(self->offsets, offsets));
    bool has_start = (node->window.frame & (FRAME_START_PRECEDING | FRAME_START_FOLLOWING)) != 0;
    bool has_end = (node->window.frame & (FRAME_END_PRECEDING | FRAME_END_FOLLOWING)) != 0;
    return framer_set_offsets(&self->framer, has_start ? &offsets[0] : NULL,
        has_end ? &offsets[has_start ? 1 : 0] : NULL);
}

static Status window_open_next(WindowOperator *self) {
    TRY(partition_open(self, self->next));
    for (uint32_t c = 0; c < self->base.node->window.call_count; c++) {
        TRY(call_run(self, &self->calls[c]));
    }
    return arena_check(&self->partition_arena);
}

static Status window_next(Local *local, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    WindowOperator *self = (WindowOperator *)local->owner;
    const PlanNode *node = self->base.node;
    const Partition *partition = &self->partition;
    if (self->next == partition->first + partition->count) arena_reset(&self->partition_arena);
    uint32_t input_count = node->input->layout.count, count = 0;
    Arena *arena = local->worker->arena;
    Batch *output = self->output;
    batch_clear(output);
    while (count < BATCH_ROW_COUNT && self->next < self->rows.row_count) {
        if (self->next == partition->first + partition->count) TRY(window_open_next(self));
        uint32_t row = self->next - partition->first;
        for (uint32_t c = 0; c < node->window.call_count; c++) {
            column_set(
                &output->columns[input_count + c], arena, count, &self->calls[c].results[row]);
        }
        self->output_rows[count++] = self->next++;
    }
    if (count == 0) return OK;
    for (uint32_t i = 0; i < input_count; i++) {
        row_buffer_gather(&self->rows, i, self->output_rows, count, arena, &output->columns[i]);
    }
    output->row_count = count;
    output->selected_count = count;
    *batch_out = output;
    return OK;
}

static Status window_rewind(Operator *base) {
    WindowOperator *self = (WindowOperator *)base;
    arena_reset(&base->arena);
    arena_reset(&self->partition_arena);
    row_buffer_init(&self->rows, &base->arena, self->types, base->node->input->layout.count);
    return OK;
}

static void window_close(Operator *base) {
    WindowOperator *self = (WindowOperator *)base;
    framer_deinit(&self->framer);
    arena_deinit(&self->partition_arena);
    arena_deinit(&self->state_arena);
}

static Status call_init(WindowOperator *self, WindowCall *call, const PlanAggregateCall *plan) {
    Execution *execution = self->base.execution;
    const FunctionInfo *info = function_find(plan->function);
    call->plan = plan;
    if (info != NULL && info->kind == 'w') return OK;
    const FunctionEntry *entry;
    TRY(function_registry_find(execution->input.functions->registry, plan->function, &entry));
    if (entry->aggregate == NULL) {
        return fail(FEATURE_NOT_SUPPORTED, "aggregate %s is not supported yet",
            info == NULL ? "?" : info->name);
    }
    call->kernels = entry->aggregate;
    call->arguments = arena_new_array(execution->arena, Column, plan->argument_count + 1);
    call->state = arena_allocate_zeroed(execution->arena, entry->aggregate->state_bytes + 16, 16);
    call->call = (Call){
        .context = execution->input.functions,
        .function = info,
        .argument_count = plan->argument_count,
        .argument_types = plan->argument_types,
        .result_type = plan->result,
        .arena = &self->partition_arena,
    };
    return OK;
}

static Status keys_init(
    KeyTypes *types, Arena *arena, const Oid *all, const uint32_t *columns, uint32_t count) {
    Oid *oids = arena_new_array(arena, Oid, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        oids[i] = all[columns[i]];
    }
    return key_types_init(types, arena, oids, count);
}

static Status window_make(Operator *base) {
    WindowOperator *self = (WindowOperator *)base;
    Execution *execution = base->execution;
    const PlanNode *node = base->node;
    Arena *arena = execution->arena;
    arena_init(&self->partition_arena, arena->budget);
    arena_init(&self->state_arena, arena->budget);
    TRY(framer_init(&self->framer, node, execution->input.functions));
    TRY(evaluator_make(&execution->worker, node->window.offsets, &self->offsets));
    self->types = layout_types(arena, &node->layout);
    row_buffer_init(&self->rows, &base->arena, self->types, node->input->layout.count);
    TRY(keys_init(&self->partition_types, arena, self->types, node->window.partitions,
        node->window.partition_count));
    TRY(keys_init(
        &self->order_types, arena, self->types, node->window.orders, node->window.order_count));
    self->calls = arena_new_array(arena, WindowCall, node->window.call_count + 1);
    for (uint32_t c = 0; c < node->window.call_count; c++) {
        TRY(call_init(self, &self->calls[c], &node->window.calls[c]));
    }
    self->states = scratch_new(arena, void *);
    self->selected = scratch_new(arena, uint16_t);
    self->output_rows = scratch_new(arena, uint32_t);
    self->output = batch_owned_make(arena, self->types, node->layout.count);
    return OK;
}

const OperatorKind window_kind = {
    .operator_bytes = sizeof(WindowOperator),
    .make = window_make,
    .rewind = window_rewind,
    .close = window_close,
    .next = window_next,
    .consume = window_consume,
    .finalize = window_finalize,
};
