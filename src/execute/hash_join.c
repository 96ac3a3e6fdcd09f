// Hash join: the inner rows in a table by their keys, and each outer row's matches from it.
//
// Model    The build side is a sink: rows and their keys go into buffers, and finalize links rows
//          with equal hashes into chains. The probe makes pairs, as many as fit a batch, tests the
//          join's other conditions on them, and remembers who had a match.
// Threads  Builds are filled locally and combined before finalize; probes share a finished build.
#include "base/hash.h"
#include "execute/execute_internal.h"
#include "execute/key_table.h"

typedef struct JoinBuild {
    KeyTypes types;
    RowBuffer rows, keys;
    uint64_t *hashes;
    uint32_t hash_capacity;
    uint32_t *heads, *chain; // row + 1, or 0
    uint64_t mask;
    uint64_t *matched; // one bit a row: RIGHT, FULL
    bool *has_null_key;
    bool has_any_null;
} JoinBuild;

typedef struct HashJoin {
    Operator base;
    JoinBuild build;
    Evaluator *outer_keys, *inner_keys;
    bool is_built;
    Batch *outer;
    const Column *keys; // of the outer batch
    uint64_t *outer_hashes;
    bool *outer_nulls;
    uint64_t *outer_matched; // one bit a row of the outer batch
    uint32_t next_outer;     // counted in the selection
    uint32_t next_match;     // row + 1 in its chain, or 0: begin with the next outer row
    bool is_outer_done;      // its pairs were all made; unmatched ones follow
    uint32_t next_unmatched; // RIGHT, FULL: build rows
    Batch *pairs;
    uint16_t *pair_outer;
    uint32_t *pair_inner;
    uint16_t *pair_rows;
    Batch passed;
    Batch alone;
} HashJoin;

static bool has_bit(const uint64_t *bits, uint32_t index) {
    return (bits[index >> 6] >> (index & 63) & 1) != 0;
}

static void set_bit(uint64_t *bits, uint32_t index) {
    bits[index >> 6] |= UINT64_C(1) << (index & 63);
}

// ---- Build --------------------------------------------------------------------------------------

static Status build_reserve(JoinBuild *build, Arena *arena, uint32_t row_count) {
    if (row_count <= build->hash_capacity) return OK;
    uint32_t capacity = row_count * 2;
    void *hashes, *nulls;
    TRY(arena_try_allocate(arena, capacity * sizeof(uint64_t), 64, &hashes));
    TRY(arena_try_allocate(arena, capacity, 64, &nulls));
    if (build->hash_capacity > 0) {
        memcpy(hashes, build->hashes, build->hash_capacity * sizeof(uint64_t));
        memcpy(nulls, build->has_null_key, build->hash_capacity);
    }
    build->hashes = hashes;
    build->has_null_key = nulls;
    build->hash_capacity = capacity;
    return OK;
}

static Status build_consume(HashJoin *self, const Batch *batch) {
    JoinBuild *build = &self->build;
    const Column *keys;
    TRY(evaluator_run(self->inner_keys, batch, &keys));
    uint32_t first = build->rows.row_count;
    TRY(build_reserve(build, &self->base.arena, first + batch->selected_count));
    key_types_hash(&build->types, keys, batch_selection(batch), build->hashes + first,
        build->has_null_key + first);
    TRY(row_buffer_append(&build->rows, batch));
    if (build->rows.column_count == 0) build->rows.row_count += batch->selected_count;
    Batch key_batch = *batch;
    key_batch.columns = (Column *)(uintptr_t)keys;
    key_batch.column_count = build->types.count;
    return row_buffer_append(&build->keys, &key_batch);
}

static Status build_finalize(HashJoin *self) {
    JoinBuild *build = &self->build;
    uint32_t row_count = build->keys.row_count;
    uint64_t slot_count = 16;
    while (slot_count < (uint64_t)row_count * 2) {
        slot_count *= 2;
    }
    void *heads, *chain, *matched;
    Arena *arena = &self->base.arena;
    size_t matched_bytes = ((size_t)row_count / 64 + 1) * sizeof(uint64_t);
    TRY(arena_try_allocate(arena, slot_count * sizeof(uint32_t), 64, &heads));
    TRY(arena_try_allocate(arena, ((size_t)row_count + 1) * sizeof(uint32_t), 64, &chain));
    TRY(arena_try_allocate(arena, matched_bytes, 64, &matched));
    memset(heads, 0, slot_count * sizeof(uint32_t));
    memset(matched, 0, matched_bytes);
    build->heads = heads;
    build->chain = chain;
    build->matched = matched;
    build->mask = slot_count - 1;
    // From the end, so that a chain gives the rows in the order they came.
    for (uint32_t i = row_count; i-- > 0;) {
        build->chain[i] = 0;
        if (build->has_null_key[i]) {
            build->has_any_null = true;
            continue;
        }
        uint64_t slot = build->hashes[i] & build->mask;
        build->chain[i] = build->heads[slot];
        build->heads[slot] = i + 1;
    }
    return OK;
}

static Status build_fill(HashJoin *self) {
    for (;;) {
        Batch *batch;
        TRY(operator_next(self->base.second, ROW_MAX_NONE, &batch));
        if (batch == NULL) break;
        TRY(build_consume(self, batch));
    }
    TRY(build_finalize(self));
    self->is_built = true;
    return OK;
}

// ---- Probe --------------------------------------------------------------------------------------

static bool join_wants_inner(PlanJoin join) {
    return join != PLAN_JOIN_SEMI && join != PLAN_JOIN_ANTI;
}

static Status probe_next_outer(HashJoin *self, uint32_t row_max) {
    Operator *base = &self->base;
    uint32_t wanted = base->input->is_speculative ? ROW_MAX_NONE : row_max;
    TRY(operator_next(base->input, wanted, &self->outer));
    if (self->outer == NULL) return OK;
    TRY(evaluator_run(self->outer_keys, self->outer, &self->keys));
    key_types_hash(&self->build.types, self->keys, batch_selection(self->outer), self->outer_hashes,
        self->outer_nulls);
    memset(self->outer_matched, 0, BATCH_ROW_COUNT / 8);
    self->next_outer = 0;
    self->next_match = 0;
    self->is_outer_done = false;
    return OK;
}

static bool probe_matches(const HashJoin *self, uint32_t index, uint32_t row, uint32_t inner) {
    const JoinBuild *build = &self->build;
    if (build->hashes[inner] != self->outer_hashes[index]) return false;
    const Batch *chunk = build->keys.chunks[inner / BATCH_ROW_COUNT];
    return key_types_equal(&build->types, self->keys, row, chunk->columns, inner % BATCH_ROW_COUNT);
}

// Makes pairs until a batch is full or the outer batch has no more.
static uint32_t probe_make_pairs(HashJoin *self) {
    const JoinBuild *build = &self->build;
    bool first_is_enough =
        !join_wants_inner(self->base.node->join.join) && self->base.filter == NULL;
    uint32_t count = 0;
    while (count < BATCH_ROW_COUNT) {
        if (self->next_match == 0) {
            if (self->next_outer == self->outer->selected_count) {
                self->is_outer_done = true;
                break;
            }
            uint32_t index = self->next_outer++;
            if (self->outer_nulls[index]) continue;
            self->next_match = build->heads[self->outer_hashes[index] & build->mask];
            if (self->next_match == 0) continue;
        }
        uint32_t index = self->next_outer - 1;
        uint32_t row = selection_row(batch_selection(self->outer), index);
        uint32_t inner = self->next_match - 1;
        self->next_match = build->chain[inner];
        if (!probe_matches(self, index, row, inner)) continue;
        self->pair_outer[count] = (uint16_t)row;
        self->pair_inner[count] = inner;
        count++;
        if (first_is_enough) self->next_match = 0;
    }
    return count;
}

// Fills `pairs` with the columns of both sides.
static void probe_gather(HashJoin *self, uint32_t count) {
    Batch *pairs = self->pairs;
    uint32_t outer_count = self->base.node->input->layout.count;
    Arena *arena = self->base.execution->arena;
    for (uint32_t i = 0; i < outer_count; i++) {
        column_gather(&self->outer->columns[i], self->pair_outer, count, arena, &pairs->columns[i]);
    }
    for (uint32_t i = outer_count; i < pairs->column_count; i++) {
        row_buffer_gather(
            &self->build.rows, i - outer_count, self->pair_inner, count, arena, &pairs->columns[i]);
    }
    pairs->row_count = count;
    pairs->selected_count = count;
    pairs->selection = NULL;
}

// Pairs of the current outer batch that pass, or none.
static Status probe_step(HashJoin *self, Batch **batch_out) {
    PlanJoin join = self->base.node->join.join;
    *batch_out = NULL;
    uint32_t count = probe_make_pairs(self);
    if (count == 0) return OK;
    bool needs_pairs = join_wants_inner(join) || self->base.filter != NULL;
    if (needs_pairs) probe_gather(self, count);
    self->passed = *self->pairs;
    if (self->base.filter != NULL) {
        uint32_t passed_count;
        TRY(evaluator_select(self->base.filter, self->pairs, self->pair_rows, &passed_count));
        self->passed.selection = self->pair_rows;
        self->passed.selected_count = passed_count;
        count = passed_count;
    }
    Selection selection = {
        .rows = self->base.filter == NULL ? NULL : self->pair_rows, .count = count};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t pair = selection_row(selection, i);
        set_bit(self->outer_matched, self->pair_outer[pair]);
        set_bit(self->build.matched, self->pair_inner[pair]);
    }
    if (count > 0 && join_wants_inner(join)) *batch_out = &self->passed;
    return OK;
}

// The outer rows with or without a match: SEMI, ANTI.
static void probe_give_half(HashJoin *self, bool wants_matched, Batch **batch_out) {
    uint32_t count = 0;
    const JoinBuild *build = &self->build;
    bool null_is_unknown = self->base.node->join.null_is_unknown && build->keys.row_count > 0;
    for (uint32_t i = 0; i < self->outer->selected_count; i++) {
        uint32_t row = selection_row(batch_selection(self->outer), i);
        if (has_bit(self->outer_matched, row) != wants_matched) continue;
        if (null_is_unknown && (self->outer_nulls[i] || build->has_any_null)) continue;
        self->pair_rows[count++] = (uint16_t)row;
    }
    self->alone = *self->outer;
    self->alone.selection = self->pair_rows;
    self->alone.selected_count = count;
    *batch_out = count == 0 ? NULL : &self->alone;
}

// LEFT, FULL: outer rows without a match, with NULLs beside them.
static void probe_give_unmatched_outer(HashJoin *self, Batch **batch_out) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->outer->selected_count; i++) {
        uint32_t row = selection_row(batch_selection(self->outer), i);
        if (has_bit(self->outer_matched, row)) continue;
        self->pair_outer[count] = (uint16_t)row;
        self->pair_inner[count++] = ROW_NONE;
    }
    *batch_out = NULL;
    if (count == 0) return;
    probe_gather(self, count);
    *batch_out = self->pairs;
}

// RIGHT, FULL: build rows without a match, with NULLs before them.
static void probe_give_unmatched_inner(HashJoin *self, Batch **batch_out) {
    const JoinBuild *build = &self->build;
    uint32_t count = 0;
    while (count < BATCH_ROW_COUNT && self->next_unmatched < build->keys.row_count) {
        uint32_t row = self->next_unmatched++;
        if (!has_bit(build->matched, row)) self->pair_inner[count++] = row;
    }
    *batch_out = NULL;
    if (count == 0) return;
    Batch *pairs = self->pairs;
    uint32_t outer_count = self->base.node->input->layout.count;
    Arena *arena = self->base.execution->arena;
    for (uint32_t i = 0; i < outer_count; i++) {
        for (uint32_t row = 0; row < count; row++) {
            column_set_null(&pairs->columns[i], arena, row);
        }
    }
    for (uint32_t i = outer_count; i < pairs->column_count; i++) {
        row_buffer_gather(
            &build->rows, i - outer_count, self->pair_inner, count, arena, &pairs->columns[i]);
    }
    pairs->row_count = count;
    pairs->selected_count = count;
    pairs->selection = NULL;
    *batch_out = pairs;
}

// What the end of an outer batch gives.
static void probe_end_outer(HashJoin *self, Batch **batch_out) {
    PlanJoin join = self->base.node->join.join;
    *batch_out = NULL;
    if (join == PLAN_JOIN_SEMI || join == PLAN_JOIN_ANTI) {
        probe_give_half(self, join == PLAN_JOIN_SEMI, batch_out);
    } else if (join == PLAN_JOIN_LEFT || join == PLAN_JOIN_FULL) {
        probe_give_unmatched_outer(self, batch_out);
    }
}

static Status hash_join_produce(Operator *base, uint32_t row_max, Batch **batch_out) {
    HashJoin *self = (HashJoin *)base;
    PlanJoin join = base->node->join.join;
    if (!self->is_built) TRY(build_fill(self));
    *batch_out = NULL;
    if (self->build.keys.row_count == 0 && (join == PLAN_JOIN_INNER || join == PLAN_JOIN_SEMI)) {
        return OK; // nothing can match
    }
    for (;;) {
        if (self->outer != NULL && self->is_outer_done) {
            probe_end_outer(self, batch_out);
            self->is_outer_done = false;
            self->next_outer = self->outer->selected_count;
            if (*batch_out != NULL) return OK;
        }
        if (self->outer == NULL
            || (self->next_outer == self->outer->selected_count && self->next_match == 0)) {
            if (self->next_unmatched == 0) TRY(probe_next_outer(self, row_max));
            if (self->outer == NULL) {
                if (join == PLAN_JOIN_RIGHT || join == PLAN_JOIN_FULL) {
                    probe_give_unmatched_inner(self, batch_out);
                }
                return OK;
            }
        }
        TRY(execution_check_cancelled(base->execution));
        TRY(probe_step(self, batch_out));
        if (*batch_out != NULL) return OK;
    }
}

static Status hash_join_start(HashJoin *self) {
    const PlanNode *node = self->base.node;
    Execution *execution = self->base.execution;
    Arena *arena = &self->base.arena;
    self->build = (JoinBuild){.types = self->build.types};
    row_buffer_init(&self->build.rows, arena, layout_types(execution->arena, &node->second->layout),
        node->second->layout.count);
    row_buffer_init(&self->build.keys, arena, node->join.key_types, node->join.key_count);
    self->is_built = false;
    self->outer = NULL;
    self->next_unmatched = 0;
    return OK;
}

static Status hash_join_rewind(Operator *base) {
    HashJoin *self = (HashJoin *)base;
    arena_reset(&base->arena);
    TRY(hash_join_start(self));
    TRY(operator_rewind(base->input));
    return operator_rewind(base->second);
}

Status hash_join_make(Execution *execution, const PlanNode *node, Operator **operator_out) {
    HashJoin *self;
    TRY(operator_new(execution, node, HashJoin, &self));
    Arena *arena = execution->arena;
    TRY(evaluator_make(execution, node->join.outer_keys, &self->outer_keys));
    TRY(evaluator_make(execution, node->join.inner_keys, &self->inner_keys));
    TRY(key_types_init(&self->build.types, arena, node->join.key_types, node->join.key_count));
    TRY(hash_join_start(self));
    uint32_t outer_count = node->input->layout.count;
    uint32_t inner_count = node->second->layout.count;
    Oid *types = arena_new_array(arena, Oid, outer_count + inner_count + 1);
    for (uint32_t i = 0; i < outer_count; i++) {
        types[i] = node->input->layout.columns[i].type.oid;
    }
    for (uint32_t i = 0; i < inner_count; i++) {
        types[outer_count + i] = node->second->layout.columns[i].type.oid;
    }
    self->pairs = batch_owned_make(arena, types, outer_count + inner_count);
    self->pair_outer = scratch_new(arena, uint16_t);
    self->pair_inner = scratch_new(arena, uint32_t);
    self->pair_rows = scratch_new(arena, uint16_t);
    self->outer_hashes = scratch_new(arena, uint64_t);
    self->outer_nulls = scratch_new(arena, bool);
    self->outer_matched = arena_new_array(arena, uint64_t, BATCH_ROW_COUNT / 64);
    self->base.filters_itself = true;
    self->base.produce = hash_join_produce;
    self->base.rewind = hash_join_rewind;
    *operator_out = &self->base;
    return OK;
}
