#include "types/value_case.h"

#include "base/error.h"
#include "types/time_zone.h"

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

static void setting_apply(const char *setting, Arena *arena, ValueContext *context) {
    static const struct {
        const char *text;
        size_t offset;
        int value;
    } settings[] = {
        {"datestyle=SQL", offsetof(ValueContext, date_style), DATE_STYLE_SQL},
        {"datestyle=Postgres", offsetof(ValueContext, date_style), DATE_STYLE_POSTGRES},
        {"datestyle=German", offsetof(ValueContext, date_style), DATE_STYLE_GERMAN},
        {"datestyle=DMY", offsetof(ValueContext, date_order), DATE_ORDER_DMY},
        {"datestyle=YMD", offsetof(ValueContext, date_order), DATE_ORDER_YMD},
        {"intervalstyle=postgres_verbose", offsetof(ValueContext, interval_style),
            INTERVAL_STYLE_POSTGRES_VERBOSE},
        {"intervalstyle=sql_standard", offsetof(ValueContext, interval_style),
            INTERVAL_STYLE_SQL_STANDARD},
        {"intervalstyle=iso_8601", offsetof(ValueContext, interval_style), INTERVAL_STYLE_ISO_8601},
        {"bytea_output=escape", offsetof(ValueContext, bytea_output), BYTEA_OUTPUT_ESCAPE},
        {"extra_float_digits=0", offsetof(ValueContext, extra_float_digits), 0},
        {"extra_float_digits=-5", offsetof(ValueContext, extra_float_digits), -5},
    };

    if (strncmp(setting, "timezone=", 9) == 0) {
        context->time_zone = time_zone_find(NULL, setting + 9, strlen(setting + 9), arena);
        ASSERT(context->time_zone != NULL);
        return;
    }
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (strcmp(settings[i].text, setting) != 0) continue;
        memcpy((char *)context + settings[i].offset, &settings[i].value, sizeof(int));
        return;
    }
    fprintf(stderr, "no setting %s\n", setting);
    abort();
}

void value_head_read(const char *line, Arena *arena, ValueHead *head_out) {
    char name[64];
    int modifier, length;
    int found = sscanf(line, "# %63s %d %n", name, &modifier, &length);
    ASSERT(found == 2);
    const TypeInfo *info = type_find_by_name(name);
    ASSERT(info != NULL);
    *head_out = (ValueHead){.type = {info->oid, modifier}, .context = *value_context_default()};
    snprintf(head_out->settings, sizeof head_out->settings, "%s", line + length);
    head_out->settings[strcspn(head_out->settings, "\n")] = '\0';
    char setting[64];
    for (const char *at = head_out->settings; sscanf(at, "%63s %n", setting, &length) == 1;
         at += length) {
        setting_apply(setting, arena, &head_out->context);
    }
}
