#include "base/test.h"
#include "functions/function.h"

static FunctionContext context_make(Arena *arena) {
    const FunctionEntry *tables[] = {functions_of_values};
    return (FunctionContext){
        .values = *value_context_default(),
        .registry = function_registry_make(arena, tables, 1),
    };
}

TEST(facts, are_found_by_oid_and_by_name) {
    assert_string_equal(function_find(177)->name, "int4pl");
    assert_null(function_find(1));
    assert_string_equal(operator_find(96)->name, "=");
    assert_int_equal(operator_find(96)->function, 65);
    size_t count = 0;
    const FunctionInfo *const *lengths = function_candidates("length", &count);
    assert_int_equal(count, 8);
    for (size_t i = 1; i < count; i++)
        assert_true(lengths[i - 1]->oid < lengths[i]->oid);
    assert_null(function_candidates("no_such_function", &count));
    assert_int_equal(count, 0);
    operator_candidates("||", &count);
    assert_int_equal(count, 11);
    assert_int_equal(cast_find(TYPE_INT4, TYPE_INT8)->context, 'i');
    assert_null(cast_find(TYPE_BOOL, TYPE_FLOAT8));
    assert_int_equal(aggregate_find(2108)->transition, 1841);
}

TEST(facts, know_the_operators_of_a_type) {
    assert_int_equal(operator_of_type("=", TYPE_INT4), 96);
    assert_int_equal(operator_of_type("<>", TYPE_INT4), 518);
    assert_int_equal(operator_of_type("<", TYPE_VARCHAR), 664);
    assert_int_equal(operator_of_type("=", TYPE_REGCLASS), 607);
    assert_int_equal(operator_of_type("=", TYPE_TEXT_ARRAY), 1070);
    assert_int_equal(operator_of_type("=", TYPE_JSON), 0);
}

static Status call_int4(
    FunctionContext *context, Oid function, int32_t a, int32_t b, Arena *arena, Value *value_out) {
    Value arguments[] = {{.datum = {.int4 = a}}, {.datum = {.int4 = b}}};
    return function_call(context, function, sql_type(function_find(function)->result),
        (Oid[]){TYPE_INT4, TYPE_INT4}, arguments, 2, arena, value_out);
}

TEST(function, call_raises_what_postgresql_raises) {
    Arena arena;
    arena_init(&arena, NULL);
    FunctionContext context = context_make(&arena);
    Value value;
    assert_ok(call_int4(&context, 177, 40, 2, &arena, &value));
    assert_int_equal(value.datum.int4, 42);
    assert_int_equal(
        call_int4(&context, 177, INT32_MAX, 1, &arena, &value), NUMERIC_VALUE_OUT_OF_RANGE);
    assert_string_equal(error_get()->message, "integer out of range");
    assert_int_equal(call_int4(&context, 154, 1, 0, &arena, &value), DIVISION_BY_ZERO);
    assert_int_equal(
        call_int4(&context, 154, INT32_MIN, -1, &arena, &value), NUMERIC_VALUE_OUT_OF_RANGE);
    assert_ok(call_int4(&context, 941, INT32_MIN, -1, &arena, &value));
    assert_int_equal(value.datum.int4, 0);
    assert_int_equal(call_int4(&context, 31, 0, 0, &arena, &value), FEATURE_NOT_SUPPORTED);
    error_clear();
    arena_deinit(&arena);
}

TEST(function, call_of_a_strict_function_with_null_is_null) {
    Arena arena;
    arena_init(&arena, NULL);
    FunctionContext context = context_make(&arena);
    Value arguments[] = {{.is_null = true}, {.datum = {.int4 = 0}}};
    Value value;
    assert_ok(function_call(&context, 154, sql_type(TYPE_INT4), (Oid[]){TYPE_INT4, TYPE_INT4},
        arguments, 2, &arena, &value));
    assert_true(value.is_null);
    arena_deinit(&arena);
}

TEST_MAIN(TEST_OF(facts, are_found_by_oid_and_by_name),
    TEST_OF(facts, know_the_operators_of_a_type),
    TEST_OF(function, call_raises_what_postgresql_raises),
    TEST_OF(function, call_of_a_strict_function_with_null_is_null))
