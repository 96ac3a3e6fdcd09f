// extract, date_part, date_trunc, date_bin, and generate_series over timestamps.
#include "base/error.h"
#include "functions/kernels_internal.h"
#include "types/datetime.h"
#include "types/datetime_units.h"

// ---- extract and date_part ----------------------------------------------------------------------

// The unit of a row: looked up once when it is the same for all of them.
static Status unit_of_row(
    const Call *call, uint32_t row, Oid type, bool is_for_truncate, DateTimeUnit *unit) {
    if (unit->type != NULL && call->arguments[0].is_constant) return OK;
    Bytes name = argument_bytes(call, 0, row);
    return datetime_unit_find((const char *)name.data, name.count, type, is_for_truncate, unit);
}

static Status set_extracted(Call *call, uint32_t row, const Extracted *extracted) {
    if (extracted->is_null) {
        result_set_null(call, row);
    } else if (call->result->kind == PHYSICAL_VIEW) {
        return numeric_store(&extracted->number, call->arena, &RESULT(call, View, row));
    } else {
        RESULT(call, double, row) = extracted->estimate;
    }
    return OK;
}

Status kernel_extract_timestamp(Call *call) {
    DateTimeUnit unit = {0};
    FOR_EACH_ROW(call, row) {
        Extracted extracted;
        TRY(unit_of_row(call, row, TYPE_TIMESTAMP, false, &unit));
        TRY(timestamp_extract(&unit, ARGUMENT(call, 1, int64_t, row), call->arena, &extracted));
        TRY(set_extracted(call, row, &extracted));
    }
    return OK;
}

Status kernel_extract_timestamptz(Call *call) {
    DateTimeUnit unit = {0};
    const TimeZone *zone = call->context->values.time_zone;
    FOR_EACH_ROW(call, row) {
        Extracted extracted;
        TRY(unit_of_row(call, row, TYPE_TIMESTAMPTZ, false, &unit));
        TRY(timestamptz_extract(
            &unit, zone, ARGUMENT(call, 1, int64_t, row), call->arena, &extracted));
        TRY(set_extracted(call, row, &extracted));
    }
    return OK;
}

Status kernel_extract_date(Call *call) {
    DateTimeUnit unit = {0};
    FOR_EACH_ROW(call, row) {
        Extracted extracted;
        TRY(unit_of_row(call, row, TYPE_DATE, false, &unit));
        TRY(date_extract(&unit, ARGUMENT(call, 1, int32_t, row), call->arena, &extracted));
        TRY(set_extracted(call, row, &extracted));
    }
    return OK;
}

// date_part(text, date), which PostgreSQL defines as that of the date's timestamp.
Status kernel_date_part_of_date(Call *call) {
    DateTimeUnit unit = {0};
    FOR_EACH_ROW(call, row) {
        Extracted extracted;
        int64_t timestamp;
        TRY(date_to_timestamp(ARGUMENT(call, 1, int32_t, row), &timestamp));
        TRY(unit_of_row(call, row, TYPE_TIMESTAMP, false, &unit));
        TRY(timestamp_extract(&unit, timestamp, call->arena, &extracted));
        TRY(set_extracted(call, row, &extracted));
    }
    return OK;
}

Status kernel_extract_time(Call *call) {
    DateTimeUnit unit = {0};
    FOR_EACH_ROW(call, row) {
        Extracted extracted;
        TRY(unit_of_row(call, row, TYPE_TIME, false, &unit));
        TRY(time_extract(&unit, ARGUMENT(call, 1, int64_t, row), call->arena, &extracted));
        TRY(set_extracted(call, row, &extracted));
    }
    return OK;
}

Status kernel_extract_interval(Call *call) {
    DateTimeUnit unit = {0};
    FOR_EACH_ROW(call, row) {
        Extracted extracted;
        TRY(unit_of_row(call, row, TYPE_INTERVAL, false, &unit));
        TRY(interval_extract(&unit, &ARGUMENT(call, 1, Interval, row), call->arena, &extracted));
        TRY(set_extracted(call, row, &extracted));
    }
    return OK;
}

// ---- date_trunc, date_bin -----------------------------------------------------------------------

// An infinity is itself, whatever the unit's name is.
Status kernel_timestamp_trunc(Call *call) {
    DateTimeUnit unit = {0};
    FOR_EACH_ROW(call, row) {
        int64_t timestamp = ARGUMENT(call, 1, int64_t, row), *result = &RESULT(call, int64_t, row);
        *result = timestamp;
        if (timestamp_is_infinite(timestamp)) continue;
        TRY(unit_of_row(call, row, TYPE_TIMESTAMP, true, &unit));
        TRY(timestamp_truncate(&unit, timestamp, result));
    }
    return OK;
}

// date_trunc(text, timestamptz), and with a zone's name.
Status kernel_timestamptz_trunc(Call *call) {
    DateTimeUnit unit = {0};
    FOR_EACH_ROW(call, row) {
        int64_t timestamp = ARGUMENT(call, 1, int64_t, row), *result = &RESULT(call, int64_t, row);
        *result = timestamp;
        if (timestamp_is_infinite(timestamp)) continue;
        TRY(unit_of_row(call, row, TYPE_TIMESTAMPTZ, true, &unit));
        const TimeZone *zone = call->context->values.time_zone;
        if (call->argument_count > 2) {
            Bytes name = argument_bytes(call, 2, row);
            TRY(time_zone_require(
                &call->context->values, (const char *)name.data, name.count, call->arena, &zone));
        }
        TRY(timestamptz_truncate(&unit, zone, timestamp, result));
    }
    return OK;
}

Status kernel_interval_trunc(Call *call) {
    DateTimeUnit unit = {0};
    FOR_EACH_ROW(call, row) {
        TRY(unit_of_row(call, row, TYPE_INTERVAL, true, &unit));
        TRY(interval_truncate(
            &unit, &ARGUMENT(call, 1, Interval, row), &RESULT(call, Interval, row)));
    }
    return OK;
}

// date_bin(stride, timestamp, origin)
Status kernel_timestamp_bin(Call *call) {
    FOR_EACH_ROW(call, row) {
        Interval stride = ARGUMENT(call, 0, Interval, row);
        int64_t timestamp = ARGUMENT(call, 1, int64_t, row);
        int64_t origin = ARGUMENT(call, 2, int64_t, row);
        if (timestamp_is_infinite(timestamp)) {
            RESULT(call, int64_t, row) = timestamp;
            continue;
        }
        if (timestamp_is_infinite(origin)) {
            return fail(DATETIME_FIELD_OVERFLOW, "origin out of range");
        }
        if (stride.months != 0) {
            return fail(FEATURE_NOT_SUPPORTED,
                "timestamps cannot be binned into intervals containing months or years");
        }
        Int128 stride_us = (Int128)stride.days * US_PER_DAY + stride.time_us;
        if (stride_us > INT64_MAX || stride_us < INT64_MIN) {
            return fail(DATETIME_FIELD_OVERFLOW, "interval out of range");
        }
        if (stride_us <= 0) {
            return fail(DATETIME_FIELD_OVERFLOW, "stride must be greater than zero");
        }
        Int128 distance = (Int128)timestamp - origin;
        Int128 bins = distance / stride_us;
        if (bins * stride_us > distance) bins--;
        RESULT(call, int64_t, row) = (int64_t)(origin + bins * stride_us);
    }
    return OK;
}

// ---- generate_series ----------------------------------------------------------------------------

typedef struct TimestampSeries {
    SetGenerator base;
    const FunctionContext *context;
    int64_t next, last;
    Interval step;
    bool has_zone, descends;
} TimestampSeries;

static Status timestamp_series_next(SetGenerator *generator, Batch *batch) {
    TimestampSeries *series = (TimestampSeries *)generator;
    int64_t *values = batch->columns[0].values;
    uint32_t count = 0;
    while (count < BATCH_ROW_COUNT) {
        if (series->descends ? series->next < series->last : series->next > series->last) break;
        values[count++] = series->next;
        if (series->has_zone) {
            TRY(timestamptz_add_interval(
                series->context->values.time_zone, series->next, &series->step, &series->next));
        } else {
            TRY(timestamp_add_interval(series->next, &series->step, &series->next));
        }
    }
    batch->row_count = count;
    batch->selected_count = count;
    return OK;
}

static Status timestamp_series_make(FunctionContext *context, const Value *arguments, bool has_zone,
    Arena *arena, SetGenerator **generator_out) {
    TimestampSeries *series = arena_new(arena, TimestampSeries);
    *series = (TimestampSeries){
        .base = {.next = timestamp_series_next},
        .context = context,
        .next = arguments[0].datum.int8,
        .last = arguments[1].datum.int8,
        .step = arguments[2].datum.interval,
        .has_zone = has_zone,
    };
    int order = interval_compare_spans(&series->step, &(Interval){0});
    if (order == 0) return fail(INVALID_PARAMETER_VALUE, "step size cannot equal zero");
    series->descends = order < 0;
    *generator_out = &series->base;
    return OK;
}

Status set_generate_series_timestamp(FunctionContext *context, const FunctionInfo *function,
    const Value *arguments, uint32_t argument_count, Arena *arena, SetGenerator **generator_out) {
    (void)function, (void)argument_count;
    return timestamp_series_make(context, arguments, false, arena, generator_out);
}

Status set_generate_series_timestamptz(FunctionContext *context, const FunctionInfo *function,
    const Value *arguments, uint32_t argument_count, Arena *arena, SetGenerator **generator_out) {
    (void)function, (void)argument_count;
    return timestamp_series_make(context, arguments, true, arena, generator_out);
}
