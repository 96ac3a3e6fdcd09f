// Expressions, bound: every name resolved to an OID or a number, every type known, every implicit
// cast in place.
//
// Model    Both sides of an operator have exactly the types its function takes. A column is named
//          by the relation's index in its query's list and the column's number; `levels_up` counts
//          the queries between (0: this one). Byte offsets of the source are kept for positions.
// Memory   Trees live in the arena of the statement that was bound.
#pragma once

#include "functions/function.h"

typedef enum ExpressionKind {
    EXPRESSION_CONSTANT,
    EXPRESSION_PARAMETER, // $1, or a literal that the plan cache lifted
    EXPRESSION_COLUMN,
    EXPRESSION_CALL, // a function; `operator` set when written as one
    EXPRESSION_AGGREGATE,
    EXPRESSION_WINDOW, // a function or an aggregate OVER a window
    EXPRESSION_AND,
    EXPRESSION_OR,
    EXPRESSION_NOT,
    EXPRESSION_NULL_TEST,
    EXPRESSION_BOOLEAN_TEST,
    EXPRESSION_DISTINCT, // arguments[0] IS [NOT] DISTINCT FROM arguments[1]
    EXPRESSION_NULL_IF,
    EXPRESSION_CASE, // when/then pairs, then the ELSE if `has_else`
    EXPRESSION_COALESCE,
    EXPRESSION_GREATEST,
    EXPRESSION_LEAST,
    EXPRESSION_RELABEL, // same bytes, another type
    EXPRESSION_CAST_BY_TEXT,
    EXPRESSION_MODIFIER,         // length or precision of the type applied
    EXPRESSION_ARRAY,            // ARRAY[...]
    EXPRESSION_ARRAY_COMPARISON, // value OP ANY|ALL (array)
    EXPRESSION_ELEMENT,          // array[index]
    EXPRESSION_ROW,
    EXPRESSION_FIELD,          // of a record: number `slot`, from 0
    EXPRESSION_ROW_COMPARISON, // (a, b) < (c, d): `functions` one a pair, `comparison`
    EXPRESSION_SUBQUERY,
    EXPRESSION_SQL_VALUE,       // CURRENT_TIMESTAMP and its kind
    EXPRESSION_DEFAULT,         // DEFAULT in INSERT and UPDATE; gone after binding
    EXPRESSION_GROUPING_COLUMN, // after planning's split: output of the aggregate below
} ExpressionKind;

typedef enum SubqueryKind {
    SUBQUERY_EXISTS,
    SUBQUERY_SCALAR,
    SUBQUERY_ANY, // `test` compares arguments with the subquery's columns
    SUBQUERY_ALL,
    SUBQUERY_ARRAY,
} SubqueryKind;

typedef enum SqlValueKind {
    SQL_VALUE_CURRENT_DATE,
    SQL_VALUE_CURRENT_TIME,
    SQL_VALUE_CURRENT_TIMESTAMP,
    SQL_VALUE_LOCALTIME,
    SQL_VALUE_LOCALTIMESTAMP,
    SQL_VALUE_CURRENT_USER,
    SQL_VALUE_SESSION_USER,
    SQL_VALUE_CURRENT_CATALOG,
    SQL_VALUE_CURRENT_SCHEMA,
} SqlValueKind;

typedef enum RowComparison { ROW_LT, ROW_LE, ROW_EQ, ROW_GE, ROW_GT, ROW_NE } RowComparison;

typedef struct Expression Expression;
typedef struct Query Query;

typedef struct SortKey {
    Expression *expression;
    Oid less_operator; // of the type, or as USING named it
    bool is_descending, nulls_first;
} SortKey;

struct Expression {
    ExpressionKind kind;
    SqlType type;
    int32_t location; // byte offset in the statement, -1 unknown
    bool is_negated;  // IS NOT NULL, NOT IN, IS NOT DISTINCT
    bool is_explicit; // a cast that was written
    bool is_cast;     // CALL: stands for a cast
    bool is_variadic; // CALL: called with VARIADIC
    // How it was written, for printing: extract(field FROM x) and its kind; CASE x WHEN value.
    bool is_sql_syntax, is_simple_case;
    bool is_all;      // ALL, in an array comparison
    bool is_distinct; // aggregate
    bool is_star;     // count(*)
    bool has_else;
    uint32_t argument_count;
    Expression **arguments;
    Oid function; // CALL, AGGREGATE, DISTINCT, NULL_IF, ARRAY_COMPARISON
    Oid operator; // the operator it was written as, or 0

    union {
        Value constant;
        uint32_t parameter; // from 0

        struct {
            uint32_t relation, levels_up;
            int16_t number; // attnum, from 1; negative for system columns
        } column;

        struct {
            Expression *filter; // FILTER (WHERE ...), or NULL
            SortKey *order;     // ORDER BY within the aggregate
            uint32_t order_count;
        } aggregate;

        struct {
            Expression *filter; // as an aggregate's
            uint32_t index;     // in the query's windows
        } window;

        int boolean_test; // BooleanTest of functions/program.h

        struct {
            SubqueryKind kind;
            Query *query;
            Oid *functions;           // ANY, ALL: a comparison a column, argument OP column
            RowComparison comparison; // ANY, ALL with several columns
            bool is_correlated;       // mentions columns of the queries around it
        } subquery;

        struct {
            SqlValueKind kind;
        } sql_value;

        struct {
            RowComparison comparison;
            Oid *functions; // per pair: the `<` (or `=`) function, then the `=` one
        } row;

        uint32_t slot; // GROUPING_COLUMN, FIELD
    };
};

Expression *expression_make(Arena *arena, ExpressionKind kind, SqlType type, int32_t location);
bool expression_equal(const Expression *a, const Expression *b);

// Calls `visit` for the expression's direct parts; stops when it returns false.
bool expression_visit_parts(
    const Expression *expression, bool (*visit)(void *argument, Expression *part), void *argument);

bool expression_has_aggregate(const Expression *expression); // of this query level
// The first call of a set-returning function in it, or NULL.
const Expression *expression_find_set(const Expression *expression);
bool expression_has_window(const Expression *expression);
bool expression_is_volatile(const Expression *expression);
