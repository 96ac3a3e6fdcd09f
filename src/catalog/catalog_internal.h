// What the catalog's own files share: the shared cache of definitions, a session's overlay on it,
// and the rows of the system tables.
//
// Model    A generation is one committed state of the definitions: tables of immutable entries by
//          OID and by name. Publishing makes the next generation; entries that it replaces belong
//          to the older one and go with it, once no view holds that or an older one. A view's
//          overlay holds what its transaction has changed; committing publishes it.
// Threads  Generations' counts and the list are guarded by Catalog.mutex; `newest` is atomic.
#pragma once

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "catalog/catalog.h"
#include "catalog/system_relation.h"
#include "generated/catalog_columns.h"
#include "os/thread.h"

#include <stdatomic.h>

typedef struct Entry Entry;

typedef enum EntryKind { ENTRY_RELATION, ENTRY_SCHEMA } EntryKind;

// A relation or a schema. Lies in its own arena.
struct Entry {
    Arena arena;
    EntryKind kind;
    bool is_builtin; // compiled in: never freed before the catalog
    Oid oid, schema; // `schema` of a relation; 0 for a schema
    const char *name;
    TableInfo table;               // relations
    TypeInfo row_type, array_type; // of tables; oid 0 when there is none
    // Indexes and sequences:
    Oid index_table; // the table of an index
    Oid owner_table; // the table whose column owns a sequence, or 0
    int16_t owner_column;
    Oid sequence_type;
    Entry *next; // in a list of what is to be freed
};

typedef struct EntryMap {
    uint32_t mask; // slots - 1
    uint32_t count;
    Entry **by_oid, **by_name; // open addressing
} EntryMap;

typedef struct Generation Generation;

struct Generation {
    EntryMap map;
    uint64_t version;
    uint32_t view_count; // guarded by Catalog.mutex
    Entry *replaced;     // freed with this generation
    Generation *newer;
};

struct Catalog {
    TableSet *tables;
    TxnSystem *txns;
    Mutex mutex;
    _Atomic(Generation *) newest; // stored under mutex
    Generation *oldest;           // guarded by mutex
    _Atomic uint64_t version;     // of newest
    Arena builtin_arena;          // entries of the system relations and schemas
};

typedef struct OverlaySlot {
    EntryKind kind;
    Oid oid;
    Entry *entry; // NULL: dropped
} OverlaySlot;

enum { VIEW_GENERATION_MAX = 16 };

struct CatalogView {
    Catalog *catalog;
    Txn *txn;
    Generation *held[VIEW_GENERATION_MAX]; // newest last; held_count >= 1
    uint32_t held_count;
    OverlaySlot *overlay;
    uint32_t overlay_count, overlay_capacity;
    uint64_t overlay_version; // 0 while the overlay is empty
    Arena txn_arena;          // what lives until the transaction ends
    Entry *garbage;           // overlay entries that were replaced
    char **search_path;       // as set; pg_catalog is searched first when it is not named
    uint32_t search_path_count;
    Arena path_arena;
    Arena scratch; // rewound by each use
    const char *user_name, *database_name;
    CatalogHooks hooks;
    int64_t last_value; // lastval()
    Oid last_sequence;
    struct SequenceValue *sequence_values; // currval() of this session
    uint32_t sequence_value_count, sequence_value_capacity;
    uint64_t overlay_serial;
};

// ---- Entries and maps (generation.c) ------------------------------------------------------------

Entry *entry_create(EntryKind kind);
void entry_destroy(Entry *entry);

// Through the overlay, then the newest generation held.
Entry *view_find(CatalogView *view, EntryKind kind, Oid oid);
Entry *view_find_name(CatalogView *view, EntryKind kind, Oid schema, const char *name);
// Calls `visit` for each relation or schema in sight; in no particular order.
void view_each(
    CatalogView *view, EntryKind kind, void (*visit)(void *argument, Entry *entry), void *argument);

Status generation_make_first(Catalog *catalog, Entry *const *entries, uint32_t count);
void view_hold_newest(CatalogView *view);

// Records that the transaction changed an object; `entry` NULL drops it. Takes the entry.
void overlay_set(CatalogView *view, EntryKind kind, Oid oid, Entry *entry);

// ---- Rows of the system tables (system_row.c) ---------------------------------------------------

// The newest committed state with the transaction's own changes, whatever its snapshot.
Snapshot view_snapshot(CatalogView *view);

typedef struct SystemCursor {
    const SystemRelation *relation;
    Table *table;
    IndexScan *scan;
    TableScan *table_scan;
    Batch *batch;
    uint32_t next;
} SystemCursor;

// Rows of a stored relation: all of them, or those whose index key starts with `key`. Values are
// valid until the next call.
Status system_cursor_open(CatalogView *view, Oid relation, uint32_t index_number, const Value *key,
    uint32_t key_count, Arena *arena, SystemCursor *cursor_out);
Status system_cursor_open_all(
    CatalogView *view, Oid relation, Arena *arena, SystemCursor *cursor_out);
Status system_cursor_next(
    SystemCursor *cursor, Value *values_out, RowId *row_out, bool *is_found_out);
void system_cursor_close(SystemCursor *cursor);

Oid system_stored_type(Oid type);
Status system_insert(CatalogView *view, Oid relation, const Value *row);
// Every row whose key starts with `key`.
Status system_delete(
    CatalogView *view, Oid relation, uint32_t index_number, const Value *key, uint32_t key_count);
// Changes one column of every such row.
Status system_update(CatalogView *view, Oid relation, uint32_t index_number, const Value *key,
    uint32_t key_count, uint32_t column, Value value);
// The write must see what came before it in the same statement.
void system_increment(CatalogView *view);

// Values. Texts are borrowed.
Value cell_oid(Oid oid);
Value cell_bool(bool boolean);
Value cell_int2(int32_t number);
Value cell_int4(int32_t number);
Value cell_int8(int64_t number);
Value cell_float4(float number);
Value cell_char(char character);
Value cell_text(const char *text); // NULL gives a NULL; also for name
// Through the type's own text form: arrays and vectors.
Value cell_literal(Oid type, const char *literal, Arena *arena);
const char *cell_get_text(const Value *value, Arena *arena); // NULL for a NULL
// The numbers of an int2vector, oidvector or array of integers.
uint32_t cell_get_numbers(Oid type, const Value *value, Arena *arena, int64_t **numbers_out);

// ---- Loading (table_load.c) ---------------------------------------------------------------------

// Makes an entry from the rows there are; NULL when there is no such relation.
Status relation_load(CatalogView *view, Oid relation, Entry **entry_out);
// Loads again and puts it into the overlay.
Status relation_reload(CatalogView *view, Oid relation);
Entry *relation_from_system(const SystemRelation *system);

// ---- Shared by the definition functions ---------------------------------------------------------

Status catalog_next_oid(CatalogView *view, Oid *oid_out);
Status view_lock(CatalogView *view, Oid object, TableLockMode mode);
// Locks, takes the newest definitions, and finds the relation. Errors: UNDEFINED_TABLE.
Status view_lock_relation(CatalogView *view, Oid relation, TableLockMode mode, Entry **entry_out);
// The schema to create in. Errors: INVALID_SCHEMA_NAME; INSUFFICIENT_PRIVILEGE for system ones.
Status creation_schema(CatalogView *view, const char *schema, Oid *schema_out);
const char *schema_name_of(CatalogView *view, Oid schema);
const char *relation_kind_name(RelationKind kind); // "table"

// PostgreSQL's makeObjectName and ChooseRelationName: name1_name2_label, cut to 63 bytes, with a
// number when it is taken.
char *object_name_make(Arena *arena, const char *name1, const char *name2, const char *label);
char *relation_name_choose(CatalogView *view, Arena *arena, const char *name1, const char *name2,
    const char *label, Oid schema);
// A free name for a constraint of a table, or one to be created, with names already given out.
char *constraint_name_choose(CatalogView *view, Arena *arena, const TableInfo *table_or_null,
    const char *name1, const char *name2, const char *label, Oid schema, const char *const *taken,
    uint32_t taken_count);
bool relation_name_is_taken(CatalogView *view, Oid schema, const char *name);

// pg_depend: `object` of class pg_class, pg_constraint or pg_attrdef depends on the other.
Status dependency_add(CatalogView *view, Oid class_oid, Oid object, int32_t column, Oid other_class,
    Oid other, int32_t other_column, char type);
Status dependency_remove(CatalogView *view, Oid class_oid, Oid object);

typedef struct IndexDefinition {
    const char *name;
    bool is_unique, is_primary, is_constraint, nulls_not_distinct;
    uint32_t column_count;
    int16_t *columns;
    bool *is_descending, *nulls_first;
    const char **column_names;
} IndexDefinition;

// Resolves a key over a table's columns and chooses its name. Errors: UNDEFINED_COLUMN, ...
Status index_definition_make(CatalogView *view, const TableInfo *table,
    const KeyDefinition *definition, Arena *arena, IndexDefinition *index_out);
void index_schema_make(const TableInfo *table, const IndexDefinition *index, uint32_t index_number,
    Oid oid, Arena *arena, IndexSchema *schema_out);
// The rows of an index and its constraint. The caller has created or will create the store's part.
Status index_rows_insert(CatalogView *view, const TableInfo *table, const IndexDefinition *index,
    uint32_t index_number, Oid index_oid, Arena *arena);
Status relation_rows_insert(CatalogView *view, const TableInfo *table, Oid row_type);
Status check_rows_insert(CatalogView *view, const TableInfo *table, Oid schema,
    const CheckDefinition *check, const char *name, Arena *arena);
Status attribute_row_insert(
    CatalogView *view, Oid relation, const ColumnInfo *column, Oid type_relation);
Status sequence_create(CatalogView *view, const char *name, Oid schema, Oid type,
    const SequenceState *state, Arena *arena, Oid *sequence_out);
Status sequence_set_owner(
    CatalogView *view, Oid sequence, Oid table, int16_t column, char dependency);
Status default_rows_set(CatalogView *view, Oid table, int16_t column, const char *default_text);
Status store_schema_alter(CatalogView *view, Oid table, Arena *arena);
void store_schema_make(
    const TableInfo *table, const StoreSchema *old_or_null, Arena *arena, StoreSchema *schema_out);

// Creates the index in the store and its rows, and loads the table again.
Status index_create(CatalogView *view, Entry *table, const IndexDefinition *index, Arena *arena);
// Drops an index of a table with its constraint; does not load the table again.
Status index_drop(CatalogView *view, Entry *table, const IndexInfo *index);
Status sequence_drop(CatalogView *view, Oid sequence);

// ---- Names (find.c) -----------------------------------------------------------------------------

// The schemas of the search path that exist, pg_catalog first when `implicit` and not named.
uint32_t view_path_schemas(CatalogView *view, Oid *schemas, uint32_t schema_max, bool implicit);
bool relation_is_visible(CatalogView *view, const Entry *relation);
const TypeInfo *view_find_type(CatalogView *view, Oid oid, Oid *schema_out);
void view_format_type(CatalogView *view, SqlType type, Text *out); // format_type, user types too
void name_append_quoted(Text *out, const char *name);              // quote_ident

// "CREATE UNIQUE INDEX i ON s.t USING btree (a)"; false when it is no index of the user's.
bool index_definition_append(CatalogView *view, Oid index, bool qualified, Text *out);

// ---- Scans (catalog_scan.c) ---------------------------------------------------------------------

struct CatalogScan {
    CatalogView *view;
    const TableInfo *table;
    const uint64_t *columns;
    Arena *arena;
    Value *row;
    uint32_t phase; // shipped rows, stored rows, streamed rows, listed rows
    uint64_t position, inner;
    SystemCursor cursor;
    bool is_open, has_begun;
    Entry **entries; // relations in sight, by OID, for streamed rows
    uint32_t entry_count;
    // Rows that were computed at once.
    Value **rows;
    uint32_t row_count, row_capacity;
    Status status; // of the collector's callbacks
};

// Adds a copy of `row` (one value a column) to the list.
void catalog_scan_add(CatalogScan *scan, const Value *row);
Value *catalog_scan_blank(CatalogScan *scan); // a row of NULLs, in the scan's arena
void scan_entries(CatalogScan *scan);

typedef struct ComputedRelation {
    Oid relation;
    // Fills scan->row with the next row and moves `position`; or adds every row at once.
    Status (*next)(CatalogScan *scan, bool *is_found_out);
    Status (*collect)(CatalogScan *scan);
} ComputedRelation;

const ComputedRelation *computed_relation_find(Oid relation);
extern const ComputedRelation information_schema_relations[];
