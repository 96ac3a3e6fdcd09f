#include "types/type.h"

#include "types/array.h"
#include "types/type_facts.h"
#include "types/types_internal.h"

#include <string.h>

const TypeInfo *type_find(Oid oid) {
    size_t low = 0, high = type_fact_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (type_facts[middle].oid < oid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < type_fact_count && type_facts[low].oid == oid ? &type_facts[low] : NULL;
}

const TypeInfo *type_find_by_name(const char *name) {
    size_t low = 0, high = type_fact_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(type_facts[type_facts_by_name[middle]].name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == type_fact_count) return NULL;
    const TypeInfo *info = &type_facts[type_facts_by_name[low]];
    return strcmp(info->name, name) == 0 ? info : NULL;
}

const TypeInfo *type_list(size_t *count_out) {
    *count_out = type_fact_count;
    return type_facts;
}

const TypeOps *type_ops(Oid oid) {
    switch (oid) {
#define X(name, ops)                                                                               \
    case TYPE_##name:                                                                              \
        return &(ops);
        TYPE_OPS_LIST(X)
#undef X

    default:
        return array_type_ops(oid);
    }
}

Status type_ops_require(Oid oid, const TypeOps **ops_out) {
    const TypeOps *ops = type_ops(oid);
    if (ops == NULL) {
        const TypeInfo *info = type_find(oid);
        if (info == NULL) return fail(FEATURE_NOT_SUPPORTED, "type %u is not supported yet", oid);
        return fail(FEATURE_NOT_SUPPORTED, "type %s is not supported yet",
            type_sql_names[info - type_facts]);
    }
    *ops_out = ops;
    return OK;
}

PhysicalKind type_physical(Oid oid) {
    const TypeOps *ops = type_ops(oid);
    return ops != NULL ? ops->physical : PHYSICAL_VIEW;
}

// An array type proper, which format_type shows as element[]; int2vector and oidvector are not.
static bool type_is_true_array(const TypeInfo *info) {
    return info->element != 0 && info->storage != 'p'
           && strcmp(info->subscript, "array_subscript_handler") == 0;
}

// The SQL name with the modifier put in: after the first word of the time types, else at the end.
static void format_with_modifier(const TypeInfo *info, int32_t modifier, Text *out) {
    const char *name = type_sql_names[info - type_facts];
    const TypeOps *ops = modifier >= 0 ? type_ops(info->oid) : NULL;
    if (ops == NULL || ops->modifier_to_text == NULL) {
        text_append_text(out, name);
        if (modifier >= 0) text_append_format(out, "(%d)", modifier);
        return;
    }
    size_t head = strlen(name);
    const char *zone = strstr(name, " with");
    if (zone != NULL) head = (size_t)(zone - name);
    text_append(out, name, head);
    ops->modifier_to_text(modifier, out);
    text_append_text(out, name + head);
}

void type_format(SqlType type, Text *out) {
    const TypeInfo *info = type_find(type.oid);
    if (info == NULL) {
        text_append_text(out, type.oid == 0 ? "-" : "???");
        return;
    }
    if (type_is_true_array(info)) {
        const TypeInfo *element = type_find(info->element);
        ASSERT(element != NULL);
        format_with_modifier(element, type.modifier, out);
        text_append_text(out, "[]");
    } else {
        format_with_modifier(info, type.modifier, out);
    }
}

Oid type_element(Oid array) {
    const TypeInfo *info = type_find(array);
    if (info == NULL || info->element == 0) return 0;
    bool is_vector = array == TYPE_INT2VECTOR || array == TYPE_OIDVECTOR;
    return is_vector || type_is_true_array(info) ? info->element : 0;
}

Oid type_array(Oid element) {
    const TypeInfo *info = type_find(element);
    return info != NULL ? info->array : 0;
}

Status value_from_text(const ValueContext *context, SqlType type, const char *text, size_t count,
    Arena *arena, Value *value_out) {
    const TypeOps *ops = NULL;
    TRY(type_ops_require(type.oid, &ops));
    Value value = {0};
    TRY(ops->from_text(context, text, count, type.modifier, arena, &value.datum));
    *value_out = value;
    return OK;
}

Status value_to_text(const ValueContext *context, Oid type, const Value *value, Text *out) {
    const TypeOps *ops = NULL;
    TRY(type_ops_require(type, &ops));
    ops->to_text(context, &value->datum, out);
    return OK;
}

Status value_from_binary(
    const ValueContext *context, SqlType type, Bytes bytes, Arena *arena, Value *value_out) {
    const TypeOps *ops = NULL;
    TRY(type_ops_require(type.oid, &ops));
    Value value = {0};
    TRY(ops->from_binary(context, bytes, type.modifier, arena, &value.datum));
    *value_out = value;
    return OK;
}

Status value_to_binary(const ValueContext *context, Oid type, const Value *value, Text *out) {
    const TypeOps *ops = NULL;
    TRY(type_ops_require(type, &ops));
    ops->to_binary(context, &value->datum, out);
    return OK;
}

Status binary_check_count(Bytes bytes, size_t count) {
    if (bytes.count < count) {
        return fail(PROTOCOL_VIOLATION, "insufficient data left in message");
    }
    if (bytes.count > count) {
        return fail(INVALID_BINARY_REPRESENTATION, "incorrect binary data format");
    }
    return OK;
}

Status binary_check_byte(Bytes bytes) {
    if (bytes.count == 0) return fail(PROTOCOL_VIOLATION, "no data left in message");
    return binary_check_count(bytes, 1);
}

Status fail_syntax(const char *type_name, const char *text, size_t count) {
    return fail(INVALID_TEXT_REPRESENTATION, "invalid input syntax for type %s: \"%.*s\"",
        type_name, (int)count, text);
}
