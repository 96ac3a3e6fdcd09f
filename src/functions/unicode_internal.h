// Cases and classes of characters, as the C library has them in C.UTF-8. The tables are made by
// tools/make_unicode.py.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Characters first, first + step, ... last each map to themselves plus `distance`.
typedef struct CaseRun {
    uint32_t first, last, step;
    int32_t distance;
} CaseRun;

typedef struct CodeRange {
    uint32_t first, last;
} CodeRange;

extern const CaseRun case_upper_runs[], case_lower_runs[];
extern const uint32_t case_upper_run_count, case_lower_run_count;
extern const CodeRange unicode_alpha[], unicode_space[];
extern const uint32_t unicode_alpha_count, unicode_space_count;

uint32_t unicode_upper(uint32_t code_point);
uint32_t unicode_lower(uint32_t code_point);
bool unicode_is_alpha(uint32_t code_point);
bool unicode_is_space(uint32_t code_point);

static inline bool unicode_is_digit(uint32_t code_point) {
    return code_point >= '0' && code_point <= '9';
}

static inline bool unicode_is_alnum(uint32_t code_point) {
    return unicode_is_digit(code_point) || unicode_is_alpha(code_point);
}
