// SQL functions over the catalog, one row at a time: none of them is called for many rows.
#include "base/utf8.h"
#include "catalog/catalog_internal.h"
#include "types/array.h"
#include "types/record.h"

#include <stdlib.h>

typedef Status (*RowFunction)(
    Call *call, CatalogView *view, const Value *arguments, Value *result_out);

enum { ARGUMENT_MAX = 4 };

static Status each_row(Call *call, RowFunction function) {
    CatalogView *view = (CatalogView *)call->context->catalog;
    ASSERT(view != NULL && call->argument_count <= ARGUMENT_MAX);
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        Value arguments[ARGUMENT_MAX];
        for (uint32_t j = 0; j < call->argument_count; j++)
            arguments[j] = column_get(&call->arguments[j], row);
        Value result = value_null();
        TRY(function(call, view, arguments, &result));
        if (result.is_null)
            column_set_null(call->result, call->arena, row);
        else
            column_set(call->result, call->arena, row, &result);
    }
    return OK;
}

// Declares the kernel `kernel_NAME` and opens the function for one row.
#define ROW_FUNCTION(name)                                                                         \
    static Status row_##name([[maybe_unused]] Call *call, [[maybe_unused]] CatalogView *view,      \
        [[maybe_unused]] const Value *arguments, [[maybe_unused]] Value *result_out);              \
    static Status kernel_##name(Call *call) {                                                      \
        return each_row(call, row_##name);                                                         \
    }                                                                                              \
    static Status row_##name([[maybe_unused]] Call *call, [[maybe_unused]] CatalogView *view,      \
        [[maybe_unused]] const Value *arguments, [[maybe_unused]] Value *result_out)

static Value text_result(Call *call, const char *text) {
    return cell_text(arena_copy_text(call->arena, text));
}

static Value text_built(const Text *text) {
    return cell_text(text->data == NULL ? "" : text->data);
}

static const char *text_argument(Call *call, const Value *argument) {
    return cell_get_text(argument, call->arena);
}

// ---- Names --------------------------------------------------------------------------------------

ROW_FUNCTION(format_type) {
    if (arguments[0].is_null) return OK;
    Text text;
    text_init(&text, call->arena);
    Oid type = arguments[0].datum.oid;
    if (type == 0)
        text_append_text(&text, "-");
    else
        view_format_type(
            view, (SqlType){type, arguments[1].is_null ? -1 : arguments[1].datum.int4}, &text);
    *result_out = text_built(&text);
    return OK;
}

ROW_FUNCTION(user_by_id) {
    Text text;
    text_init(&text, call->arena);
    Oid role = arguments[0].datum.oid;
    if (role == ROLE_BOOTSTRAP) {
        text_append_text(&text, view->user_name);
    } else {
        ObjectNames names = catalog_object_names(view);
        if (!names.format(names.catalog, TYPE_REGROLE, role, &text))
            text_append_format(&text, "unknown (OID=%u)", role);
    }
    *result_out = text_built(&text);
    return OK;
}

ROW_FUNCTION(table_is_visible) {
    Entry *entry = view_find(view, ENTRY_RELATION, arguments[0].datum.oid);
    if (entry == NULL) {
        // Indexes of the system relations have rows, but no entries.
        Text text;
        text_init(&text, call->arena);
        ObjectNames names = catalog_object_names(view);
        if (names.format(names.catalog, TYPE_REGCLASS, arguments[0].datum.oid, &text))
            *result_out = cell_bool(true);
        return OK;
    }
    *result_out = cell_bool(relation_is_visible(view, entry));
    return OK;
}

ROW_FUNCTION(type_is_visible) {
    Oid schema;
    const TypeInfo *type = view_find_type(view, arguments[0].datum.oid, &schema);
    if (type == NULL) return OK;
    const TypeInfo *seen = catalog_find_type(view, NULL, type->name);
    *result_out = cell_bool(seen != NULL && seen->oid == type->oid);
    return OK;
}

// Everything but relations and types is in pg_catalog, which every path searches.
ROW_FUNCTION(is_visible) {
    *result_out = cell_bool(true);
    return OK;
}

static Status to_reg(Call *call, CatalogView *view, Oid kind, const Value *argument, Value *out) {
    const char *text = text_argument(call, argument);
    ObjectNames names = catalog_object_names(view);
    Oid oid;
    Status status = names.find(names.catalog, kind, text, strlen(text), &oid);
    if (status == OK) {
        *out = cell_oid(oid);
        return OK;
    }
    bool is_absent = status == UNDEFINED_TABLE || status == UNDEFINED_OBJECT
                     || status == UNDEFINED_FUNCTION || status == INVALID_SCHEMA_NAME
                     || status == AMBIGUOUS_FUNCTION;
    if (!is_absent) return status;
    error_clear();
    return OK;
}

#define TO_REG(name, kind)                                                                         \
    ROW_FUNCTION(name) {                                                                           \
        return to_reg(call, view, kind, &arguments[0], result_out);                                \
    }

TO_REG(to_regclass, TYPE_REGCLASS)
TO_REG(to_regtype, TYPE_REGTYPE)
TO_REG(to_regnamespace, TYPE_REGNAMESPACE)
TO_REG(to_regproc, TYPE_REGPROC)
TO_REG(to_regprocedure, TYPE_REGPROCEDURE)
TO_REG(to_regoper, TYPE_REGOPER)
TO_REG(to_regoperator, TYPE_REGOPERATOR)
TO_REG(to_regrole, TYPE_REGROLE)
TO_REG(to_regcollation, TYPE_REGCOLLATION)

ROW_FUNCTION(text_regclass) {
    const char *text = text_argument(call, &arguments[0]);
    ObjectNames names = catalog_object_names(view);
    Oid oid;
    TRY(names.find(names.catalog, TYPE_REGCLASS, text, strlen(text), &oid));
    *result_out = cell_oid(oid);
    return OK;
}

ROW_FUNCTION(current_database) {
    *result_out = text_result(call, view->database_name);
    return OK;
}

enum { PATH_SCHEMA_MAX = 64 };

ROW_FUNCTION(current_schema) {
    Oid schemas[PATH_SCHEMA_MAX];
    if (view_path_schemas(view, schemas, PATH_SCHEMA_MAX, false) == 0) return OK;
    *result_out = text_result(call, schema_name_of(view, schemas[0]));
    return OK;
}

ROW_FUNCTION(current_schemas) {
    Oid schemas[PATH_SCHEMA_MAX];
    uint32_t count = view_path_schemas(view, schemas, PATH_SCHEMA_MAX, arguments[0].datum.boolean);
    Value names[PATH_SCHEMA_MAX];
    for (uint32_t i = 0; i < count; i++)
        names[i] = text_result(call, schema_name_of(view, schemas[i]));
    Value array = {.datum.view = array_make_list(TYPE_NAME, names, count, call->arena)};
    *result_out = array;
    return OK;
}

static const char *const encodings[] = {"SQL_ASCII", "EUC_JP", "EUC_CN", "EUC_KR", "EUC_TW",
    "EUC_JIS_2004", "UTF8", "MULE_INTERNAL", "LATIN1", "LATIN2", "LATIN3", "LATIN4", "LATIN5",
    "LATIN6", "LATIN7", "LATIN8", "LATIN9", "LATIN10", "WIN1256", "WIN1258", "WIN866", "WIN874",
    "KOI8R", "WIN1251", "WIN1252", "ISO_8859_5", "ISO_8859_6", "ISO_8859_7", "ISO_8859_8",
    "WIN1250", "WIN1253", "WIN1254", "WIN1255", "WIN1257", "KOI8U", "SJIS", "BIG5", "GBK", "UHC",
    "GB18030", "JOHAB", "SHIFT_JIS_2004"};

ROW_FUNCTION(encoding_to_char) {
    int32_t number = arguments[0].datum.int4;
    bool is_known = number >= 0 && (size_t)number < sizeof encodings / sizeof *encodings;
    *result_out = cell_text(is_known ? encodings[number] : "");
    return OK;
}

ROW_FUNCTION(char_to_encoding) {
    const char *name = text_argument(call, &arguments[0]);
    int32_t found = -1;
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++)
        if (strcasecmp(name, encodings[i]) == 0) found = (int32_t)i;
    *result_out = cell_int4(found);
    return OK;
}

// ---- Sequences ----------------------------------------------------------------------------------

typedef struct SequenceValue {
    Oid sequence;
    int64_t value;
} SequenceValue;

void catalog_view_forget_sequences(CatalogView *view) {
    view->sequence_value_count = 0;
    view->last_sequence = 0;
}

static Status find_sequence(CatalogView *view, Oid oid, Entry **entry_out) {
    Entry *entry = view_find(view, ENTRY_RELATION, oid);
    if (entry == NULL) return fail(UNDEFINED_TABLE, "could not open relation with OID %u", oid);
    if (entry->table.kind != RELATION_SEQUENCE)
        return fail(WRONG_OBJECT_TYPE, "\"%s\" is not a sequence", entry->name);
    *entry_out = entry;
    return OK;
}

static Status remember_value(CatalogView *view, Oid sequence, int64_t value) {
    view->last_sequence = sequence;
    view->last_value = value;
    for (uint32_t i = 0; i < view->sequence_value_count; i++) {
        if (view->sequence_values[i].sequence != sequence) continue;
        view->sequence_values[i].value = value;
        return OK;
    }
    if (view->sequence_value_count == view->sequence_value_capacity) {
        uint32_t capacity = view->sequence_value_capacity * 2 + 4;
        SequenceValue *values = realloc(view->sequence_values, capacity * sizeof *values);
        if (values == NULL) return fail(OUT_OF_MEMORY, "out of memory");
        view->sequence_values = values;
        view->sequence_value_capacity = capacity;
    }
    view->sequence_values[view->sequence_value_count++] = (SequenceValue){sequence, value};
    return OK;
}

static Status require_writable(CatalogView *view, const char *function) {
    if (view->txn != NULL && txn_is_read_only(view->txn))
        return fail(
            READ_ONLY_SQL_TRANSACTION, "cannot execute %s in a read-only transaction", function);
    return OK;
}

ROW_FUNCTION(nextval) {
    Entry *entry;
    TRY(find_sequence(view, arguments[0].datum.oid, &entry));
    TRY(require_writable(view, "nextval()"));
    int64_t value;
    Status status = table_sequence_next(view->catalog->tables, view->txn, entry->oid, &value);
    if (status == SEQUENCE_GENERATOR_LIMIT_EXCEEDED) {
        SequenceState state;
        error_clear();
        TRY(table_sequence_get(view->catalog->tables, entry->oid, &state));
        bool is_rising = state.increment > 0;
        return fail(SEQUENCE_GENERATOR_LIMIT_EXCEEDED,
            "nextval: reached %s value of sequence \"%s\" (%lld)",
            is_rising ? "maximum" : "minimum", entry->name,
            (long long)(is_rising ? state.maximum : state.minimum));
    }
    TRY(status);
    TRY(remember_value(view, entry->oid, value));
    *result_out = cell_int8(value);
    return OK;
}

ROW_FUNCTION(currval) {
    Entry *entry;
    TRY(find_sequence(view, arguments[0].datum.oid, &entry));
    for (uint32_t i = 0; i < view->sequence_value_count; i++) {
        if (view->sequence_values[i].sequence != entry->oid) continue;
        *result_out = cell_int8(view->sequence_values[i].value);
        return OK;
    }
    return fail(OBJECT_NOT_IN_PREREQUISITE_STATE,
        "currval of sequence \"%s\" is not yet defined in this session", entry->name);
}

ROW_FUNCTION(lastval) {
    if (view->last_sequence == 0 || view_find(view, ENTRY_RELATION, view->last_sequence) == NULL)
        return fail(OBJECT_NOT_IN_PREREQUISITE_STATE, "lastval is not yet defined in this session");
    *result_out = cell_int8(view->last_value);
    return OK;
}

static Status set_sequence(CatalogView *view, Oid sequence, int64_t value, bool is_called) {
    Entry *entry;
    TRY(find_sequence(view, sequence, &entry));
    TRY(require_writable(view, "setval()"));
    SequenceState state;
    TRY(table_sequence_get(view->catalog->tables, sequence, &state));
    if (value < state.minimum || value > state.maximum)
        return fail(NUMERIC_VALUE_OUT_OF_RANGE,
            "setval: value %lld is out of bounds for sequence \"%s\" (%lld..%lld)",
            (long long)value, entry->name, (long long)state.minimum, (long long)state.maximum);
    TRY(table_sequence_set(view->catalog->tables, view->txn, sequence, value, is_called));
    return is_called ? remember_value(view, sequence, value) : OK;
}

ROW_FUNCTION(setval) {
    TRY(set_sequence(view, arguments[0].datum.oid, arguments[1].datum.int8, true));
    *result_out = arguments[1];
    return OK;
}

ROW_FUNCTION(setval_called) {
    TRY(set_sequence(
        view, arguments[0].datum.oid, arguments[1].datum.int8, arguments[2].datum.boolean));
    *result_out = arguments[1];
    return OK;
}

ROW_FUNCTION(sequence_last_value) {
    Entry *entry;
    TRY(find_sequence(view, arguments[0].datum.oid, &entry));
    SequenceState state;
    TRY(table_sequence_get(view->catalog->tables, entry->oid, &state));
    if (state.is_called) *result_out = cell_int8(state.last_value);
    return OK;
}

ROW_FUNCTION(serial_sequence) {
    const char *text = text_argument(call, &arguments[0]);
    const char *column_name = text_argument(call, &arguments[1]);
    ObjectNames names = catalog_object_names(view);
    Oid table;
    TRY(names.find(names.catalog, TYPE_REGCLASS, text, strlen(text), &table));
    Entry *entry = view_find(view, ENTRY_RELATION, table);
    const ColumnInfo *column =
        entry == NULL ? NULL : table_info_find_column(&entry->table, column_name);
    if (column == NULL)
        return fail(UNDEFINED_COLUMN, "column \"%s\" of relation \"%s\" does not exist",
            column_name, entry == NULL ? text : entry->name);
    Entry *sequence =
        column->sequence == 0 ? NULL : view_find(view, ENTRY_RELATION, column->sequence);
    if (sequence == NULL) return OK;
    Text out;
    text_init(&out, call->arena);
    name_append_quoted(&out, sequence->table.schema_name);
    text_append_char(&out, '.');
    name_append_quoted(&out, sequence->name);
    *result_out = text_built(&out);
    return OK;
}

// ---- Descriptions -------------------------------------------------------------------------------

static Status find_description(
    Call *call, CatalogView *view, Oid object, Oid class_oid, int32_t column, Value *result_out) {
    Value key[3] = {cell_oid(object), cell_oid(class_oid), cell_int4(column)};
    uint32_t key_count = class_oid == 0 ? 1 : 3;
    SystemCursor cursor = {0};
    Status status =
        system_cursor_open(view, OID_OF_PG_DESCRIPTION, 0, key, key_count, call->arena, &cursor);
    Value row[PG_DESCRIPTION_COLUMN_COUNT];
    bool is_found = false;
    if (status == OK) status = system_cursor_next(&cursor, row, NULL, &is_found);
    if (status == OK && is_found)
        *result_out = cell_text(cell_get_text(&row[PG_DESCRIPTION_DESCRIPTION], call->arena));
    system_cursor_close(&cursor);
    return status;
}

ROW_FUNCTION(object_description) {
    const char *class_name = text_argument(call, &arguments[1]);
    const TableInfo *class_table = catalog_find_table(view, "pg_catalog", class_name);
    if (class_table == NULL) return OK;
    return find_description(call, view, arguments[0].datum.oid, class_table->oid, 0, result_out);
}

ROW_FUNCTION(object_description_any) {
    return find_description(call, view, arguments[0].datum.oid, 0, 0, result_out);
}

ROW_FUNCTION(column_description) {
    return find_description(
        call, view, arguments[0].datum.oid, OID_OF_PG_CLASS, arguments[1].datum.int4, result_out);
}

// ---- Definitions --------------------------------------------------------------------------------

static Entry *index_table_of(CatalogView *view, Oid index, const IndexInfo **info_out) {
    Entry *entry = view_find(view, ENTRY_RELATION, index);
    Entry *table = entry == NULL || entry->index_table == 0
                       ? NULL
                       : view_find(view, ENTRY_RELATION, entry->index_table);
    for (uint32_t i = 0; table != NULL && i < table->table.index_count; i++) {
        if (table->table.indexes[i].oid != index) continue;
        *info_out = &table->table.indexes[i];
        return table;
    }
    return NULL;
}

static void append_index_column(
    const TableInfo *table, const IndexInfo *index, uint32_t i, bool with_order, Text *out) {
    name_append_quoted(out, table->columns[index->columns[i] - 1].name);
    if (!with_order) return;
    const KeyColumn *key = &index->keys[i];
    if (key->is_descending) {
        text_append_text(out, " DESC");
        if (!key->nulls_first) text_append_text(out, " NULLS LAST");
    } else if (key->nulls_first) {
        text_append_text(out, " NULLS FIRST");
    }
}

// Fields of a shipped row, in place; `count` of them.
static void split_row(const char *row, const char **fields, uint32_t count) {
    fields[0] = row;
    for (uint32_t i = 1; i < count; i++) {
        const char *tab = strchr(fields[i - 1], '\t');
        fields[i] = tab == NULL ? "" : tab + 1;
    }
}

static const char *shipped_row(Oid relation, Oid oid) {
    const SystemRelation *system = system_relation_find(relation);
    for (uint32_t i = 0; i < system->row_count; i++)
        if ((Oid)strtoul(system->rows[i], NULL, 10) == oid) return system->rows[i];
    return NULL;
}

// An index of a system relation: its definition is in the shipped rows alone. `column` 0 is all.
static bool system_index_append(Oid index, uint32_t column, Text *out) {
    const char *row = shipped_row(OID_OF_PG_INDEX, index);
    const char *class_row = shipped_row(OID_OF_PG_CLASS, index);
    if (row == NULL || class_row == NULL) return false;
    const char *fields[PG_INDEX_COLUMN_COUNT], *names[PG_CLASS_RELNAMESPACE + 1];
    split_row(row, fields, PG_INDEX_COLUMN_COUNT);
    split_row(class_row, names, PG_CLASS_RELNAMESPACE + 1);
    const SystemRelation *table =
        system_relation_find((Oid)strtoul(fields[PG_INDEX_INDRELID], NULL, 10));
    if (table == NULL) return false;
    if (column == 0) {
        const char *name = names[PG_CLASS_RELNAME];
        text_append_text(
            out, *fields[PG_INDEX_INDISUNIQUE] == 't' ? "CREATE UNIQUE INDEX " : "CREATE INDEX ");
        text_append(out, name, strcspn(name, "\t"));
        text_append_format(out, " ON pg_catalog.%s USING btree (", table->name);
    }
    uint32_t number = 0;
    for (const char *at = fields[PG_INDEX_INDKEY]; *at != 0 && *at != '\t';) {
        char *end;
        unsigned long attribute = strtoul(at, &end, 10);
        if (end == at) break;
        number++;
        if (attribute >= 1 && attribute <= table->column_count
            && (column == 0 || column == number)) {
            if (column == 0 && number > 1) text_append_text(out, ", ");
            name_append_quoted(out, table->columns[attribute - 1].name);
        }
        at = end + (*end == ' ');
    }
    if (column == 0) text_append_char(out, ')');
    return true;
}

bool index_definition_append(CatalogView *view, Oid index_oid, bool qualified, Text *out) {
    const IndexInfo *index;
    Entry *table = index_table_of(view, index_oid, &index);
    if (table == NULL) return system_index_append(index_oid, 0, out);
    text_append_text(out, index->is_unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ");
    name_append_quoted(out, index->name);
    text_append_text(out, " ON ");
    if (qualified || !relation_is_visible(view, table)) {
        name_append_quoted(out, table->table.schema_name);
        text_append_char(out, '.');
    }
    name_append_quoted(out, table->name);
    text_append_text(out, " USING btree (");
    for (uint32_t i = 0; i < index->column_count; i++) {
        if (i > 0) text_append_text(out, ", ");
        append_index_column(&table->table, index, i, true, out);
    }
    text_append_char(out, ')');
    if (index->nulls_not_distinct) text_append_text(out, " NULLS NOT DISTINCT");
    return true;
}

ROW_FUNCTION(index_definition) {
    Text text;
    text_init(&text, call->arena);
    if (index_definition_append(view, arguments[0].datum.oid, true, &text))
        *result_out = text_built(&text);
    return OK;
}

ROW_FUNCTION(index_definition_column) {
    Text text;
    text_init(&text, call->arena);
    int32_t number = arguments[1].datum.int4;
    bool is_pretty = arguments[2].datum.boolean;
    if (number == 0) {
        if (index_definition_append(view, arguments[0].datum.oid, !is_pretty, &text))
            *result_out = text_built(&text);
        return OK;
    }
    const IndexInfo *index;
    Entry *table = index_table_of(view, arguments[0].datum.oid, &index);
    if (table == NULL) {
        if (system_index_append(arguments[0].datum.oid, (uint32_t)number, &text))
            *result_out = text_built(&text);
        return OK;
    }
    if (number >= 1 && (uint32_t)number <= index->column_count)
        append_index_column(&table->table, index, (uint32_t)number - 1, false, &text);
    *result_out = text_built(&text);
    return OK;
}

typedef struct ConstraintSearch {
    Oid constraint;
    Entry *table;
    const IndexInfo *index;
    const CheckInfo *check;
} ConstraintSearch;

static void search_constraint(void *argument, Entry *entry) {
    ConstraintSearch *search = argument;
    for (uint32_t i = 0; i < entry->table.index_count; i++) {
        if (entry->table.indexes[i].constraint != search->constraint) continue;
        search->table = entry;
        search->index = &entry->table.indexes[i];
    }
    for (uint32_t i = 0; i < entry->table.check_count; i++) {
        if (entry->table.checks[i].oid != search->constraint) continue;
        search->table = entry;
        search->check = &entry->table.checks[i];
    }
}

// "PRIMARY KEY (a)", "CHECK ((a > 0))"; `is_found_out` false when there is no such constraint.
static Status constraint_definition_append(
    CatalogView *view, Oid constraint, bool pretty, Text *out, bool *is_found_out) {
    ConstraintSearch search = {.constraint = constraint};
    if (constraint != 0) view_each(view, ENTRY_RELATION, search_constraint, &search);
    *is_found_out = search.table != NULL;
    if (search.table == NULL) {
        const char *row = shipped_row(OID_OF_PG_CONSTRAINT, constraint);
        if (row == NULL) return OK;
        const char *fields[PG_CONSTRAINT_CONINDID + 1];
        split_row(row, fields, PG_CONSTRAINT_CONINDID + 1);
        Text columns;
        text_init(&columns, out->arena);
        Oid index = (Oid)strtoul(fields[PG_CONSTRAINT_CONINDID], NULL, 10);
        if (!system_index_append(index, 0, &columns)) return OK;
        *is_found_out = true;
        text_append_text(out, *fields[PG_CONSTRAINT_CONTYPE] == 'p' ? "PRIMARY KEY " : "UNIQUE ");
        text_append_text(out, strchr(columns.data, '('));
        return OK;
    }
    const TableInfo *table = &search.table->table;
    if (search.index != NULL) {
        text_append_text(out, search.index->is_primary ? "PRIMARY KEY (" : "UNIQUE ");
        if (!search.index->is_primary) {
            if (search.index->nulls_not_distinct) text_append_text(out, "NULLS NOT DISTINCT ");
            text_append_char(out, '(');
        }
        for (uint32_t i = 0; i < search.index->column_count; i++) {
            if (i > 0) text_append_text(out, ", ");
            append_index_column(table, search.index, i, false, out);
        }
        text_append_char(out, ')');
        return OK;
    }
    if (view->hooks.deparse == NULL)
        return fail(FEATURE_NOT_SUPPORTED, "expressions cannot be shown here");
    text_append_text(out, "CHECK (");
    TRY(view->hooks.deparse(
        view->hooks.argument, search.check->expression_text, table, pretty, out));
    text_append_char(out, ')');
    return OK;
}

static Status constraint_definition(
    Call *call, CatalogView *view, Oid constraint, bool pretty, Value *result_out) {
    Text text;
    text_init(&text, call->arena);
    bool is_found;
    TRY(constraint_definition_append(view, constraint, pretty, &text, &is_found));
    if (is_found) *result_out = text_built(&text);
    return OK;
}

ROW_FUNCTION(constraint_definition) {
    return constraint_definition(call, view, arguments[0].datum.oid, false, result_out);
}

ROW_FUNCTION(constraint_definition_pretty) {
    return constraint_definition(
        call, view, arguments[0].datum.oid, arguments[1].datum.boolean, result_out);
}

static Status expression_text(
    Call *call, CatalogView *view, const Value *arguments, bool is_pretty, Value *result_out) {
    Entry *entry = view_find(view, ENTRY_RELATION, arguments[1].datum.oid);
    if (entry == NULL || view->hooks.deparse == NULL) return OK;
    Text text;
    text_init(&text, call->arena);
    TRY(view->hooks.deparse(
        view->hooks.argument, text_argument(call, &arguments[0]), &entry->table, is_pretty, &text));
    *result_out = text_built(&text);
    return OK;
}

ROW_FUNCTION(expression_text) {
    return expression_text(call, view, arguments, false, result_out);
}

ROW_FUNCTION(expression_text_pretty) {
    return expression_text(call, view, arguments, arguments[2].datum.boolean, result_out);
}

// Definitions of what no database has yet: views, triggers, rules, partitions, statistics.
ROW_FUNCTION(none) {
    return OK;
}

ROW_FUNCTION(function_result) {
    const FunctionInfo *function = function_find(arguments[0].datum.oid);
    if (function == NULL || function->kind == 'p') return OK;
    Text text;
    text_init(&text, call->arena);
    if (function->returns_set) text_append_text(&text, "SETOF ");
    view_format_type(view, sql_type(function->result), &text);
    *result_out = text_built(&text);
    return OK;
}

ROW_FUNCTION(function_arguments) {
    const FunctionInfo *function = function_find(arguments[0].datum.oid);
    if (function == NULL) return OK;
    Text text;
    text_init(&text, call->arena);
    Value names_value = cell_literal(TYPE_TEXT_ARRAY, function->names, call->arena);
    Array names = {0};
    if (!names_value.is_null) names = array_open(&names_value.datum.view);
    for (uint32_t i = 0; i < function->argument_count; i++) {
        if (i > 0) text_append_text(&text, ", ");
        if (function->variadic != 0 && i + 1 == function->argument_count)
            text_append_text(&text, "VARIADIC ");
        if (i < names.count) {
            Value name = array_get(&names, i);
            const char *name_text = cell_get_text(&name, call->arena);
            if (name_text != NULL && *name_text != 0) {
                name_append_quoted(&text, name_text);
                text_append_char(&text, ' ');
            }
        }
        view_format_type(view, sql_type(function->arguments[i]), &text);
    }
    *result_out = text_built(&text);
    return OK;
}

ROW_FUNCTION(is_publishable) {
    Entry *entry = view_find(view, ENTRY_RELATION, arguments[0].datum.oid);
    if (entry == NULL) return OK;
    *result_out = cell_bool(!entry->is_builtin && entry->table.kind == RELATION_TABLE);
    return OK;
}

ROW_FUNCTION(relation_filenode) {
    Entry *entry = view_find(view, ENTRY_RELATION, arguments[0].datum.oid);
    if (entry != NULL && entry->table.store.value != 0)
        *result_out = cell_oid(entry->table.store.value);
    return OK;
}

ROW_FUNCTION(zero_oid) {
    *result_out = cell_oid(0);
    return OK;
}

ROW_FUNCTION(no) {
    *result_out = cell_bool(false);
    return OK;
}

ROW_FUNCTION(empty_text) {
    *result_out = cell_text("");
    return OK;
}

// ---- Sizes --------------------------------------------------------------------------------------

typedef struct RelationSizes {
    uint64_t own, indexes; // own: of an index its entries, of what has no store nothing
} RelationSizes;

static RelationSizes relation_sizes(CatalogView *view, const Entry *entry) {
    RelationSizes sizes = {0};
    const Entry *holder = entry;
    if (entry->table.kind == RELATION_INDEX) {
        holder = view_find(view, ENTRY_RELATION, entry->index_table);
    }
    if (holder == NULL || holder->table.store.value == 0) return sizes;
    Table *table = table_find(view->catalog->tables, holder->table.store);
    if (table == NULL) return sizes;
    if (holder == entry) sizes.own = table_row_bytes(table);
    for (uint32_t i = 0; i < holder->table.index_count; i++) {
        const IndexInfo *index = &holder->table.indexes[i];
        uint64_t bytes = table_index_bytes(table, index->index_number);
        if (holder == entry) sizes.indexes += bytes;
        if (index->oid == entry->oid) sizes.own = bytes;
    }
    return sizes;
}

// The files that a relation has in PostgreSQL beside its main one are not there, which is a size
// of 0.
static Status check_fork(const char *name, bool *is_main_out) {
    *is_main_out = strcmp(name, "main") == 0;
    if (*is_main_out || strcmp(name, "fsm") == 0 || strcmp(name, "vm") == 0
        || strcmp(name, "init") == 0) {
        return OK;
    }
    Status status = fail(INVALID_PARAMETER_VALUE, "invalid fork name");
    error_add_hint("Valid fork names are \"main\", \"fsm\", \"vm\", and \"init\".");
    return status;
}

ROW_FUNCTION(relation_size) {
    const Entry *entry = view_find(view, ENTRY_RELATION, arguments[0].datum.oid);
    if (entry == NULL) return OK;
    bool is_main = true;
    if (call->argument_count > 1) TRY(check_fork(text_argument(call, &arguments[1]), &is_main));
    *result_out = cell_int8(is_main ? (int64_t)relation_sizes(view, entry).own : 0);
    return OK;
}

ROW_FUNCTION(indexes_size) {
    const Entry *entry = view_find(view, ENTRY_RELATION, arguments[0].datum.oid);
    if (entry == NULL) return OK;
    *result_out = cell_int8((int64_t)relation_sizes(view, entry).indexes);
    return OK;
}

ROW_FUNCTION(total_relation_size) {
    const Entry *entry = view_find(view, ENTRY_RELATION, arguments[0].datum.oid);
    if (entry == NULL) return OK;
    RelationSizes sizes = relation_sizes(view, entry);
    *result_out = cell_int8((int64_t)(sizes.own + sizes.indexes));
    return OK;
}

static Value database_bytes(CatalogView *view) {
    return cell_int8((int64_t)table_set_file_bytes(view->catalog->tables));
}

ROW_FUNCTION(database_size_named) {
    const char *name = text_argument(call, &arguments[0]);
    if (strcmp(name, view->database_name) != 0) {
        return fail(INVALID_CATALOG_NAME, "database \"%s\" does not exist", name);
    }
    *result_out = database_bytes(view);
    return OK;
}

ROW_FUNCTION(database_size) {
    if (arguments[0].datum.oid == DATABASE_OID) *result_out = database_bytes(view);
    return OK;
}

// Every file is in the default tablespace; the global one has none.
static Value tablespace_bytes(CatalogView *view, Oid tablespace) {
    if (tablespace == TABLESPACE_DEFAULT) return database_bytes(view);
    return tablespace == TABLESPACE_GLOBAL ? cell_int8(0) : value_null();
}

ROW_FUNCTION(tablespace_size) {
    *result_out = tablespace_bytes(view, arguments[0].datum.oid);
    return OK;
}

ROW_FUNCTION(tablespace_size_named) {
    const char *name = text_argument(call, &arguments[0]);
    bool is_default = strcmp(name, "pg_default") == 0;
    if (!is_default && strcmp(name, "pg_global") != 0) {
        return fail(UNDEFINED_OBJECT, "tablespace \"%s\" does not exist", name);
    }
    *result_out = tablespace_bytes(view, is_default ? TABLESPACE_DEFAULT : TABLESPACE_GLOBAL);
    return OK;
}

// ---- Privileges ---------------------------------------------------------------------------------
// There is one role, which owns everything, so that a privilege is held where there is an object.
// The object is the argument before the privilege; for columns, the one before the column.

static Status table_exists(
    Call *call, CatalogView *view, const Value *argument, Oid type, bool *exists_out) {
    if (type == TYPE_TEXT || type == TYPE_NAME) {
        const char *text = text_argument(call, argument);
        ObjectNames names = catalog_object_names(view);
        Oid oid;
        TRY(names.find(names.catalog, TYPE_REGCLASS, text, strlen(text), &oid));
        *exists_out = true;
        return OK;
    }
    *exists_out = view_find(view, ENTRY_RELATION, argument->datum.oid) != NULL;
    return OK;
}

ROW_FUNCTION(has_table_privilege) {
    uint32_t object = call->argument_count - 2;
    bool exists;
    TRY(table_exists(call, view, &arguments[object], call->function->arguments[object], &exists));
    if (exists) *result_out = cell_bool(true);
    return OK;
}

ROW_FUNCTION(has_column_privilege) {
    uint32_t object = call->argument_count - 3;
    bool exists;
    TRY(table_exists(call, view, &arguments[object], call->function->arguments[object], &exists));
    if (exists) *result_out = cell_bool(true);
    return OK;
}

ROW_FUNCTION(has_schema_privilege) {
    uint32_t object = call->argument_count - 2;
    Oid type = call->function->arguments[object], schema;
    if (type != TYPE_TEXT) {
        if (view_find(view, ENTRY_SCHEMA, arguments[object].datum.oid) != NULL)
            *result_out = cell_bool(true);
        return OK;
    }
    const char *name = text_argument(call, &arguments[object]);
    if (!catalog_find_schema(view, name, &schema))
        return fail(INVALID_SCHEMA_NAME, "schema \"%s\" does not exist", name);
    *result_out = cell_bool(true);
    return OK;
}

ROW_FUNCTION(has_privilege) {
    *result_out = cell_bool(true);
    return OK;
}

// ---- Sets ---------------------------------------------------------------------------------------

static Status no_rows([[maybe_unused]] SetGenerator *generator, Batch *batch_out) {
    batch_clear(batch_out);
    return OK;
}

// No table is a partition of another, and then there is nothing to list.
static Status set_partition_ancestors([[maybe_unused]] FunctionContext *context,
    [[maybe_unused]] const FunctionInfo *function, [[maybe_unused]] const Value *arguments,
    [[maybe_unused]] uint32_t argument_count, Arena *arena, SetGenerator **generator_out) {
    SetGenerator *generator = arena_new(arena, SetGenerator);
    generator->next = no_rows;
    *generator_out = generator;
    return OK;
}

// The elements of a list with their numbers, as columns or as records.
typedef struct ExpandedArray {
    SetGenerator base;
    View view;
    Array array;
    uint32_t next;
    Arena *arena;
} ExpandedArray;

static Status expanded_array_next(SetGenerator *generator, Batch *batch) {
    ExpandedArray *self = (ExpandedArray *)generator;
    uint32_t count = 0;
    bool is_list = self->array.dimension_count == 1;
    for (; is_list && count < BATCH_ROW_COUNT && self->next < self->array.count; count++) {
        Value fields[2] = {array_get(&self->array, self->next), value_null()};
        fields[1] = (Value){.datum.int4 = (int32_t)++self->next};
        if (batch->column_count == 1) {
            const Oid types[2] = {self->array.element, TYPE_INT4};
            Value record = {0};
            record.datum.view = record_make(types, fields, 2, self->arena);
            column_set(&batch->columns[0], self->arena, count, &record);
            continue;
        }
        column_set(&batch->columns[0], self->arena, count, &fields[0]);
        column_set(&batch->columns[1], self->arena, count, &fields[1]);
    }
    batch->row_count = count;
    batch->selected_count = count;
    return OK;
}

static Status set_expand_array([[maybe_unused]] FunctionContext *context,
    [[maybe_unused]] const FunctionInfo *function, const Value *arguments,
    [[maybe_unused]] uint32_t argument_count, Arena *arena, SetGenerator **generator_out) {
    ExpandedArray *self = arena_new(arena, ExpandedArray);
    self->base.next = expanded_array_next;
    self->view = view_copy(arguments[0].datum.view, arena);
    self->array = array_open(&self->view);
    self->arena = arena;
    *generator_out = &self->base;
    return OK;
}

#define ONE(oid, run)                                                                              \
    { .function = (oid), .kernel = run }
#define SIX(first, run)                                                                            \
    ONE(first, run), ONE((first) + 1, run), ONE((first) + 2, run), ONE((first) + 3, run),          \
        ONE((first) + 4, run), ONE((first) + 5, run)

// OIDs are PostgreSQL's.
const FunctionEntry functions_of_catalog[] = {
    {.function = 1081, .kernel = kernel_format_type},
    {.function = 1642, .kernel = kernel_user_by_id},
    {.function = 2079, .kernel = kernel_table_is_visible},
    {.function = 2080, .kernel = kernel_type_is_visible},
    {.function = 2081, .kernel = kernel_is_visible},
    {.function = 2082, .kernel = kernel_is_visible},
    {.function = 2083, .kernel = kernel_is_visible},
    {.function = 2093, .kernel = kernel_is_visible},
    {.function = 3403, .kernel = kernel_is_visible},
    {.function = 3756, .kernel = kernel_is_visible},
    {.function = 3757, .kernel = kernel_is_visible},
    {.function = 3758, .kernel = kernel_is_visible},
    {.function = 3768, .kernel = kernel_is_visible},
    {.function = 3815, .kernel = kernel_is_visible},
    {.function = 3829, .kernel = kernel_is_visible},
    {.function = 3495, .kernel = kernel_to_regclass},
    {.function = 3493, .kernel = kernel_to_regtype},
    {.function = 4086, .kernel = kernel_to_regnamespace},
    {.function = 3494, .kernel = kernel_to_regproc},
    {.function = 3479, .kernel = kernel_to_regprocedure},
    {.function = 3492, .kernel = kernel_to_regoper},
    {.function = 4093, .kernel = kernel_to_regrole},
    {.function = 4195, .kernel = kernel_to_regcollation},
    {.function = 3476, .kernel = kernel_to_regoperator},
    {.function = 1079, .kernel = kernel_text_regclass},
    {.function = 861, .kernel = kernel_current_database},
    {.function = 1402, .kernel = kernel_current_schema},
    {.function = 1403, .kernel = kernel_current_schemas},
    {.function = 1597, .kernel = kernel_encoding_to_char},
    {.function = 1264, .kernel = kernel_char_to_encoding},
    {.function = 1574, .kernel = kernel_nextval},
    {.function = 1575, .kernel = kernel_currval},
    {.function = 2559, .kernel = kernel_lastval},
    {.function = 1576, .kernel = kernel_setval},
    {.function = 1765, .kernel = kernel_setval_called},
    {.function = 4032, .kernel = kernel_sequence_last_value},
    {.function = 1665, .kernel = kernel_serial_sequence},
    {.function = 1215, .kernel = kernel_object_description},
    {.function = 1348, .kernel = kernel_object_description_any},
    {.function = 1993, .kernel = kernel_object_description},
    {.function = 1216, .kernel = kernel_column_description},
    {.function = 1643, .kernel = kernel_index_definition},
    {.function = 2507, .kernel = kernel_index_definition_column},
    {.function = 1387, .kernel = kernel_constraint_definition},
    {.function = 2508, .kernel = kernel_constraint_definition_pretty},
    {.function = 1716, .kernel = kernel_expression_text},
    {.function = 2509, .kernel = kernel_expression_text_pretty},
    {.function = 3352, .kernel = kernel_none},
    {.function = 3408, .kernel = kernel_none},
    {.function = 1641, .kernel = kernel_none},
    {.function = 2505, .kernel = kernel_none},
    {.function = 2506, .kernel = kernel_none},
    {.function = 3159, .kernel = kernel_none},
    {.function = 6174, .kernel = kernel_none},
    {.function = 1662, .kernel = kernel_none},
    {.function = 2730, .kernel = kernel_none},
    {.function = 1573, .kernel = kernel_none},
    {.function = 2504, .kernel = kernel_none},
    {.function = 2165, .kernel = kernel_function_result},
    {.function = 2162, .kernel = kernel_function_arguments},
    {.function = 2232, .kernel = kernel_function_arguments},
    {.function = 2325, .kernel = kernel_relation_size},
    {.function = 2332, .kernel = kernel_relation_size},
    {.function = 2997, .kernel = kernel_relation_size},
    {.function = 2998, .kernel = kernel_indexes_size},
    {.function = 2286, .kernel = kernel_total_relation_size},
    {.function = 2168, .kernel = kernel_database_size_named},
    {.function = 2324, .kernel = kernel_database_size},
    {.function = 2322, .kernel = kernel_tablespace_size},
    {.function = 2323, .kernel = kernel_tablespace_size_named},
    {.function = 6121, .kernel = kernel_is_publishable},
    {.function = 2999, .kernel = kernel_relation_filenode},
    {.function = 2854, .kernel = kernel_zero_oid},
    {.function = 2855, .kernel = kernel_no},
    {.function = 3298, .kernel = kernel_no},
    {.function = 3778, .kernel = kernel_empty_text},
    SIX(1922, kernel_has_table_privilege),
    SIX(2181, kernel_has_table_privilege),
    SIX(3024, kernel_has_table_privilege),
    SIX(3012, kernel_has_column_privilege),
    SIX(3018, kernel_has_column_privilege),
    SIX(2268, kernel_has_schema_privilege),
    SIX(2250, kernel_has_privilege),
    SIX(2256, kernel_has_privilege),
    SIX(2262, kernel_has_privilege),
    SIX(2390, kernel_has_privilege),
    SIX(3138, kernel_has_privilege),
    SIX(2705, kernel_has_privilege),
    {.function = 3425, .set = set_partition_ancestors},
    {.function = 13208, .set = set_expand_array},
    {0},
};
