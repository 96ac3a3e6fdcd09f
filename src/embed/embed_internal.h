// What the files of embed share: the structs behind the handles of include/omendb.h.
#pragma once

#include "session/session.h"

#include <omendb.h> // by path: it is not a module's

struct OmenDatabase {
    Database *database;
    SessionPool *sessions;
};

struct OmenConnection {
    OmenDatabase *owner;
    Session *session;
    uint64_t statement_number; // of the last one made; names are "omen_1", ...
    int (*progress)(void *argument, double fraction);
    void *progress_argument;
    void (*notice)(void *argument, const char *severity, const OmenError *notice);
    void *notice_argument;
};

struct OmenStatement {
    OmenConnection *connection;
    Arena arena;           // of the statement's life: the parameters' array
    Arena parameter_arena; // bytes of bound values
    Arena field_arena;     // texts made of the current row's fields
    char name[32];
    Prepared *prepared;
    uint32_t parameter_count, result_count;
    Value *parameters;
    const ResultColumn *results;
    Portal *portal;    // while a run is under way
    bool is_key_read;  // the batch is a row that was read by key: nothing is under way
    Batch *batch;      // of the current row, or NULL
    uint32_t next_row; // in the batch's selection
    uint32_t row;      // the current row's index in the columns
    uint64_t row_count;
};

struct OmenAppender {
    Appender *appender;
    Session *session;
    Arena arena;     // of the appender's life
    Arena row_arena; // bytes of the row in the making
    uint32_t column_count, filled;
    Value *values;
};

// Keeps the error in flight for omen_last_error, and clears it.
OmenResult result_of(Status status);

// A value of `type` from what the caller has. Errors as a cast's.
Status value_of_bool(Oid type, bool given, Value *value_out);
Status value_of_int64(Oid type, int64_t given, Arena *arena, Value *value_out);
Status value_of_double(Oid type, double given, Arena *arena, Value *value_out);
Status value_of_text(const ValueContext *context, Oid type, const char *text, size_t count,
    Arena *arena, Value *value_out);
Status value_of_blob(Oid type, const void *bytes, size_t count, Arena *arena, Value *value_out);
