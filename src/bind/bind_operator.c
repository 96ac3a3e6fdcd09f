// Operators, and what the grammar writes as one: IN, BETWEEN, IS DISTINCT FROM, ANY, NULLIF.
#include "bind/bind_internal.h"

static Node *name_node(Binder *binder, const char *name) {
    Node *text = arena_new(binder->arena, Node);
    text->kind = NODE_TEXT;
    text->text = name;
    Node *list = arena_new(binder->arena, Node);
    list->kind = NODE_LIST;
    list->count = 1;
    list->items = arena_new_array(binder->arena, Node *, 1);
    list->items[0] = text;
    return list;
}

Status make_operator_named(Scope *scope, const char *name, Expression *left, Expression *right,
    int32_t location, Expression **out) {
    return make_operator(scope, name_node(scope->binder, name), left, right, location, out);
}

// Operators of pg_catalog alone exist, named with or without it.
static Choice choose_by_names(
    const Node *names, Oid left, Oid right, const OperatorInfo **operator_out) {
    uint32_t count = node_count(names);
    if (count > 1 && strcmp(node_item(names, count - 2)->text, "pg_catalog") != 0) {
        return CHOICE_NONE;
    }
    return choose_operator(last_name(names), left, right, operator_out);
}

static Status operator_failure(
    Scope *scope, const Node *names, Oid left, Oid right, Choice choice, int32_t location) {
    Binder *binder = scope->binder;
    Oid schema;
    uint32_t name_count = node_count(names);
    if (name_count > 1
        && !catalog_find_schema(binder->catalog, node_item(names, name_count - 2)->text, &schema)) {
        return fail_at(binder, location, INVALID_SCHEMA_NAME, "schema \"%s\" does not exist",
            node_item(names, name_count - 2)->text);
    }
    const char *name = name_list_text(binder, names);
    const char *right_text = type_name_text(binder, right);
    const char *signature = left == 0 ? arena_format(binder->arena, "%s %s", name, right_text)
                                      : arena_format(binder->arena, "%s %s %s",
                                          type_name_text(binder, left), name, right_text);
    if (choice == CHOICE_AMBIGUOUS) {
        Status status =
            fail_at(binder, location, AMBIGUOUS_FUNCTION, "operator is not unique: %s", signature);
        error_add_hint("Could not choose a best candidate operator. You might need to add explicit "
                       "type casts.");
        return status;
    }
    Status status =
        fail_at(binder, location, UNDEFINED_FUNCTION, "operator does not exist: %s", signature);
    error_add_hint(left == 0 ? "No operator matches the given name and argument type. You might "
                               "need to add an explicit type cast."
                             : "No operator matches the given name and argument types. You might "
                               "need to add explicit type casts.");
    return status;
}

// Casts the operands to what the operator takes; gives its result's type.
static Status take_operands(Scope *scope, const OperatorInfo *operator, Expression ** operands,
    uint32_t count, int32_t location, Oid *result_out) {
    Oid actual[2], declared[2];
    for (uint32_t i = 0; i < count; i++) {
        actual[i] = operands[i]->type.oid;
        declared[i] = i + 1 == count ? operator->right : operator->left;
    }
    TRY(resolve_polymorphic(
        scope->binder, actual, declared, count, operator->result, location, result_out));
    for (uint32_t i = 0; i < count; i++) {
        TRY(coerce(
            scope->binder, operands[i], sql_type(declared[i]), CAST_IMPLICIT, -1, &operands[i]));
    }
    return OK;
}

Status make_operator(Scope *scope, const Node *name, Expression *left, Expression *right,
    int32_t location, Expression **out) {
    Binder *binder = scope->binder;
    Oid left_type = left == NULL ? 0 : left->type.oid;
    const OperatorInfo *operator;
    Choice choice = choose_by_names(name, left_type, right->type.oid, &operator);
    if (choice != CHOICE_ONE) {
        return operator_failure(scope, name, left_type, right->type.oid, choice, location);
    }
    uint32_t count = left == NULL ? 1 : 2;
    Expression **operands = arena_new_array(binder->arena, Expression *, count);
    operands[0] = left == NULL ? right : left;
    if (left != NULL) operands[1] = right;
    Oid result;
    TRY(take_operands(scope, operator, operands, count, location, &result));
    *out = make_call(binder->arena, operator->function, operator->oid, sql_type(result), operands,
        count, location);
    return OK;
}

// value OP ANY (array).
static Status make_array_comparison(Scope *scope, const Node *name, bool is_all, Expression *value,
    Expression *array, int32_t location, Expression **out) {
    Binder *binder = scope->binder;
    Oid array_type = array->type.oid;
    Oid element = TYPE_UNKNOWN;
    if (array_type != TYPE_UNKNOWN) {
        element = type_element(array_type);
        if (element == 0 || type_category(array_type) != 'A') {
            return fail_at(binder, location, WRONG_OBJECT_TYPE,
                "op ANY/ALL (array) requires array on right side");
        }
    }
    const OperatorInfo *operator;
    Choice choice = choose_by_names(name, value->type.oid, element, &operator);
    if (choice != CHOICE_ONE) {
        return operator_failure(scope, name, value->type.oid, element, choice, location);
    }
    Oid actual[2] = {value->type.oid, element};
    Oid declared[2] = {operator->left, operator->right };
    Oid result;
    TRY(resolve_polymorphic(binder, actual, declared, 2, operator->result, location, &result));
    if (result != TYPE_BOOL) {
        return fail_at(binder, location, WRONG_OBJECT_TYPE,
            "op ANY/ALL (array) requires operator to yield boolean");
    }
    Oid wanted = type_array(declared[1]);
    if (wanted == 0) {
        return fail_at(binder, location, UNDEFINED_OBJECT,
            "could not find array type for data type %s", type_name_text(binder, declared[1]));
    }
    Expression **arguments = arena_new_array(binder->arena, Expression *, 2);
    TRY(coerce(binder, value, sql_type(declared[0]), CAST_IMPLICIT, -1, &arguments[0]));
    if (array->kind == EXPRESSION_ARRAY && array_type != wanted) {
        // Cast the elements one by one: cheaper and simpler than the array as a whole.
        for (uint32_t i = 0; i < array->argument_count; i++) {
            TRY(coerce(binder, array->arguments[i], sql_type(declared[1]), CAST_IMPLICIT, -1,
                &array->arguments[i]));
        }
        array->type = sql_type(wanted);
    }
    TRY(coerce(binder, array, sql_type(wanted), CAST_IMPLICIT, -1, &arguments[1]));
    *out = make_boolean(binder->arena, EXPRESSION_ARRAY_COMPARISON, arguments, 2, location);
    (*out)->function = operator->function;
    (*out)->operator= operator->oid;
    (*out)->is_all = is_all;
    return OK;
}

// ---- Rows ---------------------------------------------------------------------------------------

static bool find_row_comparison(const char *name, RowComparison *comparison_out) {
    static const char *const names[] = {"<", "<=", "=", ">=", ">", "<>"}; // as RowComparison
    for (int i = 0; i < 6; i++) {
        if (strcmp(names[i], name) == 0) {
            *comparison_out = (RowComparison)i;
            return true;
        }
    }
    return false;
}

// (a, b) = (c, d) is a = c AND b = d; <> is OR. The orders become one expression.
Status bind_row_comparison(Scope *scope, const Node *operator_name, Expression **left,
    uint32_t left_count, Expression **right, uint32_t right_count, int32_t location,
    Expression **out) {
    Binder *binder = scope->binder;
    if (left_count != right_count) {
        return fail_at(
            binder, location, SYNTAX_ERROR, "unequal number of entries in row expressions");
    }
    if (left_count == 0) {
        return fail_at(
            binder, location, FEATURE_NOT_SUPPORTED, "cannot compare rows of zero length");
    }
    const char *name = last_name(operator_name);
    RowComparison comparison;
    if (!find_row_comparison(name, &comparison)) {
        Status status = fail_at(binder, location, FEATURE_NOT_SUPPORTED,
            "could not determine interpretation of row comparison operator %s", name);
        error_add_hint("Row comparison operators must be associated with btree operator families.");
        return status;
    }
    uint32_t count = left_count;
    Expression **tests = arena_new_array(binder->arena, Expression *, count);
    bool is_order = comparison != ROW_EQ && comparison != ROW_NE;
    Oid *functions = arena_new_array(binder->arena, Oid, 2 * count);
    Expression **sides = arena_new_array(binder->arena, Expression *, 2 * count);
    for (uint32_t i = 0; i < count; i++) {
        TRY(make_operator(scope, operator_name, left[i], right[i], location, &tests[i]));
        if (tests[i]->type.oid != TYPE_BOOL) {
            return fail_at(binder, location, DATATYPE_MISMATCH,
                "row comparison operator must yield type boolean, not type %s",
                type_name_text(binder, tests[i]->type.oid));
        }
        if (!is_order || count == 1) continue;
        // The strict order of the operator, then equality, over what it takes.
        const OperatorInfo *operator= operator_find(tests[i]->operator);
        bool is_less = comparison == ROW_LT || comparison == ROW_LE;
        const OperatorInfo *strict, *equal;
        if (choose_operator(is_less ? "<" : ">", operator->left, operator->right, &strict)
                != CHOICE_ONE
            || choose_operator("=", operator->left, operator->right, &equal) != CHOICE_ONE) {
            return fail_at(binder, location, FEATURE_NOT_SUPPORTED,
                "could not determine interpretation of row comparison operator %s", name);
        }
        functions[2 * i] = strict->function;
        functions[2 * i + 1] = equal->function;
        sides[i] = tests[i]->arguments[0];
        sides[count + i] = tests[i]->arguments[1];
    }
    if (count == 1) {
        *out = tests[0];
        return OK;
    }
    if (!is_order) {
        *out = make_boolean(binder->arena, comparison == ROW_EQ ? EXPRESSION_AND : EXPRESSION_OR,
            tests, count, location);
        return OK;
    }
    Expression *made =
        make_boolean(binder->arena, EXPRESSION_ROW_COMPARISON, sides, 2 * count, location);
    made->row.comparison = comparison;
    made->row.functions = functions;
    *out = made;
    return OK;
}

static Status distinct_one(Scope *scope, const Node *name, Expression *left, Expression *right,
    int32_t location, Expression **out) {
    Expression *equal;
    TRY(make_operator(scope, name, left, right, location, &equal));
    if (equal->type.oid != TYPE_BOOL) {
        return fail_at(scope->binder, location, DATATYPE_MISMATCH,
            "IS DISTINCT FROM requires = operator to yield boolean");
    }
    equal->kind = EXPRESSION_DISTINCT;
    *out = equal;
    return OK;
}

// ---- The kinds of A_Expr ------------------------------------------------------------------------

static Status bind_distinct(Scope *scope, const Node *node, bool is_negated, Expression **out) {
    Arena *arena = scope->binder->arena;
    const Node *name = node_get(node, FIELD_NAME);
    int32_t location = node_location(node);
    Expression *left, *right;
    TRY(bind_inner(scope, node_get(node, FIELD_LEXPR), &left));
    TRY(bind_inner(scope, node_get(node, FIELD_REXPR), &right));
    if (left->kind == EXPRESSION_ROW && right->kind == EXPRESSION_ROW) {
        if (left->argument_count != right->argument_count) {
            return fail_at(scope->binder, location, SYNTAX_ERROR,
                "unequal number of entries in row expressions");
        }
        uint32_t count = left->argument_count;
        Expression **tests = arena_new_array(arena, Expression *, count);
        for (uint32_t i = 0; i < count; i++) {
            TRY(distinct_one(
                scope, name, left->arguments[i], right->arguments[i], location, &tests[i]));
        }
        *out = make_boolean(arena, EXPRESSION_OR, tests, count, location);
        if (is_negated) *out = make_not(arena, *out, location);
        return OK;
    }
    // IS [NOT] DISTINCT FROM NULL is a null test.
    bool left_is_null = left->kind == EXPRESSION_CONSTANT && left->constant.is_null;
    bool right_is_null = right->kind == EXPRESSION_CONSTANT && right->constant.is_null;
    if (left_is_null || right_is_null) {
        Expression **tested = arena_new_array(arena, Expression *, 1);
        tested[0] = right_is_null ? left : right;
        TRY(resolve_unknown(scope->binder, &tested[0]));
        *out = make_boolean(arena, EXPRESSION_NULL_TEST, tested, 1, location);
        (*out)->is_negated = !is_negated;
        return OK;
    }
    TRY(distinct_one(scope, name, left, right, location, out));
    (*out)->is_negated = is_negated;
    return OK;
}

static Status bind_null_if(Scope *scope, const Node *node, Expression **out) {
    Expression *left, *right;
    TRY(bind_inner(scope, node_get(node, FIELD_LEXPR), &left));
    TRY(bind_inner(scope, node_get(node, FIELD_REXPR), &right));
    int32_t location = node_location(node);
    TRY(make_operator(scope, node_get(node, FIELD_NAME), left, right, location, out));
    if ((*out)->type.oid != TYPE_BOOL) {
        return fail_at(scope->binder, location, DATATYPE_MISMATCH,
            "NULLIF requires = operator to yield boolean");
    }
    (*out)->kind = EXPRESSION_NULL_IF;
    (*out)->type = (*out)->arguments[0]->type;
    return OK;
}

static bool is_plain_value(const Expression *expression) {
    if (expression->kind == EXPRESSION_COLUMN || expression->kind == EXPRESSION_SUBQUERY) {
        return false;
    }
    for (uint32_t i = 0; i < expression->argument_count; i++) {
        if (!is_plain_value(expression->arguments[i])) return false;
    }
    return true;
}

// Values without columns become one comparison with an array, when they have a common type; others
// are compared one by one.
static Status bind_in(Scope *scope, const Node *node, Expression **out) {
    Binder *binder = scope->binder;
    const Node *name = node_get(node, FIELD_NAME);
    bool is_negated = strcmp(last_name(name), "<>") == 0;
    int32_t location = node_location(node);
    const Node *list = node_get(node, FIELD_REXPR);
    uint32_t count = node_count(list);
    Expression *left;
    TRY(bind_inner(scope, node_get(node, FIELD_LEXPR), &left));

    Expression **values = arena_new_array(binder->arena, Expression *, count + 1);
    Expression **rest = arena_new_array(binder->arena, Expression *, count);
    uint32_t value_count = 0;
    uint32_t rest_count = 0;
    values[0] = left; // for the common type
    for (uint32_t i = 0; i < count; i++) {
        Expression *item;
        TRY(bind_inner(scope, node_item(list, i), &item));
        if (is_plain_value(item) && left->kind != EXPRESSION_ROW) {
            values[++value_count] = item;
        } else {
            rest[rest_count++] = item;
        }
    }
    Expression **tests = arena_new_array(binder->arena, Expression *, count + 1);
    uint32_t test_count = 0;
    if (value_count > 1) {
        Oid type;
        TRY(select_common_type(binder, values, value_count + 1, NULL, &type));
        for (uint32_t i = 0; i <= value_count && type != 0; i++) {
            if (!can_coerce(&values[i]->type.oid, &type, 1, CAST_IMPLICIT)) type = 0;
        }
        Oid array_type = type == 0 || type == TYPE_RECORD ? 0 : type_array(type);
        if (array_type != 0) {
            for (uint32_t i = 1; i <= value_count; i++) {
                TRY(coerce(binder, values[i], sql_type(type), CAST_IMPLICIT, -1, &values[i]));
            }
            Expression *array =
                expression_make(binder->arena, EXPRESSION_ARRAY, sql_type(array_type), -1);
            array->arguments = values + 1;
            array->argument_count = value_count;
            TRY(make_array_comparison(
                scope, name, is_negated, left, array, location, &tests[test_count]));
            test_count++;
            value_count = 0;
        }
    }
    for (uint32_t i = 0; i < value_count + rest_count; i++) {
        Expression *item = i < value_count ? values[i + 1] : rest[i - value_count];
        Expression **test = &tests[test_count++];
        if (left->kind == EXPRESSION_ROW && item->kind == EXPRESSION_ROW) {
            TRY(bind_row_comparison(scope, name, left->arguments, left->argument_count,
                item->arguments, item->argument_count, location, test));
        } else {
            TRY(make_operator(scope, name, left, item, location, test));
        }
        TRY(coerce_to_boolean(binder, test, "IN"));
    }
    *out = test_count == 1
               ? tests[0]
               : make_boolean(binder->arena, is_negated ? EXPRESSION_AND : EXPRESSION_OR, tests,
                   test_count, location);
    return OK;
}

static Status compare_nodes(Scope *scope, const char *name, const Node *left, const Node *right,
    int32_t location, Expression **out) {
    Expression *sides[2];
    TRY(bind_inner(scope, left, &sides[0]));
    TRY(bind_inner(scope, right, &sides[1]));
    if (sides[0]->kind == EXPRESSION_ROW && sides[1]->kind == EXPRESSION_ROW) {
        return bind_row_comparison(scope, name_node(scope->binder, name), sides[0]->arguments,
            sides[0]->argument_count, sides[1]->arguments, sides[1]->argument_count, location, out);
    }
    return make_operator_named(scope, name, sides[0], sides[1], location, out);
}

// a >= low AND a <= high, or a < low OR a > high; `a` is bound anew each time, as PostgreSQL does.
static Status between_once(Scope *scope, const Node *value, const Node *low, const Node *high,
    bool is_negated, int32_t location, Expression **out) {
    Expression **tests = arena_new_array(scope->binder->arena, Expression *, 2);
    TRY(compare_nodes(scope, is_negated ? "<" : ">=", value, low, location, &tests[0]));
    TRY(compare_nodes(scope, is_negated ? ">" : "<=", value, high, location, &tests[1]));
    *out = make_boolean(
        scope->binder->arena, is_negated ? EXPRESSION_OR : EXPRESSION_AND, tests, 2, location);
    return OK;
}

static Status bind_between(
    Scope *scope, const Node *node, bool is_negated, bool is_symmetric, Expression **out) {
    const Node *value = node_get(node, FIELD_LEXPR);
    const Node *bounds = node_get(node, FIELD_REXPR);
    const Node *low = node_item(bounds, 0);
    const Node *high = node_item(bounds, 1);
    int32_t location = node_location(node);
    if (!is_symmetric) return between_once(scope, value, low, high, is_negated, location, out);
    Expression **ways = arena_new_array(scope->binder->arena, Expression *, 2);
    TRY(between_once(scope, value, low, high, is_negated, location, &ways[0]));
    TRY(between_once(scope, value, high, low, is_negated, location, &ways[1]));
    *out = make_boolean(
        scope->binder->arena, is_negated ? EXPRESSION_AND : EXPRESSION_OR, ways, 2, location);
    return OK;
}

static bool is_subquery_row(const Node *node) {
    const char *type = node_get_text(node, FIELD_SUB_LINK_TYPE);
    return node_kind(node) == NODE_SUB_LINK && type != NULL && strcmp(type, "EXPR_SUBLINK") == 0;
}

static Status bind_plain(Scope *scope, const Node *node, Expression **out) {
    const Node *left_node = node_get(node, FIELD_LEXPR);
    const Node *right_node = node_get(node, FIELD_REXPR);
    const Node *name = node_get(node, FIELD_NAME);
    int32_t location = node_location(node);
    Expression *left = NULL;
    Expression *right;
    if (node_kind(left_node) == NODE_ROW_EXPR && is_subquery_row(right_node)) {
        TRY(bind_inner(scope, left_node, &left));
        return bind_row_subquery(scope, name, left, right_node, location, out);
    }
    if (left_node != NULL) TRY(bind_inner(scope, left_node, &left));
    TRY(bind_inner(scope, right_node, &right));
    if (left != NULL && left->kind == EXPRESSION_ROW && right->kind == EXPRESSION_ROW) {
        return bind_row_comparison(scope, name, left->arguments, left->argument_count,
            right->arguments, right->argument_count, location, out);
    }
    return make_operator(scope, name, left, right, location, out);
}

static Status bind_any(Scope *scope, const Node *node, bool is_all, Expression **out) {
    Expression *value, *array;
    TRY(bind_inner(scope, node_get(node, FIELD_LEXPR), &value));
    TRY(bind_inner(scope, node_get(node, FIELD_REXPR), &array));
    return make_array_comparison(
        scope, node_get(node, FIELD_NAME), is_all, value, array, node_location(node), out);
}

Status bind_operator_node(Scope *scope, const Node *node, Expression **out) {
    const char *kind = node_get_text(node, FIELD_KIND);
    if (kind == NULL || strcmp(kind, "AEXPR_OP") == 0) return bind_plain(scope, node, out);
    if (strcmp(kind, "AEXPR_IN") == 0) return bind_in(scope, node, out);
    if (strcmp(kind, "AEXPR_OP_ANY") == 0) return bind_any(scope, node, false, out);
    if (strcmp(kind, "AEXPR_OP_ALL") == 0) return bind_any(scope, node, true, out);
    if (strcmp(kind, "AEXPR_DISTINCT") == 0) return bind_distinct(scope, node, false, out);
    if (strcmp(kind, "AEXPR_NOT_DISTINCT") == 0) return bind_distinct(scope, node, true, out);
    if (strcmp(kind, "AEXPR_NULLIF") == 0) return bind_null_if(scope, node, out);
    if (strcmp(kind, "AEXPR_BETWEEN") == 0) return bind_between(scope, node, false, false, out);
    if (strcmp(kind, "AEXPR_NOT_BETWEEN") == 0) return bind_between(scope, node, true, false, out);
    if (strcmp(kind, "AEXPR_BETWEEN_SYM") == 0) return bind_between(scope, node, false, true, out);
    if (strcmp(kind, "AEXPR_NOT_BETWEEN_SYM") == 0) {
        return bind_between(scope, node, true, true, out);
    }
    // LIKE, ILIKE and SIMILAR are their operators.
    return bind_plain(scope, node, out);
}
