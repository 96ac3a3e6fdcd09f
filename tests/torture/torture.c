// Torture: a server is killed again and again under writers, and everything it acknowledged must be
// there afterwards.
//
// Model    Eight writers work over libpq. Before a transaction they write what they are about to do
//          to a ledger on disk, and after the acknowledgement that it was done. The table `pair`
//          gets two rows a transaction, `account` moves money between two rows. After each kill the
//          server is started again (sometimes killed during recovery), and the ledger is compared:
//          an acknowledged transaction is there whole, any other is whole or absent for good, the
//          sum of all accounts is what it was, and `omendb check` has no finding.
// Kills    At random moments; a moment after the server's log says that a checkpoint starts; and a
//          moment after it says that recovery starts. A kill counts as one inside a checkpoint or
//          inside recovery when the log has its first line and not its last. The moments adapt to
//          how long the work takes. A run with too few of either kind fails.
// Process  The server dies with this program, however that ends.

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WRITERS = 8, ACCOUNTS = 64, TRANSACTIONS_MAX = 1 << 22 };

// What the ledger knows of one transaction.
typedef enum Fate { FATE_UNKNOWN, FATE_STARTED, FATE_ACKNOWLEDGED, FATE_ABSENT } Fate;

// Work of the server that kills are aimed at.
typedef struct Target {
    const char *first_line, *last_line, *given_up; // pieces of what the log says
    uint64_t delay_us;                             // of a kill after the first line, at the most
    uint32_t aimed, hits;                          // kills
} Target;

typedef struct Torture {
    const char *omendb;
    char folder[256], database[300], ledger_path[300], log_path[300];
    int ledger;
    pid_t server;
    uint64_t log_offset; // where the server's part of the log begins
    uint8_t fates[TRANSACTIONS_MAX];
    _Atomic uint32_t next_transaction;
    _Atomic bool is_stopping;
    uint64_t random;
    uint32_t kills;
    Target checkpoint, recovery;
    uint64_t rows_compared;
} Torture;

static void die(const char *what, const char *why) {
    fprintf(stderr, "torture: %s: %s\n", what, why);
    exit(1);
}

static uint64_t random_next(uint64_t *state) {
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *state;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static void sleep_us(uint64_t us) {
    struct timespec pause = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
    nanosleep(&pause, NULL);
}

// ---- The server ---------------------------------------------------------------------------------

static void server_start(Torture *torture) {
    struct stat before;
    torture->log_offset = stat(torture->log_path, &before) == 0 ? (uint64_t)before.st_size : 0;
    pid_t torturer = getpid();
    torture->server = fork();
    if (torture->server < 0) die("fork", strerror(errno));
    if (torture->server > 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL); // a server outlives neither die() nor an interrupt
    if (getppid() != torturer) _exit(127);
    int out = open(torture->log_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (out >= 0) {
        dup2(out, STDOUT_FILENO);
        dup2(out, STDERR_FILENO);
    }
    execl(torture->omendb, torture->omendb, "serve", torture->database, "--listen", "none",
        "--socket", torture->folder, "--checkpoint-wal", "4", (char *)NULL);
    _exit(127);
}

static void server_kill(Torture *torture) {
    kill(torture->server, SIGKILL);
    waitpid(torture->server, NULL, 0);
    torture->kills++;
}

// What this server has logged, to be freed.
static char *server_log(const Torture *torture) {
    int file = open(torture->log_path, O_RDONLY);
    struct stat now;
    if (file < 0 || fstat(file, &now) != 0) die(torture->log_path, strerror(errno));
    size_t count = (size_t)now.st_size - torture->log_offset;
    char *text = malloc(count + 1);
    if (text == NULL) die("memory", "none");
    ssize_t done = pread(file, text, count, (off_t)torture->log_offset);
    if (done < 0) die(torture->log_path, strerror(errno));
    text[done] = '\0';
    close(file);
    return text;
}

static uint32_t count_of(const char *text, const char *piece) {
    uint32_t count = 0;
    for (const char *at = strstr(text, piece); at != NULL; at = strstr(at + 1, piece))
        count++;
    return count;
}

// Whether the log has a first line of the target without its last; `begun_out` counts first lines.
static bool is_inside(const Torture *torture, const Target *target, uint32_t *begun_out) {
    char *text = server_log(torture);
    *begun_out = count_of(text, target->first_line);
    bool is_open =
        *begun_out > count_of(text, target->last_line) + count_of(text, target->given_up);
    free(text);
    return is_open;
}

// Waits for the next first line of the target, kills a moment later, and looks whether the work was
// still going on.
static void server_kill_in(Torture *torture, Target *target, uint32_t begun_before) {
    uint32_t begun;
    for (int i = 0; i < 20000; i++) {
        is_inside(torture, target, &begun);
        if (begun > begun_before) break;
        sleep_us(100);
    }
    if (target->delay_us > 0) sleep_us(random_next(&torture->random) % target->delay_us);
    server_kill(torture);
    target->aimed++;
    if (is_inside(torture, target, &begun)) {
        target->hits++;
        target->delay_us = target->delay_us < 15000 ? target->delay_us * 5 / 4 + 50 : 15000;
    } else {
        target->delay_us = target->delay_us * 3 / 4;
    }
}

static PGconn *connect_once(const Torture *torture) {
    char parameters[512];
    snprintf(parameters, sizeof parameters, "host=%s port=5432 user=torture dbname=torture",
        torture->folder);
    PGconn *connection = PQconnectdb(parameters);
    if (PQstatus(connection) == CONNECTION_OK) return connection;
    PQfinish(connection);
    return NULL;
}

static PGconn *connect_wait(Torture *torture) {
    for (int i = 0; i < 2000; i++) {
        PGconn *connection = connect_once(torture);
        if (connection != NULL) return connection;
        if (waitpid(torture->server, NULL, WNOHANG) == torture->server) {
            die("the server ended by itself; see its log in", torture->folder);
        }
        sleep_us(10000);
    }
    die("the server does not answer; see its log in", torture->folder);
    return NULL;
}

static void must(PGconn *connection, const char *sql) {
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        die(sql, PQerrorMessage(connection));
    PQclear(result);
}

// ---- Writers ------------------------------------------------------------------------------------

static void ledger_write(Torture *torture, uint32_t transaction, Fate fate) {
    char line[32];
    int count =
        snprintf(line, sizeof line, "%c %u\n", fate == FATE_STARTED ? 's' : 'a', transaction);
    if (write(torture->ledger, line, (size_t)count) != count) die("ledger", strerror(errno));
    torture->fates[transaction] = (uint8_t)fate;
}

typedef struct Writer {
    Torture *torture;
    uint64_t random;
} Writer;

// One transaction; false when the connection is lost.
static bool transact(Writer *writer, PGconn *connection) {
    Torture *torture = writer->torture;
    uint32_t transaction = atomic_fetch_add(&torture->next_transaction, 1);
    if (transaction >= TRANSACTIONS_MAX) return false;
    uint64_t from = random_next(&writer->random) % ACCOUNTS;
    uint64_t to = random_next(&writer->random) % ACCOUNTS;
    uint64_t amount = random_next(&writer->random) % 100;
    // Accounts in rising order, so that writers do not deadlock.
    uint64_t low = from < to ? from : to, high = from < to ? to : from;
    char sql[1200];
    snprintf(sql, sizeof sql,
        "begin;"
        "insert into pair values (%u, 1, '%016llx', repeat('p', %u));"
        "update account set balance = balance - %llu where id = %llu;"
        "update account set balance = balance + %llu where id = %llu;"
        "savepoint s; insert into pair values (%u, 3, 'rolled back', ''); rollback to s;"
        "insert into pair values (%u, 2, '%016llx', '');"
        "%s commit;",
        transaction, (unsigned long long)(transaction * UINT64_C(0x9E3779B97F4A7C15)),
        (unsigned)(random_next(&writer->random) % 400), (unsigned long long)amount,
        (unsigned long long)low, (unsigned long long)amount, (unsigned long long)high, transaction,
        transaction, (unsigned long long)(transaction * UINT64_C(0x9E3779B97F4A7C15)),
        transaction % 7 == 0 ? "delete from scratch; insert into scratch values (1);" : "");
    ledger_write(torture, transaction, FATE_STARTED);
    PGresult *result = PQexec(connection, sql);
    bool is_done = PQresultStatus(result) == PGRES_COMMAND_OK;
    if (is_done) {
        ledger_write(torture, transaction, FATE_ACKNOWLEDGED);
    } else if (PQstatus(connection) == CONNECTION_OK) {
        PQclear(PQexec(connection, "rollback")); // a conflict on `scratch`: the next one
    }
    PQclear(result);
    return PQstatus(connection) == CONNECTION_OK;
}

static void *writer_run(void *argument) {
    Writer *writer = argument;
    PGconn *connection = NULL;
    while (!atomic_load(&writer->torture->is_stopping)) {
        if (connection == NULL) connection = connect_once(writer->torture);
        if (connection == NULL) {
            sleep_us(5000);
        } else if (!transact(writer, connection)) {
            PQfinish(connection);
            connection = NULL;
        }
    }
    if (connection != NULL) PQfinish(connection);
    return NULL;
}

// ---- Comparing ----------------------------------------------------------------------------------

static void compare_pairs(Torture *torture, PGconn *connection) {
    PGresult *result = PQexec(connection, "select tx, half, mark from pair order by tx, half");
    if (PQresultStatus(result) != PGRES_TUPLES_OK) die("select", PQerrorMessage(connection));
    int count = PQntuples(result), at = 0;
    uint32_t last = atomic_load(&torture->next_transaction);
    for (uint32_t transaction = 0; transaction < last; transaction++) {
        int found = 0;
        char mark[32];
        snprintf(mark, sizeof mark, "%016llx",
            (unsigned long long)(transaction * UINT64_C(0x9E3779B97F4A7C15)));
        while (at < count && strtoul(PQgetvalue(result, at, 0), NULL, 10) == transaction) {
            if (strcmp(PQgetvalue(result, at, 2), mark) != 0) die("a row is wrong", mark);
            found++;
            at++;
        }
        char text[64];
        snprintf(text, sizeof text, "transaction %u has %d of 2 rows", transaction, found);
        if (found != 0 && found != 2) die("half a transaction", text);
        uint8_t *fate = &torture->fates[transaction];
        if (found == 0 && *fate == FATE_ACKNOWLEDGED) {
            die("an acknowledged transaction is lost", text);
        }
        if (found == 2 && *fate == FATE_ABSENT) die("a lost transaction came back", text);
        // From here on it has to stay what it is now.
        if (*fate == FATE_STARTED) *fate = found == 2 ? FATE_ACKNOWLEDGED : FATE_ABSENT;
    }
    if (at != count) die("rows", "there are rows that nobody wrote");
    torture->rows_compared += (uint64_t)count;
    PQclear(result);
}

static void compare_sum(PGconn *connection) {
    PGresult *result = PQexec(connection, "select sum(balance), count(*) from account");
    if (PQresultStatus(result) != PGRES_TUPLES_OK) die("select", PQerrorMessage(connection));
    if (strcmp(PQgetvalue(result, 0, 0), "64000") != 0
        || strcmp(PQgetvalue(result, 0, 1), "64") != 0) {
        die("the accounts do not add up", PQgetvalue(result, 0, 0));
    }
    PQclear(result);
}

// `omendb check` on a copy, so that the crash stays as it was.
static void check_files(Torture *torture) {
    char command[2000];
    snprintf(command, sizeof command,
        "cd '%s' && rm -rf copy.omen copy.omen-wal && cp db.omen copy.omen && cp -r db.omen-wal "
        "copy.omen-wal && '%s' check copy.omen >check.log 2>&1",
        torture->folder, torture->omendb);
    if (system(command) != 0) die("omendb check; see check.log in", torture->folder);
}

// ---- The schedule -------------------------------------------------------------------------------

static void *request_checkpoint(void *argument) {
    PGconn *connection = connect_once(argument);
    if (connection == NULL) return NULL;
    PQclear(PQexec(connection, "checkpoint"));
    PQfinish(connection);
    return NULL;
}

static void kill_in_checkpoint(Torture *torture) {
    uint32_t begun;
    is_inside(torture, &torture->checkpoint, &begun);
    pthread_t thread;
    if (pthread_create(&thread, NULL, request_checkpoint, torture) != 0) die("thread", "none");
    server_kill_in(torture, &torture->checkpoint, begun);
    pthread_join(thread, NULL);
}

static void round_run(Torture *torture, uint32_t round) {
    Writer writers[WRITERS];
    pthread_t threads[WRITERS];
    atomic_store(&torture->is_stopping, false);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (Writer){torture, torture->random + (uint64_t)i * 7919 + round};
        if (pthread_create(&threads[i], NULL, writer_run, &writers[i]) != 0) die("thread", "none");
    }
    sleep_us(100000 + random_next(&torture->random) % 300000);
    if (round % 2 == 0) {
        kill_in_checkpoint(torture);
    } else {
        server_kill(torture);
    }
    atomic_store(&torture->is_stopping, true);
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    // Sometimes recovery is killed too, once or twice.
    for (uint64_t again = round % 3 == 0 ? 1 + random_next(&torture->random) % 2 : 0; again > 0;
         again--) {
        server_start(torture);
        server_kill_in(torture, &torture->recovery, 0);
    }
    if (round % 10 == 0) check_files(torture);
    server_start(torture);
    PGconn *connection = connect_wait(torture);
    compare_pairs(torture, connection);
    compare_sum(connection);
    PQfinish(connection);
}

static void prepare(Torture *torture) {
    snprintf(torture->folder, sizeof torture->folder, "/tmp/torture-XXXXXX");
    if (mkdtemp(torture->folder) == NULL) die("folder", strerror(errno));
    snprintf(torture->database, sizeof torture->database, "%s/db.omen", torture->folder);
    snprintf(torture->ledger_path, sizeof torture->ledger_path, "%s/ledger", torture->folder);
    snprintf(torture->log_path, sizeof torture->log_path, "%s/log", torture->folder);
    torture->ledger = open(torture->ledger_path, O_WRONLY | O_CREAT | O_APPEND | O_DSYNC, 0644);
    if (torture->ledger < 0) die("ledger", strerror(errno));
    server_start(torture);
    PGconn *connection = connect_wait(torture);
    must(connection,
        "create table pair (tx int, half int, mark text, filler text, primary key (tx, half))");
    must(connection, "create index pair_mark on pair (mark)");
    must(connection, "create table account (id int primary key, balance bigint not null)");
    must(connection, "insert into account select g, 1000 from generate_series(0, 63) g");
    must(connection, "create table scratch (a int primary key)");
    PQfinish(connection);
}

static void print_help(FILE *out) {
    fputs("Kills a server under writers and compares what it acknowledged.\n\n"
          "Usage: torture [--omendb PATH] [--kills N] [--seed N]\n\n"
          "  --omendb PATH   the program to kill (default build/release/omendb)\n"
          "  --kills N       how often (default 200)\n"
          "  --seed N        of the schedule and the writers (default 1)\n\n"
          "A tenth of the kills must have been inside a checkpoint, and a tenth inside recovery.\n",
        out);
}

static void parse(Torture *torture, int count, char **arguments, uint32_t *kills_out) {
    for (int i = 1; i < count; i += 2) {
        const char *name = arguments[i], *value = i + 1 < count ? arguments[i + 1] : NULL;
        if (strcmp(name, "--help") == 0) {
            print_help(stdout);
            exit(0);
        }
        if (value != NULL && strcmp(name, "--omendb") == 0) {
            torture->omendb = value;
        } else if (value != NULL && strcmp(name, "--kills") == 0) {
            *kills_out = (uint32_t)strtoul(value, NULL, 10);
        } else if (value != NULL && strcmp(name, "--seed") == 0) {
            torture->random = strtoull(value, NULL, 10);
        } else {
            print_help(stderr);
            exit(2);
        }
    }
}

static void remove_folder(const Torture *torture) {
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s'", torture->folder);
    if (system(command) != 0) fprintf(stderr, "could not remove %s\n", torture->folder);
}

int main(int count, char **arguments) {
    static Torture torture; // four megabytes
    torture.omendb = "build/release/omendb";
    torture.random = 1;
    torture.checkpoint = (Target){
        " starting: snapshot ", " complete after ", "checkpoint given up", .delay_us = 15000};
    torture.recovery =
        (Target){"recovery starting: ", "recovered ", "recovery failed", .delay_us = 15000};
    uint32_t wanted = 200;
    parse(&torture, count, arguments, &wanted);
    char path[4096];
    if (realpath(torture.omendb, path) == NULL) die(torture.omendb, strerror(errno));
    torture.omendb = path;
    prepare(&torture);
    bool is_terminal = isatty(STDERR_FILENO);
    for (uint32_t round = 1, told = 0; torture.kills < wanted; round++) {
        round_run(&torture, round);
        if (!is_terminal && torture.kills < told + 20) continue;
        told = torture.kills;
        fprintf(stderr, "%s%u of %u kills, %u inside a checkpoint, %u inside recovery%s",
            is_terminal ? "\r" : "", torture.kills, wanted, torture.checkpoint.hits,
            torture.recovery.hits, is_terminal ? "" : "\n");
    }
    if (is_terminal) fputc('\n', stderr);
    kill(torture.server, SIGINT);
    waitpid(torture.server, NULL, 0);
    uint32_t started = atomic_load(&torture.next_transaction), acknowledged = 0;
    for (uint32_t i = 0; i < started; i++)
        acknowledged += torture.fates[i] == FATE_ACKNOWLEDGED;
    bool is_enough = torture.checkpoint.hits >= wanted / 10 && torture.recovery.hits >= wanted / 10;
    printf("%u kills, %u inside a checkpoint, %u inside recovery; %u of %u transactions "
           "acknowledged; %llu rows compared\n",
        torture.kills, torture.checkpoint.hits, torture.recovery.hits, acknowledged, started,
        (unsigned long long)torture.rows_compared);
    if (!is_enough) {
        fprintf(stderr, "torture: too few of the %u and %u kills that were aimed hit\n",
            torture.checkpoint.aimed, torture.recovery.aimed);
    }
    remove_folder(&torture);
    printf("%d passed, %d failed\n", is_enough, !is_enough);
    return is_enough ? 0 : 1;
}
