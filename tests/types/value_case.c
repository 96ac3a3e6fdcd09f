#include "types/value_case.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

void escape_append(Text *out, const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '\t') {
            text_append_text(out, "\\t");
        } else if (c == '\n') {
            text_append_text(out, "\\n");
        } else if (c == '\r') {
            text_append_text(out, "\\r");
        } else if (c == '\\') {
            text_append_text(out, "\\\\");
        } else if (c < 0x20 || c == 0x7F) {
            text_append_format(out, "\\x%02x", c);
        } else {
            text_append_char(out, bytes[i]);
        }
    }
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

ValueCase unescape(const char **line, Arena *arena) {
    Text text;
    text_init(&text, arena);
    const char *at = *line;
    for (; *at != '\0' && *at != '\t' && *at != '\n'; at++) {
        if (*at != '\\') {
            text_append_char(&text, *at);
            continue;
        }
        at++;
        if (*at == 'x' && at[1] != '\0' && at[2] != '\0') {
            text_append_u8(&text, (uint8_t)(hex_value(at[1]) << 4 | hex_value(at[2])));
            at += 2;
        } else {
            text_append_char(&text, *at == 't'   ? '\t'
                                    : *at == 'n' ? '\n'
                                    : *at == 'r' ? '\r'
                                                 : *at);
        }
    }
    *line = *at == '\t' ? at + 1 : at;
    return (ValueCase){.input = text.count > 0 ? text.data : "", .count = text.count};
}

void hex_append(Text *out, Bytes bytes) {
    for (size_t i = 0; i < bytes.count; i++) {
        text_append_format(out, "%02x", bytes.data[i]);
    }
}

void value_case_append_input(const ValueCase *value_case, Text *out) {
    text_append_char(out, value_case->is_binary ? 'B' : 'T');
    text_append_char(out, '\t');
    if (value_case->is_binary) {
        hex_append(out, bytes_make(value_case->input, value_case->count));
    } else {
        escape_append(out, value_case->input, value_case->count);
    }
    text_append_char(out, '\t');
}

void value_case_append(SqlType type, const ValueContext *context, const ValueCase *value_case,
    Arena *arena, Text *out) {
    value_case_append_input(value_case, out);
    // A parameter of the wire has no modifier; a column's is applied afterwards.
    if (value_case->is_binary) type.modifier = -1;
    Value value;
    Status status = value_case->is_binary ? value_from_binary(context, type,
                        bytes_make(value_case->input, value_case->count), arena, &value)
                                          : value_from_text(context, type, value_case->input,
                                              value_case->count, arena, &value);
    if (status != OK) {
        char sqlstate[6];
        status_to_sqlstate(status, sqlstate);
        const Error *error = error_get();
        text_append_format(out, "!\t%s\t", sqlstate);
        escape_append(out, error->message, strlen(error->message));
        text_append_char(out, '\t');
        if (error->detail != NULL) escape_append(out, error->detail, strlen(error->detail));
        error_clear();
        return;
    }
    Text text, binary;
    text_init(&text, arena);
    text_init(&binary, arena);
    status = value_to_text(context, type.oid, &value, &text);
    ASSERT(status == OK);
    status = value_to_binary(context, type.oid, &value, &binary);
    ASSERT(status == OK);
    text_append_text(out, "=\t");
    escape_append(out, text.data, text.count);
    text_append_char(out, '\t');
    hex_append(out, text_bytes(&binary));
}

SqlType value_case_type(const char *head) {
    char name[64];
    int modifier;
    int found = sscanf(head, "# %63s %d", name, &modifier);
    ASSERT(found == 2);
    const TypeInfo *info = type_find_by_name(name);
    ASSERT(info != NULL);
    return (SqlType){info->oid, modifier};
}
