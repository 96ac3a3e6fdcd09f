// COPY FROM STDIN of rows into a table with a primary key, against PostgreSQL 15; and, with
// --recovery, the time to the first answer after kill -9.

#include "bench/bench.h"
#include "tools/oracle/oracle.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TEXT_BYTES = 48, PIECE_BYTES = 1 << 18 };

static void die(const char *what) {
    fprintf(stderr, "copy: %s\n", what);
    exit(1);
}

static void must(PGconn *connection, const char *sql) {
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) die(PQerrorMessage(connection));
    PQclear(result);
}

// Pieces of the text format, made ahead of the clock: id, v1, 48 bytes of text.
typedef struct Piece {
    struct Piece *next;
    size_t count;
    char data[PIECE_BYTES];
} Piece;

static Piece *pieces_make(uint64_t row_count) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
    Piece *first = NULL, **last = &first, *piece = NULL;
    uint64_t seed = 11;
    for (uint64_t i = 0; i < row_count; i++) {
        if (piece == NULL || piece->count + 128 > PIECE_BYTES) {
            piece = malloc(sizeof *piece);
            if (piece == NULL) die("memory");
            piece->next = NULL;
            piece->count = 0;
            *last = piece;
            last = &piece->next;
        }
        char *at = piece->data + piece->count;
        int count = snprintf(at, 64, "%llu\t%llu\t", (unsigned long long)(i + 1),
            (unsigned long long)(bench_random(&seed) >> 34));
        for (int k = 0; k < TEXT_BYTES; k += 12) {
            uint64_t bits = bench_random(&seed);
            for (int c = 0; c < 12; c++) {
                at[count + k + c] = letters[bits >> (5 * c) & 31];
            }
        }
        at[count + TEXT_BYTES] = '\n';
        piece->count += (size_t)count + TEXT_BYTES + 1;
    }
    return first;
}

static double copy_run(PGconn *connection, const Piece *pieces, uint64_t row_count) {
    must(connection, "drop table if exists kv");
    must(connection, "create table kv (id bigint primary key, v1 bigint, v2 text)");
    double started = bench_now();
    PGresult *result = PQexec(connection, "copy kv from stdin");
    if (PQresultStatus(result) != PGRES_COPY_IN) die(PQerrorMessage(connection));
    PQclear(result);
    for (const Piece *piece = pieces; piece != NULL; piece = piece->next) {
        if (PQputCopyData(connection, piece->data, (int)piece->count) != 1) {
            die(PQerrorMessage(connection));
        }
    }
    PQputCopyEnd(connection, NULL);
    result = PQgetResult(connection);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) die(PQerrorMessage(connection));
    PQclear(result);
    PQclear(PQgetResult(connection));
    return (double)row_count / (bench_now() - started);
}

static uint64_t checksum(PGconn *connection) {
    PGresult *result = PQexec(connection, "select count(*), sum(v1), max(v2) from kv");
    if (PQresultStatus(result) != PGRES_TUPLES_OK) die(PQerrorMessage(connection));
    uint64_t sum = 5381;
    for (int i = 0; i < 3; i++) {
        for (const char *at = PQgetvalue(result, 0, i); *at != 0; at++) {
            sum = sum * 33 + (uint64_t)(unsigned char)*at;
        }
    }
    PQclear(result);
    return sum;
}

static bool compare(const char *omendb, uint64_t row_count, uint32_t round_count) {
    Peer ours, peer;
    peer_start_durable(&ours, PEER_OMENDB, omendb);
    peer_start_durable(&peer, PEER_POSTGRES, NULL);
    PGconn *our_connection = peer_connect(&ours), *peer_connection = peer_connect(&peer);
    Piece *pieces = pieces_make(row_count);
    bench_print_machine();
    printf("%llu rows (bigint primary key, bigint, %d bytes of text), text format, %u rounds; Unix "
           "socket; PostgreSQL: fsync on, synchronous_commit on, shared_buffers 4GB, max_wal_size "
           "16GB; OmenDB: synchronous_commit on\n",
        (unsigned long long)row_count, TEXT_BYTES, round_count);
    fflush(stdout);
    bench_print_head("OmenDB", "PostgreSQL");
    BenchCase result = {.name = "COPY FROM STDIN, rows/s", .gate = 2};
    for (uint32_t round = 0; round < round_count; round++) {
        bench_progress("COPY", round, round_count, "OmenDB");
        double rate = copy_run(our_connection, pieces, row_count);
        bench_add(&result.ours, rate, checksum(our_connection));
        bench_progress("COPY", round, round_count, "PostgreSQL");
        rate = copy_run(peer_connection, pieces, row_count);
        bench_add(&result.peer, rate, checksum(peer_connection));
    }
    bench_progress_end();
    bool holds = bench_print_case(&result);
    PQfinish(our_connection);
    PQfinish(peer_connection);
    peer_stop(&ours);
    peer_stop(&peer);
    return holds;
}

// ---- Recovery -----------------------------------------------------------------------------------

static double log_mib(const Peer *peer) {
    char folder[300], path[600];
    snprintf(folder, sizeof folder, "%s/db.omen-wal", peer->folder);
    DIR *listing = opendir(folder);
    double total = 0;
    struct dirent *entry;
    while (listing != NULL && (entry = readdir(listing)) != NULL) {
        struct stat file;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (stat(path, &file) == 0 && S_ISREG(file.st_mode)) total += (double)file.st_size;
    }
    if (listing != NULL) closedir(listing);
    return total / (1 << 20);
}

// Updates until about `mib` of log were written since the last checkpoint, kill -9, first answer.
static bool recovery(const char *omendb, uint32_t mib) {
    Peer ours;
    peer_start_durable(&ours, PEER_OMENDB, omendb);
    PGconn *connection = peer_connect(&ours);
    must(connection, "create table kv (id bigint primary key, v1 bigint, v2 text)");
    must(connection,
        "insert into kv select g, g, repeat('x', 48) from generate_series(1, 1000000) g");
    must(connection, "checkpoint");
    // About 40 bytes of log an updated row.
    for (uint32_t written = 0; written < mib; written += 4) {
        must(connection, "update kv set v1 = v1 + 1 where id <= 100000");
    }
    PQfinish(connection);
    double log = log_mib(&ours);
    peer_kill(&ours);
    double started = bench_now();
    peer_restart(&ours, omendb);
    connection = peer_connect(&ours);
    must(connection, "select v1 from kv where id = 5");
    double seconds = bench_now() - started;
    double bound = 1 + log / 50;
    printf("recovery with %.0f MiB of log files: first answer after %.2f s (at most %.2f)%s\n", log,
        seconds, bound, seconds <= bound ? "" : "  MISSED");
    PQfinish(connection);
    peer_stop(&ours);
    return seconds <= bound;
}

int main(int count, char **arguments) {
    const char *omendb = "build/release/omendb";
    uint64_t rows = 10000000;
    uint32_t rounds = 5, mib = 0;
    for (int i = 1; i + 1 < count; i += 2) {
        uint64_t number = strtoull(arguments[i + 1], NULL, 10);
        if (strcmp(arguments[i], "--omendb") == 0) omendb = arguments[i + 1];
        if (strcmp(arguments[i], "--rows") == 0) rows = number;
        if (strcmp(arguments[i], "--rounds") == 0) rounds = (uint32_t)number;
        if (strcmp(arguments[i], "--recovery") == 0) mib = (uint32_t)number;
    }
    if (count % 2 == 0 || rounds == 0 || rounds > BENCH_ROUNDS_MAX) {
        fputs("copy: COPY against PostgreSQL 15, and the time that recovery takes.\n"
              "Usage: copy [--omendb PATH] [--rows N (10000000)] [--rounds N (5, at most 15)]\n"
              "            [--recovery MIB]\n"
              "With --recovery, only the time from kill -9 after MIB of log to the first answer.\n"
              "Exits 1 when a bar is missed.\n",
            stderr);
        return 2;
    }
    return (mib > 0 ? recovery(omendb, mib) : compare(omendb, rows, rounds)) ? 0 : 1;
}
