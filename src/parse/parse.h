// Parsing: SQL text to syntax trees, by libpg_query on its own threads with deep stacks.
//
// Model    A Parser owns a few long-lived threads (libpg_query takes one thread key per thread
//          that parses, and its recursive parts overflow ordinary stacks on hostile input). A call
//          hands the text over and waits. Plan caches keep it off the hot path.
// Threads  Any number may parse at once.
// Errors   SYNTAX_ERROR with PostgreSQL's text and position; STATEMENT_TOO_COMPLEX (54001) for
//          nesting beyond bounds.
#pragma once

#include "parse/syntax.h"

typedef struct Parser Parser;

Status parser_create(Parser **parser_out); // starts threads at the first parse
void parser_destroy(Parser *parser);

typedef struct ParsedStatement {
    const Node *statement;  // NODE_SELECT_STMT and so on
    uint32_t offset, count; // of its text, in bytes, within the whole
} ParsedStatement;

// Statements of a text, in order; none for an empty text. Trees live in `arena`. Positions in
// errors are in characters of the whole text.
Status parse_text(Parser *parser, const char *sql, Arena *arena, ParsedStatement **statements_out,
    size_t *count_out);
