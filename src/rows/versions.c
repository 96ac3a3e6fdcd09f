// Old versions of a page's rows: the heads of their chains, and how a version is put together.
#include "base/assert.h"
#include "base/error.h"
#include "rows/row_store_internal.h"

#include <stdlib.h>

enum { ITEM_HEAD_BYTES = 4 }; // column u16, is NULL u8, kind u8

UndoRecord *versions_head(RowSlot *slot, uint32_t index) {
    VersionTable *table = slot_versions(slot);
    if (table == NULL) return NULL;
    if (table->is_direct) return table->heads[index];
    for (uint32_t i = 0; i < table->count; i++) {
        if (table->rows[i] == index) return table->heads[i];
    }
    return NULL;
}

static VersionTable *table_create(uint32_t capacity, bool is_direct) {
    VersionTable *table = calloc(1, sizeof *table + sizeof(UndoRecord *) * capacity);
    if (table == NULL) return NULL;
    table->capacity = capacity;
    table->is_direct = is_direct;
    return table;
}

Status versions_reserve(
    RowStore *store, RowSlot *slot, uint32_t index, uint32_t count, uint32_t row_count) {
    VersionTable *table = slot_versions(slot);
    if (table != NULL) {
        bool has_room = table->is_direct || table->count + count <= table->capacity;
        if (has_room || (count == 1 && versions_head(slot, index) != NULL)) return OK;
    }
    bool is_direct = table != NULL || row_count <= FEW_VERSIONS || count > FEW_VERSIONS;
    VersionTable *fresh = table_create(is_direct ? row_count : FEW_VERSIONS, is_direct);
    if (fresh == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    if (table != NULL) {
        for (uint32_t i = 0; i < table->count; i++)
            fresh->heads[table->rows[i]] = table->heads[i];
        fresh->count = table->count;
    }
    atomic_store_explicit(&slot->versions, fresh, memory_order_release);
    if (table != NULL) epoch_retire(store->epochs, table, free);
    return OK;
}

static void list_set(VersionTable *table, uint32_t index, UndoRecord *head) {
    uint32_t at = 0;
    while (at < table->count && table->rows[at] != index)
        at++;
    if (head != NULL) {
        ASSERT(at < table->capacity);
        if (at == table->count) table->count++;
        table->rows[at] = (uint16_t)index;
        table->heads[at] = head;
    } else if (at < table->count) {
        table->count--;
        table->rows[at] = table->rows[table->count];
        table->heads[at] = table->heads[table->count];
    }
}

void versions_set(RowStore *store, RowSlot *slot, uint32_t index, UndoRecord *head) {
    VersionTable *table = slot_versions(slot);
    if (table == NULL) {
        ASSERT(head == NULL);
        return;
    }
    if (table->is_direct) {
        if (table->heads[index] == NULL && head != NULL) table->count++;
        if (table->heads[index] != NULL && head == NULL) table->count--;
        table->heads[index] = head;
    } else {
        list_set(table, index, head);
    }
    if (table->count > 0) return;
    atomic_store_explicit(&slot->versions, NULL, memory_order_release);
    epoch_retire(store->epochs, table, free);
}

// ---- Before-images ------------------------------------------------------------------------------

size_t before_item_bytes(const RowColumn *column, const Value *value) {
    if (value->is_null) return ITEM_HEAD_BYTES;
    if (column->kind != PHYSICAL_VIEW) return ITEM_HEAD_BYTES + column->width;
    return ITEM_HEAD_BYTES + sizeof(uint32_t) + value->datum.view.count;
}

uint8_t *before_item_put(
    uint8_t *at, uint32_t column, const RowColumn *layout_column, const Value *value) {
    put_u16_le(at, (uint16_t)column);
    at[2] = value->is_null;
    at[3] = (uint8_t)layout_column->kind;
    at += ITEM_HEAD_BYTES;
    if (value->is_null) return at;
    if (layout_column->kind != PHYSICAL_VIEW) {
        memcpy(at, &value->datum, layout_column->width);
        return at + layout_column->width;
    }
    const View *view = &value->datum.view;
    put_u32_le(at, view->count);
    memcpy(at + sizeof(uint32_t), view_data(view), view->count);
    return at + sizeof(uint32_t) + view->count;
}

bool before_item_take(const UndoRecord *record, uint32_t *offset_inout, BeforeItem *item_out) {
    if (record->kind != UNDO_UPDATE || *offset_inout >= record->before_bytes) return false;
    const uint8_t *at = record->before + *offset_inout;
    PhysicalKind kind = (PhysicalKind)at[3];
    *item_out =
        (BeforeItem){.column = get_u16_le(at), .kind = kind, .value = {.is_null = at[2] != 0}};
    at += ITEM_HEAD_BYTES;
    if (!item_out->value.is_null && kind == PHYSICAL_VIEW) {
        uint32_t count = get_u32_le(at);
        item_out->value.datum.view = view_make(at + sizeof(uint32_t), count);
        at += sizeof(uint32_t) + count;
    } else if (!item_out->value.is_null) {
        memcpy(&item_out->value.datum, at, physical_width[kind]);
        at += physical_width[kind];
    }
    *offset_inout = (uint32_t)(at - record->before);
    return true;
}

// ---- Versions -----------------------------------------------------------------------------------

void version_load(RowPage *page, const RowLayout *page_layout, const RowLayout *layout,
    uint32_t index, const uint64_t *columns, RowVersion *version) {
    version->is_live = page_is_live(page, index);
    const uint8_t *row = page_row(page, index);
    for (uint32_t word = 0; word < (layout->column_count + 63) / 64; word++) {
        for (uint64_t bits = columns[word]; bits != 0; bits &= bits - 1) {
            uint32_t column = word * 64 + (uint32_t)__builtin_ctzll(bits);
            if (column < page_layout->column_count) {
                version->values[column] = row_get(page, page_layout, row, column);
            } else if (layout->columns[column].has_missing) {
                version->values[column] = layout->columns[column].missing;
            } else {
                version->values[column] = (Value){.is_null = true};
            }
        }
    }
}

void version_undo(const UndoRecord *record, const uint64_t *columns, RowVersion *version) {
    switch ((UndoKind)record->kind) {
    case UNDO_INSERT:
        version->is_live = false;
        return;
    case UNDO_DELETE:
        version->is_live = true;
        return;
    case UNDO_LOCK:
        return;
    case UNDO_UPDATE:
        break;
    }
    BeforeItem item;
    uint32_t offset = 0;
    while (before_item_take(record, &offset, &item)) {
        if (column_bit(columns, item.column)) version->values[item.column] = item.value;
    }
}
