// Fuzz target: messages of the protocol. The input is a connection's bytes; its first byte says
// whether a startup message comes first. Each whole message is taken out of the input, and its body
// read with the takes in an order that the body's own bytes choose, as each message's reader does.
#include "base/error.h"
#include "server/server_internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

static void require(bool holds) {
    if (!holds) abort();
}

static bool is_part(Bytes part, Bytes whole) {
    return part.data >= whole.data && part.count <= whole.count
           && (size_t)(part.data - whole.data) <= whole.count - part.count;
}

// One take; false at the first that fails.
static bool take(Bytes *message, Bytes whole, unsigned kind) {
    Bytes before = *message;
    Status status = OK;
    int16_t i16;
    int32_t i32;
    uint8_t u8;
    switch (kind % 6) {
    case 0:
        status = wire_take_u8(message, &u8);
        break;
    case 1:
        status = wire_take_i16(message, &i16);
        break;
    case 2:
        status = wire_take_i32(message, &i32);
        break;
    case 3: { // a value, as Bind has them: a length and its bytes
        Bytes bytes;
        status = wire_take_i32(message, &i32);
        if (status == OK && i32 >= 0) {
            status = wire_take_bytes(message, (size_t)i32, &bytes);
            if (status == OK) require(bytes.count == (size_t)i32 && is_part(bytes, whole));
        }
        break;
    }
    case 4: {
        const char *string;
        status = wire_take_string(message, &string);
        if (status == OK) {
            require(is_part(bytes_make(string, strlen(string) + 1), whole));
        }
        break;
    }
    default: { // formats, as Bind has them: a count and as many codes
        Bytes codes;
        status = wire_take_i16(message, &i16);
        if (status == OK && i16 >= 0) {
            status = wire_take_bytes(message, (size_t)i16 * 2, &codes);
        }
        break;
    }
    }
    require(message->count <= before.count);
    require(status == OK || status == PROTOCOL_VIOLATION);
    return status == OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count) {
    if (count < 2) return 0;
    bool is_startup = (data[0] & 1) != 0;
    unsigned kinds = data[1];
    Input input = {.data = malloc(count - 2), .count = count - 2, .capacity = count - 2};
    memcpy(input.data, data + 2, count - 2);
    for (;;) {
        uint8_t type;
        Bytes body;
        bool is_found;
        size_t left = input.count;
        if (input_take_message(&input, is_startup, &type, &body, &is_found) != OK) break;
        if (!is_found) {
            require(input.count == left);
            break;
        }
        require(input.count < left);
        is_startup = false;
        kinds = kinds * 31 + type;
        Bytes rest = body;
        while (rest.count > 0 && take(&rest, body, kinds)) {
            kinds = kinds * 31 + 7;
        }
        error_clear();
        require((wire_take_end(&rest) == OK) == (rest.count == 0));
    }
    error_clear();
    free(input.data);
    return 0;
}
