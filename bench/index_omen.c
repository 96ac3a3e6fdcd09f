// The learned index as a peer of bench_index: through the same functions as the engine, epochs and
// latches included.
#include "base/error.h"
#include "bench/index_peer.h"
#include "learned/learned_index.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct Ours {
    Store *store;
    EpochSet *epochs;
    MemoryBudget cache_budget, inner_budget;
    Cache *cache;
    LearnedIndex *index;
} Ours;

static void must(Status status) {
    if (status == OK) return;
    fprintf(stderr, "index: %s\n", error_get()->message);
    exit(1);
}

static void *create(void) {
    Ours *ours = calloc(1, sizeof *ours);
    if (ours == NULL) exit(1);
    must(store_create_volatile(environment_real(), &ours->store));
    must(epoch_set_create(&ours->epochs));
    memory_budget_init(&ours->cache_budget, "cache", (size_t)64 << 30, NULL);
    memory_budget_init(&ours->inner_budget, "index", (size_t)8 << 30, NULL);
    must(cache_create(ours->store, ours->epochs, &ours->cache_budget, &ours->cache));
    LearnedIndexOptions options = {
        .key_width = 8, .is_unique = true, .incarnation = 1, .budget = &ours->inner_budget};
    must(learned_index_create(ours->cache, options, &ours->index));
    return ours;
}

static void destroy(void *index) {
    Ours *ours = index;
    learned_index_destroy(ours->index);
    cache_destroy(ours->cache);
    epoch_set_destroy(ours->epochs);
    store_close(ours->store);
    free(ours);
}

static Bytes key_bytes(uint64_t key, uint8_t *bytes) {
    put_u64_be(bytes, key);
    return bytes_make(bytes, 8);
}

static void load(void *index, const uint64_t *keys, const uint32_t *values, size_t count) {
    const Ours *ours = index;
    IndexBulk *bulk;
    uint8_t bytes[8];
    must(learned_index_bulk_begin(ours->index, &bulk));
    for (size_t i = 0; i < count; i++)
        must(learned_index_bulk_add(bulk, key_bytes(keys[i], bytes), (RowId){values[i]}));
    must(learned_index_bulk_end(bulk));
}

static uint64_t get(
    void *index, const uint64_t *keys, const uint32_t *values, size_t count, int is_dependent) {
    const Ours *ours = index;
    uint64_t faults = 0, last = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[8];
        RowId row = {UINT32_MAX};
        uint32_t found;
        bool has_more;
        Bytes key = key_bytes(peer_depend(keys[i], last, is_dependent), bytes);
        must(learned_index_find(ours->index, key, &row, 1, &found, &has_more));
        last = row.value;
        faults += peer_fault(last, values[i]);
    }
    return faults;
}

static uint64_t get_batch(void *index, const uint64_t *keys, const uint32_t *values, size_t count) {
    const Ours *ours = index;
    uint64_t faults = 0;
    uint8_t bytes[PEER_BATCH_KEYS][8];
    Bytes batch[PEER_BATCH_KEYS];
    RowId rows[PEER_BATCH_KEYS];
    bool has_more[PEER_BATCH_KEYS];
    for (size_t i = 0; i < count; i += PEER_BATCH_KEYS) {
        uint32_t n = count - i < PEER_BATCH_KEYS ? (uint32_t)(count - i) : PEER_BATCH_KEYS;
        for (uint32_t j = 0; j < n; j++)
            batch[j] = key_bytes(keys[i + j], bytes[j]);
        must(learned_index_find_batch(ours->index, batch, n, rows, has_more));
        for (uint32_t j = 0; j < n; j++)
            faults += peer_fault(rows[j].value, values[i + j]);
    }
    return faults;
}

static uint64_t scan(
    void *index, const uint64_t *keys, const uint32_t *values, size_t count, uint32_t limit) {
    const Ours *ours = index;
    uint64_t faults = 0;
    Arena arena;
    arena_init(&arena, NULL);
    for (size_t i = 0; i < count; i++) {
        ArenaMark mark = arena_mark(&arena);
        uint8_t bytes[8];
        RowId rows[PEER_SCAN_KEYS];
        KeyRange range = {.low = key_bytes(keys[i], bytes), .low_inclusive = true};
        uint32_t value = values[i], found;
        uint32_t wanted = limit - value < PEER_SCAN_KEYS ? limit - value : PEER_SCAN_KEYS;
        IndexCursor *cursor;
        must(learned_index_seek(ours->index, &range, false, &arena, &cursor));
        must(index_cursor_next(cursor, rows, NULL, wanted, &found));
        for (uint32_t j = 0; j < found; j++)
            faults += peer_fault(rows[j].value, value + j);
        faults += wanted - found;
        index_cursor_close(cursor);
        arena_rewind(&arena, mark);
    }
    arena_deinit(&arena);
    return faults;
}

static void insert(void *index, uint64_t key, uint32_t value) {
    const Ours *ours = index;
    uint8_t bytes[8];
    must(learned_index_add(ours->index, key_bytes(key, bytes), (RowId){value}));
}

static void insert_many(void *index, const uint64_t *keys, const uint32_t *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        insert(index, keys[i], values[i]);
}

static KeyState is_not_needed(
    [[maybe_unused]] void *argument, [[maybe_unused]] Bytes key, [[maybe_unused]] RowId row) {
    return KEY_DEAD;
}

static void remove_many(void *index, const uint64_t *keys, const uint32_t *values, size_t count) {
    const Ours *ours = index;
    KeyProbe probe = {.is_needed = is_not_needed};
    uint8_t bytes[8];
    for (size_t i = 0; i < count; i++) {
        learned_index_remove_if(ours->index, key_bytes(keys[i], bytes), (RowId){values[i]}, &probe);
    }
}

const IndexPeer peer_omen = {
    .name = "OmenDB",
    .create = create,
    .destroy = destroy,
    .load = load,
    .get = get,
    .get_batch = get_batch,
    .scan = scan,
    .insert = insert,
    .insert_many = insert_many,
    .remove_many = remove_many,
};
