// OmenDB, embedded: a PostgreSQL-compatible database inside your process, on one file.
//
//   OmenDatabase *database;
//   OmenConnection *connection;
//   if (omen_open("app.omen", NULL, &database) != OMEN_OK) die(omen_last_error()->message);
//   omen_connect(database, &connection);
//   omen_exec(connection, "create table t (id bigint primary key, v text)", NULL, NULL);
//   ...
//   omen_disconnect(connection);
//   omen_close(database);
//
// Threads  A database is shared by any number of threads. A connection, and everything made from
//          it, belongs to one thread at a time; only omen_interrupt may be called by any.
// Errors   Functions return OMEN_OK, or OMEN_ERROR, and then omen_last_error tells what failed on
//          this thread: PostgreSQL's SQLSTATE and words. After an error in a transaction, ROLLBACK.
// Memory   What a function returns is valid for as long as its comment says; strings are UTF-8.
#ifndef OMENDB_H
#define OMENDB_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define OMEN_API __attribute__((visibility("default")))
#else
#define OMEN_API
#endif

#define OMEN_VERSION "0.1.0"

typedef struct OmenDatabase OmenDatabase;
typedef struct OmenConnection OmenConnection;
typedef struct OmenStatement OmenStatement;
typedef struct OmenAppender OmenAppender;

typedef enum OmenResult {
    OMEN_OK = 0,
    OMEN_ERROR = 1,
    OMEN_ROW = 2,  // omen_step: a row is there
    OMEN_DONE = 3, // omen_step: no more rows; the statement has completed
} OmenResult;

typedef struct OmenError {
    const char *sqlstate;                // "23505"
    const char *message;                 // never NULL
    const char *detail, *hint, *context; // NULL when there is none
    const char *schema_name, *table_name, *column_name, *constraint_name;
    int position; // character in the statement, from 1; 0 if none
} OmenError;

// What failed last on the calling thread. Valid until its next call of this library.
OMEN_API const OmenError *omen_last_error(void);

OMEN_API const char *omen_version(void);

// ---- Databases ----------------------------------------------------------------------------------

typedef struct OmenOptions {
    size_t struct_bytes;         // sizeof(OmenOptions): later versions may add fields
    int must_exist;              // fail instead of creating the file
    uint64_t memory_limit_bytes; // 0: 70 % of the machine's
    // Told while a crashed database recovers, 0 to 1. May be NULL.
    void (*recovery_progress)(void *argument, double fraction);
    void *argument;
} OmenOptions;

// Opens a file, creating it when it is missing; path NULL or ":memory:" is a database in memory.
// One process at a time has a file open.
OMEN_API OmenResult omen_open(
    const char *path, const OmenOptions *options, OmenDatabase **database_out);

// Every connection must be closed. Accepts NULL. After it there is one file again.
OMEN_API void omen_close(OmenDatabase *database);

OMEN_API OmenResult omen_connect(OmenDatabase *database, OmenConnection **connection_out);

// Rolls back an open transaction. Statements and appenders must be finalized. Accepts NULL.
OMEN_API void omen_disconnect(OmenConnection *connection);

// ---- Whole texts --------------------------------------------------------------------------------

// One row of text; a NULL field is a NULL pointer. Valid during the call. Nonzero stops the run.
typedef int (*OmenRowCallback)(
    void *argument, int column_count, const char *const *names, const char *const *fields);

// Runs one or several statements; outside a transaction they are one transaction.
OMEN_API OmenResult omen_exec(
    OmenConnection *connection, const char *sql, OmenRowCallback callback, void *argument);

// ---- Prepared statements ------------------------------------------------------------------------

// Exactly one statement, with parameters $1, $2, ...
OMEN_API OmenResult omen_prepare(
    OmenConnection *connection, const char *sql, OmenStatement **statement_out);
OMEN_API void omen_finalize(OmenStatement *statement); // accepts NULL

// Parameters are numbered from 1. Values are converted to the parameter's type when the conversion
// cannot lose anything; text is read as the type reads it. Bindings stay for the next run. Text and
// blobs are copied. `count` is in bytes; -1 for a terminated string.
OMEN_API int omen_parameter_count(const OmenStatement *statement);
OMEN_API uint32_t omen_parameter_type(
    const OmenStatement *statement, int index); // PostgreSQL's OID
OMEN_API OmenResult omen_bind_null(OmenStatement *statement, int index);
OMEN_API OmenResult omen_bind_bool(OmenStatement *statement, int index, int value);
OMEN_API OmenResult omen_bind_int64(OmenStatement *statement, int index, int64_t value);
OMEN_API OmenResult omen_bind_double(OmenStatement *statement, int index, double value);
OMEN_API OmenResult omen_bind_text(
    OmenStatement *statement, int index, const char *text, ptrdiff_t count);
OMEN_API OmenResult omen_bind_blob(
    OmenStatement *statement, int index, const void *bytes, size_t count);

// Runs to the next row. OMEN_ROW, OMEN_DONE, or OMEN_ERROR. After OMEN_DONE the next step runs the
// statement again.
OMEN_API OmenResult omen_step(OmenStatement *statement);

// Ends a run early, so that the next step starts again.
OMEN_API void omen_reset(OmenStatement *statement);

// Rows inserted, updated, deleted or returned by the last complete run.
OMEN_API uint64_t omen_row_count(const OmenStatement *statement);

// Columns are numbered from 0. Values are those of the current row, and pointers are valid until
// the next step, reset or finalize.
OMEN_API int omen_column_count(const OmenStatement *statement);
OMEN_API const char *omen_column_name(const OmenStatement *statement, int column);
OMEN_API uint32_t omen_column_type(const OmenStatement *statement, int column); // PostgreSQL's OID
OMEN_API int omen_column_is_null(const OmenStatement *statement, int column);
OMEN_API int omen_column_bool(const OmenStatement *statement, int column);
OMEN_API int64_t omen_column_int64(
    const OmenStatement *statement, int column); // cut off if a fraction
OMEN_API double omen_column_double(const OmenStatement *statement, int column);
OMEN_API const char *omen_column_text(OmenStatement *statement, int column, size_t *count_out);
OMEN_API const void *omen_column_blob(OmenStatement *statement, int column, size_t *count_out);

// ---- Loading many rows --------------------------------------------------------------------------

// Rows go into the table as COPY's do: values in column order, every column of the table. Outside a
// transaction the appender commits when it is finished.
OMEN_API OmenResult omen_append_begin(OmenConnection *connection, const char *schema,
    const char *table, OmenAppender **appender_out); // schema NULL: the search path
OMEN_API OmenResult omen_append_null(OmenAppender *appender);
OMEN_API OmenResult omen_append_bool(OmenAppender *appender, int value);
OMEN_API OmenResult omen_append_int64(OmenAppender *appender, int64_t value);
OMEN_API OmenResult omen_append_double(OmenAppender *appender, double value);
OMEN_API OmenResult omen_append_text(OmenAppender *appender, const char *text, ptrdiff_t count);
OMEN_API OmenResult omen_append_blob(OmenAppender *appender, const void *bytes, size_t count);
OMEN_API OmenResult omen_append_end_row(OmenAppender *appender);
OMEN_API OmenResult omen_append_finish(OmenAppender *appender); // frees it in every case
OMEN_API void omen_append_abandon(OmenAppender *appender);      // and its rows; accepts NULL

// ---- Long statements ----------------------------------------------------------------------------

// Cancels what the connection is running, with 57014. Any thread.
OMEN_API void omen_interrupt(OmenConnection *connection);

// Told now and then while a statement runs: 0 to 1, or negative when unknown. Nonzero cancels.
OMEN_API void omen_set_progress(
    OmenConnection *connection, int (*progress)(void *argument, double fraction), void *argument);

// Told of notices and warnings.
OMEN_API void omen_set_notice(OmenConnection *connection,
    void (*notice)(void *argument, const char *severity, const OmenError *notice), void *argument);

#ifdef __cplusplus
}
#endif

#endif
