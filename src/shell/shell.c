// Where SQL comes from: text, files and the terminal, cut into statements and commands.

#include "shell/shell.h"

#include "base/error.h"
#include "base/utf8.h"

#include <editline/readline.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static bool is_command(const char *line) {
    return line[0] == '\\' || line[0] == '.';
}

static bool may_go_on(const Shell *shell) {
    return !shell->wants_to_quit && !(shell->had_error && shell->stops_on_error);
}

// What has been typed or read and has not been run.
typedef struct Pending {
    Text text;
    StatementScan scan;
    size_t scanned;
} Pending;

static void pending_clear(Pending *pending) {
    text_clear(&pending->text);
    pending->scan = (StatementScan){0};
    pending->scanned = 0;
}

static void pending_drop(Pending *pending, size_t at, size_t count) {
    Text *text = &pending->text;
    memmove(text->data + at, text->data + at + count, text->count - at - count + 1);
    text->count -= count;
}

static void run_front(Shell *shell, Pending *pending, size_t count) {
    Text *text = &pending->text;
    char saved = text->data[count];
    text->data[count] = 0;
    if (!statement_is_blank(text->data, count)) {
        const char *sql = text->data;
        while (*sql == '\n' || *sql == ' ' || *sql == '\t') {
            sql++;
        }
        shell_run_statement(shell, sql);
    }
    text->data[count] = saved;
    pending_drop(pending, 0, count);
}

// The command that starts at `at` and takes the rest of its line; what stands before it stays.
static void run_command_at(Shell *shell, Pending *pending, size_t at) {
    Text *text = &pending->text;
    const char *end = memchr(text->data + at, '\n', text->count - at);
    size_t count = end == NULL ? text->count - at : (size_t)(end - text->data) - at;
    Arena arena;
    arena_init(&arena, NULL);
    char *line = arena_format(&arena, "%.*s", (int)count, text->data + at);
    pending_drop(pending, at, count);
    if (statement_is_blank(text->data, text->count)) text_clear(text);
    shell_command(shell, line, text);
    if (text->count == 0) pending_clear(pending);
    arena_deinit(&arena);
}

// Runs every statement and every command that is complete, and keeps the rest.
static void pending_run(Shell *shell, Pending *pending) {
    while (may_go_on(shell)) {
        Text *text = &pending->text;
        size_t at = pending->scanned;
        switch (statement_scan(&pending->scan, text->data, text->count, &at)) {
        case SCAN_OPEN:
            pending->scanned = text->count;
            if (statement_is_blank(text->data, text->count) && pending->scan.quote == 0
                && pending->scan.comment_depth == 0) {
                pending_clear(pending);
            }
            return;
        case SCAN_STATEMENT:
            run_front(shell, pending, at);
            pending->scanned = 0;
            break;
        case SCAN_COMMAND:
            pending->scanned = at;
            run_command_at(shell, pending, at);
            break;
        }
    }
    pending_clear(pending);
}

static void line_add(Shell *shell, Pending *pending, const char *line) {
    if (pending->text.count == 0 && is_command(line)) {
        shell_command(shell, line, &pending->text);
        return;
    }
    text_append_text(&pending->text, line);
    text_append_char(&pending->text, '\n');
    pending_run(shell, pending);
}

static void pending_finish(Shell *shell, Pending *pending) {
    if (pending->text.count > 0 && may_go_on(shell)
        && !statement_is_blank(pending->text.data, pending->text.count)) {
        shell_run_statement(shell, pending->text.data);
    }
}

bool shell_run_text(Shell *shell, const char *sql) {
    if (!is_command(sql)) return shell_run_with_files(shell, sql, NULL, NULL);
    Arena arena;
    arena_init(&arena, NULL);
    Text nothing;
    text_init(&nothing, &arena);
    bool is_good = shell_command(shell, sql, &nothing);
    arena_deinit(&arena);
    return is_good;
}

bool shell_run_file(Shell *shell, const char *path) {
    FILE *file = strcmp(path, "-") == 0 ? stdin : shell_open_file(path, "r");
    if (file == NULL) {
        shell->had_error = true;
        return false;
    }
    bool had_error = shell->had_error;
    FILE *outer = shell->input;
    shell->had_error = false;
    shell->input = file;
    shell->include_depth++;
    Pending pending = {0};
    text_init(&pending.text, &shell->arena);
    char *line = NULL;
    size_t capacity = 0;
    while (may_go_on(shell)) {
        ssize_t count = getline(&line, &capacity, file);
        if (count < 0) break;
        while (count > 0 && (line[count - 1] == '\n' || line[count - 1] == '\r')) {
            line[--count] = 0;
        }
        line_add(shell, &pending, line);
    }
    pending_finish(shell, &pending);
    free(line);
    if (file != stdin) fclose(file);
    shell->input = outer;
    shell->include_depth--;
    bool is_good = !shell->had_error;
    shell->had_error = shell->had_error || had_error;
    return is_good;
}

// ---- The terminal -------------------------------------------------------------------------------

static const char *prompt(Shell *shell, const Pending *pending, char *buffer, size_t bytes) {
    char state = '=';
    if (pending->text.count > 0) state = '-';
    if (pending->scan.quote != 0) state = pending->scan.quote;
    if (pending->scan.comment_depth > 0) state = '*';
    if (pending->scan.parentheses > 0 && state == '-') state = '(';
    const char *block = "";
    if (session_state(shell->session) == SESSION_IN_TRANSACTION) block = "*";
    if (session_state(shell->session) == SESSION_FAILED) block = "!";
    snprintf(buffer, bytes, "omen%c%s> ", state, block);
    return buffer;
}

static char *history_path(Arena *arena) {
    const char *home = getenv("HOME");
    return home == NULL ? NULL : arena_format(arena, "%s/.omendb_history", home);
}

// Ctrl-C at the prompt gives up the line. The signal is let in only while a read waits, ends it,
// and readline then returns as at the end of the input; a jump out of it could leave it with a lock
// taken.
static volatile sig_atomic_t was_interrupted;

static void note_interrupt(int signal_number) {
    (void)signal_number;
    was_interrupted = 1;
}

enum { CONTROL_C = 3, CONTROL_D = 4 };

static int read_byte(void) {
    sigset_t none;
    sigemptyset(&none);
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    uint8_t byte;
    if (ppoll(&input, 1, NULL, &none) < 0) return -1;
    return read(STDIN_FILENO, &byte, 1) == 1 ? byte : -1;
}

// The next character: libedit takes what it gets for a whole one.
static int read_char(FILE *file) {
    (void)file;
    int first = read_byte();
    if (first == CONTROL_C) was_interrupted = 1; // typed while the terminal changed its mode
    if (was_interrupted) return '\n';
    if (first == 0) return CONTROL_D; // what the terminal makes of it then
    if (first < 0x80) return first;
    char bytes[4] = {(char)first};
    size_t count = utf8_char_bytes((uint8_t)first);
    for (size_t i = 1; i < count; i++) {
        int next = read_byte();
        if (next < 0) return -1;
        bytes[i] = (char)next;
    }
    if (utf8_check(bytes, count) == OK) return (int)utf8_decode(bytes);
    error_clear();
    return '?';
}

static char *read_line(const char *prompt_text) {
    struct sigaction note = {.sa_handler = note_interrupt}, ignore = {.sa_handler = SIG_IGN};
    sigset_t interrupt, before;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    was_interrupted = 0;
    sigprocmask(SIG_BLOCK, &interrupt, &before);
    sigaction(SIGINT, &note, NULL);
    char *line = readline(prompt_text);
    sigaction(SIGINT, &ignore, NULL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return line;
}

void shell_run_terminal(Shell *shell) {
    printf("omendb %s. Type \"\\?\" for help, \"\\q\" to leave.\n\n", SHELL_VERSION);
    char *history = history_path(&shell->arena);
    rl_getc_function = read_char;
    rl_catch_signals = 0; // read_line does
    using_history();
    if (history != NULL) read_history(history);

    Pending pending = {0};
    text_init(&pending.text, &shell->arena);
    while (!shell->wants_to_quit) {
        char buffer[64];
        char *line = read_line(prompt(shell, &pending, buffer, sizeof buffer));
        if (was_interrupted) {
            free(line);
            pending_clear(&pending);
            continue;
        }
        if (line == NULL) break; // Ctrl-D
        if (line[0] != 0) add_history(line);
        shell->had_error = false;
        line_add(shell, &pending, line);
        free(line);
    }
    if (!shell->wants_to_quit) putchar('\n');
    if (history != NULL) write_history(history);
}
