#include "parse/parse.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/utf8.h"
#include "os/thread.h"
#include "parse/nesting.h"
#include "parse/tree_reader.h"

#include <limits.h>
#include <pg_query.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    THREAD_COUNT_MAX = 4,
    STACK_BYTES = 256 * 1024 * 1024, // committed by the system as it is touched
};

// Depth that libpg_query and the reader are given: at most about a kilobyte of stack a level.
#ifdef __SANITIZE_THREAD__ // its own stack of calls ends at 65,536
enum { NESTING_MAX = 12500 };
#else
enum { NESTING_MAX = 50000 };
#endif

// One call, on the caller's stack while it waits.
typedef struct Request {
    struct Request *next;
    const char *sql;
    Arena *arena;
    ParsedStatement *statements;
    size_t count;
    Status status;
    Error error; // when status is not OK; texts in `arena`
    bool is_done;
} Request;

struct Parser {
    Mutex mutex;
    Condition work, done;
    Request *first, *last; // guarded by mutex, like all that follow
    Thread *threads[THREAD_COUNT_MAX];
    uint32_t thread_count, idle_count;
    bool is_closing;
};

typedef struct MessageStatus {
    const char *text; // found anywhere in the message
    Status status;
} MessageStatus;

// libpg_query gives the message alone. Nearly all are SYNTAX_ERROR; these are the others that the
// scanner and the grammar raise.
static Status status_of_message(const char *message) {
    static const MessageStatus known[] = {
        {"not yet implemented", FEATURE_NOT_SUPPORTED},
        {"is not implemented", FEATURE_NOT_SUPPORTED},
        {"unsafe use of string constant with Unicode escapes", FEATURE_NOT_SUPPORTED},
        {"unsafe use of \\'", NONSTANDARD_USE_OF_ESCAPE_CHARACTER},
        {"current database's encoding", FEATURE_NOT_SUPPORTED},
        {"invalid byte sequence", CHARACTER_NOT_IN_REPERTOIRE},
        {"precision for type float", INVALID_PARAMETER_VALUE},
        {"column number must be in range", INVALID_PARAMETER_VALUE},
        {"frame start cannot be", WINDOWING_ERROR},
        {"frame end cannot be", WINDOWING_ERROR},
        {"frame starting from", WINDOWING_ERROR},
        {"stack depth limit exceeded", STATEMENT_TOO_COMPLEX},
        {"out of memory", OUT_OF_MEMORY},
        {"invalid memory alloc request size", PROGRAM_LIMIT_EXCEEDED},
    };
    // Quoted pieces of the statement come after "at or near", and may say anything.
    if (strstr(message, " at or near \"") != NULL) return SYNTAX_ERROR;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strstr(message, known[i].text) != NULL) return known[i].status;
    }
    return SYNTAX_ERROR;
}

// Newer minor releases of PostgreSQL 15 quote the whole word after a number, where libpg_query's
// stops in the middle of it: the rest of it, from the statement.
static void widen_junk(const char *sql, int cursor, char *message, size_t message_bytes) {
    static const char junk[] = "trailing junk after numeric literal at or near \"";
    if (strncmp(message, junk, sizeof junk - 1) != 0 || cursor < 1) return;
    size_t start = utf8_byte_offset(sql, strlen(sql), (size_t)cursor - 1);
    const char *end = sql + start;
    while (*end == '_' || *end == '.' || (*end & 0x80) != 0 || (*end >= '0' && *end <= '9')
           || ((*end | 0x20) >= 'a' && (*end | 0x20) <= 'z')) {
        end++;
    }
    snprintf(
        message, message_bytes, "%s%.*s\"", junk, (int)(end - sql - (ptrdiff_t)start), sql + start);
}

static Status raise_error(const char *sql, const PgQueryError *error) {
    char message[1024];
    snprintf(
        message, sizeof message, "%s", error->message != NULL ? error->message : "syntax error");
    widen_junk(sql, error->cursorpos, message, sizeof message);
    Status status = fail(status_of_message(message), "%s", message);
    if (error->cursorpos > 0) error_set_position((uint32_t)error->cursorpos);
    if (strcmp(message, "invalid Unicode escape") == 0) {
        // The scanner raises it for E'...', the parser for U&'...', with another SQLSTATE.
        bool is_scanner = error->filename != NULL && strstr(error->filename, "scan") != NULL;
        status = fail(is_scanner ? INVALID_ESCAPE_SEQUENCE : SYNTAX_ERROR, "%s", message);
        if (error->cursorpos > 0) error_set_position((uint32_t)error->cursorpos);
        error_add_hint(is_scanner ? "Unicode escapes must be \\uXXXX or \\UXXXXXXXX."
                                  : "Unicode escapes must be \\XXXX or \\+XXXXXX.");
    } else if (strcmp(message, "subquery in FROM must have an alias") == 0) {
        error_add_hint("For example, FROM (SELECT ...) [AS] foo.");
    } else if (strcmp(message, "VALUES in FROM must have an alias") == 0) {
        error_add_hint("For example, FROM (VALUES ...) [AS] foo.");
    } else if (strncmp(message, "LIMIT #,# syntax", 16) == 0) {
        error_add_hint("Use separate LIMIT and OFFSET clauses.");
    }
    return status;
}

static Status take_statements(Request *request, const Node *tree) {
    const Node *list = node_get(tree, FIELD_STMTS);
    uint32_t count = node_count(list);
    size_t sql_count = strlen(request->sql);
    request->statements = arena_new_array(request->arena, ParsedStatement, count);
    for (uint32_t i = 0; i < count; i++) {
        const Node *item = node_item(list, i);
        ParsedStatement *statement = &request->statements[i];
        statement->statement = node_get(item, FIELD_STMT);
        statement->offset = (uint32_t)node_get_integer(item, FIELD_STMT_LOCATION);
        statement->count = (uint32_t)node_get_integer(item, FIELD_STMT_LEN);
        if (statement->offset > sql_count) statement->offset = (uint32_t)sql_count;
        if (statement->count == 0 || statement->count > sql_count - statement->offset) {
            statement->count = (uint32_t)(sql_count - statement->offset);
        }
        if (statement->statement == NULL) return fail(INTERNAL_ERROR, "a statement has no tree");
    }
    request->count = count;
    return arena_check(request->arena);
}

static Status run_request(Request *request) {
    PgQueryParseResult result = pg_query_parse(request->sql);
    Status status;
    if (result.error != NULL) {
        status = raise_error(request->sql, result.error);
    } else {
        Node *tree = NULL;
        status = tree_from_json(result.parse_tree, request->sql, request->arena, &tree);
        if (status == OK) status = take_statements(request, tree);
    }
    pg_query_free_parse_result(result);
    return status;
}

// libpg_query makes a thread key in each thread that parses and never deletes it; a process has
// 1,024. The key that this thread got a value under when the library was first used is that one.
// Undefined by POSIX, a look at a key that does not exist gives NULL in glibc and in musl.
static void keys_with_values(bool has_value[PTHREAD_KEYS_MAX]) {
    for (uint32_t key = 0; key < PTHREAD_KEYS_MAX; key++)
        has_value[key] = pthread_getspecific((pthread_key_t)key) != NULL;
}

static pthread_key_t library_begin(void) {
    bool before[PTHREAD_KEYS_MAX], after[PTHREAD_KEYS_MAX];
    keys_with_values(before);
    pg_query_init();
    keys_with_values(after);
    pthread_key_t key = 0;
    while (key < PTHREAD_KEYS_MAX && after[key] == before[key])
        key++;
    return key;
}

// Frees what the library holds for this thread, as its key's destructor would have.
static void library_end(pthread_key_t key) {
    if (key == PTHREAD_KEYS_MAX || pthread_setspecific(key, NULL) != 0) return;
    pg_query_exit();
    pthread_key_delete(key);
}

static void parser_run(void *argument) {
    Parser *parser = argument;
    pthread_key_t key = library_begin();
    mutex_lock(&parser->mutex);
    for (;;) {
        while (parser->first == NULL && !parser->is_closing) {
            parser->idle_count++;
            condition_wait(&parser->work, &parser->mutex);
            parser->idle_count--;
        }
        Request *request = parser->first;
        if (request == NULL) break;
        parser->first = request->next;
        if (parser->first == NULL) parser->last = NULL;
        mutex_unlock(&parser->mutex);

        request->status = run_request(request);
        if (request->status != OK) error_take(request->arena, &request->error);

        mutex_lock(&parser->mutex);
        request->is_done = true;
        condition_wake_all(&parser->done);
    }
    mutex_unlock(&parser->mutex);
    library_end(key);
}

Status parser_create(Parser **parser_out) {
    Parser *parser = calloc(1, sizeof *parser);
    if (parser == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    mutex_init(&parser->mutex, LATCH_RANK_PARSE);
    condition_init(&parser->work);
    condition_init(&parser->done);
    *parser_out = parser;
    return OK;
}

void parser_destroy(Parser *parser) {
    if (parser == NULL) return;
    mutex_lock(&parser->mutex);
    parser->is_closing = true;
    condition_wake_all(&parser->work);
    mutex_unlock(&parser->mutex);
    for (uint32_t i = 0; i < parser->thread_count; i++) {
        thread_join(parser->threads[i]);
    }
    condition_deinit(&parser->work);
    condition_deinit(&parser->done);
    mutex_deinit(&parser->mutex);
    free(parser);
}

// One more thread when the ones there are have work; with none at all a failure is an error.
static Status parser_grow(Parser *parser) {
    if (parser->idle_count > 0 || parser->thread_count == THREAD_COUNT_MAX) return OK;
    Thread *thread;
    Status status = thread_start("parse", STACK_BYTES, parser_run, parser, &thread);
    if (status == OK) {
        parser->threads[parser->thread_count++] = thread;
    } else if (parser->thread_count > 0) {
        error_clear();
        status = OK;
    }
    return status;
}

Status parse_text(Parser *parser, const char *sql, Arena *arena, ParsedStatement **statements_out,
    size_t *count_out) {
    if (nesting_bound(sql) > NESTING_MAX) {
        return fail(STATEMENT_TOO_COMPLEX, "stack depth limit exceeded");
    }
    Request request = {.sql = sql, .arena = arena};
    mutex_lock(&parser->mutex);
    Status status = parser_grow(parser);
    if (status != OK) {
        mutex_unlock(&parser->mutex);
        return status;
    }
    if (parser->last == NULL) {
        parser->first = &request;
    } else {
        parser->last->next = &request;
    }
    parser->last = &request;
    condition_wake_one(&parser->work);
    while (!request.is_done) {
        condition_wait(&parser->done, &parser->mutex);
    }
    mutex_unlock(&parser->mutex);

    if (request.status != OK) return error_raise(&request.error);
    *statements_out = request.statements;
    *count_out = request.count;
    return OK;
}
