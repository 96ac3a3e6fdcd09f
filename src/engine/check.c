// `omendb check`: what is stored is read and its checksums computed, what is referred to is held
// against what is taken, and every index against its table.
#include "base/error.h"
#include "engine/engine_internal.h"

enum { COMPARE_TRIES = 4, COMPARE_PAUSE_US = 20000 };

static Status add_extent(void *argument, ExtentRef ref) {
    return store_marker_add(argument, ref);
}

static Status add_all(Database *database, StoreMarker *marker) {
    Arena arena;
    arena_init(&arena, NULL);
    ExtentRef *refs;
    size_t count;
    Status status = directory_extents(
        database->store, store_root(database->store).directory, &arena, &refs, &count);
    for (size_t i = 0; i < count && status == OK; i++) {
        status = store_marker_add(marker, refs[i]);
    }
    if (status == OK) status = table_set_mark_extents(database->tables, add_extent, marker);
    arena_deinit(&arena);
    return status;
}

static Status compare_once(Database *database) {
    database_tick(database);                            // what was retired lets go of its extents
    TRY(checkpoint_run(database, CHECKPOINT_ORDINARY)); // what is in memory is in the image then
    mutex_lock(&database->checkpoint_mutex);            // no other one comes in between
    StoreMarker *marker;
    Status status = store_marker_create(database->store, &marker);
    if (status == OK) {
        status = add_all(database, marker);
        Status compared = store_marker_finish(marker);
        if (status == OK) status = compared;
    }
    mutex_unlock(&database->checkpoint_mutex);
    return status;
}

// Others write, retire and evict meanwhile, which looks like a lost block for a moment; damage is
// there again the next time.
static Status check_file(Database *database) {
    Status status = compare_once(database);
    for (int tries = 1; status == DATA_CORRUPTED && tries < COMPARE_TRIES; tries++) {
        error_clear();
        clock_sleep_us(database->environment.clock, COMPARE_PAUSE_US);
        status = compare_once(database);
    }
    return status;
}

// Turns a finding into a line; anything but a finding ends the check.
static Status note(Status status, Text *findings, bool *is_damaged) {
    if (status != DATA_CORRUPTED) return status;
    *is_damaged = true;
    if (error_get()->status == DATA_CORRUPTED) {
        text_append_format(findings, "%s\n", error_get()->message);
    }
    error_clear();
    return OK;
}

Status database_check(Database *database, Text *findings) {
    bool is_damaged = false;
    if (database->path != NULL) TRY(note(check_file(database), findings, &is_damaged));
    size_t before = findings->count;
    Status status = table_set_check(database->tables, findings);
    if (status == DATA_CORRUPTED && findings->count > before) {
        error_clear(); // its lines are there already
        is_damaged = true;
        status = OK;
    }
    TRY(note(status, findings, &is_damaged));
    return is_damaged ? fail(DATA_CORRUPTED, "the database is damaged") : OK;
}
