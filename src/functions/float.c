// Arithmetic and mathematics of float4 and float8.
//
// Source  PostgreSQL 15 src/backend/utils/adt/float.c for which results are errors.
#include "base/error.h"
#include "functions/kernels_internal.h"

#include <errno.h>
#include <math.h>

// An infinite result of finite arguments.
static inline uint8_t overflows(double a, double b, double result) {
    return isinf(result) && !isinf(a) && !isinf(b) ? FAILURE_RANGE : 0;
}

// clang-format off
#define LEFT float
#define RIGHT float
#define T float
#define NAME(op) kernel_float4##op
#include "functions/float_arithmetic.inc.h"

#define LEFT double
#define RIGHT double
#define T double
#define NAME(op) kernel_float8##op
#include "functions/float_arithmetic.inc.h"

#define LEFT float
#define RIGHT double
#define T double
#define NAME(op) kernel_float48##op
#include "functions/float_arithmetic.inc.h"

#define LEFT double
#define RIGHT float
#define T double
#define NAME(op) kernel_float84##op
#include "functions/float_arithmetic.inc.h"
// clang-format on

// ---- Casts --------------------------------------------------------------------------------------
// ----------------------------------------------------------------------------------------

#define EVALUATE_CAST(a, r)                                                                        \
    { (r) = (T)(a); }

// clang-format off
#define SOURCE int16_t
#define T float
#define KERNEL kernel_i2tof
#define EVALUATE EVALUATE_CAST
#include "functions/unary.inc.h"
#undef T
#define T double
#define KERNEL kernel_i2tod
#define EVALUATE EVALUATE_CAST
#include "functions/unary.inc.h"
#undef T
#undef SOURCE

#define SOURCE int32_t
#define T float
#define KERNEL kernel_i4tof
#define EVALUATE EVALUATE_CAST
#include "functions/unary.inc.h"
#undef T
#define T double
#define KERNEL kernel_i4tod
#define EVALUATE EVALUATE_CAST
#include "functions/unary.inc.h"
#undef T
#undef SOURCE

#define SOURCE int64_t
#define T float
#define KERNEL kernel_i8tof
#define EVALUATE EVALUATE_CAST
#include "functions/unary.inc.h"
#undef T
#define T double
#define KERNEL kernel_i8tod
#define EVALUATE EVALUATE_CAST
#include "functions/unary.inc.h"
#undef T
#undef SOURCE

#define SOURCE float
#define T double
#define KERNEL kernel_ftod
#define EVALUATE EVALUATE_CAST
#include "functions/unary.inc.h"
#undef T
#undef SOURCE

// clang-format on

// Rounds half to even, and fits when it is in [-2^(bits-1), 2^(bits-1)). NaN does not.
static inline int64_t round_to_bits(double value, int bits, uint8_t *failed) {
    double rounded = rint(value), limit = ldexp(1.0, bits - 1);
    if (!(rounded >= -limit && rounded < limit)) {
        *failed |= FAILURE_RANGE;
        return 0;
    }
    return (int64_t)rounded;
}

// clang-format off
#define T int16_t
#define FAIL FAIL_INT2
#define SOURCE float
#define KERNEL kernel_ftoi2
#define EVALUATE(a, r) { (r) = (T)round_to_bits((double)(a), 16, &failed); }
#include "functions/unary.inc.h"
#undef SOURCE
#define SOURCE double
#define KERNEL kernel_dtoi2
#define EVALUATE(a, r) { (r) = (T)round_to_bits(a, 16, &failed); }
#include "functions/unary.inc.h"
#undef SOURCE
#undef T
#undef FAIL

#define T int32_t
#define FAIL FAIL_INT4
#define SOURCE float
#define KERNEL kernel_ftoi4
#define EVALUATE(a, r) { (r) = (T)round_to_bits((double)(a), 32, &failed); }
#include "functions/unary.inc.h"
#undef SOURCE
#define SOURCE double
#define KERNEL kernel_dtoi4
#define EVALUATE(a, r) { (r) = (T)round_to_bits(a, 32, &failed); }
#include "functions/unary.inc.h"
#undef SOURCE
#undef T
#undef FAIL

#define T int64_t
#define FAIL FAIL_INT8
#define SOURCE float
#define KERNEL kernel_ftoi8
#define EVALUATE(a, r) { (r) = round_to_bits((double)(a), 64, &failed); }
#include "functions/unary.inc.h"
#undef SOURCE
#define SOURCE double
#define KERNEL kernel_dtoi8
#define EVALUATE(a, r) { (r) = round_to_bits(a, 64, &failed); }
#include "functions/unary.inc.h"
#undef SOURCE
#undef T
#undef FAIL
// clang-format on

#define SOURCE double
#define T      float
#define FAIL   FAIL_FLOAT
#define KERNEL kernel_dtof
#define EVALUATE(a, r)                                                                             \
    {                                                                                              \
        (r) = (float)(a);                                                                          \
        failed |= overflows(a, 0, (double)(r));                                                    \
        failed |= (r) == 0 && (a) != 0 ? FAILURE_UNDERFLOW : 0;                                    \
    }
#include "functions/unary.inc.h"
#undef FAIL
#undef SOURCE
#undef T

// ---- Signs, rounding, larger and smaller --------------------------------------------------------
// -----------------------------------------------------------

#define SOURCE float
#define T      float
#define LEFT   float
#define RIGHT  float
#define KERNEL kernel_float4um
#define EVALUATE(a, r)                                                                             \
    { (r) = -(a); }
#include "functions/unary.inc.h"
#define KERNEL kernel_float4up
#define EVALUATE(a, r)                                                                             \
    { (r) = (a); }
#include "functions/unary.inc.h"
#define KERNEL kernel_float4abs
#define EVALUATE(a, r)                                                                             \
    { (r) = fabsf(a); }
#include "functions/unary.inc.h"
#define KERNEL kernel_float4larger
#define EVALUATE(a, b, r)                                                                          \
    { (r) = (a) > (b) || isnan(a) ? (a) : (b); }
#include "functions/binary.inc.h"
#define KERNEL kernel_float4smaller
#define EVALUATE(a, b, r)                                                                          \
    { (r) = (a) < (b) || isnan(b) ? (a) : (b); }
#include "functions/binary.inc.h"
#undef SOURCE
#undef T
#undef LEFT
#undef RIGHT

#define SOURCE double
#define T      double
#define LEFT   double
#define RIGHT  double
#define KERNEL kernel_float8um
#define EVALUATE(a, r)                                                                             \
    { (r) = -(a); }
#include "functions/unary.inc.h"
#define KERNEL kernel_float8up
#define EVALUATE(a, r)                                                                             \
    { (r) = (a); }
#include "functions/unary.inc.h"
#define KERNEL kernel_float8abs
#define EVALUATE(a, r)                                                                             \
    { (r) = fabs(a); }
#include "functions/unary.inc.h"
#define KERNEL kernel_float8larger
#define EVALUATE(a, b, r)                                                                          \
    { (r) = (a) > (b) || isnan(a) ? (a) : (b); }
#include "functions/binary.inc.h"
#define KERNEL kernel_float8smaller
#define EVALUATE(a, b, r)                                                                          \
    { (r) = (a) < (b) || isnan(b) ? (a) : (b); }
#include "functions/binary.inc.h"
#define KERNEL kernel_dceil
#define EVALUATE(a, r)                                                                             \
    { (r) = ceil(a); }
#include "functions/unary.inc.h"
#define KERNEL kernel_dfloor
#define EVALUATE(a, r)                                                                             \
    { (r) = floor(a); }
#include "functions/unary.inc.h"
#define KERNEL kernel_dround
#define EVALUATE(a, r)                                                                             \
    { (r) = rint(a); }
#include "functions/unary.inc.h"
#define KERNEL kernel_dtrunc
#define EVALUATE(a, r)                                                                             \
    { (r) = trunc(a); }
#include "functions/unary.inc.h"
#define KERNEL kernel_dsign
#define EVALUATE(a, r)                                                                             \
    { (r) = (a) > 0 ? 1.0 : (a) < 0 ? -1.0 : 0.0; }
#include "functions/unary.inc.h"
#define KERNEL kernel_degrees
#define FAIL   FAIL_FLOAT
#define EVALUATE(a, r)                                                                             \
    {                                                                                              \
        (r) = (a) / (M_PI / 180.0);                                                                \
        failed |= overflows(a, 0, r);                                                              \
    }
#include "functions/unary.inc.h"
#define KERNEL kernel_radians
#define EVALUATE(a, r)                                                                             \
    { (r) = (a) * (M_PI / 180.0); }
#include "functions/unary.inc.h"
#undef FAIL
#undef SOURCE
#undef T
#undef LEFT
#undef RIGHT

// ---- Mathematics: one value at a time -----------------------------------------------------------
// --------------------------------------------------------------

typedef Status (*Mathematics)(double value, double *result_out);

static Status for_each_value(Call *call, Mathematics function) {
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        TRY(function(ARGUMENT(call, 0, double, row), &RESULT(call, double, row)));
    }
    return OK;
}

static Status fail_input_range(void) {
    return fail(NUMERIC_VALUE_OUT_OF_RANGE, "input is out of range");
}

static Status square_root(double value, double *result_out) {
    if (value < 0) {
        return fail(
            INVALID_ARGUMENT_FOR_POWER_FUNCTION, "cannot take square root of a negative number");
    }
    *result_out = sqrt(value);
    return OK;
}

static Status cube_root(double value, double *result_out) {
    *result_out = cbrt(value);
    return OK;
}

static Status exponential(double value, double *result_out) {
    double result = exp(value);
    if (isinf(result) && !isinf(value)) return FAIL_FLOAT(FAILURE_RANGE);
    if (result == 0 && !isinf(value)) return FAIL_FLOAT(FAILURE_UNDERFLOW);
    *result_out = result;
    return OK;
}

static Status check_logarithm(double value) {
    if (value == 0) return fail(INVALID_ARGUMENT_FOR_LOG, "cannot take logarithm of zero");
    if (value < 0) {
        return fail(INVALID_ARGUMENT_FOR_LOG, "cannot take logarithm of a negative number");
    }
    return OK;
}

static Status logarithm(double value, double *result_out) {
    TRY(check_logarithm(value));
    *result_out = log(value);
    return OK;
}

static Status logarithm_of_ten(double value, double *result_out) {
    TRY(check_logarithm(value));
    *result_out = log10(value);
    return OK;
}

// X(kernel, C function, whether the argument must be finite, or within -1 to 1)
#define TRIGONOMETRY_LIST(X)                                                                       \
    X(dsin, sin(value), isinf(value))                                                              \
    X(dcos, cos(value), isinf(value))                                                              \
    X(dtan, tan(value), isinf(value))                                                              \
    X(dcot, 1.0 / tan(value), isinf(value))                                                        \
    X(dasin, asin(value), value<-1 || value> 1)                                                    \
    X(dacos, acos(value), value<-1 || value> 1)                                                    \
    X(datan, atan(value), false)                                                                   \
    X(dsinh, sinh(value), false)                                                                   \
    X(dcosh, cosh(value), false)                                                                   \
    X(dtanh, tanh(value), false)                                                                   \
    X(dasinh, asinh(value), false)                                                                 \
    X(dacosh, acosh(value), value < 1)                                                             \
    X(datanh, atanh(value), value<-1 || value> 1)

#define X(name, expression, is_out_of_range)                                                       \
    static Status name##_of(double value, double *result_out) {                                    \
        if (is_out_of_range) return fail_input_range();                                            \
        *result_out = expression;                                                                  \
        return OK;                                                                                 \
    }                                                                                              \
                                                                                                   \
    Status kernel_##name(Call *call) {                                                             \
        return for_each_value(call, name##_of);                                                    \
    }

TRIGONOMETRY_LIST(X)
#undef X

Status kernel_dsqrt(Call *call) {
    return for_each_value(call, square_root);
}

Status kernel_dcbrt(Call *call) {
    return for_each_value(call, cube_root);
}

Status kernel_dexp(Call *call) {
    return for_each_value(call, exponential);
}

Status kernel_dlog1(Call *call) {
    return for_each_value(call, logarithm);
}

Status kernel_dlog10(Call *call) {
    return for_each_value(call, logarithm_of_ten);
}

static Status power(double base, double exponent, double *result_out) {
    if (base == 0 && exponent < 0) {
        return fail(
            INVALID_ARGUMENT_FOR_POWER_FUNCTION, "zero raised to a negative power is undefined");
    }
    if (base < 0 && !isnan(exponent) && floor(exponent) != exponent) {
        return fail(INVALID_ARGUMENT_FOR_POWER_FUNCTION,
            "a negative number raised to a non-integer power yields a complex result");
    }
    double result = pow(base, exponent);
    if (!isinf(base) && !isinf(exponent)) {
        if (isinf(result)) return FAIL_FLOAT(FAILURE_RANGE);
        if (result == 0 && base != 0) return FAIL_FLOAT(FAILURE_UNDERFLOW);
    }
    *result_out = result;
    return OK;
}

Status kernel_dpow(Call *call) {
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        double base = ARGUMENT(call, 0, double, row), exponent = ARGUMENT(call, 1, double, row);
        TRY(power(base, exponent, &RESULT(call, double, row)));
    }
    return OK;
}

Status kernel_datan2(Call *call) {
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        RESULT(call, double, row) =
            atan2(ARGUMENT(call, 0, double, row), ARGUMENT(call, 1, double, row));
    }
    return OK;
}

Status kernel_dpi(Call *call) {
    for (uint32_t i = 0; i < call->selection.count; i++) {
        RESULT(call, double, selection_row(call->selection, i)) = M_PI;
    }
    return OK;
}

Status kernel_drandom(Call *call) {
    for (uint32_t i = 0; i < call->selection.count; i++) {
        RESULT(call, double, selection_row(call->selection, i)) =
            random_unit(call->context->random);
    }
    return OK;
}
