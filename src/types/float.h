// float4 and float8: PostgreSQL's order, in which all NaNs are equal and above everything else.
#pragma once

#include "types/value_context.h"

// A number with blanks around it. `type_name` is for the errors: INVALID_TEXT_REPRESENTATION,
// NUMERIC_VALUE_OUT_OF_RANGE.
Status float8_read_text(const char *type_name, const char *text, size_t count, double *value_out);
Status float4_read_text(const char *text, size_t count, float *value_out);
