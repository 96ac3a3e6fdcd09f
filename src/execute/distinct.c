// DISTINCT, DISTINCT ON, and the set operations: rows told apart by their keys.
#include "execute/execute_internal.h"
#include "execute/key_table.h"

typedef struct Distinct {
    Operator base;
    KeyTable seen;
    KeyTypes types;
    Column *keys; // of the batch
    uint32_t *numbers;
    bool *is_new;
    uint16_t *rows;
    Batch passed;
    RowBuffer last; // DISTINCT ON: the key of the row before
    Value *key_row;
} Distinct;

static uint32_t distinct_key(const PlanNode *node, uint32_t index) {
    return node->distinct.key_count == 0 ? index : node->distinct.keys[index];
}

// Equal keys come together: a row is kept when its key is not that of the row before.
static Status distinct_sorted(Distinct *self, Selection selection) {
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = selection_row(selection, i);
        bool has_last = self->last.row_count > 0;
        self->is_new[i] =
            !has_last
            || !key_types_equal(&self->types, self->keys, row, self->last.chunks[0]->columns, 0);
        if (!self->is_new[i]) continue;
        for (uint32_t k = 0; k < self->types.count; k++) {
            self->key_row[k] = column_get(&self->keys[k], row);
        }
        arena_reset(&self->base.arena);
        row_buffer_init(&self->last, &self->base.arena, self->types.oids, self->types.count);
        TRY(row_buffer_append_values(&self->last, self->key_row));
    }
    return OK;
}

static Status distinct_produce(Operator *base, uint32_t row_max, Batch **batch_out) {
    Distinct *self = (Distinct *)base;
    const PlanNode *node = base->node;
    Batch *batch;
    *batch_out = NULL;
    TRY(operator_next(base->input, base->input->is_speculative ? ROW_MAX_NONE : row_max, &batch));
    if (batch == NULL) return OK;
    for (uint32_t k = 0; k < self->types.count; k++) {
        self->keys[k] = batch->columns[distinct_key(node, k)];
    }
    Selection selection = batch_selection(batch);
    if (node->distinct.is_sorted) {
        TRY(distinct_sorted(self, selection));
    } else {
        TRY(key_table_add(&self->seen, self->keys, selection, self->numbers, self->is_new));
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < selection.count; i++) {
        if (self->is_new[i]) self->rows[count++] = (uint16_t)selection_row(selection, i);
    }
    self->passed = *batch;
    self->passed.selection = self->rows;
    self->passed.selected_count = count;
    *batch_out = &self->passed;
    return OK;
}

static Status distinct_start(Distinct *self) {
    row_buffer_init(&self->last, &self->base.arena, self->types.oids, self->types.count);
    if (self->base.node->distinct.is_sorted) return OK;
    return key_table_init(&self->seen, &self->base.arena, self->types.oids, self->types.count);
}

static Status distinct_rewind(Operator *base) {
    arena_reset(&base->arena);
    TRY(distinct_start((Distinct *)base));
    return operator_rewind(base->input);
}

Status distinct_make(Execution *execution, const PlanNode *node, Operator **operator_out) {
    Distinct *self;
    TRY(operator_new(execution, node, Distinct, &self));
    Arena *arena = execution->arena;
    uint32_t count = node->distinct.key_count == 0 ? node->layout.count : node->distinct.key_count;
    Oid *oids = arena_new_array(arena, Oid, count + 1);
    for (uint32_t k = 0; k < count; k++) {
        oids[k] = node->layout.columns[distinct_key(node, k)].type.oid;
    }
    TRY(key_types_init(&self->types, arena, oids, count));
    self->keys = arena_new_array(arena, Column, count + 1);
    self->key_row = arena_new_array(arena, Value, count + 1);
    self->numbers = scratch_new(arena, uint32_t);
    self->is_new = scratch_new(arena, bool);
    self->rows = scratch_new(arena, uint16_t);
    TRY(distinct_start(self));
    self->base.produce = distinct_produce;
    self->base.rewind = distinct_rewind;
    *operator_out = &self->base;
    return OK;
}

// ---- Set operations -----------------------------------------------------------------------------
// UNION ALL gives one side after the other; plain UNION is that under a DISTINCT. INTERSECT and
// EXCEPT count how often each row occurs on each side.

typedef struct SetOperator {
    Operator base;
    bool is_second;
    KeyTable rows;
    uint64_t *counts[2];
    uint32_t count_capacity;
    uint32_t *numbers;
    bool is_filled;
    uint32_t next;
    uint64_t repeats; // of row `next`, still to give
    bool has_repeats;
    uint32_t *output_rows;
    Batch *output;
} SetOperator;

static Status append_produce(Operator *base, uint32_t row_max, Batch **batch_out) {
    SetOperator *self = (SetOperator *)base;
    if (!self->is_second) {
        TRY(operator_next(base->input, row_max, batch_out));
        if (*batch_out != NULL) return OK;
        self->is_second = true;
    }
    return operator_next(base->second, row_max, batch_out);
}

static Status set_count(SetOperator *self, uint32_t side) {
    Operator *input = side == 0 ? self->base.input : self->base.second;
    for (;;) {
        Batch *batch;
        TRY(operator_next(input, ROW_MAX_NONE, &batch));
        if (batch == NULL) return OK;
        TRY(key_table_add(
            &self->rows, batch->columns, batch_selection(batch), self->numbers, NULL));
        uint32_t row_count = key_table_count(&self->rows);
        if (row_count > self->count_capacity) {
            for (uint32_t i = 0; i < 2; i++) {
                void *counts;
                size_t bytes = (size_t)row_count * 2 * sizeof(uint64_t);
                TRY(arena_try_allocate(&self->base.arena, bytes, 64, &counts));
                memset(counts, 0, bytes);
                if (self->count_capacity > 0) {
                    memcpy(counts, self->counts[i], self->count_capacity * sizeof(uint64_t));
                }
                self->counts[i] = counts;
            }
            self->count_capacity = row_count * 2;
        }
        for (uint32_t i = 0; i < batch->selected_count; i++) {
            self->counts[side][self->numbers[i]]++;
        }
    }
}

static uint64_t set_repeats(const SetOperator *self, uint32_t row) {
    const PlanNode *node = self->base.node;
    uint64_t left = self->counts[0][row], right = self->counts[1][row];
    if (node->set.operation == SET_INTERSECT) {
        uint64_t both = left < right ? left : right;
        return node->set.is_all ? both : both > 0;
    }
    if (node->set.is_all) return left > right ? left - right : 0;
    return left > 0 && right == 0;
}

static Status set_operation_produce(Operator *base, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    SetOperator *self = (SetOperator *)base;
    if (!self->is_filled) {
        TRY(set_count(self, 0));
        TRY(set_count(self, 1));
        self->is_filled = true;
    }
    uint32_t count = 0;
    while (self->next < key_table_count(&self->rows) && count < BATCH_ROW_COUNT) {
        if (!self->has_repeats) {
            self->repeats = set_repeats(self, self->next);
            self->has_repeats = true;
        }
        while (self->repeats > 0 && count < BATCH_ROW_COUNT) {
            self->output_rows[count++] = self->next;
            self->repeats--;
        }
        if (self->repeats > 0) break;
        self->has_repeats = false;
        self->next++;
    }
    *batch_out = NULL;
    if (count == 0) return OK;
    for (uint32_t i = 0; i < self->output->column_count; i++) {
        row_buffer_gather(&self->rows.keys, i, self->output_rows, count, base->execution->arena,
            &self->output->columns[i]);
    }
    self->output->row_count = count;
    self->output->selected_count = count;
    *batch_out = self->output;
    return OK;
}

static Status set_operation_start(SetOperator *self) {
    const PlanNode *node = self->base.node;
    self->is_second = false;
    self->is_filled = false;
    self->has_repeats = false;
    self->next = 0;
    self->count_capacity = 0;
    if (node->set.operation == SET_UNION) return OK;
    Oid *types = layout_types(&self->base.arena, &node->layout);
    return key_table_init(&self->rows, &self->base.arena, types, node->layout.count);
}

static Status set_operation_rewind(Operator *base) {
    arena_reset(&base->arena);
    TRY(set_operation_start((SetOperator *)base));
    TRY(operator_rewind(base->input));
    return operator_rewind(base->second);
}

Status set_operation_make(Execution *execution, const PlanNode *node, Operator **operator_out) {
    SetOperator *self;
    TRY(operator_new(execution, node, SetOperator, &self));
    bool is_append = node->set.operation == SET_UNION;
    TRY(set_operation_start(self));
    if (!is_append) {
        Arena *arena = execution->arena;
        self->numbers = scratch_new(arena, uint32_t);
        self->output_rows = scratch_new(arena, uint32_t);
        Oid *types = layout_types(arena, &node->layout);
        self->output = batch_owned_make(arena, types, node->layout.count);
        self->base.is_speculative = true;
    }
    self->base.produce = is_append ? append_produce : set_operation_produce;
    self->base.rewind = set_operation_rewind;
    *operator_out = &self->base;
    return OK;
}
