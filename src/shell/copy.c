// \copy: COPY whose file is the shell's, not the server's.

#include "base/error.h"
#include "shell/shell.h"

#include <ctype.h>

typedef struct CopyCommand {
    const char *what; // table with columns, or a query in parentheses
    size_t what_count;
    bool is_from;
    char *file;          // NULL: standard input or output
    const char *options; // the rest
} CopyCommand;

static const char *skip_blanks(const char *at) {
    while (isspace((unsigned char)*at)) {
        at++;
    }
    return at;
}

static bool is_word(const char *at, const char *word) {
    size_t count = strlen(word);
    return strncasecmp(at, word, count) == 0
           && (at[count] == 0 || isspace((unsigned char)at[count]));
}

// Finds FROM or TO outside quotes and parentheses.
static const char *find_direction(const char *at, bool *is_from_out) {
    int depth = 0;
    char quote = 0;
    for (const char *start = at; *at != 0; at++) {
        if (quote != 0) {
            if (*at == quote) quote = 0;
        } else if (*at == '\'' || *at == '"') {
            quote = *at;
        } else if (*at == '(') {
            depth++;
        } else if (*at == ')') {
            depth--;
        } else if (depth == 0 && at > start && (isspace((unsigned char)at[-1]) || at[-1] == ')')) {
            if (is_word(at, "from") || is_word(at, "to")) {
                *is_from_out = is_word(at, "from");
                return at;
            }
        }
    }
    return NULL;
}

static char *take_file(const char **at, Arena *arena) {
    Text name;
    text_init(&name, arena);
    const char *p = skip_blanks(*at);
    if (*p == '\'') {
        for (p++; *p != 0 && !(*p == '\'' && p[1] != '\''); p++) {
            if (*p == '\'') p++;
            text_append_char(&name, *p);
        }
        if (*p == '\'') p++;
    } else {
        while (*p != 0 && !isspace((unsigned char)*p)) {
            text_append_char(&name, *p++);
        }
    }
    *at = p;
    return name.data;
}

static bool copy_parse(const char *arguments, Arena *arena, CopyCommand *command_out) {
    const char *what = skip_blanks(arguments);
    bool is_from = false;
    const char *direction = find_direction(what, &is_from);
    if (direction == NULL) return false;
    const char *at = direction + (is_from ? 4 : 2);
    CopyCommand command = {
        .what = what, .what_count = (size_t)(direction - what), .is_from = is_from};
    char *file = take_file(&at, arena);
    if (file[0] == 0) return false;
    bool is_standard = strcasecmp(file, "stdin") == 0 || strcasecmp(file, "stdout") == 0
                       || strcasecmp(file, "pstdin") == 0 || strcasecmp(file, "pstdout") == 0;
    command.file = is_standard ? NULL : file;
    command.options = at;
    *command_out = command;
    return true;
}

static bool copy_run(Shell *shell, const CopyCommand *command, Arena *arena) {
    char *sql = arena_format(arena, "COPY %.*s %s%s", (int)command->what_count, command->what,
        command->is_from ? "FROM STDIN" : "TO STDOUT", command->options);
    FILE *file = NULL;
    if (command->file != NULL) {
        file = shell_open_file(command->file, command->is_from ? "r" : "w");
        if (file == NULL) return false;
    }
    bool is_good = shell_run_with_files(
        shell, sql, command->is_from ? file : NULL, command->is_from ? NULL : file);
    if (file != NULL && fclose(file) != 0) {
        fprintf(stderr, "%s: could not write\n", command->file);
        is_good = false;
    }
    return is_good;
}

bool shell_copy(Shell *shell, const char *arguments) {
    Arena arena;
    arena_init(&arena, NULL);
    CopyCommand command;
    bool is_good = copy_parse(arguments, &arena, &command);
    if (!is_good) {
        fputs("\\copy: write \\copy TABLE from FILE [options], or \\copy (QUERY) to FILE "
              "[options]\n",
            stderr);
    } else {
        is_good = copy_run(shell, &command, &arena);
    }
    arena_deinit(&arena);
    return is_good;
}

bool shell_import(Shell *shell, const char *file, const char *table) {
    if (file == NULL || table == NULL) {
        fputs(".import: write .import FILE TABLE; the file is CSV with a header\n", stderr);
        return false;
    }
    CopyCommand command = {
        .what = table,
        .what_count = strlen(table),
        .is_from = true,
        .options = " WITH (FORMAT csv, HEADER)",
    };
    Arena arena;
    arena_init(&arena, NULL);
    command.file = arena_copy_text(&arena, file);
    bool is_good = copy_run(shell, &command, &arena);
    arena_deinit(&arena);
    return is_good;
}
