// Printing results: psql's aligned table, expanded records, CSV, JSON and Markdown.
#pragma once

#include "session/session.h"

#include <stdio.h>

typedef enum PrintMode { PRINT_TABLE, PRINT_CSV, PRINT_JSON, PRINT_MARKDOWN, PRINT_LINE } PrintMode;

// False for an unknown name.
bool print_mode_find(const char *name, PrintMode *mode_out);

typedef struct PrintOptions {
    PrintMode mode;
    bool is_expanded;
    const char *null_text;
    const char *title; // above a table, or NULL
    bool hides_count;  // no "(3 rows)" and no empty line after it: more follows
} PrintOptions;

// A result that is being printed. CSV, JSON, Markdown and lines go out as rows come; a table waits
// for its widths.
typedef struct Printer Printer;

Printer *printer_make(Arena *arena, FILE *file, PrintOptions options, const ResultColumn *columns,
    uint32_t column_count);
Status printer_rows(Printer *printer, const ValueContext *context, const Batch *batch);
void printer_end(Printer *printer);
