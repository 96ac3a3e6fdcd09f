// The server: PostgreSQL's wire protocol on a Unix socket and loopback, over the sessions of one
// database.
//
// Model    One event loop per core. A loop drains a socket, runs the statements it finds, and
// writes
//          once. Nothing on a loop waits: a thread that must block inside a statement (a row lock,
//          a commit's flush, a slow client) first hands its loop to a spare thread, finishes the
//          statement, and then becomes the spare.
// Threads  server_run is called by one thread and returns when the server has stopped.
//          server_request_stop may be called by any thread and from a signal handler.
#pragma once

#include "session/session.h"

typedef struct Server Server;

typedef struct ServerOptions {
    const char *address;       // loopback only, until there is authentication; NULL for none
    uint16_t port;             // also names the Unix socket
    const char *socket_folder; // NULL for none
    uint32_t loop_count;       // 0: one a core
    uint32_t connections_max;
} ServerOptions;

// Errors: FEATURE_NOT_SUPPORTED for an address that is not loopback; IO_ERROR when it cannot
// listen.
Status server_create(SessionPool *sessions, const ServerOptions *options, Server **server_out);

// Serves until a stop is requested, then ends every session: open transactions are rolled back.
Status server_run(Server *server);
void server_request_stop(Server *server);

// After server_run has returned. Accepts NULL.
void server_destroy(Server *server);
