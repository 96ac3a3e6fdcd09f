// time with time zone: a time of day and an offset.
//
// Format   In a view, 12 bytes, little-endian: microseconds of the day (8), seconds west of
//          Greenwich (4).
#pragma once

#include "types/calendar.h"
#include "types/value.h"

typedef struct TimeTz {
    int64_t time_us;
    int32_t west_s;
} TimeTz;
