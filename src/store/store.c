// Opening, extents, and the root swap.
//
// Model    Blocks that no root and no running owner can refer to are given out again at once; the
//          rest waits. `freed` holds what the next root will not name; when that is durable it is
//          `releasable`, and released when nothing can go back to the root before. `freed_late`
//          holds what was freed while a root is being made, which that root may still name: it
//          becomes `freed` when the root is published, and so waits for the one after.
#include "store/store.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "store/store_internal.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { GROW_BLOCKS_MIN = 64, GROW_BLOCKS_MAX = 16384 };

#define REGION_BYTES ((size_t)REGION_BLOCKS * STORE_BLOCK_BYTES)

// ---- Life ---------------------------------------------------------------------------------------

static Status store_make(Environment environment, Store **store_out) {
    Store *store = calloc(1, sizeof *store);
    if (store == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    store->environment = environment;
    mutex_init(&store->mutex, LATCH_RANK_STORE);
    *store_out = store;
    return OK;
}

void store_close(Store *store) {
    if (store == NULL) return;
    file_close(store->file);
    for (uint64_t i = 0; i < store->memory_count; i++) {
        if (store->memory[i] != NULL) munmap(store->memory[i], REGION_BYTES);
    }
    free(store->memory);
    free(store->freed.refs);
    free(store->freed_late.refs);
    free(store->releasable.refs);
    block_map_deinit(&store->map);
    compress_deinit(store);
    mutex_deinit(&store->mutex);
    free(store);
}

// The superblocks are taken from the start.
static Status map_start(Store *store, uint64_t block_count) {
    TRY(block_map_grow(&store->map, block_count));
    bool is_free = block_map_mark(&store->map, 0, FIRST_EXTENT_BLOCK);
    ASSERT(is_free);
    return OK;
}

static Status write_superblocks(Store *store, const StoreRoot *root) {
    uint8_t *bytes = aligned_alloc(FILE_DIRECT_ALIGNMENT, SUPERBLOCK_BYTES);
    if (bytes == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    superblock_encode(root, store->map.block_count, bytes);
    uint64_t offset = superblock_offset(root->generation);
    Status status = file_write(store->file, offset, bytes, SUPERBLOCK_BYTES);
    if (status == OK) {
        status = file_write(store->file, offset + SUPERBLOCK_SPACING, bytes, SUPERBLOCK_BYTES);
    }
    free(bytes);
    return status;
}

static char *folder_of(Arena *arena, const char *path) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL) return arena_copy_text(arena, ".");
    if (slash == path) return arena_copy_text(arena, "/");
    return arena_copy_text_n(arena, path, (size_t)(slash - path));
}

static Status create_file(Store *store, const char *path, const char *new_path, Arena *arena) {
    FileSystem *files = store->environment.files;
    TRY(file_remove(files, new_path)); // what a crash during an earlier creation has left
    TRY(file_open(files, new_path, (FileOptions){.create = true, .exclusive = true, .direct = true},
        &store->file));
    TRY(file_lock(store->file));
    TRY(file_allocate(store->file, 0, FIRST_EXTENT_OFFSET));
    TRY(map_start(store, FIRST_EXTENT_BLOCK));
    TRY(write_superblocks(store, &store->root));
    TRY(file_sync(store->file));
    // Under its name it is whole or not there.
    if (file_exists(files, path)) {
        return fail(DUPLICATE_FILE, "could not create file \"%s\": File exists", path);
    }
    TRY(file_rename(files, new_path, path));
    return folder_sync(files, folder_of(arena, path));
}

Status store_create(
    Environment environment, const char *path, const StoreRoot *initial, Store **store_out) {
    if (file_exists(environment.files, path)) {
        return fail(DUPLICATE_FILE, "could not create file \"%s\": File exists", path);
    }
    Store *store;
    TRY(store_make(environment, &store));
    store->root = *initial;
    store->root.generation = 1;
    store->is_marked = true;
    Arena arena;
    arena_init(&arena, NULL);
    const char *new_path = arena_format(&arena, "%s-new", path);
    Status status = create_file(store, path, new_path, &arena);
    arena_deinit(&arena);
    if (status != OK) {
        store_close(store);
        return status;
    }
    *store_out = store;
    return OK;
}

// Finds the newest generation with a valid copy. Errors: the last slot's, when there is none.
static Status find_root(Store *store, uint64_t file_bytes) {
    uint8_t *bytes = aligned_alloc(FILE_DIRECT_ALIGNMENT, SUPERBLOCK_BYTES);
    if (bytes == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    Status status = OK;
    bool is_found = false;
    for (uint32_t i = 0; i < SUPERBLOCK_COUNT; i++) {
        uint64_t offset = (uint64_t)i * SUPERBLOCK_SPACING;
        StoreRoot root;
        if (offset + SUPERBLOCK_BYTES > file_bytes) {
            status = fail(DATA_CORRUPTED, "file is too short to be an OmenDB database");
        } else {
            status = file_read_exactly(store->file, offset, bytes, SUPERBLOCK_BYTES);
            if (status == OK) status = superblock_decode(bytes, &root);
        }
        if (status == FEATURE_NOT_SUPPORTED || status == IO_ERROR) break;
        if (status != OK || superblock_offset(root.generation) != (i & 2) * SUPERBLOCK_SPACING) {
            continue;
        }
        if (!is_found || root.generation > store->root.generation) store->root = root;
        is_found = true;
    }
    free(bytes);
    if (status == FEATURE_NOT_SUPPORTED || status == IO_ERROR) return status;
    if (is_found) {
        error_clear();
        return OK;
    }
    return status != OK ? status : fail(DATA_CORRUPTED, "database file has no valid superblock");
}

static Status open_file(Store *store, const char *path) {
    TRY(file_open(store->environment.files, path, (FileOptions){.direct = true}, &store->file));
    TRY(file_lock(store->file));
    // What a crash has left in the system's cache alone must not be served and then be lost.
    TRY(file_sync(store->file));
    uint64_t file_bytes;
    TRY(file_get_size(store->file, &file_bytes));
    TRY(find_root(store, file_bytes));
    uint64_t block_count = file_bytes / STORE_BLOCK_BYTES;
    if (block_count < FIRST_EXTENT_BLOCK) block_count = FIRST_EXTENT_BLOCK;
    return map_start(store, block_count);
}

Status store_open(Environment environment, const char *path, Store **store_out) {
    Store *store;
    TRY(store_make(environment, &store));
    Status status = open_file(store, path);
    if (status != OK) {
        store_close(store);
        return status;
    }
    *store_out = store;
    return OK;
}

Status store_create_volatile(Environment environment, Store **store_out) {
    Store *store;
    TRY(store_make(environment, &store));
    store->root.generation = 1;
    store->is_marked = true;
    Status status = map_start(store, FIRST_EXTENT_BLOCK);
    if (status != OK) {
        store_close(store);
        return status;
    }
    *store_out = store;
    return OK;
}

StoreRoot store_root(const Store *store) {
    Store *self = (Store *)(uintptr_t)store; // locking is no change
    mutex_lock(&self->mutex);
    StoreRoot root = self->root;
    mutex_unlock(&self->mutex);
    return root;
}

bool store_is_failed(const Store *store) {
    return atomic_load_explicit(&store->is_failed, memory_order_acquire);
}

static Status check_usable(const Store *store) {
    if (!store_is_failed(store)) return OK;
    return fail(IO_ERROR, "the data file could not be written; the database must be reopened");
}

// ---- Extents ------------------------------------------------------------------------------------

// Guarded by mutex. Makes the file longer, by at least `count` blocks.
static Status grow(Store *store, uint32_t count) {
    uint64_t more = store->map.block_count / 4;
    if (more < GROW_BLOCKS_MIN) more = GROW_BLOCKS_MIN;
    if (more > GROW_BLOCKS_MAX) more = GROW_BLOCKS_MAX;
    if (more < count) more = count;
    uint64_t old_count = store->map.block_count;
    if (store->file != NULL) {
        Status status =
            file_allocate(store->file, old_count * STORE_BLOCK_BYTES, more * STORE_BLOCK_BYTES);
        if (status == DISK_FULL && more > count) { // a smaller step may still fit
            error_clear();
            more = count;
            status =
                file_allocate(store->file, old_count * STORE_BLOCK_BYTES, more * STORE_BLOCK_BYTES);
        }
        TRY(status);
    } else {
        uint64_t regions = (old_count + more + REGION_BLOCKS - 1) / REGION_BLOCKS;
        if (regions > store->memory_count) {
            uint8_t **memory = realloc(store->memory, regions * sizeof *memory);
            if (memory == NULL) return fail(OUT_OF_MEMORY, "out of memory");
            memset(
                memory + store->memory_count, 0, (regions - store->memory_count) * sizeof *memory);
            store->memory = memory;
            store->memory_count = regions;
        }
    }
    return block_map_grow(&store->map, old_count + more);
}

// Guarded by mutex: the region's memory, reserved when first asked for.
static Status region_memory(Store *store, uint64_t region, uint8_t **memory_out) {
    if (store->memory[region] == NULL) {
        void *memory = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) return fail(OUT_OF_MEMORY, "out of memory");
        store->memory[region] = memory;
    }
    *memory_out = store->memory[region];
    return OK;
}

static Status take_blocks(Store *store, uint32_t count, uint64_t *first_out) {
    mutex_lock(&store->mutex);
    ASSERT(store->is_marked);
    Status status = OK;
    while (!block_map_take(&store->map, count, first_out)) {
        status = grow(store, count);
        if (status != OK) break;
    }
    mutex_unlock(&store->mutex);
    return status;
}

static void give_blocks(Store *store, uint64_t first, uint32_t count) {
    mutex_lock(&store->mutex);
    block_map_give(&store->map, first, count);
    mutex_unlock(&store->mutex);
}

// Copies between memory and a store in memory; a run may cross regions.
static Status memory_transfer(
    Store *store, uint64_t offset, uint8_t *to, const uint8_t *from, size_t count) {
    while (count > 0) {
        uint8_t *memory;
        mutex_lock(&store->mutex);
        Status status = region_memory(store, offset / REGION_BYTES, &memory);
        mutex_unlock(&store->mutex);
        TRY(status);
        size_t at = offset % REGION_BYTES;
        size_t piece = REGION_BYTES - at < count ? REGION_BYTES - at : count;
        if (to != NULL) {
            memcpy(to, memory + at, piece);
            to += piece;
        } else {
            memcpy(memory + at, from, piece);
            from += piece;
        }
        offset += piece;
        count -= piece;
    }
    return OK;
}

static bool is_aligned(const void *bytes, size_t count) {
    return (((uintptr_t)bytes | count) & (STORE_BLOCK_BYTES - 1)) == 0;
}

// Writes whole blocks and names them; `read_count` is what they are when they are not compressed.
static Status write_blocks(Store *store, ExtentKind kind, const uint8_t *bytes, size_t count,
    size_t read_count, ExtentRef *ref_out) {
    uint32_t block_count = (uint32_t)(count / STORE_BLOCK_BYTES);
    uint64_t first;
    TRY(take_blocks(store, block_count, &first));
    ExtentRef ref = {
        .location = first | (uint64_t)(block_count - 1) << 40 | (uint64_t)kind << 56,
    };
    if (read_count != count) {
        ref.location |= (uint64_t)(read_count / STORE_BLOCK_BYTES - 1) << 48 | UINT64_C(1) << 63;
    }
    ref.checksum = hash_bytes(bytes, count, ref.location);
    Status status = store->file != NULL
                        ? file_write(store->file, extent_offset(ref), bytes, count)
                        : memory_transfer(store, extent_offset(ref), NULL, bytes, count);
    if (status != OK) {
        give_blocks(store, first, block_count);
        return status;
    }
    *ref_out = ref;
    return OK;
}

static size_t in_whole_blocks(size_t count) {
    return (count + STORE_BLOCK_BYTES - 1) / STORE_BLOCK_BYTES * STORE_BLOCK_BYTES;
}

static bool is_compressible(const Store *store, ExtentKind kind, size_t whole) {
    return store->file != NULL && (kind == EXTENT_PAGE || kind == EXTENT_INDEX_LEAF)
           && whole > STORE_BLOCK_BYTES && whole <= COMPRESSED_BLOCKS_MAX * STORE_BLOCK_BYTES;
}

Status store_write(Store *store, ExtentKind kind, Bytes bytes, ExtentRef *ref_out) {
    ASSERT(bytes.count > 0 && bytes.count <= EXTENT_BYTES_MAX);
    TRY(check_usable(store));
    size_t whole = in_whole_blocks(bytes.count), stored = 0;
    bool may_shrink = is_compressible(store, kind, whole);
    if (!may_shrink && is_aligned(bytes.data, bytes.count)) {
        return write_blocks(store, kind, bytes.data, whole, whole, ref_out);
    }
    uint8_t *blocks = aligned_alloc(STORE_BLOCK_BYTES, whole);
    if (blocks == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    if (may_shrink) stored = compress_bytes(store, bytes, blocks, whole - STORE_BLOCK_BYTES);
    if (stored == 0) {
        memcpy(blocks, bytes.data, bytes.count);
        stored = bytes.count;
    }
    size_t stored_whole = in_whole_blocks(stored);
    memset(blocks + stored, 0, stored_whole - stored);
    Status status = write_blocks(store, kind, blocks, stored_whole, whole, ref_out);
    free(blocks);
    return status;
}

static Status fail_extent(ExtentRef ref, const char *what) {
    return fail(DATA_CORRUPTED, "extent of kind %d at block %llu, %u blocks long, %s",
        (int)extent_kind(ref), (unsigned long long)extent_first_block(ref), extent_block_count(ref),
        what);
}

static bool ref_is_inside(Store *store, ExtentRef ref) {
    mutex_lock(&store->mutex);
    bool is_inside = extent_first_block(ref) >= FIRST_EXTENT_BLOCK
                     && extent_first_block(ref) + extent_block_count(ref) <= store->map.block_count;
    mutex_unlock(&store->mutex);
    return is_inside;
}

// The blocks as they are stored.
static Status read_blocks(Store *store, ExtentRef ref, uint8_t *bytes) {
    size_t count = (size_t)extent_block_count(ref) * STORE_BLOCK_BYTES;
    if (store->file != NULL) {
        TRY(file_read_exactly(store->file, extent_offset(ref), bytes, count));
    } else {
        TRY(memory_transfer(store, extent_offset(ref), bytes, NULL, count));
    }
    if (hash_bytes(bytes, count, ref.location) != ref.checksum) {
        return fail_extent(ref, "has a wrong checksum");
    }
    return OK;
}

Status store_read(Store *store, ExtentRef ref, void *bytes) {
    if (extent_is_none(ref) || !ref_is_inside(store, ref)) {
        return fail_extent(ref, "is outside the file");
    }
    size_t count = extent_bytes(ref), stored = (size_t)extent_block_count(ref) * STORE_BLOCK_BYTES;
    bool is_compressed = extent_is_compressed(ref);
    if (!is_compressed && is_aligned(bytes, count)) return read_blocks(store, ref, bytes);
    uint8_t *blocks = aligned_alloc(STORE_BLOCK_BYTES, stored);
    if (blocks == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    Status status = read_blocks(store, ref, blocks);
    bool is_sound = true;
    if (status == OK && is_compressed) {
        status = expand_bytes(store, bytes_make(blocks, stored), bytes, count, &is_sound);
    } else if (status == OK) {
        memcpy(bytes, blocks, count);
    }
    free(blocks);
    return status == OK && !is_sound ? fail_extent(ref, "does not expand") : status;
}

// ---- Freeing ------------------------------------------------------------------------------------

// Guarded by mutex. Without memory for the list the blocks stay taken until the next open.
static void list_add(RefList *list, ExtentRef ref) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        ExtentRef *refs = realloc(list->refs, capacity * sizeof *refs);
        if (refs == NULL) {
            LOG_WARNING("out of memory: %u blocks are not given out again before the next open",
                extent_block_count(ref));
            return;
        }
        list->refs = refs;
        list->capacity = capacity;
    }
    list->refs[list->count++] = ref;
    list->block_count += extent_block_count(ref);
}

static void list_release(Store *store, RefList *list) {
    for (size_t i = 0; i < list->count; i++) {
        block_map_give(
            &store->map, extent_first_block(list->refs[i]), extent_block_count(list->refs[i]));
    }
    list->count = 0;
    list->block_count = 0;
}

static void list_move(RefList *to, RefList *from) {
    for (size_t i = 0; i < from->count; i++)
        list_add(to, from->refs[i]);
    from->count = 0;
    from->block_count = 0;
}

void store_free(Store *store, ExtentRef ref) {
    if (extent_is_none(ref)) return;
    mutex_lock(&store->mutex);
    list_add(store->is_making_root ? &store->freed_late : &store->freed, ref);
    mutex_unlock(&store->mutex);
}

void store_free_now(Store *store, ExtentRef ref) {
    if (extent_is_none(ref)) return;
    give_blocks(store, extent_first_block(ref), extent_block_count(ref));
}

// ---- The root -----------------------------------------------------------------------------------

void store_begin_root(Store *store) {
    mutex_lock(&store->mutex);
    ASSERT(!store->is_making_root);
    store->is_making_root = true;
    mutex_unlock(&store->mutex);
}

void store_abandon_root(Store *store) {
    mutex_lock(&store->mutex);
    ASSERT(store->is_making_root);
    store->is_making_root = false;
    list_move(&store->freed, &store->freed_late);
    mutex_unlock(&store->mutex);
}

static Status sync_or_fail(Store *store) {
    Status status = file_sync(store->file);
    // What the system has failed to write it may have thrown away: no second try can be believed.
    if (status != OK) atomic_store(&store->is_failed, true);
    return status;
}

static Status make_root_durable(Store *store, const StoreRoot *root) {
    if (store->file == NULL) return OK;
    TRY(check_usable(store));
    TRY(sync_or_fail(store));
    Status status = write_superblocks(store, root);
    if (status == OUT_OF_MEMORY) return status; // nothing has been written
    if (status != OK) {                         // one copy may be there and the other not
        atomic_store(&store->is_failed, true);
        return status;
    }
    return sync_or_fail(store);
}

Status store_publish(Store *store, const StoreRoot *root) {
    StoreRoot next = *root;
    next.generation = store_root(store).generation + 1;
    Status status = make_root_durable(store, &next);
    if (status == OK) {
        mutex_lock(&store->mutex);
        store->root = next;
        store->is_making_root = false;
        list_move(&store->releasable, &store->freed);
        list_move(&store->freed, &store->freed_late);
        mutex_unlock(&store->mutex);
    }
    return status;
}

void store_release(Store *store) {
    mutex_lock(&store->mutex);
    list_release(store, &store->releasable);
    mutex_unlock(&store->mutex);
}

void store_mark(Store *store, ExtentRef ref) {
    mutex_lock(&store->mutex);
    ASSERT(!store->is_marked);
    if (extent_is_none(ref)
        || !block_map_mark(&store->map, extent_first_block(ref), extent_block_count(ref))) {
        store->has_bad_marks = true;
    }
    mutex_unlock(&store->mutex);
}

Status store_finish_marks(Store *store) {
    if (store->has_bad_marks) {
        return fail(DATA_CORRUPTED, "two references to one block of the data file, or one outside");
    }
    store->is_marked = true;
    return OK;
}

StoreUsage store_usage(const Store *store) {
    Store *self = (Store *)(uintptr_t)store; // locking is no change
    mutex_lock(&self->mutex);
    StoreUsage usage = {
        .file_bytes = self->map.block_count * STORE_BLOCK_BYTES,
        .used_bytes = self->map.used_count * STORE_BLOCK_BYTES,
        .pending_bytes =
            (self->freed.block_count + self->freed_late.block_count + self->releasable.block_count)
            * STORE_BLOCK_BYTES,
    };
    mutex_unlock(&self->mutex);
    return usage;
}
