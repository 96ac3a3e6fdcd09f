#include "optimize/optimize_internal.h"

Planner *planner_make(PlanShared *shared, Planner *parent, Query *query) {
    Planner *planner = arena_new(shared->input->arena, Planner);
    planner->shared = shared;
    planner->parent = parent;
    planner->arena = shared->input->arena;
    planner->query = query;
    planner->relations = arena_new_array(planner->arena, RelationPlan, query->relation_count + 1);
    return planner;
}

PlanNode *planner_node(Planner *planner, PlanKind kind) {
    PlanNode *node = plan_node_make(planner->arena, kind);
    node->number = planner->shared->node_count++;
    node->query = planner->query;
    return node;
}

void correlation_add(CorrelationList *list, Arena *arena, const Expression *column, uint32_t slot) {
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity * 2 + 4;
        Correlation *items = arena_new_array(arena, Correlation, capacity);
        if (list->count > 0) memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = (Correlation){.column = column, .slot = slot};
}

void condition_add(ConditionList *list, Arena *arena, Expression *condition) {
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity * 2 + 4;
        Expression **items = arena_new_array(arena, Expression *, capacity);
        if (list->count > 0) memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = condition;
}

void condition_add_all(ConditionList *list, Arena *arena, Expression *expression) {
    if (expression == NULL) return;
    if (expression->kind != EXPRESSION_AND) {
        condition_add(list, arena, expression);
        return;
    }
    for (uint32_t i = 0; i < expression->argument_count; i++) {
        condition_add_all(list, arena, expression->arguments[i]);
    }
}

// ---- Walking ------------------------------------------------------------------------------------

// Calls `found` for each column of the query level `depth` levels above.
typedef struct ColumnWalk {
    uint32_t depth;
    void (*found)(void *argument, const Expression *column);
    void *argument;
} ColumnWalk;

static bool walk_query_part(void *argument, Query *query);

static bool walk_expression(void *argument, Expression *expression) {
    ColumnWalk *walk = argument;
    if (expression->kind == EXPRESSION_COLUMN && expression->column.levels_up == walk->depth) {
        walk->found(walk->argument, expression);
    }
    if (expression->kind == EXPRESSION_SUBQUERY) {
        (void)walk_query_part(walk, expression->subquery.query);
    }
    return expression_visit_parts(expression, walk_expression, walk);
}

static bool walk_query_part(void *argument, Query *query) {
    ColumnWalk *walk = argument;
    walk->depth++;
    (void)query_visit(query, walk_expression, walk_query_part, walk);
    walk->depth--;
    return true;
}

static void relation_found(void *argument, const Expression *column) {
    uint64_t *relations = argument;
    *relations |= UINT64_C(1) << (column->column.relation & 63);
}

uint64_t relations_of(const Expression *expression) {
    uint64_t relations = 0;
    ColumnWalk walk = {.found = relation_found, .argument = &relations};
    (void)walk_expression(&walk, (Expression *)(uintptr_t)expression);
    return relations;
}

uint64_t relations_of_query(const Query *query) {
    uint64_t relations = 0;
    ColumnWalk walk = {.found = relation_found, .argument = &relations};
    (void)walk_query_part(&walk, (Query *)(uintptr_t)query);
    return relations;
}

void needed_add(Planner *planner, uint32_t relation, int16_t number) {
    RelationPlan *plan = &planner->relations[relation];
    uint32_t at = 0;
    while (at < plan->needed_count && plan->needed[at] < number) {
        at++;
    }
    if (at < plan->needed_count && plan->needed[at] == number) return;
    int16_t *needed = arena_new_array(planner->arena, int16_t, plan->needed_count + 1);
    if (at > 0) memcpy(needed, plan->needed, at * sizeof *needed);
    needed[at] = number;
    if (at < plan->needed_count) {
        memcpy(needed + at + 1, plan->needed + at, (plan->needed_count - at) * sizeof *needed);
    }
    plan->needed = needed;
    plan->needed_count++;
}

static void needed_found(void *argument, const Expression *column) {
    Planner *planner = argument;
    needed_add(planner, column->column.relation, column->column.number);
}

// ---- Rewriting ----------------------------------------------------------------------------------

static Expression *column_replacement(Planner *planner, const Expression *expression) {
    if (expression->column.levels_up != 0) return NULL;
    const Query *query = planner->query;
    const Relation *relation = &query->relations[expression->column.relation];
    int16_t number = expression->column.number;
    if (relation->source == RELATION_OF_TABLE && number == -6) { // tableoid
        Expression *constant =
            expression_make(planner->arena, EXPRESSION_CONSTANT, expression->type, -1);
        constant->constant = (Value){.datum.oid = relation->table->oid};
        return constant;
    }
    if (relation->source != RELATION_OF_JOIN) return NULL;
    for (uint32_t i = 0; i < relation->column_count; i++) {
        if (relation->columns[i].number == number) return relation->columns[i].expression;
    }
    return NULL;
}

// Merged columns become what they stand for. Changes the tree in place: it is ours.
static Expression *expression_resolve(Planner *planner, Expression *expression) {
    if (expression == NULL) return NULL;
    if (expression->kind == EXPRESSION_COLUMN) {
        Expression *replacement = column_replacement(planner, expression);
        return replacement == NULL ? expression : expression_resolve(planner, replacement);
    }
    for (uint32_t i = 0; i < expression->argument_count; i++) {
        expression->arguments[i] = expression_resolve(planner, expression->arguments[i]);
    }
    if (expression->kind == EXPRESSION_WINDOW) {
        expression->window.filter = expression_resolve(planner, expression->window.filter);
    }
    if (expression->kind == EXPRESSION_AGGREGATE) {
        expression->aggregate.filter = expression_resolve(planner, expression->aggregate.filter);
        for (uint32_t i = 0; i < expression->aggregate.order_count; i++) {
            SortKey *key = &expression->aggregate.order[i];
            key->expression = expression_resolve(planner, key->expression);
        }
    }
    return expression;
}

static void targets_resolve(Planner *planner, Target *targets, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        targets[i].expression = expression_resolve(planner, targets[i].expression);
    }
}

static void from_resolve(Planner *planner, FromItem *item) {
    if (!item->is_join) return;
    item->condition = expression_resolve(planner, item->condition);
    from_resolve(planner, item->left);
    from_resolve(planner, item->right);
}

static void list_resolve(Planner *planner, Expression **list, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        list[i] = expression_resolve(planner, list[i]);
    }
}

static void query_resolve(Planner *planner) {
    Query *query = planner->query;
    for (uint32_t i = 0; i < query->from_count; i++) {
        from_resolve(planner, query->from[i]);
    }
    for (uint32_t i = 0; i < query->relation_count; i++) {
        Relation *relation = &query->relations[i];
        relation->function = expression_resolve(planner, relation->function);
    }
    query->where = expression_resolve(planner, query->where);
    query->having = expression_resolve(planner, query->having);
    targets_resolve(planner, query->targets, query->target_count);
    targets_resolve(planner, query->returning, query->returning_count);
    list_resolve(planner, query->groups, query->group_count);
    list_resolve(planner, query->distinct_on, query->distinct_on_count);
    for (uint32_t i = 0; i < query->sort_count; i++) {
        query->sorts[i].expression = expression_resolve(planner, query->sorts[i].expression);
    }
    for (uint32_t i = 0; i < query->window_count; i++) {
        WindowSpec *window = &query->windows[i];
        list_resolve(planner, window->partitions, window->partition_count);
        for (uint32_t j = 0; j < window->order_count; j++) {
            SortKey *key = &window->orders[j];
            key->expression = expression_resolve(planner, key->expression);
        }
    }
}

Status planner_prepare(Planner *planner) {
    Query *query = planner->query;
    if (query->relation_count > 64) {
        return fail(FEATURE_NOT_SUPPORTED, "more than 64 relations in one query level");
    }
    query_resolve(planner);
    ColumnWalk walk = {.found = needed_found, .argument = planner};
    // Merged columns' expressions are walked where they are used; subqueries mention them by name.
    (void)query_visit(query, walk_expression, walk_query_part, &walk);
    for (uint32_t i = 0; i < query->relation_count; i++) {
        Relation *relation = &query->relations[i];
        if (relation->source == RELATION_OF_JOIN) {
            for (uint32_t j = 0; j < relation->column_count; j++) {
                Expression *merged = relation->columns[j].expression;
                if (merged != NULL) (void)walk_expression(&walk, merged);
            }
        }
        if (relation->source == RELATION_OF_TABLE) {
            planner->relations[i].table = plan_copy_table(planner->arena, relation->table);
        }
    }
    return OK;
}

// ---- Lowering -----------------------------------------------------------------------------------

static Status planner_find_slot(void *argument, const Expression *column, uint32_t *slot_out) {
    Planner *planner = argument;
    CorrelationList *list =
        column->column.levels_up > 0 ? &planner->correlations : planner->lateral;
    if (list == NULL) {
        return fail(FEATURE_NOT_SUPPORTED, "column %d of relation %u cannot be used here yet",
            column->column.number, column->column.relation);
    }
    for (uint32_t i = 0; i < list->count; i++) {
        const Expression *known = list->items[i].column;
        if (known->kind == EXPRESSION_COLUMN && known->column.levels_up == column->column.levels_up
            && known->column.relation == column->column.relation
            && known->column.number == column->column.number) {
            *slot_out = list->items[i].slot;
            return OK;
        }
    }
    *slot_out = planner->shared->slot_count++;
    correlation_add(list, planner->arena, column, *slot_out);
    return OK;
}

void planner_adopt(Planner *planner, Planner *child, CorrelationList *arguments) {
    for (uint32_t i = 0; i < child->correlations.count; i++) {
        const Correlation *from = &child->correlations.items[i];
        Expression *column = arena_copy_bytes(planner->arena, from->column, sizeof *column);
        column->column.levels_up--;
        if (column->column.levels_up > 0) {
            correlation_add(&planner->correlations, planner->arena, column, from->slot);
            continue;
        }
        correlation_add(arguments, planner->arena, expression_resolve(planner, column), from->slot);
    }
}

Lowering planner_lowering(Planner *planner, const Layout *layout) {
    return (Lowering){
        .arena = planner->arena,
        .registry = planner->shared->input->functions->registry,
        .layout = layout,
        .planner = planner,
        .find_slot = planner_find_slot,
        .plan_subquery = plan_subquery_expression,
    };
}

Status planner_lower(Planner *planner, const Layout *layout, Expression *const *expressions,
    uint32_t count, PlanProgram **program_out) {
    Lowering lowering = planner_lowering(planner, layout);
    return lower_expressions(&lowering, expressions, count, program_out);
}

Status planner_lower_conditions(Planner *planner, const Layout *layout,
    const ConditionList *conditions, PlanProgram **program_out) {
    *program_out = NULL;
    if (conditions->count == 0) return OK;
    Lowering lowering = planner_lowering(planner, layout);
    return lower_conditions(&lowering, conditions->items, conditions->count, program_out);
}

Status planner_set_filter(
    Planner *planner, PlanNode *node, const Layout *layout, const ConditionList *conditions) {
    node->conditions = conditions->items;
    node->condition_count = conditions->count;
    return planner_lower_conditions(planner, layout, conditions, &node->filter);
}

Status planner_add_table(Planner *planner, Oid table, TableLockMode mode) {
    PlanShared *shared = planner->shared;
    for (uint32_t i = 0; i < shared->table_count; i++) {
        if (shared->tables[i] != table) continue;
        if (mode > shared->lock_modes[i]) shared->lock_modes[i] = mode;
        return OK;
    }
    if (shared->table_count == shared->table_capacity) {
        uint32_t capacity = shared->table_capacity * 2 + 4;
        Oid *tables = arena_new_array(planner->arena, Oid, capacity);
        TableLockMode *modes = arena_new_array(planner->arena, TableLockMode, capacity);
        if (shared->table_count > 0) {
            memcpy(tables, shared->tables, shared->table_count * sizeof *tables);
            memcpy(modes, shared->lock_modes, shared->table_count * sizeof *modes);
        }
        shared->tables = tables;
        shared->lock_modes = modes;
        shared->table_capacity = capacity;
    }
    shared->tables[shared->table_count] = table;
    shared->lock_modes[shared->table_count++] = mode;
    return OK;
}

// ---- Projection ---------------------------------------------------------------------------------

Status plan_project(Planner *planner, PlanNode *input, Expression *const *expressions,
    uint32_t count, PlanNode **node_out) {
    PlanNode *node = planner_node(planner, PLAN_PROJECT);
    Arena *arena = planner->arena;
    node->input = input;
    node->rows = input->rows;
    node->cost = input->cost;
    node->project.sources = arena_new_array(arena, int32_t, count + 1);
    Expression **computed = arena_new_array(arena, Expression *, count + 1);
    uint32_t computed_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        Expression *expression = expressions[i];
        int32_t found = layout_find_expression(&input->layout, expression);
        LayoutColumn column = {
            .type = expression->type, .relation = RELATION_COMPUTED, .expression = expression};
        if (expression->kind == EXPRESSION_COLUMN && expression->column.levels_up == 0) {
            if (found < 0) {
                found = layout_find_column(
                    &input->layout, expression->column.relation, expression->column.number);
            }
            column.relation = expression->column.relation;
            column.number = expression->column.number;
        }
        layout_add(&node->layout, arena, column);
        if (found >= 0) {
            node->project.sources[i] = found;
        } else {
            node->project.sources[i] = -1 - (int32_t)computed_count;
            computed[computed_count++] = expression;
        }
    }
    node->project.expressions = computed;
    if (computed_count > 0) {
        TRY(planner_lower(
            planner, &input->layout, computed, computed_count, &node->project.program));
    }
    *node_out = node;
    return OK;
}

void plan_name_columns(PlanNode *node, uint32_t relation) {
    for (uint32_t i = 0; i < node->layout.count; i++) {
        node->layout.columns[i].relation = relation;
        node->layout.columns[i].number = (int16_t)(i + 1);
        node->layout.columns[i].expression = NULL;
    }
}
