#include "plan/lower.h"

#include "base/error.h"

// Functions that SQL's value keywords stand for, by pg_proc's OIDs.
enum {
    FUNCTION_NOW = 1299,
    FUNCTION_CURRENT_USER = 745,
    FUNCTION_SESSION_USER = 746,
    FUNCTION_CURRENT_DATABASE = 861,
    FUNCTION_CURRENT_SCHEMA = 1402,
};

typedef struct Builder {
    const Lowering *lowering;
    Program *program;
    PlanProgram *made;
    uint32_t subplan_capacity;
    bool is_volatile, is_session_bound;
} Builder;

static Status builder_add(Builder *builder, const Expression *expression, ProgramRegister *out);

// The subquery's callback: the closure knows how.
static Status subplan_call(void *closure, FunctionContext *context, const Value *arguments,
    uint32_t argument_count, Arena *arena, Value *value_out) {
    (void)context;
    SubplanClosure *subplan = closure;
    return subplan->evaluate(subplan, arguments, argument_count, arena, value_out);
}

static Status builder_add_all(Builder *builder, Expression *const *expressions, uint32_t count,
    ProgramRegister **registers_out) {
    ProgramRegister *registers =
        arena_new_array(builder->lowering->arena, ProgramRegister, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        TRY(builder_add(builder, expressions[i], &registers[i]));
    }
    *registers_out = registers;
    return OK;
}

static Status builder_column(Builder *builder, const Expression *expression, ProgramRegister *out) {
    const Lowering *lowering = builder->lowering;
    if (expression->column.levels_up == 0 && lowering->layout != NULL) {
        int32_t found = layout_find_column(
            lowering->layout, expression->column.relation, expression->column.number);
        if (found >= 0) {
            *out = program_input(builder->program, (uint32_t)found, expression->type);
            return OK;
        }
    }
    uint32_t slot;
    TRY(lowering->find_slot(lowering->planner, expression, &slot));
    *out = program_parameter(builder->program, slot, expression->type);
    return OK;
}

static Status builder_subquery(
    Builder *builder, const Expression *expression, ProgramRegister *out) {
    const Lowering *lowering = builder->lowering;
    Subplan *subplan;
    TRY(lowering->plan_subquery(lowering->planner, expression, &subplan));

    ProgramRegister *arguments;
    TRY(builder_add_all(builder, subplan->arguments, subplan->argument_count, &arguments));
    PlanProgram *made = builder->made;
    if (made->subplan_count == builder->subplan_capacity) {
        uint32_t capacity = builder->subplan_capacity * 2 + 4;
        Subplan **grown = arena_new_array(lowering->arena, Subplan *, capacity);
        for (uint32_t i = 0; i < made->subplan_count; i++) {
            grown[i] = made->subplans[i];
        }
        made->subplans = grown;
        builder->subplan_capacity = capacity;
    }
    uint32_t closure = made->subplan_count;
    made->subplans[made->subplan_count++] = subplan;
    *out = program_callback(builder->program, subplan_call, closure, arguments,
        subplan->argument_count, expression->type);
    if (expression->is_negated) *out = program_not(builder->program, *out);
    return OK;
}

static Status builder_logic(Builder *builder, const Expression *expression, ProgramRegister *out) {
    if (expression->kind == EXPRESSION_AND) {
        program_and_begin(builder->program);
    } else {
        program_or_begin(builder->program);
    }
    for (uint32_t i = 0; i < expression->argument_count; i++) {
        ProgramRegister argument;
        TRY(builder_add(builder, expression->arguments[i], &argument));
        program_logic_argument(builder->program, argument);
    }
    *out = program_logic_end(builder->program);
    return OK;
}

static Status builder_case(Builder *builder, const Expression *expression, ProgramRegister *out) {
    program_case_begin(builder->program, expression->type);
    uint32_t pair_count = expression->argument_count / 2;
    for (uint32_t i = 0; i < pair_count; i++) {
        ProgramRegister part;
        TRY(builder_add(builder, expression->arguments[2 * i], &part));
        program_case_when(builder->program, part);
        TRY(builder_add(builder, expression->arguments[2 * i + 1], &part));
        program_case_then(builder->program, part);
    }
    if (!expression->has_else) {
        *out = program_case_end_null(builder->program);
        return OK;
    }
    ProgramRegister otherwise;
    TRY(builder_add(builder, expression->arguments[2 * pair_count], &otherwise));
    *out = program_case_end(builder->program, otherwise);
    return OK;
}

static Status builder_coalesce(
    Builder *builder, const Expression *expression, ProgramRegister *out) {
    program_coalesce_begin(builder->program, expression->type);
    for (uint32_t i = 0; i < expression->argument_count; i++) {
        ProgramRegister argument;
        TRY(builder_add(builder, expression->arguments[i], &argument));
        program_coalesce_argument(builder->program, argument);
    }
    *out = program_coalesce_end(builder->program);
    return OK;
}

static Status builder_null_if(
    Builder *builder, const Expression *expression, ProgramRegister *out) {
    ProgramRegister *arguments;
    TRY(builder_add_all(builder, expression->arguments, 2, &arguments));
    ProgramRegister equal;
    TRY(program_call(
        builder->program, expression->function, arguments, 2, sql_type(TYPE_BOOL), &equal));
    Value null = value_null();
    program_case_begin(builder->program, expression->type);
    program_case_when(builder->program, equal);
    program_case_then(
        builder->program, program_constant(builder->program, expression->type, &null));
    *out = program_case_end(builder->program, arguments[0]);
    return OK;
}

// The best so far gives way to a value that is better, or takes its place when it is NULL.
static Status builder_extreme(
    Builder *builder, const Expression *expression, ProgramRegister *out) {
    Oid order =
        operator_of_type(expression->kind == EXPRESSION_GREATEST ? ">" : "<", expression->type.oid);
    const OperatorInfo *info = order == 0 ? NULL : operator_find(order);
    if (info == NULL) return fail(FEATURE_NOT_SUPPORTED, "no order for GREATEST or LEAST");

    ProgramRegister best;
    TRY(builder_add(builder, expression->arguments[0], &best));
    for (uint32_t i = 1; i < expression->argument_count; i++) {
        ProgramRegister arguments[2];
        TRY(builder_add(builder, expression->arguments[i], &arguments[0]));
        arguments[1] = best;
        program_case_begin(builder->program, expression->type);
        program_case_when(builder->program, program_is_null(builder->program, best, false));
        program_case_then(builder->program, arguments[0]);
        ProgramRegister is_better;
        TRY(program_call(
            builder->program, info->function, arguments, 2, sql_type(TYPE_BOOL), &is_better));
        program_case_when(builder->program, is_better);
        program_case_then(builder->program, arguments[0]);
        best = program_case_end(builder->program, best);
    }
    *out = best;
    return OK;
}

// (a, b) < (c, d) is a < c OR (a = c AND b < d); with <= the last pair alone is not strict.
static Status builder_row_order(Builder *builder, const Expression *expression,
    const ProgramRegister *left, const ProgramRegister *right, uint32_t index, uint32_t count,
    ProgramRegister *out) {
    ProgramRegister pair[2] = {left[index], right[index]};
    ProgramRegister part;
    TRY(program_call(builder->program, expression->row.functions[2 * index], pair, 2,
        sql_type(TYPE_BOOL), &part));
    if (index + 1 == count) {
        *out = part;
        if (expression->row.comparison == ROW_LE || expression->row.comparison == ROW_GE) {
            program_or_begin(builder->program);
            program_logic_argument(builder->program, part);
            TRY(program_call(builder->program, expression->row.functions[2 * index + 1], pair, 2,
                sql_type(TYPE_BOOL), &part));
            program_logic_argument(builder->program, part);
            *out = program_logic_end(builder->program);
        }
        return OK;
    }
    program_or_begin(builder->program);
    program_logic_argument(builder->program, part);
    program_and_begin(builder->program);
    TRY(program_call(builder->program, expression->row.functions[2 * index + 1], pair, 2,
        sql_type(TYPE_BOOL), &part));
    program_logic_argument(builder->program, part);
    TRY(builder_row_order(builder, expression, left, right, index + 1, count, &part));
    program_logic_argument(builder->program, part);
    program_logic_argument(builder->program, program_logic_end(builder->program));
    *out = program_logic_end(builder->program);
    return OK;
}

static Status builder_row_comparison(
    Builder *builder, const Expression *expression, ProgramRegister *out) {
    Expression *const *sides = expression->arguments;
    bool is_paired = expression->argument_count == 2 && sides[0]->kind == EXPRESSION_ROW
                     && sides[1]->kind == EXPRESSION_ROW;
    uint32_t count = is_paired ? sides[0]->argument_count : expression->argument_count / 2;
    ProgramRegister *left, *right;
    TRY(builder_add_all(builder, is_paired ? sides[0]->arguments : sides, count, &left));
    TRY(builder_add_all(builder, is_paired ? sides[1]->arguments : sides + count, count, &right));

    RowComparison comparison = expression->row.comparison;
    if (comparison != ROW_EQ && comparison != ROW_NE) {
        return builder_row_order(builder, expression, left, right, 0, count, out);
    }
    if (comparison == ROW_EQ) {
        program_and_begin(builder->program);
    } else {
        program_or_begin(builder->program);
    }
    for (uint32_t i = 0; i < count; i++) {
        ProgramRegister pair[2] = {left[i], right[i]};
        ProgramRegister equal;
        TRY(program_call(builder->program, expression->row.functions[2 * i + 1], pair, 2,
            sql_type(TYPE_BOOL), &equal));
        program_logic_argument(
            builder->program, comparison == ROW_EQ ? equal : program_not(builder->program, equal));
    }
    *out = program_logic_end(builder->program);
    return OK;
}

static Status builder_cast(
    Builder *builder, ProgramRegister argument, Oid source, SqlType target, ProgramRegister *out) {
    const CastInfo *cast = cast_find(source, target.oid);
    if (cast == NULL || cast->function == 0) {
        return fail(INTERNAL_ERROR, "no cast from type %u to type %u", source, target.oid);
    }
    return program_call(builder->program, cast->function, &argument, 1, target, out);
}

static Status builder_sql_value(
    Builder *builder, const Expression *expression, ProgramRegister *out) {
    Program *program = builder->program;
    Oid function = 0;
    switch (expression->sql_value.kind) {
    case SQL_VALUE_CURRENT_USER:
        function = FUNCTION_CURRENT_USER;
        break;
    case SQL_VALUE_SESSION_USER:
        function = FUNCTION_SESSION_USER;
        break;
    case SQL_VALUE_CURRENT_CATALOG:
        function = FUNCTION_CURRENT_DATABASE;
        break;
    case SQL_VALUE_CURRENT_SCHEMA:
        function = FUNCTION_CURRENT_SCHEMA;
        break;
    case SQL_VALUE_CURRENT_DATE:
    case SQL_VALUE_CURRENT_TIME:
    case SQL_VALUE_CURRENT_TIMESTAMP:
    case SQL_VALUE_LOCALTIME:
    case SQL_VALUE_LOCALTIMESTAMP:
        break;
    }
    if (function != 0) return program_call(program, function, NULL, 0, expression->type, out);

    ProgramRegister now;
    TRY(program_call(program, FUNCTION_NOW, NULL, 0, sql_type(TYPE_TIMESTAMPTZ), &now));
    SqlType type = expression->type;
    if (type.oid != TYPE_TIMESTAMPTZ) {
        TRY(builder_cast(builder, now, TYPE_TIMESTAMPTZ, sql_type(type.oid), &now));
    }
    if (type.modifier >= 0) {
        TRY(program_apply_modifier(program, now, type, true, &now));
    }
    *out = now;
    return OK;
}

static Status builder_call(Builder *builder, const Expression *expression, ProgramRegister *out) {
    const FunctionInfo *info = function_find(expression->function);
    if (info != NULL && info->returns_set) {
        return fail(FEATURE_NOT_SUPPORTED,
            "set-returning functions inside expressions are not supported yet");
    }
    if (info == NULL || info->volatility == 'v') builder->is_volatile = true;
    if (info == NULL || info->volatility != 'i' || info->parallel != 's') {
        builder->is_session_bound = true;
    }
    ProgramRegister *arguments;
    TRY(builder_add_all(builder, expression->arguments, expression->argument_count, &arguments));
    return program_call(builder->program, expression->function, arguments,
        expression->argument_count, expression->type, out);
}

// A type that is not computed with yet has another physical kind than the one it is relabelled
// from.
static Status builder_check_relabel(const Expression *expression) {
    Oid source = expression->arguments[0]->type.oid;
    if (type_physical(source) == type_physical(expression->type.oid)) return OK;
    const TypeOps *ops;
    TRY(type_ops_require(source, &ops));
    TRY(type_ops_require(expression->type.oid, &ops));
    return fail(
        INTERNAL_ERROR, "no relabelling from type %u to type %u", source, expression->type.oid);
}

static Status builder_one(
    Builder *builder, const Expression *expression, uint32_t index, ProgramRegister *out) {
    return builder_add(builder, expression->arguments[index], out);
}

static Status builder_row(Builder *builder, const Expression *expression, ProgramRegister *out) {
    if (expression->type.oid != TYPE_RECORD) {
        return fail(FEATURE_NOT_SUPPORTED, "whole rows of tables as values are not supported yet");
    }
    uint32_t count = expression->argument_count;
    ProgramRegister *fields;
    TRY(builder_add_all(builder, expression->arguments, count, &fields));
    Oid *types = arena_new_array(builder->lowering->arena, Oid, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        types[i] = expression->arguments[i]->type.oid;
    }
    *out = program_row(builder->program, fields, types, count);
    return OK;
}

static Status builder_add_kind(
    Builder *builder, const Expression *expression, ProgramRegister *out) {
    Program *program = builder->program;
    ProgramRegister argument, second;
    switch (expression->kind) {
    case EXPRESSION_CONSTANT:
        *out = program_constant(program, expression->type, &expression->constant);
        return OK;
    case EXPRESSION_PARAMETER:
        *out = program_parameter(program, expression->parameter, expression->type);
        return OK;
    case EXPRESSION_COLUMN:
        return builder_column(builder, expression, out);
    case EXPRESSION_CALL:
        return builder_call(builder, expression, out);
    case EXPRESSION_AND:
    case EXPRESSION_OR:
        return builder_logic(builder, expression, out);
    case EXPRESSION_NOT:
        TRY(builder_one(builder, expression, 0, &argument));
        *out = program_not(program, argument);
        return OK;
    case EXPRESSION_NULL_TEST:
        TRY(builder_one(builder, expression, 0, &argument));
        *out = program_is_null(program, argument, expression->is_negated);
        return OK;
    case EXPRESSION_BOOLEAN_TEST:
        TRY(builder_one(builder, expression, 0, &argument));
        *out = program_boolean_test(program, argument, (BooleanTest)expression->boolean_test);
        return OK;
    case EXPRESSION_DISTINCT:
        TRY(builder_one(builder, expression, 0, &argument));
        TRY(builder_one(builder, expression, 1, &second));
        return program_is_distinct(
            program, expression->function, argument, second, expression->is_negated, out);
    case EXPRESSION_NULL_IF:
        return builder_null_if(builder, expression, out);
    case EXPRESSION_CASE:
        return builder_case(builder, expression, out);
    case EXPRESSION_COALESCE:
        return builder_coalesce(builder, expression, out);
    case EXPRESSION_GREATEST:
    case EXPRESSION_LEAST:
        return builder_extreme(builder, expression, out);
    case EXPRESSION_RELABEL:
        TRY(builder_one(builder, expression, 0, &argument));
        TRY(builder_check_relabel(expression));
        *out = program_relabel(program, argument, expression->type);
        return OK;
    case EXPRESSION_CAST_BY_TEXT:
        TRY(builder_one(builder, expression, 0, &argument));
        return program_cast_by_text(program, argument, expression->type, out);
    case EXPRESSION_MODIFIER:
        TRY(builder_one(builder, expression, 0, &argument));
        return program_apply_modifier(
            program, argument, expression->type, expression->is_explicit, out);
    case EXPRESSION_ARRAY: {
        ProgramRegister *elements;
        TRY(builder_add_all(builder, expression->arguments, expression->argument_count, &elements));
        *out = program_array(program, expression->type, elements, expression->argument_count);
        return OK;
    }
    case EXPRESSION_ARRAY_COMPARISON:
        TRY(builder_one(builder, expression, 0, &argument));
        TRY(builder_one(builder, expression, 1, &second));
        TRY(program_array_comparison(
            program, expression->function, argument, second, expression->is_all, out));
        if (expression->is_negated) *out = program_not(program, *out);
        return OK;
    case EXPRESSION_ELEMENT:
        TRY(builder_one(builder, expression, 0, &argument));
        TRY(builder_one(builder, expression, 1, &second));
        *out = program_array_element(program, argument, second, expression->type);
        return OK;
    case EXPRESSION_ROW:
        return builder_row(builder, expression, out);
    case EXPRESSION_FIELD:
        TRY(builder_one(builder, expression, 0, &argument));
        *out = program_field(program, argument, expression->slot, expression->type);
        return OK;
    case EXPRESSION_ROW_COMPARISON:
        return builder_row_comparison(builder, expression, out);
    case EXPRESSION_SUBQUERY:
        return builder_subquery(builder, expression, out);
    case EXPRESSION_SQL_VALUE:
        return builder_sql_value(builder, expression, out);
    case EXPRESSION_AGGREGATE:
        return fail(GROUPING_ERROR, "aggregate functions are not allowed here");
    case EXPRESSION_WINDOW:
        return fail(WINDOWING_ERROR, "window functions are not allowed here");
    case EXPRESSION_DEFAULT:
        return fail(INTERNAL_ERROR, "DEFAULT was not replaced");
    case EXPRESSION_GROUPING_COLUMN:
        *out = program_input(program, expression->slot, expression->type);
        return OK;
    }
    UNREACHABLE();
}

static Status builder_add(Builder *builder, const Expression *expression, ProgramRegister *out) {
    const Layout *layout = builder->lowering->layout;
    int32_t found = layout == NULL ? -1 : layout_find_expression(layout, expression);
    if (found >= 0) {
        *out = program_input(builder->program, (uint32_t)found, expression->type);
        return OK;
    }
    return builder_add_kind(builder, expression, out);
}

static Builder builder_make(const Lowering *lowering) {
    Builder builder = {
        .lowering = lowering,
        .program = program_make(lowering->arena, lowering->registry),
        .made = arena_new(lowering->arena, PlanProgram),
    };
    builder.made->program = builder.program;
    return builder;
}

static PlanProgram *builder_finish(Builder *builder) {
    builder->made->is_speculative = !builder->is_volatile && builder->made->subplan_count == 0
                                    && program_cannot_raise(builder->program);
    builder->made->is_parallel =
        !builder->is_volatile && !builder->is_session_bound && builder->made->subplan_count == 0;
    return builder->made;
}

Status lower_expressions(const Lowering *lowering, Expression *const *expressions, uint32_t count,
    PlanProgram **program_out) {
    Builder builder = builder_make(lowering);
    for (uint32_t i = 0; i < count; i++) {
        ProgramRegister result;
        TRY(builder_add(&builder, expressions[i], &result));
        program_add_result(builder.program, result);
    }
    *program_out = builder_finish(&builder);
    return OK;
}

Status lower_conditions(const Lowering *lowering, Expression *const *conditions, uint32_t count,
    PlanProgram **program_out) {
    Builder builder = builder_make(lowering);
    ProgramRegister result;
    if (count == 1) {
        TRY(builder_add(&builder, conditions[0], &result));
    } else {
        program_and_begin(builder.program);
        for (uint32_t i = 0; i < count; i++) {
            TRY(builder_add(&builder, conditions[i], &result));
            program_logic_argument(builder.program, result);
        }
        result = program_logic_end(builder.program);
    }
    program_add_result(builder.program, result);
    *program_out = builder_finish(&builder);
    return OK;
}
