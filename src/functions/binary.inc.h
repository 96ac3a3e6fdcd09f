// A kernel of two fixed-width arguments.
//
// A template: define these, then include. Each inclusion defines one kernel.
//   KERNEL             name of the function         kernel_int4pl
//   LEFT, RIGHT, T     types of arguments and result
//   EVALUATE(a, b, r)  a statement that sets r, and may or a FAILURE_ bit into `failed`
//   FAIL(failed)       the error of those bits
//
// The loops do not stop at a failure, so that the compiler can vectorise them; when one was seen,
// the rows are gone over again to fail as the first of them does.
#pragma push_macro("FAIL")
#ifndef FAIL
#define FAIL(failed) ((void)(failed), OK)
#endif

Status KERNEL(Call *call) {
    const Column *left_column = &call->arguments[0], *right_column = &call->arguments[1];
    const LEFT *restrict left = left_column->values;
    const RIGHT *restrict right = right_column->values;
    T *restrict result = call->result->values;
    const uint16_t *rows = call->selection.rows;
    uint32_t count = call->selection.count;
    uint8_t failed = 0;

    if (rows == NULL && !left_column->is_constant && !right_column->is_constant) {
        for (uint32_t i = 0; i < count; i++)
            EVALUATE(left[i], right[i], result[i])
    } else if (rows == NULL && !left_column->is_constant) {
        RIGHT constant = right[0];
        for (uint32_t i = 0; i < count; i++)
            EVALUATE(left[i], constant, result[i])
    } else if (rows == NULL && !right_column->is_constant) {
        LEFT constant = left[0];
        for (uint32_t i = 0; i < count; i++)
            EVALUATE(constant, right[i], result[i])
    } else {
        uint32_t left_mask = left_column->is_constant ? 0 : UINT32_MAX;
        uint32_t right_mask = right_column->is_constant ? 0 : UINT32_MAX;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t row = rows == NULL ? i : rows[i];
            EVALUATE(left[row & left_mask], right[row & right_mask], result[row])
        }
    }
    for (uint32_t i = 0; failed != 0 && i < count; i++) {
        uint32_t row = rows == NULL ? i : rows[i];
        failed = 0;
        EVALUATE(ARGUMENT(call, 0, LEFT, row), ARGUMENT(call, 1, RIGHT, row), result[row])
        if (failed != 0) return FAIL(failed);
        failed = 1;
    }
    return OK;
}

#pragma pop_macro("FAIL")
#undef KERNEL
#undef EVALUATE
