// An aggregate that folds values of one fixed-width type into one.
//
// A template: define these, then include. Each inclusion defines one AggregateKernels.
//   NAME                 aggregate_min_int4
//   SOURCE, T            types of the argument and of the folded value, which is the answer's
//   FOLD(into, value)    a statement for every value after the first; may or into `failed`
//   FAIL(failed)         the error of those bits (optional)
#pragma push_macro("FAIL")
#ifndef FAIL
#define FAIL(failed) ((void)(failed), OK)
#endif
#define PASTE_AGAIN(a, b) a##b
#define PASTE(a, b)       PASTE_AGAIN(a, b)
#define STATE             PASTE(State_, NAME)
#define FOLD_IN(state, input)                                                                      \
    if ((state)->has_value) {                                                                      \
        FOLD((state)->value, input)                                                                \
    } else {                                                                                       \
        *(state) = (STATE){.value = (T)(input), .has_value = true};                                \
    }

typedef struct STATE {
    T value;
    bool has_value;
} STATE;

static Status PASTE(NAME, _update)(const Call *call, void *const *states, Arena *state_arena) {
    (void)state_arena;
    const Column *column = &call->arguments[0];
    uint8_t failed = 0;
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        if (column_is_null(column, row)) continue;
        STATE *state = states[i];
        FOLD_IN(state, ARGUMENT(call, 0, SOURCE, row))
    }
    return failed == 0 ? OK : FAIL(failed);
}

static Status PASTE(NAME, _update_one)(const Call *call, void *into, Arena *state_arena) {
    (void)state_arena;
    const Column *column = &call->arguments[0];
    const uint16_t *rows = call->selection.rows;
    uint32_t count = call->selection.count, i = 0;
    STATE *state = into;
    uint8_t failed = 0;
    if (column->nulls != NULL || column->is_constant) {
        for (; i < count; i++) {
            uint32_t row = selection_row(call->selection, i);
            if (column_is_null(column, row)) continue;
            FOLD_IN(state, ARGUMENT(call, 0, SOURCE, row))
        }
        return failed == 0 ? OK : FAIL(failed);
    }
    if (count == 0) return OK;
    const SOURCE *values = column->values;
    if (!state->has_value) {
        *state = (STATE){.value = (T)values[rows == NULL ? 0 : rows[0]], .has_value = true};
        i = 1;
    }
    T folded = state->value;
    if (rows == NULL) {
        for (; i < count; i++) {
            FOLD(folded, values[i])
        }
    } else {
        for (; i < count; i++) {
            FOLD(folded, values[rows[i]])
        }
    }
    state->value = folded;
    return failed == 0 ? OK : FAIL(failed);
}

static Status PASTE(NAME, _combine)(
    const Call *call, void *into, const void *from, Arena *state_arena) {
    (void)call;
    (void)state_arena;
    STATE *state = into;
    const STATE *other = from;
    uint8_t failed = 0;
    if (!other->has_value) return OK;
    FOLD_IN(state, other->value)
    return failed == 0 ? OK : FAIL(failed);
}

static Status PASTE(NAME, _finalize)(
    const Call *call, const void *from, Arena *arena, Value *value_out) {
    (void)call;
    (void)arena;
    const STATE *state = from;
    *value_out = (Value){.is_null = !state->has_value};
    if (state->has_value) memcpy(&value_out->datum, &state->value, sizeof(T));
    return OK;
}

const AggregateKernels NAME = {
    .state_bytes = sizeof(STATE),
    .update = PASTE(NAME, _update),
    .update_one = PASTE(NAME, _update_one),
    .combine = PASTE(NAME, _combine),
    .finalize = PASTE(NAME, _finalize),
};

#pragma pop_macro("FAIL")
#undef NAME
#undef FOLD
#undef FOLD_IN
#undef STATE
#undef PASTE
#undef PASTE_AGAIN
