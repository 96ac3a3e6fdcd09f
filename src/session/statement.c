// Statements: from text to a plan, kept and made again when what it depends on has changed.
#include "session/session_internal.h"

#include <stdlib.h>

static PlanMemory *plan_memory_new(void) {
    PlanMemory *memory = calloc(1, sizeof *memory);
    if (memory == NULL) return NULL;
    memory->ref_count = 1;
    arena_init(&memory->arena, NULL);
    return memory;
}

void plan_memory_unref(PlanMemory *memory) {
    if (memory == NULL || --memory->ref_count > 0) return;
    arena_deinit(&memory->arena);
    free(memory);
}

// Room for another plan: a portal's is left to it.
static Status plan_memory_renew(Statement *statement) {
    if (statement->plan_memory->ref_count == 1) {
        arena_reset(&statement->plan_memory->arena);
        return OK;
    }
    PlanMemory *memory = plan_memory_new();
    if (memory == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    plan_memory_unref(statement->plan_memory);
    statement->plan_memory = memory;
    return OK;
}

static Statement *statement_new(const char *sql) {
    Statement *statement = calloc(1, sizeof *statement);
    if (statement == NULL) return NULL;
    statement->plan_memory = plan_memory_new();
    if (statement->plan_memory == NULL) {
        free(statement);
        return NULL;
    }
    statement->ref_count = 1;
    statement->sql = sql;
    arena_init(&statement->arena, NULL);
    return statement;
}

void statement_ref(Statement *statement) {
    statement->ref_count++;
}

void statement_unref(Statement *statement) {
    if (statement == NULL || --statement->ref_count > 0) return;
    portal_free_idle(statement);
    statement_forget_key_read(statement);
    plan_memory_unref(statement->plan_memory);
    arena_deinit(&statement->arena);
    free(statement);
}

Statement *statement_borrow(const char *sql, const ParsedStatement *parsed) {
    Statement *statement = statement_new(sql);
    if (statement == NULL) return NULL;
    statement->syntax = parsed->statement;
    statement->parsed = *parsed;
    return statement;
}

Status statement_parse(
    Session *session, const char *sql, Statement **statement_out, bool *is_single) {
    Statement *statement = statement_new(NULL);
    if (statement == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    statement->sql = arena_copy_text(&statement->arena, sql);
    ParsedStatement *parsed;
    size_t count;
    Status status =
        parse_text(session->pool->parser, statement->sql, &statement->arena, &parsed, &count);
    if (status != OK) {
        statement_unref(statement);
        return status;
    }
    *is_single = count <= 1;
    if (count > 0) {
        statement->parsed = parsed[0];
        statement->syntax = parsed[0].statement;
    }
    *statement_out = statement;
    return OK;
}

void function_context_fill(Session *session, FunctionContext *context) {
    *context = (FunctionContext){.values = session->values,
        .registry = session->pool->registry,
        .statement_time_us = session->statement_time_us,
        .transaction_time_us = session->transaction_time_us,
        .random = &session->random,
        .session = session,
        .catalog = session->view,
        .txn = session->txn,
        .is_cancelled = &session->is_cancelled};
}

// ---- Binding and planning -----------------------------------------------------------------------

static void parameters_reset(Statement *statement) {
    ParameterTypes *parameters = &statement->parameters;
    *parameters =
        (ParameterTypes){.arena = &statement->plan_memory->arena, .is_fixed = statement->is_plain};
    if (statement->literal_count > 0) {
        uint32_t count = statement->literal_count;
        parameters->types = arena_new_array(&statement->plan_memory->arena, Oid, count);
        for (uint32_t i = 0; i < count; i++)
            parameters->types[i] = statement->literals[i].type;
        parameters->count = parameters->capacity = count;
        parameters->is_fixed = true;
    }
    if (statement->declared_count == 0) return;
    parameters->types =
        arena_new_array(&statement->plan_memory->arena, Oid, statement->declared_count);
    memcpy(parameters->types, statement->declared, statement->declared_count * sizeof(Oid));
    parameters->count = parameters->capacity = statement->declared_count;
}

bool statement_is_select(const Statement *statement) {
    return statement->is_bound && statement->bound.kind == BOUND_QUERY && statement->plan != NULL
           && statement->plan->kind == QUERY_SELECT;
}

static bool results_equal(uint32_t count, const ResultColumn *before, const Statement *after) {
    if (count != after->result_count) return false;
    for (uint32_t i = 0; i < count; i++)
        if (before[i].type.oid != after->results[i].type.oid
            || before[i].type.modifier != after->results[i].type.modifier)
            return false;
    return true;
}

static Status plan_make(Session *session, Statement *statement, const FunctionContext *functions) {
    const char *forced = session_setting(session, "omen.force_path");
    OptimizeInput input = {.catalog = session->view,
        .functions = functions,
        .parameters = &statement->parameters,
        .arena = &statement->plan_memory->arena};
    if (forced != NULL && strcmp(forced, "index") == 0) input.forced_path = FORCE_INDEX;
    if (forced != NULL && strcmp(forced, "scan") == 0) input.forced_path = FORCE_SCAN;
    return optimize_query(&input, statement->bound.query, &statement->plan);
}

static Status bind(Session *session, Statement *statement) {
    FunctionContext functions;
    function_context_fill(session, &functions);
    BindInput input = {.catalog = session->view,
        .functions = &functions,
        .parameters = &statement->parameters,
        .sql = statement->sql,
        .arena = &statement->plan_memory->arena,
        .user_name = session->user_name,
        .database_name = session->database_name,
        .lifted = statement->literals,
        .lifted_count = statement->literal_count,
        .is_liftable_out = &statement->is_liftable};
    statement->bound = (BoundStatement){0};
    statement->plan = NULL;
    statement->plan_number++;
    statement->result_count = 0;
    statement->results = NULL;
    TRY(bind_statement(&input, statement->syntax, &statement->bound));
    TRY(arena_check(&statement->plan_memory->arena));
    BoundKind kind = statement->bound.kind;
    if (kind == BOUND_QUERY || kind == BOUND_EXPLAIN) {
        TRY(plan_make(session, statement, &functions));
        TRY(arena_check(&statement->plan_memory->arena));
    }
    if (kind == BOUND_QUERY) {
        statement->result_count = statement->plan->result_count;
        statement->results = statement->plan->results;
        return OK;
    }
    return utility_results(session, statement, &statement->plan_memory->arena,
        &statement->result_count, &statement->results);
}

bool statement_is_fresh(Session *session, const Statement *statement) {
    return statement->is_bound && statement->catalog_version == catalog_view_version(session->view)
           && statement->setting_epoch == session->settings.epoch;
}

Status statement_prepare(Session *session, Statement *statement) {
    uint64_t version = catalog_view_version(session->view);
    if (statement_is_fresh(session, statement)) return OK;
    // Results that a client was told about stay what they were.
    uint32_t result_count = statement->result_count;
    ResultColumn *results = NULL;
    bool was_bound = statement->is_bound && statement->is_described;
    ArenaMark mark = arena_mark(&session->scratch);
    if (was_bound && result_count > 0)
        results =
            arena_copy_bytes(&session->scratch, statement->results, result_count * sizeof *results);
    statement->is_bound = false;
    portal_free_idle(statement);
    statement_forget_key_read(statement);
    Status status = plan_memory_renew(statement);
    if (status == OK) {
        parameters_reset(statement);
        status = bind(session, statement);
    }
    if (status == OK && was_bound && !results_equal(result_count, results, statement))
        status = fail(FEATURE_NOT_SUPPORTED, "cached plan must not change result type");
    arena_rewind(&session->scratch, mark);
    if (status != OK) return status;
    statement->is_bound = true;
    statement->catalog_version = version;
    statement->setting_epoch = session->settings.epoch;
    return OK;
}

// ---- The cache by text --------------------------------------------------------------------------

static void unlink_newest(StatementCache *cache, Statement *statement) {
    if (statement->newer != NULL)
        statement->newer->older = statement->older;
    else
        cache->newest = statement->older;
    if (statement->older != NULL)
        statement->older->newer = statement->newer;
    else
        cache->oldest = statement->newer;
    statement->newer = statement->older = NULL;
}

static void link_newest(StatementCache *cache, Statement *statement) {
    statement->older = cache->newest;
    if (cache->newest != NULL) cache->newest->newer = statement;
    cache->newest = statement;
    if (cache->oldest == NULL) cache->oldest = statement;
}

static void cache_remove(StatementCache *cache, Statement *statement) {
    Statement **at = &cache->slots[statement->hash % STATEMENT_CACHE_SLOTS];
    while (*at != statement)
        at = &(*at)->next_in_slot;
    *at = statement->next_in_slot;
    unlink_newest(cache, statement);
    cache->count--;
    statement->is_cached = false;
    statement_unref(statement);
}

Statement *statement_cache_find(Session *session, const char *sql, size_t count, uint64_t hash) {
    StatementCache *cache = &session->cache;
    Statement *found = cache->slots[hash % STATEMENT_CACHE_SLOTS];
    while (found != NULL
           && (found->hash != hash || found->text_count != count
               || memcmp(found->key, sql, count) != 0))
        found = found->next_in_slot;
    if (found == NULL) return NULL;
    if (cache->newest != found) {
        unlink_newest(cache, found);
        link_newest(cache, found);
    }
    return found;
}

void statement_cache_remove(Session *session, Statement *statement) {
    if (statement->is_cached) cache_remove(&session->cache, statement);
}

void statement_cache_add(
    Session *session, Statement *statement, const char *key, size_t key_count, uint64_t hash) {
    StatementCache *cache = &session->cache;

    // Long texts are seldom sent twice, and would keep much memory.
    enum { CACHED_TEXT_MAX = 4096 };

    if (statement->is_cached || key_count > CACHED_TEXT_MAX) return;
    statement->key = arena_copy_text_n(&statement->arena, key, key_count);
    if (cache->count == STATEMENT_CACHE_MAX) cache_remove(cache, cache->oldest);
    statement_ref(statement);
    statement->is_cached = true;
    statement->hash = hash;
    statement->text_count = key_count;
    statement->next_in_slot = cache->slots[hash % STATEMENT_CACHE_SLOTS];
    cache->slots[hash % STATEMENT_CACHE_SLOTS] = statement;
    link_newest(cache, statement);
    cache->count++;
}

void statement_cache_clear(Session *session) {
    while (session->cache.oldest != NULL)
        cache_remove(&session->cache, session->cache.oldest);
}
