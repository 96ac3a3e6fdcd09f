// What kernels share: declarations expanded from kernel_list.h, and access to arguments.
#pragma once

#include "functions/function.h"

#define KERNEL(name) Status kernel_##name(Call *call);
#define SAFE(name)   Status kernel_##name(Call *call);
#define KERNEL_AS(name, kernel)
#define SAFE_AS(name, kernel)
#define KERNEL_OF(oid, name) Status kernel_##name(Call *call);
#define KERNEL_OID(oid, name)
#define SAFE_OF(oid, name)
#define SHARED(name) Status kernel_##name(Call *call);
#define SET(name)                                                                                  \
    Status set_##name(FunctionContext *context, const FunctionInfo *function,                      \
        const Value *arguments, uint32_t argument_count, Arena *arena,                             \
        SetGenerator **generator_out);
#define SET_AS(name, set)
#define AGGREGATE(oid, name)
#define AGGREGATE_KERNELS(name) extern const AggregateKernels aggregate_##name;
#include "functions/kernel_list.h"
#undef KERNEL
#undef SAFE
#undef KERNEL_AS
#undef SAFE_AS
#undef KERNEL_OF
#undef KERNEL_OID
#undef SAFE_OF
#undef SHARED
#undef SET
#undef SET_AS
#undef AGGREGATE
#undef AGGREGATE_KERNELS

// The address of a fixed-width argument's value for a row.
#define ARGUMENT(call, index, Type, row)                                                           \
    (((const Type *)(call)                                                                         \
            ->arguments[index]                                                                     \
            .values)[(call)->arguments[index].is_constant ? 0 : (row)])
#define RESULT(call, Type, row) (((Type *)(call)->result->values)[row])

static inline Bytes argument_bytes(const Call *call, uint32_t index, uint32_t row) {
    const Column *column = &call->arguments[index];
    return view_bytes(&((const View *)column->values)[column->is_constant ? 0 : row]);
}

static inline int32_t argument_int4(const Call *call, uint32_t index, uint32_t row) {
    return ARGUMENT(call, index, int32_t, row);
}

// Over the selected rows.
#define FOR_EACH_ROW(call, row)                                                                    \
    for (uint32_t row##_at = 0, row; row##_at < (call)->selection.count                            \
                                     && (row = selection_row((call)->selection, row##_at), true);  \
         row##_at++)

// The result of a row as bytes that outlive the call: in its arena, or borrowed from an argument.
static inline void result_set_bytes(Call *call, uint32_t row, const void *data, size_t count) {
    RESULT(call, View, row) = view_make(data, count);
}

static inline void result_set_text(Call *call, uint32_t row, const Text *text) {
    result_set_bytes(call, row, text->data, text->count);
}

static inline void result_set_null(Call *call, uint32_t row) {
    column_set_null(call->result, call->arena, row);
}

// The largest size of a value, PostgreSQL's MaxAllocSize.
#define VALUE_BYTES_MAX ((size_t)0x3FFFFFFF)

// Lower and upper case, character by character, appended to `out`.
void text_append_lower(Text *out, Bytes text);

// The array of a text's fields. A NULL separator takes it apart into characters, an empty one not
// at all; fields equal to `null_text` (unless it is NULL) are NULL.
View text_split(View text, const Value *separator, const Value *null_text, Arena *arena);

// A generator of values that live in `arena`.
SetGenerator *set_of_values(const Value *values, uint32_t count, Arena *arena);

// What went wrong in a loop that does not stop for it.
enum {
    FAILURE_RANGE = 1,
    FAILURE_DIVISION = 2,
    FAILURE_UNDERFLOW = 4,
};

[[gnu::cold]] Status fail_arithmetic(uint8_t failed, const char *type_name);

#define FAIL_INT2(failed)  fail_arithmetic(failed, "smallint")
#define FAIL_INT4(failed)  fail_arithmetic(failed, "integer")
#define FAIL_INT8(failed)  fail_arithmetic(failed, "bigint")
#define FAIL_FLOAT(failed) fail_arithmetic(failed, NULL)
