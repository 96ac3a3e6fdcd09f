// Prepared statements of include/omendb.h: a prepared statement of the session with the values of
// its parameters, and the run that is under way.

#include "base/error.h"
#include "embed/embed_internal.h"

#include <stdio.h>
#include <stdlib.h>

static Status statement_create(
    OmenConnection *connection, const char *sql, OmenStatement **statement_out) {
    OmenStatement *statement = calloc(1, sizeof *statement);
    if (statement == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    statement->connection = connection;
    snprintf(statement->name, sizeof statement->name, "omen_%llu",
        (unsigned long long)++connection->statement_number);

    Status status =
        session_prepare(connection->session, statement->name, sql, NULL, 0, &statement->prepared);
    if (status != OK) {
        free(statement);
        return status;
    }
    statement->parameter_count = prepared_parameter_count(statement->prepared);
    statement->result_count = prepared_result_count(statement->prepared);
    statement->results = prepared_results(statement->prepared);
    arena_init(&statement->arena, NULL);
    arena_init(&statement->parameter_arena, NULL);
    arena_init(&statement->field_arena, NULL);
    statement->parameters =
        arena_new_array(&statement->arena, Value, statement->parameter_count + 1);
    for (uint32_t i = 0; i < statement->parameter_count; i++) {
        statement->parameters[i] = value_null();
    }
    *statement_out = statement;
    return OK;
}

OmenResult omen_prepare(
    OmenConnection *connection, const char *sql, OmenStatement **statement_out) {
    return result_of(statement_create(connection, sql, statement_out));
}

// The portal is named after the statement, so that several statements may be half read at once.
static void run_end(OmenStatement *statement) {
    if (statement->portal != NULL) {
        session_close_portal(statement->connection->session, statement->name);
    }
    if (statement->is_key_read) prepared_release(statement->prepared);
    statement->portal = NULL;
    statement->is_key_read = false;
    statement->batch = NULL;
}

void omen_finalize(OmenStatement *statement) {
    if (statement == NULL) return;
    run_end(statement);
    session_close_prepared(statement->connection->session, statement->name);
    arena_deinit(&statement->field_arena);
    arena_deinit(&statement->parameter_arena);
    arena_deinit(&statement->arena);
    free(statement);
}

int omen_parameter_count(const OmenStatement *statement) {
    return (int)statement->parameter_count;
}

uint32_t omen_parameter_type(const OmenStatement *statement, int index) {
    if (index < 1 || (uint32_t)index > statement->parameter_count) return 0;
    return prepared_parameter_type(statement->prepared, (uint32_t)index - 1);
}

static Status parameter_find(OmenStatement *statement, int index, Oid *type_out, Value **out) {
    if (index < 1 || (uint32_t)index > statement->parameter_count) {
        return fail(UNDEFINED_PARAMETER, "there is no parameter $%d", index);
    }
    *type_out = prepared_parameter_type(statement->prepared, (uint32_t)index - 1);
    *out = &statement->parameters[index - 1];
    return OK;
}

static bool borrows_bytes(const OmenStatement *statement, uint32_t parameter) {
    const Value *value = &statement->parameters[parameter];
    return type_physical(prepared_parameter_type(statement->prepared, parameter)) == PHYSICAL_VIEW
           && !value->is_null && value->datum.view.count > VIEW_INLINE_MAX;
}

// Where the bytes of a new binding go. Those of earlier ones are freed when no other parameter
// uses any, so that a loop over rows does not grow.
static Arena *parameter_bytes(OmenStatement *statement, int index) {
    for (uint32_t i = 0; i < statement->parameter_count; i++) {
        if (i != (uint32_t)index - 1 && borrows_bytes(statement, i)) {
            // Several long values: start over once they take more than they can be worth.
            if (statement->parameter_arena.total_bytes < 1 << 20)
                return &statement->parameter_arena;
            break;
        }
    }
    Arena fresh;
    arena_init(&fresh, NULL);
    for (uint32_t i = 0; i < statement->parameter_count; i++) {
        if (i == (uint32_t)index - 1 || !borrows_bytes(statement, i)) continue;
        View *view = &statement->parameters[i].datum.view;
        *view = view_copy(*view, &fresh);
    }
    arena_deinit(&statement->parameter_arena);
    statement->parameter_arena = fresh;
    return &statement->parameter_arena;
}

OmenResult omen_bind_null(OmenStatement *statement, int index) {
    Oid type;
    Value *parameter;
    Status status = parameter_find(statement, index, &type, &parameter);
    if (status == OK) *parameter = value_null();
    return result_of(status);
}

OmenResult omen_bind_bool(OmenStatement *statement, int index, int given) {
    Oid type;
    Value *parameter;
    Status status = parameter_find(statement, index, &type, &parameter);
    if (status == OK) status = value_of_bool(type, given != 0, parameter);
    return result_of(status);
}

OmenResult omen_bind_int64(OmenStatement *statement, int index, int64_t given) {
    Oid type;
    Value *parameter;
    Status status = parameter_find(statement, index, &type, &parameter);
    if (status == OK) {
        status = value_of_int64(type, given, &statement->parameter_arena, parameter);
    }
    return result_of(status);
}

OmenResult omen_bind_double(OmenStatement *statement, int index, double given) {
    Oid type;
    Value *parameter;
    Status status = parameter_find(statement, index, &type, &parameter);
    if (status == OK) {
        status = value_of_double(type, given, &statement->parameter_arena, parameter);
    }
    return result_of(status);
}

OmenResult omen_bind_text(OmenStatement *statement, int index, const char *text, ptrdiff_t count) {
    Oid type;
    Value *parameter;
    Status status = parameter_find(statement, index, &type, &parameter);
    if (status == OK) {
        size_t bytes = count < 0 ? strlen(text) : (size_t)count;
        status = value_of_text(session_value_context(statement->connection->session), type, text,
            bytes, parameter_bytes(statement, index), parameter);
    }
    return result_of(status);
}

OmenResult omen_bind_blob(OmenStatement *statement, int index, const void *bytes, size_t count) {
    Oid type;
    Value *parameter;
    Status status = parameter_find(statement, index, &type, &parameter);
    if (status == OK) {
        status = value_of_blob(type, bytes, count, parameter_bytes(statement, index), parameter);
    }
    return result_of(status);
}

// ---- Running ------------------------------------------------------------------------------------

static void row_take(OmenStatement *statement) {
    Selection selection = batch_selection(statement->batch);
    statement->row = selection_row(selection, statement->next_row++);
}

// One row by key at most: false when a portal has to run the statement.
static Status step_by_key(OmenStatement *statement, bool *is_taken_out, OmenResult *result_out) {
    TRY(session_read_key(statement->connection->session, statement->prepared, statement->parameters,
        statement->parameter_count, is_taken_out, &statement->batch));
    if (!*is_taken_out) return OK;
    statement->row_count = 0;
    *result_out = OMEN_DONE;
    if (statement->batch == NULL) return OK;
    statement->is_key_read = true;
    statement->next_row = 0;
    row_take(statement);
    *result_out = OMEN_ROW;
    return OK;
}

static Status statement_step(OmenStatement *statement, OmenResult *result_out) {
    if (statement->field_arena.chunk != NULL) arena_reset(&statement->field_arena);
    if (statement->batch != NULL && statement->next_row < statement->batch->selected_count) {
        row_take(statement);
        *result_out = OMEN_ROW;
        return OK;
    }
    if (statement->is_key_read) {
        statement->row_count = statement->batch->selected_count;
        run_end(statement);
        *result_out = OMEN_DONE;
        return OK;
    }
    statement->batch = NULL;
    if (statement->portal == NULL) {
        bool is_taken;
        TRY(step_by_key(statement, &is_taken, result_out));
        if (is_taken) return OK;
        TRY(session_bind(statement->connection->session, statement->name, statement->prepared,
            statement->parameters, statement->parameter_count, &statement->portal));
    }
    for (;;) {
        PortalState state;
        Bytes copied;
        TRY(portal_execute(statement->portal, 0, true, &state, &statement->batch, &copied));
        switch (state) {
        case PORTAL_ROWS:
        case PORTAL_SUSPENDED:
            if (statement->batch == NULL || statement->batch->selected_count == 0) continue;
            statement->next_row = 0;
            row_take(statement);
            *result_out = OMEN_ROW;
            return OK;
        case PORTAL_DONE:
        case PORTAL_EMPTY:
            statement->row_count = portal_row_count(statement->portal);
            run_end(statement);
            *result_out = OMEN_DONE;
            return OK;
        case PORTAL_COPY_IN:
        case PORTAL_COPY_OUT:
            return fail(FEATURE_NOT_SUPPORTED,
                "COPY FROM STDIN and COPY TO STDOUT are not supported in a prepared statement");
        }
    }
}

OmenResult omen_step(OmenStatement *statement) {
    OmenResult result = OMEN_DONE;
    Status status = statement_step(statement, &result);
    if (status == OK) return result;
    OmenResult failed = result_of(status);
    run_end(statement);
    return failed;
}

// A run that is given up half way ends its transaction, as one that was read to its end has done.
void omen_reset(OmenStatement *statement) {
    if (statement->is_key_read) run_end(statement);
    if (statement->portal == NULL) return;
    run_end(statement);
    if (session_sync(statement->connection->session, false) != OK) error_clear();
}

uint64_t omen_row_count(const OmenStatement *statement) {
    return statement->row_count;
}

// ---- Fields of the current row ------------------------------------------------------------------

int omen_column_count(const OmenStatement *statement) {
    return (int)statement->result_count;
}

static bool column_exists(const OmenStatement *statement, int column) {
    return column >= 0 && (uint32_t)column < statement->result_count;
}

const char *omen_column_name(const OmenStatement *statement, int column) {
    return column_exists(statement, column) ? statement->results[column].name : NULL;
}

uint32_t omen_column_type(const OmenStatement *statement, int column) {
    return column_exists(statement, column) ? statement->results[column].type.oid : 0;
}

// The column of the current row, and which of its values; NULL for NULL, and when there is none.
static const Column *field_find(const OmenStatement *statement, int column, uint32_t *row_out) {
    if (!column_exists(statement, column) || statement->batch == NULL) return NULL;
    const Column *values = &statement->batch->columns[column];
    uint32_t row = values->is_constant ? 0 : statement->row;
    *row_out = row;
    bool is_null = values->nulls != NULL && (values->nulls[row / 64] >> (row % 64) & 1) != 0;
    return is_null ? NULL : values;
}

static Value field(const OmenStatement *statement, int column) {
    uint32_t row;
    const Column *values = field_find(statement, column, &row);
    return values == NULL ? value_null() : column_get(values, row);
}

int omen_column_is_null(const OmenStatement *statement, int column) {
    uint32_t row;
    return field_find(statement, column, &row) == NULL;
}

typedef struct Number {
    int64_t integer;
    double real;
} Number;

static Number number_of_integer(int64_t integer) {
    return (Number){.integer = integer, .real = (double)integer};
}

static Number number_of_real(double real) {
    bool fits = real >= -0x1p63 && real < 0x1p63;
    return (Number){.integer = fits ? (int64_t)real : 0, .real = real};
}

// Numbers of other types (numeric, text) through their text.
static Number number_of_text(Oid type, const Value *value) {
    Arena scratch;
    arena_init(&scratch, NULL);
    Text text;
    text_init(&text, &scratch);
    Number number = {0};
    if (value_to_text(value_context_default(), type, value, &text) == OK) {
        number.real = strtod(text.data, NULL);
        number.integer = strtoll(text.data, NULL, 10);
    } else {
        error_clear();
    }
    arena_deinit(&scratch);
    return number;
}

static Number field_number(const OmenStatement *statement, int column) {
    Value value = field(statement, column);
    if (value.is_null) return (Number){0};
    Oid type = omen_column_type(statement, column);
    switch (statement->batch->columns[column].kind) {
    case PHYSICAL_BOOL:
        return number_of_integer(value.datum.boolean);
    case PHYSICAL_INT1:
        return number_of_integer(value.datum.int1);
    case PHYSICAL_INT2:
        return number_of_integer(value.datum.int2);
    case PHYSICAL_INT4:
        return number_of_integer(type == TYPE_OID ? (int64_t)value.datum.oid : value.datum.int4);
    case PHYSICAL_INT8:
        return number_of_integer(value.datum.int8);
    case PHYSICAL_FLOAT4:
        return number_of_real((double)value.datum.float4);
    case PHYSICAL_FLOAT8:
        return number_of_real(value.datum.float8);
    case PHYSICAL_UUID:
    case PHYSICAL_INTERVAL:
    case PHYSICAL_VIEW:
    case PHYSICAL_KIND_COUNT:
        break;
    }
    return number_of_text(type, &value);
}

int omen_column_bool(const OmenStatement *statement, int column) {
    return field_number(statement, column).integer != 0;
}

int64_t omen_column_int64(const OmenStatement *statement, int column) {
    uint32_t row;
    const Column *values = field_find(statement, column, &row);
    if (values == NULL) return 0;
    if (values->kind == PHYSICAL_INT8) return ((const int64_t *)values->values)[row];
    return field_number(statement, column).integer;
}

double omen_column_double(const OmenStatement *statement, int column) {
    return field_number(statement, column).real;
}

const char *omen_column_text(OmenStatement *statement, int column, size_t *count_out) {
    Value value = field(statement, column);
    if (value.is_null) return NULL;
    Text text;
    text_init(&text, &statement->field_arena);
    Status status = value_to_text(session_value_context(statement->connection->session),
        statement->results[column].type.oid, &value, &text);
    if (status != OK) {
        (void)result_of(status);
        return NULL;
    }
    if (count_out != NULL) *count_out = text.count;
    return text.data;
}

const void *omen_column_blob(OmenStatement *statement, int column, size_t *count_out) {
    uint32_t row;
    const Column *values = field_find(statement, column, &row);
    if (values == NULL) return NULL;
    Oid type = statement->results[column].type.oid;
    if (type == TYPE_BYTEA || type == TYPE_TEXT || type == TYPE_VARCHAR) {
        const View *view = (const View *)values->values + row;
        if (count_out != NULL) *count_out = view->count;
        return view_data(view);
    }
    Value value = column_get(values, row);
    Text bytes;
    text_init(&bytes, &statement->field_arena);
    Status status = value_to_binary(
        session_value_context(statement->connection->session), type, &value, &bytes);
    if (status != OK) {
        (void)result_of(status);
        return NULL;
    }
    if (count_out != NULL) *count_out = bytes.count;
    return bytes.data;
}
