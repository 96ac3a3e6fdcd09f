// Answers: taken from a server as text that can be compared and kept.

#include "oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_USER_OID = 16384 };

static void add_escaped(Buffer *out, const char *text, size_t count) {
    for (size_t i = 0; i < count; i++) {
        switch (text[i]) {
        case '\\':
            buffer_add_text(out, "\\\\");
            break;
        case '\n':
            buffer_add_text(out, "\\n");
            break;
        case '\t':
            buffer_add_text(out, "\\t");
            break;
        case '\r':
            buffer_add_text(out, "\\r");
            break;
        default:
            buffer_add(out, text + i, 1);
        }
    }
}

static void add_hex(Buffer *out, const char *bytes, size_t count) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        char pair[2] = {digits[byte >> 4], digits[byte & 15]};
        buffer_add(out, pair, 2);
    }
}

// Objects that the corpus makes get the next number of their cluster, which says nothing.
static bool is_user_oid(Oid type, const char *bytes, size_t count) {
    enum { REGCLASS = 2205, OID = 26 };

    if ((type != REGCLASS && type != OID) || count != 4) return false;
    const unsigned char *at = (const unsigned char *)bytes;
    uint32_t value = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    return value >= FIRST_USER_OID && value < 2 * FIRST_USER_OID;
}

static void add_row(Buffer *out, const PGresult *result, int row, bool is_binary) {
    buffer_add_text(out, is_binary ? "binary " : "row ");
    for (int i = 0; i < PQnfields(result); i++) {
        if (i > 0) buffer_add_text(out, "\t");
        const char *field = PQgetvalue(result, row, i);
        size_t count = (size_t)PQgetlength(result, row, i);
        if (PQgetisnull(result, row, i)) {
            buffer_add_text(out, "\\N");
        } else if (is_binary && is_user_oid(PQftype(result, i), field, count)) {
            buffer_add_text(out, "user");
        } else if (is_binary) {
            add_hex(out, field, count);
        } else {
            add_escaped(out, field, count);
        }
    }
    buffer_add_text(out, "\n");
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Rows in the server's order where the statement asks for one, sorted otherwise.
static void add_rows(Buffer *out, const PGresult *result, bool is_ordered, bool is_binary) {
    int count = PQntuples(result);
    char **rows = calloc((size_t)count + 1, sizeof *rows);
    if (rows == NULL) abort();
    for (int i = 0; i < count; i++) {
        Buffer row = {0};
        add_row(&row, result, i, is_binary);
        rows[i] = row.data;
    }
    if (!is_ordered) qsort(rows, (size_t)count, sizeof *rows, compare_texts);
    for (int i = 0; i < count; i++) {
        buffer_add_text(out, rows[i]);
        free(rows[i]);
    }
    free(rows);
}

static void add_error(Buffer *out, const PGresult *result) {
    static const struct {
        int code;
        const char *name;
    } fields[] = {
        {PG_DIAG_SQLSTATE, "sqlstate"},
        {PG_DIAG_STATEMENT_POSITION, "position"},
        {PG_DIAG_MESSAGE_PRIMARY, "message"},
        {PG_DIAG_MESSAGE_DETAIL, "detail"},
        {PG_DIAG_MESSAGE_HINT, "hint"},
        {PG_DIAG_SCHEMA_NAME, "schema"},
        {PG_DIAG_TABLE_NAME, "table"},
        {PG_DIAG_COLUMN_NAME, "column"},
        {PG_DIAG_CONSTRAINT_NAME, "constraint"},
    };

    buffer_add_text(out, "error");
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const char *value = PQresultErrorField(result, fields[i].code);
        if (value == NULL) continue;
        buffer_add_format(out, " %s=", fields[i].name);
        add_escaped(out, value, strlen(value));
    }
    buffer_add_text(out, "\n");
}

static void add_columns(Buffer *out, const PGresult *result) {
    for (int i = 0; i < PQnfields(result); i++) {
        Oid type = PQftype(result, i);
        buffer_add_text(out, "column ");
        add_escaped(out, PQfname(result, i), strlen(PQfname(result, i)));
        buffer_add_format(
            out, " %u %d\n", type >= FIRST_USER_OID ? FIRST_USER_OID : type, PQfmod(result, i));
    }
}

void answer_take(PGconn *connection, const char *sql, Buffer *answer) {
    bool is_ordered = statement_is_ordered(sql);
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COPY_OUT) {
        char *piece;
        int count;
        buffer_add_text(answer, "copy\n");
        while ((count = PQgetCopyData(connection, &piece, 0)) > 0) {
            buffer_add_text(answer, "data ");
            add_escaped(answer, piece, (size_t)count);
            buffer_add_text(answer, "\n");
            PQfreemem(piece);
        }
        PQclear(result);
        result = PQgetResult(connection);
        status = PQresultStatus(result);
        while (PQgetResult(connection) != NULL) {}
    } else if (status == PGRES_COPY_IN) {
        PQputCopyEnd(connection, "the corpus has no data for this COPY");
        PQclear(result);
        result = PQgetResult(connection);
        status = PQresultStatus(result);
        while (PQgetResult(connection) != NULL) {}
    }
    if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
        if (PQstatus(connection) != CONNECTION_OK) {
            buffer_add_format(answer, "lost %s\n", PQerrorMessage(connection));
        } else {
            add_error(answer, result);
        }
        PQclear(result);
        return;
    }
    buffer_add_format(answer, "tag %s\n", PQcmdStatus(result));
    add_columns(answer, result);
    if (status == PGRES_TUPLES_OK) add_rows(answer, result, is_ordered, false);
    PQclear(result);
    if (status != PGRES_TUPLES_OK || !statement_only_reads(sql)) return;

    result = PQexecParams(connection, sql, 0, NULL, NULL, NULL, NULL, 1);
    if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        add_rows(answer, result, is_ordered, true);
    } else {
        add_error(answer, result);
    }
    PQclear(result);
}

static bool is_refusal(const char *answer) {
    return strncmp(answer, "error", 5) == 0 || strncmp(answer, "lost", 4) == 0;
}

Verdict answer_compare(const char *postgres, const char *omendb) {
    bool is_same = strcmp(postgres, omendb) == 0;
    if (is_refusal(postgres)) return is_same ? VERDICT_BOTH_REFUSE : VERDICT_DIFFERENT;
    if (is_same) return VERDICT_IDENTICAL;
    return is_refusal(omendb) ? VERDICT_ALONE : VERDICT_DIFFERENT;
}
