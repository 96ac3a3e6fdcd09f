// Averages, variances and regressions of float4 and float8.
//
// Source  Youngs and Cramer, "Some Results Relevant to Choice of Sum and Sum-of-Product
//         Algorithms", Technometrics 1971: sums of squared deviations in one pass, as PostgreSQL
//         computes them, so that the last digits agree.
#include "functions/kernels_internal.h"

#include <math.h>

// Over pairs (y, x); the aggregates of one argument use x alone.
typedef struct Deviations {
    double count, sum_x, sum_xx, sum_y, sum_yy, sum_xy;
} Deviations;

// Adds one x. NaN and infinities make the deviations NaN; finite values that overflow fail.
static Status add_one(Deviations *state, double x) {
    double count = state->count + 1, sum = state->sum_x + x, squares = state->sum_xx;
    if (state->count > 0) {
        double distance = x * count - sum;
        squares += distance * distance / (count * state->count);
        if (isinf(sum) || isinf(squares)) {
            if (!isinf(state->sum_x) && !isinf(x)) return FAIL_FLOAT(FAILURE_RANGE);
            squares = (double)NAN;
        }
    } else if (!isfinite(x)) {
        squares = (double)NAN;
    }
    state->count = count;
    state->sum_x = sum;
    state->sum_xx = squares;
    return OK;
}

static Status update_float4(const Call *call, void *const *states, Arena *state_arena) {
    (void)state_arena;
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        if (column_is_null(&call->arguments[0], row)) continue;
        TRY(add_one(states[i], (double)ARGUMENT(call, 0, float, row)));
    }
    return OK;
}

static Status update_float8(const Call *call, void *const *states, Arena *state_arena) {
    (void)state_arena;
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        if (column_is_null(&call->arguments[0], row)) continue;
        TRY(add_one(states[i], ARGUMENT(call, 0, double, row)));
    }
    return OK;
}

static Status add_pair(Deviations *state, double y, double x) {
    Deviations next = *state;
    next.count += 1;
    next.sum_x += x;
    next.sum_y += y;
    if (state->count > 0) {
        double distance_x = x * next.count - next.sum_x;
        double distance_y = y * next.count - next.sum_y;
        double scale = 1.0 / (next.count * state->count);
        next.sum_xx += distance_x * distance_x * scale;
        next.sum_yy += distance_y * distance_y * scale;
        next.sum_xy += distance_x * distance_y * scale;
        if (isinf(next.sum_x) || isinf(next.sum_xx) || isinf(next.sum_y) || isinf(next.sum_yy)
            || isinf(next.sum_xy)) {
            bool x_is_finite = !isinf(state->sum_x) && !isinf(x);
            bool y_is_finite = !isinf(state->sum_y) && !isinf(y);
            if (((isinf(next.sum_x) || isinf(next.sum_xx)) && x_is_finite)
                || ((isinf(next.sum_y) || isinf(next.sum_yy)) && y_is_finite)
                || (isinf(next.sum_xy) && x_is_finite && y_is_finite)) {
                return FAIL_FLOAT(FAILURE_RANGE);
            }
            if (isinf(next.sum_xx)) next.sum_xx = (double)NAN;
            if (isinf(next.sum_yy)) next.sum_yy = (double)NAN;
            if (isinf(next.sum_xy)) next.sum_xy = (double)NAN;
        }
    } else {
        if (!isfinite(x)) next.sum_xx = next.sum_xy = (double)NAN;
        if (!isfinite(y)) next.sum_yy = next.sum_xy = (double)NAN;
    }
    *state = next;
    return OK;
}

static Status update_pairs(const Call *call, void *const *states, Arena *state_arena) {
    (void)state_arena;
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        if (column_is_null(&call->arguments[0], row) || column_is_null(&call->arguments[1], row)) {
            continue;
        }
        double y = ARGUMENT(call, 0, double, row), x = ARGUMENT(call, 1, double, row);
        TRY(add_pair(states[i], y, x));
    }
    return OK;
}

static Status combine(const Call *call, void *into, const void *from, Arena *state_arena) {
    (void)call;
    (void)state_arena;
    Deviations *state = into;
    const Deviations *other = from;
    if (other->count == 0) return OK;
    if (state->count == 0) {
        *state = *other;
        return OK;
    }
    double count = state->count + other->count;
    double gap_x = state->sum_x / state->count - other->sum_x / other->count;
    double gap_y = state->sum_y / state->count - other->sum_y / other->count;
    double weight = state->count * other->count / count;
    state->sum_xx += other->sum_xx + weight * gap_x * gap_x;
    state->sum_yy += other->sum_yy + weight * gap_y * gap_y;
    state->sum_xy += other->sum_xy + weight * gap_x * gap_y;
    state->sum_x += other->sum_x;
    state->sum_y += other->sum_y;
    state->count = count;
    return OK;
}

// Each answer, of a state of at least `count_min` values; NULL below.
#define ANSWER_LIST(X)                                                                             \
    X(avg, 1, s->sum_x / s->count)                                                                 \
    X(var_pop, 1, s->sum_xx / s->count)                                                            \
    X(var_samp, 2, s->sum_xx / (s->count - 1))                                                     \
    X(stddev_pop, 1, sqrt(s->sum_xx / s->count))                                                   \
    X(stddev_samp, 2, sqrt(s->sum_xx / (s->count - 1)))                                            \
    X(regr_sxx, 1, s->sum_xx)                                                                      \
    X(regr_syy, 1, s->sum_yy)                                                                      \
    X(regr_sxy, 1, s->sum_xy)                                                                      \
    X(regr_avgx, 1, s->sum_x / s->count)                                                           \
    X(regr_avgy, 1, s->sum_y / s->count)                                                           \
    X(covar_pop, 1, s->sum_xy / s->count)                                                          \
    X(covar_samp, 2, s->sum_xy / (s->count - 1))

#define X(name, count_min, expression)                                                             \
    static Status name##_answer(                                                                   \
        const Call *call, const void *from, Arena *arena, Value *value_out) {                      \
        (void)call, (void)arena;                                                                   \
        const Deviations *s = from;                                                                \
        *value_out = value_null();                                                                 \
        if (s->count >= (count_min)) *value_out = (Value){.datum = {.float8 = (expression)}};      \
        return OK;                                                                                 \
    }

ANSWER_LIST(X)
#undef X

static Status regr_count_answer(
    const Call *call, const void *from, Arena *arena, Value *value_out) {
    (void)call;
    (void)arena;
    *value_out = (Value){.datum = {.int8 = (int64_t)((const Deviations *)from)->count}};
    return OK;
}

static Status corr_answer(const Call *call, const void *from, Arena *arena, Value *value_out) {
    (void)call;
    (void)arena;
    const Deviations *s = from;
    *value_out = value_null();
    if (s->count < 1 || s->sum_xx == 0 || s->sum_yy == 0) return OK;
    double answer = s->sum_xy / sqrt(s->sum_xx * s->sum_yy);
    *value_out = (Value){.datum = {.float8 = answer}};
    return OK;
}

static Status regr_r2_answer(const Call *call, const void *from, Arena *arena, Value *value_out) {
    (void)call;
    (void)arena;
    const Deviations *s = from;
    *value_out = value_null();
    if (s->count < 1 || s->sum_xx == 0) return OK;
    double answer = s->sum_yy == 0 ? 1.0 : (s->sum_xy * s->sum_xy) / (s->sum_xx * s->sum_yy);
    *value_out = (Value){.datum = {.float8 = answer}};
    return OK;
}

static Status regr_slope_answer(
    const Call *call, const void *from, Arena *arena, Value *value_out) {
    (void)call;
    (void)arena;
    const Deviations *s = from;
    *value_out = value_null();
    if (s->count < 1 || s->sum_xx == 0) return OK;
    *value_out = (Value){.datum = {.float8 = s->sum_xy / s->sum_xx}};
    return OK;
}

static Status regr_intercept_answer(
    const Call *call, const void *from, Arena *arena, Value *value_out) {
    (void)call;
    (void)arena;
    const Deviations *s = from;
    *value_out = value_null();
    if (s->count < 1 || s->sum_xx == 0) return OK;
    double answer = (s->sum_y - s->sum_x * s->sum_xy / s->sum_xx) / s->count;
    *value_out = (Value){.datum = {.float8 = answer}};
    return OK;
}

// X(aggregate, what feeds it, what answers)
#define STATISTIC_LIST(X)                                                                          \
    X(avg_float4, update_float4, avg_answer)                                                       \
    X(avg_float8, update_float8, avg_answer)                                                       \
    X(var_pop_float4, update_float4, var_pop_answer)                                               \
    X(var_pop_float8, update_float8, var_pop_answer)                                               \
    X(var_samp_float4, update_float4, var_samp_answer)                                             \
    X(var_samp_float8, update_float8, var_samp_answer)                                             \
    X(stddev_pop_float4, update_float4, stddev_pop_answer)                                         \
    X(stddev_pop_float8, update_float8, stddev_pop_answer)                                         \
    X(stddev_samp_float4, update_float4, stddev_samp_answer)                                       \
    X(stddev_samp_float8, update_float8, stddev_samp_answer)                                       \
    X(corr, update_pairs, corr_answer)                                                             \
    X(covar_pop, update_pairs, covar_pop_answer)                                                   \
    X(covar_samp, update_pairs, covar_samp_answer)                                                 \
    X(regr_avgx, update_pairs, regr_avgx_answer)                                                   \
    X(regr_avgy, update_pairs, regr_avgy_answer)                                                   \
    X(regr_count, update_pairs, regr_count_answer)                                                 \
    X(regr_intercept, update_pairs, regr_intercept_answer)                                         \
    X(regr_r2, update_pairs, regr_r2_answer)                                                       \
    X(regr_slope, update_pairs, regr_slope_answer)                                                 \
    X(regr_sxx, update_pairs, regr_sxx_answer)                                                     \
    X(regr_sxy, update_pairs, regr_sxy_answer)                                                     \
    X(regr_syy, update_pairs, regr_syy_answer)

#define X(name, update_function, answer)                                                           \
    const AggregateKernels aggregate_##name = {                                                    \
        .state_bytes = sizeof(Deviations),                                                         \
        .update = update_function,                                                                 \
        .combine = combine,                                                                        \
        .finalize = answer,                                                                        \
    };

STATISTIC_LIST(X)
#undef X
