// What each message of the client means: startup, the simple and the extended protocol, COPY.

#include "base/utf8.h"
#include "os/clock.h"
#include "server/server_internal.h"

#include <stdio.h>
#include <stdlib.h>

static void server_cancel(Server *server, uint32_t number, uint32_t secret);

enum {
    PROTOCOL_3 = 3 << 16,
    CODE_CANCEL = 80877102,
    CODE_TLS = 80877103,
    CODE_GSS = 80877104,
    FLUSH_BYTES = 32 * 1024,    // rows are sent when this many bytes have gathered
    HAND_OVER_NS = 1000 * 1000, // a statement that runs longer leaves its loop to others
};

static Text *output(Connection *connection) {
    return &connection->runner->output;
}

static void flush_when_full(Connection *connection) {
    if (output(connection)->count >= FLUSH_BYTES) connection_flush(connection);
}

static void error_send(Connection *connection, const char *severity) {
    Error error;
    error_take(&connection->runner->scratch, &error);
    wire_error(output(connection), 'E', severity, &error);
}

// ---- What the session tells ---------------------------------------------------------------------

static void notice_told(void *argument, const char *severity, const Error *notice) {
    Connection *connection = argument;
    if (connection->runner == NULL) return; // the session ends
    wire_error(output(connection), 'N', severity, notice);
}

static void setting_told(void *argument, const char *name, const char *setting) {
    Connection *connection = argument;
    if (connection->runner == NULL || connection->phase == PHASE_STARTUP) return;
    wire_setting(output(connection), name, setting);
}

static bool progress_told(void *argument, double fraction) {
    (void)fraction;
    Connection *connection = argument;
    Runner *runner = connection->runner;
    if (runner != NULL && clock_monotonic_ns(clock_real()) - runner->started_ns > HAND_OVER_NS) {
        runner_hand_over(runner);
    }
    return false;
}

static void statement_begins(Connection *connection) {
    connection->runner->started_ns = clock_monotonic_ns(clock_real());
}

// ---- Startup ------------------------------------------------------------------------------------

// In PostgreSQL's order; drivers depend on several of them.
static const char *const reported_settings[] = {
    "application_name",
    "client_encoding",
    "DateStyle",
    "default_transaction_read_only",
    "in_hot_standby",
    "integer_datetimes",
    "IntervalStyle",
    "is_superuser",
    "server_encoding",
    "server_version",
    "session_authorization",
    "standard_conforming_strings",
    "TimeZone",
};

typedef struct StartupParameters {
    const char *user, *database;
    Bytes settings; // name and value pairs, for the session
} StartupParameters;

static Status startup_read(Bytes body, StartupParameters *parameters_out) {
    StartupParameters parameters = {.settings = body};
    for (;;) {
        const char *name, *value;
        TRY(wire_take_string(&body, &name));
        if (name[0] == 0) break;
        TRY(wire_take_string(&body, &value));
        if (strcmp(name, "user") == 0) parameters.user = value;
        if (strcmp(name, "database") == 0) parameters.database = value;
    }
    TRY(wire_take_end(&body));
    if (parameters.user == NULL || parameters.user[0] == 0) {
        return fail(INVALID_AUTHORIZATION_SPECIFICATION,
            "no PostgreSQL user name specified in startup packet");
    }
    if (parameters.database == NULL) parameters.database = parameters.user;
    *parameters_out = parameters;
    return OK;
}

// The `options` parameter: "-c name=value" and "--name=value", blanks escaped with a backslash.
static Status options_apply(Session *session, const char *options, Arena *arena) {
    Text word;
    text_init(&word, arena);
    bool wants_setting = false;
    for (const char *at = options;; at++) {
        if (*at == '\\' && at[1] != 0) {
            text_append_char(&word, *++at);
            continue;
        }
        if (*at != 0 && *at != ' ') {
            text_append_char(&word, *at);
            continue;
        }
        if (word.count > 0) {
            char *setting = word.data;
            if (strcmp(setting, "-c") == 0) {
                wants_setting = true;
            } else {
                if (strncmp(setting, "--", 2) == 0) {
                    setting += 2;
                } else if (strncmp(setting, "-c", 2) == 0) {
                    setting += 2;
                } else if (!wants_setting) {
                    return fail(SYNTAX_ERROR,
                        "invalid command-line argument for server process: %s", setting);
                }
                char *equals = strchr(setting, '=');
                if (equals == NULL) {
                    return fail(SYNTAX_ERROR, "-c %s requires a value", setting);
                }
                *equals = 0;
                TRY(session_set_setting(session, setting, equals + 1));
                wants_setting = false;
            }
            text_clear(&word);
        }
        if (*at == 0) return OK;
    }
}

static Status settings_apply(Session *session, Bytes settings, Arena *arena) {
    for (;;) {
        const char *name, *value;
        TRY(wire_take_string(&settings, &name));
        if (name[0] == 0) return OK;
        TRY(wire_take_string(&settings, &value));
        if (strcmp(name, "user") == 0 || strcmp(name, "database") == 0) continue;
        if (strncmp(name, "_pq_.", 5) == 0) continue; // protocol options: none are offered
        if (strcmp(name, "replication") == 0) {
            return fail(FEATURE_NOT_SUPPORTED, "replication connections are not supported yet");
        }
        if (strcmp(name, "options") == 0) {
            TRY(options_apply(session, value, arena));
        } else {
            TRY(session_set_setting(session, name, value));
        }
    }
}

static Status session_begin(Connection *connection, Bytes body) {
    Server *server = connection->server;
    if (server->connection_count > server->options.connections_max) {
        return fail(TOO_MANY_CONNECTIONS, "sorry, too many clients already");
    }
    StartupParameters parameters;
    TRY(startup_read(body, &parameters));
    SessionOptions options = {
        .user_name = parameters.user,
        .database_name = parameters.database,
        .autocommit_is_synchronous = true,
        .notice = notice_told,
        .setting_changed = setting_told,
        .argument = connection,
    };
    TRY(session_create(server->sessions, &options, &connection->session));
    session_set_progress(connection->session, progress_told, connection);
    return settings_apply(connection->session, parameters.settings, &connection->runner->scratch);
}

static void greet(Connection *connection) {
    Text *out = output(connection);
    size_t mark = wire_begin(out, 'R');
    text_append_u32_be(out, 0); // AuthenticationOk
    wire_end(out, mark);
    for (size_t i = 0; i < sizeof reported_settings / sizeof reported_settings[0]; i++) {
        const char *setting = session_setting(connection->session, reported_settings[i]);
        wire_setting(out, reported_settings[i], setting == NULL ? "" : setting);
    }
    mark = wire_begin(out, 'K');
    text_append_u32_be(out, session_number(connection->session));
    text_append_u32_be(out, connection->secret);
    wire_end(out, mark);
    wire_ready(out, (char)session_state(connection->session));
}

bool connection_start(Connection *connection, Bytes body) {
    int32_t code;
    Status status = wire_take_i32(&body, &code);
    if (status == OK && (code == CODE_TLS || code == CODE_GSS)) {
        text_append_char(output(connection), 'N'); // not offered; the client goes on without
        return true;
    }
    if (status == OK && code == CODE_CANCEL) {
        int32_t number, secret;
        if (wire_take_i32(&body, &number) == OK && wire_take_i32(&body, &secret) == OK) {
            server_cancel(connection->server, (uint32_t)number, (uint32_t)secret);
        }
        error_clear();
        return false;
    }
    if (status == OK && code >> 16 != 3) {
        status = fail(FEATURE_NOT_SUPPORTED,
            "unsupported frontend protocol %d.%d: server supports 3.0 to 3.0", code >> 16,
            code & 0xFFFF);
    }
    if (status == OK && code != PROTOCOL_3) {
        // A later minor version: say which one we speak, as NegotiateProtocolVersion.
        size_t mark = wire_begin(output(connection), 'v');
        text_append_u32_be(output(connection), PROTOCOL_3);
        text_append_u32_be(output(connection), 0);
        wire_end(output(connection), mark);
    }
    if (status == OK) status = session_begin(connection, body);
    if (status != OK) {
        error_send(connection, "FATAL");
        return false;
    }
    greet(connection);
    connection->phase = PHASE_READY;
    return true;
}

// Finds the session to cancel by its number and secret.
static void server_cancel(Server *server, uint32_t number, uint32_t secret) {
    mutex_lock(&server->latch);
    for (Connection *c = server->connections; c != NULL; c = c->next) {
        if (c->session != NULL && c->phase != PHASE_STARTUP && session_number(c->session) == number
            && c->secret == secret) {
            session_cancel(c->session);
        }
    }
    mutex_unlock(&server->latch);
}

// ---- The simple protocol ------------------------------------------------------------------------

typedef struct SimpleRun {
    Connection *connection;
    const ResultColumn *columns;
    uint32_t column_count;
    bool is_copying_out;
} SimpleRun;

static Status rows_send(Connection *connection, const ResultColumn *columns, uint32_t column_count,
    const int16_t *formats, const Batch *batch) {
    const ValueContext *context = session_value_context(connection->session);
    Selection selection = batch_selection(batch);
    for (uint32_t i = 0; i < selection.count; i++) {
        TRY(wire_row(output(connection), context, columns, column_count, formats, batch,
            selection_row(selection, i)));
        flush_when_full(connection);
    }
    return OK;
}

static Status simple_begin_rows(
    void *argument, const ResultColumn *columns, uint32_t column_count) {
    SimpleRun *run = argument;
    run->columns = columns;
    run->column_count = column_count;
    wire_row_description(output(run->connection), columns, column_count, NULL);
    return OK;
}

static Status simple_rows(void *argument, const Batch *batch) {
    SimpleRun *run = argument;
    return rows_send(run->connection, run->columns, run->column_count, NULL, batch);
}

static Status simple_complete(void *argument, const char *tag) {
    SimpleRun *run = argument;
    if (run->is_copying_out) wire_empty(output(run->connection), 'c');
    run->is_copying_out = false;
    wire_complete(output(run->connection), tag);
    return OK;
}

static Status simple_empty(void *argument) {
    SimpleRun *run = argument;
    wire_empty(output(run->connection), 'I');
    return OK;
}

static Status simple_copy_in_begin(void *argument, bool is_binary, uint32_t column_count) {
    SimpleRun *run = argument;
    wire_copy_response(output(run->connection), 'G', is_binary, column_count);
    return OK;
}

// The next CopyData message, waiting for it; an empty piece at CopyDone.
static Status simple_copy_in(void *argument, Bytes *piece_out) {
    SimpleRun *run = argument;
    Connection *connection = run->connection;
    for (;;) {
        uint8_t type;
        bool found;
        Bytes body;
        TRY(input_take_message(&connection->input, false, &type, &body, &found));
        if (!found) {
            if (connection_wait_input(connection)) continue;
            connection->is_failed = true;
            return fail(
                CONNECTION_FAILURE, "unexpected EOF on client connection with an open transaction");
        }
        switch (type) {
        case 'd':
            if (body.count == 0) continue; // an empty piece would be the end
            *piece_out = body;
            return OK;
        case 'c':
            *piece_out = bytes_make(NULL, 0);
            return OK;
        case 'f': {
            const char *message;
            TRY(wire_take_string(&body, &message));
            return session_copy_fail(connection->session, message);
        }
        case 'H':
        case 'S':
            continue; // allowed, and without meaning here
        default:
            return fail(
                PROTOCOL_VIOLATION, "unexpected message type 0x%02X during COPY from stdin", type);
        }
    }
}

static Status simple_copy_out_begin(void *argument, bool is_binary, uint32_t column_count) {
    SimpleRun *run = argument;
    wire_copy_response(output(run->connection), 'H', is_binary, column_count);
    run->is_copying_out = true;
    return OK;
}

static void copy_data_send(Connection *connection, Bytes piece) {
    size_t mark = wire_begin(output(connection), 'd');
    text_append(output(connection), piece.data, piece.count);
    wire_end(output(connection), mark);
    flush_when_full(connection);
}

static Status simple_copy_out(void *argument, Bytes piece) {
    SimpleRun *run = argument;
    copy_data_send(run->connection, piece);
    return OK;
}

static bool query_run(Connection *connection, Bytes body) {
    SimpleRun run = {.connection = connection};
    RunCallbacks callbacks = {
        .begin_rows = simple_begin_rows,
        .rows = simple_rows,
        .complete = simple_complete,
        .empty = simple_empty,
        .copy_in_begin = simple_copy_in_begin,
        .copy_in = simple_copy_in,
        .copy_out_begin = simple_copy_out_begin,
        .copy_out = simple_copy_out,
        .argument = &run,
    };
    statement_begins(connection);
    const char *sql;
    Status status = wire_take_string(&body, &sql);
    if (status == OK) status = wire_take_end(&body);
    if (status == OK) status = utf8_check(sql, strlen(sql));
    if (status == OK) status = session_run(connection->session, sql, &callbacks);
    if (status != OK) error_send(connection, "ERROR");
    wire_ready(output(connection), (char)session_state(connection->session));
    return true;
}

// ---- The extended protocol ----------------------------------------------------------------------

static PortalFormats **formats_link(Connection *connection, const char *name) {
    PortalFormats **link = &connection->formats;
    while (*link != NULL && strcmp((*link)->name, name) != 0) {
        link = &(*link)->next;
    }
    return link;
}

static void formats_forget(Connection *connection, const char *name) {
    PortalFormats **link = formats_link(connection, name);
    PortalFormats *found = *link;
    if (found == NULL) return;
    *link = found->next;
    free(found);
}

// One code a result column, as Bind gave them: none (text), one for all, or one each. In scratch.
static Status formats_read(
    Connection *connection, Bytes *body, uint32_t column_count, const int16_t **codes_out) {
    int16_t given;
    TRY(wire_take_i16(body, &given));
    if (given != 0 && given != 1 && (uint16_t)given != column_count) {
        return fail(PROTOCOL_VIOLATION,
            "bind message has %d result formats but query has %u columns", given, column_count);
    }
    int16_t *codes = arena_new_array(&connection->runner->scratch, int16_t, column_count + 1);
    int16_t code = 0;
    for (uint32_t i = 0; i < (uint32_t)(uint16_t)given; i++) {
        TRY(wire_take_i16(body, &code));
        if (code != 0 && code != 1) {
            return fail(INVALID_PARAMETER_VALUE, "unsupported format code: %d", code);
        }
        if (i < column_count) codes[i] = code;
    }
    for (uint32_t i = 1; given == 1 && i < column_count; i++)
        codes[i] = code;
    *codes_out = codes;
    return OK;
}

// They stay with the portal.
static Status formats_keep(
    Connection *connection, const char *name, const int16_t *codes, uint32_t column_count) {
    formats_forget(connection, name);
    size_t name_bytes = strlen(name) + 1;
    PortalFormats *formats =
        calloc(1, sizeof *formats + column_count * sizeof(int16_t) + name_bytes);
    if (formats == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    formats->count = column_count;
    formats->formats = (int16_t *)(void *)(formats + 1);
    formats->name = (char *)(formats->formats + column_count);
    memcpy(formats->name, name, name_bytes);
    if (column_count > 0) memcpy(formats->formats, codes, column_count * sizeof *codes);
    formats->next = connection->formats;
    connection->formats = formats;
    return OK;
}

static const int16_t *formats_of(Connection *connection, const char *name) {
    PortalFormats *formats = *formats_link(connection, name);
    return formats == NULL ? NULL : formats->formats;
}

static Status message_parse(Connection *connection, Bytes body) {
    const char *name, *sql;
    int16_t type_count;
    TRY(wire_take_string(&body, &name));
    TRY(wire_take_string(&body, &sql));
    TRY(utf8_check(sql, strlen(sql)));
    TRY(wire_take_i16(&body, &type_count));
    if (type_count < 0) return fail(PROTOCOL_VIOLATION, "invalid message format");
    Oid *types = arena_new_array(&connection->runner->scratch, Oid, type_count + 1);
    for (int16_t i = 0; i < type_count; i++) {
        int32_t type;
        TRY(wire_take_i32(&body, &type));
        types[i] = (Oid)type;
    }
    TRY(wire_take_end(&body));
    Prepared *prepared;
    TRY(session_prepare(connection->session, name, sql, types, (uint32_t)type_count, &prepared));
    wire_empty(output(connection), '1');
    return OK;
}

static Status prepared_find(Connection *connection, const char *name, Prepared **prepared_out) {
    *prepared_out = session_find_prepared(connection->session, name);
    if (*prepared_out != NULL) return OK;
    if (name[0] == 0) {
        return fail(INVALID_SQL_STATEMENT_NAME, "unnamed prepared statement does not exist");
    }
    return fail(INVALID_SQL_STATEMENT_NAME, "prepared statement \"%s\" does not exist", name);
}

static Status portal_find(Connection *connection, const char *name, Portal **portal_out) {
    *portal_out = session_find_portal(connection->session, name);
    if (*portal_out != NULL) return OK;
    return fail(INVALID_CURSOR_NAME, "portal \"%s\" does not exist", name);
}

static Status parameter_read(Connection *connection, Bytes *body, uint32_t number, Oid type,
    int16_t format, Value *value_out) {
    int32_t count;
    TRY(wire_take_i32(body, &count));
    if (count == -1) {
        *value_out = value_null();
        return OK;
    }
    if (count < 0) return fail(PROTOCOL_VIOLATION, "invalid message format");
    Bytes bytes;
    TRY(wire_take_bytes(body, (size_t)count, &bytes));
    const ValueContext *context = session_value_context(connection->session);
    Arena *scratch = &connection->runner->scratch;
    Status status;
    if (format == 0) {
        status = utf8_check((const char *)bytes.data, bytes.count);
        if (status == OK) {
            status = value_from_text(
                context, sql_type(type), (const char *)bytes.data, bytes.count, scratch, value_out);
        }
    } else {
        status = value_from_binary(context, sql_type(type), bytes, scratch, value_out);
    }
    if (status != OK) error_add_context("unnamed portal parameter $%u", number);
    return status;
}

static Status parameters_read(
    Connection *connection, Bytes *body, const Prepared *prepared, Value **values_out) {
    Arena *scratch = &connection->runner->scratch;
    int16_t format_count, value_count;
    TRY(wire_take_i16(body, &format_count));
    Bytes formats;
    if (format_count < 0) return fail(PROTOCOL_VIOLATION, "invalid message format");
    TRY(wire_take_bytes(body, (size_t)format_count * 2, &formats));
    TRY(wire_take_i16(body, &value_count));
    uint32_t wanted = prepared_parameter_count(prepared);
    if (format_count > 1 && format_count != value_count) {
        return fail(PROTOCOL_VIOLATION, "bind message has %d parameter formats but %d parameters",
            format_count, value_count);
    }
    if ((uint16_t)value_count != wanted) {
        return fail(PROTOCOL_VIOLATION,
            "bind message supplies %u parameters, but prepared statement requires %u",
            (uint16_t)value_count, wanted);
    }
    Value *values = arena_new_array(scratch, Value, wanted + 1);
    for (uint32_t i = 0; i < wanted; i++) {
        int16_t format = 0;
        if (format_count > 0) {
            size_t which = format_count == 1 ? 0 : i;
            format = (int16_t)get_u16_be(formats.data + 2 * which);
        }
        if (format != 0 && format != 1) {
            return fail(INVALID_PARAMETER_VALUE, "unsupported format code: %d", format);
        }
        TRY(parameter_read(
            connection, body, i + 1, prepared_parameter_type(prepared, i), format, &values[i]));
    }
    *values_out = values;
    return OK;
}

// ---- Bind, Execute and Sync in one go -----------------------------------------------------------

// What the client has sent behind a Bind, when it is: perhaps Describe of that portal, Execute of
// all its rows, Sync. Then nobody else will name the portal, and there need not be one.
typedef struct BindTail {
    Input rest; // behind it
    bool is_described;
} BindTail;

static bool tail_take(Input *input, uint8_t type, Bytes *body_out) {
    if (input->count == 0 || input->data[input->start] != type) return false;
    uint8_t taken;
    bool found;
    if (input_take_message(input, false, &taken, body_out, &found) == OK) return found;
    error_clear(); // told of when its turn has come
    return false;
}

static bool bind_tail_find(
    const Connection *connection, const char *portal_name, BindTail *tail_out) {
    Input input = connection->input;
    size_t name_bytes = strlen(portal_name) + 1;
    Bytes body;
    *tail_out = (BindTail){0};
    if (tail_take(&input, 'D', &body)) {
        tail_out->is_described = body.count == name_bytes + 1 && body.data[0] == 'P'
                                 && memcmp(body.data + 1, portal_name, name_bytes) == 0;
        if (!tail_out->is_described) return false;
    }
    bool is_run = tail_take(&input, 'E', &body) && body.count == name_bytes + 4
                  && memcmp(body.data, portal_name, name_bytes) == 0
                  && get_u32_be(body.data + name_bytes) == 0 && tail_take(&input, 'S', &body)
                  && body.count == 0;
    tail_out->rest = input;
    return is_run;
}

static void message_sync(Connection *connection);

// Answers the four messages when the statement reads one row by key; *is_taken_out false otherwise,
// and then nothing has happened.
static Status bind_and_run(Connection *connection, const char *portal_name, Prepared *prepared,
    const Value *values, const int16_t *codes, bool *is_taken_out) {
    BindTail tail;
    *is_taken_out = false;
    if (!bind_tail_find(connection, portal_name, &tail)) return OK;
    Batch *batch;
    Status status = session_read_key(connection->session, prepared, values,
        prepared_parameter_count(prepared), is_taken_out, &batch);
    if (!*is_taken_out) return status;
    uint32_t column_count = prepared_result_count(prepared);
    wire_empty(output(connection), '2');
    if (tail.is_described) {
        wire_row_description(output(connection), prepared_results(prepared), column_count, codes);
    }
    if (status == OK && batch != NULL) {
        status = rows_send(connection, prepared_results(prepared), column_count, codes, batch);
    }
    prepared_release(prepared);
    TRY(status); // the messages that are left are skipped up to Sync
    wire_complete(output(connection), batch == NULL ? "SELECT 0" : "SELECT 1");
    connection->input = tail.rest;
    message_sync(connection);
    return OK;
}

static Status message_bind(Connection *connection, Bytes body) {
    const char *portal_name, *statement_name;
    TRY(wire_take_string(&body, &portal_name));
    TRY(wire_take_string(&body, &statement_name));
    Prepared *prepared;
    TRY(prepared_find(connection, statement_name, &prepared));
    if (session_state(connection->session) == SESSION_FAILED
        && prepared_result_count(prepared) > 0) {
        return fail(IN_FAILED_SQL_TRANSACTION,
            "current transaction is aborted, commands ignored until end of transaction block");
    }
    Value *values;
    TRY(parameters_read(connection, &body, prepared, &values));
    uint32_t column_count = prepared_result_count(prepared);
    const int16_t *codes;
    TRY(formats_read(connection, &body, column_count, &codes));
    TRY(wire_take_end(&body));
    bool is_taken;
    TRY(bind_and_run(connection, portal_name, prepared, values, codes, &is_taken));
    if (is_taken) return OK;
    TRY(formats_keep(connection, portal_name, codes, column_count));
    Portal *portal;
    TRY(session_bind(connection->session, portal_name, prepared, values,
        prepared_parameter_count(prepared), &portal));
    wire_empty(output(connection), '2');
    return OK;
}

static void rows_describe(Connection *connection, bool returns_rows, const ResultColumn *columns,
    uint32_t count, const int16_t *formats) {
    if (returns_rows) {
        wire_row_description(output(connection), columns, count, formats);
    } else {
        wire_empty(output(connection), 'n');
    }
}

static Status message_describe(Connection *connection, Bytes body) {
    uint8_t what;
    const char *name;
    TRY(wire_take_u8(&body, &what));
    TRY(wire_take_string(&body, &name));
    TRY(wire_take_end(&body));
    if (what == 'P') {
        Portal *portal;
        TRY(portal_find(connection, name, &portal));
        rows_describe(connection, portal_returns_rows(portal), portal_results(portal),
            portal_result_count(portal), formats_of(connection, name));
        return OK;
    }
    if (what != 'S') {
        return fail(PROTOCOL_VIOLATION, "invalid DESCRIBE message subtype %d", what);
    }
    Prepared *prepared;
    TRY(prepared_find(connection, name, &prepared));
    size_t mark = wire_begin(output(connection), 't');
    uint32_t count = prepared_parameter_count(prepared);
    text_append_u16_be(output(connection), (uint16_t)count);
    for (uint32_t i = 0; i < count; i++) {
        text_append_u32_be(output(connection), prepared_parameter_type(prepared, i));
    }
    wire_end(output(connection), mark);
    rows_describe(connection, prepared_returns_rows(prepared), prepared_results(prepared),
        prepared_result_count(prepared), NULL);
    return OK;
}

// Runs a portal and sends what comes: rows, COPY data, and how it ended.
static Status portal_run(
    Connection *connection, Portal *portal, const int16_t *formats, uint32_t row_max) {
    bool is_copying_out = false;
    for (;;) {
        PortalState state;
        Batch *batch = NULL;
        Bytes piece;
        TRY(portal_execute(portal, row_max, false, &state, &batch, &piece));
        bool has_rows = state == PORTAL_ROWS || state == PORTAL_SUSPENDED;
        if (has_rows && batch != NULL) {
            TRY(rows_send(
                connection, portal_results(portal), portal_result_count(portal), formats, batch));
        }
        switch (state) {
        case PORTAL_ROWS:
            break;
        case PORTAL_SUSPENDED:
            wire_empty(output(connection), 's');
            return OK;
        case PORTAL_DONE:
            if (is_copying_out) wire_empty(output(connection), 'c');
            wire_complete(output(connection), portal_tag(portal));
            return OK;
        case PORTAL_EMPTY:
            wire_empty(output(connection), 'I');
            return OK;
        case PORTAL_COPY_IN:
            wire_copy_response(output(connection), 'G', portal_copy_is_binary(portal),
                portal_copy_column_count(portal));
            connection_flush(connection);
            connection->phase = PHASE_COPY_IN;
            connection->copy_portal = portal;
            return OK;
        case PORTAL_COPY_OUT:
            if (!is_copying_out) {
                wire_copy_response(output(connection), 'H', portal_copy_is_binary(portal),
                    portal_copy_column_count(portal));
            }
            is_copying_out = true;
            if (piece.count > 0) copy_data_send(connection, piece);
            break;
        }
    }
}

static Status message_execute(Connection *connection, Bytes body) {
    const char *name;
    int32_t row_max;
    TRY(wire_take_string(&body, &name));
    TRY(wire_take_i32(&body, &row_max));
    TRY(wire_take_end(&body));
    Portal *portal;
    TRY(portal_find(connection, name, &portal));
    return portal_run(
        connection, portal, formats_of(connection, name), row_max < 0 ? 0 : (uint32_t)row_max);
}

static Status message_close(Connection *connection, Bytes body) {
    uint8_t what;
    const char *name;
    TRY(wire_take_u8(&body, &what));
    TRY(wire_take_string(&body, &name));
    TRY(wire_take_end(&body));
    if (what == 'S') {
        session_close_prepared(connection->session, name);
    } else if (what == 'P') {
        session_close_portal(connection->session, name);
        formats_forget(connection, name);
    } else {
        return fail(PROTOCOL_VIOLATION, "invalid CLOSE message subtype %d", what);
    }
    wire_empty(output(connection), '3');
    return OK;
}

// An error in the extended protocol: everything up to the next Sync is skipped.
static void fail_to_sync(Connection *connection) {
    error_send(connection, "ERROR");
    connection->skips_to_sync = true;
    connection->had_error = true;
    connection->phase = PHASE_READY;
    connection->copy_portal = NULL;
}

static void message_sync(Connection *connection) {
    if (session_sync(connection->session, connection->had_error) != OK) {
        error_send(connection, "ERROR");
    }
    connection->skips_to_sync = false;
    connection->had_error = false;
    wire_ready(output(connection), (char)session_state(connection->session));
}

// Data of a COPY FROM STDIN that was begun by Execute.
static bool copy_handle(Connection *connection, uint8_t type, Bytes body) {
    Status status = OK;
    const char *message;
    switch (type) {
    case 'd':
        status = session_copy_data(connection->session, body);
        break;
    case 'c':
        connection->phase = PHASE_READY;
        status = session_copy_end(connection->session);
        if (status == OK) status = portal_run(connection, connection->copy_portal, NULL, 0);
        break;
    case 'f':
        status = wire_take_string(&body, &message);
        if (status == OK) status = session_copy_fail(connection->session, message);
        break;
    case 'H':
    case 'S':
        break; // a client may send Sync right after Execute; it is answered by the one after
               // CopyDone
    default:
        status =
            fail(PROTOCOL_VIOLATION, "unexpected message type 0x%02X during COPY from stdin", type);
        break;
    }
    if (status != OK) fail_to_sync(connection);
    return true;
}

static bool extended_handle(
    Connection *connection, Bytes body, Status (*handle)(Connection *connection, Bytes body)) {
    if (connection->skips_to_sync) return true;
    statement_begins(connection);
    ArenaMark mark = arena_mark(&connection->runner->scratch);
    if (handle(connection, body) != OK) fail_to_sync(connection);
    arena_rewind(&connection->runner->scratch, mark);
    return true;
}

static bool unknown_message(Connection *connection, uint8_t type) {
    Status status = fail(PROTOCOL_VIOLATION, "invalid frontend message type %d", type);
    (void)status;
    error_send(connection, "FATAL");
    return false;
}

bool connection_handle(Connection *connection, uint8_t type, Bytes body) {
    if (connection->phase == PHASE_COPY_IN) return copy_handle(connection, type, body);
    switch (type) {
    case 'Q':
        return connection->skips_to_sync || query_run(connection, body);
    case 'P':
        return extended_handle(connection, body, message_parse);
    case 'B':
        return extended_handle(connection, body, message_bind);
    case 'D':
        return extended_handle(connection, body, message_describe);
    case 'E':
        return extended_handle(connection, body, message_execute);
    case 'C':
        return extended_handle(connection, body, message_close);
    case 'H':
        connection_flush(connection);
        return true;
    case 'S':
        message_sync(connection);
        return true;
    case 'd':
    case 'c':
    case 'f':
        return true; // the rest of a COPY that failed
    case 'F': {
        Status status = fail(FEATURE_NOT_SUPPORTED, "the function call message is not supported");
        (void)status;
        error_send(connection, "ERROR");
        wire_ready(output(connection), (char)session_state(connection->session));
        return true;
    }
    case 'X':
        return false;
    default:
        return unknown_message(connection, type);
    }
}
