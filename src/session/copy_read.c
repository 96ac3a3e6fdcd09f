// COPY FROM: text, CSV and binary, cut into rows and fields.
//
// Source   PostgreSQL 15, "COPY", File Formats.
#include "base/utf8.h"
#include "session/copy_internal.h"

#include <ctype.h>

// ---- Lines --------------------------------------------------------------------------------------

// The end of the line that starts at `at`, before its newline; *next_out is behind it. False when
// the line is not complete.
static bool find_line(
    const char *at, const char *end, bool is_last, const char **end_out, const char **next_out) {
    const char *from = at;
    for (;;) {
        const char *newline = memchr(from, '\n', (size_t)(end - from));
        if (newline == NULL) {
            if (!is_last || at == end) return false;
            *end_out = *next_out = end;
            if (end > at && end[-1] == '\r') *end_out = end - 1;
            return true;
        }
        // A backslash before the newline makes it data; an even number of them does not.
        const char *slash = newline;
        while (slash > at && slash[-1] == '\\')
            slash--;
        if ((newline - slash) % 2 == 0) {
            *next_out = newline + 1;
            *end_out = newline > at && newline[-1] == '\r' ? newline - 1 : newline;
            return true;
        }
        from = newline + 1;
    }
}

static Status check_utf8(CopyIn *copy, const char *line, size_t count) {
    Status status = utf8_check(line, count);
    if (status != OK) copy_line_context(copy, NULL, 0); // it cannot be shown
    return status;
}

static Status missing_column(CopyIn *copy, uint32_t column, const char *line, size_t count) {
    Status status =
        fail(BAD_COPY_FILE_FORMAT, "missing data for column \"%s\"", copy->columns[column].name);
    copy_line_context(copy, line, count);
    return status;
}

static Status extra_column(CopyIn *copy, const char *line, size_t count) {
    Status status = fail(BAD_COPY_FILE_FORMAT, "extra data after last expected column");
    copy_line_context(copy, line, count);
    return status;
}

static Status check_header(CopyIn *copy, uint32_t index, const char *name, size_t count,
    const char *line, size_t line_count) {
    if (!copy->options->header_must_match) return OK;
    const char *wanted = index < copy->column_count ? copy->columns[index].name : "";
    if (index < copy->column_count && name != NULL && strlen(wanted) == count
        && memcmp(wanted, name, count) == 0)
        return OK;
    Status status = fail(BAD_COPY_FILE_FORMAT,
        "column name mismatch in header line field %u: got \"%.*s\", expected \"%s\"", index + 1,
        (int)count, name == NULL ? "" : name, wanted);
    copy_line_context(copy, line, line_count);
    return status;
}

// ---- Text ---------------------------------------------------------------------------------------

static char unescape(const char **at, const char *end) {
    char c = *(*at)++;
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'v':
        return '\v';
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7': {
        int value = c - '0';
        for (int i = 0; i < 2 && *at < end && **at >= '0' && **at <= '7'; i++)
            value = value * 8 + (*(*at)++ - '0');
        return (char)(value & 0xFF);
    }
    case 'x': {
        int value = 0, digits = 0;
        while (digits < 2 && *at < end && isxdigit((unsigned char)**at)) {
            int digit = tolower((unsigned char)*(*at)++);
            value = value * 16 + (isdigit(digit) ? digit - '0' : digit - 'a' + 10);
            digits++;
        }
        return digits == 0 ? 'x' : (char)value;
    }
    default:
        return c;
    }
}

// Where the field that starts at `at` ends, and whether anything in it is escaped.
static const char *find_field_end(
    const char *at, const char *end, char delimiter, bool *has_escape_out) {
    *has_escape_out = false;
    for (; at < end && *at != delimiter; at++) {
        if (*at != '\\') continue;
        *has_escape_out = true;
        if (at + 1 < end) at++;
    }
    return at;
}

static Status text_field(
    CopyIn *copy, uint32_t column, const char *at, const char *end, bool has_escape, Bytes line) {
    const CopyOptions *options = copy->options;
    size_t count = (size_t)(end - at);
    if (count == copy->null_count && memcmp(at, options->null_text, count) == 0)
        return copy_field(copy, column, NULL, 0);
    if (!has_escape) return copy_field(copy, column, at, count);
    char *plain = arena_allocate(&copy->batch_arena, count + 1, 1);
    size_t plain_count = 0;
    bool needs_check = false;
    while (at < end) {
        char c = *at++;
        if (c == '\\' && at < end) {
            c = unescape(&at, end);
            needs_check = needs_check || (c & 0x80) != 0 || c == 0;
        }
        plain[plain_count++] = c;
    }
    Status status = needs_check ? utf8_check(plain, plain_count) : OK;
    if (status != OK) {
        copy_line_context(copy, (const char *)line.data, line.count);
        return status;
    }
    return copy_field(copy, column, plain, plain_count);
}

// `has_slash`: a backslash is somewhere in the line.
static Status text_line(CopyIn *copy, const char *line, const char *end, bool has_slash) {
    size_t count = (size_t)(end - line);
    TRY(check_utf8(copy, line, count));
    bool is_header = copy->options->has_header && !copy->has_header_passed;
    copy->has_header_passed = true;
    const char *at = line;
    uint32_t column = 0;
    if (copy->column_count == 0) {
        if (count > 0) return extra_column(copy, line, count);
        copy_row_end(copy, line, count);
        return OK;
    }
    for (;;) {
        bool has_escape = false;
        const char *field_end;
        if (has_slash) {
            field_end = find_field_end(at, end, copy->options->delimiter, &has_escape);
        } else {
            field_end = memchr(at, copy->options->delimiter, (size_t)(end - at));
            if (field_end == NULL) field_end = end;
        }
        if (is_header) {
            TRY(check_header(copy, column, at, (size_t)(field_end - at), line, count));
        } else {
            if (column >= copy->column_count) return extra_column(copy, line, count);
            TRY(text_field(copy, column, at, field_end, has_escape, bytes_make(line, count)));
        }
        column++;
        if (field_end == end) break;
        at = field_end + 1;
    }
    if (is_header) return OK;
    if (column < copy->column_count) return missing_column(copy, column, line, count);
    copy_row_end(copy, line, count);
    return OK;
}

Status copy_read_text(CopyIn *copy, bool is_last, size_t *consumed_out, bool *is_blocked_out) {
    const char *start = (const char *)copy->bytes, *at = start, *end = start + copy->count;
    const char *slash = at; // the next backslash, once it is known
    while (!copy_batch_is_full(copy)) {
        const char *line_end, *next;
        if (!find_line(at, end, is_last, &line_end, &next)) {
            *is_blocked_out = true;
            break;
        }
        copy->line++;
        if (line_end - at == 2 && at[0] == '\\' && at[1] == '.') {
            copy->has_ended = true;
            at = next;
            break;
        }
        if (slash <= at && slash < end) {
            slash = memchr(at, '\\', (size_t)(end - at));
            if (slash == NULL) slash = end;
        }
        TRY(text_line(copy, at, line_end, slash < line_end));
        at = next;
    }
    *consumed_out = (size_t)(at - start);
    return OK;
}

// ---- CSV ----------------------------------------------------------------------------------------

// As find_line, with quotes: a newline within them is data. *is_open_out: a quote never closed.
static bool find_csv_line(CopyIn *copy, const char *at, const char *end, bool is_last,
    const char **end_out, const char **next_out, bool *is_open_out) {
    char quote = copy->options->quote, escape = copy->options->escape;
    bool is_quoted = false;
    *is_open_out = false;
    for (const char *c = at; c < end; c++) {
        if (is_quoted && *c == escape && escape != quote) {
            if (c + 1 < end && (c[1] == escape || c[1] == quote))
                c++;
            else if (c + 1 == end && !is_last)
                return false;
            continue;
        }
        if (*c == quote) {
            is_quoted = !is_quoted;
            continue;
        }
        if (is_quoted || *c != '\n') continue;
        *next_out = c + 1;
        *end_out = c > at && c[-1] == '\r' ? c - 1 : c;
        return true;
    }
    if (!is_last || at == end) return false;
    *is_open_out = is_quoted;
    *end_out = *next_out = end;
    if (!is_quoted && end > at && end[-1] == '\r') *end_out = end - 1;
    return true;
}

// Line ends within quotes count as lines of the file, and the row is told of by its last; but not
// in the first line, before PostgreSQL knows how lines end here.
static void count_quoted_lines(
    CopyIn *copy, const char *line, const char *line_end, const char *next) {
    if (copy->line_end != 0) {
        const char *at = line;
        while ((at = memchr(at, copy->line_end, (size_t)(line_end - at))) != NULL) {
            at++;
            copy->line++;
        }
    } else if (line_end < next) {
        copy->line_end = *line_end;
    }
}

typedef struct CsvField {
    const char *text;
    size_t count;
    bool is_quoted;
} CsvField;

// Reads one field; returns where it ends.
static const char *csv_field(CopyIn *copy, const char *at, const char *end, CsvField *field) {
    const CopyOptions *options = copy->options;
    char quote = options->quote, escape = options->escape;
    const char *plain_end = at;
    while (plain_end < end && *plain_end != options->delimiter && *plain_end != quote)
        plain_end++;
    if (plain_end == end || *plain_end == options->delimiter) {
        *field = (CsvField){.text = at, .count = (size_t)(plain_end - at)};
        return plain_end;
    }
    char *text = arena_allocate(&copy->batch_arena, (size_t)(end - at) + 1, 1);
    size_t count = 0;
    bool is_quoted = false;
    for (; at < end; at++) {
        if (!is_quoted && *at == options->delimiter) break;
        if (is_quoted && *at == escape && at + 1 < end && (at[1] == quote || at[1] == escape)) {
            text[count++] = *++at;
            continue;
        }
        if (*at == quote) {
            is_quoted = !is_quoted;
            continue;
        }
        text[count++] = *at;
    }
    *field = (CsvField){.text = text, .count = count, .is_quoted = true};
    return at;
}

static bool csv_is_null(const CopyIn *copy, uint32_t column, const CsvField *field) {
    bool matches = field->count == copy->null_count
                   && memcmp(field->text, copy->options->null_text, field->count) == 0;
    if (field->is_quoted) return matches && copy->columns[column].force_null;
    return matches && !copy->columns[column].force_not_null;
}

static Status csv_line(CopyIn *copy, const char *line, const char *end) {
    size_t count = (size_t)(end - line);
    TRY(check_utf8(copy, line, count));
    bool is_header = copy->options->has_header && !copy->has_header_passed;
    copy->has_header_passed = true;
    const char *at = line;
    uint32_t column = 0;
    for (;;) {
        CsvField field;
        const char *field_end = csv_field(copy, at, end, &field);
        if (is_header) {
            TRY(check_header(copy, column, field.text, field.count, line, count));
        } else {
            if (column >= copy->column_count) return extra_column(copy, line, count);
            bool is_null = csv_is_null(copy, column, &field);
            TRY(copy_field(copy, column, is_null ? NULL : field.text, field.count));
        }
        column++;
        if (field_end == end) break;
        at = field_end + 1;
    }
    if (is_header) return OK;
    if (column < copy->column_count) return missing_column(copy, column, line, count);
    copy_row_end(copy, line, count);
    return OK;
}

Status copy_read_csv(CopyIn *copy, bool is_last, size_t *consumed_out, bool *is_blocked_out) {
    const char *start = (const char *)copy->bytes, *at = start, *end = start + copy->count;
    while (!copy_batch_is_full(copy)) {
        const char *line_end, *next;
        bool is_open;
        if (!find_csv_line(copy, at, end, is_last, &line_end, &next, &is_open)) {
            *is_blocked_out = true;
            break;
        }
        copy->line++;
        count_quoted_lines(copy, at, line_end, next);
        if (is_open) {
            Status status = fail(BAD_COPY_FILE_FORMAT, "unterminated CSV quoted field");
            copy_line_context(copy, at, (size_t)(line_end - at));
            return status;
        }
        if (line_end - at == 2 && at[0] == '\\' && at[1] == '.') {
            copy->has_ended = true;
            at = next;
            break;
        }
        TRY(csv_line(copy, at, line_end));
        at = next;
    }
    *consumed_out = (size_t)(at - start);
    return OK;
}

// ---- Binary -------------------------------------------------------------------------------------

static const char binary_signature[11] = {
    'P', 'G', 'C', 'O', 'P', 'Y', '\n', (char)0xFF, '\r', '\n', 0};

static Status binary_failure(CopyIn *copy, Status status) {
    copy_line_context(copy, NULL, 0);
    return status;
}

// The header's bytes, or 0 when they are not all there.
static Status binary_header(CopyIn *copy, bool is_last, size_t *consumed_out) {
    enum { HEADER_BYTES = 19, HAS_OIDS = 1 << 16 };

    *consumed_out = 0;
    const uint8_t *bytes = copy->bytes;
    size_t known = copy->count < sizeof binary_signature ? copy->count : sizeof binary_signature;
    if (memcmp(bytes, binary_signature, known) != 0
        || (is_last && copy->count < sizeof binary_signature))
        return binary_failure(
            copy, fail(BAD_COPY_FILE_FORMAT, "COPY file signature not recognized"));
    if (copy->count < HEADER_BYTES) {
        if (!is_last) return OK;
        return binary_failure(
            copy, fail(BAD_COPY_FILE_FORMAT, "invalid COPY file header (missing length)"));
    }
    uint32_t flags = get_u32_be(bytes + 11), extension = get_u32_be(bytes + 15);
    if ((flags & HAS_OIDS) != 0)
        return binary_failure(
            copy, fail(BAD_COPY_FILE_FORMAT, "invalid COPY file header (WITH OIDS)"));
    if (flags >> 16 != 0)
        return binary_failure(
            copy, fail(BAD_COPY_FILE_FORMAT, "unrecognized critical flags in COPY file header"));
    if (copy->count - HEADER_BYTES < extension) {
        if (!is_last) return OK;
        return binary_failure(
            copy, fail(BAD_COPY_FILE_FORMAT, "invalid COPY file header (wrong length)"));
    }
    copy->has_header_passed = true;
    *consumed_out = HEADER_BYTES + extension;
    return OK;
}

static Status binary_field(CopyIn *copy, uint32_t index, Bytes bytes) {
    const CopyColumn *column = &copy->columns[index];
    Datum datum = {0};
    Status status = column->ops->from_binary(
        &copy->portal->session->values, bytes, column->type.modifier, &copy->batch_arena, &datum);
    if (status != OK) {
        error_add_context("COPY %s, line %llu, column %s", copy->table_name,
            (unsigned long long)copy->line, column->name);
        return status;
    }
    uint8_t *values = copy->batch->columns[index].values;
    memcpy(values + (size_t)copy->batch->row_count * column->width, &datum, column->width);
    return OK;
}

// One tuple: *count_out 0 when its bytes are not all there.
static Status binary_row(CopyIn *copy, Bytes bytes, bool is_last, size_t *count_out) {
    *count_out = 0;
    size_t position = 0;
    if (bytes.count < 2) return OK;
    int16_t field_count = (int16_t)get_u16_be(bytes.data);
    position = 2;
    if (field_count == -1) {
        copy->has_ended = true;
        *count_out = position;
        return OK;
    }
    copy->line++;
    if (field_count != (int32_t)copy->column_count)
        return binary_failure(copy, fail(BAD_COPY_FILE_FORMAT, "row field count is %d, expected %u",
                                        field_count, copy->column_count));
    // Whether everything is there comes first: a field is read once only.
    size_t end = position;
    for (int16_t i = 0; i < field_count; i++) {
        if (bytes.count - end < 4) goto incomplete;
        int32_t length = (int32_t)get_u32_be(bytes.data + end);
        end += 4;
        if (length < -1)
            return binary_failure(copy, fail(BAD_COPY_FILE_FORMAT, "invalid field size"));
        if (length < 0) continue;
        if (bytes.count - end < (size_t)length) goto incomplete;
        end += (size_t)length;
    }
    for (uint32_t i = 0; i < copy->column_count; i++) {
        int32_t length = (int32_t)get_u32_be(bytes.data + position);
        position += 4;
        if (length < 0) {
            TRY(copy_field(copy, i, NULL, 0));
            continue;
        }
        TRY(binary_field(copy, i, bytes_make(bytes.data + position, (size_t)length)));
        position += (size_t)length;
    }
    copy_row_end(copy, NULL, position);
    *count_out = position;
    return OK;

incomplete:
    if (is_last)
        return binary_failure(copy, fail(BAD_COPY_FILE_FORMAT, "unexpected EOF in COPY data"));
    copy->line--;
    return OK;
}

Status copy_read_binary(CopyIn *copy, bool is_last, size_t *consumed_out, bool *is_blocked_out) {
    size_t position = 0;
    if (!copy->has_header_passed) {
        TRY(binary_header(copy, is_last, &position));
        if (!copy->has_header_passed) {
            *is_blocked_out = true;
            return OK;
        }
    }
    while (!copy_batch_is_full(copy) && !copy->has_ended) {
        size_t count;
        TRY(binary_row(
            copy, bytes_make(copy->bytes + position, copy->count - position), is_last, &count));
        position += count;
        if (count > 0) continue;
        if (is_last && position < copy->count)
            return binary_failure(copy, fail(BAD_COPY_FILE_FORMAT, "unexpected EOF in COPY data"));
        *is_blocked_out = true;
        break;
    }
    *consumed_out = position;
    return OK;
}
