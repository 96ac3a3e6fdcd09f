// System relations that a session computes: pg_settings, pg_stat_activity, pg_prepared_statements,
// pg_cursors, pg_timezone_names and the like.
#include "generated/catalog_columns.h"
#include "session/session_internal.h"
#include "types/array.h"

#include <stdio.h>

typedef struct RowSink {
    Session *session;
    Arena *arena;
    void (*add)(void *list, const Value *row);
    void *list;
} RowSink;

static Value text_value(const char *text) {
    Value value = {.is_null = text == NULL};
    if (text != NULL) value.datum.view = view_from_text(text);
    return value;
}

static Value bool_value(bool boolean) {
    Value value = {0};
    value.datum.boolean = boolean;
    return value;
}

static Value int4_value(int32_t number) {
    Value value = {0};
    value.datum.int4 = number;
    return value;
}

static Value int8_value(int64_t number) {
    Value value = {0};
    value.datum.int8 = number;
    return value;
}

static void blank(Value *row, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        row[i] = value_null();
}

static const char *const context_names[] = {
    "internal", "postmaster", "sighup", "superuser-backend", "backend", "superuser", "user"};
static const char *const kind_names[] = {"bool", "integer", "real", "string", "enum"};

static Value enum_values(const char *values, Arena *arena) {
    if (values == NULL) return value_null();
    Value list[64];
    uint32_t count = 0;
    for (const char *at = values; *at != 0 && count < 64;) {
        size_t length = strcspn(at, ",");
        list[count++] = text_value(arena_copy_text_n(arena, at, length));
        at += length;
        if (*at == ',') at++;
    }
    Value array = {.datum.view = array_make_list(TYPE_TEXT, list, count, arena)};
    return array;
}

static void settings_rows(const RowSink *sink) {
    Settings *settings = &sink->session->settings;
    for (uint32_t i = 0; i < settings->count; i++) {
        const Setting *setting = &settings->settings[i];
        const SettingFact *fact = setting->fact;
        const char *default_value = fact == NULL ? NULL : fact->default_value;
        Value row[PG_SETTINGS_COLUMN_COUNT];
        blank(row, PG_SETTINGS_COLUMN_COUNT);
        row[PG_SETTINGS_NAME] = text_value(setting->name);
        row[PG_SETTINGS_SETTING] = text_value(settings_get(settings, i));
        row[PG_SETTINGS_CATEGORY] =
            text_value(fact == NULL ? "Customized Options" : fact->category);
        row[PG_SETTINGS_SHORT_DESC] = text_value(fact == NULL ? "" : fact->description);
        row[PG_SETTINGS_CONTEXT] =
            text_value(context_names[fact == NULL ? CONTEXT_USER : fact->context]);
        row[PG_SETTINGS_VARTYPE] =
            text_value(kind_names[fact == NULL ? SETTING_STRING : fact->kind]);
        row[PG_SETTINGS_SOURCE] = text_value(setting->is_from_session                 ? "session"
                                             : setting->reset != NULL || fact == NULL ? "client"
                                                                                      : "default");
        if (fact != NULL) {
            row[PG_SETTINGS_UNIT] = text_value(fact->unit);
            row[PG_SETTINGS_MIN_VAL] = text_value(fact->minimum);
            row[PG_SETTINGS_MAX_VAL] = text_value(fact->maximum);
            row[PG_SETTINGS_ENUMVALS] = enum_values(fact->values, sink->arena);
        }
        row[PG_SETTINGS_BOOT_VAL] = text_value(default_value);
        row[PG_SETTINGS_RESET_VAL] =
            text_value(setting->reset == NULL ? default_value : setting->reset);
        row[PG_SETTINGS_PENDING_RESTART] = bool_value(false);
        sink->add(sink->list, row);
    }
}

static void activity_rows(const RowSink *sink) {
    SessionPool *pool = sink->session->pool;
    mutex_lock(&pool->mutex);
    for (Session *each = pool->sessions; each != NULL; each = each->next) {
        Value row[PG_STAT_ACTIVITY_COLUMN_COUNT];
        blank(row, PG_STAT_ACTIVITY_COLUMN_COUNT);
        row[PG_STAT_ACTIVITY_DATID].is_null = false;
        row[PG_STAT_ACTIVITY_DATID].datum.oid = DATABASE_OID;
        row[PG_STAT_ACTIVITY_DATNAME] = text_value(each->database_name);
        row[PG_STAT_ACTIVITY_PID] = int4_value((int32_t)each->number);
        row[PG_STAT_ACTIVITY_USESYSID].is_null = false;
        row[PG_STAT_ACTIVITY_USESYSID].datum.oid = ROLE_BOOTSTRAP;
        row[PG_STAT_ACTIVITY_USENAME] = text_value(each->user_name);
        row[PG_STAT_ACTIVITY_BACKEND_START] = int8_value(each->backend_start_us);
        if (each == sink->session) {
            row[PG_STAT_ACTIVITY_APPLICATION_NAME] =
                text_value(session_setting(each, "application_name"));
            row[PG_STAT_ACTIVITY_XACT_START] = int8_value(each->transaction_time_us);
            row[PG_STAT_ACTIVITY_QUERY_START] = int8_value(each->statement_time_us);
            row[PG_STAT_ACTIVITY_STATE] = text_value("active");
        }
        row[PG_STAT_ACTIVITY_QUERY] = text_value(
            each->current_query == NULL ? "" : arena_copy_text(sink->arena, each->current_query));
        row[PG_STAT_ACTIVITY_BACKEND_TYPE] = text_value("client backend");
        sink->add(sink->list, row);
    }
    mutex_unlock(&pool->mutex);
}

static void prepared_rows(const RowSink *sink) {
    for (Prepared *each = sink->session->prepared; each != NULL; each = each->next) {
        if (*each->name == 0) continue;
        const Statement *statement = each->statement;
        Value row[PG_PREPARED_STATEMENTS_COLUMN_COUNT];
        blank(row, PG_PREPARED_STATEMENTS_COLUMN_COUNT);
        row[PG_PREPARED_STATEMENTS_NAME] = text_value(each->name);
        row[PG_PREPARED_STATEMENTS_STATEMENT] = text_value(statement->sql);
        row[PG_PREPARED_STATEMENTS_PREPARE_TIME] = int8_value(each->prepare_time_us);
        uint32_t count = statement->parameters.count;
        Value *types = arena_new_array(sink->arena, Value, count + 1);
        for (uint32_t i = 0; i < count; i++)
            types[i].datum.oid = statement->parameters.types[i];
        row[PG_PREPARED_STATEMENTS_PARAMETER_TYPES].is_null = false;
        row[PG_PREPARED_STATEMENTS_PARAMETER_TYPES].datum.view =
            array_make_list(TYPE_REGTYPE, types, count, sink->arena);
        row[PG_PREPARED_STATEMENTS_FROM_SQL] = bool_value(each->is_from_sql);
        row[PG_PREPARED_STATEMENTS_GENERIC_PLANS] = int8_value(0);
        row[PG_PREPARED_STATEMENTS_CUSTOM_PLANS] = int8_value(0);
        sink->add(sink->list, row);
    }
}

static void cursor_rows(const RowSink *sink) {
    for (Portal *each = sink->session->portals; each != NULL; each = each->next) {
        if (!each->is_cursor) continue;
        Value row[PG_CURSORS_COLUMN_COUNT];
        blank(row, PG_CURSORS_COLUMN_COUNT);
        row[PG_CURSORS_NAME] = text_value(each->name);
        row[PG_CURSORS_STATEMENT] = text_value(each->statement->sql);
        row[PG_CURSORS_IS_HOLDABLE] = bool_value(false);
        row[PG_CURSORS_IS_BINARY] = bool_value(false);
        row[PG_CURSORS_IS_SCROLLABLE] = bool_value(false);
        row[PG_CURSORS_CREATION_TIME] = int8_value(sink->session->statement_time_us);
        sink->add(sink->list, row);
    }
}

bool session_relation_rows(void *argument, Oid relation, Arena *arena,
    void (*add)(void *list, const Value *row), void *list, Status *status_out) {
    RowSink sink = {.session = argument, .arena = arena, .add = add, .list = list};
    *status_out = OK;
    switch (relation) {
    case OID_OF_PG_SETTINGS:
        settings_rows(&sink);
        return true;
    case OID_OF_PG_STAT_ACTIVITY:
        activity_rows(&sink);
        return true;
    case OID_OF_PG_PREPARED_STATEMENTS:
        prepared_rows(&sink);
        return true;
    case OID_OF_PG_CURSORS:
        cursor_rows(&sink);
        return true;
    default:
        return false;
    }
}
