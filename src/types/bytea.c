// bytea: any bytes. A key ends with two zeros; a zero inside is followed by 0xFF.
#include "base/hash.h"
#include "types/types_internal.h"

static int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// "\x" was read. Blanks may stand between the pairs of digits.
static Status from_hex(const char *at, const char *end, Arena *arena, Datum *datum_out) {
    Text bytes;
    text_init(&bytes, arena);
    text_reserve(&bytes, (size_t)(end - at) / 2);
    while (at < end) {
        if (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r') {
            at++;
            continue;
        }
        int high = hex_value(*at);
        if (high < 0) {
            return fail(INVALID_PARAMETER_VALUE, "invalid hexadecimal digit: \"%.*s\"", 1, at);
        }
        at++;
        if (at == end) {
            return fail(INVALID_PARAMETER_VALUE, "invalid hexadecimal data: odd number of digits");
        }
        int low = hex_value(*at);
        if (low < 0) {
            return fail(INVALID_PARAMETER_VALUE, "invalid hexadecimal digit: \"%.*s\"", 1, at);
        }
        at++;
        text_append_u8(&bytes, (uint8_t)(high << 4 | low));
    }
    *datum_out = (Datum){.view = view_from_built(&bytes)};
    return OK;
}

static bool is_octal(char c, char most) {
    return c >= '0' && c <= most;
}

static Status bytea_from_text([[maybe_unused]] const ValueContext *context, const char *text,
    size_t count, [[maybe_unused]] int32_t modifier, Arena *arena, Datum *datum_out) {
    const char *at = text, *end = text + count;
    if (count >= 2 && at[0] == '\\' && at[1] == 'x') return from_hex(at + 2, end, arena, datum_out);
    Text bytes;
    text_init(&bytes, arena);
    text_reserve(&bytes, count);
    while (at < end) {
        if (*at != '\\') {
            text_append_char(&bytes, *at++);
        } else if (end - at >= 4 && is_octal(at[1], '3') && is_octal(at[2], '7')
                   && is_octal(at[3], '7')) {
            text_append_u8(
                &bytes, (uint8_t)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0')));
            at += 4;
        } else if (end - at >= 2 && at[1] == '\\') {
            text_append_char(&bytes, '\\');
            at += 2;
        } else {
            return fail(INVALID_TEXT_REPRESENTATION, "invalid input syntax for type bytea");
        }
    }
    *datum_out = (Datum){.view = view_from_built(&bytes)};
    return OK;
}

static void bytea_to_text(const ValueContext *context, const Datum *datum, Text *out) {
    Bytes bytes = view_bytes(&datum->view);
    if (context->bytea_output == BYTEA_OUTPUT_HEX) {
        static const char digits[] = "0123456789abcdef";
        char *at = text_extend(out, 2 + 2 * bytes.count);
        *at++ = '\\';
        *at++ = 'x';
        for (size_t i = 0; i < bytes.count; i++) {
            *at++ = digits[bytes.data[i] >> 4];
            *at++ = digits[bytes.data[i] & 15];
        }
        return;
    }
    for (size_t i = 0; i < bytes.count; i++) {
        uint8_t byte = bytes.data[i];
        if (byte == '\\') {
            text_append_text(out, "\\\\");
        } else if (byte < 0x20 || byte > 0x7E) {
            text_append_format(out, "\\%03o", byte);
        } else {
            text_append_u8(out, byte);
        }
    }
}

static Status bytea_from_binary([[maybe_unused]] const ValueContext *context, Bytes bytes,
    [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    *datum_out = (Datum){.view = view_make(bytes.data, bytes.count)};
    return OK;
}

static void bytea_to_binary(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    text_append(out, view_data(&datum->view), datum->view.count);
}

static int bytea_compare(const Datum *a, const Datum *b) {
    return view_compare(&a->view, &b->view);
}

static uint64_t bytea_hash(const Datum *datum) {
    return hash_bytes(view_data(&datum->view), datum->view.count, 0);
}

static void bytea_key_append(const Datum *datum, Text *key) {
    Bytes bytes = view_bytes(&datum->view);
    while (bytes.count > 0) {
        const uint8_t *zero = memchr(bytes.data, 0, bytes.count);
        size_t run = zero == NULL ? bytes.count : (size_t)(zero - bytes.data) + 1;
        text_append(key, bytes.data, run);
        if (zero != NULL) text_append_u8(key, 0xFF);
        bytes = bytes_make(bytes.data + run, bytes.count - run);
    }
    text_append(key, "\0\0", 2);
}

static bool bytea_key_take(Bytes *key, Arena *arena, Datum *datum_out) {
    Text bytes;
    text_init(&bytes, arena);
    const uint8_t *at = key->data, *end = key->data + key->count;
    for (;;) {
        const uint8_t *zero = at < end ? memchr(at, 0, (size_t)(end - at)) : NULL;
        if (zero == NULL || zero + 1 == end) return false;
        text_append(&bytes, at, (size_t)(zero - at));
        at = zero + 2;
        if (zero[1] == 0) break;
        text_append_u8(&bytes, 0);
    }
    *key = bytes_make(at, (size_t)(end - at));
    *datum_out = (Datum){.view = view_from_built(&bytes)};
    return true;
}

const TypeOps bytea_ops = {
    .physical = PHYSICAL_VIEW,
    .key_is_invertible = true,
    .from_text = bytea_from_text,
    .to_text = bytea_to_text,
    .from_binary = bytea_from_binary,
    .to_binary = bytea_to_binary,
    .compare = bytea_compare,
    .hash = bytea_hash,
    .key_append = bytea_key_append,
    .key_take = bytea_key_take,
};
