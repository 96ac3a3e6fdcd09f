// What the session's own files share.
//
// Model    A Statement is a parsed text with what was made of it: bound, planned. It is reference
//          counted within its session: the plan cache, prepared statements and portals hold it. A
//          Portal is one run of a statement. Everything that executes goes through a portal,
//          but for single rows by key (short_path.c).
#pragma once

#include "base/assert.h"
#include "base/hash.h"
#include "execute/execute.h"
#include "execute/key_read.h"
#include "optimize/optimize.h"
#include "os/thread.h"
#include "parse/parse.h"
#include "session/session.h"
#include "session/settings.h"

#include <stdatomic.h>

typedef struct Deadline {
    Session *session;
    int64_t at_ns;
    struct Deadline *next;
} Deadline;

struct SessionPool {
    Database *database;
    Parser *parser;
    TimeZoneCache *time_zones;
    Arena arena; // the registry
    FunctionRegistry *registry;
    char *database_name;
    Mutex mutex;
    Session *sessions; // guarded by mutex
    uint32_t next_number;
    int64_t start_time_us;
    // Statement timeouts: one thread, started at the first one.
    Condition wake;
    Thread *timer;
    Deadline *deadlines; // guarded by mutex
    bool is_closing;
};

typedef enum BlockState {
    BLOCK_NONE,     // no transaction, or none but the statement's own
    BLOCK_IMPLICIT, // several statements sent as one text
    BLOCK_EXPLICIT, // BEGIN
    BLOCK_FAILED,   // BEGIN, and an error since
} BlockState;

typedef struct SavepointEntry {
    char *name;
    Savepoint savepoint;
    uint32_t setting_mark;
    struct SavepointEntry *outer;
} SavepointEntry;

// What a statement was bound and planned to. A portal that runs it keeps it, also when the
// statement is bound again meanwhile.
typedef struct PlanMemory {
    uint32_t ref_count;
    Arena arena;
} PlanMemory;

typedef struct Statement {
    uint32_t ref_count;
    Arena arena; // text and tree
    PlanMemory *plan_memory;
    const char *sql; // the whole text that locations refer to
    const Node *syntax;
    ParsedStatement parsed;
    ParameterTypes parameters;
    uint32_t declared_count; // parameters that the client declared
    Oid *declared;
    BoundStatement bound;
    Plan *plan;           // of a query
    uint64_t plan_number; // raised whenever there is another
    Portal *idle;         // one whose execution can be run again, or NULL
    KeyRead *key_read;    // of the plan, in its arena; NULL when it is none, or was not asked for
    bool is_key_read_known;
    bool is_bound;
    bool is_plain;     // of a text that nobody gives parameters to
    bool is_described; // a client was told its result columns, which must stay
    uint64_t catalog_version, setting_epoch; // it was bound under
    uint32_t result_count;                   // of what it shows as its result
    const ResultColumn *results;
    // In the cache:
    uint64_t hash;
    struct Statement *next_in_slot, *newer, *older;
    size_t text_count;
    const char *key;               // the text, or the lifted text
    const LiftedLiteral *literals; // constants that become parameters
    uint32_t literal_count;
    bool is_liftable; // with its literals, or without any
    bool is_cached;
} Statement;

struct Prepared {
    char *name; // behind it
    Statement *statement;
    int64_t prepare_time_us;
    bool is_from_sql;
    Prepared *next;
};

typedef enum PortalPhase {
    PHASE_READY,
    PHASE_RUNNING, // an execution is open
    PHASE_ROWS,    // materialised rows are given
    PHASE_COPY_IN,
    PHASE_COPY_OUT,
    PHASE_DONE,
} PortalPhase;

typedef struct RowList {
    Batch **batches;
    uint32_t count, capacity;
    uint32_t next;     // batch
    uint32_t next_row; // within it
} RowList;

struct Portal {
    Session *session;
    char *name;
    Arena arena; // of this run
    Statement *statement;
    PlanMemory *plan_memory;         // of what it runs; the statement's may be another by now
    const Plan *plan;                // of a query that runs
    const struct LiftedText *lifted; // whose literals are the parameters, or NULL
    const char *sql;                 // where they are
    Value *parameters;
    uint32_t parameter_count;
    PortalPhase phase;
    bool is_cursor;            // DECLARE
    bool is_running_statement; // the transaction's statement is open for it
    bool has_snapshot;
    Snapshot snapshot; // held while suspended
    FunctionContext functions;
    Execution *execution;
    Arena execution_arena;
    uint64_t execution_plan_number;
    Execution *kept; // a run of the plan of this number that is over
    uint64_t kept_plan_number;
    Batch *pending;        // rows that a row limit left over
    uint32_t pending_next; // within its selection
    Batch part;            // the piece of `pending` that is shown
    bool is_exhausted;
    uint32_t result_count;
    const ResultColumn *results;
    RowList rows;
    char tag[96];
    uint64_t row_count;
    struct CopyIn *copy_in;
    struct CopyOut *copy_out;
    Portal *next;
};

enum { STATEMENT_CACHE_SLOTS = 64, STATEMENT_CACHE_MAX = 64 };

typedef struct StatementCache {
    Statement *slots[STATEMENT_CACHE_SLOTS];
    Statement *newest, *oldest;
    uint32_t count;
} StatementCache;

struct Session {
    SessionPool *pool;
    Session *next, *previous; // guarded by pool->mutex
    uint32_t number;
    SessionOptions options;
    char *user_name, *database_name;
    CatalogView *view;
    ObjectNames names;
    Settings settings;
    ValueContext values;
    Random random;
    _Atomic bool is_cancelled;
    _Atomic bool has_timed_out;
    Deadline deadline;
    bool has_deadline;

    // What each statement and transaction asks of the settings, as they were after so many changes.
    TxnOptions txn_options;
    int64_t statement_timeout_ms;
    uint64_t settings_read;
    BlockState block;
    Txn *txn;
    bool has_queried; // in this transaction: its modes are settled
    int64_t transaction_time_us, statement_time_us;
    SavepointEntry *savepoints; // innermost first
    Arena txn_arena;            // names of savepoints
    bool is_aborting;

    Prepared *prepared;
    Portal *portals;
    Portal *graveyard; // closed with their transaction; freed at the next call
    Portal *running;
    Portal *idle; // with an execution to run again, the newest first
    StatementCache cache;
    Arena scratch; // of one call
    bool (*progress)(void *argument, double fraction);
    void *progress_argument;
    int64_t backend_start_us;
    char *current_query; // for pg_stat_activity; guarded by pool->mutex
};

// ---- Transactions (transaction.c) ---------------------------------------------------------------

// Reads the settings that are asked for all the time, if they have changed.
void transaction_read_settings(Session *session);
Status transaction_require(Session *session); // begins one when there is none
Status transaction_commit(Session *session);
void transaction_rollback(Session *session);
// After an error: the block is aborted, or the transaction gone.
void transaction_abort(Session *session);
Status transaction_statement(Session *session, const Node *syntax, Portal *portal);
Status transaction_check_allowed(Session *session, const Node *syntax);
Status transaction_prevent_block(Session *session, const char *statement);
Status transaction_require_block(Session *session, const char *statement);
Status transaction_set_modes(Session *session, const Node *options, bool for_session);
Status transaction_apply_setting(Session *session, const char *name, const char *value);

// ---- Statements (statement.c) -------------------------------------------------------------------

Status statement_parse(
    Session *session, const char *sql, Statement **statement_out, bool *is_single);
Statement *statement_borrow(const char *sql, const ParsedStatement *parsed);
void statement_ref(Statement *statement);
void plan_memory_unref(PlanMemory *memory); // NULL is fine
void statement_unref(Statement *statement);
// Binds and plans it, or does so again when something it depends on has changed.
Status statement_prepare(Session *session, Statement *statement);
void function_context_fill(Session *session, FunctionContext *context);

// Runs it by the short path when that can be (short_path.c): see session_read_key.
// Whether statement_read_key might take it, here and now.
bool statement_has_key_read(Session *session, Statement *statement);
Status statement_read_key(Session *session, Statement *statement, const Value *parameters,
    bool *is_taken_out, Batch **batch_out);
void statement_forget_key_read(Statement *statement); // before its plan goes

Statement *statement_cache_find(Session *session, const char *key, size_t count, uint64_t hash);
void statement_cache_add(
    Session *session, Statement *statement, const char *key, size_t key_count, uint64_t hash);
void statement_cache_remove(Session *session, Statement *statement);
// Whether it can run as it was planned.
bool statement_is_fresh(Session *session, const Statement *statement);
void statement_cache_clear(Session *session);

// ---- Portals (portal.c) -------------------------------------------------------------------------

Status portal_create(Session *session, const char *name, Statement *statement, Portal **portal_out);
// Keeps a portal for the next run of its statement when that can use its execution.
void portal_destroy(Portal *portal);
void portal_free_idle(Statement *statement);
void portal_close_execution(Portal *portal);
// Closes what the end of a transaction closes.
void portals_end_transaction(Session *session);
void graveyard_free(Session *session);
Status portal_run(
    Portal *portal, uint32_t row_max, PortalState *state_out, Batch **batch_out, Bytes *copy_out);
[[gnu::format(printf, 2, 3)]] void portal_set_tag(Portal *portal, const char *format, ...);

void row_list_add_batch(RowList *list, Arena *arena, const Batch *batch);
// One row of texts (NULL for SQL NULL) as text columns.
void portal_add_text_row(Portal *portal, const char *const *values, uint32_t count);

// Takes the table locks of a statement's plan, and plans again when they brought news.
// Runs what the statement was bound to, up to its first rows.
Status portal_start_bound(Portal *portal);
Status statement_lock(Session *session, Statement *statement);
bool statement_is_select(const Statement *statement); // its rows may have no column
Status portal_start_execution(
    Portal *portal, Status (*feed)(void *argument, Batch **batch_out), void *feed_argument);

// ---- Kinds of statements ------------------------------------------------------------------------

Status definition_run(Portal *portal); // definition.c
const char *definition_name(const BoundStatement *bound);
Status utility_run(Portal *portal); // utility.c
Status utility_results(Session *session, const Statement *statement, Arena *arena,
    uint32_t *count_out, const ResultColumn **results_out);
Status prepared_run_prepare(Portal *portal); // prepared.c
Status prepared_start_execute(Portal *portal);
Status prepared_run_deallocate(Portal *portal);
void prepared_free_all(Session *session);
Status cursor_declare(Portal *portal); // cursor.c
Status cursor_fetch(Portal *portal);
Status cursor_close(Portal *portal);
Status explain_run(Portal *portal);     // explain.c
Status setting_run_set(Portal *portal); // setting_statement.c
Status setting_run_show(Portal *portal);
void session_apply_setting(void *argument, uint32_t setting);
Status session_change_setting(
    Session *session, const char *name, const char *value, bool is_local); // value NULL: RESET

Status copy_start(Portal *portal); // copy.c
Status copy_out_next(Portal *portal, Bytes *copy_out, bool *is_done);
Status copy_in_finish(Portal *portal);
void copy_close(Portal *portal);

// Queries of the session's own, within the running statement's transaction (evaluate.c): the
// arguments of EXECUTE, rows that break a new check, new columns of the rows there are.
Status session_evaluate(Session *session, const char *sql, const char *name, const Node *list,
    const Oid *types, uint32_t count, Arena *arena, Value *values_out);
Status session_count_violations(Session *session, const TableInfo *table, const Expression *check,
    Arena *arena, uint64_t *rows_out);
Status session_execute_internal(Session *session, const char *sql, uint64_t *rows_out);

bool session_relation_rows(void *argument, Oid relation, Arena *arena,
    void (*add)(void *list, const Value *row), void *list, Status *status_out); // relations.c

extern const FunctionEntry functions_of_session[];

void session_notice(Session *session, const char *severity, Status code, const char *message,
    const char *detail, const char *hint);
Status session_check_cancelled(Session *session);
