#include "types/float_decimal.h"

#include "base/wide.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Decimal {
    uint64_t digits;
    int exponent; // value = digits x 10^exponent
} Decimal;

// Floors of logarithms, exact over the exponents of a double.
static int floor_log10_pow2(int e) {
    return (e * 1262611) >> 22;
}

static int floor_log10_three_quarters_pow2(int e) {
    return (e * 1262611 - 524031) >> 22;
}

static int floor_log2_pow10(int e) {
    return (e * 1741647) >> 19;
}

// The high word of power x factor, with its lowest bit set when anything was cut: enough to compare
// with multiples of two units exactly.
static uint64_t round_to_odd(const uint64_t power[2], uint64_t factor) {
    UInt128 low = (UInt128)power[1] * factor;
    UInt128 high = (UInt128)power[0] * factor + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

// value = c x 2^q. `is_lower_closer`: c is a power of two, so the neighbour below is at half the
// distance of the one above. All bounds below are in quarters of a unit in the last place.
static Decimal shortest(uint64_t c, int q, bool is_lower_closer) {
    int k = is_lower_closer ? floor_log10_three_quarters_pow2(q) : floor_log10_pow2(q);
    int shift = q + floor_log2_pow10(-k) + 1;
    const uint64_t *power = powers_of_ten[-k - POWER_OF_TEN_MIN];
    uint64_t below = round_to_odd(power, (4 * c - 2 + is_lower_closer) << shift) + 1;
    uint64_t exact = round_to_odd(power, 4 * c << shift);
    uint64_t above = round_to_odd(power, (4 * c + 2) << shift) - 1;

    uint64_t unit = exact / 4;
    if (unit >= 10) {
        uint64_t ten = unit / 10;
        bool is_low_inside = below <= 40 * ten, is_high_inside = 40 * ten + 40 <= above;
        if (is_low_inside != is_high_inside) return (Decimal){ten + is_high_inside, k + 1};
    }
    bool is_low_inside = below <= 4 * unit, is_high_inside = 4 * unit + 4 <= above;
    if (is_low_inside != is_high_inside) return (Decimal){unit + is_high_inside, k};
    uint64_t middle = 4 * unit + 2;
    bool is_up = exact > middle || (exact == middle && (unit & 1) != 0);
    return (Decimal){unit + is_up, k};
}

// `point_max` digits may stand before the point until the form with an exponent is taken.
static void append_decimal(Text *out, Decimal decimal, int point_max) {
    while (decimal.digits % 10 == 0) {
        decimal.digits /= 10;
        decimal.exponent++;
    }
    char digits[24];
    int count = 0;
    for (uint64_t rest = decimal.digits; rest > 0; rest /= 10) {
        digits[sizeof digits - 1 - (size_t)count++] = (char)('0' + rest % 10);
    }
    const char *first = digits + sizeof digits - count;
    int exponent = decimal.exponent + count - 1; // of the first digit

    if (exponent < -4 || exponent >= point_max) {
        text_append_char(out, first[0]);
        if (count > 1) {
            text_append_char(out, '.');
            text_append(out, first + 1, (size_t)count - 1);
        }
        text_append_format(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    } else if (exponent < 0) {
        text_append_text(out, "0.");
        text_append_repeat(out, '0', (size_t)(-exponent - 1));
        text_append(out, first, (size_t)count);
    } else if (count > exponent + 1) {
        text_append(out, first, (size_t)exponent + 1);
        text_append_char(out, '.');
        text_append(out, first + exponent + 1, (size_t)(count - exponent - 1));
    } else {
        text_append(out, first, (size_t)count);
        text_append_repeat(out, '0', (size_t)(exponent + 1 - count));
    }
}

// Zeros and what is not finite. True when that was all.
static bool append_special(Text *out, double value) {
    if (isnan(value)) {
        text_append_text(out, "NaN");
        return true;
    }
    if (signbit(value)) text_append_char(out, '-');
    if (isinf(value)) text_append_text(out, "Infinity");
    if (value == 0) text_append_char(out, '0');
    return isinf(value) || value == 0;
}

void float8_append_shortest(Text *out, double value) {
    if (append_special(out, value)) return;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int exponent = (int)(bits >> 52 & 0x7FF);
    Decimal decimal = exponent == 0 ? shortest(fraction, -1074, false)
                                    : shortest(fraction | UINT64_C(1) << 52, exponent - 1075,
                                        fraction == 0 && exponent > 1);
    append_decimal(out, decimal, 15);
}

void float4_append_shortest(Text *out, float value) {
    if (append_special(out, (double)value)) return;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t fraction = bits & ((1U << 23) - 1);
    int exponent = (int)(bits >> 23 & 0xFF);
    Decimal decimal = exponent == 0 ? shortest(fraction, -149, false)
                                    : shortest(fraction | 1U << 23, exponent - 150,
                                        fraction == 0 && exponent > 1);
    append_decimal(out, decimal, 6);
}

// glibc keeps one constant "C" locale object: making it allocates nothing and it needs no freeing.
static locale_t c_locale(void) {
    return newlocale(LC_ALL_MASK, "C", NULL);
}

void float8_append_digits(Text *out, double value, int digits) {
    if (isnan(value) || isinf(value)) {
        append_special(out, value);
        return;
    }
    locale_t locale = c_locale(), previous = uselocale(locale);
    text_append_format(out, "%.*g", digits, value);
    uselocale(previous);
    freelocale(locale);
}

double float8_read(const char *text, char **end_out) {
    locale_t locale = c_locale();
    double value = strtod_l(text, end_out, locale);
    freelocale(locale);
    return value;
}

float float4_read(const char *text, char **end_out) {
    locale_t locale = c_locale();
    float value = strtof_l(text, end_out, locale);
    freelocale(locale);
    return value;
}
