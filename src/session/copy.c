#include "base/utf8.h"
#include "session/copy_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    COPY_GATHER_BYTES = 256 << 10, // enough rows for full batches
    COPY_FILE_PIECE = 1 << 20,
    // As PostgreSQL's: unique keys are looked at when so much has been read, so that of two bad
    // rows the same one is told of.
    COPY_BATCH_ROWS = 1000,
    COPY_BATCH_BYTES = 65535,
};

static_assert(COPY_BATCH_ROWS <= (int)BATCH_ROW_COUNT, "they go into one batch");

// ---- Columns ------------------------------------------------------------------------------------

static Status column_make_ops(CopyColumn *column, const char *name, SqlType type) {
    column->name = name;
    column->type = type;
    TRY(type_ops_require(type.oid, &column->ops));
    column->width = physical_width[column->ops->physical];
    return OK;
}

static bool flag_of(const bool *flags, uint32_t index) {
    return flags != NULL && flags[index];
}

// ---- COPY FROM ----------------------------------------------------------------------------------

static void batch_start(CopyIn *copy, Arena *arena) {
    Oid *types = arena_new_array(arena, Oid, copy->column_count + 1);
    for (uint32_t i = 0; i < copy->column_count; i++)
        types[i] = copy->columns[i].type.oid;
    copy->batch = batch_make(arena, types, copy->column_count, false);
    copy->lines = arena_new_array(arena, CopyLine, COPY_BATCH_ROWS);
}

static void batch_renew(CopyIn *copy) {
    arena_reset(&copy->batch_arena);
    batch_clear(copy->batch);
    copy->batch_bytes = 0;
}

void copy_row_end(CopyIn *copy, const char *line, size_t count) {
    copy->lines[copy->batch->row_count] =
        (CopyLine){.number = copy->line, .text = line, .count = count};
    copy->batch_bytes += count;
    copy->batch->row_count++;
    copy->batch->selected_count = copy->batch->row_count;
}

bool copy_batch_is_full(const CopyIn *copy) {
    return copy->batch->row_count == COPY_BATCH_ROWS || copy->batch_bytes >= COPY_BATCH_BYTES;
}

Status copy_field(CopyIn *copy, uint32_t index, const char *text, size_t count) {
    const CopyColumn *column = &copy->columns[index];
    Column *to = &copy->batch->columns[index];
    uint32_t row = copy->batch->row_count;
    if (text == NULL) {
        column_set_null(to, &copy->portal->arena, row);
        return OK;
    }
    Datum datum = {0};
    Status status = column->ops->from_text(&copy->portal->session->values, text, count,
        column->type.modifier, &copy->batch_arena, &datum);
    if (status != OK) {
        enum { SHOWN_MAX = 100 };

        int shown = (int)utf8_clip(text, count, SHOWN_MAX);
        error_add_context("COPY %s, line %llu, column %s: \"%.*s%s\"", copy->table_name,
            (unsigned long long)copy->line, column->name, shown, text,
            (size_t)shown < count ? "..." : "");
        return status;
    }
    void *value = (uint8_t *)to->values + (size_t)row * column->width;
    if (column->width == sizeof(uint64_t)) {
        memcpy(value, &datum, sizeof(uint64_t));
    } else if (column->width == sizeof(View)) {
        memcpy(value, &datum, sizeof(View));
    } else {
        memcpy(value, &datum, column->width);
    }
    return OK;
}

void copy_line_context(const CopyIn *copy, const char *line, size_t count) {
    enum { SHOWN_MAX = 100 };

    if (line == NULL) {
        error_add_context("COPY %s, line %llu", copy->table_name, (unsigned long long)copy->line);
        return;
    }
    int shown = (int)utf8_clip(line, count, SHOWN_MAX);
    error_add_context("COPY %s, line %llu: \"%.*s%s\"", copy->table_name,
        (unsigned long long)copy->line, shown, line, (size_t)shown < count ? "..." : "");
}

static Status feed(void *argument, Batch **batch_out) {
    CopyIn *copy = argument;
    *batch_out = copy->fed;
    if (copy->fed == NULL) {
        // The batch was given; an empty one ends this run of the plan.
        copy->batch->row_count = copy->batch->selected_count = 0;
        *batch_out = copy->batch;
    }
    copy->fed = NULL;
    return OK;
}

// Runs the plan on the rows at hand.
static Status flush(CopyIn *copy) {
    Portal *portal = copy->portal;
    Session *session = portal->session;
    if (copy->batch->row_count == 0) return OK;
    TRY(session_check_cancelled(session));
    uint32_t row_count = copy->batch->row_count;
    copy->fed = copy->batch;
    function_context_fill(session, &portal->functions);
    ExecutionInput input = {.plan = copy->plan,
        .functions = &portal->functions,
        .catalog = session->view,
        .txn = session->txn,
        .arena = &copy->run_arena,
        .is_cancelled = &session->is_cancelled,
        .feed = feed,
        .feed_argument = copy};
    Execution *execution;
    TRY(execution_begin(&input, &execution));
    Status status;
    Batch *batch;
    do {
        status = execution_next(execution, 0, &batch);
    } while (status == OK && batch != NULL);
    uint64_t done = execution_row_count(execution);
    if (status != OK) {
        // Keys are looked at when the line is past, so their messages do not show it.
        const CopyLine *line = &copy->lines[done < row_count ? done : row_count - 1];
        copy->line = line->number;
        copy_line_context(copy, status == UNIQUE_VIOLATION ? NULL : line->text, line->count);
    }
    execution_end(execution);
    copy->row_count += done;
    arena_reset(&copy->run_arena);
    if (status == OK) batch_renew(copy);
    return status;
}

// A row could not be read. What the rows before it break comes first, but for unique keys.
static Status fail_after_earlier_rows(CopyIn *copy) {
    Arena *scratch = &copy->portal->session->scratch;
    ArenaMark mark = arena_mark(scratch);
    Error error;
    error_take(scratch, &error);
    Status status = flush(copy);
    if (status == OK || status == UNIQUE_VIOLATION) {
        error_clear();
        status = error_raise(&error);
    }
    arena_rewind(scratch, mark);
    return status;
}

// Reads what can be read of the gathered bytes.
static Status drain(CopyIn *copy, bool is_last) {
    size_t position = 0;
    bool is_blocked = false;
    uint8_t *bytes = copy->bytes;
    size_t count = copy->count;
    Status status = OK;
    while (!is_blocked && !copy->has_ended && status == OK) {
        size_t consumed = 0;
        copy->bytes = bytes + position;
        copy->count = count - position;
        switch (copy->options->format) {
        case COPY_TEXT:
            status = copy_read_text(copy, is_last, &consumed, &is_blocked);
            break;
        case COPY_CSV:
            status = copy_read_csv(copy, is_last, &consumed, &is_blocked);
            break;
        case COPY_BINARY:
            status = copy_read_binary(copy, is_last, &consumed, &is_blocked);
            break;
        }
        position += consumed;
        status = status == OK ? flush(copy) : fail_after_earlier_rows(copy);
    }
    copy->bytes = bytes;
    copy->count = count;
    if (status != OK) return status;
    if (copy->has_ended) position = count; // what follows the end marker is ignored
    memmove(bytes, bytes + position, count - position);
    copy->count = count - position;
    return OK;
}

static Status gather(CopyIn *copy, Bytes data) {
    enum { COPY_BYTES_MAX = 1 << 30 };

    if (copy->count + data.count > COPY_BYTES_MAX)
        return fail(PROGRAM_LIMIT_EXCEEDED, "a line of COPY data is too long");
    if (copy->count + data.count > copy->capacity) {
        size_t capacity = copy->capacity == 0 ? COPY_GATHER_BYTES * 2 : copy->capacity * 2;
        while (capacity < copy->count + data.count)
            capacity *= 2;
        uint8_t *grown = realloc(copy->bytes, capacity);
        if (grown == NULL) return fail(OUT_OF_MEMORY, "out of memory");
        copy->bytes = grown;
        copy->capacity = capacity;
    }
    memcpy(copy->bytes + copy->count, data.data, data.count);
    copy->count += data.count;
    return OK;
}

static Status push(CopyIn *copy, Bytes data) {
    if (copy->has_ended) return OK;
    while (data.count > 0) {
        Bytes piece = data;
        if (piece.count > COPY_GATHER_BYTES) piece.count = COPY_GATHER_BYTES;
        TRY(gather(copy, piece));
        data = bytes_make(data.data + piece.count, data.count - piece.count);
        if (copy->count >= COPY_GATHER_BYTES) TRY(drain(copy, false));
    }
    return OK;
}

static CopyIn *copy_in_of(Session *session) {
    Portal *portal = session->running;
    if (portal != NULL && portal->copy_in != NULL) return portal->copy_in;
    for (portal = session->portals; portal != NULL; portal = portal->next)
        if (portal->copy_in != NULL && portal->phase == PHASE_COPY_IN) return portal->copy_in;
    return NULL;
}

// Outside session_run the portal's own call has ended, and an error must end the transaction.
static Status outcome(Session *session, Status status) {
    if (status == OK || session->running != NULL) return status;
    Error error;
    error_take(&session->scratch, &error);
    transaction_abort(session);
    return error_raise(&error);
}

Status session_copy_data(Session *session, Bytes data) {
    CopyIn *copy = copy_in_of(session);
    if (copy == NULL) return fail(PROTOCOL_VIOLATION, "there is no COPY in progress");
    return outcome(session, push(copy, data));
}

static Status finish(CopyIn *copy) {
    Portal *portal = copy->portal;
    TRY(drain(copy, true));
    portal->row_count = copy->row_count;
    portal_set_tag(portal, "COPY %llu", (unsigned long long)copy->row_count);
    portal_close_execution(portal);
    portal->phase = PHASE_DONE;
    return OK;
}

Status session_copy_end(Session *session) {
    CopyIn *copy = copy_in_of(session);
    if (copy == NULL) return fail(PROTOCOL_VIOLATION, "there is no COPY in progress");
    return outcome(session, finish(copy));
}

Status session_copy_fail(Session *session, const char *message) {
    CopyIn *copy = copy_in_of(session);
    if (copy == NULL) return OK;
    // What is wrong with the rows that came before comes first.
    Status status = drain(copy, false);
    if (status == OK) {
        status = fail(QUERY_CANCELED, "COPY from stdin failed: %s", message);
        copy->line++;
        copy_line_context(copy, NULL, 0);
    }
    return outcome(session, status);
}

static Status read_file(CopyIn *copy, const char *name) {
    FileSystem *files = database_environment(copy->portal->session->pool->database).files;
    if (!file_exists(files, name))
        return fail(UNDEFINED_FILE,
            "could not open file \"%s\" for reading: No such file or "
            "directory",
            name);
    File *file;
    TRY(file_open(files, name, (FileOptions){.read_only = true}, &file));
    uint8_t *piece = malloc(COPY_FILE_PIECE);
    Status status = piece == NULL ? fail(OUT_OF_MEMORY, "out of memory") : OK;
    uint64_t offset = 0;
    while (status == OK) {
        size_t count = 0;
        status = file_read(file, offset, piece, COPY_FILE_PIECE, &count);
        if (status != OK || count == 0) break;
        offset += count;
        status = push(copy, bytes_make(piece, count));
    }
    free(piece);
    file_close(file);
    return status == OK ? finish(copy) : status;
}

static Status start_in(Portal *portal, const BoundCopy *bound) {
    Session *session = portal->session;
    Statement *statement = portal->statement;
    if (txn_is_read_only(session->txn))
        return fail(
            READ_ONLY_SQL_TRANSACTION, "cannot execute COPY FROM in a read-only transaction");
    CopyIn *copy = arena_new(&portal->arena, CopyIn);
    copy->portal = portal;
    copy->bound = bound;
    copy->options = &bound->options;
    copy->table_name = bound->table->name;
    copy->null_count = bound->options.null_text == NULL ? 0 : strlen(bound->options.null_text);
    copy->column_count = bound->column_count;
    copy->columns = arena_new_array(&portal->arena, CopyColumn, bound->column_count + 1);
    for (uint32_t i = 0; i < bound->column_count; i++) {
        const ColumnInfo *column = &bound->table->columns[bound->columns[i] - 1];
        TRY(column_make_ops(&copy->columns[i], column->name, column->type));
        copy->columns[i].force_not_null = flag_of(bound->options.force_not_null, i);
        copy->columns[i].force_null = flag_of(bound->options.force_null, i);
    }
    FunctionContext functions;
    function_context_fill(session, &functions);
    OptimizeInput input = {.catalog = session->view,
        .functions = &functions,
        .parameters = &statement->parameters,
        .arena = &statement->plan_memory->arena};
    TRY(optimize_query(&input, bound->insert, &copy->plan));
    TRY(txn_lock_object(session->txn, bound->table->oid, LOCK_ROW_EXCLUSIVE, WAIT_BLOCK));
    arena_init(&copy->batch_arena, NULL);
    arena_init(&copy->run_arena, NULL);
    portal->copy_in = copy;
    batch_start(copy, &portal->arena);
    TRY(txn_statement_begin(session->txn));
    portal->is_running_statement = true;
    portal->phase = PHASE_COPY_IN;
    if (bound->file_name != NULL) return read_file(copy, bound->file_name);
    return OK;
}

// ---- COPY TO ------------------------------------------------------------------------------------

static void append_identifier(Text *out, const char *name) {
    text_append_char(out, '"');
    for (const char *at = name; *at != 0; at++) {
        if (*at == '"') text_append_char(out, '"');
        text_append_char(out, *at);
    }
    text_append_char(out, '"');
}

// The query that reads a table's columns.
static Status table_query(Portal *portal, const BoundCopy *bound, Statement **statement_out) {
    Text sql;
    text_init(&sql, &portal->arena);
    text_append_text(&sql, "SELECT ");
    for (uint32_t i = 0; i < bound->column_count; i++) {
        if (i > 0) text_append_text(&sql, ", ");
        append_identifier(&sql, bound->table->columns[bound->columns[i] - 1].name);
    }
    text_append_text(&sql, " FROM ONLY ");
    append_identifier(&sql, bound->table->schema_name);
    text_append_char(&sql, '.');
    append_identifier(&sql, bound->table->name);
    bool is_single;
    return statement_parse(portal->session, sql.data, statement_out, &is_single);
}

static Status start_out(Portal *portal, const BoundCopy *bound) {
    Session *session = portal->session;
    CopyOut *copy = arena_new(&portal->arena, CopyOut);
    copy->portal = portal;
    // The options outlive the statement that they were bound with.
    CopyOptions *options = arena_new(&portal->arena, CopyOptions);
    *options = bound->options;
    if (options->null_text != NULL)
        options->null_text = arena_copy_text(&portal->arena, options->null_text);
    copy->options = options;
    if (bound->query == NULL) {
        TRY(table_query(portal, bound, &copy->statement));
    } else {
        copy->statement = portal->statement;
        statement_ref(copy->statement);
    }
    arena_init(&copy->text_arena, NULL);
    portal->copy_out = copy;
    const Plan *plan;
    if (bound->query == NULL) {
        TRY(statement_lock(session, copy->statement));
        plan = copy->statement->plan;
    } else {
        FunctionContext functions;
        function_context_fill(session, &functions);
        OptimizeInput input = {.catalog = session->view,
            .functions = &functions,
            .parameters = &portal->statement->parameters,
            .arena = &portal->statement->plan_memory->arena};
        TRY(optimize_query(&input, bound->query, &portal->statement->plan));
        plan = portal->statement->plan;
        for (uint32_t i = 0; i < plan->table_count; i++)
            if (plan->tables[i] >= FIRST_USER_OID)
                TRY(txn_lock_object(
                    session->txn, plan->tables[i], plan->lock_modes[i], WAIT_BLOCK));
    }
    copy->column_count = plan->result_count;
    copy->columns = arena_new_array(&portal->arena, CopyColumn, plan->result_count + 1);
    for (uint32_t i = 0; i < plan->result_count; i++) {
        TRY(column_make_ops(&copy->columns[i],
            arena_copy_text(&portal->arena, plan->results[i].name), plan->results[i].type));
        copy->columns[i].force_quote = options->force_quote_all || flag_of(options->force_quote, i);
    }
    copy->ends = arena_new_array(&portal->arena, size_t, BATCH_ROW_COUNT + 2);
    text_init(&copy->text, &copy->text_arena);
    // The portal's statement is what runs.
    statement_ref(copy->statement);
    statement_unref(portal->statement);
    portal->statement = copy->statement;
    TRY(portal_start_execution(portal, NULL, NULL));
    portal->phase = PHASE_COPY_OUT;
    return OK;
}

static Status fill(CopyOut *copy, bool *is_over) {
    Portal *portal = copy->portal;
    TRY(session_check_cancelled(portal->session));
    arena_reset(&copy->text_arena);
    text_init(&copy->text, &copy->text_arena);
    copy->row_count = copy->next_row = 0;
    if (!copy->has_begun) {
        copy->has_begun = true;
        size_t before = copy->text.count;
        copy_write_header(copy, &copy->text);
        // A binary header goes with the first row; a line of names is a row of its own.
        if (copy->options->format != COPY_BINARY && copy->text.count > before)
            copy->ends[copy->row_count++] = copy->text.count;
    }
    Batch *batch;
    TRY(execution_next(portal->execution, 0, &batch));
    if (batch == NULL) {
        copy_write_trailer(copy, &copy->text);
        copy->has_ended = true;
        if (copy->text.count > (copy->row_count == 0 ? 0 : copy->ends[copy->row_count - 1]))
            copy->ends[copy->row_count++] = copy->text.count;
        *is_over = copy->row_count == 0;
        return OK;
    }
    for (uint32_t i = 0; i < batch->selected_count; i++) {
        TRY(copy_write_row(copy, batch, selection_row(batch_selection(batch), i), &copy->text));
        copy->ends[copy->row_count++] = copy->text.count;
    }
    copy->total += batch->selected_count;
    return arena_check(&copy->text_arena);
}

static Status write_file(Portal *portal, CopyOut *copy, const char *name) {
    FileSystem *files = database_environment(portal->session->pool->database).files;
    File *file;
    TRY(file_open(files, name, (FileOptions){.create = true}, &file));
    uint64_t offset = 0;
    Status status = file_set_size(file, 0);
    bool is_over = false;
    while (status == OK && !copy->has_ended) {
        status = fill(copy, &is_over);
        if (status != OK || copy->text.count == 0) continue;
        status = file_write(file, offset, copy->text.data, copy->text.count);
        offset += copy->text.count;
    }
    file_close(file);
    TRY(status);
    portal->row_count = copy->total;
    portal_set_tag(portal, "COPY %llu", (unsigned long long)copy->total);
    portal_close_execution(portal);
    portal->phase = PHASE_DONE;
    return OK;
}

Status copy_out_next(Portal *portal, Bytes *copy_out, bool *is_done) {
    CopyOut *copy = portal->copy_out;
    *is_done = false;
    while (copy->next_row == copy->row_count) {
        bool is_over = copy->has_ended;
        if (!is_over) TRY(fill(copy, &is_over));
        if (!is_over) continue;
        portal->row_count = copy->total;
        portal_set_tag(portal, "COPY %llu", (unsigned long long)copy->total);
        portal_close_execution(portal);
        *is_done = true;
        return OK;
    }
    size_t start = copy->next_row == 0 ? 0 : copy->ends[copy->next_row - 1];
    size_t end = copy->ends[copy->next_row++];
    *copy_out = bytes_make(copy->text.data + start, end - start);
    return OK;
}

// ---- Both ---------------------------------------------------------------------------------------

Status copy_start(Portal *portal) {
    const BoundCopy *bound = portal->statement->bound.copy;
    if (bound->is_from) return start_in(portal, bound);
    const char *file_name =
        bound->file_name == NULL ? NULL : arena_copy_text(&portal->arena, bound->file_name);
    TRY(start_out(portal, bound));
    if (file_name != NULL) return write_file(portal, portal->copy_out, file_name);
    return OK;
}

void copy_close(Portal *portal) {
    if (portal->copy_in != NULL) {
        free(portal->copy_in->bytes);
        arena_deinit(&portal->copy_in->batch_arena);
        arena_deinit(&portal->copy_in->run_arena);
        portal->copy_in = NULL;
    }
    if (portal->copy_out != NULL) {
        arena_deinit(&portal->copy_out->text_arena);
        statement_unref(portal->copy_out->statement);
        portal->copy_out = NULL;
    }
}

bool portal_copy_is_binary(const Portal *portal) {
    if (portal->copy_in != NULL) return portal->copy_in->options->format == COPY_BINARY;
    return portal->copy_out != NULL && portal->copy_out->options->format == COPY_BINARY;
}

uint32_t portal_copy_column_count(const Portal *portal) {
    if (portal->copy_in != NULL) return portal->copy_in->column_count;
    return portal->copy_out == NULL ? 0 : portal->copy_out->column_count;
}
