// Arithmetic of int2, int4 and int8.
#include "base/error.h"
#include "functions/kernels_internal.h"

Status fail_arithmetic(uint8_t failed, const char *type_name) {
    if ((failed & FAILURE_DIVISION) != 0) return fail(DIVISION_BY_ZERO, "division by zero");
    if (type_name != NULL) return fail(NUMERIC_VALUE_OUT_OF_RANGE, "%s out of range", type_name);
    return fail(NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: %s",
        (failed & FAILURE_UNDERFLOW) != 0 ? "underflow" : "overflow");
}

#define CHECKED_NARROW(op, builtin, a, b, r)                                                       \
    {                                                                                              \
        int64_t wide = (int64_t)(a)op(int64_t)(b);                                                 \
        (r) = (T)wide;                                                                             \
        failed |= wide != (r);                                                                     \
    }
#define CHECKED_WIDE(op, builtin, a, b, r)                                                         \
    { failed |= __builtin_##builtin##_overflow(a, b, &(r)); }

// The quotient, or a failure. The smallest value by -1 does not fit a result of `bytes`.
static inline int64_t divide(int64_t a, int64_t b, size_t bytes, uint8_t *failed) {
    if (b == 0) {
        *failed |= FAILURE_DIVISION;
        return 0;
    }
    if (b == -1) {
        int64_t smallest = INT64_MIN >> (64 - bytes * 8);
        *failed |= a == smallest ? FAILURE_RANGE : 0;
        return (int64_t)(0 - (uint64_t)a);
    }
    return a / b;
}

static inline int64_t modulo(int64_t a, int64_t b, uint8_t *failed) {
    if (b == 0) {
        *failed |= FAILURE_DIVISION;
        return 0;
    }
    return b == -1 ? 0 : a % b;
}

// clang-format off
#define LEFT int16_t
#define RIGHT int16_t
#define T int16_t
#define NAME(op) kernel_int2##op
#define CHECKED CHECKED_NARROW
#define FAIL FAIL_INT2
#include "functions/integer_arithmetic.inc.h"

#define LEFT int16_t
#define RIGHT int32_t
#define T int32_t
#define NAME(op) kernel_int24##op
#define CHECKED CHECKED_NARROW
#define FAIL FAIL_INT4
#include "functions/integer_arithmetic.inc.h"

#define LEFT int32_t
#define RIGHT int16_t
#define T int32_t
#define NAME(op) kernel_int42##op
#define CHECKED CHECKED_NARROW
#define FAIL FAIL_INT4
#include "functions/integer_arithmetic.inc.h"

#define LEFT int32_t
#define RIGHT int32_t
#define T int32_t
#define NAME(op) kernel_int4##op
#define CHECKED CHECKED_NARROW
#define FAIL FAIL_INT4
#include "functions/integer_arithmetic.inc.h"

#define LEFT int16_t
#define RIGHT int64_t
#define T int64_t
#define NAME(op) kernel_int28##op
#define CHECKED CHECKED_WIDE
#define FAIL FAIL_INT8
#include "functions/integer_arithmetic.inc.h"

#define LEFT int64_t
#define RIGHT int16_t
#define T int64_t
#define NAME(op) kernel_int82##op
#define CHECKED CHECKED_WIDE
#define FAIL FAIL_INT8
#include "functions/integer_arithmetic.inc.h"

#define LEFT int32_t
#define RIGHT int64_t
#define T int64_t
#define NAME(op) kernel_int48##op
#define CHECKED CHECKED_WIDE
#define FAIL FAIL_INT8
#include "functions/integer_arithmetic.inc.h"

#define LEFT int64_t
#define RIGHT int32_t
#define T int64_t
#define NAME(op) kernel_int84##op
#define CHECKED CHECKED_WIDE
#define FAIL FAIL_INT8
#include "functions/integer_arithmetic.inc.h"

#define LEFT int64_t
#define RIGHT int64_t
#define T int64_t
#define NAME(op) kernel_int8##op
#define CHECKED CHECKED_WIDE
#define FAIL FAIL_INT8
#include "functions/integer_arithmetic.inc.h"

#define T int16_t
#define UNSIGNED uint32_t
#define NAME(op) kernel_int2##op
#define FAIL FAIL_INT2
#include "functions/integer_bits.inc.h"

#define T int32_t
#define UNSIGNED uint32_t
#define NAME(op) kernel_int4##op
#define FAIL FAIL_INT4
#include "functions/integer_bits.inc.h"

#define T int64_t
#define UNSIGNED uint64_t
#define NAME(op) kernel_int8##op
#define FAIL FAIL_INT8
#include "functions/integer_bits.inc.h"
// clang-format on

// ---- Casts between integers, booleans and "char" ------------------------------------------------
// ---------------------------------------------------

#define SOURCE int16_t
#define T      int32_t
#define KERNEL kernel_i2toi4
#define EVALUATE(a, r)                                                                             \
    { (r) = (a); }
#include "functions/unary.inc.h"

#undef T
#define T      int64_t
#define KERNEL kernel_int28
#define EVALUATE(a, r)                                                                             \
    { (r) = (a); }
#include "functions/unary.inc.h"
#undef SOURCE
#undef T

#define SOURCE int32_t
#define T      int16_t
#define FAIL   FAIL_INT2
#define KERNEL kernel_i4toi2
#define EVALUATE(a, r)                                                                             \
    {                                                                                              \
        (r) = (int16_t)(a);                                                                        \
        failed |= (r) != (a);                                                                      \
    }
#include "functions/unary.inc.h"
#undef T
#undef FAIL

#define T      int64_t
#define KERNEL kernel_int48
#define EVALUATE(a, r)                                                                             \
    { (r) = (a); }
#include "functions/unary.inc.h"
#undef T

#define T      bool
#define KERNEL kernel_int4_bool
#define EVALUATE(a, r)                                                                             \
    { (r) = (a) != 0; }
#include "functions/unary.inc.h"
#undef T

#define T            int8_t
#define FAIL(failed) fail(NUMERIC_VALUE_OUT_OF_RANGE, "\"char\" out of range")
#define KERNEL       kernel_i4tochar
#define EVALUATE(a, r)                                                                             \
    {                                                                                              \
        (r) = (int8_t)(a);                                                                         \
        failed |= (r) != (a);                                                                      \
    }
#include "functions/unary.inc.h"
#undef FAIL
#undef T
#undef SOURCE

#define SOURCE int64_t
#define T      int16_t
#define FAIL   FAIL_INT2
#define KERNEL kernel_int82
#define EVALUATE(a, r)                                                                             \
    {                                                                                              \
        (r) = (int16_t)(a);                                                                        \
        failed |= (r) != (a);                                                                      \
    }
#include "functions/unary.inc.h"
#undef T
#undef FAIL

#define T      int32_t
#define FAIL   FAIL_INT4
#define KERNEL kernel_int84
#define EVALUATE(a, r)                                                                             \
    {                                                                                              \
        (r) = (int32_t)(a);                                                                        \
        failed |= (r) != (a);                                                                      \
    }
#include "functions/unary.inc.h"
#undef T
#undef FAIL

#define T            uint32_t
#define FAIL(failed) fail(NUMERIC_VALUE_OUT_OF_RANGE, "OID out of range")
#define KERNEL       kernel_i8tooid
#define EVALUATE(a, r)                                                                             \
    {                                                                                              \
        (r) = (uint32_t)(a);                                                                       \
        failed |= (r) != (a);                                                                      \
    }
#include "functions/unary.inc.h"
#undef T
#undef FAIL
#undef SOURCE

#define SOURCE uint32_t
#define T      int64_t
#define KERNEL kernel_oidtoi8
#define EVALUATE(a, r)                                                                             \
    { (r) = (int64_t)(a); }
#include "functions/unary.inc.h"
#undef SOURCE
#undef T

#define SOURCE bool
#define T      int32_t
#define KERNEL kernel_bool_int4
#define EVALUATE(a, r)                                                                             \
    { (r) = (a); }
#include "functions/unary.inc.h"
#undef SOURCE

#define SOURCE int8_t
#define KERNEL kernel_chartoi4
#define EVALUATE(a, r)                                                                             \
    { (r) = (a); }
#include "functions/unary.inc.h"
#undef SOURCE
#undef T

// ---- Divisors -----------------------------------------------------------------------------------
// -------------------------------------------------------------------------------------

static uint64_t magnitude(int64_t value) {
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

static uint64_t gcd(uint64_t a, uint64_t b) {
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

// The least common multiple; sets `failed` when it exceeds `greatest`.
static uint64_t lcm(int64_t a, int64_t b, uint64_t greatest, uint8_t *failed) {
    if (a == 0 || b == 0) return 0;
    uint64_t result;
    uint64_t factor = magnitude(a) / gcd(magnitude(a), magnitude(b));
    if (__builtin_mul_overflow(factor, magnitude(b), &result) || result > greatest) {
        *failed |= FAILURE_RANGE;
    }
    return result;
}

#define LEFT   int32_t
#define RIGHT  int32_t
#define T      int32_t
#define FAIL   FAIL_INT4
#define KERNEL kernel_int4gcd
#define EVALUATE(a, b, r)                                                                          \
    {                                                                                              \
        uint64_t divisor = gcd(magnitude(a), magnitude(b));                                        \
        (r) = (int32_t)divisor;                                                                    \
        failed |= divisor > INT32_MAX;                                                             \
    }
#include "functions/binary.inc.h"

#define KERNEL kernel_int4lcm
#define EVALUATE(a, b, r)                                                                          \
    { (r) = (int32_t)lcm(a, b, INT32_MAX, &failed); }
#include "functions/binary.inc.h"
#undef LEFT
#undef RIGHT
#undef T
#undef FAIL

#define LEFT   int64_t
#define RIGHT  int64_t
#define T      int64_t
#define FAIL   FAIL_INT8
#define KERNEL kernel_int8gcd
#define EVALUATE(a, b, r)                                                                          \
    {                                                                                              \
        uint64_t divisor = gcd(magnitude(a), magnitude(b));                                        \
        (r) = (int64_t)divisor;                                                                    \
        failed |= divisor > INT64_MAX;                                                             \
    }
#include "functions/binary.inc.h"

#define KERNEL kernel_int8lcm
#define EVALUATE(a, b, r)                                                                          \
    { (r) = (int64_t)lcm(a, b, INT64_MAX, &failed); }
#include "functions/binary.inc.h"
