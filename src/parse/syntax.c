#include "parse/syntax.h"

#include "parse/tree_reader.h"

Node *node_get(const Node *node, NodeField field) {
    if (node == NULL || (node->kind >= NODE_LIST && node->kind <= NODE_BOOLEAN)) return NULL;
    for (uint32_t i = 0; i < node->count; i++) {
        if (node->entries[i].field == field) return node->entries[i].value;
    }
    return NULL;
}

const char *node_get_text(const Node *node, NodeField field) {
    const Node *value = node_get(node, field);
    return value != NULL && value->kind == NODE_TEXT ? value->text : NULL;
}

int64_t node_get_integer(const Node *node, NodeField field) {
    const Node *value = node_get(node, field);
    return value != NULL && value->kind == NODE_INTEGER ? value->integer : 0;
}

bool node_get_boolean(const Node *node, NodeField field) {
    const Node *value = node_get(node, field);
    return value != NULL && value->kind == NODE_BOOLEAN && value->boolean;
}

bool node_has(const Node *node, NodeField field) {
    return node_get(node, field) != NULL;
}

uint32_t node_count(const Node *list) {
    return list != NULL && list->kind == NODE_LIST ? list->count : 0;
}

Node *node_item(const Node *list, uint32_t index) {
    return index < node_count(list) ? list->items[index] : NULL;
}

NodeKind node_kind(const Node *node) {
    return node == NULL ? NODE_NONE : node->kind;
}

// Kinds whose PostgreSQL struct has no `location`: without the field, their place is unknown, while
// for all others an absent location is 0.
static bool kind_has_location(NodeKind kind) {
    switch ((int)kind) {
    case NODE_RES_TARGET:
    case NODE_COLUMN_REF:
    case NODE_PARAM_REF:
    case NODE_A_EXPR:
    case NODE_A_CONST:
    case NODE_A_ARRAY_EXPR:
    case NODE_FUNC_CALL:
    case NODE_TYPE_CAST:
    case NODE_TYPE_NAME:
    case NODE_COLLATE_CLAUSE:
    case NODE_BOOL_EXPR:
    case NODE_CASE_EXPR:
    case NODE_CASE_WHEN:
    case NODE_SUB_LINK:
    case NODE_ROW_EXPR:
    case NODE_COALESCE_EXPR:
    case NODE_MIN_MAX_EXPR:
    case NODE_NULL_TEST:
    case NODE_BOOLEAN_TEST:
    case NODE_SQL_VALUE_FUNCTION:
    case NODE_SET_TO_DEFAULT:
    case NODE_RANGE_VAR:
    case NODE_CONSTRAINT:
    case NODE_COLUMN_DEF:
    case NODE_DEF_ELEM:
    case NODE_ON_CONFLICT_CLAUSE:
    case NODE_INFER_CLAUSE:
    case NODE_WITH_CLAUSE:
    case NODE_COMMON_TABLE_EXPR:
    case NODE_WINDOW_DEF:
    case NODE_GROUPING_SET:
    case NODE_GROUPING_FUNC:
    case NODE_NAMED_ARG_EXPR:
    case NODE_SORT_BY:
    case NODE_XML_EXPR:
    case NODE_XML_SERIALIZE:
    case NODE_ROLE_SPEC:
        return true;
    default:
        return false;
    }
}

int32_t node_location(const Node *node) {
    if (node == NULL) return -1;
    if (node->kind == NODE_LIST) {
        for (uint32_t i = 0; i < node->count; i++) {
            int32_t location = node_location(node->items[i]);
            if (location >= 0) return location;
        }
        return -1;
    }
    const Node *location = node_get(node, FIELD_LOCATION);
    if (location == NULL) return kind_has_location(node->kind) ? 0 : -1;
    return (int32_t)location->integer;
}
