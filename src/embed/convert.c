// Values from what C programs have: integers, doubles, text and bytes, to the type that is wanted.
// What cannot lose anything is converted directly; the rest goes through the type's own text.

#include "base/error.h"
#include "base/utf8.h"
#include "embed/embed_internal.h"

#include <math.h>
#include <stdio.h>

static Status out_of_range(int64_t given, Oid type, Arena *arena) {
    Text name;
    text_init(&name, arena);
    type_format(sql_type(type), &name);
    return fail(NUMERIC_VALUE_OUT_OF_RANGE, "value \"%lld\" is out of range for type %s",
        (long long)given, name.data);
}

Status value_of_text(const ValueContext *context, Oid type, const char *text, size_t count,
    Arena *arena, Value *value_out) {
    TRY(utf8_check(text, count));
    Value value;
    TRY(value_from_text(context, sql_type(type), text, count, arena, &value));
    *value_out = value_copy(value, type_physical(type), arena);
    return OK;
}

Status value_of_bool(Oid type, bool given, Value *value_out) {
    if (type != TYPE_BOOL) {
        return fail(DATATYPE_MISMATCH, "a boolean was given where another type is wanted");
    }
    *value_out = (Value){.datum.boolean = given};
    return OK;
}

Status value_of_int64(Oid type, int64_t given, Arena *arena, Value *value_out) {
    Value value = {.is_null = false};
    switch (type) {
    case TYPE_INT8:
        value.datum.int8 = given;
        break;
    case TYPE_INT4:
        if (given < INT32_MIN || given > INT32_MAX) return out_of_range(given, type, arena);
        value.datum.int4 = (int32_t)given;
        break;
    case TYPE_INT2:
        if (given < INT16_MIN || given > INT16_MAX) return out_of_range(given, type, arena);
        value.datum.int2 = (int16_t)given;
        break;
    case TYPE_OID:
        if (given < 0 || given > UINT32_MAX) return out_of_range(given, type, arena);
        value.datum.oid = (uint32_t)given;
        break;
    case TYPE_FLOAT8:
        value.datum.float8 = (double)given;
        break;
    case TYPE_FLOAT4:
        value.datum.float4 = (float)given;
        break;
    default: {
        char digits[24];
        int count = snprintf(digits, sizeof digits, "%lld", (long long)given);
        return value_of_text(
            value_context_default(), type, digits, (size_t)count, arena, value_out);
    }
    }
    *value_out = value;
    return OK;
}

Status value_of_double(Oid type, double given, Arena *arena, Value *value_out) {
    if (type == TYPE_FLOAT8) {
        *value_out = (Value){.datum.float8 = given};
        return OK;
    }
    if (type == TYPE_FLOAT4) {
        *value_out = (Value){.datum.float4 = (float)given};
        return OK;
    }
    bool is_whole = given >= -0x1p63 && given < 0x1p63 && given == floor(given);
    if (is_whole && (type == TYPE_INT8 || type == TYPE_INT4 || type == TYPE_INT2)) {
        return value_of_int64(type, (int64_t)given, arena, value_out);
    }
    // The shortest text that reads back as this double, as the server would print it.
    Text text;
    text_init(&text, arena);
    Value value = {.datum.float8 = given};
    TRY(value_to_text(value_context_default(), TYPE_FLOAT8, &value, &text));
    return value_of_text(value_context_default(), type, text.data, text.count, arena, value_out);
}

Status value_of_blob(Oid type, const void *bytes, size_t count, Arena *arena, Value *value_out) {
    if (type == TYPE_BYTEA) {
        const void *copy = arena_copy_bytes(arena, bytes, count);
        *value_out = (Value){.datum.view = view_make(copy, count)};
        return OK;
    }
    // For every other type a blob is the type's binary form.
    Value value;
    TRY(value_from_binary(
        value_context_default(), sql_type(type), bytes_make(bytes, count), arena, &value));
    *value_out = value_copy(value, type_physical(type), arena);
    return OK;
}
