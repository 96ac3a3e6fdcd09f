// Identifiers that must not be mixed are one-member structs: the compiler then refuses a call with
// two of them swapped. Oid is PostgreSQL's own plain number.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// A byte position in the log; also commit timestamp and snapshot. Never restarts. 0 is none.
typedef struct Lsn {
    uint64_t value;
} Lsn;

// A row's number for life within its store, 48 bits. Never reused, never changed.
typedef struct RowId {
    uint64_t value;
} RowId;

// A store: the rows and indexes behind one table definition. A new one at TRUNCATE or rewrite.
typedef struct StoreId {
    uint32_t value;
} StoreId;

// A transaction, for log chunks and pg_current_xact_id. Starts at 3 as PostgreSQL's do.
typedef struct TxnId {
    uint64_t value;
} TxnId;

// An object of the catalogs. 0 is none; user objects start at FIRST_USER_OID.
typedef uint32_t Oid;

enum { FIRST_USER_OID = 16384 };

// A group is 65,536 consecutive row ids.
enum { GROUP_ROW_BITS = 16, GROUP_ROW_COUNT = 1 << GROUP_ROW_BITS };

#define ROW_ID_BITS 48
#define ROW_ID_MAX  ((UINT64_C(1) << ROW_ID_BITS) - 1)

static inline uint32_t row_id_group(RowId row) {
    return (uint32_t)(row.value >> GROUP_ROW_BITS);
}

static inline uint32_t row_id_low(RowId row) {
    return (uint32_t)(row.value & (GROUP_ROW_COUNT - 1));
}
