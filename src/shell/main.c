// The omendb command.

#include "base/error.h"
#include "shell/shell.h"

#include <stdlib.h>
#include <unistd.h>

static const char help_text[] =
    "omendb: a PostgreSQL-compatible database in one file.\n"
    "\n"
    "Usage:\n"
    "  omendb [FILE] [option]...     the SQL shell on a file; without one, in memory\n"
    "  omendb serve FILE [option]... serve it to PostgreSQL clients\n"
    "  omendb check FILE             verify a database\n"
    "  omendb help [COMMAND]         this text, or a command's\n"
    "  omendb --version\n"
    "\n"
    "Options of the shell:\n"
    "  -c SQL         run it and leave; may be repeated\n"
    "  -f SCRIPT      run a file and leave; \"-\" is standard input\n"
    "  --mode NAME    table, csv, json, markdown or line\n"
    "  --keep-going   go on after an error in a script\n"
    "\n"
    "Exit status: 0, 1 after a SQL error, 2 for wrong usage.\n";

typedef struct Action {
    bool is_file;
    const char *text;
} Action;

typedef struct MainOptions {
    const char *path;
    Action *actions;
    int action_count;
    PrintMode mode;
    bool keeps_going;
} MainOptions;

static void recovery_told(void *argument, const char *what, double fraction) {
    bool *has_shown = argument;
    if (isatty(STDERR_FILENO) == 0) return;
    *has_shown = true;
    fprintf(stderr, "\r%s: %3d%%", what, (int)(fraction * 100));
}

bool command_open(
    const char *path, bool must_exist, const DatabaseOptions *extra, Database **database_out) {
    bool has_shown = false;
    DatabaseOptions options = extra == NULL ? (DatabaseOptions){0} : *extra;
    options.environment = environment_real();
    options.must_exist = must_exist;
    options.progress = recovery_told;
    options.progress_argument = &has_shown;
    if (path != NULL && strcmp(path, ":memory:") == 0) path = NULL;
    Status status = database_open(path, &options, database_out);
    if (has_shown) fprintf(stderr, "\r%*s\r", 60, "");
    if (status != OK) shell_print_error(NULL);
    return status == OK;
}

static void print_notice(void *argument, const char *severity, const Error *notice) {
    (void)argument;
    fflush(stdout);
    fprintf(stderr, "%s:  %s\n", severity, notice->message);
    if (notice->detail != NULL) fprintf(stderr, "DETAIL:  %s\n", notice->detail);
    if (notice->hint != NULL) fprintf(stderr, "HINT:  %s\n", notice->hint);
}

static void shell_work(Shell *shell, const MainOptions *options) {
    if (options->action_count == 0) {
        shell->is_interactive = isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0;
        if (shell->is_interactive) {
            shell->stops_on_error = false;
            shell_run_terminal(shell);
            shell->had_error = false;
        } else {
            shell_run_file(shell, "-");
        }
        return;
    }
    for (int i = 0; i < options->action_count && !shell->wants_to_quit; i++) {
        const Action *action = &options->actions[i];
        bool is_good = action->is_file ? shell_run_file(shell, action->text)
                                       : shell_run_text(shell, action->text);
        if (!is_good && shell->stops_on_error) return;
    }
}

static int shell_main(const MainOptions *options) {
    Shell shell = {
        .mode = options->mode,
        .path = options->path,
        .stops_on_error = !options->keeps_going,
        .null_text = "",
        .output = stdout,
    };
    if (!command_open(options->path, false, NULL, &shell.database)) return 1;
    arena_init(&shell.arena, NULL);
    arena_init(&shell.last_arena, NULL);
    SessionOptions session_options = {
        .autocommit_is_synchronous = true, .notice = print_notice, .argument = &shell};
    int exit_status = 1;
    if (session_pool_create(shell.database, &shell.sessions) != OK) {
        shell_print_error(NULL);
    } else {
        if (session_create(shell.sessions, &session_options, &shell.session) != OK) {
            shell_print_error(NULL);
        } else {
            shell_work(&shell, options);
            exit_status = shell.had_error ? 1 : 0;
            session_destroy(shell.session);
        }
        session_pool_destroy(shell.sessions);
    }
    if (!shell_close_output(&shell)) exit_status = 1;
    arena_deinit(&shell.last_arena);
    arena_deinit(&shell.arena);
    database_close(shell.database);
    return exit_status;
}

static bool options_read(int count, char **arguments, MainOptions *options) {
    for (int i = 0; i < count; i++) {
        const char *argument = arguments[i];
        const char *value = i + 1 < count ? arguments[i + 1] : NULL;
        if (strcmp(argument, "--keep-going") == 0) {
            options->keeps_going = true;
        } else if (argument[0] != '-' && options->path == NULL) {
            options->path = argument;
        } else if (value == NULL) {
            fprintf(stderr, "omendb: unexpected argument \"%s\"\n", argument);
            return false;
        } else if (strcmp(argument, "-c") == 0 || strcmp(argument, "-f") == 0) {
            options->actions[options->action_count++] = (Action){argument[1] == 'f', value};
            i++;
        } else if (strcmp(argument, "--mode") == 0 && print_mode_find(value, &options->mode)) {
            i++;
        } else {
            fprintf(stderr, "omendb: unexpected argument \"%s %s\"\n", argument, value);
            return false;
        }
    }
    return true;
}

int main(int argument_count, char **arguments) {
    int count = argument_count - 1;
    char **rest = arguments + 1;
    if (count > 0) {
        const char *first = rest[0];
        bool wants_help =
            strcmp(first, "help") == 0 || strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0;
        if (wants_help && count > 1) {
            char *help[] = {(char[]){"--help"}};
            if (strcmp(rest[1], "serve") == 0) return command_serve(1, help);
            if (strcmp(rest[1], "check") == 0) return command_check(1, help);
        }
        if (wants_help) {
            fputs(help_text, stdout);
            return 0;
        }
        if (strcmp(first, "--version") == 0) {
            puts("omendb " SHELL_VERSION);
            return 0;
        }
        if (strcmp(first, "serve") == 0) return command_serve(count - 1, rest + 1);
        if (strcmp(first, "check") == 0) return command_check(count - 1, rest + 1);
    }
    MainOptions options = {.actions = calloc((size_t)count + 1, sizeof(Action))};
    if (options.actions == NULL) return 1;
    int exit_status = 2;
    if (options_read(count, rest, &options)) {
        exit_status = shell_main(&options);
    } else {
        fputs("Try \"omendb help\".\n", stderr);
    }
    free(options.actions);
    return exit_status;
}
