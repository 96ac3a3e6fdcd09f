// Embedded key-value work against SQLite's C API, with equal durability and checked answers.
//
// Table    kv(id bigint primary key, v1 bigint, v2 text of 48 bytes).
// Rounds   Loads and durable commits go to a fresh database each round; reads and updates alternate
//          on the databases of the last random load. SQLite loads ten million random rows in more
//          than 200 s: from LONG_LOAD_ROWS on it does so in one round only, which is printed.

#include "bench/bench.h"

#include <omendb.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TEXT_BYTES = 48,
    ROWS_PER_TXN = 1000,
    THREADS_MAX = 64,
    LONG_LOAD_ROWS = 5000000,
    PROGRESS_ROWS = 100000,
};

typedef enum Case {
    CASE_SEQUENTIAL,
    CASE_RANDOM,
    CASE_POINT,
    CASE_UPDATE,
    CASE_SCAN,
    CASE_SUM,
    CASE_SIZE,
    CASE_COMMIT,
    CASE_COUNT,
} Case;

static const char *const case_names[CASE_COUNT] = {
    "sequential", "random", "point", "update", "scan", "sum", "size", "commit"};

typedef struct Settings {
    uint64_t row_count;
    uint32_t round_count;
    uint32_t cases; // a bit a Case
    const char *folder;
    uint64_t memory_mb;
} Settings;

typedef struct Side {
    const char *path;
    // One of the two is used.
    OmenDatabase *database;
    OmenConnection *connection;
    sqlite3 *sqlite;
} Side;

static void die(const char *what, const char *message) {
    fprintf(stderr, "%s: %s\n", what, message);
    exit(1);
}

// ---- Progress -----------------------------------------------------------------------------------

static bool has_case(const Settings *settings, Case which) {
    return (settings->cases >> which & 1) != 0;
}

static void progress_rows(uint64_t done, uint64_t total) {
    if (done % PROGRESS_ROWS != 0 || !isatty(STDERR_FILENO)) return;
    fprintf(stderr, "\033[s: %llu of %llu rows\033[K\033[u", (unsigned long long)done,
        (unsigned long long)total);
}

// Keys of a random load: a permutation of 0 .. n - 1 spread over 62 bits, so that both sides and
// every round have the same ones without keeping a list.
static int64_t key_of(uint64_t index) {
    uint64_t z = index * UINT64_C(0x9E3779B97F4A7C15);
    z ^= z >> 29;
    z *= UINT64_C(0xBF58476D1CE4E5B9);
    z ^= z >> 32;
    return (int64_t)(z >> 2);
}

static void text_of(int64_t id, char *text) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
    uint64_t state = (uint64_t)id;
    for (int i = 0; i < TEXT_BYTES; i += 12) {
        uint64_t bits = bench_random(&state);
        for (int k = 0; k < 12; k++) {
            text[i + k] = letters[bits >> (5 * k) & 31];
        }
    }
}

static uint64_t text_sum(const char *text, size_t count) {
    uint64_t sum = count;
    for (size_t i = 0; i + 8 <= count; i += 8) {
        uint64_t word;
        memcpy(&word, text + i, sizeof word);
        sum = sum * 31 + word;
    }
    return sum;
}

// ---- OmenDB -------------------------------------------------------------------------------------

static void omen_check(OmenResult result, const char *what) {
    if (result == OMEN_ERROR) die(what, omen_last_error()->message);
}

static void omen_side_open(const Settings *settings, Side *side) {
    OmenOptions options = {
        .struct_bytes = sizeof options, .memory_limit_bytes = settings->memory_mb << 20};
    omen_check(omen_open(side->path, &options, &side->database), "open");
    omen_check(omen_connect(side->database, &side->connection), "connect");
}

static void omen_side_close(Side *side) {
    omen_disconnect(side->connection);
    omen_close(side->database);
    side->database = NULL;
}

static void omen_run(Side *side, const char *sql) {
    omen_check(omen_exec(side->connection, sql, NULL, NULL), sql);
}

static OmenStatement *omen_make(OmenConnection *connection, const char *sql) {
    OmenStatement *statement;
    omen_check(omen_prepare(connection, sql, &statement), sql);
    return statement;
}

// ---- SQLite -------------------------------------------------------------------------------------

static void sqlite_check(sqlite3 *sqlite, int code, const char *what) {
    if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE) {
        die(what, sqlite3_errmsg(sqlite));
    }
}

static void sqlite_run(sqlite3 *sqlite, const char *sql) {
    sqlite_check(sqlite, sqlite3_exec(sqlite, sql, NULL, NULL, NULL), sql);
}

static sqlite3 *sqlite_connect(const Settings *settings, const char *path) {
    sqlite3 *sqlite;
    if (sqlite3_open(path, &sqlite) != SQLITE_OK) die(path, "could not open");
    char cache[64];
    snprintf(cache, sizeof cache, "pragma cache_size = -%llu",
        (unsigned long long)(settings->memory_mb << 10));
    sqlite3_busy_timeout(sqlite, 60000);
    sqlite_run(sqlite, "pragma journal_mode = wal");
    sqlite_run(sqlite, "pragma synchronous = full");
    sqlite_run(sqlite, cache);
    return sqlite;
}

static sqlite3_stmt *sqlite_make(sqlite3 *sqlite, const char *sql) {
    sqlite3_stmt *statement;
    sqlite_check(sqlite, sqlite3_prepare_v2(sqlite, sql, -1, &statement, NULL), sql);
    return statement;
}

// ---- Files --------------------------------------------------------------------------------------

static void side_remove(const char *path) {
    char command[1024];
    snprintf(
        command, sizeof command, "rm -rf '%s' '%s-wal' '%s-shm' '%s-tmp'", path, path, path, path);
    if (system(command) != 0) die(path, "could not remove");
}

static uint64_t side_bytes(const char *path) {
    struct stat file;
    return stat(path, &file) == 0 ? (uint64_t)file.st_size : 0;
}

static double memory_bytes(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long total = 0, resident = 0;
    if (file == NULL || fscanf(file, "%lu %lu", &total, &resident) != 2) resident = 0;
    if (file != NULL) fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static const char create_table[] = "create table kv (id bigint primary key, v1 bigint, v2 text)";
static const char sqlite_create_table[] =
    "create table kv (id integer primary key, v1 integer, v2 text)";

// ---- Loads: ROWS_PER_TXN rows a transaction, durable at commit ----------------------------------

static int64_t load_key(uint64_t index, bool is_random) {
    return is_random ? key_of(index) : (int64_t)index;
}

static double omen_load(Side *side, uint64_t count, bool is_random) {
    omen_run(side, create_table);
    OmenStatement *insert = omen_make(side->connection, "insert into kv values ($1, $2, $3)");
    OmenStatement *begin = omen_make(side->connection, "begin");
    OmenStatement *commit = omen_make(side->connection, "commit");
    char text[TEXT_BYTES];
    double started = bench_now();
    for (uint64_t i = 0; i < count; i++) {
        if (i % ROWS_PER_TXN == 0) omen_check(omen_step(begin), "begin");
        int64_t id = load_key(i, is_random);
        text_of(id, text);
        progress_rows(i, count);
        omen_bind_int64(insert, 1, id);
        omen_bind_int64(insert, 2, (int64_t)i);
        omen_bind_text(insert, 3, text, TEXT_BYTES);
        omen_check(omen_step(insert), "insert");
        if (i % ROWS_PER_TXN == ROWS_PER_TXN - 1 || i + 1 == count) {
            omen_check(omen_step(commit), "commit");
        }
    }
    double rate = (double)count / (bench_now() - started);
    omen_finalize(insert);
    omen_finalize(begin);
    omen_finalize(commit);
    return rate;
}

static double sqlite_load(Side *side, uint64_t count, bool is_random) {
    sqlite_run(side->sqlite, sqlite_create_table);
    sqlite3_stmt *insert = sqlite_make(side->sqlite, "insert into kv values (?1, ?2, ?3)");
    char text[TEXT_BYTES];
    double started = bench_now();
    for (uint64_t i = 0; i < count; i++) {
        if (i % ROWS_PER_TXN == 0) sqlite_run(side->sqlite, "begin");
        int64_t id = load_key(i, is_random);
        text_of(id, text);
        progress_rows(i, count);
        sqlite3_bind_int64(insert, 1, id);
        sqlite3_bind_int64(insert, 2, (int64_t)i);
        sqlite3_bind_text(insert, 3, text, TEXT_BYTES, SQLITE_STATIC);
        sqlite_check(side->sqlite, sqlite3_step(insert), "insert");
        sqlite3_reset(insert);
        if (i % ROWS_PER_TXN == ROWS_PER_TXN - 1 || i + 1 == count) {
            sqlite_run(side->sqlite, "commit");
        }
    }
    double rate = (double)count / (bench_now() - started);
    sqlite3_finalize(insert);
    return rate;
}

// ---- Reads and updates: each a function of a seed that returns a checksum -----------------------

typedef struct Timed {
    uint64_t operations, checksum;
    double seconds;
} Timed;

static Timed omen_points(Side *side, const Settings *settings, uint64_t seed, uint64_t operations) {
    (void)settings;
    OmenStatement *select = omen_make(side->connection, "select id, v1, v2 from kv where id = $1");
    Timed timed = {.operations = operations};
    double started = bench_now();
    for (uint64_t i = 0; i < operations; i++) {
        omen_bind_int64(select, 1, key_of(bench_random(&seed) % settings->row_count));
        if (omen_step(select) != OMEN_ROW) die("point read", "no row");
        size_t count;
        const char *text = omen_column_blob(select, 2, &count);
        timed.checksum += (uint64_t)omen_column_int64(select, 1) + text_sum(text, count);
        omen_reset(select);
    }
    timed.seconds = bench_now() - started;
    omen_finalize(select);
    return timed;
}

static Timed sqlite_points(
    Side *side, const Settings *settings, uint64_t seed, uint64_t operations) {
    sqlite3_stmt *select = sqlite_make(side->sqlite, "select id, v1, v2 from kv where id = ?1");
    Timed timed = {.operations = operations};
    double started = bench_now();
    for (uint64_t i = 0; i < operations; i++) {
        sqlite3_bind_int64(select, 1, key_of(bench_random(&seed) % settings->row_count));
        if (sqlite3_step(select) != SQLITE_ROW) die("point read", "no row");
        const char *text = (const char *)sqlite3_column_text(select, 2);
        timed.checksum += (uint64_t)sqlite3_column_int64(select, 1)
                          + text_sum(text, (size_t)sqlite3_column_bytes(select, 2));
        sqlite3_reset(select);
    }
    timed.seconds = bench_now() - started;
    sqlite3_finalize(select);
    return timed;
}

static Timed omen_updates(
    Side *side, const Settings *settings, uint64_t seed, uint64_t operations) {
    OmenStatement *update = omen_make(side->connection, "update kv set v1 = v1 + $2 where id = $1");
    Timed timed = {.operations = operations};
    double started = bench_now();
    for (uint64_t i = 0; i < operations; i++) {
        if (i % ROWS_PER_TXN == 0) omen_run(side, "begin");
        omen_bind_int64(update, 1, key_of(bench_random(&seed) % settings->row_count));
        omen_bind_int64(update, 2, (int64_t)(i & 15));
        omen_check(omen_step(update), "update");
        timed.checksum += omen_row_count(update);
        if (i % ROWS_PER_TXN == ROWS_PER_TXN - 1 || i + 1 == operations) omen_run(side, "commit");
    }
    timed.seconds = bench_now() - started;
    omen_finalize(update);
    return timed;
}

static Timed sqlite_updates(
    Side *side, const Settings *settings, uint64_t seed, uint64_t operations) {
    sqlite3_stmt *update = sqlite_make(side->sqlite, "update kv set v1 = v1 + ?2 where id = ?1");
    Timed timed = {.operations = operations};
    double started = bench_now();
    for (uint64_t i = 0; i < operations; i++) {
        if (i % ROWS_PER_TXN == 0) sqlite_run(side->sqlite, "begin");
        sqlite3_bind_int64(update, 1, key_of(bench_random(&seed) % settings->row_count));
        sqlite3_bind_int64(update, 2, (int64_t)(i & 15));
        sqlite_check(side->sqlite, sqlite3_step(update), "update");
        sqlite3_reset(update);
        timed.checksum += (uint64_t)sqlite3_changes(side->sqlite);
        if (i % ROWS_PER_TXN == ROWS_PER_TXN - 1 || i + 1 == operations) {
            sqlite_run(side->sqlite, "commit");
        }
    }
    timed.seconds = bench_now() - started;
    sqlite3_finalize(update);
    return timed;
}

static Timed omen_scans(Side *side, const Settings *settings, uint64_t seed, uint64_t operations) {
    OmenStatement *select = omen_make(
        side->connection, "select id, v1, v2 from kv where id >= $1 order by id limit 100");
    Timed timed = {.operations = operations};
    double started = bench_now();
    for (uint64_t i = 0; i < operations; i++) {
        omen_bind_int64(select, 1, key_of(bench_random(&seed) % settings->row_count));
        OmenResult result;
        while ((result = omen_step(select)) == OMEN_ROW) {
            size_t count;
            const char *text = omen_column_blob(select, 2, &count);
            timed.checksum =
                timed.checksum * 3 + (uint64_t)omen_column_int64(select, 0) + text_sum(text, count);
        }
        omen_check(result, "scan");
    }
    timed.seconds = bench_now() - started;
    omen_finalize(select);
    return timed;
}

static Timed sqlite_scans(
    Side *side, const Settings *settings, uint64_t seed, uint64_t operations) {
    sqlite3_stmt *select =
        sqlite_make(side->sqlite, "select id, v1, v2 from kv where id >= ?1 order by id limit 100");
    Timed timed = {.operations = operations};
    double started = bench_now();
    for (uint64_t i = 0; i < operations; i++) {
        sqlite3_bind_int64(select, 1, key_of(bench_random(&seed) % settings->row_count));
        while (sqlite3_step(select) == SQLITE_ROW) {
            const char *text = (const char *)sqlite3_column_text(select, 2);
            timed.checksum = timed.checksum * 3 + (uint64_t)sqlite3_column_int64(select, 0)
                             + text_sum(text, (size_t)sqlite3_column_bytes(select, 2));
        }
        sqlite3_reset(select);
    }
    timed.seconds = bench_now() - started;
    sqlite3_finalize(select);
    return timed;
}

static Timed omen_sum(Side *side, const Settings *settings, uint64_t seed, uint64_t operations) {
    (void)seed;
    OmenStatement *select = omen_make(side->connection, "select sum(v1) from kv");
    Timed timed = {.operations = operations * settings->row_count};
    double started = bench_now();
    for (uint64_t i = 0; i < operations; i++) {
        if (omen_step(select) != OMEN_ROW) die("sum", omen_last_error()->message);
        timed.checksum += (uint64_t)omen_column_int64(select, 0);
        omen_reset(select);
    }
    timed.seconds = bench_now() - started;
    omen_finalize(select);
    return timed;
}

static Timed sqlite_sum(Side *side, const Settings *settings, uint64_t seed, uint64_t operations) {
    (void)seed;
    sqlite3_stmt *select = sqlite_make(side->sqlite, "select sum(v1) from kv");
    Timed timed = {.operations = operations * settings->row_count};
    double started = bench_now();
    for (uint64_t i = 0; i < operations; i++) {
        if (sqlite3_step(select) != SQLITE_ROW) die("sum", "no row");
        timed.checksum += (uint64_t)sqlite3_column_int64(select, 0);
        sqlite3_reset(select);
    }
    timed.seconds = bench_now() - started;
    sqlite3_finalize(select);
    return timed;
}

// ---- Durable single commits from several threads ------------------------------------------------

typedef struct Committer {
    const Settings *settings;
    Side *side;
    uint32_t number, count;
    uint64_t operations;
} Committer;

static void *omen_committer(void *argument) {
    Committer *work = argument;
    OmenConnection *connection;
    omen_check(omen_connect(work->side->database, &connection), "connect");
    OmenStatement *insert = omen_make(connection, "insert into kv values ($1, $2, $3)");
    char text[TEXT_BYTES];
    for (uint64_t i = 0; i < work->operations; i++) {
        int64_t id = key_of(i * work->count + work->number);
        text_of(id, text);
        omen_bind_int64(insert, 1, id);
        omen_bind_int64(insert, 2, (int64_t)i);
        omen_bind_text(insert, 3, text, TEXT_BYTES);
        omen_check(omen_step(insert), "insert");
    }
    omen_finalize(insert);
    omen_disconnect(connection);
    return NULL;
}

static void *sqlite_committer(void *argument) {
    Committer *work = argument;
    sqlite3 *sqlite = sqlite_connect(work->settings, work->side->path);
    sqlite3_stmt *insert = sqlite_make(sqlite, "insert into kv values (?1, ?2, ?3)");
    char text[TEXT_BYTES];
    for (uint64_t i = 0; i < work->operations; i++) {
        int64_t id = key_of(i * work->count + work->number);
        text_of(id, text);
        sqlite3_bind_int64(insert, 1, id);
        sqlite3_bind_int64(insert, 2, (int64_t)i);
        sqlite3_bind_text(insert, 3, text, TEXT_BYTES, SQLITE_STATIC);
        sqlite_check(sqlite, sqlite3_step(insert), "insert");
        sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    sqlite3_close(sqlite);
    return NULL;
}

static double commit_rate(const Settings *settings, Side *side, void *(*run)(void *),
    uint32_t thread_count, uint64_t operations) {
    pthread_t threads[THREADS_MAX];
    Committer work[THREADS_MAX];
    double started = bench_now();
    for (uint32_t i = 0; i < thread_count; i++) {
        work[i] = (Committer){settings, side, i, thread_count, operations / thread_count};
        if (pthread_create(&threads[i], NULL, run, &work[i]) != 0) die("thread", "could not start");
    }
    for (uint32_t i = 0; i < thread_count; i++) {
        pthread_join(threads[i], NULL);
    }
    return (double)(operations - operations % thread_count) / (bench_now() - started);
}

static uint64_t omen_count(Side *side) {
    OmenStatement *select = omen_make(side->connection, "select count(*) from kv");
    if (omen_step(select) != OMEN_ROW) die("count", omen_last_error()->message);
    uint64_t count = (uint64_t)omen_column_int64(select, 0);
    omen_finalize(select);
    return count;
}

static uint64_t sqlite_count(Side *side) {
    sqlite3_stmt *select = sqlite_make(side->sqlite, "select count(*) from kv");
    if (sqlite3_step(select) != SQLITE_ROW) die("count", "no row");
    uint64_t count = (uint64_t)sqlite3_column_int64(select, 0);
    sqlite3_finalize(select);
    return count;
}

static bool commits(
    const Settings *settings, Side *ours, Side *peer, uint32_t thread_count, double gate) {
    char name[64];
    snprintf(name, sizeof name, "durable insert, %u thread%s", thread_count,
        thread_count > 1 ? "s" : "");
    BenchCase result = {.name = name, .gate = gate};
    uint64_t operations = thread_count == 1 ? 5000 : 20000;
    for (uint32_t round = 0; round < settings->round_count; round++) {
        bench_progress(name, round, settings->round_count, "both");
        side_remove(ours->path);
        omen_side_open(settings, ours);
        omen_run(ours, create_table);
        double rate = commit_rate(settings, ours, omen_committer, thread_count, operations);
        bench_add(&result.ours, rate, omen_count(ours));
        omen_side_close(ours);

        side_remove(peer->path);
        peer->sqlite = sqlite_connect(settings, peer->path);
        sqlite_run(peer->sqlite, sqlite_create_table);
        rate = commit_rate(settings, peer, sqlite_committer, thread_count, operations);
        bench_add(&result.peer, rate, sqlite_count(peer));
        sqlite3_close(peer->sqlite);
    }
    bench_progress_end();
    return bench_print_case(&result);
}

// ---- The cases ----------------------------------------------------------------------------------

typedef Timed (*Work)(Side *side, const Settings *settings, uint64_t seed, uint64_t operations);

static bool alternate(const Settings *settings, Side *ours, Side *peer, Case which,
    const char *name, double gate, uint64_t operations, Work our_work, Work peer_work) {
    if (!has_case(settings, which)) return true;
    BenchCase result = {.name = name, .gate = gate};
    for (uint32_t round = 0; round < settings->round_count; round++) {
        bench_progress(name, round, settings->round_count, "OmenDB");
        Timed a = our_work(ours, settings, round + 1, operations);
        bench_progress(name, round, settings->round_count, "SQLite");
        Timed b = peer_work(peer, settings, round + 1, operations);
        bench_add(&result.ours, (double)a.operations / a.seconds, a.checksum);
        bench_add(&result.peer, (double)b.operations / b.seconds, b.checksum);
    }
    bench_progress_end();
    return bench_print_case(&result);
}

static double our_round(const Settings *settings, Side *ours, bool is_random, BenchFigure *figure) {
    side_remove(ours->path);
    double before = memory_bytes();
    omen_side_open(settings, ours);
    double rate = omen_load(ours, settings->row_count, is_random);
    bench_add(figure, rate, omen_count(ours));
    return (memory_bytes() - before) / (double)settings->row_count;
}

static void peer_round(const Settings *settings, Side *peer, bool is_random, BenchFigure *figure) {
    side_remove(peer->path);
    peer->sqlite = sqlite_connect(settings, peer->path);
    double rate = sqlite_load(peer, settings->row_count, is_random);
    bench_add(figure, rate, sqlite_count(peer));
}

// The databases of the last random load stay open, for what reads them.
static bool loads(const Settings *settings, Side *ours, Side *peer, bool is_random, double gate) {
    BenchCase result = {
        .name =
            is_random ? "random load, 1000 a transaction" : "sequential load, 1000 a transaction",
        .gate = gate,
    };
    bool is_timed = has_case(settings, is_random ? CASE_RANDOM : CASE_SEQUENTIAL);
    uint32_t our_count = is_timed ? settings->round_count : 1;
    uint32_t peer_count = is_random && settings->row_count >= LONG_LOAD_ROWS ? 1 : our_count;
    double memory = 0;
    for (uint32_t round = 0; round < our_count; round++) {
        bench_progress(result.name, round, our_count, "OmenDB");
        memory = our_round(settings, ours, is_random, &result.ours);
        if (!is_random || round + 1 < our_count) omen_side_close(ours);
        if (round >= peer_count) continue;
        bench_progress(result.name, round, peer_count, "SQLite");
        peer_round(settings, peer, is_random, &result.peer);
        if (!is_random || round + 1 < peer_count) sqlite3_close(peer->sqlite);
    }
    bench_progress_end();
    if (!is_timed) return true;
    if (peer_count < our_count) {
        printf("SQLite's random load: %u round%s, for the time that it takes\n", peer_count,
            peer_count == 1 ? "" : "s");
    }
    if (is_random) printf("memory after the load: %.1f bytes a row\n", memory);
    return bench_print_case(&result);
}

static bool sizes(const Settings *settings, Side *ours, Side *peer) {
    omen_side_close(ours);
    sqlite3_close(peer->sqlite);
    double a = (double)side_bytes(ours->path) / (double)settings->row_count;
    double b = (double)side_bytes(peer->path) / (double)settings->row_count;
    if (!has_case(settings, CASE_SIZE)) return true;
    bool holds = a <= 1.4 * b;
    printf("file after a random load: %.1f bytes a row, SQLite %.1f: %.2fx (at most 1.40x)%s\n", a,
        b, a / b, holds ? "" : "  MISSED");
    return holds;
}

static bool run_all(const Settings *settings, Side *ours, Side *peer) {
    bench_print_machine();
    printf("rows: %llu, rounds: %u, memory: %llu MB for each\n",
        (unsigned long long)settings->row_count, settings->round_count,
        (unsigned long long)settings->memory_mb);
    printf(
        "OmenDB %s: synchronous_commit = on; SQLite %s: journal_mode = wal, synchronous = full\n",
        omen_version(), sqlite3_libversion());
    bench_print_head("OmenDB", "SQLite");
    uint64_t scale = settings->row_count >= 1000000 ? 10 : 1;
    uint32_t needs_random = 1U << CASE_RANDOM | 1U << CASE_POINT | 1U << CASE_UPDATE
                            | 1U << CASE_SCAN | 1U << CASE_SUM | 1U << CASE_SIZE;
    bool good = true;
    if (has_case(settings, CASE_SEQUENTIAL)) good = loads(settings, ours, peer, false, 0);
    if ((settings->cases & needs_random) != 0) {
        good = loads(settings, ours, peer, true, 8) && good;
        good = alternate(settings, ours, peer, CASE_POINT, "point read, autocommit", 3,
                   50000 * scale, omen_points, sqlite_points)
               && good;
        good = alternate(settings, ours, peer, CASE_UPDATE, "update by key, 1000 a transaction", 5,
                   10000 * scale, omen_updates, sqlite_updates)
               && good;
        good = alternate(settings, ours, peer, CASE_SCAN, "scan of 100 rows by key", 2,
                   2000 * scale, omen_scans, sqlite_scans)
               && good;
        good = alternate(settings, ours, peer, CASE_SUM, "full SUM", 10, 1, omen_sum, sqlite_sum)
               && good;
        good = sizes(settings, ours, peer) && good;
    }
    if (!has_case(settings, CASE_COMMIT)) return good;
    good = commits(settings, ours, peer, 1, 1) && good;
    good = commits(settings, ours, peer, 8, 4) && good;
    return commits(settings, ours, peer, 64, 0) && good;
}

// Names of cases with commas between them; 0 when one of them is none.
static uint32_t cases_of(const char *text) {
    uint32_t cases = 0;
    while (*text != 0) {
        size_t count = strcspn(text, ",");
        uint32_t found = 0;
        for (uint32_t i = 0; i < CASE_COUNT; i++) {
            if (strlen(case_names[i]) == count && memcmp(case_names[i], text, count) == 0) {
                found = 1U << i;
            }
        }
        if (found == 0) return 0;
        cases |= found;
        text += count;
        if (*text == ',') text++;
    }
    return cases;
}

int main(int count, char **arguments) {
    Settings settings = {.row_count = 1000000,
        .round_count = 5,
        .cases = (1U << CASE_COUNT) - 1,
        .folder = "/tmp",
        .memory_mb = 4096};
    for (int i = 1; i + 1 < count; i += 2) {
        uint64_t number = strtoull(arguments[i + 1], NULL, 10);
        if (strcmp(arguments[i], "--rows") == 0) settings.row_count = number;
        if (strcmp(arguments[i], "--rounds") == 0) settings.round_count = (uint32_t)number;
        if (strcmp(arguments[i], "--memory") == 0) settings.memory_mb = number;
        if (strcmp(arguments[i], "--cases") == 0) settings.cases = cases_of(arguments[i + 1]);
        if (strcmp(arguments[i], "--folder") == 0) settings.folder = arguments[i + 1];
    }
    if (count % 2 == 0 || settings.row_count == 0 || settings.round_count == 0
        || settings.round_count > BENCH_ROUNDS_MAX || settings.cases == 0) {
        fputs("kv: embedded key-value work against SQLite.\n"
              "Usage: kv [--rows N] [--rounds N (at most 15)] [--memory MB] [--folder PATH]\n"
              "          [--cases sequential,random,point,update,scan,sum,size,commit]\n"
              "Exits 1 when a ratio of the bar is missed.\n",
            stderr);
        return 2;
    }
    char ours_path[512], peer_path[512];
    snprintf(ours_path, sizeof ours_path, "%s/bench-kv-%d.omen", settings.folder, (int)getpid());
    snprintf(peer_path, sizeof peer_path, "%s/bench-kv-%d.sqlite", settings.folder, (int)getpid());
    Side ours = {.path = ours_path}, peer = {.path = peer_path};
    bool good = run_all(&settings, &ours, &peer);
    side_remove(ours_path);
    side_remove(peer_path);
    return good ? 0 : 1;
}
