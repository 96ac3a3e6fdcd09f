// FROM: tables, joins, subqueries, functions, VALUES, and references to WITH queries.
#include "bind/bind_internal.h"

FromItem *from_leaf(Arena *arena, uint32_t relation) {
    FromItem *item = arena_new(arena, FromItem);
    item->relation = relation;
    return item;
}

// ---- Leaves -------------------------------------------------------------------------------------

static bool find_with(
    Scope *scope, const char *name, WithItem **item_out, uint32_t *levels_up_out) {
    uint32_t levels_up = 0;
    for (Scope *at = scope; at != NULL; at = at->parent, levels_up++) {
        for (uint32_t i = 0; i < at->with_count; i++) {
            if (at->with[i].query != NULL && strcmp(at->with[i].name, name) == 0) {
                *item_out = &at->with[i];
                *levels_up_out = levels_up;
                return true;
            }
        }
    }
    return false;
}

static RelationColumn *columns_of_query(
    Arena *arena, const Query *query, const char *const *names, uint32_t *count_out) {
    uint32_t count = query_visible_count(query);
    const Target *targets = query->targets;
    if (query->kind != QUERY_SELECT) {
        count = query->returning_count;
        targets = query->returning;
    }
    RelationColumn *columns = arena_new_array(arena, RelationColumn, count);
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = (RelationColumn){
            .name = names == NULL ? targets[i].name : names[i],
            .type = targets[i].expression->type,
            .number = (int16_t)(i + 1),
        };
    }
    *count_out = count;
    return columns;
}

static Status bind_with_reference(Scope *scope, const Node *node, WithItem *with,
    uint32_t levels_up, uint32_t *relation_out, ScopeItem **item_out) {
    Arena *arena = scope->binder->arena;
    Relation relation = {
        .source = RELATION_OF_WITH,
        .alias = with->name,
        .levels_up = levels_up,
        .location = node_location(node),
    };
    Scope *owner = scope;
    for (uint32_t i = 0; i < levels_up; i++) {
        owner = owner->parent;
    }
    relation.with_index = (uint32_t)(with - owner->with);
    relation.is_working_table = with->is_open;
    relation.columns =
        columns_of_query(arena, with->query, with->column_names, &relation.column_count);
    TRY(relation_apply_alias(scope, &relation, node_get(node, FIELD_ALIAS)));
    *relation_out = scope_add_relation(scope, relation);
    *item_out = scope_item_make(scope, *relation_out);
    WithReference *reference = arena_new(arena, WithReference);
    *reference = (WithReference){with->references, scope->query, *relation_out};
    with->references = reference;
    return OK;
}

static Status bind_range_var(
    Scope *scope, const Node *node, uint32_t *relation_out, ScopeItem **item_out) {
    Binder *binder = scope->binder;
    const char *name = node_get_text(node, FIELD_RELNAME);
    WithItem *with;
    uint32_t levels_up;
    if (!node_has(node, FIELD_SCHEMANAME) && find_with(scope, name, &with, &levels_up)) {
        return bind_with_reference(scope, node, with, levels_up, relation_out, item_out);
    }
    const TableInfo *table;
    Status status = find_relation(binder, node, &table);
    if (status == UNDEFINED_TABLE && !node_has(node, FIELD_SCHEMANAME)) {
        // A WITH query that comes later, or is this one.
        for (Scope *at = scope; at != NULL; at = at->parent) {
            for (uint32_t i = 0; i < at->with_count; i++) {
                if (strcmp(at->with[i].name, name) != 0) continue;
                error_add_detail("There is a WITH item named \"%s\", but it cannot be referenced "
                                 "from this part of the query.",
                    name);
                error_add_hint("Use WITH RECURSIVE, or re-order the WITH items to remove forward "
                               "references.");
                return status;
            }
        }
    }
    TRY(status);
    if (table->kind == RELATION_INDEX) {
        return fail_at(binder, node_location(node), WRONG_OBJECT_TYPE,
            "cannot open relation \"%s\"", table->name);
    }
    return scope_add_table(
        scope, table, node_get(node, FIELD_ALIAS), node_location(node), relation_out, item_out);
}

static Status bind_range_subselect(
    Scope *scope, const Node *node, uint32_t *relation_out, ScopeItem **item_out) {
    Binder *binder = scope->binder;
    const Node *alias = node_get(node, FIELD_ALIAS);
    const Node *subquery = node_get(node, FIELD_SUBQUERY);
    bool is_lateral = node_get_boolean(node, FIELD_LATERAL);
    if (alias == NULL) {
        bool is_values = node_count(node_get(subquery, FIELD_VALUES_LISTS)) > 0;
        Status status = fail_at(binder, syntax_location(subquery), SYNTAX_ERROR,
            is_values ? "VALUES in FROM must have an alias"
                      : "subquery in FROM must have an alias");
        error_add_hint(is_values ? "For example, FROM (VALUES ...) [AS] foo."
                                 : "For example, FROM (SELECT ...) [AS] foo.");
        return status;
    }
    Relation relation = {
        .source = RELATION_OF_SUBQUERY,
        .alias = node_get_text(alias, FIELD_ALIASNAME),
        .location = syntax_location(subquery),
    };
    bool was_active = scope->lateral_is_active;
    scope->lateral_is_active = is_lateral;
    bool is_correlated;
    TRY(binder_enter(binder, 20));
    Status status = bind_query(binder, scope, subquery, true, &relation.query, &is_correlated);
    binder_leave(binder, 20);
    scope->lateral_is_active = was_active;
    TRY(status);
    relation.is_lateral = is_lateral && is_correlated;
    relation.columns =
        columns_of_query(binder->arena, relation.query, NULL, &relation.column_count);
    TRY(relation_apply_alias(scope, &relation, alias));
    *relation_out = scope_add_relation(scope, relation);
    *item_out = scope_item_make(scope, *relation_out);
    return OK;
}

// ---- Functions in FROM --------------------------------------------------------------------------

// The next name of an array as PostgreSQL prints it, {a,b}; false at its end.
static bool next_item(Arena *arena, const char **at, const char **item_out) {
    if (**at == '{') (*at)++;
    if (**at == '}' || **at == 0) return false;
    size_t count = strcspn(*at, ",}");
    const char *start = *at;
    size_t item_count = count;
    if (count >= 2 && start[0] == '"' && start[count - 1] == '"') {
        start++;
        item_count -= 2;
    }
    *item_out = arena_copy_text_n(arena, start, item_count);
    *at += count + ((*at)[count] == ',');
    return true;
}

static Oid oid_from_text(const char *text) {
    Oid oid = 0;
    while (*text >= '0' && *text <= '9') {
        oid = oid * 10 + (Oid)(*text++ - '0');
    }
    return oid;
}

uint32_t function_out_columns(
    Binder *binder, const Expression *call, RelationColumn **columns_out) {
    Arena *arena = binder->arena;
    const FunctionInfo *function =
        call->kind == EXPRESSION_CALL ? function_find(call->function) : NULL;
    if (function == NULL || function->all_arguments == NULL || function->modes == NULL
        || call->type.oid != TYPE_RECORD) {
        return 0;
    }
    const char *types = function->all_arguments;
    const char *modes = function->modes;
    const char *names = function->names == NULL ? "" : function->names;
    const char *type, *mode, *name;
    RelationColumn *columns = arena_new_array(arena, RelationColumn, 64);
    uint32_t count = 0;
    while (count < 64 && next_item(arena, &types, &type) && next_item(arena, &modes, &mode)) {
        if (!next_item(arena, &names, &name)) name = "";
        if (*mode == 'i' || *mode == 'v') continue;
        Oid oid = oid_from_text(type);
        // Of a polymorphic one: the element of the array that came in.
        if (type_is_polymorphic(oid) && call->argument_count > 0) {
            Oid element = type_element(call->arguments[0]->type.oid);
            oid = element == 0 ? call->arguments[0]->type.oid : element;
        }
        uint32_t number = ++count;
        columns[number - 1] = (RelationColumn){
            .name = *name != 0 ? name : arena_format(arena, "column%u", number),
            .type = sql_type(oid),
            .number = (int16_t)number,
        };
    }
    *columns_out = columns;
    return count;
}

// The columns of a function's result: its OUT arguments, or the result itself.
static Status columns_of_function(
    Scope *scope, const Expression *call, const char *alias, Relation *relation, bool *is_scalar) {
    Arena *arena = scope->binder->arena;
    const FunctionInfo *function =
        call->kind == EXPRESSION_CALL ? function_find(call->function) : NULL;
    *is_scalar = false;
    relation->column_count = function_out_columns(scope->binder, call, &relation->columns);
    if (relation->column_count > 0) return OK;
    if (call->type.oid == TYPE_RECORD) {
        return fail_at(scope->binder, expression_location(call), SYNTAX_ERROR,
            "a column definition list is required for functions returning \"record\"");
    }
    if (type_is_composite(call->type.oid)) {
        return not_supported(
            scope->binder, "functions that return rows", expression_location(call));
    }
    *is_scalar = true;
    relation->columns = arena_new_array(arena, RelationColumn, 2);
    relation->columns[0] = (RelationColumn){.name = alias, .type = call->type, .number = 1};
    relation->column_count = 1;
    // One OUT argument names the column.
    if (function != NULL && function->modes != NULL && function->names != NULL) {
        const char *modes = function->modes;
        const char *names = function->names;
        const char *mode, *name;
        while (next_item(arena, &modes, &mode) && next_item(arena, &names, &name)) {
            if (*mode != 'i' && *mode != 'v' && *name != 0) relation->columns[0].name = name;
        }
    }
    return OK;
}

static Status bind_range_function(
    Scope *scope, const Node *node, uint32_t *relation_out, ScopeItem **item_out) {
    Binder *binder = scope->binder;
    const Node *functions = node_get(node, FIELD_FUNCTIONS);
    const Node *pair = node_item(functions, 0);
    const Node *call_syntax = node_item(pair, 0);
    int32_t location = syntax_location(call_syntax);
    if (node_count(functions) != 1) return not_supported(binder, "ROWS FROM", location);
    if (node_count(node_get(node, FIELD_COLDEFLIST)) > 0 || node_count(node_item(pair, 1)) > 0) {
        return not_supported(binder, "column definition lists", location);
    }
    const Node *alias = node_get(node, FIELD_ALIAS);
    const char *name = target_name_of(call_syntax);

    Relation relation = {
        .source = RELATION_OF_FUNCTION,
        .alias = name,
        .location = location,
        .with_ordinality = node_get_boolean(node, FIELD_ORDINALITY),
    };
    // A function may always mention what stands before it.
    bool was_active = scope->lateral_is_active;
    scope->lateral_is_active = true;
    Status status = bind_expression(scope, call_syntax, PLACE_FROM_FUNCTION, &relation.function);
    scope->lateral_is_active = was_active;
    TRY(status);
    TRY(resolve_unknown(binder, &relation.function));
    relation.is_lateral = expression_lowest_level(relation.function) == 0;
    bool is_scalar;
    const char *alias_name = alias == NULL ? name : node_get_text(alias, FIELD_ALIASNAME);
    TRY(columns_of_function(scope, relation.function, alias_name, &relation, &is_scalar));
    // A lone alias renames the lone column, also when an OUT argument named it.
    if (is_scalar && alias != NULL) relation.columns[0].name = alias_name;
    if (relation.with_ordinality) {
        uint32_t number = relation.column_count;
        RelationColumn *columns = arena_new_array(binder->arena, RelationColumn, number + 1);
        memcpy(columns, relation.columns, number * sizeof *columns);
        columns[number] = (RelationColumn){
            .name = "ordinality",
            .type = sql_type(TYPE_INT8),
            .number = (int16_t)(number + 1),
        };
        relation.columns = columns;
        relation.column_count++;
    }
    TRY(relation_apply_alias(scope, &relation, alias));
    *relation_out = scope_add_relation(scope, relation);
    *item_out = scope_item_make(scope, *relation_out);
    (*item_out)->is_scalar_function = is_scalar && !relation.with_ordinality;
    return OK;
}

// ---- Joins --------------------------------------------------------------------------------------

// What one side of a join brings: its items, and its columns as an unqualified name sees them.
typedef struct Side {
    uint32_t first_item; // in scope->items; the side's own items follow
    uint32_t column_count;
    ScopeColumn *columns;
} Side;

static Status bind_item(Scope *scope, const Node *node, FromItem **out, Side *side);

static ScopeColumn *find_side_column(
    Scope *scope, Side *side, const char *name, bool is_left, Status *status_out) {
    ScopeColumn *found = NULL;
    *status_out = OK;
    for (uint32_t i = 0; i < side->column_count; i++) {
        ScopeColumn *column = &side->columns[i];
        if (column->name == NULL || strcmp(column->name, name) != 0) continue;
        if (found != NULL) {
            *status_out = fail(AMBIGUOUS_COLUMN,
                "common column name \"%s\" appears more than once in %s table", name,
                is_left ? "left" : "right");
            return NULL;
        }
        found = column;
    }
    if (found == NULL) {
        *status_out = fail(UNDEFINED_COLUMN,
            "column \"%s\" specified in USING clause does not exist in %s table", name,
            is_left ? "left" : "right");
    }
    (void)scope;
    return found;
}

// The names that both sides of a NATURAL join have, in the left side's order.
static uint32_t common_names(
    Scope *scope, const Side *left, const Side *right, const char ***names_out) {
    const char **names = arena_new_array(scope->binder->arena, const char *, left->column_count);
    uint32_t count = 0;
    for (uint32_t i = 0; i < left->column_count; i++) {
        const char *name = left->columns[i].name;
        for (uint32_t j = 0; name != NULL && j < right->column_count; j++) {
            const char *other = right->columns[j].name;
            if (other != NULL && strcmp(name, other) == 0) {
                names[count++] = name;
                break;
            }
        }
    }
    *names_out = names;
    return count;
}

static Status merged_column(
    Scope *scope, JoinKind kind, Expression *left, Expression *right, Expression **out) {
    Expression *sides[2] = {left, right};
    Oid type;
    TRY(select_common_type(scope->binder, sides, 2, "JOIN/USING", &type));
    int32_t modifier = select_common_modifier(sides, 2, type);
    for (int i = 0; i < 2; i++) {
        if (sides[i]->type.oid != type) {
            TRY(coerce(scope->binder, sides[i], sql_type(type), CAST_IMPLICIT, -1, &sides[i]));
        }
    }
    if (kind == JOIN_INNER || kind == JOIN_LEFT) {
        *out = sides[0];
        return OK;
    }
    if (kind == JOIN_RIGHT) {
        *out = sides[1];
        return OK;
    }
    SqlType result = {.oid = type, .modifier = modifier};
    *out = expression_make(scope->binder->arena, EXPRESSION_COALESCE, result, -1);
    (*out)->argument_count = 2;
    (*out)->arguments = arena_new_array(scope->binder->arena, Expression *, 2);
    memcpy((*out)->arguments, sides, sizeof sides);
    return OK;
}

static void set_lateral(Scope *scope, uint32_t from, bool lateral_only, bool is_ok) {
    for (uint32_t i = from; i < scope->item_count; i++) {
        scope->items[i]->lateral_only = lateral_only;
        scope->items[i]->lateral_is_ok = is_ok;
    }
}

static void hide_columns(Scope *scope, uint32_t from) {
    for (uint32_t i = from; i < scope->item_count; i++) {
        scope->items[i]->columns_are_visible = false;
    }
}

static Status check_names(Scope *scope, uint32_t left_first, uint32_t right_first) {
    for (uint32_t i = left_first; i < right_first; i++) {
        const ScopeItem *a = scope->items[i];
        if (a->name == NULL || !a->name_is_visible) continue;
        for (uint32_t j = right_first; j < scope->item_count; j++) {
            const ScopeItem *b = scope->items[j];
            if (b->name == NULL || !b->name_is_visible || strcmp(a->name, b->name) != 0) continue;
            // The same name of tables in different schemas is no conflict.
            if (a->schema != NULL && b->schema != NULL && strcmp(a->schema, b->schema) != 0) {
                continue;
            }
            return fail(DUPLICATE_ALIAS, "table name \"%s\" specified more than once", a->name);
        }
    }
    return OK;
}

typedef struct Join {
    const Node *node;
    JoinKind kind;
    Side left, right;
    uint32_t using_count;
    const char **using_names;
    ScopeColumn *columns; // of the join
    uint32_t column_count;
    Expression *condition;
} Join;

static Status join_merge(Scope *scope, Join *join) {
    Arena *arena = scope->binder->arena;
    Expression **tests = arena_new_array(arena, Expression *, join->using_count);
    for (uint32_t i = 0; i < join->using_count; i++) {
        const char *name = join->using_names[i];
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(join->using_names[j], name) == 0) {
                return fail(DUPLICATE_COLUMN,
                    "column name \"%s\" appears more than once in USING clause", name);
            }
        }
        Status status;
        ScopeColumn *left = find_side_column(scope, &join->left, name, true, &status);
        TRY(status);
        ScopeColumn *right = find_side_column(scope, &join->right, name, false, &status);
        TRY(status);
        Expression *left_value = scope_column_expression(left, arena, 0, -1);
        Expression *right_value = scope_column_expression(right, arena, 0, -1);
        Expression *merged;
        TRY(merged_column(scope, join->kind, left_value, right_value, &merged));
        TRY(make_operator_named(scope, "=", left_value, right_value, -1, &tests[i]));
        TRY(coerce_to_boolean(scope->binder, &tests[i], "JOIN/USING"));
        join->columns[join->column_count++] =
            (ScopeColumn){.name = name, .type = merged->type, .expression = merged};
    }
    if (join->using_count == 1) {
        join->condition = tests[0];
    } else if (join->using_count > 1) {
        join->condition = make_boolean(arena, EXPRESSION_AND, tests, join->using_count, -1);
    }
    return OK;
}

static bool is_merged(const Join *join, const char *name) {
    for (uint32_t i = 0; name != NULL && i < join->using_count; i++) {
        if (strcmp(join->using_names[i], name) == 0) return true;
    }
    return false;
}

static void join_take_rest(Join *join, const Side *side) {
    for (uint32_t i = 0; i < side->column_count; i++) {
        if (side->columns[i].name == NULL || is_merged(join, side->columns[i].name)) continue;
        join->columns[join->column_count++] = side->columns[i];
    }
}

// The join as a relation: an alias hides what is below it.
static Status join_relation(Scope *scope, Join *join, uint32_t *relation_out, Side *side) {
    Binder *binder = scope->binder;
    const Node *alias = node_get(join->node, FIELD_ALIAS);
    Relation relation = {
        .source = RELATION_OF_JOIN,
        .location = -1,
        .column_count = join->column_count,
        .columns = arena_new_array(binder->arena, RelationColumn, join->column_count),
    };
    for (uint32_t i = 0; i < join->column_count; i++) {
        relation.columns[i] = (RelationColumn){
            .name = join->columns[i].name,
            .type = join->columns[i].type,
            .number = (int16_t)(i + 1),
            .expression = scope_column_expression(&join->columns[i], binder->arena, 0, -1),
        };
    }
    TRY(relation_apply_alias(scope, &relation, alias));
    *relation_out = scope_add_relation(scope, relation);
    ScopeItem *item = arena_new(binder->arena, ScopeItem);
    *item = (ScopeItem){
        .name = relation.alias,
        .relation = *relation_out,
        .column_count = join->column_count,
        .columns = join->columns,
        .name_is_visible = relation.alias != NULL,
        .columns_are_visible = true,
        .lateral_is_ok = true,
        .is_join = true,
    };
    for (uint32_t i = 0; i < join->column_count; i++) {
        item->columns[i].name = relation.columns[i].name;
    }
    if (alias != NULL) scope->item_count = side->first_item; // what is inside is hidden
    hide_columns(scope, side->first_item);
    scope_add_item(scope, item);
    side->columns = item->columns;
    side->column_count = item->column_count;
    return OK;
}

static bool read_join_kind(const Node *node, JoinKind *kind_out) {
    static const char *const names[] = {"JOIN_INNER", "JOIN_LEFT", "JOIN_RIGHT", "JOIN_FULL"};
    static const JoinKind kinds[] = {JOIN_INNER, JOIN_LEFT, JOIN_RIGHT, JOIN_FULL};
    const char *name = node_get_text(node, FIELD_JOINTYPE);
    for (int i = 0; i < 4; i++) {
        if (name == NULL || strcmp(names[i], name) == 0) {
            *kind_out = kinds[i];
            return true;
        }
    }
    return false;
}

static Status bind_join(Scope *scope, const Node *node, FromItem **out, Side *side) {
    Binder *binder = scope->binder;
    Join join = {.node = node};
    if (!read_join_kind(node, &join.kind)) return not_supported(binder, "this kind of join", -1);
    if (join.kind != JOIN_INNER) scope->has_outer_join = true;
    if (node_has(node, FIELD_JOIN_USING_ALIAS)) {
        return not_supported(binder, "JOIN USING aliases", -1);
    }
    FromItem *made = arena_new(binder->arena, FromItem);
    made->is_join = true;
    made->join = join.kind;
    side->first_item = scope->item_count;
    TRY(binder_enter(binder, 10));
    TRY(bind_item(scope, node_get(node, FIELD_LARG), &made->left, &join.left));
    // LATERAL on the right may see the left side, unless that could be missing.
    set_lateral(scope, side->first_item, true, join.kind == JOIN_INNER || join.kind == JOIN_LEFT);
    TRY(bind_item(scope, node_get(node, FIELD_RARG), &made->right, &join.right));
    binder_leave(binder, 10);
    set_lateral(scope, side->first_item, false, true);
    TRY(check_names(scope, side->first_item, join.right.first_item));

    if (node_get_boolean(node, FIELD_IS_NATURAL)) {
        join.using_count = common_names(scope, &join.left, &join.right, &join.using_names);
    } else {
        const Node *names = node_get(node, FIELD_USING_CLAUSE);
        join.using_count = node_count(names);
        join.using_names = arena_new_array(binder->arena, const char *, join.using_count);
        for (uint32_t i = 0; i < join.using_count; i++) {
            join.using_names[i] = node_item(names, i)->text;
        }
    }
    join.columns = arena_new_array(
        binder->arena, ScopeColumn, join.left.column_count + join.right.column_count);
    TRY(join_merge(scope, &join));
    join_take_rest(&join, &join.left);
    join_take_rest(&join, &join.right);
    const Node *condition = node_get(node, FIELD_QUALS);
    if (condition != NULL) {
        // ON sees this join's items only, besides what is around the query.
        Scope inner = *scope;
        inner.items += side->first_item;
        inner.item_count -= side->first_item;
        TRY(bind_condition(&inner, condition, PLACE_JOIN_ON, "JOIN/ON", &join.condition));
        scope->is_correlated |= inner.is_correlated;
    }
    made->condition = join.condition;
    TRY(join_relation(scope, &join, &made->relation, side));
    *out = made;
    return OK;
}

static Status bind_item(Scope *scope, const Node *node, FromItem **out, Side *side) {
    uint32_t relation;
    ScopeItem *item;
    side->first_item = scope->item_count;
    switch ((int)node_kind(node)) {
    case NODE_RANGE_VAR:
        TRY(bind_range_var(scope, node, &relation, &item));
        break;
    case NODE_RANGE_SUBSELECT:
        TRY(bind_range_subselect(scope, node, &relation, &item));
        break;
    case NODE_RANGE_FUNCTION:
        TRY(bind_range_function(scope, node, &relation, &item));
        break;
    case NODE_JOIN_EXPR:
        return bind_join(scope, node, out, side);
    case NODE_RANGE_TABLE_SAMPLE:
        return not_supported(scope->binder, "TABLESAMPLE", node_location(node));
    case NODE_RANGE_TABLE_FUNC:
        return not_supported(scope->binder, "XMLTABLE", node_location(node));
    default:
        return not_supported(scope->binder, "this kind of FROM item", node_location(node));
    }
    scope_add_item(scope, item);
    side->columns = item->columns;
    side->column_count = item->column_count;
    *out = from_leaf(scope->binder->arena, relation);
    return OK;
}

static Status bind_from_item(Scope *scope, const Node *node, FromItem **out) {
    Side side;
    uint32_t first = scope->item_count;
    TRY(bind_item(scope, node, out, &side));
    TRY(check_names(scope, 0, first));
    // Items after this one see it through LATERAL only.
    set_lateral(scope, first, true, true);
    return OK;
}

Status bind_from_clause(Scope *scope, const Node *from) {
    uint32_t count = node_count(from);
    Query *query = scope->query;
    uint32_t first = query->from_count; // UPDATE and DELETE bring their table
    FromItem **items = arena_new_array(scope->binder->arena, FromItem *, first + count);
    if (first > 0) memcpy(items, query->from, first * sizeof *items);
    query->from = items;
    for (uint32_t i = 0; i < count; i++) {
        TRY(bind_from_item(scope, node_item(from, i), &items[first + i]));
        query->from_count++;
    }
    set_lateral(scope, 0, false, true);
    return OK;
}
