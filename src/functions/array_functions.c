// Functions of arrays.
#include "base/error.h"
#include "base/utf8.h"
#include "functions/kernels_internal.h"
#include "types/array.h"

static Array argument_array(const Call *call, uint32_t index, uint32_t row) {
    return array_open(&ARGUMENT(call, index, View, row));
}

static bool argument_is_null(const Call *call, uint32_t index, uint32_t row) {
    return column_is_null(&call->arguments[index], row);
}

static Value *array_values(const Array *array, uint32_t room, Arena *arena) {
    Value *values = arena_new_array(arena, Value, array->count + room);
    for (uint32_t i = 0; i < array->count; i++)
        values[i] = array_get(array, i);
    return values;
}

// ---- Shape
// ---------------------------------------------------------------------------------------

typedef enum Shape { SHAPE_LENGTH, SHAPE_LOWER, SHAPE_UPPER } Shape;

static Status array_shape(Call *call, Shape shape) {
    FOR_EACH_ROW(call, row) {
        Array array = argument_array(call, 0, row);
        int32_t dimension = argument_int4(call, 1, row);
        if (dimension < 1 || (uint32_t)dimension > array.dimension_count) {
            result_set_null(call, row);
            continue;
        }
        int32_t size = array.sizes[dimension - 1], lower = array.lower_bounds[dimension - 1];
        RESULT(call, int32_t, row) = shape == SHAPE_LENGTH  ? size
                                     : shape == SHAPE_LOWER ? lower
                                                            : lower + size - 1;
    }
    return OK;
}

Status kernel_array_length(Call *call) {
    return array_shape(call, SHAPE_LENGTH);
}

Status kernel_array_lower(Call *call) {
    return array_shape(call, SHAPE_LOWER);
}

Status kernel_array_upper(Call *call) {
    return array_shape(call, SHAPE_UPPER);
}

Status kernel_array_cardinality(Call *call) {
    FOR_EACH_ROW(call, row) {
        RESULT(call, int32_t, row) = (int32_t)argument_array(call, 0, row).count;
    }
    return OK;
}

Status kernel_array_ndims(Call *call) {
    FOR_EACH_ROW(call, row) {
        Array array = argument_array(call, 0, row);
        if (array.dimension_count == 0) {
            result_set_null(call, row);
        } else {
            RESULT(call, int32_t, row) = (int32_t)array.dimension_count;
        }
    }
    return OK;
}

Status kernel_array_dims(Call *call) {
    FOR_EACH_ROW(call, row) {
        Array array = argument_array(call, 0, row);
        if (array.dimension_count == 0) {
            result_set_null(call, row);
            continue;
        }
        Text text;
        text_init(&text, call->arena);
        for (uint32_t i = 0; i < array.dimension_count; i++) {
            text_append_format(&text, "[%d:%d]", array.lower_bounds[i],
                array.lower_bounds[i] + array.sizes[i] - 1);
        }
        result_set_text(call, row, &text);
    }
    return OK;
}

// ---- Joining
// -------------------------------------------------------------------------------------

static Status fail_not_one_dimensional(void) {
    return fail(DATA_EXCEPTION, "argument must be empty or one-dimensional array");
}

// Adds the element in argument `element_index` at the end or the front.
static Status array_push(Call *call, uint32_t array_index, uint32_t element_index, bool at_front) {
    Oid element_type = type_element(call->result_type.oid);
    FOR_EACH_ROW(call, row) {
        Value element = column_get(&call->arguments[element_index], row);
        View view;
        if (argument_is_null(call, array_index, row)) {
            view = array_make_list(element_type, &element, 1, call->arena);
        } else {
            Array array = argument_array(call, array_index, row);
            if (array.dimension_count > 1) return fail_not_one_dimensional();
            Value *values = array_values(&array, 1, call->arena);
            if (at_front) {
                memmove(values + 1, values, array.count * sizeof(Value));
                values[0] = element;
            } else {
                values[array.count] = element;
            }
            int32_t size = (int32_t)array.count + 1;
            int32_t lower = array.dimension_count == 0 ? 1 : array.lower_bounds[0];
            TRY(array_count_elements(1, &size, &lower, &(uint32_t){0}));
            view = array_make(array.element, 1, &size, &lower, values, call->arena);
        }
        RESULT(call, View, row) = view;
    }
    return OK;
}

Status kernel_array_append(Call *call) {
    return array_push(call, 0, 1, false);
}

Status kernel_array_prepend(Call *call) {
    return array_push(call, 1, 0, true);
}

static Status fail_incompatible(const char *detail) {
    Status status = fail(ARRAY_SUBSCRIPT_ERROR, "cannot concatenate incompatible arrays");
    error_add_detail("%s", detail);
    return status;
}

// Arrays of as many dimensions are joined along the first; one of a dimension fewer is one element
// more of the other.
static Status array_join(const Array *a, const Array *b, Arena *arena, View *view_out) {
    uint32_t dimensions =
        a->dimension_count > b->dimension_count ? a->dimension_count : b->dimension_count;
    int32_t sizes[ARRAY_DIMENSION_MAX] = {0}, lower_bounds[ARRAY_DIMENSION_MAX] = {0};
    if (a->dimension_count == b->dimension_count) {
        memcpy(sizes, a->sizes, sizeof sizes);
        memcpy(lower_bounds, a->lower_bounds, sizeof lower_bounds);
        sizes[0] += b->sizes[0];
        for (uint32_t i = 1; i < dimensions; i++) {
            if (a->sizes[i] != b->sizes[i] || a->lower_bounds[i] != b->lower_bounds[i]) {
                return fail_incompatible("Arrays with differing element dimensions are not "
                                         "compatible for concatenation.");
            }
        }
    } else {
        const Array *outer = a->dimension_count > b->dimension_count ? a : b;
        const Array *inner = outer == a ? b : a;
        if (outer->dimension_count != inner->dimension_count + 1) {
            Status status = fail(ARRAY_SUBSCRIPT_ERROR, "cannot concatenate incompatible arrays");
            error_add_detail("Arrays of %u and %u dimensions are not compatible for concatenation.",
                a->dimension_count, b->dimension_count);
            return status;
        }
        memcpy(sizes, outer->sizes, sizeof sizes);
        memcpy(lower_bounds, outer->lower_bounds, sizeof lower_bounds);
        sizes[0]++;
        for (uint32_t i = 0; i < inner->dimension_count; i++) {
            if (inner->sizes[i] != outer->sizes[i + 1]
                || inner->lower_bounds[i] != outer->lower_bounds[i + 1]) {
                return fail_incompatible(
                    "Arrays with differing dimensions are not compatible for concatenation.");
            }
        }
    }
    uint32_t count = 0;
    TRY(array_count_elements(dimensions, sizes, lower_bounds, &count));
    Value *values = array_values(a, b->count, arena);
    for (uint32_t i = 0; i < b->count; i++)
        values[a->count + i] = array_get(b, i);
    *view_out = array_make(a->element, dimensions, sizes, lower_bounds, values, arena);
    return OK;
}

Status kernel_array_cat(Call *call) {
    FOR_EACH_ROW(call, row) {
        bool left_is_null = argument_is_null(call, 0, row);
        bool right_is_null = argument_is_null(call, 1, row);
        if (left_is_null && right_is_null) {
            result_set_null(call, row);
            continue;
        }
        if (left_is_null || right_is_null) {
            RESULT(call, View, row) = ARGUMENT(call, left_is_null ? 1 : 0, View, row);
            continue;
        }
        Array a = argument_array(call, 0, row), b = argument_array(call, 1, row);
        if (a.dimension_count == 0) {
            RESULT(call, View, row) = ARGUMENT(call, 1, View, row);
        } else if (b.dimension_count == 0) {
            RESULT(call, View, row) = ARGUMENT(call, 0, View, row);
        } else {
            TRY(array_join(&a, &b, call->arena, &RESULT(call, View, row)));
        }
    }
    return OK;
}

// ---- Search
// --------------------------------------------------------------------------------------

// NULL is found where an element is NULL.
static bool element_matches(const TypeOps *ops, const Value *element, const Value *wanted) {
    if (element->is_null || wanted->is_null) return element->is_null && wanted->is_null;
    return ops->compare(&element->datum, &wanted->datum) == 0;
}

static Status array_search_ops(const Call *call, const TypeOps **ops_out) {
    Oid element = type_element(call->arguments[0].type);
    return type_ops_require(element, ops_out);
}

Status kernel_array_position(Call *call) {
    const TypeOps *ops;
    TRY(array_search_ops(call, &ops));
    FOR_EACH_ROW(call, row) {
        if (argument_is_null(call, 0, row)) {
            result_set_null(call, row);
            continue;
        }
        Array array = argument_array(call, 0, row);
        if (array.dimension_count > 1) {
            return fail(FEATURE_NOT_SUPPORTED,
                "searching for elements in multidimensional arrays is not supported");
        }
        int64_t first = INT32_MIN;
        if (call->argument_count > 2) {
            if (argument_is_null(call, 2, row)) {
                return fail(NULL_VALUE_NOT_ALLOWED, "initial position must not be null");
            }
            first = argument_int4(call, 2, row);
        }
        Value wanted = column_get(&call->arguments[1], row);
        bool is_found = false;
        for (uint32_t i = 0; i < array.count && !is_found; i++) {
            int64_t position = (int64_t)array.lower_bounds[0] + i;
            Value element = array_get(&array, i);
            if (position < first || !element_matches(ops, &element, &wanted)) continue;
            RESULT(call, int32_t, row) = (int32_t)position;
            is_found = true;
        }
        if (!is_found) result_set_null(call, row);
    }
    return OK;
}

Status kernel_array_positions(Call *call) {
    const TypeOps *ops;
    TRY(array_search_ops(call, &ops));
    FOR_EACH_ROW(call, row) {
        if (argument_is_null(call, 0, row)) {
            result_set_null(call, row);
            continue;
        }
        Array array = argument_array(call, 0, row);
        if (array.dimension_count > 1) {
            return fail(FEATURE_NOT_SUPPORTED,
                "searching for elements in multidimensional arrays is not supported");
        }
        Value wanted = column_get(&call->arguments[1], row);
        Value *positions = arena_new_array(call->arena, Value, array.count);
        uint32_t count = 0;
        for (uint32_t i = 0; i < array.count; i++) {
            Value element = array_get(&array, i);
            if (!element_matches(ops, &element, &wanted)) continue;
            positions[count++].datum.int4 = array.lower_bounds[0] + (int32_t)i;
        }
        RESULT(call, View, row) = array_make_list(TYPE_INT4, positions, count, call->arena);
    }
    return OK;
}

Status kernel_array_remove(Call *call) {
    const TypeOps *ops;
    TRY(array_search_ops(call, &ops));
    FOR_EACH_ROW(call, row) {
        if (argument_is_null(call, 0, row)) {
            result_set_null(call, row);
            continue;
        }
        Array array = argument_array(call, 0, row);
        if (array.dimension_count > 1) {
            return fail(FEATURE_NOT_SUPPORTED,
                "removing elements from multidimensional arrays is not supported");
        }
        Value wanted = column_get(&call->arguments[1], row);
        Value *kept = arena_new_array(call->arena, Value, array.count);
        int32_t count = 0;
        for (uint32_t i = 0; i < array.count; i++) {
            Value element = array_get(&array, i);
            if (!element_matches(ops, &element, &wanted)) kept[count++] = element;
        }
        RESULT(call, View, row) =
            array_make(array.element, count > 0, &count, array.lower_bounds, kept, call->arena);
    }
    return OK;
}

Status kernel_array_replace(Call *call) {
    const TypeOps *ops;
    TRY(array_search_ops(call, &ops));
    FOR_EACH_ROW(call, row) {
        if (argument_is_null(call, 0, row)) {
            result_set_null(call, row);
            continue;
        }
        Array array = argument_array(call, 0, row);
        Value from = column_get(&call->arguments[1], row);
        Value to = column_get(&call->arguments[2], row);
        Value *values = array_values(&array, 0, call->arena);
        for (uint32_t i = 0; i < array.count; i++) {
            if (element_matches(ops, &values[i], &from)) values[i] = to;
        }
        RESULT(call, View, row) = array_make(array.element, array.dimension_count, array.sizes,
            array.lower_bounds, values, call->arena);
    }
    return OK;
}

Status kernel_trim_array(Call *call) {
    FOR_EACH_ROW(call, row) {
        Array array = argument_array(call, 0, row);
        int32_t dropped = argument_int4(call, 1, row);
        int32_t size = array.dimension_count > 0 ? array.sizes[0] : 0;
        if (dropped < 0 || dropped > size) {
            return fail(
                ARRAY_SUBSCRIPT_ERROR, "number of elements to trim must be between 0 and %d", size);
        }
        int32_t sizes[ARRAY_DIMENSION_MAX], lower_bounds[ARRAY_DIMENSION_MAX];
        memcpy(sizes, array.sizes, sizeof sizes);
        for (uint32_t i = 0; i < ARRAY_DIMENSION_MAX; i++)
            lower_bounds[i] = 1;
        sizes[0] = size - dropped;
        Value *values = array_values(&array, 0, call->arena);
        uint32_t dimensions = sizes[0] == 0 ? 0 : array.dimension_count;
        RESULT(call, View, row) =
            array_make(array.element, dimensions, sizes, lower_bounds, values, call->arena);
    }
    return OK;
}

// ---- Containment
// ---------------------------------------------------------------------------------

// Whether an element equals one of the array's. NULL equals none.
static bool array_has(const TypeOps *ops, const Array *array, const Value *element) {
    if (element->is_null) return false;
    for (uint32_t i = 0; i < array->count; i++) {
        Value other = array_get(array, i);
        if (!other.is_null && ops->compare(&other.datum, &element->datum) == 0) return true;
    }
    return false;
}

static bool array_contains(const TypeOps *ops, const Array *outer, const Array *inner) {
    for (uint32_t i = 0; i < inner->count; i++) {
        Value element = array_get(inner, i);
        if (!array_has(ops, outer, &element)) return false;
    }
    return true;
}

Status kernel_arraycontains(Call *call) {
    const TypeOps *ops;
    TRY(array_search_ops(call, &ops));
    FOR_EACH_ROW(call, row) {
        Array a = argument_array(call, 0, row), b = argument_array(call, 1, row);
        RESULT(call, bool, row) = array_contains(ops, &a, &b);
    }
    return OK;
}

Status kernel_arraycontained(Call *call) {
    const TypeOps *ops;
    TRY(array_search_ops(call, &ops));
    FOR_EACH_ROW(call, row) {
        Array a = argument_array(call, 0, row), b = argument_array(call, 1, row);
        RESULT(call, bool, row) = array_contains(ops, &b, &a);
    }
    return OK;
}

Status kernel_arrayoverlap(Call *call) {
    const TypeOps *ops;
    TRY(array_search_ops(call, &ops));
    FOR_EACH_ROW(call, row) {
        Array a = argument_array(call, 0, row), b = argument_array(call, 1, row);
        bool overlaps = false;
        for (uint32_t i = 0; i < a.count && !overlaps; i++) {
            Value element = array_get(&a, i);
            overlaps = array_has(ops, &b, &element);
        }
        RESULT(call, bool, row) = overlaps;
    }
    return OK;
}

// ---- Filling ------------------------------------------------------------------------------------

// A list of dimensions' sizes or lower bounds. Errors name it as a dimension array, as
// PostgreSQL's.
static Status take_bounds(const Call *call, uint32_t index, uint32_t row, Array *bounds_out) {
    Array bounds = argument_array(call, index, row);
    if (bounds.dimension_count > 1) {
        Status status = fail(ARRAY_SUBSCRIPT_ERROR, "wrong number of array subscripts");
        error_add_detail("Dimension array must be one dimensional.");
        return status;
    }
    if (bounds.nulls != NULL) {
        return fail(NULL_VALUE_NOT_ALLOWED, "dimension values cannot be null");
    }
    *bounds_out = bounds;
    return OK;
}

static Status fill_array(Call *call, uint32_t row, View *view_out) {
    bool has_lower = call->argument_count > 2;
    if (argument_is_null(call, 1, row) || (has_lower && argument_is_null(call, 2, row))) {
        return fail(NULL_VALUE_NOT_ALLOWED, "dimension array or low bound array cannot be null");
    }
    Array dimensions, lower;
    TRY(take_bounds(call, 1, row, &dimensions));
    if (dimensions.count > ARRAY_DIMENSION_MAX) {
        return fail(PROGRAM_LIMIT_EXCEEDED,
            "number of array dimensions (%u) exceeds the maximum allowed (%d)", dimensions.count,
            ARRAY_DIMENSION_MAX);
    }
    int32_t sizes[ARRAY_DIMENSION_MAX] = {0}, lower_bounds[ARRAY_DIMENSION_MAX] = {0};
    if (has_lower) {
        TRY(take_bounds(call, 2, row, &lower));
        if (lower.count != dimensions.count) {
            Status status = fail(ARRAY_SUBSCRIPT_ERROR, "wrong number of array subscripts");
            error_add_detail("Low bound array has different size than dimensions array.");
            return status;
        }
    }
    for (uint32_t i = 0; i < dimensions.count; i++) {
        sizes[i] = array_get(&dimensions, i).datum.int4;
        lower_bounds[i] = has_lower ? array_get(&lower, i).datum.int4 : 1;
    }
    uint32_t count;
    TRY(array_count_elements(dimensions.count, sizes, lower_bounds, &count));
    Oid element_type = type_element(call->result_type.oid);
    if (dimensions.count == 0 || count == 0) {
        *view_out = array_make_list(element_type, NULL, 0, call->arena);
        return OK;
    }
    Value element = column_get(&call->arguments[0], row);
    Value *elements = arena_new_array(call->arena, Value, count);
    for (uint32_t i = 0; i < count; i++) {
        elements[i] = element;
    }
    *view_out =
        array_make(element_type, dimensions.count, sizes, lower_bounds, elements, call->arena);
    return OK;
}

Status kernel_array_fill(Call *call) {
    FOR_EACH_ROW(call, row) TRY(fill_array(call, row, &RESULT(call, View, row)));
    return OK;
}

// ---- Text
// ----------------------------------------------------------------------------------------

Status kernel_array_to_text(Call *call) {
    Oid element_type = type_element(call->arguments[0].type);
    FOR_EACH_ROW(call, row) {
        if (argument_is_null(call, 0, row) || argument_is_null(call, 1, row)) {
            result_set_null(call, row);
            continue;
        }
        Array array = argument_array(call, 0, row);
        Bytes separator = argument_bytes(call, 1, row);
        bool shows_nulls = call->argument_count > 2 && !argument_is_null(call, 2, row);
        Text text;
        text_init(&text, call->arena);
        bool is_first = true;
        for (uint32_t i = 0; i < array.count; i++) {
            Value element = array_get(&array, i);
            if (element.is_null && !shows_nulls) continue;
            if (!is_first) text_append(&text, separator.data, separator.count);
            is_first = false;
            if (element.is_null) {
                Bytes null_text = argument_bytes(call, 2, row);
                text_append(&text, null_text.data, null_text.count);
            } else {
                TRY(value_to_text(&call->context->values, element_type, &element, &text));
            }
        }
        result_set_text(call, row, &text);
    }
    return OK;
}

static Value field_value(Bytes field, const Value *null_text) {
    if (!null_text->is_null && bytes_equal(field, view_bytes(&null_text->datum.view))) {
        return value_null();
    }
    return (Value){.datum = {.view = view_make(field.data, field.count)}};
}

View text_split(View view, const Value *separator_value, const Value *null_text, Arena *arena) {
    Bytes text = view_bytes(&view);
    if (text.count == 0) return array_make_list(TYPE_TEXT, NULL, 0, arena);
    Value *fields = arena_new_array(arena, Value, text.count + 1);
    uint32_t count = 0;
    if (separator_value->is_null) {
        for (size_t i = 0; i < text.count;) {
            size_t bytes = utf8_char_bytes(text.data[i]);
            fields[count++] = field_value(bytes_make(text.data + i, bytes), null_text);
            i += bytes;
        }
        return array_make_list(TYPE_TEXT, fields, count, arena);
    }
    Bytes separator = view_bytes(&separator_value->datum.view);
    const uint8_t *at = text.data, *end = text.data + text.count;
    while (separator.count > 0) {
        const uint8_t *found = memmem(at, (size_t)(end - at), separator.data, separator.count);
        if (found == NULL) break;
        fields[count++] = field_value(bytes_make(at, (size_t)(found - at)), null_text);
        at = found + separator.count;
    }
    fields[count++] = field_value(bytes_make(at, (size_t)(end - at)), null_text);
    return array_make_list(TYPE_TEXT, fields, count, arena);
}

Status kernel_text_to_array(Call *call) {
    FOR_EACH_ROW(call, row) {
        if (argument_is_null(call, 0, row)) {
            result_set_null(call, row);
            continue;
        }
        Value separator = column_get(&call->arguments[1], row);
        Value null_text =
            call->argument_count > 2 ? column_get(&call->arguments[2], row) : value_null();
        RESULT(call, View, row) =
            text_split(ARGUMENT(call, 0, View, row), &separator, &null_text, call->arena);
    }
    return OK;
}
