// DECLARE, FETCH, MOVE and CLOSE: portals that SQL names.
#include "session/session_internal.h"

#include <stdlib.h>

// Bits of DeclareCursorStmt.options, as PostgreSQL's parsenodes.h numbers them.
enum { CURSOR_SCROLL = 2, CURSOR_HOLD = 32 };

Status cursor_declare(Portal *portal) {
    Session *session = portal->session;
    const Node *syntax = portal->statement->syntax;
    const char *name = node_get_text(syntax, FIELD_PORTALNAME);
    int64_t options = node_get_integer(syntax, FIELD_OPTIONS);
    if ((options & CURSOR_HOLD) != 0)
        return fail(FEATURE_NOT_SUPPORTED, "DECLARE CURSOR WITH HOLD is not supported yet");
    if ((options & CURSOR_SCROLL) != 0)
        return fail(FEATURE_NOT_SUPPORTED, "DECLARE SCROLL CURSOR is not supported yet");
    TRY(transaction_require_block(session, "DECLARE CURSOR"));
    if (name == NULL || *name == 0)
        return fail(INVALID_CURSOR_NAME, "invalid cursor name: must not be empty");
    if (session_find_portal(session, name) != NULL)
        return fail(DUPLICATE_CURSOR, "cursor \"%s\" already exists", name);
    // The cursor outlives the text: it has a tree of its own.
    char *text = arena_copy_text(&portal->arena, portal->statement->sql);
    if (portal->statement->parsed.count > 0)
        text = arena_copy_text_n(&portal->arena,
            portal->statement->sql + portal->statement->parsed.offset,
            portal->statement->parsed.count);
    Statement *statement;
    bool is_single;
    TRY(statement_parse(session, text, &statement, &is_single));
    statement->syntax = node_get(statement->syntax, FIELD_QUERY);
    Portal *cursor = NULL;
    Status status = statement_lock(session, statement);
    if (status == OK) status = portal_create(session, name, statement, &cursor);
    statement_unref(statement);
    if (status != OK) return status;
    cursor->is_cursor = true;
    cursor->next = session->portals;
    session->portals = cursor;
    // Its rows are those of this moment.
    status = portal_start_execution(cursor, NULL, NULL);
    if (status == OK) {
        cursor->snapshot = txn_snapshot_hold(session->txn);
        cursor->has_snapshot = true;
        txn_statement_end(session->txn);
        cursor->is_running_statement = false;
    }
    if (status != OK) return status;
    portal_set_tag(portal, "DECLARE CURSOR");
    return OK;
}

static Status find_cursor(Session *session, const char *name, Portal **cursor_out) {
    *cursor_out = session_find_portal(session, name);
    if (*cursor_out == NULL) return fail(INVALID_CURSOR_NAME, "cursor \"%s\" does not exist", name);
    return OK;
}

static bool is_move(const Node *syntax) {
    return node_get_boolean(syntax, FIELD_ISMOVE);
}

Status cursor_fetch(Portal *portal) {
    Session *session = portal->session;
    const Node *syntax = portal->statement->syntax;
    Portal *cursor;
    TRY(find_cursor(session, node_get_text(syntax, FIELD_PORTALNAME), &cursor));
    const char *direction = node_get_text(syntax, FIELD_DIRECTION);
    int64_t wanted = node_get_integer(syntax, FIELD_HOW_MANY);
    bool is_forward = direction == NULL || strcmp(direction, "FETCH_FORWARD") == 0;
    bool is_relative = direction != NULL && strcmp(direction, "FETCH_RELATIVE") == 0;
    if (is_forward && wanted < 0) is_forward = false;
    if (!is_forward && !(is_relative && wanted > 0)) {
        Status status = fail(OBJECT_NOT_IN_PREREQUISITE_STATE, "cursor can only scan forward");
        error_add_hint("Declare it with SCROLL option to enable backward scan.");
        return status;
    }
    bool moves = is_move(syntax);
    portal->result_count = moves ? 0 : cursor->result_count;
    portal->results = moves ? NULL : cursor->results;
    uint64_t passed = 0, given = 0;
    while (!cursor->is_exhausted && (int64_t)passed < wanted) {
        uint32_t row_max =
            wanted - (int64_t)passed > BATCH_ROW_COUNT ? 0 : (uint32_t)(wanted - (int64_t)passed);
        cursor->row_count = 0;
        PortalState state;
        Batch *batch = NULL;
        Bytes unused;
        TRY(portal_run(cursor, row_max, &state, &batch, &unused));
        if (state != PORTAL_ROWS) {
            cursor->is_exhausted = true;
            break;
        }
        passed += batch->selected_count;
        bool is_last_relative = is_relative && (int64_t)passed == wanted;
        if (moves || (is_relative && !is_last_relative)) continue;
        row_list_add_batch(&portal->rows, &portal->arena, batch);
        given += batch->selected_count;
    }
    if (moves) given = passed;
    portal_set_tag(portal, "%s %llu", moves ? "MOVE" : "FETCH", (unsigned long long)given);
    return OK;
}

Status cursor_close(Portal *portal) {
    Session *session = portal->session;
    const char *name = node_get_text(portal->statement->syntax, FIELD_PORTALNAME);
    portal_set_tag(portal, "%s", name == NULL ? "CLOSE CURSOR ALL" : "CLOSE CURSOR");
    if (name != NULL) {
        Portal *cursor;
        TRY(find_cursor(session, name, &cursor));
        session_close_portal(session, name);
        return OK;
    }
    for (Portal **at = &session->portals; *at != NULL;) {
        Portal *each = *at;
        if (!each->is_cursor) {
            at = &each->next;
            continue;
        }
        *at = each->next;
        portal_destroy(each);
    }
    return OK;
}
