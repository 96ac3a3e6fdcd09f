#include "base/assert.h"

#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

void assert_fail(const char *condition, const char *file, int line) {
    char message[512];
    snprintf(message, sizeof message, "assertion failed at %s:%d: %s", file, line, condition);
    LOG_ERROR("%s", message);
    abort();
}
