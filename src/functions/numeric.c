// Functions of numeric: thin kernels over types/numeric.h.
#include "types/numeric.h"

#include "base/error.h"
#include "functions/kernels_internal.h"

static Numeric argument_numeric(const Call *call, uint32_t index, uint32_t row) {
    return numeric_open(&ARGUMENT(call, index, View, row), call->arena);
}

static Status result_set_numeric(Call *call, uint32_t row, const Numeric *number) {
    return numeric_store(number, call->arena, &RESULT(call, View, row));
}

// ---- One and two arguments
// -----------------------------------------------------------------------

// X(kernel, expression over a and the arena)
#define PLAIN_UNARY_LIST(X)                                                                        \
    X(numeric_uminus, numeric_negate(&a))                                                          \
    X(numeric_uplus, a)                                                                            \
    X(numeric_abs, numeric_absolute(&a))                                                           \
    X(numeric_ceil, numeric_ceiling(&a, call->arena))                                              \
    X(numeric_floor, numeric_floor(&a, call->arena))                                               \
    X(numeric_round_whole, numeric_round(&a, 0, call->arena))                                      \
    X(numeric_trunc_whole, numeric_truncate(&a, 0, call->arena))                                   \
    X(numeric_trim_scale, numeric_truncate(&a, numeric_min_scale(&a), call->arena))

#define X(name, expression)                                                                        \
    Status kernel_##name(Call *call) {                                                             \
        FOR_EACH_ROW(call, row) {                                                                  \
            Numeric a = argument_numeric(call, 0, row);                                            \
            Numeric result = expression;                                                           \
            TRY(result_set_numeric(call, row, &result));                                           \
        }                                                                                          \
        return OK;                                                                                 \
    }

PLAIN_UNARY_LIST(X)
#undef X

#define FALLIBLE_UNARY_LIST(X)                                                                     \
    X(numeric_sqrt, numeric_sqrt)                                                                  \
    X(numeric_exp, numeric_exp)                                                                    \
    X(numeric_ln, numeric_ln)

#define X(name, function)                                                                          \
    Status kernel_##name(Call *call) {                                                             \
        FOR_EACH_ROW(call, row) {                                                                  \
            Numeric a = argument_numeric(call, 0, row), result;                                    \
            TRY(function(&a, call->arena, &result));                                               \
            TRY(result_set_numeric(call, row, &result));                                           \
        }                                                                                          \
        return OK;                                                                                 \
    }

FALLIBLE_UNARY_LIST(X)
#undef X

#define PLAIN_BINARY_LIST(X)                                                                       \
    X(numeric_add, numeric_add)                                                                    \
    X(numeric_sub, numeric_subtract)                                                               \
    X(numeric_mul, numeric_multiply)

#define X(name, function)                                                                          \
    Status kernel_##name(Call *call) {                                                             \
        FOR_EACH_ROW(call, row) {                                                                  \
            Numeric a = argument_numeric(call, 0, row), b = argument_numeric(call, 1, row);        \
            Numeric result = function(&a, &b, call->arena);                                        \
            TRY(result_set_numeric(call, row, &result));                                           \
        }                                                                                          \
        return OK;                                                                                 \
    }

PLAIN_BINARY_LIST(X)
#undef X

#define FALLIBLE_BINARY_LIST(X)                                                                    \
    X(numeric_div, numeric_divide)                                                                 \
    X(numeric_div_trunc, numeric_divide_truncated)                                                 \
    X(numeric_mod, numeric_modulo)                                                                 \
    X(numeric_log, numeric_log)                                                                    \
    X(numeric_power, numeric_power)

#define X(name, function)                                                                          \
    Status kernel_##name(Call *call) {                                                             \
        FOR_EACH_ROW(call, row) {                                                                  \
            Numeric a = argument_numeric(call, 0, row), b = argument_numeric(call, 1, row);        \
            Numeric result;                                                                        \
            TRY(function(&a, &b, call->arena, &result));                                           \
            TRY(result_set_numeric(call, row, &result));                                           \
        }                                                                                          \
        return OK;                                                                                 \
    }

FALLIBLE_BINARY_LIST(X)
#undef X

// log(numeric) and log10(numeric), which PostgreSQL defines in SQL as log(10, x).
Status kernel_numeric_log10(Call *call) {
    Numeric ten = numeric_from_int64(10, call->arena);
    FOR_EACH_ROW(call, row) {
        Numeric a = argument_numeric(call, 0, row), result;
        TRY(numeric_log(&ten, &a, call->arena, &result));
        TRY(result_set_numeric(call, row, &result));
    }
    return OK;
}

// ---- Signs and scales
// ----------------------------------------------------------------------------

static int32_t clip_scale(int32_t scale) {
    if (scale > NUMERIC_SCALE_MAX) return NUMERIC_SCALE_MAX;
    return scale < -2 * NUMERIC_SCALE_MAX ? -2 * NUMERIC_SCALE_MAX : scale;
}

Status kernel_numeric_round(Call *call) {
    FOR_EACH_ROW(call, row) {
        Numeric a = argument_numeric(call, 0, row);
        Numeric result = numeric_round(&a, clip_scale(argument_int4(call, 1, row)), call->arena);
        TRY(result_set_numeric(call, row, &result));
    }
    return OK;
}

Status kernel_numeric_trunc(Call *call) {
    FOR_EACH_ROW(call, row) {
        Numeric a = argument_numeric(call, 0, row);
        Numeric result = numeric_truncate(&a, clip_scale(argument_int4(call, 1, row)), call->arena);
        TRY(result_set_numeric(call, row, &result));
    }
    return OK;
}

Status kernel_numeric_sign(Call *call) {
    FOR_EACH_ROW(call, row) {
        Numeric a = argument_numeric(call, 0, row);
        Numeric result = a;
        if (a.kind != NUMERIC_NAN) {
            int64_t sign = numeric_is_zero(&a) ? 0 : a.is_negative ? -1 : 1;
            result = numeric_from_int64(sign, call->arena);
        }
        TRY(result_set_numeric(call, row, &result));
    }
    return OK;
}

Status kernel_numeric_scale(Call *call) {
    FOR_EACH_ROW(call, row) {
        Numeric a = argument_numeric(call, 0, row);
        if (a.kind != NUMERIC_FINITE) {
            result_set_null(call, row);
        } else {
            RESULT(call, int32_t, row) = a.scale;
        }
    }
    return OK;
}

Status kernel_numeric_min_scale(Call *call) {
    FOR_EACH_ROW(call, row) {
        Numeric a = argument_numeric(call, 0, row);
        if (a.kind != NUMERIC_FINITE) {
            result_set_null(call, row);
        } else {
            RESULT(call, int32_t, row) = numeric_min_scale(&a);
        }
    }
    return OK;
}

// ---- Divisors
// ------------------------------------------------------------------------------------

static Status gcd(const Numeric *a, const Numeric *b, Arena *arena, Numeric *result_out) {
    int32_t scale = a->scale > b->scale ? a->scale : b->scale;
    if (a->kind != NUMERIC_FINITE || b->kind != NUMERIC_FINITE) {
        *result_out = (Numeric){.kind = NUMERIC_NAN};
        return OK;
    }
    Numeric left = numeric_absolute(a), right = numeric_absolute(b);
    while (!numeric_is_zero(&right)) {
        Numeric rest;
        TRY(numeric_modulo(&left, &right, arena, &rest));
        left = right;
        right = rest;
    }
    *result_out = numeric_round(&left, scale, arena);
    return OK;
}

Status kernel_numeric_gcd(Call *call) {
    FOR_EACH_ROW(call, row) {
        Numeric a = argument_numeric(call, 0, row), b = argument_numeric(call, 1, row), result;
        TRY(gcd(&a, &b, call->arena, &result));
        TRY(result_set_numeric(call, row, &result));
    }
    return OK;
}

Status kernel_numeric_lcm(Call *call) {
    FOR_EACH_ROW(call, row) {
        Numeric a = argument_numeric(call, 0, row), b = argument_numeric(call, 1, row), result;
        int32_t scale = a.scale > b.scale ? a.scale : b.scale;
        if (a.kind != NUMERIC_FINITE || b.kind != NUMERIC_FINITE) {
            result = (Numeric){.kind = NUMERIC_NAN};
        } else if (numeric_is_zero(&a) || numeric_is_zero(&b)) {
            Numeric zero = numeric_from_int64(0, call->arena);
            result = numeric_round(&zero, scale, call->arena);
        } else {
            Numeric divisor, factor;
            TRY(gcd(&a, &b, call->arena, &divisor));
            TRY(numeric_divide_truncated(&a, &divisor, call->arena, &factor));
            Numeric product = numeric_multiply(&factor, &b, call->arena);
            Numeric positive = numeric_absolute(&product);
            result = numeric_round(&positive, scale, call->arena);
        }
        TRY(result_set_numeric(call, row, &result));
    }
    return OK;
}

enum { FACTORIAL_MAX = 32177 };

Status kernel_numeric_fac(Call *call) {
    FOR_EACH_ROW(call, row) {
        int64_t number = ARGUMENT(call, 0, int64_t, row);
        if (number < 0) {
            return fail(NUMERIC_VALUE_OUT_OF_RANGE, "factorial of a negative number is undefined");
        }
        if (number > FACTORIAL_MAX) {
            return fail(NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format");
        }
        Numeric result = numeric_from_int64(1, call->arena);
        for (int64_t i = 2; i <= number; i++) {
            Numeric factor = numeric_from_int64(i, call->arena);
            result = numeric_multiply(&result, &factor, call->arena);
        }
        TRY(result_set_numeric(call, row, &result));
    }
    return OK;
}

// ---- Casts
// ---------------------------------------------------------------------------------------

// X(kernel, type of the argument, maker)
#define TO_NUMERIC_LIST(X)                                                                         \
    X(int2_numeric, int16_t, numeric_from_int64)                                                   \
    X(int4_numeric, int32_t, numeric_from_int64)                                                   \
    X(int8_numeric, int64_t, numeric_from_int64)                                                   \
    X(float4_numeric, float, numeric_from_float4)                                                  \
    X(float8_numeric, double, numeric_from_float8)

#define X(name, Type, make)                                                                        \
    Status kernel_##name(Call *call) {                                                             \
        FOR_EACH_ROW(call, row) {                                                                  \
            Numeric number = make(ARGUMENT(call, 0, Type, row), call->arena);                      \
            TRY(result_set_numeric(call, row, &number));                                           \
        }                                                                                          \
        return OK;                                                                                 \
    }

TO_NUMERIC_LIST(X)
#undef X

#define FROM_NUMERIC_LIST(X)                                                                       \
    X(numeric_int2, int16_t, numeric_to_int16)                                                     \
    X(numeric_int4, int32_t, numeric_to_int32)                                                     \
    X(numeric_int8, int64_t, numeric_to_int64)                                                     \
    X(numeric_float4, float, numeric_to_float4)                                                    \
    X(numeric_float8, double, numeric_to_float8)

#define X(name, Type, convert)                                                                     \
    Status kernel_##name(Call *call) {                                                             \
        FOR_EACH_ROW(call, row) {                                                                  \
            Numeric number = argument_numeric(call, 0, row);                                       \
            TRY(convert(&number, call->arena, &RESULT(call, Type, row)));                          \
        }                                                                                          \
        return OK;                                                                                 \
    }

FROM_NUMERIC_LIST(X)
#undef X
