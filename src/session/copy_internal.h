// COPY: what its files share.
//
// Model    COPY FROM gathers what the client pushes until there is enough, cuts it into rows,
//          reads their fields into a batch, and runs the INSERT's plan on each full batch, all
//          within one statement. COPY TO runs a query and writes each row as one piece.
#pragma once

#include "session/session_internal.h"

typedef struct CopyColumn {
    const char *name;
    SqlType type;
    const TypeOps *ops;
    uint32_t width;
    bool force_quote, force_not_null, force_null;
} CopyColumn;

// Where a row came from, for messages.
typedef struct CopyLine {
    uint64_t number;
    const char *text; // in the bytes at hand; NULL in the binary format
    size_t count;
} CopyLine;

typedef struct CopyIn {
    Portal *portal;
    const BoundCopy *bound;
    const CopyOptions *options;
    const char *table_name;
    uint32_t column_count;
    CopyColumn *columns;
    size_t null_count; // bytes of the null text
    Plan *plan;

    uint8_t *bytes; // what was pushed and is not read yet
    size_t count, capacity;
    uint64_t line;          // of the last row read
    bool has_header_passed; // the header line, or the binary signature
    bool has_ended;         // by its own end marker
    char line_end;          // the first character of what ended CSV's first line; 0 before

    Arena batch_arena;  // values of the rows at hand
    Batch *batch;       // of the portal's arena
    CopyLine *lines;    // of each row of the batch
    size_t batch_bytes; // of those lines
    Batch *fed;         // what the plan's feed gives next
    uint64_t row_count;
    Arena run_arena; // of one run of the plan
} CopyIn;

typedef struct CopyOut {
    Portal *portal;
    const CopyOptions *options;
    uint32_t column_count;
    CopyColumn *columns;
    Statement *statement; // when the source is a table
    Arena text_arena;
    Text text;    // rows of the batch at hand
    size_t *ends; // where each of them ends
    uint32_t row_count, next_row;
    bool has_begun, has_ended;
    uint64_t total;
} CopyOut;

// Reads rows from the bytes at hand; `is_last` when nothing follows. Reads at most to where the
// batch is full, and sets *is_blocked_out when it needs more bytes.
Status copy_read_text(CopyIn *copy, bool is_last, size_t *consumed_out, bool *is_blocked_out);
Status copy_read_csv(CopyIn *copy, bool is_last, size_t *consumed_out, bool *is_blocked_out);
Status copy_read_binary(CopyIn *copy, bool is_last, size_t *consumed_out, bool *is_blocked_out);

// Puts a field into the batch's next row. `text` NULL is SQL NULL.
Status copy_field(CopyIn *copy, uint32_t column, const char *text, size_t count);
void copy_line_context(const CopyIn *copy, const char *line, size_t count);
// The row is complete; `line` is where it came from, NULL in the binary format.
void copy_row_end(CopyIn *copy, const char *line, size_t count);
bool copy_batch_is_full(const CopyIn *copy);

void copy_write_header(CopyOut *copy, Text *out);
Status copy_write_row(CopyOut *copy, const Batch *batch, uint32_t row, Text *out);
void copy_write_trailer(CopyOut *copy, Text *out);
