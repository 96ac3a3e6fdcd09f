// A sink that keeps its rows: for the inner side of a nested loop, WITH, a subquery that is
// compared again and again. Its node is that of the rows.
#pragma once

#include "execute/execute_internal.h"
#include "execute/row_buffer.h"

typedef struct Buffer {
    Operator base;
    RowBuffer rows;
} Buffer;
