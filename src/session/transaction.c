// Transaction blocks, as PostgreSQL's: implicit ones, the aborted state, savepoints and modes.
#include "session/session_internal.h"

#include <strings.h>

static const char *isolation_name(Isolation isolation) {
    switch (isolation) {
    case ISOLATION_READ_COMMITTED:
        return "read committed";
    case ISOLATION_REPEATABLE_READ:
        return "repeatable read";
    case ISOLATION_SERIALIZABLE:
        return "serializable";
    }
    return "";
}

static bool transaction_isolation_parse(const char *name, Isolation *isolation_out) {
    static const struct {
        const char *name;
        Isolation isolation;
    } levels[] = {{"read uncommitted", ISOLATION_READ_COMMITTED},
        {"read committed", ISOLATION_READ_COMMITTED},
        {"repeatable read", ISOLATION_REPEATABLE_READ}, {"serializable", ISOLATION_SERIALIZABLE}};

    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (strcasecmp(levels[i].name, name) != 0) continue;
        *isolation_out = levels[i].isolation;
        return true;
    }
    return false;
}

static const char *setting(Session *session, const char *name) {
    return settings_get(&session->settings, settings_find(&session->settings, name));
}

static Status refuse_serializable(void) {
    return fail(FEATURE_NOT_SUPPORTED, "isolation level SERIALIZABLE is not supported yet");
}

// The settings of the new transaction start from the defaults.
static Status reset_transaction_settings(Session *session) {
    Settings *settings = &session->settings;
    TRY(settings_set(settings, "transaction_isolation",
        setting(session, "default_transaction_isolation"), SCOPE_LOCAL));
    TRY(settings_set(settings, "transaction_read_only",
        setting(session, "default_transaction_read_only"), SCOPE_LOCAL));
    return OK;
}

void transaction_read_settings(Session *session) {
    const Settings *settings = &session->settings;
    if (session->settings_read == settings->change_count + 1) return;
    session->settings_read = settings->change_count + 1; // 0: never read

    enum { US_PER_MS = 1000 };

    Isolation isolation = ISOLATION_READ_COMMITTED;
    transaction_isolation_parse(setting(session, "transaction_isolation"), &isolation);
    session->txn_options = (TxnOptions){.isolation = isolation,
        .is_read_only = settings_get_bool(settings, "transaction_read_only"),
        .is_synchronous = strcmp(setting(session, "synchronous_commit"), "off") != 0,
        .lock_timeout_us = settings_get_integer(settings, "lock_timeout") * US_PER_MS,
        .deadlock_timeout_us = settings_get_integer(settings, "deadlock_timeout") * US_PER_MS,
        .is_cancelled = &session->is_cancelled};
    session->statement_timeout_ms = settings_get_integer(settings, "statement_timeout");
}

static Status begin(Session *session) {
    transaction_read_settings(session);
    if (session->txn_options.isolation == ISOLATION_SERIALIZABLE) return refuse_serializable();
    TRY(txn_begin(database_txns(session->pool->database), session->txn_options, &session->txn));
    catalog_view_set_txn(session->view, session->txn);
    session->has_queried = false;
    Environment environment = database_environment(session->pool->database);
    session->transaction_time_us = clock_wall_us(environment.clock);
    session->values.transaction_time_us = session->transaction_time_us;
    return OK;
}

Status transaction_require(Session *session) {
    if (session->txn != NULL) return OK;
    if (session->block == BLOCK_FAILED)
        return fail(IN_FAILED_SQL_TRANSACTION,
            "current transaction is aborted, commands ignored until end of transaction block");
    return begin(session);
}

static void forget(Session *session) {
    session->txn = NULL;
    catalog_view_set_txn(session->view, NULL);
    session->savepoints = NULL;
    arena_reset(&session->txn_arena);
}

Status transaction_commit(Session *session) {
    portals_end_transaction(session);
    Status status = OK;
    if (session->txn != NULL) {
        Txn *txn = session->txn;
        status = txn_commit(txn);
        forget(session);
    }
    session->block = BLOCK_NONE;
    if (status == OK)
        settings_commit(&session->settings);
    else
        settings_rollback(&session->settings, 0);
    return status;
}

void transaction_rollback(Session *session) {
    portals_end_transaction(session);
    if (session->txn != NULL) {
        txn_rollback(session->txn);
        forget(session);
    }
    session->block = BLOCK_NONE;
    settings_rollback(&session->settings, 0);
}

void transaction_abort(Session *session) {
    if (session->block != BLOCK_EXPLICIT && session->block != BLOCK_FAILED) {
        transaction_rollback(session);
        return;
    }
    session->block = BLOCK_FAILED;
    portals_end_transaction(session);
    // With a savepoint to go back to, the transaction stays, undone up to the innermost one.
    if (session->txn != NULL && session->savepoints != NULL) {
        txn_savepoint_rollback(session->txn, session->savepoints->savepoint);
        settings_rollback(&session->settings, session->savepoints->setting_mark);
        return;
    }
    if (session->txn != NULL) {
        txn_rollback(session->txn);
        session->txn = NULL;
        catalog_view_set_txn(session->view, NULL);
    }
}

// ---- What may run where -------------------------------------------------------------------------

// In the aborted state only the ways out of it are allowed.
Status transaction_check_allowed(Session *session, const Node *syntax) {
    if (session->block != BLOCK_FAILED) return OK;
    if (node_kind(syntax) == NODE_TRANSACTION_STMT) {
        const char *kind = node_get_text(syntax, FIELD_KIND);
        if (kind != NULL
            && (strcmp(kind, "TRANS_STMT_COMMIT") == 0 || strcmp(kind, "TRANS_STMT_ROLLBACK") == 0
                || strcmp(kind, "TRANS_STMT_ROLLBACK_TO") == 0))
            return OK;
    }
    return fail(IN_FAILED_SQL_TRANSACTION,
        "current transaction is aborted, commands ignored until end of transaction block");
}

Status transaction_prevent_block(Session *session, const char *statement) {
    if (session->block == BLOCK_EXPLICIT)
        return fail(ACTIVE_SQL_TRANSACTION, "%s cannot run inside a transaction block", statement);
    if (session->block == BLOCK_IMPLICIT)
        return fail(ACTIVE_SQL_TRANSACTION, "%s cannot be executed within a pipeline", statement);
    return OK;
}

Status transaction_require_block(Session *session, const char *statement) {
    if (session->block == BLOCK_EXPLICIT || session->block == BLOCK_FAILED) return OK;
    return fail(NO_ACTIVE_SQL_TRANSACTION, "%s can only be used in transaction blocks", statement);
}

// ---- Modes --------------------------------------------------------------------------------------

// A constant in a DefElem: a string, or an integer as a boolean.
static const char *mode_text(const Node *element) {
    const Node *arg = node_get(element, FIELD_ARG);
    const Node *val = node_kind(arg) == NODE_A_CONST ? arg : NULL;
    if (val == NULL) return NULL;
    const Node *string = node_get(val, FIELD_SVAL);
    if (string == NULL) return NULL;
    return string->kind == NODE_TEXT ? string->text : node_get_text(string, FIELD_SVAL);
}

static bool mode_flag(const Node *element) {
    const Node *arg = node_get(element, FIELD_ARG);
    const Node *number = node_get(arg, FIELD_IVAL);
    if (number == NULL) return false;
    if (number->kind == NODE_INTEGER) return number->integer != 0;
    return node_get_integer(number, FIELD_IVAL) != 0;
}

Status transaction_apply_setting(Session *session, const char *name, const char *value) {
    bool is_isolation = strcasecmp(name, "transaction_isolation") == 0;
    bool is_read_only = strcasecmp(name, "transaction_read_only") == 0;
    Isolation isolation = ISOLATION_READ_COMMITTED;
    if ((is_isolation || strcasecmp(name, "default_transaction_isolation") == 0)
        && transaction_isolation_parse(value, &isolation) && isolation == ISOLATION_SERIALIZABLE)
        return refuse_serializable();
    if (!is_isolation && !is_read_only) return OK;
    if (session->txn == NULL) return OK;
    bool has_snapshot =
        session->has_queried || txn_has_written(session->txn) || session->savepoints != NULL;
    if (is_isolation) {
        if (has_snapshot)
            return fail(ACTIVE_SQL_TRANSACTION,
                "SET TRANSACTION ISOLATION LEVEL must be called before any query");
        return OK;
    }
    return OK;
}

// The transaction is begun again under its new modes: nothing has happened in it yet.
static Status restart_with_modes(Session *session) {
    if (session->txn == NULL) return OK;
    txn_rollback(session->txn);
    session->txn = NULL;
    catalog_view_set_txn(session->view, NULL);
    return begin(session);
}

static Status set_mode(Session *session, const char *name, const char *value, bool for_session) {
    SettingScope scope = for_session ? SCOPE_SESSION : SCOPE_LOCAL;
    TRY(transaction_apply_setting(session, name, value));
    return settings_set(&session->settings, name, value, scope);
}

Status transaction_set_modes(Session *session, const Node *options, bool for_session) {
    bool has_mode = false;
    for (uint32_t i = 0; i < node_count(options); i++) {
        const Node *option = node_item(options, i);
        const char *name = node_get_text(option, FIELD_DEFNAME);
        if (name == NULL) continue;
        has_mode = true;
        if (strcmp(name, "transaction_isolation") == 0) {
            const char *level = mode_text(option);
            if (level == NULL) return fail(SYNTAX_ERROR, "isolation level is missing");
            TRY(set_mode(session,
                for_session ? "default_transaction_isolation" : "transaction_isolation", level,
                for_session));
        } else if (strcmp(name, "transaction_read_only") == 0) {
            TRY(set_mode(session,
                for_session ? "default_transaction_read_only" : "transaction_read_only",
                mode_flag(option) ? "on" : "off", for_session));
        } else if (strcmp(name, "transaction_deferrable") == 0) {
            TRY(set_mode(session,
                for_session ? "default_transaction_deferrable" : "transaction_deferrable",
                mode_flag(option) ? "on" : "off", for_session));
        }
    }
    if (!has_mode || for_session || session->txn == NULL) return OK;
    bool is_same = txn_is_read_only(session->txn)
                   == settings_get_bool(&session->settings, "transaction_read_only");
    Isolation isolation = ISOLATION_READ_COMMITTED;
    transaction_isolation_parse(setting(session, "transaction_isolation"), &isolation);
    is_same = is_same && isolation == txn_isolation(session->txn);
    if (is_same) return OK;
    if (session->has_queried || txn_has_written(session->txn) || session->savepoints != NULL)
        return fail(ACTIVE_SQL_TRANSACTION,
            "SET TRANSACTION modes must be set before any query of the transaction");
    return restart_with_modes(session);
}

// ---- BEGIN and its kind -------------------------------------------------------------------------

static void warn(Session *session, Status code, const char *message) {
    session_notice(session, "WARNING", code, message, NULL, NULL);
}

static Status run_begin(Session *session, const Node *syntax, Portal *portal, bool is_start) {
    portal_set_tag(portal, "%s", is_start ? "START TRANSACTION" : "BEGIN");
    if (session->block == BLOCK_EXPLICIT) {
        warn(session, ACTIVE_SQL_TRANSACTION, "there is already a transaction in progress");
        return transaction_set_modes(session, node_get(syntax, FIELD_OPTIONS), false);
    }
    // An implicit block becomes this one, with what it has done so far.
    if (session->block == BLOCK_NONE && session->txn == NULL) {
        TRY(reset_transaction_settings(session));
        TRY(transaction_set_modes(session, node_get(syntax, FIELD_OPTIONS), false));
        TRY(begin(session));
    } else {
        TRY(transaction_set_modes(session, node_get(syntax, FIELD_OPTIONS), false));
    }
    session->block = BLOCK_EXPLICIT;
    return OK;
}

static Status run_end(Session *session, const Node *syntax, Portal *portal, bool is_commit) {
    bool is_chained = node_get_boolean(syntax, FIELD_CHAIN);
    if (session->block != BLOCK_EXPLICIT && session->block != BLOCK_FAILED) {
        if (is_chained)
            return fail(NO_ACTIVE_SQL_TRANSACTION, "%s can only be used in transaction blocks",
                is_commit ? "COMMIT AND CHAIN" : "ROLLBACK AND CHAIN");
        warn(session, NO_ACTIVE_SQL_TRANSACTION, "there is no transaction in progress");
    }
    Isolation isolation = ISOLATION_READ_COMMITTED;
    transaction_isolation_parse(setting(session, "transaction_isolation"), &isolation);
    bool is_read_only = settings_get_bool(&session->settings, "transaction_read_only");
    if (is_commit && session->block != BLOCK_FAILED) {
        portal_set_tag(portal, "COMMIT");
        TRY(transaction_commit(session));
    } else {
        portal_set_tag(portal, "ROLLBACK");
        transaction_rollback(session);
    }
    if (!is_chained) return OK;
    TRY(settings_set(
        &session->settings, "transaction_isolation", isolation_name(isolation), SCOPE_LOCAL));
    TRY(settings_set(
        &session->settings, "transaction_read_only", is_read_only ? "on" : "off", SCOPE_LOCAL));
    TRY(begin(session));
    session->block = BLOCK_EXPLICIT;
    return OK;
}

static SavepointEntry *find_savepoint(Session *session, const char *name) {
    SavepointEntry *entry = session->savepoints;
    while (entry != NULL && strcmp(entry->name, name) != 0)
        entry = entry->outer;
    return entry;
}

static Status run_savepoint(Session *session, const char *name) {
    TRY(transaction_require_block(session, "SAVEPOINT"));
    SavepointEntry *entry = arena_new(&session->txn_arena, SavepointEntry);
    entry->name = arena_copy_text(&session->txn_arena, name);
    entry->setting_mark = settings_mark(&session->settings);
    TRY(txn_savepoint(session->txn, &entry->savepoint));
    entry->outer = session->savepoints;
    session->savepoints = entry;
    return OK;
}

static Status no_savepoint(const char *name) {
    return fail(INVALID_SAVEPOINT_SPECIFICATION, "savepoint \"%s\" does not exist", name);
}

static Status run_release(Session *session, const char *name) {
    TRY(transaction_require_block(session, "RELEASE SAVEPOINT"));
    SavepointEntry *entry = find_savepoint(session, name);
    if (entry == NULL) return no_savepoint(name);
    txn_savepoint_release(session->txn, entry->savepoint);
    session->savepoints = entry->outer;
    return OK;
}

static Status run_rollback_to(Session *session, const char *name) {
    TRY(transaction_require_block(session, "ROLLBACK TO SAVEPOINT"));
    SavepointEntry *entry = find_savepoint(session, name);
    if (entry == NULL) return no_savepoint(name);
    portals_end_transaction(session);
    txn_savepoint_rollback(session->txn, entry->savepoint);
    settings_rollback(&session->settings, entry->setting_mark);
    session->savepoints = entry;
    session->block = BLOCK_EXPLICIT;
    return OK;
}

Status transaction_statement(Session *session, const Node *syntax, Portal *portal) {
    const char *kind = node_get_text(syntax, FIELD_KIND);
    const char *name = node_get_text(syntax, FIELD_SAVEPOINT_NAME);
    if (kind == NULL || strcmp(kind, "TRANS_STMT_BEGIN") == 0)
        return run_begin(session, syntax, portal, false);
    if (strcmp(kind, "TRANS_STMT_START") == 0) return run_begin(session, syntax, portal, true);
    if (strcmp(kind, "TRANS_STMT_COMMIT") == 0) return run_end(session, syntax, portal, true);
    if (strcmp(kind, "TRANS_STMT_ROLLBACK") == 0) return run_end(session, syntax, portal, false);
    if (strcmp(kind, "TRANS_STMT_SAVEPOINT") == 0) {
        portal_set_tag(portal, "SAVEPOINT");
        return run_savepoint(session, name);
    }
    if (strcmp(kind, "TRANS_STMT_RELEASE") == 0) {
        portal_set_tag(portal, "RELEASE");
        return run_release(session, name);
    }
    if (strcmp(kind, "TRANS_STMT_ROLLBACK_TO") == 0) {
        portal_set_tag(portal, "ROLLBACK");
        return run_rollback_to(session, name);
    }
    return fail(FEATURE_NOT_SUPPORTED, "two-phase commit is not supported yet");
}
