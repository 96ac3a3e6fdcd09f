// The whole house through a session: definitions, queries, transactions and COPY in memory, and the
// same again after a close and a reopen.
#include "session/session.h"

#include "base/test.h"
#include "os/thread.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct World {
    Database *database;
    SessionPool *pool;
    Session *session;
    Arena arena;
    Text out; // rows as "a|b\n", tags as "-- TAG\n"
    const ResultColumn *columns;
    Bytes copy_data;
} World;

static Status on_rows_begin(void *argument, const ResultColumn *columns, uint32_t count) {
    World *world = argument;
    world->columns = columns;
    (void)count;
    return OK;
}

static Status on_rows(void *argument, const Batch *batch) {
    World *world = argument;
    for (uint32_t i = 0; i < batch->selected_count; i++) {
        uint32_t row = selection_row(batch_selection(batch), i);
        for (uint32_t j = 0; j < batch->column_count; j++) {
            if (j > 0) text_append_char(&world->out, '|');
            Value value = column_get(&batch->columns[j], row);
            if (value.is_null) continue;
            TRY(value_to_text(session_value_context(world->session), batch->columns[j].type, &value,
                &world->out));
        }
        text_append_char(&world->out, '\n');
    }
    return OK;
}

static Status on_complete(void *argument, const char *tag) {
    World *world = argument;
    text_append_format(&world->out, "-- %s\n", tag);
    return OK;
}

static Status on_copy_in(void *argument, Bytes *piece_out) {
    World *world = argument;
    *piece_out = world->copy_data;
    world->copy_data = (Bytes){0};
    return OK;
}

static Status on_copy_out(void *argument, Bytes piece) {
    World *world = argument;
    text_append(&world->out, piece.data, piece.count);
    return OK;
}

static void world_open(World *world, const char *path) {
    DatabaseOptions options = {.environment = environment_real()};
    arena_init(&world->arena, NULL);
    text_init(&world->out, &world->arena);
    assert_ok(database_open(path, &options, &world->database));
    assert_ok(session_pool_create(world->database, &world->pool));
    SessionOptions session_options = {.autocommit_is_synchronous = true};
    assert_ok(session_create(world->pool, &session_options, &world->session));
}

static void world_close(World *world) {
    session_destroy(world->session);
    session_pool_destroy(world->pool);
    database_close(world->database);
    arena_deinit(&world->arena);
}

static Status run(World *world, const char *sql) {
    text_clear(&world->out);
    text_append(&world->out, "", 0);
    RunCallbacks callbacks = {.begin_rows = on_rows_begin,
        .rows = on_rows,
        .complete = on_complete,
        .copy_in = on_copy_in,
        .copy_out = on_copy_out,
        .argument = world};
    return session_run(world->session, sql, &callbacks);
}

#define assert_run(world, sql, expected)                                                           \
    do {                                                                                           \
        assert_ok(run(world, sql));                                                                \
        assert_string_equal((world)->out.data == NULL ? "" : (world)->out.data, expected);         \
    } while (0)

#define assert_refused(world, expected_status, sql, expected_message)                              \
    do {                                                                                           \
        Status refused = run(world, sql);                                                          \
        assert_int_equal(refused, expected_status);                                                \
        assert_string_equal(error_get()->message, expected_message);                               \
        error_clear();                                                                             \
    } while (0)

TEST(session, creates_inserts_and_selects) {
    World world = {0};
    world_open(&world, NULL);
    assert_run(&world, "create table t(id int primary key, v text)", "-- CREATE TABLE\n");
    assert_run(&world, "insert into t values (1, 'a'), (2, 'b')", "-- INSERT 0 2\n");
    assert_run(&world, "select * from t order by id", "1|a\n2|b\n-- SELECT 2\n");
    assert_refused(&world, UNIQUE_VIOLATION, "insert into t values (1, 'c')",
        "duplicate key value violates unique constraint \"t_pkey\"");
    assert_refused(
        &world, DUPLICATE_TABLE, "create table t(a int)", "relation \"t\" already exists");
    assert_run(&world, "drop table t", "-- DROP TABLE\n");
    assert_refused(&world, UNDEFINED_TABLE, "select * from t", "relation \"t\" does not exist");
    world_close(&world);
}

TEST(session, blocks_abort_and_go_back_to_savepoints) {
    World world = {0};
    world_open(&world, NULL);
    assert_run(&world, "create table t(a int primary key)", "-- CREATE TABLE\n");
    assert_run(&world, "begin", "-- BEGIN\n");
    assert_run(&world, "insert into t values (1)", "-- INSERT 0 1\n");
    assert_run(&world, "savepoint s", "-- SAVEPOINT\n");
    assert_refused(&world, DIVISION_BY_ZERO, "select 1/0", "division by zero");
    assert_int_equal(session_state(world.session), SESSION_FAILED);
    assert_refused(&world, IN_FAILED_SQL_TRANSACTION, "select 1",
        "current transaction is aborted, commands ignored until end of transaction block");
    assert_run(&world, "rollback to s", "-- ROLLBACK\n");
    assert_run(&world, "create table u(b int)", "-- CREATE TABLE\n");
    assert_run(&world, "rollback to s", "-- ROLLBACK\n");
    assert_refused(&world, UNDEFINED_TABLE, "table u", "relation \"u\" does not exist");
    assert_run(&world, "rollback to s; commit", "-- ROLLBACK\n-- COMMIT\n");
    assert_run(&world, "select a from t", "1\n-- SELECT 1\n");
    // Statements of one text are one transaction.
    assert_refused(&world, UNIQUE_VIOLATION, "insert into t values (2); insert into t values (1)",
        "duplicate key value violates unique constraint \"t_pkey\"");
    assert_run(&world, "select count(*) from t", "1\n-- SELECT 1\n");
    world_close(&world);
}

// storage-rules 19: rows come in batches, but only what is taken of them is locked and computed.
TEST(session, p19_rows_that_nobody_takes_are_not_touched) {
    World world = {0};
    world_open(&world, NULL);
    assert_ok(run(&world, "create table t(id int primary key, x int); create sequence s;"
                          "insert into t select g, g - 2 from generate_series(1, 5000) g"));
    assert_run(&world, "select 10 / x from t limit 1", "-10\n-- SELECT 1\n"); // the next is 10 / 0
    assert_run(&world, "select nextval('s') from t limit 1", "1\n-- SELECT 1\n");
    assert_run(&world, "select nextval('s') from t limit 2", "2\n3\n-- SELECT 2\n");
    const char *take = "begin; select id from t order by id for update skip locked limit 1";
    assert_run(&world, take, "-- BEGIN\n1\n-- SELECT 1\n");
    Session *first = world.session;
    SessionOptions options = {.autocommit_is_synchronous = true};
    assert_ok(session_create(world.pool, &options, &world.session));
    assert_run(&world, take, "-- BEGIN\n2\n-- SELECT 1\n");
    assert_run(&world, "rollback", "-- ROLLBACK\n");
    session_destroy(world.session);
    world.session = first;
    assert_run(&world, "rollback", "-- ROLLBACK\n");
    world_close(&world);
}

TEST(session, settings_go_back_with_their_transaction) {
    World world = {0};
    world_open(&world, NULL);
    assert_run(
        &world, "set statement_timeout = '5s'; show statement_timeout", "-- SET\n5s\n-- SHOW\n");
    assert_run(&world, "begin; set local work_mem = '8MB'; show work_mem; commit; show work_mem",
        "-- BEGIN\n-- SET\n8MB\n-- SHOW\n-- COMMIT\n4MB\n-- SHOW\n");
    assert_run(&world, "begin; set work_mem = '8MB'; rollback; show work_mem",
        "-- BEGIN\n-- SET\n-- ROLLBACK\n4MB\n-- SHOW\n");
    assert_refused(&world, UNDEFINED_OBJECT, "set wrk_mem = 1",
        "unrecognized configuration parameter \"wrk_mem\"");
    world_close(&world);
}

TEST(session, prepared_statements_run_with_row_limits) {
    World world = {0};
    world_open(&world, NULL);
    Prepared *prepared;
    assert_ok(
        session_prepare(world.session, "", "select generate_series(1, $1)", NULL, 0, &prepared));
    assert_int_equal(prepared_parameter_count(prepared), 1);
    assert_int_equal(prepared_parameter_type(prepared, 0), TYPE_INT4);
    Value five = {.datum.int4 = 5};
    Portal *portal;
    assert_ok(session_bind(world.session, "", prepared, &five, 1, &portal));
    PortalState portal_state;
    Batch *batch;
    Bytes bytes;
    assert_ok(portal_execute(portal, 2, false, &portal_state, &batch, &bytes));
    assert_int_equal(portal_state, PORTAL_ROWS);
    assert_int_equal(batch->selected_count, 2);
    assert_ok(portal_execute(portal, 2, false, &portal_state, &batch, &bytes));
    assert_int_equal(portal_state, PORTAL_SUSPENDED);
    uint32_t rows = 0;
    do {
        assert_ok(portal_execute(portal, 0, false, &portal_state, &batch, &bytes));
        if (portal_state == PORTAL_ROWS) rows += batch->selected_count;
    } while (portal_state == PORTAL_ROWS);
    assert_int_equal(rows, 3);
    assert_int_equal(portal_state, PORTAL_DONE);
    assert_ok(session_sync(world.session, false));
    assert_run(&world, "prepare p(int) as select $1 + 1; execute p(4); deallocate p",
        "-- PREPARE\n5\n-- SELECT 1\n-- DEALLOCATE\n");
    world_close(&world);
}

// A portal that waits for its next rows keeps what it runs, whatever becomes of its statement.
TEST(session, a_suspended_portal_outlives_its_plan) {
    World world = {0};
    world_open(&world, NULL);
    assert_run(&world, "create table s (g int primary key, t text)", "-- CREATE TABLE\n");
    assert_run(&world,
        "insert into s select g, 'the text of row ' || g from generate_series(1, 40) g",
        "-- INSERT 0 40\n");
    assert_run(&world, "begin", "-- BEGIN\n");
    Prepared *prepared;
    assert_ok(session_prepare(world.session, "q",
        "select g, 'number ' || g || ', which has ' || t, "
        "case when g % 2 = 0 then 'even' else 'odd' end from s where g > $1 order by g",
        NULL, 0, &prepared));
    Value zero = {.datum = {.int4 = 0}}, ten = {.datum = {.int4 = 10}};
    Portal *first, *second;
    PortalState portal_state;
    Batch *batch;
    Bytes bytes;
    assert_ok(session_bind(world.session, "first", prepared, &zero, 1, &first));
    assert_ok(portal_execute(first, 3, false, &portal_state, &batch, &bytes));
    assert_int_equal(batch->selected_count, 3);
    assert_ok(portal_execute(first, 3, false, &portal_state, &batch, &bytes));
    assert_int_equal(portal_state, PORTAL_SUSPENDED);
    // The name means another table now, so that the statement gets another plan.
    assert_run(&world,
        "create schema other; create table other.s (t text, a numeric, b date, g int);"
        "insert into other.s select 'o', 1, null, g from generate_series(1, 40) g;"
        "set search_path = other",
        "-- CREATE SCHEMA\n-- CREATE TABLE\n-- INSERT 0 40\n-- SET\n");
    assert_ok(session_bind(world.session, "second", prepared, &ten, 1, &second));
    assert_ok(portal_execute(second, 2, false, &portal_state, &batch, &bytes));
    assert_int_equal(
        column_get(&batch->columns[0], selection_row(batch_selection(batch), 0)).datum.int4, 11);
    uint32_t count = 3;
    for (;;) {
        assert_ok(portal_execute(first, 0, false, &portal_state, &batch, &bytes));
        if (portal_state == PORTAL_DONE) break;
        for (uint32_t i = 0; i < batch->selected_count; i++) {
            uint32_t row = selection_row(batch_selection(batch), i);
            char wanted[80];
            count++;
            snprintf(
                wanted, sizeof wanted, "number %u, which has the text of row %u", count, count);
            assert_int_equal(column_get(&batch->columns[0], row).datum.int4, count);
            Value text = column_get(&batch->columns[1], row);
            assert_int_equal(text.datum.view.count, strlen(wanted));
            assert_memory_equal(view_data(&text.datum.view), wanted, strlen(wanted));
            text = column_get(&batch->columns[2], row);
            assert_int_equal(text.datum.view.count, count % 2 == 0 ? 4 : 3);
        }
    }
    assert_int_equal(count, 40);
    assert_string_equal(portal_results(first)[0].name, "g");
    assert_string_equal(portal_tag(first), "SELECT 37");
    session_close_portal(world.session, "first");
    session_close_prepared(world.session, "q");
    count = 12;
    do { // the rest of the other table
        assert_ok(portal_execute(second, 0, false, &portal_state, &batch, &bytes));
        if (portal_state == PORTAL_ROWS) count += batch->selected_count;
    } while (portal_state == PORTAL_ROWS);
    assert_int_equal(count, 40);
    session_close_portal(world.session, "second");
    assert_run(&world, "commit", "-- COMMIT\n");
    world_close(&world);
}

TEST(session, copies_in_and_out) {
    World world = {0};
    world_open(&world, NULL);
    assert_run(&world, "create table t(a int, b text)", "-- CREATE TABLE\n");
    world.copy_data = bytes_from_text("1\tx\\ty\n2\t\\N\n\\.\n");
    assert_run(&world, "copy t from stdin", "-- COPY 2\n");
    assert_run(&world, "copy t to stdout", "1\tx\\ty\n2\t\\N\n-- COPY 2\n");
    world.copy_data = bytes_from_text("a,b\n3,\"say \"\"hi\"\", so\"\n4,\n");
    assert_run(&world, "copy t from stdin with (format csv, header)", "-- COPY 2\n");
    assert_run(&world, "copy (select * from t where a > 2 order by a) to stdout with csv",
        "3,\"say \"\"hi\"\", so\"\n4,\n-- COPY 2\n");
    world.copy_data = bytes_from_text("5\tx\nzz\ty\n");
    assert_int_equal(run(&world, "copy t from stdin"), INVALID_TEXT_REPRESENTATION);
    assert_string_equal(error_get()->message, "invalid input syntax for type integer: \"zz\"");
    assert_string_equal(error_get()->context, "COPY t, line 2, column a: \"zz\"");
    error_clear();
    assert_run(&world, "select count(*) from t", "4\n-- SELECT 1\n");
    world_close(&world);
}

TEST(session, definitions_change_tables) {
    World world = {0};
    world_open(&world, NULL);
    assert_run(&world, "create table t(a int, b text)", "-- CREATE TABLE\n");
    assert_run(&world, "insert into t values (1, 'x')", "-- INSERT 0 1\n");
    assert_run(&world, "alter table t add column c int default 7", "-- ALTER TABLE\n");
    assert_run(&world, "alter table t drop column b", "-- ALTER TABLE\n");
    assert_run(&world, "alter table t add primary key (a)", "-- ALTER TABLE\n");
    assert_run(&world, "alter table t rename column c to d", "-- ALTER TABLE\n");
    assert_run(&world, "select * from t where a = 1", "1|7\n-- SELECT 1\n");
    assert_refused(&world, DEPENDENT_OBJECTS_STILL_EXIST, "drop index t_pkey",
        "cannot drop index t_pkey because constraint t_pkey on table t requires it");
    assert_run(&world, "truncate t", "-- TRUNCATE TABLE\n");
    assert_run(&world, "select count(*) from t", "0\n-- SELECT 1\n");
    assert_run(&world, "select relname, relkind from pg_class where oid >= 16384 order by 1",
        "t|r\nt_pkey|i\n-- SELECT 2\n");
    world_close(&world);
}

TEST(session, finds_everything_again_after_a_reopen) {
    char path[] = "/tmp/omen_session_test_XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    unlink(path);
    World world = {0};
    world_open(&world, path);
    assert_run(&world, "create table t(id int primary key, v text not null, unique (v))",
        "-- CREATE TABLE\n");
    assert_run(&world, "insert into t select i, 'v' || i from generate_series(1, 5000) i",
        "-- INSERT 0 5000\n");
    assert_run(&world, "delete from t where id > 4000", "-- DELETE 1000\n");
    world_close(&world);
    world = (World){0};
    world_open(&world, path);
    assert_run(&world, "select count(*), min(id), max(id) from t", "4000|1|4000\n-- SELECT 1\n");
    assert_run(&world, "select v from t where id = 77", "v77\n-- SELECT 1\n");
    assert_refused(&world, UNIQUE_VIOLATION, "insert into t values (9000, 'v5')",
        "duplicate key value violates unique constraint \"t_v_key\"");
    assert_run(&world, "insert into t values (9000, 'v9000')", "-- INSERT 0 1\n");
    world_close(&world);
    unlink(path);
}

// Texts that differ in constants share a statement, whose execution is kept from run to run.
TEST(session, repeated_statements_run_afresh) {
    World world = {0};
    world_open(&world, NULL);
    assert_run(&world, "create table t(id int primary key, v int not null)", "-- CREATE TABLE\n");
    assert_run(&world, "insert into t values (1, 10)", "-- INSERT 0 1\n");
    assert_run(&world, "insert into t values (2, 20)", "-- INSERT 0 1\n");
    assert_refused(&world, UNIQUE_VIOLATION, "insert into t values (2, 30)",
        "duplicate key value violates unique constraint \"t_pkey\"");
    assert_run(&world, "insert into t values (3, 30)", "-- INSERT 0 1\n");
    assert_run(&world, "select v from t where id = 1", "10\n-- SELECT 1\n");
    assert_run(&world, "select v from t where id = 9", "-- SELECT 0\n");
    assert_run(&world, "select v from t where id = 3", "30\n-- SELECT 1\n");
    assert_run(&world, "select id from t where id >= 2 order by id limit 1", "2\n-- SELECT 1\n");
    assert_run(&world, "select id from t where id >= 1 order by id limit 2", "1\n2\n-- SELECT 2\n");
    assert_run(&world, "select id from t where id > 3 order by id limit 2", "-- SELECT 0\n");
    assert_run(&world, "update t set v = v + 1 where id = 1", "-- UPDATE 1\n");
    assert_run(&world, "begin", "-- BEGIN\n");
    assert_run(&world, "update t set v = v + 5 where id = 1", "-- UPDATE 1\n");
    assert_run(&world, "select v from t where id = 1", "16\n-- SELECT 1\n");
    assert_run(&world, "rollback", "-- ROLLBACK\n");
    assert_run(&world, "select v from t where id = 1", "11\n-- SELECT 1\n");
    assert_run(&world, "alter table t add column w int default 7", "-- ALTER TABLE\n");
    assert_run(&world, "select v from t where id = 1", "11\n-- SELECT 1\n");
    assert_run(&world, "insert into t values (4, 40)", "-- INSERT 0 1\n");
    assert_run(&world, "select w from t where id = 4", "7\n-- SELECT 1\n");
    assert_run(&world, "drop table t", "-- DROP TABLE\n");
    assert_refused(
        &world, UNDEFINED_TABLE, "select v from t where id = 2", "relation \"t\" does not exist");
    world_close(&world);
}

// ---- The short path -----------------------------------------------------------------------------

static Prepared *prepare(Session *session, const char *name, const char *sql) {
    Prepared *prepared;
    assert_ok(session_prepare(session, name, sql, NULL, 0, &prepared));
    assert_ok(session_sync(session, false));
    return prepared;
}

// The row's first column as text, "-" for no row, NULL when the short path was not for it.
static const char *read_key(World *world, Session *session, Prepared *prepared, Value key) {
    bool is_taken;
    Batch *batch;
    assert_ok(session_read_key(session, prepared, &key, 1, &is_taken, &batch));
    if (!is_taken) return NULL;
    if (batch == NULL) return "-";
    assert_int_equal(batch->selected_count, 1);
    Text text;
    text_init(&text, &world->arena);
    Value value = column_get(&batch->columns[0], 0);
    if (value.is_null) return "NULL";
    assert_ok(value_to_text(session_value_context(session), batch->columns[0].type, &value, &text));
    prepared_release(prepared);
    return text.data;
}

static Value int8_of(int64_t given) {
    return (Value){.datum = {.int8 = given}};
}

static Status run_portal(Session *session, Prepared *prepared, Value key) {
    Portal *portal;
    PortalState state;
    Batch *batch;
    Bytes bytes;
    Status status = session_bind(session, "p", prepared, &key, 1, &portal);
    while (status == OK) {
        status = portal_execute(portal, 0, true, &state, &batch, &bytes);
        if (status == OK && state == PORTAL_DONE) break;
    }
    session_close_portal(session, "p");
    return status;
}

TEST(session, a_row_by_key_is_read_by_the_short_path) {
    World world = {0};
    world_open(&world, NULL);
    Session *session = world.session, *other;
    SessionOptions options = {.autocommit_is_synchronous = true};
    assert_ok(session_create(world.pool, &options, &other));
    World second = {.session = other};
    arena_init(&second.arena, NULL);
    text_init(&second.out, &second.arena);
    assert_run(&world, "create table t(id int primary key, v text)", "-- CREATE TABLE\n");
    assert_run(&world, "insert into t values (1, 'a'), (2, repeat('x', 1000)), (3, null)",
        "-- INSERT 0 3\n");
    Prepared *by_id = prepare(session, "a", "select v from t where id = $1::bigint");
    Prepared *in_order = prepare(session, "b", "select v, id from t where id > $1::bigint");
    Prepared *computed = prepare(session, "c", "select v || 'b' from t where id = $1::bigint");

    assert_string_equal(read_key(&world, session, by_id, int8_of(1)), "a");
    assert_int_equal(strlen(read_key(&world, session, by_id, int8_of(2))), 1000);
    assert_string_equal(read_key(&world, session, by_id, int8_of(3)), "NULL");
    assert_string_equal(read_key(&world, session, by_id, int8_of(4)), "-");
    assert_string_equal(read_key(&world, session, by_id, int8_of((int64_t)1 << 32 | 1)), "-");
    assert_string_equal(read_key(&world, session, by_id, value_null()), "-");
    assert_null(read_key(&world, session, in_order, int8_of(1)));
    assert_null(read_key(&world, session, computed, int8_of(1)));

    // What another has not committed is not there; nor is the short path, within a block.
    assert_run(&second, "begin", "-- BEGIN\n");
    assert_run(&second, "update t set v = 'z' where id = 1", "-- UPDATE 1\n");
    assert_run(&second, "delete from t where id = 2", "-- DELETE 1\n");
    assert_string_equal(read_key(&world, session, by_id, int8_of(1)), "a");
    assert_int_equal(strlen(read_key(&world, session, by_id, int8_of(2))), 1000);
    assert_run(&second, "commit", "-- COMMIT\n");
    assert_string_equal(read_key(&world, session, by_id, int8_of(1)), "z");
    assert_string_equal(read_key(&world, session, by_id, int8_of(2)), "-");
    assert_run(&world, "begin", "-- BEGIN\n");
    assert_null(read_key(&world, session, by_id, int8_of(1)));
    assert_run(&world, "rollback", "-- ROLLBACK\n");

    // Somebody has the table for himself: that is to be waited for.
    assert_run(&second, "begin", "-- BEGIN\n");
    assert_run(&second, "lock table t in access exclusive mode", "-- LOCK TABLE\n");
    assert_null(read_key(&world, session, by_id, int8_of(1)));
    assert_run(&second, "rollback", "-- ROLLBACK\n");
    assert_string_equal(read_key(&world, session, by_id, int8_of(1)), "z");

    // A plan that is out of date is made again first.
    assert_run(&second, "alter table t add column w int", "-- ALTER TABLE\n");
    assert_null(read_key(&world, session, by_id, int8_of(1)));
    assert_ok(run_portal(session, by_id, int8_of(1)));
    assert_string_equal(read_key(&world, session, by_id, int8_of(1)), "z");
    assert_run(&second, "drop table t", "-- DROP TABLE\n");
    assert_null(read_key(&world, session, by_id, int8_of(1)));
    assert_int_equal(run_portal(session, by_id, int8_of(1)), UNDEFINED_TABLE);
    error_clear();
    session_destroy(other);
    arena_deinit(&second.arena);
    world_close(&world);
}

enum { SHORT_KEYS = 8, SHORT_ROUNDS = 3000 };

typedef struct ShortReader {
    World *world;
    _Atomic bool *is_over;
    uint64_t read_count;
} ShortReader;

// Every key always has one row, whichever row id it is under.
static void short_reader(void *argument) {
    ShortReader *reader = argument;
    Session *session;
    SessionOptions options = {.autocommit_is_synchronous = true};
    assert_ok(session_create(reader->world->pool, &options, &session));
    Prepared *by_id = prepare(session, "a", "select id, n, v from t where id = $1");
    for (uint64_t i = 0; !atomic_load(reader->is_over) || i < 100; i++) {
        Value key = int8_of((int64_t)(i % SHORT_KEYS));
        bool is_taken;
        Batch *batch;
        assert_ok(session_read_key(session, by_id, &key, 1, &is_taken, &batch));
        assert_true(is_taken);
        assert_non_null(batch);
        assert_int_equal(column_get(&batch->columns[0], 0).datum.int8, key.datum.int8);
        int64_t number = column_get(&batch->columns[1], 0).datum.int8;
        Value text = column_get(&batch->columns[2], 0);
        const uint8_t *bytes = view_data(&text.datum.view);
        assert_int_equal(text.datum.view.count, 20 + number % 7);
        for (uint32_t j = 0; j < text.datum.view.count; j++)
            assert_int_equal(bytes[j], 'a' + number % 26);
        prepared_release(by_id);
        reader->read_count++;
    }
    session_destroy(session);
}

TEST(session, short_reads_find_every_key_while_rows_are_replaced) {
    World world = {0};
    world_open(&world, NULL);
    assert_run(
        &world, "create table t(id bigint primary key, n bigint, v text)", "-- CREATE TABLE\n");
    assert_run(&world, "insert into t select i, 0, repeat('a', 20) from generate_series(0, 7) i",
        "-- INSERT 0 8\n");
    _Atomic bool is_over = false;
    ShortReader readers[2] = {{&world, &is_over, 0}, {&world, &is_over, 0}};
    Thread *threads[2];
    for (int i = 0; i < 2; i++)
        assert_ok(thread_start("reader", 0, short_reader, &readers[i], &threads[i]));
    for (int64_t i = 1; i < SHORT_ROUNDS; i++) {
        char sql[256];
        snprintf(sql, sizeof sql,
            "begin; delete from t where id = %d;"
            "insert into t values (%d, %d, repeat(chr(97 + %d), 20 + %d)); commit",
            (int)(i % SHORT_KEYS), (int)(i % SHORT_KEYS), (int)i, (int)(i % 26), (int)(i % 7));
        assert_ok(run(&world, sql));
    }
    atomic_store(&is_over, true);
    for (int i = 0; i < 2; i++)
        thread_join(threads[i]);
    world_close(&world);
}

TEST_MAIN(TEST_OF(session, creates_inserts_and_selects),
    TEST_OF(session, repeated_statements_run_afresh),
    TEST_OF(session, a_row_by_key_is_read_by_the_short_path),
    TEST_OF(session, short_reads_find_every_key_while_rows_are_replaced),
    TEST_OF(session, blocks_abort_and_go_back_to_savepoints),
    TEST_OF(session, p19_rows_that_nobody_takes_are_not_touched),
    TEST_OF(session, settings_go_back_with_their_transaction),
    TEST_OF(session, prepared_statements_run_with_row_limits),
    TEST_OF(session, a_suspended_portal_outlives_its_plan), TEST_OF(session, copies_in_and_out),
    TEST_OF(session, definitions_change_tables),
    TEST_OF(session, finds_everything_again_after_a_reopen))
