#include "learned/image.h"

#include "base/assert.h"
#include "base/error.h"

#include <stdlib.h>

enum {
    ROOT_MAGIC = 0x524C444F, // "ODLR"
    ROOT_VERSION = 1,
    ROOT_BYTES = 48,
    ROOT_UNIQUE = 1,
    TAG_LEAF = 0,
    TAG_NODE = 1,
    DEPTH_MAX = 2000,
    RECORD_EXACT = 1,
    RECORD_ROW_LEVEL = 2,
};

static Status damaged(const char *what) {
    return fail(INDEX_CORRUPTED, "the image of an index is damaged: %s", what);
}

// ---- Encoding

uint8_t *image_encode_shape(
    Child child, uint8_t *at, void (*visit)(void *argument, LeafEntry *entry), void *argument) {
    if (child_is_leaf(child)) {
        *at++ = TAG_LEAF;
        visit(argument, child_leaf(child));
        return at;
    }
    InnerNode *node = child_node(child);
    *at++ = TAG_NODE;
    put_u64_le(at, node->base);
    put_u32_le(at + 8, node->slot_count);
    put_u16_le(at + 12, node->level);
    put_u16_le(at + 14, (uint16_t)node->gate_count);
    at[16] = node->shift;
    at[17] = node->is_row_level;
    put_u16_le(at + 18, 0);
    at += IMAGE_NODE_BYTES;
    for (uint32_t i = 0; i < node->gate_count; i++, at += 8)
        put_u64_le(at, gate_slices(node)[i]);
    for (uint32_t slot = 0; slot < node->slot_count;) {
        uint32_t first, end;
        inner_node_run(node, slot, &first, &end);
        put_u32_le(at, end - first);
        at = image_encode_shape(inner_node_child(node, slot), at + 4, visit, argument);
        slot = end;
    }
    return at;
}

void image_append_leaf(Text *table, const LeafRecordInTable *record) {
    text_append_u64_le(table, record->ref.location);
    text_append_u64_le(table, record->ref.checksum);
    text_append_u32_le(table, record->pair_count);
    text_append_u16_le(table, record->level);
    text_append_u16_le(table, (uint16_t)((record->is_exact ? RECORD_EXACT : 0)
                                         | (record->is_row_level ? RECORD_ROW_LEVEL : 0)));
}

void image_append_root(Text *root_out, const ImageRoot *root, const ExtentList *chunks) {
    text_append_u32_le(root_out, ROOT_MAGIC);
    text_append_u8(root_out, ROOT_VERSION);
    text_append_u8(root_out, (uint8_t)root->key_width);
    text_append_u8(root_out, root->is_unique ? ROOT_UNIQUE : 0);
    text_append_u8(root_out, 0);
    text_append_u64_le(root_out, root->incarnation);
    text_append_u64_le(root_out, root->pair_count);
    text_append_u64_le(root_out, root->table_bytes);
    text_append_u32_le(root_out, root->leaf_count);
    text_append_u32_le(root_out, root->node_count);
    text_append_u32_le(root_out, chunks->count);
    text_append_u32_le(root_out, 0);
    for (uint32_t i = 0; i < chunks->count; i++) {
        text_append_u64_le(root_out, chunks->refs[i].location);
        text_append_u64_le(root_out, chunks->refs[i].checksum);
    }
}

// ---- Decoding

// Errors: INDEX_CORRUPTED.
static Status image_root_parse(Bytes bytes, ImageRoot *root_out) {
    if (bytes.count < ROOT_BYTES) return damaged("its root is too short");
    const uint8_t *at = bytes.data;
    if (get_u32_le(at) != ROOT_MAGIC) return damaged("its root has no mark");
    if (at[4] != ROOT_VERSION) {
        return fail(FEATURE_NOT_SUPPORTED, "index format %d is not supported", at[4]);
    }
    *root_out = (ImageRoot){
        .key_width = at[5],
        .is_unique = (at[6] & ROOT_UNIQUE) != 0,
        .incarnation = get_u64_le(at + 8),
        .pair_count = get_u64_le(at + 16),
        .table_bytes = get_u64_le(at + 24),
        .leaf_count = get_u32_le(at + 32),
        .node_count = get_u32_le(at + 36),
        .chunk_count = get_u32_le(at + 40),
        .chunk_refs = at + ROOT_BYTES,
    };
    if ((bytes.count - ROOT_BYTES) / 16 < root_out->chunk_count) {
        return damaged("its root is too short");
    }
    return OK;
}

static ExtentRef ref_get(const uint8_t *at) {
    return (ExtentRef){.location = get_u64_le(at), .checksum = get_u64_le(at + 8)};
}

// The whole table, for the caller to free.
static Status read_table(Store *store, const ImageRoot *root, uint8_t **table_out) {
    size_t total = 0;
    for (uint32_t i = 0; i < root->chunk_count; i++) {
        ExtentRef ref = ref_get(root->chunk_refs + (size_t)i * 16);
        if (extent_kind(ref) != EXTENT_INDEX_TABLE) return damaged("a chunk of another kind");
        total += extent_bytes(ref);
    }
    if (root->table_bytes > total) return damaged("its table is too short");
    uint8_t *table = aligned_alloc(STORE_BLOCK_BYTES, total == 0 ? STORE_BLOCK_BYTES : total);
    if (table == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    size_t done = 0;
    for (uint32_t i = 0; i < root->chunk_count; i++) {
        ExtentRef ref = ref_get(root->chunk_refs + (size_t)i * 16);
        Status status = store_read(store, ref, table + done);
        if (status != OK) {
            free(table);
            return status;
        }
        done += extent_bytes(ref);
    }
    *table_out = table;
    return OK;
}

static Bytes table_records(const ImageRoot *root, const uint8_t *table) {
    return bytes_make(table, (size_t)root->leaf_count * IMAGE_LEAF_BYTES);
}

Status learned_index_image_extents(Store *store, Bytes image_root,
    Status (*visit)(void *argument, ExtentRef ref), void *argument) {
    ImageRoot root;
    TRY(image_root_parse(image_root, &root));
    uint8_t *table;
    TRY(read_table(store, &root, &table));
    Status status = OK;
    for (uint32_t i = 0; i < root.chunk_count && status == OK; i++)
        status = visit(argument, ref_get(root.chunk_refs + (size_t)i * 16));
    Bytes records = table_records(&root, table);
    if (status == OK && records.count > root.table_bytes) status = damaged("a short table");
    for (size_t at = 0; at < records.count && status == OK; at += IMAGE_LEAF_BYTES)
        status = visit(argument, ref_get(records.data + at));
    free(table);
    return status;
}

typedef struct Opening {
    LearnedIndex *index;
    Bytes shape;           // what is left of it
    const uint8_t *record; // of the next leaf
    uint32_t leaves_left, nodes_left;
    bool is_current; // written in the incarnation that runs now
} Opening;

static Status open_leaf(Opening *opening, Child *out) {
    LearnedIndex *index = opening->index;
    if (opening->leaves_left == 0) return damaged("more leaves than it counts");
    opening->leaves_left--;
    const uint8_t *at = opening->record;
    opening->record += IMAGE_LEAF_BYTES;
    uint16_t flags = get_u16_le(at + 22);
    ExtentRef ref = ref_get(at);
    if (extent_kind(ref) != EXTENT_INDEX_LEAF) return damaged("a leaf of another kind");
    LeafEntry *entry;
    TRY(leaf_entry_create(index, get_u16_le(at + 20), (flags & RECORD_ROW_LEVEL) != 0, &entry));
    entry->cache.disk = ref;
    atomic_init(&entry->pair_count, get_u32_le(at + 16));
    atomic_init(&entry->is_exact, opening->is_current && (flags & RECORD_EXACT) != 0);
    atomic_init(&entry->previous, index->last);
    if (index->last == NULL) {
        index->first = entry;
    } else {
        atomic_store(&index->last->next, entry);
    }
    index->last = entry;
    index->leaf_count++;
    *out = child_of_leaf(entry);
    return OK;
}

static Status open_child(Opening *opening, uint32_t depth, Child *out);

static Status open_runs(Opening *opening, InnerNode *node, uint32_t depth) {
    for (uint32_t slot = 0; slot < node->slot_count;) {
        uint32_t run;
        Child child;
        if (!bytes_take_u32_le(&opening->shape, &run)) return damaged("a short node");
        if (run == 0 || run > node->slot_count - slot) return damaged("a wrong run of slots");
        Status status = open_child(opening, depth + 1, &child);
        inner_node_set(node, slot, slot + run, child); // also what is incomplete, to be freed
        if (status != OK) return status;
        node->child_count++;
        slot += run;
    }
    return OK;
}

static Status open_node(Opening *opening, uint32_t depth, Child *out) {
    LearnedIndex *index = opening->index;
    Bytes head;
    if (!bytes_take(&opening->shape, IMAGE_NODE_BYTES, &head)) return damaged("a short node");
    uint32_t slot_count = get_u32_le(head.data + 8);
    uint32_t gate_count = get_u16_le(head.data + 14);
    uint8_t shift = head.data[16];
    if (opening->nodes_left-- == 0) return damaged("more nodes than it counts");
    if (slot_count == 0 || shift > 63) return damaged("a node that divides nothing");
    if (gate_count > 0 && slot_count != 3) return damaged("a gate without three ways");
    InnerNode *node;
    TRY(inner_node_create(index->options.budget, slot_count, gate_count, &node));
    // From here on the root's clearing frees it: unfinished slots are empty.
    *out = child_of_node(node);
    node->base = get_u64_le(head.data);
    node->level = get_u16_le(head.data + 12);
    node->shift = shift;
    node->is_row_level = head.data[17] != 0;
    for (uint32_t i = 0; i < gate_count; i++) {
        if (!bytes_take_u64_le(&opening->shape, &gate_slices(node)[i])) {
            return damaged("a short gate");
        }
    }
    index->inner_bytes += node->bytes;
    index->gate_slice_count += gate_count;
    index->node_count++;
    return open_runs(opening, node, depth);
}

static Status open_child(Opening *opening, uint32_t depth, Child *out) {
    uint8_t tag;
    *out = 0;
    if (depth > DEPTH_MAX) return damaged("too deep");
    if (!bytes_take_u8(&opening->shape, &tag)) return damaged("a short shape");
    if (tag == TAG_LEAF) return open_leaf(opening, out);
    if (tag == TAG_NODE) return open_node(opening, depth, out);
    return damaged("a child of no kind");
}

static Status open_table(LearnedIndex *index, const ImageRoot *root, const uint8_t *table) {
    Bytes records = table_records(root, table);
    if (records.count > root->table_bytes) return damaged("its table is too short");
    Opening opening = {
        .index = index,
        .shape = bytes_make(table + records.count, root->table_bytes - records.count),
        .record = table,
        .leaves_left = root->leaf_count,
        .nodes_left = root->node_count,
        .is_current = root->incarnation == index->options.incarnation,
    };
    Child child;
    Status status = open_child(&opening, 0, &child);
    atomic_store(&index->root, child);
    if (status == OK && (opening.leaves_left > 0 || opening.nodes_left > 0)) {
        status = damaged("fewer leaves or nodes than it counts");
    }
    return status;
}

static Status keep_chunk_refs(ExtentList *list, const ImageRoot *root) {
    list->refs = calloc(root->chunk_count + 1, sizeof(ExtentRef));
    if (list->refs == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    list->count = root->chunk_count;
    for (uint32_t i = 0; i < root->chunk_count; i++)
        list->refs[i] = ref_get(root->chunk_refs + (size_t)i * 16);
    return OK;
}

Status learned_index_open(
    Cache *cache, LearnedIndexOptions options, Bytes image_root, LearnedIndex **index_out) {
    ImageRoot root;
    TRY(image_root_parse(image_root, &root));
    if (root.key_width != options.key_width || root.is_unique != options.is_unique) {
        return damaged("it is of another index");
    }
    uint8_t *table;
    TRY(read_table(cache_store(cache), &root, &table));
    LearnedIndex *index;
    Status status = learned_index_allocate(cache, options, &index);
    if (status == OK) {
        status = open_table(index, &root, table);
        if (status == OK) status = keep_chunk_refs(&index->checkpointing.image, &root);
        if (status == OK) {
            status = checkpointing_reserve(
                index, index->leaf_count, index->node_count, index->gate_slice_count);
        }
        if (status == OK) {
            atomic_store(&index->pair_count, root.pair_count);
            learned_index_count_ranks(index);
            *index_out = index;
        } else {
            learned_index_destroy(index);
        }
    }
    free(table);
    return status;
}
