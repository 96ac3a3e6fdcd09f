// The appender: rows of values straight into a table, by the INSERT that COPY uses.
#include "session/session_internal.h"

#include <stdlib.h>

struct Appender {
    Session *session;
    Statement *statement; // INSERT over a feed
    Plan *plan;
    bool owns_transaction;
    uint32_t column_count;
    Oid *types;
    PhysicalKind *kinds;
    Arena batch_arena, run_arena;
    Batch *batch, *fed;
};

static void batch_renew(Appender *appender) {
    arena_reset(&appender->batch_arena);
    appender->batch =
        batch_make(&appender->batch_arena, appender->types, appender->column_count, false);
}

static void appender_free(Appender *appender) {
    statement_unref(appender->statement);
    arena_deinit(&appender->batch_arena);
    arena_deinit(&appender->run_arena);
    free(appender);
}

static void append_identifier(Text *out, const char *name) {
    text_append_char(out, '"');
    for (const char *at = name; *at != 0; at++) {
        if (*at == '"') text_append_char(out, '"');
        text_append_char(out, *at);
    }
    text_append_char(out, '"');
}

// The binder makes the INSERT: COPY's, with every column of the table in its order.
static Status plan_insert(Appender *appender, const char *schema, const char *table) {
    Session *session = appender->session;
    Text sql;
    text_init(&sql, &session->scratch);
    text_append_text(&sql, "COPY ");
    if (schema != NULL && *schema != 0) {
        append_identifier(&sql, schema);
        text_append_char(&sql, '.');
    }
    append_identifier(&sql, table);
    text_append_text(&sql, " FROM STDIN");
    bool is_single;
    TRY(statement_parse(session, sql.data, &appender->statement, &is_single));
    TRY(transaction_check_allowed(session, appender->statement->syntax));
    TRY(transaction_require(session));
    catalog_view_begin_statement(session->view);
    TRY(statement_prepare(session, appender->statement));
    const BoundCopy *bound = appender->statement->bound.copy;
    if (txn_is_read_only(session->txn))
        return fail(READ_ONLY_SQL_TRANSACTION, "cannot execute INSERT in a read-only transaction");
    TRY(txn_lock_object(session->txn, bound->table->oid, LOCK_ROW_EXCLUSIVE, WAIT_BLOCK));
    Arena *arena = &appender->statement->plan_memory->arena;
    appender->column_count = bound->column_count;
    appender->types = arena_new_array(arena, Oid, bound->column_count + 1);
    appender->kinds = arena_new_array(arena, PhysicalKind, bound->column_count + 1);
    for (uint32_t i = 0; i < bound->column_count; i++) {
        appender->types[i] = bound->table->columns[bound->columns[i] - 1].type.oid;
        appender->kinds[i] = type_physical(appender->types[i]);
    }
    FunctionContext functions;
    function_context_fill(session, &functions);
    OptimizeInput input = {.catalog = session->view,
        .functions = &functions,
        .parameters = &appender->statement->parameters,
        .arena = arena};
    return optimize_query(&input, bound->insert, &appender->plan);
}

static Status failed(Appender *appender, Status status) {
    Session *session = appender->session;
    Error error;
    error_take(&session->scratch, &error);
    transaction_abort(session);
    return error.status == OK ? status : error_raise(&error);
}

Status session_append_begin(
    Session *session, const char *schema, const char *table, Appender **out) {
    error_clear();
    atomic_store_explicit(&session->is_cancelled, false, memory_order_relaxed);
    Appender *appender = calloc(1, sizeof *appender);
    if (appender == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    appender->session = session;
    appender->owns_transaction = session->block == BLOCK_NONE;
    arena_init(&appender->batch_arena, NULL);
    arena_init(&appender->run_arena, NULL);
    Environment environment = database_environment(session->pool->database);
    session->statement_time_us = clock_wall_us(environment.clock);
    Status status = plan_insert(appender, schema, table);
    if (status != OK) {
        status = failed(appender, status);
        appender_free(appender);
        return status;
    }
    batch_renew(appender);
    *out = appender;
    return OK;
}

uint32_t appender_column_count(const Appender *appender) {
    return appender->column_count;
}

Oid appender_column_type(const Appender *appender, uint32_t index) {
    return appender->types[index];
}

static Status feed(void *argument, Batch **batch_out) {
    Appender *appender = argument;
    if (appender->fed == NULL) appender->batch->row_count = appender->batch->selected_count = 0;
    *batch_out = appender->batch;
    appender->fed = NULL;
    return OK;
}

static Status run_plan(Appender *appender) {
    Session *session = appender->session;
    FunctionContext functions;
    function_context_fill(session, &functions);
    ExecutionInput input = {.plan = appender->plan,
        .functions = &functions,
        .catalog = session->view,
        .txn = session->txn,
        .arena = &appender->run_arena,
        .is_cancelled = &session->is_cancelled,
        .feed = feed,
        .feed_argument = appender};
    Execution *execution;
    TRY(execution_begin(&input, &execution));
    Status status;
    Batch *batch;
    do {
        status = execution_next(execution, 0, &batch);
    } while (status == OK && batch != NULL);
    execution_end(execution);
    return status;
}

// Each batch is one statement of the transaction.
static Status flush(Appender *appender) {
    Session *session = appender->session;
    if (appender->batch->row_count == 0) return OK;
    if (session->txn == NULL)
        return fail(NO_ACTIVE_SQL_TRANSACTION, "the appender's transaction has ended");
    TRY(session_check_cancelled(session));
    TRY(txn_statement_begin(session->txn));
    appender->fed = appender->batch;
    Status status = run_plan(appender);
    if (status == OK)
        txn_statement_end(session->txn);
    else
        txn_statement_rollback(session->txn);
    arena_reset(&appender->run_arena);
    if (status == OK) batch_renew(appender);
    return status;
}

Status appender_add(Appender *appender, const Value *values) {
    Batch *batch = appender->batch;
    uint32_t row = batch->row_count;
    for (uint32_t i = 0; i < appender->column_count; i++) {
        Column *column = &batch->columns[i];
        if (values[i].is_null) {
            column_set_null(column, &appender->batch_arena, row);
            continue;
        }
        Value copy = value_copy(values[i], appender->kinds[i], &appender->batch_arena);
        uint8_t width = physical_width[appender->kinds[i]];
        memcpy((uint8_t *)column->values + (size_t)row * width, &copy.datum, width);
    }
    batch->row_count = batch->selected_count = row + 1;
    if (batch->row_count < BATCH_ROW_COUNT) return OK;
    Status status = flush(appender);
    return status == OK ? OK : failed(appender, status);
}

Status appender_end(Appender *appender) {
    Session *session = appender->session;
    Status status = flush(appender);
    if (status == OK && appender->owns_transaction && session->txn != NULL)
        status = transaction_commit(session);
    if (status != OK) status = failed(appender, status);
    appender_free(appender);
    return status;
}

void appender_abandon(Appender *appender) {
    if (appender == NULL) return;
    if (appender->owns_transaction) transaction_rollback(appender->session);
    appender_free(appender);
}
