// What the operators share: the execution, evaluators of programs, the operator itself, and the
// pipelines that operators form.
//
// Model    A plan becomes pipelines: a source, steps, and a sink. The source makes batches; each is
//          pushed through the steps, which are functions on (operator, thread's part, batch in,
//          batch out), into the sink. A sink takes all the rows before its owner, a source or a
//          step of another pipeline, gives the first: what an operator needs filled (`fills`) runs
//          when its pipeline is opened, in the order of dependence. A pipeline without a sink hands
//          its batches to whoever asks (pipeline_next): the statement's result, a subquery, the
//          inner side of a nested loop. It can stop after any batch and go on later.
//          What is asked carries a row budget, which travels from the end to the source: a step
//          whose work can raise, or has effects, is given no more rows than can be used; everything
//          else may run ahead.
// Threads  An Operator is what the threads share, constant while a pipeline runs. A Local is one
//          thread's part of it. A pipeline whose source, steps and sink allow it
//          runs on several threads, each of which takes morsels from the source and fills its own
//          part of the sink. The parts are then sealed (each thread its own), combined one after
//          another, and finalized. Slots of the frame change only where one thread runs.
#pragma once

#include "base/error.h"
#include "catalog/catalog.h"
#include "execute/execute.h"
#include "os/clock.h"
#include "plan/plan_node.h"

enum { ROW_MAX_NONE = 0x7FFFFFFF, THREAD_COUNT_MAX = 64 };

typedef struct Operator Operator;
typedef struct Local Local;
typedef struct Pipeline Pipeline;
typedef struct WithStore WithStore;

// What a node did, for EXPLAIN ANALYZE.
typedef struct NodeFigures {
    uint64_t rows, loops;
    int64_t time_ns; // without what it called
} NodeFigures;

// One thread of an execution.
typedef struct Worker {
    Execution *execution;
    uint32_t number; // 0: the thread that the execution belongs to
    Arena *arena;    // as long as the execution
    FunctionContext *functions;
    NodeFigures *figures; // by the node's number
    uint32_t timed_node;  // whose time is running, with `analyze`
    int64_t timed_since_ns;
    uint16_t *all_rows; // 0, 1, 2 ...: the selection of everything; NULL until it is wanted
} Worker;

struct Execution {
    ExecutionInput input;
    Arena *arena;
    Snapshot snapshot;
    TableSet *tables;
    Value *frame;
    uint64_t frame_version; // raised whenever a slot changes
    Pipeline *root;
    Operator *made; // all of them, newest first
    Worker worker;  // number 0
    Worker *others; // `thread_count` - 1 of them; NULL until they are wanted
    uint32_t thread_count;
    WithStore **withs;
    uint64_t row_count;
    bool has_started, is_done;
    bool is_paused;   // rewound already
    double row_total; // expected from the largest scan, for progress
    double rows_scanned;
    struct SubplanRun *subplans;
};

// A program with its state, refreshed when the frame has changed.
typedef struct Evaluator {
    Execution *execution;
    const PlanProgram *plan;
    ProgramState *state;
    uint64_t frame_version;
    uint32_t result_count;
} Evaluator;

// NULL for a NULL program.
Status evaluator_make(Worker *worker, const PlanProgram *plan, Evaluator **evaluator_out);
Status evaluator_run(Evaluator *evaluator, const Batch *input, const Column **results_out);
// The rows of `input` where result 0 is true.
Status evaluator_select(
    Evaluator *evaluator, const Batch *input, uint16_t *rows_out, uint32_t *count_out);
// Every result of a program without inputs.
Status evaluator_values(Evaluator *evaluator, Value *values_out);
// Whether several threads may run it; true for NULL.
bool plan_program_is_parallel(const PlanProgram *plan);

// Hands out a batch piece by piece.
typedef struct Window {
    Batch *whole;  // NULL when there is none
    uint32_t next; // counted in its selection
    Batch piece;
} Window;

typedef enum Flow {
    FLOW_NEED_INPUT, // with this output the input is used up
    FLOW_HAVE_MORE,  // to be called with the same input again
    FLOW_DONE,       // no input is wanted any more
} Flow;

// What an operator can do; roles that it does not have are NULL.
typedef struct OperatorKind {
    size_t operator_bytes, local_bytes;
    Status (*make)(Operator *self);
    Status (*make_local)(Local *local);
    Status (*rewind)(Operator *self); // to the start, with the frame as it is now
    Status (*rewind_local)(Local *local);
    void (*close)(Operator *self);
    void (*close_local)(Local *local);

    // When its pipeline starts, after what it needs was filled; by worker 0.
    // `is_empty_out`: no row will come out of it, so that nothing before it need run.
    Status (*open)(Local *local, bool *is_empty_out);

    // As a source: the next rows; NULL at the end. `row_max` is what is wanted, and a limit for
    // what is not speculative.
    Status (*next)(Local *local, uint32_t row_max, Batch **batch_out);

    // As a step. `*batch_out` is NULL when nothing comes of the input.
    Status (*process)(Local *local, Batch *input, Batch **batch_out, Flow *flow_out);
    // What is left after the last input, again and again until it gives NULL; by worker 0 when all
    // threads have pushed everything.
    Status (*finish)(Local *local, Batch **batch_out);
    // How many input rows it may be given when `row_max` output rows are wanted; NULL: as many.
    uint32_t (*budget)(Local *local, uint32_t row_max);
    bool is_plain; // always FLOW_NEED_INPUT, and nothing to finish

    // As a sink.
    Status (*consume)(Local *local, Batch *batch);
    Status (*seal)(Local *local);    // the part has all its rows
    Status (*combine)(Local *local); // adds the part to the whole; one at a time
    Status (*finalize)(Operator *self);
} OperatorKind;

struct Operator {
    const OperatorKind *kind;
    const PlanNode *node;
    Execution *execution;
    Local *local;       // of worker 0
    Local **others;     // of the other workers; NULL until they are wanted
    Pipeline *fills[2]; // what has to run before it gives rows
    uint32_t fill_count;
    bool is_filled;
    bool is_speculative;    // its work can be done for rows that nobody asked for
    bool input_speculative; // and so can that of all before it in the pipeline
    bool is_parallel;       // as a step or a sink: on several threads at once
    bool has_morsels;       // as a source: several threads may ask for the next
    bool counts_rows;       // the last operator of its node
    Arena arena;            // what grows and is shared
    Operator *next_made;
};

// One thread's part of an operator. The kinds' own begin with it.
struct Local {
    Operator *owner;
    Worker *worker;
    Arena arena; // what grows
    // As a step: rows that wait for it.
    Window input;
    Batch *current;   // to be given again
    uint32_t row_max; // wanted of it
    uint32_t wanted;  // what it may be given at once
    bool is_last;     // as a source: nothing follows what it gave
};

// One thread's way through a pipeline.
typedef struct PipelineRun {
    Pipeline *pipeline;
    Worker *worker;
    Local *source, **steps;
    Local *sink; // or NULL
    Window result;
    uint32_t wanted;  // of the source
    bool has_budgets; // once asked for few rows, some may wait before a step
    uint32_t first;   // steps before it are through
    bool is_source_ended;
    bool is_held; // the source's rows only: what `finish` gives comes when all threads are there
    bool is_ended;
} PipelineRun;

struct Pipeline {
    Execution *execution;
    Operator *source;
    Operator **steps;
    uint32_t step_count, step_capacity;
    Operator *sink;  // NULL: rows go to whoever asks
    bool is_bounded; // there is a LIMIT among the steps
    bool is_speculative;
    bool is_plain; // every step is
    bool is_open;
    _Atomic bool is_stopped; // another thread has failed
    PipelineRun run;         // of worker 0
    PipelineRun *others;
};

// `sink` may be NULL.
Status pipeline_make(
    Execution *execution, const PlanNode *node, Operator *sink, Pipeline **pipeline_out);
// At most `row_max` rows; NULL at the end, and then always. For a pipeline without a sink.
Status pipeline_next(Pipeline *pipeline, uint32_t row_max, Batch **batch_out);
// Everything into the sink, which is then finalized.
Status pipeline_run(Pipeline *pipeline);
Status pipeline_rewind(Pipeline *pipeline);

// Another pipeline that the operator needs run first, into `sink`.
Status operator_add_fill(Operator *self, const PlanNode *node, Operator *sink);
Status operator_make(
    Execution *execution, const OperatorKind *kind, const PlanNode *node, Operator **operator_out);
Status operator_local(Operator *self, Worker *worker, Local **local_out);
Status operator_rewind(Operator *self);
void operator_close(Operator *self);
const OperatorKind *operator_kind(PlanKind kind);

Status execution_check_cancelled(const Execution *execution);
// Memory of the part's own arena has run out.
Status local_check_memory(const Local *local);
// Told by scans; only worker 0 counts.
void execution_report_progress(Worker *worker, uint32_t row_count);
// The table behind a plan's description.
Status execution_find_table(Execution *execution, const TableInfo *info, Table **table_out);
void execution_set_slot(Execution *execution, uint32_t slot, const Value *value);

// Room for one thing a row of a batch; not zeroed.
#define scratch_new(arena, Type)                                                                   \
    ((Type *)arena_allocate((arena), sizeof(Type) * BATCH_ROW_COUNT, _Alignof(Type)))

// A batch whose columns are filled in by pointing at others'.
Batch *batch_shell_make(Arena *arena, uint32_t column_count);
// A batch of flat columns whose null bitmaps are there from the start, so that its rows may be
// filled from an arena that is reset for each batch.
Batch *batch_owned_make(Arena *arena, const Oid *types, uint32_t column_count);
// The layout's types.
Oid *layout_types(Arena *arena, const Layout *layout);

extern const OperatorKind result_kind, values_kind, feed_kind, table_access_kind,
    catalog_access_kind, function_scan_kind, with_scan_kind, working_table_kind, append_kind,
    filter_kind, project_kind, project_set_kind, nested_loop_kind, hash_join_kind, aggregate_kind,
    window_kind, sort_kind, distinct_kind, distinct_stream_kind, limit_kind, set_operation_kind,
    lock_rows_kind, insert_kind, update_kind, buffer_kind;

// A LIMIT tells the sort below it how many rows are wanted.
void sort_set_bound(Operator *sort, uint64_t row_count);
// The LIMIT's input is ordered by this operator: it will be told.
void limit_set_sort(Operator *limit, Operator *sort);

// WITH queries that write run before anything reads.
Status with_run_writers(Execution *execution);
Status with_forget(Execution *execution, uint32_t first, uint32_t count);

// The closure that answers a subplan's callback.
Status subplan_closure_make(
    Execution *execution, const Subplan *subplan, SubplanClosure **closure_out);
void subplans_close(Execution *execution);
