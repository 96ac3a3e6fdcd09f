// The background thread: checkpoints, collection, eviction, the next log file, and the flush that
// asynchronous commits rely on.
#include "base/error.h"
#include "base/log.h"
#include "engine/engine_internal.h"

enum {
    TICK_US = 10000,        // while there is work
    TICK_IDLE_US = 50000,   // when there is none
    COLLECT_RECORDS = 2000, // in one go: well below a tick
};

// Above this share of the memory limit the cache gives way.
enum { MEMORY_HIGH_PERCENT = 90 };

bool background_tidy(Database *database, uint32_t record_count_max) {
    bool has_more = txn_system_collect(database->txns, record_count_max);
    epoch_advance(database->epochs);
    size_t used = memory_budget_used(&database->memory);
    size_t high = database->memory.limit_bytes / 100 * MEMORY_HIGH_PERCENT;
    if (used > high) {
        // Room for as much as would bring the limit's last tenth back.
        cache_make_room(database->cache, database->memory.limit_bytes - high);
    }
    return has_more;
}

// Flushes what asynchronous commits have left, and gets the next log file ready.
static bool tend_log(Database *database) {
    Lsn tail = wal_tail(database->wal);
    bool is_behind = wal_durable(database->wal).value < tail.value;
    Status status = OK;
    if (is_behind && !wal_is_failed(database->wal)) status = wal_wait_durable(database->wal, tail);
    if (status == OK) status = wal_prepare_ahead(database->wal);
    if (status != OK) {
        LOG_WARNING("%s", error_get()->message);
        error_clear();
    }
    return is_behind;
}

static void run(void *argument) {
    Database *database = argument;
    Lsn seen = {0};
    mutex_lock(&database->background_mutex);
    while (!atomic_load(&database->is_closing)) {
        mutex_unlock(&database->background_mutex);
        bool is_busy = tend_log(database);
        is_busy |= background_tidy(database, COLLECT_RECORDS);
        if (checkpoint_is_due(database) && checkpoint_run(database, CHECKPOINT_ORDINARY) != OK) {
            LOG_WARNING("checkpoint given up: %s", error_get()->message);
            error_clear();
        }
        Lsn tail = wal_tail(database->wal);
        is_busy |= tail.value != seen.value;
        seen = tail;
        mutex_lock(&database->background_mutex);
        if (!atomic_load(&database->is_closing) && !atomic_exchange(&database->is_short, false)) {
            condition_wait_us(&database->background_wake, &database->background_mutex,
                is_busy ? TICK_US : TICK_IDLE_US);
        }
    }
    mutex_unlock(&database->background_mutex);
}

// May be called under any lock, so it takes none: a wake that is missed comes again.
static void wake_for_room(void *argument) {
    Database *database = argument;
    atomic_store(&database->is_short, true);
    condition_wake_all(&database->background_wake);
}

Status background_start(Database *database) {
    if (database->options.no_background) return OK;
    cache_on_shortage(database->cache, wake_for_room, database);
    return thread_start("omen-background", 0, run, database, &database->background);
}

void background_stop(Database *database) {
    mutex_lock(&database->background_mutex);
    atomic_store(&database->is_closing, true);
    condition_wake_all(&database->background_wake);
    mutex_unlock(&database->background_mutex);
    thread_join(database->background);
    database->background = NULL;
}
