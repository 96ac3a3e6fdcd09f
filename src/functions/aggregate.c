// Aggregates that keep one value a group: counts, sums, extremes, bits, truth.
#include "functions/kernels_internal.h"

#include <math.h>

// ---- count --------------------------------------------------------------------------------------
// ----------------------------------------------------------------------------------------

static Status count_rows(const Call *call, void *const *states, Arena *state_arena) {
    (void)state_arena;
    for (uint32_t i = 0; i < call->selection.count; i++)
        ++*(int64_t *)states[i];
    return OK;
}

static Status count_values(const Call *call, void *const *states, Arena *state_arena) {
    const Column *column = &call->arguments[0];
    if (column->nulls == NULL) return count_rows(call, states, state_arena);
    for (uint32_t i = 0; i < call->selection.count; i++) {
        bool is_null = column_is_null(column, selection_row(call->selection, i));
        *(int64_t *)states[i] += !is_null;
    }
    return OK;
}

static Status count_rows_one(const Call *call, void *state, Arena *state_arena) {
    (void)state_arena;
    *(int64_t *)state += call->selection.count;
    return OK;
}

static Status count_values_one(const Call *call, void *state, Arena *state_arena) {
    const Column *column = &call->arguments[0];
    if (column->nulls == NULL) return count_rows_one(call, state, state_arena);
    int64_t count = 0;
    for (uint32_t i = 0; i < call->selection.count; i++) {
        count += !column_is_null(column, selection_row(call->selection, i));
    }
    *(int64_t *)state += count;
    return OK;
}

static Status count_combine(const Call *call, void *into, const void *from, Arena *state_arena) {
    (void)call;
    (void)state_arena;
    *(int64_t *)into += *(const int64_t *)from;
    return OK;
}

static Status count_finalize(const Call *call, const void *state, Arena *arena, Value *value_out) {
    (void)call;
    (void)arena;
    *value_out = (Value){.datum = {.int8 = *(const int64_t *)state}};
    return OK;
}

const AggregateKernels aggregate_count_rows = {
    .state_bytes = sizeof(int64_t),
    .update = count_rows,
    .update_one = count_rows_one,
    .combine = count_combine,
    .finalize = count_finalize,
};

const AggregateKernels aggregate_count_values = {
    .state_bytes = sizeof(int64_t),
    .update = count_values,
    .update_one = count_values_one,
    .combine = count_combine,
    .finalize = count_finalize,
};

// ---- Sums ---------------------------------------------------------------------------------------
// -----------------------------------------------------------------------------------------

// clang-format off
#define T int64_t
#define FAIL FAIL_INT8
#define SOURCE int16_t
#define NAME aggregate_sum_int2
#define FOLD(into, value) { failed |= __builtin_add_overflow(into, value, &(into)); }
#include "functions/aggregate_fold.inc.h"
#undef SOURCE

#define SOURCE int32_t
#define NAME aggregate_sum_int4
#define FOLD(into, value) { failed |= __builtin_add_overflow(into, value, &(into)); }
#include "functions/aggregate_fold.inc.h"
#undef SOURCE
#undef FAIL
#undef T

// An infinite sum of finite numbers is an overflow.
#define SUM_FLOAT(into, value)                                                                     \
    {                                                                                              \
        bool was_infinite = isinf(into) || isinf(value);                                           \
        (into) += (value);                                                                         \
        failed |= isinf(into) && !was_infinite;                                                    \
    }

#define FAIL FAIL_FLOAT
#define T float
#define SOURCE float
#define NAME aggregate_sum_float4
#define FOLD SUM_FLOAT
#include "functions/aggregate_fold.inc.h"
#undef SOURCE
#undef T

#define T double
#define SOURCE double
#define NAME aggregate_sum_float8
#define FOLD SUM_FLOAT
#include "functions/aggregate_fold.inc.h"
#undef SOURCE
#undef T
#undef FAIL

// ---- Extremes, bits -----------------------------------------------------------------------------

#define TAKE_SMALLER(into, value) { (into) = (value) < (into) ? (value) : (into); }
#define TAKE_LARGER(into, value) { (into) = (value) > (into) ? (value) : (into); }
#define TAKE_AND(into, value) { (into) &= (value); }
#define TAKE_OR(into, value) { (into) |= (value); }
#define TAKE_XOR(into, value) { (into) ^= (value); }

#define T int16_t
#define SOURCE T
#define NAME aggregate_min_int2
#define FOLD TAKE_SMALLER
#include "functions/aggregate_fold.inc.h"
#define NAME aggregate_max_int2
#define FOLD TAKE_LARGER
#include "functions/aggregate_fold.inc.h"
#define NAME aggregate_and_int2
#define FOLD TAKE_AND
#include "functions/aggregate_fold.inc.h"
#define NAME aggregate_or_int2
#define FOLD TAKE_OR
#include "functions/aggregate_fold.inc.h"
#define NAME aggregate_xor_int2
#define FOLD TAKE_XOR
#include "functions/aggregate_fold.inc.h"
#undef T

#define T int32_t
#define NAME aggregate_min_int4
#define FOLD TAKE_SMALLER
#include "functions/aggregate_fold.inc.h"
#define NAME aggregate_max_int4
#define FOLD TAKE_LARGER
#include "functions/aggregate_fold.inc.h"
#define NAME aggregate_and_int4
#define FOLD TAKE_AND
#include "functions/aggregate_fold.inc.h"
#define NAME aggregate_or_int4
#define FOLD TAKE_OR
#include "functions/aggregate_fold.inc.h"
#define NAME aggregate_xor_int4
#define FOLD TAKE_XOR
#include "functions/aggregate_fold.inc.h"
#undef T

#define T int64_t
#define NAME aggregate_min_int8
#define FOLD TAKE_SMALLER
#include "functions/aggregate_fold.inc.h"
#define NAME aggregate_max_int8
#define FOLD TAKE_LARGER
#include "functions/aggregate_fold.inc.h"
#define NAME aggregate_and_int8
#define FOLD TAKE_AND
#include "functions/aggregate_fold.inc.h"
#define NAME aggregate_or_int8
#define FOLD TAKE_OR
#include "functions/aggregate_fold.inc.h"
#define NAME aggregate_xor_int8
#define FOLD TAKE_XOR
#include "functions/aggregate_fold.inc.h"
#undef T

#define T uint32_t
#define NAME aggregate_min_oid
#define FOLD TAKE_SMALLER
#include "functions/aggregate_fold.inc.h"
#define NAME aggregate_max_oid
#define FOLD TAKE_LARGER
#include "functions/aggregate_fold.inc.h"
#undef T

// NaN is above every other number.
#define TAKE_SMALLER_FLOAT(into, value)                                                            \
    { (into) = (value) < (into) || isnan(into) ? (value) : (into); }
#define TAKE_LARGER_FLOAT(into, value)                                                             \
    { (into) = (value) > (into) || isnan(value) ? (value) : (into); }

#define T float
#define NAME aggregate_min_float4
#define FOLD TAKE_SMALLER_FLOAT
#include "functions/aggregate_fold.inc.h"
#define NAME aggregate_max_float4
#define FOLD TAKE_LARGER_FLOAT
#include "functions/aggregate_fold.inc.h"
#undef T

#define T double
#define NAME aggregate_min_float8
#define FOLD TAKE_SMALLER_FLOAT
#include "functions/aggregate_fold.inc.h"
#define NAME aggregate_max_float8
#define FOLD TAKE_LARGER_FLOAT
#include "functions/aggregate_fold.inc.h"
#undef T

#define T bool
#define NAME aggregate_bool_and
#define FOLD(into, value) { (into) = (into) && (value); }
#include "functions/aggregate_fold.inc.h"
#define NAME aggregate_bool_or
#define FOLD(into, value) { (into) = (into) || (value); }
#include "functions/aggregate_fold.inc.h"

// clang-format on

// ---- Extremes of any type, by its order ---------------------------------------------------------
// -----------------------------------------------------------

// The value's bytes, when it borrows some, lie in a buffer of the state that later values reuse.
typedef struct ExtremeState {
    Datum datum;
    uint8_t *buffer;
    uint32_t buffer_bytes;
    bool has_value;
} ExtremeState;

static void extreme_take(
    ExtremeState *state, const Datum *datum, PhysicalKind kind, Arena *state_arena) {
    state->has_value = true;
    state->datum = *datum;
    if (kind != PHYSICAL_VIEW || datum->view.count <= VIEW_INLINE_MAX) return;
    uint32_t bytes = datum->view.count;
    if (bytes > state->buffer_bytes) {
        state->buffer_bytes = bytes + bytes / 2;
        state->buffer = arena_allocate(state_arena, state->buffer_bytes, 16);
    }
    memcpy(state->buffer, view_data(&datum->view), bytes);
    state->datum.view = view_make(state->buffer, bytes);
}

static Status extreme_update(
    const Call *call, void *const *states, Arena *state_arena, bool wants_larger) {
    const Column *column = &call->arguments[0];
    const TypeOps *ops;
    TRY(type_ops_require(column->type, &ops));
    for (uint32_t i = 0; i < call->selection.count; i++) {
        Value value = column_get(column, selection_row(call->selection, i));
        if (value.is_null) continue;
        ExtremeState *state = states[i];
        int order = state->has_value ? ops->compare(&value.datum, &state->datum) : 0;
        bool is_better = !state->has_value || (wants_larger ? order > 0 : order < 0);
        if (is_better) extreme_take(state, &value.datum, column->kind, state_arena);
    }
    return OK;
}

static Status extreme_combine(
    const Call *call, void *into, const void *from, Arena *state_arena, bool wants_larger) {
    const TypeOps *ops;
    TRY(type_ops_require(call->result_type.oid, &ops));
    ExtremeState *state = into;
    const ExtremeState *other = from;
    if (!other->has_value) return OK;
    int order = state->has_value ? ops->compare(&other->datum, &state->datum) : 0;
    bool is_better = !state->has_value || (wants_larger ? order > 0 : order < 0);
    if (is_better) extreme_take(state, &other->datum, ops->physical, state_arena);
    return OK;
}

static Status extreme_finalize(const Call *call, const void *from, Arena *arena, Value *value_out) {
    const ExtremeState *state = from;
    if (!state->has_value) {
        *value_out = value_null();
        return OK;
    }
    Value value = {.datum = state->datum};
    *value_out = value_copy(value, type_physical(call->result_type.oid), arena);
    return OK;
}

static Status min_update(const Call *call, void *const *states, Arena *state_arena) {
    return extreme_update(call, states, state_arena, false);
}

static Status max_update(const Call *call, void *const *states, Arena *state_arena) {
    return extreme_update(call, states, state_arena, true);
}

static Status min_combine(const Call *call, void *into, const void *from, Arena *state_arena) {
    return extreme_combine(call, into, from, state_arena, false);
}

static Status max_combine(const Call *call, void *into, const void *from, Arena *state_arena) {
    return extreme_combine(call, into, from, state_arena, true);
}

const AggregateKernels aggregate_min_any = {
    .state_bytes = sizeof(ExtremeState),
    .update = min_update,
    .combine = min_combine,
    .finalize = extreme_finalize,
};

const AggregateKernels aggregate_max_any = {
    .state_bytes = sizeof(ExtremeState),
    .update = max_update,
    .combine = max_combine,
    .finalize = extreme_finalize,
};
