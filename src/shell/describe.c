// \d and its family: what there is in the database, laid out as psql lays it out.

#include "shell/shell.h"

#include <ctype.h>

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

static bool print_list(Shell *shell, const char *title, const char *sql) {
    shell->title = title;
    bool is_good = shell_run_text(shell, sql);
    shell->title = NULL;
    return is_good;
}

static bool is_empty(Shell *shell, const char *sql, Arena *arena, bool *is_empty_out) {
    ShellRows rows;
    bool is_good =
        shell_query(shell, arena_format(arena, "SELECT 1 FROM (%s) x LIMIT 1", sql), arena, &rows);
    *is_empty_out = is_good && rows.row_count == 0;
    return is_good;
}

static bool list_relations(
    Shell *shell, const char *kinds, const char *pattern, bool has_more, Arena *arena) {
    bool is_index = strcmp(kinds, "'i'") == 0;
    Text sql;
    text_init(&sql, arena);
    text_append_format(&sql,
        "SELECT n.nspname AS \"Schema\", c.relname AS \"Name\","
        " CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'i' THEN 'index'"
        " WHEN 'S' THEN 'sequence' ELSE 'special' END AS \"Type\","
        " pg_catalog.pg_get_userbyid(c.relowner) AS \"Owner\"%s%s"
        " FROM pg_catalog.pg_class c"
        " LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid"
        " LEFT JOIN pg_catalog.pg_class c2 ON i.indrelid = c2.oid"
        " WHERE c.relkind IN (%s)",
        is_index ? ", c2.relname AS \"Table\"" : "",
        has_more ? ", pg_catalog.pg_size_pretty(pg_catalog.pg_table_size(c.oid)) AS \"Size\","
                   " pg_catalog.obj_description(c.oid, 'pg_class') AS \"Description\""
                 : "",
        kinds);
    pattern_where(&sql, pattern);
    bool has_none;
    if (!is_empty(shell, sql.data, arena, &has_none)) return false;
    if (has_none) {
        if (pattern == NULL) {
            fputs("Did not find any relations.\n", stderr);
        } else {
            fprintf(stderr, "Did not find any relation named \"%s\".\n", pattern);
        }
        return false;
    }
    text_append_text(&sql, " ORDER BY 1, 2");
    return print_list(shell, "List of relations", sql.data);
}

static bool list_schemas(Shell *shell) {
    return print_list(shell, "List of schemas",
        "SELECT n.nspname AS \"Name\", pg_catalog.pg_get_userbyid(n.nspowner) AS \"Owner\""
        " FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_'"
        " AND n.nspname <> 'information_schema' ORDER BY 1");
}

static bool list_roles(Shell *shell) {
    shell->hides_count = true;
    bool is_good = print_list(shell, "List of roles",
        "SELECT r.rolname AS \"Role name\", concat_ws(', ',"
        " CASE WHEN r.rolsuper THEN 'Superuser' END,"
        " CASE WHEN NOT r.rolinherit THEN 'No inheritance' END,"
        " CASE WHEN r.rolcreaterole THEN 'Create role' END,"
        " CASE WHEN r.rolcreatedb THEN 'Create DB' END,"
        " CASE WHEN NOT r.rolcanlogin THEN 'Cannot login' END,"
        " CASE WHEN r.rolreplication THEN 'Replication' END,"
        " CASE WHEN r.rolbypassrls THEN 'Bypass RLS' END) AS \"Attributes\","
        " ARRAY(SELECT b.rolname FROM pg_catalog.pg_auth_members m"
        " JOIN pg_catalog.pg_roles b ON m.roleid = b.oid WHERE m.member = r.oid) AS \"Member of\""
        " FROM pg_catalog.pg_roles r WHERE r.rolname !~ '^pg_' ORDER BY 1");
    shell->hides_count = false;
    fputc('\n', shell->output);
    return is_good;
}

static bool list_databases(Shell *shell) {
    return print_list(shell, "List of databases",
        "SELECT d.datname AS \"Name\", pg_catalog.pg_get_userbyid(d.datdba) AS \"Owner\","
        " pg_catalog.pg_encoding_to_char(d.encoding) AS \"Encoding\","
        " d.datcollate AS \"Collate\", d.datctype AS \"Ctype\", d.daticulocale AS \"ICU Locale\","
        " CASE d.datlocprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' END"
        " AS \"Locale Provider\","
        " pg_catalog.array_to_string(d.datacl, E'\\n') AS \"Access privileges\""
        " FROM pg_catalog.pg_database d ORDER BY 1");
}

// ---- One relation -------------------------------------------------------------------------------

typedef struct ShownRelation {
    const char *oid, *schema, *name;
    char kind;
} ShownRelation;

static bool print_described(
    Shell *shell, const char *kind, const ShownRelation *relation, const char *sql, Arena *arena) {
    shell->title = arena_format(arena, "%s \"%s.%s\"", kind, relation->schema, relation->name);
    shell->hides_count = true;
    bool is_good = shell_run_text(shell, sql);
    shell->title = NULL;
    shell->hides_count = false;
    return is_good;
}

static bool print_table_indexes(Shell *shell, const char *oid, Arena *arena) {
    ShellRows rows;
    char *sql = arena_format(arena,
        "SELECT c2.relname, i.indisprimary, i.indisunique,"
        " pg_catalog.pg_get_indexdef(i.indexrelid, 0, true), con.contype"
        " FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c2 ON c2.oid = i.indexrelid"
        " LEFT JOIN pg_catalog.pg_constraint con ON con.conindid = i.indexrelid"
        " WHERE i.indrelid = '%s' ORDER BY i.indisprimary DESC, c2.relname",
        oid);
    if (!shell_query(shell, sql, arena, &rows)) return false;
    if (rows.row_count > 0) fputs("Indexes:\n", shell->output);
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
        fprintf(shell->output, "    \"%s\"%s %s\n", field[0], kind,
            method == NULL ? definition : method + strlen(" USING "));
    }
    return true;
}

static bool print_table_checks(Shell *shell, const char *oid, Arena *arena) {
    ShellRows rows;
    char *sql = arena_format(arena,
        "SELECT r.conname, pg_catalog.pg_get_constraintdef(r.oid, true)"
        " FROM pg_catalog.pg_constraint r WHERE r.conrelid = '%s' AND r.contype = 'c' ORDER BY 1",
        oid);
    if (!shell_query(shell, sql, arena, &rows)) return false;
    if (rows.row_count > 0) fputs("Check constraints:\n", shell->output);
    for (uint32_t i = 0; i < rows.row_count; i++) {
        fprintf(shell->output, "    \"%s\" %s\n", rows.fields[i][0], rows.fields[i][1]);
    }
    return true;
}

static bool describe_table(
    Shell *shell, const ShownRelation *relation, bool has_more, Arena *arena) {
    const char *more = ", CASE a.attstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external'"
                       " WHEN 'm' THEN 'main' WHEN 'x' THEN 'extended' END AS \"Storage\","
                       " CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' ELSE '' END"
                       " AS \"Compression\","
                       " CASE WHEN a.attstattarget = -1 THEN NULL ELSE a.attstattarget::text END"
                       " AS \"Stats target\","
                       " pg_catalog.col_description(a.attrelid, a.attnum) AS \"Description\"";
    char *sql = arena_format(arena,
        "SELECT a.attname AS \"Column\","
        " pg_catalog.format_type(a.atttypid, a.atttypmod) AS \"Type\","
        " (SELECT c.collname FROM pg_catalog.pg_collation c, pg_catalog.pg_type t"
        " WHERE c.oid = a.attcollation AND t.oid = a.atttypid"
        " AND a.attcollation <> t.typcollation) AS \"Collation\","
        " CASE WHEN a.attnotnull THEN 'not null' ELSE '' END AS \"Nullable\","
        " coalesce((SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid, true)"
        " FROM pg_catalog.pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum"
        " AND a.atthasdef), CASE a.attidentity WHEN 'a' THEN 'generated always as identity'"
        " WHEN 'd' THEN 'generated by default as identity' ELSE '' END) AS \"Default\"%s"
        " FROM pg_catalog.pg_attribute a"
        " WHERE a.attrelid = '%s' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        has_more ? more : "", relation->oid);
    const char *kind = relation->kind == 'v' ? "View" : "Table";
    if (!print_described(shell, kind, relation, sql, arena)) return false;
    if (relation->kind != 'r') return true;
    if (!print_table_indexes(shell, relation->oid, arena)) return false;
    if (!print_table_checks(shell, relation->oid, arena)) return false;
    if (has_more) fputs("Access method: heap\n", shell->output);
    return true;
}

static bool describe_index(
    Shell *shell, const ShownRelation *relation, bool has_more, Arena *arena) {
    const char *more = ", CASE a.attstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external'"
                       " WHEN 'm' THEN 'main' WHEN 'x' THEN 'extended' END AS \"Storage\","
                       " CASE WHEN a.attstattarget = -1 THEN NULL ELSE a.attstattarget::text END"
                       " AS \"Stats target\"";
    char *sql = arena_format(arena,
        "SELECT a.attname AS \"Column\","
        " pg_catalog.format_type(a.atttypid, a.atttypmod) AS \"Type\","
        " CASE WHEN a.attnum <= (SELECT i.indnkeyatts FROM pg_catalog.pg_index i"
        " WHERE i.indexrelid = '%s') THEN 'yes' ELSE 'no' END AS \"Key?\","
        " pg_catalog.pg_get_indexdef(a.attrelid, a.attnum, true) AS \"Definition\"%s"
        " FROM pg_catalog.pg_attribute a"
        " WHERE a.attrelid = '%s' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        relation->oid, has_more ? more : "", relation->oid);
    if (!print_described(shell, "Index", relation, sql, arena)) return false;
    sql = arena_format(arena,
        "SELECT CASE WHEN i.indisprimary THEN 'primary key, ' WHEN i.indisunique THEN 'unique, '"
        " ELSE '' END || am.amname || ', for table \"' || n.nspname || '.' || c.relname || '\"'"
        " || coalesce(', predicate (' || pg_catalog.pg_get_expr(i.indpred, i.indrelid, true)"
        " || ')', '')"
        " FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid"
        " JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid"
        " JOIN pg_catalog.pg_am am ON am.oid = ic.relam"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE i.indexrelid = '%s'",
        relation->oid);
    ShellRows rows;
    if (!shell_query(shell, sql, arena, &rows)) return false;
    if (rows.row_count > 0) fprintf(shell->output, "%s\n", rows.fields[0][0]);
    return true;
}

static bool describe_sequence(Shell *shell, const ShownRelation *relation, Arena *arena) {
    char *sql = arena_format(arena,
        "SELECT pg_catalog.format_type(seqtypid, NULL) AS \"Type\", seqstart AS \"Start\","
        " seqmin AS \"Minimum\", seqmax AS \"Maximum\", seqincrement AS \"Increment\","
        " CASE WHEN seqcycle THEN 'yes' ELSE 'no' END AS \"Cycles?\", seqcache AS \"Cache\""
        " FROM pg_catalog.pg_sequence WHERE seqrelid = '%s'",
        relation->oid);
    if (!print_described(shell, "Sequence", relation, sql, arena)) return false;
    sql = arena_format(arena,
        "SELECT CASE d.deptype WHEN 'i' THEN 'Sequence for identity column: '"
        " ELSE 'Owned by: ' END || n.nspname || '.' || c.relname || '.' || a.attname"
        " FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.refobjid"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_catalog.pg_attribute a"
        " ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid"
        " WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
        " AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
        " AND d.objid = '%s' AND d.deptype IN ('a', 'i')",
        relation->oid);
    ShellRows rows;
    if (!shell_query(shell, sql, arena, &rows)) return false;
    if (rows.row_count > 0) fprintf(shell->output, "%s\n", rows.fields[0][0]);
    return true;
}

static bool describe(Shell *shell, const char *pattern, bool has_more, Arena *arena) {
    if (pattern == NULL) return list_relations(shell, "'r','v','S'", NULL, has_more, arena);
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
        const char *const *field = rows.fields[i];
        ShownRelation relation = {field[0], field[1], field[2], field[3][0]};
        if (relation.kind == 'i') {
            is_good = describe_index(shell, &relation, has_more, arena);
        } else if (relation.kind == 'S') {
            is_good = describe_sequence(shell, &relation, arena);
        } else {
            is_good = describe_table(shell, &relation, has_more, arena);
        }
        fputc('\n', shell->output);
    }
    return is_good;
}

// ---- The family ---------------------------------------------------------------------------------

bool shell_describe(
    Shell *shell, const char *name, const char *pattern, Arena *arena, bool *is_good_out) {
    static const struct {
        const char *name, *kinds;
    } lists[] = {{"dt", "'r'"}, {"tables", "'r'"}, {"di", "'i'"}, {"ds", "'S'"}, {"dv", "'v'"}};

    size_t count = strlen(name);
    bool has_more = count > 1 && name[count - 1] == '+';
    char *bare = arena_format(arena, "%.*s", (int)(count - has_more), name);
    if (strcmp(bare, "d") == 0 || strcmp(bare, "schema") == 0) {
        *is_good_out = describe(shell, pattern, has_more, arena);
        return true;
    }
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (strcmp(bare, lists[i].name) != 0) continue;
        *is_good_out = list_relations(shell, lists[i].kinds, pattern, has_more, arena);
        return true;
    }
    if (strcmp(name, "dn") == 0) {
        *is_good_out = list_schemas(shell);
    } else if (strcmp(name, "du") == 0 || strcmp(name, "dg") == 0) {
        *is_good_out = list_roles(shell);
    } else if (strcmp(name, "l") == 0) {
        *is_good_out = list_databases(shell);
    } else {
        return false;
    }
    return true;
}
