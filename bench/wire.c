// Served transactions against PostgreSQL 15: pgbench over the same kind of socket with equal
// durability, and a lean pipelining client.

#include "bench/bench.h"
#include "bench/parse.h"
#include "tools/oracle/oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Settings {
    const char *omendb;
    uint32_t scale, round_count, seconds;
    uint32_t idle_count;
    bool only_idle;
} Settings;

static void die(const char *what) {
    fprintf(stderr, "wire: %s\n", what);
    exit(1);
}

// ---- pgbench ------------------------------------------------------------------------------------

static void pgbench_fill(const Peer *peer, uint32_t scale) {
    char command[600];
    snprintf(command, sizeof command,
        "pgbench -h %s -p 5432 -U postgres -i -q -s %u postgres >%s/pgbench.log 2>&1", peer->folder,
        scale, peer->folder);
    double started = bench_now();
    if (system(command) != 0) die("pgbench -i failed");
    printf("pgbench -i -s %u, %s: %.1f s\n", scale,
        peer->kind == PEER_POSTGRES ? "PostgreSQL" : "OmenDB", bench_now() - started);
}

// Transactions a second, as pgbench prints them without the time to connect.
static double pgbench_run(const Peer *peer, const Settings *settings, const char *options) {
    char command[700], line[512];
    snprintf(command, sizeof command, "pgbench -h %s -p 5432 -U postgres -n -T %u %s postgres 2>&1",
        peer->folder, settings->seconds, options);
    FILE *pipe = popen(command, "r");
    if (pipe == NULL) die("could not run pgbench");
    double rate = 0;
    while (fgets(line, sizeof line, pipe) != NULL) {
        if (strstr(line, "ERROR") != NULL || strstr(line, "aborted") != NULL) fputs(line, stderr);
        sscanf(line, "tps = %lf", &rate);
    }
    pclose(pipe);
    return rate;
}

// TPC-B's invariants, which -N (it leaves branches and tellers alone) keeps too: every delta of the
// history is in an account, and what a branch has its tellers have.
static uint64_t balances_agree(const Peer *peer) {
    PGconn *connection = peer_connect(peer);
    PGresult *result =
        PQexec(connection, "select (select sum(abalance) from pgbench_accounts) = "
                           "(select coalesce(sum(delta), 0) from pgbench_history) and "
                           "(select sum(bbalance) from pgbench_branches) = "
                           "(select sum(tbalance) from pgbench_tellers)");
    bool agrees = PQresultStatus(result) == PGRES_TUPLES_OK && PQgetvalue(result, 0, 0)[0] == 't';
    if (!agrees) {
        fprintf(stderr, "%s: the balances do not agree %s\n",
            peer->kind == PEER_POSTGRES ? "PostgreSQL" : "OmenDB", PQerrorMessage(connection));
    }
    PQclear(result);
    PQfinish(connection);
    return agrees;
}

static bool pgbench_case(const Settings *settings, const Peer *ours, const Peer *peer,
    const char *name, const char *options, double gate) {
    BenchCase result = {.name = name, .gate = gate};
    bool keeps_balances = strstr(options, "-S") == NULL;
    for (uint32_t round = 0; round < settings->round_count; round++) {
        bench_progress(name, round, settings->round_count, "OmenDB");
        double rate = pgbench_run(ours, settings, options);
        bench_add(&result.ours, rate, keeps_balances ? balances_agree(ours) : 1);
        bench_progress(name, round, settings->round_count, "PostgreSQL");
        rate = pgbench_run(peer, settings, options);
        bench_add(&result.peer, rate, keeps_balances ? balances_agree(peer) : 1);
    }
    bench_progress_end();
    return bench_print_case(&result);
}

// ---- A lean client: prepared point reads, many in flight ----------------------------------------

static double pipeline_run(
    const Peer *peer, uint32_t depth, uint32_t rows, uint64_t *checksum_out) {
    enum { OPERATIONS = 100000 };

    PGconn *connection = peer_connect(peer);
    PGresult *result =
        PQprepare(connection, "p", "select abalance from pgbench_accounts where aid = $1", 1, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) die(PQerrorMessage(connection));
    PQclear(result);
    if (PQenterPipelineMode(connection) == 0) die("no pipeline mode");
    uint64_t seed = 7, sum = 0;
    double started = bench_now();
    for (uint32_t done = 0; done < OPERATIONS; done += depth) {
        for (uint32_t i = 0; i < depth; i++) {
            char key[16];
            snprintf(key, sizeof key, "%u", (unsigned)(1 + bench_random(&seed) % rows));
            const char *values[] = {key};
            PQsendQueryPrepared(connection, "p", 1, values, NULL, NULL, 0);
        }
        PQpipelineSync(connection);
        for (uint32_t i = 0; i < depth; i++) {
            result = PQgetResult(connection);
            if (PQresultStatus(result) != PGRES_TUPLES_OK) die(PQerrorMessage(connection));
            sum += (uint64_t)PQntuples(result);
            PQclear(result);
            PQclear(PQgetResult(connection)); // the NULL after each
        }
        PQclear(PQgetResult(connection)); // the sync
    }
    double rate = OPERATIONS / (bench_now() - started);
    PQfinish(connection);
    *checksum_out = sum;
    return rate;
}

static bool pipeline_case(
    const Settings *settings, const Peer *ours, const Peer *peer, uint32_t depth) {
    char name[64];
    snprintf(name, sizeof name, "pipelined point reads, depth %u", depth);
    BenchCase result = {.name = name};
    for (uint32_t round = 0; round < settings->round_count; round++) {
        uint64_t checksum = 0;
        bench_progress(name, round, settings->round_count, "both");
        double rate = pipeline_run(ours, depth, settings->scale * 100000, &checksum);
        bench_add(&result.ours, rate, checksum);
        rate = pipeline_run(peer, depth, settings->scale * 100000, &checksum);
        bench_add(&result.peer, rate, checksum);
    }
    bench_progress_end();
    return bench_print_case(&result);
}

// ---- Idle connections ---------------------------------------------------------------------------

static double private_kib(pid_t process) {
    char path[64], line[256];
    double total = 0, value;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)process);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "Private_Dirty: %lf", &value) == 1) total += value;
    }
    if (file != NULL) fclose(file);
    return total;
}

static bool idle_run(const Settings *settings, const Peer *ours) {
    PGconn **connections = calloc(settings->idle_count, sizeof(PGconn *));
    if (connections == NULL) die("memory");
    double before = private_kib(ours->process);
    for (uint32_t i = 0; i < settings->idle_count; i++) {
        connections[i] = peer_connect(ours);
        PQclear(PQexec(connections[i], "select 1"));
    }
    double each = (private_kib(ours->process) - before) / settings->idle_count;
    bool holds = each < 64;
    printf("idle connection after one query: %.1f KiB (at most 64)%s, over %u connections\n", each,
        holds ? "" : "  MISSED", settings->idle_count);
    for (uint32_t i = 0; i < settings->idle_count; i++) {
        PQfinish(connections[i]);
    }
    free(connections);
    return holds;
}

// ---- All of it ----------------------------------------------------------------------------------

static bool crash_keeps_balances(const Settings *settings, Peer *ours) {
    char command[700];
    snprintf(command, sizeof command,
        "pgbench -h %s -p 5432 -U postgres -n -T 20 -c 8 -j 2 -M prepared postgres"
        " >/dev/null 2>&1 &",
        ours->folder);
    if (system(command) != 0) die("could not run pgbench");
    sleep(3);
    peer_kill(ours);
    peer_restart(ours, settings->omendb);
    bool agrees = balances_agree(ours);
    printf(
        "balances after kill -9 in the middle of TPC-B: %s\n", agrees ? "agree" : "DO NOT AGREE");
    return agrees;
}

static bool run_all(const Settings *settings, Peer *ours, Peer *peer) {
    bench_print_machine();
    printf("scale %u, %u rounds of %u s; Unix socket; PostgreSQL: fsync on, synchronous_commit on, "
           "shared_buffers 4GB, max_wal_size 16GB; OmenDB: synchronous_commit on\n",
        settings->scale, settings->round_count, settings->seconds);
    fflush(stdout);
    pgbench_fill(ours, settings->scale);
    pgbench_fill(peer, settings->scale);
    bench_print_head("OmenDB", "PostgreSQL");
    bool good = pgbench_case(
        settings, ours, peer, "-S prepared, 8 clients", "-S -c 8 -j 2 -M prepared", 1.3);
    good = pgbench_case(settings, ours, peer, "-S simple, 8 clients", "-S -c 8 -j 2 -M simple", 1.5)
           && good;
    good = pgbench_case(settings, ours, peer, "-S prepared, 1 client", "-S -c 1 -M prepared", 0)
           && good;
    good = pgbench_case(
               settings, ours, peer, "TPC-B prepared, 8 clients", "-c 8 -j 2 -M prepared", 1.5)
           && good;
    good =
        pgbench_case(settings, ours, peer, "-N prepared, 8 clients", "-N -c 8 -j 2 -M prepared", 0)
        && good;
    good = pgbench_case(settings, ours, peer, "TPC-B simple, 8 clients", "-c 8 -j 2 -M simple", 0)
           && good;
    good = pipeline_case(settings, ours, peer, 16) && good;
    good = idle_run(settings, ours) && good;
    return crash_keeps_balances(settings, ours) && good;
}

int main(int count, char **arguments) {
    Settings settings = {.omendb = "build/release/omendb",
        .scale = 100,
        .round_count = 5,
        .seconds = 5,
        .idle_count = 200};
    if (count == 2 && strcmp(arguments[1], "--parse") == 0) return parse_run() ? 0 : 1;
    for (int i = 1; i + 1 < count; i += 2) {
        uint32_t number = (uint32_t)strtoul(arguments[i + 1], NULL, 10);
        if (strcmp(arguments[i], "--omendb") == 0) settings.omendb = arguments[i + 1];
        if (strcmp(arguments[i], "--scale") == 0) settings.scale = number;
        if (strcmp(arguments[i], "--rounds") == 0) settings.round_count = number;
        if (strcmp(arguments[i], "--seconds") == 0) settings.seconds = number;
        if (strcmp(arguments[i], "--idle") == 0) {
            settings.idle_count = number;
            settings.only_idle = true;
        }
    }
    if (count % 2 == 0 || settings.round_count == 0 || settings.round_count > BENCH_ROUNDS_MAX) {
        fputs("wire: served transactions against PostgreSQL 15, through pgbench.\n"
              "Usage: wire [--omendb PATH] [--scale N (100)] [--rounds N (5, at most 15)]\n"
              "            [--seconds N (5)] [--idle N]\n"
              "       wire --parse\n"
              "With --idle, only the memory of N idle connections is measured; with --parse, only\n"
              "the time from a received message to a bound plan that the cache has.\n"
              "Exits 1 when a bar is missed.\n",
            stderr);
        return 2;
    }
    Peer ours, peer;
    peer_start_durable(&ours, PEER_OMENDB, settings.omendb);
    bool good;
    if (settings.only_idle) {
        good = idle_run(&settings, &ours);
    } else {
        peer_start_durable(&peer, PEER_POSTGRES, NULL);
        good = run_all(&settings, &ours, &peer);
        peer_stop(&peer);
    }
    peer_stop(&ours);
    return good ? 0 : 1;
}
