#include "bench/index_keys.h"

#include "base/hash.h"
#include "base/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const index_key_sets[] = {"sequential", "uniform", "lognormal", "timestamps", "bursts",
    "osm-like", "fb-like", "snowflake"};
const size_t index_key_set_count = sizeof index_key_sets / sizeof index_key_sets[0];

typedef struct KeyList {
    uint64_t *keys;
    size_t count, capacity;
} KeyList;

static void add(KeyList *list, uint64_t key) {
    if (list->count < list->capacity) list->keys[list->count++] = key;
}

static double exponential(Random *random) {
    return -log(1 - random_unit(random));
}

static void make_sequential(KeyList *list, [[maybe_unused]] Random *random) {
    while (list->count < list->capacity)
        add(list, list->count + 1);
}

static void make_uniform(KeyList *list, Random *random) {
    while (list->count < list->capacity)
        add(list, random_next(random) >> 1);
}

static void make_lognormal(KeyList *list, Random *random) {
    while (list->count < list->capacity) {
        double normal =
            sqrt(2 * exponential(random)) * cos(6.283185307179586 * random_unit(random));
        double key = exp(2 * normal) * 1e12;
        if (key < 4e18) add(list, (uint64_t)key);
    }
}

// Microseconds, 100 apart on average, with pauses.
static void make_timestamps(KeyList *list, Random *random) {
    uint64_t now = UINT64_C(1700000000000000);
    while (list->count < list->capacity) {
        now += 1 + (uint64_t)(100 * exponential(random));
        if (random_below(random, 100000) == 0) now += random_below(random, 60000000);
        add(list, now);
    }
}

// Dense runs of 16 to 8000 ids at random places.
static void make_bursts(KeyList *list, Random *random) {
    while (list->count < list->capacity) {
        uint64_t key = random_next(random) >> 2;
        size_t length = 16 + (size_t)exp(9 * random_unit(random));
        for (size_t i = 0; i < length; i++, key += 1 + random_below(random, 4))
            add(list, key);
    }
}

// A random binomial cascade: every half of every range has another density.
static void cascade(KeyList *list, Random *random, uint64_t low, uint64_t high, size_t count) {
    uint64_t width = high - low;
    if (count == 0) return;
    if (count <= 2 || width <= 64) {
        for (size_t i = 0; i < count; i++)
            add(list, low + random_below(random, width));
        return;
    }
    double part = random_unit(random); // towards 0 and 1, as Beta(0.7) is
    part = part < 0.5 ? 2 * part * part : 1 - 2 * (1 - part) * (1 - part);
    uint64_t half = width / 2;
    size_t left = (size_t)(part * (double)count);
    if (left > half) left = half;
    if (count - left > width - half) left = count - (width - half);
    cascade(list, random, low, low + half, left);
    cascade(list, random, low + half, high, count - left);
}

static void make_osm_like(KeyList *list, Random *random) {
    cascade(list, random, UINT64_C(1) << 40, UINT64_C(1) << 62, list->capacity);
}

// Heavy-tailed gaps and 21 outliers.
static void make_fb_like(KeyList *list, Random *random) {
    uint64_t key = 1;
    while (list->count + 21 < list->capacity) {
        double gap = pow(1 - random_unit(random), -1 / 0.9);
        key += 1 + (uint64_t)(gap > 1e7 ? 1e7 : gap);
        add(list, key);
    }
    while (list->count < list->capacity)
        add(list, (UINT64_C(1) << 59) + (random_next(random) >> 3));
}

// Milliseconds << 22 | worker << 12 | sequence.
static void make_snowflake(KeyList *list, Random *random) {
    uint64_t now_ms = UINT64_C(700000000000);
    while (list->count < list->capacity) {
        now_ms += 1 + random_below(random, 3);
        uint64_t burst = 1 + random_below(random, 20);
        for (uint64_t i = 0; i < burst; i++)
            add(list, now_ms << 22 | random_below(random, 16) << 12 | random_below(random, 4));
    }
}

static int compare_u64(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

uint64_t *index_keys_make(const char *name, size_t count, size_t *count_out) {
    static void (*const makers[])(KeyList * list, Random * random) = {make_sequential, make_uniform,
        make_lognormal, make_timestamps, make_bursts, make_osm_like, make_fb_like, make_snowflake};
    for (size_t i = 0; i < index_key_set_count; i++) {
        if (strcmp(name, index_key_sets[i]) != 0) continue;
        KeyList list = {.keys = malloc(count * sizeof(uint64_t)), .capacity = count};
        if (list.keys == NULL) return NULL;
        Random random;
        random_seed(&random, 42);
        makers[i](&list, &random);
        qsort(list.keys, list.count, sizeof(uint64_t), compare_u64);
        size_t distinct = 0;
        for (size_t k = 0; k < list.count; k++) {
            if (distinct == 0 || list.keys[distinct - 1] != list.keys[k]) {
                list.keys[distinct++] = list.keys[k];
            }
        }
        *count_out = distinct;
        return list.keys;
    }
    return NULL;
}
