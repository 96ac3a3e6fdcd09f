// SQL functions over the session: version(), set_config(), pg_backend_pid() and the like.
#include "session/session_internal.h"

#include <stdio.h>

typedef Status (*RowFunction)(
    Call *call, Session *session, const Value *arguments, Value *result_out);

enum { ARGUMENT_MAX = 4 };

static Status each_row(Call *call, RowFunction function) {
    Session *session = call->context->session;
    ASSERT(session != NULL && call->argument_count <= ARGUMENT_MAX);
    for (uint32_t i = 0; i < call->selection.count; i++) {
        uint32_t row = selection_row(call->selection, i);
        Value arguments[ARGUMENT_MAX];
        for (uint32_t j = 0; j < call->argument_count; j++)
            arguments[j] = column_get(&call->arguments[j], row);
        Value result = value_null();
        TRY(function(call, session, arguments, &result));
        if (result.is_null)
            column_set_null(call->result, call->arena, row);
        else
            column_set(call->result, call->arena, row, &result);
    }
    return OK;
}

#define ROW_FUNCTION(name)                                                                         \
    static Status row_##name([[maybe_unused]] Call *call, [[maybe_unused]] Session *session,       \
        [[maybe_unused]] const Value *arguments, [[maybe_unused]] Value *result_out);              \
    static Status kernel_##name(Call *call) {                                                      \
        return each_row(call, row_##name);                                                         \
    }                                                                                              \
    static Status row_##name([[maybe_unused]] Call *call, [[maybe_unused]] Session *session,       \
        [[maybe_unused]] const Value *arguments, [[maybe_unused]] Value *result_out)

static Value text_result(Call *call, const char *text) {
    Value value = {.datum.view = view_from_text(arena_copy_text(call->arena, text))};
    return value;
}

static const char *text_argument(Call *call, const Value *value) {
    if (value->is_null) return NULL;
    Bytes bytes = view_bytes(&value->datum.view);
    return arena_copy_text_n(call->arena, (const char *)bytes.data, bytes.count);
}

static Value bool_result(bool boolean) {
    Value value = {0};
    value.datum.boolean = boolean;
    return value;
}

ROW_FUNCTION(version) {
    Text text;
    text_init(&text, call->arena);
    text_append_format(&text, "PostgreSQL %s on %s, compiled by gcc %s, %zu-bit",
        session_setting(session, "server_version"),
#ifdef __x86_64__
        "x86_64-linux-gnu",
#else
        "aarch64-linux-gnu",
#endif
        __VERSION__, sizeof(void *) * 8);
    result_out->is_null = false;
    result_out->datum.view = view_make(text.data, text.count);
    return OK;
}

ROW_FUNCTION(backend_pid) {
    result_out->is_null = false;
    result_out->datum.int4 = (int32_t)session->number;
    return OK;
}

ROW_FUNCTION(current_user) {
    *result_out = text_result(call, session->user_name);
    return OK;
}

ROW_FUNCTION(current_query) {
    *result_out = text_result(call, session->current_query == NULL ? "" : session->current_query);
    return OK;
}

ROW_FUNCTION(set_config) {
    const char *name = text_argument(call, &arguments[0]);
    const char *value = text_argument(call, &arguments[1]);
    if (name == NULL) return fail(NULL_VALUE_NOT_ALLOWED, "SET requires parameter name");
    bool is_local = !arguments[2].is_null && arguments[2].datum.boolean;
    TRY(session_change_setting(session, name, value, is_local));
    uint32_t setting;
    TRY(settings_require(&session->settings, name, &setting));
    *result_out = text_result(call, settings_get(&session->settings, setting));
    return OK;
}

static Status current_setting(
    Call *call, Session *session, const char *name, bool missing_ok, Value *result_out) {
    if (missing_ok && settings_find(&session->settings, name) == UINT32_MAX) return OK;
    uint32_t setting;
    TRY(settings_require(&session->settings, name, &setting));
    Text text;
    text_init(&text, call->arena);
    settings_show(&session->settings, setting, &text);
    *result_out = text_result(call, text.data == NULL ? "" : text.data);
    return OK;
}

ROW_FUNCTION(current_setting) {
    return current_setting(call, session, text_argument(call, &arguments[0]), false, result_out);
}

ROW_FUNCTION(current_setting_or_null) {
    return current_setting(
        call, session, text_argument(call, &arguments[0]), arguments[1].datum.boolean, result_out);
}

ROW_FUNCTION(cancel_backend) {
    uint32_t number = (uint32_t)arguments[0].datum.int4;
    SessionPool *pool = session->pool;
    bool is_found = false;
    mutex_lock(&pool->mutex);
    for (Session *each = pool->sessions; each != NULL && !is_found; each = each->next) {
        if (each->number != number) continue;
        session_cancel(each);
        is_found = true;
    }
    mutex_unlock(&pool->mutex);
    if (!is_found) {
        char message[64];
        snprintf(message, sizeof message, "PID %u is not a PostgreSQL server process", number);
        session_notice(session, "WARNING", WARNING_STATE, message, NULL, NULL);
    }
    *result_out = bool_result(is_found);
    return OK;
}

ROW_FUNCTION(no) {
    *result_out = bool_result(false);
    return OK;
}

ROW_FUNCTION(start_time) {
    result_out->is_null = false;
    result_out->datum.int8 = session->pool->start_time_us;
    return OK;
}

ROW_FUNCTION(clock_timestamp) {
    result_out->is_null = false;
    result_out->datum.int8 = clock_wall_us(database_environment(session->pool->database).clock);
    return OK;
}

ROW_FUNCTION(transaction_id) {
    result_out->is_null = false;
    result_out->datum.int8 = (int64_t)txn_id(session->txn).value;
    return OK;
}

ROW_FUNCTION(none) {
    return OK;
}

ROW_FUNCTION(nothing) {
    *result_out = text_result(call, ""); // void
    return OK;
}

ROW_FUNCTION(zero) {
    result_out->is_null = false;
    return OK;
}

// OIDs are PostgreSQL's.
const FunctionEntry functions_of_session[] = {
    {.function = 89, .kernel = kernel_version},
    {.function = 2649, .kernel = kernel_clock_timestamp},
    {.function = 2026, .kernel = kernel_backend_pid},
    {.function = 745, .kernel = kernel_current_user},
    {.function = 746, .kernel = kernel_current_user},
    {.function = 710, .kernel = kernel_current_user},
    {.function = 817, .kernel = kernel_current_query},
    {.function = 2078, .kernel = kernel_set_config},
    {.function = 2077, .kernel = kernel_current_setting},
    {.function = 3294, .kernel = kernel_current_setting_or_null},
    {.function = 2171, .kernel = kernel_cancel_backend},
    {.function = 3810, .kernel = kernel_no}, // pg_is_in_recovery
    {.function = 315, .kernel = kernel_no},  // pg_jit_available
    {.function = 2560, .kernel = kernel_start_time},
    {.function = 2034, .kernel = kernel_start_time},
    {.function = 2943, .kernel = kernel_transaction_id},
    {.function = 5059, .kernel = kernel_transaction_id},
    {.function = 2198, .kernel = kernel_none},    // inet_server_addr
    {.function = 2892, .kernel = kernel_nothing}, // pg_advisory_unlock_all: none is held
    {.function = 3163, .kernel = kernel_zero},    // pg_trigger_depth
    {0},
};
