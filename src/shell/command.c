// Backslash commands, and their dot aliases.

#include "base/error.h"
#include "shell/shell.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

enum { INCLUDE_DEPTH_MAX = 32 };

static const char help_text[] =
    "General\n"
    "  \\?                     show this help                     .help\n"
    "  \\q                     leave                              .quit\n"
    "  \\timing [on|off]       show how long statements take      .timer\n"
    "  \\conninfo              what is open\n"
    "\n"
    "Statements\n"
    "  ; or \\g [FILE]         run what was typed (results to a file)\n"
    "  \\gx                    the same, one line a field\n"
    "  \\p                     print what was typed so far\n"
    "  \\r                     forget it\n"
    "\n"
    "Input and output\n"
    "  \\i FILE                run the statements in a file       .read\n"
    "  \\o [FILE]              results go to a file               .output\n"
    "  \\copy ...              COPY with a file of this machine   .import FILE TABLE (CSV)\n"
    "  \\echo TEXT             print it\n"
    "\n"
    "What there is (add a name or pattern, such as t*; add + for more)\n"
    "  \\d                     tables, views and sequences        .tables\n"
    "  \\d NAME                columns, indexes and constraints   .schema [NAME]\n"
    "  \\dt \\di \\ds \\dv        tables, indexes, sequences, views\n"
    "  \\dn \\du \\l             schemas, roles, databases\n"
    "\n"
    "How results look\n"
    "  \\x [on|off]            one line a field\n"
    "  \\pset null TEXT        what stands for NULL\n"
    "  \\mode NAME             table, csv, json, markdown, line   .mode\n";

// The next word of `*at`, in `arena`; NULL at the end. 'Quotes' and "quotes" hold blanks; the
// double ones stay, because SQL names need them.
static char *next_word(const char **at, Arena *arena) {
    while (isspace((unsigned char)**at)) {
        (*at)++;
    }
    if (**at == 0) return NULL;
    Text word;
    text_init(&word, arena);
    char quote = 0;
    for (; **at != 0 && (quote != 0 || !isspace((unsigned char)**at)); (*at)++) {
        char c = **at;
        if (quote != 0) {
            if (c == quote) {
                quote = 0;
                if (c == '\'') continue;
            }
        } else if (c == '\'' || c == '"') {
            quote = c;
            if (c == '\'') continue;
        }
        text_append_char(&word, c);
    }
    return word.data;
}

static bool switch_set(const char *word, bool *setting) {
    if (word == NULL) {
        *setting = !*setting;
    } else if (strcmp(word, "on") == 0) {
        *setting = true;
    } else if (strcmp(word, "off") == 0) {
        *setting = false;
    } else {
        fprintf(stderr, "unrecognized value \"%s\": give on or off\n", word);
        return false;
    }
    return true;
}

FILE *shell_open_file(const char *path, const char *how) {
    FILE *file = fopen(path, how);
    if (file == NULL) fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return file;
}

static bool command_include(Shell *shell, const char *path) {
    if (path == NULL) {
        fputs("\\i: missing required argument\n", stderr);
        return false;
    }
    if (shell->include_depth >= INCLUDE_DEPTH_MAX) {
        fprintf(stderr, "\\i: files include one another more than %d deep\n", INCLUDE_DEPTH_MAX);
        return false;
    }
    return shell_run_file(shell, path);
}

static bool command_output(Shell *shell, const char *path) {
    FILE *file = stdout;
    if (path != NULL) file = shell_open_file(path, "w");
    if (file == NULL) return false;
    shell_close_output(shell);
    shell->output = file;
    return true;
}

bool shell_close_output(Shell *shell) {
    FILE *file = shell->output;
    shell->output = stdout;
    if (file == stdout || fclose(file) == 0) return true;
    fprintf(stderr, "could not write the results' file: %s\n", strerror(errno));
    return false;
}

static bool command_mode(Shell *shell, const char *name) {
    if (name != NULL && print_mode_find(name, &shell->mode)) return true;
    fputs("\\mode: give one of table, csv, json, markdown, line\n", stderr);
    return false;
}

static bool command_pset(Shell *shell, const char **rest, Arena *arena) {
    const char *name = next_word(rest, arena);
    const char *value = next_word(rest, arena);
    if (name != NULL && strcmp(name, "null") == 0) {
        shell->null_text = arena_copy_text(&shell->arena, value == NULL ? "" : value);
        return true;
    }
    fputs("\\pset: only \"null\" can be set\n", stderr);
    return false;
}

static bool command_go(Shell *shell, Text *statement, const char *path, bool is_expanded) {
    if (statement_is_blank(statement->data, statement->count)) {
        if (shell->last_statement == NULL) return true;
        text_clear(statement);
        text_append_text(statement, shell->last_statement);
    }
    FILE *output = shell->output;
    if (path != NULL) {
        shell->output = shell_open_file(path, "w");
        if (shell->output == NULL) {
            shell->output = output;
            return false;
        }
    }
    bool was_expanded = shell->is_expanded;
    shell->is_expanded = is_expanded || was_expanded;
    bool is_good = shell_run_statement(shell, statement->data);
    shell->is_expanded = was_expanded;
    if (path != NULL) is_good = shell_close_output(shell) && is_good;
    shell->output = output;
    text_clear(statement);
    return is_good;
}

static bool is_either(const char *name, const char *one, const char *other) {
    return strcmp(name, one) == 0 || strcmp(name, other) == 0;
}

static bool command_run(
    Shell *shell, const char *name, const char *rest, Text *statement, Arena *arena) {
    const char *all = rest;
    bool is_good = true;
    if (strcmp(name, "exit") == 0 || is_either(name, "q", "quit")) {
        shell->wants_to_quit = true;
    } else if (is_either(name, "?", "help")) {
        fputs(help_text, shell->output);
    } else if (is_either(name, "timing", "timer")) {
        is_good = switch_set(next_word(&rest, arena), &shell->shows_timing);
        if (is_good) printf("Timing is %s.\n", shell->shows_timing ? "on" : "off");
    } else if (strcmp(name, "x") == 0) {
        is_good = switch_set(next_word(&rest, arena), &shell->is_expanded);
        if (is_good) printf("Expanded display is %s.\n", shell->is_expanded ? "on" : "off");
    } else if (strcmp(name, "conninfo") == 0) {
        printf("You are connected to %s%s%s.\n", shell->path == NULL ? "a database in memory" : "",
            shell->path == NULL ? "" : "the file ", shell->path == NULL ? "" : shell->path);
    } else if (is_either(name, "g", "gx")) {
        const char *path = next_word(&rest, arena);
        return command_go(shell, statement, path, name[1] == 'x');
    } else if (is_either(name, "r", "reset")) {
        text_clear(statement);
        if (shell->is_interactive) puts("Query buffer reset (cleared).");
    } else if (is_either(name, "p", "print")) {
        const char *last = shell->last_statement;
        if (last == NULL) last = "Query buffer is empty.";
        puts(statement->count > 0 ? statement->data : last);
    } else if (strcmp(name, "echo") == 0) {
        while (isspace((unsigned char)*all)) {
            all++;
        }
        puts(all);
    } else if (is_either(name, "i", "read")) {
        return command_include(shell, next_word(&rest, arena));
    } else if (is_either(name, "o", "output")) {
        return command_output(shell, next_word(&rest, arena));
    } else if (strcmp(name, "copy") == 0) {
        return shell_copy(shell, all);
    } else if (strcmp(name, "import") == 0) {
        const char *file = next_word(&rest, arena);
        return shell_import(shell, file, next_word(&rest, arena));
    } else if (strcmp(name, "mode") == 0) {
        return command_mode(shell, next_word(&rest, arena));
    } else if (strcmp(name, "pset") == 0) {
        return command_pset(shell, &rest, arena);
    } else if (!shell_describe(shell, name, next_word(&rest, arena), arena, &is_good)) {
        fprintf(stderr, "invalid command \\%s\nTry \\? for help.\n", name);
        return false;
    }
    return is_good;
}

bool shell_command(Shell *shell, const char *line, Text *statement) {
    Arena arena;
    arena_init(&arena, NULL);
    const char *rest = line + 1;
    const char *name = next_word(&rest, &arena);
    bool is_good = command_run(shell, name == NULL ? "" : name, rest, statement, &arena);
    if (!is_good) shell->had_error = true;
    arena_deinit(&arena);
    fflush(shell->output);
    return is_good;
}
