// Hashing and checksums. XXH3 for tables and parent-held checksums, CRC32C for the log.
#pragma once

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *bytes, size_t count, uint64_t seed);

// Mixes one word; good enough for power-of-two tables.
static inline uint64_t hash_u64(uint64_t value) {
    value ^= value >> 32;
    value *= UINT64_C(0xD6E8FEB86659FD93);
    value ^= value >> 32;
    value *= UINT64_C(0xD6E8FEB86659FD93);
    return value ^ value >> 32;
}

static inline uint64_t hash_combine(uint64_t a, uint64_t b) {
    return hash_u64(a * UINT64_C(0x9E3779B97F4A7C15) + b);
}

// CRC32C (Castagnoli) of `bytes`, continuing from `crc` (0 to start). Uses the CPU's instruction.
uint32_t crc32c(uint32_t crc, const void *bytes, size_t count);
