#include "functions/program.h"

#include "base/test.h"
#include "types/array.h"

enum {
    INT4_PLUS = 177,
    INT4_DIVIDE = 154,
    INT4_EQUAL = 65,
    INT4_GREATER = 147,
    INT4_DIFFERS = 144
};

typedef struct Fixture {
    Arena arena;
    FunctionContext context;
    Batch *batch; // int4 columns x, y
} Fixture;

static int fixture_make(void **state) {
    static Fixture fixture;
    arena_init(&fixture.arena, NULL);
    const FunctionEntry *tables[] = {functions_of_values};
    fixture.context = (FunctionContext){
        .values = *value_context_default(),
        .registry = function_registry_make(&fixture.arena, tables, 1),
    };
    fixture.batch = batch_make(&fixture.arena, (Oid[]){TYPE_INT4, TYPE_INT4}, 2, false);
    *state = &fixture;
    return 0;
}

static int fixture_end(void **state) {
    arena_deinit(&((Fixture *)*state)->arena);
    return 0;
}

static Value int4(int32_t number) {
    return (Value){.datum = {.int4 = number}};
}

static void add_row(Fixture *fixture, Value x, Value y) {
    batch_append_values(fixture->batch, &fixture->arena, (Value[]){x, y});
}

static ProgramRegister call_two(
    Program *program, Oid function, ProgramRegister a, ProgramRegister b) {
    ProgramRegister result = 0;
    assert_ok(program_call(program, function, (ProgramRegister[]){a, b}, 2,
        sql_type(function_find(function)->result), &result));
    return result;
}

static ProgramRegister number(Program *program, int32_t value) {
    Value constant = int4(value);
    return program_constant(program, sql_type(TYPE_INT4), &constant);
}

TEST(program, computes_over_batches_constants_and_parameters) {
    Fixture *fixture = *state;
    for (int32_t i = 0; i < BATCH_ROW_COUNT; i++)
        add_row(fixture, int4(i), int4(2 * i));
    Program *program = program_make(&fixture->arena, fixture->context.registry);
    ProgramRegister x = program_input(program, 0, sql_type(TYPE_INT4));
    ProgramRegister y = program_input(program, 1, sql_type(TYPE_INT4));
    ProgramRegister p = program_parameter(program, 0, sql_type(TYPE_INT4));
    ProgramRegister shift = call_two(program, INT4_PLUS, p, number(program, 1));
    program_add_result(
        program, call_two(program, INT4_PLUS, call_two(program, INT4_PLUS, x, y), shift));
    Value parameter = int4(100);
    ProgramState *run =
        program_state_make(program, &fixture->context, &parameter, 1, NULL, &fixture->arena);
    const Column *results;
    assert_ok(program_run(run, fixture->batch, &results));
    for (uint32_t i = 0; i < BATCH_ROW_COUNT; i++) {
        assert_int_equal(column_get(results, i).datum.int4, 3 * (int32_t)i + 101);
    }
    parameter = int4(0);
    program_state_set_parameters(run, &parameter, 1);
    Value row[] = {int4(5), int4(6)}, value;
    assert_ok(program_run_row(run, row, 2, &value));
    assert_int_equal(value.datum.int4, 12);
    row[1].is_null = true;
    assert_ok(program_run_row(run, row, 2, &value));
    assert_true(value.is_null);
}

TEST(program, strict_calls_do_not_reach_null_rows) {
    Fixture *fixture = *state;
    add_row(fixture, int4(6), int4(3));
    add_row(fixture, value_null(), int4(0));
    add_row(fixture, int4(7), value_null());
    Program *program = program_make(&fixture->arena, fixture->context.registry);
    ProgramRegister x = program_input(program, 0, sql_type(TYPE_INT4));
    ProgramRegister y = program_input(program, 1, sql_type(TYPE_INT4));
    program_add_result(program, call_two(program, INT4_DIVIDE, x, y));
    assert_false(program_cannot_raise(program));
    ProgramState *run =
        program_state_make(program, &fixture->context, NULL, 0, NULL, &fixture->arena);
    const Column *results;
    assert_ok(program_run(run, fixture->batch, &results));
    assert_int_equal(column_get(results, 0).datum.int4, 2);
    assert_true(column_get(results, 1).is_null);
    assert_true(column_get(results, 2).is_null);
}

// y <> 0 AND x / y > 1, the other way round as CASE, and as OR.
TEST(program, lazy_arms_do_not_reach_rows_that_do_not_need_them) {
    Fixture *fixture = *state;
    add_row(fixture, int4(6), int4(0));
    add_row(fixture, int4(6), int4(3));
    add_row(fixture, int4(3), int4(3));
    add_row(fixture, int4(3), value_null());
    Program *program = program_make(&fixture->arena, fixture->context.registry);
    ProgramRegister x = program_input(program, 0, sql_type(TYPE_INT4));
    ProgramRegister y = program_input(program, 1, sql_type(TYPE_INT4));
    ProgramRegister zero = number(program, 0), one = number(program, 1);

    program_and_begin(program);
    ProgramRegister is_zero = call_two(program, INT4_EQUAL, y, zero);
    program_logic_argument(program, program_not(program, is_zero));
    ProgramRegister ratio = call_two(program, INT4_DIVIDE, x, y);
    program_logic_argument(program, call_two(program, INT4_GREATER, ratio, one));
    ProgramRegister both = program_logic_end(program);

    program_or_begin(program);
    program_logic_argument(program, call_two(program, INT4_EQUAL, y, zero));
    ratio = call_two(program, INT4_DIVIDE, x, y);
    program_logic_argument(program, call_two(program, INT4_GREATER, ratio, one));
    ProgramRegister either = program_logic_end(program);

    program_case_begin(program, sql_type(TYPE_INT4));
    program_case_when(program, call_two(program, INT4_EQUAL, y, zero));
    program_case_then(program, number(program, -1));
    program_case_when(program, program_is_null(program, y, false));
    program_case_then(program, number(program, -2));
    ProgramRegister chosen = program_case_end(program, call_two(program, INT4_DIVIDE, x, y));

    program_coalesce_begin(program, sql_type(TYPE_INT4));
    program_coalesce_argument(program, y);
    program_coalesce_argument(program, call_two(program, INT4_DIVIDE, x, zero));
    ProgramRegister first = program_coalesce_end(program);

    program_add_result(program, both);
    program_add_result(program, either);
    program_add_result(program, chosen);
    ProgramState *run =
        program_state_make(program, &fixture->context, NULL, 0, NULL, &fixture->arena);
    const Column *results;
    // COALESCE divides by zero in the last row alone.
    (void)first;
    assert_fails(DIVISION_BY_ZERO, program_run(run, fixture->batch, &results));
    fixture->batch->selection = (const uint16_t[]){0, 1, 2};
    fixture->batch->selected_count = 3;
    assert_ok(program_run(run, fixture->batch, &results));
    assert_false(column_get(&results[0], 0).datum.boolean);
    assert_true(column_get(&results[0], 1).datum.boolean);
    assert_false(column_get(&results[0], 2).datum.boolean);
    assert_true(column_get(&results[1], 0).datum.boolean);
    assert_true(column_get(&results[1], 1).datum.boolean);
    assert_false(column_get(&results[1], 2).datum.boolean);
    assert_int_equal(column_get(&results[2], 0).datum.int4, -1);
    assert_int_equal(column_get(&results[2], 1).datum.int4, 2);
    assert_int_equal(column_get(&results[2], 2).datum.int4, 1);
}

TEST(program, logic_has_three_values) {
    Fixture *fixture = *state;
    // x and y as booleans: 1, 0 and NULL in every pair.
    Value values[] = {int4(1), int4(0), value_null()};
    for (int i = 0; i < 9; i++)
        add_row(fixture, values[i / 3], values[i % 3]);
    Program *program = program_make(&fixture->arena, fixture->context.registry);
    ProgramRegister one = number(program, 1);
    ProgramRegister x =
        call_two(program, INT4_EQUAL, program_input(program, 0, sql_type(TYPE_INT4)), one);
    ProgramRegister y =
        call_two(program, INT4_EQUAL, program_input(program, 1, sql_type(TYPE_INT4)), one);
    program_and_begin(program);
    program_logic_argument(program, x);
    program_logic_argument(program, y);
    program_add_result(program, program_logic_end(program));
    program_or_begin(program);
    program_logic_argument(program, x);
    program_logic_argument(program, y);
    program_add_result(program, program_logic_end(program));
    ProgramRegister distinct = 0;
    assert_ok(
        program_is_distinct(program, INT4_EQUAL, program_input(program, 0, sql_type(TYPE_INT4)),
            program_input(program, 1, sql_type(TYPE_INT4)), false, &distinct));
    program_add_result(program, distinct);
    program_add_result(program, program_boolean_test(program, x, IS_NOT_TRUE));
    // Rows: tt tf tn, ft ff fn, nt nf nn.
    const char *expected[] = {"tfnfffnfn", "ttttfntnn", "ftttftttf", "fffttttttt"};
    ProgramState *run =
        program_state_make(program, &fixture->context, NULL, 0, NULL, &fixture->arena);
    const Column *results;
    assert_ok(program_run(run, fixture->batch, &results));
    for (uint32_t which = 0; which < 4; which++) {
        for (uint32_t row = 0; row < 9; row++) {
            Value value = column_get(&results[which], row);
            char letter = value.is_null ? 'n' : value.datum.boolean ? 't' : 'f';
            assert_int_equal(letter, expected[which][row]);
        }
    }
}

TEST(program, selects_the_rows_where_it_is_true) {
    Fixture *fixture = *state;
    for (int32_t i = 0; i < 100; i++) {
        add_row(fixture, i % 10 == 0 ? value_null() : int4(i), int4(50));
    }
    Program *program = program_make(&fixture->arena, fixture->context.registry);
    program_add_result(
        program, call_two(program, INT4_GREATER, program_input(program, 0, sql_type(TYPE_INT4)),
                     program_input(program, 1, sql_type(TYPE_INT4))));
    assert_true(program_cannot_raise(program));
    ProgramState *run =
        program_state_make(program, &fixture->context, NULL, 0, NULL, &fixture->arena);
    uint16_t rows[BATCH_ROW_COUNT];
    uint32_t count = 0;
    assert_ok(program_select(run, fixture->batch, rows, &count));
    assert_int_equal(count, 45);
    assert_int_equal(rows[0], 51);
    assert_int_equal(rows[44], 99);
}

// x = ANY and x <> ALL, over a short array and over one that is hashed, with and without NULL.
TEST(program, compares_with_the_elements_of_arrays) {
    Fixture *fixture = *state;
    for (int32_t i = 0; i < 100; i++)
        add_row(fixture, i == 50 ? value_null() : int4(i), int4(0));
    for (uint32_t count = 3; count <= 40; count += 37) {
        for (uint32_t has_null = 0; has_null < 2; has_null++) {
            Value elements[41];
            for (uint32_t i = 0; i < count; i++)
                elements[i] = int4(2 * (int32_t)i);
            elements[count] = value_null();
            Value array = {.datum = {.view = array_make_list(
                                         TYPE_INT4, elements, count + has_null, &fixture->arena)}};
            Program *program = program_make(&fixture->arena, fixture->context.registry);
            ProgramRegister x = program_input(program, 0, sql_type(TYPE_INT4));
            ProgramRegister list = program_constant(program, sql_type(TYPE_INT4_ARRAY), &array);
            ProgramRegister any = 0, all = 0;
            assert_ok(program_array_comparison(program, INT4_EQUAL, x, list, false, &any));
            assert_ok(program_array_comparison(program, INT4_DIFFERS, x, list, true, &all));
            program_add_result(program, any);
            program_add_result(program, all);
            ProgramState *run =
                program_state_make(program, &fixture->context, NULL, 0, NULL, &fixture->arena);
            const Column *results;
            assert_ok(program_run(run, fixture->batch, &results));
            for (uint32_t row = 0; row < 100; row++) {
                Value row_values[] = {column_get(&fixture->batch->columns[0], row), int4(0)};
                Value one[2];
                bool is_in = row % 2 == 0 && row < 2 * count;
                bool is_null = row == 50 || (!is_in && has_null != 0);
                Value found[] = {column_get(&results[0], row), column_get(&results[1], row)};
                assert_int_equal(found[0].is_null, is_null);
                assert_int_equal(found[1].is_null, is_null);
                if (!is_null) assert_int_equal(found[0].datum.boolean, is_in);
                if (!is_null) assert_int_equal(found[1].datum.boolean, !is_in);
                assert_ok(program_run_row(run, row_values, 2, one));
                assert_int_equal(one[0].is_null, is_null);
                if (!is_null) assert_int_equal(one[0].datum.boolean, is_in);
            }
        }
    }
}

static Status add_closure(void *closure, FunctionContext *context, const Value *arguments,
    uint32_t argument_count, Arena *arena, Value *value_out) {
    (void)context, (void)arena;
    assert_int_equal(argument_count, 1);
    *value_out = int4(arguments[0].datum.int4 + *(int32_t *)closure);
    return OK;
}

TEST(program, asks_callbacks_row_by_row) {
    Fixture *fixture = *state;
    add_row(fixture, int4(1), int4(0));
    add_row(fixture, int4(2), int4(0));
    Program *program = program_make(&fixture->arena, fixture->context.registry);
    ProgramRegister x = program_input(program, 0, sql_type(TYPE_INT4));
    program_add_result(
        program, program_callback(program, add_closure, 0, &x, 1, sql_type(TYPE_INT4)));
    int32_t added = 40;
    void *closures[] = {&added};
    ProgramState *run =
        program_state_make(program, &fixture->context, NULL, 0, closures, &fixture->arena);
    const Column *results;
    assert_ok(program_run(run, fixture->batch, &results));
    assert_int_equal(column_get(results, 1).datum.int4, 42);
}

#define PROGRAM_TEST(sentence)                                                                     \
    cmocka_unit_test_setup_teardown(program_##sentence, fixture_make, fixture_end)

TEST_MAIN(PROGRAM_TEST(computes_over_batches_constants_and_parameters),
    PROGRAM_TEST(strict_calls_do_not_reach_null_rows),
    PROGRAM_TEST(lazy_arms_do_not_reach_rows_that_do_not_need_them),
    PROGRAM_TEST(logic_has_three_values), PROGRAM_TEST(selects_the_rows_where_it_is_true),
    PROGRAM_TEST(compares_with_the_elements_of_arrays), PROGRAM_TEST(asks_callbacks_row_by_row))
