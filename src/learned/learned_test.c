#include "learned/learned_test.h"

#include "base/hash.h"
#include "learned/learned_internal.h"

static void print_shape(LearnedIndex *index, const char *name) {
    if (getenv("LEARNED_TEST_SHAPES") == NULL) return;
    Arena arena;
    arena_init(&arena, NULL);
    Text text;
    text_init(&text, &arena);
    learned_index_dump(index, &text);
    print_message("%s\n%s", name, text.data);
    arena_deinit(&arena);
}

// Random operations, in phases that grow and that shrink. `finder` NULL: the index's own.
static void run_random(const char *name, Universe *universe, bool is_unique,
    const WordFinder *finder, uint32_t operation_count, uint64_t seed) {
    Fixture fixture;
    fixture_init(&fixture, (size_t)1 << 30);
    LearnedIndex *index = index_create(&fixture, universe->key_width, is_unique);
    if (finder != NULL) index->word_finder = finder;
    Random random;
    random_seed(&random, seed);
    for (uint32_t i = 0; i < operation_count; i++) {
        uint32_t key = (uint32_t)random_below(&random, universe->key_count);
        uint32_t row = (uint32_t)random_below(&random, universe->row_count);
        bool is_growing = i / (operation_count / 5 + 1) % 2 == 0;
        uint64_t dice = random_below(&random, 100);
        if (dice < (is_growing ? 70 : 20)) {
            add(index, universe, key, row);
        } else if (dice < 85) {
            take(index, universe, key, row);
        } else if (dice < 95) {
            expect_find(index, universe, key);
            expect_has(index, universe, key, row);
        } else if (dice < 97 && universe->row_count < 100) {
            expect_batch(index, universe, &random);
        } else {
            uint32_t last = key + (uint32_t)random_below(&random, 100);
            if (last >= universe->key_count) last = universe->key_count - 1;
            expect_scan(index, universe, key, last, dice & 1, random_below(&random, 2) == 0,
                random_below(&random, 2) == 0, 1 + (uint32_t)random_below(&random, 40),
                random_below(&random, 2) == 0);
        }
        if (i % (operation_count / 4 + 1) == 0) assert_ok(learned_index_check(index));
    }
    print_shape(index, name);
    expect_all(index, universe);
    learned_index_destroy(index);
    fixture_deinit(&fixture);
}

static void check_random(const char *name, KeyMaker make, uint32_t key_width, uint32_t key_count,
    uint32_t row_count, uint32_t operation_count) {
    operation_count = scaled(operation_count);
    for (int is_unique = 0; is_unique < 2; is_unique++) {
        Universe universe;
        universe_init(&universe, make, key_width, key_count, row_count, 300, 7);
        run_random(
            name, &universe, is_unique != 0, NULL, operation_count, 11 + (uint64_t)is_unique);
        universe_deinit(&universe);
    }
}

TEST(learned_index, equals_a_sorted_array_for_words) {
    check_random("uniform", make_uniform, 8, 60000, 2, 400000);
    check_random("dense", make_dense, 8, 60000, 2, 400000);
    check_random("bursts", make_bursts, 8, 60000, 2, 400000);
    check_random("extreme", make_extreme, 8, 20000, 3, 200000);
    check_random("four bytes", make_small, 4, 20000, 2, 100000);
}

TEST(learned_index, equals_a_sorted_array_with_every_compare_of_the_cpu) {
    const WordFinder *finder;
    for (uint32_t number = 0; (finder = word_finder_at(number)) != NULL; number++) {
        for (int is_unique = 0; is_unique < 2; is_unique++) {
            Universe universe;
            universe_init(&universe, make_bursts, 8, 60000, 4, 8, 7);
            run_random("every compare", &universe, is_unique != 0, finder, scaled(300000), 5);
            universe_deinit(&universe);
        }
    }
}

TEST(learned_index, equals_a_sorted_array_for_two_words) {
    check_random("two words", make_two_words, 16, 60000, 2, 400000);
    check_random("uuid", make_uuid, 16, 60000, 2, 300000);
}

TEST(learned_index, equals_a_sorted_array_for_bytes) {
    check_random("text", make_text, 0, 60000, 2, 400000);
}

TEST(learned_index, equals_a_sorted_array_with_many_rows_a_key) {
    check_random("many rows, words", make_uniform, 8, 5, 30000, 200000);
    check_random("many rows, two words", make_two_words, 16, 6, 20000, 200000);
    check_random("many rows, text", make_text, 0, 6, 20000, 200000);
}

TEST(learned_index, is_there_when_empty) {
    Fixture fixture;
    fixture_init(&fixture, (size_t)1 << 24);
    LearnedIndex *index = index_create(&fixture, 8, true);
    uint8_t key[8] = {0};
    RowId rows[4];
    uint32_t count;
    bool has_more;
    assert_ok(learned_index_find(index, bytes_make(key, 8), rows, 4, &count, &has_more));
    assert_int_equal(count, 0);
    assert_ok(learned_index_check(index));
    learned_index_destroy(index);
    learned_index_destroy(NULL);
    fixture_deinit(&fixture);
}

// ---- Unique checks

typedef struct Rivals {
    KeyState state;
    uint32_t asked_count;
} Rivals;

static KeyState rival_state(void *argument, Bytes key, RowId row) {
    (void)key;
    (void)row;
    Rivals *rivals = argument;
    rivals->asked_count++;
    return rivals->state;
}

static void check_unique(uint32_t dead_count) {
    Fixture fixture;
    fixture_init(&fixture, (size_t)1 << 28);
    LearnedIndex *index = index_create(&fixture, 8, true);
    uint8_t key[8];
    Rivals rivals = {0};
    KeyProbe probe = {.is_rival = rival_state, .is_needed = say_dead, .argument = &rivals};
    AddOutcome outcome;
    RowId rival;
    for (uint32_t i = 0; i < 5000; i++) {
        put_u64_be(key, i * 10);
        assert_ok(learned_index_add_unique(
            index, bytes_make(key, 8), (RowId){i}, &probe, &outcome, &rival));
        assert_int_equal(outcome, ADD_DONE);
    }
    assert_int_equal(rivals.asked_count, 0);
    put_u64_be(key, 1230);
    Bytes wanted = bytes_make(key, 8);
    rivals.state = KEY_DEAD;
    for (uint32_t i = 0; i < dead_count; i++) {
        rivals.asked_count = 0;
        assert_ok(
            learned_index_add_unique(index, wanted, (RowId){10000 + i}, &probe, &outcome, &rival));
        assert_int_equal(outcome, ADD_DONE);
        assert_true(rivals.asked_count >= 1 + i); // asked again when the leaf had to grow
    }
    static const AddOutcome outcomes[] = {
        [KEY_LIVE] = ADD_CONFLICT, [KEY_WAIT] = ADD_MUST_WAIT, [KEY_NEEDS_READ] = ADD_MUST_READ};
    static const KeyState states[] = {KEY_LIVE, KEY_WAIT, KEY_NEEDS_READ};
    for (int i = 0; i < 3; i++) {
        rivals.state = states[i];
        assert_ok(
            learned_index_add_unique(index, wanted, (RowId){99999}, &probe, &outcome, &rival));
        assert_int_equal(outcome, outcomes[states[i]]);
        assert_int_equal(rival.value, 123);
    }
    // Its own row is no rival.
    if (dead_count == 0) {
        assert_ok(learned_index_add_unique(index, wanted, (RowId){123}, &probe, &outcome, &rival));
        assert_int_equal(outcome, ADD_DONE);
    }
    assert_int_equal(learned_index_entry_count(index), 5000 + dead_count);
    assert_ok(learned_index_check(index));
    learned_index_destroy(index);
    fixture_deinit(&fixture);
}

TEST(learned_index, inspects_every_other_row_of_a_unique_key) {
    check_unique(0);
    check_unique(1);
    check_unique(100);
    check_unique(400); // more than a lane's list holds
}

TEST(learned_index, keeps_an_entry_that_is_needed) {
    Fixture fixture;
    fixture_init(&fixture, (size_t)1 << 24);
    LearnedIndex *index = index_create(&fixture, 8, false);
    uint8_t key[8] = {1};
    Rivals rivals = {.state = KEY_LIVE};
    KeyProbe probe = {.is_rival = rival_state, .is_needed = rival_state, .argument = &rivals};
    assert_ok(learned_index_add(index, bytes_make(key, 8), (RowId){5}));
    learned_index_remove_if(index, bytes_make(key, 8), (RowId){5}, &probe);
    assert_int_equal(learned_index_entry_count(index), 1);
    rivals.state = KEY_DEAD;
    learned_index_remove_if(index, bytes_make(key, 8), (RowId){6}, &probe);
    assert_int_equal(learned_index_entry_count(index), 1);
    learned_index_remove_if(index, bytes_make(key, 8), (RowId){5}, &probe);
    assert_int_equal(learned_index_entry_count(index), 0);
    assert_int_equal(rivals.asked_count, 2); // not about what is not there
    learned_index_destroy(index);
    fixture_deinit(&fixture);
}

// ---- Bounds that are no keys

TEST(learned_index, takes_bounds_shorter_and_longer_than_its_keys) {
    Fixture fixture;
    fixture_init(&fixture, (size_t)1 << 24);
    LearnedIndex *index = index_create(&fixture, 8, false);
    for (uint32_t i = 0; i < 1000; i++) {
        uint8_t key[8];
        put_u64_be(key, (uint64_t)i << 32);
        assert_ok(learned_index_add(index, bytes_make(key, 8), (RowId){i}));
    }
    uint8_t low[4], high[9] = {0};
    put_u32_be(low, 10);
    put_u32_be(high, 20);
    Arena arena;
    arena_init(&arena, NULL);
    RowId rows[64];
    for (int is_inclusive = 0; is_inclusive < 2; is_inclusive++) {
        KeyRange range = {.low = bytes_make(low, 4),
            .high = bytes_make(high, 9),
            .low_inclusive = is_inclusive != 0,
            .high_inclusive = is_inclusive != 0};
        IndexCursor *cursor;
        uint32_t count;
        assert_ok(learned_index_seek(index, &range, false, &arena, &cursor));
        assert_ok(index_cursor_next(cursor, rows, NULL, 64, &count));
        assert_int_equal(count, 11); // 10 to 20: the short one is below, the long one above
        assert_int_equal(rows[0].value, 10);
    }
    arena_deinit(&arena);
    learned_index_destroy(index);
    fixture_deinit(&fixture);
}

TEST(learned_index, refuses_a_key_that_is_too_long) {
    Fixture fixture;
    fixture_init(&fixture, (size_t)1 << 24);
    LearnedIndex *index = index_create(&fixture, 0, false);
    uint8_t key[KEY_BYTES_MAX + 1] = {0};
    assert_fails(
        PROGRAM_LIMIT_EXCEEDED, learned_index_add(index, bytes_make(key, sizeof key), (RowId){1}));
    for (uint32_t i = 0; i < 300; i++) {
        put_u32_be(key + (i % 2 == 0 ? 0 : KEY_BYTES_MAX - 4), i * 7919);
        assert_ok(learned_index_add(index, bytes_make(key, KEY_BYTES_MAX), (RowId){i}));
    }
    assert_ok(learned_index_check(index));
    learned_index_destroy(index);
    fixture_deinit(&fixture);
}

TEST(learned_index, loads_in_order_and_ranks_from_models) {
    Fixture fixture;
    fixture_init(&fixture, (size_t)1 << 28);
    LearnedIndex *index = index_create(&fixture, 8, true);
    IndexBulk *bulk;
    assert_ok(learned_index_bulk_begin(index, &bulk));
    uint8_t key[8];
    for (uint32_t i = 0; i < 300000; i++) {
        put_u64_be(key, (uint64_t)i * i);
        assert_ok(learned_index_bulk_add(bulk, bytes_make(key, 8), (RowId){i}));
    }
    assert_fails(DATA_CORRUPTED, learned_index_bulk_add(bulk, bytes_make(key, 8), (RowId){5}));
    assert_ok(learned_index_bulk_end(bulk));
    assert_ok(learned_index_check(index));
    print_shape(index, "bulk of squares");
    for (uint32_t i = 0; i < 300000; i += 1000) {
        put_u64_be(key, (uint64_t)i * i);
        double rank = learned_index_rank(index, bytes_make(key, 8));
        assert_true(rank > i - 100.0 && rank < i + 100.0);
    }
    learned_index_destroy(index);
    fixture_deinit(&fixture);
}

TEST_MAIN(TEST_OF(learned_index, is_there_when_empty),
    TEST_OF(learned_index, equals_a_sorted_array_for_words),
    TEST_OF(learned_index, equals_a_sorted_array_with_every_compare_of_the_cpu),
    TEST_OF(learned_index, equals_a_sorted_array_for_two_words),
    TEST_OF(learned_index, equals_a_sorted_array_for_bytes),
    TEST_OF(learned_index, equals_a_sorted_array_with_many_rows_a_key),
    TEST_OF(learned_index, inspects_every_other_row_of_a_unique_key),
    TEST_OF(learned_index, keeps_an_entry_that_is_needed),
    TEST_OF(learned_index, takes_bounds_shorter_and_longer_than_its_keys),
    TEST_OF(learned_index, refuses_a_key_that_is_too_long),
    TEST_OF(learned_index, loads_in_order_and_ranks_from_models))
