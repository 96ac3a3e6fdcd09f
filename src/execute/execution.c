#include "execute/execute_internal.h"

#include <inttypes.h>
#include <stdio.h>

void execution_set_slot(Execution *execution, uint32_t slot, const Value *value) {
    ASSERT(slot < execution->input.plan->slot_count);
    execution->frame[slot] = *value;
    execution->frame_version++;
}

Status execution_find_table(Execution *execution, const TableInfo *info, Table **table_out) {
    Table *table = table_find(execution->tables, info->store);
    if (table == NULL) {
        return fail(UNDEFINED_TABLE, "relation \"%s\" does not exist", info->name);
    }
    *table_out = table;
    return OK;
}

void execution_report_progress(Worker *worker, uint32_t row_count) {
    if (worker->number != 0) return;
    Execution *execution = worker->execution;
    execution->rows_scanned += row_count;
    if (execution->input.progress == NULL) return;
    double fraction = -1.0;
    if (execution->row_total > 0.0) {
        fraction = execution->rows_scanned / execution->row_total;
        if (fraction > 1.0) fraction = 1.0;
    }
    execution->input.progress(execution->input.progress_argument, fraction);
}

static Status execution_start(Execution *execution) {
    const Plan *plan = execution->input.plan;
    TRY(pipeline_make(execution, plan->root, NULL, &execution->root));
    return with_run_writers(execution);
}

Status execution_begin(const ExecutionInput *input, Execution **execution_out) {
    const Plan *plan = input->plan;
    Arena *arena = input->arena;
    ASSERT(input->parameter_count >= plan->parameter_count);
    Execution *execution = arena_new(arena, Execution);
    execution->input = *input;
    execution->arena = arena;
    execution->frame_version = 1;
    execution->tables = catalog_tables(catalog_view_catalog(input->catalog));
    if (input->txn != NULL) execution->snapshot = txn_snapshot(input->txn);
    execution->frame = arena_new_array(arena, Value, plan->slot_count + 1);
    for (uint32_t i = plan->parameter_count; i < plan->slot_count; i++) {
        execution->frame[i] = value_null();
    }
    for (uint32_t i = 0; i < plan->parameter_count; i++) {
        execution->frame[i] = input->parameters[i];
    }
    execution->withs = arena_new_array(arena, WithStore *, plan->with_count + 1);
    execution->thread_count = input->thread_count < 1 ? 1 : input->thread_count;
    if (execution->thread_count > THREAD_COUNT_MAX) execution->thread_count = THREAD_COUNT_MAX;
    execution->worker = (Worker){
        .execution = execution,
        .arena = arena,
        .functions = input->functions,
        .figures = arena_new_array(arena, NodeFigures, plan->node_count + 1),
        .timed_node = plan->node_count, // nobody's
    };
    *execution_out = execution;
    return arena_check(arena);
}

Status execution_restart(Execution *execution, const ExecutionInput *input) {
    ASSERT(input->plan == execution->input.plan && input->arena == execution->arena);
    ASSERT(input->plan->is_short && input->functions == execution->input.functions);
    execution->input = *input;
    if (input->txn != NULL) execution->snapshot = txn_snapshot(input->txn);
    for (uint32_t i = 0; i < input->plan->parameter_count; i++) {
        execution->frame[i] = input->parameters[i];
    }
    execution->frame_version++;
    execution->row_count = 0;
    execution->is_done = false;
    bool is_at_start = !execution->has_started || execution->is_paused;
    execution->is_paused = false;
    return is_at_start ? OK : pipeline_rewind(execution->root);
}

bool execution_pause(Execution *execution) {
    if (execution->arena->is_exhausted) return false;
    if (!execution->has_started) return true;
    if (execution->root == NULL || pipeline_rewind(execution->root) != OK) return false;
    execution->is_paused = true;
    return true;
}

Status execution_next(Execution *execution, uint32_t row_max, Batch **batch_out) {
    *batch_out = NULL;
    if (execution->is_done) return OK;
    if (!execution->has_started) {
        execution->has_started = true;
        TRY(execution_start(execution));
    }
    TRY(pipeline_next(execution->root, row_max == 0 ? ROW_MAX_NONE : row_max, batch_out));
    TRY(arena_check(execution->arena));
    if (*batch_out == NULL) {
        execution->is_done = true;
    } else if (execution->input.plan->kind == QUERY_SELECT) {
        execution->row_count += (*batch_out)->selected_count;
    }
    return OK;
}

uint64_t execution_row_count(const Execution *execution) {
    return execution->row_count;
}

void execution_end(Execution *execution) {
    if (execution == NULL) return;
    for (Operator *made = execution->made; made != NULL; made = made->next_made) {
        operator_close(made);
    }
    execution->made = NULL;
    for (uint32_t i = 0; execution->others != NULL && i + 1 < execution->thread_count; i++) {
        arena_deinit(execution->others[i].arena);
    }
    execution->others = NULL;
    subplans_close(execution);
    execution->subplans = NULL;
}
