// Row layout: where each column of a row lies, for one version of a store's schema.
//
// Format   A row is a fixed number of bytes, the stride, a multiple of 8: values by falling width
//          (16, 8, 4, 2, 1), then the null bitmap, one bit a column. A value under a NULL is zeros.
//          A view of more than VIEW_INLINE_MAX bytes holds, in `rest`, the offset of its bytes in
//          the page.
// Memory   A layout never changes and lives as long as its store.
#pragma once

#include "types/type.h"

typedef struct RowColumn {
    Oid type;
    PhysicalKind kind;
    uint8_t width;
    bool has_missing;
    uint32_t offset; // in the row
    Value missing;   // what rows of layouts without this column have
} RowColumn;

typedef struct RowLayout RowLayout;

struct RowLayout {
    RowLayout *older; // the store's list of every layout it ever had
    uint16_t version;
    uint32_t column_count;
    uint32_t stride, null_offset;
    uint32_t view_count;
    Arena arena; // of the missing values
    RowColumn columns[];
};

typedef struct RowLayoutColumn {
    Oid type;
    bool has_missing;
    Value missing;
} RowLayoutColumn;

enum { ROW_COLUMNS_MAX = 1600, ROW_STRIDE_MAX = 32768 };

// Errors: TOO_MANY_COLUMNS, OUT_OF_MEMORY.
Status row_layout_create(uint16_t version, const RowLayoutColumn *columns, uint32_t column_count,
    RowLayout **layout_out);
void row_layout_destroy(RowLayout *layout);

static inline bool row_is_null(const RowLayout *layout, const uint8_t *row, uint32_t column) {
    return (row[layout->null_offset + column / 8] >> (column % 8) & 1) != 0;
}

static inline bool column_bit(const uint64_t *columns, uint32_t column) {
    return (columns[column / 64] >> (column % 64) & 1) != 0;
}
