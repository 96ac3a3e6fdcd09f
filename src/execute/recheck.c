#include "execute/recheck.h"

typedef struct RecheckConstant {
    Datum datum;
    uint64_t null_word;
} RecheckConstant;

Snapshot snapshot_newest(const Execution *execution) {
    Snapshot snapshot = execution->snapshot;
    snapshot.lsn = txn_system_visible(txn_system(execution->input.txn));
    return snapshot;
}

Status recheck_init(
    Recheck *recheck, Execution *execution, const PlanProgram *condition, uint32_t input_count) {
    recheck->execution = execution;
    TRY(evaluator_make(&execution->worker, condition, &recheck->condition));
    recheck->newest = table_batch_make(execution->arena, recheck->table, recheck->columns);
    recheck->row = batch_shell_make(execution->arena, input_count);
    recheck->row->row_count = 1;
    recheck->row->selected_count = 1;
    recheck->constants = arena_new_array(execution->arena, RecheckConstant, input_count + 1);
    return OK;
}

Status recheck_run(
    Recheck *recheck, const Batch *input, uint32_t row, RowId row_id, bool *passes_out) {
    *passes_out = false;
    recheck->seen = snapshot_newest(recheck->execution);
    bool is_found;
    TRY(table_fetch_newest(recheck->execution->input.txn, recheck->table, row_id, recheck->columns,
        recheck->newest, &is_found));
    if (!is_found) return OK;

    Batch *now = recheck->row;
    for (uint32_t i = 0; i < now->column_count; i++) {
        const Column *from = &input->columns[i];
        Value value = column_get(from, row);
        RecheckConstant *constant = &recheck->constants[i];
        constant->datum = value.is_null ? (Datum){0} : value.datum;
        constant->null_word = 1;
        now->columns[i] = (Column){
            .type = from->type,
            .kind = from->kind,
            .is_constant = true,
            .values = &constant->datum,
            .nulls = value.is_null ? &constant->null_word : NULL,
        };
    }
    for (uint32_t i = 0; i < recheck->column_count; i++) {
        now->columns[recheck->inputs[i]] = recheck->newest->columns[recheck->positions[i]];
    }
    if (recheck->condition == NULL) {
        *passes_out = true;
        return OK;
    }
    uint16_t rows[BATCH_ROW_COUNT];
    uint32_t count;
    TRY(evaluator_select(recheck->condition, now, rows, &count));
    *passes_out = count == 1;
    return OK;
}
