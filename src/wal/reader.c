// Reading the log from a position to its end, and finding out what kind of end it is.
//
// Model    The files are one endless run of bytes; `window` holds a piece of it. What no file holds
//          reads as missing, and ends the log like any other bad record. docs/wal-format.md says
//          when a bad record is the end, when it is stepped over, and when it is damage.
// Errors   Nothing here is trusted before its checksum has been computed.
#include "base/assert.h"
#include "base/error.h"
#include "base/hash.h"
#include "wal/wal_internal.h"

#include <stdlib.h>

enum {
    WINDOW_BYTES = 1 << 20,
    PIECE_BYTES = WINDOW_BYTES - WAL_SECTOR_BYTES, // fits a window wherever it begins
    RECORD_BYTES_MAX = 1 << 28,
};

struct WalReader {
    Environment environment;
    uint64_t file_bytes, probe_bytes;
    uint32_t seed;
    uint64_t position; // of the next record

    File *file; // the one read last; NULL before
    uint64_t file_number;
    bool file_is_missing;

    uint8_t *window; // log bytes [window_start, window_start + window_count)
    uint64_t window_start;
    size_t window_count, window_capacity;

    bool is_ended, is_torn;
    Arena arena; // paths and names
    char folder[];
};

// Makes `number` the current file; false when there is none. A file is synced before it is read:
// what a crash has left in the page cache alone must not be served and then be lost.
static Status open_file(WalReader *reader, uint64_t number, bool *found_out) {
    if (reader->file_number == number && (reader->file != NULL || reader->file_is_missing)) {
        *found_out = reader->file != NULL;
        return OK;
    }
    file_close(reader->file);
    reader->file = NULL;
    reader->file_number = number;
    ArenaMark mark = arena_mark(&reader->arena);
    const char *path = wal_file_path(&reader->arena, reader->folder, number);
    reader->file_is_missing = !file_exists(reader->environment.files, path);
    Status status = OK;
    if (!reader->file_is_missing) {
        status = file_open(
            reader->environment.files, path, (FileOptions){.direct = true}, &reader->file);
        if (status == OK) status = file_sync(reader->file);
    }
    arena_rewind(&reader->arena, mark);
    *found_out = reader->file != NULL;
    return status;
}

// Reads up to `count` bytes at a sector's position into the window's end; short where files end.
static Status read_on(WalReader *reader, uint64_t position, size_t count, size_t *read_out) {
    *read_out = 0;
    while (*read_out < count) {
        uint64_t at = position + *read_out;
        bool is_found;
        TRY(open_file(reader, at / reader->file_bytes, &is_found));
        if (!is_found) return OK;
        uint64_t offset = at % reader->file_bytes;
        size_t wanted = count - *read_out;
        if (wanted > reader->file_bytes - offset) wanted = (size_t)(reader->file_bytes - offset);
        size_t read;
        TRY(file_read(reader->file, offset,
            reader->window + (position - reader->window_start) + *read_out, wanted, &read));
        *read_out += read;
        if (read < wanted) return OK; // a file that was never made whole
    }
    return OK;
}

// Gives `count` bytes of the log at `position`; NULL when they are not all there. Valid until the
// next call.
static Status load(WalReader *reader, uint64_t position, size_t count, const uint8_t **bytes_out) {
    uint64_t window_end = reader->window_start + reader->window_count;
    if (position < reader->window_start || position + count > window_end) {
        uint64_t start = position - position % WAL_SECTOR_BYTES;
        size_t wanted = (size_t)wal_round_up(position + count - start, WAL_SECTOR_BYTES);
        if (wanted < WINDOW_BYTES) wanted = WINDOW_BYTES;
        if (wanted > reader->window_capacity) {
            uint8_t *window = aligned_alloc(FILE_DIRECT_ALIGNMENT, wanted);
            if (window == NULL) return fail(OUT_OF_MEMORY, "out of memory");
            free(reader->window);
            reader->window = window;
            reader->window_capacity = wanted;
        }
        reader->window_start = start;
        reader->window_count = 0;
        size_t read;
        TRY(read_on(reader, start, wanted, &read));
        reader->window_count = read;
        window_end = start + read;
    }
    *bytes_out =
        position + count <= window_end ? reader->window + (position - reader->window_start) : NULL;
    return OK;
}

typedef enum Verdict {
    RECORD_VALID,
    RECORD_ABSENT, // nothing claims this position
    RECORD_TORN,   // a record claims this position, and its checksum is wrong
} Verdict;

// The checksum of what would be a record, computed a window at a time: how long it says it is means
// nothing before, and memory is taken for no more than that. False when the log ends within it.
static Status sum_record(
    WalReader *reader, uint64_t position, uint32_t count, uint32_t *crc_out, bool *whole_out) {
    *whole_out = false;
    const uint8_t *bytes;
    uint32_t done = count < PIECE_BYTES ? count : PIECE_BYTES;
    TRY(load(reader, position, done, &bytes));
    if (bytes == NULL) return OK;
    uint32_t crc = wal_header_crc(reader->seed, bytes);
    crc = crc32c(crc, bytes + WAL_HEADER_BYTES, done - WAL_HEADER_BYTES);
    while (done < count) {
        uint32_t here = count - done < PIECE_BYTES ? count - done : PIECE_BYTES;
        TRY(load(reader, position + done, here, &bytes));
        if (bytes == NULL) return OK;
        crc = crc32c(crc, bytes, here);
        done += here;
    }
    *crc_out = crc;
    *whole_out = true;
    return OK;
}

static Status examine(WalReader *reader, uint64_t position, WalHeader *header_out, Bytes *body_out,
    Verdict *verdict_out) {
    *verdict_out = RECORD_ABSENT;
    const uint8_t *bytes;
    TRY(load(reader, position, WAL_HEADER_BYTES, &bytes));
    if (bytes == NULL) return OK;
    WalHeader header = wal_header_decode(bytes);
    if (header.lsn != position) return OK;
    *verdict_out = RECORD_TORN;
    if (header.bytes < WAL_HEADER_BYTES || header.bytes > RECORD_BYTES_MAX) return OK;
    uint32_t crc;
    bool is_whole;
    TRY(sum_record(reader, position, header.bytes, &crc, &is_whole));
    if (!is_whole || crc != header.crc) return OK;
    TRY(load(reader, position, header.bytes, &bytes)); // there already, but for a large record
    if (bytes == NULL) return OK;
    *header_out = header;
    *body_out = bytes_make(bytes + WAL_HEADER_BYTES, header.bytes - WAL_HEADER_BYTES);
    *verdict_out = RECORD_VALID;
    return OK;
}

// Steps over the zeros that end a sector too full for a pad.
static Status skip_gap(WalReader *reader, uint64_t *position) {
    uint64_t left = wal_sector_left(*position);
    if (left >= WAL_HEADER_BYTES) return OK;
    const uint8_t *bytes;
    TRY(load(reader, *position, (size_t)left, &bytes));
    if (bytes != NULL && get_u32_le(bytes) == 0) *position += left;
    return OK;
}

// Looks for a RESUME that names the bad position, at the start of each later file there is.
static Status find_resume(WalReader *reader, uint64_t bad, uint64_t *resumed_out) {
    *resumed_out = 0;
    ArenaMark mark = arena_mark(&reader->arena);
    uint64_t *numbers;
    size_t count;
    Status status =
        wal_list_files(reader->environment, reader->folder, &reader->arena, &numbers, &count);
    for (size_t i = 0; i < count && status == OK && *resumed_out == 0; i++) {
        uint64_t position = numbers[i] * reader->file_bytes;
        if (position <= bad) continue;
        WalHeader header;
        Bytes body;
        Verdict verdict;
        status = examine(reader, position, &header, &body, &verdict);
        if (status == OK && verdict == RECORD_VALID && header.type == WAL_RESUME && body.count == 8
            && get_u64_le(body.data) == bad) {
            *resumed_out = position;
        }
    }
    arena_rewind(&reader->arena, mark);
    return status;
}

// Looks on behind a bad record. A valid one that claims the bad place had been durable proves
// damage; any other valid one, that the tail is torn.
static Status probe(WalReader *reader, uint64_t bad) {
    uint64_t position = bad - bad % WAL_SECTOR_BYTES + WAL_SECTOR_BYTES;
    uint64_t end = bad + reader->probe_bytes;
    while (position < end) {
        WalHeader header;
        Bytes body;
        Verdict verdict;
        TRY(examine(reader, position, &header, &body, &verdict));
        if (verdict != RECORD_VALID) {
            // No file holds this. What claims the place may end where none does.
            if (verdict == RECORD_ABSENT && reader->window_count == 0) return OK;
            position += wal_sector_left(position);
            continue;
        }
        reader->is_torn = true;
        uint64_t back = (uint64_t)header.durable_back * WAL_ALIGNMENT;
        if (back > header.lsn || header.lsn - back > bad) {
            return fail(DATA_CORRUPTED,
                "the log is damaged at %016llx: a record at %016llx follows that was written later",
                (unsigned long long)bad, (unsigned long long)header.lsn);
        }
        position = wal_round_up(position + header.bytes, WAL_ALIGNMENT);
        TRY(skip_gap(reader, &position));
    }
    return OK;
}

Status wal_reader_open(Environment environment, const char *folder, const WalOptions *options,
    Lsn from, WalReader **reader_out) {
    size_t folder_bytes = strlen(folder) + 1;
    WalReader *reader = calloc(1, sizeof *reader + folder_bytes);
    if (reader == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    memcpy(reader->folder, folder, folder_bytes);
    arena_init(&reader->arena, NULL);
    reader->environment = environment;
    reader->file_bytes = options->file_bytes;
    reader->probe_bytes =
        options->file_bytes
        + (options->ring_bytes > WAL_PROBE_BYTES_MIN ? options->ring_bytes : WAL_PROBE_BYTES_MIN);
    reader->seed = wal_seed(options);
    reader->position = from.value;

    WalHeader header;
    Bytes body;
    Verdict verdict = RECORD_ABSENT;
    Status status = skip_gap(reader, &reader->position);
    if (status == OK) status = examine(reader, reader->position, &header, &body, &verdict);
    if (status == OK && verdict != RECORD_VALID) {
        status = fail(DATA_CORRUPTED, "the log has no record at %016llx, where recovery starts",
            (unsigned long long)from.value);
        error_add_hint("The data file and its log do not belong together, or the log is damaged.");
    }
    if (status != OK) {
        wal_reader_close(reader);
        return status;
    }
    *reader_out = reader;
    return OK;
}

void wal_reader_close(WalReader *reader) {
    if (reader == NULL) return;
    file_close(reader->file);
    free(reader->window);
    arena_deinit(&reader->arena);
    free(reader);
}

Status wal_reader_next(WalReader *reader, WalRecord *record_out, bool *found_out) {
    *found_out = false;
    while (!reader->is_ended) {
        TRY(skip_gap(reader, &reader->position));
        WalHeader header;
        Bytes body;
        Verdict verdict;
        TRY(examine(reader, reader->position, &header, &body, &verdict));
        if (verdict == RECORD_VALID) {
            uint64_t start = reader->position;
            reader->position = wal_round_up(start + header.bytes, WAL_ALIGNMENT);
            if (header.type == WAL_PAD) continue;
            *record_out = (WalRecord){
                .type = (WalRecordType)header.type,
                .txn = {header.txn},
                .start = {start},
                .end = {reader->position},
                .body = body,
            };
            *found_out = true;
            return OK;
        }
        uint64_t resumed;
        TRY(find_resume(reader, reader->position, &resumed));
        if (resumed != 0) {
            reader->position = resumed;
            continue;
        }
        reader->is_torn = verdict == RECORD_TORN || reader->position % WAL_SECTOR_BYTES != 0;
        TRY(probe(reader, reader->position));
        reader->is_ended = true;
    }
    return OK;
}

Lsn wal_reader_end(const WalReader *reader, bool *is_torn_out) {
    ASSERT(reader->is_ended);
    *is_torn_out = reader->is_torn;
    return (Lsn){reader->position};
}
