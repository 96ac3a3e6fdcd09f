#include "base/assert.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "store/store_internal.h"

// "OMENDB", a newline that text transfers would change, and a byte above 127.
static const uint8_t MAGIC[8] = {'O', 'M', 'E', 'N', 'D', 'B', '\n', 0x9D};

enum { FLAG_CLEAN = 1, CHECKSUM_OFFSET = SUPERBLOCK_BYTES - 8 };

// docs/file-format.md
void superblock_encode(const StoreRoot *root, uint64_t block_count, uint8_t *at) {
    memset(at, 0, SUPERBLOCK_BYTES);
    memcpy(at, MAGIC, sizeof MAGIC);
    put_u32_le(at + 8, FORMAT_VERSION);
    put_u32_le(at + 12, FORMAT_VERSION); // the oldest version that may read it
    memcpy(at + 16, root->database_id, 16);
    put_u64_le(at + 32, root->generation);
    put_u64_le(at + 40, root->timeline);
    put_u64_le(at + 48, root->incarnation);
    put_u64_le(at + 56, root->checkpoint.value);
    put_u64_le(at + 64, root->redo.value);
    put_u64_le(at + 72, root->wal_file_bytes);
    put_u64_le(at + 80, root->directory.location);
    put_u64_le(at + 88, root->directory.checksum);
    put_u64_le(at + 112, block_count);
    put_u64_le(at + 120, root->next_txn.value);
    put_u32_le(at + 128, root->next_store);
    put_u32_le(at + 132, root->next_oid);
    put_u32_le(at + 140, root->is_clean ? FLAG_CLEAN : 0);
    put_u64_le(at + 160, root->image.value);
    put_u64_le(at + CHECKSUM_OFFSET, hash_bytes(at, CHECKSUM_OFFSET, 0));
}

Status superblock_decode(const uint8_t *at, StoreRoot *root_out) {
    if (memcmp(at, MAGIC, sizeof MAGIC) != 0) {
        return fail(DATA_CORRUPTED, "file is not an OmenDB database");
    }
    if (get_u64_le(at + CHECKSUM_OFFSET) != hash_bytes(at, CHECKSUM_OFFSET, 0)) {
        return fail(DATA_CORRUPTED, "superblock has a wrong checksum");
    }
    if (get_u32_le(at + 12) > FORMAT_VERSION) {
        return fail(FEATURE_NOT_SUPPORTED, "database file format %u is newer than this program's",
            get_u32_le(at + 8));
    }
    StoreRoot root = {
        .generation = get_u64_le(at + 32),
        .timeline = get_u64_le(at + 40),
        .incarnation = get_u64_le(at + 48),
        .checkpoint = {get_u64_le(at + 56)},
        .redo = {get_u64_le(at + 64)},
        .wal_file_bytes = get_u64_le(at + 72),
        .directory = {get_u64_le(at + 80), get_u64_le(at + 88)},
        .image = {get_u64_le(at + 160)},
        .next_txn = {get_u64_le(at + 120)},
        .next_store = get_u32_le(at + 128),
        .next_oid = get_u32_le(at + 132),
        .is_clean = (get_u32_le(at + 140) & FLAG_CLEAN) != 0,
    };
    memcpy(root.database_id, at + 16, 16);
    *root_out = root;
    return OK;
}
