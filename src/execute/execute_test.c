// What operators keep rows in. Operators themselves are tested from text to rows, in tests/query.
#include "base/test.h"
#include "execute/key_table.h"
#include "execute/sorter.h"

static const Oid types[] = {TYPE_INT4, TYPE_TEXT};

// (number, text), with NULL for a number of -1 and for no text.
static void append(Batch *batch, Arena *arena, int32_t number, const char *text) {
    Value values[2] = {{.datum.int4 = number, .is_null = number == -1}, {.is_null = text == NULL}};
    if (text != NULL) values[1].datum.view = view_from_text(text);
    batch_append_values(batch, arena, values);
}

TEST(row_buffer, keeps_rows_beyond_a_chunk) {
    Arena arena;
    arena_init(&arena, NULL);
    RowBuffer buffer;
    row_buffer_init(&buffer, &arena, types, 2);
    Batch *batch = batch_make(&arena, types, 2, false);
    for (int32_t i = 0; i < 1500; i++) {
        append(batch, &arena, i, i % 2 == 0 ? "a text of more than twelve bytes" : NULL);
    }
    for (uint32_t i = 0; i < 3; i++) {
        assert_ok(row_buffer_append(&buffer, batch));
    }
    assert_int_equal(buffer.row_count, 4500);
    Value value = row_buffer_get(&buffer, 0, 4499);
    assert_int_equal(value.datum.int4, 1499);
    assert_true(row_buffer_get(&buffer, 1, 4499).is_null);
    value = row_buffer_get(&buffer, 1, 3000);
    assert_int_equal(value.datum.view.count, 32);

    uint32_t rows[3] = {2047, ROW_NONE, 2048};
    Column column;
    column_make(&arena, TYPE_INT4, &column);
    row_buffer_gather(&buffer, 0, rows, 3, &arena, &column);
    assert_int_equal(column_get(&column, 0).datum.int4, 547);
    assert_true(column_get(&column, 1).is_null);
    assert_int_equal(column_get(&column, 2).datum.int4, 548);
    arena_deinit(&arena);
}

TEST(key_table, numbers_distinct_keys_and_holds_nulls_equal) {
    Arena arena;
    arena_init(&arena, NULL);
    KeyTable table;
    assert_ok(key_table_init(&table, &arena, types, 2));
    Batch *batch = batch_make(&arena, types, 2, false);
    append(batch, &arena, 1, "x");
    append(batch, &arena, -1, "x");
    append(batch, &arena, 1, "x");
    append(batch, &arena, -1, "x");
    append(batch, &arena, -1, NULL);
    uint32_t numbers[BATCH_ROW_COUNT];
    bool is_new[BATCH_ROW_COUNT];
    assert_ok(key_table_add(&table, batch->columns, batch_selection(batch), numbers, is_new));
    const uint32_t expected[] = {0, 1, 0, 1, 2};
    const bool expected_new[] = {true, true, false, false, true};
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(numbers[i], expected[i]);
        assert_int_equal(is_new[i], expected_new[i]);
    }
    // Growth keeps every number.
    for (int32_t round = 0; round < 10; round++) {
        batch_clear(batch);
        for (int32_t i = 0; i < 1000; i++) {
            append(batch, &arena, 100 + round * 1000 + i, "y");
        }
        assert_ok(key_table_add(&table, batch->columns, batch_selection(batch), numbers, NULL));
    }
    assert_int_equal(key_table_count(&table), 10003);
    assert_ok(key_table_add(&table, batch->columns, batch_selection(batch), numbers, is_new));
    assert_false(is_new[0]);
    assert_int_equal(numbers[999], 10002);
    arena_deinit(&arena);
}

static void sort_numbers(uint64_t bound, uint32_t count, Sorter *sorter, Arena *arena) {
    static const uint32_t columns[] = {0};
    static const KeyColumn keys[] = {
        {.type = TYPE_INT4, .is_descending = true, .is_nullable = true}};
    assert_ok(sorter_init(sorter, arena, types, 2, columns, keys, 1));
    sorter->bound = bound;
    Batch *batch = batch_make(arena, types, 2, false);
    uint32_t state = 1;
    for (uint32_t i = 0; i < count; i++) {
        state = state * 1664525 + 1013904223;
        append(batch, arena, i % 100 == 7 ? -1 : (int32_t)(state >> 8), "z");
        if (batch->row_count < BATCH_ROW_COUNT && i + 1 < count) continue;
        assert_ok(sorter_add(sorter, batch));
        batch_clear(batch);
    }
    assert_ok(sorter_finish(sorter));
}

TEST(sorter, orders_rows_and_places_nulls) {
    Arena arena;
    arena_init(&arena, NULL);
    Sorter sorter;
    sort_numbers(0, 10000, &sorter, &arena);
    assert_int_equal(sorter.item_count, 10000);
    bool has_null = false;
    int32_t before = INT32_MAX;
    for (uint32_t i = 0; i < sorter.item_count; i++) {
        Value value = row_buffer_get(&sorter.rows, 0, sorter.items[i].row);
        has_null |= value.is_null;
        assert_int_equal(value.is_null, has_null); // last, and all together
        if (value.is_null) continue;
        assert_true(value.datum.int4 <= before);
        before = value.datum.int4;
    }
    assert_true(has_null);
    sorter_deinit(&sorter);
    arena_deinit(&arena);
}

TEST(sorter, keeps_only_the_first_rows_when_bound) {
    Arena arena;
    arena_init(&arena, NULL);
    Sorter all, first;
    sort_numbers(0, 50000, &all, &arena);
    sort_numbers(10, 50000, &first, &arena);
    assert_int_equal(first.item_count, 10);
    assert_true(first.rows.row_count < 50000);
    for (uint32_t i = 0; i < 10; i++) {
        Value a = row_buffer_get(&all.rows, 0, all.items[i].row);
        Value b = row_buffer_get(&first.rows, 0, first.items[i].row);
        assert_int_equal(a.datum.int4, b.datum.int4);
    }
    sorter_deinit(&all);
    sorter_deinit(&first);
    arena_deinit(&arena);
}

TEST_MAIN(TEST_OF(row_buffer, keeps_rows_beyond_a_chunk),
    TEST_OF(key_table, numbers_distinct_keys_and_holds_nulls_equal),
    TEST_OF(sorter, orders_rows_and_places_nulls),
    TEST_OF(sorter, keeps_only_the_first_rows_when_bound))
