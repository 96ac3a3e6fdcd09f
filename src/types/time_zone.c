#include "types/time_zone.h"

struct TimeZone {
    const char *name;
};

const TimeZone time_zone_utc = {.name = "UTC"};

const char *time_zone_name(const TimeZone *zone) {
    return zone->name;
}
