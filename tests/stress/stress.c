// Stress: sessions change and read the same tables for a while, with less memory than the tables
// take and a checkpoint at every megabyte of log, and what they were told must add up.
//
// Model    Each session draws one of a few transactions at random, over libpq. What the tables must
//          hold follows from acknowledgements alone: transfers keep the sum of all accounts;
//          `counter` has been raised once for each upsert; of `item` a session knows which of its
//          own rows are there. Scans compare while others write; a comparison of everything
//          follows at the end, and once more after a restart.
// Server   Started and stopped here. One that ends with a status other than 0 has failed, so a
//          build with sanitizers says what it found by its status; its log keeps the reports. It
//          also tells how many checkpoints and evictions there were: without any, the run failed.

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    SESSIONS_MAX = 64,
    ACCOUNTS = 40,
    COUNTERS = 300,
    BALANCE = 1000,
    ITEMS_AT_FIRST = 3000, // of a session
    ITEMS_AT_ONCE = 20,
    ITEMS_REWRITTEN = 300,       // at once: 450 kB of old versions
    ITEMS_OF_SESSION = 10000000, // ids a session may use
};

typedef struct Stress {
    const char *omendb, *memory;
    char folder[256], database[300];
    pid_t server;
    uint32_t session_count;
    _Atomic bool is_stopping;
} Stress;

typedef struct Session {
    Stress *stress;
    PGconn *connection;
    uint32_t number;
    uint64_t random;
    uint64_t done, refused;            // transactions
    uint64_t upserts;                  // acknowledged
    uint32_t first_item, end_of_items; // its rows of `item` are those from the one to the other
} Session;

[[gnu::noreturn]] static void die(const char *what, const char *why) {
    fprintf(stderr, "stress: %s: %s\n", what, why);
    exit(1);
}

static uint32_t random_below(Session *session, uint32_t limit) {
    session->random += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = session->random;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ z >> 31) % limit);
}

static void sleep_ms(uint32_t ms) {
    struct timespec pause = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

// ---- The server ---------------------------------------------------------------------------------

static void server_start(Stress *stress) {
    stress->server = fork();
    if (stress->server < 0) die("fork", strerror(errno));
    if (stress->server > 0) return;
    char log[300];
    snprintf(log, sizeof log, "%s/log", stress->folder);
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (out >= 0) {
        dup2(out, STDOUT_FILENO);
        dup2(out, STDERR_FILENO);
    }
    execl(stress->omendb, stress->omendb, "serve", stress->database, "--listen", "none", "--socket",
        stress->folder, "--memory", stress->memory, "--checkpoint-wal", "1", (char *)NULL);
    _exit(127);
}

static void server_stop(Stress *stress) {
    kill(stress->server, SIGINT);
    int status = 0;
    if (waitpid(stress->server, &status, 0) < 0) die("waitpid", strerror(errno));
    if (status != 0) die("the server ended badly; see its log in", stress->folder);
}

static PGconn *connect_wait(Stress *stress) {
    char parameters[512];
    snprintf(parameters, sizeof parameters, "host=%s port=5432 user=stress dbname=stress",
        stress->folder);
    for (int i = 0; i < 3000; i++) {
        PGconn *connection = PQconnectdb(parameters);
        if (PQstatus(connection) == CONNECTION_OK) return connection;
        PQfinish(connection);
        if (waitpid(stress->server, NULL, WNOHANG) == stress->server) {
            die("the server ended by itself; see its log in", stress->folder);
        }
        sleep_ms(10);
    }
    die("the server does not answer; see its log in", stress->folder);
}

// ---- Statements ---------------------------------------------------------------------------------

static bool is_conflict(const char *state) {
    return strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0;
}

// NULL when a conflict refused the statement; any other failure ends the run.
[[gnu::format(printf, 2, 3)]] static PGresult *ask(PGconn *connection, const char *format, ...) {
    char sql[2000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sql, sizeof sql, format, arguments);
    va_end(arguments);
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return result;
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (state == NULL || !is_conflict(state)) die(sql, PQerrorMessage(connection));
    PQclear(result);
    return NULL;
}

static void must(PGconn *connection, const char *sql) {
    PGresult *result = ask(connection, "%s", sql);
    if (result == NULL) die(sql, "a conflict where nobody else works");
    PQclear(result);
}

// False when a conflict refused it; then the transaction, if there is one, is rolled back.
static bool succeeds(Session *session, PGresult *result) {
    PQclear(result);
    if (result != NULL) return true;
    if (PQtransactionStatus(session->connection) != PQTRANS_IDLE) {
        must(session->connection, "rollback");
    }
    return false;
}

static int64_t number_at(const PGresult *result, int column) {
    return strtoll(PQgetvalue(result, 0, column), NULL, 10);
}

static void expect(const char *what, int64_t found, int64_t wanted) {
    if (found == wanted) return;
    char text[100];
    snprintf(text, sizeof text, "%lld, not %lld", (long long)found, (long long)wanted);
    die(what, text);
}

// ---- Transactions -------------------------------------------------------------------------------

// Without an order of accounts: deadlocks are part of it.
static bool transfer(Session *session) {
    uint32_t from = random_below(session, ACCOUNTS), to = random_below(session, ACCOUNTS);
    uint32_t amount = random_below(session, 100);
    return succeeds(session, ask(session->connection,
                                 "begin;"
                                 "update account set balance = balance - %u where id = %u;"
                                 "update account set balance = balance + %u where id = %u;"
                                 "commit",
                                 amount, from, amount, to));
}

static bool transfer_with_savepoint(Session *session) {
    uint32_t from = random_below(session, ACCOUNTS), to = random_below(session, ACCOUNTS);
    uint32_t amount = random_below(session, 100);
    return succeeds(
        session, ask(session->connection,
                     "begin;"
                     "update account set balance = balance - %u where id = %u;"
                     "savepoint one;"
                     "update account set balance = balance + 1 where id between %u and %u;"
                     "insert into counter values (%u, 1) on conflict (id) do update set hits = -1;"
                     "savepoint two;"
                     "delete from item where owner = %u and id < %u;"
                     "rollback to one;"
                     "update account set balance = balance + %u where id = %u;"
                     "release one;"
                     "commit",
                     amount, from, to, to + 3, random_below(session, COUNTERS), session->number,
                     session->first_item + ITEMS_AT_ONCE, amount, to));
}

static bool transfer_undone(Session *session) {
    return succeeds(session,
        ask(session->connection,
            "begin; update account set balance = 0 where id = %u; delete from account where id = "
            "%u; rollback",
            random_below(session, ACCOUNTS), random_below(session, ACCOUNTS)));
}

static bool upsert(Session *session) {
    bool is_done = succeeds(session,
        ask(session->connection,
            "insert into counter values (%u, 1) on conflict (id) do update set hits = counter.hits "
            "+ 1",
            random_below(session, COUNTERS)));
    if (is_done) session->upserts++;
    return is_done;
}

static bool insert_items(Session *session) {
    uint32_t first = session->end_of_items;
    uint32_t count = 1 + random_below(session, ITEMS_AT_ONCE);
    bool is_done = succeeds(session,
        ask(session->connection,
            "insert into item select g, %u, g * 3, repeat('%c', %u) from generate_series(%u, %u) g",
            session->number, 'a' + (char)random_below(session, 26), random_below(session, 2000),
            first, first + count - 1));
    if (is_done) session->end_of_items = first + count;
    return is_done;
}

static bool delete_items(Session *session) {
    uint32_t count = random_below(session, ITEMS_AT_ONCE);
    uint32_t there = session->end_of_items - session->first_item;
    if (count > there) count = there;
    PGresult *result = ask(session->connection, "delete from item where owner = %u and id < %u",
        session->number, session->first_item + count);
    if (result != NULL) expect("rows deleted", strtoll(PQcmdTuples(result), NULL, 10), count);
    bool is_done = succeeds(session, result);
    if (is_done) session->first_item += count;
    return is_done;
}

static bool rewrite_items(Session *session) {
    uint32_t there = session->end_of_items - session->first_item;
    if (there == 0) return true;
    uint32_t from = session->first_item + random_below(session, there);
    return succeeds(
        session, ask(session->connection,
                     "update item set filler = filler || 'x' where id between %u and %u", from,
                     from + ITEMS_REWRITTEN));
}

static bool transfer_locked(Session *session) {
    uint32_t from = random_below(session, ACCOUNTS), to = random_below(session, ACCOUNTS);
    PGresult *result = ask(session->connection,
        "begin; select balance from account where id in (%u, %u) order by id for update", from, to);
    if (result == NULL) return succeeds(session, result);
    expect("rows locked", PQntuples(result), from == to ? 1 : 2);
    PQclear(result);
    return succeeds(session, ask(session->connection,
                                 "update account set balance = balance - 7 where id = %u;"
                                 "update account set balance = balance + 7 where id = %u;"
                                 "commit",
                                 from, to));
}

// A table of its own, in three transactions: others bind against the catalog meanwhile.
static bool define_table(Session *session) {
    uint32_t number = session->number;
    bool is_undone = random_below(session, 4) == 0;
    PQclear(ask(session->connection,
        "begin; create table own_%u (id int primary key, text text); "
        "create index on own_%u (text); "
        "insert into own_%u select g, repeat('t', g) from generate_series(1, 200) g; %s",
        number, number, number, is_undone ? "rollback" : "commit"));
    if (is_undone) return true;
    PQclear(ask(session->connection, "alter table own_%u add column more int default 5", number));
    PGresult *result =
        ask(session->connection, "select count(*), sum(more) from own_%u where text > 't'", number);
    if (result == NULL) die("scan of an own table", "a conflict");
    expect("rows of an own table", number_at(result, 0), 199);
    expect("their sum", number_at(result, 1), 199 * 5);
    PQclear(result);
    PQclear(ask(session->connection, "truncate own_%u; drop table own_%u", number, number));
    return true;
}

// More rows than a batch, joined, grouped and sorted.
static bool report(Session *session) {
    PGresult *result = ask(session->connection,
        "select count(*), sum(n) from (select i.owner, a.id, count(*) as n from item i "
        "join account a on a.id = i.id %% %d group by i.owner, a.id order by n desc, 2) x",
        ACCOUNTS);
    if (result != NULL && number_at(result, 0) == 0) die("report", "no groups");
    return succeeds(session, result);
}

static bool scan_accounts(Session *session) {
    PGresult *result = ask(session->connection, "select sum(balance), count(*) from account");
    if (result != NULL) {
        expect("sum of balances", number_at(result, 0), (int64_t)ACCOUNTS * BALANCE);
        expect("accounts", number_at(result, 1), ACCOUNTS);
    }
    return succeeds(session, result);
}

// Two statements must see the same in one snapshot, whatever others do.
static bool scan_twice(Session *session) {
    PGresult *result = ask(session->connection,
        "begin isolation level repeatable read; select sum(hits) from counter");
    if (result == NULL) return succeeds(session, result);
    int64_t first = number_at(result, 0);
    PQclear(result);
    result = ask(session->connection, "select sum(hits) from counter where id >= 0");
    if (result == NULL) return succeeds(session, result);
    expect("the same sum in one snapshot", number_at(result, 0), first);
    PQclear(result);
    return succeeds(session, ask(session->connection, "commit"));
}

static void compare_items(const Session *session, PGconn *connection) {
    PGresult *result = ask(connection,
        "select count(*), coalesce(sum(value), 0), coalesce(min(id), 0) from item where owner = %u",
        session->number);
    if (result == NULL) die("scan of items", "a conflict");
    int64_t count = session->end_of_items - session->first_item;
    int64_t last = (int64_t)session->end_of_items - 1;
    expect("items of a session", number_at(result, 0), count);
    expect("their sum", number_at(result, 1), 3 * (session->first_item + last) * count / 2);
    if (count > 0) expect("the first of them", number_at(result, 2), session->first_item);
    PQclear(result);
}

static bool scan_items(Session *session) {
    compare_items(session, session->connection);
    return true;
}

static bool transact(Session *session) {
    uint32_t draw = random_below(session, 100);
    if (draw < 25) return transfer(session);
    if (draw < 35) return transfer_with_savepoint(session);
    if (draw < 40) return transfer_undone(session);
    if (draw < 60) return upsert(session);
    if (draw < 72) return insert_items(session);
    if (draw < 82) return delete_items(session);
    if (draw < 85) return rewrite_items(session);
    if (draw < 88) return transfer_locked(session);
    if (draw < 90) return define_table(session);
    if (draw < 91) return report(session);
    if (draw < 96) return scan_accounts(session);
    return draw < 98 ? scan_twice(session) : scan_items(session);
}

static void *session_run(void *argument) {
    Session *session = argument;
    while (!atomic_load(&session->stress->is_stopping)) {
        if (transact(session)) {
            session->done++;
        } else {
            session->refused++;
        }
    }
    PQfinish(session->connection);
    return NULL;
}

// ---- The run ------------------------------------------------------------------------------------

static void prepare(Stress *stress, Session *sessions, uint64_t seed) {
    snprintf(stress->folder, sizeof stress->folder, "/tmp/stress-XXXXXX");
    if (mkdtemp(stress->folder) == NULL) die("folder", strerror(errno));
    snprintf(stress->database, sizeof stress->database, "%s/db.omen", stress->folder);
    server_start(stress);
    PGconn *connection = connect_wait(stress);
    must(connection, "create table account (id int primary key, balance bigint not null)");
    must(connection, "create table counter (id int primary key, hits bigint not null)");
    must(connection,
        "create table item (id int primary key, owner int not null, value bigint, filler text)");
    must(connection, "create index item_owner on item (owner)");
    PQclear(ask(connection, "insert into account select g, %d from generate_series(0, %d) g",
        BALANCE, ACCOUNTS - 1));
    for (uint32_t i = 0; i < stress->session_count; i++) {
        uint32_t first = 1 + i * ITEMS_OF_SESSION;
        sessions[i] = (Session){.stress = stress, .number = i, .random = seed + i * 7919};
        sessions[i].first_item = first;
        sessions[i].end_of_items = first + ITEMS_AT_FIRST;
        PQclear(ask(connection,
            "insert into item select g, %u, g * 3, repeat('f', 1500) from generate_series(%u, %u) "
            "g",
            i, first, first + ITEMS_AT_FIRST - 1));
        sessions[i].connection = connect_wait(stress);
    }
    PQfinish(connection);
}

static void compare_all(Stress *stress, const Session *sessions) {
    PGconn *connection = connect_wait(stress);
    PGresult *result = ask(connection,
        "select (select sum(balance) from account), (select count(*) from account), "
        "(select coalesce(sum(hits), 0) from counter), (select count(*) from item)");
    if (result == NULL) die("comparison", "a conflict");
    int64_t upserts = 0, items = 0;
    for (uint32_t i = 0; i < stress->session_count; i++) {
        upserts += (int64_t)sessions[i].upserts;
        items += sessions[i].end_of_items - sessions[i].first_item;
        compare_items(&sessions[i], connection);
    }
    expect("sum of balances", number_at(result, 0), (int64_t)ACCOUNTS * BALANCE);
    expect("accounts", number_at(result, 1), ACCOUNTS);
    expect("sum of counters", number_at(result, 2), upserts);
    expect("items", number_at(result, 3), items);
    PQclear(result);
    PQfinish(connection);
}

static void check_file(const Stress *stress) {
    char command[5000];
    snprintf(command, sizeof command, "'%s' check '%s' >'%s/check.log' 2>&1", stress->omendb,
        stress->database, stress->folder);
    if (system(command) != 0) die("omendb check; see check.log in", stress->folder);
}

// Sums up what the servers said when they closed.
static void print_log(const Stress *stress) {
    char path[300], line[500];
    snprintf(path, sizeof path, "%s/log", stress->folder);
    FILE *log = fopen(path, "r");
    if (log == NULL) die(path, strerror(errno));
    unsigned long long checkpoints = 0, evictions = 0;
    while (fgets(line, sizeof line, log) != NULL) {
        unsigned long long more_checkpoints, more_evictions;
        const char *at = strstr(line, "closed after");
        if (at != NULL
            && sscanf(at, "closed after %llu checkpoints; %llu objects", &more_checkpoints,
                   &more_evictions)
                   == 2) {
            checkpoints += more_checkpoints;
            evictions += more_evictions;
        }
    }
    fclose(log);
    printf("%llu checkpoints, %llu objects evicted\n", checkpoints, evictions);
    if (checkpoints < 3 || evictions == 0) die("the run", "too few checkpoints or no eviction");
}

int main(int count, char **arguments) {
    Stress stress = {.omendb = "build/release/omendb", .memory = "48", .session_count = 8};
    uint32_t seconds = 60;
    uint64_t seed = 1;
    for (int i = 1; i + 1 < count; i += 2) {
        const char *value = arguments[i + 1];
        if (strcmp(arguments[i], "--omendb") == 0) stress.omendb = value;
        if (strcmp(arguments[i], "--memory") == 0) stress.memory = value;
        if (strcmp(arguments[i], "--seconds") == 0) seconds = (uint32_t)strtoul(value, NULL, 10);
        if (strcmp(arguments[i], "--seed") == 0) seed = strtoull(value, NULL, 10);
        if (strcmp(arguments[i], "--sessions") == 0)
            stress.session_count = (uint32_t)strtoul(value, NULL, 10);
    }
    if (count % 2 == 0 || stress.session_count == 0 || stress.session_count > SESSIONS_MAX) {
        fputs("stress: sessions change and read the same tables; what they were told must add up.\n"
              "Usage: stress [--omendb PATH] [--seconds N] [--sessions N] [--memory MB] "
              "[--seed N]\n",
            stderr);
        return 2;
    }
    char path[4096];
    if (realpath(stress.omendb, path) == NULL) die(stress.omendb, "no such file");
    stress.omendb = path;
    static Session sessions[SESSIONS_MAX];
    prepare(&stress, sessions, seed);
    pthread_t threads[SESSIONS_MAX];
    for (uint32_t i = 0; i < stress.session_count; i++) {
        int error = pthread_create(&threads[i], NULL, session_run, &sessions[i]);
        if (error != 0) die("thread", strerror(error));
    }
    sleep_ms(seconds * 1000);
    atomic_store(&stress.is_stopping, true);
    uint64_t done = 0, refused = 0;
    for (uint32_t i = 0; i < stress.session_count; i++) {
        pthread_join(threads[i], NULL);
        done += sessions[i].done;
        refused += sessions[i].refused;
    }
    compare_all(&stress, sessions);
    server_stop(&stress);
    check_file(&stress);
    server_start(&stress);
    compare_all(&stress, sessions);
    server_stop(&stress);
    printf("%llu transactions, %llu refused by conflicts\n", (unsigned long long)done,
        (unsigned long long)refused);
    print_log(&stress);
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s'", stress.folder);
    if (system(command) != 0) fprintf(stderr, "could not remove %s\n", stress.folder);
    printf("1 passed, 0 failed\n");
    return 0;
}
