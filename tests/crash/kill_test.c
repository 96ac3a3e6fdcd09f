// A database on real files, whose process is killed: what it had acknowledged is there afterwards.
//
// Usage: kill_test [ROUNDS]. Each round starts this program again as a child, which opens the file,
// commits from several sessions, and tells on a pipe what was acknowledged; it is killed at a
// random moment. The parent opens the file, compares, and closes it or leaves that to the next
// child.
#include "base/assert.h"
#include "base/log.h"
#include "base/random.h"
#include "base/test.h"
#include "session/session.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SESSION_COUNT = 3, ACCOUNT_COUNT = 20, BALANCE = 1000, ROUND_COUNT = 12 };

static int round_count = ROUND_COUNT;
static const char *program;

// ---- Running SQL --------------------------------------------------------------------------------

static Status take_rows(void *argument, const Batch *batch) {
    if (batch->selected_count == 0) return OK;
    Value value = column_get(&batch->columns[0], selection_row(batch_selection(batch), 0));
    int64_t *number_out = argument;
    if (number_out != NULL) *number_out = value.is_null ? -1 : value.datum.int8;
    return OK;
}

static Status take_columns(void *argument, const ResultColumn *columns, uint32_t column_count) {
    (void)argument;
    (void)columns;
    (void)column_count;
    return OK;
}

static Status take_tag(void *argument, const char *tag) {
    (void)argument;
    (void)tag;
    return OK;
}

static Status take_nothing(void *argument) {
    (void)argument;
    return OK;
}

// Runs a statement; *number_out is the first column of the last row, a bigint.
static Status run(Session *session, const char *sql, int64_t *number_out) {
    RunCallbacks callbacks = {.begin_rows = take_columns,
        .rows = take_rows,
        .complete = take_tag,
        .empty = take_nothing,
        .argument = number_out};
    return session_run(session, sql, &callbacks);
}

static void must(Session *session, const char *sql, int64_t *number_out) {
    if (run(session, sql, number_out) == OK) return;
    print_error("%s: %s\n", sql, error_get()->message);
    abort();
}

static Database *open_file(const char *path, SessionPool **pool_out) {
    DatabaseOptions options = {
        .environment = environment_real(),
        .memory_limit_bytes = 64 << 20,
        .wal_file_bytes = 1 << 20,
        .checkpoint_wal_bytes = 1 << 20, // often
    };
    Database *database;
    Status status = database_open(path, &options, &database);
    if (status == OK) status = session_pool_create(database, pool_out);
    if (status != OK) {
        print_error("open: %s\n", error_get()->message);
        abort();
    }
    return database;
}

static Session *open_session(SessionPool *pool) {
    SessionOptions options = {.autocommit_is_synchronous = true};
    Session *session;
    Status status = session_create(pool, &options, &session);
    ASSERT(status == OK);
    return session;
}

// ---- The child ----------------------------------------------------------------------------------

typedef struct Committer {
    SessionPool *pool;
    uint32_t number;
    int pipe;
} Committer;

// Moves money about and counts what it did, in one transaction each time.
static void commit_on(void *argument) {
    const Committer *committer = argument;
    Session *session = open_session(committer->pool);
    Random random;
    random_seed(&random, (uint64_t)getpid() * 10 + committer->number);
    char sql[256];
    for (;;) {
        must(session, "BEGIN", NULL);
        uint32_t from = (uint32_t)random_below(&random, ACCOUNT_COUNT);
        uint32_t to = (uint32_t)random_below(&random, ACCOUNT_COUNT);
        uint32_t first = from < to ? from : to, second = from < to ? to : from;
        snprintf(sql, sizeof sql, "UPDATE account SET balance = balance + %d WHERE id = %u",
            first == from ? -7 : 7, first);
        must(session, sql, NULL);
        snprintf(sql, sizeof sql, "UPDATE account SET balance = balance + %d WHERE id = %u",
            first == from ? 7 : -7, second);
        must(session, sql, NULL);
        snprintf(sql, sizeof sql, "INSERT INTO done (session, note) VALUES (%u, repeat('x', %u))",
            committer->number, (uint32_t)random_below(&random, 500));
        must(session, sql, NULL);
        must(session, "COMMIT", NULL);
        char number = (char)committer->number;
        if (write(committer->pipe, &number, 1) != 1) abort();
    }
}

static int child_main(const char *path) {
    SessionPool *pool;
    open_file(path, &pool);
    Committer committers[SESSION_COUNT];
    Thread *threads[SESSION_COUNT];
    for (uint32_t i = 0; i < SESSION_COUNT; i++) {
        committers[i] = (Committer){.pool = pool, .number = i, .pipe = STDOUT_FILENO};
        if (thread_start("commit", 0, commit_on, &committers[i], &threads[i]) != OK) abort();
    }
    for (;;)
        pause();
}

// ---- The parent ---------------------------------------------------------------------------------

static void create_tables(const char *path) {
    SessionPool *pool;
    Database *database = open_file(path, &pool);
    Session *session = open_session(pool);
    must(session, "CREATE TABLE account (id integer PRIMARY KEY, balance bigint NOT NULL)", NULL);
    must(session, "CREATE TABLE done (id bigserial PRIMARY KEY, session integer, note text)", NULL);
    must(session, "CREATE INDEX done_session ON done (session)", NULL);
    char sql[128];
    for (uint32_t i = 0; i < ACCOUNT_COUNT; i++) {
        snprintf(sql, sizeof sql, "INSERT INTO account VALUES (%u, %d)", i, BALANCE);
        must(session, sql, NULL);
    }
    session_destroy(session);
    session_pool_destroy(pool);
    database_close(database);
}

// Runs a child for a while and kills it; adds what it told to `acknowledged`.
static void run_child(const char *path, int64_t life_us, uint64_t *acknowledged) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl(program, program, "child", path, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    char number;
    // The first commit starts the clock, so that every child has recovered and works.
    assert_int_equal(read(ends[0], &number, 1), 1);
    acknowledged[(int)number]++;
    clock_sleep_us(clock_real(), life_us);
    kill(child, SIGKILL);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (read(ends[0], &number, 1) == 1)
        acknowledged[(int)number]++;
    close(ends[0]);
}

// `kills` since the last check.
static void check_file(
    const char *path, uint64_t *acknowledged, uint32_t kills, double *recovery_s) {
    SessionPool *pool;
    Database *database = open_file(path, &pool);
    double took_s = database_statistics(database).recovery_seconds;
    if (took_s > *recovery_s) *recovery_s = took_s;
    Session *session = open_session(pool);
    int64_t number;
    must(session, "SELECT sum(balance)::bigint FROM account", &number);
    assert_int_equal(number, ACCOUNT_COUNT * BALANCE);
    for (uint32_t i = 0; i < SESSION_COUNT; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM done WHERE session = %u", i);
        must(session, sql, &number);
        // One more, of each killed child, may have been committed and not been told.
        if ((uint64_t)number < acknowledged[i] || (uint64_t)number > acknowledged[i] + kills) {
            print_error("session %u: %lld rows, %llu acknowledged\n", i, (long long)number,
                (unsigned long long)acknowledged[i]);
            assert_true(false);
        }
        acknowledged[i] = (uint64_t)number;
    }
    session_destroy(session);
    session_pool_destroy(pool);
    Arena arena;
    arena_init(&arena, NULL);
    Text findings;
    text_init(&findings, &arena);
    if (database_check(database, &findings) != OK) {
        print_error("%s: %s\n", error_get()->message, findings.data);
        assert_true(false);
    }
    arena_deinit(&arena);
    database_close(database);
}

TEST(database, survives_being_killed) {
    char folder[] = "kill_test.XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[64];
    snprintf(path, sizeof path, "%s/kill.omen", folder);
    create_tables(path);
    uint64_t acknowledged[SESSION_COUNT] = {0};
    double recovery_s = 0;
    Random random;
    random_seed(&random, 1);
    for (int i = 0; i < round_count; i++) {
        run_child(path, (int64_t)random_below(&random, 400000), acknowledged);
        if (i % 3 != 2) check_file(path, acknowledged, i % 3 == 0 && i > 0 ? 2 : 1, &recovery_s);
    }
    check_file(path, acknowledged, 1, &recovery_s);
    uint64_t total = 0;
    for (uint32_t i = 0; i < SESSION_COUNT; i++)
        total += acknowledged[i];
    print_message("%d kills, %llu commits, longest recovery %.3f s\n", round_count,
        (unsigned long long)total, recovery_s);
    assert_ok(file_remove(file_system_real(), path));
    assert_ok(folder_remove(file_system_real(), folder));
}

int main(int argument_count, char **arguments) {
    if (argument_count == 3 && strcmp(arguments[1], "child") == 0) return child_main(arguments[2]);
    program = arguments[0];
    if (argument_count > 1) round_count = (int)strtol(arguments[1], NULL, 10);
    const struct CMUnitTest tests[] = {TEST_OF(database, survives_being_killed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
