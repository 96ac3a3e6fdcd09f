// SELECT: targets, WHERE, GROUP BY, HAVING, ORDER BY, DISTINCT, LIMIT, FOR UPDATE.
#include "bind/bind_internal.h"

// ---- Names of output columns --------------------------------------------------------------------

// A name for an output column, and how good it is: 0 none, 1 a fallback, 2 certain.
static int figure_name(const Node *node, const char **name_out);

static int figure_subquery_name(const Node *node, const char **name_out) {
    const char *type = node_get_text(node, FIELD_SUB_LINK_TYPE);
    if (type == NULL || strcmp(type, "EXISTS_SUBLINK") == 0) {
        *name_out = "exists";
        return 2;
    }
    if (strcmp(type, "ARRAY_SUBLINK") == 0) {
        *name_out = "array";
        return 2;
    }
    if (strcmp(type, "EXPR_SUBLINK") != 0) return 0;
    const Node *select = node_get(node, FIELD_SUBSELECT);
    while (node_has(select, FIELD_LARG)) {
        select = node_get(select, FIELD_LARG);
    }
    if (node_count(node_get(select, FIELD_VALUES_LISTS)) > 0) {
        *name_out = "column1";
        return 2;
    }
    const Node *target = node_item(node_get(select, FIELD_TARGET_LIST), 0);
    const char *given = node_get_text(target, FIELD_NAME);
    *name_out = given != NULL ? given : target_name_of(node_get(target, FIELD_VAL));
    return 2;
}

static int figure_sql_value_name(const Node *node, const char **name_out) {
    static const char *const names[][2] = {{"SVFOP_CURRENT_DATE", "current_date"},
        {"SVFOP_CURRENT_TIMESTAMP", "current_timestamp"}, {"SVFOP_CURRENT_TIME", "current_time"},
        {"SVFOP_LOCALTIMESTAMP", "localtimestamp"}, {"SVFOP_LOCALTIME", "localtime"},
        {"SVFOP_CURRENT_ROLE", "current_role"}, {"SVFOP_CURRENT_USER", "current_user"},
        {"SVFOP_USER", "user"}, {"SVFOP_SESSION_USER", "session_user"},
        {"SVFOP_CURRENT_CATALOG", "current_catalog"}, {"SVFOP_CURRENT_SCHEMA", "current_schema"}};
    const char *operation = node_get_text(node, FIELD_OP);
    if (operation == NULL) operation = names[0][0];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t count = strlen(names[i][0]);
        if (strncmp(operation, names[i][0], count) == 0
            && (operation[count] == 0 || strcmp(operation + count, "_N") == 0)) {
            *name_out = names[i][1];
            return 2;
        }
    }
    return 0;
}

static int figure_name(const Node *node, const char **name_out) {
    switch ((int)node_kind(node)) {
    case NODE_COLUMN_REF: {
        const Node *fields = node_get(node, FIELD_FIELDS);
        for (uint32_t i = node_count(fields); i > 0; i--) {
            const Node *field = node_item(fields, i - 1);
            if (node_kind(field) == NODE_TEXT) {
                *name_out = field->text;
                return 2;
            }
        }
        return 0;
    }
    case NODE_A_INDIRECTION: {
        const Node *steps = node_get(node, FIELD_INDIRECTION);
        for (uint32_t i = node_count(steps); i > 0; i--) {
            if (node_kind(node_item(steps, i - 1)) == NODE_TEXT) {
                *name_out = node_item(steps, i - 1)->text;
                return 2;
            }
        }
        return figure_name(node_get(node, FIELD_ARG), name_out);
    }
    case NODE_FUNC_CALL:
        *name_out = last_name(node_get(node, FIELD_FUNCNAME));
        return 2;
    case NODE_A_EXPR: {
        const char *kind = node_get_text(node, FIELD_KIND);
        if (kind == NULL || strcmp(kind, "AEXPR_NULLIF") != 0) return 0;
        *name_out = "nullif";
        return 2;
    }
    case NODE_TYPE_CAST: {
        int strength = figure_name(node_get(node, FIELD_ARG), name_out);
        if (strength > 1) return strength;
        const Node *type_name = node_get(node, FIELD_TYPE_NAME);
        *name_out = last_name(node_get(type_name, FIELD_NAMES));
        return 1;
    }
    case NODE_COLLATE_CLAUSE:
        return figure_name(node_get(node, FIELD_ARG), name_out);
    case NODE_GROUPING_FUNC:
        *name_out = "grouping";
        return 2;
    case NODE_SUB_LINK:
        return figure_subquery_name(node, name_out);
    case NODE_CASE_EXPR: {
        int strength = figure_name(node_get(node, FIELD_DEFRESULT), name_out);
        if (strength > 1) return strength;
        *name_out = "case";
        return 1;
    }
    case NODE_A_ARRAY_EXPR:
        *name_out = "array";
        return 2;
    case NODE_ROW_EXPR:
        *name_out = "row";
        return 2;
    case NODE_COALESCE_EXPR:
        *name_out = "coalesce";
        return 2;
    case NODE_MIN_MAX_EXPR: {
        const char *operation = node_get_text(node, FIELD_OP);
        bool is_least = operation != NULL && strcmp(operation, "IS_LEAST") == 0;
        *name_out = is_least ? "least" : "greatest";
        return 2;
    }
    case NODE_SQL_VALUE_FUNCTION:
        return figure_sql_value_name(node, name_out);
    default:
        return 0;
    }
}

const char *target_name_of(const Node *value) {
    const char *name = "?column?";
    if (figure_name(value, &name) == 0) return "?column?";
    return name;
}

// ---- Targets ------------------------------------------------------------------------------------

static bool is_star(const Node *node) {
    if (node_kind(node) != NODE_COLUMN_REF) return false;
    const Node *fields = node_get(node, FIELD_FIELDS);
    return node_kind(node_item(fields, node_count(fields) - 1)) == NODE_A_STAR;
}

// The table's column behind a plain output column, through subqueries.
static void target_find_origin(const Query *query, Target *target) {
    const Expression *expression = target->expression;
    while (expression->kind == EXPRESSION_COLUMN && expression->column.levels_up == 0) {
        const Relation *relation = &query->relations[expression->column.relation];
        int16_t number = expression->column.number;
        if (relation->source == RELATION_OF_TABLE) {
            target->source_table = relation->table->oid;
            target->source_column = number;
            return;
        }
        if (relation->source != RELATION_OF_SUBQUERY || relation->query == NULL || number < 1
            || (uint32_t)number > relation->query->target_count) {
            return;
        }
        const Target *inner = &relation->query->targets[number - 1];
        target->source_table = inner->source_table;
        target->source_column = inner->source_column;
        return;
    }
}

Status bind_target_list(
    Scope *scope, const Node *list, Place place, Target **targets_out, uint32_t *count_out) {
    Binder *binder = scope->binder;
    Target *targets = NULL;
    uint32_t count = 0;
    uint32_t capacity = 0;
    for (uint32_t i = 0; i < node_count(list); i++) {
        const Node *item = node_item(list, i);
        const Node *value = node_get(item, FIELD_VAL);
        if (is_star(value)) {
            TRY(expand_star(scope, value, &targets, &count, &capacity));
            continue;
        }
        Target target = {.name = node_get_text(item, FIELD_NAME)};
        TRY(bind_expression(scope, value, place, &target.expression));
        if (target.name == NULL) target.name = target_name_of(value);
        if (count == capacity) {
            capacity = capacity * 2 + 8;
            Target *grown = arena_new_array(binder->arena, Target, capacity);
            if (count > 0) memcpy(grown, targets, count * sizeof *grown);
            targets = grown;
        }
        targets[count++] = target;
    }
    if (count > 1664) {
        return fail(TOO_MANY_COLUMNS, "target lists can have at most 1664 entries");
    }
    for (uint32_t i = 0; i < count; i++) {
        target_find_origin(scope->query, &targets[i]);
    }
    *targets_out = targets;
    *count_out = count;
    return OK;
}

static uint32_t add_hidden_target(
    Binder *binder, Target **targets, uint32_t *count, Expression *expression) {
    Target *grown = arena_new_array(binder->arena, Target, *count + 1);
    if (*count > 0) memcpy(grown, *targets, *count * sizeof *grown);
    grown[*count] = (Target){.expression = expression, .name = "?column?", .is_hidden = true};
    *targets = grown;
    return (*count)++;
}

// ---- What ORDER BY, GROUP BY and DISTINCT ON may name
// --------------------------------------------

// The output column that a plain name means, or UINT32_MAX.
static Status find_output_name(Scope *scope, const Node *node, Place place, const char *clause,
    const Target *targets, uint32_t count, uint32_t *index_out) {
    *index_out = UINT32_MAX;
    const Node *fields = node_get(node, FIELD_FIELDS);
    if (node_kind(node) != NODE_COLUMN_REF || node_count(fields) != 1
        || node_kind(node_item(fields, 0)) != NODE_TEXT) {
        return OK;
    }
    const char *name = node_item(fields, 0)->text;
    if (place == PLACE_GROUP_BY) {
        // An input column of that name comes first.
        for (uint32_t i = 0; i < scope->item_count; i++) {
            const ScopeItem *item = scope->items[i];
            if (!item->columns_are_visible) continue;
            for (uint32_t j = 0; j < item->column_count; j++) {
                const char *column = item->columns[j].name;
                if (column != NULL && strcmp(column, name) == 0) return OK;
            }
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (targets[i].is_hidden || targets[i].name == NULL || strcmp(targets[i].name, name) != 0) {
            continue;
        }
        if (*index_out == UINT32_MAX) {
            *index_out = i;
        } else if (!expression_equal(targets[*index_out].expression, targets[i].expression)) {
            return fail_at(scope->binder, node_location(node), AMBIGUOUS_COLUMN,
                "%s \"%s\" is ambiguous", clause, name);
        }
    }
    return OK;
}

static Status find_ordinal(Scope *scope, const Node *node, const char *clause,
    const Target *targets, uint32_t count, uint32_t *index_out) {
    Binder *binder = scope->binder;
    binder->is_liftable = false;
    if (!node_has(node, FIELD_IVAL)) {
        return fail_at(
            binder, node_location(node), SYNTAX_ERROR, "non-integer constant in %s", clause);
    }
    int64_t position = node_get_integer(node, FIELD_IVAL);
    uint32_t visible = 0;
    while (visible < count && !targets[visible].is_hidden) {
        visible++;
    }
    if (position < 1 || position > visible) {
        return fail_at(binder, node_location(node), INVALID_COLUMN_REFERENCE,
            "%s position %lld is not in select list", clause, (long long)position);
    }
    *index_out = (uint32_t)position - 1;
    return OK;
}

// The target for an item of these clauses: an output column by name or number, one that is equal,
// or a new hidden one.
static Status find_target(Scope *scope, const Node *node, Place place, const char *clause,
    Target **targets, uint32_t *count, uint32_t *index_out) {
    TRY(find_output_name(scope, node, place, clause, *targets, *count, index_out));
    if (*index_out == UINT32_MAX && node_kind(node) == NODE_A_CONST) {
        TRY(find_ordinal(scope, node, clause, *targets, *count, index_out));
    }
    if (*index_out == UINT32_MAX) {
        Expression *expression;
        TRY(bind_expression(scope, node, place, &expression));
        uint32_t index = 0;
        while (index < *count && !expression_equal((*targets)[index].expression, expression)) {
            index++;
        }
        if (index == *count && scope->query->set != NULL) {
            Status status = fail_at(scope->binder, syntax_location(node), FEATURE_NOT_SUPPORTED,
                "invalid UNION/INTERSECT/EXCEPT ORDER BY clause");
            error_add_detail("Only result column names can be used, not expressions or functions.");
            error_add_hint("Add the expression/function to every SELECT, or move the UNION into a "
                           "FROM clause.");
            return status;
        }
        if (index == *count) {
            TRY(resolve_unknown(scope->binder, &expression));
            index = add_hidden_target(scope->binder, targets, count, expression);
        }
        *index_out = index;
    }
    TRY(resolve_unknown(scope->binder, &(*targets)[*index_out].expression));
    return OK;
}

// ---- Orders -------------------------------------------------------------------------------------

Oid order_operator(const char *name, Oid type) {
    Oid operator= operator_of_type(name, type);
    if (operator!= 0) return operator;
    const OperatorInfo *chosen;
    if (choose_operator(name, type, type, &chosen) != CHOICE_ONE) return 0;
    if (type_is_polymorphic(chosen->left)) {
        // An array has an order when its elements do.
        Oid element = type_element(type);
        return element != 0 && order_operator(name, element) != 0 ? chosen->oid : 0;
    }
    Oid function;
    bool is_binary =
        cast_path_find(chosen->left, type, CAST_IMPLICIT, &function) == CAST_PATH_RELABEL;
    return is_binary ? chosen->oid : 0;
}

Status require_equality(Binder *binder, Expression *expression, int32_t location) {
    if (order_operator("=", expression->type.oid) != 0) return OK;
    if (location < 0) location = expression_location(expression);
    return fail_at(binder, location, UNDEFINED_FUNCTION,
        "could not identify an equality operator for type %s",
        type_name_text(binder, expression->type.oid));
}

static Status read_using(Scope *scope, const Node *sort_by, SortKey *key) {
    Binder *binder = scope->binder;
    const Node *name = node_get(sort_by, FIELD_USE_OP);
    Oid type = key->expression->type.oid;
    const OperatorInfo *operator;
    if (choose_operator(last_name(name), type, type, &operator) != CHOICE_ONE) {
        Status status = fail_at(binder, node_location(sort_by), UNDEFINED_FUNCTION,
            "operator does not exist: %s %s %s", type_name_text(binder, type),
            name_list_text(binder, name), type_name_text(binder, type));
        error_add_hint("No operator matches the given name and argument types. You might need to "
                       "add explicit type casts.");
        return status;
    }
    key->is_descending = operator->oid == order_operator(">", type);
    if (!key->is_descending && operator->oid != key->less_operator) {
        Status status = fail_at(binder, node_location(sort_by), WRONG_OBJECT_TYPE,
            "operator %s is not a valid ordering operator", name_list_text(binder, name));
        error_add_hint(
            "Ordering operators must be \"<\" or \">\" members of btree operator families.");
        return status;
    }
    return OK;
}

Status sort_key_make(Scope *scope, const Node *sort_by, Expression *expression, SortKey *key_out) {
    Binder *binder = scope->binder;
    SortKey key = {.expression = expression};
    key.less_operator = order_operator("<", expression->type.oid);
    if (key.less_operator == 0) {
        int32_t location = syntax_location(node_get(sort_by, FIELD_NODE));
        Status status = fail_at(binder, location, UNDEFINED_FUNCTION,
            "could not identify an ordering operator for type %s",
            type_name_text(binder, expression->type.oid));
        error_add_hint("Use an explicit ordering operator or modify the query.");
        return status;
    }
    const char *direction = node_get_text(sort_by, FIELD_SORTBY_DIR);
    if (direction != NULL && strcmp(direction, "SORTBY_DESC") == 0) key.is_descending = true;
    if (direction != NULL && strcmp(direction, "SORTBY_USING") == 0) {
        TRY(read_using(scope, sort_by, &key));
    }
    const char *nulls = node_get_text(sort_by, FIELD_SORTBY_NULLS);
    key.nulls_first = key.is_descending;
    if (nulls != NULL && strcmp(nulls, "SORTBY_NULLS_FIRST") == 0) key.nulls_first = true;
    if (nulls != NULL && strcmp(nulls, "SORTBY_NULLS_LAST") == 0) key.nulls_first = false;
    *key_out = key;
    return OK;
}

Status bind_order_by(Scope *scope, const Node *list, bool sql99_only, Target **targets,
    uint32_t *target_count, SortKey **keys_out, uint32_t *count_out) {
    (void)sql99_only;
    uint32_t count = node_count(list);
    SortKey *keys = arena_new_array(scope->binder->arena, SortKey, count);
    uint32_t key_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const Node *sort_by = node_item(list, i);
        uint32_t index;
        TRY(find_target(scope, node_get(sort_by, FIELD_NODE), PLACE_ORDER_BY, "ORDER BY", targets,
            target_count, &index));
        Expression *expression = (*targets)[index].expression;
        bool is_repeated = false;
        for (uint32_t j = 0; j < key_count && !is_repeated; j++) {
            is_repeated = keys[j].expression == expression;
        }
        if (is_repeated) continue;
        TRY(sort_key_make(scope, sort_by, expression, &keys[key_count]));
        key_count++;
    }
    *keys_out = keys;
    *count_out = key_count;
    return OK;
}

// ---- GROUP BY -----------------------------------------------------------------------------------

static Status bind_group_by(Scope *scope, const Node *list) {
    Query *query = scope->query;
    uint32_t count = node_count(list);
    query->groups = arena_new_array(scope->binder->arena, Expression *, count);
    for (uint32_t i = 0; i < count; i++) {
        const Node *node = node_item(list, i);
        if (node_kind(node) == NODE_GROUPING_SET) {
            return not_supported(scope->binder, "grouping sets", node_location(node));
        }
        uint32_t index;
        uint32_t target_count = query->target_count;
        Target *targets = query->targets;
        TRY(find_target(scope, node, PLACE_GROUP_BY, "GROUP BY", &targets, &target_count, &index));
        // A hidden target made for it is not kept: the group itself holds the expression.
        Expression *group = targets[index].expression;
        if (expression_has_aggregate(group)) {
            return fail_at(scope->binder, expression_location(group), GROUPING_ERROR,
                "aggregate functions are not allowed in GROUP BY");
        }
        if (expression_has_window(group)) {
            return fail_at(scope->binder, expression_location(group), WINDOWING_ERROR,
                "window functions are not allowed in GROUP BY");
        }
        TRY(require_equality(scope->binder, group, syntax_location(node)));
        bool is_repeated = false;
        for (uint32_t j = 0; j < query->group_count && !is_repeated; j++) {
            is_repeated = expression_equal(query->groups[j], group);
        }
        if (!is_repeated) query->groups[query->group_count++] = group;
    }
    return OK;
}

// ---- DISTINCT -----------------------------------------------------------------------------------

static Status check_distinct(Scope *scope) {
    Query *query = scope->query;
    for (uint32_t i = 0; i < query->target_count; i++) {
        Target *target = &query->targets[i];
        if (target->is_hidden) {
            return fail_at(scope->binder, expression_location(target->expression),
                INVALID_COLUMN_REFERENCE,
                "for SELECT DISTINCT, ORDER BY expressions must appear in select list");
        }
        TRY(resolve_unknown(scope->binder, &target->expression));
        TRY(require_equality(scope->binder, target->expression, -1));
    }
    return OK;
}

// The place of an expression in DISTINCT ON, or `count`.
static uint32_t distinct_index(const Query *query, const Expression *expression) {
    uint32_t index = 0;
    while (index < query->distinct_on_count
           && !expression_equal(query->distinct_on[index], expression)) {
        index++;
    }
    return index;
}

// The first sort keys are the distinct expressions, in any order among them.
static Status check_distinct_order(Scope *scope, const Node *list) {
    Query *query = scope->query;
    uint32_t count = query->distinct_on_count;
    bool *is_sorted = arena_new_array(scope->binder->arena, bool, count);
    bool has_skipped = false;
    uint32_t misplaced = count;
    for (uint32_t i = 0; i < query->sort_count; i++) {
        uint32_t index = distinct_index(query, query->sorts[i].expression);
        if (index == count) {
            has_skipped = true;
        } else {
            is_sorted[index] = true;
            if (has_skipped && misplaced == count) misplaced = index;
        }
    }
    for (uint32_t i = 0; i < count && has_skipped && misplaced == count; i++) {
        if (!is_sorted[i]) misplaced = i;
    }
    if (misplaced == count) return OK;
    return fail_at(scope->binder, syntax_location(node_item(list, misplaced)),
        INVALID_COLUMN_REFERENCE,
        "SELECT DISTINCT ON expressions must match initial ORDER BY expressions");
}

static Status bind_distinct_on(Scope *scope, const Node *list) {
    Query *query = scope->query;
    uint32_t count = node_count(list);
    query->distinct_on = arena_new_array(scope->binder->arena, Expression *, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index;
        TRY(find_target(scope, node_item(list, i), PLACE_DISTINCT_ON, "DISTINCT ON",
            &query->targets, &query->target_count, &index));
        Expression *expression = query->targets[index].expression;
        TRY(require_equality(scope->binder, expression, syntax_location(node_item(list, i))));
        query->distinct_on[query->distinct_on_count++] = expression;
    }
    return check_distinct_order(scope, list);
}

// ---- LIMIT --------------------------------------------------------------------------------------

static Status bind_row_count(
    Scope *scope, const Node *node, Place place, const char *construct, Expression **out) {
    *out = NULL;
    if (node == NULL) return OK;
    Expression *count;
    TRY(bind_expression(scope, node, place, &count));
    TRY(coerce_to_type_named(scope->binder, &count, TYPE_INT8, construct));
    if (expression_lowest_level(count) == 0) {
        return fail_at(scope->binder, expression_location(count), INVALID_COLUMN_REFERENCE,
            "argument of %s must not contain variables", construct);
    }
    bool is_all = count->kind == EXPRESSION_CONSTANT && count->constant.is_null;
    if (!is_all) *out = count;
    return OK;
}

Status bind_limit(Scope *scope, const Node *statement) {
    Query *query = scope->query;
    TRY(bind_row_count(
        scope, node_get(statement, FIELD_LIMIT_OFFSET), PLACE_OFFSET, "OFFSET", &query->offset));
    TRY(bind_row_count(
        scope, node_get(statement, FIELD_LIMIT_COUNT), PLACE_LIMIT, "LIMIT", &query->limit));
    const char *option = node_get_text(statement, FIELD_LIMIT_OPTION);
    query->limit_with_ties = option != NULL && strcmp(option, "LIMIT_OPTION_WITH_TIES") == 0;
    if (query->limit_with_ties && query->limit == NULL) {
        return fail(INVALID_ROW_COUNT_IN_LIMIT_CLAUSE,
            "row count cannot be null in FETCH FIRST ... WITH TIES clause");
    }
    return OK;
}

// ---- FOR UPDATE ---------------------------------------------------------------------------------

static RowLockMode lock_mode(const char *strength) {
    if (strength == NULL) return ROW_LOCK_UPDATE;
    if (strcmp(strength, "LCS_FORKEYSHARE") == 0) return ROW_LOCK_KEY_SHARE;
    if (strcmp(strength, "LCS_FORSHARE") == 0) return ROW_LOCK_SHARE;
    if (strcmp(strength, "LCS_FORNOKEYUPDATE") == 0) return ROW_LOCK_NO_KEY_UPDATE;
    return ROW_LOCK_UPDATE;
}

static const char *lock_name(RowLockMode mode) {
    switch (mode) {
    case ROW_LOCK_KEY_SHARE:
        return "FOR KEY SHARE";
    case ROW_LOCK_SHARE:
        return "FOR SHARE";
    case ROW_LOCK_NO_KEY_UPDATE:
        return "FOR NO KEY UPDATE";
    case ROW_LOCK_UPDATE:
        break;
    }
    return "FOR UPDATE";
}

static Status check_lockable(Scope *scope, RowLockMode mode) {
    const Query *query = scope->query;
    const char *clause = NULL;
    if (query->set != NULL) clause = "UNION/INTERSECT/EXCEPT";
    if (clause == NULL && (query->is_distinct || query->distinct_on_count > 0)) {
        clause = "DISTINCT clause";
    }
    if (clause == NULL && query->group_count > 0) clause = "GROUP BY clause";
    if (clause == NULL && query->having != NULL) clause = "HAVING clause";
    if (clause == NULL && query->has_aggregates) clause = "aggregate functions";
    if (clause == NULL && scope->has_windows) clause = "window functions";
    if (clause == NULL && query->has_set_functions) {
        clause = "set-returning functions in the target list";
    }
    if (clause == NULL) return OK;
    return fail(FEATURE_NOT_SUPPORTED, "%s is not allowed with %s", lock_name(mode), clause);
}

static void add_lock(Scope *scope, RowLock lock) {
    Query *query = scope->query;
    for (uint32_t i = 0; i < query->lock_count; i++) {
        if (query->locks[i].relation != lock.relation) continue;
        // The strongest mode, and the policy that waits least.
        if (lock.mode > query->locks[i].mode) query->locks[i].mode = lock.mode;
        if (lock.policy > query->locks[i].policy) query->locks[i].policy = lock.policy;
        return;
    }
    RowLock *grown = arena_new_array(scope->binder->arena, RowLock, query->lock_count + 1);
    if (query->lock_count > 0) memcpy(grown, query->locks, query->lock_count * sizeof *grown);
    grown[query->lock_count++] = lock;
    query->locks = grown;
}

static Status bind_lock(Scope *scope, const Node *clause) {
    Query *query = scope->query;
    RowLock lock = {.mode = lock_mode(node_get_text(clause, FIELD_STRENGTH))};
    const char *policy = node_get_text(clause, FIELD_WAIT_POLICY);
    if (policy != NULL && strcmp(policy, "LockWaitSkip") == 0) lock.policy = WAIT_SKIP;
    if (policy != NULL && strcmp(policy, "LockWaitError") == 0) lock.policy = WAIT_ERROR;
    TRY(check_lockable(scope, lock.mode));
    const Node *names = node_get(clause, FIELD_LOCKED_RELS);
    for (uint32_t i = 0; names == NULL && i < query->relation_count; i++) {
        if (query->relations[i].source == RELATION_OF_SUBQUERY) {
            return not_supported(scope->binder, "row locks in subqueries of FROM", -1);
        }
        if (query->relations[i].source != RELATION_OF_TABLE) continue;
        lock.relation = i;
        add_lock(scope, lock);
    }
    for (uint32_t i = 0; i < node_count(names); i++) {
        const Node *name = node_item(names, i);
        const char *wanted = node_get_text(name, FIELD_RELNAME);
        bool is_found = false;
        for (uint32_t j = 0; j < query->relation_count && !is_found; j++) {
            const Relation *relation = &query->relations[j];
            if (relation->alias == NULL || strcmp(relation->alias, wanted) != 0) continue;
            is_found = true;
            if (relation->source != RELATION_OF_TABLE) {
                return fail_at(scope->binder, node_location(name), WRONG_OBJECT_TYPE,
                    "%s cannot be applied to %s", lock_name(lock.mode),
                    relation->source == RELATION_OF_FUNCTION ? "a function"
                    : relation->source == RELATION_OF_VALUES ? "VALUES"
                    : relation->source == RELATION_OF_WITH   ? "a WITH query"
                    : relation->source == RELATION_OF_JOIN   ? "a join"
                                                             : "a subquery");
            }
            lock.relation = j;
            add_lock(scope, lock);
        }
        if (!is_found) {
            return fail_at(scope->binder, node_location(name), UNDEFINED_TABLE,
                "relation \"%s\" in %s clause not found in FROM clause", wanted,
                lock_name(lock.mode));
        }
    }
    return OK;
}

static Status bind_locks(Scope *scope, const Node *clauses) {
    for (uint32_t i = 0; i < node_count(clauses); i++) {
        TRY(bind_lock(scope, node_item(clauses, i)));
    }
    return OK;
}

// ---- The whole ----------------------------------------------------------------------------------

static Status resolve_targets(Scope *scope) {
    Query *query = scope->query;
    for (uint32_t i = 0; i < query->target_count; i++) {
        TRY(resolve_unknown(scope->binder, &query->targets[i].expression));
    }
    return OK;
}

// Finds the first aggregate of this level.
static bool is_before_aggregate(void *argument, Expression *expression) {
    const Expression **found = argument;
    if (expression->kind == EXPRESSION_AGGREGATE) *found = expression;
    return *found == NULL && expression_visit_parts(expression, is_before_aggregate, argument);
}

static Status check_recursive_term(Scope *scope) {
    const Query *query = scope->query;
    bool is_recursive = false;
    for (uint32_t i = 0; i < query->relation_count; i++) {
        is_recursive |= query->relations[i].is_working_table;
    }
    if (!is_recursive) return OK;
    const Expression *found = NULL;
    for (uint32_t i = 0; i < query->target_count && found == NULL; i++) {
        is_before_aggregate(&found, query->targets[i].expression);
    }
    if (found == NULL && query->having != NULL) is_before_aggregate(&found, query->having);
    return fail_at(scope->binder, found == NULL ? -1 : found->location, INVALID_RECURSION,
        "aggregate functions are not allowed in a recursive query's recursive term");
}

static Status bind_plain_select(Scope *scope, const Node *statement, bool resolves_unknowns) {
    Binder *binder = scope->binder;
    Query *query = scope->query;
    if (node_has(statement, FIELD_INTO_CLAUSE)) return not_supported(binder, "SELECT INTO", -1);
    window_clause_begin(scope, node_get(statement, FIELD_WINDOW_CLAUSE));
    TRY(bind_from_clause(scope, node_get(statement, FIELD_FROM_CLAUSE)));
    TRY(bind_target_list(scope, node_get(statement, FIELD_TARGET_LIST), PLACE_SELECT_TARGET,
        &query->targets, &query->target_count));
    TRY(bind_condition(
        scope, node_get(statement, FIELD_WHERE_CLAUSE), PLACE_WHERE, "WHERE", &query->where));
    TRY(bind_condition(
        scope, node_get(statement, FIELD_HAVING_CLAUSE), PLACE_HAVING, "HAVING", &query->having));
    TRY(bind_order_by(scope, node_get(statement, FIELD_SORT_CLAUSE), false, &query->targets,
        &query->target_count, &query->sorts, &query->sort_count));
    TRY(bind_group_by(scope, node_get(statement, FIELD_GROUP_CLAUSE)));
    // DISTINCT is a list with one NULL; DISTINCT ON a list of expressions.
    const Node *distinct = node_get(statement, FIELD_DISTINCT_CLAUSE);
    if (node_count(distinct) > 0 && is_empty_node(node_item(distinct, 0))) {
        query->is_distinct = true;
        TRY(check_distinct(scope));
    } else if (distinct != NULL) {
        TRY(bind_distinct_on(scope, distinct));
    }
    TRY(bind_limit(scope, statement));
    TRY(bind_windows(scope));
    if (resolves_unknowns) TRY(resolve_targets(scope));
    query->has_set_functions = scope->has_set_functions;
    query->has_aggregates =
        scope->has_aggregates || (query->having != NULL && query->group_count == 0);
    if (query->has_aggregates || query->group_count > 0) TRY(check_grouping(scope));
    if (scope->has_aggregates) TRY(check_recursive_term(scope));
    if (query->limit_with_ties && query->sort_count == 0) {
        return fail(SYNTAX_ERROR, "WITH TIES cannot be specified without ORDER BY clause");
    }
    return bind_locks(scope, node_get(statement, FIELD_LOCKING_CLAUSE));
}

static Status bind_select(Scope *scope, const Node *statement, bool resolves_unknowns) {
    const char *operation = node_get_text(statement, FIELD_OP);
    scope->recursive = scope->binder->recursive;
    scope->binder->recursive = NULL;
    TRY(bind_with_clause(scope, node_get(statement, FIELD_WITH_CLAUSE)));
    if (node_count(node_get(statement, FIELD_VALUES_LISTS)) > 0) {
        TRY(bind_values(scope, statement));
    } else if (operation != NULL && strcmp(operation, "SETOP_NONE") != 0) {
        TRY(bind_set_operation(scope, statement));
        TRY(bind_locks(scope, node_get(statement, FIELD_LOCKING_CLAUSE)));
    } else {
        TRY(bind_plain_select(scope, statement, resolves_unknowns));
    }
    finish_with_clause(scope);
    return OK;
}

Status bind_query(Binder *binder, Scope *parent, const Node *statement, bool resolves_unknowns,
    Query **query_out, bool *is_correlated_out) {
    Query *query = arena_new(binder->arena, Query);
    Scope scope = scope_make(binder, parent, query);
    switch ((int)node_kind(statement)) {
    case NODE_SELECT_STMT:
        TRY(bind_select(&scope, statement, resolves_unknowns));
        break;
    case NODE_INSERT_STMT:
        TRY(bind_insert(&scope, statement));
        break;
    case NODE_UPDATE_STMT:
        TRY(bind_update(&scope, statement));
        break;
    case NODE_DELETE_STMT:
        TRY(bind_delete(&scope, statement));
        break;
    default:
        return not_supported(binder, "this kind of query", -1);
    }
    *query_out = query;
    if (is_correlated_out != NULL) *is_correlated_out = scope.is_correlated;
    return OK;
}
