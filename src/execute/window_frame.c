#include "execute/window_frame.h"

#include "types/numeric.h"

#include <math.h>

// pg_proc's OIDs of what adds an interval to a time, and takes it away.
enum {
    TIMESTAMP_PLUS = 2032,
    TIMESTAMP_MINUS = 2033,
    TIMESTAMPTZ_PLUS = 1189,
    TIMESTAMPTZ_MINUS = 1190,
    DATE_PLUS = 2071,
    DATE_MINUS = 2072,
    INTERVAL_PLUS = 1169,
    INTERVAL_MINUS = 1170,
    DATE_TO_TIMESTAMP = 2024,
};

Status framer_init(Framer *framer, const PlanNode *node, FunctionContext *context) {
    *framer = (Framer){.node = node, .context = context};
    arena_init(&framer->scratch, NULL);
    bool is_by_value = (node->window.frame & FRAME_RANGE) != 0 && node->window.offsets != NULL;
    if (!is_by_value) return OK;
    return type_ops_require(node->window.keys[0].type, &framer->order_ops);
}

void framer_deinit(Framer *framer) {
    arena_deinit(&framer->scratch);
}

static Status check_offset(const Framer *framer, const Value *offset, const char *which) {
    if (offset->is_null) {
        return fail(NULL_VALUE_NOT_ALLOWED, "frame %s offset must not be null", which);
    }
    bool is_count = (framer->node->window.frame & FRAME_RANGE) == 0;
    if (is_count && offset->datum.int8 < 0) {
        return fail(
            INVALID_PRECEDING_OR_FOLLOWING_SIZE, "frame %s offset must not be negative", which);
    }
    return OK;
}

Status framer_set_offsets(Framer *framer, const Value *start, const Value *end) {
    if (start != NULL) {
        TRY(check_offset(framer, start, "starting"));
        framer->start = *start;
    }
    if (end != NULL) {
        TRY(check_offset(framer, end, "ending"));
        framer->end = *end;
    }
    return OK;
}

void framer_begin(Framer *framer, const Partition *partition) {
    framer->partition = partition;
    framer->start_at = 0;
    framer->end_at = 0;
    framer->region_end = 0;
}

// ---- Bounds by value ----------------------------------------------------------------------------

// Whether `value` is not beyond `base` plus or minus the offset: at most that, or at least that.
typedef struct Reach {
    bool is_subtracted, is_at_most;
} Reach;

static Status fail_size(void) {
    return fail(INVALID_PRECEDING_OR_FOLLOWING_SIZE,
        "invalid preceding or following size in window function");
}

static Status reach_integer(
    int64_t value, int64_t base, int64_t offset, Reach reach, bool *is_within_out) {
    if (offset < 0) return fail_size();
    Int128 bound = reach.is_subtracted ? (Int128)base - offset : (Int128)base + offset;
    *is_within_out = reach.is_at_most ? value <= bound : value >= bound;
    return OK;
}

// NaN is equal to itself and above everything.
static Status reach_float(
    double value, double base, double offset, Reach reach, bool *is_within_out) {
    if (isnan(offset) || offset < 0) return fail_size();
    if (isnan(value) || isnan(base)) {
        bool is_above = isnan(value) && !isnan(base);
        bool is_equal = isnan(value) && isnan(base);
        *is_within_out = is_equal || (is_above != reach.is_at_most);
        return OK;
    }
    // An infinite step back from infinity reaches everything.
    if (isinf(offset) && isinf(base) && (reach.is_subtracted ? base > 0 : base < 0)) {
        *is_within_out = true;
        return OK;
    }
    double bound = reach.is_subtracted ? base - offset : base + offset;
    *is_within_out = reach.is_at_most ? value <= bound : value >= bound;
    return OK;
}

static Status reach_numeric(Framer *framer, const Value *value, const Value *base,
    const Value *offset, Reach reach, bool *is_within_out) {
    Arena *arena = &framer->scratch;
    Numeric number = numeric_open(&value->datum.view, arena);
    Numeric from = numeric_open(&base->datum.view, arena);
    Numeric step = numeric_open(&offset->datum.view, arena);
    if (step.kind == NUMERIC_NAN || step.is_negative) return fail_size();
    bool is_back = reach.is_subtracted != from.is_negative;
    if (number.kind != NUMERIC_NAN && step.kind == NUMERIC_INFINITY && from.kind == NUMERIC_INFINITY
        && is_back) {
        *is_within_out = true;
        return OK;
    }
    Numeric bound = reach.is_subtracted ? numeric_subtract(&from, &step, arena)
                                        : numeric_add(&from, &step, arena);
    if (from.kind == NUMERIC_NAN) bound = from;
    int order = numeric_compare(&number, &bound);
    *is_within_out = reach.is_at_most ? order <= 0 : order >= 0;
    return OK;
}

// A time of day does not pass midnight, and only the interval's time counts.
static Status reach_time(
    int64_t value, int64_t base, const Interval *offset, Reach reach, bool *is_within_out) {
    return reach_integer(value, base, offset->time_us, reach, is_within_out);
}

// The bound is computed by the function that adds the interval.
static Status reach_moment(Framer *framer, const Value *value, const Value *base,
    const Value *offset, Oid plus, Oid minus, Oid result, Reach reach, bool *is_within_out) {
    static const Interval none = {0};
    Datum zero = {.interval = none};
    const TypeOps *interval_ops;
    TRY(type_ops_require(TYPE_INTERVAL, &interval_ops));
    if (interval_ops->compare(&offset->datum, &zero) < 0) return fail_size();
    Oid types[2] = {framer->node->window.keys[0].type, TYPE_INTERVAL};
    Value arguments[2] = {*base, *offset}, bound, compared = *value;
    TRY(function_call(framer->context, reach.is_subtracted ? minus : plus, sql_type(result), types,
        arguments, 2, &framer->scratch, &bound));
    if (types[0] != result) {
        TRY(function_call(framer->context, DATE_TO_TIMESTAMP, sql_type(result), types, value, 1,
            &framer->scratch, &compared));
    }
    const TypeOps *ops;
    TRY(type_ops_require(result, &ops));
    int order = ops->compare(&compared.datum, &bound.datum);
    *is_within_out = reach.is_at_most ? order <= 0 : order >= 0;
    return OK;
}

static Status reaches(Framer *framer, const Value *value, const Value *base, const Value *offset,
    Reach reach, bool *is_within_out) {
    const Datum *a = &value->datum, *b = &base->datum, *step = &offset->datum;
    arena_reset(&framer->scratch);
    switch (framer->node->window.keys[0].type) {
    case TYPE_INT2:
        return reach_integer(a->int2, b->int2, step->int8, reach, is_within_out);
    case TYPE_INT4:
        return reach_integer(a->int4, b->int4, step->int8, reach, is_within_out);
    case TYPE_INT8:
        return reach_integer(a->int8, b->int8, step->int8, reach, is_within_out);
    case TYPE_FLOAT4:
        return reach_float(
            (double)a->float4, (double)b->float4, step->float8, reach, is_within_out);
    case TYPE_FLOAT8:
        return reach_float(a->float8, b->float8, step->float8, reach, is_within_out);
    case TYPE_NUMERIC:
        return reach_numeric(framer, value, base, offset, reach, is_within_out);
    case TYPE_TIME:
        return reach_time(a->int8, b->int8, &step->interval, reach, is_within_out);
    case TYPE_DATE:
        return reach_moment(framer, value, base, offset, DATE_PLUS, DATE_MINUS, TYPE_TIMESTAMP,
            reach, is_within_out);
    case TYPE_TIMESTAMP:
        return reach_moment(framer, value, base, offset, TIMESTAMP_PLUS, TIMESTAMP_MINUS,
            TYPE_TIMESTAMP, reach, is_within_out);
    case TYPE_TIMESTAMPTZ:
        return reach_moment(framer, value, base, offset, TIMESTAMPTZ_PLUS, TIMESTAMPTZ_MINUS,
            TYPE_TIMESTAMPTZ, reach, is_within_out);
    case TYPE_INTERVAL:
        return reach_moment(framer, value, base, offset, INTERVAL_PLUS, INTERVAL_MINUS,
            TYPE_INTERVAL, reach, is_within_out);
    default:
        return fail(FEATURE_NOT_SUPPORTED, "RANGE with an offset is not supported yet for %s",
            type_find(framer->node->window.keys[0].type)->name);
    }
}

// Rows with a NULL key are out of reach of others, and the other way round. They lie at one end.
static void find_region(Framer *framer, uint32_t row) {
    if (row < framer->region_end) return;
    const Partition *partition = framer->partition;
    uint32_t column = framer->node->window.orders[0];
    bool is_null = partition_get(partition, column, row).is_null;
    framer->region_first = row;
    uint32_t end = row + 1;
    if (is_null) {
        end = partition_peer_end(partition, row);
    } else {
        bool nulls_last = partition_get(partition, column, partition->count - 1).is_null;
        end = nulls_last ? partition_peer_first(partition, partition->count - 1) : partition->count;
    }
    framer->region_end = end;
    framer->start_at = framer->region_first;
    framer->end_at = framer->region_first;
}

// Moves a bound on to the first row that the frame may start with, or to behind its last.
static Status move_bound(
    Framer *framer, uint32_t row, bool is_end, bool is_preceding, const Value *offset) {
    const Partition *partition = framer->partition;
    uint32_t column = framer->node->window.orders[0];
    bool is_descending = framer->node->window.keys[0].is_descending;
    uint32_t *at = is_end ? &framer->end_at : &framer->start_at;
    Value base = partition_get(partition, column, row);
    if (base.is_null) {
        *at = is_end ? framer->region_end : framer->region_first;
        return OK;
    }
    Reach reach = {
        .is_subtracted = is_preceding != is_descending, .is_at_most = is_end != is_descending};
    while (*at < framer->region_end) {
        Value value = partition_get(partition, column, *at);
        bool is_within;
        TRY(reaches(framer, &value, &base, offset, reach, &is_within));
        if (is_within != is_end) break;
        ++*at;
    }
    return OK;
}

// ---- Bounds by number ---------------------------------------------------------------------------

static uint32_t step_back(uint32_t from, int64_t count) {
    return count > from ? 0 : from - (uint32_t)count;
}

static uint32_t step_on(uint32_t from, int64_t count, uint32_t end) {
    return count >= (int64_t)end - from ? end : from + (uint32_t)count;
}

static uint32_t row_bound(
    const Framer *framer, uint32_t row, bool is_end, bool is_preceding, int64_t count) {
    // Of the end, the row behind it.
    uint32_t total = framer->partition->count;
    if (!is_preceding) return step_on(row, is_end && count < total ? count + 1 : count, total);
    if (is_end) return count > row ? 0 : row + 1 - (uint32_t)count;
    return step_back(row, count);
}

static uint32_t group_bound(
    const Framer *framer, uint32_t row, bool is_end, bool is_preceding, int64_t count) {
    const Partition *partition = framer->partition;
    uint32_t group = partition->group_of[row];
    if (!is_preceding) {
        uint32_t to = step_on(group, count, partition->group_count);
        if (is_end && to < partition->group_count) to++;
        return partition->group_first[to];
    }
    if (is_end) return count > group ? 0 : partition->group_first[group + 1 - (uint32_t)count];
    return partition->group_first[step_back(group, count)];
}

// ---- The whole ----------------------------------------------------------------------------------

static Status offset_bound(Framer *framer, uint32_t row, bool is_end, bool is_preceding,
    const Value *offset, uint32_t *bound_out) {
    uint32_t frame = framer->node->window.frame;
    if ((frame & FRAME_RANGE) != 0) {
        find_region(framer, row);
        TRY(move_bound(framer, row, is_end, is_preceding, offset));
        *bound_out = is_end ? framer->end_at : framer->start_at;
        return OK;
    }
    int64_t count = offset->datum.int8;
    *bound_out = (frame & FRAME_ROWS) != 0 ? row_bound(framer, row, is_end, is_preceding, count)
                                           : group_bound(framer, row, is_end, is_preceding, count);
    return OK;
}

static void exclude(const Framer *framer, uint32_t row, Frame *frame) {
    uint32_t bits = framer->node->window.frame;
    frame->kept = ROW_NONE;
    if ((bits & FRAME_EXCLUDE_CURRENT_ROW) != 0) {
        frame->excluded_first = row;
        frame->excluded_end = row + 1;
    } else if ((bits & (FRAME_EXCLUDE_GROUP | FRAME_EXCLUDE_TIES)) != 0) {
        frame->excluded_first = partition_peer_first(framer->partition, row);
        frame->excluded_end = partition_peer_end(framer->partition, row);
        if ((bits & FRAME_EXCLUDE_TIES) != 0) frame->kept = row;
    } else {
        frame->excluded_first = frame->excluded_end = 0;
    }
}

Status framer_at(Framer *framer, uint32_t row, Frame *frame_out) {
    uint32_t bits = framer->node->window.frame;
    const Partition *partition = framer->partition;
    bool is_rows = (bits & FRAME_ROWS) != 0;
    Frame frame = {.first = 0, .end = partition->count};
    if ((bits & FRAME_START_CURRENT_ROW) != 0) {
        frame.first = is_rows ? row : partition_peer_first(partition, row);
    } else if ((bits & (FRAME_START_PRECEDING | FRAME_START_FOLLOWING)) != 0) {
        TRY(offset_bound(
            framer, row, false, (bits & FRAME_START_PRECEDING) != 0, &framer->start, &frame.first));
    }
    if ((bits & FRAME_END_CURRENT_ROW) != 0) {
        frame.end = is_rows ? row + 1 : partition_peer_end(partition, row);
    } else if ((bits & (FRAME_END_PRECEDING | FRAME_END_FOLLOWING)) != 0) {
        TRY(offset_bound(
            framer, row, true, (bits & FRAME_END_PRECEDING) != 0, &framer->end, &frame.end));
    }
    if (frame.end < frame.first) frame.end = frame.first;
    exclude(framer, row, &frame);
    *frame_out = frame;
    return OK;
}
