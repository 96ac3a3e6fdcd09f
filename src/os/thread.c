#include "os/thread.h"

#include "base/assert.h"
#include "base/error.h"
#include "os/rank_check.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct Thread {
    pthread_t native;
    void (*run)(void *argument);
    void *argument;
    char name[16]; // what the kernel keeps
};

static void *thread_main(void *memory) {
    Thread *thread = memory;
    pthread_setname_np(pthread_self(), thread->name);
    thread->run(thread->argument);
    return NULL;
}

// Signals belong to the program that we run in: its handlers expect its own threads. What a fault
// of the thread itself raises stays.
static void block_signals(sigset_t *before_out) {
    sigset_t most;
    sigfillset(&most);
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGPROF};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        sigdelset(&most, faults[i]);
    }
    pthread_sigmask(SIG_SETMASK, &most, before_out);
}

Status thread_start(const char *name, size_t stack_bytes, void (*run)(void *argument),
    void *argument, Thread **out) {
    Thread *thread = calloc(1, sizeof *thread);
    if (thread == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    thread->run = run;
    thread->argument = argument;
    snprintf(thread->name, sizeof thread->name, "%s", name);

    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error == 0) {
        if (stack_bytes != 0) {
            size_t least = (size_t)PTHREAD_STACK_MIN;
            error =
                pthread_attr_setstacksize(&attributes, stack_bytes > least ? stack_bytes : least);
        }
        sigset_t before;
        block_signals(&before); // the new thread inherits the mask
        if (error == 0) error = pthread_create(&thread->native, &attributes, thread_main, thread);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attributes);
    }
    if (error != 0) {
        free(thread);
        return fail(INSUFFICIENT_RESOURCES, "could not start thread \"%s\": error %d", name, error);
    }
    *out = thread;
    return OK;
}

void thread_join(Thread *thread) {
    if (thread == NULL) return;
    pthread_join(thread->native, NULL);
    free(thread);
}

void thread_yield(void) {
    sched_yield();
}

uint32_t cpu_count(void) {
    cpu_set_t mine;
    CPU_ZERO(&mine);
    if (sched_getaffinity(0, sizeof mine, &mine) == 0) return (uint32_t)CPU_COUNT(&mine);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (uint32_t)online : 1;
}

void mutex_init(Mutex *mutex, LatchRank rank) {
    int error = pthread_mutex_init(&mutex->native, NULL);
    ASSERT(error == 0); // the default kind allocates nothing
    mutex->rank = rank;
}

void mutex_deinit(Mutex *mutex) {
    pthread_mutex_destroy(&mutex->native);
}

void mutex_lock(Mutex *mutex) {
    rank_check_above(mutex->rank);
    pthread_mutex_lock(&mutex->native);
    rank_taken(mutex->rank);
}

bool mutex_try_lock(Mutex *mutex) {
    if (pthread_mutex_trylock(&mutex->native) != 0) return false;
    rank_taken(mutex->rank); // in any order: who does not wait closes no cycle
    return true;
}

void mutex_unlock(Mutex *mutex) {
    rank_released(mutex->rank);
    pthread_mutex_unlock(&mutex->native);
}

bool mutex_is_held(const Mutex *mutex) {
    return rank_is_held(mutex->rank);
}

void condition_init(Condition *condition) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&condition->native, &attributes);
    pthread_condattr_destroy(&attributes);
}

void condition_deinit(Condition *condition) {
    pthread_cond_destroy(&condition->native);
}

void condition_wait(Condition *condition, Mutex *mutex) {
    pthread_cond_wait(&condition->native, &mutex->native);
}

bool condition_wait_us(Condition *condition, Mutex *mutex, int64_t timeout_us) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + timeout_us % 1000000 * 1000;
    until.tv_sec += timeout_us / 1000000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    return pthread_cond_timedwait(&condition->native, &mutex->native, &until) != ETIMEDOUT;
}

void condition_wake_one(Condition *condition) {
    pthread_cond_signal(&condition->native);
}

void condition_wake_all(Condition *condition) {
    pthread_cond_broadcast(&condition->native);
}

void word_wait(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_us) {
    struct timespec timeout = {
        .tv_sec = timeout_us / 1000000, .tv_nsec = timeout_us % 1000000 * 1000};
    syscall(
        SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout_us < 0 ? NULL : &timeout, NULL, 0);
}

void word_wake_one(_Atomic uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void word_wake_all(_Atomic uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

typedef struct ThreadBlocking {
    BlockingHooks hooks;
    uint32_t depth; // waits nest; only the outermost is told
} ThreadBlocking;

static _Thread_local ThreadBlocking blocking;

void blocking_hooks_set(BlockingHooks hooks) {
    blocking.hooks = hooks;
}

void blocking_begin(void) {
    if (blocking.depth++ == 0 && blocking.hooks.before != NULL) {
        blocking.hooks.before(blocking.hooks.argument);
    }
}

void blocking_end(void) {
    ASSERT(blocking.depth > 0);
    if (--blocking.depth == 0 && blocking.hooks.after != NULL) {
        blocking.hooks.after(blocking.hooks.argument);
    }
}
