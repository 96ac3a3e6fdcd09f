// Dates, times and intervals as text, in the style that the session asked for.
#pragma once

#include "base/text.h"
#include "types/calendar.h"
#include "types/time_zone.h"
#include "types/value.h"

void date_write(const ValueContext *context, int32_t date, Text *out);
void time_write(int64_t time_us, Text *out);
void offset_write(int32_t offset_s, Text *out); // "+01", "-03:30"
void timestamp_write(const ValueContext *context, int64_t timestamp, Text *out);
void timestamptz_write(const ValueContext *context, int64_t timestamp, Text *out);
void interval_write(const ValueContext *context, const Interval *interval, Text *out);
