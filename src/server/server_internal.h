// What the files of the server share: loops, runners and connections.
#pragma once

#include "os/thread.h"
#include "server/server.h"
#include "server/wire.h"

typedef struct Loop Loop;
typedef struct Runner Runner;
typedef struct Connection Connection;

// A growing buffer of received bytes.
typedef struct Input {
    uint8_t *data;
    size_t start, count, capacity; // unread bytes are data[start .. start + count)
} Input;

// An event loop: what may be run by one runner at a time.
struct Loop {
    Server *server;
    int epoll;
    Loop *next_waiting; // guarded by server->latch
};

// A thread of the server. While it serves a connection it lends it its buffers, so that an idle
// connection has none.
struct Runner {
    Server *server;
    Thread *thread;
    Runner *next;           // of all runners; guarded by server->latch
    Loop *loop;             // the loop it runs; NULL after handing it over, or while spare
    Connection *connection; // being served, or NULL
    int64_t started_ns;     // when the statement being served began
    Input input;
    Arena output_arena, scratch;
    Text output;
};

// The result formats that a client asked for with a portal.
typedef struct PortalFormats {
    struct PortalFormats *next;
    uint32_t count;
    int16_t *formats;
    char *name;
} PortalFormats;

typedef enum ConnectionPhase {
    PHASE_STARTUP,
    PHASE_READY,
    PHASE_COPY_IN, // an extended COPY FROM STDIN waits for data
    PHASE_CLOSED,
} ConnectionPhase;

struct Connection {
    Server *server;
    Loop *loop;                  // its home
    Connection *next, *previous; // of all; guarded by server->latch
    int socket;
    bool is_local;      // Unix socket
    bool is_failed;     // the socket is gone: write no more
    bool skips_to_sync; // after an error in the extended protocol
    bool had_error;     // since the last Sync
    bool is_detached;   // taken out of its loop's epoll set by a hand-over
    ConnectionPhase phase;
    uint32_t secret;
    Session *session;
    Portal *copy_portal;
    PortalFormats *formats;
    Input input;    // borrowed from the runner while served, kept only when a message is cut
    Runner *runner; // who serves it now
};

struct Server {
    ServerOptions options;
    SessionPool *sessions;
    int listeners[2];
    uint32_t listener_count;
    char socket_path[108];
    int stop_event;
    _Atomic bool is_stopping;
    uint32_t loop_count;
    Loop *loops;
    _Atomic uint32_t next_loop; // round robin for new connections

    Mutex latch;          // guards what follows
    Condition loop_waits; // a loop wants a runner, or the server stops
    Condition stops;      // for server_run alone: it must not take a runner's wake-up
    Loop *waiting;
    Runner *runners;
    uint32_t spare_count, runner_count;
    Connection *connections;
    _Atomic uint32_t connection_count; // changed under the latch
};

// Gives the runner's loop to a spare thread, so that what follows may block. Does nothing when it
// has been given away already.
void runner_hand_over(Runner *runner);

// Takes a new socket in. Never fails: a socket that cannot be served is told so and closed.
void connection_accept(Loop *loop, int socket, bool is_local);

// Reads what there is, runs it, writes the answers. False when the connection is over.
bool connection_serve(Connection *connection, Runner *runner);
void connection_destroy(Connection *connection);

// Sends what `runner->output` holds; waits for a slow client after handing the loop over.
void connection_flush(Connection *connection);

// Reads more into the connection's input, waiting for it. False at the end.
bool connection_wait_input(Connection *connection);

// One whole message, its type and its body; the body may be changed in place. False ends the
// connection.
bool connection_handle(Connection *connection, uint8_t type, Bytes body);

// The first message, without a type.
bool connection_start(Connection *connection, Bytes body);

// A whole message at the front of the input: its bytes are counted as read. False when more bytes
// are needed. Errors: PROTOCOL_VIOLATION for a length that cannot be.
Status input_take_message(
    Input *input, bool is_startup, uint8_t *type_out, Bytes *body_out, bool *found_out);
