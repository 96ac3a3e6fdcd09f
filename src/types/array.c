#include "types/array.h"

#include "base/error.h"
#include "base/hash.h"

static bool array_decode(Bytes bytes, Array *array_out);

enum { ARRAY_HEADER_BYTES = 8, ARRAY_DIMENSION_BYTES = 8, ARRAY_END_BYTES = 4 };

static size_t bitmap_bytes(uint32_t count) {
    return ((size_t)count + 7) / 8;
}

static size_t element_bytes(PhysicalKind kind) {
    return kind == PHYSICAL_VIEW ? ARRAY_END_BYTES : physical_width[kind];
}

Array array_open(const View *view) {
    Array array;
    bool is_array = array_decode(view_bytes(view), &array);
    ASSERT(is_array);
    return array;
}

// Opens bytes from elsewhere; false when they are no array.
static bool array_decode(Bytes bytes, Array *array_out) {
    if (bytes.count < ARRAY_HEADER_BYTES) return false;
    Array array = {.element = get_u32_le(bytes.data), .dimension_count = bytes.data[4]};
    bool has_nulls = bytes.data[5] == 1;
    if (array.dimension_count > ARRAY_DIMENSION_MAX || bytes.data[5] > 1) return false;
    if (type_ops(array.element) == NULL) return false;
    array.kind = type_physical(array.element);
    size_t offset = ARRAY_HEADER_BYTES;
    if (bytes.count - offset < (size_t)array.dimension_count * ARRAY_DIMENSION_BYTES) return false;
    uint64_t count = array.dimension_count > 0;
    for (uint32_t i = 0; i < array.dimension_count; i++, offset += ARRAY_DIMENSION_BYTES) {
        array.sizes[i] = (int32_t)get_u32_le(bytes.data + offset);
        array.lower_bounds[i] = (int32_t)get_u32_le(bytes.data + offset + 4);
        if (array.sizes[i] < 0) return false;
        count *= (uint64_t)array.sizes[i];
        if (count > ARRAY_ELEMENT_COUNT_MAX) return false;
    }
    array.count = (uint32_t)count;
    if (has_nulls) {
        if (bytes.count - offset < bitmap_bytes(array.count)) return false;
        array.nulls = bytes.data + offset;
        offset += bitmap_bytes(array.count);
    }
    size_t fixed_bytes = count * element_bytes(array.kind);
    if (bytes.count - offset < fixed_bytes) return false;
    array.elements = bytes.data + offset;
    array.bytes = array.elements + fixed_bytes;
    size_t rest = bytes.count - offset - fixed_bytes;
    if (array.kind == PHYSICAL_VIEW) {
        uint32_t end = 0;
        for (uint32_t i = 0; i < array.count; i++) {
            uint32_t next = get_u32_le(array.elements + (size_t)i * ARRAY_END_BYTES);
            if (next < end) return false;
            end = next;
        }
        if (end != rest) return false;
    } else if (rest != 0) {
        return false;
    }
    *array_out = array;
    return true;
}

static bool array_is_null(const Array *array, uint32_t index) {
    return array->nulls != NULL && (array->nulls[index >> 3] >> (index & 7) & 1) != 0;
}

Value array_get(const Array *array, uint32_t index) {
    ASSERT(index < array->count);
    if (array_is_null(array, index)) return value_null();
    Value value = {0};
    if (array->kind == PHYSICAL_VIEW) {
        const uint8_t *ends = array->elements;
        uint32_t start = index == 0 ? 0 : get_u32_le(ends + (size_t)(index - 1) * ARRAY_END_BYTES);
        uint32_t end = get_u32_le(ends + (size_t)index * ARRAY_END_BYTES);
        value.datum.view = view_make(array->bytes + start, end - start);
    } else {
        size_t width = physical_width[array->kind];
        memcpy(&value.datum, array->elements + (size_t)index * width, width);
    }
    return value;
}

bool array_find(const Array *array, const int32_t *subscripts, uint32_t *index_out) {
    uint32_t index = 0;
    for (uint32_t i = 0; i < array->dimension_count; i++) {
        int64_t offset = (int64_t)subscripts[i] - array->lower_bounds[i];
        if (offset < 0 || offset >= array->sizes[i]) return false;
        index = index * (uint32_t)array->sizes[i] + (uint32_t)offset;
    }
    *index_out = index;
    return array->dimension_count > 0;
}

View array_make(Oid element, uint32_t dimension_count, const int32_t *sizes,
    const int32_t *lower_bounds, const Value *elements, Arena *arena) {
    ASSERT(dimension_count <= ARRAY_DIMENSION_MAX);
    PhysicalKind kind = type_physical(element);
    uint32_t count = dimension_count > 0;
    for (uint32_t i = 0; i < dimension_count; i++) {
        count *= (uint32_t)sizes[i];
    }
    bool has_nulls = false;
    size_t view_bytes_total = 0;
    for (uint32_t i = 0; i < count; i++) {
        has_nulls = has_nulls || elements[i].is_null;
        if (kind == PHYSICAL_VIEW && !elements[i].is_null) {
            view_bytes_total += elements[i].datum.view.count;
        }
    }
    Text out;
    text_init(&out, arena);
    text_reserve(&out, ARRAY_HEADER_BYTES + ARRAY_DIMENSION_BYTES * dimension_count
                           + bitmap_bytes(count) + count * element_bytes(kind) + view_bytes_total);
    text_append_u32_le(&out, element);
    text_append_u8(&out, (uint8_t)dimension_count);
    text_append_u8(&out, has_nulls);
    text_append_u16_le(&out, 0);
    for (uint32_t i = 0; i < dimension_count; i++) {
        text_append_u32_le(&out, (uint32_t)sizes[i]);
        text_append_u32_le(&out, (uint32_t)lower_bounds[i]);
    }
    if (has_nulls) {
        uint8_t *nulls = text_extend(&out, bitmap_bytes(count));
        memset(nulls, 0, bitmap_bytes(count));
        for (uint32_t i = 0; i < count; i++) {
            if (elements[i].is_null) nulls[i >> 3] |= (uint8_t)(1 << (i & 7));
        }
    }
    if (kind != PHYSICAL_VIEW) {
        static const Datum zero;
        for (uint32_t i = 0; i < count; i++) {
            const Datum *datum = elements[i].is_null ? &zero : &elements[i].datum;
            text_append(&out, datum, physical_width[kind]);
        }
        return view_make(out.data, out.count);
    }
    uint32_t end = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!elements[i].is_null) end += elements[i].datum.view.count;
        text_append_u32_le(&out, end);
    }
    for (uint32_t i = 0; i < count; i++) {
        const View *view = &elements[i].datum.view;
        if (!elements[i].is_null) text_append(&out, view_data(view), view->count);
    }
    return view_make(out.data, out.count);
}

View array_make_list(Oid element, const Value *elements, uint32_t count, Arena *arena) {
    int32_t size = (int32_t)count, lower_bound = 1;
    return array_make(element, count > 0, &size, &lower_bound, elements, arena);
}

View array_make_vector(Oid element, const Value *elements, uint32_t count, Arena *arena) {
    int32_t size = (int32_t)count, lower_bound = 0;
    return array_make(element, 1, &size, &lower_bound, elements, arena);
}

Status array_count_elements(uint32_t dimension_count, const int32_t *sizes,
    const int32_t *lower_bounds, uint32_t *count_out) {
    int64_t count = dimension_count > 0;
    for (uint32_t i = 0; i < dimension_count; i++) {
        if (sizes[i] >= 0) count *= sizes[i];
        if (sizes[i] < 0 || count > ARRAY_ELEMENT_COUNT_MAX) {
            return fail(PROGRAM_LIMIT_EXCEEDED, "array size exceeds the maximum allowed (%d)",
                ARRAY_ELEMENT_COUNT_MAX);
        }
    }
    for (uint32_t i = 0; i < dimension_count; i++) {
        if ((int64_t)lower_bounds[i] + sizes[i] > INT32_MAX) {
            return fail(
                PROGRAM_LIMIT_EXCEEDED, "array lower bound is too large: %d", lower_bounds[i]);
        }
    }
    *count_out = (uint32_t)count;
    return OK;
}
