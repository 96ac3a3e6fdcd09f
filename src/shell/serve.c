// omendb serve and omendb check.

#include "base/error.h"
#include "base/log.h"
#include "server/server.h"
#include "shell/shell.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static const char serve_help[] =
    "omendb serve: serve a database to PostgreSQL clients.\n"
    "\n"
    "Usage: omendb serve FILE [option]...\n"
    "  --listen ADDR:PORT    loopback address (default 127.0.0.1:5432); \"none\": no TCP\n"
    "  --socket FOLDER       folder of the Unix socket .s.PGSQL.PORT (default /tmp); \"none\"\n"
    "  --max-connections N   default 1000\n"
    "  --memory MB           memory limit (default: 70 % of the machine's)\n"
    "  --checkpoint-wal MB   checkpoint after this much log (default 256)\n"
    "  --loops N             event loops (default: one a core)\n"
    "  --quiet               no log of starts and stops\n"
    "\n"
    "Connect with: psql -h 127.0.0.1 -p 5432 (any user and database name)\n"
    "Stop with Ctrl-C or SIGTERM.\n";

typedef struct ServeOptions {
    const char *path;
    ServerOptions server;
    DatabaseOptions database;
    bool is_quiet;
} ServeOptions;

// A handler of signals gets no argument: the server that they stop.
static _Atomic(Server *) serving;

static void stop(int signal_number) {
    (void)signal_number;
    Server *server = atomic_load(&serving);
    if (server != NULL) server_request_stop(server);
}

static bool number_parse(const char *text, uint64_t max, uint64_t *number_out) {
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != 0 || number > max) return false;
    *number_out = number;
    return true;
}

// "127.0.0.1:5432", "[::1]:5432", "127.0.0.1", or "none". Cuts the text in place.
static bool listen_parse(char *text, ServerOptions *options) {
    if (strcmp(text, "none") == 0) {
        options->address = NULL;
        return true;
    }
    char *colon = strrchr(text, ':');
    if (text[0] == '[') {
        char *bracket = strchr(text, ']');
        if (bracket == NULL) return false;
        *bracket = 0;
        text++;
        colon = bracket[1] == ':' ? bracket + 1 : NULL;
    } else if (colon != NULL && strchr(text, ':') != colon) {
        colon = NULL; // a bare IPv6 address
    }
    if (colon != NULL) {
        uint64_t port;
        if (!number_parse(colon + 1, 65535, &port)) return false;
        options->port = (uint16_t)port;
        *colon = 0;
    }
    options->address = text;
    return true;
}

static bool option_read(ServeOptions *options, const char *name, char *value) {
    uint64_t number = 0;
    if (strcmp(name, "--listen") == 0) return listen_parse(value, &options->server);
    if (strcmp(name, "--socket") == 0) {
        options->server.socket_folder = strcmp(value, "none") == 0 ? NULL : value;
        return true;
    }
    if (!number_parse(value, UINT32_MAX, &number)) return false;
    if (strcmp(name, "--max-connections") == 0) {
        options->server.connections_max = (uint32_t)number;
    } else if (strcmp(name, "--memory") == 0) {
        options->database.memory_limit_bytes = number << 20;
    } else if (strcmp(name, "--checkpoint-wal") == 0) {
        options->database.checkpoint_wal_bytes = number << 20;
    } else if (strcmp(name, "--loops") == 0) {
        options->server.loop_count = (uint32_t)number;
    } else {
        return false;
    }
    return true;
}

static bool serve_options_read(int count, char **arguments, ServeOptions *options) {
    for (int i = 0; i < count; i++) {
        if (strcmp(arguments[i], "--quiet") == 0) {
            options->is_quiet = true;
        } else if (arguments[i][0] == '-' && i + 1 < count) {
            if (!option_read(options, arguments[i], arguments[i + 1])) {
                fprintf(
                    stderr, "omendb serve: invalid option %s %s\n", arguments[i], arguments[i + 1]);
                return false;
            }
            i++;
        } else if (options->path == NULL && arguments[i][0] != '-') {
            options->path = arguments[i];
        } else {
            fprintf(stderr, "omendb serve: unexpected argument \"%s\"\n", arguments[i]);
            return false;
        }
    }
    if (options->path == NULL) fputs("omendb serve: which file?\n", stderr);
    return options->path != NULL;
}

static Status serve(Database *database, const ServeOptions *options) {
    SessionPool *sessions;
    TRY(session_pool_create(database, &sessions));
    Server *server = NULL;
    Status status = server_create(sessions, &options->server, &server);
    if (status == OK) {
        atomic_store(&serving, server);
        struct sigaction action = {.sa_handler = stop};
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        signal(SIGPIPE, SIG_IGN);
        LOG_INFO("serving \"%s\" on port %u", options->path, options->server.port);
        status = server_run(server);
        atomic_store(&serving, NULL);
        LOG_INFO("stopping");
    }
    server_destroy(server);
    session_pool_destroy(sessions);
    return status;
}

int command_serve(int argument_count, char **arguments) {
    for (int i = 0; i < argument_count; i++) {
        if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0) {
            fputs(serve_help, stdout);
            return 0;
        }
    }
    ServeOptions options = {
        .server = {.address = "127.0.0.1",
            .port = 5432,
            .socket_folder = "/tmp",
            .connections_max = 1000},
        .database = {.wal_file_bytes = 64 << 20, .wal_ring_bytes = 16 << 20},
    };
    if (!serve_options_read(argument_count, arguments, &options)) {
        fputs("Try \"omendb serve --help\".\n", stderr);
        return 2;
    }
    if (!options.is_quiet) log_set_severity(LOG_INFO_SEVERITY);
    Database *database;
    if (!command_open(options.path, false, &options.database, &database)) return 1;
    Status status = serve(database, &options);
    if (status != OK) shell_print_error(NULL);
    database_close(database);
    return status == OK ? 0 : 1;
}

int command_check(int argument_count, char **arguments) {
    if (argument_count != 1 || arguments[0][0] == '-') {
        fputs("omendb check: verify every checksum, reference and index of a database.\n"
              "\n"
              "Usage: omendb check FILE\n"
              "Prints each finding; the exit status is 0 when there is none.\n",
            argument_count == 1 ? stdout : stderr);
        return argument_count == 1 ? 0 : 2;
    }
    Database *database;
    if (!command_open(arguments[0], true, NULL, &database)) return 1;
    Arena arena;
    arena_init(&arena, NULL);
    Text findings;
    text_init(&findings, &arena);
    Status status = database_check(database, &findings);
    fputs(findings.data, stdout);
    if (status == OK) {
        printf("%s: no finding\n", arguments[0]);
    } else {
        shell_print_error(NULL);
    }
    arena_deinit(&arena);
    database_close(database);
    return status == OK ? 0 : 1;
}
