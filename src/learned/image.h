// The stored form of an index: the routing at the flip, and a record a leaf.
//
// Format   docs/index-format.md
#pragma once

#include "learned/learned_internal.h"

// What is stored of a leaf beside its bytes.
typedef struct LeafRecordInTable {
    ExtentRef ref;
    uint32_t pair_count;
    uint16_t level;
    bool is_row_level, is_exact;
} LeafRecordInTable;

// The root of an image, decoded.
typedef struct ImageRoot {
    uint32_t key_width;
    bool is_unique;
    uint64_t incarnation, pair_count, table_bytes;
    uint32_t leaf_count, node_count, chunk_count;
    const uint8_t *chunk_refs; // 16 bytes each, in the root's bytes
} ImageRoot;

enum {
    IMAGE_LEAF_BYTES = 24,
    IMAGE_NODE_BYTES = 20, // without its gate slices and runs
    IMAGE_CHILD_BYTES = 5, // a run and a tag
};

// Appends the inner nodes below `child` in order of their first leaf; a leaf takes no bytes.
// `visit` is told of each leaf. Returns the end of what was written.
uint8_t *image_encode_shape(
    Child child, uint8_t *at, void (*visit)(void *argument, LeafEntry *entry), void *argument);

void image_append_leaf(Text *table, const LeafRecordInTable *record);

void image_append_root(Text *root_out, const ImageRoot *root, const ExtentList *chunks);
