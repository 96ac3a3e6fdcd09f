#include "base/error.h"
#include "types/array_internal.h"
#include "types/types_internal.h"

static bool take_i32(Bytes *bytes, int32_t *value_out) {
    Bytes taken;
    if (!bytes_take(bytes, 4, &taken)) return false;
    *value_out = (int32_t)get_u32_be(taken.data);
    return true;
}

static Status fail_short(void) {
    return fail(PROTOCOL_VIOLATION, "insufficient data left in message");
}

static Status fail_element_type(Oid found, Oid expected, Arena *arena) {
    Text names[2];
    for (int i = 0; i < 2; i++) {
        text_init(&names[i], arena);
        type_format(sql_type(i == 0 ? found : expected), &names[i]);
    }
    return fail(DATATYPE_MISMATCH,
        "binary data has array element type %u (%s) instead of expected %u (%s)", found,
        names[0].data, expected, names[1].data);
}

enum { STABLE_OID_MAX = 10000 };

Status array_take_binary(Oid element, const ValueContext *context, Bytes *bytes, int32_t modifier,
    Arena *arena, Datum *datum_out) {
    const TypeOps *ops;
    TRY(type_ops_require(element, &ops));
    int32_t dimension_count, flags, found_element;
    if (!take_i32(bytes, &dimension_count)) return fail_short();
    if (dimension_count < 0) {
        return fail(
            INVALID_BINARY_REPRESENTATION, "invalid number of dimensions: %d", dimension_count);
    }
    if (dimension_count > ARRAY_DIMENSION_MAX) {
        return fail(PROGRAM_LIMIT_EXCEEDED,
            "number of array dimensions (%d) exceeds the maximum allowed (%d)", dimension_count,
            ARRAY_DIMENSION_MAX);
    }
    if (!take_i32(bytes, &flags)) return fail_short();
    if (flags != 0 && flags != 1) {
        return fail(INVALID_BINARY_REPRESENTATION, "invalid array flags");
    }
    if (!take_i32(bytes, &found_element)) return fail_short();
    // OIDs are the same everywhere only among the types that every server has.
    bool is_comparable = (Oid)found_element < STABLE_OID_MAX && element < STABLE_OID_MAX;
    if ((Oid)found_element != element && is_comparable) {
        return fail_element_type((Oid)found_element, element, arena);
    }
    int32_t sizes[ARRAY_DIMENSION_MAX] = {0}, lower_bounds[ARRAY_DIMENSION_MAX] = {0};
    for (int32_t i = 0; i < dimension_count; i++) {
        if (!take_i32(bytes, &sizes[i]) || !take_i32(bytes, &lower_bounds[i])) {
            return fail_short();
        }
    }
    uint32_t count;
    TRY(array_count_elements((uint32_t)dimension_count, sizes, lower_bounds, &count));
    if (count == 0) dimension_count = 0;
    void *memory;
    size_t room = bytes->count / 4 + 1; // each element has a length at least
    if (room > count) room = (size_t)count + 1;
    TRY(arena_try_allocate(arena, sizeof(Value) * room, _Alignof(Value), &memory));
    Value *values = memory;
    for (uint32_t i = 0; i < count; i++) {
        int32_t length;
        if (!take_i32(bytes, &length)) return fail_short();
        values[i] = (Value){.is_null = length == -1};
        if (length == -1) continue;
        Bytes taken;
        if (length < -1 || !bytes_take(bytes, (size_t)length, &taken)) {
            return fail(INVALID_BINARY_REPRESENTATION, "insufficient data left in message");
        }
        Status status = ops->from_binary(context, taken, modifier, arena, &values[i].datum);
        if (status == INVALID_BINARY_REPRESENTATION
            && strcmp(error_get()->message, "incorrect binary data format") == 0) {
            return fail(
                INVALID_BINARY_REPRESENTATION, "improper binary format in array element %u", i + 1);
        }
        if (status != OK) return status;
    }
    *datum_out = (Datum){
        .view = array_make(element, (uint32_t)dimension_count, sizes, lower_bounds, values, arena)};
    return OK;
}

Status array_from_binary(Oid element, const ValueContext *context, Bytes bytes, int32_t modifier,
    Arena *arena, Datum *datum_out) {
    TRY(array_take_binary(element, context, &bytes, modifier, arena, datum_out));
    return binary_check_count(bytes, 0);
}

void array_to_binary(const ValueContext *context, const Datum *datum, Text *out) {
    Array array = array_open(&datum->view);
    const TypeOps *ops = type_ops(array.element);
    text_append_u32_be(out, array.dimension_count);
    text_append_u32_be(out, array.nulls != NULL);
    text_append_u32_be(out, array.element);
    for (uint32_t i = 0; i < array.dimension_count; i++) {
        text_append_u32_be(out, (uint32_t)array.sizes[i]);
        text_append_u32_be(out, (uint32_t)array.lower_bounds[i]);
    }
    for (uint32_t i = 0; i < array.count; i++) {
        Value value = array_get(&array, i);
        if (value.is_null) {
            text_append_u32_be(out, UINT32_MAX);
            continue;
        }
        size_t start = out->count;
        text_append_u32_be(out, 0);
        ops->to_binary(context, &value.datum, out);
        put_u32_be(out->data + start, (uint32_t)(out->count - start - 4));
    }
}
