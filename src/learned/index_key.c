#include "learned/index_key.h"

static int compare_u64(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

IndexPair index_place_make(KeyShape shape, Bytes bound, bool is_after) {
    if (shape.kind == KEY_BYTES) {
        return (IndexPair){.key = bound, .row = is_after ? ROW_END : 0};
    }
    // A shorter bound is less than every key that it starts; a longer one is greater than the key
    // that it starts with and less than the next.
    uint8_t bytes[16] = {0};
    size_t count = bound.count < shape.width ? bound.count : shape.width;
    if (count > 0) memcpy(bytes, bound.data, count);
    if (bound.count < shape.width) is_after = false;
    if (bound.count > shape.width) is_after = true;
    IndexPair place =
        index_pair_make(shape, bytes_make(bytes, shape.width), is_after ? ROW_END : 0);
    place.key = bytes_make(NULL, 0);
    return place;
}

size_t index_pair_write_key(KeyShape shape, const IndexPair *pair, uint8_t *bytes_out) {
    if (shape.width == 8) {
        put_u64_be(bytes_out, pair->words[0]);
        return 8;
    }
    for (uint32_t i = 0; i < shape.width; i++) {
        uint32_t word = i / 8;
        uint32_t word_bytes = word == 0 && shape.width > 8 ? 8 : shape.width - 8 * word;
        uint32_t place = word_bytes - 1 - i % 8;
        bytes_out[i] = (uint8_t)(pair->words[word] >> (8 * place));
    }
    return shape.width;
}

int index_pair_compare_keys(KeyShape shape, const IndexPair *a, const IndexPair *b) {
    if (shape.kind == KEY_BYTES) return bytes_compare(a->key, b->key);
    if (a->words[0] != b->words[0]) return compare_u64(a->words[0], b->words[0]);
    return shape.kind == KEY_WORD ? 0 : compare_u64(a->words[1], b->words[1]);
}

int index_pair_compare(KeyShape shape, const IndexPair *a, const IndexPair *b) {
    int order = index_pair_compare_keys(shape, a, b);
    return order != 0 ? order : compare_u64(a->row, b->row);
}
