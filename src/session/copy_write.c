// COPY TO: rows as text, CSV and binary.
#include "session/copy_internal.h"

static const char binary_signature[11] = {
    'P', 'G', 'C', 'O', 'P', 'Y', '\n', (char)0xFF, '\r', '\n', 0};

static void write_text(Text *out, const char *text, size_t count, char delimiter) {
    size_t plain = 0;
    for (size_t i = 0; i < count; i++) {
        char c = text[i], escaped = 0;
        switch (c) {
        case '\b':
            escaped = 'b';
            break;
        case '\f':
            escaped = 'f';
            break;
        case '\n':
            escaped = 'n';
            break;
        case '\r':
            escaped = 'r';
            break;
        case '\t':
            escaped = 't';
            break;
        case '\v':
            escaped = 'v';
            break;
        case '\\':
            escaped = '\\';
            break;
        default:
            escaped = c == delimiter ? c : 0;
            break;
        }
        if (escaped == 0) continue;
        if (escaped == 't' && delimiter != '\t' && c == '\t') escaped = 't';
        text_append(out, text + plain, i - plain);
        text_append_char(out, '\\');
        text_append_char(out, escaped);
        plain = i + 1;
    }
    text_append(out, text + plain, count - plain);
}

static void write_csv(const CopyOut *copy, Text *out, const char *text, size_t count, bool force) {
    const CopyOptions *options = copy->options;
    bool needs_quotes =
        force
        || (count == strlen(options->null_text) && memcmp(text, options->null_text, count) == 0);
    for (size_t i = 0; i < count && !needs_quotes; i++)
        needs_quotes = text[i] == options->delimiter || text[i] == options->quote || text[i] == '\n'
                       || text[i] == '\r';
    // A line that is "\." alone would end the data.
    if (copy->column_count == 1 && count == 2 && memcmp(text, "\\.", 2) == 0) needs_quotes = true;
    if (!needs_quotes) {
        text_append(out, text, count);
        return;
    }
    text_append_char(out, options->quote);
    for (size_t i = 0; i < count; i++) {
        if (text[i] == options->quote || text[i] == options->escape)
            text_append_char(out, options->escape);
        text_append_char(out, text[i]);
    }
    text_append_char(out, options->quote);
}

void copy_write_header(CopyOut *copy, Text *out) {
    if (copy->options->format == COPY_BINARY) {
        text_append(out, binary_signature, sizeof binary_signature);
        text_append_u32_be(out, 0);
        text_append_u32_be(out, 0);
        return;
    }
    if (!copy->options->has_header) return;
    for (uint32_t i = 0; i < copy->column_count; i++) {
        const char *name = copy->columns[i].name;
        if (i > 0) text_append_char(out, copy->options->delimiter);
        if (copy->options->format == COPY_CSV)
            write_csv(copy, out, name, strlen(name), false);
        else
            write_text(out, name, strlen(name), copy->options->delimiter);
    }
    text_append_char(out, '\n');
}

void copy_write_trailer(CopyOut *copy, Text *out) {
    if (copy->options->format == COPY_BINARY) text_append_u16_be(out, UINT16_MAX);
}

static Status write_binary(CopyOut *copy, const Batch *batch, uint32_t row, Text *out) {
    const ValueContext *context = &copy->portal->session->values;
    text_append_u16_be(out, (uint16_t)copy->column_count);
    for (uint32_t i = 0; i < copy->column_count; i++) {
        Value value = column_get(&batch->columns[i], row);
        if (value.is_null) {
            text_append_u32_be(out, UINT32_MAX);
            continue;
        }
        size_t at = out->count;
        text_append_u32_be(out, 0);
        TRY(value_to_binary(context, copy->columns[i].type.oid, &value, out));
        put_u32_be(out->data + at, (uint32_t)(out->count - at - 4));
    }
    return OK;
}

Status copy_write_row(CopyOut *copy, const Batch *batch, uint32_t row, Text *out) {
    const CopyOptions *options = copy->options;
    if (options->format == COPY_BINARY) return write_binary(copy, batch, row, out);
    const ValueContext *context = &copy->portal->session->values;
    Arena *arena = out->arena;
    Text field;
    text_init(&field, arena);
    for (uint32_t i = 0; i < copy->column_count; i++) {
        if (i > 0) text_append_char(out, options->delimiter);
        Value value = column_get(&batch->columns[i], row);
        if (value.is_null) {
            text_append_text(out, options->null_text);
            continue;
        }
        // Numbers, dates and the like have nothing to escape, unless a delimiter is odd.
        if (copy->columns[i].ops->physical != PHYSICAL_VIEW && options->delimiter == '\t') {
            copy->columns[i].ops->to_text(context, &value.datum, out);
            continue;
        }
        text_clear(&field);
        text_append(&field, "", 0);
        copy->columns[i].ops->to_text(context, &value.datum, &field);
        const char *text = field.data == NULL ? "" : field.data;
        if (options->format == COPY_CSV)
            write_csv(copy, out, text, field.count, copy->columns[i].force_quote);
        else
            write_text(out, text, field.count, options->delimiter);
    }
    text_append_char(out, '\n');
    return OK;
}
