// SET, SHOW and RESET, and what a setting changes in the session.
#include "session/session_internal.h"
#include "types/time_zone.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static const TimeZone *session_find_time_zone(Session *session, const char *name);

// ---- Effects ------------------------------------------------------------------------------------

static const char *value_of(Session *session, const char *name) {
    return settings_get(&session->settings, settings_find(&session->settings, name));
}

static void apply_date_style(Session *session) {
    static const struct {
        const char *word;
        int style, order;
    } words[] = {{"ISO", DATE_STYLE_ISO, -1}, {"SQL", DATE_STYLE_SQL, -1},
        {"POSTGRES", DATE_STYLE_POSTGRES, -1}, {"GERMAN", DATE_STYLE_GERMAN, -1},
        {"MDY", -1, DATE_ORDER_MDY}, {"DMY", -1, DATE_ORDER_DMY}, {"YMD", -1, DATE_ORDER_YMD}};

    const char *value = value_of(session, "DateStyle");
    for (const char *at = value; *at != 0;) {
        size_t count = strcspn(at, ", ");
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            if (strlen(words[i].word) != count || strncasecmp(at, words[i].word, count) != 0)
                continue;
            if (words[i].style >= 0) session->values.date_style = (DateStyle)words[i].style;
            if (words[i].order >= 0) session->values.date_order = (DateOrder)words[i].order;
        }
        at += count;
        at += strspn(at, ", ");
    }
}

static void apply_interval_style(Session *session) {
    static const char *const words[] = {"postgres", "postgres_verbose", "sql_standard", "iso_8601"};
    const char *value = value_of(session, "IntervalStyle");
    for (int i = 0; i < 4; i++)
        if (strcmp(words[i], value) == 0) session->values.interval_style = (IntervalStyle)i;
}

// "a", "B", c as SQL reads identifiers.
static bool split_identifiers(
    const char *value, Arena *arena, const char ***names_out, size_t *count_out) {
    size_t capacity = strlen(value) / 2 + 2, count = 0;
    const char **names = arena_new_array(arena, const char *, capacity);
    const char *at = value + strspn(value, " \t\n");
    while (*at != 0) {
        Text name;
        text_init(&name, arena);
        text_append(&name, "", 0);
        if (*at == '"') {
            at++;
            for (;;) {
                if (*at == 0) return false;
                if (*at == '"' && at[1] == '"')
                    at++;
                else if (*at == '"')
                    break;
                text_append_char(&name, *at++);
            }
            at++;
        } else {
            while (*at != 0 && *at != ',' && !isspace((unsigned char)*at))
                text_append_char(&name, (char)tolower((unsigned char)*at++));
            if (name.count == 0) return false;
        }
        names[count++] = name.data == NULL ? "" : name.data;
        at += strspn(at, " \t\n");
        if (*at == 0) break;
        if (*at != ',') return false;
        at++;
        at += strspn(at, " \t\n");
        if (*at == 0) return false;
    }
    *names_out = names;
    *count_out = count;
    return true;
}

static void apply_search_path(Session *session) {
    ArenaMark mark = arena_mark(&session->scratch);
    const char **names;
    size_t count;
    if (split_identifiers(value_of(session, "search_path"), &session->scratch, &names, &count))
        catalog_view_set_search_path(session->view, names, count);
    arena_rewind(&session->scratch, mark);
}

// Settings that a kept plan depends on: names found, constants folded.
static bool changes_plans(const char *name) {
    static const char *const names[] = {"search_path", "TimeZone", "DateStyle", "IntervalStyle",
        "bytea_output", "extra_float_digits", "omen.force_path", "role", "session_authorization"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(names[i], name) == 0) return true;
    return false;
}

// Those that the protocol reports.
static bool is_reported(const char *name) {
    static const char *const names[] = {"application_name", "client_encoding", "DateStyle",
        "default_transaction_read_only", "in_hot_standby", "integer_datetimes", "IntervalStyle",
        "is_superuser", "server_encoding", "server_version", "session_authorization",
        "standard_conforming_strings", "TimeZone"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(names[i], name) == 0) return true;
    return false;
}

void session_apply_setting(void *argument, uint32_t setting) {
    Session *session = argument;
    const char *name = session->settings.settings[setting].name;
    if (changes_plans(name)) session->settings.epoch++;
    if (strcasecmp(name, "DateStyle") == 0) apply_date_style(session);
    if (strcasecmp(name, "IntervalStyle") == 0) apply_interval_style(session);
    if (strcasecmp(name, "search_path") == 0) apply_search_path(session);
    if (strcasecmp(name, "bytea_output") == 0)
        session->values.bytea_output =
            strcmp(value_of(session, name), "hex") == 0 ? BYTEA_OUTPUT_HEX : BYTEA_OUTPUT_ESCAPE;
    if (strcasecmp(name, "extra_float_digits") == 0)
        session->values.extra_float_digits =
            (int32_t)settings_get_integer(&session->settings, name);
    if (strcasecmp(name, "TimeZone") == 0) {
        const TimeZone *zone = session_find_time_zone(session, value_of(session, name));
        if (zone != NULL) session->values.time_zone = zone;
    }
    if (session->options.setting_changed != NULL && is_reported(name))
        session->options.setting_changed(session->options.argument, name, value_of(session, name));
}

// ---- Checks that need more than the setting's facts ---------------------------------------------

static Status invalid(const char *name, const char *value) {
    return fail(INVALID_PARAMETER_VALUE, "invalid value for parameter \"%s\": \"%s\"", name, value);
}

// PostgreSQL keeps DateStyle as "ISO, MDY", whatever part was given.
static Status date_style_value(Session *session, const char *value, Text *out) {
    static const char *const styles[] = {"ISO", "SQL", "Postgres", "German"};
    static const char *const orders[] = {"MDY", "DMY", "YMD"};
    int style = (int)session->values.date_style, order = (int)session->values.date_order;
    for (const char *at = value; *at != 0;) {
        size_t count = strcspn(at, ", ");
        bool is_known = false;
        for (int i = 0; i < 4; i++)
            if (strlen(styles[i]) == count && strncasecmp(at, styles[i], count) == 0) {
                style = i;
                is_known = true;
                if (i == DATE_STYLE_GERMAN) order = DATE_ORDER_DMY;
            }

        static const struct {
            const char *word;
            int order;
        } words[] = {{"MDY", 0}, {"US", 0}, {"NONEURO", 0}, {"DMY", 1}, {"EURO", 1},
            {"EUROPEAN", 1}, {"YMD", 2}};

        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (strlen(words[i].word) == count && strncasecmp(at, words[i].word, count) == 0) {
                order = words[i].order;
                is_known = true;
            }
        if (count == strlen("DEFAULT") && strncasecmp(at, "DEFAULT", count) == 0) is_known = true;
        if (!is_known) {
            Status status = invalid("DateStyle", value);
            error_add_detail("Unrecognized key word: \"%.*s\".", (int)count, at);
            return status;
        }
        at += count;
        at += strspn(at, ", ");
    }
    text_append_format(out, "%s, %s", styles[style], orders[order]);
    return OK;
}

static Status check_value(Session *session, const char *name, const char *value, Text *out) {
    if (strcasecmp(name, "DateStyle") == 0) return date_style_value(session, value, out);
    if (strcasecmp(name, "TimeZone") == 0) {
        const TimeZone *zone = session_find_time_zone(session, value);
        if (zone == NULL) return invalid("TimeZone", value);
        text_append_text(out, time_zone_name(zone));
        return OK;
    }
    if (strcasecmp(name, "search_path") == 0) {
        const char **names;
        size_t count;
        if (!split_identifiers(value, out->arena, &names, &count)) {
            Status status = invalid("search_path", value);
            error_add_detail("List syntax is invalid.");
            return status;
        }
    }
    if (strcasecmp(name, "client_encoding") == 0) {
        if (strcasecmp(value, "UTF8") != 0 && strcasecmp(value, "UTF-8") != 0
            && strcasecmp(value, "unicode") != 0)
            return fail(
                FEATURE_NOT_SUPPORTED, "client encodings other than UTF8 are not supported yet");
        text_append_text(out, "UTF8");
        return OK;
    }
    if (strcasecmp(name, "standard_conforming_strings") == 0) {
        bool is_on;
        if (text_to_bool(value, &is_on) && !is_on)
            return fail(
                FEATURE_NOT_SUPPORTED, "standard_conforming_strings = off is not supported yet");
    }
    if (strcasecmp(name, "role") == 0 || strcasecmp(name, "session_authorization") == 0) {
        bool is_self = strcmp(value, session->user_name) == 0 || strcmp(value, "none") == 0;
        if (!is_self) return fail(INVALID_PARAMETER_VALUE, "role \"%s\" does not exist", value);
    }
    text_append_text(out, value);
    return OK;
}

Status session_change_setting(
    Session *session, const char *name, const char *value, bool is_local) {
    SettingScope scope = is_local ? SCOPE_LOCAL : SCOPE_SESSION;
    if (value == NULL) return settings_set(&session->settings, name, NULL, scope);
    ArenaMark mark = arena_mark(&session->scratch);
    Text checked;
    text_init(&checked, &session->scratch);
    text_append(&checked, "", 0);
    Status status = check_value(session, name, value, &checked);
    if (status == OK) status = transaction_apply_setting(session, name, value);
    if (status == OK)
        status =
            settings_set(&session->settings, name, checked.data == NULL ? "" : checked.data, scope);
    arena_rewind(&session->scratch, mark);
    return status;
}

// ---- Statements ---------------------------------------------------------------------------------

static bool constant_text(const Node *node, Text *out) {
    if (node_kind(node) == NODE_TYPE_CAST) return constant_text(node_get(node, FIELD_ARG), out);
    if (node_kind(node) == NODE_TEXT) {
        text_append_text(out, node->text);
        return true;
    }
    static const NodeField fields[] = {FIELD_SVAL, FIELD_FVAL, FIELD_BSVAL};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *text = node_get_text(node, fields[i]);
        if (text == NULL) continue;
        text_append_text(out, text);
        return true;
    }
    if (node_has(node, FIELD_IVAL)) {
        text_append_i64(out, node_get_integer(node, FIELD_IVAL));
        return true;
    }
    if (node_has(node, FIELD_BOOLVAL)) {
        text_append_text(out, node_get_boolean(node, FIELD_BOOLVAL) ? "true" : "false");
        return true;
    }
    return false;
}

// SET TIME ZONE INTERVAL '+00:00' HOUR TO MINUTE means an offset; POSIX counts it the other way.
static bool is_interval(const Node *node) {
    if (node_kind(node) != NODE_TYPE_CAST) return false;
    const Node *names = node_get(node_get(node, FIELD_TYPE_NAME), FIELD_NAMES);
    const Node *last = node_item(names, node_count(names) - 1);
    return node_kind(last) == NODE_TEXT && strcmp(last->text, "interval") == 0;
}

static Status set_values(Session *session, const Node *syntax, const char *name, Arena *arena) {
    const Node *values = node_get(syntax, FIELD_ARGS);
    bool is_list = strcasecmp(name, "search_path") == 0;
    Text text;
    text_init(&text, arena);
    text_append(&text, "", 0);
    uint32_t count = node_count(values);
    if (count > 1 && !is_list && strcasecmp(name, "DateStyle") != 0)
        return fail(INVALID_PARAMETER_VALUE, "SET %s takes only one argument", name);
    for (uint32_t i = 0; i < count; i++) {
        const Node *value = node_item(values, i);
        if (i > 0) text_append_text(&text, ", ");
        if (is_interval(value)) {
            Text offset;
            text_init(&offset, arena);
            constant_text(node_get(value, FIELD_ARG), &offset);
            int hours = 0, minutes = 0;
            const char *at = offset.data == NULL ? "" : offset.data;
            bool is_west = *at == '-';
            if (sscanf(at + (*at == '-' || *at == '+'), "%d:%d", &hours, &minutes) < 1)
                return invalid("TimeZone", at);
            double value_hours = hours + minutes / 60.0;
            text_append_format(&text, "%.10g", is_west ? -value_hours : value_hours);
            continue;
        }
        Text item;
        text_init(&item, arena);
        text_append(&item, "", 0);
        if (!constant_text(value, &item))
            return fail(SYNTAX_ERROR, "SET %s takes constants only", name);
        const char *piece = item.data == NULL ? "" : item.data;
        if (!is_list) {
            text_append_text(&text, piece);
            continue;
        }
        bool is_plain = *piece != 0;
        for (const char *at = piece; *at != 0; at++)
            is_plain =
                is_plain
                && (islower((unsigned char)*at) || isdigit((unsigned char)*at) || *at == '_');
        if (!is_plain) text_append_char(&text, '"');
        for (const char *at = piece; *at != 0; at++) {
            if (*at == '"') text_append_char(&text, '"');
            text_append_char(&text, *at);
        }
        if (!is_plain) text_append_char(&text, '"');
    }
    bool is_local = node_get_boolean(syntax, FIELD_IS_LOCAL);
    return session_change_setting(session, name, text.data, is_local);
}

Status setting_run_set(Portal *portal) {
    Session *session = portal->session;
    const Node *syntax = portal->statement->syntax;
    const char *kind = node_get_text(syntax, FIELD_KIND);
    const char *name = node_get_text(syntax, FIELD_NAME);
    bool is_local = node_get_boolean(syntax, FIELD_IS_LOCAL);
    portal_set_tag(portal, "SET");
    if (is_local && session->block != BLOCK_EXPLICIT)
        session_notice(session, "WARNING", NO_ACTIVE_SQL_TRANSACTION,
            "SET LOCAL can only be used in transaction blocks", NULL, NULL);
    if (kind == NULL || strcmp(kind, "VAR_SET_VALUE") == 0)
        return set_values(session, syntax, name, &portal->arena);
    if (strcmp(kind, "VAR_SET_DEFAULT") == 0 || strcmp(kind, "VAR_RESET") == 0) {
        if (strcmp(kind, "VAR_RESET") == 0) portal_set_tag(portal, "RESET");
        uint32_t unused;
        TRY(settings_require(&session->settings, name, &unused));
        return session_change_setting(session, name, NULL, is_local);
    }
    if (strcmp(kind, "VAR_RESET_ALL") == 0) {
        portal_set_tag(portal, "RESET");
        settings_reset_all(&session->settings);
        return OK;
    }
    if (strcmp(kind, "VAR_SET_CURRENT") == 0) {
        uint32_t setting;
        TRY(settings_require(&session->settings, name, &setting));
        const char *value =
            arena_copy_text(&portal->arena, settings_get(&session->settings, setting));
        return session_change_setting(session, name, value, is_local);
    }
    if (strcmp(kind, "VAR_SET_MULTI") == 0 && strcmp(name, "TRANSACTION") == 0) {
        if (session->block == BLOCK_NONE)
            session_notice(session, "WARNING", NO_ACTIVE_SQL_TRANSACTION,
                "SET TRANSACTION can only be used in transaction blocks", NULL, NULL);
        return transaction_set_modes(session, node_get(syntax, FIELD_ARGS), false);
    }
    if (strcmp(kind, "VAR_SET_MULTI") == 0 && strcmp(name, "SESSION CHARACTERISTICS") == 0)
        return transaction_set_modes(session, node_get(syntax, FIELD_ARGS), true);
    return fail(FEATURE_NOT_SUPPORTED, "SET %s is not supported yet", name);
}

Status setting_run_show(Portal *portal) {
    Session *session = portal->session;
    const char *name = node_get_text(portal->statement->syntax, FIELD_NAME);
    portal_set_tag(portal, "SHOW");
    Settings *settings = &session->settings;
    if (strcasecmp(name, "all") != 0) {
        uint32_t setting;
        TRY(settings_require(settings, name, &setting));
        Text text;
        text_init(&text, &portal->arena);
        settings_show(settings, setting, &text);
        const char *value = text.data == NULL ? "" : text.data;
        portal_add_text_row(portal, &value, 1);
        return OK;
    }
    for (uint32_t i = 0; i < settings->count; i++) {
        const SettingFact *fact = settings->settings[i].fact;
        Text text;
        text_init(&text, &portal->arena);
        settings_show(settings, i, &text);
        const char *row[3] = {settings->settings[i].name, text.data == NULL ? "" : text.data,
            fact == NULL ? "" : fact->description};
        portal_add_text_row(portal, row, 3);
    }
    return OK;
}

// ---- Time zones ---------------------------------------------------------------------------------

// A number is hours east of Greenwich, as SET TIME ZONE 5.5 has it; anything else a name.
static const TimeZone *session_find_time_zone(Session *session, const char *name) {
    enum { SECONDS_PER_HOUR = 3600, HOURS_MAX = 168 };

    TimeZoneCache *zones = session->pool->time_zones;
    char *end;
    double hours = strtod(name, &end);
    if (end != name && *end == 0) {
        if (hours < -HOURS_MAX || hours > HOURS_MAX) return NULL;
        const TimeZone *fixed =
            time_zone_make_fixed((int32_t)(hours * SECONDS_PER_HOUR), &session->scratch);
        name = time_zone_name(fixed); // its name is a rule, which the cache keeps for good
    }
    return time_zone_find(zones, name, strlen(name), &session->scratch);
}
