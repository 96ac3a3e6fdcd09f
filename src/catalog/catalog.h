// The catalog: what tables, columns, indexes, constraints, sequences and schemas there are.
//
// Model    The truth is the system tables, ordinary tables with fixed stores and PostgreSQL's OIDs
//          and columns. What statements use is a cache of immutable TableInfo objects made from
//          them, replaced at commit; each change raises the catalog version. A transaction that
//          changes definitions sees its own changes through its CatalogView. Catalog reads use the
//          newest committed catalog after the table lock is granted, never the transaction's
//          snapshot (storage-rules 18). Rows that PostgreSQL ships (pg_type, pg_proc, ...) are
//          constant data, read through the same scan interface.
// Threads  The Catalog is shared; a CatalogView belongs to one session's transaction.
// Memory   Objects found through a view live as long as the view's current statement.
#pragma once

#include "functions/function.h"
#include "table/table.h"

typedef struct Catalog Catalog;
typedef struct CatalogView CatalogView;

enum {
    NAMESPACE_PG_CATALOG = 11,
    NAMESPACE_PUBLIC = 2200,
    NAMESPACE_INFORMATION_SCHEMA = 13207,
    ROLE_BOOTSTRAP = 10,
    DATABASE_OID = 5,
    TABLESPACE_DEFAULT = 1663,
    TABLESPACE_GLOBAL = 1664,
};

typedef struct ColumnInfo {
    const char *name;
    int16_t number;    // attnum, from 1
    uint16_t position; // in the store, from 0
    SqlType type;
    bool is_not_null, is_dropped, has_default;
    char identity;            // 'a' always, 'd' by default, 0 none
    const char *default_text; // the default as bind stored it (bind/expression_text.h), or NULL
    Oid sequence;             // owned by the column (identity, serial), or 0
} ColumnInfo;

typedef enum RelationKind {
    RELATION_TABLE = 'r',
    RELATION_INDEX = 'i',
    RELATION_SEQUENCE = 'S',
    RELATION_VIEW = 'v',
} RelationKind;

typedef struct CheckInfo {
    Oid oid;
    const char *name;
    const char *expression_text; // as bind stored it
} CheckInfo;

typedef struct IndexInfo {
    Oid oid;
    const char *name;
    uint32_t index_number; // in the store
    bool is_unique, is_primary, nulls_not_distinct;
    Oid constraint; // or 0
    uint32_t column_count;
    const int16_t *columns; // attnums
    const KeyColumn *keys;
} IndexInfo;

typedef struct TableInfo {
    Oid oid;
    const char *name, *schema_name;
    Oid schema, row_type, owner;
    RelationKind kind;
    StoreId store;         // 0 for a constant system relation and for views
    bool is_constant;      // rows that PostgreSQL ships, or computed: see catalog_scan_open
    bool is_system;        // in pg_catalog
    uint32_t column_count; // dropped ones included
    const ColumnInfo *columns;
    uint32_t index_count;
    const IndexInfo *indexes;
    uint32_t check_count;
    const CheckInfo *checks;
    uint64_t version; // of the catalog when this object was made
} TableInfo;

// ---- The view of one session --------------------------------------------------------------------

// Views are made per session and given the current transaction by the session.
Status catalog_view_create(Catalog *catalog, CatalogView **view_out);
void catalog_view_destroy(CatalogView *view);
void catalog_view_set_txn(CatalogView *view, Txn *txn); // NULL between transactions
void catalog_view_set_search_path(CatalogView *view, const char *const *schemas, size_t count);

uint64_t catalog_view_version(const CatalogView *view); // for cached plans

// A new statement of the session: what was found before may be gone, and the newest committed
// definitions are used. catalog_view_refresh moves on within the statement, after a lock was
// granted, and keeps what was found before.
void catalog_view_begin_statement(CatalogView *view);
void catalog_view_refresh(CatalogView *view);

// The names behind current_user and current_database(); borrowed.
void catalog_view_set_names(CatalogView *view, const char *user_name, const char *database_name);

// What the session above fills in.
typedef struct CatalogHooks {
    void *argument;
    // Appends the stored form of nextval('sequence'::regclass), a serial column's default.
    Status (*serial_default)(void *argument, Oid sequence, Text *out);
    // Appends PostgreSQL's own text of a stored expression over a table's columns.
    Status (*deparse)(
        void *argument, const char *stored, const TableInfo *table, bool is_pretty, Text *out);
    // A NOTICE of a definition: "drop cascades to table t". `detail` may be NULL.
    void (*notice)(void *argument, Status code, const char *message, const char *detail);
    // Appends every row of a relation that the session computes (pg_settings and its kind) to the
    // list by calling `add` with one value a column; false when it is none of the session's.
    bool (*relation_rows)(void *argument, Oid relation, Arena *arena,
        void (*add)(void *list, const Value *row), void *list, Status *status_out);
} CatalogHooks;

void catalog_view_set_hooks(CatalogView *view, const CatalogHooks *hooks);

void catalog_view_forget_sequences(CatalogView *view); // currval(), lastval()

// By name: `schema` NULL searches the path. NULL when there is none.
const TableInfo *catalog_find_table(CatalogView *view, const char *schema, const char *name);
const TableInfo *catalog_find_table_by_oid(CatalogView *view, Oid table);
bool catalog_find_schema(CatalogView *view, const char *name, Oid *schema_out);
const ColumnInfo *table_info_find_column(const TableInfo *table, const char *name);

// Row types of tables, and the like: pg_type beyond types/type.h. NULL when there is none.
const TypeInfo *catalog_find_type(CatalogView *view, const char *schema, const char *name);

// A catalog relation without a store: its rows, computed or constant. Only the columns whose bit is
// set are filled.
typedef struct CatalogScan CatalogScan;
Status catalog_scan_open(CatalogView *view, const TableInfo *table, const uint64_t *columns,
    Arena *arena, CatalogScan **scan_out);
Status catalog_scan_next(CatalogScan *scan, Batch *batch_out); // an empty batch at the end

TableSet *catalog_tables(Catalog *catalog);
Catalog *catalog_view_catalog(CatalogView *view);

// The reg* names, for ValueContext. `view` outlives the result.
ObjectNames catalog_object_names(CatalogView *view);

// Entries for functions over the catalog: format_type, pg_table_is_visible, nextval ...
extern const FunctionEntry functions_of_catalog[];

// ---- Definition ---------------------------------------------------------------------------------
// Each runs inside the view's transaction and takes the locks it needs. Errors carry PostgreSQL's
// text and SQLSTATE; positions are the binder's.

typedef struct ColumnDefinition {
    const char *name;
    SqlType type;
    bool is_not_null;
    const char *default_text;  // stored form, or NULL
    bool has_constant_default; // default_value holds what the default evaluates to
    Value default_value;
    char identity;  // 'a', 'd' or 0
    bool is_serial; // owns a sequence made for it; default_text is NULL, and the catalog makes it
    SequenceState sequence; // for identity and serial
} ColumnDefinition;

typedef struct KeyDefinition {
    const char *name; // NULL: chosen as PostgreSQL does
    bool is_primary, is_unique, is_constraint;
    bool nulls_not_distinct;
    uint32_t column_count;
    const char *const *columns;
    const bool *is_descending, *nulls_first; // NULL for constraints
} KeyDefinition;

typedef struct CheckDefinition {
    const char *name; // NULL: chosen as PostgreSQL does
    const char *expression_text;
    const char *const *column_names; // those it mentions, for the chosen name
    uint32_t column_name_count;
} CheckDefinition;

typedef struct TableDefinition {
    const char *schema, *name; // schema NULL: the first of the search path
    bool if_not_exists;
    uint32_t column_count, key_count, check_count;
    const ColumnDefinition *columns;
    const KeyDefinition *keys;
    const CheckDefinition *checks;
} TableDefinition;

typedef struct CatalogNotice {
    const char *message; // "relation \"t\" already exists, skipping", or NULL
    Status code;
} CatalogNotice;

Status catalog_create_table(
    CatalogView *view, const TableDefinition *definition, Arena *arena, CatalogNotice *notice_out);
Status catalog_create_index(CatalogView *view, Oid table, const KeyDefinition *definition,
    bool if_not_exists, Arena *arena, CatalogNotice *notice_out);
Status catalog_create_sequence(CatalogView *view, const char *schema, const char *name, Oid type,
    const SequenceState *state, Oid owned_by_table, int16_t owned_by_column, bool if_not_exists,
    Arena *arena, CatalogNotice *notice_out);
Status catalog_create_schema(CatalogView *view, const char *name, bool if_not_exists, Arena *arena,
    CatalogNotice *notice_out);

// DROP of one relation, of any kind; `kind` is the one the statement named.
Status catalog_drop_relation(CatalogView *view, Oid relation, RelationKind kind, bool cascade);
Status catalog_drop_schema(CatalogView *view, Oid schema, bool cascade);
Status catalog_truncate(CatalogView *view, const Oid *tables, size_t count, bool restart_identity);

Status catalog_add_column(CatalogView *view, Oid table, const ColumnDefinition *column);
Status catalog_drop_column(CatalogView *view, Oid table, const char *column, bool cascade);
Status catalog_rename_column(CatalogView *view, Oid table, const char *from, const char *to);
Status catalog_rename_relation(CatalogView *view, Oid relation, const char *to);
Status catalog_add_key(CatalogView *view, Oid table, const KeyDefinition *key);
Status catalog_add_check(CatalogView *view, Oid table, const CheckDefinition *check);
Status catalog_drop_constraint(CatalogView *view, Oid table, const char *name, bool cascade);
Status catalog_set_default(
    CatalogView *view, Oid table, const char *column, const char *default_text);
Status catalog_set_not_null(CatalogView *view, Oid table, const char *column, bool is_not_null);

// COMMENT ON the object of a system table, or a column of it. `table` is locked; NULL text takes
// the comment away.
Status catalog_set_comment(CatalogView *view, Oid object_class, Oid object, int16_t column,
    Oid table_or_none, const char *text_or_null);

// ---- Opening: called by engine ------------------------------------------------------------------

Status catalog_bootstrap(TableSet *tables); // the system tables of a new file
Status catalog_open(TableSet *tables, TxnSystem *txns, Catalog **catalog_out); // reads them
void catalog_close(Catalog *catalog);
