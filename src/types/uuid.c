// uuid: sixteen bytes, compared as bytes.
#include "base/hash.h"
#include "types/types_internal.h"

static int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Digits in either case, a hyphen allowed after every fourth, braces around it all allowed.
static Status uuid_from_text([[maybe_unused]] const ValueContext *context, const char *text,
    size_t count, [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena,
    Datum *datum_out) {
    const char *at = text, *end = text + count;
    bool has_brace = at < end && *at == '{';
    if (has_brace) at++;
    Uuid uuid;
    for (int i = 0; i < 16; i++) {
        if (end - at < 2) return fail_syntax("uuid", text, count);
        int high = hex_value(at[0]), low = hex_value(at[1]);
        if (high < 0 || low < 0) return fail_syntax("uuid", text, count);
        uuid.bytes[i] = (uint8_t)(high << 4 | low);
        at += 2;
        if (at < end && *at == '-' && i % 2 == 1 && i < 15) at++;
    }
    if (has_brace) {
        if (at == end || *at != '}') return fail_syntax("uuid", text, count);
        at++;
    }
    if (at != end) return fail_syntax("uuid", text, count);
    *datum_out = (Datum){.uuid = uuid};
    return OK;
}

static void uuid_to_text(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    static const char digits[] = "0123456789abcdef";
    char *at = text_extend(out, 36);
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
        *at++ = digits[datum->uuid.bytes[i] >> 4];
        *at++ = digits[datum->uuid.bytes[i] & 15];
    }
}

static Status uuid_from_binary([[maybe_unused]] const ValueContext *context, Bytes bytes,
    [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    TRY(binary_check_count(bytes, sizeof(Uuid)));
    memcpy(datum_out->uuid.bytes, bytes.data, sizeof(Uuid));
    return OK;
}

static void uuid_to_binary(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    text_append(out, datum->uuid.bytes, sizeof(Uuid));
}

static int uuid_compare(const Datum *a, const Datum *b) {
    return memcmp(a->uuid.bytes, b->uuid.bytes, sizeof(Uuid));
}

static uint64_t uuid_hash(const Datum *datum) {
    return hash_combine(get_u64_le(datum->uuid.bytes), get_u64_le(datum->uuid.bytes + 8));
}

static void uuid_key_append(const Datum *datum, Text *key) {
    text_append(key, datum->uuid.bytes, sizeof(Uuid));
}

static bool uuid_key_take(Bytes *key, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    Bytes taken;
    if (!bytes_take(key, sizeof(Uuid), &taken)) return false;
    memcpy(datum_out->uuid.bytes, taken.data, sizeof(Uuid));
    return true;
}

const TypeOps uuid_ops = {
    .physical = PHYSICAL_UUID,
    .key_is_invertible = true,
    .from_text = uuid_from_text,
    .to_text = uuid_to_text,
    .from_binary = uuid_from_binary,
    .to_binary = uuid_to_binary,
    .compare = uuid_compare,
    .hash = uuid_hash,
    .key_append = uuid_key_append,
    .key_take = uuid_key_take,
};
