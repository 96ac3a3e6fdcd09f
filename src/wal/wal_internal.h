// What the files of this module share: how a record looks, and the folder of log files.
#pragma once

#include "os/thread.h"
#include "wal/wal.h"

enum {
    WAL_SECTOR_BYTES = FILE_DIRECT_ALIGNMENT, // the unit of writing
    WAL_ALIGNMENT = 8,                        // of a record's position
    WAL_FILE_BYTES_MIN = 1 << 20,
    WAL_PROBE_BYTES_MIN = 16 << 20, // how far beyond a bad record is looked at, at the least
};

static inline uint64_t wal_round_up(uint64_t value, uint64_t unit) {
    return (value + unit - 1) & ~(unit - 1); // unit: a power of two
}

// What a record takes in the log.
static inline uint64_t wal_record_space(uint64_t body_bytes) {
    return wal_round_up(WAL_HEADER_BYTES + body_bytes, WAL_ALIGNMENT);
}

static inline uint64_t wal_sector_left(uint64_t position) {
    return WAL_SECTOR_BYTES - position % WAL_SECTOR_BYTES;
}

// The start of every checksum of this log.
uint32_t wal_seed(const WalOptions *options);

typedef struct WalHeader {
    uint32_t bytes, crc;
    uint64_t lsn, txn;
    uint16_t type, flags;
    uint32_t durable_back, term;
} WalHeader;

void wal_header_encode(const WalHeader *header, uint8_t *at);
WalHeader wal_header_decode(const uint8_t *at);

// The checksum so far after the header's own bytes; the body continues it.
uint32_t wal_header_crc(uint32_t seed, const uint8_t *encoded);

char *wal_file_path(Arena *arena, const char *folder, uint64_t number);

// The log files in a folder, numbers rising. An absent folder has none.
Status wal_list_files(Environment environment, const char *folder, Arena *arena,
    uint64_t **numbers_out, size_t *count_out);

// ---- The folder of a log that is open for appending ---------------------------------------------

typedef struct WalFolder WalFolder;

// Finds the files that exist. Those before the one with `position` are old.
Status wal_folder_open(Environment environment, const char *path, uint64_t file_bytes,
    uint64_t position, WalFolder **folder_out);
void wal_folder_close(WalFolder *folder);

// Where the last file that is ready to be written to ends.
uint64_t wal_folder_ready_end(const WalFolder *folder);

// Makes the log ready up to at least `position`, which is in or just behind the last file.
Status wal_folder_prepare(WalFolder *folder, uint64_t position);

// Writes whole sectors to files that are ready, durable on return.
Status wal_folder_write(WalFolder *folder, uint64_t position, const uint8_t *bytes, size_t count);

// Closes the files wholly before `position`: they are not written to any more.
void wal_folder_pass(WalFolder *folder, uint64_t position);

// Old files wholly before `position` may be renamed or removed.
Status wal_folder_recycle(WalFolder *folder, uint64_t position);
