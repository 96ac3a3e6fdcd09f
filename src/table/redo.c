// Redo operations: what a transaction did, for recovery.
//
// Format   docs/row-format.md. One operation after another: kind u8, then numbers as varints. Each
//          stands for itself: a rollback may cut any of them out of the middle of a transaction.
#include "base/error.h"
#include "table/table_internal.h"

enum { OPERATION_BYTES = 1024, FIRST_USER_STORE = 16384 };

// An operation being written, without heap memory when it is short.
typedef struct Operation {
    char space[OPERATION_BYTES];
    Arena arena;
    Text text;
} Operation;

static void operation_begin(Operation *operation, RedoKind kind, uint64_t first) {
    arena_init(&operation->arena, NULL);
    operation->text = (Text){.data = operation->space,
        .capacity = sizeof operation->space - 1,
        .arena = &operation->arena};
    text_append_u8(&operation->text, (uint8_t)kind);
    text_append_varint(&operation->text, first);
}

static Status operation_end(Operation *operation, Txn *txn) {
    Status status = arena_check(&operation->arena);
    if (status == OK) status = txn_log(txn, text_bytes(&operation->text));
    arena_deinit(&operation->arena);
    return status;
}

static void value_encode(const RowColumn *column, const Value *value, Text *out) {
    if (value->is_null) return;
    if (column->kind != PHYSICAL_VIEW) {
        text_append(out, &value->datum, column->width);
        return;
    }
    text_append_varint(out, value->datum.view.count);
    text_append(out, view_data(&value->datum.view), value->datum.view.count);
}

enum { VIEW_COUNT_BYTES_MAX = 5 };

// The bytes that values_put may take.
static size_t values_bytes_max(
    const RowLayout *layout, const uint64_t *columns, const Value *values) {
    size_t bytes = (layout->column_count + 7) / 8;
    for (uint32_t i = 0; i < layout->column_count; i++) {
        if (!column_bit(columns, i)) continue;
        bytes += layout->columns[i].kind == PHYSICAL_VIEW
                     ? VIEW_COUNT_BYTES_MAX + (values[i].is_null ? 0 : values[i].datum.view.count)
                     : layout->columns[i].width;
    }
    return bytes;
}

// The nulls of the columns in `columns`, a bit each, then their values. Returns where they end.
static uint8_t *values_put(
    const RowLayout *layout, const uint64_t *columns, const Value *values, uint8_t *restrict at) {
    uint8_t *nulls = at;
    uint32_t count = 0;
    for (uint32_t i = 0; i < layout->column_count; i++) {
        if (!column_bit(columns, i)) continue;
        if (count % 8 == 0) nulls[count / 8] = 0;
        if (values[i].is_null) nulls[count / 8] |= (uint8_t)(1U << (count % 8));
        count++;
    }
    at += (count + 7) / 8;
    for (uint32_t i = 0; i < layout->column_count; i++) {
        if (!column_bit(columns, i) || values[i].is_null) continue;
        const RowColumn *column = &layout->columns[i];
        if (column->kind == PHYSICAL_VIEW) {
            const View *view = &values[i].datum.view;
            at += put_varint(at, view->count);
            memcpy(at, view_data(view), view->count);
            at += view->count;
        } else if (column->width == 8) {
            memcpy(at, &values[i].datum, 8);
            at += 8;
        } else {
            memcpy(at, &values[i].datum, column->width);
            at += column->width;
        }
    }
    return at;
}

bool values_decode(
    Bytes *bytes, const RowLayout *layout, const uint64_t *columns, Value *values_out) {
    uint32_t count = 0, at = 0;
    for (uint32_t i = 0; i < layout->column_count; i++)
        count += column_bit(columns, i);
    Bytes nulls;
    if (!bytes_take(bytes, (count + 7) / 8, &nulls)) return false;
    for (uint32_t i = 0; i < layout->column_count; i++) {
        if (!column_bit(columns, i)) continue;
        bool is_null = (nulls.data[at / 8] >> (at % 8) & 1) != 0;
        at++;
        values_out[i] = (Value){.is_null = is_null};
        if (is_null) continue;
        Bytes taken;
        if (layout->columns[i].kind != PHYSICAL_VIEW) {
            if (!bytes_take(bytes, layout->columns[i].width, &taken)) return false;
            memcpy(&values_out[i].datum, taken.data, taken.count);
            continue;
        }
        uint64_t view_count;
        if (!bytes_take_varint(bytes, &view_count) || view_count > UINT32_MAX) return false;
        if (!bytes_take(bytes, (size_t)view_count, &taken)) return false;
        values_out[i].datum.view = view_make(taken.data, taken.count);
    }
    return true;
}

// OIDs that a catalog row uses must not be given out again after a crash: the counter goes into
// the same transaction, ahead of the row.
static void counters_encode(const Table *table, Text *out) {
    if (table->id.value >= FIRST_USER_STORE) return;
    text_append_varint(out, atomic_load(&table->set->next_oid));
    text_append_varint(out, atomic_load(&table->set->next_store));
}

static Status log_counters(Txn *txn, const Table *table) {
    if (table->id.value >= FIRST_USER_STORE) return OK;
    Operation operation;
    operation_begin(&operation, REDO_STORE_COUNTER, table->id.value);
    counters_encode(table, &operation.text);
    return operation_end(&operation, txn);
}

// Kind, store and row id, each as long as it may be.
enum { ROW_HEAD_BYTES_MAX = 1 + 2 * 10 };

static uint8_t *row_head_put(RedoKind kind, const Table *table, RowId row, uint8_t *at) {
    *at++ = (uint8_t)kind;
    at += put_varint(at, table->id.value);
    return at + put_varint(at, row.value);
}

Status redo_insert(Txn *txn, const Table *table, RowId row, const Value *values) {
    TRY(log_counters(txn, table));
    const Definition *definition = table_definition(table);
    const RowLayout *layout = definition->layout;
    uint8_t *room;
    TRY(txn_log_reserve(txn,
        ROW_HEAD_BYTES_MAX + values_bytes_max(layout, definition->all_columns, values), &room));
    uint8_t *end = row_head_put(REDO_INSERT, table, row, room);
    end = values_put(layout, definition->all_columns, values, end);
    return txn_log_take(txn, (size_t)(end - room));
}

// At most, for each row: null bits, widths, and a count before each view's bytes.
static size_t rows_bytes_max(
    const Definition *definition, const Batch *batch, uint32_t first, uint32_t count) {
    const RowLayout *layout = definition->layout;
    Selection rows = batch_selection(batch);
    size_t fixed = (layout->column_count + 7) / 8, bytes = 0;
    for (uint32_t i = 0; i < layout->column_count; i++) {
        const Column *column = &batch->columns[i];
        if (layout->columns[i].kind != PHYSICAL_VIEW) {
            fixed += layout->columns[i].width;
            continue;
        }
        fixed += VIEW_COUNT_BYTES_MAX;
        const View *views = column->values;
        for (uint32_t j = 0; j < count; j++)
            bytes += views[column->is_constant ? 0 : selection_row(rows, first + j)].count;
    }
    return bytes + fixed * count;
}

static uint8_t *row_encode(
    const RowLayout *layout, const Batch *batch, uint32_t row, uint8_t *restrict at) {
    uint8_t *nulls = at;
    uint32_t null_bytes = (layout->column_count + 7) / 8;
    memset(nulls, 0, null_bytes);
    at += null_bytes;
    for (uint32_t i = 0; i < layout->column_count; i++) {
        const Column *column = &batch->columns[i];
        uint32_t from = column->is_constant ? 0 : row;
        if (column->nulls != NULL && column_is_null(column, row)) {
            nulls[i / 8] |= (uint8_t)(1U << (i % 8));
        } else if (column->kind == PHYSICAL_VIEW) {
            const View *view = (const View *)column->values + from;
            at += put_varint(at, view->count);
            memcpy(at, view_data(view), view->count);
            at += view->count;
        } else if (layout->columns[i].width == 8) {
            memcpy(at, (const uint8_t *)column->values + (size_t)from * 8, 8);
            at += 8;
        } else {
            uint8_t width = layout->columns[i].width;
            memcpy(at, (const uint8_t *)column->values + (size_t)from * width, width);
            at += width;
        }
    }
    return at;
}

// An operation for each run of consecutive row ids, written where the log takes it from.
Status redo_insert_batch(Txn *txn, const Table *table, const Batch *batch, const RowId *ids) {
    enum { HEAD_BYTES_MAX = 1 + 3 * 10 };

    TRY(log_counters(txn, table));
    const Definition *definition = table_definition(table);
    Selection all = batch_selection(batch);
    for (uint32_t first = 0, count; first < all.count; first += count) {
        count = 1;
        while (first + count < all.count && ids[first + count].value == ids[first].value + count)
            count++;
        uint8_t *room;
        size_t bytes = HEAD_BYTES_MAX + rows_bytes_max(definition, batch, first, count);
        TRY(txn_log_reserve(txn, bytes, &room));
        uint8_t *at = room;
        *at++ = REDO_INSERT_ROWS;
        at += put_varint(at, table->id.value);
        at += put_varint(at, ids[first].value);
        at += put_varint(at, count);
        for (uint32_t i = 0; i < count; i++)
            at = row_encode(definition->layout, batch, selection_row(all, first + i), at);
        TRY(txn_log_take(txn, (size_t)(at - room)));
    }
    return OK;
}

Status redo_update(
    Txn *txn, const Table *table, RowId row, const uint64_t *changed, const Value *values) {
    TRY(log_counters(txn, table));
    const RowLayout *layout = table_definition(table)->layout;
    uint32_t bit_bytes = (layout->column_count + 7) / 8;
    uint8_t *room;
    TRY(txn_log_reserve(
        txn, ROW_HEAD_BYTES_MAX + bit_bytes + values_bytes_max(layout, changed, values), &room));
    uint8_t *end = row_head_put(REDO_UPDATE, table, row, room);
    for (uint32_t i = 0; i < bit_bytes; i++)
        *end++ = (uint8_t)(changed[i / 8] >> (i % 8 * 8));
    end = values_put(layout, changed, values, end);
    return txn_log_take(txn, (size_t)(end - room));
}

Status redo_delete(Txn *txn, const Table *table, RowId row) {
    return redo_number(txn, REDO_DELETE, table->id.value, row.value);
}

Status redo_number(Txn *txn, RedoKind kind, uint64_t first, uint64_t second) {
    Operation operation;
    operation_begin(&operation, kind, first);
    text_append_varint(&operation.text, second);
    return operation_end(&operation, txn);
}

// ---- Definitions --------------------------------------------------------------------------------

static void name_encode(const char *name, Text *out) {
    size_t count = name == NULL ? 0 : strlen(name);
    text_append_varint(out, count);
    text_append(out, name, count);
}

static bool name_decode(Bytes *bytes, Arena *arena, const char **name_out) {
    uint64_t count;
    Bytes taken;
    if (!bytes_take_varint(bytes, &count) || count > 4096) return false;
    if (!bytes_take(bytes, (size_t)count, &taken)) return false;
    *name_out = arena_copy_text_n(arena, (const char *)taken.data, taken.count);
    return true;
}

enum { INDEX_IS_UNIQUE = 1, INDEX_IS_PRIMARY = 2, INDEX_NULLS_NOT_DISTINCT = 4 };

enum { KEY_DESCENDING = 1, KEY_NULLS_FIRST = 2, KEY_NULLABLE = 4 };

enum { COLUMN_DROPPED = 1, COLUMN_HAS_MISSING = 2 };

static void index_encode(const IndexSchema *index, Text *out) {
    text_append_varint(out, index->index_number);
    text_append_varint(out, index->object);
    text_append_u8(out, (uint8_t)((index->is_unique ? INDEX_IS_UNIQUE : 0)
                                  | (index->is_primary ? INDEX_IS_PRIMARY : 0)
                                  | (index->nulls_not_distinct ? INDEX_NULLS_NOT_DISTINCT : 0)));
    name_encode(index->name, out);
    text_append_varint(out, index->column_count);
    for (uint32_t i = 0; i < index->column_count; i++) {
        const KeyColumn *key = &index->keys[i];
        text_append_varint(out, index->columns[i]);
        text_append_varint(out, key->type);
        text_append_u8(out, (uint8_t)((key->is_descending ? KEY_DESCENDING : 0)
                                      | (key->nulls_first ? KEY_NULLS_FIRST : 0)
                                      | (key->is_nullable ? KEY_NULLABLE : 0)));
        name_encode(index->column_names[i], out);
    }
}

static Status malformed(const char *what) {
    return fail(DATA_CORRUPTED, "malformed %s", what);
}

Status index_decode(Bytes *bytes, Arena *arena, IndexSchema *index_out) {
    uint64_t number, object, count;
    uint8_t flags;
    *index_out = (IndexSchema){0};
    bool is_good = bytes_take_varint(bytes, &number) && number <= UINT32_MAX
                   && bytes_take_varint(bytes, &object) && object <= UINT32_MAX
                   && bytes_take_u8(bytes, &flags) && name_decode(bytes, arena, &index_out->name)
                   && bytes_take_varint(bytes, &count) && count >= 1 && count <= 32;
    if (!is_good) return malformed("index definition");
    index_out->index_number = (uint32_t)number;
    index_out->object = (Oid)object;
    index_out->is_unique = (flags & INDEX_IS_UNIQUE) != 0;
    index_out->is_primary = (flags & INDEX_IS_PRIMARY) != 0;
    index_out->nulls_not_distinct = (flags & INDEX_NULLS_NOT_DISTINCT) != 0;
    index_out->column_count = (uint32_t)count;
    uint16_t *columns = arena_new_array(arena, uint16_t, count);
    KeyColumn *keys = arena_new_array(arena, KeyColumn, count);
    const char **names = arena_new_array(arena, const char *, count);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t column, type;
        is_good = bytes_take_varint(bytes, &column) && column < ROW_COLUMNS_MAX
                  && bytes_take_varint(bytes, &type) && type <= UINT32_MAX
                  && bytes_take_u8(bytes, &flags) && name_decode(bytes, arena, &names[i]);
        if (!is_good) return malformed("index definition");
        columns[i] = (uint16_t)column;
        keys[i] = (KeyColumn){.type = (Oid)type,
            .is_descending = (flags & KEY_DESCENDING) != 0,
            .nulls_first = (flags & KEY_NULLS_FIRST) != 0,
            .is_nullable = (flags & KEY_NULLABLE) != 0};
    }
    index_out->columns = columns;
    index_out->keys = keys;
    index_out->column_names = names;
    return OK;
}

void schema_encode(const StoreSchema *schema, Text *out) {
    text_append_varint(out, schema->object);
    name_encode(schema->schema_name, out);
    name_encode(schema->table_name, out);
    text_append_varint(out, schema->column_count);
    for (uint32_t i = 0; i < schema->column_count; i++) {
        const StoreColumn *column = &schema->columns[i];
        bool has_missing = column->has_missing && !column->missing.is_null;
        text_append_varint(out, column->type.oid);
        text_append_varint(out, zigzag_encode(column->type.modifier));
        text_append_u8(out, (uint8_t)((column->is_dropped ? COLUMN_DROPPED : 0)
                                      | (has_missing ? COLUMN_HAS_MISSING : 0)));
        if (!has_missing) continue;
        PhysicalKind kind = type_physical(column->type.oid);
        RowColumn as_row = {.kind = kind, .width = physical_width[kind]};
        value_encode(&as_row, &column->missing, out);
    }
    text_append_varint(out, schema->index_count);
    for (uint32_t i = 0; i < schema->index_count; i++)
        index_encode(&schema->indexes[i], out);
}

static bool missing_decode(Bytes *bytes, Arena *arena, StoreColumn *column) {
    PhysicalKind kind = type_physical(column->type.oid);
    Bytes taken;
    uint64_t count = physical_width[kind];
    if (kind == PHYSICAL_VIEW && (!bytes_take_varint(bytes, &count) || count > UINT32_MAX)) {
        return false;
    }
    if (!bytes_take(bytes, (size_t)count, &taken)) return false;
    if (kind == PHYSICAL_VIEW) {
        column->missing.datum.view =
            view_make(arena_copy_bytes(arena, taken.data, taken.count), taken.count);
    } else {
        memcpy(&column->missing.datum, taken.data, taken.count);
    }
    return true;
}

Status schema_decode(Bytes *bytes, Arena *arena, StoreSchema *schema_out) {
    uint64_t object, column_count, index_count;
    *schema_out = (StoreSchema){0};
    bool is_good = bytes_take_varint(bytes, &object) && object <= UINT32_MAX
                   && name_decode(bytes, arena, &schema_out->schema_name)
                   && name_decode(bytes, arena, &schema_out->table_name)
                   && bytes_take_varint(bytes, &column_count) && column_count <= ROW_COLUMNS_MAX;
    if (!is_good) return malformed("store definition");
    StoreColumn *columns = arena_new_array(arena, StoreColumn, column_count);
    for (uint32_t i = 0; i < column_count; i++) {
        uint64_t type, modifier;
        uint8_t flags;
        is_good = bytes_take_varint(bytes, &type) && type <= UINT32_MAX
                  && bytes_take_varint(bytes, &modifier) && bytes_take_u8(bytes, &flags);
        if (!is_good) return malformed("store definition");
        columns[i] =
            (StoreColumn){.type = {.oid = (Oid)type, .modifier = (int32_t)zigzag_decode(modifier)},
                .is_dropped = (flags & COLUMN_DROPPED) != 0,
                .has_missing = (flags & COLUMN_HAS_MISSING) != 0,
                .missing = {.is_null = (flags & COLUMN_HAS_MISSING) == 0}};
        if (columns[i].has_missing && !missing_decode(bytes, arena, &columns[i])) {
            return malformed("store definition");
        }
    }
    if (!bytes_take_varint(bytes, &index_count) || index_count > 100000) {
        return malformed("store definition");
    }
    IndexSchema *indexes = arena_new_array(arena, IndexSchema, index_count);
    for (uint32_t i = 0; i < index_count; i++) {
        TRY(index_decode(bytes, arena, &indexes[i]));
        for (uint32_t j = 0; j < indexes[i].column_count; j++) {
            if (indexes[i].columns[j] >= column_count) return malformed("index definition");
        }
    }
    schema_out->object = (Oid)object;
    schema_out->column_count = (uint32_t)column_count;
    schema_out->columns = columns;
    schema_out->index_count = (uint32_t)index_count;
    schema_out->indexes = indexes;
    return OK;
}

Status redo_schema(Txn *txn, RedoKind kind, StoreId store, const StoreSchema *schema) {
    Operation operation;
    operation_begin(&operation, kind, store.value);
    schema_encode(schema, &operation.text);
    return operation_end(&operation, txn);
}

Status redo_index(Txn *txn, StoreId store, const IndexSchema *index) {
    Operation operation;
    operation_begin(&operation, REDO_ATTACH_INDEX, store.value);
    index_encode(index, &operation.text);
    return operation_end(&operation, txn);
}

// ---- Sequences ----------------------------------------------------------------------------------

void sequence_encode(uint64_t version, const SequenceState *state, Text *out) {
    text_append_varint(out, version);
    text_append_varint(out, zigzag_encode(state->last_value));
    text_append_varint(out, zigzag_encode(state->increment));
    text_append_varint(out, zigzag_encode(state->minimum));
    text_append_varint(out, zigzag_encode(state->maximum));
    text_append_varint(out, zigzag_encode(state->start));
    text_append_varint(out, zigzag_encode(state->cache));
    text_append_u8(out, (uint8_t)((state->is_called ? 1 : 0) | (state->is_cycled ? 2 : 0)));
}

bool sequence_decode(Bytes *bytes, uint64_t *version_out, SequenceState *state_out) {
    uint64_t numbers[6];
    uint8_t flags;
    if (!bytes_take_varint(bytes, version_out)) return false;
    for (int i = 0; i < 6; i++) {
        if (!bytes_take_varint(bytes, &numbers[i])) return false;
    }
    if (!bytes_take_u8(bytes, &flags)) return false;
    *state_out = (SequenceState){.last_value = zigzag_decode(numbers[0]),
        .increment = zigzag_decode(numbers[1]),
        .minimum = zigzag_decode(numbers[2]),
        .maximum = zigzag_decode(numbers[3]),
        .start = zigzag_decode(numbers[4]),
        .cache = zigzag_decode(numbers[5]),
        .is_called = (flags & 1) != 0,
        .is_cycled = (flags & 2) != 0};
    return true;
}

Status redo_sequence(Txn *txn, Oid oid, uint64_t version, const SequenceState *state) {
    Operation operation;
    operation_begin(&operation, REDO_SEQUENCE, oid);
    sequence_encode(version, state, &operation.text);
    return operation_end(&operation, txn);
}
