// Windows: PARTITION BY, ORDER BY and frames of OVER and of the WINDOW clause.
#include "bind/bind_internal.h"

static void scope_add_window(Scope *scope, const Node *definition) {
    if (scope->window_count == scope->window_capacity) {
        uint32_t capacity = scope->window_capacity * 2 + 4;
        const Node **grown = arena_new_array(scope->binder->arena, const Node *, capacity);
        if (scope->window_count > 0) {
            memcpy(grown, scope->windows, scope->window_count * sizeof *grown);
        }
        scope->windows = grown;
        scope->window_capacity = capacity;
    }
    scope->windows[scope->window_count++] = definition;
}

void window_clause_begin(Scope *scope, const Node *list) {
    for (uint32_t i = 0; i < node_count(list); i++) {
        scope_add_window(scope, node_item(list, i));
    }
}

// Whether two trees were written alike; places do not count.
static bool node_equal(const Node *a, const Node *b) {
    if (a == b) return true;
    if (a == NULL || b == NULL || a->kind != b->kind) return false;
    switch ((int)a->kind) {
    case NODE_TEXT:
        return strcmp(a->text, b->text) == 0;
    case NODE_INTEGER:
        return a->integer == b->integer;
    case NODE_BOOLEAN:
        return a->boolean == b->boolean;
    case NODE_NONE:
        return true;
    default:
        break;
    }
    if (a->count != b->count) return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->kind == NODE_LIST) {
            if (!node_equal(a->items[i], b->items[i])) return false;
            continue;
        }
        const NodeEntry *left = &a->entries[i], *right = &b->entries[i];
        if (left->field != right->field || left->field == FIELD_COUNT) return false;
        if (left->field != FIELD_LOCATION && !node_equal(left->value, right->value)) return false;
    }
    return true;
}

static bool definition_equal(const Node *a, const Node *b) {
    static const NodeField fields[] = {FIELD_REFNAME, FIELD_PARTITION_CLAUSE, FIELD_ORDER_CLAUSE,
        FIELD_FRAME_OPTIONS, FIELD_START_OFFSET, FIELD_END_OFFSET};
    if (node_has(a, FIELD_NAME)) return false;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (!node_equal(node_get(a, fields[i]), node_get(b, fields[i]))) return false;
    }
    return true;
}

static Status fail_no_window(Scope *scope, const Node *definition, const char *name) {
    return fail_at(scope->binder, node_location(definition), UNDEFINED_OBJECT,
        "window \"%s\" does not exist", name);
}

Status window_find(Scope *scope, const Node *over, uint32_t *index_out) {
    const char *wanted = node_get_text(over, FIELD_NAME);
    for (uint32_t i = 0; i < scope->window_count; i++) {
        const char *name = node_get_text(scope->windows[i], FIELD_NAME);
        bool is_found = wanted != NULL ? name != NULL && strcmp(name, wanted) == 0
                                       : definition_equal(scope->windows[i], over);
        if (!is_found) continue;
        *index_out = i;
        return OK;
    }
    if (wanted != NULL) return fail_no_window(scope, over, wanted);
    *index_out = scope->window_count;
    scope_add_window(scope, over);
    return OK;
}

// ---- Offsets ------------------------------------------------------------------------------------

// What may be added to a column of a type in RANGE: PostgreSQL's in_range functions.
typedef struct RangeOffset {
    Oid column, offset;
} RangeOffset;

static const RangeOffset range_offsets[] = {{TYPE_INT8, TYPE_INT8}, {TYPE_INT4, TYPE_INT8},
    {TYPE_INT4, TYPE_INT4}, {TYPE_INT4, TYPE_INT2}, {TYPE_INT2, TYPE_INT8}, {TYPE_INT2, TYPE_INT4},
    {TYPE_INT2, TYPE_INT2}, {TYPE_FLOAT8, TYPE_FLOAT8}, {TYPE_FLOAT4, TYPE_FLOAT8},
    {TYPE_NUMERIC, TYPE_NUMERIC}, {TYPE_DATE, TYPE_INTERVAL}, {TYPE_TIMESTAMP, TYPE_INTERVAL},
    {TYPE_TIMESTAMPTZ, TYPE_INTERVAL}, {TYPE_TIME, TYPE_INTERVAL}, {TYPE_INTERVAL, TYPE_INTERVAL}};

enum { RANGE_OFFSET_COUNT = sizeof range_offsets / sizeof range_offsets[0] };

static Status choose_range_offset(
    Binder *binder, const Expression *offset, Oid column, Oid *type_out) {
    Oid given = offset->type.oid;
    Oid preferred = given != TYPE_UNKNOWN ? given : column;
    uint32_t known = 0, matching = 0;
    Oid chosen = 0;
    for (uint32_t i = 0; i < RANGE_OFFSET_COUNT; i++) {
        if (range_offsets[i].column != column) continue;
        known++;
        if (!can_coerce(&given, &range_offsets[i].offset, 1, CAST_IMPLICIT)) continue;
        matching++;
        if (chosen != preferred) chosen = range_offsets[i].offset;
    }
    int32_t location = expression_location(offset);
    if (known == 0) {
        return fail_at(binder, location, FEATURE_NOT_SUPPORTED,
            "RANGE with offset PRECEDING/FOLLOWING is not supported for column type %s",
            type_name_text(binder, column));
    }
    if (matching > 0 && (matching == 1 || chosen == preferred)) {
        *type_out = chosen;
        return OK;
    }
    Status status = fail_at(binder, location, FEATURE_NOT_SUPPORTED,
        matching == 0
            ? "RANGE with offset PRECEDING/FOLLOWING is not supported for column type %s and "
              "offset type %s"
            : "RANGE with offset PRECEDING/FOLLOWING has multiple interpretations for column type "
              "%s and offset type %s",
        type_name_text(binder, column), type_name_text(binder, given));
    error_add_hint(matching == 0 ? "Cast the offset value to an appropriate type."
                                 : "Cast the offset value to the exact intended type.");
    return status;
}

static Status bind_offset(
    Scope *scope, const Node *node, const WindowSpec *window, Expression **out) {
    *out = NULL;
    if (node == NULL) return OK;
    Binder *binder = scope->binder;
    bool is_range = (window->frame & FRAME_RANGE) != 0;
    bool is_rows = (window->frame & FRAME_ROWS) != 0;
    const char *construct = is_range ? "RANGE" : is_rows ? "ROWS" : "GROUPS";
    Place place = is_range ? PLACE_WINDOW_RANGE : is_rows ? PLACE_WINDOW_ROWS : PLACE_WINDOW_GROUPS;
    Expression *offset;
    TRY(bind_expression(scope, node, place, &offset));
    if (is_range) {
        Oid type = 0;
        TRY(choose_range_offset(binder, offset, window->orders[0].expression->type.oid, &type));
        TRY(coerce(binder, offset, sql_type(type), CAST_IMPLICIT, -1, &offset));
        bool is_integer = type == TYPE_INT2 || type == TYPE_INT4;
        if (is_integer) {
            TRY(coerce(binder, offset, sql_type(TYPE_INT8), CAST_IMPLICIT, -1, &offset));
        }
    } else {
        TRY(coerce_to_type_named(binder, &offset, TYPE_INT8, construct));
    }
    if (expression_lowest_level(offset) == 0) {
        return fail_at(binder, expression_location(offset), INVALID_COLUMN_REFERENCE,
            "argument of %s must not contain variables", construct);
    }
    *out = offset;
    return OK;
}

// ---- Definitions --------------------------------------------------------------------------------

static Status bind_partitions(Scope *scope, const Node *list, WindowSpec *window) {
    Binder *binder = scope->binder;
    uint32_t count = node_count(list);
    window->partitions = arena_new_array(binder->arena, Expression *, count);
    for (uint32_t i = 0; i < count; i++) {
        Expression *key;
        TRY(bind_expression(scope, node_item(list, i), PLACE_WINDOW, &key));
        TRY(resolve_unknown(binder, &key));
        TRY(require_equality(binder, key, syntax_location(node_item(list, i))));
        window->partitions[window->partition_count++] = key;
    }
    return OK;
}

static Status bind_orders(Scope *scope, const Node *list, WindowSpec *window) {
    Binder *binder = scope->binder;
    uint32_t count = node_count(list);
    window->orders = arena_new_array(binder->arena, SortKey, count);
    for (uint32_t i = 0; i < count; i++) {
        const Node *sort_by = node_item(list, i);
        Expression *key;
        TRY(bind_expression(scope, node_get(sort_by, FIELD_NODE), PLACE_WINDOW, &key));
        TRY(resolve_unknown(binder, &key));
        TRY(sort_key_make(scope, sort_by, key, &window->orders[window->order_count]));
        window->order_count++;
    }
    return OK;
}

// Takes from the window that this one is built on what it does not say itself.
static Status take_from_base(
    Scope *scope, const Node *definition, const WindowSpec *base, WindowSpec *window) {
    Binder *binder = scope->binder;
    int32_t location = node_location(definition);
    if (window->partition_count > 0) {
        return fail_at(binder, location, WINDOWING_ERROR,
            "cannot override PARTITION BY clause of window \"%s\"", base->name);
    }
    if (window->order_count > 0 && base->order_count > 0) {
        return fail_at(binder, location, WINDOWING_ERROR,
            "cannot override ORDER BY clause of window \"%s\"", base->name);
    }
    window->partitions = base->partitions;
    window->partition_count = base->partition_count;
    bool has_order = window->order_count > 0;
    if (!has_order) {
        window->orders = base->orders;
        window->order_count = base->order_count;
    }
    if (base->frame == FRAME_DEFAULT) return OK;
    Status status = fail_at(binder, location, WINDOWING_ERROR,
        "cannot copy window \"%s\" because it has a frame clause", base->name);
    if (window->name == NULL && !has_order && window->frame == FRAME_DEFAULT) {
        error_add_hint("Omit the parentheses in this OVER clause.");
    }
    return status;
}

static Status check_frame(Binder *binder, const Node *definition, const WindowSpec *window) {
    bool has_offset = (window->frame
                          & (FRAME_START_PRECEDING | FRAME_START_FOLLOWING | FRAME_END_PRECEDING
                              | FRAME_END_FOLLOWING))
                      != 0;
    if ((window->frame & FRAME_RANGE) != 0 && has_offset && window->order_count != 1) {
        return fail_at(binder, node_location(definition), WINDOWING_ERROR,
            "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column");
    }
    if ((window->frame & FRAME_GROUPS) != 0 && window->order_count == 0) {
        return fail_at(binder, node_location(definition), WINDOWING_ERROR,
            "GROUPS mode requires an ORDER BY clause");
    }
    return OK;
}

static const WindowSpec *find_named(const Query *query, uint32_t end, const char *name) {
    for (uint32_t i = 0; i < end; i++) {
        const char *other = query->windows[i].name;
        if (other != NULL && strcmp(other, name) == 0) return &query->windows[i];
    }
    return NULL;
}

static Status bind_window(Scope *scope, const Node *definition, uint32_t index) {
    Binder *binder = scope->binder;
    Query *query = scope->query;
    WindowSpec *window = &query->windows[index];
    window->name = node_get_text(definition, FIELD_NAME);
    window->frame = (uint32_t)node_get_integer(definition, FIELD_FRAME_OPTIONS);
    if (window->name != NULL && find_named(query, index, window->name) != NULL) {
        return fail_at(binder, node_location(definition), WINDOWING_ERROR,
            "window \"%s\" is already defined", window->name);
    }
    const char *base_name = node_get_text(definition, FIELD_REFNAME);
    const WindowSpec *base = NULL;
    if (base_name != NULL) {
        base = find_named(query, index, base_name);
        if (base == NULL) return fail_no_window(scope, definition, base_name);
    }
    TRY(bind_orders(scope, node_get(definition, FIELD_ORDER_CLAUSE), window));
    TRY(bind_partitions(scope, node_get(definition, FIELD_PARTITION_CLAUSE), window));
    if (base != NULL) TRY(take_from_base(scope, definition, base, window));
    TRY(check_frame(binder, definition, window));
    TRY(bind_offset(scope, node_get(definition, FIELD_START_OFFSET), window, &window->start));
    return bind_offset(scope, node_get(definition, FIELD_END_OFFSET), window, &window->end);
}

Status bind_windows(Scope *scope) {
    Query *query = scope->query;
    query->windows = arena_new_array(scope->binder->arena, WindowSpec, scope->window_count);
    for (uint32_t i = 0; i < scope->window_count; i++) {
        TRY(bind_window(scope, scope->windows[i], i));
        query->window_count = i + 1;
    }
    return OK;
}
