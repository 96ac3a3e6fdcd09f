// Column and constraint definitions, as CREATE TABLE and ALTER TABLE share them.
#pragma once

#include "bind/bind_internal.h"

// A CHECK whose expression waits until all columns are known.
typedef struct PendingCheck {
    const char *name; // or NULL
    const Node *expression;
} PendingCheck;

// A table being defined: what its statement says, as far as it was read.
typedef struct TableDraft {
    Binder *binder;
    const char *table_name;
    ColumnDefinition *columns;
    uint32_t column_count, column_capacity;
    KeyDefinition *keys;
    uint32_t key_count, key_capacity;
    PendingCheck *checks;
    uint32_t check_count, check_capacity;
    bool has_primary_key;
    const TableInfo *existing; // ALTER TABLE: the table as it is, or NULL
} TableDraft;

Status draft_add_column(TableDraft *draft, const Node *node);     // ColumnDef
Status draft_add_constraint(TableDraft *draft, const Node *node); // a table's Constraint

// A CHECK over the draft's columns and those that exist. `expression_out` may be NULL.
Status draft_bind_check(TableDraft *draft, const PendingCheck *pending, CheckDefinition *check_out,
    Expression **expression_out);

// A DEFAULT, cast to the column's type, in its stored form; and its value when it is constant,
// unless `has_value_out` is NULL.
Status bind_default(Binder *binder, const char *column_name, SqlType type, const Node *node,
    const char **text_out, bool *has_value_out, Value *value_out);

// Storage parameters are advice: known ones are taken and do nothing.
Status check_storage_parameters(Binder *binder, const Node *options);

// The value of an expression without columns that is not volatile; false when it has none that can
// be computed here.
Status evaluate_constant(
    Binder *binder, const Expression *expression, Value *value_out, bool *is_known_out);
