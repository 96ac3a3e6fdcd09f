// Aggregates whose answers were recorded from PostgreSQL 15 (tests/functions/aggregates.tsv), over
// one state and over two that are combined.
#include "base/test.h"
#include "functions/function.h"
#include "types/array.h"

#include <stdlib.h>

extern const char *const recorded_aggregates[];

enum { FIELD_MAX = 9 };

static uint32_t split_line(char *line, char *fields[FIELD_MAX]) {
    uint32_t count = 0;
    for (char *field = line; field != NULL && count < FIELD_MAX;) {
        char *tab = strchr(field, '\t');
        if (tab != NULL) *tab = 0;
        fields[count++] = field;
        field = tab == NULL ? NULL : tab + 1;
    }
    return count;
}

// Fills a batch's column with the elements of an array's text, each read as the column's type.
static Status fill_column(FunctionContext *context, Batch *batch, uint32_t index, const char *text,
    Arena *arena, uint32_t *count_out) {
    Value array_value;
    TRY(value_from_text(
        &context->values, sql_type(TYPE_TEXT_ARRAY), text, strlen(text), arena, &array_value));
    Array array = array_open(&array_value.datum.view);
    for (uint32_t i = 0; i < array.count; i++) {
        Value element = array_get(&array, i);
        if (!element.is_null) {
            Bytes bytes = view_bytes(&element.datum.view);
            TRY(value_from_text(&context->values, sql_type(batch->columns[index].type),
                (const char *)bytes.data, bytes.count, arena, &element));
            element = value_copy(element, batch->columns[index].kind, arena);
        }
        column_set(&batch->columns[index], arena, i, &element);
    }
    *count_out = array.count;
    return OK;
}

typedef enum Way {
    WAY_STATES, // a state a row, all the same
    WAY_SPLIT,  // two states, which are then combined
    WAY_ONE,    // one state by the kernel for that, in two calls, the second for a selection
} Way;

static Status aggregate_to_one(
    const AggregateKernels *kernels, Call *call, uint32_t count, Arena *arena, void *state) {
    uint16_t rows[BATCH_ROW_COUNT];
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (uint16_t)i;
    call->selection = (Selection){.rows = NULL, .count = count / 2};
    TRY(kernels->update_one(call, state, arena));
    call->selection = (Selection){.rows = rows + count / 2, .count = count - count / 2};
    return kernels->update_one(call, state, arena);
}

static Status aggregate(const AggregateKernels *kernels, Call *call, uint32_t count, Way way,
    Arena *arena, Value *value_out) {
    void *states[BATCH_ROW_COUNT];
    void *first = arena_allocate_zeroed(arena, kernels->state_bytes, 16);
    void *second = arena_allocate_zeroed(arena, kernels->state_bytes, 16);
    if (way == WAY_ONE) {
        TRY(aggregate_to_one(kernels, call, count, arena, first));
        return kernels->finalize(call, first, arena, value_out);
    }
    uint32_t split = way == WAY_SPLIT ? count / 2 : count;
    for (uint32_t i = 0; i < count; i++)
        states[i] = i < split ? first : second;
    call->selection = (Selection){.rows = NULL, .count = count};
    TRY(kernels->update(call, states, arena));
    if (split < count) TRY(kernels->combine(call, first, second, arena));
    return kernels->finalize(call, first, arena, value_out);
}

static Status run_line(FunctionContext *context, char **fields, Way way, Arena *arena,
    Text *outcome, bool *was_run_out) {
    Oid function = (Oid)strtoul(fields[1], NULL, 10);
    SqlType result_type = sql_type((Oid)strtoul(fields[2], NULL, 10));
    uint32_t argument_count = (uint32_t)strtoul(fields[3], NULL, 10), count = 0;
    Oid types[2];
    for (uint32_t i = 0; i < argument_count; i++) {
        types[i] = (Oid)strtoul(fields[4 + 2 * i], NULL, 10);
    }
    const FunctionEntry *entry;
    TRY(function_registry_find(context->registry, function, &entry));
    Batch *batch = batch_make(arena, types, argument_count, false);
    for (uint32_t i = 0; i < argument_count; i++) {
        TRY(fill_column(context, batch, i, fields[5 + 2 * i], arena, &count));
    }
    Call call = {
        .context = context,
        .function = function_find(function),
        .arguments = batch->columns,
        .argument_count = argument_count,
        .argument_types = types,
        .result_type = result_type,
        .arena = arena,
    };
    // Floating-point sums depend on the order, so they are not split.
    bool is_float = types[0] == TYPE_FLOAT4 || types[0] == TYPE_FLOAT8;
    if (way == WAY_SPLIT) {
        *was_run_out = entry->aggregate->combine != NULL && !is_float && count > 1;
    } else if (way == WAY_ONE) {
        *was_run_out = entry->aggregate->update_one != NULL;
    }
    if (!*was_run_out) return OK;
    Value value;
    TRY(aggregate(entry->aggregate, &call, count, way, arena, &value));
    text_append_char(outcome, '=');
    if (value.is_null) {
        text_append_text(outcome, "\\N");
        return OK;
    }
    return value_to_text(&context->values, result_type.oid, &value, outcome);
}

static uint32_t count_different(Way way) {
    Arena arena;
    arena_init(&arena, NULL);
    const FunctionEntry *tables[] = {functions_of_values};
    FunctionContext context = {
        .values = *value_context_default(),
        .registry = function_registry_make(&arena, tables, 1),
    };
    uint32_t different_count = 0;
    for (const char *const *line = recorded_aggregates; *line != NULL; line++) {
        ArenaMark mark = arena_mark(&arena);
        char *fields[FIELD_MAX];
        uint32_t field_count = split_line(arena_copy_text(&arena, *line), fields);
        assert_true(field_count >= 7);
        Text outcome;
        text_init(&outcome, &arena);
        bool was_run = true;
        Status status = run_line(&context, fields, way, &arena, &outcome, &was_run);
        if (status != OK) {
            char sqlstate[6];
            status_to_sqlstate(status, sqlstate);
            text_clear(&outcome);
            text_append_format(&outcome, "!%s %s", sqlstate, error_get()->message);
            error_clear();
        }
        if (was_run && strcmp(outcome.data, fields[field_count - 1]) != 0) {
            different_count++;
            print_error("%s\n    gives %s\n", *line, outcome.data);
        }
        arena_rewind(&arena, mark);
    }
    arena_deinit(&arena);
    return different_count;
}

TEST(aggregates, answer_as_postgresql_does) {
    assert_int_equal(count_different(WAY_STATES), 0);
}

TEST(aggregates, answer_the_same_when_combined) {
    assert_int_equal(count_different(WAY_SPLIT), 0);
}

TEST(aggregates, answer_the_same_in_one_state) {
    assert_int_equal(count_different(WAY_ONE), 0);
}

TEST_MAIN(TEST_OF(aggregates, answer_as_postgresql_does),
    TEST_OF(aggregates, answer_the_same_in_one_state),
    TEST_OF(aggregates, answer_the_same_when_combined))
