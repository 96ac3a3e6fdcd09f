// Finding objects by name: the search path, and the reg* types' texts.
#include "catalog/catalog_internal.h"

#include <ctype.h>
#include <stdlib.h>

const ColumnInfo *table_info_find_column(const TableInfo *table, const char *name) {
    for (uint32_t i = 0; i < table->column_count; i++)
        if (!table->columns[i].is_dropped && strcmp(table->columns[i].name, name) == 0)
            return &table->columns[i];
    return NULL;
}

static Oid path_schema_oid(CatalogView *view, const char *name) {
    if (strcmp(name, "$user") == 0) name = view->user_name;
    Entry *entry = view_find_name(view, ENTRY_SCHEMA, 0, name);
    return entry == NULL ? 0 : entry->oid;
}

uint32_t view_path_schemas(CatalogView *view, Oid *schemas, uint32_t schema_max, bool implicit) {
    uint32_t count = 0;
    bool names_system = false;
    for (uint32_t i = 0; i < view->search_path_count; i++)
        names_system = names_system || strcmp(view->search_path[i], "pg_catalog") == 0;
    if (!names_system && implicit && count < schema_max) schemas[count++] = NAMESPACE_PG_CATALOG;
    for (uint32_t i = 0; i < view->search_path_count && count < schema_max; i++) {
        Oid schema = path_schema_oid(view, view->search_path[i]);
        bool is_new = schema != 0;
        for (uint32_t j = 0; j < count; j++)
            is_new = is_new && schemas[j] != schema;
        if (is_new) schemas[count++] = schema;
    }
    return count;
}

enum { PATH_MAX_SCHEMAS = 64 };

static Entry *find_relation(CatalogView *view, const char *schema, const char *name) {
    if (schema != NULL) {
        Entry *entry = view_find_name(view, ENTRY_SCHEMA, 0, schema);
        return entry == NULL ? NULL : view_find_name(view, ENTRY_RELATION, entry->oid, name);
    }
    Oid schemas[PATH_MAX_SCHEMAS];
    uint32_t count = view_path_schemas(view, schemas, PATH_MAX_SCHEMAS, true);
    for (uint32_t i = 0; i < count; i++) {
        Entry *entry = view_find_name(view, ENTRY_RELATION, schemas[i], name);
        if (entry != NULL) return entry;
    }
    return NULL;
}

const TableInfo *catalog_find_table(CatalogView *view, const char *schema, const char *name) {
    Entry *entry = find_relation(view, schema, name);
    return entry == NULL ? NULL : &entry->table;
}

const TableInfo *catalog_find_table_by_oid(CatalogView *view, Oid table) {
    Entry *entry = view_find(view, ENTRY_RELATION, table);
    return entry == NULL ? NULL : &entry->table;
}

bool catalog_find_schema(CatalogView *view, const char *name, Oid *schema_out) {
    Entry *entry = view_find_name(view, ENTRY_SCHEMA, 0, name);
    if (entry == NULL) return false;
    *schema_out = entry->oid;
    return true;
}

bool relation_is_visible(CatalogView *view, const Entry *relation) {
    Entry *found = find_relation(view, NULL, relation->name);
    return found != NULL && found->oid == relation->oid;
}

// ---- Types --------------------------------------------------------------------------------------

typedef struct TypeSearch {
    Oid schema, oid; // by name in a schema, or by OID
    const char *name;
    const TypeInfo *found;
    Oid found_schema;
} TypeSearch;

static void search_type(void *argument, Entry *entry) {
    TypeSearch *search = argument;
    const TypeInfo *types[] = {&entry->row_type, &entry->array_type};
    for (int i = 0; i < 2; i++) {
        if (types[i]->oid == 0) continue;
        bool is_it = search->name == NULL ? types[i]->oid == search->oid
                                          : entry->schema == search->schema
                                                && strcmp(types[i]->name, search->name) == 0;
        if (!is_it) continue;
        search->found = types[i];
        search->found_schema = entry->schema;
    }
}

static const TypeInfo *find_type_in(CatalogView *view, Oid schema, const char *name) {
    if (schema == NAMESPACE_PG_CATALOG) {
        const TypeInfo *type = type_find_by_name(name);
        if (type != NULL) return type;
    }
    TypeSearch search = {.schema = schema, .name = name};
    view_each(view, ENTRY_RELATION, search_type, &search);
    return search.found;
}

const TypeInfo *catalog_find_type(CatalogView *view, const char *schema, const char *name) {
    if (schema != NULL) {
        Oid oid;
        return catalog_find_schema(view, schema, &oid) ? find_type_in(view, oid, name) : NULL;
    }
    Oid schemas[PATH_MAX_SCHEMAS];
    uint32_t count = view_path_schemas(view, schemas, PATH_MAX_SCHEMAS, true);
    for (uint32_t i = 0; i < count; i++) {
        const TypeInfo *type = find_type_in(view, schemas[i], name);
        if (type != NULL) return type;
    }
    return NULL;
}

const TypeInfo *view_find_type(CatalogView *view, Oid oid, Oid *schema_out) {
    const TypeInfo *type = type_find(oid);
    if (type != NULL) {
        *schema_out = NAMESPACE_PG_CATALOG;
        return type;
    }
    TypeSearch search = {.oid = oid};
    view_each(view, ENTRY_RELATION, search_type, &search);
    *schema_out = search.found_schema;
    return search.found;
}

void view_format_type(CatalogView *view, SqlType type, Text *out) {
    if (type_find(type.oid) != NULL) {
        type_format(type, out);
        return;
    }
    Oid schema;
    const TypeInfo *found = view_find_type(view, type.oid, &schema);
    if (found == NULL) {
        text_append_text(out, "???");
        return;
    }
    const TypeInfo *element =
        found->element == 0 ? found : view_find_type(view, found->element, &schema);
    if (element == NULL) element = found;
    const TypeInfo *seen = catalog_find_type(view, NULL, element->name);
    if (seen == NULL || seen->oid != element->oid) {
        name_append_quoted(out, schema_name_of(view, schema));
        text_append_char(out, '.');
    }
    name_append_quoted(out, element->name);
    if (element != found) text_append_text(out, "[]");
}

// ---- Quoting ------------------------------------------------------------------------------------

void name_append_quoted(Text *out, const char *name) {
    // Reserved words need quotes, too; those that PostgreSQL's quote_identifier knows as more than
    // unreserved.
    static const char *const reserved[] = {"all", "analyse", "analyze", "and", "any", "array", "as",
        "asc", "asymmetric", "authorization", "between", "bigint", "binary", "bit", "boolean",
        "both", "case", "cast", "char", "character", "check", "coalesce", "collate", "collation",
        "column", "concurrently", "constraint", "create", "cross", "current_catalog",
        "current_date", "current_role", "current_schema", "current_time", "current_timestamp",
        "current_user", "dec", "decimal", "default", "deferrable", "desc", "distinct", "do", "else",
        "end", "except", "exists", "extract", "false", "fetch", "float", "for", "foreign", "freeze",
        "from", "full", "grant", "greatest", "group", "grouping", "having", "ilike", "in",
        "initially", "inner", "inout", "int", "integer", "intersect", "interval", "into", "is",
        "isnull", "join", "lateral", "leading", "least", "left", "like", "limit", "localtime",
        "localtimestamp", "national", "natural", "nchar", "none", "normalize", "not", "notnull",
        "null", "nullif", "numeric", "offset", "on", "only", "or", "order", "out", "outer",
        "overlaps", "overlay", "placing", "position", "precision", "primary", "real", "references",
        "returning", "right", "row", "select", "session_user", "setof", "similar", "smallint",
        "some", "substring", "symmetric", "table", "tablesample", "then", "time", "timestamp", "to",
        "trailing", "treat", "trim", "true", "union", "unique", "user", "using", "values",
        "varchar", "variadic", "verbose", "when", "where", "window", "with", "xmlattributes",
        "xmlconcat", "xmlelement", "xmlexists", "xmlforest", "xmlnamespaces", "xmlparse", "xmlpi",
        "xmlroot", "xmlserialize", "xmltable"};
    bool is_plain = islower((unsigned char)*name) || *name == '_';
    for (const char *at = name; *at != 0 && is_plain; at++)
        is_plain = islower((unsigned char)*at) || isdigit((unsigned char)*at) || *at == '_';
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved && is_plain; i++)
        is_plain = strcmp(name, reserved[i]) != 0;
    if (is_plain) {
        text_append_text(out, name);
        return;
    }
    text_append_char(out, '"');
    for (const char *at = name; *at != 0; at++) {
        if (*at == '"') text_append_char(out, '"');
        text_append_char(out, *at);
    }
    text_append_char(out, '"');
}

// Splits "schema.name" with quotes as SQL reads them, folding what is not quoted. False when it is
// no such thing. `parts_out` has room for three; words of a type's name may have spaces between.
static bool split_name(
    const char *text, size_t count, Arena *arena, char **parts_out, uint32_t *part_count_out) {
    const char *at = text, *end = text + count;
    uint32_t part_count = 0;
    while (at < end && isspace((unsigned char)*at))
        at++;
    for (;;) {
        Text part;
        text_init(&part, arena);
        if (at < end && *at == '"') {
            at++;
            for (;;) {
                if (at == end) return false;
                if (*at == '"' && at + 1 < end && at[1] == '"')
                    at++;
                else if (*at == '"')
                    break;
                text_append_char(&part, *at++);
            }
            at++;
        } else {
            while (at < end && *at != '.' && *at != '"' && !isspace((unsigned char)*at))
                text_append_char(&part, (char)tolower((unsigned char)*at++));
        }
        if (part.count == 0 || part_count == 3) return false;
        parts_out[part_count++] = part.data;
        while (at < end && isspace((unsigned char)*at))
            at++;
        if (at == end) break;
        if (*at != '.') return false;
        at++;
    }
    *part_count_out = part_count;
    return true;
}

// ---- reg* ---------------------------------------------------------------------------------------

static Status find_class(
    CatalogView *view, uint32_t part_count, char **parts, const char *whole, Oid *oid_out) {
    const char *schema = part_count == 1 ? NULL : parts[part_count - 2];
    const char *name = parts[part_count - 1];
    Entry *entry = find_relation(view, schema, name);
    if (entry == NULL) {
        Oid unused;
        if (schema != NULL && !catalog_find_schema(view, schema, &unused))
            return fail(INVALID_SCHEMA_NAME, "schema \"%s\" does not exist", schema);
        return fail(UNDEFINED_TABLE, "relation \"%s\" does not exist", whole);
    }
    *oid_out = entry->oid;
    return OK;
}

// The name that SQL uses, "character varying" or "int", to the one in pg_type.
static const char *type_synonym(const char *words) {
    static const struct {
        const char *sql, *name;
    } synonyms[] = {{"bigint", "int8"}, {"bit varying", "varbit"}, {"boolean", "bool"},
        {"character", "bpchar"}, {"character varying", "varchar"}, {"dec", "numeric"},
        {"decimal", "numeric"}, {"double precision", "float8"}, {"int", "int4"},
        {"integer", "int4"}, {"float", "float8"}, {"real", "float4"}, {"smallint", "int2"},
        {"time without time zone", "time"}, {"time with time zone", "timetz"},
        {"timestamp without time zone", "timestamp"}, {"timestamp with time zone", "timestamptz"},
        {"char", "bpchar"}};

    for (size_t i = 0; i < sizeof synonyms / sizeof *synonyms; i++)
        if (strcmp(words, synonyms[i].sql) == 0) return synonyms[i].name;
    return NULL;
}

// A type's name with its modifier cut off and one space between words: for regtype's input.
static char *type_words(const char *text, size_t count, Arena *arena, bool *is_array_out) {
    Text words;
    text_init(&words, arena);
    uint32_t depth = 0;
    bool is_quoted = false;
    *is_array_out = false;
    for (size_t i = 0; i < count; i++) {
        char c = text[i];
        if (c == '"') is_quoted = !is_quoted;
        if (!is_quoted && c == '(') depth++;
        if (!is_quoted && c == '[') *is_array_out = true;
        bool is_skipped = !is_quoted && (depth > 0 || c == '[' || c == ']');
        if (!is_quoted && c == ')' && depth > 0) depth--;
        if (is_skipped) continue;
        if (!is_quoted && isspace((unsigned char)c)) {
            if (words.count > 0 && words.data[words.count - 1] != ' ')
                text_append_char(&words, ' ');
            continue;
        }
        text_append_char(&words, is_quoted ? c : (char)tolower((unsigned char)c));
    }
    while (words.count > 0 && words.data[words.count - 1] == ' ')
        words.data[--words.count] = 0;
    return words.count == 0 ? arena_copy_text(arena, "") : words.data;
}

static Status find_regtype(
    CatalogView *view, const char *text, size_t count, Arena *arena, Oid *oid_out) {
    bool is_array;
    char *words = type_words(text, count, arena, &is_array);
    char *parts[3];
    uint32_t part_count = 0;
    const TypeInfo *type = NULL;
    const char *synonym = type_synonym(words);
    if (synonym != NULL) {
        type = type_find_by_name(synonym);
    } else if (split_name(words, strlen(words), arena, parts, &part_count)) {
        const char *schema = part_count == 1 ? NULL : parts[part_count - 2];
        type = catalog_find_type(view, schema, parts[part_count - 1]);
    }
    if (type != NULL && is_array) {
        Oid schema;
        type = type->array == 0 ? NULL : view_find_type(view, type->array, &schema);
    }
    if (type == NULL)
        return fail(
            UNDEFINED_OBJECT, "type \"%s\" does not exist", arena_copy_text_n(arena, text, count));
    *oid_out = type->oid;
    return OK;
}

static Status find_by_shipped_name(const char *what, Oid relation, uint32_t name_column,
    const char *name, Arena *arena, Oid *oid_out) {
    const SystemRelation *system = system_relation_find(relation);
    for (uint32_t i = 0; i < system->row_count; i++) {
        char *row = arena_copy_text(arena, system->rows[i]);
        char *field = row;
        for (uint32_t column = 0; field != NULL && column < name_column; column++) {
            field = strchr(field, '\t');
            if (field != NULL) *field++ = 0;
        }
        if (field == NULL) continue;
        char *end = strchr(field, '\t');
        if (end != NULL) *end = 0;
        if (strcmp(field, name) != 0) continue;
        *oid_out = (Oid)strtoul(row, NULL, 10);
        return OK;
    }
    return fail(UNDEFINED_OBJECT, "%s \"%s\" does not exist", what, name);
}

static Status find_function(const char *name, const char *whole, Oid *oid_out) {
    size_t count = 0;
    const FunctionInfo *const *candidates = function_candidates(name, &count);
    if (count == 0) return fail(UNDEFINED_FUNCTION, "function \"%s\" does not exist", whole);
    if (count > 1) return fail(AMBIGUOUS_FUNCTION, "more than one function named \"%s\"", whole);
    *oid_out = candidates[0]->oid;
    return OK;
}

static Status find_operator(const char *text, Oid *oid_out) {
    const char *dot = strchr(text, '.');
    size_t count = 0;
    const OperatorInfo *const *candidates =
        operator_candidates(dot != NULL && dot[1] != 0 ? dot + 1 : text, &count);
    if (count == 0) return fail(UNDEFINED_FUNCTION, "operator does not exist: %s", text);
    if (count > 1) return fail(AMBIGUOUS_FUNCTION, "more than one operator named %s", text);
    *oid_out = candidates[0]->oid;
    return OK;
}

// "name(type, type)".
static Status find_procedure(CatalogView *view, const char *whole, Arena *arena, Oid *oid_out) {
    const char *open = strchr(whole, '(');
    size_t count = strlen(whole);
    if (open == NULL || whole[count - 1] != ')')
        return fail(INVALID_TEXT_REPRESENTATION, "expected a left parenthesis");
    char *parts[3];
    uint32_t part_count;
    if (!split_name(whole, (size_t)(open - whole), arena, parts, &part_count))
        return fail(INVALID_NAME, "invalid name syntax");

    enum { ARGUMENT_MAX = 100 };

    Oid arguments[ARGUMENT_MAX];
    uint32_t argument_count = 0;
    for (const char *at = open + 1; at < whole + count - 1 && argument_count < ARGUMENT_MAX;) {
        const char *end = at;
        while (end < whole + count - 1 && *end != ',')
            end++;
        TRY(find_regtype(view, at, (size_t)(end - at), arena, &arguments[argument_count++]));
        at = end + 1;
    }
    size_t candidate_count = 0;
    const FunctionInfo *const *candidates =
        function_candidates(parts[part_count - 1], &candidate_count);
    for (size_t i = 0; i < candidate_count; i++) {
        bool is_it = candidates[i]->argument_count == argument_count;
        for (uint32_t j = 0; j < argument_count && is_it; j++)
            is_it = candidates[i]->arguments[j] == arguments[j];
        if (!is_it) continue;
        *oid_out = candidates[i]->oid;
        return OK;
    }
    return fail(UNDEFINED_FUNCTION, "function \"%s\" does not exist", whole);
}

static Status names_find(void *catalog, Oid kind, const char *text, size_t count, Oid *oid_out) {
    CatalogView *view = catalog;
    Arena *arena = &view->scratch;
    ArenaMark mark = arena_mark(arena);
    char *parts[3] = {NULL};
    uint32_t part_count = 0;
    const char *whole = arena_copy_text_n(arena, text, count);
    Status status;
    if (kind == TYPE_REGTYPE) {
        status = find_regtype(view, text, count, arena, oid_out);
    } else if (kind == TYPE_REGOPER || kind == TYPE_REGOPERATOR) {
        status = find_operator(whole, oid_out);
    } else if (kind == TYPE_REGPROCEDURE) {
        status = find_procedure(view, whole, arena, oid_out);
    } else if (!split_name(text, count, arena, parts, &part_count)) {
        status = fail(INVALID_NAME, "invalid name syntax");
    } else if (kind == TYPE_REGCLASS) {
        status = find_class(view, part_count, parts, whole, oid_out);
    } else if (kind == TYPE_REGNAMESPACE) {
        status = catalog_find_schema(view, parts[0], oid_out)
                     ? OK
                     : fail(INVALID_SCHEMA_NAME, "schema \"%s\" does not exist", parts[0]);
    } else if (kind == TYPE_REGROLE) {
        if (strcmp(parts[0], view->user_name) == 0) {
            *oid_out = ROLE_BOOTSTRAP;
            status = OK;
        } else {
            status = find_by_shipped_name(
                "role", OID_OF_PG_AUTHID, PG_AUTHID_ROLNAME, parts[0], arena, oid_out);
        }
    } else if (kind == TYPE_REGPROC) {
        status = find_function(parts[part_count - 1], whole, oid_out);
    } else if (kind == TYPE_REGCOLLATION) {
        status = find_by_shipped_name("collation", OID_OF_PG_COLLATION, PG_COLLATION_COLLNAME,
            parts[part_count - 1], arena, oid_out);
    } else {
        status = fail(FEATURE_NOT_SUPPORTED, "names of type %u are not supported yet", kind);
    }
    arena_rewind(arena, mark);
    return status;
}

static void append_qualified(
    CatalogView *view, Oid schema, const char *name, bool is_visible, Text *out) {
    if (!is_visible) {
        name_append_quoted(out, schema_name_of(view, schema));
        text_append_char(out, '.');
    }
    name_append_quoted(out, name);
}

static bool format_function(CatalogView *view, Oid oid, bool with_arguments, Text *out) {
    const FunctionInfo *function = function_find(oid);
    if (function == NULL) return false;
    size_t count = 0;
    function_candidates(function->name, &count);
    // regproc qualifies what its own input would not find.
    bool is_visible = with_arguments || count == 1;
    append_qualified(view, NAMESPACE_PG_CATALOG, function->name, is_visible, out);
    if (!with_arguments) return true;
    text_append_char(out, '(');
    for (uint32_t i = 0; i < function->argument_count; i++) {
        if (i > 0) text_append_char(out, ',');
        view_format_type(view, sql_type(function->arguments[i]), out);
    }
    text_append_char(out, ')');
    return true;
}

static bool format_operator(CatalogView *view, Oid oid, bool with_arguments, Text *out) {
    const OperatorInfo *operator= operator_find(oid);
    if (operator== NULL) return false;
    size_t count = 0;
    operator_candidates(operator->name, &count);
    if (!with_arguments && count > 1) text_append_text(out, "pg_catalog.");
    text_append_text(out, operator->name);
    if (!with_arguments) return true;
    text_append_char(out, '(');
    if (operator->left == 0)
        text_append_text(out, "NONE");
    else
        view_format_type(view, sql_type(operator->left), out);
    text_append_char(out, ',');
    view_format_type(view, sql_type(operator->right), out);
    text_append_char(out, ')');
    return true;
}

static bool format_shipped(Oid relation, uint32_t name_column, Oid oid, Text *out) {
    const SystemRelation *system = system_relation_find(relation);
    for (uint32_t i = 0; i < system->row_count; i++) {
        if ((Oid)strtoul(system->rows[i], NULL, 10) != oid) continue;
        const char *field = system->rows[i];
        for (uint32_t column = 0; field != NULL && column < name_column; column++) {
            field = strchr(field, '\t');
            if (field != NULL) field++;
        }
        if (field == NULL) return false;
        char name[128];
        size_t count = strcspn(field, "\t");
        if (count >= sizeof name) return false;
        memcpy(name, field, count);
        name[count] = 0;
        name_append_quoted(out, name);
        return true;
    }
    return false;
}

static bool names_format(void *catalog, Oid kind, Oid oid, Text *out) {
    CatalogView *view = catalog;
    Entry *entry;
    switch (kind) {
    case TYPE_REGCLASS:
        entry = view_find(view, ENTRY_RELATION, oid);
        if (entry == NULL) return format_shipped(OID_OF_PG_CLASS, PG_CLASS_RELNAME, oid, out);
        append_qualified(view, entry->schema, entry->name, relation_is_visible(view, entry), out);
        return true;
    case TYPE_REGNAMESPACE:
        entry = view_find(view, ENTRY_SCHEMA, oid);
        if (entry == NULL) return false;
        name_append_quoted(out, entry->name);
        return true;
    case TYPE_REGTYPE: {
        Oid schema;
        if (view_find_type(view, oid, &schema) == NULL) return false;
        view_format_type(view, sql_type(oid), out);
        return true;
    }
    case TYPE_REGROLE:
        if (oid != ROLE_BOOTSTRAP)
            return format_shipped(OID_OF_PG_AUTHID, PG_AUTHID_ROLNAME, oid, out);
        name_append_quoted(out, view->user_name);
        return true;
    case TYPE_REGPROC:
        return format_function(view, oid, false, out);
    case TYPE_REGPROCEDURE:
        return format_function(view, oid, true, out);
    case TYPE_REGOPER:
        return format_operator(view, oid, false, out);
    case TYPE_REGOPERATOR:
        return format_operator(view, oid, true, out);
    case TYPE_REGCOLLATION:
        return format_shipped(OID_OF_PG_COLLATION, PG_COLLATION_COLLNAME, oid, out);
    default:
        return false;
    }
}

ObjectNames catalog_object_names(CatalogView *view) {
    return (ObjectNames){.catalog = view, .find = names_find, .format = names_format};
}
