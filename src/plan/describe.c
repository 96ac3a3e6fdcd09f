#include "plan/describe.h"

#include "base/error.h"

static void plan_describe_expression(const Query *query, const Expression *expression, Text *out);

static void describe_name(const Query *query, uint32_t relation, int16_t number, Text *out) {
    if (query == NULL || relation >= query->relation_count) {
        text_append_text(out, "?");
        return;
    }
    const Relation *from = &query->relations[relation];
    if (query->relation_count > 1 && from->alias != NULL) {
        text_append_format(out, "%s.", from->alias);
    }
    for (uint32_t i = 0; i < from->column_count; i++) {
        if (from->columns[i].number == number) {
            text_append_text(out, from->columns[i].name);
            return;
        }
    }
    text_append_text(out, "?");
}

static void describe_list(
    const Query *query, Expression *const *list, uint32_t count, const char *between, Text *out) {
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) text_append_text(out, between);
        plan_describe_expression(query, list[i], out);
    }
}

static void describe_constant(const Expression *expression, Text *out) {
    if (expression->constant.is_null) {
        text_append_text(out, "NULL");
        return;
    }
    Arena scratch;
    arena_init(&scratch, NULL);
    Text text;
    text_init(&text, &scratch);
    Status status =
        value_to_text(value_context_default(), expression->type.oid, &expression->constant, &text);
    if (status != OK) {
        error_clear();
        text_append_text(out, "?");
    } else {
        const TypeInfo *type = type_find(expression->type.oid);
        bool is_bare = type != NULL && (type->category == 'N' || type->category == 'B');
        text_append_text(out, is_bare ? "" : "'");
        text_append(out, text.data, text.count);
        if (!is_bare) {
            text_append_text(out, "'::");
            type_format(expression->type, out);
        }
    }
    arena_deinit(&scratch);
}

static void describe_call(const Query *query, const Expression *expression, Text *out) {
    const OperatorInfo *info =
        expression->operator== 0 ? NULL : operator_find(expression->operator);
    const FunctionInfo *function = function_find(expression->function);
    if (info != NULL && expression->argument_count == 2) {
        text_append_char(out, '(');
        plan_describe_expression(query, expression->arguments[0], out);
        text_append_format(out, " %s ", info->name);
        plan_describe_expression(query, expression->arguments[1], out);
        text_append_char(out, ')');
        return;
    }
    if (info != NULL && expression->argument_count == 1) {
        text_append_format(out, "(%s ", info->name);
        plan_describe_expression(query, expression->arguments[0], out);
        text_append_char(out, ')');
        return;
    }
    text_append_format(out, "%s(", function == NULL ? "?" : function->name);
    if (expression->is_star) text_append_char(out, '*');
    describe_list(query, expression->arguments, expression->argument_count, ", ", out);
    text_append_char(out, ')');
}

static void describe_around(const Query *query, const char *before, const Expression *expression,
    const char *between, const char *after, Text *out) {
    text_append_text(out, before);
    describe_list(query, expression->arguments, expression->argument_count, between, out);
    text_append_text(out, after);
}

static void plan_describe_expression(const Query *query, const Expression *expression, Text *out) {
    switch (expression->kind) {
    case EXPRESSION_CONSTANT:
        describe_constant(expression, out);
        break;
    case EXPRESSION_PARAMETER:
        text_append_format(out, "$%u", expression->parameter + 1);
        break;
    case EXPRESSION_COLUMN:
        if (expression->column.levels_up > 0) {
            text_append_text(out, "outer column");
        } else {
            describe_name(query, expression->column.relation, expression->column.number, out);
        }
        break;
    case EXPRESSION_CALL:
    case EXPRESSION_AGGREGATE:
    case EXPRESSION_WINDOW:
        describe_call(query, expression, out);
        break;
    case EXPRESSION_AND:
        describe_around(query, "(", expression, " AND ", ")", out);
        break;
    case EXPRESSION_OR:
        describe_around(query, "(", expression, " OR ", ")", out);
        break;
    case EXPRESSION_NOT:
        describe_around(query, "(NOT ", expression, "", ")", out);
        break;
    case EXPRESSION_NULL_TEST:
        describe_around(query, "(", expression, "",
            expression->is_negated ? " IS NOT NULL)" : " IS NULL)", out);
        break;
    case EXPRESSION_BOOLEAN_TEST:
        describe_around(query, "(", expression, "", " IS ...)", out);
        break;
    case EXPRESSION_DISTINCT:
        describe_around(query, "(", expression,
            expression->is_negated ? " IS NOT DISTINCT FROM " : " IS DISTINCT FROM ", ")", out);
        break;
    case EXPRESSION_NULL_IF:
        describe_around(query, "NULLIF(", expression, ", ", ")", out);
        break;
    case EXPRESSION_CASE:
        describe_around(query, "CASE(", expression, ", ", ")", out);
        break;
    case EXPRESSION_COALESCE:
        describe_around(query, "COALESCE(", expression, ", ", ")", out);
        break;
    case EXPRESSION_GREATEST:
        describe_around(query, "GREATEST(", expression, ", ", ")", out);
        break;
    case EXPRESSION_LEAST:
        describe_around(query, "LEAST(", expression, ", ", ")", out);
        break;
    case EXPRESSION_RELABEL:
    case EXPRESSION_CAST_BY_TEXT:
    case EXPRESSION_MODIFIER:
        describe_around(query, "(", expression, "", ")::", out);
        type_format(expression->type, out);
        break;
    case EXPRESSION_ARRAY:
        describe_around(query, "ARRAY[", expression, ", ", "]", out);
        break;
    case EXPRESSION_ARRAY_COMPARISON: {
        const OperatorInfo *info =
            expression->operator== 0 ? NULL : operator_find(expression->operator);
        text_append_char(out, '(');
        plan_describe_expression(query, expression->arguments[0], out);
        text_append_format(
            out, " %s %s (", info == NULL ? "=" : info->name, expression->is_all ? "ALL" : "ANY");
        plan_describe_expression(query, expression->arguments[1], out);
        text_append_text(out, "))");
        break;
    }
    case EXPRESSION_ELEMENT:
        describe_around(query, "", expression, "[", "]", out);
        break;
    case EXPRESSION_FIELD:
        describe_around(query, "(", expression, "", ")", out);
        text_append_format(out, ".f%u", expression->slot + 1);
        break;
    case EXPRESSION_ROW:
        describe_around(query, "ROW(", expression, ", ", ")", out);
        break;
    case EXPRESSION_ROW_COMPARISON:
        describe_around(query, "ROW COMPARISON(", expression, ", ", ")", out);
        break;
    case EXPRESSION_SUBQUERY:
        text_append_text(out, "(SubPlan)");
        break;
    case EXPRESSION_SQL_VALUE:
        text_append_text(out, "CURRENT VALUE");
        break;
    case EXPRESSION_DEFAULT:
        text_append_text(out, "DEFAULT");
        break;
    case EXPRESSION_GROUPING_COLUMN:
        text_append_format(out, "#%u", expression->slot);
        break;
    }
}

void plan_describe_conditions(
    const Query *query, Expression *const *conditions, uint32_t count, Text *out) {
    if (count > 1) text_append_char(out, '(');
    describe_list(query, conditions, count, " AND ", out);
    if (count > 1) text_append_char(out, ')');
}

void plan_describe_column(const Query *query, const LayoutColumn *column, Text *out) {
    if (column->expression != NULL) {
        plan_describe_expression(query, column->expression, out);
    } else {
        describe_name(query, column->relation, column->number, out);
    }
}
