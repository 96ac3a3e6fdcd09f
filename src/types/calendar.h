// The Gregorian calendar, extended to all years, and the limits of PostgreSQL's dates.
//
// Model    Days count from 2000-01-01, microseconds from its midnight. Years are astronomical: 1 BC
//          is 0. The smallest and largest values of a date or timestamp stand for the infinities.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_MINUTE (60 * US_PER_SECOND)
#define US_PER_HOUR   (60 * US_PER_MINUTE)
#define US_PER_DAY    (24 * US_PER_HOUR)

#define TIMESTAMP_MIN (-INT64_C(211813488000000000)) // 4714-11-24 BC
#define TIMESTAMP_END INT64_C(9223371331200000000)   // 294277-01-01, the first that is too late

#define TIMESTAMP_INFINITY       INT64_MAX
#define TIMESTAMP_MINUS_INFINITY INT64_MIN
#define DATE_INFINITY            INT32_MAX
#define DATE_MINUS_INFINITY      INT32_MIN

enum {
    JULIAN_OF_EPOCH = 2451545, // Julian day of 2000-01-01
    DATE_MIN = -2451545,       // 4714-11-24 BC
    DATE_END = 2145031949,     // 5874898-06-03, the first that is too late
    UNIX_EPOCH_DAYS = -10957,  // 1970-01-01
    MONTHS_PER_YEAR = 12,
    DAYS_PER_MONTH = 30, // of an interval
    SECONDS_PER_DAY = 86400,
    SECONDS_PER_HOUR = 3600,
};

// A moment in fields, as a clock and calendar on the wall show it.
typedef struct DateTime {
    int32_t year, month, day;
    int32_t hour, minute, second;
    int32_t microsecond;
} DateTime;

bool year_is_leap(int64_t year);
int32_t days_in_month(int64_t year, int32_t month);

// Any day and month are fine: what exceeds them carries over.
int64_t days_from_civil(int64_t year, int64_t month, int64_t day);
void civil_from_days(int64_t days, DateTime *fields_out); // sets year, month and day

// 0 is Sunday.
int32_t day_of_week(int64_t days);

// Whether a Julian day number of this date exists in PostgreSQL.
bool date_is_in_julian_range(int32_t year, int32_t month, int32_t day);

static inline bool date_is_valid(int64_t days) {
    return days >= DATE_MIN && days < DATE_END;
}

static inline bool timestamp_is_valid(int64_t timestamp) {
    return timestamp >= TIMESTAMP_MIN && timestamp < TIMESTAMP_END;
}

static inline bool timestamp_is_infinite(int64_t timestamp) {
    return timestamp == TIMESTAMP_INFINITY || timestamp == TIMESTAMP_MINUS_INFINITY;
}

static inline bool date_is_infinite(int32_t date) {
    return date == DATE_INFINITY || date == DATE_MINUS_INFINITY;
}

int64_t time_from_fields(const DateTime *fields); // microseconds of the day
void time_to_fields(int64_t time_us, DateTime *fields_out);

// False when the result is no timestamp.
bool timestamp_from_fields(const DateTime *fields, int64_t *timestamp_out);
// Likewise, of a local time `offset_s` east of Greenwich.
bool timestamp_from_local(const DateTime *fields, int32_t offset_s, int64_t *timestamp_out);
void timestamp_to_fields(int64_t timestamp, DateTime *fields_out);

// Quotient rounded down; `divisor` is positive.
static inline int64_t floor_divide(int64_t value, int64_t divisor) {
    int64_t quotient = value / divisor;
    return quotient * divisor > value ? quotient - 1 : quotient;
}
