#include "base/utf8.h"
#include "functions/kernels_internal.h"
#include "functions/unicode_internal.h"

static uint32_t case_map(const CaseRun *runs, uint32_t count, uint32_t code_point) {
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (runs[middle].last < code_point) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == count || runs[low].first > code_point) return code_point;
    if ((code_point - runs[low].first) % runs[low].step != 0) return code_point;
    return (uint32_t)((int32_t)code_point + runs[low].distance);
}

static bool range_has(const CodeRange *ranges, uint32_t count, uint32_t code_point) {
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (ranges[middle].last < code_point) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && ranges[low].first <= code_point;
}

uint32_t unicode_upper(uint32_t code_point) {
    if (code_point < 0x80) {
        return code_point >= 'a' && code_point <= 'z' ? code_point - 32 : code_point;
    }
    return case_map(case_upper_runs, case_upper_run_count, code_point);
}

uint32_t unicode_lower(uint32_t code_point) {
    if (code_point < 0x80) {
        return code_point >= 'A' && code_point <= 'Z' ? code_point + 32 : code_point;
    }
    return case_map(case_lower_runs, case_lower_run_count, code_point);
}

bool unicode_is_alpha(uint32_t code_point) {
    return range_has(unicode_alpha, unicode_alpha_count, code_point);
}

bool unicode_is_space(uint32_t code_point) {
    return range_has(unicode_space, unicode_space_count, code_point);
}

static void append_mapped(Text *out, Bytes text, uint32_t (*map)(uint32_t code_point)) {
    const char *at = (const char *)text.data, *end = at + text.count;
    text_reserve(out, text.count);
    while (at < end) {
        if ((uint8_t)*at < 0x80) {
            text_append_char(out, (char)map((uint8_t)*at++));
            continue;
        }
        char encoded[4];
        text_append(out, encoded, utf8_encode(map(utf8_decode(at)), encoded));
        at += utf8_char_bytes((uint8_t)*at);
    }
}

void text_append_lower(Text *out, Bytes text) {
    append_mapped(out, text, unicode_lower);
}

static void text_append_upper(Text *out, Bytes text) {
    append_mapped(out, text, unicode_upper);
}

Status kernel_lower(Call *call) {
    FOR_EACH_ROW(call, row) {
        Text text;
        text_init(&text, call->arena);
        text_append_lower(&text, argument_bytes(call, 0, row));
        result_set_text(call, row, &text);
    }
    return OK;
}

Status kernel_upper(Call *call) {
    FOR_EACH_ROW(call, row) {
        Text text;
        text_init(&text, call->arena);
        text_append_upper(&text, argument_bytes(call, 0, row));
        result_set_text(call, row, &text);
    }
    return OK;
}

// The first letter or digit of each word in upper case, the rest in lower.
Status kernel_initcap(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes source = argument_bytes(call, 0, row);
        const char *at = (const char *)source.data, *end = at + source.count;
        Text text;
        text_init(&text, call->arena);
        bool is_inside = false;
        while (at < end) {
            uint32_t code_point = utf8_decode(at);
            at += utf8_char_bytes((uint8_t)*at);
            char encoded[4];
            uint32_t mapped = is_inside ? unicode_lower(code_point) : unicode_upper(code_point);
            text_append(&text, encoded, utf8_encode(mapped, encoded));
            is_inside = unicode_is_alnum(code_point);
        }
        result_set_text(call, row, &text);
    }
    return OK;
}
