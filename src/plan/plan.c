#include "plan/plan_node.h"

void layout_add(Layout *layout, Arena *arena, LayoutColumn column) {
    if (layout->count == layout->capacity) {
        uint32_t capacity = layout->capacity * 2 + 8;
        LayoutColumn *columns = arena_new_array(arena, LayoutColumn, capacity);
        if (layout->count > 0) {
            memcpy(columns, layout->columns, layout->count * sizeof *columns);
        }
        layout->columns = columns;
        layout->capacity = capacity;
    }
    layout->columns[layout->count++] = column;
}

void layout_add_all(Layout *layout, Arena *arena, const Layout *from) {
    for (uint32_t i = 0; i < from->count; i++) {
        layout_add(layout, arena, from->columns[i]);
    }
}

int32_t layout_find_column(const Layout *layout, uint32_t relation, int16_t number) {
    for (uint32_t i = 0; i < layout->count; i++) {
        const LayoutColumn *column = &layout->columns[i];
        if (column->relation == relation && column->number == number
            && relation != RELATION_COMPUTED) {
            return (int32_t)i;
        }
    }
    return -1;
}

int32_t layout_find_expression(const Layout *layout, const Expression *expression) {
    for (uint32_t i = 0; i < layout->count; i++) {
        const LayoutColumn *column = &layout->columns[i];
        if (column->expression != NULL
            && (column->expression == expression
                || expression_equal(column->expression, expression))) {
            return (int32_t)i;
        }
    }
    return -1;
}

PlanNode *plan_node_make(Arena *arena, PlanKind kind) {
    PlanNode *node = arena_new(arena, PlanNode);
    node->kind = kind;
    return node;
}

const TableInfo *plan_copy_table(Arena *arena, const TableInfo *table) {
    TableInfo *copy = arena_copy_bytes(arena, table, sizeof *table);
    copy->name = arena_copy_text(arena, table->name);
    copy->schema_name =
        table->schema_name == NULL ? NULL : arena_copy_text(arena, table->schema_name);
    ColumnInfo *columns = arena_new_array(arena, ColumnInfo, table->column_count + 1);
    for (uint32_t i = 0; i < table->column_count; i++) {
        columns[i] = table->columns[i];
        columns[i].name = arena_copy_text(arena, table->columns[i].name);
        columns[i].default_text = NULL;
    }
    copy->columns = columns;
    IndexInfo *indexes = arena_new_array(arena, IndexInfo, table->index_count + 1);
    for (uint32_t i = 0; i < table->index_count; i++) {
        const IndexInfo *from = &table->indexes[i];
        indexes[i] = *from;
        indexes[i].name = arena_copy_text(arena, from->name);
        indexes[i].columns =
            arena_copy_bytes(arena, from->columns, from->column_count * sizeof *from->columns);
        indexes[i].keys =
            arena_copy_bytes(arena, from->keys, from->column_count * sizeof *from->keys);
    }
    copy->indexes = indexes;
    copy->checks = NULL; // the query has them, bound
    copy->check_count = 0;
    return copy;
}

static const char *join_title(const PlanNode *node, bool is_hash) {
    switch (node->join.join) {
    case PLAN_JOIN_INNER:
        return is_hash ? "Hash Join" : "Nested Loop";
    case PLAN_JOIN_LEFT:
        return is_hash ? "Hash Left Join" : "Nested Loop Left Join";
    case PLAN_JOIN_RIGHT:
        return is_hash ? "Hash Right Join" : "Nested Loop Right Join";
    case PLAN_JOIN_FULL:
        return is_hash ? "Hash Full Join" : "Nested Loop Full Join";
    case PLAN_JOIN_SEMI:
        return is_hash ? "Hash Semi Join" : "Nested Loop Semi Join";
    case PLAN_JOIN_ANTI:
        return is_hash ? "Hash Anti Join" : "Nested Loop Anti Join";
    }
    UNREACHABLE();
}

static const char *access_title(const PlanAccess *access) {
    switch (access->path) {
    case ACCESS_SCAN:
        return "Seq Scan";
    case ACCESS_INDEX:
        return access->range->is_backward ? "Index Scan Backward" : "Index Scan";
    case ACCESS_ROUTED:
        return "Routed Scan";
    case ACCESS_KEY:
        return "Key Lookup";
    }
    UNREACHABLE();
}

const char *plan_node_title(const PlanNode *node) {
    switch (node->kind) {
    case PLAN_RESULT:
        return "Result";
    case PLAN_VALUES:
        return "Values Scan";
    case PLAN_TABLE_ACCESS:
        return access_title(&node->access);
    case PLAN_CATALOG_SCAN:
        return "Catalog Scan";
    case PLAN_FUNCTION_SCAN:
        return "Function Scan";
    case PLAN_WITH_SCAN:
        return node->with.is_working_table ? "WorkTable Scan" : "CTE Scan";
    case PLAN_FEED:
        return "Copy Feed";
    case PLAN_FILTER:
        return "Filter";
    case PLAN_PROJECT:
        return "Project";
    case PLAN_PROJECT_SET:
        return "ProjectSet";
    case PLAN_NESTED_LOOP:
        return join_title(node, false);
    case PLAN_HASH_JOIN:
        return join_title(node, true);
    case PLAN_AGGREGATE:
        return node->aggregate.group_count == 0 ? "Aggregate" : "HashAggregate";
    case PLAN_WINDOW:
        return "WindowAgg";
    case PLAN_SORT:
        return node->sort.has_bound ? "Top-N Sort" : "Sort";
    case PLAN_DISTINCT:
        return node->distinct.is_sorted ? "Unique" : "HashDistinct";
    case PLAN_LIMIT:
        return "Limit";
    case PLAN_SET_OPERATION:
        if (node->set.operation == SET_UNION) return node->set.is_all ? "Append" : "HashUnion";
        if (node->set.operation == SET_INTERSECT) {
            return node->set.is_all ? "HashSetOp Intersect All" : "HashSetOp Intersect";
        }
        return node->set.is_all ? "HashSetOp Except All" : "HashSetOp Except";
    case PLAN_LOCK_ROWS:
        return "LockRows";
    case PLAN_INSERT:
        return "Insert";
    case PLAN_UPDATE:
        return "Update";
    case PLAN_DELETE:
        return "Delete";
    }
    UNREACHABLE();
}
