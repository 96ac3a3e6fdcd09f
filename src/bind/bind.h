// Binding: names to objects, literals to types, in PostgreSQL's rules and with its errors.
//
// Model    Resolution of operators, functions and unknown literals follows PostgreSQL 15,
//          chapter 10. Positions in errors are characters of the statement, from 1.
// Threads  One statement, one thread.
#pragma once

#include "bind/expression_text.h"
#include "bind/query.h"
#include "parse/parse.h"

// Types of parameters: declared by the client, or 0 and inferred while binding.
typedef struct ParameterTypes {
    Oid *types;
    uint32_t count, capacity;
    bool is_fixed; // no parameters beyond count, and none is inferred
    Arena *arena;
} ParameterTypes;

typedef struct BindInput {
    CatalogView *catalog;
    const FunctionContext *functions; // for folding constants and reading literals
    ParameterTypes *parameters;
    const char *sql;     // the text that locations refer to
    uint32_t sql_offset; // characters before `sql` in what the client sent; 0 when `sql` is all
    Arena *arena;
    const char *user_name, *database_name;
    // When the plan cache lifted literals: constant at byte offset `lifted[i].location` becomes
    // parameter `lifted[i].parameter`. Constants that a plan depends on clear `is_liftable`.
    const struct LiftedLiteral *lifted;
    uint32_t lifted_count;
    bool *is_liftable_out;
} BindInput;

typedef struct LiftedLiteral {
    int32_t location;
    uint32_t parameter;
    Oid type; // int4, int8, numeric or unknown, as PostgreSQL types the literal
} LiftedLiteral;

typedef enum BoundKind {
    BOUND_QUERY,
    BOUND_CREATE_TABLE,
    BOUND_CREATE_INDEX,
    BOUND_CREATE_SEQUENCE,
    BOUND_CREATE_SCHEMA,
    BOUND_ALTER_TABLE,
    BOUND_RENAME,
    BOUND_DROP,
    BOUND_TRUNCATE,
    BOUND_COMMENT,
    BOUND_COPY,
    BOUND_EXPLAIN,
    BOUND_UTILITY, // SET, BEGIN, PREPARE and the like: the session reads `syntax`
} BoundKind;

typedef enum AlterKind {
    ALTER_ADD_COLUMN,
    ALTER_DROP_COLUMN,
    ALTER_ADD_KEY,
    ALTER_ADD_CHECK,
    ALTER_DROP_CONSTRAINT,
    ALTER_SET_DEFAULT,
    ALTER_DROP_DEFAULT,
    ALTER_SET_NOT_NULL,
    ALTER_DROP_NOT_NULL,
} AlterKind;

typedef struct AlterCommand {
    AlterKind kind;
    bool if_exists, if_not_exists, cascade;
    const char *name; // of a column or constraint
    ColumnDefinition *column;
    KeyDefinition *key;
    CheckDefinition *check;
    Expression *check_expression; // to test the rows there are
    const char *default_text;
} AlterCommand;

typedef enum CopyFormat { COPY_TEXT, COPY_CSV, COPY_BINARY } CopyFormat;

typedef struct CopyOptions {
    CopyFormat format;
    bool has_header, header_must_match, freeze;
    char delimiter, quote, escape;
    const char *null_text, *default_text;
    bool *force_quote, *force_not_null, *force_null; // one a column, or NULL
    bool force_quote_all;
} CopyOptions;

typedef struct BoundCopy {
    bool is_from, is_standard; // STDIN or STDOUT
    const char *file_name;     // otherwise
    const TableInfo *table;    // or `query`
    Query *query;
    uint32_t column_count;
    const int16_t *columns; // attnums, in the order of the data
    CopyOptions options;
    Query *insert; // COPY FROM: an INSERT whose source is fed with the columns' values
} BoundCopy;

typedef struct BoundStatement {
    BoundKind kind;
    const Node *syntax;
    Query *query; // BOUND_QUERY, BOUND_EXPLAIN
    bool explain_analyze, explain_verbose, explain_costs, explain_timing, explain_summary;
    const char *explain_format; // "text", "json"

    union {
        TableDefinition *create_table;

        struct {
            Oid table;
            KeyDefinition *key;
            bool if_not_exists, is_concurrent;
        } create_index;

        struct {
            const char *schema, *name;
            Oid type;
            SequenceState state;
            Oid owned_by_table;
            int16_t owned_by_column;
            bool if_not_exists;
        } create_sequence;

        struct {
            const char *name;
            bool if_not_exists;
        } create_schema;

        struct {
            Oid table; // 0: IF EXISTS and there is none (a notice)
            AlterCommand *commands;
            uint32_t command_count;
        } alter;

        struct {
            Oid relation;
            const char *column; // NULL: the relation itself
            const char *to;
        } rename;

        struct {
            RelationKind kind;
            bool is_schema, cascade;
            Oid *objects;
            uint32_t object_count;
        } drop;

        struct {
            Oid *tables;
            uint32_t table_count;
            bool restart_identity;
        } truncate;

        struct {
            Oid object_class, object; // the system table that has it, and its OID there
            int16_t column;           // 0: the object itself
            Oid table;                // to be locked; 0 for a schema
            const char *text;         // NULL takes the comment away
        } comment;

        BoundCopy *copy;
    };

    CatalogNotice *notices; // "table \"t\" does not exist, skipping"
    uint32_t notice_count;
} BoundStatement;

Status bind_statement(const BindInput *input, const Node *statement, BoundStatement *bound_out);

// The arguments of EXECUTE: a list of expressions without columns, cast to these types.
Status bind_execute_arguments(const BindInput *input, const char *name, const Node *list,
    const Oid *types, uint32_t type_count, Expression ***arguments_out);

// PostgreSQL's own text for an expression, for pg_get_expr and its kind. `is_pretty` leaves out
// parentheses that are not needed, as pg_get_expr(..., true) does.
Status expression_deparse(CatalogView *view, const Expression *expression, const TableInfo *table,
    bool is_pretty, Text *out);
