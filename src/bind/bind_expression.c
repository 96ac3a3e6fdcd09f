// Expressions: from syntax to bound trees.
#include "bind/define.h"

#include <stdlib.h>

static Status bind_array(Scope *scope, const Node *node, SqlType array_type, Expression **out);

static Status bind_node(Scope *scope, const Node *node, Expression **out);

Status bind_inner(Scope *scope, const Node *node, Expression **out) {
    TRY(binder_enter(scope->binder, 1));
    Status status = bind_node(scope, node, out);
    binder_leave(scope->binder, 1);
    return status;
}

Status bind_expression(Scope *scope, const Node *node, Place place, Expression **out) {
    Place outer = scope->place;
    scope->place = place;
    Status status = bind_inner(scope, node, out);
    scope->place = outer;
    return status;
}

Status bind_expressions(
    Scope *scope, const Node *list, Place place, Expression ***out, uint32_t *count_out) {
    uint32_t count = node_count(list);
    Expression **expressions = arena_new_array(scope->binder->arena, Expression *, count);
    for (uint32_t i = 0; i < count; i++) {
        TRY(bind_expression(scope, node_item(list, i), place, &expressions[i]));
    }
    *out = expressions;
    *count_out = count;
    return OK;
}

Status bind_condition(
    Scope *scope, const Node *node, Place place, const char *construct, Expression **out) {
    *out = NULL;
    if (node == NULL) return OK;
    Expression *condition;
    TRY(bind_expression(scope, node, place, &condition));
    TRY(coerce_to_boolean(scope->binder, &condition, construct));
    *out = condition;
    return OK;
}

// ---- Constants and parameters -------------------------------------------------------------------

// The parameter that a literal was lifted to, or NULL.
static Expression *find_lifted(Scope *scope, int32_t location) {
    Binder *binder = scope->binder;
    const BindInput *input = binder->input;
    for (uint32_t i = 0; i < input->lifted_count; i++) {
        if (input->lifted[i].location != location) continue;
        binder->lifted_bound[i] = true;
        Expression *made = expression_make(
            binder->arena, EXPRESSION_PARAMETER, sql_type(input->lifted[i].type), location);
        made->parameter = input->lifted[i].parameter;
        return made;
    }
    return NULL;
}

// A literal of the plan cache's. The grammar has drawn a minus sign into a number, where only the
// digits were lifted: that becomes the parameter's negation.
static Status bind_lifted(Scope *scope, const Node *node, int32_t location, Expression **out) {
    const BindInput *input = scope->binder->input;
    *out = NULL;
    if (input->lifted_count == 0 || location < 0) return OK;
    *out = find_lifted(scope, location);
    if (*out != NULL || input->sql[location] != '-') return OK;
    // The smallest integer is one whose digits alone are of a wider type.
    const char *digits = node_get_text(node, FIELD_FVAL);
    if (digits != NULL && strpbrk(digits, ".eE") == NULL) return OK;
    int32_t at = location + 1;
    while (input->sql[at] == ' ') {
        at++;
    }
    Expression *parameter = find_lifted(scope, at);
    if (parameter == NULL) return OK;
    return make_operator_named(scope, "-", NULL, parameter, location, out);
}

// Digits that are no int4: int8 when they fit, numeric otherwise.
static Status bind_number(Scope *scope, const char *digits, int32_t location, Expression **out) {
    Binder *binder = scope->binder;
    Oid type = TYPE_NUMERIC;
    size_t count = strlen(digits);
    if (strspn(digits + (digits[0] == '-'), "0123456789") == count - (digits[0] == '-')
        && count <= 20) {
        Value value;
        Status status = value_from_text(
            value_context_default(), sql_type(TYPE_INT8), digits, count, binder->arena, &value);
        if (status == OK) {
            int64_t number = value.datum.int8;
            type = number >= INT32_MIN && number <= INT32_MAX ? TYPE_INT4 : TYPE_INT8;
        } else {
            error_clear();
        }
    }
    Expression *made =
        expression_make(binder->arena, EXPRESSION_CONSTANT, sql_type(type), location);
    Status status = value_from_text(
        value_context_default(), sql_type(type), digits, count, binder->arena, &made->constant);
    if (status != OK) return binder_place(binder, location, status);
    made->constant = value_copy(made->constant, type_physical(type), binder->arena);
    *out = made;
    return OK;
}

static Status bind_constant(Scope *scope, const Node *node, Expression **out) {
    Arena *arena = scope->binder->arena;
    int32_t location = node_location(node);
    Expression *lifted;
    TRY(bind_lifted(scope, node, location, &lifted));
    if (lifted != NULL) {
        *out = lifted;
        return OK;
    }
    if (node_get_boolean(node, FIELD_ISNULL)) {
        *out = make_null(arena, sql_type(TYPE_UNKNOWN), location);
    } else if (node_has(node, FIELD_IVAL)) {
        *out = make_int4_constant(arena, (int32_t)node_get_integer(node, FIELD_IVAL), location);
    } else if (node_has(node, FIELD_FVAL)) {
        return bind_number(scope, node_get_text(node, FIELD_FVAL), location, out);
    } else if (node_has(node, FIELD_BOOLVAL)) {
        *out = expression_make(arena, EXPRESSION_CONSTANT, sql_type(TYPE_BOOL), location);
        (*out)->constant.datum.boolean = node_get_boolean(node, FIELD_BOOLVAL);
    } else if (node_has(node, FIELD_BSVAL)) {
        return not_supported(scope->binder, "bit strings", location);
    } else {
        const char *text = node_get_text(node, FIELD_SVAL);
        *out = make_text_constant(arena, text == NULL ? "" : text, TYPE_UNKNOWN, location);
    }
    return OK;
}

static Status bind_parameter(Scope *scope, const Node *node, Expression **out) {
    Binder *binder = scope->binder;
    ParameterTypes *types = binder->input->parameters;
    int64_t number = node_get_integer(node, FIELD_NUMBER);
    int32_t location = node_location(node);
    if (number <= 0 || number > 65535 || types == NULL
        || (types->is_fixed && number > types->count)) {
        return fail_at(binder, location, UNDEFINED_PARAMETER, "there is no parameter $%lld",
            (long long)number);
    }
    uint32_t index = (uint32_t)number - 1;
    if (index >= types->count) {
        if (number > types->capacity) {
            uint32_t capacity = (uint32_t)number * 2;
            Arena *arena = types->arena != NULL ? types->arena : binder->arena;
            Oid *grown = arena_new_array(arena, Oid, capacity);
            if (types->count > 0) memcpy(grown, types->types, types->count * sizeof *grown);
            types->types = grown;
            types->capacity = capacity;
        }
        for (uint32_t i = types->count; i <= index; i++) {
            types->types[i] = 0;
        }
        types->count = index + 1;
    }
    Oid type = types->types[index];
    if (type == 0) type = TYPE_UNKNOWN;
    *out = expression_make(binder->arena, EXPRESSION_PARAMETER, sql_type(type), location);
    (*out)->parameter = index;
    return OK;
}

// ---- Casts --------------------------------------------------------------------------------------

static Status cast_failure(Binder *binder, Oid source, Oid target, int32_t location) {
    return fail_at(binder, location, CANNOT_COERCE, "cannot cast type %s to %s",
        type_name_text(binder, source), type_name_text(binder, target));
}

static Status bind_cast(Scope *scope, const Node *node, Expression **out) {
    Binder *binder = scope->binder;
    const Node *argument = node_get(node, FIELD_ARG);
    const Node *type_name = node_get(node, FIELD_TYPE_NAME);
    SqlType target;
    TRY(bind_type_name(binder, type_name, &target));
    Expression *value;
    if (node_kind(argument) == NODE_A_ARRAY_EXPR && type_element(target.oid) != 0) {
        TRY(bind_array(scope, argument, target, &value));
    } else {
        TRY(bind_inner(scope, argument, &value));
    }
    int32_t location = node_location(node);
    if (location < 0) location = node_location(type_name);
    Oid source = value->type.oid;
    TRY(coerce_to_target(binder, value, target, CAST_EXPLICIT, location, out));
    if (*out == NULL) return cast_failure(binder, source, target.oid, location);
    return OK;
}

static Status bind_collate(Scope *scope, const Node *node, Expression **out) {
    Expression *value;
    TRY(bind_inner(scope, node_get(node, FIELD_ARG), &value));
    TRY(check_collation(scope->binder, node, value->type.oid));
    TRY(resolve_unknown(scope->binder, &value));
    *out = value;
    return OK;
}

// ---- Logic --------------------------------------------------------------------------------------

static Status bind_logic(Scope *scope, const Node *node, Expression **out) {
    Binder *binder = scope->binder;
    const char *operation = node_get_text(node, FIELD_BOOLOP);
    ExpressionKind kind = EXPRESSION_NOT;
    const char *name = "NOT";
    if (operation != NULL && strcmp(operation, "AND_EXPR") == 0) {
        kind = EXPRESSION_AND;
        name = "AND";
    } else if (operation != NULL && strcmp(operation, "OR_EXPR") == 0) {
        kind = EXPRESSION_OR;
        name = "OR";
    }
    const Node *list = node_get(node, FIELD_ARGS);
    uint32_t count = node_count(list);
    Expression **arguments = arena_new_array(binder->arena, Expression *, count);
    for (uint32_t i = 0; i < count; i++) {
        TRY(bind_inner(scope, node_item(list, i), &arguments[i]));
        TRY(coerce_to_boolean(binder, &arguments[i], name));
    }
    *out = make_boolean(binder->arena, kind, arguments, count, node_location(node));
    return OK;
}

static Status bind_null_test(Scope *scope, const Node *node, Expression **out) {
    Arena *arena = scope->binder->arena;
    Expression *value;
    TRY(bind_inner(scope, node_get(node, FIELD_ARG), &value));
    // A test says nothing about the type of a parameter.
    if (value->kind == EXPRESSION_CONSTANT) TRY(resolve_unknown(scope->binder, &value));
    const char *test = node_get_text(node, FIELD_NULLTESTTYPE);
    bool is_negated = test != NULL && strcmp(test, "IS_NOT_NULL") == 0;
    int32_t location = node_location(node);
    // A row is NULL when all its fields are, and not NULL when none is.
    uint32_t count = value->kind == EXPRESSION_ROW ? value->argument_count : 1;
    Expression **tests = arena_new_array(arena, Expression *, count);
    for (uint32_t i = 0; i < count; i++) {
        Expression **tested = arena_new_array(arena, Expression *, 1);
        tested[0] = value->kind == EXPRESSION_ROW ? value->arguments[i] : value;
        tests[i] = make_boolean(arena, EXPRESSION_NULL_TEST, tested, 1, location);
        tests[i]->is_negated = is_negated;
    }
    *out = count == 1 ? tests[0] : make_boolean(arena, EXPRESSION_AND, tests, count, location);
    return OK;
}

static Status bind_boolean_test(Scope *scope, const Node *node, Expression **out) {
    static const struct {
        const char *name, *construct;
    } tests[] = {{"IS_TRUE", "IS TRUE"}, {"IS_NOT_TRUE", "IS NOT TRUE"}, {"IS_FALSE", "IS FALSE"},
        {"IS_NOT_FALSE", "IS NOT FALSE"}, {"IS_UNKNOWN", "IS UNKNOWN"},
        {"IS_NOT_UNKNOWN", "IS NOT UNKNOWN"}}; // in the order of BooleanTest

    const char *name = node_get_text(node, FIELD_BOOLTESTTYPE);
    int test = 0;
    while (test < 5 && name != NULL && strcmp(tests[test].name, name) != 0) {
        test++;
    }
    Arena *arena = scope->binder->arena;
    Expression **tested = arena_new_array(arena, Expression *, 1);
    TRY(bind_inner(scope, node_get(node, FIELD_ARG), &tested[0]));
    TRY(coerce_to_boolean(scope->binder, &tested[0], tests[test].construct));
    *out = make_boolean(arena, EXPRESSION_BOOLEAN_TEST, tested, 1, node_location(node));
    (*out)->boolean_test = test;
    return OK;
}

// ---- CASE, COALESCE, GREATEST -------------------------------------------------------------------

// Casts all to their common type.
static Status common_arguments(Scope *scope, Expression **expressions, uint32_t count,
    const char *construct, SqlType *type_out) {
    Oid type;
    TRY(select_common_type(scope->binder, expressions, count, construct, &type));
    for (uint32_t i = 0; i < count; i++) {
        TRY(coerce_to_common(scope->binder, &expressions[i], type, construct));
    }
    *type_out =
        (SqlType){.oid = type, .modifier = select_common_modifier(expressions, count, type)};
    return OK;
}

// expr WHEN value: expr = value, with expr bound once and shared.
static Status bind_when(
    Scope *scope, const Node *node, Expression *tested, Expression **condition_out) {
    const Node *syntax = node_get(node, FIELD_EXPR);
    Expression *condition;
    TRY(bind_inner(scope, syntax, &condition));
    if (tested != NULL) {
        TRY(make_operator_named(
            scope, "=", tested, condition, syntax_location(syntax), &condition));
    }
    TRY(coerce_to_boolean(scope->binder, &condition, "CASE/WHEN"));
    *condition_out = condition;
    return OK;
}

// What is evaluated for some rows only may not make more of them.
static Status check_no_set(Binder *binder, const Expression *made, const char *construct) {
    for (uint32_t i = 0; i < made->argument_count; i++) {
        const Expression *set = expression_find_set(made->arguments[i]);
        if (set == NULL) continue;
        Status status = fail_at(binder, set->location, FEATURE_NOT_SUPPORTED,
            "set-returning functions are not allowed in %s", construct);
        error_add_hint(
            "You might be able to move the set-returning function into a LATERAL FROM item.");
        return status;
    }
    return OK;
}

static Status bind_case(Scope *scope, const Node *node, Expression **out) {
    Binder *binder = scope->binder;
    const Node *list = node_get(node, FIELD_ARGS);
    uint32_t count = node_count(list);
    Expression *tested = NULL;
    if (node_has(node, FIELD_ARG)) {
        TRY(bind_inner(scope, node_get(node, FIELD_ARG), &tested));
        TRY(resolve_unknown(binder, &tested));
    }
    Expression **conditions = arena_new_array(binder->arena, Expression *, count);
    // PostgreSQL looks at the ELSE's type first.
    Expression **results = arena_new_array(binder->arena, Expression *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        TRY(bind_when(scope, node_item(list, i), tested, &conditions[i]));
        TRY(bind_inner(scope, node_get(node_item(list, i), FIELD_RESULT), &results[i + 1]));
    }
    const Node *otherwise = node_get(node, FIELD_DEFRESULT);
    bool has_else = otherwise != NULL;
    if (has_else) {
        TRY(bind_inner(scope, otherwise, &results[0]));
    } else {
        results[0] = make_null(binder->arena, sql_type(TYPE_UNKNOWN), -1);
    }
    Expression *made =
        expression_make(binder->arena, EXPRESSION_CASE, sql_type(0), node_location(node));
    TRY(common_arguments(scope, results, count + 1, "CASE", &made->type));
    if (!has_else) made->type.modifier = select_common_modifier(results + 1, count, made->type.oid);
    made->has_else = has_else;
    made->is_simple_case = tested != NULL;
    made->argument_count = 2 * count + has_else;
    made->arguments = arena_new_array(binder->arena, Expression *, made->argument_count);
    for (uint32_t i = 0; i < count; i++) {
        made->arguments[2 * i] = conditions[i];
        made->arguments[2 * i + 1] = results[i + 1];
    }
    if (has_else) made->arguments[2 * count] = results[0];
    *out = made;
    return check_no_set(binder, made, "CASE");
}

static Status bind_of_common_type(
    Scope *scope, const Node *node, ExpressionKind kind, const char *construct, Expression **out) {
    Expression *made =
        expression_make(scope->binder->arena, kind, sql_type(0), node_location(node));
    const Node *list = node_get(node, FIELD_ARGS);
    TRY(bind_expressions(scope, list, scope->place, &made->arguments, &made->argument_count));
    TRY(common_arguments(scope, made->arguments, made->argument_count, construct, &made->type));
    *out = made;
    return kind == EXPRESSION_COALESCE ? check_no_set(scope->binder, made, construct) : OK;
}

// ---- Arrays and rows ----------------------------------------------------------------------------

// An array of constants as one constant, or NULL.
static Status fold_row(Binder *binder, const Expression *row, Expression **out) {
    *out = NULL;
    const ValueContext *context = binder->input->functions != NULL
                                      ? &binder->input->functions->values
                                      : value_context_default();
    Oid element = type_element(row->type.oid);
    Text text;
    text_init(&text, binder->arena);
    text_append_char(&text, '{');
    for (uint32_t i = 0; i < row->argument_count; i++) {
        Value value;
        bool is_known = true;
        TRY(evaluate_constant(binder, row->arguments[i], &value, &is_known));
        if (!is_known) return OK;
        if (i > 0) text_append_char(&text, ',');
        if (value.is_null) {
            text_append_text(&text, "NULL");
            continue;
        }
        Text item;
        text_init(&item, binder->arena);
        text_reserve(&item, 1);
        TRY(value_to_text(context, element, &value, &item));
        text_append_char(&text, '"');
        for (size_t j = 0; j < item.count; j++) {
            if (item.data[j] == '"' || item.data[j] == '\\') text_append_char(&text, '\\');
            text_append_char(&text, item.data[j]);
        }
        text_append_char(&text, '"');
    }
    text_append_char(&text, '}');
    Expression *made =
        expression_make(binder->arena, EXPRESSION_CONSTANT, row->type, row->location);
    TRY(value_from_text(
        context, sql_type(row->type.oid), text.data, text.count, binder->arena, &made->constant));
    *out = made;
    return OK;
}

// ARRAY[ARRAY[1, 2], ARRAY[3, 4]] of constants, through its text: {{1,2},{3,4}}.
static Status fold_nested(
    Binder *binder, Expression *const *rows, uint32_t count, SqlType type, Expression **out) {
    const ValueContext *context = binder->input->functions != NULL
                                      ? &binder->input->functions->values
                                      : value_context_default();
    Text text;
    text_init(&text, binder->arena);
    for (uint32_t i = 0; i < count; i++) {
        Expression *row = rows[i];
        text_append_char(&text, i == 0 ? '{' : ',');
        if (row->kind == EXPRESSION_ARRAY) TRY(fold_row(binder, row, &row));
        Value value = value_null();
        bool is_known = row != NULL;
        if (row != NULL) {
            TRY(coerce_to_common(binder, &row, type.oid, "ARRAY"));
            TRY(evaluate_constant(binder, row, &value, &is_known));
        }
        if (!is_known || value.is_null) {
            return not_supported(
                binder, "multidimensional arrays of expressions", expression_location(rows[i]));
        }
        TRY(value_to_text(context, type.oid, &value, &text));
    }
    text_append_char(&text, '}');
    Expression *made =
        expression_make(binder->arena, EXPRESSION_CONSTANT, type, expression_location(rows[0]));
    Status status = value_from_text(
        context, sql_type(type.oid), text.data, text.count, binder->arena, &made->constant);
    if (status == INVALID_TEXT_REPRESENTATION) {
        return fail(ARRAY_SUBSCRIPT_ERROR,
            "multidimensional arrays must have array expressions with matching dimensions");
    }
    TRY(status);
    *out = made;
    return OK;
}

static Status bind_array(Scope *scope, const Node *node, SqlType array_type, Expression **out) {
    Binder *binder = scope->binder;
    int32_t location = node_location(node);
    const Node *list = node_get(node, FIELD_ELEMENTS);
    uint32_t count = node_count(list);
    Oid element = array_type.oid == 0 ? 0 : type_element(array_type.oid);
    Expression **elements = arena_new_array(binder->arena, Expression *, count);
    bool is_nested = false;
    for (uint32_t i = 0; i < count; i++) {
        const Node *item = node_item(list, i);
        if (node_kind(item) == NODE_A_ARRAY_EXPR) {
            TRY(bind_array(scope, item, array_type, &elements[i]));
            is_nested = true;
        } else {
            TRY(bind_inner(scope, item, &elements[i]));
            is_nested |= type_category(elements[i]->type.oid) == 'A';
        }
    }
    if (is_nested) {
        SqlType type = array_type;
        if (type.oid == 0) TRY(select_common_type(binder, elements, count, "ARRAY", &type.oid));
        return fold_nested(binder, elements, count, type, out);
    }
    if (array_type.oid == 0) {
        if (count == 0) {
            Status status = fail_at(
                binder, location, INDETERMINATE_DATATYPE, "cannot determine type of empty array");
            error_add_hint("Explicitly cast to the desired type, for example ARRAY[]::integer[].");
            return status;
        }
        TRY(select_common_type(binder, elements, count, "ARRAY", &element));
        array_type = sql_type(type_array(element));
        if (array_type.oid == 0) {
            return fail_at(binder, location, UNDEFINED_OBJECT,
                "could not find array type for data type %s", type_name_text(binder, element));
        }
        for (uint32_t i = 0; i < count; i++) {
            TRY(coerce_to_common(binder, &elements[i], element, "ARRAY"));
        }
    } else {
        SqlType target = {.oid = element, .modifier = array_type.modifier};
        for (uint32_t i = 0; i < count; i++) {
            Expression *given = elements[i];
            TRY(coerce_to_target(binder, given, target, CAST_EXPLICIT, -1, &elements[i]));
            if (elements[i] == NULL) {
                return cast_failure(binder, given->type.oid, element, expression_location(given));
            }
        }
    }
    Expression *made = expression_make(binder->arena, EXPRESSION_ARRAY, array_type, location);
    made->arguments = elements;
    made->argument_count = count;
    *out = made;
    return OK;
}

static Status bind_subscript(
    Scope *scope, Expression *container, const Node *indices, Expression **out) {
    Binder *binder = scope->binder;
    int32_t location = expression_location(container);
    Oid element = type_element(container->type.oid);
    if (element == 0) {
        return fail_at(binder, location, DATATYPE_MISMATCH,
            "cannot subscript type %s because it does not support subscripting",
            type_name_text(binder, container->type.oid));
    }
    if (node_get_boolean(indices, FIELD_IS_SLICE)) {
        return not_supported(binder, "array slices", location);
    }
    Expression *index;
    TRY(bind_inner(scope, node_get(indices, FIELD_UIDX), &index));
    Expression *given = index;
    TRY(coerce_to_target(binder, given, sql_type(TYPE_INT4), CAST_ASSIGNMENT, -1, &index));
    if (index == NULL) {
        return fail_at(binder, expression_location(given), DATATYPE_MISMATCH,
            "array subscript must have type integer");
    }
    SqlType type = {.oid = element, .modifier = container->type.modifier};
    Expression *made = expression_make(binder->arena, EXPRESSION_ELEMENT, type, location);
    made->arguments = arena_new_array(binder->arena, Expression *, 2);
    made->arguments[0] = container;
    made->arguments[1] = index;
    made->argument_count = 2;
    *out = made;
    return OK;
}

// What is known of a record's field: its number and type.
typedef struct FieldShape {
    uint32_t index;
    SqlType type;
} FieldShape;

static bool find_row_field(const Expression *row, const char *name, FieldShape *shape_out) {
    if (name[0] != 'f' || name[1] < '1' || name[1] > '9') return false;
    char *end;
    unsigned long number = strtoul(name + 1, &end, 10);
    if (*end != 0 || number > row->argument_count) return false;
    shape_out->index = (uint32_t)number - 1;
    shape_out->type = row->arguments[number - 1]->type;
    if (shape_out->type.oid == TYPE_UNKNOWN) shape_out->type = sql_type(TYPE_TEXT);
    return true;
}

// Through the subqueries that a column comes from, to what makes the record.
static bool find_field(
    Scope *scope, const Query *query, const Expression *value, const char *name, FieldShape *out) {
    if (value->kind == EXPRESSION_ROW) return find_row_field(value, name, out);
    if (value->kind == EXPRESSION_CALL) {
        RelationColumn *columns;
        uint32_t count = function_out_columns(scope->binder, value, &columns);
        for (uint32_t i = 0; i < count; i++) {
            if (strcmp(columns[i].name, name) != 0) continue;
            *out = (FieldShape){.index = i, .type = columns[i].type};
            return true;
        }
        return false;
    }
    if (value->kind != EXPRESSION_COLUMN || query == NULL) return false;
    for (uint32_t i = 0; i < value->column.levels_up; i++) {
        scope = scope->parent;
        if (scope == NULL) return false;
        query = scope->query;
    }
    const Relation *relation = &query->relations[value->column.relation];
    uint32_t number = (uint32_t)value->column.number;
    if (relation->source != RELATION_OF_SUBQUERY || relation->query == NULL
        || relation->query->set != NULL || number > relation->query->target_count) {
        return false;
    }
    const Expression *inner = relation->query->targets[number - 1].expression;
    bool is_here = inner->kind != EXPRESSION_COLUMN || inner->column.levels_up == 0;
    return is_here && find_field(scope, relation->query, inner, name, out);
}

static Status bind_record_field(
    Scope *scope, Expression *record, const char *name, Expression **out) {
    Binder *binder = scope->binder;
    FieldShape shape;
    if (!find_field(scope, scope->query, record, name, &shape)) {
        return fail_at(binder, expression_location(record), UNDEFINED_COLUMN,
            "could not identify column \"%s\" in record data type", name);
    }
    Expression *field =
        expression_make(binder->arena, EXPRESSION_FIELD, shape.type, record->location);
    field->arguments = arena_new_array(binder->arena, Expression *, 1);
    field->arguments[0] = record;
    field->argument_count = 1;
    field->slot = shape.index;
    *out = field;
    return OK;
}

static Status bind_indirection(Scope *scope, const Node *node, Expression **out) {
    const Node *list = node_get(node, FIELD_INDIRECTION);
    Expression *value = NULL;
    uint32_t first = 0;
    if (node_kind(node_item(list, 0)) == NODE_TEXT) {
        first = 1;
        TRY(bind_field(scope, node_get(node, FIELD_ARG), node_item(list, 0)->text, &value));
    }
    if (value == NULL) {
        first = 0;
        TRY(bind_inner(scope, node_get(node, FIELD_ARG), &value));
    }
    for (uint32_t i = first; i < node_count(list); i++) {
        const Node *step = node_item(list, i);
        if (node_kind(step) == NODE_TEXT && !type_is_composite(value->type.oid)
            && value->type.oid != TYPE_RECORD) {
            return fail_at(scope->binder, expression_location(value), WRONG_OBJECT_TYPE,
                "column notation .%s applied to type %s, which is not a composite type", step->text,
                type_name_text(scope->binder, value->type.oid));
        }
        if (node_kind(step) == NODE_TEXT && value->type.oid == TYPE_RECORD) {
            TRY(bind_record_field(scope, value, step->text, &value));
            continue;
        }
        if (node_kind(step) != NODE_A_INDICES) {
            return not_supported(
                scope->binder, "selection of a field of a row", expression_location(value));
        }
        if (i > first) {
            return not_supported(
                scope->binder, "multidimensional arrays", expression_location(value));
        }
        TRY(bind_subscript(scope, value, step, &value));
    }
    *out = value;
    return OK;
}

static Status bind_row(Scope *scope, const Node *node, Expression **out) {
    Expression *row = expression_make(
        scope->binder->arena, EXPRESSION_ROW, sql_type(TYPE_RECORD), node_location(node));
    TRY(bind_expressions(
        scope, node_get(node, FIELD_ARGS), scope->place, &row->arguments, &row->argument_count));
    // Literals in it stay unknown: what the row is compared with decides.
    if (row->argument_count > 1664) {
        return fail_at(scope->binder, row->location, TOO_MANY_COLUMNS,
            "ROW expressions can have at most 1664 entries");
    }
    *out = row;
    return OK;
}

// ---- CURRENT_TIMESTAMP and its kind -------------------------------------------------------------

static Status bind_sql_value(Scope *scope, const Node *node, Expression **out) {
    static const struct {
        const char *name;
        SqlValueKind kind;
        Oid type;
        bool has_precision;
    } known[] = {
        {"SVFOP_CURRENT_DATE", SQL_VALUE_CURRENT_DATE, TYPE_DATE, false},
        {"SVFOP_CURRENT_TIME", SQL_VALUE_CURRENT_TIME, TYPE_TIMETZ, false},
        {"SVFOP_CURRENT_TIME_N", SQL_VALUE_CURRENT_TIME, TYPE_TIMETZ, true},
        {"SVFOP_CURRENT_TIMESTAMP", SQL_VALUE_CURRENT_TIMESTAMP, TYPE_TIMESTAMPTZ, false},
        {"SVFOP_CURRENT_TIMESTAMP_N", SQL_VALUE_CURRENT_TIMESTAMP, TYPE_TIMESTAMPTZ, true},
        {"SVFOP_LOCALTIME", SQL_VALUE_LOCALTIME, TYPE_TIME, false},
        {"SVFOP_LOCALTIME_N", SQL_VALUE_LOCALTIME, TYPE_TIME, true},
        {"SVFOP_LOCALTIMESTAMP", SQL_VALUE_LOCALTIMESTAMP, TYPE_TIMESTAMP, false},
        {"SVFOP_LOCALTIMESTAMP_N", SQL_VALUE_LOCALTIMESTAMP, TYPE_TIMESTAMP, true},
        {"SVFOP_CURRENT_ROLE", SQL_VALUE_CURRENT_USER, TYPE_NAME, false},
        {"SVFOP_CURRENT_USER", SQL_VALUE_CURRENT_USER, TYPE_NAME, false},
        {"SVFOP_USER", SQL_VALUE_CURRENT_USER, TYPE_NAME, false},
        {"SVFOP_SESSION_USER", SQL_VALUE_SESSION_USER, TYPE_NAME, false},
        {"SVFOP_CURRENT_CATALOG", SQL_VALUE_CURRENT_CATALOG, TYPE_NAME, false},
        {"SVFOP_CURRENT_SCHEMA", SQL_VALUE_CURRENT_SCHEMA, TYPE_NAME, false},
    };

    const char *name = node_get_text(node, FIELD_OP);
    if (name == NULL) name = "SVFOP_CURRENT_DATE";
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].name, name) != 0) continue;
        SqlType type = sql_type(known[i].type);
        if (known[i].has_precision) {
            int64_t precision = node_get_integer(node, FIELD_TYPMOD);
            if (precision > 6) precision = 6; // PostgreSQL warns and reduces
            type.modifier = (int32_t)precision;
        }
        *out =
            expression_make(scope->binder->arena, EXPRESSION_SQL_VALUE, type, node_location(node));
        (*out)->sql_value.kind = known[i].kind;
        return OK;
    }
    return not_supported(scope->binder, name, node_location(node));
}

static Status bind_node(Scope *scope, const Node *node, Expression **out) {
    Binder *binder = scope->binder;
    switch ((int)node_kind(node)) {
    case NODE_A_CONST:
        return bind_constant(scope, node, out);
    case NODE_PARAM_REF:
        return bind_parameter(scope, node, out);
    case NODE_COLUMN_REF:
        return bind_column_reference(scope, node, out);
    case NODE_A_EXPR:
        return bind_operator_node(scope, node, out);
    case NODE_FUNC_CALL:
        return bind_call(scope, node, out);
    case NODE_TYPE_CAST:
        return bind_cast(scope, node, out);
    case NODE_COLLATE_CLAUSE:
        return bind_collate(scope, node, out);
    case NODE_BOOL_EXPR:
        return bind_logic(scope, node, out);
    case NODE_NULL_TEST:
        return bind_null_test(scope, node, out);
    case NODE_BOOLEAN_TEST:
        return bind_boolean_test(scope, node, out);
    case NODE_CASE_EXPR:
        return bind_case(scope, node, out);
    case NODE_COALESCE_EXPR:
        return bind_of_common_type(scope, node, EXPRESSION_COALESCE, "COALESCE", out);
    case NODE_MIN_MAX_EXPR: {
        const char *operation = node_get_text(node, FIELD_OP);
        bool is_least = operation != NULL && strcmp(operation, "IS_LEAST") == 0;
        return bind_of_common_type(scope, node, is_least ? EXPRESSION_LEAST : EXPRESSION_GREATEST,
            is_least ? "LEAST" : "GREATEST", out);
    }
    case NODE_A_ARRAY_EXPR:
        return bind_array(scope, node, sql_type(0), out);
    case NODE_A_INDIRECTION:
        return bind_indirection(scope, node, out);
    case NODE_ROW_EXPR:
        return bind_row(scope, node, out);
    case NODE_SUB_LINK:
        return bind_subquery_expression(scope, node, out);
    case NODE_SQL_VALUE_FUNCTION:
        return bind_sql_value(scope, node, out);
    case NODE_SET_TO_DEFAULT:
        return fail_at(
            binder, node_location(node), SYNTAX_ERROR, "DEFAULT is not allowed in this context");
    case NODE_CURRENT_OF_EXPR:
        return not_supported(binder, "WHERE CURRENT OF", -1);
    case NODE_GROUPING_FUNC:
        return not_supported(binder, "GROUPING", node_location(node));
    case NODE_XML_EXPR:
    case NODE_XML_SERIALIZE:
        return not_supported(binder, "XML", node_location(node));
    case NODE_NAMED_ARG_EXPR:
        return fail_at(
            binder, node_location(node), SYNTAX_ERROR, "named arguments are not allowed here");
    default:
        return not_supported(binder, node == NULL ? "this expression" : node->name, -1);
    }
}
