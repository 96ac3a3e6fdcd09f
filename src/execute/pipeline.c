// Pipelines: the driver that pushes batches from a source through steps into a sink, on one thread
// or on several, and stops where it is told to.
#include "execute/execute_internal.h"
#include "os/thread.h"

static void window_set(Window *window, Batch *whole) {
    window->whole = whole;
    window->next = 0;
}

static const uint16_t *worker_all_rows(Worker *worker) {
    if (worker->all_rows == NULL) {
        worker->all_rows = scratch_new(worker->arena, uint16_t);
        for (uint32_t i = 0; i < BATCH_ROW_COUNT; i++) {
            worker->all_rows[i] = (uint16_t)i;
        }
    }
    return worker->all_rows;
}

// NULL when nothing is left.
static Batch *window_take(Window *window, Worker *worker, uint32_t row_max) {
    Batch *whole = window->whole;
    if (whole == NULL) return NULL;
    uint32_t left = whole->selected_count - window->next;
    if (left <= row_max) {
        window->whole = NULL;
        if (window->next == 0) return whole;
    }
    uint32_t count = left < row_max ? left : row_max;
    const uint16_t *rows = whole->selection == NULL ? worker_all_rows(worker) : whole->selection;
    window->piece = *whole;
    window->piece.selection = rows + window->next;
    window->piece.selected_count = count;
    window->next += count;
    return &window->piece;
}

// The time from here on is this node's; returns whose it was.
static uint32_t worker_time_node(Worker *worker, uint32_t number) {
    int64_t now_ns = clock_monotonic_ns(clock_real());
    uint32_t before = worker->timed_node;
    worker->figures[before].time_ns += now_ns - worker->timed_since_ns;
    worker->timed_node = number;
    worker->timed_since_ns = now_ns;
    return before;
}

Status execution_check_cancelled(const Execution *execution) {
    const _Atomic bool *is_cancelled = execution->input.is_cancelled;
    if (is_cancelled != NULL && atomic_load_explicit(is_cancelled, memory_order_relaxed)) {
        return fail(QUERY_CANCELED, "canceling statement due to user request");
    }
    return OK;
}

// ---- One operator's turn, with its figures ------------------------------------------------------

static void local_count(const Local *local, const Batch *batch) {
    const Operator *owner = local->owner;
    if (batch != NULL && owner->counts_rows) {
        local->worker->figures[owner->node->number].rows += batch->selected_count;
    }
}

static uint32_t time_begin(const Local *local) {
    if (!local->worker->execution->input.analyze) return 0;
    return worker_time_node(local->worker, local->owner->node->number);
}

static void time_end(const Local *local, uint32_t before) {
    if (local->worker->execution->input.analyze) worker_time_node(local->worker, before);
}

static Status source_next(Local *source, uint32_t row_max, Batch **batch_out) {
    uint32_t before = time_begin(source);
    *batch_out = NULL;
    Status status = source->owner->kind->next(source, row_max, batch_out);
    time_end(source, before);
    if (status == OK) local_count(source, *batch_out);
    return status;
}

static Status step_process(Local *step, Batch *input, Batch **batch_out, Flow *flow_out) {
    uint32_t before = time_begin(step);
    *batch_out = NULL;
    Status status = step->owner->kind->process(step, input, batch_out, flow_out);
    time_end(step, before);
    if (status == OK) local_count(step, *batch_out);
    return status;
}

static Status step_finish(Local *step, Batch **batch_out) {
    *batch_out = NULL;
    if (step->owner->kind->finish == NULL) return OK;
    uint32_t before = time_begin(step);
    Status status = step->owner->kind->finish(step, batch_out);
    time_end(step, before);
    if (status == OK) local_count(step, *batch_out);
    return status;
}

static Status sink_consume(Local *sink, Batch *batch) {
    uint32_t before = time_begin(sink);
    Status status = sink->owner->kind->consume(sink, batch);
    time_end(sink, before);
    return status;
}

// ---- A run --------------------------------------------------------------------------------------

static Status run_init(PipelineRun *run, Pipeline *pipeline, Worker *worker) {
    *run = (PipelineRun){.pipeline = pipeline, .worker = worker, .wanted = ROW_MAX_NONE};
    run->steps = arena_new_array(worker->arena, Local *, pipeline->step_count + 1);
    TRY(operator_local(pipeline->source, worker, &run->source));
    for (uint32_t i = 0; i < pipeline->step_count; i++) {
        TRY(operator_local(pipeline->steps[i], worker, &run->steps[i]));
    }
    if (pipeline->sink != NULL) TRY(operator_local(pipeline->sink, worker, &run->sink));
    return OK;
}

static void run_restart(PipelineRun *run) {
    uint32_t step_count = run->pipeline->step_count;
    for (uint32_t i = 0; i < step_count; i++) {
        Local *step = run->steps[i];
        step->input.whole = NULL;
        step->current = NULL;
        step->row_max = ROW_MAX_NONE;
        step->wanted = ROW_MAX_NONE;
    }
    run->result.whole = NULL;
    run->wanted = ROW_MAX_NONE;
    run->has_budgets = false;
    run->first = 0;
    run->is_source_ended = false;
    run->is_held = false;
    run->is_ended = false;
}

// Nothing more is taken from the source and the steps before `first`.
static void run_cut(PipelineRun *run, uint32_t first) {
    for (uint32_t i = 0; i < first; i++) {
        run->steps[i]->input.whole = NULL;
        run->steps[i]->current = NULL;
    }
    run->first = first;
    run->is_source_ended = true;
}

// What each step may be given at once, from the end to the source.
static void run_set_budgets(PipelineRun *run, uint32_t row_max) {
    for (uint32_t i = run->pipeline->step_count; i-- > 0;) {
        Local *step = run->steps[i];
        step->row_max = row_max;
        if (step->owner->kind->budget != NULL) {
            row_max = step->owner->kind->budget(step, row_max);
        }
        step->wanted = row_max;
    }
    run->wanted = row_max;
}

// Pushes what lies before step `index` on, as far as it goes. `*batch_out` is what leaves the last
// step, or NULL.
static Status run_push(PipelineRun *run, uint32_t index, Batch **batch_out) {
    uint32_t step_count = run->pipeline->step_count;
    *batch_out = NULL;
    for (;;) {
        Local *step = run->steps[index];
        if (step->current == NULL) {
            step->current = window_take(&step->input, run->worker, step->wanted);
        }
        Batch *made;
        Flow flow;
        TRY(step_process(step, step->current, &made, &flow));
        if (flow != FLOW_HAVE_MORE) step->current = NULL;
        index++;
        if (flow == FLOW_DONE) run_cut(run, index);
        if (made == NULL || made->selected_count == 0) return OK;
        if (index == step_count) {
            *batch_out = made;
            return OK;
        }
        window_set(&run->steps[index]->input, made);
    }
}

// The step nearest to the end that has something to do, counted from 1; `first` when none has.
static uint32_t run_find_pending(const PipelineRun *run) {
    uint32_t i = run->pipeline->step_count;
    while (i > run->first) {
        const Local *step = run->steps[i - 1];
        if (step->current != NULL || step->input.whole != NULL) break;
        i--;
    }
    return i;
}

// The next batch of a pipeline whose steps take a batch as a whole and give one, when all is
// wanted: the short path of statements that touch rows by key, and of plain scans.
static Status run_next_plain(PipelineRun *run, Batch **batch_out) {
    const Pipeline *pipeline = run->pipeline;
    *batch_out = NULL;
    while (!run->is_source_ended) {
        TRY(execution_check_cancelled(pipeline->execution));
        Batch *made;
        TRY(source_next(run->source, ROW_MAX_NONE, &made));
        run->is_source_ended = made == NULL || run->source->is_last;
        for (uint32_t i = 0; made != NULL && made->selected_count > 0; i++) {
            if (i == pipeline->step_count) {
                *batch_out = made;
                return OK;
            }
            Flow flow;
            TRY(step_process(run->steps[i], made, &made, &flow));
        }
    }
    return OK;
}

// The next batch that leaves the last step; NULL at the end.
static Status run_next(PipelineRun *run, uint32_t row_max, Batch **batch_out) {
    Pipeline *pipeline = run->pipeline;
    uint32_t step_count = pipeline->step_count;
    if (pipeline->is_bounded || row_max != ROW_MAX_NONE) run->has_budgets = true;
    if (pipeline->is_plain && !run->has_budgets) return run_next_plain(run, batch_out);
    *batch_out = NULL;
    while (*batch_out == NULL && !run->is_ended) {
        if (run->has_budgets) run_set_budgets(run, row_max);
        uint32_t pending = run_find_pending(run);
        if (pending > run->first) {
            TRY(run_push(run, pending - 1, batch_out));
            continue;
        }
        Batch *made;
        uint32_t next = 0;
        if (!run->is_source_ended) {
            TRY(execution_check_cancelled(pipeline->execution));
            TRY(source_next(run->source, run->wanted, &made));
            if (made == NULL) run->is_source_ended = true;
        } else {
            if (run->is_held) return OK;
            if (run->first == step_count) {
                run->is_ended = true;
                return OK;
            }
            TRY(step_finish(run->steps[run->first], &made));
            next = run->first + 1;
            if (made == NULL) run->first++;
        }
        if (made == NULL || made->selected_count == 0) continue;
        if (next == step_count) {
            *batch_out = made;
        } else {
            window_set(&run->steps[next]->input, made);
            TRY(run_push(run, next, batch_out));
        }
    }
    return OK;
}

// ---- A pipeline ---------------------------------------------------------------------------------

// Fills what the operator needs, and tells it that rows will come.
static Status operator_open(Operator *self, bool *is_empty_out) {
    self->local->worker->figures[self->node->number].loops += self->counts_rows;
    *is_empty_out = false;
    if (!self->is_filled) {
        for (uint32_t i = 0; i < self->fill_count; i++) {
            TRY(pipeline_run(self->fills[i]));
        }
        self->is_filled = true;
    }
    if (self->kind->open == NULL) return OK;
    uint32_t before = time_begin(self->local);
    Status status = self->kind->open(self->local, is_empty_out);
    time_end(self->local, before);
    return status;
}

// From the end, so that a LIMIT tells the sort it reads, and an empty build side saves the rest.
static Status pipeline_open(Pipeline *pipeline) {
    pipeline->is_open = true;
    atomic_store_explicit(&pipeline->is_stopped, false, memory_order_relaxed);
    run_restart(&pipeline->run);
    bool is_empty;
    for (uint32_t i = pipeline->step_count; i-- > 0;) {
        TRY(operator_open(pipeline->steps[i], &is_empty));
        if (is_empty) {
            run_cut(&pipeline->run, i + 1);
            return OK;
        }
    }
    TRY(operator_open(pipeline->source, &is_empty));
    pipeline->run.is_source_ended = is_empty;
    return OK;
}

Status pipeline_next(Pipeline *pipeline, uint32_t row_max, Batch **batch_out) {
    *batch_out = NULL;
    PipelineRun *run = &pipeline->run;
    if (!pipeline->is_open) TRY(pipeline_open(pipeline));
    if (run->result.whole == NULL) {
        Batch *batch;
        TRY(run_next(run, row_max, &batch));
        *batch_out = batch;
        if (batch == NULL || batch->selected_count <= row_max) return OK;
        window_set(&run->result, batch);
    }
    *batch_out = window_take(&run->result, run->worker, row_max);
    return OK;
}

static Status run_drain(PipelineRun *run) {
    for (;;) {
        if (atomic_load_explicit(&run->pipeline->is_stopped, memory_order_relaxed)) return OK;
        Batch *batch;
        TRY(run_next(run, ROW_MAX_NONE, &batch));
        if (batch == NULL) return arena_check(run->worker->arena);
        TRY(sink_consume(run->sink, batch));
    }
}

static Status sink_seal(Local *sink) {
    if (sink->owner->kind->seal == NULL) return OK;
    uint32_t before = time_begin(sink);
    Status status = sink->owner->kind->seal(sink);
    time_end(sink, before);
    return status;
}

static Status sink_combine(Local *sink) {
    return sink->owner->kind->combine == NULL ? OK : sink->owner->kind->combine(sink);
}

// ---- Several threads ----------------------------------------------------------------------------

static bool pipeline_is_parallel(const Pipeline *pipeline) {
    if (pipeline->execution->thread_count == 1 || pipeline->run.is_source_ended) return false;
    if (!pipeline->source->has_morsels || !pipeline->sink->is_parallel) return false;
    for (uint32_t i = 0; i < pipeline->step_count; i++) {
        if (!pipeline->steps[i]->is_parallel) return false;
    }
    return true;
}

static Status execution_make_workers(Execution *execution) {
    if (execution->others != NULL) return OK;
    uint32_t count = execution->thread_count - 1;
    Arena *arena = execution->arena;
    Worker *workers = arena_new_array(arena, Worker, count);
    for (uint32_t i = 0; i < count; i++) {
        FunctionContext *functions = arena_new(arena, FunctionContext);
        *functions = *execution->input.functions;
        // What a thread has no business with: the programs it runs do not ask.
        functions->values.time_zones = NULL;
        functions->random = NULL;
        workers[i] = (Worker){
            .execution = execution,
            .number = i + 1,
            .arena = arena_new(arena, Arena),
            .functions = functions,
            .figures = arena_new_array(arena, NodeFigures, execution->input.plan->node_count + 1),
            .timed_node = execution->input.plan->node_count,
        };
        arena_init(workers[i].arena, arena->budget);
    }
    execution->others = workers;
    return arena_check(arena);
}

static Status pipeline_make_runs(Pipeline *pipeline) {
    Execution *execution = pipeline->execution;
    TRY(execution_make_workers(execution));
    uint32_t count = execution->thread_count - 1;
    if (pipeline->others == NULL) {
        pipeline->others = arena_new_array(execution->arena, PipelineRun, count);
        for (uint32_t i = 0; i < count; i++) {
            TRY(run_init(&pipeline->others[i], pipeline, &execution->others[i]));
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        run_restart(&pipeline->others[i]);
        TRY(arena_check(execution->others[i].arena));
    }
    return OK;
}

typedef struct ThreadPart {
    PipelineRun *run;
    Thread *thread;
    Status status;
    Error error;
} ThreadPart;

static void part_run(void *argument) {
    ThreadPart *part = argument;
    PipelineRun *run = part->run;
    run->is_held = true;
    run->worker->timed_since_ns = clock_monotonic_ns(clock_real());
    part->status = run_drain(run);
    if (part->status == OK) part->status = sink_seal(run->sink);
    if (part->status == OK) return;
    atomic_store_explicit(&run->pipeline->is_stopped, true, memory_order_relaxed);
    error_take(run->worker->arena, &part->error);
}

static void worker_give_figures(Worker *from, Worker *to) {
    uint32_t count = from->execution->input.plan->node_count;
    for (uint32_t i = 0; i < count; i++) {
        to->figures[i].rows += from->figures[i].rows;
        to->figures[i].time_ns += from->figures[i].time_ns;
        from->figures[i] = (NodeFigures){0};
    }
}

// The pipeline's rows into the parts of the sink, on all threads; worker 0's part is not sealed.
static Status pipeline_run_threads(Pipeline *pipeline) {
    Execution *execution = pipeline->execution;
    uint32_t count = execution->thread_count - 1;
    TRY(pipeline_make_runs(pipeline));
    ThreadPart parts[THREAD_COUNT_MAX] = {0};
    for (uint32_t i = 0; i < count; i++) {
        parts[i].run = &pipeline->others[i];
        if (thread_start("execute", 0, part_run, &parts[i], &parts[i].thread) != OK) {
            error_clear(); // those that there are do the work
            parts[i].thread = NULL;
        }
    }
    pipeline->run.is_held = true;
    Status status = run_drain(&pipeline->run);
    pipeline->run.is_held = false;
    if (status != OK) atomic_store_explicit(&pipeline->is_stopped, true, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) {
        if (parts[i].thread == NULL) continue;
        thread_join(parts[i].thread);
        worker_give_figures(&execution->others[i], &execution->worker);
        if (status == OK && parts[i].status != OK) status = error_raise(&parts[i].error);
    }
    TRY(status);
    for (uint32_t i = 0; i < count; i++) {
        TRY(sink_combine(parts[i].run->sink));
    }
    return OK;
}

Status pipeline_run(Pipeline *pipeline) {
    if (!pipeline->is_open) TRY(pipeline_open(pipeline));
    PipelineRun *run = &pipeline->run;
    if (pipeline_is_parallel(pipeline)) TRY(pipeline_run_threads(pipeline));
    TRY(run_drain(run));
    TRY(sink_seal(run->sink));
    uint32_t before = time_begin(run->sink);
    Status status = sink_combine(run->sink);
    const OperatorKind *kind = run->sink->owner->kind;
    if (status == OK && kind->finalize != NULL) status = kind->finalize(run->sink->owner);
    time_end(run->sink, before);
    return status;
}

Status pipeline_rewind(Pipeline *pipeline) {
    if (!pipeline->is_open) return OK;
    pipeline->is_open = false;
    TRY(operator_rewind(pipeline->source));
    for (uint32_t i = 0; i < pipeline->step_count; i++) {
        TRY(operator_rewind(pipeline->steps[i]));
    }
    return OK;
}

// ---- From plan to pipelines ---------------------------------------------------------------------

static void pipeline_add_step(Pipeline *pipeline, Operator *step) {
    if (pipeline->step_count == pipeline->step_capacity) {
        uint32_t capacity = pipeline->step_capacity * 2 + 4;
        Operator **steps = arena_new_array(pipeline->execution->arena, Operator *, capacity);
        if (pipeline->step_count > 0) {
            memcpy(steps, pipeline->steps, pipeline->step_count * sizeof(Operator *));
        }
        pipeline->steps = steps;
        pipeline->step_capacity = capacity;
    }
    const Operator *before =
        pipeline->step_count == 0 ? pipeline->source : pipeline->steps[pipeline->step_count - 1];
    step->input_speculative = before->is_speculative && before->input_speculative;
    pipeline->steps[pipeline->step_count++] = step;
}

static bool node_filters_itself(const PlanNode *node) {
    return node->kind == PLAN_NESTED_LOOP || node->kind == PLAN_HASH_JOIN;
}

// The sort whose order the rows of the node have, with nothing between that drops or adds any.
static Operator *pipeline_find_sort(const Pipeline *pipeline) {
    uint32_t i = pipeline->step_count;
    while (i > 0 && pipeline->steps[i - 1]->kind == &project_kind) {
        i--;
    }
    return i == 0 && pipeline->source->kind == &sort_kind ? pipeline->source : NULL;
}

// `is_bounded`: only so many of the rows are wanted that it pays to make few.
static Status pipeline_add(Pipeline *pipeline, const PlanNode *node, bool is_bounded) {
    Execution *execution = pipeline->execution;
    const OperatorKind *kind = operator_kind(node->kind);
    if (node->kind == PLAN_WITH_SCAN && node->with.is_working_table) kind = &working_table_kind;
    if (node->kind == PLAN_SET_OPERATION && node->set.operation == SET_UNION) kind = &append_kind;
    if (node->kind == PLAN_DISTINCT && (is_bounded || node->distinct.is_sorted)) {
        kind = &distinct_stream_kind;
    }
    bool is_limit = node->kind == PLAN_LIMIT;
    if (kind->process != NULL) {
        TRY(pipeline_add(pipeline, node->input, is_bounded || is_limit));
    }
    Operator *made = NULL;
    if (node->kind != PLAN_FILTER) {
        TRY(operator_make(execution, kind, node, &made));
        made->counts_rows = true;
        if (kind->process == NULL) {
            made->input_speculative = true;
            pipeline->source = made;
        } else {
            if (is_limit) {
                Operator *sort = pipeline_find_sort(pipeline);
                if (sort != NULL) limit_set_sort(made, sort);
                pipeline->is_bounded = true;
            }
            pipeline_add_step(pipeline, made);
        }
    }
    if (node->filter == NULL || node_filters_itself(node)) return OK;
    if (made != NULL) made->counts_rows = false;
    Operator *filter;
    TRY(operator_make(execution, &filter_kind, node, &filter));
    filter->counts_rows = true;
    pipeline_add_step(pipeline, filter);
    return OK;
}

Status pipeline_make(
    Execution *execution, const PlanNode *node, Operator *sink, Pipeline **pipeline_out) {
    Pipeline *pipeline = arena_new(execution->arena, Pipeline);
    pipeline->execution = execution;
    pipeline->sink = sink;
    TRY(pipeline_add(pipeline, node, false));
    pipeline->is_speculative = pipeline->source->is_speculative;
    pipeline->is_plain = true;
    for (uint32_t i = 0; i < pipeline->step_count; i++) {
        const Operator *step = pipeline->steps[i];
        if (!step->is_speculative) pipeline->is_speculative = false;
        if (!step->kind->is_plain) pipeline->is_plain = false;
    }
    TRY(run_init(&pipeline->run, pipeline, &execution->worker));
    *pipeline_out = pipeline;
    return OK;
}
