// Plan nodes: the operators of a plan, what each needs to run, and the layout of its batches.
//
// Model    Every node makes batches whose columns are named by its layout: a column of one of the
//          query's relations, or an expression that was computed below. Expressions are programs
//          over the layout of the node's input. Values from outside a node's own input (statement
//          parameters, columns of a query around it, the outer row of a nested loop) are read from
//          the frame, an array of values that the execution owns; each has a slot for life.
// Memory   A plan is constant and borrows from the bound query, which lives as long as it does.
#pragma once

#include "plan/plan.h"

// A layout column that is no column of a relation.
#define RELATION_COMPUTED UINT32_MAX

// The row id of a relation's row, as an int8 column: what writes and row locks find it by.
enum { COLUMN_ROW_ID = -100 };

typedef struct LayoutColumn {
    SqlType type;
    uint32_t relation; // or RELATION_COMPUTED
    int16_t number;
    const Expression *expression; // computed below, or NULL
} LayoutColumn;

typedef struct Layout {
    uint32_t count, capacity;
    LayoutColumn *columns;
} Layout;

// A program, and what its callbacks evaluate.
typedef struct PlanProgram {
    Program *program;
    uint32_t subplan_count;
    Subplan **subplans; // closure i of the program
    // May run on rows nobody asked for: raises nothing and has no effect.
    bool is_speculative;
    // Several threads may run it: no subquery, and nothing of the session's that is not shared.
    bool is_parallel;
} PlanProgram;

// What a subplan's callback calls; filled by execute, closure of the program.
typedef struct SubplanClosure SubplanClosure;

struct SubplanClosure {
    Status (*evaluate)(SubplanClosure *closure, const Value *arguments, uint32_t argument_count,
        Arena *arena, Value *value_out);
};

// A subquery within an expression. Its callback's arguments go to slots of the frame; then it runs.
struct Subplan {
    SubqueryKind kind;
    SqlType result;
    PlanNode *root;
    uint32_t argument_count;
    Expression **arguments; // over the layout where the subquery is used
    uint32_t *slots;
    bool depends_on_frame; // otherwise it is evaluated once
    PlanProgram *test;     // ANY, ALL: over root's columns, the left side from the frame
    uint32_t number;       // within the plan
    uint32_t first_with, with_count;
};

typedef enum PlanKind {
    PLAN_RESULT,        // one row without columns
    PLAN_VALUES,        // rows of expressions
    PLAN_TABLE_ACCESS,  // rows of a store, by scan or by index
    PLAN_CATALOG_SCAN,  // rows of a constant catalog relation
    PLAN_FUNCTION_SCAN, // rows of a set-returning function, or one row of a scalar one
    PLAN_WITH_SCAN,     // rows of a WITH query
    PLAN_FEED,          // rows that the caller pushes: COPY FROM
    PLAN_FILTER,
    PLAN_PROJECT,
    PLAN_PROJECT_SET, // set-returning functions in a target list
    PLAN_NESTED_LOOP,
    PLAN_HASH_JOIN,
    PLAN_AGGREGATE,
    PLAN_WINDOW, // window functions over rows that are in the window's order
    PLAN_SORT,
    PLAN_DISTINCT, // of all columns, or the first rows of each DISTINCT ON key
    PLAN_LIMIT,
    PLAN_SET_OPERATION,
    PLAN_LOCK_ROWS,
    PLAN_INSERT,
    PLAN_UPDATE,
    PLAN_DELETE,
} PlanKind;

typedef enum AccessPath {
    ACCESS_SCAN,
    ACCESS_INDEX,  // a range of an index
    ACCESS_ROUTED, // either, decided with the actual bounds when it starts
    ACCESS_KEY,    // all columns of a unique index: at most one row
} AccessPath;

// A bound of a key column: result `value` of the range's program, converted between integer types.
typedef struct PlanBound {
    uint32_t value;
    Oid from, to;
} PlanBound;

typedef struct PlanRange {
    uint32_t index_number;
    const char *index_name;
    uint32_t key_count;   // columns of the index
    uint32_t equal_count; // leading columns with one value
    PlanBound *equals;
    // One of the leading columns may have any of several values, those of an array: `equals[list]`
    // is then its element type's.
    bool has_list;
    uint32_t list;
    bool has_low, has_high, low_inclusive, high_inclusive; // of the column after those
    PlanBound low, high;
    bool is_backward;
    PlanProgram *values; // without inputs
    Expression **conditions;
    uint32_t condition_count;
} PlanRange;

typedef struct PlanAccess {
    const TableInfo *table; // a copy in the plan's arena
    const char *alias;
    uint32_t relation;
    uint64_t *columns;   // one bit a store position: what is read
    uint16_t *positions; // of each layout column; the row id is last and has none
    bool has_row_id;
    AccessPath path;
    PlanRange *range; // NULL for a scan
} PlanAccess;

// The inner side of a nested loop runs again for each outer row with these slots set.
typedef struct PlanSlots {
    uint32_t count;
    uint32_t *slots;
    uint32_t first_with, with_count; // WITH queries of the inner side, which are evaluated again
    PlanProgram *values;             // over the outer layout, one a slot
} PlanSlots;

typedef enum PlanJoin {
    PLAN_JOIN_INNER,
    PLAN_JOIN_LEFT,
    PLAN_JOIN_RIGHT, // hash join only, as FULL
    PLAN_JOIN_FULL,
    PLAN_JOIN_SEMI, // outer rows with a match; no inner columns
    PLAN_JOIN_ANTI, // outer rows without one
} PlanJoin;

typedef struct PlanAggregateCall {
    Oid function;
    SqlType result;
    uint32_t argument_count;
    const uint32_t *arguments; // columns of the input
    const Oid *argument_types;
    bool is_distinct;
    bool has_filter;
    uint32_t filter; // column of the input
    uint32_t order_count;
    const uint32_t *order_columns;
    const KeyColumn *order_keys;
} PlanAggregateCall;

// Which constraint a written row breaks.
typedef struct PlanConstraints {
    uint32_t check_count;
    const char **check_names;
    PlanProgram *checks; // over the table's columns in store order, one result a check
} PlanConstraints;

struct PlanNode {
    PlanKind kind;
    PlanNode *input, *second; // second: the inner or build side
    Layout layout;
    double rows; // estimates
    double cost;
    // Conditions on the node's own rows (a join's: on pairs that match). NULL for none.
    PlanProgram *filter;
    Expression **conditions;
    uint32_t condition_count;
    uint32_t number;    // within the plan
    const Query *query; // whose relations its columns name

    union {
        struct {
            uint32_t row_count;
            PlanProgram **rows; // without inputs
        } values;

        PlanAccess access; // TABLE_ACCESS, CATALOG_SCAN

        struct {
            Oid function;
            const char *name, *alias;
            SqlType result;
            bool returns_set, with_ordinality;
            PlanProgram *arguments; // without inputs; a scalar function: its value
            uint32_t argument_count;
            const Oid *argument_types;
        } function;

        struct {
            uint32_t number; // of the WITH query within the plan
            const char *name;
            bool is_working_table; // the rows that its last round found
        } with;

        // Output i is column sources[i] of the input, or result -1 - sources[i] of the program.
        struct {
            int32_t *sources;
            PlanProgram *program; // NULL when every output is a column
            Expression **expressions;
        } project;

        struct {
            uint32_t column_count;

            struct PlanSetColumn {
                bool is_set;
                uint32_t count; // columns of the input: the value, or the arguments
                const uint32_t *inputs;
                Oid function;
                SqlType result;
                const Oid *argument_types;
            } * columns;
        } project_set;

        struct {
            PlanJoin join;
            PlanSlots *slots; // nested loop: NULL when the inner side does not depend
            // Hash join: pairs of equal columns; types are the same on both sides.
            uint32_t key_count;
            PlanProgram *outer_keys, *inner_keys;
            Expression **key_conditions;
            const Oid *key_types;
            // NOT IN: a NULL on either side is unknown.
            bool null_is_unknown;
        } join;

        struct {
            uint32_t group_count; // the first columns of the input
            uint32_t call_count;
            PlanAggregateCall *calls;
        } aggregate;

        // Its rows are the input's with a column a call behind.
        struct {
            uint32_t partition_count, order_count;
            const uint32_t *partitions, *orders; // columns of the input
            const KeyColumn *keys;               // of the order
            uint32_t frame;                      // FRAME_ bits
            PlanProgram *offsets; // without inputs: of the start, then of the end; or NULL
            uint32_t call_count;
            PlanAggregateCall *calls;
        } window;

        struct {
            uint32_t key_count;
            const uint32_t *columns;
            const KeyColumn *keys;
            bool has_bound; // only the first rows are wanted: the LIMIT above
        } sort;

        struct {
            uint32_t key_count; // 0: every column
            const uint32_t *keys;
            bool is_sorted; // equal keys come together: DISTINCT ON
        } distinct;

        struct {
            PlanProgram *values; // without inputs: limit, then offset
            bool has_limit, has_offset, with_ties;
            uint32_t key_count; // WITH TIES: the sort columns
            const uint32_t *keys;
        } limit;

        struct {
            SetOperation operation;
            bool is_all;
        } set;

        struct {
            uint32_t count;

            struct PlanRowLock {
                uint32_t relation;
                const TableInfo *table;
                uint32_t row_id;       // column of the input
                uint64_t *columns;     // read again when the row has changed
                uint32_t column_count; // of them, in the input:
                uint32_t *inputs;
                uint16_t *positions;
                RowLockMode mode;
                WaitPolicy policy;
                PlanProgram *recheck; // conditions naming the relation, over the input; or NULL
            } * locks;
        } lock;

        struct {
            const TableInfo *table;
            // Over the input's layout. INSERT: one result a store column. UPDATE: one an assigned
            // column.
            PlanProgram *assignments;
            uint32_t assigned_count;
            const uint16_t *assigned; // UPDATE: store positions
            PlanConstraints constraints;
            uint32_t row_id; // UPDATE, DELETE: column of the input
            // The target's columns within the input, for the re-check and RETURNING.
            uint64_t *columns;
            uint32_t column_count;
            uint32_t *inputs;
            uint16_t *positions;
            PlanProgram *recheck;   // conditions naming the target, over the input; or NULL
            PlanProgram *returning; // over the store's columns, then the input's
            uint32_t returning_count;
            struct PlanConflict *conflict;
        } write;
    };
};

// ON CONFLICT. Its programs are over the row in the way (store order), then the row proposed.
typedef struct PlanConflict {
    bool is_update;
    uint32_t arbiter_index;
    PlanProgram *assignments;
    uint32_t assigned_count;
    const uint16_t *assigned;
    PlanProgram *condition; // or NULL
} PlanConflict;

// A WITH query, evaluated at most once for each run of the query that has it.
// A recursive one begins with root's rows; `recursive` then runs over the rows of the round before,
// until a round finds none. What is evaluated once a round are the WITH queries inside.
typedef struct PlanWith {
    PlanNode *root;
    PlanNode *recursive; // or NULL
    bool is_distinct;    // rows that were there before are not found again
    uint32_t first_inner, inner_count;
    const char *name;
    bool writes; // run whether it is read or not
} PlanWith;

void layout_add(Layout *layout, Arena *arena, LayoutColumn column);
void layout_add_all(Layout *layout, Arena *arena, const Layout *from);

// The index of a relation's column, or of a computed expression; -1 when the layout lacks it.
int32_t layout_find_column(const Layout *layout, uint32_t relation, int16_t number);
int32_t layout_find_expression(const Layout *layout, const Expression *expression);

PlanNode *plan_node_make(Arena *arena, PlanKind kind);

// Everything a plan keeps of a table's description, which lives only as long as a statement.
const TableInfo *plan_copy_table(Arena *arena, const TableInfo *table);

// "Seq Scan", "Hash Left Join": what EXPLAIN calls the node.
const char *plan_node_title(const PlanNode *node);
