// WITH queries: each is evaluated at most once for a run of the query it belongs to, when it is
// first read; one that writes is run before anything else, whether it is read or not.
#include "execute/execute_internal.h"
#include "execute/row_buffer.h"

struct WithStore {
    const PlanWith *plan;
    Operator *root;
    RowBuffer rows;
    Arena arena;
    bool is_filled;
};

static Status with_find(Execution *execution, uint32_t number, WithStore **store_out) {
    WithStore *store = execution->withs[number];
    if (store == NULL) {
        store = arena_new(execution->arena, WithStore);
        store->plan = &execution->input.plan->with_queries[number];
        arena_init(&store->arena, execution->arena->budget);
        execution->withs[number] = store;
        TRY(operator_make(execution, store->plan->root, &store->root));
        const Layout *layout = &store->plan->root->layout;
        row_buffer_init(
            &store->rows, &store->arena, layout_types(execution->arena, layout), layout->count);
    }
    *store_out = store;
    return OK;
}

static Status with_fill(WithStore *store) {
    if (store->is_filled) return OK;
    Batch *batch;
    for (;;) {
        TRY(operator_next(store->root, ROW_MAX_NONE, &batch));
        if (batch == NULL) break;
        if (store->rows.column_count > 0) TRY(row_buffer_append(&store->rows, batch));
    }
    store->is_filled = true;
    return OK;
}

Status with_run_writers(Execution *execution) {
    const Plan *plan = execution->input.plan;
    for (uint32_t i = 0; i < plan->with_count; i++) {
        if (!plan->with_queries[i].writes) continue;
        WithStore *store;
        TRY(with_find(execution, i, &store));
        TRY(with_fill(store));
    }
    execution->row_count = 0; // the command tag counts the main statement's rows
    return OK;
}

void with_forget(Execution *execution, uint32_t first, uint32_t count) {
    for (uint32_t i = first; i < first + count; i++) {
        WithStore *store = execution->withs[i];
        if (store == NULL || !store->is_filled) continue;
        store->is_filled = false;
        const Oid *types = store->rows.types;
        uint32_t column_count = store->rows.column_count;
        arena_reset(&store->arena);
        row_buffer_init(&store->rows, &store->arena, types, column_count);
    }
}

typedef struct WithScan {
    Operator base;
    WithStore *store;
    uint32_t next;
} WithScan;

static Status with_scan_produce(Operator *base, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    WithScan *self = (WithScan *)base;
    if (!self->store->is_filled) TRY(with_fill(self->store));
    *batch_out = NULL;
    if (self->next < self->store->rows.chunk_count) {
        *batch_out = self->store->rows.chunks[self->next++];
    }
    return OK;
}

static Status with_scan_rewind(Operator *base) {
    WithScan *self = (WithScan *)base;
    self->next = 0;
    if (!self->store->is_filled && self->store->root->loops + self->store->root->rows_made > 0) {
        return operator_rewind(self->store->root);
    }
    return OK;
}

static void with_scan_close(Operator *base) {
    WithScan *self = (WithScan *)base;
    if (self->store != NULL) arena_deinit(&self->store->arena);
}

Status with_scan_make(Execution *execution, const PlanNode *node, Operator **operator_out) {
    WithScan *self;
    TRY(operator_new(execution, node, WithScan, &self));
    TRY(with_find(execution, node->with.number, &self->store));
    self->base.produce = with_scan_produce;
    self->base.rewind = with_scan_rewind;
    self->base.close = with_scan_close;
    *operator_out = &self->base;
    return OK;
}
