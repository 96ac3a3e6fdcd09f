#include "types/interval_read.h"

#include "base/error.h"
#include "types/datetime_words.h"
#include "types/float_decimal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

// What has been read so far.
typedef struct Total {
    int64_t time_us;
    int32_t days, months, years;
} Total;

// ---- Adding up; false on overflow ---------------------------------------------------------------

static bool fits(int64_t value) {
    return value >= INT32_MIN && value <= INT32_MAX;
}

static bool add_time_fraction(Total *total, double fraction, int64_t unit_us) {
    if (fraction == 0) return true;
    fraction *= (double)unit_us;
    int64_t whole = (int64_t)fraction;
    if (__builtin_add_overflow(total->time_us, whole, &total->time_us)) return false;
    fraction -= (double)whole;
    if (fraction > 0.5) total->time_us++;
    if (fraction < -0.5) total->time_us--;
    return true;
}

static bool add_time(Total *total, int64_t value, double fraction, int64_t unit_us) {
    int64_t product;
    if (__builtin_mul_overflow(value, unit_us, &product)) return false;
    if (__builtin_add_overflow(total->time_us, product, &total->time_us)) return false;
    return add_time_fraction(total, fraction, unit_us);
}

static bool add_days(Total *total, int64_t value, int32_t unit) {
    int32_t product;
    if (!fits(value) || __builtin_mul_overflow((int32_t)value, unit, &product)) return false;
    return !__builtin_add_overflow(total->days, product, &total->days);
}

static bool add_day_fraction(Total *total, double fraction, int32_t unit) {
    if (fraction == 0) return true;
    fraction *= unit;
    int32_t whole = (int32_t)fraction;
    if (__builtin_add_overflow(total->days, whole, &total->days)) return false;
    return add_time_fraction(total, fraction - whole, US_PER_DAY);
}

static bool add_months(Total *total, int64_t value) {
    return fits(value) && !__builtin_add_overflow(total->months, (int32_t)value, &total->months);
}

static bool add_years(Total *total, int64_t value, double fraction, int32_t unit) {
    int32_t product;
    if (!fits(value) || __builtin_mul_overflow((int32_t)value, unit, &product)) return false;
    if (__builtin_add_overflow(total->years, product, &total->years)) return false;
    int32_t months = (int32_t)rint(fraction * unit * MONTHS_PER_YEAR);
    return !__builtin_add_overflow(total->months, months, &total->months);
}

// Adds a number of a unit. `*found_out` is what counts as found.
static ReadOutcome add_unit(
    Total *total, TokenKind unit, int64_t value, double fraction, uint32_t *found_out) {
    bool is_fine = true;
    *found_out = FOUND(unit);
    switch (unit) {
    case TOKEN_MICROSECOND:
        is_fine = add_time(total, value, fraction, 1);
        break;
    case TOKEN_MILLISECOND:
        is_fine = add_time(total, value, fraction, 1000);
        break;
    case TOKEN_SECOND:
        is_fine = add_time(total, value, fraction, US_PER_SECOND);
        if (fraction != 0) *found_out = FOUND_SECONDS;
        break;
    case TOKEN_MINUTE:
        is_fine = add_time(total, value, fraction, US_PER_MINUTE);
        break;
    case TOKEN_HOUR:
        is_fine = add_time(total, value, fraction, US_PER_HOUR);
        break;
    case TOKEN_DAY:
        is_fine = add_days(total, value, 1) && add_time_fraction(total, fraction, US_PER_DAY);
        break;
    case TOKEN_WEEK:
        is_fine = add_days(total, value, 7) && add_day_fraction(total, fraction, 7);
        break;
    case TOKEN_MONTH:
        is_fine = add_months(total, value) && add_day_fraction(total, fraction, DAYS_PER_MONTH);
        break;
    case TOKEN_YEAR:
        is_fine = add_years(total, value, fraction, 1);
        break;
    case TOKEN_DECADE:
        is_fine = add_years(total, value, fraction, 10);
        break;
    case TOKEN_CENTURY:
        is_fine = add_years(total, value, fraction, 100);
        break;
    case TOKEN_MILLENNIUM:
        is_fine = add_years(total, value, fraction, 1000);
        break;
    case TOKEN_RESERVED:
    case TOKEN_ZONE:
    case TOKEN_DAYLIGHT_ZONE:
    case TOKEN_NAMED_ZONE:
    case TOKEN_IGNORED:
    case TOKEN_AM_PM:
    case TOKEN_DAY_OF_YEAR:
    case TOKEN_DAY_OF_WEEK:
    case TOKEN_UNIT:
    case TOKEN_ERA:
    case TOKEN_AGO:
    case TOKEN_ISO_TIME:
    case TOKEN_DAYLIGHT_SHIFT:
    case TOKEN_UNKNOWN:
        return READ_BAD_FORMAT;
    }
    return is_fine ? READ_OK : READ_OUT_OF_RANGE;
}

// ---- "1 year 2 days 03:04:05" -------------------------------------------------------------------

static ReadOutcome read_clock(const char *text, int32_t range, Total *total) {
    ClockTime time;
    ReadOutcome outcome =
        clock_time_read(text, range == (INTERVAL_MINUTE | INTERVAL_SECOND), &time);
    if (outcome != READ_OK) return outcome;
    total->time_us = time.microsecond;
    bool is_fine = add_time(total, time.hour, 0, US_PER_HOUR)
                   && add_time(total, time.minute, 0, US_PER_MINUTE)
                   && add_time(total, time.second, 0, US_PER_SECOND);
    return is_fine ? READ_OK : READ_OUT_OF_RANGE;
}

// The unit of a number without one: the last field of the type.
static TokenKind last_unit(int32_t range) {
    if (range == INTERVAL_FULL_RANGE || (range & INTERVAL_SECOND)) return TOKEN_SECOND;
    if (range & INTERVAL_MINUTE) return TOKEN_MINUTE;
    if (range & INTERVAL_HOUR) return TOKEN_HOUR;
    if (range & INTERVAL_DAY) return TOKEN_DAY;
    if (range & INTERVAL_MONTH) return TOKEN_MONTH;
    return range & INTERVAL_YEAR ? TOKEN_YEAR : TOKEN_SECOND;
}

// A number, or "years-months", of `*unit_inout`.
static ReadOutcome read_number(
    const char *text, bool is_negated, TokenKind *unit_inout, Total *total, uint32_t *found_out) {
    char *end;
    double fraction = 0;
    errno = 0;
    int64_t value = strtoll(text, &end, 10);
    if (errno == ERANGE) return READ_OUT_OF_RANGE;
    if (*end == '-') {
        int32_t months;
        if (!int32_take(end + 1, &end, &months) || months < 0 || months >= MONTHS_PER_YEAR) {
            return READ_OUT_OF_RANGE;
        }
        if (*end != '\0') return READ_BAD_FORMAT;
        *unit_inout = TOKEN_MONTH;
        if (*text == '-') months = -months;
        if (__builtin_mul_overflow(value, MONTHS_PER_YEAR, &value)
            || __builtin_add_overflow(value, months, &value)) {
            return READ_OUT_OF_RANGE;
        }
    } else if (*end == '.') {
        if (!fraction_read(end, &fraction)) return READ_BAD_FORMAT;
        if (*text == '-') fraction = -fraction;
    } else if (*end != '\0') {
        return READ_BAD_FORMAT;
    }
    if (is_negated && value > 0) value = -value;
    if (is_negated && fraction > 0) fraction = -fraction;
    TokenKind unit = *unit_inout;
    if (unit == TOKEN_HOUR) *unit_inout = TOKEN_DAY; // of a number further left
    return add_unit(total, unit, value, fraction, found_out);
}

static bool negate(Total *total) {
    if (total->time_us == INT64_MIN || total->days == INT32_MIN || total->months == INT32_MIN
        || total->years == INT32_MIN) {
        return false;
    }
    *total = (Total){-total->time_us, -total->days, -total->months, -total->years};
    return true;
}

// In the SQL standard's style a sign in front is everybody's, when it is the only one.
static bool sign_is_for_all(const ValueContext *context, const DateTimeFields *fields) {
    if (context->interval_style != INTERVAL_STYLE_SQL_STANDARD) return false;
    if (fields->count == 0 || fields->texts[0][0] != '-') return false;
    for (uint32_t i = 1; i < fields->count; i++) {
        if (fields->texts[i][0] == '-' || fields->texts[i][0] == '+') return false;
    }
    return true;
}

// From right to left, so that a unit comes before its number.
static ReadOutcome read_fields(
    const ValueContext *context, const DateTimeFields *fields, int32_t range, Total *total) {
    bool is_negated = sign_is_for_all(context, fields), is_ago = false;
    uint32_t found = 0;
    TokenKind unit = TOKEN_IGNORED;
    for (uint32_t i = fields->count; i-- > 0;) {
        const char *text = fields->texts[i];
        FieldKind kind = fields->kinds[i];
        uint32_t new = 0;
        ReadOutcome outcome = READ_OK;
        Total before = *total;
        bool is_clock = kind == FIELD_TIME;
        if (is_clock) {
            outcome = read_clock(text, range, total);
        } else if (kind == FIELD_ZONE && strchr(text + 1, ':') != NULL) {
            is_clock = read_clock(text + 1, range, total) == READ_OK;
            if (!is_clock) *total = before;
            if (is_clock && *text == '-') total->time_us = -total->time_us;
        }
        if (is_clock) {
            if (outcome != READ_OK) return outcome;
            if (is_negated && total->time_us > 0) total->time_us = -total->time_us;
            new = FOUND_TIME;
            unit = TOKEN_DAY;
        } else if (kind == FIELD_STRING || kind == FIELD_SPECIAL) {
            const DateTimeWord *word = interval_word_find(text);
            if (word == NULL) return READ_BAD_FORMAT;
            if (word->kind == TOKEN_IGNORED) continue;
            is_ago = is_ago || word->kind == TOKEN_AGO;
            unit = word->kind == TOKEN_AGO ? TOKEN_AGO : (TokenKind)word->value;
        } else {
            if (unit == TOKEN_IGNORED) unit = last_unit(range);
            outcome = read_number(text, is_negated, &unit, total, &new);
            if (outcome != READ_OK) return outcome;
        }
        if (new &found) return READ_BAD_FORMAT;
        found |= new;
    }
    if (found == 0) return READ_BAD_FORMAT;
    return is_ago && !negate(total) ? READ_OUT_OF_RANGE : READ_OK;
}

// ---- "P1Y2DT3H4M5S" and "P0001-02-03T04:05:06" --------------------------------------------------

typedef struct Iso {
    const char *at;
    int64_t value;
    double fraction;
} Iso;

static ReadOutcome take_number(Iso *iso) {
    char c = *iso->at;
    if (!((c >= '0' && c <= '9') || c == '-' || c == '.')) return READ_BAD_FORMAT;
    char *end;
    errno = 0;
    double number = float8_read(iso->at, &end);
    if (end == iso->at || errno != 0) return READ_BAD_FORMAT;
    if (isnan(number) || number < -1.0e15 || number > 1.0e15) return READ_OUT_OF_RANGE;
    iso->value = (int64_t)trunc(number);
    iso->fraction = number - trunc(number);
    iso->at = end;
    return READ_OK;
}

static size_t integer_width(const char *text) {
    if (*text == '-') text++;
    return strspn(text, "0123456789");
}

// Numbers with separators, of these units one after the other; the first has been taken and what is
// behind it too. `*is_over_out` when the text ends.
static ReadOutcome read_extended(Iso *iso, const TokenKind units[3], char separator, char next,
    Total *total, bool *is_over_out) {
    for (int i = 0;; i++) {
        uint32_t found;
        ReadOutcome outcome = add_unit(total, units[i], iso->value, iso->fraction, &found);
        if (outcome != READ_OK) return outcome;
        *is_over_out = next == '\0';
        if (next == '\0') return READ_OK;
        if (next == 'T' && separator == '-') return READ_OK;
        if (next != separator || i == 2) return READ_BAD_FORMAT;
        outcome = take_number(iso);
        if (outcome != READ_OK) return outcome;
        next = *iso->at;
        if (next != '\0') iso->at++;
    }
}

static ReadOutcome read_iso(const char *text, Total *total) {
    static const TokenKind date_units[] = {TOKEN_YEAR, TOKEN_MONTH, TOKEN_DAY};
    static const TokenKind time_units[] = {TOKEN_HOUR, TOKEN_MINUTE, TOKEN_SECOND};
    if (strlen(text) < 2 || text[0] != 'P') return READ_BAD_FORMAT;
    bool is_date = true, has_field = false;
    Iso iso = {.at = text + 1};
    while (*iso.at != '\0') {
        if (*iso.at == 'T') {
            is_date = false;
            has_field = false;
            iso.at++;
            continue;
        }
        const char *start = iso.at;
        uint32_t found;
        ReadOutcome outcome = take_number(&iso);
        if (outcome != READ_OK) return outcome;
        char unit = *iso.at;
        if (unit != '\0') iso.at++;
        TokenKind kind = TOKEN_UNKNOWN;
        if (is_date) {
            kind = unit == 'Y'   ? TOKEN_YEAR
                   : unit == 'M' ? TOKEN_MONTH
                   : unit == 'W' ? TOKEN_WEEK
                   : unit == 'D' ? TOKEN_DAY
                                 : TOKEN_UNKNOWN;
        } else {
            kind = unit == 'H'   ? TOKEN_HOUR
                   : unit == 'M' ? TOKEN_MINUTE
                   : unit == 'S' ? TOKEN_SECOND
                                 : TOKEN_UNKNOWN;
        }
        if (kind != TOKEN_UNKNOWN) {
            outcome = add_unit(total, kind, iso.value, iso.fraction, &found);
            if (outcome != READ_OK) return outcome;
            has_field = true;
            continue;
        }
        bool is_run_end = unit == '\0' || (is_date && unit == 'T');
        if (is_run_end && !has_field && is_date && integer_width(start) == 8) { // yyyymmdd
            if (!add_years(total, iso.value / 10000, 0, 1)
                || !add_months(total, iso.value / 100 % 100) || !add_days(total, iso.value % 100, 1)
                || !add_time_fraction(total, iso.fraction, US_PER_DAY)) {
                return READ_OUT_OF_RANGE;
            }
            if (unit == '\0') return READ_OK;
            is_date = false;
            continue;
        }
        if (is_run_end && !has_field && !is_date && integer_width(start) == 6) { // hhmmss
            if (!add_time(total, iso.value / 10000, 0, US_PER_HOUR)
                || !add_time(total, iso.value / 100 % 100, 0, US_PER_MINUTE)
                || !add_time(total, iso.value % 100, 0, US_PER_SECOND)
                || !add_time_fraction(total, iso.fraction, 1)) {
                return READ_OUT_OF_RANGE;
            }
            return READ_OK;
        }
        if (has_field || (!is_run_end && unit != (is_date ? '-' : ':'))) return READ_BAD_FORMAT;
        bool is_over;
        outcome = read_extended(
            &iso, is_date ? date_units : time_units, is_date ? '-' : ':', unit, total, &is_over);
        if (outcome != READ_OK || is_over) return outcome;
        is_date = false; // a T was taken
    }
    return READ_OK;
}

Status interval_read(const ValueContext *context, const char *text, size_t count, int32_t range,
    Interval *interval_out) {
    enum { ROOM_BYTES = 256 };

    DateTimeFields fields;
    Total total = {0};
    ReadOutcome outcome = datetime_split(text, count, ROOM_BYTES, &fields);
    if (outcome == READ_OK) outcome = read_fields(context, &fields, range, &total);
    char copy[ROOM_BYTES];
    if (outcome == READ_BAD_FORMAT && count < sizeof copy) {
        memcpy(copy, text, count);
        copy[count] = '\0';
        total = (Total){0};
        outcome = read_iso(copy, &total);
    }
    if (outcome == READ_OUT_OF_RANGE) outcome = READ_INTERVAL_OUT_OF_RANGE;
    if (outcome != READ_OK) return datetime_fail(outcome, "interval", text, count);
    int64_t months = (int64_t)total.years * MONTHS_PER_YEAR + total.months;
    if (!fits(months)) return fail(DATETIME_FIELD_OVERFLOW, "interval out of range");
    *interval_out = (Interval){total.time_us, total.days, (int32_t)months};
    return OK;
}
