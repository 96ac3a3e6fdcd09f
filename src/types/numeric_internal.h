// Arithmetic on numerics at scales that the callers choose, for the functions built on it.
#pragma once

#include "types/numeric.h"

enum {
    NUMERIC_SIGNIFICANT_MIN = 16, // digits that quotients and transcendental results have at least
    NUMERIC_RESULT_SCALE_MAX = 2000,
};

extern const Numeric numeric_zero, numeric_one;

// Digits in a buffer that may start and end with zeros, made a Numeric.
Numeric numeric_normalize(
    bool is_negative, int32_t weight, int32_t scale, const uint16_t *digits, int32_t count);

// a x b rounded to `scale`, and a / b (b not zero) rounded or truncated to it. Finite numbers.
Numeric numeric_multiply_to(const Numeric *a, const Numeric *b, int32_t scale, Arena *arena);
Numeric numeric_divide_to(
    const Numeric *a, const Numeric *b, int32_t scale, bool is_rounded, Arena *arena);

// Whether the finite number has no digit behind the point.
static inline bool numeric_is_whole(const Numeric *number) {
    return number->digit_count <= number->weight + 1;
}

Status numeric_overflow(void);
