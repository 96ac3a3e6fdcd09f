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

// `unit` is the name as it was written. Errors: INVALID_PARAMETER_VALUE for one that is none,
// FEATURE_NOT_SUPPORTED for one that the type does not have.
Status date_extract(
    const char *unit, size_t count, int32_t date, Arena *arena, Extracted *result_out);
Status timestamp_extract(
    const char *unit, size_t count, int64_t timestamp, Arena *arena, Extracted *result_out);
Status timestamptz_extract(const char *unit, size_t count, const TimeZone *zone, int64_t timestamp,
    Arena *arena, Extracted *result_out);
Status interval_extract(
    const char *unit, size_t count, const Interval *interval, Arena *arena, Extracted *result_out);

Status timestamp_truncate(
    const char *unit, size_t count, int64_t timestamp, int64_t *timestamp_out);
Status timestamptz_truncate(const char *unit, size_t count, const TimeZone *zone, int64_t timestamp,
    int64_t *timestamp_out);
Status interval_truncate(
    const char *unit, size_t count, const Interval *interval, Interval *result_out);
