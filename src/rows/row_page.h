// Row page: a fixed number of consecutive row ids, with their rows in place and a heap for long
// values behind them.
//
// Format   docs/row-format.md. The same bytes in memory and on disk, little-endian.
// Model    Fixed-size parts are updated in place. Heap bytes never are: an update appends, and a
//          page whose heap is full or mostly dead is built again in a new frame, so that a view
//          taken from a pinned frame stays valid.
// Threads  Changed under the frame's latch; read under it, or optimistically with validation.
#pragma once

#include "rows/row_layout.h"
#include "store/cache.h"

enum {
    ROW_PAGE_MAGIC = 0x31505252, // "RRP1"
    ROW_PAGE_FORMAT = 1,
    ROW_PAGE_HEADER_BYTES = 48,
    ROW_PAGE_ROWS_MAX = 256,
    ROW_PAGE_TARGET_BYTES = 16 << 10,
    ROW_PAGE_INSERT_BYTES_MAX = 128 << 10, // a larger page takes no new rows
    ROW_PAGE_BYTES_MAX = EXTENT_BYTES_MAX,
};

typedef struct RowPageHeader {
    uint32_t magic;
    uint16_t format, layout_version;
    uint32_t store;
    uint16_t row_count, stride;
    uint64_t first_row;
    uint32_t heap_start, heap_end, heap_dead, bytes;
    uint64_t reserved;
    uint64_t live[]; // a bit a row
} RowPageHeader;

static_assert(sizeof(RowPageHeader) == ROW_PAGE_HEADER_BYTES, "the format says so");

typedef struct RowPage {
    CacheFrame frame; // first
    _Alignas(64) uint8_t bytes[];
} RowPage;

static inline RowPageHeader *page_header(RowPage *page) {
    return (RowPageHeader *)(void *)page->bytes;
}

static inline uint32_t page_rows_offset(uint32_t row_count) {
    return (ROW_PAGE_HEADER_BYTES + (row_count + 63) / 64 * 8 + 63) & ~63U;
}

static inline uint8_t *page_row(RowPage *page, uint32_t index) {
    const RowPageHeader *header = page_header(page);
    return page->bytes + page_rows_offset(header->row_count) + (size_t)index * header->stride;
}

static inline bool page_is_live(RowPage *page, uint32_t index) {
    return (page_header(page)->live[index / 64] >> (index % 64) & 1) != 0;
}

static inline bool page_has_live(RowPage *page) {
    const RowPageHeader *header = page_header(page);
    for (uint32_t i = 0; i < (header->row_count + 63U) / 64; i++) {
        if (header->live[i] != 0) return true;
    }
    return false;
}

static inline void page_set_live(RowPage *page, uint32_t index, bool is_live) {
    uint64_t bit = UINT64_C(1) << (index % 64);
    uint64_t *word = &page_header(page)->live[index / 64];
    *word = is_live ? *word | bit : *word & ~bit;
}

// Bytes of a page with room for `heap_bytes` in its heap, as a size class.
uint32_t row_page_bytes(const RowLayout *layout, uint32_t row_count, size_t heap_bytes);

// How many rows a page of rows like these should have, as a power of two's exponent, 0 to 8.
uint8_t row_page_bits(const RowLayout *layout, double heap_bytes_per_row);

// Fills in an empty page of `bytes`, which are zeros.
void row_page_init(RowPage *page, const RowLayout *layout, StoreId store, RowId first_row,
    uint32_t row_count, uint32_t bytes);

// Room left in the heap.
static inline uint32_t page_heap_room(RowPage *page) {
    const RowPageHeader *header = page_header(page);
    return header->bytes - header->heap_end;
}

// A column of a row. A long view borrows the page. Safe against torn reads: what lies outside the
// page reads as an empty view.
static inline Value row_get(
    RowPage *page, const RowLayout *layout, const uint8_t *row, uint32_t column) {
    Value value = {.is_null = row_is_null(layout, row, column)};
    const RowColumn *at = &layout->columns[column];
    memcpy(&value.datum, row + at->offset, at->width);
    if (at->kind == PHYSICAL_VIEW && value.datum.view.count > VIEW_INLINE_MAX) {
        View *view = &value.datum.view;
        uint32_t bytes = page_header(page)->bytes;
        if (view->rest > bytes || view->count > bytes - view->rest) {
            *view = (View){0};
        } else {
            view->rest += (uint64_t)(uintptr_t)page->bytes;
        }
    }
    return value;
}

// Writes a column of a row; a long view is appended to the heap, which has room.
void row_put(
    RowPage *page, const RowLayout *layout, uint8_t *row, uint32_t column, const Value *value);

// Heap bytes that a row's long views occupy.
size_t row_heap_bytes(const RowLayout *layout, const uint8_t *row);

// Copies the rows whose bit is set in `kept` to an empty page of the same row ids, whose layout
// may be another, with their long views. The live bits go along.
void row_page_copy(RowPage *to, const RowLayout *to_layout, RowPage *from,
    const RowLayout *from_layout, const uint64_t *kept);

// Whether stored bytes are a page of this store and place that can be worked with: every offset
// and count is tested. `layout` is that of the page's version, or NULL for an unknown one.
// Errors: DATA_CORRUPTED.
Status row_page_check(
    Bytes bytes, const RowLayout *layout, StoreId store, RowId first_row, uint32_t row_count);
