// boolean: one byte, 0 or 1.
#include "base/hash.h"
#include "types/types_internal.h"

// Whether `text` is a beginning of `word`, in any case, at least `least` characters long.
static bool begins(const char *word, const char *text, size_t count, size_t least) {
    return count >= least && count <= strlen(word) && strncasecmp(word, text, count) == 0;
}

static Status bool_from_text([[maybe_unused]] const ValueContext *context, const char *text,
    size_t count, [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena,
    Datum *datum_out) {
    const char *word = text;
    size_t length = count;
    while (length > 0 && is_space(*word)) {
        word++;
        length--;
    }
    while (length > 0 && is_space(word[length - 1])) {
        length--;
    }
    bool is_one = length == 1 && *word == '1', is_zero = length == 1 && *word == '0';
    if (is_one || begins("true", word, length, 1) || begins("yes", word, length, 1)
        || begins("on", word, length, 2)) {
        *datum_out = (Datum){.boolean = true};
        return OK;
    }
    if (is_zero || begins("false", word, length, 1) || begins("no", word, length, 1)
        || begins("off", word, length, 2)) {
        *datum_out = (Datum){.boolean = false};
        return OK;
    }
    return fail_syntax("boolean", text, count);
}

static void bool_to_text(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    text_append_char(out, datum->boolean ? 't' : 'f');
}

static Status bool_from_binary([[maybe_unused]] const ValueContext *context, Bytes bytes,
    [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    TRY(binary_check_byte(bytes));
    *datum_out = (Datum){.boolean = bytes.data[0] != 0};
    return OK;
}

static void bool_to_binary(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    text_append_u8(out, datum->boolean);
}

static int bool_compare(const Datum *a, const Datum *b) {
    return a->boolean - b->boolean;
}

static uint64_t bool_hash(const Datum *datum) {
    return hash_u64(datum->boolean);
}

static void bool_key_append(const Datum *datum, Text *key) {
    text_append_u8(key, datum->boolean);
}

static bool bool_key_take(Bytes *key, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    uint8_t byte;
    if (!bytes_take_u8(key, &byte)) return false;
    *datum_out = (Datum){.boolean = byte != 0};
    return true;
}

const TypeOps bool_ops = {
    .physical = PHYSICAL_BOOL,
    .key_is_invertible = true,
    .from_text = bool_from_text,
    .to_text = bool_to_text,
    .from_binary = bool_from_binary,
    .to_binary = bool_to_binary,
    .compare = bool_compare,
    .hash = bool_hash,
    .key_append = bool_key_append,
    .key_take = bool_key_take,
};
