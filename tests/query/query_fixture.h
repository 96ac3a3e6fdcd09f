// A database in memory, and statements run on it through parse, bind, optimize and execute, without
// a session.
#pragma once

#include "bind/bind.h"
#include "engine/database.h"
#include "execute/execute.h"
#include "optimize/optimize.h"
#include "parse/parse.h"

typedef struct QueryFixture {
    Database *database;
    CatalogView *view;
    Parser *parser;
    Arena arena; // of the fixture
    const FunctionRegistry *registry;
    Random random;
    ForcedPath forced_path;
    uint32_t thread_count; // of each statement; 0 is one
} QueryFixture;

void query_fixture_open(QueryFixture *fixture);
void query_fixture_close(QueryFixture *fixture);
// A second one on the same database, for another thread.
void query_fixture_join(QueryFixture *fixture, Database *database);
void query_fixture_leave(QueryFixture *fixture);

// Runs one statement in a transaction of its own, or in `txn`. Rows come out as text, "|" between
// columns and a newline after each row, NULL as "null"; then "n rows" for a statement that writes.
Status query_run(QueryFixture *fixture, Txn *txn, const char *sql, Text *out);
Status query_begin(QueryFixture *fixture, Isolation isolation, Txn **txn_out);

// The rows are these, however many threads work on them; or the statement fails with this status
// and message.
void assert_rows(QueryFixture *fixture, const char *sql, const char *expected);
void assert_error(
    QueryFixture *fixture, const char *sql, Status expected, const char *expected_message);
void query_do(QueryFixture *fixture, const char *sql);
