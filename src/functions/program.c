// Building programs. program_run.c runs them.
#include "base/error.h"
#include "functions/program_internal.h"

#include <string.h>

Program *program_make(Arena *arena, const FunctionRegistry *registry) {
    Program *program = arena_new(arena, Program);
    program->arena = arena;
    program->registry = registry;
    program->cannot_raise = true;
    return program;
}

// ---- Registers and instructions -----------------------------------------------------------------

static void *grow(Arena *arena, void *items, uint32_t count, uint32_t *capacity, size_t bytes) {
    if (count < *capacity) return items;
    uint32_t wider = *capacity == 0 ? 8 : *capacity * 2;
    void *copy = arena_allocate_zeroed(arena, wider * bytes, 16);
    if (count > 0) memcpy(copy, items, count * bytes);
    *capacity = wider;
    return copy;
}

static ProgramRegister register_make(Program *program, RegisterSource source, SqlType type) {
    program->registers = grow(program->arena, program->registers, program->register_count,
        &program->register_capacity, sizeof(Register));
    program->registers[program->register_count] =
        (Register){.source = source, .type = type, .kind = type_physical(type.oid)};
    return program->register_count++;
}

static Instruction *instruction_make(Program *program, Operation operation) {
    program->instructions = grow(program->arena, program->instructions, program->instruction_count,
        &program->instruction_capacity, sizeof(Instruction));
    Instruction *instruction = &program->instructions[program->instruction_count++];
    *instruction = (Instruction){.operation = operation};
    return instruction;
}

static bool register_is_constant(const Program *program, ProgramRegister which) {
    return program->registers[which].is_constant;
}

// An instruction over `arguments` that makes one column. When every argument is constant and
// `can_fold`, it is run for one row and its result is constant too.
static Instruction *operation_make(Program *program, Operation operation,
    const ProgramRegister *arguments, uint32_t argument_count, SqlType type, bool can_fold,
    ProgramRegister *result_out) {
    ProgramRegister result = register_make(program, REGISTER_COMPUTED, type);
    bool is_constant = can_fold;
    for (uint32_t i = 0; i < argument_count; i++) {
        ASSERT(arguments[i] < result);
        is_constant = is_constant && register_is_constant(program, arguments[i]);
    }
    program->registers[result].is_constant = is_constant;
    Instruction *instruction = instruction_make(program, operation);
    instruction->output = result;
    instruction->argument_count = argument_count;
    if (argument_count > 0) {
        instruction->arguments =
            arena_copy_bytes(program->arena, arguments, sizeof(ProgramRegister) * argument_count);
    }
    if (argument_count > program->argument_count_max) program->argument_count_max = argument_count;
    *result_out = result;
    return instruction;
}

ProgramRegister program_input(Program *program, uint32_t column_index, SqlType type) {
    for (uint32_t i = 0; i < program->register_count; i++) {
        const Register *other = &program->registers[i];
        if (other->source == REGISTER_INPUT && other->index == column_index
            && other->type.oid == type.oid) {
            return i;
        }
    }
    ProgramRegister result = register_make(program, REGISTER_INPUT, type);
    program->registers[result].index = column_index;
    program->inputs = grow(program->arena, program->inputs, program->input_count,
        &program->input_capacity, sizeof(ProgramRegister));
    program->inputs[program->input_count++] = result;
    return result;
}

ProgramRegister program_parameter(Program *program, uint32_t parameter_index, SqlType type) {
    for (uint32_t i = 0; i < program->register_count; i++) {
        const Register *other = &program->registers[i];
        if (other->source == REGISTER_PARAMETER && other->index == parameter_index
            && other->type.oid == type.oid) {
            return i;
        }
    }
    ProgramRegister result = register_make(program, REGISTER_PARAMETER, type);
    program->registers[result].index = parameter_index;
    program->parameters = grow(program->arena, program->parameters, program->parameter_count,
        &program->parameter_capacity, sizeof(ProgramRegister));
    program->parameters[program->parameter_count++] = result;
    program->registers[result].is_constant = true;
    return result;
}

ProgramRegister program_constant(Program *program, SqlType type, const Value *value) {
    ProgramRegister result = register_make(program, REGISTER_CONSTANT, type);
    Register *constant = &program->registers[result];
    constant->is_constant = true;
    constant->constant =
        value->is_null ? value_null() : value_copy(*value, constant->kind, program->arena);
    return result;
}

// ---- Calls and casts ----------------------------------------------------------------------------
// ------------------------------------------------------------------------------

Status program_call(Program *program, Oid function, const ProgramRegister *arguments,
    uint32_t argument_count, SqlType result_type, ProgramRegister *result_out) {
    const FunctionEntry *entry;
    TRY(function_registry_find(program->registry, function, &entry));
    const FunctionInfo *info = function_find(function);
    if (info == NULL || entry->kernel == NULL) {
        return fail(FEATURE_NOT_SUPPORTED, "function %s is not supported in this place",
            info == NULL ? "without a name" : info->name);
    }
    Instruction *call = operation_make(program, OPERATION_CALL, arguments, argument_count,
        result_type, info->volatility != 'v', result_out);
    call->function = info;
    call->kernel = entry->kernel;
    call->argument_types = arena_new_array(program->arena, Oid, argument_count);
    for (uint32_t i = 0; i < argument_count; i++) {
        call->argument_types[i] = program->registers[arguments[i]].type.oid;
    }
    program->cannot_raise = program->cannot_raise && entry->cannot_raise;
    return OK;
}

Status program_cast_by_text(
    Program *program, ProgramRegister argument, SqlType target, ProgramRegister *result_out) {
    Oid source = program->registers[argument].type.oid;
    const TypeOps *from, *to;
    TRY(type_ops_require(source, &from));
    TRY(type_ops_require(target.oid, &to));
    Instruction *cast =
        operation_make(program, OPERATION_CAST_BY_TEXT, &argument, 1, target, true, result_out);
    cast->from = from;
    cast->to = to;
    program->cannot_raise = false;
    return OK;
}

ProgramRegister program_relabel(Program *program, ProgramRegister argument, SqlType target) {
    ProgramRegister result = argument;
    ASSERT(program->registers[argument].kind == type_physical(target.oid));
    operation_make(program, OPERATION_RELABEL, &argument, 1, target, true, &result);
    return result;
}

Status program_apply_modifier(Program *program, ProgramRegister argument, SqlType target,
    bool is_explicit, ProgramRegister *result_out) {
    const TypeOps *ops;
    TRY(type_ops_require(target.oid, &ops));
    if (ops->modifier_apply == NULL || target.modifier == -1) {
        *result_out = program_relabel(program, argument, target);
        return OK;
    }
    Instruction *apply =
        operation_make(program, OPERATION_APPLY_MODIFIER, &argument, 1, target, true, result_out);
    apply->to = ops;
    apply->is_negated = is_explicit;
    program->cannot_raise = false;
    return OK;
}

// ---- Tests --------------------------------------------------------------------------------------
// ----------------------------------------------------------------------------------------

ProgramRegister program_is_null(Program *program, ProgramRegister argument, bool is_negated) {
    ProgramRegister result;
    Instruction *test = operation_make(
        program, OPERATION_IS_NULL, &argument, 1, sql_type(TYPE_BOOL), true, &result);
    test->is_negated = is_negated;
    return result;
}

ProgramRegister program_boolean_test(Program *program, ProgramRegister argument, BooleanTest test) {
    ProgramRegister result;
    Instruction *instruction = operation_make(
        program, OPERATION_BOOLEAN_TEST, &argument, 1, sql_type(TYPE_BOOL), true, &result);
    instruction->boolean_test = test;
    return result;
}

ProgramRegister program_not(Program *program, ProgramRegister argument) {
    ProgramRegister result;
    operation_make(program, OPERATION_NOT, &argument, 1, sql_type(TYPE_BOOL), true, &result);
    return result;
}

Status program_is_distinct(Program *program, Oid equal_function, ProgramRegister left,
    ProgramRegister right, bool is_negated, ProgramRegister *result_out) {
    ProgramRegister arguments[] = {left, right};
    ProgramRegister equal;
    TRY(program_call(program, equal_function, arguments, 2, sql_type(TYPE_BOOL), &equal));
    ProgramRegister all[] = {left, right, equal};
    Instruction *test = operation_make(
        program, OPERATION_IS_DISTINCT, all, 3, sql_type(TYPE_BOOL), true, result_out);
    test->is_negated = is_negated;
    return OK;
}

// ---- Lazy forms ---------------------------------------------------------------------------------
// -----------------------------------------------------------------------------------

// A form that is open while its parts are built. Its instructions jump to its end once no row is
// left; the ends are filled in when it is closed.
struct OpenForm {
    OpenForm *outer;
    Operation kind; // the operation that opened it
    ProgramRegister output;
    uint32_t first_instruction;
    uint32_t when_instruction; // CASE: the WHEN whose THEN is being built
};

static void form_open(Program *program, Operation operation, SqlType type) {
    OpenForm *form = arena_new(program->arena, OpenForm);
    form->outer = program->open_form;
    form->kind = operation;
    form->output = register_make(program, REGISTER_COMPUTED, type);
    form->first_instruction = program->instruction_count;
    program->open_form = form;
    instruction_make(program, operation)->output = form->output;
    if (++program->depth > program->depth_max) program->depth_max = program->depth;
}

static Instruction *form_part(
    Program *program, Operation operation, ProgramRegister argument, OpenForm **form_out) {
    OpenForm *form = program->open_form;
    ASSERT(form != NULL);
    Instruction *part = instruction_make(program, operation);
    part->output = form->output;
    part->argument_count = 1;
    part->arguments = arena_new(program->arena, ProgramRegister);
    part->arguments[0] = argument;
    *form_out = form;
    return part;
}

static ProgramRegister form_close(Program *program, Operation operation) {
    OpenForm *form = program->open_form;
    ASSERT(form != NULL);
    uint32_t end = program->instruction_count;
    for (uint32_t i = form->first_instruction; i < end; i++) {
        Instruction *part = &program->instructions[i];
        bool leaves = part->operation == OPERATION_AND_PART || part->operation == OPERATION_OR_PART
                      || part->operation == OPERATION_CASE_THEN
                      || part->operation == OPERATION_COALESCE_PART;
        if (leaves && part->output == form->output) part->jump = end;
    }
    instruction_make(program, operation)->output = form->output;
    program->open_form = form->outer;
    program->depth--;
    return form->output;
}

void program_and_begin(Program *program) {
    form_open(program, OPERATION_AND_BEGIN, sql_type(TYPE_BOOL));
}

void program_or_begin(Program *program) {
    form_open(program, OPERATION_OR_BEGIN, sql_type(TYPE_BOOL));
}

void program_logic_argument(Program *program, ProgramRegister argument) {
    bool is_and = program->open_form->kind == OPERATION_AND_BEGIN;
    OpenForm *form;
    form_part(program, is_and ? OPERATION_AND_PART : OPERATION_OR_PART, argument, &form);
    ASSERT(form->kind == OPERATION_AND_BEGIN || form->kind == OPERATION_OR_BEGIN);
}

ProgramRegister program_logic_end(Program *program) {
    return form_close(program, OPERATION_FORM_END);
}

void program_case_begin(Program *program, SqlType result_type) {
    form_open(program, OPERATION_CASE_BEGIN, result_type);
}

void program_case_when(Program *program, ProgramRegister condition) {
    OpenForm *form;
    form_part(program, OPERATION_CASE_WHEN, condition, &form);
    form->when_instruction = program->instruction_count - 1;
}

void program_case_then(Program *program, ProgramRegister result) {
    OpenForm *form;
    form_part(program, OPERATION_CASE_THEN, result, &form);
    // No row matched: the THEN is passed over, but it is still what moves on to the next WHEN.
    program->instructions[form->when_instruction].jump = program->instruction_count - 1;
}

ProgramRegister program_case_end(Program *program, ProgramRegister otherwise) {
    OpenForm *form;
    form_part(program, OPERATION_CASE_ELSE, otherwise, &form);
    return form_close(program, OPERATION_FORM_END);
}

ProgramRegister program_case_end_null(Program *program) {
    return form_close(program, OPERATION_FORM_END_NULL);
}

void program_coalesce_begin(Program *program, SqlType result_type) {
    form_open(program, OPERATION_COALESCE_BEGIN, result_type);
}

void program_coalesce_argument(Program *program, ProgramRegister argument) {
    OpenForm *form;
    form_part(program, OPERATION_COALESCE_PART, argument, &form);
}

ProgramRegister program_coalesce_end(Program *program) {
    return form_close(program, OPERATION_FORM_END_NULL);
}

// ---- Arrays and callbacks -----------------------------------------------------------------------
// -------------------------------------------------------------------------

// Whether the comparison is an equality that hashing can answer for ANY, or its negation for ALL,
// of two values of one type.
static bool comparison_can_hash(Oid function, bool is_all, Oid value_type, Oid element) {
    size_t count;
    const OperatorInfo *operators = operator_list(&count);
    for (size_t i = 0; i < count; i++) {
        const OperatorInfo *operator= & operators[i];
        if (operator->function != function) continue;
        const OperatorInfo *equal = is_all ? operator_find(operator->negator) : operator;
        return equal != NULL && equal->can_hash && strcmp(equal->name, "=") == 0
               && equal->left == equal->right && value_type == element;
    }
    return false;
}

Status program_array_comparison(Program *program, Oid function, ProgramRegister value,
    ProgramRegister array, bool is_all, ProgramRegister *result_out) {
    const FunctionEntry *entry;
    TRY(function_registry_find(program->registry, function, &entry));
    const FunctionInfo *info = function_find(function);
    Oid array_type = program->registers[array].type.oid;
    Oid element = type_element(array_type);
    if (info == NULL || entry->kernel == NULL || element == 0) {
        return fail(FEATURE_NOT_SUPPORTED, "this comparison with an array is not supported yet");
    }
    ProgramRegister arguments[] = {value, array};
    Instruction *comparison = operation_make(program, OPERATION_ARRAY_COMPARISON, arguments, 2,
        sql_type(TYPE_BOOL), info->volatility != 'v', result_out);
    comparison->function = info;
    comparison->kernel = entry->kernel;
    comparison->is_negated = is_all;
    comparison->argument_types = arena_new_array(program->arena, Oid, 2);
    comparison->argument_types[0] = program->registers[value].type.oid;
    comparison->argument_types[1] = element;
    if (comparison_can_hash(function, is_all, comparison->argument_types[0], element)) {
        comparison->from = type_ops(element);
    }
    program->cannot_raise = program->cannot_raise && entry->cannot_raise;
    return OK;
}

ProgramRegister program_array(
    Program *program, SqlType array_type, const ProgramRegister *elements, uint32_t element_count) {
    ProgramRegister result;
    operation_make(program, OPERATION_ARRAY, elements, element_count, array_type, true, &result);
    program->cannot_raise = false; // of arrays that do not fit each other
    return result;
}

ProgramRegister program_array_element(
    Program *program, ProgramRegister array, ProgramRegister index, SqlType element_type) {
    ProgramRegister arguments[] = {array, index};
    ProgramRegister result;
    operation_make(program, OPERATION_ARRAY_ELEMENT, arguments, 2, element_type, true, &result);
    return result;
}

ProgramRegister program_row(
    Program *program, const ProgramRegister *fields, const Oid *types, uint32_t field_count) {
    ProgramRegister result;
    Instruction *row = operation_make(
        program, OPERATION_ROW, fields, field_count, sql_type(TYPE_RECORD), true, &result);
    row->argument_types = arena_new_array(program->arena, Oid, field_count + 1);
    if (field_count > 0) memcpy(row->argument_types, types, field_count * sizeof *types);
    return result;
}

ProgramRegister program_field(
    Program *program, ProgramRegister record, uint32_t index, SqlType field_type) {
    ProgramRegister result;
    Instruction *field =
        operation_make(program, OPERATION_FIELD, &record, 1, field_type, true, &result);
    field->closure_index = index;
    return result;
}

ProgramRegister program_callback(Program *program, ProgramCallback callback, uint32_t closure_index,
    const ProgramRegister *arguments, uint32_t argument_count, SqlType result_type) {
    ProgramRegister result;
    Instruction *instruction = operation_make(
        program, OPERATION_CALLBACK, arguments, argument_count, result_type, false, &result);
    instruction->callback = callback;
    instruction->closure_index = closure_index;
    program->cannot_raise = false;
    return result;
}

// ---- Results ------------------------------------------------------------------------------------
// --------------------------------------------------------------------------------------

void program_add_result(Program *program, ProgramRegister result) {
    ASSERT(program->open_form == NULL && result < program->register_count);
    program->results = grow(program->arena, program->results, program->result_count,
        &program->result_capacity, sizeof(ProgramRegister));
    program->results[program->result_count++] = result;
}

uint32_t program_result_count(const Program *program) {
    return program->result_count;
}

bool program_result_is_given(
    const Program *program, uint32_t result, uint32_t *parameter_out, const Value **constant_out) {
    const Register *from = &program->registers[program->results[result]];
    *parameter_out = from->index;
    *constant_out = from->source == REGISTER_CONSTANT ? &from->constant : NULL;
    return from->source == REGISTER_CONSTANT || from->source == REGISTER_PARAMETER;
}

bool program_cannot_raise(const Program *program) {
    return program->cannot_raise;
}
