// Fuzz target: a log as it may be found on disk. The input is a list of instructions that write two
// log files, in a simulated file system: whole records with the right checksum and with chosen
// fields, or bytes as they are. The reader must come to an end, must not give a record that it has
// not checked, and reading again must give the same.
#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "os/simulated_disk.h"
#include "wal/wal_internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

enum { FILE_BYTES = WAL_FILE_BYTES_MIN, USED_BYTES = 32 << 10, FIRST = FILE_BYTES };

// The front of each of the two files.
typedef struct Image {
    uint8_t bytes[2][USED_BYTES];
    size_t at[2];
} Image;

static void require(bool holds) {
    if (!holds) abort();
}

static WalOptions options_make(void) {
    return (WalOptions){.file_bytes = FILE_BYTES, .ring_bytes = 1 << 18, .database_id = "fuzz"};
}

// A record with the right place and checksum; `claimed` is added to its length.
static void put_record(Image *image, unsigned file, uint16_t type, uint32_t claimed,
    uint32_t durable_back, Bytes body) {
    size_t at = image->at[file];
    WalOptions options = options_make();
    WalHeader header = {
        .bytes = WAL_HEADER_BYTES + (uint32_t)body.count + claimed,
        .lsn = (uint64_t)FIRST + (uint64_t)file * FILE_BYTES + at,
        .txn = type,
        .type = type,
        .durable_back = durable_back,
    };
    if (wal_record_space(body.count) > USED_BYTES - at) return;
    uint8_t *to = image->bytes[file] + at;
    wal_header_encode(&header, to);
    if (body.count > 0) memcpy(to + WAL_HEADER_BYTES, body.data, body.count);
    uint32_t crc = wal_header_crc(wal_seed(&options), to);
    header.crc = crc32c(crc, to + WAL_HEADER_BYTES, body.count);
    wal_header_encode(&header, to);
    image->at[file] += (size_t)wal_record_space(body.count);
}

// Carries out the input: operation, argument, and up to 15 bytes each time.
static void make_image(Image *image, Bytes input) {
    uint8_t operation, argument;
    Bytes bytes;
    while (bytes_take_u8(&input, &operation) && bytes_take_u8(&input, &argument)) {
        unsigned file = operation >> 7;
        size_t wanted = operation >> 3 & 15;
        if (!bytes_take(&input, wanted < input.count ? wanted : input.count, &bytes)) return;
        switch (operation & 7) {
        case 0:
        case 1:
            put_record(image, file, argument % 16, 0, (uint32_t)wanted, bytes);
            break;
        case 2: // a length that is not the record's; a huge one is slow, and so is rare
            put_record(
                image, file, argument % 16, argument == 255 ? 1 << 28 : argument * 64U, 0, bytes);
            break;
        case 3: { // RESUME, which names a place nearby
            uint8_t body[8];
            put_u64_le(body, FIRST + (uint64_t)argument * 8);
            put_record(image, file, WAL_RESUME, 0, 0, bytes_make(body, sizeof body));
            break;
        }
        case 4: { // a long one, over several sectors
            static const uint8_t zeros[12000];
            put_record(image, file, WAL_MESSAGE, 0, argument,
                bytes_make(zeros, (size_t)argument * (sizeof zeros / 255)));
            break;
        }
        case 5: // a gap
            image->at[file] += (size_t)argument * 8;
            if (image->at[file] > USED_BYTES) image->at[file] = USED_BYTES;
            break;
        case 6: // to the next sector
            image->at[file] = (size_t)wal_round_up(image->at[file], WAL_SECTOR_BYTES);
            break;
        default: { // bytes as they are, over what is there
            size_t at = (size_t)argument * 8 % (image->at[file] + 8);
            if (at + bytes.count <= USED_BYTES && bytes.count > 0) {
                memcpy(image->bytes[file] + at, bytes.data, bytes.count);
            }
            break;
        }
        }
    }
}

static void write_files(const Image *image, FileSystem *files) {
    Arena arena;
    arena_init(&arena, NULL);
    require(folder_create(files, "log") == OK);
    for (unsigned i = 0; i < 2; i++) {
        if (i > 0 && image->at[i] == 0) break;
        File *file;
        require(file_open(files, wal_file_path(&arena, "log", FIRST / FILE_BYTES + i),
                    (FileOptions){.create = true}, &file)
                == OK);
        require(file_write(file, 0, image->bytes[i], USED_BYTES) == OK);
        file_close(file);
    }
    arena_deinit(&arena);
}

// Reads the log from its start; a sum over all that it gave, and how it ended.
static uint64_t read_log(Environment environment) {
    WalOptions options = options_make();
    WalReader *reader;
    Status status = wal_reader_open(environment, "log", &options, (Lsn){FIRST}, &reader);
    uint64_t sum = (uint64_t)status;
    error_clear();
    if (status != OK) return sum;
    uint64_t position = FIRST;
    for (;;) {
        WalRecord record;
        bool is_found;
        status = wal_reader_next(reader, &record, &is_found);
        if (status != OK || !is_found) break;
        require(record.start.value >= position && record.end.value > record.start.value);
        require(record.end.value - record.start.value == wal_record_space(record.body.count));
        position = record.end.value;
        sum = hash_bytes(record.body.data, record.body.count, sum + record.start.value);
    }
    if (status == OK) {
        bool is_torn;
        sum += wal_reader_end(reader, &is_torn).value;
        sum = sum * 2 + is_torn;
    } else {
        require(status == DATA_CORRUPTED);
        error_clear();
    }
    wal_reader_close(reader);
    return sum * 31 + (uint64_t)status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count) {
    Image *image = calloc(1, sizeof *image);
    SimulatedDisk *disk = NULL;
    require(image != NULL && simulated_disk_create(&disk) == OK);
    Environment environment = environment_real();
    environment.files = simulated_disk_files(disk);
    make_image(image, bytes_make(data, count));
    write_files(image, environment.files);
    uint64_t sum = read_log(environment);
    require(read_log(environment) == sum);
    simulated_disk_destroy(disk);
    free(image);
    return 0;
}
