// A connection: its socket, its buffers, and the messages cut out of what arrives.

#include "base/random.h"
#include "server/server_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    INPUT_BYTES_MIN = 64 * 1024,
    STARTUP_BYTES_MAX = 10000,
    MESSAGE_BYTES_MAX = 0x3FFFFFFF, // 1 GiB, as PostgreSQL's
    WAIT_MS = 100,                  // how often a wait for a client looks whether the server stops
};

// ---- Input --------------------------------------------------------------------------------------

// Room for more bytes at the end. Grows as bytes arrive, never by what a length claims.
static Status input_reserve(Input *input) {
    if (input->start > 0) {
        memmove(input->data, input->data + input->start, input->count);
        input->start = 0;
    }
    if (input->count < input->capacity) return OK;
    size_t capacity = input->capacity == 0 ? INPUT_BYTES_MIN : input->capacity * 2;
    uint8_t *data = realloc(input->data, capacity);
    if (data == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    input->data = data;
    input->capacity = capacity;
    return OK;
}

Status input_take_message(
    Input *input, bool is_startup, uint8_t *type_out, Bytes *body_out, bool *found_out) {
    *found_out = false;
    const uint8_t *at = input->data + input->start;
    size_t type_bytes = is_startup ? 0 : 1;
    if (input->count < type_bytes + 4) return OK;
    uint32_t length = get_u32_be(at + type_bytes);
    uint32_t length_max = is_startup ? STARTUP_BYTES_MAX : MESSAGE_BYTES_MAX;
    if (length < 4 || length > length_max) {
        return fail(PROTOCOL_VIOLATION, "invalid message length");
    }
    size_t bytes = type_bytes + length;
    if (input->count < bytes) return OK;
    *type_out = is_startup ? 0 : at[0];
    *body_out = bytes_make(at + type_bytes + 4, length - 4);
    input->start += bytes;
    input->count -= bytes;
    *found_out = true;
    return OK;
}

typedef enum Received { RECEIVED_BYTES, RECEIVED_NOTHING, RECEIVED_END } Received;

static Received input_receive(Connection *connection) {
    Input *input = &connection->input;
    if (input_reserve(input) != OK) {
        error_clear();
        return RECEIVED_END;
    }
    ssize_t count = recv(connection->socket, input->data + input->start + input->count,
        input->capacity - input->start - input->count, 0);
    if (count > 0) {
        input->count += (size_t)count;
        return RECEIVED_BYTES;
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return RECEIVED_NOTHING;
    return RECEIVED_END;
}

// Waits until the socket is ready; false when the server stops or the socket is gone.
static bool socket_wait(Connection *connection, short events) {
    runner_hand_over(connection->runner);
    struct pollfd wanted = {.fd = connection->socket, .events = events};
    while (!atomic_load(&connection->server->is_stopping)) {
        int ready = poll(&wanted, 1, WAIT_MS);
        if (ready > 0) return (wanted.revents & (POLLERR | POLLNVAL)) == 0;
        if (ready < 0 && errno != EINTR) return false;
    }
    return false;
}

bool connection_wait_input(Connection *connection) {
    connection_flush(connection);
    for (;;) {
        Received received = input_receive(connection);
        if (received != RECEIVED_NOTHING) return received == RECEIVED_BYTES;
        if (!socket_wait(connection, POLLIN)) return false;
    }
}

// ---- Output -------------------------------------------------------------------------------------

void connection_flush(Connection *connection) {
    Text *output = &connection->runner->output;
    size_t sent = 0;
    while (sent < output->count && !connection->is_failed) {
        ssize_t count =
            send(connection->socket, output->data + sent, output->count - sent, MSG_NOSIGNAL);
        if (count > 0) {
            sent += (size_t)count;
        } else if (errno == EAGAIN) {
            connection->is_failed = !socket_wait(connection, POLLOUT);
        } else if (errno != EINTR) {
            connection->is_failed = true;
        }
    }
    text_clear(output);
}

// ---- Life ---------------------------------------------------------------------------------------

static void list_add(Server *server, Connection *connection) {
    mutex_lock(&server->latch);
    connection->next = server->connections;
    if (connection->next != NULL) connection->next->previous = connection;
    server->connections = connection;
    server->connection_count++;
    mutex_unlock(&server->latch);
}

static void list_remove(Server *server, Connection *connection) {
    mutex_lock(&server->latch);
    if (connection->next != NULL) connection->next->previous = connection->previous;
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        server->connections = connection->next;
    }
    server->connection_count--;
    mutex_unlock(&server->latch);
}

void connection_accept(Loop *loop, int socket, bool is_local) {
    Connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        close(socket);
        return;
    }
    connection->server = loop->server;
    connection->loop = loop;
    connection->socket = socket;
    connection->is_local = is_local;
    if (getrandom(&connection->secret, sizeof connection->secret, 0)
        != (ssize_t)sizeof connection->secret) {
        connection->secret = (uint32_t)(uintptr_t)connection >> 4; // no entropy source: no secret
    }
    list_add(loop->server, connection);
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = connection};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, socket, &event) != 0) {
        connection_destroy(connection);
    }
}

void connection_destroy(Connection *connection) {
    list_remove(connection->server, connection);
    if (connection->session != NULL) session_destroy(connection->session);
    while (connection->formats != NULL) {
        PortalFormats *formats = connection->formats;
        connection->formats = formats->next;
        free(formats);
    }
    close(connection->socket);
    free(connection->input.data);
    free(connection);
}

// ---- Serving ------------------------------------------------------------------------------------

// A connection that holds no cut message borrows the runner's buffer, and gives it back.
static void input_borrow(Connection *connection, Runner *runner) {
    if (connection->input.data != NULL) return;
    connection->input = runner->input;
    runner->input = (Input){0};
}

static void input_give_back(Connection *connection, Runner *runner) {
    if (connection->input.count > 0) return;
    free(runner->input.data);
    runner->input = connection->input;
    runner->input.start = 0;
    connection->input = (Input){0};
}

static bool fatal(Connection *connection) {
    Error error;
    error_take(&connection->runner->scratch, &error);
    wire_error(&connection->runner->output, 'E', "FATAL", &error);
    return false;
}

// Handles every whole message that has arrived.
static bool handle_all(Connection *connection) {
    for (;;) {
        uint8_t type;
        Bytes body;
        bool found;
        bool is_startup = connection->phase == PHASE_STARTUP;
        Status status = input_take_message(&connection->input, is_startup, &type, &body, &found);
        if (status != OK) return fatal(connection);
        if (!found) return true;
        bool goes_on = is_startup ? connection_start(connection, body)
                                  : connection_handle(connection, type, body);
        if (!goes_on || connection->is_failed) return false;
    }
}

bool connection_serve(Connection *connection, Runner *runner) {
    connection->runner = runner;
    input_borrow(connection, runner);
    Received received = input_receive(connection);
    bool goes_on = received != RECEIVED_END;
    if (received == RECEIVED_BYTES) goes_on = handle_all(connection);
    connection_flush(connection);
    input_give_back(connection, runner);
    connection->runner = NULL;
    return goes_on && !connection->is_failed;
}
