// UPDATE and DELETE: each row that the input finds is changed where it is; one that changed
// meanwhile is read again, re-checked and computed anew (READ COMMITTED).
#include "execute/recheck.h"
#include "execute/row_writer.h"

typedef struct Update {
    Operator base;
    RowWriter writer;
    Recheck recheck;
    // The second instance computes single rows again, while the first one's results are in use.
    Evaluator *assignments, *assignments_again;
    uint64_t *changed;
    uint16_t *written;
} Update;

// The new rows in store order: the input's columns of the target, with those assigned in place.
static Status update_show(Update *self, Evaluator *assignments, const Batch *input) {
    const PlanNode *node = self->base.node;
    Batch *rows = self->writer.row;
    memset(rows->columns, 0, rows->column_count * sizeof *rows->columns);
    for (uint32_t i = 0; i < node->write.column_count; i++) {
        rows->columns[node->write.positions[i]] = input->columns[node->write.inputs[i]];
    }
    if (assignments != NULL) {
        const Column *results;
        TRY(evaluator_run(assignments, input, &results));
        for (uint32_t i = 0; i < node->write.assigned_count; i++) {
            rows->columns[node->write.assigned[i]] = results[i];
        }
    }
    rows->row_count = input->row_count;
    rows->selection = input->selection;
    rows->selected_count = input->selected_count;
    return row_writer_run_checks(&self->writer);
}

static Status update_write(
    Update *self, RowId row_id, Snapshot seen, uint32_t row, WriteOutcome *outcome_out) {
    const PlanNode *node = self->base.node;
    Txn *txn = self->base.execution->input.txn;
    RowWriter *writer = &self->writer;
    if (node->kind == PLAN_DELETE) {
        return table_delete(txn, writer->table, row_id, seen, outcome_out);
    }
    TRY(row_writer_check_row(writer, row, self->changed));
    for (uint32_t i = 0; i < node->write.assigned_count; i++) {
        uint32_t position = node->write.assigned[i];
        writer->values[position] = column_get(&writer->row->columns[position], row);
    }
    return table_update(
        txn, writer->table, row_id, seen, self->changed, writer->values, outcome_out);
}

// The row changed under us: as it is now, if it still qualifies.
static Status update_again(Update *self, const Batch *input, uint32_t row, RowId row_id) {
    RowWriter *writer = &self->writer;
    Execution *execution = self->base.execution;
    for (;;) {
        TRY(execution_check_cancelled(execution));
        bool passes;
        TRY(recheck_run(&self->recheck, input, row, row_id, &passes));
        if (!passes) return OK;
        TRY(update_show(self, self->assignments_again, self->recheck.row));
        WriteOutcome outcome;
        TRY(update_write(self, row_id, self->recheck.seen, 0, &outcome));
        if (outcome == WRITE_CHANGED) continue;
        if (outcome != WRITE_DONE) return OK;
        execution->row_count++;
        return row_writer_return(writer, writer->row, self->recheck.row, (Selection){.count = 1});
    }
}

static Status update_batch(Update *self, const Batch *input) {
    RowWriter *writer = &self->writer;
    Execution *execution = self->base.execution;
    TRY(update_show(self, self->assignments, input));
    const Column *row_ids = &input->columns[self->base.node->write.row_id];
    Selection selection = batch_selection(input);
    uint32_t written_count = 0;
    Batch rows = *writer->row;
    Column *columns = NULL; // copied when a re-check shows another row
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = selection_row(selection, i);
        Value id = column_get(row_ids, row);
        if (id.is_null) continue;
        RowId row_id = {(uint64_t)id.datum.int8};
        WriteOutcome outcome;
        TRY(update_write(self, row_id, execution->snapshot, row, &outcome));
        if (outcome == WRITE_DONE) {
            execution->row_count++;
            self->written[written_count++] = (uint16_t)row;
        }
        if (outcome != WRITE_CHANGED) continue;
        if (columns == NULL) {
            columns = arena_copy_bytes(
                &self->base.arena, rows.columns, (rows.column_count + 1) * sizeof *columns);
        }
        TRY(update_again(self, input, row, row_id));
        memcpy(rows.columns, columns, rows.column_count * sizeof *columns);
        *writer->row = rows;
        TRY(row_writer_run_checks(writer));
    }
    Selection written = {.rows = self->written, .count = written_count};
    return row_writer_return(writer, &rows, input, written);
}

static Status update_consume(Local *local, Batch *batch) {
    TRY(update_batch((Update *)local->owner, batch));
    return arena_check(&local->owner->arena);
}

static Status update_next(Local *local, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    *batch_out = row_writer_next_returned(&((Update *)local->owner)->writer);
    return OK;
}

static Status update_rewind(Operator *base) {
    arena_reset(&base->arena);
    row_writer_restart(&((Update *)base)->writer);
    return OK;
}

static Status update_make(Operator *base) {
    Update *self = (Update *)base;
    const PlanNode *node = base->node;
    Execution *execution = base->execution;
    Worker *worker = &execution->worker;
    TRY(row_writer_init(&self->writer, base));
    TRY(evaluator_make(worker, node->write.assignments, &self->assignments));
    TRY(evaluator_make(worker, node->write.assignments, &self->assignments_again));
    self->recheck = (Recheck){
        .table = self->writer.table,
        .columns = node->write.columns,
        .column_count = node->write.column_count,
        .inputs = node->write.inputs,
        .positions = node->write.positions,
    };
    TRY(recheck_init(&self->recheck, execution, node->write.recheck, node->input->layout.count));
    self->changed = arena_new_array(execution->arena, uint64_t, self->writer.column_count / 64 + 1);
    for (uint32_t i = 0; i < node->write.assigned_count; i++) {
        uint32_t position = node->write.assigned[i];
        self->changed[position >> 6] |= UINT64_C(1) << (position & 63);
    }
    self->written = scratch_new(execution->arena, uint16_t);
    return OK;
}

const OperatorKind update_kind = {
    .operator_bytes = sizeof(Update),
    .make = update_make,
    .rewind = update_rewind,
    .next = update_next,
    .consume = update_consume,
};
