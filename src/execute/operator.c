// What the kinds of operator have in common: how they are made, rewound and closed.
#include "execute/execute_internal.h"

const OperatorKind *operator_kind(PlanKind kind) {
    switch (kind) {
    case PLAN_RESULT:
        return &result_kind;
    case PLAN_VALUES:
        return &values_kind;
    case PLAN_TABLE_ACCESS:
        return &table_access_kind;
    case PLAN_CATALOG_SCAN:
        return &catalog_access_kind;
    case PLAN_FUNCTION_SCAN:
        return &function_scan_kind;
    case PLAN_WITH_SCAN:
        return &with_scan_kind;
    case PLAN_FEED:
        return &feed_kind;
    case PLAN_FILTER:
        return &filter_kind;
    case PLAN_PROJECT:
        return &project_kind;
    case PLAN_PROJECT_SET:
        return &project_set_kind;
    case PLAN_NESTED_LOOP:
        return &nested_loop_kind;
    case PLAN_HASH_JOIN:
        return &hash_join_kind;
    case PLAN_AGGREGATE:
        return &aggregate_kind;
    case PLAN_WINDOW:
        return &window_kind;
    case PLAN_SORT:
        return &sort_kind;
    case PLAN_DISTINCT:
        return &distinct_kind;
    case PLAN_LIMIT:
        return &limit_kind;
    case PLAN_SET_OPERATION:
        return &set_operation_kind;
    case PLAN_LOCK_ROWS:
        return &lock_rows_kind;
    case PLAN_INSERT:
        return &insert_kind;
    case PLAN_UPDATE:
    case PLAN_DELETE:
        return &update_kind;
    }
    UNREACHABLE();
}

static Status local_make(Operator *self, Worker *worker, Local **local_out) {
    size_t bytes = self->kind->local_bytes == 0 ? sizeof(Local) : self->kind->local_bytes;
    Local *local = arena_allocate_zeroed(worker->arena, bytes, _Alignof(max_align_t));
    local->owner = self;
    local->worker = worker;
    local->row_max = ROW_MAX_NONE;
    local->wanted = ROW_MAX_NONE;
    arena_init(&local->arena, worker->arena->budget);
    *local_out = local; // before it can fail, so that it is closed
    return self->kind->make_local == NULL ? OK : self->kind->make_local(local);
}

Status operator_make(
    Execution *execution, const OperatorKind *kind, const PlanNode *node, Operator **operator_out) {
    size_t bytes = kind->operator_bytes == 0 ? sizeof(Operator) : kind->operator_bytes;
    Operator *self = arena_allocate_zeroed(execution->arena, bytes, _Alignof(max_align_t));
    self->kind = kind;
    self->node = node;
    self->execution = execution;
    self->is_speculative = true;
    self->input_speculative = true;
    arena_init(&self->arena, execution->arena->budget);
    self->next_made = execution->made;
    execution->made = self;
    if (kind->make != NULL) TRY(kind->make(self));
    TRY(local_make(self, &execution->worker, &self->local));
    *operator_out = self;
    // A source that is a sink gives what it was filled with.
    if (kind->next != NULL && kind->consume != NULL) {
        TRY(operator_add_fill(self, node->input, self));
    }
    return OK;
}

Status operator_local(Operator *self, Worker *worker, Local **local_out) {
    *local_out = self->local;
    if (worker->number == 0) return OK;
    if (self->others == NULL) {
        uint32_t count = self->execution->thread_count - 1;
        self->others = arena_new_array(self->execution->arena, Local *, count);
    }
    Local **local = &self->others[worker->number - 1];
    if (*local == NULL) TRY(local_make(self, worker, local));
    *local_out = *local;
    return OK;
}

Status operator_add_fill(Operator *self, const PlanNode *node, Operator *sink) {
    ASSERT(self->fill_count < sizeof self->fills / sizeof self->fills[0]);
    return pipeline_make(self->execution, node, sink, &self->fills[self->fill_count++]);
}

// Calls `visit` for every thread's part.
static Status operator_visit_locals(Operator *self, Status (*visit)(Local *local)) {
    if (visit == NULL) return OK;
    if (self->local != NULL) TRY(visit(self->local));
    for (uint32_t i = 0; self->others != NULL && i + 1 < self->execution->thread_count; i++) {
        if (self->others[i] != NULL) TRY(visit(self->others[i]));
    }
    return OK;
}

Status operator_rewind(Operator *self) {
    self->is_filled = false;
    for (uint32_t i = 0; i < self->fill_count; i++) {
        TRY(pipeline_rewind(self->fills[i]));
        if (self->fills[i]->sink != self) TRY(operator_rewind(self->fills[i]->sink));
    }
    TRY(operator_visit_locals(self, self->kind->rewind_local));
    return self->kind->rewind == NULL ? OK : self->kind->rewind(self);
}

static Status local_close(Local *local) {
    if (local->owner->kind->close_local != NULL) local->owner->kind->close_local(local);
    arena_deinit(&local->arena);
    return OK;
}

void operator_close(Operator *self) {
    (void)operator_visit_locals(self, local_close);
    if (self->kind->close != NULL) self->kind->close(self);
    arena_deinit(&self->arena);
}

Status local_check_memory(const Local *local) {
    return arena_check(&local->arena);
}

Batch *batch_shell_make(Arena *arena, uint32_t column_count) {
    Batch *batch = arena_new(arena, Batch);
    batch->columns = arena_new_array(arena, Column, column_count + 1);
    batch->column_count = column_count;
    return batch;
}

Batch *batch_owned_make(Arena *arena, const Oid *types, uint32_t column_count) {
    Batch *batch = batch_make(arena, types, column_count, false);
    for (uint32_t i = 0; i < column_count; i++) {
        batch->columns[i].nulls = arena_allocate_zeroed(arena, BATCH_ROW_COUNT / 8, 64);
    }
    return batch;
}

Oid *layout_types(Arena *arena, const Layout *layout) {
    Oid *types = arena_new_array(arena, Oid, layout->count + 1);
    for (uint32_t i = 0; i < layout->count; i++) {
        types[i] = layout->columns[i].type.oid;
    }
    return types;
}
