#include "base/status.h"

void status_to_sqlstate(Status status, char sqlstate_out[6]) {
    uint32_t packed = (uint32_t)status;
    if (status == OK) packed = 0; // "00000"
    for (int i = 0; i < 5; i++) {
        sqlstate_out[i] = (char)('0' + ((packed >> (6 * i)) & 0x3F));
    }
    sqlstate_out[5] = 0;
}

Status status_from_sqlstate(const char *s) {
    for (int i = 0; i < 5; i++) {
        bool is_digit = s[i] >= '0' && s[i] <= '9';
        bool is_capital = s[i] >= 'A' && s[i] <= 'Z';
        if (!is_digit && !is_capital) return INTERNAL_ERROR;
    }
    int packed = SQLSTATE(s[0], s[1], s[2], s[3], s[4]);
    switch (packed) {
    case OK:
        return OK;
#define X(name, a, b, c, d, e)                                                                     \
    case name:                                                                                     \
        return name;
#include "base/sqlstate_list.h"
#undef X
    default:
        return INTERNAL_ERROR;
    }
}
