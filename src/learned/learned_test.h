// What the tests of the index share: a database's parts in memory, and universes of keys whose
// order is known, so that a bitmap is the sorted array to compare with.
#pragma once

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
