#include "bind/expression_text.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

enum { FUNCTION_NEXTVAL = 1574, DEPTH_MAX = 10000 };

enum {
    FLAG_NEGATED = 1,
    FLAG_EXPLICIT = 2,
    FLAG_ALL = 4,
    FLAG_HAS_ELSE = 8,
    FLAG_CAST = 16,
    FLAG_VARIADIC = 32,
    FLAG_SQL_SYNTAX = 64,
    FLAG_SIMPLE_CASE = 128,
};

// Names of the kinds that can be stored; a kind without one cannot.
static const char *const kind_names[] = {
    [EXPRESSION_CONSTANT] = "const",
    [EXPRESSION_COLUMN] = "column",
    [EXPRESSION_CALL] = "call",
    [EXPRESSION_AND] = "and",
    [EXPRESSION_OR] = "or",
    [EXPRESSION_NOT] = "not",
    [EXPRESSION_NULL_TEST] = "nulltest",
    [EXPRESSION_BOOLEAN_TEST] = "booltest",
    [EXPRESSION_DISTINCT] = "distinct",
    [EXPRESSION_NULL_IF] = "nullif",
    [EXPRESSION_CASE] = "case",
    [EXPRESSION_COALESCE] = "coalesce",
    [EXPRESSION_GREATEST] = "greatest",
    [EXPRESSION_LEAST] = "least",
    [EXPRESSION_RELABEL] = "relabel",
    [EXPRESSION_CAST_BY_TEXT] = "bytext",
    [EXPRESSION_MODIFIER] = "modifier",
    [EXPRESSION_ARRAY] = "array",
    [EXPRESSION_ARRAY_COMPARISON] = "anyall",
    [EXPRESSION_ELEMENT] = "element",
    [EXPRESSION_ROW] = "row",
    [EXPRESSION_ROW_COMPARISON] = "rowcompare",
    [EXPRESSION_SQL_VALUE] = "sqlvalue",
    [EXPRESSION_GROUPING_COLUMN] = NULL,
};

static void append_quoted(Text *out, const char *text, size_t count) {
    text_append_char(out, '"');
    for (size_t i = 0; i < count; i++) {
        if (text[i] == '"' || text[i] == '\\') text_append_char(out, '\\');
        text_append_char(out, text[i]);
    }
    text_append_char(out, '"');
}

static void append_constant(const Expression *expression, Text *out) {
    if (expression->constant.is_null) {
        text_append_text(out, " null");
        return;
    }
    Text text;
    text_init(&text, out->arena);
    if (value_to_text(value_context_default(), expression->type.oid, &expression->constant, &text)
        != OK) {
        error_clear(); // the type has no operations: what there is are the literal's bytes
        Bytes bytes = view_bytes(&expression->constant.datum.view);
        text_append(&text, bytes.data, bytes.count);
    }
    text_append_char(out, ' ');
    append_quoted(out, text.data, text.count);
}

static void append_extra(const Expression *expression, Text *out) {
    switch ((int)expression->kind) {
    case EXPRESSION_CONSTANT:
        append_constant(expression, out);
        return;
    case EXPRESSION_COLUMN:
        text_append_format(out, " %d", expression->column.number);
        return;
    case EXPRESSION_BOOLEAN_TEST:
        text_append_format(out, " %d", expression->boolean_test);
        return;
    case EXPRESSION_SQL_VALUE:
        text_append_format(out, " %d", (int)expression->sql_value.kind);
        return;
    case EXPRESSION_ROW_COMPARISON:
        // The comparison, and a function for each argument (two a pair).
        text_append_format(out, " %d", (int)expression->row.comparison);
        for (uint32_t i = 0; i < expression->argument_count; i++) {
            text_append_format(out, ",%u", expression->row.functions[i]);
        }
        return;
    default:
        text_append_text(out, " 0");
    }
}

static int flags_of(const Expression *expression) {
    return (expression->is_negated ? FLAG_NEGATED : 0)
           | (expression->is_explicit ? FLAG_EXPLICIT : 0) | (expression->is_all ? FLAG_ALL : 0)
           | (expression->has_else ? FLAG_HAS_ELSE : 0) | (expression->is_cast ? FLAG_CAST : 0)
           | (expression->is_variadic ? FLAG_VARIADIC : 0)
           | (expression->is_sql_syntax ? FLAG_SQL_SYNTAX : 0)
           | (expression->is_simple_case ? FLAG_SIMPLE_CASE : 0);
}

static void append_expression(const Expression *expression, Text *out) {
    const char *name = kind_names[expression->kind];
    text_append_format(out, "(%s %u %d %d %u %u", name == NULL ? "?" : name, expression->type.oid,
        expression->type.modifier, flags_of(expression), expression->function,
        expression->operator);
    append_extra(expression, out);
    for (uint32_t i = 0; i < expression->argument_count; i++) {
        text_append_char(out, ' ');
        append_expression(expression->arguments[i], out);
    }
    text_append_char(out, ')');
}

void expression_to_text(const Expression *expression, Text *out) {
    text_append_text(out, "1:");
    append_expression(expression, out);
}

void expression_text_nextval(Oid sequence, Text *out) {
    text_append_format(out, "1:(call %d -1 0 %d 0 0 (const %d -1 0 0 0 \"%u\"))", TYPE_INT8,
        FUNCTION_NEXTVAL, TYPE_REGCLASS, sequence);
}

// ---- Reading ------------------------------------------------------------------------------------

typedef struct Reader {
    const char *at;
    Arena *arena;
    uint32_t depth;
} Reader;

static Status damaged(const Reader *reader) {
    return fail(DATA_CORRUPTED, "stored expression is damaged near \"%.20s\"", reader->at);
}

static Status read_integer(Reader *reader, int64_t *value_out) {
    if (*reader->at == ' ') reader->at++;
    char *end;
    long long value = strtoll(reader->at, &end, 10);
    if (end == reader->at) return damaged(reader);
    reader->at = end;
    *value_out = value;
    return OK;
}

static Status read_oid(Reader *reader, Oid *oid_out) {
    int64_t value = 0;
    TRY(read_integer(reader, &value));
    if (value < 0 || value > UINT32_MAX) return damaged(reader);
    *oid_out = (Oid)value;
    return OK;
}

static Status read_quoted(Reader *reader, Text *out) {
    reader->at++;
    while (*reader->at != '"') {
        if (*reader->at == '\\') reader->at++;
        if (*reader->at == 0) return damaged(reader);
        text_append_char(out, *reader->at++);
    }
    reader->at++;
    return OK;
}

static Status read_constant(Reader *reader, Expression *expression) {
    if (*reader->at == ' ') reader->at++;
    if (strncmp(reader->at, "null", 4) == 0) {
        reader->at += 4;
        expression->constant = value_null();
        return OK;
    }
    if (*reader->at != '"') return damaged(reader);
    Text text;
    text_init(&text, reader->arena);
    text_reserve(&text, 1);
    TRY(read_quoted(reader, &text));
    // The value was complete when it was stored, so that no modifier applies again.
    return value_from_text(value_context_default(), sql_type(expression->type.oid),
        text.count == 0 ? "" : text.data, text.count, reader->arena, &expression->constant);
}

static Status read_row_functions(Reader *reader, Expression *expression) {
    uint32_t count = 0;
    for (const char *at = reader->at; *at == ',' || (*at >= '0' && *at <= '9'); at++) {
        count += *at == ',';
    }
    expression->row.functions = arena_new_array(reader->arena, Oid, count);
    for (uint32_t i = 0; i < count; i++) {
        reader->at++;
        TRY(read_oid(reader, &expression->row.functions[i]));
    }
    expression->argument_count = count; // checked when the arguments are there
    return OK;
}

static Status read_extra(Reader *reader, Expression *expression) {
    if (expression->kind == EXPRESSION_CONSTANT) return read_constant(reader, expression);
    int64_t value = 0;
    TRY(read_integer(reader, &value));
    switch ((int)expression->kind) {
    case EXPRESSION_COLUMN:
        if (value < INT16_MIN || value > INT16_MAX) return damaged(reader);
        expression->column.number = (int16_t)value;
        return OK;
    case EXPRESSION_BOOLEAN_TEST:
        if (value < 0 || value > 5) return damaged(reader);
        expression->boolean_test = (int)value;
        return OK;
    case EXPRESSION_SQL_VALUE:
        if (value < 0 || value > SQL_VALUE_CURRENT_SCHEMA) return damaged(reader);
        expression->sql_value.kind = (SqlValueKind)value;
        return OK;
    case EXPRESSION_ROW_COMPARISON:
        if (value < 0 || value > ROW_NE) return damaged(reader);
        expression->row.comparison = (RowComparison)value;
        return read_row_functions(reader, expression);
    default:
        return OK;
    }
}

static Status read_kind(Reader *reader, ExpressionKind *kind_out) {
    size_t count = strcspn(reader->at, " ()");
    for (size_t i = 0; i < sizeof kind_names / sizeof kind_names[0]; i++) {
        if (kind_names[i] != NULL && strlen(kind_names[i]) == count
            && memcmp(kind_names[i], reader->at, count) == 0) {
            reader->at += count;
            *kind_out = (ExpressionKind)i;
            return OK;
        }
    }
    return damaged(reader);
}

static Status read_expression(Reader *reader, Expression **out);

static Status read_arguments(Reader *reader, Expression *expression) {
    uint32_t capacity = 0;
    uint32_t count = 0;
    while (*reader->at == ' ') {
        reader->at++;
        if (count == capacity) {
            capacity = capacity * 2 + 2;
            Expression **grown = arena_new_array(reader->arena, Expression *, capacity);
            if (count > 0) memcpy(grown, expression->arguments, count * sizeof *grown);
            expression->arguments = grown;
        }
        TRY(read_expression(reader, &expression->arguments[count]));
        count++;
    }
    if (expression->kind == EXPRESSION_ROW_COMPARISON && count != expression->argument_count) {
        return damaged(reader);
    }
    expression->argument_count = count;
    return OK;
}

static Status read_expression(Reader *reader, Expression **out) {
    if (*reader->at != '(' || ++reader->depth > DEPTH_MAX) return damaged(reader);
    reader->at++;
    ExpressionKind kind = EXPRESSION_CONSTANT;
    TRY(read_kind(reader, &kind));
    Oid type;
    int64_t modifier = -1;
    int64_t flags = 0;
    TRY(read_oid(reader, &type));
    TRY(read_integer(reader, &modifier));
    TRY(read_integer(reader, &flags));
    SqlType sql = {.oid = type, .modifier = (int32_t)modifier};
    Expression *expression = expression_make(reader->arena, kind, sql, -1);
    TRY(read_oid(reader, &expression->function));
    TRY(read_oid(reader, &expression->operator));
    expression->is_negated = (flags & FLAG_NEGATED) != 0;
    expression->is_explicit = (flags & FLAG_EXPLICIT) != 0;
    expression->is_all = (flags & FLAG_ALL) != 0;
    expression->has_else = (flags & FLAG_HAS_ELSE) != 0;
    expression->is_cast = (flags & FLAG_CAST) != 0;
    expression->is_variadic = (flags & FLAG_VARIADIC) != 0;
    expression->is_sql_syntax = (flags & FLAG_SQL_SYNTAX) != 0;
    expression->is_simple_case = (flags & FLAG_SIMPLE_CASE) != 0;
    TRY(read_extra(reader, expression));
    TRY(read_arguments(reader, expression));
    if (*reader->at != ')') return damaged(reader);
    reader->at++;
    reader->depth--;
    *out = expression;
    return OK;
}

Status expression_from_text(const char *text, Arena *arena, Expression **expression_out) {
    Reader reader = {.at = text, .arena = arena};
    if (strncmp(text, "1:", 2) != 0) return damaged(&reader);
    reader.at += 2;
    TRY(read_expression(&reader, expression_out));
    return *reader.at == 0 ? OK : damaged(&reader);
}
