// width_bucket: which of several ranges a value is in.
#include "base/error.h"
#include "functions/kernels_internal.h"
#include "types/array.h"
#include "types/numeric.h"

#include <math.h>

static Status fail_bucket(const char *what) {
    return fail(INVALID_ARGUMENT_FOR_WIDTH_BUCKET, "%s", what);
}

static Status check_count(int32_t count) {
    return count > 0 ? OK : fail_bucket("count must be greater than zero");
}

static Status bucket_after(int32_t count, int32_t *bucket_out) {
    if (count == INT32_MAX) return fail(NUMERIC_VALUE_OUT_OF_RANGE, "integer out of range");
    *bucket_out = count + 1;
    return OK;
}

// The bucket of an operand within two bounds, which may descend.
static Status bucket_of_float(
    double operand, double first, double last, int32_t count, int32_t *bucket_out) {
    TRY(check_count(count));
    if (isnan(operand) || isnan(first) || isnan(last)) {
        return fail_bucket("operand, lower bound, and upper bound cannot be NaN");
    }
    if (isinf(first) || isinf(last)) return fail_bucket("lower and upper bounds must be finite");
    if (first == last) return fail_bucket("lower bound cannot equal upper bound");
    bool descends = first > last;
    *bucket_out = 0;
    if (descends ? operand > first : operand < first) return OK;
    if (descends ? operand <= last : operand >= last) return bucket_after(count, bucket_out);
    double part = isinf(last - first) ? (operand / 2 - first / 2) / (last / 2 - first / 2)
                                      : (operand - first) / (last - first);
    // Rounding may bring the part up to 1, which it is below.
    double bucket = count * part;
    *bucket_out = bucket >= count ? count : (int32_t)bucket + 1;
    return OK;
}

Status kernel_width_bucket_float8(Call *call) {
    FOR_EACH_ROW(call, row) {
        TRY(bucket_of_float(ARGUMENT(call, 0, double, row), ARGUMENT(call, 1, double, row),
            ARGUMENT(call, 2, double, row), argument_int4(call, 3, row),
            &RESULT(call, int32_t, row)));
    }
    return OK;
}

static Status bucket_of_numeric(Call *call, uint32_t row, int32_t *bucket_out) {
    Arena *arena = call->arena;
    Numeric operand = numeric_open(&ARGUMENT(call, 0, View, row), arena);
    Numeric first = numeric_open(&ARGUMENT(call, 1, View, row), arena);
    Numeric last = numeric_open(&ARGUMENT(call, 2, View, row), arena);
    int32_t count = argument_int4(call, 3, row);
    TRY(check_count(count));
    if (operand.kind == NUMERIC_NAN || first.kind == NUMERIC_NAN || last.kind == NUMERIC_NAN) {
        return fail_bucket("operand, lower bound, and upper bound cannot be NaN");
    }
    if (first.kind == NUMERIC_INFINITY || last.kind == NUMERIC_INFINITY) {
        return fail_bucket("lower and upper bounds must be finite");
    }
    int order = numeric_compare(&first, &last);
    if (order == 0) return fail_bucket("lower bound cannot equal upper bound");
    int from_first = numeric_compare(&operand, &first),
        from_last = numeric_compare(&operand, &last);
    *bucket_out = 0;
    if (order > 0 ? from_first > 0 : from_first < 0) return OK;
    if (order > 0 ? from_last <= 0 : from_last >= 0) return bucket_after(count, bucket_out);
    Numeric factor = numeric_from_int64(count, arena);
    Numeric above = numeric_subtract(&operand, &first, arena);
    Numeric width = numeric_subtract(&last, &first, arena);
    above = numeric_multiply(&above, &factor, arena);
    Numeric bucket;
    TRY(numeric_divide_truncated(&above, &width, arena, &bucket));
    TRY(numeric_to_int32(&bucket, arena, bucket_out));
    *bucket_out += 1;
    return OK;
}

Status kernel_width_bucket_numeric(Call *call) {
    FOR_EACH_ROW(call, row) TRY(bucket_of_numeric(call, row, &RESULT(call, int32_t, row)));
    return OK;
}

// How many of the rising thresholds are not above the operand.
Status kernel_width_bucket_array(Call *call) {
    FOR_EACH_ROW(call, row) {
        Array thresholds = array_open(&ARGUMENT(call, 1, View, row));
        if (thresholds.dimension_count > 1) {
            return fail(ARRAY_SUBSCRIPT_ERROR, "thresholds must be one-dimensional array");
        }
        if (thresholds.nulls != NULL) {
            return fail(NULL_VALUE_NOT_ALLOWED, "thresholds array must not contain NULLs");
        }
        Value operand = column_get(&call->arguments[0], row);
        const TypeOps *ops;
        TRY(type_ops_require(thresholds.element, &ops));
        uint32_t low = 0, high = thresholds.count;
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            Value threshold = array_get(&thresholds, middle);
            if (ops->compare(&operand.datum, &threshold.datum) < 0) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        RESULT(call, int32_t, row) = (int32_t)low;
    }
    return OK;
}
