// The log: one sequence of records, in commit order, that makes transactions durable. It knows no
// row: a record's body is bytes.
//
// Model    Appending is three steps, so that a commit timestamp is known before its bytes can be
//          seen as durable: reserve (fixes the record's place, and its end, the LSN), fill (copies
//          the bytes into the ring), wait until durable. Between reserve and fill nothing may fail
//          or wait. A committer that finds no flush running leads one; the others follow. A durable
//          sector is never rewritten.
// Threads  Everything but open and close may be called by any thread.
// Failure  A write or sync error puts the log into FAILED for good: waiting commits get
//          TRANSACTION_RESOLUTION_UNKNOWN, later ones IO_ERROR. Nothing is retried.
// Format   docs/wal-format.md
#pragma once

#include "base/ids.h"
#include "base/text.h"
#include "os/environment.h"
#include "os/thread.h"

typedef struct Wal Wal;

// X(NAME, number)
#define WAL_RECORD_TYPE_LIST(X)                                                                    \
    X(TXN, 1)         /* one transaction's operations; its end is the commit timestamp */          \
    X(CHUNK, 2)       /* a piece of a transaction too large for one record */                      \
    X(CHUNK_ABORT, 3) /* hint: the chunks of a transaction will not be used */                     \
    X(RELATION, 4)    /* what a store looks like, for readers of the log */                        \
    X(CHECKPOINT_BEGIN, 5)                                                                         \
    X(CHECKPOINT_END, 6) /* body: generation u64 */                                                \
    X(PREPARE, 7)                                                                                  \
    X(RESOLVE, 8)                                                                                  \
    X(COUNTERS, 9) /* OIDs, stores, transaction ids and sequences, logged ahead */                 \
    X(MESSAGE, 10)                                                                                 \
    X(PAD, 11)    /* fills up to a sector */                                                       \
    X(RESUME, 12) /* body: the LSN of the bad record it steps over, u64 */

typedef enum WalRecordType {

#define X(name, number) WAL_##name = number,
    WAL_RECORD_TYPE_LIST(X)
#undef X
} WalRecordType;

enum { WAL_HEADER_BYTES = 40 };

typedef struct WalOptions {
    uint64_t file_bytes;     // of one log file, a power of two; fixed when the log is created
    uint64_t ring_bytes;     // a power of two; no record exceeds a quarter of it
    uint8_t database_id[16]; // seeds every checksum
    uint32_t timeline;
    bool is_volatile; // nothing is written; for databases in memory
} WalOptions;

// Creates the folder and the first zero-filled file; the first record will be at `first`.
Status wal_create(Environment environment, const char *folder, const WalOptions *options, Lsn first,
    Wal **wal_out);

// Opens the log to append after `end`, as wal_reader found it. A bad tail is never rewritten: when
// `end_is_torn`, the log resumes in a later file with a RESUME record, synced before this returns.
Status wal_open(Environment environment, const char *folder, const WalOptions *options, Lsn end,
    bool end_is_torn, Wal **wal_out);

// Flushes what is filled, unless FAILED, and frees everything.
void wal_close(Wal *wal);

typedef struct WalSpan {
    Lsn start, end; // the record's place; `end` is a transaction's commit timestamp
    uint32_t bytes;
    uint32_t slot; // private
} WalSpan;

// Room for `body_bytes` more, in zero-filled files, before anything is reserved. Given back by
// wal_reserve. Errors: DISK_FULL, and the caller rolls back; IO_ERROR when FAILED.
Status wal_credit_acquire(Wal *wal, uint64_t body_bytes);

// Fixes a record's place. Needs credit for `body_bytes`; cannot fail. May wait for the ring.
void wal_reserve(Wal *wal, uint32_t body_bytes, WalSpan *span_out);

// Copies header and body and marks the span filled. `pieces` are the body, in order.
void wal_fill(Wal *wal, const WalSpan *span, WalRecordType type, TxnId txn, const Bytes *pieces,
    uint32_t piece_count);

// Credit, reserve and fill in one, for records that publish nothing in between.
Status wal_append(Wal *wal, WalRecordType type, TxnId txn, Bytes body, Lsn *end_out);

// Returns when everything before `lsn` is durable; leads a flush when none is running.
// Errors: TRANSACTION_RESOLUTION_UNKNOWN when the flush failed.
Status wal_wait_durable(Wal *wal, Lsn lsn);

// Returns when everything before `lsn` is filled, durable or not.
void wal_wait_filled(Wal *wal, Lsn lsn);

Lsn wal_durable(const Wal *wal); // everything before it is durable
Lsn wal_tail(const Wal *wal);    // where the next record will start
bool wal_is_failed(const Wal *wal);

// Puts the log into FAILED because of something else that must stop all writing.
void wal_fail(Wal *wal);
uint64_t wal_record_bytes_max(const Wal *wal);

// Told, in LSN order, each time `durable` has advanced, by the thread that advanced it and before
// waiters are woken; also once when the log fails. At most one listener.
typedef struct DurableListener {
    void (*advanced)(void *argument, Lsn durable);
    void (*failed)(void *argument);
    void *argument;
} DurableListener;

void wal_set_listener(Wal *wal, DurableListener listener);

// Files wholly before `lsn` may be used again.
Status wal_recycle(Wal *wal, Lsn lsn);

// Gets the next file ready when the present one is half used, so that no commit has to; for a
// background thread. Errors: DISK_FULL, IO_ERROR.
Status wal_prepare_ahead(Wal *wal);

// Removes every file of a log that is not open, after a clean close.
Status wal_remove(Environment environment, const char *folder);

// ---- Reading ------------------------------------------------------------------------------------

typedef struct WalRecord {
    WalRecordType type;
    TxnId txn;
    Lsn start, end;
    Bytes body; // valid until the next read
} WalRecord;

typedef struct WalReader WalReader;

// Reads from the record at `from`. Errors: DATA_CORRUPTED when there is none.
Status wal_reader_open(Environment environment, const char *folder, const WalOptions *options,
    Lsn from, WalReader **reader_out);
void wal_reader_close(WalReader *reader);

// False in `found_out` at the end of the log. Errors: DATA_CORRUPTED when a record that was durable
// is damaged: the rest of the log must not be dropped silently.
Status wal_reader_next(WalReader *reader, WalRecord *record_out, bool *found_out);

// Where the log ends and whether a torn record lies there; after wal_reader_next found no more.
Lsn wal_reader_end(const WalReader *reader, bool *is_torn_out);
