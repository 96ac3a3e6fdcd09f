// The FROM clause: relations, their conditions pushed down to them, and the order of joins.
//
// Model    Inner joins are flattened: their relations are items of one list, their conditions join
//          WHERE's. An outer join is one item; what it may take from above, and hand to its sides,
//          keeps its rows. Items are joined greedily, the fewest rows first.
#include "optimize/optimize_internal.h"

typedef struct Item {
    const FromItem *from; // a leaf or an outer join
    uint64_t relations;
    uint64_t depends; // relations that it mentions laterally
    ConditionList conditions;
    PlanNode *node;
    CorrelationList slots; // what it reads of the others
    bool is_joined;
} Item;

typedef struct ItemList {
    Item *items;
    uint32_t count, capacity;
} ItemList;

static uint64_t from_relations(const FromItem *from) {
    if (!from->is_join) return UINT64_C(1) << from->relation;
    return from_relations(from->left) | from_relations(from->right);
}

static uint64_t from_mentions(const Planner *planner, const FromItem *from) {
    if (from->is_join) {
        uint64_t mentioned =
            from_mentions(planner, from->left) | from_mentions(planner, from->right);
        return from->condition == NULL ? mentioned : mentioned | relations_of(from->condition);
    }
    const Relation *relation = &planner->query->relations[from->relation];
    if (relation->source == RELATION_OF_FUNCTION) return relations_of(relation->function);
    if (relation->source == RELATION_OF_SUBQUERY && relation->query != NULL) {
        return relations_of_query(relation->query);
    }
    uint64_t mentioned = 0;
    for (uint32_t row = 0; row < relation->row_count; row++) {
        for (uint32_t i = 0; i < relation->column_count; i++) {
            mentioned |= relations_of(relation->rows[row][i]);
        }
    }
    return mentioned;
}

static void item_add(Planner *planner, ItemList *list, const FromItem *from) {
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity * 2 + 8;
        Item *items = arena_new_array(planner->arena, Item, capacity);
        if (list->count > 0) memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    uint64_t relations = from_relations(from);
    list->items[list->count++] = (Item){
        .from = from,
        .relations = relations,
        .depends = from_mentions(planner, from) & ~relations,
    };
}

static void from_flatten(
    Planner *planner, const FromItem *from, ItemList *list, ConditionList *conditions) {
    if (!from->is_join || from->join != JOIN_INNER) {
        item_add(planner, list, from);
        return;
    }
    from_flatten(planner, from->left, list, conditions);
    from_flatten(planner, from->right, list, conditions);
    condition_add_all(conditions, planner->arena, from->condition);
}

// Whether the expression is NULL when every column of these relations is.
static bool expression_is_strict_on(const Expression *expression, uint64_t relations) {
    switch ((int)expression->kind) {
    case EXPRESSION_COLUMN:
        return expression->column.levels_up == 0
               && (relations >> expression->column.relation & 1) != 0;
    case EXPRESSION_CALL: {
        const FunctionInfo *info = function_find(expression->function);
        if (info == NULL || !info->is_strict) return false;
        break;
    }
    case EXPRESSION_RELABEL:
    case EXPRESSION_MODIFIER:
    case EXPRESSION_CAST_BY_TEXT:
    case EXPRESSION_NOT:
        break;
    default:
        return false;
    }
    for (uint32_t i = 0; i < expression->argument_count; i++) {
        if (expression_is_strict_on(expression->arguments[i], relations)) return true;
    }
    return false;
}

// Whether the condition cannot be true of a row whose columns of these relations are NULL.
static bool condition_rejects_nulls(const Expression *condition, uint64_t relations) {
    if (condition->kind == EXPRESSION_NULL_TEST && condition->is_negated) {
        return expression_is_strict_on(condition->arguments[0], relations);
    }
    return expression_is_strict_on(condition, relations);
}

static Status plan_side(
    Planner *planner, const FromItem *from, const ConditionList *conditions, PlanNode **node_out) {
    FromItem *items[1] = {(FromItem *)(uintptr_t)from};
    return plan_from(planner, items, 1, conditions, node_out);
}

// Puts conditions above the node.
static Status plan_above(Planner *planner, const ConditionList *conditions, PlanNode **node) {
    if (conditions->count == 0) return OK;
    PlanNode *filter = planner_node(planner, PLAN_FILTER);
    filter->input = *node;
    filter->layout = (*node)->layout;
    filter->rows = (*node)->rows / 3.0 + 1.0;
    filter->cost = (*node)->cost;
    TRY(planner_set_filter(planner, filter, &filter->layout, conditions));
    *node = filter;
    return OK;
}

static Status plan_outer_join(
    Planner *planner, const FromItem *from, const ConditionList *above, PlanNode **node_out) {
    Arena *arena = planner->arena;
    bool is_full = from->join == JOIN_FULL;
    const FromItem *kept = from->join == JOIN_RIGHT ? from->right : from->left;
    const FromItem *other = from->join == JOIN_RIGHT ? from->left : from->right;
    uint64_t kept_relations = from_relations(kept);
    uint64_t other_relations = from_relations(other);

    ConditionList on = {0}, for_kept = {0}, for_other = {0}, between = {0}, rest = {0};
    condition_add_all(&on, arena, from->condition);
    PlanJoin join = is_full ? PLAN_JOIN_FULL : PLAN_JOIN_LEFT;
    for (uint32_t i = 0; i < above->count && !is_full; i++) {
        if (condition_rejects_nulls(above->items[i], other_relations)) join = PLAN_JOIN_INNER;
    }
    for (uint32_t i = 0; i < above->count; i++) {
        Expression *condition = above->items[i];
        uint64_t relations = relations_of(condition);
        bool is_kept_only = relations != 0 && (relations & ~kept_relations) == 0;
        if (join != PLAN_JOIN_FULL && is_kept_only) {
            condition_add(&for_kept, arena, condition);
        } else if (join == PLAN_JOIN_INNER && (relations & ~other_relations) == 0) {
            condition_add(&for_other, arena, condition);
        } else {
            condition_add(&rest, arena, condition);
        }
    }
    for (uint32_t i = 0; i < on.count; i++) {
        uint64_t relations = relations_of(on.items[i]);
        if (!is_full && relations != 0 && (relations & ~other_relations) == 0) {
            condition_add(&for_other, arena, on.items[i]);
        } else {
            condition_add(&between, arena, on.items[i]);
        }
    }

    PlanNode *first, *second;
    TRY(plan_side(planner, kept, &for_kept, &first));
    CorrelationList *outer_lateral = planner->lateral;
    CorrelationList slots = {0};
    bool depends = (from_mentions(planner, other) & kept_relations) != 0;
    // Few rows kept, and the other side has an index for them: look each up.
    bool is_unique = false;
    bool looks_up = !is_full && !other->is_join && !depends
                    && planner->query->relations[other->relation].source == RELATION_OF_TABLE
                    && access_has_lookup(planner, other->relation, &between, &is_unique);
    if (depends || looks_up) planner->lateral = &slots;
    if (looks_up) {
        ConditionList all = {0};
        for (uint32_t i = 0; i < for_other.count; i++) {
            condition_add(&all, arena, for_other.items[i]);
        }
        for (uint32_t i = 0; i < between.count; i++) {
            condition_add(&all, arena, between.items[i]);
        }
        PlanNode *looked_up;
        TRY(plan_leaf(planner, other->relation, &all, &looked_up));
        planner->lateral = outer_lateral;
        TRY(plan_side(planner, other, &for_other, &second));
        if (first->rows * 16.0 < second->rows) {
            second = looked_up;
            between = (ConditionList){0};
        } else {
            slots = (CorrelationList){0};
        }
    } else {
        TRY(plan_side(planner, other, &for_other, &second));
        planner->lateral = outer_lateral;
    }
    TRY(plan_join(planner, first, kept_relations, second, other_relations, join, &between,
        slots.count > 0 ? &slots : NULL, node_out));
    return plan_above(planner, &rest, node_out);
}

// Plans the item on its own, with the conditions that are its alone.
static Status item_plan(Planner *planner, Item *item) {
    CorrelationList *outer_lateral = planner->lateral;
    if (item->depends != 0) planner->lateral = &item->slots;
    Status status = item->from->is_join
                        ? plan_outer_join(planner, item->from, &item->conditions, &item->node)
                        : plan_leaf(planner, item->from->relation, &item->conditions, &item->node);
    planner->lateral = outer_lateral;
    return status;
}

// The conditions that become testable when `item` joins `relations`; taken from the list.
static ConditionList conditions_take(
    Planner *planner, ConditionList *pending, uint64_t relations, bool takes_constant) {
    ConditionList taken = {0};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < pending->count; i++) {
        uint64_t mentioned = relations_of(pending->items[i]);
        if ((mentioned & ~relations) == 0 && (mentioned != 0 || takes_constant)) {
            condition_add(&taken, planner->arena, pending->items[i]);
        } else {
            pending->items[kept++] = pending->items[i];
        }
    }
    pending->count = kept;
    return taken;
}

static bool is_connected(const ConditionList *pending, uint64_t joined, uint64_t item) {
    for (uint32_t i = 0; i < pending->count; i++) {
        if (condition_is_hashable(pending->items[i], joined, item)) return true;
    }
    return false;
}

// The next item to join: connected before not, fewer rows before more, earlier before later.
static Item *items_choose(ItemList *list, uint64_t joined, const ConditionList *pending) {
    Item *best = NULL;
    bool best_is_connected = false;
    for (uint32_t i = 0; i < list->count; i++) {
        Item *item = &list->items[i];
        if (item->is_joined || (item->depends & ~joined) != 0) continue;
        bool connects =
            joined != 0 && (item->depends != 0 || is_connected(pending, joined, item->relations));
        bool is_better = best == NULL || (connects && !best_is_connected)
                         || (connects == best_is_connected && item->node->rows < best->node->rows);
        if (!is_better) continue;
        best = item;
        best_is_connected = connects;
    }
    return best;
}

// An inner join with a table whose index finds the few rows that each outer row needs.
static Status item_join_by_lookup(Planner *planner, PlanNode *first, uint64_t joined, Item *item,
    const ConditionList *conditions, PlanNode **node_out) {
    *node_out = NULL;
    const FromItem *from = item->from;
    bool is_unique;
    if (from->is_join || item->depends != 0
        || planner->query->relations[from->relation].source != RELATION_OF_TABLE
        || first->rows * 16.0 >= item->node->rows
        || !access_has_lookup(planner, from->relation, conditions, &is_unique)) {
        return OK;
    }
    ConditionList all = {0};
    for (uint32_t i = 0; i < item->conditions.count; i++) {
        condition_add(&all, planner->arena, item->conditions.items[i]);
    }
    for (uint32_t i = 0; i < conditions->count; i++) {
        condition_add(&all, planner->arena, conditions->items[i]);
    }
    CorrelationList *outer_lateral = planner->lateral;
    planner->lateral = &item->slots;
    PlanNode *second;
    Status status = plan_leaf(planner, from->relation, &all, &second);
    planner->lateral = outer_lateral;
    TRY(status);
    ConditionList none = {0};
    return plan_join(planner, first, joined, second, item->relations, PLAN_JOIN_INNER, &none,
        &item->slots, node_out);
}

static Status items_join(
    Planner *planner, ItemList *list, ConditionList *pending, PlanNode **node_out) {
    PlanNode *joined = NULL;
    uint64_t relations = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        Item *item = items_choose(list, relations, pending);
        if (item == NULL) {
            return fail(INTERNAL_ERROR, "the relations of FROM depend on each other in a circle");
        }
        item->is_joined = true;
        if (joined == NULL) {
            joined = item->node;
            relations = item->relations;
            continue;
        }
        uint64_t both = relations | item->relations;
        ConditionList conditions = conditions_take(planner, pending, both, false);
        PlanNode *node;
        TRY(item_join_by_lookup(planner, joined, relations, item, &conditions, &node));
        if (node == NULL) {
            TRY(plan_join(planner, joined, relations, item->node, item->relations, PLAN_JOIN_INNER,
                &conditions, item->slots.count > 0 ? &item->slots : NULL, &node));
        }
        joined = node;
        relations = both;
    }
    *node_out = joined;
    return OK;
}

Status plan_from(Planner *planner, FromItem *const *items, uint32_t count,
    const ConditionList *conditions, PlanNode **node_out) {
    ItemList list = {0};
    ConditionList pending = {0};
    for (uint32_t i = 0; i < conditions->count; i++) {
        condition_add(&pending, planner->arena, conditions->items[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        from_flatten(planner, items[i], &list, &pending);
    }
    if (list.count == 0) {
        *node_out = planner_node(planner, PLAN_RESULT);
        (*node_out)->rows = 1.0;
        return plan_above(planner, &pending, node_out);
    }
    for (uint32_t i = 0; i < pending.count; i++) {
        condition_add(&planner->conditions, planner->arena, pending.items[i]);
    }
    // What an item reads of relations outside the list is the business of the join around it.
    uint64_t listed = 0;
    for (uint32_t i = 0; i < list.count; i++) {
        listed |= list.items[i].relations;
    }
    for (uint32_t i = 0; i < list.count; i++) {
        Item *item = &list.items[i];
        item->depends &= listed;
        item->conditions = conditions_take(planner, &pending, item->relations, false);
        TRY(item_plan(planner, item));
    }
    TRY(items_join(planner, &list, &pending, node_out));
    return plan_above(planner, &pending, node_out);
}
