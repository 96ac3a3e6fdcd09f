// UPDATE, DELETE, RETURNING, and what all writes share: values for columns, defaults, checks.
#include "bind/bind_internal.h"

Status require_writable(
    Binder *binder, const TableInfo *table, const char *verb, int32_t location) {
    (void)verb;
    switch (table->kind) {
    case RELATION_TABLE:
        break;
    case RELATION_SEQUENCE:
        return fail_at(binder, -1, WRONG_OBJECT_TYPE, "cannot change sequence \"%s\"", table->name);
    case RELATION_INDEX:
        return fail_at(binder, location, WRONG_OBJECT_TYPE, "\"%s\" is an index", table->name);
    case RELATION_VIEW:
        return not_supported(binder, "writing to a view", -1);
    }
    if (table->is_system) {
        return fail(INSUFFICIENT_PRIVILEGE, "permission denied for table %s", table->name);
    }
    return OK;
}

Status bind_assigned_value(Scope *scope, const TableInfo *table, const ColumnInfo *column,
    Expression *value, Expression **out) {
    (void)table;
    Binder *binder = scope->binder;
    Oid given = value->type.oid;
    TRY(coerce_to_target(binder, value, column->type, CAST_ASSIGNMENT, -1, out));
    if (*out == NULL) {
        Status status = fail_at(binder, expression_location(value), DATATYPE_MISMATCH,
            "column \"%s\" is of type %s but expression is of type %s", column->name,
            type_name_text(binder, column->type.oid), type_name_text(binder, given));
        error_add_hint("You will need to rewrite or cast the expression.");
        return status;
    }
    return OK;
}

Status column_default(
    Binder *binder, const TableInfo *table, const ColumnInfo *column, Expression **out) {
    (void)table;
    const char *stored = column->default_text;
    if (stored == NULL && column->identity != 0 && column->sequence != 0) {
        // An identity column's default is its sequence's next value.
        Text text;
        text_init(&text, binder->arena);
        expression_text_nextval(column->sequence, &text);
        stored = text.data;
    }
    if (stored == NULL) {
        *out = make_null(binder->arena, column->type, -1);
        return OK;
    }
    Expression *expression;
    TRY(expression_from_text(stored, binder->arena, &expression));
    return coerce(binder, expression, sql_type(column->type.oid), CAST_ASSIGNMENT, -1, out);
}

Status bind_checks(Scope *scope, const TableInfo *table) {
    Query *query = scope->query;
    Arena *arena = scope->binder->arena;
    query->checks = arena_new_array(arena, Expression *, table->check_count);
    query->check_names = arena_new_array(arena, const char *, table->check_count);
    for (uint32_t i = 0; i < table->check_count; i++) {
        TRY(expression_from_text(table->checks[i].expression_text, arena, &query->checks[i]));
        query->check_names[i] = table->checks[i].name;
    }
    query->check_count = table->check_count;
    return OK;
}

Status bind_returning(Scope *scope, const Node *list) {
    Query *query = scope->query;
    if (list == NULL) return OK;
    TRY(bind_target_list(scope, list, PLACE_RETURNING, &query->returning, &query->returning_count));
    for (uint32_t i = 0; i < query->returning_count; i++) {
        TRY(resolve_unknown(scope->binder, &query->returning[i].expression));
    }
    return OK;
}

static Status find_target_table(
    Scope *scope, const Node *range_var, const char *verb, const TableInfo **table_out) {
    Binder *binder = scope->binder;
    TRY(find_relation(binder, range_var, table_out));
    TRY(require_writable(binder, *table_out, verb, node_location(range_var)));
    ScopeItem *item;
    uint32_t relation;
    TRY(scope_add_table(scope, *table_out, node_get(range_var, FIELD_ALIAS),
        node_location(range_var), &relation, &item));
    scope_add_item(scope, item);
    scope->query->result_relation = relation;
    scope->query->from = arena_new(binder->arena, FromItem *);
    scope->query->from[0] = from_leaf(binder->arena, relation);
    scope->query->from_count = 1;
    return OK;
}

// ---- UPDATE's targets ---------------------------------------------------------------------------

static Status find_written_column(
    Scope *scope, const TableInfo *table, const Node *target, const ColumnInfo **column_out) {
    Binder *binder = scope->binder;
    const char *name = node_get_text(target, FIELD_NAME);
    const ColumnInfo *column = table_info_find_column(table, name);
    if (column == NULL || column->is_dropped) {
        Status status = fail_at(binder, node_location(target), UNDEFINED_COLUMN,
            "column \"%s\" of relation \"%s\" does not exist", name, table->name);
        return status;
    }
    if (node_count(node_get(target, FIELD_INDIRECTION)) > 0) {
        return not_supported(binder, "assignment to part of a column", node_location(target));
    }
    *column_out = column;
    return OK;
}

// The i-th value of SET (a, b) = ...: a row's fields are bound one by one, a subquery's columns
// come from a subquery of one column each.
static Status bind_multiple_value(
    Scope *scope, const Node *reference, const Node **value_out, const Node **subquery_out) {
    Binder *binder = scope->binder;
    const Node *source = node_get(reference, FIELD_SOURCE);
    uint32_t index = (uint32_t)node_get_integer(reference, FIELD_COLNO) - 1;
    uint32_t count = (uint32_t)node_get_integer(reference, FIELD_NCOLUMNS);
    *value_out = *subquery_out = NULL;
    if (node_kind(source) == NODE_ROW_EXPR) {
        const Node *fields = node_get(source, FIELD_ARGS);
        if (node_count(fields) != count) {
            return fail_at(binder, syntax_location(source), SYNTAX_ERROR,
                "number of columns does not match number of values");
        }
        *value_out = node_item(fields, index);
        return OK;
    }
    if (node_kind(source) == NODE_SUB_LINK) {
        *subquery_out = source;
        return OK;
    }
    return fail_at(binder, syntax_location(source), FEATURE_NOT_SUPPORTED,
        "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression");
}

// One column of a subquery with several: the others become hidden.
static Status bind_subquery_column(
    Scope *scope, const Node *subquery, uint32_t index, uint32_t count, Expression **out) {
    Binder *binder = scope->binder;
    Expression *made =
        expression_make(binder->arena, EXPRESSION_SUBQUERY, sql_type(0), node_location(subquery));
    Query *query;
    TRY(bind_query(binder, scope, node_get(subquery, FIELD_SUBSELECT), true, &query,
        &made->subquery.is_correlated));
    uint32_t column_count = query_visible_count(query);
    if (column_count != count) {
        return fail_at(binder, node_location(subquery), SYNTAX_ERROR,
            "number of columns does not match number of values");
    }
    if (query_is_volatile(query) || query->is_distinct || query->set != NULL) {
        return not_supported(
            binder, "assignment of several columns from such a subquery", node_location(subquery));
    }
    Target chosen = query->targets[index];
    for (uint32_t i = index; i > 0; i--) {
        query->targets[i] = query->targets[i - 1];
    }
    query->targets[0] = chosen;
    for (uint32_t i = 1; i < column_count; i++) {
        query->targets[i].is_hidden = true;
    }
    made->subquery.kind = SUBQUERY_SCALAR;
    made->subquery.query = query;
    made->type = chosen.expression->type;
    *out = made;
    return OK;
}

static Status bind_update_value(Scope *scope, const TableInfo *table, const ColumnInfo *column,
    const Node *target, Expression **out) {
    Binder *binder = scope->binder;
    const Node *value = node_get(target, FIELD_VAL);
    const Node *subquery = NULL;
    const Node *reference = value;
    if (node_kind(value) == NODE_MULTI_ASSIGN_REF) {
        TRY(bind_multiple_value(scope, reference, &value, &subquery));
    }
    Expression *bound;
    if (subquery != NULL) {
        TRY(bind_subquery_column(scope, subquery,
            (uint32_t)node_get_integer(reference, FIELD_COLNO) - 1,
            (uint32_t)node_get_integer(reference, FIELD_NCOLUMNS), &bound));
    } else if (node_kind(value) == NODE_SET_TO_DEFAULT) {
        return column_default(binder, table, column, out);
    } else {
        TRY(bind_expression(scope, value, PLACE_UPDATE, &bound));
    }
    if (column->identity == 'a') {
        Status status =
            fail(GENERATED_ALWAYS, "column \"%s\" can only be updated to DEFAULT", column->name);
        error_add_detail(
            "Column \"%s\" is an identity column defined as GENERATED ALWAYS.", column->name);
        return status;
    }
    return bind_assigned_value(scope, table, column, bound, out);
}

Status bind_update_targets(Scope *scope, const Node *list, const TableInfo *table,
    Target **targets_out, uint32_t *count_out) {
    uint32_t count = node_count(list);
    Target *targets = arena_new_array(scope->binder->arena, Target, count);
    for (uint32_t i = 0; i < count; i++) {
        const Node *target = node_item(list, i);
        const ColumnInfo *column = NULL;
        TRY(find_written_column(scope, table, target, &column));
        for (uint32_t j = 0; j < i; j++) {
            if (targets[j].column != column->number) continue;
            return fail(SYNTAX_ERROR, "multiple assignments to same column \"%s\"", column->name);
        }
        targets[i].name = column->name;
        targets[i].column = column->number;
        TRY(bind_update_value(scope, table, column, target, &targets[i].expression));
    }
    *targets_out = targets;
    *count_out = count;
    return OK;
}

// ---- UPDATE and DELETE --------------------------------------------------------------------------

Status bind_update(Scope *scope, const Node *statement) {
    Query *query = scope->query;
    query->kind = QUERY_UPDATE;
    TRY(bind_with_clause(scope, node_get(statement, FIELD_WITH_CLAUSE)));
    const TableInfo *table;
    TRY(find_target_table(scope, node_get(statement, FIELD_RELATION), "update", &table));
    TRY(bind_from_clause(scope, node_get(statement, FIELD_FROM_CLAUSE)));
    TRY(bind_update_targets(scope, node_get(statement, FIELD_TARGET_LIST), table, &query->targets,
        &query->target_count));
    TRY(bind_condition(
        scope, node_get(statement, FIELD_WHERE_CLAUSE), PLACE_WHERE, "WHERE", &query->where));
    TRY(bind_returning(scope, node_get(statement, FIELD_RETURNING_LIST)));
    TRY(bind_checks(scope, table));
    finish_with_clause(scope);
    return OK;
}

Status bind_delete(Scope *scope, const Node *statement) {
    Query *query = scope->query;
    query->kind = QUERY_DELETE;
    TRY(bind_with_clause(scope, node_get(statement, FIELD_WITH_CLAUSE)));
    const TableInfo *table;
    TRY(find_target_table(scope, node_get(statement, FIELD_RELATION), "delete from", &table));
    TRY(bind_from_clause(scope, node_get(statement, FIELD_USING_CLAUSE)));
    TRY(bind_condition(
        scope, node_get(statement, FIELD_WHERE_CLAUSE), PLACE_WHERE, "WHERE", &query->where));
    TRY(bind_returning(scope, node_get(statement, FIELD_RETURNING_LIST)));
    finish_with_clause(scope);
    return OK;
}
