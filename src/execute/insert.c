// INSERT, with ON CONFLICT; also the end of COPY FROM.
#include "execute/recheck.h"
#include "execute/row_writer.h"

typedef struct Insert {
    Operator base;
    RowWriter writer;
    Evaluator *assignments;
    uint16_t *written; // rows of the batch that were inserted
    // ON CONFLICT DO UPDATE
    Evaluator *conflict_condition, *conflict_assignments;
    Batch *conflicting;  // the row in the way
    Batch *conflict_row; // its columns, then the proposed row's
    struct ProposedColumn *proposed;
    uint64_t *all_columns;
    uint64_t *changed;
    Value *updated;
    bool has_shown_other; // the writer's rows and check results are another row's
} Insert;

typedef struct ProposedColumn {
    Datum datum;
    uint64_t null_word;
} ProposedColumn;

static void row_values(const RowWriter *writer, uint32_t row, Value *values) {
    for (uint32_t i = 0; i < writer->column_count; i++) {
        values[i] = column_get(&writer->row->columns[i], row);
    }
}

// In REPEATABLE READ a conflict with a row that the snapshot does not see is a failure.
static Status conflict_check_visible(Insert *self, RowId row) {
    Execution *execution = self->base.execution;
    if (txn_isolation(execution->input.txn) == ISOLATION_READ_COMMITTED) return OK;
    TRY(table_fetch(
        self->writer.table, execution->snapshot, self->all_columns, &row, 1, self->conflicting));
    if (self->conflicting->selected_count == 0) {
        return fail(SERIALIZATION_FAILURE, "could not serialize access due to concurrent update");
    }
    return OK;
}

// The row in the way and the proposed row, side by side.
static void conflict_show(Insert *self) {
    uint32_t count = self->writer.column_count;
    Batch *both = self->conflict_row;
    for (uint32_t i = 0; i < count; i++) {
        const Value *value = &self->writer.values[i];
        ProposedColumn *constant = &self->proposed[i];
        constant->datum = value->is_null ? (Datum){0} : value->datum;
        constant->null_word = 1;
        both->columns[i] = self->conflicting->columns[i];
        both->columns[count + i] = (Column){
            .type = self->writer.column_types[i],
            .kind = type_physical(self->writer.column_types[i]),
            .is_constant = true,
            .values = &constant->datum,
            .nulls = value->is_null ? &constant->null_word : NULL,
        };
    }
    both->row_count = 1;
    both->selected_count = 1;
}

// The row in the way as DO UPDATE leaves it, checked; its values in `updated`.
static Status conflict_compute(Insert *self) {
    const PlanConflict *plan = self->base.node->write.conflict;
    const Column *results;
    TRY(evaluator_run(self->conflict_assignments, self->conflict_row, &results));
    RowWriter *writer = &self->writer;
    Batch *row = writer->row;
    self->has_shown_other = true;
    for (uint32_t i = 0; i < writer->column_count; i++) {
        row->columns[i] = self->conflicting->columns[i];
    }
    for (uint32_t i = 0; i < plan->assigned_count; i++) {
        row->columns[plan->assigned[i]] = results[i];
    }
    row->row_count = 1;
    row->selected_count = 1;
    row->selection = NULL;
    TRY(row_writer_run_checks(writer));
    TRY(row_writer_check_row(writer, 0, NULL));
    row_values(writer, 0, self->updated);
    return OK;
}

// DO UPDATE of the row in the way. `is_retry_out`: it changed or went meanwhile; insert again.
static Status conflict_update(Insert *self, RowId row, bool *is_retry_out) {
    Execution *execution = self->base.execution;
    *is_retry_out = false;
    Snapshot seen = snapshot_newest(execution);
    bool is_found;
    TRY(table_fetch_newest(execution->input.txn, self->writer.table, row, self->all_columns,
        self->conflicting, &is_found));
    if (!is_found) {
        *is_retry_out = true;
        return OK;
    }
    conflict_show(self);
    if (self->conflict_condition != NULL) {
        uint16_t rows[BATCH_ROW_COUNT];
        uint32_t count;
        TRY(evaluator_select(self->conflict_condition, self->conflict_row, rows, &count));
        if (count == 0) return OK;
    }
    TRY(conflict_compute(self));
    WriteOutcome outcome;
    if (txn_isolation(execution->input.txn) != ISOLATION_READ_COMMITTED) {
        seen = execution->snapshot;
    }
    TRY(table_update(execution->input.txn, self->writer.table, row, seen, self->changed,
        self->updated, &outcome));
    switch (outcome) {
    case WRITE_DONE:
        break;
    case WRITE_OWN_COMMAND: {
        Status status = fail(
            CARDINALITY_VIOLATION, "ON CONFLICT DO UPDATE command cannot affect row a second time");
        error_add_hint("Ensure that no rows proposed for insertion within the same command have "
                       "duplicate constrained values.");
        return status;
    }
    case WRITE_CHANGED:
    case WRITE_GONE:
    case WRITE_SKIPPED:
        *is_retry_out = true;
        return OK;
    }
    execution->row_count++;
    Batch empty = {0};
    Batch *input = &empty;
    if (self->writer.returning != NULL) {
        // RETURNING names the table's columns only.
        input = batch_shell_make(execution->arena,
            self->base.node->input == NULL ? 0 : self->base.node->input->layout.count);
    }
    return row_writer_return(&self->writer, self->writer.row, input, (Selection){.count = 1});
}

// One row, with its conflict resolved. `is_written_out`: inserted as it is.
static Status insert_row(Insert *self, bool *is_written_out) {
    Execution *execution = self->base.execution;
    const PlanConflict *conflict = self->base.node->write.conflict;
    InsertOptions options = {
        .arbiter_index = conflict == NULL ? ARBITER_NONE : conflict->arbiter_index};
    *is_written_out = false;
    for (;;) {
        TRY(execution_check_cancelled(execution));
        RowId row, in_the_way;
        bool is_conflict = false;
        TRY(table_insert(execution->input.txn, self->writer.table, self->writer.values, &options,
            &row, &is_conflict, &in_the_way));
        if (!is_conflict) {
            *is_written_out = true;
            execution->row_count++;
            return OK;
        }
        TRY(conflict_check_visible(self, in_the_way));
        if (!conflict->is_update) return OK;
        bool is_retry;
        TRY(conflict_update(self, in_the_way, &is_retry));
        if (!is_retry) return OK;
    }
}

static Status insert_rows_one_by_one(Insert *self, const Batch *input) {
    RowWriter *writer = &self->writer;
    Batch rows = *writer->row;
    Column *columns = arena_copy_bytes(
        &self->base.arena, rows.columns, (rows.column_count + 1) * sizeof *columns);
    Selection selection = batch_selection(input);
    uint32_t written_count = 0;
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = selection_row(selection, i);
        if (self->has_shown_other) {
            memcpy(rows.columns, columns, rows.column_count * sizeof *columns);
            *writer->row = rows;
            TRY(row_writer_run_checks(writer));
            self->has_shown_other = false;
        }
        TRY(row_writer_check_row(writer, row, NULL));
        row_values(writer, row, writer->values);
        bool is_written;
        TRY(insert_row(self, &is_written));
        if (is_written) self->written[written_count++] = (uint16_t)row;
    }
    memcpy(rows.columns, columns, rows.column_count * sizeof *columns);
    Selection written = {.rows = self->written, .count = written_count};
    return row_writer_return(writer, &rows, input, written);
}

// COPY checks a row when it has read it, before it inserts any.
static Status rows_check(Insert *self, const Batch *input) {
    Selection selection = batch_selection(input);
    for (uint32_t i = 0; i < selection.count; i++) {
        Status status = row_writer_check_row(&self->writer, selection_row(selection, i), NULL);
        if (status == OK) continue;
        self->base.execution->row_count += i;
        return status;
    }
    return OK;
}

static Status insert_batch(Insert *self, const Batch *input) {
    RowWriter *writer = &self->writer;
    Execution *execution = self->base.execution;
    const Column *results;
    TRY(evaluator_run(self->assignments, input, &results));
    Batch *rows = writer->row;
    for (uint32_t i = 0; i < rows->column_count; i++) {
        rows->columns[i] = results[i];
    }
    rows->row_count = input->row_count;
    rows->selection = input->selection;
    rows->selected_count = input->selected_count;
    TRY(row_writer_run_checks(writer));

    bool is_plain = self->base.node->write.conflict == NULL;
    if (is_plain && input->selected_count > 1 && row_writer_batch_is_valid(writer)) {
        uint32_t done;
        Status status = table_insert_batch(execution->input.txn, writer->table, rows, &done);
        execution->row_count += status == OK ? input->selected_count : done;
        TRY(status);
        return row_writer_return(writer, rows, input, batch_selection(input));
    }
    const PlanNode *source = self->base.node->input;
    if (source != NULL && source->kind == PLAN_FEED) TRY(rows_check(self, input));
    return insert_rows_one_by_one(self, input);
}

static Status insert_consume(Local *local, Batch *batch) {
    TRY(insert_batch((Insert *)local->owner, batch));
    return arena_check(&local->owner->arena);
}

static Status insert_next(Local *local, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    *batch_out = row_writer_next_returned(&((Insert *)local->owner)->writer);
    return OK;
}

static Status insert_rewind(Operator *base) {
    arena_reset(&base->arena);
    row_writer_restart(&((Insert *)base)->writer);
    return OK;
}

static Status conflict_init(Insert *self, Execution *execution, const PlanConflict *plan) {
    uint32_t count = self->writer.column_count;
    Arena *arena = execution->arena;
    self->all_columns = arena_new_array(arena, uint64_t, count / 64 + 1);
    self->changed = arena_new_array(arena, uint64_t, count / 64 + 1);
    for (uint32_t i = 0; i < count; i++) {
        self->all_columns[i >> 6] |= UINT64_C(1) << (i & 63);
    }
    self->conflicting = table_batch_make(arena, self->writer.table, self->all_columns);
    if (!plan->is_update) return OK;
    for (uint32_t i = 0; i < plan->assigned_count; i++) {
        self->changed[plan->assigned[i] >> 6] |= UINT64_C(1) << (plan->assigned[i] & 63);
    }
    self->conflict_row = batch_shell_make(arena, 2 * count);
    self->proposed = arena_new_array(arena, ProposedColumn, count + 1);
    self->updated = arena_new_array(arena, Value, count + 1);
    TRY(evaluator_make(&execution->worker, plan->condition, &self->conflict_condition));
    return evaluator_make(&execution->worker, plan->assignments, &self->conflict_assignments);
}

static Status insert_make(Operator *base) {
    Insert *self = (Insert *)base;
    const PlanNode *node = base->node;
    Execution *execution = base->execution;
    TRY(row_writer_init(&self->writer, base));
    TRY(evaluator_make(&execution->worker, node->write.assignments, &self->assignments));
    self->written = scratch_new(execution->arena, uint16_t);
    return node->write.conflict == NULL ? OK : conflict_init(self, execution, node->write.conflict);
}

const OperatorKind insert_kind = {
    .operator_bytes = sizeof(Insert),
    .make = insert_make,
    .rewind = insert_rewind,
    .next = insert_next,
    .consume = insert_consume,
};
