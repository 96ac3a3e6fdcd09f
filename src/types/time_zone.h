// Time zones: from an instant to the offset of local time, and back.
//
// Model    A zone is a list of moments at which its offset changed, and a rule for the time after
//          the last of them. Offsets are seconds east of Greenwich; instants are seconds since
//          1970-01-01 00:00 UTC, local times likewise as if they were UTC.
// Threads  A zone is constant. A cache may be asked by several threads at once.
// Source   RFC 8536 (TZif version 2 and later), IEEE 1003.1 (the TZ rule).
#pragma once

#include "types/value_context.h"

typedef struct LocalTime {
    int32_t offset_s;
    bool is_dst;
    const char *abbreviation;
} LocalTime;

extern const TimeZone time_zone_utc;

// As SHOW TimeZone prints it.
const char *time_zone_name(const TimeZone *zone);

// What clocks show at an instant.
LocalTime time_zone_at(const TimeZone *zone, int64_t unix_s);

// What they show when they show `local_s`. A time that was skipped counts as before the change, one
// that came twice as after it, as in PostgreSQL.
LocalTime time_zone_at_local(const TimeZone *zone, int64_t local_s);

// Whether the offset never changes.
bool time_zone_is_fixed(const TimeZone *zone, int32_t *offset_s_out);

// The offset that an abbreviation of the zone ("CLST") has at a local time: that of the last time
// it was in use, else of the next. False when the zone does not use it.
bool time_zone_abbreviation_at(
    const TimeZone *zone, const char *abbreviation, int64_t local_s, LocalTime *local_out);

// Zones that were loaded, for the life of the cache. Errors: OUT_OF_MEMORY.
Status time_zone_cache_create(TimeZoneCache **cache_out);
void time_zone_cache_destroy(TimeZoneCache *cache);

// The zone of a name in any case, from the system's database, or of a POSIX rule ("EST5EDT"). It
// lives in the cache, or without one (NULL) in `arena`. NULL when there is no such zone.
const TimeZone *time_zone_find(TimeZoneCache *cache, const char *name, size_t count, Arena *arena);

// A zone of one offset, named as PostgreSQL names them: "<+01>-01".
const TimeZone *time_zone_make_fixed(int32_t offset_s, Arena *arena);
