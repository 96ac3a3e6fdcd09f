// For tests: a catalog in memory, filled by binding CREATE TABLE, beside the system relations.
// Defines the look-ups that bind calls, so that the real catalog is not linked.
#pragma once

#include "base/error.h"
#include "bind/bind.h"
#include "catalog/system_relation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAKE_TABLES_MAX = 256 };

struct CatalogView {
    TableInfo tables[FAKE_TABLES_MAX];
    uint32_t table_count;
    Oid next_oid;
    Arena *arena;
    bool shows_hints; // fake_describe adds the hint and the detail of an error
};

const ColumnInfo *table_info_find_column(const TableInfo *table, const char *name) {
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (strcmp(table->columns[i].name, name) == 0) return &table->columns[i];
    }
    return NULL;
}

bool catalog_find_schema(CatalogView *view, const char *name, Oid *schema_out) {
    (void)view;
    *schema_out = NAMESPACE_PUBLIC;
    return strcmp(name, "public") == 0 || strcmp(name, "pg_catalog") == 0
           || strcmp(name, "information_schema") == 0;
}

const TypeInfo *catalog_find_type(CatalogView *view, const char *schema, const char *name) {
    (void)view;
    (void)schema;
    (void)name;
    return NULL;
}

static const TableInfo *fake_system_table(CatalogView *view, const SystemRelation *relation) {
    ColumnInfo *columns = arena_new_array(view->arena, ColumnInfo, relation->column_count);
    for (uint32_t i = 0; i < relation->column_count; i++) {
        columns[i].name = relation->columns[i].name;
        columns[i].number = (int16_t)(i + 1);
        columns[i].type.oid = relation->columns[i].type;
        columns[i].type.modifier = relation->columns[i].modifier;
    }
    TableInfo *table = arena_new(view->arena, TableInfo);
    table->oid = relation->oid;
    table->name = relation->name;
    table->schema_name = "pg_catalog";
    table->kind = (RelationKind)relation->kind;
    table->is_system = true;
    table->column_count = relation->column_count;
    table->columns = columns;
    table->row_type = relation->row_type;
    return table;
}

const TableInfo *catalog_find_table(CatalogView *view, const char *schema, const char *name) {
    for (uint32_t i = 0; i < view->table_count; i++) {
        if (schema != NULL && strcmp(schema, "public") != 0) break;
        if (strcmp(view->tables[i].name, name) == 0) return &view->tables[i];
    }
    for (size_t i = 0; i < system_relation_count; i++) {
        const SystemRelation *relation = &system_relations[i];
        bool is_catalog = relation->schema == NAMESPACE_PG_CATALOG;
        if (schema == NULL ? !is_catalog : is_catalog != (strcmp(schema, "pg_catalog") == 0)) {
            continue;
        }
        if (strcmp(relation->name, name) == 0) return fake_system_table(view, relation);
    }
    return NULL;
}

// Types and tables by name, with or without pg_catalog before it.
static Status fake_find_object(
    void *catalog, Oid kind, const char *text, size_t count, Oid *oid_out) {
    char name[64];
    const char *dot = memchr(text, '.', count);
    size_t skipped = dot == NULL ? 0 : (size_t)(dot + 1 - text);
    snprintf(name, sizeof name, "%.*s", (int)(count - skipped), text + skipped);
    const TypeInfo *type = kind == TYPE_REGTYPE ? type_find_by_name(name) : NULL;
    const TableInfo *table = NULL;
    if (kind == TYPE_REGCLASS) {
        table = catalog_find_table(catalog, skipped > 0 ? "pg_catalog" : NULL, name);
    }
    if (type == NULL && table == NULL) {
        return fail(UNDEFINED_OBJECT, "\"%.*s\" does not exist", (int)count, text);
    }
    *oid_out = type != NULL ? type->oid : table->oid;
    return OK;
}

ObjectNames catalog_object_names(CatalogView *view) {
    return (ObjectNames){.catalog = view, .find = fake_find_object};
}

const TableInfo *catalog_find_table_by_oid(CatalogView *view, Oid oid) {
    for (uint32_t i = 0; i < view->table_count; i++) {
        if (view->tables[i].oid == oid) return &view->tables[i];
    }
    return NULL;
}

static void fake_create_table(CatalogView *view, const TableDefinition *definition) {
    TableInfo *table = &view->tables[view->table_count++];
    ColumnInfo *columns = arena_new_array(view->arena, ColumnInfo, definition->column_count);
    for (uint32_t i = 0; i < definition->column_count; i++) {
        const ColumnDefinition *column = &definition->columns[i];
        columns[i] = (ColumnInfo){
            .name = column->name,
            .number = (int16_t)(i + 1),
            .type = column->type,
            .is_not_null = column->is_not_null,
            .has_default = column->default_text != NULL,
            .default_text = column->default_text,
            .identity = column->identity,
            .sequence = column->identity != 0 ? 99999 : 0,
        };
    }
    IndexInfo *indexes = arena_new_array(view->arena, IndexInfo, definition->key_count);
    for (uint32_t i = 0; i < definition->key_count; i++) {
        const KeyDefinition *key = &definition->keys[i];
        int16_t *numbers = arena_new_array(view->arena, int16_t, key->column_count);
        for (uint32_t j = 0; j < key->column_count; j++) {
            for (uint32_t k = 0; k < definition->column_count; k++) {
                if (strcmp(columns[k].name, key->columns[j]) == 0) numbers[j] = columns[k].number;
            }
        }
        indexes[i] = (IndexInfo){
            .name = key->name != NULL ? key->name : "key",
            .index_number = i,
            .is_unique = key->is_unique,
            .is_primary = key->is_primary,
            .constraint = 1,
            .column_count = key->column_count,
            .columns = numbers,
        };
    }
    CheckInfo *checks = arena_new_array(view->arena, CheckInfo, definition->check_count);
    for (uint32_t i = 0; i < definition->check_count; i++) {
        checks[i].name = definition->checks[i].name;
        checks[i].expression_text = definition->checks[i].expression_text;
    }
    *table = (TableInfo){
        .oid = view->next_oid++,
        .name = definition->name,
        .schema_name = "public",
        .schema = NAMESPACE_PUBLIC,
        .kind = RELATION_TABLE,
        .column_count = definition->column_count,
        .columns = columns,
        .index_count = definition->key_count,
        .indexes = indexes,
        .check_count = definition->check_count,
        .checks = checks,
    };
    table->row_type = view->next_oid++;
}

// Binds every statement of a text. Appends a line for each: its output columns as "name type", or
// the error as "SQLSTATE message (at position)".
static void fake_describe(Parser *parser, CatalogView *view, const char *sql, Text *out) {
    ParsedStatement *statements;
    size_t count;
    Status status = parse_text(parser, sql, view->arena, &statements, &count);
    for (size_t i = 0; status == OK && i < count; i++) {
        ParameterTypes parameters = {.arena = view->arena};
        FunctionContext context = {.values = *value_context_default()};
        ObjectNames names = catalog_object_names(view);
        context.values.object_names = &names;
        const FunctionEntry *tables[] = {functions_of_values};
        context.registry = function_registry_make(view->arena, tables, 1);
        BindInput input = {
            .catalog = view,
            .functions = &context,
            .parameters = &parameters,
            .sql = sql,
            .arena = view->arena,
            .user_name = "postgres",
            .database_name = "postgres",
        };
        BoundStatement bound;
        status = bind_statement(&input, statements[i].statement, &bound);
        if (status != OK) break;
        if (bound.kind == BOUND_CREATE_TABLE) fake_create_table(view, bound.create_table);
        if (bound.kind != BOUND_QUERY) {
            text_append_text(out, "ok\n");
            continue;
        }
        const Query *query = bound.query;
        bool is_select = query->kind == QUERY_SELECT;
        const Target *targets = is_select ? query->targets : query->returning;
        uint32_t target_count = is_select ? query_visible_count(query) : query->returning_count;
        for (uint32_t j = 0; j < target_count; j++) {
            if (j > 0) text_append_text(out, ", ");
            text_append_format(out, "%s ", targets[j].name);
            type_format(targets[j].expression->type, out);
        }
        text_append_text(out, target_count == 0 ? "ok\n" : "\n");
    }
    if (status == OK) return;
    char code[6];
    status_to_sqlstate(status, code);
    const Error *error = error_get();
    text_append_format(out, "%s %s", code, error->message);
    if (error->position > 0) text_append_format(out, " (at %u)", error->position);
    text_append_char(out, '\n');
    if (view->shows_hints && error->hint != NULL) {
        text_append_format(out, "H: %s\n", error->hint);
    }
    if (view->shows_hints && error->detail != NULL) {
        text_append_format(out, "D: %s\n", error->detail);
    }
    error_clear();
}
