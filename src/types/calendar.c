#include "types/calendar.h"

bool year_is_leap(int64_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int32_t days_in_month(int64_t year, int32_t month) {
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && year_is_leap(year));
}

// Years that start in March have their leap day at the end; 400 of them are 146,097 days.
enum { DAYS_PER_ERA = 146097, EPOCH_IN_ERAS = 730425 };

int64_t days_from_civil(int64_t year, int64_t month, int64_t day) {
    int64_t carried = floor_divide(month - 1, MONTHS_PER_YEAR);
    year += carried;
    month -= carried * MONTHS_PER_YEAR;
    if (month <= 2) year--;
    int64_t era = floor_divide(year, 400), year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - EPOCH_IN_ERAS;
}

void civil_from_days(int64_t days, DateTime *fields_out) {
    days += EPOCH_IN_ERAS;
    int64_t era = floor_divide(days, DAYS_PER_ERA), day_of_era = days - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    fields_out->day = (int32_t)(day_of_year - (153 * month + 2) / 5 + 1);
    fields_out->month = (int32_t)(month < 10 ? month + 3 : month - 9);
    fields_out->year = (int32_t)(year_of_era + era * 400 + (fields_out->month <= 2));
}

int32_t day_of_week(int64_t days) {
    int64_t shifted = days + 6; // 2000-01-01 was a Saturday
    return (int32_t)(shifted - floor_divide(shifted, 7) * 7);
}

bool date_is_in_julian_range(int32_t year, int32_t month, [[maybe_unused]] int32_t day) {
    if (year < -4713 || (year == -4713 && month < 11)) return false;
    return year < 5874898 || (year == 5874898 && month < 6);
}

int64_t time_from_fields(const DateTime *fields) {
    return ((fields->hour * INT64_C(60) + fields->minute) * 60 + fields->second) * US_PER_SECOND
           + fields->microsecond;
}

void time_to_fields(int64_t time_us, DateTime *fields_out) {
    fields_out->hour = (int32_t)(time_us / US_PER_HOUR);
    time_us %= US_PER_HOUR;
    fields_out->minute = (int32_t)(time_us / US_PER_MINUTE);
    time_us %= US_PER_MINUTE;
    fields_out->second = (int32_t)(time_us / US_PER_SECOND);
    fields_out->microsecond = (int32_t)(time_us % US_PER_SECOND);
}

bool timestamp_from_local(const DateTime *fields, int32_t offset_s, int64_t *timestamp_out) {
    if (!date_is_in_julian_range(fields->year, fields->month, fields->day)) return false;
    int64_t days = days_from_civil(fields->year, fields->month, fields->day), timestamp;
    if (__builtin_mul_overflow(days, US_PER_DAY, &timestamp)) return false;
    if (__builtin_add_overflow(timestamp, time_from_fields(fields), &timestamp)) return false;
    timestamp -= offset_s * US_PER_SECOND;
    if (!timestamp_is_valid(timestamp)) return false;
    *timestamp_out = timestamp;
    return true;
}

bool timestamp_from_fields(const DateTime *fields, int64_t *timestamp_out) {
    return timestamp_from_local(fields, 0, timestamp_out);
}

void timestamp_to_fields(int64_t timestamp, DateTime *fields_out) {
    int64_t days = floor_divide(timestamp, US_PER_DAY);
    civil_from_days(days, fields_out);
    time_to_fields(timestamp - days * US_PER_DAY, fields_out);
}
