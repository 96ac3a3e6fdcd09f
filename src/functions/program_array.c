// Arrays within programs.
#include "base/error.h"
#include "functions/program_internal.h"

Status operation_array_comparison(const OperationCall *call) {
    (void)call;
    return fail(
        FEATURE_NOT_SUPPORTED, "comparisons with the elements of an array are not supported yet");
}

Status operation_array(const OperationCall *call) {
    (void)call;
    return fail(FEATURE_NOT_SUPPORTED, "ARRAY[] is not supported yet");
}

Status operation_array_element(const OperationCall *call) {
    (void)call;
    return fail(FEATURE_NOT_SUPPORTED, "array subscripts are not supported yet");
}
