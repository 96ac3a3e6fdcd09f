// Settings: PostgreSQL's names, kinds, limits and defaults, and a session's values of them.
//
// Model    Each has a built-in default, the session's start value, and the current one. SET belongs
//          to its transaction: a log of what it replaced undoes it at rollback, or, for SET LOCAL,
//          at commit as well. Names are found without regard to case. A name with a dot that is not
//          in the list is the client's own.
// Threads  A session's.
// Source   src/session/settings.tsv, pg_settings of PostgreSQL 15.
#pragma once

#include "base/arena.h"
#include "base/text.h"

typedef enum SettingKind {
    SETTING_BOOL,
    SETTING_INTEGER,
    SETTING_REAL,
    SETTING_STRING,
    SETTING_ENUM
} SettingKind;

typedef enum SettingContext {
    CONTEXT_INTERNAL,
    CONTEXT_POSTMASTER,
    CONTEXT_SIGHUP,
    CONTEXT_SUPERUSER_BACKEND,
    CONTEXT_BACKEND,
    CONTEXT_SUPERUSER,
    CONTEXT_USER
} SettingContext;

typedef struct SettingFact {
    const char *name;
    SettingKind kind;
    SettingContext context;
    const char *unit, *minimum, *maximum;
    const char *values; // of an enum, with commas between
    const char *default_value;
    const char *category, *description;
} SettingFact;

extern const SettingFact setting_facts[]; // by name without case
extern const size_t setting_fact_count;

typedef struct Setting {
    const SettingFact *fact; // NULL for a client's own
    const char *name;
    char *value; // canonical: integers in the fact's unit
    char *reset; // what RESET goes back to
    bool is_from_session;
} Setting;

typedef struct SettingUndo {
    uint32_t setting;
    char *before;
    bool was_from_session;
    bool is_local;
} SettingUndo;

typedef struct Settings {
    Setting *settings;
    uint32_t count, capacity;
    SettingUndo *undo;
    uint32_t undo_count, undo_capacity;
    uint64_t change_count;
    uint64_t epoch; // raised by the listener at a change that plans may depend on
    // Told after each change with the index.
    void (*changed)(void *argument, uint32_t setting);
    void *argument;
} Settings;

Status settings_init(Settings *settings);
void settings_deinit(Settings *settings);

// UINT32_MAX when there is none.
uint32_t settings_find(const Settings *settings, const char *name);

// As settings_find. Errors: UNDEFINED_OBJECT, with a hint at the nearest name.
Status settings_require(Settings *settings, const char *name, uint32_t *setting_out);

typedef enum SettingScope {
    SCOPE_SESSION, // undone by a rollback
    SCOPE_LOCAL,   // undone by a rollback and by a commit
    SCOPE_START,   // sets what RESET goes back to, too; not undone
    SCOPE_SILENT,  // the server's own: internal ones, too; not undone
} SettingScope;

// Errors: UNDEFINED_OBJECT, INVALID_PARAMETER_VALUE, CANT_CHANGE_RUNTIME_PARAM. `value` NULL:
// RESET.
Status settings_set(Settings *settings, const char *name, const char *value, SettingScope scope);
void settings_reset_all(Settings *settings);

const char *settings_get(const Settings *settings, uint32_t setting);
// As SHOW prints it: "5s", "4MB".
void settings_show(const Settings *settings, uint32_t setting, Text *out);

int64_t settings_get_integer(const Settings *settings, const char *name);
bool settings_get_bool(const Settings *settings, const char *name);

// The end of a transaction, or of a part of it.
uint32_t settings_mark(const Settings *settings);
void settings_rollback(Settings *settings, uint32_t mark);
void settings_commit(Settings *settings);

bool text_to_bool(const char *text, bool *out); // PostgreSQL's words and their prefixes
