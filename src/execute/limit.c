#include "execute/execute_internal.h"

typedef struct Limit {
    Operator base;
    Evaluator *values;
    uint64_t left, to_skip;
    bool is_begun, is_unlimited, is_tying;
    Value *last; // WITH TIES: the sort columns of the last row within the limit
    const TypeOps **ops;
    uint16_t *rows;
    Batch piece;
} Limit;

static Status limit_begin(Limit *self) {
    const PlanNode *node = self->base.node;
    Value values[2];
    TRY(evaluator_values(self->values, values));
    uint32_t next = 0;
    self->is_unlimited = true;
    self->left = 0;
    self->to_skip = 0;
    if (node->limit.has_limit) {
        const Value *value = &values[next++];
        if (!value->is_null) {
            if (value->datum.int8 < 0) {
                return fail(INVALID_ROW_COUNT_IN_LIMIT_CLAUSE, "LIMIT must not be negative");
            }
            self->is_unlimited = false;
            self->left = (uint64_t)value->datum.int8;
        }
    }
    if (node->limit.has_offset) {
        const Value *value = &values[next];
        if (!value->is_null) {
            if (value->datum.int8 < 0) {
                return fail(
                    INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE, "OFFSET must not be negative");
            }
            self->to_skip = (uint64_t)value->datum.int8;
        }
    }
    self->is_begun = true;
    self->is_tying = false;
    Operator *below = self->base.input;
    while (below->node->kind == PLAN_PROJECT) {
        below = below->input;
    }
    if (below->node->kind == PLAN_SORT && !self->is_unlimited && !node->limit.with_ties) {
        sort_set_bound(below, self->left + self->to_skip);
    }
    return OK;
}

static Status limit_skip(Limit *self) {
    while (self->to_skip > 0) {
        uint32_t wanted =
            self->to_skip < BATCH_ROW_COUNT ? (uint32_t)self->to_skip : BATCH_ROW_COUNT;
        Batch *skipped;
        TRY(operator_next(self->base.input, wanted, &skipped));
        if (skipped == NULL) break;
        self->to_skip -= skipped->selected_count;
    }
    return OK;
}

static bool limit_ties(const Limit *self, const Batch *batch, uint32_t row) {
    for (uint32_t i = 0; i < self->base.node->limit.key_count; i++) {
        Value value = column_get(&batch->columns[self->base.node->limit.keys[i]], row);
        const Value *last = &self->last[i];
        if (value.is_null != last->is_null) return false;
        if (!value.is_null && self->ops[i]->compare(&value.datum, &last->datum) != 0) return false;
    }
    return true;
}

static void limit_remember(Limit *self, const Batch *batch) {
    uint32_t row = selection_row(batch_selection(batch), batch->selected_count - 1);
    for (uint32_t i = 0; i < self->base.node->limit.key_count; i++) {
        const Column *column = &batch->columns[self->base.node->limit.keys[i]];
        self->last[i] = value_copy(column_get(column, row), column->kind, &self->base.arena);
    }
}

static Status limit_next_ties(Limit *self, Batch **batch_out) {
    Batch *batch;
    TRY(operator_next(self->base.input, ROW_MAX_NONE, &batch));
    *batch_out = NULL;
    if (batch == NULL) return OK;
    uint32_t count = 0;
    for (uint32_t i = 0; i < batch->selected_count; i++) {
        uint32_t row = selection_row(batch_selection(batch), i);
        if (!limit_ties(self, batch, row)) {
            self->is_tying = false;
            break;
        }
        self->rows[count++] = (uint16_t)row;
    }
    if (count == 0) return OK;
    self->piece = *batch;
    self->piece.selection = self->rows;
    self->piece.selected_count = count;
    *batch_out = &self->piece;
    return OK;
}

static Status limit_produce(Operator *base, uint32_t row_max, Batch **batch_out) {
    Limit *self = (Limit *)base;
    *batch_out = NULL;
    if (!self->is_begun) TRY(limit_begin(self));
    if (!self->is_unlimited && self->left == 0) {
        return self->is_tying ? limit_next_ties(self, batch_out) : OK;
    }
    TRY(limit_skip(self));
    uint32_t wanted = row_max;
    if (!self->is_unlimited && self->left < wanted) wanted = (uint32_t)self->left;
    Batch *batch;
    TRY(operator_next(base->input, wanted, &batch));
    if (batch == NULL) return OK;
    if (!self->is_unlimited) {
        self->left -= batch->selected_count;
        if (self->left == 0 && base->node->limit.with_ties) {
            limit_remember(self, batch);
            self->is_tying = true;
        }
    }
    *batch_out = batch;
    return OK;
}

static Status limit_rewind(Operator *base) {
    ((Limit *)base)->is_begun = false;
    return operator_rewind(base->input);
}

Status limit_make(Execution *execution, const PlanNode *node, Operator **operator_out) {
    Limit *self;
    TRY(operator_new(execution, node, Limit, &self));
    TRY(evaluator_make(execution, node->limit.values, &self->values));
    uint32_t key_count = node->limit.key_count;
    self->last = arena_new_array(execution->arena, Value, key_count + 1);
    self->ops = arena_new_array(execution->arena, const TypeOps *, key_count + 1);
    self->rows = scratch_new(execution->arena, uint16_t);
    for (uint32_t i = 0; i < key_count; i++) {
        SqlType type = node->layout.columns[node->limit.keys[i]].type;
        TRY(type_ops_require(type.oid, &self->ops[i]));
    }
    self->base.produce = limit_produce;
    self->base.rewind = limit_rewind;
    *operator_out = &self->base;
    return OK;
}
