#include "os/file.h"

#include "base/assert.h"
#include "base/error.h"
#include "os/file_system.h"

Status file_open(FileSystem *files, const char *path, FileOptions options, File **file_out) {
    ASSERT(!options.exclusive || options.create);
    return files->ops->open(files, path, options, file_out);
}

void file_close(File *file) {
    if (file != NULL) file->ops->close(file);
}

// Direct transfers have to be whole blocks, from memory and to places that are aligned to them.
static bool transfer_is_aligned(
    const File *file, uint64_t offset, const void *bytes, size_t count) {
    if (!file->is_direct) return true;
    return ((offset | (uint64_t)(uintptr_t)bytes | count) & (FILE_DIRECT_ALIGNMENT - 1)) == 0;
}

Status file_read(File *file, uint64_t offset, void *bytes, size_t count, size_t *read_out) {
    ASSERT(transfer_is_aligned(file, offset, bytes, count));
    return file->ops->read(file, offset, bytes, count, read_out);
}

Status file_read_exactly(File *file, uint64_t offset, void *bytes, size_t count) {
    size_t read;
    TRY(file_read(file, offset, bytes, count, &read));
    if (read != count) {
        return fail(DATA_CORRUPTED, "could not read block at %llu: read only %zu of %zu bytes",
            (unsigned long long)offset, read, count);
    }
    return OK;
}

Status file_write(File *file, uint64_t offset, const void *bytes, size_t count) {
    ASSERT(transfer_is_aligned(file, offset, bytes, count));
    return file->ops->write(file, offset, bytes, count);
}

Status file_sync(File *file) {
    return file->ops->sync(file);
}

Status file_get_size(File *file, uint64_t *size_out) {
    return file->ops->get_size(file, size_out);
}

Status file_set_size(File *file, uint64_t size) {
    return file->ops->set_size(file, size);
}

Status file_allocate(File *file, uint64_t offset, uint64_t count) {
    return file->ops->allocate(file, offset, count);
}

void file_punch(File *file, uint64_t offset, uint64_t count) {
    file->ops->punch(file, offset, count);
}

Status file_lock(File *file) {
    return file->ops->lock(file);
}

bool file_exists(FileSystem *files, const char *path) {
    return files->ops->exists(files, path);
}

Status file_remove(FileSystem *files, const char *path) {
    return files->ops->remove(files, path);
}

Status file_rename(FileSystem *files, const char *from, const char *to) {
    return files->ops->rename(files, from, to);
}

Status folder_create(FileSystem *files, const char *path) {
    return files->ops->folder_create(files, path);
}

Status folder_remove(FileSystem *files, const char *path) {
    return files->ops->folder_remove(files, path);
}

Status folder_sync(FileSystem *files, const char *path) {
    return files->ops->folder_sync(files, path);
}

Status folder_list(
    FileSystem *files, const char *path, Arena *arena, const char ***names_out, size_t *count_out) {
    return files->ops->folder_list(files, path, arena, names_out, count_out);
}
