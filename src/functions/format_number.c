// to_char of numbers.
//
// Model    The number is rounded to the format's decimals and written as digits; then the format is
//          walked through, each digit position taking its digit, a zero or a blank.
// Source   PostgreSQL 15's documentation of formatting functions, section 9.8.
#include "base/error.h"
#include "base/utf8.h"
#include "functions/kernels_internal.h"
#include "types/numeric.h"

#include <ctype.h>
#include <float.h>
#include <math.h>

typedef enum PartKind {
    PART_DIGIT, // 9
    PART_ZERO,  // 0
    PART_POINT,
    PART_GROUP,
    PART_SIGN,       // S
    PART_MINUS,      // MI
    PART_PLUS,       // PL
    PART_PLUS_MINUS, // SG
    PART_BRACKETS,   // PR
    PART_ORDINAL,    // TH, th
    PART_LITERAL,
} PartKind;

typedef struct FormatPart {
    PartKind kind;
    bool is_lower;
    Bytes literal;
} FormatPart;

typedef struct NumberFormat {
    FormatPart *parts;
    uint32_t count;
    int32_t whole_digits, decimals;
    int32_t first_zero; // position of the first 0 before the point, or whole_digits
    int32_t last_zero;  // decimals up to the last 0 stay under FM
    bool has_point, is_filled;
    bool has_sign;          // S, MI, PL, SG or PR
    bool sign_is_last;      // S behind the digits
    bool has_anchored_sign; // S
    bool has_brackets;
} NumberFormat;

static Status fail_format(const char *what) {
    return fail(SYNTAX_ERROR, "%s", what);
}

static bool takes(const char **at, const char *end, const char *upper) {
    size_t count = strlen(upper);
    if ((size_t)(end - *at) < count) return false;
    for (size_t i = 0; i < count; i++) {
        if (toupper((unsigned char)(*at)[i]) != upper[i]) return false;
    }
    *at += count;
    return true;
}

static Status parse_part(
    NumberFormat *format, const char **at, const char *end, FormatPart *part, bool *is_part_out) {
    *is_part_out = true;
    if (takes(at, end, "FM")) {
        format->is_filled = false;
        *is_part_out = false;
    } else if (takes(at, end, "9") || takes(at, end, "0")) {
        bool is_zero = (*at)[-1] == '0';
        part->kind = is_zero ? PART_ZERO : PART_DIGIT;
        if (format->has_point) {
            format->decimals++;
            if (is_zero) format->last_zero = format->decimals;
        } else {
            if (is_zero && format->first_zero < 0) format->first_zero = format->whole_digits;
            format->whole_digits++;
        }
    } else if (takes(at, end, ".") || takes(at, end, "D")) {
        if (format->has_point) return fail_format("multiple decimal points");
        format->has_point = true;
        part->kind = PART_POINT;
    } else if (takes(at, end, ",") || takes(at, end, "G")) {
        part->kind = PART_GROUP;
    } else if (takes(at, end, "SG")) {
        part->kind = PART_PLUS_MINUS;
    } else if (takes(at, end, "S")) {
        if (format->has_anchored_sign) return fail_format("cannot use \"S\" twice");
        part->kind = PART_SIGN;
        format->has_anchored_sign = true;
        format->sign_is_last = format->whole_digits + format->decimals > 0;
    } else if (takes(at, end, "MI")) {
        part->kind = PART_MINUS;
    } else if (takes(at, end, "PL")) {
        part->kind = PART_PLUS;
    } else if (takes(at, end, "PR")) {
        part->kind = PART_BRACKETS;
        format->has_brackets = true;
        if (format->whole_digits + format->decimals == 0) {
            return fail_format("\"9\" must be ahead of \"PR\"");
        }
    } else if (takes(at, end, "TH")) {
        part->kind = PART_ORDINAL;
        part->is_lower = (*at)[-1] == 'h';
    } else if (takes(at, end, "EEEE") || takes(at, end, "RN") || takes(at, end, "V")
               || takes(at, end, "L")) {
        return fail(FEATURE_NOT_SUPPORTED,
            "the patterns EEEE, L, RN and V of to_char are not supported yet");
    } else {
        size_t bytes = utf8_char_bytes((uint8_t) * *at);
        part->kind = PART_LITERAL;
        part->literal = bytes_make(*at, bytes);
        *at += bytes;
    }
    return OK;
}

static Status parse_format(Bytes text, Arena *arena, NumberFormat *format_out) {
    NumberFormat format = {.is_filled = true, .first_zero = -1};
    format.parts = arena_new_array(arena, FormatPart, text.count);
    const char *at = (const char *)text.data, *end = at + text.count;
    bool is_quoted = false;
    while (at < end) {
        FormatPart part = {0};
        bool is_part = true;
        if (*at == '"') {
            is_quoted = !is_quoted;
            at++;
            continue;
        }
        bool is_escape = *at == '\\' && at + 1 < end && (is_quoted || at[1] == '"');
        if (is_quoted || is_escape) {
            if (is_escape) at++;
            size_t bytes = utf8_char_bytes((uint8_t)*at);
            part = (FormatPart){.kind = PART_LITERAL, .literal = bytes_make(at, bytes)};
            at += bytes;
        } else {
            TRY(parse_part(&format, &at, end, &part, &is_part));
        }
        if (!is_part) continue;
        format.has_sign = format.has_sign || part.kind == PART_SIGN || part.kind == PART_MINUS
                          || part.kind == PART_PLUS_MINUS || part.kind == PART_BRACKETS;
        format.parts[format.count++] = part;
    }
    if (format.first_zero < 0) format.first_zero = format.whole_digits;
    *format_out = format;
    return OK;
}

// ---- Writing
// -------------------------------------------------------------------------------------

// One number's digits, as they go into the format.
typedef struct Writer {
    const NumberFormat *format;
    bool is_negative, overflows;
    char *whole; // whole_digits characters: digits, with blanks in front
    const char *decimals;
    int32_t shown_decimals; // under FM, without trailing zeros
    int32_t first_shown;    // position of the first digit shown before the point
    bool sign_is_written;
    Text *out;
} Writer;

static void write_blank(Writer *writer) {
    if (writer->format->is_filled) text_append_char(writer->out, ' ');
}

// The sign that stands right before the first digit.
static void write_leading_sign(Writer *writer) {
    const NumberFormat *format = writer->format;
    if (writer->sign_is_written) return;
    writer->sign_is_written = true;
    if (format->has_brackets) {
        if (writer->is_negative) {
            text_append_char(writer->out, '<');
        } else {
            write_blank(writer);
        }
    } else if (format->has_anchored_sign) {
        if (!format->sign_is_last) text_append_char(writer->out, writer->is_negative ? '-' : '+');
    } else if (!format->has_sign) {
        if (writer->is_negative) {
            text_append_char(writer->out, '-');
        } else {
            write_blank(writer);
        }
    }
}

static void write_digit(Writer *writer, int32_t position, bool is_behind_point) {
    if (is_behind_point) {
        if (writer->overflows) {
            text_append_char(writer->out, '#');
        } else if (position < writer->shown_decimals) {
            text_append_char(writer->out, writer->decimals[position]);
        }
        return;
    }
    if (position < writer->first_shown) {
        write_blank(writer);
        return;
    }
    write_leading_sign(writer);
    char digit = writer->whole[position];
    if (writer->overflows) digit = '#';
    if (digit == ' ') digit = '0';
    text_append_char(writer->out, digit);
}

static void write_ordinal(Writer *writer, bool is_lower) {
    const Text *out = writer->out;
    if (writer->is_negative || writer->overflows || writer->format->has_point) return;
    char last = out->count > 0 ? out->data[out->count - 1] : 0;
    char before = out->count > 1 ? out->data[out->count - 2] : 0;
    const char *ending = "TH";
    if (before != '1') {
        if (last == '1') ending = "ST";
        if (last == '2') ending = "ND";
        if (last == '3') ending = "RD";
    }
    for (; *ending != 0; ending++) {
        text_append_char(writer->out, is_lower ? (char)tolower((unsigned char)*ending) : *ending);
    }
}

static void write_number(Writer *writer) {
    const NumberFormat *format = writer->format;
    Text *out = writer->out;
    int32_t whole = 0, decimals = 0;
    bool is_behind_point = false;
    for (uint32_t i = 0; i < format->count; i++) {
        const FormatPart *part = &format->parts[i];
        switch (part->kind) {
        case PART_DIGIT:
        case PART_ZERO:
            write_digit(writer, is_behind_point ? decimals++ : whole++, is_behind_point);
            break;
        case PART_POINT:
            write_leading_sign(writer);
            if (format->decimals > 0 || writer->overflows) text_append_char(out, '.');
            is_behind_point = true;
            break;
        case PART_GROUP:
            if (whole > writer->first_shown || is_behind_point) {
                text_append_char(out, ',');
            } else {
                write_blank(writer);
            }
            break;
        case PART_SIGN:
            if (format->sign_is_last) text_append_char(out, writer->is_negative ? '-' : '+');
            break;
        case PART_MINUS:
            if (writer->is_negative) {
                text_append_char(out, '-');
            } else {
                write_blank(writer);
            }
            break;
        case PART_PLUS:
            if (!writer->is_negative) {
                text_append_char(out, '+');
            } else {
                write_blank(writer);
            }
            break;
        case PART_PLUS_MINUS:
            text_append_char(out, writer->is_negative ? '-' : '+');
            break;
        case PART_BRACKETS:
            if (writer->is_negative) {
                text_append_char(out, '>');
            } else {
                write_blank(writer);
            }
            break;
        case PART_ORDINAL:
            write_ordinal(writer, part->is_lower);
            break;
        case PART_LITERAL:
            text_append(out, part->literal.data, part->literal.count);
            break;
        }
    }
}

// A number as text, without its sign and rounded to the format's decimals.
typedef struct Digits {
    const char *text;
    size_t count;
    bool is_negative, is_finite;
} Digits;

static bool digits_are_zero(const Digits *digits) {
    for (size_t i = 0; i < digits->count; i++) {
        if (digits->text[i] >= '1' && digits->text[i] <= '9') return false;
    }
    return true;
}

static void format_digits(
    const NumberFormat *format, const Digits *digits, Arena *arena, Text *out) {
    const char *point = memchr(digits->text, '.', digits->count);
    int32_t whole_count = (int32_t)(point == NULL ? digits->count : (size_t)(point - digits->text));
    bool is_below_one = whole_count == 1 && digits->text[0] == '0';
    Writer writer = {
        .format = format,
        .is_negative = digits->is_negative,
        .overflows =
            !digits->is_finite
            || (whole_count > format->whole_digits && !(is_below_one && format->has_point)),
        .whole = arena_allocate(arena, (size_t)format->whole_digits + 1, 1),
        .decimals = point == NULL ? "" : point + 1,
        .shown_decimals = format->decimals,
        .out = out,
    };
    memset(writer.whole, ' ', (size_t)format->whole_digits);
    writer.first_shown = format->whole_digits - whole_count;
    // A zero before the point is shown only where the format asks for it, or nothing else would be.
    if (is_below_one && format->decimals > 0) writer.first_shown = format->whole_digits;
    if (writer.overflows) {
        writer.first_shown = 0;
    } else if (whole_count <= format->whole_digits) {
        memcpy(
            writer.whole + format->whole_digits - whole_count, digits->text, (size_t)whole_count);
    }
    if (!format->is_filled && !writer.overflows) {
        while (writer.shown_decimals > format->last_zero
               && writer.decimals[writer.shown_decimals - 1] == '0') {
            writer.shown_decimals--;
        }
        bool shows_nothing = writer.shown_decimals == 0 && digits_are_zero(digits);
        if (shows_nothing && format->whole_digits > 0) {
            writer.first_shown = format->whole_digits - 1;
        }
    }
    if (writer.first_shown > format->first_zero) writer.first_shown = format->first_zero;
    write_number(&writer);
}

static Digits numeric_digits(const Numeric *number, const NumberFormat *format, Arena *arena) {
    Numeric rounded = numeric_round(number, format->decimals, arena);
    Numeric positive = numeric_absolute(&rounded);
    Text text;
    text_init(&text, arena);
    numeric_append(&positive, &text);
    return (Digits){
        .text = text.data,
        .count = text.count,
        .is_negative = rounded.is_negative,
        .is_finite = number->kind == NUMERIC_FINITE,
    };
}

// Rounded as C does, which is what PostgreSQL's floats get; past `precision` digits come zeros.
static Digits float_digits(double value, int precision, const NumberFormat *format, Arena *arena) {
    if (!isfinite(value)) return (Digits){.text = "0", .count = 1};
    const char *whole = arena_format(arena, "%.0f", fabs(value));
    int exact = precision - (int)strlen(whole);
    if (exact > format->decimals) exact = format->decimals;
    if (exact < 0) exact = 0;
    Text text;
    text_init(&text, arena);
    text_append_format(&text, "%.*f", exact, fabs(value));
    if (exact == 0 && format->decimals > 0) text_append_char(&text, '.');
    text_append_repeat(&text, '0', (size_t)(format->decimals - exact));
    return (Digits){
        .text = text.data, .count = text.count, .is_negative = value < 0, .is_finite = true};
}

typedef Digits (*DigitsOf)(Call *call, uint32_t row, const NumberFormat *format);

static Status to_char_rows(Call *call, DigitsOf digits_of) {
    NumberFormat format = {0};
    bool is_parsed = false;
    FOR_EACH_ROW(call, row) {
        Bytes text = argument_bytes(call, 1, row);
        if (text.count == 0) {
            result_set_bytes(call, row, "", 0);
            continue;
        }
        if (!is_parsed || !call->arguments[1].is_constant) {
            TRY(parse_format(text, call->arena, &format));
            is_parsed = true;
        }
        Digits digits = digits_of(call, row, &format);
        Text out;
        text_init(&out, call->arena);
        format_digits(&format, &digits, call->arena, &out);
        result_set_text(call, row, &out);
    }
    return OK;
}

static Digits digits_of_numeric(Call *call, uint32_t row, const NumberFormat *format) {
    Numeric number = numeric_open(&ARGUMENT(call, 0, View, row), call->arena);
    return numeric_digits(&number, format, call->arena);
}

static Digits digits_of_int4(Call *call, uint32_t row, const NumberFormat *format) {
    Numeric number = numeric_from_int64(ARGUMENT(call, 0, int32_t, row), call->arena);
    return numeric_digits(&number, format, call->arena);
}

static Digits digits_of_int8(Call *call, uint32_t row, const NumberFormat *format) {
    Numeric number = numeric_from_int64(ARGUMENT(call, 0, int64_t, row), call->arena);
    return numeric_digits(&number, format, call->arena);
}

static Digits digits_of_float4(Call *call, uint32_t row, const NumberFormat *format) {
    return float_digits((double)ARGUMENT(call, 0, float, row), FLT_DIG, format, call->arena);
}

static Digits digits_of_float8(Call *call, uint32_t row, const NumberFormat *format) {
    return float_digits(ARGUMENT(call, 0, double, row), DBL_DIG, format, call->arena);
}

Status kernel_numeric_to_char(Call *call) {
    return to_char_rows(call, digits_of_numeric);
}

Status kernel_int4_to_char(Call *call) {
    return to_char_rows(call, digits_of_int4);
}

Status kernel_int8_to_char(Call *call) {
    return to_char_rows(call, digits_of_int8);
}

Status kernel_float4_to_char(Call *call) {
    return to_char_rows(call, digits_of_float4);
}

Status kernel_float8_to_char(Call *call) {
    return to_char_rows(call, digits_of_float8);
}
