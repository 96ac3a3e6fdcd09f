// Regular expressions: PostgreSQL's advanced ones.
//
// Model    A pattern becomes a tree of nodes and, over the same nodes, one nondeterministic
//          automaton in which every node has an entry and an exit. A match is found in two steps:
//          the automaton finds the leftmost start, and from it the longest end or, when the whole
//          expression prefers short matches, the shortest; then the span is taken apart down the
//          tree, each part taking as much or as little as it prefers while the rest still fits.
//          Without back references both steps take polynomial time; with them, work is bounded.
// Memory   A Regex lives in the arena it was compiled in. Positions count characters.
// Source   PostgreSQL 15's documentation of regular expressions, section 9.7.3.
#pragma once

#include "functions/function.h"

typedef struct Regex Regex;

typedef enum RegexOption {
    REGEX_IGNORE_CASE = 1,
    REGEX_EXPANDED = 2,     // white space and comments do not count
    REGEX_LINE_STOP = 4,    // . and [^ do not match a newline
    REGEX_LINE_ANCHORS = 8, // ^ and $ match at lines
    REGEX_LITERAL = 16,     // the pattern is plain text
    REGEX_NO_CAPTURES = 32,
} RegexOption;

typedef struct RegexSpan {
    int64_t start, end; // start < 0: took no part
} RegexSpan;

// A text as code points, for the length of a search.
typedef struct RegexText {
    const uint32_t *characters;
    uint32_t count;
} RegexText;

RegexText regex_text_make(Bytes text, Arena *arena);

// Errors: INVALID_REGULAR_EXPRESSION.
Status regex_compile(Bytes pattern, uint32_t options, Arena *arena, Regex **regex_out);

uint32_t regex_capture_count(const Regex *regex); // without the whole match

// Looks for the first match at or after `start`. With `spans_out`, tells its span and those of the
// captures (1 + regex_capture_count entries); NULL only asks whether there is one.
// Errors: INVALID_REGULAR_EXPRESSION when it is too complex; QUERY_CANCELED.
Status regex_search(const Regex *regex, const FunctionContext *context, RegexText text,
    uint32_t start, Arena *scratch, RegexSpan *spans_out, bool *found_out);
