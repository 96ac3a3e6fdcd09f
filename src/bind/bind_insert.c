// INSERT: values for every column, from VALUES or a query, and ON CONFLICT.
#include "bind/bind_internal.h"

// What an INSERT writes to: the columns named, or all of them in order.
typedef struct Insert {
    const Node *statement;
    const TableInfo *table;
    const ColumnInfo **columns;
    int32_t *locations; // of their names, for errors
    uint32_t column_count;
    bool has_list, overrides_system, overrides_user;
} Insert;

static Status read_columns(Scope *scope, Insert *insert) {
    Binder *binder = scope->binder;
    const TableInfo *table = insert->table;
    const Node *list = node_get(insert->statement, FIELD_COLS);
    uint32_t listed = node_count(list);
    uint32_t capacity = listed > table->column_count ? listed : table->column_count;
    insert->columns = arena_new_array(binder->arena, const ColumnInfo *, capacity);
    insert->locations = arena_new_array(binder->arena, int32_t, capacity);
    insert->has_list = listed > 0;
    for (uint32_t i = 0; !insert->has_list && i < table->column_count; i++) {
        if (table->columns[i].is_dropped) continue;
        insert->locations[insert->column_count] = -1;
        insert->columns[insert->column_count++] = &table->columns[i];
    }
    for (uint32_t i = 0; i < listed; i++) {
        const Node *item = node_item(list, i);
        const char *name = node_get_text(item, FIELD_NAME);
        const ColumnInfo *column = table_info_find_column(table, name);
        if (column == NULL || column->is_dropped) {
            return fail_at(binder, node_location(item), UNDEFINED_COLUMN,
                "column \"%s\" of relation \"%s\" does not exist", name, table->name);
        }
        if (node_count(node_get(item, FIELD_INDIRECTION)) > 0) {
            return not_supported(binder, "assignment to part of a column", node_location(item));
        }
        for (uint32_t j = 0; j < i; j++) {
            if (insert->columns[j] != column) continue;
            return fail_at(binder, node_location(item), DUPLICATE_COLUMN,
                "column \"%s\" specified more than once", name);
        }
        insert->locations[insert->column_count] = node_location(item);
        insert->columns[insert->column_count++] = column;
    }
    return OK;
}

static Status check_width(
    Scope *scope, const Insert *insert, uint32_t width, int32_t extra_location) {
    if (width > insert->column_count) {
        return fail_at(scope->binder, extra_location, SYNTAX_ERROR,
            "INSERT has more expressions than target columns");
    }
    if (insert->has_list && width < insert->column_count) {
        return fail_at(scope->binder, insert->locations[width], SYNTAX_ERROR,
            "INSERT has more target columns than expressions");
    }
    return OK;
}

static Status refuse_identity(const ColumnInfo *column) {
    Status status = fail(
        GENERATED_ALWAYS, "cannot insert a non-DEFAULT value into column \"%s\"", column->name);
    error_add_detail(
        "Column \"%s\" is an identity column defined as GENERATED ALWAYS.", column->name);
    error_add_hint("Use OVERRIDING SYSTEM VALUE to override.");
    return status;
}

// A value given for a column, or its default where the value is overridden.
static Status take_value(Scope *scope, const Insert *insert, const ColumnInfo *column,
    Expression *value, Expression **out) {
    if (column->identity == 'a' && !insert->overrides_system && !insert->overrides_user) {
        return refuse_identity(column);
    }
    if (column->identity != 0 && insert->overrides_user) {
        return column_default(scope->binder, insert->table, column, out);
    }
    return bind_assigned_value(scope, insert->table, column, value, out);
}

// One row of VALUES, cast to the columns.
static Status bind_row(Scope *scope, const Insert *insert, const Node *list, Expression **values) {
    Binder *binder = scope->binder;
    uint32_t count = node_count(list);
    TRY(check_width(scope, insert, count, syntax_location(node_item(list, insert->column_count))));
    // All are bound before any is cast, so that errors come in PostgreSQL's order.
    for (uint32_t i = 0; i < count; i++) {
        const Node *item = node_item(list, i);
        if (node_kind(item) == NODE_SET_TO_DEFAULT) continue;
        TRY(bind_expression(scope, item, PLACE_INSERT_VALUES, &values[i]));
    }
    for (uint32_t i = 0; i < count; i++) {
        if (values[i] == NULL) {
            TRY(column_default(binder, insert->table, insert->columns[i], &values[i]));
        } else {
            TRY(take_value(scope, insert, insert->columns[i], values[i], &values[i]));
        }
    }
    return OK;
}

// Targets for all columns in attnum order: `values` where they are given, defaults elsewhere.
static Status make_targets(
    Scope *scope, const Insert *insert, Expression **values, uint32_t value_count) {
    Query *query = scope->query;
    const TableInfo *table = insert->table;
    query->targets = arena_new_array(scope->binder->arena, Target, table->column_count);
    for (uint32_t i = 0; i < table->column_count; i++) {
        const ColumnInfo *column = &table->columns[i];
        if (column->is_dropped) continue;
        Target *target = &query->targets[query->target_count++];
        target->name = column->name;
        target->column = column->number;
        for (uint32_t j = 0; j < value_count; j++) {
            if (insert->columns[j] == column) target->expression = values[j];
        }
        if (target->expression == NULL) {
            TRY(column_default(scope->binder, table, column, &target->expression));
        }
    }
    return OK;
}

// Values by columns of the source, which is relation 1.
static Status add_source(Scope *scope, const Insert *insert, Query *source, bool needs_casts) {
    Binder *binder = scope->binder;
    uint32_t count = query_visible_count(source);
    RelationColumn *columns = arena_new_array(binder->arena, RelationColumn, count);
    Expression **values = arena_new_array(binder->arena, Expression *, count);
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = (RelationColumn){
            .name = source->targets[i].name,
            .type = source->targets[i].expression->type,
            .number = (int16_t)(i + 1),
        };
    }
    uint32_t relation = scope_add_relation(scope, (Relation){
                                                      .source = RELATION_OF_SUBQUERY,
                                                      .alias = "*SELECT*",
                                                      .query = source,
                                                      .column_count = count,
                                                      .columns = columns,
                                                      .location = -1,
                                                  });
    for (uint32_t i = 0; i < count; i++) {
        values[i] = make_column(binder->arena, relation, 0, (int16_t)(i + 1), columns[i].type,
            expression_location(source->targets[i].expression));
        if (needs_casts) {
            TRY(take_value(scope, insert, insert->columns[i], values[i], &values[i]));
        }
    }
    scope->query->source = source;
    return make_targets(scope, insert, values, count);
}

// Several rows: a VALUES relation whose columns have the target columns' types already.
static Status bind_rows(Scope *scope, const Insert *insert, const Node *lists) {
    Binder *binder = scope->binder;
    Arena *arena = binder->arena;
    uint32_t row_count = node_count(lists);
    uint32_t width = node_count(node_item(lists, 0));
    Query *source = arena_new(arena, Query);
    Scope inner = scope_make(binder, scope, source);
    Expression ***rows = arena_new_array(arena, Expression **, row_count);
    for (uint32_t i = 0; i < row_count; i++) {
        const Node *list = node_item(lists, i);
        if (node_count(list) != width) {
            return fail_at(binder, syntax_location(list), SYNTAX_ERROR,
                "VALUES lists must all be the same length");
        }
        rows[i] = arena_new_array(arena, Expression *, width);
        inner.place = PLACE_VALUES;
        TRY(bind_row(&inner, insert, list, rows[i]));
    }
    RelationColumn *columns = arena_new_array(arena, RelationColumn, width);
    source->targets = arena_new_array(arena, Target, width);
    for (uint32_t i = 0; i < width; i++) {
        columns[i] = (RelationColumn){
            .name = insert->columns[i]->name,
            .type = insert->columns[i]->type,
            .number = (int16_t)(i + 1),
        };
        source->targets[i].name = columns[i].name;
        source->targets[i].expression =
            make_column(arena, 0, 0, columns[i].number, columns[i].type, -1);
    }
    source->target_count = width;
    scope_add_relation(&inner, (Relation){
                                   .source = RELATION_OF_VALUES,
                                   .alias = "*VALUES*",
                                   .rows = rows,
                                   .row_count = row_count,
                                   .column_count = width,
                                   .columns = columns,
                                   .location = -1,
                               });
    source->from = arena_new(arena, FromItem *);
    source->from[0] = from_leaf(arena, 0);
    source->from_count = 1;
    return add_source(scope, insert, source, false);
}

static Status bind_source(Scope *scope, const Insert *insert) {
    Binder *binder = scope->binder;
    const Node *select = node_get(insert->statement, FIELD_SELECT_STMT);
    if (select == NULL) return make_targets(scope, insert, NULL, 0); // DEFAULT VALUES
    const Node *lists = node_get(select, FIELD_VALUES_LISTS);
    bool is_plain = node_count(lists) > 0 && !node_has(select, FIELD_SORT_CLAUSE)
                    && !node_has(select, FIELD_LIMIT_COUNT) && !node_has(select, FIELD_LIMIT_OFFSET)
                    && !node_has(select, FIELD_WITH_CLAUSE);
    if (is_plain && node_count(lists) == 1) {
        const Node *list = node_item(lists, 0);
        Expression **values = arena_new_array(binder->arena, Expression *, node_count(list) + 1);
        // The table's own columns cannot be mentioned here.
        uint32_t item_count = scope->item_count;
        scope->item_count = 0;
        Status status = bind_row(scope, insert, list, values);
        scope->item_count = item_count;
        TRY(status);
        return make_targets(scope, insert, values, node_count(list));
    }
    uint32_t item_count = scope->item_count;
    scope->item_count = 0;
    Status status;
    if (is_plain) {
        status = bind_rows(scope, insert, lists);
    } else {
        Query *source;
        bool is_correlated;
        status = bind_query(binder, scope, select, false, &source, &is_correlated);
        if (status == OK) {
            uint32_t count = query_visible_count(source);
            status = check_width(scope, insert, count,
                count > insert->column_count
                    ? expression_location(source->targets[insert->column_count].expression)
                    : -1);
            // Unknown literals take their column's type where they stand.
            for (uint32_t i = 0; status == OK && i < count; i++) {
                Expression **given = &source->targets[i].expression;
                if ((*given)->type.oid != TYPE_UNKNOWN) continue;
                Oid type = insert->columns[i]->type.oid;
                status = coerce(binder, *given, sql_type(type), CAST_ASSIGNMENT, -1, given);
            }
            if (status == OK) status = add_source(scope, insert, source, true);
        }
    }
    scope->item_count = item_count;
    return status;
}

// ---- ON CONFLICT --------------------------------------------------------------------------------

static bool index_has_columns(
    const IndexInfo *index, const int16_t *columns, uint32_t column_count) {
    if (!index->is_unique) return false;
    // As sets: the same columns in any order.
    for (uint32_t i = 0; i < index->column_count; i++) {
        bool is_listed = false;
        for (uint32_t j = 0; j < column_count; j++) {
            is_listed |= columns[j] == index->columns[i];
        }
        if (!is_listed) return false;
    }
    for (uint32_t j = 0; j < column_count; j++) {
        bool is_indexed = false;
        for (uint32_t i = 0; i < index->column_count; i++) {
            is_indexed |= columns[j] == index->columns[i];
        }
        if (!is_indexed) return false;
    }
    return true;
}

static Status infer_by_columns(
    Scope *scope, const TableInfo *table, const Node *infer, uint32_t *index_out) {
    Binder *binder = scope->binder;
    const Node *elements = node_get(infer, FIELD_INDEX_ELEMS);
    uint32_t count = node_count(elements);
    int16_t *columns = arena_new_array(binder->arena, int16_t, count);
    if (node_has(infer, FIELD_WHERE_CLAUSE)) {
        return not_supported(binder, "partial indexes", node_location(infer));
    }
    for (uint32_t i = 0; i < count; i++) {
        const Node *element = node_item(elements, i);
        const char *name = node_get_text(element, FIELD_NAME);
        if (name == NULL) {
            return not_supported(binder, "indexes of expressions", node_location(infer));
        }
        const ColumnInfo *column = table_info_find_column(table, name);
        if (column == NULL || column->is_dropped) {
            return fail_at(binder, node_location(infer), UNDEFINED_COLUMN,
                "column \"%s\" does not exist", name);
        }
        columns[i] = column->number;
    }
    for (uint32_t i = 0; i < table->index_count; i++) {
        if (index_has_columns(&table->indexes[i], columns, count)) {
            *index_out = table->indexes[i].index_number;
            return OK;
        }
    }
    return fail(INVALID_COLUMN_REFERENCE,
        "there is no unique or exclusion constraint matching the ON CONFLICT specification");
}

static Status infer_by_name(
    Scope *scope, const TableInfo *table, const char *name, uint32_t *index_out) {
    for (uint32_t i = 0; i < table->index_count; i++) {
        const IndexInfo *index = &table->indexes[i];
        if (index->constraint == 0 || strcmp(index->name, name) != 0) continue;
        *index_out = index->index_number;
        return OK;
    }
    (void)scope;
    return fail(
        UNDEFINED_OBJECT, "constraint \"%s\" for table \"%s\" does not exist", name, table->name);
}

static Status bind_on_conflict(Scope *scope, const Insert *insert, ScopeItem *own_item) {
    const Node *clause = node_get(insert->statement, FIELD_ON_CONFLICT_CLAUSE);
    if (clause == NULL) return OK;
    Binder *binder = scope->binder;
    const TableInfo *table = insert->table;
    OnConflict *conflict = arena_new(binder->arena, OnConflict);
    const char *action = node_get_text(clause, FIELD_ACTION);
    conflict->is_update = action != NULL && strcmp(action, "ONCONFLICT_UPDATE") == 0;
    const Node *infer = node_get(clause, FIELD_INFER);
    conflict->arbiter_index = ARBITER_ANY;
    if (conflict->is_update && infer == NULL) {
        Status status = fail_at(binder, node_location(clause), SYNTAX_ERROR,
            "ON CONFLICT DO UPDATE requires inference specification or constraint name");
        error_add_hint("For example, ON CONFLICT (column_name).");
        return status;
    }
    if (infer != NULL) {
        const char *name = node_get_text(infer, FIELD_CONNAME);
        if (name != NULL) {
            TRY(infer_by_name(scope, table, name, &conflict->arbiter_index));
        } else {
            TRY(infer_by_columns(scope, table, infer, &conflict->arbiter_index));
        }
    }
    scope->query->on_conflict = conflict;
    if (!conflict->is_update) return OK;

    // DO UPDATE sees the row in the way under the table's name, and the new one as "excluded".
    uint32_t relation;
    ScopeItem *excluded;
    TRY(scope_add_table(scope, table, NULL, -1, &relation, &excluded));
    scope->query->relations[relation].alias = "excluded";
    excluded->name = "excluded";
    excluded->schema = NULL;
    conflict->excluded_relation = relation;
    uint32_t item_count = scope->item_count;
    scope->item_count = 0;
    scope_add_item(scope, own_item);
    scope_add_item(scope, excluded);
    TRY(bind_update_targets(scope, node_get(clause, FIELD_TARGET_LIST), table,
        &conflict->assignments, &conflict->assignment_count));
    TRY(bind_condition(
        scope, node_get(clause, FIELD_WHERE_CLAUSE), PLACE_WHERE, "WHERE", &conflict->condition));
    scope->item_count = 0;
    scope_add_item(scope, own_item);
    scope->item_count = item_count;
    return OK;
}

Status bind_insert(Scope *scope, const Node *statement) {
    Binder *binder = scope->binder;
    Query *query = scope->query;
    query->kind = QUERY_INSERT;
    TRY(bind_with_clause(scope, node_get(statement, FIELD_WITH_CLAUSE)));
    const Node *range_var = node_get(statement, FIELD_RELATION);
    Insert insert = {.statement = statement};
    TRY(find_relation(binder, range_var, &insert.table));
    TRY(require_writable(binder, insert.table, "insert into", node_location(range_var)));
    uint32_t relation;
    ScopeItem *own_item;
    TRY(scope_add_table(scope, insert.table, node_get(range_var, FIELD_ALIAS),
        node_location(range_var), &relation, &own_item));
    scope_add_item(scope, own_item);
    query->result_relation = relation;

    const char *override = node_get_text(statement, FIELD_OVERRIDE);
    insert.overrides_system = override != NULL && strcmp(override, "OVERRIDING_SYSTEM_VALUE") == 0;
    insert.overrides_user = override != NULL && strcmp(override, "OVERRIDING_USER_VALUE") == 0;
    TRY(read_columns(scope, &insert));
    TRY(bind_source(scope, &insert));
    TRY(bind_on_conflict(scope, &insert, own_item));
    TRY(bind_returning(scope, node_get(statement, FIELD_RETURNING_LIST)));
    TRY(bind_checks(scope, insert.table));
    finish_with_clause(scope);
    return OK;
}
