// The operations of date, time, timestamp, timestamptz and interval.
#include "base/error.h"
#include "base/hash.h"
#include "base/wide.h"
#include "types/datetime.h"
#include "types/datetime_read.h"
#include "types/datetime_write.h"
#include "types/interval_read.h"
#include "types/types_internal.h"

enum { PRECISION_MAX = 6 };

// ---- What the types over int8 share -------------------------------------------------------------

static int moment_compare(const Datum *a, const Datum *b) {
    return (a->int8 > b->int8) - (a->int8 < b->int8);
}

static uint64_t moment_hash(const Datum *datum) {
    return hash_u64((uint64_t)datum->int8);
}

static void moment_key_append(const Datum *datum, Text *key) {
    text_append_u64_be(key, int64_to_ordered(datum->int8));
}

static bool moment_key_take(Bytes *key, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    Bytes taken;
    if (!bytes_take(key, 8, &taken)) return false;
    *datum_out = (Datum){.int8 = int64_from_ordered(get_u64_be(taken.data))};
    return true;
}

static void moment_to_binary(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    text_append_u64_be(out, (uint64_t)datum->int8);
}

static void precision_to_text(int32_t modifier, Text *out) {
    if (modifier >= 0) text_append_format(out, "(%d)", modifier);
}

static Status precision_from_list(
    const char *type_name, const char *suffix, const int32_t *list, size_t count, int32_t *out) {
    if (count != 1) return fail(INVALID_PARAMETER_VALUE, "invalid type modifier");
    if (list[0] < 0) {
        return fail(INVALID_PARAMETER_VALUE, "%s(%d)%s precision must not be negative", type_name,
            list[0], suffix);
    }
    *out = list[0] > PRECISION_MAX ? PRECISION_MAX : list[0];
    return OK;
}

// ---- The usual form -----------------------------------------------------------------------------

// Takes `count` digits; -1 when there are other characters.
static int32_t take_digits(const char **at, int count) {
    int32_t value = 0;
    for (int i = 0; i < count; i++) {
        uint32_t digit = (uint32_t)((*at)[i] - '0');
        if (digit > 9) return -1;
        value = value * 10 + (int32_t)digit;
    }
    *at += count;
    return value;
}

static bool take_char(const char **at, char c) {
    if (**at != c) return false;
    (*at)++;
    return true;
}

// "yyyy-mm-dd[ hh:mm:ss[.f][+hh[:mm]]]" in the calendar and on the clock, which is what dumps and
// programs write and means the same in every date style. False for anything else: the readers that
// know all forms then say what it is.
static bool read_usual(const char *text, size_t count, DateTime *fields_out, bool *has_offset_out,
    int32_t *offset_out) {
    enum { DATE_COUNT = 10, TIME_COUNT = 19, TEXT_MAX = 40 };

    if (count < DATE_COUNT || count >= TEXT_MAX) return false;
    char copy[TEXT_MAX]; // ends in a zero, which stops every step below
    memcpy(copy, text, count);
    copy[count] = '\0';
    const char *at = copy;
    DateTime fields = {0};
    fields.year = take_digits(&at, 4);
    if (fields.year < 1 || !take_char(&at, '-')) return false;
    fields.month = take_digits(&at, 2);
    if (fields.month < 1 || fields.month > MONTHS_PER_YEAR || !take_char(&at, '-')) return false;
    fields.day = take_digits(&at, 2);
    if (fields.day < 1 || fields.day > days_in_month(fields.year, fields.month)) return false;
    *has_offset_out = false;
    if (count > DATE_COUNT) {
        if (count < TIME_COUNT || !take_char(&at, ' ')) return false;
        fields.hour = take_digits(&at, 2);
        if (fields.hour < 0 || fields.hour > 23 || !take_char(&at, ':')) return false;
        fields.minute = take_digits(&at, 2);
        if (fields.minute < 0 || fields.minute > 59 || !take_char(&at, ':')) return false;
        fields.second = take_digits(&at, 2);
        if (fields.second < 0 || fields.second > 59) return false;
        if (take_char(&at, '.')) {
            int32_t unit = 100000;
            for (; is_digit(*at) && unit > 0; unit /= 10) {
                fields.microsecond += (*at++ - '0') * unit;
            }
        }
        if (*at == '+' || *at == '-') {
            bool is_west = *at++ == '-';
            int32_t hours = take_digits(&at, 2), minutes = 0;
            if (hours < 0 || hours > 15) return false;
            if (take_char(&at, ':')) minutes = take_digits(&at, 2);
            if (minutes < 0 || minutes > 59) return false;
            int32_t east = hours * SECONDS_PER_HOUR + minutes * 60;
            *offset_out = is_west ? -east : east;
            *has_offset_out = true;
        }
    }
    if (at != copy + count) return false;
    *fields_out = fields;
    return true;
}

// ---- date ---------------------------------------------------------------------------------------

static Status date_from_text(const ValueContext *context, const char *text, size_t count,
    [[maybe_unused]] int32_t modifier, Arena *arena, Datum *datum_out) {
    DateTimeFields fields;
    DateTimeRead read = {0};
    bool has_offset;
    if (!read_usual(text, count, &read.fields, &has_offset, &read.offset_s)) {
        ReadOutcome outcome = datetime_split(text, count, DATETIME_DATE_TEXT_MAX, &fields);
        if (outcome == READ_OK) outcome = datetime_read(context, &fields, arena, &read);
        if (outcome != READ_OK) return datetime_fail(outcome, "date", text, count);
    }
    int32_t date = 0;
    switch (read.special) {
    case DATETIME_EPOCH:
        date = UNIX_EPOCH_DAYS;
        break;
    case DATETIME_LATE:
        date = DATE_INFINITY;
        break;
    case DATETIME_EARLY:
        date = DATE_MINUS_INFINITY;
        break;
    case DATETIME_PLAIN: {
        const DateTime *found = &read.fields;
        int64_t days = days_from_civil(found->year, found->month, found->day);
        if (!date_is_in_julian_range(found->year, found->month, found->day)
            || !date_is_valid(days)) {
            return fail(DATETIME_FIELD_OVERFLOW, "date out of range: \"%.*s\"", (int)count, text);
        }
        date = (int32_t)days;
        break;
    }
    }
    *datum_out = (Datum){.int4 = date};
    return OK;
}

static void date_to_text(const ValueContext *context, const Datum *datum, Text *out) {
    date_write(context, datum->int4, out);
}

static Status date_from_binary([[maybe_unused]] const ValueContext *context, Bytes bytes,
    [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    if (bytes.count < 4) return binary_check_count(bytes, 4);
    int32_t date = (int32_t)get_u32_be(bytes.data);
    if (!date_is_infinite(date) && !date_is_valid(date)) {
        return fail(DATETIME_FIELD_OVERFLOW, "date out of range");
    }
    *datum_out = (Datum){.int4 = date};
    return binary_check_count(bytes, 4);
}

static void date_to_binary(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    text_append_u32_be(out, (uint32_t)datum->int4);
}

static int date_compare(const Datum *a, const Datum *b) {
    return (a->int4 > b->int4) - (a->int4 < b->int4);
}

static uint64_t date_hash(const Datum *datum) {
    return hash_u64((uint64_t)datum->int4);
}

static void date_key_append(const Datum *datum, Text *key) {
    text_append_u32_be(key, (uint32_t)datum->int4 ^ 0x80000000U);
}

static bool date_key_take(Bytes *key, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    Bytes taken;
    if (!bytes_take(key, 4, &taken)) return false;
    *datum_out = (Datum){.int4 = (int32_t)(get_u32_be(taken.data) ^ 0x80000000U)};
    return true;
}

const TypeOps date_ops = {
    .physical = PHYSICAL_INT4,
    .key_is_invertible = true,
    .from_text = date_from_text,
    .to_text = date_to_text,
    .from_binary = date_from_binary,
    .to_binary = date_to_binary,
    .compare = date_compare,
    .hash = date_hash,
    .key_append = date_key_append,
    .key_take = date_key_take,
};

// ---- time ---------------------------------------------------------------------------------------

static Status time_from_text(const ValueContext *context, const char *text, size_t count,
    int32_t modifier, Arena *arena, Datum *datum_out) {
    DateTimeFields fields;
    DateTimeRead read = {0};
    ReadOutcome outcome = datetime_split(text, count, DATETIME_DATE_TEXT_MAX, &fields);
    if (outcome == READ_OK) outcome = time_read(context, &fields, arena, &read);
    if (outcome != READ_OK) return datetime_fail(outcome, "time", text, count);
    *datum_out = (Datum){.int8 = timestamp_round(time_from_fields(&read.fields), modifier)};
    return OK;
}

static void time_to_text(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    time_write(datum->int8, out);
}

static Status time_from_binary([[maybe_unused]] const ValueContext *context, Bytes bytes,
    int32_t modifier, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    if (bytes.count < 8) return binary_check_count(bytes, 8);
    int64_t time = (int64_t)get_u64_be(bytes.data);
    if (time < 0 || time > US_PER_DAY) return fail(DATETIME_FIELD_OVERFLOW, "time out of range");
    *datum_out = (Datum){.int8 = timestamp_round(time, modifier)};
    return binary_check_count(bytes, 8);
}

static Status time_modifier_apply(const Datum *datum, int32_t modifier,
    [[maybe_unused]] bool is_explicit, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    *datum_out = (Datum){.int8 = timestamp_round(datum->int8, modifier)};
    return OK;
}

static Status time_modifier_from_list(const int32_t *list, size_t count, int32_t *modifier_out) {
    return precision_from_list("TIME", "", list, count, modifier_out);
}

const TypeOps time_ops = {
    .physical = PHYSICAL_INT8,
    .key_is_invertible = true,
    .from_text = time_from_text,
    .to_text = time_to_text,
    .from_binary = time_from_binary,
    .to_binary = moment_to_binary,
    .compare = moment_compare,
    .hash = moment_hash,
    .key_append = moment_key_append,
    .key_take = moment_key_take,
    .modifier_apply = time_modifier_apply,
    .modifier_from_list = time_modifier_from_list,
    .modifier_to_text = precision_to_text,
};

// ---- timestamp and timestamptz ------------------------------------------------------------------

static Status moment_from_text(const ValueContext *context, const char *text, size_t count,
    int32_t modifier, bool has_zone, Arena *arena, Datum *datum_out) {
    DateTimeFields fields;
    DateTimeRead read = {0};
    const char *type_name = has_zone ? "timestamp with time zone" : "timestamp";
    bool has_offset;
    bool is_usual = read_usual(text, count, &read.fields, &has_offset, &read.offset_s);
    if (is_usual && has_zone && !has_offset) {
        int64_t local = 0;
        is_usual = timestamp_from_fields(&read.fields, &local);
        LocalTime zone = time_zone_at_local(context->time_zone, timestamp_to_unix(local));
        read.offset_s = zone.offset_s;
    }
    if (!is_usual) {
        ReadOutcome outcome = datetime_split(text, count, DATETIME_TEXT_MAX, &fields);
        if (outcome == READ_OK) outcome = datetime_read(context, &fields, arena, &read);
        if (outcome != READ_OK) return datetime_fail(outcome, type_name, text, count);
    }
    int64_t timestamp = 0;
    switch (read.special) {
    case DATETIME_EPOCH:
        timestamp = UNIX_EPOCH_DAYS * US_PER_DAY;
        break;
    case DATETIME_LATE:
        timestamp = TIMESTAMP_INFINITY;
        break;
    case DATETIME_EARLY:
        timestamp = TIMESTAMP_MINUS_INFINITY;
        break;
    case DATETIME_PLAIN: {
        int32_t offset = has_zone ? read.offset_s : 0;
        if (!timestamp_from_local(&read.fields, offset, &timestamp)) {
            return fail(
                DATETIME_FIELD_OVERFLOW, "timestamp out of range: \"%.*s\"", (int)count, text);
        }
        break;
    }
    }
    *datum_out = (Datum){.int8 = timestamp_round(timestamp, modifier)};
    return OK;
}

static Status timestamp_from_text(const ValueContext *context, const char *text, size_t count,
    int32_t modifier, Arena *arena, Datum *datum_out) {
    return moment_from_text(context, text, count, modifier, false, arena, datum_out);
}

static Status timestamptz_from_text(const ValueContext *context, const char *text, size_t count,
    int32_t modifier, Arena *arena, Datum *datum_out) {
    return moment_from_text(context, text, count, modifier, true, arena, datum_out);
}

static void timestamp_to_text(const ValueContext *context, const Datum *datum, Text *out) {
    timestamp_write(context, datum->int8, out);
}

static void timestamptz_to_text(const ValueContext *context, const Datum *datum, Text *out) {
    timestamptz_write(context, datum->int8, out);
}

static Status moment_from_binary([[maybe_unused]] const ValueContext *context, Bytes bytes,
    int32_t modifier, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    if (bytes.count < 8) return binary_check_count(bytes, 8);
    int64_t timestamp = (int64_t)get_u64_be(bytes.data);
    if (!timestamp_is_infinite(timestamp) && !timestamp_is_valid(timestamp)) {
        return fail(DATETIME_FIELD_OVERFLOW, "timestamp out of range");
    }
    *datum_out = (Datum){.int8 = timestamp_round(timestamp, modifier)};
    return binary_check_count(bytes, 8);
}

static Status timestamp_modifier_from_list(
    const int32_t *list, size_t count, int32_t *modifier_out) {
    return precision_from_list("TIMESTAMP", "", list, count, modifier_out);
}

static Status timestamptz_modifier_from_list(
    const int32_t *list, size_t count, int32_t *modifier_out) {
    return precision_from_list("TIMESTAMP", " WITH TIME ZONE", list, count, modifier_out);
}

const TypeOps timestamp_ops = {
    .physical = PHYSICAL_INT8,
    .key_is_invertible = true,
    .from_text = timestamp_from_text,
    .to_text = timestamp_to_text,
    .from_binary = moment_from_binary,
    .to_binary = moment_to_binary,
    .compare = moment_compare,
    .hash = moment_hash,
    .key_append = moment_key_append,
    .key_take = moment_key_take,
    .modifier_apply = time_modifier_apply,
    .modifier_from_list = timestamp_modifier_from_list,
    .modifier_to_text = precision_to_text,
};

const TypeOps timestamptz_ops = {
    .physical = PHYSICAL_INT8,
    .key_is_invertible = true,
    .from_text = timestamptz_from_text,
    .to_text = timestamptz_to_text,
    .from_binary = moment_from_binary,
    .to_binary = moment_to_binary,
    .compare = moment_compare,
    .hash = moment_hash,
    .key_append = moment_key_append,
    .key_take = moment_key_take,
    .modifier_apply = time_modifier_apply,
    .modifier_from_list = timestamptz_modifier_from_list,
    .modifier_to_text = precision_to_text,
};

// ---- interval -----------------------------------------------------------------------------------

static int32_t modifier_range(int32_t modifier) {
    return modifier < 0 ? INTERVAL_FULL_RANGE : modifier >> 16 & INTERVAL_FULL_RANGE;
}

static int32_t modifier_precision(int32_t modifier) {
    return modifier < 0 ? INTERVAL_FULL_PRECISION : modifier & INTERVAL_FULL_PRECISION;
}

// The interval cut and rounded to its type's modifier.
static Interval interval_apply_modifier(Interval interval, int32_t modifier) {
    int32_t range = modifier_range(modifier), precision = modifier_precision(modifier);
    if (range != INTERVAL_FULL_RANGE) {
        int32_t days_and_less = INTERVAL_DAY | INTERVAL_HOUR | INTERVAL_MINUTE | INTERVAL_SECOND;
        if (range == INTERVAL_YEAR) interval.months -= interval.months % MONTHS_PER_YEAR;
        if (!(range & days_and_less)) interval.days = 0;
        if (!(range & (days_and_less & ~INTERVAL_DAY))) {
            interval.time_us = 0;
        } else if (!(range & (INTERVAL_MINUTE | INTERVAL_SECOND))) {
            interval.time_us -= interval.time_us % US_PER_HOUR;
        } else if (!(range & INTERVAL_SECOND)) {
            interval.time_us -= interval.time_us % US_PER_MINUTE;
        }
    }
    if (precision <= PRECISION_MAX) interval.time_us = timestamp_round(interval.time_us, precision);
    return interval;
}

static Status interval_from_text(const ValueContext *context, const char *text, size_t count,
    int32_t modifier, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    Interval interval;
    TRY(interval_read(context, text, count, modifier_range(modifier), &interval));
    *datum_out = (Datum){.interval = interval_apply_modifier(interval, modifier)};
    return OK;
}

static void interval_to_text(const ValueContext *context, const Datum *datum, Text *out) {
    interval_write(context, &datum->interval, out);
}

static Status interval_from_binary([[maybe_unused]] const ValueContext *context, Bytes bytes,
    int32_t modifier, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    TRY(binary_check_count(bytes, 16));
    Interval interval = {.time_us = (int64_t)get_u64_be(bytes.data),
        .days = (int32_t)get_u32_be(bytes.data + 8),
        .months = (int32_t)get_u32_be(bytes.data + 12)};
    *datum_out = (Datum){.interval = interval_apply_modifier(interval, modifier)};
    return OK;
}

static void interval_to_binary(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    text_append_u64_be(out, (uint64_t)datum->interval.time_us);
    text_append_u32_be(out, (uint32_t)datum->interval.days);
    text_append_u32_be(out, (uint32_t)datum->interval.months);
}

// Microseconds, with months of 30 days and days of 24 hours: two intervals are equal when these
// are.
static Int128 interval_span(const Interval *interval) {
    Int128 days = (Int128)interval->months * DAYS_PER_MONTH + interval->days;
    return days * US_PER_DAY + interval->time_us;
}

static int interval_compare(const Datum *a, const Datum *b) {
    return interval_compare_spans(&a->interval, &b->interval);
}

static uint64_t interval_hash(const Datum *datum) {
    Int128 span = interval_span(&datum->interval);
    return hash_combine((uint64_t)span, (uint64_t)(span >> 64));
}

static void interval_key_append(const Datum *datum, Text *key) {
    Int128 span = interval_span(&datum->interval);
    text_append_u64_be(key, int64_to_ordered((int64_t)(span >> 64)));
    text_append_u64_be(key, (uint64_t)span);
}

static Status interval_modifier_apply(const Datum *datum, int32_t modifier,
    [[maybe_unused]] bool is_explicit, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    *datum_out = (Datum){.interval = interval_apply_modifier(datum->interval, modifier)};
    return OK;
}

// The ranges that the grammar knows, by name.
static const struct IntervalRange {
    int32_t range;
    const char *name;
} interval_ranges[] = {
    {INTERVAL_YEAR, " year"},
    {INTERVAL_MONTH, " month"},
    {INTERVAL_DAY, " day"},
    {INTERVAL_HOUR, " hour"},
    {INTERVAL_MINUTE, " minute"},
    {INTERVAL_SECOND, " second"},
    {INTERVAL_YEAR | INTERVAL_MONTH, " year to month"},
    {INTERVAL_DAY | INTERVAL_HOUR, " day to hour"},
    {INTERVAL_DAY | INTERVAL_HOUR | INTERVAL_MINUTE, " day to minute"},
    {INTERVAL_DAY | INTERVAL_HOUR | INTERVAL_MINUTE | INTERVAL_SECOND, " day to second"},
    {INTERVAL_HOUR | INTERVAL_MINUTE, " hour to minute"},
    {INTERVAL_HOUR | INTERVAL_MINUTE | INTERVAL_SECOND, " hour to second"},
    {INTERVAL_MINUTE | INTERVAL_SECOND, " minute to second"},
    {INTERVAL_FULL_RANGE, ""},
};

enum { INTERVAL_RANGE_COUNT = sizeof interval_ranges / sizeof *interval_ranges };

static Status interval_modifier_from_list(
    const int32_t *list, size_t count, int32_t *modifier_out) {
    bool is_known = false;
    for (int i = 0; count > 0 && i < INTERVAL_RANGE_COUNT; i++) {
        is_known = is_known || list[0] == interval_ranges[i].range;
    }
    if (!is_known || count > 2) {
        return fail(INVALID_PARAMETER_VALUE, "invalid INTERVAL type modifier");
    }
    if (count == 1) {
        *modifier_out = list[0] == INTERVAL_FULL_RANGE
                            ? -1
                            : (int32_t)((uint32_t)list[0] << 16 | INTERVAL_FULL_PRECISION);
        return OK;
    }
    if (list[1] < 0) {
        return fail(
            INVALID_PARAMETER_VALUE, "INTERVAL(%d) precision must not be negative", list[1]);
    }
    int32_t precision = list[1] > PRECISION_MAX ? PRECISION_MAX : list[1];
    *modifier_out = list[0] << 16 | precision;
    return OK;
}

static void interval_modifier_to_text(int32_t modifier, Text *out) {
    if (modifier < 0) return;
    for (int i = 0; i < INTERVAL_RANGE_COUNT; i++) {
        if (interval_ranges[i].range != modifier_range(modifier)) continue;
        text_append_text(out, interval_ranges[i].name);
    }
    int32_t precision = modifier_precision(modifier);
    if (precision != INTERVAL_FULL_PRECISION) text_append_format(out, "(%d)", precision);
}

const TypeOps interval_ops = {
    .physical = PHYSICAL_INTERVAL,
    .from_text = interval_from_text,
    .to_text = interval_to_text,
    .from_binary = interval_from_binary,
    .to_binary = interval_to_binary,
    .compare = interval_compare,
    .hash = interval_hash,
    .key_append = interval_key_append,
    .modifier_apply = interval_modifier_apply,
    .modifier_from_list = interval_modifier_from_list,
    .modifier_to_text = interval_modifier_to_text,
};
