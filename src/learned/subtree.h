// Subtrees from sorted pairs: a leaf when they fit one, else inner nodes over leaves.
#pragma once

#include "learned/learned_internal.h"

// What is being built, until it is published or given up.
typedef struct SubtreeBuild {
    LearnedIndex *index;
    Arena *scratch;
    double lanes_per_block;
    uint32_t spare_blocks; // in each leaf
    bool is_exact;
    LeafEntry *first, *last; // the new leaves, linked in order
    uint32_t leaf_count;
    InnerNode **nodes; // in scratch
    uint32_t node_count, node_capacity;
} SubtreeBuild;

// Errors: OUT_OF_MEMORY; the build is then given up by the caller.
Status subtree_build(
    SubtreeBuild *build, const LeafRole *role, const IndexPair *pairs, uint32_t count, Child *out);

// Frees all that was built.
void subtree_give_up(SubtreeBuild *build);

// The role of a child below an exact slot: one slice further.
LeafRole leaf_role_advance(const LeafRole *role, const IndexPair *pair, Arena *scratch);
