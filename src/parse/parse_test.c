#include "parse/parse.h"

#include "base/test.h"
#include "parse/nesting.h"
#include "parse/tree_reader.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

static Status parse(Arena *arena, const char *sql, ParsedStatement **statements, size_t *count) {
    Parser *parser;
    TRY(parser_create(&parser));
    Status status = parse_text(parser, sql, arena, statements, count);
    parser_destroy(parser);
    return status;
}

static const Node *parse_one(Arena *arena, const char *sql) {
    ParsedStatement *statements;
    size_t count;
    assert_ok(parse(arena, sql, &statements, &count));
    assert_int_equal(count, 1);
    return statements[0].statement;
}

static const Node *target(const Node *select, uint32_t index) {
    return node_get(node_item(node_get(select, FIELD_TARGET_LIST), index), FIELD_VAL);
}

TEST(names, are_sorted) {
    for (NodeField field = 1; field < FIELD_COUNT; field++) {
        assert_true(strcmp(node_field_name(field - 1), node_field_name(field)) < 0);
    }
    assert_int_equal(node_kind_find("SelectStmt", 10), NODE_SELECT_STMT);
    assert_int_equal(node_kind_find("A_Const", 7), NODE_A_CONST);
    assert_int_equal(node_kind_find("XmlSerialize", 12), NODE_XML_SERIALIZE);
    assert_int_equal(node_kind_find("Select", 6), NODE_OTHER);
    assert_int_equal(node_field_find("location", 8), FIELD_LOCATION);
    assert_int_equal(node_field_find("locatio", 7), FIELD_COUNT);
}

TEST(parse, gives_statements_of_a_text) {
    Arena arena;
    arena_init(&arena, NULL);
    ParsedStatement *statements;
    size_t count;
    assert_ok(parse(&arena, ";;select 1 ; insert into t default values", &statements, &count));
    assert_int_equal(count, 2);
    assert_int_equal(node_kind(statements[0].statement), NODE_SELECT_STMT);
    assert_int_equal(node_kind(statements[1].statement), NODE_INSERT_STMT);
    assert_int_equal(statements[0].offset, 2);
    assert_int_equal(statements[0].count, 9);
    assert_ok(parse(&arena, " -- nothing", &statements, &count));
    assert_int_equal(count, 0);
    arena_deinit(&arena);
}

TEST(parse, reads_constants_with_their_signs) {
    Arena arena;
    arena_init(&arena, NULL);
    const Node *select = parse_one(
        &arena, "select -5, - /* 7 */ 7, -(3), - - 4, 0, 99999999999, 'a''\\\n', true, null, -1.5");
    const int64_t expected[] = {-5, -7, -3, 4, 0};
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(node_get_integer(target(select, i), FIELD_IVAL), expected[i]);
        assert_true(node_has(target(select, i), FIELD_IVAL));
    }
    assert_string_equal(node_get_text(target(select, 5), FIELD_FVAL), "99999999999");
    assert_string_equal(node_get_text(target(select, 6), FIELD_SVAL), "a'\\\n");
    assert_true(node_get_boolean(target(select, 7), FIELD_BOOLVAL));
    assert_true(node_get_boolean(target(select, 8), FIELD_ISNULL));
    assert_string_equal(node_get_text(target(select, 9), FIELD_FVAL), "-1.5");

    const Node *sequence =
        parse_one(&arena, "create sequence \"s-1\" increment by -12 minvalue -3");
    const Node *options = node_get(sequence, FIELD_OPTIONS);
    assert_int_equal(node_get_integer(node_item(options, 0), FIELD_ARG), -12);
    assert_int_equal(node_get_integer(node_item(options, 1), FIELD_ARG), -3);
    assert_int_equal(node_kind(node_get(sequence, FIELD_SEQUENCE)), NODE_RANGE_VAR);
    arena_deinit(&arena);
}

TEST(parse, knows_where_things_are) {
    Arena arena;
    arena_init(&arena, NULL);
    const Node *values = parse_one(&arena, "values (1)");
    assert_int_equal(node_location(values), -1);
    const Node *select = parse_one(&arena, "select a + b");
    assert_int_equal(node_location(target(select, 0)), 9);
    assert_int_equal(node_location(node_get(target(select, 0), FIELD_LEXPR)), 7);
    arena_deinit(&arena);
}

TEST(parse, raises_errors_with_sqlstate_and_position) {
    Arena arena;
    arena_init(&arena, NULL);
    ParsedStatement *statements;
    size_t count;
    assert_int_equal(parse(&arena, "select \u00e9 frm t x", &statements, &count), SYNTAX_ERROR);
    assert_string_equal(error_get()->message, "syntax error at or near \"t\"");
    assert_int_equal(error_get()->position, 14);
    assert_int_equal(parse(&arena, "select U&'\\00'", &statements, &count), SYNTAX_ERROR);
    assert_int_equal(
        parse(&arena, "select E'\\u00'", &statements, &count), INVALID_ESCAPE_SEQUENCE);
    assert_non_null(error_get()->hint);
    assert_int_equal(parse(&arena, "select", &statements, &count), OK);
    assert_int_equal(parse(&arena, "create assertion a check (true)", &statements, &count),
        FEATURE_NOT_SUPPORTED);
    error_clear();
    arena_deinit(&arena);
}

static char *repeat(const char *before, const char *piece, size_t count, const char *after) {
    size_t piece_count = strlen(piece);
    char *text = malloc(strlen(before) + piece_count * count + strlen(after) + 1);
    assert_non_null(text);
    char *at = text + strlen(before);
    memcpy(text, before, strlen(before));
    for (size_t i = 0; i < count; i++, at += piece_count) {
        memcpy(at, piece, piece_count);
    }
    memcpy(at, after, strlen(after) + 1);
    return text;
}

TEST(parse, survives_what_is_deep) {
#ifdef __SANITIZE_THREAD__ // as the limit in parse.c
    enum { SHARE = 4 };
#else
    enum { SHARE = 1 };
#endif
    static const struct {
        const char *before, *piece, *after;
        size_t count;
        Status status;
    } cases[] = {
        {"select 1", "+1", "", 40000, OK},
        {"select 1", "+1", "", 1000000, STATEMENT_TOO_COMPLEX},
        {"select 1 = 1", " or 1 = 1", "", 100000, OK},
        {"select 1", " union select 1", "", 20000, OK},
        {"select 1", " union select 1, 2", "", 100000, STATEMENT_TOO_COMPLEX},
        {"select ", "(", "", 100000, STATEMENT_TOO_COMPLEX},
        {"select ", "(", "1", 20000, SYNTAX_ERROR},
        {"select ", "not ", "true", 100000, STATEMENT_TOO_COMPLEX},
        {"select ", "- ", "1", 44000, SYNTAX_ERROR},
        {"select 1", "::int", "", 20000, OK},
        {"values (1)", ",(-1)", "", 100000, OK},
        {"select ", "case when true then 1 else ", "1", 20000, SYNTAX_ERROR},
    };

    Parser *parser;
    assert_ok(parser_create(&parser));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Arena arena;
        arena_init(&arena, NULL);
        char *sql = repeat(cases[i].before, cases[i].piece, cases[i].count / SHARE, cases[i].after);
        ParsedStatement *statements;
        size_t count;
        Status status = parse_text(parser, sql, &arena, &statements, &count);
        if (status != cases[i].status) print_error("case %zu: %s\n", i, error_get()->message);
        assert_int_equal(status, cases[i].status);
        free(sql);
        arena_deinit(&arena);
    }
    error_clear();
    parser_destroy(parser);
}

// A process may open and close databases for ever.
TEST(parse, keeps_no_thread_key) {
    for (int i = 0; i < PTHREAD_KEYS_MAX + 10; i++) {
        Parser *parser;
        assert_ok(parser_create(&parser));
        Arena arena;
        arena_init(&arena, NULL);
        ParsedStatement *statements;
        size_t count;
        assert_ok(parse_text(parser, "select 1", &arena, &statements, &count));
        arena_deinit(&arena);
        parser_destroy(parser);
    }
    pthread_key_t key;
    assert_int_equal(pthread_key_create(&key, NULL), 0);
    pthread_key_delete(key);
}

TEST(nesting, counts_only_what_nests) {
    assert_int_equal(nesting_bound("select 1, 2, 3"), 0);
    assert_int_equal(nesting_bound("select 'a+b+c' --+++\n /* +++ */, $x$+++$x$"), 0);
    assert_int_equal(nesting_bound("select 1+1+1"), 2);
    assert_int_equal(nesting_bound("select (1+1)+1, 1"), 2);
    assert_int_equal(nesting_bound("select 1; select 1+1"), 1);
    assert_int_equal(nesting_bound("select E'\\'+'+1"), 1);
}

TEST_MAIN(TEST_OF(names, are_sorted), TEST_OF(parse, gives_statements_of_a_text),
    TEST_OF(parse, reads_constants_with_their_signs), TEST_OF(parse, knows_where_things_are),
    TEST_OF(parse, raises_errors_with_sqlstate_and_position), TEST_OF(parse, survives_what_is_deep),
    TEST_OF(parse, keeps_no_thread_key), TEST_OF(nesting, counts_only_what_nests))
