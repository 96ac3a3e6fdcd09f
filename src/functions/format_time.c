// to_char of timestamps.
//
// Source  PostgreSQL 15's documentation of formatting functions, section 9.8.
#include "base/error.h"
#include "base/utf8.h"
#include "functions/kernels_internal.h"
#include "types/datetime.h"

#include <ctype.h>

typedef enum Field {
    FIELD_NONE,
    FIELD_AM_DOTTED,
    FIELD_AM,
    FIELD_ERA_DOTTED,
    FIELD_ERA,
    FIELD_CENTURY,
    FIELD_DAY_NAME,
    FIELD_DAY_SHORT,
    FIELD_DAY_OF_YEAR,
    FIELD_DAY,
    FIELD_DAY_OF_WEEK,
    FIELD_FRACTION, // FF1 to FF6: the digit is `digits`
    FIELD_HOUR_24,
    FIELD_HOUR_12,
    FIELD_ISO_DAY_OF_YEAR,
    FIELD_ISO_DAY,
    FIELD_ISO_WEEK,
    FIELD_ISO_YEAR, // `digits` of it
    FIELD_JULIAN,
    FIELD_MINUTE,
    FIELD_MONTH,
    FIELD_MONTH_NAME,
    FIELD_MONTH_SHORT,
    FIELD_MONTH_ROMAN,
    FIELD_MILLISECOND,
    FIELD_MICROSECOND,
    FIELD_OFFSET,
    FIELD_QUARTER,
    FIELD_SECOND_OF_DAY,
    FIELD_SECOND,
    FIELD_ZONE,
    FIELD_ZONE_HOUR,
    FIELD_ZONE_MINUTE,
    FIELD_WEEK,
    FIELD_WEEK_OF_MONTH,
    FIELD_YEAR_COMMA,
    FIELD_YEAR, // `digits` of it
} Field;

typedef struct FieldName {
    const char *name; // in capitals
    Field field;
    uint8_t digits;
    bool has_capitalised; // "Day" beside "DAY" and "day"
} FieldName;

// Of two that start alike the longer comes first.
static const FieldName field_names[] = {{"A.D.", FIELD_ERA_DOTTED, 0, false},
    {"A.M.", FIELD_AM_DOTTED, 0, false}, {"AD", FIELD_ERA, 0, false}, {"AM", FIELD_AM, 0, false},
    {"B.C.", FIELD_ERA_DOTTED, 0, false}, {"BC", FIELD_ERA, 0, false},
    {"CC", FIELD_CENTURY, 2, false}, {"DAY", FIELD_DAY_NAME, 0, true},
    {"DDD", FIELD_DAY_OF_YEAR, 3, false}, {"DD", FIELD_DAY, 2, false},
    {"DY", FIELD_DAY_SHORT, 0, true}, {"D", FIELD_DAY_OF_WEEK, 1, false},
    {"FF1", FIELD_FRACTION, 1, false}, {"FF2", FIELD_FRACTION, 2, false},
    {"FF3", FIELD_FRACTION, 3, false}, {"FF4", FIELD_FRACTION, 4, false},
    {"FF5", FIELD_FRACTION, 5, false}, {"FF6", FIELD_FRACTION, 6, false},
    {"HH24", FIELD_HOUR_24, 2, false}, {"HH12", FIELD_HOUR_12, 2, false},
    {"HH", FIELD_HOUR_12, 2, false}, {"IDDD", FIELD_ISO_DAY_OF_YEAR, 3, false},
    {"ID", FIELD_ISO_DAY, 1, false}, {"IW", FIELD_ISO_WEEK, 2, false},
    {"IYYY", FIELD_ISO_YEAR, 4, false}, {"IYY", FIELD_ISO_YEAR, 3, false},
    {"IY", FIELD_ISO_YEAR, 2, false}, {"I", FIELD_ISO_YEAR, 1, false},
    {"J", FIELD_JULIAN, 0, false}, {"MI", FIELD_MINUTE, 2, false}, {"MM", FIELD_MONTH, 2, false},
    {"MONTH", FIELD_MONTH_NAME, 0, true}, {"MON", FIELD_MONTH_SHORT, 0, true},
    {"MS", FIELD_MILLISECOND, 3, false}, {"OF", FIELD_OFFSET, 0, false},
    {"P.M.", FIELD_AM_DOTTED, 0, false}, {"PM", FIELD_AM, 0, false}, {"Q", FIELD_QUARTER, 1, false},
    {"RM", FIELD_MONTH_ROMAN, 0, false}, {"SSSSS", FIELD_SECOND_OF_DAY, 0, false},
    {"SSSS", FIELD_SECOND_OF_DAY, 0, false}, {"SS", FIELD_SECOND, 2, false},
    {"TZH", FIELD_ZONE_HOUR, 0, false}, {"TZM", FIELD_ZONE_MINUTE, 2, false},
    {"TZ", FIELD_ZONE, 0, false}, {"US", FIELD_MICROSECOND, 6, false}, {"WW", FIELD_WEEK, 2, false},
    {"W", FIELD_WEEK_OF_MONTH, 1, false}, {"Y,YYY", FIELD_YEAR_COMMA, 0, false},
    {"YYYY", FIELD_YEAR, 4, false}, {"YYY", FIELD_YEAR, 3, false}, {"YY", FIELD_YEAR, 2, false},
    {"Y", FIELD_YEAR, 1, false}};

typedef enum LetterCase { CASE_UPPER, CASE_LOWER, CASE_CAPITALISED } LetterCase;

// What a local timestamp shows.
typedef struct Moment {
    DateTime fields;
    int64_t days; // since 2000-01-01
    LocalTime zone;
    bool has_zone;
} Moment;

// A field as it stands in a format.
typedef struct Placed {
    const FieldName *name;
    LetterCase letter_case;
    bool fills; // FM takes blanks and zeros away
} Placed;

static bool matches_in_case(const char *at, size_t left, const FieldName *name, LetterCase wanted) {
    size_t count = strlen(name->name);
    if (count > left) return false;
    for (size_t i = 0; i < count; i++) {
        char letter = name->name[i];
        bool is_lower = wanted == CASE_LOWER || (wanted == CASE_CAPITALISED && i > 0);
        if (is_lower) letter = (char)tolower((unsigned char)letter);
        if (at[i] != letter) return false;
    }
    return true;
}

static bool field_find(const char *at, size_t left, Placed *placed) {
    for (size_t i = 0; i < sizeof field_names / sizeof field_names[0]; i++) {
        for (LetterCase wanted = CASE_UPPER; wanted <= CASE_CAPITALISED; wanted++) {
            if (wanted == CASE_CAPITALISED && !field_names[i].has_capitalised) continue;
            if (!matches_in_case(at, left, &field_names[i], wanted)) continue;
            placed->name = &field_names[i];
            placed->letter_case = wanted;
            return true;
        }
    }
    return false;
}

// ---- Writing fields
// ------------------------------------------------------------------------------

static const char *const month_names[] = {"January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December"};
static const char *const day_names[] = {
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
static const char *const month_romans[] = {
    "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"};

// A word in the field's case, cut to `length_max` letters and filled up with blanks to `width`.
static void append_word(
    Text *out, const Placed *placed, const char *word, size_t length_max, size_t width) {
    size_t count = strlen(word);
    if (count > length_max) count = length_max;
    for (size_t i = 0; i < count; i++) {
        bool is_upper = placed->letter_case == CASE_UPPER
                        || (placed->letter_case == CASE_CAPITALISED && i == 0);
        int letter = (unsigned char)word[i];
        text_append_char(out, (char)(is_upper ? toupper(letter) : tolower(letter)));
    }
    if (placed->fills && count < width) text_append_repeat(out, ' ', width - count);
}

static void append_number(Text *out, const Placed *placed, int64_t number) {
    int width = placed->fills ? placed->name->digits : 0;
    if (number < 0 && width > 0) width++;
    text_append_format(out, "%0*lld", width, (long long)number);
}

static int64_t power_of_ten(uint32_t exponent) {
    int64_t power = 1;
    while (exponent-- > 0)
        power *= 10;
    return power;
}

static int64_t iso_year_start(int64_t year) {
    int64_t fourth = days_from_civil(year, 1, 4);
    return fourth - (day_of_week(fourth) + 6) % 7;
}

static int64_t iso_year_of(const Moment *moment) {
    int64_t year = moment->fields.year;
    if (moment->days < iso_year_start(year)) return year - 1;
    return moment->days >= iso_year_start(year + 1) ? year + 1 : year;
}

// Years before Christ are written without a sign.
static int64_t shown_year(int64_t year) {
    return year <= 0 ? -(year - 1) : year;
}

static void append_year(Text *out, const Placed *placed, int64_t year) {
    year = shown_year(year);
    uint32_t digits = placed->name->digits;
    append_number(out, placed, digits < 4 ? year % power_of_ten(digits) : year);
}

static int64_t shown_century(int64_t year) {
    return year > 0 ? (year - 1) / 100 + 1 : year / 100 - 1;
}

static void append_offset(Text *out, const Moment *moment, bool has_minutes) {
    int32_t offset_s = moment->zone.offset_s;
    uint32_t magnitude = (uint32_t)(offset_s < 0 ? -offset_s : offset_s);
    text_append_format(out, "%c%02u", offset_s < 0 ? '-' : '+', magnitude / 3600);
    if (has_minutes && magnitude / 60 % 60 != 0) {
        text_append_format(out, ":%02u", magnitude / 60 % 60);
    }
}

static void append_zone(Text *out, const Placed *placed, const Moment *moment) {
    if (!moment->has_zone) return;
    const char *abbreviation = moment->zone.abbreviation;
    Placed name = {.name = placed->name, .letter_case = placed->letter_case};
    if (abbreviation != NULL) append_word(out, &name, abbreviation, SIZE_MAX, 0);
}

// Whether the field is a number, which TH may follow; it is then in *number_out.
static bool field_number(const Placed *placed, const Moment *moment, int64_t *number_out) {
    const DateTime *fields = &moment->fields;
    int64_t first_of_year = days_from_civil(fields->year, 1, 1);
    switch ((int)placed->name->field) {
    case FIELD_CENTURY:
        *number_out = shown_century(fields->year);
        return true;
    case FIELD_DAY_OF_YEAR:
        *number_out = moment->days - first_of_year + 1;
        return true;
    case FIELD_DAY:
        *number_out = fields->day;
        return true;
    case FIELD_DAY_OF_WEEK:
        *number_out = day_of_week(moment->days) + 1;
        return true;
    case FIELD_FRACTION:
        *number_out = fields->microsecond / power_of_ten(6U - placed->name->digits);
        return true;
    case FIELD_HOUR_24:
        *number_out = fields->hour;
        return true;
    case FIELD_HOUR_12:
        *number_out = fields->hour % 12 == 0 ? 12 : fields->hour % 12;
        return true;
    case FIELD_ISO_DAY_OF_YEAR:
        *number_out = moment->days - iso_year_start(iso_year_of(moment)) + 1;
        return true;
    case FIELD_ISO_DAY:
        *number_out = (day_of_week(moment->days) + 6) % 7 + 1;
        return true;
    case FIELD_ISO_WEEK:
        *number_out = (moment->days - iso_year_start(iso_year_of(moment))) / 7 + 1;
        return true;
    case FIELD_JULIAN:
        *number_out = moment->days + JULIAN_OF_EPOCH;
        return true;
    case FIELD_MINUTE:
        *number_out = fields->minute;
        return true;
    case FIELD_MONTH:
        *number_out = fields->month;
        return true;
    case FIELD_MILLISECOND:
        *number_out = fields->microsecond / 1000;
        return true;
    case FIELD_MICROSECOND:
        *number_out = fields->microsecond;
        return true;
    case FIELD_QUARTER:
        *number_out = (fields->month - 1) / 3 + 1;
        return true;
    case FIELD_SECOND_OF_DAY:
        *number_out = fields->hour * 3600 + fields->minute * 60 + fields->second;
        return true;
    case FIELD_SECOND:
        *number_out = fields->second;
        return true;
    case FIELD_ZONE_MINUTE: {
        int32_t offset_s = moment->zone.offset_s;
        *number_out = (offset_s < 0 ? -offset_s : offset_s) / 60 % 60;
        return true;
    }
    case FIELD_WEEK:
        *number_out = (moment->days - first_of_year) / 7 + 1;
        return true;
    case FIELD_WEEK_OF_MONTH:
        *number_out = (fields->day - 1) / 7 + 1;
        return true;
    default:
        return false;
    }
}

static void append_field(Text *out, const Placed *placed, const Moment *moment) {
    const DateTime *fields = &moment->fields;
    bool is_lower = placed->letter_case == CASE_LOWER;
    int64_t number;
    if (field_number(placed, moment, &number)) {
        append_number(out, placed, number);
        return;
    }
    switch ((int)placed->name->field) {
    case FIELD_AM_DOTTED:
        append_word(out, placed, fields->hour >= 12 ? "P.M." : "A.M.", SIZE_MAX, 0);
        return;
    case FIELD_AM:
        append_word(out, placed, fields->hour >= 12 ? "PM" : "AM", SIZE_MAX, 0);
        return;
    case FIELD_ERA_DOTTED:
        append_word(out, placed, fields->year <= 0 ? "B.C." : "A.D.", SIZE_MAX, 0);
        return;
    case FIELD_ERA:
        append_word(out, placed, fields->year <= 0 ? "BC" : "AD", SIZE_MAX, 0);
        return;
    case FIELD_DAY_NAME:
        append_word(out, placed, day_names[day_of_week(moment->days)], SIZE_MAX, 9);
        return;
    case FIELD_DAY_SHORT:
        append_word(out, placed, day_names[day_of_week(moment->days)], 3, 0);
        return;
    case FIELD_MONTH_NAME:
        append_word(out, placed, month_names[fields->month - 1], SIZE_MAX, 9);
        return;
    case FIELD_MONTH_SHORT:
        append_word(out, placed, month_names[fields->month - 1], 3, 0);
        return;
    case FIELD_MONTH_ROMAN: {
        Placed roman = *placed;
        roman.letter_case = is_lower ? CASE_LOWER : CASE_UPPER;
        append_word(out, &roman, month_romans[fields->month - 1], SIZE_MAX, 4);
        return;
    }
    case FIELD_ZONE:
        append_zone(out, placed, moment);
        return;
    case FIELD_ZONE_HOUR:
        append_offset(out, moment, false);
        return;
    case FIELD_OFFSET:
        append_offset(out, moment, true);
        return;
    case FIELD_YEAR:
        append_year(out, placed, fields->year);
        return;
    case FIELD_ISO_YEAR:
        append_year(out, placed, iso_year_of(moment));
        return;
    case FIELD_YEAR_COMMA: {
        int64_t year = shown_year(fields->year);
        text_append_format(out, "%lld,%03lld", (long long)(year / 1000), (long long)(year % 1000));
        return;
    }
    default:
        return;
    }
}

// ---- Formats
// -------------------------------------------------------------------------------------

// "st", "nd", "rd" or "th" for what was just written, by its last digits.
static void append_ordinal(Text *out, size_t start, bool is_lower) {
    char last = out->count > start ? out->data[out->count - 1] : 0;
    char before = out->count > start + 1 ? out->data[out->count - 2] : 0;
    const char *ending = "TH";
    if (before != '1') {
        if (last == '1') ending = "ST";
        if (last == '2') ending = "ND";
        if (last == '3') ending = "RD";
    }
    for (; *ending != 0; ending++) {
        text_append_char(out, is_lower ? (char)tolower((unsigned char)*ending) : *ending);
    }
}

static bool takes_letters(const char **at, const char *end, const char *upper) {
    if (end - *at < 2) return false;
    bool is_upper = (*at)[0] == upper[0] && (*at)[1] == upper[1];
    bool is_lower = (*at)[0] == tolower((unsigned char)upper[0])
                    && (*at)[1] == tolower((unsigned char)upper[1]);
    if (is_upper || is_lower) *at += 2;
    return is_upper || is_lower;
}

static void format_moment(Text *out, Bytes format, const Moment *moment) {
    const char *at = (const char *)format.data, *end = at + format.count;
    bool is_quoted = false;
    while (at < end) {
        if (*at == '"') {
            is_quoted = !is_quoted;
            at++;
            continue;
        }
        if (*at == '\\' && at + 1 < end && (is_quoted || at[1] == '"')) {
            text_append_char(out, at[1]);
            at += 2;
            continue;
        }
        if (!is_quoted) {
            const char *start = at;
            Placed placed = {.fills = true};
            bool is_translated = false; // TM: there is one language here, but names are not filled
            for (bool more = true; more;) {
                more = takes_letters(&at, end, "FM");
                if (more) placed.fills = false;
                if (takes_letters(&at, end, "TM")) more = is_translated = true;
            }
            if (field_find(at, (size_t)(end - at), &placed)) {
                at += strlen(placed.name->name);
                size_t before = out->count;
                if (is_translated && placed.name->has_capitalised) placed.fills = false;
                append_field(out, &placed, moment);
                bool is_lower = at < end && *at == 't';
                bool is_exact =
                    end - at >= 2
                    && ((at[0] == 'T' && at[1] == 'H') || (at[0] == 't' && at[1] == 'h'));
                if (is_exact) {
                    append_ordinal(out, before, is_lower);
                    at += 2;
                }
                continue;
            }
            if (at != start) continue; // FM stays in force for nothing
        }
        size_t bytes = utf8_char_bytes((uint8_t)*at);
        text_append(out, at, bytes);
        at += bytes;
    }
}

static Status format_rows(Call *call, bool has_zone) {
    const TimeZone *zone = call->context->values.time_zone;
    FOR_EACH_ROW(call, row) {
        int64_t timestamp = ARGUMENT(call, 0, int64_t, row);
        Bytes format = argument_bytes(call, 1, row);
        if (format.count == 0 || timestamp_is_infinite(timestamp)) {
            result_set_null(call, row);
            continue;
        }
        Moment moment = {.has_zone = has_zone};
        if (has_zone) {
            moment.zone = time_zone_at(zone, timestamp_to_unix(timestamp));
            TRY(timestamptz_to_timestamp(zone, timestamp, &timestamp));
        }
        timestamp_to_fields(timestamp, &moment.fields);
        moment.days = floor_divide(timestamp, US_PER_DAY);
        Text text;
        text_init(&text, call->arena);
        format_moment(&text, format, &moment);
        result_set_text(call, row, &text);
    }
    return OK;
}

Status kernel_timestamp_to_char(Call *call) {
    return format_rows(call, false);
}

Status kernel_timestamptz_to_char(Call *call) {
    return format_rows(call, true);
}
