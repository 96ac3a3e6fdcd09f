// What the files of optimize share: the planner of one query level.
#pragma once

#include "base/error.h"
#include "optimize/optimize.h"
#include "plan/lower.h"

typedef struct Planner Planner;

// What a whole statement's planners share.
typedef struct PlanShared {
    const OptimizeInput *input;
    uint32_t slot_count, node_count;
    PlanWith *withs;
    uint32_t with_count, with_capacity;
    Subplan **subplans;
    uint32_t subplan_count, subplan_capacity;
    Oid *tables;
    TableLockMode *lock_modes;
    uint32_t table_count, table_capacity;
} PlanShared;

// A column from outside, and the slot it is read from.
typedef struct Correlation {
    const Expression *column;
    uint32_t slot;
} Correlation;

typedef struct CorrelationList {
    Correlation *items;
    uint32_t count, capacity;
    uint32_t first_with, with_count; // WITH queries inside what reads them
} CorrelationList;

// Conditions that all must hold.
typedef struct ConditionList {
    Expression **items;
    uint32_t count, capacity;
} ConditionList;

// Expressions, each once.
typedef struct ExpressionList {
    Expression **items;
    uint32_t count, capacity;
} ExpressionList;

typedef struct RelationPlan {
    const TableInfo *table; // the plan's copy
    int16_t *needed;        // column numbers that the query mentions, rising
    uint32_t needed_count;
    bool needs_row_id;
} RelationPlan;

// An order that would spare a sort: columns of one relation.
typedef struct WantedOrder {
    uint32_t relation;
    uint32_t key_count;
    const int16_t *numbers;
    const KeyColumn *keys;
    bool has_limit;
    bool is_given; // set by the access path that gives it
} WantedOrder;

struct Planner {
    PlanShared *shared;
    Planner *parent;
    Arena *arena;
    Query *query;
    RelationPlan *relations;
    CorrelationList correlations; // columns of the queries around this one
    CorrelationList *lateral;     // columns of this one, for the leaf being planned; or NULL
    uint32_t first_with;
    ConditionList conditions; // of WHERE and inner joins: what a re-check tests again
    WantedOrder *order;       // or NULL
};

// ---- planner.c: slots, lowering, nodes ----------------------------------------------------------

Planner *planner_make(PlanShared *shared, Planner *parent, Query *query);
// Resolves merged columns and finds out which columns are needed.
Status planner_prepare(Planner *planner);
PlanNode *planner_node(Planner *planner, PlanKind kind);
Lowering planner_lowering(Planner *planner, const Layout *layout);
Status planner_lower(Planner *planner, const Layout *layout, Expression *const *expressions,
    uint32_t count, PlanProgram **program_out);
Status planner_lower_conditions(Planner *planner, const Layout *layout,
    const ConditionList *conditions, PlanProgram **program_out);
// Sets the node's filter over the given layout; nothing for no conditions.
Status planner_set_filter(
    Planner *planner, PlanNode *node, const Layout *layout, const ConditionList *conditions);
// What a subquery planned by `child` reads of this query, and hands on what it reads from further
// out. `arguments` gets this query's columns.
void planner_adopt(Planner *planner, Planner *child, CorrelationList *arguments);
Status planner_add_table(Planner *planner, Oid table, TableLockMode mode);
void correlation_add(CorrelationList *list, Arena *arena, const Expression *column, uint32_t slot);

void condition_add(ConditionList *list, Arena *arena, Expression *condition);
// Adds the conjuncts of an expression, which may be NULL.
void condition_add_all(ConditionList *list, Arena *arena, Expression *expression);

// The relations of this query level that an expression mentions, subqueries included.
uint64_t relations_of(const Expression *expression);
uint64_t relations_of_query(const Query *query); // of the level around it
void needed_add(Planner *planner, uint32_t relation, int16_t number);

// A projection of `expressions`; plain columns are passed on. The result's layout names each by its
// expression, and columns by themselves too.
Status plan_project(Planner *planner, PlanNode *input, Expression *const *expressions,
    uint32_t count, PlanNode **node_out);
// The layout of `node` becomes that of relation `relation`: columns 1, 2, ...
void plan_name_columns(PlanNode *node, uint32_t relation);

// ---- from.c, access.c, join.c -------------------------------------------------------------------

// The rows of the FROM clause that satisfy `conditions`, which are taken.
Status plan_from(Planner *planner, FromItem *const *items, uint32_t count,
    const ConditionList *conditions, PlanNode **node_out);
// A relation with its own conditions. Columns of other relations become slots of
// planner->lateral.
Status plan_leaf(
    Planner *planner, uint32_t relation, const ConditionList *conditions, PlanNode **node_out);
Status plan_table_access(
    Planner *planner, uint32_t relation, const ConditionList *conditions, PlanNode **node_out);
// Whether some index of the relation has its first column compared with `=` in the conditions to
// something without columns of the relation itself.
bool access_has_lookup(
    Planner *planner, uint32_t relation, const ConditionList *conditions, bool *is_unique_out);

// Joins; `conditions` are those between the sides. `second_slots` when the second side depends.
Status plan_join(Planner *planner, PlanNode *first, uint64_t first_relations, PlanNode *second,
    uint64_t second_relations, PlanJoin join, const ConditionList *conditions,
    const CorrelationList *second_slots, PlanNode **node_out);
bool condition_is_hashable(const Expression *condition, uint64_t left, uint64_t right);

// ---- semi_join.c
// ---------------------------------------------------------------------------------

typedef struct SemiJoin SemiJoin;

typedef struct SemiJoinList {
    SemiJoin **items;
    uint32_t count;
} SemiJoinList;

// Takes the conditions that become semi or anti joins; the others go to `rest_out`.
Status plan_semi_joins(Planner *planner, const ConditionList *conditions, ConditionList *rest_out,
    SemiJoinList *joins_out);
Status plan_add_semi_joins(Planner *planner, const SemiJoinList *joins, PlanNode **node);

// ---- select.c, write.c --------------------------------------------------------------------------

// A query's rows: its visible targets as columns.
Status plan_query(
    PlanShared *shared, Planner *parent, Query *query, Planner **planner_out, PlanNode **node_out);
// FROM and WHERE.
Status plan_from_where(Planner *planner, PlanNode **node_out);
Status plan_write(Planner *planner, PlanNode **node_out);
Status plan_subquery_expression(void *planner, const Expression *expression, Subplan **subplan_out);
Status plan_withs(Planner *planner);

// ---- select.c, window.c -------------------------------------------------------------------------

uint32_t expression_list_add(ExpressionList *list, Arena *arena, Expression *expression);
KeyColumn sort_key_column(const SortKey *key);
// Makes sure that the node has every one of these expressions as a column, beside those it has.
Status plan_extend(Planner *planner, PlanNode **node, const ExpressionList *wanted);
// The column of an expression that the layout has.
uint32_t layout_index(const Layout *layout, const Expression *expression);
Status plan_sort(Planner *planner, PlanNode **node, const SortKey *sorts, uint32_t count);
// Window functions over the rows of a node: a sort and a pass for each window.
Status plan_windows(Planner *planner, PlanNode **node);
