// Starting and stopping the two servers.

#include "oracle.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char postgres_bin[] = "/usr/lib/postgresql/15/bin";

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(2);
}

// PostgreSQL refuses to run as root: its own user runs it then.
static void become_postgres(void) {
    if (geteuid() != 0) return;
    const struct passwd *user = getpwnam("postgres");
    if (user == NULL || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0) _exit(126);
}

static void folder_make(Peer *peer, const char *name) {
    snprintf(peer->folder, sizeof peer->folder, "/tmp/oracle-%s-XXXXXX", name);
    if (mkdtemp(peer->folder) == NULL) die("could not make a folder: %s", strerror(errno));
    chmod(peer->folder, 0755);
    const struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;
    if (peer->kind == PEER_POSTGRES && user != NULL
        && chown(peer->folder, user->pw_uid, user->pw_gid) != 0) {
        die("could not give %s to postgres", peer->folder);
    }
}

static pid_t spawn(const Peer *peer, const char *const *arguments) {
    pid_t process = fork();
    if (process < 0) die("fork: %s", strerror(errno));
    if (process > 0) return process;
    if (peer->kind == PEER_POSTGRES) become_postgres();
    char path[300];
    snprintf(path, sizeof path, "%s/log", peer->folder);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (log >= 0) {
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
    }
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(127);
}

static void run_to_end(const Peer *peer, const char *const *arguments) {
    int status;
    pid_t process = spawn(peer, arguments);
    if (waitpid(process, &status, 0) != process || status != 0) {
        die("%s failed; see %s/log", arguments[0], peer->folder);
    }
}

static void postgres_make(Peer *peer) {
    char initdb[300], data[300];
    snprintf(initdb, sizeof initdb, "%s/initdb", postgres_bin);
    snprintf(data, sizeof data, "%s/data", peer->folder);
    if (access(initdb, X_OK) != 0) die("PostgreSQL 15 is not installed: no %s", initdb);
    const char *make[] = {initdb, "-D", data, "--locale=C.UTF-8", "-E", "UTF8", "-A", "trust", "-U",
        "postgres", "--no-sync", NULL};
    run_to_end(peer, make);
}

static void postgres_start(Peer *peer) {
    char postgres[300], data[300];
    snprintf(postgres, sizeof postgres, "%s/postgres", postgres_bin);
    snprintf(data, sizeof data, "%s/data", peer->folder);
    // The durable settings are those of docs/performance.md.
    const char *fsync = peer->is_durable ? "fsync=on" : "fsync=off";
    const char *serve[] = {postgres, "-D", data, "-c", "listen_addresses=", "-k", peer->folder,
        "-c", "timezone=UTC", "-c", fsync, "-c", "shared_buffers=4GB", "-c", "max_wal_size=16GB",
        "-c", "checkpoint_timeout=15min", "-c", "max_connections=1200", NULL};
    peer->process = spawn(peer, serve);
}

static void omendb_start(Peer *peer, const char *omendb) {
    char file[300];
    snprintf(file, sizeof file, "%s/db.omen", peer->folder);
    const char *serve[] = {omendb, "serve", peer->is_durable ? file : ":memory:", "--listen",
        "none", "--socket", peer->folder, "--quiet", NULL};
    peer->process = spawn(peer, serve);
}

static PGconn *try_connect(const Peer *peer, const char *database) {
    char parameters[512];
    snprintf(parameters, sizeof parameters,
        "host=%s port=5432 user=postgres dbname=%s client_encoding=UTF8", peer->folder, database);
    PGconn *connection = PQconnectdb(parameters);
    if (PQstatus(connection) == CONNECTION_OK) return connection;
    PQfinish(connection);
    return NULL;
}

static const char *database_name(const Peer *peer) {
    bool is_corpus = peer->kind == PEER_POSTGRES && !peer->is_durable;
    return is_corpus ? "regression" : "postgres";
}

static PGconn *wait_for(const Peer *peer, const char *database) {
    for (int i = 0; i < 300; i++) {
        PGconn *connection = try_connect(peer, database);
        if (connection != NULL) return connection;
        if (waitpid(peer->process, NULL, WNOHANG) == peer->process) break;
        usleep(50000);
    }
    die("no answer from the server; see %s/log", peer->folder);
}

static void notice_ignore(void *argument, const PGresult *result) {
    (void)argument;
    (void)result;
}

PGconn *peer_connect(const Peer *peer) {
    PGconn *connection = wait_for(peer, database_name(peer));
    PQsetNoticeReceiver(connection, notice_ignore, NULL);
    return connection;
}

static void start_new(Peer *peer, const char *omendb) {
    folder_make(peer, peer->kind == PEER_POSTGRES ? "postgres" : "omendb");
    if (peer->kind == PEER_POSTGRES) postgres_make(peer);
    peer_restart(peer, omendb);
}

void peer_start(Peer *peer, PeerKind kind, const char *omendb) {
    *peer = (Peer){.kind = kind};
    start_new(peer, omendb);
}

void peer_start_durable(Peer *peer, PeerKind kind, const char *omendb) {
    *peer = (Peer){.kind = kind, .is_durable = true};
    start_new(peer, omendb);
}

void peer_restart(Peer *peer, const char *omendb) {
    if (peer->kind == PEER_POSTGRES) {
        postgres_start(peer);
    } else {
        omendb_start(peer, omendb);
    }
    PQfinish(wait_for(peer, "postgres"));
}

void peer_kill(Peer *peer) {
    if (peer->connection != NULL) PQfinish(peer->connection);
    peer->connection = NULL;
    kill(peer->process, SIGKILL);
    waitpid(peer->process, NULL, 0);
    peer->process = 0;
}

static void process_end(Peer *peer) {
    if (peer->process <= 0) return;
    // PostgreSQL: a fast shutdown. OmenDB: also before it has set its handlers.
    kill(peer->process, peer->kind == PEER_POSTGRES ? SIGINT : SIGTERM);
    int status = 0;
    waitpid(peer->process, &status, 0);
    peer->process = 0;
    // A sanitizer tells by the status that it has found something.
    bool is_good = status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    if (peer->kind == PEER_OMENDB && !is_good) {
        die("omendb ended with status %d; see %s/log", status, peer->folder);
    }
}

void peer_fresh_database(Peer *peer, const char *omendb) {
    if (peer->connection != NULL) PQfinish(peer->connection);
    peer->connection = NULL;
    if (peer->kind == PEER_POSTGRES) {
        PGconn *admin = wait_for(peer, "postgres");
        PQsetNoticeReceiver(admin, notice_ignore, NULL);
        PQclear(PQexec(admin, "drop database if exists regression"));
        PQclear(PQexec(admin, "create database regression template template0"));
        PQfinish(admin);
    } else {
        process_end(peer);
        omendb_start(peer, omendb);
    }
    peer->connection = peer_connect(peer);
}

void peer_stop(Peer *peer) {
    if (peer->connection != NULL) PQfinish(peer->connection);
    peer->connection = NULL;
    process_end(peer);
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s'", peer->folder);
    if (system(command) != 0) fprintf(stderr, "could not remove %s\n", peer->folder);
}
