// DDL: from bound definitions to the catalog, with the work on rows that they ask for.
#include "session/session_internal.h"

static void give_notice(Session *session, const CatalogNotice *notice) {
    if (notice->message != NULL)
        session_notice(session, "NOTICE", notice->code, notice->message, NULL, NULL);
}

static void append_identifier(Text *out, const char *name) {
    text_append_char(out, '"');
    for (const char *at = name; *at != 0; at++) {
        if (*at == '"') text_append_char(out, '"');
        text_append_char(out, *at);
    }
    text_append_char(out, '"');
}

static void append_table(Text *out, const TableInfo *table) {
    append_identifier(out, table->schema_name);
    text_append_char(out, '.');
    append_identifier(out, table->name);
}

// A default that is not one constant is computed for each row there is.
static Status fill_column(Portal *portal, Oid table_oid, const ColumnDefinition *column) {
    Session *session = portal->session;
    bool is_computed = column->is_serial || column->identity != 0
                       || (column->default_text != NULL && !column->has_constant_default);
    if (!is_computed) return OK;
    const TableInfo *table = catalog_find_table_by_oid(session->view, table_oid);
    Text sql;
    text_init(&sql, &portal->arena);
    text_append_text(&sql, "UPDATE ");
    append_table(&sql, table);
    text_append_text(&sql, " SET ");
    append_identifier(&sql, column->name);
    text_append_text(&sql, " = DEFAULT");
    uint64_t rows;
    return session_execute_internal(session, sql.data, &rows);
}

// A new CHECK must hold for the rows there are.
static Status check_rows(Portal *portal, Oid table_oid, const CheckDefinition *check,
    const Expression *check_expression) {
    Session *session = portal->session;
    const TableInfo *table = catalog_find_table_by_oid(session->view, table_oid);
    uint64_t rows;
    TRY(session_count_violations(session, table, check_expression, &portal->arena, &rows));
    if (rows == 0) return OK;
    // The newest check of the table is the one that was just made.
    const char *name = check->name;
    Oid newest = 0;
    for (uint32_t i = 0; i < table->check_count; i++) {
        if (table->checks[i].oid < newest) continue;
        newest = table->checks[i].oid;
        name = table->checks[i].name;
    }
    Status status = fail(CHECK_VIOLATION,
        "check constraint \"%s\" of relation \"%s\" is violated by some row", name, table->name);
    error_set_name(ERROR_SCHEMA_NAME, table->schema_name);
    error_set_name(ERROR_TABLE_NAME, table->name);
    error_set_name(ERROR_CONSTRAINT_NAME, name);
    return status;
}

static Status alter_command(Portal *portal, Oid table_oid, const AlterCommand *command) {
    Session *session = portal->session;
    CatalogView *view = session->view;
    const TableInfo *table = catalog_find_table_by_oid(view, table_oid);
    if (table == NULL)
        return fail(UNDEFINED_TABLE, "relation with OID %u does not exist", table_oid);
    switch (command->kind) {
    case ALTER_ADD_COLUMN:
        if (command->if_not_exists
            && table_info_find_column(table, command->column->name) != NULL) {
            session_notice(session, "NOTICE", DUPLICATE_COLUMN,
                arena_format(&portal->arena,
                    "column \"%s\" of relation \"%s\" already exists, skipping",
                    command->column->name, table->name),
                NULL, NULL);
            return OK;
        }
        TRY(catalog_add_column(view, table_oid, command->column));
        TRY(fill_column(portal, table_oid, command->column));
        if (command->key != NULL) TRY(catalog_add_key(view, table_oid, command->key));
        if (command->check != NULL) {
            TRY(catalog_add_check(view, table_oid, command->check));
            TRY(check_rows(portal, table_oid, command->check, command->check_expression));
        }
        return OK;
    case ALTER_DROP_COLUMN:
        if (command->if_exists && table_info_find_column(table, command->name) == NULL) {
            session_notice(session, "NOTICE", OK,
                arena_format(&portal->arena,
                    "column \"%s\" of relation \"%s\" does not exist, skipping", command->name,
                    table->name),
                NULL, NULL);
            return OK;
        }
        return catalog_drop_column(view, table_oid, command->name, command->cascade);
    case ALTER_ADD_KEY:
        return catalog_add_key(view, table_oid, command->key);
    case ALTER_ADD_CHECK:
        TRY(catalog_add_check(view, table_oid, command->check));
        return check_rows(portal, table_oid, command->check, command->check_expression);
    case ALTER_DROP_CONSTRAINT: {
        bool exists = false;
        for (uint32_t i = 0; i < table->check_count; i++)
            exists = exists || strcmp(table->checks[i].name, command->name) == 0;
        for (uint32_t i = 0; i < table->index_count; i++)
            exists = exists
                     || (table->indexes[i].constraint != 0
                         && strcmp(table->indexes[i].name, command->name) == 0);
        if (command->if_exists && !exists) {
            session_notice(session, "NOTICE", OK,
                arena_format(&portal->arena,
                    "constraint \"%s\" of relation \"%s\" does not exist, skipping", command->name,
                    table->name),
                NULL, NULL);
            return OK;
        }
        return catalog_drop_constraint(view, table_oid, command->name, command->cascade);
    }
    case ALTER_SET_DEFAULT:
        return catalog_set_default(view, table_oid, command->name, command->default_text);
    case ALTER_DROP_DEFAULT:
        return catalog_set_default(view, table_oid, command->name, NULL);
    case ALTER_SET_NOT_NULL:
        return catalog_set_not_null(view, table_oid, command->name, true);
    case ALTER_DROP_NOT_NULL:
        return catalog_set_not_null(view, table_oid, command->name, false);
    }
    return OK;
}

static const char *drop_tag(const BoundStatement *bound) {
    if (bound->drop.is_schema) return "DROP SCHEMA";
    switch (bound->drop.kind) {
    case RELATION_TABLE:
        return "DROP TABLE";
    case RELATION_INDEX:
        return "DROP INDEX";
    case RELATION_SEQUENCE:
        return "DROP SEQUENCE";
    case RELATION_VIEW:
        return "DROP VIEW";
    }
    return "DROP";
}

static Status drop(Portal *portal, const BoundStatement *bound) {
    CatalogView *view = portal->session->view;
    for (uint32_t i = 0; i < bound->drop.object_count; i++) {
        Oid object = bound->drop.objects[i];
        if (bound->drop.is_schema) {
            TRY(catalog_drop_schema(view, object, bound->drop.cascade));
            continue;
        }
        // An earlier one of the list may have taken it along.
        if (catalog_find_table_by_oid(view, object) == NULL && i > 0) continue;
        TRY(catalog_drop_relation(view, object, bound->drop.kind, bound->drop.cascade));
    }
    portal_set_tag(portal, "%s", drop_tag(bound));
    return OK;
}

static Status rename_object(Portal *portal, const BoundStatement *bound) {
    CatalogView *view = portal->session->view;
    const TableInfo *relation = catalog_find_table_by_oid(view, bound->rename.relation);
    portal_set_tag(portal, "%s",
        relation != NULL && relation->kind == RELATION_INDEX      ? "ALTER INDEX"
        : relation != NULL && relation->kind == RELATION_SEQUENCE ? "ALTER SEQUENCE"
                                                                  : "ALTER TABLE");
    if (bound->rename.relation == 0) return OK;
    if (bound->rename.column == NULL)
        return catalog_rename_relation(view, bound->rename.relation, bound->rename.to);
    return catalog_rename_column(
        view, bound->rename.relation, bound->rename.column, bound->rename.to);
}

const char *definition_name(const BoundStatement *bound) {
    if (bound->kind == BOUND_CREATE_TABLE) return "CREATE TABLE";
    if (bound->kind == BOUND_CREATE_INDEX) return "CREATE INDEX";
    if (bound->kind == BOUND_CREATE_SEQUENCE) return "CREATE SEQUENCE";
    if (bound->kind == BOUND_CREATE_SCHEMA) return "CREATE SCHEMA";
    if (bound->kind == BOUND_TRUNCATE) return "TRUNCATE TABLE";
    if (bound->kind == BOUND_COMMENT) return "COMMENT";
    return bound->kind == BOUND_DROP ? drop_tag(bound) : "ALTER TABLE";
}

Status definition_run(Portal *portal) {
    Session *session = portal->session;
    CatalogView *view = session->view;
    const BoundStatement *bound = &portal->statement->bound;
    CatalogNotice notice = {0};
    Arena *arena = &portal->arena;
    switch (bound->kind) {
    case BOUND_CREATE_TABLE:
        TRY(catalog_create_table(view, bound->create_table, arena, &notice));
        portal_set_tag(portal, "CREATE TABLE");
        break;
    case BOUND_CREATE_INDEX:
        if (bound->create_index.is_concurrent)
            TRY(transaction_prevent_block(session, "CREATE INDEX CONCURRENTLY"));
        TRY(catalog_create_index(view, bound->create_index.table, bound->create_index.key,
            bound->create_index.if_not_exists, arena, &notice));
        portal_set_tag(portal, "CREATE INDEX");
        break;
    case BOUND_CREATE_SEQUENCE:
        TRY(catalog_create_sequence(view, bound->create_sequence.schema,
            bound->create_sequence.name, bound->create_sequence.type, &bound->create_sequence.state,
            bound->create_sequence.owned_by_table, bound->create_sequence.owned_by_column,
            bound->create_sequence.if_not_exists, arena, &notice));
        portal_set_tag(portal, "CREATE SEQUENCE");
        break;
    case BOUND_CREATE_SCHEMA:
        TRY(catalog_create_schema(
            view, bound->create_schema.name, bound->create_schema.if_not_exists, arena, &notice));
        portal_set_tag(portal, "CREATE SCHEMA");
        break;
    case BOUND_ALTER_TABLE:
        portal_set_tag(portal, "ALTER TABLE");
        if (bound->alter.table == 0) break;
        for (uint32_t i = 0; i < bound->alter.command_count; i++)
            TRY(alter_command(portal, bound->alter.table, &bound->alter.commands[i]));
        break;
    case BOUND_RENAME:
        return rename_object(portal, bound);
    case BOUND_DROP:
        return drop(portal, bound);
    case BOUND_COMMENT:
        portal_set_tag(portal, "COMMENT");
        return catalog_set_comment(view, bound->comment.object_class, bound->comment.object,
            bound->comment.column, bound->comment.table, bound->comment.text);
    case BOUND_TRUNCATE:
        portal_set_tag(portal, "TRUNCATE TABLE");
        return catalog_truncate(view, bound->truncate.tables, bound->truncate.table_count,
            bound->truncate.restart_identity);
    case BOUND_QUERY:
    case BOUND_COPY:
    case BOUND_EXPLAIN:
    case BOUND_UTILITY:
        UNREACHABLE();
    }
    give_notice(session, &notice);
    return OK;
}
