#include "types/datetime_units.h"

#include "base/assert.h"
#include "base/error.h"

#include <math.h>
#include <string.h>

typedef enum Unit {
    UNIT_MICROSECOND,
    UNIT_MILLISECOND,
    UNIT_SECOND,
    UNIT_MINUTE,
    UNIT_HOUR,
    UNIT_DAY,
    UNIT_WEEK,
    UNIT_MONTH,
    UNIT_QUARTER,
    UNIT_YEAR,
    UNIT_DECADE,
    UNIT_CENTURY,
    UNIT_MILLENNIUM,
    UNIT_ISO_YEAR,
    UNIT_DAY_OF_WEEK,
    UNIT_ISO_DAY_OF_WEEK,
    UNIT_DAY_OF_YEAR,
    UNIT_JULIAN,
    UNIT_EPOCH,
    UNIT_ZONE,
    UNIT_ZONE_HOUR,
    UNIT_ZONE_MINUTE,
    UNIT_NONE,
} Unit;

enum { UNIT_NAME_MAX = 10 }; // longer names are compared by their first letters

static const struct {
    char name[UNIT_NAME_MAX + 1];
    Unit unit;
} units[] = {
    {"c", UNIT_CENTURY},
    {"cent", UNIT_CENTURY},
    {"centuries", UNIT_CENTURY},
    {"century", UNIT_CENTURY},
    {"d", UNIT_DAY},
    {"day", UNIT_DAY},
    {"days", UNIT_DAY},
    {"dec", UNIT_DECADE},
    {"decade", UNIT_DECADE},
    {"decades", UNIT_DECADE},
    {"decs", UNIT_DECADE},
    {"dow", UNIT_DAY_OF_WEEK},
    {"doy", UNIT_DAY_OF_YEAR},
    {"epoch", UNIT_EPOCH},
    {"h", UNIT_HOUR},
    {"hour", UNIT_HOUR},
    {"hours", UNIT_HOUR},
    {"hr", UNIT_HOUR},
    {"hrs", UNIT_HOUR},
    {"isodow", UNIT_ISO_DAY_OF_WEEK},
    {"isoyear", UNIT_ISO_YEAR},
    {"j", UNIT_JULIAN},
    {"jd", UNIT_JULIAN},
    {"julian", UNIT_JULIAN},
    {"m", UNIT_MINUTE},
    {"microsecon", UNIT_MICROSECOND},
    {"mil", UNIT_MILLENNIUM},
    {"millennia", UNIT_MILLENNIUM},
    {"millennium", UNIT_MILLENNIUM},
    {"millisecon", UNIT_MILLISECOND},
    {"mils", UNIT_MILLENNIUM},
    {"min", UNIT_MINUTE},
    {"mins", UNIT_MINUTE},
    {"minute", UNIT_MINUTE},
    {"minutes", UNIT_MINUTE},
    {"mm", UNIT_MINUTE},
    {"mon", UNIT_MONTH},
    {"mons", UNIT_MONTH},
    {"month", UNIT_MONTH},
    {"months", UNIT_MONTH},
    {"ms", UNIT_MILLISECOND},
    {"msec", UNIT_MILLISECOND},
    {"msecond", UNIT_MILLISECOND},
    {"mseconds", UNIT_MILLISECOND},
    {"msecs", UNIT_MILLISECOND},
    {"qtr", UNIT_QUARTER},
    {"quarter", UNIT_QUARTER},
    {"s", UNIT_SECOND},
    {"sec", UNIT_SECOND},
    {"second", UNIT_SECOND},
    {"seconds", UNIT_SECOND},
    {"secs", UNIT_SECOND},
    {"timezone", UNIT_ZONE},
    {"timezone_h", UNIT_ZONE_HOUR},
    {"timezone_m", UNIT_ZONE_MINUTE},
    {"us", UNIT_MICROSECOND},
    {"usec", UNIT_MICROSECOND},
    {"usecond", UNIT_MICROSECOND},
    {"useconds", UNIT_MICROSECOND},
    {"usecs", UNIT_MICROSECOND},
    {"w", UNIT_WEEK},
    {"week", UNIT_WEEK},
    {"weeks", UNIT_WEEK},
    {"y", UNIT_YEAR},
    {"year", UNIT_YEAR},
    {"years", UNIT_YEAR},
    {"yr", UNIT_YEAR},
    {"yrs", UNIT_YEAR},
};

static const char *type_name(Oid type) {
    switch (type) {
    case TYPE_DATE:
        return "date";
    case TYPE_TIME:
        return "time without time zone";
    case TYPE_TIMESTAMP:
        return "timestamp without time zone";
    case TYPE_TIMESTAMPTZ:
        return "timestamp with time zone";
    default:
        ASSERT(type == TYPE_INTERVAL);
        return "interval";
    }
}

Status datetime_unit_find(
    const char *name, size_t count, Oid type, bool is_for_truncate, DateTimeUnit *unit_out) {
    DateTimeUnit unit = {.unit = UNIT_NONE, .type = type_name(type)};
    size_t length = count < sizeof unit.lower ? count : sizeof unit.lower - 1;
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        unit.lower[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strncmp(units[i].name, unit.lower, UNIT_NAME_MAX) == 0) unit.unit = units[i].unit;
    }
    bool is_for_extract =
        (unit.unit >= UNIT_ISO_YEAR && unit.unit <= UNIT_EPOCH) || strcmp(unit.lower, "mm") == 0;
    if (unit.unit == UNIT_NONE || (is_for_truncate && is_for_extract)) {
        return fail(INVALID_PARAMETER_VALUE, "unit \"%s\" not recognized for type %s", unit.lower,
            unit.type);
    }
    *unit_out = unit;
    return OK;
}

[[gnu::cold]] static Status fail_unit(const DateTimeUnit *unit) {
    return fail(
        FEATURE_NOT_SUPPORTED, "unit \"%s\" not supported for type %s", unit->lower, unit->type);
}

// ---- Results ------------------------------------------------------------------------------------

static Extracted whole(int64_t value, Arena *arena) {
    return (Extracted){.number = numeric_from_int64(value, arena), .estimate = (double)value};
}

// value / 10^scale
static Extracted scaled(Int128 value, int32_t scale, double divisor, Arena *arena) {
    return (Extracted){
        .number = numeric_from_scaled(value, scale, arena), .estimate = (double)value / divisor};
}

// What an infinity has: nothing of the units that come around, all of those that only grow.
static Status extract_infinity(const DateTimeUnit *unit, bool is_negative, Extracted *result_out) {
    switch ((Unit)unit->unit) {
    case UNIT_MICROSECOND:
    case UNIT_MILLISECOND:
    case UNIT_SECOND:
    case UNIT_MINUTE:
    case UNIT_HOUR:
    case UNIT_DAY:
    case UNIT_MONTH:
    case UNIT_QUARTER:
    case UNIT_WEEK:
    case UNIT_DAY_OF_WEEK:
    case UNIT_ISO_DAY_OF_WEEK:
    case UNIT_DAY_OF_YEAR:
    case UNIT_ZONE:
    case UNIT_ZONE_HOUR:
    case UNIT_ZONE_MINUTE:
        *result_out = (Extracted){.is_null = true};
        return OK;
    case UNIT_YEAR:
    case UNIT_DECADE:
    case UNIT_CENTURY:
    case UNIT_MILLENNIUM:
    case UNIT_JULIAN:
    case UNIT_ISO_YEAR:
    case UNIT_EPOCH:
        *result_out = (Extracted){.number = {.kind = NUMERIC_INFINITY, .is_negative = is_negative},
            .estimate = is_negative ? -HUGE_VAL : HUGE_VAL};
        return OK;
    case UNIT_NONE:
        break;
    }
    return fail_unit(unit);
}

// ---- Weeks, and years in bundles ----------------------------------------------------------------

// The Monday of the ISO week of a day.
static int64_t monday_of(int64_t days) {
    return days - (day_of_week(days) + 6) % 7;
}

// The Monday of the first ISO week of a year: the week with 4 January.
static int64_t first_monday(int64_t year) {
    return monday_of(days_from_civil(year, 1, 4));
}

static int64_t iso_year_of(int64_t days) {
    DateTime date;
    civil_from_days(days, &date);
    if (days < first_monday(date.year)) return date.year - 1;
    return days >= first_monday(date.year + 1) ? date.year + 1 : date.year;
}

// The year as people count: there is none between 1 BC and 1 AD.
static int64_t shown_year(int64_t year) {
    return year > 0 ? year : year - 1;
}

static int64_t decade_of(int64_t year) {
    return year >= 0 ? year / 10 : -((8 - (year - 1)) / 10);
}

// Centuries and millennia count from 1, as years do.
static int64_t bundle_of(int64_t year, int64_t size) {
    return year > 0 ? (year + size - 1) / size : -((size - 1 - (year - 1)) / size);
}

// Units of a date; false for those of a time or a zone.
static bool extract_of_date(Unit unit, int64_t days, int64_t *value_out) {
    DateTime date;
    civil_from_days(days, &date);
    switch (unit) {
    case UNIT_DAY:
        *value_out = date.day;
        return true;
    case UNIT_WEEK:
        *value_out = (days - first_monday(iso_year_of(days))) / 7 + 1;
        return true;
    case UNIT_MONTH:
        *value_out = date.month;
        return true;
    case UNIT_QUARTER:
        *value_out = (date.month - 1) / 3 + 1;
        return true;
    case UNIT_YEAR:
        *value_out = shown_year(date.year);
        return true;
    case UNIT_DECADE:
        *value_out = decade_of(date.year);
        return true;
    case UNIT_CENTURY:
        *value_out = bundle_of(date.year, 100);
        return true;
    case UNIT_MILLENNIUM:
        *value_out = bundle_of(date.year, 1000);
        return true;
    case UNIT_ISO_YEAR:
        *value_out = shown_year(iso_year_of(days));
        return true;
    case UNIT_DAY_OF_WEEK:
        *value_out = day_of_week(days);
        return true;
    case UNIT_ISO_DAY_OF_WEEK:
        *value_out = (day_of_week(days) + 6) % 7 + 1;
        return true;
    case UNIT_DAY_OF_YEAR:
        *value_out = days - days_from_civil(date.year, 1, 1) + 1;
        return true;
    case UNIT_JULIAN:
        *value_out = days + JULIAN_OF_EPOCH;
        return true;
    case UNIT_MICROSECOND:
    case UNIT_MILLISECOND:
    case UNIT_SECOND:
    case UNIT_MINUTE:
    case UNIT_HOUR:
    case UNIT_EPOCH:
    case UNIT_ZONE:
    case UNIT_ZONE_HOUR:
    case UNIT_ZONE_MINUTE:
    case UNIT_NONE:
        break;
    }
    return false;
}

// Units of a time of `time_us` microseconds; the sign of all is its own.
static bool extract_of_time(Unit unit, int64_t time_us, Arena *arena, Extracted *result_out) {
    int64_t in_minute = time_us % US_PER_MINUTE;
    switch (unit) {
    case UNIT_MICROSECOND:
        *result_out = whole(in_minute, arena);
        return true;
    case UNIT_MILLISECOND:
        *result_out = scaled(in_minute, 3, 1000.0, arena);
        return true;
    case UNIT_SECOND:
        *result_out = scaled(in_minute, 6, 1000000.0, arena);
        return true;
    case UNIT_MINUTE:
        *result_out = whole(time_us / US_PER_MINUTE % 60, arena);
        return true;
    case UNIT_HOUR:
        *result_out = whole(time_us / US_PER_HOUR, arena);
        return true;
    case UNIT_DAY:
    case UNIT_WEEK:
    case UNIT_MONTH:
    case UNIT_QUARTER:
    case UNIT_YEAR:
    case UNIT_DECADE:
    case UNIT_CENTURY:
    case UNIT_MILLENNIUM:
    case UNIT_ISO_YEAR:
    case UNIT_DAY_OF_WEEK:
    case UNIT_ISO_DAY_OF_WEEK:
    case UNIT_DAY_OF_YEAR:
    case UNIT_JULIAN:
    case UNIT_EPOCH:
    case UNIT_ZONE:
    case UNIT_ZONE_HOUR:
    case UNIT_ZONE_MINUTE:
    case UNIT_NONE:
        break;
    }
    return false;
}

// ---- extract ------------------------------------------------------------------------------------

Status date_extract(const DateTimeUnit *unit, int32_t date, Arena *arena, Extracted *result_out) {
    if (unit->unit <= UNIT_HOUR || unit->unit >= UNIT_ZONE) return fail_unit(unit);
    if (date_is_infinite(date)) {
        return extract_infinity(unit, date == DATE_MINUS_INFINITY, result_out);
    }
    int64_t value = ((int64_t)date - UNIX_EPOCH_DAYS) * SECONDS_PER_DAY;
    if (unit->unit != UNIT_EPOCH && !extract_of_date((Unit)unit->unit, date, &value)) {
        return fail_unit(unit);
    }
    *result_out = whole(value, arena);
    return OK;
}

Status time_extract(
    const DateTimeUnit *unit, int64_t time_us, Arena *arena, Extracted *result_out) {
    if (unit->unit == UNIT_EPOCH) {
        *result_out = scaled(time_us, 6, 1000000.0, arena);
        return OK;
    }
    return extract_of_time((Unit)unit->unit, time_us, arena, result_out) ? OK : fail_unit(unit);
}

// `local` is what the clock shows, `instant` what counts for the epoch.
static Status extract_moment(
    const DateTimeUnit *unit, int64_t local, int64_t instant, Arena *arena, Extracted *result_out) {
    if (timestamp_is_infinite(instant)) {
        return extract_infinity(unit, instant == TIMESTAMP_MINUS_INFINITY, result_out);
    }
    int64_t days = floor_divide(local, US_PER_DAY), time_us = local - days * US_PER_DAY, value;
    if (unit->unit == UNIT_EPOCH) {
        Int128 since = (Int128)instant - UNIX_EPOCH_DAYS * US_PER_DAY;
        *result_out = scaled(since, 6, 1000000.0, arena);
    } else if (unit->unit == UNIT_JULIAN) {
        Numeric day = numeric_from_int64(days + JULIAN_OF_EPOCH, arena);
        Numeric time = numeric_from_int64(time_us, arena);
        Numeric day_us = numeric_from_int64(US_PER_DAY, arena), part;
        TRY(numeric_divide(&time, &day_us, arena, &part));
        *result_out = (Extracted){.number = numeric_add(&day, &part, arena),
            .estimate = (double)(days + JULIAN_OF_EPOCH) + (double)time_us / (double)US_PER_DAY};
    } else if (extract_of_date((Unit)unit->unit, days, &value)) {
        *result_out = whole(value, arena);
    } else if (!extract_of_time((Unit)unit->unit, time_us, arena, result_out)) {
        return fail_unit(unit);
    }
    return OK;
}

Status timestamp_extract(
    const DateTimeUnit *unit, int64_t timestamp, Arena *arena, Extracted *result_out) {
    if (unit->unit >= UNIT_ZONE && !timestamp_is_infinite(timestamp)) return fail_unit(unit);
    return extract_moment(unit, timestamp, timestamp, arena, result_out);
}

Status timestamptz_extract(const DateTimeUnit *unit, const TimeZone *zone, int64_t timestamp,
    Arena *arena, Extracted *result_out) {
    int32_t offset = timestamp_is_infinite(timestamp)
                         ? 0
                         : time_zone_at(zone, timestamp_to_unix(timestamp)).offset_s;
    if (unit->unit >= UNIT_ZONE && !timestamp_is_infinite(timestamp)) {
        int32_t value = offset;
        if (unit->unit == UNIT_ZONE_HOUR) value = offset / SECONDS_PER_HOUR;
        if (unit->unit == UNIT_ZONE_MINUTE) value = offset / 60 % 60;
        *result_out = whole(value, arena);
        return OK;
    }
    return extract_moment(unit, timestamp + offset * US_PER_SECOND, timestamp, arena, result_out);
}

Status interval_extract(
    const DateTimeUnit *unit, const Interval *interval, Arena *arena, Extracted *result_out) {
    int64_t years = interval->months / MONTHS_PER_YEAR, months = interval->months % MONTHS_PER_YEAR;
    switch ((Unit)unit->unit) {
    case UNIT_DAY:
        *result_out = whole(interval->days, arena);
        return OK;
    case UNIT_MONTH:
        *result_out = whole(months, arena);
        return OK;
    case UNIT_QUARTER:
        *result_out = whole(months / 3 + 1, arena);
        return OK;
    case UNIT_YEAR:
        *result_out = whole(years, arena);
        return OK;
    case UNIT_DECADE:
        *result_out = whole(years / 10, arena);
        return OK;
    case UNIT_CENTURY:
        *result_out = whole(years / 100, arena);
        return OK;
    case UNIT_MILLENNIUM:
        *result_out = whole(years / 1000, arena);
        return OK;
    case UNIT_EPOCH: {
        // A year is 365.25 days, a month 30.
        int64_t quarter_days = years * 1461 + (months * DAYS_PER_MONTH + interval->days) * 4;
        int64_t seconds = quarter_days * (SECONDS_PER_DAY / 4);
        *result_out =
            scaled((Int128)seconds * US_PER_SECOND + interval->time_us, 6, 1000000.0, arena);
        // The same sum in doubles, in the order that decides how PostgreSQL rounds it.
        double estimate = (double)interval->time_us / 1000000.0;
        estimate += 365.25 * SECONDS_PER_DAY * (double)years;
        estimate += (double)DAYS_PER_MONTH * SECONDS_PER_DAY * (double)months;
        estimate += (double)SECONDS_PER_DAY * interval->days;
        result_out->estimate = estimate;
        return OK;
    }
    case UNIT_MICROSECOND:
    case UNIT_MILLISECOND:
    case UNIT_SECOND:
    case UNIT_MINUTE:
    case UNIT_HOUR:
    case UNIT_WEEK:
    case UNIT_ISO_YEAR:
    case UNIT_DAY_OF_WEEK:
    case UNIT_ISO_DAY_OF_WEEK:
    case UNIT_DAY_OF_YEAR:
    case UNIT_JULIAN:
    case UNIT_ZONE:
    case UNIT_ZONE_HOUR:
    case UNIT_ZONE_MINUTE:
    case UNIT_NONE:
        break;
    }
    return extract_of_time((Unit)unit->unit, interval->time_us, arena, result_out)
               ? OK
               : fail_unit(unit);
}

// ---- date_trunc ---------------------------------------------------------------------------------

// The first year of the decade, century or millennium that holds a year.
static int64_t bundle_start(Unit unit, int64_t year) {
    if (unit == UNIT_DECADE) return decade_of(year) * 10;
    int64_t size = unit == UNIT_CENTURY ? 100 : 1000, bundle = bundle_of(year, size);
    return year > 0 ? bundle * size - (size - 1) : bundle * size + 1;
}

// `*is_of_day_out`: the unit is a day or longer, so that the offset of the result may be another.
static Status truncate_local(
    const DateTimeUnit *unit, int64_t local, bool *is_of_day_out, int64_t *local_out) {
    DateTime date;
    int64_t days = floor_divide(local, US_PER_DAY), time_us = local - days * US_PER_DAY;
    civil_from_days(days, &date);
    *is_of_day_out = false;
    int64_t step = 0;
    switch ((Unit)unit->unit) {
    case UNIT_MICROSECOND:
        step = 1;
        break;
    case UNIT_MILLISECOND:
        step = 1000;
        break;
    case UNIT_SECOND:
        step = US_PER_SECOND;
        break;
    case UNIT_MINUTE:
        step = US_PER_MINUTE;
        break;
    case UNIT_HOUR:
        step = US_PER_HOUR;
        break;
    case UNIT_DAY:
        break;
    case UNIT_WEEK:
        days = monday_of(days);
        break;
    case UNIT_MONTH:
        days -= date.day - 1;
        break;
    case UNIT_QUARTER:
        days = days_from_civil(date.year, (date.month - 1) / 3 * 3 + 1, 1);
        break;
    case UNIT_YEAR:
        days = days_from_civil(date.year, 1, 1);
        break;
    case UNIT_DECADE:
    case UNIT_CENTURY:
    case UNIT_MILLENNIUM:
        days = days_from_civil(bundle_start((Unit)unit->unit, date.year), 1, 1);
        break;
    case UNIT_ISO_YEAR:
    case UNIT_DAY_OF_WEEK:
    case UNIT_ISO_DAY_OF_WEEK:
    case UNIT_DAY_OF_YEAR:
    case UNIT_JULIAN:
    case UNIT_EPOCH:
    case UNIT_ZONE:
    case UNIT_ZONE_HOUR:
    case UNIT_ZONE_MINUTE:
    case UNIT_NONE:
        return fail_unit(unit);
    }
    *is_of_day_out = step == 0;
    *local_out = days * US_PER_DAY + (step == 0 ? 0 : time_us / step * step);
    if (*local_out < TIMESTAMP_MIN) return fail(DATETIME_FIELD_OVERFLOW, "timestamp out of range");
    return OK;
}

Status timestamp_truncate(const DateTimeUnit *unit, int64_t timestamp, int64_t *timestamp_out) {
    bool is_of_day;
    if (timestamp_is_infinite(timestamp)) {
        *timestamp_out = timestamp;
        return OK;
    }
    return truncate_local(unit, timestamp, &is_of_day, timestamp_out);
}

Status timestamptz_truncate(
    const DateTimeUnit *unit, const TimeZone *zone, int64_t timestamp, int64_t *timestamp_out) {
    bool is_of_day;
    if (timestamp_is_infinite(timestamp)) {
        *timestamp_out = timestamp;
        return OK;
    }
    int64_t shift = time_zone_at(zone, timestamp_to_unix(timestamp)).offset_s * US_PER_SECOND,
            local;
    TRY(truncate_local(unit, timestamp + shift, &is_of_day, &local));
    if (is_of_day) return timestamp_to_timestamptz(zone, local, timestamp_out);
    *timestamp_out = local - shift;
    return OK;
}

Status interval_truncate(const DateTimeUnit *unit, const Interval *interval, Interval *result_out) {
    Interval result = *interval;
    int32_t month_step = 0;
    int64_t time_step = 0;
    switch ((Unit)unit->unit) {
    case UNIT_MICROSECOND:
        time_step = 1;
        break;
    case UNIT_MILLISECOND:
        time_step = 1000;
        break;
    case UNIT_SECOND:
        time_step = US_PER_SECOND;
        break;
    case UNIT_MINUTE:
        time_step = US_PER_MINUTE;
        break;
    case UNIT_HOUR:
        time_step = US_PER_HOUR;
        break;
    case UNIT_DAY:
        time_step = 0;
        break;
    case UNIT_MONTH:
        month_step = 1;
        break;
    case UNIT_QUARTER:
        month_step = 3;
        break;
    case UNIT_YEAR:
        month_step = 12;
        break;
    case UNIT_DECADE:
        month_step = 120;
        break;
    case UNIT_CENTURY:
        month_step = 1200;
        break;
    case UNIT_MILLENNIUM:
        month_step = 12000;
        break;
    case UNIT_WEEK: {
        Status status = fail_unit(unit);
        error_add_detail("Months usually have fractional weeks.");
        return status;
    }
    case UNIT_ISO_YEAR:
    case UNIT_DAY_OF_WEEK:
    case UNIT_ISO_DAY_OF_WEEK:
    case UNIT_DAY_OF_YEAR:
    case UNIT_JULIAN:
    case UNIT_EPOCH:
    case UNIT_ZONE:
    case UNIT_ZONE_HOUR:
    case UNIT_ZONE_MINUTE:
    case UNIT_NONE:
        return fail_unit(unit);
    }
    if (month_step > 0) {
        result = (Interval){.months = interval->months - interval->months % month_step};
    } else {
        result.time_us = time_step == 0 ? 0 : interval->time_us - interval->time_us % time_step;
    }
    *result_out = result;
    return OK;
}
