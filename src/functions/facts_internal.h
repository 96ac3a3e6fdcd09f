// The catalog facts as the generator lays them out (tools/make_functions.py).
#pragma once

#include "functions/function.h"

// Where the functions or operators of one name lie in the table ordered by name.
typedef struct NameRun {
    const char *name;
    uint16_t first, count;
} NameRun;

// The operators of one type's default btree class.
typedef struct ComparisonOperators {
    Oid type, less, less_equal, equal, greater_equal, greater;
} ComparisonOperators;

extern const FunctionInfo function_table[];
extern const size_t function_table_count;
extern const FunctionInfo *const function_by_name[];
extern const NameRun function_names[];
extern const size_t function_name_count;

extern const OperatorInfo operator_table[];
extern const size_t operator_table_count;
extern const OperatorInfo *const operator_by_name[];
extern const NameRun operator_names[];
extern const size_t operator_name_count;

extern const CastInfo cast_table[];
extern const size_t cast_table_count;
extern const AggregateInfo aggregate_table[];
extern const size_t aggregate_table_count;
extern const ComparisonOperators comparison_table[];
extern const size_t comparison_table_count;
