// What kernels share: declarations expanded from kernel_list.h, and access to arguments.
#pragma once

#include "functions/function.h"

#define KERNEL(name) Status kernel_##name(Call *call);
#define SAFE(name)   Status kernel_##name(Call *call);
#define KERNEL_AS(name, kernel)
#define SAFE_AS(name, kernel)
#define KERNEL_OF(oid, name) Status kernel_##name(Call *call);
#define SAFE_OF(oid, name)
#define SHARED(name) Status kernel_##name(Call *call);
#define SET(name)                                                                                  \
    Status set_##name(FunctionContext *context, const FunctionInfo *function,                      \
        const Value *arguments, uint32_t argument_count, Arena *arena,                             \
        SetGenerator **generator_out);
#define SET_OF(oid, name)
#define AGGREGATE(oid, name)
#define AGGREGATE_KERNELS(name) extern const AggregateKernels aggregate_##name;
#include "functions/kernel_list.h"
#undef KERNEL
#undef SAFE
#undef KERNEL_AS
#undef SAFE_AS
#undef KERNEL_OF
#undef SAFE_OF
#undef SHARED
#undef SET
#undef SET_OF
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
