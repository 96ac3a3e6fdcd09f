#include "parse/nesting.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

// Levels of brackets whose chains are counted one by one; what is deeper counts as one level, which
// only makes the bound larger.
enum { LEVEL_COUNT = 256 };

typedef struct Level {
    size_t chain;   // links of the expression's chain since it began
    size_t clauses; // links of set operations and joins
} Level;

typedef struct Scan {
    const char *at;
    Level levels[LEVEL_COUNT];
    size_t level, brackets;
    size_t sum; // of all links at the open levels
    size_t bound;
} Scan;

static bool is_word_start(char c) {
    return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || (c & 0x80) != 0;
}

static bool is_word_part(char c) {
    return is_word_start(c) || (c >= '0' && c <= '9') || c == '$';
}

static bool is_operator(char c) {
    return c != 0 && strchr("+-*/<>=~!@#%^&|`?:", c) != NULL;
}

// Skips a quoted run; doubled quotes read as two runs side by side, which is as good here.
static void skip_quoted(Scan *scan, char quote, bool has_backslashes) {
    scan->at++;
    while (*scan->at != 0 && *scan->at != quote) {
        if (has_backslashes && scan->at[0] == '\\' && scan->at[1] != 0) scan->at++;
        scan->at++;
    }
    if (*scan->at != 0) scan->at++;
}

static void skip_comment(Scan *scan) {
    size_t depth = 0;
    do {
        if (scan->at[0] == '/' && scan->at[1] == '*') {
            depth++;
            scan->at += 2;
        } else if (scan->at[0] == '*' && scan->at[1] == '/') {
            depth--;
            scan->at += 2;
        } else {
            scan->at++;
        }
    } while (depth > 0 && *scan->at != 0);
}

// $tag$ ... $tag$; false when it is not one.
static bool skip_dollar_quoted(Scan *scan) {
    const char *tag_end = scan->at + 1;
    if (*tag_end >= '0' && *tag_end <= '9') return false;
    while (is_word_part(*tag_end) && *tag_end != '$') {
        tag_end++;
    }
    if (*tag_end != '$') return false;
    size_t tag_count = (size_t)(tag_end + 1 - scan->at);
    const char *close = tag_end + 1;
    while ((close = strchr(close, '$')) != NULL) {
        if (strncmp(close, scan->at, tag_count) == 0) {
            scan->at = close + tag_count;
            return true;
        }
        close++;
    }
    scan->at += strlen(scan->at);
    return true;
}

static void count_depth(Scan *scan) {
    size_t depth = scan->brackets + scan->sum;
    if (depth > scan->bound) scan->bound = depth;
}

static void add_link(Scan *scan, size_t *links) {
    (*links)++;
    scan->sum++;
    count_depth(scan);
}

static void end_chain(Scan *scan) {
    Level *level = &scan->levels[scan->level];
    scan->sum -= level->chain;
    level->chain = 0;
}

static void open_bracket(Scan *scan) {
    scan->brackets++;
    if (scan->level + 1 < LEVEL_COUNT) scan->levels[++scan->level] = (Level){0};
    count_depth(scan);
}

static void close_bracket(Scan *scan) {
    if (scan->brackets == 0) return;
    if (scan->brackets < LEVEL_COUNT) {
        Level *level = &scan->levels[scan->level--];
        scan->sum -= level->chain + level->clauses;
    }
    scan->brackets--;
}

static bool word_is(const char *word, size_t count, const char *wanted) {
    return strlen(wanted) == count && strncasecmp(word, wanted, count) == 0;
}

static bool word_is_one_of(const char *word, size_t count, const char *const *wanted) {
    for (; *wanted != NULL; wanted++) {
        if (word_is(word, count, *wanted)) return true;
    }
    return false;
}

static void read_word(Scan *scan) {
    // Words that may follow a complete expression and make a larger one of it.
    static const char *const links[] = {"is", "isnull", "notnull", "collate", "at", "not", "like",
        "ilike", "similar", "between", "in", "overlaps", "operator", "escape", "case", "else",
        NULL};
    static const char *const clauses[] = {"union", "intersect", "except", "join", NULL};

    const char *word = scan->at;
    while (is_word_part(*scan->at)) {
        scan->at++;
    }
    size_t count = (size_t)(scan->at - word);
    Level *level = &scan->levels[scan->level];
    if (word_is(word, count, "and") || word_is(word, count, "or")) {
        end_chain(scan);
    } else if (word_is_one_of(word, count, clauses)) {
        end_chain(scan);
        add_link(scan, &level->clauses);
    } else if (word_is_one_of(word, count, links)) {
        add_link(scan, &level->chain);
    } else if (count == 1 && (*word | 0x20) == 'e' && *scan->at == '\'') {
        skip_quoted(scan, '\'', true);
    }
}

size_t nesting_bound(const char *sql) {
    Scan scan = {.at = sql};
    while (*scan.at != 0) {
        char c = *scan.at;
        if (is_word_start(c)) {
            read_word(&scan);
        } else if (c == '\'' || c == '"') {
            skip_quoted(&scan, c, false);
        } else if (c == '-' && scan.at[1] == '-') {
            scan.at += strcspn(scan.at, "\n\r");
        } else if (c == '/' && scan.at[1] == '*') {
            skip_comment(&scan);
        } else if (c == '$' && skip_dollar_quoted(&scan)) {
            continue;
        } else {
            scan.at++;
            if (c == '(' || c == '[') {
                open_bracket(&scan);
            } else if (c == ')' || c == ']') {
                close_bracket(&scan);
            } else if (c == ',') {
                end_chain(&scan);
            } else if (c == ';') {
                end_chain(&scan);
                scan.sum -= scan.levels[scan.level].clauses;
                scan.levels[scan.level].clauses = 0;
            } else if (is_operator(c)) {
                add_link(&scan, &scan.levels[scan.level].chain);
            }
        }
    }
    return scan.bound;
}
