// smallint, integer, bigint, and the unsigned numbers oid, xid and cid.
#include "types/integer.h"

#include "base/hash.h"
#include "types/types_internal.h"

#include <errno.h>
#include <stdlib.h>

// A decimal integer with surrounding blanks, between `least` and `most`. `type_name` is for the
// errors: INVALID_TEXT_REPRESENTATION, NUMERIC_VALUE_OUT_OF_RANGE.
static Status integer_read_text(const char *type_name, const char *text, size_t count,
    int64_t least, int64_t most, int64_t *value_out) {
    const char *at = text, *end = text + count;
    while (at < end && is_space(*at)) {
        at++;
    }
    bool is_negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    const char *digits = at;
    uint64_t limit = (uint64_t)0 - (uint64_t)least;
    uint64_t value = 0;

    // So many digits fit the machine's word.
    enum { SAFE_DIGITS = 18 };

    const char *safe_end = end - at > SAFE_DIGITS ? at + SAFE_DIGITS : end;
    for (; at < safe_end && is_digit(*at); at++)
        value = value * 10 + (uint64_t)(*at - '0');
    bool is_too_large = value > limit;
    for (; at < end && is_digit(*at); at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (value > (limit - digit) / 10 || limit < digit) is_too_large = true;
        value = value * 10 + digit;
    }
    bool has_digits = at > digits;
    while (at < end && is_space(*at)) {
        at++;
    }
    // The digit that overflows the negative range is told before what follows it, as PostgreSQL
    // does it; the one positive number in between only when the syntax is right.
    if (!is_too_large && (!has_digits || at < end)) return fail_syntax(type_name, text, count);
    if (is_too_large || (!is_negative && value > (uint64_t)most)) {
        return fail(NUMERIC_VALUE_OUT_OF_RANGE, "value \"%.*s\" is out of range for type %s",
            (int)count, text, type_name);
    }
    *value_out = (int64_t)(is_negative ? (uint64_t)0 - value : value);
    return OK;
}

static Status int2_parse(const char *text, size_t count, int16_t *value_out) {
    int64_t value;
    TRY(integer_read_text("smallint", text, count, INT16_MIN, INT16_MAX, &value));
    *value_out = (int16_t)value;
    return OK;
}

static Status int4_parse(const char *text, size_t count, int32_t *value_out) {
    int64_t value;
    TRY(integer_read_text("integer", text, count, INT32_MIN, INT32_MAX, &value));
    *value_out = (int32_t)value;
    return OK;
}

static Status int8_parse(const char *text, size_t count, int64_t *value_out) {
    return integer_read_text("bigint", text, count, INT64_MIN, INT64_MAX, value_out);
}

// A copy of the text from its first character that is no blank, cut where it is longer than any
// number that differs from its beginning.
enum { NUMBER_TEXT_MAX = 64 };

static void copy_number(const char *text, size_t count, char copy_out[NUMBER_TEXT_MAX]) {
    while (count > 0 && is_space(*text)) {
        text++;
        count--;
    }
    if (count >= NUMBER_TEXT_MAX) count = NUMBER_TEXT_MAX - 1;
    memcpy(copy_out, text, count);
    copy_out[count] = '\0';
}

// With `is_alone`, only blanks may follow, and what does matters more than the size of a number
// that fits the machine's word.
static Status oid_scan(
    const char *text, size_t count, bool is_alone, size_t *taken_out, uint32_t *value_out) {
    char copy[NUMBER_TEXT_MAX], *end;
    copy_number(text, count, copy);
    size_t blanks = 0;
    while (blanks < count && is_space(text[blanks])) {
        blanks++;
    }
    errno = 0;
    unsigned long value = strtoul(copy, &end, 10);
    if (end == copy) return fail_syntax("oid", text, count);
    *taken_out = blanks + (size_t)(end - copy);
    bool is_too_large = errno == ERANGE;
    for (size_t at = *taken_out; is_alone && !is_too_large && at < count; at++) {
        if (!is_space(text[at])) return fail_syntax("oid", text, count);
    }
    bool is_oid = value == (uint32_t)value || value == (unsigned long)(int32_t)value;
    if (is_too_large || !is_oid) {
        return fail(NUMERIC_VALUE_OUT_OF_RANGE, "value \"%.*s\" is out of range for type oid",
            (int)count, text);
    }
    *value_out = (uint32_t)value;
    return OK;
}

Status oid_read_text(const char *text, size_t count, uint32_t *value_out) {
    size_t taken;
    return oid_scan(text, count, true, &taken, value_out);
}

Status oid_take_text(const char *text, size_t count, size_t *taken_out, uint32_t *value_out) {
    return oid_scan(text, count, false, taken_out, value_out);
}

// xid and cid read whatever strtoul makes of the text, without errors.
static Status xid_parse(const char *text, size_t count, uint32_t *value_out) {
    char digits[NUMBER_TEXT_MAX];
    copy_number(text, count, digits);
    *value_out = (uint32_t)strtoul(digits, NULL, 0);
    return OK;
}

#define NAME(x)   int2_##x
#define T         int16_t
#define U         uint16_t
#define FIELD     int2
#define KIND      PHYSICAL_INT2
#define FROM_TEXT int2_parse
#define TO_TEXT   text_append_i64
#define GET       get_u16_be
#define PUT       text_append_u16_be
#define SIGN_BIT  0x8000
#include "types/integer.inc.h"

#define NAME(x)   int4_##x
#define T         int32_t
#define U         uint32_t
#define FIELD     int4
#define KIND      PHYSICAL_INT4
#define FROM_TEXT int4_parse
#define TO_TEXT   text_append_i64
#define GET       get_u32_be
#define PUT       text_append_u32_be
#define SIGN_BIT  0x80000000
#include "types/integer.inc.h"

#define NAME(x)   int8_##x
#define T         int64_t
#define U         uint64_t
#define FIELD     int8
#define KIND      PHYSICAL_INT8
#define FROM_TEXT int8_parse
#define TO_TEXT   text_append_i64
#define GET       get_u64_be
#define PUT       text_append_u64_be
#define SIGN_BIT  UINT64_C(0x8000000000000000)
#include "types/integer.inc.h"

#define NAME(x)   oid_##x
#define T         uint32_t
#define U         uint32_t
#define FIELD     oid
#define KIND      PHYSICAL_INT4
#define FROM_TEXT oid_read_text
#define TO_TEXT   text_append_u64
#define GET       get_u32_be
#define PUT       text_append_u32_be
#define SIGN_BIT  0
#include "types/integer.inc.h"

#define NAME(x)   xid_##x
#define T         uint32_t
#define U         uint32_t
#define FIELD     oid
#define KIND      PHYSICAL_INT4
#define FROM_TEXT xid_parse
#define TO_TEXT   text_append_u64
#define GET       get_u32_be
#define PUT       text_append_u32_be
#define SIGN_BIT  0
#include "types/integer.inc.h"

#define NAME(x)   cid_##x
#define T         uint32_t
#define U         uint32_t
#define FIELD     oid
#define KIND      PHYSICAL_INT4
#define FROM_TEXT xid_parse
#define TO_TEXT   text_append_u64
#define GET       get_u32_be
#define PUT       text_append_u32_be
#define SIGN_BIT  0
#include "types/integer.inc.h"
