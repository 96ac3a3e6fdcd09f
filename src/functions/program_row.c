// Rows as values in programs: ROW(...), and the fields of a record.
#include "functions/program_internal.h"
#include "types/record.h"

Status operation_row(const OperationCall *call) {
    const Instruction *instruction = call->instruction;
    uint32_t count = instruction->argument_count;
    Value *fields = arena_new_array(call->arena, Value, count + 1);
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        for (uint32_t j = 0; j < count; j++) {
            fields[j] = column_get(call->columns[instruction->arguments[j]], row);
        }
        Value record = {0};
        record.datum.view = record_make(instruction->argument_types, fields, count, call->arena);
        column_set(call->result, call->arena, row, &record);
    }
    return OK;
}

Status operation_field(const OperationCall *call) {
    const Column *records = call->columns[call->instruction->arguments[0]];
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        if (column_is_null(records, row)) {
            column_set_null(call->result, call->arena, row);
            continue;
        }
        // A short record lies in the value itself, and a field's bytes would go with it.
        Value record = column_get(records, row);
        View kept = view_copy(record.datum.view, call->arena);
        Oid type;
        Value field = record_get(&kept, call->instruction->closure_index, &type);
        PhysicalKind kind = call->result->kind;
        field = value_copy(field, kind, call->arena);
        column_set(call->result, call->arena, row, &field);
    }
    return OK;
}
