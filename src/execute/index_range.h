// The bounds of an index access, computed when it starts.
#pragma once

#include "execute/execute_internal.h"

typedef struct RangeBuilder {
    const PlanRange *plan;
    Evaluator *values;
    Value *results; // of the program
    Value *low, *high;
    // The values of a list, in order and each once, converted.
    Value *points;
    uint32_t point_count, next_point;
    Arena point_arena;
} RangeBuilder;

Status range_builder_init(RangeBuilder *builder, Worker *worker, const PlanRange *plan);
// The range borrows the builder's values. `is_empty_out`: no key can be in it.
// Of a list it is the first value's.
Status range_builder_make_range(RangeBuilder *builder, IndexRange *range_out, bool *is_empty_out);

// The same bounds with the list's next value, in the range made before; false at the end.
bool range_builder_next_point(RangeBuilder *builder);

// Where a bound's value lies among those of the key column's type; within them, it is converted.
typedef enum BoundPlace { BOUND_BELOW, BOUND_WITHIN, BOUND_ABOVE } BoundPlace;

BoundPlace bound_convert(const PlanBound *bound, const Value *from, Value *to);

// The router's break-even: fetching rows one by one against reading the table through.
bool index_is_cheaper(double rows_in_range, double rows_in_table);
