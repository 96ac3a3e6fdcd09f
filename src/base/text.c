#include "base/text.h"

#include <stdio.h>
#include <string.h>

static char empty_text[1];

void text_init(Text *text, Arena *arena) {
    *text = (Text){.data = empty_text, .arena = arena};
}

void text_clear(Text *text) {
    text->count = 0;
    if (text->capacity > 0) text->data[0] = 0;
}

void text_reserve(Text *text, size_t more_bytes) {
    size_t needed = text->count + more_bytes;
    if (needed <= text->capacity && text->capacity > 0) return;
    size_t capacity = text->capacity < 56 ? 56 : text->capacity * 2;
    if (capacity < needed) capacity = needed;
    char *data = arena_allocate(text->arena, capacity + 1, 8);
    memcpy(data, text->data, text->count + 1);
    text->data = data;
    text->capacity = capacity;
}

void *text_extend(Text *text, size_t count) {
    text_reserve(text, count);
    char *at = text->data + text->count;
    text->count += count;
    text->data[text->count] = 0;
    return at;
}

void text_append(Text *text, const void *bytes, size_t count) {
    if (count == 0) return;
    memcpy(text_extend(text, count), bytes, count);
}

void text_append_text(Text *text, const char *c_string) {
    text_append(text, c_string, strlen(c_string));
}

void text_append_char(Text *text, char character) {
    *(char *)text_extend(text, 1) = character;
}

void text_append_repeat(Text *text, char character, size_t count) {
    memset(text_extend(text, count), character, count);
}

[[gnu::format(printf, 2, 0)]] static void text_append_format_list(
    Text *text, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    text_reserve(text, 32);
    size_t room = text->capacity - text->count + 1;
    int count = vsnprintf(text->data + text->count, room, format, arguments);
    if (count >= 0 && (size_t)count >= room) {
        text_reserve(text, (size_t)count);
        vsnprintf(text->data + text->count, (size_t)count + 1, format, again);
    }
    va_end(again);
    if (count > 0) text->count += (size_t)count;
}

void text_append_format(Text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    text_append_format_list(text, format, arguments);
    va_end(arguments);
}

void text_append_u64(Text *text, uint64_t value) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    text_append(text, digits + at, sizeof digits - at);
}

void text_append_i64(Text *text, int64_t value) {
    if (value < 0) {
        text_append_char(text, '-');
        text_append_u64(text, -(uint64_t)value);
    } else {
        text_append_u64(text, (uint64_t)value);
    }
}

void text_append_u8(Text *text, uint8_t value) {
    text_append_char(text, (char)value);
}

void text_append_u16_le(Text *text, uint16_t value) {
    put_u16_le(text_extend(text, 2), value);
}

void text_append_u32_le(Text *text, uint32_t value) {
    put_u32_le(text_extend(text, 4), value);
}

void text_append_u64_le(Text *text, uint64_t value) {
    put_u64_le(text_extend(text, 8), value);
}

void text_append_u16_be(Text *text, uint16_t value) {
    put_u16_be(text_extend(text, 2), value);
}

void text_append_u32_be(Text *text, uint32_t value) {
    put_u32_be(text_extend(text, 4), value);
}

void text_append_u64_be(Text *text, uint64_t value) {
    put_u64_be(text_extend(text, 8), value);
}

void text_append_varint(Text *text, uint64_t value) {
    uint8_t bytes[10];
    text_append(text, bytes, put_varint(bytes, value));
}
