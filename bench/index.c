// Times the learned index against a sorted array: get, batched get, dependent get, scans of 100,
// random inserts, appends, bulk loading. Usage: index [KEYS]...
//
// Times are the thread's CPU time. Every looked-up value is verified. The array's inserts are not
// measured: it has none. Rounds alternate between the two and the median is printed, with the ratio
// to the array.
#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "learned/learned_index.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PROBE_COUNT = 1000000, ROUND_COUNT = 5, SCAN_COUNT = 20000, SCAN_ROWS = 100 };

typedef struct Engine {
    Store *store;
    EpochSet *epochs;
    MemoryBudget cache_budget, inner_budget;
    Cache *cache;
} Engine;

typedef struct Data {
    const char *name;
    uint64_t *keys; // sorted, distinct
    size_t count;
    uint32_t *probes; // places in keys, and the keys there
    uint64_t *probe_keys;
} Data;

static void must(Status status) {
    if (status == OK) return;
    fprintf(stderr, "index: %s\n", error_get()->message);
    exit(1);
}

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare_u64(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int compare_double(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// ---- Keys

static uint64_t make_key(const char *name, Random *random, size_t i, uint64_t last) {
    switch (name[0]) {
    case 's': // sequential
        return i + 1;
    case 'l': // lognormal
        return (uint64_t)(exp(2 * sqrt(-2 * log(1 - random_unit(random)))
                              * cos(6.283185307179586 * random_unit(random)))
                          * 1e12);
    case 't': // timestamps with jitter
        return (i == 0 ? UINT64_C(1700000000000000) : last) + 1
               + (uint64_t)(-100 * log(1 - random_unit(random)));
    case 'b': // bursts
        return hash_u64(i / 700 + 1) / 2 + i % 700 * (1 + random_below(random, 4));
    case 'f': { // heavy-tailed gaps
        double gap = pow(1 - random_unit(random), -1 / 0.9);
        return last + 1 + (uint64_t)(gap > 1e7 ? 1e7 : gap);
    }
    default:
        return random_next(random) >> 1;
    }
}

static void make_data(Data *data, const char *name, size_t count) {
    Random random;
    random_seed(&random, 42);
    data->name = name;
    data->keys = malloc(count * sizeof(uint64_t));
    data->probes = malloc(PROBE_COUNT * sizeof(uint32_t));
    for (size_t i = 0; i < count; i++)
        data->keys[i] = make_key(name, &random, i, i == 0 ? 0 : data->keys[i - 1]);
    qsort(data->keys, count, sizeof(uint64_t), compare_u64);
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++) {
        if (distinct == 0 || data->keys[distinct - 1] != data->keys[i]) {
            data->keys[distinct++] = data->keys[i];
        }
    }
    data->count = distinct;
    data->probe_keys = malloc(PROBE_COUNT * sizeof(uint64_t));
    for (size_t i = 0; i < PROBE_COUNT; i++) {
        data->probes[i] = (uint32_t)random_below(&random, distinct);
        data->probe_keys[i] = data->keys[data->probes[i]];
    }
}

// ---- The index

static void engine_init(Engine *engine) {
    must(store_create_volatile(environment_real(), &engine->store));
    must(epoch_set_create(&engine->epochs));
    memory_budget_init(&engine->cache_budget, "cache", (size_t)64 << 30, NULL);
    memory_budget_init(&engine->inner_budget, "index", (size_t)8 << 30, NULL);
    must(cache_create(engine->store, engine->epochs, &engine->cache_budget, &engine->cache));
}

static LearnedIndex *create_index(Engine *engine) {
    LearnedIndexOptions options = {
        .key_width = 8, .is_unique = true, .incarnation = 1, .budget = &engine->inner_budget};
    LearnedIndex *index;
    must(learned_index_create(engine->cache, options, &index));
    return index;
}

static Bytes key_bytes(uint64_t key, uint8_t *bytes) {
    put_u64_be(bytes, key);
    return bytes_make(bytes, 8);
}

static void check_value(uint64_t found, uint64_t expected) {
    if (found == expected) return;
    fprintf(stderr, "index: found row %llu, expected %llu\n", (unsigned long long)found,
        (unsigned long long)expected);
    exit(1);
}

static double time_load(Engine *engine, const Data *data, LearnedIndex **index_out) {
    LearnedIndex *index = create_index(engine);
    IndexBulk *bulk;
    uint8_t bytes[8];
    double start = now_ns();
    must(learned_index_bulk_begin(index, &bulk));
    for (size_t i = 0; i < data->count; i++)
        must(learned_index_bulk_add(bulk, key_bytes(data->keys[i], bytes), (RowId){i}));
    must(learned_index_bulk_end(bulk));
    *index_out = index;
    return (now_ns() - start) / (double)data->count;
}

static uint64_t get(LearnedIndex *index, uint64_t key) {
    uint8_t bytes[8];
    RowId row = {0};
    uint32_t count;
    bool has_more;
    must(learned_index_find(index, key_bytes(key, bytes), &row, 1, &count, &has_more));
    return count == 1 ? row.value : UINT64_MAX;
}

static double time_get(LearnedIndex *index, const Data *data) {
    double start = now_ns();
    for (size_t i = 0; i < PROBE_COUNT; i++)
        check_value(get(index, data->probe_keys[i]), data->probes[i]);
    return (now_ns() - start) / PROBE_COUNT;
}

static double time_dependent_get(LearnedIndex *index, const Data *data) {
    uint64_t last = 0;
    double start = now_ns();
    for (size_t i = 0; i < PROBE_COUNT; i++) {
        uint64_t found = get(index, data->probe_keys[i] ^ (last >> 63)); // known late: always 0
        check_value(found, data->probes[i]);
        last = found;
    }
    return (now_ns() - start) / PROBE_COUNT;
}

static double time_batch_get(LearnedIndex *index, const Data *data) {
    uint8_t bytes[16][8];
    Bytes keys[16];
    RowId rows[16];
    bool has_more[16];
    double start = now_ns();
    for (size_t i = 0; i + 16 <= PROBE_COUNT; i += 16) {
        for (size_t j = 0; j < 16; j++)
            keys[j] = key_bytes(data->probe_keys[i + j], bytes[j]);
        must(learned_index_find_batch(index, keys, 16, rows, has_more));
        for (size_t j = 0; j < 16; j++)
            check_value(rows[j].value, data->probes[i + j]);
    }
    return (now_ns() - start) / PROBE_COUNT;
}

static double time_scan(LearnedIndex *index, const Data *data) {
    Arena arena;
    arena_init(&arena, NULL);
    uint8_t bytes[8];
    RowId rows[SCAN_ROWS];
    double start = now_ns();
    for (size_t i = 0; i < SCAN_COUNT; i++) {
        ArenaMark mark = arena_mark(&arena);
        uint32_t probe = data->probes[i];
        KeyRange range = {.low = key_bytes(data->probe_keys[i], bytes), .low_inclusive = true};
        IndexCursor *cursor;
        uint32_t count;
        must(learned_index_seek(index, &range, false, &arena, &cursor));
        must(index_cursor_next(cursor, rows, NULL, SCAN_ROWS, &count));
        for (uint32_t j = 0; j < count; j++)
            check_value(rows[j].value, probe + j);
        index_cursor_close(cursor);
        arena_rewind(&arena, mark);
    }
    double taken = (now_ns() - start) / SCAN_COUNT;
    arena_deinit(&arena);
    return taken;
}

// Loads a random half, then adds the other half shuffled.
static double time_random_insert(Engine *engine, const Data *data, double *bytes_per_key_out) {
    Random random;
    random_seed(&random, 7);
    uint32_t *order = malloc(data->count * sizeof(uint32_t));
    for (size_t i = 0; i < data->count; i++) {
        size_t j = random_below(&random, i + 1);
        order[i] = order[j];
        order[j] = (uint32_t)i;
    }
    size_t before = cache_used_bytes(engine->cache);
    LearnedIndex *index = create_index(engine);
    uint8_t bytes[8];
    size_t half = data->count / 2;
    for (size_t i = 0; i < half; i++)
        must(learned_index_add(index, key_bytes(data->keys[order[i]], bytes), (RowId){order[i]}));
    double start = now_ns();
    for (size_t i = half; i < data->count; i++)
        must(learned_index_add(index, key_bytes(data->keys[order[i]], bytes), (RowId){order[i]}));
    double taken = (now_ns() - start) / (double)(data->count - half);
    epoch_advance(engine->epochs);
    *bytes_per_key_out = (double)(cache_used_bytes(engine->cache) - before) / (double)data->count;
    learned_index_destroy(index);
    free(order);
    return taken;
}

// ---- The array

static size_t array_find(const Data *data, uint64_t key) {
    const uint64_t *base = data->keys;
    size_t count = data->count;
    while (count > 1) {
        size_t half = count / 2;
        base += base[half] <= key ? half : 0;
        count -= half;
    }
    return (size_t)(base - data->keys);
}

static double time_array_get(const Data *data, bool is_dependent) {
    uint64_t last = 0;
    double start = now_ns();
    for (size_t i = 0; i < PROBE_COUNT; i++) {
        last = array_find(data, data->probe_keys[i] ^ (is_dependent ? last >> 63 : 0));
        check_value(last, data->probes[i]);
    }
    return (now_ns() - start) / PROBE_COUNT;
}

static double time_array_scan(const Data *data) {
    double start = now_ns();
    uint64_t sum = 0;
    for (size_t i = 0; i < SCAN_COUNT; i++) {
        size_t at = array_find(data, data->probe_keys[i]);
        for (size_t j = 0; j < SCAN_ROWS && at + j < data->count; j++)
            sum += data->keys[at + j];
    }
    double taken = (now_ns() - start) / SCAN_COUNT;
    if (sum == 1) puts("");
    return taken;
}

// ---- The table

typedef struct Series {
    double values[ROUND_COUNT];
    int count;
} Series;

static void series_add(Series *series, double value) {
    series->values[series->count++] = value;
}

static double series_median(Series *series) {
    qsort(series->values, (size_t)series->count, sizeof(double), compare_double);
    return series->values[series->count / 2];
}

static void print_line(const char *what, Series *index, Series *array) {
    double ours = series_median(index);
    if (array == NULL) {
        printf("  %-16s %8.1f ns\n", what, ours);
        return;
    }
    double theirs = series_median(array);
    printf("  %-16s %8.1f ns   array %8.1f ns   ratio %.2f\n", what, ours, theirs, ours / theirs);
}

static void run(Engine *engine, const char *name, size_t count) {
    Data data;
    make_data(&data, name, count);
    size_t before = cache_used_bytes(engine->cache);
    LearnedIndex *index;
    double load = time_load(engine, &data, &index);
    double bytes = (double)(cache_used_bytes(engine->cache) - before) / (double)data.count;
    printf("%s, %zu keys\n  %-16s %8.1f ns, %.1f bytes a key\n", name, data.count, "bulk load",
        load, bytes);
    Series gets = {0}, batches = {0}, dependents = {0}, scans = {0};
    Series array_gets = {0}, array_dependents = {0}, array_scans = {0};
    for (int round = 0; round < ROUND_COUNT; round++) {
        series_add(&gets, time_get(index, &data));
        series_add(&array_gets, time_array_get(&data, false));
        series_add(&batches, time_batch_get(index, &data));
        series_add(&dependents, time_dependent_get(index, &data));
        series_add(&array_dependents, time_array_get(&data, true));
        series_add(&scans, time_scan(index, &data));
        series_add(&array_scans, time_array_scan(&data));
    }
    print_line("get", &gets, &array_gets);
    print_line("batched get", &batches, &array_gets);
    print_line("dependent get", &dependents, &array_dependents);
    print_line("scan of 100", &scans, &array_scans);
    Arena arena;
    arena_init(&arena, NULL);
    Text shape;
    text_init(&shape, &arena);
    learned_index_dump(index, &shape);
    if (getenv("INDEX_SHAPES") != NULL) fputs(shape.data, stdout);
    arena_deinit(&arena);
    learned_index_destroy(index);
    double insert_bytes;
    double insert = time_random_insert(engine, &data, &insert_bytes);
    printf("  %-16s %8.1f ns, %.1f bytes a key\n", "random insert", insert, insert_bytes);
    free(data.keys);
    free(data.probes);
    free(data.probe_keys);
}

int main(int count, char **arguments) {
    static const char *const names[] = {
        "sequential", "uniform", "lognormal", "timestamps", "bursts", "fb-like"};
    static char default_keys[] = "1000000";
    char *defaults[] = {arguments[0], default_keys};
    if (count < 2) {
        count = 2;
        arguments = defaults;
    }
    Engine engine;
    engine_init(&engine);
    for (int i = 1; i < count; i++) {
        for (size_t name = 0; name < sizeof names / sizeof names[0]; name++)
            run(&engine, names[name], strtoul(arguments[i], NULL, 10));
    }
    cache_destroy(engine.cache);
    epoch_set_destroy(engine.epochs);
    store_close(engine.store);
    return 0;
}
