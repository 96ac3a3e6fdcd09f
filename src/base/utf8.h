// UTF-8: validation, lengths and stepping. The only server encoding.
#pragma once

#include "base/bytes.h"
#include "base/status.h"

// Bytes of the character that starts with this byte; 1 for a byte that starts none.
static inline uint32_t utf8_char_bytes(uint8_t first) {
    if (first < 0xC0) return 1;
    if (first < 0xE0) return 2;
    if (first < 0xF0) return 3;
    return first < 0xF8 ? 4 : 1;
}

// Errors: CHARACTER_NOT_IN_REPERTOIRE, with PostgreSQL's text naming the bytes. A zero byte is
// refused as PostgreSQL refuses it.
Status utf8_check(const char *text, size_t count);

// Characters in valid UTF-8.
size_t utf8_char_count(const char *text, size_t count);

// Byte offset of character `index` (from 0) in valid UTF-8; `count` when there are fewer.
size_t utf8_byte_offset(const char *text, size_t count, size_t char_index);

// Bytes of the longest prefix of whole characters that fits `bytes_max`.
size_t utf8_clip(const char *text, size_t count, size_t bytes_max);

uint32_t utf8_decode(const char *at);                   // one valid character
uint32_t utf8_encode(uint32_t code_point, char out[4]); // returns its bytes; 0 if none
