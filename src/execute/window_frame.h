// Frames: which rows of its partition a window function sees from each row.
//
// Model    A partition is a run of kept rows that are in the window's order; rows that are equal in
//          it are a group (peers). Rows are numbered from the partition's start, and asked for one
//          after another, because bounds by value move on with them.
#pragma once

#include "execute/execute_internal.h"
#include "execute/key_table.h"

typedef struct Partition {
    const RowBuffer *rows;
    uint32_t first, count; // in `rows`
    uint32_t group_count;
    uint32_t *group_of;    // of each row
    uint32_t *group_first; // row of each group, and `count` behind the last
} Partition;

static inline Value partition_get(const Partition *partition, uint32_t column, uint32_t row) {
    return row_buffer_get(partition->rows, column, partition->first + row);
}

static inline uint32_t partition_peer_first(const Partition *partition, uint32_t row) {
    return partition->group_first[partition->group_of[row]];
}

static inline uint32_t partition_peer_end(const Partition *partition, uint32_t row) {
    return partition->group_first[partition->group_of[row] + 1];
}

// The frame is first..end without what the window excludes.
typedef struct Frame {
    uint32_t first, end;
    uint32_t excluded_first, excluded_end; // none when equal
    uint32_t kept;                         // a row among the excluded that stays, or ROW_NONE
} Frame;

static inline bool frame_has(const Frame *frame, uint32_t row) {
    if (row < frame->first || row >= frame->end) return false;
    bool is_excluded = row >= frame->excluded_first && row < frame->excluded_end;
    return !is_excluded || row == frame->kept;
}

typedef struct Framer {
    const PlanNode *node;
    FunctionContext *context;
    const Partition *partition;
    Value start, end; // the offsets
    const TypeOps *order_ops;
    uint32_t region_first,
        region_end;            // of the rows whose sort key is NULL, or is not, as this one's
    uint32_t start_at, end_at; // RANGE: where the bounds have come to
    Arena scratch;
} Framer;

Status framer_init(Framer *framer, const PlanNode *node, FunctionContext *context);
void framer_deinit(Framer *framer);
// The offsets' values; NULL pointers where the frame has none. Errors: NULL_VALUE_NOT_ALLOWED,
// INVALID_PRECEDING_OR_FOLLOWING_SIZE.
Status framer_set_offsets(Framer *framer, const Value *start, const Value *end);
void framer_begin(Framer *framer, const Partition *partition);
// The frame of a row, which comes after those asked for before.
Status framer_at(Framer *framer, uint32_t row, Frame *frame_out);
