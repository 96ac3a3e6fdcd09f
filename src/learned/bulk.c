// Bulk loading: pairs that come in order fill leaves to the brim, through the append path.
#include "base/assert.h"
#include "base/error.h"
#include "learned/learned_internal.h"
#include "types/key.h"

#include <stdlib.h>

struct IndexBulk {
    LearnedIndex *index;
    IndexPair last;
    uint8_t last_key[KEY_BYTES_MAX];
    bool has_last;
};

Status learned_index_bulk_begin(LearnedIndex *index, IndexBulk **bulk_out) {
    if (learned_index_entry_count(index) != 0) {
        return fail(OBJECT_NOT_IN_PREREQUISITE_STATE, "an index that has entries is bulk loaded");
    }
    IndexBulk *bulk = malloc(sizeof *bulk);
    if (bulk == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    bulk->index = index;
    bulk->has_last = false;
    *bulk_out = bulk;
    return OK;
}

Status learned_index_bulk_add(IndexBulk *bulk, Bytes key, RowId row) {
    KeyShape shape = bulk->index->shape;
    if (shape.kind == KEY_BYTES && key.count > KEY_BYTES_MAX) {
        return learned_index_add(bulk->index, key, row); // refuses it
    }
    IndexPair pair = index_pair_make(shape, key, row.value);
    if (bulk->has_last && index_pair_compare(shape, &bulk->last, &pair) >= 0) {
        return fail(DATA_CORRUPTED, "index entries to load are out of order");
    }
    TRY(learned_index_add(bulk->index, key, row));
    bulk->last = pair;
    if (shape.kind == KEY_BYTES) {
        if (key.count > 0) memcpy(bulk->last_key, key.data, key.count);
        bulk->last.key = bytes_make(bulk->last_key, key.count);
    }
    bulk->has_last = true;
    return OK;
}

Status learned_index_bulk_end(IndexBulk *bulk) {
    mutex_lock(&bulk->index->structure);
    learned_index_count_ranks(bulk->index);
    mutex_unlock(&bulk->index->structure);
    free(bulk);
    return OK;
}
