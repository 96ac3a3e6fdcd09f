// Random values of every type through both servers: text in, text and binary out, and the binary
// form in again.

#include "oracle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t random_state;

static uint64_t random_u64(void) {
    random_state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = random_state;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static uint64_t below(uint64_t bound) {
    return random_u64() % bound;
}

// An integer whose size is as likely small as large, sometimes at the very end of the range.
static int64_t integer_of_bits(int bits) {
    int64_t max = bits == 64 ? INT64_MAX : (INT64_C(1) << (bits - 1)) - 1;
    switch (below(20)) {
    case 0:
        return max;
    case 1:
        return -max - 1;
    default: {
        int width = 1 + (int)below((uint64_t)bits - 1);
        int64_t value = (int64_t)(random_u64() & ((UINT64_C(1) << width) - 1)) & max;
        return below(2) == 0 ? value : -value;
    }
    }
}

static void make_int2(Buffer *out) {
    buffer_add_format(out, "%" PRId64, integer_of_bits(16));
}

static void make_int4(Buffer *out) {
    buffer_add_format(out, "%" PRId64, integer_of_bits(32));
}

static void make_int8(Buffer *out) {
    buffer_add_format(out, "%" PRId64, integer_of_bits(64));
}

static void make_oid(Buffer *out) {
    buffer_add_format(out, "%" PRIu64, random_u64() >> (32 + below(32)));
}

static void make_bool(Buffer *out) {
    static const char *const words[] = {
        "t", "f", "true", "false", "yes", "no", "on", "off", "1", "0"};
    buffer_add_text(out, words[below(10)]);
}

static void make_float8(Buffer *out) {
    static const char *const words[] = {
        "NaN", "Infinity", "-Infinity", "0", "-0", "1e308", "5e-324"};
    if (below(30) == 0) {
        buffer_add_text(out, words[below(7)]);
        return;
    }
    uint64_t bits = random_u64();
    double value;
    memcpy(&value, &bits, sizeof value);
    if (value != value || value - value != 0) value = (double)(int64_t)bits;
    if (below(3) == 0) value = (double)integer_of_bits(40) / 1000.0;
    buffer_add_format(out, "%.17g", value);
}

static void make_float4(Buffer *out) {
    uint32_t bits = (uint32_t)random_u64();
    float value;
    memcpy(&value, &bits, sizeof value);
    if (value != value || value - value != 0) value = (float)(int32_t)bits;
    buffer_add_format(out, "%.9g", (double)value);
}

static void add_digits(Buffer *out, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        char digit = (char)('0' + below(10));
        buffer_add(out, &digit, 1);
    }
}

static void make_numeric(Buffer *out) {
    static const char *const words[] = {
        "NaN", "Infinity", "-Infinity", "0", "0.000", "1e100", "1e-50"};
    if (below(40) == 0) {
        buffer_add_text(out, words[below(7)]);
        return;
    }
    if (below(2) == 0) buffer_add_text(out, "-");
    add_digits(out, 1 + below(below(10) == 0 ? 200 : 20));
    if (below(3) > 0) {
        buffer_add_text(out, ".");
        add_digits(out, 1 + below(below(10) == 0 ? 100 : 12));
    }
    if (below(12) == 0) buffer_add_format(out, "e%d", (int)below(60) - 30);
}

static void make_numeric_10_3(Buffer *out) {
    if (below(2) == 0) buffer_add_text(out, "-");
    add_digits(out, 1 + below(7));
    buffer_add_text(out, ".");
    add_digits(out, below(6) + 1);
}

static void add_utf8(Buffer *out, uint64_t char_count) {
    static const char *const chars[] = {"a", "Z", "0", " ", "'", "\"", "\\", "\t", "\n", ",", "{",
        "}", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xc3\x9f", "x", "y", "NULL", "-"};
    for (uint64_t i = 0; i < char_count; i++) {
        buffer_add_text(out, chars[below(sizeof chars / sizeof chars[0])]);
    }
}

static void make_text(Buffer *out) {
    add_utf8(out, below(below(20) == 0 ? 2000 : 30));
}

static void make_short_text(Buffer *out) {
    add_utf8(out, below(8));
}

static void make_bytea(Buffer *out) {
    buffer_add_text(out, "\\x");
    uint64_t count = below(40);
    for (uint64_t i = 0; i < count; i++) {
        buffer_add_format(out, "%02x", (unsigned)below(256));
    }
}

static void make_uuid(Buffer *out) {
    uint64_t a = random_u64(), b = random_u64();
    buffer_add_format(out, "%08x-%04x-%04x-%04x-%012" PRIx64, (unsigned)(a >> 32),
        (unsigned)(a >> 16 & 0xFFFF), (unsigned)(a & 0xFFFF), (unsigned)(b >> 48),
        b & UINT64_C(0xFFFFFFFFFFFF));
}

static bool add_special_date(Buffer *out) {
    static const char *const words[] = {"infinity", "-infinity", "epoch"};
    if (below(60) != 0) return false;
    buffer_add_text(out, words[below(3)]);
    return true;
}

static void add_day(Buffer *out, bool *is_bc) {
    uint64_t year = below(10) == 0 ? 1 + below(9999) : 1900 + below(200);
    *is_bc = below(40) == 0 && year < 4700;
    buffer_add_format(out, "%04u-%02u-%02u", (unsigned)year, (unsigned)(1 + below(12)),
        (unsigned)(1 + below(28)));
}

static void add_time(Buffer *out) {
    buffer_add_format(
        out, "%02u:%02u:%02u", (unsigned)below(24), (unsigned)below(60), (unsigned)below(60));
    if (below(2) == 0) {
        buffer_add_text(out, ".");
        add_digits(out, 1 + below(6));
    }
}

static void make_date(Buffer *out) {
    bool is_bc;
    if (add_special_date(out)) return;
    add_day(out, &is_bc);
    if (is_bc) buffer_add_text(out, " BC");
}

static void make_time(Buffer *out) {
    add_time(out);
}

static void make_timestamp(Buffer *out) {
    bool is_bc;
    if (add_special_date(out)) return;
    add_day(out, &is_bc);
    buffer_add_text(out, below(2) == 0 ? " " : "T");
    add_time(out);
    if (is_bc) buffer_add_text(out, " BC");
}

static void make_timestamptz(Buffer *out) {
    static const char *const zones[] = {"", "Z", "+00", "+05:30", "-08", " Europe/Berlin",
        " America/New_York", " UTC", "+14", "-12:00", " Asia/Tokyo", " EST", " PDT"};
    bool is_bc;
    if (add_special_date(out)) return;
    add_day(out, &is_bc);
    buffer_add_text(out, " ");
    add_time(out);
    buffer_add_text(out, zones[below(sizeof zones / sizeof zones[0])]);
    if (is_bc) buffer_add_text(out, " BC");
}

static void make_interval(Buffer *out) {
    static const char *const units[] = {"years", "mons", "days", "hours", "minutes", "seconds",
        "milliseconds", "microseconds", "weeks", "decades", "centuries"};
    uint64_t parts = 1 + below(4);
    for (uint64_t i = 0; i < parts; i++) {
        if (i > 0) buffer_add_text(out, " ");
        buffer_add_format(out, "%" PRId64 " %s", integer_of_bits(12),
            units[below(sizeof units / sizeof units[0])]);
    }
    if (below(2) == 0) {
        buffer_add_text(out, below(2) == 0 ? " " : " -");
        add_time(out);
    }
}

static void make_int4_array(Buffer *out) {
    uint64_t count = below(6);
    buffer_add_text(out, "{");
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0) buffer_add_text(out, ",");
        if (below(6) == 0) {
            buffer_add_text(out, "NULL");
        } else {
            make_int4(out);
        }
    }
    buffer_add_text(out, "}");
}

static void make_text_array(Buffer *out) {
    uint64_t count = below(5);
    buffer_add_text(out, "{");
    for (uint64_t i = 0; i < count; i++) {
        Buffer element = {0};
        buffer_add(&element, "", 0);
        make_short_text(&element);
        if (i > 0) buffer_add_text(out, ",");
        buffer_add_text(out, "\"");
        for (size_t k = 0; k < element.count; k++) {
            if (element.data[k] == '"' || element.data[k] == '\\') buffer_add_text(out, "\\");
            buffer_add(out, element.data + k, 1);
        }
        buffer_add_text(out, "\"");
        buffer_free(&element);
    }
    buffer_add_text(out, "}");
}

static const struct {
    const char *type;
    void (*make)(Buffer *out);
} makers[] = {
    {"boolean", make_bool},
    {"smallint", make_int2},
    {"integer", make_int4},
    {"bigint", make_int8},
    {"oid", make_oid},
    {"real", make_float4},
    {"double precision", make_float8},
    {"numeric", make_numeric},
    {"numeric(10,3)", make_numeric_10_3},
    {"text", make_text},
    {"varchar(10)", make_text},
    {"char(6)", make_short_text},
    {"name", make_text},
    {"bytea", make_bytea},
    {"uuid", make_uuid},
    {"date", make_date},
    {"time", make_time},
    {"time(2)", make_time},
    {"timestamp", make_timestamp},
    {"timestamp(3)", make_timestamp},
    {"timestamptz", make_timestamptz},
    {"interval", make_interval},
    {"integer[]", make_int4_array},
    {"text[]", make_text_array},
};

// Prepared once a type: the value goes in as text ("t") or as binary ("b").
static bool prepare(PGconn *connection, const char *type) {
    char sql[128];
    snprintf(sql, sizeof sql, "select $1::%s", type);
    PGresult *result = PQprepare(connection, "v", sql, 0, NULL);
    bool is_good = PQresultStatus(result) == PGRES_COMMAND_OK;
    if (!is_good) fprintf(stderr, "%s: %s", type, PQerrorMessage(connection));
    PQclear(result);
    return is_good;
}

static PGresult *send_value(
    PGconn *connection, const char *value, int count, int in_format, int out_format) {
    const char *values[] = {value};
    int counts[] = {count}, formats[] = {in_format};
    return PQexecPrepared(connection, "v", 1, values, counts, formats, out_format);
}

static bool same_result(const PGresult *a, const PGresult *b) {
    if (PQresultStatus(a) != PQresultStatus(b)) return false;
    if (PQresultStatus(a) != PGRES_TUPLES_OK) {
        static const int fields[] = {
            PG_DIAG_SQLSTATE, PG_DIAG_MESSAGE_PRIMARY, PG_DIAG_MESSAGE_DETAIL};
        for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
            const char *x = PQresultErrorField(a, fields[i]), *y = PQresultErrorField(b, fields[i]);
            if ((x == NULL) != (y == NULL) || (x != NULL && strcmp(x, y) != 0)) return false;
        }
        return true;
    }
    return PQgetlength(a, 0, 0) == PQgetlength(b, 0, 0)
           && memcmp(PQgetvalue(a, 0, 0), PQgetvalue(b, 0, 0), (size_t)PQgetlength(a, 0, 0)) == 0;
}

static const char *result_text(const PGresult *result) {
    if (PQresultStatus(result) != PGRES_TUPLES_OK) return PQresultErrorMessage(result);
    return PQgetvalue(result, 0, 0);
}

// One value three ways; the number of ways in which the servers differ.
static uint32_t compare_value(
    PGconn *postgres, PGconn *omendb, const char *type, const char *value, bool shows) {
    uint32_t differences = 0;
    for (int format = 0; format < 2; format++) {
        PGresult *expected = send_value(postgres, value, 0, 0, format);
        PGresult *given = send_value(omendb, value, 0, 0, format);
        if (!same_result(expected, given)) {
            differences++;
            if (shows) {
                printf("%s %s '%s'\n  PostgreSQL: %s\n  OmenDB:     %s\n", type,
                    format == 0 ? "text" : "binary", value,
                    format == 0 ? result_text(expected) : "-",
                    format == 0 ? result_text(given) : "-");
            }
        }
        bool goes_back = format == 1 && PQresultStatus(expected) == PGRES_TUPLES_OK;
        if (goes_back) {
            const char *bytes = PQgetvalue(expected, 0, 0);
            int count = PQgetlength(expected, 0, 0);
            PGresult *a = send_value(postgres, bytes, count, 1, 0);
            PGresult *b = send_value(omendb, bytes, count, 1, 0);
            if (!same_result(a, b)) {
                differences++;
                if (shows) {
                    printf("%s binary in '%s'\n  PostgreSQL: %s\n  OmenDB:     %s\n", type, value,
                        result_text(a), result_text(b));
                }
            }
            PQclear(a);
            PQclear(b);
        }
        PQclear(expected);
        PQclear(given);
    }
    return differences;
}

int oracle_values(const OracleOptions *options) {
    Peer postgres, omendb;
    peer_start(&postgres, PEER_POSTGRES, NULL);
    peer_start(&omendb, PEER_OMENDB, options->omendb);
    peer_fresh_database(&postgres, NULL);
    omendb.connection = peer_connect(&omendb);
    uint32_t failed_types = 0, passed_types = 0;
    printf("%-20s %9s %11s\n", "type", "values", "differences");
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
        const char *type = makers[i].type;
        if (options->only != NULL && strstr(type, options->only) == NULL) continue;
        random_state = options->seed + i * 1000003;
        uint32_t differences = 0;
        if (!prepare(postgres.connection, type) || !prepare(omendb.connection, type)) {
            failed_types++;
        } else {
            for (uint32_t k = 0; k < options->value_count; k++) {
                Buffer value = {0};
                buffer_add(&value, "", 0);
                makers[i].make(&value);
                bool shows = options->shows_differences && differences < 10;
                differences +=
                    compare_value(postgres.connection, omendb.connection, type, value.data, shows);
                buffer_free(&value);
            }
            printf("%-20s %9u %11u\n", type, options->value_count, differences);
            fflush(stdout);
            failed_types += differences > 0;
            passed_types += differences == 0;
        }
        PQclear(PQexec(postgres.connection, "deallocate v"));
        PQclear(PQexec(omendb.connection, "deallocate v"));
    }
    peer_stop(&omendb);
    peer_stop(&postgres);
    printf("%u passed, %u failed\n", passed_types, failed_types);
    return failed_types > 0;
}
