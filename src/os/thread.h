// Threads, mutexes, conditions.
//
// Model    Mutexes carry a rank from os/latch_rank.h; debug builds assert that a thread takes them
//          in rising rank. Before a thread may block for long (a row lock, a commit's flush, a cold
//          read) it calls its BlockingHooks, so that an event loop can hand itself over.
#pragma once

#include "base/status.h"
#include "os/latch_rank.h"

#include <pthread.h>

typedef struct Thread Thread;

// Starts a thread; the caller owns it and must join it. `stack_bytes` 0 is the default. It takes no
// signals of the program that it runs in.
// Errors: INSUFFICIENT_RESOURCES.
Status thread_start(const char *name, size_t stack_bytes, void (*run)(void *argument),
    void *argument, Thread **out);
void thread_join(Thread *thread); // frees it; accepts NULL

void thread_yield(void);

// Tells the CPU that the thread is about to look again at what another one writes.
static inline void thread_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

uint32_t cpu_count(void);

typedef struct Mutex {
    pthread_mutex_t native;
    LatchRank rank;
} Mutex;

void mutex_init(Mutex *mutex, LatchRank rank);
void mutex_deinit(Mutex *mutex);
void mutex_lock(Mutex *mutex);
bool mutex_try_lock(Mutex *mutex);
void mutex_unlock(Mutex *mutex);
bool mutex_is_held(const Mutex *mutex); // for assertions; true when not tracked

typedef struct Condition {
    pthread_cond_t native;
} Condition;

void condition_init(Condition *condition);
void condition_deinit(Condition *condition);
void condition_wait(Condition *condition, Mutex *mutex);

// False when the time ran out.
bool condition_wait_us(Condition *condition, Mutex *mutex, int64_t timeout_us);
void condition_wake_one(Condition *condition);
void condition_wake_all(Condition *condition);

// A 32-bit word to sleep on. Wakes may be spurious.
void word_wait(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_us); // -1: for ever
void word_wake_one(_Atomic uint32_t *word);
void word_wake_all(_Atomic uint32_t *word);

// What a thread does around a wait. Set per thread by whoever owns it; both may be NULL.
typedef struct BlockingHooks {
    void (*before)(void *argument);
    void (*after)(void *argument);
    void *argument;
} BlockingHooks;

void blocking_hooks_set(BlockingHooks hooks);
void blocking_begin(void);
void blocking_end(void);
