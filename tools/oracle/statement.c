// Corpus texts, cut into statements; buffers.

#include "oracle.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- Buffers ------------------------------------------------------------------------------------

static void buffer_reserve(Buffer *buffer, size_t more) {
    size_t needed = buffer->count + more + 1;
    if (needed <= buffer->capacity) return;
    size_t capacity = buffer->capacity < 128 ? 128 : buffer->capacity * 2;
    if (capacity < needed) capacity = needed;
    buffer->data = realloc(buffer->data, capacity);
    if (buffer->data == NULL) abort();
    buffer->capacity = capacity;
}

void buffer_add(Buffer *buffer, const char *bytes, size_t count) {
    buffer_reserve(buffer, count);
    if (count > 0) memcpy(buffer->data + buffer->count, bytes, count);
    buffer->count += count;
    buffer->data[buffer->count] = 0;
}

void buffer_add_text(Buffer *buffer, const char *text) {
    buffer_add(buffer, text, strlen(text));
}

void buffer_add_format(Buffer *buffer, const char *format, ...) {
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (count > 0)
        buffer_add(buffer, text, (size_t)count < sizeof text ? (size_t)count : sizeof text - 1);
}

void buffer_free(Buffer *buffer) {
    free(buffer->data);
    *buffer = (Buffer){0};
}

char *file_read_all(const char *path, size_t *count_out) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return NULL;
    Buffer buffer = {0};
    char piece[65536];
    size_t count;
    while ((count = fread(piece, 1, sizeof piece, file)) > 0) {
        buffer_add(&buffer, piece, count);
    }
    fclose(file);
    buffer_add(&buffer, "", 0);
    if (count_out != NULL) *count_out = buffer.count;
    return buffer.data;
}

// ---- Statements ---------------------------------------------------------------------------------

// Calls `visit` for each character that is outside quotes and comments, with the depth of
// parentheses; returns where it stopped, or the end.
typedef bool (*CodeVisit)(void *argument, const char *at, int depth);

static const char *code_walk(const char *at, CodeVisit visit, void *argument) {
    int depth = 0;
    while (*at != 0) {
        if (*at == '\'' || *at == '"') {
            char quote = *at++;
            while (*at != 0 && !(*at == quote && at[1] != quote)) {
                at += *at == quote ? 2 : 1;
            }
            if (*at != 0) at++;
        } else if (at[0] == '$' && (at[1] == '$' || isalpha((unsigned char)at[1]))) {
            const char *end = at + 1;
            while (isalnum((unsigned char)*end) || *end == '_') {
                end++;
            }
            if (*end != '$') {
                at++;
                continue;
            }
            size_t tag_count = (size_t)(end - at) + 1;
            char tag[64] = {0};
            memcpy(tag, at, tag_count < sizeof tag ? tag_count : sizeof tag - 1);
            const char *close = strstr(at + tag_count, tag);
            at = close == NULL ? at + strlen(at) : close + tag_count;
        } else if (at[0] == '-' && at[1] == '-') {
            while (*at != 0 && *at != '\n') {
                at++;
            }
        } else if (at[0] == '/' && at[1] == '*') {
            const char *close = strstr(at + 2, "*/");
            at = close == NULL ? at + strlen(at) : close + 2;
        } else {
            depth += (*at == '(') - (*at == ')');
            if (!visit(argument, at, depth)) return at;
            at++;
        }
    }
    return at;
}

static bool is_not_semicolon(void *argument, const char *at, int depth) {
    (void)argument;
    return !(*at == ';' && depth <= 0);
}

// Blanks and comments before a statement.
static const char *skip_to_statement(const char *at) {
    for (;;) {
        if (isspace((unsigned char)*at) || *at == ';') {
            at++;
        } else if (at[0] == '-' && at[1] == '-') {
            while (*at != 0 && *at != '\n') {
                at++;
            }
        } else {
            return at;
        }
    }
}

char *statement_next(const char **at) {
    const char *start = skip_to_statement(*at);
    if (*start == 0) return NULL;
    const char *end = code_walk(start, is_not_semicolon, NULL);
    *at = *end == ';' ? end + 1 : end;
    while (end > start && isspace((unsigned char)end[-1])) {
        end--;
    }
    return strndup(start, (size_t)(end - start));
}

static bool is_keyword(const char *at, const char *word) {
    size_t count = strlen(word);
    return strncasecmp(at, word, count) == 0 && !isalnum((unsigned char)at[count])
           && at[count] != '_';
}

typedef struct OrderSearch {
    const char *start;
    bool is_ordered;
} OrderSearch;

static bool find_order(void *argument, const char *at, int depth) {
    OrderSearch *search = argument;
    if (depth != 0 || !is_keyword(at, "order")) return true;
    if (at > search->start && (isalnum((unsigned char)at[-1]) || at[-1] == '_')) return true;
    const char *next = at + 5;
    while (isspace((unsigned char)*next)) {
        next++;
    }
    search->is_ordered = search->is_ordered || is_keyword(next, "by");
    return true;
}

bool statement_is_ordered(const char *sql) {
    OrderSearch search = {.start = sql};
    code_walk(sql, find_order, &search);
    return search.is_ordered || is_keyword(sql, "explain") || is_keyword(sql, "show");
}

bool statement_only_reads(const char *sql) {
    while (*sql == '(' || isspace((unsigned char)*sql)) {
        sql++;
    }
    return is_keyword(sql, "select") || is_keyword(sql, "values") || is_keyword(sql, "table");
}
