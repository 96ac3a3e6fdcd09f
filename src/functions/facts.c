// Lookups over the catalog facts.
#include "functions/facts_internal.h"

#include <string.h>

// Position of `wanted` in a table whose records start with a rising Oid; `count` when absent.
static size_t find_by_oid(const void *table, size_t count, size_t record_bytes, Oid wanted) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        Oid oid;
        memcpy(&oid, (const uint8_t *)table + middle * record_bytes, sizeof oid);
        if (oid == wanted) return middle;
        if (oid < wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return count;
}

static const NameRun *find_name(const NameRun *names, size_t count, const char *wanted) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(names[middle].name, wanted);
        if (order == 0) return &names[middle];
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const FunctionInfo *function_find(Oid oid) {
    size_t at = find_by_oid(function_table, function_table_count, sizeof function_table[0], oid);
    return at == function_table_count ? NULL : &function_table[at];
}

const OperatorInfo *operator_find(Oid oid) {
    size_t at = find_by_oid(operator_table, operator_table_count, sizeof operator_table[0], oid);
    return at == operator_table_count ? NULL : &operator_table[at];
}

const AggregateInfo *aggregate_find(Oid function) {
    size_t at =
        find_by_oid(aggregate_table, aggregate_table_count, sizeof aggregate_table[0], function);
    return at == aggregate_table_count ? NULL : &aggregate_table[at];
}

const CastInfo *cast_find(Oid source, Oid target) {
    size_t low = 0, high = cast_table_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const CastInfo *cast = &cast_table[middle];
        if (cast->source == source && cast->target == target) return cast;
        if (cast->source < source || (cast->source == source && cast->target < target)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const FunctionInfo *const *function_candidates(const char *name, size_t *count_out) {
    const NameRun *run = find_name(function_names, function_name_count, name);
    *count_out = run == NULL ? 0 : run->count;
    return run == NULL ? NULL : function_by_name + run->first;
}

const OperatorInfo *const *operator_candidates(const char *name, size_t *count_out) {
    const NameRun *run = find_name(operator_names, operator_name_count, name);
    *count_out = run == NULL ? 0 : run->count;
    return run == NULL ? NULL : operator_by_name + run->first;
}

const FunctionInfo *function_list(size_t *count_out) {
    *count_out = function_table_count;
    return function_table;
}

const OperatorInfo *operator_list(size_t *count_out) {
    *count_out = operator_table_count;
    return operator_table;
}

const CastInfo *cast_list(size_t *count_out) {
    *count_out = cast_table_count;
    return cast_table;
}

static const ComparisonOperators *comparison_find(Oid type) {
    size_t at =
        find_by_oid(comparison_table, comparison_table_count, sizeof comparison_table[0], type);
    return at == comparison_table_count ? NULL : &comparison_table[at];
}

// The class of a type that has none itself: through an implicit binary-coercible cast, the
// preferred type of the category first (regclass to oid rather than int4).
static const ComparisonOperators *comparison_of_coercible(Oid type) {
    const ComparisonOperators *found = NULL;
    for (size_t i = 0; i < cast_table_count; i++) {
        const CastInfo *cast = &cast_table[i];
        if (cast->source != type || cast->method != 'b' || cast->context != 'i') continue;
        const ComparisonOperators *comparison = comparison_find(cast->target);
        if (comparison == NULL) continue;
        const TypeInfo *target = type_find(cast->target);
        if (found == NULL || (target != NULL && target->is_preferred)) found = comparison;
    }
    return found;
}

static const ComparisonOperators *comparison_of(Oid type) {
    const ComparisonOperators *comparison = comparison_find(type);
    if (comparison != NULL) return comparison;
    const TypeInfo *info = type_find(type);
    if (info == NULL) return NULL;
    if (info->element != 0 && info->length == -1) return comparison_find(TYPE_ANYARRAY);
    if (info->kind == 'e') return comparison_find(TYPE_ANYENUM);
    if (info->kind == 'c') return comparison_find(TYPE_RECORD);
    if (info->kind == 'r') return comparison_find(TYPE_ANYRANGE);
    return comparison_of_coercible(type);
}

Oid operator_of_type(const char *name, Oid type) {
    const ComparisonOperators *comparison = comparison_of(type);
    if (comparison == NULL) return 0;
    if (strcmp(name, "=") == 0) return comparison->equal;
    if (strcmp(name, "<") == 0) return comparison->less;
    if (strcmp(name, ">") == 0) return comparison->greater;
    if (strcmp(name, "<=") == 0) return comparison->less_equal;
    if (strcmp(name, ">=") == 0) return comparison->greater_equal;
    if (strcmp(name, "<>") == 0) {
        const OperatorInfo *equal = operator_find(comparison->equal);
        return equal == NULL ? 0 : equal->negator;
    }
    return 0;
}
