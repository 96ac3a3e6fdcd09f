#include "base/error.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = 8192, SMALL_TEXT_BYTES = 1024, NAME_BYTES = 256, NAME_COUNT = 5 };

// One record a thread, with its texts inside it: raising an error allocates nothing.
typedef struct ErrorRecord {
    Error error;
    char message[TEXT_BYTES];
    char detail[TEXT_BYTES];
    char hint[SMALL_TEXT_BYTES];
    char context[SMALL_TEXT_BYTES];
    char names[NAME_COUNT][NAME_BYTES];
} ErrorRecord;

static _Thread_local ErrorRecord record;

void error_clear(void) {
    record.error = (Error){.status = OK};
}

void error_record(Status status, const char *file, int line, const char *format, ...) {
    // The arguments may be texts of the record itself, so format before anything is cleared.
    char message[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);

    record.error = (Error){
        .status = status,
        .message = record.message,
        .file = file,
        .line = line,
    };
    memcpy(record.message, message, strlen(message) + 1);
}

void error_add_detail(const char *format, ...) {
    if (record.error.status == OK) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(record.detail, sizeof record.detail, format, arguments);
    va_end(arguments);
    record.error.detail = record.detail;
}

void error_add_hint(const char *format, ...) {
    if (record.error.status == OK) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(record.hint, sizeof record.hint, format, arguments);
    va_end(arguments);
    record.error.hint = record.hint;
}

void error_add_context(const char *format, ...) {
    if (record.error.status == OK) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(record.context, sizeof record.context, format, arguments);
    va_end(arguments);
    record.error.context = record.context;
}

void error_set_position(uint32_t position) {
    if (record.error.status == OK || record.error.position != 0) return;
    record.error.position = position;
}

static const char **name_field(Error *error, ErrorName which) {
    switch (which) {
    case ERROR_SCHEMA_NAME:
        return &error->schema_name;
    case ERROR_TABLE_NAME:
        return &error->table_name;
    case ERROR_COLUMN_NAME:
        return &error->column_name;
    case ERROR_TYPE_NAME:
        return &error->type_name;
    case ERROR_CONSTRAINT_NAME:
        break;
    }
    return &error->constraint_name;
}

void error_set_name(ErrorName which, const char *name) {
    if (record.error.status == OK || name == NULL) return;
    snprintf(record.names[which], NAME_BYTES, "%s", name);
    *name_field(&record.error, which) = record.names[which];
}

const Error *error_get(void) {
    return &record.error;
}

static const char *copy_or_null(Arena *arena, const char *text) {
    return text == NULL ? NULL : arena_copy_text(arena, text);
}

void error_take(Arena *arena, Error *error_out) {
    Error taken = record.error;
    taken.message = copy_or_null(arena, taken.message);
    taken.detail = copy_or_null(arena, taken.detail);
    taken.hint = copy_or_null(arena, taken.hint);
    taken.context = copy_or_null(arena, taken.context);
    for (ErrorName name = ERROR_SCHEMA_NAME; name <= ERROR_CONSTRAINT_NAME; name++) {
        const char **field = name_field(&taken, name);
        *field = copy_or_null(arena, *field);
    }
    *error_out = taken;
    error_clear();
}

Status error_raise(const Error *error) {
    error_record(error->status, error->file, error->line, "%s", error->message);
    if (error->detail != NULL) error_add_detail("%s", error->detail);
    if (error->hint != NULL) error_add_hint("%s", error->hint);
    if (error->context != NULL) error_add_context("%s", error->context);
    error_set_position(error->position);
    Error copy = *error;
    for (ErrorName name = ERROR_SCHEMA_NAME; name <= ERROR_CONSTRAINT_NAME; name++) {
        error_set_name(name, *name_field(&copy, name));
    }
    return error->status;
}
