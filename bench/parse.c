// From a received message to the bound plan, when the cache has it: in this process, by the
// functions that the server and the session call, up to where a portal would start to run.
//
// Model    One sample is one message (Query) or two (Parse and Bind), from the bytes as recv leaves
//          them. The statement has been run before, so that its plan is there. What ends the
//          implicit transaction of Parse is not in the sample; reading the clock is, and is shown.
#include "bench/parse.h"

#include "base/error.h"
#include "base/utf8.h"
#include "bench/bench.h"
#include "server/wire.h"
#include "session/lift.h"
#include "session/session_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAMPLE_COUNT = 20000, PARSE_NS_MAX = 500, SHOWN_BYTES = 60 };

typedef struct Bench {
    Database *database;
    SessionPool *pool;
    Session *session;
    Arena scratch;
    Text frames; // as received
} Bench;

static void must(Status status, const char *what) {
    if (status == OK) return;
    fprintf(stderr, "parse: %s: %s\n", what, error_get()->message);
    exit(1);
}

static void fail_bench(const char *what) {
    fprintf(stderr, "parse: %s\n", what);
    exit(1);
}

static double now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int compare_doubles(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

// As input_take_message does: that header and session's internals name phases alike.
static Bytes take(Bytes *input, uint8_t wanted) {
    uint8_t type;
    Bytes length, body = {0};
    bool is_whole = bytes_take_u8(input, &type) && bytes_take(input, 4, &length)
                    && bytes_take(input, get_u32_be(length.data) - 4, &body);
    if (!is_whole || type != wanted) fail_bench("another message");
    return body;
}

// As a Query message goes, up to its plan with its literals as parameters.
static const Plan *plan_of_query(Bench *bench, Bytes *input) {
    Session *session = bench->session;
    Bytes body = take(input, 'Q');
    const char *sql;
    must(wire_take_string(&body, &sql), "string");
    must(wire_take_end(&body), "end");
    size_t count = strlen(sql);
    must(utf8_check(sql, count), "utf8");
    LiftedText lifted;
    if (!lift_text(sql, count, &lifted)) fail_bench("the text is not lifted");
    Statement *statement = statement_cache_find(session, lifted.key, lifted.key_count, lifted.hash);
    if (statement == NULL || !statement->is_liftable) fail_bench("the cache has no plan");
    catalog_view_begin_statement(session->view);
    if (!statement_is_fresh(session, statement)) fail_bench("the plan is out of date");
    Value *values = arena_new_array(&bench->scratch, Value, statement->literal_count + 1);
    for (uint32_t i = 0; i < statement->literal_count; i++)
        must(lifted_value(&lifted.pieces[i], sql, &session->values, statement->parameters.types[i],
                 &bench->scratch, &values[i]),
            "literal");
    return statement->plan;
}

// As Parse and Bind of the unnamed statement go, with one parameter as text or none.
static const Plan *plan_of_bind(Bench *bench, Bytes *input) {
    Session *session = bench->session;
    Bytes body = take(input, 'P');
    const char *name, *sql;
    int16_t type_count;
    must(wire_take_string(&body, &name), "name");
    must(wire_take_string(&body, &sql), "string");
    must(utf8_check(sql, strlen(sql)), "utf8");
    must(wire_take_i16(&body, &type_count), "types");
    Prepared *prepared;
    must(session_prepare(session, name, sql, NULL, 0, &prepared), "Parse");
    body = take(input, 'B');
    const char *portal_name;
    int16_t format_count, value_count, result_count;
    must(wire_take_string(&body, &portal_name), "portal");
    must(wire_take_string(&body, &name), "name");
    must(wire_take_i16(&body, &format_count), "formats");
    must(wire_take_i16(&body, &value_count), "values");
    prepared = session_find_prepared(session, name);
    Value *values = arena_new_array(&bench->scratch, Value, value_count + 1);
    for (int16_t i = 0; i < value_count; i++) {
        int32_t count;
        Bytes bytes;
        must(wire_take_i32(&body, &count), "count");
        must(wire_take_bytes(&body, (size_t)count, &bytes), "value");
        must(value_from_text(session_value_context(session),
                 sql_type(prepared_parameter_type(prepared, (uint32_t)i)), (const char *)bytes.data,
                 bytes.count, &bench->scratch, &values[i]),
            "parameter");
    }
    must(wire_take_i16(&body, &result_count), "result formats");
    Portal *portal;
    must(session_bind(session, portal_name, prepared, values, (uint32_t)value_count, &portal),
        "Bind");
    if (!statement_is_fresh(session, prepared->statement)) fail_bench("the plan is out of date");
    return prepared->statement->plan;
}

static void put_string(Text *out, const char *string) {
    text_append(out, string, strlen(string) + 1);
}

static void frame_query(Text *out, const char *sql) {
    size_t mark = wire_begin(out, 'Q');
    put_string(out, sql);
    wire_end(out, mark);
}

static void frame_bind(Text *out, const char *sql, const char *parameter) {
    size_t mark = wire_begin(out, 'P');
    put_string(out, "");
    put_string(out, sql);
    text_append_u16_be(out, 0);
    wire_end(out, mark);
    mark = wire_begin(out, 'B');
    put_string(out, "");
    put_string(out, "");
    text_append_u16_be(out, 0);
    text_append_u16_be(out, parameter != NULL);
    if (parameter != NULL) {
        text_append_u32_be(out, (uint32_t)strlen(parameter));
        text_append(out, parameter, strlen(parameter));
    }
    text_append_u16_be(out, 0);
    wire_end(out, mark);
}

// The median, and whether it is within the bar.
static bool measure(Bench *bench, const char *sql, const char *parameter, bool is_query) {
    static double samples[SAMPLE_COUNT];
    text_clear(&bench->frames);
    if (is_query) {
        frame_query(&bench->frames, sql);
        must(session_run(bench->session, sql, NULL), sql);
    } else {
        frame_bind(&bench->frames, sql, parameter);
    }
    for (uint32_t i = 0; i < SAMPLE_COUNT; i++) {
        Bytes input = text_bytes(&bench->frames);
        ArenaMark mark = arena_mark(&bench->scratch);
        double started = now_ns();
        const Plan *plan = is_query ? plan_of_query(bench, &input) : plan_of_bind(bench, &input);
        samples[i] = now_ns() - started;
        if (plan == NULL) fail_bench("no plan");
        arena_rewind(&bench->scratch, mark);
        if (!is_query) must(session_sync(bench->session, false), "Sync");
    }
    qsort(samples, SAMPLE_COUNT, sizeof samples[0], compare_doubles);
    double median = samples[SAMPLE_COUNT / 2];
    bool holds = median <= PARSE_NS_MAX;
    printf("%-10s %-*.*s %6.0f ns  (1%% below %.0f, 1%% above %.0f)%s\n",
        is_query ? "Query" : "Parse+Bind", SHOWN_BYTES, SHOWN_BYTES, sql, median,
        samples[SAMPLE_COUNT / 100], samples[SAMPLE_COUNT - SAMPLE_COUNT / 100],
        holds ? "" : "  MISSED");
    return holds;
}

static void measure_clock(void) {
    double least = 1e9;
    for (uint32_t i = 0; i < SAMPLE_COUNT; i++) {
        double started = now_ns(), passed = now_ns() - started;
        if (passed < least) least = passed;
    }
    printf("of each figure, %.0f ns are the clock's\n", least);
}

bool parse_run(void) {
    static const char *const queries[] = {
        "select abalance from accounts where aid = 4711",
        "update accounts set abalance = abalance + 1234 where aid = 4711",
        "insert into history (tid, bid, aid, delta) values (1, 2, 4711, -1234)",
        "select a.aid, b.bbalance from accounts a join branches b on a.bid = b.bid "
        "where a.aid = 4711 and b.bbalance > 12.5",
        "select count(*), sum(abalance) from accounts where filler = 'some text' "
        "and aid between 10 and 20 group by bid order by bid",
    };

    static const struct {
        const char *sql, *parameter;
    } binds[] = {
        {"select abalance from accounts where aid = $1", "4711"},
        {"update accounts set abalance = abalance + 1 where aid = $1", "4711"},
        {"select a.aid, b.bbalance from accounts a join branches b on a.bid = b.bid "
         "where a.aid = $1",
            "4711"},
        {"select count(*) from accounts", NULL},
    };

    Bench bench = {0};
    DatabaseOptions options = {.environment = environment_real()};
    SessionOptions session_options = {.autocommit_is_synchronous = true};
    arena_init(&bench.scratch, NULL);
    Arena frames;
    arena_init(&frames, NULL);
    text_init(&bench.frames, &frames);
    must(database_open(NULL, &options, &bench.database), "open");
    must(session_pool_create(bench.database, &bench.pool), "sessions");
    must(session_create(bench.pool, &session_options, &bench.session), "session");
    must(session_run(bench.session,
             "create table accounts (aid int primary key, bid int, abalance int, filler text);"
             "create table branches (bid int primary key, bbalance numeric);"
             "create table history (tid int, bid int, aid int, delta int);"
             "insert into accounts values (4711, 1, 0, ''); insert into branches values (1, 0)",
             NULL),
        "tables");
    printf("from a received message to a bound plan in the cache, median of %d (at most %d ns)\n",
        SAMPLE_COUNT, PARSE_NS_MAX);
    measure_clock();
    bool holds = true;
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++)
        holds = measure(&bench, queries[i], NULL, true) && holds;
    for (size_t i = 0; i < sizeof binds / sizeof binds[0]; i++)
        holds = measure(&bench, binds[i].sql, binds[i].parameter, false) && holds;
    session_destroy(bench.session);
    session_pool_destroy(bench.pool);
    database_close(bench.database);
    arena_deinit(&frames);
    arena_deinit(&bench.scratch);
    return holds;
}
