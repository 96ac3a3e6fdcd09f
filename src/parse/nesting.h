// Nesting: an upper bound on how deep the syntax tree of a text can be, found without parsing it.
//
// Model    Right-recursive and bracketed nesting is bounded by the grammar's own stack (10,000
//          symbols). What is left are chains that the grammar reads with left recursion, and that
//          become trees as deep as they are long: a + b + c, a UNION b UNION c, x::t::t, a JOIN b
//          JOIN c. Their links are counted at each level of brackets; AND, OR and lists are flat,
//          so `,`, `;`, AND and OR start a new chain. The scan is a lexer's: comments, strings,
//          quoted names and dollar quotes are skipped.
#pragma once

#include <stddef.h>

// An upper bound on the depth of chains and brackets together.
size_t nesting_bound(const char *sql);
