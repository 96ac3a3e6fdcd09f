// EXPLAIN: the plan as indented text, in PostgreSQL's manner.
#include "execute/execute_internal.h"
#include "plan/describe.h"

#include <inttypes.h>

typedef struct Explainer {
    const Plan *plan;
    const Execution *execution; // or NULL
    bool show_costs;
    Text *out;
} Explainer;

static void explain_node(const Explainer *explainer, const PlanNode *node, uint32_t depth,
    const char *relation_to_parent);

static void explain_indent(const Explainer *explainer, uint32_t depth) {
    text_append_repeat(explainer->out, ' ', depth);
}

// Bytes of a row as it is in flight: PostgreSQL's width, roughly.
static uint32_t layout_width(const Layout *layout) {
    uint32_t width = 0;
    for (uint32_t i = 0; i < layout->count; i++) {
        PhysicalKind kind = type_physical(layout->columns[i].type.oid);
        width += kind == PHYSICAL_VIEW ? 32 : physical_width[kind];
    }
    return width;
}

// With that of everything below, as PostgreSQL has it.
static int64_t node_time_ns(const Execution *execution, const PlanNode *node) {
    int64_t time_ns = execution->worker.figures[node->number].time_ns;
    if (node->input != NULL) time_ns += node_time_ns(execution, node->input);
    if (node->second != NULL) time_ns += node_time_ns(execution, node->second);
    return time_ns;
}

static void explain_figures(const Explainer *explainer, const PlanNode *node) {
    if (explainer->show_costs) {
        text_append_format(explainer->out, "  (cost=0.00..%.2f rows=%.0f width=%u)",
            node->cost / 100.0, node->rows, layout_width(&node->layout));
    }
    if (explainer->execution == NULL) return;
    const NodeFigures *figures = &explainer->execution->worker.figures[node->number];
    if (figures->loops == 0) {
        text_append_text(explainer->out, " (never executed)");
        return;
    }
    if (explainer->execution->input.analyze) {
        text_append_format(explainer->out,
            " (actual time=0.000..%.3f rows=%" PRIu64 " loops=%" PRIu64 ")",
            (double)node_time_ns(explainer->execution, node) / 1e6, figures->rows / figures->loops,
            figures->loops);
    } else {
        text_append_format(explainer->out, " (actual rows=%" PRIu64 " loops=%" PRIu64 ")",
            figures->rows / figures->loops, figures->loops);
    }
}

static void explain_conditions(const Explainer *explainer, const PlanNode *node, uint32_t depth,
    const char *label, Expression *const *conditions, uint32_t count) {
    if (count == 0) return;
    explain_indent(explainer, depth);
    text_append_format(explainer->out, "%s: ", label);
    plan_describe_conditions(node->query, conditions, count, explainer->out);
    text_append_char(explainer->out, '\n');
}

static void explain_target(const Explainer *explainer, const PlanNode *node) {
    Text *out = explainer->out;
    if (node->kind == PLAN_TABLE_ACCESS || node->kind == PLAN_CATALOG_SCAN) {
        const PlanAccess *access = &node->access;
        if (access->range != NULL) text_append_format(out, " using %s", access->range->index_name);
        text_append_format(out, " on %s", access->table->name);
        if (access->alias != NULL && strcmp(access->alias, access->table->name) != 0) {
            text_append_format(out, " %s", access->alias);
        }
    } else if (node->kind == PLAN_FUNCTION_SCAN) {
        text_append_format(out, " on %s", node->function.name);
        if (node->function.alias != NULL
            && strcmp(node->function.alias, node->function.name) != 0) {
            text_append_format(out, " %s", node->function.alias);
        }
    } else if (node->kind == PLAN_WITH_SCAN) {
        text_append_format(out, " on %s", node->with.name);
    } else if (node->kind == PLAN_INSERT || node->kind == PLAN_UPDATE
               || node->kind == PLAN_DELETE) {
        text_append_format(out, " on %s", node->write.table->name);
    }
}

static void explain_keys(const Explainer *explainer, const PlanNode *node, uint32_t depth) {
    Text *out = explainer->out;
    if (node->kind == PLAN_SORT) {
        explain_indent(explainer, depth);
        text_append_text(out, "Sort Key: ");
        for (uint32_t i = 0; i < node->sort.key_count; i++) {
            if (i > 0) text_append_text(out, ", ");
            plan_describe_column(node->query, &node->layout.columns[node->sort.columns[i]], out);
            const KeyColumn *key = &node->sort.keys[i];
            if (key->is_descending) text_append_text(out, " DESC");
            if (key->nulls_first != key->is_descending) {
                text_append_text(out, key->nulls_first ? " NULLS FIRST" : " NULLS LAST");
            }
        }
        text_append_char(out, '\n');
    } else if (node->kind == PLAN_AGGREGATE && node->aggregate.group_count > 0) {
        explain_indent(explainer, depth);
        text_append_text(out, "Group Key: ");
        for (uint32_t i = 0; i < node->aggregate.group_count; i++) {
            if (i > 0) text_append_text(out, ", ");
            plan_describe_column(node->query, &node->layout.columns[i], out);
        }
        text_append_char(out, '\n');
    }
}

static void explain_details(const Explainer *explainer, const PlanNode *node, uint32_t depth) {
    if (node->kind == PLAN_TABLE_ACCESS && node->access.range != NULL) {
        explain_conditions(explainer, node, depth, "Index Cond", node->access.range->conditions,
            node->access.range->condition_count);
    }
    explain_keys(explainer, node, depth);
    if (node->kind == PLAN_HASH_JOIN) {
        explain_conditions(
            explainer, node, depth, "Hash Cond", node->join.key_conditions, node->join.key_count);
    }
    bool is_join = node->kind == PLAN_HASH_JOIN || node->kind == PLAN_NESTED_LOOP;
    explain_conditions(explainer, node, depth, is_join ? "Join Filter" : "Filter", node->conditions,
        node->condition_count);
    if (node->kind == PLAN_INSERT && node->write.conflict != NULL) {
        explain_indent(explainer, depth);
        text_append_format(explainer->out, "Conflict Resolution: %s\n",
            node->write.conflict->is_update ? "UPDATE" : "NOTHING");
    }
}

static void explain_node(const Explainer *explainer, const PlanNode *node, uint32_t depth,
    const char *relation_to_parent) {
    // A projection only renames and computes: PostgreSQL shows none.
    if (node->kind == PLAN_PROJECT) {
        explain_node(explainer, node->input, depth, relation_to_parent);
        return;
    }
    explain_indent(explainer, depth);
    if (depth > 0) text_append_text(explainer->out, "->  ");
    if (relation_to_parent != NULL) text_append_text(explainer->out, relation_to_parent);
    text_append_text(explainer->out, plan_node_title(node));
    explain_target(explainer, node);
    explain_figures(explainer, node);
    text_append_char(explainer->out, '\n');
    uint32_t inner = depth == 0 ? 2 : depth + 6;
    explain_details(explainer, node, inner);
    if (node->input != NULL) explain_node(explainer, node->input, inner, NULL);
    if (node->second != NULL) explain_node(explainer, node->second, inner, NULL);
}

void plan_explain(
    const Plan *plan, const Execution *execution_or_null, bool show_costs, Text *out) {
    Explainer explainer = {
        .plan = plan,
        .execution = execution_or_null,
        .show_costs = show_costs,
        .out = out,
    };
    explain_node(&explainer, plan->root, 0, NULL);
    for (uint32_t i = 0; i < plan->with_count; i++) {
        const PlanWith *with = &plan->with_queries[i];
        text_append_format(out, "  CTE %s\n", with->name);
        if (with->recursive == NULL) {
            explain_node(&explainer, with->root, 4, NULL);
        } else {
            text_append_text(out, "    ->  Recursive Union\n");
            explain_node(&explainer, with->root, 10, NULL);
            explain_node(&explainer, with->recursive, 10, NULL);
        }
    }
    for (uint32_t i = 0; i < plan->subplan_count; i++) {
        text_append_format(out, "  SubPlan %u\n", plan->subplans[i]->number + 1);
        explain_node(&explainer, plan->subplans[i]->root, 4, NULL);
    }
}
