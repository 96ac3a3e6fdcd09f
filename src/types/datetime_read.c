// Understands the fields of a date or time, as appendix B of PostgreSQL's manual tells it.
#include "types/datetime_read.h"

#include "base/assert.h"
#include "base/error.h"
#include "types/datetime_words.h"
#include "types/float_decimal.h"
#include "types/time_zone_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { ZONE_HOUR_MAX = 15 };

typedef struct Reader {
    const ValueContext *context;
    Arena *arena;
    DateTimeFields *fields;
    DateTime date; // what has been found
    int32_t day_of_year;
    uint32_t found;  // FOUND bits
    WordValue label; // a unit that the next field is labelled with, or WORD_NONE
    WordValue half;  // WORD_AM, WORD_PM or WORD_NONE
    bool has_month_name, is_julian, is_short_year, is_before_christ;
    int32_t offset_s;
    const TimeZone *zone;          // named, to be applied when the date is known
    const char *zone_abbreviation; // whose meaning in `zone` depends on the date, or NULL
    DateTimeSpecial special;
    bool is_time_only; // a time of day is read
} Reader;

bool int32_take(const char *text, char **end_out, int32_t *value_out) {
    errno = 0;
    long value = strtol(text, end_out, 10);
    if (errno == ERANGE || value < INT32_MIN || value > INT32_MAX) return false;
    *value_out = (int32_t)value;
    return true;
}

bool fraction_read(const char *text, double *fraction_out) {
    *fraction_out = 0;
    if (text[1] == '\0') return true; // a lone point
    char *end;
    errno = 0;
    *fraction_out = float8_read(text, &end);
    return *end == '\0' && errno == 0;
}

static bool fraction_read_us(const char *text, int32_t *microsecond_out) {
    double fraction;
    if (!fraction_read(text, &fraction)) return false;
    *microsecond_out = (int32_t)rint(fraction * 1000000);
    return true;
}

ReadOutcome clock_time_read(const char *text, bool is_minutes, ClockTime *time_out) {
    ClockTime time = {0};
    char *at;
    errno = 0;
    time.hour = strtoll(text, &at, 10);
    if (errno == ERANGE) return READ_OUT_OF_RANGE;
    if (*at != ':') return READ_BAD_FORMAT;
    if (!int32_take(at + 1, &at, &time.minute)) return READ_OUT_OF_RANGE;
    if (*at == '\0' || *at == '.') {
        bool has_fraction = *at == '.';
        if (has_fraction && !fraction_read_us(at, &time.microsecond)) return READ_BAD_FORMAT;
        if (has_fraction || is_minutes) {
            if (time.hour > INT32_MAX || time.hour < INT32_MIN) return READ_OUT_OF_RANGE;
            time.second = time.minute;
            time.minute = (int32_t)time.hour;
            time.hour = 0;
        }
    } else if (*at == ':') {
        if (!int32_take(at + 1, &at, &time.second)) return READ_OUT_OF_RANGE;
        if (*at != '\0' && *at != '.') return READ_BAD_FORMAT;
        if (*at == '.' && !fraction_read_us(at, &time.microsecond)) return READ_BAD_FORMAT;
    } else {
        return READ_BAD_FORMAT;
    }
    bool is_sane = time.hour >= 0 && time.minute >= 0 && time.minute <= 59 && time.second >= 0
                   && time.second <= 60 && time.microsecond >= 0
                   && time.microsecond <= US_PER_SECOND;
    if (!is_sane) return READ_OUT_OF_RANGE;
    *time_out = time;
    return READ_OK;
}

// More than 24:00:00 on the clock, which 24:00:00.1 and 23:59:60.5 would be too.
static bool time_is_too_late(const DateTime *time) {
    if (time->hour < 0 || time->hour > 24 || time->minute < 0 || time->minute >= 60) return true;
    if (time->second < 0 || time->second > 60) return true;
    return time_from_fields(time) > US_PER_DAY;
}

static bool has(const Reader *reader, uint32_t bits) {
    return (reader->found & bits) == bits;
}

static int32_t two_digits(const char *text) {
    return (int32_t)strtol(text, NULL, 10);
}

// ---- Pieces -------------------------------------------------------------------------------------

// Digits run together: a date [yy]yymmdd while there is none, or a time hhmm[ss]. `found` is what
// counts as found.
static ReadOutcome read_run(Reader *reader, char *text, uint32_t found, uint32_t *new_out) {
    size_t count = strlen(text);
    char *point = strchr(text, '.');
    if (point != NULL) {
        errno = 0;
        double fraction = float8_read(point, NULL);
        if (errno != 0) return READ_BAD_FORMAT;
        reader->date.microsecond = (int32_t)rint(fraction * 1000000);
        *point = '\0';
        count = (size_t)(point - text);
    } else if ((found & FOUND_DATE) != FOUND_DATE && count >= 6) {
        *new_out = FOUND_DATE;
        reader->date.day = two_digits(text + count - 2);
        text[count - 2] = '\0';
        reader->date.month = two_digits(text + count - 4);
        text[count - 4] = '\0';
        reader->date.year = two_digits(text);
        if (count - 4 == 2) reader->is_short_year = true;
        return READ_OK;
    }
    if ((found & FOUND_TIME) != FOUND_TIME && (count == 6 || count == 4)) {
        *new_out = FOUND_TIME;
        reader->date.second = 0;
        if (count == 6) {
            reader->date.second = two_digits(text + 4);
            text[4] = '\0';
        }
        reader->date.minute = two_digits(text + 2);
        text[2] = '\0';
        reader->date.hour = two_digits(text);
        return READ_OK;
    }
    return READ_BAD_FORMAT;
}

// One number of a date: year, month or day, by what is there already and the order of dates.
static ReadOutcome read_number(Reader *reader, char *text, uint32_t found, uint32_t *new_out) {
    size_t count = strlen(text);
    char *end;
    int32_t value;
    *new_out = 0;
    if (!int32_take(text, &end, &value)) return READ_OUT_OF_RANGE;
    if (end == text) return READ_BAD_FORMAT;
    if (*end == '.') {
        if (end - text > 2) return read_run(reader, text, found | FOUND_DATE, new_out);
        if (!fraction_read_us(end, &reader->date.microsecond)) return READ_BAD_FORMAT;
    } else if (*end != '\0') {
        return READ_BAD_FORMAT;
    }
    if (count == 3 && (found & FOUND_DATE) == FOUND(TOKEN_YEAR) && value >= 1 && value <= 366) {
        *new_out = FOUND(TOKEN_DAY_OF_YEAR) | FOUND(TOKEN_MONTH) | FOUND(TOKEN_DAY);
        reader->day_of_year = value;
        return READ_OK;
    }
    bool is_year_like = count >= 3 || reader->context->date_order == DATE_ORDER_YMD;
    TokenKind kind;
    switch (found & FOUND_DATE) {
    case 0:
        kind = is_year_like                                    ? TOKEN_YEAR
               : reader->context->date_order == DATE_ORDER_DMY ? TOKEN_DAY
                                                               : TOKEN_MONTH;
        break;
    case FOUND(TOKEN_YEAR):
        kind = TOKEN_MONTH;
        break;
    case FOUND(TOKEN_MONTH):
        kind = reader->has_month_name && is_year_like ? TOKEN_YEAR : TOKEN_DAY;
        break;
    case FOUND(TOKEN_YEAR) | FOUND(TOKEN_MONTH):
        kind = TOKEN_DAY;
        if (reader->has_month_name && count >= 3 && reader->is_short_year) {
            // What was taken for the year was the day.
            *new_out = FOUND(TOKEN_DAY);
            reader->date.day = reader->date.year;
            reader->date.year = value;
            reader->is_short_year = false;
            return READ_OK;
        }
        break;
    case FOUND(TOKEN_DAY):
        kind = TOKEN_MONTH;
        break;
    case FOUND(TOKEN_MONTH) | FOUND(TOKEN_DAY):
        kind = TOKEN_YEAR;
        break;
    case FOUND_DATE:
        return read_run(reader, text, found, new_out);
    default:
        return READ_BAD_FORMAT;
    }
    *new_out = FOUND(kind);
    if (kind == TOKEN_YEAR) {
        reader->date.year = value;
        reader->is_short_year = count <= 2;
    } else if (kind == TOKEN_MONTH) {
        reader->date.month = value;
    } else {
        reader->date.day = value;
    }
    return READ_OK;
}

static bool is_letter(char c) {
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_decimal(char c) {
    return c >= '0' && c <= '9';
}

// The parts of a date: the name of a month first, then the numbers from left to right.
static ReadOutcome read_date_parts(
    Reader *reader, char *parts[], size_t part_count, uint32_t *new_out) {
    uint32_t found = reader->found, piece;
    *new_out = 0;
    for (size_t i = 0; i < part_count; i++) {
        if (!is_letter(*parts[i])) continue;
        const DateTimeWord *word = datetime_word_find(parts[i]);
        if (word != NULL && word->kind == TOKEN_IGNORED) continue;
        if (word == NULL || word->kind != TOKEN_MONTH) return READ_BAD_FORMAT;
        reader->date.month = word->value;
        reader->has_month_name = true;
        piece = FOUND(TOKEN_MONTH);
        if (found & piece) return READ_BAD_FORMAT;
        found |= piece;
        *new_out |= piece;
        parts[i] = NULL;
    }
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i] == NULL) continue;
        ReadOutcome outcome = read_number(reader, parts[i], found, &piece);
        if (outcome != READ_OK) return outcome;
        if (found & piece) return READ_BAD_FORMAT;
        found |= piece;
        *new_out |= piece;
    }
    uint32_t others = FOUND(TOKEN_DAY_OF_YEAR) | FOUND(TOKEN_ZONE);
    return (found & ~others) == FOUND_DATE ? READ_OK : READ_BAD_FORMAT;
}

// A date with its separators.
static ReadOutcome read_date(Reader *reader, char *text, uint32_t *new_out) {
    char *parts[DATETIME_FIELD_MAX];
    size_t part_count = 0;
    while (*text != '\0' && part_count < DATETIME_FIELD_MAX) {
        while (*text != '\0' && !is_letter(*text) && !is_decimal(*text)) {
            text++;
        }
        if (*text == '\0') return READ_BAD_FORMAT;
        parts[part_count++] = text;
        if (is_decimal(*text)) {
            while (is_decimal(*text)) {
                text++;
            }
        } else {
            while (is_letter(*text)) {
                text++;
            }
        }
        if (*text != '\0') *text++ = '\0';
    }
    // A month's name counts only for the numbers of the same field.
    bool had_month_name = reader->has_month_name;
    reader->has_month_name = false;
    ReadOutcome outcome = read_date_parts(reader, parts, part_count, new_out);
    reader->has_month_name = had_month_name;
    return outcome;
}

// "+hh[[:]mm[:ss]]"
static ReadOutcome read_offset(const char *text, int32_t *offset_out) {
    if (*text != '+' && *text != '-') return READ_BAD_FORMAT;
    char *end;
    int32_t hours, minutes = 0, seconds = 0;
    if (!int32_take(text + 1, &end, &hours)) return READ_ZONE_OUT_OF_RANGE;
    if (*end == ':') {
        if (!int32_take(end + 1, &end, &minutes)) return READ_ZONE_OUT_OF_RANGE;
        if (*end == ':' && !int32_take(end + 1, &end, &seconds)) return READ_ZONE_OUT_OF_RANGE;
    } else if (*end == '\0' && strlen(text) > 3) {
        minutes = hours % 100;
        hours /= 100;
    }
    bool is_fine = hours >= 0 && hours <= ZONE_HOUR_MAX && minutes >= 0 && minutes < 60
                   && seconds >= 0 && seconds < 60;
    if (!is_fine) return READ_ZONE_OUT_OF_RANGE;
    if (*end != '\0') return READ_BAD_FORMAT;
    int32_t total = (hours * 60 + minutes) * 60 + seconds;
    *offset_out = *text == '-' ? -total : total;
    return READ_OK;
}

// A zone by its full name. With `must_exist`, an unknown one is an error of its own.
static ReadOutcome read_zone_name(Reader *reader, const char *name, bool must_exist) {
    reader->zone = time_zone_find(reader->context->time_zones, name, strlen(name), reader->arena);
    if (reader->zone != NULL) return READ_OK;
    if (!must_exist) return READ_BAD_FORMAT;
    (void)!fail(INVALID_PARAMETER_VALUE, "time zone \"%s\" not recognized", name);
    return READ_ERROR_RAISED;
}

// A time run together with its zone: "040506-08".
static ReadOutcome read_run_with_zone(
    Reader *reader, char *text, uint32_t found, uint32_t *new_out) {
    if (has(reader, FOUND_TIME)) return READ_BAD_FORMAT;
    char *sign = strchr(text, '-');
    if (sign == NULL) return READ_BAD_FORMAT;
    ReadOutcome outcome = read_offset(sign, &reader->offset_s);
    if (outcome != READ_OK) return outcome;
    *sign = '\0';
    outcome = read_run(reader, text, found, new_out);
    *new_out |= FOUND(TOKEN_ZONE);
    return outcome;
}

static ReadOutcome read_clock(Reader *reader, const char *text, uint32_t *new_out) {
    ClockTime time;
    ReadOutcome outcome = clock_time_read(text, false, &time);
    if (outcome != READ_OK) return outcome;
    if (time.hour > INT32_MAX) return READ_OUT_OF_RANGE;
    *new_out = FOUND_TIME;
    reader->date.hour = (int32_t)time.hour;
    reader->date.minute = time.minute;
    reader->date.second = time.second;
    reader->date.microsecond = time.microsecond;
    return READ_OK;
}

// A number behind a label, as in "y2001m02d04" or "J2451187".
static ReadOutcome read_labelled(Reader *reader, char *text, uint32_t *new_out) {
    WordValue label = reader->label;
    DateTime *date = &reader->date;
    char *end;
    int32_t value;
    if (!int32_take(text, &end, &value)) return READ_OUT_OF_RANGE;
    bool may_have_fraction =
        label == WORD_UNIT_JULIAN || label == WORD_UNIT_TIME || label == WORD_UNIT_SECOND;
    if (*end != '\0' && (*end != '.' || !may_have_fraction)) return READ_BAD_FORMAT;
    reader->label = WORD_NONE;
    reader->special = DATETIME_PLAIN;
    if (label == WORD_UNIT_YEAR) {
        date->year = value;
        *new_out = FOUND(TOKEN_YEAR);
    } else if (label == WORD_UNIT_MONTH && has(reader, FOUND(TOKEN_MONTH) | FOUND(TOKEN_HOUR))) {
        date->minute = value; // "m" after hours
        *new_out = FOUND(TOKEN_MINUTE);
    } else if (label == WORD_UNIT_MONTH) {
        date->month = value;
        *new_out = FOUND(TOKEN_MONTH);
    } else if (label == WORD_UNIT_DAY) {
        date->day = value;
        *new_out = FOUND(TOKEN_DAY);
    } else if (label == WORD_UNIT_HOUR) {
        date->hour = value;
        *new_out = FOUND(TOKEN_HOUR);
    } else if (label == WORD_UNIT_MINUTE) {
        date->minute = value;
        *new_out = FOUND(TOKEN_MINUTE);
    } else if (label == WORD_UNIT_SECOND) {
        date->second = value;
        *new_out = FOUND(TOKEN_SECOND);
        if (*end == '.') {
            if (!fraction_read_us(end, &date->microsecond)) return READ_BAD_FORMAT;
            *new_out = FOUND_SECONDS;
        }
    } else if (label == WORD_UNIT_JULIAN) {
        if (value < 0) return READ_OUT_OF_RANGE;
        *new_out = FOUND_DATE;
        civil_from_days(value - JULIAN_OF_EPOCH, date);
        reader->is_julian = true;
        if (*end == '.') {
            char *rest;
            errno = 0;
            double days = float8_read(end, &rest);
            if (*rest != '\0' || errno != 0) return READ_BAD_FORMAT;
            time_to_fields((int64_t)(days * (double)US_PER_DAY), date);
            *new_out |= FOUND_TIME;
        }
    } else if (label == WORD_UNIT_TIME) {
        ReadOutcome outcome = read_run(reader, text, reader->found | FOUND_DATE, new_out);
        if (outcome != READ_OK) return outcome;
        if (*new_out != FOUND_TIME) return READ_BAD_FORMAT;
    } else {
        return READ_BAD_FORMAT;
    }
    return READ_OK;
}

// ---- Words --------------------------------------------------------------------------------------

static void set_now(Reader *reader, int64_t day_shift, bool has_time) {
    int64_t now = reader->context->transaction_time_us;
    int64_t unix_s = floor_divide(now, US_PER_SECOND) - UNIX_EPOCH_DAYS * (int64_t)SECONDS_PER_DAY;
    int32_t offset = time_zone_at(reader->context->time_zone, unix_s).offset_s;
    DateTime local;
    timestamp_to_fields(now + offset * US_PER_SECOND, &local);
    if (has_time) {
        reader->date = local;
        reader->offset_s = offset;
    } else {
        int64_t days = days_from_civil(local.year, local.month, local.day) + day_shift;
        civil_from_days(days, &reader->date);
    }
}

static ReadOutcome read_reserved(Reader *reader, int32_t word, uint32_t *new_out) {
    uint32_t everything = FOUND_DATE | FOUND_TIME | FOUND(TOKEN_ZONE);
    if (word == WORD_ALLBALLS) {
        *new_out = FOUND_TIME | FOUND(TOKEN_ZONE);
        reader->date.hour = reader->date.minute = reader->date.second = 0;
        reader->offset_s = 0;
        reader->special = DATETIME_PLAIN;
    } else if (reader->is_time_only) {
        if (word != WORD_NOW) return READ_BAD_FORMAT;
        *new_out = FOUND_TIME;
        DateTime date = reader->date;
        set_now(reader, 0, true);
        reader->date.year = date.year;
        reader->date.month = date.month;
        reader->date.day = date.day;
    } else if (word == WORD_NOW) {
        *new_out = everything;
        reader->special = DATETIME_PLAIN;
        set_now(reader, 0, true);
    } else if (word == WORD_YESTERDAY || word == WORD_TODAY || word == WORD_TOMORROW) {
        *new_out = FOUND_DATE;
        reader->special = DATETIME_PLAIN;
        set_now(reader, word - WORD_TODAY, false);
    } else {
        reader->special = word == WORD_EPOCH  ? DATETIME_EPOCH
                          : word == WORD_LATE ? DATETIME_LATE
                                              : DATETIME_EARLY;
    }
    return READ_OK;
}

// A word before which only its index matters: "t" must have a time behind it.
static bool is_time_next(const DateTimeFields *fields, uint32_t index) {
    if (index + 1 >= fields->count) return false;
    FieldKind next = fields->kinds[index + 1];
    return next == FIELD_NUMBER || next == FIELD_TIME || next == FIELD_DATE;
}

static ReadOutcome read_word(Reader *reader, uint32_t index, uint32_t *new_out) {
    const char *text = reader->fields->texts[index];
    const ZoneAbbreviation *abbreviation = zone_abbreviation_find(text);
    if (abbreviation != NULL && abbreviation->zone != NULL) {
        *new_out = FOUND(TOKEN_NAMED_ZONE) | FOUND(TOKEN_ZONE);
        reader->zone_abbreviation = text;
        return read_zone_name(reader, abbreviation->zone, true);
    }
    if (abbreviation != NULL) {
        *new_out = FOUND(TOKEN_ZONE);
        if (abbreviation->is_dst) *new_out |= FOUND(TOKEN_DAYLIGHT_ZONE);
        reader->offset_s = abbreviation->offset_s;
        return READ_OK;
    }
    const DateTimeWord *word = datetime_word_find(text);
    if (word == NULL) {
        *new_out = FOUND(TOKEN_ZONE);
        return read_zone_name(reader, text, false);
    }
    *new_out = FOUND(word->kind);
    switch (word->kind) {
    case TOKEN_IGNORED:
        *new_out = 0;
        return READ_OK;
    case TOKEN_RESERVED:
        return read_reserved(reader, word->value, new_out);
    case TOKEN_MONTH:
        if (reader->is_time_only) return READ_BAD_FORMAT;
        // A number that was taken for the month was the day.
        if (has(reader, FOUND(TOKEN_MONTH)) && !reader->has_month_name
            && !has(reader, FOUND(TOKEN_DAY)) && reader->date.month >= 1
            && reader->date.month <= 31) {
            reader->date.day = reader->date.month;
            *new_out = FOUND(TOKEN_DAY);
        }
        reader->has_month_name = true;
        reader->date.month = word->value;
        return READ_OK;
    case TOKEN_DAYLIGHT_SHIFT:
        *new_out |= FOUND(TOKEN_DAYLIGHT_ZONE);
        reader->offset_s += word->value;
        return READ_OK;
    case TOKEN_AM_PM:
        reader->half = (WordValue)word->value;
        return READ_OK;
    case TOKEN_ERA:
        reader->is_before_christ = word->value == WORD_BC;
        return READ_OK;
    case TOKEN_DAY_OF_WEEK:
        return reader->is_time_only ? READ_BAD_FORMAT : READ_OK;
    case TOKEN_UNIT:
        *new_out = 0;
        if (reader->label != WORD_NONE && !reader->is_time_only) return READ_BAD_FORMAT;
        reader->label = (WordValue)word->value;
        return READ_OK;
    case TOKEN_ISO_TIME:
        *new_out = 0;
        if (!reader->is_time_only && !has(reader, FOUND_DATE)) return READ_BAD_FORMAT;
        if (!is_time_next(reader->fields, index)) return READ_BAD_FORMAT;
        if (reader->label != WORD_NONE && !reader->is_time_only) return READ_BAD_FORMAT;
        reader->label = (WordValue)word->value;
        return READ_OK;
    case TOKEN_YEAR:
    case TOKEN_DAY:
    case TOKEN_ZONE:
    case TOKEN_DAYLIGHT_ZONE:
    case TOKEN_NAMED_ZONE:
    case TOKEN_HOUR:
    case TOKEN_MINUTE:
    case TOKEN_SECOND:
    case TOKEN_MILLISECOND:
    case TOKEN_MICROSECOND:
    case TOKEN_DAY_OF_YEAR:
    case TOKEN_AGO:
    case TOKEN_WEEK:
    case TOKEN_DECADE:
    case TOKEN_CENTURY:
    case TOKEN_MILLENNIUM:
    case TOKEN_UNKNOWN:
        break;
    }
    return READ_BAD_FORMAT;
}

// ---- Wholes -------------------------------------------------------------------------------------

// Gives the year its century and its era, and checks month and day.
static ReadOutcome check_date(Reader *reader) {
    DateTime *date = &reader->date;
    if (has(reader, FOUND(TOKEN_YEAR)) && !reader->is_julian) {
        if (reader->is_before_christ) {
            if (date->year <= 0) return READ_OUT_OF_RANGE;
            date->year = 1 - date->year;
        } else if (reader->is_short_year) {
            if (date->year < 0) return READ_OUT_OF_RANGE;
            if (date->year < 70) {
                date->year += 2000;
            } else if (date->year < 100) {
                date->year += 1900;
            }
        } else if (date->year <= 0) {
            return READ_OUT_OF_RANGE;
        }
    }
    if (has(reader, FOUND(TOKEN_DAY_OF_YEAR))) {
        civil_from_days(days_from_civil(date->year, 1, 1) + reader->day_of_year - 1, date);
    }
    if (has(reader, FOUND(TOKEN_MONTH)) && (date->month < 1 || date->month > MONTHS_PER_YEAR)) {
        return READ_MONTH_DAY_OUT_OF_RANGE;
    }
    if (has(reader, FOUND(TOKEN_DAY)) && (date->day < 1 || date->day > 31)) {
        return READ_MONTH_DAY_OUT_OF_RANGE;
    }
    if (has(reader, FOUND_DATE) && date->day > days_in_month(date->year, date->month)) {
        return READ_OUT_OF_RANGE;
    }
    return READ_OK;
}

static ReadOutcome apply_half_of_day(Reader *reader) {
    if (reader->half == WORD_NONE) return READ_OK;
    if (reader->date.hour > 12) return READ_OUT_OF_RANGE;
    if (reader->half == WORD_AM && reader->date.hour == 12) {
        reader->date.hour = 0;
    } else if (reader->half == WORD_PM && reader->date.hour != 12) {
        reader->date.hour += 12;
    }
    return READ_OK;
}

// The offset of a zone at the date and time, as if the latter were local.
static int32_t zone_offset(const Reader *reader, const TimeZone *zone, const DateTime *date) {
    int64_t days = days_from_civil(date->year, date->month, date->day) - UNIX_EPOCH_DAYS;
    int64_t local_s = days * SECONDS_PER_DAY + (date->hour * 60 + date->minute) * 60 + date->second;
    LocalTime local;
    const char *abbreviation = zone == reader->zone ? reader->zone_abbreviation : NULL;
    if (abbreviation != NULL && time_zone_abbreviation_at(zone, abbreviation, local_s, &local)) {
        return local.offset_s;
    }
    return time_zone_at_local(zone, local_s).offset_s;
}

static ReadOutcome read_datetime_field(Reader *reader, uint32_t index, uint32_t *new_out) {
    char *text = reader->fields->texts[index];
    ReadOutcome outcome;
    switch (reader->fields->kinds[index]) {
    case FIELD_DATE:
        if (reader->label == WORD_UNIT_JULIAN) { // "J2451187-08"
            char *end;
            int32_t julian;
            if (!int32_take(text, &end, &julian) || julian < 0) return READ_OUT_OF_RANGE;
            civil_from_days(julian - JULIAN_OF_EPOCH, &reader->date);
            reader->is_julian = true;
            reader->label = WORD_NONE;
            *new_out = FOUND_DATE | FOUND_TIME | FOUND(TOKEN_ZONE);
            return read_offset(end, &reader->offset_s);
        }
        if (reader->label != WORD_NONE || has(reader, FOUND(TOKEN_MONTH) | FOUND(TOKEN_DAY))) {
            if (!is_decimal(*text) && reader->label == WORD_NONE) {
                *new_out = FOUND(TOKEN_ZONE);
                return read_zone_name(reader, text, true);
            }
            if (reader->label != WORD_NONE && reader->label != WORD_UNIT_TIME) {
                return READ_BAD_FORMAT;
            }
            reader->label = WORD_NONE;
            return read_run_with_zone(reader, text, reader->found, new_out);
        }
        return read_date(reader, text, new_out);
    case FIELD_TIME:
        if (reader->label != WORD_NONE && reader->label != WORD_UNIT_TIME) return READ_BAD_FORMAT;
        reader->label = WORD_NONE;
        outcome = read_clock(reader, text, new_out);
        if (outcome != READ_OK) return outcome;
        return time_is_too_late(&reader->date) ? READ_OUT_OF_RANGE : READ_OK;
    case FIELD_ZONE:
        *new_out = FOUND(TOKEN_ZONE);
        return read_offset(text, &reader->offset_s);
    case FIELD_NUMBER: {
        if (reader->label != WORD_NONE) return read_labelled(reader, text, new_out);
        size_t count = strlen(text);
        const char *point = strchr(text, '.');
        if (point != NULL && (reader->found & FOUND_DATE) == 0) {
            return read_date(reader, text, new_out);
        }
        bool is_run =
            (point != NULL && point - text > 2)
            || (count >= 6 && (!(reader->found & FOUND_DATE) || !(reader->found & FOUND_TIME)));
        return is_run ? read_run(reader, text, reader->found, new_out)
                      : read_number(reader, text, reader->found, new_out);
    }
    case FIELD_STRING:
    case FIELD_SPECIAL:
        return read_word(reader, index, new_out);
    }
    UNREACHABLE();
}

ReadOutcome datetime_read(
    const ValueContext *context, DateTimeFields *fields, Arena *arena, DateTimeRead *read_out) {
    Reader reader = {.context = context, .arena = arena, .fields = fields};
    ReadOutcome outcome;
    for (uint32_t i = 0; i < fields->count; i++) {
        uint32_t new = 0;
        outcome = read_datetime_field(&reader, i, &new);
        if (outcome != READ_OK) return outcome;
        if (new &reader.found) return READ_BAD_FORMAT;
        reader.found |= new;
    }
    outcome = check_date(&reader);
    if (outcome == READ_OK) outcome = apply_half_of_day(&reader);
    if (outcome != READ_OK) return outcome;
    if (reader.special == DATETIME_PLAIN) {
        if (!has(&reader, FOUND_DATE)) return READ_BAD_FORMAT;
        bool has_shift = has(&reader, FOUND(TOKEN_DAYLIGHT_SHIFT));
        if (reader.zone != NULL || !has(&reader, FOUND(TOKEN_ZONE))) {
            if (has_shift) return READ_BAD_FORMAT;
            const TimeZone *zone = reader.zone != NULL ? reader.zone : context->time_zone;
            reader.offset_s = zone_offset(&reader, zone, &reader.date);
        }
    }
    *read_out = (DateTimeRead){reader.date, reader.special, true, reader.offset_s};
    return READ_OK;
}

static ReadOutcome read_time_field(Reader *reader, uint32_t index, uint32_t *new_out) {
    DateTimeFields *fields = reader->fields;
    char *text = fields->texts[index];
    uint32_t found = reader->found | FOUND_DATE;
    ReadOutcome outcome;
    switch (fields->kinds[index]) {
    case FIELD_DATE: {
        bool may_be_date =
            index == 0 && fields->count >= 2
            && (fields->kinds[fields->count - 1] == FIELD_DATE || fields->kinds[1] == FIELD_TIME);
        if (may_be_date) return read_date(reader, text, new_out);
        if (is_decimal(*text)) {
            outcome = read_run_with_zone(reader, text, found, new_out);
            fields->kinds[index] = FIELD_TIME;
            return outcome;
        }
        fields->kinds[index] = FIELD_ZONE;
        *new_out = FOUND(TOKEN_ZONE);
        return read_zone_name(reader, text, true);
    }
    case FIELD_TIME:
        return read_clock(reader, text, new_out);
    case FIELD_ZONE:
        *new_out = FOUND(TOKEN_ZONE);
        return read_offset(text, &reader->offset_s);
    case FIELD_NUMBER: {
        if (reader->label != WORD_NONE) return read_labelled(reader, text, new_out);
        const char *point = strchr(text, '.');
        if (point != NULL && index == 0 && fields->count >= 2
            && fields->kinds[fields->count - 1] == FIELD_DATE) {
            return read_date(reader, text, new_out);
        }
        if (point != NULL && point - text <= 2) return READ_BAD_FORMAT;
        if (point != NULL || strlen(text) > 4) {
            outcome = read_run(reader, text, found, new_out);
            fields->kinds[index] = *new_out == FOUND_DATE ? FIELD_DATE : FIELD_TIME;
            return outcome;
        }
        return read_number(reader, text, found, new_out);
    }
    case FIELD_STRING:
    case FIELD_SPECIAL:
        return read_word(reader, index, new_out);
    }
    UNREACHABLE();
}

ReadOutcome time_read(
    const ValueContext *context, DateTimeFields *fields, Arena *arena, DateTimeRead *read_out) {
    Reader reader = {.context = context, .arena = arena, .fields = fields, .is_time_only = true};
    ReadOutcome outcome;
    for (uint32_t i = 0; i < fields->count; i++) {
        uint32_t new = 0;
        outcome = read_time_field(&reader, i, &new);
        if (outcome != READ_OK) return outcome;
        if (new &reader.found) return READ_BAD_FORMAT;
        reader.found |= new;
    }
    outcome = check_date(&reader);
    if (outcome == READ_OK) outcome = apply_half_of_day(&reader);
    if (outcome != READ_OK) return outcome;
    if (time_is_too_late(&reader.date)) return READ_OUT_OF_RANGE;
    if (!has(&reader, FOUND_TIME)) return READ_BAD_FORMAT;
    bool has_date = has(&reader, FOUND_DATE);
    bool has_shift = has(&reader, FOUND(TOKEN_DAYLIGHT_SHIFT));
    DateTime date = reader.date;
    if (!has_date) {
        set_now(&reader, 0, false);
        DateTime today = reader.date;
        today.hour = date.hour;
        today.minute = date.minute;
        today.second = date.second;
        reader.date = date;
        date = today;
    }
    if (reader.zone != NULL) {
        if (has_shift) return READ_BAD_FORMAT;
        bool is_named = reader.zone_abbreviation == NULL;
        if (!is_named || !time_zone_is_fixed(reader.zone, &reader.offset_s)) {
            // What the zone's clocks show depends on the date.
            if (is_named && !has_date) return READ_BAD_FORMAT;
            reader.offset_s = zone_offset(&reader, reader.zone, &date);
        }
    } else if (!has(&reader, FOUND(TOKEN_ZONE))) {
        if (has_shift) return READ_BAD_FORMAT;
        if (!has_date && (reader.found & FOUND_DATE) != 0) return READ_BAD_FORMAT;
        reader.offset_s = zone_offset(&reader, context->time_zone, &date);
    }
    *read_out = (DateTimeRead){reader.date, DATETIME_PLAIN, has_date, reader.offset_s};
    return READ_OK;
}

Status datetime_fail(ReadOutcome outcome, const char *type_name, const char *text, size_t count) {
    int length = (int)count;
    Status status;
    switch (outcome) {
    case READ_OUT_OF_RANGE:
        return fail(
            DATETIME_FIELD_OVERFLOW, "date/time field value out of range: \"%.*s\"", length, text);
    case READ_MONTH_DAY_OUT_OF_RANGE:
        status = fail(
            DATETIME_FIELD_OVERFLOW, "date/time field value out of range: \"%.*s\"", length, text);
        error_add_hint("Perhaps you need a different \"datestyle\" setting.");
        return status;
    case READ_INTERVAL_OUT_OF_RANGE:
        return fail(
            INTERVAL_FIELD_OVERFLOW, "interval field value out of range: \"%.*s\"", length, text);
    case READ_ZONE_OUT_OF_RANGE:
        return fail(INVALID_TIME_ZONE_DISPLACEMENT, "time zone displacement out of range: \"%.*s\"",
            length, text);
    case READ_ERROR_RAISED:
        return error_get()->status;
    case READ_OK:
    case READ_BAD_FORMAT:
        break;
    }
    return fail(INVALID_DATETIME_FORMAT, "invalid input syntax for type %s: \"%.*s\"", type_name,
        length, text);
}
