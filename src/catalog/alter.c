// ALTER TABLE, and renaming.
#include "catalog/catalog_internal.h"

#include <stdio.h>

static Status lock_table(CatalogView *view, Oid table, Entry **entry_out) {
    TRY(view_lock_relation(view, table, LOCK_ACCESS_EXCLUSIVE, entry_out));
    if ((*entry_out)->table.kind != RELATION_TABLE)
        return fail(WRONG_OBJECT_TYPE, "\"%s\" is not a table", (*entry_out)->name);
    return OK;
}

static Status require_column(const Entry *table, const char *name, const ColumnInfo **column_out) {
    *column_out = table_info_find_column(&table->table, name);
    if (*column_out == NULL)
        return fail(
            UNDEFINED_COLUMN, "column \"%s\" of relation \"%s\" does not exist", name, table->name);
    return OK;
}

static Status null_violation(const Entry *table, const char *column) {
    Status status = fail(NOT_NULL_VIOLATION,
        "column \"%s\" of relation \"%s\" contains null values", column, table->name);
    error_set_name(ERROR_SCHEMA_NAME, table->table.schema_name);
    error_set_name(ERROR_TABLE_NAME, table->name);
    error_set_name(ERROR_COLUMN_NAME, column);
    return status;
}

// Reads the whole table; `column` NULL asks whether there is any row.
static Status table_has_null(
    CatalogView *view, const Entry *table, const ColumnInfo *column, bool *has_null_out) {
    Table *store = table_find(view->catalog->tables, table->table.store);
    if (store == NULL) return fail(DATA_CORRUPTED, "table \"%s\" has no store", table->name);
    Arena *arena = &view->scratch;
    ArenaMark mark = arena_mark(arena);
    uint64_t *columns = arena_new_array(arena, uint64_t, (table->table.column_count + 64) / 64);
    if (column != NULL) columns[column->position / 64] |= UINT64_C(1) << (column->position % 64);
    Batch *batch = table_batch_make(arena, store, columns);
    TableScan *scan = NULL;
    bool has_null = false;
    Status status = table_scan_open(store, view_snapshot(view), columns, arena, &scan);
    while (status == OK && !has_null) {
        status = table_scan_next(scan, batch);
        if (status != OK || batch->selected_count == 0) break;
        if (column == NULL) has_null = true;
        for (uint32_t i = 0; i < batch->selected_count && !has_null; i++)
            has_null = column_is_null(
                &batch->columns[column->position], selection_row(batch_selection(batch), i));
    }
    batch_release_pins(batch);
    if (scan != NULL) table_scan_close(scan);
    arena_rewind(arena, mark);
    *has_null_out = has_null;
    return status;
}

static Status column_null_check(CatalogView *view, const Entry *table, const ColumnInfo *column) {
    bool has_null = false;
    TRY(table_has_null(view, table, column, &has_null));
    return has_null ? null_violation(table, column->name) : OK;
}

static Status update_column(
    CatalogView *view, Oid table, int16_t number, uint32_t attribute, Value value) {
    Value key[2] = {cell_oid(table), cell_int2(number)};
    return system_update(view, OID_OF_PG_ATTRIBUTE, 0, key, 2, attribute, value);
}

static Status update_class(CatalogView *view, Oid relation, uint32_t attribute, Value value) {
    Value key = cell_oid(relation);
    return system_update(view, OID_OF_PG_CLASS, 0, &key, 1, attribute, value);
}

// ---- Columns ------------------------------------------------------------------------------------

Status catalog_add_column(CatalogView *view, Oid table, const ColumnDefinition *definition) {
    enum { COLUMN_COUNT_MAX = 1600 };

    Entry *entry;
    TRY(lock_table(view, table, &entry));
    if (table_info_find_column(&entry->table, definition->name) != NULL)
        return fail(DUPLICATE_COLUMN, "column \"%s\" of relation \"%s\" already exists",
            definition->name, entry->name);
    if (entry->table.column_count >= COLUMN_COUNT_MAX)
        return fail(TOO_MANY_COLUMNS, "tables can have at most %d columns", COLUMN_COUNT_MAX);
    bool has_value =
        definition->is_serial || definition->identity != 0
        || (definition->default_text != NULL
            && (!definition->has_constant_default || !definition->default_value.is_null));
    if (definition->is_not_null && !has_value) {
        bool has_row = false;
        TRY(table_has_null(view, entry, NULL, &has_row));
        if (has_row) return null_violation(entry, definition->name);
    }
    Arena *arena = &view->txn_arena;
    ColumnInfo column = {.name = definition->name,
        .number = (int16_t)(entry->table.column_count + 1),
        .position = (uint16_t)entry->table.column_count,
        .type = definition->type,
        .is_not_null =
            definition->is_not_null || definition->identity != 0 || definition->is_serial,
        .identity = definition->identity,
        .default_text = definition->default_text};
    if (definition->is_serial || definition->identity != 0) {
        char *name =
            relation_name_choose(view, arena, entry->name, definition->name, "seq", entry->schema);
        TRY(sequence_create(view, name, entry->schema, definition->type.oid, &definition->sequence,
            arena, &column.sequence));
    }
    if (definition->is_serial) {
        Text text;
        text_init(&text, arena);
        ASSERT(view->hooks.serial_default != NULL);
        TRY(view->hooks.serial_default(view->hooks.argument, column.sequence, &text));
        column.default_text = text.data;
    }
    TRY(attribute_row_insert(view, table, &column, 0));
    TRY(update_class(view, table, PG_CLASS_RELNATTS, cell_int2(column.number)));
    if (column.default_text != NULL)
        TRY(default_rows_set(view, table, column.number, column.default_text));
    if (column.sequence != 0)
        TRY(sequence_set_owner(
            view, column.sequence, table, column.number, column.identity != 0 ? 'i' : 'a'));
    TRY(relation_reload(view, table));

    entry = view_find(view, ENTRY_RELATION, table);
    Table *store = table_find(view->catalog->tables, entry->table.store);
    if (store == NULL) return fail(DATA_CORRUPTED, "table \"%s\" has no store", entry->name);
    StoreSchema schema;
    store_schema_make(&entry->table, table_schema(store), arena, &schema);
    if (definition->has_constant_default && !definition->default_value.is_null) {
        StoreColumn *made = (StoreColumn *)(uintptr_t)&schema.columns[column.position];
        made->has_missing = true;
        made->missing = definition->default_value;
    }
    return table_store_alter(view->catalog->tables, view->txn, entry->table.store, &schema);
}

static Status drop_check(CatalogView *view, Oid check) {
    Value key = cell_oid(check);
    TRY(system_delete(view, OID_OF_PG_CONSTRAINT, 0, &key, 1));
    TRY(system_delete(view, OID_OF_PG_DESCRIPTION, 0, &key, 1));
    return dependency_remove(view, OID_OF_PG_CONSTRAINT, check);
}

// Whether a check constraint mentions the column, by its rows in pg_depend.
static Status check_mentions(
    CatalogView *view, Oid check, Oid table, int16_t number, bool *mentions_out) {
    *mentions_out = false;
    Arena *arena = &view->scratch;
    ArenaMark mark = arena_mark(arena);
    Value key[2] = {cell_oid(OID_OF_PG_CONSTRAINT), cell_oid(check)};
    SystemCursor cursor = {0};
    Status status = system_cursor_open(view, OID_OF_PG_DEPEND, 0, key, 2, arena, &cursor);
    Value row[PG_DEPEND_COLUMN_COUNT];
    bool is_found = true;
    while (status == OK && is_found && !*mentions_out) {
        status = system_cursor_next(&cursor, row, NULL, &is_found);
        if (status == OK && is_found)
            *mentions_out = row[PG_DEPEND_REFOBJID].datum.oid == table
                            && row[PG_DEPEND_REFOBJSUBID].datum.int4 == number;
    }
    system_cursor_close(&cursor);
    arena_rewind(arena, mark);
    return status;
}

Status catalog_drop_column(
    CatalogView *view, Oid table, const char *name, [[maybe_unused]] bool cascade) {
    Entry *entry;
    const ColumnInfo *column;
    TRY(lock_table(view, table, &entry));
    TRY(require_column(entry, name, &column));
    const TableInfo *info = &entry->table;
    // Indexes and constraints that mention the column go with it.
    for (uint32_t i = 0; i < info->index_count; i++) {
        bool mentions = false;
        for (uint32_t j = 0; j < info->indexes[i].column_count; j++)
            mentions = mentions || info->indexes[i].columns[j] == column->number;
        if (mentions) TRY(index_drop(view, entry, &info->indexes[i]));
    }
    uint32_t checks_left = info->check_count;
    for (uint32_t i = 0; i < info->check_count; i++) {
        bool mentions;
        TRY(check_mentions(view, info->checks[i].oid, table, column->number, &mentions));
        if (!mentions) continue;
        TRY(drop_check(view, info->checks[i].oid));
        checks_left--;
    }
    if (checks_left != info->check_count)
        TRY(update_class(view, table, PG_CLASS_RELCHECKS, cell_int2((int32_t)checks_left)));
    if (column->default_text != NULL) TRY(default_rows_set(view, table, column->number, NULL));
    if (column->sequence != 0) TRY(sequence_drop(view, column->sequence));
    char dropped[64];
    snprintf(dropped, sizeof dropped, "........pg.dropped.%d........", column->number);
    int16_t number = column->number;
    Value description[3] = {cell_oid(table), cell_oid(OID_OF_PG_CLASS), cell_int4(number)};
    TRY(system_delete(view, OID_OF_PG_DESCRIPTION, 0, description, 3));
    TRY(update_column(view, table, number, PG_ATTRIBUTE_ATTNAME, cell_text(dropped)));
    TRY(update_column(view, table, number, PG_ATTRIBUTE_ATTTYPID, cell_oid(0)));
    TRY(update_column(view, table, number, PG_ATTRIBUTE_ATTNOTNULL, cell_bool(false)));
    TRY(update_column(view, table, number, PG_ATTRIBUTE_ATTIDENTITY, cell_char(0)));
    TRY(update_column(view, table, number, PG_ATTRIBUTE_ATTISDROPPED, cell_bool(true)));
    TRY(relation_reload(view, table));
    return store_schema_alter(view, table, &view->txn_arena);
}

Status catalog_rename_column(CatalogView *view, Oid table, const char *from, const char *to) {
    Entry *entry;
    const ColumnInfo *column;
    TRY(view_lock_relation(view, table, LOCK_ACCESS_EXCLUSIVE, &entry));
    column = table_info_find_column(&entry->table, from);
    if (column == NULL) return fail(UNDEFINED_COLUMN, "column \"%s\" does not exist", from);
    if (table_info_find_column(&entry->table, to) != NULL)
        return fail(
            DUPLICATE_COLUMN, "column \"%s\" of relation \"%s\" already exists", to, entry->name);
    TRY(update_column(view, table, column->number, PG_ATTRIBUTE_ATTNAME, cell_text(to)));
    int16_t number = column->number;
    // Index columns are named after the table's.
    for (uint32_t i = 0; i < entry->table.index_count; i++) {
        const IndexInfo *index = &entry->table.indexes[i];
        for (uint32_t j = 0; j < index->column_count; j++) {
            if (index->columns[j] != number) continue;
            TRY(update_column(
                view, index->oid, (int16_t)(j + 1), PG_ATTRIBUTE_ATTNAME, cell_text(to)));
            TRY(relation_reload(view, index->oid));
        }
    }
    TRY(relation_reload(view, table));
    return store_schema_alter(view, table, &view->txn_arena);
}

Status catalog_rename_relation(CatalogView *view, Oid relation, const char *to) {
    Entry *entry = view_find(view, ENTRY_RELATION, relation);
    if (entry != NULL && entry->index_table != 0)
        TRY(view_lock(view, entry->index_table, LOCK_ACCESS_EXCLUSIVE));
    TRY(view_lock_relation(view, relation, LOCK_ACCESS_EXCLUSIVE, &entry));
    if (relation_name_is_taken(view, entry->schema, to))
        return fail(DUPLICATE_TABLE, "relation \"%s\" already exists", to);
    TRY(update_class(view, relation, PG_CLASS_RELNAME, cell_text(to)));
    if (entry->row_type.oid != 0) {
        Value type = cell_oid(entry->row_type.oid);
        TRY(system_update(view, OID_OF_PG_TYPE, 0, &type, 1, PG_TYPE_TYPNAME, cell_text(to)));
        type = cell_oid(entry->array_type.oid);
        const char *array = object_name_make(&view->txn_arena, "", to, NULL);
        TRY(system_update(view, OID_OF_PG_TYPE, 0, &type, 1, PG_TYPE_TYPNAME, cell_text(array)));
    }
    Oid table = relation;
    if (entry->table.kind == RELATION_INDEX) {
        table = entry->index_table;
        Entry *owner = view_find(view, ENTRY_RELATION, table);
        for (uint32_t i = 0; owner != NULL && i < owner->table.index_count; i++) {
            Value constraint = cell_oid(owner->table.indexes[i].constraint);
            if (owner->table.indexes[i].oid == relation && constraint.datum.oid != 0)
                TRY(system_update(view, OID_OF_PG_CONSTRAINT, 0, &constraint, 1,
                    PG_CONSTRAINT_CONNAME, cell_text(to)));
        }
        TRY(relation_reload(view, relation));
    }
    TRY(relation_reload(view, table));
    Entry *now = view_find(view, ENTRY_RELATION, table);
    if (now == NULL || now->table.kind != RELATION_TABLE) return OK;
    return store_schema_alter(view, table, &view->txn_arena);
}

Status catalog_set_default(
    CatalogView *view, Oid table, const char *name, const char *default_text) {
    Entry *entry;
    const ColumnInfo *column;
    TRY(lock_table(view, table, &entry));
    TRY(require_column(entry, name, &column));
    if (column->identity != 0) {
        Status status = fail(SYNTAX_ERROR, "column \"%s\" of relation \"%s\" is an identity column",
            name, entry->name);
        if (default_text == NULL)
            error_add_hint("Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead.");
        return status;
    }
    TRY(default_rows_set(view, table, column->number, default_text));
    return relation_reload(view, table);
}

Status catalog_set_not_null(CatalogView *view, Oid table, const char *name, bool is_not_null) {
    Entry *entry;
    const ColumnInfo *column;
    TRY(lock_table(view, table, &entry));
    TRY(require_column(entry, name, &column));
    if (column->is_not_null == is_not_null) return OK;
    if (is_not_null) {
        TRY(column_null_check(view, entry, column));
    } else {
        if (column->identity != 0)
            return fail(SYNTAX_ERROR, "column \"%s\" of relation \"%s\" is an identity column",
                name, entry->name);
        for (uint32_t i = 0; i < entry->table.index_count; i++)
            for (uint32_t j = 0; j < entry->table.indexes[i].column_count; j++)
                if (entry->table.indexes[i].is_primary
                    && entry->table.indexes[i].columns[j] == column->number)
                    return fail(
                        INVALID_TABLE_DEFINITION, "column \"%s\" is in a primary key", name);
    }
    TRY(update_column(
        view, table, column->number, PG_ATTRIBUTE_ATTNOTNULL, cell_bool(is_not_null)));
    return relation_reload(view, table);
}

// ---- Constraints --------------------------------------------------------------------------------

static bool constraint_exists(const TableInfo *table, const char *name) {
    for (uint32_t i = 0; i < table->check_count; i++)
        if (strcmp(table->checks[i].name, name) == 0) return true;
    for (uint32_t i = 0; i < table->index_count; i++)
        if (table->indexes[i].constraint != 0 && strcmp(table->indexes[i].name, name) == 0)
            return true;
    return false;
}

Status catalog_add_key(CatalogView *view, Oid table, const KeyDefinition *key) {
    Entry *entry;
    TRY(lock_table(view, table, &entry));
    for (uint32_t i = 0; key->is_primary && i < entry->table.index_count; i++)
        if (entry->table.indexes[i].is_primary)
            return fail(INVALID_TABLE_DEFINITION,
                "multiple primary keys for table \"%s\" are not allowed", entry->name);
    Arena *arena = &view->txn_arena;
    IndexDefinition index;
    TRY(index_definition_make(view, &entry->table, key, arena, &index));
    bool has_changed = false;
    for (uint32_t i = 0; key->is_primary && i < index.column_count; i++) {
        const ColumnInfo *column = &entry->table.columns[index.columns[i] - 1];
        if (column->is_not_null) continue;
        TRY(column_null_check(view, entry, column));
        TRY(update_column(view, table, column->number, PG_ATTRIBUTE_ATTNOTNULL, cell_bool(true)));
        has_changed = true;
    }
    if (has_changed) {
        TRY(relation_reload(view, table));
        entry = view_find(view, ENTRY_RELATION, table);
    }
    return index_create(view, entry, &index, arena);
}

Status catalog_add_check(CatalogView *view, Oid table, const CheckDefinition *check) {
    Entry *entry;
    TRY(lock_table(view, table, &entry));
    Arena *arena = &view->txn_arena;
    const char *name = check->name;
    if (name != NULL && constraint_exists(&entry->table, name))
        return fail(DUPLICATE_OBJECT, "constraint \"%s\" for relation \"%s\" already exists", name,
            entry->name);
    if (name == NULL)
        name = constraint_name_choose(view, arena, &entry->table, entry->name,
            check->column_name_count == 1 ? check->column_names[0] : NULL, "check", entry->schema,
            NULL, 0);
    TRY(check_rows_insert(view, &entry->table, entry->schema, check, name, arena));
    TRY(update_class(
        view, table, PG_CLASS_RELCHECKS, cell_int2((int32_t)entry->table.check_count + 1)));
    return relation_reload(view, table);
}

Status catalog_drop_constraint(
    CatalogView *view, Oid table, const char *name, [[maybe_unused]] bool cascade) {
    Entry *entry;
    TRY(lock_table(view, table, &entry));
    for (uint32_t i = 0; i < entry->table.check_count; i++) {
        if (strcmp(entry->table.checks[i].name, name) != 0) continue;
        TRY(drop_check(view, entry->table.checks[i].oid));
        TRY(update_class(
            view, table, PG_CLASS_RELCHECKS, cell_int2((int32_t)entry->table.check_count - 1)));
        return relation_reload(view, table);
    }
    for (uint32_t i = 0; i < entry->table.index_count; i++) {
        const IndexInfo *index = &entry->table.indexes[i];
        if (index->constraint == 0 || strcmp(index->name, name) != 0) continue;
        TRY(index_drop(view, entry, index));
        return relation_reload(view, table);
    }
    return fail(
        UNDEFINED_OBJECT, "constraint \"%s\" of relation \"%s\" does not exist", name, entry->name);
}

// ---- Comments -----------------------------------------------------------------------------------

Status catalog_set_comment(CatalogView *view, Oid object_class, Oid object, int16_t column,
    Oid table_or_none, const char *text_or_null) {
    Entry *table;
    Oid locked = table_or_none == 0 ? object : table_or_none;
    if (table_or_none == 0) {
        TRY(view_lock(view, locked, LOCK_SHARE_UPDATE_EXCLUSIVE));
    } else {
        TRY(view_lock_relation(view, locked, LOCK_SHARE_UPDATE_EXCLUSIVE, &table));
    }
    Value key[3] = {cell_oid(object), cell_oid(object_class), cell_int4(column)};
    TRY(system_delete(view, OID_OF_PG_DESCRIPTION, 0, key, 3));
    if (text_or_null == NULL) return OK;
    system_increment(view);
    Value row[PG_DESCRIPTION_COLUMN_COUNT];
    row[PG_DESCRIPTION_OBJOID] = cell_oid(object);
    row[PG_DESCRIPTION_CLASSOID] = cell_oid(object_class);
    row[PG_DESCRIPTION_OBJSUBID] = cell_int4(column);
    row[PG_DESCRIPTION_DESCRIPTION] = cell_text(text_or_null);
    return system_insert(view, OID_OF_PG_DESCRIPTION, row);
}
