// The shortest decimal form of a binary floating-point number.
//
// Model    Among the decimals strictly inside the interval that rounds to the number, one of the
//          fewest digits, and of those the nearest. Bounds of the interval are left out even where
//          reading would round them to the number, as PostgreSQL leaves them out.
// Source   R. Giulietti, "The Schubfach way to render doubles", 2021.
#pragma once

#include "base/text.h"

#include <assert.h>

enum { POWER_OF_TEN_MIN = -292, POWER_OF_TEN_MAX = 324 };

// 10^k in 128 bits, highest bit set, rounded up; high word first. Made by tools/make_types.py.
extern const uint64_t powers_of_ten[][2];

// As PostgreSQL prints with extra_float_digits above 0; also infinities and NaN.
void float8_append_shortest(Text *out, double value);
void float4_append_shortest(Text *out, float value);

// Correctly rounded to `digits` significant digits, as %.*g in the C locale whatever the process's.
void float8_append_digits(Text *out, double value, int digits);

// strtod and strtof of the C locale; `end_out` is where reading stopped. errno is theirs.
double float8_read(const char *text, char **end_out);
float float4_read(const char *text, char **end_out);
