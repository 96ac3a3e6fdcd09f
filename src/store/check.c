// Holding what is referred to against what is taken: invariant I-9.
#include "base/assert.h"
#include "base/error.h"
#include "store/store_internal.h"

#include <stdlib.h>

struct StoreMarker {
    Store *store;
    BlockMap map; // of what was added
};

Status store_marker_create(Store *store, StoreMarker **marker_out) {
    StoreMarker *marker = calloc(1, sizeof *marker);
    if (marker == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    marker->store = store;
    mutex_lock(&store->mutex);
    uint64_t block_count = store->map.block_count;
    mutex_unlock(&store->mutex);
    Status status = block_map_grow(&marker->map, block_count);
    if (status != OK) {
        free(marker);
        return status;
    }
    bool is_free = block_map_mark(&marker->map, 0, FIRST_EXTENT_BLOCK);
    ASSERT(is_free);
    *marker_out = marker;
    return OK;
}

static Status fail_at(uint64_t block, const char *what) {
    return fail(DATA_CORRUPTED, "block %llu of the data file %s", (unsigned long long)block, what);
}

Status store_marker_add(StoreMarker *marker, ExtentRef ref) {
    if (extent_is_none(ref)
        || !block_map_mark(&marker->map, extent_first_block(ref), extent_block_count(ref))) {
        return fail_at(extent_first_block(ref), "is referred to twice or is outside");
    }
    void *bytes = aligned_alloc(STORE_BLOCK_BYTES, extent_bytes(ref));
    if (bytes == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    Status status = store_read(marker->store, ref, bytes);
    free(bytes);
    return status;
}

// What waits to be released is taken. The root there is may still name it: the next one will not.
static void mark_waiting(StoreMarker *marker, const RefList *list) {
    for (size_t i = 0; i < list->count; i++) {
        uint64_t first = extent_first_block(list->refs[i]);
        if (block_map_is_taken(&marker->map, first)) continue;
        bool is_marked = block_map_mark(&marker->map, first, extent_block_count(list->refs[i]));
        ASSERT(is_marked); // extents in a list do not overlap
    }
}

static Status compare(StoreMarker *marker) {
    const Store *store = marker->store;
    mark_waiting(marker, &store->freed);
    mark_waiting(marker, &store->freed_late);
    mark_waiting(marker, &store->releasable);
    uint64_t shorter = marker->map.block_count < store->map.block_count ? marker->map.block_count
                                                                        : store->map.block_count;
    for (uint64_t block = 0; block < shorter; block++) {
        bool is_referred_to = block_map_is_taken(&marker->map, block);
        if (is_referred_to == block_map_is_taken(&store->map, block)) continue;
        return fail_at(block, is_referred_to ? "is referred to and counts as free"
                                             : "is taken and nothing refers to it");
    }
    return OK;
}

Status store_marker_finish(StoreMarker *marker) {
    mutex_lock(&marker->store->mutex);
    Status status = compare(marker);
    mutex_unlock(&marker->store->mutex);
    block_map_deinit(&marker->map);
    free(marker);
    return status;
}
