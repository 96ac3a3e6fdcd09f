// Window functions: for each window its rows in order, and the calls over it as further columns.
#include "optimize/optimize_internal.h"

// The calls over one window.
typedef struct CallWalk {
    Arena *arena;
    uint32_t window;
    ExpressionList calls;
} CallWalk;

static bool call_walk(void *argument, Expression *expression) {
    CallWalk *walk = argument;
    if (expression->kind == EXPRESSION_WINDOW && expression->window.index == walk->window) {
        expression_list_add(&walk->calls, walk->arena, expression);
    }
    return expression_visit_parts(expression, call_walk, walk);
}

static void collect_calls(const Query *query, CallWalk *walk) {
    for (uint32_t i = 0; i < query->target_count; i++) {
        (void)call_walk(walk, query->targets[i].expression);
    }
    for (uint32_t i = 0; i < query->sort_count; i++) {
        (void)call_walk(walk, query->sorts[i].expression);
    }
    for (uint32_t i = 0; i < query->distinct_on_count; i++) {
        (void)call_walk(walk, query->distinct_on[i]);
    }
}

static void want_all(
    ExpressionList *wanted, Arena *arena, const WindowSpec *window, const ExpressionList *calls) {
    for (uint32_t i = 0; i < window->partition_count; i++) {
        expression_list_add(wanted, arena, window->partitions[i]);
    }
    for (uint32_t i = 0; i < window->order_count; i++) {
        expression_list_add(wanted, arena, window->orders[i].expression);
    }
    for (uint32_t i = 0; i < calls->count; i++) {
        const Expression *call = calls->items[i];
        for (uint32_t j = 0; j < call->argument_count; j++) {
            expression_list_add(wanted, arena, call->arguments[j]);
        }
        if (call->window.filter != NULL) expression_list_add(wanted, arena, call->window.filter);
    }
}

// Rows that belong together come together, and among them in the window's order.
static Status sort_for_window(Planner *planner, PlanNode **node, const WindowSpec *window) {
    uint32_t count = window->partition_count + window->order_count;
    if (count == 0) return OK;
    SortKey *sorts = arena_new_array(planner->arena, SortKey, count);
    for (uint32_t i = 0; i < window->partition_count; i++) {
        sorts[i] = (SortKey){.expression = window->partitions[i]};
    }
    for (uint32_t i = 0; i < window->order_count; i++) {
        sorts[window->partition_count + i] = window->orders[i];
    }
    TRY(plan_sort(planner, node, sorts, count));
    (*node)->sort.has_bound = false;
    return OK;
}

static void window_call_make(
    Arena *arena, const Layout *layout, const Expression *call, PlanAggregateCall *made) {
    uint32_t *arguments = arena_new_array(arena, uint32_t, call->argument_count + 1);
    Oid *types = arena_new_array(arena, Oid, call->argument_count + 1);
    for (uint32_t i = 0; i < call->argument_count; i++) {
        arguments[i] = layout_index(layout, call->arguments[i]);
        types[i] = call->arguments[i]->type.oid;
    }
    *made = (PlanAggregateCall){
        .function = call->function,
        .result = call->type,
        .argument_count = call->argument_count,
        .arguments = arguments,
        .argument_types = types,
    };
    if (call->window.filter == NULL) return;
    made->has_filter = true;
    made->filter = layout_index(layout, call->window.filter);
}

static Status plan_window(
    Planner *planner, const WindowSpec *window, const ExpressionList *calls, PlanNode **node) {
    Arena *arena = planner->arena;
    ExpressionList wanted = {0};
    want_all(&wanted, arena, window, calls);
    TRY(plan_extend(planner, node, &wanted));
    TRY(sort_for_window(planner, node, window));
    PlanNode *made = planner_node(planner, PLAN_WINDOW);
    made->input = *node;
    made->rows = made->input->rows;
    made->cost = made->input->cost + made->rows * calls->count;
    layout_add_all(&made->layout, arena, &made->input->layout);
    uint32_t *partitions = arena_new_array(arena, uint32_t, window->partition_count + 1);
    uint32_t *orders = arena_new_array(arena, uint32_t, window->order_count + 1);
    KeyColumn *keys = arena_new_array(arena, KeyColumn, window->order_count + 1);
    for (uint32_t i = 0; i < window->partition_count; i++) {
        partitions[i] = layout_index(&made->layout, window->partitions[i]);
    }
    for (uint32_t i = 0; i < window->order_count; i++) {
        orders[i] = layout_index(&made->layout, window->orders[i].expression);
        keys[i] = sort_key_column(&window->orders[i]);
    }
    made->window.partition_count = window->partition_count;
    made->window.partitions = partitions;
    made->window.order_count = window->order_count;
    made->window.orders = orders;
    made->window.keys = keys;
    made->window.frame = window->frame;
    made->window.call_count = calls->count;
    made->window.calls = arena_new_array(arena, PlanAggregateCall, calls->count);
    for (uint32_t i = 0; i < calls->count; i++) {
        window_call_make(arena, &made->layout, calls->items[i], &made->window.calls[i]);
    }
    Expression *offsets[2];
    uint32_t offset_count = 0;
    if (window->start != NULL) offsets[offset_count++] = window->start;
    if (window->end != NULL) offsets[offset_count++] = window->end;
    if (offset_count > 0) {
        TRY(planner_lower(planner, NULL, offsets, offset_count, &made->window.offsets));
    }
    for (uint32_t i = 0; i < calls->count; i++) {
        layout_add(&made->layout, arena,
            (LayoutColumn){.type = calls->items[i]->type,
                .relation = RELATION_COMPUTED,
                .expression = calls->items[i]});
    }
    *node = made;
    return OK;
}

Status plan_windows(Planner *planner, PlanNode **node) {
    const Query *query = planner->query;
    for (uint32_t i = 0; i < query->window_count; i++) {
        CallWalk walk = {.arena = planner->arena, .window = i};
        collect_calls(query, &walk);
        // A window that nobody looks through is not opened.
        if (walk.calls.count > 0) {
            TRY(plan_window(planner, &query->windows[i], &walk.calls, node));
        }
    }
    return OK;
}
