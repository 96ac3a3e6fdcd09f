#include "learned/leaf_search.h"

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#define HAS_X86_VECTORS 1
#include <immintrin.h>
#else
#define HAS_X86_VECTORS 0
#endif

// Blocks beside the predicted one that are looked at; a model is seldom further off.
enum { NEIGHBOUR_BLOCK_MAX = 4 };

// Lanes of a block whose slice is less than the wanted one, and those that equal it, a bit each.
typedef struct LaneMasks {
    uint32_t less, equal;
} LaneMasks;

[[gnu::always_inline]] static inline LaneMasks masks_scalar(const uint64_t *block, uint64_t slice) {
    LaneMasks masks = {0};
    for (uint32_t lane = 0; lane < LEAF_LANE_COUNT; lane++) {
        uint64_t word = leaf_word(block + 1 + lane);
        masks.less |= (uint32_t)(word < slice) << lane;
        masks.equal |= (uint32_t)(word == slice) << lane;
    }
    return masks;
}

// The last segment that begins at or before the slice; the first one when none does.
static inline uint32_t segment_scalar(const LeafBody *body, uint64_t slice) {
    uint32_t segment = 0;
    for (uint32_t i = 1; i < body->segment_count; i++)
        segment += body->firsts[i] <= slice;
    return segment;
}

// Lanes of the block, from its first word.
static inline uint32_t valid_lanes(const uint64_t *block) {
    return (UINT32_C(1) << (leaf_word(block) & 7)) - 1;
}

// The search itself, made for each way to compare. It moves one way at most: a step back the other
// way would only find the gap that the key is not in.
#define SEARCH_BODY(MASKS, SEGMENT)                                                                \
    const LeafBody *body = leaf_body(frame);                                                       \
    uint32_t block_count = atomic_load_explicit(&body->block_count, memory_order_relaxed);         \
    const uint8_t *blocks = (const uint8_t *)body + leaf_blocks_offset(body->segment_count);       \
    uint32_t at = leaf_line_predict(body, SEGMENT(body, slice), slice, block_count);               \
    int direction = 0;                                                                             \
    for (uint32_t step = 0; step <= NEIGHBOUR_BLOCK_MAX; step++) {                                 \
        const uint64_t *block = (const uint64_t *)(const void *)(blocks + (size_t)at * 128);       \
        __builtin_prefetch(block + 8);                                                             \
        LaneMasks masks = MASKS(block, slice);                                                     \
        uint32_t lanes = valid_lanes(block);                                                       \
        if ((masks.equal & lanes) != 0) {                                                          \
            uint32_t lane = (uint32_t)__builtin_ctz(masks.equal & lanes);                          \
            *payload_out = leaf_word(block + 8 + lane);                                            \
            return WORD_FOUND;                                                                     \
        }                                                                                          \
        if (lanes == 0) return WORD_UNDECIDED;                                                     \
        uint32_t less = masks.less & lanes;                                                        \
        if (less == 0) { /* all are greater */                                                     \
            if (direction > 0 || at == 0) return WORD_ABSENT;                                      \
            direction = -1;                                                                        \
            at--;                                                                                  \
        } else if (less == lanes) { /* all are less */                                             \
            if (direction < 0 || at + 1 >= block_count) return WORD_ABSENT;                        \
            direction = 1;                                                                         \
            at++;                                                                                  \
        } else {                                                                                   \
            return WORD_ABSENT;                                                                    \
        }                                                                                          \
    }                                                                                              \
    return WORD_UNDECIDED

static WordSearch search_scalar(const CacheFrame *frame, uint64_t slice, uint64_t *payload_out) {
    SEARCH_BODY(masks_scalar, segment_scalar);
}

#if HAS_X86_VECTORS
[[gnu::target("avx512f"), gnu::always_inline]] static inline LaneMasks masks_avx512(
    const uint64_t *block, uint64_t slice) {
    __m512i words = _mm512_loadu_si512(block); // the count, then the slices
    __m512i wanted = _mm512_set1_epi64((long long)slice);
    return (LaneMasks){
        .less = (uint32_t)_mm512_cmplt_epu64_mask(words, wanted) >> 1,
        .equal = (uint32_t)_mm512_cmpeq_epu64_mask(words, wanted) >> 1,
    };
}

[[gnu::target("avx512f"), gnu::always_inline]] static inline uint32_t segment_avx512(
    const LeafBody *body, uint64_t slice) {
    __m512i wanted = _mm512_set1_epi64((long long)slice);
    uint32_t begun = _mm512_cmple_epu64_mask(_mm512_loadu_si512(body->firsts), wanted);
    if (body->segment_count > 8) {
        __m512i more = _mm512_loadu_si512(body->firsts + 8);
        begun |= (uint32_t)_mm512_cmple_epu64_mask(more, wanted) << 8;
    }
    uint32_t count = (uint32_t)__builtin_popcount(begun); // they rise: the ones are the lowest bits
    if (count > body->segment_count) count = body->segment_count;
    return count == 0 ? 0 : count - 1;
}

[[gnu::target("avx512f")]] static WordSearch search_avx512(
    const CacheFrame *frame, uint64_t slice, uint64_t *payload_out) {
    SEARCH_BODY(masks_avx512, segment_avx512);
}

// Unsigned words compare as signed ones with the highest bit turned.
[[gnu::target("avx2"), gnu::always_inline]] static inline LaneMasks masks_avx2(
    const uint64_t *block, uint64_t slice) {
    __m256i top = _mm256_set1_epi64x(INT64_MIN);
    __m256i wanted = _mm256_set1_epi64x((long long)slice);
    __m256i turned = _mm256_xor_si256(wanted, top);
    __m256i low = _mm256_loadu_si256((const __m256i_u *)(const void *)block);
    __m256i high = _mm256_loadu_si256((const __m256i_u *)(const void *)(block + 4));
    __m256i low_less = _mm256_cmpgt_epi64(turned, _mm256_xor_si256(low, top));
    __m256i high_less = _mm256_cmpgt_epi64(turned, _mm256_xor_si256(high, top));
    __m256i low_equal = _mm256_cmpeq_epi64(low, wanted);
    __m256i high_equal = _mm256_cmpeq_epi64(high, wanted);
    uint32_t less = (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(low_less))
                    | (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(high_less)) << 4;
    uint32_t equal = (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(low_equal))
                     | (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(high_equal)) << 4;
    return (LaneMasks){.less = less >> 1, .equal = equal >> 1};
}

[[gnu::target("avx2")]] static WordSearch search_avx2(
    const CacheFrame *frame, uint64_t slice, uint64_t *payload_out) {
    SEARCH_BODY(masks_avx2, segment_scalar);
}
#endif

WordSearchFunction word_search_choose(void) {
#if HAS_X86_VECTORS
    if (__builtin_cpu_supports("avx512f")) return search_avx512;
    if (__builtin_cpu_supports("avx2")) return search_avx2;
#endif
    return search_scalar;
}
