// COPY: what is copied, and the format's options.
#include "bind/bind_internal.h"

#include <strings.h>

typedef struct CopySyntax {
    const Node *format, *freeze, *delimiter, *null, *header, *quote, *escape;
    const Node *force_quote, *force_not_null, *force_null, *encoding;
} CopySyntax;

static Status read_option(Binder *binder, const Node *option, CopySyntax *syntax) {
    static const struct {
        const char *name;
        size_t offset;
    } known[] = {
        {"format", offsetof(CopySyntax, format)},
        {"freeze", offsetof(CopySyntax, freeze)},
        {"delimiter", offsetof(CopySyntax, delimiter)},
        {"null", offsetof(CopySyntax, null)},
        {"header", offsetof(CopySyntax, header)},
        {"quote", offsetof(CopySyntax, quote)},
        {"escape", offsetof(CopySyntax, escape)},
        {"force_quote", offsetof(CopySyntax, force_quote)},
        {"force_not_null", offsetof(CopySyntax, force_not_null)},
        {"force_null", offsetof(CopySyntax, force_null)},
        {"encoding", offsetof(CopySyntax, encoding)},
    };

    const char *name = node_get_text(option, FIELD_DEFNAME);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].name, name) != 0) continue;
        const Node **slot = (const Node **)(void *)((char *)syntax + known[i].offset);
        if (*slot != NULL) {
            return fail_at(
                binder, node_location(option), SYNTAX_ERROR, "conflicting or redundant options");
        }
        *slot = option;
        return OK;
    }
    return fail_at(
        binder, node_location(option), SYNTAX_ERROR, "option \"%s\" not recognized", name);
}

static Status read_header(Binder *binder, const Node *option, CopyOptions *options, bool is_from) {
    const char *text = option_text(binder, option);
    if (text != NULL && strcasecmp(text, "match") == 0) {
        if (!is_from) {
            return fail(FEATURE_NOT_SUPPORTED, "cannot use \"match\" with HEADER in COPY TO");
        }
        options->has_header = options->header_must_match = true;
        return OK;
    }
    Status status = option_boolean(binder, option, &options->has_header);
    if (status != SYNTAX_ERROR) return status;
    return fail(SYNTAX_ERROR, "%s requires a Boolean value or \"match\"", "header");
}

static Status read_character(Binder *binder, const Node *option, const char *name, char *out) {
    const char *text = option_text(binder, option);
    if (text == NULL || strlen(text) != 1) {
        if (strcmp(name, "delimiter") == 0) {
            return fail(
                FEATURE_NOT_SUPPORTED, "COPY delimiter must be a single one-byte character");
        }
        return fail(FEATURE_NOT_SUPPORTED, "COPY %s must be a single one-byte character", name);
    }
    *out = *text;
    return OK;
}

static Status check_csv_only(const CopyOptions *options, const CopySyntax *syntax, bool is_from) {
    bool is_csv = options->format == COPY_CSV;
    if (!is_csv && syntax->quote != NULL) {
        return fail(FEATURE_NOT_SUPPORTED, "COPY quote available only in CSV mode");
    }
    if (!is_csv && syntax->escape != NULL) {
        return fail(FEATURE_NOT_SUPPORTED, "COPY escape available only in CSV mode");
    }
    if (!is_csv && syntax->force_quote != NULL) {
        return fail(FEATURE_NOT_SUPPORTED, "COPY force quote available only in CSV mode");
    }
    if (syntax->force_quote != NULL && is_from) {
        return fail(FEATURE_NOT_SUPPORTED, "COPY force quote only available using COPY TO");
    }
    if (!is_csv && syntax->force_not_null != NULL) {
        return fail(FEATURE_NOT_SUPPORTED, "COPY force not null available only in CSV mode");
    }
    if (syntax->force_not_null != NULL && !is_from) {
        return fail(FEATURE_NOT_SUPPORTED, "COPY force not null only available using COPY FROM");
    }
    if (!is_csv && syntax->force_null != NULL) {
        return fail(FEATURE_NOT_SUPPORTED, "COPY force null available only in CSV mode");
    }
    if (syntax->force_null != NULL && !is_from) {
        return fail(FEATURE_NOT_SUPPORTED, "COPY force null only available using COPY FROM");
    }
    return OK;
}

static Status check_characters(const CopyOptions *options) {
    const char *null_text = options->null_text;
    if (options->delimiter == '\r' || options->delimiter == '\n') {
        return fail(INVALID_PARAMETER_VALUE, "COPY delimiter cannot be newline or carriage return");
    }
    if (strpbrk(null_text, "\r\n") != NULL) {
        return fail(INVALID_PARAMETER_VALUE,
            "COPY null representation cannot use newline or carriage return");
    }
    if (options->format != COPY_CSV
        && strchr("\\.abcdefghijklmnopqrstuvwxyz0123456789", options->delimiter) != NULL) {
        return fail(INVALID_PARAMETER_VALUE, "COPY delimiter cannot be \"%c\"", options->delimiter);
    }
    if (options->format == COPY_CSV && options->delimiter == options->quote) {
        return fail(INVALID_PARAMETER_VALUE, "COPY delimiter and quote must be different");
    }
    if (strchr(null_text, options->delimiter) != NULL) {
        return fail(
            FEATURE_NOT_SUPPORTED, "COPY delimiter must not appear in the NULL specification");
    }
    if (options->format == COPY_CSV && strchr(null_text, options->quote) != NULL) {
        return fail(
            FEATURE_NOT_SUPPORTED, "CSV quote character must not appear in the NULL specification");
    }
    return OK;
}

static Status check_encoding(Binder *binder, const Node *option) {
    const char *name = option == NULL ? NULL : option_text(binder, option);
    if (name == NULL || strcasecmp(name, "utf8") == 0 || strcasecmp(name, "utf-8") == 0
        || strcasecmp(name, "unicode") == 0) {
        return OK;
    }
    return not_supported(
        binder, arena_format(binder->arena, "encoding \"%s\"", name), node_location(option));
}

static Status read_options(
    Binder *binder, const CopySyntax *syntax, bool is_from, CopyOptions *options) {
    if (syntax->format != NULL) {
        const char *name = option_text(binder, syntax->format);
        if (name != NULL && strcmp(name, "csv") == 0) {
            options->format = COPY_CSV;
        } else if (name != NULL && strcmp(name, "binary") == 0) {
            options->format = COPY_BINARY;
        } else if (name == NULL || strcmp(name, "text") != 0) {
            return fail_at(binder, node_location(syntax->format), INVALID_PARAMETER_VALUE,
                "COPY format \"%s\" not recognized", name == NULL ? "" : name);
        }
    }
    bool is_csv = options->format == COPY_CSV;
    if (options->format == COPY_BINARY) {
        if (syntax->delimiter != NULL) {
            return fail(SYNTAX_ERROR, "cannot specify DELIMITER in BINARY mode");
        }
        if (syntax->null != NULL) {
            return fail(SYNTAX_ERROR, "cannot specify NULL in BINARY mode");
        }
        if (syntax->header != NULL) {
            return fail(FEATURE_NOT_SUPPORTED, "cannot specify HEADER in BINARY mode");
        }
    }
    options->delimiter = is_csv ? ',' : '\t';
    options->null_text = is_csv ? "" : "\\N";
    options->quote = '"';
    if (syntax->freeze != NULL) TRY(option_boolean(binder, syntax->freeze, &options->freeze));
    if (syntax->header != NULL) TRY(read_header(binder, syntax->header, options, is_from));
    if (syntax->delimiter != NULL) {
        TRY(read_character(binder, syntax->delimiter, "delimiter", &options->delimiter));
    }
    if (syntax->null != NULL) {
        options->null_text = option_text(binder, syntax->null);
        if (options->null_text == NULL) options->null_text = "";
    }
    TRY(check_csv_only(options, syntax, is_from));
    if (syntax->quote != NULL) {
        TRY(read_character(binder, syntax->quote, "quote", &options->quote));
    }
    options->escape = options->quote;
    if (syntax->escape != NULL) {
        TRY(read_character(binder, syntax->escape, "escape", &options->escape));
    }
    TRY(check_encoding(binder, syntax->encoding));
    return options->format == COPY_BINARY ? OK : check_characters(options);
}

// ---- Columns ------------------------------------------------------------------------------------

static Status find_copied_column(
    const TableInfo *table, const char *name, const ColumnInfo **column_out) {
    const ColumnInfo *column = table_info_find_column(table, name);
    if (column == NULL || column->is_dropped) {
        return fail(
            UNDEFINED_COLUMN, "column \"%s\" of relation \"%s\" does not exist", name, table->name);
    }
    *column_out = column;
    return OK;
}

static Status read_columns(Binder *binder, const Node *list, BoundCopy *copy) {
    const TableInfo *table = copy->table;
    uint32_t listed = node_count(list);
    int16_t *columns = arena_new_array(
        binder->arena, int16_t, listed > table->column_count ? listed : table->column_count);
    for (uint32_t i = 0; list == NULL && i < table->column_count; i++) {
        if (!table->columns[i].is_dropped) columns[copy->column_count++] = table->columns[i].number;
    }
    for (uint32_t i = 0; i < listed; i++) {
        const ColumnInfo *column;
        TRY(find_copied_column(table, node_item(list, i)->text, &column));
        for (uint32_t j = 0; j < i; j++) {
            if (columns[j] != column->number) continue;
            return fail(DUPLICATE_COLUMN, "column \"%s\" specified more than once", column->name);
        }
        columns[copy->column_count++] = column->number;
    }
    copy->columns = columns;
    return OK;
}

// One flag a copied column, from a list of names or `*`.
static Status read_flags(Binder *binder, const Node *option, const BoundCopy *copy,
    const char *construct, bool **flags_out, bool *all_out) {
    if (option == NULL) return OK;
    const Node *argument = node_get(option, FIELD_ARG);
    if (node_kind(argument) == NODE_A_STAR) {
        if (all_out == NULL) {
            return fail_at(binder, node_location(option), INVALID_PARAMETER_VALUE,
                "argument to option \"%s\" must be a list of column names",
                node_get_text(option, FIELD_DEFNAME));
        }
        *all_out = true;
        return OK;
    }
    if (node_kind(argument) != NODE_LIST) {
        return fail_at(binder, node_location(option), INVALID_PARAMETER_VALUE,
            "argument to option \"%s\" must be a list of column names",
            node_get_text(option, FIELD_DEFNAME));
    }
    bool *flags = arena_new_array(binder->arena, bool, copy->column_count);
    for (uint32_t i = 0; i < node_count(argument); i++) {
        const char *name = node_item(argument, i)->text;
        bool is_found = false;
        for (uint32_t j = 0; j < copy->column_count; j++) {
            const char *column;
            if (copy->table != NULL) {
                column = copy->table->columns[copy->columns[j] - 1].name;
            } else {
                column = copy->query->targets[j].name;
            }
            if (strcmp(column, name) != 0) continue;
            flags[j] = is_found = true;
        }
        if (is_found) continue;
        const ColumnInfo *column;
        if (copy->table != NULL) TRY(find_copied_column(copy->table, name, &column));
        return fail(
            INVALID_COLUMN_REFERENCE, "%s column \"%s\" not referenced by COPY", construct, name);
    }
    *flags_out = flags;
    return OK;
}

// COPY FROM writes rows as INSERT does: each column's value as it was read, or its default.
static Status make_insert(Binder *binder, BoundCopy *copy) {
    const TableInfo *table = copy->table;
    Arena *arena = binder->arena;
    Query *query = arena_new(arena, Query);
    query->kind = QUERY_INSERT;
    Scope scope = scope_make(binder, NULL, query);
    ScopeItem *item;
    TRY(scope_add_table(&scope, table, NULL, -1, &query->result_relation, &item));
    RelationColumn *columns = arena_new_array(arena, RelationColumn, copy->column_count);
    query->targets = arena_new_array(arena, Target, table->column_count);
    for (uint32_t i = 0; i < copy->column_count; i++) {
        const ColumnInfo *column = &table->columns[copy->columns[i] - 1];
        columns[i] = (RelationColumn){
            .name = column->name, .type = column->type, .number = (int16_t)(i + 1)};
    }
    uint32_t source = scope_add_relation(&scope, (Relation){
                                                     .source = RELATION_OF_VALUES,
                                                     .alias = "*COPY*",
                                                     .column_count = copy->column_count,
                                                     .columns = columns,
                                                     .location = -1,
                                                 });
    for (uint32_t i = 0; i < table->column_count; i++) {
        const ColumnInfo *column = &table->columns[i];
        if (column->is_dropped) continue;
        Target *target = &query->targets[query->target_count++];
        target->name = column->name;
        target->column = column->number;
        for (uint32_t j = 0; j < copy->column_count; j++) {
            if (copy->columns[j] != column->number) continue;
            target->expression = make_column(arena, source, 0, (int16_t)(j + 1), column->type, -1);
        }
        if (target->expression == NULL) {
            TRY(column_default(binder, table, column, &target->expression));
        }
    }
    TRY(bind_checks(&scope, table));
    copy->insert = query;
    return OK;
}

static Status bind_table(Binder *binder, const Node *statement, BoundCopy *copy) {
    binder->hides_positions = true;
    TRY(find_relation(binder, node_get(statement, FIELD_RELATION), &copy->table));
    binder->hides_positions = false;
    const TableInfo *table = copy->table;
    if (table->kind != RELATION_TABLE) {
        const char *what = table->kind == RELATION_SEQUENCE ? "sequence"
                           : table->kind == RELATION_VIEW   ? "view"
                                                            : "non-table relation";
        Status status = fail(WRONG_OBJECT_TYPE, "cannot copy %s %s \"%s\"",
            copy->is_from ? "to" : "from", what, table->name);
        if (table->kind == RELATION_VIEW && !copy->is_from) {
            error_add_hint("Try the COPY (SELECT ...) TO variant.");
        }
        return status;
    }
    if (copy->is_from) TRY(require_writable(binder, table, "copy to", -1));
    return read_columns(binder, node_get(statement, FIELD_ATTLIST), copy);
}

static Status bind_copied_query(Binder *binder, const Node *statement, BoundCopy *copy) {
    const Node *query = node_get(statement, FIELD_QUERY);
    TRY(bind_query(binder, NULL, query, true, &copy->query, NULL));
    if (copy->query->kind != QUERY_SELECT && copy->query->returning_count == 0) {
        return fail(FEATURE_NOT_SUPPORTED, "COPY query must have a RETURNING clause");
    }
    copy->column_count = copy->query->kind == QUERY_SELECT ? query_visible_count(copy->query)
                                                           : copy->query->returning_count;
    return OK;
}

Status bind_copy(Binder *binder, const Node *statement) {
    BoundCopy *copy = arena_new(binder->arena, BoundCopy);
    copy->is_from = node_get_boolean(statement, FIELD_IS_FROM);
    copy->file_name = node_get_text(statement, FIELD_FILENAME);
    copy->is_standard = copy->file_name == NULL;
    if (node_get_boolean(statement, FIELD_IS_PROGRAM)) {
        return not_supported(binder, "COPY with PROGRAM", -1);
    }
    if (node_has(statement, FIELD_WHERE_CLAUSE)) {
        return not_supported(binder, "COPY FROM ... WHERE", -1);
    }
    CopySyntax syntax = {0};
    const Node *options = node_get(statement, FIELD_OPTIONS);
    for (uint32_t i = 0; i < node_count(options); i++) {
        TRY(read_option(binder, node_item(options, i), &syntax));
    }
    if (node_has(statement, FIELD_RELATION)) {
        TRY(bind_table(binder, statement, copy));
    } else {
        TRY(bind_copied_query(binder, statement, copy));
    }
    TRY(read_options(binder, &syntax, copy->is_from, &copy->options));
    TRY(read_flags(binder, syntax.force_quote, copy, "FORCE_QUOTE", &copy->options.force_quote,
        &copy->options.force_quote_all));
    TRY(read_flags(binder, syntax.force_not_null, copy, "FORCE_NOT_NULL",
        &copy->options.force_not_null, NULL));
    TRY(read_flags(binder, syntax.force_null, copy, "FORCE_NULL", &copy->options.force_null, NULL));
    if (copy->is_from) TRY(make_insert(binder, copy));
    binder->bound->kind = BOUND_COPY;
    binder->bound->copy = copy;
    return OK;
}
