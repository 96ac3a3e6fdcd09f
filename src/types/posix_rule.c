// The TZ rule of POSIX: "CET-1CEST,M3.5.0,M10.5.0/3".
#include "types/calendar.h"
#include "types/time_zone_internal.h"

typedef struct Reader {
    const char *at, *end;
} Reader;

static bool take_char(Reader *reader, char c) {
    if (reader->at == reader->end || *reader->at != c) return false;
    reader->at++;
    return true;
}

static bool take_number(Reader *reader, int32_t least, int32_t most, int32_t *value_out) {
    const char *start = reader->at;
    int32_t value = 0;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9') {
        value = value * 10 + (*reader->at++ - '0');
        if (value > most) return false;
    }
    *value_out = value;
    return reader->at > start && value >= least;
}

// "<+03>" or letters. The name of standard time may be empty: "+05:30" is a rule.
static bool take_name(Reader *reader, Arena *arena, const char **name_out) {
    const char *start = reader->at;
    bool is_quoted = take_char(reader, '<');
    if (is_quoted) start++;
    while (reader->at < reader->end) {
        char c = *reader->at;
        bool ends =
            is_quoted ? c == '>' : (c >= '0' && c <= '9') || c == ',' || c == '-' || c == '+';
        if (ends) break;
        reader->at++;
    }
    size_t count = (size_t)(reader->at - start);
    if (is_quoted && !take_char(reader, '>')) return false;
    *name_out = arena_copy_text_n(arena, start, count);
    return true;
}

// "[+-]hh[:mm[:ss]]"
static bool take_time(Reader *reader, int32_t *seconds_out) {
    bool is_negative = take_char(reader, '-');
    if (!is_negative) take_char(reader, '+');
    int32_t hours, minutes = 0, seconds = 0;
    if (!take_number(reader, 0, 24 * 7 - 1, &hours)) return false;
    if (take_char(reader, ':')) {
        if (!take_number(reader, 0, 59, &minutes)) return false;
        if (take_char(reader, ':') && !take_number(reader, 0, 60, &seconds)) return false;
    }
    int32_t total = (hours * 60 + minutes) * 60 + seconds;
    *seconds_out = is_negative ? -total : total;
    return true;
}

static bool take_day(Reader *reader, RuleDay *day_out) {
    RuleDay day = {.time_s = 2 * SECONDS_PER_HOUR};
    if (take_char(reader, 'J')) {
        day.kind = RULE_JULIAN;
        if (!take_number(reader, 1, 365, &day.day)) return false;
    } else if (take_char(reader, 'M')) {
        day.kind = RULE_MONTH;
        if (!take_number(reader, 1, 12, &day.month) || !take_char(reader, '.')
            || !take_number(reader, 1, 5, &day.week) || !take_char(reader, '.')
            || !take_number(reader, 0, 6, &day.day)) {
            return false;
        }
    } else {
        day.kind = RULE_DAY_OF_YEAR;
        if (!take_number(reader, 0, 365, &day.day)) return false;
    }
    if (take_char(reader, '/') && !take_time(reader, &day.time_s)) return false;
    *day_out = day;
    return true;
}

bool posix_rule_parse(const char *text, size_t count, Arena *arena, PosixRule *rule_out) {
    Reader reader = {text, text + count};
    PosixRule rule = {0};
    int32_t west;
    if (!take_name(&reader, arena, &rule.standard.abbreviation) || !take_time(&reader, &west)) {
        return false;
    }
    rule.standard.offset_s = -west;
    if (reader.at < reader.end) {
        rule.has_daylight = true;
        rule.daylight.is_dst = true;
        rule.daylight.offset_s = rule.standard.offset_s + SECONDS_PER_HOUR;
        if (!take_name(&reader, arena, &rule.daylight.abbreviation)
            || rule.daylight.abbreviation[0] == 0) {
            return false;
        }
        if (reader.at < reader.end && *reader.at != ',') {
            if (!take_time(&reader, &west)) return false;
            rule.daylight.offset_s = -west;
        }
        // Without days, those of the United States.
        static const char american[] = ",M3.2.0,M11.1.0";
        if (reader.at == reader.end) {
            reader = (Reader){american, american + sizeof american - 1};
        }
        if (!take_char(&reader, ',') || !take_day(&reader, &rule.start) || !take_char(&reader, ',')
            || !take_day(&reader, &rule.end)) {
            return false;
        }
    }
    if (reader.at != reader.end) return false;
    *rule_out = rule;
    return true;
}

// The local second at which the rule's day has its moment in a year.
static int64_t day_seconds(const RuleDay *day, int64_t year) {
    int64_t days = 0;
    switch (day->kind) {
    case RULE_JULIAN: // 29 February does not count
        days = days_from_civil(year, 1, day->day) + (year_is_leap(year) && day->day >= 60);
        break;
    case RULE_DAY_OF_YEAR:
        days = days_from_civil(year, 1, 1) + day->day;
        break;
    case RULE_MONTH: {
        int64_t first = days_from_civil(year, day->month, 1);
        int32_t offset = (day->day - day_of_week(first) + 7) % 7 + (day->week - 1) * 7;
        while (offset >= days_in_month(year, day->month)) {
            offset -= 7;
        }
        days = first + offset;
        break;
    }
    }
    return (days - UNIX_EPOCH_DAYS) * SECONDS_PER_DAY + day->time_s;
}

static int64_t year_of(int64_t unix_s) {
    DateTime fields;
    civil_from_days(floor_divide(unix_s, SECONDS_PER_DAY) + UNIX_EPOCH_DAYS, &fields);
    return fields.year;
}

LocalTime posix_rule_at(const PosixRule *rule, int64_t unix_s) {
    if (!rule->has_daylight) return rule->standard;
    int64_t year = year_of(unix_s + rule->standard.offset_s);
    int64_t start = day_seconds(&rule->start, year) - rule->standard.offset_s;
    int64_t end = day_seconds(&rule->end, year) - rule->daylight.offset_s;
    bool is_dst = start < end ? unix_s >= start && unix_s < end : unix_s < end || unix_s >= start;
    return is_dst ? rule->daylight : rule->standard;
}

bool posix_rule_next_change(const PosixRule *rule, int64_t unix_s, int64_t *change_out) {
    if (!rule->has_daylight) return false;
    int64_t year = year_of(unix_s + rule->standard.offset_s), next = INT64_MAX;
    for (int64_t y = year - 1; y <= year + 1; y++) {
        int64_t start = day_seconds(&rule->start, y) - rule->standard.offset_s;
        int64_t end = day_seconds(&rule->end, y) - rule->daylight.offset_s;
        if (start > unix_s && start < next) next = start;
        if (end > unix_s && end < next) next = end;
    }
    *change_out = next;
    return true;
}
