// The operator around its kind: filter, row budget, cancellation, figures for EXPLAIN.
#include "execute/execute_internal.h"

typedef Status (*OperatorMaker)(
    Execution *execution, const PlanNode *node, Operator **operator_out);

static OperatorMaker maker_of(PlanKind kind) {
    switch (kind) {
    case PLAN_RESULT:
        return result_make;
    case PLAN_VALUES:
        return values_make;
    case PLAN_TABLE_ACCESS:
        return table_access_make;
    case PLAN_CATALOG_SCAN:
        return catalog_access_make;
    case PLAN_FUNCTION_SCAN:
        return function_scan_make;
    case PLAN_WITH_SCAN:
        return with_scan_make;
    case PLAN_FEED:
        return feed_make;
    case PLAN_FILTER:
        return filter_make;
    case PLAN_PROJECT:
        return project_make;
    case PLAN_PROJECT_SET:
        return project_set_make;
    case PLAN_NESTED_LOOP:
        return nested_loop_make;
    case PLAN_HASH_JOIN:
        return hash_join_make;
    case PLAN_AGGREGATE:
        return aggregate_make;
    case PLAN_SORT:
        return sort_make;
    case PLAN_DISTINCT:
        return distinct_make;
    case PLAN_LIMIT:
        return limit_make;
    case PLAN_SET_OPERATION:
        return set_operation_make;
    case PLAN_LOCK_ROWS:
        return lock_rows_make;
    case PLAN_INSERT:
        return insert_make;
    case PLAN_UPDATE:
    case PLAN_DELETE:
        return update_make;
    }
    UNREACHABLE();
}

Status operator_init(
    Execution *execution, const PlanNode *node, size_t bytes, Operator **operator_out) {
    Operator *self = arena_allocate_zeroed(execution->arena, bytes, _Alignof(max_align_t));
    self->node = node;
    self->execution = execution;
    self->is_speculative = true;
    arena_init(&self->arena, execution->arena->budget);
    self->next_made = execution->made;
    execution->made = self;
    execution->by_node[node->number] = self;

    if (node->input != NULL) {
        TRY(operator_make(execution, node->input, &self->input));
        self->is_speculative = self->input->is_speculative;
    }
    if (node->second != NULL) {
        TRY(operator_make(execution, node->second, &self->second));
        self->is_speculative = self->is_speculative && self->second->is_speculative;
    }
    if (node->filter != NULL) {
        TRY(evaluator_make(execution, node->filter, &self->filter));
        self->filtered_rows = scratch_new(execution->arena, uint16_t);
        self->is_speculative = self->is_speculative && node->filter->is_speculative;
    }
    *operator_out = self;
    return OK;
}

Status operator_make(Execution *execution, const PlanNode *node, Operator **operator_out) {
    return maker_of(node->kind)(execution, node, operator_out);
}

Status execution_check_cancelled(const Execution *execution) {
    const _Atomic bool *is_cancelled = execution->input.is_cancelled;
    if (is_cancelled != NULL && atomic_load_explicit(is_cancelled, memory_order_relaxed)) {
        return fail(QUERY_CANCELED, "canceling statement due to user request");
    }
    return OK;
}

Status operator_check_memory(const Operator *self) {
    return arena_check(&self->arena);
}

static void window_set(Window *window, const Batch *whole) {
    window->whole = whole;
    window->next = 0;
}

static const uint16_t *execution_all_rows(Execution *execution) {
    if (execution->all_rows == NULL) {
        execution->all_rows = scratch_new(execution->arena, uint16_t);
        for (uint32_t i = 0; i < BATCH_ROW_COUNT; i++) {
            execution->all_rows[i] = (uint16_t)i;
        }
    }
    return execution->all_rows;
}

// NULL when nothing is left.
static Batch *window_take(Window *window, Execution *execution, uint32_t row_max) {
    const Batch *whole = window->whole;
    if (whole == NULL) return NULL;
    uint32_t left = whole->selected_count - window->next;
    if (left == 0) {
        window->whole = NULL;
        return NULL;
    }
    uint32_t count = left < row_max ? left : row_max;
    window->piece = *whole;
    if (count < whole->selected_count) {
        const uint16_t *rows =
            whole->selection == NULL ? execution_all_rows(execution) : whole->selection;
        window->piece.selection = rows + window->next;
        window->piece.selected_count = count;
    }
    window->next += count;
    if (window->next == whole->selected_count) window->whole = NULL;
    return &window->piece;
}

static Status operator_produce(Operator *self, uint32_t row_max, Batch **batch_out) {
    *batch_out = NULL;
    if (self->is_ended) return OK;
    TRY(execution_check_cancelled(self->execution));
    do {
        TRY(self->produce(self, row_max, batch_out));
    } while (*batch_out != NULL && (*batch_out)->selected_count == 0);
    if (*batch_out == NULL) self->is_ended = true;
    return OK;
}

// The rows of `batch` that pass, as a batch that shares its columns.
static Status operator_filter(Operator *self, const Batch *batch, Batch **passed_out) {
    uint32_t count;
    TRY(evaluator_select(self->filter, batch, self->filtered_rows, &count));
    self->filtered = *batch;
    self->filtered.selection = self->filtered_rows;
    self->filtered.selected_count = count;
    *passed_out = &self->filtered;
    return OK;
}

static Status operator_next_filtered(Operator *self, uint32_t row_max, Batch **batch_out) {
    bool is_free = self->is_speculative || row_max >= BATCH_ROW_COUNT;
    for (;;) {
        Batch *batch = window_take(&self->ready, self->execution, row_max);
        if (batch != NULL) {
            *batch_out = batch;
            return OK;
        }
        // Few rows are wanted: not many are read before it is known how many of them pass.
        uint32_t wanted = row_max;
        if (is_free) {
            wanted = row_max < self->wish ? self->wish : row_max;
            self->wish = wanted < BATCH_ROW_COUNT ? wanted * 4 : ROW_MAX_NONE;
        }
        batch = window_take(&self->raw, self->execution, wanted);
        if (batch == NULL) {
            Batch *whole;
            TRY(operator_produce(self, wanted, &whole));
            *batch_out = NULL;
            if (whole == NULL) return OK;
            window_set(&self->raw, whole);
            continue;
        }
        Batch *passed;
        TRY(operator_filter(self, batch, &passed));
        window_set(&self->ready, passed);
    }
}

static Status operator_next_plain(Operator *self, uint32_t row_max, Batch **batch_out) {
    Batch *batch = window_take(&self->raw, self->execution, row_max);
    if (batch == NULL) {
        TRY(operator_produce(self, row_max, &batch));
        if (batch != NULL && batch->selected_count > row_max) {
            window_set(&self->raw, batch);
            batch = window_take(&self->raw, self->execution, row_max);
        }
    }
    *batch_out = batch;
    return OK;
}

Status operator_next(Operator *self, uint32_t row_max, Batch **batch_out) {
    bool is_timed = self->execution->input.analyze;
    int64_t start_ns = is_timed ? clock_monotonic_ns(clock_real()) : 0;
    if (self->filter != NULL && !self->filters_itself) {
        TRY(operator_next_filtered(self, row_max, batch_out));
    } else {
        TRY(operator_next_plain(self, row_max, batch_out));
    }
    if (*batch_out != NULL) self->rows_made += (*batch_out)->selected_count;
    if (is_timed) self->time_ns += clock_monotonic_ns(clock_real()) - start_ns;
    return OK;
}

Status operator_rewind(Operator *self) {
    self->is_ended = false;
    self->raw.whole = NULL;
    self->ready.whole = NULL;
    self->wish = 0;
    self->loops++;
    return self->rewind(self);
}

void operator_close(Operator *self) {
    if (self->close != NULL) self->close(self);
    arena_deinit(&self->arena);
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
