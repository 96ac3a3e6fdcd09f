// Nested loop: for each outer row, the inner rows that go with it.
//
// Model    An inner side that does not depend on the outer row is kept in a buffer; one that does
//          runs again for each outer row, with the outer row's values in its slots. A pair is the
//          outer row as constant columns beside the inner batch's; few pairs are gathered into one
//          batch so that what follows does not work on crumbs.
#include "execute/execute_internal.h"
#include "execute/row_buffer.h"

enum { CRUMB_ROW_COUNT = 512 };

typedef struct NestedLoop {
    Operator base;
    Evaluator *slots;
    const Column *slot_values;
    bool has_inner; // the buffer is filled
    RowBuffer inner;
    uint32_t inner_column_count;
    Batch *outer;
    uint32_t next_outer; // counted in the selection
    bool is_in_row, has_matched;
    uint32_t next_chunk;
    Batch *pair; // the outer row's constants, then the inner columns
    uint16_t *pair_rows;
    Batch *gathered;
    Arena gather_arena;
    Batch direct;
    bool has_direct;
    struct PairConstant *constants; // storage of the outer row's columns
} NestedLoop;

typedef struct PairConstant {
    Datum datum;
    uint64_t null_word;
} PairConstant;

static void pair_set_constant(NestedLoop *self, uint32_t index, Oid type, const Value *value) {
    PairConstant *constant = &self->constants[index];
    constant->datum = value->is_null ? (Datum){0} : value->datum;
    constant->null_word = 1;
    self->pair->columns[index] = (Column){
        .type = type,
        .kind = type_physical(type),
        .is_constant = true,
        .values = &constant->datum,
        .nulls = value->is_null ? &constant->null_word : NULL,
    };
}

static Status loop_fill_inner(NestedLoop *self) {
    for (;;) {
        Batch *batch;
        TRY(operator_next(self->base.second, ROW_MAX_NONE, &batch));
        if (batch == NULL) break;
        TRY(row_buffer_append(&self->inner, batch));
    }
    self->has_inner = true;
    return OK;
}

static Status loop_next_inner(NestedLoop *self, Batch **batch_out) {
    if (self->slots != NULL) return operator_next(self->base.second, ROW_MAX_NONE, batch_out);
    *batch_out = NULL;
    if (self->next_chunk < self->inner.chunk_count) {
        *batch_out = self->inner.chunks[self->next_chunk++];
    }
    return OK;
}

// The next outer row, with its slots set; false at the end.
static Status loop_next_outer(NestedLoop *self, uint32_t row_max, bool *is_row_out) {
    Operator *base = &self->base;
    Execution *execution = base->execution;
    *is_row_out = false;
    TRY(execution_check_cancelled(execution));
    if (self->outer == NULL || self->next_outer == self->outer->selected_count) {
        uint32_t wanted = base->input->is_speculative ? ROW_MAX_NONE : row_max;
        TRY(operator_next(base->input, wanted, &self->outer));
        self->next_outer = 0;
        if (self->outer == NULL) return OK;
        if (self->slots != NULL) TRY(evaluator_run(self->slots, self->outer, &self->slot_values));
    }
    uint32_t row = selection_row(batch_selection(self->outer), self->next_outer++);
    for (uint32_t i = 0; i < self->outer->column_count; i++) {
        Value value = column_get(&self->outer->columns[i], row);
        pair_set_constant(self, i, self->outer->columns[i].type, &value);
    }
    if (self->slots != NULL) {
        const PlanSlots *plan = base->node->join.slots;
        for (uint32_t i = 0; i < plan->count; i++) {
            Value value = column_get(&self->slot_values[i], row);
            execution_set_slot(execution, plan->slots[i], &value);
        }
        TRY(with_forget(execution, plan->first_with, plan->with_count));
        TRY(operator_rewind(base->second));
    }
    self->next_chunk = 0;
    self->has_matched = false;
    self->is_in_row = true;
    *is_row_out = true;
    return OK;
}

// The outer row with these inner rows that pass the join's condition.
static Status loop_pair(NestedLoop *self, const Batch *inner, Batch *pair_out) {
    Batch *pair = self->pair;
    uint32_t outer_count = self->outer->column_count;
    for (uint32_t i = 0; i < self->inner_column_count; i++) {
        pair->columns[outer_count + i] = inner->columns[i];
    }
    pair->row_count = inner->row_count;
    pair->selection = inner->selection;
    pair->selected_count = inner->selected_count;
    *pair_out = *pair;
    if (self->base.filter != NULL) {
        uint32_t count;
        TRY(evaluator_select(self->base.filter, pair, self->pair_rows, &count));
        pair_out->selection = self->pair_rows;
        pair_out->selected_count = count;
    }
    return OK;
}

// The outer row alone: with NULLs for the inner columns, or without any.
static void loop_give_outer(NestedLoop *self) {
    uint32_t outer_count = self->outer->column_count;
    for (uint32_t i = outer_count; i < self->base.node->layout.count; i++) {
        Value null = value_null();
        pair_set_constant(self, i, self->base.node->layout.columns[i].type.oid, &null);
    }
    Batch row = *self->pair;
    row.column_count = self->base.node->layout.count;
    row.row_count = 1;
    row.selected_count = 1;
    row.selection = NULL;
    (void)batch_append_rows(self->gathered, &self->gather_arena, &row, 0);
}

static bool loop_is_half_join(const NestedLoop *self) {
    PlanJoin join = self->base.node->join.join;
    return join == PLAN_JOIN_SEMI || join == PLAN_JOIN_ANTI;
}

// One step within the current outer row. Sets has_direct when a batch is to go out as it is.
static Status loop_step(NestedLoop *self) {
    PlanJoin join = self->base.node->join.join;
    Batch *inner;
    TRY(loop_next_inner(self, &inner));
    if (inner == NULL) {
        self->is_in_row = false;
        bool wants_alone = join == PLAN_JOIN_LEFT || join == PLAN_JOIN_ANTI;
        if (!self->has_matched && wants_alone) loop_give_outer(self);
        return OK;
    }
    Batch pair;
    TRY(loop_pair(self, inner, &pair));
    if (pair.selected_count == 0) return OK;
    self->has_matched = true;
    if (loop_is_half_join(self)) {
        self->is_in_row = false;
        if (join == PLAN_JOIN_SEMI) loop_give_outer(self);
        return OK;
    }
    uint32_t room = BATCH_ROW_COUNT - self->gathered->row_count;
    if (pair.selected_count < CRUMB_ROW_COUNT && pair.selected_count <= room) {
        (void)batch_append_rows(self->gathered, &self->gather_arena, &pair, 0);
        return OK;
    }
    self->direct = pair;
    self->has_direct = true;
    return OK;
}

static Status nested_loop_produce(Operator *base, uint32_t row_max, Batch **batch_out) {
    NestedLoop *self = (NestedLoop *)base;
    *batch_out = NULL;
    if (self->has_direct) { // it waited for what was gathered before it
        self->has_direct = false;
        *batch_out = &self->direct;
        return OK;
    }
    if (self->slots == NULL && !self->has_inner) TRY(loop_fill_inner(self));
    batch_clear(self->gathered);
    arena_reset(&self->gather_arena);

    uint32_t wanted =
        row_max < BATCH_ROW_COUNT - CRUMB_ROW_COUNT ? row_max : BATCH_ROW_COUNT - CRUMB_ROW_COUNT;
    while (self->gathered->row_count < wanted && !self->has_direct) {
        if (!self->is_in_row) {
            bool is_row;
            TRY(loop_next_outer(self, row_max, &is_row));
            if (!is_row) break;
        }
        TRY(loop_step(self));
    }
    TRY(arena_check(&self->gather_arena));
    if (self->gathered->row_count > 0) {
        *batch_out = self->gathered;
    } else if (self->has_direct) {
        self->has_direct = false;
        *batch_out = &self->direct;
    }
    return OK;
}

static Status nested_loop_rewind(Operator *base) {
    NestedLoop *self = (NestedLoop *)base;
    self->outer = NULL;
    self->is_in_row = false;
    self->has_direct = false;
    if (self->slots == NULL) {
        // What the inner side reads from the frame may have changed.
        self->has_inner = false;
        const Oid *types = self->inner.types;
        arena_reset(&base->arena);
        row_buffer_init(&self->inner, &base->arena, types, self->inner_column_count);
        TRY(operator_rewind(base->second));
    }
    return operator_rewind(base->input);
}

static void nested_loop_close(Operator *base) {
    arena_deinit(&((NestedLoop *)base)->gather_arena);
}

Status nested_loop_make(Execution *execution, const PlanNode *node, Operator **operator_out) {
    NestedLoop *self;
    TRY(operator_new(execution, node, NestedLoop, &self));
    arena_init(&self->gather_arena, execution->arena->budget);
    if (node->join.slots != NULL) {
        TRY(evaluator_make(execution, node->join.slots->values, &self->slots));
    }
    const Layout *inner = &node->second->layout;
    self->inner_column_count = inner->count;
    row_buffer_init(
        &self->inner, &self->base.arena, layout_types(execution->arena, inner), inner->count);
    uint32_t pair_count = node->input->layout.count + inner->count;
    self->pair = batch_shell_make(execution->arena, pair_count);
    self->constants = arena_new_array(execution->arena, PairConstant, pair_count + 1);
    self->pair_rows = scratch_new(execution->arena, uint16_t);
    Oid *types = layout_types(execution->arena, &node->layout);
    self->gathered = batch_owned_make(execution->arena, types, node->layout.count);
    self->base.filters_itself = true;
    self->base.produce = nested_loop_produce;
    self->base.rewind = nested_loop_rewind;
    self->base.close = nested_loop_close;
    *operator_out = &self->base;
    return OK;
}
