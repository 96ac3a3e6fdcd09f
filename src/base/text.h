// Text: a growing run of characters or bytes in an arena. Always ends in a zero that `count` does
// not include, so `data` is a C string whenever it holds no zero itself.
//
// Threads  Belongs to one thread, as its arena does.
// Memory   Growth leaves old buffers in the arena; a Text that lives long is made in its own arena.
#pragma once

#include "base/arena.h"
#include "base/bytes.h"

typedef struct Text {
    char *data;
    size_t count;
    size_t capacity; // without the zero
    Arena *arena;
} Text;

void text_init(Text *text, Arena *arena);
void text_clear(Text *text); // keeps the buffer
void text_reserve(Text *text, size_t more_bytes);
void text_append(Text *text, const void *bytes, size_t count);
void text_append_text(Text *text, const char *c_string);
void text_append_char(Text *text, char character);
void text_append_repeat(Text *text, char character, size_t count);
[[gnu::format(printf, 2, 3)]] void text_append_format(Text *text, const char *format, ...);
void text_append_i64(Text *text, int64_t value); // decimal, without printf
void text_append_u64(Text *text, uint64_t value);
void text_append_u8(Text *text, uint8_t value);
void text_append_u16_le(Text *text, uint16_t value);
void text_append_u32_le(Text *text, uint32_t value);
void text_append_u64_le(Text *text, uint64_t value);
void text_append_u16_be(Text *text, uint16_t value);
void text_append_u32_be(Text *text, uint32_t value);
void text_append_u64_be(Text *text, uint64_t value);
void text_append_varint(Text *text, uint64_t value);

// Room for `count` bytes at the end, already counted; the caller fills them in.
void *text_extend(Text *text, size_t count);

static inline Bytes text_bytes(const Text *text) {
    return bytes_make(text->data, text->count);
}
