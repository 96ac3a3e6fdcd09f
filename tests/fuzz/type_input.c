// Fuzz target: the text and binary input of every type. The first byte chooses the type, the second
// the form and the modifier; the rest is the input. What is read must print, read again as the same
// value, and keep its place in order, hash and key.
#include "base/bytes.h"
#include "base/error.h"
#include "base/utf8.h"
#include "types/key.h"
#include "types/type.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

static const Oid types[] = {TYPE_BOOL, TYPE_BYTEA, TYPE_CHAR, TYPE_NAME, TYPE_INT8, TYPE_INT2,
    TYPE_INT2VECTOR, TYPE_INT4, TYPE_TEXT, TYPE_OID, TYPE_TID, TYPE_XID, TYPE_OIDVECTOR,
    TYPE_FLOAT4, TYPE_FLOAT8, TYPE_BPCHAR, TYPE_VARCHAR, TYPE_DATE, TYPE_TIME, TYPE_TIMESTAMP,
    TYPE_TIMESTAMPTZ, TYPE_INTERVAL, TYPE_TIMETZ, TYPE_NUMERIC, TYPE_UUID, TYPE_REGCLASS,
    TYPE_TEXT_ARRAY, TYPE_INT4_ARRAY, TYPE_NUMERIC_ARRAY, TYPE_TIMESTAMPTZ_ARRAY,
    TYPE_INTERVAL_ARRAY, TYPE_BPCHAR_ARRAY};

enum { TYPE_COUNT = sizeof types / sizeof *types };

static void require(bool holds) {
    if (!holds) abort();
}

// An offset of a POSIX rule may be larger than one that is read; one of a hundred hours prints
// three digits, which are read as hours and minutes. PostgreSQL does the same.
static bool is_unreadable_offset(const Text *timetz) {
    int32_t west_s = (int32_t)get_u32_be(timetz->data + 8);
    return west_s <= -100 * 3600 || west_s >= 100 * 3600;
}

static void check_value(SqlType type, const Value *value, Arena *arena) {
    const ValueContext *context = value_context_default();
    const TypeOps *ops = type_ops(type.oid);
    Text text, binary;
    text_init(&text, arena);
    text_init(&binary, arena);
    ops->to_text(context, &value->datum, &text);
    ops->to_binary(context, &value->datum, &binary);
    Value again;
    Status status =
        value_from_text(context, sql_type(type.oid), text.data, text.count, arena, &again);
    if (type.oid == TYPE_TIMETZ
        && (status == INVALID_TIME_ZONE_DISPLACEMENT || is_unreadable_offset(&binary))) {
        return;
    }
    // Rounding to a modifier may pass the last moment that is read.
    if (status == DATETIME_FIELD_OVERFLOW && type.modifier >= 0) return;
    require(status == OK);
    require(ops->compare(&value->datum, &again.datum) == 0);
    require(ops->hash(&value->datum) == ops->hash(&again.datum));
    Text keys[2];
    text_init(&keys[0], arena);
    text_init(&keys[1], arena);
    ops->key_append(&value->datum, &keys[0]);
    ops->key_append(&again.datum, &keys[1]);
    require(bytes_equal(text_bytes(&keys[0]), text_bytes(&keys[1])));
    if (!ops->key_is_invertible) return;
    Bytes key = text_bytes(&keys[0]);
    require(ops->key_take(&key, arena, &again.datum) && key.count == 0);
    require(ops->compare(&value->datum, &again.datum) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count) {
    if (count < 2) return 0;
    Arena arena;
    arena_init(&arena, NULL);
    SqlType type = sql_type(types[data[0] % TYPE_COUNT]);
    bool is_binary = (data[1] & 1) != 0;
    const TypeOps *ops = type_ops(type.oid);
    int32_t list[] = {(data[1] >> 1 & 15) + 1, data[1] >> 5};
    if ((data[1] & 2) != 0 && ops->modifier_from_list != NULL
        && ops->modifier_from_list(list, 1 + (type.oid == TYPE_NUMERIC), &type.modifier) != OK) {
        error_clear();
    }
    Value value;
    Bytes bytes = bytes_make(data + 2, count - 2);
    // A text of the wire has been checked, and holds no zero.
    bool is_text = utf8_check((const char *)bytes.data, bytes.count) == OK;
    Status status = INVALID_TEXT_REPRESENTATION;
    if (is_binary) {
        status = value_from_binary(value_context_default(), type, bytes, &arena, &value);
    } else if (is_text) {
        status = value_from_text(
            value_context_default(), type, (const char *)bytes.data, bytes.count, &arena, &value);
    }
    if (status == OK && ops->compare != NULL) check_value(type, &value, &arena);
    error_clear();
    arena_deinit(&arena);
    return 0;
}
