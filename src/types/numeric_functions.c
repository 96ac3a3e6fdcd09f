// sqrt, exp, ln, log and power: computed with a few digits more than asked for, then rounded.
#include "base/error.h"
#include "types/numeric_internal.h"

#include <math.h>

enum { GUARD_DIGITS = 8 };

static int32_t larger(int32_t a, int32_t b) {
    return a > b ? a : b;
}

static int32_t display_scale(int32_t scale, int32_t at_least) {
    scale = larger(larger(scale, at_least), 0);
    return scale < NUMERIC_DISPLAY_SCALE_MAX ? scale : NUMERIC_DISPLAY_SCALE_MAX;
}

// The first digits as a number below 10^16, and the decimal exponent that goes with it.
static double leading_digits(const Numeric *number, int32_t *exponent_out) {
    double value = number->digits[0];
    int32_t exponent = number->weight * NUMERIC_BASE_DIGITS;
    for (int32_t i = 1; i < number->digit_count && i < 4; i++) {
        value = value * NUMERIC_BASE + number->digits[i];
        exponent -= NUMERIC_BASE_DIGITS;
    }
    *exponent_out = exponent;
    return value;
}

// The nearest double, whatever the size; for estimates.
static double numeric_estimate(const Numeric *number) {
    if (number->digit_count == 0) return 0;
    int32_t exponent;
    double value = leading_digits(number, &exponent);
    value = exponent > 400 ? HUGE_VAL : value * pow(10, exponent);
    return number->is_negative ? -value : value;
}

// ---- sqrt ---------------------------------------------------------------------------------------

// The root of a positive number to `scale` decimals: Newton's method from a double's estimate.
static Numeric root(const Numeric *number, int32_t scale, Arena *arena) {
    if (number->digit_count == 0) return (Numeric){.scale = scale < 0 ? 0 : scale};
    // Moving the point by an even number of digits moves the root's by half as many.
    int32_t half = number->weight >= 0 ? number->weight / 2 : -((1 - number->weight) / 2);
    Numeric near = *number;
    near.weight -= 2 * half;
    int32_t work_scale = larger(scale + half * NUMERIC_BASE_DIGITS, 0) + GUARD_DIGITS;
    Numeric guess = numeric_from_float8(sqrt(numeric_estimate(&near)), arena);
    static const uint16_t half_digits[] = {5000};
    const Numeric one_half = {.weight = -1, .scale = 1, .digit_count = 1, .digits = half_digits};
    // The estimate is good to 11 decimals and each step doubles that.
    for (int32_t digits = 11; digits < work_scale;) {
        digits *= 2;
        int32_t step_scale = digits < work_scale ? digits : work_scale;
        Numeric quotient = numeric_divide_to(&near, &guess, step_scale, true, arena);
        Numeric sum = numeric_add(&guess, &quotient, arena);
        guess = numeric_multiply_to(&sum, &one_half, step_scale, arena);
    }
    guess.weight += half;
    return numeric_round(&guess, scale, arena);
}

Status numeric_sqrt(const Numeric *number, Arena *arena, Numeric *result_out) {
    if (number->kind != NUMERIC_NAN && number->is_negative) {
        return fail(
            INVALID_ARGUMENT_FOR_POWER_FUNCTION, "cannot take square root of a negative number");
    }
    if (number->kind != NUMERIC_FINITE) {
        *result_out = *number;
        return OK;
    }
    int32_t weight = (number->weight + 1) * NUMERIC_BASE_DIGITS / 2 - 1;
    *result_out =
        root(number, display_scale(NUMERIC_SIGNIFICANT_MIN - weight, number->scale), arena);
    return OK;
}

// ---- exp ----------------------------------------------------------------------------------------

#define LOG10_E 0.434294481903252

static Status exponential(const Numeric *number, int32_t scale, Arena *arena, Numeric *result_out) {
    double estimate = numeric_estimate(number);
    if (fabs(estimate) >= NUMERIC_RESULT_SCALE_MAX * 3) {
        if (estimate > 0) return numeric_overflow();
        *result_out = (Numeric){.scale = scale};
        return OK;
    }
    int32_t result_weight = (int32_t)(estimate * LOG10_E);
    int32_t halvings = 0;
    while (fabs(estimate) > 0.01) {
        estimate /= 2;
        halvings++;
    }
    // e^x = (e^(x / 2^n))^(2^n). Every squaring doubles the relative error, and in all they bring
    // 0.3 n digits.
    int32_t digits = larger(1 + result_weight + scale + (int32_t)(halvings * 0.301029995663981), 0)
                     + GUARD_DIGITS;
    Numeric x = *number;
    for (int32_t left = halvings; left > 0;) {
        int32_t step = left < 13 ? left : 13; // 2^13 is one digit of the base
        uint16_t power = (uint16_t)(1 << step);
        Numeric divisor = {.digit_count = 1, .digits = &power};
        x = numeric_divide_to(&x, &divisor, x.scale + digits + halvings, true, arena);
        left -= step;
    }
    x = numeric_round(&x, digits, arena);
    Numeric sum = numeric_add(&numeric_one, &x, arena), term = x;
    for (uint16_t n = 2; term.digit_count > 0; n++) {
        Numeric divisor = {.digit_count = 1, .digits = &n};
        Numeric product = numeric_multiply_to(&term, &x, digits + 1, arena);
        term = numeric_divide_to(&product, &divisor, digits, true, arena);
        sum = numeric_add(&sum, &term, arena);
    }
    for (int32_t i = 0; i < halvings; i++) {
        int32_t step_scale = larger(digits - sum.weight * 2 * NUMERIC_BASE_DIGITS, 0);
        sum = numeric_multiply_to(&sum, &sum, step_scale, arena);
    }
    *result_out = numeric_round(&sum, scale, arena);
    return OK;
}

Status numeric_exp(const Numeric *number, Arena *arena, Numeric *result_out) {
    if (number->kind != NUMERIC_FINITE) {
        bool is_zero = number->kind == NUMERIC_INFINITY && number->is_negative;
        *result_out = is_zero ? numeric_zero : *number;
        return OK;
    }
    double weight = numeric_estimate(number) * LOG10_E;
    weight = fmin(fmax(weight, -NUMERIC_RESULT_SCALE_MAX), NUMERIC_RESULT_SCALE_MAX);
    int32_t scale = display_scale(NUMERIC_SIGNIFICANT_MIN - (int32_t)weight, number->scale);
    return exponential(number, scale, arena, result_out);
}

// ---- ln and log ---------------------------------------------------------------------------------

// Whether a positive number is so near 1 that its logarithm is about the difference.
static bool is_near_one(const Numeric *number) {
    static const uint16_t low_digits[] = {9000}, high_digits[] = {1, 1000};
    static const Numeric low = {.weight = -1, .scale = 1, .digit_count = 1, .digits = low_digits};
    static const Numeric high = {.scale = 1, .digit_count = 2, .digits = high_digits};
    return numeric_compare(number, &low) >= 0 && numeric_compare(number, &high) <= 0;
}

// The decimal weight of ln(number), about.
static int32_t logarithm_weight(const Numeric *number, Arena *arena) {
    if (is_near_one(number)) {
        Numeric difference = numeric_subtract(number, &numeric_one, arena);
        if (difference.digit_count == 0) return 0;
        return difference.weight * NUMERIC_BASE_DIGITS
               + (int32_t)log10((double)difference.digits[0]);
    }
    double digits = number->digits[0];
    int32_t exponent = number->weight * NUMERIC_BASE_DIGITS;
    if (number->digit_count > 1) {
        digits = digits * NUMERIC_BASE + number->digits[1];
        exponent -= NUMERIC_BASE_DIGITS;
    }
    return (int32_t)log10(fabs(log(digits) + exponent * 2.302585092994046));
}

// ln of a positive number: roots bring it near 1, where 2 artanh((x-1)/(x+1)) converges fast.
static Numeric logarithm(const Numeric *number, int32_t scale, Arena *arena) {
    Numeric x = *number;
    int32_t roots = 0;
    // Each root halves the logarithm, of which at most 19 halvings are left above 0.1 here.
    int32_t digits = larger(scale, 0) + GUARD_DIGITS + 8;
    while (!is_near_one(&x)) {
        x = root(&x, digits - x.weight * NUMERIC_BASE_DIGITS / 2 + GUARD_DIGITS, arena);
        roots++;
    }
    Numeric above = numeric_subtract(&x, &numeric_one, arena);
    Numeric below = numeric_add(&x, &numeric_one, arena);
    Numeric z = numeric_divide_to(&above, &below, digits, true, arena);
    Numeric square = numeric_multiply_to(&z, &z, digits, arena), power = z, sum = z;
    for (uint16_t n = 3; power.digit_count > 0; n = (uint16_t)(n + 2)) {
        Numeric divisor = {.digit_count = 1, .digits = &n};
        power = numeric_multiply_to(&power, &square, digits, arena);
        Numeric term = numeric_divide_to(&power, &divisor, digits, true, arena);
        sum = numeric_add(&sum, &term, arena);
    }
    for (int32_t i = 0; i <= roots; i++) {
        sum = numeric_add(&sum, &sum, arena);
    }
    return numeric_round(&sum, scale, arena);
}

static Status logarithm_check(const Numeric *number) {
    if (number->kind != NUMERIC_NAN && number->is_negative) {
        return fail(INVALID_ARGUMENT_FOR_LOG, "cannot take logarithm of a negative number");
    }
    if (numeric_is_zero(number)) {
        return fail(INVALID_ARGUMENT_FOR_LOG, "cannot take logarithm of zero");
    }
    return OK;
}

Status numeric_ln(const Numeric *number, Arena *arena, Numeric *result_out) {
    TRY(logarithm_check(number));
    if (number->kind != NUMERIC_FINITE) {
        *result_out = *number;
        return OK;
    }
    int32_t scale =
        display_scale(NUMERIC_SIGNIFICANT_MIN - logarithm_weight(number, arena), number->scale);
    *result_out = logarithm(number, scale, arena);
    return OK;
}

Status numeric_log(const Numeric *base, const Numeric *number, Arena *arena, Numeric *result_out) {
    if (base->kind == NUMERIC_NAN || number->kind == NUMERIC_NAN) {
        *result_out = (Numeric){.kind = NUMERIC_NAN};
        return OK;
    }
    TRY(logarithm_check(base));
    TRY(logarithm_check(number));
    if (base->kind == NUMERIC_INFINITY) {
        bool is_undefined = number->kind == NUMERIC_INFINITY;
        *result_out = is_undefined ? (Numeric){.kind = NUMERIC_NAN} : numeric_zero;
        return OK;
    }
    if (number->kind == NUMERIC_INFINITY) {
        *result_out = *number;
        return OK;
    }
    int32_t base_weight = logarithm_weight(base, arena);
    int32_t number_weight = logarithm_weight(number, arena);
    int32_t weight = number_weight - base_weight;
    int32_t scale =
        display_scale(NUMERIC_SIGNIFICANT_MIN - weight, larger(base->scale, number->scale));
    int32_t base_scale = larger(scale + weight - base_weight + GUARD_DIGITS, 0);
    int32_t number_scale = larger(scale + weight - number_weight + GUARD_DIGITS, 0);
    Numeric base_log = logarithm(base, base_scale, arena);
    Numeric number_log = logarithm(number, number_scale, arena);
    if (base_log.digit_count == 0) return fail(DIVISION_BY_ZERO, "division by zero");
    *result_out = numeric_divide_to(&number_log, &base_log, scale, true, arena);
    return OK;
}

// ---- power --------------------------------------------------------------------------------------

// base^exponent by squaring, with as many significant digits as the result's scale needs. That
// scale does not depend on the result's size, unlike that of other exponents.
static Status power_whole(
    const Numeric *base, int32_t exponent, Arena *arena, Numeric *result_out) {
    double weight = 0; // decimal, of the result
    if (base->digit_count > 0) {
        int32_t base_exponent;
        double leading = leading_digits(base, &base_exponent);
        weight = exponent * (log10(leading) + base_exponent);
    }
    if (weight > ((double)NUMERIC_WEIGHT_MAX + 1) * NUMERIC_BASE_DIGITS) return numeric_overflow();
    int32_t scale = display_scale(NUMERIC_SIGNIFICANT_MIN, base->scale);
    if (weight + 1 < -scale) {
        *result_out = (Numeric){.scale = scale};
        return OK;
    }
    if (exponent == 0) {
        *result_out = numeric_one;
        result_out->scale = scale;
        return OK;
    }
    if (base->digit_count == 0) {
        if (exponent < 0) return fail(DIVISION_BY_ZERO, "division by zero");
        *result_out = (Numeric){.scale = scale};
        return OK;
    }
    if (exponent == 2) {
        *result_out = numeric_multiply_to(base, base, scale, arena);
        return OK;
    }
    int32_t digits =
        1 + scale + (int32_t)weight + (int32_t)log(fabs((double)exponent)) + GUARD_DIGITS;
    uint32_t left = exponent < 0 ? 0U - (uint32_t)exponent : (uint32_t)exponent;
    Numeric square = *base, product = left & 1 ? *base : numeric_one;
    bool is_inverse = exponent < 0;
    while ((left >>= 1) > 0) {
        int32_t exact = 2 * square.scale;
        int32_t step = digits - 2 * square.weight * NUMERIC_BASE_DIGITS;
        square =
            numeric_multiply_to(&square, &square, larger(step < exact ? step : exact, 0), arena);
        if (left & 1) {
            exact = square.scale + product.scale;
            step = digits - (square.weight + product.weight) * NUMERIC_BASE_DIGITS;
            product = numeric_multiply_to(
                &square, &product, larger(step < exact ? step : exact, 0), arena);
        }
        if (square.weight > NUMERIC_WEIGHT_MAX || product.weight > NUMERIC_WEIGHT_MAX) {
            if (!is_inverse) return numeric_overflow();
            *result_out = (Numeric){.scale = scale};
            return OK;
        }
    }
    if (is_inverse && product.digit_count == 0) return numeric_overflow();
    *result_out = is_inverse ? numeric_divide_to(&numeric_one, &product, scale, true, arena)
                             : numeric_round(&product, scale, arena);
    return OK;
}

static Status power_finite(
    const Numeric *base, const Numeric *exponent, Arena *arena, Numeric *result_out) {
    Int128 whole;
    if (numeric_to_scaled(exponent, 0, &whole) && whole >= INT32_MIN && whole <= INT32_MAX) {
        return power_whole(base, (int32_t)whole, arena, result_out);
    }
    if (base->digit_count == 0) {
        *result_out = (Numeric){.scale = NUMERIC_SIGNIFICANT_MIN};
        return OK;
    }
    bool is_odd = exponent->digit_count == exponent->weight + 1
                  && (exponent->digits[exponent->digit_count - 1] & 1) != 0;
    bool is_negative = base->is_negative && is_odd;
    Numeric positive = numeric_absolute(base);
    int32_t log_weight = logarithm_weight(&positive, arena);
    Numeric base_log = logarithm(&positive, larger(8 - log_weight, 0), arena);
    Numeric product = numeric_multiply_to(&base_log, exponent, larger(8 - log_weight, 0), arena);
    double weight = numeric_estimate(&product);
    if (fabs(weight) > NUMERIC_RESULT_SCALE_MAX * 3.01) {
        if (weight > 0) return numeric_overflow();
        *result_out = (Numeric){.scale = NUMERIC_DISPLAY_SCALE_MAX};
        return OK;
    }
    weight *= LOG10_E;
    int32_t scale = display_scale(
        NUMERIC_SIGNIFICANT_MIN - (int32_t)weight, larger(base->scale, exponent->scale));
    int32_t log_scale = larger(scale + (int32_t)weight - log_weight + GUARD_DIGITS, 0);
    base_log = logarithm(&positive, log_scale, arena);
    product = numeric_multiply_to(&base_log, exponent, log_scale, arena);
    TRY(exponential(&product, scale, arena, result_out));
    if (is_negative && result_out->digit_count > 0) result_out->is_negative = true;
    return OK;
}

// Where one side is infinite or NaN, as POSIX pow.
static void power_special(const Numeric *base, const Numeric *exponent, Numeric *result_out) {
    bool is_base_one = numeric_compare(base, &numeric_one) == 0;
    if (numeric_is_zero(exponent) || is_base_one) {
        *result_out = numeric_one;
        return;
    }
    if (base->kind == NUMERIC_NAN || exponent->kind == NUMERIC_NAN) {
        *result_out = (Numeric){.kind = NUMERIC_NAN};
        return;
    }
    if (exponent->kind == NUMERIC_INFINITY) {
        Numeric magnitude = numeric_absolute(base);
        int order = numeric_compare(&magnitude, &numeric_one);
        if (order == 0) {
            *result_out = numeric_one;
        } else if ((order > 0) == exponent->is_negative) {
            *result_out = numeric_zero;
        } else {
            *result_out = (Numeric){.kind = NUMERIC_INFINITY};
        }
        return;
    }
    if (exponent->is_negative) {
        *result_out = numeric_zero;
        return;
    }
    bool is_odd = exponent->digit_count == exponent->weight + 1
                  && (exponent->digits[exponent->digit_count - 1] & 1) != 0;
    *result_out = (Numeric){.kind = NUMERIC_INFINITY, .is_negative = base->is_negative && is_odd};
}

Status numeric_power(
    const Numeric *base, const Numeric *exponent, Arena *arena, Numeric *result_out) {
    bool is_exponent_negative = exponent->kind != NUMERIC_NAN && exponent->is_negative;
    if (numeric_is_zero(base) && is_exponent_negative) {
        return fail(
            INVALID_ARGUMENT_FOR_POWER_FUNCTION, "zero raised to a negative power is undefined");
    }
    if (base->kind != NUMERIC_NAN && base->is_negative && exponent->kind == NUMERIC_FINITE
        && !numeric_is_whole(exponent)) {
        return fail(INVALID_ARGUMENT_FOR_POWER_FUNCTION,
            "a negative number raised to a non-integer power yields a complex result");
    }
    if (base->kind != NUMERIC_FINITE || exponent->kind != NUMERIC_FINITE) {
        power_special(base, exponent, result_out);
        return OK;
    }
    return power_finite(base, exponent, arena, result_out);
}
