// What the compiler of regular expressions hands to the matcher.
#pragma once

#include "base/error.h"
#include "functions/regex_internal.h"
#include "functions/unicode_internal.h"

typedef enum RegexNodeKind {
    REGEX_EMPTY,
    REGEX_CHARACTER,
    REGEX_ANY,
    REGEX_SET,
    REGEX_ASSERTION,
    REGEX_LOOK,        // child, `is_negated`, `looks_behind`
    REGEX_CAPTURE,     // child, number
    REGEX_CONCATENATE, // child, then `other`
    REGEX_ALTERNATE,   // child, or `other`
    REGEX_REPEAT,      // child, least to most times
    REGEX_REFERENCE,   // number
} RegexNodeKind;

typedef enum RegexAssertion {
    ASSERT_LINE_START, // or of the text, without REGEX_LINE_ANCHORS
    ASSERT_LINE_END,
    ASSERT_TEXT_START,
    ASSERT_TEXT_END,
    ASSERT_WORD_START,
    ASSERT_WORD_END,
    ASSERT_WORD_EDGE,
    ASSERT_NO_WORD_EDGE
} RegexAssertion;

typedef enum RegexClass {
    CLASS_ALNUM,
    CLASS_ALPHA,
    CLASS_BLANK,
    CLASS_CNTRL,
    CLASS_DIGIT,
    CLASS_GRAPH,
    CLASS_LOWER,
    CLASS_PRINT,
    CLASS_PUNCT,
    CLASS_SPACE,
    CLASS_UPPER,
    CLASS_XDIGIT,
    CLASS_WORD
} RegexClass;

typedef struct RegexSet {
    CodeRange *ranges;
    uint32_t range_count, range_capacity;
    uint32_t classes, not_classes; // bits of RegexClass: members, and what is not in them
    bool is_negated;
} RegexSet;

enum { REGEX_REPEAT_MAX = 255, REGEX_INFINITE = -1, REGEX_STATE_MAX = 200000 };

typedef struct RegexNode {
    RegexNodeKind kind;
    bool prefers_short;
    bool has_preference; // a quantifier inside decides which
    bool has_captures;   // or back references: the span inside matters
    bool is_negated, looks_behind;
    uint32_t number, character;
    int32_t least, most;
    RegexAssertion assertion;
    RegexSet *set;
    struct RegexNode *child, *other;
    uint32_t entry, exit; // states; of the first copy when a quantifier repeats it
    bool is_compiled;
} RegexNode;

typedef enum RegexStateKind {
    STATE_PASS,      // to `next`, and to `other` unless it is NO_STATE
    STATE_CHARACTER, // these three consume one character
    STATE_ANY,
    STATE_SET,
    STATE_ASSERTION,
    STATE_LOOK,
} RegexStateKind;

#define NO_STATE UINT32_MAX

typedef struct RegexState {
    RegexStateKind kind;
    uint32_t next, other;
    const RegexNode *node;
} RegexState;

struct Regex {
    RegexNode *root;
    RegexState *states;
    uint32_t state_count;
    uint32_t capture_count;
    uint32_t options;
    bool has_references;
};

// A macro, so that the compiler sees that it never gives OK.
#define regex_fail(what) fail(INVALID_REGULAR_EXPRESSION, "invalid regular expression: %s", (what))
