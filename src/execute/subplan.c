// Subqueries within expressions: run again for each row when they depend on it, once otherwise.
#include "execute/buffer.h"
#include "types/array.h"

typedef struct SubplanRun {
    SubplanClosure closure;
    Execution *execution;
    const Subplan *plan;
    Pipeline *pipeline; // made when it is first asked
    Buffer *buffer;     // ANY, ALL that depends on nothing: its rows
    Evaluator *test;
    bool has_run;
    bool is_known; // the answer of one that depends on nothing
    Value known;
    Arena arena;
    struct SubplanRun *next_made;
} SubplanRun;

static bool subplan_compares(const Subplan *plan) {
    return plan->kind == SUBQUERY_ANY || plan->kind == SUBQUERY_ALL;
}

static Status subplan_make(SubplanRun *run) {
    Execution *execution = run->execution;
    Operator *buffer = NULL;
    if (subplan_compares(run->plan) && !run->plan->depends_on_frame) {
        TRY(operator_make(execution, &buffer_kind, run->plan->root, &buffer));
        run->buffer = (Buffer *)buffer;
    }
    TRY(pipeline_make(execution, run->plan->root, buffer, &run->pipeline));
    return evaluator_make(&execution->worker, run->plan->test, &run->test);
}

static Status subplan_start(SubplanRun *run) {
    if (run->pipeline == NULL) {
        TRY(subplan_make(run));
    } else {
        TRY(with_forget(run->execution, run->plan->first_with, run->plan->with_count));
        TRY(pipeline_rewind(run->pipeline));
    }
    run->has_run = true;
    return run->buffer == NULL ? OK : pipeline_run(run->pipeline);
}

static Status subplan_exists(SubplanRun *run, Value *value_out) {
    Batch *batch;
    TRY(pipeline_next(run->pipeline, 1, &batch));
    *value_out = (Value){.datum.boolean = batch != NULL};
    return OK;
}

static Status subplan_scalar(SubplanRun *run, Arena *arena, Value *value_out) {
    Batch *batch;
    *value_out = value_null();
    TRY(pipeline_next(run->pipeline, 2, &batch));
    if (batch == NULL) return OK;
    uint32_t row_count = batch->selected_count;
    uint32_t row = selection_row(batch_selection(batch), 0);
    const Column *column = &batch->columns[0];
    Value value = value_copy(column_get(column, row), column->kind, arena);
    if (row_count == 1) {
        TRY(pipeline_next(run->pipeline, 1, &batch));
        if (batch != NULL) row_count++;
    }
    if (row_count > 1) {
        return fail(CARDINALITY_VIOLATION,
            "more than one row returned by a subquery used as an expression");
    }
    *value_out = value;
    return OK;
}

static Status subplan_array(SubplanRun *run, Arena *arena, Value *value_out) {
    Oid type = run->plan->root->layout.columns[0].type.oid;
    PhysicalKind kind = type_physical(type);
    uint32_t count = 0, capacity = 16;
    Value *values = arena_new_array(arena, Value, capacity);
    for (;;) {
        Batch *batch;
        TRY(pipeline_next(run->pipeline, ROW_MAX_NONE, &batch));
        if (batch == NULL) break;
        for (uint32_t i = 0; i < batch->selected_count; i++) {
            if (count == capacity) {
                Value *grown = arena_new_array(arena, Value, capacity * 2);
                memcpy(grown, values, capacity * sizeof *values);
                values = grown;
                capacity *= 2;
            }
            uint32_t row = selection_row(batch_selection(batch), i);
            values[count++] = value_copy(column_get(&batch->columns[0], row), kind, arena);
        }
        TRY(arena_check(arena));
    }
    *value_out = (Value){.datum.view = array_make_list(type, values, count, arena)};
    return OK;
}

// ANY: true when one is; ALL: false when one is. Unknown when nothing decides and one is NULL.
typedef struct Verdict {
    bool is_decided, has_null;
} Verdict;

static Status subplan_test(SubplanRun *run, const Batch *batch, Verdict *verdict) {
    const Column *results;
    TRY(evaluator_run(run->test, batch, &results));
    bool deciding = run->plan->kind == SUBQUERY_ANY;
    for (uint32_t i = 0; i < batch->selected_count; i++) {
        Value value = column_get(results, selection_row(batch_selection(batch), i));
        if (value.is_null) {
            verdict->has_null = true;
        } else if (value.datum.boolean == deciding) {
            verdict->is_decided = true;
            return OK;
        }
    }
    return OK;
}

static Status subplan_compare(SubplanRun *run, Value *value_out) {
    Verdict verdict = {0};
    if (run->buffer == NULL) {
        while (!verdict.is_decided) {
            Batch *batch;
            TRY(pipeline_next(run->pipeline, ROW_MAX_NONE, &batch));
            if (batch == NULL) break;
            TRY(subplan_test(run, batch, &verdict));
        }
    } else {
        for (uint32_t i = 0; i < run->buffer->rows.chunk_count && !verdict.is_decided; i++) {
            TRY(subplan_test(run, run->buffer->rows.chunks[i], &verdict));
        }
    }
    bool is_any = run->plan->kind == SUBQUERY_ANY;
    bool answer = verdict.is_decided ? is_any : !is_any;
    *value_out =
        !verdict.is_decided && verdict.has_null ? value_null() : (Value){.datum.boolean = answer};
    return OK;
}

static Status subplan_answer(SubplanRun *run, Arena *arena, Value *value_out) {
    switch (run->plan->kind) {
    case SUBQUERY_EXISTS:
        return subplan_exists(run, value_out);
    case SUBQUERY_SCALAR:
        return subplan_scalar(run, arena, value_out);
    case SUBQUERY_ARRAY:
        return subplan_array(run, arena, value_out);
    case SUBQUERY_ANY:
    case SUBQUERY_ALL:
        return subplan_compare(run, value_out);
    }
    UNREACHABLE();
}

static Status subplan_run(SubplanRun *run, Arena *arena, Value *value_out) {
    if (run->plan->depends_on_frame) {
        TRY(subplan_start(run));
        return subplan_answer(run, arena, value_out);
    }
    if (!run->has_run) TRY(subplan_start(run));
    if (subplan_compares(run->plan)) return subplan_answer(run, arena, value_out);
    TRY(subplan_answer(run, &run->arena, &run->known));
    run->is_known = true;
    *value_out = run->known;
    return OK;
}

static Status subplan_evaluate(SubplanClosure *closure, const Value *arguments,
    uint32_t argument_count, Arena *arena, Value *value_out) {
    SubplanRun *run = (SubplanRun *)closure;
    Execution *execution = run->execution;
    if (run->is_known) {
        *value_out = run->known;
        return OK;
    }
    for (uint32_t i = 0; i < argument_count; i++) {
        execution_set_slot(execution, run->plan->slots[i], &arguments[i]);
    }
    if (!execution->input.analyze) return subplan_run(run, arena, value_out);
    // Its time counts twice: for its own nodes, and for the node whose expression it is in.
    int64_t start_ns = clock_monotonic_ns(clock_real());
    Status status = subplan_run(run, arena, value_out);
    execution->worker.figures[execution->worker.timed_node].time_ns +=
        clock_monotonic_ns(clock_real()) - start_ns;
    return status;
}

Status subplan_closure_make(
    Execution *execution, const Subplan *subplan, SubplanClosure **closure_out) {
    SubplanRun *run = arena_new(execution->arena, SubplanRun);
    run->closure.evaluate = subplan_evaluate;
    run->execution = execution;
    run->plan = subplan;
    arena_init(&run->arena, execution->arena->budget);
    run->next_made = execution->subplans;
    execution->subplans = run;
    *closure_out = &run->closure;
    return OK;
}

void subplans_close(Execution *execution) {
    for (SubplanRun *run = execution->subplans; run != NULL; run = run->next_made) {
        arena_deinit(&run->arena);
    }
}
