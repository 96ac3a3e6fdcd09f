// Statements whose columns and errors were recorded from PostgreSQL 15 (tests/bind/answers.tsv),
// and what only the inside shows.
#include "base/test.h"
#include "bind/fake_catalog.h"

extern const char *const recorded_bindings[];
extern const char *const recorded_prints[]; // tests/bind/printed.tsv: statement, plain, pretty

typedef struct Fixture {
    Arena arena;
    Parser *parser;
    CatalogView *view;
} Fixture;

static void fixture_begin(Fixture *fixture) {
    arena_init(&fixture->arena, NULL);
    assert_ok(parser_create(&fixture->parser));
    fixture->view = calloc(1, sizeof *fixture->view);
    assert_non_null(fixture->view);
    fixture->view->arena = &fixture->arena;
    fixture->view->next_oid = FIRST_USER_OID;
    fixture->view->shows_hints = true;
}

static void fixture_end(Fixture *fixture) {
    parser_destroy(fixture->parser);
    free(fixture->view);
    arena_deinit(&fixture->arena);
}

static const char *describe(Fixture *fixture, const char *sql) {
    Text text;
    text_init(&text, &fixture->arena);
    fake_describe(fixture->parser, fixture->view, sql, &text);
    return text.data == NULL ? "" : text.data;
}

static const char *unescape(Arena *arena, const char *text, size_t count) {
    Text out;
    text_init(&out, arena);
    text_reserve(&out, count + 1);
    for (size_t i = 0; i < count; i++) {
        char c = text[i];
        if (c == '\\' && i + 1 < count) {
            c = text[++i];
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
        }
        text_append_char(&out, c);
    }
    return out.count == 0 ? "" : out.data;
}

// A type that OmenDB does not compute with yet refuses where PostgreSQL answers; nothing else may
// differ.
static bool is_refusal(const char *answer) {
    return strncmp(answer, "0A000 type ", 11) == 0;
}

TEST(bind, answers_as_postgresql_did) {
    Fixture fixture;
    fixture_begin(&fixture);
    uint32_t compared = 0;
    uint32_t refused = 0;
    uint32_t failed = 0;
    for (const char *const *line = recorded_bindings; *line != NULL; line++) {
        const char *tab = strchr(*line, '\t');
        if (tab == NULL || strncmp(*line, "-- ", 3) == 0) { // a new set of tables
            fixture.view->table_count = 0;
            continue;
        }
        const char *sql = unescape(&fixture.arena, *line, (size_t)(tab - *line));
        const char *expected = unescape(&fixture.arena, tab + 1, strlen(tab + 1));
        const char *got = describe(&fixture, sql);
        compared++;
        if (strncmp(got, expected, strlen(expected)) == 0
            && strcmp(got + strlen(expected), "\n") == 0) {
            continue;
        }
        if (is_refusal(got)) {
            refused++;
            continue;
        }
        failed++;
        print_error("%s\n  expected %s\n  got      %s", sql, expected, got);
    }
    fixture_end(&fixture);
    print_message("%u compared, %u refused, %u differ\n", compared, refused, failed);
    assert_true(compared > 500);
    assert_int_equal(failed, 0);
}

static char *repeat(Arena *arena, const char *before, const char *piece, size_t count) {
    Text text;
    text_init(&text, arena);
    text_append_text(&text, before);
    for (size_t i = 0; i < count; i++) {
        text_append_text(&text, piece);
    }
    return text.data;
}

TEST(bind, refuses_what_is_too_deep) {
    static const struct {
        const char *before, *piece;
        size_t count;
        const char *answer;
    } cases[] = {
        {"select 1", "+1", 2000, "?column? integer\n"},
        {"select 1", "+1", 40000, "54001 stack depth limit exceeded\n"},
        {"select 1", "::int", 20000, "54001 stack depth limit exceeded\n"},
        {"select 1 = 1", " or 1 = 1", 50000, "?column? boolean\n"},
        {"select 1", " union select 1", 500, "?column? integer\n"},
        {"select 1", " union select 1", 20000, "54001 stack depth limit exceeded\n"},
        {"select 1 from (select 1) a", " cross join (select 1) b", 10000,
            "54001 stack depth limit exceeded\n"},
        {"select 1 where 1 in (1", ",1", 50000, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Fixture fixture;
        fixture_begin(&fixture);
        char *sql = repeat(&fixture.arena, cases[i].before, cases[i].piece, cases[i].count);
        const char *got = describe(&fixture, sql);
        if (cases[i].answer != NULL) assert_string_equal(got, cases[i].answer);
        fixture_end(&fixture);
    }
}

static Status bind_one(Fixture *fixture, const char *sql, const LiftedLiteral *lifted,
    uint32_t lifted_count, ParameterTypes *parameters, bool *is_liftable, BoundStatement *bound) {
    ParsedStatement *statements;
    size_t count;
    TRY(parse_text(fixture->parser, sql, &fixture->arena, &statements, &count));
    FunctionContext context = {.values = *value_context_default()};
    BindInput input = {
        .catalog = fixture->view,
        .functions = &context,
        .parameters = parameters,
        .sql = sql,
        .arena = &fixture->arena,
        .lifted = lifted,
        .lifted_count = lifted_count,
        .is_liftable_out = is_liftable,
    };
    return bind_statement(&input, statements[0].statement, bound);
}

TEST(bind, makes_parameters_of_lifted_literals) {
    Fixture fixture;
    fixture_begin(&fixture);
    describe(&fixture, "create table t(a int primary key, b text)");
    BoundStatement bound;
    bool is_liftable;
    {
        const char *sql = "select a from t where b = 'x' and a < 5";
        LiftedLiteral lifted[] = {{26, 0, TYPE_UNKNOWN}, {38, 1, TYPE_INT4}};
        Oid types[] = {TYPE_UNKNOWN, TYPE_INT4};
        ParameterTypes parameters = {types, 2, 2, true, &fixture.arena};
        assert_ok(bind_one(&fixture, sql, lifted, 2, &parameters, &is_liftable, &bound));
        assert_true(is_liftable);
        assert_int_equal(types[0], TYPE_TEXT);
        const Expression *first = bound.query->where->arguments[0]->arguments[1];
        assert_int_equal(first->kind, EXPRESSION_PARAMETER);
        assert_int_equal(first->type.oid, TYPE_TEXT);
    }
    {
        const char *sql = "select a from t order by 1";
        LiftedLiteral lifted[] = {{25, 0, TYPE_INT4}};
        Oid types[] = {TYPE_INT4};
        ParameterTypes parameters = {types, 1, 1, true, &fixture.arena};
        assert_ok(bind_one(&fixture, sql, lifted, 1, &parameters, &is_liftable, &bound));
        assert_false(is_liftable);
    }
    {
        const char *sql = "select a::numeric(10) from t";
        LiftedLiteral lifted[] = {{18, 0, TYPE_INT4}};
        Oid types[] = {TYPE_INT4};
        ParameterTypes parameters = {types, 1, 1, true, &fixture.arena};
        assert_ok(bind_one(&fixture, sql, lifted, 1, &parameters, &is_liftable, &bound));
        assert_false(is_liftable);
    }
    {
        const char *sql = "select a + -5 from t";
        LiftedLiteral lifted[] = {{12, 0, TYPE_INT4}};
        Oid types[] = {TYPE_INT4};
        ParameterTypes parameters = {types, 1, 1, true, &fixture.arena};
        assert_ok(bind_one(&fixture, sql, lifted, 1, &parameters, &is_liftable, &bound));
        assert_true(is_liftable);
        const Expression *right = bound.query->targets[0].expression->arguments[1];
        assert_int_equal(right->kind, EXPRESSION_CALL);
        assert_int_equal(right->arguments[0]->kind, EXPRESSION_PARAMETER);
    }
    fixture_end(&fixture);
}

TEST(bind, marks_what_is_correlated) {
    Fixture fixture;
    fixture_begin(&fixture);
    describe(&fixture, "create table t(a int primary key, b text)");
    BoundStatement bound;
    ParameterTypes parameters = {.arena = &fixture.arena};
    assert_ok(bind_one(&fixture,
        "select (select 1), (select x.a from t x where x.b = t.b),"
        " (select 1 where exists (select t.a)) from t",
        NULL, 0, &parameters, NULL, &bound));
    const Target *targets = bound.query->targets;
    assert_false(targets[0].expression->subquery.is_correlated);
    assert_true(targets[1].expression->subquery.is_correlated);
    assert_true(targets[2].expression->subquery.is_correlated);
    const Query *inner = targets[2].expression->subquery.query->where->subquery.query;
    assert_int_equal(inner->targets[0].expression->column.levels_up, 2);
    fixture_end(&fixture);
}

TEST(expression_text, comes_back_as_it_was) {
    static const char *const texts[] = {"a > 5 and b <> 'x\"\\y'", "a in (1, 2) or b is null",
        "case when a > 1 then b else 'z' end = coalesce(b, 'q')", "(a, b) < (1, 'x')",
        "b like 'x%' and not (a between 1 and 2)", "b::varchar(3) = 'abc'", "a::text = b",
        "a is distinct from 3", "current_date > '2020-01-01'", "(a > 1) is not true",
        "array[a, 2] @> array[1]", "greatest(a, 3) = nullif(a, 4)"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        Fixture fixture;
        fixture_begin(&fixture);
        char *sql =
            arena_format(&fixture.arena, "create table t(a int, b text, check (%s))", texts[i]);
        assert_string_equal(describe(&fixture, sql), "ok\n");
        const char *stored = fixture.view->tables[0].checks[0].expression_text;
        Expression *expression;
        assert_ok(expression_from_text(stored, &fixture.arena, &expression));
        Text again;
        text_init(&again, &fixture.arena);
        expression_to_text(expression, &again);
        assert_string_equal(again.data, stored);
        // Cut anywhere, it is damaged and not a crash.
        for (size_t cut = 0; cut < strlen(stored); cut++) {
            char *part = arena_copy_text_n(&fixture.arena, stored, cut);
            assert_int_not_equal(expression_from_text(part, &fixture.arena, &expression), OK);
        }
        error_clear();
        fixture_end(&fixture);
    }
}

// The table's CHECK, or its last column's DEFAULT.
static const char *stored_expression(const TableInfo *table) {
    return table->check_count > 0 ? table->checks[0].expression_text
                                  : table->columns[table->column_count - 1].default_text;
}

TEST(expression, prints_as_postgresql_does) {
    for (const char *const *line = recorded_prints; *line != NULL; line++) {
        const char *plain = strchr(*line, '\t');
        if (plain == NULL) continue;
        const char *pretty = strchr(plain + 1, '\t');
        Fixture fixture;
        fixture_begin(&fixture);
        const char *sql = unescape(&fixture.arena, *line, (size_t)(plain - *line));
        const char *expected[2] = {
            unescape(&fixture.arena, plain + 1, (size_t)(pretty - plain - 1)),
            unescape(&fixture.arena, pretty + 1, strlen(pretty + 1)),
        };
        const char *answer = describe(&fixture, sql);
        if (!is_refusal(answer)) {
            assert_string_equal(answer, "ok\n");
            const TableInfo *table = &fixture.view->tables[0];
            Expression *expression;
            assert_ok(expression_from_text(stored_expression(table), &fixture.arena, &expression));
            for (int is_pretty = 0; is_pretty < 2; is_pretty++) {
                Text text;
                text_init(&text, &fixture.arena);
                assert_ok(
                    expression_deparse(fixture.view, expression, table, is_pretty == 1, &text));
                assert_string_equal(text.data, expected[is_pretty]);
            }
        }
        fixture_end(&fixture);
    }
}

TEST_MAIN(TEST_OF(bind, answers_as_postgresql_did), TEST_OF(bind, refuses_what_is_too_deep),
    TEST_OF(bind, makes_parameters_of_lifted_literals), TEST_OF(bind, marks_what_is_correlated),
    TEST_OF(expression_text, comes_back_as_it_was), TEST_OF(expression, prints_as_postgresql_does))
