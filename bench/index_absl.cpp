// absl::btree_map as a peer of bench_index.
#include "bench/index_peer.h"

#include <absl/container/btree_map.h>

namespace {

using Map = absl::btree_map<uint64_t, uint64_t>;

Map *map_of(void *index) {
    return static_cast<Map *>(index);
}

void *create() {
    return new Map;
}

void destroy(void *index) {
    delete map_of(index);
}

void load(void *index, const uint64_t *keys, const uint32_t *values, size_t count) {
    Map *map = map_of(index);
    for (size_t i = 0; i < count; i++)
        map->insert(map->end(), {keys[i], values[i]});
}

uint64_t get(
    void *index, const uint64_t *keys, const uint32_t *values, size_t count, int is_dependent) {
    const Map *map = map_of(index);
    uint64_t faults = 0, last = 0;
    for (size_t i = 0; i < count; i++) {
        auto found = map->find(peer_depend(keys[i], last, is_dependent));
        last = found == map->end() ? UINT32_MAX : found->second;
        faults += peer_fault(last, values[i]);
    }
    return faults;
}

uint64_t scan(
    void *index, const uint64_t *keys, const uint32_t *values, size_t count, uint32_t limit) {
    const Map *map = map_of(index);
    uint64_t faults = 0;
    for (size_t i = 0; i < count; i++) {
        auto at = map->lower_bound(keys[i]);
        uint32_t value = values[i];
        uint32_t end = limit - value < PEER_SCAN_KEYS ? limit : value + PEER_SCAN_KEYS;
        for (; value < end && at != map->end(); value++, ++at)
            faults += peer_fault(at->second, value);
        faults += end - value;
    }
    return faults;
}

void insert(void *index, uint64_t key, uint32_t value) {
    map_of(index)->insert({key, value});
}

void insert_many(void *index, const uint64_t *keys, const uint32_t *values, size_t count) {
    Map *map = map_of(index);
    for (size_t i = 0; i < count; i++)
        map->insert({keys[i], values[i]});
}

void remove_many(void *index, const uint64_t *keys, const uint32_t *, size_t count) {
    Map *map = map_of(index);
    for (size_t i = 0; i < count; i++)
        map->erase(keys[i]);
}

} // namespace

extern "C" const IndexPeer peer_absl = {
    "absl::btree_map", create, destroy, load, get, nullptr, scan, insert, insert_many, remove_many};
