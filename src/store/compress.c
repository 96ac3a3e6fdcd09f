// Stored bytes made smaller: pages and leaves are, when that saves a block.
//
// Source  zstd at its first level. Ordinary text keeps five or six bits a letter and neighbouring
//         rows share most of their bytes, so a page loses about a third; what it costs, it costs
//         where pages go to and come from the disk.
#include "base/bytes.h"
#include "base/error.h"
#include "store/store_internal.h"

#include <stdlib.h>
#include <zstd.h>

enum { COMPRESSION_LEVEL = 1, COUNT_BYTES = 4 };

// A context is some hundred kilobytes: one of each is kept for whoever comes next.
static ZSTD_CCtx *take_compressor(Store *store) {
    ZSTD_CCtx *kept = atomic_exchange(&store->compressor, NULL);
    return kept != NULL ? kept : ZSTD_createCCtx();
}

static void keep_compressor(Store *store, ZSTD_CCtx *compressor) {
    ZSTD_freeCCtx(atomic_exchange(&store->compressor, compressor));
}

static ZSTD_DCtx *take_expander(Store *store) {
    ZSTD_DCtx *kept = atomic_exchange(&store->expander, NULL);
    return kept != NULL ? kept : ZSTD_createDCtx();
}

static void keep_expander(Store *store, ZSTD_DCtx *expander) {
    ZSTD_freeDCtx(atomic_exchange(&store->expander, expander));
}

void compress_deinit(Store *store) {
    keep_compressor(store, NULL);
    keep_expander(store, NULL);
}

size_t compress_bytes(Store *store, Bytes bytes, uint8_t *to, size_t room) {
    ZSTD_CCtx *compressor = take_compressor(store);
    if (compressor == NULL) return 0; // it goes without
    size_t count = ZSTD_compressCCtx(compressor, to + COUNT_BYTES, room - COUNT_BYTES, bytes.data,
        bytes.count, COMPRESSION_LEVEL);
    keep_compressor(store, compressor);
    if (ZSTD_isError(count)) return 0; // no room: it does not get smaller
    put_u32_le(to, (uint32_t)count);
    return COUNT_BYTES + count;
}

Status expand_bytes(Store *store, Bytes stored, uint8_t *to, size_t room, bool *is_sound_out) {
    *is_sound_out = false;
    uint32_t count;
    if (!bytes_take_u32_le(&stored, &count) || count > stored.count) return OK;
    ZSTD_DCtx *expander = take_expander(store);
    if (expander == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    size_t expanded = ZSTD_decompressDCtx(expander, to, room, stored.data, count);
    keep_expander(store, expander);
    if (ZSTD_isError(expanded)) return OK;
    memset(to + expanded, 0, room - expanded);
    *is_sound_out = true;
    return OK;
}
