// The bulk appender of include/omendb.h.

#include "base/error.h"
#include "embed/embed_internal.h"

#include <stdlib.h>

static Status appender_create(OmenConnection *connection, const char *schema, const char *table,
    OmenAppender **appender_out) {
    OmenAppender *handle = calloc(1, sizeof *handle);
    if (handle == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    handle->session = connection->session;
    Status status = session_append_begin(connection->session, schema, table, &handle->appender);
    if (status != OK) {
        free(handle);
        return status;
    }
    arena_init(&handle->arena, NULL);
    arena_init(&handle->row_arena, NULL);
    handle->column_count = appender_column_count(handle->appender);
    handle->values = arena_new_array(&handle->arena, Value, handle->column_count + 1);
    *appender_out = handle;
    return OK;
}

OmenResult omen_append_begin(OmenConnection *connection, const char *schema, const char *table,
    OmenAppender **appender_out) {
    return result_of(appender_create(connection, schema, table, appender_out));
}

static Status next_field(OmenAppender *appender, Oid *type_out, Value **value_out) {
    if (appender->filled == appender->column_count) {
        return fail(
            INVALID_PARAMETER_VALUE, "a row of the table has %u columns", appender->column_count);
    }
    *type_out = appender_column_type(appender->appender, appender->filled);
    *value_out = &appender->values[appender->filled++];
    return OK;
}

OmenResult omen_append_null(OmenAppender *appender) {
    Oid type;
    Value *value;
    Status status = next_field(appender, &type, &value);
    if (status == OK) *value = value_null();
    return result_of(status);
}

OmenResult omen_append_bool(OmenAppender *appender, int given) {
    Oid type;
    Value *value;
    Status status = next_field(appender, &type, &value);
    if (status == OK) status = value_of_bool(type, given != 0, value);
    return result_of(status);
}

OmenResult omen_append_int64(OmenAppender *appender, int64_t given) {
    Oid type;
    Value *value;
    Status status = next_field(appender, &type, &value);
    if (status == OK) status = value_of_int64(type, given, &appender->row_arena, value);
    return result_of(status);
}

OmenResult omen_append_double(OmenAppender *appender, double given) {
    Oid type;
    Value *value;
    Status status = next_field(appender, &type, &value);
    if (status == OK) status = value_of_double(type, given, &appender->row_arena, value);
    return result_of(status);
}

OmenResult omen_append_text(OmenAppender *appender, const char *text, ptrdiff_t count) {
    Oid type;
    Value *value;
    Status status = next_field(appender, &type, &value);
    if (status == OK) {
        size_t bytes = count < 0 ? strlen(text) : (size_t)count;
        status = value_of_text(session_value_context(appender->session), type, text, bytes,
            &appender->row_arena, value);
    }
    return result_of(status);
}

OmenResult omen_append_blob(OmenAppender *appender, const void *bytes, size_t count) {
    Oid type;
    Value *value;
    Status status = next_field(appender, &type, &value);
    if (status == OK) status = value_of_blob(type, bytes, count, &appender->row_arena, value);
    return result_of(status);
}

OmenResult omen_append_end_row(OmenAppender *appender) {
    Status status;
    if (appender->filled < appender->column_count) {
        status = fail(INVALID_PARAMETER_VALUE, "%u of %u columns were appended to the row",
            appender->filled, appender->column_count);
    } else {
        status = appender_add(appender->appender, appender->values);
    }
    appender->filled = 0;
    if (appender->row_arena.chunk != NULL) arena_reset(&appender->row_arena);
    return result_of(status);
}

static void handle_free(OmenAppender *appender) {
    arena_deinit(&appender->row_arena);
    arena_deinit(&appender->arena);
    free(appender);
}

OmenResult omen_append_finish(OmenAppender *appender) {
    OmenResult result = result_of(appender_end(appender->appender));
    handle_free(appender);
    return result;
}

void omen_append_abandon(OmenAppender *appender) {
    if (appender == NULL) return;
    appender_abandon(appender->appender);
    handle_free(appender);
}
