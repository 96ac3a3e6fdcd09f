// LIMIT, OFFSET and WITH TIES: counts rows in their order, so that one thread runs it.
#include "execute/execute_internal.h"

typedef struct Limit {
    Operator base;
    Operator *sort; // that the input is ordered by, or NULL
    Evaluator *values;
    uint64_t left, to_skip;
    bool is_unlimited, is_tying;
    Value *last; // WITH TIES: the sort columns of the last row within the limit
    const TypeOps **ops;
    uint16_t *rows;
    Batch piece;
} Limit;

void limit_set_sort(Operator *limit, Operator *sort) {
    ((Limit *)limit)->sort = sort;
}

static Status limit_open(Local *local, bool *is_empty_out) {
    Limit *self = (Limit *)local->owner;
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
    self->is_tying = false;
    *is_empty_out = !self->is_unlimited && self->left == 0;
    if (self->sort != NULL) {
        bool is_bound = !self->is_unlimited && !node->limit.with_ties;
        sort_set_bound(self->sort, is_bound ? self->left + self->to_skip : 0);
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

static void limit_remember(Limit *self, const Batch *batch, uint32_t index) {
    uint32_t row = selection_row(batch_selection(batch), index);
    arena_reset(&self->base.arena);
    for (uint32_t i = 0; i < self->base.node->limit.key_count; i++) {
        const Column *column = &batch->columns[self->base.node->limit.keys[i]];
        self->last[i] = value_copy(column_get(column, row), column->kind, &self->base.arena);
    }
}

// Rows `first` to first + count - 1 of the batch's selection.
static Batch *limit_piece(Limit *self, const Batch *batch, uint32_t first, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        self->rows[i] = (uint16_t)selection_row(batch_selection(batch), first + i);
    }
    self->piece = *batch;
    self->piece.selection = self->rows;
    self->piece.selected_count = count;
    return &self->piece;
}

static uint32_t limit_tie_count(const Limit *self, const Batch *batch, uint32_t first) {
    uint32_t next = first;
    while (next < batch->selected_count
           && limit_ties(self, batch, selection_row(batch_selection(batch), next))) {
        next++;
    }
    return next - first;
}

static Status limit_process(Local *local, Batch *input, Batch **batch_out, Flow *flow_out) {
    Limit *self = (Limit *)local->owner;
    bool with_ties = self->base.node->limit.with_ties;
    uint32_t first = 0, total = input->selected_count;
    *flow_out = FLOW_NEED_INPUT;
    if (self->to_skip > 0) {
        first = self->to_skip < total ? (uint32_t)self->to_skip : total;
        self->to_skip -= first;
        if (first == total) return OK;
    }
    uint32_t count = total - first;
    if (self->is_tying) {
        count = limit_tie_count(self, input, first);
    } else if (!self->is_unlimited) {
        if (self->left < count) count = (uint32_t)self->left;
        self->left -= count;
        if (self->left == 0 && with_ties) {
            limit_remember(self, input, first + count - 1);
            self->is_tying = true;
            count += limit_tie_count(self, input, first + count);
        }
    }
    bool is_over = first + count < total || (!self->is_unlimited && self->left == 0 && !with_ties);
    if (is_over) *flow_out = FLOW_DONE;
    *batch_out = count == total ? input : limit_piece(self, input, first, count);
    return OK;
}

static uint32_t limit_budget(Local *local, uint32_t row_max) {
    const Limit *self = (const Limit *)local->owner;
    if (self->to_skip > 0) {
        return self->to_skip < BATCH_ROW_COUNT ? (uint32_t)self->to_skip : BATCH_ROW_COUNT;
    }
    if (self->is_tying) return ROW_MAX_NONE;
    return !self->is_unlimited && self->left < row_max ? (uint32_t)self->left : row_max;
}

static Status limit_make(Operator *base) {
    Limit *self = (Limit *)base;
    const PlanNode *node = base->node;
    Execution *execution = base->execution;
    TRY(evaluator_make(&execution->worker, node->limit.values, &self->values));
    uint32_t key_count = node->limit.key_count;
    self->last = arena_new_array(execution->arena, Value, key_count + 1);
    self->ops = arena_new_array(execution->arena, const TypeOps *, key_count + 1);
    self->rows = scratch_new(execution->arena, uint16_t);
    for (uint32_t i = 0; i < key_count; i++) {
        SqlType type = node->layout.columns[node->limit.keys[i]].type;
        TRY(type_ops_require(type.oid, &self->ops[i]));
    }
    return OK;
}

const OperatorKind limit_kind = {
    .operator_bytes = sizeof(Limit),
    .make = limit_make,
    .open = limit_open,
    .process = limit_process,
    .budget = limit_budget,
};
