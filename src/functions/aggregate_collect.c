// Aggregates that keep every value: string_agg and array_agg. Their order matters.
#include "base/error.h"
#include "functions/kernels_internal.h"
#include "types/array.h"

// ---- string_agg
// ----------------------------------------------------------------------------------

typedef struct StringState {
    Text *text; // NULL before the first value
} StringState;

static Status string_update(const Call *call, void *const *states, Arena *state_arena) {
    const Column *values = &call->arguments[0], *separators = &call->arguments[1];
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        if (column_is_null(values, row)) continue;
        StringState *state = states[i];
        if (state->text == NULL) {
            state->text = arena_new(state_arena, Text);
            text_init(state->text, state_arena);
        } else if (!column_is_null(separators, row)) {
            Bytes separator = argument_bytes(call, 1, row);
            text_append(state->text, separator.data, separator.count);
        }
        Bytes value = argument_bytes(call, 0, row);
        if (state->text->count + value.count > VALUE_BYTES_MAX) {
            return fail(PROGRAM_LIMIT_EXCEEDED, "out of memory");
        }
        text_append(state->text, value.data, value.count);
    }
    return OK;
}

static Status string_finalize(const Call *call, const void *from, Arena *arena, Value *value_out) {
    (void)call;
    const StringState *state = from;
    *value_out = value_null();
    if (state->text == NULL) return OK;
    View view = view_make(state->text->data, state->text->count);
    *value_out = (Value){.datum = {.view = view_copy(view, arena)}};
    return OK;
}

const AggregateKernels aggregate_string_agg = {
    .state_bytes = sizeof(StringState),
    .is_order_sensitive = true,
    .update = string_update,
    .finalize = string_finalize,
};

// ---- array_agg
// -----------------------------------------------------------------------------------

typedef struct ArrayState {
    Value *values;
    uint32_t count, capacity;
} ArrayState;

static Status array_update(const Call *call, void *const *states, Arena *state_arena) {
    const Column *column = &call->arguments[0];
    for (uint32_t i = 0; i < call->selection.count; i++) {
        ArrayState *state = states[i];
        if (state->count == state->capacity) {
            if (state->capacity >= ARRAY_ELEMENT_COUNT_MAX / 2) {
                return fail(PROGRAM_LIMIT_EXCEEDED, "array size exceeds the maximum allowed (%d)",
                    ARRAY_ELEMENT_COUNT_MAX);
            }
            uint32_t capacity = state->capacity == 0 ? 8 : state->capacity * 2;
            void *memory;
            TRY(arena_try_allocate(state_arena, capacity * sizeof(Value), 16, &memory));
            if (state->count > 0) memcpy(memory, state->values, state->count * sizeof(Value));
            state->values = memory;
            state->capacity = capacity;
        }
        Value value = column_get(column, selection_row(call->selection, i));
        state->values[state->count++] =
            value.is_null ? value_null() : value_copy(value, column->kind, state_arena);
    }
    return OK;
}

static Status array_finalize(const Call *call, const void *from, Arena *arena, Value *value_out) {
    const ArrayState *state = from;
    *value_out = value_null();
    if (state->count == 0) return OK;
    View view =
        array_make_list(type_element(call->result_type.oid), state->values, state->count, arena);
    *value_out = (Value){.datum = {.view = view}};
    return OK;
}

const AggregateKernels aggregate_array_agg = {
    .state_bytes = sizeof(ArrayState),
    .is_order_sensitive = true,
    .update = array_update,
    .finalize = array_finalize,
};
