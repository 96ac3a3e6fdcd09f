// Comparisons: a vectorisable loop for numbers, the type's order for everything else.
#include "functions/kernels_internal.h"

#define EQUAL(a, b) ((a) == (b))
#define LESS(a, b)  ((a) < (b))

// clang-format off
#define LEFT int16_t
#define RIGHT int16_t
#define NAME(op) kernel_int2##op
#include "functions/compare.inc.h"

#define LEFT int16_t
#define RIGHT int32_t
#define NAME(op) kernel_int24##op
#include "functions/compare.inc.h"

#define LEFT int16_t
#define RIGHT int64_t
#define NAME(op) kernel_int28##op
#include "functions/compare.inc.h"

#define LEFT int32_t
#define RIGHT int16_t
#define NAME(op) kernel_int42##op
#include "functions/compare.inc.h"

#define LEFT int32_t
#define RIGHT int32_t
#define NAME(op) kernel_int4##op
#include "functions/compare.inc.h"

#define LEFT int32_t
#define RIGHT int64_t
#define NAME(op) kernel_int48##op
#include "functions/compare.inc.h"

#define LEFT int64_t
#define RIGHT int16_t
#define NAME(op) kernel_int82##op
#include "functions/compare.inc.h"

#define LEFT int64_t
#define RIGHT int32_t
#define NAME(op) kernel_int84##op
#include "functions/compare.inc.h"

#define LEFT int64_t
#define RIGHT int64_t
#define NAME(op) kernel_int8##op
#include "functions/compare.inc.h"

#define LEFT uint32_t
#define RIGHT uint32_t
#define NAME(op) kernel_oid##op
#include "functions/compare.inc.h"

#define LEFT uint8_t
#define RIGHT uint8_t
#define NAME(op) kernel_char##op
#include "functions/compare.inc.h"

#define LEFT bool
#define RIGHT bool
#define NAME(op) kernel_bool##op
#include "functions/compare.inc.h"
#undef EQUAL
#undef LESS

// NaN equals itself and is above every other number.
#define EQUAL(a, b) ((a) == (b) || ((a) != (a) && (b) != (b)))
#define LESS(a, b) ((a) < (b) || ((b) != (b) && (a) == (a)))

#define LEFT float
#define RIGHT float
#define NAME(op) kernel_float4##op
#include "functions/compare.inc.h"
#undef EQUAL
#undef LESS

#define EQUAL(a, b) ((double)(a) == (double)(b) || ((a) != (a) && (b) != (b)))
#define LESS(a, b) ((double)(a) < (double)(b) || ((b) != (b) && (a) == (a)))

#define LEFT float
#define RIGHT double
#define NAME(op) kernel_float48##op
#include "functions/compare.inc.h"

#define LEFT double
#define RIGHT float
#define NAME(op) kernel_float84##op
#include "functions/compare.inc.h"

#define LEFT double
#define RIGHT double
#define NAME(op) kernel_float8##op
#include "functions/compare.inc.h"
#undef EQUAL
#undef LESS

#define EQUAL(a, b) view_equal(&(a), &(b))
#define LESS(a, b) (view_compare(&(a), &(b)) < 0)

#define LEFT View
#define RIGHT View
#define NAME(op) kernel_view_##op
#include "functions/compare.inc.h"
#undef EQUAL
#undef LESS

// clang-format on

// char(n): trailing blanks do not count.
static View without_trailing_blanks(View text) {
    const uint8_t *data = view_data(&text);
    uint32_t count = text.count;
    while (count > 0 && data[count - 1] == ' ')
        count--;
    return count == text.count ? text : view_make(data, count);
}

static int bpchar_compare(View a, View b) {
    View left = without_trailing_blanks(a), right = without_trailing_blanks(b);
    return view_compare(&left, &right);
}

#define EQUAL(a, b) (bpchar_compare(a, b) == 0)
#define LESS(a, b)  (bpchar_compare(a, b) < 0)
#define LEFT        View
#define RIGHT       View
#define NAME(op)    kernel_bpchar##op
#include "functions/compare.inc.h"
#undef EQUAL
#undef LESS

// date beside timestamp: a date is its midnight. Dates reach further than timestamps, but not to
// infinity.
static int64_t date_midnight(int32_t date) {
    if (date == INT32_MAX) return INT64_MAX;
    if (date == INT32_MIN) return INT64_MIN;
    int64_t midnight;
    if (__builtin_mul_overflow((int64_t)date, INT64_C(86400000000), &midnight)) {
        return date < 0 ? INT64_MIN + 1 : INT64_MAX - 1;
    }
    return midnight;
}

#define MIDNIGHT(a) (sizeof(a) == sizeof(int32_t) ? date_midnight((int32_t)(a)) : (int64_t)(a))
#define EQUAL(a, b) (MIDNIGHT(a) == MIDNIGHT(b))
#define LESS(a, b)  (MIDNIGHT(a) < MIDNIGHT(b))
#define LEFT        int32_t
#define RIGHT       int64_t
#define NAME(op)    kernel_date_##op##_timestamp
#include "functions/compare.inc.h"

#define LEFT     int64_t
#define RIGHT    int32_t
#define NAME(op) kernel_timestamp_##op##_date
#include "functions/compare.inc.h"
#undef EQUAL
#undef LESS

// ---- Any type, by its own order -----------------------------------------------------------------
// -------------------------------------------------------------------

typedef bool (*OrderTest)(int order);

static Status compare_by_order(Call *call, OrderTest test) {
    const TypeOps *ops;
    TRY(type_ops_require(call->arguments[0].type, &ops));
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        Value a = column_get(&call->arguments[0], row), b = column_get(&call->arguments[1], row);
        RESULT(call, bool, row) = test(ops->compare(&a.datum, &b.datum));
    }
    return OK;
}

static bool is_equal(int order) {
    return order == 0;
}

static bool is_not_equal(int order) {
    return order != 0;
}

static bool is_less(int order) {
    return order < 0;
}

static bool is_less_equal(int order) {
    return order <= 0;
}

static bool is_greater(int order) {
    return order > 0;
}

static bool is_greater_equal(int order) {
    return order >= 0;
}

Status kernel_order_eq(Call *call) {
    return compare_by_order(call, is_equal);
}

Status kernel_order_ne(Call *call) {
    return compare_by_order(call, is_not_equal);
}

Status kernel_order_lt(Call *call) {
    return compare_by_order(call, is_less);
}

Status kernel_order_le(Call *call) {
    return compare_by_order(call, is_less_equal);
}

Status kernel_order_gt(Call *call) {
    return compare_by_order(call, is_greater);
}

Status kernel_order_ge(Call *call) {
    return compare_by_order(call, is_greater_equal);
}

Status kernel_order_cmp(Call *call) {
    const TypeOps *ops;
    TRY(type_ops_require(call->arguments[0].type, &ops));
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        Value a = column_get(&call->arguments[0], row), b = column_get(&call->arguments[1], row);
        int order = ops->compare(&a.datum, &b.datum);
        RESULT(call, int32_t, row) = (order > 0) - (order < 0);
    }
    return OK;
}

static Status pick_by_order(Call *call, bool wants_larger) {
    const TypeOps *ops;
    TRY(type_ops_require(call->arguments[0].type, &ops));
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        Value a = column_get(&call->arguments[0], row), b = column_get(&call->arguments[1], row);
        int order = ops->compare(&a.datum, &b.datum);
        bool takes_first = wants_larger ? order > 0 : order < 0;
        column_set(call->result, call->arena, row, takes_first ? &a : &b);
    }
    return OK;
}

Status kernel_order_larger(Call *call) {
    return pick_by_order(call, true);
}

Status kernel_order_smaller(Call *call) {
    return pick_by_order(call, false);
}
