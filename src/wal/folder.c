// The folder of a log that is open for appending: which files there are, which of them are ready,
// and which may be used again.
//
// Model    Files are kept in rising order of their numbers: old ones (closed; needed until a
//          checkpoint lets go of them), then the ones that are ready (open, filled with zeros or
//          recycled, of full size, their names synced). Between the two there may be a gap, after
//          a tail that was stepped over.
// Threads  prepare, recycle: one at a time (`prepare_mutex`). write: the leader of a flush. The
//          list itself is guarded by `mutex`, held for moments only.
#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "wal/wal_internal.h"

#include <stdlib.h>

enum { FILL_BYTES = 1 << 20, SPARE_COUNT_MAX = 64 };

typedef struct LogFile {
    uint64_t number;
    File *file; // NULL when old
} LogFile;

struct WalFolder {
    Environment environment;
    uint64_t file_bytes;
    Mutex prepare_mutex; // one thread prepares or recycles
    Mutex mutex;         // guards what follows
    LogFile *files;
    size_t count, capacity;
    uint64_t recycle_before;    // files with numbers below may be renamed; guarded by mutex
    _Atomic uint64_t ready_end; // raised by prepare, read by anybody
    size_t used_since_recycle;  // files taken since the last recycling; guarded by prepare_mutex
    char path[];
};

uint64_t wal_folder_ready_end(const WalFolder *folder) {
    return atomic_load_explicit(&folder->ready_end, memory_order_acquire);
}

// Guarded by mutex. Keeps the list sorted.
static Status list_add(WalFolder *folder, LogFile file) {
    if (folder->count == folder->capacity) {
        size_t capacity = folder->capacity == 0 ? 16 : folder->capacity * 2;
        LogFile *files = realloc(folder->files, capacity * sizeof *files);
        if (files == NULL) return fail(OUT_OF_MEMORY, "out of memory");
        folder->files = files;
        folder->capacity = capacity;
    }
    size_t at = folder->count++;
    for (; at > 0 && folder->files[at - 1].number > file.number; at--) {
        folder->files[at] = folder->files[at - 1];
    }
    folder->files[at] = file;
    return OK;
}

static void list_remove(WalFolder *folder, size_t index) {
    folder->count--;
    memmove(&folder->files[index], &folder->files[index + 1],
        (folder->count - index) * sizeof *folder->files);
}

// Opens a file that is ready, so that each write is durable when it returns.
static Status open_for_writing(WalFolder *folder, uint64_t number, Arena *arena, File **file_out) {
    return file_open(folder->environment.files, wal_file_path(arena, folder->path, number),
        (FileOptions){.direct = true, .sync_each_write = true}, file_out);
}

// Writes zeros from the end of what the file has to the full size, and syncs it.
static Status fill_with_zeros(File *file, uint64_t from, uint64_t to) {
    uint8_t *zeros = aligned_alloc(FILE_DIRECT_ALIGNMENT, FILL_BYTES);
    if (zeros == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    memset(zeros, 0, FILL_BYTES);
    Status status = file_allocate(file, 0, to); // a full disk shows before anything is written
    while (status == OK && from < to) {
        size_t count = to - from < FILL_BYTES ? (size_t)(to - from) : FILL_BYTES;
        status = file_write(file, from, zeros, count);
        from += count;
    }
    free(zeros);
    if (status == OK) status = file_sync(file);
    return status;
}

// Makes the file `number` exist at full size, from nothing or from what a crash has left of it.
static Status make_file(WalFolder *folder, uint64_t number, Arena *arena) {
    const char *path = wal_file_path(arena, folder->path, number);
    File *file;
    TRY(file_open(
        folder->environment.files, path, (FileOptions){.create = true, .direct = true}, &file));
    uint64_t size;
    Status status = file_get_size(file, &size);
    if (status == OK && size != folder->file_bytes) {
        status = fill_with_zeros(file,
            size < folder->file_bytes ? size / FILL_BYTES * FILL_BYTES : 0, folder->file_bytes);
        if (status == OK && size > folder->file_bytes) {
            status = file_set_size(file, folder->file_bytes);
        }
    }
    file_close(file);
    return status;
}

// The oldest file that nobody needs; false when there is none.
static bool take_spare(WalFolder *folder, uint64_t *number_out) {
    mutex_lock(&folder->mutex);
    bool is_found = folder->count > 0 && folder->files[0].number < folder->recycle_before;
    if (is_found) {
        ASSERT(folder->files[0].file == NULL);
        *number_out = folder->files[0].number;
        list_remove(folder, 0);
    }
    mutex_unlock(&folder->mutex);
    return is_found;
}

// Gets one more file ready, `number`: a spare one renamed, or a new one.
static Status prepare_file(WalFolder *folder, uint64_t number, Arena *arena) {
    FileSystem *files = folder->environment.files;
    uint64_t spare;
    if (!file_exists(files, wal_file_path(arena, folder->path, number))
        && take_spare(folder, &spare)) {
        TRY(file_rename(files, wal_file_path(arena, folder->path, spare),
            wal_file_path(arena, folder->path, number)));
    }
    TRY(make_file(folder, number, arena)); // nothing to do for one that has its size
    TRY(folder_sync(files, folder->path));
    File *file;
    TRY(open_for_writing(folder, number, arena, &file));
    mutex_lock(&folder->mutex);
    Status status = list_add(folder, (LogFile){.number = number, .file = file});
    mutex_unlock(&folder->mutex);
    if (status != OK) {
        file_close(file);
        return status;
    }
    folder->used_since_recycle++;
    atomic_store_explicit(
        &folder->ready_end, (number + 1) * folder->file_bytes, memory_order_release);
    return OK;
}

Status wal_folder_prepare(WalFolder *folder, uint64_t position) {
    if (wal_folder_ready_end(folder) >= position) return OK;
    Arena arena;
    arena_init(&arena, NULL);
    Status status = OK;
    mutex_lock(&folder->prepare_mutex);
    while (status == OK && wal_folder_ready_end(folder) < position) {
        status = prepare_file(folder, wal_folder_ready_end(folder) / folder->file_bytes, &arena);
    }
    mutex_unlock(&folder->prepare_mutex);
    arena_deinit(&arena);
    return status;
}

Status wal_folder_open(Environment environment, const char *path, uint64_t file_bytes,
    uint64_t position, WalFolder **folder_out) {
    size_t path_bytes = strlen(path) + 1;
    WalFolder *folder = calloc(1, sizeof *folder + path_bytes);
    if (folder == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    folder->environment = environment;
    folder->file_bytes = file_bytes;
    memcpy(folder->path, path, path_bytes);
    mutex_init(&folder->prepare_mutex, LATCH_RANK_WAL_FLUSH);
    mutex_init(&folder->mutex, LATCH_RANK_WAL);
    uint64_t first_number = position / file_bytes;
    atomic_init(&folder->ready_end, first_number * file_bytes);

    Arena arena;
    arena_init(&arena, NULL);
    uint64_t *numbers;
    size_t count;
    Status status = wal_list_files(environment, path, &arena, &numbers, &count);
    for (size_t i = 0; i < count && status == OK; i++) {
        if (numbers[i] < first_number) status = list_add(folder, (LogFile){.number = numbers[i]});
    }
    arena_deinit(&arena);
    if (status == OK) status = wal_folder_prepare(folder, position + 1);
    if (status != OK) {
        wal_folder_close(folder);
        return status;
    }
    *folder_out = folder;
    return OK;
}

void wal_folder_close(WalFolder *folder) {
    if (folder == NULL) return;
    for (size_t i = 0; i < folder->count; i++)
        file_close(folder->files[i].file);
    free(folder->files);
    mutex_deinit(&folder->prepare_mutex);
    mutex_deinit(&folder->mutex);
    free(folder);
}

static File *find_file(WalFolder *folder, uint64_t number) {
    File *file = NULL;
    mutex_lock(&folder->mutex);
    for (size_t i = folder->count; i > 0 && file == NULL; i--) {
        if (folder->files[i - 1].number == number) file = folder->files[i - 1].file;
    }
    mutex_unlock(&folder->mutex);
    return file;
}

Status wal_folder_write(WalFolder *folder, uint64_t position, const uint8_t *bytes, size_t count) {
    ASSERT(position % WAL_SECTOR_BYTES == 0 && count % WAL_SECTOR_BYTES == 0);
    while (count > 0) {
        uint64_t offset = position % folder->file_bytes;
        size_t piece =
            folder->file_bytes - offset < count ? (size_t)(folder->file_bytes - offset) : count;
        File *file = find_file(folder, position / folder->file_bytes);
        ASSERT(file != NULL); // credit was taken for these bytes
        TRY(file_write(file, offset, bytes, piece));
        position += piece;
        bytes += piece;
        count -= piece;
    }
    return OK;
}

void wal_folder_pass(WalFolder *folder, uint64_t position) {
    uint64_t number = position / folder->file_bytes;
    mutex_lock(&folder->mutex);
    for (size_t i = 0; i < folder->count && folder->files[i].number < number; i++) {
        file_close(folder->files[i].file);
        folder->files[i].file = NULL;
    }
    mutex_unlock(&folder->mutex);
}

Status wal_folder_recycle(WalFolder *folder, uint64_t position) {
    mutex_lock(&folder->prepare_mutex);
    mutex_lock(&folder->mutex);
    size_t spare_count = 0;
    uint64_t before = position / folder->file_bytes;
    while (spare_count < folder->count && folder->files[spare_count].file == NULL
           && folder->files[spare_count].number < before) {
        spare_count++;
    }
    if (spare_count > 0) folder->recycle_before = folder->files[spare_count - 1].number + 1;
    mutex_unlock(&folder->mutex);

    // As many as were used since the last time will do for the next time.
    size_t kept = folder->used_since_recycle + 1;
    if (kept > SPARE_COUNT_MAX) kept = SPARE_COUNT_MAX;
    folder->used_since_recycle = 0;
    Arena arena;
    arena_init(&arena, NULL);
    Status status = OK;
    uint64_t number;
    for (; spare_count > kept && status == OK && take_spare(folder, &number); spare_count--) {
        status =
            file_remove(folder->environment.files, wal_file_path(&arena, folder->path, number));
    }
    mutex_unlock(&folder->prepare_mutex);
    arena_deinit(&arena);
    return status;
}
