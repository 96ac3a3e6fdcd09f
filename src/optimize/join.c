// One join of two sides: by hash where an equality allows it, by nested loop otherwise; and the
// leaves that are no tables.
#include "optimize/optimize_internal.h"

static bool type_is_integer(Oid type) {
    return type == TYPE_INT2 || type == TYPE_INT4 || type == TYPE_INT8;
}

// `left-expression = right-expression` between the sides, either way round, of hashable types.
bool condition_is_hashable(const Expression *condition, uint64_t left, uint64_t right) {
    if (condition->kind != EXPRESSION_CALL || condition->argument_count != 2) return false;
    const OperatorInfo *info = condition->operator== 0 ? NULL : operator_find(condition->operator);
    if (info == NULL || strcmp(info->name, "=") != 0) return false;
    bool is_same =
        info->left == info->right && operator_of_type("=", info->left) == condition->operator;
    if (!is_same && !(type_is_integer(info->left) && type_is_integer(info->right))) return false;
    const TypeOps *ops = type_ops(info->left);
    if (ops == NULL || ops->hash == NULL || ops->compare == NULL) return false;
    uint64_t first = relations_of(condition->arguments[0]);
    uint64_t second = relations_of(condition->arguments[1]);
    if (first == 0 || second == 0) return false;
    if (expression_is_volatile(condition)) return false;
    return ((first & ~left) == 0 && (second & ~right) == 0)
           || ((first & ~right) == 0 && (second & ~left) == 0);
}

static Expression *expression_cast(Planner *planner, Expression *expression, Oid target) {
    Oid source = expression->type.oid;
    if (source == target || !type_is_integer(source)) return expression;
    const CastInfo *cast = cast_find(source, target);
    if (cast == NULL || cast->function == 0) return expression;
    Expression *made =
        expression_make(planner->arena, EXPRESSION_CALL, sql_type(target), expression->location);
    made->function = cast->function;
    made->argument_count = 1;
    made->arguments = arena_new_array(planner->arena, Expression *, 1);
    made->arguments[0] = expression;
    return made;
}

typedef struct HashKeys {
    uint32_t count;
    Expression **outer, **inner, **conditions;
    Oid *types;
    ConditionList rest;
} HashKeys;

static void keys_split(Planner *planner, const ConditionList *conditions, uint64_t outer,
    uint64_t inner, HashKeys *keys) {
    Arena *arena = planner->arena;
    uint32_t count = conditions->count + 1;
    *keys = (HashKeys){
        .outer = arena_new_array(arena, Expression *, count),
        .inner = arena_new_array(arena, Expression *, count),
        .conditions = arena_new_array(arena, Expression *, count),
        .types = arena_new_array(arena, Oid, count),
    };
    for (uint32_t i = 0; i < conditions->count; i++) {
        Expression *condition = conditions->items[i];
        if (!condition_is_hashable(condition, outer, inner)) {
            condition_add(&keys->rest, arena, condition);
            continue;
        }
        bool is_straight = (relations_of(condition->arguments[0]) & ~outer) == 0;
        Expression *left = condition->arguments[is_straight ? 0 : 1];
        Expression *right = condition->arguments[is_straight ? 1 : 0];
        const OperatorInfo *info = operator_find(condition->operator);
        Oid type = info->left;
        if (info->left != info->right) {
            type = TYPE_INT8;
            left = expression_cast(planner, left, TYPE_INT8);
            right = expression_cast(planner, right, TYPE_INT8);
        }
        keys->outer[keys->count] = left;
        keys->inner[keys->count] = right;
        keys->conditions[keys->count] = condition;
        keys->types[keys->count++] = type;
    }
}

static Status plan_hash_join(Planner *planner, PlanNode *node, const HashKeys *keys) {
    node->join.key_count = keys->count;
    node->join.key_types = keys->types;
    node->join.key_conditions = keys->conditions;
    TRY(planner_lower(
        planner, &node->input->layout, keys->outer, keys->count, &node->join.outer_keys));
    return planner_lower(
        planner, &node->second->layout, keys->inner, keys->count, &node->join.inner_keys);
}

static Status plan_slots(Planner *planner, PlanNode *node, const CorrelationList *slots) {
    PlanSlots *plan = arena_new(planner->arena, PlanSlots);
    plan->count = slots->count;
    plan->first_with = slots->first_with;
    plan->with_count = slots->with_count;
    plan->slots = arena_new_array(planner->arena, uint32_t, slots->count + 1);
    Expression **columns = arena_new_array(planner->arena, Expression *, slots->count + 1);
    for (uint32_t i = 0; i < slots->count; i++) {
        plan->slots[i] = slots->items[i].slot;
        columns[i] = (Expression *)(uintptr_t)slots->items[i].column;
    }
    TRY(planner_lower(planner, &node->input->layout, columns, slots->count, &plan->values));
    node->join.slots = plan;
    return OK;
}

Status plan_join(Planner *planner, PlanNode *first, uint64_t first_relations, PlanNode *second,
    uint64_t second_relations, PlanJoin join, const ConditionList *conditions,
    const CorrelationList *second_slots, PlanNode **node_out) {
    HashKeys keys;
    // The smaller side of an inner join is built.
    if (join == PLAN_JOIN_INNER && second_slots == NULL && first->rows < second->rows) {
        PlanNode *node = first;
        first = second;
        second = node;
        uint64_t relations = first_relations;
        first_relations = second_relations;
        second_relations = relations;
    }
    keys_split(planner, conditions, first_relations, second_relations, &keys);
    bool is_hash = keys.count > 0 && second_slots == NULL;
    if (join == PLAN_JOIN_FULL && !is_hash) {
        return fail(FEATURE_NOT_SUPPORTED,
            "FULL JOIN is only supported with merge-joinable or hash-joinable join conditions");
    }
    PlanNode *node = planner_node(planner, is_hash ? PLAN_HASH_JOIN : PLAN_NESTED_LOOP);
    node->input = first;
    node->second = second;
    node->join.join = join;
    Layout pair = {0};
    layout_add_all(&pair, planner->arena, &first->layout);
    layout_add_all(&pair, planner->arena, &second->layout);
    bool is_half = join == PLAN_JOIN_SEMI || join == PLAN_JOIN_ANTI;
    node->layout = is_half ? first->layout : pair;
    node->rows = is_hash || second_slots != NULL
                     ? (first->rows > second->rows ? first->rows : second->rows)
                     : first->rows * second->rows / (conditions->count > 0 ? 3.0 : 1.0);
    if (is_half) node->rows = first->rows / 2.0 + 1.0;
    node->cost = first->cost + second->cost
                 + (is_hash ? first->rows + second->rows : first->rows * second->rows);
    if (second_slots != NULL) TRY(plan_slots(planner, node, second_slots));
    if (is_hash) TRY(plan_hash_join(planner, node, &keys));
    *node_out = node;
    return planner_set_filter(planner, node, &pair, is_hash ? &keys.rest : conditions);
}

// ---- Leaves -------------------------------------------------------------------------------------

static Status plan_function_scan(
    Planner *planner, const Relation *relation, uint32_t index, PlanNode **node_out) {
    PlanNode *node = planner_node(planner, PLAN_FUNCTION_SCAN);
    Arena *arena = planner->arena;
    Expression *call = relation->function;
    const FunctionInfo *info = call->kind == EXPRESSION_CALL ? function_find(call->function) : NULL;
    node->function.alias = relation->alias;
    node->function.name = info == NULL ? relation->alias : info->name;
    node->function.result = call->type;
    node->function.with_ordinality = relation->with_ordinality;
    node->rows = 1000.0;
    node->cost = 1000.0;
    for (uint32_t i = 0; i < relation->column_count; i++) {
        layout_add(&node->layout, arena,
            (LayoutColumn){.type = relation->columns[i].type,
                .relation = index,
                .number = relation->columns[i].number});
    }
    uint32_t value_count = relation->column_count - (relation->with_ordinality ? 1U : 0U);
    if (info != NULL && info->returns_set) {
        node->function.returns_set = true;
        node->function.function = call->function;
        node->function.argument_count = call->argument_count;
        if (call->argument_count > 0) {
            TRY(planner_lower(
                planner, NULL, call->arguments, call->argument_count, &node->function.arguments));
        }
    } else {
        if (value_count != 1) {
            return fail(FEATURE_NOT_SUPPORTED, "functions that return one row in FROM");
        }
        node->rows = 1.0;
        TRY(planner_lower(planner, NULL, &call, 1, &node->function.arguments));
    }
    *node_out = node;
    return OK;
}

static Status plan_values(
    Planner *planner, const Relation *relation, uint32_t index, PlanNode **node_out) {
    PlanNode *node = planner_node(planner, PLAN_VALUES);
    node->values.row_count = relation->row_count;
    node->values.rows = arena_new_array(planner->arena, PlanProgram *, relation->row_count + 1);
    node->rows = relation->row_count;
    for (uint32_t i = 0; i < relation->column_count; i++) {
        layout_add(&node->layout, planner->arena,
            (LayoutColumn){.type = relation->columns[i].type,
                .relation = index,
                .number = relation->columns[i].number});
    }
    for (uint32_t row = 0; row < relation->row_count; row++) {
        TRY(planner_lower(
            planner, NULL, relation->rows[row], relation->column_count, &node->values.rows[row]));
    }
    *node_out = node;
    return OK;
}

static Status plan_with_scan(
    Planner *planner, const Relation *relation, uint32_t index, PlanNode **node_out) {
    const Planner *owner = planner;
    for (uint32_t i = 0; i < relation->levels_up && owner != NULL; i++) {
        owner = owner->parent;
    }
    if (owner == NULL) return fail(INTERNAL_ERROR, "a WITH query was not found");
    PlanNode *node = planner_node(planner, PLAN_WITH_SCAN);
    node->with.number = owner->first_with + relation->with_index;
    const PlanWith *with = &planner->shared->withs[node->with.number];
    ASSERT(with->root != NULL);
    node->with.name = with->name;
    node->with.is_working_table = relation->is_working_table;
    // A guess: ten rounds that find as much as the first term.
    bool is_whole = with->recursive != NULL && !relation->is_working_table;
    node->rows = is_whole ? with->root->rows * 10.0 : with->root->rows;
    layout_add_all(&node->layout, planner->arena, &with->root->layout);
    plan_name_columns(node, index);
    *node_out = node;
    return OK;
}

static Status plan_subquery_leaf(
    Planner *planner, const Relation *relation, uint32_t index, PlanNode **node_out) {
    Planner *child;
    PlanNode *node;
    uint32_t first_with = planner->shared->with_count;
    TRY(plan_query(planner->shared, planner, relation->query, &child, &node));
    if (planner->lateral != NULL && planner->shared->with_count > first_with) {
        CorrelationList *lateral = planner->lateral;
        if (lateral->with_count == 0) lateral->first_with = first_with;
        lateral->with_count = planner->shared->with_count - lateral->first_with;
    }
    CorrelationList read = {0};
    planner_adopt(planner, child, &read);
    for (uint32_t i = 0; i < read.count; i++) {
        if (planner->lateral == NULL) {
            return fail(INTERNAL_ERROR, "a subquery reads what it may not");
        }
        correlation_add(planner->lateral, planner->arena, read.items[i].column, read.items[i].slot);
    }
    plan_name_columns(node, index);
    *node_out = node;
    return OK;
}

Status plan_leaf(
    Planner *planner, uint32_t index, const ConditionList *conditions, PlanNode **node_out) {
    const Relation *relation = &planner->query->relations[index];
    PlanNode *node = NULL;
    switch (relation->source) {
    case RELATION_OF_TABLE:
        return plan_table_access(planner, index, conditions, node_out);
    case RELATION_OF_SUBQUERY:
        TRY(plan_subquery_leaf(planner, relation, index, &node));
        break;
    case RELATION_OF_FUNCTION:
        TRY(plan_function_scan(planner, relation, index, &node));
        break;
    case RELATION_OF_VALUES:
        TRY(plan_values(planner, relation, index, &node));
        break;
    case RELATION_OF_WITH:
        TRY(plan_with_scan(planner, relation, index, &node));
        break;
    case RELATION_OF_JOIN:
        return fail(INTERNAL_ERROR, "a join is no leaf");
    }
    if (conditions->count > 0) {
        PlanNode *filter = planner_node(planner, PLAN_FILTER);
        filter->input = node;
        filter->layout = node->layout;
        filter->rows = node->rows / 3.0 + 1.0;
        filter->cost = node->cost;
        TRY(planner_set_filter(planner, filter, &filter->layout, conditions));
        node = filter;
    }
    *node_out = node;
    return OK;
}
