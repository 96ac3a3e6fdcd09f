// Sessions: settings, transactions, statements and portals, and the plan cache; what the embedded
// library and the server both speak to. Neither can do what the other cannot.
//
// Model    A client prepares a text (one statement), binds values into a portal, and executes the
//          portal for some rows at a time; or runs a text of several statements at once
//          (session_run). Every entry point returns OK or an error to show to the client, after
//          which the session is ready for the next call; in a transaction block it is then in the
//          aborted state until ROLLBACK.
// Threads  A session belongs to one thread at a time; session_cancel may be called by any.
// Memory   Text and values given to a call are the caller's until it returns.
#pragma once

#include "base/error.h"
#include "batch/batch.h"
#include "engine/database.h"
#include "plan/plan.h"

typedef struct Session Session;
typedef struct Prepared Prepared;
typedef struct Portal Portal;

typedef struct SessionOptions {
    const char *user_name, *database_name, *application_name; // defaults: "omen", file's name, ""
    bool autocommit_is_synchronous;
    // A NOTICE, WARNING and the like; `severity` is the word.
    void (*notice)(void *argument, const char *severity, const Error *notice);
    // A setting that clients are told about has changed (the server's ParameterStatus).
    void (*setting_changed)(void *argument, const char *name, const char *setting);
    void *argument;
} SessionOptions;

// What all sessions of a database share: the parser, the shared plan cache, numbers of sessions.
typedef struct SessionPool SessionPool;
Status session_pool_create(Database *database, SessionPool **pool_out);
void session_pool_destroy(SessionPool *pool);

Status session_create(SessionPool *pool, const SessionOptions *options, Session **session_out);
void session_destroy(Session *session); // rolls back what is open

typedef enum SessionState {
    SESSION_IDLE = 'I',
    SESSION_IN_TRANSACTION = 'T',
    SESSION_FAILED = 'E'
} SessionState;

SessionState session_state(const Session *session);
uint32_t session_number(const Session *session); // pg_backend_pid()
void session_cancel(Session *session);           // any thread: 57014 at the next border
const ValueContext *session_value_context(Session *session);

// Progress of the running statement, 0 to 1 or negative when unknown; return true to cancel it.
void session_set_progress(
    Session *session, bool (*progress)(void *argument, double fraction), void *argument);

// Settings by PostgreSQL's names. NULL when there is none of that name.
const char *session_setting(Session *session, const char *name);
Status session_set_setting(Session *session, const char *name, const char *setting);

// ---- Prepared statements and portals ------------------------------------------------------------
// Names are "" for the unnamed one. Prepared statements and portals belong to the session and are
// found by name; pointers stay valid until they are closed or replaced.

Status session_prepare(Session *session, const char *name, const char *sql,
    const Oid *parameter_types, uint32_t parameter_type_count, Prepared **prepared_out);
Prepared *session_find_prepared(Session *session, const char *name);
void session_close_prepared(Session *session, const char *name);

uint32_t prepared_parameter_count(const Prepared *prepared);
Oid prepared_parameter_type(const Prepared *prepared, uint32_t index);
uint32_t prepared_result_count(const Prepared *prepared);
bool prepared_returns_rows(const Prepared *prepared); // they may have no column
const ResultColumn *prepared_results(const Prepared *prepared);

// Parameter values were read with value_from_text or value_from_binary for the parameter's type;
// the portal copies them.
Status session_bind(Session *session, const char *portal_name, Prepared *prepared,
    const Value *parameters, uint32_t parameter_count, Portal **portal_out);

// The short path: a statement that reads one row by key, outside a transaction block, is run from
// its beginning to its end by this one call. False when the statement, or the moment, is not for
// it: then nothing has happened, and a portal does it. *batch_out is NULL when there is no such
// row; it is valid until the next run of the same statement or prepared_release.
Status session_read_key(Session *session, Prepared *prepared, const Value *parameters,
    uint32_t parameter_count, bool *is_taken_out, Batch **batch_out);
void prepared_release(Prepared *prepared); // the row is no longer looked at

Portal *session_find_portal(Session *session, const char *name);
void session_close_portal(Session *session, const char *name);
uint32_t portal_result_count(const Portal *portal);
bool portal_returns_rows(const Portal *portal);
const ResultColumn *portal_results(const Portal *portal);

typedef enum PortalState {
    PORTAL_ROWS,      // *batch_out has rows; call again
    PORTAL_SUSPENDED, // row_max rows were returned; the portal stays open
    PORTAL_DONE,      // finished; portal_tag is set
    PORTAL_COPY_IN,   // wants session_copy_data
    PORTAL_COPY_OUT,  // *copy_out has bytes to send (none at first); call again
    PORTAL_EMPTY,     // an empty statement
} PortalState;

// Runs until there are rows to take or nothing is left. `row_max` 0 is without limit. The batch
// (or bytes) is valid until the next call for this session. A statement outside a transaction block
// is committed before PORTAL_DONE is returned when `sync_follows` (the simple protocol, embedded);
// in the extended protocol session_sync commits.
Status portal_execute(Portal *portal, uint32_t row_max, bool sync_follows, PortalState *state_out,
    Batch **batch_out, Bytes *copy_out);
const char *portal_tag(const Portal *portal); // "INSERT 0 1"
uint64_t portal_row_count(const Portal *portal);

// The end of an extended-protocol sequence: commits an implicit transaction. `had_error`: rolls it
// back.
Status session_sync(Session *session, bool had_error);

// ---- A whole text -------------------------------------------------------------------------------

// What a text of several statements tells as it runs; any may be NULL. Errors returned by a
// callback stop the run.
typedef struct RunCallbacks {
    Status (*begin_rows)(void *argument, const ResultColumn *columns, uint32_t column_count);
    Status (*rows)(void *argument, const Batch *batch);
    Status (*complete)(void *argument, const char *tag);
    Status (*empty)(void *argument);
    // COPY FROM STDIN: told once, then asked for data until an empty piece; COPY TO STDOUT.
    Status (*copy_in_begin)(void *argument, bool is_binary, uint32_t column_count);
    Status (*copy_in)(void *argument, Bytes *piece_out);
    Status (*copy_out_begin)(void *argument, bool is_binary, uint32_t column_count);
    Status (*copy_out)(void *argument, Bytes piece);
    void *argument;
} RunCallbacks;

// Runs every statement of `sql`, as one implicit transaction unless it says otherwise; stops at
// the first error, as PostgreSQL's simple protocol does.
Status session_run(Session *session, const char *sql, const RunCallbacks *callbacks);

// ---- COPY in through a portal -------------------------------------------------------------------

bool portal_copy_is_binary(const Portal *portal);
uint32_t portal_copy_column_count(const Portal *portal);
Status session_copy_data(Session *session, Bytes data); // pushed; may be cut anywhere
Status session_copy_end(Session *session);              // then portal_execute tells the tag
Status session_copy_fail(Session *session, const char *message);

// Embedded appender: rows as batches straight into a table, through the same INSERT path as COPY.
typedef struct Appender Appender;
Status session_append_begin(
    Session *session, const char *schema, const char *table, Appender **out);
uint32_t appender_column_count(const Appender *appender);
Oid appender_column_type(const Appender *appender, uint32_t index);
Status appender_add(Appender *appender, const Value *values); // copied
Status appender_end(Appender *appender); // commits if it began a transaction; frees it
void appender_abandon(Appender *appender);
