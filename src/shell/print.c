#include "shell/print.h"

#include "base/utf8.h"

#include <wchar.h>

typedef struct Field {
    const char *text; // NULL for NULL
    uint32_t count;   // bytes
} Field;

typedef struct PrintRow {
    struct PrintRow *next;
    Field fields[];
} PrintRow;

struct Printer {
    Arena *arena;
    FILE *file;
    PrintOptions options;
    const ResultColumn *columns;
    uint32_t column_count;
    bool *aligns_right;
    PrintRow *first, **last; // kept for a table
    uint64_t row_count;
};

static const char *const mode_names[] = {"table", "csv", "json", "markdown", "line"};

bool print_mode_find(const char *name, PrintMode *mode_out) {
    for (size_t i = 0; i < sizeof mode_names / sizeof mode_names[0]; i++) {
        if (strcmp(name, mode_names[i]) == 0) {
            *mode_out = (PrintMode)i;
            return true;
        }
    }
    return false;
}

// Numbers stand on the right, as in psql.
static bool type_aligns_right(Oid type) {
    switch (type) {
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
    case TYPE_NUMERIC:
    case TYPE_OID:
    case TYPE_XID:
    case TYPE_CID:
        return true;
    default:
        return false;
    }
}

static bool type_is_json_bare(Oid type) {
    return type == TYPE_BOOL || (type_aligns_right(type) && type != TYPE_NUMERIC)
           || type == TYPE_NUMERIC || type == TYPE_JSON || type == TYPE_JSONB;
}

Printer *printer_make(Arena *arena, FILE *file, PrintOptions options, const ResultColumn *columns,
    uint32_t column_count) {
    Printer *printer = arena_new(arena, Printer);
    *printer = (Printer){
        .arena = arena,
        .file = file,
        .options = options,
        .columns = columns,
        .column_count = column_count,
        .aligns_right = arena_new_array(arena, bool, column_count + 1),
    };
    printer->last = &printer->first;
    for (uint32_t i = 0; i < column_count; i++) {
        printer->aligns_right[i] = type_aligns_right(columns[i].type.oid);
    }
    return printer;
}

// ---- Widths -------------------------------------------------------------------------------------

// Columns that a character takes on a terminal: 0 for combining marks, 2 for wide ones.
static uint32_t char_width(uint32_t c) {
    if (c < 0x300) return 1;
    if (c <= 0x36F || (c >= 0x200B && c <= 0x200F) || (c >= 0xFE00 && c <= 0xFE0F)) return 0;
    bool is_wide = (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF)
                   || (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF)
                   || (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60)
                   || (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1FAFF)
                   || (c >= 0x20000 && c <= 0x3FFFD);
    return is_wide ? 2 : 1;
}

// Width of one line of text: up to its first newline.
static uint32_t line_width(const char *text, uint32_t count, uint32_t *bytes_out) {
    uint32_t width = 0, at = 0;
    while (at < count && text[at] != '\n') {
        width += char_width(utf8_decode(text + at));
        at += utf8_char_bytes((uint8_t)text[at]);
    }
    *bytes_out = at;
    return width;
}

static uint32_t widest_line(const char *text, uint32_t count) {
    uint32_t widest = 0;
    for (uint32_t at = 0;;) {
        uint32_t bytes;
        uint32_t width = line_width(text + at, count - at, &bytes);
        if (width > widest) widest = width;
        at += bytes;
        if (at >= count) return widest;
        at++;
    }
}

static void put_repeat(FILE *file, char c, uint32_t count) {
    for (; count > 0; count--) {
        fputc(c, file);
    }
}

// ---- Tables -------------------------------------------------------------------------------------

static Field shown(const Printer *printer, Field field) {
    if (field.text != NULL) return field;
    return (Field){printer->options.null_text, (uint32_t)strlen(printer->options.null_text)};
}

static void table_rule(const Printer *printer, const uint32_t *widths) {
    for (uint32_t i = 0; i < printer->column_count; i++) {
        if (i > 0) fputc('+', printer->file);
        put_repeat(printer->file, '-', widths[i] + 2);
    }
    fputc('\n', printer->file);
}

// A row may take several lines: a field's newlines go on below it, marked with '+'.
static void table_row(
    const Printer *printer, const PrintRow *row, const uint32_t *widths, uint32_t *offsets) {
    memset(offsets, 0, printer->column_count * sizeof *offsets);
    bool goes_on = printer->column_count > 0;
    while (goes_on) {
        goes_on = false;
        for (uint32_t i = 0; i < printer->column_count; i++) {
            Field field = shown(printer, row->fields[i]);
            bool is_over = offsets[i] > field.count;
            const char *line = is_over ? "" : field.text + offsets[i];
            uint32_t bytes;
            uint32_t width = line_width(line, is_over ? 0 : field.count - offsets[i], &bytes);
            offsets[i] += bytes + 1;
            bool has_more = !is_over && offsets[i] <= field.count;
            goes_on = goes_on || has_more;

            uint32_t padding = widths[i] - width;
            fputs(i > 0 ? "| " : " ", printer->file);
            if (printer->aligns_right[i]) put_repeat(printer->file, ' ', padding);
            fwrite(line, 1, bytes, printer->file);
            bool is_last = i + 1 == printer->column_count;
            if (!printer->aligns_right[i] && (!is_last || has_more)) {
                put_repeat(printer->file, ' ', padding);
            }
            if (has_more) {
                fputc('+', printer->file);
            } else if (!is_last) {
                fputc(' ', printer->file);
            }
        }
        fputc('\n', printer->file);
    }
}

static void table_header(const Printer *printer, const uint32_t *widths) {
    for (uint32_t i = 0; i < printer->column_count; i++) {
        const char *name = printer->columns[i].name;
        uint32_t padding = widths[i] - widest_line(name, (uint32_t)strlen(name));
        fputs(i > 0 ? "| " : " ", printer->file);
        put_repeat(printer->file, ' ', padding / 2);
        fputs(name, printer->file);
        put_repeat(printer->file, ' ', padding - padding / 2 + 1);
    }
    fputc('\n', printer->file);
}

static void table_print(const Printer *printer) {
    uint32_t *widths = arena_new_array(printer->arena, uint32_t, printer->column_count + 1);
    uint32_t *offsets = arena_new_array(printer->arena, uint32_t, printer->column_count + 1);
    for (uint32_t i = 0; i < printer->column_count; i++) {
        const char *name = printer->columns[i].name;
        widths[i] = widest_line(name, (uint32_t)strlen(name));
    }
    for (const PrintRow *row = printer->first; row != NULL; row = row->next) {
        for (uint32_t i = 0; i < printer->column_count; i++) {
            Field field = shown(printer, row->fields[i]);
            uint32_t width = widest_line(field.text, field.count);
            if (width > widths[i]) widths[i] = width;
        }
    }
    uint32_t total = printer->column_count > 0 ? printer->column_count * 3 - 1 : 0;
    for (uint32_t i = 0; i < printer->column_count; i++) {
        total += widths[i];
    }
    if (printer->options.title != NULL) {
        uint32_t title_width = (uint32_t)strlen(printer->options.title);
        put_repeat(printer->file, ' ', total > title_width ? (total - title_width) / 2 : 0);
        fprintf(printer->file, "%s\n", printer->options.title);
    }
    if (printer->column_count == 0) { // a line is all there is to see
        fputs("--\n", printer->file);
    } else {
        table_header(printer, widths);
        table_rule(printer, widths);
    }
    for (const PrintRow *row = printer->first; row != NULL; row = row->next) {
        table_row(printer, row, widths, offsets);
    }
    if (printer->options.hides_count) return;
    fprintf(printer->file, "(%llu row%s)\n\n", (unsigned long long)printer->row_count,
        printer->row_count == 1 ? "" : "s");
}

// The lines of a value stand below one another; '+' says that another one follows.
static void expanded_value(FILE *file, Field field, uint32_t name_width, uint32_t value_width) {
    uint32_t at = 0;
    for (;;) {
        uint32_t bytes;
        uint32_t width = line_width(field.text + at, field.count - at, &bytes);
        fprintf(file, " | %.*s", (int)bytes, field.text + at);
        at += bytes + 1;
        if (at > field.count) break;
        put_repeat(file, ' ', value_width - width);
        fputs("+\n", file);
        put_repeat(file, ' ', name_width);
    }
    fputc('\n', file);
}

static void expanded_print(const Printer *printer) {
    uint32_t name_width = 0, value_width = 0;
    for (uint32_t i = 0; i < printer->column_count; i++) {
        const char *name = printer->columns[i].name;
        uint32_t width = widest_line(name, (uint32_t)strlen(name));
        if (width > name_width) name_width = width;
    }
    for (const PrintRow *row = printer->first; row != NULL; row = row->next) {
        for (uint32_t i = 0; i < printer->column_count; i++) {
            Field field = shown(printer, row->fields[i]);
            uint32_t width = widest_line(field.text, field.count);
            if (width > value_width) value_width = width;
        }
    }
    uint64_t number = 0;
    for (const PrintRow *row = printer->first; row != NULL; row = row->next) {
        int written = fprintf(printer->file, "-[ RECORD %llu ]", (unsigned long long)++number);
        uint32_t at = (uint32_t)written, cross = name_width + 1;
        for (; at < name_width + value_width + 3; at++) {
            fputc(at == cross ? '+' : '-', printer->file);
        }
        fputc('\n', printer->file);
        for (uint32_t i = 0; i < printer->column_count; i++) {
            const char *name = printer->columns[i].name;
            Field field = shown(printer, row->fields[i]);
            fputs(name, printer->file);
            put_repeat(printer->file, ' ', name_width - widest_line(name, (uint32_t)strlen(name)));
            expanded_value(printer->file, field, name_width, value_width);
        }
    }
    if (printer->row_count == 0) fprintf(printer->file, "(0 rows)\n");
    fputc('\n', printer->file);
}

// ---- Formats that go out row by row -------------------------------------------------------------

static void csv_field(FILE *file, const char *text, uint32_t count) {
    bool needs_quotes = count == 0 || strpbrk(text, ",\"\n\r") != NULL;
    if (!needs_quotes) {
        fwrite(text, 1, count, file);
        return;
    }
    fputc('"', file);
    for (uint32_t i = 0; i < count; i++) {
        if (text[i] == '"') fputc('"', file);
        fputc(text[i], file);
    }
    fputc('"', file);
}

static void csv_row(const Printer *printer, const PrintRow *row) {
    for (uint32_t i = 0; i < printer->column_count; i++) {
        if (i > 0) fputc(',', printer->file);
        Field field = row->fields[i];
        if (field.text != NULL) csv_field(printer->file, field.text, field.count);
    }
    fputc('\n', printer->file);
}

static void json_string(FILE *file, const char *text, uint32_t count) {
    fputc('"', file);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t c = (uint8_t)text[i];
        if (c == '"' || c == '\\') {
            fprintf(file, "\\%c", c);
        } else if (c == '\n') {
            fputs("\\n", file);
        } else if (c == '\t') {
            fputs("\\t", file);
        } else if (c < 0x20) {
            fprintf(file, "\\u%04x", c);
        } else {
            fputc(c, file);
        }
    }
    fputc('"', file);
}

static void json_row(const Printer *printer, const PrintRow *row) {
    fputs(printer->row_count == 1 ? "[\n  {" : ",\n  {", printer->file);
    for (uint32_t i = 0; i < printer->column_count; i++) {
        if (i > 0) fputs(", ", printer->file);
        const char *name = printer->columns[i].name;
        json_string(printer->file, name, (uint32_t)strlen(name));
        fputs(": ", printer->file);
        Field field = row->fields[i];
        Oid type = printer->columns[i].type.oid;
        if (field.text == NULL) {
            fputs("null", printer->file);
        } else if (type == TYPE_BOOL) {
            fputs(field.text[0] == 't' ? "true" : "false", printer->file);
        } else if (type_is_json_bare(type) && strpbrk(field.text, "NnIi") == NULL) {
            fwrite(field.text, 1, field.count, printer->file); // not NaN, not Infinity
        } else {
            json_string(printer->file, field.text, field.count);
        }
    }
    fputc('}', printer->file);
}

static void markdown_row(const Printer *printer, const PrintRow *row) {
    fputc('|', printer->file);
    for (uint32_t i = 0; i < printer->column_count; i++) {
        Field field = shown(printer, row->fields[i]);
        fputc(' ', printer->file);
        for (uint32_t k = 0; k < field.count; k++) {
            if (field.text[k] == '|') fputc('\\', printer->file);
            fputc(field.text[k] == '\n' ? ' ' : field.text[k], printer->file);
        }
        fputs(" |", printer->file);
    }
    fputc('\n', printer->file);
}

static void line_row(const Printer *printer, const PrintRow *row) {
    if (printer->row_count > 1) fputc('\n', printer->file);
    for (uint32_t i = 0; i < printer->column_count; i++) {
        Field field = shown(printer, row->fields[i]);
        fprintf(
            printer->file, "%s = %.*s\n", printer->columns[i].name, (int)field.count, field.text);
    }
}

static void header_print(const Printer *printer) {
    if (printer->options.mode == PRINT_CSV) {
        for (uint32_t i = 0; i < printer->column_count; i++) {
            if (i > 0) fputc(',', printer->file);
            const char *name = printer->columns[i].name;
            csv_field(printer->file, name, (uint32_t)strlen(name));
        }
        fputc('\n', printer->file);
    } else if (printer->options.mode == PRINT_MARKDOWN) {
        fputc('|', printer->file);
        for (uint32_t i = 0; i < printer->column_count; i++) {
            fprintf(printer->file, " %s |", printer->columns[i].name);
        }
        fputs("\n|", printer->file);
        for (uint32_t i = 0; i < printer->column_count; i++) {
            fputs(printer->aligns_right[i] ? "---:|" : "---|", printer->file);
        }
        fputc('\n', printer->file);
    }
}

// ---- Rows ---------------------------------------------------------------------------------------

static Status row_make(Printer *printer, const ValueContext *context, const Batch *batch,
    uint32_t row_index, PrintRow **row_out) {
    PrintRow *row = arena_allocate_zeroed(
        printer->arena, sizeof *row + printer->column_count * sizeof(Field), _Alignof(PrintRow));
    for (uint32_t i = 0; i < printer->column_count; i++) {
        Value value = column_get(&batch->columns[i], row_index);
        if (value.is_null) continue;
        Text text;
        text_init(&text, printer->arena);
        TRY(value_to_text(context, printer->columns[i].type.oid, &value, &text));
        row->fields[i] = (Field){text.data, (uint32_t)text.count};
    }
    *row_out = row;
    return OK;
}

static bool waits_for_widths(const Printer *printer) {
    return printer->options.mode == PRINT_TABLE;
}

Status printer_rows(Printer *printer, const ValueContext *context, const Batch *batch) {
    Selection selection = batch_selection(batch);
    for (uint32_t i = 0; i < selection.count; i++) {
        ArenaMark mark = arena_mark(printer->arena);
        PrintRow *row;
        TRY(row_make(printer, context, batch, selection_row(selection, i), &row));
        if (printer->row_count++ == 0) header_print(printer);
        switch (printer->options.mode) {
        case PRINT_TABLE:
            *printer->last = row;
            printer->last = &row->next;
            break;
        case PRINT_CSV:
            csv_row(printer, row);
            break;
        case PRINT_JSON:
            json_row(printer, row);
            break;
        case PRINT_MARKDOWN:
            markdown_row(printer, row);
            break;
        case PRINT_LINE:
            line_row(printer, row);
            break;
        }
        if (!waits_for_widths(printer)) arena_rewind(printer->arena, mark);
    }
    return arena_check(printer->arena);
}

void printer_end(Printer *printer) {
    if (waits_for_widths(printer)) {
        if (printer->options.is_expanded) {
            expanded_print(printer);
        } else {
            table_print(printer);
        }
        return;
    }
    if (printer->row_count == 0) header_print(printer);
    if (printer->options.mode == PRINT_JSON) {
        fputs(printer->row_count == 0 ? "[]\n" : "\n]\n", printer->file);
    }
}
