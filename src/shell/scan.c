// Cutting text into statements, as psql does: at semicolons that are outside quotes, comments and
// parentheses.

#include "shell/shell.h"

#include <ctype.h>

static bool is_tag_char(char c) {
    return isalnum((unsigned char)c) || c == '_' || (c & 0x80);
}

// The dollar quote that starts at `at`, its tag without the dollars; false when none does.
static bool dollar_tag(const char *at, size_t count, char tag[64], size_t *bytes_out) {
    size_t length = 1;
    while (length < count && is_tag_char(at[length])) {
        length++;
    }
    if (length >= count || at[length] != '$' || length > 63) return false;
    if (length > 1 && isdigit((unsigned char)at[1])) return false; // a parameter
    memcpy(tag, at + 1, length - 1);
    tag[length - 1] = 0;
    *bytes_out = length + 1;
    return true;
}

static size_t skip_quoted(StatementScan *scan, const char *text, size_t i, size_t count) {
    if (scan->quote == '$') {
        char tag[64];
        size_t bytes;
        if (text[i] == '$' && dollar_tag(text + i, count - i, tag, &bytes)
            && strcmp(tag, scan->tag) == 0) {
            scan->quote = 0;
            return i + bytes;
        }
        return i + 1;
    }
    if (text[i] == '\\' && scan->is_escape_string && i + 1 < count) return i + 2;
    if (text[i] == scan->quote) {
        if (i + 1 < count && text[i + 1] == scan->quote) return i + 2;
        scan->quote = 0;
    }
    return i + 1;
}

static size_t skip_comment(StatementScan *scan, const char *text, size_t i, size_t count) {
    if (i + 1 < count && text[i] == '*' && text[i + 1] == '/') {
        scan->comment_depth--;
        return i + 2;
    }
    if (i + 1 < count && text[i] == '/' && text[i + 1] == '*') {
        scan->comment_depth++;
        return i + 2;
    }
    return i + 1;
}

ScanStop statement_scan(StatementScan *scan, const char *text, size_t count, size_t *at) {
    size_t i = *at;
    while (i < count) {
        char c = text[i];
        if (scan->quote != 0) {
            i = skip_quoted(scan, text, i, count);
        } else if (scan->comment_depth > 0) {
            i = skip_comment(scan, text, i, count);
        } else if (c == '\'' || c == '"') {
            bool has_prefix = i > 0 && (text[i - 1] == 'E' || text[i - 1] == 'e')
                              && (i == 1 || !is_tag_char(text[i - 2]));
            scan->quote = c;
            scan->is_escape_string = c == '\'' && has_prefix;
            i++;
        } else if (c == '-' && i + 1 < count && text[i + 1] == '-') {
            const char *end = memchr(text + i, '\n', count - i);
            i = end == NULL ? count : (size_t)(end - text) + 1;
        } else if (c == '/' && i + 1 < count && text[i + 1] == '*') {
            scan->comment_depth = 1;
            i += 2;
        } else if (c == '$' && (i == 0 || !is_tag_char(text[i - 1]))) {
            size_t bytes = 1;
            if (dollar_tag(text + i, count - i, scan->tag, &bytes)) scan->quote = '$';
            i += bytes;
        } else if (c == ';' && scan->parentheses <= 0) {
            *scan = (StatementScan){0};
            *at = i + 1;
            return SCAN_STATEMENT;
        } else if (c == '\\') {
            *at = i;
            return SCAN_COMMAND;
        } else {
            scan->parentheses += (c == '(') - (c == ')');
            i++;
        }
    }
    *at = count;
    return SCAN_OPEN;
}

bool statement_is_blank(const char *text, size_t count) {
    size_t i = 0;
    while (i < count) {
        if (isspace((unsigned char)text[i]) || text[i] == ';') {
            i++;
        } else if (text[i] == '-' && i + 1 < count && text[i + 1] == '-') {
            while (i < count && text[i] != '\n') {
                i++;
            }
        } else {
            return false;
        }
    }
    return true;
}
