// System relations: the tables and views of pg_catalog and information_schema, with PostgreSQL's
// columns and OIDs, compiled in; and which of them keep rows of the user's objects in a store.
//
// Source  src/catalog/*.tsv through tools/make_catalog_data.py.
#pragma once

#include "base/ids.h"

#include <stddef.h>

typedef struct SystemColumn {
    const char *name;
    Oid type;
    int32_t modifier;
    bool is_not_null;
} SystemColumn;

typedef struct SystemRelation {
    Oid oid;
    const char *name;
    Oid schema;
    char kind; // r or v
    Oid row_type;
    uint32_t column_count;
    const SystemColumn *columns;
    uint32_t row_count; // shipped rows, in COPY text format
    const char *const *rows;
} SystemRelation;

// What pg_proc has beyond functions/function.h.
typedef struct FunctionRest {
    Oid oid, language;
    bool is_leakproof;
    char parallel;
    float cost, rows;
    const char *support;
} FunctionRest;

extern const SystemRelation system_relations[]; // by OID
extern const size_t system_relation_count;
extern const FunctionRest function_rests[]; // by OID
extern const size_t function_rest_count;

const SystemRelation *system_relation_find(Oid oid); // NULL when there is none
const FunctionRest *function_rest_find(Oid oid);

enum { SYSTEM_INDEX_COLUMN_MAX = 3 };

// An index of a stored system relation, by column positions from 0.
typedef struct SystemIndex {
    const char *name; // PostgreSQL's
    Oid oid;
    bool is_unique;
    uint32_t column_count;
    uint16_t columns[SYSTEM_INDEX_COLUMN_MAX];
} SystemIndex;

// The stored relations, by fixed StoreId (from 1).
typedef struct SystemStore {
    Oid relation;
    StoreId store;
    uint32_t index_count;
    SystemIndex indexes[2];
} SystemStore;

extern const SystemStore system_stores[];
extern const size_t system_store_count;

const SystemStore *system_store_find(Oid relation); // NULL when it has no store
