// The main views of information_schema, computed as PostgreSQL's definitions of them say.
#include "catalog/catalog_internal.h"

static Value yes_or_no(bool is_yes) {
    return cell_text(is_yes ? "YES" : "NO");
}

static bool is_listed(const Entry *entry) {
    return entry->table.kind == RELATION_TABLE;
}

static bool is_view(const Entry *entry) {
    const SystemRelation *system = entry->is_builtin ? system_relation_find(entry->oid) : NULL;
    return system != NULL && system->kind == 'v';
}

static Status schemata_row(CatalogScan *scan, const char *name) {
    Value *row = catalog_scan_blank(scan);
    row[IS_SCHEMATA_CATALOG_NAME] = cell_text(scan->view->database_name);
    row[IS_SCHEMATA_SCHEMA_NAME] = cell_text(name);
    row[IS_SCHEMATA_SCHEMA_OWNER] = cell_text(scan->view->user_name);
    catalog_scan_add(scan, row);
    return OK;
}

static void schemata_visit(void *argument, Entry *entry) {
    CatalogScan *scan = argument;
    if (scan->status == OK) scan->status = schemata_row(scan, entry->name);
}

static Status schemata_collect(CatalogScan *scan) {
    view_each(scan->view, ENTRY_SCHEMA, schemata_visit, scan);
    return scan->status;
}

static Status tables_collect(CatalogScan *scan) {
    scan_entries(scan);
    for (uint32_t i = 0; i < scan->entry_count; i++) {
        const Entry *entry = scan->entries[i];
        if (!is_listed(entry)) continue;
        Value *row = catalog_scan_blank(scan);
        row[IS_TABLES_TABLE_CATALOG] = cell_text(scan->view->database_name);
        row[IS_TABLES_TABLE_SCHEMA] = cell_text(entry->table.schema_name);
        row[IS_TABLES_TABLE_NAME] = cell_text(entry->name);
        row[IS_TABLES_TABLE_TYPE] = cell_text(is_view(entry) ? "VIEW" : "BASE TABLE");
        row[IS_TABLES_IS_INSERTABLE_INTO] = yes_or_no(!is_view(entry));
        row[IS_TABLES_IS_TYPED] = yes_or_no(false);
        catalog_scan_add(scan, row);
    }
    return OK;
}

// ---- columns ------------------------------------------------------------------------------------

static void number_precision(Value *row, int32_t precision, int32_t radix, int32_t scale) {
    row[IS_COLUMNS_NUMERIC_PRECISION] = cell_int4(precision);
    row[IS_COLUMNS_NUMERIC_PRECISION_RADIX] = cell_int4(radix);
    if (scale >= 0) row[IS_COLUMNS_NUMERIC_SCALE] = cell_int4(scale);
}

static void type_columns(Value *row, SqlType type) {
    enum {
        MODIFIER_HEADER = 4,
        UTF8_BYTES_MAX = 4,
        TEXT_OCTETS_MAX = 1 << 30,
        NUMERIC_SCALE_MASK = 2047
    };

    int32_t modifier = type.modifier;
    switch (type.oid) {
    case TYPE_INT2:
        number_precision(row, 16, 2, 0);
        break;
    case TYPE_INT4:
        number_precision(row, 32, 2, 0);
        break;
    case TYPE_INT8:
        number_precision(row, 64, 2, 0);
        break;
    case TYPE_FLOAT4:
        number_precision(row, 24, 2, -1);
        break;
    case TYPE_FLOAT8:
        number_precision(row, 53, 2, -1);
        break;
    case TYPE_NUMERIC:
        row[IS_COLUMNS_NUMERIC_PRECISION_RADIX] = cell_int4(10);
        if (modifier >= 0)
            number_precision(row, (modifier - MODIFIER_HEADER) >> 16 & 0xFFFF, 10,
                (modifier - MODIFIER_HEADER) & NUMERIC_SCALE_MASK);
        break;
    case TYPE_VARCHAR:
    case TYPE_BPCHAR:
        if (modifier >= 0) {
            row[IS_COLUMNS_CHARACTER_MAXIMUM_LENGTH] = cell_int4(modifier - MODIFIER_HEADER);
            row[IS_COLUMNS_CHARACTER_OCTET_LENGTH] =
                cell_int4((modifier - MODIFIER_HEADER) * UTF8_BYTES_MAX);
        } else {
            row[IS_COLUMNS_CHARACTER_OCTET_LENGTH] = cell_int4(TEXT_OCTETS_MAX);
        }
        break;
    case TYPE_TEXT:
        row[IS_COLUMNS_CHARACTER_OCTET_LENGTH] = cell_int4(TEXT_OCTETS_MAX);
        break;
    case TYPE_DATE:
        row[IS_COLUMNS_DATETIME_PRECISION] = cell_int4(0);
        break;
    case TYPE_TIME:
    case TYPE_TIMETZ:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        row[IS_COLUMNS_DATETIME_PRECISION] = cell_int4(modifier < 0 ? 6 : modifier);
        break;
    case TYPE_INTERVAL:
        row[IS_COLUMNS_DATETIME_PRECISION] =
            cell_int4(modifier < 0 || (modifier & 0xFFFF) == 0xFFFF ? 6 : modifier & 0xFFFF);
        break;
    default:
        break;
    }
}

static Status identity_columns(CatalogScan *scan, const ColumnInfo *column, Value *row) {
    row[IS_COLUMNS_IDENTITY_GENERATION] =
        cell_text(column->identity == 'a' ? "ALWAYS" : "BY DEFAULT");
    if (column->sequence == 0) return OK;
    SequenceState state;
    TRY(table_sequence_get(scan->view->catalog->tables, column->sequence, &state));
    Arena *arena = scan->arena;
    row[IS_COLUMNS_IDENTITY_START] = cell_text(arena_format(arena, "%lld", (long long)state.start));
    row[IS_COLUMNS_IDENTITY_INCREMENT] =
        cell_text(arena_format(arena, "%lld", (long long)state.increment));
    row[IS_COLUMNS_IDENTITY_MAXIMUM] =
        cell_text(arena_format(arena, "%lld", (long long)state.maximum));
    row[IS_COLUMNS_IDENTITY_MINIMUM] =
        cell_text(arena_format(arena, "%lld", (long long)state.minimum));
    return OK;
}

static Status column_row(CatalogScan *scan, const Entry *entry, const ColumnInfo *column) {
    CatalogView *view = scan->view;
    Value *row = catalog_scan_blank(scan);
    row[IS_COLUMNS_TABLE_CATALOG] = cell_text(view->database_name);
    row[IS_COLUMNS_TABLE_SCHEMA] = cell_text(entry->table.schema_name);
    row[IS_COLUMNS_TABLE_NAME] = cell_text(entry->name);
    row[IS_COLUMNS_COLUMN_NAME] = cell_text(column->name);
    row[IS_COLUMNS_ORDINAL_POSITION] = cell_int4(column->number);
    if (column->default_text != NULL && view->hooks.deparse != NULL) {
        Text text;
        text_init(&text, scan->arena);
        TRY(view->hooks.deparse(
            view->hooks.argument, column->default_text, &entry->table, false, &text));
        row[IS_COLUMNS_COLUMN_DEFAULT] = cell_text(text.data);
    }
    row[IS_COLUMNS_IS_NULLABLE] = yes_or_no(!column->is_not_null);
    Oid schema;
    const TypeInfo *type = view_find_type(view, column->type.oid, &schema);
    Text type_text;
    text_init(&type_text, scan->arena);
    if (type != NULL && type->category == 'A' && type->length == -1)
        text_append_text(&type_text, "ARRAY");
    else if (type != NULL && schema != NAMESPACE_PG_CATALOG)
        text_append_text(&type_text, "USER-DEFINED");
    else
        view_format_type(view, sql_type(column->type.oid), &type_text);
    row[IS_COLUMNS_DATA_TYPE] = cell_text(type_text.data);
    type_columns(row, column->type);
    row[IS_COLUMNS_UDT_CATALOG] = cell_text(view->database_name);
    row[IS_COLUMNS_UDT_SCHEMA] = cell_text(type == NULL ? "" : schema_name_of(view, schema));
    row[IS_COLUMNS_UDT_NAME] = cell_text(type == NULL ? "???" : type->name);

    enum { COLLATION_C = 950 };

    if (type != NULL && type->collation == COLLATION_C) {
        row[IS_COLUMNS_COLLATION_CATALOG] = cell_text(view->database_name);
        row[IS_COLUMNS_COLLATION_SCHEMA] = cell_text("pg_catalog");
        row[IS_COLUMNS_COLLATION_NAME] = cell_text("C");
    }
    row[IS_COLUMNS_DTD_IDENTIFIER] = cell_text(arena_format(scan->arena, "%d", column->number));
    row[IS_COLUMNS_IS_SELF_REFERENCING] = yes_or_no(false);
    row[IS_COLUMNS_IS_IDENTITY] = yes_or_no(column->identity != 0);
    row[IS_COLUMNS_IDENTITY_CYCLE] = yes_or_no(false);
    if (column->identity != 0) TRY(identity_columns(scan, column, row));
    row[IS_COLUMNS_IS_GENERATED] = cell_text("NEVER");
    row[IS_COLUMNS_IS_UPDATABLE] = yes_or_no(!is_view(entry));
    catalog_scan_add(scan, row);
    return OK;
}

static Status columns_collect(CatalogScan *scan) {
    scan_entries(scan);
    for (uint32_t i = 0; i < scan->entry_count; i++) {
        const Entry *entry = scan->entries[i];
        if (!is_listed(entry)) continue;
        for (uint32_t j = 0; j < entry->table.column_count; j++)
            if (!entry->table.columns[j].is_dropped)
                TRY(column_row(scan, entry, &entry->table.columns[j]));
    }
    return OK;
}

// ---- Constraints --------------------------------------------------------------------------------

static void constraint_row(
    CatalogScan *scan, const Entry *entry, const char *name, const char *type) {
    Value *row = catalog_scan_blank(scan);
    row[IS_TABLE_CONSTRAINTS_CONSTRAINT_CATALOG] = cell_text(scan->view->database_name);
    row[IS_TABLE_CONSTRAINTS_CONSTRAINT_SCHEMA] = cell_text(entry->table.schema_name);
    row[IS_TABLE_CONSTRAINTS_CONSTRAINT_NAME] = cell_text(name);
    row[IS_TABLE_CONSTRAINTS_TABLE_CATALOG] = cell_text(scan->view->database_name);
    row[IS_TABLE_CONSTRAINTS_TABLE_SCHEMA] = cell_text(entry->table.schema_name);
    row[IS_TABLE_CONSTRAINTS_TABLE_NAME] = cell_text(entry->name);
    row[IS_TABLE_CONSTRAINTS_CONSTRAINT_TYPE] = cell_text(type);
    row[IS_TABLE_CONSTRAINTS_IS_DEFERRABLE] = yes_or_no(false);
    row[IS_TABLE_CONSTRAINTS_INITIALLY_DEFERRED] = yes_or_no(false);
    row[IS_TABLE_CONSTRAINTS_ENFORCED] = yes_or_no(true);
    if (strcmp(type, "UNIQUE") == 0)
        for (uint32_t i = 0; i < entry->table.index_count; i++)
            if (strcmp(entry->table.indexes[i].name, name) == 0)
                row[IS_TABLE_CONSTRAINTS_NULLS_DISTINCT] =
                    yes_or_no(!entry->table.indexes[i].nulls_not_distinct);
    catalog_scan_add(scan, row);
}

static Status table_constraints_collect(CatalogScan *scan) {
    scan_entries(scan);
    for (uint32_t i = 0; i < scan->entry_count; i++) {
        const Entry *entry = scan->entries[i];
        if (entry->is_builtin) continue;
        const TableInfo *table = &entry->table;
        for (uint32_t j = 0; j < table->index_count; j++)
            if (table->indexes[j].constraint != 0)
                constraint_row(scan, entry, table->indexes[j].name,
                    table->indexes[j].is_primary ? "PRIMARY KEY" : "UNIQUE");
        for (uint32_t j = 0; j < table->check_count; j++)
            constraint_row(scan, entry, table->checks[j].name, "CHECK");
        for (uint32_t j = 0; j < table->column_count; j++)
            if (table->kind == RELATION_TABLE && table->columns[j].is_not_null)
                constraint_row(scan, entry,
                    arena_format(scan->arena, "%u_%u_%d_not_null", table->schema, table->oid,
                        table->columns[j].number),
                    "CHECK");
    }
    return OK;
}

static Status key_column_usage_collect(CatalogScan *scan) {
    scan_entries(scan);
    for (uint32_t i = 0; i < scan->entry_count; i++) {
        const Entry *entry = scan->entries[i];
        for (uint32_t j = 0; j < entry->table.index_count; j++) {
            const IndexInfo *index = &entry->table.indexes[j];
            for (uint32_t k = 0; index->constraint != 0 && k < index->column_count; k++) {
                Value *row = catalog_scan_blank(scan);
                row[IS_KEY_COLUMN_USAGE_CONSTRAINT_CATALOG] = cell_text(scan->view->database_name);
                row[IS_KEY_COLUMN_USAGE_CONSTRAINT_SCHEMA] = cell_text(entry->table.schema_name);
                row[IS_KEY_COLUMN_USAGE_CONSTRAINT_NAME] = cell_text(index->name);
                row[IS_KEY_COLUMN_USAGE_TABLE_CATALOG] = cell_text(scan->view->database_name);
                row[IS_KEY_COLUMN_USAGE_TABLE_SCHEMA] = cell_text(entry->table.schema_name);
                row[IS_KEY_COLUMN_USAGE_TABLE_NAME] = cell_text(entry->name);
                row[IS_KEY_COLUMN_USAGE_COLUMN_NAME] =
                    cell_text(entry->table.columns[index->columns[k] - 1].name);
                row[IS_KEY_COLUMN_USAGE_ORDINAL_POSITION] = cell_int4((int32_t)k + 1);
                catalog_scan_add(scan, row);
            }
        }
    }
    return OK;
}

static Status constraint_column_usage_collect(CatalogScan *scan) {
    scan_entries(scan);
    for (uint32_t i = 0; i < scan->entry_count; i++) {
        const Entry *entry = scan->entries[i];
        for (uint32_t j = 0; j < entry->table.index_count; j++) {
            const IndexInfo *index = &entry->table.indexes[j];
            for (uint32_t k = 0; index->constraint != 0 && k < index->column_count; k++) {
                Value *row = catalog_scan_blank(scan);
                row[IS_CONSTRAINT_COLUMN_USAGE_TABLE_CATALOG] =
                    cell_text(scan->view->database_name);
                row[IS_CONSTRAINT_COLUMN_USAGE_TABLE_SCHEMA] = cell_text(entry->table.schema_name);
                row[IS_CONSTRAINT_COLUMN_USAGE_TABLE_NAME] = cell_text(entry->name);
                row[IS_CONSTRAINT_COLUMN_USAGE_COLUMN_NAME] =
                    cell_text(entry->table.columns[index->columns[k] - 1].name);
                row[IS_CONSTRAINT_COLUMN_USAGE_CONSTRAINT_CATALOG] =
                    cell_text(scan->view->database_name);
                row[IS_CONSTRAINT_COLUMN_USAGE_CONSTRAINT_SCHEMA] =
                    cell_text(entry->table.schema_name);
                row[IS_CONSTRAINT_COLUMN_USAGE_CONSTRAINT_NAME] = cell_text(index->name);
                catalog_scan_add(scan, row);
            }
        }
    }
    return OK;
}

const ComputedRelation information_schema_relations[] = {
    {OID_OF_IS_SCHEMATA, NULL, schemata_collect},
    {OID_OF_IS_TABLES, NULL, tables_collect},
    {OID_OF_IS_COLUMNS, NULL, columns_collect},
    {OID_OF_IS_TABLE_CONSTRAINTS, NULL, table_constraints_collect},
    {OID_OF_IS_KEY_COLUMN_USAGE, NULL, key_column_usage_collect},
    {OID_OF_IS_CONSTRAINT_COLUMN_USAGE, NULL, constraint_column_usage_collect},
    {0},
};
