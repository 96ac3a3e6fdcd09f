#include "base/utf8.h"

#include "base/error.h"
#include "base/text.h"

// Bytes of the valid character at `at`, or 0. Follows RFC 3629: no overlong forms, no surrogates,
// nothing above U+10FFFF.
static uint32_t valid_char_bytes(const uint8_t *at, size_t count) {
    uint8_t a = at[0];
    if (a < 0x80) return a == 0 ? 0 : 1;
    if (a < 0xC2 || a > 0xF4) return 0;
    uint32_t bytes = utf8_char_bytes(a);
    if (count < bytes) return 0;
    for (uint32_t i = 1; i < bytes; i++) {
        if ((at[i] & 0xC0) != 0x80) return 0;
    }
    if (a == 0xE0 && at[1] < 0xA0) return 0;
    if (a == 0xED && at[1] > 0x9F) return 0;
    if (a == 0xF0 && at[1] < 0x90) return 0;
    if (a == 0xF4 && at[1] > 0x8F) return 0;
    return bytes;
}

static Status bad_sequence(const uint8_t *at, size_t count) {
    size_t shown = utf8_char_bytes(at[0]);
    if (shown > count) shown = count;
    char list[32];
    size_t length = 0;
    for (size_t i = 0; i < shown; i++) {
        static const char digits[] = "0123456789abcdef";
        if (i > 0) list[length++] = ' ';
        list[length++] = '0';
        list[length++] = 'x';
        list[length++] = digits[at[i] >> 4];
        list[length++] = digits[at[i] & 15];
    }
    list[length] = 0;
    return fail(
        CHARACTER_NOT_IN_REPERTOIRE, "invalid byte sequence for encoding \"UTF8\": %s", list);
}

Status utf8_check(const char *text, size_t count) {
    const uint8_t *at = (const uint8_t *)text, *end = at + count;
    while (at < end) {
        // Eight ASCII bytes at a time: none is zero and none has its high bit set.
        while (end - at >= 8) {
            uint64_t word = get_u64_le(at);
            uint64_t zero = (word - UINT64_C(0x0101010101010101)) & ~word;
            if (((word | zero) & UINT64_C(0x8080808080808080)) != 0) break;
            at += 8;
        }
        if (at == end) break;
        uint32_t bytes = valid_char_bytes(at, (size_t)(end - at));
        if (bytes == 0) return bad_sequence(at, (size_t)(end - at));
        at += bytes;
    }
    return OK;
}

size_t utf8_char_count(const char *text, size_t count) {
    size_t chars = 0;
    for (size_t i = 0; i < count; i++) {
        chars += ((uint8_t)text[i] & 0xC0) != 0x80;
    }
    return chars;
}

size_t utf8_byte_offset(const char *text, size_t count, size_t char_index) {
    size_t at = 0;
    for (; char_index > 0 && at < count; char_index--) {
        at += utf8_char_bytes((uint8_t)text[at]);
    }
    return at < count ? at : count;
}

size_t utf8_clip(const char *text, size_t count, size_t bytes_max) {
    if (count <= bytes_max) return count;
    size_t at = bytes_max;
    while (at > 0 && ((uint8_t)text[at] & 0xC0) == 0x80) {
        at--;
    }
    return at;
}

uint32_t utf8_decode(const char *text) {
    const uint8_t *at = (const uint8_t *)text;
    switch (utf8_char_bytes(at[0])) {
    case 1:
        return at[0];
    case 2:
        return (at[0] & 0x1Fu) << 6 | (at[1] & 0x3Fu);
    case 3:
        return (at[0] & 0x0Fu) << 12 | (at[1] & 0x3Fu) << 6 | (at[2] & 0x3Fu);
    default:
        return (at[0] & 0x07u) << 18 | (at[1] & 0x3Fu) << 12 | (at[2] & 0x3Fu) << 6
               | (at[3] & 0x3Fu);
    }
}

uint32_t utf8_encode(uint32_t c, char out[4]) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        if (c >= 0xD800 && c <= 0xDFFF) return 0;
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    if (c > 0x10FFFF) return 0;
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}
