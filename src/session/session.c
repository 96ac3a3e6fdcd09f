// Sessions: what they share, their life, running texts, and the entry points of the protocol.
#include "bind/expression_text.h"
#include "session/lift.h"
#include "session/session_internal.h"
#include "types/time_zone.h"

#include <stdio.h>
#include <stdlib.h>

// ---- The pool -----------------------------------------------------------------------------------

static char *copy_of(const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = malloc(bytes);
    if (copy != NULL) memcpy(copy, text, bytes);
    return copy;
}

// "app" of "/some/where/app.omen".
static char *database_name_of(const char *path) {
    if (path == NULL) return copy_of("memory");
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    const char *dot = strrchr(base, '.');
    size_t count = dot == NULL || dot == base ? strlen(base) : (size_t)(dot - base);
    char *name = malloc(count + 1);
    if (name == NULL) return NULL;
    memcpy(name, base, count);
    name[count] = 0;
    return name;
}

Status session_pool_create(Database *database, SessionPool **pool_out) {
    SessionPool *pool = calloc(1, sizeof *pool);
    if (pool == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    pool->database = database;
    mutex_init(&pool->mutex, LATCH_RANK_SESSION);
    condition_init(&pool->wake);
    arena_init(&pool->arena, NULL);
    pool->database_name = database_name_of(database_path(database));
    static const FunctionEntry *const tables[] = {
        functions_of_values, functions_of_catalog, functions_of_session};
    pool->registry = function_registry_make(&pool->arena, tables, sizeof tables / sizeof *tables);
    pool->start_time_us = clock_wall_us(database_environment(database).clock);
    Status status = parser_create(&pool->parser);
    if (status == OK) status = time_zone_cache_create(&pool->time_zones);
    if (status == OK && pool->database_name == NULL) status = fail(OUT_OF_MEMORY, "out of memory");
    if (status != OK) {
        session_pool_destroy(pool);
        return status;
    }
    *pool_out = pool;
    return OK;
}

void session_pool_destroy(SessionPool *pool) {
    if (pool == NULL) return;
    mutex_lock(&pool->mutex);
    pool->is_closing = true;
    condition_wake_all(&pool->wake);
    mutex_unlock(&pool->mutex);
    thread_join(pool->timer);
    parser_destroy(pool->parser);
    if (pool->time_zones != NULL) time_zone_cache_destroy(pool->time_zones);
    condition_deinit(&pool->wake);
    mutex_deinit(&pool->mutex);
    arena_deinit(&pool->arena);
    free(pool->database_name);
    free(pool);
}

// ---- Statement timeouts -------------------------------------------------------------------------

enum { NS_PER_US = 1000, US_PER_MS = 1000, NS_PER_MS = 1000000 };

static void timer_run(void *argument) {
    SessionPool *pool = argument;
    Clock *clock = database_environment(pool->database).clock;
    mutex_lock(&pool->mutex);
    while (!pool->is_closing) {
        int64_t now = clock_monotonic_ns(clock), next = INT64_MAX;
        for (Deadline **at = &pool->deadlines; *at != NULL;) {
            Deadline *deadline = *at;
            if (deadline->at_ns <= now) {
                *at = deadline->next;
                deadline->session->has_deadline = false;
                atomic_store(&deadline->session->has_timed_out, true);
                atomic_store(&deadline->session->is_cancelled, true);
                continue;
            }
            if (deadline->at_ns < next) next = deadline->at_ns;
            at = &deadline->next;
        }
        if (next == INT64_MAX)
            condition_wait(&pool->wake, &pool->mutex);
        else
            condition_wait_us(&pool->wake, &pool->mutex, (next - now) / NS_PER_US + 1);
    }
    mutex_unlock(&pool->mutex);
}

static void deadline_disarm(Session *session) {
    if (!session->has_deadline && !atomic_load(&session->has_timed_out)) return;
    SessionPool *pool = session->pool;
    mutex_lock(&pool->mutex);
    for (Deadline **at = &pool->deadlines; *at != NULL; at = &(*at)->next) {
        if (*at != &session->deadline) continue;
        *at = session->deadline.next;
        break;
    }
    session->has_deadline = false;
    mutex_unlock(&pool->mutex);
}

static void deadline_arm(Session *session) {
    transaction_read_settings(session);
    int64_t timeout_ms = session->statement_timeout_ms;
    if (timeout_ms <= 0 || session->has_deadline) return;
    SessionPool *pool = session->pool;
    Clock *clock = database_environment(pool->database).clock;
    mutex_lock(&pool->mutex);
    if (pool->timer == NULL && thread_start("timer", 0, timer_run, pool, &pool->timer) != OK) {
        error_clear(); // without a thread there is no timeout; the statement still runs
        mutex_unlock(&pool->mutex);
        return;
    }
    session->deadline = (Deadline){.session = session,
        .at_ns = clock_monotonic_ns(clock) + timeout_ms * NS_PER_MS,
        .next = pool->deadlines};
    pool->deadlines = &session->deadline;
    session->has_deadline = true;
    condition_wake_one(&pool->wake);
    mutex_unlock(&pool->mutex);
}

// A statement that was cancelled because its time was up says so.
static Status deadline_translate(Session *session, Status status) {
    bool has_timed_out = atomic_exchange(&session->has_timed_out, false);
    if (status != QUERY_CANCELED || !has_timed_out) return status;
    error_clear();
    return fail(QUERY_CANCELED, "canceling statement due to statement timeout");
}

Status session_check_cancelled(Session *session) {
    if (!atomic_load_explicit(&session->is_cancelled, memory_order_relaxed)) return OK;
    return fail(QUERY_CANCELED, "canceling statement due to user request");
}

void session_cancel(Session *session) {
    atomic_store(&session->is_cancelled, true);
}

// ---- Sessions -----------------------------------------------------------------------------------

static Status serial_default([[maybe_unused]] void *argument, Oid sequence, Text *out) {
    expression_text_nextval(sequence, out);
    return OK;
}

static Status deparse(
    void *argument, const char *stored, const TableInfo *table, bool is_pretty, Text *out) {
    Session *session = argument;
    Expression *expression;
    TRY(expression_from_text(stored, &session->scratch, &expression));
    return expression_deparse(session->view, expression, table, is_pretty, out);
}

static void catalog_notice(void *argument, Status code, const char *message, const char *detail) {
    session_notice(argument, "NOTICE", code, message, detail, NULL);
}

static Status settings_start(Session *session) {
    const SessionOptions *options = &session->options;
    Settings *settings = &session->settings;
    TRY(settings_init(settings));
    TRY(settings_set(settings, "session_authorization", session->user_name, SCOPE_SILENT));
    TRY(settings_set(settings, "TimeZone", "UTC", SCOPE_SILENT));
    TRY(settings_set(settings, "lc_collate", "C.UTF-8", SCOPE_SILENT));
    TRY(settings_set(settings, "lc_ctype", "C.UTF-8", SCOPE_SILENT));
    if (options->application_name != NULL)
        TRY(settings_set(settings, "application_name", options->application_name, SCOPE_START));
    if (!options->autocommit_is_synchronous)
        TRY(settings_set(settings, "synchronous_commit", "off", SCOPE_START));
    return OK;
}

static Status session_start(Session *session) {
    const SessionOptions *options = &session->options;
    SessionPool *pool = session->pool;
    session->user_name = copy_of(options->user_name == NULL ? "omen" : options->user_name);
    session->database_name =
        copy_of(options->database_name == NULL ? pool->database_name : options->database_name);
    if (session->user_name == NULL || session->database_name == NULL)
        return fail(OUT_OF_MEMORY, "out of memory");
    session->values = *value_context_default();
    session->values.time_zones = pool->time_zones;
    TRY(catalog_view_create(database_catalog(pool->database), &session->view));
    catalog_view_set_names(session->view, session->user_name, session->database_name);
    session->names = catalog_object_names(session->view);
    session->values.object_names = &session->names;
    CatalogHooks hooks = {.argument = session,
        .serial_default = serial_default,
        .deparse = deparse,
        .notice = catalog_notice,
        .relation_rows = session_relation_rows};
    catalog_view_set_hooks(session->view, &hooks);
    TRY(settings_start(session));
    session->settings.changed = session_apply_setting;
    session->settings.argument = session;
    return OK;
}

Status session_create(SessionPool *pool, const SessionOptions *options, Session **session_out) {
    Session *session = calloc(1, sizeof *session);
    if (session == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    session->pool = pool;
    session->options = *options;
    arena_init(&session->scratch, NULL);
    arena_init(&session->txn_arena, NULL);
    Environment environment = database_environment(pool->database);
    session->backend_start_us = clock_wall_us(environment.clock);
    mutex_lock(&pool->mutex);
    session->number = ++pool->next_number;
    session->next = pool->sessions;
    if (pool->sessions != NULL) pool->sessions->previous = session;
    pool->sessions = session;
    mutex_unlock(&pool->mutex);
    random_seed(&session->random,
        hash_combine((uint64_t)clock_monotonic_ns(environment.clock), session->number));
    Status status = session_start(session);
    if (status != OK) {
        session_destroy(session);
        return status;
    }
    *session_out = session;
    return OK;
}

void session_destroy(Session *session) {
    if (session == NULL) return;
    SessionPool *pool = session->pool;
    deadline_disarm(session);
    session->running = NULL;
    if (session->settings.settings != NULL) {
        session->settings.changed = NULL;
        transaction_rollback(session);
    }
    graveyard_free(session);
    prepared_free_all(session);
    statement_cache_clear(session);
    mutex_lock(&pool->mutex);
    if (session->previous != NULL)
        session->previous->next = session->next;
    else
        pool->sessions = session->next;
    if (session->next != NULL) session->next->previous = session->previous;
    mutex_unlock(&pool->mutex);
    catalog_view_destroy(session->view);
    settings_deinit(&session->settings);
    arena_deinit(&session->scratch);
    arena_deinit(&session->txn_arena);
    free(session->current_query);
    free(session->user_name);
    free(session->database_name);
    free(session);
}

SessionState session_state(const Session *session) {
    if (session->block == BLOCK_EXPLICIT) return SESSION_IN_TRANSACTION;
    return session->block == BLOCK_FAILED ? SESSION_FAILED : SESSION_IDLE;
}

uint32_t session_number(const Session *session) {
    return session->number;
}

const ValueContext *session_value_context(Session *session) {
    return &session->values;
}

void session_set_progress(
    Session *session, bool (*progress)(void *argument, double fraction), void *argument) {
    session->progress = progress;
    session->progress_argument = argument;
}

void session_notice(Session *session, const char *severity, Status code, const char *message,
    const char *detail, const char *hint) {
    static const struct {
        const char *level, *word;
    } order[] = {{"debug5", "DEBUG"}, {"debug4", "DEBUG"}, {"debug3", "DEBUG"}, {"debug2", "DEBUG"},
        {"debug1", "DEBUG"}, {"log", "LOG"}, {"notice", "NOTICE"}, {"warning", "WARNING"},
        {"error", "ERROR"}};

    if (session->options.notice == NULL) return;
    const char *wanted = session_setting(session, "client_min_messages");
    size_t wanted_rank = 0, rank = 0;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        if (wanted != NULL && strcmp(order[i].level, wanted) == 0) wanted_rank = i;
        if (strcmp(order[i].word, severity) == 0) rank = i;
    }
    if (rank < wanted_rank) return;
    Error notice = {.status = code, .message = message, .detail = detail, .hint = hint};
    session->options.notice(session->options.argument, severity, &notice);
}

const char *session_setting(Session *session, const char *name) {
    uint32_t setting = settings_find(&session->settings, name);
    return setting == UINT32_MAX ? NULL : settings_get(&session->settings, setting);
}

Status session_set_setting(Session *session, const char *name, const char *value) {
    TRY(transaction_apply_setting(session, name, value));
    return settings_set(&session->settings, name, value, SCOPE_START);
}

// ---- Calls --------------------------------------------------------------------------------------

static void set_current_query(Session *session, const char *sql) {
    enum { QUERY_BYTES_MAX = 1023 };

    size_t count = strnlen(sql, QUERY_BYTES_MAX);
    mutex_lock(&session->pool->mutex);
    if (session->current_query == NULL) session->current_query = malloc(QUERY_BYTES_MAX + 1);
    if (session->current_query != NULL) {
        memcpy(session->current_query, sql, count);
        session->current_query[count] = 0;
    }
    mutex_unlock(&session->pool->mutex);
}

// Every call of the client starts here: what a cancel aimed at is over.
static void call_begin(Session *session) {
    error_clear();
    atomic_store_explicit(&session->is_cancelled, false, memory_order_relaxed);
    atomic_store_explicit(&session->has_timed_out, false, memory_order_relaxed);
    graveyard_free(session);
    if (session->scratch.total_bytes > 0) arena_reset(&session->scratch);
}

// The error in flight is kept over the clean-up, which records none of its own.
static Status call_failed(Session *session, Status status) {
    deadline_disarm(session);
    status = deadline_translate(session, status);
    Error error;
    error_take(&session->scratch, &error);
    transaction_abort(session);
    return error.status == OK ? status : error_raise(&error);
}

Status portal_execute(Portal *portal, uint32_t row_max, bool sync_follows, PortalState *state_out,
    Batch **batch_out, Bytes *copy_out) {
    Session *session = portal->session;
    if (portal->phase == PHASE_READY) {
        call_begin(session);
        deadline_arm(session);
    }
    session->running = portal;
    PortalState state = PORTAL_DONE;
    Batch *batch = NULL;
    Status status = portal_run(portal, row_max, &state, &batch, copy_out);
    bool is_over = state == PORTAL_DONE || state == PORTAL_EMPTY;
    if (status == OK && is_over) {
        deadline_disarm(session);
        atomic_store_explicit(&session->has_timed_out, false, memory_order_relaxed);
        if (sync_follows && session->block == BLOCK_NONE && session->txn != NULL)
            status = transaction_commit(session);
    }
    if (status != OK) status = call_failed(session, status);
    session->running = NULL;
    if (status != OK) return status;
    *state_out = state;
    *batch_out = batch;
    return OK;
}

Status session_sync(Session *session, bool had_error) {
    session->running = NULL;
    if (session->block == BLOCK_EXPLICIT || session->block == BLOCK_FAILED) return OK;
    if (session->txn == NULL) {
        if (had_error) settings_rollback(&session->settings, 0);
        session->block = BLOCK_NONE;
        return OK;
    }
    if (had_error) {
        transaction_rollback(session);
        return OK;
    }
    Status status = transaction_commit(session);
    return status == OK ? OK : call_failed(session, status);
}

// ---- Texts --------------------------------------------------------------------------------------

static Status run_copy_in(Session *session, Portal *portal, const RunCallbacks *callbacks) {
    if (callbacks->copy_in == NULL)
        return fail(FEATURE_NOT_SUPPORTED, "COPY FROM STDIN needs a client that sends the data");
    if (callbacks->copy_in_begin != NULL)
        TRY(callbacks->copy_in_begin(
            callbacks->argument, portal_copy_is_binary(portal), portal_copy_column_count(portal)));
    for (;;) {
        Bytes piece = {0};
        TRY(callbacks->copy_in(callbacks->argument, &piece));
        if (piece.count == 0) break;
        TRY(session_check_cancelled(session));
        TRY(session_copy_data(session, piece));
    }
    return session_copy_end(session);
}

// Steps a portal to its end and tells what comes.
static Status run_portal(Session *session, Portal *portal, const RunCallbacks *callbacks) {
    bool has_begun = false;
    for (;;) {
        PortalState state;
        Batch *batch;
        Bytes piece = {0};
        TRY(portal_run(portal, 0, &state, &batch, &piece));
        if (!has_begun && portal_returns_rows(portal)
            && (state == PORTAL_ROWS || state == PORTAL_DONE)) {
            has_begun = true;
            if (callbacks->begin_rows != NULL)
                TRY(callbacks->begin_rows(
                    callbacks->argument, portal->results, portal->result_count));
        }
        switch (state) {
        case PORTAL_ROWS:
            if (callbacks->rows != NULL) TRY(callbacks->rows(callbacks->argument, batch));
            break;
        case PORTAL_COPY_IN:
            TRY(run_copy_in(session, portal, callbacks));
            break;
        case PORTAL_COPY_OUT:
            if (!has_begun && callbacks->copy_out_begin != NULL)
                TRY(callbacks->copy_out_begin(callbacks->argument, portal_copy_is_binary(portal),
                    portal_copy_column_count(portal)));
            has_begun = true;
            if (piece.count > 0 && callbacks->copy_out != NULL)
                TRY(callbacks->copy_out(callbacks->argument, piece));
            break;
        case PORTAL_EMPTY:
        case PORTAL_SUSPENDED:
        case PORTAL_DONE:
            return OK;
        }
    }
}

// Runs one statement of a text; the last one commits an implicit transaction before it is told.
static Status run_statement(Session *session, Statement *statement, bool is_last,
    const LiftedText *lifted, const char *sql, const RunCallbacks *callbacks) {
    Portal *portal;
    statement->is_plain = true;
    TRY(portal_create(session, "", statement, &portal));
    portal->lifted = lifted;
    portal->sql = sql;
    session->running = portal;
    Status status = run_portal(session, portal, callbacks);
    if (status == OK && is_last && session->txn != NULL
        && (session->block == BLOCK_NONE || session->block == BLOCK_IMPLICIT))
        status = transaction_commit(session);
    if (status == OK && callbacks->complete != NULL && statement->syntax != NULL)
        status = callbacks->complete(callbacks->argument, portal->tag);
    session->running = NULL;
    if (status == OK) {
        portal_destroy(portal);
        return OK;
    }
    // The portal's execution ends with the transaction.
    Error error;
    error_take(&session->scratch, &error);
    portal_destroy(portal);
    return error_raise(&error);
}

static Status run_many(Session *session, const char *sql, const RunCallbacks *callbacks) {
    Arena arena;
    arena_init(&arena, NULL);
    ParsedStatement *parsed;
    size_t count;
    Status status = parse_text(session->pool->parser, sql, &arena, &parsed, &count);
    for (size_t i = 0; status == OK && i < count; i++) {
        bool is_last = i + 1 == count;
        if (session->block == BLOCK_NONE && !is_last) session->block = BLOCK_IMPLICIT;
        Statement *statement = statement_borrow(sql, &parsed[i]);
        status = statement == NULL
                     ? fail(OUT_OF_MEMORY, "out of memory")
                     : run_statement(session, statement, is_last, NULL, sql, callbacks);
        statement_unref(statement);
    }
    if (status == OK && session->block == BLOCK_IMPLICIT) session->block = BLOCK_NONE;
    arena_deinit(&arena);
    return status;
}

// A text as it stands: its tree is kept, and bound anew each time, for a constant may mean another
// value tomorrow ('now').
static Status run_verbatim(
    Session *session, const char *sql, size_t count, const RunCallbacks *callbacks) {
    uint64_t hash = hash_bytes(sql, count, 0);
    Statement *statement = statement_cache_find(session, sql, count, hash);
    bool is_single = true;
    if (statement != NULL) {
        statement_ref(statement);
        statement->is_bound = false;
    } else {
        TRY(statement_parse(session, sql, &statement, &is_single));
        if (is_single && statement->syntax != NULL)
            statement_cache_add(session, statement, sql, count, hash);
    }
    if (!is_single) {
        statement_unref(statement);
        return run_many(session, sql, callbacks);
    }
    Status status = OK;
    if (statement->syntax == NULL) {
        if (callbacks->empty != NULL) status = callbacks->empty(callbacks->argument);
    } else {
        status = run_statement(session, statement, true, NULL, sql, callbacks);
    }
    statement_unref(statement);
    return status;
}

// The statement of a lifted text that is not in the cache; NULL when it is none to keep.
static Status lifted_statement(
    Session *session, const char *sql, const LiftedText *lifted, Statement **statement_out) {
    Statement *statement;
    bool is_single;
    *statement_out = NULL;
    TRY(statement_parse(session, sql, &statement, &is_single));
    if (!is_single || statement->syntax == NULL) {
        statement_unref(statement);
        return OK;
    }
    LiftedLiteral *literals =
        arena_new_array(&statement->arena, LiftedLiteral, lifted->piece_count + 1);
    for (uint32_t i = 0; i < lifted->piece_count; i++)
        literals[i] = (LiftedLiteral){
            .location = lifted->pieces[i].location, .parameter = i, .type = lifted->pieces[i].type};
    statement->literals = literals;
    statement->literal_count = lifted->piece_count;
    statement->is_liftable = true;
    statement_cache_add(session, statement, lifted->key, lifted->key_count, lifted->hash);
    *statement_out = statement;
    return OK;
}

// A text that reads one row by key. *is_taken_out false: nothing has happened, and a portal does
// it.
static Status run_by_key(Session *session, Statement *statement, const LiftedText *lifted,
    const char *sql, const RunCallbacks *callbacks, bool *is_taken_out) {
    *is_taken_out = false;
    if (!statement_is_fresh(session, statement) || !statement_has_key_read(session, statement)
        || statement->literal_count != statement->parameters.count) {
        return OK;
    }
    Arena *scratch = &session->scratch;
    ArenaMark mark = arena_mark(scratch);
    Value *values = arena_new_array(scratch, Value, statement->literal_count + 1);
    Status status = OK;
    for (uint32_t i = 0; i < statement->literal_count && status == OK; i++)
        status = lifted_value(&lifted->pieces[i], sql, &session->values,
            statement->parameters.types[i], scratch, &values[i]);
    if (status != OK) { // raised again where the transaction is there to fail
        error_clear();
        arena_rewind(scratch, mark);
        return OK;
    }
    Batch *batch = NULL;
    status = statement_read_key(session, statement, values, is_taken_out, &batch);
    if (*is_taken_out && status == OK) {
        void *argument = callbacks->argument;
        if (callbacks->begin_rows != NULL)
            status = callbacks->begin_rows(argument, statement->results, statement->result_count);
        if (status == OK && batch != NULL && callbacks->rows != NULL)
            status = callbacks->rows(argument, batch);
        if (status == OK && callbacks->complete != NULL)
            status = callbacks->complete(argument, batch == NULL ? "SELECT 0" : "SELECT 1");
    }
    if (*is_taken_out && statement->key_read != NULL) key_read_release(statement->key_read);
    arena_rewind(scratch, mark);
    return status;
}

static Status run_text(Session *session, const char *sql, const RunCallbacks *callbacks) {
    size_t count = strlen(sql);
    LiftedText lifted;
    if (!lift_text(sql, count, &lifted)) return run_verbatim(session, sql, count, callbacks);
    Statement *statement = statement_cache_find(session, lifted.key, lifted.key_count, lifted.hash);
    if (statement != NULL && !statement->is_liftable)
        return run_verbatim(session, sql, count, callbacks);
    if (session->txn == NULL) catalog_view_begin_statement(session->view);
    // One that must be bound again is parsed again, for positions in errors are those of its text.
    if (statement != NULL && statement->is_bound && !statement_is_fresh(session, statement)) {
        statement_cache_remove(session, statement);
        statement = NULL;
    }
    if (statement != NULL) {
        statement_ref(statement);
    } else {
        TRY(lifted_statement(session, sql, &lifted, &statement));
        if (statement == NULL) return run_verbatim(session, sql, count, callbacks);
    }
    bool is_taken;
    Status status = run_by_key(session, statement, &lifted, sql, callbacks, &is_taken);
    if (status == OK && !is_taken)
        status = run_statement(session, statement, true, &lifted, sql, callbacks);
    statement_unref(statement);
    return status;
}

Status session_run(Session *session, const char *sql, const RunCallbacks *callbacks) {
    static const RunCallbacks none = {0};
    call_begin(session);
    set_current_query(session, sql);
    deadline_arm(session);
    Status status = run_text(session, sql, callbacks == NULL ? &none : callbacks);
    if (status != OK) return call_failed(session, status);
    deadline_disarm(session);
    return OK;
}
