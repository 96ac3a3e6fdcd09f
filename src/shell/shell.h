// The shell: SQL and backslash commands from a terminal, a script or the command line, on one
// database inside this process.
#pragma once

#include "base/text.h"
#include "session/session.h"
#include "shell/print.h"

#include <stdio.h>

#define SHELL_VERSION "0.1.0"

typedef struct Shell {
    Database *database;
    const char *path; // NULL: in memory
    SessionPool *sessions;
    Session *session;
    PrintMode mode;
    bool is_expanded;    // \x
    bool shows_timing;   // \timing
    bool is_interactive; // a terminal on both sides
    bool stops_on_error;
    bool wants_to_quit;
    bool had_error;
    const char *null_text;
    const char *title; // of the next table, set by a command; or NULL
    bool hides_count;
    FILE *output; // where results go: standard output, or \o's file
    FILE *input;  // the script being read, where COPY FROM STDIN goes on; NULL: a terminal
    uint32_t include_depth; // of \i
    char *last_statement;   // for \g, in last_arena; or NULL
    Arena last_arena;
    Arena arena; // of the shell's life
} Shell;

// Errors are printed by the callee; false means that something failed.
bool shell_run_text(Shell *shell, const char *sql);      // SQL, or one command
bool shell_run_statement(Shell *shell, const char *sql); // and remembers it for \g
bool shell_run_file(Shell *shell, const char *path);     // "-" is standard input
void shell_run_terminal(Shell *shell);

// A line that starts with a backslash or a dot. `statement` is what has been typed before it and
// not been run: \g runs it, \r clears it. False when it failed.
bool shell_command(Shell *shell, const char *line, Text *statement);

// \d and its family. False when `name` is none of them.
bool shell_describe(
    Shell *shell, const char *name, const char *pattern, Arena *arena, bool *is_good_out);

// NULL, and the reason printed, when it cannot be had.
FILE *shell_open_file(const char *path, const char *how);
bool shell_close_output(Shell *shell); // results go to standard output again

// \copy and .import: COPY with the shell's own file.
bool shell_copy(Shell *shell, const char *arguments);
bool shell_import(Shell *shell, const char *file, const char *table);

// Runs one statement or several with COPY data from and to these files; NULL: standard input and
// output.
bool shell_run_with_files(Shell *shell, const char *sql, FILE *copy_in, FILE *copy_out);

// Runs a query and gives its rows as texts, for commands that print them in their own way.
typedef struct ShellRows {
    uint32_t column_count, row_count;
    const char *const *names;
    const char *const *const *fields; // [row][column], NULL for NULL
} ShellRows;

// `shows_errors` false: an error gives no rows and no words.
bool shell_query(Shell *shell, const char *sql, Arena *arena, ShellRows *rows_out);

// Prints the error in flight as psql does, with the line and a caret, and clears it.
void shell_print_error(const char *sql);

// ---- Cutting text into statements (scan.c) ------------------------------------------------------

typedef struct StatementScan {
    int parentheses;
    char quote;            // ', ", or $ for a dollar quote; 0 outside
    bool is_escape_string; // E'...'
    int comment_depth;
    char tag[64]; // of a dollar quote
} StatementScan;

typedef enum ScanStop {
    SCAN_OPEN,      // the statement does not end here
    SCAN_STATEMENT, // *at is just after its semicolon
    SCAN_COMMAND,   // *at is the backslash of a command
} ScanStop;

// Looks for the end of the statement that starts at `text`, going on from `scan` at offset `*at`.
ScanStop statement_scan(StatementScan *scan, const char *text, size_t count, size_t *at);

// Whether there is nothing but blanks and comments in the text.
bool statement_is_blank(const char *text, size_t count);

// ---- Commands of main ---------------------------------------------------------------------------

int command_serve(int argument_count, char **arguments);
int command_check(int argument_count, char **arguments);

// Opens a database for a command, with a progress line while it recovers; prints the error.
bool command_open(const char *path, bool must_exist, const DatabaseOptions *extra, Database **out);
