// Files: every byte of I/O goes through here. A FileSystem is the real one or the simulated one
// (os/simulated_disk.h); nothing above knows which.
//
// Model    Positioned reads and writes; no file offset. A write is durable after file_sync, or on
//          return when the file was opened with sync_each_write.
// Threads  A File may be used by several threads at once, except for file_close.
// Errors   IO_ERROR (58030) with the path and the system's text; DISK_FULL (53100);
//          UNDEFINED_FILE (58P01) when a file that must exist does not.
#pragma once

#include "base/arena.h"
#include "base/status.h"

typedef struct FileSystem FileSystem;
typedef struct File File;

typedef struct FileOptions {
    bool create;    // create it when missing
    bool exclusive; // with create: fail with DUPLICATE_FILE when it exists
    bool read_only;
    bool direct;          // bypass the page cache when the file system can: offsets, counts and
                          // buffers are multiples of FILE_DIRECT_ALIGNMENT. Decided once at open
                          // by writing and reading a block.
    bool sync_each_write; // a write returns when it is durable
} FileOptions;

enum { FILE_DIRECT_ALIGNMENT = 4096 };

// The operating system's files. Lives for ever.
FileSystem *file_system_real(void);

Status file_open(FileSystem *files, const char *path, FileOptions options, File **file_out);

// Never fails; unsynced writes may be lost at a power cut. Accepts NULL.
void file_close(File *file);

// Reads up to `count` bytes; fewer only at the end of the file.
Status file_read(File *file, uint64_t offset, void *bytes, size_t count, size_t *read_out);

// Errors also: DATA_CORRUPTED when the file is too short.
Status file_read_exactly(File *file, uint64_t offset, void *bytes, size_t count);

Status file_write(File *file, uint64_t offset, const void *bytes, size_t count);

// Makes every completed write durable (fdatasync, with the size).
Status file_sync(File *file);

Status file_get_size(File *file, uint64_t *size_out);
Status file_set_size(File *file, uint64_t size);

// Reserves disk space so that writes within it cannot fail with DISK_FULL.
Status file_allocate(File *file, uint64_t offset, uint64_t count);

// Gives whole blocks of the range back to the file system; advice, may do nothing.
void file_punch(File *file, uint64_t offset, uint64_t count);

// Takes the file for this process alone, until it is closed. Errors: OBJECT_IN_USE (55006).
Status file_lock(File *file);

bool file_exists(FileSystem *files, const char *path);
Status file_remove(FileSystem *files, const char *path); // a missing file is not an error
Status file_rename(FileSystem *files, const char *from, const char *to);

Status folder_create(FileSystem *files, const char *path); // an existing folder is not an error
Status folder_remove(FileSystem *files, const char *path); // empty; a missing one is not an error
Status folder_sync(FileSystem *files, const char *path); // makes creates and renames in it durable

// Names of the files in a folder, sorted, in `arena`. Errors: UNDEFINED_FILE.
Status folder_list(
    FileSystem *files, const char *path, Arena *arena, const char ***names_out, size_t *count_out);
