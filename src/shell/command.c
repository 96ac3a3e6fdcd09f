// Backslash commands, and their dot aliases.

#include "base/error.h"
#include "shell/shell.h"

#include <ctype.h>
#include <stdlib.h>

enum { INCLUDE_DEPTH_MAX = 32 };

static const char help_text[] =
    "General\n"
    "  \\?                     show this help                     .help\n"
    "  \\q                     leave                              .quit\n"
    "  \\timing [on|off]       show how long statements take      .timer\n"
    "\n"
    "Input and output\n"
    "  \\i FILE                run the statements in a file       .read\n"
    "  \\copy ...              COPY with a file of this machine   .import FILE TABLE (CSV)\n"
    "  \\echo TEXT             print it\n"
    "\n"
    "What there is (add a name or pattern, such as t*)\n"
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

// ---- Patterns -----------------------------------------------------------------------------------

// A psql pattern as a regular expression in a SQL string: * is .*, ? is ., the rest is itself; a
// dot parts schema and name.
static void pattern_part(Text *out, const char *part, size_t count) {
    text_append_text(out, "'^(");
    bool is_quoted = false;
    for (size_t i = 0; i < count; i++) {
        char c = part[i];
        if (c == '"') {
            is_quoted = !is_quoted;
        } else if (c == '*' && !is_quoted) {
            text_append_text(out, ".*");
        } else if (c == '?' && !is_quoted) {
            text_append_char(out, '.');
        } else if (c == '\'') {
            text_append_text(out, "''");
        } else if (strchr("\\^$.[]|()+{}", c) != NULL) {
            text_append_format(out, "\\%c", c);
        } else {
            text_append_char(out, is_quoted ? c : (char)tolower((unsigned char)c));
        }
    }
    text_append_text(out, ")$'");
}

static void pattern_where(Text *sql, const char *pattern) {
    if (pattern == NULL) {
        text_append_text(sql, " AND n.nspname <> 'pg_catalog' AND n.nspname <> 'information_schema'"
                              " AND pg_catalog.pg_table_is_visible(c.oid)");
        return;
    }
    const char *dot = strchr(pattern, '.');
    const char *name = dot == NULL ? pattern : dot + 1;
    text_append_text(sql, " AND c.relname OPERATOR(pg_catalog.~) ");
    pattern_part(sql, name, strlen(name));
    if (dot == NULL) {
        text_append_text(sql, " AND pg_catalog.pg_table_is_visible(c.oid)");
    } else {
        text_append_text(sql, " AND n.nspname OPERATOR(pg_catalog.~) ");
        pattern_part(sql, pattern, (size_t)(dot - pattern));
    }
}

// ---- Lists --------------------------------------------------------------------------------------

static bool list_relations(Shell *shell, const char *kinds, const char *pattern, Arena *arena) {
    Text sql;
    text_init(&sql, arena);
    text_append_format(&sql,
        "SELECT n.nspname AS \"Schema\", c.relname AS \"Name\","
        " CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'i' THEN 'index'"
        " WHEN 'S' THEN 'sequence' ELSE 'special' END AS \"Type\","
        " pg_catalog.pg_get_userbyid(c.relowner) AS \"Owner\""
        " FROM pg_catalog.pg_class c"
        " LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN (%s)",
        kinds);
    pattern_where(&sql, pattern);
    text_append_text(&sql, " ORDER BY 1, 2");
    return shell_run_text(shell, sql.data);
}

static const char *relation_kind_name(char kind) {
    switch (kind) {
    case 'i':
        return "Index";
    case 'S':
        return "Sequence";
    case 'v':
        return "View";
    default:
        return "Table";
    }
}

static void describe_indexes(Shell *shell, const char *oid, Arena *arena) {
    ShellRows rows;
    char *sql = arena_format(arena,
        "SELECT c2.relname, i.indisprimary, i.indisunique,"
        " pg_catalog.pg_get_indexdef(i.indexrelid), con.contype"
        " FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c2 ON c2.oid = i.indexrelid"
        " LEFT JOIN pg_catalog.pg_constraint con ON con.conindid = i.indexrelid"
        " WHERE i.indrelid = '%s' ORDER BY i.indisprimary DESC, c2.relname",
        oid);
    if (!shell_query(shell, sql, arena, &rows) || rows.row_count == 0) return;
    puts("Indexes:");
    for (uint32_t i = 0; i < rows.row_count; i++) {
        const char *const *field = rows.fields[i];
        const char *definition = field[3] == NULL ? "" : field[3];
        const char *method = strstr(definition, " USING ");
        const char *kind = "";
        if (field[1] != NULL && field[1][0] == 't') {
            kind = " PRIMARY KEY,";
        } else if (field[4] != NULL && field[4][0] == 'u') {
            kind = " UNIQUE CONSTRAINT,";
        } else if (field[2] != NULL && field[2][0] == 't') {
            kind = " UNIQUE,";
        }
        printf("    \"%s\"%s %s\n", field[0], kind, method == NULL ? definition : method + 7);
    }
}

static void describe_checks(Shell *shell, const char *oid, Arena *arena) {
    ShellRows rows;
    char *sql = arena_format(arena,
        "SELECT r.conname, pg_catalog.pg_get_constraintdef(r.oid, true)"
        " FROM pg_catalog.pg_constraint r WHERE r.conrelid = '%s' AND r.contype = 'c' ORDER BY 1",
        oid);
    if (!shell_query(shell, sql, arena, &rows) || rows.row_count == 0) return;
    puts("Check constraints:");
    for (uint32_t i = 0; i < rows.row_count; i++) {
        printf("    \"%s\" %s\n", rows.fields[i][0], rows.fields[i][1]);
    }
}

static bool describe_one(Shell *shell, const char *const *relation, Arena *arena) {
    const char *oid = relation[0];
    Text title;
    text_init(&title, arena);
    text_append_format(
        &title, "%s \"%s.%s\"", relation_kind_name(relation[3][0]), relation[1], relation[2]);
    char *sql = arena_format(arena,
        "SELECT a.attname AS \"Column\","
        " pg_catalog.format_type(a.atttypid, a.atttypmod) AS \"Type\","
        " CASE WHEN a.attnotnull THEN 'not null' ELSE '' END AS \"Nullable\","
        " coalesce((SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid, true)"
        " FROM pg_catalog.pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum"
        " AND a.atthasdef), CASE a.attidentity WHEN 'a' THEN 'generated always as identity'"
        " WHEN 'd' THEN 'generated by default as identity' ELSE '' END) AS \"Default\""
        " FROM pg_catalog.pg_attribute a"
        " WHERE a.attrelid = '%s' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        oid);
    shell->title = title.data;
    shell->hides_count = true;
    bool is_good = shell_run_text(shell, sql);
    shell->title = NULL;
    shell->hides_count = false;
    if (is_good && relation[3][0] == 'r') {
        describe_indexes(shell, oid, arena);
        describe_checks(shell, oid, arena);
    }
    putchar('\n');
    return is_good;
}

static bool describe(Shell *shell, const char *pattern, Arena *arena) {
    if (pattern == NULL) return list_relations(shell, "'r','v','S','p'", NULL, arena);
    Text sql;
    text_init(&sql, arena);
    text_append_text(&sql,
        "SELECT c.oid, n.nspname, c.relname, c.relkind FROM pg_catalog.pg_class c"
        " LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE true");
    pattern_where(&sql, pattern);
    text_append_text(&sql, " ORDER BY 2, 3");
    ShellRows rows;
    if (!shell_query(shell, sql.data, arena, &rows)) return false;
    if (rows.row_count == 0) {
        fprintf(stderr, "Did not find any relation named \"%s\".\n", pattern);
        return false;
    }
    bool is_good = true;
    for (uint32_t i = 0; i < rows.row_count && is_good; i++) {
        is_good = describe_one(shell, rows.fields[i], arena);
    }
    return is_good;
}

// ---- Commands -----------------------------------------------------------------------------------

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

static bool command_run(Shell *shell, const char *name, const char *rest, Arena *arena) {
    const char *all = rest;
    bool is_switch_good = true;
    if (strcmp(name, "q") == 0 || strcmp(name, "quit") == 0 || strcmp(name, "exit") == 0) {
        shell->wants_to_quit = true;
    } else if (strcmp(name, "?") == 0 || strcmp(name, "help") == 0) {
        fputs(help_text, stdout);
    } else if (strcmp(name, "timing") == 0 || strcmp(name, "timer") == 0) {
        is_switch_good = switch_set(next_word(&rest, arena), &shell->shows_timing);
        if (is_switch_good) printf("Timing is %s.\n", shell->shows_timing ? "on" : "off");
    } else if (strcmp(name, "x") == 0) {
        is_switch_good = switch_set(next_word(&rest, arena), &shell->is_expanded);
        if (is_switch_good) {
            printf("Expanded display is %s.\n", shell->is_expanded ? "on" : "off");
        }
    } else if (strcmp(name, "echo") == 0) {
        while (isspace((unsigned char)*all)) {
            all++;
        }
        puts(all);
    } else if (strcmp(name, "i") == 0 || strcmp(name, "read") == 0) {
        return command_include(shell, next_word(&rest, arena));
    } else if (strcmp(name, "copy") == 0) {
        return shell_copy(shell, all);
    } else if (strcmp(name, "import") == 0) {
        const char *file = next_word(&rest, arena);
        return shell_import(shell, file, next_word(&rest, arena));
    } else if (strcmp(name, "mode") == 0) {
        return command_mode(shell, next_word(&rest, arena));
    } else if (strcmp(name, "pset") == 0) {
        return command_pset(shell, &rest, arena);
    } else if (strcmp(name, "d") == 0 || strcmp(name, "d+") == 0 || strcmp(name, "schema") == 0) {
        return describe(shell, next_word(&rest, arena), arena);
    } else if (strcmp(name, "dt") == 0 || strcmp(name, "tables") == 0) {
        return list_relations(shell, "'r','p'", next_word(&rest, arena), arena);
    } else if (strcmp(name, "di") == 0) {
        return list_relations(shell, "'i'", next_word(&rest, arena), arena);
    } else if (strcmp(name, "ds") == 0) {
        return list_relations(shell, "'S'", next_word(&rest, arena), arena);
    } else if (strcmp(name, "dv") == 0) {
        return list_relations(shell, "'v'", next_word(&rest, arena), arena);
    } else if (strcmp(name, "dn") == 0) {
        return shell_run_text(shell,
            "SELECT n.nspname AS \"Name\", pg_catalog.pg_get_userbyid(n.nspowner) AS \"Owner\""
            " FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_'"
            " AND n.nspname <> 'information_schema' ORDER BY 1");
    } else if (strcmp(name, "du") == 0) {
        return shell_run_text(shell,
            "SELECT rolname AS \"Role name\", rolsuper AS \"Superuser\", rolcanlogin AS \"Login\""
            " FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_' ORDER BY 1");
    } else if (strcmp(name, "l") == 0) {
        return shell_run_text(shell,
            "SELECT datname AS \"Name\", pg_catalog.pg_get_userbyid(datdba) AS \"Owner\","
            " pg_catalog.pg_encoding_to_char(encoding) AS \"Encoding\""
            " FROM pg_catalog.pg_database ORDER BY 1");
    } else {
        fprintf(stderr, "invalid command \\%s\nTry \\? for help.\n", name);
        return false;
    }
    return is_switch_good;
}

bool shell_command(Shell *shell, const char *line) {
    Arena arena;
    arena_init(&arena, NULL);
    const char *rest = line + 1;
    const char *name = next_word(&rest, &arena);
    bool is_good = command_run(shell, name == NULL ? "" : name, rest, &arena);
    if (!is_good) shell->had_error = true;
    arena_deinit(&arena);
    fflush(stdout);
    return is_good;
}
