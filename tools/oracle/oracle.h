// The oracle: the same statements to PostgreSQL 15 and to OmenDB, and what differs.
//
// Model    A peer is a server of either kind, started here on a private folder, reached through
//          libpq. Every corpus file runs on a fresh database of each. A statement's answer is rows
//          (text, and binary where it only reads), column names, type OIDs, type modifiers, the
//          command tag, or the error with its fields. PostgreSQL's answers can be recorded as
//          golden files, so that tests need no PostgreSQL.
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef enum PeerKind { PEER_POSTGRES, PEER_OMENDB } PeerKind;

typedef struct Peer {
    PeerKind kind;
    pid_t process;
    bool is_durable;  // on disk with synchronous commits; otherwise as fast as it goes
    char folder[256]; // of its files and its socket
    PGconn *connection;
} Peer;

// Each prints what went wrong and exits on failure: without a peer there is no answer.
void peer_start(Peer *peer, PeerKind kind, const char *omendb);
void peer_start_durable(Peer *peer, PeerKind kind, const char *omendb); // for benchmarks
void peer_kill(Peer *peer);                                             // SIGKILL; its files stay
void peer_restart(Peer *peer, const char *omendb);                      // after peer_kill
void peer_fresh_database(Peer *peer, const char *omendb);               // connects to it
void peer_stop(Peer *peer);
PGconn *peer_connect(const Peer *peer);

// ---- Text that grows ----------------------------------------------------------------------------

typedef struct Buffer {
    char *data; // ends in a zero
    size_t count, capacity;
} Buffer;

void buffer_add(Buffer *buffer, const char *bytes, size_t count);
void buffer_add_text(Buffer *buffer, const char *text);
__attribute__((format(printf, 2, 3))) void buffer_add_format(
    Buffer *buffer, const char *format, ...);
void buffer_free(Buffer *buffer);
char *file_read_all(const char *path, size_t *count_out); // NULL when it cannot be read

// ---- Statements and answers ---------------------------------------------------------------------

// The next statement of a corpus text, without its semicolon; NULL at the end. Advances `at`.
char *statement_next(const char **at);

// Whether the outermost level has an ORDER BY.
bool statement_is_ordered(const char *sql);

// Whether it only reads, so that it may run a second time for its binary form.
bool statement_only_reads(const char *sql);

// The answer to a statement in the golden format: lines, each a kind and its fields, escaped.
//   tag TAG | column NAME OID MODIFIER | row FIELD\tFIELD | binary HEX\tHEX | error FIELD=VALUE ...
void answer_take(PGconn *connection, const char *sql, Buffer *answer);

typedef enum Verdict {
    VERDICT_IDENTICAL,
    VERDICT_DIFFERENT,
    VERDICT_BOTH_REFUSE,
    VERDICT_ALONE
} Verdict;

// Compares PostgreSQL's answer with OmenDB's.
Verdict answer_compare(const char *postgres, const char *omendb);

// ---- Modes --------------------------------------------------------------------------------------

typedef struct OracleOptions {
    const char *omendb; // path of the binary
    const char *corpus; // folder with a folder for each area
    const char *golden; // folder of recorded answers
    bool shows_differences;
    const char *only;     // part of a path; other files are left out
    uint32_t value_count; // `values` mode: how many a type
    uint64_t seed;
} OracleOptions;

int oracle_live(const OracleOptions *options);   // both peers
int oracle_record(const OracleOptions *options); // PostgreSQL, to golden files
int oracle_check(const OracleOptions *options);  // OmenDB against golden files
int oracle_values(const OracleOptions *options); // random values of every type, both peers
