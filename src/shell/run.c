// One run of SQL text: its results, COPY data, errors, progress and cancelling.

#include "base/error.h"
#include "base/utf8.h"
#include "os/clock.h"
#include "shell/shell.h"

#include <signal.h>
#include <unistd.h>

enum { COPY_PIECE_BYTES = 64 * 1024, PROGRESS_AFTER_NS = 500000000 };

// ---- Errors -------------------------------------------------------------------------------------

// The statement's line that holds the position, and a caret below it.
static void print_position(const char *sql, uint32_t position) {
    size_t at = utf8_byte_offset(sql, strlen(sql), position - 1);
    uint32_t line = 1;
    size_t start = 0;
    for (size_t i = 0; i < at; i++) {
        if (sql[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    size_t end = start;
    while (sql[end] != 0 && sql[end] != '\n') {
        end++;
    }
    int prefix = fprintf(stderr, "LINE %u: ", line);
    fprintf(stderr, "%.*s\n", (int)(end - start), sql + start);
    size_t column = utf8_char_count(sql + start, at - start);
    fprintf(stderr, "%*s^\n", prefix + (int)column, "");
}

static void print_error_record(const char *severity, const Error *error, const char *sql) {
    fprintf(stderr, "%s:  %s\n", severity, error->message);
    if (error->position != 0 && sql != NULL) print_position(sql, error->position);
    if (error->detail != NULL) fprintf(stderr, "DETAIL:  %s\n", error->detail);
    if (error->hint != NULL) fprintf(stderr, "HINT:  %s\n", error->hint);
    if (error->context != NULL) fprintf(stderr, "CONTEXT:  %s\n", error->context);
}

void shell_print_error(const char *sql) {
    fflush(stdout);
    print_error_record("ERROR", error_get(), sql);
    error_clear();
}

// ---- Interrupts and progress --------------------------------------------------------------------

// Ctrl-C has no argument to carry the session in, so this is the one place for it.
static _Atomic(Session *) running_session;

static void interrupt(int signal_number) {
    (void)signal_number;
    Session *session = atomic_load(&running_session);
    if (session != NULL) session_cancel(session);
}

typedef struct Running {
    Shell *shell;
    int64_t started_ns;
    bool shows_progress, has_shown;
} Running;

static bool progress(void *argument, double fraction) {
    enum { BAR_WIDTH = 40 };

    Running *running = argument;
    int64_t elapsed = clock_monotonic_ns(clock_real()) - running->started_ns;
    if (!running->shows_progress || elapsed < PROGRESS_AFTER_NS || fraction < 0) return false;
    int filled = (int)(fraction * BAR_WIDTH);
    char bar[BAR_WIDTH + 1];
    for (int i = 0; i < BAR_WIDTH; i++) {
        bar[i] = i < filled ? '#' : '.';
    }
    bar[BAR_WIDTH] = 0;
    fprintf(stderr, "\r[%s] %3d%%", bar, (int)(fraction * 100));
    running->has_shown = true;
    return false;
}

static void running_begin(Shell *shell, Running *running) {
    *running = (Running){
        .shell = shell,
        .started_ns = clock_monotonic_ns(clock_real()),
        .shows_progress = isatty(STDERR_FILENO) != 0,
    };
    session_set_progress(shell->session, progress, running);
    atomic_store(&running_session, shell->session);
    struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGINT, &action, NULL);
}

static void running_end(Shell *shell, Running *running) {
    struct sigaction action = {.sa_handler = shell->is_interactive ? SIG_IGN : SIG_DFL};
    sigaction(SIGINT, &action, NULL);
    atomic_store(&running_session, NULL);
    session_set_progress(shell->session, NULL, NULL);
    if (running->has_shown) fprintf(stderr, "\r%*s\r", 50, "");
}

// ---- Results ------------------------------------------------------------------------------------

typedef struct Run {
    Shell *shell;
    Arena arena;
    Printer *printer; // of the result being printed, or NULL
    FILE *copy_in, *copy_out;
    bool has_copied_out; // among the results, where a tag would look like data
    char *piece;         // of COPY data
} Run;

static Status run_begin_rows(void *argument, const ResultColumn *columns, uint32_t column_count) {
    Run *run = argument;
    arena_reset(&run->arena);
    PrintOptions options = {
        .mode = run->shell->mode,
        .is_expanded = run->shell->is_expanded,
        .null_text = run->shell->null_text,
        .title = run->shell->title,
        .hides_count = run->shell->hides_count,
    };
    run->printer = printer_make(&run->arena, run->shell->output, options, columns, column_count);
    return OK;
}

static Status run_rows(void *argument, const Batch *batch) {
    Run *run = argument;
    return printer_rows(run->printer, session_value_context(run->shell->session), batch);
}

// A statement that changes rows says how many it changed, even when it returned them.
static bool is_change(const char *tag) {
    return strncmp(tag, "INSERT", 6) == 0 || strncmp(tag, "UPDATE", 6) == 0
           || strncmp(tag, "DELETE", 6) == 0;
}

static Status run_complete(void *argument, const char *tag) {
    Run *run = argument;
    bool returned_rows = run->printer != NULL;
    if (returned_rows) printer_end(run->printer);
    run->printer = NULL;
    bool shows_tag = (!returned_rows && !run->has_copied_out) || is_change(tag);
    run->has_copied_out = false;
    if (shows_tag && run->shell->mode == PRINT_TABLE) fprintf(run->shell->output, "%s\n", tag);
    fflush(run->shell->output);
    return OK;
}

static Status run_copy_in_begin(void *argument, bool is_binary, uint32_t column_count) {
    (void)is_binary;
    (void)column_count;
    Run *run = argument;
    if (run->copy_in == NULL && run->shell->is_interactive) {
        puts("Enter data to be copied followed by a newline.\n"
             "End with a backslash and a period on a line by itself, or an EOF signal.");
    }
    return OK;
}

// From the command's own file the bytes go as they are; otherwise the data follows the statement,
// where the statement came from, up to a line "\.".
static Status run_copy_in(void *argument, Bytes *piece_out) {
    Run *run = argument;
    if (run->piece == NULL) run->piece = arena_allocate(&run->arena, COPY_PIECE_BYTES, 64);
    if (run->copy_in != NULL) {
        size_t count = fread(run->piece, 1, COPY_PIECE_BYTES, run->copy_in);
        *piece_out = bytes_make(run->piece, count);
        return OK;
    }
    FILE *input = run->shell->input == NULL ? stdin : run->shell->input;
    if (fgets(run->piece, COPY_PIECE_BYTES, input) == NULL || strcmp(run->piece, "\\.\n") == 0) {
        *piece_out = bytes_make(NULL, 0);
        return OK;
    }
    *piece_out = bytes_from_text(run->piece);
    return OK;
}

static Status run_copy_out(void *argument, Bytes piece) {
    Run *run = argument;
    FILE *file = run->copy_out == NULL ? run->shell->output : run->copy_out;
    run->has_copied_out = run->copy_out == NULL;
    if (fwrite(piece.data, 1, piece.count, file) == piece.count) return OK;
    return fail(IO_ERROR, "could not write COPY data to the file");
}

bool shell_run_with_files(Shell *shell, const char *sql, FILE *copy_in, FILE *copy_out) {
    Run run = {.shell = shell, .copy_in = copy_in, .copy_out = copy_out};
    arena_init(&run.arena, NULL);
    RunCallbacks callbacks = {
        .begin_rows = run_begin_rows,
        .rows = run_rows,
        .complete = run_complete,
        .copy_in_begin = run_copy_in_begin,
        .copy_in = run_copy_in,
        .copy_out = run_copy_out,
        .argument = &run,
    };
    Running running;
    running_begin(shell, &running);
    Status status = session_run(shell->session, sql, &callbacks);
    running_end(shell, &running);
    if (status != OK) {
        shell->had_error = true;
        shell_print_error(sql);
    }
    arena_deinit(&run.arena);
    if (shell->shows_timing) {
        int64_t elapsed = clock_monotonic_ns(clock_real()) - running.started_ns;
        printf("Time: %.3f ms\n", (double)elapsed / 1e6);
    }
    return status == OK;
}

bool shell_run_statement(Shell *shell, const char *sql) {
    shell->last_statement = NULL;
    arena_reset(&shell->last_arena);
    shell->last_statement = arena_copy_text(&shell->last_arena, sql);
    return shell_run_with_files(shell, sql, NULL, NULL);
}

// ---- Rows for commands --------------------------------------------------------------------------

typedef struct Collected {
    Shell *shell;
    Arena *arena;
    ShellRows *rows;
    const ResultColumn *columns;
    const char *const **fields;
    uint32_t capacity;
} Collected;

static Status collect_begin(void *argument, const ResultColumn *columns, uint32_t column_count) {
    Collected *collected = argument;
    const char **names = arena_new_array(collected->arena, const char *, column_count + 1);
    for (uint32_t i = 0; i < column_count; i++) {
        names[i] = arena_copy_text(collected->arena, columns[i].name);
    }
    *collected->rows = (ShellRows){.column_count = column_count, .names = names};
    collected->columns = columns;
    return OK;
}

static Status collect_row(Collected *collected, const Batch *batch, uint32_t row) {
    ShellRows *rows = collected->rows;
    if (rows->row_count == collected->capacity) {
        uint32_t capacity = collected->capacity == 0 ? 64 : collected->capacity * 2;
        const char *const **grown =
            arena_new_array(collected->arena, const char *const *, capacity);
        if (rows->row_count > 0) {
            memcpy(grown, collected->fields, rows->row_count * sizeof *grown);
        }
        collected->fields = grown;
        collected->capacity = capacity;
        rows->fields = grown;
    }
    const char **fields = arena_new_array(collected->arena, const char *, rows->column_count + 1);
    for (uint32_t i = 0; i < rows->column_count; i++) {
        Value value = column_get(&batch->columns[i], row);
        if (value.is_null) continue;
        Text text;
        text_init(&text, collected->arena);
        TRY(value_to_text(session_value_context(collected->shell->session),
            collected->columns[i].type.oid, &value, &text));
        fields[i] = text.data;
    }
    collected->fields[rows->row_count++] = fields;
    return OK;
}

static Status collect_rows(void *argument, const Batch *batch) {
    Selection selection = batch_selection(batch);
    for (uint32_t i = 0; i < selection.count; i++) {
        TRY(collect_row(argument, batch, selection_row(selection, i)));
    }
    return OK;
}

bool shell_query(Shell *shell, const char *sql, Arena *arena, ShellRows *rows_out) {
    *rows_out = (ShellRows){0};
    Collected collected = {.shell = shell, .arena = arena, .rows = rows_out};
    RunCallbacks callbacks = {
        .begin_rows = collect_begin, .rows = collect_rows, .argument = &collected};
    if (session_run(shell->session, sql, &callbacks) == OK) return true;
    shell->had_error = true;
    shell_print_error(sql);
    return false;
}
