#include "base/error.h"
#include "types/numeric_internal.h"

static const uint16_t digit_one[] = {1};
const Numeric numeric_zero = {0};
const Numeric numeric_one = {.digit_count = 1, .digits = digit_one};

static const uint16_t decimal_powers[] = {1, 10, 100, 1000};

static int32_t larger(int32_t a, int32_t b) {
    return a > b ? a : b;
}

static uint16_t *digits_allocate(Arena *arena, int32_t count) {
    return arena_allocate(arena, sizeof(uint16_t) * (size_t)(count + 1), _Alignof(uint16_t));
}

Status numeric_overflow(void) {
    return fail(NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format");
}

Numeric numeric_normalize(
    bool is_negative, int32_t weight, int32_t scale, const uint16_t *digits, int32_t count) {
    while (count > 0 && digits[0] == 0) {
        digits++;
        count--;
        weight--;
    }
    while (count > 0 && digits[count - 1] == 0) {
        count--;
    }
    return (Numeric){.is_negative = count > 0 && is_negative,
        .weight = count > 0 ? weight : 0,
        .scale = scale,
        .digit_count = count,
        .digits = digits};
}

bool numeric_is_zero(const Numeric *number) {
    return number->kind == NUMERIC_FINITE && number->digit_count == 0;
}

static Numeric nan_make(void) {
    return (Numeric){.kind = NUMERIC_NAN};
}

static Numeric infinity_make(bool is_negative) {
    return (Numeric){.kind = NUMERIC_INFINITY, .is_negative = is_negative};
}

Numeric numeric_negate(const Numeric *number) {
    Numeric result = *number;
    if (number->kind != NUMERIC_NAN && !numeric_is_zero(number)) {
        result.is_negative = !number->is_negative;
    }
    return result;
}

Numeric numeric_absolute(const Numeric *number) {
    Numeric result = *number;
    result.is_negative = false;
    return result;
}

// -1, 0 or 1.
static int sign_of(const Numeric *number) {
    if (numeric_is_zero(number)) return 0;
    return number->is_negative ? -1 : 1;
}

static int compare_magnitudes(const Numeric *a, const Numeric *b) {
    if (a->digit_count == 0 || b->digit_count == 0) {
        return (a->digit_count > 0) - (b->digit_count > 0);
    }
    if (a->weight != b->weight) return a->weight < b->weight ? -1 : 1;
    int32_t shorter = a->digit_count < b->digit_count ? a->digit_count : b->digit_count;
    for (int32_t i = 0; i < shorter; i++) {
        if (a->digits[i] != b->digits[i]) return a->digits[i] < b->digits[i] ? -1 : 1;
    }
    return (a->digit_count > b->digit_count) - (a->digit_count < b->digit_count);
}

int numeric_compare(const Numeric *a, const Numeric *b) {
    if (a->kind == NUMERIC_NAN || b->kind == NUMERIC_NAN) {
        return (a->kind == NUMERIC_NAN) - (b->kind == NUMERIC_NAN);
    }
    int a_sign = sign_of(a), b_sign = sign_of(b);
    if (a_sign != b_sign) return a_sign < b_sign ? -1 : 1;
    if (a->kind != NUMERIC_FINITE || b->kind != NUMERIC_FINITE) {
        int order = (a->kind == NUMERIC_INFINITY) - (b->kind == NUMERIC_INFINITY);
        return a_sign * order;
    }
    return a_sign * compare_magnitudes(a, b);
}

// ---- Sums ---------------------------------------------------------------------------------------

// The digit worth base^exponent.
static int32_t digit_at(const Numeric *number, int32_t exponent) {
    int32_t index = number->weight - exponent;
    return index >= 0 && index < number->digit_count ? number->digits[index] : 0;
}

// The exponent below the last digit.
static int32_t exponent_end(const Numeric *number) {
    return number->weight - number->digit_count;
}

// |a| + |b|, or |a| - |b| when |a| >= |b|.
static Numeric combine_magnitudes(
    const Numeric *a, const Numeric *b, bool is_difference, bool is_negative, Arena *arena) {
    int32_t scale = larger(a->scale, b->scale);
    if (b->digit_count == 0) {
        return numeric_normalize(is_negative, a->weight, scale, a->digits, a->digit_count);
    }
    if (a->digit_count == 0) {
        return numeric_normalize(is_negative, b->weight, scale, b->digits, b->digit_count);
    }
    int32_t top = larger(a->weight, b->weight) + 1;
    int32_t a_end = exponent_end(a), b_end = exponent_end(b);
    int32_t count = top - (a_end < b_end ? a_end : b_end);
    uint16_t *digits = digits_allocate(arena, count);
    int32_t carry = 0;
    for (int32_t i = count - 1; i >= 0; i--) {
        int32_t exponent = top - i, b_digit = digit_at(b, exponent);
        int32_t digit = digit_at(a, exponent) + (is_difference ? -b_digit : b_digit) + carry;
        carry = 0;
        if (digit >= NUMERIC_BASE) {
            digit -= NUMERIC_BASE;
            carry = 1;
        } else if (digit < 0) {
            digit += NUMERIC_BASE;
            carry = -1;
        }
        digits[i] = (uint16_t)digit;
    }
    return numeric_normalize(is_negative, top, scale, digits, count);
}

Numeric numeric_add(const Numeric *a, const Numeric *b, Arena *arena) {
    if (a->kind != NUMERIC_FINITE || b->kind != NUMERIC_FINITE) {
        if (a->kind == NUMERIC_NAN || b->kind == NUMERIC_NAN) return nan_make();
        if (a->kind == NUMERIC_FINITE) return *b;
        bool is_undefined = b->kind == NUMERIC_INFINITY && a->is_negative != b->is_negative;
        return is_undefined ? nan_make() : *a;
    }
    if (a->is_negative == b->is_negative || a->digit_count == 0 || b->digit_count == 0) {
        bool is_negative = a->digit_count > 0 ? a->is_negative : b->is_negative;
        return combine_magnitudes(a, b, false, is_negative, arena);
    }
    if (compare_magnitudes(a, b) >= 0) return combine_magnitudes(a, b, true, a->is_negative, arena);
    return combine_magnitudes(b, a, true, b->is_negative, arena);
}

Numeric numeric_subtract(const Numeric *a, const Numeric *b, Arena *arena) {
    Numeric negated = numeric_negate(b);
    return numeric_add(a, &negated, arena);
}

// ---- Rounding -----------------------------------------------------------------------------------

// Keeps `scale` decimals. `scale` becomes the number's own, or 0 when it is negative.
static Numeric cut(const Numeric *number, int32_t scale, bool is_rounded, Arena *arena) {
    int32_t shown = scale < 0 ? 0 : scale;
    int64_t kept = ((int64_t)number->weight + 1) * NUMERIC_BASE_DIGITS + scale; // decimal digits
    if (number->digit_count == 0 || kept < 0) {
        return (Numeric){.scale = shown};
    }
    if (kept >= (int64_t)number->digit_count * NUMERIC_BASE_DIGITS) {
        Numeric same = *number;
        same.scale = shown;
        return same;
    }
    int32_t count = (int32_t)((kept + NUMERIC_BASE_DIGITS - 1) / NUMERIC_BASE_DIGITS);
    uint16_t *digits = digits_allocate(arena, count + 1);
    digits[0] = 0; // room for a carry
    memcpy(digits + 1, number->digits, sizeof *digits * (size_t)count);
    int32_t carry = 0, position = count; // where a carry is added
    if (kept % NUMERIC_BASE_DIGITS == 0) {
        carry = is_rounded && number->digits[count] >= NUMERIC_BASE / 2;
    } else {
        int32_t unit = decimal_powers[NUMERIC_BASE_DIGITS - kept % NUMERIC_BASE_DIGITS];
        int32_t rest = digits[count] % unit;
        int32_t digit = digits[count] - rest;
        if (is_rounded && rest >= unit / 2) digit += unit;
        carry = digit >= NUMERIC_BASE;
        digits[count] = (uint16_t)(carry ? digit - NUMERIC_BASE : digit);
        position--;
    }
    for (int32_t i = position; carry && i >= 0; i--) {
        carry = digits[i] == NUMERIC_BASE - 1;
        digits[i] = (uint16_t)(carry ? 0 : digits[i] + 1);
    }
    return numeric_normalize(number->is_negative, number->weight + 1, shown, digits, count + 1);
}

Numeric numeric_round(const Numeric *number, int32_t scale, Arena *arena) {
    return number->kind != NUMERIC_FINITE ? *number : cut(number, scale, true, arena);
}

Numeric numeric_truncate(const Numeric *number, int32_t scale, Arena *arena) {
    return number->kind != NUMERIC_FINITE ? *number : cut(number, scale, false, arena);
}

// Toward zero, and one further when that cut something off in the direction asked for.
static Numeric whole_toward(const Numeric *number, bool is_up, Arena *arena) {
    if (number->kind != NUMERIC_FINITE) return *number;
    Numeric whole = cut(number, 0, false, arena);
    if (numeric_is_whole(number) || number->is_negative == is_up) return whole;
    return is_up ? numeric_add(&whole, &numeric_one, arena)
                 : numeric_subtract(&whole, &numeric_one, arena);
}

Numeric numeric_ceiling(const Numeric *number, Arena *arena) {
    return whole_toward(number, true, arena);
}

Numeric numeric_floor(const Numeric *number, Arena *arena) {
    return whole_toward(number, false, arena);
}

int32_t numeric_min_scale(const Numeric *number) {
    if (number->kind != NUMERIC_FINITE || number->digit_count == 0) return 0;
    int32_t scale = (number->digit_count - number->weight - 1) * NUMERIC_BASE_DIGITS;
    if (scale <= 0) return 0;
    for (uint16_t last = number->digits[number->digit_count - 1]; last % 10 == 0; last /= 10) {
        scale--;
    }
    return scale;
}

// ---- Products -----------------------------------------------------------------------------------

static Numeric multiply(const Numeric *a, const Numeric *b, Arena *arena) {
    int32_t scale = a->scale + b->scale;
    if (a->digit_count == 0 || b->digit_count == 0) return (Numeric){.scale = scale};
    if (a->digit_count < b->digit_count) {
        const Numeric *swapped = a;
        a = b;
        b = swapped;
    }
    int32_t count = a->digit_count + b->digit_count;
    uint16_t *digits = digits_allocate(arena, count);
    ArenaMark mark = arena_mark(arena);
    // A sum of n products is below n x 10^8, so 64 bits hold them all and carry once at the end.
    uint64_t *sums = arena_new_array(arena, uint64_t, count);
    for (int32_t j = 0; j < b->digit_count; j++) {
        uint64_t factor = b->digits[j];
        uint64_t *at = sums + j + 1;
        for (int32_t i = 0; i < a->digit_count; i++) {
            at[i] += factor * a->digits[i];
        }
    }
    uint64_t carry = 0;
    for (int32_t i = count - 1; i >= 0; i--) {
        carry += sums[i];
        digits[i] = (uint16_t)(carry % NUMERIC_BASE);
        carry /= NUMERIC_BASE;
    }
    arena_rewind(arena, mark);
    return numeric_normalize(
        a->is_negative != b->is_negative, a->weight + b->weight + 1, scale, digits, count);
}

Numeric numeric_multiply_to(const Numeric *a, const Numeric *b, int32_t scale, Arena *arena) {
    Numeric product = multiply(a, b, arena);
    return cut(&product, scale, true, arena);
}

Numeric numeric_multiply(const Numeric *a, const Numeric *b, Arena *arena) {
    if (a->kind != NUMERIC_FINITE || b->kind != NUMERIC_FINITE) {
        bool is_undefined = a->kind == NUMERIC_NAN || b->kind == NUMERIC_NAN || numeric_is_zero(a)
                            || numeric_is_zero(b);
        return is_undefined ? nan_make() : infinity_make(a->is_negative != b->is_negative);
    }
    Numeric product = multiply(a, b, arena);
    return product.scale > NUMERIC_SCALE_MAX ? cut(&product, NUMERIC_SCALE_MAX, true, arena)
                                             : product;
}

// ---- Quotients ----------------------------------------------------------------------------------

// Long division (Knuth, TAOCP 4.3.1, algorithm D). `rest` holds the dividend: rest_count digits
// after a zero that it starts with; on return, what is left. One quotient digit for each position
// of the divisor under the dividend.
static void divide_digits(uint32_t *rest, int32_t rest_count, const uint32_t *divisor,
    int32_t divisor_count, uint16_t *quotient) {
    for (int32_t j = 0; j + divisor_count <= rest_count; j++) {
        uint64_t top = (uint64_t)rest[j] * NUMERIC_BASE + rest[j + 1];
        uint64_t guess = top / divisor[0], guess_rest = top % divisor[0];
        uint32_t second = divisor_count > 1 ? divisor[1] : 0;
        uint32_t third = divisor_count > 1 ? rest[j + 2] : 0;
        while (guess >= NUMERIC_BASE || guess * second > guess_rest * NUMERIC_BASE + third) {
            guess--;
            guess_rest += divisor[0];
            if (guess_rest >= NUMERIC_BASE) break;
        }
        int64_t borrow = 0;
        for (int32_t i = divisor_count - 1; i >= 0; i--) {
            int64_t digit = (int64_t)rest[j + 1 + i] - (int64_t)(guess * divisor[i]) + borrow;
            borrow = digit >= 0 ? 0 : -((-digit + NUMERIC_BASE - 1) / NUMERIC_BASE);
            rest[j + 1 + i] = (uint32_t)(digit - borrow * NUMERIC_BASE);
        }
        int64_t head = (int64_t)rest[j] + borrow;
        if (head < 0) { // the guess was one too high
            guess--;
            uint32_t carry = 0;
            for (int32_t i = divisor_count - 1; i >= 0; i--) {
                uint32_t digit = rest[j + 1 + i] + divisor[i] + carry;
                carry = digit >= NUMERIC_BASE;
                rest[j + 1 + i] = carry ? digit - NUMERIC_BASE : digit;
            }
            head += carry;
        }
        rest[j] = (uint32_t)head;
        quotient[j] = (uint16_t)guess;
    }
}

Numeric numeric_divide_to(
    const Numeric *a, const Numeric *b, int32_t scale, bool is_rounded, Arena *arena) {
    ASSERT(b->digit_count > 0);
    if (a->digit_count == 0) return (Numeric){.scale = scale < 0 ? 0 : scale};
    // The quotient's first digit has this weight, or the one below; one digit more than `scale`
    // needs decides the rounding.
    int32_t weight = a->weight - b->weight;
    int32_t fraction_digits = scale >= 0 ? (scale + NUMERIC_BASE_DIGITS - 1) / NUMERIC_BASE_DIGITS
                                         : -(-scale / NUMERIC_BASE_DIGITS);
    int32_t count = weight + 1 + fraction_digits + 1;
    if (count <= 0) return (Numeric){.scale = scale < 0 ? 0 : scale};
    uint16_t *quotient = digits_allocate(arena, count);
    ArenaMark mark = arena_mark(arena);
    int32_t rest_count = count + b->digit_count - 1;
    uint32_t *rest = arena_new_array(arena, uint32_t, rest_count + 2);
    uint32_t *divisor = arena_new_array(arena, uint32_t, b->digit_count);
    // Scaling both makes the divisor's first digit at least half the base.
    uint32_t factor = NUMERIC_BASE / (b->digits[0] + 1U), carry = 0;
    for (int32_t i = b->digit_count - 1; i >= 0; i--) {
        carry += b->digits[i] * factor;
        divisor[i] = carry % NUMERIC_BASE;
        carry /= NUMERIC_BASE;
    }
    carry = 0;
    int32_t copied = a->digit_count < rest_count ? a->digit_count : rest_count;
    for (int32_t i = copied - 1; i >= 0; i--) {
        carry += a->digits[i] * factor;
        rest[i + 1] = carry % NUMERIC_BASE;
        carry /= NUMERIC_BASE;
    }
    rest[0] = carry;
    divide_digits(rest, rest_count, divisor, b->digit_count, quotient);
    arena_rewind(arena, mark);
    Numeric result =
        numeric_normalize(a->is_negative != b->is_negative, weight, scale, quotient, count);
    return cut(&result, scale, is_rounded, arena);
}

// The scale that gives a quotient at least NUMERIC_SIGNIFICANT_MIN digits and no less than its
// operands show.
static int32_t quotient_scale(const Numeric *a, const Numeric *b) {
    int32_t a_first = a->digit_count > 0 ? a->digits[0] : 0;
    int32_t weight = (a->digit_count > 0 ? a->weight : 0) - b->weight;
    if (a_first <= b->digits[0]) weight--;
    int32_t scale = NUMERIC_SIGNIFICANT_MIN - weight * NUMERIC_BASE_DIGITS;
    scale = larger(larger(scale, 0), larger(a->scale, b->scale));
    return scale < NUMERIC_DISPLAY_SCALE_MAX ? scale : NUMERIC_DISPLAY_SCALE_MAX;
}

static Status fail_division(void) {
    return fail(DIVISION_BY_ZERO, "division by zero");
}

// Quotients with a NaN or an infinity. True when that settled it.
static Status divide_special(const Numeric *a, const Numeric *b, Numeric *result_out) {
    if (a->kind == NUMERIC_NAN || b->kind == NUMERIC_NAN) {
        *result_out = nan_make();
    } else if (a->kind == NUMERIC_INFINITY) {
        if (numeric_is_zero(b)) return fail_division();
        *result_out = b->kind == NUMERIC_INFINITY ? nan_make()
                                                  : infinity_make(a->is_negative != b->is_negative);
    } else {
        *result_out = numeric_zero;
    }
    return OK;
}

static bool is_special(const Numeric *a, const Numeric *b) {
    return a->kind != NUMERIC_FINITE || b->kind != NUMERIC_FINITE;
}

Status numeric_divide(const Numeric *a, const Numeric *b, Arena *arena, Numeric *result_out) {
    if (is_special(a, b)) return divide_special(a, b, result_out);
    if (b->digit_count == 0) return fail_division();
    *result_out = numeric_divide_to(a, b, quotient_scale(a, b), true, arena);
    return OK;
}

Status numeric_divide_truncated(
    const Numeric *a, const Numeric *b, Arena *arena, Numeric *result_out) {
    if (is_special(a, b)) return divide_special(a, b, result_out);
    if (b->digit_count == 0) return fail_division();
    *result_out = numeric_divide_to(a, b, 0, false, arena);
    return OK;
}

Status numeric_modulo(const Numeric *a, const Numeric *b, Arena *arena, Numeric *result_out) {
    if (is_special(a, b)) {
        if (a->kind == NUMERIC_NAN || b->kind == NUMERIC_NAN) {
            *result_out = nan_make();
        } else if (a->kind == NUMERIC_INFINITY) {
            if (numeric_is_zero(b)) return fail_division();
            *result_out = nan_make();
        } else {
            *result_out = *a;
        }
        return OK;
    }
    if (b->digit_count == 0) return fail_division();
    Numeric quotient = numeric_divide_to(a, b, 0, false, arena);
    Numeric product = multiply(&quotient, b, arena);
    *result_out = numeric_subtract(a, &product, arena);
    return OK;
}
