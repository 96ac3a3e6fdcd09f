// The reference ALEX as a peer of bench_index; its headers come from outside the repository
// (meson option `alex`: the folder that has core/alex.h).
#include "bench/index_peer.h"

#include <core/alex.h>
#include <utility>
#include <vector>

namespace {

using Index = alex::Alex<uint64_t, uint64_t>;

Index *index_of(void *index) {
    return static_cast<Index *>(index);
}

void *create() {
    return new Index;
}

void destroy(void *index) {
    delete index_of(index);
}

void load(void *index, const uint64_t *keys, const uint32_t *values, size_t count) {
    std::vector<std::pair<uint64_t, uint64_t>> pairs(count);
    for (size_t i = 0; i < count; i++)
        pairs[i] = {keys[i], values[i]};
    index_of(index)->bulk_load(pairs.data(), static_cast<int>(count));
}

uint64_t get(
    void *index, const uint64_t *keys, const uint32_t *values, size_t count, int is_dependent) {
    Index *map = index_of(index);
    uint64_t faults = 0, last = 0;
    for (size_t i = 0; i < count; i++) {
        const uint64_t *found = map->get_payload(peer_depend(keys[i], last, is_dependent));
        last = found == nullptr ? UINT32_MAX : *found;
        faults += peer_fault(last, values[i]);
    }
    return faults;
}

uint64_t scan(
    void *index, const uint64_t *keys, const uint32_t *values, size_t count, uint32_t limit) {
    Index *map = index_of(index);
    uint64_t faults = 0;
    for (size_t i = 0; i < count; i++) {
        auto at = map->lower_bound(keys[i]);
        uint32_t value = values[i];
        uint32_t end = limit - value < PEER_SCAN_KEYS ? limit : value + PEER_SCAN_KEYS;
        for (; value < end && !at.is_end(); value++, ++at)
            faults += peer_fault(at.payload(), value);
        faults += end - value;
    }
    return faults;
}

void insert(void *index, uint64_t key, uint32_t value) {
    index_of(index)->insert(key, value);
}

void insert_many(void *index, const uint64_t *keys, const uint32_t *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        index_of(index)->insert(keys[i], values[i]);
}

void remove_many(void *index, const uint64_t *keys, const uint32_t *, size_t count) {
    for (size_t i = 0; i < count; i++)
        index_of(index)->erase(keys[i]);
}

} // namespace

extern "C" const IndexPeer peer_alex = {
    "ALEX", create, destroy, load, get, nullptr, scan, insert, insert_many, remove_many};
