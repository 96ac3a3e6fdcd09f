// Function calls and aggregates.
#include "bind/bind_internal.h"

// What an error calls a place where aggregates may not stand; NULL where they may.
static const char *place_without_aggregates(Place place) {
    static const char *const names[PLACE_COUNT] = {
        [PLACE_WHERE] = "WHERE",
        [PLACE_FILTER] = "FILTER",
        [PLACE_JOIN_ON] = "JOIN conditions",
        [PLACE_FROM_FUNCTION] = "functions in FROM",
        [PLACE_GROUP_BY] = "GROUP BY",
        [PLACE_LIMIT] = "LIMIT",
        [PLACE_OFFSET] = "OFFSET",
        [PLACE_RETURNING] = "RETURNING",
        [PLACE_VALUES] = "VALUES",
        [PLACE_INSERT_VALUES] = "VALUES",
        [PLACE_UPDATE] = "UPDATE",
        [PLACE_CHECK] = "check constraints",
        [PLACE_DEFAULT] = "DEFAULT expressions",
        [PLACE_INDEX] = "index expressions",
        [PLACE_EXECUTE] = "EXECUTE parameters",
        [PLACE_COPY_WHERE] = "COPY FROM WHERE conditions",
        [PLACE_WINDOW_RANGE] = "window RANGE",
        [PLACE_WINDOW_ROWS] = "window ROWS",
        [PLACE_WINDOW_GROUPS] = "window GROUPS",
    };
    return names[place];
}

static bool place_is_window(Place place) {
    return place == PLACE_WINDOW || place == PLACE_WINDOW_RANGE || place == PLACE_WINDOW_ROWS
           || place == PLACE_WINDOW_GROUPS;
}

static const char *place_without_windows(Place place) {
    if (place_is_window(place)) return "window definitions";
    return place == PLACE_HAVING ? "HAVING" : place_without_aggregates(place);
}

static const char *place_without_sets(Place place) {
    switch ((int)place) {
    case PLACE_GROUP_BY:
    case PLACE_FROM_FUNCTION:
    case PLACE_INSERT_VALUES:
        return NULL;
    case PLACE_HAVING:
        return "HAVING";
    default:
        return place_without_aggregates(place);
    }
}

// What was written around the arguments.
typedef struct CallSyntax {
    const Node *node, *names, *filter, *order, *over;
    const char *name; // the last of `names`
    int32_t location;
    bool is_star, is_distinct, is_variadic;
    Expression **arguments;
    uint32_t count;
    const char **argument_names; // of the last `name_count`
    uint32_t name_count;
} CallSyntax;

static const char *call_signature(Binder *binder, const CallSyntax *call) {
    Text text;
    text_init(&text, binder->arena);
    text_append_text(&text, name_list_text(binder, call->names));
    text_append_char(&text, '(');
    for (uint32_t i = 0; i < call->count; i++) {
        if (i > 0) text_append_text(&text, ", ");
        if (i >= call->count - call->name_count) {
            text_append_format(
                &text, "%s => ", call->argument_names[i - (call->count - call->name_count)]);
        }
        text_append_text(&text, type_name_text(binder, call->arguments[i]->type.oid));
    }
    text_append_char(&text, ')');
    return text.data;
}

static Status missing_function(Binder *binder, const CallSyntax *call, Choice choice) {
    const char *signature = call_signature(binder, call);
    if (choice == CHOICE_AMBIGUOUS) {
        Status status = fail_at(
            binder, call->location, AMBIGUOUS_FUNCTION, "function %s is not unique", signature);
        error_add_hint("Could not choose a best candidate function. You might need to add explicit "
                       "type casts.");
        return status;
    }
    uint32_t name_count = node_count(call->names);
    Oid schema;
    if (name_count > 1
        && !catalog_find_schema(
            binder->catalog, node_item(call->names, name_count - 2)->text, &schema)) {
        return fail_at(binder, call->location, INVALID_SCHEMA_NAME, "schema \"%s\" does not exist",
            node_item(call->names, name_count - 2)->text);
    }
    Status status = fail_at(
        binder, call->location, UNDEFINED_FUNCTION, "function %s does not exist", signature);
    if (call->order != NULL && node_count(call->order) > 0) {
        error_add_hint(
            "No aggregate function matches the given name and argument types. Perhaps "
            "you misplaced ORDER BY; ORDER BY must appear after all regular arguments of the "
            "aggregate.");
    } else {
        error_add_hint("No function matches the given name and argument types. You might need to "
                       "add explicit type casts.");
    }
    return status;
}

// A call of a type's name with one argument is a cast, when that cast changes no bits, or the
// argument is a literal, or it goes through text.
static bool call_is_cast(Binder *binder, const CallSyntax *call, Oid *target_out) {
    if (call->count != 1 || call->name_count > 0 || call->is_variadic || call->is_star) {
        return false;
    }
    Oid target = find_type_by_names(binder, call->names);
    if (target == 0 || type_is_composite(target)) return false;
    Oid source = call->arguments[0]->type.oid;
    *target_out = target;
    if (source == TYPE_UNKNOWN) return true;
    Oid function;
    switch (cast_path_find(target, source, CAST_EXPLICIT, &function)) {
    case CAST_PATH_RELABEL:
        return true;
    case CAST_PATH_TEXT:
        return !(
            (source == TYPE_RECORD || type_is_composite(source)) && type_category(target) == 'S');
    case CAST_PATH_NONE:
    case CAST_PATH_FUNCTION:
    case CAST_PATH_ARRAY:
        break;
    }
    return false;
}

static Status read_arguments(Scope *scope, CallSyntax *call) {
    Binder *binder = scope->binder;
    const Node *list = node_get(call->node, FIELD_ARGS);
    call->count = node_count(list);
    call->arguments = arena_new_array(binder->arena, Expression *, call->count);
    call->argument_names = arena_new_array(binder->arena, const char *, call->count);
    for (uint32_t i = 0; i < call->count; i++) {
        const Node *argument = node_item(list, i);
        if (node_kind(argument) == NODE_NAMED_ARG_EXPR) {
            call->argument_names[call->name_count++] = node_get_text(argument, FIELD_NAME);
            argument = node_get(argument, FIELD_ARG);
        } else if (call->name_count > 0) {
            return fail_at(binder, syntax_location(argument), SYNTAX_ERROR,
                "positional argument cannot follow named argument");
        }
        TRY(bind_inner(scope, argument, &call->arguments[i]));
    }
    return OK;
}

// ---- Defaults -----------------------------------------------------------------------------------

// The index-th of a list of default expressions as PostgreSQL prints it: constants, some with a
// cast ("NULL::text, true, '{}'::jsonb").
static Expression *default_literal(Binder *binder, const char *defaults, uint32_t index) {
    const char *at = defaults;
    for (uint32_t i = 0; i < index && *at != 0; i++) {
        bool is_quoted = false;
        while (*at != 0 && (is_quoted || *at != ',')) {
            if (*at == '\'') is_quoted = !is_quoted;
            at++;
        }
        at += *at == ',';
        at += strspn(at, " ");
    }
    Arena *arena = binder->arena;
    if (*at == '\'') {
        size_t count = strcspn(at + 1, "'");
        return make_text_constant(arena, arena_copy_text_n(arena, at + 1, count), TYPE_UNKNOWN, -1);
    }
    size_t count = strcspn(at, ",:");
    if (count == 4 && strncasecmp(at, "null", 4) == 0) {
        return make_null(arena, sql_type(TYPE_UNKNOWN), -1);
    }
    return make_text_constant(arena, arena_copy_text_n(arena, at, count), TYPE_UNKNOWN, -1);
}

// Puts named arguments in their places and fills the gaps with defaults.
static void complete_arguments(Binder *binder, CallSyntax *call, FunctionChoice *choice) {
    const FunctionInfo *function = choice->function;
    if (choice->default_count == 0 && choice->positions == NULL) return;
    uint32_t total = function->argument_count;
    Expression **arguments = arena_new_array(binder->arena, Expression *, total);
    for (uint32_t i = 0; i < call->count; i++) {
        arguments[choice->positions == NULL ? i : choice->positions[i]] = call->arguments[i];
    }
    uint32_t first_default = total - function->default_count;
    Oid *declared = arena_new_array(binder->arena, Oid, total);
    for (uint32_t i = 0; i < total; i++) {
        declared[i] = function->arguments[i];
        if (arguments[i] == NULL) {
            arguments[i] = default_literal(binder, function->defaults, i - first_default);
        }
    }
    call->arguments = arguments;
    call->count = choice->count = total;
    choice->declared = declared;
}

// ---- Calls --------------------------------------------------------------------------------------

static Status cast_arguments(
    Scope *scope, CallSyntax *call, FunctionChoice *choice, Oid *result_out) {
    Binder *binder = scope->binder;
    complete_arguments(binder, call, choice);
    Oid *actual = arena_new_array(binder->arena, Oid, call->count);
    for (uint32_t i = 0; i < call->count; i++) {
        actual[i] = call->arguments[i]->type.oid;
    }
    TRY(resolve_polymorphic(binder, actual, choice->declared, call->count, choice->function->result,
        call->location, result_out));
    for (uint32_t i = 0; i < call->count; i++) {
        TRY(coerce(binder, call->arguments[i], sql_type(choice->declared[i]), CAST_IMPLICIT, -1,
            &call->arguments[i]));
    }
    uint32_t from = choice->variadic_from;
    if (from == UINT32_MAX) return OK;
    // The rest becomes one array.
    Oid element = choice->declared[from];
    Expression *array = expression_make(binder->arena, EXPRESSION_ARRAY,
        sql_type(type_array(element)), expression_location(call->arguments[from]));
    array->arguments = call->arguments + from;
    array->argument_count = call->count - from;
    Expression **arguments = arena_new_array(binder->arena, Expression *, from + 1);
    memcpy(arguments, call->arguments, from * sizeof *arguments);
    arguments[from] = array;
    call->arguments = arguments;
    call->count = from + 1;
    return OK;
}

static Status require_plain(Scope *scope, const CallSyntax *call) {
    const char *problem = NULL;
    if (call->is_star) {
        return fail_at(scope->binder, call->location, WRONG_OBJECT_TYPE,
            "%s(*) specified, but %s is not an aggregate function",
            name_list_text(scope->binder, call->names), name_list_text(scope->binder, call->names));
    }
    if (call->is_distinct) problem = "DISTINCT";
    if (problem == NULL && node_count(call->order) > 0) problem = "ORDER BY";
    if (problem == NULL && call->filter != NULL) problem = "FILTER";
    if (problem == NULL) return OK;
    return fail_at(scope->binder, call->location, WRONG_OBJECT_TYPE,
        "%s specified, but %s is not an aggregate function", problem,
        name_list_text(scope->binder, call->names));
}

static Status bind_function(
    Scope *scope, CallSyntax *call, FunctionChoice *choice, Expression **out) {
    Binder *binder = scope->binder;
    TRY(require_plain(scope, call));
    const FunctionInfo *function = choice->function;
    if (function->returns_set) {
        const char *place = place_without_sets(scope->place);
        if (place_is_window(scope->place)) {
            return not_supported(
                binder, "set-returning functions in window definitions", call->location);
        }
        if (place != NULL) {
            return fail_at(binder, call->location, FEATURE_NOT_SUPPORTED,
                "set-returning functions are not allowed in %s", place);
        }
        scope->has_set_functions = true;
    }
    Oid result;
    TRY(cast_arguments(scope, call, choice, &result));
    *out = make_call(binder->arena, function->oid, 0, sql_type(result), call->arguments,
        call->count, call->location);
    (*out)->is_variadic = call->is_variadic;
    const char *format = node_get_text(call->node, FIELD_FUNCFORMAT);
    (*out)->is_sql_syntax = format != NULL && strcmp(format, "COERCE_SQL_SYNTAX") == 0;
    return OK;
}

static const Expression *first_window(const Expression *expression);

static bool is_before_window(void *argument, Expression *part) {
    const Expression **found = argument;
    *found = first_window(part);
    return *found == NULL;
}

static const Expression *first_window(const Expression *expression) {
    if (expression->kind == EXPRESSION_WINDOW) return expression;
    const Expression *found = NULL;
    expression_visit_parts(expression, is_before_window, &found);
    return found;
}

// No argument may hold a window function.
static Status check_no_window(
    Binder *binder, const CallSyntax *call, Status status, const char *message) {
    for (uint32_t i = 0; i < call->count; i++) {
        const Expression *found = first_window(call->arguments[i]);
        if (found != NULL) return fail_at(binder, found->location, status, "%s", message);
    }
    return OK;
}

// ---- Aggregates ---------------------------------------------------------------------------------

static Status check_aggregate_place(Scope *scope, const CallSyntax *call) {
    Binder *binder = scope->binder;
    uint32_t lowest = UINT32_MAX;
    for (uint32_t i = 0; i < call->count; i++) {
        uint32_t level = expression_lowest_level(call->arguments[i]);
        if (level < lowest) lowest = level;
    }
    if (lowest > 0 && lowest != UINT32_MAX) {
        return not_supported(binder, "outer-level aggregates", call->location);
    }
    if (scope->inside_aggregate) {
        return fail_at(
            binder, call->location, GROUPING_ERROR, "aggregate function calls cannot be nested");
    }
    const char *place = place_without_aggregates(scope->place);
    if (place != NULL) {
        return fail_at(binder, call->location, GROUPING_ERROR,
            "aggregate functions are not allowed in %s", place);
    }
    scope->has_aggregates = true;
    return OK;
}

static Status bind_aggregate_order(Scope *scope, const CallSyntax *call, Expression *aggregate) {
    uint32_t count = node_count(call->order);
    aggregate->aggregate.order = arena_new_array(scope->binder->arena, SortKey, count);
    for (uint32_t i = 0; i < count; i++) {
        const Node *sort_by = node_item(call->order, i);
        Expression *key;
        TRY(bind_inner(scope, node_get(sort_by, FIELD_NODE), &key));
        TRY(resolve_unknown(scope->binder, &key));
        TRY(sort_key_make(scope, sort_by, key, &aggregate->aggregate.order[i]));
        bool is_argument = false;
        for (uint32_t j = 0; j < aggregate->argument_count && !is_argument; j++) {
            is_argument = expression_equal(key, aggregate->arguments[j]);
        }
        if (call->is_distinct && !is_argument) {
            return fail_at(scope->binder, expression_location(key), INVALID_COLUMN_REFERENCE,
                "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list");
        }
    }
    aggregate->aggregate.order_count = count;
    return OK;
}

static Status bind_aggregate(
    Scope *scope, CallSyntax *call, FunctionChoice *choice, Expression **out) {
    Binder *binder = scope->binder;
    const FunctionInfo *function = choice->function;
    if (call->count == 0 && !call->is_star && function->argument_count == 0) {
        return fail_at(binder, call->location, WRONG_OBJECT_TYPE,
            "%s(*) must be used to call a parameterless aggregate function",
            name_list_text(binder, call->names));
    }
    Oid result;
    TRY(cast_arguments(scope, call, choice, &result));
    Expression *aggregate =
        expression_make(binder->arena, EXPRESSION_AGGREGATE, sql_type(result), call->location);
    aggregate->function = function->oid;
    aggregate->arguments = call->arguments;
    aggregate->argument_count = call->count;
    aggregate->is_star = call->is_star;
    aggregate->is_distinct = call->is_distinct;
    if (call->is_distinct && call->count == 0) {
        return fail_at(binder, call->location, INVALID_COLUMN_REFERENCE,
            "an aggregate with DISTINCT must have at least one argument");
    }
    for (uint32_t i = 0; i < call->count && call->is_distinct; i++) {
        TRY(resolve_unknown(binder, &call->arguments[i]));
        Oid type = call->arguments[i]->type.oid;
        Oid comparable = type_category(type) == 'A' ? type_element(type) : type;
        if (operator_of_type("=", comparable) == 0) {
            return fail_at(binder, expression_location(call->arguments[i]), UNDEFINED_FUNCTION,
                "could not identify an equality operator for type %s",
                type_name_text(binder, type));
        }
    }
    TRY(check_aggregate_place(scope, call));
    TRY(check_no_window(binder, call, GROUPING_ERROR,
        "aggregate function calls cannot contain window function calls"));
    scope->inside_aggregate = true;
    TRY(bind_aggregate_order(scope, call, aggregate));
    TRY(bind_condition(scope, call->filter, PLACE_FILTER, "FILTER", &aggregate->aggregate.filter));
    *out = aggregate;
    return OK;
}

// ---- Window functions ---------------------------------------------------------------------------

static Status check_over(Binder *binder, const CallSyntax *call, const FunctionInfo *function) {
    bool is_aggregate = function->kind == 'a';
    if (!is_aggregate && function->kind != 'w') {
        return fail_at(binder, call->location, WRONG_OBJECT_TYPE,
            "OVER specified, but %s is not a window function nor an aggregate function",
            name_list_text(binder, call->names));
    }
    if (is_aggregate && call->count == 0 && !call->is_star && function->argument_count == 0) {
        return fail_at(binder, call->location, WRONG_OBJECT_TYPE,
            "%s(*) must be used to call a parameterless aggregate function",
            name_list_text(binder, call->names));
    }
    const char *problem = NULL;
    if (call->is_distinct) problem = "DISTINCT is not implemented for window functions";
    if (problem == NULL && node_count(call->order) > 0) {
        problem = "aggregate ORDER BY is not implemented for window functions";
    }
    if (problem == NULL && call->filter != NULL && !is_aggregate) {
        problem = "FILTER is not implemented for non-aggregate window functions";
    }
    if (problem == NULL) return OK;
    return fail_at(binder, call->location, FEATURE_NOT_SUPPORTED, "%s", problem);
}

static Status bind_over(Scope *scope, CallSyntax *call, FunctionChoice *choice, Expression **out) {
    Binder *binder = scope->binder;
    const FunctionInfo *function = choice->function;
    Expression *filter;
    TRY(bind_condition(scope, call->filter, PLACE_FILTER, "FILTER", &filter));
    TRY(check_over(binder, call, function));
    Oid result;
    TRY(cast_arguments(scope, call, choice, &result));
    TRY(check_no_window(binder, call, WINDOWING_ERROR, "window function calls cannot be nested"));
    const char *place = place_without_windows(scope->place);
    if (place != NULL) {
        return fail_at(binder, call->location, WINDOWING_ERROR,
            "window functions are not allowed in %s", place);
    }
    Expression *window =
        expression_make(binder->arena, EXPRESSION_WINDOW, sql_type(result), call->location);
    TRY(window_find(scope, call->over, &window->window.index));
    scope->has_windows = true;
    window->function = function->oid;
    window->arguments = call->arguments;
    window->argument_count = call->count;
    window->is_star = call->is_star;
    window->window.filter = filter;
    *out = window;
    return OK;
}

static Status bind_chosen(Scope *scope, CallSyntax *call, bool was_inside, Expression **out) {
    Binder *binder = scope->binder;
    uint32_t name_count = node_count(call->names);
    bool is_ours =
        name_count == 1 || strcmp(node_item(call->names, name_count - 2)->text, "pg_catalog") == 0
        || strcmp(node_item(call->names, name_count - 2)->text, "information_schema") == 0;
    Oid *types = arena_new_array(binder->arena, Oid, call->count);
    for (uint32_t i = 0; i < call->count; i++) {
        types[i] = call->arguments[i]->type.oid;
    }
    FunctionChoice choice;
    Choice outcome = !is_ours
                         ? CHOICE_NONE
                         : choose_function(binder->arena, call->name, types, call->count,
                             call->argument_names, call->name_count, call->is_variadic, &choice);
    bool is_schema_named =
        name_count > 1
        && strcmp(node_item(call->names, name_count - 2)->text, "information_schema") == 0;
    if (outcome == CHOICE_ONE
        && is_schema_named != function_is_of_information_schema(choice.function->oid)) {
        outcome = CHOICE_NONE;
    }
    Oid target;
    bool is_exact = outcome == CHOICE_ONE && choice.default_count == 0
                    && memcmp(choice.declared, types, call->count * sizeof *types) == 0;
    if (!is_exact && call->over == NULL && call_is_cast(binder, call, &target)) {
        return coerce(
            binder, call->arguments[0], sql_type(target), CAST_EXPLICIT, call->location, out);
    }
    if (outcome != CHOICE_ONE) return missing_function(binder, call, outcome);
    const AggregateInfo *aggregate = aggregate_find(choice.function->oid);
    if (aggregate != NULL && aggregate->kind != 'n') {
        return fail_at(binder, call->location, WRONG_OBJECT_TYPE,
            "WITHIN GROUP is required for ordered-set aggregate %s",
            name_list_text(binder, call->names));
    }
    if (call->over != NULL) return bind_over(scope, call, &choice, out);
    switch (choice.function->kind) {
    case 'a':
        scope->inside_aggregate = was_inside;
        return bind_aggregate(scope, call, &choice, out);
    case 'w':
        return fail_at(binder, call->location, WRONG_OBJECT_TYPE,
            "window function %s requires an OVER clause", name_list_text(binder, call->names));
    case 'p': {
        Status status = fail_at(binder, call->location, WRONG_OBJECT_TYPE, "%s is a procedure",
            call_signature(binder, call));
        error_add_hint("To call a procedure, use CALL.");
        return status;
    }
    default:
        return bind_function(scope, call, &choice, out);
    }
}

Status bind_call(Scope *scope, const Node *node, Expression **out) {
    CallSyntax call = {
        .node = node,
        .names = node_get(node, FIELD_FUNCNAME),
        .filter = node_get(node, FIELD_AGG_FILTER),
        .order = node_get(node, FIELD_AGG_ORDER),
        .over = node_get(node, FIELD_OVER),
        .location = node_location(node),
        .is_star = node_get_boolean(node, FIELD_AGG_STAR),
        .is_distinct = node_get_boolean(node, FIELD_AGG_DISTINCT),
        .is_variadic = node_get_boolean(node, FIELD_FUNC_VARIADIC),
    };
    call.name = last_name(call.names);
    if (node_get_boolean(node, FIELD_AGG_WITHIN_GROUP)) {
        return not_supported(scope->binder, "ordered-set aggregates", call.location);
    }
    // An aggregate within the arguments of an aggregate is nested; whether this is one is known
    // only when the arguments are.
    bool was_inside = scope->inside_aggregate;
    size_t named_count;
    const FunctionInfo *const *named = function_candidates(call.name, &named_count);
    if (call.over == NULL && named_count > 0 && named[0]->kind == 'a') {
        scope->inside_aggregate = true;
    }
    Status status = read_arguments(scope, &call);
    if (status == OK) status = bind_chosen(scope, &call, was_inside, out);
    scope->inside_aggregate = was_inside;
    return status;
}
