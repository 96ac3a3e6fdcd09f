// Scans, fetches by row id, index scans, and the short path by key.
#include "base/assert.h"
#include "base/error.h"
#include "table/table_internal.h"

#include <stdlib.h>

enum { ENTRY_COUNT = 256, FIND_COUNT = 16 };

Batch *table_batch_make(Arena *arena, const Table *table, const uint64_t *columns) {
    const StoreSchema *schema = table_schema(table);
    Oid *types = arena_new_array(arena, Oid, schema->column_count);
    for (uint32_t i = 0; i < schema->column_count; i++)
        types[i] = schema->columns[i].type.oid;
    return row_batch_make(arena, table->set->cache, types, schema->column_count, columns);
}

// ---- Scan ---------------------------------------------------------------------------------------

struct TableScan {
    Table *table;
    UndoReader reader;
    Mutex mutex; // of the position: several threads may scan
    RowPosition position, end;
};

Status table_scan_open(Table *table, Snapshot snapshot, [[maybe_unused]] const uint64_t *columns,
    Arena *arena, TableScan **scan_out) {
    TableScan *scan = arena_new(arena, TableScan);
    TRY(arena_check(arena));
    scan->table = table;
    scan->reader = undo_reader(snapshot);
    mutex_init(&scan->mutex, LATCH_RANK_TABLE_SET);
    scan->end = row_store_end(table->rows);
    *scan_out = scan;
    return OK;
}

// The next pages, as many as the batch surely holds.
static bool claim(TableScan *scan, uint32_t row_room, RowPosition *from_out, RowPosition *to_out) {
    mutex_lock(&scan->mutex);
    *from_out = scan->position;
    bool has_some = row_store_advance(scan->table->rows, &scan->position, scan->end, row_room);
    *to_out = scan->position;
    mutex_unlock(&scan->mutex);
    return has_some;
}

Status table_scan_next(TableScan *scan, Batch *batch_out) {
    batch_clear(batch_out);
    RowPosition from, to;
    // The columns to read are the batch's. Pages with few rows leave room for more pages.
    while (claim(scan, BATCH_ROW_COUNT - batch_out->row_count, &from, &to)) {
        TRY(row_store_scan(scan->table->rows, &scan->reader, &from, to, row_batch_of(batch_out)));
    }
    return OK;
}

void table_scan_close(TableScan *scan) {
    if (scan != NULL) mutex_deinit(&scan->mutex);
}

// ---- Fetch --------------------------------------------------------------------------------------

Status table_fetch(Table *table, Snapshot snapshot, [[maybe_unused]] const uint64_t *columns,
    const RowId *rows, uint32_t row_count, Batch *batch_out) {
    batch_clear(batch_out);
    ASSERT(row_count <= BATCH_ROW_COUNT);
    UndoReader reader = undo_reader(snapshot);
    uint32_t done;
    return row_store_fetch(
        table->rows, &reader, rows, row_count, NULL, row_batch_of(batch_out), &done);
}

// ---- Index scan ---------------------------------------------------------------------------------

static TableIndex *index_find(const Table *table, uint32_t index_number) {
    const Definition *definition = table_definition(table);
    for (uint32_t i = 0; i < definition->schema.index_count; i++) {
        if (definition->indexes[i]->schema.index_number == index_number) {
            return definition->indexes[i];
        }
    }
    return NULL;
}

// An index knows the versions that were there when it was built, no older ones (storage-rules 18).
static bool index_covers(const TableIndex *index, Snapshot snapshot) {
    if (birth_commit(&index->birth) <= snapshot.lsn.value) return true;
    const TxnHistory *own = snapshot.own == NULL ? NULL : txn_history(snapshot.own);
    return own != NULL && own == index->birth.history && atomic_load(&own->id) == index->birth.id;
}

static Status index_require(
    const Table *table, uint32_t index_number, Snapshot snapshot, TableIndex **index_out) {
    *index_out = index_find(table, index_number);
    if (*index_out != NULL && index_covers(*index_out, snapshot)) return OK;
    if (*index_out != NULL) {
        return fail(SERIALIZATION_FAILURE,
            "could not serialize access: index \"%s\" is newer than the snapshot",
            (*index_out)->schema.name);
    }
    return fail(UNDEFINED_OBJECT, "index %u of table \"%s\" does not exist", index_number,
        table_schema(table)->table_name);
}

// Bounds of a range as bytes. Every byte string between them is a key of the range.
typedef struct Bounds {
    KeyText low, high;
    KeyRange range;
    bool is_empty;
} Bounds;

static bool has_null(const Value *values, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (values[i].is_null) return true;
    }
    return false;
}

// A column with a bound on one side only leaves out NULLs, whichever end they are at.
static void exclude_nulls(const TableIndex *index, const IndexRange *range, Bounds *bounds) {
    enum { KEY_VALUE_MARK = 1, KEY_NULL_LAST_MARK = 2 }; // types/key.h

    if (range->low_count > range->high_count) {
        const KeyColumn *column = &index->schema.keys[range->high_count];
        bool is_open = bounds->range.high.data == NULL || range->high_count > 0;
        if (!column->is_nullable || column->nulls_first || !is_open) return;
        bounds->high.text.count = 0;
        key_append_prefix(&index->format, range->high_count, range->high, &bounds->high.text);
        text_append_u8(&bounds->high.text, KEY_NULL_LAST_MARK);
        bounds->range.high = text_bytes(&bounds->high.text);
        bounds->range.high_inclusive = false;
    } else if (range->high_count > range->low_count) {
        const KeyColumn *column = &index->schema.keys[range->low_count];
        if (!column->is_nullable || !column->nulls_first) return;
        bounds->low.text.count = 0;
        key_append_prefix(&index->format, range->low_count, range->low, &bounds->low.text);
        text_append_u8(&bounds->low.text, KEY_VALUE_MARK);
        bounds->range.low = text_bytes(&bounds->low.text);
        bounds->range.low_inclusive = true;
    }
}

static void bounds_init(const TableIndex *index, const IndexRange *range, Bounds *bounds) {
    key_text_init(&bounds->low);
    key_text_init(&bounds->high);
    bounds->range = (KeyRange){.low_inclusive = true};
    bounds->is_empty =
        has_null(range->low, range->low_count) || has_null(range->high, range->high_count);
    if (bounds->is_empty) return;
    if (range->low_count > 0) {
        key_append_prefix(&index->format, range->low_count, range->low, &bounds->low.text);
        if (!range->low_inclusive) {
            key_successor(&bounds->low.text);
            bounds->is_empty = bounds->low.text.count == 0; // nothing is above
        }
        bounds->range.low = text_bytes(&bounds->low.text);
    }
    if (range->high_count > 0) {
        key_append_prefix(&index->format, range->high_count, range->high, &bounds->high.text);
        if (range->high_inclusive) key_successor(&bounds->high.text);
        if (bounds->high.text.count > 0) bounds->range.high = text_bytes(&bounds->high.text);
    }
    exclude_nulls(index, range, bounds);
}

static void bounds_deinit(Bounds *bounds) {
    key_text_deinit(&bounds->low);
    key_text_deinit(&bounds->high);
}

struct IndexScan {
    Table *table;
    UndoReader reader;
    TableIndex *index;
    IndexCursor *cursor; // NULL for an empty range
    RowId rows[ENTRY_COUNT];
    Bytes keys[ENTRY_COUNT];
    uint32_t count, next; // entries taken from the cursor and not looked at yet
};

Status table_index_scan_open(Table *table, Snapshot snapshot,
    [[maybe_unused]] const uint64_t *columns, const IndexRange *range, Arena *arena,
    IndexScan **scan_out) {
    TableIndex *index;
    TRY(index_require(table, range->index_number, snapshot, &index));
    IndexScan *scan = arena_allocate(arena, sizeof *scan, _Alignof(IndexScan));
    TRY(arena_check(arena));
    // Not all of it: the entries are most of it, and are written before they are read.
    scan->table = table;
    scan->reader = undo_reader(snapshot);
    scan->index = index;
    scan->cursor = NULL;
    scan->count = scan->next = 0;
    Bounds bounds;
    bounds_init(index, range, &bounds);
    Status status = OK;
    if (!bounds.is_empty) {
        // The cursor may outlive the bounds' buffers.
        KeyRange kept = bounds.range;
        if (kept.low.data != NULL) {
            kept.low.data = arena_copy_bytes(arena, kept.low.data, kept.low.count);
        }
        if (kept.high.data != NULL) {
            kept.high.data = arena_copy_bytes(arena, kept.high.data, kept.high.count);
        }
        status =
            learned_index_seek(index->learned, &kept, range->is_backward, arena, &scan->cursor);
    }
    bounds_deinit(&bounds);
    TRY(status);
    *scan_out = scan;
    return OK;
}

Status table_index_scan_next(IndexScan *scan, uint32_t row_max, Batch *batch_out) {
    batch_clear(batch_out);
    if (scan->cursor == NULL) return OK;
    if (row_max > BATCH_ROW_COUNT) row_max = BATCH_ROW_COUNT;
    KeyCheck check = index_key_check(scan->index);
    while (batch_out->row_count < row_max) {
        if (scan->next == scan->count) {
            uint32_t wanted = row_max - batch_out->row_count;
            if (wanted > ENTRY_COUNT) wanted = ENTRY_COUNT;
            TRY(index_cursor_next(scan->cursor, scan->rows, scan->keys, wanted, &scan->count));
            scan->next = 0;
            if (scan->count == 0) break;
        }
        uint32_t room = row_max - batch_out->row_count;
        uint32_t asked = scan->count - scan->next < room ? scan->count - scan->next : room;
        uint32_t done;
        check.keys = scan->keys + scan->next;
        TRY(row_store_fetch(scan->table->rows, &scan->reader, scan->rows + scan->next, asked,
            &check, row_batch_of(batch_out), &done));
        scan->next += done;
    }
    return OK;
}

void table_index_scan_close(IndexScan *scan) {
    if (scan != NULL && scan->cursor != NULL) index_cursor_close(scan->cursor);
}

// ---- By key -------------------------------------------------------------------------------------

// The key of one signed integer, as key_append makes it: big-endian with its sign turned round.
static void integer_key(uint32_t width, const Datum *datum, uint8_t *bytes_out) {
    if (width == 8) {
        put_u64_be(bytes_out, (uint64_t)datum->int8 ^ UINT64_C(1) << 63);
    } else {
        put_u32_be(bytes_out, (uint32_t)datum->int4 ^ UINT32_C(1) << 31);
    }
}

static Status find_many(
    Table *table, const UndoReader *reader, TableIndex *index, Bytes key, Batch *batch_out) {
    Arena arena;
    arena_init(&arena, NULL);
    KeyRange range = {.low = key, .high = key, .low_inclusive = true, .high_inclusive = true};
    KeyCheck check = index_key_check(index);
    IndexCursor *cursor;
    Status status = learned_index_seek(index->learned, &range, false, &arena, &cursor);
    if (status != OK) {
        arena_deinit(&arena);
        return status;
    }
    while (status == OK && batch_out->row_count < BATCH_ROW_COUNT) {
        RowId rows[FIND_COUNT];
        Bytes keys[FIND_COUNT];
        uint32_t count, done;
        status = index_cursor_next(cursor, rows, keys, FIND_COUNT, &count);
        if (status != OK || count == 0) break;
        check.keys = keys;
        status = row_store_fetch(
            table->rows, reader, rows, count, &check, row_batch_of(batch_out), &done);
        if (status == OK && done < count) {
            status = fail(PROGRAM_LIMIT_EXCEEDED, "too many rows have one key for this access");
        }
    }
    index_cursor_close(cursor);
    arena_deinit(&arena);
    return status;
}

static Status find_bytes(
    Table *table, const UndoReader *reader, TableIndex *index, Bytes key, Batch *batch_out) {
    RowId rows[FIND_COUNT];
    uint32_t count;
    bool has_more;
    TRY(learned_index_find(index->learned, key, rows, FIND_COUNT, &count, &has_more));
    if (count == 0) return OK;
    if (has_more) return find_many(table, reader, index, key, batch_out);
    Bytes keys[FIND_COUNT];
    for (uint32_t i = 0; i < count; i++)
        keys[i] = key;
    KeyCheck check = index_key_check(index);
    check.keys = keys;
    uint32_t done;
    return row_store_fetch(
        table->rows, reader, rows, count, &check, row_batch_of(batch_out), &done);
}

Status table_find_key(Table *table, Snapshot snapshot, [[maybe_unused]] const uint64_t *columns,
    uint32_t index_number, const Value *key, Batch *batch_out) {
    batch_clear(batch_out);
    TableIndex *index;
    TRY(index_require(table, index_number, snapshot, &index));
    if (has_null(key, index->schema.column_count)) return OK;
    UndoReader reader = undo_reader(snapshot);
    if (index->integer_width != 0) {
        uint8_t bytes[sizeof(uint64_t)];
        integer_key(index->integer_width, &key->datum, bytes);
        return find_bytes(
            table, &reader, index, bytes_make(bytes, index->integer_width), batch_out);
    }
    KeyText text;
    key_text_init(&text);
    key_append(&index->format, key, &text.text);
    Status status = find_bytes(table, &reader, index, text_bytes(&text.text), batch_out);
    key_text_deinit(&text);
    return status;
}

double table_index_estimate(Table *table, const IndexRange *range) {
    TableIndex *index = index_find(table, range->index_number);
    if (index == NULL) return 1;
    double total = (double)learned_index_entry_count(index->learned);
    Bounds bounds;
    bounds_init(index, range, &bounds);
    double share = 0;
    if (!bounds.is_empty && total > 0) {
        double low = bounds.range.low.data == NULL
                         ? 0
                         : learned_index_rank(index->learned, bounds.range.low);
        double high = bounds.range.high.data == NULL
                          ? total
                          : learned_index_rank(index->learned, bounds.range.high);
        share = high > low ? (high - low) / total : 0;
    }
    bounds_deinit(&bounds);
    return share > 1 ? 1 : share;
}
