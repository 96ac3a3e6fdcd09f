// Expression programs: an expression as a straight list of kernel calls over registers, run on one
// batch after another.
//
// Model    A register is a column. Inputs are the batch's columns; parameters and constants are
//          constant columns. AND, OR, CASE and COALESCE evaluate their arms on shrinking selections
//          only, so that an arm that would raise is not reached by rows that do not need it.
//          A program is built bottom up: the builder of each part returns its register, and the
//          lazy forms are opened and closed around the parts they hold.
// Threads  A program is constant once built. Each thread that runs it has a ProgramState.
// Memory   The program lives in the arena it was made in; results are overwritten by the next run.
#pragma once

#include "functions/function.h"

typedef struct Program Program;
typedef struct ProgramState ProgramState;
typedef uint32_t ProgramRegister;

Program *program_make(Arena *arena, const FunctionRegistry *registry);

ProgramRegister program_input(Program *program, uint32_t column_index, SqlType type);
ProgramRegister program_parameter(Program *program, uint32_t parameter_index, SqlType type);
ProgramRegister program_constant(Program *program, SqlType type, const Value *value);

// Errors: FEATURE_NOT_SUPPORTED when the function has no kernel.
Status program_call(Program *program, Oid function, const ProgramRegister *arguments,
    uint32_t argument_count, SqlType result_type, ProgramRegister *result_out);

// Casts that are not functions. Through text: source's output, target's input (with its errors).
Status program_cast_by_text(
    Program *program, ProgramRegister argument, SqlType target, ProgramRegister *result_out);
// The same bytes under another type.
ProgramRegister program_relabel(Program *program, ProgramRegister argument, SqlType target);
// varchar(n) and the like; is_explicit cuts where an assignment fails.
Status program_apply_modifier(Program *program, ProgramRegister argument, SqlType target,
    bool is_explicit, ProgramRegister *result_out);

ProgramRegister program_is_null(Program *program, ProgramRegister argument, bool is_negated);

typedef enum BooleanTest {
    IS_TRUE,
    IS_NOT_TRUE,
    IS_FALSE,
    IS_NOT_FALSE,
    IS_UNKNOWN,
    IS_NOT_UNKNOWN
} BooleanTest;

ProgramRegister program_boolean_test(Program *program, ProgramRegister argument, BooleanTest test);
ProgramRegister program_not(Program *program, ProgramRegister argument);

// Not distinct: equality under which NULL equals NULL. `equal_function` is the type's `=`.
Status program_is_distinct(Program *program, Oid equal_function, ProgramRegister left,
    ProgramRegister right, bool is_negated, ProgramRegister *result_out);

// AND and OR: begin; then for each argument build it and hand it over; end.
void program_and_begin(Program *program);
void program_or_begin(Program *program);
void program_logic_argument(Program *program, ProgramRegister argument);
ProgramRegister program_logic_end(Program *program);

// CASE: begin; for each WHEN build the condition, hand it over, build the result, hand it over;
// build the ELSE and hand it over to end (program_case_end_null without one).
void program_case_begin(Program *program, SqlType result_type);
void program_case_when(Program *program, ProgramRegister condition);
void program_case_then(Program *program, ProgramRegister result);
ProgramRegister program_case_end(Program *program, ProgramRegister otherwise);
ProgramRegister program_case_end_null(Program *program);

// COALESCE: begin; build each argument and hand it over; end.
void program_coalesce_begin(Program *program, SqlType result_type);
void program_coalesce_argument(Program *program, ProgramRegister argument);
ProgramRegister program_coalesce_end(Program *program);

// value OP ANY (array), value OP ALL (array): `function` compares a value and an element.
Status program_array_comparison(Program *program, Oid function, ProgramRegister value,
    ProgramRegister array, bool is_all, ProgramRegister *result_out);

// ARRAY[a, b, ...] of elements already of the element type, and array[index].
ProgramRegister program_array(
    Program *program, SqlType array_type, const ProgramRegister *elements, uint32_t element_count);
ProgramRegister program_array_element(
    Program *program, ProgramRegister array, ProgramRegister index, SqlType element_type);

// ROW(a, b, ...), whose fields have these types; and a field of a record, from 0.
ProgramRegister program_row(
    Program *program, const ProgramRegister *fields, const Oid *types, uint32_t field_count);
ProgramRegister program_field(
    Program *program, ProgramRegister record, uint32_t index, SqlType field_type);

// A value that the driver computes row by row through a callback: subqueries. The callback gets
// the values of `arguments` for one row.
typedef Status (*ProgramCallback)(void *closure, FunctionContext *context, const Value *arguments,
    uint32_t argument_count, Arena *arena, Value *value_out);
ProgramRegister program_callback(Program *program, ProgramCallback callback, uint32_t closure_index,
    const ProgramRegister *arguments, uint32_t argument_count, SqlType result_type);

void program_add_result(Program *program, ProgramRegister result);
uint32_t program_result_count(const Program *program);

// Whether no part of it can raise an error, so that it may run on rows nobody asked for.
bool program_cannot_raise(const Program *program);

// What a result is without running: a parameter's value, or a constant. `constant_out` is NULL for
// a parameter. False for a result that has to be computed.
bool program_result_is_given(
    const Program *program, uint32_t result, uint32_t *parameter_out, const Value **constant_out);

// ---- Running ------------------------------------------------------------------------------------

// `closures[i]` is given to callbacks of closure_index i.
ProgramState *program_state_make(const Program *program, FunctionContext *context,
    const Value *parameters, uint32_t parameter_count, void *const *closures, Arena *arena);

// New parameter values for a state that is used again.
void program_state_set_parameters(
    ProgramState *state, const Value *parameters, uint32_t parameter_count);

// Computes every result for the selected rows of `input`. Results are columns indexed by the
// input's row numbers, valid until the next run.
Status program_run(ProgramState *state, const Batch *input, const Column **results_out);

// For a program with one boolean result: the rows where it is true, written to `rows_out`
// (BATCH_ROW_COUNT entries), in order.
Status program_select(
    ProgramState *state, const Batch *input, uint16_t *rows_out, uint32_t *count_out);

// Every result over the values of one row. Allocates nothing after the first run, as far as the
// functions it calls do not. Views live until the next run.
Status program_run_row(
    ProgramState *state, const Value *row, uint32_t column_count, Value *values_out);
