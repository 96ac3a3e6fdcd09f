// With GROUP BY or aggregates: every column outside an aggregate must be grouped, or depend on
// columns that are.
#include "bind/bind_internal.h"

typedef struct Check {
    Scope *scope;
    Query *query;
    uint32_t depth; // of subqueries around the expression at hand
    Status status;
} Check;

static bool check_expression(void *argument, Expression *expression);

static bool check_query(void *argument, Query *part) {
    Check *check = argument;
    check->depth++;
    bool goes_on = query_visit(part, check_expression, check_query, check);
    check->depth--;
    return goes_on;
}

static bool is_grouped(const Check *check, const Expression *expression) {
    for (uint32_t i = 0; i < check->query->group_count; i++) {
        const Expression *group = check->query->groups[i];
        if (check->depth == 0 && expression_equal(group, expression)) return true;
        if (group->kind == EXPRESSION_COLUMN && expression->kind == EXPRESSION_COLUMN
            && group->column.levels_up == 0 && expression->column.levels_up == check->depth
            && group->column.relation == expression->column.relation
            && group->column.number == expression->column.number) {
            return true;
        }
    }
    return false;
}

static bool is_group_column(const Query *query, uint32_t relation, int16_t number) {
    for (uint32_t i = 0; i < query->group_count; i++) {
        const Expression *group = query->groups[i];
        if (group->kind == EXPRESSION_COLUMN && group->column.levels_up == 0
            && group->column.relation == relation && group->column.number == number) {
            return true;
        }
    }
    return false;
}

// A table whose whole primary key is grouped: its other columns depend on that.
static bool primary_key_is_grouped(const Query *query, uint32_t relation_index) {
    const Relation *relation = &query->relations[relation_index];
    if (relation->source != RELATION_OF_TABLE) return false;
    const TableInfo *table = relation->table;
    for (uint32_t i = 0; i < table->index_count; i++) {
        const IndexInfo *index = &table->indexes[i];
        if (!index->is_primary) continue;
        for (uint32_t j = 0; j < index->column_count; j++) {
            if (!is_group_column(query, relation_index, index->columns[j])) return false;
        }
        return true;
    }
    return false;
}

// A dependent column is grouped by, too, which changes no group: whoever splits the query into what
// is below and above the aggregation needs no further rule.
static void add_group(Check *check, const Expression *column) {
    Query *query = check->query;
    Arena *arena = check->scope->binder->arena;
    Expression **grown = arena_new_array(arena, Expression *, query->group_count + 1);
    memcpy(grown, query->groups, query->group_count * sizeof *grown);
    grown[query->group_count++] = make_column(
        arena, column->column.relation, 0, column->column.number, column->type, column->location);
    query->groups = grown;
}

static const char *column_name(const Query *query, const Expression *column) {
    const Relation *relation = &query->relations[column->column.relation];
    for (uint32_t i = 0; i < relation->column_count; i++) {
        if (relation->columns[i].number == column->column.number) return relation->columns[i].name;
    }
    return "?";
}

static bool check_column(Check *check, Expression *column) {
    Query *query = check->query;
    if (column->column.levels_up != check->depth || is_grouped(check, column)) return true;
    if (primary_key_is_grouped(query, column->column.relation)) {
        add_group(check, column);
        return true;
    }
    const char *alias = query->relations[column->column.relation].alias;
    const char *name = column_name(query, column);
    if (check->depth == 0) {
        check->status = fail_at(check->scope->binder, column->location, GROUPING_ERROR,
            "column \"%s.%s\" must appear in the GROUP BY clause or be used in an aggregate "
            "function",
            alias, name);
    } else {
        check->status = fail_at(check->scope->binder, column->location, GROUPING_ERROR,
            "subquery uses ungrouped column \"%s.%s\" from outer query", alias, name);
    }
    return false;
}

static bool check_expression(void *argument, Expression *expression) {
    Check *check = argument;
    if (expression->kind == EXPRESSION_COLUMN) return check_column(check, expression);
    if (expression->kind == EXPRESSION_AGGREGATE && check->depth == 0) return true;
    if (check->depth == 0 && is_grouped(check, expression)) return true;
    if (expression->kind == EXPRESSION_SUBQUERY
        && !check_query(check, expression->subquery.query)) {
        return false;
    }
    return expression_visit_parts(expression, check_expression, check);
}

Status check_grouping(Scope *scope) {
    Query *query = scope->query;
    Check check = {.scope = scope, .query = query};
    for (uint32_t i = 0; i < query->target_count; i++) {
        if (!check_expression(&check, query->targets[i].expression)) return check.status;
    }
    if (query->having != NULL && !check_expression(&check, query->having)) return check.status;
    for (uint32_t i = 0; i < query->window_count; i++) {
        const WindowSpec *window = &query->windows[i];
        for (uint32_t j = 0; j < window->partition_count; j++) {
            if (!check_expression(&check, window->partitions[j])) return check.status;
        }
        for (uint32_t j = 0; j < window->order_count; j++) {
            if (!check_expression(&check, window->orders[j].expression)) return check.status;
        }
    }
    return OK;
}
