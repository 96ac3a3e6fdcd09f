#include "execute/index_range.h"

#include "types/array.h"

#include <stdlib.h>

// A row by index costs about as much as this many by scan (storage.md 9.2: 190 ns against 5-15).
static const double SCANNED_ROWS_PER_FETCH = 16.0;

bool index_is_cheaper(double rows_in_range, double rows_in_table) {
    return rows_in_range * SCANNED_ROWS_PER_FETCH < rows_in_table + 4096.0;
}

Status range_builder_init(RangeBuilder *builder, Worker *worker, const PlanRange *plan) {
    builder->plan = plan;
    TRY(evaluator_make(worker, plan->values, &builder->values));
    uint32_t result_count = builder->values == NULL ? 0 : builder->values->result_count;
    builder->results = arena_new_array(worker->arena, Value, result_count + 1);
    builder->low = arena_new_array(worker->arena, Value, plan->key_count + 1);
    builder->high = arena_new_array(worker->arena, Value, plan->key_count + 1);
    arena_init_within(&builder->point_arena, worker->arena);
    return OK;
}

static int64_t integer_of(Oid type, const Value *value) {
    if (type == TYPE_INT2) return value->datum.int2;
    if (type == TYPE_INT4) return value->datum.int4;
    return value->datum.int8;
}

BoundPlace bound_convert(const PlanBound *bound, const Value *from, Value *to) {
    *to = *from;
    if (bound->from == bound->to) return BOUND_WITHIN;
    int64_t integer = integer_of(bound->from, from);
    *to = (Value){0};
    if (bound->to == TYPE_INT8) {
        to->datum.int8 = integer;
        return BOUND_WITHIN;
    }
    int64_t least = bound->to == TYPE_INT2 ? INT16_MIN : INT32_MIN;
    int64_t most = bound->to == TYPE_INT2 ? INT16_MAX : INT32_MAX;
    if (integer < least) return BOUND_BELOW;
    if (integer > most) return BOUND_ABOVE;
    if (bound->to == TYPE_INT2) {
        to->datum.int2 = (int16_t)integer;
    } else {
        to->datum.int4 = (int32_t)integer;
    }
    return BOUND_WITHIN;
}

static int point_compare(const void *a, const void *b, void *argument) {
    const TypeOps *ops = argument;
    return ops->compare(&((const Value *)a)->datum, &((const Value *)b)->datum);
}

// The elements of the list's array that a key may have.
static Status range_builder_open_list(RangeBuilder *builder, const PlanBound *bound) {
    const Value *value = &builder->results[bound->value];
    builder->point_count = 0;
    builder->next_point = 0;
    if (value->is_null) return OK;
    arena_reset(&builder->point_arena);
    View view = view_copy(value->datum.view, &builder->point_arena);
    Array array = array_open(&view);
    builder->points = arena_new_array(&builder->point_arena, Value, array.count + 1);
    uint32_t count = 0;
    PhysicalKind kind = type_physical(bound->to);
    for (uint32_t i = 0; i < array.count; i++) {
        Value element = array_get(&array, i);
        if (element.is_null) continue;
        if (bound_convert(bound, &element, &builder->points[count]) != BOUND_WITHIN) continue;
        builder->points[count] = value_copy(builder->points[count], kind, &builder->point_arena);
        count++;
    }
    const TypeOps *ops;
    TRY(type_ops_require(bound->to, &ops));
    qsort_r(builder->points, count, sizeof(Value), point_compare, (void *)(uintptr_t)ops);
    for (uint32_t i = 0; i < count; i++) {
        Value *last = &builder->points[builder->point_count];
        bool is_new =
            i == 0 || point_compare(last - 1, &builder->points[i], (void *)(uintptr_t)ops) != 0;
        if (is_new) builder->points[builder->point_count++] = builder->points[i];
    }
    return arena_check(&builder->point_arena);
}

bool range_builder_next_point(RangeBuilder *builder) {
    if (!builder->plan->has_list || builder->next_point == builder->point_count) return false;
    uint32_t list = builder->plan->list;
    builder->low[list] = builder->high[list] = builder->points[builder->next_point++];
    return true;
}

Status range_builder_make_range(RangeBuilder *builder, IndexRange *range_out, bool *is_empty_out) {
    const PlanRange *plan = builder->plan;
    *is_empty_out = true;
    if (builder->values != NULL) TRY(evaluator_values(builder->values, builder->results));

    for (uint32_t i = 0; i < plan->equal_count; i++) {
        const PlanBound *bound = &plan->equals[i];
        if (plan->has_list && i == plan->list) {
            TRY(range_builder_open_list(builder, bound));
            if (!range_builder_next_point(builder)) return OK;
            continue;
        }
        const Value *value = &builder->results[bound->value];
        if (value->is_null) return OK;
        if (bound_convert(bound, value, &builder->low[i]) != BOUND_WITHIN) return OK;
        builder->high[i] = builder->low[i];
    }
    IndexRange range = {
        .index_number = plan->index_number,
        .low_count = plan->equal_count,
        .high_count = plan->equal_count,
        .low = builder->low,
        .high = builder->high,
        .low_inclusive = true,
        .high_inclusive = true,
        .is_backward = plan->is_backward,
    };
    if (plan->has_low) {
        const Value *value = &builder->results[plan->low.value];
        if (value->is_null) return OK;
        BoundPlace place = bound_convert(&plan->low, value, &builder->low[plan->equal_count]);
        if (place == BOUND_ABOVE) return OK;
        if (place == BOUND_WITHIN) {
            range.low_count++;
            range.low_inclusive = plan->low_inclusive;
        }
    }
    if (plan->has_high) {
        const Value *value = &builder->results[plan->high.value];
        if (value->is_null) return OK;
        BoundPlace place = bound_convert(&plan->high, value, &builder->high[plan->equal_count]);
        if (place == BOUND_BELOW) return OK;
        if (place == BOUND_WITHIN) {
            range.high_count++;
            range.high_inclusive = plan->high_inclusive;
        }
    }
    *range_out = range;
    *is_empty_out = false;
    return OK;
}
