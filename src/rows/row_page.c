#include "rows/row_page.h"

#include "base/assert.h"
#include "base/error.h"

// In blocks: at most a fifth is wasted.
static const uint16_t size_classes[] = {
    1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64};

uint32_t row_page_bytes(const RowLayout *layout, uint32_t row_count, size_t heap_bytes) {
    size_t bytes = page_rows_offset(row_count) + (size_t)layout->stride * row_count + heap_bytes;
    size_t blocks = (bytes + STORE_BLOCK_BYTES - 1) / STORE_BLOCK_BYTES;
    for (size_t i = 0; i < sizeof size_classes / sizeof size_classes[0]; i++) {
        if (size_classes[i] >= blocks) return (uint32_t)size_classes[i] * STORE_BLOCK_BYTES;
    }
    size_t large = 64;
    while (large < blocks)
        large += large / 4;
    if (large * STORE_BLOCK_BYTES > ROW_PAGE_BYTES_MAX) large = blocks;
    return large > UINT32_MAX / STORE_BLOCK_BYTES ? UINT32_MAX
                                                  : (uint32_t)(large * STORE_BLOCK_BYTES);
}

uint8_t row_page_bits(const RowLayout *layout, double heap_bytes_per_row) {
    double row_bytes = layout->stride + heap_bytes_per_row;
    uint8_t bits = 0;
    while (bits < 8 && row_bytes * (double)(2U << bits) <= ROW_PAGE_TARGET_BYTES)
        bits++;
    return bits;
}

void row_page_init(RowPage *page, const RowLayout *layout, StoreId store, RowId first_row,
    uint32_t row_count, uint32_t bytes) {
    uint32_t heap_start = page_rows_offset(row_count) + layout->stride * row_count;
    ASSERT(heap_start <= bytes);
    *page_header(page) = (RowPageHeader){.magic = ROW_PAGE_MAGIC,
        .format = ROW_PAGE_FORMAT,
        .layout_version = layout->version,
        .store = store.value,
        .row_count = (uint16_t)row_count,
        .stride = (uint16_t)layout->stride,
        .first_row = first_row.value,
        .heap_start = heap_start,
        .heap_end = heap_start,
        .bytes = bytes};
}

void row_put(
    RowPage *page, const RowLayout *layout, uint8_t *row, uint32_t column, const Value *value) {
    const RowColumn *at = &layout->columns[column];
    uint8_t *nulls = row + layout->null_offset + column / 8;
    uint8_t bit = (uint8_t)(1U << (column % 8));
    if (value->is_null) {
        *nulls |= bit;
        memset(row + at->offset, 0, at->width);
        return;
    }
    *nulls &= (uint8_t)~bit;
    Datum datum = value->datum;
    if (at->kind == PHYSICAL_VIEW && datum.view.count > VIEW_INLINE_MAX) {
        RowPageHeader *header = page_header(page);
        ASSERT(page_heap_room(page) >= datum.view.count);
        memcpy(page->bytes + header->heap_end, view_data(&value->datum.view), datum.view.count);
        datum.view.rest = header->heap_end;
        header->heap_end += datum.view.count;
    }
    memcpy(row + at->offset, &datum, at->width);
}

size_t row_heap_bytes(const RowLayout *layout, const uint8_t *row) {
    size_t bytes = 0;
    if (layout->view_count == 0) return 0;
    for (uint32_t i = 0; i < layout->column_count; i++) {
        if (layout->columns[i].kind != PHYSICAL_VIEW) continue;
        uint32_t count = get_u32_le(row + layout->columns[i].offset);
        if (count > VIEW_INLINE_MAX) bytes += count;
    }
    return bytes;
}

void row_page_copy(RowPage *to, const RowLayout *to_layout, RowPage *from,
    const RowLayout *from_layout, const uint64_t *kept) {
    uint32_t row_count = page_header(from)->row_count;
    for (uint32_t i = 0; i < (row_count + 63) / 64; i++) {
        page_header(to)->live[i] = page_header(from)->live[i];
    }
    bool is_same = to_layout == from_layout && to_layout->view_count == 0;
    for (uint32_t i = 0; i < row_count; i++) {
        if (!column_bit(kept, i)) continue;
        const uint8_t *old_row = page_row(from, i);
        uint8_t *row = page_row(to, i);
        if (is_same) {
            memcpy(row, old_row, to_layout->stride);
            continue;
        }
        for (uint32_t column = 0; column < to_layout->column_count; column++) {
            Value value = {.is_null = true};
            if (column < from_layout->column_count) {
                value = row_get(from, from_layout, old_row, column);
            } else if (to_layout->columns[column].has_missing) {
                value = to_layout->columns[column].missing;
            }
            row_put(to, to_layout, row, column, &value);
        }
    }
}

static Status corrupt(StoreId store, RowId first_row, const char *what) {
    return fail(DATA_CORRUPTED, "row page of store %u at row %llu is damaged: %s", store.value,
        (unsigned long long)first_row.value, what);
}

static bool row_views_fit(
    const RowLayout *layout, const RowPageHeader *header, const uint8_t *row) {
    for (uint32_t i = 0; i < layout->column_count; i++) {
        if (layout->columns[i].kind != PHYSICAL_VIEW) continue;
        uint32_t count = get_u32_le(row + layout->columns[i].offset);
        uint64_t offset = get_u64_le(row + layout->columns[i].offset + 8);
        if (count <= VIEW_INLINE_MAX) continue;
        if (offset < header->heap_start || offset > header->heap_end) return false;
        if (count > header->heap_end - offset) return false;
    }
    return true;
}

Status row_page_check(
    Bytes bytes, const RowLayout *layout, StoreId store, RowId first_row, uint32_t row_count) {
    if (bytes.count < ROW_PAGE_HEADER_BYTES) return corrupt(store, first_row, "it is too short");
    RowPageHeader header;
    memcpy(&header, bytes.data, sizeof header);
    if (header.magic != ROW_PAGE_MAGIC || header.format != ROW_PAGE_FORMAT) {
        return corrupt(store, first_row, "its first bytes are those of something else");
    }
    if (header.store != store.value || header.first_row != first_row.value
        || header.row_count != row_count) {
        return corrupt(store, first_row, "it belongs to another place");
    }
    if (layout == NULL) return corrupt(store, first_row, "its layout is unknown");
    uint32_t rows_offset = page_rows_offset(row_count);
    bool fits = header.stride == layout->stride && header.bytes <= ROW_PAGE_BYTES_MAX
                && header.heap_start == rows_offset + layout->stride * row_count
                && header.heap_end >= header.heap_start && header.heap_end <= header.bytes
                && header.heap_end <= bytes.count && header.heap_dead <= header.heap_end;
    if (!fits) return corrupt(store, first_row, "its sizes contradict each other");
    for (uint32_t i = 0; i < row_count && layout->view_count > 0; i++) {
        const uint8_t *row = bytes.data + rows_offset + (size_t)i * layout->stride;
        if (!row_views_fit(layout, &header, row)) {
            return corrupt(store, first_row, "a value lies outside of it");
        }
    }
    return OK;
}
