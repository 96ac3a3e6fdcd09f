// extract, date_part, date_trunc, date_bin, and generate_series over timestamps.
//
// Source  PostgreSQL 15 src/backend/utils/adt/timestamp.c for what each unit means.
#include "base/error.h"
#include "functions/kernels_internal.h"
#include "functions/unicode_internal.h"
#include "types/datetime.h"
#include "types/numeric.h"

#include <math.h>
#include <stdlib.h>

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
    UNIT_TIME_ZONE,
    UNIT_TIME_ZONE_HOUR,
    UNIT_TIME_ZONE_MINUTE,
} Unit;

typedef struct UnitName {
    const char *name;
    Unit unit;
} UnitName;

enum { UNIT_NAME_MAX = 10 }; // longer names are compared by their first letters

// In order.
static const UnitName unit_names[] = {{"c", UNIT_CENTURY}, {"cent", UNIT_CENTURY},
    {"centuries", UNIT_CENTURY}, {"century", UNIT_CENTURY}, {"d", UNIT_DAY}, {"day", UNIT_DAY},
    {"days", UNIT_DAY}, {"dec", UNIT_DECADE}, {"decade", UNIT_DECADE}, {"decades", UNIT_DECADE},
    {"decs", UNIT_DECADE}, {"dow", UNIT_DAY_OF_WEEK}, {"doy", UNIT_DAY_OF_YEAR},
    {"epoch", UNIT_EPOCH}, {"h", UNIT_HOUR}, {"hour", UNIT_HOUR}, {"hours", UNIT_HOUR},
    {"hr", UNIT_HOUR}, {"hrs", UNIT_HOUR}, {"isodow", UNIT_ISO_DAY_OF_WEEK},
    {"isoyear", UNIT_ISO_YEAR}, {"julian", UNIT_JULIAN}, {"m", UNIT_MINUTE},
    {"microsecon", UNIT_MICROSECOND}, {"mil", UNIT_MILLENNIUM}, {"millennia", UNIT_MILLENNIUM},
    {"millennium", UNIT_MILLENNIUM}, {"millisecon", UNIT_MILLISECOND}, {"mils", UNIT_MILLENNIUM},
    {"min", UNIT_MINUTE}, {"mins", UNIT_MINUTE}, {"minute", UNIT_MINUTE}, {"minutes", UNIT_MINUTE},
    {"mon", UNIT_MONTH}, {"mons", UNIT_MONTH}, {"month", UNIT_MONTH}, {"months", UNIT_MONTH},
    {"ms", UNIT_MILLISECOND}, {"msec", UNIT_MILLISECOND}, {"msecs", UNIT_MILLISECOND},
    {"qtr", UNIT_QUARTER}, {"quarter", UNIT_QUARTER}, {"s", UNIT_SECOND}, {"sec", UNIT_SECOND},
    {"second", UNIT_SECOND}, {"seconds", UNIT_SECOND}, {"secs", UNIT_SECOND},
    {"timezone", UNIT_TIME_ZONE}, {"timezone_h", UNIT_TIME_ZONE_HOUR},
    {"timezone_m", UNIT_TIME_ZONE_MINUTE}, {"us", UNIT_MICROSECOND}, {"usec", UNIT_MICROSECOND},
    {"usecs", UNIT_MICROSECOND}, {"w", UNIT_WEEK}, {"week", UNIT_WEEK}, {"weeks", UNIT_WEEK},
    {"y", UNIT_YEAR}, {"year", UNIT_YEAR}, {"years", UNIT_YEAR}, {"yr", UNIT_YEAR},
    {"yrs", UNIT_YEAR}};

// A unit argument, and the type for messages.
typedef struct UnitRequest {
    Unit unit;
    char text[64]; // in lower case, cut for messages
    Oid type;
} UnitRequest;

static int unit_name_compare(const void *wanted, const void *name) {
    return strncmp(wanted, ((const UnitName *)name)->name, UNIT_NAME_MAX);
}

static Status fail_unit(const UnitRequest *request, const char *how) {
    Arena scratch;
    arena_init(&scratch, NULL);
    Text type;
    text_init(&type, &scratch);
    type_format(sql_type(request->type), &type);
    bool is_unknown = strcmp(how, "recognized") == 0;
    Status status = fail(is_unknown ? INVALID_PARAMETER_VALUE : FEATURE_NOT_SUPPORTED,
        "unit \"%s\" not %s for type %s", request->text, how, type.data);
    arena_deinit(&scratch);
    return status;
}

static Status unit_find(Bytes text, Oid type, UnitRequest *request_out) {
    UnitRequest request = {.type = type};
    size_t count = text.count < sizeof request.text - 1 ? text.count : sizeof request.text - 1;
    for (size_t i = 0; i < count; i++) {
        request.text[i] = (char)(text.data[i] < 0x80 ? unicode_lower(text.data[i]) : text.data[i]);
    }
    char key[UNIT_NAME_MAX + 1] = {0};
    memcpy(key, request.text, count < UNIT_NAME_MAX ? count : UNIT_NAME_MAX);
    const UnitName *found = bsearch(key, unit_names, sizeof unit_names / sizeof unit_names[0],
        sizeof unit_names[0], unit_name_compare);
    if (found == NULL) return fail_unit(&request, "recognized");
    request.unit = found->unit;
    *request_out = request;
    return OK;
}

// ---- Parts of the calendar
// -----------------------------------------------------------------------

// The Monday of ISO week 1 of a year, as days since 2000-01-01.
static int64_t iso_year_start(int64_t year) {
    int64_t fourth = days_from_civil(year, 1, 4);
    return fourth - (day_of_week(fourth) + 6) % 7;
}

static int64_t iso_year_of(int64_t days, int64_t year) {
    if (days < iso_year_start(year)) return year - 1;
    return days >= iso_year_start(year + 1) ? year + 1 : year;
}

static int64_t iso_week_of(int64_t days, int64_t year) {
    return (days - iso_year_start(iso_year_of(days, year))) / 7 + 1;
}

static int64_t century_of(int64_t year, int64_t length) {
    return year > 0 ? (year + length - 1) / length : -((length - 1 - (year - 1)) / length);
}

static int64_t decade_of(int64_t year) {
    return year >= 0 ? year / 10 : -((8 - (year - 1)) / 10);
}

// A part as a number scaled by 10^scale; what is no decimal is `is_float`.
typedef struct Part {
    Int128 value;
    int32_t scale;
    bool is_null;
    int infinity;   // -1, 0 or 1
    int64_t day_us; // julian: microseconds of the day, to be divided and added
    bool has_day_us;
} Part;

static Part part_of(Int128 value, int32_t scale) {
    return (Part){.value = value, .scale = scale};
}

// Parts of a day, by its number since 2000-01-01.
static Status day_part(const UnitRequest *request, int64_t days, Part *part_out) {
    DateTime fields;
    civil_from_days(days, &fields);
    int64_t year = fields.year, number = 0;
    switch ((int)request->unit) {
    case UNIT_DAY:
        number = fields.day;
        break;
    case UNIT_WEEK:
        number = iso_week_of(days, year);
        break;
    case UNIT_MONTH:
        number = fields.month;
        break;
    case UNIT_QUARTER:
        number = (fields.month - 1) / 3 + 1;
        break;
    case UNIT_YEAR:
        number = year > 0 ? year : year - 1;
        break;
    case UNIT_DECADE:
        number = decade_of(year);
        break;
    case UNIT_CENTURY:
        number = century_of(year, 100);
        break;
    case UNIT_MILLENNIUM:
        number = century_of(year, 1000);
        break;
    case UNIT_ISO_YEAR:
        number = iso_year_of(days, year);
        if (number <= 0) number--;
        break;
    case UNIT_DAY_OF_WEEK:
        number = day_of_week(days);
        break;
    case UNIT_ISO_DAY_OF_WEEK:
        number = (day_of_week(days) + 6) % 7 + 1;
        break;
    case UNIT_DAY_OF_YEAR:
        number = days - days_from_civil(year, 1, 1) + 1;
        break;
    case UNIT_JULIAN:
        number = days + JULIAN_OF_EPOCH;
        break;
    default:
        return fail_unit(request, "supported");
    }
    *part_out = part_of(number, 0);
    return OK;
}

// Parts of a local timestamp, given as microseconds since 2000-01-01.
static Status local_part(const UnitRequest *request, int64_t local, Part *part_out) {
    int64_t days = floor_divide(local, US_PER_DAY), day_us = local - days * US_PER_DAY;
    switch ((int)request->unit) {
    case UNIT_MICROSECOND:
        *part_out = part_of(day_us % US_PER_MINUTE, 0);
        return OK;
    case UNIT_MILLISECOND:
        *part_out = part_of(day_us % US_PER_MINUTE, 3);
        return OK;
    case UNIT_SECOND:
        *part_out = part_of(day_us % US_PER_MINUTE, 6);
        return OK;
    case UNIT_MINUTE:
        *part_out = part_of(day_us / US_PER_MINUTE % 60, 0);
        return OK;
    case UNIT_HOUR:
        *part_out = part_of(day_us / US_PER_HOUR, 0);
        return OK;
    default:
        break;
    }
    TRY(day_part(request, days, part_out));
    if (request->unit == UNIT_JULIAN) {
        part_out->has_day_us = true;
        part_out->day_us = day_us;
    }
    return OK;
}

// Of an infinity: what only grows is infinite, what repeats is NULL.
static Status infinite_part(const UnitRequest *request, bool is_positive, Part *part_out) {
    *part_out = (Part){.is_null = true};
    switch (request->unit) {
    case UNIT_YEAR:
    case UNIT_DECADE:
    case UNIT_CENTURY:
    case UNIT_MILLENNIUM:
    case UNIT_JULIAN:
    case UNIT_ISO_YEAR:
    case UNIT_EPOCH:
        *part_out = (Part){.infinity = is_positive ? 1 : -1};
        return OK;
    case UNIT_MICROSECOND:
    case UNIT_MILLISECOND:
    case UNIT_SECOND:
    case UNIT_MINUTE:
    case UNIT_HOUR:
    case UNIT_DAY:
    case UNIT_WEEK:
    case UNIT_MONTH:
    case UNIT_QUARTER:
    case UNIT_DAY_OF_WEEK:
    case UNIT_ISO_DAY_OF_WEEK:
    case UNIT_DAY_OF_YEAR:
        return OK;
    case UNIT_TIME_ZONE:
    case UNIT_TIME_ZONE_HOUR:
        return OK;
    case UNIT_TIME_ZONE_MINUTE:
        return request->type == TYPE_TIMESTAMPTZ ? OK : fail_unit(request, "supported");
    }
    UNREACHABLE();
}

static Int128 epoch_us(int64_t timestamp) {
    return (Int128)timestamp - (Int128)UNIX_EPOCH_DAYS * US_PER_DAY;
}

static Status timestamp_part(
    const Call *call, const UnitRequest *request, uint32_t row, Part *part_out) {
    (void)call;
    int64_t timestamp = ARGUMENT(call, 1, int64_t, row);
    if (timestamp_is_infinite(timestamp)) return infinite_part(request, timestamp > 0, part_out);
    if (request->unit == UNIT_EPOCH) {
        *part_out = part_of(epoch_us(timestamp), 6);
        return OK;
    }
    return local_part(request, timestamp, part_out);
}

static Status timestamptz_part(
    const Call *call, const UnitRequest *request, uint32_t row, Part *part_out) {
    int64_t timestamp = ARGUMENT(call, 1, int64_t, row);
    if (timestamp_is_infinite(timestamp)) return infinite_part(request, timestamp > 0, part_out);
    int64_t local;
    TRY(timestamptz_to_timestamp(call->context->values.time_zone, timestamp, &local));
    int64_t offset_s = (local - timestamp) / US_PER_SECOND;
    switch ((int)request->unit) {
    case UNIT_EPOCH:
        *part_out = part_of(epoch_us(timestamp), 6);
        return OK;
    case UNIT_TIME_ZONE:
        *part_out = part_of(offset_s, 0);
        return OK;
    case UNIT_TIME_ZONE_HOUR:
        *part_out = part_of(offset_s / 3600, 0);
        return OK;
    case UNIT_TIME_ZONE_MINUTE:
        *part_out = part_of(offset_s / 60 % 60, 0);
        return OK;
    default:
        return local_part(request, local, part_out);
    }
}

static Status date_part_of(
    const Call *call, const UnitRequest *request, uint32_t row, Part *part_out) {
    int32_t date = ARGUMENT(call, 1, int32_t, row);
    bool is_time = request->unit <= UNIT_HOUR || request->unit >= UNIT_TIME_ZONE;
    if (is_time) return fail_unit(request, "supported");
    if (date_is_infinite(date)) return infinite_part(request, date > 0, part_out);
    if (request->unit == UNIT_EPOCH) {
        *part_out = part_of(((Int128)date - UNIX_EPOCH_DAYS) * SECONDS_PER_DAY, 0);
        return OK;
    }
    return day_part(request, date, part_out);
}

static Status time_part_of(
    const Call *call, const UnitRequest *request, uint32_t row, Part *part_out) {
    int64_t time_us = ARGUMENT(call, 1, int64_t, row);
    switch ((int)request->unit) {
    case UNIT_MICROSECOND:
        *part_out = part_of(time_us % US_PER_MINUTE, 0);
        return OK;
    case UNIT_MILLISECOND:
        *part_out = part_of(time_us % US_PER_MINUTE, 3);
        return OK;
    case UNIT_SECOND:
        *part_out = part_of(time_us % US_PER_MINUTE, 6);
        return OK;
    case UNIT_MINUTE:
        *part_out = part_of(time_us / US_PER_MINUTE % 60, 0);
        return OK;
    case UNIT_HOUR:
        *part_out = part_of(time_us / US_PER_HOUR, 0);
        return OK;
    case UNIT_EPOCH:
        *part_out = part_of(time_us, 6);
        return OK;
    default:
        return fail_unit(request, "supported");
    }
}

static Status interval_part_of(
    const Call *call, const UnitRequest *request, uint32_t row, Part *part_out) {
    Interval interval = ARGUMENT(call, 1, Interval, row);
    int64_t years = interval.months / 12, months = interval.months % 12;
    switch ((int)request->unit) {
    case UNIT_MICROSECOND:
        *part_out = part_of(interval.time_us % US_PER_MINUTE, 0);
        return OK;
    case UNIT_MILLISECOND:
        *part_out = part_of(interval.time_us % US_PER_MINUTE, 3);
        return OK;
    case UNIT_SECOND:
        *part_out = part_of(interval.time_us % US_PER_MINUTE, 6);
        return OK;
    case UNIT_MINUTE:
        *part_out = part_of(interval.time_us / US_PER_MINUTE % 60, 0);
        return OK;
    case UNIT_HOUR:
        *part_out = part_of(interval.time_us / US_PER_HOUR, 0);
        return OK;
    case UNIT_DAY:
        *part_out = part_of(interval.days, 0);
        return OK;
    case UNIT_MONTH:
        *part_out = part_of(months, 0);
        return OK;
    case UNIT_QUARTER:
        *part_out = part_of(months / 3 + 1, 0);
        return OK;
    case UNIT_YEAR:
        *part_out = part_of(years, 0);
        return OK;
    case UNIT_DECADE:
        *part_out = part_of(years / 10, 0);
        return OK;
    case UNIT_CENTURY:
        *part_out = part_of(years / 100, 0);
        return OK;
    case UNIT_MILLENNIUM:
        *part_out = part_of(years / 1000, 0);
        return OK;
    case UNIT_EPOCH: {
        // A year has 365.25 days here: in quarters of a day everything is whole.
        Int128 quarter_days =
            (Int128)1461 * years + (Int128)4 * DAYS_PER_MONTH * months + (Int128)4 * interval.days;
        *part_out = part_of(quarter_days * (US_PER_DAY / 4) + interval.time_us, 6);
        return OK;
    }
    default:
        return fail_unit(request, "supported");
    }
}

// ---- extract and date_part
// -----------------------------------------------------------------------

typedef Status (*PartFunction)(
    const Call *call, const UnitRequest *request, uint32_t row, Part *part_out);

static Status part_numeric(const Part *part, Arena *arena, View *view_out) {
    if (part->infinity != 0) {
        Numeric infinity = {.kind = NUMERIC_INFINITY, .is_negative = part->infinity < 0};
        return numeric_store(&infinity, arena, view_out);
    }
    Numeric number = numeric_from_scaled(part->value, part->scale, arena);
    if (part->has_day_us) {
        Numeric time = numeric_from_int64(part->day_us, arena), fraction;
        Numeric day = numeric_from_int64(US_PER_DAY, arena);
        TRY(numeric_divide(&time, &day, arena, &fraction));
        number = numeric_add(&number, &fraction, arena);
    }
    return numeric_store(&number, arena, view_out);
}

static double part_float(const Part *part) {
    if (part->infinity != 0) return part->infinity > 0 ? (double)INFINITY : -(double)INFINITY;
    double number = (double)part->value;
    for (int32_t i = 0; i < part->scale; i += 3)
        number /= 1000.0;
    if (part->scale == 6) number = (double)part->value / 1000000.0;
    if (part->has_day_us) number += (double)part->day_us / (double)US_PER_DAY;
    return number;
}

static Status part_rows(Call *call, PartFunction part_function) {
    UnitRequest request = {0};
    bool is_found = false, wants_numeric = call->result->kind == PHYSICAL_VIEW;
    FOR_EACH_ROW(call, row) {
        if (!is_found || !call->arguments[0].is_constant) {
            TRY(unit_find(argument_bytes(call, 0, row), call->function->arguments[1], &request));
            is_found = true;
        }
        Part part = {0};
        TRY(part_function(call, &request, row, &part));
        if (part.is_null) {
            result_set_null(call, row);
        } else if (wants_numeric) {
            TRY(part_numeric(&part, call->arena, &RESULT(call, View, row)));
        } else {
            RESULT(call, double, row) = part_float(&part);
        }
    }
    return OK;
}

Status kernel_extract_timestamp(Call *call) {
    return part_rows(call, timestamp_part);
}

Status kernel_extract_timestamptz(Call *call) {
    return part_rows(call, timestamptz_part);
}

Status kernel_extract_date(Call *call) {
    return part_rows(call, date_part_of);
}

// date_part(text, date), which PostgreSQL defines as that of the date's timestamp.
Status kernel_date_part_of_date(Call *call) {
    UnitRequest request = {0};
    FOR_EACH_ROW(call, row) {
        int64_t timestamp;
        TRY(date_to_timestamp(ARGUMENT(call, 1, int32_t, row), &timestamp));
        TRY(unit_find(argument_bytes(call, 0, row), TYPE_TIMESTAMP, &request));
        Part part = {0};
        if (timestamp_is_infinite(timestamp)) {
            TRY(infinite_part(&request, timestamp > 0, &part));
        } else if (request.unit == UNIT_EPOCH) {
            part = part_of(epoch_us(timestamp), 6);
        } else {
            TRY(local_part(&request, timestamp, &part));
        }
        if (part.is_null) {
            result_set_null(call, row);
        } else {
            RESULT(call, double, row) = part_float(&part);
        }
    }
    return OK;
}

Status kernel_extract_time(Call *call) {
    return part_rows(call, time_part_of);
}

Status kernel_extract_interval(Call *call) {
    return part_rows(call, interval_part_of);
}

// ---- date_trunc
// ----------------------------------------------------------------------------------

static Status truncate_local(const UnitRequest *request, int64_t local, int64_t *local_out) {
    DateTime fields;
    timestamp_to_fields(local, &fields);
    int64_t days = floor_divide(local, US_PER_DAY), midnight = days * US_PER_DAY;
    int64_t year = fields.year, month = 1;
    switch ((int)request->unit) {
    case UNIT_MICROSECOND:
        *local_out = local;
        return OK;
    case UNIT_MILLISECOND:
        *local_out = floor_divide(local, 1000) * 1000;
        return OK;
    case UNIT_SECOND:
        *local_out = floor_divide(local, US_PER_SECOND) * US_PER_SECOND;
        return OK;
    case UNIT_MINUTE:
        *local_out = floor_divide(local, US_PER_MINUTE) * US_PER_MINUTE;
        return OK;
    case UNIT_HOUR:
        *local_out = floor_divide(local, US_PER_HOUR) * US_PER_HOUR;
        return OK;
    case UNIT_DAY:
        *local_out = midnight;
        return OK;
    case UNIT_WEEK:
        *local_out = midnight - (day_of_week(days) + 6) % 7 * US_PER_DAY;
        return OK;
    case UNIT_MONTH:
        month = fields.month;
        break;
    case UNIT_QUARTER:
        month = (fields.month - 1) / 3 * 3 + 1;
        break;
    case UNIT_YEAR:
        break;
    // The first year of a decade ends in 0, that of a century or millennium in 1.
    case UNIT_DECADE:
        year = year > 0 ? year / 10 * 10 : -((8 - (year - 1)) / 10) * 10;
        break;
    case UNIT_CENTURY:
        year = year > 0 ? (year + 99) / 100 * 100 - 99 : -((99 - (year - 1)) / 100) * 100 + 1;
        break;
    case UNIT_MILLENNIUM:
        year =
            year > 0 ? (year + 999) / 1000 * 1000 - 999 : -((999 - (year - 1)) / 1000) * 1000 + 1;
        break;
    default:
        // The others are no units to truncate to.
        return fail_unit(request, request->unit >= UNIT_TIME_ZONE ? "supported" : "recognized");
    }
    *local_out = days_from_civil(year, month, 1) * US_PER_DAY;
    return timestamp_is_valid(*local_out) ? OK
                                          : fail(DATETIME_FIELD_OVERFLOW, "timestamp out of range");
}

static Status truncate_rows(Call *call, bool has_zone) {
    UnitRequest request = {0};
    FOR_EACH_ROW(call, row) {
        int64_t timestamp = ARGUMENT(call, 1, int64_t, row);
        if (timestamp_is_infinite(timestamp)) {
            RESULT(call, int64_t, row) = timestamp;
            continue;
        }
        TRY(unit_find(argument_bytes(call, 0, row), call->function->arguments[1], &request));
        const TimeZone *zone = call->context->values.time_zone;
        if (call->argument_count > 2) {
            Bytes name = argument_bytes(call, 2, row);
            TRY(time_zone_require(
                &call->context->values, (const char *)name.data, name.count, call->arena, &zone));
        }
        LocalTime shown = {0};
        if (has_zone) shown = time_zone_at(zone, timestamp_to_unix(timestamp));
        int64_t local = timestamp + shown.offset_s * US_PER_SECOND;
        TRY(truncate_local(&request, local, &local));
        timestamp = local - shown.offset_s * US_PER_SECOND;
        // Within a day the offset stays what it was; at its start it is looked up again.
        if (has_zone && request.unit >= UNIT_DAY) {
            TRY(timestamp_to_timestamptz(zone, local, &timestamp));
        }
        RESULT(call, int64_t, row) = timestamp;
    }
    return OK;
}

Status kernel_timestamp_trunc(Call *call) {
    return truncate_rows(call, false);
}

Status kernel_timestamptz_trunc(Call *call) {
    return truncate_rows(call, true);
}

static Status truncate_interval(
    const UnitRequest *request, Interval interval, Interval *interval_out) {
    int32_t years = interval.months / 12;
    int64_t unit_us = 0;
    switch ((int)request->unit) {
    case UNIT_MILLENNIUM:
        interval.months = years / 1000 * 1000 * 12;
        break;
    case UNIT_CENTURY:
        interval.months = years / 100 * 100 * 12;
        break;
    case UNIT_DECADE:
        interval.months = years / 10 * 10 * 12;
        break;
    case UNIT_YEAR:
        interval.months = years * 12;
        break;
    case UNIT_QUARTER:
        interval.months = years * 12 + interval.months % 12 / 3 * 3;
        break;
    case UNIT_MONTH:
        break;
    case UNIT_DAY:
        unit_us = US_PER_DAY;
        break;
    case UNIT_HOUR:
        unit_us = US_PER_HOUR;
        break;
    case UNIT_MINUTE:
        unit_us = US_PER_MINUTE;
        break;
    case UNIT_SECOND:
        unit_us = US_PER_SECOND;
        break;
    case UNIT_MILLISECOND:
        unit_us = 1000;
        break;
    case UNIT_MICROSECOND:
        unit_us = 1;
        break;
    default: {
        bool is_unit = request->unit >= UNIT_TIME_ZONE || request->unit == UNIT_WEEK;
        return fail_unit(request, is_unit ? "supported" : "recognized");
    }
    }
    if (unit_us == 0) {
        interval.days = 0;
        interval.time_us = 0;
    } else if (unit_us == US_PER_DAY) {
        interval.time_us = 0;
    } else {
        interval.time_us = interval.time_us / unit_us * unit_us;
    }
    *interval_out = interval;
    return OK;
}

Status kernel_interval_trunc(Call *call) {
    UnitRequest request = {0};
    FOR_EACH_ROW(call, row) {
        TRY(unit_find(argument_bytes(call, 0, row), TYPE_INTERVAL, &request));
        TRY(truncate_interval(
            &request, ARGUMENT(call, 1, Interval, row), &RESULT(call, Interval, row)));
    }
    return OK;
}

// date_bin(stride, timestamp, origin)
Status kernel_timestamp_bin(Call *call) {
    FOR_EACH_ROW(call, row) {
        Interval stride = ARGUMENT(call, 0, Interval, row);
        int64_t timestamp = ARGUMENT(call, 1, int64_t, row);
        int64_t origin = ARGUMENT(call, 2, int64_t, row);
        if (timestamp_is_infinite(timestamp)) {
            RESULT(call, int64_t, row) = timestamp;
            continue;
        }
        if (timestamp_is_infinite(origin)) {
            return fail(DATETIME_FIELD_OVERFLOW, "origin out of range");
        }
        if (stride.months != 0) {
            return fail(FEATURE_NOT_SUPPORTED,
                "timestamps cannot be binned into intervals containing months or years");
        }
        Int128 stride_us = (Int128)stride.days * US_PER_DAY + stride.time_us;
        if (stride_us > INT64_MAX || stride_us < INT64_MIN) {
            return fail(DATETIME_FIELD_OVERFLOW, "interval out of range");
        }
        if (stride_us <= 0) {
            return fail(DATETIME_FIELD_OVERFLOW, "stride must be greater than zero");
        }
        Int128 distance = (Int128)timestamp - origin;
        Int128 bins = distance / stride_us;
        if (bins * stride_us > distance) bins--;
        RESULT(call, int64_t, row) = (int64_t)(origin + bins * stride_us);
    }
    return OK;
}

// ---- generate_series
// -----------------------------------------------------------------------------

typedef struct TimestampSeries {
    SetGenerator base;
    const FunctionContext *context;
    int64_t next, last;
    Interval step;
    bool has_zone, descends;
} TimestampSeries;

static Status timestamp_series_next(SetGenerator *generator, Batch *batch) {
    TimestampSeries *series = (TimestampSeries *)generator;
    int64_t *values = batch->columns[0].values;
    uint32_t count = 0;
    while (count < BATCH_ROW_COUNT) {
        if (series->descends ? series->next < series->last : series->next > series->last) break;
        values[count++] = series->next;
        if (series->has_zone) {
            TRY(timestamptz_add_interval(
                series->context->values.time_zone, series->next, &series->step, &series->next));
        } else {
            TRY(timestamp_add_interval(series->next, &series->step, &series->next));
        }
    }
    batch->row_count = count;
    batch->selected_count = count;
    return OK;
}

static Status timestamp_series_make(FunctionContext *context, const Value *arguments, bool has_zone,
    Arena *arena, SetGenerator **generator_out) {
    TimestampSeries *series = arena_new(arena, TimestampSeries);
    *series = (TimestampSeries){
        .base = {.next = timestamp_series_next},
        .context = context,
        .next = arguments[0].datum.int8,
        .last = arguments[1].datum.int8,
        .step = arguments[2].datum.interval,
        .has_zone = has_zone,
    };
    int order = interval_compare_spans(&series->step, &(Interval){0});
    if (order == 0) return fail(INVALID_PARAMETER_VALUE, "step size cannot equal zero");
    series->descends = order < 0;
    *generator_out = &series->base;
    return OK;
}

Status set_generate_series_timestamp(FunctionContext *context, const FunctionInfo *function,
    const Value *arguments, uint32_t argument_count, Arena *arena, SetGenerator **generator_out) {
    (void)function, (void)argument_count;
    return timestamp_series_make(context, arguments, false, arena, generator_out);
}

Status set_generate_series_timestamptz(FunctionContext *context, const FunctionInfo *function,
    const Value *arguments, uint32_t argument_count, Arena *arena, SetGenerator **generator_out) {
    (void)function, (void)argument_count;
    return timestamp_series_make(context, arguments, true, arena, generator_out);
}
