// Queries of the session's own within a client's statement: arguments of EXECUTE, values of new
// columns, checks over the rows there are.
#include "session/session_internal.h"

static Node *node_make(Arena *arena, NodeKind kind, const char *name, uint32_t count) {
    Node *node = arena_new(arena, Node);
    node->kind = kind;
    node->name = name;
    node->count = count;
    node->entries = arena_new_array(arena, struct NodeEntry, count);
    return node;
}

static Node *list_make(Arena *arena, Node **items, uint32_t count) {
    Node *node = arena_new(arena, Node);
    node->kind = NODE_LIST;
    node->count = count;
    node->items = items;
    return node;
}

static Node *text_make(Arena *arena, const char *text) {
    Node *node = arena_new(arena, Node);
    node->kind = NODE_TEXT;
    node->text = text;
    return node;
}

static Node *integer_make(Arena *arena, int64_t number) {
    Node *node = arena_new(arena, Node);
    node->kind = NODE_INTEGER;
    node->integer = number;
    return node;
}

// CAST(expression AS pg_catalog.name)
static Node *cast_make(Arena *arena, Node *expression, SqlType type) {
    const TypeInfo *info = type_find(type.oid);
    if (info == NULL) return expression;
    Node **names = arena_new_array(arena, Node *, 2);
    names[0] = text_make(arena, "pg_catalog");
    names[1] = text_make(arena, info->name);
    Node *type_name = node_make(arena, NODE_TYPE_NAME, "TypeName", 2);
    type_name->entries[0] = (struct NodeEntry){FIELD_NAMES, list_make(arena, names, 2)};
    type_name->entries[1] = (struct NodeEntry){FIELD_TYPEMOD, integer_make(arena, type.modifier)};
    Node *cast = node_make(arena, NODE_TYPE_CAST, "TypeCast", 2);
    cast->entries[0] = (struct NodeEntry){FIELD_ARG, expression};
    cast->entries[1] = (struct NodeEntry){FIELD_TYPE_NAME, type_name};
    return cast;
}

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

Status session_evaluate(Session *session, const char *sql, Node **expressions, const SqlType *types,
    uint32_t count, Arena *arena, Value *values_out) {
    Node **targets = arena_new_array(arena, Node *, count);
    for (uint32_t i = 0; i < count; i++) {
        targets[i] = node_make(arena, NODE_RES_TARGET, "ResTarget", 1);
        targets[i]->entries[0] =
            (struct NodeEntry){FIELD_VAL, cast_make(arena, expressions[i], types[i])};
    }
    Node *select = node_make(arena, NODE_SELECT_STMT, "SelectStmt", 3);
    select->entries[0] = (struct NodeEntry){FIELD_TARGET_LIST, list_make(arena, targets, count)};
    select->entries[1] =
        (struct NodeEntry){FIELD_LIMIT_OPTION, text_make(arena, "LIMIT_OPTION_DEFAULT")};
    select->entries[2] = (struct NodeEntry){FIELD_OP, text_make(arena, "SETOP_NONE")};
    Statement *statement = statement_of_node(sql, select);
    if (statement == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    Status status = statement_prepare(session, statement);
    bool has_begun = false;
    if (status == OK) {
        status = txn_statement_begin(session->txn);
        has_begun = status == OK;
    }
    Execution *execution = NULL;
    FunctionContext functions;
    if (status == OK) status = run_plan(session, statement->plan, arena, &execution, &functions);
    Batch *batch = NULL;
    if (status == OK) status = execution_next(execution, 0, &batch);
    if (status == OK && batch != NULL && batch->selected_count > 0) {
        uint32_t row = selection_row(batch_selection(batch), 0);
        for (uint32_t i = 0; i < count; i++)
            values_out[i] =
                value_copy(column_get(&batch->columns[i], row), batch->columns[i].kind, arena);
    }
    if (execution != NULL) execution_end(execution);
    if (has_begun) txn_statement_end(session->txn);
    statement_unref(statement);
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
