// numeric: exact decimal numbers of up to 131072 digits before the point and 16383 behind it, NaN
// and the infinities; the arithmetic of SQL on them, with PostgreSQL's result scales.
//
// Model    While it is computed with, a number is a Numeric: digits in base 10000, most significant
//          first, borrowed from its view or living in an arena; `weight` is the exponent (in base
//          10000) of the first. A Numeric has no zero digit first or last; zero has no digits.
//          `scale` is how many decimals it shows, which the digits never exceed.
// Format   In a view, little-endian; 12 bytes hold five digits, so up to 17 decimal digits always:
//
//   OFFSET  SIZE  FIELD
//        0     2  head, by its two highest bits:
//                 00 short: bit 13 negative, bits 12-7 scale, bits 6-0 weight + 64
//                 01 long: bit 13 negative, other bits zero; scale and weight follow
//                 10 special: 0 NaN, 1 Infinity, 2 -Infinity in the low bits, and nothing follows
//        2     4  only in a long one: scale (2 bytes), weight (2 bytes, signed)
//           2 x n digits
//
//          The short form is used whenever it fits, so equal numbers of equal scale have equal
//          bytes.
// Memory   Results live in the arena that is given; so do their intermediate steps.
// Source   The result scales are PostgreSQL 15's.
#pragma once

#include "base/wide.h"
#include "types/type.h"

enum {
    NUMERIC_BASE = 10000,
    NUMERIC_BASE_DIGITS = 4,
    NUMERIC_PRECISION_MAX = 1000,
    NUMERIC_SCALE_MAX = 16383,
    NUMERIC_WEIGHT_MAX = 32767,
    NUMERIC_DISPLAY_SCALE_MAX = 1000, // of quotients and transcendental results
};

typedef enum NumericKind { NUMERIC_FINITE, NUMERIC_INFINITY, NUMERIC_NAN } NumericKind;

typedef struct Numeric {
    NumericKind kind;
    bool is_negative; // never of zero or NaN
    int32_t weight, scale;
    int32_t digit_count;
    const uint16_t *digits;
} Numeric;

// The number in a view that this module made. Borrows the view and its bytes; unaligned digits are
// copied to `arena`.
Numeric numeric_open(const View *view, Arena *arena);

// Makes the view. Errors: NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format".
Status numeric_store(const Numeric *number, Arena *arena, View *view_out);

Numeric numeric_from_int64(int64_t value, Arena *arena);
// value / 10^scale, as sums over a column with a fixed scale are kept.
Numeric numeric_from_scaled(Int128 value, int32_t scale, Arena *arena);
// value x 10^scale, when it is a whole number that fits; false otherwise.
bool numeric_to_scaled(const Numeric *number, int32_t scale, Int128 *value_out);
// As the cast from float8 or float4: 15 or 6 significant digits.
Numeric numeric_from_float8(double value, Arena *arena);
Numeric numeric_from_float4(float value, Arena *arena);

// Casts, rounding half away from zero. Errors: NUMERIC_VALUE_OUT_OF_RANGE; FEATURE_NOT_SUPPORTED
// for NaN and infinities.
Status numeric_to_int64(const Numeric *number, Arena *arena, int64_t *value_out);
Status numeric_to_int32(const Numeric *number, Arena *arena, int32_t *value_out);
Status numeric_to_int16(const Numeric *number, Arena *arena, int16_t *value_out);
Status numeric_to_float8(const Numeric *number, Arena *arena, double *value_out);
Status numeric_to_float4(const Numeric *number, Arena *arena, float *value_out);

void numeric_append(const Numeric *number, Text *out); // as to_text

// Errors of the following: NUMERIC_VALUE_OUT_OF_RANGE, DIVISION_BY_ZERO, INVALID_ARGUMENT_FOR_LOG,
// INVALID_ARGUMENT_FOR_POWER_FUNCTION. A result beyond the format is refused by numeric_store.

int numeric_compare(const Numeric *a, const Numeric *b); // NaN equals NaN, above all
bool numeric_is_zero(const Numeric *number);

Numeric numeric_negate(const Numeric *number);
Numeric numeric_absolute(const Numeric *number);
Numeric numeric_add(const Numeric *a, const Numeric *b, Arena *arena);
Numeric numeric_subtract(const Numeric *a, const Numeric *b, Arena *arena);
Numeric numeric_multiply(const Numeric *a, const Numeric *b, Arena *arena);
Status numeric_divide(const Numeric *a, const Numeric *b, Arena *arena, Numeric *result_out);
Status numeric_divide_truncated( // div(a, b)
    const Numeric *a, const Numeric *b, Arena *arena, Numeric *result_out);
Status numeric_modulo(const Numeric *a, const Numeric *b, Arena *arena, Numeric *result_out);

// To `scale` decimals, which may be negative; half away from zero, or toward zero.
Numeric numeric_round(const Numeric *number, int32_t scale, Arena *arena);
Numeric numeric_truncate(const Numeric *number, int32_t scale, Arena *arena);
Numeric numeric_ceiling(const Numeric *number, Arena *arena);
Numeric numeric_floor(const Numeric *number, Arena *arena);

// The least scale that shows every digit.
int32_t numeric_min_scale(const Numeric *number);

Status numeric_sqrt(const Numeric *number, Arena *arena, Numeric *result_out);
Status numeric_exp(const Numeric *number, Arena *arena, Numeric *result_out);
Status numeric_ln(const Numeric *number, Arena *arena, Numeric *result_out);
Status numeric_log(const Numeric *base, const Numeric *number, Arena *arena, Numeric *result_out);
Status numeric_power(
    const Numeric *base, const Numeric *exponent, Arena *arena, Numeric *result_out);
