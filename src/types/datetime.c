#include "types/datetime.h"

#include "base/error.h"
#include "base/wide.h"
#include "types/datetime_write.h"
#include "types/time_zone_internal.h"

#include <math.h>

enum { DATE_OF_TIMESTAMP_END = 106751983 }; // 294277-01-01

static Status fail_timestamp(void) {
    return fail(DATETIME_FIELD_OVERFLOW, "timestamp out of range");
}

static Status fail_interval(void) {
    return fail(DATETIME_FIELD_OVERFLOW, "interval out of range");
}

int64_t timestamp_round(int64_t timestamp, int32_t precision) {
    static const int64_t units[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    if (precision < 0 || precision >= 6 || timestamp_is_infinite(timestamp)) return timestamp;
    int64_t unit = units[precision], half = unit / 2;
    return timestamp >= 0 ? (timestamp + half) / unit * unit : -((-timestamp + half) / unit * unit);
}

// ---- Casts --------------------------------------------------------------------------------------

static int64_t infinity_of_date(int32_t date) {
    return date == DATE_INFINITY ? TIMESTAMP_INFINITY : TIMESTAMP_MINUS_INFINITY;
}

static int32_t infinity_of_timestamp(int64_t timestamp) {
    return timestamp == TIMESTAMP_INFINITY ? DATE_INFINITY : DATE_MINUS_INFINITY;
}

Status date_to_timestamp(int32_t date, int64_t *timestamp_out) {
    if (date_is_infinite(date)) {
        *timestamp_out = infinity_of_date(date);
        return OK;
    }
    if (date >= DATE_OF_TIMESTAMP_END) {
        return fail(DATETIME_FIELD_OVERFLOW, "date out of range for timestamp");
    }
    *timestamp_out = date * US_PER_DAY;
    return OK;
}

Status date_to_timestamptz(const TimeZone *zone, int32_t date, int64_t *timestamp_out) {
    int64_t midnight;
    TRY(date_to_timestamp(date, &midnight));
    if (timestamp_is_infinite(midnight)) {
        *timestamp_out = midnight;
        return OK;
    }
    int64_t instant =
        midnight - time_zone_at_local(zone, timestamp_to_unix(midnight)).offset_s * US_PER_SECOND;
    if (!timestamp_is_valid(instant)) {
        return fail(DATETIME_FIELD_OVERFLOW, "date out of range for timestamp");
    }
    *timestamp_out = instant;
    return OK;
}

int32_t timestamp_to_date(int64_t timestamp) {
    if (timestamp_is_infinite(timestamp)) return infinity_of_timestamp(timestamp);
    return (int32_t)floor_divide(timestamp, US_PER_DAY);
}

// What the zone's clocks show at a finite instant.
static int64_t local_of(const TimeZone *zone, int64_t timestamp) {
    return timestamp + time_zone_at(zone, timestamp_to_unix(timestamp)).offset_s * US_PER_SECOND;
}

// The instant at which they show it.
static bool instant_of(const TimeZone *zone, int64_t local, int64_t *timestamp_out) {
    int32_t offset = time_zone_at_local(zone, timestamp_to_unix(local)).offset_s;
    *timestamp_out = local - offset * US_PER_SECOND;
    return timestamp_is_valid(*timestamp_out);
}

int32_t timestamptz_to_date(const TimeZone *zone, int64_t timestamp) {
    if (timestamp_is_infinite(timestamp)) return infinity_of_timestamp(timestamp);
    return (int32_t)floor_divide(local_of(zone, timestamp), US_PER_DAY);
}

int64_t timestamp_to_time(int64_t timestamp) {
    return timestamp - floor_divide(timestamp, US_PER_DAY) * US_PER_DAY;
}

Status timestamp_to_timestamptz(const TimeZone *zone, int64_t timestamp, int64_t *timestamp_out) {
    if (timestamp_is_infinite(timestamp)) {
        *timestamp_out = timestamp;
        return OK;
    }
    return instant_of(zone, timestamp, timestamp_out) ? OK : fail_timestamp();
}

Status timestamptz_to_timestamp(const TimeZone *zone, int64_t timestamp, int64_t *timestamp_out) {
    if (timestamp_is_infinite(timestamp)) {
        *timestamp_out = timestamp;
        return OK;
    }
    *timestamp_out = local_of(zone, timestamp);
    return timestamp_is_valid(*timestamp_out) ? OK : fail_timestamp();
}

Status time_zone_require(const ValueContext *context, const char *name, size_t count, Arena *arena,
    const TimeZone **zone_out) {
    char lower[64] = {0};
    for (size_t i = 0; i < count && i + 1 < sizeof lower; i++) {
        lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i]);
    }
    const ZoneAbbreviation *abbreviation = zone_abbreviation_find(lower);
    if (abbreviation != NULL && abbreviation->zone == NULL) {
        *zone_out = time_zone_make_fixed(abbreviation->offset_s, arena);
        return OK;
    }
    const TimeZone *zone = abbreviation != NULL
                               ? time_zone_find(context->time_zones, abbreviation->zone,
                                   strlen(abbreviation->zone), arena)
                               : time_zone_find(context->time_zones, name, count, arena);
    if (zone == NULL) {
        return fail(INVALID_PARAMETER_VALUE, "time zone \"%.*s\" not recognized", (int)count, name);
    }
    *zone_out = zone;
    return OK;
}

Status time_zone_from_interval(const ValueContext *context, const Interval *interval, Arena *arena,
    const TimeZone **zone_out) {
    if (interval->months != 0 || interval->days != 0) {
        Text text;
        text_init(&text, arena);
        interval_write(context, interval, &text);
        return fail(INVALID_PARAMETER_VALUE,
            "interval time zone \"%s\" must not include months or days", text.data);
    }
    *zone_out = time_zone_make_fixed((int32_t)(interval->time_us / US_PER_SECOND), arena);
    return OK;
}

Status timestamp_from_unix(double seconds, int64_t *timestamp_out) {
    if (isnan(seconds)) return fail(DATETIME_FIELD_OVERFLOW, "timestamp cannot be NaN");
    if (isinf(seconds)) {
        *timestamp_out = seconds > 0 ? TIMESTAMP_INFINITY : TIMESTAMP_MINUS_INFINITY;
        return OK;
    }
    const double unix_epoch_s = (double)UNIX_EPOCH_DAYS * SECONDS_PER_DAY;
    double least = (double)DATE_MIN * SECONDS_PER_DAY - unix_epoch_s;
    double end = (double)DATE_OF_TIMESTAMP_END * SECONDS_PER_DAY - unix_epoch_s;
    double moment = rint((seconds + unix_epoch_s) * (double)US_PER_SECOND);
    bool is_fine = seconds >= least && seconds < end && moment >= (double)TIMESTAMP_MIN
                   && moment < (double)TIMESTAMP_END;
    if (!is_fine) {
        return fail(DATETIME_FIELD_OVERFLOW, "timestamp out of range: \"%g\"", seconds);
    }
    *timestamp_out = (int64_t)moment;
    return OK;
}

// ---- Sums and differences -----------------------------------------------------------------------

Status date_add_days(int32_t date, int32_t days, int32_t *date_out) {
    if (date_is_infinite(date)) {
        *date_out = date;
        return OK;
    }
    int64_t result = (int64_t)date + days;
    if (!date_is_valid(result)) return fail(DATETIME_FIELD_OVERFLOW, "date out of range");
    *date_out = (int32_t)result;
    return OK;
}

Status date_subtract(int32_t a, int32_t b, int32_t *days_out) {
    if (date_is_infinite(a) || date_is_infinite(b)) {
        return fail(DATETIME_FIELD_OVERFLOW, "cannot subtract infinite dates");
    }
    *days_out = a - b;
    return OK;
}

int64_t time_add_interval(int64_t time_us, const Interval *interval) {
    int64_t sum = time_us + interval->time_us % US_PER_DAY;
    return sum - floor_divide(sum, US_PER_DAY) * US_PER_DAY;
}

// Adds months on the calendar; the day is that of the month's end at most.
static bool add_months(int64_t timestamp, int32_t months, int64_t *timestamp_out) {
    DateTime fields;
    timestamp_to_fields(timestamp, &fields);
    int64_t month = (int64_t)fields.month - 1 + months;
    int64_t years = floor_divide(month, MONTHS_PER_YEAR);
    fields.year += (int32_t)years;
    fields.month = (int32_t)(month - years * MONTHS_PER_YEAR) + 1;
    int32_t last = days_in_month(fields.year, fields.month);
    if (fields.day > last) fields.day = last;
    return timestamp_from_fields(&fields, timestamp_out);
}

static bool add_days(int64_t timestamp, int32_t days, int64_t *timestamp_out) {
    int64_t shift;
    return !__builtin_mul_overflow(days, US_PER_DAY, &shift)
           && !__builtin_add_overflow(timestamp, shift, timestamp_out)
           && timestamp_is_valid(*timestamp_out);
}

Status timestamp_add_interval(int64_t timestamp, const Interval *interval, int64_t *timestamp_out) {
    int64_t result = timestamp;
    if (!timestamp_is_infinite(timestamp)) {
        if (interval->months != 0 && !add_months(result, interval->months, &result)) {
            return fail_timestamp();
        }
        if (interval->days != 0 && !add_days(result, interval->days, &result)) {
            return fail_timestamp();
        }
        if (__builtin_add_overflow(result, interval->time_us, &result)
            || !timestamp_is_valid(result)) {
            return fail_timestamp();
        }
    }
    *timestamp_out = result;
    return OK;
}

Status timestamptz_add_interval(
    const TimeZone *zone, int64_t timestamp, const Interval *interval, int64_t *timestamp_out) {
    int64_t result = timestamp;
    if (!timestamp_is_infinite(timestamp)) {
        if (interval->months != 0) {
            bool is_fine = add_months(local_of(zone, result), interval->months, &result)
                           && instant_of(zone, result, &result);
            if (!is_fine) return fail_timestamp();
        }
        if (interval->days != 0) {
            bool is_fine = add_days(local_of(zone, result), interval->days, &result)
                           && instant_of(zone, result, &result);
            if (!is_fine) return fail_timestamp();
        }
        if (__builtin_add_overflow(result, interval->time_us, &result)
            || !timestamp_is_valid(result)) {
            return fail_timestamp();
        }
    }
    *timestamp_out = result;
    return OK;
}

Status timestamp_subtract(int64_t a, int64_t b, Interval *interval_out) {
    if (timestamp_is_infinite(a) || timestamp_is_infinite(b)) {
        return fail(DATETIME_FIELD_OVERFLOW, "cannot subtract infinite timestamps");
    }
    Interval difference = {0};
    if (__builtin_sub_overflow(a, b, &difference.time_us)) return fail_interval();
    return interval_justify_hours(&difference, interval_out);
}

Status timestamp_age(int64_t a, int64_t b, Interval *interval_out) {
    if (timestamp_is_infinite(a) || timestamp_is_infinite(b)) return fail_timestamp();
    // From the later to the earlier one; the sign comes at the end.
    bool is_negative = a < b;
    DateTime late, early;
    timestamp_to_fields(is_negative ? b : a, &late);
    timestamp_to_fields(is_negative ? a : b, &early);
    int64_t time_us = time_from_fields(&late) - time_from_fields(&early);
    int32_t days = late.day - early.day, months = late.month - early.month;
    int32_t years = late.year - early.year;
    if (time_us < 0) {
        time_us += US_PER_DAY;
        days--;
    }
    while (days < 0) { // a borrowed month is as long as the earlier date's
        days += days_in_month(early.year, early.month);
        months--;
    }
    if (months < 0) {
        months += MONTHS_PER_YEAR;
        years--;
    }
    Interval age = {time_us, days, years * MONTHS_PER_YEAR + months};
    if (is_negative) return interval_negate(&age, interval_out);
    *interval_out = age;
    return OK;
}

Status timestamptz_age(const TimeZone *zone, int64_t a, int64_t b, Interval *interval_out) {
    if (timestamp_is_infinite(a) || timestamp_is_infinite(b)) return fail_timestamp();
    return timestamp_age(local_of(zone, a), local_of(zone, b), interval_out);
}

Status interval_negate(const Interval *interval, Interval *result_out) {
    if (interval->time_us == INT64_MIN || interval->days == INT32_MIN
        || interval->months == INT32_MIN) {
        return fail_interval();
    }
    *result_out = (Interval){-interval->time_us, -interval->days, -interval->months};
    return OK;
}

Status interval_add(const Interval *a, const Interval *b, Interval *result_out) {
    Interval result;
    if (__builtin_add_overflow(a->months, b->months, &result.months)
        || __builtin_add_overflow(a->days, b->days, &result.days)
        || __builtin_add_overflow(a->time_us, b->time_us, &result.time_us)) {
        return fail_interval();
    }
    *result_out = result;
    return OK;
}

Status interval_subtract(const Interval *a, const Interval *b, Interval *result_out) {
    Interval result;
    if (__builtin_sub_overflow(a->months, b->months, &result.months)
        || __builtin_sub_overflow(a->days, b->days, &result.days)
        || __builtin_sub_overflow(a->time_us, b->time_us, &result.time_us)) {
        return fail_interval();
    }
    *result_out = result;
    return OK;
}

static bool fits_int32(double value) {
    return value >= -2147483648.0 && value < 2147483648.0;
}

// To whole microseconds of a unit of seconds or days, against the errors of floating point.
static double round_micro(double value) {
    return rint(value * 1000000.0) / 1000000.0;
}

// An interval whose exact months, days and microseconds are these: fractions go to the smaller
// units.
static Status interval_from_parts(
    double months, double days, double time_us, Interval *result_out) {
    if (isnan(months) || !fits_int32(months) || isnan(days) || !fits_int32(days)) {
        return fail_interval();
    }
    Interval result = {.months = (int32_t)months, .days = (int32_t)days};
    double month_days = round_micro((months - result.months) * DAYS_PER_MONTH);
    double seconds =
        round_micro((days - result.days + month_days - (int32_t)month_days) * SECONDS_PER_DAY);
    if (fabs(seconds) >= SECONDS_PER_DAY) {
        int32_t whole = (int32_t)(seconds / SECONDS_PER_DAY);
        if (__builtin_add_overflow(result.days, whole, &result.days)) return fail_interval();
        seconds -= (double)whole * SECONDS_PER_DAY;
    }
    if (__builtin_add_overflow(result.days, (int32_t)month_days, &result.days)) {
        return fail_interval();
    }
    double time = rint(time_us + seconds * (double)US_PER_SECOND);
    if (isnan(time) || time < -9223372036854775808.0 || time >= 9223372036854775808.0) {
        return fail_interval();
    }
    result.time_us = (int64_t)time;
    *result_out = result;
    return OK;
}

Status interval_multiply(const Interval *interval, double factor, Interval *result_out) {
    return interval_from_parts(interval->months * factor, interval->days * factor,
        (double)interval->time_us * factor, result_out);
}

Status interval_divide(const Interval *interval, double divisor, Interval *result_out) {
    if (divisor == 0) return fail(DIVISION_BY_ZERO, "division by zero");
    return interval_from_parts(interval->months / divisor, interval->days / divisor,
        (double)interval->time_us / divisor, result_out);
}

// Makes the time's sign that of the days.
static void align_time(Interval *interval) {
    if (interval->days > 0 && interval->time_us < 0) {
        interval->time_us += US_PER_DAY;
        interval->days--;
    } else if (interval->days < 0 && interval->time_us > 0) {
        interval->time_us -= US_PER_DAY;
        interval->days++;
    }
}

static bool carry_days(Interval *interval) {
    int32_t whole = (int32_t)(interval->time_us / US_PER_DAY);
    interval->time_us -= whole * US_PER_DAY;
    return !__builtin_add_overflow(interval->days, whole, &interval->days);
}

static bool carry_months(Interval *interval) {
    int32_t whole = interval->days / DAYS_PER_MONTH;
    interval->days -= whole * DAYS_PER_MONTH;
    return !__builtin_add_overflow(interval->months, whole, &interval->months);
}

Status interval_justify_hours(const Interval *interval, Interval *result_out) {
    Interval result = *interval;
    if (!carry_days(&result)) return fail_interval();
    align_time(&result);
    *result_out = result;
    return OK;
}

Status interval_justify_days(const Interval *interval, Interval *result_out) {
    Interval result = *interval;
    if (!carry_months(&result)) return fail_interval();
    if (result.months > 0 && result.days < 0) {
        result.days += DAYS_PER_MONTH;
        result.months--;
    } else if (result.months < 0 && result.days > 0) {
        result.days -= DAYS_PER_MONTH;
        result.months++;
    }
    *result_out = result;
    return OK;
}

Status interval_justify(const Interval *interval, Interval *result_out) {
    Interval result = *interval;
    // Days first where they and the time add up, so that they cannot overflow.
    bool is_same_sign =
        (result.days > 0 && result.time_us > 0) || (result.days < 0 && result.time_us < 0);
    if (is_same_sign && !carry_months(&result)) return fail_interval();
    if (!carry_days(&result) || !carry_months(&result)) return fail_interval();
    if (result.months > 0 && (result.days < 0 || (result.days == 0 && result.time_us < 0))) {
        result.days += DAYS_PER_MONTH;
        result.months--;
    } else if (result.months < 0 && (result.days > 0 || (result.days == 0 && result.time_us > 0))) {
        result.days -= DAYS_PER_MONTH;
        result.months++;
    }
    align_time(&result);
    *result_out = result;
    return OK;
}

static Int128 span_of(const Interval *interval) {
    Int128 days = (Int128)interval->months * DAYS_PER_MONTH + interval->days;
    return days * US_PER_DAY + interval->time_us;
}

int interval_compare_spans(const Interval *a, const Interval *b) {
    Int128 left = span_of(a), right = span_of(b);
    return (left > right) - (left < right);
}

// ---- Making -------------------------------------------------------------------------------------

// A year below 0 is one before Christ, and there is no year 0.
static bool civil_make(int32_t year, int32_t month, int32_t day, DateTime *fields_out) {
    if (year == 0 || year == INT32_MIN || month < 1 || month > MONTHS_PER_YEAR || day < 1) {
        return false;
    }
    *fields_out = (DateTime){.year = year < 0 ? year + 1 : year, .month = month, .day = day};
    return day <= days_in_month(fields_out->year, month);
}

Status date_make(int32_t year, int32_t month, int32_t day, int32_t *date_out) {
    DateTime fields;
    if (!civil_make(year, month, day, &fields)) {
        return fail(DATETIME_FIELD_OVERFLOW, "date field value out of range: %d-%02d-%02d", year,
            month, day);
    }
    int64_t days = days_from_civil(fields.year, month, day);
    if (!date_is_in_julian_range(fields.year, month, day) || !date_is_valid(days)) {
        return fail(DATETIME_FIELD_OVERFLOW, "date out of range: %d-%02d-%02d", year, month, day);
    }
    *date_out = (int32_t)days;
    return OK;
}

Status time_make(int32_t hour, int32_t minute, double second, int64_t *time_out) {
    double micro = rint(second * (double)US_PER_SECOND);
    bool is_fine = hour >= 0 && hour <= 24 && minute >= 0 && minute < 60 && !isnan(second)
                   && second >= 0 && second <= 60;
    int64_t time_us =
        is_fine ? hour * US_PER_HOUR + minute * US_PER_MINUTE + (int64_t)micro : US_PER_DAY + 1;
    if (time_us > US_PER_DAY) {
        return fail(DATETIME_FIELD_OVERFLOW, "time field value out of range: %d:%02d:%02g", hour,
            minute, second);
    }
    *time_out = time_us;
    return OK;
}

Status timestamp_make(int32_t year, int32_t month, int32_t day, int32_t hour, int32_t minute,
    double second, int64_t *timestamp_out) {
    DateTime fields;
    int64_t time_us, timestamp;
    if (!civil_make(year, month, day, &fields)) {
        return fail(DATETIME_FIELD_OVERFLOW, "date field value out of range: %d-%02d-%02d", year,
            month, day);
    }
    if (!date_is_in_julian_range(fields.year, month, day)) {
        return fail(DATETIME_FIELD_OVERFLOW, "date out of range: %d-%02d-%02d", year, month, day);
    }
    TRY(time_make(hour, minute, second, &time_us));
    int64_t days = days_from_civil(fields.year, month, day);
    if (__builtin_mul_overflow(days, US_PER_DAY, &timestamp)
        || __builtin_add_overflow(timestamp, time_us, &timestamp)
        || !timestamp_is_valid(timestamp)) {
        return fail(DATETIME_FIELD_OVERFLOW, "timestamp out of range: %d-%02d-%02d %d:%02d:%02g",
            year, month, day, hour, minute, second);
    }
    *timestamp_out = timestamp;
    return OK;
}

Status timestamptz_make(const TimeZone *zone, int32_t year, int32_t month, int32_t day,
    int32_t hour, int32_t minute, double second, int64_t *timestamp_out) {
    int64_t local;
    TRY(timestamp_make(year, month, day, hour, minute, second, &local));
    return timestamp_to_timestamptz(zone, local, timestamp_out);
}

Status interval_make(int32_t years, int32_t months, int32_t weeks, int32_t days, int32_t hours,
    int32_t minutes, double seconds, Interval *interval_out) {
    if (isinf(seconds) || isnan(seconds)) return fail_interval();
    Interval result;
    double micro = rint(seconds * (double)US_PER_SECOND);
    int32_t year_months, week_days;
    int64_t clock = hours * US_PER_HOUR + minutes * US_PER_MINUTE;
    if (__builtin_mul_overflow(years, MONTHS_PER_YEAR, &year_months)
        || __builtin_add_overflow(year_months, months, &result.months)
        || __builtin_mul_overflow(weeks, 7, &week_days)
        || __builtin_add_overflow(week_days, days, &result.days) || fabs(micro) >= 9.2e18
        || __builtin_add_overflow(clock, (int64_t)micro, &result.time_us)) {
        return fail_interval();
    }
    *interval_out = result;
    return OK;
}
