// Access paths: for each table the router picks index or scan.
//
// Model    A condition `column OP something` whose other side has no column of the same table is a
//          bound for an index that has the column next. Conditions stay in the filter unless the
//          path is sure to test them, so that an index only has to narrow. All columns of a unique
//          index bound by `=` are a key look-up; a range whose size the plan cannot know is routed
//          when it starts, with the actual bounds.
#include "optimize/optimize_internal.h"

typedef enum RangeKind {
    RANGE_EQUAL,
    RANGE_LESS,
    RANGE_AT_MOST,
    RANGE_AT_LEAST,
    RANGE_MORE
} RangeKind;

typedef struct Bound {
    int16_t number;
    RangeKind kind;
    Expression *value;
    Oid column_type;
    Expression *condition;
    bool is_list; // RANGE_EQUAL to any element of `value`, an array
} Bound;

typedef struct BoundList {
    Bound *items;
    uint32_t count;
} BoundList;

static bool type_is_integer(Oid type) {
    return type == TYPE_INT2 || type == TYPE_INT4 || type == TYPE_INT8;
}

static bool type_is_text(Oid type) {
    return type == TYPE_TEXT || type == TYPE_VARCHAR;
}

static bool types_agree(Oid column, Oid value) {
    return column == value || (type_is_integer(column) && type_is_integer(value))
           || (type_is_text(column) && type_is_text(value));
}

// The column of the relation that an operand is, if it is one; varchar relabelled as text too.
static const Expression *operand_column(const Expression *operand, uint32_t relation) {
    if (operand->kind == EXPRESSION_RELABEL && operand->type.oid == TYPE_TEXT
        && operand->arguments[0]->type.oid == TYPE_VARCHAR) {
        operand = operand->arguments[0];
    }
    bool is_column = operand->kind == EXPRESSION_COLUMN && operand->column.levels_up == 0
                     && operand->column.relation == relation && operand->column.number > 0;
    return is_column ? operand : NULL;
}

// Whether the operator is one of its types' btree order, and which.
static bool operator_is_order(Oid oid, RangeKind *kind_out) {
    const OperatorInfo *info = oid == 0 ? NULL : operator_find(oid);
    if (info == NULL) return false;
    static const char *const names[] = {"=", "<", "<=", ">=", ">"};
    for (uint32_t i = 0; i < 5; i++) {
        if (strcmp(info->name, names[i]) != 0) continue;
        *kind_out = (RangeKind)i;
        if (info->left == info->right) return operator_of_type(names[i], info->left) == oid;
        return type_is_integer(info->left) && type_is_integer(info->right);
    }
    return false;
}

static RangeKind bound_mirror(RangeKind kind) {
    switch (kind) {
    case RANGE_EQUAL:
        return RANGE_EQUAL;
    case RANGE_LESS:
        return RANGE_MORE;
    case RANGE_AT_MOST:
        return RANGE_AT_LEAST;
    case RANGE_AT_LEAST:
        return RANGE_AT_MOST;
    case RANGE_MORE:
        return RANGE_LESS;
    }
    UNREACHABLE();
}

static bool condition_bound(const Expression *condition, uint32_t relation, Bound *bound_out) {
    RangeKind kind;
    if (condition->kind != EXPRESSION_CALL || condition->argument_count != 2
        || !operator_is_order(condition->operator, & kind)) {
        return false;
    }
    uint64_t self = UINT64_C(1) << relation;
    for (uint32_t side = 0; side < 2; side++) {
        const Expression *column = operand_column(condition->arguments[side], relation);
        Expression *value = condition->arguments[1 - side];
        if (column == NULL || (relations_of(value) & self) != 0) continue;
        if (!types_agree(column->type.oid, value->type.oid) || expression_is_volatile(value)) {
            continue;
        }
        *bound_out = (Bound){
            .number = column->column.number,
            .kind = side == 0 ? kind : bound_mirror(kind),
            .value = value,
            .column_type = column->type.oid,
            .condition = (Expression *)(uintptr_t)condition,
        };
        return true;
    }
    return false;
}

// column = ANY (array), which IN (list) is, too.
static bool condition_list(const Expression *condition, uint32_t relation, Bound *bound_out) {
    RangeKind kind;
    if (condition->kind != EXPRESSION_ARRAY_COMPARISON || condition->is_all || condition->is_negated
        || !operator_is_order(condition->operator, & kind) || kind != RANGE_EQUAL) {
        return false;
    }
    const Expression *column = operand_column(condition->arguments[0], relation);
    Expression *array = condition->arguments[1];
    if (column == NULL || (relations_of(array) & UINT64_C(1) << relation) != 0) return false;
    Oid element = type_element(array->type.oid);
    if (!types_agree(column->type.oid, element) || expression_is_volatile(array)) return false;
    *bound_out = (Bound){
        .number = column->column.number,
        .kind = RANGE_EQUAL,
        .value = array,
        .column_type = column->type.oid,
        .condition = (Expression *)(uintptr_t)condition,
        .is_list = true,
    };
    return true;
}

static BoundList bounds_find(Planner *planner, uint32_t relation, const ConditionList *conditions) {
    BoundList list = {.items = arena_new_array(planner->arena, Bound, conditions->count + 1)};
    for (uint32_t i = 0; i < conditions->count; i++) {
        if (condition_bound(conditions->items[i], relation, &list.items[list.count])
            || condition_list(conditions->items[i], relation, &list.items[list.count])) {
            list.count++;
        }
    }
    return list;
}

static const Bound *bound_find(
    const BoundList *bounds, int16_t number, RangeKind kind, RangeKind other) {
    for (uint32_t i = 0; i < bounds->count; i++) {
        const Bound *bound = &bounds->items[i];
        if (bound->is_list || bound->number != number) continue;
        if (bound->kind == kind || bound->kind == other) return bound;
    }
    return NULL;
}

static const Bound *bound_find_list(const BoundList *bounds, int16_t number) {
    for (uint32_t i = 0; i < bounds->count; i++) {
        if (bounds->items[i].is_list && bounds->items[i].number == number) return &bounds->items[i];
    }
    return NULL;
}

// How many values a list is expected to have.
static double list_count(const Bound *bound) {
    return bound->value->kind == EXPRESSION_ARRAY ? (double)bound->value->argument_count : 10.0;
}

bool access_has_lookup(
    Planner *planner, uint32_t relation, const ConditionList *conditions, bool *is_unique_out) {
    *is_unique_out = false;
    const TableInfo *table = planner->relations[relation].table;
    if (table == NULL || table->is_constant) return false;
    BoundList bounds = bounds_find(planner, relation, conditions);
    bool has_lookup = false;
    for (uint32_t i = 0; i < table->index_count; i++) {
        const IndexInfo *index = &table->indexes[i];
        uint32_t equal_count = 0;
        while (
            equal_count < index->column_count
            && bound_find(&bounds, index->columns[equal_count], RANGE_EQUAL, RANGE_EQUAL) != NULL) {
            equal_count++;
        }
        if (equal_count > 0) has_lookup = true;
        if (equal_count == index->column_count && index->is_unique) *is_unique_out = true;
    }
    return has_lookup;
}

// A candidate: an index and the bounds that fit it.
enum { INDEX_COLUMN_MAX = 32 };

typedef struct Candidate {
    const IndexInfo *index;
    uint32_t equal_count;
    const Bound *equals[INDEX_COLUMN_MAX];
    const Bound *low, *high;
    const Bound *list; // the one of `equals` that is a list
    bool is_key, gives_order, is_backward;
    double rows;
} Candidate;

// Whether rows in the index's order, from its column `equal_count` on, are in the wanted one.
static bool candidate_orders(Candidate *candidate, const WantedOrder *order, uint32_t relation) {
    if (order == NULL || order->relation != relation) return false;
    const IndexInfo *index = candidate->index;
    uint32_t at = 0;
    for (uint32_t k = 0; k < order->key_count; k++) {
        // A column with one value orders nothing.
        bool is_fixed = false;
        for (uint32_t e = 0; e < candidate->equal_count; e++) {
            if (index->columns[e] == order->numbers[k]) is_fixed = true;
        }
        if (is_fixed) continue;
        if (at < candidate->equal_count) at = candidate->equal_count;
        if (at >= index->column_count || index->columns[at] != order->numbers[k]) return false;
        const KeyColumn *key = &index->keys[at];
        const KeyColumn *wanted = &order->keys[k];
        bool is_same_way = key->is_descending == wanted->is_descending;
        bool nulls_agree = is_same_way == (key->nulls_first == wanted->nulls_first);
        if (!nulls_agree && key->is_nullable) return false;
        bool is_first = at == candidate->equal_count;
        if (!is_first && candidate->is_backward == is_same_way) return false;
        candidate->is_backward = !is_same_way;
        at++;
    }
    return true;
}

static void candidate_make(Planner *planner, uint32_t relation, const IndexInfo *index,
    const BoundList *bounds, double row_count, Candidate *candidate) {
    *candidate = (Candidate){.index = index, .rows = row_count};
    uint32_t count =
        index->column_count < INDEX_COLUMN_MAX ? index->column_count : INDEX_COLUMN_MAX;
    while (candidate->equal_count < count) {
        const Bound *bound =
            bound_find(bounds, index->columns[candidate->equal_count], RANGE_EQUAL, RANGE_EQUAL);
        if (bound == NULL && candidate->list == NULL) {
            bound = bound_find_list(bounds, index->columns[candidate->equal_count]);
            candidate->list = bound;
        }
        if (bound == NULL) break;
        candidate->equals[candidate->equal_count++] = bound;
        candidate->rows = candidate->rows / 200.0 + 1.0;
    }
    bool is_one_row = index->is_unique && candidate->equal_count == index->column_count;
    candidate->is_key = is_one_row && candidate->list == NULL;
    if (is_one_row) candidate->rows = 1.0;
    if (candidate->list != NULL) candidate->rows *= list_count(candidate->list);
    if (candidate->equal_count < count && !index->keys[candidate->equal_count].is_descending) {
        int16_t number = index->columns[candidate->equal_count];
        candidate->low = bound_find(bounds, number, RANGE_AT_LEAST, RANGE_MORE);
        candidate->high = bound_find(bounds, number, RANGE_AT_MOST, RANGE_LESS);
        // Bounds that are not known yet: a range is narrow, a half-open one is not.
        bool is_closed = candidate->low != NULL && candidate->high != NULL;
        bool is_half_open = candidate->low != NULL || candidate->high != NULL;
        if (is_half_open) candidate->rows = candidate->rows / (is_closed ? 200.0 : 3.0) + 1.0;
    }
    candidate->gives_order = !candidate->is_key && candidate->list == NULL
                             && candidate_orders(candidate, planner->order, relation);
}

static bool candidate_narrows(const Candidate *candidate) {
    return candidate->equal_count > 0 || candidate->low != NULL || candidate->high != NULL;
}

static bool candidate_is_better(const Candidate *a, const Candidate *b, bool has_limit) {
    if (b->index == NULL) return true;
    if (a->is_key != b->is_key) return a->is_key;
    if (has_limit && a->gives_order != b->gives_order) return a->gives_order;
    if (a->rows != b->rows) return a->rows < b->rows;
    return a->gives_order && !b->gives_order;
}

static PlanBound range_add_value(
    PlanRange *range, const Bound *bound, Expression **values, uint32_t *value_count) {
    values[*value_count] = bound->value;
    range->conditions[range->condition_count++] = bound->condition;
    Oid from = bound->is_list ? type_element(bound->value->type.oid) : bound->value->type.oid;
    Oid to = bound->column_type;
    bool is_integer = type_is_integer(from) && type_is_integer(to);
    return (PlanBound){.value = (*value_count)++, .from = is_integer ? from : to, .to = to};
}

static Status range_make(Planner *planner, const Candidate *candidate, PlanRange **range_out) {
    Arena *arena = planner->arena;
    PlanRange *range = arena_new(arena, PlanRange);
    Expression *values[INDEX_COLUMN_MAX + 2];
    uint32_t value_count = 0;
    range->index_number = candidate->index->index_number;
    range->index_name = candidate->index->name;
    range->key_count = candidate->index->column_count;
    range->equal_count = candidate->equal_count;
    range->equals = arena_new_array(arena, PlanBound, candidate->equal_count + 1);
    range->conditions = arena_new_array(arena, Expression *, candidate->equal_count + 2);
    range->is_backward = candidate->gives_order && candidate->is_backward;
    for (uint32_t i = 0; i < candidate->equal_count; i++) {
        range->equals[i] = range_add_value(range, candidate->equals[i], values, &value_count);
        if (!candidate->equals[i]->is_list) continue;
        range->has_list = true;
        range->list = i;
    }
    if (candidate->low != NULL) {
        range->has_low = true;
        range->low_inclusive = candidate->low->kind == RANGE_AT_LEAST;
        range->low = range_add_value(range, candidate->low, values, &value_count);
    }
    if (candidate->high != NULL) {
        range->has_high = true;
        range->high_inclusive = candidate->high->kind == RANGE_AT_MOST;
        range->high = range_add_value(range, candidate->high, values, &value_count);
    }
    if (value_count > 0) {
        TRY(planner_lower(planner, NULL, values, value_count, &range->values));
    }
    *range_out = range;
    return OK;
}

// A bound's constant as a value of the key column's type; false when it is none or does not fit.
static bool bound_constant(const Bound *bound, Value *value_out) {
    const Expression *expression = bound->value;
    if (bound->is_list) return false;
    if (expression->kind != EXPRESSION_CONSTANT || expression->constant.is_null) return false;
    *value_out = expression->constant;
    Oid from = expression->type.oid;
    Oid to = bound->column_type;
    if (from == to || !type_is_integer(from)) return true;
    int64_t integer = from == TYPE_INT2   ? expression->constant.datum.int2
                      : from == TYPE_INT4 ? expression->constant.datum.int4
                                          : expression->constant.datum.int8;
    *value_out = (Value){0};
    if (to == TYPE_INT8) {
        value_out->datum.int8 = integer;
        return true;
    }
    if (integer < INT16_MIN || integer > INT16_MAX) {
        if (to == TYPE_INT2 || integer < INT32_MIN || integer > INT32_MAX) return false;
    }
    if (to == TYPE_INT2) {
        value_out->datum.int2 = (int16_t)integer;
    } else {
        value_out->datum.int4 = (int32_t)integer;
    }
    return true;
}

// With constant bounds the index's models know how many rows there are.
static void candidate_estimate(Candidate *candidate, Table *table, double row_count) {
    Value low[INDEX_COLUMN_MAX + 1], high[INDEX_COLUMN_MAX + 1];
    uint32_t count = candidate->equal_count;
    for (uint32_t i = 0; i < count; i++) {
        if (!bound_constant(candidate->equals[i], &low[i])) return;
        high[i] = low[i];
    }
    IndexRange range = {
        .index_number = candidate->index->index_number,
        .low_count = count,
        .high_count = count,
        .low = low,
        .high = high,
        .low_inclusive = true,
        .high_inclusive = true,
    };
    if (candidate->low != NULL) {
        if (!bound_constant(candidate->low, &low[count])) return;
        range.low_count++;
        range.low_inclusive = candidate->low->kind == RANGE_AT_LEAST;
    }
    if (candidate->high != NULL) {
        if (!bound_constant(candidate->high, &high[count])) return;
        range.high_count++;
        range.high_inclusive = candidate->high->kind == RANGE_AT_MOST;
    }
    candidate->rows = row_count * table_index_estimate(table, &range) + 1.0;
}

// The layout and the columns read: what the query needs of the relation.
static void access_set_columns(Planner *planner, uint32_t relation, PlanNode *node) {
    const RelationPlan *plan = &planner->relations[relation];
    const TableInfo *table = plan->table;
    Arena *arena = planner->arena;
    PlanAccess *access = &node->access;
    access->columns = arena_new_array(arena, uint64_t, table->column_count / 64 + 1);
    access->positions = arena_new_array(arena, uint16_t, plan->needed_count + 1);
    for (uint32_t i = 0; i < plan->needed_count; i++) {
        for (uint32_t c = 0; c < table->column_count; c++) {
            const ColumnInfo *column = &table->columns[c];
            if (column->number != plan->needed[i]) continue;
            access->positions[node->layout.count] = column->position;
            access->columns[column->position >> 6] |= UINT64_C(1) << (column->position & 63);
            layout_add(&node->layout, arena,
                (LayoutColumn){
                    .type = column->type, .relation = relation, .number = column->number});
        }
    }
    if (plan->needs_row_id) {
        access->has_row_id = true;
        layout_add(&node->layout, arena,
            (LayoutColumn){
                .type = sql_type(TYPE_INT8), .relation = relation, .number = COLUMN_ROW_ID});
    }
}

static bool bound_is(const Bound *bound, const Expression *condition) {
    return bound != NULL && bound->condition == condition;
}

// Whether every row that the candidate's range gives passes the condition. NULLs lie at an end of
// the index, within a half-open range, and pass none.
static bool candidate_ensures(const Candidate *candidate, const Expression *condition) {
    uint32_t equal_count = candidate->equal_count;
    for (uint32_t e = 0; e < equal_count; e++) {
        if (bound_is(candidate->equals[e], condition)) return true;
    }
    if (equal_count == candidate->index->column_count) return false;
    if (candidate->index->keys[equal_count].is_nullable) return false;
    return bound_is(candidate->low, condition) || bound_is(candidate->high, condition);
}

// What remains to be tested of the rows that `candidate` gives.
static ConditionList conditions_without(
    Planner *planner, const ConditionList *conditions, const Candidate *candidate) {
    ConditionList rest = {0};
    for (uint32_t i = 0; i < conditions->count; i++) {
        bool is_ensured = candidate_ensures(candidate, conditions->items[i]);
        if (!is_ensured) condition_add(&rest, planner->arena, conditions->items[i]);
    }
    return rest;
}

static Status access_choose(Planner *planner, uint32_t relation, const ConditionList *conditions,
    PlanNode *node, ConditionList *rest_out) {
    const TableInfo *table = node->access.table;
    const OptimizeInput *input = planner->shared->input;
    TableSet *tables = catalog_tables(catalog_view_catalog(input->catalog));
    Table *stored = table_find(tables, table->store);
    double row_count = stored == NULL ? 1000.0 : table_row_estimate(stored);
    node->access.path = ACCESS_SCAN;
    node->rows = row_count;
    node->cost = row_count;
    *rest_out = *conditions;

    BoundList bounds = bounds_find(planner, relation, conditions);
    WantedOrder *order = planner->order;
    bool has_limit = order != NULL && order->relation == relation && order->has_limit;
    Candidate best = {0};
    for (uint32_t i = 0; i < table->index_count; i++) {
        Candidate candidate;
        candidate_make(planner, relation, &table->indexes[i], &bounds, row_count, &candidate);
        if (stored != NULL && !candidate.is_key && candidate_narrows(&candidate)) {
            candidate_estimate(&candidate, stored, row_count);
        }
        bool is_useful = candidate_narrows(&candidate) || (candidate.gives_order && has_limit);
        if (is_useful && candidate_is_better(&candidate, &best, has_limit)) best = candidate;
    }
    if (best.index == NULL || input->forced_path == FORCE_SCAN) return OK;

    TRY(range_make(planner, &best, &node->access.range));
    node->rows = best.rows;
    node->cost = best.rows * 4.0;
    if (best.is_key) {
        node->access.path = ACCESS_KEY;
        *rest_out = conditions_without(planner, conditions, &best);
    } else if (best.gives_order && has_limit) {
        node->access.path = ACCESS_INDEX;
        order->is_given = true;
        *rest_out = conditions_without(planner, conditions, &best);
    } else if (input->forced_path == FORCE_INDEX || planner->lateral != NULL) {
        // Looked up for each outer row: the join has weighed it already.
        node->access.path = ACCESS_INDEX;
        if (best.gives_order && order != NULL) order->is_given = true;
    } else {
        node->access.path = ACCESS_ROUTED;
    }
    return OK;
}

Status plan_table_access(
    Planner *planner, uint32_t relation, const ConditionList *conditions, PlanNode **node_out) {
    const TableInfo *table = planner->relations[relation].table;
    const Relation *from = &planner->query->relations[relation];
    PlanNode *node =
        planner_node(planner, table->is_constant ? PLAN_CATALOG_SCAN : PLAN_TABLE_ACCESS);
    node->access.table = table;
    node->access.alias = from->alias;
    node->access.relation = relation;
    access_set_columns(planner, relation, node);
    ConditionList rest = *conditions;
    bool is_target =
        planner->query->kind != QUERY_SELECT && relation == planner->query->result_relation;
    bool is_locked = planner->relations[relation].needs_row_id;
    if (!is_target) {
        TRY(planner_add_table(planner, table->oid, is_locked ? LOCK_ROW_SHARE : LOCK_ACCESS_SHARE));
    }
    if (table->is_constant) {
        node->rows = 1000.0;
        node->cost = 1000.0;
    } else {
        if (table->kind != RELATION_TABLE) {
            return fail(WRONG_OBJECT_TYPE, "cannot read rows of \"%s\"", table->name);
        }
        TRY(access_choose(planner, relation, conditions, node, &rest));
    }
    for (uint32_t i = 0; i < rest.count && node->access.path == ACCESS_SCAN; i++) {
        node->rows = node->rows / 3.0 + 1.0;
    }
    TRY(planner_set_filter(planner, node, &node->layout, &rest));
    *node_out = node;
    return OK;
}
