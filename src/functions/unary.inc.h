// A kernel of one fixed-width argument. As binary.inc.h: KERNEL, SOURCE, T, EVALUATE(a, r), FAIL.
#pragma push_macro("FAIL")
#ifndef FAIL
#define FAIL(failed) ((void)(failed), OK)
#endif

Status KERNEL(Call *call) {
    const Column *column = &call->arguments[0];
    const SOURCE *restrict values = column->values;
    T *restrict result = call->result->values;
    const uint16_t *rows = call->selection.rows;
    uint32_t count = call->selection.count;
    uint8_t failed = 0;

    if (rows == NULL && !column->is_constant) {
        for (uint32_t i = 0; i < count; i++)
            EVALUATE(values[i], result[i])
    } else {
        uint32_t mask = column->is_constant ? 0 : UINT32_MAX;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t row = rows == NULL ? i : rows[i];
            EVALUATE(values[row & mask], result[row])
        }
    }
    for (uint32_t i = 0; failed != 0 && i < count; i++) {
        uint32_t row = rows == NULL ? i : rows[i];
        failed = 0;
        EVALUATE(ARGUMENT(call, 0, SOURCE, row), result[row])
        if (failed != 0) return FAIL(failed);
        failed = 1;
    }
    return OK;
}

#pragma pop_macro("FAIL")
#undef KERNEL
#undef EVALUATE
