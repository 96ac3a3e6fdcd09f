// Names: which relation and column each one means.
#include "bind/bind_internal.h"

Scope scope_make(Binder *binder, Scope *parent, Query *query) {
    return (Scope){.binder = binder, .parent = parent, .query = query};
}

uint32_t scope_add_relation(Scope *scope, Relation relation) {
    Query *query = scope->query;
    if (query->relation_count == scope->relation_capacity) {
        uint32_t capacity = scope->relation_capacity * 2 + 4;
        Relation *grown = arena_new_array(scope->binder->arena, Relation, capacity);
        if (query->relation_count > 0) {
            memcpy(grown, query->relations, query->relation_count * sizeof *grown);
        }
        query->relations = grown;
        scope->relation_capacity = capacity;
    }
    query->relations[query->relation_count] = relation;
    return query->relation_count++;
}

ScopeItem *scope_item_make(Scope *scope, uint32_t relation_index) {
    Arena *arena = scope->binder->arena;
    const Relation *relation = &scope->query->relations[relation_index];
    ScopeItem *item = arena_new(arena, ScopeItem);
    item->name = relation->alias;
    item->relation = relation_index;
    item->column_count = relation->column_count;
    item->columns = arena_new_array(arena, ScopeColumn, relation->column_count);
    for (uint32_t i = 0; i < relation->column_count; i++) {
        const RelationColumn *column = &relation->columns[i];
        item->columns[i] = (ScopeColumn){
            .name = column->name,
            .relation = relation_index,
            .number = column->number,
            .type = column->type,
        };
    }
    item->name_is_visible = item->columns_are_visible = item->lateral_is_ok = true;
    return item;
}

void scope_add_item(Scope *scope, ScopeItem *item) {
    if (scope->item_count == scope->item_capacity) {
        uint32_t capacity = scope->item_capacity * 2 + 4;
        ScopeItem **grown = arena_new_array(scope->binder->arena, ScopeItem *, capacity);
        if (scope->item_count > 0) {
            memcpy(grown, scope->items, scope->item_count * sizeof *grown);
        }
        scope->items = grown;
        scope->item_capacity = capacity;
    }
    scope->items[scope->item_count++] = item;
}

Status relation_apply_alias(Scope *scope, Relation *relation, const Node *alias) {
    if (alias == NULL) return OK;
    relation->alias = node_get_text(alias, FIELD_ALIASNAME);
    const Node *names = node_get(alias, FIELD_COLNAMES);
    uint32_t count = node_count(names);
    if (count > relation->column_count) {
        return fail_at(scope->binder, relation->location, INVALID_COLUMN_REFERENCE,
            "table \"%s\" has %u columns available but %u columns specified", relation->alias,
            relation->column_count, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        relation->columns[i].name = node_item(names, i)->text;
    }
    return OK;
}

Status scope_add_table(Scope *scope, const TableInfo *table, const Node *alias, int32_t location,
    uint32_t *relation_out, ScopeItem **item_out) {
    Arena *arena = scope->binder->arena;
    Relation relation = {
        .source = RELATION_OF_TABLE,
        .alias = table->name,
        .table = table,
        .location = location,
        .columns = arena_new_array(arena, RelationColumn, table->column_count),
    };
    for (uint32_t i = 0; i < table->column_count; i++) {
        const ColumnInfo *column = &table->columns[i];
        if (column->is_dropped) continue;
        relation.columns[relation.column_count++] = (RelationColumn){
            .name = column->name,
            .type = column->type,
            .number = column->number,
        };
    }
    TRY(relation_apply_alias(scope, &relation, alias));
    *relation_out = scope_add_relation(scope, relation);
    *item_out = scope_item_make(scope, *relation_out);
    if (alias == NULL) (*item_out)->schema = table->schema_name;
    return OK;
}

// ---- Relations by name --------------------------------------------------------------------------

const TableInfo *find_relation_quietly(Binder *binder, const Node *range_var) {
    return catalog_find_table(binder->catalog, node_get_text(range_var, FIELD_SCHEMANAME),
        node_get_text(range_var, FIELD_RELNAME));
}

Status find_relation(Binder *binder, const Node *range_var, const TableInfo **table_out) {
    const char *catalog = node_get_text(range_var, FIELD_CATALOGNAME);
    const char *schema = node_get_text(range_var, FIELD_SCHEMANAME);
    const char *name = node_get_text(range_var, FIELD_RELNAME);
    const char *database = binder->input->database_name;
    if (catalog != NULL && (database == NULL || strcmp(catalog, database) != 0)) {
        return fail_at(binder, node_location(range_var), FEATURE_NOT_SUPPORTED,
            "cross-database references are not implemented: \"%s.%s.%s\"", catalog, schema, name);
    }
    *table_out = catalog_find_table(binder->catalog, schema, name);
    if (*table_out != NULL) return OK;
    if (schema != NULL) {
        return fail_at(binder, node_location(range_var), UNDEFINED_TABLE,
            "relation \"%s.%s\" does not exist", schema, name);
    }
    return fail_at(
        binder, node_location(range_var), UNDEFINED_TABLE, "relation \"%s\" does not exist", name);
}

// ---- Columns by name ----------------------------------------------------------------------------

Expression *scope_column_expression(
    const ScopeColumn *column, Arena *arena, uint32_t levels_up, int32_t location) {
    if (column->expression == NULL) {
        return make_column(
            arena, column->relation, levels_up, column->number, column->type, location);
    }
    Expression *copy = arena_new(arena, Expression);
    *copy = *column->expression;
    copy->location = location;
    if (copy->kind == EXPRESSION_COLUMN) {
        copy->column.levels_up += levels_up;
        return copy;
    }
    // A merged column of a full join, or a cast of one: columns within.
    copy->arguments = arena_new_array(arena, Expression *, copy->argument_count);
    for (uint32_t i = 0; i < copy->argument_count; i++) {
        ScopeColumn part = {.expression = column->expression->arguments[i]};
        copy->arguments[i] = part.expression->kind == EXPRESSION_CONSTANT
                                 ? part.expression
                                 : scope_column_expression(&part, arena, levels_up, location);
    }
    return copy;
}

static bool item_is_usable(const Scope *scope, const ScopeItem *item) {
    return !item->lateral_only || scope->lateral_is_active;
}

static Status check_lateral(Scope *scope, const ScopeItem *item, int32_t location) {
    if (!item->lateral_only || item->lateral_is_ok) return OK;
    Status status = fail_at(scope->binder, location, INVALID_COLUMN_REFERENCE,
        "invalid reference to FROM-clause entry for table \"%s\"", item->name);
    error_add_detail("The combining JOIN type must be INNER or LEFT for a LATERAL reference.");
    return status;
}

// Marks the scopes between a reference and what it means.
static void mark_correlated(Scope *from, const Scope *to) {
    for (Scope *scope = from; scope != to; scope = scope->parent) {
        scope->is_correlated = true;
    }
}

typedef struct Found {
    ScopeItem *item;
    ScopeColumn *column; // NULL: a system column
    int16_t system_number;
    uint32_t levels_up;
    Scope *scope;
} Found;

typedef struct SystemColumn {
    const char *name;
    int16_t number;
    Oid type;
} SystemColumn;

static const SystemColumn *find_system_column(const Relation *relation, const char *name) {
    static const SystemColumn known[] = {{"ctid", -1, TYPE_TID}, {"xmin", -2, TYPE_XID},
        {"cmin", -3, TYPE_CID}, {"xmax", -4, TYPE_XID}, {"cmax", -5, TYPE_CID},
        {"tableoid", -6, TYPE_OID}};
    if (relation->source != RELATION_OF_TABLE) return NULL;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].name, name) == 0) return &known[i];
    }
    return NULL;
}

static Status ambiguous_column(Scope *scope, const char *name, int32_t location) {
    return fail_at(
        scope->binder, location, AMBIGUOUS_COLUMN, "column reference \"%s\" is ambiguous", name);
}

// The item's column of this name; at most one.
static Status find_in_item(
    Scope *scope, ScopeItem *item, const char *name, int32_t location, ScopeColumn **column_out) {
    *column_out = NULL;
    for (uint32_t i = 0; i < item->column_count; i++) {
        ScopeColumn *column = &item->columns[i];
        if (column->name == NULL || strcmp(column->name, name) != 0) continue;
        if (*column_out != NULL) return ambiguous_column(scope, name, location);
        *column_out = column;
    }
    return OK;
}

static Status find_column(
    Scope *scope, const char *name, int32_t location, Found *found_out, bool *is_found_out) {
    uint32_t levels_up = 0;
    for (Scope *at = scope; at != NULL; at = at->parent, levels_up++) {
        Found found = {0};
        for (uint32_t i = 0; i < at->item_count; i++) {
            ScopeItem *item = at->items[i];
            if (!item->columns_are_visible || !item_is_usable(at, item)) continue;
            ScopeColumn *column;
            TRY(find_in_item(scope, item, name, location, &column));
            if (column == NULL) continue;
            if (found.item != NULL) return ambiguous_column(scope, name, location);
            TRY(check_lateral(scope, item, location));
            found = (Found){item, column, 0, levels_up, at};
        }
        if (found.item == NULL && at->query != NULL) {
            // System columns come after all others, of a table that is named alone.
            for (uint32_t i = 0; i < at->item_count && found.item == NULL; i++) {
                ScopeItem *item = at->items[i];
                if (!item->columns_are_visible || item->is_join || !item_is_usable(at, item)) {
                    continue;
                }
                const SystemColumn *system =
                    find_system_column(&at->query->relations[item->relation], name);
                if (system != NULL) found = (Found){item, NULL, system->number, levels_up, at};
            }
        }
        if (found.item != NULL) {
            *found_out = found;
            *is_found_out = true;
            return OK;
        }
    }
    *is_found_out = false;
    return OK;
}

static bool item_has_name(const ScopeItem *item, const char *schema, const char *name) {
    if (!item->name_is_visible || item->name == NULL || strcmp(item->name, name) != 0) return false;
    return schema == NULL || (item->schema != NULL && strcmp(item->schema, schema) == 0);
}

static Status find_item(Scope *scope, const char *schema, const char *name, int32_t location,
    Found *found_out, bool *is_found_out) {
    uint32_t levels_up = 0;
    for (Scope *at = scope; at != NULL; at = at->parent, levels_up++) {
        ScopeItem *found = NULL;
        for (uint32_t i = 0; i < at->item_count; i++) {
            ScopeItem *item = at->items[i];
            if (!item_is_usable(at, item) || !item_has_name(item, schema, name)) continue;
            if (found != NULL) {
                return fail_at(scope->binder, location, AMBIGUOUS_ALIAS,
                    "table reference \"%s\" is ambiguous", name);
            }
            TRY(check_lateral(scope, item, location));
            found = item;
        }
        if (found != NULL) {
            *found_out = (Found){found, NULL, 0, levels_up, at};
            *is_found_out = true;
            return OK;
        }
    }
    *is_found_out = false;
    return OK;
}

// A relation that is there but may not be mentioned here, for the error's hint.
static Status missing_item(Scope *scope, const char *name, int32_t location) {
    Binder *binder = scope->binder;
    for (Scope *at = scope; at != NULL; at = at->parent) {
        for (uint32_t i = 0; at->query != NULL && i < at->query->relation_count; i++) {
            const Relation *relation = &at->query->relations[i];
            const char *alias = relation->alias;
            bool is_named = alias != NULL && strcmp(alias, name) == 0;
            bool is_hidden_by_alias =
                relation->table != NULL && !is_named && strcmp(relation->table->name, name) == 0;
            if (!is_named && !is_hidden_by_alias) continue;
            Status status = fail_at(binder, location, UNDEFINED_TABLE,
                "invalid reference to FROM-clause entry for table \"%s\"", name);
            if (is_hidden_by_alias) {
                error_add_hint("Perhaps you meant to reference the table alias \"%s\".", alias);
            } else {
                error_add_hint("There is an entry for table \"%s\", but it cannot be referenced "
                               "from this part of the query.",
                    name);
            }
            return status;
        }
    }
    return fail_at(
        binder, location, UNDEFINED_TABLE, "missing FROM-clause entry for table \"%s\"", name);
}

// Edit distance, for hints; more than `limit` counts as limit + 1.
static uint32_t edit_distance(const char *a, const char *b, uint32_t limit) {
    enum { NAME_MAX_BYTES = 64 };

    size_t a_count = strlen(a);
    size_t b_count = strlen(b);
    if (a_count >= NAME_MAX_BYTES || b_count >= NAME_MAX_BYTES) return limit + 1;
    uint32_t row[NAME_MAX_BYTES];
    for (uint32_t j = 0; j <= b_count; j++) {
        row[j] = j;
    }
    for (uint32_t i = 1; i <= a_count; i++) {
        uint32_t diagonal = row[0];
        row[0] = i;
        for (uint32_t j = 1; j <= b_count; j++) {
            uint32_t above = row[j];
            uint32_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (above + 1 < best) best = above + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
            diagonal = above;
        }
    }
    return row[b_count] > limit ? limit + 1 : row[b_count];
}

// What is there instead of a column that was not found: one of the same name that may not be
// mentioned here, or the most alike.
typedef struct Similar {
    const char *relation; // the name that was looked for, or NULL
    const char *name;
    const char *hidden_item; // has a column of exactly that name
    const char *item, *column;
    uint32_t distance;
    const char *second_item, *second_column;
} Similar;

enum { SIMILAR_DISTANCE_MAX = 3 };

static void consider_column(
    Similar *similar, const char *item, uint32_t item_distance, const char *column) {
    if (column == NULL || similar->hidden_item != NULL) return;
    if (item_distance == 0 && strcmp(column, similar->name) == 0) {
        similar->hidden_item = item;
        return;
    }
    uint32_t distance = edit_distance(similar->name, column, SIMILAR_DISTANCE_MAX);
    // As PostgreSQL: never more than half of the name.
    if (distance > SIMILAR_DISTANCE_MAX || distance > strlen(similar->name) / 2) return;
    distance += item_distance;
    if (distance < similar->distance) {
        similar->item = item;
        similar->column = column;
        similar->distance = distance;
        similar->second_item = NULL;
    } else if (distance == similar->distance && similar->item != NULL) {
        similar->second_item = item;
        similar->second_column = column;
    }
}

static void consider_relation(Similar *similar, const Relation *relation) {
    if (relation->source == RELATION_OF_JOIN || relation->alias == NULL) return;
    uint32_t distance = similar->relation == NULL ? 0
                                                  : edit_distance(similar->relation,
                                                      relation->alias, SIMILAR_DISTANCE_MAX);
    for (uint32_t i = 0; i < relation->column_count; i++) {
        consider_column(similar, relation->alias, distance, relation->columns[i].name);
    }
}

// The sides of a set operation, under the names that PostgreSQL gives them.
static void consider_set(
    Arena *arena, Similar *similar, const SetTree *tree, uint32_t *leaf_count) {
    if (tree->operation != SET_NONE) {
        consider_set(arena, similar, tree->left, leaf_count);
        consider_set(arena, similar, tree->right, leaf_count);
        return;
    }
    const char *name = arena_format(arena, "*SELECT* %u", ++*leaf_count);
    uint32_t count = query_visible_count(tree->query);
    for (uint32_t i = 0; i < count && similar->relation == NULL; i++) {
        consider_column(similar, name, 0, tree->query->targets[i].name);
    }
}

static Status missing_column(
    Scope *scope, const char *relation, const char *name, int32_t location) {
    Similar similar = {
        .relation = relation,
        .name = name,
        .distance = SIMILAR_DISTANCE_MAX + 1,
    };
    for (Scope *at = scope; at != NULL; at = at->parent) {
        for (uint32_t i = 0; at->query != NULL && i < at->query->relation_count; i++) {
            consider_relation(&similar, &at->query->relations[i]);
        }
        uint32_t leaf_count = 0;
        if (at->query != NULL && at->query->set != NULL) {
            consider_set(scope->binder->arena, &similar, at->query->set, &leaf_count);
        }
    }
    Status status;
    if (relation != NULL) {
        status = fail_at(scope->binder, location, UNDEFINED_COLUMN, "column %s.%s does not exist",
            relation, name);
    } else {
        status = fail_at(
            scope->binder, location, UNDEFINED_COLUMN, "column \"%s\" does not exist", name);
    }
    if (similar.hidden_item != NULL) {
        error_add_hint("There is a column named \"%s\" in table \"%s\", but it cannot be "
                       "referenced from this part of the query.",
            name, similar.hidden_item);
    } else if (similar.item != NULL && similar.second_item == NULL) {
        error_add_hint(
            "Perhaps you meant to reference the column \"%s.%s\".", similar.item, similar.column);
    } else if (similar.item != NULL) {
        error_add_hint("Perhaps you meant to reference the column \"%s.%s\" or the column "
                       "\"%s.%s\".",
            similar.item, similar.column, similar.second_item, similar.second_column);
    }
    return status;
}

static Expression *found_column(Scope *scope, const Found *found, int32_t location) {
    mark_correlated(scope, found->scope);
    Arena *arena = scope->binder->arena;
    if (found->column != NULL) {
        return scope_column_expression(found->column, arena, found->levels_up, location);
    }
    const Relation *relation = &found->scope->query->relations[found->item->relation];
    static const Oid types[] = {0, TYPE_TID, TYPE_XID, TYPE_CID, TYPE_XID, TYPE_CID, TYPE_OID};
    (void)relation;
    return make_column(arena, found->item->relation, found->levels_up, found->system_number,
        sql_type(types[-found->system_number]), location);
}

// A relation's name alone: its row.
static Status whole_row(Scope *scope, const Found *found, int32_t location, Expression **out) {
    const ScopeItem *item = found->item;
    if (item->is_scalar_function) {
        mark_correlated(scope, found->scope);
        *out = scope_column_expression(
            &item->columns[0], scope->binder->arena, found->levels_up, location);
        return OK;
    }
    // A row that an outer join left out would have to be NULL, and a row of NULLs is not.
    if (found->scope->has_outer_join) {
        return not_supported(scope->binder, "whole rows in outer joins", location);
    }
    mark_correlated(scope, found->scope);
    const Relation *relation = &found->scope->query->relations[item->relation];
    Oid type = relation->table != NULL ? relation->table->row_type : TYPE_RECORD;
    Expression *row =
        expression_make(scope->binder->arena, EXPRESSION_ROW, sql_type(type), location);
    row->argument_count = item->column_count;
    row->arguments = arena_new_array(scope->binder->arena, Expression *, item->column_count);
    for (uint32_t i = 0; i < item->column_count; i++) {
        row->arguments[i] = scope_column_expression(
            &item->columns[i], scope->binder->arena, found->levels_up, location);
    }
    *out = row;
    return OK;
}

static Status bind_unqualified(Scope *scope, const char *name, int32_t location, Expression **out) {
    Found found;
    bool is_found = false;
    TRY(find_column(scope, name, location, &found, &is_found));
    if (is_found) {
        *out = found_column(scope, &found, location);
        return OK;
    }
    TRY(find_item(scope, NULL, name, location, &found, &is_found));
    if (is_found) return whole_row(scope, &found, location, out);
    return missing_column(scope, NULL, name, location);
}

static Status bind_qualified(Scope *scope, const char *schema, const char *relation,
    const char *name, int32_t location, Expression **out) {
    Found found;
    bool is_found = false;
    TRY(find_item(scope, schema, relation, location, &found, &is_found));
    if (!is_found) return missing_item(scope, relation, location);
    TRY(find_in_item(scope, found.item, name, location, &found.column));
    if (found.column == NULL && found.item->is_join) {
        return missing_column(scope, relation, name, location);
    }
    if (found.column == NULL) {
        const SystemColumn *system =
            find_system_column(&found.scope->query->relations[found.item->relation], name);
        if (system == NULL) return missing_column(scope, relation, name, location);
        found.system_number = system->number;
    }
    *out = found_column(scope, &found, location);
    return OK;
}

static Status check_place(Scope *scope, int32_t location) {
    if (scope->place == PLACE_DEFAULT) {
        return fail_at(scope->binder, location, FEATURE_NOT_SUPPORTED,
            "cannot use column reference in DEFAULT expression");
    }
    return OK;
}

// The relation, and its schema, before a column's name or a star.
static Status read_qualifiers(Scope *scope, const Node *names, uint32_t count, int32_t location,
    const char **schema_out, const char **relation_out) {
    *schema_out = *relation_out = NULL;
    if (count >= 1) *relation_out = node_item(names, count - 1)->text;
    if (count >= 2) *schema_out = node_item(names, count - 2)->text;
    if (count == 3) {
        const char *catalog = node_item(names, 0)->text;
        const char *database = scope->binder->input->database_name;
        if (database == NULL || strcmp(catalog, database) != 0) {
            return fail_at(scope->binder, location, FEATURE_NOT_SUPPORTED,
                "cross-database references are not implemented: %s",
                name_list_text(scope->binder, names));
        }
    }
    if (count > 3) {
        return fail_at(scope->binder, location, SYNTAX_ERROR,
            "improper qualified name (too many dotted names): %s",
            name_list_text(scope->binder, names));
    }
    return OK;
}

Status bind_column_reference(Scope *scope, const Node *node, Expression **out) {
    int32_t location = node_location(node);
    TRY(check_place(scope, location));
    const Node *names = node_get(node, FIELD_FIELDS);
    uint32_t count = node_count(names);
    const Node *last = node_item(names, count - 1);
    bool is_row = node_kind(last) == NODE_A_STAR;
    const char *schema, *relation;
    TRY(read_qualifiers(scope, names, count - 1, location, &schema, &relation));
    if (is_row) {
        // t.* as one value, in a function's arguments and the like.
        Found found;
        bool is_found = false;
        if (relation == NULL) {
            return fail_at(scope->binder, location, SYNTAX_ERROR,
                "row expansion via \"*\" is "
                "not supported here");
        }
        TRY(find_item(scope, schema, relation, location, &found, &is_found));
        if (!is_found) return missing_item(scope, relation, location);
        return whole_row(scope, &found, location, out);
    }
    if (relation == NULL) return bind_unqualified(scope, last->text, location, out);
    return bind_qualified(scope, schema, relation, last->text, location, out);
}

Status bind_field(Scope *scope, const Node *reference, const char *field, Expression **out) {
    *out = NULL;
    const Node *names = node_get(reference, FIELD_FIELDS);
    uint32_t count = node_count(names);
    int32_t location = node_location(reference);
    const char *schema, *relation;
    if (node_kind(reference) != NODE_COLUMN_REF || count == 0
        || node_kind(node_item(names, count - 1)) != NODE_TEXT) {
        return OK;
    }
    TRY(read_qualifiers(scope, names, count, location, &schema, &relation));
    Found found;
    bool is_found = false;
    // A column of that name comes before a relation.
    if (count == 1) TRY(find_column(scope, relation, location, &found, &is_found));
    if (is_found) return OK;
    TRY(find_item(scope, schema, relation, location, &found, &is_found));
    if (!is_found || found.item->is_scalar_function) return OK;
    return bind_qualified(scope, schema, relation, field, location, out);
}

// ---- Stars --------------------------------------------------------------------------------------

static void push_target(
    Arena *arena, Target target, Target **targets, uint32_t *count, uint32_t *capacity) {
    if (*count == *capacity) {
        uint32_t grown_capacity = *capacity * 2 + 8;
        Target *grown = arena_new_array(arena, Target, grown_capacity);
        if (*count > 0) memcpy(grown, *targets, *count * sizeof *grown);
        *targets = grown;
        *capacity = grown_capacity;
    }
    (*targets)[(*count)++] = target;
}

static void expand_item(Scope *scope, const ScopeItem *item, uint32_t levels_up, int32_t location,
    Target **targets, uint32_t *count, uint32_t *capacity) {
    for (uint32_t i = 0; i < item->column_count; i++) {
        const ScopeColumn *column = &item->columns[i];
        if (column->name == NULL) continue;
        Target target = {
            .expression =
                scope_column_expression(column, scope->binder->arena, levels_up, location),
            .name = column->name,
        };
        push_target(scope->binder->arena, target, targets, count, capacity);
    }
}

Status expand_star(
    Scope *scope, const Node *reference, Target **targets, uint32_t *count, uint32_t *capacity) {
    const Node *names = node_get(reference, FIELD_FIELDS);
    int32_t location = node_location(reference);
    uint32_t name_count = node_count(names);
    if (name_count > 1) {
        const char *schema, *relation;
        TRY(read_qualifiers(scope, names, name_count - 1, location, &schema, &relation));
        Found found;
        bool is_found = false;
        TRY(find_item(scope, schema, relation, location, &found, &is_found));
        if (!is_found) return missing_item(scope, relation, location);
        mark_correlated(scope, found.scope);
        expand_item(scope, found.item, found.levels_up, location, targets, count, capacity);
        return OK;
    }
    bool found_one = false;
    for (uint32_t i = 0; i < scope->item_count; i++) {
        const ScopeItem *item = scope->items[i];
        if (!item->columns_are_visible || item->lateral_only) continue;
        found_one = true;
        expand_item(scope, item, 0, location, targets, count, capacity);
    }
    if (!found_one) {
        return fail_at(scope->binder, location, SYNTAX_ERROR,
            "SELECT * with no tables specified is not valid");
    }
    return OK;
}
