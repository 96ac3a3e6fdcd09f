// Nested loop: for each outer row, the inner rows that go with it.
//
// Model    An inner side that does not depend on the outer row is kept in a buffer; one that does
// is
//          a pipeline that runs again for each outer row, with the outer row's values in its slots.
//          A pair is the outer row as constant columns beside the inner batch's; few pairs are
//          gathered into one batch so that what follows does not work on crumbs.
// Threads  Several may read one buffer; where slots are set there is one.
#include "execute/buffer.h"

enum { CRUMB_ROW_COUNT = 512 };

typedef struct NestedLoop {
    Operator base;
    Pipeline *inner; // one that depends on the outer row, or NULL
    Buffer *buffer;  // one that does not
} NestedLoop;

typedef struct LoopLocal {
    Local base;
    Evaluator *slots, *filter;
    const Column *slot_values;
    Batch *outer;        // while it has rows left
    uint32_t next_outer; // counted in the selection
    bool is_in_row, has_matched;
    uint32_t next_chunk;
    Batch *pair; // the outer row's constants, then the inner columns
    uint16_t *pair_rows;
    Batch *gathered;
    Batch direct;
    bool has_direct;
    struct PairConstant *constants; // storage of the outer row's columns
} LoopLocal;

typedef struct PairConstant {
    Datum datum;
    uint64_t null_word;
} PairConstant;

static void pair_set_constant(LoopLocal *self, uint32_t index, Oid type, const Value *value) {
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

static const NestedLoop *loop_of(const LoopLocal *self) {
    return (const NestedLoop *)self->base.owner;
}

static Status loop_next_inner(LoopLocal *self, Batch **batch_out) {
    const NestedLoop *loop = loop_of(self);
    if (loop->inner != NULL) return pipeline_next(loop->inner, ROW_MAX_NONE, batch_out);
    *batch_out = NULL;
    if (self->next_chunk < loop->buffer->rows.chunk_count) {
        *batch_out = loop->buffer->rows.chunks[self->next_chunk++];
    }
    return OK;
}

// The next outer row, with its slots set.
static Status loop_next_outer(LoopLocal *self) {
    const NestedLoop *loop = loop_of(self);
    Execution *execution = loop->base.execution;
    TRY(execution_check_cancelled(execution));
    uint32_t row = selection_row(batch_selection(self->outer), self->next_outer++);
    for (uint32_t i = 0; i < self->outer->column_count; i++) {
        Value value = column_get(&self->outer->columns[i], row);
        pair_set_constant(self, i, self->outer->columns[i].type, &value);
    }
    if (loop->inner != NULL) {
        const PlanSlots *plan = loop->base.node->join.slots;
        for (uint32_t i = 0; i < plan->count; i++) {
            Value value = column_get(&self->slot_values[i], row);
            execution_set_slot(execution, plan->slots[i], &value);
        }
        TRY(with_forget(execution, plan->first_with, plan->with_count));
        TRY(pipeline_rewind(loop->inner));
    }
    self->next_chunk = 0;
    self->has_matched = false;
    self->is_in_row = true;
    return OK;
}

// The outer row with these inner rows that pass the join's condition.
static Status loop_pair(LoopLocal *self, const Batch *inner, Batch *pair_out) {
    Batch *pair = self->pair;
    uint32_t outer_count = self->outer->column_count;
    for (uint32_t i = 0; i < inner->column_count; i++) {
        pair->columns[outer_count + i] = inner->columns[i];
    }
    pair->row_count = inner->row_count;
    pair->selection = inner->selection;
    pair->selected_count = inner->selected_count;
    *pair_out = *pair;
    if (self->filter != NULL) {
        uint32_t count;
        TRY(evaluator_select(self->filter, pair, self->pair_rows, &count));
        pair_out->selection = self->pair_rows;
        pair_out->selected_count = count;
    }
    return OK;
}

// The outer row alone: with NULLs for the inner columns, or without any.
static void loop_give_outer(LoopLocal *self) {
    const Layout *layout = &loop_of(self)->base.node->layout;
    for (uint32_t i = self->outer->column_count; i < layout->count; i++) {
        Value null = value_null();
        pair_set_constant(self, i, layout->columns[i].type.oid, &null);
    }
    Batch row = *self->pair;
    row.column_count = layout->count;
    row.row_count = 1;
    row.selected_count = 1;
    row.selection = NULL;
    (void)batch_append_rows(self->gathered, &self->base.arena, &row, 0);
}

// One step within the current outer row. Sets has_direct when a batch is to go out as it is.
static Status loop_step(LoopLocal *self) {
    PlanJoin join = loop_of(self)->base.node->join.join;
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
    if (join == PLAN_JOIN_SEMI || join == PLAN_JOIN_ANTI) {
        self->is_in_row = false;
        if (join == PLAN_JOIN_SEMI) loop_give_outer(self);
        return OK;
    }
    uint32_t room = BATCH_ROW_COUNT - self->gathered->row_count;
    if (pair.selected_count < CRUMB_ROW_COUNT && pair.selected_count <= room) {
        (void)batch_append_rows(self->gathered, &self->base.arena, &pair, 0);
        return OK;
    }
    self->direct = pair;
    self->has_direct = true;
    return OK;
}

static Status nested_loop_process(Local *base, Batch *input, Batch **batch_out, Flow *flow_out) {
    LoopLocal *self = (LoopLocal *)base;
    *flow_out = FLOW_HAVE_MORE;
    if (self->has_direct) { // it waited for what was gathered before it
        self->has_direct = false;
        *batch_out = &self->direct;
        return OK;
    }
    if (self->outer == NULL) {
        self->outer = input;
        self->next_outer = 0;
        if (self->slots != NULL) TRY(evaluator_run(self->slots, input, &self->slot_values));
    }
    batch_clear(self->gathered);
    arena_reset(&base->arena);
    uint32_t room = BATCH_ROW_COUNT - CRUMB_ROW_COUNT;
    uint32_t wanted = base->row_max < room ? base->row_max : room;
    while (self->gathered->row_count < wanted && !self->has_direct) {
        if (!self->is_in_row) {
            if (self->next_outer == self->outer->selected_count) {
                self->outer = NULL;
                *flow_out = FLOW_NEED_INPUT;
                break;
            }
            TRY(loop_next_outer(self));
        }
        TRY(loop_step(self));
    }
    TRY(local_check_memory(base));
    if (self->gathered->row_count > 0) {
        *batch_out = self->gathered;
    } else if (self->has_direct) {
        self->has_direct = false;
        *batch_out = &self->direct;
    }
    return OK;
}

static uint32_t nested_loop_budget(Local *base, uint32_t row_max) {
    return base->owner->input_speculative ? ROW_MAX_NONE : row_max;
}

static Status nested_loop_rewind(Operator *base) {
    NestedLoop *self = (NestedLoop *)base;
    return self->inner == NULL ? OK : pipeline_rewind(self->inner);
}

static Status nested_loop_rewind_local(Local *base) {
    LoopLocal *self = (LoopLocal *)base;
    self->outer = NULL;
    self->is_in_row = false;
    self->has_direct = false;
    return OK;
}

static Status nested_loop_make(Operator *base) {
    NestedLoop *self = (NestedLoop *)base;
    const PlanNode *node = base->node;
    Execution *execution = base->execution;
    base->is_speculative = node->filter == NULL || node->filter->is_speculative;
    if (node->join.slots != NULL) {
        TRY(pipeline_make(execution, node->second, NULL, &self->inner));
        base->is_speculative = base->is_speculative && self->inner->is_speculative;
        return OK;
    }
    base->is_parallel = plan_program_is_parallel(node->filter);
    Operator *buffer;
    TRY(operator_make(execution, &buffer_kind, node->second, &buffer));
    self->buffer = (Buffer *)buffer;
    return operator_add_fill(base, node->second, buffer);
}

static Status nested_loop_make_local(Local *base) {
    LoopLocal *self = (LoopLocal *)base;
    Worker *worker = base->worker;
    Arena *arena = worker->arena;
    const PlanNode *node = base->owner->node;
    if (node->join.slots != NULL) {
        TRY(evaluator_make(worker, node->join.slots->values, &self->slots));
    }
    TRY(evaluator_make(worker, node->filter, &self->filter));
    uint32_t pair_count = node->input->layout.count + node->second->layout.count;
    self->pair = batch_shell_make(arena, pair_count);
    self->constants = arena_new_array(arena, PairConstant, pair_count + 1);
    self->pair_rows = scratch_new(arena, uint16_t);
    self->gathered =
        batch_owned_make(arena, layout_types(arena, &node->layout), node->layout.count);
    return OK;
}

const OperatorKind nested_loop_kind = {
    .operator_bytes = sizeof(NestedLoop),
    .local_bytes = sizeof(LoopLocal),
    .make = nested_loop_make,
    .make_local = nested_loop_make_local,
    .rewind = nested_loop_rewind,
    .rewind_local = nested_loop_rewind_local,
    .process = nested_loop_process,
    .budget = nested_loop_budget,
};
