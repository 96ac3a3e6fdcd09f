#include "bind/query.h"

#include "bind/bind_internal.h"

uint32_t query_visible_count(const Query *query) {
    uint32_t count = query->target_count;
    while (count > 0 && query->targets[count - 1].is_hidden) {
        count--;
    }
    return count;
}

typedef struct Visitor {
    bool (*visit)(void *argument, Expression *expression);
    bool (*visit_query)(void *argument, Query *part);
    void *argument;
} Visitor;

static bool visit_one(const Visitor *visitor, Expression *expression) {
    if (expression == NULL || visitor->visit == NULL) return true;
    return visitor->visit(visitor->argument, expression);
}

static bool visit_part(const Visitor *visitor, Query *query) {
    if (query == NULL || visitor->visit_query == NULL) return true;
    return visitor->visit_query(visitor->argument, query);
}

static bool visit_all(const Visitor *visitor, Expression *const *expressions, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (!visit_one(visitor, expressions[i])) return false;
    }
    return true;
}

static bool visit_targets(const Visitor *visitor, const Target *targets, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (!visit_one(visitor, targets[i].expression)) return false;
    }
    return true;
}

static bool visit_relation(const Visitor *visitor, const Relation *relation) {
    if (!visit_one(visitor, relation->function)) return false;
    for (uint32_t row = 0; row < relation->row_count; row++) {
        if (!visit_all(visitor, relation->rows[row], relation->column_count)) return false;
    }
    return visit_part(visitor, relation->query);
}

static bool visit_from(const Visitor *visitor, const FromItem *item) {
    if (!item->is_join) return true;
    return visit_from(visitor, item->left) && visit_from(visitor, item->right)
           && visit_one(visitor, item->condition);
}

static bool visit_set(const Visitor *visitor, const SetTree *tree) {
    if (tree == NULL) return true;
    if (tree->operation == SET_NONE) return visit_part(visitor, tree->query);
    return visit_set(visitor, tree->left) && visit_set(visitor, tree->right);
}

static bool visit_window(const Visitor *visitor, const WindowSpec *window) {
    if (!visit_all(visitor, window->partitions, window->partition_count)) return false;
    for (uint32_t i = 0; i < window->order_count; i++) {
        if (!visit_one(visitor, window->orders[i].expression)) return false;
    }
    return visit_one(visitor, window->start) && visit_one(visitor, window->end);
}

bool query_visit(const Query *query, bool (*visit)(void *argument, Expression *expression),
    bool (*visit_query)(void *argument, Query *part), void *argument) {
    const Visitor visitor = {visit, visit_query, argument};
    for (uint32_t i = 0; i < query->with_count; i++) {
        if (!visit_part(&visitor, query->with_queries[i])) return false;
    }
    for (uint32_t i = 0; i < query->relation_count; i++) {
        if (!visit_relation(&visitor, &query->relations[i])) return false;
    }
    for (uint32_t i = 0; i < query->from_count; i++) {
        if (!visit_from(&visitor, query->from[i])) return false;
    }
    if (!visit_set(&visitor, query->set)) return false;
    if (!visit_one(&visitor, query->where) || !visit_one(&visitor, query->having)) return false;
    if (!visit_targets(&visitor, query->targets, query->target_count)) return false;
    if (!visit_all(&visitor, query->groups, query->group_count)) return false;
    if (!visit_all(&visitor, query->distinct_on, query->distinct_on_count)) return false;
    for (uint32_t i = 0; i < query->sort_count; i++) {
        if (!visit_one(&visitor, query->sorts[i].expression)) return false;
    }
    if (!visit_one(&visitor, query->limit) || !visit_one(&visitor, query->offset)) return false;
    for (uint32_t i = 0; i < query->window_count; i++) {
        if (!visit_window(&visitor, &query->windows[i])) return false;
    }
    if (!visit_part(&visitor, query->source)) return false;
    const OnConflict *conflict = query->on_conflict;
    if (conflict != NULL) {
        if (!visit_targets(&visitor, conflict->assignments, conflict->assignment_count)
            || !visit_one(&visitor, conflict->condition)) {
            return false;
        }
    }
    return visit_targets(&visitor, query->returning, query->returning_count)
           && visit_all(&visitor, query->checks, query->check_count);
}

static bool expression_is_stable(void *argument, Expression *expression) {
    (void)argument;
    return !expression_is_volatile(expression);
}

static bool part_is_stable(void *argument, Query *part) {
    (void)argument;
    return !query_is_volatile(part);
}

bool query_is_volatile(const Query *query) {
    if (query->kind != QUERY_SELECT || query->lock_count > 0) return true;
    return !query_visit(query, expression_is_stable, part_is_stable, NULL);
}

// ---- Levels -------------------------------------------------------------------------------------

typedef struct LevelSearch {
    uint32_t depth;
    uint32_t lowest; // of the levels that columns belong to
} LevelSearch;

static bool level_visit_query(void *argument, Query *query);

static bool level_visit(void *argument, Expression *expression) {
    LevelSearch *search = argument;
    if (expression->kind == EXPRESSION_COLUMN) {
        if (expression->column.levels_up >= search->depth) {
            uint32_t level = expression->column.levels_up - search->depth;
            if (level < search->lowest) search->lowest = level;
        }
        return true;
    }
    if (expression->kind == EXPRESSION_SUBQUERY) {
        level_visit_query(search, expression->subquery.query);
    }
    return expression_visit_parts(expression, level_visit, search);
}

static bool level_visit_query(void *argument, Query *query) {
    LevelSearch *search = argument;
    search->depth++;
    query_visit(query, level_visit, level_visit_query, search);
    search->depth--;
    return true;
}

uint32_t expression_lowest_level(Expression *expression) {
    LevelSearch search = {.lowest = UINT32_MAX};
    level_visit(&search, expression);
    return search.lowest;
}

// ---- Moving a query to another depth ------------------------------------------------------------

typedef struct Shift {
    uint32_t depth;
    int32_t delta;
} Shift;

// An expression may be reached twice (a sort key is also a target); what was moved is kept here, so
// that it moves once.
typedef struct Shifting {
    Shift shift;
    Expression **moved;
    uint32_t moved_count, moved_capacity;
    Arena *arena;
} Shifting;

static void shift_query(Shifting *shifting, Query *query, uint32_t depth);

static bool was_moved(Shifting *shifting, Expression *expression) {
    for (uint32_t i = 0; i < shifting->moved_count; i++) {
        if (shifting->moved[i] == expression) return true;
    }
    if (shifting->moved_count == shifting->moved_capacity) {
        uint32_t capacity = shifting->moved_capacity * 2 + 16;
        Expression **grown = arena_new_array(shifting->arena, Expression *, capacity);
        if (shifting->moved_count > 0) {
            memcpy(grown, shifting->moved, shifting->moved_count * sizeof *grown);
        }
        shifting->moved = grown;
        shifting->moved_capacity = capacity;
    }
    shifting->moved[shifting->moved_count++] = expression;
    return false;
}

static bool shift_expression(void *argument, Expression *expression) {
    Shifting *shifting = argument;
    if (expression->kind == EXPRESSION_COLUMN) {
        if (expression->column.levels_up >= shifting->shift.depth
            && !was_moved(shifting, expression)) {
            expression->column.levels_up =
                (uint32_t)((int32_t)expression->column.levels_up + shifting->shift.delta);
        }
        return true;
    }
    if (expression->kind == EXPRESSION_SUBQUERY && !was_moved(shifting, expression)) {
        shift_query(shifting, expression->subquery.query, shifting->shift.depth + 1);
    }
    return expression_visit_parts(expression, shift_expression, shifting);
}

static bool shift_part(void *argument, Query *part) {
    Shifting *shifting = argument;
    shift_query(shifting, part, shifting->shift.depth + 1);
    return true;
}

static void shift_query(Shifting *shifting, Query *query, uint32_t depth) {
    uint32_t outer_depth = shifting->shift.depth;
    shifting->shift.depth = depth;
    for (uint32_t i = 0; i < query->relation_count; i++) {
        Relation *relation = &query->relations[i];
        if (relation->source == RELATION_OF_WITH && relation->levels_up >= depth) {
            relation->levels_up = (uint32_t)((int32_t)relation->levels_up + shifting->shift.delta);
        }
    }
    query_visit(query, shift_expression, shift_part, shifting);
    shifting->shift.depth = outer_depth;
}

void query_shift_levels(Arena *arena, Query *query, uint32_t depth, int32_t delta) {
    if (delta == 0) return;
    Shifting shifting = {.shift = {depth, delta}, .arena = arena};
    shift_query(&shifting, query, depth);
}

void expression_move_inside(Arena *arena, Expression *expression) {
    Shifting shifting = {.shift = {0, 1}, .arena = arena};
    shift_expression(&shifting, expression);
}
