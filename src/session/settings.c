#include "session/settings.h"

#include "base/error.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static char *copy_of(const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = malloc(bytes);
    if (copy != NULL) memcpy(copy, text, bytes);
    return copy;
}

Status settings_init(Settings *settings) {
    *settings = (Settings){.epoch = 1};
    settings->settings = calloc(setting_fact_count, sizeof(Setting));
    if (settings->settings == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    settings->count = settings->capacity = (uint32_t)setting_fact_count;
    for (uint32_t i = 0; i < settings->count; i++) {
        const SettingFact *fact = &setting_facts[i];
        // Values equal to the default are not copied: most never change.
        settings->settings[i] = (Setting){.fact = fact, .name = fact->name};
    }
    return OK;
}

void settings_deinit(Settings *settings) {
    for (uint32_t i = 0; i < settings->count; i++) {
        free(settings->settings[i].value);
        free(settings->settings[i].reset);
        if (settings->settings[i].fact == NULL) free((void *)(uintptr_t)settings->settings[i].name);
    }
    for (uint32_t i = 0; i < settings->undo_count; i++)
        free(settings->undo[i].before);
    free(settings->settings);
    free(settings->undo);
    *settings = (Settings){0};
}

static const char *default_of(const Setting *setting) {
    if (setting->reset != NULL) return setting->reset;
    const char *value = setting->fact == NULL ? NULL : setting->fact->default_value;
    return value == NULL ? "" : value;
}

const char *settings_get(const Settings *settings, uint32_t setting) {
    const Setting *found = &settings->settings[setting];
    return found->value != NULL ? found->value : default_of(found);
}

uint32_t settings_find(const Settings *settings, const char *name) {
    size_t low = 0, high = setting_fact_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcasecmp(setting_facts[middle].name, name);
        if (order == 0) return (uint32_t)middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (uint32_t i = (uint32_t)setting_fact_count; i < settings->count; i++)
        if (strcasecmp(settings->settings[i].name, name) == 0) return i;
    return UINT32_MAX;
}

// ---- The nearest name ---------------------------------------------------------------------------

static uint32_t edit_distance(const char *a, const char *b) {
    enum { LENGTH_MAX = 64 };

    size_t count_a = strlen(a), count_b = strlen(b);
    if (count_a >= LENGTH_MAX || count_b >= LENGTH_MAX) return UINT32_MAX;
    uint32_t row[LENGTH_MAX];
    for (uint32_t j = 0; j <= count_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= count_a; i++) {
        uint32_t diagonal = row[0];
        row[0] = (uint32_t)i;
        for (size_t j = 1; j <= count_b; j++) {
            bool is_same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            uint32_t cost = diagonal + (is_same ? 0 : 1);
            diagonal = row[j];
            if (row[j] + 1 < cost) cost = row[j] + 1;
            if (row[j - 1] + 1 < cost) cost = row[j - 1] + 1;
            row[j] = cost;
        }
    }
    return row[count_b];
}

Status settings_require(Settings *settings, const char *name, uint32_t *setting_out) {
    *setting_out = settings_find(settings, name);
    if (*setting_out != UINT32_MAX) return OK;
    Status status = fail(UNDEFINED_OBJECT, "unrecognized configuration parameter \"%s\"", name);
    uint32_t best = UINT32_MAX, best_distance = (uint32_t)strlen(name) / 3 + 1;
    for (uint32_t i = 0; i < setting_fact_count; i++) {
        uint32_t distance = edit_distance(name, setting_facts[i].name);
        if (distance < best_distance) {
            best_distance = distance;
            best = i;
        }
    }
    if (best != UINT32_MAX) error_add_hint("Perhaps you meant \"%s\".", setting_facts[best].name);
    return status;
}

// ---- Values -------------------------------------------------------------------------------------

bool text_to_bool(const char *text, bool *out) {
    static const struct {
        const char *word;
        size_t prefix_min;
        bool value;
    } words[] = {{"true", 1, true}, {"false", 1, false}, {"yes", 1, true}, {"no", 1, false},
        {"on", 2, true}, {"off", 2, false}, {"1", 1, true}, {"0", 1, false}};

    size_t count = strlen(text);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (count < words[i].prefix_min || count > strlen(words[i].word)) continue;
        if (strncasecmp(text, words[i].word, count) != 0) continue;
        *out = words[i].value;
        return true;
    }
    return false;
}

typedef struct Unit {
    const char *name, *base;
    double factor; // how many of the base unit it is
} Unit;

// From the largest to the smallest, of each base.
static const Unit units[] = {{"TB", "B", 1099511627776.0}, {"GB", "B", 1073741824.0},
    {"MB", "B", 1048576.0}, {"kB", "B", 1024.0}, {"B", "B", 1.0}, {"TB", "kB", 1073741824.0},
    {"GB", "kB", 1048576.0}, {"MB", "kB", 1024.0}, {"kB", "kB", 1.0}, {"B", "kB", 1.0 / 1024},
    {"TB", "MB", 1048576.0}, {"GB", "MB", 1024.0}, {"MB", "MB", 1.0}, {"kB", "MB", 1.0 / 1024},
    {"B", "MB", 1.0 / 1048576}, {"TB", "8kB", 134217728.0}, {"GB", "8kB", 131072.0},
    {"MB", "8kB", 128.0}, {"kB", "8kB", 1.0 / 8}, {"B", "8kB", 1.0 / 8192}, {"d", "ms", 86400000.0},
    {"h", "ms", 3600000.0}, {"min", "ms", 60000.0}, {"s", "ms", 1000.0}, {"ms", "ms", 1.0},
    {"us", "ms", 1.0 / 1000}, {"d", "s", 86400.0}, {"h", "s", 3600.0}, {"min", "s", 60.0},
    {"s", "s", 1.0}, {"ms", "s", 1.0 / 1000}, {"us", "s", 1.0 / 1000000}, {"d", "min", 1440.0},
    {"h", "min", 60.0}, {"min", "min", 1.0}, {"s", "min", 1.0 / 60}, {"ms", "min", 1.0 / 60000},
    {"us", "min", 1.0 / 60000000}};

static bool is_time_unit(const char *unit) {
    return strcmp(unit, "ms") == 0 || strcmp(unit, "s") == 0 || strcmp(unit, "min") == 0;
}

static Status invalid_value(const Setting *setting, const char *value) {
    return fail(INVALID_PARAMETER_VALUE, "invalid value for parameter \"%s\": \"%s\"",
        setting->name, value);
}

// A number with an optional unit, in the setting's own unit.
static Status number_value(const Setting *setting, const char *value, double *number_out) {
    const char *at = value;
    char *end;
    errno = 0;
    double number;
    if (strchr(value, '.') == NULL && strpbrk(value, "eE") == NULL) {
        number = (double)strtoll(at, &end, 0);
    } else {
        number = strtod(at, &end);
    }
    if (end == at || errno == ERANGE || isnan(number)) return invalid_value(setting, value);
    while (isspace((unsigned char)*end))
        end++;
    const char *unit = setting->fact->unit;
    if (*end != 0) {
        size_t count = strcspn(end, " \t\n");
        const Unit *found = NULL;
        for (size_t i = 0; unit != NULL && i < sizeof units / sizeof *units; i++)
            if (strcmp(units[i].base, unit) == 0 && strlen(units[i].name) == count
                && strncmp(units[i].name, end, count) == 0)
                found = &units[i];
        if (found == NULL || end[count + strspn(end + count, " \t\n")] != 0) {
            Status status = invalid_value(setting, value);
            if (unit != NULL)
                error_add_hint(
                    is_time_unit(unit)
                        ? "Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", "
                          "\"h\", and \"d\"."
                        : "Valid units for this parameter are \"B\", \"kB\", \"MB\", \"GB\", and "
                          "\"TB\".");
            return status;
        }
        number *= found->factor;
    }
    *number_out = number;
    return OK;
}

static Status check_range(const Setting *setting, double number, const char *shown) {
    const SettingFact *fact = setting->fact;
    double low = fact->minimum == NULL ? -(double)INFINITY : strtod(fact->minimum, NULL);
    double high = fact->maximum == NULL ? (double)INFINITY : strtod(fact->maximum, NULL);
    if (number >= low && number <= high) return OK;
    const char *unit = fact->unit == NULL ? "" : fact->unit;
    const char *space = fact->unit == NULL ? "" : " ";
    return fail(INVALID_PARAMETER_VALUE,
        "%s%s%s is outside the valid range for parameter \"%s\" (%s .. %s)", shown, space, unit,
        setting->name, fact->minimum, fact->maximum);
}

static Status enum_value(const Setting *setting, const char *value, Text *out) {
    const char *values = setting->fact->values == NULL ? "" : setting->fact->values;
    bool boolean = false, is_bool = text_to_bool(value, &boolean);
    for (const char *at = values; *at != 0;) {
        size_t count = strcspn(at, ",");
        bool is_it = strlen(value) == count && strncasecmp(at, value, count) == 0;
        // true and 1 are hidden words for on, where there is one.
        if (is_bool && count == strlen(boolean ? "on" : "off")
            && strncmp(at, boolean ? "on" : "off", count) == 0)
            is_it = true;
        if (is_it) {
            text_append(out, at, count);
            return OK;
        }
        at += count;
        if (*at == ',') at++;
    }
    Status status = invalid_value(setting, value);
    Text list;
    text_init(&list, out->arena);
    for (const char *at = values; *at != 0; at++) {
        text_append_char(&list, *at);
        if (*at == ',') text_append_char(&list, ' ');
    }
    error_add_hint("Available values: %s.", list.data == NULL ? "" : list.data);
    return status;
}

// Checks a text for a setting and appends its canonical form. Errors: INVALID_PARAMETER_VALUE.
static Status setting_canonical(const Setting *setting, const char *value, Text *out) {
    text_append(out, "", 0);
    if (setting->fact == NULL) {
        text_append_text(out, value);
        return OK;
    }
    double number;
    switch (setting->fact->kind) {
    case SETTING_BOOL: {
        bool boolean;
        if (!text_to_bool(value, &boolean))
            return fail(INVALID_PARAMETER_VALUE, "parameter \"%s\" requires a Boolean value",
                setting->name);
        text_append_text(out, boolean ? "on" : "off");
        return OK;
    }
    case SETTING_INTEGER: {
        TRY(number_value(setting, value, &number));
        char shown[32];
        snprintf(shown, sizeof shown, "%.0f", nearbyint(number));
        TRY(check_range(setting, nearbyint(number), shown));
        text_append_text(out, shown);
        return OK;
    }
    case SETTING_REAL: {
        TRY(number_value(setting, value, &number));
        char shown[64];
        snprintf(shown, sizeof shown, "%g", number);
        TRY(check_range(setting, number, shown));
        text_append_text(out, shown);
        return OK;
    }
    case SETTING_ENUM:
        return enum_value(setting, value, out);
    case SETTING_STRING:
        text_append_text(out, value);
        return OK;
    }
    return OK;
}

void settings_show(const Settings *settings, uint32_t setting, Text *out) {
    const Setting *found = &settings->settings[setting];
    const char *value = settings_get(settings, setting);
    text_append(out, "", 0);
    const char *unit = found->fact == NULL ? NULL : found->fact->unit;
    double number = strtod(value, NULL);
    // PostgreSQL shows the largest unit that divides the number.
    if (unit != NULL && number > 0) {
        for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
            if (strcmp(units[i].base, unit) != 0) continue;
            double quotient = number / units[i].factor;
            if (quotient != floor(quotient)) continue;
            text_append_format(out, "%.0f%s", quotient, units[i].name);
            return;
        }
    }
    text_append_text(out, value);
}

int64_t settings_get_integer(const Settings *settings, const char *name) {
    return strtoll(settings_get(settings, settings_find(settings, name)), NULL, 10);
}

bool settings_get_bool(const Settings *settings, const char *name) {
    return strcmp(settings_get(settings, settings_find(settings, name)), "on") == 0;
}

// ---- Changing -----------------------------------------------------------------------------------

static Status add_custom(Settings *settings, const char *name, uint32_t *setting_out) {
    if (settings->count == settings->capacity) {
        uint32_t capacity = settings->capacity + 16;
        Setting *grown = realloc(settings->settings, capacity * sizeof *grown);
        if (grown == NULL) return fail(OUT_OF_MEMORY, "out of memory");
        settings->settings = grown;
        settings->capacity = capacity;
    }
    char *copy = copy_of(name);
    if (copy == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    settings->settings[settings->count] = (Setting){.name = copy};
    *setting_out = settings->count++;
    return OK;
}

static Status check_context(const Setting *setting, SettingScope scope) {
    if (setting->fact == NULL || scope == SCOPE_SILENT) return OK;
    switch (setting->fact->context) {
    case CONTEXT_INTERNAL:
        return fail(CANT_CHANGE_RUNTIME_PARAM, "parameter \"%s\" cannot be changed", setting->name);
    case CONTEXT_POSTMASTER:
        return fail(CANT_CHANGE_RUNTIME_PARAM,
            "parameter \"%s\" cannot be changed without restarting the server", setting->name);
    case CONTEXT_SIGHUP:
        return fail(
            CANT_CHANGE_RUNTIME_PARAM, "parameter \"%s\" cannot be changed now", setting->name);
    case CONTEXT_SUPERUSER_BACKEND:
    case CONTEXT_BACKEND:
        if (scope == SCOPE_START) return OK;
        return fail(CANT_CHANGE_RUNTIME_PARAM,
            "parameter \"%s\" cannot be set after connection start", setting->name);
    case CONTEXT_SUPERUSER:
    case CONTEXT_USER:
        break;
    }
    return OK;
}

static Status push_undo(Settings *settings, uint32_t setting, bool is_local) {
    if (settings->undo_count == settings->undo_capacity) {
        uint32_t capacity = settings->undo_capacity * 2 + 8;
        SettingUndo *grown = realloc(settings->undo, capacity * sizeof *grown);
        if (grown == NULL) return fail(OUT_OF_MEMORY, "out of memory");
        settings->undo = grown;
        settings->undo_capacity = capacity;
    }
    const Setting *found = &settings->settings[setting];
    char *before = found->value == NULL ? NULL : copy_of(found->value);
    settings->undo[settings->undo_count++] = (SettingUndo){.setting = setting,
        .before = before,
        .was_from_session = found->is_from_session,
        .is_local = is_local};
    return OK;
}

static void tell(Settings *settings, uint32_t setting) {
    settings->change_count++;
    if (settings->changed != NULL) settings->changed(settings->argument, setting);
}

Status settings_set(Settings *settings, const char *name, const char *value, SettingScope scope) {
    uint32_t setting = settings_find(settings, name);
    if (setting == UINT32_MAX) {
        const char *dot = strchr(name, '.');
        bool is_own = dot != NULL && dot != name && dot[1] != 0;
        // omen.* are ours: a mistake in one is not a new one.
        if (!is_own || strncasecmp(name, "omen.", 5) == 0)
            return settings_require(settings, name, &setting);
        TRY(add_custom(settings, name, &setting));
    }
    Setting *found = &settings->settings[setting];
    TRY(check_context(found, scope));
    char *made = NULL;
    if (value != NULL) {
        Arena arena;
        arena_init(&arena, NULL);
        Text canonical;
        text_init(&canonical, &arena);
        Status status = setting_canonical(found, value, &canonical);
        if (status == OK) {
            made = copy_of(canonical.data);
            if (made == NULL) status = fail(OUT_OF_MEMORY, "out of memory");
        }
        arena_deinit(&arena);
        if (status != OK) return status;
    }
    if (scope == SCOPE_SESSION || scope == SCOPE_LOCAL) {
        Status status = push_undo(settings, setting, scope == SCOPE_LOCAL);
        if (status != OK) {
            free(made);
            return status;
        }
    }
    free(found->value);
    found->value = made;
    found->is_from_session = value != NULL;
    if (scope == SCOPE_START || scope == SCOPE_SILENT) {
        free(found->reset);
        found->reset = made == NULL ? NULL : copy_of(made);
    }
    tell(settings, setting);
    return OK;
}

void settings_reset_all(Settings *settings) {
    for (uint32_t i = 0; i < settings->count; i++) {
        Setting *setting = &settings->settings[i];
        if (setting->value == NULL || !setting->is_from_session) continue;
        bool is_kept = setting->fact != NULL
                       && (setting->fact->context < CONTEXT_SUPERUSER
                           || strcmp(setting->name, "transaction_isolation") == 0
                           || strcmp(setting->name, "transaction_read_only") == 0
                           || strcmp(setting->name, "transaction_deferrable") == 0);
        if (is_kept) continue;
        if (push_undo(settings, i, false) != OK) error_clear();
        free(setting->value);
        setting->value = NULL;
        setting->is_from_session = false;
        tell(settings, i);
    }
}

// ---- Transactions -------------------------------------------------------------------------------

uint32_t settings_mark(const Settings *settings) {
    return settings->undo_count;
}

static void restore(Settings *settings, const SettingUndo *undo) {
    Setting *setting = &settings->settings[undo->setting];
    free(setting->value);
    setting->value = undo->before;
    setting->is_from_session = undo->was_from_session;
    tell(settings, undo->setting);
}

void settings_rollback(Settings *settings, uint32_t mark) {
    while (settings->undo_count > mark)
        restore(settings, &settings->undo[--settings->undo_count]);
}

// A SET after a SET LOCAL of the same transaction stays; a SET LOCAL goes back to what the last SET
// before it had left.
void settings_commit(Settings *settings) {
    for (uint32_t i = settings->undo_count; i-- > 0;) {
        SettingUndo *undo = &settings->undo[i];
        bool is_overwritten = false;
        for (uint32_t j = i + 1; j < settings->undo_count && !is_overwritten; j++)
            is_overwritten =
                settings->undo[j].setting == undo->setting && !settings->undo[j].is_local;
        if (undo->is_local && !is_overwritten)
            restore(settings, undo);
        else
            free(undo->before);
        undo->before = NULL;
    }
    settings->undo_count = 0;
}
