// What INSERT and UPDATE share: constraints of a row about to be written, and RETURNING.
#pragma once

#include "execute/execute_internal.h"
#include "execute/row_buffer.h"

typedef struct RowWriter {
    Execution *execution;
    const TableInfo *info;
    Table *table;
    uint32_t column_count; // of the store
    Oid *column_types;
    Batch *row; // the new rows in store order
    Evaluator *checks;
    const char **check_names;
    uint32_t check_count;
    const Column *check_results; // of the rows in `row`
    Value *values;               // of one row
    bool has_not_null;
    // RETURNING: over the store's columns, then the input's.
    Evaluator *returning;
    Batch *returning_input;
    RowBuffer returned;
    Batch *returned_batch;
    uint32_t next_returned;
} RowWriter;

Status row_writer_init(RowWriter *writer, Operator *operator_);
// Evaluates the checks for the rows in `row`, whose selection is set.
Status row_writer_run_checks(RowWriter *writer);
// NOT NULL (of the columns whose bit is set in `changed`, or all when NULL) and CHECK of one row.
Status row_writer_check_row(RowWriter *writer, uint32_t row, const uint64_t *changed);
bool row_writer_batch_is_valid(const RowWriter *writer);
// Keeps what RETURNING says of these rows of `row` and of the input they came from.
Status row_writer_return(
    RowWriter *writer, const Batch *rows, const Batch *input, Selection selection);
// Forgets what was kept; the operator's arena was reset.
void row_writer_restart(RowWriter *writer);
// The next kept rows, or NULL.
Batch *row_writer_next_returned(RowWriter *writer);
