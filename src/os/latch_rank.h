// Latch ranks: a thread takes latches in rising rank. The list is the documentation of lock order;
// a module adds its own line where its latch belongs.
#pragma once

typedef enum LatchRank {
    LATCH_RANK_SESSION,
    LATCH_RANK_CATALOG,
    LATCH_RANK_CHECKPOINT,
    LATCH_RANK_TABLE_SET,
    LATCH_RANK_TABLE_LOCK,
    LATCH_RANK_INDEX_STRUCTURE,
    LATCH_RANK_INDEX_LEAF,
    LATCH_RANK_INDEX_CAPTURE,
    LATCH_RANK_GROUP,
    LATCH_RANK_PAGE,
    LATCH_RANK_ROW_LOCK,
    LATCH_RANK_TXN,
    LATCH_RANK_COLLECT,
    LATCH_RANK_CACHE,
    LATCH_RANK_STORE,
    LATCH_RANK_WAL_FLUSH,
    LATCH_RANK_WAL,
    LATCH_RANK_EPOCH,
    LATCH_RANK_PARSE,
    LATCH_RANK_SERVER, // taken in the hook before a wait, under whatever the waiting thread holds
    LATCH_RANK_FRAME_MEMORY,
    LATCH_RANK_OS, // inside os itself
} LatchRank;
