// Pages and layouts by themselves: what is put is got back, and damaged bytes are refused.
#include "base/random.h"
#include "base/test.h"
#include "rows/row_page.h"

#include <stdlib.h>

static const RowLayoutColumn columns[] = {{.type = TYPE_BOOL}, {.type = TYPE_INT8},
    {.type = TYPE_TEXT}, {.type = TYPE_INT2}, {.type = TYPE_UUID}};

static RowPage *page_make(const RowLayout *layout, uint32_t row_count, uint32_t heap_bytes) {
    uint32_t bytes = row_page_bytes(layout, row_count, heap_bytes);
    RowPage *page = aligned_alloc(64, (sizeof(RowPage) + bytes + 63) & ~(size_t)63);
    memset(page, 0, sizeof(RowPage) + bytes);
    row_page_init(page, layout, (StoreId){7}, (RowId){1024}, row_count, bytes);
    return page;
}

static void fill(RowPage *page, const RowLayout *layout, uint32_t row_count) {
    char text[64];
    memset(text, 'x', sizeof text);
    for (uint32_t i = 0; i < row_count; i++) {
        Value values[5] = {{.datum = {.boolean = i % 2 == 0}}, {.datum = {.int8 = i}},
            {.datum = {.view = view_make(text, i % 64)}}, {.is_null = true},
            {.datum = {.uuid = {{(uint8_t)i}}}}};
        for (uint32_t column = 0; column < 5; column++) {
            row_put(page, layout, page_row(page, i), column, &values[column]);
        }
        page_set_live(page, i, true);
    }
}

TEST(row_page, gives_back_what_was_put) {
    RowLayout *layout;
    assert_ok(row_layout_create(1, columns, 5, &layout));
    assert_int_equal(layout->stride, 48); // 16 + 16 + 8 + 2 + 1 + 1 bits, rounded up
    RowPage *page = page_make(layout, 64, 64 * 64);
    fill(page, layout, 64);
    for (uint32_t i = 0; i < 64; i++) {
        const uint8_t *row = page_row(page, i);
        assert_int_equal(row_get(page, layout, row, 1).datum.int8, i);
        Value text = row_get(page, layout, row, 2);
        assert_int_equal(text.datum.view.count, i % 64);
        assert_true(row_get(page, layout, row, 3).is_null);
    }
    assert_ok(row_page_check(bytes_make(page->bytes, page_header(page)->heap_end), layout,
        (StoreId){7}, (RowId){1024}, 64));
    free(page);
    row_layout_destroy(layout);
}

TEST(row_page, copies_rows_into_a_layout_with_more_columns) {
    RowLayout *layout, *wider;
    assert_ok(row_layout_create(1, columns, 5, &layout));
    RowLayoutColumn more[7];
    memcpy(more, columns, sizeof columns);
    more[5] = (RowLayoutColumn){.type = TYPE_INT4, .has_missing = true, .missing.datum.int4 = 42};
    more[6] = (RowLayoutColumn){.type = TYPE_TEXT};
    assert_ok(row_layout_create(2, more, 7, &wider));
    RowPage *page = page_make(layout, 64, 64 * 64), *copy = page_make(wider, 64, 64 * 64);
    fill(page, layout, 64);
    uint64_t kept[] = {UINT64_MAX};
    row_page_copy(copy, wider, page, layout, kept);
    for (uint32_t i = 0; i < 64; i++) {
        const uint8_t *row = page_row(copy, i);
        assert_int_equal(row_get(copy, wider, row, 1).datum.int8, i);
        assert_int_equal(row_get(copy, wider, row, 2).datum.view.count, i % 64);
        assert_int_equal(row_get(copy, wider, row, 5).datum.int4, 42);
        assert_true(row_get(copy, wider, row, 6).is_null);
        assert_true(page_is_live(copy, i));
    }
    free(page);
    free(copy);
    row_layout_destroy(layout);
    row_layout_destroy(wider);
}

// Whatever the bytes are, they are refused or can be read without leaving the page.
TEST(row_page, refuses_damaged_bytes) {
    RowLayout *layout;
    assert_ok(row_layout_create(1, columns, 5, &layout));
    RowPage *page = page_make(layout, 64, 64 * 64);
    fill(page, layout, 64);
    uint32_t count = page_header(page)->heap_end;
    Random random;
    random_seed(&random, 1);
    uint32_t refused = 0;
    for (int round = 0; round < 5000; round++) {
        uint8_t *bytes = malloc(count);
        memcpy(bytes, page->bytes, count);
        for (uint64_t i = 0; i <= random_below(&random, 4); i++) {
            bytes[random_below(&random, count)] = (uint8_t)random_next(&random);
        }
        size_t kept = random_below(&random, 4) == 0 ? random_below(&random, count + 1) : count;
        Status status =
            row_page_check(bytes_make(bytes, kept), layout, (StoreId){7}, (RowId){1024}, 64);
        if (status == OK) {
            // As decode does: into a frame of the size the header names.
            uint32_t page_bytes = get_u32_le(bytes + 36);
            RowPage *read =
                aligned_alloc(64, (sizeof(RowPage) + (size_t)page_bytes + 63) & ~(size_t)63);
            memset(read->bytes, 0, page_bytes);
            memcpy(read->bytes, bytes, get_u32_le(bytes + 28));
            for (uint32_t i = 0; i < 64; i++) {
                Value text = row_get(read, layout, page_row(read, i), 2);
                uint32_t sum = 0;
                for (uint32_t j = 0; j < text.datum.view.count; j++) {
                    sum += view_data(&text.datum.view)[j];
                }
                assert_true(sum < UINT32_MAX);
            }
            free(read);
        } else {
            assert_int_equal(status, DATA_CORRUPTED);
            error_clear();
            refused++;
        }
        free(bytes);
    }
    assert_true(refused > 100);
    free(page);
    row_layout_destroy(layout);
}

TEST_MAIN(TEST_OF(row_page, gives_back_what_was_put),
    TEST_OF(row_page, copies_rows_into_a_layout_with_more_columns),
    TEST_OF(row_page, refuses_damaged_bytes))
