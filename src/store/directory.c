// The directory's two levels: a head extent with the references of the data extents, and those
// with the entries one after the other.
//
//   head    OFFSET  SIZE  FIELD
//                0     4  magic, "ODIR"
//                4     4  extent count
//                8     8  data bytes
//               16     4  entry count
//               20     4  zero
//               24  16 x  references: location, checksum
//
//   data    entries: store (u32), bytes (u32), the bytes; an entry may cross from one extent into
//           the next
#include "store/directory.h"

#include "base/assert.h"
#include "base/error.h"

#include <stdlib.h>

enum {
    HEAD_MAGIC = 0x5249444F,
    HEAD_BYTES = 24,
    REF_BYTES = 16,
    ENTRY_BYTES = 8,
    PIECE_BYTES = 1 << 20,
};

typedef struct Entry {
    StoreId store;
    Bytes bytes;
} Entry;

struct Directory {
    Arena *arena;
    Entry *entries;
    size_t count, capacity;
};

Directory *directory_make(Arena *arena) {
    Directory *directory = arena_new(arena, Directory);
    directory->arena = arena;
    return directory;
}

static void add_borrowed(Directory *directory, StoreId store, Bytes bytes) {
    if (directory->count == directory->capacity) {
        size_t capacity = directory->capacity == 0 ? 64 : directory->capacity * 2;
        Entry *entries = arena_new_array(directory->arena, Entry, capacity);
        if (directory->count > 0) {
            memcpy(entries, directory->entries, directory->count * sizeof *entries);
        }
        directory->entries = entries;
        directory->capacity = capacity;
    }
    directory->entries[directory->count++] = (Entry){store, bytes};
}

void directory_add(Directory *directory, StoreId store, Bytes bytes) {
    ASSERT(directory->count == 0
           || directory->entries[directory->count - 1].store.value < store.value);
    void *copy = arena_copy_bytes(directory->arena, bytes.data, bytes.count);
    add_borrowed(directory, store, bytes_make(copy, bytes.count));
}

size_t directory_count(const Directory *directory) {
    return directory->count;
}

void directory_get(const Directory *directory, size_t index, StoreId *store_out, Bytes *bytes_out) {
    ASSERT(index < directory->count);
    *store_out = directory->entries[index].store;
    *bytes_out = directory->entries[index].bytes;
}

Status directory_write(const Directory *directory, Store *store, ExtentRef *ref_out) {
    Arena arena;
    arena_init(&arena, NULL);
    Text data, head;
    text_init(&data, &arena);
    text_init(&head, &arena);
    for (size_t i = 0; i < directory->count; i++) {
        Bytes bytes = directory->entries[i].bytes;
        text_append_u32_le(&data, directory->entries[i].store.value);
        text_append_u32_le(&data, (uint32_t)bytes.count);
        text_append(&data, bytes.data, bytes.count);
    }
    size_t piece_count = (data.count + PIECE_BYTES - 1) / PIECE_BYTES;
    text_append_u32_le(&head, HEAD_MAGIC);
    text_append_u32_le(&head, (uint32_t)piece_count);
    text_append_u64_le(&head, data.count);
    text_append_u32_le(&head, (uint32_t)directory->count);
    text_append_u32_le(&head, 0);

    ExtentRef *refs = arena_new_array(&arena, ExtentRef, piece_count + 1);
    size_t written = 0;
    Status status = arena_check(&arena);
    for (; status == OK && written < piece_count; written++) {
        size_t offset = written * PIECE_BYTES;
        size_t count = data.count - offset < PIECE_BYTES ? data.count - offset : PIECE_BYTES;
        status = store_write(
            store, EXTENT_DIRECTORY, bytes_make(data.data + offset, count), &refs[written]);
        if (status != OK) break;
        text_append_u64_le(&head, refs[written].location);
        text_append_u64_le(&head, refs[written].checksum);
    }
    if (status == OK) status = store_write(store, EXTENT_DIRECTORY, text_bytes(&head), ref_out);
    if (status != OK) {
        for (size_t i = 0; i < written; i++)
            store_free_now(store, refs[i]);
    }
    arena_deinit(&arena);
    return status;
}

static Status fail_directory(void) {
    return fail(DATA_CORRUPTED, "the directory of stores is damaged");
}

// Reads an extent into the arena.
static Status read_extent(Store *store, ExtentRef ref, Arena *arena, Bytes *bytes_out) {
    if (extent_is_none(ref) || extent_kind(ref) != EXTENT_DIRECTORY) return fail_directory();
    void *memory;
    TRY(arena_try_allocate(arena, extent_bytes(ref), 64, &memory));
    TRY(store_read(store, ref, memory));
    *bytes_out = bytes_make(memory, extent_bytes(ref));
    return OK;
}

typedef struct Head {
    uint64_t data_bytes;
    uint32_t entry_count, piece_count;
    Bytes refs;
} Head;

static Status read_head(Store *store, ExtentRef ref, Arena *arena, Head *head_out) {
    Bytes bytes;
    TRY(read_extent(store, ref, arena, &bytes));
    if (get_u32_le(bytes.data) != HEAD_MAGIC) return fail_directory();
    Head head = {
        .piece_count = get_u32_le(bytes.data + 4),
        .data_bytes = get_u64_le(bytes.data + 8),
        .entry_count = get_u32_le(bytes.data + 16),
    };
    uint64_t refs_bytes = (uint64_t)head.piece_count * REF_BYTES;
    if (refs_bytes > bytes.count - HEAD_BYTES
        || head.data_bytes > (uint64_t)head.piece_count * PIECE_BYTES
        || (uint64_t)head.entry_count * ENTRY_BYTES > head.data_bytes) {
        return fail_directory();
    }
    head.refs = bytes_make(bytes.data + HEAD_BYTES, (size_t)refs_bytes);
    *head_out = head;
    return OK;
}

static ExtentRef head_ref(const Head *head, uint32_t index) {
    const uint8_t *at = head->refs.data + (size_t)index * REF_BYTES;
    return (ExtentRef){.location = get_u64_le(at), .checksum = get_u64_le(at + 8)};
}

// Puts the pieces together.
static Status read_data(Store *store, const Head *head, Arena *arena, Bytes *data_out) {
    void *memory;
    TRY(arena_try_allocate(arena, (size_t)head->data_bytes + 1, 8, &memory));
    uint8_t *data = memory;
    size_t done = 0;
    for (uint32_t i = 0; i < head->piece_count; i++) {
        Bytes piece;
        ArenaMark mark = arena_mark(arena);
        TRY(read_extent(store, head_ref(head, i), arena, &piece));
        size_t wanted = (size_t)head->data_bytes - done;
        if (wanted > PIECE_BYTES) wanted = PIECE_BYTES;
        if (wanted > piece.count) return fail_directory();
        memcpy(data + done, piece.data, wanted);
        done += wanted;
        arena_rewind(arena, mark);
    }
    if (done != head->data_bytes) return fail_directory();
    *data_out = bytes_make(data, done);
    return OK;
}

Status directory_read(Store *store, ExtentRef ref, Arena *arena, Directory **directory_out) {
    Head head;
    TRY(read_head(store, ref, arena, &head));
    Bytes data;
    TRY(read_data(store, &head, arena, &data));
    Directory *directory = directory_make(arena);
    uint32_t previous = 0;
    for (uint32_t i = 0; i < head.entry_count; i++) {
        uint32_t id, count;
        Bytes bytes;
        if (!bytes_take_u32_le(&data, &id) || !bytes_take_u32_le(&data, &count)
            || !bytes_take(&data, count, &bytes) || (i > 0 && id <= previous)) {
            return fail_directory();
        }
        add_borrowed(directory, (StoreId){id}, bytes);
        previous = id;
    }
    if (data.count != 0) return fail_directory();
    TRY(arena_check(arena));
    *directory_out = directory;
    return OK;
}

Status directory_extents(
    Store *store, ExtentRef ref, Arena *arena, ExtentRef **refs_out, size_t *count_out) {
    Head head;
    TRY(read_head(store, ref, arena, &head));
    ExtentRef *refs = arena_new_array(arena, ExtentRef, (size_t)head.piece_count + 1);
    refs[0] = ref;
    for (uint32_t i = 0; i < head.piece_count; i++)
        refs[i + 1] = head_ref(&head, i);
    *refs_out = refs;
    *count_out = (size_t)head.piece_count + 1;
    return arena_check(arena);
}
