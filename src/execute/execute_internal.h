// What the operators share: the execution, evaluators of programs, and the operator itself.
//
// Model    Operators form pipelines: each makes a batch when asked, from its input's batches, and a
//          pipeline ends at a sink (sort, aggregate, build side, buffer) that takes all of them
//          before its owner makes its first batch. Asking carries a row budget: an operator whose
//          work can raise, or has effects, does no more of it than the rows that were asked for.
//          operator_next applies the node's filter and the budget around `produce`, which may make
//          as many rows as it likes when all below it is speculative.
// Threads  An operator instance belongs to one thread. Sinks have a local part, combine and
//          finalize, so that several instances of a pipeline may fill one of them.
#pragma once

#include "base/error.h"
#include "catalog/catalog.h"
#include "execute/execute.h"
#include "os/clock.h"
#include "plan/plan_node.h"

enum { ROW_MAX_NONE = 0x7FFFFFFF };

typedef struct Operator Operator;
typedef struct WithStore WithStore;

struct Execution {
    ExecutionInput input;
    Arena *arena;
    Snapshot snapshot;
    TableSet *tables;
    Value *frame;
    uint64_t frame_version; // raised whenever a slot changes
    Operator *root;
    Operator *made;     // all of them, newest first
    Operator **by_node; // by the node's number, for EXPLAIN
    WithStore **withs;
    uint16_t *all_rows; // 0, 1, 2 ...: the selection of everything; NULL until it is wanted
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
Status evaluator_make(Execution *execution, const PlanProgram *plan, Evaluator **evaluator_out);
Status evaluator_run(Evaluator *evaluator, const Batch *input, const Column **results_out);
// The rows of `input` where result 0 is true.
Status evaluator_select(
    Evaluator *evaluator, const Batch *input, uint16_t *rows_out, uint32_t *count_out);
// Every result of a program without inputs.
Status evaluator_values(Evaluator *evaluator, Value *values_out);

// Hands out a batch piece by piece.
typedef struct Window {
    const Batch *whole; // NULL when there is none
    uint32_t next;      // counted in its selection
    Batch piece;
} Window;

struct Operator {
    const PlanNode *node;
    Execution *execution;
    Operator *input, *second;
    // Makes the next rows; NULL at the end. `row_max` is a wish when everything below is
    // speculative, and a limit on what is taken from the input otherwise.
    Status (*produce)(Operator *self, uint32_t row_max, Batch **batch_out);
    Status (*rewind)(Operator *self); // from the start, with the frame as it is now
    void (*close)(Operator *self);    // or NULL
    Arena arena;                      // what grows
    bool filters_itself;
    bool is_speculative; // it and everything below it
    bool is_ended;       // `produce` has said so
    Evaluator *filter;
    uint16_t *filtered_rows;
    Batch filtered;
    Window raw, ready;
    uint32_t wish; // what a filter asks for at least; grows while it lets little through
    Operator *next_made;
    // For EXPLAIN ANALYZE.
    uint64_t rows_made, loops;
    int64_t time_ns;
};

Status operator_make(Execution *execution, const PlanNode *node, Operator **operator_out);
// At most `row_max` rows; NULL at the end, and then always.
Status operator_next(Operator *self, uint32_t row_max, Batch **batch_out);
Status operator_rewind(Operator *self);
void operator_close(Operator *self);

Status execution_check_cancelled(const Execution *execution);
// Memory of the operator's own arena has run out.
Status operator_check_memory(const Operator *self);
// Told by scans.
void execution_report_progress(Execution *execution, uint32_t row_count);
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

// One maker a plan kind.
Status result_make(Execution *execution, const PlanNode *node, Operator **operator_out);
Status values_make(Execution *execution, const PlanNode *node, Operator **operator_out);
Status feed_make(Execution *execution, const PlanNode *node, Operator **operator_out);
Status table_access_make(Execution *execution, const PlanNode *node, Operator **operator_out);
Status catalog_access_make(Execution *execution, const PlanNode *node, Operator **operator_out);
Status function_scan_make(Execution *execution, const PlanNode *node, Operator **operator_out);
Status with_scan_make(Execution *execution, const PlanNode *node, Operator **operator_out);
Status filter_make(Execution *execution, const PlanNode *node, Operator **operator_out);
Status project_make(Execution *execution, const PlanNode *node, Operator **operator_out);
Status project_set_make(Execution *execution, const PlanNode *node, Operator **operator_out);
Status nested_loop_make(Execution *execution, const PlanNode *node, Operator **operator_out);
Status hash_join_make(Execution *execution, const PlanNode *node, Operator **operator_out);
Status aggregate_make(Execution *execution, const PlanNode *node, Operator **operator_out);
Status sort_make(Execution *execution, const PlanNode *node, Operator **operator_out);
Status distinct_make(Execution *execution, const PlanNode *node, Operator **operator_out);
Status limit_make(Execution *execution, const PlanNode *node, Operator **operator_out);
Status set_operation_make(Execution *execution, const PlanNode *node, Operator **operator_out);
Status lock_rows_make(Execution *execution, const PlanNode *node, Operator **operator_out);
Status insert_make(Execution *execution, const PlanNode *node, Operator **operator_out);
Status update_make(Execution *execution, const PlanNode *node, Operator **operator_out);

// Allocates an operator of the given size and fills in what is common.
Status operator_init(
    Execution *execution, const PlanNode *node, size_t bytes, Operator **operator_out);
#define operator_new(execution, node, Type, out)                                                   \
    operator_init((execution), (node), sizeof(Type), (Operator **)(out))

// A LIMIT tells the sort below it how many rows are wanted.
void sort_set_bound(Operator *sort, uint64_t row_count);

// WITH queries that write run before anything reads.
Status with_run_writers(Execution *execution);
Status with_forget(Execution *execution, uint32_t first, uint32_t count);

// The closure that answers a subplan's callback.
Status subplan_closure_make(
    Execution *execution, const Subplan *subplan, SubplanClosure **closure_out);
void subplans_close(Execution *execution);
