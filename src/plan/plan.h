// Plans: how a query is answered, as a tree of operators over batches, with every expression
// lowered to a program. Node definitions are in plan/plan_node.h.
#pragma once

#include "bind/query.h"
#include "functions/program.h"

typedef struct PlanNode PlanNode;
typedef struct PlanWith PlanWith;
typedef struct Subplan Subplan;

typedef struct ResultColumn {
    const char *name;
    SqlType type;
    Oid source_table; // 0 when not a plain column
    int16_t source_column;
} ResultColumn;

// A plan is constant after it is made; it lives in its arena.
typedef struct Plan {
    QueryKind kind;
    PlanNode *root;
    uint32_t result_count; // 0: the statement returns no rows
    const ResultColumn *results;
    uint32_t parameter_count;
    const SqlType *parameter_types;
    uint32_t table_count; // tables it reads or writes, for locks and invalidation
    const Oid *tables;
    const TableLockMode *lock_modes;
    uint64_t catalog_version;
    bool is_short; // touches rows by key only: its execution may be kept and run again
    bool writes;
    // The frame: statement parameters first, then slots that nodes set for others.
    uint32_t slot_count;
    uint32_t with_count;
    PlanWith *with_queries;
    uint32_t subplan_count;
    Subplan **subplans;
    uint32_t node_count;
} Plan;
