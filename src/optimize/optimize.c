#include "optimize/optimize_internal.h"

// Touches few rows, by index: chosen from the plan's shape, so that an execution may be kept and
// run again with other parameters.
static bool node_is_by_index(const PlanNode *node) {
    if (node->filter != NULL && node->filter->subplan_count > 0) return false;
    switch ((int)node->kind) {
    case PLAN_TABLE_ACCESS:
        return node->access.path == ACCESS_KEY || node->access.path == ACCESS_INDEX;
    case PLAN_RESULT:
        return true;
    case PLAN_PROJECT:
        if (node->project.program != NULL && node->project.program->subplan_count > 0) return false;
        return node_is_by_index(node->input);
    case PLAN_FILTER:
    case PLAN_LIMIT:
        return node_is_by_index(node->input);
    case PLAN_INSERT:
        return node->input->kind == PLAN_RESULT && node->write.assignments->subplan_count == 0;
    case PLAN_UPDATE:
        return node_is_by_index(node->input) && node->write.assignments->subplan_count == 0;
    case PLAN_DELETE:
        return node_is_by_index(node->input);
    default:
        return false;
    }
}

static void plan_set_results(Plan *plan, const Query *query, Arena *arena) {
    bool is_select = query->kind == QUERY_SELECT;
    uint32_t count = is_select ? query_visible_count(query) : query->returning_count;
    const Target *targets = is_select ? query->targets : query->returning;
    ResultColumn *results = arena_new_array(arena, ResultColumn, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        results[i] = (ResultColumn){
            .name = targets[i].name,
            .type = targets[i].expression->type,
            .source_table = targets[i].source_table,
            .source_column = targets[i].source_column,
        };
    }
    plan->results = results;
    plan->result_count = count;
}

static bool query_writes(const Query *query) {
    if (query->kind != QUERY_SELECT || query->lock_count > 0) return true;
    for (uint32_t i = 0; i < query->with_count; i++) {
        if (query_writes(query->with_queries[i])) return true;
    }
    return false;
}

static void plan_set_parameters(Plan *plan, const ParameterTypes *parameters, Arena *arena) {
    uint32_t count = parameters == NULL ? 0 : parameters->count;
    SqlType *types = arena_new_array(arena, SqlType, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        types[i] = sql_type(parameters->types[i]);
    }
    plan->parameter_count = count;
    plan->parameter_types = types;
}

Status optimize_query(const OptimizeInput *input, Query *query, Plan **plan_out) {
    Arena *arena = input->arena;
    Plan *plan = arena_new(arena, Plan);
    plan_set_parameters(plan, input->parameters, arena);
    plan_set_results(plan, query, arena);
    PlanShared shared = {.input = input, .slot_count = plan->parameter_count};
    Planner *planner;
    TRY(plan_query(&shared, NULL, query, &planner, &plan->root));
    TRY(arena_check(arena));
    plan->kind = query->kind;
    plan->writes = query_writes(query);
    plan->table_count = shared.table_count;
    plan->tables = shared.tables;
    plan->lock_modes = shared.lock_modes;
    plan->catalog_version = catalog_view_version(input->catalog);
    plan->slot_count = shared.slot_count;
    plan->with_count = shared.with_count;
    plan->with_queries = shared.withs;
    plan->subplan_count = shared.subplan_count;
    plan->subplans = shared.subplans;
    plan->node_count = shared.node_count;
    plan->is_short = shared.with_count == 0 && node_is_by_index(plan->root);
    *plan_out = plan;
    return OK;
}
