#include "base/random.h"
#include "base/test.h"
#include "types/array.h"
#include "types/key.h"

static Arena arena;

static int arena_setup([[maybe_unused]] void **state) {
    arena_init(&arena, NULL);
    return 0;
}

static int arena_teardown([[maybe_unused]] void **state) {
    arena_deinit(&arena);
    return 0;
}

// The text form of what PostgreSQL's input would make of `text`; or "SQLSTATE: message".
static const char *through(SqlType type, const char *text) {
    Value value;
    Text out;
    text_init(&out, &arena);
    Status status =
        value_from_text(value_context_default(), type, text, strlen(text), &arena, &value);
    if (status == OK) status = value_to_text(value_context_default(), type.oid, &value, &out);
    if (status != OK) {
        char sqlstate[6];
        status_to_sqlstate(status, sqlstate);
        text_clear(&out);
        text_append_format(&out, "%s: %s", sqlstate, error_get()->message);
        error_clear();
    }
    return out.count > 0 ? out.data : "";
}

#define assert_text(type, modifier, input, expected)                                               \
    assert_string_equal(through((SqlType){type, modifier}, input), expected)

TEST(types, know_their_facts) {
    assert_string_equal(type_find(TYPE_INT4)->name, "int4");
    assert_null(type_find(1));
    assert_int_equal(type_find_by_name("timestamptz")->oid, TYPE_TIMESTAMPTZ);
    assert_null(type_find_by_name("nothing"));
    assert_int_equal(type_element(TYPE_TEXT_ARRAY), TYPE_TEXT);
    assert_int_equal(type_element(TYPE_OIDVECTOR), TYPE_OID);
    assert_int_equal(type_element(TYPE_NAME), 0);
    assert_int_equal(type_array(TYPE_UUID), TYPE_UUID_ARRAY);
}

TEST(types, have_sql_names) {
    static const struct {
        SqlType type;
        const char *name;
    } cases[] = {
        {{TYPE_BPCHAR, -1}, "character"},
        {{TYPE_BPCHAR, 9}, "character(5)"},
        {{TYPE_VARCHAR, 14}, "character varying(10)"},
        {{TYPE_VARCHAR_ARRAY, 14}, "character varying(10)[]"},
        {{TYPE_CHAR, -1}, "\"char\""},
        {{TYPE_ANY, -1}, "\"any\""},
        {{TYPE_INT4_ARRAY, -1}, "integer[]"},
        {{TYPE_NUMERIC, 655366}, "numeric(10,2)"},
        {{TYPE_TIMESTAMPTZ, 3}, "timestamp(3) with time zone"},
        {{TYPE_TIME, 0}, "time(0) without time zone"},
        {{TYPE_TIMESTAMP_ARRAY, 3}, "timestamp(3) without time zone[]"},
        {{TYPE_INTERVAL, 458751}, "interval year to month"},
        {{TYPE_INTERVAL, 470286338}, "interval day to second(2)"},
        {{TYPE_OIDVECTOR, -1}, "oidvector"},
        {{1, -1}, "???"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Text out;
        text_init(&out, &arena);
        type_format(cases[i].type, &out);
        assert_string_equal(out.data, cases[i].name);
    }
}

TEST(types, read_and_print_plain_values) {
    assert_text(TYPE_BOOL, -1, " YE ", "t");
    assert_text(TYPE_BOOL, -1, "of", "f");
    assert_text(TYPE_BOOL, -1, "o", "22P02: invalid input syntax for type boolean: \"o\"");
    assert_text(TYPE_INT4, -1, " -2147483648 ", "-2147483648");
    assert_text(TYPE_INT4, -1, "x", "22P02: invalid input syntax for type integer: \"x\"");
    assert_text(TYPE_INT4, -1, "99999999999",
        "22003: value \"99999999999\" is out of range for type integer");
    assert_text(TYPE_INT4, -1, "2147483648x",
        "22P02: invalid input syntax for type integer: \"2147483648x\"");
    assert_text(TYPE_OID, -1, "-1", "4294967295");
    assert_text(TYPE_CHAR, -1, "\\351", "\\351");
    assert_text(TYPE_VARCHAR, 7, "abc   ", "abc");
    assert_text(TYPE_VARCHAR, 7, "abcd", "22001: value too long for type character varying(3)");
    assert_text(TYPE_BPCHAR, 9, "ab", "ab   ");
    assert_text(TYPE_BYTEA, -1, "a\\000\\\\b", "\\x61005c62");
    assert_text(TYPE_BYTEA, -1, "\\x0", "22023: invalid hexadecimal data: odd number of digits");
    assert_text(TYPE_REGCLASS, -1, "-", "-");
    assert_text(TYPE_REGOPER, -1, "0", "0");
    assert_text(TYPE_REGTYPE, -1, "4294967295", "4294967295");
    assert_text(TYPE_UUID, -1, "{A0EEBC999C0B-4EF8-bb6d6bb9bd380a11}",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
}

TEST(types, print_the_shortest_float) {
    assert_text(TYPE_FLOAT8, -1, "1e23", "9.999999999999999e+22"); // its bound is left out
    assert_text(TYPE_FLOAT8, -1, "0.1", "0.1");
    assert_text(TYPE_FLOAT8, -1, "5e-324", "5e-324");
    assert_text(TYPE_FLOAT8, -1, "1.7976931348623157e308", "1.7976931348623157e+308");
    assert_text(TYPE_FLOAT8, -1, "2.2250738585072014e-308", "2.2250738585072014e-308");
    assert_text(TYPE_FLOAT8, -1, "5.684341886080801486968994140625E-14", "5.684341886080802e-14");
    assert_text(TYPE_FLOAT8, -1, "123456789012345678", "1.2345678901234568e+17");
    assert_text(TYPE_FLOAT8, -1, "100000000000000", "100000000000000");
    assert_text(TYPE_FLOAT8, -1, "-inf", "-Infinity");
    assert_text(TYPE_FLOAT8, -1, "-0", "-0");
    assert_text(TYPE_FLOAT4, -1, "123456.7", "123456.7");
    assert_text(TYPE_FLOAT4, -1, "1e6", "1e+06");
    assert_text(TYPE_FLOAT4, -1, "3.4028235e38", "3.4028235e+38");
    assert_text(TYPE_FLOAT4, -1, "1e-45", "1e-45");
    assert_text(
        TYPE_FLOAT8, -1, "1e400x", "22003: \"1e400\" is out of range for type double precision");
}

TEST(types, print_floats_that_read_back) {
    Random random;
    random_seed(&random, 1);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = random_next(&random);
        Value value = {0}, again;
        memcpy(&value.datum.float8, &bits, sizeof bits);
        if (value.datum.float8 != value.datum.float8) continue;
        Text out;
        text_init(&out, &arena);
        assert_ok(value_to_text(value_context_default(), TYPE_FLOAT8, &value, &out));
        assert_ok(value_from_text(
            value_context_default(), sql_type(TYPE_FLOAT8), out.data, out.count, &arena, &again));
        assert_memory_equal(&value.datum.float8, &again.datum.float8, sizeof bits);
    }
}

TEST(arrays, read_and_print) {
    assert_text(TYPE_INT4_ARRAY, -1, "{1,NULL, 3 }", "{1,NULL,3}");
    assert_text(TYPE_INT4_ARRAY, -1, "{{1,2},{3,4}}", "{{1,2},{3,4}}");
    assert_text(TYPE_INT4_ARRAY, -1, "[0:1][2:2]={{1},{2}}", "[0:1][2:2]={{1},{2}}");
    assert_text(TYPE_TEXT_ARRAY, -1, "{\"\", \"NULL\", null, a b , \\\"}",
        "{\"\",\"NULL\",NULL,\"a b\",\"\\\"\"}");
    assert_text(TYPE_TEXT_ARRAY, -1, "{{},{}}", "22P02: malformed array literal: \"{{},{}}\"");
    assert_text(TYPE_TEXT_ARRAY, -1, " {} ", "{}");
    assert_text(
        TYPE_INT4_ARRAY, -1, "{{1},{2,3}}", "22P02: malformed array literal: \"{{1},{2,3}}\"");
    assert_text(
        TYPE_INT4_ARRAY, -1, "{1,x}", "22P02: invalid input syntax for type integer: \"x\"");
    assert_text(TYPE_INT2VECTOR, -1, " 1 2  -3", "1 2 -3");
    assert_text(
        TYPE_VARCHAR_ARRAY, 6, "{abc}", "22001: value too long for type character varying(2)");
}

static int sign(int order) {
    return (order > 0) - (order < 0);
}

// All values of a list in rising order: compare, hash and keys agree, and keys are read back.
static void check_order(Oid type, const char *const *texts, size_t count) {
    const TypeOps *ops = type_ops(type);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            Value a, b;
            assert_ok(value_from_text(
                value_context_default(), sql_type(type), texts[i], strlen(texts[i]), &arena, &a));
            assert_ok(value_from_text(
                value_context_default(), sql_type(type), texts[j], strlen(texts[j]), &arena, &b));
            int order = (i > j) - (i < j);
            assert_int_equal(sign(ops->compare(&a.datum, &b.datum)), order);
            for (int descending = 0; descending < 2; descending++) {
                KeyColumn column = {.type = type, .is_descending = descending, .is_nullable = true};
                KeyFormat format = {&column, 1};
                Text keys[2];
                text_init(&keys[0], &arena);
                text_init(&keys[1], &arena);
                key_append(&format, &a, &keys[0]);
                key_append(&format, &b, &keys[1]);
                int key_order = sign(bytes_compare(text_bytes(&keys[0]), text_bytes(&keys[1])));
                assert_int_equal(key_order, descending ? -order : order);
                Value back;
                if (!key_format_is_invertible(&format)) continue;
                assert_true(key_decode(&format, text_bytes(&keys[0]), &arena, &back));
                assert_int_equal(ops->compare(&a.datum, &back.datum), 0);
            }
        }
    }
}

#define assert_order(type, ...)                                                                    \
    do {                                                                                           \
        static const char *const texts[] = {__VA_ARGS__};                                          \
        check_order(type, texts, sizeof texts / sizeof *texts);                                    \
    } while (0)

TEST(keys, order_as_values_do) {
    assert_order(TYPE_BOOL, "f", "t");
    assert_order(TYPE_INT2, "-32768", "-1", "0", "1", "32767");
    assert_order(TYPE_INT8, "-9223372036854775808", "-1", "0", "1", "9223372036854775807");
    assert_order(TYPE_OID, "0", "1", "4294967295");
    assert_order(
        TYPE_FLOAT8, "-Infinity", "-1e300", "-1", "-1e-320", "0", "1e-320", "1", "Infinity", "NaN");
    assert_order(TYPE_FLOAT4, "-Infinity", "-1", "0", "1", "Infinity", "NaN");
    assert_order(TYPE_TEXT, "", "a", "a ", "aa", "ab", "abcdefghijklmnop", "b");
    assert_order(TYPE_BPCHAR, "  ", "a", "aa ", "ab");
    assert_order(TYPE_BYTEA, "", "\\x00", "\\x0000", "\\x0001", "\\x01", "\\x01ff", "\\xff");
    assert_order(TYPE_NUMERIC, "-Infinity", "-1e20", "-10000.1", "-1.5", "-1", "-0.00001", "0",
        "1e-30", "0.5", "1", "1.00001", "9999", "10000", "1e100", "Infinity", "NaN");
    assert_order(TYPE_DATE, "-infinity", "4714-11-24 BC", "1999-12-31", "2000-01-01", "infinity");
    assert_order(
        TYPE_TIMESTAMPTZ, "-infinity", "1999-12-31", "2000-01-01 00:00:00.000001", "infinity");
    assert_order(TYPE_TIME, "00:00", "12:34:56.789", "24:00");
    assert_order(TYPE_TIMETZ, "00:00+15", "12:00+01", "12:00+00", "11:00-01", "24:00-15");
    assert_order(TYPE_TID, "(0,0)", "(0,65535)", "(1,0)", "(4294967295,1)");
    assert_order(TYPE_INTERVAL, "-178000000 years", "-1 day", "-1 sec", "0", "1 day", "25 hours",
        "1 mon", "31 days", "178000000 years");
    assert_order(TYPE_CHAR, "", "A", "\\351");
    assert_order(TYPE_UUID, "00000000-0000-0000-0000-000000000000",
        "10000000-0000-0000-0000-000000000000", "ffffffff-0000-0000-0000-000000000000");
    assert_order(TYPE_INT4_ARRAY, "{}", "{1}", "{1,2}", "{1,2,3}", "{1,3}", "{1,NULL}", "{2}");
    assert_order(TYPE_TEXT_ARRAY, "{}", "{a}", "{a,b}", "{ab}", "{NULL}");
}

TEST(keys, are_equal_for_equal_values) {
    static const struct {
        Oid type;
        const char *one, *other;
    } cases[] = {
        {TYPE_NUMERIC, "1.0", "1.000"},
        {TYPE_NUMERIC, "0", "0.00"},
        {TYPE_NUMERIC, "NaN", "nan"},
        {TYPE_FLOAT8, "0", "-0"},
        {TYPE_BPCHAR, "a", "a  "},
        {TYPE_INTERVAL, "1 mon", "30 days"},
        {TYPE_INTERVAL, "1 day", "24:00"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const TypeOps *ops = type_ops(cases[i].type);
        Value a, b;
        assert_ok(value_from_text(value_context_default(), sql_type(cases[i].type), cases[i].one,
            strlen(cases[i].one), &arena, &a));
        assert_ok(value_from_text(value_context_default(), sql_type(cases[i].type), cases[i].other,
            strlen(cases[i].other), &arena, &b));
        Text keys[2];
        text_init(&keys[0], &arena);
        text_init(&keys[1], &arena);
        ops->key_append(&a.datum, &keys[0]);
        ops->key_append(&b.datum, &keys[1]);
        assert_true(bytes_equal(text_bytes(&keys[0]), text_bytes(&keys[1])));
        assert_int_equal(ops->compare(&a.datum, &b.datum), 0);
        assert_true(ops->hash(&a.datum) == ops->hash(&b.datum));
    }
}

TEST(keys, put_nulls_where_they_belong) {
    KeyColumn columns[] = {{.type = TYPE_INT4, .is_nullable = true},
        {.type = TYPE_TEXT, .is_descending = true, .nulls_first = true, .is_nullable = true}};
    KeyFormat format = {columns, 2};
    Value one = {.datum = {.int4 = 1}};
    Value text = {.datum = {.view = view_from_text("x")}};
    Value rows[][2] = {{one, value_null()}, {one, text}, {value_null(), value_null()}};
    Text keys[3];
    for (int i = 0; i < 3; i++) {
        text_init(&keys[i], &arena);
        key_append(&format, rows[i], &keys[i]);
        Value back[2];
        assert_true(key_decode(&format, text_bytes(&keys[i]), &arena, back));
        assert_int_equal(back[1].is_null, rows[i][1].is_null);
        if (i > 0) assert_true(bytes_compare(text_bytes(&keys[i - 1]), text_bytes(&keys[i])) < 0);
    }
    assert_int_equal(key_format_width(&format), 0);
    KeyColumn bare = {.type = TYPE_INT8};
    assert_int_equal(key_format_width(&(KeyFormat){&bare, 1}), 8);
    Text successor;
    text_init(&successor, &arena);
    text_append(&successor, "a\xff", 2);
    key_successor(&successor);
    assert_string_equal(successor.data, "b");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_OF(types, know_their_facts),
        TEST_OF(types, have_sql_names),
        TEST_OF(types, read_and_print_plain_values),
        TEST_OF(types, print_the_shortest_float),
        TEST_OF(types, print_floats_that_read_back),
        TEST_OF(arrays, read_and_print),
        TEST_OF(keys, order_as_values_do),
        TEST_OF(keys, are_equal_for_equal_values),
        TEST_OF(keys, put_nulls_where_they_belong),
    };
    return cmocka_run_group_tests(tests, arena_setup, arena_teardown);
}
