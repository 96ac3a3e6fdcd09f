// What the definition functions share: names, locks, dependencies, and the rows they write.
#include "base/utf8.h"
#include "catalog/catalog_internal.h"

#include <stdlib.h>

enum { NAME_BYTES_MAX = 63 };

Status catalog_next_oid(CatalogView *view, Oid *oid_out) {
    return table_set_next_oid(view->catalog->tables, oid_out);
}

Status view_lock(CatalogView *view, Oid object, TableLockMode mode) {
    return txn_lock_object(view->txn, object, mode, WAIT_BLOCK);
}

Status view_lock_relation(CatalogView *view, Oid relation, TableLockMode mode, Entry **entry_out) {
    Entry *before = view_find(view, ENTRY_RELATION, relation);
    const char *name = before == NULL ? NULL : before->name;
    TRY(view_lock(view, relation, mode));
    catalog_view_refresh(view);
    Entry *entry = view_find(view, ENTRY_RELATION, relation);
    if (entry == NULL) {
        if (name == NULL)
            return fail(UNDEFINED_TABLE, "relation with OID %u does not exist", relation);
        return fail(UNDEFINED_TABLE, "relation \"%s\" does not exist", name);
    }
    if (entry->is_builtin)
        return fail(
            INSUFFICIENT_PRIVILEGE, "permission denied: \"%s\" is a system catalog", entry->name);
    *entry_out = entry;
    return OK;
}

const char *schema_name_of(CatalogView *view, Oid schema) {
    Entry *entry = view_find(view, ENTRY_SCHEMA, schema);
    return entry == NULL ? "" : entry->name;
}

const char *relation_kind_name(RelationKind kind) {
    switch (kind) {
    case RELATION_TABLE:
        return "table";
    case RELATION_INDEX:
        return "index";
    case RELATION_SEQUENCE:
        return "sequence";
    case RELATION_VIEW:
        return "view";
    }
    return "relation";
}

// The schema a search path entry names; NULL when there is none.
static Entry *path_schema(CatalogView *view, const char *name) {
    if (strcmp(name, "$user") == 0) name = view->user_name;
    return view_find_name(view, ENTRY_SCHEMA, 0, name);
}

Status creation_schema(CatalogView *view, const char *schema, Oid *schema_out) {
    Entry *entry = NULL;
    if (schema != NULL) {
        entry = view_find_name(view, ENTRY_SCHEMA, 0, schema);
        if (entry == NULL) return fail(INVALID_SCHEMA_NAME, "schema \"%s\" does not exist", schema);
    } else {
        for (uint32_t i = 0; i < view->search_path_count && entry == NULL; i++)
            entry = path_schema(view, view->search_path[i]);
        if (entry == NULL)
            return fail(INVALID_SCHEMA_NAME, "no schema has been selected to create in");
    }
    if (entry->oid == NAMESPACE_PG_CATALOG || entry->oid == NAMESPACE_INFORMATION_SCHEMA)
        return fail(INSUFFICIENT_PRIVILEGE, "permission denied for schema %s", entry->name);
    *schema_out = entry->oid;
    return OK;
}

// ---- Names --------------------------------------------------------------------------------------

char *object_name_make(Arena *arena, const char *name1, const char *name2, const char *label) {
    size_t count1 = strlen(name1), count2 = name2 == NULL ? 0 : strlen(name2);
    size_t overhead = (name2 == NULL ? 0 : 1) + (label == NULL ? 0 : strlen(label) + 1);
    size_t room = NAME_BYTES_MAX - overhead;
    while (count1 + count2 > room) { // the longer one gives way
        if (count1 > count2)
            count1--;
        else
            count2--;
    }
    count1 = utf8_clip(name1, strlen(name1), count1);
    if (name2 != NULL) count2 = utf8_clip(name2, strlen(name2), count2);
    Text name;
    text_init(&name, arena);
    text_append(&name, name1, count1);
    if (name2 != NULL) {
        text_append_char(&name, '_');
        text_append(&name, name2, count2);
    }
    if (label != NULL) {
        text_append_char(&name, '_');
        text_append_text(&name, label);
    }
    return name.data;
}

bool relation_name_is_taken(CatalogView *view, Oid schema, const char *name) {
    return view_find_name(view, ENTRY_RELATION, schema, name) != NULL;
}

char *relation_name_choose(CatalogView *view, Arena *arena, const char *name1, const char *name2,
    const char *label, Oid schema) {
    const char *with = label;
    for (uint32_t pass = 1;; pass++) {
        char *name = object_name_make(arena, name1, name2, with);
        if (!relation_name_is_taken(view, schema, name)) return name;
        with = arena_format(arena, "%s%u", label, pass);
    }
}

typedef struct NameSearch {
    const char *name;
    Oid schema;
    bool is_found;
} NameSearch;

static void search_constraint(void *argument, Entry *entry) {
    NameSearch *search = argument;
    if (search->is_found || entry->schema != search->schema) return;
    for (uint32_t i = 0; i < entry->table.check_count && !search->is_found; i++)
        search->is_found = strcmp(entry->table.checks[i].name, search->name) == 0;
    for (uint32_t i = 0; i < entry->table.index_count && !search->is_found; i++)
        search->is_found = entry->table.indexes[i].constraint != 0
                           && strcmp(entry->table.indexes[i].name, search->name) == 0;
}

char *constraint_name_choose(CatalogView *view, Arena *arena,
    [[maybe_unused]] const TableInfo *table_or_null, const char *name1, const char *name2,
    const char *label, Oid schema, const char *const *taken, uint32_t taken_count) {
    const char *with = label;
    for (uint32_t pass = 1;; pass++) {
        char *name = object_name_make(arena, name1, name2, with);
        NameSearch search = {.name = name, .schema = schema};
        for (uint32_t i = 0; i < taken_count && !search.is_found; i++)
            search.is_found = strcmp(taken[i], name) == 0;
        if (!search.is_found) view_each(view, ENTRY_RELATION, search_constraint, &search);
        if (!search.is_found) return name;
        with = arena_format(arena, "%s%u", label, pass);
    }
}

// ---- pg_depend ----------------------------------------------------------------------------------

Status dependency_add(CatalogView *view, Oid class_oid, Oid object, int32_t column, Oid other_class,
    Oid other, int32_t other_column, char type) {
    Value row[PG_DEPEND_COLUMN_COUNT];
    row[PG_DEPEND_CLASSID] = cell_oid(class_oid);
    row[PG_DEPEND_OBJID] = cell_oid(object);
    row[PG_DEPEND_OBJSUBID] = cell_int4(column);
    row[PG_DEPEND_REFCLASSID] = cell_oid(other_class);
    row[PG_DEPEND_REFOBJID] = cell_oid(other);
    row[PG_DEPEND_REFOBJSUBID] = cell_int4(other_column);
    row[PG_DEPEND_DEPTYPE] = cell_char(type);
    return system_insert(view, OID_OF_PG_DEPEND, row);
}

Status dependency_remove(CatalogView *view, Oid class_oid, Oid object) {
    Value key[2] = {cell_oid(class_oid), cell_oid(object)};
    return system_delete(view, OID_OF_PG_DEPEND, 0, key, 2);
}

// ---- Rows ---------------------------------------------------------------------------------------

Status attribute_row_insert(
    CatalogView *view, Oid relation, const ColumnInfo *column, [[maybe_unused]] Oid type_relation) {
    const TypeInfo *type = type_find(column->type.oid);
    Value row[PG_ATTRIBUTE_COLUMN_COUNT];
    for (uint32_t i = 0; i < PG_ATTRIBUTE_COLUMN_COUNT; i++)
        row[i] = value_null();
    row[PG_ATTRIBUTE_ATTRELID] = cell_oid(relation);
    row[PG_ATTRIBUTE_ATTNAME] = cell_text(column->name);
    row[PG_ATTRIBUTE_ATTTYPID] = cell_oid(column->type.oid);
    row[PG_ATTRIBUTE_ATTSTATTARGET] = cell_int4(-1);
    row[PG_ATTRIBUTE_ATTLEN] = cell_int2(type == NULL ? -1 : type->length);
    row[PG_ATTRIBUTE_ATTNUM] = cell_int2(column->number);
    row[PG_ATTRIBUTE_ATTNDIMS] =
        cell_int4(type != NULL && type->category == 'A' && type_element(type->oid) != 0);
    row[PG_ATTRIBUTE_ATTCACHEOFF] = cell_int4(-1);
    row[PG_ATTRIBUTE_ATTTYPMOD] = cell_int4(column->type.modifier);
    row[PG_ATTRIBUTE_ATTBYVAL] = cell_bool(type != NULL && type->is_by_value);
    row[PG_ATTRIBUTE_ATTALIGN] = cell_char(type == NULL ? 'i' : type->alignment);
    row[PG_ATTRIBUTE_ATTSTORAGE] = cell_char(type == NULL ? 'x' : type->storage);
    row[PG_ATTRIBUTE_ATTCOMPRESSION] = cell_char(0);
    row[PG_ATTRIBUTE_ATTNOTNULL] = cell_bool(column->is_not_null);
    row[PG_ATTRIBUTE_ATTHASDEF] = cell_bool(column->has_default);
    row[PG_ATTRIBUTE_ATTHASMISSING] = cell_bool(false);
    row[PG_ATTRIBUTE_ATTIDENTITY] = cell_char(column->identity);
    row[PG_ATTRIBUTE_ATTGENERATED] = cell_char(0);
    row[PG_ATTRIBUTE_ATTISDROPPED] = cell_bool(column->is_dropped);
    row[PG_ATTRIBUTE_ATTISLOCAL] = cell_bool(true);
    row[PG_ATTRIBUTE_ATTINHCOUNT] = cell_int4(0);
    row[PG_ATTRIBUTE_ATTCOLLATION] = cell_oid(type == NULL ? 0 : type->collation);
    return system_insert(view, OID_OF_PG_ATTRIBUTE, row);
}

Status default_rows_set(CatalogView *view, Oid table, int16_t column, const char *default_text) {
    Value key[2] = {cell_oid(table), cell_int2(column)};
    TRY(system_delete(view, OID_OF_PG_ATTRDEF, 1, key, 2));
    TRY(system_update(view, OID_OF_PG_ATTRIBUTE, 0, key, 2, PG_ATTRIBUTE_ATTHASDEF,
        cell_bool(default_text != NULL)));
    if (default_text == NULL) return OK;
    Oid oid;
    TRY(catalog_next_oid(view, &oid));
    Value row[PG_ATTRDEF_COLUMN_COUNT];
    row[PG_ATTRDEF_OID] = cell_oid(oid);
    row[PG_ATTRDEF_ADRELID] = cell_oid(table);
    row[PG_ATTRDEF_ADNUM] = cell_int2(column);
    row[PG_ATTRDEF_ADBIN] = cell_text(default_text);
    return system_insert(view, OID_OF_PG_ATTRDEF, row);
}

static Value numbers_value(Oid type, const int64_t *numbers, uint32_t count, Arena *arena) {
    bool is_vector = type == TYPE_INT2VECTOR || type == TYPE_OIDVECTOR;
    Text text;
    text_init(&text, arena);
    if (!is_vector) text_append_char(&text, '{');
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) text_append_char(&text, is_vector ? ' ' : ',');
        text_append_i64(&text, numbers[i]);
    }
    if (!is_vector) text_append_char(&text, '}');
    text_append(&text, "", 0);
    return cell_literal(type, text.data == NULL ? "" : text.data, arena);
}

// The default btree operator class of a type, from the rows that PostgreSQL ships.
static Oid default_operator_class(Oid type, Arena *arena) {
    enum { BTREE = 403, METHOD = 1, INPUT_TYPE = 6, IS_DEFAULT = 7, FIELD_COUNT = 9 };

    const SystemRelation *classes = system_relation_find(OID_OF_PG_OPCLASS);
    // varchar is compared as text, arrays as anyarray.
    if (type == TYPE_VARCHAR) type = TYPE_TEXT;
    if (type_element(type) != 0 && type != TYPE_OIDVECTOR && type != TYPE_INT2VECTOR)
        type = TYPE_ANYARRAY;
    ArenaMark mark = arena_mark(arena);
    Oid found = 0;
    for (uint32_t i = 0; i < classes->row_count && found == 0; i++) {
        const char *fields[FIELD_COUNT] = {classes->rows[i]};
        uint32_t field_count = 1;
        for (const char *at = classes->rows[i]; *at != 0 && field_count < FIELD_COUNT; at++)
            if (*at == '\t') fields[field_count++] = at + 1;
        if (strtoul(fields[METHOD], NULL, 10) == BTREE && fields[IS_DEFAULT][0] == 't'
            && strtoul(fields[INPUT_TYPE], NULL, 10) == type)
            found = (Oid)strtoul(fields[0], NULL, 10);
    }
    arena_rewind(arena, mark);
    return found;
}

static Status class_row_insert(CatalogView *view, Oid oid, const char *name, Oid schema,
    RelationKind kind, Oid row_type, uint32_t storage, uint32_t column_count, uint32_t check_count,
    bool has_index) {
    Value row[PG_CLASS_COLUMN_COUNT];
    for (uint32_t i = 0; i < PG_CLASS_COLUMN_COUNT; i++)
        row[i] = value_null();

    enum { AM_HEAP = 2, AM_BTREE = 403 };

    Oid access_method = kind == RELATION_TABLE ? AM_HEAP : kind == RELATION_INDEX ? AM_BTREE : 0;
    row[PG_CLASS_OID] = cell_oid(oid);
    row[PG_CLASS_RELNAME] = cell_text(name);
    row[PG_CLASS_RELNAMESPACE] = cell_oid(schema);
    row[PG_CLASS_RELTYPE] = cell_oid(row_type);
    row[PG_CLASS_RELOFTYPE] = cell_oid(0);
    row[PG_CLASS_RELOWNER] = cell_oid(ROLE_BOOTSTRAP);
    row[PG_CLASS_RELAM] = cell_oid(access_method);
    row[PG_CLASS_RELFILENODE] = cell_oid(storage);
    row[PG_CLASS_RELTABLESPACE] = cell_oid(0);
    row[PG_CLASS_RELPAGES] = cell_int4(0);
    row[PG_CLASS_RELTUPLES] = cell_float4(kind == RELATION_TABLE ? -1.0F : 0.0F);
    row[PG_CLASS_RELALLVISIBLE] = cell_int4(0);
    row[PG_CLASS_RELTOASTRELID] = cell_oid(0);
    row[PG_CLASS_RELHASINDEX] = cell_bool(has_index);
    row[PG_CLASS_RELISSHARED] = cell_bool(false);
    row[PG_CLASS_RELPERSISTENCE] = cell_char('p');
    row[PG_CLASS_RELKIND] = cell_char((char)kind);
    row[PG_CLASS_RELNATTS] = cell_int2((int32_t)column_count);
    row[PG_CLASS_RELCHECKS] = cell_int2((int32_t)check_count);
    row[PG_CLASS_RELHASRULES] = cell_bool(false);
    row[PG_CLASS_RELHASTRIGGERS] = cell_bool(false);
    row[PG_CLASS_RELHASSUBCLASS] = cell_bool(false);
    row[PG_CLASS_RELROWSECURITY] = cell_bool(false);
    row[PG_CLASS_RELFORCEROWSECURITY] = cell_bool(false);
    row[PG_CLASS_RELISPOPULATED] = cell_bool(true);
    row[PG_CLASS_RELREPLIDENT] = cell_char(kind == RELATION_TABLE ? 'd' : 'n');
    row[PG_CLASS_RELISPARTITION] = cell_bool(false);
    row[PG_CLASS_RELREWRITE] = cell_oid(0);
    row[PG_CLASS_RELFROZENXID] = cell_oid(kind == RELATION_TABLE ? 3 : 0);
    row[PG_CLASS_RELMINMXID] = cell_oid(kind == RELATION_TABLE ? 1 : 0);
    return system_insert(view, OID_OF_PG_CLASS, row);
}

Status relation_rows_insert(CatalogView *view, const TableInfo *table, Oid row_type) {
    return class_row_insert(view, table->oid, table->name, table->schema, table->kind, row_type,
        table->store.value, table->column_count, table->check_count, table->index_count > 0);
}

Status check_rows_insert(CatalogView *view, const TableInfo *table, Oid schema,
    const CheckDefinition *check, const char *name, Arena *arena) {
    Oid oid;
    TRY(catalog_next_oid(view, &oid));
    int64_t *numbers = arena_new_array(arena, int64_t, check->column_name_count + 1);
    uint32_t number_count = 0;
    for (uint32_t i = 0; i < check->column_name_count; i++) {
        const ColumnInfo *column = table_info_find_column(table, check->column_names[i]);
        if (column != NULL) numbers[number_count++] = column->number;
    }
    Value row[PG_CONSTRAINT_COLUMN_COUNT];
    for (uint32_t i = 0; i < PG_CONSTRAINT_COLUMN_COUNT; i++)
        row[i] = value_null();
    row[PG_CONSTRAINT_OID] = cell_oid(oid);
    row[PG_CONSTRAINT_CONNAME] = cell_text(name);
    row[PG_CONSTRAINT_CONNAMESPACE] = cell_oid(schema);
    row[PG_CONSTRAINT_CONTYPE] = cell_char('c');
    row[PG_CONSTRAINT_CONDEFERRABLE] = cell_bool(false);
    row[PG_CONSTRAINT_CONDEFERRED] = cell_bool(false);
    row[PG_CONSTRAINT_CONVALIDATED] = cell_bool(true);
    row[PG_CONSTRAINT_CONRELID] = cell_oid(table->oid);
    row[PG_CONSTRAINT_CONTYPID] = cell_oid(0);
    row[PG_CONSTRAINT_CONINDID] = cell_oid(0);
    row[PG_CONSTRAINT_CONPARENTID] = cell_oid(0);
    row[PG_CONSTRAINT_CONFRELID] = cell_oid(0);
    row[PG_CONSTRAINT_CONFUPDTYPE] = cell_char(' ');
    row[PG_CONSTRAINT_CONFDELTYPE] = cell_char(' ');
    row[PG_CONSTRAINT_CONFMATCHTYPE] = cell_char(' ');
    row[PG_CONSTRAINT_CONISLOCAL] = cell_bool(true);
    row[PG_CONSTRAINT_CONINHCOUNT] = cell_int4(0);
    row[PG_CONSTRAINT_CONNOINHERIT] = cell_bool(false);
    row[PG_CONSTRAINT_CONKEY] = numbers_value(TYPE_INT2_ARRAY, numbers, number_count, arena);
    row[PG_CONSTRAINT_CONBIN] = cell_text(check->expression_text);
    TRY(system_insert(view, OID_OF_PG_CONSTRAINT, row));
    for (uint32_t i = 0; i < number_count; i++)
        TRY(dependency_add(view, OID_OF_PG_CONSTRAINT, oid, 0, OID_OF_PG_CLASS, table->oid,
            (int32_t)numbers[i], 'a'));
    return dependency_add(view, OID_OF_PG_CONSTRAINT, oid, 0, OID_OF_PG_CLASS, table->oid, 0, 'a');
}

// ---- Indexes ------------------------------------------------------------------------------------

static const char *key_label(const KeyDefinition *key) {
    if (key->is_primary) return "pkey";
    return key->is_constraint ? "key" : "idx";
}

// PostgreSQL joins the columns' names with "_", and cuts at a name's length.
static const char *key_columns_name(const KeyDefinition *key, Arena *arena) {
    if (key->is_primary) return NULL;
    Text name;
    text_init(&name, arena);
    for (uint32_t i = 0; i < key->column_count && name.count < NAME_BYTES_MAX; i++) {
        if (i > 0) text_append_char(&name, '_');
        text_append_text(&name, key->columns[i]);
    }
    name.count = utf8_clip(name.data, name.count, NAME_BYTES_MAX);
    name.data[name.count] = 0;
    return name.data;
}

Status index_definition_make(CatalogView *view, const TableInfo *table,
    const KeyDefinition *definition, Arena *arena, IndexDefinition *index_out) {
    IndexDefinition index = {.is_unique = definition->is_unique || definition->is_primary,
        .is_primary = definition->is_primary,
        .is_constraint = definition->is_constraint || definition->is_primary,
        .nulls_not_distinct = definition->nulls_not_distinct,
        .column_count = definition->column_count};

    enum { INDEX_COLUMN_MAX = 32 };

    if (index.column_count > INDEX_COLUMN_MAX)
        return fail(
            TOO_MANY_COLUMNS, "cannot use more than %d columns in an index", INDEX_COLUMN_MAX);
    index.columns = arena_new_array(arena, int16_t, index.column_count);
    index.is_descending = arena_new_array(arena, bool, index.column_count);
    index.nulls_first = arena_new_array(arena, bool, index.column_count);
    index.column_names = arena_new_array(arena, const char *, index.column_count);
    for (uint32_t i = 0; i < index.column_count; i++) {
        const ColumnInfo *column = table_info_find_column(table, definition->columns[i]);
        if (column == NULL)
            return index.is_constraint ? fail(UNDEFINED_COLUMN,
                       "column \"%s\" named in key does not exist", definition->columns[i])
                                       : fail(UNDEFINED_COLUMN, "column \"%s\" does not exist",
                                           definition->columns[i]);
        for (uint32_t j = 0; j < i && index.is_constraint; j++)
            if (index.columns[j] == column->number)
                return fail(DUPLICATE_COLUMN, "column \"%s\" appears twice in %s constraint",
                    column->name, index.is_primary ? "primary key" : "unique");
        const TypeOps *ops;
        TRY(type_ops_require(column->type.oid, &ops));
        if (ops->compare == NULL || ops->key_append == NULL) {
            Text type;
            text_init(&type, arena);
            type_format(sql_type(column->type.oid), &type);
            Status status = fail(UNDEFINED_OBJECT,
                "data type %s has no default operator class for access method \"btree\"",
                type.data);
            error_add_hint("You must specify an operator class for the index or define a default "
                           "operator class for the data type.");
            return status;
        }
        index.columns[i] = column->number;
        index.column_names[i] = column->name;
        index.is_descending[i] = definition->is_descending != NULL && definition->is_descending[i];
        index.nulls_first[i] = definition->nulls_first != NULL && definition->nulls_first[i];
    }
    if (definition->name != NULL) {
        index.name = definition->name;
        if (relation_name_is_taken(view, table->schema, index.name))
            return fail(DUPLICATE_TABLE, "relation \"%s\" already exists", index.name);
    } else {
        index.name = relation_name_choose(view, arena, table->name,
            key_columns_name(definition, arena), key_label(definition), table->schema);
    }
    *index_out = index;
    return OK;
}

void index_schema_make(const TableInfo *table, const IndexDefinition *index, uint32_t index_number,
    Oid oid, Arena *arena, IndexSchema *schema_out) {
    uint16_t *columns = arena_new_array(arena, uint16_t, index->column_count);
    KeyColumn *keys = arena_new_array(arena, KeyColumn, index->column_count);
    for (uint32_t i = 0; i < index->column_count; i++) {
        const ColumnInfo *column = &table->columns[index->columns[i] - 1];
        columns[i] = column->position;
        keys[i] = (KeyColumn){.type = column->type.oid,
            .is_descending = index->is_descending[i],
            .nulls_first = index->nulls_first[i],
            .is_nullable = !index->is_primary};
    }
    *schema_out = (IndexSchema){.index_number = index_number,
        .object = oid,
        .name = index->name,
        .is_unique = index->is_unique,
        .is_primary = index->is_primary,
        .nulls_not_distinct = index->nulls_not_distinct,
        .column_count = index->column_count,
        .columns = columns,
        .keys = keys,
        .column_names = index->column_names};
}

static Status index_constraint_insert(CatalogView *view, const TableInfo *table,
    const IndexDefinition *index, Oid index_oid, const int64_t *numbers, Arena *arena) {
    Oid oid;
    TRY(catalog_next_oid(view, &oid));
    Value row[PG_CONSTRAINT_COLUMN_COUNT];
    for (uint32_t i = 0; i < PG_CONSTRAINT_COLUMN_COUNT; i++)
        row[i] = value_null();
    row[PG_CONSTRAINT_OID] = cell_oid(oid);
    row[PG_CONSTRAINT_CONNAME] = cell_text(index->name);
    row[PG_CONSTRAINT_CONNAMESPACE] = cell_oid(table->schema);
    row[PG_CONSTRAINT_CONTYPE] = cell_char(index->is_primary ? 'p' : 'u');
    row[PG_CONSTRAINT_CONDEFERRABLE] = cell_bool(false);
    row[PG_CONSTRAINT_CONDEFERRED] = cell_bool(false);
    row[PG_CONSTRAINT_CONVALIDATED] = cell_bool(true);
    row[PG_CONSTRAINT_CONRELID] = cell_oid(table->oid);
    row[PG_CONSTRAINT_CONTYPID] = cell_oid(0);
    row[PG_CONSTRAINT_CONINDID] = cell_oid(index_oid);
    row[PG_CONSTRAINT_CONPARENTID] = cell_oid(0);
    row[PG_CONSTRAINT_CONFRELID] = cell_oid(0);
    row[PG_CONSTRAINT_CONFUPDTYPE] = cell_char(' ');
    row[PG_CONSTRAINT_CONFDELTYPE] = cell_char(' ');
    row[PG_CONSTRAINT_CONFMATCHTYPE] = cell_char(' ');
    row[PG_CONSTRAINT_CONISLOCAL] = cell_bool(true);
    row[PG_CONSTRAINT_CONINHCOUNT] = cell_int4(0);
    row[PG_CONSTRAINT_CONNOINHERIT] = cell_bool(true);
    row[PG_CONSTRAINT_CONKEY] = numbers_value(TYPE_INT2_ARRAY, numbers, index->column_count, arena);
    TRY(system_insert(view, OID_OF_PG_CONSTRAINT, row));
    for (uint32_t i = 0; i < index->column_count; i++)
        TRY(dependency_add(view, OID_OF_PG_CONSTRAINT, oid, 0, OID_OF_PG_CLASS, table->oid,
            (int32_t)numbers[i], 'a'));
    return dependency_add(view, OID_OF_PG_CLASS, index_oid, 0, OID_OF_PG_CONSTRAINT, oid, 0, 'i');
}

Status index_rows_insert(CatalogView *view, const TableInfo *table, const IndexDefinition *index,
    uint32_t index_number, Oid index_oid, Arena *arena) {
    TRY(class_row_insert(view, index_oid, index->name, table->schema, RELATION_INDEX, 0,
        index_number, index->column_count, 0, false));
    uint32_t count = index->column_count;
    int64_t *numbers = arena_new_array(arena, int64_t, count);
    int64_t *options = arena_new_array(arena, int64_t, count);
    int64_t *classes = arena_new_array(arena, int64_t, count);
    int64_t *collations = arena_new_array(arena, int64_t, count);
    for (uint32_t i = 0; i < count; i++) {
        const ColumnInfo *column = &table->columns[index->columns[i] - 1];
        const TypeInfo *type = type_find(column->type.oid);
        numbers[i] = column->number;
        options[i] = (index->is_descending[i] ? 1 : 0) | (index->nulls_first[i] ? 2 : 0);
        classes[i] = default_operator_class(column->type.oid, arena);
        collations[i] = type == NULL ? 0 : type->collation;
        ColumnInfo key = {.name = column->name, .number = (int16_t)(i + 1), .type = column->type};
        TRY(attribute_row_insert(view, index_oid, &key, 0));
        if (!index->is_constraint)
            TRY(dependency_add(view, OID_OF_PG_CLASS, index_oid, 0, OID_OF_PG_CLASS, table->oid,
                column->number, 'a'));
    }
    Value row[PG_INDEX_COLUMN_COUNT];
    for (uint32_t i = 0; i < PG_INDEX_COLUMN_COUNT; i++)
        row[i] = value_null();
    row[PG_INDEX_INDEXRELID] = cell_oid(index_oid);
    row[PG_INDEX_INDRELID] = cell_oid(table->oid);
    row[PG_INDEX_INDNATTS] = cell_int2((int32_t)count);
    row[PG_INDEX_INDNKEYATTS] = cell_int2((int32_t)count);
    row[PG_INDEX_INDISUNIQUE] = cell_bool(index->is_unique);
    row[PG_INDEX_INDNULLSNOTDISTINCT] = cell_bool(index->nulls_not_distinct);
    row[PG_INDEX_INDISPRIMARY] = cell_bool(index->is_primary);
    row[PG_INDEX_INDISEXCLUSION] = cell_bool(false);
    row[PG_INDEX_INDIMMEDIATE] = cell_bool(true);
    row[PG_INDEX_INDISCLUSTERED] = cell_bool(false);
    row[PG_INDEX_INDISVALID] = cell_bool(true);
    row[PG_INDEX_INDCHECKXMIN] = cell_bool(false);
    row[PG_INDEX_INDISREADY] = cell_bool(true);
    row[PG_INDEX_INDISLIVE] = cell_bool(true);
    row[PG_INDEX_INDISREPLIDENT] = cell_bool(false);
    row[PG_INDEX_INDKEY] = numbers_value(TYPE_INT2VECTOR, numbers, count, arena);
    row[PG_INDEX_INDCOLLATION] = numbers_value(TYPE_OIDVECTOR, collations, count, arena);
    row[PG_INDEX_INDCLASS] = numbers_value(TYPE_OIDVECTOR, classes, count, arena);
    row[PG_INDEX_INDOPTION] = numbers_value(TYPE_INT2VECTOR, options, count, arena);
    TRY(system_insert(view, OID_OF_PG_INDEX, row));
    return index->is_constraint
               ? index_constraint_insert(view, table, index, index_oid, numbers, arena)
               : OK;
}

// ---- The store's schema -------------------------------------------------------------------------

void store_schema_make(
    const TableInfo *table, const StoreSchema *old_or_null, Arena *arena, StoreSchema *schema_out) {
    StoreColumn *columns = arena_new_array(arena, StoreColumn, table->column_count);
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (old_or_null != NULL && i < old_or_null->column_count)
            columns[i] = old_or_null->columns[i];
        // A dropped column has no type in the catalog; its place in the rows stays what it was.
        if (!table->columns[i].is_dropped) columns[i].type = table->columns[i].type;
        columns[i].is_dropped = table->columns[i].is_dropped;
    }
    *schema_out = (StoreSchema){.object = table->oid,
        .schema_name = table->schema_name,
        .table_name = table->name,
        .column_count = table->column_count,
        .columns = columns};
    if (old_or_null == NULL) return;
    // Names may have changed; which indexes there are may not, through this door.
    IndexSchema *indexes = arena_new_array(arena, IndexSchema, old_or_null->index_count);
    for (uint32_t i = 0; i < old_or_null->index_count; i++) {
        indexes[i] = old_or_null->indexes[i];
        for (uint32_t j = 0; j < table->index_count; j++) {
            if (table->indexes[j].index_number != indexes[i].index_number) continue;
            indexes[i].name = table->indexes[j].name;
            const char **names = arena_new_array(arena, const char *, indexes[i].column_count);
            for (uint32_t k = 0; k < indexes[i].column_count; k++)
                names[k] = table->columns[table->indexes[j].columns[k] - 1].name;
            indexes[i].column_names = names;
        }
    }
    schema_out->index_count = old_or_null->index_count;
    schema_out->indexes = indexes;
}

Status store_schema_alter(CatalogView *view, Oid table, Arena *arena) {
    Entry *entry = view_find(view, ENTRY_RELATION, table);
    ASSERT(entry != NULL);
    Table *store = table_find(view->catalog->tables, entry->table.store);
    if (store == NULL) return fail(DATA_CORRUPTED, "table \"%s\" has no store", entry->name);
    StoreSchema schema;
    store_schema_make(&entry->table, table_schema(store), arena, &schema);
    return table_store_alter(view->catalog->tables, view->txn, entry->table.store, &schema);
}
