#include "bind/expression.h"

#include "bind/query.h"

#include <string.h>

Expression *expression_make(Arena *arena, ExpressionKind kind, SqlType type, int32_t location) {
    Expression *expression = arena_new(arena, Expression);
    expression->kind = kind;
    expression->type = type;
    expression->location = location;
    return expression;
}

static bool type_equal(SqlType a, SqlType b) {
    return a.oid == b.oid && a.modifier == b.modifier;
}

static bool constant_equal(const Expression *a, const Expression *b) {
    if (a->constant.is_null || b->constant.is_null) {
        return a->constant.is_null == b->constant.is_null;
    }
    const Datum *left = &a->constant.datum;
    const Datum *right = &b->constant.datum;
    switch (type_physical(a->type.oid)) {
    case PHYSICAL_BOOL:
        return left->boolean == right->boolean;
    case PHYSICAL_INT1:
        return left->int1 == right->int1;
    case PHYSICAL_INT2:
        return left->int2 == right->int2;
    case PHYSICAL_INT4:
        return left->int4 == right->int4;
    case PHYSICAL_INT8:
        return left->int8 == right->int8;
    case PHYSICAL_FLOAT4: // bit for bit, so that 0.0 and -0.0 stay apart
        return memcmp(&left->float4, &right->float4, sizeof left->float4) == 0;
    case PHYSICAL_FLOAT8:
        return memcmp(&left->float8, &right->float8, sizeof left->float8) == 0;
    case PHYSICAL_UUID:
    case PHYSICAL_INTERVAL:
        return memcmp(left, right, sizeof *left) == 0;
    case PHYSICAL_VIEW:
        return view_equal(&left->view, &right->view);
    case PHYSICAL_KIND_COUNT:
        break;
    }
    return false;
}

static bool oids_equal(const Oid *a, const Oid *b, uint32_t count) {
    return count == 0 || memcmp(a, b, count * sizeof *a) == 0;
}

static bool optional_equal(const Expression *a, const Expression *b) {
    if (a == NULL || b == NULL) return a == b;
    return expression_equal(a, b);
}

static bool aggregate_equal(const Expression *a, const Expression *b) {
    if (a->aggregate.order_count != b->aggregate.order_count) return false;
    for (uint32_t i = 0; i < a->aggregate.order_count; i++) {
        const SortKey *left = &a->aggregate.order[i];
        const SortKey *right = &b->aggregate.order[i];
        if (left->less_operator != right->less_operator
            || left->is_descending != right->is_descending
            || left->nulls_first != right->nulls_first
            || !expression_equal(left->expression, right->expression)) {
            return false;
        }
    }
    return optional_equal(a->aggregate.filter, b->aggregate.filter);
}

// The parts that are not arguments.
static bool own_parts_equal(const Expression *a, const Expression *b) {
    switch (a->kind) {
    case EXPRESSION_CONSTANT:
        return constant_equal(a, b);
    case EXPRESSION_PARAMETER:
        return a->parameter == b->parameter;
    case EXPRESSION_COLUMN:
        return a->column.relation == b->column.relation
               && a->column.levels_up == b->column.levels_up
               && a->column.number == b->column.number;
    case EXPRESSION_AGGREGATE:
        return aggregate_equal(a, b);
    case EXPRESSION_WINDOW:
        return a->window.index == b->window.index
               && optional_equal(a->window.filter, b->window.filter);
    case EXPRESSION_BOOLEAN_TEST:
        return a->boolean_test == b->boolean_test;
    case EXPRESSION_SUBQUERY: // bound apart, subqueries are not compared
        return a->subquery.query == b->subquery.query;
    case EXPRESSION_SQL_VALUE:
        return a->sql_value.kind == b->sql_value.kind;
    case EXPRESSION_ROW_COMPARISON:
        return a->row.comparison == b->row.comparison
               && oids_equal(a->row.functions, b->row.functions, a->argument_count);
    case EXPRESSION_FIELD:
    case EXPRESSION_GROUPING_COLUMN:
        return a->slot == b->slot;
    case EXPRESSION_CALL:
    case EXPRESSION_AND:
    case EXPRESSION_OR:
    case EXPRESSION_NOT:
    case EXPRESSION_NULL_TEST:
    case EXPRESSION_DISTINCT:
    case EXPRESSION_NULL_IF:
    case EXPRESSION_CASE:
    case EXPRESSION_COALESCE:
    case EXPRESSION_GREATEST:
    case EXPRESSION_LEAST:
    case EXPRESSION_RELABEL:
    case EXPRESSION_CAST_BY_TEXT:
    case EXPRESSION_MODIFIER:
    case EXPRESSION_ARRAY:
    case EXPRESSION_ARRAY_COMPARISON:
    case EXPRESSION_ELEMENT:
    case EXPRESSION_ROW:
    case EXPRESSION_DEFAULT:
        return true;
    }
    return false;
}

bool expression_equal(const Expression *a, const Expression *b) {
    if (a == b) return true;
    if (a->kind != b->kind || !type_equal(a->type, b->type) || a->function != b->function
        || a->is_negated != b->is_negated || a->is_all != b->is_all
        || a->is_distinct != b->is_distinct || a->is_star != b->is_star
        || a->has_else != b->has_else || a->argument_count != b->argument_count) {
        return false;
    }
    if (!own_parts_equal(a, b)) return false;
    for (uint32_t i = 0; i < a->argument_count; i++) {
        if (!expression_equal(a->arguments[i], b->arguments[i])) return false;
    }
    return true;
}

bool expression_visit_parts(
    const Expression *expression, bool (*visit)(void *argument, Expression *part), void *argument) {
    for (uint32_t i = 0; i < expression->argument_count; i++) {
        if (!visit(argument, expression->arguments[i])) return false;
    }
    if (expression->kind == EXPRESSION_WINDOW && expression->window.filter != NULL) {
        return visit(argument, expression->window.filter);
    }
    if (expression->kind != EXPRESSION_AGGREGATE) return true;
    for (uint32_t i = 0; i < expression->aggregate.order_count; i++) {
        if (!visit(argument, expression->aggregate.order[i].expression)) return false;
    }
    Expression *filter = expression->aggregate.filter;
    return filter == NULL || visit(argument, filter);
}

static bool has_no_aggregate(void *argument, Expression *part) {
    (void)argument;
    return !expression_has_aggregate(part);
}

bool expression_has_aggregate(const Expression *expression) {
    if (expression->kind == EXPRESSION_AGGREGATE) return true;
    return !expression_visit_parts(expression, has_no_aggregate, NULL);
}

static bool is_before_set(void *argument, Expression *part) {
    const Expression **found = argument;
    *found = expression_find_set(part);
    return *found == NULL;
}

const Expression *expression_find_set(const Expression *expression) {
    if (expression->kind == EXPRESSION_CALL) {
        const FunctionInfo *function = function_find(expression->function);
        if (function != NULL && function->returns_set) return expression;
    }
    const Expression *found = NULL;
    (void)expression_visit_parts(expression, is_before_set, &found);
    return found;
}

static bool has_no_window(void *argument, Expression *part) {
    (void)argument;
    return !expression_has_window(part);
}

bool expression_has_window(const Expression *expression) {
    if (expression->kind == EXPRESSION_WINDOW) return true;
    return !expression_visit_parts(expression, has_no_window, NULL);
}

static bool is_not_volatile(void *argument, Expression *part) {
    (void)argument;
    return !expression_is_volatile(part);
}

bool expression_is_volatile(const Expression *expression) {
    if (expression->kind == EXPRESSION_CALL || expression->kind == EXPRESSION_AGGREGATE
        || expression->kind == EXPRESSION_WINDOW) {
        const FunctionInfo *function = function_find(expression->function);
        if (function == NULL || function->volatility == 'v') return true;
    }
    if (expression->kind == EXPRESSION_SUBQUERY && query_is_volatile(expression->subquery.query)) {
        return true;
    }
    return !expression_visit_parts(expression, is_not_volatile, NULL);
}
