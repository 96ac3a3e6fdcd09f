// Opening and closing.
//
// Model    A file that was closed in order opens from its root; its log is made anew, and the root
//          is marked as in use, durably, before the first transaction, and its CHECKPOINT_END is
//          the second record. Any other file is recovered:
//          the root's image, then the log. Opening order is closing order turned round.
#include "engine/database.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/engine_internal.h"

#include <stdlib.h>

#define DEFAULT_WAL_FILE_BYTES   (UINT64_C(4) << 20)
#define DEFAULT_WAL_RING_BYTES   (UINT64_C(1) << 20)
#define DEFAULT_CHECKPOINT_BYTES (UINT64_C(256) << 20)
#define MEMORY_LIMIT_MIN         (UINT64_C(32) << 20)

enum { FIRST_TXN_ID = 3, CLOSING_COLLECT_RECORDS = 100000 };

// ---- Making the parts ---------------------------------------------------------------------------

static void settle_options(Database *database, const DatabaseOptions *options) {
    database->options = *options;
    DatabaseOptions *own = &database->options;
    if (own->memory_limit_bytes == 0) own->memory_limit_bytes = environment_memory_bytes() / 10 * 7;
    if (own->memory_limit_bytes < MEMORY_LIMIT_MIN) own->memory_limit_bytes = MEMORY_LIMIT_MIN;
    if (own->wal_file_bytes == 0) own->wal_file_bytes = DEFAULT_WAL_FILE_BYTES;
    if (own->wal_ring_bytes == 0) own->wal_ring_bytes = DEFAULT_WAL_RING_BYTES;
    if (own->checkpoint_wal_bytes == 0) own->checkpoint_wal_bytes = DEFAULT_CHECKPOINT_BYTES;
}

static bool is_power_of_two(uint64_t value) {
    return value != 0 && (value & (value - 1)) == 0;
}

static Status check_options(const DatabaseOptions *options) {
    if (options->is_read_only) {
        return fail(FEATURE_NOT_SUPPORTED, "read-only databases are not supported yet");
    }
    if (!is_power_of_two(options->wal_file_bytes) || options->wal_file_bytes < 1 << 20
        || !is_power_of_two(options->wal_ring_bytes) || options->wal_ring_bytes < 1 << 16) {
        return fail(INVALID_PARAMETER_VALUE,
            "the log's files and its ring must be powers of two, of at least 1 MB and 64 kB");
    }
    return OK;
}

// Undo and queries have a share of their own; the cache takes what they leave.
static void init_budgets(Database *database) {
    size_t limit = (size_t)database->options.memory_limit_bytes;
    memory_budget_init(&database->memory, "memory", limit, NULL);
    memory_budget_init(
        &database->cache_memory, "cache memory", limit / 100 * 85, &database->memory);
    memory_budget_init(&database->undo_memory, "undo memory", limit / 100 * 15, &database->memory);
    memory_budget_init(
        &database->query_memory, "query work memory", limit / 100 * 40, &database->memory);
}

static Status make_paths(Database *database, const char *path) {
    if (path == NULL) return OK;
    size_t bytes = strlen(path) + 1;
    database->path = malloc(bytes);
    database->wal_path = malloc(bytes + 4);
    if (database->path == NULL || database->wal_path == NULL) {
        return fail(OUT_OF_MEMORY, "out of memory");
    }
    memcpy(database->path, path, bytes);
    memcpy(database->wal_path, path, bytes - 1);
    memcpy(database->wal_path + bytes - 1, "-wal", 5);
    return OK;
}

static void settle_wal_options(Database *database, const StoreRoot *root) {
    database->wal_options = (WalOptions){
        .file_bytes = root->wal_file_bytes,
        .ring_bytes = database->options.wal_ring_bytes,
        .timeline = (uint32_t)root->timeline,
        .is_volatile = database->path == NULL,
    };
    memcpy(database->wal_options.database_id, root->database_id, 16);
}

// The cache gives way first.
static void relieve(void *argument, size_t bytes) {
    Database *database = argument;
    (void)cache_make_room(database->cache, bytes);
}

// Everything between the log and the catalog, empty.
static Status make_modules(Database *database, TxnId next_txn, uint64_t incarnation) {
    TRY(epoch_set_create(&database->epochs));
    TRY(txn_system_create(database->wal, database->epochs, database->environment.clock,
        &database->undo_memory, next_txn, &database->txns));
    TRY(cache_create(database->store, database->epochs, &database->cache_memory, &database->cache));
    txn_system_set_relief(
        database->txns, (MemoryRelief){.make_room = relieve, .argument = database});
    return table_set_create(database->environment, database->txns, database->cache,
        &database->memory, incarnation, &database->tables);
}

// ---- Opening ------------------------------------------------------------------------------------

static StoreRoot first_root(const Database *database) {
    StoreRoot root = {
        .timeline = 1,
        .incarnation = 1,
        // File 0 is never used: an LSN of 0 is none.
        .checkpoint = {database->options.wal_file_bytes},
        .redo = {database->options.wal_file_bytes},
        .wal_file_bytes = database->options.wal_file_bytes,
        .next_txn = {FIRST_TXN_ID},
        .next_oid = FIRST_USER_OID,
        .is_clean = true,
    };
    put_u64_le(root.database_id, environment_random(&database->environment));
    put_u64_le(root.database_id + 8, environment_random(&database->environment));
    return root;
}

static Status open_store(Database *database) {
    if (database->path == NULL)
        return store_create_volatile(database->environment, &database->store);
    if (!database->options.must_exist
        && !file_exists(database->environment.files, database->path)) {
        StoreRoot root = first_root(database);
        return store_create(database->environment, database->path, &root, &database->store);
    }
    return store_open(database->environment, database->path, &database->store);
}

static Status mark_extent(void *argument, ExtentRef ref) {
    store_mark(argument, ref);
    return OK;
}

static Status mark_directory(Database *database, ExtentRef ref, Arena *arena) {
    ExtentRef *refs;
    size_t count;
    TRY(directory_extents(database->store, ref, arena, &refs, &count));
    for (size_t i = 0; i < count; i++)
        store_mark(database->store, refs[i]);
    return OK;
}

// Loads the root's image; a file that was only just made has none.
static Status load_image(Database *database, const StoreRoot *root, Arena *arena) {
    if (!extent_is_none(root->directory)) {
        Directory *directory;
        TRY(directory_read(database->store, root->directory, arena, &directory));
        TRY(table_set_load(database->tables, directory));
        TRY(mark_directory(database, root->directory, arena));
        TRY(table_set_mark_extents(database->tables, mark_extent, database->store));
    }
    return store_finish_marks(database->store);
}

// The log of a file that was closed in order: a new one, in a file that no earlier log has used.
// The root is marked as in use before anything but a CHECKPOINT_BEGIN is in it.
static Status start_log(Database *database, StoreRoot *root) {
    settle_wal_options(database, root);
    TRY(replay_check_clean(database, root));
    TRY(wal_remove(database->environment, database->wal_path));
    root->wal_file_bytes = database->options.wal_file_bytes;
    settle_wal_options(database, root);
    Lsn first = replay_first_lsn(root, root->wal_file_bytes);
    TRY(wal_create(
        database->environment, database->wal_path, &database->wal_options, first, &database->wal));
    Arena arena;
    arena_init(&arena, NULL);
    const char *slash = strrchr(database->path, '/');
    const char *folder = slash == NULL             ? "."
                         : slash == database->path ? "/"
                                                   : arena_copy_text_n(&arena, database->path,
                                                       (size_t)(slash - database->path));
    Status status = folder_sync(database->environment.files, folder);
    arena_deinit(&arena);
    TRY(status);

    uint8_t body[16];
    put_u64_le(body, first.value);
    put_u64_le(body + 8, first.value);
    Lsn end;
    TRY(wal_append(
        database->wal, WAL_CHECKPOINT_BEGIN, (TxnId){0}, bytes_make(body, sizeof body), &end));
    TRY(wal_wait_durable(database->wal, end));
    root->checkpoint = root->redo = first;
    root->is_clean = false;
    TRY(store_publish(database->store, root));
    TRY(checkpoint_log_end(database, store_root(database->store).generation));
    store_release(database->store);
    return OK;
}

static Status open_clean(Database *database, StoreRoot *root, Arena *arena) {
    TRY(start_log(database, root));
    TRY(make_modules(database, root->next_txn, root->incarnation));
    return load_image(database, root, arena);
}

static Status open_after_crash(Database *database, StoreRoot *root, Arena *arena) {
    int64_t began_ns = clock_monotonic_ns(database->environment.clock);
    LOG_INFO("recovery starting: root %llu, redo %016llx", (unsigned long long)root->generation,
        (unsigned long long)root->redo.value);
    settle_wal_options(database, root);
    ReplayScan scan;
    TRY(replay_scan(database, root, arena, &scan));
    TRY(wal_open(database->environment, database->wal_path, &database->wal_options, scan.end,
        scan.is_torn, &database->wal));
    // A crash may have come before this was durable; what only the root before holds is free soon.
    if (!scan.has_end) TRY(checkpoint_log_end(database, root->generation));
    TxnId next_txn = root->next_txn;
    if (scan.txn_max.value >= next_txn.value) next_txn.value = scan.txn_max.value + 1;
    TRY(make_modules(database, next_txn, root->incarnation + 1));
    TRY(load_image(database, root, arena));
    if (extent_is_none(root->directory)) TRY(catalog_bootstrap(database->tables));
    TRY(replay_apply(database, root, &scan));
    database->statistics.recovered_records = scan.record_count;
    database->statistics.recovered_bytes = scan.bytes;
    database->statistics.recovery_seconds =
        (double)(clock_monotonic_ns(database->environment.clock) - began_ns) / 1e9;
    LOG_INFO("recovered %llu log records, %llu bytes, in %.3f s",
        (unsigned long long)scan.record_count, (unsigned long long)scan.bytes,
        database->statistics.recovery_seconds);
    return OK;
}

static Status open_in_memory(Database *database) {
    StoreRoot root = first_root(database);
    settle_wal_options(database, &root);
    TRY(wal_create(
        database->environment, NULL, &database->wal_options, root.checkpoint, &database->wal));
    TRY(make_modules(database, root.next_txn, root.incarnation));
    return catalog_bootstrap(database->tables);
}

static Status open_parts(Database *database, Arena *arena) {
    TRY(open_store(database));
    StoreRoot root = store_root(database->store);
    if (database->path == NULL) {
        TRY(open_in_memory(database));
    } else if (root.is_clean) {
        TRY(open_clean(database, &root, arena));
        if (extent_is_none(root.directory)) TRY(catalog_bootstrap(database->tables));
    } else {
        TRY(open_after_crash(database, &root, arena));
    }
    database->checkpoint_tail = wal_tail(database->wal);
    database->checkpoint_began_ns = clock_monotonic_ns(database->environment.clock);
    TRY(catalog_open(database->tables, database->txns, &database->catalog));
    // The system tables of a new file are in its first image, never in the log.
    if (extent_is_none(root.directory)) TRY(checkpoint_run(database, CHECKPOINT_ORDINARY));
    return background_start(database);
}

// Destroys whatever was made; what closing has to save is saved before. A log that nobody needs any
// more is removed when nobody has it open any more.
static void destroy(Database *database, bool removes_log) {
    catalog_close(database->catalog);
    table_set_destroy(database->tables);
    txn_system_destroy(database->txns);
    // Retired frames are the cache's, so the epochs end first.
    epoch_set_destroy(database->epochs);
    cache_destroy(database->cache);
    wal_close(database->wal);
    if (removes_log && wal_remove(database->environment, database->wal_path) != OK) {
        LOG_WARNING("%s", error_get()->message); // the next open removes it
        error_clear();
    }
    store_close(database->store);
    mutex_deinit(&database->checkpoint_mutex);
    mutex_deinit(&database->background_mutex);
    condition_deinit(&database->background_wake);
    free(database->path);
    free(database->wal_path);
    free(database);
}

Status database_open(const char *path, const DatabaseOptions *options, Database **database_out) {
    Database *database = calloc(1, sizeof *database);
    if (database == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    database->environment = options->environment;
    settle_options(database, options);
    init_budgets(database);
    mutex_init(&database->checkpoint_mutex, LATCH_RANK_CHECKPOINT);
    mutex_init(&database->background_mutex, LATCH_RANK_CHECKPOINT);
    condition_init(&database->background_wake);
    Arena arena;
    arena_init(&arena, NULL);
    Status status = check_options(&database->options);
    if (status == OK) status = make_paths(database, path);
    if (status == OK) status = open_parts(database, &arena);
    arena_deinit(&arena);
    if (status != OK) {
        destroy(database, false);
        return status;
    }
    *database_out = database;
    return OK;
}

// ---- Closing ------------------------------------------------------------------------------------

// Leaves a root that needs no log.
static Status close_in_order(Database *database) {
    while (txn_system_collect(database->txns, CLOSING_COLLECT_RECORDS)) {
        // nobody holds a snapshot any more: this ends
    }
    return checkpoint_run(database, CHECKPOINT_CLOSING);
}

void database_close(Database *database) {
    if (database == NULL) return;
    background_stop(database);
    bool is_clean = false;
    if (database->path != NULL && !wal_is_failed(database->wal)
        && !store_is_failed(database->store)) {
        is_clean = close_in_order(database) == OK;
        if (!is_clean) {
            LOG_ERROR("the database was not closed in order; the next open recovers it: %s",
                error_get()->message);
            error_clear();
        }
    }
    DatabaseStatistics statistics = database_statistics(database);
    LOG_INFO("closed after %llu checkpoints; %llu objects were evicted",
        (unsigned long long)statistics.checkpoints, (unsigned long long)statistics.evicted_objects);
    destroy(database, is_clean);
}

// ---- What is in it ------------------------------------------------------------------------------

Catalog *database_catalog(Database *database) {
    return database->catalog;
}

TxnSystem *database_txns(Database *database) {
    return database->txns;
}

TableSet *database_tables(Database *database) {
    return database->tables;
}

EpochSet *database_epochs(Database *database) {
    return database->epochs;
}

Environment database_environment(const Database *database) {
    return database->environment;
}

const char *database_path(const Database *database) {
    return database->path;
}

void database_tick(Database *database) {
    background_tidy(database, CLOSING_COLLECT_RECORDS);
}

DatabaseStatistics database_statistics(const Database *database) {
    Database *self = (Database *)(uintptr_t)database; // locking is no change
    mutex_lock(&self->checkpoint_mutex);
    DatabaseStatistics statistics = self->statistics;
    mutex_unlock(&self->checkpoint_mutex);
    statistics.evicted_objects = cache_evicted_count(database->cache);
    return statistics;
}
