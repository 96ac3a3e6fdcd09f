// The operating system's files, behind os/file.h.
//
// Model    One descriptor a File. Direct I/O is settled when the file is opened and never changes:
//          a block is read from the file, or, when it has none yet, one is written and read in a
//          nameless file beside it, so that nothing of anybody's is touched. Where that does not
//          work the descriptor loses O_DIRECT and everything goes through the page cache.
// Errors   The system's words, after PostgreSQL's "could not ... file".
#include "base/error.h"
#include "os/file_system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct RealFile {
    File file;
    int descriptor;
    char path[];
} RealFile;

// Transfers are cut so that a count never overflows what the kernel takes in one call.
enum { TRANSFER_BYTES_MAX = 1 << 30, ZERO_BYTES = 1 << 20 };

static RealFile *real(File *file) {
    return (RealFile *)file;
}

// The status of a failed system call, recorded with the path and the system's text.
static Status fail_with_errno(int error, const char *verb, const char *path) {
    char buffer[128];
    const char *text = strerror_r(error, buffer, sizeof buffer);
    if (error == ENOSPC || error == EDQUOT) {
        return fail(DISK_FULL, "could not %s file \"%s\": %s", verb, path, text);
    }
    if (error == ENOENT || error == ENOTDIR) {
        return fail(UNDEFINED_FILE, "could not %s file \"%s\": %s", verb, path, text);
    }
    if (error == EEXIST) {
        return fail(DUPLICATE_FILE, "could not %s file \"%s\": %s", verb, path, text);
    }
    return fail(IO_ERROR, "could not %s file \"%s\": %s", verb, path, text);
}

static bool block_can_be_read(int descriptor, void *block) {
    ssize_t got;
    do {
        got = pread(descriptor, block, FILE_DIRECT_ALIGNMENT, 0);
    } while (got < 0 && errno == EINTR);
    return got == FILE_DIRECT_ALIGNMENT;
}

// Writes and reads one block in a file without a name in the folder of `path`.
static bool folder_takes_direct(const char *path, void *block) {
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t count = slash == NULL ? 0 : (size_t)(slash - path);
    if (count >= sizeof folder) return false;
    memcpy(folder, path, count);
    folder[count] = 0;
    const char *name = slash == NULL ? "." : count == 0 ? "/" : folder;

    int descriptor = open(name, O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
    if (descriptor < 0) return false;
    memset(block, 0, FILE_DIRECT_ALIGNMENT);
    bool is_taken = pwrite(descriptor, block, FILE_DIRECT_ALIGNMENT, 0) == FILE_DIRECT_ALIGNMENT
                    && block_can_be_read(descriptor, block);
    close(descriptor);
    return is_taken;
}

// Decides between direct and buffered I/O for a descriptor that was opened with O_DIRECT.
static bool direct_works(int descriptor, const char *path) {
    struct stat status;
    if (fstat(descriptor, &status) != 0) return false;
    void *block;
    if (posix_memalign(&block, FILE_DIRECT_ALIGNMENT, FILE_DIRECT_ALIGNMENT) != 0) return false;
    bool works = status.st_size >= FILE_DIRECT_ALIGNMENT ? block_can_be_read(descriptor, block)
                                                         : folder_takes_direct(path, block);
    free(block);
    return works;
}

static int open_flags(FileOptions options) {
    int flags = O_CLOEXEC | (options.read_only ? O_RDONLY : O_RDWR);
    if (options.create) flags |= O_CREAT;
    if (options.exclusive) flags |= O_EXCL;
    if (options.sync_each_write) flags |= O_DSYNC;
    return flags;
}

static int open_descriptor(const char *path, int flags) {
    int descriptor;
    do {
        descriptor = open(path, flags, 0600);
    } while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

static const FileSystemOps real_ops;

static Status real_open(FileSystem *files, const char *path, FileOptions options, File **file_out) {
    (void)files;
    int flags = open_flags(options);
    bool is_direct = options.direct;
    int descriptor = open_descriptor(path, is_direct ? flags | O_DIRECT : flags);
    if (descriptor < 0 && is_direct && errno == EINVAL) { // the file system knows no O_DIRECT
        is_direct = false;
        descriptor = open_descriptor(path, flags & ~O_EXCL); // some create before they refuse
    }
    if (descriptor < 0) return fail_with_errno(errno, options.create ? "create" : "open", path);

    if (is_direct && !direct_works(descriptor, path)) {
        is_direct = false;
        int current = fcntl(descriptor, F_GETFL);
        if (current < 0 || fcntl(descriptor, F_SETFL, current & ~O_DIRECT) != 0) {
            int error = errno;
            close(descriptor);
            return fail_with_errno(error, "open", path);
        }
    }
    size_t path_bytes = strlen(path) + 1;
    RealFile *file = malloc(sizeof *file + path_bytes);
    if (file == NULL) {
        close(descriptor);
        return fail(OUT_OF_MEMORY, "out of memory");
    }
    file->file = (File){.ops = &real_ops, .is_direct = is_direct};
    file->descriptor = descriptor;
    memcpy(file->path, path, path_bytes);
    *file_out = &file->file;
    return OK;
}

static void real_close(File *file) {
    close(real(file)->descriptor); // an error here says nothing about what was synced
    free(file);
}

static Status real_read(File *file, uint64_t offset, void *bytes, size_t count, size_t *read_out) {
    uint8_t *at = bytes;
    size_t done = 0;
    while (done < count) {
        size_t wanted = count - done < TRANSFER_BYTES_MAX ? count - done : TRANSFER_BYTES_MAX;
        ssize_t got = pread(real(file)->descriptor, at + done, wanted, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_with_errno(errno, "read", real(file)->path);
        if (got == 0) break;
        done += (size_t)got;
        // Direct I/O stops unaligned only at the end of the file; asking on would be refused.
        if (file->is_direct && (size_t)got % FILE_DIRECT_ALIGNMENT != 0) break;
    }
    *read_out = done;
    return OK;
}

static Status real_write(File *file, uint64_t offset, const void *bytes, size_t count) {
    const uint8_t *at = bytes;
    size_t done = 0;
    while (done < count) {
        size_t wanted = count - done < TRANSFER_BYTES_MAX ? count - done : TRANSFER_BYTES_MAX;
        ssize_t put = pwrite(real(file)->descriptor, at + done, wanted, (off_t)(offset + done));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return fail_with_errno(errno, "write", real(file)->path);
        if (put == 0) return fail_with_errno(ENOSPC, "write", real(file)->path);
        done += (size_t)put;
    }
    return OK;
}

static Status real_sync(File *file) {
    if (fdatasync(real(file)->descriptor) != 0) {
        return fail_with_errno(errno, "sync", real(file)->path);
    }
    return OK;
}

static Status real_get_size(File *file, uint64_t *size_out) {
    struct stat status;
    if (fstat(real(file)->descriptor, &status) != 0) {
        return fail_with_errno(errno, "stat", real(file)->path);
    }
    *size_out = (uint64_t)status.st_size;
    return OK;
}

static Status real_set_size(File *file, uint64_t size) {
    if (ftruncate(real(file)->descriptor, (off_t)size) != 0) {
        return fail_with_errno(errno, "truncate", real(file)->path);
    }
    return OK;
}

// For file systems without fallocate: writes zeros, only beyond the end of the file.
static Status extend_with_zeros(File *file, uint64_t end) {
    uint64_t size;
    TRY(real_get_size(file, &size));
    if (size >= end) return OK;
    void *zeros;
    if (posix_memalign(&zeros, FILE_DIRECT_ALIGNMENT, ZERO_BYTES) != 0) {
        return fail(OUT_OF_MEMORY, "out of memory");
    }
    memset(zeros, 0, ZERO_BYTES);
    Status status = OK;
    while (size < end && status == OK) {
        size_t count = end - size < ZERO_BYTES ? (size_t)(end - size) : ZERO_BYTES;
        status = real_write(file, size, zeros, count);
        size += count;
    }
    free(zeros);
    return status;
}

static Status real_allocate(File *file, uint64_t offset, uint64_t count) {
    int error;
    do {
        error = fallocate(real(file)->descriptor, 0, (off_t)offset, (off_t)count) == 0 ? 0 : errno;
    } while (error == EINTR);
    if (error == 0) return OK;
    if (error == EOPNOTSUPP || error == ENOSYS) return extend_with_zeros(file, offset + count);
    return fail_with_errno(error, "extend", real(file)->path);
}

static void real_punch(File *file, uint64_t offset, uint64_t count) {
    // Advice: a file system that cannot leaves the space where it is.
    (void)!fallocate(real(file)->descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
        (off_t)offset, (off_t)count);
}

// A lock of the open file description: it also keeps out a second open in this process, and goes
// with the descriptor when the process dies.
static Status real_lock(File *file) {
    struct flock whole_file = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(real(file)->descriptor, F_OFD_SETLK, &whole_file) == 0) return OK;
    if (errno == EAGAIN || errno == EACCES) {
        return fail(OBJECT_IN_USE, "database file \"%s\" is in use", real(file)->path);
    }
    return fail_with_errno(errno, "lock", real(file)->path);
}

static bool real_exists(FileSystem *files, const char *path) {
    (void)files;
    return access(path, F_OK) == 0;
}

static Status real_remove(FileSystem *files, const char *path) {
    (void)files;
    if (unlink(path) != 0 && errno != ENOENT) return fail_with_errno(errno, "remove", path);
    return OK;
}

static Status real_rename(FileSystem *files, const char *from, const char *to) {
    (void)files;
    if (rename(from, to) != 0) return fail_with_errno(errno, "rename", from);
    return OK;
}

static Status real_folder_create(FileSystem *files, const char *path) {
    (void)files;
    if (mkdir(path, 0700) != 0 && errno != EEXIST) return fail_with_errno(errno, "create", path);
    return OK;
}

static Status real_folder_remove(FileSystem *files, const char *path) {
    (void)files;
    if (rmdir(path) != 0 && errno != ENOENT) return fail_with_errno(errno, "remove", path);
    return OK;
}

static Status real_folder_sync(FileSystem *files, const char *path) {
    (void)files;
    int descriptor = open_descriptor(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return fail_with_errno(errno, "open", path);
    int error = fsync(descriptor) == 0 ? 0 : errno;
    close(descriptor);
    // Some file systems cannot sync folders; they then keep names without it.
    if (error == 0 || error == EINVAL || error == EBADF) return OK;
    return fail_with_errno(error, "sync", path);
}

static int names_compare(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static Status real_folder_list(
    FileSystem *files, const char *path, Arena *arena, const char ***names_out, size_t *count_out) {
    (void)files;
    DIR *folder = opendir(path);
    if (folder == NULL) return fail_with_errno(errno, "open", path);
    size_t count = 0, capacity = 16;
    const char **names = arena_new_array(arena, const char *, capacity);
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(folder)) != NULL) {
        if (entry->d_type == DT_DIR || entry->d_name[0] == '.') continue;
        if (count == capacity) {
            const char **more = arena_new_array(arena, const char *, capacity * 2);
            memcpy(more, names, count * sizeof *names);
            names = more;
            capacity *= 2;
        }
        names[count++] = arena_copy_text(arena, entry->d_name);
    }
    int error = errno;
    closedir(folder);
    if (error != 0) return fail_with_errno(error, "read", path);
    qsort(names, count, sizeof *names, names_compare);
    *names_out = names;
    *count_out = count;
    return OK;
}

static const FileSystemOps real_ops = {
    .open = real_open,
    .close = real_close,
    .read = real_read,
    .write = real_write,
    .sync = real_sync,
    .get_size = real_get_size,
    .set_size = real_set_size,
    .allocate = real_allocate,
    .punch = real_punch,
    .lock = real_lock,
    .exists = real_exists,
    .remove = real_remove,
    .rename = real_rename,
    .folder_create = real_folder_create,
    .folder_remove = real_folder_remove,
    .folder_sync = real_folder_sync,
    .folder_list = real_folder_list,
};

FileSystem *file_system_real(void) {
    static FileSystem files = {.ops = &real_ops}; // holds no state
    return &files;
}
