// Expressions as PostgreSQL prints them: pg_get_expr, and what constraint definitions hold.
//
// Model    Without `is_pretty` every operator has its parentheses; with it only those that
//          precedence needs. Implicit casts are shown within operators and functions, and hidden at
//          the top and within casts, AND, OR and NOT.
// Source   PostgreSQL 15 src/backend/utils/adt/ruleutils.c for the form.
#include "base/error.h"
#include "bind/bind.h"

#include <string.h>

enum { INDENT = 4, DEPTH_MAX = 10000 };

typedef struct Deparser {
    CatalogView *view;
    const TableInfo *table;
    ValueContext values;
    ObjectNames names;
    bool is_pretty;
    uint32_t indent, depth;
    Text *out;
} Deparser;

static Status put(Deparser *deparser, const Expression *expression, bool show_implicit);

static void put_text(Deparser *deparser, const char *text) {
    text_append_text(deparser->out, text);
}

// ---- Names --------------------------------------------------------------------------------------

static bool needs_quotes(const char *name) {
    static const char *const keywords[] = {

#define X(word) word,
#include "functions/keyword_list.h"
#undef X
    };
    bool is_plain = (*name >= 'a' && *name <= 'z') || *name == '_';
    for (const char *at = name; *at != 0 && is_plain; at++) {
        is_plain = (*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') || *at == '_';
    }
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0] && is_plain; i++) {
        is_plain = strcmp(keywords[i], name) != 0;
    }
    return !is_plain;
}

static void put_name(Deparser *deparser, const char *name) {
    if (!needs_quotes(name)) {
        put_text(deparser, name);
        return;
    }
    text_append_char(deparser->out, '"');
    for (const char *at = name; *at != 0; at++) {
        if (*at == '"') text_append_char(deparser->out, '"');
        text_append_char(deparser->out, *at);
    }
    text_append_char(deparser->out, '"');
}

static Status put_column(Deparser *deparser, int16_t number) {
    for (uint32_t i = 0; deparser->table != NULL && i < deparser->table->column_count; i++) {
        if (deparser->table->columns[i].number != number) continue;
        put_name(deparser, deparser->table->columns[i].name);
        return OK;
    }
    return fail(UNDEFINED_COLUMN, "expression mentions column %d, which does not exist", number);
}

// char without a length is no char(1): PostgreSQL names the type inside.
static void put_type(Deparser *deparser, SqlType type) {
    put_text(deparser, "::");
    if (type.modifier < 0 && (type.oid == TYPE_BPCHAR || type.oid == TYPE_BPCHAR_ARRAY)) {
        put_text(deparser, type.oid == TYPE_BPCHAR ? "bpchar" : "bpchar[]");
    } else {
        type_format(type, deparser->out);
    }
}

// ---- Constants ----------------------------------------------------------------------------------

static void put_literal(Deparser *deparser, const char *text) {
    Text *out = deparser->out;
    text_append_char(out, '\'');
    for (const char *at = text; *at != 0; at++) {
        if (*at == '\'') text_append_char(out, '\'');
        text_append_char(out, *at);
    }
    text_append_char(out, '\'');
}

// `with_type`: whether a type may follow.
static Status put_constant(Deparser *deparser, const Expression *constant, bool with_type) {
    Text *out = deparser->out;
    SqlType type = constant->type;
    if (constant->constant.is_null) {
        put_text(deparser, "NULL");
        if (!with_type) return OK;
        put_type(deparser, type);
        return OK;
    }
    Text text;
    text_init(&text, out->arena);
    text_reserve(&text, 1);
    TRY(value_to_text(&deparser->values, type.oid, &constant->constant, &text));
    const char *digits = text.count == 0 ? "" : text.data;
    bool needs_type = true;
    if (type.oid == TYPE_BOOL) {
        put_text(deparser, constant->constant.datum.boolean ? "true" : "false");
        needs_type = false;
    } else if (type.oid == TYPE_INT4 && *digits != '-') {
        put_text(deparser, digits);
        needs_type = false;
    } else if (type.oid == TYPE_NUMERIC && *digits >= '0' && *digits <= '9'
               && digits[strcspn(digits, "eE.")] != 0) {
        put_text(deparser, digits);
        needs_type = type.modifier >= 0;
    } else {
        put_literal(deparser, digits);
        needs_type = type.oid != TYPE_UNKNOWN;
    }
    if (!needs_type || !with_type) return OK;
    put_type(deparser, type);
    return OK;
}

// ---- Parentheses --------------------------------------------------------------------------------

static bool is_cast(const Expression *expression) {
    return expression->kind == EXPRESSION_RELABEL || expression->kind == EXPRESSION_CAST_BY_TEXT
           || expression->kind == EXPRESSION_MODIFIER
           || (expression->kind == EXPRESSION_CALL && expression->is_cast);
}

static bool is_operator(const Expression *expression) {
    return expression->kind == EXPRESSION_CALL && expression->operator!= 0;
}

// The operator when it is one of + - * / %, the ones whose precedence everybody knows.
static char simple_operator(const Expression *expression) {
    if (!is_operator(expression) || expression->argument_count != 2) return 0;
    const OperatorInfo *info = operator_find(expression->operator);
    if (info == NULL || strlen(info->name) != 1 || strchr("+-*/%", *info->name) == NULL) return 0;
    return *info->name;
}

// Whether the parent puts brackets of its own around its parts.
static bool parent_brackets(const Expression *parent) {
    switch ((int)parent->kind) {
    case EXPRESSION_CALL:
        return !is_cast(parent) && parent->operator== 0 && !parent->is_sql_syntax;
    case EXPRESSION_ARRAY:
    case EXPRESSION_ROW:
    case EXPRESSION_COALESCE:
    case EXPRESSION_GREATEST:
    case EXPRESSION_LEAST:
    case EXPRESSION_NULL_IF:
    case EXPRESSION_CASE:
    case EXPRESSION_ELEMENT:
        return true;
    default:
        return false;
    }
}

static bool is_logic(const Expression *expression) {
    return expression->kind == EXPRESSION_AND || expression->kind == EXPRESSION_OR
           || expression->kind == EXPRESSION_NOT;
}

static bool is_simple_operator(const Expression *expression, const Expression *parent) {
    char own = simple_operator(expression);
    char outer = simple_operator(parent);
    if (own == 0 || outer == 0) return false;
    bool binds_tightly = strchr("*/%", own) != NULL;
    bool outer_binds_tightly = strchr("*/%", outer) != NULL;
    if (binds_tightly != outer_binds_tightly) return binds_tightly;
    return expression == parent->arguments[0];
}

// Whether pretty printing needs no parentheses around it.
static bool is_simple(const Expression *expression, const Expression *parent) {
    if (is_operator(expression) && is_operator(parent)) {
        return is_simple_operator(expression, parent);
    }
    if (is_cast(expression)) return is_simple(expression->arguments[0], expression);
    switch ((int)expression->kind) {
    case EXPRESSION_CALL:
        if (expression->operator!= 0) return is_logic(parent) || parent_brackets(parent);
        return true;
    case EXPRESSION_NULL_TEST:
    case EXPRESSION_BOOLEAN_TEST:
    case EXPRESSION_DISTINCT:
        return is_logic(parent) || parent_brackets(parent);
    case EXPRESSION_NOT:
    case EXPRESSION_AND:
        if (is_logic(parent)) return parent->kind != EXPRESSION_NOT;
        return parent_brackets(parent);
    case EXPRESSION_OR:
        if (is_logic(parent)) return parent->kind == EXPRESSION_OR;
        return parent_brackets(parent);
    case EXPRESSION_ARRAY_COMPARISON:
    case EXPRESSION_ROW_COMPARISON:
        return false;
    default:
        return true;
    }
}

static Status put_part(
    Deparser *deparser, const Expression *part, bool show_implicit, const Expression *parent) {
    bool needs_parentheses = deparser->is_pretty && !is_simple(part, parent);
    if (needs_parentheses) put_text(deparser, "(");
    TRY(put(deparser, part, show_implicit));
    if (needs_parentheses) put_text(deparser, ")");
    return OK;
}

static void open(Deparser *deparser) {
    if (!deparser->is_pretty) put_text(deparser, "(");
}

static void close(Deparser *deparser) {
    if (!deparser->is_pretty) put_text(deparser, ")");
}

// ---- The kinds ----------------------------------------------------------------------------------

static Status put_cast(Deparser *deparser, const Expression *cast, const Expression *argument) {
    if (argument->kind == EXPRESSION_CONSTANT && argument->type.oid == cast->type.oid) {
        TRY(put_constant(deparser, argument, false));
    } else {
        open(deparser);
        TRY(put_part(deparser, argument, false, cast));
        close(deparser);
    }
    put_type(deparser, cast->type);
    return OK;
}

static Status put_list(Deparser *deparser, Expression *const *list, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) put_text(deparser, ", ");
        TRY(put(deparser, list[i], true));
    }
    return OK;
}

static Status put_operator(Deparser *deparser, const Expression *expression) {
    const OperatorInfo *info = operator_find(expression->operator);
    const char *name = info == NULL ? "?" : info->name;
    open(deparser);
    if (expression->argument_count == 1) {
        put_text(deparser, name);
        put_text(deparser, " ");
        TRY(put_part(deparser, expression->arguments[0], true, expression));
    } else {
        TRY(put_part(deparser, expression->arguments[0], true, expression));
        text_append_format(deparser->out, " %s ", name);
        TRY(put_part(deparser, expression->arguments[1], true, expression));
    }
    close(deparser);
    return OK;
}

// Functions that SQL has a syntax of their own for. False when this is none.
static Status put_sql_syntax(
    Deparser *deparser, const Expression *call, const char *name, bool *is_done_out) {
    Expression *const *arguments = call->arguments;
    uint32_t count = call->argument_count;
    *is_done_out = true;
    if (strcmp(name, "timezone") == 0 && count == 2) {
        put_text(deparser, "(");
        TRY(put_part(deparser, arguments[1], false, call));
        put_text(deparser, " AT TIME ZONE ");
        TRY(put_part(deparser, arguments[0], false, call));
        put_text(deparser, ")");
        return OK;
    }
    if (strcmp(name, "extract") == 0 && count == 2 && arguments[0]->kind == EXPRESSION_CONSTANT) {
        put_text(deparser, "EXTRACT(");
        Bytes field = view_bytes(&arguments[0]->constant.datum.view);
        text_append(deparser->out, field.data, field.count);
        put_text(deparser, " FROM ");
        TRY(put(deparser, arguments[1], false));
        put_text(deparser, ")");
        return OK;
    }
    if (strcmp(name, "position") == 0 && count == 2) {
        put_text(deparser, "POSITION((");
        TRY(put(deparser, arguments[1], false));
        put_text(deparser, ") IN (");
        TRY(put(deparser, arguments[0], false));
        put_text(deparser, "))");
        return OK;
    }
    if (strcmp(name, "substring") == 0 || strcmp(name, "overlay") == 0) {
        bool is_substring = *name == 's';
        uint32_t from = is_substring ? 1 : 2;
        put_text(deparser, is_substring ? "SUBSTRING(" : "OVERLAY(");
        TRY(put(deparser, arguments[0], false));
        if (!is_substring) {
            put_text(deparser, " PLACING ");
            TRY(put(deparser, arguments[1], false));
        }
        put_text(deparser, " FROM ");
        TRY(put(deparser, arguments[from], false));
        if (count > from + 1) {
            put_text(deparser, " FOR ");
            TRY(put(deparser, arguments[from + 1], false));
        }
        put_text(deparser, ")");
        return OK;
    }
    const char *side = strcmp(name, "btrim") == 0   ? "BOTH"
                       : strcmp(name, "ltrim") == 0 ? "LEADING"
                       : strcmp(name, "rtrim") == 0 ? "TRAILING"
                                                    : NULL;
    if (side != NULL) {
        text_append_format(deparser->out, "TRIM(%s", side);
        if (count == 2) {
            put_text(deparser, " ");
            TRY(put(deparser, arguments[1], false));
        }
        put_text(deparser, " FROM ");
        TRY(put(deparser, arguments[0], false));
        put_text(deparser, ")");
        return OK;
    }
    *is_done_out = false;
    return OK;
}

static Status put_call(Deparser *deparser, const Expression *call, bool show_implicit) {
    if (call->is_cast) {
        if (!call->is_explicit && !show_implicit) return put(deparser, call->arguments[0], false);
        return put_cast(deparser, call, call->arguments[0]);
    }
    if (call->operator!= 0) return put_operator(deparser, call);
    const FunctionInfo *function = function_find(call->function);
    const char *name = function == NULL ? "?" : function->name;
    if (call->is_sql_syntax) {
        bool is_done;
        TRY(put_sql_syntax(deparser, call, name, &is_done));
        if (is_done) return OK;
    }
    put_name(deparser, name);
    put_text(deparser, "(");
    bool is_variadic =
        call->is_variadic
        || (function != NULL && function->variadic != 0 && function->variadic != TYPE_ANY);
    for (uint32_t i = 0; i < call->argument_count; i++) {
        if (i > 0) put_text(deparser, ", ");
        if (is_variadic && i + 1 == call->argument_count) put_text(deparser, "VARIADIC ");
        TRY(put(deparser, call->arguments[i], true));
    }
    put_text(deparser, ")");
    return OK;
}

static Status put_logic(Deparser *deparser, const Expression *expression) {
    open(deparser);
    if (expression->kind == EXPRESSION_NOT) put_text(deparser, "NOT ");
    for (uint32_t i = 0; i < expression->argument_count; i++) {
        if (i > 0) put_text(deparser, expression->kind == EXPRESSION_AND ? " AND " : " OR ");
        TRY(put_part(deparser, expression->arguments[i], false, expression));
    }
    close(deparser);
    return OK;
}

static Status put_test(Deparser *deparser, const Expression *expression, const char *test) {
    open(deparser);
    bool show_implicit = expression->kind == EXPRESSION_NULL_TEST;
    TRY(put_part(deparser, expression->arguments[0], show_implicit, expression));
    put_text(deparser, test);
    close(deparser);
    return OK;
}

static Status put_distinct(Deparser *deparser, const Expression *expression) {
    if (expression->is_negated) {
        open(deparser);
        put_text(deparser, "NOT ");
    }
    open(deparser);
    TRY(put_part(deparser, expression->arguments[0], true, expression));
    put_text(deparser, " IS DISTINCT FROM ");
    TRY(put_part(deparser, expression->arguments[1], true, expression));
    close(deparser);
    if (expression->is_negated) close(deparser);
    return OK;
}

static Status put_function_like(
    Deparser *deparser, const char *name, const Expression *expression, const char *end) {
    put_text(deparser, name);
    TRY(put_list(deparser, expression->arguments, expression->argument_count));
    put_text(deparser, end);
    return OK;
}

// A keyword on a line of its own.
static void put_line(Deparser *deparser, const char *keyword) {
    Text *out = deparser->out;
    while (out->count > 0 && out->data[out->count - 1] == ' ') {
        out->data[--out->count] = 0;
    }
    text_append_char(out, '\n');
    text_append_repeat(out, ' ', deparser->indent);
    put_text(deparser, keyword);
}

// CASE operand WHEN value: the operand was put into each comparison.
static Status put_case(Deparser *deparser, const Expression *expression) {
    uint32_t pairs = expression->argument_count / 2;
    put_line(deparser, "CASE");
    deparser->indent += INDENT;
    if (expression->is_simple_case) {
        const Expression *operand = expression->arguments[0]->arguments[0];
        if (is_cast(operand) && !operand->is_explicit) operand = operand->arguments[0];
        put_text(deparser, " ");
        TRY(put(deparser, operand, true));
    }
    for (uint32_t i = 0; i < pairs; i++) {
        const Expression *condition = expression->arguments[2 * i];
        put_line(deparser, "WHEN ");
        if (expression->is_simple_case) condition = condition->arguments[1];
        TRY(put(deparser, condition, false));
        put_text(deparser, " THEN ");
        TRY(put(deparser, expression->arguments[2 * i + 1], true));
    }
    put_line(deparser, "ELSE ");
    if (expression->has_else) {
        TRY(put(deparser, expression->arguments[2 * pairs], true));
    } else {
        put_text(deparser, "NULL");
        put_type(deparser, expression->type);
    }
    deparser->indent -= INDENT;
    put_line(deparser, "END");
    return OK;
}

static Status put_array(Deparser *deparser, const Expression *array) {
    TRY(put_function_like(deparser, "ARRAY[", array, "]"));
    if (array->argument_count == 0) {
        put_type(deparser, array->type);
    }
    return OK;
}

// Elements that were relabelled one by one are shown as PostgreSQL casts them: the array as a
// whole.
static bool elements_are_relabelled(const Expression *array) {
    if (array->kind != EXPRESSION_ARRAY || array->argument_count == 0) return false;
    for (uint32_t i = 0; i < array->argument_count; i++) {
        const Expression *element = array->arguments[i];
        if (element->kind != EXPRESSION_RELABEL || element->is_explicit) return false;
    }
    return true;
}

static Status put_array_comparison(Deparser *deparser, const Expression *expression) {
    const OperatorInfo *info = operator_find(expression->operator);
    const Expression *array = expression->arguments[1];
    open(deparser);
    TRY(put_part(deparser, expression->arguments[0], true, expression));
    text_append_format(deparser->out, " %s %s (", info == NULL ? "?" : info->name,
        expression->is_all ? "ALL" : "ANY");
    if (elements_are_relabelled(array)) {
        open(deparser);
        put_text(deparser, "ARRAY[");
        for (uint32_t i = 0; i < array->argument_count; i++) {
            if (i > 0) put_text(deparser, ", ");
            TRY(put(deparser, array->arguments[i]->arguments[0], true));
        }
        put_text(deparser, "]");
        close(deparser);
        put_type(deparser, array->type);
    } else {
        TRY(put_part(deparser, array, true, expression));
    }
    put_text(deparser, ")");
    close(deparser);
    return OK;
}

static Status put_row_comparison(Deparser *deparser, const Expression *expression) {
    static const char *const names[] = {"<", "<=", "=", ">=", ">", "<>"}; // as RowComparison
    uint32_t count = expression->argument_count / 2;
    put_text(deparser, "(ROW(");
    TRY(put_list(deparser, expression->arguments, count));
    text_append_format(deparser->out, ") %s ROW(", names[expression->row.comparison]);
    TRY(put_list(deparser, expression->arguments + count, count));
    put_text(deparser, "))");
    return OK;
}

static Status put_element(Deparser *deparser, const Expression *expression) {
    const Expression *array = expression->arguments[0];
    bool needs_parentheses = array->kind != EXPRESSION_COLUMN;
    if (needs_parentheses) put_text(deparser, "(");
    TRY(put(deparser, array, true));
    put_text(deparser, needs_parentheses ? ")[" : "[");
    TRY(put(deparser, expression->arguments[1], false));
    put_text(deparser, "]");
    return OK;
}

static void put_sql_value(Deparser *deparser, const Expression *expression) {
    static const char *const names[] = {
        [SQL_VALUE_CURRENT_DATE] = "CURRENT_DATE",
        [SQL_VALUE_CURRENT_TIME] = "CURRENT_TIME",
        [SQL_VALUE_CURRENT_TIMESTAMP] = "CURRENT_TIMESTAMP",
        [SQL_VALUE_LOCALTIME] = "LOCALTIME",
        [SQL_VALUE_LOCALTIMESTAMP] = "LOCALTIMESTAMP",
        [SQL_VALUE_CURRENT_USER] = "CURRENT_USER",
        [SQL_VALUE_SESSION_USER] = "SESSION_USER",
        [SQL_VALUE_CURRENT_CATALOG] = "CURRENT_CATALOG",
        [SQL_VALUE_CURRENT_SCHEMA] = "CURRENT_SCHEMA",
    };
    put_text(deparser, names[expression->sql_value.kind]);
    if (expression->type.modifier >= 0) {
        text_append_format(deparser->out, "(%d)", expression->type.modifier);
    }
}

static Status put_kind(Deparser *deparser, const Expression *expression, bool show_implicit) {
    static const char *const tests[] = {" IS TRUE", " IS NOT TRUE", " IS FALSE", " IS NOT FALSE",
        " IS UNKNOWN", " IS NOT UNKNOWN"}; // as BooleanTest
    switch (expression->kind) {
    case EXPRESSION_CONSTANT:
        return put_constant(deparser, expression, true);
    case EXPRESSION_COLUMN:
        return put_column(deparser, expression->column.number);
    case EXPRESSION_PARAMETER:
        text_append_format(deparser->out, "$%u", expression->parameter + 1);
        return OK;
    case EXPRESSION_CALL:
        return put_call(deparser, expression, show_implicit);
    case EXPRESSION_AND:
    case EXPRESSION_OR:
    case EXPRESSION_NOT:
        return put_logic(deparser, expression);
    case EXPRESSION_NULL_TEST:
        return put_test(deparser, expression, expression->is_negated ? " IS NOT NULL" : " IS NULL");
    case EXPRESSION_BOOLEAN_TEST:
        return put_test(deparser, expression, tests[expression->boolean_test]);
    case EXPRESSION_DISTINCT:
        return put_distinct(deparser, expression);
    case EXPRESSION_NULL_IF:
        return put_function_like(deparser, "NULLIF(", expression, ")");
    case EXPRESSION_CASE:
        return put_case(deparser, expression);
    case EXPRESSION_COALESCE:
        return put_function_like(deparser, "COALESCE(", expression, ")");
    case EXPRESSION_GREATEST:
        return put_function_like(deparser, "GREATEST(", expression, ")");
    case EXPRESSION_LEAST:
        return put_function_like(deparser, "LEAST(", expression, ")");
    case EXPRESSION_RELABEL:
    case EXPRESSION_CAST_BY_TEXT:
    case EXPRESSION_MODIFIER:
        if (!expression->is_explicit && !show_implicit) {
            return put(deparser, expression->arguments[0], false);
        }
        return put_cast(deparser, expression, expression->arguments[0]);
    case EXPRESSION_ARRAY:
        return put_array(deparser, expression);
    case EXPRESSION_ARRAY_COMPARISON:
        return put_array_comparison(deparser, expression);
    case EXPRESSION_ELEMENT:
        return put_element(deparser, expression);
    case EXPRESSION_ROW:
        return put_function_like(deparser, "ROW(", expression, ")");
    case EXPRESSION_ROW_COMPARISON:
        return put_row_comparison(deparser, expression);
    case EXPRESSION_SQL_VALUE:
        put_sql_value(deparser, expression);
        return OK;
    case EXPRESSION_FIELD:
    case EXPRESSION_AGGREGATE:
    case EXPRESSION_WINDOW:
    case EXPRESSION_SUBQUERY:
    case EXPRESSION_DEFAULT:
    case EXPRESSION_GROUPING_COLUMN:
        break;
    }
    return fail(FEATURE_NOT_SUPPORTED, "printing of this expression is not supported yet");
}

static Status put(Deparser *deparser, const Expression *expression, bool show_implicit) {
    if (++deparser->depth > DEPTH_MAX) {
        return fail(STATEMENT_TOO_COMPLEX, "stack depth limit exceeded");
    }
    TRY(put_kind(deparser, expression, show_implicit));
    deparser->depth--;
    return OK;
}

Status expression_deparse(CatalogView *view, const Expression *expression, const TableInfo *table,
    bool is_pretty, Text *out) {
    Deparser deparser = {
        .view = view,
        .table = table,
        .values = *value_context_default(),
        .is_pretty = is_pretty,
        .out = out,
    };
    deparser.names = catalog_object_names(view);
    deparser.values.object_names = &deparser.names;
    return put(&deparser, expression, false);
}
