// Plans: how a query is answered, as a tree of operators over batches, with every expression
// lowered to a program. Node definitions are in plan/plan_node.h.
#pragma once

#include "bind/query.h"
#include "functions/program.h"

typedef struct PlanNode PlanNode;

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
    bool is_short; // touches rows by key only: answered without pipelines
    bool writes;
} Plan;
