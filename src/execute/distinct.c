// DISTINCT, DISTINCT ON, and the set operations: rows told apart by their keys.
//
// Threads  Each thread collects the rows that are new to it; the parts are merged. Where the order
//          of the rows decides (DISTINCT ON), or few are wanted, one thread passes each new row on
//          at once.
#include "execute/execute_internal.h"
#include "execute/key_table.h"

#include <stdatomic.h>

static uint32_t distinct_key(const PlanNode *node, uint32_t index) {
    return node->distinct.key_count == 0 ? index : node->distinct.keys[index];
}

// ---- All of them --------------------------------------------------------------------------------

typedef struct Distinct {
    Operator base;
    const Oid *types;
    KeyTable *rows;        // the part that all the others were merged into
    _Atomic uint32_t next; // chunk: several threads take them
} Distinct;

typedef struct DistinctPart {
    Local base;
    KeyTable rows;
    uint32_t *numbers;
} DistinctPart;

static Status distinct_consume(Local *base, Batch *batch) {
    DistinctPart *part = (DistinctPart *)base;
    return key_table_add(&part->rows, batch->columns, batch_selection(batch), part->numbers, NULL);
}

static Status distinct_combine(Local *base) {
    Distinct *self = (Distinct *)base->owner;
    KeyTable *rows = &((DistinctPart *)base)->rows;
    if (self->rows != NULL) return key_table_merge(self->rows, rows, NULL);
    self->rows = rows;
    return OK;
}

static Status distinct_next(Local *local, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    Distinct *self = (Distinct *)local->owner;
    uint32_t chunk = atomic_fetch_add_explicit(&self->next, 1, memory_order_relaxed);
    if (chunk < self->rows->keys.chunk_count) *batch_out = self->rows->keys.chunks[chunk];
    return OK;
}

static Status distinct_rewind(Operator *base) {
    Distinct *self = (Distinct *)base;
    self->rows = NULL;
    atomic_store_explicit(&self->next, 0, memory_order_relaxed);
    return OK;
}

static Status distinct_rewind_local(Local *base) {
    arena_reset(&base->arena);
    const Distinct *self = (const Distinct *)base->owner;
    return key_table_init(
        &((DistinctPart *)base)->rows, &base->arena, self->types, base->owner->node->layout.count);
}

static Status distinct_make(Operator *base) {
    ASSERT(base->node->distinct.key_count == 0);
    ((Distinct *)base)->types = layout_types(base->execution->arena, &base->node->layout);
    base->is_parallel = true;
    base->has_morsels = true;
    return OK;
}

static Status distinct_make_local(Local *base) {
    ((DistinctPart *)base)->numbers = scratch_new(base->worker->arena, uint32_t);
    return distinct_rewind_local(base);
}

const OperatorKind distinct_kind = {
    .operator_bytes = sizeof(Distinct),
    .local_bytes = sizeof(DistinctPart),
    .make = distinct_make,
    .make_local = distinct_make_local,
    .rewind = distinct_rewind,
    .rewind_local = distinct_rewind_local,
    .next = distinct_next,
    .consume = distinct_consume,
    .combine = distinct_combine,
};

// ---- One after the other ------------------------------------------------------------------------

typedef struct DistinctStream {
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
} DistinctStream;

// Equal keys come together: a row is kept when its key is not that of the row before.
static Status distinct_sorted(DistinctStream *self, Selection selection) {
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

static Status stream_process(Local *local, Batch *input, Batch **batch_out, Flow *flow_out) {
    DistinctStream *self = (DistinctStream *)local->owner;
    const PlanNode *node = self->base.node;
    for (uint32_t k = 0; k < self->types.count; k++) {
        self->keys[k] = input->columns[distinct_key(node, k)];
    }
    Selection selection = batch_selection(input);
    if (node->distinct.is_sorted) {
        TRY(distinct_sorted(self, selection));
    } else {
        TRY(key_table_add(&self->seen, self->keys, selection, self->numbers, self->is_new));
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < selection.count; i++) {
        if (self->is_new[i]) self->rows[count++] = (uint16_t)selection_row(selection, i);
    }
    self->passed = *input;
    self->passed.selection = self->rows;
    self->passed.selected_count = count;
    *batch_out = &self->passed;
    *flow_out = FLOW_NEED_INPUT;
    return OK;
}

static uint32_t stream_budget(Local *local, uint32_t row_max) {
    return local->owner->input_speculative ? ROW_MAX_NONE : row_max;
}

static Status stream_rewind(Operator *base) {
    DistinctStream *self = (DistinctStream *)base;
    arena_reset(&base->arena);
    row_buffer_init(&self->last, &base->arena, self->types.oids, self->types.count);
    if (base->node->distinct.is_sorted) return OK;
    return key_table_init(&self->seen, &base->arena, self->types.oids, self->types.count);
}

static Status stream_make(Operator *base) {
    DistinctStream *self = (DistinctStream *)base;
    const PlanNode *node = base->node;
    Arena *arena = base->execution->arena;
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
    return stream_rewind(base);
}

const OperatorKind distinct_stream_kind = {
    .operator_bytes = sizeof(DistinctStream),
    .make = stream_make,
    .rewind = stream_rewind,
    .process = stream_process,
    .budget = stream_budget,
};

// ---- Set operations -----------------------------------------------------------------------------
// INTERSECT and EXCEPT count how often each row occurs on each side.

typedef struct CountedRows {
    KeyTable rows;
    uint64_t *counts[2]; // of each side
    uint32_t capacity;
} CountedRows;

typedef struct SetOperator {
    Operator base;
    const Oid *types;
    CountedRows all;
    uint32_t next;
    uint64_t repeats; // of row `next`, still to give
    bool has_repeats;
    uint32_t *output_rows;
    Batch *output;
} SetOperator;

static Status counted_start(CountedRows *counted, Arena *arena, const SetOperator *set) {
    counted->capacity = 0;
    return key_table_init(&counted->rows, arena, set->types, set->base.node->layout.count);
}

static Status counted_reserve(CountedRows *counted, uint32_t row_count) {
    if (row_count <= counted->capacity) return OK;
    for (uint32_t i = 0; i < 2; i++) {
        void *counts;
        size_t bytes = (size_t)row_count * 2 * sizeof(uint64_t);
        TRY(arena_try_allocate(counted->rows.arena, bytes, 64, &counts));
        memset(counts, 0, bytes);
        if (counted->capacity > 0) {
            memcpy(counts, counted->counts[i], counted->capacity * sizeof(uint64_t));
        }
        counted->counts[i] = counts;
    }
    counted->capacity = row_count * 2;
    return OK;
}

// One side's sink.
typedef struct SetSide {
    Operator base;
    SetOperator *set;
    uint32_t side;
} SetSide;

typedef struct SetSidePart {
    Local base;
    CountedRows counted;
    uint32_t *numbers;
} SetSidePart;

static Status side_consume(Local *base, Batch *batch) {
    SetSidePart *part = (SetSidePart *)base;
    CountedRows *counted = &part->counted;
    TRY(key_table_add(&counted->rows, batch->columns, batch_selection(batch), part->numbers, NULL));
    TRY(counted_reserve(counted, key_table_count(&counted->rows)));
    for (uint32_t i = 0; i < batch->selected_count; i++) {
        counted->counts[0][part->numbers[i]]++;
    }
    return OK;
}

static Status side_combine(Local *base) {
    const SetSide *side = (const SetSide *)base->owner;
    const SetSidePart *part = (const SetSidePart *)base;
    CountedRows *all = &side->set->all;
    const RowBuffer *keys = &part->counted.rows.keys;
    for (uint32_t i = 0; i < keys->chunk_count; i++) {
        const Batch *chunk = keys->chunks[i];
        TRY(key_table_add(&all->rows, chunk->columns, batch_selection(chunk), part->numbers, NULL));
        TRY(counted_reserve(all, key_table_count(&all->rows)));
        for (uint32_t j = 0; j < chunk->row_count; j++) {
            all->counts[side->side][part->numbers[j]] +=
                part->counted.counts[0][i * BATCH_ROW_COUNT + j];
        }
    }
    return OK;
}

static Status side_rewind_local(Local *base) {
    const SetSide *side = (const SetSide *)base->owner;
    arena_reset(&base->arena);
    // The sides are made before the operator that they fill can be told of.
    if (side->set == NULL) return OK;
    return counted_start(&((SetSidePart *)base)->counted, &base->arena, side->set);
}

static Status side_make(Operator *base) {
    base->is_parallel = true;
    return OK;
}

static Status side_make_local(Local *base) {
    ((SetSidePart *)base)->numbers = scratch_new(base->worker->arena, uint32_t);
    return side_rewind_local(base);
}

static const OperatorKind set_side_kind = {
    .operator_bytes = sizeof(SetSide),
    .local_bytes = sizeof(SetSidePart),
    .make = side_make,
    .make_local = side_make_local,
    .rewind_local = side_rewind_local,
    .consume = side_consume,
    .combine = side_combine,
};

static uint64_t set_repeats(const SetOperator *self, uint32_t row) {
    const PlanNode *node = self->base.node;
    uint64_t left = self->all.counts[0][row], right = self->all.counts[1][row];
    if (node->set.operation == SET_INTERSECT) {
        uint64_t both = left < right ? left : right;
        return node->set.is_all ? both : both > 0;
    }
    if (node->set.is_all) return left > right ? left - right : 0;
    return left > 0 && right == 0;
}

static Status set_operation_next(Local *local, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    SetOperator *self = (SetOperator *)local->owner;
    const KeyTable *rows = &self->all.rows;
    uint32_t count = 0;
    while (self->next < key_table_count(rows) && count < BATCH_ROW_COUNT) {
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
    if (count == 0) return OK;
    for (uint32_t i = 0; i < self->output->column_count; i++) {
        row_buffer_gather(&rows->keys, i, self->output_rows, count, local->worker->arena,
            &self->output->columns[i]);
    }
    self->output->row_count = count;
    self->output->selected_count = count;
    *batch_out = self->output;
    return OK;
}

static Status set_operation_rewind(Operator *base) {
    SetOperator *self = (SetOperator *)base;
    arena_reset(&base->arena);
    self->has_repeats = false;
    self->next = 0;
    return counted_start(&self->all, &base->arena, self);
}

static Status set_operation_make(Operator *base) {
    SetOperator *self = (SetOperator *)base;
    const PlanNode *node = base->node;
    Arena *arena = base->execution->arena;
    self->types = layout_types(arena, &node->layout);
    self->output_rows = scratch_new(arena, uint32_t);
    self->output = batch_owned_make(arena, self->types, node->layout.count);
    for (uint32_t i = 0; i < 2; i++) {
        Operator *made;
        TRY(operator_make(base->execution, &set_side_kind, node, &made));
        SetSide *side = (SetSide *)made;
        side->set = self;
        side->side = i;
        TRY(side_rewind_local(made->local));
        TRY(operator_add_fill(base, i == 0 ? node->input : node->second, made));
    }
    return set_operation_rewind(base);
}

const OperatorKind set_operation_kind = {
    .operator_bytes = sizeof(SetOperator),
    .make = set_operation_make,
    .rewind = set_operation_rewind,
    .next = set_operation_next,
};
