#include "os/simulated_disk.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/random.h"
#include "os/clock_ops.h"
#include "os/file_system.h"
#include "os/thread.h"

#include <stdlib.h>
#include <string.h>

enum { SECTOR_BYTES = 512, PATH_MAX_BYTES = 256, PIECE_BYTES = 16 * 1024 };

// Bytes that copies of a disk share until one of them writes.
typedef struct Piece {
    _Atomic uint32_t owner_count;
    uint8_t bytes[];
} Piece;

// What a file holds, in pieces of PIECE_BYTES; NULL for one of zeros. Beyond `count` all is zero.
typedef struct Content {
    Piece **pieces;
    uint64_t count, capacity; // bytes; pieces that there is room for
} Content;

// A file's contents, whatever it is called.
typedef struct Inode {
    Content current, durable;
    bool is_locked, is_folder;
    struct Inode *next; // of all
    uint32_t number;
} Inode;

typedef struct Name {
    char path[PATH_MAX_BYTES];
    Inode *inode;
    struct Name *next;
} Name;

typedef enum ChangeKind {
    CHANGE_WRITE,
    CHANGE_SIZE,
    CHANGE_LINK,
    CHANGE_RENAME,
    CHANGE_UNLINK
} ChangeKind;

// Something done that is not durable, in the order in which it was done.
typedef struct Change {
    ChangeKind kind;
    Inode *inode;
    uint64_t offset, count; // CHANGE_SIZE: offset is the new size
    Piece *piece;           // CHANGE_WRITE: `count` bytes; NULL for zeros
    char path[PATH_MAX_BYTES], to[PATH_MAX_BYTES];
    struct Change *next;
} Change;

struct SimulatedDisk {
    FileSystem files;
    Mutex mutex; // guards everything
    Inode *inodes;
    uint32_t inode_count;
    Name *names, *durable_names;
    Change *changes, **changes_end;
    uint64_t call_count, crash_at, fail_at, limit_bytes;
    DiskFault fault;
    bool fault_is_lasting, is_down;
    void (*hook)(void *argument, uint64_t call, const char *path);
    void *hook_argument;
};

typedef struct SimulatedFile {
    File file;
    SimulatedDisk *disk;
    Inode *inode;
    bool sync_each_write, is_read_only, has_lock;
    char path[PATH_MAX_BYTES]; // it was opened by
} SimulatedFile;

static SimulatedFile *simulated(File *file) {
    return (SimulatedFile *)file;
}

static SimulatedDisk *disk_of(FileSystem *files) {
    return (SimulatedDisk *)files;
}

// A test has no use for an allocation failure of its own disk: one that it has injected is over the
// second time.
static void *take_memory(size_t bytes) {
    void *memory = calloc(1, bytes == 0 ? 1 : bytes);
    if (memory == NULL) memory = calloc(1, bytes);
    ASSERT(memory != NULL);
    return memory;
}

// ---- Contents -----------------------------------------------------------------------------------

static Piece *piece_make(size_t bytes) {
    Piece *piece = malloc(sizeof *piece + bytes);
    if (piece == NULL) piece = malloc(sizeof *piece + bytes);
    ASSERT(piece != NULL);
    atomic_init(&piece->owner_count, 1);
    return piece;
}

static Piece *piece_ref(Piece *piece) {
    if (piece != NULL) atomic_fetch_add(&piece->owner_count, 1);
    return piece;
}

static void piece_unref(Piece *piece) {
    if (piece != NULL && atomic_fetch_sub(&piece->owner_count, 1) == 1) free(piece);
}

static bool is_all_zero(const uint8_t *bytes, uint64_t count) {
    return count == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0);
}

static uint64_t piece_count_of(uint64_t bytes) {
    return (bytes + PIECE_BYTES - 1) / PIECE_BYTES;
}

// The bytes of a piece, for this content alone to write to.
static uint8_t *content_own_piece(Content *content, uint64_t index) {
    Piece *piece = content->pieces[index];
    if (piece != NULL && atomic_load(&piece->owner_count) == 1) return piece->bytes;
    Piece *own = piece_make(PIECE_BYTES);
    if (piece == NULL) {
        memset(own->bytes, 0, PIECE_BYTES);
    } else {
        memcpy(own->bytes, piece->bytes, PIECE_BYTES);
    }
    piece_unref(piece);
    content->pieces[index] = own;
    return own->bytes;
}

static void content_set_size(Content *content, uint64_t size) {
    uint64_t before = piece_count_of(content->count), count = piece_count_of(size);
    if (count > content->capacity) {
        uint64_t capacity = content->capacity * 2 > count ? content->capacity * 2 : count;
        Piece **pieces = realloc(content->pieces, capacity * sizeof *pieces);
        if (pieces == NULL) pieces = realloc(content->pieces, capacity * sizeof *pieces);
        ASSERT(pieces != NULL);
        content->pieces = pieces;
        content->capacity = capacity;
    }
    for (uint64_t i = before; i < count; i++)
        content->pieces[i] = NULL;
    for (uint64_t i = count; i < before; i++)
        piece_unref(content->pieces[i]);
    uint64_t left = size % PIECE_BYTES;
    if (size < content->count && left > 0 && content->pieces[count - 1] != NULL) {
        memset(content_own_piece(content, count - 1) + left, 0, PIECE_BYTES - left);
    }
    content->count = size;
}

// `bytes` NULL stands for zeros.
static void content_write(Content *content, uint64_t offset, const uint8_t *bytes, uint64_t count) {
    if (count > 0 && offset + count > content->count) content_set_size(content, offset + count);
    while (count > 0) {
        uint64_t index = offset / PIECE_BYTES, at = offset % PIECE_BYTES;
        uint64_t here = PIECE_BYTES - at < count ? PIECE_BYTES - at : count;
        if (bytes == NULL && (here == PIECE_BYTES || content->pieces[index] == NULL)) {
            piece_unref(content->pieces[index]);
            content->pieces[index] = NULL;
        } else if (bytes == NULL) {
            memset(content_own_piece(content, index) + at, 0, here);
        } else {
            memcpy(content_own_piece(content, index) + at, bytes, here);
        }
        if (bytes != NULL) bytes += here;
        offset += here;
        count -= here;
    }
}

static void content_read(const Content *content, uint64_t offset, uint8_t *bytes, uint64_t count) {
    while (count > 0) {
        const Piece *piece = content->pieces[offset / PIECE_BYTES];
        uint64_t at = offset % PIECE_BYTES;
        uint64_t here = PIECE_BYTES - at < count ? PIECE_BYTES - at : count;
        if (piece == NULL) {
            memset(bytes, 0, here);
        } else {
            memcpy(bytes, piece->bytes + at, here);
        }
        bytes += here;
        offset += here;
        count -= here;
    }
}

static void content_assign(Content *to, const Content *from) {
    content_set_size(to, 0);
    content_set_size(to, from->count);
    for (uint64_t i = 0; i < piece_count_of(from->count); i++)
        to->pieces[i] = piece_ref(from->pieces[i]);
}

static void content_free(Content *content) {
    content_set_size(content, 0);
    free(content->pieces);
}

static Inode *inode_make(SimulatedDisk *disk, bool is_folder) {
    Inode *inode = take_memory(sizeof *inode);
    inode->is_folder = is_folder;
    inode->number = disk->inode_count++;
    inode->next = disk->inodes;
    disk->inodes = inode;
    return inode;
}

// ---- Names --------------------------------------------------------------------------------------

static void copy_path(char *to, const char *path) {
    size_t bytes = strlen(path) + 1;
    ASSERT(bytes <= PATH_MAX_BYTES);
    memcpy(to, path, bytes);
}

static Name **find_name(Name **names, const char *path) {
    while (*names != NULL && strcmp((*names)->path, path) != 0)
        names = &(*names)->next;
    return names;
}

static void unlink_name(Name **names, const char *path) {
    Name **at = find_name(names, path);
    if (*at == NULL) return;
    Name *name = *at;
    *at = name->next;
    free(name);
}

static void link_name(Name **names, const char *path, Inode *inode) {
    unlink_name(names, path);
    Name *name = take_memory(sizeof *name);
    copy_path(name->path, path);
    name->inode = inode;
    name->next = *names;
    *names = name;
}

static void rename_name(Name **names, const char *path, const char *to, Inode *inode) {
    unlink_name(names, path);
    link_name(names, to, inode);
}

// The last part of the path when it is in the folder; NULL otherwise.
static const char *name_in_folder(const char *path, const char *folder) {
    size_t count = strlen(folder);
    if (strcmp(folder, ".") == 0 && strchr(path, '/') == NULL) return path;
    if (strncmp(path, folder, count) != 0 || path[count] != '/') return NULL;
    return strchr(path + count + 1, '/') == NULL ? path + count + 1 : NULL;
}

static void free_names(Name *names) {
    while (names != NULL) {
        Name *next = names->next;
        free(names);
        names = next;
    }
}

// ---- Changes ------------------------------------------------------------------------------------

static Change *change_add(SimulatedDisk *disk, ChangeKind kind, Inode *inode) {
    Change *change = take_memory(sizeof *change);
    change->kind = kind;
    change->inode = inode;
    *disk->changes_end = change;
    disk->changes_end = &change->next;
    return change;
}

static const uint8_t *change_bytes(const Change *change, uint64_t at) {
    return change->piece == NULL ? NULL : change->piece->bytes + at;
}

static void change_free(Change *change) {
    piece_unref(change->piece);
    free(change);
}

// Makes a change durable, wholly.
static void change_settle(SimulatedDisk *disk, const Change *change) {
    switch (change->kind) {
    case CHANGE_WRITE:
        content_write(
            &change->inode->durable, change->offset, change_bytes(change, 0), change->count);
        return;
    case CHANGE_SIZE:
        content_set_size(&change->inode->durable, change->offset);
        return;
    case CHANGE_LINK:
        link_name(&disk->durable_names, change->path, change->inode);
        return;
    case CHANGE_RENAME:
        rename_name(&disk->durable_names, change->path, change->to, change->inode);
        return;
    case CHANGE_UNLINK:
        unlink_name(&disk->durable_names, change->path);
        return;
    }
    UNREACHABLE();
}

static bool change_is_of_contents(const Change *change) {
    return change->kind == CHANGE_WRITE || change->kind == CHANGE_SIZE;
}

// Takes the changes that `matches` accepts off the list, in order, settling them if asked.
static void changes_take(SimulatedDisk *disk, bool (*matches)(const Change *, const void *),
    const void *argument, bool is_settled) {
    Change **at = &disk->changes;
    while (*at != NULL) {
        Change *change = *at;
        if (!matches(change, argument)) {
            at = &change->next;
            continue;
        }
        if (is_settled) change_settle(disk, change);
        *at = change->next;
        change_free(change);
    }
    disk->changes_end = at;
}

static bool is_of_inode(const Change *change, const void *inode) {
    return change->inode == inode && change_is_of_contents(change);
}

static bool is_in_folder(const Change *change, const void *folder) {
    if (change_is_of_contents(change)) return false;
    return name_in_folder(change->path, folder) != NULL
           || (change->kind == CHANGE_RENAME && name_in_folder(change->to, folder) != NULL);
}

static bool is_any(const Change *change, const void *argument) {
    (void)change;
    (void)argument;
    return true;
}

// ---- Calls --------------------------------------------------------------------------------------

static Status fail_down(void) {
    return fail(IO_ERROR, "could not access file: the simulated machine is down");
}

// What a call does, for faults that not every call meets.
typedef enum CallKind {
    CALL_SYNC,
    CALL_EXTENDS, // takes more of the disk
    CALL_OTHER,
} CallKind;

// Numbers a call, with the lock held. Errors: the fault that is due.
static Status call_begin(SimulatedDisk *disk, CallKind kind, bool *drops_out) {
    *drops_out = false;
    if (disk->is_down) return fail_down();
    uint64_t call = ++disk->call_count;
    bool is_due = disk->fail_at != 0
                  && (call == disk->fail_at || (disk->fault_is_lasting && call > disk->fail_at));
    if (!is_due) return OK;
    switch (disk->fault) {
    case FAULT_IO:
        return fail(IO_ERROR, "could not write file: simulated I/O error");
    case FAULT_FULL:
        return kind == CALL_EXTENDS ? fail(DISK_FULL, "could not extend file: simulated full disk")
                                    : OK;
    case FAULT_SYNC:
        *drops_out = kind == CALL_SYNC;
        return OK;
    }
    UNREACHABLE();
}

// What the call does can be seen now and is not durable: shows it to the hook, without the lock,
// and cuts the power if it is time. The lock is held before and after.
static Status call_show(SimulatedDisk *disk, const char *path) {
    uint64_t call = disk->call_count;
    if (disk->hook != NULL) {
        void (*hook)(void *argument, uint64_t call, const char *path) = disk->hook;
        void *argument = disk->hook_argument;
        mutex_unlock(&disk->mutex);
        hook(argument, call, path);
        mutex_lock(&disk->mutex);
    }
    if (disk->crash_at != 0 && call >= disk->crash_at) {
        disk->is_down = true;
        return fail_down();
    }
    return OK;
}

static uint64_t total_bytes(const SimulatedDisk *disk) {
    uint64_t total = 0;
    for (const Name *name = disk->names; name != NULL; name = name->next) {
        total += name->inode->current.count;
    }
    return total;
}

static Status check_limit(const SimulatedDisk *disk, const Inode *inode, uint64_t size) {
    if (disk->limit_bytes == 0 || size <= inode->current.count) return OK;
    if (total_bytes(disk) + (size - inode->current.count) <= disk->limit_bytes) return OK;
    return fail(DISK_FULL, "could not extend file: simulated full disk");
}

static const FileSystemOps simulated_ops;

static Status open_locked(
    SimulatedDisk *disk, const char *path, FileOptions options, Inode **inode_out) {
    if (disk->is_down) return fail_down();
    Name *name = *find_name(&disk->names, path);
    if (name != NULL && options.exclusive) {
        return fail(DUPLICATE_FILE, "could not create file \"%s\": File exists", path);
    }
    if (name == NULL && !options.create) {
        return fail(UNDEFINED_FILE, "could not open file \"%s\": No such file or directory", path);
    }
    if (name != NULL) {
        *inode_out = name->inode;
        return OK;
    }
    bool drops;
    TRY(call_begin(disk, CALL_EXTENDS, &drops));
    Inode *inode = inode_make(disk, false);
    link_name(&disk->names, path, inode);
    copy_path(change_add(disk, CHANGE_LINK, inode)->path, path);
    TRY(call_show(disk, path));
    *inode_out = inode;
    return OK;
}

static Status simulated_open(
    FileSystem *files, const char *path, FileOptions options, File **file_out) {
    SimulatedDisk *disk = disk_of(files);
    Inode *inode = NULL;
    mutex_lock(&disk->mutex);
    Status status = open_locked(disk, path, options, &inode);
    mutex_unlock(&disk->mutex);
    TRY(status);
    SimulatedFile *file = take_memory(sizeof *file);
    file->file = (File){.ops = &simulated_ops, .is_direct = options.direct};
    file->disk = disk;
    file->inode = inode;
    copy_path(file->path, path);
    file->sync_each_write = options.sync_each_write;
    file->is_read_only = options.read_only;
    *file_out = &file->file;
    return OK;
}

static void simulated_close(File *file) {
    SimulatedDisk *disk = simulated(file)->disk;
    mutex_lock(&disk->mutex);
    if (simulated(file)->has_lock) simulated(file)->inode->is_locked = false;
    mutex_unlock(&disk->mutex);
    free(file);
}

static Status simulated_read(
    File *file, uint64_t offset, void *bytes, size_t count, size_t *read_out) {
    SimulatedDisk *disk = simulated(file)->disk;
    mutex_lock(&disk->mutex);
    const Content *content = &simulated(file)->inode->current;
    uint64_t left = offset < content->count ? content->count - offset : 0;
    size_t read = left < count ? (size_t)left : count;
    if (!disk->is_down && read > 0) content_read(content, offset, bytes, read);
    Status status = disk->is_down ? fail_down() : OK;
    mutex_unlock(&disk->mutex);
    if (status == OK) *read_out = read;
    return status;
}

static Status write_locked(SimulatedFile *file, uint64_t offset, const void *bytes, size_t count) {
    SimulatedDisk *disk = file->disk;
    ASSERT(!file->is_read_only);
    bool drops;
    bool extends = offset + count > file->inode->current.count;
    TRY(call_begin(disk, extends ? CALL_EXTENDS : CALL_OTHER, &drops));
    TRY(check_limit(disk, file->inode, offset + count));
    Change *change = change_add(disk, CHANGE_WRITE, file->inode);
    change->offset = offset;
    change->count = count;
    if (!is_all_zero(bytes, count)) {
        change->piece = piece_make(count);
        memcpy(change->piece->bytes, bytes, count);
    }
    content_write(&file->inode->current, offset, change_bytes(change, 0), count);
    TRY(call_show(disk, file->path));
    if (file->sync_each_write) changes_take(disk, is_of_inode, file->inode, true);
    return OK;
}

static Status simulated_write(File *file, uint64_t offset, const void *bytes, size_t count) {
    SimulatedDisk *disk = simulated(file)->disk;
    mutex_lock(&disk->mutex);
    Status status = write_locked(simulated(file), offset, bytes, count);
    mutex_unlock(&disk->mutex);
    return status;
}

static Status sync_locked(SimulatedFile *file) {
    bool drops;
    TRY(call_begin(file->disk, CALL_SYNC, &drops));
    TRY(call_show(file->disk, file->path));
    changes_take(file->disk, is_of_inode, file->inode, !drops);
    return drops ? fail(IO_ERROR, "could not sync file: simulated I/O error") : OK;
}

static Status simulated_sync(File *file) {
    SimulatedDisk *disk = simulated(file)->disk;
    mutex_lock(&disk->mutex);
    Status status = sync_locked(simulated(file));
    mutex_unlock(&disk->mutex);
    return status;
}

static Status simulated_get_size(File *file, uint64_t *size_out) {
    SimulatedDisk *disk = simulated(file)->disk;
    mutex_lock(&disk->mutex);
    *size_out = simulated(file)->inode->current.count;
    mutex_unlock(&disk->mutex);
    return OK;
}

static Status set_size_locked(SimulatedFile *file, uint64_t size) {
    bool drops;
    bool extends = size > file->inode->current.count;
    TRY(call_begin(file->disk, extends ? CALL_EXTENDS : CALL_OTHER, &drops));
    TRY(check_limit(file->disk, file->inode, size));
    content_set_size(&file->inode->current, size);
    change_add(file->disk, CHANGE_SIZE, file->inode)->offset = size;
    return call_show(file->disk, file->path);
}

static Status simulated_set_size(File *file, uint64_t size) {
    SimulatedDisk *disk = simulated(file)->disk;
    mutex_lock(&disk->mutex);
    Status status = set_size_locked(simulated(file), size);
    mutex_unlock(&disk->mutex);
    return status;
}

static Status simulated_allocate(File *file, uint64_t offset, uint64_t count) {
    SimulatedDisk *disk = simulated(file)->disk;
    mutex_lock(&disk->mutex);
    Status status = OK;
    if (offset + count > simulated(file)->inode->current.count) {
        status = set_size_locked(simulated(file), offset + count);
    }
    mutex_unlock(&disk->mutex);
    return status;
}

static void simulated_punch(File *file, uint64_t offset, uint64_t count) {
    (void)file; // advice
    (void)offset;
    (void)count;
}

static Status simulated_lock(File *file) {
    SimulatedDisk *disk = simulated(file)->disk;
    mutex_lock(&disk->mutex);
    bool is_taken = simulated(file)->inode->is_locked;
    if (!is_taken) simulated(file)->inode->is_locked = simulated(file)->has_lock = true;
    mutex_unlock(&disk->mutex);
    return is_taken ? fail(OBJECT_IN_USE, "database file is in use") : OK;
}

static bool simulated_exists(FileSystem *files, const char *path) {
    SimulatedDisk *disk = disk_of(files);
    mutex_lock(&disk->mutex);
    bool exists = *find_name(&disk->names, path) != NULL;
    mutex_unlock(&disk->mutex);
    return exists;
}

static Status remove_locked(SimulatedDisk *disk, const char *path) {
    if (disk->is_down) return fail_down();
    if (*find_name(&disk->names, path) == NULL) return OK;
    bool drops;
    TRY(call_begin(disk, CALL_OTHER, &drops));
    unlink_name(&disk->names, path);
    copy_path(change_add(disk, CHANGE_UNLINK, NULL)->path, path);
    return call_show(disk, path);
}

static Status simulated_remove(FileSystem *files, const char *path) {
    SimulatedDisk *disk = disk_of(files);
    mutex_lock(&disk->mutex);
    Status status = remove_locked(disk, path);
    mutex_unlock(&disk->mutex);
    return status;
}

static Status rename_locked(SimulatedDisk *disk, const char *from, const char *to) {
    Name *name = *find_name(&disk->names, from);
    if (name == NULL) {
        return fail(
            UNDEFINED_FILE, "could not rename file \"%s\": No such file or directory", from);
    }
    bool drops;
    TRY(call_begin(disk, CALL_OTHER, &drops));
    Inode *inode = name->inode;
    rename_name(&disk->names, from, to, inode);
    Change *change = change_add(disk, CHANGE_RENAME, inode);
    copy_path(change->path, from);
    copy_path(change->to, to);
    return call_show(disk, from);
}

static Status simulated_rename(FileSystem *files, const char *from, const char *to) {
    SimulatedDisk *disk = disk_of(files);
    mutex_lock(&disk->mutex);
    Status status = rename_locked(disk, from, to);
    mutex_unlock(&disk->mutex);
    return status;
}

static Status folder_create_locked(SimulatedDisk *disk, const char *path) {
    if (disk->is_down) return fail_down();
    if (*find_name(&disk->names, path) != NULL) return OK;
    bool drops;
    TRY(call_begin(disk, CALL_EXTENDS, &drops));
    Inode *inode = inode_make(disk, true);
    link_name(&disk->names, path, inode);
    copy_path(change_add(disk, CHANGE_LINK, inode)->path, path);
    return call_show(disk, path);
}

static Status simulated_folder_create(FileSystem *files, const char *path) {
    SimulatedDisk *disk = disk_of(files);
    mutex_lock(&disk->mutex);
    Status status = folder_create_locked(disk, path);
    mutex_unlock(&disk->mutex);
    return status;
}

static Status folder_sync_locked(SimulatedDisk *disk, const char *path) {
    bool drops;
    TRY(call_begin(disk, CALL_SYNC, &drops));
    TRY(call_show(disk, path));
    changes_take(disk, is_in_folder, path, !drops);
    return drops ? fail(IO_ERROR, "could not sync folder: simulated I/O error") : OK;
}

static Status simulated_folder_sync(FileSystem *files, const char *path) {
    SimulatedDisk *disk = disk_of(files);
    mutex_lock(&disk->mutex);
    Status status = folder_sync_locked(disk, path);
    mutex_unlock(&disk->mutex);
    return status;
}

static int names_compare(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static Status simulated_folder_list(
    FileSystem *files, const char *path, Arena *arena, const char ***names_out, size_t *count_out) {
    SimulatedDisk *disk = disk_of(files);
    mutex_lock(&disk->mutex);
    bool exists = strcmp(path, ".") == 0 || *find_name(&disk->names, path) != NULL;
    size_t count = 0, capacity = 0;
    for (const Name *name = disk->names; name != NULL; name = name->next)
        capacity++;
    const char **names = arena_new_array(arena, const char *, capacity + 1);
    for (const Name *name = disk->names; name != NULL; name = name->next) {
        const char *last = name_in_folder(name->path, path);
        if (last != NULL && !name->inode->is_folder) names[count++] = arena_copy_text(arena, last);
    }
    Status status = OK;
    if (disk->is_down) {
        status = fail_down();
    } else if (!exists) {
        status =
            fail(UNDEFINED_FILE, "could not open folder \"%s\": No such file or directory", path);
    }
    mutex_unlock(&disk->mutex);
    if (status != OK) return status;
    qsort(names, count, sizeof *names, names_compare);
    *names_out = names;
    *count_out = count;
    return OK;
}

static const FileSystemOps simulated_ops = {
    .open = simulated_open,
    .close = simulated_close,
    .read = simulated_read,
    .write = simulated_write,
    .sync = simulated_sync,
    .get_size = simulated_get_size,
    .set_size = simulated_set_size,
    .allocate = simulated_allocate,
    .punch = simulated_punch,
    .lock = simulated_lock,
    .exists = simulated_exists,
    .remove = simulated_remove,
    .rename = simulated_rename,
    .folder_create = simulated_folder_create,
    .folder_remove = simulated_remove, // the callers empty it first
    .folder_sync = simulated_folder_sync,
    .folder_list = simulated_folder_list,
};

// ---- Life ---------------------------------------------------------------------------------------

Status simulated_disk_create(SimulatedDisk **disk_out) {
    SimulatedDisk *disk = take_memory(sizeof *disk);
    disk->files.ops = &simulated_ops;
    disk->changes_end = &disk->changes;
    mutex_init(&disk->mutex, LATCH_RANK_OS);
    *disk_out = disk;
    return OK;
}

void simulated_disk_destroy(SimulatedDisk *disk) {
    if (disk == NULL) return;
    changes_take(disk, is_any, NULL, false);
    free_names(disk->names);
    free_names(disk->durable_names);
    while (disk->inodes != NULL) {
        Inode *inode = disk->inodes;
        disk->inodes = inode->next;
        content_free(&inode->current);
        content_free(&inode->durable);
        free(inode);
    }
    mutex_deinit(&disk->mutex);
    free(disk);
}

FileSystem *simulated_disk_files(SimulatedDisk *disk) {
    return &disk->files;
}

uint64_t simulated_disk_call_count(SimulatedDisk *disk) {
    return disk->call_count;
}

void simulated_disk_set_hook(SimulatedDisk *disk,
    void (*hook)(void *argument, uint64_t call, const char *path), void *argument) {
    disk->hook = hook;
    disk->hook_argument = argument;
}

static Inode *inode_by_number(SimulatedDisk *disk, uint32_t number) {
    for (Inode *inode = disk->inodes; inode != NULL; inode = inode->next) {
        if (inode->number == number) return inode;
    }
    UNREACHABLE();
}

static void copy_names(SimulatedDisk *copy, Name **to, const Name *from) {
    for (; from != NULL; from = from->next) {
        link_name(to, from->path, inode_by_number(copy, from->inode->number));
    }
}

Status simulated_disk_copy(SimulatedDisk *disk, SimulatedDisk **copy_out) {
    SimulatedDisk *copy;
    TRY(simulated_disk_create(&copy));
    mutex_lock(&disk->mutex);
    for (const Inode *inode = disk->inodes; inode != NULL; inode = inode->next) {
        Inode *twin = inode_make(copy, inode->is_folder);
        twin->number = inode->number;
        content_assign(&twin->current, &inode->current);
        content_assign(&twin->durable, &inode->durable);
    }
    copy->inode_count = disk->inode_count;
    copy_names(copy, &copy->names, disk->names);
    copy_names(copy, &copy->durable_names, disk->durable_names);
    for (const Change *change = disk->changes; change != NULL; change = change->next) {
        Inode *inode = change->inode == NULL ? NULL : inode_by_number(copy, change->inode->number);
        Change *twin = change_add(copy, change->kind, inode);
        twin->offset = change->offset;
        twin->count = change->count;
        copy_path(twin->path, change->path);
        copy_path(twin->to, change->to);
        twin->piece = piece_ref(change->piece);
    }
    copy->call_count = disk->call_count;
    mutex_unlock(&disk->mutex);
    *copy_out = copy;
    return OK;
}

// ---- Crashing -----------------------------------------------------------------------------------

const char *crash_policy_name(CrashPolicy policy) {
    switch (policy) {
#define X(name)                                                                                    \
    case CRASH_##name:                                                                             \
        return #name;
        CRASH_POLICY_LIST(X)
#undef X
    case CRASH_POLICY_COUNT:
        break;
    }
    UNREACHABLE();
}

void simulated_disk_crash_at(SimulatedDisk *disk, uint64_t call) {
    disk->crash_at = call;
}

void simulated_disk_fail_at(SimulatedDisk *disk, uint64_t call, DiskFault fault, bool is_lasting) {
    disk->fail_at = call;
    disk->fault = fault;
    disk->fault_is_lasting = is_lasting;
}

void simulated_disk_set_limit(SimulatedDisk *disk, uint64_t bytes) {
    disk->limit_bytes = bytes;
}

// Some of a write's sectors, at random, or a first part of it.
static void settle_part(const Change *change, bool is_prefix, Random *random) {
    uint64_t cut = is_prefix ? random_below(random, change->count / SECTOR_BYTES + 1) : 0;
    for (uint64_t at = 0; at < change->count; at += SECTOR_BYTES) {
        bool is_kept = is_prefix ? at / SECTOR_BYTES < cut : random_below(random, 2) == 0;
        if (!is_kept) continue;
        uint64_t count = change->count - at < SECTOR_BYTES ? change->count - at : SECTOR_BYTES;
        content_write(
            &change->inode->durable, change->offset + at, change_bytes(change, at), count);
    }
}

static void settle_size(const Change *change) {
    if (!change_is_of_contents(change)) return;
    uint64_t size = change->offset + (change->kind == CHANGE_WRITE ? change->count : 0);
    if (size > change->inode->durable.count) content_set_size(&change->inode->durable, size);
}

// Decides what a crash leaves of one change; `index` is its place among `count`.
static void settle_by_policy(SimulatedDisk *disk, const Change *change, CrashPolicy policy,
    uint64_t index, uint64_t last_write, uint64_t cut, Random *random) {
    switch (policy) {
    case CRASH_KILL:
    case CRASH_NOTHING:
    case CRASH_POLICY_COUNT:
        return;
    case CRASH_EVERYTHING:
        change_settle(disk, change);
        return;
    case CRASH_PREFIX:
        if (index < cut) change_settle(disk, change);
        return;
    case CRASH_REORDERED:
        if (random_below(random, 2) == 0) change_settle(disk, change);
        return;
    case CRASH_SECTORS:
        if (change->kind == CHANGE_WRITE) {
            settle_part(change, false, random);
        } else {
            change_settle(disk, change);
        }
        return;
    case CRASH_TORN_LAST:
        if (index == last_write) {
            settle_part(change, true, random);
        } else {
            change_settle(disk, change);
        }
        return;
    case CRASH_ZEROS:
        settle_size(change);
        return;
    case CRASH_NAMES_LATE:
        if (change_is_of_contents(change)) change_settle(disk, change);
        return;
    }
    UNREACHABLE();
}

static void settle_crash(SimulatedDisk *disk, CrashPolicy policy, uint64_t seed) {
    Random random;
    random_seed(&random, seed);
    uint64_t count = 0, last_write = UINT64_MAX, index = 0;
    for (const Change *change = disk->changes; change != NULL; change = change->next, count++) {
        if (change->kind == CHANGE_WRITE) last_write = count;
    }
    uint64_t cut = random_below(&random, count + 1);
    for (const Change *change = disk->changes; change != NULL; change = change->next, index++) {
        settle_by_policy(disk, change, policy, index, last_write, cut, &random);
    }
    changes_take(disk, is_any, NULL, false);
    for (Inode *inode = disk->inodes; inode != NULL; inode = inode->next) {
        content_assign(&inode->current, &inode->durable);
    }
    free_names(disk->names);
    disk->names = NULL;
    for (const Name *name = disk->durable_names; name != NULL; name = name->next) {
        link_name(&disk->names, name->path, name->inode);
    }
}

void simulated_disk_restart(SimulatedDisk *disk, CrashPolicy policy, uint64_t seed) {
    mutex_lock(&disk->mutex);
    if (policy != CRASH_KILL) settle_crash(disk, policy, seed);
    for (Inode *inode = disk->inodes; inode != NULL; inode = inode->next) {
        inode->is_locked = false;
    }
    disk->is_down = false;
    disk->crash_at = 0;
    disk->fail_at = 0;
    mutex_unlock(&disk->mutex);
}

static void flip(Content *content, uint64_t offset, uint8_t mask) {
    content_own_piece(content, offset / PIECE_BYTES)[offset % PIECE_BYTES] ^= mask;
}

bool simulated_disk_flip_bit(SimulatedDisk *disk, const char *path, uint64_t offset, uint32_t bit) {
    mutex_lock(&disk->mutex);
    Name *name = *find_name(&disk->names, path);
    bool is_there = name != NULL && offset < name->inode->current.count;
    if (is_there) {
        uint8_t mask = (uint8_t)(1 << (bit & 7));
        flip(&name->inode->current, offset, mask);
        if (offset < name->inode->durable.count) flip(&name->inode->durable, offset, mask);
    }
    mutex_unlock(&disk->mutex);
    return is_there;
}

// ---- The clock ----------------------------------------------------------------------------------

struct SimulatedClock {
    Clock clock;
    _Atomic int64_t now_ns;
};

// Each look takes a microsecond, so that who waits for time gets there.
enum { LOOK_NS = 1000 };

static int64_t simulated_monotonic_ns(Clock *clock) {
    return atomic_fetch_add(&((SimulatedClock *)clock)->now_ns, LOOK_NS);
}

static int64_t simulated_wall_us(Clock *clock) {
    return simulated_monotonic_ns(clock) / 1000 + INT64_C(700000000) * 1000000;
}

static void simulated_sleep_us(Clock *clock, int64_t us) {
    atomic_fetch_add(&((SimulatedClock *)clock)->now_ns, us * 1000);
}

Status simulated_clock_create(SimulatedClock **clock_out) {
    static const ClockOps ops = {simulated_wall_us, simulated_monotonic_ns, simulated_sleep_us};
    SimulatedClock *clock = take_memory(sizeof *clock);
    clock->clock.ops = &ops;
    *clock_out = clock;
    return OK;
}

void simulated_clock_destroy(SimulatedClock *clock) {
    free(clock);
}

Clock *simulated_clock_clock(SimulatedClock *clock) {
    return &clock->clock;
}
