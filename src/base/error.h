// The error record: what failed on this thread, in PostgreSQL's words.
//
// Model    One error is in flight on a thread at a time, because functions return at once. `fail`
//          records and returns; the session takes the record and clears it. Work that crosses
//          threads takes the error with error_take and raises it again with error_raise.
// Threads  Every thread has its own record.
// Memory   Texts live until error_clear or the next `fail` on the thread; longer ones are cut.
#pragma once

#include "base/arena.h"
#include "base/status.h"

typedef struct Error {
    Status status;
    const char *message; // never NULL while status is not OK
    const char *detail, *hint, *context;
    const char *schema_name, *table_name, *column_name, *type_name, *constraint_name;
    uint32_t position; // character in the statement, from 1; 0 if none
    const char *file;  // where it was raised
    int line;
} Error;

// Records a failure and returns its status. The message is lower case without a full stop.
#define fail(status, ...) (error_record((status), __FILE__, __LINE__, __VA_ARGS__), (status))

[[gnu::format(printf, 4, 5), gnu::cold]] void error_record(
    Status status, const char *file, int line, const char *format, ...);

// These add to the error in flight, and do nothing when there is none.
[[gnu::format(printf, 1, 2), gnu::cold]] void error_add_detail(const char *format, ...);
[[gnu::format(printf, 1, 2), gnu::cold]] void error_add_hint(const char *format, ...);
[[gnu::format(printf, 1, 2), gnu::cold]] void error_add_context(const char *format, ...);

// Sets the position if none is set yet: the innermost place wins.
void error_set_position(uint32_t position);

typedef enum ErrorName {
    ERROR_SCHEMA_NAME,
    ERROR_TABLE_NAME,
    ERROR_COLUMN_NAME,
    ERROR_TYPE_NAME,
    ERROR_CONSTRAINT_NAME,
} ErrorName;

void error_set_name(ErrorName which, const char *name);

// Borrows the record of this thread; status is OK when nothing failed.
const Error *error_get(void);

void error_clear(void);

// Copies the record into `arena` and clears it.
void error_take(Arena *arena, Error *error_out);

// Records a taken error again, on this thread, and returns its status.
[[gnu::cold]] Status error_raise(const Error *error);
