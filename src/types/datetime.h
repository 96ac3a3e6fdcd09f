// Arithmetic on dates, times and intervals.
//
// Model    A date is an int4 of days, a timestamp an int8 of microseconds since 2000-01-01 (UTC for
//          one with time zone), a time an int8 of microseconds since midnight.
// Errors   DATETIME_FIELD_OVERFLOW when a result is out of range.
#pragma once

#include "types/calendar.h"
#include "types/numeric.h"
#include "types/time_zone.h"

static inline int64_t timestamp_to_unix(int64_t timestamp) {
    return floor_divide(timestamp, US_PER_SECOND) - UNIX_EPOCH_DAYS * (int64_t)SECONDS_PER_DAY;
}

// Rounding to a precision of 0 to 6 decimals; a negative one changes nothing.
int64_t timestamp_round(int64_t timestamp, int32_t precision);

// The interval cut and rounded to its modifier. Errors: none but DATETIME_FIELD_OVERFLOW.
Interval interval_apply_modifier(Interval interval, int32_t modifier);
