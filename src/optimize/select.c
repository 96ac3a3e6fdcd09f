// SELECT above its FROM clause: groups, targets, order, DISTINCT, LIMIT, set operations, WITH; and
// subqueries within expressions.
#include "optimize/optimize_internal.h"

// ---- Expression lists ---------------------------------------------------------------------------

uint32_t expression_list_add(ExpressionList *list, Arena *arena, Expression *expression) {
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i] == expression || expression_equal(list->items[i], expression)) return i;
    }
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity * 2 + 8;
        Expression **items = arena_new_array(arena, Expression *, capacity);
        if (list->count > 0) memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count] = expression;
    return list->count++;
}

// ---- Groups -------------------------------------------------------------------------------------

typedef struct GroupWalk {
    Planner *planner;
    ExpressionList groups, aggregates;
    uint32_t depth; // of the subquery being walked
} GroupWalk;

static bool group_walk_query(void *argument, Query *query);

// Collects the aggregates of this level, and columns outside them that are grouped only because
// they depend on the groups (a table's key was grouped).
static bool group_walk(void *argument, Expression *expression) {
    GroupWalk *walk = argument;
    Arena *arena = walk->planner->arena;
    if (walk->depth == 0) {
        for (uint32_t i = 0; i < walk->groups.count; i++) {
            if (expression_equal(walk->groups.items[i], expression)) return true;
        }
        if (expression->kind == EXPRESSION_AGGREGATE) {
            expression_list_add(&walk->aggregates, arena, expression);
            return true;
        }
    }
    if (expression->kind == EXPRESSION_COLUMN && expression->column.levels_up == walk->depth) {
        Expression *column = arena_copy_bytes(arena, expression, sizeof *expression);
        column->column.levels_up = 0;
        expression_list_add(&walk->groups, arena, column);
        return true;
    }
    if (expression->kind == EXPRESSION_SUBQUERY) {
        (void)group_walk_query(walk, expression->subquery.query);
    }
    return expression_visit_parts(expression, group_walk, walk);
}

static bool group_walk_query(void *argument, Query *query) {
    GroupWalk *walk = argument;
    walk->depth++;
    (void)query_visit(query, group_walk, group_walk_query, walk);
    walk->depth--;
    return true;
}

static void group_walk_all(GroupWalk *walk) {
    const Query *query = walk->planner->query;
    for (uint32_t i = 0; i < query->group_count; i++) {
        expression_list_add(&walk->groups, walk->planner->arena, query->groups[i]);
    }
    for (uint32_t i = 0; i < query->target_count; i++) {
        (void)group_walk(walk, query->targets[i].expression);
    }
    if (query->having != NULL) (void)group_walk(walk, query->having);
    for (uint32_t i = 0; i < query->sort_count; i++) {
        (void)group_walk(walk, query->sorts[i].expression);
    }
    for (uint32_t i = 0; i < query->distinct_on_count; i++) {
        (void)group_walk(walk, query->distinct_on[i]);
    }
    for (uint32_t i = 0; i < query->window_count; i++) {
        const WindowSpec *window = &query->windows[i];
        for (uint32_t j = 0; j < window->partition_count; j++) {
            (void)group_walk(walk, window->partitions[j]);
        }
        for (uint32_t j = 0; j < window->order_count; j++) {
            (void)group_walk(walk, window->orders[j].expression);
        }
    }
}

KeyColumn sort_key_column(const SortKey *key) {
    return (KeyColumn){
        .type = key->expression->type.oid,
        .is_descending = key->is_descending,
        .nulls_first = key->nulls_first,
        .is_nullable = true,
    };
}

static void aggregate_call_make(Planner *planner, const Expression *aggregate,
    ExpressionList *inputs, PlanAggregateCall *call) {
    Arena *arena = planner->arena;
    uint32_t count = aggregate->argument_count;
    uint32_t *arguments = arena_new_array(arena, uint32_t, count + 1);
    Oid *types = arena_new_array(arena, Oid, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        arguments[i] = expression_list_add(inputs, arena, aggregate->arguments[i]);
        types[i] = aggregate->arguments[i]->type.oid;
    }
    uint32_t order_count = aggregate->aggregate.order_count;
    uint32_t *order_columns = arena_new_array(arena, uint32_t, order_count + 1);
    KeyColumn *order_keys = arena_new_array(arena, KeyColumn, order_count + 1);
    for (uint32_t i = 0; i < order_count; i++) {
        const SortKey *key = &aggregate->aggregate.order[i];
        order_columns[i] = expression_list_add(inputs, arena, key->expression);
        order_keys[i] = sort_key_column(key);
    }
    *call = (PlanAggregateCall){
        .function = aggregate->function,
        .result = aggregate->type,
        .argument_count = count,
        .arguments = arguments,
        .argument_types = types,
        .is_distinct = aggregate->is_distinct,
        .order_count = order_count,
        .order_columns = order_columns,
        .order_keys = order_keys,
    };
    if (aggregate->aggregate.filter != NULL) {
        call->has_filter = true;
        call->filter = expression_list_add(inputs, arena, aggregate->aggregate.filter);
    }
}

// min or max of a plain column and nothing else: its argument, in *aggregate_out the call.
static const Expression *single_extreme(const Planner *planner, bool *is_max_out) {
    const Query *query = planner->query;
    if (query->group_count > 0 || query->having != NULL || query->target_count != 1) return NULL;
    const Expression *aggregate = query->targets[0].expression;
    if (aggregate->kind != EXPRESSION_AGGREGATE || aggregate->argument_count != 1
        || aggregate->aggregate.filter != NULL || query->sort_count > 0) {
        return NULL;
    }
    const FunctionInfo *info = function_find(aggregate->function);
    if (info == NULL) return NULL;
    *is_max_out = strcmp(info->name, "max") == 0;
    if (!*is_max_out && strcmp(info->name, "min") != 0) return NULL;
    const Expression *column = aggregate->arguments[0];
    bool is_plain = column->kind == EXPRESSION_COLUMN && column->column.levels_up == 0
                    && column->column.number > 0;
    return is_plain ? column : NULL;
}

// The one row that decides a min or max lies at the end of an index: the order that finds it.
static WantedOrder *order_of_extreme(Planner *planner) {
    const Query *query = planner->query;
    bool is_max;
    const Expression *column = single_extreme(planner, &is_max);
    if (column == NULL || query->from_count != 1 || query->from[0]->is_join
        || query->relations[query->from[0]->relation].source != RELATION_OF_TABLE) {
        return NULL;
    }
    int16_t *number = arena_new(planner->arena, int16_t);
    KeyColumn *key = arena_new(planner->arena, KeyColumn);
    *number = column->column.number;
    *key = (KeyColumn){.type = column->type.oid,
        .is_descending = is_max,
        .nulls_first = is_max,
        .is_nullable = true};
    WantedOrder *order = arena_new(planner->arena, WantedOrder);
    *order = (WantedOrder){.relation = query->from[0]->relation,
        .key_count = 1,
        .numbers = number,
        .keys = key,
        .has_limit = true};
    return order;
}

// The first row with a value, of rows in the order of an extreme's column.
static Status plan_first_row(Planner *planner, PlanNode **node) {
    bool is_max;
    Expression *column = (Expression *)(uintptr_t)single_extreme(planner, &is_max);
    Arena *arena = planner->arena;
    Expression *test =
        expression_make(arena, EXPRESSION_NULL_TEST, sql_type(TYPE_BOOL), column->location);
    test->is_negated = true;
    test->argument_count = 1;
    test->arguments = arena_new_array(arena, Expression *, 1);
    test->arguments[0] = column;
    ConditionList conditions = {0};
    condition_add(&conditions, arena, test);
    PlanNode *filter = planner_node(planner, PLAN_FILTER);
    filter->input = *node;
    filter->layout = (*node)->layout;
    filter->rows = 1.0;
    TRY(planner_set_filter(planner, filter, &filter->layout, &conditions));
    Expression *one = expression_make(arena, EXPRESSION_CONSTANT, sql_type(TYPE_INT8), -1);
    one->constant.datum.int8 = 1;
    PlanNode *limit = planner_node(planner, PLAN_LIMIT);
    limit->input = filter;
    limit->layout = filter->layout;
    limit->rows = 1.0;
    limit->limit.has_limit = true;
    TRY(planner_lower(planner, NULL, &one, 1, &limit->limit.values));
    *node = limit;
    return OK;
}

static Status plan_aggregate(Planner *planner, PlanNode **node) {
    Arena *arena = planner->arena;
    Query *query = planner->query;
    GroupWalk walk = {.planner = planner};
    group_walk_all(&walk);
    if (planner->order != NULL && planner->order->is_given) TRY(plan_first_row(planner, node));

    ExpressionList inputs = {0};
    for (uint32_t i = 0; i < walk.groups.count; i++) {
        expression_list_add(&inputs, arena, walk.groups.items[i]);
    }
    uint32_t call_count = walk.aggregates.count;
    PlanAggregateCall *calls = arena_new_array(arena, PlanAggregateCall, call_count + 1);
    for (uint32_t i = 0; i < call_count; i++) {
        aggregate_call_make(planner, walk.aggregates.items[i], &inputs, &calls[i]);
    }
    PlanNode *input;
    TRY(plan_project(planner, *node, inputs.items, inputs.count, &input));

    PlanNode *aggregate = planner_node(planner, PLAN_AGGREGATE);
    aggregate->input = input;
    aggregate->aggregate.group_count = walk.groups.count;
    aggregate->aggregate.call_count = call_count;
    aggregate->aggregate.calls = calls;
    aggregate->rows = walk.groups.count == 0 ? 1.0 : input->rows / 10.0 + 1.0;
    aggregate->cost = input->cost + input->rows;
    for (uint32_t i = 0; i < walk.groups.count; i++) {
        layout_add(&aggregate->layout, arena, input->layout.columns[i]);
    }
    for (uint32_t i = 0; i < call_count; i++) {
        layout_add(&aggregate->layout, arena,
            (LayoutColumn){.type = walk.aggregates.items[i]->type,
                .relation = RELATION_COMPUTED,
                .expression = walk.aggregates.items[i]});
    }
    *node = aggregate;
    if (query->having == NULL) return OK;
    ConditionList having = {0};
    condition_add_all(&having, arena, query->having);
    return planner_set_filter(planner, aggregate, &aggregate->layout, &having);
}

// ---- Set-returning targets ----------------------------------------------------------------------

static bool expression_is_set(const Expression *expression) {
    if (expression->kind != EXPRESSION_CALL) return false;
    const FunctionInfo *info = function_find(expression->function);
    return info != NULL && info->returns_set;
}

typedef struct SetWalk {
    Arena *arena;
    const Layout *layout; // sets that it has are done; NULL: none
    ExpressionList sets;
} SetWalk;

// Collects the calls that can be made now: their arguments hold none that must be made before.
// What may not be evaluated at all is left to be refused.
static bool set_walk(void *argument, Expression *expression) {
    SetWalk *walk = argument;
    if (expression_is_set(expression)) {
        if (walk->layout != NULL && layout_find_expression(walk->layout, expression) >= 0) {
            return true;
        }
        uint32_t count = walk->sets.count;
        (void)expression_visit_parts(expression, set_walk, walk);
        if (walk->sets.count == count) {
            expression_list_add(&walk->sets, walk->arena, expression);
        }
        return true;
    }
    if (expression->kind == EXPRESSION_CASE || expression->kind == EXPRESSION_COALESCE) return true;
    return expression_visit_parts(expression, set_walk, walk);
}

static ExpressionList query_sets(const Query *query, const Layout *layout, Arena *arena) {
    SetWalk walk = {.arena = arena, .layout = layout};
    for (uint32_t i = 0; i < query->target_count; i++) {
        (void)set_walk(&walk, query->targets[i].expression);
    }
    return walk.sets;
}

static bool query_has_set_target(Planner *planner) {
    const Query *query = planner->query;
    return query->has_set_functions && query_sets(query, NULL, planner->arena).count > 0;
}

// The rows of the input, each as often as its longest set has rows, with the sets' values behind.
static Status plan_project_set(Planner *planner, const ExpressionList *made, PlanNode **node) {
    Arena *arena = planner->arena;
    ExpressionList sets = *made, wanted = {0};
    for (uint32_t i = 0; i < sets.count; i++) {
        for (uint32_t a = 0; a < sets.items[i]->argument_count; a++) {
            expression_list_add(&wanted, arena, sets.items[i]->arguments[a]);
        }
    }
    TRY(plan_extend(planner, node, &wanted));
    const Layout *input = &(*node)->layout;
    PlanNode *set = planner_node(planner, PLAN_PROJECT_SET);
    set->input = *node;
    layout_add_all(&set->layout, arena, input);
    uint32_t count = input->count + sets.count;
    set->project_set.column_count = count;
    set->project_set.columns = arena_new_array(arena, struct PlanSetColumn, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        struct PlanSetColumn *column = &set->project_set.columns[i];
        bool is_set = i >= input->count;
        const Expression *call = is_set ? sets.items[i - input->count] : NULL;
        column->count = is_set ? call->argument_count : 1;
        uint32_t *inputs = arena_new_array(arena, uint32_t, column->count + 1);
        column->inputs = inputs;
        if (!is_set) {
            column->result = input->columns[i].type;
            inputs[0] = i;
            continue;
        }
        column->is_set = true;
        column->result = call->type;
        column->function = call->function;
        for (uint32_t a = 0; a < call->argument_count; a++) {
            inputs[a] = layout_index(input, call->arguments[a]);
        }
        layout_add(&set->layout, arena,
            (LayoutColumn){.type = call->type, .relation = RELATION_COMPUTED, .expression = call});
    }
    set->rows = (*node)->rows * 10.0;
    set->cost = (*node)->cost;
    *node = set;
    return OK;
}

// Sets in the arguments of sets come first.
static Status plan_project_sets(Planner *planner, PlanNode **node) {
    for (;;) {
        ExpressionList sets = query_sets(planner->query, &(*node)->layout, planner->arena);
        if (sets.count == 0) return OK;
        TRY(plan_project_set(planner, &sets, node));
    }
}

// ---- Order --------------------------------------------------------------------------------------

// Makes sure that the node has every one of these expressions as a column, beside those it has.
Status plan_extend(Planner *planner, PlanNode **node, const ExpressionList *wanted) {
    Arena *arena = planner->arena;
    const PlanNode *input = *node;
    ExpressionList missing = {0};
    for (uint32_t i = 0; i < wanted->count; i++) {
        Expression *expression = wanted->items[i];
        bool is_there = layout_find_expression(&input->layout, expression) >= 0;
        if (expression->kind == EXPRESSION_COLUMN && expression->column.levels_up == 0) {
            is_there |= layout_find_column(
                            &input->layout, expression->column.relation, expression->column.number)
                        >= 0;
        }
        if (!is_there) expression_list_add(&missing, arena, expression);
    }
    if (missing.count == 0) return OK;
    PlanNode *project = planner_node(planner, PLAN_PROJECT);
    project->input = *node;
    project->rows = input->rows;
    project->cost = input->cost;
    uint32_t count = input->layout.count + missing.count;
    project->project.sources = arena_new_array(arena, int32_t, count);
    layout_add_all(&project->layout, arena, &input->layout);
    for (uint32_t i = 0; i < input->layout.count; i++) {
        project->project.sources[i] = (int32_t)i;
    }
    for (uint32_t i = 0; i < missing.count; i++) {
        project->project.sources[input->layout.count + i] = -1 - (int32_t)i;
        layout_add(&project->layout, arena,
            (LayoutColumn){.type = missing.items[i]->type,
                .relation = RELATION_COMPUTED,
                .expression = missing.items[i]});
    }
    project->project.expressions = missing.items;
    TRY(planner_lower(
        planner, &input->layout, missing.items, missing.count, &project->project.program));
    *node = project;
    return OK;
}

uint32_t layout_index(const Layout *layout, const Expression *expression) {
    int32_t found = layout_find_expression(layout, expression);
    if (found < 0) {
        ASSERT(expression->kind == EXPRESSION_COLUMN);
        found = layout_find_column(layout, expression->column.relation, expression->column.number);
    }
    ASSERT(found >= 0);
    return (uint32_t)found;
}

Status plan_sort(Planner *planner, PlanNode **node, const SortKey *sorts, uint32_t count) {
    Arena *arena = planner->arena;
    ExpressionList wanted = {0};
    for (uint32_t i = 0; i < count; i++) {
        expression_list_add(&wanted, arena, sorts[i].expression);
    }
    TRY(plan_extend(planner, node, &wanted));
    PlanNode *sort = planner_node(planner, PLAN_SORT);
    sort->input = *node;
    sort->layout = (*node)->layout;
    sort->rows = (*node)->rows;
    sort->cost = (*node)->cost + (*node)->rows * 10.0;
    uint32_t *columns = arena_new_array(arena, uint32_t, count + 1);
    KeyColumn *keys = arena_new_array(arena, KeyColumn, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = layout_index(&sort->layout, sorts[i].expression);
        keys[i] = sort_key_column(&sorts[i]);
    }
    sort->sort.key_count = count;
    sort->sort.columns = columns;
    sort->sort.keys = keys;
    sort->sort.has_bound = planner->query->limit != NULL && !planner->query->limit_with_ties
                           && planner->query->distinct_on_count == 0
                           && planner->query->lock_count == 0;
    *node = sort;
    return OK;
}

static Status plan_distinct_on(Planner *planner, PlanNode **node) {
    const Query *query = planner->query;
    Arena *arena = planner->arena;
    // ORDER BY begins with the keys; those that it lacks follow.
    SortKey *sorts = arena_new_array(arena, SortKey, query->sort_count + query->distinct_on_count);
    uint32_t count = query->sort_count;
    if (count > 0) memcpy(sorts, query->sorts, count * sizeof *sorts);
    for (uint32_t i = 0; i < query->distinct_on_count; i++) {
        bool is_there = false;
        for (uint32_t j = 0; j < query->sort_count; j++) {
            if (expression_equal(query->sorts[j].expression, query->distinct_on[i])) {
                is_there = true;
            }
        }
        if (!is_there) sorts[count++] = (SortKey){.expression = query->distinct_on[i]};
    }
    TRY(plan_sort(planner, node, sorts, count));
    PlanNode *distinct = planner_node(planner, PLAN_DISTINCT);
    distinct->input = *node;
    distinct->layout = (*node)->layout;
    distinct->rows = (*node)->rows / 10.0 + 1.0;
    distinct->cost = (*node)->cost;
    uint32_t *keys = arena_new_array(arena, uint32_t, query->distinct_on_count);
    for (uint32_t i = 0; i < query->distinct_on_count; i++) {
        keys[i] = layout_index(&distinct->layout, query->distinct_on[i]);
    }
    distinct->distinct.key_count = query->distinct_on_count;
    distinct->distinct.keys = keys;
    distinct->distinct.is_sorted = true;
    *node = distinct;
    return OK;
}

static PlanNode *plan_distinct(Planner *planner, PlanNode *input) {
    PlanNode *distinct = planner_node(planner, PLAN_DISTINCT);
    distinct->input = input;
    distinct->layout = input->layout;
    distinct->rows = input->rows / 3.0 + 1.0;
    distinct->cost = input->cost + input->rows;
    return distinct;
}

// ---- LIMIT and locks ----------------------------------------------------------------------------

static Status plan_limit(Planner *planner, PlanNode **node) {
    const Query *query = planner->query;
    if (query->limit == NULL && query->offset == NULL) return OK;
    PlanNode *limit = planner_node(planner, PLAN_LIMIT);
    limit->input = *node;
    limit->layout = (*node)->layout;
    limit->rows = (*node)->rows;
    limit->cost = (*node)->cost;
    Expression *values[2];
    uint32_t count = 0;
    if (query->limit != NULL) {
        limit->limit.has_limit = true;
        values[count++] = query->limit;
        if (query->limit->kind == EXPRESSION_CONSTANT && !query->limit->constant.is_null
            && (double)query->limit->constant.datum.int8 < limit->rows) {
            limit->rows = (double)query->limit->constant.datum.int8;
        }
    }
    if (query->offset != NULL) {
        limit->limit.has_offset = true;
        values[count++] = query->offset;
    }
    TRY(planner_lower(planner, NULL, values, count, &limit->limit.values));
    if (query->limit_with_ties) {
        uint32_t *keys = arena_new_array(planner->arena, uint32_t, query->sort_count + 1);
        for (uint32_t i = 0; i < query->sort_count; i++) {
            keys[i] = layout_index(&limit->layout, query->sorts[i].expression);
        }
        limit->limit.with_ties = true;
        limit->limit.keys = keys;
        limit->limit.key_count = query->sort_count;
    }
    *node = limit;
    return OK;
}

static Status plan_lock_rows(Planner *planner, PlanNode **node) {
    const Query *query = planner->query;
    if (query->lock_count == 0) return OK;
    Arena *arena = planner->arena;
    PlanNode *lock = planner_node(planner, PLAN_LOCK_ROWS);
    lock->input = *node;
    lock->layout = (*node)->layout;
    lock->rows = (*node)->rows;
    lock->cost = (*node)->cost;
    lock->lock.locks = arena_new_array(arena, struct PlanRowLock, query->lock_count);
    for (uint32_t i = 0; i < query->lock_count; i++) {
        const RowLock *wanted = &query->locks[i];
        const TableInfo *table = planner->relations[wanted->relation].table;
        if (table == NULL || table->is_constant) continue;
        struct PlanRowLock *made = &lock->lock.locks[lock->lock.count];
        int32_t row_id = layout_find_column(&lock->layout, wanted->relation, COLUMN_ROW_ID);
        if (row_id < 0) continue;
        lock->lock.count++;
        made->relation = wanted->relation;
        made->table = table;
        made->row_id = (uint32_t)row_id;
        made->mode = wanted->mode;
        made->policy = wanted->policy;
        made->columns = arena_new_array(arena, uint64_t, table->column_count / 64 + 1);
        made->inputs = arena_new_array(arena, uint32_t, lock->layout.count + 1);
        made->positions = arena_new_array(arena, uint16_t, lock->layout.count + 1);
        for (uint32_t c = 0; c < lock->layout.count; c++) {
            const LayoutColumn *column = &lock->layout.columns[c];
            if (column->relation != wanted->relation || column->number <= 0) continue;
            for (uint32_t t = 0; t < table->column_count; t++) {
                if (table->columns[t].number != column->number) continue;
                uint16_t position = table->columns[t].position;
                made->columns[position >> 6] |= UINT64_C(1) << (position & 63);
                made->inputs[made->column_count] = c;
                made->positions[made->column_count++] = position;
            }
        }
        ConditionList recheck = {0};
        for (uint32_t c = 0; c < planner->conditions.count; c++) {
            Expression *condition = planner->conditions.items[c];
            if ((relations_of(condition) >> wanted->relation & 1) != 0) {
                condition_add(&recheck, arena, condition);
            }
        }
        TRY(planner_lower_conditions(planner, &lock->layout, &recheck, &made->recheck));
    }
    *node = lock;
    return OK;
}

// ---- Set operations -----------------------------------------------------------------------------

static Status plan_set_tree(Planner *planner, const SetTree *tree, PlanNode **node_out) {
    if (tree->operation == SET_NONE) {
        Planner *child;
        TRY(plan_query(planner->shared, planner, tree->query, &child, node_out));
        CorrelationList read = {0};
        planner_adopt(planner, child, &read);
        if (read.count > 0) return fail(INTERNAL_ERROR, "a set operand reads its own query");
        plan_name_columns(*node_out, 0);
        return OK;
    }
    PlanNode *node = planner_node(planner, PLAN_SET_OPERATION);
    TRY(plan_set_tree(planner, tree->left, &node->input));
    TRY(plan_set_tree(planner, tree->right, &node->second));
    node->set.operation = tree->operation;
    node->set.is_all = tree->is_all;
    layout_add_all(&node->layout, planner->arena, &node->input->layout);
    node->rows = node->input->rows + node->second->rows;
    node->cost = node->input->cost + node->second->cost;
    if (tree->operation == SET_UNION && !tree->is_all) {
        node->set.is_all = true;
        node = plan_distinct(planner, node);
    }
    *node_out = node;
    return OK;
}

// ---- The whole ----------------------------------------------------------------------------------

// Columns of one stored table in its index's order may spare the sort.
static WantedOrder *order_wanted(Planner *planner) {
    const Query *query = planner->query;
    if (query->sort_count == 0 || query->from_count != 1 || query->from[0]->is_join
        || query->has_aggregates || query->group_count > 0 || query->is_distinct
        || query->window_count > 0 || query->distinct_on_count > 0 || query_has_set_target(planner)
        || query->limit_with_ties) {
        return NULL;
    }
    uint32_t relation = query->from[0]->relation;
    if (query->relations[relation].source != RELATION_OF_TABLE) return NULL;
    int16_t *numbers = arena_new_array(planner->arena, int16_t, query->sort_count);
    KeyColumn *keys = arena_new_array(planner->arena, KeyColumn, query->sort_count);
    for (uint32_t i = 0; i < query->sort_count; i++) {
        const Expression *expression = query->sorts[i].expression;
        if (expression->kind != EXPRESSION_COLUMN || expression->column.levels_up != 0
            || expression->column.relation != relation || expression->column.number <= 0) {
            return NULL;
        }
        numbers[i] = expression->column.number;
        keys[i] = sort_key_column(&query->sorts[i]);
    }
    WantedOrder *order = arena_new(planner->arena, WantedOrder);
    *order = (WantedOrder){
        .relation = relation,
        .key_count = query->sort_count,
        .numbers = numbers,
        .keys = keys,
        .has_limit = query->limit != NULL,
    };
    return order;
}

Status plan_from_where(Planner *planner, PlanNode **node_out) {
    const Query *query = planner->query;
    ConditionList conditions = {0}, rest = {0};
    SemiJoinList joins = {0};
    condition_add_all(&conditions, planner->arena, query->where);
    TRY(plan_semi_joins(planner, &conditions, &rest, &joins));
    TRY(plan_from(planner, query->from, query->from_count, &rest, node_out));
    return plan_add_semi_joins(planner, &joins, node_out);
}

static Status plan_rows(Planner *planner, PlanNode **node_out) {
    Query *query = planner->query;
    if (query->set != NULL) return plan_set_tree(planner, query->set, node_out);
    for (uint32_t i = 0; i < query->lock_count; i++) {
        uint32_t relation = query->locks[i].relation;
        if (query->relations[relation].source == RELATION_OF_TABLE) {
            planner->relations[relation].needs_row_id = true;
        }
    }
    return plan_from_where(planner, node_out);
}

static Status plan_ordered(Planner *planner, PlanNode **node) {
    const Query *query = planner->query;
    if (query->distinct_on_count > 0) return plan_distinct_on(planner, node);
    bool is_ordered = planner->order != NULL && planner->order->is_given;
    if (query->sort_count == 0 || is_ordered) return OK;
    return plan_sort(planner, node, query->sorts, query->sort_count);
}

static Status plan_select(Planner *planner, PlanNode **node_out) {
    Query *query = planner->query;
    Arena *arena = planner->arena;
    TRY(planner_prepare(planner));
    TRY(plan_withs(planner));
    planner->order = query->has_aggregates ? order_of_extreme(planner) : order_wanted(planner);
    PlanNode *node;
    TRY(plan_rows(planner, &node));
    if (query->has_aggregates || query->group_count > 0 || query->having != NULL) {
        TRY(plan_aggregate(planner, &node));
    }
    TRY(plan_windows(planner, &node));
    if (query_has_set_target(planner)) TRY(plan_project_sets(planner, &node));

    uint32_t visible_count = query_visible_count(query);
    Expression **visible = arena_new_array(arena, Expression *, visible_count + 1);
    for (uint32_t i = 0; i < visible_count; i++) {
        visible[i] = query->targets[i].expression;
    }
    bool is_distinct = query->is_distinct && query->distinct_on_count == 0;
    if (is_distinct) {
        TRY(plan_project(planner, node, visible, visible_count, &node));
        node = plan_distinct(planner, node);
    }
    TRY(plan_ordered(planner, &node));
    TRY(plan_lock_rows(planner, &node));
    TRY(plan_limit(planner, &node));
    return plan_project(planner, node, visible, visible_count, node_out);
}

// The array of WITH queries may move while one of them is planned.
static Status plan_recursive(Planner *planner, Query *query, uint32_t number, Planner **child_out) {
    PlanShared *shared = planner->shared;
    Planner *child = planner_make(shared, planner, query);
    *child_out = child;
    TRY(planner_prepare(child));
    TRY(plan_withs(child));
    PlanNode *root, *recursive;
    TRY(plan_set_tree(child, query->set->left, &root));
    shared->withs[number].root = root; // the columns of the working table
    uint32_t first_inner = shared->with_count;
    TRY(plan_set_tree(child, query->set->right, &recursive));
    PlanWith *with = &shared->withs[number];
    with->recursive = recursive;
    with->is_distinct = !query->set->is_all;
    with->first_inner = first_inner;
    with->inner_count = shared->with_count - first_inner;
    return OK;
}

Status plan_withs(Planner *planner) {
    PlanShared *shared = planner->shared;
    const Query *query = planner->query;
    planner->first_with = shared->with_count;
    uint32_t wanted = shared->with_count + query->with_count;
    if (wanted > shared->with_capacity) {
        uint32_t capacity = wanted * 2;
        PlanWith *withs = arena_new_array(planner->arena, PlanWith, capacity);
        if (shared->with_count > 0) {
            memcpy(withs, shared->withs, shared->with_count * sizeof *withs);
        }
        shared->withs = withs;
        shared->with_capacity = capacity;
    }
    shared->with_count = wanted;
    for (uint32_t i = 0; i < query->with_count; i++) {
        Query *with_query = query->with_queries[i];
        uint32_t number = planner->first_with + i;
        shared->withs[number] =
            (PlanWith){.name = query->with_names[i], .writes = with_query->kind != QUERY_SELECT};
        Planner *child;
        if (with_query->is_recursive) {
            TRY(plan_recursive(planner, with_query, number, &child));
        } else {
            PlanNode *root;
            TRY(plan_query(shared, planner, with_query, &child, &root));
            shared->withs[number].root = root;
        }
        CorrelationList read = {0};
        planner_adopt(planner, child, &read);
    }
    return OK;
}

Status plan_query(
    PlanShared *shared, Planner *parent, Query *query, Planner **planner_out, PlanNode **node_out) {
    Planner *planner = planner_make(shared, parent, query);
    *planner_out = planner;
    if (query->kind == QUERY_SELECT) return plan_select(planner, node_out);
    return plan_write(planner, node_out);
}

// ---- Subqueries in expressions ------------------------------------------------------------------

// ANY and ALL: the comparison of the left side, read from slots, with the subquery's columns.
static Status plan_subquery_test(
    Planner *child, const Expression *expression, Subplan *subplan, CorrelationList *arguments) {
    Arena *arena = child->arena;
    uint32_t count = expression->argument_count;
    Expression **tests = arena_new_array(arena, Expression *, count + 1);
    const Layout *layout = &subplan->root->layout;
    for (uint32_t i = 0; i < count; i++) {
        Expression *left = expression->arguments[i];
        uint32_t slot = child->shared->slot_count++;
        correlation_add(arguments, arena, left, slot);
        Expression *parameter =
            expression_make(arena, EXPRESSION_PARAMETER, left->type, left->location);
        parameter->parameter = slot;
        Expression *column = expression_make(
            arena, EXPRESSION_GROUPING_COLUMN, layout->columns[i].type, left->location);
        column->slot = i;
        Expression *test =
            expression_make(arena, EXPRESSION_CALL, sql_type(TYPE_BOOL), left->location);
        test->function = expression->subquery.functions[i];
        test->argument_count = 2;
        test->arguments = arena_new_array(arena, Expression *, 2);
        test->arguments[0] = parameter;
        test->arguments[1] = column;
        tests[i] = test;
    }
    Expression *whole = tests[0];
    if (count > 1) {
        bool is_all_equal = expression->subquery.comparison != ROW_NE;
        whole = expression_make(arena, is_all_equal ? EXPRESSION_AND : EXPRESSION_OR,
            sql_type(TYPE_BOOL), expression->location);
        whole->argument_count = count;
        whole->arguments = tests;
    }
    Lowering lowering = planner_lowering(child, NULL);
    return lower_expressions(&lowering, &whole, 1, &subplan->test);
}

static void shared_add_subplan(PlanShared *shared, Arena *arena, Subplan *subplan) {
    if (shared->subplan_count == shared->subplan_capacity) {
        uint32_t capacity = shared->subplan_capacity * 2 + 4;
        Subplan **subplans = arena_new_array(arena, Subplan *, capacity);
        if (shared->subplan_count > 0) {
            memcpy(subplans, shared->subplans, shared->subplan_count * sizeof(Subplan *));
        }
        shared->subplans = subplans;
        shared->subplan_capacity = capacity;
    }
    subplan->number = shared->subplan_count;
    shared->subplans[shared->subplan_count++] = subplan;
}

Status plan_subquery_expression(
    void *argument, const Expression *expression, Subplan **subplan_out) {
    Planner *planner = argument;
    Arena *arena = planner->arena;
    Subplan *subplan = arena_new(arena, Subplan);
    subplan->kind = expression->subquery.kind;
    subplan->result = expression->type;
    subplan->first_with = planner->shared->with_count;
    CorrelationList *lateral = planner->lateral;
    Planner *child;
    TRY(plan_query(planner->shared, planner, expression->subquery.query, &child, &subplan->root));
    planner->lateral = lateral;
    subplan->with_count = planner->shared->with_count - subplan->first_with;
    subplan->depends_on_frame = child->correlations.count > 0;
    CorrelationList arguments = {0};
    planner_adopt(planner, child, &arguments);
    if (subplan->kind == SUBQUERY_ANY || subplan->kind == SUBQUERY_ALL) {
        TRY(plan_subquery_test(child, expression, subplan, &arguments));
    }
    subplan->argument_count = arguments.count;
    subplan->arguments = arena_new_array(arena, Expression *, arguments.count + 1);
    subplan->slots = arena_new_array(arena, uint32_t, arguments.count + 1);
    for (uint32_t i = 0; i < arguments.count; i++) {
        subplan->arguments[i] = (Expression *)(uintptr_t)arguments.items[i].column;
        subplan->slots[i] = arguments.items[i].slot;
    }
    shared_add_subplan(planner->shared, arena, subplan);
    *subplan_out = subplan;
    return OK;
}
