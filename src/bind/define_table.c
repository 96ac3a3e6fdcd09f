// CREATE TABLE, CREATE SEQUENCE, CREATE SCHEMA, CREATE INDEX.
#include "bind/define.h"

Status check_storage_parameters(Binder *binder, const Node *options) {
    static const char *const known[] = {"fillfactor", "parallel_workers", "toast_tuple_target",
        "autovacuum_enabled", "vacuum_index_cleanup", "vacuum_truncate",
        "log_autovacuum_min_duration", "user_catalog_table", "deduplicate_items",
        "autovacuum_vacuum_threshold", "autovacuum_vacuum_scale_factor",
        "autovacuum_analyze_threshold", "autovacuum_analyze_scale_factor",
        "autovacuum_vacuum_cost_delay", "autovacuum_vacuum_cost_limit", "autovacuum_freeze_min_age",
        "autovacuum_freeze_max_age", "autovacuum_freeze_table_age",
        "autovacuum_vacuum_insert_threshold", "autovacuum_vacuum_insert_scale_factor",
        "autovacuum_multixact_freeze_min_age", "autovacuum_multixact_freeze_max_age",
        "autovacuum_multixact_freeze_table_age"};
    for (uint32_t i = 0; i < node_count(options); i++) {
        const Node *option = node_item(options, i);
        const char *name = node_get_text(option, FIELD_DEFNAME);
        bool is_known = false;
        for (size_t j = 0; j < sizeof known / sizeof known[0] && !is_known; j++) {
            is_known = strcmp(known[j], name) == 0;
        }
        if (strcmp(name, "oids") == 0) {
            bool wanted;
            TRY(option_boolean(binder, option, &wanted));
            if (!wanted) continue;
            return fail(FEATURE_NOT_SUPPORTED, "tables declared WITH OIDS are not supported");
        }
        if (!is_known) {
            return fail(INVALID_PARAMETER_VALUE, "unrecognized parameter \"%s\"", name);
        }
        int64_t number;
        if (strcmp(name, "fillfactor") != 0) continue;
        TRY(option_integer(binder, option, &number));
        if (number >= 10 && number <= 100) continue;
        Status status = fail(INVALID_PARAMETER_VALUE,
            "value %lld out of bounds for option \"fillfactor\"", (long long)number);
        error_add_detail("Valid values are between \"10\" and \"100\".");
        return status;
    }
    return OK;
}

static Status check_persistence(Binder *binder, const Node *range_var) {
    const char *persistence = node_get_text(range_var, FIELD_RELPERSISTENCE);
    if (persistence != NULL && *persistence == 't') {
        return not_supported(binder, "temporary tables", node_location(range_var));
    }
    if (persistence != NULL && *persistence == 'u') {
        return not_supported(binder, "unlogged tables", node_location(range_var));
    }
    const char *schema = node_get_text(range_var, FIELD_SCHEMANAME);
    Oid found;
    if (schema != NULL && !catalog_find_schema(binder->catalog, schema, &found)) {
        return fail_at(binder, node_location(range_var), INVALID_SCHEMA_NAME,
            "schema \"%s\" does not exist", schema);
    }
    return OK;
}

static Status refuse_unsupported_table(Binder *binder, const Node *statement) {
    int32_t location = node_location(node_get(statement, FIELD_RELATION));
    if (node_count(node_get(statement, FIELD_INH_RELATIONS)) > 0) {
        bool is_partition = node_has(statement, FIELD_PARTBOUND);
        return not_supported(
            binder, is_partition ? "partitioned tables" : "table inheritance", location);
    }
    if (node_has(statement, FIELD_PARTSPEC) || node_has(statement, FIELD_PARTBOUND)) {
        return not_supported(binder, "partitioned tables", location);
    }
    if (node_has(statement, FIELD_OF_TYPENAME)) {
        return not_supported(binder, "typed tables", location);
    }
    const char *tablespace = node_get_text(statement, FIELD_TABLESPACENAME);
    if (tablespace != NULL && strcmp(tablespace, "pg_default") != 0) {
        return fail(UNDEFINED_OBJECT, "tablespace \"%s\" does not exist", tablespace);
    }
    const char *method = node_get_text(statement, FIELD_ACCESS_METHOD);
    if (method != NULL && strcmp(method, "heap") != 0) {
        return fail(UNDEFINED_OBJECT, "access method \"%s\" does not exist", method);
    }
    return OK;
}

// LIKE table: its columns' names, types and NOT NULL.
static Status add_like(TableDraft *draft, const Node *clause) {
    Binder *binder = draft->binder;
    const Node *range_var = node_get(clause, FIELD_RELATION);
    const TableInfo *table;
    TRY(find_relation(binder, range_var, &table));
    if (node_get_integer(clause, FIELD_OPTIONS) != 0) {
        return not_supported(binder, "LIKE ... INCLUDING", node_location(range_var));
    }
    for (uint32_t i = 0; i < table->column_count; i++) {
        const ColumnInfo *column = &table->columns[i];
        if (column->is_dropped) continue;
        if (draft->column_count == draft->column_capacity) {
            uint32_t capacity = draft->column_capacity * 2 + 8;
            ColumnDefinition *grown = arena_new_array(binder->arena, ColumnDefinition, capacity);
            if (draft->column_count > 0) {
                memcpy(grown, draft->columns, draft->column_count * sizeof *grown);
            }
            draft->columns = grown;
            draft->column_capacity = capacity;
        }
        draft->columns[draft->column_count++] = (ColumnDefinition){
            .name = column->name,
            .type = column->type,
            .is_not_null = column->is_not_null,
        };
    }
    return OK;
}

Status bind_create_table(Binder *binder, const Node *statement) {
    const Node *range_var = node_get(statement, FIELD_RELATION);
    TRY(refuse_unsupported_table(binder, statement));
    TRY(check_persistence(binder, range_var));
    TRY(check_storage_parameters(binder, node_get(statement, FIELD_OPTIONS)));
    TableDefinition *table = arena_new(binder->arena, TableDefinition);
    table->schema = node_get_text(range_var, FIELD_SCHEMANAME);
    table->name = node_get_text(range_var, FIELD_RELNAME);
    table->if_not_exists = node_get_boolean(statement, FIELD_IF_NOT_EXISTS);

    TableDraft draft = {.binder = binder, .table_name = table->name};
    const Node *elements = node_get(statement, FIELD_TABLE_ELTS);
    // Columns first: a constraint may name one that comes after it.
    for (uint32_t i = 0; i < node_count(elements); i++) {
        const Node *element = node_item(elements, i);
        if (node_kind(element) == NODE_COLUMN_DEF) {
            TRY(draft_add_column(&draft, element));
        } else if (node_kind(element) == NODE_TABLE_LIKE_CLAUSE) {
            TRY(add_like(&draft, element));
        }
    }
    for (uint32_t i = 0; i < node_count(elements); i++) {
        const Node *element = node_item(elements, i);
        if (node_kind(element) == NODE_CONSTRAINT) TRY(draft_add_constraint(&draft, element));
    }
    CheckDefinition *checks = arena_new_array(binder->arena, CheckDefinition, draft.check_count);
    for (uint32_t i = 0; i < draft.check_count; i++) {
        TRY(draft_bind_check(&draft, &draft.checks[i], &checks[i], NULL));
    }
    table->columns = draft.columns;
    table->column_count = draft.column_count;
    table->keys = draft.keys;
    table->key_count = draft.key_count;
    table->checks = checks;
    table->check_count = draft.check_count;
    binder->bound->kind = BOUND_CREATE_TABLE;
    binder->bound->create_table = table;
    return OK;
}

Status bind_create_schema(Binder *binder, const Node *statement) {
    BoundStatement *bound = binder->bound;
    const char *name = node_get_text(statement, FIELD_SCHEMANAME);
    const Node *role = node_get(statement, FIELD_AUTHROLE);
    const char *role_name = node_get_text(role, FIELD_ROLENAME);
    if (name == NULL) name = role_name != NULL ? role_name : binder->input->user_name;
    if (role_name != NULL && binder->input->user_name != NULL
        && strcmp(role_name, binder->input->user_name) != 0) {
        return fail(UNDEFINED_OBJECT, "role \"%s\" does not exist", role_name);
    }
    if (node_count(node_get(statement, FIELD_SCHEMA_ELTS)) > 0) {
        return not_supported(binder, "CREATE SCHEMA with elements", -1);
    }
    if (name != NULL && strncmp(name, "pg_", 3) == 0) {
        Status status = fail(RESERVED_NAME, "unacceptable schema name \"%s\"", name);
        error_add_detail("The prefix \"pg_\" is reserved for system schemas.");
        return status;
    }
    bound->kind = BOUND_CREATE_SCHEMA;
    bound->create_schema.name = name;
    bound->create_schema.if_not_exists = node_get_boolean(statement, FIELD_IF_NOT_EXISTS);
    return OK;
}

// ---- Sequences ----------------------------------------------------------------------------------

typedef struct SequenceSyntax {
    const Node *type, *increment, *maximum, *minimum, *start, *cache, *cycle, *owned_by;
} SequenceSyntax;

static Status read_sequence_option(Binder *binder, const Node *option, SequenceSyntax *syntax) {
    const char *name = node_get_text(option, FIELD_DEFNAME);
    const Node **slot = NULL;
    if (strcmp(name, "as") == 0) slot = &syntax->type;
    if (strcmp(name, "increment") == 0) slot = &syntax->increment;
    if (strcmp(name, "maxvalue") == 0) slot = &syntax->maximum;
    if (strcmp(name, "minvalue") == 0) slot = &syntax->minimum;
    if (strcmp(name, "start") == 0) slot = &syntax->start;
    if (strcmp(name, "cache") == 0) slot = &syntax->cache;
    if (strcmp(name, "cycle") == 0) slot = &syntax->cycle;
    if (strcmp(name, "owned_by") == 0) slot = &syntax->owned_by;
    if (slot == NULL) {
        if (strcmp(name, "sequence_name") == 0) {
            return not_supported(binder, "SEQUENCE NAME", node_location(option));
        }
        return fail_at(
            binder, node_location(option), SYNTAX_ERROR, "invalid sequence option \"%s\"", name);
    }
    if (*slot != NULL) {
        return fail_at(
            binder, node_location(option), SYNTAX_ERROR, "conflicting or redundant options");
    }
    *slot = option;
    return OK;
}

static Status read_bound(Binder *binder, const Node *option, int64_t otherwise, Oid type,
    int64_t type_minimum, int64_t type_maximum, const char *name, int64_t *value_out) {
    *value_out = otherwise;
    if (option == NULL || !node_has(option, FIELD_ARG)) return OK; // NO MINVALUE
    TRY(option_integer(binder, option, value_out));
    if (*value_out < type_minimum || *value_out > type_maximum) {
        return fail(INVALID_PARAMETER_VALUE, "%s (%lld) is out of range for sequence data type %s",
            name, (long long)*value_out, type_name_text(binder, type));
    }
    return OK;
}

static Status check_sequence(const SequenceState *state) {
    if (state->minimum >= state->maximum) {
        return fail(INVALID_PARAMETER_VALUE, "MINVALUE (%lld) must be less than MAXVALUE (%lld)",
            (long long)state->minimum, (long long)state->maximum);
    }
    if (state->start < state->minimum) {
        return fail(INVALID_PARAMETER_VALUE,
            "START value (%lld) cannot be less than MINVALUE (%lld)", (long long)state->start,
            (long long)state->minimum);
    }
    if (state->start > state->maximum) {
        return fail(INVALID_PARAMETER_VALUE,
            "START value (%lld) cannot be greater than MAXVALUE (%lld)", (long long)state->start,
            (long long)state->maximum);
    }
    if (state->cache <= 0) {
        return fail(INVALID_PARAMETER_VALUE, "CACHE (%lld) must be greater than zero",
            (long long)state->cache);
    }
    return OK;
}

Status sequence_options(Binder *binder, const Node *options, Oid type, SequenceState *state_out,
    Oid *type_out, const Node **owned_by_out) {
    SequenceSyntax syntax = {0};
    for (uint32_t i = 0; i < node_count(options); i++) {
        TRY(read_sequence_option(binder, node_item(options, i), &syntax));
    }
    if (syntax.type != NULL) {
        SqlType given;
        TRY(bind_type_name(binder, node_get(syntax.type, FIELD_ARG), &given));
        type = given.oid;
    }
    if (type != TYPE_INT2 && type != TYPE_INT4 && type != TYPE_INT8) {
        return fail(INVALID_PARAMETER_VALUE, "sequence type must be smallint, integer, or bigint");
    }
    int64_t maximum = type == TYPE_INT2 ? INT16_MAX : type == TYPE_INT4 ? INT32_MAX : INT64_MAX;
    int64_t minimum = -maximum - 1;
    SequenceState state = {.increment = 1, .cache = 1};
    if (syntax.increment != NULL) {
        TRY(option_integer(binder, syntax.increment, &state.increment));
        if (state.increment == 0) {
            return fail(INVALID_PARAMETER_VALUE, "INCREMENT must not be zero");
        }
    }
    bool rises = state.increment > 0;
    TRY(read_bound(binder, syntax.maximum, rises ? maximum : -1, type, minimum, maximum, "MAXVALUE",
        &state.maximum));
    TRY(read_bound(binder, syntax.minimum, rises ? 1 : minimum, type, minimum, maximum, "MINVALUE",
        &state.minimum));
    state.start = rises ? state.minimum : state.maximum;
    if (syntax.start != NULL) TRY(option_integer(binder, syntax.start, &state.start));
    if (syntax.cache != NULL) TRY(option_integer(binder, syntax.cache, &state.cache));
    if (syntax.cycle != NULL) TRY(option_boolean(binder, syntax.cycle, &state.is_cycled));
    TRY(check_sequence(&state));
    state.last_value = state.start;
    *state_out = state;
    *type_out = type;
    *owned_by_out = syntax.owned_by == NULL ? NULL : node_get(syntax.owned_by, FIELD_ARG);
    return OK;
}

static Status read_owner(Binder *binder, const Node *names) {
    uint32_t count = node_count(names);
    if (count == 1 && strcmp(last_name(names), "none") == 0) return OK;
    if (count < 2) {
        Status status = fail(SYNTAX_ERROR, "invalid OWNED BY option");
        error_add_hint("Specify OWNED BY table.column or OWNED BY NONE.");
        return status;
    }
    const char *schema = count > 2 ? node_item(names, count - 3)->text : NULL;
    const char *table_name = node_item(names, count - 2)->text;
    const TableInfo *table = catalog_find_table(binder->catalog, schema, table_name);
    if (table == NULL) {
        return fail(UNDEFINED_TABLE, "relation \"%s\" does not exist", table_name);
    }
    const ColumnInfo *column = table_info_find_column(table, last_name(names));
    if (column == NULL) {
        return fail(UNDEFINED_COLUMN, "column \"%s\" of relation \"%s\" does not exist",
            last_name(names), table_name);
    }
    binder->bound->create_sequence.owned_by_table = table->oid;
    binder->bound->create_sequence.owned_by_column = column->number;
    return OK;
}

Status bind_create_sequence(Binder *binder, const Node *statement) {
    const Node *range_var = node_get(statement, FIELD_SEQUENCE);
    TRY(check_persistence(binder, range_var));
    BoundStatement *bound = binder->bound;
    bound->kind = BOUND_CREATE_SEQUENCE;
    bound->create_sequence.schema = node_get_text(range_var, FIELD_SCHEMANAME);
    bound->create_sequence.name = node_get_text(range_var, FIELD_RELNAME);
    bound->create_sequence.if_not_exists = node_get_boolean(statement, FIELD_IF_NOT_EXISTS);
    const Node *owner;
    TRY(sequence_options(binder, node_get(statement, FIELD_OPTIONS), TYPE_INT8,
        &bound->create_sequence.state, &bound->create_sequence.type, &owner));
    return owner == NULL ? OK : read_owner(binder, owner);
}

// ---- Indexes ------------------------------------------------------------------------------------

static Status bind_index_column(Binder *binder, const TableInfo *table, const Node *element,
    const char **name_out, bool *is_descending_out, bool *nulls_first_out) {
    const char *name = node_get_text(element, FIELD_NAME);
    if (name == NULL) return not_supported(binder, "indexes of expressions", -1);
    const ColumnInfo *column = table_info_find_column(table, name);
    if (column == NULL || column->is_dropped) {
        return fail(UNDEFINED_COLUMN, "column \"%s\" does not exist", name);
    }
    const Node *class_name = node_get(element, FIELD_OPCLASS);
    if (class_name != NULL) return not_supported(binder, "operator classes of indexes", -1);
    const Node *collation = node_get(element, FIELD_COLLATION);
    if (collation != NULL) return not_supported(binder, "collations of indexes", -1);
    if (order_operator("<", column->type.oid) == 0) {
        Status status = fail(UNDEFINED_OBJECT,
            "data type %s has no default operator class for access method \"btree\"",
            type_name_text(binder, column->type.oid));
        error_add_hint("You must specify an operator class for the index or define a default "
                       "operator class for the data type.");
        return status;
    }
    const char *order = node_get_text(element, FIELD_ORDERING);
    const char *nulls = node_get_text(element, FIELD_NULLS_ORDERING);
    *name_out = name;
    *is_descending_out = order != NULL && strcmp(order, "SORTBY_DESC") == 0;
    *nulls_first_out = *is_descending_out;
    if (nulls != NULL && strcmp(nulls, "SORTBY_NULLS_FIRST") == 0) *nulls_first_out = true;
    if (nulls != NULL && strcmp(nulls, "SORTBY_NULLS_LAST") == 0) *nulls_first_out = false;
    return OK;
}

Status bind_create_index(Binder *binder, const Node *statement) {
    binder->hides_positions = true;
    const Node *range_var = node_get(statement, FIELD_RELATION);
    const TableInfo *table;
    TRY(find_relation(binder, range_var, &table));
    if (table->kind != RELATION_TABLE) {
        return fail(WRONG_OBJECT_TYPE, "cannot create index on relation \"%s\"", table->name);
    }
    const char *method = node_get_text(statement, FIELD_ACCESS_METHOD);
    if (method != NULL && strcmp(method, "btree") != 0) {
        static const char *const others[] = {"hash", "gist", "gin", "spgist", "brin"};
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
            if (strcmp(method, others[i]) == 0) {
                return not_supported(
                    binder, arena_format(binder->arena, "access method \"%s\"", method), -1);
            }
        }
        return fail(UNDEFINED_OBJECT, "access method \"%s\" does not exist", method);
    }
    if (node_has(statement, FIELD_WHERE_CLAUSE)) {
        return not_supported(binder, "partial indexes", -1);
    }
    if (node_count(node_get(statement, FIELD_INDEX_INCLUDING_PARAMS)) > 0) {
        return not_supported(binder, "INCLUDE columns", -1);
    }
    TRY(check_storage_parameters(binder, node_get(statement, FIELD_OPTIONS)));

    const Node *elements = node_get(statement, FIELD_INDEX_PARAMS);
    uint32_t count = node_count(elements);
    if (count > 32) return fail(TOO_MANY_COLUMNS, "cannot use more than 32 columns in an index");
    const char **columns = arena_new_array(binder->arena, const char *, count);
    bool *is_descending = arena_new_array(binder->arena, bool, count);
    bool *nulls_first = arena_new_array(binder->arena, bool, count);
    for (uint32_t i = 0; i < count; i++) {
        TRY(bind_index_column(binder, table, node_item(elements, i), &columns[i], &is_descending[i],
            &nulls_first[i]));
    }
    KeyDefinition *key = arena_new(binder->arena, KeyDefinition);
    *key = (KeyDefinition){
        .name = node_get_text(statement, FIELD_IDXNAME),
        .is_unique = node_get_boolean(statement, FIELD_UNIQUE),
        .nulls_not_distinct = node_get_boolean(statement, FIELD_NULLS_NOT_DISTINCT),
        .column_count = count,
        .columns = columns,
        .is_descending = is_descending,
        .nulls_first = nulls_first,
    };
    BoundStatement *bound = binder->bound;
    bound->kind = BOUND_CREATE_INDEX;
    bound->create_index.table = table->oid;
    bound->create_index.key = key;
    bound->create_index.if_not_exists = node_get_boolean(statement, FIELD_IF_NOT_EXISTS);
    bound->create_index.is_concurrent = node_get_boolean(statement, FIELD_CONCURRENT);
    return OK;
}
