// Which blocks of the file are taken: a bit each.
//
// Model    Taking looks for the first free run that is long enough, region by region; a region
//          whose longest free run is known to be too short is passed over. The bound is lowered by
//          a search that fails and raised again by giving back. Runs may cross regions, but a
//          search starts in each region separately, so bounds speak of runs that start there.
#include "base/assert.h"
#include "base/error.h"
#include "store/store_internal.h"

#include <stdlib.h>

// How many regions back a run may have started that reaches into one.
enum { REACH_REGIONS = EXTENT_BYTES_MAX / STORE_BLOCK_BYTES / REGION_BLOCKS };

void block_map_deinit(BlockMap *map) {
    free(map->words);
    free(map->longest_free);
}

static uint64_t region_count(const BlockMap *map) {
    return (map->block_count + REGION_BLOCKS - 1) / REGION_BLOCKS;
}

Status block_map_grow(BlockMap *map, uint64_t block_count) {
    ASSERT(block_count >= map->block_count);
    uint64_t words = (block_count + 63) / 64;
    if (words > map->word_capacity) {
        uint64_t capacity = map->word_capacity * 2 > words ? map->word_capacity * 2 : words;
        if (capacity < REGION_BLOCKS / 64) capacity = REGION_BLOCKS / 64;
        uint64_t *grown = realloc(map->words, capacity * sizeof *grown);
        if (grown == NULL) return fail(OUT_OF_MEMORY, "out of memory");
        memset(grown + map->word_capacity, 0xFF, (capacity - map->word_capacity) * sizeof *grown);
        map->words = grown;
        uint64_t regions = capacity * 64 / REGION_BLOCKS + 1;
        uint32_t *longest = realloc(map->longest_free, regions * sizeof *longest);
        if (longest == NULL) return fail(OUT_OF_MEMORY, "out of memory");
        map->longest_free = longest;
        map->word_capacity = capacity;
    }
    uint64_t old_regions = region_count(map);
    uint64_t first = map->block_count;
    map->block_count = block_count;
    for (uint64_t region = old_regions; region < region_count(map); region++) {
        map->longest_free[region] = UINT32_MAX;
    }
    for (uint64_t block = first; block < block_count; block++) {
        map->words[block / 64] &= ~(UINT64_C(1) << (block % 64));
    }
    // The last runs go on into the new blocks.
    for (uint64_t back = 1; back <= REACH_REGIONS && back <= old_regions; back++) {
        map->longest_free[old_regions - back] = UINT32_MAX;
    }
    return OK;
}

bool block_map_is_taken(const BlockMap *map, uint64_t block) {
    return (map->words[block / 64] >> (block % 64) & 1) != 0;
}

// The first block at or after `from` and below `to` whose bit is `is_taken`; `to` if none.
static uint64_t find_block(const BlockMap *map, uint64_t from, uint64_t to, bool is_taken) {
    while (from < to) {
        uint64_t word = map->words[from / 64];
        if (!is_taken) word = ~word;
        word >>= from % 64;
        if (word != 0) {
            uint64_t found = from + (uint64_t)__builtin_ctzll(word);
            return found < to ? found : to;
        }
        from = (from / 64 + 1) * 64;
    }
    return to;
}

static void set_run(BlockMap *map, uint64_t first, uint32_t count) {
    for (uint64_t block = first; block < first + count; block++) {
        map->words[block / 64] |= UINT64_C(1) << (block % 64);
    }
    map->used_count += count;
}

// The first free run of `count` blocks that starts in the region.
static bool region_find(const BlockMap *map, uint64_t region, uint32_t count, uint64_t *first_out,
    uint32_t *longest_out) {
    uint64_t at = region * REGION_BLOCKS;
    uint64_t end = at + REGION_BLOCKS;
    if (end > map->block_count) end = map->block_count;
    *longest_out = 0;
    while (at < end) {
        uint64_t first = find_block(map, at, end, false);
        if (first == end) break;
        uint64_t limit = first + count < map->block_count ? first + count : map->block_count;
        uint64_t run_end = find_block(map, first, limit, true);
        if (run_end - first >= count) {
            *first_out = first;
            return true;
        }
        if (run_end - first > *longest_out) *longest_out = (uint32_t)(run_end - first);
        at = run_end + 1;
    }
    return false;
}

bool block_map_take(BlockMap *map, uint32_t count, uint64_t *first_out) {
    for (uint64_t region = 0; region < region_count(map); region++) {
        if (map->longest_free[region] < count) continue;
        uint32_t longest;
        if (region_find(map, region, count, first_out, &longest)) {
            set_run(map, *first_out, count);
            return true;
        }
        map->longest_free[region] = longest;
    }
    return false;
}

void block_map_give(BlockMap *map, uint64_t first, uint32_t count) {
    ASSERT(first >= FIRST_EXTENT_BLOCK && first + count <= map->block_count);
    for (uint64_t block = first; block < first + count; block++) {
        ASSERT(block_map_is_taken(map, block));
        map->words[block / 64] &= ~(UINT64_C(1) << (block % 64));
    }
    map->used_count -= count;
    // Runs that end here may start as many regions earlier as the longest extent crosses.
    uint64_t region = first / REGION_BLOCKS;
    for (uint64_t at = region < REACH_REGIONS ? 0 : region - REACH_REGIONS;
         at <= (first + count - 1) / REGION_BLOCKS; at++) {
        map->longest_free[at] = UINT32_MAX;
    }
}

bool block_map_mark(BlockMap *map, uint64_t first, uint32_t count) {
    if (first + count > map->block_count) return false;
    for (uint64_t block = first; block < first + count; block++) {
        if (block_map_is_taken(map, block)) return false;
    }
    set_run(map, first, count);
    return true;
}
