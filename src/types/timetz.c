#include "types/timetz.h"

#include "base/hash.h"
#include "types/datetime.h"
#include "types/datetime_read.h"
#include "types/datetime_write.h"
#include "types/types_internal.h"

enum { TIMETZ_BYTES = 12, WEST_LIMIT = 16 * SECONDS_PER_HOUR, PRECISION_MAX = 6 };

static TimeTz timetz_open(const View *view) {
    ASSERT(view->count == TIMETZ_BYTES);
    const uint8_t *data = view_data(view);
    return (TimeTz){(int64_t)get_u64_le(data), (int32_t)get_u32_le(data + 8)};
}

static View timetz_make(TimeTz time) {
    uint8_t bytes[TIMETZ_BYTES];
    put_u64_le(bytes, (uint64_t)time.time_us);
    put_u32_le(bytes + 8, (uint32_t)time.west_s);
    return view_make(bytes, sizeof bytes);
}

static Status timetz_from_text(const ValueContext *context, const char *text, size_t count,
    int32_t modifier, Arena *arena, Datum *datum_out) {
    DateTimeFields fields;
    DateTimeRead read = {0};
    ReadOutcome outcome = datetime_split(text, count, DATETIME_DATE_TEXT_MAX, &fields);
    if (outcome == READ_OK) outcome = time_read(context, &fields, arena, &read);
    if (outcome != READ_OK) return datetime_fail(outcome, "time with time zone", text, count);
    TimeTz time = {timestamp_round(time_from_fields(&read.fields), modifier), -read.offset_s};
    *datum_out = (Datum){.view = timetz_make(time)};
    return OK;
}

static void timetz_to_text(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    TimeTz time = timetz_open(&datum->view);
    time_write(time.time_us, out);
    offset_write(-time.west_s, out);
}

static Status timetz_from_binary([[maybe_unused]] const ValueContext *context, Bytes bytes,
    int32_t modifier, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    if (bytes.count < 8) return binary_check_count(bytes, TIMETZ_BYTES);
    int64_t time_us = (int64_t)get_u64_be(bytes.data);
    if (time_us < 0 || time_us > US_PER_DAY) {
        return fail(DATETIME_FIELD_OVERFLOW, "time out of range");
    }
    if (bytes.count < TIMETZ_BYTES) return binary_check_count(bytes, TIMETZ_BYTES);
    int32_t west = (int32_t)get_u32_be(bytes.data + 8);
    if (west <= -WEST_LIMIT || west >= WEST_LIMIT) {
        return fail(INVALID_TIME_ZONE_DISPLACEMENT, "time zone displacement out of range");
    }
    TRY(binary_check_count(bytes, TIMETZ_BYTES));
    *datum_out = (Datum){.view = timetz_make((TimeTz){timestamp_round(time_us, modifier), west})};
    return OK;
}

static void timetz_to_binary(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    TimeTz time = timetz_open(&datum->view);
    text_append_u64_be(out, (uint64_t)time.time_us);
    text_append_u32_be(out, (uint32_t)time.west_s);
}

// The moment in Greenwich first; two that are the same there differ when their zones do.
static int64_t in_greenwich(TimeTz time) {
    return time.time_us + time.west_s * US_PER_SECOND;
}

static int timetz_compare(const Datum *a, const Datum *b) {
    TimeTz left = timetz_open(&a->view), right = timetz_open(&b->view);
    int64_t x = in_greenwich(left), y = in_greenwich(right);
    if (x != y) return x < y ? -1 : 1;
    return (left.west_s > right.west_s) - (left.west_s < right.west_s);
}

static uint64_t timetz_hash(const Datum *datum) {
    TimeTz time = timetz_open(&datum->view);
    return hash_combine((uint64_t)time.time_us, (uint64_t)time.west_s);
}

static void timetz_key_append(const Datum *datum, Text *key) {
    TimeTz time = timetz_open(&datum->view);
    text_append_u64_be(key, int64_to_ordered(in_greenwich(time)));
    text_append_u32_be(key, (uint32_t)time.west_s ^ 0x80000000U);
}

static bool timetz_key_take(Bytes *key, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    Bytes taken;
    if (!bytes_take(key, TIMETZ_BYTES, &taken)) return false;
    TimeTz time = {int64_from_ordered(get_u64_be(taken.data)),
        (int32_t)(get_u32_be(taken.data + 8) ^ 0x80000000U)};
    time.time_us -= time.west_s * US_PER_SECOND;
    *datum_out = (Datum){.view = timetz_make(time)};
    return true;
}

static Status timetz_modifier_apply(const Datum *datum, int32_t modifier,
    [[maybe_unused]] bool is_explicit, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    TimeTz time = timetz_open(&datum->view);
    time.time_us = timestamp_round(time.time_us, modifier);
    *datum_out = (Datum){.view = timetz_make(time)};
    return OK;
}

static Status timetz_modifier_from_list(const int32_t *list, size_t count, int32_t *modifier_out) {
    if (count != 1) return fail(INVALID_PARAMETER_VALUE, "invalid type modifier");
    if (list[0] < 0) {
        return fail(INVALID_PARAMETER_VALUE,
            "TIME(%d) WITH TIME ZONE precision must not be negative", list[0]);
    }
    *modifier_out = list[0] > PRECISION_MAX ? PRECISION_MAX : list[0];
    return OK;
}

static void timetz_modifier_to_text(int32_t modifier, Text *out) {
    if (modifier >= 0) text_append_format(out, "(%d)", modifier);
}

const TypeOps timetz_ops = {
    .physical = PHYSICAL_VIEW,
    .key_is_invertible = true,
    .from_text = timetz_from_text,
    .to_text = timetz_to_text,
    .from_binary = timetz_from_binary,
    .to_binary = timetz_to_binary,
    .compare = timetz_compare,
    .hash = timetz_hash,
    .key_append = timetz_key_append,
    .key_take = timetz_key_take,
    .modifier_apply = timetz_modifier_apply,
    .modifier_from_list = timetz_modifier_from_list,
    .modifier_to_text = timetz_modifier_to_text,
};
