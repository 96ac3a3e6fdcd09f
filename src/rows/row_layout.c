#include "rows/row_layout.h"

#include "base/error.h"

#include <stdlib.h>

Status row_layout_create(uint16_t version, const RowLayoutColumn *columns, uint32_t column_count,
    RowLayout **layout_out) {
    if (column_count > ROW_COLUMNS_MAX) {
        return fail(TOO_MANY_COLUMNS, "tables can have at most %d columns", ROW_COLUMNS_MAX);
    }
    RowLayout *layout = calloc(1, sizeof *layout + sizeof(RowColumn) * column_count);
    if (layout == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    arena_init(&layout->arena, NULL);
    layout->version = version;
    layout->column_count = column_count;
    for (uint32_t i = 0; i < column_count; i++) {
        RowColumn *column = &layout->columns[i];
        column->type = columns[i].type;
        column->kind = type_physical(columns[i].type);
        column->width = physical_width[column->kind];
        column->has_missing = columns[i].has_missing && !columns[i].missing.is_null;
        if (column->has_missing) {
            column->missing = value_copy(columns[i].missing, column->kind, &layout->arena);
        }
        if (column->kind == PHYSICAL_VIEW) layout->view_count++;
    }
    uint32_t offset = 0;
    for (uint32_t width = 16; width > 0; width /= 2) {
        for (uint32_t i = 0; i < column_count; i++) {
            if (layout->columns[i].width != width) continue;
            layout->columns[i].offset = offset;
            offset += width;
        }
    }
    layout->null_offset = offset;
    layout->stride = (offset + (column_count + 7) / 8 + 7) & ~7U;
    if (layout->stride == 0) layout->stride = 8;
    *layout_out = layout;
    return OK;
}

void row_layout_destroy(RowLayout *layout) {
    if (layout == NULL) return;
    arena_deinit(&layout->arena);
    free(layout);
}
