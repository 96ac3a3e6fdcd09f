// INSERT, UPDATE and DELETE: the rows to write, what is written, and what is checked and returned.
#include "optimize/optimize_internal.h"

static const ColumnInfo *table_column(const TableInfo *table, int16_t number) {
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].number == number) return &table->columns[i];
    }
    return NULL;
}

// The table's columns in store order, as relation `relation`.
static Layout store_layout(Planner *planner, const TableInfo *table, uint32_t relation) {
    Layout layout = {0};
    for (uint32_t position = 0; position < table->column_count; position++) {
        for (uint32_t i = 0; i < table->column_count; i++) {
            const ColumnInfo *column = &table->columns[i];
            if (column->position != position) continue;
            layout_add(&layout, planner->arena,
                (LayoutColumn){
                    .type = column->type, .relation = relation, .number = column->number});
        }
    }
    return layout;
}

static Status plan_constraints(Planner *planner, PlanNode *node) {
    const Query *query = planner->query;
    PlanConstraints *constraints = &node->write.constraints;
    constraints->check_count = query->check_count;
    constraints->check_names = query->check_names;
    if (query->check_count == 0) return OK;
    Layout layout = store_layout(planner, node->write.table, query->result_relation);
    return planner_lower(planner, &layout, query->checks, query->check_count, &constraints->checks);
}

static Status plan_returning(Planner *planner, PlanNode *node) {
    const Query *query = planner->query;
    if (query->returning_count == 0) return OK;
    Arena *arena = planner->arena;
    Expression **expressions = arena_new_array(arena, Expression *, query->returning_count);
    for (uint32_t i = 0; i < query->returning_count; i++) {
        expressions[i] = query->returning[i].expression;
        layout_add(&node->layout, arena,
            (LayoutColumn){.type = expressions[i]->type,
                .relation = RELATION_COMPUTED,
                .expression = expressions[i]});
    }
    Layout layout = store_layout(planner, node->write.table, query->result_relation);
    if (node->input != NULL) layout_add_all(&layout, arena, &node->input->layout);
    node->write.returning_count = query->returning_count;
    return planner_lower(
        planner, &layout, expressions, query->returning_count, &node->write.returning);
}

// Lays targets out by store position: results in `expressions`, positions in `positions`.
static Status assignments_order(Planner *planner, const TableInfo *table, const Target *targets,
    uint32_t count, Expression ***expressions_out, uint16_t **positions_out) {
    Expression **expressions = arena_new_array(planner->arena, Expression *, count + 1);
    uint16_t *positions = arena_new_array(planner->arena, uint16_t, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        const ColumnInfo *column = table_column(table, targets[i].column);
        if (column == NULL) return fail(INTERNAL_ERROR, "a written column is unknown");
        expressions[i] = targets[i].expression;
        positions[i] = column->position;
    }
    *expressions_out = expressions;
    *positions_out = positions;
    return OK;
}

// ---- INSERT -------------------------------------------------------------------------------------

// COPY FROM feeds the rows: relation 1 names their columns, and nothing else gives it any.
static bool source_is_fed(const Query *query) {
    if (query->source != NULL) return false;
    for (uint32_t i = 0; i < query->relation_count; i++) {
        bool is_excluded = query->on_conflict != NULL && query->on_conflict->excluded_relation == i;
        if (i != query->result_relation && !is_excluded) return true;
    }
    return false;
}

static Status plan_source(Planner *planner, PlanNode **node_out) {
    Query *query = planner->query;
    if (query->source != NULL) {
        Planner *child;
        TRY(plan_query(planner->shared, planner, query->source, &child, node_out));
        CorrelationList read = {0};
        planner_adopt(planner, child, &read);
        if (read.count > 0) return fail(INTERNAL_ERROR, "the source of INSERT reads its target");
        plan_name_columns(*node_out, 1);
        return OK;
    }
    if (!source_is_fed(query)) {
        *node_out = planner_node(planner, PLAN_RESULT);
        (*node_out)->rows = 1.0;
        return OK;
    }
    PlanNode *feed = planner_node(planner, PLAN_FEED);
    const Relation *relation = &query->relations[1];
    for (uint32_t i = 0; i < relation->column_count; i++) {
        layout_add(&feed->layout, planner->arena,
            (LayoutColumn){.type = relation->columns[i].type,
                .relation = 1,
                .number = relation->columns[i].number});
    }
    *node_out = feed;
    return OK;
}

static Status plan_conflict(Planner *planner, PlanNode *node) {
    const OnConflict *from = planner->query->on_conflict;
    if (from == NULL) return OK;
    PlanConflict *conflict = arena_new(planner->arena, PlanConflict);
    node->write.conflict = conflict;
    conflict->is_update = from->is_update;
    conflict->arbiter_index = from->arbiter_index;
    if (!from->is_update) return OK;
    Expression **expressions;
    uint16_t *positions;
    TRY(assignments_order(planner, node->write.table, from->assignments, from->assignment_count,
        &expressions, &positions));
    Layout layout = store_layout(planner, node->write.table, planner->query->result_relation);
    Layout excluded = store_layout(planner, node->write.table, from->excluded_relation);
    layout_add_all(&layout, planner->arena, &excluded);
    conflict->assigned = positions;
    conflict->assigned_count = from->assignment_count;
    TRY(planner_lower(
        planner, &layout, expressions, from->assignment_count, &conflict->assignments));
    ConditionList condition = {0};
    condition_add_all(&condition, planner->arena, from->condition);
    return planner_lower_conditions(planner, &layout, &condition, &conflict->condition);
}

static Status plan_insert(Planner *planner, PlanNode **node_out) {
    Query *query = planner->query;
    PlanNode *node = planner_node(planner, PLAN_INSERT);
    node->write.table = planner->relations[query->result_relation].table;
    TRY(planner_add_table(planner, node->write.table->oid, LOCK_ROW_EXCLUSIVE));
    TRY(plan_source(planner, &node->input));
    node->rows = node->input->rows;
    node->cost = node->input->cost;

    Layout store = store_layout(planner, node->write.table, query->result_relation);
    Expression **values = arena_new_array(planner->arena, Expression *, store.count + 1);
    for (uint32_t i = 0; i < store.count; i++) {
        for (uint32_t t = 0; t < query->target_count; t++) {
            if (query->targets[t].column == store.columns[i].number) {
                values[i] = query->targets[t].expression;
            }
        }
        if (values[i] != NULL) continue;
        values[i] = expression_make(planner->arena, EXPRESSION_CONSTANT, store.columns[i].type, -1);
        values[i]->constant = (Value){.is_null = true};
    }
    TRY(planner_lower(
        planner, &node->input->layout, values, store.count, &node->write.assignments));
    TRY(plan_constraints(planner, node));
    TRY(plan_conflict(planner, node));
    *node_out = node;
    return plan_returning(planner, node);
}

// ---- UPDATE and DELETE --------------------------------------------------------------------------

// Where the target's columns are in the input, and which the re-check reads again.
static void write_map_columns(Planner *planner, PlanNode *node) {
    uint32_t relation = planner->query->result_relation;
    const TableInfo *table = node->write.table;
    const Layout *layout = &node->input->layout;
    node->write.columns = arena_new_array(planner->arena, uint64_t, table->column_count / 64 + 1);
    node->write.inputs = arena_new_array(planner->arena, uint32_t, layout->count + 1);
    node->write.positions = arena_new_array(planner->arena, uint16_t, layout->count + 1);
    for (uint32_t i = 0; i < layout->count; i++) {
        const LayoutColumn *from = &layout->columns[i];
        if (from->relation != relation || from->number <= 0) continue;
        const ColumnInfo *column = table_column(table, from->number);
        if (column == NULL) continue;
        uint16_t position = column->position;
        node->write.columns[position >> 6] |= UINT64_C(1) << (position & 63);
        node->write.inputs[node->write.column_count] = i;
        node->write.positions[node->write.column_count++] = position;
    }
}

static Status plan_recheck(Planner *planner, PlanNode *node) {
    ConditionList recheck = {0};
    for (uint32_t i = 0; i < planner->conditions.count; i++) {
        Expression *condition = planner->conditions.items[i];
        if ((relations_of(condition) >> planner->query->result_relation & 1) != 0) {
            condition_add(&recheck, planner->arena, condition);
        }
    }
    return planner_lower_conditions(planner, &node->input->layout, &recheck, &node->write.recheck);
}

static Status plan_change(Planner *planner, PlanNode **node_out) {
    Query *query = planner->query;
    uint32_t relation = query->result_relation;
    bool is_update = query->kind == QUERY_UPDATE;
    PlanNode *node = planner_node(planner, is_update ? PLAN_UPDATE : PLAN_DELETE);
    const TableInfo *table = planner->relations[relation].table;
    node->write.table = table;
    TRY(planner_add_table(planner, table->oid, LOCK_ROW_EXCLUSIVE));
    planner->relations[relation].needs_row_id = true;
    // A NOT NULL or CHECK failure prints the whole row.
    bool may_fail = query->check_count > 0;
    for (uint32_t t = 0; is_update && t < query->target_count; t++) {
        const ColumnInfo *column = table_column(table, query->targets[t].column);
        if (column != NULL && column->is_not_null) may_fail = true;
    }
    for (uint32_t i = 0; is_update && may_fail && i < table->column_count; i++) {
        if (!table->columns[i].is_dropped) {
            needed_add(planner, relation, table->columns[i].number);
        }
    }
    TRY(plan_from_where(planner, &node->input));
    node->rows = node->input->rows;
    node->cost = node->input->cost;
    int32_t row_id = layout_find_column(&node->input->layout, relation, COLUMN_ROW_ID);
    if (row_id < 0) return fail(INTERNAL_ERROR, "the rows to change have no row ids");
    node->write.row_id = (uint32_t)row_id;
    write_map_columns(planner, node);
    TRY(plan_recheck(planner, node));
    if (is_update) {
        Expression **expressions;
        uint16_t *positions;
        TRY(assignments_order(
            planner, table, query->targets, query->target_count, &expressions, &positions));
        node->write.assigned = positions;
        node->write.assigned_count = query->target_count;
        TRY(planner_lower(planner, &node->input->layout, expressions, query->target_count,
            &node->write.assignments));
        TRY(plan_constraints(planner, node));
    }
    *node_out = node;
    return plan_returning(planner, node);
}

Status plan_write(Planner *planner, PlanNode **node_out) {
    TRY(planner_prepare(planner));
    TRY(plan_withs(planner));
    const TableInfo *table = planner->relations[planner->query->result_relation].table;
    if (table == NULL || table->is_constant || table->kind != RELATION_TABLE) {
        return fail(
            WRONG_OBJECT_TYPE, "cannot change relation \"%s\"", table == NULL ? "?" : table->name);
    }
    if (planner->query->kind == QUERY_INSERT) return plan_insert(planner, node_out);
    return plan_change(planner, node_out);
}
