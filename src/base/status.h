// Status: the outcome of every function that can fail. A status is a SQLSTATE, packed into an
// integer; there is no second code space. Details of a failure are in base/error.h.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Five characters of '0'-'9' and 'A'-'Z', six bits each, the first character lowest.
#define SQLSTATE(a, b, c, d, e)                                                                    \
    ((((a) - '0') & 0x3F) | (((b) - '0') & 0x3F) << 6 | (((c) - '0') & 0x3F) << 12                 \
        | (((d) - '0') & 0x3F) << 18 | (((e) - '0') & 0x3F) << 24)

typedef enum [[nodiscard]] Status{
    OK = 0,

#define X(name, a, b, c, d, e) name = SQLSTATE(a, b, c, d, e),
#include "base/sqlstate_list.h"
#undef X
} Status;

// Writes the five characters and a terminating zero.
void status_to_sqlstate(Status status, char sqlstate_out[6]);

// The status of five SQLSTATE characters; INTERNAL_ERROR for one that is not in the list.
Status status_from_sqlstate(const char *sqlstate);

// Returns from the calling function when `call` fails. Only while holding nothing to release.
#define TRY(call)                                                                                  \
    do {                                                                                           \
        Status try_status = (call);                                                                \
        if (try_status != OK) return try_status;                                                   \
    } while (0)
