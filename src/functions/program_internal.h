// What the builder of programs (program.c) hands to the runner (program_run.c).
#pragma once

#include "functions/program.h"

typedef enum Operation {
    OPERATION_CALL,
    OPERATION_CAST_BY_TEXT,
    OPERATION_RELABEL,
    OPERATION_APPLY_MODIFIER,
    OPERATION_IS_NULL,
    OPERATION_BOOLEAN_TEST,
    OPERATION_NOT,
    OPERATION_IS_DISTINCT,      // left, right, and their equality
    OPERATION_ARRAY_COMPARISON, // value, array
    OPERATION_ARRAY,
    OPERATION_ARRAY_ELEMENT, // array, index
    OPERATION_ROW,
    OPERATION_FIELD, // record; which field is in closure_index
    OPERATION_CALLBACK,
    // Lazy forms. BEGIN takes the current rows; each part decides some of them and leaves the rest
    // current; END gives back the rows it began with.
    OPERATION_AND_BEGIN,
    OPERATION_AND_PART,
    OPERATION_OR_BEGIN,
    OPERATION_OR_PART,
    OPERATION_CASE_BEGIN,
    OPERATION_CASE_WHEN, // its rows become current, the others wait
    OPERATION_CASE_THEN, // stores the current rows; those that wait become current
    OPERATION_CASE_ELSE,
    OPERATION_COALESCE_BEGIN,
    OPERATION_COALESCE_PART,
    OPERATION_FORM_END,
    OPERATION_FORM_END_NULL, // the rows that are left are NULL
} Operation;

typedef enum RegisterSource {
    REGISTER_INPUT,
    REGISTER_PARAMETER,
    REGISTER_CONSTANT,
    REGISTER_COMPUTED
} RegisterSource;

typedef struct Register {
    RegisterSource source;
    SqlType type;
    PhysicalKind kind;
    bool is_constant; // the same for every row
    uint32_t index;   // of an input column or a parameter
    Value constant;
} Register;

typedef struct Instruction {
    Operation operation;
    ProgramRegister output;
    uint32_t argument_count;
    ProgramRegister *arguments;
    uint32_t jump;   // parts of lazy forms: where to go when no row is left
    bool is_negated; // also ALL of an array comparison, and an explicit modifier
    BooleanTest boolean_test;
    const FunctionInfo *function;
    FunctionKernel kernel;
    Oid *argument_types;
    const TypeOps *from, *to;
    ProgramCallback callback;
    uint32_t closure_index;
} Instruction;

typedef struct OpenForm OpenForm;

struct Program {
    Arena *arena;
    const FunctionRegistry *registry;
    Register *registers;
    uint32_t register_count, register_capacity;
    Instruction *instructions;
    uint32_t instruction_count, instruction_capacity;
    ProgramRegister *results;
    uint32_t result_count, result_capacity;
    ProgramRegister *inputs, *parameters; // the registers of those sources
    uint32_t input_count, input_capacity, parameter_count, parameter_capacity;
    uint32_t argument_count_max;
    uint32_t depth, depth_max; // of open lazy forms
    OpenForm *open_form;
    bool cannot_raise;
};

// ---- Arrays, in program_array.c -----------------------------------------------------------------
// --------------------------------------------------------------------

// The part of a running program that an operation sees.
typedef struct OperationCall {
    FunctionContext *context;
    const Instruction *instruction;
    const Register *registers;
    Column **columns; // by register
    Selection selection;
    Column *result;
    Arena *arena;
} OperationCall;

Status operation_array_comparison(const OperationCall *call);
Status operation_array(const OperationCall *call);
Status operation_array_element(const OperationCall *call);
Status operation_row(const OperationCall *call);
Status operation_field(const OperationCall *call);
