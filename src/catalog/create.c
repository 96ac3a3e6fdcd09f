// CREATE TABLE, INDEX, SEQUENCE and SCHEMA.
#include "catalog/catalog_internal.h"

enum { COLUMN_COUNT_MAX = 1600 };

static bool notice_exists(
    CatalogNotice *notice, Arena *arena, const char *kind, const char *name, Status code) {
    *notice = (CatalogNotice){
        .message = arena_format(arena, "%s \"%s\" already exists, skipping", kind, name),
        .code = code};
    return true;
}

// ---- Sequences ----------------------------------------------------------------------------------

Status sequence_set_owner(
    CatalogView *view, Oid sequence, Oid table, int16_t column, char dependency) {
    Value key[2] = {cell_oid(OID_OF_PG_CLASS), cell_oid(sequence)};
    TRY(system_delete(view, OID_OF_PG_DEPEND, 0, key, 2));
    if (table != 0)
        TRY(dependency_add(
            view, OID_OF_PG_CLASS, sequence, 0, OID_OF_PG_CLASS, table, column, dependency));
    return relation_reload(view, sequence);
}

Status sequence_create(CatalogView *view, const char *name, Oid schema, Oid type,
    const SequenceState *state, Arena *arena, Oid *sequence_out) {
    Oid oid;
    TRY(catalog_next_oid(view, &oid));
    static const ColumnInfo columns[] = {
        {.name = "last_value", .number = 1, .type = {TYPE_INT8, -1}, .is_not_null = true},
        {.name = "log_cnt", .number = 2, .type = {TYPE_INT8, -1}, .is_not_null = true},
        {.name = "is_called", .number = 3, .type = {TYPE_BOOL, -1}, .is_not_null = true},
    };
    TableInfo relation = {.oid = oid,
        .name = name,
        .schema = schema,
        .schema_name = schema_name_of(view, schema),
        .kind = RELATION_SEQUENCE,
        .column_count = sizeof columns / sizeof *columns,
        .columns = columns};
    TRY(relation_rows_insert(view, &relation, 0));
    for (uint32_t i = 0; i < relation.column_count; i++)
        TRY(attribute_row_insert(view, oid, &columns[i], 0));
    Value row[PG_SEQUENCE_COLUMN_COUNT];
    row[PG_SEQUENCE_SEQRELID] = cell_oid(oid);
    row[PG_SEQUENCE_SEQTYPID] = cell_oid(type);
    row[PG_SEQUENCE_SEQSTART] = cell_int8(state->start);
    row[PG_SEQUENCE_SEQINCREMENT] = cell_int8(state->increment);
    row[PG_SEQUENCE_SEQMAX] = cell_int8(state->maximum);
    row[PG_SEQUENCE_SEQMIN] = cell_int8(state->minimum);
    row[PG_SEQUENCE_SEQCACHE] = cell_int8(state->cache);
    row[PG_SEQUENCE_SEQCYCLE] = cell_bool(state->is_cycled);
    TRY(system_insert(view, OID_OF_PG_SEQUENCE, row));
    TRY(table_sequence_create(view->catalog->tables, view->txn, oid, state));
    TRY(relation_reload(view, oid));
    TRY(arena_check(arena));
    *sequence_out = oid;
    return OK;
}

Status catalog_create_sequence(CatalogView *view, const char *schema, const char *name, Oid type,
    const SequenceState *state, Oid owned_by_table, int16_t owned_by_column, bool if_not_exists,
    Arena *arena, CatalogNotice *notice_out) {
    *notice_out = (CatalogNotice){0};
    Oid schema_oid, sequence;
    TRY(creation_schema(view, schema, &schema_oid));
    if (relation_name_is_taken(view, schema_oid, name)) {
        if (if_not_exists && notice_exists(notice_out, arena, "relation", name, DUPLICATE_TABLE))
            return OK;
        return fail(DUPLICATE_TABLE, "relation \"%s\" already exists", name);
    }
    TRY(sequence_create(view, name, schema_oid, type, state, arena, &sequence));
    if (owned_by_table == 0) return OK;
    TRY(sequence_set_owner(view, sequence, owned_by_table, owned_by_column, 'a'));
    return relation_reload(view, owned_by_table);
}

// ---- Tables -------------------------------------------------------------------------------------

static Status check_columns(const TableDefinition *definition) {
    if (definition->column_count > COLUMN_COUNT_MAX)
        return fail(TOO_MANY_COLUMNS, "tables can have at most %d columns", COLUMN_COUNT_MAX);
    static const char *const system_columns[] = {
        "tableoid", "cmax", "xmax", "cmin", "xmin", "ctid"};
    for (uint32_t i = 0; i < definition->column_count; i++) {
        const char *name = definition->columns[i].name;
        for (size_t j = 0; j < sizeof system_columns / sizeof *system_columns; j++)
            if (strcmp(name, system_columns[j]) == 0)
                return fail(DUPLICATE_COLUMN,
                    "column name \"%s\" conflicts with a system column name", name);
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(name, definition->columns[j].name) == 0)
                return fail(DUPLICATE_COLUMN, "column \"%s\" specified more than once", name);
    }
    return OK;
}

static Status type_row_insert(CatalogView *view, Oid oid, const char *name, Oid schema,
    Oid relation, Oid element, Oid array) {
    bool is_array = element != 0;
    Value row[PG_TYPE_COLUMN_COUNT];
    for (uint32_t i = 0; i < PG_TYPE_COLUMN_COUNT; i++)
        row[i] = value_null();
    row[PG_TYPE_OID] = cell_oid(oid);
    row[PG_TYPE_TYPNAME] = cell_text(name);
    row[PG_TYPE_TYPNAMESPACE] = cell_oid(schema);
    row[PG_TYPE_TYPOWNER] = cell_oid(ROLE_BOOTSTRAP);
    row[PG_TYPE_TYPLEN] = cell_int2(-1);
    row[PG_TYPE_TYPBYVAL] = cell_bool(false);
    row[PG_TYPE_TYPTYPE] = cell_char(is_array ? 'b' : 'c');
    row[PG_TYPE_TYPCATEGORY] = cell_char(is_array ? 'A' : 'C');
    row[PG_TYPE_TYPISPREFERRED] = cell_bool(false);
    row[PG_TYPE_TYPISDEFINED] = cell_bool(true);
    row[PG_TYPE_TYPDELIM] = cell_char(',');
    row[PG_TYPE_TYPRELID] = cell_oid(relation);

    enum {
        ARRAY_SUBSCRIPT_HANDLER = 6179,
        ARRAY_IN = 750,
        ARRAY_OUT = 751,
        ARRAY_RECV = 2400,
        ARRAY_SEND = 2401,
        ARRAY_TYPANALYZE = 3816,
        RECORD_IN = 2290,
        RECORD_OUT = 2291,
        RECORD_RECV = 2402,
        RECORD_SEND = 2403,
    };

    row[PG_TYPE_TYPSUBSCRIPT] = cell_oid(is_array ? ARRAY_SUBSCRIPT_HANDLER : 0);
    row[PG_TYPE_TYPELEM] = cell_oid(element);
    row[PG_TYPE_TYPARRAY] = cell_oid(array);
    row[PG_TYPE_TYPINPUT] = cell_oid(is_array ? ARRAY_IN : RECORD_IN);
    row[PG_TYPE_TYPOUTPUT] = cell_oid(is_array ? ARRAY_OUT : RECORD_OUT);
    row[PG_TYPE_TYPRECEIVE] = cell_oid(is_array ? ARRAY_RECV : RECORD_RECV);
    row[PG_TYPE_TYPSEND] = cell_oid(is_array ? ARRAY_SEND : RECORD_SEND);
    row[PG_TYPE_TYPMODIN] = cell_oid(0);
    row[PG_TYPE_TYPMODOUT] = cell_oid(0);
    row[PG_TYPE_TYPANALYZE] = cell_oid(is_array ? ARRAY_TYPANALYZE : 0);
    row[PG_TYPE_TYPALIGN] = cell_char('d');
    row[PG_TYPE_TYPSTORAGE] = cell_char('x');
    row[PG_TYPE_TYPNOTNULL] = cell_bool(false);
    row[PG_TYPE_TYPBASETYPE] = cell_oid(0);
    row[PG_TYPE_TYPTYPMOD] = cell_int4(-1);
    row[PG_TYPE_TYPNDIMS] = cell_int4(0);
    row[PG_TYPE_TYPCOLLATION] = cell_oid(0);
    return system_insert(view, OID_OF_PG_TYPE, row);
}

typedef struct TypeNameSearch {
    Oid schema;
    const char *name;
    bool is_taken;
} TypeNameSearch;

static void search_type_name(void *argument, Entry *entry) {
    TypeNameSearch *search = argument;
    if (entry->schema == search->schema && entry->array_type.oid != 0
        && strcmp(entry->array_type.name, search->name) == 0)
        search->is_taken = true;
}

// PostgreSQL's makeArrayTypeName: one more "_" in front until it is free.
static char *array_type_name(CatalogView *view, const char *name, Oid schema, Arena *arena) {
    const char *from = name;
    for (uint32_t pass = 0;; pass++) {
        char *made = pass == 0 ? object_name_make(arena, "", from, NULL)
                               : object_name_make(arena, "", name, arena_format(arena, "%u", pass));
        TypeNameSearch search = {.schema = schema, .name = made};
        search.is_taken = relation_name_is_taken(view, schema, made);
        view_each(view, ENTRY_RELATION, search_type_name, &search);
        if (!search.is_taken) return made;
    }
}

// The columns of the new table, with the sequences that they own.
static Status columns_make(CatalogView *view, const TableDefinition *definition, Oid schema,
    Arena *arena, ColumnInfo *columns) {
    for (uint32_t i = 0; i < definition->column_count; i++) {
        const ColumnDefinition *from = &definition->columns[i];
        ColumnInfo *column = &columns[i];
        *column = (ColumnInfo){.name = from->name,
            .number = (int16_t)(i + 1),
            .position = (uint16_t)i,
            .type = from->type,
            .is_not_null = from->is_not_null || from->identity != 0 || from->is_serial,
            .identity = from->identity,
            .default_text = from->default_text};
        if (from->is_serial || from->identity != 0) {
            char *name =
                relation_name_choose(view, arena, definition->name, from->name, "seq", schema);
            TRY(sequence_create(
                view, name, schema, from->type.oid, &from->sequence, arena, &column->sequence));
        }
        if (from->is_serial) {
            Text text;
            text_init(&text, arena);
            ASSERT(view->hooks.serial_default != NULL);
            TRY(view->hooks.serial_default(view->hooks.argument, column->sequence, &text));
            column->default_text = text.data;
        }
    }
    for (uint32_t i = 0; i < definition->key_count; i++) {
        const KeyDefinition *key = &definition->keys[i];
        for (uint32_t j = 0; key->is_primary && j < key->column_count; j++)
            for (uint32_t k = 0; k < definition->column_count; k++)
                if (strcmp(columns[k].name, key->columns[j]) == 0) columns[k].is_not_null = true;
    }
    return OK;
}

static Status checks_create(
    CatalogView *view, const TableInfo *table, const TableDefinition *definition, Arena *arena) {
    const char **taken = arena_new_array(arena, const char *, definition->check_count + 1);
    uint32_t taken_count = 0;
    for (uint32_t i = 0; i < definition->check_count; i++) {
        const char *name = definition->checks[i].name;
        if (name == NULL) continue;
        for (uint32_t j = 0; j < taken_count; j++)
            if (strcmp(taken[j], name) == 0)
                return fail(DUPLICATE_OBJECT, "check constraint \"%s\" already exists", name);
        taken[taken_count++] = name;
    }
    for (uint32_t i = 0; i < definition->check_count; i++) {
        const CheckDefinition *check = &definition->checks[i];
        const char *name = check->name;
        if (name == NULL) {
            name = constraint_name_choose(view, arena, NULL, table->name,
                check->column_name_count == 1 ? check->column_names[0] : NULL, "check",
                table->schema, taken, taken_count);
            taken[taken_count++] = name;
        }
        TRY(check_rows_insert(view, table, table->schema, check, name, arena));
    }
    return OK;
}

Status index_create(CatalogView *view, Entry *table, const IndexDefinition *index, Arena *arena) {
    Oid oid;
    TRY(catalog_next_oid(view, &oid));
    // The OID is never used again, so it is the index's number in the store, too.
    IndexSchema schema;
    index_schema_make(&table->table, index, oid, oid, arena, &schema);
    TRY(table_index_create(view->catalog->tables, view->txn, table->table.store, &schema));
    TRY(index_rows_insert(view, &table->table, index, oid, oid, arena));
    Value key = cell_oid(table->oid);
    if (table->table.index_count == 0)
        TRY(system_update(
            view, OID_OF_PG_CLASS, 0, &key, 1, PG_CLASS_RELHASINDEX, cell_bool(true)));
    TRY(relation_reload(view, oid));
    return relation_reload(view, table->oid);
}

static Status keys_create(
    CatalogView *view, Oid table, const TableDefinition *definition, Arena *arena) {
    uint32_t primary_count = 0;
    for (uint32_t i = 0; i < definition->key_count; i++)
        primary_count += definition->keys[i].is_primary;
    if (primary_count > 1)
        return fail(INVALID_TABLE_DEFINITION,
            "multiple primary keys for table \"%s\" are not allowed", definition->name);
    // The primary key is made first, whatever the order they were written in.
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < definition->key_count; i++) {
            if (definition->keys[i].is_primary != (pass == 0)) continue;
            Entry *entry = view_find(view, ENTRY_RELATION, table);
            IndexDefinition index;
            TRY(index_definition_make(view, &entry->table, &definition->keys[i], arena, &index));
            TRY(index_create(view, entry, &index, arena));
        }
    }
    return OK;
}

Status catalog_create_table(
    CatalogView *view, const TableDefinition *definition, Arena *arena, CatalogNotice *notice_out) {
    *notice_out = (CatalogNotice){0};
    Oid schema;
    TRY(creation_schema(view, definition->schema, &schema));
    if (relation_name_is_taken(view, schema, definition->name)) {
        if (definition->if_not_exists
            && notice_exists(notice_out, arena, "relation", definition->name, DUPLICATE_TABLE))
            return OK;
        return fail(DUPLICATE_TABLE, "relation \"%s\" already exists", definition->name);
    }
    TRY(check_columns(definition));
    ColumnInfo *columns = arena_new_array(arena, ColumnInfo, definition->column_count);
    TRY(columns_make(view, definition, schema, arena, columns));

    Oid oid, row_type, array_type;
    TRY(catalog_next_oid(view, &oid));
    TRY(catalog_next_oid(view, &array_type));
    TRY(catalog_next_oid(view, &row_type));
    TableInfo table = {.oid = oid,
        .name = definition->name,
        .schema = schema,
        .schema_name = schema_name_of(view, schema),
        .row_type = row_type,
        .kind = RELATION_TABLE,
        .column_count = definition->column_count,
        .columns = columns,
        .check_count = definition->check_count};
    StoreSchema store;
    store_schema_make(&table, NULL, arena, &store);
    TRY(table_store_create(view->catalog->tables, view->txn, &store, &table.store));

    TRY(relation_rows_insert(view, &table, row_type));
    char *array_name = array_type_name(view, table.name, schema, arena);
    TRY(type_row_insert(view, row_type, table.name, schema, oid, 0, array_type));
    TRY(type_row_insert(view, array_type, array_name, schema, 0, row_type, 0));
    for (uint32_t i = 0; i < table.column_count; i++)
        TRY(attribute_row_insert(view, oid, &columns[i], 0));
    for (uint32_t i = 0; i < table.column_count; i++) {
        if (columns[i].default_text != NULL)
            TRY(default_rows_set(view, oid, columns[i].number, columns[i].default_text));
        if (columns[i].sequence != 0)
            TRY(sequence_set_owner(view, columns[i].sequence, oid, columns[i].number,
                columns[i].identity != 0 ? 'i' : 'a'));
    }
    TRY(checks_create(view, &table, definition, arena));
    TRY(relation_reload(view, oid));
    TRY(keys_create(view, oid, definition, arena));
    return arena_check(arena);
}

// ---- Indexes and schemas ------------------------------------------------------------------------

Status catalog_create_index(CatalogView *view, Oid table, const KeyDefinition *definition,
    bool if_not_exists, Arena *arena, CatalogNotice *notice_out) {
    *notice_out = (CatalogNotice){0};
    Entry *entry;
    TRY(view_lock_relation(view, table, LOCK_SHARE, &entry));
    if (entry->table.kind != RELATION_TABLE) {
        Status status =
            fail(WRONG_OBJECT_TYPE, "cannot create index on relation \"%s\"", entry->name);
        error_add_detail(
            "This operation is not supported for %ss.", relation_kind_name(entry->table.kind));
        return status;
    }
    if (if_not_exists && definition->name != NULL
        && relation_name_is_taken(view, entry->schema, definition->name)
        && notice_exists(notice_out, arena, "relation", definition->name, DUPLICATE_TABLE))
        return OK;
    IndexDefinition index;
    TRY(index_definition_make(view, &entry->table, definition, arena, &index));
    return index_create(view, entry, &index, arena);
}

Status catalog_create_schema(CatalogView *view, const char *name, bool if_not_exists, Arena *arena,
    CatalogNotice *notice_out) {
    *notice_out = (CatalogNotice){0};
    if (view_find_name(view, ENTRY_SCHEMA, 0, name) != NULL) {
        if (if_not_exists && notice_exists(notice_out, arena, "schema", name, DUPLICATE_SCHEMA))
            return OK;
        return fail(DUPLICATE_SCHEMA, "schema \"%s\" already exists", name);
    }
    if (strncmp(name, "pg_", 3) == 0) {
        Status status = fail(RESERVED_NAME, "unacceptable schema name \"%s\"", name);
        error_add_detail("The prefix \"pg_\" is reserved for system schemas.");
        return status;
    }
    Entry *entry = entry_create(ENTRY_SCHEMA);
    Status status = catalog_next_oid(view, &entry->oid);
    entry->name = arena_copy_text(&entry->arena, name);
    if (status == OK) {
        Value row[PG_NAMESPACE_COLUMN_COUNT] = {
            cell_oid(entry->oid), cell_text(name), cell_oid(ROLE_BOOTSTRAP)};
        row[PG_NAMESPACE_NSPACL] = value_null();
        status = system_insert(view, OID_OF_PG_NAMESPACE, row);
    }
    if (status != OK) {
        entry_destroy(entry);
        return status;
    }
    overlay_set(view, ENTRY_SCHEMA, entry->oid, entry);
    system_increment(view);
    return OK;
}
