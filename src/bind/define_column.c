// Columns and constraints of a table's definition.
#include "bind/define.h"

#define GROW(draft, list, Type)                                                                    \
    do {                                                                                           \
        if ((draft)->list##_count == (draft)->list##_capacity) {                                   \
            uint32_t grown_capacity = (draft)->list##_capacity * 2 + 8;                            \
            Type *grown = arena_new_array((draft)->binder->arena, Type, grown_capacity);           \
            if ((draft)->list##_count > 0) {                                                       \
                memcpy(grown, (draft)->list##s, (draft)->list##_count * sizeof *grown);            \
            }                                                                                      \
            (draft)->list##s = grown;                                                              \
            (draft)->list##_capacity = grown_capacity;                                             \
        }                                                                                          \
    } while (0)

// ---- Values known at definition -----------------------------------------------------------------

static Status evaluate_arguments(
    Binder *binder, const Expression *expression, Value *values, bool *is_known_out) {
    for (uint32_t i = 0; i < expression->argument_count && *is_known_out; i++) {
        TRY(evaluate_constant(binder, expression->arguments[i], &values[i], is_known_out));
    }
    return OK;
}

static Status evaluate_call(
    Binder *binder, const Expression *expression, const Value *values, Value *value_out) {
    Oid *types = arena_new_array(binder->arena, Oid, expression->argument_count);
    const FunctionInfo *function = function_find(expression->function);
    for (uint32_t i = 0; i < expression->argument_count; i++) {
        types[i] = expression->arguments[i]->type.oid;
        if (values[i].is_null && function->is_strict) {
            *value_out = value_null();
            return OK;
        }
    }
    FunctionContext context = *binder->input->functions;
    return function_call(&context, expression->function, expression->type, types, values,
        expression->argument_count, binder->arena, value_out);
}

static Status evaluate_by_text(
    Binder *binder, const Expression *expression, const Value *argument, Value *value_out) {
    const ValueContext *context = &binder->input->functions->values;
    Text text;
    text_init(&text, binder->arena);
    text_reserve(&text, 1);
    TRY(value_to_text(context, expression->arguments[0]->type.oid, argument, &text));
    return value_from_text(context, sql_type(expression->type.oid),
        text.count == 0 ? "" : text.data, text.count, binder->arena, value_out);
}

Status evaluate_constant(
    Binder *binder, const Expression *expression, Value *value_out, bool *is_known_out) {
    if (expression->kind == EXPRESSION_CONSTANT) {
        *value_out = expression->constant;
        return OK;
    }
    if (binder->input->functions == NULL || expression->argument_count > 8
        || expression->argument_count == 0) {
        *is_known_out = false;
        return OK;
    }
    Value values[8];
    TRY(evaluate_arguments(binder, expression, values, is_known_out));
    if (!*is_known_out) return OK;
    switch ((int)expression->kind) {
    case EXPRESSION_RELABEL:
        *value_out = values[0];
        return OK;
    case EXPRESSION_CALL:
        if (expression_is_volatile(expression)) break;
        return evaluate_call(binder, expression, values, value_out);
    case EXPRESSION_CAST_BY_TEXT:
        *value_out = values[0];
        if (values[0].is_null) return OK;
        return evaluate_by_text(binder, expression, &values[0], value_out);
    case EXPRESSION_MODIFIER: {
        *value_out = values[0];
        const TypeOps *ops = type_ops(expression->type.oid);
        if (values[0].is_null || ops == NULL || ops->modifier_apply == NULL) return OK;
        return ops->modifier_apply(&values[0].datum, expression->type.modifier,
            expression->is_explicit, binder->arena, &value_out->datum);
    }
    default:
        break;
    }
    *is_known_out = false;
    return OK;
}

// ---- DEFAULT ------------------------------------------------------------------------------------

Status bind_default(Binder *binder, const char *column_name, SqlType type, const Node *node,
    const char **text_out, bool *has_value_out, Value *value_out) {
    Scope scope = scope_make(binder, NULL, NULL);
    Expression *given, *value;
    TRY(bind_expression(&scope, node, PLACE_DEFAULT, &given));
    Oid given_type = given->type.oid;
    if (scope.has_set_functions) {
        return fail_at(binder, expression_location(given), FEATURE_NOT_SUPPORTED,
            "set-returning functions are not allowed in DEFAULT expressions");
    }
    TRY(coerce_to_target(binder, given, type, CAST_ASSIGNMENT, -1, &value));
    if (value == NULL) {
        Status status = fail(DATATYPE_MISMATCH,
            "column \"%s\" is of type %s but default expression is of type %s", column_name,
            type_name_text(binder, type.oid), type_name_text(binder, given_type));
        error_add_hint("You will need to rewrite or cast the expression.");
        return status;
    }
    *text_out = NULL;
    if (has_value_out != NULL) {
        *has_value_out = true;
        TRY(evaluate_constant(binder, value, value_out, has_value_out));
    }
    // DEFAULT NULL is no default at all.
    bool is_null = value->kind == EXPRESSION_CONSTANT && value->constant.is_null;
    if (is_null) return OK;
    Text text;
    text_init(&text, binder->arena);
    expression_to_text(value, &text);
    *text_out = text.data;
    return OK;
}

// ---- CHECK --------------------------------------------------------------------------------------

static Status draft_scope(TableDraft *draft, Scope *scope) {
    Binder *binder = draft->binder;
    const TableInfo *existing = draft->existing;
    uint32_t old_count = existing == NULL ? 0 : existing->column_count;
    Relation relation = {
        .source = RELATION_OF_TABLE,
        .alias = draft->table_name,
        .table = existing,
        .columns = arena_new_array(binder->arena, RelationColumn, old_count + draft->column_count),
        .location = -1,
    };
    for (uint32_t i = 0; i < old_count; i++) {
        if (existing->columns[i].is_dropped) continue;
        relation.columns[relation.column_count++] = (RelationColumn){
            .name = existing->columns[i].name,
            .type = existing->columns[i].type,
            .number = existing->columns[i].number,
        };
    }
    for (uint32_t i = 0; i < draft->column_count; i++) {
        relation.columns[relation.column_count++] = (RelationColumn){
            .name = draft->columns[i].name,
            .type = draft->columns[i].type,
            .number = (int16_t)(old_count + i + 1),
        };
    }
    *scope = scope_make(binder, NULL, arena_new(binder->arena, Query));
    scope_add_relation(scope, relation);
    scope_add_item(scope, scope_item_make(scope, 0));
    return OK;
}

typedef struct Names {
    const Relation *relation;
    const char **names;
    uint32_t count;
    bool has_system_column;
} Names;

static bool collect_name(void *argument, Expression *expression) {
    Names *names = argument;
    if (expression->kind == EXPRESSION_COLUMN) {
        if (expression->column.number < 0) names->has_system_column = true;
        for (uint32_t i = 0; i < names->relation->column_count; i++) {
            const RelationColumn *column = &names->relation->columns[i];
            if (column->number != expression->column.number) continue;
            for (uint32_t j = 0; j < names->count; j++) {
                if (names->names[j] == column->name) return true;
            }
            names->names[names->count++] = column->name;
        }
    }
    return expression_visit_parts(expression, collect_name, names);
}

Status draft_bind_check(TableDraft *draft, const PendingCheck *pending, CheckDefinition *check_out,
    Expression **expression_out) {
    Binder *binder = draft->binder;
    Scope scope;
    TRY(draft_scope(draft, &scope));
    Expression *condition;
    TRY(bind_condition(&scope, pending->expression, PLACE_CHECK, "CHECK", &condition));
    const Relation *relation = &scope.query->relations[0];
    Names names = {
        .relation = relation,
        .names = arena_new_array(binder->arena, const char *, relation->column_count),
    };
    collect_name(&names, condition);
    if (names.has_system_column) {
        return not_supported(binder, "system columns in CHECK constraints", -1);
    }
    Text text;
    text_init(&text, binder->arena);
    expression_to_text(condition, &text);
    *check_out = (CheckDefinition){
        .name = pending->name,
        .expression_text = text.data,
        .column_names = names.names,
        .column_name_count = names.count,
    };
    if (expression_out != NULL) *expression_out = condition;
    return OK;
}

// ---- Keys ---------------------------------------------------------------------------------------

static ColumnDefinition *draft_find_column(TableDraft *draft, const char *name) {
    for (uint32_t i = 0; i < draft->column_count; i++) {
        if (strcmp(draft->columns[i].name, name) == 0) return &draft->columns[i];
    }
    return NULL;
}

static Status check_key_columns(TableDraft *draft, const KeyDefinition *key, int32_t location) {
    for (uint32_t i = 0; i < key->column_count; i++) {
        const char *name = key->columns[i];
        ColumnDefinition *column = draft_find_column(draft, name);
        const ColumnInfo *old =
            draft->existing == NULL ? NULL : table_info_find_column(draft->existing, name);
        if (column == NULL && (old == NULL || old->is_dropped)) {
            return fail_at(draft->binder, location, UNDEFINED_COLUMN,
                "column \"%s\" named in key does not exist", name);
        }
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(key->columns[j], name) != 0) continue;
            return fail_at(draft->binder, location, DUPLICATE_COLUMN,
                "column \"%s\" appears twice in %s constraint", name,
                key->is_primary ? "primary key" : "unique");
        }
        SqlType type = column != NULL ? column->type : old->type;
        if (order_operator("<", type.oid) == 0) {
            Status status = fail(UNDEFINED_OBJECT,
                "data type %s has no default operator class for access method \"btree\"",
                type_name_text(draft->binder, type.oid));
            error_add_hint("You must specify an operator class for the index or define a default "
                           "operator class for the data type.");
            return status;
        }
        if (key->is_primary && column != NULL) column->is_not_null = true;
    }
    return OK;
}

static Status draft_add_key(TableDraft *draft, const Node *node, const char *column_name) {
    Binder *binder = draft->binder;
    const char *kind = node_get_text(node, FIELD_CONTYPE);
    int32_t location = node_location(node);
    KeyDefinition key = {
        .name = node_get_text(node, FIELD_CONNAME),
        .is_primary = strcmp(kind, "CONSTR_PRIMARY") == 0,
        .is_unique = true,
        .is_constraint = true,
        .nulls_not_distinct = node_get_boolean(node, FIELD_NULLS_NOT_DISTINCT),
    };
    if (node_get_boolean(node, FIELD_DEFERRABLE) || node_get_boolean(node, FIELD_INITDEFERRED)) {
        return not_supported(binder, "deferrable constraints", location);
    }
    if (node_count(node_get(node, FIELD_INCLUDING)) > 0) {
        return not_supported(binder, "INCLUDE columns", location);
    }
    if (node_has(node, FIELD_INDEXNAME)) {
        return not_supported(binder, "constraints using an existing index", location);
    }
    if (key.is_primary) {
        if (draft->has_primary_key) {
            return fail_at(binder, location, INVALID_TABLE_DEFINITION,
                "multiple primary keys for table \"%s\" are not allowed", draft->table_name);
        }
        draft->has_primary_key = true;
    }
    TRY(check_storage_parameters(binder, node_get(node, FIELD_OPTIONS)));
    const Node *names = node_get(node, FIELD_KEYS);
    key.column_count = column_name != NULL ? 1 : node_count(names);
    const char **columns = arena_new_array(binder->arena, const char *, key.column_count);
    for (uint32_t i = 0; i < key.column_count; i++) {
        columns[i] = column_name != NULL ? column_name : node_item(names, i)->text;
    }
    key.columns = columns;
    if (key.column_count > 32) {
        return fail(TOO_MANY_COLUMNS, "cannot use more than 32 columns in an index");
    }
    if (column_name == NULL) {
        TRY(check_key_columns(draft, &key, location));
    } else if (key.is_primary) {
        draft_find_column(draft, column_name)->is_not_null = true;
        TRY(check_key_columns(draft, &key, location));
    } else {
        TRY(check_key_columns(draft, &key, location));
    }
    GROW(draft, key, KeyDefinition);
    draft->keys[draft->key_count++] = key;
    return OK;
}

static Status draft_add_check(TableDraft *draft, const Node *node) {
    if (node_get_boolean(node, FIELD_IS_NO_INHERIT)) {
        return not_supported(draft->binder, "NO INHERIT", node_location(node));
    }
    if (node_get_boolean(node, FIELD_SKIP_VALIDATION)) {
        return not_supported(draft->binder, "NOT VALID", node_location(node));
    }
    GROW(draft, check, PendingCheck);
    draft->checks[draft->check_count++] = (PendingCheck){
        .name = node_get_text(node, FIELD_CONNAME),
        .expression = node_get(node, FIELD_RAW_EXPR),
    };
    return OK;
}

Status draft_add_constraint(TableDraft *draft, const Node *node) {
    const char *kind = node_get_text(node, FIELD_CONTYPE);
    int32_t location = node_location(node);
    if (strcmp(kind, "CONSTR_PRIMARY") == 0 || strcmp(kind, "CONSTR_UNIQUE") == 0) {
        return draft_add_key(draft, node, NULL);
    }
    if (strcmp(kind, "CONSTR_CHECK") == 0) return draft_add_check(draft, node);
    if (strcmp(kind, "CONSTR_FOREIGN") == 0) {
        return not_supported(draft->binder, "foreign keys", location);
    }
    if (strcmp(kind, "CONSTR_EXCLUSION") == 0) {
        return not_supported(draft->binder, "exclusion constraints", location);
    }
    return not_supported(draft->binder, "this kind of constraint", location);
}

// ---- Columns ------------------------------------------------------------------------------------

// serial and its kind are no types but integers with a sequence of their own.
static Oid serial_type(const Node *type_name) {
    static const struct {
        const char *name;
        Oid type;
    } serials[] = {{"smallserial", TYPE_INT2}, {"serial2", TYPE_INT2}, {"serial", TYPE_INT4},
        {"serial4", TYPE_INT4}, {"bigserial", TYPE_INT8}, {"serial8", TYPE_INT8}};

    const Node *names = node_get(type_name, FIELD_NAMES);
    if (node_count(names) != 1) return 0;
    for (size_t i = 0; i < sizeof serials / sizeof serials[0]; i++) {
        if (strcmp(serials[i].name, last_name(names)) == 0) return serials[i].type;
    }
    return 0;
}

static Status read_column_type(TableDraft *draft, const Node *node, ColumnDefinition *column) {
    Binder *binder = draft->binder;
    const Node *type_name = node_get(node, FIELD_TYPE_NAME);
    Oid serial = serial_type(type_name);
    if (serial != 0) {
        if (node_count(node_get(type_name, FIELD_ARRAY_BOUNDS)) > 0) {
            return fail_at(binder, node_location(type_name), FEATURE_NOT_SUPPORTED,
                "array of serial is not implemented");
        }
        column->type = sql_type(serial);
        column->is_serial = column->is_not_null = true;
        Oid ignored;
        const Node *owner;
        return sequence_options(binder, NULL, serial, &column->sequence, &ignored, &owner);
    }
    TRY(bind_type_name(binder, type_name, &column->type));
    const TypeInfo *info = type_find(column->type.oid);
    if (info != NULL && (info->kind == 'p' || column->type.oid == TYPE_UNKNOWN)) {
        return fail(INVALID_TABLE_DEFINITION, "column \"%s\" has pseudo-type %s", column->name,
            type_name_text(binder, column->type.oid));
    }
    const TypeOps *ops;
    TRY(binder_place(binder, node_location(type_name), type_ops_require(column->type.oid, &ops)));
    return check_collation(binder, node_get(node, FIELD_COLL_CLAUSE), column->type.oid);
}

// What a column's constraints said so far, for conflicts.
typedef struct ColumnState {
    bool saw_null, saw_default, saw_identity;
    bool declared_null;
} ColumnState;

static Status add_nullability(
    TableDraft *draft, const Node *node, bool is_not_null, ColumnState *state) {
    ColumnDefinition *column = &draft->columns[draft->column_count - 1];
    bool conflicts =
        is_not_null ? state->declared_null : column->is_not_null || state->saw_identity;
    if (conflicts) {
        return fail_at(draft->binder, node_location(node), SYNTAX_ERROR,
            "conflicting NULL/NOT NULL declarations for column \"%s\" of table \"%s\"",
            column->name, draft->table_name);
    }
    state->saw_null = true;
    state->declared_null |= !is_not_null;
    column->is_not_null |= is_not_null;
    return OK;
}

static Status add_default(TableDraft *draft, const Node *node, ColumnState *state) {
    ColumnDefinition *column = &draft->columns[draft->column_count - 1];
    if (state->saw_default || column->is_serial) {
        int32_t location = column->is_serial ? -1 : node_location(node);
        return fail_at(draft->binder, location, SYNTAX_ERROR,
            "multiple default values specified for column \"%s\" of table \"%s\"", column->name,
            draft->table_name);
    }
    state->saw_default = true;
    // Only rows that are there already need the value.
    bool *has_value = draft->existing == NULL ? NULL : &column->has_constant_default;
    return bind_default(draft->binder, column->name, column->type, node_get(node, FIELD_RAW_EXPR),
        &column->default_text, has_value, &column->default_value);
}

static Status add_identity(TableDraft *draft, const Node *node, ColumnState *state) {
    Binder *binder = draft->binder;
    ColumnDefinition *column = &draft->columns[draft->column_count - 1];
    if (state->saw_identity) {
        return fail_at(binder, node_location(node), SYNTAX_ERROR,
            "multiple identity specifications for column \"%s\" of table \"%s\"", column->name,
            draft->table_name);
    }
    Oid type = column->type.oid;
    if (type != TYPE_INT2 && type != TYPE_INT4 && type != TYPE_INT8) {
        return fail(
            INVALID_PARAMETER_VALUE, "identity column type must be smallint, integer, or bigint");
    }
    const char *when = node_get_text(node, FIELD_GENERATED_WHEN);
    column->identity = when != NULL && *when == 'd' ? 'd' : 'a';
    column->is_not_null = true;
    state->saw_identity = true;
    Oid ignored;
    const Node *owner;
    return sequence_options(
        binder, node_get(node, FIELD_OPTIONS), type, &column->sequence, &ignored, &owner);
}

static Status add_column_constraint(TableDraft *draft, const Node *node, ColumnState *state) {
    const char *kind = node_get_text(node, FIELD_CONTYPE);
    const char *name = draft->columns[draft->column_count - 1].name;
    int32_t location = node_location(node);
    if (kind == NULL || strcmp(kind, "CONSTR_NULL") == 0) {
        return add_nullability(draft, node, false, state);
    }
    if (strcmp(kind, "CONSTR_NOTNULL") == 0) return add_nullability(draft, node, true, state);
    if (strcmp(kind, "CONSTR_DEFAULT") == 0) return add_default(draft, node, state);
    if (strcmp(kind, "CONSTR_IDENTITY") == 0) return add_identity(draft, node, state);
    if (strcmp(kind, "CONSTR_CHECK") == 0) return draft_add_check(draft, node);
    if (strcmp(kind, "CONSTR_PRIMARY") == 0 || strcmp(kind, "CONSTR_UNIQUE") == 0) {
        return draft_add_key(draft, node, name);
    }
    if (strcmp(kind, "CONSTR_FOREIGN") == 0) {
        return not_supported(draft->binder, "foreign keys", location);
    }
    if (strcmp(kind, "CONSTR_GENERATED") == 0) {
        return not_supported(draft->binder, "generated columns", location);
    }
    if (strcmp(kind, "CONSTR_ATTR_DEFERRABLE") == 0 || strcmp(kind, "CONSTR_ATTR_DEFERRED") == 0) {
        return not_supported(draft->binder, "deferrable constraints", location);
    }
    if (strcmp(kind, "CONSTR_ATTR_NOT_DEFERRABLE") == 0
        || strcmp(kind, "CONSTR_ATTR_IMMEDIATE") == 0) {
        return OK; // as it is anyway
    }
    return not_supported(draft->binder, "this kind of constraint", location);
}

static Status check_column_name(TableDraft *draft, const Node *node, const char *name) {
    static const char *const system_names[] = {"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"};
    for (size_t i = 0; i < sizeof system_names / sizeof system_names[0]; i++) {
        if (strcmp(name, system_names[i]) == 0) {
            return fail(
                DUPLICATE_COLUMN, "column name \"%s\" conflicts with a system column name", name);
        }
    }
    if (draft_find_column(draft, name) != NULL && draft->existing == NULL) {
        return fail(DUPLICATE_COLUMN, "column \"%s\" specified more than once", name);
    }
    if (draft->column_count >= 1600) {
        return fail(TOO_MANY_COLUMNS, "tables can have at most 1600 columns");
    }
    (void)node;
    return OK;
}

Status draft_add_column(TableDraft *draft, const Node *node) {
    const char *name = node_get_text(node, FIELD_COLNAME);
    TRY(check_column_name(draft, node, name));
    if (node_has(node, FIELD_COMPRESSION)) {
        return not_supported(draft->binder, "COMPRESSION", node_location(node));
    }
    GROW(draft, column, ColumnDefinition);
    ColumnDefinition *column = &draft->columns[draft->column_count++];
    *column = (ColumnDefinition){.name = name};
    TRY(read_column_type(draft, node, column));
    draft->binder->hides_positions = draft->existing != NULL;
    ColumnState state = {0};
    const Node *constraints = node_get(node, FIELD_CONSTRAINTS);
    for (uint32_t i = 0; i < node_count(constraints); i++) {
        const Node *constraint = node_item(constraints, i);
        TRY(add_column_constraint(draft, constraint, &state));
        bool has_default = state.saw_default || draft->columns[draft->column_count - 1].is_serial;
        if (has_default && state.saw_identity) {
            int32_t location = state.saw_default ? node_location(constraint) : -1;
            return fail_at(draft->binder, location, SYNTAX_ERROR,
                "both default and identity specified for column \"%s\" of table \"%s\"", name,
                draft->table_name);
        }
    }
    return OK;
}
