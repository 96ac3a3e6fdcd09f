// Leaves from sorted pairs, and to and from their stored images.
#include "base/assert.h"
#include "learned/leaf_internal.h"

// A model may be this many blocks off where it is built; a new segment starts beyond. Pivots within
// eight blocks of the prediction find the rest.
#define MODEL_ERROR_BLOCKS 4.0

static inline bool is_same_key(KeyShape shape, const IndexPair *a, const IndexPair *b) {
    if (shape.kind == KEY_BYTES) return bytes_equal(a->key, b->key);
    return a->words[0] == b->words[0] && a->words[1] == b->words[1]; // 0 when there is no second
}

// Pairs of `pairs` that share the first one's lane.
static uint32_t lane_pair_count(const LeafRole *role, const IndexPair *pairs, uint32_t count) {
    uint32_t same = 1;
    if (!role->is_unique || role->is_row_level) return same;
    while (same < count && is_same_key(role->shape, pairs, pairs + same))
        same++;
    return same;
}

static Bytes rest_of(const LeafRole *role, const IndexPair *pair) {
    size_t offset = (size_t)(role->level + 1) * SLICE_KEY_BYTES;
    if (leaf_role_kind(role) != LEAF_V || pair->key.count <= offset) return bytes_make(NULL, 0);
    return bytes_make(pair->key.data + offset, pair->key.count - offset);
}

// Lanes that these pairs take, when none of them needs a record; 0 when one may.
static uint32_t plain_lane_count(const LeafRole *role, const IndexPair *pairs, uint32_t count) {
    if (leaf_role_kind(role) == LEAF_V) return 0;
    if (!role->is_unique || role->is_row_level) return count;
    for (uint32_t i = 1; i < count; i++) {
        if (pairs[i].words[0] == pairs[i - 1].words[0]
            && pairs[i].words[1] == pairs[i - 1].words[1]) {
            return 0;
        }
    }
    return count;
}

LeafLayout leaf_layout(const LeafRole *role, const IndexPair *pairs, uint32_t count,
    double lanes_per_block, uint32_t spare_blocks) {
    LeafLayout layout = {.pair_count = count, .is_possible = true};
    size_t heap_bytes = (role->prefix.count + 7) / 8 * 8;
    layout.lane_count = plain_lane_count(role, pairs, count);
    layout.is_plain = layout.lane_count == count;
    for (uint32_t i = layout.lane_count; i < count;) {
        uint32_t same = lane_pair_count(role, pairs + i, count - i);
        size_t rest_bytes = rest_of(role, pairs + i).count;
        if (same - 1 > LEAF_MORE_ROWS_MAX) layout.is_possible = false;
        if (rest_bytes > 0 || same > 1) {
            heap_bytes += leaf_record_bytes((uint32_t)rest_bytes, same - 1);
        }
        layout.lane_count++;
        i += same;
        if (heap_bytes > LEAF_BYTES_MAX) layout.is_possible = false;
    }
    LeafKind kind = leaf_role_kind(role);
    layout.block_count = (uint32_t)((double)layout.lane_count / lanes_per_block);
    while (layout.block_count * LEAF_LANE_COUNT < layout.lane_count || layout.block_count == 0)
        layout.block_count++;
    layout.block_capacity = layout.block_count + spare_blocks;
    layout.heap_bytes = (uint32_t)heap_bytes;
    // Room in the heap in the proportion of room in the blocks.
    size_t spare_lanes = (size_t)layout.block_capacity * LEAF_LANE_COUNT - layout.lane_count;
    size_t spare_heap = role->is_unique ? 256 + heap_bytes / 4 : 64;
    if (kind == LEAF_V && layout.lane_count > 0) {
        spare_heap += heap_bytes * spare_lanes / layout.lane_count + 256;
    }
    size_t fixed = leaf_blocks_offset(LEAF_SEGMENT_COUNT_MAX) + heap_bytes
                   + (size_t)layout.block_capacity * leaf_block_bytes(kind);
    if (fixed > LEAF_BYTES_MAX) layout.is_possible = false;
    if (layout.is_possible && fixed + spare_heap > LEAF_BYTES_MAX) {
        spare_heap = LEAF_BYTES_MAX - fixed;
    }
    layout.heap_capacity = (uint32_t)((heap_bytes + spare_heap) / 8 * 8);
    layout.body_bytes = (uint32_t)(fixed + spare_heap);
    return layout;
}

// ---- The model

typedef struct ModelPoint {
    uint64_t slice;
    double block;
} ModelPoint;

// Fits segments greedily: each is the longest line from its first point that misses no point by
// more than MODEL_ERROR_BLOCKS (a shrinking cone). The last one takes what is left.
// Source: O'Rourke, "An on-line algorithm for fitting straight lines between data ranges", 1981.
static uint32_t fit_segments(
    const ModelPoint *points, uint32_t count, uint64_t *firsts, LeafLine *lines) {
    uint32_t segment_count = 0;
    for (uint32_t i = 0; i < count;) {
        ModelPoint first = points[i];
        segment_count++;
        bool is_last = segment_count == LEAF_SEGMENT_COUNT_MAX;
        double low = 0, high = 1e300, reach = 0;
        uint32_t next = i + 1;
        for (; next < count; next++) {
            double x = (double)(points[next].slice - first.slice);
            double y = points[next].block - first.block;
            if (!(x > 0)) continue; // the same slice: the search walks over these
            double point_low = (y - MODEL_ERROR_BLOCKS) / x;
            double point_high = (y + MODEL_ERROR_BLOCKS) / x;
            if (!is_last && (point_low > high || point_high < low)) break;
            reach = y / x;
            if (point_low > low) low = point_low;
            if (point_high < high) high = point_high;
        }
        double slope = is_last || high >= 1e300 ? reach : (low + high) / 2;
        firsts[segment_count - 1] = first.slice;
        lines[segment_count - 1] = (LeafLine){.slope = slope, .start = first.block};
        i = next;
    }
    if (segment_count == 0) {
        firsts[segment_count] = 0;
        lines[segment_count++] = (LeafLine){0};
    }
    return segment_count;
}

static uint64_t *body_block(LeafBody *body, uint32_t block) {
    uint8_t *blocks = (uint8_t *)body + leaf_blocks_offset(body->segment_count);
    return (uint64_t *)(void *)(blocks + (size_t)block * leaf_block_bytes((LeafKind)body->kind));
}

static uint8_t *body_heap(LeafBody *body) {
    return (uint8_t *)body_block(body, body->block_capacity);
}

// Unused lanes compare greater than every key.
static void clear_blocks(LeafBody *body, uint32_t from) {
    for (uint32_t block = from; block < body->block_capacity; block++) {
        uint64_t *words = body_block(body, block);
        words[0] = 0;
        for (uint32_t lane = 0; lane < LEAF_LANE_COUNT; lane++)
            words[1 + lane] = UINT64_MAX;
    }
}

static uint64_t fill_record(LeafBody *body, Bytes rest, const IndexPair *more, uint32_t count) {
    uint8_t *at = body_heap(body) + body->heap_bytes;
    uint64_t offset = body->heap_bytes / 8 + 1;
    put_u64_le(at, rest.count | (uint64_t)count << 16);
    if (rest.count > 0) memcpy(at + 8, rest.data, rest.count);
    uint8_t *rows = at + 8 + (rest.count + 7) / 8 * 8;
    for (uint32_t i = 0; i < count; i++)
        put_u64_le(rows + (size_t)i * 8, more[i].row << 16);
    body->heap_bytes += leaf_record_bytes((uint32_t)rest.count, count);
    return offset;
}

// The first of the lanes that go to this block or to one behind it.
static uint32_t first_lane(const LeafLayout *layout, uint32_t block) {
    uint64_t lanes = (uint64_t)block * layout->lane_count + layout->block_count - 1;
    return (uint32_t)(lanes / layout->block_count);
}

// Fills the blocks from pairs that need no records, a lane each.
static void fill_plain_lanes(
    LeafBody *body, const LeafRole *role, const LeafLayout *layout, const IndexPair *pairs) {
    LeafKind kind = (LeafKind)body->kind;
    uint32_t payload_word = leaf_payload_word(kind), word = role->level;
    uint32_t end = 0;
    for (uint32_t block = 0; block < layout->block_count; block++) {
        uint64_t *words = body_block(body, block);
        uint32_t start = end;
        end = first_lane(layout, block + 1);
        ASSERT(end - start <= LEAF_LANE_COUNT);
        words[0] = end - start;
        for (uint32_t i = start; i < end; i++) {
            const IndexPair *pair = pairs + i;
            words[1 + i - start] = role->is_row_level ? pair->row : pair->words[word];
            if (kind == LEAF_16) words[8 + i - start] = pair->words[1];
            words[payload_word + i - start] = pair->row << 16;
        }
    }
}

static uint32_t plain_points(const LeafRole *role, const LeafLayout *layout, const IndexPair *pairs,
    ModelPoint *points_out) {
    if (layout->lane_count == 0) return 0;
    for (uint32_t block = 0; block < layout->block_count; block++) {
        points_out[block] = (ModelPoint){
            .slice = index_pair_slice(
                role->shape, pairs + first_lane(layout, block), role->level, role->is_row_level),
            .block = (double)block,
        };
    }
    return layout->block_count;
}

// Makes the pivots of the blocks that are there; what comes behind the last one finds room too.
static void fill_pivots(LeafBody *body, uint32_t body_bytes) {
    uint32_t count = atomic_load_explicit(&body->block_count, memory_order_relaxed);
    body->pivots_offset = leaf_pivots_offset(body_bytes);
    body->pivot_base = body->firsts[0];
    uint64_t last = body_block(body, count - 1)[1];
    uint64_t span = last > body->pivot_base ? last - body->pivot_base : 0;
    body->pivot_shift = 0;
    while (span >> body->pivot_shift >> LEAF_PIVOT_BITS != 0)
        body->pivot_shift++;
    uint32_t *pivots = leaf_pivots(body);
    for (uint32_t block = 0; block < body->block_capacity + LEAF_PIVOT_WINDOW; block++) {
        pivots[block] = block < count ? leaf_pivot_of(
                            body->pivot_base, body->pivot_shift, body_block(body, block)[1])
                                      : LEAF_PIVOT_NONE;
    }
}

void leaf_fill(CacheFrame *frame, const LeafRole *role, const LeafLayout *layout,
    const IndexPair *pairs, uint64_t incarnation, bool is_exact) {
    LeafBody *body = leaf_body(frame);
    LeafKind kind = leaf_role_kind(role);
    bool has_lists = role->is_unique && !role->is_row_level;
    body->magic = LEAF_MAGIC;
    body->version = LEAF_VERSION;
    body->kind = (uint8_t)kind;
    body->flags = (uint8_t)((is_exact ? LEAF_EXACT : 0) | (has_lists ? LEAF_LISTS : 0)
                            | (role->is_row_level ? LEAF_ROW_LEVEL : 0));
    body->key_width = (uint8_t)role->shape.width;
    body->level = (uint16_t)role->level;
    body->pair_count = layout->pair_count;
    body->block_capacity = layout->block_capacity;
    body->heap_capacity = layout->heap_capacity;
    body->prefix_bytes = (uint32_t)role->prefix.count;
    body->incarnation = incarnation;
    atomic_init(&body->block_count, layout->block_count);

    // Pass 1: the model, over one point a block; it decides where the blocks begin.
    ModelPoint points[LEAF_BYTES_MAX / 128];
    uint32_t point_count = 0, lane_index = 0;
    if (layout->is_plain) point_count = plain_points(role, layout, pairs, points);
    for (uint32_t i = layout->is_plain ? layout->pair_count : 0; i < layout->pair_count;
         lane_index++) {
        uint32_t block =
            (uint32_t)((uint64_t)lane_index * layout->block_count / layout->lane_count);
        if (block == point_count) {
            points[point_count++] = (ModelPoint){
                .slice = index_pair_slice(role->shape, pairs + i, role->level, role->is_row_level),
                .block = (double)block,
            };
        }
        i += lane_pair_count(role, pairs + i, layout->pair_count - i);
    }
    uint64_t firsts[LEAF_SEGMENT_COUNT_MAX];
    LeafLine lines[LEAF_SEGMENT_COUNT_MAX];
    uint32_t segment_count = fit_segments(points, point_count, firsts, lines);
    body->segment_count = (uint16_t)segment_count;
    memset(body->firsts, 0xFF, leaf_lines_offset(segment_count) - sizeof(LeafBody));
    memcpy(body->firsts, firsts, segment_count * sizeof firsts[0]);
    memcpy(
        (uint8_t *)body + leaf_lines_offset(segment_count), lines, segment_count * sizeof lines[0]);

    // Pass 2: the lanes, spread evenly.
    clear_blocks(body, 0);
    uint8_t *heap = body_heap(body);
    if (role->prefix.count > 0) memcpy(heap, role->prefix.data, role->prefix.count);
    body->heap_bytes = (uint32_t)((role->prefix.count + 7) / 8 * 8);
    uint32_t payload_word = leaf_payload_word(kind);
    lane_index = 0;
    if (layout->is_plain) fill_plain_lanes(body, role, layout, pairs);
    for (uint32_t i = layout->is_plain ? layout->pair_count : 0; i < layout->pair_count;
         lane_index++) {
        const IndexPair *pair = pairs + i;
        uint32_t same = lane_pair_count(role, pair, layout->pair_count - i);
        uint64_t *words = body_block(
            body, (uint32_t)((uint64_t)lane_index * layout->block_count / layout->lane_count));
        uint64_t lane = words[0]++;
        ASSERT(lane < LEAF_LANE_COUNT);
        words[1 + lane] = index_pair_slice(role->shape, pair, role->level, role->is_row_level);
        if (kind == LEAF_16) words[8 + lane] = pair->words[1];
        Bytes rest = rest_of(role, pair);
        uint64_t offset =
            rest.count == 0 && same == 1 ? 0 : fill_record(body, rest, pair + 1, same - 1);
        words[payload_word + lane] = pair->row << 16 | offset;
        i += same;
    }
    ASSERT(body->heap_bytes == layout->heap_bytes);
    fill_pivots(body, layout->body_bytes);
}

// ---- Images

void leaf_encode(const CacheFrame *frame, bool is_exact, Text *bytes_out) {
    LeafBody *body = leaf_body(frame);
    uint32_t block_count = atomic_load_explicit(&body->block_count, memory_order_relaxed);
    size_t start = bytes_out->count;
    size_t blocks_end = leaf_blocks_offset(body->segment_count)
                        + (size_t)block_count * leaf_block_bytes((LeafKind)body->kind);
    text_append(bytes_out, body, blocks_end);
    text_append(bytes_out, body_heap(body), body->heap_bytes);
    LeafBody header;
    memcpy(&header, bytes_out->data + start, sizeof header);
    if (!is_exact) header.flags &= (uint8_t)~LEAF_EXACT;
    header.block_capacity = block_count;
    header.heap_capacity = body->heap_bytes;
    header.pivot_base = header.pivots_offset = header.pivot_shift = 0;
    memcpy(bytes_out->data + start, &header, sizeof header);
}

// Slack of a leaf that was read: the next changes find room without building it anew.
static uint32_t slack_blocks(uint32_t block_count) {
    return block_count / 16 + 1;
}

static bool header_is_sound(const LeafBody *header, KeyShape shape, bool is_unique) {
    if (header->magic != LEAF_MAGIC || header->version != LEAF_VERSION) return false;
    if (header->key_width != shape.width) return false;
    if ((header->flags & ~(LEAF_EXACT | LEAF_LISTS | LEAF_ROW_LEVEL)) != 0) return false;
    bool is_row_level = (header->flags & LEAF_ROW_LEVEL) != 0;
    if (((header->flags & LEAF_LISTS) != 0) != (is_unique && !is_row_level)) return false;
    LeafRole role = {.shape = shape, .level = header->level, .is_row_level = is_row_level};
    if (header->kind != leaf_role_kind(&role)) return false;
    if (header->segment_count == 0 || header->segment_count > LEAF_SEGMENT_COUNT_MAX) return false;
    // The prefix is what the levels above have used up.
    if (shape.kind == KEY_BYTES) {
        if (is_row_level) return header->prefix_bytes <= KEY_BYTES_MAX;
        return header->prefix_bytes == (uint32_t)header->level * SLICE_KEY_BYTES
               && header->prefix_bytes <= KEY_BYTES_MAX;
    }
    if (is_row_level) return header->prefix_bytes == shape.width;
    if (header->level > (shape.kind == KEY_TWO_WORDS ? 1 : 0)) return false;
    return header->prefix_bytes == (uint32_t)header->level * 8;
}

bool leaf_image_parse(Bytes bytes, KeyShape shape, bool is_unique, LeafImage *image_out) {
    if (bytes.count < sizeof(LeafBody)) return false;
    const LeafBody *header = (const LeafBody *)(const void *)bytes.data;
    if (!header_is_sound(header, shape, is_unique)) return false;
    LeafKind kind = (LeafKind)header->kind;
    uint32_t block_count = atomic_load_explicit(&header->block_count, memory_order_relaxed);
    uint32_t block_bytes = leaf_block_bytes(kind);
    if (block_count == 0 || block_count > LEAF_BYTES_MAX / 128) return false;
    if (header->block_capacity != block_count || header->heap_capacity != header->heap_bytes) {
        return false;
    }
    if (header->heap_bytes > LEAF_BYTES_MAX || header->heap_bytes % 8 != 0) return false;
    if ((header->prefix_bytes + 7) / 8 * 8 > header->heap_bytes) return false;
    size_t image_bytes = leaf_blocks_offset(header->segment_count)
                         + (size_t)block_count * block_bytes + header->heap_bytes;
    if (image_bytes > bytes.count || image_bytes > LEAF_BYTES_MAX) return false;
    uint32_t spare = slack_blocks(block_count);
    uint32_t heap_capacity = header->heap_bytes + 64;
    if (kind == LEAF_V) heap_capacity += header->heap_bytes / 16 / 8 * 8 + 256;
    *image_out = (LeafImage){
        .header = header,
        .image_bytes = (uint32_t)image_bytes,
        .block_capacity = block_count + spare,
        .heap_capacity = heap_capacity,
        .memory_bytes = leaf_blocks_offset(header->segment_count)
                        + (block_count + spare) * block_bytes + heap_capacity,
    };
    return true;
}

void leaf_image_fill(CacheFrame *frame, const LeafImage *image) {
    LeafBody *body = leaf_body(frame);
    const LeafBody *header = image->header;
    size_t blocks_end = leaf_blocks_offset(header->segment_count)
                        + (size_t)header->block_capacity * leaf_block_bytes((LeafKind)header->kind);
    memcpy(body, header, blocks_end);
    uint32_t block_count = header->block_capacity;
    body->block_capacity = image->block_capacity;
    body->heap_capacity = image->heap_capacity;
    clear_blocks(body, block_count);
    memcpy(body_heap(body), (const uint8_t *)header + blocks_end, header->heap_bytes);
    fill_pivots(body, image->memory_bytes);
}
