#include "base/assert.h"

#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static _Atomic(PanicHandler) panic_handler;

void panic_handler_set(PanicHandler handler) {
    atomic_store(&panic_handler, handler);
}

void assert_fail(const char *condition, const char *file, int line) {
    char message[512];
    snprintf(message, sizeof message, "assertion failed at %s:%d: %s", file, line, condition);
    LOG_ERROR("%s", message);
    PanicHandler handler = atomic_load(&panic_handler);
    if (handler != NULL) handler(message);
    abort();
}
