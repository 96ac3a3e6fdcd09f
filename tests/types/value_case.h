// One value through a type's input and output, told as one line, so that our answer and
// PostgreSQL's can be compared and kept in a file.
//
// Format   Tab-separated, with \t \n \r \\ \xHH escaped: how it came in (T text, B binary in
//          hexadecimal), the input, and what came of it: "=" text and binary output in hexadecimal,
//          or "!" SQLSTATE, message and detail.
#pragma once

#include "types/type.h"

typedef struct ValueCase {
    bool is_binary;
    const char *input; // unescaped
    size_t count;
} ValueCase;

void escape_append(Text *out, const char *bytes, size_t count);

// Undoes escape_append up to the next tab or the end of the line; advances past the tab.
ValueCase unescape(const char **line, Arena *arena);

void hex_append(Text *out, Bytes bytes);

// Appends the case and the answer of the types module. No line end.
void value_case_append(SqlType type, const ValueContext *context, const ValueCase *value_case,
    Arena *arena, Text *out);

// Appends the case alone, with a tab behind it.
void value_case_append_input(const ValueCase *value_case, Text *out);

// What the head of a file says: "# typname modifier" and settings, as in "# date -1 datestyle=SQL".
typedef struct ValueHead {
    SqlType type;
    ValueContext context;
    char settings[256]; // as they stand in the head
} ValueHead;

// The zone lives in `arena`.
void value_head_read(const char *line, Arena *arena, ValueHead *head_out);
