// Dates and times in any of the forms that PostgreSQL reads.
//
// Model    A text is split into fields (datetime_fields.c), which are then understood one after the
//          other, each by what was found before it (datetime_read.c).
#pragma once

#include "types/calendar.h"
#include "types/time_zone.h"

enum { DATETIME_FIELD_MAX = 25, DATETIME_TEXT_MAX = 153, DATETIME_DATE_TEXT_MAX = 129 };

typedef enum FieldKind {
    FIELD_NUMBER,
    FIELD_STRING,
    FIELD_DATE,
    FIELD_TIME,
    FIELD_ZONE,    // "+hh:mm"; may turn out to be a signed number
    FIELD_SPECIAL, // a sign and a word
} FieldKind;

typedef struct DateTimeFields {
    uint32_t count;
    FieldKind kinds[DATETIME_FIELD_MAX];
    char *texts[DATETIME_FIELD_MAX]; // lower case, each ends with a zero
    char room[256 + DATETIME_FIELD_MAX];
} DateTimeFields;

// Why a text is refused.
typedef enum ReadOutcome {
    READ_OK,
    READ_BAD_FORMAT,
    READ_OUT_OF_RANGE,           // a field of the date or time
    READ_MONTH_DAY_OUT_OF_RANGE, // likewise, and the order of the fields may be why
    READ_INTERVAL_OUT_OF_RANGE,
    READ_ZONE_OUT_OF_RANGE,
    READ_ERROR_RAISED, // the error is recorded already
} ReadOutcome;

// Splits a text; its fields may fill `room_bytes`.
ReadOutcome datetime_split(
    const char *text, size_t count, size_t room_bytes, DateTimeFields *fields_out);

// What a text stands for.
typedef enum DateTimeSpecial {
    DATETIME_PLAIN,
    DATETIME_EPOCH,
    DATETIME_LATE,  // infinity
    DATETIME_EARLY, // -infinity
} DateTimeSpecial;

typedef struct DateTimeRead {
    DateTime fields;
    DateTimeSpecial special;
    bool has_date;
    int32_t offset_s; // east, of the zone that was named or of the session's
} DateTimeRead;

// A date with or without a time.
ReadOutcome datetime_read(
    const ValueContext *context, DateTimeFields *fields, Arena *arena, DateTimeRead *read_out);

// A time of day, with or without a zone.
ReadOutcome time_read(
    const ValueContext *context, DateTimeFields *fields, Arena *arena, DateTimeRead *read_out);

// Records the error of an outcome. `type_name` as "timestamp with time zone".
[[gnu::cold]] Status datetime_fail(
    ReadOutcome outcome, const char *type_name, const char *text, size_t count);

// ---- Pieces that intervals share ----------------------------------------------------------------

// What a word or a number can be, and the bits of what has been found.
typedef enum TokenKind {
    TOKEN_RESERVED,
    TOKEN_MONTH,
    TOKEN_YEAR,
    TOKEN_DAY,
    TOKEN_ZONE,
    TOKEN_DAYLIGHT_ZONE,
    TOKEN_NAMED_ZONE,
    TOKEN_IGNORED,
    TOKEN_AM_PM,
    TOKEN_HOUR,
    TOKEN_MINUTE,
    TOKEN_SECOND,
    TOKEN_MILLISECOND,
    TOKEN_MICROSECOND,
    TOKEN_DAY_OF_YEAR,
    TOKEN_DAY_OF_WEEK,
    TOKEN_UNIT,
    TOKEN_ERA,
    TOKEN_AGO,
    TOKEN_ISO_TIME,
    TOKEN_WEEK,
    TOKEN_DECADE,
    TOKEN_CENTURY,
    TOKEN_MILLENNIUM,
    TOKEN_DAYLIGHT_SHIFT,
    TOKEN_UNKNOWN,
} TokenKind;

#define FOUND(kind)   (UINT32_C(1) << (kind))
#define FOUND_DATE    (FOUND(TOKEN_YEAR) | FOUND(TOKEN_MONTH) | FOUND(TOKEN_DAY))
#define FOUND_SECONDS (FOUND(TOKEN_SECOND) | FOUND(TOKEN_MILLISECOND) | FOUND(TOKEN_MICROSECOND))
#define FOUND_TIME    (FOUND(TOKEN_HOUR) | FOUND(TOKEN_MINUTE) | FOUND_SECONDS)

// As strtol in base 10, with false beyond int32.
bool int32_take(const char *text, char **end_out, int32_t *value_out);

// The fraction from the point at `text` to the end of the text, which must be all of it.
bool fraction_read(const char *text, double *fraction_out);

// "hh:mm[:ss[.f]]" without a check of the upper limit of hours. `is_minutes`: two parts are minutes
// and seconds.
typedef struct ClockTime {
    int64_t hour;
    int32_t minute, second, microsecond;
} ClockTime;

ReadOutcome clock_time_read(const char *text, bool is_minutes, ClockTime *time_out);
