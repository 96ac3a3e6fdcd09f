// A registry: which functions have an implementation, by OID.
#include "base/error.h"
#include "functions/function.h"

#include <stdlib.h>
#include <string.h>

struct FunctionRegistry {
    size_t count;
    const FunctionEntry **entries; // by OID
};

static int entry_compare(const void *a, const void *b) {
    Oid left = (*(const FunctionEntry *const *)a)->function;
    Oid right = (*(const FunctionEntry *const *)b)->function;
    return (left > right) - (left < right);
}

static const FunctionEntry **entry_find(const FunctionRegistry *registry, Oid function) {
    size_t low = 0, high = registry->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        Oid oid = registry->entries[middle]->function;
        if (oid == function) return &registry->entries[middle];
        if (oid < function) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

FunctionRegistry *function_registry_make(
    Arena *arena, const FunctionEntry *const *tables, size_t table_count) {
    size_t count_max = 0;
    for (size_t i = 0; i < table_count; i++) {
        for (const FunctionEntry *entry = tables[i]; entry->function != 0; entry++)
            count_max++;
    }
    FunctionRegistry *registry = arena_new(arena, FunctionRegistry);
    registry->entries = arena_new_array(arena, const FunctionEntry *, count_max);
    for (size_t i = 0; i < table_count; i++) {
        size_t sorted_count = registry->count;
        for (const FunctionEntry *entry = tables[i]; entry->function != 0; entry++) {
            FunctionRegistry earlier = {.count = sorted_count, .entries = registry->entries};
            const FunctionEntry **found = entry_find(&earlier, entry->function);
            if (found != NULL) {
                *found = entry;
            } else {
                registry->entries[registry->count++] = entry;
            }
        }
        qsort(registry->entries, registry->count, sizeof(FunctionEntry *), entry_compare);
    }
    return registry;
}

static Status fail_unsupported(Oid function) {
    const FunctionInfo *info = function_find(function);
    if (info == NULL) {
        return fail(FEATURE_NOT_SUPPORTED, "function with OID %u is not supported yet", function);
    }
    Arena scratch;
    arena_init(&scratch, NULL);
    Text signature;
    text_init(&signature, &scratch);
    text_append_text(&signature, info->name);
    text_append_char(&signature, '(');
    for (uint16_t i = 0; i < info->argument_count; i++) {
        if (i > 0) text_append_text(&signature, ", ");
        type_format(sql_type(info->arguments[i]), &signature);
    }
    text_append_char(&signature, ')');
    Status status = fail(FEATURE_NOT_SUPPORTED, "function %s is not supported yet", signature.data);
    arena_deinit(&scratch);
    return status;
}

Status function_registry_find(
    const FunctionRegistry *registry, Oid function, const FunctionEntry **entry_out) {
    const FunctionEntry **found = entry_find(registry, function);
    if (found == NULL) return fail_unsupported(function);
    *entry_out = *found;
    return OK;
}

Status function_call(FunctionContext *context, Oid function, SqlType result_type,
    const Oid *argument_types, const Value *arguments, uint32_t argument_count, Arena *arena,
    Value *value_out) {
    const FunctionEntry **found = entry_find(context->registry, function);
    const FunctionInfo *info = function_find(function);
    if (info == NULL || found == NULL || (*found)->kernel == NULL) {
        return fail_unsupported(function);
    }

    uint64_t *null_words = arena_new_array(arena, uint64_t, argument_count + 1);
    Datum *data = arena_allocate_zeroed(arena, sizeof(Datum) * (argument_count + 1), 64);
    Column *columns = arena_new_array(arena, Column, argument_count + 1);
    for (uint32_t i = 0; i < argument_count; i++) {
        if (arguments[i].is_null && info->is_strict) {
            *value_out = value_null();
            return OK;
        }
        null_words[i] = arguments[i].is_null;
        if (!arguments[i].is_null) data[i] = arguments[i].datum;
        columns[i] = (Column){
            .type = argument_types[i],
            .kind = type_physical(argument_types[i]),
            .is_constant = true,
            .values = &data[i],
            .nulls = arguments[i].is_null ? &null_words[i] : NULL,
        };
    }
    Column *result = &columns[argument_count];
    *result = (Column){
        .type = result_type.oid,
        .kind = type_physical(result_type.oid),
        .values = &data[argument_count],
        .nulls = &null_words[argument_count],
    };
    Call call = {
        .context = context,
        .function = info,
        .arguments = columns,
        .argument_count = argument_count,
        .argument_types = argument_types,
        .result_type = result_type,
        .selection = {.rows = NULL, .count = 1},
        .result = result,
        .arena = arena,
    };
    TRY((*found)->kernel(&call));
    *value_out = column_get(result, 0);
    return OK;
}
