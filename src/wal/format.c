#include "base/bytes.h"
#include "base/hash.h"
#include "wal/wal_internal.h"

#include <stdlib.h>

uint32_t wal_seed(const WalOptions *options) {
    uint8_t timeline[4];
    put_u32_le(timeline, options->timeline);
    uint32_t seed = crc32c(0, options->database_id, sizeof options->database_id);
    return crc32c(seed, timeline, sizeof timeline);
}

//   OFFSET  SIZE  FIELD
//        0     4  bytes
//        4     4  crc
//        8     8  lsn
//       16     8  txn
//       24     2  type
//       26     2  flags
//       28     4  durable_back
//       32     4  term
//       36     4  zero
void wal_header_encode(const WalHeader *header, uint8_t *at) {
    put_u32_le(at, header->bytes);
    put_u32_le(at + 4, header->crc);
    put_u64_le(at + 8, header->lsn);
    put_u64_le(at + 16, header->txn);
    put_u16_le(at + 24, header->type);
    put_u16_le(at + 26, header->flags);
    put_u32_le(at + 28, header->durable_back);
    put_u32_le(at + 32, header->term);
    put_u32_le(at + 36, 0);
}

WalHeader wal_header_decode(const uint8_t *at) {
    return (WalHeader){
        .bytes = get_u32_le(at),
        .crc = get_u32_le(at + 4),
        .lsn = get_u64_le(at + 8),
        .txn = get_u64_le(at + 16),
        .type = get_u16_le(at + 24),
        .flags = get_u16_le(at + 26),
        .durable_back = get_u32_le(at + 28),
        .term = get_u32_le(at + 32),
    };
}

uint32_t wal_header_crc(uint32_t seed, const uint8_t *encoded) {
    return crc32c(seed, encoded + 8, WAL_HEADER_BYTES - 8);
}

char *wal_file_path(Arena *arena, const char *folder, uint64_t number) {
    return arena_format(arena, "%s/%016llx.wal", folder, (unsigned long long)number);
}

// False for a name that is not one of ours.
static bool number_from_name(const char *name, uint64_t *number_out) {
    if (strlen(name) != 20 || strcmp(name + 16, ".wal") != 0) return false;
    if (strspn(name, "0123456789abcdef") != 16) return false;
    *number_out = strtoull(name, NULL, 16);
    return true;
}

Status wal_list_files(Environment environment, const char *folder, Arena *arena,
    uint64_t **numbers_out, size_t *count_out) {
    *numbers_out = NULL;
    *count_out = 0;
    if (!file_exists(environment.files, folder)) return OK;
    const char **names;
    size_t name_count;
    TRY(folder_list(environment.files, folder, arena, &names, &name_count));
    uint64_t *numbers = arena_new_array(arena, uint64_t, name_count + 1);
    size_t count = 0;
    for (size_t i = 0; i < name_count; i++) { // sorted by name, and so by number
        if (number_from_name(names[i], &numbers[count])) count++;
    }
    *numbers_out = numbers;
    *count_out = count;
    return OK;
}
