// A query, bound: what SELECT, INSERT, UPDATE and DELETE mean, before anything says how.
#pragma once

#include "bind/expression.h"
#include "catalog/catalog.h"

typedef enum RelationSource {
    RELATION_OF_TABLE,
    RELATION_OF_SUBQUERY, // also a view or a WITH query that is used once or not volatile
    RELATION_OF_FUNCTION,
    RELATION_OF_VALUES,
    RELATION_OF_JOIN, // only names merged columns; its columns are expressions
    RELATION_OF_WITH, // reference to a WITH query, evaluated once
} RelationSource;

typedef struct RelationColumn {
    const char *name;
    SqlType type;
    int16_t number;         // attnum in a table; position from 1 elsewhere
    Expression *expression; // RELATION_OF_JOIN: what the merged column is
} RelationColumn;

typedef struct Relation {
    RelationSource source;
    const char *alias;
    const TableInfo *table;
    Query *query;         // subquery
    Expression *function; // one call; its result may be a set
    bool with_ordinality, is_lateral;
    Expression ***rows; // VALUES
    uint32_t row_count;
    uint32_t with_index; // RELATION_OF_WITH: index in the query `levels_up` above
    uint32_t levels_up;
    bool is_working_table; // RELATION_OF_WITH within that query itself: the last round's rows
    uint32_t column_count;
    RelationColumn *columns;
    int32_t location;
} Relation;

typedef enum JoinKind { JOIN_INNER, JOIN_LEFT, JOIN_RIGHT, JOIN_FULL } JoinKind;

// The FROM clause as a tree: a leaf names a relation, a join has two sides.
typedef struct FromItem {
    bool is_join;
    uint32_t relation; // leaf: index; join: of its RELATION_OF_JOIN
    JoinKind join;
    struct FromItem *left, *right;
    Expression *condition; // NULL for a cross join
} FromItem;

typedef struct Target {
    Expression *expression;
    const char *name;
    bool is_hidden;   // only for ORDER BY or GROUP BY
    int16_t column;   // INSERT and UPDATE: attnum written
    Oid source_table; // of a plain column, for RowDescription; 0 otherwise
    int16_t source_column;
} Target;

typedef enum SetOperation { SET_NONE, SET_UNION, SET_INTERSECT, SET_EXCEPT } SetOperation;

// A tree of queries combined; leaves are queries, all with the same column types.
typedef struct SetTree {
    SetOperation operation; // SET_NONE for a leaf
    bool is_all;
    Query *query;
    struct SetTree *left, *right;
} SetTree;

// How a window's frame was written: PostgreSQL's bits.
enum {
    FRAME_RANGE = 0x2,
    FRAME_ROWS = 0x4,
    FRAME_GROUPS = 0x8,
    FRAME_START_UNBOUNDED = 0x20,
    FRAME_END_UNBOUNDED = 0x100,
    FRAME_START_CURRENT_ROW = 0x200,
    FRAME_END_CURRENT_ROW = 0x400,
    FRAME_START_PRECEDING = 0x800,
    FRAME_END_PRECEDING = 0x1000,
    FRAME_START_FOLLOWING = 0x2000,
    FRAME_END_FOLLOWING = 0x4000,
    FRAME_EXCLUDE_CURRENT_ROW = 0x8000,
    FRAME_EXCLUDE_GROUP = 0x10000,
    FRAME_EXCLUDE_TIES = 0x20000,
    FRAME_DEFAULT = FRAME_RANGE | FRAME_START_UNBOUNDED | FRAME_END_CURRENT_ROW,
};

// One window of a query: which rows belong together, in which order, and which of them a row sees.
typedef struct WindowSpec {
    const char *name; // of the WINDOW clause, or NULL
    uint32_t partition_count;
    Expression **partitions;
    uint32_t order_count;
    SortKey *orders;
    uint32_t frame;
    // Offsets: int8 for ROWS and GROUPS; for RANGE what is added to the one sort key. Or NULL.
    Expression *start, *end;
} WindowSpec;

typedef enum QueryKind { QUERY_SELECT, QUERY_INSERT, QUERY_UPDATE, QUERY_DELETE } QueryKind;

typedef struct RowLock {
    uint32_t relation;
    RowLockMode mode;
    WaitPolicy policy;
} RowLock;

typedef struct OnConflict {
    bool is_update;         // DO UPDATE; otherwise DO NOTHING
    uint32_t arbiter_index; // index number, or ARBITER_ANY
    Target *assignments;    // over the target relation and `excluded_relation`
    uint32_t assignment_count;
    Expression *condition;
    uint32_t excluded_relation;
} OnConflict;

struct Query {
    QueryKind kind;
    uint32_t relation_count;
    Relation *relations;
    FromItem **from; // the FROM list: implicit cross joins between its items
    uint32_t from_count;
    Expression *where;
    uint32_t target_count;
    Target *targets;
    bool has_aggregates;
    uint32_t group_count;
    Expression **groups; // plain GROUP BY; grouping sets are not supported yet
    Expression *having;
    uint32_t window_count;
    WindowSpec *windows;
    bool is_distinct;
    uint32_t distinct_on_count;
    Expression **distinct_on;
    uint32_t sort_count;
    SortKey *sorts;
    Expression *limit, *offset; // int8; NULL for none
    bool limit_with_ties;
    // When not NULL, the rows come from it: relation 0 (RELATION_OF_SUBQUERY without a query)
    // stands for its columns, and `targets` and `sorts` are over that.
    SetTree *set;
    bool is_recursive; // `set` is the UNION of a WITH query that mentions itself on its right
    uint32_t lock_count;
    RowLock *locks;
    bool has_set_functions; // a target calls a set-returning function
    uint32_t with_count;
    Query **with_queries; // evaluated once each
    const char **with_names;

    // Writing: relations[result_relation] is the table.
    uint32_t result_relation;
    OnConflict *on_conflict;
    uint32_t returning_count;
    Target *returning;
    // INSERT ... SELECT, or VALUES of several rows: its rows; targets are over its columns. NULL
    // for one row whose values are the targets themselves (VALUES of one row, DEFAULT VALUES).
    Query *source;
    // INSERT: one target a written column of the table in attnum order, defaults filled in. Columns
    // of `source` are relation 1's; relation 0 is the table.
    Expression **checks; // CHECK constraints over the table as relation 0
    const char **check_names;
    uint32_t check_count;
};

// Output columns that a client sees: targets but the hidden ones, which come last.
uint32_t query_visible_count(const Query *query);

// Calls `visit` for each expression at the top of a part of the query (targets, conditions, rows of
// VALUES, ...), and `visit_query` for each query in its FROM, WITH and set operation. Either may be
// NULL. Stops when one returns false. Subqueries in expressions are not entered.
bool query_visit(const Query *query, bool (*visit)(void *argument, Expression *expression),
    bool (*visit_query)(void *argument, Query *part), void *argument);

// Whether some expression of it, or of a query within, calls a volatile function, or it writes.
bool query_is_volatile(const Query *query);
