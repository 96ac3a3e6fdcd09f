// The parts of time zones: rules and abbreviations.
#pragma once

#include "types/time_zone.h"

// A day of the year by a POSIX rule, and the second of that day.
typedef struct RuleDay {
    enum { RULE_JULIAN, RULE_DAY_OF_YEAR, RULE_MONTH } kind; // "J60", "59", "M3.2.0"

    int32_t day, week, month;
    int32_t time_s;
} RuleDay;

typedef struct PosixRule {
    LocalTime standard, daylight;
    bool has_daylight;
    RuleDay start, end; // of daylight saving time
} PosixRule;

// Parses all of a TZ rule. The names live in `arena`.
bool posix_rule_parse(const char *text, size_t count, Arena *arena, PosixRule *rule_out);
LocalTime posix_rule_at(const PosixRule *rule, int64_t unix_s);
bool posix_rule_next_change(const PosixRule *rule, int64_t unix_s, int64_t *change_out);

// An abbreviation that dates may carry: of one offset, or of a zone.
typedef struct ZoneAbbreviation {
    const char *name; // lower case
    const char *zone; // or NULL
    int32_t offset_s;
    bool is_dst;
} ZoneAbbreviation;

extern const size_t zone_abbreviation_count;
extern const ZoneAbbreviation zone_abbreviations[]; // by name

// NULL when there is none. `name` is lower case.
const ZoneAbbreviation *zone_abbreviation_find(const char *name);
