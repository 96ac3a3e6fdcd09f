// Statements that are neither queries nor definitions.
#include "session/session_internal.h"

#include <stdlib.h>
#include <strings.h>

// What a statement that is no query shows as its result, known before it runs.
Status utility_results(Session *session, const Statement *statement, Arena *arena,
    uint32_t *count_out, const ResultColumn **results_out) {
    const Node *syntax = statement->syntax;
    const char *names[3] = {NULL};
    uint32_t count = 0;
    *count_out = 0;
    *results_out = NULL;
    switch ((int)node_kind(syntax)) {
    case NODE_EXPLAIN_STMT:
        names[count++] = "QUERY PLAN";
        break;
    case NODE_VARIABLE_SHOW_STMT: {
        const char *name = node_get_text(syntax, FIELD_NAME);
        if (strcasecmp(name, "all") == 0) {
            names[0] = "name";
            names[1] = "setting";
            names[2] = "description";
            count = 3;
            break;
        }
        uint32_t setting = settings_find(&session->settings, name);
        names[count++] = setting == UINT32_MAX ? name : session->settings.settings[setting].name;
        break;
    }
    case NODE_EXECUTE_STMT: {
        Prepared *prepared = session_find_prepared(session, node_get_text(syntax, FIELD_NAME));
        if (prepared == NULL) return OK;
        *count_out = prepared->statement->result_count;
        *results_out = arena_copy_bytes(arena, prepared->statement->results,
            prepared->statement->result_count * sizeof(ResultColumn));
        return OK;
    }
    case NODE_FETCH_STMT: {
        if (node_get_boolean(syntax, FIELD_ISMOVE)) return OK;
        Portal *cursor = session_find_portal(session, node_get_text(syntax, FIELD_PORTALNAME));
        if (cursor == NULL) return OK;
        *count_out = cursor->result_count;
        *results_out =
            arena_copy_bytes(arena, cursor->results, cursor->result_count * sizeof(ResultColumn));
        return OK;
    }
    default:
        return OK;
    }
    ResultColumn *columns = arena_new_array(arena, ResultColumn, count);
    for (uint32_t i = 0; i < count; i++)
        columns[i] =
            (ResultColumn){.name = arena_copy_text(arena, names[i]), .type = sql_type(TYPE_TEXT)};
    *count_out = count;
    *results_out = columns;
    return OK;
}

static Status find_relation(Session *session, const Node *range, const TableInfo **table_out) {
    const char *schema = node_get_text(range, FIELD_SCHEMANAME);
    const char *name = node_get_text(range, FIELD_RELNAME);
    *table_out = catalog_find_table(session->view, schema, name);
    if (*table_out != NULL) return OK;
    Status status = schema == NULL
                        ? fail(UNDEFINED_TABLE, "relation \"%s\" does not exist", name)
                        : fail(UNDEFINED_TABLE, "relation \"%s.%s\" does not exist", schema, name);
    return status;
}

static Status run_lock(Portal *portal) {
    Session *session = portal->session;
    const Node *syntax = portal->statement->syntax;
    TRY(transaction_require_block(session, "LOCK TABLE"));
    int64_t mode = node_get_integer(syntax, FIELD_MODE);
    WaitPolicy policy = node_get_boolean(syntax, FIELD_NOWAIT) ? WAIT_ERROR : WAIT_BLOCK;
    const Node *relations = node_get(syntax, FIELD_RELATIONS);
    for (uint32_t i = 0; i < node_count(relations); i++) {
        const TableInfo *table;
        TRY(find_relation(session, node_item(relations, i), &table));
        if (table->kind != RELATION_TABLE)
            return fail(WRONG_OBJECT_TYPE, "\"%s\" is not a table or view", table->name);
        const char *name = arena_copy_text(&portal->arena, table->name);
        Status status = txn_lock_object(session->txn, table->oid,
            mode == 0 ? LOCK_ACCESS_EXCLUSIVE : (TableLockMode)mode, policy);
        if (status == LOCK_NOT_AVAILABLE && policy == WAIT_ERROR) {
            error_clear();
            return fail(LOCK_NOT_AVAILABLE, "could not obtain lock on relation \"%s\"", name);
        }
        TRY(status);
    }
    portal_set_tag(portal, "LOCK TABLE");
    return OK;
}

// Old versions are collected and figures are kept without being asked; the names are checked.
static Status run_vacuum(Portal *portal) {
    Session *session = portal->session;
    const Node *syntax = portal->statement->syntax;
    bool is_vacuum = node_get_boolean(syntax, FIELD_IS_VACUUMCMD);
    if (is_vacuum) TRY(transaction_prevent_block(session, "VACUUM"));
    const Node *relations = node_get(syntax, FIELD_RELS);
    for (uint32_t i = 0; i < node_count(relations); i++) {
        const TableInfo *table;
        TRY(find_relation(session, node_get(node_item(relations, i), FIELD_RELATION), &table));
    }
    portal_set_tag(portal, "%s", is_vacuum ? "VACUUM" : "ANALYZE");
    return OK;
}

static Status run_discard(Portal *portal) {
    Session *session = portal->session;
    const char *target = node_get_text(portal->statement->syntax, FIELD_TARGET);
    bool is_all = target == NULL || strcmp(target, "DISCARD_ALL") == 0;
    if (!is_all) {
        const char *what = strcmp(target, "DISCARD_PLANS") == 0       ? "PLANS"
                           : strcmp(target, "DISCARD_SEQUENCES") == 0 ? "SEQUENCES"
                                                                      : "TEMP";
        if (strcmp(what, "PLANS") == 0) statement_cache_clear(session);
        if (strcmp(what, "SEQUENCES") == 0) catalog_view_forget_sequences(session->view);
        portal_set_tag(portal, "DISCARD %s", what);
        return OK;
    }
    TRY(transaction_prevent_block(session, "DISCARD ALL"));
    for (Portal **at = &session->portals; *at != NULL;) {
        Portal *each = *at;
        if (each == session->running) {
            at = &each->next;
            continue;
        }
        *at = each->next;
        portal_destroy(each);
    }
    prepared_free_all(session);
    statement_cache_clear(session);
    settings_reset_all(&session->settings);
    catalog_view_forget_sequences(session->view);
    portal_set_tag(portal, "DISCARD ALL");
    return OK;
}

static Status run_checkpoint(Portal *portal) {
    // The whole of it is a wait: whoever else this thread serves must not wait along.
    blocking_begin();
    Status status = database_checkpoint(portal->session->pool->database);
    blocking_end();
    TRY(status);
    portal_set_tag(portal, "CHECKPOINT");
    return OK;
}

// SET CONSTRAINTS: none is deferrable, which ALL does not mind.
static Status run_constraints_set(Portal *portal) {
    const Node *constraints = node_get(portal->statement->syntax, FIELD_CONSTRAINTS);
    if (node_count(constraints) > 0)
        return fail(FEATURE_NOT_SUPPORTED, "deferrable constraints are not supported yet");
    portal_set_tag(portal, "SET CONSTRAINTS");
    return OK;
}

Status utility_run(Portal *portal) {
    const Node *syntax = portal->statement->syntax;
    switch ((int)node_kind(syntax)) {
    case NODE_VARIABLE_SET_STMT:
        return setting_run_set(portal);
    case NODE_VARIABLE_SHOW_STMT:
        return setting_run_show(portal);
    case NODE_PREPARE_STMT:
        return prepared_run_prepare(portal);
    case NODE_EXECUTE_STMT:
        return prepared_start_execute(portal);
    case NODE_DEALLOCATE_STMT:
        return prepared_run_deallocate(portal);
    case NODE_DECLARE_CURSOR_STMT:
        return cursor_declare(portal);
    case NODE_FETCH_STMT:
        return cursor_fetch(portal);
    case NODE_CLOSE_PORTAL_STMT:
        return cursor_close(portal);
    case NODE_LOCK_STMT:
        return run_lock(portal);
    case NODE_VACUUM_STMT:
        return run_vacuum(portal);
    case NODE_DISCARD_STMT:
        return run_discard(portal);
    case NODE_CHECK_POINT_STMT:
        return run_checkpoint(portal);
    case NODE_CONSTRAINTS_SET_STMT:
        return run_constraints_set(portal);
    case NODE_LISTEN_STMT:
        return fail(FEATURE_NOT_SUPPORTED, "LISTEN is not supported yet");
    case NODE_NOTIFY_STMT:
        return fail(FEATURE_NOT_SUPPORTED, "NOTIFY is not supported yet");
    case NODE_UNLISTEN_STMT: // nothing is listened to
        portal_set_tag(portal, "UNLISTEN");
        return OK;
    default:
        return fail(FEATURE_NOT_SUPPORTED, "%s is not supported yet",
            syntax->name == NULL ? "this statement" : syntax->name);
    }
}
