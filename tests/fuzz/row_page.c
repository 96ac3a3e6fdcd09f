// Fuzz target: a stored page of rows. The input's first bytes choose the columns and how many rows
// there are; the rest lies over the header and rows of a right page. What row_page_check lets pass
// must be safe to read: every column of every live row.
#include "rows/row_page.h"

#include "base/error.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

static void require(bool holds) {
    if (!holds) abort();
}

static const Oid types[] = {
    TYPE_INT4, TYPE_TEXT, TYPE_INT8, TYPE_BOOL, TYPE_NUMERIC, TYPE_INT2, TYPE_BYTEA, TYPE_FLOAT8};

enum { HEAD_BYTES = 4, COLUMNS_MAX = 8, STORE = 7, FIRST_ROW = 512 };

static RowLayout *layout_make(uint8_t columns) {
    RowLayoutColumn list[COLUMNS_MAX] = {0};
    uint32_t count = columns % COLUMNS_MAX + 1;
    for (uint32_t i = 0; i < count; i++) {
        list[i].type = types[(i + columns / COLUMNS_MAX) % COLUMNS_MAX];
    }
    RowLayout *layout;
    require(row_layout_create(1, list, count, &layout) == OK);
    return layout;
}

// A sum over all that is there, so that every byte is read.
static uint64_t read_all(RowPage *page, const RowLayout *layout) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < page_header(page)->row_count; i++) {
        const uint8_t *row = page_row(page, i);
        sum += row_heap_bytes(layout, row);
        for (uint32_t c = 0; c < layout->column_count && page_is_live(page, i); c++) {
            Value value = row_get(page, layout, row, c);
            if (layout->columns[c].kind != PHYSICAL_VIEW) continue;
            if (value.datum.view.count <= VIEW_INLINE_MAX) continue;
            const uint8_t *bytes = (const uint8_t *)(uintptr_t)value.datum.view.rest;
            for (uint32_t b = 0; b < value.datum.view.count; b++)
                sum += bytes[b];
        }
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count) {
    if (count < HEAD_BYTES) return 0;
    RowLayout *layout = layout_make(data[0]);
    uint32_t row_count = UINT32_C(1) << data[1] % 9;
    uint32_t bytes = row_page_bytes(layout, row_count, (size_t)data[2] * 4);
    size_t offset = (size_t)data[3] * 8 % bytes;
    size_t room = sizeof(RowPage) + bytes; // exactly, so that a byte too far is noticed
    RowPage *page = aligned_alloc(64, (room + 63) & ~(size_t)63);
    require(page != NULL);
    memset(page, 0, room);
    row_page_init(page, layout, (StoreId){STORE}, (RowId){FIRST_ROW}, row_count, bytes);
    count -= HEAD_BYTES;
    if (count > bytes - offset) count = bytes - offset;
    if (count > 0) memcpy(page->bytes + offset, data + HEAD_BYTES, count);

    Status status = row_page_check(
        bytes_make(page->bytes, bytes), layout, (StoreId){STORE}, (RowId){FIRST_ROW}, row_count);
    if (status == OK) {
        volatile uint64_t sum = read_all(page, layout);
        (void)sum;
    } else {
        require(status == DATA_CORRUPTED);
        error_clear();
    }
    free(page);
    row_layout_destroy(layout);
    return 0;
}
