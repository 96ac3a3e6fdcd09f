// Conversions of arrays, over the operations of their elements.
#pragma once

#include "types/array.h"

// PostgreSQL's array literal. Errors: INVALID_TEXT_REPRESENTATION, ARRAY_SUBSCRIPT_ERROR,
// PROGRAM_LIMIT_EXCEEDED, and those of the elements.
Status array_from_text(Oid element, const ValueContext *context, const char *text, size_t count,
    int32_t modifier, Arena *arena, Datum *datum_out);
void array_to_text(const ValueContext *context, const Datum *datum, Text *out);

// The wire's binary form. Errors: INVALID_BINARY_REPRESENTATION, PROTOCOL_VIOLATION,
// DATATYPE_MISMATCH.
Status array_from_binary(Oid element, const ValueContext *context, Bytes bytes, int32_t modifier,
    Arena *arena, Datum *datum_out);

// Likewise, taking the array off the front of `bytes`.
Status array_take_binary(Oid element, const ValueContext *context, Bytes *bytes, int32_t modifier,
    Arena *arena, Datum *datum_out);
void array_to_binary(const ValueContext *context, const Datum *datum, Text *out);

// Blanks between the parts of an array literal.
static inline bool array_is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}
