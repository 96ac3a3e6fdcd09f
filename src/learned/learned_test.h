// What the tests of the index share: a database's parts in memory, and universes of keys whose
// order is known, so that a bitmap is the sorted array to compare with.
#pragma once

#include "base/hash.h"
#include "base/random.h"
#include "base/test.h"
#include "learned/learned_index.h"
#include "types/key.h"

#include <stdlib.h>

typedef struct Fixture {
    Store *store;
    EpochSet *epochs;
    MemoryBudget cache_budget, inner_budget;
    Cache *cache;
} Fixture;

static inline void fixture_init(Fixture *fixture, size_t cache_bytes) {
    memset(fixture, 0, sizeof *fixture);
    assert_ok(store_create_volatile(environment_real(), &fixture->store));
    assert_ok(epoch_set_create(&fixture->epochs));
    memory_budget_init(&fixture->cache_budget, "cache", cache_bytes, NULL);
    memory_budget_init(&fixture->inner_budget, "index", (size_t)4 << 30, NULL);
    assert_ok(
        cache_create(fixture->store, fixture->epochs, &fixture->cache_budget, &fixture->cache));
}

static inline void fixture_deinit(Fixture *fixture) {
    epoch_advance(fixture->epochs);
    epoch_advance(fixture->epochs);
    assert_int_equal(memory_budget_used(&fixture->inner_budget), 0);
    cache_destroy(fixture->cache);
    epoch_set_destroy(fixture->epochs);
    store_close(fixture->store);
}

static inline LearnedIndex *index_create(Fixture *fixture, uint32_t key_width, bool is_unique) {
    LearnedIndexOptions options = {.key_width = key_width,
        .is_unique = is_unique,
        .incarnation = 1,
        .budget = &fixture->inner_budget};
    LearnedIndex *index;
    assert_ok(learned_index_create(fixture->cache, options, &index));
    return index;
}

// Keys 0 to key_count - 1 in rising order, rows 0 to row_count - 1 of each, and which pairs are in.
typedef struct Universe {
    uint32_t key_width, key_count, row_count;
    Bytes *keys;
    uint8_t *memory;
    uint8_t *is_in; // key * row_count + row
    uint64_t pair_count;
} Universe;

typedef size_t (*KeyMaker)(Random *random, uint32_t i, uint8_t *bytes_out);

static inline int compare_bytes(const void *a, const void *b) {
    return bytes_compare(*(const Bytes *)a, *(const Bytes *)b);
}

static inline void universe_init(Universe *universe, KeyMaker make, uint32_t key_width,
    uint32_t key_count, uint32_t row_count, size_t key_bytes_max, uint64_t seed) {
    Random random;
    random_seed(&random, seed);
    universe->key_width = key_width;
    universe->row_count = row_count;
    universe->keys = calloc(key_count, sizeof(Bytes));
    universe->memory = malloc(key_count * key_bytes_max + 16);
    size_t used = 0;
    for (uint32_t i = 0; i < key_count; i++) {
        size_t count = make(&random, i, universe->memory + used);
        universe->keys[i] = bytes_make(universe->memory + used, count);
        used += count;
    }
    qsort(universe->keys, key_count, sizeof(Bytes), compare_bytes);
    uint32_t distinct = 0;
    for (uint32_t i = 0; i < key_count; i++) {
        if (distinct > 0 && bytes_equal(universe->keys[distinct - 1], universe->keys[i])) continue;
        universe->keys[distinct++] = universe->keys[i];
    }
    universe->key_count = distinct;
    universe->is_in = calloc(distinct, row_count);
    universe->pair_count = 0;
}

static inline void universe_deinit(Universe *universe) {
    free(universe->keys);
    free(universe->memory);
    free(universe->is_in);
}

// Rows of different keys interleave, and start at 0.
static inline RowId universe_row(const Universe *universe, uint32_t key, uint32_t row) {
    return (RowId){(uint64_t)row * 1000003 + (row == 0 ? 0 : key % 7) + universe->key_width};
}

static inline KeyState say_dead(void *argument, Bytes key, RowId row) {
    (void)argument;
    (void)key;
    (void)row;
    return KEY_DEAD;
}

static const KeyProbe dead_probe = {.is_rival = say_dead, .is_needed = say_dead};

enum { SCAN_ROOM = 300, LEARNED_TEST_KEY_ROOM = 2 * KEY_BYTES_MAX + 16 };

// ---- Keys

static inline size_t make_uniform(Random *random, uint32_t i, uint8_t *bytes) {
    (void)i;
    put_u64_be(bytes, random_next(random));
    return 8;
}

static inline size_t make_dense(Random *random, uint32_t i, uint8_t *bytes) {
    (void)random;
    put_u64_be(bytes, UINT64_C(0x8000000000000000) + i);
    return 8;
}

static inline size_t make_extreme(Random *random, uint32_t i, uint8_t *bytes) {
    static const uint64_t corners[] = {0, 1, 2, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63};
    put_u64_be(bytes, i < 6 ? corners[i] : random_next(random) >> random_below(random, 64));
    return 8;
}

static inline size_t make_bursts(Random *random, uint32_t i, uint8_t *bytes) {
    uint64_t base = hash_u64(i / 500 + 1);
    put_u64_be(bytes, base + i % 500 * (1 + random_below(random, 3)));
    return 8;
}

static inline size_t make_small(Random *random, uint32_t i, uint8_t *bytes) {
    (void)random;
    put_u32_be(bytes, i * 3);
    return 4;
}

static inline size_t make_two_words(Random *random, uint32_t i, uint8_t *bytes) {
    put_u64_be(bytes, i % 3 == 0 ? 77 : random_next(random) >> 50);
    put_u64_be(bytes + 8, random_next(random) >> (i % 5 * 10));
    return 16;
}

static inline size_t make_uuid(Random *random, uint32_t i, uint8_t *bytes) {
    (void)i;
    put_u64_be(bytes, random_next(random));
    put_u64_be(bytes + 8, random_next(random));
    return 16;
}

static inline size_t make_text(Random *random, uint32_t i, uint8_t *bytes) {
    static const char *const starts[] = {"", "http://www.example.com/", "http://www.example.org/a/",
        "a", "abcdefg", "abcdefgh", "abcdefghijklmnopqrstu"};
    const char *start = starts[random_below(random, 7)];
    size_t count = strlen(start);
    memcpy(bytes, start, count);
    size_t more = random_below(random, 12);
    for (size_t j = 0; j < more; j++)
        bytes[count++] = (uint8_t)(random_below(random, 4) == 0 ? random_below(random, 256)
                                                                : 'a' + random_below(random, 4));
    if (i % 97 == 0) {
        memset(bytes + count, 'x', 200);
        count += 200;
    }
    return count;
}

// ---- Against the bitmap

static inline void expect_scan(LearnedIndex *index, const Universe *universe, uint32_t low,
    uint32_t high, bool low_inclusive, bool high_inclusive, bool is_backward, uint32_t step,
    bool with_keys) {
    Arena arena;
    arena_init(&arena, NULL);
    KeyRange range = {.low = universe->keys[low],
        .high = universe->keys[high],
        .low_inclusive = low_inclusive,
        .high_inclusive = high_inclusive};
    IndexCursor *cursor;
    assert_ok(learned_index_seek(index, &range, is_backward, &arena, &cursor));
    int64_t from = ((int64_t)low + (low_inclusive ? 0 : 1)) * universe->row_count;
    int64_t to =
        ((int64_t)high + (high_inclusive ? 1 : 0)) * universe->row_count; // behind the last
    int64_t at = is_backward ? to - 1 : from;
    RowId rows[SCAN_ROOM];
    Bytes keys[SCAN_ROOM];
    for (;;) {
        uint32_t count;
        assert_ok(index_cursor_next(cursor, rows, with_keys ? keys : NULL, step, &count));
        for (uint32_t i = 0; i < count; i++) {
            while (at >= from && at < to && universe->is_in[at] == 0)
                at += is_backward ? -1 : 1;
            assert_true(at >= from && at < to);
            uint32_t key = (uint32_t)(at / universe->row_count);
            uint32_t row = (uint32_t)(at % universe->row_count);
            assert_true(rows[i].value == universe_row(universe, key, row).value);
            if (with_keys) assert_true(bytes_equal(keys[i], universe->keys[key]));
            at += is_backward ? -1 : 1;
        }
        if (count == 0) break;
    }
    while (at >= from && at < to && universe->is_in[at] == 0)
        at += is_backward ? -1 : 1;
    assert_true(at < from || at >= to);
    index_cursor_close(cursor);
    arena_deinit(&arena);
}

static inline void expect_find(LearnedIndex *index, const Universe *universe, uint32_t key) {
    RowId rows[SCAN_ROOM];
    uint32_t count, expected = 0;
    bool has_more;
    assert_ok(learned_index_find(index, universe->keys[key], rows, SCAN_ROOM, &count, &has_more));
    for (uint32_t row = 0; row < universe->row_count && expected < SCAN_ROOM; row++) {
        if (universe->is_in[(size_t)key * universe->row_count + row] == 0) continue;
        assert_true(expected < count);
        assert_true(rows[expected].value == universe_row(universe, key, row).value);
        expected++;
    }
    assert_int_equal(count, expected);
    if (expected == SCAN_ROOM) return;
    assert_false(has_more);
    RowId first[3];
    uint32_t room = 1 + key % 3;
    assert_ok(learned_index_find(index, universe->keys[key], first, room, &count, &has_more));
    assert_int_equal(count, expected < room ? expected : room);
    assert_true(has_more == (expected > room));
    for (uint32_t i = 0; i < count; i++)
        assert_true(first[i].value == rows[i].value);
}

static inline void expect_has(
    LearnedIndex *index, const Universe *universe, uint32_t key, uint32_t row) {
    bool is_found;
    assert_ok(
        learned_index_has(index, universe->keys[key], universe_row(universe, key, row), &is_found));
    assert_int_equal(is_found, universe->is_in[(size_t)key * universe->row_count + row] != 0);
}

static inline void expect_batch(LearnedIndex *index, const Universe *universe, Random *random) {
    Bytes keys[16];
    RowId rows[16];
    bool has_more[16];
    uint32_t picked[16];
    for (uint32_t i = 0; i < 16; i++) {
        picked[i] = (uint32_t)random_below(random, universe->key_count);
        keys[i] = universe->keys[picked[i]];
    }
    assert_ok(learned_index_find_batch(index, keys, 16, rows, has_more));
    for (uint32_t i = 0; i < 16; i++) {
        uint64_t first = UINT64_MAX;
        uint32_t count = 0;
        for (uint32_t row = universe->row_count; row-- > 0;) {
            if (universe->is_in[(size_t)picked[i] * universe->row_count + row] == 0) continue;
            first = universe_row(universe, picked[i], row).value;
            count++;
        }
        assert_true(rows[i].value == first);
        if (count > 1) assert_true(has_more[i]);
        if (count == 0) assert_false(has_more[i]);
    }
}

static inline void add(LearnedIndex *index, Universe *universe, uint32_t key, uint32_t row) {
    assert_ok(learned_index_add(index, universe->keys[key], universe_row(universe, key, row)));
    uint8_t *is_in = &universe->is_in[(size_t)key * universe->row_count + row];
    universe->pair_count += *is_in == 0;
    *is_in = 1;
}

static inline void take(LearnedIndex *index, Universe *universe, uint32_t key, uint32_t row) {
    learned_index_remove_if(
        index, universe->keys[key], universe_row(universe, key, row), &dead_probe);
    uint8_t *is_in = &universe->is_in[(size_t)key * universe->row_count + row];
    universe->pair_count -= *is_in;
    *is_in = 0;
}

static inline void expect_all(LearnedIndex *index, Universe *universe) {
    assert_ok(learned_index_check(index));
    assert_true(learned_index_entry_count(index) == universe->pair_count);
    uint32_t last = universe->key_count - 1;
    expect_scan(index, universe, 0, last, true, true, false, SCAN_ROOM, true);
    expect_scan(index, universe, 0, last, true, true, true, SCAN_ROOM, true);
}

// Part of the operations in every run; all of them and more when asked.
static inline uint32_t scaled(uint32_t operation_count) {
    const char *scale = getenv("LEARNED_TEST_SCALE");
    return scale == NULL ? operation_count / 4
                         : operation_count * (uint32_t)strtoul(scale, NULL, 10);
}
