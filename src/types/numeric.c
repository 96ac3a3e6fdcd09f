// The numeric type: its format, conversions, order and keys.
#include "types/numeric.h"

#include "base/error.h"
#include "base/hash.h"
#include "types/float.h"
#include "types/float_decimal.h"
#include "types/numeric_internal.h"
#include "types/types_internal.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>

enum {
    HEAD_KIND_MASK = 0xC000,
    HEAD_SHORT = 0x0000,
    HEAD_LONG = 0x4000,
    HEAD_SPECIAL = 0x8000,
    HEAD_NEGATIVE = 0x2000,
    SHORT_SCALE_MAX = 63,
    SHORT_WEIGHT_BIAS = 64,
    SPECIAL_NAN = 0,
    SPECIAL_INFINITY = 1,
    SPECIAL_NEGATIVE_INFINITY = 2,
    HEAD_BYTES = 2,
    LONG_HEAD_BYTES = 6,
    MODIFIER_BASE = 4,
};

// ---- Format -------------------------------------------------------------------------------------

// Everything but the digits, which start at *raw_out and may not be aligned.
static Numeric open_head(const View *view, const uint8_t **raw_out) {
    Bytes bytes = view_bytes(view);
    if (bytes.count < HEAD_BYTES) return (Numeric){.kind = NUMERIC_NAN};
    uint16_t head = get_u16_le(bytes.data);
    Numeric number = {.is_negative = (head & HEAD_NEGATIVE) != 0};
    size_t head_bytes = HEAD_BYTES;
    if ((head & HEAD_KIND_MASK) == HEAD_SHORT) {
        number.scale = head >> 7 & SHORT_SCALE_MAX;
        number.weight = (head & 127) - SHORT_WEIGHT_BIAS;
    } else if ((head & HEAD_KIND_MASK) == HEAD_LONG && bytes.count >= LONG_HEAD_BYTES) {
        number.scale = get_u16_le(bytes.data + 2);
        number.weight = (int16_t)get_u16_le(bytes.data + 4);
        head_bytes = LONG_HEAD_BYTES;
    } else {
        bool is_infinite = (head & 3) != SPECIAL_NAN;
        number.kind = is_infinite ? NUMERIC_INFINITY : NUMERIC_NAN;
        number.is_negative = (head & 3) == SPECIAL_NEGATIVE_INFINITY;
        return number;
    }
    number.digit_count = (int32_t)((bytes.count - head_bytes) / sizeof(uint16_t));
    *raw_out = bytes.data + head_bytes;
    return number;
}

Numeric numeric_open(const View *view, Arena *arena) {
    const uint8_t *raw = NULL;
    Numeric number = open_head(view, &raw);
    if (number.digit_count > 0 && (uintptr_t)raw % _Alignof(uint16_t) != 0) {
        raw = arena_copy_bytes(arena, raw, sizeof(uint16_t) * (size_t)number.digit_count);
    }
    number.digits = (const uint16_t *)(const void *)raw;
    return number;
}

Status numeric_store(const Numeric *number, Arena *arena, View *view_out) {
    uint8_t head[LONG_HEAD_BYTES];
    if (number->kind != NUMERIC_FINITE) {
        unsigned special = SPECIAL_NAN;
        if (number->kind == NUMERIC_INFINITY) {
            special = number->is_negative ? SPECIAL_NEGATIVE_INFINITY : SPECIAL_INFINITY;
        }
        put_u16_le(head, (uint16_t)(HEAD_SPECIAL | special));
        *view_out = view_make(head, HEAD_BYTES);
        return OK;
    }
    if (number->scale > NUMERIC_SCALE_MAX || number->weight > NUMERIC_WEIGHT_MAX
        || number->weight < -NUMERIC_WEIGHT_MAX - 1) {
        return numeric_overflow();
    }
    size_t head_bytes = HEAD_BYTES;
    unsigned sign = number->is_negative ? HEAD_NEGATIVE : 0;
    int32_t biased = number->weight + SHORT_WEIGHT_BIAS;
    if (number->scale <= SHORT_SCALE_MAX && biased >= 0 && biased < 2 * SHORT_WEIGHT_BIAS) {
        put_u16_le(
            head, (uint16_t)(HEAD_SHORT | sign | (unsigned)number->scale << 7 | (unsigned)biased));
    } else {
        put_u16_le(head, (uint16_t)(HEAD_LONG | sign));
        put_u16_le(head + 2, (uint16_t)number->scale);
        put_u16_le(head + 4, (uint16_t)number->weight);
        head_bytes = LONG_HEAD_BYTES;
    }
    size_t digit_bytes = sizeof(uint16_t) * (size_t)number->digit_count;
    if (head_bytes + digit_bytes <= VIEW_INLINE_MAX) {
        uint8_t bytes[VIEW_INLINE_MAX];
        memcpy(bytes, head, head_bytes);
        if (digit_bytes > 0) memcpy(bytes + head_bytes, number->digits, digit_bytes);
        *view_out = view_make(bytes, head_bytes + digit_bytes);
        return OK;
    }
    uint8_t *bytes = arena_allocate(arena, head_bytes + digit_bytes, _Alignof(uint16_t));
    memcpy(bytes, head, head_bytes);
    memcpy(bytes + head_bytes, number->digits, digit_bytes);
    *view_out = view_make(bytes, head_bytes + digit_bytes);
    return OK;
}

// ---- Casts --------------------------------------------------------------------------------------

Numeric numeric_from_scaled(Int128 value, int32_t scale, Arena *arena) {
    enum { DIGIT_COUNT_MAX = 12 };

    ASSERT(scale >= 0);
    bool is_negative = value < 0;
    UInt128 rest = is_negative ? (UInt128)0 - (UInt128)value : (UInt128)value;
    uint16_t *digits = arena_allocate(arena, sizeof(uint16_t) * DIGIT_COUNT_MAX, 2);
    int32_t count = 0;
    // The first base digit taken is only partly used when `scale` is no multiple of four.
    static const uint32_t powers[] = {1, 10, 100, 1000};
    uint32_t partial = (uint32_t)(scale % NUMERIC_BASE_DIGITS);
    if (partial > 0) {
        uint32_t digit = (uint32_t)(rest % powers[partial]);
        rest /= powers[partial];
        digits[DIGIT_COUNT_MAX - 1 - count++] =
            (uint16_t)(digit * powers[NUMERIC_BASE_DIGITS - partial]);
    }
    for (; rest > 0; rest /= NUMERIC_BASE) {
        digits[DIGIT_COUNT_MAX - 1 - count++] = (uint16_t)(rest % NUMERIC_BASE);
    }
    int32_t fraction = (scale + NUMERIC_BASE_DIGITS - 1) / NUMERIC_BASE_DIGITS;
    return numeric_normalize(
        is_negative, count - fraction - 1, scale, digits + DIGIT_COUNT_MAX - count, count);
}

Numeric numeric_from_int64(int64_t value, Arena *arena) {
    return numeric_from_scaled(value, 0, arena);
}

bool numeric_to_scaled(const Numeric *number, int32_t scale, Int128 *value_out) {
    if (number->kind != NUMERIC_FINITE || number->weight > 9) return false;
    if (numeric_min_scale(number) > scale) return false;
    UInt128 most = ~(UInt128)0 >> 1, value = 0;
    int32_t fraction = (scale + NUMERIC_BASE_DIGITS - 1) / NUMERIC_BASE_DIGITS;
    for (int32_t i = 0; i <= number->weight + fraction && number->digit_count > 0; i++) {
        uint32_t digit = i < number->digit_count ? number->digits[i] : 0;
        uint32_t base = NUMERIC_BASE;
        for (int32_t cut = fraction * NUMERIC_BASE_DIGITS - scale;
             i == number->weight + fraction && cut > 0; cut--) {
            base /= 10;
            digit /= 10;
        }
        if (value > (most - digit) / base) return false;
        value = value * base + digit;
    }
    *value_out = number->is_negative ? -(Int128)value : (Int128)value;
    return true;
}

static Status number_to_integer(const Numeric *number, const char *type_name, int64_t least,
    int64_t most, Arena *arena, int64_t *value_out) {
    if (number->kind != NUMERIC_FINITE) {
        return fail(FEATURE_NOT_SUPPORTED, "cannot convert %s to %s",
            number->kind == NUMERIC_NAN ? "NaN" : "infinity", type_name);
    }
    Numeric rounded = numeric_round(number, 0, arena);
    Int128 value;
    if (!numeric_to_scaled(&rounded, 0, &value) || value < least || value > most) {
        return fail(NUMERIC_VALUE_OUT_OF_RANGE, "%s out of range", type_name);
    }
    *value_out = (int64_t)value;
    return OK;
}

Status numeric_to_int64(const Numeric *number, Arena *arena, int64_t *value_out) {
    return number_to_integer(number, "bigint", INT64_MIN, INT64_MAX, arena, value_out);
}

Status numeric_to_int32(const Numeric *number, Arena *arena, int32_t *value_out) {
    int64_t value;
    TRY(number_to_integer(number, "integer", INT32_MIN, INT32_MAX, arena, &value));
    *value_out = (int32_t)value;
    return OK;
}

Status numeric_to_int16(const Numeric *number, Arena *arena, int16_t *value_out) {
    int64_t value;
    TRY(number_to_integer(number, "smallint", INT16_MIN, INT16_MAX, arena, &value));
    *value_out = (int16_t)value;
    return OK;
}

Status numeric_to_float8(const Numeric *number, Arena *arena, double *value_out) {
    Text text;
    text_init(&text, arena);
    numeric_append(number, &text);
    return float8_read_text("double precision", text.data, text.count, value_out);
}

Status numeric_to_float4(const Numeric *number, Arena *arena, float *value_out) {
    Text text;
    text_init(&text, arena);
    numeric_append(number, &text);
    return float4_read_text(text.data, text.count, value_out);
}

// ---- Text ---------------------------------------------------------------------------------------

typedef enum NumericReading { READ_FINE, READ_SYNTAX, READ_OVERFLOW } NumericReading;

static bool take_word(const char **at, const char *end, const char *word) {
    size_t count = strlen(word);
    if ((size_t)(end - *at) < count || strncasecmp(*at, word, count) != 0) return false;
    *at += count;
    return true;
}

// "[digits][.digits][e[sign]digits]" with at least one digit; the sign has been taken.
static NumericReading read_decimal(
    const char **at_inout, const char *end, bool is_negative, Arena *arena, Numeric *number_out) {
    const char *at = *at_inout, *first = at;
    int64_t whole_digits = 0, scale = 0;
    for (; at < end && is_digit(*at); at++) {
        whole_digits++;
    }
    if (at < end && *at == '.') {
        for (at++; at < end && is_digit(*at); at++) {
            scale++;
        }
    }
    if (whole_digits + scale == 0) return READ_SYNTAX;
    const char *last = at;
    int64_t exponent = 0;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        while (at < end && is_space(*at)) { // as strtol reads
            at++;
        }
        bool is_exponent_negative = at < end && *at == '-';
        if (at < end && (*at == '-' || *at == '+')) at++;
        if (at == end || !is_digit(*at)) return READ_SYNTAX;
        for (; at < end && is_digit(*at); at++) {
            if (exponent < INT_MAX) exponent = exponent * 10 + (*at - '0');
        }
        if (exponent >= INT_MAX / 2) return READ_OVERFLOW;
        if (is_exponent_negative) exponent = -exponent;
    }
    int64_t first_exponent = whole_digits + exponent - 1; // decimal, of the first digit read
    scale = scale > exponent ? scale - exponent : 0;
    // Decimal digits fall into base digits whose exponents are multiples of four.
    int64_t weight = first_exponent >= 0
                         ? first_exponent / NUMERIC_BASE_DIGITS
                         : -((NUMERIC_BASE_DIGITS - 1 - first_exponent) / NUMERIC_BASE_DIGITS);
    int64_t slot = weight * NUMERIC_BASE_DIGITS + NUMERIC_BASE_DIGITS - 1 - first_exponent;
    size_t count = (size_t)(last - first) / NUMERIC_BASE_DIGITS + 2;
    uint16_t *digits = arena_allocate_zeroed(arena, sizeof(uint16_t) * count, 2);
    static const uint16_t place_values[] = {1000, 100, 10, 1};
    for (const char *digit = first; digit < last; digit++) {
        if (*digit == '.') continue;
        digits[slot / NUMERIC_BASE_DIGITS] =
            (uint16_t)(digits[slot / NUMERIC_BASE_DIGITS]
                       + (*digit - '0') * place_values[slot % NUMERIC_BASE_DIGITS]);
        slot++;
    }
    *number_out = numeric_normalize(is_negative, 0, 0, digits, (int32_t)count);
    if (number_out->digit_count > 0) weight -= number_out->digits - digits;
    if (number_out->digit_count == 0) weight = 0;
    *at_inout = at;
    if (weight > INT_MAX / 2 || weight < -(INT_MAX / 2) || scale > INT_MAX / 2) {
        return READ_OVERFLOW;
    }
    number_out->weight = (int32_t)weight;
    number_out->scale = (int32_t)scale;
    return READ_FINE;
}

// A number with blanks around it.
static NumericReading read_number(
    const char *text, size_t count, Arena *arena, Numeric *number_out) {
    const char *at = text, *end = text + count;
    while (at < end && is_space(*at)) {
        at++;
    }
    bool is_negative = at < end && *at == '-', has_sign = is_negative || (at < end && *at == '+');
    if (!has_sign && take_word(&at, end, "NaN")) {
        *number_out = (Numeric){.kind = NUMERIC_NAN};
    } else {
        if (has_sign) at++;
        if (take_word(&at, end, "infinity") || take_word(&at, end, "inf")) {
            *number_out = (Numeric){.kind = NUMERIC_INFINITY, .is_negative = is_negative};
        } else {
            NumericReading reading = read_decimal(&at, end, is_negative, arena, number_out);
            if (reading != READ_FINE) return reading;
        }
    }
    while (at < end && is_space(*at)) {
        at++;
    }
    return at == end ? READ_FINE : READ_SYNTAX;
}

void numeric_append(const Numeric *number, Text *out) {
    if (number->kind == NUMERIC_NAN) {
        text_append_text(out, "NaN");
        return;
    }
    if (number->is_negative) text_append_char(out, '-');
    if (number->kind == NUMERIC_INFINITY) {
        text_append_text(out, "Infinity");
        return;
    }
    if (number->weight < 0 || number->digit_count == 0) {
        text_append_char(out, '0');
    } else {
        for (int32_t i = 0; i <= number->weight; i++) {
            uint32_t digit = i < number->digit_count ? number->digits[i] : 0;
            if (i == 0) {
                text_append_u64(out, digit);
                continue;
            }
            char *at = text_extend(out, NUMERIC_BASE_DIGITS);
            for (int j = NUMERIC_BASE_DIGITS - 1; j >= 0; j--, digit /= 10) {
                at[j] = (char)('0' + digit % 10);
            }
        }
    }
    if (number->scale <= 0) return;
    text_append_char(out, '.');
    size_t start = out->count;
    int32_t places = (number->scale + NUMERIC_BASE_DIGITS - 1) / NUMERIC_BASE_DIGITS;
    for (int32_t place = 1; place <= places; place++) {
        int32_t i = number->weight + place;
        uint32_t digit = i >= 0 && i < number->digit_count ? number->digits[i] : 0;
        char *at = text_extend(out, NUMERIC_BASE_DIGITS);
        for (int j = NUMERIC_BASE_DIGITS - 1; j >= 0; j--, digit /= 10) {
            at[j] = (char)('0' + digit % 10);
        }
    }
    out->count = start + (size_t)number->scale;
    out->data[out->count] = '\0';
}

static Numeric from_digits(double value, int digits, Arena *arena) {
    if (isnan(value)) return (Numeric){.kind = NUMERIC_NAN};
    if (isinf(value)) return (Numeric){.kind = NUMERIC_INFINITY, .is_negative = value < 0};
    Text text;
    text_init(&text, arena);
    float8_append_digits(&text, value, digits);
    Numeric number;
    NumericReading reading = read_number(text.data, text.count, arena, &number);
    ASSERT(reading == READ_FINE);
    return number;
}

Numeric numeric_from_float8(double value, Arena *arena) {
    return from_digits(value, DBL_DIG, arena);
}

Numeric numeric_from_float4(float value, Arena *arena) {
    return from_digits((double)value, FLT_DIG, arena);
}

// ---- The modifier: numeric(precision, scale) ----------------------------------------------------

static int32_t numeric_modifier_precision(int32_t modifier) {
    return (modifier - MODIFIER_BASE) >> 16 & 0xFFFF;
}

// Eleven bits, signed.
static int32_t numeric_modifier_scale(int32_t modifier) {
    return (((modifier - MODIFIER_BASE) & 0x7FF) ^ 1024) - 1024;
}

[[gnu::cold]] static Status fail_field(int32_t precision, int32_t scale) {
    Status status = fail(NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow");
    int32_t digits = precision - scale;
    error_add_detail("A field with precision %d, scale %d must round to an absolute value less "
                     "than %s%d.",
        precision, scale, digits != 0 ? "10^" : "", digits != 0 ? digits : 1);
    return status;
}

// Rounds to the modifier's scale. Errors: NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow".
static Status numeric_apply_modifier(
    const Numeric *number, int32_t modifier, Arena *arena, Numeric *result_out) {
    if (modifier < MODIFIER_BASE || number->kind == NUMERIC_NAN) {
        *result_out = *number;
        return OK;
    }
    int32_t precision = numeric_modifier_precision(modifier);
    int32_t scale = numeric_modifier_scale(modifier);
    if (number->kind == NUMERIC_INFINITY) {
        Status status = fail(NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow");
        error_add_detail(
            "A field with precision %d, scale %d cannot hold an infinite value.", precision, scale);
        return status;
    }
    Numeric rounded = numeric_round(number, scale, arena);
    if (rounded.digit_count > 0) {
        int32_t digits = rounded.weight * NUMERIC_BASE_DIGITS;
        for (uint32_t first = rounded.digits[0]; first > 0; first /= 10) {
            digits++;
        }
        if (digits > precision - scale) return fail_field(precision, scale);
    }
    *result_out = rounded;
    return OK;
}

static Status numeric_modifier_apply(const Datum *datum, int32_t modifier,
    [[maybe_unused]] bool is_explicit, Arena *arena, Datum *datum_out) {
    Numeric number = numeric_open(&datum->view, arena), result;
    TRY(numeric_apply_modifier(&number, modifier, arena, &result));
    View view;
    TRY(numeric_store(&result, arena, &view));
    *datum_out = (Datum){.view = view};
    return OK;
}

static Status numeric_modifier_from_list(const int32_t *list, size_t count, int32_t *modifier_out) {
    if (count != 1 && count != 2) {
        return fail(INVALID_PARAMETER_VALUE, "invalid NUMERIC type modifier");
    }
    int32_t scale = count == 2 ? list[1] : 0;
    if (list[0] < 1 || list[0] > NUMERIC_PRECISION_MAX) {
        return fail(INVALID_PARAMETER_VALUE, "NUMERIC precision %d must be between 1 and %d",
            list[0], NUMERIC_PRECISION_MAX);
    }
    if (scale < -NUMERIC_PRECISION_MAX || scale > NUMERIC_PRECISION_MAX) {
        return fail(INVALID_PARAMETER_VALUE, "NUMERIC scale %d must be between %d and %d", scale,
            -NUMERIC_PRECISION_MAX, NUMERIC_PRECISION_MAX);
    }
    *modifier_out = (list[0] << 16 | (scale & 0x7FF)) + MODIFIER_BASE;
    return OK;
}

static void numeric_modifier_to_text(int32_t modifier, Text *out) {
    if (modifier < MODIFIER_BASE) return;
    text_append_format(
        out, "(%d,%d)", numeric_modifier_precision(modifier), numeric_modifier_scale(modifier));
}

// ---- Operations ---------------------------------------------------------------------------------

static Status store_modified(
    const Numeric *number, int32_t modifier, Arena *arena, Datum *datum_out) {
    Numeric result;
    TRY(numeric_apply_modifier(number, modifier, arena, &result));
    View view;
    TRY(numeric_store(&result, arena, &view));
    *datum_out = (Datum){.view = view};
    return OK;
}

static Status numeric_from_text([[maybe_unused]] const ValueContext *context, const char *text,
    size_t count, int32_t modifier, Arena *arena, Datum *datum_out) {
    Numeric number = {0};
    switch (read_number(text, count, arena, &number)) {
    case READ_FINE:
        return store_modified(&number, modifier, arena, datum_out);
    case READ_OVERFLOW:
        return numeric_overflow();
    case READ_SYNTAX:
        return fail_syntax("numeric", text, count);
    }
    UNREACHABLE();
}

static void numeric_to_text(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    Numeric number = numeric_open(&datum->view, out->arena);
    numeric_append(&number, out);
}

// The wire: count of digits, weight, sign, scale, digits; 16 bits each.
enum { WIRE_NEGATIVE = 0x4000, WIRE_NAN = 0xC000, WIRE_INFINITY = 0xD000, WIRE_MINUS = 0xF000 };

static bool take_u16(Bytes *bytes, uint16_t *value_out) {
    Bytes taken;
    if (!bytes_take(bytes, 2, &taken)) return false;
    *value_out = get_u16_be(taken.data);
    return true;
}

static Status fail_short(void) {
    return fail(PROTOCOL_VIOLATION, "insufficient data left in message");
}

static Status numeric_from_binary([[maybe_unused]] const ValueContext *context, Bytes bytes,
    int32_t modifier, Arena *arena, Datum *datum_out) {
    uint16_t count, weight, sign, scale;
    if (!take_u16(&bytes, &count) || !take_u16(&bytes, &weight) || !take_u16(&bytes, &sign)) {
        return fail_short();
    }
    bool is_special = sign == WIRE_NAN || sign == WIRE_INFINITY || sign == WIRE_MINUS;
    if (sign != 0 && sign != WIRE_NEGATIVE && !is_special) {
        return fail(INVALID_BINARY_REPRESENTATION, "invalid sign in external \"numeric\" value");
    }
    if (!take_u16(&bytes, &scale)) return fail_short();
    if (scale > NUMERIC_SCALE_MAX) {
        return fail(INVALID_BINARY_REPRESENTATION, "invalid scale in external \"numeric\" value");
    }
    uint16_t *digits = arena_allocate(arena, sizeof(uint16_t) * ((size_t)count + 1), 2);
    for (uint16_t i = 0; i < count; i++) {
        if (!take_u16(&bytes, &digits[i])) return fail_short();
        if (digits[i] >= NUMERIC_BASE) {
            return fail(
                INVALID_BINARY_REPRESENTATION, "invalid digit in external \"numeric\" value");
        }
    }
    TRY(binary_check_count(bytes, 0));
    Numeric number;
    if (is_special) {
        number = (Numeric){.kind = sign == WIRE_NAN ? NUMERIC_NAN : NUMERIC_INFINITY,
            .is_negative = sign == WIRE_MINUS};
    } else {
        number = numeric_normalize(sign == WIRE_NEGATIVE, (int16_t)weight, scale, digits, count);
        number = numeric_truncate(&number, scale, arena);
    }
    return store_modified(&number, modifier, arena, datum_out);
}

static void numeric_to_binary(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    const uint8_t *raw = NULL;
    Numeric number = open_head(&datum->view, &raw);
    uint16_t sign = number.is_negative ? WIRE_NEGATIVE : 0;
    if (number.kind == NUMERIC_NAN) sign = WIRE_NAN;
    if (number.kind == NUMERIC_INFINITY) {
        sign = number.is_negative ? WIRE_MINUS : WIRE_INFINITY;
        number.scale = 32; // as PostgreSQL sends it
    }
    text_append_u16_be(out, (uint16_t)number.digit_count);
    text_append_u16_be(out, (uint16_t)number.weight);
    text_append_u16_be(out, sign);
    text_append_u16_be(out, (uint16_t)number.scale);
    for (int32_t i = 0; i < number.digit_count; i++) {
        text_append_u16_be(out, get_u16_le(raw + (size_t)i * 2));
    }
}

// Numbers in rising order: the class tells -Infinity, negative, zero, positive, Infinity, NaN.
typedef enum NumericClass {
    CLASS_MINUS_INFINITY = 1,
    CLASS_NEGATIVE,
    CLASS_ZERO,
    CLASS_POSITIVE,
    CLASS_INFINITY,
    CLASS_NAN,
} NumericClass;

static NumericClass class_of(const Numeric *number) {
    if (number->kind == NUMERIC_NAN) return CLASS_NAN;
    if (number->kind == NUMERIC_INFINITY) {
        return number->is_negative ? CLASS_MINUS_INFINITY : CLASS_INFINITY;
    }
    if (number->digit_count == 0) return CLASS_ZERO;
    return number->is_negative ? CLASS_NEGATIVE : CLASS_POSITIVE;
}

static int numeric_compare_datums(const Datum *a, const Datum *b) {
    const uint8_t *a_raw = NULL, *b_raw = NULL;
    Numeric left = open_head(&a->view, &a_raw), right = open_head(&b->view, &b_raw);
    NumericClass a_class = class_of(&left), b_class = class_of(&right);
    if (a_class != b_class) return a_class < b_class ? -1 : 1;
    if (a_class != CLASS_NEGATIVE && a_class != CLASS_POSITIVE) return 0;
    int above = a_class == CLASS_POSITIVE ? 1 : -1;
    if (left.weight != right.weight) return left.weight > right.weight ? above : -above;
    int32_t shorter = left.digit_count < right.digit_count ? left.digit_count : right.digit_count;
    for (int32_t i = 0; i < shorter; i++) {
        uint16_t x = get_u16_le(a_raw + (size_t)i * 2), y = get_u16_le(b_raw + (size_t)i * 2);
        if (x != y) return x > y ? above : -above;
    }
    if (left.digit_count == right.digit_count) return 0;
    return left.digit_count > right.digit_count ? above : -above;
}

static uint64_t numeric_hash(const Datum *datum) {
    const uint8_t *raw = NULL;
    Numeric number = open_head(&datum->view, &raw);
    uint64_t head = (uint64_t)class_of(&number) << 32 | (uint32_t)number.weight;
    return hash_bytes(raw, (size_t)number.digit_count * 2, head);
}

// The class; for finite numbers but zero then the weight, each digit plus one, and a zero, all of
// them complemented for negative numbers.
static void numeric_key_append(const Datum *datum, Text *key) {
    const uint8_t *raw = NULL;
    Numeric number = open_head(&datum->view, &raw);
    NumericClass class = class_of(&number);
    text_append_u8(key, (uint8_t) class);
    if (class != CLASS_NEGATIVE && class != CLASS_POSITIVE) return;
    uint16_t flip = class == CLASS_NEGATIVE ? 0xFFFF : 0;
    text_append_u16_be(key, (uint16_t)((uint16_t)(number.weight + 0x8000) ^ flip));
    for (int32_t i = 0; i < number.digit_count; i++) {
        uint16_t digit = get_u16_le(raw + (size_t)i * 2);
        text_append_u16_be(key, (uint16_t)((uint16_t)(digit + 1) ^ flip));
    }
    text_append_u16_be(key, flip);
}

const TypeOps numeric_ops = {
    .physical = PHYSICAL_VIEW,
    .from_text = numeric_from_text,
    .to_text = numeric_to_text,
    .from_binary = numeric_from_binary,
    .to_binary = numeric_to_binary,
    .compare = numeric_compare_datums,
    .hash = numeric_hash,
    .key_append = numeric_key_append,
    .modifier_apply = numeric_modifier_apply,
    .modifier_from_list = numeric_modifier_from_list,
    .modifier_to_text = numeric_modifier_to_text,
};
