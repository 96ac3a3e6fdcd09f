// Intervals in any of the forms that PostgreSQL reads.
#pragma once

#include "types/datetime_read.h"
#include "types/value.h"

// Fields of an interval's modifier, as PostgreSQL numbers them.
enum {
    INTERVAL_MONTH = 1 << 1,
    INTERVAL_YEAR = 1 << 2,
    INTERVAL_DAY = 1 << 3,
    INTERVAL_HOUR = 1 << 10,
    INTERVAL_MINUTE = 1 << 11,
    INTERVAL_SECOND = 1 << 12,
    INTERVAL_FULL_RANGE = 0x7FFF,
    INTERVAL_FULL_PRECISION = 0xFFFF,
};

// `range` are the fields that the type has; the last of them is the unit of a lone number. Errors:
// INVALID_DATETIME_FORMAT, INTERVAL_FIELD_OVERFLOW, DATETIME_FIELD_OVERFLOW.
Status interval_read(const ValueContext *context, const char *text, size_t count, int32_t range,
    Interval *interval_out);
