// The operations of array types: one TypeOps for each, all through the functions here.
#include "base/error.h"
#include "base/hash.h"
#include "types/array_internal.h"
#include "types/integer.h"
#include "types/types_internal.h"

// Element by element, NULL above all; then the shorter first, fewer dimensions, smaller sizes and
// smaller bounds.
static int array_compare(const Datum *a, const Datum *b) {
    Array left = array_open(&a->view), right = array_open(&b->view);
    const TypeOps *ops = type_ops(left.element);
    uint32_t shorter = left.count < right.count ? left.count : right.count;
    for (uint32_t i = 0; i < shorter; i++) {
        Value x = array_get(&left, i), y = array_get(&right, i);
        int order =
            x.is_null || y.is_null ? x.is_null - y.is_null : ops->compare(&x.datum, &y.datum);
        if (order != 0) return order;
    }
    if (left.count != right.count) return left.count < right.count ? -1 : 1;
    if (left.dimension_count != right.dimension_count) {
        return left.dimension_count < right.dimension_count ? -1 : 1;
    }
    for (uint32_t i = 0; i < left.dimension_count; i++) {
        if (left.sizes[i] != right.sizes[i]) return left.sizes[i] < right.sizes[i] ? -1 : 1;
    }
    for (uint32_t i = 0; i < left.dimension_count; i++) {
        if (left.lower_bounds[i] != right.lower_bounds[i]) {
            return left.lower_bounds[i] < right.lower_bounds[i] ? -1 : 1;
        }
    }
    return 0;
}

static uint64_t array_hash(const Datum *datum) {
    Array array = array_open(&datum->view);
    const TypeOps *ops = type_ops(array.element);
    uint64_t hash = array.dimension_count;
    for (uint32_t i = 0; i < array.count; i++) {
        Value value = array_get(&array, i);
        hash = hash_combine(hash, value.is_null ? 0 : ops->hash(&value.datum));
    }
    return hash;
}

// Each element after a 1, a NULL is a 2, and a 0 ends them; then what tells equal runs apart.
static void array_key_append(const Datum *datum, Text *key) {
    Array array = array_open(&datum->view);
    const TypeOps *ops = type_ops(array.element);
    for (uint32_t i = 0; i < array.count; i++) {
        Value value = array_get(&array, i);
        text_append_u8(key, value.is_null ? 2 : 1);
        if (!value.is_null) ops->key_append(&value.datum, key);
    }
    text_append_u8(key, 0);
    text_append_u8(key, (uint8_t)array.dimension_count);
    for (uint32_t i = 0; i < array.dimension_count; i++) {
        text_append_u32_be(key, (uint32_t)array.sizes[i]);
    }
    for (uint32_t i = 0; i < array.dimension_count; i++) {
        text_append_u32_be(key, (uint32_t)array.lower_bounds[i] ^ 0x80000000U);
    }
}

// The modifier is the elements'.
static Status array_modifier_apply(
    const Datum *datum, int32_t modifier, bool is_explicit, Arena *arena, Datum *datum_out) {
    Array array = array_open(&datum->view);
    const TypeOps *ops = type_ops(array.element);
    Value *values = arena_new_array(arena, Value, array.count + 1);
    for (uint32_t i = 0; i < array.count; i++) {
        values[i] = array_get(&array, i);
        if (values[i].is_null) continue;
        TRY(ops->modifier_apply(&values[i].datum, modifier, is_explicit, arena, &values[i].datum));
    }
    *datum_out = (Datum){.view = array_make(array.element, array.dimension_count, array.sizes,
                             array.lower_bounds, values, arena)};
    return OK;
}

// int2vector and oidvector print their elements with blanks between.
static void vector_to_text(const ValueContext *context, const Datum *datum, Text *out) {
    Array array = array_open(&datum->view);
    const TypeOps *ops = type_ops(array.element);
    for (uint32_t i = 0; i < array.count; i++) {
        if (i > 0) text_append_char(out, ' ');
        Value value = array_get(&array, i);
        ops->to_text(context, &value.datum, out);
    }
}

// One number of an int2vector, which only a blank may follow.
static Status int2_take_text(
    const char *text, size_t count, size_t *taken_out, int16_t *value_out) {
    bool is_negative = count > 0 && text[0] == '-';
    size_t at = count > 0 && (text[0] == '-' || text[0] == '+'), first = at;
    int64_t value = 0;
    for (; at < count && text[at] >= '0' && text[at] <= '9'; at++) {
        if (value <= INT32_MAX) value = value * 10 + (text[at] - '0');
    }
    if (at == first) return fail_syntax("smallint", text, count);
    if (is_negative) value = -value;
    if (value < INT16_MIN || value > INT16_MAX) {
        return fail(NUMERIC_VALUE_OUT_OF_RANGE, "value \"%.*s\" is out of range for type smallint",
            (int)count, text);
    }
    if (at < count && text[at] != ' ') return fail_syntax("smallint", text, count);
    *taken_out = at;
    *value_out = (int16_t)value;
    return OK;
}

static Status vector_from_text(
    Oid element, const char *text, size_t count, Arena *arena, Datum *datum_out) {
    Value *values = arena_new_array(arena, Value, count / 2 + 1);
    uint32_t value_count = 0;
    for (size_t at = 0;;) {
        while (at < count && array_is_space(text[at])) {
            at++;
        }
        if (at == count) break;
        Datum *datum = &values[value_count++].datum;
        size_t taken = 0;
        if (element == TYPE_INT2) {
            TRY(int2_take_text(text + at, count - at, &taken, &datum->int2));
        } else {
            TRY(oid_take_text(text + at, count - at, &taken, &datum->oid));
        }
        at += taken;
    }
    *datum_out = (Datum){.view = array_make_vector(element, values, value_count, arena)};
    return OK;
}

static Status vector_from_binary(
    Oid element, const ValueContext *context, Bytes bytes, Arena *arena, Datum *datum_out) {
    Datum datum;
    TRY(array_take_binary(element, context, &bytes, -1, arena, &datum));
    Array array = array_open(&datum.view);
    // PostgreSQL refuses the empty vector too, because it arrives without a dimension.
    bool is_list = array.dimension_count == 1 && array.nulls == NULL && array.lower_bounds[0] == 0;
    if (!is_list) {
        return fail(INVALID_BINARY_REPRESENTATION, "invalid %s data",
            element == TYPE_INT2 ? "int2vector" : "oidvector");
    }
    TRY(binary_check_count(bytes, 0));
    *datum_out = datum;
    return OK;
}

// Array types without a modifier: X(name of the element's type, OID of the array type).
#define PLAIN_ARRAY_LIST(X)                                                                        \
    X(BOOL, 1000)                                                                                  \
    X(BYTEA, 1001)                                                                                 \
    X(CHAR, 1002)                                                                                  \
    X(NAME, 1003)                                                                                  \
    X(INT2, 1005)                                                                                  \
    X(INT2VECTOR, 1006)                                                                            \
    X(INT4, 1007)                                                                                  \
    X(TEXT, 1009)                                                                                  \
    X(XID, 1011)                                                                                   \
    X(CID, 1012)                                                                                   \
    X(OIDVECTOR, 1013)                                                                             \
    X(INT8, 1016)                                                                                  \
    X(FLOAT4, 1021)                                                                                \
    X(FLOAT8, 1022)                                                                                \
    X(OID, 1028)                                                                                   \
    X(ACLITEM, 1034)                                                                               \
    X(CSTRING, 1263)                                                                               \
    X(REFCURSOR, 2201)                                                                             \
    X(DATE, 1182)                                                                                  \
    X(TID, 1010)                                                                                   \
    X(REGPROC, 1008)                                                                               \
    X(REGPROCEDURE, 2207)                                                                          \
    X(REGOPER, 2208)                                                                               \
    X(REGOPERATOR, 2209)                                                                           \
    X(REGCLASS, 2210)                                                                              \
    X(REGTYPE, 2211)                                                                               \
    X(REGNAMESPACE, 4090)                                                                          \
    X(REGROLE, 4097)                                                                               \
    X(REGCOLLATION, 4192)                                                                          \
    X(UUID, 2951)

// Those with one.
#define MODIFIED_ARRAY_LIST(X)                                                                     \
    X(BPCHAR, 1014)                                                                                \
    X(VARCHAR, 1015)                                                                               \
    X(NUMERIC, 1231)                                                                               \
    X(TIME, 1183)                                                                                  \
    X(TIMESTAMP, 1115)                                                                             \
    X(TIMESTAMPTZ, 1185)                                                                           \
    X(INTERVAL, 1187)                                                                              \
    X(TIMETZ, 1270)

// X(name of the element's type, OID of the vector type)
#define VECTOR_LIST(X)                                                                             \
    X(INT2, 22)                                                                                    \
    X(OID, 30)

#define X(name, oid)                                                                               \
    static Status name##_array_from_text(const ValueContext *context, const char *text,            \
        size_t count, int32_t modifier, Arena *arena, Datum *datum_out) {                          \
        return array_from_text(TYPE_##name, context, text, count, modifier, arena, datum_out);     \
    }                                                                                              \
    static Status name##_array_from_binary(const ValueContext *context, Bytes bytes,               \
        int32_t modifier, Arena *arena, Datum *datum_out) {                                        \
        return array_from_binary(TYPE_##name, context, bytes, modifier, arena, datum_out);         \
    }
PLAIN_ARRAY_LIST(X)
MODIFIED_ARRAY_LIST(X)
#undef X

#define X(name, oid)                                                                               \
    static const TypeOps name##_array_ops = {                                                      \
        .physical = PHYSICAL_VIEW,                                                                 \
        .from_text = name##_array_from_text,                                                       \
        .to_text = array_to_text,                                                                  \
        .from_binary = name##_array_from_binary,                                                   \
        .to_binary = array_to_binary,                                                              \
        .compare = array_compare,                                                                  \
        .hash = array_hash,                                                                        \
        .key_append = array_key_append,                                                            \
    };
PLAIN_ARRAY_LIST(X)
#undef X

#define X(name, oid)                                                                               \
    static Status name##_array_modifier_from_list(                                                 \
        const int32_t *list, size_t count, int32_t *modifier_out) {                                \
        return type_ops(TYPE_##name)->modifier_from_list(list, count, modifier_out);               \
    }                                                                                              \
    static void name##_array_modifier_to_text(int32_t modifier, Text *out) {                       \
        type_ops(TYPE_##name)->modifier_to_text(modifier, out);                                    \
    }                                                                                              \
    static const TypeOps name##_array_ops = {                                                      \
        .physical = PHYSICAL_VIEW,                                                                 \
        .from_text = name##_array_from_text,                                                       \
        .to_text = array_to_text,                                                                  \
        .from_binary = name##_array_from_binary,                                                   \
        .to_binary = array_to_binary,                                                              \
        .compare = array_compare,                                                                  \
        .hash = array_hash,                                                                        \
        .key_append = array_key_append,                                                            \
        .modifier_apply = array_modifier_apply,                                                    \
        .modifier_from_list = name##_array_modifier_from_list,                                     \
        .modifier_to_text = name##_array_modifier_to_text,                                         \
    };
MODIFIED_ARRAY_LIST(X)
#undef X

#define X(name, oid)                                                                               \
    static Status name##_vector_from_text([[maybe_unused]] const ValueContext *context,            \
        const char *text, size_t count, [[maybe_unused]] int32_t modifier, Arena *arena,           \
        Datum *datum_out) {                                                                        \
        return vector_from_text(TYPE_##name, text, count, arena, datum_out);                       \
    }                                                                                              \
    static Status name##_vector_from_binary(const ValueContext *context, Bytes bytes,              \
        [[maybe_unused]] int32_t modifier, Arena *arena, Datum *datum_out) {                       \
        return vector_from_binary(TYPE_##name, context, bytes, arena, datum_out);                  \
    }                                                                                              \
    static const TypeOps name##_vector_ops = {                                                     \
        .physical = PHYSICAL_VIEW,                                                                 \
        .from_text = name##_vector_from_text,                                                      \
        .to_text = vector_to_text,                                                                 \
        .from_binary = name##_vector_from_binary,                                                  \
        .to_binary = array_to_binary,                                                              \
        .compare = array_compare,                                                                  \
        .hash = array_hash,                                                                        \
        .key_append = array_key_append,                                                            \
    };
VECTOR_LIST(X)
#undef X

const TypeOps *array_type_ops(Oid array_type) {
    switch (array_type) {
#define X(name, oid)                                                                               \
    case oid:                                                                                      \
        return &name##_array_ops;
        PLAIN_ARRAY_LIST(X)
        MODIFIED_ARRAY_LIST(X)
#undef X

#define X(name, oid)                                                                               \
    case oid:                                                                                      \
        return &name##_vector_ops;
        VECTOR_LIST(X)
#undef X

    default:
        return NULL;
    }
}
