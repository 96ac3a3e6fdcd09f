// UNION and its kind, and VALUES.
#include "bind/bind_internal.h"

// ---- Casting a query's columns ------------------------------------------------------------------

static Status cast_targets(Binder *binder, Query *query, const SqlType *types) {
    uint32_t count = query_visible_count(query);
    for (uint32_t i = 0; i < count; i++) {
        Expression **expression = &query->targets[i].expression;
        if ((*expression)->type.oid == types[i].oid) continue;
        TRY(coerce(binder, *expression, sql_type(types[i].oid), CAST_IMPLICIT, -1, expression));
    }
    return OK;
}

// The columns of a relation that stands for a query.
static RelationColumn *columns_of(Arena *arena, const Query *query, uint32_t count) {
    RelationColumn *columns = arena_new_array(arena, RelationColumn, count);
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = (RelationColumn){
            .name = query->targets[i].name,
            .type = query->targets[i].expression->type,
            .number = (int16_t)(i + 1),
        };
    }
    return columns;
}

static Target *targets_over(
    Arena *arena, uint32_t relation, const RelationColumn *columns, uint32_t count) {
    Target *targets = arena_new_array(arena, Target, count);
    for (uint32_t i = 0; i < count; i++) {
        targets[i].name = columns[i].name;
        targets[i].expression =
            make_column(arena, relation, 0, columns[i].number, columns[i].type, -1);
    }
    return targets;
}

Query *query_wrap(Binder *binder, Query *query) {
    Arena *arena = binder->arena;
    uint32_t count = query_visible_count(query);
    query_shift_levels(arena, query, 1, 1);
    Query *outer = arena_new(arena, Query);
    outer->relations = arena_new(arena, Relation);
    outer->relation_count = 1;
    outer->relations[0] = (Relation){
        .source = RELATION_OF_SUBQUERY,
        .alias = "unnamed_subquery",
        .query = query,
        .column_count = count,
        .columns = columns_of(arena, query, count),
        .location = -1,
    };
    outer->from = arena_new(arena, FromItem *);
    outer->from[0] = from_leaf(arena, 0);
    outer->from_count = 1;
    outer->targets = targets_over(arena, 0, outer->relations[0].columns, count);
    outer->target_count = count;
    return outer;
}

Status query_cast_columns(Binder *binder, Query *query, const SqlType *types, Query **out) {
    uint32_t count = query_visible_count(query);
    bool changes = false;
    bool changes_known = false;
    for (uint32_t i = 0; i < count; i++) {
        Oid type = query->targets[i].expression->type.oid;
        changes |= type != types[i].oid;
        changes_known |= type != types[i].oid && type != TYPE_UNKNOWN;
    }
    *out = query;
    if (!changes) return OK;
    bool is_plain = query->set == NULL && !query->is_distinct && query->distinct_on_count == 0
                    && query->sort_count == 0 && query->kind == QUERY_SELECT;
    if (is_plain || !changes_known) return cast_targets(binder, query, types);
    // Casting in place would change which rows are distinct, or what the query is ordered by.
    *out = query_wrap(binder, query);
    return cast_targets(binder, *out, types);
}

// ---- UNION, INTERSECT, EXCEPT -------------------------------------------------------------------

// One side of a set operation, and its columns as far as they are known.
typedef struct SetSide {
    SetTree *tree;
    uint32_t count;
    Expression **columns; // their types, and where they stand, for errors
} SetSide;

static bool is_leaf(const Node *statement) {
    const char *operation = node_get_text(statement, FIELD_OP);
    if (operation == NULL || strcmp(operation, "SETOP_NONE") == 0) return true;
    return node_has(statement, FIELD_SORT_CLAUSE) || node_has(statement, FIELD_LIMIT_COUNT)
           || node_has(statement, FIELD_LIMIT_OFFSET) || node_has(statement, FIELD_LOCKING_CLAUSE)
           || node_has(statement, FIELD_WITH_CLAUSE);
}

static Status bind_leaf(Scope *scope, const Node *statement, SetSide *side) {
    Arena *arena = scope->binder->arena;
    SetTree *tree = arena_new(arena, SetTree);
    bool is_correlated;
    // The leaf sees what is around the whole, not the other leaves; unknown literals stay so.
    TRY(bind_query(scope->binder, scope, statement, false, &tree->query, &is_correlated));
    side->tree = tree;
    side->count = query_visible_count(tree->query);
    side->columns = arena_new_array(arena, Expression *, side->count);
    for (uint32_t i = 0; i < side->count; i++) {
        side->columns[i] = tree->query->targets[i].expression;
    }
    return OK;
}

static Status cast_tree(Binder *binder, SetTree *tree, const SqlType *types) {
    if (tree->operation == SET_NONE) {
        return query_cast_columns(binder, tree->query, types, &tree->query);
    }
    TRY(cast_tree(binder, tree->left, types));
    return cast_tree(binder, tree->right, types);
}

static Status bind_tree(Scope *scope, const Node *statement, SetSide *side);

static const Query *first_leaf(const SetTree *tree) {
    while (tree->operation != SET_NONE) {
        tree = tree->left;
    }
    return tree->query;
}

// The columns of a recursive WITH query are those of its first term, which its second may mention.
static Status publish_first_term(Scope *scope, WithItem *item, SetSide *side) {
    Binder *binder = scope->binder;
    SqlType *types = arena_new_array(binder->arena, SqlType, side->count);
    for (uint32_t i = 0; i < side->count; i++) {
        types[i] = side->columns[i]->type;
        if (types[i].oid == TYPE_UNKNOWN) types[i] = sql_type(TYPE_TEXT);
    }
    TRY(cast_tree(binder, side->tree, types));
    Query *columns = arena_new(binder->arena, Query);
    columns->targets = arena_new_array(binder->arena, Target, side->count);
    columns->target_count = side->count;
    const Query *first = first_leaf(side->tree);
    for (uint32_t i = 0; i < side->count; i++) {
        side->columns[i] =
            make_null(binder->arena, types[i], expression_location(side->columns[i]));
        columns->targets[i] =
            (Target){.name = first->targets[i].name, .expression = side->columns[i]};
    }
    TRY(with_item_publish(binder, item, columns));
    item->is_open = true;
    return OK;
}

static Status check_recursive_types(
    Binder *binder, const WithItem *item, const SetSide *first, const SqlType *types) {
    for (uint32_t i = 0; i < first->count; i++) {
        SqlType type = first->columns[i]->type;
        if (type.oid == types[i].oid && type.modifier == types[i].modifier) continue;
        Status status = fail_at(binder, expression_location(first->columns[i]), DATATYPE_MISMATCH,
            "recursive query \"%s\" column %u has type %s in non-recursive term but type %s "
            "overall",
            item->name, i + 1, sql_type_text(binder, type), sql_type_text(binder, types[i]));
        error_add_hint("Cast the output of the non-recursive term to the correct type.");
        return status;
    }
    return OK;
}

static Status bind_pair(Scope *scope, const Node *statement, SetSide *side) {
    Binder *binder = scope->binder;
    const char *operation = node_get_text(statement, FIELD_OP);
    WithItem *recursive = scope->recursive; // a UNION then, which the other sides are not
    scope->recursive = NULL;
    SetTree *tree = arena_new(binder->arena, SetTree);
    tree->is_all = node_get_boolean(statement, FIELD_ALL);
    const char *construct = "UNION";
    tree->operation = SET_UNION;
    if (strcmp(operation, "SETOP_INTERSECT") == 0) {
        construct = "INTERSECT";
        tree->operation = SET_INTERSECT;
    } else if (strcmp(operation, "SETOP_EXCEPT") == 0) {
        construct = "EXCEPT";
        tree->operation = SET_EXCEPT;
    }
    SetSide left, right;
    TRY(bind_tree(scope, node_get(statement, FIELD_LARG), &left));
    if (recursive != NULL) TRY(publish_first_term(scope, recursive, &left));
    TRY(bind_tree(scope, node_get(statement, FIELD_RARG), &right));
    if (left.count != right.count) {
        int32_t location = right.count > 0 ? expression_location(right.columns[0]) : -1;
        return fail_at(binder, location, SYNTAX_ERROR,
            "each %s query must have the same number of columns", construct);
    }
    SqlType *types = arena_new_array(binder->arena, SqlType, left.count);
    side->tree = tree;
    side->count = left.count;
    side->columns = arena_new_array(binder->arena, Expression *, left.count);
    for (uint32_t i = 0; i < left.count; i++) {
        Expression *pair[2] = {left.columns[i], right.columns[i]};
        Oid type;
        TRY(select_common_type(binder, pair, 2, construct, &type));
        types[i] = (SqlType){.oid = type, .modifier = select_common_modifier(pair, 2, type)};
        for (int j = 0; j < 2; j++) {
            if (!can_coerce(&pair[j]->type.oid, &type, 1, CAST_IMPLICIT)) {
                return fail_at(binder, expression_location(pair[j]), CANNOT_COERCE,
                    "%s could not convert type %s to %s", construct,
                    type_name_text(binder, pair[j]->type.oid), type_name_text(binder, type));
            }
        }
        side->columns[i] = make_null(binder->arena, types[i], expression_location(pair[0]));
    }
    if (recursive != NULL) TRY(check_recursive_types(binder, recursive, &left, types));
    TRY(cast_tree(binder, left.tree, types));
    TRY(cast_tree(binder, right.tree, types));
    if (!tree->is_all || tree->operation != SET_UNION) {
        for (uint32_t i = 0; i < left.count; i++) {
            TRY(require_equality(binder, side->columns[i], -1));
        }
    }
    tree->left = left.tree;
    tree->right = right.tree;
    return OK;
}

static Status bind_tree(Scope *scope, const Node *statement, SetSide *side) {
    if (is_leaf(statement)) return bind_leaf(scope, statement, side);
    TRY(binder_enter(scope->binder, 4));
    Status status = bind_pair(scope, statement, side);
    binder_leave(scope->binder, 4);
    return status;
}

Status bind_set_operation(Scope *scope, const Node *statement) {
    Binder *binder = scope->binder;
    Query *query = scope->query;
    SetSide side;
    TRY(bind_pair(scope, statement, &side));
    query->set = side.tree;
    const Query *first = first_leaf(side.tree);
    RelationColumn *columns = arena_new_array(binder->arena, RelationColumn, side.count);
    for (uint32_t i = 0; i < side.count; i++) {
        columns[i] = (RelationColumn){
            .name = first->targets[i].name,
            .type = side.columns[i]->type,
            .number = (int16_t)(i + 1),
        };
    }
    uint32_t relation = scope_add_relation(scope, (Relation){
                                                      .source = RELATION_OF_SUBQUERY,
                                                      .alias = NULL,
                                                      .column_count = side.count,
                                                      .columns = columns,
                                                      .location = -1,
                                                  });
    query->targets = targets_over(binder->arena, relation, columns, side.count);
    query->target_count = side.count;
    // ORDER BY sees the output columns only.
    scope_add_item(scope, scope_item_make(scope, relation));
    TRY(bind_order_by(scope, node_get(statement, FIELD_SORT_CLAUSE), false, &query->targets,
        &query->target_count, &query->sorts, &query->sort_count));
    TRY(bind_limit(scope, statement));
    if (query->limit_with_ties && query->sort_count == 0) {
        return fail(SYNTAX_ERROR, "WITH TIES cannot be specified without ORDER BY clause");
    }
    return OK;
}

// ---- VALUES -------------------------------------------------------------------------------------

Status bind_values(Scope *scope, const Node *statement) {
    Binder *binder = scope->binder;
    Arena *arena = binder->arena;
    Query *query = scope->query;
    const Node *lists = node_get(statement, FIELD_VALUES_LISTS);
    uint32_t row_count = node_count(lists);
    uint32_t count = node_count(node_item(lists, 0));
    Expression ***rows = arena_new_array(arena, Expression **, row_count);
    for (uint32_t i = 0; i < row_count; i++) {
        const Node *list = node_item(lists, i);
        uint32_t row_columns;
        TRY(bind_expressions(scope, list, PLACE_VALUES, &rows[i], &row_columns));
        if (row_columns != count) {
            return fail_at(binder, syntax_location(list), SYNTAX_ERROR,
                "VALUES lists must all be the same length");
        }
    }
    RelationColumn *columns = arena_new_array(arena, RelationColumn, count);
    Expression **column = arena_new_array(arena, Expression *, row_count);
    for (uint32_t j = 0; j < count; j++) {
        for (uint32_t i = 0; i < row_count; i++) {
            column[i] = rows[i][j];
        }
        Oid type;
        TRY(select_common_type(binder, column, row_count, "VALUES", &type));
        for (uint32_t i = 0; i < row_count; i++) {
            TRY(coerce_to_common(binder, &rows[i][j], type, "VALUES"));
            column[i] = rows[i][j];
        }
        columns[j] = (RelationColumn){
            .name = arena_format(arena, "column%u", j + 1),
            .type = {.oid = type, .modifier = select_common_modifier(column, row_count, type)},
            .number = (int16_t)(j + 1),
        };
    }
    uint32_t relation = scope_add_relation(scope, (Relation){
                                                      .source = RELATION_OF_VALUES,
                                                      .alias = "*VALUES*",
                                                      .rows = rows,
                                                      .row_count = row_count,
                                                      .column_count = count,
                                                      .columns = columns,
                                                      .location = -1,
                                                  });
    query->from = arena_new(arena, FromItem *);
    query->from[0] = from_leaf(arena, relation);
    query->from_count = 1;
    query->targets = targets_over(arena, relation, columns, count);
    query->target_count = count;
    scope_add_item(scope, scope_item_make(scope, relation));
    TRY(bind_order_by(scope, node_get(statement, FIELD_SORT_CLAUSE), false, &query->targets,
        &query->target_count, &query->sorts, &query->sort_count));
    return bind_limit(scope, statement);
}
