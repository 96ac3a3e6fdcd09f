// Subqueries in expressions.
#include "bind/bind_internal.h"

static Status check_place(Scope *scope, int32_t location) {
    const char *place = NULL;
    switch ((int)scope->place) {
    case PLACE_CHECK:
        place = "check constraint";
        break;
    case PLACE_DEFAULT:
        place = "DEFAULT expression";
        break;
    case PLACE_INDEX:
        place = "index expression";
        break;
    case PLACE_EXECUTE:
        place = "EXECUTE parameter";
        break;
    case PLACE_COPY_WHERE:
        place = "COPY FROM WHERE condition";
        break;
    default:
        return OK;
    }
    return fail_at(
        scope->binder, location, FEATURE_NOT_SUPPORTED, "cannot use subquery in %s", place);
}

// x IN (SELECT ...), x < ALL (SELECT ...): a comparison for each column.
static Status bind_test(Scope *scope, const Node *node, Expression *subquery) {
    Binder *binder = scope->binder;
    Arena *arena = binder->arena;
    Query *query = subquery->subquery.query;
    int32_t location = node_location(node);
    Expression *left;
    TRY(bind_inner(scope, node_get(node, FIELD_TESTEXPR), &left));
    bool is_row = left->kind == EXPRESSION_ROW;
    uint32_t count = is_row ? left->argument_count : 1;
    Expression **values = is_row ? left->arguments : arena_new_array(arena, Expression *, 1);
    if (!is_row) values[0] = left;
    uint32_t column_count = query_visible_count(query);
    if (count < column_count) {
        return fail_at(binder, location, SYNTAX_ERROR, "subquery has too many columns");
    }
    if (count > column_count) {
        return fail_at(binder, location, SYNTAX_ERROR, "subquery has too few columns");
    }
    const Node *name = node_get(node, FIELD_OPER_NAME);
    const char *operator_name = name == NULL ? "=" : last_name(name);
    subquery->arguments = arena_new_array(arena, Expression *, count);
    subquery->argument_count = count;
    subquery->subquery.functions = arena_new_array(arena, Oid, count);
    SqlType *types = arena_new_array(arena, SqlType, count);
    bool needs_casts = false;
    for (uint32_t i = 0; i < count; i++) {
        SqlType type = query->targets[i].expression->type;
        Expression *column = make_column(arena, 0, 0, (int16_t)(i + 1), type, location);
        Expression *test;
        if (name == NULL) {
            TRY(make_operator_named(scope, "=", values[i], column, location, &test));
        } else {
            TRY(make_operator(scope, name, values[i], column, location, &test));
        }
        if (test->type.oid != TYPE_BOOL) {
            return fail_at(binder, location, DATATYPE_MISMATCH,
                "operator %s must return type boolean, not type %s", operator_name,
                type_name_text(binder, test->type.oid));
        }
        subquery->arguments[i] = test->arguments[0];
        subquery->subquery.functions[i] = test->function;
        types[i] = test->arguments[1]->type;
        needs_casts |= types[i].oid != type.oid;
    }
    static const char *const orders[] = {"<", "<=", "=", ">=", ">", "<>"}; // as RowComparison
    subquery->subquery.comparison = ROW_EQ;
    for (int i = 0; i < 6; i++) {
        if (strcmp(orders[i], operator_name) == 0) {
            subquery->subquery.comparison = (RowComparison)i;
        }
    }
    if (count > 1 && subquery->subquery.comparison != ROW_EQ
        && subquery->subquery.comparison != ROW_NE) {
        return not_supported(binder, "order of rows with a subquery", location);
    }
    if (needs_casts) {
        TRY(query_cast_columns(binder, query, types, &subquery->subquery.query));
    }
    return OK;
}

// A scalar subquery around the given one, which compares its row with the one outside: no row gives
// NULL and several an error, as they should.
Status bind_row_subquery(Scope *scope, const Node *operator_name, Expression *row,
    const Node *sublink, int32_t location, Expression **out) {
    Binder *binder = scope->binder;
    TRY(check_place(scope, node_location(sublink)));
    if (expression_has_aggregate(row)) {
        return not_supported(binder, "comparison of aggregates with a row's subquery", location);
    }
    Expression *made =
        expression_make(binder->arena, EXPRESSION_SUBQUERY, sql_type(TYPE_BOOL), location);
    Query *query = NULL;
    TRY(binder_enter(binder, 20));
    Status status = bind_query(binder, scope, node_get(sublink, FIELD_SUBSELECT), true, &query,
        &made->subquery.is_correlated);
    binder_leave(binder, 20);
    TRY(status);
    uint32_t count = query_visible_count(query);
    if (row->argument_count != count) {
        return fail_at(binder, location, SYNTAX_ERROR, "subquery has too %s columns",
            row->argument_count < count ? "many" : "few");
    }
    made->subquery.is_correlated |= expression_lowest_level(row) != UINT32_MAX;
    expression_move_inside(binder->arena, row);
    Query *outer = query_wrap(binder, query);
    Expression **columns = arena_new_array(binder->arena, Expression *, count);
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = outer->targets[i].expression;
    }
    Expression *test;
    TRY(bind_row_comparison(
        scope, operator_name, row->arguments, count, columns, count, location, &test));
    outer->targets[0] = (Target){.expression = test, .name = "?column?"};
    outer->target_count = 1;
    made->subquery.kind = SUBQUERY_SCALAR;
    made->subquery.query = outer;
    *out = made;
    return OK;
}

Status bind_subquery_expression(Scope *scope, const Node *node, Expression **out) {
    Binder *binder = scope->binder;
    int32_t location = node_location(node);
    TRY(check_place(scope, location));
    const char *type = node_get_text(node, FIELD_SUB_LINK_TYPE);
    Expression *made =
        expression_make(binder->arena, EXPRESSION_SUBQUERY, sql_type(TYPE_BOOL), location);
    bool is_exists = type == NULL || strcmp(type, "EXISTS_SUBLINK") == 0;
    TRY(binder_enter(binder, 20));
    Status status = bind_query(binder, scope, node_get(node, FIELD_SUBSELECT), !is_exists,
        &made->subquery.query, &made->subquery.is_correlated);
    binder_leave(binder, 20);
    TRY(status);
    const Query *query = made->subquery.query;
    uint32_t column_count = query_visible_count(query);
    *out = made;
    if (is_exists) {
        made->subquery.kind = SUBQUERY_EXISTS;
        return OK;
    }
    if (strcmp(type, "EXPR_SUBLINK") == 0 || strcmp(type, "ARRAY_SUBLINK") == 0) {
        if (column_count != 1) {
            return fail_at(binder, location, SYNTAX_ERROR, "subquery must return only one column");
        }
        made->type = query->targets[0].expression->type;
        made->subquery.kind = SUBQUERY_SCALAR;
        if (strcmp(type, "EXPR_SUBLINK") == 0) return OK;
        Oid element = made->type.oid;
        Oid array = type_category(element) == 'A' ? element : type_array(element);
        if (array == 0) {
            return fail_at(binder, location, UNDEFINED_OBJECT,
                "could not find array type for data type %s", type_name_text(binder, element));
        }
        made->type.oid = array;
        made->subquery.kind = SUBQUERY_ARRAY;
        return OK;
    }
    if (strcmp(type, "ANY_SUBLINK") == 0 || strcmp(type, "ALL_SUBLINK") == 0) {
        made->subquery.kind = strcmp(type, "ANY_SUBLINK") == 0 ? SUBQUERY_ANY : SUBQUERY_ALL;
        return bind_test(scope, node, made);
    }
    return not_supported(binder, "this kind of subquery", location);
}
