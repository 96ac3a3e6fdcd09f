// Sizes in bytes, written for people and read from what they write.
#include "base/error.h"
#include "functions/kernels_internal.h"
#include "types/numeric.h"

#include <ctype.h>
#include <strings.h>

typedef struct SizeUnit {
    const char *name;
    int bits; // a unit is 2^bits bytes
} SizeUnit;

static const SizeUnit units[] = {
    {"bytes", 0}, {"kB", 10}, {"MB", 20}, {"GB", 30}, {"TB", 40}, {"PB", 50}};

enum { UNIT_COUNT = sizeof units / sizeof units[0], LIMIT = 10 * 1024 };

// From the second unit on one bit more is kept, for rounding half away from zero at the end.
static int64_t limit_of(uint32_t unit) {
    return unit == 0 ? LIMIT : 2 * LIMIT - 1;
}

Status kernel_pg_size_pretty(Call *call) {
    FOR_EACH_ROW(call, row) {
        int64_t size = ARGUMENT(call, 0, int64_t, row);
        uint32_t unit = 0;
        // The lowest integer has no positive counterpart, so the comparison is done below zero.
        while (unit + 1 < UNIT_COUNT && (size < 0 ? size : -size) <= -limit_of(unit)) {
            size = unit == 0 ? size / 512 : size / 1024;
            unit++;
        }
        if (unit > 0) size = (size + (size < 0 ? -1 : 1)) / 2;
        Text text;
        text_init(&text, call->arena);
        text_append_format(&text, "%lld %s", (long long)size, units[unit].name);
        result_set_text(call, row, &text);
    }
    return OK;
}

Status kernel_pg_size_pretty_numeric(Call *call) {
    Arena *arena = call->arena;
    FOR_EACH_ROW(call, row) {
        Numeric size = numeric_open(&ARGUMENT(call, 0, View, row), arena);
        uint32_t unit = 0;
        for (; unit + 1 < UNIT_COUNT; unit++) {
            Numeric limit = numeric_from_int64(limit_of(unit), arena);
            Numeric magnitude = numeric_absolute(&size);
            if (numeric_compare(&magnitude, &limit) < 0) break;
            Numeric divisor = numeric_from_int64(unit == 0 ? 512 : 1024, arena);
            TRY(numeric_divide_truncated(&size, &divisor, arena, &size));
        }
        if (unit > 0) {
            Numeric one = numeric_from_int64(size.is_negative ? -1 : 1, arena);
            Numeric two = numeric_from_int64(2, arena);
            size = numeric_add(&size, &one, arena);
            TRY(numeric_divide_truncated(&size, &two, arena, &size));
        }
        Text text;
        text_init(&text, arena);
        numeric_append(&size, &text);
        text_append_format(&text, " %s", units[unit].name);
        result_set_text(call, row, &text);
    }
    return OK;
}

// ---- Reading ------------------------------------------------------------------------------------

typedef struct SizeText {
    const char *text; // all of it, as errors quote it
    const char *at;
} SizeText;

static bool take_digits(SizeText *size) {
    const char *start = size->at;
    while (isdigit((unsigned char)*size->at)) {
        size->at++;
    }
    return size->at > start;
}

// The end of the number at the front; false when there is none.
static bool take_number(SizeText *size) {
    if (*size->at == '-' || *size->at == '+') size->at++;
    bool has_digits = take_digits(size);
    if (*size->at == '.') {
        size->at++;
        has_digits |= take_digits(size);
    }
    if (!has_digits) return false;
    // An exponent needs digits; without them the letter begins a unit.
    if (*size->at == 'e' || *size->at == 'E') {
        SizeText exponent = {.at = size->at + 1};
        if (*exponent.at == '-' || *exponent.at == '+') exponent.at++;
        if (take_digits(&exponent)) size->at = exponent.at;
    }
    return true;
}

static Status find_unit(const SizeText *size, const char *name, int *bits_out) {
    *bits_out = 0;
    if (*name == 0) return OK;
    for (uint32_t i = 0; i < UNIT_COUNT; i++) {
        *bits_out = units[i].bits;
        if (strcasecmp(name, units[i].name) == 0) return OK;
    }
    Status status = fail(INVALID_PARAMETER_VALUE, "invalid size: \"%s\"", size->text);
    error_add_detail("Invalid size unit: \"%s\".", name);
    error_add_hint("Valid units are \"bytes\", \"kB\", \"MB\", \"GB\", \"TB\", and \"PB\".");
    return status;
}

static Status read_size(Call *call, const char *text, int64_t *bytes_out) {
    Arena *arena = call->arena;
    SizeText size = {.text = text, .at = text};
    while (isspace((unsigned char)*size.at)) {
        size.at++;
    }
    const char *number_text = size.at;
    if (!take_number(&size)) {
        return fail(INVALID_PARAMETER_VALUE, "invalid size: \"%s\"", text);
    }
    Value value;
    TRY(value_from_text(&call->context->values, sql_type(TYPE_NUMERIC), number_text,
        (size_t)(size.at - number_text), arena, &value));
    while (isspace((unsigned char)*size.at)) {
        size.at++;
    }
    char *unit = arena_copy_text(arena, size.at);
    size_t count = strlen(unit);
    while (count > 0 && isspace((unsigned char)unit[count - 1])) {
        unit[--count] = 0;
    }
    int bits;
    TRY(find_unit(&size, unit, &bits));
    Numeric number = numeric_open(&value.datum.view, arena);
    Numeric factor = numeric_from_int64(INT64_C(1) << bits, arena);
    if (bits > 0) number = numeric_multiply(&number, &factor, arena);
    return numeric_to_int64(&number, arena, bytes_out);
}

Status kernel_pg_size_bytes(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes bytes = argument_bytes(call, 0, row);
        Text text;
        text_init(&text, call->arena);
        text_append(&text, bytes.data, bytes.count);
        text_append_char(&text, 0);
        TRY(read_size(call, text.data, &RESULT(call, int64_t, row)));
    }
    return OK;
}
