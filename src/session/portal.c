// Portals: one run of a statement, some rows at a time.
#include "session/lift.h"
#include "session/session_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

// ---- Making and ending --------------------------------------------------------------------------

// A portal with an execution that can be run again waits with its statement: a statement that is
// repeated makes no operators anew. The session keeps the newest ones.
enum { IDLE_PORTAL_MAX = 16, IDLE_BYTES_MAX = 1 << 20 };

static void idle_remove(Portal *portal) {
    Portal **at = &portal->session->idle;
    while (*at != portal)
        at = &(*at)->next;
    *at = portal->next;
    portal->statement->idle = NULL;
}

static void portal_free(Portal *portal) {
    if (portal->kept != NULL) execution_end(portal->kept);
    plan_memory_unref(portal->plan_memory);
    arena_deinit(&portal->execution_arena);
    arena_deinit(&portal->arena);
    free(portal);
}

void portal_free_idle(Statement *statement) {
    Portal *portal = statement->idle;
    if (portal == NULL) return;
    idle_remove(portal);
    portal_free(portal);
}

// The statement has another user, or nobody would run it again.
static bool portal_can_wait(const Portal *portal) {
    const Statement *statement = portal->statement;
    return portal->kept != NULL && portal->kept_plan_number == statement->plan_number
           && statement->ref_count > 1 && statement->idle == NULL
           && portal->execution_arena.total_bytes + portal->arena.total_bytes <= IDLE_BYTES_MAX;
}

static void portal_wait(Portal *portal) {
    Session *session = portal->session;
    Statement *statement = portal->statement;
    arena_reset(&portal->arena);
    *portal = (Portal){.session = session,
        .arena = portal->arena,
        .statement = statement,
        .plan_memory = portal->plan_memory,
        .execution_arena = portal->execution_arena,
        .kept = portal->kept,
        .kept_plan_number = portal->kept_plan_number,
        .next = session->idle};
    session->idle = portal;
    statement->idle = portal;
    statement->ref_count--; // there is another
    uint32_t count = 0;
    for (Portal *each = session->idle; each != NULL; each = each->next)
        if (++count > IDLE_PORTAL_MAX) {
            portal_free_idle(each->statement);
            return;
        }
}

// What the statement is bound to now stays with the portal.
static void portal_keep_plan(Portal *portal) {
    PlanMemory *memory = portal->statement->plan_memory;
    if (memory == portal->plan_memory) return;
    if (portal->kept != NULL) execution_end(portal->kept); // of the plan that it lets go
    portal->kept = NULL;
    plan_memory_unref(portal->plan_memory);
    memory->ref_count++;
    portal->plan_memory = memory;
}

Status portal_create(
    Session *session, const char *name, Statement *statement, Portal **portal_out) {
    Portal *portal = statement->idle;
    if (portal != NULL) {
        idle_remove(portal);
        portal->next = NULL;
    } else {
        portal = calloc(1, sizeof *portal);
        if (portal == NULL) return fail(OUT_OF_MEMORY, "out of memory");
        arena_init(&portal->arena, NULL);
        arena_init(&portal->execution_arena, NULL);
    }
    portal->session = session;
    portal->name = arena_copy_text(&portal->arena, name);
    portal->statement = statement;
    statement_ref(statement);
    portal_keep_plan(portal);
    portal->result_count = statement->result_count;
    portal->results = statement->results;
    *portal_out = portal;
    return OK;
}

static void execution_close(Portal *portal) {
    const Statement *statement = portal->statement;
    Execution *execution = portal->execution;
    portal->execution = NULL;
    bool is_repeatable = portal->execution_plan_number == statement->plan_number
                         && statement->bound.kind == BOUND_QUERY && statement->plan->is_short;
    if (is_repeatable && execution_pause(execution)) {
        portal->kept = execution;
        portal->kept_plan_number = statement->plan_number;
    } else {
        execution_end(execution);
    }
}

void portal_close_execution(Portal *portal) {
    Session *session = portal->session;
    if (portal->execution != NULL) execution_close(portal);
    portal->pending = NULL;
    copy_close(portal);
    if (portal->is_running_statement && session->txn != NULL) txn_statement_end(session->txn);
    portal->is_running_statement = false;
    if (portal->has_snapshot && session->txn != NULL)
        txn_snapshot_drop(session->txn, portal->snapshot);
    portal->has_snapshot = false;
}

void portal_destroy(Portal *portal) {
    if (portal == NULL) return;
    portal_close_execution(portal);
    if (portal_can_wait(portal)) {
        portal_wait(portal);
        return;
    }
    Statement *statement = portal->statement;
    portal_free(portal);
    statement_unref(statement);
}

void graveyard_free(Session *session) {
    while (session->graveyard != NULL) {
        Portal *portal = session->graveyard;
        session->graveyard = portal->next;
        portal_destroy(portal);
    }
}

// The running portal (COMMIT's own) stays until it is closed by name; others only keep their
// memory, for callers that still ask for a tag.
void portals_end_transaction(Session *session) {
    Portal **at = &session->portals;
    while (*at != NULL) {
        Portal *portal = *at;
        portal_close_execution(portal);
        if (portal == session->running) {
            at = &portal->next;
            continue;
        }
        *at = portal->next;
        portal->phase = PHASE_DONE;
        portal->next = session->graveyard;
        session->graveyard = portal;
    }
    if (session->running != NULL) portal_close_execution(session->running);
}

void portal_set_tag(Portal *portal, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(portal->tag, sizeof portal->tag, format, arguments);
    va_end(arguments);
}

const char *portal_tag(const Portal *portal) {
    return portal->tag;
}

uint64_t portal_row_count(const Portal *portal) {
    return portal->row_count;
}

bool portal_returns_rows(const Portal *portal) {
    return portal->result_count > 0 || statement_is_select(portal->statement);
}

uint32_t portal_result_count(const Portal *portal) {
    return portal->result_count;
}

const ResultColumn *portal_results(const Portal *portal) {
    return portal->results;
}

// ---- Rows that are computed at once -------------------------------------------------------------

static Batch *row_list_room(RowList *list, Arena *arena, const Oid *types, uint32_t count) {
    if (list->count > 0) {
        Batch *last = list->batches[list->count - 1];
        if (last->row_count < BATCH_ROW_COUNT) return last;
    }
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity == 0 ? 8 : list->capacity * 2;
        Batch **batches = arena_new_array(arena, Batch *, capacity);
        if (list->count > 0) memcpy(batches, list->batches, list->count * sizeof(Batch *));
        list->batches = batches;
        list->capacity = capacity;
    }
    Batch *made = batch_make(arena, types, count, false);
    list->batches[list->count++] = made;
    return made;
}

void row_list_add_batch(RowList *list, Arena *arena, const Batch *batch) {
    uint32_t column_count = batch->column_count;
    Oid *types = arena_new_array(arena, Oid, column_count + 1);
    for (uint32_t i = 0; i < column_count; i++)
        types[i] = batch->columns[i].type;
    for (uint32_t first = 0; first < batch->selected_count;) {
        Batch *room = row_list_room(list, arena, types, column_count);
        uint32_t added = batch_append_rows(room, arena, batch, first);
        first += added;
    }
}

static void portal_add_row(Portal *portal, const Value *values) {
    Oid *types = arena_new_array(&portal->arena, Oid, portal->result_count + 1);
    for (uint32_t i = 0; i < portal->result_count; i++)
        types[i] = portal->results[i].type.oid;
    Batch *room = row_list_room(&portal->rows, &portal->arena, types, portal->result_count);
    batch_append_values(room, &portal->arena, values);
}

void portal_add_text_row(Portal *portal, const char *const *texts, uint32_t count) {
    Value *values = arena_new_array(&portal->arena, Value, count);
    for (uint32_t i = 0; i < count; i++) {
        values[i].is_null = texts[i] == NULL;
        if (texts[i] != NULL)
            values[i].datum.view = view_from_text(arena_copy_text(&portal->arena, texts[i]));
    }
    portal_add_row(portal, values);
}

// ---- Queries ------------------------------------------------------------------------------------

static const char *query_name(const Plan *plan) {
    switch (plan->kind) {
    case QUERY_SELECT:
        return "SELECT";
    case QUERY_INSERT:
        return "INSERT";
    case QUERY_UPDATE:
        return "UPDATE";
    case QUERY_DELETE:
        return "DELETE";
    }
    return "";
}

static void progress(void *argument, double fraction) {
    Session *session = argument;
    if (session->progress != NULL && session->progress(session->progress_argument, fraction))
        session_cancel(session);
}

// Takes the table locks; what changed while waiting for them makes a new plan.
Status statement_lock(Session *session, Statement *statement) {
    for (;;) {
        TRY(statement_prepare(session, statement));
        const Plan *plan = statement->plan;
        if (plan == NULL) return OK;
        for (uint32_t i = 0; i < plan->table_count; i++)
            if (plan->tables[i] >= FIRST_USER_OID)
                TRY(txn_lock_object(
                    session->txn, plan->tables[i], plan->lock_modes[i], WAIT_BLOCK));
        catalog_view_refresh(session->view);
        if (statement->catalog_version == catalog_view_version(session->view)) return OK;
    }
}

Status portal_start_execution(
    Portal *portal, Status (*feed)(void *argument, Batch **batch_out), void *feed_argument) {
    Session *session = portal->session;
    const Plan *plan = portal->statement->plan;
    portal_keep_plan(portal);
    portal->plan = plan;
    session->has_queried = true;
    if (plan->writes && txn_is_read_only(session->txn))
        return fail(READ_ONLY_SQL_TRANSACTION, "cannot execute %s in a read-only transaction",
            plan->kind == QUERY_SELECT ? "SELECT FOR UPDATE" : query_name(plan));
    if (!portal->is_running_statement) {
        TRY(txn_statement_begin(session->txn));
        portal->is_running_statement = true;
    }
    function_context_fill(session, &portal->functions);
    ExecutionInput input = {.plan = plan,
        .functions = &portal->functions,
        .catalog = session->view,
        .txn = session->txn,
        .parameters = portal->parameters,
        .parameter_count = portal->parameter_count,
        .arena = &portal->execution_arena,
        .is_cancelled = &session->is_cancelled,
        .analyze = portal->statement->bound.kind == BOUND_EXPLAIN
                   && portal->statement->bound.explain_analyze
                   && portal->statement->bound.explain_timing,
        .progress = session->progress == NULL ? NULL : progress,
        .progress_argument = session,
        .feed = feed,
        .feed_argument = feed_argument};
    portal->execution_plan_number = portal->statement->plan_number;
    portal->phase = PHASE_RUNNING;
    if (portal->kept != NULL && portal->kept_plan_number == portal->execution_plan_number) {
        portal->execution = portal->kept;
        portal->kept = NULL;
        return execution_restart(portal->execution, &input);
    }
    if (portal->kept != NULL) execution_end(portal->kept);
    portal->kept = NULL;
    arena_reset(&portal->execution_arena);
    return execution_begin(&input, &portal->execution);
}

static void query_tag(Portal *portal, uint64_t rows) {
    // By hand: every statement has one.
    const Plan *plan = portal->plan;
    char *at = stpcpy(portal->tag, plan->kind == QUERY_INSERT ? "INSERT 0 " : query_name(plan));
    if (plan->kind != QUERY_INSERT) *at++ = ' ';
    char digits[20];
    uint32_t count = 0;
    do {
        digits[count++] = (char)('0' + rows % 10);
        rows /= 10;
    } while (rows > 0);
    while (count > 0)
        *at++ = digits[--count];
    *at = 0;
}

// A piece of the batch at hand: from `first`, at most `count` selected rows.
static Batch *batch_part(Portal *portal, uint32_t count) {
    Batch *whole = portal->pending;
    uint32_t first = portal->pending_next;
    uint32_t left = whole->selected_count - first;
    if (count == 0 || count >= left) count = left;
    portal->pending_next = first + count;
    if (first == 0 && count == whole->selected_count) {
        portal->pending = NULL;
        return whole;
    }
    uint16_t *rows = arena_new_array(&portal->arena, uint16_t, count);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (uint16_t)selection_row(batch_selection(whole), first + i);
    portal->part = *whole;
    portal->part.selection = rows;
    portal->part.selected_count = count;
    if (portal->pending_next == whole->selected_count) portal->pending = NULL;
    return &portal->part;
}

static Status next_batch(Portal *portal, uint32_t wanted, Batch **batch_out) {
    if (portal->phase == PHASE_ROWS) {
        if (portal->pending == NULL) {
            if (portal->rows.next == portal->rows.count) {
                *batch_out = NULL;
                return OK;
            }
            portal->pending = portal->rows.batches[portal->rows.next++];
            portal->pending_next = 0;
        }
        *batch_out = batch_part(portal, wanted);
        return OK;
    }
    while (portal->pending == NULL) {
        Batch *batch;
        TRY(session_check_cancelled(portal->session));
        TRY(execution_next(portal->execution, wanted, &batch));
        if (batch == NULL) {
            *batch_out = NULL;
            return OK;
        }
        if (batch->selected_count == 0) continue;
        portal->pending = batch;
        portal->pending_next = 0;
    }
    *batch_out = batch_part(portal, wanted);
    return OK;
}

// Between calls of the client the transaction goes on; the rows stay as they were at the start.
static Status suspend(Portal *portal) {
    Session *session = portal->session;
    if (!portal->has_snapshot && portal->is_running_statement) {
        portal->snapshot = txn_snapshot_hold(session->txn);
        portal->has_snapshot = true;
    }
    if (portal->is_running_statement) {
        txn_statement_end(session->txn);
        portal->is_running_statement = false;
    }
    return OK;
}

static Status run_rows(
    Portal *portal, uint32_t row_max, PortalState *state_out, Batch **batch_out) {
    if (row_max > 0 && portal->row_count >= row_max) {
        TRY(suspend(portal));
        portal->row_count = 0;
        *state_out = PORTAL_SUSPENDED;
        return OK;
    }
    uint32_t wanted = row_max == 0 ? 0 : (uint32_t)(row_max - portal->row_count);
    Batch *batch;
    TRY(next_batch(portal, wanted, &batch));
    if (batch != NULL) {
        portal->row_count += batch->selected_count;
        *batch_out = batch;
        *state_out = PORTAL_ROWS;
        return OK;
    }
    if (portal->phase == PHASE_RUNNING) {
        uint64_t rows = portal->plan->kind == QUERY_SELECT ? portal->row_count
                                                           : execution_row_count(portal->execution);
        query_tag(portal, rows);
        portal->row_count = rows;
        portal_close_execution(portal);
    }
    portal->phase = PHASE_DONE;
    *state_out = PORTAL_DONE;
    return OK;
}

// ---- Running ------------------------------------------------------------------------------------

static Status require_writable(Session *session, const Node *syntax, const char *name) {
    (void)syntax;
    if (session->txn == NULL || !txn_is_read_only(session->txn)) return OK;
    return fail(READ_ONLY_SQL_TRANSACTION, "cannot execute %s in a read-only transaction", name);
}

static void give_notices(Session *session, const BoundStatement *bound) {
    for (uint32_t i = 0; i < bound->notice_count; i++)
        session_notice(
            session, "NOTICE", bound->notices[i].code, bound->notices[i].message, NULL, NULL);
}

// What is left when the statement has run: rows to give, or nothing.
static void finish_at_once(Portal *portal) {
    if (portal->phase != PHASE_READY) return;
    portal->phase = portal->rows.count > 0 ? PHASE_ROWS : PHASE_DONE;
}

Status portal_start_bound(Portal *portal) {
    Session *session = portal->session;
    Statement *statement = portal->statement;
    switch (statement->bound.kind) {
    case BOUND_QUERY:
        TRY(statement_lock(session, statement));
        portal_keep_plan(portal);
        portal->result_count = statement->result_count;
        portal->results = statement->results;
        return portal_start_execution(portal, NULL, NULL);
    case BOUND_EXPLAIN:
        TRY(explain_run(portal));
        break;
    case BOUND_COPY:
        return copy_start(portal);
    case BOUND_UTILITY:
        TRY(utility_run(portal));
        break;
    case BOUND_CREATE_TABLE:
    case BOUND_CREATE_INDEX:
    case BOUND_CREATE_SEQUENCE:
    case BOUND_CREATE_SCHEMA:
    case BOUND_ALTER_TABLE:
    case BOUND_RENAME:
    case BOUND_DROP:
    case BOUND_COMMENT:
    case BOUND_TRUNCATE: {
        TRY(require_writable(session, statement->syntax, definition_name(&statement->bound)));
        TRY(txn_statement_begin(session->txn));
        portal->is_running_statement = true;
        TRY(definition_run(portal));
        txn_statement_end(session->txn);
        portal->is_running_statement = false;
        break;
    }
    }
    finish_at_once(portal);
    return OK;
}

// Binds with the literals as parameters. Where that cannot be, they stay where they are.
static Status prepare_lifted(Portal *portal) {
    Session *session = portal->session;
    Statement *statement = portal->statement;
    Status status = statement_prepare(session, statement);
    if (status != OK || !statement->is_liftable) {
        if (statement->literal_count == 0) return status;
        error_clear();
        statement->literal_count = 0;
        statement->is_bound = false;
        portal->lifted = NULL;
        status = statement_prepare(session, statement);
        statement->is_liftable = false; // for whoever finds it in the cache
        if (status != OK) statement_cache_remove(session, statement); // it may be right later
        return status;
    }
    uint32_t count = statement->literal_count;
    if (count == 0) return OK;
    portal->parameters = arena_new_array(&portal->arena, Value, count);
    portal->parameter_count = count;
    for (uint32_t i = 0; i < count; i++)
        TRY(lifted_value(&portal->lifted->pieces[i], portal->sql, &session->values,
            statement->parameters.types[i], &portal->arena, &portal->parameters[i]));
    return OK;
}

static Status start(Portal *portal) {
    Session *session = portal->session;
    Statement *statement = portal->statement;
    Environment environment = database_environment(session->pool->database);
    session->statement_time_us = clock_wall_us(environment.clock);
    TRY(transaction_check_allowed(session, statement->syntax));
    if (node_kind(statement->syntax) == NODE_TRANSACTION_STMT) {
        TRY(transaction_statement(session, statement->syntax, portal));
        portal->phase = PHASE_DONE;
        return OK;
    }
    TRY(transaction_require(session));
    catalog_view_begin_statement(session->view);
    // A definition is bound when it runs: what it names may have changed since it was prepared.
    if (statement->is_bound && statement->bound.kind != BOUND_QUERY
        && statement->bound.kind != BOUND_UTILITY && statement->bound.kind != BOUND_EXPLAIN)
        statement->is_bound = false;
    TRY(portal->lifted != NULL ? prepare_lifted(portal) : statement_prepare(session, statement));
    portal_keep_plan(portal);
    portal->result_count = statement->result_count;
    portal->results = statement->results;
    give_notices(session, &statement->bound);
    return portal_start_bound(portal);
}

Status portal_run(
    Portal *portal, uint32_t row_max, PortalState *state_out, Batch **batch_out, Bytes *copy_out) {
    *batch_out = NULL;
    if (portal->statement->syntax == NULL) {
        *state_out = PORTAL_EMPTY;
        return OK;
    }
    if (portal->phase == PHASE_READY) {
        TRY(start(portal));
        if (portal->phase == PHASE_COPY_OUT) { // told before the first row: there may be none
            *copy_out = (Bytes){0};
            *state_out = PORTAL_COPY_OUT;
            return OK;
        }
    }
    switch (portal->phase) {
    case PHASE_READY:
        UNREACHABLE();
    case PHASE_RUNNING:
    case PHASE_ROWS:
        return run_rows(portal, row_max, state_out, batch_out);
    case PHASE_COPY_IN:
        *state_out = PORTAL_COPY_IN;
        return OK;
    case PHASE_COPY_OUT: {
        bool is_done;
        TRY(copy_out_next(portal, copy_out, &is_done));
        if (is_done) portal->phase = PHASE_DONE;
        *state_out = is_done ? PORTAL_DONE : PORTAL_COPY_OUT;
        return OK;
    }
    case PHASE_DONE:
        *state_out = PORTAL_DONE;
        return OK;
    }
    return OK;
}
