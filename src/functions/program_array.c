// Arrays within programs: comparison with each element, ARRAY[...], subscripts.
#include "base/error.h"
#include "functions/program_internal.h"
#include "types/array.h"

static inline const View *view_at(const Column *column, uint32_t row) {
    return &((const View *)column->values)[column->is_constant ? 0 : row];
}

static uint32_t row_bound(Selection selection) {
    if (selection.rows == NULL || selection.count == 0) return selection.count;
    return (uint32_t)selection.rows[selection.count - 1] + 1;
}

// A flat column for the rows below `row_count`, with a bitmap.
static Column scratch_column(Arena *arena, Oid type, uint32_t row_count) {
    PhysicalKind kind = type_physical(type);
    return (Column){
        .type = type,
        .kind = kind,
        .values = arena_allocate_zeroed(arena, (size_t)physical_width[kind] * row_count, 64),
        .nulls = arena_new_array(arena, uint64_t, (row_count + 63) / 64),
    };
}

// ---- value OP ANY (array), value OP ALL (array) -------------------------------------------------

// ANY is an OR over the elements and ALL an AND: the first comparison that answers `deciding`
// decides, and NULL is remembered.
typedef struct Comparison {
    const OperationCall *call;
    Column arguments[2];
    bool deciding;
} Comparison;

static Status compare(const Comparison *comparison, Selection selection, Column *result) {
    const OperationCall *call = comparison->call;
    Call kernel_call = {
        .context = call->context,
        .function = call->instruction->function,
        .arguments = comparison->arguments,
        .argument_count = 2,
        .argument_types = call->instruction->argument_types,
        .result_type = sql_type(TYPE_BOOL),
        .selection = selection,
        .result = result,
        .arena = call->arena,
    };
    return call->instruction->kernel(&kernel_call);
}

static inline void null_bit_set(Column *column, uint32_t row) {
    column->nulls[row >> 6] |= UINT64_C(1) << (row & 63);
}

static inline void null_bit_clear(Column *column, uint32_t row) {
    column->nulls[row >> 6] &= ~(UINT64_C(1) << (row & 63));
}

// Many elements and an equality: the elements in a hash table, probed once a row.
enum { HASHED_ELEMENT_COUNT_MIN = 16 };

typedef struct ElementTable {
    const TypeOps *ops;
    Datum *elements;
    uint32_t *slots; // 1 + index of an element, or 0
    uint32_t mask;
    bool has_null;
} ElementTable;

static bool table_find(const ElementTable *table, const Datum *wanted, uint32_t *slot_out) {
    uint32_t slot = (uint32_t)table->ops->hash(wanted) & table->mask;
    for (; table->slots[slot] != 0; slot = (slot + 1) & table->mask) {
        if (table->ops->compare(&table->elements[table->slots[slot] - 1], wanted) == 0) return true;
    }
    *slot_out = slot;
    return false;
}

static ElementTable table_make(const TypeOps *ops, const Array *array, Arena *arena) {
    uint32_t slot_count = 32;
    while (slot_count < array->count * 2)
        slot_count *= 2;
    ElementTable table = {
        .ops = ops,
        .elements = arena_allocate(arena, sizeof(Datum) * array->count, 16),
        .slots = arena_new_array(arena, uint32_t, slot_count),
        .mask = slot_count - 1,
    };
    uint32_t count = 0, slot;
    for (uint32_t i = 0; i < array->count; i++) {
        Value element = array_get(array, i);
        if (element.is_null) {
            table.has_null = true;
        } else if (!table_find(&table, &element.datum, &slot)) {
            table.elements[count] = element.datum;
            table.slots[slot] = ++count;
        }
    }
    return table;
}

static void compare_hashed_array(const Comparison *comparison, const Array *array) {
    const OperationCall *call = comparison->call;
    ElementTable table = table_make(call->instruction->from, array, call->arena);
    const Column *values = &comparison->arguments[0];
    bool *answers = call->result->values;
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i), slot;
        Value value = column_get(values, row);
        bool is_found = !value.is_null && table_find(&table, &value.datum, &slot);
        if (value.is_null || (!is_found && table.has_null)) {
            column_set_null(call->result, call->arena, row);
        } else {
            answers[row] = is_found == comparison->deciding;
        }
    }
}

// One array for every row: element after element, over the rows that none has decided yet.
static Status compare_constant_array(Comparison *comparison, const Array *array) {
    const OperationCall *call = comparison->call;
    Selection selection = call->selection;
    Column *result = call->result;
    bool *answers = result->values;
    bool is_strict = call->instruction->function->is_strict;
    uint16_t *undecided = arena_new_array(call->arena, uint16_t, selection.count);
    uint32_t undecided_count = 0;
    const Column *values = &comparison->arguments[0];
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = selection_row(selection, i);
        answers[row] = !comparison->deciding;
        if (is_strict && column_is_null(values, row)) {
            if (array->count > 0) column_set_null(result, call->arena, row);
        } else {
            undecided[undecided_count++] = (uint16_t)row;
        }
    }

    Column outcome = scratch_column(call->arena, TYPE_BOOL, row_bound(selection));
    const bool *outcomes = outcome.values;
    Datum *datum = arena_allocate_zeroed(call->arena, sizeof *datum, 64);
    uint64_t *null_word = arena_new(call->arena, uint64_t);
    comparison->arguments[1] = (Column){
        .type = array->element,
        .kind = array->kind,
        .is_constant = true,
        .values = datum,
    };
    for (uint32_t index = 0; index < array->count && undecided_count > 0; index++) {
        Value element = array_get(array, index);
        if (element.is_null && is_strict) {
            for (uint32_t i = 0; i < undecided_count; i++)
                null_bit_set(result, undecided[i]);
            continue;
        }
        *datum = element.datum;
        *null_word = element.is_null;
        comparison->arguments[1].nulls = element.is_null ? null_word : NULL;
        for (uint32_t i = 0; i < undecided_count; i++)
            null_bit_clear(&outcome, undecided[i]);
        TRY(compare(
            comparison, (Selection){.rows = undecided, .count = undecided_count}, &outcome));
        uint32_t left = 0;
        for (uint32_t i = 0; i < undecided_count; i++) {
            uint32_t row = undecided[i];
            if (column_is_null(&outcome, row)) {
                null_bit_set(result, row);
            } else if (outcomes[row] == comparison->deciding) {
                null_bit_clear(result, row);
                answers[row] = comparison->deciding;
                continue;
            }
            undecided[left++] = (uint16_t)row;
        }
        undecided_count = left;
    }
    for (uint32_t i = 0; i < undecided_count; i++) {
        if (column_is_null(result, undecided[i])) answers[undecided[i]] = false;
    }
    return OK;
}

// One row against its own array.
static Status compare_row(Comparison *comparison, const Array *array, uint32_t row) {
    const OperationCall *call = comparison->call;
    bool is_strict = call->instruction->function->is_strict;
    Value value = column_get(&comparison->arguments[0], row);
    bool has_null = false;
    Datum data[2] = {value.datum};
    uint64_t nulls[2] = {value.is_null, 0};
    bool outcome_value = false;
    uint64_t outcome_null = 0;
    Column outcome = {
        .type = TYPE_BOOL, .kind = PHYSICAL_BOOL, .values = &outcome_value, .nulls = &outcome_null};
    Comparison one = {.call = call,
        .arguments = {comparison->arguments[0],
            {.type = array->element, .kind = array->kind, .values = &data[1]}}};
    one.arguments[0].values = &data[0];
    one.arguments[0].nulls = value.is_null ? &nulls[0] : NULL;

    for (uint32_t index = 0; index < array->count; index++) {
        Value element = array_get(array, index);
        if (is_strict && (element.is_null || value.is_null)) {
            has_null = true;
            continue;
        }
        data[1] = element.datum;
        nulls[1] = element.is_null;
        one.arguments[1].nulls = element.is_null ? &nulls[1] : NULL;
        outcome_null = 0;
        TRY(compare(&one, (Selection){.rows = NULL, .count = 1}, &outcome));
        if (outcome_null != 0) {
            has_null = true;
        } else if (outcome_value == comparison->deciding) {
            ((bool *)call->result->values)[row] = comparison->deciding;
            return OK;
        }
    }
    if (has_null) {
        column_set_null(call->result, call->arena, row);
    } else {
        ((bool *)call->result->values)[row] = !comparison->deciding;
    }
    return OK;
}

Status operation_array_comparison(const OperationCall *call) {
    const Column *arrays = call->columns[call->instruction->arguments[1]];
    Comparison comparison = {
        .call = call,
        .arguments = {*call->columns[call->instruction->arguments[0]]},
        .deciding = !call->instruction->is_negated,
    };
    bool is_constant = arrays->is_constant && !column_is_null(arrays, 0);
    if (is_constant && call->selection.count > 1) {
        Array array = array_open(view_at(arrays, 0));
        if (call->instruction->from != NULL && array.count >= HASHED_ELEMENT_COUNT_MIN) {
            compare_hashed_array(&comparison, &array);
            return OK;
        }
        return compare_constant_array(&comparison, &array);
    }
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        if (column_is_null(arrays, row)) {
            column_set_null(call->result, call->arena, row);
            continue;
        }
        Array array = array_open(view_at(arrays, row));
        TRY(compare_row(&comparison, &array, row));
    }
    return OK;
}

// ---- ARRAY[...]
// ----------------------------------------------------------------------------------

// The elements are arrays themselves: one dimension more, over arrays that are all alike.
static Status join_arrays(
    const Value *parts, uint32_t part_count, Oid element, Arena *arena, View *view_out) {
    Array *arrays = arena_new_array(arena, Array, part_count);
    uint32_t array_count = 0, element_count = 0;
    for (uint32_t i = 0; i < part_count; i++) {
        if (parts[i].is_null) continue;
        Array array = array_open(&parts[i].datum.view);
        if (array.dimension_count == 0) continue;
        arrays[array_count++] = array;
        element_count += array.count;
    }
    if (array_count == 0) {
        *view_out = array_make(element, 0, NULL, NULL, NULL, arena);
        return OK;
    }
    uint32_t inner = arrays[0].dimension_count;
    if (inner == ARRAY_DIMENSION_MAX) {
        return fail(PROGRAM_LIMIT_EXCEEDED,
            "number of array dimensions (%d) exceeds the maximum allowed (%d)",
            ARRAY_DIMENSION_MAX + 1, ARRAY_DIMENSION_MAX);
    }
    bool all_alike = array_count == part_count;
    for (uint32_t i = 1; i < array_count; i++) {
        all_alike =
            all_alike && arrays[i].dimension_count == inner
            && memcmp(arrays[i].sizes, arrays[0].sizes, inner * sizeof(int32_t)) == 0
            && memcmp(arrays[i].lower_bounds, arrays[0].lower_bounds, inner * sizeof(int32_t)) == 0;
    }
    if (!all_alike) {
        return fail(ARRAY_SUBSCRIPT_ERROR,
            "multidimensional arrays must have array expressions with matching dimensions");
    }
    int32_t sizes[ARRAY_DIMENSION_MAX] = {(int32_t)array_count};
    int32_t lower_bounds[ARRAY_DIMENSION_MAX] = {1};
    memcpy(sizes + 1, arrays[0].sizes, inner * sizeof(int32_t));
    memcpy(lower_bounds + 1, arrays[0].lower_bounds, inner * sizeof(int32_t));
    Value *elements = arena_new_array(arena, Value, element_count);
    uint32_t at = 0;
    for (uint32_t i = 0; i < array_count; i++) {
        for (uint32_t j = 0; j < arrays[i].count; j++)
            elements[at++] = array_get(&arrays[i], j);
    }
    *view_out = array_make(element, inner + 1, sizes, lower_bounds, elements, arena);
    return OK;
}

Status operation_array(const OperationCall *call) {
    const Instruction *instruction = call->instruction;
    uint32_t count = instruction->argument_count;
    Oid element = type_element(call->result->type);
    bool is_nested = count > 0
                     && type_element(call->registers[instruction->arguments[0]].type.oid) == element
                     && call->registers[instruction->arguments[0]].type.oid != element;
    Value *values = arena_new_array(call->arena, Value, count);
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        for (uint32_t j = 0; j < count; j++) {
            values[j] = column_get(call->columns[instruction->arguments[j]], row);
        }
        Value array = {.is_null = false};
        if (is_nested) {
            TRY(join_arrays(values, count, element, call->arena, &array.datum.view));
        } else {
            array.datum.view = array_make_list(element, values, count, call->arena);
        }
        column_set(call->result, call->arena, row, &array);
    }
    return OK;
}

// ---- array[index]
// --------------------------------------------------------------------------------

Status operation_array_element(const OperationCall *call) {
    const Column *arrays = call->columns[call->instruction->arguments[0]];
    const Column *indexes = call->columns[call->instruction->arguments[1]];
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        if (column_is_null(arrays, row) || column_is_null(indexes, row)) {
            column_set_null(call->result, call->arena, row);
            continue;
        }
        Array array = array_open(view_at(arrays, row));
        int32_t subscript = column_get(indexes, row).datum.int4;
        uint32_t index = 0;
        Value element = value_null();
        if (array.dimension_count == 1 && array_find(&array, &subscript, &index)) {
            element = array_get(&array, index);
        }
        column_set(call->result, call->arena, row, &element);
    }
    return OK;
}
