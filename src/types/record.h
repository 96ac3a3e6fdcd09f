// Rows as values: ROW(...), and what functions with several OUT columns return.
//
// Format   In a view, little-endian, n fields:
//
//   OFFSET  SIZE    FIELD
//        0  4       n
//        4  8 x n   type, and bytes of the value or RECORD_NULL
//           rest    the values' bytes, in order: a fixed width, or what a view has
#pragma once

#include "types/type.h"

enum { RECORD_FIELD_COUNT_MAX = 1664 };

#define RECORD_NULL UINT32_MAX

View record_make(const Oid *types, const Value *values, uint32_t count, Arena *arena);
// A field, from 0, and its type. Borrows the record's bytes.
Value record_get(const View *record, uint32_t index, Oid *type_out);
