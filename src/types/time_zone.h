// Time zones: from an instant to the offset of local time, and back.
//
// Model    A zone is a list of moments at which its offset changed, and a rule for the time after
//          the last of them. Offsets are seconds east of Greenwich; instants are seconds since
//          1970-01-01 00:00 UTC, local times likewise as if they were UTC.
// Threads  A zone is constant.
// Source   RFC 8536 (TZif version 2 and later), IEEE 1003.1 (the TZ rule).
#pragma once

#include "types/value_context.h"

extern const TimeZone time_zone_utc;

// As SHOW TimeZone prints it.
const char *time_zone_name(const TimeZone *zone);
