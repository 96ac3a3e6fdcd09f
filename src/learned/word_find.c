#include "learned/word_find.h"

#include "learned/learned_internal.h"

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#define HAS_X86_VECTORS 1
#include <cpuid.h>
#include <immintrin.h>
#else
#define HAS_X86_VECTORS 0
#endif

#ifdef __SANITIZE_THREAD__ // it knows no fences; see os/latch.c
#define HINT_ORDER        memory_order_acquire
#define HINT_ATOMIC_ORDER __ATOMIC_ACQUIRE
#else
#define HINT_ORDER        memory_order_relaxed
#define HINT_ATOMIC_ORDER __ATOMIC_RELAXED
#endif

// Blocks with the same pivot that are looked at.
enum { TIE_BLOCK_MAX = 4 };

// How far a walk is ahead of itself.
enum { AHEAD_BLOCKS = 4 };

// Where a word should be, in the frame as of a version.
typedef struct WordPlace {
    const CacheFrame *frame;
    const uint8_t *blocks;
    uint64_t version, word;
    uint32_t block_count, at;
    uint32_t tie_count; // pivots that equal the word's: `at` is the last such block
} WordPlace;

[[gnu::always_inline]] static inline const uint64_t *place_block(
    const WordPlace *place, uint32_t block) {
    return (const uint64_t *)(const void *)(place->blocks + (size_t)block * 128);
}

// NULL when the way there is not plain.
[[gnu::always_inline]] static inline LeafEntry *route_word(
    const LearnedIndex *index, uint64_t word) {
    Child child = learned_index_root(index);
    while (!child_is_leaf(child)) {
        const InnerNode *node = child_node(child);
        if (__builtin_expect(node->gate_count != 0 || node->is_row_level, 0)) return NULL;
        child = inner_node_child(node, range_slot(node, word));
    }
    return child_leaf(child);
}

// Whether no other block has lanes with the word.
static bool run_is_whole(const WordPlace *place, uint32_t lane, uint32_t count) {
    const uint64_t *block = place_block(place, place->at);
    if (lane == 0 && place->at > 0) {
        const uint64_t *before = place_block(place, place->at - 1);
        uint64_t last = leaf_word(before) & 7;
        if (last == 0 || leaf_word(before + last) == place->word) return false;
    }
    if (lane + count == (leaf_word(block) & 7) && place->at + 1 < place->block_count) {
        const uint64_t *after = block + 16;
        if ((leaf_word(after) & 7) == 0 || leaf_word(after + 1) == place->word) return false;
    }
    return true;
}

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

// The last segment that begins at or before the word; the first one when none does.
[[gnu::always_inline]] static inline uint32_t segment_scalar(
    const LeafBody *body, uint32_t count, uint64_t word) {
    uint32_t segment = 0;
    for (uint32_t i = 1; i < count; i++)
        segment += body->firsts[i] <= word;
    return segment;
}

// How many of a window's pivots are less than this one, and how many equal it. They rise.
[[gnu::always_inline]] static inline void pivots_scalar(
    const uint32_t *window, uint32_t pivot, uint32_t *less_out, uint32_t *equal_out) {
    uint32_t less = 0, equal = 0;
    for (uint32_t i = 0; i < LEAF_PIVOT_WINDOW; i++) {
        uint32_t here = __atomic_load_n(window + i, HINT_ATOMIC_ORDER);
        less += here < pivot;
        equal += here == pivot;
    }
    *less_out = less;
    *equal_out = equal;
}

// Puts a lane before lane `lane` of a block that has room.
[[gnu::always_inline]] static inline void insert_scalar(
    uint64_t *block, uint32_t count, uint32_t lane, uint64_t word, uint64_t payload) {
    for (uint32_t i = count; i > lane; i--) {
        leaf_word_set(block + 1 + i, block[i]);
        leaf_word_set(block + 8 + i, block[7 + i]);
    }
    leaf_word_set(block + 1 + lane, word);
    leaf_word_set(block + 8 + lane, payload);
    leaf_word_set(block, count + 1);
}

// Copies the lanes of a block. False when one has a list.
[[gnu::always_inline]] static inline bool copy_lanes_scalar(
    const uint64_t *block, uint32_t lanes, RowId *rows_out, uint64_t *words_out) {
    uint64_t all = 0;
    for (uint32_t lane = 0; lane < lanes && lane < LEAF_LANE_COUNT; lane++) {
        uint64_t payload = leaf_word(block + 8 + lane);
        all |= payload;
        rows_out[lane] = (RowId){payload >> 16};
        if (words_out != NULL) words_out[lane] = leaf_word(block + 1 + lane);
    }
    return (all & 0xFFFF) == 0;
}

#define FIND_NAME(name) name##_scalar
#define FIND_TARGET
#define FIND_MASKS   masks_scalar
#define FIND_SEGMENT segment_scalar
#define FIND_PIVOTS  pivots_scalar
#define FIND_INSERT  insert_scalar
#define FIND_EMIT    copy_lanes_scalar
#include "learned/word_find_loop.h"
#undef FIND_NAME
#undef FIND_TARGET
#undef FIND_MASKS
#undef FIND_SEGMENT
#undef FIND_PIVOTS
#undef FIND_INSERT
#undef FIND_EMIT

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
    const LeafBody *body, uint32_t count, uint64_t word) {
    __m512i wanted = _mm512_set1_epi64((long long)word);
    uint32_t begun = _mm512_cmple_epu64_mask(_mm512_loadu_si512(body->firsts), wanted);
    if (count > 8) {
        __m512i more = _mm512_loadu_si512(body->firsts + 8);
        begun |= (uint32_t)_mm512_cmple_epu64_mask(more, wanted) << 8;
    }
    uint32_t last = (uint32_t)__builtin_popcount(begun); // they rise: the ones are the lowest bits
    if (last > count) last = count;
    return last == 0 ? 0 : last - 1;
}

[[gnu::target("avx512f"), gnu::always_inline]] static inline void pivots_avx512(
    const uint32_t *window, uint32_t pivot, uint32_t *less_out, uint32_t *equal_out) {
    __m512i pivots = _mm512_loadu_si512(window), wanted = _mm512_set1_epi32((int)pivot);
    *less_out = (uint32_t)__builtin_popcount(_mm512_cmplt_epu32_mask(pivots, wanted));
    *equal_out = (uint32_t)__builtin_popcount(_mm512_cmpeq_epu32_mask(pivots, wanted));
}

// Readers that see a part of it find the leaf's version raised.
[[gnu::target("avx512f"), gnu::always_inline]] static inline void insert_avx512(
    uint64_t *block, uint32_t count, uint32_t lane, uint64_t word, uint64_t payload) {
    (void)count;
    __m512i words = _mm512_loadu_si512(block), payloads = _mm512_loadu_si512(block + 8);
    words = _mm512_mask_add_epi64(words, 1, words, _mm512_set1_epi64(1)); // the count
    words = _mm512_mask_expand_epi64(
        _mm512_set1_epi64((long long)word), (__mmask8) ~(2U << lane), words);
    payloads = _mm512_mask_expand_epi64(
        _mm512_set1_epi64((long long)payload), (__mmask8) ~(1U << lane), payloads);
    _mm512_storeu_si512(block, words);
    _mm512_mask_storeu_epi64(block + 8, 0x7F, payloads);
}

[[gnu::target("avx512f"), gnu::always_inline]] static inline bool copy_lanes_avx512(
    const uint64_t *block, uint32_t lanes, RowId *rows_out, uint64_t *words_out) {
    __m512i payloads = _mm512_loadu_si512(block + 8);
    __mmask8 is_lane = (__mmask8)((1U << lanes) - 1);
    if (_mm512_mask_test_epi64_mask(is_lane, payloads, _mm512_set1_epi64(0xFFFF)) != 0)
        return false;
    _mm512_mask_storeu_epi64(rows_out, 0x7F, _mm512_srli_epi64(payloads, 16));
    if (words_out != NULL) {
        _mm512_mask_storeu_epi64(words_out, 0x7F, _mm512_loadu_si512(block + 1));
    }
    return true;
}

#define FIND_NAME(name) name##_avx512
#define FIND_TARGET     [[gnu::target("avx512f,bmi,bmi2,lzcnt,popcnt")]]
#define FIND_MASKS      masks_avx512
#define FIND_SEGMENT    segment_avx512
#define FIND_PIVOTS     pivots_avx512
#define FIND_INSERT     insert_avx512
#define FIND_EMIT       copy_lanes_avx512
#include "learned/word_find_loop.h"
#undef FIND_NAME
#undef FIND_TARGET
#undef FIND_MASKS
#undef FIND_SEGMENT
#undef FIND_PIVOTS
#undef FIND_INSERT
#undef FIND_EMIT

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

[[gnu::target("avx2,popcnt"), gnu::always_inline]] static inline void pivots_avx2(
    const uint32_t *window, uint32_t pivot, uint32_t *less_out, uint32_t *equal_out) {
    __m256i top = _mm256_set1_epi32(INT32_MIN), wanted = _mm256_set1_epi32((int)pivot);
    __m256i turned = _mm256_xor_si256(wanted, top);
    uint32_t less = 0, equal = 0;
    for (uint32_t i = 0; i < LEAF_PIVOT_WINDOW; i += 8) {
        __m256i pivots = _mm256_loadu_si256((const __m256i_u *)(const void *)(window + i));
        __m256i is_less = _mm256_cmpgt_epi32(turned, _mm256_xor_si256(pivots, top));
        __m256i is_equal = _mm256_cmpeq_epi32(pivots, wanted);
        less |= (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(is_less)) << i;
        equal |= (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(is_equal)) << i;
    }
    *less_out = (uint32_t)__builtin_popcount(less);
    *equal_out = (uint32_t)__builtin_popcount(equal);
}

#define FIND_NAME(name) name##_avx2
#define FIND_TARGET     [[gnu::target("avx2,bmi,bmi2,lzcnt,popcnt")]]
#define FIND_MASKS      masks_avx2
#define FIND_SEGMENT    segment_scalar
#define FIND_PIVOTS     pivots_avx2
#define FIND_INSERT     insert_scalar
#define FIND_EMIT       copy_lanes_scalar
#include "learned/word_find_loop.h"
#endif

#if HAS_X86_VECTORS
// Clang's __builtin_cpu_supports does not know it.
static bool has_lzcnt(void) {
    unsigned a, b, c, d;
    return __get_cpuid(0x80000001, &a, &b, &c, &d) != 0 && (c & bit_LZCNT) != 0;
}
#endif

const WordFinder *word_finder_at(uint32_t number) {
#if HAS_X86_VECTORS
    bool has_bits = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")
                    && __builtin_cpu_supports("popcnt") && has_lzcnt();
    if (has_bits && __builtin_cpu_supports("avx512f") && number-- == 0) return &finder_avx512;
    if (has_bits && __builtin_cpu_supports("avx2") && number-- == 0) return &finder_avx2;
#endif
    return number == 0 ? &finder_scalar : NULL;
}
