// What a file system is made of: the door behind os/file.h, for its implementations alone.
#pragma once

#include "os/file.h"

typedef struct FileSystemOps {
    Status (*open)(FileSystem *files, const char *path, FileOptions options, File **file_out);
    void (*close)(File *file);
    Status (*read)(File *file, uint64_t offset, void *bytes, size_t count, size_t *read_out);
    Status (*write)(File *file, uint64_t offset, const void *bytes, size_t count);
    Status (*sync)(File *file);
    Status (*get_size)(File *file, uint64_t *size_out);
    Status (*set_size)(File *file, uint64_t size);
    Status (*allocate)(File *file, uint64_t offset, uint64_t count);
    void (*punch)(File *file, uint64_t offset, uint64_t count);
    Status (*lock)(File *file);
    bool (*exists)(FileSystem *files, const char *path);
    Status (*remove)(FileSystem *files, const char *path);
    Status (*rename)(FileSystem *files, const char *from, const char *to);
    Status (*folder_create)(FileSystem *files, const char *path);
    Status (*folder_remove)(FileSystem *files, const char *path);
    Status (*folder_sync)(FileSystem *files, const char *path);
    Status (*folder_list)(FileSystem *files, const char *path, Arena *arena,
        const char ***names_out, size_t *count_out);
} FileSystemOps;

// First members of every implementation's own struct.
struct FileSystem {
    const FileSystemOps *ops;
};

struct File {
    const FileSystemOps *ops;
    bool is_direct;
};
