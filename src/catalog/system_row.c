// Rows of the stored system tables: finding, adding, changing and removing them.
#include "catalog/catalog_internal.h"

#include <stdlib.h>

Snapshot view_snapshot(CatalogView *view) {
    Snapshot snapshot = txn_snapshot(view->txn);
    Lsn visible = txn_system_visible(view->catalog->txns);
    if (visible.value > snapshot.lsn.value) snapshot.lsn = visible;
    return snapshot;
}

void system_increment(CatalogView *view) {
    txn_command_increment(view->txn);
}

static Table *store_of(CatalogView *view, const SystemStore *store) {
    return table_find(view->catalog->tables, store->store);
}

// One bit for each column.
static uint64_t *all_columns(const SystemRelation *relation, Arena *arena) {
    uint32_t words = (relation->column_count + 63) / 64;
    uint64_t *columns = arena_new_array(arena, uint64_t, words);
    for (uint32_t i = 0; i < relation->column_count; i++)
        columns[i / 64] |= UINT64_C(1) << (i % 64);
    return columns;
}

static Status cursor_prepare(
    CatalogView *view, Oid relation, Arena *arena, SystemCursor *cursor, uint64_t **columns_out) {
    const SystemStore *store = system_store_find(relation);
    ASSERT(store != NULL);
    *cursor = (SystemCursor){.relation = system_relation_find(relation)};
    cursor->table = store_of(view, store);
    if (cursor->table == NULL)
        return fail(DATA_CORRUPTED, "system table \"%s\" has no store", cursor->relation->name);
    *columns_out = all_columns(cursor->relation, arena);
    cursor->batch = table_batch_make(arena, cursor->table, *columns_out);
    return OK;
}

Status system_cursor_open(CatalogView *view, Oid relation, uint32_t index_number, const Value *key,
    uint32_t key_count, Arena *arena, SystemCursor *cursor_out) {
    uint64_t *columns;
    TRY(cursor_prepare(view, relation, arena, cursor_out, &columns));
    Value *bounds = arena_copy_bytes(arena, key, sizeof(Value) * key_count);
    IndexRange range = {.index_number = index_number,
        .low_count = key_count,
        .high_count = key_count,
        .low = bounds,
        .high = bounds,
        .low_inclusive = true,
        .high_inclusive = true};
    return table_index_scan_open(
        cursor_out->table, view_snapshot(view), columns, &range, arena, &cursor_out->scan);
}

Status system_cursor_open_all(
    CatalogView *view, Oid relation, Arena *arena, SystemCursor *cursor_out) {
    uint64_t *columns;
    TRY(cursor_prepare(view, relation, arena, cursor_out, &columns));
    return table_scan_open(
        cursor_out->table, view_snapshot(view), columns, arena, &cursor_out->table_scan);
}

Status system_cursor_next(
    SystemCursor *cursor, Value *values_out, RowId *row_out, bool *is_found_out) {
    Batch *batch = cursor->batch;
    if (cursor->next >= batch->selected_count) {
        cursor->next = 0;
        TRY(cursor->scan != NULL ? table_index_scan_next(cursor->scan, BATCH_ROW_COUNT, batch)
                                 : table_scan_next(cursor->table_scan, batch));
        if (batch->selected_count == 0) {
            *is_found_out = false;
            return OK;
        }
    }
    uint32_t row = selection_row(batch_selection(batch), cursor->next++);
    for (uint32_t i = 0; i < cursor->relation->column_count; i++)
        values_out[i] = column_get(&batch->columns[i], row);
    if (row_out != NULL) *row_out = batch->row_ids[row];
    *is_found_out = true;
    return OK;
}

void system_cursor_close(SystemCursor *cursor) {
    if (cursor->batch != NULL) batch_release_pins(cursor->batch);
    if (cursor->scan != NULL) table_index_scan_close(cursor->scan);
    if (cursor->table_scan != NULL) table_scan_close(cursor->table_scan);
    *cursor = (SystemCursor){0};
}

Status system_insert(CatalogView *view, Oid relation, const Value *row) {
    Table *table = store_of(view, system_store_find(relation));
    InsertOptions options = {.arbiter_index = ARBITER_NONE};
    RowId row_id, conflict;
    bool is_conflict = false;
    return table_insert(view->txn, table, row, &options, &row_id, &is_conflict, &conflict);
}

typedef struct RowList {
    RowId *rows;
    uint32_t count, capacity;
} RowList;

static void row_list_add(RowList *list, Arena *arena, RowId row) {
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        RowId *rows = arena_new_array(arena, RowId, capacity);
        if (list->count > 0) memcpy(rows, list->rows, list->count * sizeof *rows);
        list->rows = rows;
        list->capacity = capacity;
    }
    list->rows[list->count++] = row;
}

static Status rows_with_key(CatalogView *view, Oid relation, uint32_t index_number,
    const Value *key, uint32_t key_count, Arena *arena, RowList *list) {
    SystemCursor cursor = {0};
    Status status =
        system_cursor_open(view, relation, index_number, key, key_count, arena, &cursor);
    if (status == OK) {
        Value *values = arena_new_array(arena, Value, cursor.relation->column_count);
        RowId row;
        bool is_found;
        while ((status = system_cursor_next(&cursor, values, &row, &is_found)) == OK && is_found)
            row_list_add(list, arena, row);
    }
    system_cursor_close(&cursor);
    return status;
}

static Status check_outcome(const SystemRelation *relation, WriteOutcome outcome) {
    if (outcome == WRITE_DONE) return OK;
    return fail(INTERNAL_ERROR, "tuple concurrently updated in \"%s\"", relation->name);
}

Status system_delete(
    CatalogView *view, Oid relation, uint32_t index_number, const Value *key, uint32_t key_count) {
    system_increment(view);
    Arena *arena = &view->scratch;
    ArenaMark mark = arena_mark(arena);
    RowList list = {0};
    Status status = rows_with_key(view, relation, index_number, key, key_count, arena, &list);
    Table *table = store_of(view, system_store_find(relation));
    for (uint32_t i = 0; i < list.count && status == OK; i++) {
        WriteOutcome outcome;
        status = table_delete(view->txn, table, list.rows[i], view_snapshot(view), &outcome);
        if (status == OK) status = check_outcome(system_relation_find(relation), outcome);
    }
    arena_rewind(arena, mark);
    return status;
}

Status system_update(CatalogView *view, Oid relation, uint32_t index_number, const Value *key,
    uint32_t key_count, uint32_t column, Value value) {
    system_increment(view);
    Arena *arena = &view->scratch;
    ArenaMark mark = arena_mark(arena);
    RowList list = {0};
    Status status = rows_with_key(view, relation, index_number, key, key_count, arena, &list);
    const SystemRelation *system = system_relation_find(relation);
    Table *table = store_of(view, system_store_find(relation));
    uint64_t *changed = arena_new_array(arena, uint64_t, (system->column_count + 63) / 64);
    changed[column / 64] |= UINT64_C(1) << (column % 64);
    Value *values = arena_new_array(arena, Value, system->column_count);
    values[column] = value;
    for (uint32_t i = 0; i < list.count && status == OK; i++) {
        WriteOutcome outcome;
        status = table_update(
            view->txn, table, list.rows[i], view_snapshot(view), changed, values, &outcome);
        if (status == OK) status = check_outcome(system, outcome);
    }
    arena_rewind(arena, mark);
    return status;
}

// ---- Values -------------------------------------------------------------------------------------

Value cell_oid(Oid oid) {
    Value value = {0};
    value.datum.oid = oid;
    return value;
}

Value cell_bool(bool boolean) {
    Value value = {0};
    value.datum.boolean = boolean;
    return value;
}

Value cell_int2(int32_t number) {
    Value value = {0};
    value.datum.int2 = (int16_t)number;
    return value;
}

Value cell_int4(int32_t number) {
    Value value = {0};
    value.datum.int4 = number;
    return value;
}

Value cell_int8(int64_t number) {
    Value value = {0};
    value.datum.int8 = number;
    return value;
}

Value cell_float4(float number) {
    Value value = {0};
    value.datum.float4 = number;
    return value;
}

Value cell_char(char character) {
    Value value = {0};
    value.datum.int1 = (int8_t)character;
    return value;
}

Value cell_text(const char *text) {
    Value value = {.is_null = text == NULL};
    if (text != NULL) value.datum.view = view_from_text(text);
    return value;
}

Value cell_literal(Oid type, const char *literal, Arena *arena) {
    Value value = value_null();
    if (literal == NULL) return value;
    Status status = value_from_text(
        value_context_default(), sql_type(type), literal, strlen(literal), arena, &value);
    if (status == OK) return value;
    error_clear(); // a type without operations yet: such columns read as NULL
    return value_null();
}

const char *cell_get_text(const Value *value, Arena *arena) {
    if (value->is_null) return NULL;
    return arena_copy_text_n(
        arena, (const char *)view_data(&value->datum.view), value->datum.view.count);
}

uint32_t cell_get_numbers(Oid type, const Value *value, Arena *arena, int64_t **numbers_out) {
    *numbers_out = NULL;
    if (value->is_null) return 0;
    Text text;
    text_init(&text, arena);
    if (value_to_text(value_context_default(), type, value, &text) != OK) {
        error_clear();
        return 0;
    }
    int64_t *numbers = arena_new_array(arena, int64_t, text.count / 2 + 1);
    uint32_t count = 0;
    for (char *at = text.data; at != NULL && *at != 0;) {
        if (*at == '{' || *at == '}' || *at == ',' || *at == ' ') {
            at++;
            continue;
        }
        char *end;
        long long number = strtoll(at, &end, 10);
        if (end == at) break;
        numbers[count++] = number;
        at = end;
    }
    *numbers_out = numbers;
    return count;
}
