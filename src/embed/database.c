// Databases and connections of include/omendb.h, and runs of whole texts.

#include "engine/database.h"

#include "base/error.h"
#include "embed/embed_internal.h"
#include "os/environment.h"

#include <stdlib.h>

// The last error of each thread, kept until its next call: the strings that callers hold.
typedef struct LastError {
    OmenError error;
    char sqlstate[6];
    Error taken;
    Arena arena;
} LastError;

static _Thread_local LastError last = {.error = {.sqlstate = "00000", .message = ""}};

static void omen_error_fill(OmenError *to, const Error *from, char sqlstate[6]) {
    status_to_sqlstate(from->status, sqlstate);
    *to = (OmenError){
        .sqlstate = sqlstate,
        .message = from->message,
        .detail = from->detail,
        .hint = from->hint,
        .context = from->context,
        .schema_name = from->schema_name,
        .table_name = from->table_name,
        .column_name = from->column_name,
        .constraint_name = from->constraint_name,
        .position = (int)from->position,
    };
}

OmenResult result_of(Status status) {
    if (status == OK) return OMEN_OK;
    arena_reset(&last.arena);
    error_take(&last.arena, &last.taken);
    omen_error_fill(&last.error, &last.taken, last.sqlstate);
    return OMEN_ERROR;
}

const OmenError *omen_last_error(void) {
    return &last.error;
}

const char *omen_version(void) {
    return OMEN_VERSION;
}

typedef struct RecoveryProgress {
    void (*progress)(void *argument, double fraction);
    void *argument;
} RecoveryProgress;

static void recovery_progress(void *argument, const char *what, double fraction) {
    (void)what;
    RecoveryProgress *told = argument;
    told->progress(told->argument, fraction);
}

// The options given, with those that an older caller does not know left at zero.
static OmenOptions options_read(const OmenOptions *given) {
    OmenOptions options = {.struct_bytes = sizeof options};
    if (given != NULL) {
        size_t bytes = given->struct_bytes < sizeof options ? given->struct_bytes : sizeof options;
        memcpy(&options, given, bytes);
    }
    return options;
}

static Status database_handle_open(
    const char *path, const OmenOptions *given, OmenDatabase **database_out) {
    OmenOptions options = options_read(given);
    RecoveryProgress told = {options.recovery_progress, options.argument};
    DatabaseOptions wanted = {
        .environment = environment_real(),
        .must_exist = options.must_exist != 0,
        .memory_limit_bytes = options.memory_limit_bytes,
        .progress = options.recovery_progress == NULL ? NULL : recovery_progress,
        .progress_argument = &told,
    };
    OmenDatabase *handle = calloc(1, sizeof *handle);
    if (handle == NULL) return fail(OUT_OF_MEMORY, "out of memory");

    if (path != NULL && strcmp(path, ":memory:") == 0) path = NULL;
    Status status = database_open(path, &wanted, &handle->database);
    if (status != OK) goto failed;
    status = session_pool_create(handle->database, &handle->sessions);
    if (status != OK) {
        database_close(handle->database);
        goto failed;
    }
    *database_out = handle;
    return OK;
failed:
    free(handle);
    return status;
}

OmenResult omen_open(const char *path, const OmenOptions *options, OmenDatabase **database_out) {
    return result_of(database_handle_open(path, options, database_out));
}

void omen_close(OmenDatabase *database) {
    if (database == NULL) return;
    session_pool_destroy(database->sessions);
    database_close(database->database);
    free(database);
}

static void notice_forward(void *argument, const char *severity, const Error *notice) {
    OmenConnection *connection = argument;
    if (connection->notice == NULL) return;
    OmenError told;
    char sqlstate[6];
    omen_error_fill(&told, notice, sqlstate);
    connection->notice(connection->notice_argument, severity, &told);
}

static Status connection_create(OmenDatabase *database, OmenConnection **connection_out) {
    OmenConnection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    connection->owner = database;
    SessionOptions options = {
        .autocommit_is_synchronous = true,
        .notice = notice_forward,
        .argument = connection,
    };
    Status status = session_create(database->sessions, &options, &connection->session);
    if (status != OK) {
        free(connection);
        return status;
    }
    *connection_out = connection;
    return OK;
}

OmenResult omen_connect(OmenDatabase *database, OmenConnection **connection_out) {
    return result_of(connection_create(database, connection_out));
}

void omen_disconnect(OmenConnection *connection) {
    if (connection == NULL) return;
    session_destroy(connection->session);
    free(connection);
}

void omen_interrupt(OmenConnection *connection) {
    session_cancel(connection->session);
}

static bool progress_forward(void *argument, double fraction) {
    OmenConnection *connection = argument;
    return connection->progress(connection->progress_argument, fraction) != 0;
}

void omen_set_progress(
    OmenConnection *connection, int (*progress)(void *argument, double fraction), void *argument) {
    connection->progress = progress;
    connection->progress_argument = argument;
    session_set_progress(
        connection->session, progress == NULL ? NULL : progress_forward, connection);
}

void omen_set_notice(OmenConnection *connection,
    void (*notice)(void *argument, const char *severity, const OmenError *notice), void *argument) {
    connection->notice = notice;
    connection->notice_argument = argument;
}

// ---- Whole texts --------------------------------------------------------------------------------

typedef struct Run {
    OmenConnection *connection;
    OmenRowCallback callback;
    void *argument;
    Arena arena; // of the result in the making
    uint32_t column_count;
    const ResultColumn *columns;
    const char **names, **fields;
} Run;

static Status run_begin_rows(void *argument, const ResultColumn *columns, uint32_t column_count) {
    Run *run = argument;
    arena_reset(&run->arena);
    run->columns = columns;
    run->column_count = column_count;
    run->names = arena_new_array(&run->arena, const char *, column_count + 1);
    run->fields = arena_new_array(&run->arena, const char *, column_count + 1);
    for (uint32_t i = 0; i < column_count; i++) {
        run->names[i] = columns[i].name;
    }
    return OK;
}

static Status run_row(Run *run, const Batch *batch, uint32_t row) {
    const ValueContext *context = session_value_context(run->connection->session);
    for (uint32_t i = 0; i < run->column_count; i++) {
        Value value = column_get(&batch->columns[i], row);
        run->fields[i] = NULL;
        if (value.is_null) continue;
        Text text;
        text_init(&text, &run->arena);
        TRY(value_to_text(context, run->columns[i].type.oid, &value, &text));
        run->fields[i] = text.data;
    }
    int stop = run->callback(run->argument, (int)run->column_count, run->names, run->fields);
    if (stop != 0) return fail(QUERY_CANCELED, "the row callback stopped the statement");
    return OK;
}

static Status run_rows(void *argument, const Batch *batch) {
    Run *run = argument;
    if (run->callback == NULL) return OK;
    Selection selection = batch_selection(batch);
    for (uint32_t i = 0; i < selection.count; i++) {
        ArenaMark mark = arena_mark(&run->arena);
        Status status = run_row(run, batch, selection_row(selection, i));
        arena_rewind(&run->arena, mark);
        if (status != OK) return status;
    }
    return OK;
}

OmenResult omen_exec(
    OmenConnection *connection, const char *sql, OmenRowCallback callback, void *argument) {
    Run run = {.connection = connection, .callback = callback, .argument = argument};
    arena_init(&run.arena, NULL);
    RunCallbacks callbacks = {.begin_rows = run_begin_rows, .rows = run_rows, .argument = &run};
    OmenResult result = result_of(session_run(connection->session, sql, &callbacks));
    arena_deinit(&run.arena);
    return result;
}
