#include "query/query_fixture.h"

#include "base/test.h"

void query_fixture_join(QueryFixture *fixture, Database *database) {
    *fixture = (QueryFixture){.database = database};
    assert_ok(catalog_view_create(database_catalog(database), &fixture->view));
    const char *path[] = {"public"};
    catalog_view_set_search_path(fixture->view, path, 1);
    assert_ok(parser_create(&fixture->parser));
    arena_init(&fixture->arena, NULL);
    const FunctionEntry *const tables[] = {functions_of_values, functions_of_catalog};
    fixture->registry = function_registry_make(&fixture->arena, tables, 2);
}

void query_fixture_leave(QueryFixture *fixture) {
    parser_destroy(fixture->parser);
    catalog_view_destroy(fixture->view);
    arena_deinit(&fixture->arena);
}

void query_fixture_open(QueryFixture *fixture) {
    DatabaseOptions options = {.environment = environment_real(), .no_background = true};
    Database *database;
    assert_ok(database_open(NULL, &options, &database));
    query_fixture_join(fixture, database);
}

void query_fixture_close(QueryFixture *fixture) {
    Database *database = fixture->database;
    query_fixture_leave(fixture);
    database_close(database);
}

Status query_begin(QueryFixture *fixture, Isolation isolation, Txn **txn_out) {
    TxnOptions options = {.isolation = isolation, .is_synchronous = true};
    return txn_begin(database_txns(fixture->database), options, txn_out);
}

static Status batch_print(const Plan *plan, const Batch *batch, Text *out) {
    for (uint32_t i = 0; i < batch->selected_count; i++) {
        uint32_t row = selection_row(batch_selection(batch), i);
        for (uint32_t c = 0; c < plan->result_count; c++) {
            if (c > 0) text_append_char(out, '|');
            Value value = column_get(&batch->columns[c], row);
            if (value.is_null) {
                text_append_text(out, "null");
            } else {
                TRY(value_to_text(value_context_default(), plan->results[c].type.oid, &value, out));
            }
        }
        text_append_char(out, '\n');
    }
    return OK;
}

static Status execution_print(
    const Plan *plan, const BoundStatement *bound, const ExecutionInput *input, Text *out) {
    Execution *execution;
    TRY(execution_begin(input, &execution));
    Status status;
    Batch *batch = NULL;
    do {
        status = execution_next(execution, 0, &batch);
        if (status != OK || batch == NULL) break;
        if (bound->kind != BOUND_EXPLAIN) status = batch_print(plan, batch, out);
    } while (status == OK);
    if (status == OK && bound->kind == BOUND_EXPLAIN) {
        plan_explain(plan, bound->explain_analyze ? execution : NULL, false, out);
    } else if (status == OK && plan->kind != QUERY_SELECT) {
        text_append_format(out, "%d rows\n", (int)execution_row_count(execution));
    }
    execution_end(execution);
    return status;
}

static Status statement_run(
    QueryFixture *fixture, Txn *txn, const char *sql, Arena *arena, Text *out) {
    ParsedStatement *statements;
    size_t count;
    TRY(parse_text(fixture->parser, sql, arena, &statements, &count));
    FunctionContext functions = {
        .values = *value_context_default(),
        .registry = fixture->registry,
        .random = &fixture->random,
        .catalog = (struct CatalogView *)fixture->view,
        .txn = txn,
    };
    ParameterTypes parameters = {.arena = arena};
    BindInput input = {
        .catalog = fixture->view,
        .functions = &functions,
        .parameters = &parameters,
        .sql = sql,
        .arena = arena,
        .user_name = "tester",
        .database_name = "test",
    };
    BoundStatement bound = {0};
    TRY(bind_statement(&input, statements[0].statement, &bound));
    CatalogNotice notice = {0};
    if (bound.kind == BOUND_CREATE_TABLE) {
        return catalog_create_table(fixture->view, bound.create_table, arena, &notice);
    }
    if (bound.kind == BOUND_CREATE_INDEX) {
        return catalog_create_index(
            fixture->view, bound.create_index.table, bound.create_index.key, false, arena, &notice);
    }
    if (bound.query == NULL) return fail(FEATURE_NOT_SUPPORTED, "not in this test");
    OptimizeInput optimize = {
        .catalog = fixture->view,
        .functions = &functions,
        .forced_path = fixture->forced_path,
        .parameters = &parameters,
        .arena = arena,
    };
    Plan *plan;
    TRY(optimize_query(&optimize, bound.query, &plan));
    ExecutionInput execution = {
        .plan = plan,
        .functions = &functions,
        .catalog = fixture->view,
        .txn = txn,
        .arena = arena,
        .analyze = bound.explain_analyze,
        .thread_count = fixture->thread_count,
    };
    return execution_print(plan, &bound, &execution, out);
}

Status query_run(QueryFixture *fixture, Txn *txn, const char *sql, Text *out) {
    Arena arena;
    arena_init(&arena, NULL);
    bool is_own = txn == NULL;
    Status status = OK;
    if (is_own) status = query_begin(fixture, ISOLATION_READ_COMMITTED, &txn);
    if (status != OK) return status;
    catalog_view_set_txn(fixture->view, txn);
    status = txn_statement_begin(txn);
    if (status == OK) {
        catalog_view_begin_statement(fixture->view);
        status = statement_run(fixture, txn, sql, &arena, out);
        if (status == OK) {
            txn_statement_end(txn);
        } else {
            txn_statement_rollback(txn);
        }
    }
    if (is_own && status == OK) {
        status = txn_commit(txn);
    } else if (is_own) {
        txn_rollback(txn);
    }
    catalog_view_set_txn(fixture->view, NULL);
    arena_deinit(&arena);
    return status;
}

static void assert_output(QueryFixture *fixture, const char *sql, const char *expected) {
    Arena arena;
    arena_init(&arena, NULL);
    Text out;
    text_init(&out, &arena);
    text_append_text(&out, "");
    Status status = query_run(fixture, NULL, sql, &out);
    if (status != OK) {
        print_error("%s\n  fails: %s\n", sql, error_get()->message);
        _fail(__FILE__, __LINE__);
    }
    if (strcmp(out.data == NULL ? "" : out.data, expected) != 0) {
        print_error("%s\n  gives, with %u threads:\n%s  expected:\n%s", sql, fixture->thread_count,
            out.data, expected);
        _fail(__FILE__, __LINE__);
    }
    arena_deinit(&arena);
}

void assert_rows(QueryFixture *fixture, const char *sql, const char *expected) {
    uint32_t thread_count = fixture->thread_count;
    assert_output(fixture, sql, expected);
    if (strncmp(sql, "SELECT", 6) == 0) {
        fixture->thread_count = 3;
        assert_output(fixture, sql, expected);
        fixture->thread_count = thread_count;
    }
}

void assert_error(
    QueryFixture *fixture, const char *sql, Status expected, const char *expected_message) {
    Arena arena;
    arena_init(&arena, NULL);
    Text out;
    text_init(&out, &arena);
    Status status = query_run(fixture, NULL, sql, &out);
    if (status != expected || strcmp(error_get()->message, expected_message) != 0) {
        print_error("%s\n  gives: %s\n  expected: %s\n", sql,
            status == OK ? "no error" : error_get()->message, expected_message);
        _fail(__FILE__, __LINE__);
    }
    error_clear();
    arena_deinit(&arena);
}

void query_do(QueryFixture *fixture, const char *sql) {
    Arena arena;
    arena_init(&arena, NULL);
    Text out;
    text_init(&out, &arena);
    Status status = query_run(fixture, NULL, sql, &out);
    if (status != OK) {
        print_error("%s\n  fails: %s\n", sql, error_get()->message);
        _fail(__FILE__, __LINE__);
    }
    arena_deinit(&arena);
}
