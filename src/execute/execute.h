// Execution: a plan, run. Reading and writing rows, batch by batch, for one statement.
//
// Model    plan_query turns a bound query into a plan, which is constant and may be kept and run
//          by several sessions. An Execution is one run. Pipelines push batches from a source
//          through operators into a sink; statements that touch rows by key take a short path that
//          the plan's shape chooses.
// Threads  An Execution belongs to the thread that runs it. With a `thread_count` it starts threads
//          of its own for the pipelines that several can run, and waits for them.
#pragma once

#include "plan/plan.h"

typedef struct Execution Execution;

typedef struct ExecutionInput {
    const Plan *plan;
    FunctionContext *functions;
    CatalogView *catalog;
    Txn *txn; // its statement has begun
    const Value *parameters;
    uint32_t parameter_count;
    Arena *arena; // lives until execution_end
    const _Atomic bool *is_cancelled;
    // Told now and then how far the statement is, 0 to 1, or a negative number when unknown.
    void (*progress)(void *argument, double fraction);
    void *progress_argument;
    // COPY FROM: gives the next rows, one column a COPY column; an empty batch at the end.
    Status (*feed)(void *argument, Batch **batch_out);
    void *feed_argument;
    uint32_t thread_count; // that may work on one pipeline; 0 and 1: the caller's only
    bool analyze;          // measure time in every operator, for EXPLAIN ANALYZE
} ExecutionInput;

Status execution_begin(const ExecutionInput *input, Execution **execution_out);

// The next rows of the result; NULL at the end. The batch is valid until the next call. A
// statement that writes has done all its writing before its first row, as PostgreSQL has.
// `row_max` bounds what is wanted (a portal's row limit), and more is never computed.
Status execution_next(Execution *execution, uint32_t row_max, Batch **batch_out);

// Runs a plan with `is_short` again, whatever became of the run before: with the transaction, the
// parameters and the flags of `input`, whose plan, arena and function context are the same objects.
// Allocates next to nothing, so that a session keeps the execution of a statement it repeats.
Status execution_restart(Execution *execution, const ExecutionInput *input);

// Lets go of what the run of a plan with `is_short` holds on to, so that it may wait for
// execution_restart. False when it cannot be run again.
bool execution_pause(Execution *execution);

// Rows inserted, updated or deleted, for the command tag; rows returned for a SELECT.
uint64_t execution_row_count(const Execution *execution);
void execution_end(Execution *execution);

// EXPLAIN of a plan, one line a row of text; after a run with `analyze`, with actual figures.
void plan_explain(const Plan *plan, const Execution *execution_or_null, bool show_costs, Text *out);
