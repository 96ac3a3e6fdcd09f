// Arrays of SQL: any number of elements of one type in up to six dimensions, each with its own
// lower bound; also int2vector and oidvector, which are arrays of one dimension from 0.
//
// Format   In a view, little-endian, n elements in d dimensions:
//
//   OFFSET  SIZE        FIELD
//        0  4           type of the elements
//        4  1           d, 0 (no elements) to 6
//        5  1           1 if a null bitmap follows the dimensions
//        6  2           zero
//        8  8 x d       size, lower bound
//           (n + 7) / 8 null bitmap, only if announced: a set bit is NULL
//           n x width   elements of a fixed width, zeros under a NULL; or
//           n x 4       for views: where each element's bytes end, counted from the first byte
//                       behind these ends
//           rest        the views' bytes
#pragma once

#include "types/type.h"

enum { ARRAY_DIMENSION_MAX = 6, ARRAY_ELEMENT_COUNT_MAX = 134217727 };

// An array's parts, borrowed from its bytes.
typedef struct Array {
    Oid element;
    PhysicalKind kind; // of an element
    uint32_t dimension_count;
    int32_t sizes[ARRAY_DIMENSION_MAX], lower_bounds[ARRAY_DIMENSION_MAX];
    uint32_t count;       // of elements, all dimensions multiplied
    const uint8_t *nulls; // bitmap, or NULL when no element is NULL
    const uint8_t *elements, *bytes;
} Array;

// Opens an array that this module made. Borrows the view's bytes, and the view when it is inline.
Array array_open(const View *view);

// Element `index` in storage order, from 0. Borrows.
Value array_get(const Array *array, uint32_t index);

// The position of the element at `subscripts` (one a dimension); false when it is outside.
bool array_find(const Array *array, const int32_t *subscripts, uint32_t *index_out);

// Builds an array in `arena` of the elements in storage order. No dimensions: the empty array.
View array_make(Oid element, uint32_t dimension_count, const int32_t *sizes,
    const int32_t *lower_bounds, const Value *elements, Arena *arena);

// One dimension from 1.
View array_make_list(Oid element, const Value *elements, uint32_t count, Arena *arena);

// int2vector or oidvector: one dimension from 0, even when it is empty.
View array_make_vector(Oid element, const Value *elements, uint32_t count, Arena *arena);

// The product of the sizes. Errors: PROGRAM_LIMIT_EXCEEDED, also for bounds that leave int32.
Status array_count_elements(uint32_t dimension_count, const int32_t *sizes,
    const int32_t *lower_bounds, uint32_t *count_out);

// The operations of an array type of which the elements have operations; else NULL.
const TypeOps *array_type_ops(Oid array_type);
