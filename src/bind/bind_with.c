// WITH: queries that have names, and those that mention themselves.
#include "bind/bind_internal.h"

// ---- Which items mention which ------------------------------------------------------------------

// Calls `found` for each name in FROM, without a schema, that no WITH inside has taken.
typedef struct NameWalk {
    Binder *binder;
    const char **hidden; // names of WITH clauses inside, innermost last
    uint32_t hidden_count, hidden_capacity;
    void (*found)(void *argument, const char *name);
    void *argument;
} NameWalk;

static void hide_name(NameWalk *walk, const Node *item) {
    if (walk->hidden_count == walk->hidden_capacity) {
        uint32_t capacity = walk->hidden_capacity * 2 + 4;
        const char **grown = arena_new_array(walk->binder->arena, const char *, capacity);
        if (walk->hidden_count > 0) memcpy(grown, walk->hidden, walk->hidden_count * sizeof *grown);
        walk->hidden = grown;
        walk->hidden_capacity = capacity;
    }
    walk->hidden[walk->hidden_count++] = node_get_text(item, FIELD_CTENAME);
}

static bool is_hidden(const NameWalk *walk, const char *name) {
    for (uint32_t i = 0; i < walk->hidden_count; i++) {
        if (strcmp(walk->hidden[i], name) == 0) return true;
    }
    return false;
}

static Status walk_names(NameWalk *walk, const Node *node);

static Status walk_parts(NameWalk *walk, const Node *node) {
    if (node->kind == NODE_LIST) {
        for (uint32_t i = 0; i < node->count; i++) {
            TRY(walk_names(walk, node->items[i]));
        }
        return OK;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        if (node->entries[i].field == FIELD_WITH_CLAUSE) continue;
        TRY(walk_names(walk, node->entries[i].value));
    }
    return OK;
}

// An item of a WITH inside sees those before it; with RECURSIVE all of them.
static Status walk_with(NameWalk *walk, const Node *clause) {
    const Node *items = node_get(clause, FIELD_CTES);
    bool is_recursive = node_get_boolean(clause, FIELD_RECURSIVE);
    for (uint32_t i = 0; is_recursive && i < node_count(items); i++) {
        hide_name(walk, node_item(items, i));
    }
    for (uint32_t i = 0; i < node_count(items); i++) {
        TRY(walk_names(walk, node_get(node_item(items, i), FIELD_CTEQUERY)));
        if (!is_recursive) hide_name(walk, node_item(items, i));
    }
    return OK;
}

static bool node_is_leaf(const Node *node) {
    return node == NULL || node->kind == NODE_NONE || node->kind == NODE_TEXT
           || node->kind == NODE_INTEGER || node->kind == NODE_BOOLEAN;
}

static Status walk_names(NameWalk *walk, const Node *node) {
    if (node_is_leaf(node)) return OK;
    if (node->kind == NODE_RANGE_VAR) {
        const char *name = node_get_text(node, FIELD_RELNAME);
        bool is_plain = name != NULL && !node_has(node, FIELD_SCHEMANAME);
        if (is_plain && !is_hidden(walk, name)) walk->found(walk->argument, name);
        return OK;
    }
    uint32_t hidden_count = walk->hidden_count;
    TRY(binder_enter(walk->binder, 1));
    Status status = OK;
    if (node->kind != NODE_LIST && node_has(node, FIELD_WITH_CLAUSE)) {
        status = walk_with(walk, node_get(node, FIELD_WITH_CLAUSE));
    }
    if (status == OK) status = walk_parts(walk, node);
    binder_leave(walk->binder, 1);
    walk->hidden_count = hidden_count;
    return status;
}

// One item of a WITH RECURSIVE while the order of them is found.
typedef struct Mention {
    const Node *list; // of all items
    bool *is_mentioned;
} Mention;

static void mention_found(void *argument, const char *name) {
    Mention *mention = argument;
    for (uint32_t i = 0; i < node_count(mention->list); i++) {
        const char *item = node_get_text(node_item(mention->list, i), FIELD_CTENAME);
        if (strcmp(item, name) == 0) mention->is_mentioned[i] = true;
    }
}

// The items so that each comes after those that it mentions; which of them mention themselves.
static Status order_items(
    Binder *binder, const Node *list, const Node **order, bool *is_recursive) {
    Arena *arena = binder->arena;
    uint32_t count = node_count(list);
    bool **mentions = arena_new_array(arena, bool *, count);
    bool *is_placed = arena_new_array(arena, bool, count);
    for (uint32_t i = 0; i < count; i++) {
        mentions[i] = arena_new_array(arena, bool, count);
        Mention mention = {.list = list, .is_mentioned = mentions[i]};
        NameWalk walk = {.binder = binder, .found = mention_found, .argument = &mention};
        TRY(walk_names(&walk, node_get(node_item(list, i), FIELD_CTEQUERY)));
    }
    for (uint32_t placed = 0; placed < count; placed++) {
        uint32_t chosen = count, first = count;
        for (uint32_t i = 0; i < count && chosen == count; i++) {
            if (is_placed[i]) continue;
            if (first == count) first = i;
            bool must_wait = false;
            for (uint32_t j = 0; j < count; j++) {
                must_wait |= j != i && mentions[i][j] && !is_placed[j];
            }
            if (!must_wait) chosen = i;
        }
        if (chosen == count) {
            return fail_at(binder, node_location(node_item(list, first)), FEATURE_NOT_SUPPORTED,
                "mutual recursion between WITH items is not implemented");
        }
        is_placed[chosen] = true;
        order[placed] = node_item(list, chosen);
        is_recursive[placed] = mentions[chosen][chosen];
    }
    return OK;
}

// ---- What a recursive query may be --------------------------------------------------------------

typedef enum RecursionPlace {
    RECURSION_ALLOWED,
    RECURSION_FIRST_TERM,
    RECURSION_SUBQUERY,
    RECURSION_OUTER_JOIN,
    RECURSION_INTERSECT,
    RECURSION_EXCEPT,
} RecursionPlace;

static const char *const place_names[] = {
    "", "its non-recursive term", "a subquery", "an outer join", "INTERSECT", "EXCEPT"};

// A walk over a recursive query for the places where it mentions itself.
typedef struct RecursionWalk {
    Binder *binder;
    const char *name;
    RecursionPlace place;
    uint32_t count;
    bool is_hidden; // a WITH inside has taken the name
} RecursionWalk;

static Status check_recursion(RecursionWalk *walk, const Node *node);

static Status check_recursion_in(RecursionWalk *walk, const Node *node, RecursionPlace place) {
    RecursionPlace outer = walk->place;
    walk->place = place;
    Status status = check_recursion(walk, node);
    walk->place = outer;
    return status;
}

static Status check_mention(RecursionWalk *walk, const Node *node) {
    const char *name = node_get_text(node, FIELD_RELNAME);
    if (walk->is_hidden || node_has(node, FIELD_SCHEMANAME) || strcmp(name, walk->name) != 0) {
        return OK;
    }
    if (walk->place != RECURSION_ALLOWED) {
        return fail_at(walk->binder, node_location(node), INVALID_RECURSION,
            "recursive reference to query \"%s\" must not appear within %s", walk->name,
            place_names[walk->place]);
    }
    if (++walk->count > 1) {
        return fail_at(walk->binder, node_location(node), INVALID_RECURSION,
            "recursive reference to query \"%s\" must not appear more than once", walk->name);
    }
    return OK;
}

static Status check_join(RecursionWalk *walk, const Node *node) {
    const char *type = node_get_text(node, FIELD_JOINTYPE);
    bool is_left = type != NULL && strcmp(type, "JOIN_LEFT") == 0;
    bool is_right = type != NULL && strcmp(type, "JOIN_RIGHT") == 0;
    bool is_full = type != NULL && strcmp(type, "JOIN_FULL") == 0;
    RecursionPlace inside = walk->place == RECURSION_ALLOWED ? RECURSION_OUTER_JOIN : walk->place;
    TRY(check_recursion_in(
        walk, node_get(node, FIELD_LARG), is_right || is_full ? inside : walk->place));
    TRY(check_recursion_in(
        walk, node_get(node, FIELD_RARG), is_left || is_full ? inside : walk->place));
    return check_recursion(walk, node_get(node, FIELD_QUALS));
}

static Status check_parts(RecursionWalk *walk, const Node *node) {
    if (node->kind == NODE_LIST) {
        for (uint32_t i = 0; i < node->count; i++) {
            TRY(check_recursion(walk, node->items[i]));
        }
        return OK;
    }
    const char *operation = node->kind == NODE_SELECT_STMT ? node_get_text(node, FIELD_OP) : NULL;
    bool is_intersect = operation != NULL && strcmp(operation, "SETOP_INTERSECT") == 0;
    bool is_except = operation != NULL && strcmp(operation, "SETOP_EXCEPT") == 0;
    bool is_all = node->kind == NODE_SELECT_STMT && node_get_boolean(node, FIELD_ALL);
    for (uint32_t i = 0; i < node->count; i++) {
        RecursionPlace place = walk->place;
        NodeField field = node->entries[i].field;
        if (field == FIELD_WITH_CLAUSE) continue;
        bool is_side = field == FIELD_LARG || field == FIELD_RARG;
        if (place == RECURSION_ALLOWED && is_side) {
            if (is_intersect && is_all) place = RECURSION_INTERSECT;
            if (is_except && (is_all || field == FIELD_RARG)) place = RECURSION_EXCEPT;
        }
        TRY(check_recursion_in(walk, node->entries[i].value, place));
    }
    return OK;
}

static Status check_with(RecursionWalk *walk, const Node *clause) {
    const Node *items = node_get(clause, FIELD_CTES);
    bool is_recursive = node_get_boolean(clause, FIELD_RECURSIVE);
    for (int round = is_recursive ? 0 : 1; round < 2; round++) {
        for (uint32_t i = 0; i < node_count(items); i++) {
            const Node *item = node_item(items, i);
            if (round == 1) TRY(check_recursion(walk, node_get(item, FIELD_CTEQUERY)));
            bool hides = round == 0 || !is_recursive;
            if (hides && strcmp(node_get_text(item, FIELD_CTENAME), walk->name) == 0) {
                walk->is_hidden = true;
            }
        }
    }
    return OK;
}

static Status check_deeper(RecursionWalk *walk, const Node *node) {
    switch ((int)node->kind) {
    case NODE_JOIN_EXPR:
        return check_join(walk, node);
    case NODE_SUB_LINK:
        TRY(check_recursion_in(walk, node_get(node, FIELD_SUBSELECT), RECURSION_SUBQUERY));
        return check_recursion(walk, node_get(node, FIELD_TESTEXPR));
    default:
        break;
    }
    if (node->kind != NODE_LIST && node_has(node, FIELD_WITH_CLAUSE)) {
        TRY(check_with(walk, node_get(node, FIELD_WITH_CLAUSE)));
    }
    return check_parts(walk, node);
}

static Status check_recursion(RecursionWalk *walk, const Node *node) {
    if (node_is_leaf(node)) return OK;
    if (node->kind == NODE_RANGE_VAR) return check_mention(walk, node);
    bool was_hidden = walk->is_hidden;
    TRY(binder_enter(walk->binder, 1));
    Status status = check_deeper(walk, node);
    binder_leave(walk->binder, 1);
    walk->is_hidden = was_hidden;
    return status;
}

static Status check_recursive_clauses(Binder *binder, const Node *statement) {
    static const struct {
        NodeField field;
        const char *name;
    } clauses[] = {{FIELD_SORT_CLAUSE, "ORDER BY"}, {FIELD_LIMIT_OFFSET, "OFFSET"},
        {FIELD_LIMIT_COUNT, "LIMIT"}, {FIELD_LOCKING_CLAUSE, "FOR UPDATE/SHARE"}};

    for (size_t i = 0; i < sizeof clauses / sizeof clauses[0]; i++) {
        const Node *clause = node_get(statement, clauses[i].field);
        if (clause == NULL) continue;
        return fail_at(binder, syntax_location(clause), FEATURE_NOT_SUPPORTED,
            "%s in a recursive query is not implemented", clauses[i].name);
    }
    return OK;
}

// The query of an item that mentions itself: first term UNION [ALL] recursive term.
static Status check_recursive_item(Binder *binder, const Node *node, const char *name) {
    const Node *statement = node_get(node, FIELD_CTEQUERY);
    if (node_kind(statement) != NODE_SELECT_STMT) {
        return fail_at(binder, node_location(node), INVALID_RECURSION,
            "recursive query \"%s\" must not contain data-modifying statements", name);
    }
    const char *operation = node_get_text(statement, FIELD_OP);
    if (operation == NULL || strcmp(operation, "SETOP_UNION") != 0) {
        return fail_at(binder, node_location(node), INVALID_RECURSION,
            "recursive query \"%s\" does not have the form non-recursive-term UNION [ALL] "
            "recursive-term",
            name);
    }
    RecursionWalk walk = {.binder = binder, .name = name};
    const Node *with = node_get(statement, FIELD_WITH_CLAUSE);
    if (with != NULL) {
        walk.place = RECURSION_SUBQUERY;
        TRY(check_with(&walk, with));
    }
    TRY(check_recursive_clauses(binder, statement));
    TRY(check_recursion_in(&walk, node_get(statement, FIELD_LARG), RECURSION_FIRST_TERM));
    return check_recursion_in(&walk, node_get(statement, FIELD_RARG), RECURSION_ALLOWED);
}

// ---- Binding ------------------------------------------------------------------------------------

Status with_item_publish(Binder *binder, WithItem *item, Query *query) {
    const Node *names = node_get(item->node, FIELD_ALIASCOLNAMES);
    item->column_count = query_visible_count(query);
    if (node_count(names) > item->column_count) {
        return fail_at(binder, node_location(item->node), INVALID_COLUMN_REFERENCE,
            "WITH query \"%s\" has %u columns available but %u columns specified", item->name,
            item->column_count, node_count(names));
    }
    item->column_names = arena_new_array(binder->arena, const char *, item->column_count);
    for (uint32_t i = 0; i < item->column_count; i++) {
        item->column_names[i] =
            i < node_count(names) ? node_item(names, i)->text : query->targets[i].name;
    }
    item->query = query; // from here on it can be mentioned
    return OK;
}

static Status bind_with_item(Scope *scope, WithItem *item) {
    Binder *binder = scope->binder;
    const Node *node = item->node;
    int32_t location = node_location(node);
    if (node_has(node, FIELD_SEARCH_CLAUSE)) return not_supported(binder, "SEARCH", location);
    if (node_has(node, FIELD_CYCLE_CLAUSE)) return not_supported(binder, "CYCLE", location);
    const Node *statement = node_get(node, FIELD_CTEQUERY);
    if (node_kind(statement) != NODE_SELECT_STMT) {
        return not_supported(binder, "data-modifying statements in WITH", location);
    }
    Query *query;
    TRY(binder_enter(binder, 20));
    if (item->is_recursive) binder->recursive = item;
    Status status = bind_query(binder, scope, statement, true, &query, NULL);
    binder_leave(binder, 20);
    TRY(status);
    item->is_open = false;
    query->is_recursive = item->is_recursive;
    const char *choice = node_get_text(node, FIELD_CTEMATERIALIZED);
    item->is_materialized = choice != NULL && strcmp(choice, "CTEMaterializeAlways") == 0;
    item->is_volatile = query_is_volatile(query);
    return with_item_publish(binder, item, query);
}

Status bind_with_clause(Scope *scope, const Node *clause) {
    if (clause == NULL) return OK;
    Binder *binder = scope->binder;
    const Node *list = node_get(clause, FIELD_CTES);
    uint32_t count = node_count(list);
    const Node **order = arena_new_array(binder->arena, const Node *, count);
    bool *is_recursive = arena_new_array(binder->arena, bool, count);
    for (uint32_t i = 0; i < count; i++) {
        order[i] = node_item(list, i);
        const char *name = node_get_text(order[i], FIELD_CTENAME);
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(node_get_text(order[j], FIELD_CTENAME), name) != 0) continue;
            return fail_at(binder, node_location(order[i]), DUPLICATE_ALIAS,
                "WITH query name \"%s\" specified more than once", name);
        }
    }
    if (node_get_boolean(clause, FIELD_RECURSIVE)) {
        TRY(order_items(binder, list, order, is_recursive));
    }
    scope->with = arena_new_array(binder->arena, WithItem, count);
    scope->with_count = count;
    for (uint32_t i = 0; i < count; i++) {
        scope->with[i].node = order[i];
        scope->with[i].name = node_get_text(order[i], FIELD_CTENAME);
        scope->with[i].is_recursive = is_recursive[i];
    }
    for (uint32_t i = 0; i < count; i++) {
        if (is_recursive[i]) TRY(check_recursive_item(binder, order[i], scope->with[i].name));
    }
    for (uint32_t i = 0; i < count; i++) {
        TRY(bind_with_item(scope, &scope->with[i]));
    }
    return OK;
}

// References from outside the item's own query.
static uint32_t reference_count(const WithItem *item) {
    uint32_t count = 0;
    for (const WithReference *at = item->references; at != NULL; at = at->next) {
        count += !at->query->relations[at->relation].is_working_table;
    }
    return count;
}

// A WITH query that is used once, or not volatile and not wanted materialized, could stand in its
// place; those used once do, as PostgreSQL has it. Others are evaluated once and referred to.
void finish_with_clause(Scope *scope) {
    Query *query = scope->query;
    Arena *arena = scope->binder->arena;
    query->with_queries = arena_new_array(arena, Query *, scope->with_count);
    query->with_names = arena_new_array(arena, const char *, scope->with_count);
    for (uint32_t i = 0; i < scope->with_count; i++) {
        WithItem *item = &scope->with[i];
        uint32_t count = reference_count(item);
        if (count == 0) continue; // PostgreSQL does not run it either
        if (count == 1 && !item->is_recursive && !item->is_materialized && !item->is_volatile) {
            Relation *relation = &item->references->query->relations[item->references->relation];
            query_shift_levels(arena, item->query, 1, (int32_t)relation->levels_up);
            relation->source = RELATION_OF_SUBQUERY;
            relation->query = item->query;
            relation->levels_up = 0;
            continue;
        }
        for (WithReference *at = item->references; at != NULL; at = at->next) {
            at->query->relations[at->relation].with_index = query->with_count;
        }
        query->with_queries[query->with_count] = item->query;
        query->with_names[query->with_count] = item->name;
        query->with_count++;
    }
}
