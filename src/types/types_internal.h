// What the files of this module share: one TypeOps for each type, and the small checks that every
// conversion makes.
#pragma once

#include "base/error.h"
#include "types/type.h"

// Types with operations, arrays apart: X(TYPE_ name, name of its TypeOps).
#define TYPE_OPS_LIST(X)                                                                           \
    X(BOOL, bool_ops)                                                                              \
    X(BYTEA, bytea_ops)                                                                            \
    X(CHAR, char_ops)                                                                              \
    X(NAME, name_ops)                                                                              \
    X(INT8, int8_ops)                                                                              \
    X(INT2, int2_ops)                                                                              \
    X(INT4, int4_ops)                                                                              \
    X(TEXT, text_ops)                                                                              \
    X(OID, oid_ops)                                                                                \
    X(XID, xid_ops)                                                                                \
    X(CID, cid_ops)                                                                                \
    X(PG_NODE_TREE, text_ops)                                                                      \
    X(FLOAT4, float4_ops)                                                                          \
    X(FLOAT8, float8_ops)                                                                          \
    X(UNKNOWN, unknown_ops)                                                                        \
    X(ACLITEM, text_ops)                                                                           \
    X(BPCHAR, bpchar_ops)                                                                          \
    X(VARCHAR, varchar_ops)                                                                        \
    X(REFCURSOR, text_ops)                                                                         \
    X(CSTRING, unknown_ops)                                                                        \
    X(VOID, void_ops)                                                                              \
    X(NUMERIC, numeric_ops)                                                                        \
    X(DATE, date_ops)                                                                              \
    X(TIME, time_ops)                                                                              \
    X(TIMESTAMP, timestamp_ops)                                                                    \
    X(TIMESTAMPTZ, timestamptz_ops)                                                                \
    X(INTERVAL, interval_ops)                                                                      \
    X(REGPROC, regproc_ops)                                                                        \
    X(REGPROCEDURE, regprocedure_ops)                                                              \
    X(REGOPER, regoper_ops)                                                                        \
    X(REGOPERATOR, regoperator_ops)                                                                \
    X(REGCLASS, regclass_ops)                                                                      \
    X(REGTYPE, regtype_ops)                                                                        \
    X(REGNAMESPACE, regnamespace_ops)                                                              \
    X(REGROLE, regrole_ops)                                                                        \
    X(REGCOLLATION, regcollation_ops)                                                              \
    X(TID, tid_ops)                                                                                \
    X(TIMETZ, timetz_ops)                                                                          \
    X(JSON, json_ops)                                                                              \
    X(RECORD, record_ops)                                                                          \
    X(UUID, uuid_ops)

#define X(name, ops) extern const TypeOps ops;
TYPE_OPS_LIST(X)
#undef X

// The bytes of a binary value are exactly `count`. Errors as PostgreSQL has them.
Status binary_check_count(Bytes bytes, size_t count);
Status binary_check_byte(Bytes bytes);

// "invalid input syntax for type TYPE_NAME: "TEXT"".
[[gnu::cold]] Status fail_syntax(const char *type_name, const char *text, size_t count);

// isspace of the C locale.
static inline bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Two's complement with the sign bit turned: unsigned order is signed order.
static inline uint64_t int64_to_ordered(int64_t value) {
    return (uint64_t)value ^ UINT64_C(0x8000000000000000);
}

static inline int64_t int64_from_ordered(uint64_t ordered) {
    return (int64_t)(ordered ^ UINT64_C(0x8000000000000000));
}

// A copy of what `bytes` holds, as a view that lives in `arena`.
View view_make_copy(const void *bytes, size_t count, Arena *arena);

// The view of a finished text, which lives in the text's arena.
static inline View view_from_built(const Text *text) {
    return view_make(text->data, text->count);
}
