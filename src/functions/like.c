// LIKE and ILIKE.
#include "base/error.h"
#include "base/utf8.h"
#include "functions/kernels_internal.h"

static size_t char_bytes_at(Bytes text, size_t at, bool bytewise) {
    if (bytewise) return 1;
    size_t bytes = utf8_char_bytes(text.data[at]);
    return at + bytes > text.count ? text.count - at : bytes;
}

// A mismatch after a percent sign goes back to it and lets it take one character more; only the
// last percent sign need be tried again, so the work is at most text times pattern.
static Status like_matches(Bytes text, Bytes pattern, bool bytewise, bool *matches_out) {
    size_t at = 0, in_pattern = 0;
    size_t retry_at = 0, retry_pattern = SIZE_MAX;
    while (at < text.count) {
        if (in_pattern < pattern.count) {
            uint8_t wanted = pattern.data[in_pattern];
            if (wanted == '%') {
                retry_pattern = ++in_pattern;
                retry_at = at;
                if (in_pattern == pattern.count) break; // takes all the rest
                continue;
            }
            if (wanted == '_') {
                at += char_bytes_at(text, at, bytewise);
                in_pattern++;
                continue;
            }
            size_t literal = in_pattern;
            if (wanted == '\\') {
                if (++literal == pattern.count) {
                    return fail(
                        INVALID_ESCAPE_SEQUENCE, "LIKE pattern must not end with escape character");
                }
            }
            if (pattern.data[literal] == text.data[at]) {
                at++;
                in_pattern = literal + 1;
                continue;
            }
        }
        if (retry_pattern == SIZE_MAX) {
            *matches_out = false;
            return OK;
        }
        retry_at += char_bytes_at(text, retry_at, bytewise);
        at = retry_at;
        in_pattern = retry_pattern;
    }
    while (in_pattern < pattern.count && pattern.data[in_pattern] == '%')
        in_pattern++;
    *matches_out = in_pattern == pattern.count;
    return OK;
}

// ---- Patterns that need no matching
// --------------------------------------------------------------

typedef enum PatternKind {
    PATTERN_GENERAL,
    PATTERN_EQUAL,
    PATTERN_PREFIX,
    PATTERN_SUFFIX,
    PATTERN_CONTAINS
} PatternKind;

typedef struct Pattern {
    PatternKind kind;
    Bytes literal;
} Pattern;

// Patterns like abc, abc%, %abc and %abc%.
static Pattern pattern_analyse(Bytes pattern) {
    bool has_leading = pattern.count > 0 && pattern.data[0] == '%';
    bool has_trailing = pattern.count > 1 && pattern.data[pattern.count - 1] == '%';
    Bytes literal =
        bytes_make(pattern.data + has_leading, pattern.count - has_leading - has_trailing);
    for (size_t i = 0; i < literal.count; i++) {
        uint8_t byte = literal.data[i];
        if (byte == '%' || byte == '_' || byte == '\\') {
            return (Pattern){.kind = PATTERN_GENERAL, .literal = pattern};
        }
    }
    PatternKind kind = has_leading ? (has_trailing ? PATTERN_CONTAINS : PATTERN_SUFFIX)
                                   : (has_trailing ? PATTERN_PREFIX : PATTERN_EQUAL);
    return (Pattern){.kind = kind, .literal = literal};
}

static Status pattern_matches(Pattern pattern, Bytes text, bool bytewise, bool *matches_out) {
    Bytes literal = pattern.literal;
    switch (pattern.kind) {
    case PATTERN_GENERAL:
        return like_matches(text, literal, bytewise, matches_out);
    case PATTERN_EQUAL:
        *matches_out = bytes_equal(text, literal);
        return OK;
    case PATTERN_PREFIX:
        *matches_out = text.count >= literal.count
                       && bytes_equal(bytes_make(text.data, literal.count), literal);
        return OK;
    case PATTERN_SUFFIX:
        *matches_out =
            text.count >= literal.count
            && bytes_equal(
                bytes_make(text.data + text.count - literal.count, literal.count), literal);
        return OK;
    case PATTERN_CONTAINS:
        *matches_out = literal.count == 0
                       || memmem(text.data, text.count, literal.data, literal.count) != NULL;
        return OK;
    }
    UNREACHABLE();
}

static Status like(Call *call, bool bytewise, bool is_negated) {
    bool is_constant = call->arguments[1].is_constant;
    Pattern pattern = {.kind = PATTERN_GENERAL};
    if (is_constant) pattern = pattern_analyse(argument_bytes(call, 1, 0));
    FOR_EACH_ROW(call, row) {
        if (!is_constant) pattern.literal = argument_bytes(call, 1, row);
        bool matches = false;
        TRY(pattern_matches(pattern, argument_bytes(call, 0, row), bytewise, &matches));
        RESULT(call, bool, row) = matches != is_negated;
    }
    return OK;
}

static Bytes lower_in(Arena *arena, Bytes text) {
    Text lower;
    text_init(&lower, arena);
    text_append_lower(&lower, text);
    return text_bytes(&lower);
}

static Status ilike(Call *call, bool is_negated) {
    bool is_constant = call->arguments[1].is_constant;
    Pattern pattern = {.kind = PATTERN_GENERAL};
    if (is_constant) {
        pattern = pattern_analyse(lower_in(call->arena, argument_bytes(call, 1, 0)));
    }
    FOR_EACH_ROW(call, row) {
        if (!is_constant) pattern.literal = lower_in(call->arena, argument_bytes(call, 1, row));
        ArenaMark mark = arena_mark(call->arena);
        bool matches = false;
        Bytes text = lower_in(call->arena, argument_bytes(call, 0, row));
        TRY(pattern_matches(pattern, text, false, &matches));
        if (mark.chunk != NULL) arena_rewind(call->arena, mark);
        RESULT(call, bool, row) = matches != is_negated;
    }
    return OK;
}

Status kernel_textlike(Call *call) {
    return like(call, false, false);
}

Status kernel_textnlike(Call *call) {
    return like(call, false, true);
}

Status kernel_bytealike(Call *call) {
    return like(call, true, false);
}

Status kernel_byteanlike(Call *call) {
    return like(call, true, true);
}

Status kernel_texticlike(Call *call) {
    return ilike(call, false);
}

Status kernel_texticnlike(Call *call) {
    return ilike(call, true);
}

// LIKE ... ESCAPE e: the pattern with e in place of the backslash, rewritten to use a backslash.
Status kernel_like_escape(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes pattern = argument_bytes(call, 0, row), escape = argument_bytes(call, 1, row);
        if (escape.count > 0 && utf8_char_bytes(escape.data[0]) != escape.count) {
            Status status = fail(INVALID_ESCAPE_SEQUENCE, "invalid escape string");
            error_add_hint("Escape string must be empty or one character.");
            return status;
        }
        Text text;
        text_init(&text, call->arena);
        bool after_escape = false;
        for (size_t i = 0; i < pattern.count;) {
            size_t bytes = char_bytes_at(pattern, i, false);
            bool is_escape = escape.count > 0 && !after_escape && bytes == escape.count
                             && memcmp(pattern.data + i, escape.data, bytes) == 0;
            if (is_escape) {
                text_append_char(&text, '\\');
                after_escape = true;
            } else {
                if (pattern.data[i] == '\\' && !after_escape) text_append_char(&text, '\\');
                text_append(&text, pattern.data + i, bytes);
                after_escape = false;
            }
            i += bytes;
        }
        result_set_text(call, row, &text);
    }
    return OK;
}
