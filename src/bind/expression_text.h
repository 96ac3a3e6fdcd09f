// The stored form of an expression over one table's columns: DEFAULT and CHECK, in the catalog.
//
// Format   A version and an s-expression: `1:(call 16 -1 0 147 521 0 (column ...) (const ...))`.
//          Each node is (kind type modifier flags function operator extra argument...): numbers are
//          decimal OIDs and attnums; `extra` is an attnum, the text of a constant in double quotes
//          (backslash escapes) or `null`, or a small number, as the kind wants. Columns belong to
//          relation 0. Flags: 1 negated, 2 explicit, 4 ALL, 8 has ELSE, 16 a cast, 32 VARIADIC,
//          64 SQL's own syntax, 128 CASE with an operand.
//          Subqueries and aggregates have no stored form; none may stand there.
// Invariant  A column's number is its attnum, so renaming a column or table changes nothing stored.
#pragma once

#include "bind/expression.h"

void expression_to_text(const Expression *expression, Text *out);

// Errors: DATA_CORRUPTED.
Status expression_from_text(const char *text, Arena *arena, Expression **expression_out);

// nextval('sequence'::regclass), the default of a serial column.
void expression_text_nextval(Oid sequence, Text *out);
