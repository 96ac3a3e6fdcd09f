#include "execute/row_writer.h"

enum { FAILING_VALUE_BYTES_MAX = 64 };

Status row_writer_init(RowWriter *writer, Operator *operator_) {
    const PlanNode *node = operator_->node;
    Execution *execution = operator_->execution;
    writer->execution = execution;
    writer->info = node->write.table;
    TRY(execution_find_table(execution, writer->info, &writer->table));
    const StoreSchema *schema = table_schema(writer->table);
    writer->column_count = schema->column_count;
    writer->column_types = arena_new_array(execution->arena, Oid, schema->column_count + 1);
    for (uint32_t i = 0; i < schema->column_count; i++) {
        writer->column_types[i] = schema->columns[i].type.oid;
    }
    writer->row = batch_shell_make(execution->arena, schema->column_count);
    writer->values = arena_new_array(execution->arena, Value, schema->column_count + 1);
    writer->check_count = node->write.constraints.check_count;
    writer->check_names = node->write.constraints.check_names;
    TRY(evaluator_make(&execution->worker, node->write.constraints.checks, &writer->checks));
    for (uint32_t i = 0; i < writer->info->column_count; i++) {
        const ColumnInfo *column = &writer->info->columns[i];
        if (column->is_not_null && !column->is_dropped) writer->has_not_null = true;
    }
    if (node->write.returning == NULL) return OK;
    TRY(evaluator_make(&execution->worker, node->write.returning, &writer->returning));
    uint32_t input_count = node->input == NULL ? 0 : node->input->layout.count;
    writer->returning_input =
        batch_shell_make(execution->arena, schema->column_count + input_count);
    row_buffer_init(&writer->returned, &operator_->arena,
        layout_types(execution->arena, &node->layout), node->layout.count);
    writer->returned_batch = batch_shell_make(execution->arena, node->layout.count);
    return OK;
}

Status row_writer_run_checks(RowWriter *writer) {
    if (writer->checks == NULL) return OK;
    return evaluator_run(writer->checks, writer->row, &writer->check_results);
}

// PostgreSQL's detail: every column's text, long ones cut.
[[gnu::cold]] static void failing_row_describe(RowWriter *writer, uint32_t row) {
    Arena scratch;
    arena_init(&scratch, NULL);
    Text text, value_text;
    text_init(&text, &scratch);
    text_init(&value_text, &scratch);
    bool is_first = true;
    for (uint32_t i = 0; i < writer->info->column_count; i++) {
        const ColumnInfo *column = &writer->info->columns[i];
        if (column->is_dropped) continue;
        if (!is_first) text_append_text(&text, ", ");
        is_first = false;
        const Column *from = &writer->row->columns[column->position];
        Value value = from->values == NULL ? value_null() : column_get(from, row);
        if (value.is_null) {
            text_append_text(&text, "null");
            continue;
        }
        text_clear(&value_text);
        Error first;
        error_take(&scratch, &first); // the text must not disturb the error in flight
        Status status = value_to_text(
            &writer->execution->input.functions->values, column->type.oid, &value, &value_text);
        if (status != OK) error_clear();
        if (first.status != OK) (void)error_raise(&first);
        size_t count = value_text.count;
        if (count > FAILING_VALUE_BYTES_MAX) {
            count = FAILING_VALUE_BYTES_MAX;
            while (count > 0 && (value_text.data[count] & 0xC0) == 0x80) {
                count--; // not within a character
            }
        }
        text_append(&text, value_text.data, count);
        if (count < value_text.count) text_append_text(&text, "...");
    }
    error_add_detail("Failing row contains (%s).", text.data == NULL ? "" : text.data);
    arena_deinit(&scratch);
}

static void constraint_name_table(const RowWriter *writer) {
    error_set_name(ERROR_SCHEMA_NAME, writer->info->schema_name);
    error_set_name(ERROR_TABLE_NAME, writer->info->name);
}

[[gnu::cold]] static Status not_null_fail(
    RowWriter *writer, const ColumnInfo *column, uint32_t row) {
    Status status = fail(NOT_NULL_VIOLATION,
        "null value in column \"%s\" of relation \"%s\" violates not-null constraint", column->name,
        writer->info->name);
    failing_row_describe(writer, row);
    constraint_name_table(writer);
    error_set_name(ERROR_COLUMN_NAME, column->name);
    return status;
}

[[gnu::cold]] static Status check_fail(RowWriter *writer, const char *name, uint32_t row) {
    Status status = fail(CHECK_VIOLATION,
        "new row for relation \"%s\" violates check constraint \"%s\"", writer->info->name, name);
    failing_row_describe(writer, row);
    constraint_name_table(writer);
    error_set_name(ERROR_CONSTRAINT_NAME, name);
    return status;
}

static bool column_is_checked(const ColumnInfo *column, const uint64_t *changed) {
    if (!column->is_not_null || column->is_dropped) return false;
    return changed == NULL || (changed[column->position >> 6] >> (column->position & 63) & 1) != 0;
}

Status row_writer_check_row(RowWriter *writer, uint32_t row, const uint64_t *changed) {
    if (writer->has_not_null) {
        for (uint32_t i = 0; i < writer->info->column_count; i++) {
            const ColumnInfo *column = &writer->info->columns[i];
            if (!column_is_checked(column, changed)) continue;
            if (column_is_null(&writer->row->columns[column->position], row)) {
                return not_null_fail(writer, column, row);
            }
        }
    }
    for (uint32_t i = 0; i < writer->check_count; i++) {
        Value holds = column_get(&writer->check_results[i], row);
        if (!holds.is_null && !holds.datum.boolean) {
            return check_fail(writer, writer->check_names[i], row);
        }
    }
    return OK;
}

bool row_writer_batch_is_valid(const RowWriter *writer) {
    Selection selection = batch_selection(writer->row);
    for (uint32_t i = 0; i < writer->info->column_count && writer->has_not_null; i++) {
        const ColumnInfo *column = &writer->info->columns[i];
        if (!column_is_checked(column, NULL)) continue;
        const Column *values = &writer->row->columns[column->position];
        if (values->nulls == NULL) continue;
        for (uint32_t j = 0; j < selection.count; j++) {
            if (column_is_null(values, selection_row(selection, j))) return false;
        }
    }
    for (uint32_t i = 0; i < writer->check_count; i++) {
        for (uint32_t j = 0; j < selection.count; j++) {
            Value holds = column_get(&writer->check_results[i], selection_row(selection, j));
            if (!holds.is_null && !holds.datum.boolean) return false;
        }
    }
    return true;
}

Status row_writer_return(
    RowWriter *writer, const Batch *rows, const Batch *input, Selection selection) {
    if (writer->returning == NULL || selection.count == 0) return OK;
    Batch *both = writer->returning_input;
    for (uint32_t i = 0; i < both->column_count; i++) {
        both->columns[i] =
            i < writer->column_count ? rows->columns[i] : input->columns[i - writer->column_count];
    }
    both->row_count = rows->row_count;
    both->selection = selection.rows;
    both->selected_count = selection.count;
    const Column *results;
    TRY(evaluator_run(writer->returning, both, &results));
    Batch *returned = writer->returned_batch;
    for (uint32_t i = 0; i < returned->column_count; i++) {
        returned->columns[i] = results[i];
    }
    returned->row_count = both->row_count;
    returned->selection = selection.rows;
    returned->selected_count = selection.count;
    return row_buffer_append(&writer->returned, returned);
}

void row_writer_restart(RowWriter *writer) {
    RowBuffer *returned = &writer->returned;
    row_buffer_init(returned, returned->arena, returned->types, returned->column_count);
    writer->next_returned = 0;
}

Batch *row_writer_next_returned(RowWriter *writer) {
    if (writer->next_returned >= writer->returned.chunk_count) return NULL;
    return writer->returned.chunks[writer->next_returned++];
}
