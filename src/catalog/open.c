// The system tables of a new file, and reading them when a database is opened.
#include "catalog/catalog_internal.h"

#include <stdlib.h>

// What a column is stored as: the file must not depend on types that have only names.
Oid system_stored_type(Oid type) {
    switch (type) {
    case TYPE_XID:
    case TYPE_REGPROC:
    case TYPE_REGTYPE:
    case TYPE_REGCLASS:
        return TYPE_OID;
    case TYPE_PG_NODE_TREE:
        return TYPE_TEXT;
    case TYPE_ACLITEM_ARRAY:
        return TYPE_TEXT_ARRAY;
    case TYPE_ANYARRAY:
        return TYPE_BYTEA;
    default:
        return type;
    }
}

static void store_schema_of_system(
    const SystemStore *store, Arena *arena, StoreSchema *schema_out) {
    const SystemRelation *relation = system_relation_find(store->relation);
    StoreColumn *columns = arena_new_array(arena, StoreColumn, relation->column_count);
    for (uint32_t i = 0; i < relation->column_count; i++)
        columns[i].type =
            (SqlType){system_stored_type(relation->columns[i].type), relation->columns[i].modifier};
    IndexSchema *indexes = arena_new_array(arena, IndexSchema, store->index_count);
    for (uint32_t i = 0; i < store->index_count; i++) {
        const SystemIndex *index = &store->indexes[i];
        KeyColumn *keys = arena_new_array(arena, KeyColumn, index->column_count);
        const char **names = arena_new_array(arena, const char *, index->column_count);
        for (uint32_t j = 0; j < index->column_count; j++) {
            keys[j].type = relation->columns[index->columns[j]].type;
            names[j] = relation->columns[index->columns[j]].name;
        }
        indexes[i] = (IndexSchema){.index_number = i,
            .object = index->oid,
            .name = index->name,
            .is_unique = index->is_unique,
            .column_count = index->column_count,
            .columns = index->columns,
            .keys = keys,
            .column_names = names};
    }
    *schema_out = (StoreSchema){.object = relation->oid,
        .schema_name = "pg_catalog",
        .table_name = relation->name,
        .column_count = relation->column_count,
        .columns = columns,
        .index_count = store->index_count,
        .indexes = indexes};
}

Status catalog_bootstrap(TableSet *tables) {
    Arena arena;
    arena_init(&arena, NULL);
    Status status = OK;
    for (size_t i = 0; i < system_store_count && status == OK; i++) {
        StoreSchema schema;
        store_schema_of_system(&system_stores[i], &arena, &schema);
        status = table_set_bootstrap(tables, system_stores[i].store, &schema);
    }
    arena_deinit(&arena);
    return status;
}

// ---- Built-in entries ---------------------------------------------------------------------------

static Entry *schema_builtin(Arena *arena, Oid oid, const char *name) {
    Entry *entry = arena_new(arena, Entry);
    *entry = (Entry){.kind = ENTRY_SCHEMA, .is_builtin = true, .oid = oid, .name = name};
    return entry;
}

static Entry *relation_builtin(Arena *arena, const SystemRelation *system) {
    Entry *entry = arena_new(arena, Entry);
    entry->kind = ENTRY_RELATION;
    entry->is_builtin = true;
    entry->oid = system->oid;
    entry->schema = system->schema;
    entry->name = system->name;
    ColumnInfo *columns = arena_new_array(arena, ColumnInfo, system->column_count);
    for (uint32_t i = 0; i < system->column_count; i++)
        columns[i] = (ColumnInfo){.name = system->columns[i].name,
            .number = (int16_t)(i + 1),
            .position = (uint16_t)i,
            .type = {system->columns[i].type, system->columns[i].modifier},
            .is_not_null = system->columns[i].is_not_null};
    entry->table = (TableInfo){.oid = system->oid,
        .name = system->name,
        .schema_name = system->schema == NAMESPACE_PG_CATALOG ? "pg_catalog" : "information_schema",
        .schema = system->schema,
        .row_type = system->row_type,
        .owner = ROLE_BOOTSTRAP,
        .kind = (RelationKind)system->kind,
        .is_constant = true,
        .is_system = true,
        .column_count = system->column_count,
        .columns = columns,
        .version = 1};
    // Computed views read as tables do: nothing expands them.
    entry->table.kind = RELATION_TABLE;
    return entry;
}

// ---- Opening ------------------------------------------------------------------------------------

typedef struct EntryArray {
    Entry **entries;
    uint32_t count, capacity;
    Arena arena;
} EntryArray;

static void array_add(EntryArray *array, Entry *entry) {
    if (array->count == array->capacity) {
        uint32_t capacity = array->capacity == 0 ? 512 : array->capacity * 2;
        Entry **entries = arena_new_array(&array->arena, Entry *, capacity);
        if (array->count > 0) memcpy(entries, array->entries, array->count * sizeof *entries);
        array->entries = entries;
        array->capacity = capacity;
    }
    array->entries[array->count++] = entry;
}

// The role that owns everything and the schema public are rows like any other, but a new file must
// have them before the first statement. The role can never be dropped, so it tells a new file.
static Status rows_of_new_file(CatalogView *view, bool *is_new_out) {
    SystemCursor cursor = {0};
    ArenaMark mark = arena_mark(&view->scratch);
    Status status = system_cursor_open_all(view, OID_OF_PG_AUTHID, &view->scratch, &cursor);
    Value row[PG_AUTHID_COLUMN_COUNT];
    bool is_found = true;
    if (status == OK) status = system_cursor_next(&cursor, row, NULL, &is_found);
    system_cursor_close(&cursor);
    arena_rewind(&view->scratch, mark);
    *is_new_out = !is_found;
    if (status != OK || is_found) return status;

    row[PG_AUTHID_OID] = cell_oid(ROLE_BOOTSTRAP);
    row[PG_AUTHID_ROLNAME] = cell_text("omen");
    for (uint32_t i = PG_AUTHID_ROLSUPER; i <= PG_AUTHID_ROLBYPASSRLS; i++)
        row[i] = cell_bool(true);
    row[PG_AUTHID_ROLCONNLIMIT] = cell_int4(-1);
    row[PG_AUTHID_ROLPASSWORD] = value_null();
    row[PG_AUTHID_ROLVALIDUNTIL] = value_null();
    TRY(system_insert(view, OID_OF_PG_AUTHID, row));
    Value schema[PG_NAMESPACE_COLUMN_COUNT];
    schema[PG_NAMESPACE_OID] = cell_oid(NAMESPACE_PUBLIC);
    schema[PG_NAMESPACE_NSPNAME] = cell_text("public");
    schema[PG_NAMESPACE_NSPOWNER] = cell_oid(ROLE_BOOTSTRAP);
    schema[PG_NAMESPACE_NSPACL] = value_null();
    TRY(system_insert(view, OID_OF_PG_NAMESPACE, schema));
    Value description[PG_DESCRIPTION_COLUMN_COUNT];
    description[PG_DESCRIPTION_OBJOID] = cell_oid(NAMESPACE_PUBLIC);
    description[PG_DESCRIPTION_CLASSOID] = cell_oid(OID_OF_PG_NAMESPACE);
    description[PG_DESCRIPTION_OBJSUBID] = cell_int4(0);
    description[PG_DESCRIPTION_DESCRIPTION] = cell_text("standard public schema");
    return system_insert(view, OID_OF_PG_DESCRIPTION, description);
}

static Status load_schemas(CatalogView *view, EntryArray *array) {
    SystemCursor cursor = {0};
    Status status = system_cursor_open_all(view, OID_OF_PG_NAMESPACE, &array->arena, &cursor);
    Value row[PG_NAMESPACE_COLUMN_COUNT];
    bool is_found = true;
    while (status == OK) {
        status = system_cursor_next(&cursor, row, NULL, &is_found);
        if (status != OK || !is_found) break;
        Entry *entry = entry_create(ENTRY_SCHEMA);
        entry->oid = row[PG_NAMESPACE_OID].datum.oid;
        entry->name = cell_get_text(&row[PG_NAMESPACE_NSPNAME], &entry->arena);
        array_add(array, entry);
    }
    system_cursor_close(&cursor);
    return status;
}

static Status load_relations(CatalogView *view, EntryArray *array) {
    SystemCursor cursor = {0};
    Status status = system_cursor_open_all(view, OID_OF_PG_CLASS, &array->arena, &cursor);
    Value row[PG_CLASS_COLUMN_COUNT];
    bool is_found = true;
    while (status == OK) {
        status = system_cursor_next(&cursor, row, NULL, &is_found);
        if (status != OK || !is_found) break;
        Entry *entry = NULL;
        status = relation_load(view, row[PG_CLASS_OID].datum.oid, &entry);
        if (status == OK && entry != NULL) array_add(array, entry);
    }
    system_cursor_close(&cursor);
    return status;
}

static void array_free(EntryArray *array) {
    for (uint32_t i = 0; i < array->count; i++)
        entry_destroy(array->entries[i]);
    array->count = 0;
}

// Two passes: a relation's entry has its schema's name, so schemas come first.
static Status load_all(Catalog *catalog, CatalogView *view, EntryArray *array) {
    Arena *arena = &catalog->builtin_arena;
    array_add(array, schema_builtin(arena, NAMESPACE_PG_CATALOG, "pg_catalog"));
    array_add(array, schema_builtin(arena, 99, "pg_toast"));
    array_add(array, schema_builtin(arena, NAMESPACE_INFORMATION_SCHEMA, "information_schema"));
    bool is_new = false;
    TRY(rows_of_new_file(view, &is_new));
    system_increment(view);
    TRY(load_schemas(view, array));
    TRY(generation_make_first(catalog, array->entries, array->count));
    view_hold_newest(view);
    for (size_t i = 0; i < system_relation_count; i++)
        array_add(array, relation_builtin(arena, &system_relations[i]));
    return load_relations(view, array);
}

static Status load_in_transaction(Catalog *catalog, EntryArray *array) {
    CatalogView *view = calloc(1, sizeof *view);
    if (view == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    view->catalog = catalog;
    arena_init(&view->txn_arena, NULL);
    arena_init(&view->path_arena, NULL);
    arena_init(&view->scratch, NULL);
    TxnOptions options = {.isolation = ISOLATION_READ_COMMITTED, .is_synchronous = true};
    Status status = txn_begin(catalog->txns, options, &view->txn);
    if (status == OK) {
        status = txn_statement_begin(view->txn);
        if (status == OK) status = load_all(catalog, view, array);
        if (status == OK) {
            txn_statement_end(view->txn);
            status = txn_commit(view->txn);
        } else {
            txn_rollback(view->txn);
        }
        view->txn = NULL;
    }
    catalog_view_destroy(view);
    return status;
}

Status catalog_open(TableSet *tables, TxnSystem *txns, Catalog **catalog_out) {
    Catalog *catalog = calloc(1, sizeof *catalog);
    if (catalog == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    catalog->tables = tables;
    catalog->txns = txns;
    mutex_init(&catalog->mutex, LATCH_RANK_CATALOG);
    arena_init(&catalog->builtin_arena, NULL);
    EntryArray array = {0};
    arena_init(&array.arena, NULL);
    Status status = load_in_transaction(catalog, &array);
    if (status == OK) status = arena_check(&array.arena);
    if (status == OK) {
        // The generation of schemas alone, which loading used, gives way to the whole.
        Generation *first = catalog->oldest;
        atomic_store(&catalog->newest, NULL);
        catalog->oldest = NULL;
        free(first->map.by_oid);
        free(first);
        status = generation_make_first(catalog, array.entries, array.count);
    } else if (catalog->oldest != NULL) {
        free(catalog->oldest->map.by_oid);
        free(catalog->oldest);
        catalog->oldest = NULL;
    }
    if (status != OK) array_free(&array);
    arena_deinit(&array.arena);
    if (status != OK) {
        catalog_close(catalog);
        return status;
    }
    *catalog_out = catalog;
    return OK;
}
