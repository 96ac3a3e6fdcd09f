// quote_ident, quote_literal and format.
#include "base/error.h"
#include "base/utf8.h"
#include "functions/kernels_internal.h"

#include <stdlib.h>

static const char *const keywords[] = {
#define X(word) word,
#include "functions/keyword_list.h"
#undef X
};

typedef struct Word {
    const char *data;
    size_t count;
} Word;

static int word_compare(const void *wanted, const void *keyword) {
    const Word *word = wanted;
    const char *text = *(const char *const *)keyword;
    int order = strncmp(word->data, text, word->count);
    return order != 0 ? order : -(text[word->count] != 0);
}

static bool identifier_is_plain(Bytes name) {
    if (name.count == 0) return false;
    for (size_t i = 0; i < name.count; i++) {
        uint8_t byte = name.data[i];
        bool is_start = (byte >= 'a' && byte <= 'z') || byte == '_';
        if (!is_start && (i == 0 || byte < '0' || byte > '9')) return false;
    }
    Word word = {.data = (const char *)name.data, .count = name.count};
    return bsearch(&word, keywords, sizeof keywords / sizeof keywords[0], sizeof keywords[0],
               word_compare)
           == NULL;
}

static void text_append_quoted_identifier(Text *out, Bytes name) {
    if (identifier_is_plain(name)) {
        text_append(out, name.data, name.count);
        return;
    }
    text_append_char(out, '"');
    for (size_t i = 0; i < name.count; i++) {
        if (name.data[i] == '"') text_append_char(out, '"');
        text_append_char(out, (char)name.data[i]);
    }
    text_append_char(out, '"');
}

static void text_append_quoted_literal(Text *out, Bytes text) {
    if (text.count > 0 && memchr(text.data, '\\', text.count) != NULL) text_append_char(out, 'E');
    text_append_char(out, '\'');
    for (size_t i = 0; i < text.count; i++) {
        char byte = (char)text.data[i];
        if (byte == '\'' || byte == '\\') text_append_char(out, byte);
        text_append_char(out, byte);
    }
    text_append_char(out, '\'');
}

Status kernel_quote_ident(Call *call) {
    FOR_EACH_ROW(call, row) {
        Text text;
        text_init(&text, call->arena);
        text_append_quoted_identifier(&text, argument_bytes(call, 0, row));
        result_set_text(call, row, &text);
    }
    return OK;
}

// Also of any type, by its text. quote_nullable is not strict and answers NULL for NULL.
static Status quote_literals(Call *call) {
    FOR_EACH_ROW(call, row) {
        Value value = column_get(&call->arguments[0], row);
        Text plain, quoted;
        text_init(&quoted, call->arena);
        if (value.is_null) {
            text_append_text(&quoted, "NULL");
        } else {
            text_init(&plain, call->arena);
            TRY(value_to_text(&call->context->values, call->arguments[0].type, &value, &plain));
            text_append_quoted_literal(&quoted, text_bytes(&plain));
        }
        result_set_text(call, row, &quoted);
    }
    return OK;
}

Status kernel_quote_literal(Call *call) {
    return quote_literals(call);
}

Status kernel_quote_nullable(Call *call) {
    return quote_literals(call);
}

// ---- format
// --------------------------------------------------------------------------------------

// The state of one row's formatting. Argument 0 is the format itself.
typedef struct Formatter {
    Call *call;
    uint32_t row;
    const char *at, *end;
    uint32_t next_argument;
    Text *out;
} Formatter;

static Status fail_too_few_arguments(void) {
    return fail(INVALID_PARAMETER_VALUE, "too few arguments for format()");
}

static Status fail_unterminated(void) {
    Status status = fail(INVALID_PARAMETER_VALUE, "unterminated format() type specifier");
    error_add_hint("For a single \"%%\" use \"%%%%\".");
    return status;
}

// Digits, if there are any: -1 for none.
static Status take_number(Formatter *formatter, int32_t *number_out) {
    int32_t number = -1;
    while (formatter->at < formatter->end && *formatter->at >= '0' && *formatter->at <= '9') {
        int32_t digit = *formatter->at++ - '0';
        if (number < 0) number = 0;
        if (__builtin_mul_overflow(number, 10, &number)
            || __builtin_add_overflow(number, digit, &number)) {
            return fail(NUMERIC_VALUE_OUT_OF_RANGE, "number is out of range");
        }
    }
    if (formatter->at == formatter->end) return fail_unterminated();
    *number_out = number;
    return OK;
}

static Status argument_value(const Formatter *formatter, uint32_t index, Value *value_out) {
    if (index >= formatter->call->argument_count) return fail_too_few_arguments();
    *value_out = column_get(&formatter->call->arguments[index], formatter->row);
    return OK;
}

static Status fail_argument_zero(void) {
    return fail(
        INVALID_PARAMETER_VALUE, "format specifies argument 0, but arguments are numbered from 1");
}

static Status take_star_width(Formatter *formatter, int32_t *width_out) {
    formatter->at++;
    int32_t position = -1;
    TRY(take_number(formatter, &position));
    if (position >= 0) {
        if (position == 0) return fail_argument_zero();
        if (*formatter->at != '$') {
            return fail(INVALID_PARAMETER_VALUE, "width argument position must be ended by \"$\"");
        }
        formatter->at++;
        formatter->next_argument = (uint32_t)position;
    }
    if (formatter->at == formatter->end) return fail_unterminated();
    Value value;
    uint32_t index = formatter->next_argument++;
    TRY(argument_value(formatter, index, &value));
    Oid type = formatter->call->argument_types[index];
    if (value.is_null) {
        *width_out = 0;
    } else if (type == TYPE_INT4) {
        *width_out = value.datum.int4;
    } else {
        const ValueContext *values = &formatter->call->context->values;
        Arena *arena = formatter->call->arena;
        Text text;
        text_init(&text, arena);
        TRY(value_to_text(values, type, &value, &text));
        TRY(value_from_text(values, sql_type(TYPE_INT4), text.data, text.count, arena, &value));
        *width_out = value.datum.int4;
    }
    return OK;
}

static Status append_converted(Formatter *formatter, char conversion, int32_t width, bool is_left) {
    Call *call = formatter->call;
    uint32_t index = formatter->next_argument++;
    Value value;
    TRY(argument_value(formatter, index, &value));
    Text plain, converted;
    text_init(&plain, call->arena);
    text_init(&converted, call->arena);
    if (!value.is_null) {
        TRY(value_to_text(&call->context->values, call->argument_types[index], &value, &plain));
    }
    if (conversion == 'I') {
        if (value.is_null) {
            return fail(
                NULL_VALUE_NOT_ALLOWED, "null values cannot be formatted as an SQL identifier");
        }
        text_append_quoted_identifier(&converted, text_bytes(&plain));
    } else if (conversion == 'L') {
        if (value.is_null) {
            text_append_text(&converted, "NULL");
        } else {
            text_append_quoted_literal(&converted, text_bytes(&plain));
        }
    } else {
        converted = plain;
    }
    int64_t chars = (int64_t)utf8_char_count(converted.data, converted.count);
    size_t padding = width > chars ? (size_t)(width - chars) : 0;
    if (!is_left) text_append_repeat(formatter->out, ' ', padding);
    text_append(formatter->out, converted.data, converted.count);
    if (is_left) text_append_repeat(formatter->out, ' ', padding);
    return OK;
}

// After the percent sign: [position$][-][width]conversion.
static Status format_specifier(Formatter *formatter) {
    if (formatter->at == formatter->end) return fail_unterminated();
    if (*formatter->at == '%') {
        text_append_char(formatter->out, '%');
        formatter->at++;
        return OK;
    }
    int32_t number = -1, width = 0;
    uint32_t position = 0;
    bool is_left = false;
    TRY(take_number(formatter, &number));
    if (number >= 0 && *formatter->at == '$') {
        if (number == 0) return fail_argument_zero();
        position = (uint32_t)number;
        formatter->at++;
        number = -1;
        if (formatter->at == formatter->end) return fail_unterminated();
    }
    if (number < 0) {
        while (*formatter->at == '-') {
            is_left = true;
            if (++formatter->at == formatter->end) return fail_unterminated();
        }
        if (*formatter->at == '*') {
            TRY(take_star_width(formatter, &width));
        } else {
            TRY(take_number(formatter, &number));
        }
    }
    if (number >= 0) width = number;
    if (width < 0) {
        is_left = true;
        width = width == INT32_MIN ? INT32_MAX : -width;
    }
    char conversion = *formatter->at;
    if (conversion != 's' && conversion != 'I' && conversion != 'L') {
        size_t bytes = utf8_char_bytes((uint8_t)conversion);
        Status status = fail(INVALID_PARAMETER_VALUE,
            "unrecognized format() type specifier \"%.*s\"", (int)bytes, formatter->at);
        error_add_hint("For a single \"%%\" use \"%%%%\".");
        return status;
    }
    formatter->at++;
    if (position > 0) formatter->next_argument = position; // whichever argument gave the width
    return append_converted(formatter, conversion, width, is_left);
}

Status kernel_text_format(Call *call) {
    FOR_EACH_ROW(call, row) {
        if (column_is_null(&call->arguments[0], row)) {
            result_set_null(call, row);
            continue;
        }
        Bytes format = argument_bytes(call, 0, row);
        Text out;
        text_init(&out, call->arena);
        Formatter formatter = {
            .call = call,
            .row = row,
            .at = (const char *)format.data,
            .end = (const char *)format.data + format.count,
            .next_argument = 1,
            .out = &out,
        };
        while (formatter.at < formatter.end) {
            char byte = *formatter.at++;
            if (byte == '%') {
                TRY(format_specifier(&formatter));
            } else {
                text_append_char(&out, byte);
            }
        }
        result_set_text(call, row, &out);
    }
    return OK;
}
