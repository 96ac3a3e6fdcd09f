// Recovery: one transaction's operations, applied in one version, by one thread.
//
// Model    Replay starts after the snapshot of the image. Up to the image's end, pages may hold
// what
//          a transaction did, and what later ones did: rows are put absolutely, so that all is well
//          at that end, but an update may meet a row that is gone. After it every operation finds
//          what it changed. Index entries may be there already: adding is idempotent.
#include "base/assert.h"
#include "base/error.h"
#include "table/table_internal.h"

typedef struct Replay {
    TableSet *set;
    Bytes rest;
    Arena arena; // of one operation
    bool is_in_image;
} Replay;

static Status malformed(const char *what) {
    return fail(DATA_CORRUPTED, "malformed operation in the log: %s", what);
}

static Status take_table(Replay *replay, Table **table_out) {
    uint64_t store;
    if (!bytes_take_varint(&replay->rest, &store) || store > UINT32_MAX) return malformed("store");
    *table_out = table_find(replay->set, (StoreId){(uint32_t)store});
    if (*table_out == NULL) {
        return fail(DATA_CORRUPTED, "the log changes store %llu, which does not exist",
            (unsigned long long)store);
    }
    return OK;
}

static Status take_row(Replay *replay, Table **table_out, RowId *row_out) {
    TRY(take_table(replay, table_out));
    if (!bytes_take_varint(&replay->rest, &row_out->value) || row_out->value > ROW_ID_MAX) {
        return malformed("row id");
    }
    return OK;
}

static Status entries_add(Table *table, RowId row, const Value *values) {
    const Definition *definition = table_definition(table);
    KeyText key;
    key_text_init(&key);
    Status status = OK;
    for (uint32_t i = 0; i < definition->schema.index_count && status == OK; i++) {
        TableIndex *index = definition->indexes[i];
        bool has_null;
        status = index_key(index, values, &key.text, &has_null);
        if (status == OK) {
            status = learned_index_add(index->learned, text_bytes(&key.text), row);
        }
    }
    key_text_deinit(&key);
    return status;
}

static Status replay_insert(Replay *replay) {
    Table *table;
    RowId row;
    TRY(take_row(replay, &table, &row));
    const Definition *definition = table_definition(table);
    Value *values = arena_new_array(&replay->arena, Value, definition->schema.column_count);
    if (!values_decode(&replay->rest, definition->layout, definition->all_columns, values)) {
        return malformed("row");
    }
    TRY(row_store_replay_put(table->rows, row, values));
    return entries_add(table, row, values);
}

static Status replay_insert_rows(Replay *replay) {
    Table *table;
    RowId first;
    uint64_t count;
    TRY(take_row(replay, &table, &first));
    if (!bytes_take_varint(&replay->rest, &count) || count > BATCH_ROW_COUNT) {
        return malformed("row count");
    }
    const Definition *definition = table_definition(table);
    Value *values = arena_new_array(&replay->arena, Value, definition->schema.column_count);
    for (uint64_t i = 0; i < count; i++) {
        if (!values_decode(&replay->rest, definition->layout, definition->all_columns, values)) {
            return malformed("row");
        }
        RowId row = {first.value + i};
        TRY(row_store_replay_put(table->rows, row, values));
        TRY(entries_add(table, row, values));
    }
    return OK;
}

static bool intersects(const uint64_t *a, const uint64_t *b, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if ((a[i] & b[i]) != 0) return true;
    }
    return false;
}

static Status replay_update(Replay *replay) {
    Table *table;
    RowId row;
    TRY(take_row(replay, &table, &row));
    const Definition *definition = table_definition(table);
    uint32_t count = definition->layout->column_count;
    Bytes bits;
    if (!bytes_take(&replay->rest, (count + 7) / 8, &bits)) return malformed("columns");
    uint64_t *changed = arena_new_array(&replay->arena, uint64_t, definition->word_count);
    for (uint32_t i = 0; i < count; i++) {
        if ((bits.data[i / 8] >> (i % 8) & 1) != 0) changed[i / 64] |= UINT64_C(1) << (i % 64);
    }
    Value *values = arena_new_array(&replay->arena, Value, count);
    if (!values_decode(&replay->rest, definition->layout, changed, values)) return malformed("row");
    bool has_keys = intersects(changed, definition->key_columns, definition->word_count);
    Value *keys = arena_new_array(&replay->arena, Value, count);
    bool was_live = false, is_found;
    if (has_keys) {
        TRY(row_store_values_now(
            table->rows, row, definition->key_columns, &replay->arena, keys, &was_live));
    }
    TRY(row_store_replay_update(table->rows, row, changed, values, &is_found));
    if (!is_found) {
        return replay->is_in_image ? OK : malformed("it updates a row that is not there");
    }
    if (!was_live) return OK;
    Value *now = arena_new_array(&replay->arena, Value, count);
    bool is_live;
    TRY(row_store_values_now(
        table->rows, row, definition->key_columns, &replay->arena, now, &is_live));
    TRY(entries_add(table, row, now));
    indexes_remove(table, keys, row);
    return OK;
}

static Status replay_delete(Replay *replay) {
    Table *table;
    RowId row;
    TRY(take_row(replay, &table, &row));
    const Definition *definition = table_definition(table);
    Value *keys = arena_new_array(&replay->arena, Value, definition->schema.column_count);
    bool was_live;
    TRY(row_store_values_now(
        table->rows, row, definition->key_columns, &replay->arena, keys, &was_live));
    TRY(row_store_replay_delete(table->rows, row));
    if (was_live && definition->schema.index_count > 0) indexes_remove(table, keys, row);
    return OK;
}

static Status take_schema(Replay *replay, StoreId *store_out, StoreSchema *schema_out) {
    uint64_t store;
    if (!bytes_take_varint(&replay->rest, &store) || store > UINT32_MAX) return malformed("store");
    store_out->value = (uint32_t)store;
    return schema_decode(&replay->rest, &replay->arena, schema_out);
}

static Status replay_new_store(Replay *replay) {
    StoreId store;
    StoreSchema schema;
    TRY(take_schema(replay, &store, &schema));
    return table_set_bootstrap(replay->set, store, &schema);
}

static Status replay_alter_store(Replay *replay) {
    StoreId store;
    StoreSchema schema;
    TRY(take_schema(replay, &store, &schema));
    return table_store_alter(replay->set, NULL, store, &schema);
}

static Status replay_drop_store(Replay *replay) {
    Table *table;
    uint64_t unused;
    TRY(take_table(replay, &table));
    if (!bytes_take_varint(&replay->rest, &unused)) return malformed("drop");
    table_unregister(replay->set, table);
    table_destroy(table, true);
    return OK;
}

static Status replay_attach_index(Replay *replay) {
    Table *table;
    IndexSchema schema;
    TRY(take_table(replay, &table));
    TRY(index_decode(&replay->rest, &replay->arena, &schema));
    return table_index_create(replay->set, NULL, table->id, &schema);
}

static Status replay_detach_index(Replay *replay) {
    Table *table;
    uint64_t number;
    TRY(take_table(replay, &table));
    if (!bytes_take_varint(&replay->rest, &number)) return malformed("index");
    return table_index_drop(replay->set, NULL, table->id, (uint32_t)number);
}

static Status replay_sequence(Replay *replay) {
    uint64_t oid, version;
    SequenceState state;
    if (!bytes_take_varint(&replay->rest, &oid) || oid > UINT32_MAX
        || !sequence_decode(&replay->rest, &version, &state)) {
        return malformed("sequence");
    }
    Sequence *sequence = sequence_find(replay->set, (Oid)oid);
    if (sequence == NULL) TRY(sequence_add(replay->set, (Oid)oid, &state, &sequence));
    if (version > sequence->version) {
        sequence->version = version;
        sequence->state = state;
    }
    return OK;
}

static Status replay_drop_sequence(Replay *replay) {
    uint64_t oid, unused;
    if (!bytes_take_varint(&replay->rest, &oid) || !bytes_take_varint(&replay->rest, &unused)) {
        return malformed("sequence");
    }
    Sequence *sequence = sequence_find(replay->set, (Oid)oid);
    if (sequence != NULL) sequence_remove(replay->set, sequence);
    return OK;
}

static void raise(_Atomic uint64_t *counter, uint64_t value) {
    if (atomic_load(counter) < value) atomic_store(counter, value);
}

static Status replay_counter(Replay *replay) {
    uint64_t store, oid, next_store;
    bool is_good = bytes_take_varint(&replay->rest, &store)
                   && bytes_take_varint(&replay->rest, &oid)
                   && bytes_take_varint(&replay->rest, &next_store);
    if (!is_good) return malformed("counters");
    raise(&replay->set->next_oid, oid);
    raise(&replay->set->next_store, next_store);
    return OK;
}

static Status replay_one(Replay *replay) {
    uint8_t kind;
    if (!bytes_take_u8(&replay->rest, &kind)) return malformed("it is empty");
    switch ((RedoKind)kind) {
    case REDO_INSERT:
        return replay_insert(replay);
    case REDO_UPDATE:
        return replay_update(replay);
    case REDO_DELETE:
        return replay_delete(replay);
    case REDO_NEW_STORE:
        return replay_new_store(replay);
    case REDO_ALTER_STORE:
        return replay_alter_store(replay);
    case REDO_DROP_STORE:
        return replay_drop_store(replay);
    case REDO_ATTACH_INDEX:
        return replay_attach_index(replay);
    case REDO_DETACH_INDEX:
        return replay_detach_index(replay);
    case REDO_SEQUENCE:
        return replay_sequence(replay);
    case REDO_DROP_SEQUENCE:
        return replay_drop_sequence(replay);
    case REDO_STORE_COUNTER:
        return replay_counter(replay);
    case REDO_INSERT_ROWS:
        return replay_insert_rows(replay);
    }
    return malformed("unknown kind");
}

Status table_set_replay(TableSet *set, Bytes operations, bool is_in_image) {
    Replay replay = {.set = set, .rest = operations, .is_in_image = is_in_image};
    arena_init(&replay.arena, NULL);
    Status status = OK;
    while (replay.rest.count > 0 && status == OK) {
        arena_reset(&replay.arena);
        status = replay_one(&replay);
        if (status == OK) status = arena_check(&replay.arena);
    }
    arena_deinit(&replay.arena);
    return status;
}

Status table_set_replay_counters(TableSet *set, Bytes body) {
    uint32_t next_store, next_oid, count;
    uint64_t next_txn;
    bool is_good = bytes_take_u32_le(&body, &next_store) && bytes_take_u32_le(&body, &next_oid)
                   && bytes_take_u64_le(&body, &next_txn) && bytes_take_u32_le(&body, &count);
    if (!is_good) return malformed("counters");
    raise(&set->next_store, next_store);
    raise(&set->next_oid, next_oid);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t oid;
        uint64_t value;
        uint8_t is_called;
        is_good = bytes_take_u32_le(&body, &oid) && bytes_take_u64_le(&body, &value)
                  && bytes_take_u8(&body, &is_called);
        if (!is_good) return malformed("counters");
        Sequence *sequence = sequence_find(set, oid);
        if (sequence == NULL) continue;
        sequence->state.last_value = (int64_t)value;
        sequence->state.is_called = is_called != 0;
    }
    return OK;
}
