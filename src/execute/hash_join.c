// Hash join: the inner rows in a table by their keys, and each outer row's matches from it.
//
// Model    The build side is a sink: rows and their keys go into buffers, and finalize links rows
//          with equal hashes into chains. The probe makes pairs, as many as fit a batch, tests the
//          join's other conditions on them, and remembers who had a match.
// Threads  Each thread fills a part of the build side; the whole takes over the parts' chunks,
// which
//          leaves gaps between row numbers. Probes share a finished build and mark its rows with
//          atomic stores.
#include "base/hash.h"
#include "execute/execute_internal.h"
#include "execute/key_table.h"

#include <stdatomic.h>

// A table that the caches hold is not prefetched.
enum { PREFETCH_SLOT_COUNT = 32768 };

// What a row number of the build side stands for.
typedef enum BuildRow {
    BUILD_ROW,
    BUILD_ROW_NULL, // has a NULL in its key: equal to none
    BUILD_ROW_NONE, // a gap
} BuildRow;

typedef struct BuildRows {
    RowBuffer rows, keys;
    uint64_t *hashes;
    uint8_t *states; // BuildRow
    uint32_t capacity;
} BuildRows;

typedef struct JoinBuild {
    Operator base;
    KeyTypes types;
    BuildRows all;
    uint32_t row_count; // numbers, with gaps
    // The first row + 1 of a chain, and in the upper half a bit for each row's hash, so that most
    // keys without a match are known before a row is touched.
    uint64_t *heads;
    uint32_t *chain; // row + 1, or 0
    uint64_t mask;
    _Atomic uint64_t *matched; // one bit a row: RIGHT, FULL
    bool has_any_null;
    bool keeps_matched;
} JoinBuild;

typedef struct JoinPart {
    Local base;
    Evaluator *keys;
    BuildRows rows;
    bool *has_null;
} JoinPart;

typedef struct HashJoin {
    Operator base;
    JoinBuild *build;
} HashJoin;

typedef struct JoinProbe {
    Local base;
    const JoinBuild *build;
    Evaluator *outer_keys, *filter;
    Batch *outer;       // while it has rows left
    const Column *keys; // of the outer batch
    uint64_t *outer_hashes;
    bool *outer_nulls;
    uint32_t *outer_heads;   // where its chain begins, row + 1, or 0
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
} JoinProbe;

static bool has_bit(const uint64_t *bits, uint32_t index) {
    return (bits[index >> 6] >> (index & 63) & 1) != 0;
}

static void set_bit(uint64_t *bits, uint32_t index) {
    bits[index >> 6] |= UINT64_C(1) << (index & 63);
}

static bool build_has_match(const JoinBuild *build, uint32_t row) {
    uint64_t word = atomic_load_explicit(&build->matched[row >> 6], memory_order_relaxed);
    return (word >> (row & 63) & 1) != 0;
}

// Relaxed: who reads the bits has joined the threads that set them.
static void build_set_match(const JoinBuild *build, uint32_t row) {
    if (build_has_match(build, row)) return;
    atomic_fetch_or_explicit(
        &build->matched[row >> 6], UINT64_C(1) << (row & 63), memory_order_relaxed);
}

// ---- Build --------------------------------------------------------------------------------------

static Status build_reserve(BuildRows *rows, Arena *arena, uint32_t row_count) {
    if (row_count <= rows->capacity) return OK;
    uint32_t capacity = row_count * 2;
    void *hashes, *states;
    TRY(arena_try_allocate(arena, capacity * sizeof(uint64_t), 64, &hashes));
    TRY(arena_try_allocate(arena, capacity, 64, &states));
    if (rows->capacity > 0) {
        memcpy(hashes, rows->hashes, rows->capacity * sizeof(uint64_t));
        memcpy(states, rows->states, rows->capacity);
    }
    rows->hashes = hashes;
    rows->states = states;
    rows->capacity = capacity;
    return OK;
}

static Status build_consume(Local *base, Batch *batch) {
    JoinPart *part = (JoinPart *)base;
    const JoinBuild *build = (const JoinBuild *)base->owner;
    BuildRows *rows = &part->rows;
    const Column *keys;
    TRY(evaluator_run(part->keys, batch, &keys));
    uint32_t first = rows->keys.row_count;
    Selection selection = batch_selection(batch);
    TRY(build_reserve(rows, &base->arena, first + selection.count));
    key_types_hash(&build->types, keys, selection, rows->hashes + first, part->has_null);
    for (uint32_t i = 0; i < selection.count; i++) {
        rows->states[first + i] = part->has_null[i] ? BUILD_ROW_NULL : BUILD_ROW;
    }
    TRY(row_buffer_append(&rows->rows, batch));
    Batch key_batch = *batch;
    key_batch.columns = (Column *)(uintptr_t)keys;
    key_batch.column_count = build->types.count;
    return row_buffer_append(&rows->keys, &key_batch);
}

static Status build_combine(Local *base) {
    JoinBuild *build = (JoinBuild *)base->owner;
    BuildRows *part = &((JoinPart *)base)->rows;
    BuildRows *all = &build->all;
    uint32_t count = part->keys.row_count, first;
    if (count == 0) return OK;
    TRY(row_buffer_adopt(&all->rows, &part->rows, &first));
    TRY(row_buffer_adopt(&all->keys, &part->keys, &first));
    if (first == 0) { // of one part there is no need to copy
        all->hashes = part->hashes;
        all->states = part->states;
        all->capacity = part->capacity;
    } else {
        TRY(build_reserve(all, &build->base.arena, first + count));
        memset(all->states + build->row_count, BUILD_ROW_NONE, first - build->row_count);
        memcpy(all->hashes + first, part->hashes, count * sizeof(uint64_t));
        memcpy(all->states + first, part->states, count);
    }
    build->row_count = first + count;
    return OK;
}

static uint64_t hash_bit(uint64_t hash) {
    return UINT64_C(1) << (32 + (hash >> 59));
}

static Status build_finalize(Operator *base) {
    JoinBuild *build = (JoinBuild *)base;
    uint32_t row_count = build->row_count;
    uint64_t slot_count = 16;
    while (slot_count < (uint64_t)row_count * 2) {
        slot_count *= 2;
    }
    void *heads, *chain;
    Arena *arena = &base->arena;
    TRY(arena_try_allocate(arena, slot_count * sizeof(uint64_t), 64, &heads));
    TRY(arena_try_allocate(arena, ((size_t)row_count + 1) * sizeof(uint32_t), 64, &chain));
    memset(heads, 0, slot_count * sizeof(uint64_t));
    if (build->keeps_matched) {
        void *matched;
        size_t bytes = ((size_t)row_count / 64 + 1) * sizeof(uint64_t);
        TRY(arena_try_allocate(arena, bytes, 64, &matched));
        memset(matched, 0, bytes);
        build->matched = matched;
    }
    build->heads = heads;
    build->chain = chain;
    build->mask = slot_count - 1;
    // From the end, so that a chain gives the rows in the order they came.
    for (uint32_t i = row_count; i-- > 0;) {
        build->chain[i] = 0;
        if (build->all.states[i] != BUILD_ROW) {
            if (build->all.states[i] == BUILD_ROW_NULL) build->has_any_null = true;
            continue;
        }
        uint64_t hash = build->all.hashes[i];
        uint64_t *head = &build->heads[hash & build->mask];
        build->chain[i] = (uint32_t)*head;
        *head = (*head >> 32 << 32) | hash_bit(hash) | (i + 1);
    }
    return OK;
}

static void build_rows_start(
    BuildRows *rows, Arena *arena, const Oid *types, uint32_t count, const KeyTypes *keys) {
    *rows = (BuildRows){0};
    row_buffer_init(&rows->rows, arena, types, count);
    row_buffer_init(&rows->keys, arena, keys->oids, keys->count);
}

static Status build_rewind(Operator *base) {
    JoinBuild *build = (JoinBuild *)base;
    arena_reset(&base->arena);
    const RowBuffer *rows = &build->all.rows;
    build_rows_start(&build->all, &base->arena, rows->types, rows->column_count, &build->types);
    build->row_count = 0;
    build->has_any_null = false;
    return OK;
}

static Status build_rewind_local(Local *base) {
    JoinPart *part = (JoinPart *)base;
    const JoinBuild *build = (const JoinBuild *)base->owner;
    const RowBuffer *rows = &build->all.rows;
    arena_reset(&base->arena);
    build_rows_start(&part->rows, &base->arena, rows->types, rows->column_count, &build->types);
    return OK;
}

// Its node is the join.
static Status build_make(Operator *base) {
    JoinBuild *build = (JoinBuild *)base;
    const PlanNode *node = base->node;
    Arena *arena = base->execution->arena;
    TRY(key_types_init(&build->types, arena, node->join.key_types, node->join.key_count));
    const Layout *layout = &node->second->layout;
    build_rows_start(
        &build->all, &base->arena, layout_types(arena, layout), layout->count, &build->types);
    build->keeps_matched = node->join.join == PLAN_JOIN_RIGHT || node->join.join == PLAN_JOIN_FULL;
    base->is_parallel = plan_program_is_parallel(node->join.inner_keys);
    return OK;
}

static Status build_make_local(Local *base) {
    JoinPart *part = (JoinPart *)base;
    part->has_null = scratch_new(base->worker->arena, bool);
    TRY(evaluator_make(base->worker, base->owner->node->join.inner_keys, &part->keys));
    return build_rewind_local(base);
}

static const OperatorKind join_build_kind = {
    .operator_bytes = sizeof(JoinBuild),
    .local_bytes = sizeof(JoinPart),
    .make = build_make,
    .make_local = build_make_local,
    .rewind = build_rewind,
    .rewind_local = build_rewind_local,
    .consume = build_consume,
    .combine = build_combine,
    .finalize = build_finalize,
};

// ---- Probe --------------------------------------------------------------------------------------

static bool join_wants_inner(PlanJoin join) {
    return join != PLAN_JOIN_SEMI && join != PLAN_JOIN_ANTI;
}

// Three loops over the batch, so that a big table's cache misses overlap: hash, look up where the
// chain begins, touch its first row. The rows are compared after that.
static Status probe_begin(JoinProbe *self, Batch *outer) {
    self->outer = outer;
    const JoinBuild *build = self->build;
    Selection selection = batch_selection(outer);
    TRY(evaluator_run(self->outer_keys, outer, &self->keys));
    key_types_hash(&build->types, self->keys, selection, self->outer_hashes, self->outer_nulls);
    if (build->mask >= PREFETCH_SLOT_COUNT) {
        for (uint32_t i = 0; i < selection.count; i++) {
            __builtin_prefetch(&build->heads[self->outer_hashes[i] & build->mask]);
        }
    }
    for (uint32_t i = 0; i < selection.count; i++) {
        uint64_t head = build->heads[self->outer_hashes[i] & build->mask];
        bool may_match = (head & hash_bit(self->outer_hashes[i])) != 0 && !self->outer_nulls[i];
        self->outer_heads[i] = may_match ? (uint32_t)head : 0;
    }
    if (build->mask >= PREFETCH_SLOT_COUNT) {
        for (uint32_t i = 0; i < selection.count; i++) {
            if (self->outer_heads[i] == 0) continue;
            __builtin_prefetch(&build->all.hashes[self->outer_heads[i] - 1]);
            __builtin_prefetch(&build->chain[self->outer_heads[i] - 1]);
        }
    }
    memset(self->outer_matched, 0, BATCH_ROW_COUNT / 8);
    self->next_outer = 0;
    self->next_match = 0;
    self->is_outer_done = false;
    return OK;
}

static bool probe_matches(const JoinProbe *self, uint32_t index, uint32_t row, uint32_t inner) {
    const JoinBuild *build = self->build;
    if (build->all.hashes[inner] != self->outer_hashes[index]) return false;
    if (build->types.hash_is_key) return true; // neither is NULL
    const Batch *chunk = build->all.keys.chunks[inner / BATCH_ROW_COUNT];
    return key_types_equal(&build->types, self->keys, row, chunk->columns, inner % BATCH_ROW_COUNT);
}

// Makes pairs until a batch is full or the outer batch has no more.
static uint32_t probe_make_pairs(JoinProbe *self) {
    const JoinBuild *build = self->build;
    bool first_is_enough =
        !join_wants_inner(self->base.owner->node->join.join) && self->filter == NULL;
    uint32_t count = 0;
    while (count < BATCH_ROW_COUNT) {
        if (self->next_match == 0) {
            if (self->next_outer == self->outer->selected_count) {
                self->is_outer_done = true;
                break;
            }
            uint32_t index = self->next_outer++;
            self->next_match = self->outer_heads[index];
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
static void probe_gather(JoinProbe *self, uint32_t count) {
    Batch *pairs = self->pairs;
    uint32_t outer_count = self->base.owner->node->input->layout.count;
    Arena *arena = self->base.worker->arena;
    for (uint32_t i = 0; i < outer_count; i++) {
        column_gather(&self->outer->columns[i], self->pair_outer, count, arena, &pairs->columns[i]);
    }
    for (uint32_t i = outer_count; i < pairs->column_count; i++) {
        row_buffer_gather(&self->build->all.rows, i - outer_count, self->pair_inner, count, arena,
            &pairs->columns[i]);
    }
    pairs->row_count = count;
    pairs->selected_count = count;
    pairs->selection = NULL;
}

// Remembers who had a match, where that is asked for.
static void probe_mark(JoinProbe *self, uint32_t count) {
    PlanJoin join = self->base.owner->node->join.join;
    bool marks_inner = self->build->keeps_matched;
    bool marks_outer = join != PLAN_JOIN_INNER && join != PLAN_JOIN_RIGHT;
    if (!marks_outer && !marks_inner) return;
    Selection selection = {.rows = self->filter == NULL ? NULL : self->pair_rows, .count = count};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t pair = selection_row(selection, i);
        if (marks_outer) set_bit(self->outer_matched, self->pair_outer[pair]);
        if (marks_inner) build_set_match(self->build, self->pair_inner[pair]);
    }
}

// Pairs of the current outer batch that pass, or none.
static Status probe_step(JoinProbe *self, Batch **batch_out) {
    PlanJoin join = self->base.owner->node->join.join;
    *batch_out = NULL;
    uint32_t count = probe_make_pairs(self);
    if (count == 0) return OK;
    bool needs_pairs = join_wants_inner(join) || self->filter != NULL;
    if (needs_pairs) probe_gather(self, count);
    self->passed = *self->pairs;
    if (self->filter != NULL) {
        uint32_t passed_count;
        TRY(evaluator_select(self->filter, self->pairs, self->pair_rows, &passed_count));
        self->passed.selection = self->pair_rows;
        self->passed.selected_count = passed_count;
        count = passed_count;
    }
    probe_mark(self, count);
    if (count > 0 && join_wants_inner(join)) *batch_out = &self->passed;
    return OK;
}

// The outer rows with or without a match: SEMI, ANTI.
static void probe_give_half(JoinProbe *self, bool wants_matched, Batch **batch_out) {
    uint32_t count = 0;
    const JoinBuild *build = self->build;
    bool null_is_unknown = self->base.owner->node->join.null_is_unknown && build->row_count > 0;
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
static void probe_give_unmatched_outer(JoinProbe *self, Batch **batch_out) {
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
static void probe_give_unmatched_inner(JoinProbe *self, Batch **batch_out) {
    const JoinBuild *build = self->build;
    uint32_t count = 0;
    while (count < BATCH_ROW_COUNT && self->next_unmatched < build->row_count) {
        uint32_t row = self->next_unmatched++;
        bool is_row = build->all.states[row] != BUILD_ROW_NONE;
        if (is_row && !build_has_match(build, row)) self->pair_inner[count++] = row;
    }
    *batch_out = NULL;
    if (count == 0) return;
    Batch *pairs = self->pairs;
    uint32_t outer_count = self->base.owner->node->input->layout.count;
    Arena *arena = self->base.worker->arena;
    for (uint32_t i = 0; i < outer_count; i++) {
        for (uint32_t row = 0; row < count; row++) {
            column_set_null(&pairs->columns[i], arena, row);
        }
    }
    for (uint32_t i = outer_count; i < pairs->column_count; i++) {
        row_buffer_gather(
            &build->all.rows, i - outer_count, self->pair_inner, count, arena, &pairs->columns[i]);
    }
    pairs->row_count = count;
    pairs->selected_count = count;
    pairs->selection = NULL;
    *batch_out = pairs;
}

// What the end of an outer batch gives.
static void probe_end_outer(JoinProbe *self, Batch **batch_out) {
    PlanJoin join = self->base.owner->node->join.join;
    *batch_out = NULL;
    if (join == PLAN_JOIN_SEMI || join == PLAN_JOIN_ANTI) {
        probe_give_half(self, join == PLAN_JOIN_SEMI, batch_out);
    } else if (join == PLAN_JOIN_LEFT || join == PLAN_JOIN_FULL) {
        probe_give_unmatched_outer(self, batch_out);
    }
}

static Status hash_join_process(Local *base, Batch *input, Batch **batch_out, Flow *flow_out) {
    JoinProbe *self = (JoinProbe *)base;
    if (self->outer == NULL) TRY(probe_begin(self, input));
    *flow_out = FLOW_HAVE_MORE;
    while (!self->is_outer_done) {
        TRY(execution_check_cancelled(base->worker->execution));
        TRY(probe_step(self, batch_out));
        if (*batch_out != NULL) return OK;
    }
    probe_end_outer(self, batch_out);
    self->outer = NULL;
    *flow_out = FLOW_NEED_INPUT;
    return OK;
}

static Status hash_join_finish(Local *base, Batch **batch_out) {
    JoinProbe *self = (JoinProbe *)base;
    if (self->build->keeps_matched) probe_give_unmatched_inner(self, batch_out);
    return OK;
}

static uint32_t hash_join_budget(Local *base, uint32_t row_max) {
    return base->owner->input_speculative ? ROW_MAX_NONE : row_max;
}

static Status hash_join_open(Local *base, bool *is_empty_out) {
    const JoinProbe *self = (const JoinProbe *)base;
    PlanJoin join = base->owner->node->join.join;
    bool needs_match = join == PLAN_JOIN_INNER || join == PLAN_JOIN_SEMI || join == PLAN_JOIN_RIGHT;
    *is_empty_out = needs_match && self->build->row_count == 0;
    return OK;
}

static Status hash_join_rewind_local(Local *base) {
    JoinProbe *self = (JoinProbe *)base;
    self->outer = NULL;
    self->next_unmatched = 0;
    return OK;
}

static Status hash_join_make(Operator *base) {
    HashJoin *self = (HashJoin *)base;
    const PlanNode *node = base->node;
    base->is_speculative = node->join.outer_keys->is_speculative
                           && (node->filter == NULL || node->filter->is_speculative);
    base->is_parallel =
        plan_program_is_parallel(node->join.outer_keys) && plan_program_is_parallel(node->filter);
    Operator *build;
    TRY(operator_make(base->execution, &join_build_kind, node, &build));
    self->build = (JoinBuild *)build;
    return operator_add_fill(base, node->second, build);
}

static Status hash_join_make_local(Local *base) {
    JoinProbe *self = (JoinProbe *)base;
    const PlanNode *node = base->owner->node;
    Arena *arena = base->worker->arena;
    self->build = ((const HashJoin *)base->owner)->build;
    TRY(evaluator_make(base->worker, node->join.outer_keys, &self->outer_keys));
    TRY(evaluator_make(base->worker, node->filter, &self->filter));
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
    self->outer_heads = scratch_new(arena, uint32_t);
    self->outer_matched = arena_new_array(arena, uint64_t, BATCH_ROW_COUNT / 64);
    return OK;
}

const OperatorKind hash_join_kind = {
    .operator_bytes = sizeof(HashJoin),
    .local_bytes = sizeof(JoinProbe),
    .make = hash_join_make,
    .make_local = hash_join_make_local,
    .rewind_local = hash_join_rewind_local,
    .open = hash_join_open,
    .process = hash_join_process,
    .finish = hash_join_finish,
    .budget = hash_join_budget,
};
