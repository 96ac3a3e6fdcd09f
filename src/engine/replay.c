// Reading the log back at open.
//
// Model    Two passes. The first finds the end, decides whether log and root belong together, and
//          notes which streamed transactions have committed: only their chunks need to be kept in
//          the second, which applies every transaction whose end lies behind the root's checkpoint,
//          in the order of the log.
// Errors   DATA_CORRUPTED for damage, and for a root that is older than its log.
#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/engine_internal.h"

#include <stdlib.h>

enum { TXN_FIXED_BYTES = 12, RANGE_BYTES = 16, PROGRESS_EVERY_BYTES = 8 << 20 };

// The redo of one transaction, as far as it has been streamed.
typedef struct Stream {
    TxnId txn;
    uint8_t *bytes;
    size_t count, capacity;
} Stream;

typedef struct Replay {
    Database *database;
    const StoreRoot *root;
    const ReplayScan *scan;
    Stream *streams; // one for each of scan->streamed
} Replay;

typedef struct TxnBody {
    int64_t wallclock_us;
    uint32_t range_count;
    Bytes ranges, operations;
} TxnBody;

static Status fail_record(const WalRecord *record, const char *what) {
    return fail(
        DATA_CORRUPTED, "log record at %016llx: %s", (unsigned long long)record->start.value, what);
}

static Status decode_txn(const WalRecord *record, TxnBody *body_out) {
    Bytes bytes = record->body;
    uint64_t wallclock;
    uint32_t range_count;
    if (!bytes_take_u64_le(&bytes, &wallclock) || !bytes_take_u32_le(&bytes, &range_count)
        || range_count > bytes.count / RANGE_BYTES) {
        return fail_record(record, "a transaction's body is too short");
    }
    body_out->wallclock_us = (int64_t)wallclock;
    body_out->range_count = range_count;
    bool is_taken = bytes_take(&bytes, (size_t)range_count * RANGE_BYTES, &body_out->ranges);
    ASSERT(is_taken);
    body_out->operations = bytes;
    return OK;
}

static void report(const Database *database, const char *what, Lsn from, Lsn at, Lsn end) {
    if (database->options.progress == NULL) return;
    double fraction = end.value > from.value
                          ? (double)(at.value - from.value) / (double)(end.value - from.value)
                          : 1.0;
    database->options.progress(database->options.progress_argument, what, fraction);
}

// ---- The first pass -----------------------------------------------------------------------------

typedef struct IdList {
    Arena *arena;
    TxnId *ids;
    size_t count, capacity;
} IdList;

static void list_add(IdList *list, TxnId txn) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        TxnId *ids = arena_new_array(list->arena, TxnId, capacity);
        if (list->count > 0) memcpy(ids, list->ids, list->count * sizeof *ids);
        list->ids = ids;
        list->capacity = capacity;
    }
    list->ids[list->count++] = txn;
}

static int id_compare(const void *a, const void *b) {
    uint64_t left = ((const TxnId *)a)->value, right = ((const TxnId *)b)->value;
    return (left > right) - (left < right);
}

// A CHECKPOINT_END tells which root is durable: an older one must not be opened any more.
static Status scan_end(const WalRecord *record, const StoreRoot *root, bool *has_end_inout) {
    if (record->body.count != 8) return fail_record(record, "wrong length");
    uint64_t generation = get_u64_le(record->body.data);
    if (generation == root->generation) *has_end_inout = true;
    if (generation <= root->generation) return OK;
    Status status = fail(DATA_CORRUPTED,
        "the data file is older than its log: it has root %llu, the log knows of root %llu",
        (unsigned long long)root->generation, (unsigned long long)generation);
    error_add_hint("Both copies of the newest root are damaged, or the file was replaced.");
    return status;
}

static Status scan_record(
    const WalRecord *record, const StoreRoot *root, ReplayScan *scan, IdList *streamed) {
    if (record->txn.value > scan->txn_max.value) scan->txn_max = record->txn;
    scan->record_count++;
    if (record->type == WAL_CHECKPOINT_END) TRY(scan_end(record, root, &scan->has_end));
    if (record->type == WAL_TXN && record->end.value > root->checkpoint.value) {
        TxnBody body;
        TRY(decode_txn(record, &body));
        if (body.range_count > 0) list_add(streamed, record->txn);
    }
    return OK;
}

Status replay_scan(
    const Database *database, const StoreRoot *root, Arena *arena, ReplayScan *scan_out) {
    WalReader *reader;
    TRY(wal_reader_open(
        database->environment, database->wal_path, &database->wal_options, root->redo, &reader));
    ReplayScan scan = {0};
    IdList streamed = {.arena = arena};
    Status status;
    for (;;) {
        WalRecord record;
        bool is_found;
        status = wal_reader_next(reader, &record, &is_found);
        if (status != OK || !is_found) break;
        status = scan_record(&record, root, &scan, &streamed);
        if (status != OK) break;
    }
    if (status == OK) {
        scan.end = wal_reader_end(reader, &scan.is_torn);
        scan.bytes = scan.end.value - root->redo.value;
        if (streamed.count > 0) {
            qsort(streamed.ids, streamed.count, sizeof *streamed.ids, id_compare);
        }
        scan.streamed = streamed.ids;
        scan.streamed_count = streamed.count;
        status = arena_check(arena);
    }
    wal_reader_close(reader);
    if (status == OK) *scan_out = scan;
    return status;
}

// The size of the log's files, of which an older root may know another; 0 for no log.
static Status find_file_bytes(const Database *database, Arena *arena, uint64_t *bytes_out) {
    *bytes_out = 0;
    if (!file_exists(database->environment.files, database->wal_path)) return OK;
    const char **names;
    size_t count;
    TRY(folder_list(database->environment.files, database->wal_path, arena, &names, &count));
    if (count == 0) return OK;
    File *file;
    TRY(file_open(database->environment.files,
        arena_format(arena, "%s/%s", database->wal_path, names[count - 1]), (FileOptions){0},
        &file));
    Status status = file_get_size(file, bytes_out);
    file_close(file);
    return status;
}

// What a close has left of its log is of no use, and is before the root. The log of a root that was
// in use begins where this one would.
Status replay_check_clean(const Database *database, const StoreRoot *root) {
    Arena arena;
    arena_init(&arena, NULL);
    WalOptions options = database->wal_options;
    Status status = find_file_bytes(database, &arena, &options.file_bytes);
    arena_deinit(&arena);
    uint64_t unit = options.file_bytes;
    if (status != OK || unit < 1 << 20 || (unit & (unit - 1)) != 0) return status;
    WalReader *reader;
    status = wal_reader_open(
        database->environment, database->wal_path, &options, replay_first_lsn(root, unit), &reader);
    if (status == DATA_CORRUPTED) { // no record there
        error_clear();
        return OK;
    }
    TRY(status);
    WalRecord record;
    bool is_found = true, has_end = false;
    while (status == OK && is_found && !has_end) {
        status = wal_reader_next(reader, &record, &is_found);
        if (status == OK && is_found && record.type == WAL_CHECKPOINT_END) {
            status = scan_end(&record, root, &has_end);
        }
    }
    wal_reader_close(reader);
    return status;
}

// ---- The second pass ----------------------------------------------------------------------------

// The stream of a transaction that will be applied; NULL for any other.
static Stream *find_stream(Replay *replay, TxnId txn) {
    const TxnId *found = replay->scan->streamed_count == 0
                             ? NULL
                             : bsearch(&txn, replay->scan->streamed, replay->scan->streamed_count,
                                 sizeof txn, id_compare);
    return found == NULL ? NULL : &replay->streams[found - replay->scan->streamed];
}

static Status keep_chunk(Replay *replay, const WalRecord *record) {
    Stream *stream = find_stream(replay, record->txn);
    if (stream == NULL) return OK; // it never committed
    Bytes bytes = record->body;
    uint64_t offset;
    if (!bytes_take_u64_le(&bytes, &offset) || offset != stream->count) {
        return fail_record(record, "a piece of a transaction is not where the one before it ends");
    }
    if (stream->count + bytes.count > stream->capacity) {
        size_t capacity = (stream->count + bytes.count) * 2;
        uint8_t *grown = realloc(stream->bytes, capacity);
        if (grown == NULL) return fail(OUT_OF_MEMORY, "out of memory");
        stream->bytes = grown;
        stream->capacity = capacity;
    }
    memcpy(stream->bytes + stream->count, bytes.data, bytes.count);
    stream->count += bytes.count;
    return OK;
}

// Moves what survives of a stream to its front, and the inline operations behind it.
static Status assemble(
    const WalRecord *record, Stream *stream, const TxnBody *body, Bytes *operations_out) {
    size_t kept = 0;
    uint64_t previous = 0;
    for (uint32_t i = 0; i < body->range_count; i++) {
        uint64_t from = get_u64_le(body->ranges.data + (size_t)i * RANGE_BYTES);
        uint64_t to = get_u64_le(body->ranges.data + (size_t)i * RANGE_BYTES + 8);
        if (from < previous || to < from || to > stream->count) {
            return fail_record(record, "a transaction names pieces that are not in the log");
        }
        memmove(stream->bytes + kept, stream->bytes + from, (size_t)(to - from));
        kept += (size_t)(to - from);
        previous = to;
    }
    stream->count = kept;
    if (kept + body->operations.count > stream->capacity) {
        uint8_t *grown = realloc(stream->bytes, kept + body->operations.count);
        if (grown == NULL) return fail(OUT_OF_MEMORY, "out of memory");
        stream->bytes = grown;
        stream->capacity = kept + body->operations.count;
    }
    if (body->operations.count > 0) {
        memcpy(stream->bytes + kept, body->operations.data, body->operations.count);
    }
    *operations_out = bytes_make(stream->bytes, kept + body->operations.count);
    return OK;
}

static Status apply_txn(Replay *replay, const WalRecord *record) {
    if (record->end.value <= replay->root->checkpoint.value) return OK; // in the image
    TxnBody body;
    TRY(decode_txn(record, &body));
    Bytes operations = body.operations;
    Stream *stream = NULL;
    if (body.range_count > 0) {
        stream = find_stream(replay, record->txn);
        if (stream == NULL) return fail_record(record, "a transaction has no pieces");
        TRY(assemble(record, stream, &body, &operations));
    }
    bool is_in_image = record->end.value <= replay->root->image.value;
    Status status = table_set_replay(replay->database->tables, operations, is_in_image);
    if (stream != NULL) {
        free(stream->bytes);
        *stream = (Stream){0};
    }
    return status;
}

static Status apply_record(Replay *replay, const WalRecord *record) {
    switch (record->type) {
    case WAL_TXN:
        return apply_txn(replay, record);
    case WAL_CHUNK:
        return keep_chunk(replay, record);
    case WAL_COUNTERS:
        return table_set_replay_counters(replay->database->tables, record->body);
    case WAL_PREPARE:
    case WAL_RESOLVE:
        return fail(FEATURE_NOT_SUPPORTED, "the log holds prepared transactions");
    case WAL_CHUNK_ABORT:
    case WAL_RELATION:
    case WAL_CHECKPOINT_BEGIN:
    case WAL_CHECKPOINT_END:
    case WAL_MESSAGE:
    case WAL_PAD:
    case WAL_RESUME:
        return OK;
    }
    return fail_record(record, "its type is not known");
}

static Status apply_all(Replay *replay, WalReader *reader) {
    const StoreRoot *root = replay->root;
    Lsn end = replay->scan->end;
    uint64_t reported = root->redo.value;
    for (;;) {
        WalRecord record;
        bool is_found;
        TRY(wal_reader_next(reader, &record, &is_found));
        if (!is_found || record.start.value >= end.value) return OK; // behind it is our own RESUME
        Status status = apply_record(replay, &record);
        if (status != OK) {
            error_add_context(
                "redo of the log record at %016llx", (unsigned long long)record.start.value);
            return status;
        }
        if (record.end.value - reported >= PROGRESS_EVERY_BYTES) {
            reported = record.end.value;
            report(replay->database, "replaying the log", root->redo, record.end, end);
        }
    }
}

Status replay_apply(Database *database, const StoreRoot *root, const ReplayScan *scan) {
    Replay replay = {.database = database, .root = root, .scan = scan};
    replay.streams = calloc(scan->streamed_count + 1, sizeof *replay.streams);
    if (replay.streams == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    WalReader *reader = NULL;
    Status status = wal_reader_open(
        database->environment, database->wal_path, &database->wal_options, root->redo, &reader);
    if (status == OK) status = apply_all(&replay, reader);
    wal_reader_close(reader);
    for (size_t i = 0; i < scan->streamed_count; i++)
        free(replay.streams[i].bytes);
    free(replay.streams);
    if (status == OK) report(database, "replaying the log", root->redo, scan->end, scan->end);
    return status;
}
