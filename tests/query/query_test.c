// Queries from text to rows, on a database in memory.
#include "base/test.h"
#include "query/query_fixture.h"

#include <pthread.h>
#include <unistd.h>

static QueryFixture fixture;

static int setup(void **state) {
    (void)state;
    query_fixture_open(&fixture);
    query_do(&fixture, "CREATE TABLE t (id int PRIMARY KEY, grp int, name text, amount bigint)");
    query_do(&fixture,
        "INSERT INTO t VALUES (1, 1, 'one', 10), (2, 1, 'two', 20), (3, 2, 'three', NULL),"
        " (4, 2, NULL, 40), (5, NULL, 'five', 50)");
    query_do(&fixture, "CREATE TABLE u (id int PRIMARY KEY, t_id int, note text)");
    query_do(&fixture, "INSERT INTO u VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 3, 'c'), (4, 9, 'd')");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    query_fixture_close(&fixture);
    return 0;
}

TEST(query, computes_without_tables) {
    assert_rows(&fixture, "SELECT 1 + 2, 'a' || 'b', NULL::int", "3|ab|null\n");
    assert_rows(&fixture, "VALUES (1, 'a'), (2, 'b')", "1|a\n2|b\n");
    assert_rows(
        &fixture, "SELECT CASE WHEN 1 > 2 THEN 'x' ELSE 'y' END, COALESCE(NULL, 3)", "y|3\n");
    assert_rows(
        &fixture, "SELECT GREATEST(1, 3, 2), LEAST(3, NULL, 2), NULLIF(1, 1)", "3|2|null\n");
    assert_rows(&fixture, "SELECT 1 WHERE false", "");
}

TEST(query, reads_filters_and_orders) {
    assert_rows(&fixture, "SELECT id, name FROM t WHERE id = 3", "3|three\n");
    assert_rows(&fixture, "SELECT id FROM t WHERE amount > 15 ORDER BY id DESC", "5\n4\n2\n");
    assert_rows(&fixture, "SELECT id FROM t ORDER BY amount NULLS FIRST, id LIMIT 2", "3\n1\n");
    assert_rows(&fixture, "SELECT id FROM t ORDER BY id LIMIT 2 OFFSET 1", "2\n3\n");
    assert_rows(&fixture, "SELECT DISTINCT grp FROM t ORDER BY grp", "1\n2\nnull\n");
    assert_rows(&fixture, "SELECT DISTINCT ON (grp) grp, id FROM t ORDER BY grp, id DESC",
        "1|2\n2|4\nnull|5\n");
    assert_rows(&fixture, "SELECT id FROM t WHERE id BETWEEN 2 AND 4 ORDER BY 1", "2\n3\n4\n");
    assert_rows(&fixture, "SELECT id FROM t WHERE id IN (1, 5) ORDER BY 1", "1\n5\n");
    assert_rows(&fixture, "SELECT 1 / (id - 2) FROM t ORDER BY id LIMIT 1", "-1\n");
}

TEST(query, groups) {
    assert_rows(&fixture, "SELECT count(*), count(amount), sum(amount), min(id), max(name) FROM t",
        "5|4|120|1|two\n");
    assert_rows(&fixture, "SELECT grp, count(*), sum(amount) FROM t GROUP BY grp ORDER BY grp",
        "1|2|30\n2|2|40\nnull|1|50\n");
    assert_rows(
        &fixture, "SELECT grp FROM t GROUP BY grp HAVING count(*) > 1 ORDER BY 1 DESC", "2\n1\n");
    assert_rows(
        &fixture, "SELECT count(DISTINCT grp), count(*) FILTER (WHERE id > 2) FROM t", "2|3\n");
    assert_rows(
        &fixture, "SELECT string_agg(name, ',' ORDER BY id DESC) FROM t", "five,three,two,one\n");
    assert_rows(&fixture, "SELECT max(id) FROM t", "5\n");
    assert_rows(&fixture, "SELECT sum(id) FROM t WHERE false", "null\n");
    assert_rows(&fixture, "SELECT grp + 1, count(*) FROM t GROUP BY grp + 1 ORDER BY 1",
        "2|2\n3|2\nnull|1\n");
}

TEST(query, joins) {
    assert_rows(&fixture, "SELECT t.id, u.note FROM t JOIN u ON u.t_id = t.id ORDER BY 1, 2",
        "1|a\n1|b\n3|c\n");
    assert_rows(&fixture, "SELECT t.id, u.note FROM t LEFT JOIN u ON u.t_id = t.id ORDER BY 1, 2",
        "1|a\n1|b\n2|null\n3|c\n4|null\n5|null\n");
    assert_rows(&fixture, "SELECT t.id, u.note FROM t RIGHT JOIN u ON u.t_id = t.id ORDER BY 2",
        "1|a\n1|b\n3|c\nnull|d\n");
    assert_rows(&fixture, "SELECT t.id, u.id FROM t FULL JOIN u ON u.t_id = t.id ORDER BY 1, 2",
        "1|1\n1|2\n2|null\n3|3\n4|null\n5|null\nnull|4\n");
    assert_rows(&fixture, "SELECT count(*) FROM t, u", "20\n");
    assert_rows(&fixture, "SELECT count(*) FROM t a JOIN t b ON a.id < b.id", "10\n");
    assert_rows(
        &fixture, "SELECT id, note FROM t JOIN u USING (id) ORDER BY id", "1|a\n2|b\n3|c\n4|d\n");
    assert_rows(&fixture,
        "SELECT t.id, x.note FROM t, LATERAL (SELECT note FROM u WHERE u.t_id = t.id) x"
        " ORDER BY 1, 2",
        "1|a\n1|b\n3|c\n");
    assert_rows(&fixture, "SELECT t.id, g FROM t, generate_series(1, t.id) g WHERE t.id < 3",
        "1|1\n2|1\n2|2\n");
}

TEST(query, answers_subqueries) {
    assert_rows(&fixture, "SELECT id FROM t WHERE id IN (SELECT t_id FROM u) ORDER BY 1", "1\n3\n");
    assert_rows(
        &fixture, "SELECT id FROM t WHERE id NOT IN (SELECT t_id FROM u) ORDER BY 1", "2\n4\n5\n");
    assert_rows(&fixture,
        "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.t_id = t.id) ORDER BY 1", "1\n3\n");
    assert_rows(&fixture,
        "SELECT id FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.t_id = t.id) ORDER BY 1",
        "2\n4\n5\n");
    assert_rows(&fixture,
        "SELECT id, (SELECT count(*) FROM u WHERE u.t_id = t.id) FROM t ORDER BY 1",
        "1|2\n2|0\n3|1\n4|0\n5|0\n");
    assert_rows(&fixture, "SELECT (SELECT max(id) FROM u), ARRAY(SELECT id FROM u ORDER BY id)",
        "4|{1,2,3,4}\n");
    assert_rows(&fixture, "SELECT id FROM t WHERE id > ALL (SELECT id FROM u)", "5\n");
    assert_error(&fixture, "SELECT (SELECT id FROM u)", CARDINALITY_VIOLATION,
        "more than one row returned by a subquery used as an expression");
}

TEST(query, combines_sets_and_with) {
    assert_rows(&fixture, "SELECT 1 UNION SELECT 1 UNION ALL SELECT 2", "1\n2\n");
    assert_rows(&fixture, "SELECT grp FROM t INTERSECT SELECT id FROM u ORDER BY 1", "1\n2\n");
    assert_rows(&fixture, "SELECT id FROM t EXCEPT SELECT id FROM u", "5\n");
    assert_rows(&fixture,
        "WITH w AS (SELECT id FROM t WHERE id > 3) SELECT a.id, b.id FROM w a, w b ORDER BY 1, 2",
        "4|4\n4|5\n5|4\n5|5\n");
}

TEST(query, writes) {
    query_do(&fixture, "CREATE TABLE w (id int PRIMARY KEY, v int NOT NULL, CHECK (v < 100))");
    assert_rows(&fixture, "INSERT INTO w VALUES (1, 1)", "1 rows\n");
    assert_rows(&fixture, "INSERT INTO w SELECT g, g FROM generate_series(2, 5) g", "4 rows\n");
    assert_rows(&fixture, "UPDATE w SET v = v + 10 WHERE id = 2 RETURNING id, v", "2|12\n1 rows\n");
    assert_rows(&fixture, "UPDATE w SET v = v + 1 WHERE id > 3", "2 rows\n");
    assert_rows(&fixture, "DELETE FROM w WHERE id = 1 RETURNING *", "1|1\n1 rows\n");
    assert_rows(&fixture, "SELECT * FROM w ORDER BY 1", "2|12\n3|3\n4|5\n5|6\n");
    assert_rows(&fixture, "UPDATE w SET v = u.id FROM u WHERE u.id = w.id", "3 rows\n");
    assert_rows(&fixture, "DELETE FROM w USING u WHERE u.id = w.id AND u.id = 4", "1 rows\n");
    assert_rows(&fixture, "SELECT * FROM w ORDER BY 1", "2|2\n3|3\n5|6\n");
    assert_error(&fixture, "INSERT INTO w VALUES (9, NULL)", NOT_NULL_VIOLATION,
        "null value in column \"v\" of relation \"w\" violates not-null constraint");
    assert_error(&fixture, "INSERT INTO w VALUES (9, 200)", CHECK_VIOLATION,
        "new row for relation \"w\" violates check constraint \"w_v_check\"");
    assert_error(&fixture, "INSERT INTO w VALUES (2, 2)", UNIQUE_VIOLATION,
        "duplicate key value violates unique constraint \"w_pkey\"");
    assert_rows(&fixture, "INSERT INTO w VALUES (2, 50) ON CONFLICT DO NOTHING", "0 rows\n");
    assert_rows(&fixture,
        "INSERT INTO w VALUES (2, 50), (7, 7) ON CONFLICT (id) DO UPDATE SET v = excluded.v + w.v"
        " RETURNING id, v",
        "2|52\n7|7\n2 rows\n");
    assert_rows(&fixture, "SELECT id FROM w WHERE id = 2 FOR UPDATE", "2\n");
}

static void rows_by_path(const char *sql, ForcedPath path, Text *out) {
    fixture.forced_path = path;
    Status status = query_run(&fixture, NULL, sql, out);
    fixture.forced_path = FORCE_NONE;
    if (status != OK) print_error("%s\n  fails: %s\n", sql, error_get()->message);
    assert_int_equal(status, OK);
}

TEST(query, gives_the_same_rows_by_index_and_by_scan) {
    query_do(&fixture, "CREATE TABLE big (id int PRIMARY KEY, grp smallint, amount bigint)");
    query_do(&fixture, "CREATE INDEX big_grp_amount ON big (grp, amount)");
    query_do(&fixture,
        "INSERT INTO big SELECT g, g % 7, CASE WHEN g % 5 = 0 THEN NULL ELSE g * 3 % 1000 END"
        " FROM generate_series(1, 3000) g");
    const char *queries[] = {
        "SELECT id FROM big WHERE id >= 20 AND id < 50 ORDER BY id",
        "SELECT id FROM big WHERE id > 2990 ORDER BY id",
        "SELECT count(*) FROM big WHERE id < 5000000000",
        "SELECT count(*) FROM big WHERE id > 5000000000",
        "SELECT id FROM big WHERE id = 17",
        "SELECT id FROM big WHERE id = 5000000000",
        "SELECT count(*), sum(id) FROM big WHERE grp = 3",
        "SELECT count(*), sum(id) FROM big WHERE grp = 3 AND amount > 500",
        "SELECT count(*), sum(id) FROM big WHERE grp = 3 AND amount BETWEEN 10 AND 90",
        "SELECT count(*), sum(id) FROM big WHERE grp > 4",
        "SELECT count(*), sum(id) FROM big WHERE grp = 100000",
        "SELECT count(*), sum(id) FROM big WHERE grp = 2 AND amount IS NULL",
        "SELECT id FROM big WHERE grp = 2 ORDER BY amount, id LIMIT 7",
        "SELECT amount FROM big WHERE grp = 2 ORDER BY amount DESC LIMIT 7",
        "SELECT id FROM big ORDER BY id DESC LIMIT 5",
        "SELECT min(id), max(id) FROM big",
        "SELECT max(id) FROM big WHERE id < 1000",
        "SELECT min(amount) FROM big WHERE grp = 1",
        "SELECT max(amount) FROM big WHERE grp = 1",
        "SELECT count(*) FROM t JOIN big ON big.id = t.id * 10",
        "SELECT t.id, big.amount FROM t LEFT JOIN big ON big.id = t.id * 600 ORDER BY 1",
        "SELECT count(*) FROM big a JOIN big b ON a.id = b.amount WHERE b.grp = 1",
        "SELECT count(*) FROM big WHERE EXISTS (SELECT 1 FROM t WHERE t.id = big.grp)",
    };
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        Arena arena;
        arena_init(&arena, NULL);
        Text by_choice, by_index, by_scan;
        text_init(&by_choice, &arena);
        text_init(&by_index, &arena);
        text_init(&by_scan, &arena);
        text_append_text(&by_choice, queries[i]);
        text_append_text(&by_index, queries[i]);
        text_append_text(&by_scan, queries[i]);
        rows_by_path(queries[i], FORCE_NONE, &by_choice);
        rows_by_path(queries[i], FORCE_INDEX, &by_index);
        rows_by_path(queries[i], FORCE_SCAN, &by_scan);
        assert_string_equal(by_choice.data, by_scan.data);
        assert_string_equal(by_index.data, by_scan.data);
        arena_deinit(&arena);
    }
}

// ---- Two transactions ---------------------------------------------------------------------------

typedef struct Waiter {
    QueryFixture other;
    const char *sql;
    Isolation isolation;
    Status status;
    char rows[256];
} Waiter;

static void *waiter_run(void *argument) {
    Waiter *waiter = argument;
    Arena arena;
    arena_init(&arena, NULL);
    Text out;
    text_init(&out, &arena);
    Txn *txn;
    waiter->status = query_begin(&waiter->other, waiter->isolation, &txn);
    if (waiter->status == OK) waiter->status = query_run(&waiter->other, txn, waiter->sql, &out);
    if (waiter->status == OK) {
        snprintf(waiter->rows, sizeof waiter->rows, "%s", out.data);
        waiter->status = txn_commit(txn);
    } else {
        txn_rollback(txn);
    }
    error_clear();
    arena_deinit(&arena);
    return NULL;
}

// Runs `first` without committing, then `second` in another transaction, which has to wait; then
// commits the first.
static void run_behind(Waiter *waiter, const char *first, const char *second, Isolation isolation) {
    Arena arena;
    arena_init(&arena, NULL);
    Text out;
    text_init(&out, &arena);
    query_fixture_join(&waiter->other, fixture.database);
    waiter->sql = second;
    waiter->isolation = isolation;
    Txn *txn;
    assert_ok(query_begin(&fixture, ISOLATION_READ_COMMITTED, &txn));
    assert_ok(query_run(&fixture, txn, first, &out));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, waiter_run, waiter), 0);
    usleep(50000); // until it waits; when it has not come so far, it needs no re-check
    assert_ok(txn_commit(txn));
    pthread_join(thread, NULL);
    query_fixture_leave(&waiter->other);
    arena_deinit(&arena);
}

TEST(query, checks_a_row_again_that_changed_meanwhile) {
    query_do(&fixture, "CREATE TABLE account (id int PRIMARY KEY, balance int)");
    query_do(&fixture, "INSERT INTO account VALUES (1, 100), (2, 200), (3, 300)");
    Waiter waiter = {0};
    run_behind(&waiter, "UPDATE account SET balance = balance + 1 WHERE id = 1",
        "UPDATE account SET balance = balance + 10 WHERE id = 1 RETURNING balance",
        ISOLATION_READ_COMMITTED);
    assert_int_equal(waiter.status, OK);
    assert_string_equal(waiter.rows, "111\n1 rows\n");

    run_behind(&waiter, "UPDATE account SET balance = 0 WHERE id = 2",
        "UPDATE account SET balance = -1 WHERE balance = 200", ISOLATION_READ_COMMITTED);
    assert_string_equal(waiter.rows, "0 rows\n");

    run_behind(&waiter, "DELETE FROM account WHERE id = 2",
        "DELETE FROM account WHERE balance < 50 RETURNING id", ISOLATION_READ_COMMITTED);
    assert_string_equal(waiter.rows, "0 rows\n");

    run_behind(&waiter, "UPDATE account SET balance = 7 WHERE id = 3",
        "SELECT id, balance FROM account WHERE id = 3 FOR UPDATE", ISOLATION_READ_COMMITTED);
    assert_string_equal(waiter.rows, "3|7\n");

    run_behind(&waiter, "UPDATE account SET balance = 8 WHERE id = 3",
        "UPDATE account SET balance = 9 WHERE id = 3", ISOLATION_REPEATABLE_READ);
    assert_int_equal(waiter.status, SERIALIZATION_FAILURE);
    assert_rows(&fixture, "SELECT * FROM account ORDER BY id", "1|111\n3|8\n");

    run_behind(&waiter, "INSERT INTO account VALUES (4, 1)",
        "INSERT INTO account VALUES (4, 2) ON CONFLICT (id) DO UPDATE"
        " SET balance = account.balance + excluded.balance",
        ISOLATION_READ_COMMITTED);
    assert_int_equal(waiter.status, OK);
    assert_rows(&fixture, "SELECT balance FROM account WHERE id = 4", "3\n");
}

static void assert_same_on_threads(const char *sql) {
    Arena arena;
    arena_init(&arena, NULL);
    Text out;
    text_init(&out, &arena);
    assert_ok(query_run(&fixture, NULL, sql, &out));
    assert_true(out.count > 0);
    for (uint32_t count = 2; count <= 4; count += 2) {
        fixture.thread_count = count;
        assert_rows(&fixture, sql, out.data);
    }
    fixture.thread_count = 0;
    arena_deinit(&arena);
}

// Many batches of rows, so that every thread gets some.
TEST(query, answers_the_same_on_several_threads) {
    query_do(&fixture, "CREATE TABLE many (id int PRIMARY KEY, grp int, v int, name text)");
    query_do(&fixture,
        "INSERT INTO many SELECT g, g % 997, g * 7 % 5003,"
        " CASE WHEN g % 10 > 0 THEN 'name ' || g % 3001 END FROM generate_series(1, 50000) g");
    query_do(&fixture, "CREATE TABLE few (id int PRIMARY KEY, note text)");
    query_do(&fixture, "INSERT INTO few SELECT g, 'note ' || g FROM generate_series(900, 1099) g");

    assert_same_on_threads("SELECT count(*), count(name), sum(v), min(name), max(v) FROM many");
    assert_same_on_threads("SELECT count(*) FROM many WHERE v > 100 AND name LIKE '%7%'");
    assert_same_on_threads(
        "SELECT grp, count(*), sum(v), max(name) FROM many GROUP BY grp ORDER BY grp");
    assert_same_on_threads("SELECT grp, name, count(*) FROM many GROUP BY 1, 2 ORDER BY 1, 2");
    assert_same_on_threads("SELECT count(DISTINCT v), sum(DISTINCT grp), count(DISTINCT name),"
                           " sum(v) FILTER (WHERE grp < 10),"
                           " count(DISTINCT v) FILTER (WHERE grp > 500) FROM many");
    assert_same_on_threads(
        "SELECT v % 10, count(DISTINCT grp), count(*) FILTER (WHERE name IS NULL)"
        " FROM many GROUP BY 1 ORDER BY 1");
    assert_same_on_threads("SELECT grp, string_agg(name, ',' ORDER BY id) FROM many"
                           " WHERE grp < 3 GROUP BY grp ORDER BY grp");
    assert_same_on_threads("SELECT id, v, name FROM many ORDER BY v DESC, name NULLS FIRST, id");
    assert_same_on_threads("SELECT id, v FROM many ORDER BY v, id LIMIT 50 OFFSET 7");
    assert_same_on_threads("SELECT DISTINCT v, grp FROM many ORDER BY v, grp");
    assert_same_on_threads("SELECT count(*), sum(m.v), min(f.note) FROM many m"
                           " JOIN few f ON f.id = m.grp");
    assert_same_on_threads("SELECT count(*), sum(a.v) FROM many a JOIN many b ON b.v = a.id");
    assert_same_on_threads("SELECT f.id, count(m.id) FROM few f LEFT JOIN many m ON m.grp = f.id"
                           " GROUP BY 1 ORDER BY 1");
    assert_same_on_threads("SELECT count(*), count(m.id), count(f.id), sum(f.id)"
                           " FROM many m FULL JOIN few f ON f.id = m.grp AND m.v < 100");
    assert_same_on_threads("SELECT count(*) FROM many WHERE grp NOT IN (SELECT id FROM few)");
    assert_same_on_threads("SELECT count(*) FROM many m"
                           " WHERE EXISTS (SELECT FROM few f WHERE f.id = m.grp)");
    assert_same_on_threads(
        "SELECT count(*), sum(m.id) FROM many m JOIN few f ON m.v < f.id - 1050");
    assert_same_on_threads("SELECT count(*), sum(v) FROM (SELECT v FROM many WHERE id > 20000"
                           " EXCEPT ALL SELECT grp FROM many) x");
    assert_same_on_threads("SELECT count(*), sum(v) FROM (SELECT v FROM many INTERSECT"
                           " SELECT grp FROM many) x");
    assert_same_on_threads("WITH w AS (SELECT v, count(*) AS n FROM many GROUP BY v)"
                           " SELECT count(*), sum(n) FROM w JOIN many ON w.v = many.id");
    assert_same_on_threads("SELECT (SELECT sum(v) FROM many WHERE grp = few.id) FROM few"
                           " WHERE id < 905 ORDER BY id");

    for (fixture.thread_count = 1; fixture.thread_count <= 4; fixture.thread_count++) {
        assert_error(&fixture, "SELECT sum(1 / (id - 37777)) FROM many", DIVISION_BY_ZERO,
            "division by zero");
        assert_error(&fixture, "SELECT id FROM many ORDER BY 1 / (id - 3)", DIVISION_BY_ZERO,
            "division by zero");
    }
    fixture.thread_count = 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_OF(query, computes_without_tables),
        TEST_OF(query, reads_filters_and_orders),
        TEST_OF(query, groups),
        TEST_OF(query, joins),
        TEST_OF(query, answers_subqueries),
        TEST_OF(query, combines_sets_and_with),
        TEST_OF(query, writes),
        TEST_OF(query, gives_the_same_rows_by_index_and_by_scan),
        TEST_OF(query, checks_a_row_again_that_changed_meanwhile),
        TEST_OF(query, answers_the_same_on_several_threads),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
