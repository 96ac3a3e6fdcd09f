// Bytes: a borrowed run of bytes, and the little-endian accessors of every on-disk format.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Bytes {
    const uint8_t *data;
    size_t count;
} Bytes;

static inline Bytes bytes_make(const void *data, size_t count) {
    return (Bytes){.data = (const uint8_t *)data, .count = count};
}

static inline Bytes bytes_from_text(const char *text) {
    return bytes_make(text, strlen(text));
}

static inline bool bytes_equal(Bytes a, Bytes b) {
    return a.count == b.count && (a.count == 0 || memcmp(a.data, b.data, a.count) == 0);
}

// As memcmp, the shorter first among equals.
static inline int bytes_compare(Bytes a, Bytes b) {
    size_t shorter = a.count < b.count ? a.count : b.count;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    if (order != 0) return order;
    return (a.count > b.count) - (a.count < b.count);
}

// Little-endian, unaligned. Every platform we build for is little-endian (asserted in bytes.c).
static inline uint16_t get_u16_le(const void *at) {
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint32_t get_u32_le(const void *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint64_t get_u64_le(const void *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline void put_u16_le(void *at, uint16_t value) {
    memcpy(at, &value, sizeof value);
}

static inline void put_u32_le(void *at, uint32_t value) {
    memcpy(at, &value, sizeof value);
}

static inline void put_u64_le(void *at, uint64_t value) {
    memcpy(at, &value, sizeof value);
}

// Big-endian: the wire, binary values, and normalised keys.
static inline uint16_t get_u16_be(const void *at) {
    return __builtin_bswap16(get_u16_le(at));
}

static inline uint32_t get_u32_be(const void *at) {
    return __builtin_bswap32(get_u32_le(at));
}

static inline uint64_t get_u64_be(const void *at) {
    return __builtin_bswap64(get_u64_le(at));
}

static inline void put_u16_be(void *at, uint16_t value) {
    put_u16_le(at, __builtin_bswap16(value));
}

static inline void put_u32_be(void *at, uint32_t value) {
    put_u32_le(at, __builtin_bswap32(value));
}

static inline void put_u64_be(void *at, uint64_t value) {
    put_u64_le(at, __builtin_bswap64(value));
}

// Variable-length integers: seven bits a byte, low bits first, at most ten bytes.
static inline size_t put_varint(uint8_t *at, uint64_t value) {
    size_t count = 0;
    while (value >= 0x80) {
        at[count++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    at[count++] = (uint8_t)value;
    return count;
}

// Reads one varint and advances; false when the bytes end inside it or it exceeds 64 bits.
bool bytes_take_varint(Bytes *bytes, uint64_t *value_out);

// Takes `count` bytes off the front; false when there are fewer.
bool bytes_take(Bytes *bytes, size_t count, Bytes *taken_out);
bool bytes_take_u8(Bytes *bytes, uint8_t *value_out);
bool bytes_take_u32_le(Bytes *bytes, uint32_t *value_out);
bool bytes_take_u64_le(Bytes *bytes, uint64_t *value_out);

static inline uint64_t zigzag_encode(int64_t value) {
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t zigzag_decode(uint64_t value) {
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}
