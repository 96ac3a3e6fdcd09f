#include "learned/learned_test.h"

#include "base/hash.h"

enum { SCAN_ROOM = 300 };

// ---- Keys

static size_t make_uniform(Random *random, uint32_t i, uint8_t *bytes) {
    (void)i;
    put_u64_be(bytes, random_next(random));
    return 8;
}

static size_t make_dense(Random *random, uint32_t i, uint8_t *bytes) {
    (void)random;
    put_u64_be(bytes, UINT64_C(0x8000000000000000) + i);
    return 8;
}

static size_t make_extreme(Random *random, uint32_t i, uint8_t *bytes) {
    static const uint64_t corners[] = {0, 1, 2, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63};
    put_u64_be(bytes, i < 6 ? corners[i] : random_next(random) >> random_below(random, 64));
    return 8;
}

static size_t make_bursts(Random *random, uint32_t i, uint8_t *bytes) {
    uint64_t base = hash_u64(i / 500 + 1);
    put_u64_be(bytes, base + i % 500 * (1 + random_below(random, 3)));
    return 8;
}

static size_t make_small(Random *random, uint32_t i, uint8_t *bytes) {
    (void)random;
    put_u32_be(bytes, i * 3);
    return 4;
}

static size_t make_two_words(Random *random, uint32_t i, uint8_t *bytes) {
    put_u64_be(bytes, i % 3 == 0 ? 77 : random_next(random) >> 50);
    put_u64_be(bytes + 8, random_next(random) >> (i % 5 * 10));
    return 16;
}

static size_t make_uuid(Random *random, uint32_t i, uint8_t *bytes) {
    (void)i;
    put_u64_be(bytes, random_next(random));
    put_u64_be(bytes + 8, random_next(random));
    return 16;
}

static size_t make_text(Random *random, uint32_t i, uint8_t *bytes) {
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

static void expect_scan(LearnedIndex *index, const Universe *universe, uint32_t low, uint32_t high,
    bool low_inclusive, bool high_inclusive, bool is_backward, uint32_t step, bool with_keys) {
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

static void expect_find(LearnedIndex *index, const Universe *universe, uint32_t key) {
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
}

static void expect_batch(LearnedIndex *index, const Universe *universe, Random *random) {
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

static void add(LearnedIndex *index, Universe *universe, uint32_t key, uint32_t row) {
    assert_ok(learned_index_add(index, universe->keys[key], universe_row(universe, key, row)));
    uint8_t *is_in = &universe->is_in[(size_t)key * universe->row_count + row];
    universe->pair_count += *is_in == 0;
    *is_in = 1;
}

static void take(LearnedIndex *index, Universe *universe, uint32_t key, uint32_t row) {
    learned_index_remove_if(
        index, universe->keys[key], universe_row(universe, key, row), &dead_probe);
    uint8_t *is_in = &universe->is_in[(size_t)key * universe->row_count + row];
    universe->pair_count -= *is_in;
    *is_in = 0;
}

static void expect_all(LearnedIndex *index, Universe *universe) {
    assert_ok(learned_index_check(index));
    assert_true(learned_index_entry_count(index) == universe->pair_count);
    uint32_t last = universe->key_count - 1;
    expect_scan(index, universe, 0, last, true, true, false, SCAN_ROOM, true);
    expect_scan(index, universe, 0, last, true, true, true, SCAN_ROOM, true);
}

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

// Random operations, in phases that grow and that shrink.
static void run_random(
    const char *name, Universe *universe, bool is_unique, uint32_t operation_count, uint64_t seed) {
    Fixture fixture;
    fixture_init(&fixture, (size_t)1 << 30);
    LearnedIndex *index = index_create(&fixture, universe->key_width, is_unique);
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

// Part of the operations in every run; all of them and more when asked.
static uint32_t scaled(uint32_t operation_count) {
    const char *scale = getenv("LEARNED_TEST_SCALE");
    return scale == NULL ? operation_count / 4
                         : operation_count * (uint32_t)strtoul(scale, NULL, 10);
}

static void check_random(const char *name, KeyMaker make, uint32_t key_width, uint32_t key_count,
    uint32_t row_count, uint32_t operation_count) {
    operation_count = scaled(operation_count);
    for (int is_unique = 0; is_unique < 2; is_unique++) {
        Universe universe;
        universe_init(&universe, make, key_width, key_count, row_count, 300, 7);
        run_random(name, &universe, is_unique != 0, operation_count, 11 + (uint64_t)is_unique);
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
    TEST_OF(learned_index, equals_a_sorted_array_for_two_words),
    TEST_OF(learned_index, equals_a_sorted_array_for_bytes),
    TEST_OF(learned_index, equals_a_sorted_array_with_many_rows_a_key),
    TEST_OF(learned_index, inspects_every_other_row_of_a_unique_key),
    TEST_OF(learned_index, keeps_an_entry_that_is_needed),
    TEST_OF(learned_index, takes_bounds_shorter_and_longer_than_its_keys),
    TEST_OF(learned_index, refuses_a_key_that_is_too_long),
    TEST_OF(learned_index, loads_in_order_and_ranks_from_models))
