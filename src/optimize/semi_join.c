// IN and EXISTS as joins: a condition of WHERE that only asks whether a row exists becomes a semi
// join, or an anti join when it is negated, where the rows are matched by equality.
//
// Model    `x IN (SELECT y ...)` that reads nothing of this query joins on x = y. `EXISTS (SELECT
//          ... WHERE inner = outer AND ...)` joins on those equalities when nothing else of it
//          reads this query. What does not fit stays an expression, which runs the subquery for
//          each row.
#include "optimize/optimize_internal.h"

// One semi join to make.
struct SemiJoin {
    Planner *child;
    PlanNode *node;
    uint32_t key_count;
    Expression **outer, **inner; // inner: over the node's layout, lowered by the child
    Oid *types;
    bool is_negated, null_is_unknown;
};

// Whether the function is the equality that hashing goes by.
static bool equality_is_default(Oid function, Oid left, Oid right) {
    const TypeOps *ops = type_ops(left);
    if (left != right || ops == NULL || ops->hash == NULL || ops->compare == NULL) return false;
    Oid equal = operator_of_type("=", left);
    const OperatorInfo *info = equal == 0 ? NULL : operator_find(equal);
    return info != NULL && info->function == function;
}

static bool expression_reads_outside(const Expression *expression, uint32_t levels) {
    if (expression->kind == EXPRESSION_SUBQUERY) return true; // not looked into
    if (expression->kind == EXPRESSION_COLUMN && expression->column.levels_up >= levels)
        return true;
    for (uint32_t i = 0; i < expression->argument_count; i++) {
        if (expression_reads_outside(expression->arguments[i], levels)) return true;
    }
    return false;
}

static bool expression_reads_own(const Expression *expression) {
    return relations_of(expression) != 0;
}

// A copy whose columns are one level nearer; NULL when it cannot be made.
static Expression *expression_lift(Arena *arena, const Expression *expression) {
    if (expression->kind == EXPRESSION_SUBQUERY || expression->kind == EXPRESSION_AGGREGATE) {
        return NULL;
    }
    Expression *copy = arena_copy_bytes(arena, expression, sizeof *expression);
    if (copy->kind == EXPRESSION_COLUMN) {
        if (copy->column.levels_up == 0) return NULL;
        copy->column.levels_up--;
        return copy;
    }
    copy->arguments = arena_new_array(arena, Expression *, copy->argument_count + 1);
    for (uint32_t i = 0; i < copy->argument_count; i++) {
        copy->arguments[i] = expression_lift(arena, expression->arguments[i]);
        if (copy->arguments[i] == NULL) return NULL;
    }
    return copy;
}

static SemiJoin semi_join_make(Planner *planner, uint32_t key_max, bool is_negated) {
    return (SemiJoin){
        .outer = arena_new_array(planner->arena, Expression *, key_max + 1),
        .inner = arena_new_array(planner->arena, Expression *, key_max + 1),
        .types = arena_new_array(planner->arena, Oid, key_max + 1),
        .is_negated = is_negated,
    };
}

// x IN (SELECT ...), x NOT IN (SELECT ...).
static Status semi_join_in(
    Planner *planner, const Expression *subquery, bool is_negated, SemiJoin *join, bool *fits_out) {
    *fits_out = false;
    uint32_t count = subquery->argument_count;
    Query *query = subquery->subquery.query;
    bool is_equal = count == 1 || subquery->subquery.comparison == ROW_EQ;
    if (!is_equal || subquery->subquery.is_correlated || (is_negated && count != 1)) return OK;
    *join = semi_join_make(planner, count, is_negated);
    for (uint32_t i = 0; i < count; i++) {
        Expression *left = subquery->arguments[i];
        Oid type = query->targets[i].expression->type.oid;
        if (!equality_is_default(subquery->subquery.functions[i], left->type.oid, type)
            || expression_is_volatile(left) || expression_has_aggregate(left)
            || expression_reads_outside(left, UINT32_MAX)) {
            return OK;
        }
        join->outer[i] = left;
        join->types[i] = type;
    }
    join->null_is_unknown = is_negated;
    TRY(plan_query(planner->shared, planner, query, &join->child, &join->node));
    if (join->child->correlations.count > 0) return OK;
    for (uint32_t i = 0; i < count; i++) {
        join->inner[i] = expression_make(
            planner->arena, EXPRESSION_GROUPING_COLUMN, join->node->layout.columns[i].type, -1);
        join->inner[i]->slot = i;
    }
    join->key_count = count;
    *fits_out = true;
    return OK;
}

// Takes `inner = outer` apart; false when the condition is not one.
static bool exists_take_key(Planner *planner, const Expression *condition, SemiJoin *join) {
    if (condition->kind != EXPRESSION_CALL || condition->argument_count != 2) return false;
    for (uint32_t side = 0; side < 2; side++) {
        Expression *inner = condition->arguments[side];
        const Expression *outer = condition->arguments[1 - side];
        if (expression_reads_outside(inner, 1) || !expression_reads_own(inner)
            || expression_reads_own(outer) || expression_is_volatile(condition)
            || !equality_is_default(condition->function, inner->type.oid, outer->type.oid)) {
            continue;
        }
        Expression *lifted = expression_lift(planner->arena, outer);
        if (lifted == NULL || !expression_reads_own(lifted)) continue;
        join->inner[join->key_count] = inner;
        join->outer[join->key_count] = lifted;
        join->types[join->key_count++] = inner->type.oid;
        return true;
    }
    return false;
}

static bool from_reads_outside(const FromItem *from) {
    if (!from->is_join) return false;
    return (from->condition != NULL && expression_reads_outside(from->condition, 1))
           || from_reads_outside(from->left) || from_reads_outside(from->right);
}

static bool exists_is_plain(const Query *query) {
    bool is_plain = query->kind == QUERY_SELECT && query->set == NULL && !query->has_aggregates
                    && query->group_count == 0 && query->having == NULL && query->limit == NULL
                    && query->window_count == 0 && query->offset == NULL && query->with_count == 0
                    && query->lock_count == 0 && !query->has_set_functions && query->from_count > 0;
    for (uint32_t i = 0; i < query->relation_count && is_plain; i++) {
        RelationSource source = query->relations[i].source;
        if (source != RELATION_OF_TABLE && source != RELATION_OF_JOIN) is_plain = false;
    }
    for (uint32_t i = 0; i < query->from_count && is_plain; i++) {
        if (from_reads_outside(query->from[i])) is_plain = false;
    }
    return is_plain;
}

static Status semi_join_exists(
    Planner *planner, const Expression *subquery, bool is_negated, SemiJoin *join, bool *fits_out) {
    *fits_out = false;
    Query *query = subquery->subquery.query;
    if (!subquery->subquery.is_correlated || !exists_is_plain(query)) return OK;
    Planner *child = planner_make(planner->shared, planner, query);
    TRY(planner_prepare(child));
    ConditionList all = {0}, own = {0};
    condition_add_all(&all, planner->arena, query->where);
    *join = semi_join_make(planner, all.count, is_negated);
    for (uint32_t i = 0; i < all.count; i++) {
        if (!expression_reads_outside(all.items[i], 1)) {
            condition_add(&own, planner->arena, all.items[i]);
        } else if (!exists_take_key(planner, all.items[i], join)) {
            return OK;
        }
    }
    if (join->key_count == 0) return OK;
    join->child = child;
    TRY(plan_from(child, query->from, query->from_count, &own, &join->node));
    *fits_out = child->correlations.count == 0;
    return OK;
}

static Status semi_join_find(
    Planner *planner, const Expression *condition, SemiJoin *join, bool *fits_out) {
    bool is_negated = false;
    *fits_out = false;
    while (condition->kind == EXPRESSION_NOT) {
        is_negated = !is_negated;
        condition = condition->arguments[0];
    }
    if (condition->kind != EXPRESSION_SUBQUERY) return OK;
    if (condition->is_negated) is_negated = !is_negated;
    if (condition->subquery.kind == SUBQUERY_EXISTS) {
        return semi_join_exists(planner, condition, is_negated, join, fits_out);
    }
    if (condition->subquery.kind == SUBQUERY_ANY) {
        return semi_join_in(planner, condition, is_negated, join, fits_out);
    }
    return OK;
}

static Status semi_join_plan(Planner *planner, const SemiJoin *join, PlanNode **node) {
    PlanNode *made = planner_node(planner, PLAN_HASH_JOIN);
    made->input = *node;
    made->second = join->node;
    made->layout = (*node)->layout;
    made->rows = (*node)->rows / 2.0 + 1.0;
    made->cost = (*node)->cost + join->node->cost + (*node)->rows + join->node->rows;
    made->join.join = join->is_negated ? PLAN_JOIN_ANTI : PLAN_JOIN_SEMI;
    made->join.null_is_unknown = join->null_is_unknown;
    made->join.key_count = join->key_count;
    made->join.key_types = join->types;
    TRY(planner_lower(
        planner, &made->input->layout, join->outer, join->key_count, &made->join.outer_keys));
    TRY(planner_lower(
        join->child, &join->node->layout, join->inner, join->key_count, &made->join.inner_keys));
    *node = made;
    return OK;
}

Status plan_semi_joins(Planner *planner, const ConditionList *conditions, ConditionList *rest_out,
    SemiJoinList *joins_out) {
    Arena *arena = planner->arena;
    for (uint32_t i = 0; i < conditions->count; i++) {
        SemiJoin join;
        bool fits;
        TRY(semi_join_find(planner, conditions->items[i], &join, &fits));
        if (!fits) {
            condition_add(rest_out, arena, conditions->items[i]);
            continue;
        }
        SemiJoin **joins = arena_new_array(arena, SemiJoin *, joins_out->count + 1);
        if (joins_out->count > 0) {
            memcpy(joins, joins_out->items, joins_out->count * sizeof *joins);
        }
        joins[joins_out->count] = arena_copy_bytes(arena, &join, sizeof join);
        joins_out->items = joins;
        joins_out->count++;
        // A re-check tests the row with the subquery itself.
        condition_add(&planner->conditions, arena, conditions->items[i]);
    }
    return OK;
}

Status plan_add_semi_joins(Planner *planner, const SemiJoinList *joins, PlanNode **node) {
    for (uint32_t i = 0; i < joins->count; i++) {
        TRY(semi_join_plan(planner, joins->items[i], node));
    }
    return OK;
}
