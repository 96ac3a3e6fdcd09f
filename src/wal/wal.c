// Appending and flushing.
//
// Model    Positions: durable <= filled <= tail. `tail` is where the next record will start; a
//          reservation moves it by one compare-and-swap, after it has announced itself in an
//          insertion slot with a position not above its start. So everything below the lowest
//          announced position, or the tail when there is none, is filled. The ring holds
//          [durable, tail).
//          One committer leads a flush: it closes the last sector, waits until everything below is
//          filled, and writes [durable, target) in whole sectors. Those who come while it writes
//          sleep on the word of the round that will cover them: this one or the next. At the end
//          of a round its sleepers are woken, and one of the next round's, to lead it.
//          A volatile log writes nothing: what is filled is durable.
#include "wal/wal.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "wal/wal_internal.h"

#include <stdlib.h>

enum {
    SLOT_COUNT = 64,
    SPIN_COUNT = 200,
    // Beyond the credits: two closed sectors, the one before a credit was asked for and one for
    // all that was reserved since (each credit brings a sector of its own as well).
    CREDIT_SLACK_BYTES = 2 * WAL_SECTOR_BYTES,
};

typedef struct InsertionSlot {
    _Alignas(64) _Atomic uint64_t position; // 0: nobody's
} InsertionSlot;

struct Wal {
    Environment environment;
    WalOptions options;
    uint32_t seed;
    bool is_volatile;
    uint64_t ring_mask;
    uint8_t *ring;     // NULL when volatile
    WalFolder *folder; // NULL when volatile
    DurableListener listener;

    _Alignas(64) _Atomic uint64_t tail;    // seq_cst against the slots
    _Alignas(64) _Atomic uint64_t durable; // release-stored by the leader
    _Atomic uint64_t credited;             // bytes promised and not reserved yet
    _Atomic bool is_failed;

    _Alignas(64) Mutex flush_mutex; // guards what follows, for moments only
    bool is_flushing;
    uint32_t round;             // of the flush that runs or ran last
    uint64_t flushing_to;       // its target
    uint32_t sleeper_counts[2]; // by parity of the round they wait for
    _Atomic uint32_t words[2];  // they sleep on

    InsertionSlot slots[SLOT_COUNT];
};

// ---- Life ---------------------------------------------------------------------------------------

static Status wal_make(
    Environment environment, const WalOptions *options, uint64_t start, Wal **wal_out) {
    ASSERT((options->ring_bytes & (options->ring_bytes - 1)) == 0);
    ASSERT((options->file_bytes & (options->file_bytes - 1)) == 0);
    ASSERT(start > 0 && start % WAL_SECTOR_BYTES == 0);
    Wal *wal = aligned_alloc(64, wal_round_up(sizeof *wal, 64));
    if (wal == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    memset(wal, 0, sizeof *wal);
    wal->environment = environment;
    wal->options = *options;
    wal->seed = wal_seed(options);
    wal->is_volatile = options->is_volatile;
    wal->ring_mask = options->ring_bytes - 1;
    atomic_init(&wal->tail, start);
    atomic_init(&wal->durable, start);
    mutex_init(&wal->flush_mutex, LATCH_RANK_WAL_FLUSH);
    if (!wal->is_volatile) {
        wal->ring = aligned_alloc(FILE_DIRECT_ALIGNMENT, options->ring_bytes);
        if (wal->ring == NULL) {
            wal_close(wal);
            return fail(OUT_OF_MEMORY, "out of memory");
        }
    }
    *wal_out = wal;
    return OK;
}

Status wal_create(Environment environment, const char *folder, const WalOptions *options, Lsn first,
    Wal **wal_out) {
    Wal *wal;
    TRY(wal_make(environment, options, first.value, &wal));
    Status status = OK;
    if (!wal->is_volatile) {
        status = folder_create(environment.files, folder);
        if (status == OK) {
            status = wal_folder_open(
                environment, folder, options->file_bytes, first.value, &wal->folder);
        }
    }
    if (status != OK) {
        wal_close(wal);
        return status;
    }
    *wal_out = wal;
    return OK;
}

Status wal_open(Environment environment, const char *folder, const WalOptions *options, Lsn end,
    bool end_is_torn, Wal **wal_out) {
    uint64_t start = end.value;
    if (end_is_torn) {
        uint64_t probed =
            options->ring_bytes > WAL_PROBE_BYTES_MIN ? options->ring_bytes : WAL_PROBE_BYTES_MIN;
        probed += options->file_bytes;
        start = ((end.value + probed) / options->file_bytes + 1) * options->file_bytes;
    }
    Wal *wal;
    TRY(wal_create(environment, folder, options, (Lsn){start}, &wal));
    if (end_is_torn) {
        uint8_t body[8];
        put_u64_le(body, end.value);
        Lsn resumed;
        Status status =
            wal_append(wal, WAL_RESUME, (TxnId){0}, bytes_make(body, sizeof body), &resumed);
        if (status == OK) status = wal_wait_durable(wal, resumed);
        if (status != OK) {
            wal_close(wal);
            return status;
        }
    }
    *wal_out = wal;
    return OK;
}

void wal_close(Wal *wal) {
    if (wal == NULL) return;
    if (wal->folder != NULL && !wal_is_failed(wal)
        && wal_wait_durable(wal, (Lsn){atomic_load(&wal->tail)}) != OK) {
        error_clear(); // told to everybody who waited; nobody does any more
    }
    wal_folder_close(wal->folder);
    mutex_deinit(&wal->flush_mutex);
    free(wal->ring);
    free(wal);
}

Status wal_remove(Environment environment, const char *folder) {
    Arena arena;
    arena_init(&arena, NULL);
    uint64_t *numbers;
    size_t count;
    Status status = wal_list_files(environment, folder, &arena, &numbers, &count);
    for (size_t i = 0; i < count && status == OK; i++) {
        status = file_remove(environment.files, wal_file_path(&arena, folder, numbers[i]));
    }
    if (status == OK) status = folder_remove(environment.files, folder);
    arena_deinit(&arena);
    return status;
}

void wal_set_listener(Wal *wal, DurableListener listener) {
    wal->listener = listener;
}

Lsn wal_durable(const Wal *wal) {
    return (Lsn){atomic_load_explicit(&wal->durable, memory_order_acquire)};
}

Lsn wal_tail(const Wal *wal) {
    return (Lsn){atomic_load(&wal->tail)};
}

bool wal_is_failed(const Wal *wal) {
    return atomic_load_explicit(&wal->is_failed, memory_order_acquire);
}

uint64_t wal_record_bytes_max(const Wal *wal) {
    return wal->options.ring_bytes / 4;
}

Status wal_recycle(Wal *wal, Lsn lsn) {
    return wal->is_volatile ? OK : wal_folder_recycle(wal->folder, lsn.value);
}

Status wal_prepare_ahead(Wal *wal) {
    if (wal->is_volatile || wal_is_failed(wal)) return OK;
    uint64_t wanted = atomic_load(&wal->tail) + wal->options.file_bytes / 2;
    return wal_folder_prepare(wal->folder, wanted);
}

// ---- Credit -------------------------------------------------------------------------------------

static Status fail_failed(void) {
    return fail(IO_ERROR, "the log could not be written; the database must be reopened");
}

static uint64_t credit_bytes(uint64_t body_bytes) {
    return wal_record_space(body_bytes) + WAL_SECTOR_BYTES;
}

Status wal_credit_acquire(Wal *wal, uint64_t body_bytes) {
    ASSERT(wal_record_space(body_bytes) <= wal_record_bytes_max(wal));
    if (wal_is_failed(wal)) return fail_failed();
    if (wal->is_volatile) return OK;
    uint64_t bytes = credit_bytes(body_bytes);
    for (;;) {
        uint64_t credited = atomic_fetch_add(&wal->credited, bytes) + bytes;
        uint64_t wanted = atomic_load(&wal->tail) + credited + CREDIT_SLACK_BYTES;
        if (wanted <= wal_folder_ready_end(wal->folder)) return OK;
        atomic_fetch_sub(&wal->credited, bytes);
        TRY(wal_folder_prepare(wal->folder, wanted));
    }
}

static void wal_credit_release(Wal *wal, uint64_t body_bytes) {
    if (wal->is_volatile) return;
    uint64_t before = atomic_fetch_sub(&wal->credited, credit_bytes(body_bytes));
    ASSERT(before >= credit_bytes(body_bytes));
}

// ---- Reserve and fill ---------------------------------------------------------------------------

// Takes a free insertion slot and announces that nothing at or above `position` is filled.
static uint32_t slot_take(Wal *wal, uint64_t position) {
    uint32_t at = (uint32_t)hash_u64((uint64_t)pthread_self()); // threads start apart
    for (uint32_t tries = 1;; tries++, at++) {
        _Atomic uint64_t *slot = &wal->slots[at % SLOT_COUNT].position;
        uint64_t expected = 0;
        if (atomic_load_explicit(slot, memory_order_relaxed) == 0
            && atomic_compare_exchange_strong(slot, &expected, position)) {
            return at % SLOT_COUNT;
        }
        if (tries % SLOT_COUNT == 0) thread_yield(); // they are held for a copy, no longer
    }
}

static void slot_give(Wal *wal, uint32_t slot) {
    atomic_store_explicit(&wal->slots[slot].position, 0, memory_order_release);
}

// Everything below the result is filled. Pairs with slot_take: whoever moved the tail that we see
// had announced itself before.
static uint64_t filled_position(const Wal *wal) {
    uint64_t filled = atomic_load(&wal->tail);
    for (uint32_t i = 0; i < SLOT_COUNT; i++) {
        uint64_t position = atomic_load(&wal->slots[i].position);
        if (position != 0 && position < filled) filled = position;
    }
    return filled;
}

static void wait_filled(const Wal *wal, uint64_t position) {
    for (uint32_t tries = 0; filled_position(wal) < position; tries++) {
        if (tries < SPIN_COUNT) {
            thread_pause();
        } else {
            thread_yield();
        }
    }
}

void wal_wait_filled(Wal *wal, Lsn lsn) {
    wait_filled(wal, lsn.value);
}

// Whether the ring has room for bytes up to `end`. A failed log writes nothing, so what is in its
// ring does not matter.
static bool ring_has_room(const Wal *wal, uint64_t end) {
    return wal->is_volatile
           || end <= atomic_load_explicit(&wal->durable, memory_order_acquire)
                         + wal->options.ring_bytes
           || wal_is_failed(wal);
}

static void make_ring_room(Wal *wal, uint64_t end);

// Moves the tail by `space` and announces the gap.
static void reserve_space(Wal *wal, uint64_t space, WalSpan *span_out) {
    for (;;) {
        uint64_t start = atomic_load(&wal->tail);
        if (!ring_has_room(wal, start + space)) {
            make_ring_room(wal, start + space);
            continue;
        }
        uint32_t slot = slot_take(wal, start);
        do {
            if (atomic_compare_exchange_weak(&wal->tail, &start, start + space)) {
                *span_out = (WalSpan){.start = {start}, .end = {start + space}, .slot = slot};
                return;
            }
        } while (ring_has_room(wal, start + space)); // `start` has only grown: the slot holds
        slot_give(wal, slot);
    }
}

void wal_reserve(Wal *wal, uint32_t body_bytes, WalSpan *span_out) {
    reserve_space(wal, wal_record_space(body_bytes), span_out);
    span_out->bytes = WAL_HEADER_BYTES + body_bytes;
    wal_credit_release(wal, body_bytes);
}

static void ring_copy(Wal *wal, uint64_t position, const uint8_t *bytes, size_t count) {
    if (count == 0) return; // an empty piece may be NULL
    uint64_t offset = position & wal->ring_mask;
    size_t first = wal->options.ring_bytes - offset < count
                       ? (size_t)(wal->options.ring_bytes - offset)
                       : count;
    memcpy(wal->ring + offset, bytes, first);
    if (first < count) memcpy(wal->ring, bytes + first, count - first);
}

static void ring_clear(Wal *wal, uint64_t position, size_t count) {
    static const uint8_t zeros[WAL_HEADER_BYTES] = {0};
    ASSERT(count <= sizeof zeros);
    ring_copy(wal, position, zeros, count);
}

void wal_fill(Wal *wal, const WalSpan *span, WalRecordType type, TxnId txn, const Bytes *pieces,
    uint32_t piece_count) {
    if (!wal->is_volatile) {
        uint64_t back = (span->start.value - wal_durable(wal).value) / WAL_ALIGNMENT;
        WalHeader header = {
            .bytes = span->bytes,
            .lsn = span->start.value,
            .txn = txn.value,
            .type = (uint16_t)type,
            .durable_back = back < UINT32_MAX ? (uint32_t)back : UINT32_MAX,
        };
        uint8_t encoded[WAL_HEADER_BYTES];
        wal_header_encode(&header, encoded);
        uint32_t crc = wal_header_crc(wal->seed, encoded);
        uint64_t at = span->start.value + WAL_HEADER_BYTES;
        for (uint32_t i = 0; i < piece_count; i++) {
            crc = crc32c(crc, pieces[i].data, pieces[i].count);
            ring_copy(wal, at, pieces[i].data, pieces[i].count);
            at += pieces[i].count;
        }
        ASSERT(at == span->start.value + span->bytes);
        put_u32_le(encoded + 4, crc);
        ring_copy(wal, span->start.value, encoded, sizeof encoded);
        ring_clear(wal, at, (size_t)(span->end.value - at));
    }
    slot_give(wal, span->slot);
}

Status wal_append(Wal *wal, WalRecordType type, TxnId txn, Bytes body, Lsn *end_out) {
    TRY(wal_credit_acquire(wal, body.count));
    WalSpan span;
    wal_reserve(wal, (uint32_t)body.count, &span);
    wal_fill(wal, &span, type, txn, &body, 1);
    *end_out = span.end;
    return OK;
}

// ---- Flush --------------------------------------------------------------------------------------

// Reserves what is left of the tail's sector, so that nobody else can own bytes of it. The pad is
// filled by fill_pad. The ring has room: it is whole sectors, and the tail is within it.
static bool reserve_pad(Wal *wal, WalSpan *span_out) {
    uint64_t start = atomic_load(&wal->tail);
    uint32_t slot = 0;
    bool has_slot = false;
    for (;;) {
        if (start % WAL_SECTOR_BYTES == 0) break;
        if (!has_slot) slot = slot_take(wal, start);
        has_slot = true;
        uint64_t end = start + wal_sector_left(start);
        if (atomic_compare_exchange_weak(&wal->tail, &start, end)) {
            *span_out = (WalSpan){.start = {start}, .end = {end}, .slot = slot};
            return true;
        }
    }
    if (has_slot) slot_give(wal, slot);
    *span_out = (WalSpan){.start = {start}, .end = {start}};
    return false;
}

static void fill_pad(Wal *wal, WalSpan *pad) {
    static const uint8_t zeros[WAL_SECTOR_BYTES] = {0};
    uint64_t count = pad->end.value - pad->start.value;
    if (count < WAL_HEADER_BYTES) {
        ring_clear(wal, pad->start.value, (size_t)count);
        slot_give(wal, pad->slot);
        return;
    }
    pad->bytes = (uint32_t)count;
    Bytes body = bytes_make(zeros, (size_t)count - WAL_HEADER_BYTES);
    wal_fill(wal, pad, WAL_PAD, (TxnId){0}, &body, 1);
}

static Status write_out(Wal *wal, uint64_t from, uint64_t to) {
    while (from < to) {
        uint64_t offset = from & wal->ring_mask;
        uint64_t count = to - from;
        if (count > wal->options.ring_bytes - offset) count = wal->options.ring_bytes - offset;
        TRY(wal_folder_write(wal->folder, from, wal->ring + offset, (size_t)count));
        from += count;
    }
    return OK;
}

static void enter_failed(Wal *wal) {
    atomic_store(&wal->is_failed, true);
    if (wal->listener.failed != NULL) wal->listener.failed(wal->listener.argument);
}

// A round, without flush_mutex: makes everything below `target` durable and tells the listener.
static void lead(Wal *wal, uint64_t target) {
    uint64_t from = wal_durable(wal).value;
    wait_filled(wal, target);
    if (wal->is_volatile || from == target) {
        // nothing to write
    } else if (write_out(wal, from, target) == OK) {
        if (from / wal->options.file_bytes != target / wal->options.file_bytes) {
            wal_folder_pass(wal->folder, target);
        }
    } else {
        LOG_ERROR("the log could not be written: %s", error_get()->message);
        error_clear(); // each waiter raises its own
        enter_failed(wal);
        return;
    }
    atomic_store_explicit(&wal->durable, target, memory_order_release);
    if (wal->listener.advanced != NULL) {
        wal->listener.advanced(wal->listener.argument, (Lsn){target});
    }
}

// Ends the round that this thread has led: wakes whom it covered, and one to lead the next.
static void end_round(Wal *wal) {
    mutex_lock(&wal->flush_mutex);
    wal->is_flushing = false;
    uint32_t mine = wal->round & 1;
    bool has_sleepers = wal->sleeper_counts[mine] > 0;
    bool has_next = wal->sleeper_counts[mine ^ 1] > 0;
    wal->sleeper_counts[mine] = 0;
    // Raising a word also stops those who have counted themselves and do not sleep yet.
    if (has_sleepers) atomic_fetch_add(&wal->words[mine], 1);
    if (has_next) atomic_fetch_add(&wal->words[mine ^ 1], 1);
    mutex_unlock(&wal->flush_mutex);
    if (has_sleepers) word_wake_all(&wal->words[mine]);
    if (has_next) {
        if (wal_is_failed(wal)) {
            word_wake_all(&wal->words[mine ^ 1]);
        } else {
            word_wake_one(&wal->words[mine ^ 1]);
        }
    }
}

// Leads a round if none is running, sleeps through one otherwise. `is_closing` decides whether the
// round closes its last sector, or writes only whole ones that are filled (to make room).
static void flush_or_sleep(Wal *wal, uint64_t wanted, bool is_closing) {
    mutex_lock(&wal->flush_mutex);
    if (wal_is_failed(wal) || wal_durable(wal).value >= wanted) {
        mutex_unlock(&wal->flush_mutex);
        return;
    }
    if (wal->is_flushing) {
        uint32_t round = wanted <= wal->flushing_to ? wal->round : wal->round + 1;
        _Atomic uint32_t *word = &wal->words[round & 1];
        uint32_t seen = atomic_load(word);
        wal->sleeper_counts[round & 1]++;
        mutex_unlock(&wal->flush_mutex);
        word_wait(word, seen, -1);
        return;
    }
    wal->is_flushing = true;
    wal->round++;
    WalSpan pad = {0};
    bool has_pad = false;
    if (wal->is_volatile) {
        wal->flushing_to = atomic_load(&wal->tail);
    } else if (is_closing) {
        has_pad = reserve_pad(wal, &pad);
        wal->flushing_to = pad.end.value;
    } else {
        uint64_t filled = filled_position(wal);
        wal->flushing_to = filled - filled % WAL_SECTOR_BYTES;
        uint64_t durable = wal_durable(wal).value;
        if (wal->flushing_to < durable) wal->flushing_to = durable;
    }
    uint64_t target = wal->flushing_to;
    bool is_idle = target == wal_durable(wal).value;
    mutex_unlock(&wal->flush_mutex);
    if (is_idle) thread_yield(); // to those who are about to fill the first sector
    if (has_pad) fill_pad(wal, &pad);
    lead(wal, target);
    end_round(wal);
}

// As a round that writes nothing: what it finds unflushed stays so.
void wal_fail(Wal *wal) {
    blocking_begin();
    for (;;) {
        mutex_lock(&wal->flush_mutex);
        if (!wal->is_flushing || wal_is_failed(wal)) break;
        _Atomic uint32_t *word = &wal->words[wal->round & 1];
        uint32_t seen = atomic_load(word);
        wal->sleeper_counts[wal->round & 1]++;
        mutex_unlock(&wal->flush_mutex);
        word_wait(word, seen, -1);
    }
    bool leads = !wal_is_failed(wal);
    if (leads) {
        wal->is_flushing = true;
        wal->round++;
        wal->flushing_to = wal_durable(wal).value;
    }
    mutex_unlock(&wal->flush_mutex);
    blocking_end();
    if (!leads) return;
    enter_failed(wal);
    end_round(wal);
}

// Waits until the ring has room up to `end`. The caller has announced nothing, so everything below
// the tail will be filled, and whole sectors of it are enough.
static void make_ring_room(Wal *wal, uint64_t end) {
    blocking_begin();
    while (!ring_has_room(wal, end)) {
        flush_or_sleep(wal, end - wal->options.ring_bytes, false);
    }
    blocking_end();
}

Status wal_wait_durable(Wal *wal, Lsn lsn) {
    if (wal_durable(wal).value < lsn.value && !wal_is_failed(wal)) {
        blocking_begin();
        while (wal_durable(wal).value < lsn.value && !wal_is_failed(wal)) {
            flush_or_sleep(wal, lsn.value, true);
        }
        blocking_end();
    }
    if (wal_durable(wal).value >= lsn.value) return OK;
    return fail(TRANSACTION_RESOLUTION_UNKNOWN,
        "the log could not be written; whether the transaction has committed is not known");
}
