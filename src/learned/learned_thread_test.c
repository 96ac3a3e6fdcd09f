#include "learned/learned_test.h"
#include "os/thread.h"

enum { WRITER_COUNT = 2, READER_COUNT = 2, STABLE_STEP = 4 };

// Every STABLE_STEP-th key is there from the start and stays: readers must always see it. Writers
// own the other keys by turns.
typedef struct Race {
    LearnedIndex *index;
    Fixture *fixture;
    Universe *universe;
    uint32_t operation_count;
    bool with_removals; // not when a leaf may be out of memory: then they are best effort
    _Atomic uint32_t next_worker;
    _Atomic bool is_over;
    _Atomic uint64_t fault_count;
} Race;

static void expect(Race *race, bool condition) {
    if (condition) return;
    atomic_fetch_add(&race->fault_count, 1);
    if (error_get()->status != OK) print_error("%s\n", error_get()->message);
    error_clear();
}

static void run_writer(void *argument) {
    Race *race = argument;
    Universe *universe = race->universe;
    uint32_t worker = atomic_fetch_add(&race->next_worker, 1);
    Random random;
    random_seed(&random, 100 + worker);
    for (uint32_t i = 0; i < race->operation_count; i++) {
        uint32_t key = (uint32_t)random_below(&random, universe->key_count);
        if (key % STABLE_STEP == 0) continue;
        uint32_t row = worker; // rows of a key belong to one writer each
        uint8_t *is_in = &universe->is_in[(size_t)key * universe->row_count + row];
        if (race->with_removals && random_below(&random, 3) == 0) {
            learned_index_remove_if(
                race->index, universe->keys[key], universe_row(universe, key, row), &dead_probe);
            *is_in = 0;
        } else {
            Status status;
            do { // a small cache may have no room while somebody who reads is not scheduled
                error_clear();
                status = learned_index_add(
                    race->index, universe->keys[key], universe_row(universe, key, row));
            } while (status == OUT_OF_MEMORY);
            expect(race, status == OK);
            *is_in = 1;
        }
    }
}

static void read_one(Race *race, uint32_t key) {
    Universe *universe = race->universe;
    RowId rows[8];
    uint32_t count;
    bool has_more;
    Status status =
        learned_index_find(race->index, universe->keys[key], rows, 8, &count, &has_more);
    if (status == OUT_OF_MEMORY) return;
    expect(race, status == OK && count >= 1);
    expect(race, rows[0].value == universe_row(universe, key, 0).value);
}

// All stable keys of a range come, in order, once.
static void read_range(Race *race, uint32_t first, bool is_backward) {
    Universe *universe = race->universe;
    uint32_t last = first + 400 < universe->key_count ? first + 400 : universe->key_count - 1;
    Arena arena;
    arena_init(&arena, NULL);
    KeyRange range = {.low = universe->keys[first],
        .high = universe->keys[last],
        .low_inclusive = true,
        .high_inclusive = true};
    IndexCursor *cursor;
    RowId rows[64];
    Bytes keys[64];
    int64_t expected = is_backward ? last / STABLE_STEP * STABLE_STEP
                                   : (first + STABLE_STEP - 1) / STABLE_STEP * STABLE_STEP;
    Status status = learned_index_seek(race->index, &range, is_backward, &arena, &cursor);
    uint8_t before[LEARNED_TEST_KEY_ROOM];
    size_t before_count = 0;
    bool has_before = false;
    for (uint32_t count = 1; status == OK && count > 0;) {
        status = index_cursor_next(cursor, rows, keys, 64, &count);
        for (uint32_t i = 0; status == OK && i < count; i++) {
            if (expected >= first && expected <= last
                && bytes_equal(keys[i], universe->keys[expected])
                && rows[i].value == universe_row(universe, (uint32_t)expected, 0).value) {
                expected += is_backward ? -STABLE_STEP : STABLE_STEP;
            }
            int order = has_before ? bytes_compare(bytes_make(before, before_count), keys[i]) : 0;
            expect(race, is_backward ? order >= 0 : order <= 0);
            memcpy(before, keys[i].data, keys[i].count);
            before_count = keys[i].count;
            has_before = true;
        }
    }
    if (status != OUT_OF_MEMORY) {
        expect(race, status == OK && (expected < first || expected > last));
    }
    arena_deinit(&arena);
}

static void run_reader(void *argument) {
    Race *race = argument;
    Universe *universe = race->universe;
    uint32_t worker = atomic_fetch_add(&race->next_worker, 1);
    Random random;
    random_seed(&random, 200 + worker);
    while (!atomic_load(&race->is_over)) {
        uint32_t stable = (universe->key_count + STABLE_STEP - 1) / STABLE_STEP;
        uint32_t key = (uint32_t)random_below(&random, stable) * STABLE_STEP;
        read_one(race, key);
        if (random_below(&random, 8) == 0) {
            read_range(race, (uint32_t)random_below(&random, universe->key_count),
                random_below(&random, 2) == 0);
        }
        if (random_below(&random, 8) == 0) {
            Bytes keys[16];
            RowId rows[16];
            bool has_more[16];
            for (uint32_t i = 0; i < 16; i++)
                keys[i] = universe->keys[random_below(&random, stable) * STABLE_STEP];
            Status status = learned_index_find_batch(race->index, keys, 16, rows, has_more);
            expect(race, status == OK || status == OUT_OF_MEMORY);
            for (uint32_t i = 0; status == OK && i < 16; i++)
                expect(race, rows[i].value == universe_row(universe, 0, 0).value);
        }
    }
}

static void run_checkpoints(void *argument) {
    Race *race = argument;
    for (uint64_t epoch = 1; !atomic_load(&race->is_over); epoch++) {
        Arena arena;
        arena_init(&arena, NULL);
        Text root;
        text_init(&root, &arena);
        CheckpointWork work = {.epoch = epoch, .arena = &arena};
        store_begin_root(race->fixture->store);
        learned_index_flip(race->index, epoch);
        expect(race, learned_index_write(race->index, &work, &root) == OK);
        StoreRoot newest = store_root(race->fixture->store);
        expect(race, store_publish(race->fixture->store, &newest) == OK);
        // What is stable is in the image, and the image is in order.
        LearnedIndexOptions options = {.key_width = race->universe->key_width,
            .incarnation = 1,
            .budget = &race->fixture->inner_budget};
        LearnedIndex *image;
        Status status =
            learned_index_open(race->fixture->cache, options, text_bytes(&root), &image);
        Status check_status = status == OK ? learned_index_check(image) : status;
        expect(race, check_status == OK || check_status == OUT_OF_MEMORY);
        if (status == OK) {
            Race of_image = {.index = image, .universe = race->universe};
            for (uint32_t key = 0; key < race->universe->key_count; key += 401)
                read_range(&of_image, key, false);
            expect(race, atomic_load(&of_image.fault_count) == 0);
            learned_index_destroy(image);
        }
        learned_index_finish(race->index, &work, true);
        arena_deinit(&arena);
        thread_yield();
    }
}

static void run_race(KeyMaker make, uint32_t key_width, uint32_t key_count,
    uint32_t operation_count, size_t cache_bytes) {
    Fixture fixture;
    fixture_init(&fixture, cache_bytes);
    Universe universe;
    universe_init(&universe, make, key_width, key_count, 1 + WRITER_COUNT,
        key_width == 0 ? 300 : key_width, 5);
    LearnedIndex *index = index_create(&fixture, key_width, false);
    for (uint32_t key = 0; key < universe.key_count; key += STABLE_STEP)
        add(index, &universe, key, 0);
    Race race = {.index = index,
        .fixture = &fixture,
        .universe = &universe,
        .operation_count = operation_count,
        .with_removals = cache_bytes >= (size_t)1 << 28,
        .next_worker = 1};
    Thread *writers[WRITER_COUNT], *readers[READER_COUNT], *checkpointer;
    for (int i = 0; i < WRITER_COUNT; i++)
        assert_ok(thread_start("writer", 0, run_writer, &race, &writers[i]));
    while (atomic_load(&race.next_worker) <= WRITER_COUNT)
        thread_yield(); // writers take the first numbers: they are their rows
    for (int i = 0; i < READER_COUNT; i++)
        assert_ok(thread_start("reader", 0, run_reader, &race, &readers[i]));
    assert_ok(thread_start("checkpointer", 0, run_checkpoints, &race, &checkpointer));
    for (int i = 0; i < WRITER_COUNT; i++)
        thread_join(writers[i]);
    atomic_store(&race.is_over, true);
    for (int i = 0; i < READER_COUNT; i++)
        thread_join(readers[i]);
    thread_join(checkpointer);
    assert_int_equal(atomic_load(&race.fault_count), 0);
    universe.pair_count = 0;
    for (size_t i = 0; i < (size_t)universe.key_count * universe.row_count; i++)
        universe.pair_count += universe.is_in[i];
    expect_all(index, &universe);
    learned_index_drop(index);
    universe_deinit(&universe);
    fixture_deinit(&fixture);
}

TEST(learned_threads, p03_read_what_is_stable_while_others_write) {
    run_race(make_uniform, 8, 40000, scaled(400000), (size_t)1 << 28);
    run_race(make_dense, 8, 2000, scaled(400000), (size_t)1 << 28);
    run_race(make_text, 0, 20000, scaled(200000), (size_t)1 << 28);
}

TEST(learned_threads, read_what_is_stable_while_leaves_are_evicted) {
    run_race(make_bursts, 8, 600000, scaled(200000), (size_t)1 << 22);
}

// ---- Unique adds: of every key, exactly one of the threads that want it gets it.

typedef struct Contest {
    LearnedIndex *index;
    uint32_t key_count;
    _Atomic uint32_t next_worker, win_count;
} Contest;

static KeyState say_live(void *argument, Bytes key, RowId row) {
    (void)argument;
    (void)key;
    (void)row;
    return KEY_LIVE;
}

static void run_contestant(void *argument) {
    Contest *contest = argument;
    uint32_t worker = atomic_fetch_add(&contest->next_worker, 1);
    KeyProbe probe = {.is_rival = say_live, .is_needed = say_dead};
    uint8_t key[8];
    for (uint32_t i = 0; i < contest->key_count; i++) {
        put_u64_be(key, hash_u64(i + 1));
        AddOutcome outcome;
        RowId rival;
        Status status = learned_index_add_unique(contest->index, bytes_make(key, 8),
            (RowId){(uint64_t)i * 16 + worker}, &probe, &outcome, &rival);
        if (status == OK && outcome == ADD_DONE) atomic_fetch_add(&contest->win_count, 1);
    }
}

TEST(learned_threads, give_a_unique_key_to_one_of_them) {
    Fixture fixture;
    fixture_init(&fixture, (size_t)1 << 28);
    Contest contest = {.index = index_create(&fixture, 8, true), .key_count = scaled(80000)};
    Thread *threads[3];
    for (int i = 0; i < 3; i++)
        assert_ok(thread_start("contestant", 0, run_contestant, &contest, &threads[i]));
    for (int i = 0; i < 3; i++)
        thread_join(threads[i]);
    assert_int_equal(atomic_load(&contest.win_count), contest.key_count);
    assert_int_equal(learned_index_entry_count(contest.index), contest.key_count);
    assert_ok(learned_index_check(contest.index));
    learned_index_destroy(contest.index);
    fixture_deinit(&fixture);
}

TEST_MAIN(TEST_OF(learned_threads, p03_read_what_is_stable_while_others_write),
    TEST_OF(learned_threads, read_what_is_stable_while_leaves_are_evicted),
    TEST_OF(learned_threads, give_a_unique_key_to_one_of_them))
