// Integers of SQL as text.
#pragma once

#include "base/status.h"

// As the type oid reads it: a negative number stands for its two's complement.
Status oid_read_text(const char *text, size_t count, uint32_t *value_out);

// Likewise, but something else may follow; `*taken_out` bytes were read.
Status oid_take_text(const char *text, size_t count, size_t *taken_out, uint32_t *value_out);
