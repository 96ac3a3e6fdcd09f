#include "batch/batch.h"

#include "base/test.h"

static Value int4_value(int32_t number) {
    return (Value){.datum = {.int4 = number}};
}

TEST(batch, keeps_values_and_nulls_of_appended_rows) {
    Arena arena;
    arena_init(&arena, NULL);
    Batch *batch = batch_make(&arena, (Oid[]){TYPE_INT4, TYPE_TEXT}, 2, true);
    for (int32_t i = 0; i < 100; i++) {
        Value values[] = {int4_value(i), {.datum.view = view_from_text("a text of some length")}};
        values[1].is_null = i % 3 == 0;
        batch_append_values(batch, &arena, values);
        batch->row_ids[i] = (RowId){.value = (uint64_t)i + 1000};
    }
    assert_int_equal(batch->row_count, 100);
    assert_int_equal(column_get(&batch->columns[0], 42).datum.int4, 42);
    assert_true(column_get(&batch->columns[1], 42).is_null);
    assert_int_equal(column_get(&batch->columns[1], 42).datum.view.count, 0);
    assert_false(column_is_null(&batch->columns[1], 43));

    uint16_t rows[] = {1, 3, 40, 99};
    batch->selection = rows;
    batch->selected_count = 4;
    Batch *copy = batch_make(&arena, (Oid[]){TYPE_INT4, TYPE_TEXT}, 2, true);
    assert_int_equal(batch_append_rows(copy, &arena, batch, 1), 3);
    assert_int_equal(copy->row_count, 3);
    assert_int_equal(column_get(&copy->columns[0], 1).datum.int4, 40);
    assert_true(column_is_null(&copy->columns[1], 0));
    Value text = column_get(&copy->columns[1], 1);
    assert_int_equal(text.datum.view.count, 21);
    assert_int_equal(copy->row_ids[2].value, 1099);

    batch_clear(copy);
    assert_int_equal(copy->selected_count, 0);
    assert_false(column_is_null(&copy->columns[1], 0));
    arena_deinit(&arena);
}

TEST(batch, appends_no_more_than_fit) {
    Arena arena;
    arena_init(&arena, NULL);
    Batch *from = batch_make(&arena, (Oid[]){TYPE_INT8}, 1, false);
    for (int64_t i = 0; i < BATCH_ROW_COUNT; i++) {
        batch_append_values(from, &arena, &(Value){.datum = {.int8 = i}});
    }
    Batch *to = batch_make(&arena, (Oid[]){TYPE_INT8}, 1, false);
    batch_append_values(to, &arena, &(Value){.datum = {.int8 = -1}});
    assert_int_equal(batch_append_rows(to, &arena, from, 0), BATCH_ROW_COUNT - 1);
    assert_int_equal(batch_append_rows(to, &arena, from, BATCH_ROW_COUNT - 1), 0);
    assert_int_equal(
        column_get(&to->columns[0], BATCH_ROW_COUNT - 1).datum.int8, BATCH_ROW_COUNT - 2);
    arena_deinit(&arena);
}

TEST(batch, appends_constant_columns_as_flat_ones) {
    Arena arena;
    arena_init(&arena, NULL);
    Batch from = {.row_count = 5, .selected_count = 5, .column_count = 2};
    Column columns[2];
    column_make_constant(&arena, TYPE_INT4, &(Value){.datum = {.int4 = 7}}, &columns[0]);
    column_make_constant(&arena, TYPE_INT4, &(Value){.is_null = true}, &columns[1]);
    from.columns = columns;
    Batch *to = batch_make(&arena, (Oid[]){TYPE_INT4, TYPE_INT4}, 2, false);
    assert_int_equal(batch_append_rows(to, &arena, &from, 0), 5);
    assert_int_equal(column_get(&to->columns[0], 4).datum.int4, 7);
    assert_true(column_is_null(&to->columns[1], 4));
    arena_deinit(&arena);
}

static void count_release(void *owner, void *pin) {
    (void)pin;
    ++*(uint32_t *)owner;
}

TEST(batch, releases_its_pins_once) {
    Arena arena;
    arena_init(&arena, NULL);
    uint32_t released = 0;
    void *held[2] = {NULL, NULL};
    BatchPins pins = {
        .release = count_release, .owner = &released, .pins = held, .count = 2, .capacity = 2};
    Batch *batch = batch_make(&arena, (Oid[]){TYPE_BOOL}, 1, false);
    batch->pins = &pins;
    batch_clear(batch);
    batch_clear(batch);
    assert_int_equal(released, 2);
    arena_deinit(&arena);
}

TEST_MAIN(TEST_OF(batch, keeps_values_and_nulls_of_appended_rows),
    TEST_OF(batch, appends_no_more_than_fit), TEST_OF(batch, appends_constant_columns_as_flat_ones),
    TEST_OF(batch, releases_its_pins_once))
