// Type names and the options of definitions, from syntax.
#include "bind/bind_internal.h"

#include <stdlib.h>

Oid find_type_by_names(Binder *binder, const Node *names) {
    uint32_t count = node_count(names);
    if (count == 0 || count > 3) return 0;
    const char *schema = NULL;
    if (count >= 2) {
        const Node *qualifier = node_item(names, count - 2);
        if (node_kind(qualifier) == NODE_TEXT) schema = qualifier->text;
    }
    const char *name = last_name(names);
    if (schema == NULL || strcmp(schema, "pg_catalog") == 0) {
        const TypeInfo *info = type_find_by_name(name);
        if (info != NULL) return info->oid;
    }
    const TypeInfo *info = catalog_find_type(binder->catalog, schema, name);
    return info == NULL ? 0 : info->oid;
}

static Status undefined_type(Binder *binder, const Node *type_name) {
    const Node *names = node_get(type_name, FIELD_NAMES);
    uint32_t count = node_count(names);
    if (count >= 2) {
        Oid schema;
        const char *schema_name = node_item(names, count - 2)->text;
        if (!catalog_find_schema(binder->catalog, schema_name, &schema)) {
            return fail_at(binder, node_location(type_name), INVALID_SCHEMA_NAME,
                "schema \"%s\" does not exist", schema_name);
        }
    }
    bool is_array = node_count(node_get(type_name, FIELD_ARRAY_BOUNDS)) > 0;
    return fail_at(binder, node_location(type_name), UNDEFINED_OBJECT,
        "type \"%s%s\" does not exist", name_list_text(binder, names), is_array ? "[]" : "");
}

// The numbers in a type name's parentheses. PostgreSQL takes constants and plain words.
static Status modifier_list(
    Binder *binder, const Node *modifiers, int32_t **list_out, uint32_t *count_out) {
    uint32_t count = node_count(modifiers);
    int32_t *list = arena_new_array(binder->arena, int32_t, count);
    for (uint32_t i = 0; i < count; i++) {
        const Node *modifier = node_item(modifiers, i);
        if (node_kind(modifier) == NODE_A_CONST && node_has(modifier, FIELD_IVAL)) {
            list[i] = (int32_t)node_get_integer(modifier, FIELD_IVAL);
            continue;
        }
        if (node_kind(modifier) == NODE_A_CONST && node_has(modifier, FIELD_FVAL)) {
            return fail_at(binder, node_location(modifier), INVALID_TEXT_REPRESENTATION,
                "invalid input syntax for type %s: \"%s\"", "integer",
                node_get_text(modifier, FIELD_FVAL));
        }
        return fail_at(binder, syntax_location(modifier), SYNTAX_ERROR,
            "type modifiers must be simple constants or identifiers");
    }
    *list_out = list;
    *count_out = count;
    return OK;
}

Status bind_type_name(Binder *binder, const Node *type_name, SqlType *type_out) {
    int32_t location = node_location(type_name);
    if (node_get_boolean(type_name, FIELD_PCT_TYPE)) {
        return not_supported(binder, "%TYPE", location);
    }
    if (node_get_boolean(type_name, FIELD_SETOF)) {
        return fail_at(binder, location, INVALID_TABLE_DEFINITION, "type cannot be a set");
    }
    Oid oid = find_type_by_names(binder, node_get(type_name, FIELD_NAMES));
    if (oid == 0) return undefined_type(binder, type_name);

    int32_t modifier = -1;
    const Node *modifiers = node_get(type_name, FIELD_TYPMODS);
    if (node_count(modifiers) > 0) {
        binder->is_liftable = false;
        int32_t *list = NULL;
        uint32_t count = 0;
        TRY(modifier_list(binder, modifiers, &list, &count));
        const TypeOps *ops;
        TRY(binder_place(binder, location, type_ops_require(oid, &ops)));
        if (ops->modifier_from_list == NULL) {
            return fail_at(binder, location, SYNTAX_ERROR,
                "type modifier is not allowed for type \"%s\"", type_name_text(binder, oid));
        }
        TRY(binder_place(binder, location, ops->modifier_from_list(list, count, &modifier)));
    }
    if (node_count(node_get(type_name, FIELD_ARRAY_BOUNDS)) > 0) {
        Oid array = type_array(oid);
        if (array == 0) return undefined_type(binder, type_name);
        oid = array;
    }
    *type_out = (SqlType){.oid = oid, .modifier = modifier};
    return OK;
}

// All collations that there are compare bytes: the database's own, "C" and "POSIX".
Status check_collation(Binder *binder, const Node *clause, Oid type) {
    if (clause == NULL) return OK;
    int32_t location = node_location(clause);
    const Node *names = node_get(clause, FIELD_COLLNAME);
    const char *name = last_name(names);
    static const char *const known[] = {"default", "C", "POSIX", "ucs_basic", "C.UTF-8", "C.utf8"};
    bool is_known = false;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        is_known |= strcmp(name, known[i]) == 0;
    }
    if (!is_known) {
        return fail_at(binder, location, UNDEFINED_OBJECT,
            "collation \"%s\" for encoding \"UTF8\" does not exist", name_list_text(binder, names));
    }
    const TypeInfo *info = type_find(type);
    if (type != TYPE_UNKNOWN && type != 0 && (info == NULL || info->collation == 0)) {
        return fail_at(binder, location, DATATYPE_MISMATCH,
            "collations are not supported by type %s", type_name_text(binder, type));
    }
    return OK;
}

const char *option_text(Binder *binder, const Node *option) {
    const Node *argument = node_get(option, FIELD_ARG);
    switch ((int)node_kind(argument)) {
    case NODE_TEXT:
        return argument->text;
    case NODE_INTEGER:
        return arena_format(binder->arena, "%lld", (long long)argument->integer);
    case NODE_FLOAT:
        return node_get_text(argument, FIELD_FVAL);
    case NODE_BOOLEAN:
        return argument->boolean ? "true" : "false";
    case NODE_TYPE_NAME:
        return name_list_text(binder, node_get(argument, FIELD_NAMES));
    default:
        return NULL;
    }
}

Status option_integer(Binder *binder, const Node *option, int64_t *value_out) {
    const Node *argument = node_get(option, FIELD_ARG);
    const char *name = node_get_text(option, FIELD_DEFNAME);
    if (argument == NULL) {
        return fail(SYNTAX_ERROR, "%s requires a numeric value", name == NULL ? "option" : name);
    }
    if (node_kind(argument) == NODE_INTEGER) {
        *value_out = argument->integer;
        return OK;
    }
    if (node_kind(argument) == NODE_FLOAT) {
        Value value;
        const char *digits = node_get_text(argument, FIELD_FVAL);
        TRY(value_from_text(value_context_default(), sql_type(TYPE_INT8), digits, strlen(digits),
            binder->arena, &value));
        *value_out = value.datum.int8;
        return OK;
    }
    return fail(SYNTAX_ERROR, "%s requires a numeric value", name == NULL ? "option" : name);
}

Status option_boolean(Binder *binder, const Node *option, bool *value_out) {
    const Node *argument = node_get(option, FIELD_ARG);
    if (argument == NULL) {
        *value_out = true;
        return OK;
    }
    if (node_kind(argument) == NODE_INTEGER && (argument->integer == 0 || argument->integer == 1)) {
        *value_out = argument->integer == 1;
        return OK;
    }
    const char *text = option_text(binder, option);
    if (text != NULL && (strcasecmp(text, "true") == 0 || strcasecmp(text, "on") == 0)) {
        *value_out = true;
        return OK;
    }
    if (text != NULL && (strcasecmp(text, "false") == 0 || strcasecmp(text, "off") == 0)) {
        *value_out = false;
        return OK;
    }
    return fail(SYNTAX_ERROR, "%s requires a Boolean value", node_get_text(option, FIELD_DEFNAME));
}
