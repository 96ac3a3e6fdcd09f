// Arithmetic on dates, times and intervals.
//
// Model    A date is an int4 of days, a timestamp an int8 of microseconds since 2000-01-01 (UTC for
//          a timestamptz), a time an int8 of microseconds since midnight. Infinities stay what they
//          are where PostgreSQL keeps them.
// Errors   DATETIME_FIELD_OVERFLOW when a result is out of range, and what is said at a function.
#pragma once

#include "types/calendar.h"
#include "types/time_zone.h"
#include "types/value.h"

static inline int64_t timestamp_to_unix(int64_t timestamp) {
    return floor_divide(timestamp, US_PER_SECOND) - UNIX_EPOCH_DAYS * (int64_t)SECONDS_PER_DAY;
}

// Rounding to a precision of 0 to 6 decimals; any other changes nothing.
int64_t timestamp_round(int64_t timestamp, int32_t precision);

// ---- Casts --------------------------------------------------------------------------------------

Status date_to_timestamp(int32_t date, int64_t *timestamp_out);
Status date_to_timestamptz(const TimeZone *zone, int32_t date, int64_t *timestamp_out);
int32_t timestamp_to_date(int64_t timestamp);
int32_t timestamptz_to_date(const TimeZone *zone, int64_t timestamp);
int64_t timestamp_to_time(int64_t timestamp); // finite

// A local time as an instant, and back: also AT TIME ZONE in both directions.
Status timestamp_to_timestamptz(const TimeZone *zone, int64_t timestamp, int64_t *timestamp_out);
Status timestamptz_to_timestamp(const TimeZone *zone, int64_t timestamp, int64_t *timestamp_out);

// The zone that AT TIME ZONE, SET TimeZone and make_timestamptz name: a full name, an abbreviation
// or a POSIX rule. Errors: INVALID_PARAMETER_VALUE.
Status time_zone_require(const ValueContext *context, const char *name, size_t count, Arena *arena,
    const TimeZone **zone_out);

// AT TIME ZONE with an interval. Errors: INVALID_PARAMETER_VALUE.
Status time_zone_from_interval(
    const ValueContext *context, const Interval *interval, Arena *arena, const TimeZone **zone_out);

// to_timestamp(double precision): seconds since 1970.
Status timestamp_from_unix(double seconds, int64_t *timestamp_out);

// ---- Sums and differences -----------------------------------------------------------------------

Status date_add_days(int32_t date, int32_t days, int32_t *date_out);
Status date_subtract(int32_t a, int32_t b, int32_t *days_out);
int64_t time_add_interval(int64_t time_us, const Interval *interval);
Status timestamp_add_interval(int64_t timestamp, const Interval *interval, int64_t *timestamp_out);
// Months and days are counted on the zone's calendar.
Status timestamptz_add_interval(
    const TimeZone *zone, int64_t timestamp, const Interval *interval, int64_t *timestamp_out);
// a - b, in days and less; the same for timestamptz.
Status timestamp_subtract(int64_t a, int64_t b, Interval *interval_out);
// age(a, b): in years, months, days and less.
Status timestamp_age(int64_t a, int64_t b, Interval *interval_out);
Status timestamptz_age(const TimeZone *zone, int64_t a, int64_t b, Interval *interval_out);

Status interval_negate(const Interval *interval, Interval *result_out);
Status interval_add(const Interval *a, const Interval *b, Interval *result_out);
Status interval_subtract(const Interval *a, const Interval *b, Interval *result_out);
Status interval_multiply(const Interval *interval, double factor, Interval *result_out);
Status interval_divide(const Interval *interval, double divisor, Interval *result_out);
Status interval_justify_hours(const Interval *interval, Interval *result_out);
Status interval_justify_days(const Interval *interval, Interval *result_out);
Status interval_justify(const Interval *interval, Interval *result_out); // justify_interval
int interval_compare_spans(const Interval *a, const Interval *b);

// ---- Making -------------------------------------------------------------------------------------

Status date_make(int32_t year, int32_t month, int32_t day, int32_t *date_out);
Status time_make(int32_t hour, int32_t minute, double second, int64_t *time_out);
Status timestamp_make(int32_t year, int32_t month, int32_t day, int32_t hour, int32_t minute,
    double second, int64_t *timestamp_out);
Status timestamptz_make(const TimeZone *zone, int32_t year, int32_t month, int32_t day,
    int32_t hour, int32_t minute, double second, int64_t *timestamp_out);
Status interval_make(int32_t years, int32_t months, int32_t weeks, int32_t days, int32_t hours,
    int32_t minutes, double seconds, Interval *interval_out);
