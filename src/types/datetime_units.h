// extract, date_part and date_trunc: the units of a date, time or interval.
#pragma once

#include "types/datetime.h"
#include "types/numeric.h"

// What extract yields: NULL for the small units of an infinity; an infinity for its large ones.
typedef struct Extracted {
    bool is_null;
    Numeric number;  // of extract
    double estimate; // of date_part
} Extracted;

// A unit's name, looked up once for many values.
typedef struct DateTimeUnit {
    int unit;       // one of datetime_units.c
    char lower[64]; // the name for messages, cut
    const char *type;
} DateTimeUnit;

// Of `type`: date, time, timestamp, timestamptz or interval. `is_for_truncate`: date_trunc does not
// know the units that only extract has. Errors: INVALID_PARAMETER_VALUE for a name that is none.
Status datetime_unit_find(
    const char *name, size_t count, Oid type, bool is_for_truncate, DateTimeUnit *unit_out);

// Errors: FEATURE_NOT_SUPPORTED for a unit that the type does not have.
Status date_extract(const DateTimeUnit *unit, int32_t date, Arena *arena, Extracted *result_out);
Status time_extract(const DateTimeUnit *unit, int64_t time_us, Arena *arena, Extracted *result_out);
Status timestamp_extract(
    const DateTimeUnit *unit, int64_t timestamp, Arena *arena, Extracted *result_out);
Status timestamptz_extract(const DateTimeUnit *unit, const TimeZone *zone, int64_t timestamp,
    Arena *arena, Extracted *result_out);
Status interval_extract(
    const DateTimeUnit *unit, const Interval *interval, Arena *arena, Extracted *result_out);

Status timestamp_truncate(const DateTimeUnit *unit, int64_t timestamp, int64_t *timestamp_out);
Status timestamptz_truncate(
    const DateTimeUnit *unit, const TimeZone *zone, int64_t timestamp, int64_t *timestamp_out);
Status interval_truncate(const DateTimeUnit *unit, const Interval *interval, Interval *result_out);
