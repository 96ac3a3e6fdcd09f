#include "server/wire.h"

// ---- Reading ------------------------------------------------------------------------------------

static Status insufficient(void) {
    return fail(PROTOCOL_VIOLATION, "insufficient data left in message");
}

Status wire_take_u8(Bytes *message, uint8_t *value_out) {
    return bytes_take_u8(message, value_out) ? OK : insufficient();
}

Status wire_take_i16(Bytes *message, int16_t *value_out) {
    Bytes taken;
    if (!bytes_take(message, 2, &taken)) return insufficient();
    *value_out = (int16_t)get_u16_be(taken.data);
    return OK;
}

Status wire_take_i32(Bytes *message, int32_t *value_out) {
    Bytes taken;
    if (!bytes_take(message, 4, &taken)) return insufficient();
    *value_out = (int32_t)get_u32_be(taken.data);
    return OK;
}

Status wire_take_bytes(Bytes *message, size_t count, Bytes *bytes_out) {
    return bytes_take(message, count, bytes_out) ? OK : insufficient();
}

Status wire_take_string(Bytes *message, const char **string_out) {
    const uint8_t *zero = message->count == 0 ? NULL : memchr(message->data, 0, message->count);
    if (zero == NULL) return fail(PROTOCOL_VIOLATION, "invalid string in message");
    *string_out = (const char *)message->data;
    size_t count = (size_t)(zero - message->data) + 1;
    message->data += count;
    message->count -= count;
    return OK;
}

Status wire_take_end(const Bytes *message) {
    if (message->count == 0) return OK;
    return fail(PROTOCOL_VIOLATION, "invalid message format");
}

// ---- Writing ------------------------------------------------------------------------------------

size_t wire_begin(Text *out, char type) {
    text_append_char(out, type);
    text_extend(out, 4);
    return out->count - 4;
}

void wire_end(Text *out, size_t mark) {
    put_u32_be(out->data + mark, (uint32_t)(out->count - mark));
}

void wire_empty(Text *out, char type) {
    wire_end(out, wire_begin(out, type));
}

static void wire_string(Text *out, const char *string) {
    text_append(out, string, strlen(string) + 1);
}

void wire_ready(Text *out, char state) {
    size_t mark = wire_begin(out, 'Z');
    text_append_char(out, state);
    wire_end(out, mark);
}

void wire_complete(Text *out, const char *tag) {
    size_t mark = wire_begin(out, 'C');
    wire_string(out, tag);
    wire_end(out, mark);
}

void wire_setting(Text *out, const char *name, const char *setting) {
    size_t mark = wire_begin(out, 'S');
    wire_string(out, name);
    wire_string(out, setting);
    wire_end(out, mark);
}

static void error_field(Text *out, char code, const char *string) {
    if (string == NULL) return;
    text_append_char(out, code);
    wire_string(out, string);
}

void wire_error(Text *out, char type, const char *severity, const Error *error) {
    char sqlstate[6];
    status_to_sqlstate(error->status, sqlstate);
    size_t mark = wire_begin(out, type);
    error_field(out, 'S', severity);
    error_field(out, 'V', severity);
    error_field(out, 'C', sqlstate);
    error_field(out, 'M', error->message);
    error_field(out, 'D', error->detail);
    error_field(out, 'H', error->hint);
    if (error->position != 0) {
        text_append_char(out, 'P');
        text_append_u64(out, error->position);
        text_append_char(out, 0);
    }
    error_field(out, 'W', error->context);
    error_field(out, 's', error->schema_name);
    error_field(out, 't', error->table_name);
    error_field(out, 'c', error->column_name);
    error_field(out, 'd', error->type_name);
    error_field(out, 'n', error->constraint_name);
    if (error->file != NULL) {
        error_field(out, 'F', error->file);
        text_append_char(out, 'L');
        text_append_i64(out, error->line);
        text_append_char(out, 0);
    }
    text_append_char(out, 0);
    wire_end(out, mark);
}

void wire_row_description(
    Text *out, const ResultColumn *columns, uint32_t column_count, const int16_t *formats) {
    size_t mark = wire_begin(out, 'T');
    text_append_u16_be(out, (uint16_t)column_count);
    for (uint32_t i = 0; i < column_count; i++) {
        const TypeInfo *type = type_find(columns[i].type.oid);
        wire_string(out, columns[i].name);
        text_append_u32_be(out, columns[i].source_table);
        text_append_u16_be(out, (uint16_t)columns[i].source_column);
        text_append_u32_be(out, columns[i].type.oid);
        text_append_u16_be(out, (uint16_t)(type == NULL ? -1 : type->length));
        text_append_u32_be(out, (uint32_t)columns[i].type.modifier);
        text_append_u16_be(out, (uint16_t)(formats == NULL ? 0 : formats[i]));
    }
    wire_end(out, mark);
}

static Status field_write(
    Text *out, const ValueContext *context, Oid type, int16_t format, const Value *value) {
    if (value->is_null) {
        text_append_u32_be(out, UINT32_MAX);
        return OK;
    }
    text_extend(out, 4);
    size_t mark = out->count;
    if (format == 0) {
        TRY(value_to_text(context, type, value, out));
    } else {
        TRY(value_to_binary(context, type, value, out));
    }
    put_u32_be(out->data + mark - 4, (uint32_t)(out->count - mark));
    return OK;
}

Status wire_row(Text *out, const ValueContext *context, const ResultColumn *columns,
    uint32_t column_count, const int16_t *formats, const Batch *batch, uint32_t row) {
    size_t start = out->count;
    size_t mark = wire_begin(out, 'D');
    text_append_u16_be(out, (uint16_t)column_count);
    for (uint32_t i = 0; i < column_count; i++) {
        Value value = column_get(&batch->columns[i], row);
        Status status = field_write(
            out, context, columns[i].type.oid, formats == NULL ? 0 : formats[i], &value);
        if (status != OK) {
            out->count = start; // half a row is never sent
            return status;
        }
    }
    wire_end(out, mark);
    return OK;
}

void wire_copy_response(Text *out, char type, bool is_binary, uint32_t column_count) {
    size_t mark = wire_begin(out, type);
    text_append_char(out, (char)is_binary);
    text_append_u16_be(out, (uint16_t)column_count);
    for (uint32_t i = 0; i < column_count; i++) {
        text_append_u16_be(out, is_binary);
    }
    wire_end(out, mark);
}
