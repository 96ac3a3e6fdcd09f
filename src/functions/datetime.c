// Kernels of dates, times, timestamps and intervals, over the arithmetic of types/datetime.h.
#include "types/datetime.h"

#include "base/error.h"
#include "functions/kernels_internal.h"

static const TimeZone *session_zone(const Call *call) {
    return call->context->values.time_zone;
}

// A kernel that calls `function` for each row. X(kernel, type of the result, call)
//   A and B are the addresses of the arguments of a row, R that of its result.
#define A(Type) (&ARGUMENT(call, 0, Type, row))
#define B(Type) (&ARGUMENT(call, 1, Type, row))

#define FALLIBLE_LIST(X)                                                                           \
    X(timestamp_pl_interval, int64_t, timestamp_add_interval(*A(int64_t), B(Interval), r))         \
    X(interval_pl_timestamp, int64_t, timestamp_add_interval(*B(int64_t), A(Interval), r))         \
    X(timestamptz_pl_interval, int64_t,                                                            \
        timestamptz_add_interval(session_zone(call), *A(int64_t), B(Interval), r))                 \
    X(interval_pl_timestamptz, int64_t,                                                            \
        timestamptz_add_interval(session_zone(call), *B(int64_t), A(Interval), r))                 \
    X(timestamp_mi, Interval, timestamp_subtract(*A(int64_t), *B(int64_t), r))                     \
    X(timestamp_age, Interval, timestamp_age(*A(int64_t), *B(int64_t), r))                         \
    X(timestamptz_age, Interval, timestamptz_age(session_zone(call), *A(int64_t), *B(int64_t), r)) \
    X(date_pli, int32_t, date_add_days(*A(int32_t), *B(int32_t), r))                               \
    X(integer_pl_date, int32_t, date_add_days(*B(int32_t), *A(int32_t), r))                        \
    X(date_mi, int32_t, date_subtract(*A(int32_t), *B(int32_t), r))                                \
    X(interval_pl, Interval, interval_add(A(Interval), B(Interval), r))                            \
    X(interval_mi, Interval, interval_subtract(A(Interval), B(Interval), r))                       \
    X(interval_um, Interval, interval_negate(A(Interval), r))                                      \
    X(interval_mul, Interval, interval_multiply(A(Interval), *B(double), r))                       \
    X(mul_d_interval, Interval, interval_multiply(B(Interval), *A(double), r))                     \
    X(interval_div, Interval, interval_divide(A(Interval), *B(double), r))                         \
    X(interval_justify_hours, Interval, interval_justify_hours(A(Interval), r))                    \
    X(interval_justify_days, Interval, interval_justify_days(A(Interval), r))                      \
    X(interval_justify_interval, Interval, interval_justify(A(Interval), r))                       \
    X(date_timestamp, int64_t, date_to_timestamp(*A(int32_t), r))                                  \
    X(date_timestamptz, int64_t, date_to_timestamptz(session_zone(call), *A(int32_t), r))          \
    X(timestamp_timestamptz, int64_t,                                                              \
        timestamp_to_timestamptz(session_zone(call), *A(int64_t), r))                              \
    X(timestamptz_timestamp, int64_t,                                                              \
        timestamptz_to_timestamp(session_zone(call), *A(int64_t), r))                              \
    X(float8_timestamptz, int64_t, timestamp_from_unix(*A(double), r))

#define X(name, Type, function)                                                                    \
    Status kernel_##name(Call *call) {                                                             \
        FOR_EACH_ROW(call, row) {                                                                  \
            Type *r = &RESULT(call, Type, row);                                                    \
            TRY(function);                                                                         \
        }                                                                                          \
        return OK;                                                                                 \
    }

FALLIBLE_LIST(X)
#undef X

#define PLAIN_LIST(X)                                                                              \
    X(time_mi_time, Interval, ((Interval){.time_us = *A(int64_t) - *B(int64_t)}))                  \
    X(time_pl_interval, int64_t, time_add_interval(*A(int64_t), B(Interval)))                      \
    X(interval_pl_time, int64_t, time_add_interval(*B(int64_t), A(Interval)))                      \
    X(timestamp_date, int32_t, timestamp_to_date(*A(int64_t)))                                     \
    X(timestamptz_date, int32_t, timestamptz_to_date(session_zone(call), *A(int64_t)))             \
    X(time_interval, Interval, ((Interval){.time_us = *A(int64_t)}))                               \
    X(interval_time, int64_t, time_add_interval(0, A(Interval)))                                   \
    X(timestamp_finite, bool, !timestamp_is_infinite(*A(int64_t)))                                 \
    X(date_finite, bool, !date_is_infinite(*A(int32_t)))                                           \
    X(interval_finite, bool, true)

#define X(name, Type, expression)                                                                  \
    Status kernel_##name(Call *call) {                                                             \
        FOR_EACH_ROW(call, row) RESULT(call, Type, row) = expression;                              \
        return OK;                                                                                 \
    }

PLAIN_LIST(X)
#undef X

// ---- Subtracting an interval is adding its negation ---------------------------------------------

static Interval negated(const Interval *interval) {
    return (Interval){
        .time_us = (int64_t)(0 - (uint64_t)interval->time_us),
        .days = (int32_t)(0 - (uint32_t)interval->days),
        .months = (int32_t)(0 - (uint32_t)interval->months),
    };
}

Status kernel_timestamp_mi_interval(Call *call) {
    FOR_EACH_ROW(call, row) {
        Interval interval = negated(B(Interval));
        TRY(timestamp_add_interval(*A(int64_t), &interval, &RESULT(call, int64_t, row)));
    }
    return OK;
}

Status kernel_timestamptz_mi_interval(Call *call) {
    FOR_EACH_ROW(call, row) {
        Interval interval = negated(B(Interval));
        TRY(timestamptz_add_interval(
            session_zone(call), *A(int64_t), &interval, &RESULT(call, int64_t, row)));
    }
    return OK;
}

Status kernel_time_mi_interval(Call *call) {
    FOR_EACH_ROW(call, row) {
        Interval interval = negated(B(Interval));
        RESULT(call, int64_t, row) = time_add_interval(*A(int64_t), &interval);
    }
    return OK;
}

Status kernel_date_mii(Call *call) {
    FOR_EACH_ROW(call, row) {
        int32_t days = *B(int32_t);
        if (days == INT32_MIN && !date_is_infinite(*A(int32_t))) {
            return fail(DATETIME_FIELD_OVERFLOW, "date out of range");
        }
        TRY(date_add_days(*A(int32_t), (int32_t)(0 - (uint32_t)days), &RESULT(call, int32_t, row)));
    }
    return OK;
}

// ---- A date becomes a timestamp first -----------------------------------------------------------

static Status date_and_interval(int32_t date, Interval interval, int64_t *timestamp_out) {
    int64_t timestamp;
    TRY(date_to_timestamp(date, &timestamp));
    return timestamp_add_interval(timestamp, &interval, timestamp_out);
}

Status kernel_date_pl_interval(Call *call) {
    FOR_EACH_ROW(call, row) {
        TRY(date_and_interval(*A(int32_t), *B(Interval), &RESULT(call, int64_t, row)));
    }
    return OK;
}

Status kernel_interval_pl_date(Call *call) {
    FOR_EACH_ROW(call, row) {
        TRY(date_and_interval(*B(int32_t), *A(Interval), &RESULT(call, int64_t, row)));
    }
    return OK;
}

Status kernel_date_mi_interval(Call *call) {
    FOR_EACH_ROW(call, row) {
        TRY(date_and_interval(*A(int32_t), negated(B(Interval)), &RESULT(call, int64_t, row)));
    }
    return OK;
}

Status kernel_datetime_timestamp(Call *call) {
    FOR_EACH_ROW(call, row) {
        Interval time = {.time_us = *B(int64_t)};
        TRY(date_and_interval(*A(int32_t), time, &RESULT(call, int64_t, row)));
    }
    return OK;
}

Status kernel_timedate_pl(Call *call) {
    FOR_EACH_ROW(call, row) {
        Interval time = {.time_us = *A(int64_t)};
        TRY(date_and_interval(*B(int32_t), time, &RESULT(call, int64_t, row)));
    }
    return OK;
}

// ---- Parts of timestamps ------------------------------------------------------------------------

static Status time_of(Call *call, bool has_zone) {
    FOR_EACH_ROW(call, row) {
        int64_t timestamp = *A(int64_t);
        if (timestamp_is_infinite(timestamp)) {
            result_set_null(call, row);
            continue;
        }
        if (has_zone) TRY(timestamptz_to_timestamp(session_zone(call), timestamp, &timestamp));
        RESULT(call, int64_t, row) = timestamp_to_time(timestamp);
    }
    return OK;
}

Status kernel_timestamp_time(Call *call) {
    return time_of(call, false);
}

Status kernel_timestamptz_time(Call *call) {
    return time_of(call, true);
}

// age(x) is age(today's midnight, x), today by the session's clock.
static Status midnight(const Call *call, int64_t *local_out) {
    int64_t now;
    TRY(timestamptz_to_timestamp(session_zone(call), call->context->transaction_time_us, &now));
    *local_out = floor_divide(now, US_PER_DAY) * US_PER_DAY;
    return OK;
}

Status kernel_age_of_timestamp(Call *call) {
    int64_t today;
    TRY(midnight(call, &today));
    FOR_EACH_ROW(call, row) {
        TRY(timestamp_age(today, *A(int64_t), &RESULT(call, Interval, row)));
    }
    return OK;
}

Status kernel_age_of_timestamptz(Call *call) {
    int64_t today;
    TRY(midnight(call, &today));
    TRY(timestamp_to_timestamptz(session_zone(call), today, &today));
    FOR_EACH_ROW(call, row) {
        TRY(timestamptz_age(session_zone(call), today, *A(int64_t), &RESULT(call, Interval, row)));
    }
    return OK;
}

// timestamp beside timestamptz: compared as timestamptz.
static Status compare_across(Call *call, uint32_t plain_index, bool (*test)(int64_t a, int64_t b)) {
    FOR_EACH_ROW(call, row) {
        int64_t sides[2] = {0, 0};
        for (uint32_t i = 0; i < 2; i++) {
            if (call->arguments[i].kind == PHYSICAL_INT4) {
                TRY(date_to_timestamp(ARGUMENT(call, i, int32_t, row), &sides[i]));
            } else {
                sides[i] = ARGUMENT(call, i, int64_t, row);
            }
        }
        TRY(timestamp_to_timestamptz(session_zone(call), sides[plain_index], &sides[plain_index]));
        RESULT(call, bool, row) = test(sides[0], sides[1]);
    }
    return OK;
}

#define ACROSS_LIST(X)                                                                             \
    X(eq, a == b)                                                                                  \
    X(ne, a != b)                                                                                  \
    X(lt, a < b)                                                                                   \
    X(le, a <= b)                                                                                  \
    X(gt, a > b)                                                                                   \
    X(ge, a >= b)

#define X(name, expression)                                                                        \
    static bool test_##name(int64_t a, int64_t b) {                                                \
        return expression;                                                                         \
    }                                                                                              \
                                                                                                   \
    Status kernel_timestamp_##name##_timestamptz(Call *call) {                                     \
        return compare_across(call, 0, test_##name);                                               \
    }                                                                                              \
                                                                                                   \
    Status kernel_timestamptz_##name##_timestamp(Call *call) {                                     \
        return compare_across(call, 1, test_##name);                                               \
    }

ACROSS_LIST(X)
#undef X

// ---- AT TIME ZONE
// --------------------------------------------------------------------------------

typedef Status (*FindZone)(Call *call, uint32_t row, const TimeZone **zone_out);
typedef Status (*MoveTime)(const TimeZone *zone, int64_t timestamp, int64_t *timestamp_out);

static Status zone_of_name(Call *call, uint32_t row, const TimeZone **zone_out) {
    Bytes name = argument_bytes(call, 0, row);
    return time_zone_require(
        &call->context->values, (const char *)name.data, name.count, call->arena, zone_out);
}

static Status zone_of_interval(Call *call, uint32_t row, const TimeZone **zone_out) {
    return time_zone_from_interval(&call->context->values, A(Interval), call->arena, zone_out);
}

static Status move_rows(Call *call, FindZone find, MoveTime move) {
    const TimeZone *zone = NULL;
    FOR_EACH_ROW(call, row) {
        int64_t timestamp = *B(int64_t);
        if (timestamp_is_infinite(timestamp)) {
            RESULT(call, int64_t, row) = timestamp;
            continue;
        }
        if (zone == NULL || !call->arguments[0].is_constant) TRY(find(call, row, &zone));
        TRY(move(zone, timestamp, &RESULT(call, int64_t, row)));
    }
    return OK;
}

Status kernel_timestamp_zone(Call *call) {
    return move_rows(call, zone_of_name, timestamp_to_timestamptz);
}

Status kernel_timestamp_izone(Call *call) {
    return move_rows(call, zone_of_interval, timestamp_to_timestamptz);
}

Status kernel_timestamptz_zone(Call *call) {
    return move_rows(call, zone_of_name, timestamptz_to_timestamp);
}

Status kernel_timestamptz_izone(Call *call) {
    return move_rows(call, zone_of_interval, timestamptz_to_timestamp);
}

// ---- Construction
// --------------------------------------------------------------------------------

Status kernel_make_date(Call *call) {
    FOR_EACH_ROW(call, row) {
        TRY(date_make(
            *A(int32_t), *B(int32_t), argument_int4(call, 2, row), &RESULT(call, int32_t, row)));
    }
    return OK;
}

Status kernel_make_time(Call *call) {
    FOR_EACH_ROW(call, row) {
        TRY(time_make(
            *A(int32_t), *B(int32_t), ARGUMENT(call, 2, double, row), &RESULT(call, int64_t, row)));
    }
    return OK;
}

Status kernel_make_timestamp(Call *call) {
    FOR_EACH_ROW(call, row) {
        TRY(timestamp_make(*A(int32_t), *B(int32_t), argument_int4(call, 2, row),
            argument_int4(call, 3, row), argument_int4(call, 4, row),
            ARGUMENT(call, 5, double, row), &RESULT(call, int64_t, row)));
    }
    return OK;
}

Status kernel_make_timestamptz(Call *call) {
    FOR_EACH_ROW(call, row) {
        const TimeZone *zone = session_zone(call);
        if (call->argument_count > 6) {
            Bytes name = argument_bytes(call, 6, row);
            TRY(time_zone_require(
                &call->context->values, (const char *)name.data, name.count, call->arena, &zone));
        }
        TRY(timestamptz_make(zone, *A(int32_t), *B(int32_t), argument_int4(call, 2, row),
            argument_int4(call, 3, row), argument_int4(call, 4, row),
            ARGUMENT(call, 5, double, row), &RESULT(call, int64_t, row)));
    }
    return OK;
}

Status kernel_make_interval(Call *call) {
    FOR_EACH_ROW(call, row) {
        TRY(interval_make(*A(int32_t), *B(int32_t), argument_int4(call, 2, row),
            argument_int4(call, 3, row), argument_int4(call, 4, row), argument_int4(call, 5, row),
            ARGUMENT(call, 6, double, row), &RESULT(call, Interval, row)));
    }
    return OK;
}

// ---- Sums and averages of intervals
// --------------------------------------------------------------

typedef struct IntervalState {
    Interval sum;
    int64_t count;
} IntervalState;

static Status interval_update(const Call *call, void *const *states, Arena *state_arena) {
    (void)state_arena;
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        if (column_is_null(&call->arguments[0], row)) continue;
        IntervalState *state = states[i];
        state->count++;
        TRY(interval_add(&state->sum, &ARGUMENT(call, 0, Interval, row), &state->sum));
    }
    return OK;
}

static Status interval_combine(const Call *call, void *into, const void *from, Arena *state_arena) {
    (void)call, (void)state_arena;
    IntervalState *state = into;
    const IntervalState *other = from;
    state->count += other->count;
    return interval_add(&state->sum, &other->sum, &state->sum);
}

static Status interval_sum(const Call *call, const void *from, Arena *arena, Value *value_out) {
    (void)call, (void)arena;
    const IntervalState *state = from;
    *value_out = (Value){.datum = {.interval = state->sum}, .is_null = state->count == 0};
    return OK;
}

static Status interval_average(const Call *call, const void *from, Arena *arena, Value *value_out) {
    (void)call, (void)arena;
    const IntervalState *state = from;
    *value_out = value_null();
    if (state->count == 0) return OK;
    Interval average;
    TRY(interval_divide(&state->sum, (double)state->count, &average));
    *value_out = (Value){.datum = {.interval = average}};
    return OK;
}

const AggregateKernels aggregate_sum_interval = {
    .state_bytes = sizeof(IntervalState),
    .update = interval_update,
    .combine = interval_combine,
    .finalize = interval_sum,
};

const AggregateKernels aggregate_avg_interval = {
    .state_bytes = sizeof(IntervalState),
    .update = interval_update,
    .combine = interval_combine,
    .finalize = interval_average,
};

// ---- OVERLAPS -----------------------------------------------------------------------------------

// A period from its two ends in either order. One end may be unknown, then the other is `first`.
typedef struct Period {
    int64_t first, last;
    bool is_known, last_is_known;
} Period;

static Period period_of(const Call *call, uint32_t argument, uint32_t row) {
    bool has_first = !column_is_null(&call->arguments[argument], row);
    bool has_last = !column_is_null(&call->arguments[argument + 1], row);
    int64_t first = has_first ? ARGUMENT(call, argument, int64_t, row) : 0;
    int64_t last = has_last ? ARGUMENT(call, argument + 1, int64_t, row) : 0;
    bool swaps = has_last && (!has_first || first > last);
    return (Period){
        .first = swaps ? last : first,
        .last = swaps ? first : last,
        .is_known = has_first || has_last,
        .last_is_known = has_first && has_last,
    };
}

Status kernel_overlaps_timestamp(Call *call) {
    FOR_EACH_ROW(call, row) {
        Period a = period_of(call, 0, row), b = period_of(call, 2, row);
        if (!a.is_known || !b.is_known) {
            result_set_null(call, row);
            continue;
        }
        // Of two that start together each has the other's start in it; otherwise the later one's
        // start must be before the earlier one's end.
        const Period *early = a.first <= b.first ? &a : &b, *late = early == &a ? &b : &a;
        bool is_inside = early->last_is_known && late->first < early->last;
        bool starts_together = a.first == b.first;
        if ((starts_together || !is_inside) && !(a.last_is_known && b.last_is_known)) {
            result_set_null(call, row);
        } else {
            RESULT(call, bool, row) = starts_together || is_inside;
        }
    }
    return OK;
}
