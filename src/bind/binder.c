#include "base/utf8.h"
#include "bind/bind_internal.h"

// Syntax deeper than this is refused, as PostgreSQL refuses what does not fit its stack: the
// binder, the planner and the executor all recurse over it. PostgreSQL stops between 3,000 and
// 5,000 levels.
enum { DEPTH_MAX = 3200 };

Status binder_enter(Binder *binder, uint32_t cost) {
    if (binder->depth + cost > DEPTH_MAX) {
        return fail(STATEMENT_TOO_COMPLEX, "stack depth limit exceeded");
    }
    binder->depth += cost;
    return OK;
}

void binder_leave(Binder *binder, uint32_t cost) {
    binder->depth -= cost;
}

Status binder_place(Binder *binder, int32_t location, Status status) {
    if (location < 0 || binder->input->sql == NULL || binder->hides_positions) return status;
    size_t count = strlen(binder->input->sql);
    size_t offset = (size_t)location < count ? (size_t)location : count;
    size_t characters = utf8_char_count(binder->input->sql, offset);
    error_set_position((uint32_t)characters + binder->input->sql_offset + 1);
    return status;
}

Status not_supported(Binder *binder, const char *feature, int32_t location) {
    size_t count = strlen(feature);
    bool is_plural = count > 0 && feature[count - 1] == 's';
    return fail_at(binder, location, FEATURE_NOT_SUPPORTED, "%s %s not supported yet", feature,
        is_plural ? "are" : "is");
}

static int32_t leftmost(int32_t a, int32_t b) {
    if (a < 0) return b;
    if (b < 0) return a;
    return a < b ? a : b;
}

int32_t syntax_location(const Node *node) {
    if (node == NULL) return -1;
    int32_t own = node_location(node);
    switch ((int)node->kind) {
    case NODE_LIST:
        for (uint32_t i = 0; i < node->count; i++) {
            int32_t location = syntax_location(node->items[i]);
            if (location >= 0) return location;
        }
        return -1;
    case NODE_A_EXPR:
        return leftmost(own, syntax_location(node_get(node, FIELD_LEXPR)));
    case NODE_FUNC_CALL:
    case NODE_BOOL_EXPR:
        return leftmost(own, syntax_location(node_get(node, FIELD_ARGS)));
    case NODE_SUB_LINK:
        return leftmost(own, syntax_location(node_get(node, FIELD_TESTEXPR)));
    case NODE_TYPE_CAST:
    case NODE_COLLATE_CLAUSE:
    case NODE_NULL_TEST:
    case NODE_BOOLEAN_TEST:
        return leftmost(own, syntax_location(node_get(node, FIELD_ARG)));
    case NODE_A_INDIRECTION:
        return syntax_location(node_get(node, FIELD_ARG));
    case NODE_SORT_BY:
        return syntax_location(node_get(node, FIELD_NODE));
    case NODE_RES_TARGET:
        return own >= 0 ? own : syntax_location(node_get(node, FIELD_VAL));
    default:
        return own;
    }
}

int32_t expression_location(const Expression *expression) {
    if (expression == NULL) return -1;
    int32_t location = expression->location;
    switch (expression->kind) {
    case EXPRESSION_CALL:
    case EXPRESSION_AND:
    case EXPRESSION_OR:
    case EXPRESSION_NOT:
    case EXPRESSION_NULL_TEST:
    case EXPRESSION_BOOLEAN_TEST:
    case EXPRESSION_DISTINCT:
    case EXPRESSION_NULL_IF:
    case EXPRESSION_RELABEL:
    case EXPRESSION_CAST_BY_TEXT:
    case EXPRESSION_MODIFIER:
    case EXPRESSION_ARRAY_COMPARISON:
    case EXPRESSION_ELEMENT:
    case EXPRESSION_FIELD:
        // Chains are deep on the left only, where the location is.
        while (expression->argument_count > 0) {
            expression = expression->arguments[0];
            location = leftmost(location, expression->location);
            if (expression->kind == EXPRESSION_CASE || expression->kind == EXPRESSION_SUBQUERY) {
                break;
            }
        }
        return location;
    case EXPRESSION_CONSTANT:
    case EXPRESSION_PARAMETER:
    case EXPRESSION_COLUMN:
    case EXPRESSION_AGGREGATE:
    case EXPRESSION_WINDOW:
    case EXPRESSION_CASE:
    case EXPRESSION_COALESCE:
    case EXPRESSION_GREATEST:
    case EXPRESSION_LEAST:
    case EXPRESSION_ARRAY:
    case EXPRESSION_ROW:
    case EXPRESSION_ROW_COMPARISON:
    case EXPRESSION_SUBQUERY:
    case EXPRESSION_SQL_VALUE:
    case EXPRESSION_DEFAULT:
    case EXPRESSION_GROUPING_COLUMN:
        break;
    }
    return location;
}

// format_type with its modifier.
const char *sql_type_text(Binder *binder, SqlType type) {
    Text text;
    text_init(&text, binder->arena);
    if (type_find(type.oid) == NULL && binder->input->functions != NULL) {
        const ObjectNames *names = binder->input->functions->values.object_names;
        if (names != NULL && names->format != NULL
            && names->format(names->catalog, TYPE_REGTYPE, type.oid, &text)) {
            return text.data;
        }
    }
    type_format(type, &text);
    return text.data;
}

const char *type_name_text(Binder *binder, Oid type) {
    return sql_type_text(binder, sql_type(type));
}

const char *name_list_text(Binder *binder, const Node *names) {
    Text text;
    text_init(&text, binder->arena);
    for (uint32_t i = 0; i < node_count(names); i++) {
        const Node *name = node_item(names, i);
        if (i > 0) text_append_char(&text, '.');
        text_append_text(&text, node_kind(name) == NODE_TEXT ? name->text : "*");
    }
    return text.count == 0 ? "" : text.data;
}

const char *last_name(const Node *names) {
    uint32_t count = node_count(names);
    const Node *name = count == 0 ? NULL : node_item(names, count - 1);
    return node_kind(name) == NODE_TEXT ? name->text : "";
}

void add_notice(Binder *binder, Status code, const char *format, ...) {
    BoundStatement *bound = binder->bound;
    CatalogNotice *grown = arena_new_array(binder->arena, CatalogNotice, bound->notice_count + 1);
    if (bound->notice_count > 0) {
        memcpy(grown, bound->notices, bound->notice_count * sizeof *grown);
    }
    va_list arguments;
    va_start(arguments, format);
    grown[bound->notice_count].message = arena_format_list(binder->arena, format, arguments);
    va_end(arguments);
    grown[bound->notice_count].code = code;
    bound->notices = grown;
    bound->notice_count++;
}

Expression *make_boolean(Arena *arena, ExpressionKind kind, Expression **arguments,
    uint32_t argument_count, int32_t location) {
    Expression *made = expression_make(arena, kind, sql_type(TYPE_BOOL), location);
    made->arguments = arguments;
    made->argument_count = argument_count;
    return made;
}

static Expression **one_argument(Arena *arena, Expression *argument) {
    Expression **arguments = arena_new_array(arena, Expression *, 1);
    arguments[0] = argument;
    return arguments;
}

Expression *make_not(Arena *arena, Expression *argument, int32_t location) {
    return make_boolean(arena, EXPRESSION_NOT, one_argument(arena, argument), 1, location);
}

Expression *make_text_constant(Arena *arena, const char *text, Oid type, int32_t location) {
    Expression *made = expression_make(arena, EXPRESSION_CONSTANT, sql_type(type), location);
    made->constant.datum.view = view_from_text(text);
    return made;
}

Expression *make_int4_constant(Arena *arena, int32_t value, int32_t location) {
    Expression *made = expression_make(arena, EXPRESSION_CONSTANT, sql_type(TYPE_INT4), location);
    made->constant.datum.int4 = value;
    return made;
}

Expression *make_null(Arena *arena, SqlType type, int32_t location) {
    Expression *made = expression_make(arena, EXPRESSION_CONSTANT, type, location);
    made->constant = value_null();
    return made;
}

Expression *make_column(Arena *arena, uint32_t relation, uint32_t levels_up, int16_t number,
    SqlType type, int32_t location) {
    Expression *made = expression_make(arena, EXPRESSION_COLUMN, type, location);
    made->column.relation = relation;
    made->column.levels_up = levels_up;
    made->column.number = number;
    return made;
}

Expression *make_call(Arena *arena, Oid function, Oid operator, SqlType type,
    Expression **arguments, uint32_t argument_count, int32_t location) {
    Expression *made = expression_make(arena, EXPRESSION_CALL, type, location);
    made->function = function;
    made->operator= operator;
    made->arguments = arguments;
    made->argument_count = argument_count;
    return made;
}

bool is_empty_node(const Node *node) {
    return node == NULL || (node->kind == NODE_OTHER && node->count == 0);
}
