// From the rows of the system tables to TableInfo.
#include "catalog/catalog_internal.h"

#include <stdlib.h>

typedef struct Loader {
    CatalogView *view;
    Entry *entry;
    Arena *arena;   // the entry's
    Arena *scratch; // the rows'
} Loader;

static Oid get_oid(const Value *row, uint32_t column) {
    return row[column].is_null ? 0 : row[column].datum.oid;
}

// Runs `take` for each row of a stored relation whose key starts with `key`.
static Status each_row(Loader *loader, Oid relation, uint32_t index_number, const Value *key,
    uint32_t key_count, Status (*take)(Loader *loader, const Value *row)) {
    ArenaMark mark = arena_mark(loader->scratch);
    SystemCursor cursor = {0};
    Status status = system_cursor_open(
        loader->view, relation, index_number, key, key_count, loader->scratch, &cursor);
    if (status == OK) {
        Value *row = arena_new_array(loader->scratch, Value, cursor.relation->column_count);
        bool is_found;
        while ((status = system_cursor_next(&cursor, row, NULL, &is_found)) == OK && is_found) {
            status = take(loader, row);
            if (status != OK) break;
        }
    }
    system_cursor_close(&cursor);
    arena_rewind(loader->scratch, mark);
    return status;
}

static Status take_class(Loader *loader, const Value *row) {
    Entry *entry = loader->entry;
    TableInfo *table = &entry->table;
    entry->oid = table->oid = get_oid(row, PG_CLASS_OID);
    entry->schema = table->schema = get_oid(row, PG_CLASS_RELNAMESPACE);
    entry->name = table->name = cell_get_text(&row[PG_CLASS_RELNAME], loader->arena);
    table->row_type = get_oid(row, PG_CLASS_RELTYPE);
    table->owner = get_oid(row, PG_CLASS_RELOWNER);
    table->kind = (RelationKind)row[PG_CLASS_RELKIND].datum.int1;
    table->store = (StoreId){get_oid(row, PG_CLASS_RELFILENODE)};
    // Its one row is computed.
    if (table->kind == RELATION_SEQUENCE) table->is_constant = true;
    table->column_count = (uint32_t)row[PG_CLASS_RELNATTS].datum.int2;
    table->columns = arena_new_array(loader->arena, ColumnInfo, table->column_count);
    return OK;
}

static ColumnInfo *column_of(Loader *loader, int32_t number) {
    const TableInfo *table = &loader->entry->table;
    if (number < 1 || (uint32_t)number > table->column_count) return NULL;
    return (ColumnInfo *)(uintptr_t)&table->columns[number - 1];
}

static Status take_attribute(Loader *loader, const Value *row) {
    int16_t number = row[PG_ATTRIBUTE_ATTNUM].datum.int2;
    ColumnInfo *column = column_of(loader, number);
    if (column == NULL)
        return fail(DATA_CORRUPTED, "pg_attribute has column %d of relation %u, which has %u",
            number, loader->entry->oid, loader->entry->table.column_count);
    column->name = cell_get_text(&row[PG_ATTRIBUTE_ATTNAME], loader->arena);
    column->number = number;
    column->position = (uint16_t)(number - 1);
    column->type =
        (SqlType){get_oid(row, PG_ATTRIBUTE_ATTTYPID), row[PG_ATTRIBUTE_ATTTYPMOD].datum.int4};
    column->is_not_null = row[PG_ATTRIBUTE_ATTNOTNULL].datum.boolean;
    column->is_dropped = row[PG_ATTRIBUTE_ATTISDROPPED].datum.boolean;
    column->has_default = row[PG_ATTRIBUTE_ATTHASDEF].datum.boolean;
    column->identity = (char)row[PG_ATTRIBUTE_ATTIDENTITY].datum.int1;
    return OK;
}

static Status take_default(Loader *loader, const Value *row) {
    ColumnInfo *column = column_of(loader, row[PG_ATTRDEF_ADNUM].datum.int2);
    if (column == NULL)
        return fail(DATA_CORRUPTED, "pg_attrdef names a column that does not exist");
    column->default_text = cell_get_text(&row[PG_ATTRDEF_ADBIN], loader->arena);
    return OK;
}

// A sequence that depends on a column is owned by it.
static Status take_reference(Loader *loader, const Value *row) {
    char type = (char)row[PG_DEPEND_DEPTYPE].datum.int1;
    int32_t number = row[PG_DEPEND_REFOBJSUBID].datum.int4;
    if (get_oid(row, PG_DEPEND_CLASSID) != OID_OF_PG_CLASS || number <= 0) return OK;
    if (row[PG_DEPEND_OBJSUBID].datum.int4 != 0 || (type != 'a' && type != 'i')) return OK;
    ColumnInfo *column = column_of(loader, number);
    if (column == NULL) return OK;
    // Indexes depend on columns, too; only a sequence has a row in pg_sequence.
    Value key = cell_oid(get_oid(row, PG_DEPEND_OBJID));
    SystemCursor cursor = {0};
    ArenaMark mark = arena_mark(loader->scratch);
    Status status =
        system_cursor_open(loader->view, OID_OF_PG_SEQUENCE, 0, &key, 1, loader->scratch, &cursor);
    if (status == OK) {
        Value sequence[PG_SEQUENCE_COLUMN_COUNT];
        bool is_found;
        status = system_cursor_next(&cursor, sequence, NULL, &is_found);
        if (status == OK && is_found) column->sequence = get_oid(row, PG_DEPEND_OBJID);
    }
    system_cursor_close(&cursor);
    arena_rewind(loader->scratch, mark);
    return status;
}

static Status take_own_dependency(Loader *loader, const Value *row) {
    char type = (char)row[PG_DEPEND_DEPTYPE].datum.int1;
    if (get_oid(row, PG_DEPEND_REFCLASSID) != OID_OF_PG_CLASS) return OK;
    if (type != 'a' && type != 'i') return OK;
    loader->entry->owner_table = get_oid(row, PG_DEPEND_REFOBJID);
    loader->entry->owner_column = (int16_t)row[PG_DEPEND_REFOBJSUBID].datum.int4;
    return OK;
}

static Status take_sequence(Loader *loader, const Value *row) {
    loader->entry->sequence_type = get_oid(row, PG_SEQUENCE_SEQTYPID);
    return OK;
}

static Status take_index_table(Loader *loader, const Value *row) {
    loader->entry->index_table = get_oid(row, PG_INDEX_INDRELID);
    return OK;
}

// ---- Indexes ------------------------------------------------------------------------------------

typedef struct IndexName {
    const char *name;
    uint32_t index_number;
} IndexName;

static Status index_name_load(Loader *loader, Oid index, IndexName *name_out) {
    ArenaMark mark = arena_mark(loader->scratch);
    SystemCursor cursor = {0};
    Value key = cell_oid(index);
    Status status =
        system_cursor_open(loader->view, OID_OF_PG_CLASS, 0, &key, 1, loader->scratch, &cursor);
    Value row[PG_CLASS_COLUMN_COUNT];
    bool is_found = false;
    if (status == OK) status = system_cursor_next(&cursor, row, NULL, &is_found);
    if (status == OK && !is_found)
        status = fail(DATA_CORRUPTED, "index %u has no row in pg_class", index);
    if (status == OK) {
        name_out->name = cell_get_text(&row[PG_CLASS_RELNAME], loader->arena);
        name_out->index_number = get_oid(row, PG_CLASS_RELFILENODE);
    }
    system_cursor_close(&cursor);
    arena_rewind(loader->scratch, mark);
    return status;
}

enum { INDEX_OPTION_DESCENDING = 1, INDEX_OPTION_NULLS_FIRST = 2 };

static Status take_index(Loader *loader, const Value *row) {
    TableInfo *table = &loader->entry->table;
    IndexInfo *indexes = arena_new_array(loader->arena, IndexInfo, table->index_count + 1);
    if (table->index_count > 0)
        memcpy(indexes, table->indexes, table->index_count * sizeof *indexes);
    IndexInfo *index = &indexes[table->index_count];
    index->oid = get_oid(row, PG_INDEX_INDEXRELID);
    IndexName name;
    TRY(index_name_load(loader, index->oid, &name));
    index->name = name.name;
    index->index_number = name.index_number;
    index->is_unique = row[PG_INDEX_INDISUNIQUE].datum.boolean;
    index->is_primary = row[PG_INDEX_INDISPRIMARY].datum.boolean;
    index->nulls_not_distinct = row[PG_INDEX_INDNULLSNOTDISTINCT].datum.boolean;
    int64_t *columns, *options;
    index->column_count =
        cell_get_numbers(TYPE_INT2VECTOR, &row[PG_INDEX_INDKEY], loader->scratch, &columns);
    uint32_t option_count =
        cell_get_numbers(TYPE_INT2VECTOR, &row[PG_INDEX_INDOPTION], loader->scratch, &options);
    int16_t *numbers = arena_new_array(loader->arena, int16_t, index->column_count);
    KeyColumn *keys = arena_new_array(loader->arena, KeyColumn, index->column_count);
    for (uint32_t i = 0; i < index->column_count; i++) {
        const ColumnInfo *column = column_of(loader, (int32_t)columns[i]);
        if (column == NULL || i >= option_count)
            return fail(
                DATA_CORRUPTED, "index \"%s\" names a column that does not exist", index->name);
        numbers[i] = (int16_t)columns[i];
        keys[i] = (KeyColumn){.type = column->type.oid,
            .is_descending = (options[i] & INDEX_OPTION_DESCENDING) != 0,
            .nulls_first = (options[i] & INDEX_OPTION_NULLS_FIRST) != 0,
            .is_nullable = !index->is_primary};
    }
    index->columns = numbers;
    index->keys = keys;
    table->indexes = indexes;
    table->index_count++;
    return OK;
}

static Status take_constraint(Loader *loader, const Value *row) {
    TableInfo *table = &loader->entry->table;
    char type = (char)row[PG_CONSTRAINT_CONTYPE].datum.int1;
    if (type == 'c') {
        CheckInfo *checks = arena_new_array(loader->arena, CheckInfo, table->check_count + 1);
        if (table->check_count > 0)
            memcpy(checks, table->checks, table->check_count * sizeof *checks);
        checks[table->check_count++] = (CheckInfo){.oid = get_oid(row, PG_CONSTRAINT_OID),
            .name = cell_get_text(&row[PG_CONSTRAINT_CONNAME], loader->arena),
            .expression_text = cell_get_text(&row[PG_CONSTRAINT_CONBIN], loader->arena)};
        table->checks = checks;
        return OK;
    }
    Oid index = get_oid(row, PG_CONSTRAINT_CONINDID);
    for (uint32_t i = 0; i < table->index_count; i++)
        if (table->indexes[i].oid == index)
            ((IndexInfo *)(uintptr_t)&table->indexes[i])->constraint =
                get_oid(row, PG_CONSTRAINT_OID);
    return OK;
}

static int index_order(const void *a, const void *b) {
    const IndexInfo *left = a, *right = b;
    return (left->oid > right->oid) - (left->oid < right->oid);
}

static int check_order(const void *a, const void *b) {
    const CheckInfo *left = a, *right = b;
    return strcmp(left->name, right->name); // PostgreSQL checks them in order of name
}

// ---- Types --------------------------------------------------------------------------------------

static Status take_type(Loader *loader, const Value *row) {
    Entry *entry = loader->entry;
    entry->row_type = (TypeInfo){.oid = get_oid(row, PG_TYPE_OID),
        .name = cell_get_text(&row[PG_TYPE_TYPNAME], loader->arena),
        .length = -1,
        .kind = 'c',
        .category = 'C',
        .delimiter = ',',
        .relation = entry->oid,
        .array = get_oid(row, PG_TYPE_TYPARRAY),
        .input = "record_in",
        .output = "record_out",
        .receive = "record_recv",
        .send = "record_send",
        .modifier_in = "-",
        .modifier_out = "-",
        .subscript = "-",
        .alignment = 'd',
        .storage = 'x'};
    return OK;
}

static Status take_array_type(Loader *loader, const Value *row) {
    Entry *entry = loader->entry;
    entry->array_type = (TypeInfo){.oid = get_oid(row, PG_TYPE_OID),
        .name = cell_get_text(&row[PG_TYPE_TYPNAME], loader->arena),
        .length = -1,
        .kind = 'b',
        .category = 'A',
        .delimiter = ',',
        .element = entry->row_type.oid,
        .input = "array_in",
        .output = "array_out",
        .receive = "array_recv",
        .send = "array_send",
        .modifier_in = "-",
        .modifier_out = "-",
        .subscript = "array_subscript_handler",
        .alignment = 'd',
        .storage = 'x'};
    return OK;
}

static Status load(Loader *loader, Oid relation) {
    Entry *entry = loader->entry;
    TableInfo *table = &entry->table;
    Value key[2] = {cell_oid(relation), value_null()};
    TRY(each_row(loader, OID_OF_PG_CLASS, 0, key, 1, take_class));
    if (entry->oid == 0) return OK;
    Entry *schema = view_find(loader->view, ENTRY_SCHEMA, entry->schema);
    if (schema != NULL) table->schema_name = arena_copy_text(loader->arena, schema->name);
    if (table->schema_name == NULL) table->schema_name = "";
    TRY(each_row(loader, OID_OF_PG_ATTRIBUTE, 0, key, 1, take_attribute));
    for (uint32_t i = 0; i < table->column_count; i++)
        if (table->columns[i].number == 0)
            return fail(DATA_CORRUPTED, "relation \"%s\" lacks column %u", entry->name, i + 1);
    if (table->kind == RELATION_INDEX)
        return each_row(loader, OID_OF_PG_INDEX, 0, key, 1, take_index_table);

    Value reference[2] = {cell_oid(OID_OF_PG_CLASS), cell_oid(relation)};
    if (table->kind == RELATION_SEQUENCE) {
        TRY(each_row(loader, OID_OF_PG_SEQUENCE, 0, key, 1, take_sequence));
        return each_row(loader, OID_OF_PG_DEPEND, 0, reference, 2, take_own_dependency);
    }
    TRY(each_row(loader, OID_OF_PG_ATTRDEF, 1, key, 1, take_default));
    TRY(each_row(loader, OID_OF_PG_DEPEND, 1, reference, 2, take_reference));
    TRY(each_row(loader, OID_OF_PG_INDEX, 1, key, 1, take_index));
    if (table->index_count > 1)
        qsort((void *)(uintptr_t)table->indexes, table->index_count, sizeof *table->indexes,
            index_order);
    TRY(each_row(loader, OID_OF_PG_CONSTRAINT, 1, key, 1, take_constraint));
    if (table->check_count > 1)
        qsort((void *)(uintptr_t)table->checks, table->check_count, sizeof *table->checks,
            check_order);
    Value type = cell_oid(table->row_type);
    TRY(each_row(loader, OID_OF_PG_TYPE, 0, &type, 1, take_type));
    type = cell_oid(entry->row_type.array);
    if (type.datum.oid != 0) TRY(each_row(loader, OID_OF_PG_TYPE, 0, &type, 1, take_array_type));
    return OK;
}

Status relation_load(CatalogView *view, Oid relation, Entry **entry_out) {
    Entry *entry = entry_create(ENTRY_RELATION);
    Loader loader = {
        .view = view, .entry = entry, .arena = &entry->arena, .scratch = &view->scratch};
    Status status = load(&loader, relation);
    if (status == OK) status = arena_check(&entry->arena);
    if (status != OK || entry->oid == 0) {
        entry_destroy(entry);
        entry = NULL;
    }
    if (status == OK) *entry_out = entry;
    return status;
}

Status relation_reload(CatalogView *view, Oid relation) {
    system_increment(view);
    Entry *entry;
    TRY(relation_load(view, relation, &entry));
    overlay_set(view, ENTRY_RELATION, relation, entry);
    if (entry != NULL) entry->table.version = view->overlay_version;
    return OK;
}
