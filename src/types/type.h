// SQL types: what PostgreSQL calls them, and what can be done with a value of each.
//
// Model    Facts about every type of PostgreSQL 15's pg_type come from types/pg_type.tsv, turned
//          into a table at build time. Types that OmenDB computes with also have TypeOps; asking
//          for the operations of another is FEATURE_NOT_SUPPORTED and names the type. User-made row
//          types (one for each table) are the catalog's, not this table's.
// Threads  Everything here is constant.
// Source   PostgreSQL 15 src/include/catalog/pg_type.dat for the facts.
#pragma once

#include "base/ids.h"
#include "base/text.h"
#include "types/value.h"
#include "types/value_context.h"

// Names of the type OIDs that code mentions: TYPE_BOOL is 16.
#define TYPE_OID_LIST(X)                                                                           \
    X(BOOL, 16)                                                                                    \
    X(BYTEA, 17)                                                                                   \
    X(CHAR, 18)                                                                                    \
    X(NAME, 19)                                                                                    \
    X(INT8, 20)                                                                                    \
    X(INT2, 21)                                                                                    \
    X(INT2VECTOR, 22)                                                                              \
    X(INT4, 23)                                                                                    \
    X(REGPROC, 24)                                                                                 \
    X(TEXT, 25)                                                                                    \
    X(OID, 26)                                                                                     \
    X(TID, 27)                                                                                     \
    X(XID, 28)                                                                                     \
    X(CID, 29)                                                                                     \
    X(OIDVECTOR, 30)                                                                               \
    X(JSON, 114)                                                                                   \
    X(XML, 142)                                                                                    \
    X(PG_NODE_TREE, 194)                                                                           \
    X(FLOAT4, 700)                                                                                 \
    X(FLOAT8, 701)                                                                                 \
    X(UNKNOWN, 705)                                                                                \
    X(BOOL_ARRAY, 1000)                                                                            \
    X(BYTEA_ARRAY, 1001)                                                                           \
    X(CHAR_ARRAY, 1002)                                                                            \
    X(NAME_ARRAY, 1003)                                                                            \
    X(INT2_ARRAY, 1005)                                                                            \
    X(INT4_ARRAY, 1007)                                                                            \
    X(TEXT_ARRAY, 1009)                                                                            \
    X(BPCHAR_ARRAY, 1014)                                                                          \
    X(VARCHAR_ARRAY, 1015)                                                                         \
    X(INT8_ARRAY, 1016)                                                                            \
    X(FLOAT4_ARRAY, 1021)                                                                          \
    X(FLOAT8_ARRAY, 1022)                                                                          \
    X(OID_ARRAY, 1028)                                                                             \
    X(ACLITEM, 1033)                                                                               \
    X(ACLITEM_ARRAY, 1034)                                                                         \
    X(BPCHAR, 1042)                                                                                \
    X(VARCHAR, 1043)                                                                               \
    X(DATE, 1082)                                                                                  \
    X(TIME, 1083)                                                                                  \
    X(TIMESTAMP, 1114)                                                                             \
    X(TIMESTAMP_ARRAY, 1115)                                                                       \
    X(DATE_ARRAY, 1182)                                                                            \
    X(TIME_ARRAY, 1183)                                                                            \
    X(TIMESTAMPTZ, 1184)                                                                           \
    X(TIMESTAMPTZ_ARRAY, 1185)                                                                     \
    X(INTERVAL, 1186)                                                                              \
    X(INTERVAL_ARRAY, 1187)                                                                        \
    X(NUMERIC_ARRAY, 1231)                                                                         \
    X(TIMETZ, 1266)                                                                                \
    X(BIT, 1560)                                                                                   \
    X(NUMERIC, 1700)                                                                               \
    X(REFCURSOR, 1790)                                                                             \
    X(REGPROCEDURE, 2202)                                                                          \
    X(REGOPER, 2203)                                                                               \
    X(REGOPERATOR, 2204)                                                                           \
    X(REGCLASS, 2205)                                                                              \
    X(REGTYPE, 2206)                                                                               \
    X(RECORD, 2249)                                                                                \
    X(CSTRING, 2275)                                                                               \
    X(ANY, 2276)                                                                                   \
    X(ANYARRAY, 2277)                                                                              \
    X(VOID, 2278)                                                                                  \
    X(TRIGGER, 2279)                                                                               \
    X(INTERNAL, 2281)                                                                              \
    X(ANYELEMENT, 2283)                                                                            \
    X(RECORD_ARRAY, 2287)                                                                          \
    X(ANYNONARRAY, 2776)                                                                           \
    X(UUID, 2950)                                                                                  \
    X(UUID_ARRAY, 2951)                                                                            \
    X(ANYENUM, 3500)                                                                               \
    X(JSONB, 3802)                                                                                 \
    X(ANYRANGE, 3831)                                                                              \
    X(REGNAMESPACE, 4089)                                                                          \
    X(REGROLE, 4096)                                                                               \
    X(REGCOLLATION, 4191)                                                                          \
    X(ANYCOMPATIBLEMULTIRANGE, 4538)                                                               \
    X(ANYCOMPATIBLE, 5077)                                                                         \
    X(ANYCOMPATIBLEARRAY, 5078)                                                                    \
    X(ANYCOMPATIBLENONARRAY, 5079)                                                                 \
    X(ANYCOMPATIBLERANGE, 5080)

enum TypeOid {

#define X(name, oid) TYPE_##name = oid,
    TYPE_OID_LIST(X)
#undef X
};

// A type with its modifier: varchar(10) is {TYPE_VARCHAR, 14}.
typedef struct SqlType {
    Oid oid;
    int32_t modifier; // PostgreSQL's encoding; -1 for none
} SqlType;

static inline SqlType sql_type(Oid oid) {
    return (SqlType){.oid = oid, .modifier = -1};
}

// One row of pg_type.
typedef struct TypeInfo {
    Oid oid;
    const char *name; // "int4"
    int16_t length;   // typlen: -1 varlena, -2 cstring
    bool is_by_value;
    char kind;     // typtype: b, c, d, e, p, r, m
    char category; // typcategory
    bool is_preferred;
    char delimiter;
    Oid relation, element, array; // typrelid, typelem, typarray
    const char *input, *output, *receive, *send, *modifier_in, *modifier_out, *subscript;
    char alignment, storage;
    Oid collation;
} TypeInfo;

// NULL when there is no such built-in type.
const TypeInfo *type_find(Oid oid);
const TypeInfo *type_find_by_name(const char *name); // in pg_catalog

// All built-in types, by OID; for pg_type.
const TypeInfo *type_list(size_t *count_out);

typedef struct TypeOps {
    PhysicalKind physical;
    bool key_is_invertible; // key_append's bytes determine the value's text (storage-rules 20)

    // `text` need not end in a zero. The value may borrow `text`. The modifier is applied as for an
    // assignment. Errors: INVALID_TEXT_REPRESENTATION and the type's own, in PostgreSQL's words.
    Status (*from_text)(const ValueContext *context, const char *text, size_t count,
        int32_t modifier, Arena *arena, Datum *datum_out);
    void (*to_text)(const ValueContext *context, const Datum *datum, Text *out);

    // The wire's binary form. Errors: INVALID_BINARY_REPRESENTATION, PROTOCOL_VIOLATION.
    Status (*from_binary)(
        const ValueContext *context, Bytes bytes, int32_t modifier, Arena *arena, Datum *datum_out);
    void (*to_binary)(const ValueContext *context, const Datum *datum, Text *out);

    // The type's btree order and `=`; both NULL when it has none (json).
    int (*compare)(const Datum *a, const Datum *b);
    uint64_t (*hash)(const Datum *datum); // equal values hash alike

    // Appends order-preserving bytes: memcmp of two keys is `compare`, and equal values give
    // equal bytes. No key is a prefix of another of the same type.
    void (*key_append)(const Datum *datum, Text *key);
    // Takes the value back off the front of a key; NULL unless key_is_invertible.
    bool (*key_take)(Bytes *key, Arena *arena, Datum *datum_out);

    // varchar(n), numeric(p,s), timestamp(p), ...: NULL when the type takes no modifier.
    // `is_explicit` is a cast, which cuts where an assignment fails.
    Status (*modifier_apply)(
        const Datum *datum, int32_t modifier, bool is_explicit, Arena *arena, Datum *datum_out);
    // From the integers of a type name's parentheses. Errors: INVALID_PARAMETER_VALUE.
    Status (*modifier_from_list)(const int32_t *list, size_t count, int32_t *modifier_out);
    void (*modifier_to_text)(int32_t modifier, Text *out); // "(10,2)"
} TypeOps;

// NULL when OmenDB does not compute with the type yet. Array types have operations when their
// element does.
const TypeOps *type_ops(Oid oid);

// As type_ops. Errors: FEATURE_NOT_SUPPORTED, naming the type.
Status type_ops_require(Oid oid, const TypeOps **ops_out);

// The physical kind; PHYSICAL_VIEW for a type without operations.
PhysicalKind type_physical(Oid oid);

// PostgreSQL's format_type: "character varying(10)", "timestamp(3) without time zone[]",
// "\"char\"", "???" for an unknown OID.
void type_format(SqlType type, Text *out);

// The element type of an array type (also int2vector, oidvector), or 0; and the array type, or 0.
Oid type_element(Oid array);
Oid type_array(Oid element);

// Helpers over TypeOps for one value at a time, with NULL handled by the caller.
Status value_from_text(const ValueContext *context, SqlType type, const char *text, size_t count,
    Arena *arena, Value *value_out);
Status value_to_text(const ValueContext *context, Oid type, const Value *value, Text *out);
Status value_from_binary(
    const ValueContext *context, SqlType type, Bytes bytes, Arena *arena, Value *value_out);
Status value_to_binary(const ValueContext *context, Oid type, const Value *value, Text *out);
