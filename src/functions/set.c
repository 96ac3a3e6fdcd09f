// Set-returning functions: generate_series, unnest and their kind. The caller has cleared the batch
// that `next` fills, and has left out strict functions with a NULL argument.
#include "base/error.h"
#include "base/utf8.h"
#include "functions/kernels_internal.h"
#include "types/array.h"
#include "types/numeric.h"

static void batch_take_rows(Batch *batch, uint32_t count) {
    batch->row_count = count;
    batch->selected_count = count;
}

static Status fail_zero_step(void) {
    return fail(INVALID_PARAMETER_VALUE, "step size cannot equal zero");
}

// ---- generate_series over integers
// ---------------------------------------------------------------

typedef struct IntegerSeries {
    SetGenerator base;
    int64_t next, last, step;
    bool is_narrow; // int4
    bool is_ended;
} IntegerSeries;

static Status integer_series_next(SetGenerator *generator, Batch *batch) {
    IntegerSeries *series = (IntegerSeries *)generator;
    Column *column = &batch->columns[0];
    uint32_t count = 0;
    while (count < BATCH_ROW_COUNT && !series->is_ended) {
        bool is_past = series->step > 0 ? series->next > series->last : series->next < series->last;
        if (is_past) break;
        if (series->is_narrow) {
            ((int32_t *)column->values)[count++] = (int32_t)series->next;
        } else {
            ((int64_t *)column->values)[count++] = series->next;
        }
        series->is_ended = __builtin_add_overflow(series->next, series->step, &series->next);
    }
    batch_take_rows(batch, count);
    return OK;
}

static Status integer_series_make(int64_t first, int64_t last, int64_t step, bool is_narrow,
    Arena *arena, SetGenerator **generator_out) {
    if (step == 0) return fail_zero_step();
    IntegerSeries *series = arena_new(arena, IntegerSeries);
    *series = (IntegerSeries){
        .base = {.next = integer_series_next},
        .next = first,
        .last = last,
        .step = step,
        .is_narrow = is_narrow,
    };
    *generator_out = &series->base;
    return OK;
}

Status set_generate_series_int4(FunctionContext *context, const FunctionInfo *function,
    const Value *arguments, uint32_t argument_count, Arena *arena, SetGenerator **generator_out) {
    (void)context, (void)function;
    int64_t step = argument_count > 2 ? arguments[2].datum.int4 : 1;
    return integer_series_make(
        arguments[0].datum.int4, arguments[1].datum.int4, step, true, arena, generator_out);
}

Status set_generate_series_int8(FunctionContext *context, const FunctionInfo *function,
    const Value *arguments, uint32_t argument_count, Arena *arena, SetGenerator **generator_out) {
    (void)context, (void)function;
    int64_t step = argument_count > 2 ? arguments[2].datum.int8 : 1;
    return integer_series_make(
        arguments[0].datum.int8, arguments[1].datum.int8, step, false, arena, generator_out);
}

// ---- generate_series over numeric
// ----------------------------------------------------------------

typedef struct NumericSeries {
    SetGenerator base;
    Numeric next, last, step;
    bool descends;
    Arena *arena; // for the numbers
    Arena batch_arena;
} NumericSeries;

static Status numeric_series_next(SetGenerator *generator, Batch *batch) {
    NumericSeries *series = (NumericSeries *)generator;
    arena_reset(&series->batch_arena);
    uint32_t count = 0;
    while (count < BATCH_ROW_COUNT) {
        int order = numeric_compare(&series->next, &series->last);
        if (series->descends ? order < 0 : order > 0) break;
        View *views = batch->columns[0].values;
        TRY(numeric_store(&series->next, &series->batch_arena, &views[count]));
        count++;
        series->next = numeric_add(&series->next, &series->step, series->arena);
    }
    batch_take_rows(batch, count);
    return OK;
}

static Status check_series_number(const Numeric *number, const char *what) {
    if (number->kind == NUMERIC_NAN) {
        return fail(INVALID_PARAMETER_VALUE, "%s cannot be NaN", what);
    }
    if (number->kind == NUMERIC_INFINITY) {
        return fail(INVALID_PARAMETER_VALUE, "%s cannot be infinity", what);
    }
    return OK;
}

Status set_generate_series_numeric(FunctionContext *context, const FunctionInfo *function,
    const Value *arguments, uint32_t argument_count, Arena *arena, SetGenerator **generator_out) {
    (void)context, (void)function;
    NumericSeries *series = arena_new(arena, NumericSeries);
    series->base.next = numeric_series_next;
    series->arena = arena;
    arena_init_within(&series->batch_arena, arena);
    View *views = arena_new_array(arena, View, 3); // what an open number borrows must stay
    for (uint32_t i = 0; i < argument_count; i++) {
        views[i] = view_copy(arguments[i].datum.view, arena);
    }
    series->next = numeric_open(&views[0], arena);
    series->last = numeric_open(&views[1], arena);
    series->step =
        argument_count > 2 ? numeric_open(&views[2], arena) : numeric_from_int64(1, arena);
    TRY(check_series_number(&series->next, "start value"));
    TRY(check_series_number(&series->last, "stop value"));
    TRY(check_series_number(&series->step, "step size"));
    if (numeric_is_zero(&series->step)) return fail_zero_step();
    series->descends = series->step.is_negative;
    *generator_out = &series->base;
    return OK;
}

// ---- Rows made beforehand
// ------------------------------------------------------------------------

typedef struct PreparedRows {
    SetGenerator base;
    const Value *values;
    uint32_t count, next;
    Arena *arena;
} PreparedRows;

static Status prepared_rows_next(SetGenerator *generator, Batch *batch) {
    PreparedRows *rows = (PreparedRows *)generator;
    uint32_t count = 0;
    for (; count < BATCH_ROW_COUNT && rows->next < rows->count; count++) {
        column_set(&batch->columns[0], rows->arena, count, &rows->values[rows->next++]);
    }
    batch_take_rows(batch, count);
    return OK;
}

SetGenerator *set_of_values(const Value *values, uint32_t count, Arena *arena) {
    PreparedRows *rows = arena_new(arena, PreparedRows);
    *rows = (PreparedRows){
        .base = {.next = prepared_rows_next}, .values = values, .count = count, .arena = arena};
    return &rows->base;
}

// ---- unnest, generate_subscripts
// -----------------------------------------------------------------

typedef struct Elements {
    SetGenerator base;
    View view;
    Array array;
    uint32_t next;
    Arena *arena; // for the batch's bitmap
} Elements;

static Status elements_next(SetGenerator *generator, Batch *batch) {
    Elements *elements = (Elements *)generator;
    uint32_t count = 0;
    for (; count < BATCH_ROW_COUNT && elements->next < elements->array.count; count++) {
        Value element = array_get(&elements->array, elements->next++);
        column_set(&batch->columns[0], elements->arena, count, &element);
    }
    batch_take_rows(batch, count);
    return OK;
}

Status set_array_unnest(FunctionContext *context, const FunctionInfo *function,
    const Value *arguments, uint32_t argument_count, Arena *arena, SetGenerator **generator_out) {
    (void)context, (void)function, (void)argument_count;
    Elements *elements = arena_new(arena, Elements);
    elements->view = view_copy(arguments[0].datum.view, arena);
    elements->array = array_open(&elements->view);
    elements->base.next = elements_next;
    elements->arena = arena;
    *generator_out = &elements->base;
    return OK;
}

Status set_generate_subscripts(FunctionContext *context, const FunctionInfo *function,
    const Value *arguments, uint32_t argument_count, Arena *arena, SetGenerator **generator_out) {
    (void)context, (void)function;
    View view = arguments[0].datum.view;
    Array array = array_open(&view);
    int32_t dimension = arguments[1].datum.int4;
    bool descends = argument_count > 2 && arguments[2].datum.boolean;
    if (dimension < 1 || (uint32_t)dimension > array.dimension_count) {
        return integer_series_make(1, 0, 1, true, arena, generator_out);
    }
    int64_t low = array.lower_bounds[dimension - 1];
    int64_t high = low + array.sizes[dimension - 1] - 1;
    return descends ? integer_series_make(high, low, -1, true, arena, generator_out)
                    : integer_series_make(low, high, 1, true, arena, generator_out);
}

// Fields of a text, as string_to_array takes it apart, one a row.
Status set_text_to_table(FunctionContext *context, const FunctionInfo *function,
    const Value *arguments, uint32_t argument_count, Arena *arena, SetGenerator **generator_out) {
    (void)context, (void)function;
    if (arguments[0].is_null) return integer_series_make(1, 0, 1, true, arena, generator_out);
    Value null_text = argument_count > 2 ? arguments[2] : value_null();
    View fields =
        text_split(view_copy(arguments[0].datum.view, arena), &arguments[1], &null_text, arena);
    Value array = {.datum = {.view = fields}};
    return set_array_unnest(context, function, &array, 1, arena, generator_out);
}
