// DROP and TRUNCATE.
//
// What can depend on what is few here, so that it is written out: a table takes its indexes,
// constraints, defaults, types and owned sequences with it; a sequence that a default calls needs
// CASCADE; one of an identity column, and an index of a constraint, cannot be dropped alone;
// a schema needs CASCADE while anything is in it.
#include "catalog/catalog_internal.h"

#include <stdio.h>
#include <stdlib.h>

static const char *CASCADE_HINT = "Use DROP ... CASCADE to drop the dependent objects too.";

static void notice(CatalogView *view, const char *message, const char *detail) {
    if (view->hooks.notice != NULL) view->hooks.notice(view->hooks.argument, OK, message, detail);
}

static Status class_rows_drop(CatalogView *view, Oid relation) {
    Value key[2] = {cell_oid(relation), value_null()};
    TRY(system_delete(view, OID_OF_PG_CLASS, 0, key, 1));
    TRY(system_delete(view, OID_OF_PG_ATTRIBUTE, 0, key, 1));
    TRY(system_delete(view, OID_OF_PG_DESCRIPTION, 0, key, 1));
    Value reference[2] = {cell_oid(OID_OF_PG_CLASS), cell_oid(relation)};
    TRY(system_delete(view, OID_OF_PG_DEPEND, 0, reference, 2));
    TRY(system_delete(view, OID_OF_PG_DEPEND, 1, reference, 2));
    overlay_set(view, ENTRY_RELATION, relation, NULL);
    return OK;
}

Status sequence_drop(CatalogView *view, Oid sequence) {
    Value key = cell_oid(sequence);
    TRY(system_delete(view, OID_OF_PG_SEQUENCE, 0, &key, 1));
    TRY(table_sequence_drop(view->catalog->tables, view->txn, sequence));
    return class_rows_drop(view, sequence);
}

static Status index_rows_drop(CatalogView *view, const IndexInfo *index) {
    Value key = cell_oid(index->oid);
    TRY(system_delete(view, OID_OF_PG_INDEX, 0, &key, 1));
    if (index->constraint != 0) {
        Value constraint = cell_oid(index->constraint);
        TRY(system_delete(view, OID_OF_PG_CONSTRAINT, 0, &constraint, 1));
        TRY(system_delete(view, OID_OF_PG_DESCRIPTION, 0, &constraint, 1));
        TRY(dependency_remove(view, OID_OF_PG_CONSTRAINT, index->constraint));
    }
    return class_rows_drop(view, index->oid);
}

Status index_drop(CatalogView *view, Entry *table, const IndexInfo *index) {
    TRY(index_rows_drop(view, index));
    return table_index_drop(
        view->catalog->tables, view->txn, table->table.store, index->index_number);
}

static Status table_drop(CatalogView *view, Entry *table) {
    const TableInfo *info = &table->table;
    Value key = cell_oid(info->oid);
    for (uint32_t i = 0; i < info->index_count; i++)
        TRY(index_rows_drop(view, &info->indexes[i]));
    for (uint32_t i = 0; i < info->check_count; i++) {
        Value check = cell_oid(info->checks[i].oid);
        TRY(system_delete(view, OID_OF_PG_DESCRIPTION, 0, &check, 1));
        TRY(dependency_remove(view, OID_OF_PG_CONSTRAINT, info->checks[i].oid));
    }
    TRY(system_delete(view, OID_OF_PG_CONSTRAINT, 1, &key, 1));
    TRY(system_delete(view, OID_OF_PG_ATTRDEF, 1, &key, 1));
    for (uint32_t i = 0; i < info->column_count; i++)
        if (info->columns[i].sequence != 0) TRY(sequence_drop(view, info->columns[i].sequence));
    Value type = cell_oid(table->row_type.oid);
    TRY(system_delete(view, OID_OF_PG_TYPE, 0, &type, 1));
    type = cell_oid(table->array_type.oid);
    TRY(system_delete(view, OID_OF_PG_TYPE, 0, &type, 1));
    TRY(table_store_drop(view->catalog->tables, view->txn, info->store));
    return class_rows_drop(view, info->oid);
}

static Status drop_index(CatalogView *view, Entry *entry) {
    Entry *table;
    TRY(view_lock_relation(view, entry->index_table, LOCK_ACCESS_EXCLUSIVE, &table));
    const IndexInfo *index = NULL;
    for (uint32_t i = 0; i < table->table.index_count; i++)
        if (table->table.indexes[i].oid == entry->oid) index = &table->table.indexes[i];
    if (index == NULL) return fail(UNDEFINED_OBJECT, "index \"%s\" does not exist", entry->name);
    if (index->constraint != 0) {
        Status status = fail(DEPENDENT_OBJECTS_STILL_EXIST,
            "cannot drop index %s because constraint %s on table %s requires it", index->name,
            index->name, table->name);
        error_add_hint("You can drop constraint %s on table %s instead.", index->name, table->name);
        return status;
    }
    TRY(index_drop(view, table, index));
    return relation_reload(view, table->oid);
}

// A column whose default mentions a sequence.
typedef struct SequenceUse {
    Oid table;
    int16_t column;
    const char *table_name, *column_name;
} SequenceUse;

typedef struct SequenceUses {
    Oid sequence;
    SequenceUse *items;
    uint32_t count;
    Arena *arena;
} SequenceUses;

// The stored form names a sequence by a constant of type regclass: its OID, quoted.
static bool default_mentions(const char *stored, Oid sequence) {
    static const char constant[] = "(const 2205 ";
    for (const char *at = strstr(stored, constant); at != NULL; at = strstr(at + 1, constant)) {
        const char *quoted = strchr(at, '"');
        if (quoted == NULL) return false;
        char *end;
        if (strtoul(quoted + 1, &end, 10) == sequence && *end == '"') return true;
    }
    return false;
}

static void list_uses(void *argument, Entry *entry) {
    SequenceUses *uses = argument;
    const TableInfo *table = &entry->table;
    if (table->kind != RELATION_TABLE || entry->is_builtin) return;
    for (uint32_t i = 0; i < table->column_count; i++) {
        const ColumnInfo *column = &table->columns[i];
        if (column->is_dropped || column->default_text == NULL
            || !default_mentions(column->default_text, uses->sequence)) {
            continue;
        }
        if ((uses->count & (uses->count - 1)) == 0) {
            SequenceUse *grown = arena_new_array(uses->arena, SequenceUse, uses->count * 2 + 1);
            if (uses->count > 0) memcpy(grown, uses->items, uses->count * sizeof *grown);
            uses->items = grown;
        }
        uses->items[uses->count++] = (SequenceUse){.table = table->oid,
            .column = column->number,
            .table_name = arena_copy_text(uses->arena, table->name),
            .column_name = arena_copy_text(uses->arena, column->name)};
    }
}

static int use_order(const void *a, const void *b) {
    const SequenceUse *left = a, *right = b;
    if (left->table != right->table) return left->table < right->table ? -1 : 1;
    return (left->column > right->column) - (left->column < right->column);
}

static Status fail_sequence_used(const Entry *entry, const SequenceUses *uses) {
    Text lines;
    text_init(&lines, uses->arena);
    for (uint32_t i = 0; i < uses->count; i++) {
        const SequenceUse *use = &uses->items[i];
        text_append_format(&lines,
            "%sdefault value for column %s of table %s depends on sequence %s", i > 0 ? "\n" : "",
            use->column_name, use->table_name, entry->name);
    }
    Status status = fail(DEPENDENT_OBJECTS_STILL_EXIST,
        "cannot drop sequence %s because other objects depend on it", entry->name);
    error_add_detail("%s", lines.data);
    error_add_hint("%s", CASCADE_HINT);
    return status;
}

// The defaults go, the columns stay.
static Status drop_sequence_uses(CatalogView *view, const SequenceUses *uses) {
    Text lines;
    text_init(&lines, uses->arena);
    for (uint32_t i = 0; i < uses->count; i++) {
        const SequenceUse *use = &uses->items[i];
        text_append_format(&lines, "%sdrop cascades to default value for column %s of table %s",
            i > 0 ? "\n" : "", use->column_name, use->table_name);
        Entry *table;
        TRY(view_lock_relation(view, use->table, LOCK_ACCESS_EXCLUSIVE, &table));
        TRY(default_rows_set(view, use->table, use->column, NULL));
        TRY(relation_reload(view, use->table));
    }
    if (uses->count == 1) notice(view, lines.data, NULL);
    if (uses->count > 1) {
        notice(view, arena_format(uses->arena, "drop cascades to %u other objects", uses->count),
            lines.data);
    }
    return OK;
}

static Status drop_sequence(CatalogView *view, Entry *entry, bool cascade) {
    Entry *owner =
        entry->owner_table == 0 ? NULL : view_find(view, ENTRY_RELATION, entry->owner_table);
    if (owner != NULL) {
        TRY(view_lock_relation(view, entry->owner_table, LOCK_ACCESS_EXCLUSIVE, &owner));
        const ColumnInfo *column = &owner->table.columns[entry->owner_column - 1];
        if (column->identity != 0) {
            Status status = fail(DEPENDENT_OBJECTS_STILL_EXIST,
                "cannot drop sequence %s because column %s of table %s requires it", entry->name,
                column->name, owner->name);
            error_add_hint(
                "You can drop column %s of table %s instead.", column->name, owner->name);
            return status;
        }
    }
    SequenceUses uses = {.sequence = entry->oid, .arena = &view->txn_arena};
    view_each(view, ENTRY_RELATION, list_uses, &uses);
    if (uses.count > 1) qsort(uses.items, uses.count, sizeof *uses.items, use_order);
    if (uses.count > 0 && !cascade) return fail_sequence_used(entry, &uses);
    Oid sequence = entry->oid, owner_table = owner == NULL ? 0 : owner->oid;
    TRY(drop_sequence_uses(view, &uses));
    TRY(sequence_drop(view, sequence));
    return owner_table == 0 ? OK : relation_reload(view, owner_table);
}

Status catalog_drop_relation(CatalogView *view, Oid relation, RelationKind kind, bool cascade) {
    Entry *entry = view_find(view, ENTRY_RELATION, relation);
    // An index is locked after its table, as every other user of both does.
    if (entry != NULL && entry->table.kind == RELATION_INDEX && !entry->is_builtin)
        TRY(view_lock(view, entry->index_table, LOCK_ACCESS_EXCLUSIVE));
    TRY(view_lock_relation(view, relation, LOCK_ACCESS_EXCLUSIVE, &entry));
    if (entry->table.kind != kind) {
        Status status = fail(WRONG_OBJECT_TYPE, "\"%s\" is not %s %s", entry->name,
            kind == RELATION_INDEX ? "an" : "a", relation_kind_name(kind));
        RelationKind actual = entry->table.kind;
        const char *name = relation_kind_name(actual);
        error_add_hint("Use DROP %s to remove %s %s.",
            actual == RELATION_TABLE   ? "TABLE"
            : actual == RELATION_INDEX ? "INDEX"
            : actual == RELATION_VIEW  ? "VIEW"
                                       : "SEQUENCE",
            actual == RELATION_INDEX ? "an" : "a", name);
        return status;
    }
    switch (kind) {
    case RELATION_TABLE:
        return table_drop(view, entry);
    case RELATION_INDEX:
        return drop_index(view, entry);
    case RELATION_SEQUENCE:
        return drop_sequence(view, entry, cascade);
    case RELATION_VIEW:
        break;
    }
    return fail(FEATURE_NOT_SUPPORTED, "views are not supported yet");
}

// ---- Schemas ------------------------------------------------------------------------------------

typedef struct EntryList {
    Oid schema;
    Entry **entries;
    uint32_t count;
    Arena *arena;
} EntryList;

static void list_relation(void *argument, Entry *entry) {
    EntryList *list = argument;
    if (entry->schema != list->schema || entry->table.kind == RELATION_INDEX) return;
    if (entry->owner_table != 0) return; // goes with its table
    if ((list->count & (list->count - 1)) == 0) {
        Entry **entries = arena_new_array(list->arena, Entry *, list->count * 2 + 1);
        if (list->count > 0) memcpy(entries, list->entries, list->count * sizeof *entries);
        list->entries = entries;
    }
    list->entries[list->count++] = entry;
}

static int entry_order(const void *a, const void *b) {
    const Entry *left = *(Entry *const *)a, *right = *(Entry *const *)b;
    return (left->oid > right->oid) - (left->oid < right->oid);
}

// How a message names it: qualified when the path does not find it.
static const char *described(CatalogView *view, const Entry *entry, Arena *arena) {
    const TableInfo *seen = catalog_find_table(view, NULL, entry->name);
    bool is_visible = seen != NULL && seen->oid == entry->oid;
    return is_visible
               ? arena_format(arena, "%s %s", relation_kind_name(entry->table.kind), entry->name)
               : arena_format(arena, "%s %s.%s", relation_kind_name(entry->table.kind),
                   schema_name_of(view, entry->schema), entry->name);
}

Status catalog_drop_schema(CatalogView *view, Oid schema, bool cascade) {
    TRY(view_lock(view, schema, LOCK_ACCESS_EXCLUSIVE));
    catalog_view_refresh(view);
    Entry *entry = view_find(view, ENTRY_SCHEMA, schema);
    if (entry == NULL)
        return fail(INVALID_SCHEMA_NAME, "schema with OID %u does not exist", schema);
    if (entry->is_builtin)
        return fail(DEPENDENT_OBJECTS_STILL_EXIST,
            "cannot drop schema %s because it is required by the database system", entry->name);
    Arena *arena = &view->txn_arena;
    EntryList list = {.schema = schema, .arena = arena};
    view_each(view, ENTRY_RELATION, list_relation, &list);
    if (list.count > 1) qsort(list.entries, list.count, sizeof *list.entries, entry_order);
    Text lines;
    text_init(&lines, arena);
    for (uint32_t i = 0; i < list.count; i++) {
        if (i > 0) text_append_char(&lines, '\n');
        if (cascade) text_append_text(&lines, "drop cascades to ");
        text_append_text(&lines, described(view, list.entries[i], arena));
        if (!cascade) text_append_format(&lines, " depends on schema %s", entry->name);
    }
    if (list.count > 0 && !cascade) {
        Status status = fail(DEPENDENT_OBJECTS_STILL_EXIST,
            "cannot drop schema %s because other objects depend on it", entry->name);
        error_add_detail("%s", lines.data);
        error_add_hint("%s", CASCADE_HINT);
        return status;
    }
    if (list.count == 1) notice(view, lines.data, NULL);
    if (list.count > 1)
        notice(
            view, arena_format(arena, "drop cascades to %u other objects", list.count), lines.data);
    for (uint32_t i = 0; i < list.count; i++) {
        // Dropping a table may have taken its sequences, and loading may have made others anew.
        Entry *now = view_find(view, ENTRY_RELATION, list.entries[i]->oid);
        if (now != NULL) TRY(catalog_drop_relation(view, now->oid, now->table.kind, true));
    }
    Value key = cell_oid(schema);
    TRY(system_delete(view, OID_OF_PG_NAMESPACE, 0, &key, 1));
    TRY(system_delete(view, OID_OF_PG_DESCRIPTION, 0, &key, 1));
    overlay_set(view, ENTRY_SCHEMA, schema, NULL);
    return OK;
}

// ---- TRUNCATE -----------------------------------------------------------------------------------

Status catalog_truncate(CatalogView *view, const Oid *tables, size_t count, bool restart_identity) {
    for (size_t i = 0; i < count; i++) {
        Entry *entry;
        TRY(view_lock_relation(view, tables[i], LOCK_ACCESS_EXCLUSIVE, &entry));
        if (entry->table.kind != RELATION_TABLE)
            return fail(WRONG_OBJECT_TYPE, "\"%s\" is not a table", entry->name);
        StoreId store;
        TRY(table_truncate(view->catalog->tables, view->txn, entry->table.store, &store));
        Value key = cell_oid(tables[i]);
        TRY(system_update(
            view, OID_OF_PG_CLASS, 0, &key, 1, PG_CLASS_RELFILENODE, cell_oid(store.value)));
        for (uint32_t j = 0; restart_identity && j < entry->table.column_count; j++) {
            Oid sequence = entry->table.columns[j].sequence;
            if (sequence == 0) continue;
            SequenceState state;
            TRY(table_sequence_get(view->catalog->tables, sequence, &state));
            TRY(table_sequence_set(view->catalog->tables, view->txn, sequence, state.start, false));
        }
        TRY(relation_reload(view, tables[i]));
    }
    return OK;
}
