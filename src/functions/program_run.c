// Running programs, over a batch or over one row.
//
// Model  A bank holds a column for every register: one bank for batches, one for single rows, each
//        made when first used. The same loop runs both; what differs is how many rows fit.
#include "base/error.h"
#include "functions/program_internal.h"

// The rows of one open lazy form.
typedef struct OpenRows {
    Selection outer;   // current when the form began
    Selection waiting; // CASE: for a later WHEN or the ELSE
    uint16_t *rows;
    uint16_t *waiting_rows;
} OpenRows;

typedef struct Bank {
    uint32_t row_capacity, null_word_count;
    Column *columns; // by register
    Column **column_pointers;
    void **values;    // by register: of the computed ones
    uint64_t **nulls; // by register
    OpenRows *forms;  // by depth
    Column *arguments;
    Column *results;
    uint16_t *call_rows; // rows left to a strict function
} Bank;

struct ProgramState {
    const Program *program;
    FunctionContext *context;
    void *const *closures;
    Arena *arena;
    Arena run_arena; // emptied before each run
    Value *parameters;
    uint32_t parameter_count;
    Bank *batch_bank, *row_bank;
};

// ---- State --------------------------------------------------------------------------------------
// ----------------------------------------------------------------------------------------

static void column_point_at(
    Column *column, const Register *from, const Value *value, uint64_t *null_word) {
    *null_word = value->is_null;
    *column = (Column){
        .type = from->type.oid,
        .kind = from->kind,
        .is_constant = true,
        .values = (void *)(uintptr_t)&value->datum,
        .nulls = value->is_null ? null_word : NULL,
    };
}

static void bank_bind_parameters(const ProgramState *state, Bank *bank) {
    const Program *program = state->program;
    for (uint32_t j = 0; j < program->parameter_count; j++) {
        ProgramRegister i = program->parameters[j];
        const Register *source = &program->registers[i];
        ASSERT(source->index < state->parameter_count);
        column_point_at(
            &bank->columns[i], source, &state->parameters[source->index], bank->nulls[i]);
    }
}

static Bank *bank_make(const ProgramState *state, uint32_t row_capacity) {
    const Program *program = state->program;
    Arena *arena = state->arena;
    uint32_t count = program->register_count;
    Bank *bank = arena_new(arena, Bank);
    bank->row_capacity = row_capacity;
    bank->null_word_count = (row_capacity + 63) / 64;
    bank->columns = arena_new_array(arena, Column, count);
    bank->column_pointers = arena_new_array(arena, Column *, count);
    bank->values = arena_new_array(arena, void *, count);
    bank->nulls = arena_new_array(arena, uint64_t *, count);
    for (uint32_t i = 0; i < count; i++) {
        const Register *source = &program->registers[i];
        bank->column_pointers[i] = &bank->columns[i];
        uint32_t words = source->is_constant ? 1 : bank->null_word_count;
        bank->nulls[i] = arena_allocate_zeroed(arena, words * sizeof(uint64_t), 64);
        if (source->source == REGISTER_CONSTANT) {
            column_point_at(&bank->columns[i], source, &source->constant, bank->nulls[i]);
        } else if (source->source == REGISTER_COMPUTED) {
            size_t width = physical_width[source->kind];
            size_t rows = source->is_constant ? 1 : row_capacity;
            bank->values[i] = arena_allocate_zeroed(arena, width * rows, 64);
        }
    }
    bank->forms = arena_new_array(arena, OpenRows, program->depth_max);
    for (uint32_t i = 0; i < program->depth_max; i++) {
        bank->forms[i].rows = arena_new_array(arena, uint16_t, row_capacity);
        bank->forms[i].waiting_rows = arena_new_array(arena, uint16_t, row_capacity);
    }
    bank->arguments = arena_new_array(arena, Column, program->argument_count_max);
    bank->results = arena_new_array(arena, Column, program->result_count);
    bank->call_rows = arena_new_array(arena, uint16_t, row_capacity);
    bank_bind_parameters(state, bank);
    return bank;
}

ProgramState *program_state_make(const Program *program, FunctionContext *context,
    const Value *parameters, uint32_t parameter_count, void *const *closures, Arena *arena) {
    ASSERT(program->open_form == NULL);
    ProgramState *state = arena_new(arena, ProgramState);
    state->program = program;
    state->context = context;
    state->closures = closures;
    state->arena = arena;
    arena_init_within(&state->run_arena, arena);
    state->parameter_count = parameter_count;
    state->parameters = arena_new_array(arena, Value, parameter_count);
    if (parameter_count > 0) {
        memcpy(state->parameters, parameters, sizeof(Value) * parameter_count);
    }
    return state;
}

void program_state_set_parameters(
    ProgramState *state, const Value *parameters, uint32_t parameter_count) {
    ASSERT(parameter_count == state->parameter_count);
    if (parameter_count == 0) return;
    memcpy(state->parameters, parameters, sizeof(Value) * parameter_count);
    if (state->batch_bank != NULL) bank_bind_parameters(state, state->batch_bank);
    if (state->row_bank != NULL) bank_bind_parameters(state, state->row_bank);
}

// ---- Null bits ----------------------------------------------------------------------------------
// ------------------------------------------------------------------------------------

static inline bool bit_get(const uint64_t *bits, uint32_t row) {
    return (bits[row >> 6] >> (row & 63) & 1) != 0;
}

static inline void bit_set(uint64_t *bits, uint32_t row) {
    bits[row >> 6] |= UINT64_C(1) << (row & 63);
}

static inline void bit_clear(uint64_t *bits, uint32_t row) {
    bits[row >> 6] &= ~(UINT64_C(1) << (row & 63));
}

// The output column of an instruction, with a clear bitmap. output_finish takes the bitmap away
// again when no row is NULL.
static Column *output_begin(const Program *program, Bank *bank, ProgramRegister which) {
    const Register *source = &program->registers[which];
    uint32_t words = source->is_constant ? 1 : bank->null_word_count;
    uint64_t *nulls = bank->nulls[which];
    memset(nulls, 0, words * sizeof *nulls);
    Column *column = &bank->columns[which];
    *column = (Column){
        .type = source->type.oid,
        .kind = source->kind,
        .values = bank->values[which],
        .nulls = nulls,
    };
    return column;
}

static void output_finish(const Program *program, Bank *bank, ProgramRegister which) {
    Column *column = &bank->columns[which];
    bool is_constant = program->registers[which].is_constant;
    uint32_t words = is_constant ? 1 : bank->null_word_count;
    uint64_t any = 0;
    for (uint32_t i = 0; i < words; i++)
        any |= column->nulls[i];
    if (any == 0) column->nulls = NULL;
    column->is_constant = is_constant;
}

// ---- Calls --------------------------------------------------------------------------------------
// ----------------------------------------------------------------------------------------

// Marks the selected rows with a NULL argument and takes them out of the selection.
static Selection rows_without_nulls(
    Bank *bank, const Instruction *instruction, Selection selection, Column *result) {
    uint64_t any = 0;
    uint32_t words = selection.rows == NULL ? (selection.count + 63) / 64 : bank->null_word_count;
    for (uint32_t i = 0; i < instruction->argument_count; i++) {
        const Column *argument = &bank->columns[instruction->arguments[i]];
        if (argument->nulls == NULL) continue;
        if (argument->is_constant) {
            if ((argument->nulls[0] & 1) == 0) continue;
            memset(result->nulls, 0xFF, words * sizeof(uint64_t));
            any = 1;
            break;
        }
        for (uint32_t word = 0; word < words; word++) {
            result->nulls[word] |= argument->nulls[word];
            any |= argument->nulls[word];
        }
    }
    if (any == 0) return selection;

    size_t width = physical_width[result->kind];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = selection_row(selection, i);
        if (bit_get(result->nulls, row)) {
            memset((uint8_t *)result->values + row * width, 0, width);
        } else {
            bank->call_rows[kept++] = (uint16_t)row;
        }
    }
    return (Selection){.rows = bank->call_rows, .count = kept};
}

static Status run_call(
    ProgramState *state, Bank *bank, const Instruction *instruction, Selection selection) {
    const Program *program = state->program;
    Column *result = output_begin(program, bank, instruction->output);
    if (instruction->function->is_strict && instruction->argument_count > 0) {
        selection = rows_without_nulls(bank, instruction, selection, result);
    }
    if (selection.count > 0) {
        for (uint32_t i = 0; i < instruction->argument_count; i++) {
            bank->arguments[i] = bank->columns[instruction->arguments[i]];
        }
        Call call = {
            .context = state->context,
            .function = instruction->function,
            .arguments = bank->arguments,
            .argument_count = instruction->argument_count,
            .argument_types = instruction->argument_types,
            .result_type = program->registers[instruction->output].type,
            .selection = selection,
            .result = result,
            .arena = &state->run_arena,
        };
        TRY(instruction->kernel(&call));
    }
    output_finish(program, bank, instruction->output);
    return OK;
}

// Runs `one` for each selected row whose argument 0 is not NULL; the others are NULL.
typedef Status (*RowOperation)(
    ProgramState *state, const Instruction *instruction, const Value *argument, Datum *datum_out);

static Status cast_row_by_text(
    ProgramState *state, const Instruction *instruction, const Value *argument, Datum *datum_out) {
    const ValueContext *values = &state->context->values;
    Text text;
    text_init(&text, &state->run_arena);
    instruction->from->to_text(values, &argument->datum, &text);
    int32_t modifier = state->program->registers[instruction->output].type.modifier;
    return instruction->to->from_text(
        values, text.data, text.count, modifier, &state->run_arena, datum_out);
}

static Status apply_row_modifier(
    ProgramState *state, const Instruction *instruction, const Value *argument, Datum *datum_out) {
    int32_t modifier = state->program->registers[instruction->output].type.modifier;
    return instruction->to->modifier_apply(
        &argument->datum, modifier, instruction->is_negated, &state->run_arena, datum_out);
}

static Status run_rows(ProgramState *state, Bank *bank, const Instruction *instruction,
    Selection selection, RowOperation one) {
    Column *result = output_begin(state->program, bank, instruction->output);
    const Column *argument = &bank->columns[instruction->arguments[0]];
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = selection_row(selection, i);
        Value value = column_get(argument, row);
        if (value.is_null) {
            column_set_null(result, NULL, row);
            continue;
        }
        Value made = {.is_null = false};
        TRY(one(state, instruction, &value, &made.datum));
        column_set(result, NULL, row, &made);
    }
    output_finish(state->program, bank, instruction->output);
    return OK;
}

static Status run_callback(
    ProgramState *state, Bank *bank, const Instruction *instruction, Selection selection) {
    Column *result = output_begin(state->program, bank, instruction->output);
    Arena *arena = &state->run_arena;
    Value *values = arena_new_array(arena, Value, instruction->argument_count);
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = selection_row(selection, i);
        for (uint32_t j = 0; j < instruction->argument_count; j++) {
            values[j] = column_get(&bank->columns[instruction->arguments[j]], row);
        }
        Value value;
        void *closure = state->closures[instruction->closure_index];
        TRY(instruction->callback(
            closure, state->context, values, instruction->argument_count, arena, &value));
        column_set(result, NULL, row, &value);
    }
    output_finish(state->program, bank, instruction->output);
    return OK;
}

static Status run_operation(ProgramState *state, Bank *bank, const Instruction *instruction,
    Selection selection, Status (*operation)(const OperationCall *call)) {
    OperationCall call = {
        .context = state->context,
        .instruction = instruction,
        .registers = state->program->registers,
        .columns = bank->column_pointers,
        .selection = selection,
        .result = output_begin(state->program, bank, instruction->output),
        .arena = &state->run_arena,
    };
    TRY(operation(&call));
    output_finish(state->program, bank, instruction->output);
    return OK;
}

// ---- Tests --------------------------------------------------------------------------------------
// ----------------------------------------------------------------------------------------

static void run_is_null(
    const Program *program, Bank *bank, const Instruction *instruction, Selection selection) {
    bool *result = output_begin(program, bank, instruction->output)->values;
    const Column *argument = &bank->columns[instruction->arguments[0]];
    bool is_negated = instruction->is_negated;
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = selection_row(selection, i);
        result[row] = column_is_null(argument, row) != is_negated;
    }
    output_finish(program, bank, instruction->output);
}

static bool boolean_test_holds(BooleanTest test, bool is_null, bool value) {
    switch (test) {
    case IS_TRUE:
        return !is_null && value;
    case IS_NOT_TRUE:
        return is_null || !value;
    case IS_FALSE:
        return !is_null && !value;
    case IS_NOT_FALSE:
        return is_null || value;
    case IS_UNKNOWN:
        return is_null;
    case IS_NOT_UNKNOWN:
        return !is_null;
    }
    UNREACHABLE();
}

static void run_boolean_test(
    const Program *program, Bank *bank, const Instruction *instruction, Selection selection) {
    bool *result = output_begin(program, bank, instruction->output)->values;
    const Column *argument = &bank->columns[instruction->arguments[0]];
    const bool *values = argument->values;
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = selection_row(selection, i);
        bool value = values[argument->is_constant ? 0 : row];
        result[row] =
            boolean_test_holds(instruction->boolean_test, column_is_null(argument, row), value);
    }
    output_finish(program, bank, instruction->output);
}

static void run_not(
    const Program *program, Bank *bank, const Instruction *instruction, Selection selection) {
    Column *column = output_begin(program, bank, instruction->output);
    bool *result = column->values;
    const Column *argument = &bank->columns[instruction->arguments[0]];
    const bool *values = argument->values;
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = selection_row(selection, i);
        bool is_null = column_is_null(argument, row);
        result[row] = !is_null && !values[argument->is_constant ? 0 : row];
        if (is_null) bit_set(column->nulls, row);
    }
    output_finish(program, bank, instruction->output);
}

static void run_is_distinct(
    const Program *program, Bank *bank, const Instruction *instruction, Selection selection) {
    bool *result = output_begin(program, bank, instruction->output)->values;
    const Column *left = &bank->columns[instruction->arguments[0]];
    const Column *right = &bank->columns[instruction->arguments[1]];
    const Column *equal = &bank->columns[instruction->arguments[2]];
    const bool *are_equal = equal->values;
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = selection_row(selection, i);
        bool left_is_null = column_is_null(left, row), right_is_null = column_is_null(right, row);
        bool is_distinct = left_is_null || right_is_null ? left_is_null != right_is_null
                                                         : !are_equal[equal->is_constant ? 0 : row];
        result[row] = is_distinct != instruction->is_negated;
    }
    output_finish(program, bank, instruction->output);
}

// ---- Lazy forms ---------------------------------------------------------------------------------
// -----------------------------------------------------------------------------------

static void rows_copy(Column *to, const Column *from, Selection selection) {
    size_t width = physical_width[to->kind];
    uint8_t *target = to->values;
    const uint8_t *source = from->values;
    size_t step = from->is_constant ? 0 : width;
    if (selection.rows == NULL && step != 0) {
        memcpy(target, source, width * selection.count);
    } else {
        for (uint32_t i = 0; i < selection.count; i++) {
            uint32_t row = selection_row(selection, i);
            memcpy(target + row * width, source + row * step, width);
        }
    }
    if (from->nulls == NULL) return;
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = selection_row(selection, i);
        if (column_is_null(from, row)) bit_set(to->nulls, row);
    }
}

static bool bits_are_clear(const uint64_t *bits, uint32_t word_count) {
    uint64_t any = 0;
    for (uint32_t i = 0; i < word_count; i++)
        any |= bits[i];
    return any == 0;
}

// As long as no NULL was seen, an answer is the AND (or OR) of the parts, without a branch.
static Selection logic_part_without_nulls(Column *result, const Column *argument,
    Selection selection, uint16_t *rows_left, bool deciding) {
    bool *decided = result->values;
    const bool *values = argument->values;
    uint32_t mask = argument->is_constant ? 0 : UINT32_MAX;
    uint32_t left = 0;
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = selection_row(selection, i);
        bool value = values[row & mask];
        decided[row] = value;
        rows_left[left] = (uint16_t)row;
        left += value != deciding;
    }
    return (Selection){.rows = rows_left, .count = left};
}

// AND: FALSE decides a row. OR: TRUE does. NULL is remembered and decides nothing.
static Selection logic_part(Column *result, const Column *argument, Selection selection,
    uint16_t *rows_left, bool deciding) {
    bool *decided = result->values;
    const bool *values = argument->values;
    uint32_t left = 0;
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = selection_row(selection, i);
        bool is_null = column_is_null(argument, row);
        if (is_null) {
            bit_set(result->nulls, row);
            decided[row] = false;
        } else if (values[argument->is_constant ? 0 : row] == deciding) {
            bit_clear(result->nulls, row);
            decided[row] = deciding;
            continue;
        }
        rows_left[left++] = (uint16_t)row;
    }
    return (Selection){.rows = rows_left, .count = left};
}

static void logic_begin(Column *result, Selection selection, bool undecided) {
    bool *values = result->values;
    for (uint32_t i = 0; i < selection.count; i++) {
        values[selection_row(selection, i)] = undecided;
    }
}

static Selection coalesce_part(
    Column *result, const Column *argument, Selection selection, uint16_t *rows_left) {
    uint32_t left = 0;
    size_t width = physical_width[result->kind];
    size_t step = argument->is_constant ? 0 : width;
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = selection_row(selection, i);
        if (column_is_null(argument, row)) {
            rows_left[left++] = (uint16_t)row;
        } else {
            memcpy((uint8_t *)result->values + row * width,
                (const uint8_t *)argument->values + row * step, width);
        }
    }
    return (Selection){.rows = rows_left, .count = left};
}

// Splits the current rows into those where the condition is true, and those that wait.
static Selection case_when(OpenRows *form, const Column *condition, Selection selection) {
    const bool *values = condition->values;
    uint32_t matched = 0, waiting = 0;
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = selection_row(selection, i);
        bool is_true = !column_is_null(condition, row) && values[condition->is_constant ? 0 : row];
        if (is_true) {
            form->rows[matched++] = (uint16_t)row;
        } else {
            form->waiting_rows[waiting++] = (uint16_t)row;
        }
    }
    form->waiting = (Selection){.rows = form->waiting_rows, .count = waiting};
    return (Selection){.rows = form->rows, .count = matched};
}

static void rows_set_null(Column *result, Selection selection) {
    for (uint32_t i = 0; i < selection.count; i++) {
        column_set_null(result, NULL, selection_row(selection, i));
    }
}

// ---- The loop -----------------------------------------------------------------------------------
// -------------------------------------------------------------------------------------

static Status run(ProgramState *state, Bank *bank, Selection selection) {
    const Program *program = state->program;
    if (selection.count == 0) return OK;
    uint32_t depth = 0;
    for (uint32_t at = 0; at < program->instruction_count; at++) {
        const Instruction *instruction = &program->instructions[at];
        Column *output = &bank->columns[instruction->output];
        const Column *argument =
            instruction->argument_count > 0 ? &bank->columns[instruction->arguments[0]] : NULL;
        OpenRows *form = depth > 0 ? &bank->forms[depth - 1] : NULL;
        // What is the same for every row is computed once.
        Selection rows = program->registers[instruction->output].is_constant
                             ? (Selection){.rows = NULL, .count = 1}
                             : selection;

        switch (instruction->operation) {
        case OPERATION_CALL:
            TRY(run_call(state, bank, instruction, rows));
            break;
        case OPERATION_CAST_BY_TEXT:
            TRY(run_rows(state, bank, instruction, rows, cast_row_by_text));
            break;
        case OPERATION_RELABEL:
            *output = *argument;
            output->type = program->registers[instruction->output].type.oid;
            break;
        case OPERATION_APPLY_MODIFIER:
            TRY(run_rows(state, bank, instruction, rows, apply_row_modifier));
            break;
        case OPERATION_IS_NULL:
            run_is_null(program, bank, instruction, rows);
            break;
        case OPERATION_BOOLEAN_TEST:
            run_boolean_test(program, bank, instruction, rows);
            break;
        case OPERATION_NOT:
            run_not(program, bank, instruction, rows);
            break;
        case OPERATION_IS_DISTINCT:
            run_is_distinct(program, bank, instruction, rows);
            break;
        case OPERATION_ARRAY_COMPARISON:
            TRY(run_operation(state, bank, instruction, rows, operation_array_comparison));
            break;
        case OPERATION_ARRAY:
            TRY(run_operation(state, bank, instruction, rows, operation_array));
            break;
        case OPERATION_ARRAY_ELEMENT:
            TRY(run_operation(state, bank, instruction, rows, operation_array_element));
            break;
        case OPERATION_ROW:
            TRY(run_operation(state, bank, instruction, rows, operation_row));
            break;
        case OPERATION_FIELD:
            TRY(run_operation(state, bank, instruction, rows, operation_field));
            break;
        case OPERATION_CALLBACK:
            TRY(run_callback(state, bank, instruction, rows));
            break;

        case OPERATION_AND_BEGIN:
        case OPERATION_OR_BEGIN:
            logic_begin(output_begin(program, bank, instruction->output), selection,
                instruction->operation == OPERATION_AND_BEGIN);
            bank->forms[depth++].outer = selection;
            break;
        case OPERATION_CASE_BEGIN:
        case OPERATION_COALESCE_BEGIN:
            output_begin(program, bank, instruction->output);
            bank->forms[depth++].outer = selection;
            break;
        case OPERATION_AND_PART:
        case OPERATION_OR_PART: {
            bool deciding = instruction->operation == OPERATION_OR_PART;
            bool has_nulls =
                argument->nulls != NULL || !bits_are_clear(output->nulls, bank->null_word_count);
            selection = has_nulls ? logic_part(output, argument, selection, form->rows, deciding)
                                  : logic_part_without_nulls(
                                      output, argument, selection, form->rows, deciding);
            if (selection.count == 0) at = instruction->jump - 1;
            break;
        }
        case OPERATION_COALESCE_PART:
            selection = coalesce_part(output, argument, selection, form->rows);
            if (selection.count == 0) at = instruction->jump - 1;
            break;
        case OPERATION_CASE_WHEN:
            selection = case_when(form, argument, selection);
            if (selection.count == 0) at = instruction->jump - 1;
            break;
        case OPERATION_CASE_THEN:
            if (selection.count > 0) rows_copy(output, argument, selection);
            selection = form->waiting;
            if (selection.count == 0) at = instruction->jump - 1;
            break;
        case OPERATION_CASE_ELSE:
            rows_copy(output, argument, selection);
            break;
        case OPERATION_FORM_END_NULL:
            rows_set_null(output, selection);
            [[fallthrough]];
        case OPERATION_FORM_END:
            output_finish(program, bank, instruction->output);
            selection = form->outer;
            depth--;
            break;
        }
    }
    return arena_check(&state->run_arena);
}

static void run_arena_empty(ProgramState *state) {
    if (state->run_arena.chunk != NULL) arena_reset(&state->run_arena);
}

static Status run_batch(ProgramState *state, const Batch *input) {
    const Program *program = state->program;
    run_arena_empty(state);
    if (state->batch_bank == NULL) state->batch_bank = bank_make(state, BATCH_ROW_COUNT);
    Bank *bank = state->batch_bank;
    for (uint32_t j = 0; j < program->input_count; j++) {
        ProgramRegister i = program->inputs[j];
        const Register *source = &program->registers[i];
        ASSERT(source->index < input->column_count);
        ASSERT(input->columns[source->index].kind == source->kind);
        bank->columns[i] = input->columns[source->index];
    }
    return run(state, bank, batch_selection(input));
}

Status program_run(ProgramState *state, const Batch *input, const Column **results_out) {
    TRY(run_batch(state, input));
    const Program *program = state->program;
    Bank *bank = state->batch_bank;
    for (uint32_t i = 0; i < program->result_count; i++) {
        bank->results[i] = bank->columns[program->results[i]];
    }
    *results_out = bank->results;
    return OK;
}

Status program_select(
    ProgramState *state, const Batch *input, uint16_t *rows_out, uint32_t *count_out) {
    const Program *program = state->program;
    ASSERT(program->result_count == 1);
    ASSERT(program->registers[program->results[0]].kind == PHYSICAL_BOOL);
    TRY(run_batch(state, input));
    const Column *result = &state->batch_bank->columns[program->results[0]];
    Selection selection = batch_selection(input);
    const bool *values = result->values;
    uint32_t count = 0;
    if (result->is_constant) {
        bool keeps_all = selection.count > 0 && !column_is_null(result, 0) && values[0];
        for (uint32_t i = 0; keeps_all && i < selection.count; i++) {
            rows_out[count++] = (uint16_t)selection_row(selection, i);
        }
    } else if (result->nulls == NULL) {
        for (uint32_t i = 0; i < selection.count; i++) {
            uint32_t row = selection_row(selection, i);
            rows_out[count] = (uint16_t)row;
            count += values[row];
        }
    } else {
        for (uint32_t i = 0; i < selection.count; i++) {
            uint32_t row = selection_row(selection, i);
            rows_out[count] = (uint16_t)row;
            count += values[row] && !bit_get(result->nulls, row);
        }
    }
    *count_out = count;
    return OK;
}

Status program_run_row(
    ProgramState *state, const Value *row, uint32_t column_count, Value *values_out) {
    const Program *program = state->program;
    run_arena_empty(state);
    if (state->row_bank == NULL) state->row_bank = bank_make(state, 1);
    Bank *bank = state->row_bank;
    for (uint32_t j = 0; j < program->input_count; j++) {
        ProgramRegister i = program->inputs[j];
        const Register *source = &program->registers[i];
        ASSERT(source->index < column_count);
        const Value *value = &row[source->index];
        *bank->nulls[i] = value->is_null;
        bank->columns[i] = (Column){
            .type = source->type.oid,
            .kind = source->kind,
            .values = (void *)(uintptr_t)&value->datum,
            .nulls = value->is_null ? bank->nulls[i] : NULL,
        };
    }
    TRY(run(state, bank, (Selection){.rows = NULL, .count = 1}));
    for (uint32_t i = 0; i < program->result_count; i++) {
        values_out[i] = column_get(&bank->columns[program->results[i]], 0);
    }
    return OK;
}
