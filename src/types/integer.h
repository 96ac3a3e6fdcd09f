// Integers of SQL as text.
#pragma once

#include "base/status.h"

// A decimal integer with surrounding blanks, between `least` and `most`. `type_name` is for the
// errors: INVALID_TEXT_REPRESENTATION, NUMERIC_VALUE_OUT_OF_RANGE.
Status integer_read_text(const char *type_name, const char *text, size_t count, int64_t least,
    int64_t most, int64_t *value_out);

// As the type oid reads it: a negative number stands for its two's complement.
Status oid_read_text(const char *text, size_t count, uint32_t *value_out);

// Likewise, but something else may follow; `*taken_out` bytes were read.
Status oid_take_text(const char *text, size_t count, size_t *taken_out, uint32_t *value_out);
