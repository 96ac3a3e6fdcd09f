// Reading a system relation: the rows that PostgreSQL ships, those of the user's objects, and those
// that are computed, one after another.
#include "catalog/catalog_internal.h"

#include <stdlib.h>

enum { PHASE_SHIPPED, PHASE_STORED, PHASE_COMPUTED, PHASE_LISTED, PHASE_END };

static bool is_wanted(const CatalogScan *scan, uint32_t column) {
    return (scan->columns[column / 64] >> (column % 64) & 1) != 0;
}

Value *catalog_scan_blank(CatalogScan *scan) {
    Value *row = arena_new_array(scan->arena, Value, scan->table->column_count);
    for (uint32_t i = 0; i < scan->table->column_count; i++)
        row[i] = value_null();
    return row;
}

void catalog_scan_add(CatalogScan *scan, const Value *row) {
    if (scan->row_count == scan->row_capacity) {
        uint32_t capacity = scan->row_capacity == 0 ? 32 : scan->row_capacity * 2;
        Value **rows = arena_new_array(scan->arena, Value *, capacity);
        if (scan->row_count > 0) memcpy(rows, scan->rows, scan->row_count * sizeof *rows);
        scan->rows = rows;
        scan->row_capacity = capacity;
    }
    Value *copy = arena_new_array(scan->arena, Value, scan->table->column_count);
    memcpy(copy, row, scan->table->column_count * sizeof *copy);
    scan->rows[scan->row_count++] = copy;
}

static void add_from_hook(void *list, const Value *row) {
    CatalogScan *scan = list;
    Value *copy = catalog_scan_blank(scan);
    for (uint32_t i = 0; i < scan->table->column_count; i++)
        copy[i] = value_copy(row[i], type_physical(scan->table->columns[i].type.oid), scan->arena);
    catalog_scan_add(scan, copy);
}

static void list_entry(void *argument, Entry *entry) {
    CatalogScan *scan = argument;
    if ((scan->entry_count & (scan->entry_count - 1)) == 0) {
        Entry **entries = arena_new_array(scan->arena, Entry *, scan->entry_count * 2 + 1);
        if (scan->entry_count > 0)
            memcpy(entries, scan->entries, scan->entry_count * sizeof *entries);
        scan->entries = entries;
    }
    scan->entries[scan->entry_count++] = entry;
}

static int entry_order(const void *a, const void *b) {
    const Entry *left = *(Entry *const *)a, *right = *(Entry *const *)b;
    return (left->oid > right->oid) - (left->oid < right->oid);
}

void scan_entries(CatalogScan *scan) {
    if (scan->entries != NULL) return;
    view_each(scan->view, ENTRY_RELATION, list_entry, scan);
    if (scan->entry_count > 1)
        qsort(scan->entries, scan->entry_count, sizeof *scan->entries, entry_order);
}

// ---- Shipped rows -------------------------------------------------------------------------------

// One field of a row in COPY text format; escapes are rare and only then is it copied.
static Value field_value(const SqlType *type, const char *field, size_t count, Arena *arena) {
    if (count == 2 && field[0] == '\\' && field[1] == 'N') return value_null();
    switch (type->oid) {
    case TYPE_BOOL:
        return cell_bool(field[0] == 't');
    case TYPE_CHAR:
        return cell_char(count == 0 ? 0 : field[0]);
    case TYPE_INT2:
        return cell_int2((int32_t)strtol(field, NULL, 10));
    case TYPE_INT4:
        return cell_int4((int32_t)strtol(field, NULL, 10));
    case TYPE_INT8:
        return cell_int8(strtoll(field, NULL, 10));
    case TYPE_OID:
    case TYPE_XID:
    case TYPE_REGPROC:
    case TYPE_REGTYPE:
    case TYPE_REGCLASS:
        return cell_oid((Oid)strtoul(field, NULL, 10));
    default:
        break;
    }
    if (memchr(field, '\\', count) == NULL && (type->oid == TYPE_NAME || type->oid == TYPE_TEXT)) {
        Value value = {0};
        value.datum.view = view_make(field, count);
        return value;
    }
    char *text = arena_allocate(arena, count + 1, 1);
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        if (field[i] == '\\' && i + 1 < count) i++;
        text[length++] = field[i];
    }
    text[length] = 0;
    return cell_literal(type->oid, text, arena);
}

static void shipped_row(CatalogScan *scan, const char *line) {
    for (uint32_t column = 0; column < scan->table->column_count; column++) {
        size_t count = strcspn(line, "\t");
        scan->row[column] = is_wanted(scan, column) ? field_value(
                                &scan->table->columns[column].type, line, count, scan->arena)
                                                    : value_null();
        line += count;
        if (*line == '\t') line++;
    }
}

// ---- Scans --------------------------------------------------------------------------------------

static Status sequence_row(CatalogScan *scan) {
    SequenceState state;
    TRY(table_sequence_get(scan->view->catalog->tables, scan->table->oid, &state));
    Value row[3] = {cell_int8(state.last_value), cell_int8(0), cell_bool(state.is_called)};
    catalog_scan_add(scan, row);
    return OK;
}

static Status collect(CatalogScan *scan) {
    Oid relation = scan->table->oid;
    if (scan->table->kind == RELATION_SEQUENCE) return sequence_row(scan);
    const CatalogHooks *hooks = &scan->view->hooks;
    Status status = OK;
    if (hooks->relation_rows != NULL
        && hooks->relation_rows(
            hooks->argument, relation, scan->arena, add_from_hook, scan, &status))
        return status;
    const ComputedRelation *computed = computed_relation_find(relation);
    if (computed == NULL || computed->collect == NULL) return OK;
    TRY(computed->collect(scan));
    return scan->status;
}

Status catalog_scan_open(CatalogView *view, const TableInfo *table, const uint64_t *columns,
    Arena *arena, CatalogScan **scan_out) {
    CatalogScan *scan = arena_new(arena, CatalogScan);
    *scan = (CatalogScan){.view = view, .table = table, .arena = arena};
    uint32_t words = (table->column_count + 63) / 64;
    scan->columns = arena_copy_bytes(arena, columns, words * sizeof(uint64_t));
    scan->row = catalog_scan_blank(scan);
    TRY(collect(scan));
    *scan_out = scan;
    return OK;
}

// The role and description of a new file are told by the session's names, not by the row.
static bool has_hidden_store(Oid relation) {
    return relation == OID_OF_PG_AUTHID;
}

static Status next_row(CatalogScan *scan, Value **row_out) {
    const SystemRelation *system = system_relation_find(scan->table->oid);
    bool is_found = false;
    *row_out = scan->row;
    if (scan->phase == PHASE_SHIPPED) {
        if (system != NULL && scan->position < system->row_count) {
            shipped_row(scan, system->rows[scan->position++]);
            return OK;
        }
        scan->phase++;
    }
    if (scan->phase == PHASE_STORED) {
        Oid relation = scan->table->oid;
        if (!scan->is_open && system_store_find(relation) != NULL && !has_hidden_store(relation)) {
            scan->is_open = true;
            TRY(system_cursor_open_all(scan->view, relation, scan->arena, &scan->cursor));
        }
        if (scan->is_open) {
            TRY(system_cursor_next(&scan->cursor, scan->row, NULL, &is_found));
            if (is_found) {
                for (uint32_t i = 0; i < scan->table->column_count; i++)
                    if (is_wanted(scan, i))
                        scan->row[i] = value_copy(scan->row[i],
                            type_physical(system_stored_type(scan->table->columns[i].type.oid)),
                            scan->arena);
                return OK;
            }
            system_cursor_close(&scan->cursor);
            scan->is_open = false;
        }
        scan->phase++;
        scan->position = 0;
    }
    if (scan->phase == PHASE_COMPUTED) {
        const ComputedRelation *computed = computed_relation_find(scan->table->oid);
        if (computed != NULL && computed->next != NULL) {
            TRY(computed->next(scan, &is_found));
            if (is_found) return OK;
        }
        scan->phase++;
        scan->position = 0;
    }
    if (scan->phase == PHASE_LISTED && scan->position < scan->row_count) {
        *row_out = scan->rows[scan->position++];
        return OK;
    }
    scan->phase = PHASE_END;
    *row_out = NULL;
    return OK;
}

Status catalog_scan_next(CatalogScan *scan, Batch *batch_out) {
    // An earlier scan into this batch may have made its bitmaps in an arena that is gone by now.
    if (!scan->has_begun)
        for (uint32_t i = 0; i < batch_out->column_count; i++)
            batch_out->columns[i].nulls = NULL;
    scan->has_begun = true;
    batch_clear(batch_out);
    uint32_t count = 0;
    while (count < BATCH_ROW_COUNT && scan->phase != PHASE_END) {
        Value *row;
        Status status = next_row(scan, &row);
        if (status != OK) {
            system_cursor_close(&scan->cursor);
            return status;
        }
        if (row == NULL) break;
        for (uint32_t i = 0; i < scan->table->column_count && i < batch_out->column_count; i++) {
            if (!is_wanted(scan, i)) continue;
            Column *column = &batch_out->columns[i];
            if (column->values == NULL)
                column_make(scan->arena, scan->table->columns[i].type.oid, column);
            // A number of a type that has no operations yet cannot be shown.
            bool is_unknown = column->kind == PHYSICAL_VIEW
                              && type_physical(system_stored_type(column->type)) != PHYSICAL_VIEW;
            if (row[i].is_null || is_unknown)
                column_set_null(column, scan->arena, count);
            else
                column_set(column, scan->arena, count, &row[i]);
        }
        count++;
    }
    batch_out->row_count = batch_out->selected_count = count;
    return arena_check(scan->arena);
}
