// Aggregates with numeric answers: sums of bigint and numeric; averages and variances of integers
// and numeric.
//
// Model  A sum is kept in 128 bits, scaled to the most decimals seen so far. A value that does not
//        fit so (a great one, one of many decimals, NaN or an infinity) goes to a numeric beside
//        it.
#include "functions/kernels_internal.h"
#include "types/numeric.h"

typedef struct ExactSum {
    Int128 scaled;
    int32_t scale;     // of `scaled`
    int32_t scale_max; // of all values: that of the sum
    bool has_numeric;
    View numeric;
} ExactSum;

enum { SCALE_MAX = 18 }; // beyond which 128 bits hold too few sums

// Moves `number` to the numeric beside.
static Status sum_add_beside(ExactSum *sum, const Numeric *number, Arena *state_arena) {
    Numeric total = *number;
    if (sum->has_numeric) {
        Numeric other = numeric_open(&sum->numeric, state_arena);
        total = numeric_add(&other, number, state_arena);
    }
    TRY(numeric_store(&total, state_arena, &sum->numeric));
    sum->has_numeric = true;
    return OK;
}

static Status sum_add_scaled(ExactSum *sum, Int128 value, Arena *state_arena) {
    Int128 total;
    if (!__builtin_add_overflow(sum->scaled, value, &total)) {
        sum->scaled = total;
        return OK;
    }
    Numeric so_far = numeric_from_scaled(sum->scaled, sum->scale, state_arena);
    sum->scaled = value;
    return sum_add_beside(sum, &so_far, state_arena);
}

// Makes room for more decimals; moves the sum aside when it does not fit any more.
static Status sum_rescale(ExactSum *sum, int32_t scale, Arena *state_arena) {
    Int128 scaled = sum->scaled;
    bool overflows = false;
    for (int32_t i = sum->scale; i < scale && !overflows; i++) {
        overflows = __builtin_mul_overflow(scaled, 10, &scaled);
    }
    if (overflows) {
        Numeric so_far = numeric_from_scaled(sum->scaled, sum->scale, state_arena);
        TRY(sum_add_beside(sum, &so_far, state_arena));
        scaled = 0;
    }
    sum->scaled = scaled;
    sum->scale = scale;
    return OK;
}

static Status sum_add_numeric(ExactSum *sum, const Numeric *number, Arena *state_arena) {
    if (number->scale > sum->scale_max) sum->scale_max = number->scale;
    Int128 scaled = 0;
    if (number->kind == NUMERIC_FINITE && number->scale <= SCALE_MAX) {
        if (number->scale > sum->scale) TRY(sum_rescale(sum, number->scale, state_arena));
        if (numeric_to_scaled(number, sum->scale, &scaled)) {
            return sum_add_scaled(sum, scaled, state_arena);
        }
    }
    return sum_add_beside(sum, number, state_arena);
}

static Numeric sum_get(const ExactSum *sum, Arena *arena) {
    Numeric total = numeric_from_scaled(sum->scaled, sum->scale, arena);
    if (sum->has_numeric) {
        Numeric beside = numeric_open(&sum->numeric, arena);
        total = numeric_add(&total, &beside, arena);
    }
    if (total.kind != NUMERIC_FINITE) return total;
    return numeric_round(&total, sum->scale_max, arena);
}

static Status sum_combine(ExactSum *into, const ExactSum *from, Arena *state_arena) {
    Numeric other = numeric_from_scaled(from->scaled, from->scale, state_arena);
    TRY(sum_add_numeric(into, &other, state_arena));
    if (from->has_numeric) {
        Numeric beside = numeric_open(&from->numeric, state_arena);
        TRY(sum_add_beside(into, &beside, state_arena));
    }
    if (from->scale_max > into->scale_max) into->scale_max = from->scale_max;
    return OK;
}

// ---- States
// --------------------------------------------------------------------------------------

typedef struct NumericState {
    int64_t count;
    ExactSum sum;
} NumericState;

typedef struct VarianceState {
    int64_t count;
    ExactSum sum, squares;
} VarianceState;

static_assert(offsetof(VarianceState, sum) == offsetof(NumericState, sum), "a state starts alike");

static int64_t integer_at(const Column *column, uint32_t row) {
    if (column->is_constant) row = 0;
    if (column->kind == PHYSICAL_INT2) return ((const int16_t *)column->values)[row];
    if (column->kind == PHYSICAL_INT4) return ((const int32_t *)column->values)[row];
    return ((const int64_t *)column->values)[row];
}

static bool is_one_state(void *const *states, uint32_t count) {
    uintptr_t differences = 0;
    for (uint32_t i = 0; i < count; i++)
        differences |= (uintptr_t)states[i] ^ (uintptr_t)states[0];
    return differences == 0;
}

// The sum of a batch's values, by halves that cannot overflow, so that it needs no 128-bit steps.
static Int128 integers_sum(const int64_t *values, uint32_t count) {
    int64_t high = 0;
    uint64_t low = 0;
    for (uint32_t i = 0; i < count; i++) {
        high += values[i] >> 32;
        low += (uint64_t)values[i] & UINT32_MAX;
    }
    return ((Int128)high << 32) + low;
}

// The common case: a batch without NULLs, from `first` on as far as the rows have one state.
static uint32_t integer_run(
    const Call *call, void *const *states, uint32_t first, Int128 *total_out) {
    const Column *column = &call->arguments[0];
    const int64_t *values = column->values;
    const uint16_t *rows = call->selection.rows;
    uint32_t end = first, count = call->selection.count;
    if (rows == NULL && first == 0 && is_one_state(states, count)) {
        *total_out = integers_sum(values, count);
        return count;
    }
    Int128 total = 0;
    if (rows == NULL) {
        for (; end < count && states[end] == states[first]; end++)
            total += values[end];
    } else {
        for (; end < count && states[end] == states[first]; end++)
            total += values[rows[end]];
    }
    *total_out = total;
    return end;
}

static Status integer_update(const Call *call, void *const *states, Arena *state_arena) {
    const Column *column = &call->arguments[0];
    uint32_t count = call->selection.count;
    if (column->kind == PHYSICAL_INT8 && column->nulls == NULL && !column->is_constant) {
        for (uint32_t i = 0, end; i < count; i = end) {
            NumericState *state = states[i];
            Int128 total;
            end = integer_run(call, states, i, &total);
            state->count += end - i;
            TRY(sum_add_scaled(&state->sum, total, state_arena));
        }
        return OK;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = selection_row(call->selection, i);
        if (column_is_null(column, row)) continue;
        NumericState *state = states[i];
        state->count++;
        TRY(sum_add_scaled(&state->sum, integer_at(column, row), state_arena));
    }
    return OK;
}

static Status integer_update_one(const Call *call, void *into, Arena *state_arena) {
    const Column *column = &call->arguments[0];
    const uint16_t *rows = call->selection.rows;
    uint32_t count = call->selection.count;
    NumericState *state = into;
    Int128 total = 0;
    int64_t added = count;
    if (column->kind == PHYSICAL_INT8 && column->nulls == NULL && !column->is_constant) {
        const int64_t *values = column->values;
        for (uint32_t i = 0; i < count && rows == NULL; i++) {
            total += values[i];
        }
        for (uint32_t i = 0; i < count && rows != NULL; i++) {
            total += values[rows[i]];
        }
    } else {
        added = 0;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t row = selection_row(call->selection, i);
            if (column_is_null(column, row)) continue;
            total += integer_at(column, row);
            added++;
        }
    }
    state->count += added;
    return sum_add_scaled(&state->sum, total, state_arena);
}

static Status numeric_update(const Call *call, void *const *states, Arena *state_arena) {
    const Column *column = &call->arguments[0];
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        if (column_is_null(column, row)) continue;
        NumericState *state = states[i];
        state->count++;
        Numeric number = numeric_open(&ARGUMENT(call, 0, View, row), state_arena);
        TRY(sum_add_numeric(&state->sum, &number, state_arena));
    }
    return OK;
}

static Status integer_variance_update(const Call *call, void *const *states, Arena *state_arena) {
    const Column *column = &call->arguments[0];
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        if (column_is_null(column, row)) continue;
        VarianceState *state = states[i];
        int64_t value = integer_at(column, row);
        state->count++;
        TRY(sum_add_scaled(&state->sum, value, state_arena));
        TRY(sum_add_scaled(&state->squares, (Int128)value * value, state_arena));
    }
    return OK;
}

static Status numeric_variance_update(const Call *call, void *const *states, Arena *state_arena) {
    const Column *column = &call->arguments[0];
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        if (column_is_null(column, row)) continue;
        VarianceState *state = states[i];
        state->count++;
        Numeric number = numeric_open(&ARGUMENT(call, 0, View, row), state_arena);
        TRY(sum_add_numeric(&state->sum, &number, state_arena));
        Numeric square = numeric_multiply(&number, &number, state_arena);
        TRY(sum_add_numeric(&state->squares, &square, state_arena));
    }
    return OK;
}

static Status numeric_combine(const Call *call, void *into, const void *from, Arena *state_arena) {
    (void)call;
    NumericState *state = into;
    const NumericState *other = from;
    state->count += other->count;
    return sum_combine(&state->sum, &other->sum, state_arena);
}

static Status variance_combine(const Call *call, void *into, const void *from, Arena *state_arena) {
    (void)call;
    VarianceState *state = into;
    const VarianceState *other = from;
    state->count += other->count;
    TRY(sum_combine(&state->sum, &other->sum, state_arena));
    return sum_combine(&state->squares, &other->squares, state_arena);
}

// ---- Answers
// -------------------------------------------------------------------------------------

static Status answer(const Numeric *number, Arena *arena, Value *value_out) {
    *value_out = (Value){.is_null = false};
    return numeric_store(number, arena, &value_out->datum.view);
}

static Status sum_answer(const Call *call, const void *from, Arena *arena, Value *value_out) {
    (void)call;
    const NumericState *state = from;
    *value_out = value_null();
    if (state->count == 0) return OK;
    Numeric total = sum_get(&state->sum, arena);
    return answer(&total, arena, value_out);
}

static Status average_answer(const Call *call, const void *from, Arena *arena, Value *value_out) {
    (void)call;
    const NumericState *state = from;
    *value_out = value_null();
    if (state->count == 0) return OK;
    Numeric total = sum_get(&state->sum, arena), average;
    Numeric count = numeric_from_int64(state->count, arena);
    TRY(numeric_divide(&total, &count, arena, &average));
    return answer(&average, arena, value_out);
}

// (N x sum of squares - square of the sum) / (N x (N - 1)), or / (N x N) for the whole population.
static Status variance_answer(
    const VarianceState *state, bool is_sample, bool wants_root, Arena *arena, Value *value_out) {
    *value_out = value_null();
    if (state->count < (is_sample ? 2 : 1)) return OK;
    Numeric sum = sum_get(&state->sum, arena), squares = sum_get(&state->squares, arena);
    if (sum.kind != NUMERIC_FINITE || squares.kind != NUMERIC_FINITE) {
        Numeric nan = {.kind = NUMERIC_NAN};
        return answer(&nan, arena, value_out);
    }
    Numeric count = numeric_from_int64(state->count, arena);
    Numeric weighted = numeric_multiply(&count, &squares, arena);
    Numeric square = numeric_multiply(&sum, &sum, arena);
    Numeric dividend = numeric_subtract(&weighted, &square, arena);
    if (numeric_is_zero(&dividend) || dividend.is_negative) {
        Numeric zero = numeric_from_int64(0, arena);
        return answer(&zero, arena, value_out);
    }
    Int128 pairs = (Int128)state->count * (is_sample ? state->count - 1 : state->count);
    Numeric divisor = numeric_from_scaled(pairs, 0, arena), variance;
    TRY(numeric_divide(&dividend, &divisor, arena, &variance));
    if (wants_root) {
        // The root is taken with as many decimals more as it has digits before the point, so that
        // it is not rounded twice.
        int32_t digits = variance.weight < 0 ? 0 : (variance.weight + 1) * NUMERIC_BASE_DIGITS / 2;
        Numeric wider = numeric_round(&variance, variance.scale + digits + 8, arena), root;
        TRY(numeric_sqrt(&wider, arena, &root));
        variance = numeric_round(&root, variance.scale, arena);
    }
    return answer(&variance, arena, value_out);
}

static Status var_pop_answer(const Call *call, const void *from, Arena *arena, Value *value_out) {
    (void)call;
    return variance_answer(from, false, false, arena, value_out);
}

static Status var_samp_answer(const Call *call, const void *from, Arena *arena, Value *value_out) {
    (void)call;
    return variance_answer(from, true, false, arena, value_out);
}

static Status stddev_pop_answer(
    const Call *call, const void *from, Arena *arena, Value *value_out) {
    (void)call;
    return variance_answer(from, false, true, arena, value_out);
}

static Status stddev_samp_answer(
    const Call *call, const void *from, Arena *arena, Value *value_out) {
    (void)call;
    return variance_answer(from, true, true, arena, value_out);
}

// X(aggregate, state, what feeds it, how states meet, what answers)
#define EXACT_LIST(X)                                                                              \
    X(sum_int8, NumericState, integer_update, integer_update_one, numeric_combine, sum_answer)     \
    X(sum_numeric, NumericState, numeric_update, NULL, numeric_combine, sum_answer)                \
    X(avg_integer, NumericState, integer_update, integer_update_one, numeric_combine,              \
        average_answer)                                                                            \
    X(avg_numeric, NumericState, numeric_update, NULL, numeric_combine, average_answer)            \
    X(var_pop_integer, VarianceState, integer_variance_update, NULL, variance_combine,             \
        var_pop_answer)                                                                            \
    X(var_pop_numeric, VarianceState, numeric_variance_update, NULL, variance_combine,             \
        var_pop_answer)                                                                            \
    X(var_samp_integer, VarianceState, integer_variance_update, NULL, variance_combine,            \
        var_samp_answer)                                                                           \
    X(var_samp_numeric, VarianceState, numeric_variance_update, NULL, variance_combine,            \
        var_samp_answer)                                                                           \
    X(stddev_pop_integer, VarianceState, integer_variance_update, NULL, variance_combine,          \
        stddev_pop_answer)                                                                         \
    X(stddev_pop_numeric, VarianceState, numeric_variance_update, NULL, variance_combine,          \
        stddev_pop_answer)                                                                         \
    X(stddev_samp_integer, VarianceState, integer_variance_update, NULL, variance_combine,         \
        stddev_samp_answer)                                                                        \
    X(stddev_samp_numeric, VarianceState, numeric_variance_update, NULL, variance_combine,         \
        stddev_samp_answer)

#define X(name, State, update_function, one_function, combine_function, answer_function)           \
    const AggregateKernels aggregate_##name = {                                                    \
        .state_bytes = sizeof(State),                                                              \
        .update = update_function,                                                                 \
        .update_one = one_function,                                                                \
        .combine = combine_function,                                                               \
        .finalize = answer_function,                                                               \
    };

EXACT_LIST(X)
#undef X
