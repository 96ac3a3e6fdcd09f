// A transaction's redo: private bytes until it commits, streamed to the log beyond a limit.
//
// Format   docs/wal-format.md: TXN body = wall clock u64, range count u32, the ranges (from u64,
//          to u64) of chunk offsets that survive, then operations; CHUNK body = offset u64, bytes.
// Model    Offsets count every byte that was added and not taken back before it was streamed. A
//          rollback to before what was streamed leaves a hole in the surviving ranges
//          (storage-rules 2).
#include "base/assert.h"
#include "base/error.h"
#include "txn/txn_internal.h"

#include <stdlib.h>

enum { CHUNK_HEAD_BYTES = 8, TXN_HEAD_BYTES = 12, RANGE_BYTES = 16, REDO_KEPT_BYTES = 64 << 10 };

void *list_add(List *list, size_t item_bytes) {
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity == 0 ? 8 : list->capacity * 2;
        void *items = realloc(list->items, capacity * item_bytes);
        if (items == NULL) return NULL;
        list->items = items;
        list->capacity = capacity;
    }
    return (uint8_t *)list->items + item_bytes * list->count++;
}

static Status streamed_note(Txn *txn, TxnId id) {
    TxnSystem *system = txn->system;
    mutex_lock(&system->handle_mutex);
    StreamedTxn *streamed = list_add(&system->streamed, sizeof *streamed);
    if (streamed != NULL) {
        *streamed = (StreamedTxn){.id = id.value, .first_chunk = wal_tail(system->wal).value};
    }
    mutex_unlock(&system->handle_mutex);
    if (streamed == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    txn->is_streamed = true;
    return OK;
}

// `commit` 0: rolled back.
static void streamed_end(Txn *txn, uint64_t id, uint64_t commit) {
    TxnSystem *system = txn->system;
    mutex_lock(&system->handle_mutex);
    StreamedTxn *streamed = system->streamed.items;
    for (uint32_t i = 0; i < system->streamed.count; i++) {
        if (streamed[i].id != id) continue;
        if (commit != 0) {
            streamed[i].commit = commit;
        } else {
            streamed[i] = streamed[--system->streamed.count];
        }
        break;
    }
    mutex_unlock(&system->handle_mutex);
    txn->is_streamed = false;
}

static Status range_extend(Txn *txn, uint64_t from, uint64_t to) {
    RedoRange *ranges = txn->ranges.items;
    uint32_t count = txn->ranges.count;
    if (count > 0 && ranges[count - 1].to == from) {
        ranges[count - 1].to = to;
        return OK;
    }
    RedoRange *range = list_add(&txn->ranges, sizeof *range);
    if (range == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    *range = (RedoRange){.from = from, .to = to};
    return OK;
}

static Status stream(Txn *txn) {
    TxnId id = txn_id(txn);
    if (!txn->is_streamed) TRY(streamed_note(txn, id));
    size_t done = 0;
    Status status = OK;
    while (status == OK && txn->redo_count - done >= txn->system->stream_bytes) {
        size_t bytes = (size_t)txn->system->stream_bytes;
        uint64_t from = txn->redo_base + done;
        status = range_extend(txn, from, from + bytes);
        if (status != OK) break;
        uint8_t head[CHUNK_HEAD_BYTES];
        put_u64_le(head, from);
        Bytes pieces[] = {bytes_make(head, sizeof head), bytes_make(txn->redo + done, bytes)};
        WalSpan span;
        status = wal_credit_acquire(txn->system->wal, sizeof head + bytes);
        if (status != OK) {
            RedoRange *ranges = txn->ranges.items;
            ranges[txn->ranges.count - 1].to = from;
            break;
        }
        wal_reserve(txn->system->wal, (uint32_t)(sizeof head + bytes), &span);
        wal_fill(txn->system->wal, &span, WAL_CHUNK, id, pieces, 2);
        done += bytes;
    }
    memmove(txn->redo, txn->redo + done, txn->redo_count - done);
    txn->redo_count -= done;
    txn->redo_base += done;
    return status;
}

Status txn_log_reserve(Txn *txn, size_t bytes, uint8_t **room_out) {
    size_t needed = txn->redo_count + bytes;
    if (needed > txn->redo_capacity) {
        size_t capacity = txn->redo_capacity == 0 ? 1024 : txn->redo_capacity;
        while (capacity < needed)
            capacity *= 2;
        uint8_t *redo = realloc(txn->redo, capacity);
        if (redo == NULL) return fail(OUT_OF_MEMORY, "out of memory");
        txn->redo = redo;
        txn->redo_capacity = capacity;
    }
    *room_out = txn->redo + txn->redo_count;
    return OK;
}

Status txn_log_take(Txn *txn, size_t bytes) {
    txn->redo_count += bytes;
    ASSERT(txn->redo_count <= txn->redo_capacity);
    return txn->redo_count >= txn->system->stream_bytes ? stream(txn) : OK;
}

Status txn_log(Txn *txn, Bytes operation) {
    uint8_t *room;
    TRY(txn_log_reserve(txn, operation.count, &room));
    memcpy(room, operation.data, operation.count);
    return txn_log_take(txn, operation.count);
}

void redo_rollback(Txn *txn, uint64_t offset) {
    if (offset >= txn->redo_base) {
        ASSERT(offset <= txn->redo_base + txn->redo_count);
        txn->redo_count = (size_t)(offset - txn->redo_base);
        return;
    }
    txn->redo_count = 0;
    RedoRange *ranges = txn->ranges.items;
    while (txn->ranges.count > 0) {
        RedoRange *last = &ranges[txn->ranges.count - 1];
        if (last->from < offset) {
            if (last->to > offset) last->to = offset;
            break;
        }
        txn->ranges.count--;
    }
}

bool redo_is_empty(const Txn *txn) {
    return txn->redo_count == 0 && txn->ranges.count == 0;
}

static void redo_reset(Txn *txn) {
    txn->redo_count = 0;
    txn->redo_base = 0;
    txn->ranges.count = 0;
    if (txn->redo_capacity > REDO_KEPT_BYTES) {
        free(txn->redo);
        txn->redo = NULL;
        txn->redo_capacity = 0;
    }
}

Status redo_commit(Txn *txn) {
    TRY(history_ensure(txn));
    Wal *wal = txn->system->wal;
    TxnHistory *history = atomic_load_explicit(&txn->history, memory_order_relaxed);
    TxnId id = {atomic_load_explicit(&history->id, memory_order_relaxed)};
    size_t range_bytes = RANGE_BYTES * (size_t)txn->ranges.count;
    size_t body_bytes = TXN_HEAD_BYTES + range_bytes + txn->redo_count;
    if (body_bytes + WAL_HEADER_BYTES > wal_record_bytes_max(wal)) {
        return fail(PROGRAM_LIMIT_EXCEEDED, "too many partial rollbacks in a large transaction");
    }
    TRY(wal_credit_acquire(wal, body_bytes));
    uint8_t head[TXN_HEAD_BYTES];
    put_u64_le(head, (uint64_t)clock_wall_us(txn->system->clock));
    put_u32_le(head + 8, txn->ranges.count);
    static_assert(sizeof(RedoRange) == RANGE_BYTES, "ranges are written as they are");
    // An empty piece needs an address too.
    const void *ranges = range_bytes == 0 ? head : txn->ranges.items;
    const void *redo = txn->redo_count == 0 ? head : txn->redo;
    Bytes pieces[] = {bytes_make(head, sizeof head), bytes_make(ranges, range_bytes),
        bytes_make(redo, txn->redo_count)};
    history->is_synchronous = txn->options.is_synchronous;
    WalSpan span;
    wal_reserve(wal, (uint32_t)body_bytes, &span);
    atomic_store_explicit(&history->commit, span.end.value, memory_order_release);
    wal_fill(wal, &span, WAL_TXN, id, pieces, 3);
    txn->commit_lsn = span.end;
    if (txn->is_streamed) streamed_end(txn, id.value, span.end.value);
    redo_reset(txn);
    return OK;
}

void redo_abort(Txn *txn) {
    if (txn->is_streamed) {
        TxnId id = txn_id(txn);
        // Only a hint: without it, recovery finds no commit and drops the chunks as well.
        Lsn end;
        if (wal_append(txn->system->wal, WAL_CHUNK_ABORT, id, (Bytes){0}, &end) != OK) {
            error_clear();
        }
        streamed_end(txn, id.value, 0);
    }
    redo_reset(txn);
}
