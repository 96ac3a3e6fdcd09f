// EXPLAIN: the plan as rows of text.
#include "session/session_internal.h"

#include <stdio.h>
#include <strings.h>

static Status run_for_figures(Portal *portal, Execution **execution_out) {
    Session *session = portal->session;
    TRY(portal_start_execution(portal, NULL, NULL));
    for (;;) {
        Batch *batch;
        TRY(session_check_cancelled(session));
        TRY(execution_next(portal->execution, 0, &batch));
        if (batch == NULL) break;
    }
    *execution_out = portal->execution;
    return OK;
}

Status explain_run(Portal *portal) {
    Session *session = portal->session;
    Statement *statement = portal->statement;
    TRY(statement_lock(session, statement));
    const BoundStatement *bound = &statement->bound;
    if (bound->explain_format != NULL && strcasecmp(bound->explain_format, "text") != 0)
        return fail(FEATURE_NOT_SUPPORTED, "EXPLAIN (FORMAT %s) is not supported yet",
            bound->explain_format);
    Clock *clock = database_environment(session->pool->database).clock;
    int64_t start_ns = clock_monotonic_ns(clock);
    Execution *execution = NULL;
    if (bound->explain_analyze) TRY(run_for_figures(portal, &execution));
    int64_t run_ns = clock_monotonic_ns(clock) - start_ns;
    Text text;
    text_init(&text, &portal->arena);
    plan_explain(statement->plan, execution, bound->explain_costs, &text);
    portal_close_execution(portal);
    portal->phase = PHASE_READY;
    if (bound->explain_analyze && bound->explain_summary)
        text_append_format(&text, "Execution Time: %.3f ms\n", (double)run_ns / 1e6);
    char *at = text.data;
    while (at != NULL && *at != 0) {
        char *end = strchr(at, '\n');
        if (end != NULL) *end = 0;
        const char *line = at;
        portal_add_text_row(portal, &line, 1);
        at = end == NULL ? NULL : end + 1;
    }
    portal_set_tag(portal, "EXPLAIN");
    return OK;
}
