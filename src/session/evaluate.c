// Queries of the session's own within a client's statement: arguments of EXECUTE, values of new
// columns, checks over the rows there are.
#include "session/session_internal.h"

static Status run_plan(Session *session, const Plan *plan, Arena *arena, Execution **execution_out,
    FunctionContext *functions) {
    function_context_fill(session, functions);
    ExecutionInput input = {.plan = plan,
        .functions = functions,
        .catalog = session->view,
        .txn = session->txn,
        .arena = arena,
        .is_cancelled = &session->is_cancelled};
    return execution_begin(&input, execution_out);
}

static Status plan_query(Session *session, Query *query, Arena *arena, Plan **plan_out) {
    FunctionContext functions;
    function_context_fill(session, &functions);
    ParameterTypes parameters = {.arena = arena, .is_fixed = true};
    OptimizeInput input = {.catalog = session->view,
        .functions = &functions,
        .parameters = &parameters,
        .arena = arena};
    return optimize_query(&input, query, plan_out);
}

// The first row of a query of expressions, within a statement of its own.
static Status first_row(
    Session *session, const Plan *plan, uint32_t count, Arena *arena, Value *values_out) {
    FunctionContext functions;
    Execution *execution;
    TRY(run_plan(session, plan, arena, &execution, &functions));
    Batch *batch = NULL;
    Status status = execution_next(execution, 0, &batch);
    if (status == OK && batch != NULL && batch->selected_count > 0) {
        uint32_t row = selection_row(batch_selection(batch), 0);
        for (uint32_t i = 0; i < count; i++)
            values_out[i] =
                value_copy(column_get(&batch->columns[i], row), batch->columns[i].kind, arena);
    }
    execution_end(execution);
    return status;
}

Status session_evaluate(Session *session, const char *sql, const char *name, const Node *list,
    const Oid *types, uint32_t count, Arena *arena, Value *values_out) {
    if (count == 0) return OK; // whatever is given: PostgreSQL does not look at it either
    FunctionContext functions;
    function_context_fill(session, &functions);
    ParameterTypes parameters = {.arena = arena};
    BindInput input = {.catalog = session->view,
        .functions = &functions,
        .parameters = &parameters,
        .sql = sql,
        .arena = arena,
        .user_name = session->user_name,
        .database_name = session->database_name};
    Expression **arguments;
    TRY(bind_execute_arguments(&input, name, list, types, count, &arguments));
    Query *query = arena_new(arena, Query);
    query->kind = QUERY_SELECT;
    query->target_count = count;
    query->targets = arena_new_array(arena, Target, count);
    for (uint32_t i = 0; i < count; i++)
        query->targets[i] = (Target){.expression = arguments[i], .name = "?column?"};
    Plan *plan;
    TRY(plan_query(session, query, arena, &plan));
    TRY(txn_statement_begin(session->txn));
    Status status = first_row(session, plan, count, arena, values_out);
    txn_statement_end(session->txn);
    return status;
}

// SELECT 1 FROM table WHERE NOT check: as a query made by hand, for the check is bound already.
static Query *violations_query(const TableInfo *table, const Expression *check, Arena *arena) {
    Query *query = arena_new(arena, Query);
    query->kind = QUERY_SELECT;
    query->relation_count = 1;
    query->relations = arena_new(arena, Relation);
    RelationColumn *columns = arena_new_array(arena, RelationColumn, table->column_count);
    for (uint32_t i = 0; i < table->column_count; i++)
        columns[i] = (RelationColumn){.name = table->columns[i].name,
            .type = table->columns[i].type,
            .number = table->columns[i].number};
    query->relations[0] = (Relation){.source = RELATION_OF_TABLE,
        .alias = table->name,
        .table = table,
        .column_count = table->column_count,
        .columns = columns,
        .location = -1};
    FromItem *leaf = arena_new(arena, FromItem);
    query->from = arena_new_array(arena, FromItem *, 1);
    query->from[0] = leaf;
    query->from_count = 1;
    Expression *negated = expression_make(arena, EXPRESSION_NOT, sql_type(TYPE_BOOL), -1);
    negated->argument_count = 1;
    negated->arguments = arena_new_array(arena, Expression *, 1);
    negated->arguments[0] = (Expression *)(uintptr_t)check;
    query->where = negated;
    Expression *one = expression_make(arena, EXPRESSION_CONSTANT, sql_type(TYPE_INT4), -1);
    query->target_count = 1;
    query->targets = arena_new(arena, Target);
    query->targets[0] = (Target){.expression = one, .name = "?column?"};
    return query;
}

Status session_count_violations(Session *session, const TableInfo *table, const Expression *check,
    Arena *arena, uint64_t *rows_out) {
    *rows_out = 0;
    if (check == NULL) return OK;
    Plan *plan;
    TRY(plan_query(session, violations_query(table, check, arena), arena, &plan));
    txn_command_increment(session->txn);
    FunctionContext functions;
    Execution *execution;
    TRY(run_plan(session, plan, arena, &execution, &functions));
    Batch *batch = NULL;
    Status status = execution_next(execution, 1, &batch);
    if (status == OK && batch != NULL) *rows_out = batch->selected_count;
    execution_end(execution);
    return status;
}

// Runs a text to its end, within the statement that is open; its rows are counted, not kept.
static Status run_internal(
    Session *session, Statement *statement, Arena *arena, uint64_t *rows_out) {
    TRY(statement_lock(session, statement));
    Execution *execution = NULL;
    FunctionContext functions;
    Status status = run_plan(session, statement->plan, arena, &execution, &functions);
    *rows_out = 0;
    while (status == OK) {
        Batch *batch;
        status = execution_next(execution, 0, &batch);
        if (status != OK || batch == NULL) break;
        *rows_out += batch->selected_count;
    }
    if (execution != NULL) execution_end(execution);
    return status;
}

Status session_execute_internal(Session *session, const char *sql, uint64_t *rows_out) {
    Statement *statement;
    bool is_single;
    TRY(statement_parse(session, sql, &statement, &is_single));
    txn_command_increment(session->txn);
    Arena arena;
    arena_init(&arena, NULL);
    Status status = run_internal(session, statement, &arena, rows_out);
    arena_deinit(&arena);
    statement_unref(statement);
    txn_command_increment(session->txn);
    return status;
}
