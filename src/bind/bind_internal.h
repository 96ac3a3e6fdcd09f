// What the files of this module share: the binder, scopes of names, and the steps of binding.
//
// Model    A Binder is one bind_statement call. A Scope is one query while it is bound: the names
//          that its expressions may use, and the scope around it. Names are resolved innermost
//          first; each scope passed on the way out is marked correlated.
#pragma once

#include "base/error.h"
#include "bind/bind.h"

#include <string.h>

typedef struct WithItem WithItem;

typedef struct Binder {
    const BindInput *input;
    CatalogView *catalog;
    Arena *arena;
    uint32_t depth;     // of the recursion over syntax
    bool *lifted_bound; // which lifted literals became parameters
    bool is_liftable;
    WithItem *recursive;  // whose query is bound next
    bool hides_positions; // where PostgreSQL has lost the statement's text
    BoundStatement *bound;
} Binder;

// Where an expression stands: decides what it may hold, and what errors call the place.
typedef enum Place {
    PLACE_OTHER,
    PLACE_SELECT_TARGET,
    PLACE_WHERE,
    PLACE_HAVING,
    PLACE_FILTER,
    PLACE_JOIN_ON,
    PLACE_FROM_FUNCTION,
    PLACE_GROUP_BY,
    PLACE_ORDER_BY,
    PLACE_DISTINCT_ON,
    PLACE_LIMIT,
    PLACE_OFFSET,
    PLACE_RETURNING,
    PLACE_VALUES,
    PLACE_INSERT_VALUES,
    PLACE_UPDATE,
    PLACE_CHECK,
    PLACE_DEFAULT,
    PLACE_INDEX,
    PLACE_EXECUTE,
    PLACE_COPY_WHERE,
    PLACE_WINDOW, // PARTITION BY and ORDER BY of a window
    PLACE_WINDOW_RANGE,
    PLACE_WINDOW_ROWS,
    PLACE_WINDOW_GROUPS,
    PLACE_COUNT
} Place;

// A name that a column reference can mean.
typedef struct ScopeColumn {
    const char *name; // NULL: hidden (a column merged by USING)
    uint32_t relation;
    int16_t number;
    SqlType type;
    Expression *expression; // what a merged column is; otherwise NULL
} ScopeColumn;

typedef struct ScopeItem {
    const char *name;   // alias or table; NULL for an unnamed join
    const char *schema; // of a table without alias, or NULL
    uint32_t relation;
    uint32_t column_count;
    ScopeColumn *columns;
    bool name_is_visible, columns_are_visible;
    bool lateral_only, lateral_is_ok;
    bool is_scalar_function; // its name may stand for its one column
    bool is_join;
} ScopeItem;

struct WithItem {
    const Node *node;
    const char *name;
    Query *query;      // NULL while it cannot be mentioned
    bool is_recursive; // mentions itself
    bool is_open;      // its recursive term is being bound; `query` has its columns only
    bool is_materialized;
    bool is_volatile;
    uint32_t column_count;
    const char **column_names;
    struct WithReference *references;
};

// A FROM item that refers to a WITH query.
typedef struct WithReference {
    struct WithReference *next;
    Query *query;
    uint32_t relation;
} WithReference;

typedef struct Scope {
    Binder *binder;
    struct Scope *parent;
    Query *query; // NULL for an expression outside any query
    uint32_t relation_capacity;
    ScopeItem **items;
    uint32_t item_count, item_capacity;
    WithItem *with;
    uint32_t with_count;
    WithItem *recursive; // whose query this is, until its first term is bound
    Place place;
    bool lateral_is_active;
    bool is_correlated;   // mentions columns of scopes around it
    const Node **windows; // definitions: those of the WINDOW clause, then what OVER holds
    uint32_t window_count, window_capacity;
    bool has_aggregates;
    bool has_windows;
    bool has_set_functions;
    bool has_outer_join;
    bool inside_aggregate;
    Node *lock_clauses;
} Scope;

// ---- Places and errors --------------------------------------------------------------------------

// Positions: bytes to characters of what the client sent. Returns `status`.
Status binder_place(Binder *binder, int32_t location, Status status);

// fail() at a byte offset of the statement.
#define fail_at(binder, location, ...) binder_place((binder), (location), fail(__VA_ARGS__))

// "grouping sets are not supported yet", 0A000.
Status not_supported(Binder *binder, const char *feature, int32_t location);

// Guards the recursion over syntax: STATEMENT_TOO_COMPLEX when it is too deep. `cost` levels.
Status binder_enter(Binder *binder, uint32_t cost);
void binder_leave(Binder *binder, uint32_t cost);

// PostgreSQL's exprLocation of a raw tree and of a bound expression: the leftmost place.
int32_t syntax_location(const Node *node);
int32_t expression_location(const Expression *expression);

const char *type_name_text(Binder *binder, Oid type);          // format_type without modifier
const char *sql_type_text(Binder *binder, SqlType type);       // with it
const char *name_list_text(Binder *binder, const Node *names); // "pg_catalog.count"
const char *last_name(const Node *names);                      // the last of a list of strings
void add_notice(Binder *binder, Status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// ---- Expressions: bind_expression.c, bind_operator.c, bind_call.c, bind_subquery.c
// ---------------

Status bind_expression(Scope *scope, const Node *node, Place place, Expression **out);
Status bind_inner(Scope *scope, const Node *node, Expression **out); // in the place we are in
Status bind_expressions(
    Scope *scope, const Node *list, Place place, Expression ***out, uint32_t *count_out);

// WHERE and its kind: must be boolean. `construct` names it in the error.
Status bind_condition(
    Scope *scope, const Node *node, Place place, const char *construct, Expression **out);

Status bind_call(Scope *scope, const Node *node, Expression **out);                // FuncCall
Status bind_operator_node(Scope *scope, const Node *node, Expression **out);       // A_Expr
Status bind_subquery_expression(Scope *scope, const Node *node, Expression **out); // SubLink
Status bind_row_comparison(Scope *scope, const Node *operator_name, Expression **left,
    uint32_t left_count, Expression **right, uint32_t right_count, int32_t location,
    Expression **out);

Expression *make_boolean(Arena *arena, ExpressionKind kind, Expression **arguments,
    uint32_t argument_count, int32_t location);
Expression *make_not(Arena *arena, Expression *argument, int32_t location);
Expression *make_text_constant(Arena *arena, const char *text, Oid type, int32_t location);
Expression *make_int4_constant(Arena *arena, int32_t value, int32_t location);
Expression *make_null(Arena *arena, SqlType type, int32_t location);
Expression *make_column(Arena *arena, uint32_t relation, uint32_t levels_up, int16_t number,
    SqlType type, int32_t location);

// `function(arguments)`, all arguments of its types already.
Expression *make_call(Arena *arena, Oid function, Oid operator, SqlType type,
    Expression **arguments, uint32_t argument_count, int32_t location);

// left OP right with PostgreSQL's resolution; left NULL for a prefix operator.
Status make_operator(Scope *scope, const Node *name, Expression *left, Expression *right,
    int32_t location, Expression **out);
// The same by a plain name.
Status make_operator_named(Scope *scope, const char *name, Expression *left, Expression *right,
    int32_t location, Expression **out);

// ---- Choosing operators and functions: choose.c
// --------------------------------------------------

typedef enum Choice { CHOICE_NONE, CHOICE_ONE, CHOICE_AMBIGUOUS } Choice;

// `left` 0 for a prefix operator.
Choice choose_operator(const char *name, Oid left, Oid right, const OperatorInfo **out);

typedef struct FunctionChoice {
    const FunctionInfo *function;
    Oid *declared;          // one an actual argument, after variadic expansion
    uint32_t count;         // of `declared`, defaults included
    uint32_t variadic_from; // arguments from here on become one array; UINT32_MAX for none
    uint32_t default_count; // trailing arguments that come from the function's defaults
    uint32_t *positions;    // named notation: position of the i-th actual argument, or NULL
} FunctionChoice;

// `names`: of the last `name_count` arguments, in named notation.
Choice choose_function(Arena *arena, const char *name, const Oid *arguments, uint32_t count,
    const char *const *names, uint32_t name_count, bool is_variadic_call, FunctionChoice *out);

// ---- Casts: coerce.c
// -----------------------------------------------------------------------------

typedef enum CastContext { CAST_IMPLICIT, CAST_ASSIGNMENT, CAST_EXPLICIT } CastContext;

typedef enum CastPath {
    CAST_PATH_NONE,
    CAST_PATH_FUNCTION,
    CAST_PATH_RELABEL,
    CAST_PATH_TEXT,
    CAST_PATH_ARRAY,
} CastPath;

char type_category(Oid type);
bool type_is_preferred(Oid type);
bool type_is_polymorphic(Oid type);
bool type_is_composite(Oid type);

CastPath cast_path_find(Oid target, Oid source, CastContext context, Oid *function_out);
bool can_coerce(const Oid *from, const Oid *to, uint32_t count, CastContext context);

// The expression as `target`; NULL in *out when there is no way. Literals are read here, so their
// own errors come back.
Status coerce_to_target(Binder *binder, Expression *expression, SqlType target, CastContext context,
    int32_t location, Expression **out);
// Where can_coerce said yes already.
Status coerce(Binder *binder, Expression *expression, SqlType target, CastContext context,
    int32_t location, Expression **out);
// For WHERE and the like, and for LIMIT: the construct's name goes into the error.
Status coerce_to_boolean(Binder *binder, Expression **expression, const char *construct);
Status coerce_to_type_named(
    Binder *binder, Expression **expression, Oid target, const char *construct);

// The type that UNION, CASE and their kind give several expressions. `construct` NULL: 0 instead
// of an error. The one at fault is *failed_out, when not NULL.
Status select_common_type(Binder *binder, Expression *const *expressions, uint32_t count,
    const char *construct, Oid *type_out);
Status coerce_to_common(Binder *binder, Expression **expression, Oid type, const char *construct);
int32_t select_common_modifier(Expression *const *expressions, uint32_t count, Oid type);

// Unknown literals and parameters left over become text.
Status resolve_unknown(Binder *binder, Expression **expression);

// Polymorphic functions: fills in `declared` with real types, and gives the result's.
Status resolve_polymorphic(Binder *binder, const Oid *actual, Oid *declared, uint32_t count,
    Oid result, int32_t location, Oid *result_out);
bool polymorphic_is_consistent(const Oid *actual, const Oid *declared, uint32_t count);

// ---- Types: type_name.c
// --------------------------------------------------------------------------

Status bind_type_name(Binder *binder, const Node *type_name, SqlType *type_out);
// Quietly: 0 when there is none.
Oid find_type_by_names(Binder *binder, const Node *names);
Status check_collation(Binder *binder, const Node *clause, Oid type);
// The integer of a literal, as an option has it; or an error naming the option.
Status option_integer(Binder *binder, const Node *option, int64_t *value_out);
Status option_boolean(Binder *binder, const Node *option, bool *value_out);
const char *option_text(Binder *binder, const Node *option);

// ---- Names: scope.c
// ------------------------------------------------------------------------------

Scope scope_make(Binder *binder, Scope *parent, Query *query);
uint32_t scope_add_relation(Scope *scope, Relation relation);
ScopeItem *scope_item_make(Scope *scope, uint32_t relation);
void scope_add_item(Scope *scope, ScopeItem *item);
// A table, with its columns' names; `alias` may rename them.
Status scope_add_table(Scope *scope, const TableInfo *table, const Node *alias, int32_t location,
    uint32_t *relation_out, ScopeItem **item_out);
Status relation_apply_alias(Scope *scope, Relation *relation, const Node *alias);
Status bind_column_reference(Scope *scope, const Node *node, Expression **out);
// (t).field, where t names a relation; NULL in *out when it does not.
Status bind_field(Scope *scope, const Node *reference, const char *field, Expression **out);
Expression *scope_column_expression(
    const ScopeColumn *column, Arena *arena, uint32_t levels_up, int32_t location);
// Expands * and t.*: appends to a list of targets.
Status expand_star(
    Scope *scope, const Node *reference, Target **targets, uint32_t *count, uint32_t *capacity);
Status find_relation(
    Binder *binder, const Node *range_var, const TableInfo **table_out); // or UNDEFINED_TABLE
const TableInfo *find_relation_quietly(Binder *binder, const Node *range_var);

// ---- Queries
// -------------------------------------------------------------------------------------

Status bind_from_clause(Scope *scope, const Node *from);
// The OUT arguments of a call that returns records; 0 when it has none.
uint32_t function_out_columns(Binder *binder, const Expression *call, RelationColumn **columns_out);
FromItem *from_leaf(Arena *arena, uint32_t relation);

// Any statement that can be a query. `parent` NULL at the top.
Status bind_query(Binder *binder, Scope *parent, const Node *statement, bool resolves_unknowns,
    Query **query_out, bool *is_correlated_out);
Status bind_set_operation(Scope *scope, const Node *statement);
Status bind_values(Scope *scope, const Node *statement);
Status bind_with_clause(Scope *scope, const Node *clause);
void finish_with_clause(Scope *scope);
// Gives an item its columns.
Status with_item_publish(Binder *binder, WithItem *item, Query *query);
Status bind_target_list(
    Scope *scope, const Node *list, Place place, Target **targets_out, uint32_t *count_out);
Status bind_order_by(Scope *scope, const Node *list, bool sql99_only, Target **targets,
    uint32_t *target_count, SortKey **keys_out, uint32_t *count_out);
Status bind_limit(Scope *scope, const Node *statement);
Status check_grouping(Scope *scope);
// Window functions: which window an OVER means, and then what the windows are.
void window_clause_begin(Scope *scope, const Node *list);
Status window_find(Scope *scope, const Node *over, uint32_t *index_out);
Status bind_windows(Scope *scope);
bool is_empty_node(const Node *node); // a NULL within a list
const char *target_name_of(const Node *value);
// A comparison operator of a type's default order, also through a binary-coercible type; 0 for
// none.
Oid order_operator(const char *name, Oid type);
// `location` is where the wish for it stands; -1: where the expression does.
Status require_equality(Binder *binder, Expression *expression, int32_t location);
Status sort_key_make(Scope *scope, const Node *sort_by, Expression *expression, SortKey *key_out);
// Gives the query's visible columns these types, by assignment of implicit casts.
Status query_cast_columns(Binder *binder, Query *query, const SqlType *types, Query **out);
// The innermost level that columns in an expression belong to (0: the query it stands in);
// UINT32_MAX when it mentions none.
uint32_t expression_lowest_level(Expression *expression);
// Adds `delta` to references that leave the query by `depth` levels or more.
void query_shift_levels(Arena *arena, Query *query, uint32_t depth, int32_t delta);
// Moves an expression into a query within its own.
void expression_move_inside(Arena *arena, Expression *expression);
// (a, b) = (SELECT x, y ...).
Status bind_row_subquery(Scope *scope, const Node *operator_name, Expression *row,
    const Node *sublink, int32_t location, Expression **out);
// SELECT columns FROM (query), as an outer query whose relation 0 is the query.
Query *query_wrap(Binder *binder, Query *query);

Status bind_insert(Scope *scope, const Node *statement);
Status bind_update(Scope *scope, const Node *statement);
Status bind_delete(Scope *scope, const Node *statement);
Status bind_returning(Scope *scope, const Node *list);
Status bind_assigned_value(Scope *scope, const TableInfo *table, const ColumnInfo *column,
    Expression *value, Expression **out);
Status bind_update_targets(Scope *scope, const Node *list, const TableInfo *table,
    Target **targets_out, uint32_t *count_out);
// A column's default as an expression, NULL constant when it has none.
Status column_default(
    Binder *binder, const TableInfo *table, const ColumnInfo *column, Expression **out);
Status bind_checks(Scope *scope, const TableInfo *table);
Status require_writable(Binder *binder, const TableInfo *table, const char *verb, int32_t location);

// ---- Definition
// ----------------------------------------------------------------------------------

Status bind_create_table(Binder *binder, const Node *statement);
Status bind_create_index(Binder *binder, const Node *statement);
Status bind_create_sequence(Binder *binder, const Node *statement);
Status bind_create_schema(Binder *binder, const Node *statement);
Status bind_alter_table(Binder *binder, const Node *statement);
Status bind_rename(Binder *binder, const Node *statement);
Status bind_drop(Binder *binder, const Node *statement);
Status bind_truncate(Binder *binder, const Node *statement);
Status bind_comment(Binder *binder, const Node *statement);
Status bind_copy(Binder *binder, const Node *statement);
Status sequence_options(Binder *binder, const Node *options, Oid type, SequenceState *state_out,
    Oid *type_out, const Node **owned_by_out);
