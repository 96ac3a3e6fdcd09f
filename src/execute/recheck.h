// The re-check of READ COMMITTED: a row that was found under the statement's snapshot has a newer
// committed version; whether that still satisfies the query, and the query's row with it in place.
#pragma once

#include "execute/execute_internal.h"

typedef struct Recheck {
    Execution *execution;
    Table *table;
    const uint64_t *columns; // what is read again
    uint32_t column_count;   // of them, in the input
    const uint32_t *inputs;
    const uint16_t *positions;
    Evaluator *condition; // or NULL
    Batch *newest;        // as the table gives it
    Batch *row;           // one row of the input's layout
    struct RecheckConstant *constants;
    Snapshot seen; // under which the newest version was found
} Recheck;

// `columns` to `positions` and the table are filled in by the caller.
Status recheck_init(
    Recheck *recheck, Execution *execution, const PlanProgram *condition, uint32_t input_count);
// `passes_out` is false when the row is gone or no longer qualifies.
Status recheck_run(
    Recheck *recheck, const Batch *input, uint32_t row, RowId row_id, bool *passes_out);

// A snapshot of everything that is committed now, and of what the statement's own may see.
Snapshot snapshot_newest(const Execution *execution);
