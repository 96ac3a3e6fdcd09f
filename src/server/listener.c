// Listening, loops and their runners.

#include "base/log.h"
#include "server/server_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { EVENT_COUNT = 64, RUNNER_STACK_BYTES = 1024 * 1024, OUTPUT_KEPT_BYTES = 256 * 1024 };

// ---- Listening ----------------------------------------------------------------------------------

static Status system_failure(const char *what) {
    return fail(IO_ERROR, "could not %s: %s", what, strerror(errno));
}

static bool is_loopback(const struct sockaddr_storage *address) {
    if (address->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return ntohl(in.sin_addr.s_addr) >> 24 == 127;
    }
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof in6);
    return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

static Status address_parse(
    const char *text, uint16_t port, struct sockaddr_storage *address_out, socklen_t *bytes_out) {
    if (strcmp(text, "localhost") == 0) text = "127.0.0.1";
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memset(address_out, 0, sizeof *address_out);
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        memcpy(address_out, &in, sizeof in);
        *bytes_out = sizeof in;
    } else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1) {
        memcpy(address_out, &in6, sizeof in6);
        *bytes_out = sizeof in6;
    } else {
        Status status = fail(INVALID_PARAMETER_VALUE, "invalid listen address \"%s\"", text);
        error_add_hint("Give a numeric address, such as 127.0.0.1.");
        return status;
    }
    if (is_loopback(address_out)) return OK;
    Status status = fail(FEATURE_NOT_SUPPORTED,
        "listening on \"%s\" is not supported: only loopback addresses are, until there is "
        "authentication",
        text);
    error_add_hint("Use 127.0.0.1, ::1, or the Unix socket.");
    return status;
}

static Status listener_add(Server *server, int family, const void *address, socklen_t bytes) {
    int listener = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0) return system_failure("create a socket");
    int on = 1;
    if (family != AF_UNIX) setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, address, bytes) != 0 || listen(listener, 1024) != 0) {
        Status status = system_failure("listen");
        error_add_hint("Is another server using port %u?", server->options.port);
        close(listener);
        return status;
    }
    server->listeners[server->listener_count++] = listener;
    return OK;
}

static Status listen_on_address(Server *server) {
    if (server->options.address == NULL) return OK;
    struct sockaddr_storage address;
    socklen_t bytes;
    TRY(address_parse(server->options.address, server->options.port, &address, &bytes));
    return listener_add(server, address.ss_family, &address, bytes);
}

// A socket file that nobody answers on was left by a server that was killed.
static void remove_stale_socket(const struct sockaddr_un *address) {
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0) return;
    bool is_answered = connect(probe, (const struct sockaddr *)address, sizeof *address) == 0;
    close(probe);
    struct stat file;
    if (!is_answered && stat(address->sun_path, &file) == 0 && S_ISSOCK(file.st_mode)) {
        unlink(address->sun_path);
    }
}

static Status listen_on_socket(Server *server) {
    if (server->options.socket_folder == NULL) return OK;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int count = snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.%u",
        server->options.socket_folder, server->options.port);
    if (count < 0 || (size_t)count >= sizeof address.sun_path) {
        return fail(INVALID_PARAMETER_VALUE, "Unix-domain socket path \"%s\" is too long",
            server->options.socket_folder);
    }
    remove_stale_socket(&address);
    TRY(listener_add(server, AF_UNIX, &address, sizeof address));
    memcpy(server->socket_path, address.sun_path, sizeof server->socket_path);
    return OK;
}

// ---- Runners ------------------------------------------------------------------------------------

static void runner_main(void *argument);

static Status runner_start(Server *server) {
    Runner *runner = calloc(1, sizeof *runner);
    if (runner == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    runner->server = server;
    arena_init(&runner->output_arena, NULL);
    arena_init(&runner->scratch, NULL);
    text_init(&runner->output, &runner->output_arena);
    mutex_lock(&server->latch);
    if (atomic_load(&server->is_stopping)) { // server_run may have counted the runners already
        mutex_unlock(&server->latch);
        free(runner);
        return fail(ADMIN_SHUTDOWN, "the server is shutting down");
    }
    runner->next = server->runners;
    server->runners = runner;
    server->runner_count++;
    server->spare_count++;
    mutex_unlock(&server->latch);

    Status status =
        thread_start("omen-loop", RUNNER_STACK_BYTES, runner_main, runner, &runner->thread);
    if (status == OK) return OK;
    mutex_lock(&server->latch);
    Runner **link = &server->runners;
    while (*link != runner) {
        link = &(*link)->next;
    }
    *link = runner->next;
    server->runner_count--;
    server->spare_count--;
    mutex_unlock(&server->latch);
    free(runner);
    return status;
}

// A loop waits for a spare runner; when there is none, one is started. False when none can be had.
static bool loop_offer(Loop *loop) {
    Server *server = loop->server;
    mutex_lock(&server->latch);
    uint32_t wanted = 1;
    for (Loop *waiting = server->waiting; waiting != NULL; waiting = waiting->next_waiting) {
        wanted++;
    }
    bool must_start = server->spare_count < wanted;
    mutex_unlock(&server->latch);
    if (must_start && runner_start(server) != OK) {
        error_clear();
        return false;
    }
    mutex_lock(&server->latch);
    loop->next_waiting = server->waiting;
    server->waiting = loop;
    condition_wake_one(&server->loop_waits);
    mutex_unlock(&server->latch);
    return true;
}

void runner_hand_over(Runner *runner) {
    Loop *loop = runner->loop;
    if (loop == NULL) return;
    // Taken out first: the next runner must not find this connection ready and serve it too.
    Connection *connection = runner->connection;
    if (connection != NULL) {
        epoll_ctl(loop->epoll, EPOLL_CTL_DEL, connection->socket, NULL);
        connection->is_detached = true;
    }
    runner->loop = NULL;
    if (loop_offer(loop)) return;
    // No thread is to be had: the loop stays here, and waits with us.
    runner->loop = loop;
}

static void before_blocking(void *argument) {
    Runner *runner = argument;
    if (runner->connection != NULL) runner_hand_over(runner);
}

static Loop *runner_wait_for_loop(Runner *runner) {
    Server *server = runner->server;
    mutex_lock(&server->latch);
    while (server->waiting == NULL && !atomic_load(&server->is_stopping)) {
        condition_wait(&server->loop_waits, &server->latch);
    }
    Loop *loop = server->waiting;
    if (atomic_load(&server->is_stopping)) loop = NULL;
    if (loop != NULL) {
        server->waiting = loop->next_waiting;
        loop->next_waiting = NULL;
        server->spare_count--;
    }
    mutex_unlock(&server->latch);
    return loop;
}

static void runner_become_spare(Runner *runner) {
    mutex_lock(&runner->server->latch);
    runner->server->spare_count++;
    mutex_unlock(&runner->server->latch);
}

static void buffers_trim(Runner *runner) {
    if (runner->output_arena.total_bytes > OUTPUT_KEPT_BYTES) {
        arena_deinit(&runner->output_arena);
        text_init(&runner->output, &runner->output_arena);
    }
    if (runner->scratch.chunk != NULL) arena_reset(&runner->scratch);
}

// Back into its home loop's set. Whoever runs that loop may serve it from here on.
static void connection_attach(Connection *connection) {
    connection->is_detached = false;
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = connection};
    epoll_ctl(connection->loop->epoll, EPOLL_CTL_ADD, connection->socket, &event);
}

static void serve(Runner *runner, Connection *connection) {
    runner->connection = connection;
    bool goes_on = connection_serve(connection, runner);
    runner->connection = NULL;
    buffers_trim(runner);
    if (!goes_on) {
        connection_destroy(connection);
    } else if (connection->is_detached) {
        connection_attach(connection);
    }
}

static void accept_all(Loop *loop, int listener) {
    for (;;) {
        int socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket < 0) return;
        struct sockaddr_storage address = {0};
        socklen_t bytes = sizeof address;
        getsockname(socket, (struct sockaddr *)&address, &bytes);
        bool is_local = address.ss_family == AF_UNIX;
        int on = 1;
        if (!is_local) setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        Server *server = loop->server;
        uint32_t turn = atomic_fetch_add(&server->next_loop, 1);
        connection_accept(&server->loops[turn % server->loop_count], socket, is_local);
    }
}

// Listeners and the stop event are told from connections by their address within the server.
static bool is_listener(const Server *server, const void *source, int *socket_out) {
    for (uint32_t i = 0; i < server->listener_count; i++) {
        if (source == &server->listeners[i]) {
            *socket_out = server->listeners[i];
            return true;
        }
    }
    return false;
}

static void runner_run_loop(Runner *runner, Loop *loop) {
    Server *server = runner->server;
    runner->loop = loop;
    struct epoll_event events[EVENT_COUNT];
    while (!atomic_load(&server->is_stopping)) {
        int count = epoll_wait(loop->epoll, events, EVENT_COUNT, -1);
        for (int i = 0; i < count; i++) {
            void *source = events[i].data.ptr;
            int listener;
            if (source == &server->stop_event) continue;
            if (is_listener(server, source, &listener)) {
                accept_all(loop, listener);
                continue;
            }
            serve(runner, source);
            // The other events are seen again by whoever runs the loop now: they stay ready.
            if (runner->loop == NULL) return;
        }
    }
    runner->loop = NULL;
}

static void runner_main(void *argument) {
    Runner *runner = argument;
    blocking_hooks_set((BlockingHooks){.before = before_blocking, .argument = runner});
    for (;;) {
        Loop *loop = runner_wait_for_loop(runner);
        if (loop == NULL) break;
        runner_run_loop(runner, loop);
        runner_become_spare(runner);
    }
    blocking_hooks_set((BlockingHooks){0});
}

// ---- The server ---------------------------------------------------------------------------------

static Status loop_init(Server *server, Loop *loop) {
    loop->server = server;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0) return system_failure("create an event loop");
    for (uint32_t i = 0; i < server->listener_count; i++) {
        struct epoll_event event = {
            .events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = &server->listeners[i]};
        epoll_ctl(loop->epoll, EPOLL_CTL_ADD, server->listeners[i], &event);
    }
    struct epoll_event stop = {.events = EPOLLIN, .data.ptr = &server->stop_event};
    epoll_ctl(loop->epoll, EPOLL_CTL_ADD, server->stop_event, &stop);
    return OK;
}

static Status server_init(Server *server, const ServerOptions *options) {
    server->options = *options;
    mutex_init(&server->latch, LATCH_RANK_SERVER);
    condition_init(&server->loop_waits);
    condition_init(&server->stops);
    server->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->stop_event < 0) return system_failure("create an event");
    TRY(listen_on_address(server));
    TRY(listen_on_socket(server));

    server->loop_count = options->loop_count == 0 ? cpu_count() : options->loop_count;
    server->loops = calloc(server->loop_count, sizeof *server->loops);
    if (server->loops == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    for (uint32_t i = 0; i < server->loop_count; i++) {
        server->loops[i].epoll = -1;
    }
    for (uint32_t i = 0; i < server->loop_count; i++) {
        TRY(loop_init(server, &server->loops[i]));
    }
    return OK;
}

Status server_create(SessionPool *sessions, const ServerOptions *options, Server **server_out) {
    Server *server = calloc(1, sizeof *server);
    if (server == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    server->sessions = sessions;
    server->stop_event = -1;
    Status status = server_init(server, options);
    if (status != OK) {
        server_destroy(server);
        return status;
    }
    *server_out = server;
    return OK;
}

Status server_run(Server *server) {
    Status status = OK;
    for (uint32_t i = 0; i < server->loop_count && status == OK; i++) {
        if (!loop_offer(&server->loops[i]))
            status = fail(INSUFFICIENT_RESOURCES, "could not start a thread");
    }
    if (status != OK) server_request_stop(server);

    mutex_lock(&server->latch);
    while (!atomic_load(&server->is_stopping)) {
        // A stop from a signal handler cannot take the latch, so look now and then.
        condition_wait_us(&server->stops, &server->latch, 100000);
    }
    for (Connection *c = server->connections; c != NULL; c = c->next) {
        if (c->session != NULL) session_cancel(c->session);
    }
    condition_wake_all(&server->loop_waits);
    mutex_unlock(&server->latch);

    // Runners that start others are gone once the list has been walked to its end.
    for (Runner *runner = server->runners; runner != NULL; runner = runner->next) {
        thread_join(runner->thread);
    }
    while (server->connections != NULL) {
        connection_destroy(server->connections);
    }
    return status;
}

void server_request_stop(Server *server) {
    atomic_store(&server->is_stopping, true);
    uint64_t one = 1;
    ssize_t written = write(server->stop_event, &one, sizeof one);
    (void)written;
}

void server_destroy(Server *server) {
    if (server == NULL) return;
    while (server->runners != NULL) {
        Runner *runner = server->runners;
        server->runners = runner->next;
        arena_deinit(&runner->output_arena);
        arena_deinit(&runner->scratch);
        free(runner->input.data);
        free(runner);
    }
    for (uint32_t i = 0; i < server->loop_count && server->loops != NULL; i++) {
        if (server->loops[i].epoll >= 0) close(server->loops[i].epoll);
    }
    for (uint32_t i = 0; i < server->listener_count; i++) {
        close(server->listeners[i]);
    }
    if (server->socket_path[0] != 0) unlink(server->socket_path);
    if (server->stop_event >= 0) close(server->stop_event);
    condition_deinit(&server->stops);
    condition_deinit(&server->loop_waits);
    mutex_deinit(&server->latch);
    free(server->loops);
    free(server);
}
