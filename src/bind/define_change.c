// ALTER TABLE, RENAME, DROP, TRUNCATE.
#include "bind/define.h"

// ---- ALTER TABLE --------------------------------------------------------------------------------

typedef struct Alteration {
    Binder *binder;
    const TableInfo *table;
    AlterCommand *commands;
    uint32_t count, capacity;
} Alteration;

static AlterCommand *add_command(Alteration *alteration, AlterKind kind) {
    if (alteration->count == alteration->capacity) {
        uint32_t capacity = alteration->capacity * 2 + 4;
        AlterCommand *grown = arena_new_array(alteration->binder->arena, AlterCommand, capacity);
        if (alteration->count > 0) {
            memcpy(grown, alteration->commands, alteration->count * sizeof *grown);
        }
        alteration->commands = grown;
        alteration->capacity = capacity;
    }
    AlterCommand *command = &alteration->commands[alteration->count++];
    *command = (AlterCommand){.kind = kind};
    return command;
}

static TableDraft draft_of(Alteration *alteration) {
    const TableInfo *table = alteration->table;
    TableDraft draft = {
        .binder = alteration->binder,
        .table_name = table->name,
        .existing = table,
    };
    for (uint32_t i = 0; i < table->index_count; i++) {
        draft.has_primary_key |= table->indexes[i].is_primary;
    }
    return draft;
}

// The constraints that a draft collected, as commands of their own.
static Status add_constraints(Alteration *alteration, TableDraft *draft) {
    Arena *arena = alteration->binder->arena;
    for (uint32_t i = 0; i < draft->key_count; i++) {
        AlterCommand *command = add_command(alteration, ALTER_ADD_KEY);
        command->key = arena_new(arena, KeyDefinition);
        *command->key = draft->keys[i];
    }
    for (uint32_t i = 0; i < draft->check_count; i++) {
        CheckDefinition *check = arena_new(arena, CheckDefinition);
        Expression *expression;
        TRY(draft_bind_check(draft, &draft->checks[i], check, &expression));
        AlterCommand *command = add_command(alteration, ALTER_ADD_CHECK);
        command->check = check;
        command->check_expression = expression;
    }
    return OK;
}

static Status alter_add_column(Alteration *alteration, const Node *node) {
    Binder *binder = alteration->binder;
    const Node *definition = node_get(node, FIELD_DEF);
    const char *name = node_get_text(definition, FIELD_COLNAME);
    const ColumnInfo *old = table_info_find_column(alteration->table, name);
    if (old != NULL && !old->is_dropped) {
        if (node_get_boolean(node, FIELD_MISSING_OK)) {
            add_notice(binder, DUPLICATE_COLUMN,
                "column \"%s\" of relation \"%s\" already exists, skipping", name,
                alteration->table->name);
            return OK;
        }
        return fail(DUPLICATE_COLUMN, "column \"%s\" of relation \"%s\" already exists", name,
            alteration->table->name);
    }
    TableDraft draft = draft_of(alteration);
    TRY(draft_add_column(&draft, definition));
    AlterCommand *command = add_command(alteration, ALTER_ADD_COLUMN);
    command->name = name;
    command->column = &draft.columns[0];
    command->if_not_exists = node_get_boolean(node, FIELD_MISSING_OK);
    if (command->column->default_text != NULL && !command->column->has_constant_default) {
        return not_supported(binder, "adding a column with a volatile default", -1);
    }
    if (command->column->is_serial || command->column->identity != 0) {
        return not_supported(binder, "adding a serial or identity column", -1);
    }
    return add_constraints(alteration, &draft);
}

static Status find_altered_column(
    Alteration *alteration, const char *name, const ColumnInfo **column_out) {
    const ColumnInfo *column = table_info_find_column(alteration->table, name);
    if (column == NULL || column->is_dropped) {
        return fail(UNDEFINED_COLUMN, "column \"%s\" of relation \"%s\" does not exist", name,
            alteration->table->name);
    }
    *column_out = column;
    return OK;
}

static Status alter_default(Alteration *alteration, const Node *node, const char *name) {
    const ColumnInfo *column;
    TRY(find_altered_column(alteration, name, &column));
    alteration->binder->hides_positions = true;
    const Node *expression = node_get(node, FIELD_DEF);
    if (column->identity != 0) {
        Status status = fail(SYNTAX_ERROR, "column \"%s\" of relation \"%s\" is an identity column",
            name, alteration->table->name);
        if (expression == NULL) {
            error_add_hint("Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead.");
        }
        return status;
    }
    AlterCommand *command =
        add_command(alteration, expression == NULL ? ALTER_DROP_DEFAULT : ALTER_SET_DEFAULT);
    command->name = name;
    if (expression == NULL) return OK;
    TRY(bind_default(
        alteration->binder, name, column->type, expression, &command->default_text, NULL, NULL));
    if (command->default_text == NULL) command->kind = ALTER_DROP_DEFAULT;
    return OK;
}

static Status alter_one(Alteration *alteration, const Node *node) {
    Binder *binder = alteration->binder;
    const char *kind = node_get_text(node, FIELD_SUBTYPE);
    const char *name = node_get_text(node, FIELD_NAME);
    const char *behavior = node_get_text(node, FIELD_BEHAVIOR);
    if (kind == NULL) kind = "AT_AddColumn";
    binder->hides_positions = false;
    const ColumnInfo *column;
    if (strcmp(kind, "AT_AddColumn") == 0) return alter_add_column(alteration, node);
    if (strcmp(kind, "AT_ColumnDefault") == 0) return alter_default(alteration, node, name);
    if (strcmp(kind, "AT_SetRelOptions") == 0 || strcmp(kind, "AT_ResetRelOptions") == 0) {
        return check_storage_parameters(binder, node_get(node, FIELD_DEF));
    }
    if (strcmp(kind, "AT_AddConstraint") == 0) {
        binder->hides_positions = true;
        TableDraft draft = draft_of(alteration);
        TRY(draft_add_constraint(&draft, node_get(node, FIELD_DEF)));
        return add_constraints(alteration, &draft);
    }
    AlterCommand *command;
    if (strcmp(kind, "AT_DropColumn") == 0) {
        column = table_info_find_column(alteration->table, name);
        if ((column == NULL || column->is_dropped) && node_get_boolean(node, FIELD_MISSING_OK)) {
            add_notice(binder, UNDEFINED_COLUMN,
                "column \"%s\" of relation \"%s\" does not exist, skipping", name,
                alteration->table->name);
            return OK;
        }
        TRY(find_altered_column(alteration, name, &column));
        command = add_command(alteration, ALTER_DROP_COLUMN);
    } else if (strcmp(kind, "AT_DropConstraint") == 0) {
        command = add_command(alteration, ALTER_DROP_CONSTRAINT);
    } else if (strcmp(kind, "AT_SetNotNull") == 0) {
        TRY(find_altered_column(alteration, name, &column));
        command = add_command(alteration, ALTER_SET_NOT_NULL);
    } else if (strcmp(kind, "AT_DropNotNull") == 0) {
        TRY(find_altered_column(alteration, name, &column));
        if (column->identity != 0) {
            return fail(SYNTAX_ERROR, "column \"%s\" of relation \"%s\" is an identity column",
                name, alteration->table->name);
        }
        for (uint32_t i = 0; i < alteration->table->index_count; i++) {
            const IndexInfo *index = &alteration->table->indexes[i];
            for (uint32_t j = 0; index->is_primary && j < index->column_count; j++) {
                if (index->columns[j] != column->number) continue;
                return fail(INVALID_TABLE_DEFINITION, "column \"%s\" is in a primary key", name);
            }
        }
        command = add_command(alteration, ALTER_DROP_NOT_NULL);
    } else if (strcmp(kind, "AT_AlterColumnType") == 0) {
        return not_supported(binder, "ALTER COLUMN ... TYPE", -1);
    } else if (strcmp(kind, "AT_ChangeOwner") == 0) {
        return not_supported(binder, "ALTER TABLE ... OWNER TO", -1);
    } else {
        return not_supported(binder, arena_format(binder->arena, "ALTER TABLE (%s)", kind + 3), -1);
    }
    command->name = name;
    command->if_exists = node_get_boolean(node, FIELD_MISSING_OK);
    command->cascade = behavior != NULL && strcmp(behavior, "DROP_CASCADE") == 0;
    return OK;
}

Status bind_alter_table(Binder *binder, const Node *statement) {
    BoundStatement *bound = binder->bound;
    bound->kind = BOUND_ALTER_TABLE;
    const char *kind = node_get_text(statement, FIELD_OBJTYPE);
    if (kind != NULL && strcmp(kind, "OBJECT_TABLE") != 0) {
        return not_supported(binder, "ALTER of this kind of object", -1);
    }
    const Node *range_var = node_get(statement, FIELD_RELATION);
    const TableInfo *table = find_relation_quietly(binder, range_var);
    if (table == NULL && node_get_boolean(statement, FIELD_MISSING_OK)) {
        add_notice(binder, UNDEFINED_TABLE, "relation \"%s\" does not exist, skipping",
            node_get_text(range_var, FIELD_RELNAME));
        return OK;
    }
    if (table == NULL) {
        // Without a position, as PostgreSQL has it here.
        const char *schema = node_get_text(range_var, FIELD_SCHEMANAME);
        return fail(UNDEFINED_TABLE, "relation \"%s%s%s\" does not exist",
            schema == NULL ? "" : schema, schema == NULL ? "" : ".",
            node_get_text(range_var, FIELD_RELNAME));
    }
    if (table->kind != RELATION_TABLE) {
        return fail(WRONG_OBJECT_TYPE, "\"%s\" is not a table", table->name);
    }
    if (table->is_system) {
        return fail(
            INSUFFICIENT_PRIVILEGE, "permission denied: \"%s\" is a system catalog", table->name);
    }
    Alteration alteration = {.binder = binder, .table = table};
    const Node *commands = node_get(statement, FIELD_CMDS);
    for (uint32_t i = 0; i < node_count(commands); i++) {
        TRY(alter_one(&alteration, node_item(commands, i)));
    }
    bound->alter.table = table->oid;
    bound->alter.commands = alteration.commands;
    bound->alter.command_count = alteration.count;
    return OK;
}

// ---- RENAME -------------------------------------------------------------------------------------

Status bind_rename(Binder *binder, const Node *statement) {
    BoundStatement *bound = binder->bound;
    bound->kind = BOUND_RENAME;
    const char *kind = node_get_text(statement, FIELD_RENAME_TYPE);
    bool is_column = kind != NULL && strcmp(kind, "OBJECT_COLUMN") == 0;
    bool is_relation = kind != NULL
                       && (strcmp(kind, "OBJECT_TABLE") == 0 || strcmp(kind, "OBJECT_INDEX") == 0
                           || strcmp(kind, "OBJECT_SEQUENCE") == 0);
    if (!is_column && !is_relation) {
        bool is_constraint = kind != NULL && strcmp(kind, "OBJECT_TABCONSTRAINT") == 0;
        return not_supported(
            binder, is_constraint ? "RENAME CONSTRAINT" : "RENAME of this kind of object", -1);
    }
    const Node *range_var = node_get(statement, FIELD_RELATION);
    const TableInfo *table = find_relation_quietly(binder, range_var);
    const char *name = node_get_text(range_var, FIELD_RELNAME);
    if (table == NULL && node_get_boolean(statement, FIELD_MISSING_OK)) {
        add_notice(binder, UNDEFINED_TABLE, "relation \"%s\" does not exist, skipping", name);
        return OK;
    }
    if (table == NULL) return fail(UNDEFINED_TABLE, "relation \"%s\" does not exist", name);
    if (table->is_system) {
        return fail(INSUFFICIENT_PRIVILEGE, "permission denied: \"%s\" is a system catalog", name);
    }
    bound->rename.relation = table->oid;
    bound->rename.to = node_get_text(statement, FIELD_NEWNAME);
    if (!is_column) return OK;
    const char *column_name = node_get_text(statement, FIELD_SUBNAME);
    const ColumnInfo *column = table_info_find_column(table, column_name);
    if (column == NULL || column->is_dropped) {
        return fail(UNDEFINED_COLUMN, "column \"%s\" does not exist", column_name);
    }
    const ColumnInfo *other = table_info_find_column(table, bound->rename.to);
    if (other != NULL && !other->is_dropped) {
        return fail(DUPLICATE_COLUMN, "column \"%s\" of relation \"%s\" already exists",
            bound->rename.to, table->name);
    }
    bound->rename.column = column_name;
    return OK;
}

// ---- DROP ---------------------------------------------------------------------------------------

typedef struct DropKind {
    const char *object; // PostgreSQL's name in the tree
    const char *noun, *article, *command;
    RelationKind kind;
} DropKind;

static const DropKind drop_kinds[] = {
    {"OBJECT_TABLE", "table", "a table", "DROP TABLE", RELATION_TABLE},
    {"OBJECT_INDEX", "index", "an index", "DROP INDEX", RELATION_INDEX},
    {"OBJECT_SEQUENCE", "sequence", "a sequence", "DROP SEQUENCE", RELATION_SEQUENCE},
    {"OBJECT_VIEW", "view", "a view", "DROP VIEW", RELATION_VIEW},
};

static const char *drop_hint(RelationKind kind) {
    switch (kind) {
    case RELATION_TABLE:
        return "Use DROP TABLE to remove a table.";
    case RELATION_INDEX:
        return "Use DROP INDEX to remove an index.";
    case RELATION_SEQUENCE:
        return "Use DROP SEQUENCE to remove a sequence.";
    case RELATION_VIEW:
        break;
    }
    return "Use DROP VIEW to remove a view.";
}

static Status drop_missing(
    Binder *binder, const DropKind *kind, const char *schema, const char *name, bool if_exists) {
    Oid ignored;
    if (schema != NULL && !catalog_find_schema(binder->catalog, schema, &ignored)) {
        if (!if_exists) {
            return fail(INVALID_SCHEMA_NAME, "schema \"%s\" does not exist", schema);
        }
        add_notice(binder, INVALID_SCHEMA_NAME, "schema \"%s\" does not exist, skipping", schema);
        return OK;
    }
    if (if_exists) {
        add_notice(binder, UNDEFINED_TABLE, "%s \"%s\" does not exist, skipping", kind->noun, name);
        return OK;
    }
    // PostgreSQL says UNDEFINED_OBJECT for an index only.
    Status code = kind->kind == RELATION_INDEX ? UNDEFINED_OBJECT : UNDEFINED_TABLE;
    if (schema != NULL) {
        return fail(code, "%s \"%s.%s\" does not exist", kind->noun, schema, name);
    }
    return fail(code, "%s \"%s\" does not exist", kind->noun, name);
}

static Status drop_one(
    Binder *binder, const DropKind *kind, const Node *names, bool if_exists, Oid *oid_out) {
    *oid_out = 0;
    uint32_t count = node_count(names);
    const char *schema = count > 1 ? node_item(names, count - 2)->text : NULL;
    const char *name = last_name(names);
    const TableInfo *relation = catalog_find_table(binder->catalog, schema, name);
    if (relation == NULL) return drop_missing(binder, kind, schema, name, if_exists);
    if (relation->kind != kind->kind) {
        Status status = fail(WRONG_OBJECT_TYPE, "\"%s\" is not %s", relation->name, kind->article);
        error_add_hint("%s", drop_hint(relation->kind));
        return status;
    }
    if (relation->is_system) {
        return fail(INSUFFICIENT_PRIVILEGE, "permission denied: \"%s\" is a system catalog", name);
    }
    *oid_out = relation->oid;
    return OK;
}

static Status drop_schemas(Binder *binder, const Node *objects, bool if_exists) {
    BoundStatement *bound = binder->bound;
    bound->drop.is_schema = true;
    for (uint32_t i = 0; i < node_count(objects); i++) {
        const Node *object = node_item(objects, i);
        const char *name = node_kind(object) == NODE_TEXT ? object->text : last_name(object);
        Oid schema;
        if (catalog_find_schema(binder->catalog, name, &schema)) {
            bound->drop.objects[bound->drop.object_count++] = schema;
        } else if (if_exists) {
            add_notice(binder, INVALID_SCHEMA_NAME, "schema \"%s\" does not exist, skipping", name);
        } else {
            return fail(INVALID_SCHEMA_NAME, "schema \"%s\" does not exist", name);
        }
    }
    return OK;
}

Status bind_drop(Binder *binder, const Node *statement) {
    BoundStatement *bound = binder->bound;
    bound->kind = BOUND_DROP;
    const char *object = node_get_text(statement, FIELD_REMOVE_TYPE);
    const char *behavior = node_get_text(statement, FIELD_BEHAVIOR);
    bool if_exists = node_get_boolean(statement, FIELD_MISSING_OK);
    const Node *objects = node_get(statement, FIELD_OBJECTS);
    bound->drop.cascade = behavior != NULL && strcmp(behavior, "DROP_CASCADE") == 0;
    bound->drop.objects = arena_new_array(binder->arena, Oid, node_count(objects));
    if (object != NULL && strcmp(object, "OBJECT_SCHEMA") == 0) {
        return drop_schemas(binder, objects, if_exists);
    }
    const DropKind *kind = NULL;
    for (size_t i = 0; i < sizeof drop_kinds / sizeof drop_kinds[0]; i++) {
        if (object != NULL && strcmp(drop_kinds[i].object, object) == 0) kind = &drop_kinds[i];
    }
    if (kind == NULL) return not_supported(binder, "DROP of this kind of object", -1);
    bound->drop.kind = kind->kind;
    for (uint32_t i = 0; i < node_count(objects); i++) {
        Oid oid;
        TRY(drop_one(binder, kind, node_item(objects, i), if_exists, &oid));
        bool is_repeated = false;
        for (uint32_t j = 0; j < bound->drop.object_count; j++) {
            is_repeated |= bound->drop.objects[j] == oid;
        }
        if (oid != 0 && !is_repeated) bound->drop.objects[bound->drop.object_count++] = oid;
    }
    return OK;
}

// ---- TRUNCATE -----------------------------------------------------------------------------------

Status bind_truncate(Binder *binder, const Node *statement) {
    BoundStatement *bound = binder->bound;
    bound->kind = BOUND_TRUNCATE;
    const Node *relations = node_get(statement, FIELD_RELATIONS);
    uint32_t count = node_count(relations);
    bound->truncate.tables = arena_new_array(binder->arena, Oid, count);
    bound->truncate.restart_identity = node_get_boolean(statement, FIELD_RESTART_SEQS);
    for (uint32_t i = 0; i < count; i++) {
        const Node *range_var = node_item(relations, i);
        const TableInfo *table = find_relation_quietly(binder, range_var);
        if (table == NULL) {
            const char *schema = node_get_text(range_var, FIELD_SCHEMANAME);
            return fail(UNDEFINED_TABLE, "relation \"%s%s%s\" does not exist",
                schema == NULL ? "" : schema, schema == NULL ? "" : ".",
                node_get_text(range_var, FIELD_RELNAME));
        }
        if (table->kind != RELATION_TABLE) {
            return fail(WRONG_OBJECT_TYPE, "\"%s\" is not a table", table->name);
        }
        if (table->is_system) {
            return fail(INSUFFICIENT_PRIVILEGE, "permission denied: \"%s\" is a system catalog",
                table->name);
        }
        bool is_repeated = false;
        for (uint32_t j = 0; j < bound->truncate.table_count; j++) {
            is_repeated |= bound->truncate.tables[j] == table->oid;
        }
        if (!is_repeated) bound->truncate.tables[bound->truncate.table_count++] = table->oid;
    }
    return OK;
}
