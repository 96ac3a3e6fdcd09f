// Ordinary patterns that break learned indexes: dense runs in a sparse space, nested scales,
// outliers, equal keys. What is asserted is structure and memory, not time; times are printed when
// LEARNED_TEST_SHAPES is set.
#include "learned/learned_internal.h"
#include "learned/learned_test.h"

#include <time.h>

enum { SPARSE_COUNT = 100000, PATTERN_COUNT = 50000, DEPTH_LIMIT = 24 };

#define BYTES_PER_ENTRY_LIMIT 40.0
#define INNER_BYTES_LIMIT     8.0

typedef struct Trial {
    Fixture fixture;
    LearnedIndex *index;
    const char *name;
    uint64_t worst_ns;
} Trial;

static uint64_t thread_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void trial_init(Trial *trial, const char *name, bool is_unique) {
    memset(trial, 0, sizeof *trial);
    trial->name = name;
    fixture_init(&trial->fixture, (size_t)1 << 31);
    trial->index = index_create(&trial->fixture, 8, is_unique);
}

static uint32_t depth_of(Child child) {
    if (child_is_leaf(child)) return 0;
    const InnerNode *node = child_node(child);
    uint32_t depth = 0;
    Child last = 0;
    for (uint32_t slot = 0; slot < node->slot_count; slot++) {
        Child below = inner_node_child(node, slot);
        uint32_t depth_below = below == last ? 0 : depth_of(below);
        if (depth_below > depth) depth = depth_below;
        last = below;
    }
    return depth + 1;
}

static void expect_bounds(Trial *trial) {
    LearnedIndex *index = trial->index;
    epoch_advance(trial->fixture.epochs);
    epoch_advance(trial->fixture.epochs);
    learned_index_bury(index);
    epoch_advance(trial->fixture.epochs);
    epoch_advance(trial->fixture.epochs);
    assert_ok(learned_index_check(index));
    double pairs = (double)learned_index_entry_count(index);
    double inner = (double)memory_budget_used(&trial->fixture.inner_budget);
    double leaves = (double)cache_used_bytes(trial->fixture.cache);
    uint32_t depth = depth_of(learned_index_root(index));
    if (getenv("LEARNED_TEST_SHAPES") != NULL) {
        print_message("%-28s %8.0f entries, %5.1f + %4.2f bytes each, depth %u, worst %u us\n",
            trial->name, pairs, leaves / pairs, inner / pairs, depth,
            (uint32_t)(trial->worst_ns / 1000));
    }
    assert_true(depth <= DEPTH_LIMIT);
    assert_true(inner / pairs <= INNER_BYTES_LIMIT);
    assert_true((inner + leaves) / pairs <= BYTES_PER_ENTRY_LIMIT);
}

static void trial_deinit(Trial *trial) {
    learned_index_destroy(trial->index);
    fixture_deinit(&trial->fixture);
}

static void insert(Trial *trial, uint64_t key, uint64_t row) {
    uint8_t bytes[8];
    put_u64_be(bytes, key);
    uint64_t start = thread_ns();
    assert_ok(learned_index_add(trial->index, bytes_make(bytes, 8), (RowId){row}));
    uint64_t taken = thread_ns() - start;
    if (taken > trial->worst_ns) trial->worst_ns = taken;
}

static void insert_sparse(Trial *trial, uint32_t count) {
    Random random;
    random_seed(&random, 1);
    for (uint32_t i = 0; i < count; i++)
        insert(trial, random_next(&random), i);
    trial->worst_ns = 0;
}

typedef uint64_t (*Pattern)(Random *random, uint32_t i);

static uint64_t ascending_run(Random *random, uint32_t i) {
    (void)random;
    return UINT64_C(0x4000000000000000) + i;
}

static uint64_t descending_run(Random *random, uint32_t i) {
    (void)random;
    return UINT64_C(0x4000000000000000) - i;
}

static uint64_t short_runs(Random *random, uint32_t i) {
    (void)random;
    return hash_u64(i / 200 + 1) + i % 200;
}

static uint64_t nested(Random *random, uint32_t i) {
    return (UINT64_C(1) << (63 - i % 64)) + random_below(random, 1 + i / 64);
}

static uint64_t around_the_middle(Random *random, uint32_t i) {
    (void)random;
    return (UINT64_C(1) << 63) + (i % 2 == 0 ? i : -(uint64_t)i);
}

static uint64_t outliers(Random *random, uint32_t i) {
    return i % 3 == 0 ? i : i % 3 == 1 ? UINT64_MAX - i : random_below(random, 1000000) << 30;
}

static uint64_t growing_gaps(Random *random, uint32_t i) {
    (void)random;
    return (uint64_t)i * i * i;
}

static uint64_t log_uniform(Random *random, uint32_t i) {
    (void)i;
    return random_next(random) >> random_below(random, 64);
}

static uint64_t shrinking_gaps(Random *random, uint32_t i) {
    (void)random;
    uint64_t left = PATTERN_COUNT - i;
    return UINT64_MAX - left * left * left * left / 2;
}

static void try_pattern(const char *name, Pattern pattern, bool is_sparse_first) {
    Trial trial;
    Random random;
    trial_init(&trial, name, true);
    random_seed(&random, 2);
    if (is_sparse_first) insert_sparse(&trial, SPARSE_COUNT);
    for (uint32_t i = 0; i < PATTERN_COUNT; i++)
        insert(&trial, pattern(&random, i), i);
    expect_bounds(&trial);
    trial_deinit(&trial);
}

TEST(learned_adversary, stays_small_and_flat_in_a_sparse_space) {
    try_pattern("ascending run", ascending_run, true);
    try_pattern("descending run", descending_run, true);
    try_pattern("short runs", short_runs, true);
    try_pattern("nested", nested, true);
    try_pattern("around the middle", around_the_middle, true);
    try_pattern("outliers", outliers, true);
    try_pattern("growing gaps", growing_gaps, true);
    try_pattern("shrinking gaps", shrinking_gaps, true);
    try_pattern("log-uniform", log_uniform, true);
}

TEST(learned_adversary, stays_small_and_flat_from_nothing) {
    try_pattern("ascending", ascending_run, false);
    try_pattern("descending", descending_run, false);
    try_pattern("short runs alone", short_runs, false);
    try_pattern("nested alone", nested, false);
    try_pattern("around the middle alone", around_the_middle, false);
    try_pattern("outliers alone", outliers, false);
    try_pattern("growing gaps alone", growing_gaps, false);
    try_pattern("shrinking gaps alone", shrinking_gaps, false);
    try_pattern("log-uniform alone", log_uniform, false);
}

TEST(learned_adversary, stays_small_for_one_key_with_many_rows) {
    for (int order = 0; order < 3; order++) {
        Trial trial;
        trial_init(&trial, "one key", false);
        Random random;
        random_seed(&random, 3);
        for (uint32_t i = 0; i < 200000; i++) {
            uint64_t row = order == 0   ? i
                           : order == 1 ? 200000 - i
                                        : random_below(&random, 1 << 30);
            insert(&trial, 42, row);
        }
        expect_bounds(&trial);
        trial_deinit(&trial);
    }
}

TEST(learned_adversary, stays_small_for_monotone_inserts) {
    Trial trial;
    trial_init(&trial, "monotone", true);
    for (uint32_t i = 0; i < 1000000; i++)
        insert(&trial, UINT64_C(1700000000000000) + (uint64_t)i * 3, i);
    expect_bounds(&trial);
    trial_deinit(&trial);
}

TEST(learned_adversary, takes_what_was_deleted_again) {
    Trial trial;
    trial_init(&trial, "cycles", true);
    for (uint32_t cycle = 0; cycle < 5; cycle++) {
        for (uint32_t i = 0; i < 60000; i++)
            insert(&trial, hash_u64(i), i);
        expect_bounds(&trial);
        for (uint32_t i = 0; i < 60000; i++) {
            uint8_t bytes[8];
            put_u64_be(bytes, hash_u64(i));
            learned_index_remove_if(trial.index, bytes_make(bytes, 8), (RowId){i}, &dead_probe);
        }
        assert_int_equal(learned_index_entry_count(trial.index), 0);
        assert_ok(learned_index_check(trial.index));
    }
    trial_deinit(&trial);
}

TEST_MAIN(TEST_OF(learned_adversary, stays_small_and_flat_in_a_sparse_space),
    TEST_OF(learned_adversary, stays_small_and_flat_from_nothing),
    TEST_OF(learned_adversary, stays_small_for_one_key_with_many_rows),
    TEST_OF(learned_adversary, stays_small_for_monotone_inserts),
    TEST_OF(learned_adversary, takes_what_was_deleted_again))
