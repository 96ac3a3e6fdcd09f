// Compares input and output of one type with a running PostgreSQL 15, and records its answers.
//
//   value_oracle CONNECTION INPUTS COUNT SEED [GOLDEN]
//
// INPUTS is a file of inputs/: a head "# typname modifier", then one text a line. They are sent as
// they are, then COUNT random ones: texts made of theirs with digits and pieces changed, and binary
// values with bytes changed. With GOLDEN, PostgreSQL's answers to all of them go to that file.
// Prints each difference, and how many there were; exits 1 when there was one.
#include "base/error.h"
#include "base/random.h"
#include "base/utf8.h"
#include "types/value_case.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

enum { INPUT_MAX = 2000, SHOWN_MAX = 40 };

typedef struct Oracle {
    PGconn *connection;
    ValueHead head;
    SqlType type;
    Oid text_type; // of the parameter that a text is sent as
    char text_statement[512], binary_statement[128];
    Random random;
    char *inputs[INPUT_MAX]; // unescaped
    size_t input_count;
} Oracle;

static void die(const Oracle *oracle, const char *what) {
    fprintf(stderr, "value_oracle: %s: %s\n", what, PQerrorMessage(oracle->connection));
    exit(2);
}

static void run(const Oracle *oracle, const char *statement) {
    PGresult *result = PQexec(oracle->connection, statement);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) die(oracle, statement);
    PQclear(result);
}

// The call of the type's input function, which is what a literal becomes. An array's cannot be
// called; a column of a table has the modifier for it.
static void prepare(Oracle *oracle) {
    char query[512], setting[64];
    int length;
    for (const char *at = oracle->head.settings; sscanf(at, "%63s %n", setting, &length) == 1;
         at += length) {
        char *equals = strchr(setting, '=');
        *equals = '\0';
        snprintf(query, sizeof query, "set %s = '%s'", setting, equals + 1);
        run(oracle, query);
    }
    Arena arena;
    arena_init(&arena, NULL);
    snprintf(query, sizeof query,
        "select p.proname, p.pronargs, t.oid from pg_type t join pg_proc p on p.oid = t.typinput "
        "where t.oid = %u",
        oracle->type.oid);
    PGresult *result = PQexec(oracle->connection, query);
    if (PQntuples(result) != 1) die(oracle, query);
    const char *name = PQgetvalue(result, 0, 0);
    char *statement = oracle->text_statement;
    size_t size = sizeof oracle->text_statement;
    oracle->text_type = TYPE_CSTRING;
    if (strcmp(name, "array_in") == 0) {
        Text type;
        text_init(&type, &arena);
        type_format(oracle->type, &type);
        snprintf(query, sizeof query, "create temp table t (v %s)", type.data);
        run(oracle, query);
        snprintf(statement, size, "insert into t values ($1) returning v");
        oracle->text_type = oracle->type.oid;
    } else if (strcmp(PQgetvalue(result, 0, 1), "1") == 0) {
        snprintf(statement, size, "select %s($1)", name);
    } else {
        snprintf(statement, size, "select %s($1, %s, %d)", name, PQgetvalue(result, 0, 2),
            oracle->type.modifier);
    }
    snprintf(oracle->binary_statement, sizeof oracle->binary_statement, "select $1");
    PQclear(result);
    arena_deinit(&arena);
}

static void answer_append(
    const Oracle *oracle, const ValueCase *value_case, Arena *arena, Text *out) {
    value_case_append_input(value_case, out);
    const char *input = value_case->is_binary
                            ? value_case->input
                            : arena_copy_text_n(arena, value_case->input, value_case->count);
    const char *statement =
        value_case->is_binary ? oracle->binary_statement : oracle->text_statement;
    Oid type = value_case->is_binary ? oracle->type.oid : oracle->text_type;
    int count = (int)value_case->count, format = value_case->is_binary;
    for (int result_format = 0; result_format < 2; result_format++) {
        PGresult *result = PQexecParams(
            oracle->connection, statement, 1, &type, &input, &count, &format, result_format);
        if (PQresultStatus(result) != PGRES_TUPLES_OK) {
            if (PQresultStatus(result) != PGRES_FATAL_ERROR) die(oracle, "no answer");
            const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
            const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
            const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
            if (sqlstate == NULL) die(oracle, "connection");
            text_append_format(out, "!\t%s\t", sqlstate);
            const char *parameter = strstr(message, " in bind parameter 1");
            size_t length = parameter != NULL ? (size_t)(parameter - message) : strlen(message);
            escape_append(out, message, length);
            text_append_char(out, '\t');
            if (detail != NULL) escape_append(out, detail, strlen(detail));
            PQclear(result);
            return;
        }
        const char *value = PQgetvalue(result, 0, 0);
        size_t length = (size_t)PQgetlength(result, 0, 0);
        if (result_format == 0) {
            text_append_text(out, "=\t");
            escape_append(out, value, length);
            text_append_char(out, '\t');
        } else {
            hex_append(out, bytes_make(value, length));
        }
        PQclear(result);
    }
}

static void read_inputs(Oracle *oracle, const char *path, Arena *arena) {
    FILE *file = fopen(path, "r");
    if (file == NULL) die(oracle, path);
    char *line = NULL;
    size_t capacity = 0;
    ssize_t count = getline(&line, &capacity, file);
    if (count <= 0) die(oracle, path);
    value_head_read(line, arena, &oracle->head);
    oracle->type = oracle->head.type;
    while ((count = getline(&line, &capacity, file)) > 0 && oracle->input_count < INPUT_MAX) {
        const char *at = line;
        ValueCase value_case = unescape(&at, arena);
        oracle->inputs[oracle->input_count++] = arena_copy_text(arena, value_case.input);
    }
    free(line);
    fclose(file);
}

// Another value's text, with some digits changed, now and then cut and joined with a second one,
// and rarely a character of another kind put in.
static const char *random_text(Oracle *oracle, Arena *arena) {
    Random *random = &oracle->random;
    const char *first = oracle->inputs[random_below(random, oracle->input_count)];
    Text text;
    text_init(&text, arena);
    text_append_text(&text, first);
    if (random_below(random, 6) == 0) {
        const char *second = oracle->inputs[random_below(random, oracle->input_count)];
        text.count = random_below(random, text.count + 1);
        text_append_text(&text, second + random_below(random, strlen(second) + 1));
    }
    uint64_t digit_chance = random_below(random, 4);
    for (size_t i = 0; i < text.count; i++) {
        if (text.data[i] >= '0' && text.data[i] <= '9' && random_below(random, 4) < digit_chance) {
            text.data[i] = (char)('0' + random_below(random, 10));
        }
    }
    if (random_below(random, 8) == 0 && text.count > 0) {
        static const char others[] = " -+.:/,eE0159x\\\"'{}[]aTZ";
        size_t at = random_below(random, text.count);
        text.data[at] = others[random_below(random, sizeof others - 1)];
    }
    // Text that is not UTF-8 is refused before it comes here.
    if (utf8_check(text.data, text.count) != OK) {
        error_clear();
        return first;
    }
    text_append_char(&text, '\0');
    return text.data;
}

// The binary form of a random text that is valid, as it is or with some bytes changed.
static bool random_binary(Oracle *oracle, Arena *arena, ValueCase *value_case_out) {
    Random *random = &oracle->random;
    const char *text = random_text(oracle, arena);
    Value value;
    Text binary;
    text_init(&binary, arena);
    const ValueContext *context = &oracle->head.context;
    if (value_from_text(context, oracle->type, text, strlen(text), arena, &value) != OK) {
        return false;
    }
    if (value_to_binary(context, oracle->type.oid, &value, &binary) != OK) return false;
    if (random_below(random, 2) == 0) {
        for (size_t i = 0; i < binary.count; i++) {
            if (random_below(random, 8) == 0) binary.data[i] = (char)random_next(random);
        }
    }
    if (random_below(random, 50) == 0) text_append_char(&binary, 'x');
    if (random_below(random, 50) == 0 && binary.count > 0) binary.count--;
    *value_case_out = (ValueCase){true, binary.data, binary.count};
    return true;
}

int main(int argument_count, char **arguments) {
    if (argument_count < 5) {
        fprintf(stderr, "usage: value_oracle CONNECTION INPUTS COUNT SEED [GOLDEN]\n");
        return 2;
    }
    static Oracle oracle;
    oracle.connection = PQconnectdb(arguments[1]);
    if (PQstatus(oracle.connection) != CONNECTION_OK) die(&oracle, arguments[1]);
    PQclear(PQexec(oracle.connection, "set client_min_messages = error"));
    Arena inputs, arena;
    arena_init(&inputs, NULL);
    arena_init(&arena, NULL);
    read_inputs(&oracle, arguments[2], &inputs);
    prepare(&oracle);
    size_t random_count = strtoul(arguments[3], NULL, 10);
    random_seed(&oracle.random, strtoul(arguments[4], NULL, 10));
    FILE *golden = argument_count > 5 ? fopen(arguments[5], "w") : NULL;
    if (golden != NULL) {
        fprintf(golden, "# %s %d %s\n", type_find(oracle.type.oid)->name, oracle.type.modifier,
            oracle.head.settings);
    }
    size_t difference_count = 0, case_count = 0;
    for (size_t i = 0; i < oracle.input_count + random_count; i++) {
        arena_reset(&arena);
        ValueCase value_case = {0};
        if (i < oracle.input_count) {
            value_case = (ValueCase){false, oracle.inputs[i], strlen(oracle.inputs[i])};
        } else if (i % 4 == 0) {
            if (!random_binary(&oracle, &arena, &value_case)) continue;
        } else {
            const char *text = random_text(&oracle, &arena);
            value_case = (ValueCase){false, text, strlen(text)};
        }
        Text ours, theirs;
        text_init(&ours, &arena);
        text_init(&theirs, &arena);
        value_case_append(oracle.type, &oracle.head.context, &value_case, &arena, &ours);
        answer_append(&oracle, &value_case, &arena, &theirs);
        case_count++;
        if (golden != NULL) fprintf(golden, "%s\n", theirs.data);
        if (strcmp(ours.data, theirs.data) == 0) continue;
        if (++difference_count <= SHOWN_MAX) {
            printf("- %s\n+ %s\n", theirs.data, ours.data);
        }
    }
    printf("%s: %zu cases, %zu differences\n", arguments[2], case_count, difference_count);
    if (golden != NULL) fclose(golden);
    PQfinish(oracle.connection);
    return difference_count > 0;
}
