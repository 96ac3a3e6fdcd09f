// The SHA-2 family of digests.
//
// Source  FIPS 180-4. The constants are the first bits of the fractional parts of square and cube
//         roots of the first primes; those of 32 bits are the upper halves of those of 64.
#include "functions/kernels_internal.h"

enum { WIDE_BLOCK_BYTES = 128, NARROW_BLOCK_BYTES = 64 };

// Of cube roots of the first 80 primes.
static const uint64_t round_words[80] = {0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f,
    0xe9b5dba58189dbbc, 0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b,
    0xab1c5ed5da6d8118, 0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c,
    0x550c7dc3d5ffb4e2, 0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235,
    0xc19bf174cf692694, 0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5,
    0x240ca1cc77ac9c65, 0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4,
    0x76f988da831153b5, 0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f,
    0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f,
    0x142929670a0e6e70, 0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed,
    0x53380d139d95b3df, 0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6,
    0x92722c851482353b, 0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791,
    0xc76c51a30654be30, 0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a,
    0x106aa07032bbd1b8, 0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99,
    0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373,
    0x682e6ff3d6b2b8a3, 0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72,
    0x8cc702081a6439ec, 0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915,
    0xc67178f2e372532b, 0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e,
    0xf57d4f7fee6ed178, 0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae,
    0x1b710b35131c471b, 0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc,
    0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec,
    0x6c44198c4a475817};

static const uint64_t first_sha384[8] = {0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17,
    0x152fecd8f70e5939, 0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7,
    0x47b5481dbefa4fa4};
static const uint64_t first_sha512[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
    0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b,
    0x5be0cd19137e2179};
static const uint32_t first_sha224[8] = {
    0xc1059ed8, 0x367cd507, 0x3070dd17, 0xf70e5939, 0xffc00b31, 0x68581511, 0x64f98fa7, 0xbefa4fa4};
static const uint32_t first_sha256[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static uint32_t rotate32(uint32_t word, int count) {
    return (word >> count) | (word << (32 - count));
}

static uint64_t rotate64(uint64_t word, int count) {
    return (word >> count) | (word << (64 - count));
}

static uint64_t read_big_endian(const uint8_t *bytes, int count) {
    uint64_t word = 0;
    for (int i = 0; i < count; i++) {
        word = word << 8 | bytes[i];
    }
    return word;
}

static void block_take32(uint32_t state[8], const uint8_t *block) {
    uint32_t words[64], work[8];
    memcpy(work, state, sizeof work);
    for (int i = 0; i < 64; i++) {
        if (i < 16) {
            words[i] = (uint32_t)read_big_endian(block + 4 * (ptrdiff_t)i, 4);
        } else {
            uint32_t early = words[i - 15], late = words[i - 2];
            words[i] = words[i - 16] + words[i - 7]
                       + (rotate32(early, 7) ^ rotate32(early, 18) ^ early >> 3)
                       + (rotate32(late, 17) ^ rotate32(late, 19) ^ late >> 10);
        }
        uint32_t a = work[0], e = work[4];
        uint32_t first = work[7] + (rotate32(e, 6) ^ rotate32(e, 11) ^ rotate32(e, 25))
                         + ((e & work[5]) ^ (~e & work[6])) + (uint32_t)(round_words[i] >> 32)
                         + words[i];
        uint32_t second = (rotate32(a, 2) ^ rotate32(a, 13) ^ rotate32(a, 22))
                          + ((a & work[1]) ^ (a & work[2]) ^ (work[1] & work[2]));
        memmove(work + 1, work, 7 * sizeof *work);
        work[4] += first;
        work[0] = first + second;
    }
    for (int i = 0; i < 8; i++) {
        state[i] += work[i];
    }
}

static void block_take64(uint64_t state[8], const uint8_t *block) {
    uint64_t words[80], work[8];
    memcpy(work, state, sizeof work);
    for (int i = 0; i < 80; i++) {
        if (i < 16) {
            words[i] = read_big_endian(block + 8 * (ptrdiff_t)i, 8);
        } else {
            uint64_t early = words[i - 15], late = words[i - 2];
            words[i] = words[i - 16] + words[i - 7]
                       + (rotate64(early, 1) ^ rotate64(early, 8) ^ early >> 7)
                       + (rotate64(late, 19) ^ rotate64(late, 61) ^ late >> 6);
        }
        uint64_t a = work[0], e = work[4];
        uint64_t first = work[7] + (rotate64(e, 14) ^ rotate64(e, 18) ^ rotate64(e, 41))
                         + ((e & work[5]) ^ (~e & work[6])) + round_words[i] + words[i];
        uint64_t second = (rotate64(a, 28) ^ rotate64(a, 34) ^ rotate64(a, 39))
                          + ((a & work[1]) ^ (a & work[2]) ^ (work[1] & work[2]));
        memmove(work + 1, work, 7 * sizeof *work);
        work[4] += first;
        work[0] = first + second;
    }
    for (int i = 0; i < 8; i++) {
        state[i] += work[i];
    }
}

// What is left of the message, a one bit, zeros, and the message's length in bits: one block or
// two.
static size_t tail_make(Bytes message, size_t block_bytes, uint8_t *tail) {
    size_t left = message.count % block_bytes;
    size_t count_bytes = block_bytes / 8; // of the length, of which 8 can differ from zero
    size_t bytes = left + 1 + count_bytes <= block_bytes ? block_bytes : 2 * block_bytes;
    memset(tail, 0, bytes);
    if (left > 0) memcpy(tail, message.data + message.count - left, left);
    tail[left] = 0x80;
    uint64_t bits = (uint64_t)message.count * 8;
    for (size_t i = 0; i < 8; i++) {
        tail[bytes - 1 - i] = (uint8_t)(bits >> (8 * i));
    }
    return bytes;
}

static void digest32(Call *call, uint32_t row, const uint32_t *first, size_t digest_bytes) {
    Bytes message = argument_bytes(call, 0, row);
    uint32_t state[8];
    memcpy(state, first, sizeof state);
    size_t whole = message.count - message.count % NARROW_BLOCK_BYTES;
    for (size_t at = 0; at < whole; at += NARROW_BLOCK_BYTES) {
        block_take32(state, message.data + at);
    }
    uint8_t tail[2 * NARROW_BLOCK_BYTES];
    size_t tail_bytes = tail_make(message, NARROW_BLOCK_BYTES, tail);
    for (size_t at = 0; at < tail_bytes; at += NARROW_BLOCK_BYTES) {
        block_take32(state, tail + at);
    }
    uint8_t *digest = arena_allocate(call->arena, digest_bytes, 1);
    for (size_t i = 0; i < digest_bytes; i++) {
        digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
    }
    result_set_bytes(call, row, digest, digest_bytes);
}

static void digest64(Call *call, uint32_t row, const uint64_t *first, size_t digest_bytes) {
    Bytes message = argument_bytes(call, 0, row);
    uint64_t state[8];
    memcpy(state, first, sizeof state);
    size_t whole = message.count - message.count % WIDE_BLOCK_BYTES;
    for (size_t at = 0; at < whole; at += WIDE_BLOCK_BYTES) {
        block_take64(state, message.data + at);
    }
    uint8_t tail[2 * WIDE_BLOCK_BYTES];
    size_t tail_bytes = tail_make(message, WIDE_BLOCK_BYTES, tail);
    for (size_t at = 0; at < tail_bytes; at += WIDE_BLOCK_BYTES) {
        block_take64(state, tail + at);
    }
    uint8_t *digest = arena_allocate(call->arena, digest_bytes, 1);
    for (size_t i = 0; i < digest_bytes; i++) {
        digest[i] = (uint8_t)(state[i / 8] >> (56 - 8 * (i % 8)));
    }
    result_set_bytes(call, row, digest, digest_bytes);
}

Status kernel_sha224_bytea(Call *call) {
    FOR_EACH_ROW(call, row) digest32(call, row, first_sha224, 28);
    return OK;
}

Status kernel_sha256_bytea(Call *call) {
    FOR_EACH_ROW(call, row) digest32(call, row, first_sha256, 32);
    return OK;
}

Status kernel_sha384_bytea(Call *call) {
    FOR_EACH_ROW(call, row) digest64(call, row, first_sha384, 48);
    return OK;
}

Status kernel_sha512_bytea(Call *call) {
    FOR_EACH_ROW(call, row) digest64(call, row, first_sha512, 64);
    return OK;
}
