// Prepared statements: the protocol's and those of PREPARE and EXECUTE.
#include "session/session_internal.h"

#include <stdlib.h>

Prepared *session_find_prepared(Session *session, const char *name) {
    Prepared *prepared = session->prepared;
    while (prepared != NULL && strcmp(prepared->name, name) != 0)
        prepared = prepared->next;
    return prepared;
}

static void prepared_free(Prepared *prepared) {
    statement_unref(prepared->statement);
    free(prepared);
}

void session_close_prepared(Session *session, const char *name) {
    for (Prepared **at = &session->prepared; *at != NULL; at = &(*at)->next) {
        if (strcmp((*at)->name, name) != 0) continue;
        Prepared *prepared = *at;
        *at = prepared->next;
        prepared_free(prepared);
        return;
    }
}

void prepared_free_all(Session *session) {
    while (session->prepared != NULL) {
        Prepared *prepared = session->prepared;
        session->prepared = prepared->next;
        prepared_free(prepared);
    }
}

// Takes the statement.
static Status prepared_add(Session *session, const char *name, Statement *statement,
    bool is_from_sql, Prepared **prepared_out) {
    size_t bytes = strlen(name) + 1;
    Prepared *prepared = calloc(1, sizeof *prepared + bytes);
    if (prepared == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    prepared->name = (char *)(prepared + 1);
    memcpy(prepared->name, name, bytes);
    prepared->statement = statement;
    statement->is_described = true;
    prepared->is_from_sql = is_from_sql;
    prepared->prepare_time_us = clock_wall_us(database_environment(session->pool->database).clock);
    prepared->next = session->prepared;
    session->prepared = prepared;
    *prepared_out = prepared;
    return OK;
}

static Status declare_parameters(Statement *statement, const Oid *types, uint32_t count) {
    if (count == 0) return OK;
    statement->declared = arena_copy_bytes(&statement->arena, types, count * sizeof *types);
    statement->declared_count = count;
    return OK;
}

// Binding needs a transaction, which an implicit one is; the next Sync ends it.
static Status bind_now(Session *session, Statement *statement) {
    if (statement->syntax == NULL) return OK;
    TRY(transaction_check_allowed(session, statement->syntax));
    if (node_kind(statement->syntax) == NODE_TRANSACTION_STMT) return OK;
    TRY(transaction_require(session));
    catalog_view_begin_statement(session->view);
    return statement_prepare(session, statement);
}

static Status prepare(Session *session, const char *name, const char *sql, const Oid *types,
    uint32_t type_count, Prepared **prepared_out) {
    bool is_unnamed = *name == 0;
    if (is_unnamed)
        session_close_prepared(session, "");
    else if (session_find_prepared(session, name) != NULL)
        return fail(DUPLICATE_PREPARED_STATEMENT, "prepared statement \"%s\" already exists", name);
    // A text that is sent again and again under the unnamed statement is found in the cache.
    size_t text_count = strlen(sql);
    uint64_t hash = hash_bytes(sql, text_count, hash_bytes(types, type_count * sizeof *types, 1));
    Statement *statement = is_unnamed ? statement_cache_find(session, sql, text_count, hash) : NULL;
    if (statement != NULL) {
        statement_ref(statement);
        statement->is_described = false;
    } else {
        bool is_single = true;
        TRY(statement_parse(session, sql, &statement, &is_single));
        if (!is_single) {
            statement_unref(statement);
            return fail(SYNTAX_ERROR, "cannot insert multiple commands into a prepared statement");
        }
        Status status = declare_parameters(statement, types, type_count);
        if (status == OK && is_unnamed)
            statement_cache_add(session, statement, sql, text_count, hash);
        if (status != OK) {
            statement_unref(statement);
            return status;
        }
    }
    Status status = bind_now(session, statement);
    if (status == OK) status = prepared_add(session, name, statement, false, prepared_out);
    if (status != OK) statement_unref(statement);
    return status;
}

Status session_prepare(Session *session, const char *name, const char *sql,
    const Oid *parameter_types, uint32_t parameter_type_count, Prepared **prepared_out) {
    error_clear();
    atomic_store_explicit(&session->is_cancelled, false, memory_order_relaxed);
    Status status =
        prepare(session, name, sql, parameter_types, parameter_type_count, prepared_out);
    if (status == OK) return OK;
    Error error;
    error_take(&session->scratch, &error);
    transaction_abort(session);
    return error_raise(&error);
}

Status session_read_key(Session *session, Prepared *prepared, const Value *parameters,
    uint32_t parameter_count, bool *is_taken_out, Batch **batch_out) {
    *is_taken_out = false;
    Statement *statement = prepared->statement;
    if (parameter_count != statement->parameters.count) return OK;
    return statement_read_key(session, statement, parameters, is_taken_out, batch_out);
}

void prepared_release(Prepared *prepared) {
    KeyRead *read = prepared->statement->key_read;
    if (read != NULL) key_read_release(read);
}

uint32_t prepared_parameter_count(const Prepared *prepared) {
    return prepared->statement->parameters.count;
}

Oid prepared_parameter_type(const Prepared *prepared, uint32_t index) {
    return prepared->statement->parameters.types[index];
}

bool prepared_returns_rows(const Prepared *prepared) {
    return prepared->statement->result_count > 0 || statement_is_select(prepared->statement);
}

uint32_t prepared_result_count(const Prepared *prepared) {
    return prepared->statement->result_count;
}

const ResultColumn *prepared_results(const Prepared *prepared) {
    return prepared->statement->results;
}

// ---- Portals by name ----------------------------------------------------------------------------

Portal *session_find_portal(Session *session, const char *name) {
    Portal *portal = session->portals;
    while (portal != NULL && strcmp(portal->name, name) != 0)
        portal = portal->next;
    return portal;
}

void session_close_portal(Session *session, const char *name) {
    for (Portal **at = &session->portals; *at != NULL; at = &(*at)->next) {
        if (strcmp((*at)->name, name) != 0) continue;
        Portal *portal = *at;
        *at = portal->next;
        portal_destroy(portal);
        return;
    }
}

static Status copy_parameters(
    Portal *portal, const Statement *statement, const Value *values, uint32_t count) {
    portal->parameters = arena_new_array(&portal->arena, Value, count + 1);
    portal->parameter_count = count;
    for (uint32_t i = 0; i < count; i++)
        portal->parameters[i] =
            value_copy(values[i], type_physical(statement->parameters.types[i]), &portal->arena);
    return arena_check(&portal->arena);
}

static Status bind_portal(Session *session, const char *name, Prepared *prepared,
    const Value *parameters, uint32_t parameter_count, Portal **portal_out) {
    Statement *statement = prepared->statement;
    if (statement->syntax != NULL) TRY(transaction_check_allowed(session, statement->syntax));
    if (parameter_count != statement->parameters.count)
        return fail(PROTOCOL_VIOLATION,
            "bind message supplies %u parameters, but prepared statement \"%s\" requires %u",
            parameter_count, prepared->name, statement->parameters.count);
    if (*name == 0)
        session_close_portal(session, "");
    else if (session_find_portal(session, name) != NULL)
        return fail(DUPLICATE_CURSOR, "cursor \"%s\" already exists", name);
    Portal *portal;
    TRY(portal_create(session, name, statement, &portal));
    Status status = copy_parameters(portal, statement, parameters, parameter_count);
    if (status != OK) {
        portal_destroy(portal);
        return status;
    }
    portal->next = session->portals;
    session->portals = portal;
    *portal_out = portal;
    return OK;
}

Status session_bind(Session *session, const char *portal_name, Prepared *prepared,
    const Value *parameters, uint32_t parameter_count, Portal **portal_out) {
    error_clear();
    graveyard_free(session);
    Status status =
        bind_portal(session, portal_name, prepared, parameters, parameter_count, portal_out);
    if (status == OK) return OK;
    Error error;
    error_take(&session->scratch, &error);
    transaction_abort(session);
    return error_raise(&error);
}

// ---- PREPARE, EXECUTE, DEALLOCATE ---------------------------------------------------------------

static Status declared_types(Session *session, const Node *types, Arena *arena, Oid **types_out) {
    uint32_t count = node_count(types);
    Oid *oids = arena_new_array(arena, Oid, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        const Node *type = node_item(types, i);
        const Node *names = node_get(type, FIELD_NAMES);
        uint32_t name_count = node_count(names);
        if (name_count == 0) return fail(SYNTAX_ERROR, "a type has no name");
        const Node *last = node_item(names, name_count - 1);
        const Node *schema = name_count > 1 ? node_item(names, name_count - 2) : NULL;
        const TypeInfo *found =
            catalog_find_type(session->view, schema == NULL ? NULL : schema->text, last->text);
        if (found != NULL && node_count(node_get(type, FIELD_ARRAY_BOUNDS)) > 0)
            found = found->array == 0 ? NULL : type_find(found->array);
        if (found == NULL) {
            Status status = fail(UNDEFINED_OBJECT, "type \"%s\" does not exist", last->text);
            int32_t location = node_location(type);
            if (location >= 0) error_set_position((uint32_t)location + 1);
            return status;
        }
        oids[i] = found->oid;
    }
    *types_out = oids;
    return OK;
}

Status prepared_run_prepare(Portal *portal) {
    Session *session = portal->session;
    const Node *syntax = portal->statement->syntax;
    const char *name = node_get_text(syntax, FIELD_NAME);
    if (session_find_prepared(session, name) != NULL)
        return fail(DUPLICATE_PREPARED_STATEMENT, "prepared statement \"%s\" already exists", name);
    // The statement outlives the text it came in: it is parsed again from its own part of it.
    const Node *query = node_get(syntax, FIELD_QUERY);
    if (query == NULL) return fail(SYNTAX_ERROR, "PREPARE needs a statement");
    Statement *statement;
    bool is_single = true;
    TRY(statement_parse(session, portal->statement->sql, &statement, &is_single));
    const Node *own = statement->syntax;
    if (!is_single) {
        statement_unref(statement);
        Arena *arena = &portal->arena;
        char *text =
            arena_copy_text_n(arena, portal->statement->sql + portal->statement->parsed.offset,
                portal->statement->parsed.count);
        TRY(statement_parse(session, text, &statement, &is_single));
        own = statement->syntax;
    }
    statement->syntax = node_get(own, FIELD_QUERY);
    Oid *types;
    const Node *type_names = node_get(syntax, FIELD_ARGTYPES);
    Prepared *prepared;
    Status status = declared_types(session, type_names, &portal->arena, &types);
    if (status == OK) status = declare_parameters(statement, types, node_count(type_names));
    if (status == OK) status = statement_prepare(session, statement);
    if (status == OK) status = prepared_add(session, name, statement, true, &prepared);
    if (status != OK) {
        statement_unref(statement);
        return status;
    }
    portal_set_tag(portal, "PREPARE");
    return OK;
}

Status prepared_start_execute(Portal *portal) {
    Session *session = portal->session;
    const Node *syntax = portal->statement->syntax;
    const char *name = node_get_text(syntax, FIELD_NAME);
    Prepared *prepared = session_find_prepared(session, name);
    if (prepared == NULL)
        return fail(INVALID_SQL_STATEMENT_NAME, "prepared statement \"%s\" does not exist", name);
    Statement *statement = prepared->statement;
    TRY(statement_prepare(session, statement));
    const Node *arguments = node_get(syntax, FIELD_PARAMS);
    uint32_t count = node_count(arguments);
    Value *values = arena_new_array(&portal->arena, Value, statement->parameters.count + 1);
    TRY(session_evaluate(session, portal->statement->sql, name, arguments,
        statement->parameters.types, statement->parameters.count, &portal->arena, values));
    // From here the portal is one of the prepared statement.
    statement_ref(statement);
    statement_unref(portal->statement);
    portal->statement = statement;
    portal->parameters = values;
    portal->parameter_count = count;
    return portal_start_bound(portal);
}

Status prepared_run_deallocate(Portal *portal) {
    Session *session = portal->session;
    const char *name = node_get_text(portal->statement->syntax, FIELD_NAME);
    if (name == NULL) {
        prepared_free_all(session);
        portal_set_tag(portal, "DEALLOCATE ALL");
        return OK;
    }
    if (session_find_prepared(session, name) == NULL)
        return fail(INVALID_SQL_STATEMENT_NAME, "prepared statement \"%s\" does not exist", name);
    session_close_prepared(session, name);
    portal_set_tag(portal, "DEALLOCATE");
    return OK;
}
