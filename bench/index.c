// Times the learned index beside its peers on sets of 64-bit keys: load, lookups (single, batched,
// dependent), scans of 100, random inserts, appends, mixed, deletes; bytes a key, worst insert.
// Usage: bench_index [--gate] [--rounds N] [--keys N] [--operations N] [SET]...
//
// Model    Times are the thread's CPU time in ns an operation, the best of the rounds, in which the
//          peers take turns. A ratio is ours to the peer's. Every looked-up value is verified; a
//          wrong one ends the run. Memory is the growth of the resident set by loading.
// Exits    1 when a value was wrong or, under --gate, a bound is missed; 3 under --gate when a peer
//          is not built in: its bounds are then unknown.
#include "base/random.h"
#include "bench/index_keys.h"
#include "bench/index_peer.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PEERS_MAX = 3, LATENCY_BUCKETS = 4096, LATENCY_BUCKET_NS = 25 };

typedef enum Measure {
    LOAD,
    GET,
    GET_BATCH,
    GET_DEPENDENT,
    SCAN,
    INSERT,
    GET_AFTER,
    MIXED_HALF,
    MIXED_READ,
    APPEND,
    REMOVE,
    INSERT_P999,
    INSERT_WORST,
    KEY_BYTES,
    MEASURE_COUNT
} Measure;

static const char *const measure_names[MEASURE_COUNT] = {"load", "get", "get, batches of 16",
    "get, dependent", "scan of 100", "insert, random", "get after inserts", "half inserts",
    "1 in 20 inserts", "append", "delete 1 in 10", "insert p99.9", "insert worst", "bytes a key"};

// The most that our time may be of absl's, and of ALEX's; 0 for no bound. Batches are held to the
// single lookups of a peer that has none. Hard sets have bounds of their own.
typedef struct Bound {
    Measure measure;
    double absl_easy, absl_hard, alex_easy, alex_hard;
} Bound;

static const Bound bounds[] = {
    {GET, 0.25, 0.4, 0.75, 0.45},
    {GET_BATCH, 0, 0, 0.45, 0.45},
    {SCAN, 0.75, 1.0, 0, 0},
    {INSERT, 0.4, 0, 0.8, 0},
    {APPEND, 0.7, 0, 0, 0},
};

typedef struct Run {
    const char *set;
    uint64_t *keys;
    uint32_t *places; // 0, 1, 2, ...: the values
    size_t count, operation_count;
    int round_count;
    // Lookups: keys that are there, and their places.
    uint64_t *probes;
    uint32_t *probe_values;
    // The half that is loaded first, then the other one shuffled.
    uint64_t *half, *rest;
    uint32_t *half_values, *rest_values;
    size_t half_count, rest_count;
} Run;

typedef struct Figures {
    double value[MEASURE_COUNT]; // negative: not measured
} Figures;

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double resident_bytes(void) {
    long pages = 0;
    malloc_trim(0);
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
    if (file != NULL) fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void *allocate(size_t bytes) {
    void *memory = malloc(bytes);
    if (memory == NULL) {
        fprintf(stderr, "bench_index: out of memory\n");
        exit(1);
    }
    return memory;
}

static void keep_best(Figures *figures, Measure measure, double value) {
    double *best = &figures->value[measure];
    if (*best < 0 || value < *best) *best = value;
}

static void must_be_right(const Run *run, const IndexPeer *peer, uint64_t faults) {
    if (faults == 0) return;
    fprintf(stderr, "bench_index: %s: %s found %llu wrong values\n", run->set, peer->name,
        (unsigned long long)faults);
    exit(1);
}

// ---- Preparing

static void shuffle(Random *random, uint64_t *keys, uint32_t *values, size_t count) {
    for (size_t i = count; i > 1; i--) {
        size_t j = random_below(random, i);
        uint64_t key = keys[i - 1];
        uint32_t value = values[i - 1];
        keys[i - 1] = keys[j];
        values[i - 1] = values[j];
        keys[j] = key;
        values[j] = value;
    }
}

static void run_init(Run *run) {
    Random random;
    random_seed(&random, 7);
    run->probes = allocate(run->operation_count * sizeof(uint64_t));
    run->probe_values = allocate(run->operation_count * sizeof(uint32_t));
    for (size_t i = 0; i < run->operation_count; i++) {
        run->probe_values[i] = (uint32_t)random_below(&random, run->count);
        run->probes[i] = run->keys[run->probe_values[i]];
    }
    run->places = allocate(run->count * sizeof(uint32_t));
    for (size_t i = 0; i < run->count; i++)
        run->places[i] = (uint32_t)i;
    run->half = allocate(run->count * sizeof(uint64_t));
    run->rest = allocate(run->count * sizeof(uint64_t));
    run->half_values = allocate(run->count * sizeof(uint32_t));
    run->rest_values = allocate(run->count * sizeof(uint32_t));
    for (size_t i = 0; i < run->count; i++) {
        bool is_first = random_below(&random, 2) == 0;
        size_t at = is_first ? run->half_count++ : run->rest_count++;
        (is_first ? run->half : run->rest)[at] = run->keys[i];
        (is_first ? run->half_values : run->rest_values)[at] = (uint32_t)i;
    }
    shuffle(&random, run->rest, run->rest_values, run->rest_count);
}

static void run_deinit(Run *run) {
    free(run->keys);
    free(run->places);
    free(run->probes);
    free(run->probe_values);
    free(run->half);
    free(run->rest);
    free(run->half_values);
    free(run->rest_values);
}

// ---- Measuring

static void measure_reads(const Run *run, const IndexPeer *peer, void *index, Figures *figures) {
    size_t count = run->operation_count, scan_count = count / 50 + 1;
    double n = (double)count, start = now_ns();
    must_be_right(run, peer, peer->get(index, run->probes, run->probe_values, count, 0));
    keep_best(figures, GET, (now_ns() - start) / n);
    start = now_ns();
    must_be_right(run, peer, peer->get(index, run->probes, run->probe_values, count, 1));
    keep_best(figures, GET_DEPENDENT, (now_ns() - start) / n);
    if (peer->get_batch != NULL) {
        start = now_ns();
        must_be_right(run, peer, peer->get_batch(index, run->probes, run->probe_values, count));
        keep_best(figures, GET_BATCH, (now_ns() - start) / n);
    }
    if (peer->scan != NULL) {
        start = now_ns();
        must_be_right(run, peer,
            peer->scan(index, run->probes, run->probe_values, scan_count, (uint32_t)run->count));
        keep_best(figures, SCAN, (now_ns() - start) / (double)scan_count);
    }
}

static void *load_half(const Run *run, const IndexPeer *peer) {
    void *index = peer->create();
    peer->load(index, run->half, run->half_values, run->half_count);
    return index;
}

static void measure_inserts(const Run *run, const IndexPeer *peer, Figures *figures) {
    void *index = load_half(run, peer);
    double start = now_ns();
    peer->insert_many(index, run->rest, run->rest_values, run->rest_count);
    keep_best(figures, INSERT, (now_ns() - start) / (double)run->rest_count);
    start = now_ns();
    must_be_right(
        run, peer, peer->get(index, run->probes, run->probe_values, run->operation_count, 0));
    keep_best(figures, GET_AFTER, (now_ns() - start) / (double)run->operation_count);
    size_t gone = run->rest_count / 5;
    start = now_ns();
    peer->remove_many(index, run->rest, run->rest_values, gone);
    keep_best(figures, REMOVE, (now_ns() - start) / (double)gone);
    must_be_right(run, peer,
        peer->get(index, run->rest + gone, run->rest_values + gone, run->rest_count - gone, 0));
    peer->destroy(index);
}

// `reads` lookups after each insert, of keys of the half that was there from the start.
static void measure_mixed(
    const Run *run, const IndexPeer *peer, Measure measure, size_t reads, Figures *figures) {
    void *index = load_half(run, peer);
    size_t inserts = run->operation_count / (reads + 1);
    if (inserts > run->rest_count) inserts = run->rest_count;
    uint64_t faults = 0;
    size_t at = 0;
    double start = now_ns();
    for (size_t i = 0; i < inserts; i++) {
        peer->insert(index, run->rest[i], run->rest_values[i]);
        for (size_t j = 0; j < reads; j++) {
            at = (at + 7919) % run->half_count;
            faults += peer->get(index, run->half + at, run->half_values + at, 1, 0);
        }
    }
    keep_best(figures, measure, (now_ns() - start) / (double)(inserts * (reads + 1)));
    must_be_right(run, peer, faults);
    peer->destroy(index);
}

static void measure_append(const Run *run, const IndexPeer *peer, Figures *figures) {
    void *index = peer->create();
    size_t half = run->count / 2;
    peer->load(index, run->keys, run->places, half);
    double start = now_ns();
    peer->insert_many(index, run->keys + half, run->places + half, run->count - half);
    keep_best(figures, APPEND, (now_ns() - start) / (double)(run->count - half));
    must_be_right(
        run, peer, peer->get(index, run->probes, run->probe_values, run->operation_count, 0));
    peer->destroy(index);
}

// Every insert by itself; the clock's own time is in it.
static void measure_latency(const Run *run, const IndexPeer *peer, Figures *figures) {
    void *index = load_half(run, peer);
    size_t count = run->rest_count < run->operation_count ? run->rest_count : run->operation_count;
    uint32_t *buckets = calloc(LATENCY_BUCKETS, sizeof *buckets);
    double worst = 0;
    for (size_t i = 0; buckets != NULL && i < count; i++) {
        double start = now_ns();
        peer->insert(index, run->rest[i], run->rest_values[i]);
        double taken = now_ns() - start;
        size_t bucket = (size_t)(taken / LATENCY_BUCKET_NS);
        buckets[bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1]++;
        if (taken > worst) worst = taken;
    }
    size_t above = 0, bucket = LATENCY_BUCKETS;
    while (buckets != NULL && bucket > 0 && above <= count / 1000)
        above += buckets[--bucket];
    keep_best(figures, INSERT_P999, (double)(bucket + 1) * LATENCY_BUCKET_NS);
    keep_best(figures, INSERT_WORST, worst);
    free(buckets);
    peer->destroy(index);
}

static void measure(
    const Run *run, const IndexPeer *const *peers, size_t peer_count, Figures *figures) {
    void *indexes[PEERS_MAX];
    for (size_t i = 0; i < peer_count; i++) {
        double before = resident_bytes();
        indexes[i] = peers[i]->create();
        double start = now_ns();
        peers[i]->load(indexes[i], run->keys, run->places, run->count);
        keep_best(&figures[i], LOAD, (now_ns() - start) / (double)run->count);
        keep_best(&figures[i], KEY_BYTES, (resident_bytes() - before) / (double)run->count);
    }
    for (int round = 0; round < run->round_count; round++) {
        for (size_t i = 0; i < peer_count; i++)
            measure_reads(run, peers[i], indexes[i], &figures[i]);
    }
    for (size_t i = 0; i < peer_count; i++)
        peers[i]->destroy(indexes[i]);
    for (int round = 0; round < run->round_count; round++) {
        for (size_t i = 0; i < peer_count; i++) {
            measure_inserts(run, peers[i], &figures[i]);
            measure_append(run, peers[i], &figures[i]);
            measure_mixed(run, peers[i], MIXED_HALF, 1, &figures[i]);
            measure_mixed(run, peers[i], MIXED_READ, 19, &figures[i]);
            if (round == 0) measure_latency(run, peers[i], &figures[i]);
        }
    }
}

// ---- The table

static bool set_is_hard(const char *set) {
    return strcmp(set, "osm-like") == 0;
}

static double bound_of(const char *set, Measure measure, const IndexPeer *peer) {
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        if (bounds[i].measure != measure) continue;
        bool is_absl = strcmp(peer->name, "ALEX") != 0;
        if (set_is_hard(set)) return is_absl ? bounds[i].absl_hard : bounds[i].alex_hard;
        return is_absl ? bounds[i].absl_easy : bounds[i].alex_easy;
    }
    return 0;
}

// Prints the table of a set and returns how many bounds are missed.
static int print_figures(
    const Run *run, const IndexPeer *const *peers, size_t peer_count, const Figures *figures) {
    int missed = 0;
    printf("\n%s, %zu keys; ns an operation\n%-20s", run->set, run->count, "");
    for (size_t i = 0; i < peer_count; i++)
        printf(i == 0 ? "%10s" : "%18s  ratio", peers[i]->name);
    printf("\n");
    for (int m = 0; m < MEASURE_COUNT; m++) {
        printf("%-20s%10.1f", measure_names[m], figures[0].value[m]);
        for (size_t i = 1; i < peer_count; i++) {
            double theirs = figures[i].value[m];
            if (m == GET_BATCH && theirs < 0) theirs = figures[i].value[GET];
            if (theirs < 0) {
                printf("%18s       ", "-");
                continue;
            }
            double ratio = figures[0].value[m] / theirs;
            double bound = bound_of(run->set, (Measure)m, peers[i]);
            bool is_missed = bound > 0 && ratio > bound;
            missed += is_missed;
            printf("%18.1f  %5.2f%s", theirs, ratio, is_missed ? "!" : " ");
        }
        printf("\n");
    }
    fflush(stdout);
    return missed;
}

static int run_set(const char *set, size_t count, size_t operation_count, int round_count,
    const IndexPeer *const *peers, size_t peer_count) {
    Run run = {.set = set, .operation_count = operation_count, .round_count = round_count};
    run.keys = index_keys_make(set, count, &run.count);
    if (run.keys == NULL) {
        fprintf(stderr, "bench_index: no set of keys \"%s\", or no memory for it\n", set);
        exit(2);
    }
    run_init(&run);
    Figures figures[PEERS_MAX];
    for (size_t i = 0; i < PEERS_MAX; i++)
        for (int m = 0; m < MEASURE_COUNT; m++)
            figures[i].value[m] = -1;
    measure(&run, peers, peer_count, figures);
    int missed = print_figures(&run, peers, peer_count, figures);
    run_deinit(&run);
    return missed;
}

int main(int argument_count, char **arguments) {
    size_t count = 1000000, operation_count = 1000000;
    int round_count = 3, missed = 0, set_count = 0;
    bool is_gate = false, is_complete = true;
    const IndexPeer *peers[PEERS_MAX] = {&peer_omen};
    size_t peer_count = 1;
#ifdef HAS_ABSL
    peers[peer_count++] = &peer_absl;
#else
    printf("absl::btree_map: not measured\n");
    is_complete = false;
#endif
#ifdef HAS_ALEX
    peers[peer_count++] = &peer_alex;
#else
    printf("ALEX: not measured\n");
    is_complete = false;
#endif
    const char *sets[64];
    for (int i = 1; i < argument_count; i++) {
        const char *argument = arguments[i];
        if (strcmp(argument, "--gate") == 0) {
            is_gate = true;
        } else if (strcmp(argument, "--keys") == 0 && i + 1 < argument_count) {
            count = strtoul(arguments[++i], NULL, 10);
        } else if (strcmp(argument, "--operations") == 0 && i + 1 < argument_count) {
            operation_count = strtoul(arguments[++i], NULL, 10);
        } else if (strcmp(argument, "--rounds") == 0 && i + 1 < argument_count) {
            round_count = (int)strtol(arguments[++i], NULL, 10);
        } else if (argument[0] != '-' && set_count < 64) {
            sets[set_count++] = argument;
        } else {
            fprintf(stderr, "usage: bench_index [--gate] [--rounds N] [--keys N]"
                            " [--operations N] [SET]...\n");
            return 2;
        }
    }
    if (count < 1000 || count >= UINT32_MAX || operation_count < 1000 || round_count < 1) {
        fprintf(stderr, "bench_index: at least 1000 keys and operations, and a round\n");
        return 2;
    }
    if (set_count == 0) {
        for (size_t i = 0; i < index_key_set_count; i++)
            sets[set_count++] = index_key_sets[i];
    }
    for (int i = 0; i < set_count; i++)
        missed += run_set(sets[i], count, operation_count, round_count, peers, peer_count);
    if (missed > 0) printf("\n%d bounds are missed (!)\n", missed);
    if (!is_gate) return 0;
    if (missed > 0) return 1;
    return is_complete ? 0 : 3;
}
