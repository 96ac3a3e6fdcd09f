#include "types/datetime_write.h"

#include "types/datetime.h"

#include <stdlib.h>

enum { ZONE_NAME_SHOWN_MAX = 10 };

static const char *const month_names[] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const day_names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

static void append_two(Text *out, int32_t value) {
    if (value > 99) { // only the hours of an offset that a POSIX rule made
        text_append_u64(out, (uint64_t)value);
        return;
    }
    char *at = text_extend(out, 2);
    at[0] = (char)('0' + value / 10);
    at[1] = (char)('0' + value % 10);
}

static void append_year(Text *out, int32_t year) {
    int32_t shown = year > 0 ? year : 1 - year;
    if (shown > 9999) {
        text_append_i64(out, shown);
        return;
    }
    append_two(out, shown / 100);
    append_two(out, shown % 100);
}

static void append_era(Text *out, int32_t year) {
    if (year <= 0) text_append_text(out, " BC");
}

// Six decimals without the zeros at their end.
static void append_fraction(Text *out, int32_t microsecond) {
    if (microsecond == 0) return;
    text_append_char(out, '.');
    append_two(out, microsecond / 10000);
    append_two(out, microsecond / 100 % 100);
    append_two(out, microsecond % 100);
    while (out->data[out->count - 1] == '0') {
        out->data[--out->count] = '\0';
    }
}

static void append_time(Text *out, const DateTime *time) {
    append_two(out, time->hour);
    text_append_char(out, ':');
    append_two(out, time->minute);
    text_append_char(out, ':');
    append_two(out, time->second);
    append_fraction(out, time->microsecond);
}

// The date in figures, without its era.
static void append_date(const ValueContext *context, Text *out, const DateTime *date) {
    char separator = '/';
    switch (context->date_style) {
    case DATE_STYLE_ISO:
        append_year(out, date->year);
        text_append_char(out, '-');
        append_two(out, date->month);
        text_append_char(out, '-');
        append_two(out, date->day);
        return;
    case DATE_STYLE_GERMAN:
        append_two(out, date->day);
        text_append_char(out, '.');
        append_two(out, date->month);
        text_append_char(out, '.');
        append_year(out, date->year);
        return;
    case DATE_STYLE_POSTGRES:
        separator = '-';
        break;
    case DATE_STYLE_SQL:
        break;
    }
    bool is_day_first = context->date_order == DATE_ORDER_DMY;
    append_two(out, is_day_first ? date->day : date->month);
    text_append_char(out, separator);
    append_two(out, is_day_first ? date->month : date->day);
    text_append_char(out, separator);
    append_year(out, date->year);
}

void date_write(const ValueContext *context, int32_t date, Text *out) {
    if (date_is_infinite(date)) {
        text_append_text(out, date == DATE_INFINITY ? "infinity" : "-infinity");
        return;
    }
    DateTime fields;
    civil_from_days(date, &fields);
    append_date(context, out, &fields);
    append_era(out, fields.year);
}

void time_write(int64_t time_us, Text *out) {
    DateTime fields;
    time_to_fields(time_us, &fields);
    append_time(out, &fields);
}

void offset_write(int32_t offset_s, Text *out) {
    int32_t east = abs(offset_s);
    text_append_char(out, offset_s < 0 ? '-' : '+');
    append_two(out, east / SECONDS_PER_HOUR);
    if (east % SECONDS_PER_HOUR == 0) return;
    text_append_char(out, ':');
    append_two(out, east / 60 % 60);
    if (east % 60 == 0) return;
    text_append_char(out, ':');
    append_two(out, east % 60);
}

// `local` is NULL without a zone.
static void append_moment(
    const ValueContext *context, Text *out, const DateTime *fields, const LocalTime *local) {
    if (context->date_style == DATE_STYLE_POSTGRES) {
        int64_t days = days_from_civil(fields->year, fields->month, fields->day);
        const char *month = month_names[fields->month - 1];
        text_append_text(out, day_names[day_of_week(days)]);
        if (context->date_order == DATE_ORDER_DMY) {
            text_append_format(out, " %02d %s ", fields->day, month);
        } else {
            text_append_format(out, " %s %02d ", month, fields->day);
        }
        append_time(out, fields);
        text_append_char(out, ' ');
        append_year(out, fields->year);
    } else {
        append_date(context, out, fields);
        text_append_char(out, ' ');
        append_time(out, fields);
    }
    if (local != NULL && context->date_style == DATE_STYLE_ISO) {
        offset_write(local->offset_s, out);
    } else if (local != NULL) {
        text_append_format(out, " %.*s", ZONE_NAME_SHOWN_MAX, local->abbreviation);
    }
    append_era(out, fields->year);
}

static bool append_infinity(int64_t timestamp, Text *out) {
    if (!timestamp_is_infinite(timestamp)) return false;
    text_append_text(out, timestamp == TIMESTAMP_INFINITY ? "infinity" : "-infinity");
    return true;
}

void timestamp_write(const ValueContext *context, int64_t timestamp, Text *out) {
    if (append_infinity(timestamp, out)) return;
    DateTime fields;
    timestamp_to_fields(timestamp, &fields);
    append_moment(context, out, &fields, NULL);
}

void timestamptz_write(const ValueContext *context, int64_t timestamp, Text *out) {
    if (append_infinity(timestamp, out)) return;
    LocalTime local = time_zone_at(context->time_zone, timestamp_to_unix(timestamp));
    DateTime fields;
    timestamp_to_fields(timestamp + local.offset_s * US_PER_SECOND, &fields);
    append_moment(context, out, &fields, &local);
}

// ---- Intervals ----------------------------------------------------------------------------------

// An interval's parts, each of the sign of the field it comes from.
typedef struct Parts {
    int64_t year, month, day, hour, minute, second, microsecond;
} Parts;

static Parts parts_of(const Interval *interval) {
    return (Parts){
        .year = interval->months / MONTHS_PER_YEAR,
        .month = interval->months % MONTHS_PER_YEAR,
        .day = interval->days,
        .hour = interval->time_us / US_PER_HOUR,
        .minute = interval->time_us / US_PER_MINUTE % 60,
        .second = interval->time_us / US_PER_SECOND % 60,
        .microsecond = interval->time_us % US_PER_SECOND,
    };
}

static void append_seconds(Text *out, const Parts *parts, bool is_padded) {
    text_append_format(out, is_padded ? "%02d" : "%d", abs((int)parts->second));
    append_fraction(out, abs((int)parts->microsecond));
}

static bool time_is_negative(const Parts *parts) {
    return parts->hour < 0 || parts->minute < 0 || parts->second < 0 || parts->microsecond < 0;
}

static bool has_time(const Parts *parts) {
    return parts->hour != 0 || parts->minute != 0 || parts->second != 0 || parts->microsecond != 0;
}

// What was written so far decides the next part's sign and blank.
typedef struct Progress {
    bool is_zero, is_before;
} Progress;

static void append_postgres_part(Text *out, int64_t value, const char *unit, Progress *progress) {
    if (value == 0) return;
    text_append_format(out, "%s%s%lld %s%s", progress->is_zero ? "" : " ",
        progress->is_before && value > 0 ? "+" : "", (long long)value, unit, value != 1 ? "s" : "");
    progress->is_before = value < 0;
    progress->is_zero = false;
}

static void write_postgres(const Parts *parts, Text *out) {
    Progress progress = {.is_zero = true};
    append_postgres_part(out, parts->year, "year", &progress);
    append_postgres_part(out, parts->month, "mon", &progress);
    append_postgres_part(out, parts->day, "day", &progress);
    if (!progress.is_zero && !has_time(parts)) return;
    const char *sign = time_is_negative(parts) ? "-" : progress.is_before ? "+" : "";
    text_append_format(out, "%s%s%02lld:%02d:", progress.is_zero ? "" : " ", sign,
        llabs(parts->hour), abs((int)parts->minute));
    append_seconds(out, parts, true);
}

static void append_verbose_part(Text *out, int64_t value, const char *unit, Progress *progress) {
    if (value == 0) return;
    if (progress->is_zero) {
        progress->is_before = value < 0;
        value = llabs(value);
    } else if (progress->is_before) {
        value = -value;
    }
    text_append_format(out, " %lld %s%s", (long long)value, unit, value == 1 ? "" : "s");
    progress->is_zero = false;
}

static void write_verbose(const Parts *parts, Text *out) {
    Progress progress = {.is_zero = true};
    text_append_char(out, '@');
    append_verbose_part(out, parts->year, "year", &progress);
    append_verbose_part(out, parts->month, "mon", &progress);
    append_verbose_part(out, parts->day, "day", &progress);
    append_verbose_part(out, parts->hour, "hour", &progress);
    append_verbose_part(out, parts->minute, "min", &progress);
    if (parts->second != 0 || parts->microsecond != 0) {
        text_append_char(out, ' ');
        if (parts->second < 0 || parts->microsecond < 0) {
            if (progress.is_zero) {
                progress.is_before = true;
            } else if (!progress.is_before) {
                text_append_char(out, '-');
            }
        } else if (progress.is_before) {
            text_append_char(out, '-');
        }
        append_seconds(out, parts, false);
        bool is_one = llabs(parts->second) == 1 && parts->microsecond == 0;
        text_append_text(out, is_one ? " sec" : " secs");
        progress.is_zero = false;
    }
    if (progress.is_zero) text_append_text(out, " 0");
    if (progress.is_before) text_append_text(out, " ago");
}

static void write_sql_standard(const Parts *parts, Text *out) {
    bool has_year_month = parts->year != 0 || parts->month != 0;
    bool has_day_time = parts->day != 0 || has_time(parts);
    bool has_negative =
        parts->year < 0 || parts->month < 0 || parts->day < 0 || time_is_negative(parts);
    bool has_positive = parts->year > 0 || parts->month > 0 || parts->day > 0 || parts->hour > 0
                        || parts->minute > 0 || parts->second > 0 || parts->microsecond > 0;
    bool is_standard = !(has_negative && has_positive) && !(has_year_month && has_day_time);
    long long hour = llabs(parts->hour);
    int minute = abs((int)parts->minute);
    if (!has_negative && !has_positive) {
        text_append_char(out, '0');
        return;
    }
    if (!is_standard) {
        // What the standard cannot say gets a sign for every part.
        text_append_format(out,
            "%c%lld-%lld %c%lld %c%lld:%02d:", parts->year < 0 || parts->month < 0 ? '-' : '+',
            llabs(parts->year), llabs(parts->month), parts->day < 0 ? '-' : '+', llabs(parts->day),
            time_is_negative(parts) ? '-' : '+', hour, minute);
        append_seconds(out, parts, true);
        return;
    }
    if (has_negative) text_append_char(out, '-');
    if (has_year_month) {
        text_append_format(out, "%lld-%lld", llabs(parts->year), llabs(parts->month));
        return;
    }
    if (parts->day != 0) text_append_format(out, "%lld ", llabs(parts->day));
    text_append_format(out, "%lld:%02d:", hour, minute);
    append_seconds(out, parts, true);
}

static void append_iso_part(Text *out, int64_t value, char unit) {
    if (value != 0) text_append_format(out, "%lld%c", (long long)value, unit);
}

static void write_iso_8601(const Parts *parts, Text *out) {
    bool has_date = parts->year != 0 || parts->month != 0 || parts->day != 0;
    if (!has_date && !has_time(parts)) {
        text_append_text(out, "PT0S");
        return;
    }
    text_append_char(out, 'P');
    append_iso_part(out, parts->year, 'Y');
    append_iso_part(out, parts->month, 'M');
    append_iso_part(out, parts->day, 'D');
    if (!has_time(parts)) return;
    text_append_char(out, 'T');
    append_iso_part(out, parts->hour, 'H');
    append_iso_part(out, parts->minute, 'M');
    if (parts->second == 0 && parts->microsecond == 0) return;
    if (parts->second < 0 || parts->microsecond < 0) text_append_char(out, '-');
    append_seconds(out, parts, false);
    text_append_char(out, 'S');
}

void interval_write(const ValueContext *context, const Interval *interval, Text *out) {
    Parts parts = parts_of(interval);
    switch (context->interval_style) {
    case INTERVAL_STYLE_POSTGRES:
        write_postgres(&parts, out);
        break;
    case INTERVAL_STYLE_POSTGRES_VERBOSE:
        write_verbose(&parts, out);
        break;
    case INTERVAL_STYLE_SQL_STANDARD:
        write_sql_standard(&parts, out);
        break;
    case INTERVAL_STYLE_ISO_8601:
        write_iso_8601(&parts, out);
        break;
    }
}
