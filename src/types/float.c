#include "types/float.h"

#include "base/hash.h"
#include "types/float_decimal.h"
#include "types/types_internal.h"

#include <errno.h>
#include <float.h>
#include <math.h>

static int float8_compare_total(double a, double b) {
    if (isnan(a)) return isnan(b) ? 0 : 1;
    if (isnan(b)) return -1;
    return (a > b) - (a < b);
}

// Decimal digits with at most 15 of them and a power of ten that a double holds exactly: one
// multiplication or division of exact numbers, so correctly rounded. False when it is not so easy.
static bool read_easily(const char *text, size_t count, double *value_out) {
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const char *at = text, *end = text + count;
    bool is_negative = at < end && *at == '-';
    if (is_negative) at++;
    uint64_t digits = 0;
    int digit_count = 0, scale = 0;
    for (; at < end && is_digit(*at); at++, digit_count++) {
        digits = digits * 10 + (uint64_t)(*at - '0');
    }
    if (at < end && *at == '.') {
        for (at++; at < end && is_digit(*at); at++, digit_count++, scale++) {
            digits = digits * 10 + (uint64_t)(*at - '0');
        }
    }
    if (digit_count == 0 || digit_count > 15 || at != end) return false;
    double value = (double)digits / powers[scale];
    *value_out = is_negative ? -value : value;
    return true;
}

// A copy that ends in a zero for strtod, in `room` when it fits, else in `arena`.
static const char *terminate(
    const char *text, size_t count, char *room, size_t room_bytes, Arena *arena) {
    if (count >= room_bytes) return arena_copy_text_n(arena, text, count);
    memcpy(room, text, count);
    room[count] = '\0';
    return room;
}

static Status fail_range(const char *type_name, const char *text, size_t count) {
    return fail(NUMERIC_VALUE_OUT_OF_RANGE, "\"%.*s\" is out of range for type %s", (int)count,
        text, type_name);
}

Status float8_read_text(const char *type_name, const char *text, size_t count, double *value_out) {
    if (read_easily(text, count, value_out)) return OK;
    Arena scratch;
    arena_init(&scratch, NULL);
    char room[128], *end;
    const char *whole = terminate(text, count, room, sizeof room, &scratch), *at = whole;
    while (is_space(*at)) {
        at++;
    }
    errno = 0;
    double value = float8_read(at, &end);
    Status status = OK;
    if (*at == '\0' || end == at) {
        status = fail_syntax(type_name, text, count);
    } else if (errno == ERANGE && (value == 0 || fabs(value) > DBL_MAX)) {
        status = fail_range(type_name, at, (size_t)(end - at));
    } else {
        const char *rest = end;
        while (is_space(*rest)) {
            rest++;
        }
        if (rest != whole + count) status = fail_syntax(type_name, text, count);
    }
    arena_deinit(&scratch);
    if (status == OK) *value_out = value;
    return status;
}

Status float4_read_text(const char *text, size_t count, float *value_out) {
    Arena scratch;
    arena_init(&scratch, NULL);
    char room[128], *end;
    const char *whole = terminate(text, count, room, sizeof room, &scratch), *at = whole;
    while (is_space(*at)) {
        at++;
    }
    errno = 0;
    float value = float4_read(at, &end);
    Status status = OK;
    if (*at == '\0' || end == at) {
        status = fail_syntax("real", text, count);
    } else if (errno == ERANGE && (value == 0 || fabsf(value) > FLT_MAX)) {
        status = fail_range("real", text, count);
    } else {
        const char *rest = end;
        while (is_space(*rest)) {
            rest++;
        }
        if (rest != whole + count) status = fail_syntax("real", text, count);
    }
    arena_deinit(&scratch);
    if (status == OK) *value_out = value;
    return status;
}

static int at_least_one(int digits) {
    return digits < 1 ? 1 : digits;
}

static void float8_append(const ValueContext *context, double value, Text *out) {
    if (context->extra_float_digits > 0) {
        float8_append_shortest(out, value);
    } else {
        float8_append_digits(out, value, at_least_one(DBL_DIG + context->extra_float_digits));
    }
}

static void float4_append(const ValueContext *context, float value, Text *out) {
    if (context->extra_float_digits > 0) {
        float4_append_shortest(out, value);
    } else {
        float8_append_digits(
            out, (double)value, at_least_one(FLT_DIG + context->extra_float_digits));
    }
}

static Status float8_parse(const char *text, size_t count, double *value_out) {
    return float8_read_text("double precision", text, count, value_out);
}

#define NAME(x)  float4_##x
#define T        float
#define U        uint32_t
#define FIELD    float4
#define KIND     PHYSICAL_FLOAT4
#define PARSE    float4_read_text
#define APPEND   float4_append
#define GET      get_u32_be
#define PUT      text_append_u32_be
#define SIGN_BIT 0x80000000U
#include "types/float.inc.h"

#define NAME(x)  float8_##x
#define T        double
#define U        uint64_t
#define FIELD    float8
#define KIND     PHYSICAL_FLOAT8
#define PARSE    float8_parse
#define APPEND   float8_append
#define GET      get_u64_be
#define PUT      text_append_u64_be
#define SIGN_BIT UINT64_C(0x8000000000000000)
#include "types/float.inc.h"
