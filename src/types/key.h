// Normalised keys: a row's key columns as one run of bytes whose memcmp order is the index's.
//
// Format   For each column: one byte for NULL or not, placed so that NULLS FIRST or LAST holds,
//          then the type's key_append bytes; both are complemented for a descending column, except
//          that NULLs go where the definition says. A column that is NOT NULL in the table and not
//          nullable in the index still has the byte. A key of one fixed-width column of at most
//          eight bytes that cannot be NULL has no such byte, and is its 1, 2, 4 or 8 bytes alone.
// Limits   A key of more than KEY_BYTES_MAX is refused as PostgreSQL does, PROGRAM_LIMIT_EXCEEDED.
#pragma once

#include "types/type.h"

enum { KEY_BYTES_MAX = 2704 };

typedef struct KeyColumn {
    Oid type;
    bool is_descending;
    bool nulls_first;
    bool is_nullable;
} KeyColumn;

typedef struct KeyFormat {
    const KeyColumn *columns;
    uint32_t column_count;
} KeyFormat;

// Width in bytes of every key of this format, or 0 when it varies.
uint32_t key_format_width(const KeyFormat *format);

// Appends the key of `values` (one a column) to `key`.
void key_append(const KeyFormat *format, const Value *values, Text *key);

// Appends the first `column_count` columns only: the prefix of every key that starts with them.
void key_append_prefix(
    const KeyFormat *format, uint32_t column_count, const Value *values, Text *key);

// Whether every column can be read back from a key.
bool key_format_is_invertible(const KeyFormat *format);
bool key_decode(const KeyFormat *format, Bytes key, Arena *arena, Value *values_out);

// The smallest key above every key that starts with `prefix`; empty when there is none.
void key_successor(Text *prefix);
