// Checkpoints: an exact image of one snapshot, written beside the root that is there, and one swap.
//
// Model    storage.md 5.2 with storage-rules 1, 12 and 13.
//          1  Fix the snapshot S, registered so that nothing it sees is collected, and redo: never
//             computed again. Log CHECKPOINT_BEGIN.
//          2  Flip: every part fixes the instant of its image. From just before, what is freed may
//             still be named by the root in the making.
//          3  The parts write what has changed since the last root; then the directory. From the
//             flip on S may move on when old versions get short of memory (storage.md 5.4b): pages
//             written later are an image of a later instant, root.image at the latest, and replay
//             from redo brings all to the same end.
//          4  CHECKPOINT_BEGIN must be durable: the log has a record at redo then.
//          5  Publish: sync, superblocks, sync.
//          6  CHECKPOINT_END, durable: from here on the root before is refused. Only now may what
//             it alone held be given out again, and the log before redo be used again.
// Failure  A step that fails leaves the old root as it was; nothing is lost but the work. A sync
//          that fails puts the database into FAILED, the log with it.
#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/engine_internal.h"

#define CHECKPOINT_INTERVAL_NS (INT64_C(300) * 1000000000)
#define CHECKPOINT_RETRY_NS    (INT64_C(10) * 1000000000)
#define PENDING_BYTES_MIN      (UINT64_C(1) << 30)

static bool is_cancelled(void *argument) {
    Database *database = argument;
    return atomic_load_explicit(&database->is_closing, memory_order_relaxed);
}

static bool is_never_cancelled(void *argument) {
    (void)argument;
    return false;
}

static Lsn snapshot_now(void *argument) {
    Database *database = argument;
    return txn_system_snapshot_now(database->txns, database->checkpoint_slot);
}

static Status log_begin(Database *database, Lsn snapshot, Lsn redo, Lsn *end_out) {
    uint8_t body[16];
    put_u64_le(body, snapshot.value);
    put_u64_le(body + 8, redo.value);
    return wal_append(
        database->wal, WAL_CHECKPOINT_BEGIN, (TxnId){0}, bytes_make(body, sizeof body), end_out);
}

Status checkpoint_log_end(Database *database, uint64_t generation) {
    uint8_t body[8];
    put_u64_le(body, generation);
    Lsn end;
    TRY(wal_append(
        database->wal, WAL_CHECKPOINT_END, (TxnId){0}, bytes_make(body, sizeof body), &end));
    return wal_wait_durable(database->wal, end);
}

// Lets go of the extents of a directory that no root will name again.
static void free_directory(Database *database, ExtentRef ref, bool was_published, Arena *arena) {
    if (extent_is_none(ref)) return;
    ExtentRef *refs;
    size_t count;
    if (directory_extents(database->store, ref, arena, &refs, &count) != OK) {
        LOG_WARNING("the extents of an old directory are lost until the next open: %s",
            error_get()->message);
        error_clear();
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (was_published) {
            store_free(database->store, refs[i]);
        } else {
            store_free_now(database->store, refs[i]);
        }
    }
}

// Steps 3 to 5.
static Status write_image(Database *database, const CheckpointWork *work,
    const CheckpointPart *part, const StoreRoot *root, Lsn begin_end) {
    Directory *directory = directory_make(work->arena);
    TRY(part->write(part->part, work, directory));
    StoreRoot next = *root;
    Lsn moved = txn_system_snapshot_fasten(database->txns, database->checkpoint_slot);
    if (moved.value > next.image.value) next.image = moved;
    TRY(directory_write(directory, database->store, &next.directory));
    Status status = wal_wait_durable(database->wal, begin_end);
    // What the pages hold must not be younger than the log, also of asynchronous commits.
    if (status == OK) status = wal_wait_durable(database->wal, moved);
    if (status == OK) status = store_publish(database->store, &next);
    if (status != OK && !store_is_failed(database->store)) {
        free_directory(database, next.directory, false, work->arena);
    }
    return status;
}

// Step 6, after an ordinary checkpoint. The root is durable whatever happens here.
static Status settle(Database *database, Lsn redo) {
    TRY(checkpoint_log_end(database, store_root(database->store).generation));
    store_release(database->store);
    return wal_recycle(database->wal, redo);
}

static Status run_steps(Database *database, CheckpointKind kind, Arena *arena) {
    bool is_final = kind == CHECKPOINT_CLOSING;
    StoreRoot old_root = store_root(database->store);
    StoreRoot root = old_root;
    database->checkpoint_tail = wal_tail(database->wal);

    uint32_t slot;
    Snapshot snapshot = txn_system_snapshot_acquire(database->txns, &slot);
    database->checkpoint_slot = slot;
    root.checkpoint = snapshot.lsn;
    root.redo = txn_system_redo_lsn(database->txns, snapshot.lsn);
    LOG_INFO("checkpoint %llu starting: snapshot %016llx, redo %016llx",
        (unsigned long long)old_root.generation + 1, (unsigned long long)snapshot.lsn.value,
        (unsigned long long)root.redo.value);
    ASSERT(root.redo.value <= root.checkpoint.value);
    Lsn begin_end;
    Status status = log_begin(database, root.checkpoint, root.redo, &begin_end);
    if (status != OK) {
        txn_system_snapshot_release(database->txns, slot);
        return status;
    }
    if (is_final) { // nobody writes any more, so the image is one of the log's end as well
        root.checkpoint = root.redo = wal_tail(database->wal);
    }
    root.image = root.checkpoint;
    root.is_clean = is_final;
    CheckpointWork work = {
        .epoch = ++database->checkpoint_epoch,
        .snapshot = snapshot.lsn,
        .is_final = is_final,
        .arena = arena,
        .is_cancelled = is_final ? is_never_cancelled : is_cancelled,
        .snapshot_now = is_final ? NULL : snapshot_now,
        .argument = database,
    };
    CheckpointPart part = table_set_checkpoint_part(database->tables);
    store_begin_root(database->store);
    part.flip(part.part, &work);
    if (!is_final) txn_system_snapshot_loosen(database->txns, slot);
    root.next_txn = txn_system_next_id(database->txns);
    status = write_image(database, &work, &part, &root, begin_end);
    if (status != OK) store_abandon_root(database->store);
    part.finish(part.part, &work, status == OK);
    txn_system_snapshot_release(database->txns, slot);
    if (status != OK) return status;

    free_directory(database, old_root.directory, true, arena);
    return is_final ? OK : settle(database, root.redo);
}

Status checkpoint_run(Database *database, CheckpointKind kind) {
    if (database->path == NULL) return OK; // in memory: there is nothing to be an image of
    mutex_lock(&database->checkpoint_mutex);
    int64_t began_ns = clock_monotonic_ns(database->environment.clock);
    database->checkpoint_began_ns = began_ns;
    uint64_t used_before = store_usage(database->store).used_bytes;
    Arena arena;
    arena_init(&arena, NULL);
    Status status = run_steps(database, kind, &arena);
    arena_deinit(&arena);
    if (status == OK) {
        uint64_t used = store_usage(database->store).used_bytes;
        database->statistics.checkpoints++;
        database->statistics.checkpoint_bytes += used > used_before ? used - used_before : 0;
        database->checkpoints_given_up = 0;
        LOG_INFO("checkpoint %llu complete after %.3f s",
            (unsigned long long)store_root(database->store).generation,
            (double)(clock_monotonic_ns(database->environment.clock) - began_ns) / 1e9);
    } else {
        database->checkpoints_given_up++;
    }
    mutex_unlock(&database->checkpoint_mutex);
    // The system has forgotten what it could not sync: nothing may be promised on top of that.
    if (status != OK && store_is_failed(database->store)) wal_fail(database->wal);
    return status;
}

bool checkpoint_is_due(Database *database) {
    if (database->path == NULL || wal_is_failed(database->wal)
        || store_is_failed(database->store)) {
        return false;
    }
    mutex_lock(&database->checkpoint_mutex);
    uint64_t logged = wal_tail(database->wal).value - database->checkpoint_tail.value;
    int64_t passed_ns =
        clock_monotonic_ns(database->environment.clock) - database->checkpoint_began_ns;
    bool is_retry = database->checkpoints_given_up > 0;
    mutex_unlock(&database->checkpoint_mutex);

    if (is_retry && passed_ns < CHECKPOINT_RETRY_NS) return false;
    StoreUsage usage = store_usage(database->store);
    uint64_t pending_max =
        usage.file_bytes / 4 > PENDING_BYTES_MIN ? usage.file_bytes / 4 : PENDING_BYTES_MIN;
    // A checkpoint logs a little itself: that alone is no reason for the next one.
    bool has_changes = table_set_dirty_bytes(database->tables) > 0;
    return logged >= database->options.checkpoint_wal_bytes || usage.pending_bytes >= pending_max
           || (has_changes && passed_ns >= CHECKPOINT_INTERVAL_NS);
}

Status database_checkpoint(Database *database) {
    return checkpoint_run(database, CHECKPOINT_ORDINARY);
}
