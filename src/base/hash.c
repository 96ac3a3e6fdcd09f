#include "base/hash.h"

#include <string.h>
#include <xxhash.h>

uint64_t hash_bytes(const void *bytes, size_t count, uint64_t seed) {
    return XXH3_64bits_withSeed(bytes, count, seed);
}

#if defined(__x86_64__)

#include <nmmintrin.h>

[[gnu::target("sse4.2")]] static uint32_t crc32c_instruction(
    uint32_t crc, const uint8_t *at, size_t count) {
    uint64_t state = crc;
    for (; count >= 8; at += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        state = _mm_crc32_u64(state, word);
    }
    uint32_t narrow = (uint32_t)state;
    for (; count > 0; at++, count--) {
        narrow = _mm_crc32_u8(narrow, *at);
    }
    return narrow;
}

#elif defined(__aarch64__)

#include <arm_acle.h>

[[gnu::target("+crc")]] static uint32_t crc32c_instruction(
    uint32_t crc, const uint8_t *at, size_t count) {
    for (; count >= 8; at += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        crc = __crc32cd(crc, word);
    }
    for (; count > 0; at++, count--) {
        crc = __crc32cb(crc, *at);
    }
    return crc;
}

#endif

uint32_t crc32c(uint32_t crc, const void *bytes, size_t count) {
    return ~crc32c_instruction(~crc, (const uint8_t *)bytes, count);
}
