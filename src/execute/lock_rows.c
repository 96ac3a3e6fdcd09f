// FOR UPDATE and its kind: locks the rows one at a time, as they are asked for; one that changed
// meanwhile is read again and re-checked.
#include "execute/recheck.h"

typedef struct LockRows {
    Operator base;
    Recheck *rechecks; // one a lock
    Batch *output;
    Value *row;
} LockRows;

// Locks the row of one relation within `*batch`; shows the newest version in its place.
static Status lock_one(
    LockRows *self, uint32_t index, Batch **batch, uint32_t *row, bool *is_kept_out) {
    Execution *execution = self->base.execution;
    const struct PlanRowLock *lock = &self->base.node->lock.locks[index];
    Recheck *recheck = &self->rechecks[index];
    *is_kept_out = true;
    Value id = column_get(&(*batch)->columns[lock->row_id], *row);
    if (id.is_null) return OK; // the empty side of an outer join
    RowId row_id = {(uint64_t)id.datum.int8};
    Snapshot seen = execution->snapshot;
    for (;;) {
        TRY(execution_check_cancelled(execution));
        WriteOutcome outcome;
        TRY(table_lock_row(execution->input.txn, recheck->table, row_id, seen, lock->mode,
            lock->policy, &outcome));
        switch (outcome) {
        case WRITE_DONE:
        case WRITE_OWN_COMMAND:
            return OK;
        case WRITE_GONE:
        case WRITE_SKIPPED:
            *is_kept_out = false;
            return OK;
        case WRITE_CHANGED:
            break;
        }
        bool passes;
        TRY(recheck_run(recheck, *batch, *row, row_id, &passes));
        if (!passes) {
            *is_kept_out = false;
            return OK;
        }
        seen = recheck->seen;
        *batch = recheck->row;
        *row = 0;
    }
}

static Status lock_rows_process(Local *local, Batch *input, Batch **batch_out, Flow *flow_out) {
    LockRows *self = (LockRows *)local->owner;
    const PlanNode *node = self->base.node;
    batch_clear(self->output);
    arena_reset(&local->arena);
    Selection selection = batch_selection(input);
    for (uint32_t i = 0; i < selection.count; i++) {
        Batch *batch = input;
        uint32_t row = selection_row(selection, i);
        bool is_kept = true;
        for (uint32_t l = 0; l < node->lock.count && is_kept; l++) {
            TRY(lock_one(self, l, &batch, &row, &is_kept));
        }
        if (!is_kept) continue;
        for (uint32_t k = 0; k < input->column_count; k++) {
            self->row[k] = column_get(&batch->columns[k], row);
        }
        batch_append_values(self->output, &local->arena, self->row);
    }
    *batch_out = self->output;
    *flow_out = FLOW_NEED_INPUT;
    return local_check_memory(local);
}

static Status lock_rows_make(Operator *base) {
    LockRows *self = (LockRows *)base;
    const PlanNode *node = base->node;
    Execution *execution = base->execution;
    self->rechecks = arena_new_array(execution->arena, Recheck, node->lock.count + 1);
    for (uint32_t i = 0; i < node->lock.count; i++) {
        const struct PlanRowLock *lock = &node->lock.locks[i];
        Recheck *recheck = &self->rechecks[i];
        *recheck = (Recheck){
            .columns = lock->columns,
            .column_count = lock->column_count,
            .inputs = lock->inputs,
            .positions = lock->positions,
        };
        TRY(execution_find_table(execution, lock->table, &recheck->table));
        TRY(recheck_init(recheck, execution, lock->recheck, node->layout.count));
    }
    Oid *types = layout_types(execution->arena, &node->layout);
    self->output = batch_owned_make(execution->arena, types, node->layout.count);
    self->row = arena_new_array(execution->arena, Value, node->layout.count + 1);
    base->is_speculative = false;
    return OK;
}

const OperatorKind lock_rows_kind = {
    .operator_bytes = sizeof(LockRows),
    .make = lock_rows_make,
    .process = lock_rows_process,
};
