// The short path: a statement that reads one row by key, outside any transaction, needs no portal,
// no execution and no transaction. What it does for the client is what the long way does: it reads
// under one snapshot, with the table's lock, by a plan that is not out of date.
#include "session/session_internal.h"

// Whether a statement may begin and end here and now.
static bool session_is_quiet(Session *session) {
    if (session->txn != NULL || session->block != BLOCK_NONE || session->graveyard != NULL) {
        return false;
    }
    transaction_read_settings(session);
    return session->txn_options.isolation != ISOLATION_SERIALIZABLE;
}

static KeyRead *key_read_of(Session *session, Statement *statement) {
    if (statement->is_key_read_known) return statement->key_read;
    if (!statement->is_bound) return NULL;
    statement->is_key_read_known = true;
    if (statement->bound.kind != BOUND_QUERY || statement->bound.notice_count > 0) return NULL;
    TableSet *tables = catalog_tables(catalog_view_catalog(session->view));
    statement->key_read = key_read_make(statement->plan, tables, &statement->plan_memory->arena);
    return statement->key_read;
}

bool statement_has_key_read(Session *session, Statement *statement) {
    return key_read_of(session, statement) != NULL && session_is_quiet(session);
}

Status statement_read_key(Session *session, Statement *statement, const Value *parameters,
    bool *is_taken_out, Batch **batch_out) {
    *is_taken_out = false;
    KeyRead *read = key_read_of(session, statement);
    if (read == NULL || !session_is_quiet(session)) return OK;
    TxnRead txn;
    TxnSystem *txns = database_txns(session->pool->database);
    if (!txn_read_begin(txns, key_read_table(read), &txn)) return OK;
    // With the lock: whoever has changed the table since the plan was made has told the catalog.
    catalog_view_begin_statement(session->view);
    Status status = OK;
    if (statement_is_fresh(session, statement)) {
        *is_taken_out = true;
        status = key_read_run(read, txn.snapshot, parameters, batch_out);
    }
    txn_read_end(&txn);
    return status;
}

void statement_forget_key_read(Statement *statement) {
    if (statement->key_read != NULL) key_read_release(statement->key_read);
    statement->key_read = NULL;
    statement->is_key_read_known = false;
}
