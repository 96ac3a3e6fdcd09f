// Reading: libpg_query's JSON into syntax trees.
//
// Model    JSON wraps a node in an object with its kind as the only key ({"A_Star":{}}); a field of
//          fixed kind holds the fields alone. Strings, integers and lists become plain nodes; an
//          A_Const holds its value directly under `ival`, `fval`, `sval`, `boolval` or `bsval`.
//          libpg_query 15 writes every integer that is not positive as 0; its sign and digits are
//          taken from the statement's text, at the node's location.
// Memory   Trees live in `arena`; depth of the input is depth of the stack, so callers bound it.
#pragma once

#include "parse/syntax.h"

// `sql` is the text that was parsed.
//
// Errors: INTERNAL_ERROR when the JSON is not what libpg_query writes; OUT_OF_MEMORY.
Status tree_from_json(const char *json, const char *sql, Arena *arena, Node **tree_out);

// The kind of a node's name; NODE_OTHER when it is not in the list. And the field.
NodeKind node_kind_find(const char *name, size_t count);
NodeField node_field_find(const char *name, size_t count);

// PostgreSQL's names.
const char *node_field_name(NodeField field);
