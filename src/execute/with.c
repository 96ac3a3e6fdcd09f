// WITH queries: each is evaluated at most once for a run of the query it belongs to, when it is
// first read; one that writes is run before anything else, whether it is read or not. One that
// mentions itself is evaluated round by round, as far as somebody reads: it may have no end.
#include "execute/buffer.h"
#include "execute/key_table.h"

#include <stdatomic.h>

struct WithStore {
    const PlanWith *plan;
    Pipeline *root;
    bool is_filled;
    bool has_begun; // `root` has been read
    Buffer *buffer; // its rows, when it is not recursive
    // Recursive: all rows so far, among them those that the last finished round found, which the
    // working table shows.
    Pipeline *recursive;
    RowBuffer rows;
    Arena arena;
    uint32_t round_first, round_end;
    uint64_t round_count;
    KeyTable seen; // for UNION
    uint32_t *numbers;
    bool *is_new;
    uint16_t *new_rows;
};

static Status with_start(WithStore *store) {
    store->is_filled = false;
    store->has_begun = false;
    if (store->plan->recursive == NULL) return OK;
    const Oid *types = store->rows.types;
    uint32_t column_count = store->rows.column_count;
    arena_reset(&store->arena);
    row_buffer_init(&store->rows, &store->arena, types, column_count);
    store->round_first = 0;
    store->round_end = 0;
    store->round_count = 0;
    if (!store->plan->is_distinct) return OK;
    return key_table_init(&store->seen, &store->arena, types, column_count);
}

static Status with_make_recursive(WithStore *store, Execution *execution) {
    Arena *arena = execution->arena;
    const Layout *layout = &store->plan->root->layout;
    row_buffer_init(&store->rows, &store->arena, layout_types(arena, layout), layout->count);
    TRY(with_start(store));
    TRY(pipeline_make(execution, store->plan->root, NULL, &store->root));
    TRY(pipeline_make(execution, store->plan->recursive, NULL, &store->recursive));
    if (store->plan->is_distinct) {
        store->numbers = scratch_new(arena, uint32_t);
        store->is_new = scratch_new(arena, bool);
        store->new_rows = scratch_new(arena, uint16_t);
    }
    return OK;
}

static Status with_find(Execution *execution, uint32_t number, WithStore **store_out) {
    *store_out = execution->withs[number];
    if (*store_out != NULL) return OK;
    WithStore *store = arena_new(execution->arena, WithStore);
    store->plan = &execution->input.plan->with_queries[number];
    arena_init(&store->arena, execution->arena->budget);
    execution->withs[number] = store;
    *store_out = store;
    if (store->plan->recursive != NULL) return with_make_recursive(store, execution);
    Operator *buffer;
    TRY(operator_make(execution, &buffer_kind, store->plan->root, &buffer));
    store->buffer = (Buffer *)buffer;
    return pipeline_make(execution, store->plan->root, buffer, &store->root);
}

static Status with_fill(WithStore *store) {
    if (store->is_filled) return OK;
    store->has_begun = true;
    TRY(pipeline_run(store->root));
    store->is_filled = true;
    return OK;
}

// Keeps the rows of a batch; under UNION those that were not there.
static Status with_keep(WithStore *store, const Batch *batch) {
    if (!store->plan->is_distinct) return row_buffer_append(&store->rows, batch);
    Selection selection = batch_selection(batch);
    TRY(key_table_add(&store->seen, batch->columns, selection, store->numbers, store->is_new));
    Batch fresh = *batch;
    fresh.selection = store->new_rows;
    fresh.selected_count = 0;
    for (uint32_t i = 0; i < selection.count; i++) {
        if (!store->is_new[i]) continue;
        store->new_rows[fresh.selected_count++] = (uint16_t)selection_row(selection, i);
    }
    return row_buffer_append(&store->rows, &fresh);
}

static Status with_take_all(WithStore *store, Pipeline *from) {
    for (;;) {
        Batch *batch;
        TRY(pipeline_next(from, ROW_MAX_NONE, &batch));
        if (batch == NULL) return OK;
        TRY(with_keep(store, batch));
    }
}

// One more round; the last one finds nothing.
static Status with_run_round(WithStore *store, Execution *execution) {
    TRY(execution_check_cancelled(execution));
    if (!store->has_begun) {
        store->has_begun = true;
        TRY(with_take_all(store, store->root));
    } else {
        if (store->round_count > 0) {
            TRY(with_forget(execution, store->plan->first_inner, store->plan->inner_count));
            TRY(pipeline_rewind(store->recursive));
        }
        store->round_count++;
        TRY(with_take_all(store, store->recursive));
    }
    store->round_first = store->round_end;
    store->round_end = store->rows.row_count;
    store->is_filled = store->round_first == store->round_end;
    return OK;
}

Status with_run_writers(Execution *execution) {
    const Plan *plan = execution->input.plan;
    for (uint32_t i = 0; i < plan->with_count; i++) {
        if (!plan->with_queries[i].writes) continue;
        WithStore *store;
        TRY(with_find(execution, i, &store));
        ASSERT(store->plan->recursive == NULL);
        TRY(with_fill(store));
    }
    execution->row_count = 0; // the command tag counts the main statement's rows
    return OK;
}

// What was read is read again when it is next wanted, from the start.
static Status with_forget_one(WithStore *store) {
    bool has_round = store->round_count > 0;
    TRY(with_start(store));
    TRY(pipeline_rewind(store->root));
    if (store->buffer != NULL) return operator_rewind(&store->buffer->base);
    return has_round ? pipeline_rewind(store->recursive) : OK;
}

Status with_forget(Execution *execution, uint32_t first, uint32_t count) {
    for (uint32_t i = first; i < first + count; i++) {
        WithStore *store = execution->withs[i];
        if (store != NULL && store->has_begun) TRY(with_forget_one(store));
    }
    return OK;
}

typedef struct WithScan {
    Operator base;
    WithStore *store;
    _Atomic uint32_t next_chunk; // several threads take them
    // Of a recursive query rows are copied, because more may be added beside them.
    uint32_t next;
    uint32_t *rows;
    Batch *output;
} WithScan;

static Batch *with_scan_copy(WithScan *self, uint32_t end) {
    uint32_t count = end - self->next;
    if (count > BATCH_ROW_COUNT) count = BATCH_ROW_COUNT;
    for (uint32_t i = 0; i < count; i++) {
        self->rows[i] = self->next + i;
    }
    for (uint32_t i = 0; i < self->output->column_count; i++) {
        row_buffer_gather(&self->store->rows, i, self->rows, count, self->base.execution->arena,
            &self->output->columns[i]);
    }
    self->output->row_count = count;
    self->output->selected_count = count;
    self->next += count;
    return self->output;
}

static Status working_table_next(Local *local, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    WithScan *self = (WithScan *)local->owner;
    const WithStore *store = self->store;
    if (self->next < store->round_first) self->next = store->round_first;
    if (self->next < store->round_end) *batch_out = with_scan_copy(self, store->round_end);
    return OK;
}

static Status with_scan_open(Local *local, bool *is_empty_out) {
    (void)is_empty_out;
    WithStore *store = ((WithScan *)local->owner)->store;
    return store->plan->recursive == NULL ? with_fill(store) : OK;
}

static Status with_scan_next(Local *local, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    WithScan *self = (WithScan *)local->owner;
    WithStore *store = self->store;
    if (store->plan->recursive == NULL) {
        const RowBuffer *rows = &store->buffer->rows;
        uint32_t chunk = atomic_fetch_add_explicit(&self->next_chunk, 1, memory_order_relaxed);
        if (chunk < rows->chunk_count) *batch_out = rows->chunks[chunk];
        return OK;
    }
    while (self->next == store->round_end && !store->is_filled) {
        TRY(with_run_round(store, local->worker->execution));
    }
    if (self->next < store->round_end) *batch_out = with_scan_copy(self, store->round_end);
    return OK;
}

static Status with_scan_rewind(Operator *base) {
    WithScan *self = (WithScan *)base;
    atomic_store_explicit(&self->next_chunk, 0, memory_order_relaxed);
    self->next = 0;
    return OK;
}

static void with_scan_close(Operator *base) {
    WithScan *self = (WithScan *)base;
    if (self->store != NULL) arena_deinit(&self->store->arena);
}

static Status with_scan_make(Operator *base) {
    WithScan *self = (WithScan *)base;
    const PlanNode *node = base->node;
    TRY(with_find(base->execution, node->with.number, &self->store));
    base->has_morsels = self->store->plan->recursive == NULL;
    if (base->has_morsels) return OK;
    Arena *arena = base->execution->arena;
    self->rows = scratch_new(arena, uint32_t);
    self->output = batch_owned_make(arena, layout_types(arena, &node->layout), node->layout.count);
    return OK;
}

const OperatorKind with_scan_kind = {
    .operator_bytes = sizeof(WithScan),
    .make = with_scan_make,
    .rewind = with_scan_rewind,
    .close = with_scan_close,
    .open = with_scan_open,
    .next = with_scan_next,
};

const OperatorKind working_table_kind = {
    .operator_bytes = sizeof(WithScan),
    .make = with_scan_make,
    .rewind = with_scan_rewind,
    .close = with_scan_close,
    .next = working_table_next,
};
