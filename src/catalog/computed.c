// System relations whose rows are computed: from the facts of types and functions, and from the
// definitions in sight.
#include "catalog/catalog_internal.h"

#include <stdlib.h>

// ---- pg_attribute: columns of the system relations, and every relation's system columns ---------

typedef struct SystemAttribute {
    const char *name;
    int16_t number;
    Oid type;
    int16_t length;
    bool is_by_value;
    char alignment;
} SystemAttribute;

static const SystemAttribute system_attributes[] = {
    {"tableoid", -6, TYPE_OID, 4, true, 'i'},
    {"cmax", -5, TYPE_CID, 4, true, 'i'},
    {"xmax", -4, TYPE_XID, 4, true, 'i'},
    {"cmin", -3, TYPE_CID, 4, true, 'i'},
    {"xmin", -2, TYPE_XID, 4, true, 'i'},
    {"ctid", -1, TYPE_TID, 6, false, 's'},
};

enum { SYSTEM_ATTRIBUTE_COUNT = sizeof system_attributes / sizeof *system_attributes };

static void attribute_fill(Value *row, Oid relation, const char *name, int16_t number, Oid type_oid,
    int32_t modifier, bool is_not_null, const TypeInfo *type) {
    for (uint32_t i = 0; i < PG_ATTRIBUTE_COLUMN_COUNT; i++)
        row[i] = value_null();
    row[PG_ATTRIBUTE_ATTRELID] = cell_oid(relation);
    row[PG_ATTRIBUTE_ATTNAME] = cell_text(name);
    row[PG_ATTRIBUTE_ATTTYPID] = cell_oid(type_oid);
    row[PG_ATTRIBUTE_ATTSTATTARGET] = cell_int4(number < 0 ? 0 : -1);
    row[PG_ATTRIBUTE_ATTLEN] = cell_int2(type == NULL ? -1 : type->length);
    row[PG_ATTRIBUTE_ATTNUM] = cell_int2(number);
    row[PG_ATTRIBUTE_ATTNDIMS] = cell_int4(type != NULL && type->category == 'A');
    row[PG_ATTRIBUTE_ATTCACHEOFF] = cell_int4(-1);
    row[PG_ATTRIBUTE_ATTTYPMOD] = cell_int4(modifier);
    row[PG_ATTRIBUTE_ATTBYVAL] = cell_bool(type != NULL && type->is_by_value);
    row[PG_ATTRIBUTE_ATTALIGN] = cell_char(type == NULL ? 'i' : type->alignment);
    row[PG_ATTRIBUTE_ATTSTORAGE] = cell_char(type == NULL ? 'x' : type->storage);
    row[PG_ATTRIBUTE_ATTCOMPRESSION] = cell_char(0);
    row[PG_ATTRIBUTE_ATTNOTNULL] = cell_bool(is_not_null);
    row[PG_ATTRIBUTE_ATTHASDEF] = cell_bool(false);
    row[PG_ATTRIBUTE_ATTHASMISSING] = cell_bool(false);
    row[PG_ATTRIBUTE_ATTIDENTITY] = cell_char(0);
    row[PG_ATTRIBUTE_ATTGENERATED] = cell_char(0);
    row[PG_ATTRIBUTE_ATTISDROPPED] = cell_bool(false);
    row[PG_ATTRIBUTE_ATTISLOCAL] = cell_bool(true);
    row[PG_ATTRIBUTE_ATTINHCOUNT] = cell_int4(0);
    row[PG_ATTRIBUTE_ATTCOLLATION] = cell_oid(type == NULL ? 0 : type->collation);
}

// `position` is the relation, `inner` the column; the columns of builtin relations, then the system
// columns of every relation that has them.
static Status attribute_next(CatalogScan *scan, bool *is_found_out) {
    scan_entries(scan);
    while (scan->position < scan->entry_count) {
        const Entry *entry = scan->entries[scan->position];
        const SystemRelation *system = entry->is_builtin ? system_relation_find(entry->oid) : NULL;
        uint32_t column_count = system == NULL ? 0 : system->column_count;
        char kind = system == NULL ? (char)entry->table.kind : system->kind;
        uint32_t extra_count = kind == 'r' || kind == 'S' ? SYSTEM_ATTRIBUTE_COUNT : 0;
        uint32_t at = (uint32_t)scan->inner++;
        if (at < extra_count) {
            const SystemAttribute *column = &system_attributes[at];
            attribute_fill(scan->row, entry->oid, column->name, column->number, column->type, -1,
                true, type_find(column->type));
        } else if (at < extra_count + column_count) {
            const SystemColumn *column = &system->columns[at - extra_count];
            attribute_fill(scan->row, entry->oid, column->name, (int16_t)(at - extra_count + 1),
                column->type, column->modifier, column->is_not_null, type_find(column->type));
        } else {
            scan->position++;
            scan->inner = 0;
            continue;
        }
        *is_found_out = true;
        return OK;
    }
    *is_found_out = false;
    return OK;
}

// ---- pg_type ------------------------------------------------------------------------------------

static Oid function_oid(const char *name) {
    if (name == NULL || *name == 0 || strcmp(name, "-") == 0) return 0;
    size_t count = 0;
    const FunctionInfo *const *candidates = function_candidates(name, &count);
    return count == 0 ? 0 : candidates[0]->oid;
}

static Status type_next(CatalogScan *scan, bool *is_found_out) {
    enum { ARRAY_TYPANALYZE = 3816 };

    size_t count;
    const TypeInfo *types = type_list(&count);
    *is_found_out = scan->position < count;
    if (!*is_found_out) return OK;
    const TypeInfo *type = &types[scan->position++];
    Value *row = scan->row;
    for (uint32_t i = 0; i < PG_TYPE_COLUMN_COUNT; i++)
        row[i] = value_null();
    row[PG_TYPE_OID] = cell_oid(type->oid);
    row[PG_TYPE_TYPNAME] = cell_text(type->name);
    row[PG_TYPE_TYPNAMESPACE] = cell_oid(NAMESPACE_PG_CATALOG);
    row[PG_TYPE_TYPOWNER] = cell_oid(ROLE_BOOTSTRAP);
    row[PG_TYPE_TYPLEN] = cell_int2(type->length);
    row[PG_TYPE_TYPBYVAL] = cell_bool(type->is_by_value);
    row[PG_TYPE_TYPTYPE] = cell_char(type->kind);
    row[PG_TYPE_TYPCATEGORY] = cell_char(type->category);
    row[PG_TYPE_TYPISPREFERRED] = cell_bool(type->is_preferred);
    row[PG_TYPE_TYPISDEFINED] = cell_bool(true);
    row[PG_TYPE_TYPDELIM] = cell_char(type->delimiter);
    row[PG_TYPE_TYPRELID] = cell_oid(type->relation);
    row[PG_TYPE_TYPSUBSCRIPT] = cell_oid(function_oid(type->subscript));
    row[PG_TYPE_TYPELEM] = cell_oid(type->element);
    row[PG_TYPE_TYPARRAY] = cell_oid(type->array);
    row[PG_TYPE_TYPINPUT] = cell_oid(function_oid(type->input));
    row[PG_TYPE_TYPOUTPUT] = cell_oid(function_oid(type->output));
    row[PG_TYPE_TYPRECEIVE] = cell_oid(function_oid(type->receive));
    row[PG_TYPE_TYPSEND] = cell_oid(function_oid(type->send));
    row[PG_TYPE_TYPMODIN] = cell_oid(function_oid(type->modifier_in));
    row[PG_TYPE_TYPMODOUT] = cell_oid(function_oid(type->modifier_out));
    row[PG_TYPE_TYPANALYZE] =
        cell_oid(type->category == 'A' && type->length == -1 ? ARRAY_TYPANALYZE : 0);
    row[PG_TYPE_TYPALIGN] = cell_char(type->alignment);
    row[PG_TYPE_TYPSTORAGE] = cell_char(type->storage);
    row[PG_TYPE_TYPNOTNULL] = cell_bool(false);
    row[PG_TYPE_TYPBASETYPE] = cell_oid(0);
    row[PG_TYPE_TYPTYPMOD] = cell_int4(-1);
    row[PG_TYPE_TYPNDIMS] = cell_int4(0);
    row[PG_TYPE_TYPCOLLATION] = cell_oid(type->collation);
    return OK;
}

// ---- Functions, operators, casts ----------------------------------------------------------------

static Value oid_vector(const Oid *oids, uint32_t count, Arena *arena) {
    Text text;
    text_init(&text, arena);
    text_append(&text, "", 0);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) text_append_char(&text, ' ');
        text_append_u64(&text, oids[i]);
    }
    return cell_literal(TYPE_OIDVECTOR, text.data == NULL ? "" : text.data, arena);
}

static Status function_next(CatalogScan *scan, bool *is_found_out) {
    size_t count;
    const FunctionInfo *functions = function_list(&count);
    *is_found_out = scan->position < count;
    if (!*is_found_out) return OK;
    const FunctionInfo *function = &functions[scan->position++];
    const FunctionRest *rest = function_rest_find(function->oid);
    Value *row = scan->row;
    for (uint32_t i = 0; i < PG_PROC_COLUMN_COUNT; i++)
        row[i] = value_null();
    row[PG_PROC_OID] = cell_oid(function->oid);
    row[PG_PROC_PRONAME] = cell_text(function->name);
    bool is_schema = function_is_of_information_schema(function->oid);
    row[PG_PROC_PRONAMESPACE] =
        cell_oid(is_schema ? NAMESPACE_INFORMATION_SCHEMA : NAMESPACE_PG_CATALOG);
    row[PG_PROC_PROOWNER] = cell_oid(ROLE_BOOTSTRAP);

    enum { LANGUAGE_INTERNAL = 12 };

    row[PG_PROC_PROLANG] = cell_oid(rest == NULL ? LANGUAGE_INTERNAL : rest->language);
    row[PG_PROC_PROCOST] = cell_float4(rest == NULL ? 1 : rest->cost);
    row[PG_PROC_PROROWS] = cell_float4(rest == NULL ? 0 : rest->rows);
    row[PG_PROC_PROVARIADIC] = cell_oid(function->variadic);
    row[PG_PROC_PROSUPPORT] = cell_oid(rest == NULL ? 0 : function_oid(rest->support));
    row[PG_PROC_PROKIND] = cell_char(function->kind);
    row[PG_PROC_PROSECDEF] = cell_bool(false);
    row[PG_PROC_PROLEAKPROOF] = cell_bool(rest != NULL && rest->is_leakproof);
    row[PG_PROC_PROISSTRICT] = cell_bool(function->is_strict);
    row[PG_PROC_PRORETSET] = cell_bool(function->returns_set);
    row[PG_PROC_PROVOLATILE] = cell_char(function->volatility);
    row[PG_PROC_PROPARALLEL] = cell_char(rest == NULL ? 's' : rest->parallel);
    row[PG_PROC_PRONARGS] = cell_int2(function->argument_count);
    row[PG_PROC_PRONARGDEFAULTS] = cell_int2(function->default_count);
    row[PG_PROC_PRORETTYPE] = cell_oid(function->result);
    bool wants_arguments = (scan->columns[0] >> PG_PROC_PROARGTYPES & 1) != 0;
    if (wants_arguments)
        row[PG_PROC_PROARGTYPES] =
            oid_vector(function->arguments, function->argument_count, scan->arena);
    if ((scan->columns[0] >> PG_PROC_PROALLARGTYPES & 1) != 0)
        row[PG_PROC_PROALLARGTYPES] =
            cell_literal(TYPE_OID_ARRAY, function->all_arguments, scan->arena);
    if ((scan->columns[0] >> PG_PROC_PROARGMODES & 1) != 0)
        row[PG_PROC_PROARGMODES] = cell_literal(TYPE_CHAR_ARRAY, function->modes, scan->arena);
    if ((scan->columns[0] >> PG_PROC_PROARGNAMES & 1) != 0)
        row[PG_PROC_PROARGNAMES] = cell_literal(TYPE_TEXT_ARRAY, function->names, scan->arena);
    row[PG_PROC_PROSRC] = cell_text(function->source);
    return OK;
}

static Status operator_next(CatalogScan *scan, bool *is_found_out) {
    size_t count;
    const OperatorInfo *operators = operator_list(&count);
    *is_found_out = scan->position < count;
    if (!*is_found_out) return OK;
    const OperatorInfo *info = &operators[scan->position++];
    Value *row = scan->row;
    row[PG_OPERATOR_OID] = cell_oid(info->oid);
    row[PG_OPERATOR_OPRNAME] = cell_text(info->name);
    row[PG_OPERATOR_OPRNAMESPACE] = cell_oid(NAMESPACE_PG_CATALOG);
    row[PG_OPERATOR_OPROWNER] = cell_oid(ROLE_BOOTSTRAP);
    row[PG_OPERATOR_OPRKIND] = cell_char(info->left == 0 ? 'l' : 'b');
    row[PG_OPERATOR_OPRCANMERGE] = cell_bool(info->can_merge);
    row[PG_OPERATOR_OPRCANHASH] = cell_bool(info->can_hash);
    row[PG_OPERATOR_OPRLEFT] = cell_oid(info->left);
    row[PG_OPERATOR_OPRRIGHT] = cell_oid(info->right);
    row[PG_OPERATOR_OPRRESULT] = cell_oid(info->result);
    row[PG_OPERATOR_OPRCOM] = cell_oid(info->commutator);
    row[PG_OPERATOR_OPRNEGATE] = cell_oid(info->negator);
    row[PG_OPERATOR_OPRCODE] = cell_oid(info->function);
    row[PG_OPERATOR_OPRREST] = cell_oid(0);
    row[PG_OPERATOR_OPRJOIN] = cell_oid(0);
    return OK;
}

static Status cast_next(CatalogScan *scan, bool *is_found_out) {
    enum { FIRST_CAST_OID = 10035 }; // PostgreSQL numbers them at initdb, in order

    size_t count;
    const CastInfo *casts = cast_list(&count);
    *is_found_out = scan->position < count;
    if (!*is_found_out) return OK;
    const CastInfo *cast = &casts[scan->position];
    Value *row = scan->row;
    row[PG_CAST_OID] = cell_oid((Oid)(FIRST_CAST_OID + scan->position++));
    row[PG_CAST_CASTSOURCE] = cell_oid(cast->source);
    row[PG_CAST_CASTTARGET] = cell_oid(cast->target);
    row[PG_CAST_CASTFUNC] = cell_oid(cast->function);
    row[PG_CAST_CASTCONTEXT] = cell_char(cast->context);
    row[PG_CAST_CASTMETHOD] = cell_char(cast->method);
    return OK;
}

// ---- Roles and databases ------------------------------------------------------------------------

static Status authid_collect(CatalogScan *scan) {
    Value *row = catalog_scan_blank(scan);
    row[PG_AUTHID_OID] = cell_oid(ROLE_BOOTSTRAP);
    row[PG_AUTHID_ROLNAME] = cell_text(scan->view->user_name);
    for (uint32_t i = PG_AUTHID_ROLSUPER; i <= PG_AUTHID_ROLBYPASSRLS; i++)
        row[i] = cell_bool(true);
    row[PG_AUTHID_ROLCONNLIMIT] = cell_int4(-1);
    catalog_scan_add(scan, row);
    return OK;
}

static Status roles_collect(CatalogScan *scan) {
    const SystemRelation *shipped = system_relation_find(OID_OF_PG_AUTHID);
    for (uint32_t i = 0; i <= shipped->row_count; i++) {
        bool is_bootstrap = i == 0;
        Value *row = catalog_scan_blank(scan);
        Oid oid = ROLE_BOOTSTRAP;
        const char *name = scan->view->user_name;
        if (!is_bootstrap) {
            char *end;
            oid = (Oid)strtoul(shipped->rows[i - 1], &end, 10);
            name = arena_copy_text_n(scan->arena, end + 1, strcspn(end + 1, "\t"));
        }
        row[PG_ROLES_ROLNAME] = cell_text(name);
        row[PG_ROLES_ROLSUPER] = cell_bool(is_bootstrap);
        row[PG_ROLES_ROLINHERIT] = cell_bool(true);
        row[PG_ROLES_ROLCREATEROLE] = cell_bool(is_bootstrap);
        row[PG_ROLES_ROLCREATEDB] = cell_bool(is_bootstrap);
        row[PG_ROLES_ROLCANLOGIN] = cell_bool(is_bootstrap);
        row[PG_ROLES_ROLREPLICATION] = cell_bool(is_bootstrap);
        row[PG_ROLES_ROLCONNLIMIT] = cell_int4(-1);
        row[PG_ROLES_ROLPASSWORD] = cell_text("********");
        row[PG_ROLES_ROLBYPASSRLS] = cell_bool(is_bootstrap);
        row[PG_ROLES_OID] = cell_oid(oid);
        catalog_scan_add(scan, row);
    }
    return OK;
}

static Status user_collect(CatalogScan *scan) {
    Value *row = catalog_scan_blank(scan);
    row[PG_USER_USENAME] = cell_text(scan->view->user_name);
    row[PG_USER_USESYSID] = cell_oid(ROLE_BOOTSTRAP);
    for (uint32_t i = PG_USER_USECREATEDB; i <= PG_USER_USEBYPASSRLS; i++)
        row[i] = cell_bool(true);
    row[PG_USER_PASSWD] = cell_text("********");
    catalog_scan_add(scan, row);
    return OK;
}

static Status database_collect(CatalogScan *scan) {
    enum { ENCODING_UTF8 = 6 };

    Value *row = catalog_scan_blank(scan);
    row[PG_DATABASE_OID] = cell_oid(DATABASE_OID);
    row[PG_DATABASE_DATNAME] = cell_text(scan->view->database_name);
    row[PG_DATABASE_DATDBA] = cell_oid(ROLE_BOOTSTRAP);
    row[PG_DATABASE_ENCODING] = cell_int4(ENCODING_UTF8);
    row[PG_DATABASE_DATLOCPROVIDER] = cell_char('c');
    row[PG_DATABASE_DATISTEMPLATE] = cell_bool(false);
    row[PG_DATABASE_DATALLOWCONN] = cell_bool(true);
    row[PG_DATABASE_DATCONNLIMIT] = cell_int4(-1);
    row[PG_DATABASE_DATFROZENXID] = cell_oid(3);
    row[PG_DATABASE_DATMINMXID] = cell_oid(1);
    row[PG_DATABASE_DATTABLESPACE] = cell_oid(TABLESPACE_DEFAULT);
    row[PG_DATABASE_DATCOLLATE] = cell_text("C.UTF-8");
    row[PG_DATABASE_DATCTYPE] = cell_text("C.UTF-8");
    catalog_scan_add(scan, row);
    return OK;
}

// ---- Views over the definitions -----------------------------------------------------------------

static const char *owner_name(CatalogScan *scan) {
    return scan->view->user_name;
}

static Status tables_collect(CatalogScan *scan) {
    scan_entries(scan);
    for (uint32_t i = 0; i < scan->entry_count; i++) {
        const Entry *entry = scan->entries[i];
        const SystemRelation *system = entry->is_builtin ? system_relation_find(entry->oid) : NULL;
        char kind = system == NULL ? (char)entry->table.kind : system->kind;
        if (kind != 'r') continue;
        Value *row = catalog_scan_blank(scan);
        row[PG_TABLES_SCHEMANAME] = cell_text(entry->table.schema_name);
        row[PG_TABLES_TABLENAME] = cell_text(entry->name);
        row[PG_TABLES_TABLEOWNER] = cell_text(owner_name(scan));
        row[PG_TABLES_HASINDEXES] = cell_bool(entry->table.index_count > 0 || system != NULL);
        row[PG_TABLES_HASRULES] = cell_bool(false);
        row[PG_TABLES_HASTRIGGERS] = cell_bool(false);
        row[PG_TABLES_ROWSECURITY] = cell_bool(false);
        catalog_scan_add(scan, row);
    }
    return OK;
}

static Status indexes_collect(CatalogScan *scan) {
    scan_entries(scan);
    for (uint32_t i = 0; i < scan->entry_count; i++) {
        const Entry *entry = scan->entries[i];
        for (uint32_t j = 0; j < entry->table.index_count; j++) {
            Value *row = catalog_scan_blank(scan);
            row[PG_INDEXES_SCHEMANAME] = cell_text(entry->table.schema_name);
            row[PG_INDEXES_TABLENAME] = cell_text(entry->name);
            row[PG_INDEXES_INDEXNAME] = cell_text(entry->table.indexes[j].name);
            Text text;
            text_init(&text, scan->arena);
            if (index_definition_append(scan->view, entry->table.indexes[j].oid, true, &text))
                row[PG_INDEXES_INDEXDEF] = cell_text(text.data);
            catalog_scan_add(scan, row);
        }
    }
    return OK;
}

static Status sequences_collect(CatalogScan *scan) {
    scan_entries(scan);
    for (uint32_t i = 0; i < scan->entry_count; i++) {
        const Entry *entry = scan->entries[i];
        if (entry->table.kind != RELATION_SEQUENCE) continue;
        SequenceState state;
        TRY(table_sequence_get(scan->view->catalog->tables, entry->oid, &state));
        Value *row = catalog_scan_blank(scan);
        row[PG_SEQUENCES_SCHEMANAME] = cell_text(entry->table.schema_name);
        row[PG_SEQUENCES_SEQUENCENAME] = cell_text(entry->name);
        row[PG_SEQUENCES_SEQUENCEOWNER] = cell_text(owner_name(scan));
        row[PG_SEQUENCES_DATA_TYPE] = cell_oid(entry->sequence_type);
        row[PG_SEQUENCES_START_VALUE] = cell_int8(state.start);
        row[PG_SEQUENCES_MIN_VALUE] = cell_int8(state.minimum);
        row[PG_SEQUENCES_MAX_VALUE] = cell_int8(state.maximum);
        row[PG_SEQUENCES_INCREMENT_BY] = cell_int8(state.increment);
        row[PG_SEQUENCES_CYCLE] = cell_bool(state.is_cycled);
        row[PG_SEQUENCES_CACHE_SIZE] = cell_int8(state.cache);
        if (state.is_called) row[PG_SEQUENCES_LAST_VALUE] = cell_int8(state.last_value);
        catalog_scan_add(scan, row);
    }
    return OK;
}

static const ComputedRelation computed_relations[] = {
    {OID_OF_PG_ATTRIBUTE, attribute_next, NULL},
    {OID_OF_PG_TYPE, type_next, NULL},
    {OID_OF_PG_PROC, function_next, NULL},
    {OID_OF_PG_OPERATOR, operator_next, NULL},
    {OID_OF_PG_CAST, cast_next, NULL},
    {OID_OF_PG_AUTHID, NULL, authid_collect},
    {OID_OF_PG_ROLES, NULL, roles_collect},
    {OID_OF_PG_USER, NULL, user_collect},
    {OID_OF_PG_SHADOW, NULL, user_collect},
    {OID_OF_PG_DATABASE, NULL, database_collect},
    {OID_OF_PG_TABLES, NULL, tables_collect},
    {OID_OF_PG_INDEXES, NULL, indexes_collect},
    {OID_OF_PG_SEQUENCES, NULL, sequences_collect},
    {0},
};

const ComputedRelation *computed_relation_find(Oid relation) {
    for (const ComputedRelation *each = computed_relations; each->relation != 0; each++)
        if (each->relation == relation) return each;
    for (const ComputedRelation *each = information_schema_relations; each->relation != 0; each++)
        if (each->relation == relation) return each;
    return NULL;
}
