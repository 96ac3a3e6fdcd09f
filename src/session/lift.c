#include "session/lift.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/utf8.h"

#include <stdlib.h>

// What the token before was, to tell a sign from a minus.
typedef enum Before {
    BEFORE_NOTHING, // start, an operator, an opening parenthesis, a comma
    BEFORE_WORD,    // a name or a keyword: unknown which
    BEFORE_VALUE,   // a literal, a quoted name, a closing parenthesis
} Before;

typedef struct Lifter {
    const char *sql;
    uint32_t count, at;
    Before before;
    LiftedText *out;
} Lifter;

static inline bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static inline bool is_word_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}

static inline bool is_word(char c) {
    return is_word_start(c) || is_digit(c) || c == '$';
}

static inline bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static inline bool key_add(Lifter *lifter, char c) {
    LiftedText *out = lifter->out;
    if (out->key_count == LIFT_KEY_MAX) return false;
    out->key[out->key_count++] = c;
    return true;
}

// A byte that no text has, and the class of the literal that stood there.
static bool key_add_class(Lifter *lifter, Oid type) {
    char class = type == TYPE_INT4      ? 'i'
                 : type == TYPE_INT8    ? 'l'
                 : type == TYPE_NUMERIC ? 'n'
                                        : 's';
    return key_add(lifter, 1) && key_add(lifter, class);
}

static LiftedPiece *piece_new(Lifter *lifter) {
    LiftedText *out = lifter->out;
    if (out->piece_count == LIFT_LITERAL_MAX) return NULL;
    LiftedPiece *piece = &out->pieces[out->piece_count++];
    *piece = (LiftedPiece){0};
    return piece;
}

static bool lift_number(Lifter *lifter, int32_t location, bool is_negative) {
    const char *sql = lifter->sql;
    uint32_t start = lifter->at, at = start;
    bool is_integer = true;
    uint64_t integer = 0;
    while (at < lifter->count && is_digit(sql[at])) {
        if (integer > (UINT64_MAX - 9) / 10) is_integer = false;
        integer = integer * 10 + (uint64_t)(sql[at++] - '0');
    }
    if (at < lifter->count && sql[at] == '.') {
        if (at + 1 < lifter->count && sql[at + 1] == '.') return false;
        is_integer = false;
        at++;
        while (at < lifter->count && is_digit(sql[at]))
            at++;
    }
    if (at < lifter->count && (sql[at] == 'e' || sql[at] == 'E')) {
        is_integer = false;
        at++;
        if (at < lifter->count && (sql[at] == '+' || sql[at] == '-')) at++;
        if (at == lifter->count || !is_digit(sql[at])) return false;
        while (at < lifter->count && is_digit(sql[at]))
            at++;
    }
    if (at < lifter->count && is_word(sql[at])) return false;
    LiftedPiece *piece = piece_new(lifter);
    if (piece == NULL) return false;
    uint64_t limit = (uint64_t)INT64_MAX + is_negative;
    piece->offset = start;
    piece->count = at - start;
    piece->location = location;
    piece->is_negative = is_negative;
    piece->type = TYPE_NUMERIC;
    if (is_integer && integer <= limit) {
        piece->integer = (int64_t)(is_negative ? 0 - integer : integer);
        bool is_small = piece->integer >= INT32_MIN && piece->integer <= INT32_MAX;
        piece->type = is_small ? TYPE_INT4 : TYPE_INT8;
    }
    lifter->at = at;
    lifter->before = BEFORE_VALUE;
    return key_add_class(lifter, piece->type);
}

static bool lift_string(Lifter *lifter) {
    const char *sql = lifter->sql;
    uint32_t start = lifter->at++, at = lifter->at;
    bool has_quotes = false;
    for (;; at++) {
        if (at >= lifter->count) return false;
        if (sql[at] != '\'') continue;
        if (at + 1 < lifter->count && sql[at + 1] == '\'') {
            has_quotes = true;
            at++;
            continue;
        }
        break;
    }
    LiftedPiece *piece = piece_new(lifter);
    if (piece == NULL) return false;
    piece->offset = start + 1;
    piece->count = at - start - 1;
    piece->location = (int32_t)start;
    piece->type = TYPE_UNKNOWN;
    piece->has_quotes = has_quotes;
    at++;
    // Two strings with only a newline between are one, which is rare enough to leave alone.
    uint32_t next = at;
    while (next < lifter->count && is_space(sql[next]))
        next++;
    if (next > at && next < lifter->count && sql[next] == '\'') return false;
    lifter->at = at;
    lifter->before = BEFORE_VALUE;
    return key_add_class(lifter, TYPE_UNKNOWN);
}

static bool lift_word(Lifter *lifter) {
    while (lifter->at < lifter->count && is_word(lifter->sql[lifter->at]))
        if (!key_add(lifter, lifter->sql[lifter->at++])) return false;
    lifter->before = BEFORE_WORD;
    // E'', U&'', B'' and the like are strings of other kinds.
    if (lifter->at == lifter->count) return true;
    char next = lifter->sql[lifter->at];
    return next != '\'' && next != '&';
}

static bool lift_quoted_name(Lifter *lifter) {
    do {
        if (!key_add(lifter, lifter->sql[lifter->at++])) return false;
        if (lifter->at == lifter->count) return false;
    } while (lifter->sql[lifter->at] != '"');
    lifter->before = BEFORE_VALUE;
    return key_add(lifter, lifter->sql[lifter->at++]);
}

// A sign belongs to the number behind it, and the tree has the constant where the sign is.
static bool lift_minus(Lifter *lifter) {
    uint32_t start = lifter->at, next = start + 1;
    if (next < lifter->count && lifter->sql[next] == '-') return false; // a comment
    while (next < lifter->count && is_space(lifter->sql[next]))
        next++;
    bool is_number = next < lifter->count
                     && (is_digit(lifter->sql[next])
                         || (lifter->sql[next] == '.' && next + 1 < lifter->count
                             && is_digit(lifter->sql[next + 1])));
    if (is_number && lifter->before == BEFORE_WORD) return false;
    if (is_number && lifter->before == BEFORE_NOTHING) {
        lifter->at = next;
        return lift_number(lifter, (int32_t)start, true);
    }
    lifter->at++;
    lifter->before = BEFORE_NOTHING;
    return key_add(lifter, '-');
}

static bool lift_token(Lifter *lifter) {
    const char *sql = lifter->sql;
    char c = sql[lifter->at];
    char next = lifter->at + 1 < lifter->count ? sql[lifter->at + 1] : 0;
    if (is_space(c)) {
        lifter->at++;
        uint32_t count = lifter->out->key_count;
        return count == 0 || lifter->out->key[count - 1] == ' ' || key_add(lifter, ' ');
    }
    if (is_word_start(c)) return lift_word(lifter);
    if (is_digit(c) || (c == '.' && is_digit(next)))
        return lift_number(lifter, (int32_t)lifter->at, false);
    switch (c) {
    case '\'':
        return lift_string(lifter);
    case '"':
        return lift_quoted_name(lifter);
    case '-':
        return lift_minus(lifter);
    case '$':
    case 1:
        return false;
    case '/':
        if (next == '*') return false;
        break;
    case ';': // only as the last of the text
        for (uint32_t at = lifter->at + 1; at < lifter->count; at++)
            if (!is_space(sql[at])) return false;
        lifter->at = lifter->count;
        return true;
    default:
        break;
    }
    lifter->at++;
    lifter->before = c == ')' || c == ']' ? BEFORE_VALUE : BEFORE_NOTHING;
    return key_add(lifter, c);
}

bool lift_text(const char *sql, size_t count, LiftedText *lifted_out) {
    if (count > LIFT_KEY_MAX) return false;
    lifted_out->key_count = 0;
    lifted_out->piece_count = 0;
    Lifter lifter = {.sql = sql, .count = (uint32_t)count, .out = lifted_out};
    while (lifter.at < lifter.count)
        if (!lift_token(&lifter)) return false;

    enum { LIFT_SEED = 2 };

    lifted_out->hash = hash_bytes(lifted_out->key, lifted_out->key_count, LIFT_SEED);
    return lifted_out->key_count > 0;
}

static Status place(Status status, const LiftedPiece *piece, const char *sql) {
    if (status != OK)
        error_set_position((uint32_t)utf8_char_count(sql, (size_t)piece->location) + 1);
    return status;
}

Status lifted_value(const LiftedPiece *piece, const char *sql, const ValueContext *context,
    Oid type, Arena *arena, Value *value_out) {
    *value_out = (Value){0};
    if (piece->type == TYPE_INT4 && type == TYPE_INT4) {
        value_out->datum.int4 = (int32_t)piece->integer;
        return OK;
    }
    if (piece->type == TYPE_INT8 && type == TYPE_INT8) {
        value_out->datum.int8 = piece->integer;
        return OK;
    }
    const char *text = sql + piece->offset;
    size_t count = piece->count;
    if (piece->is_negative || piece->has_quotes) {
        char *plain = arena_allocate(arena, count + 2, 1);
        size_t plain_count = 0;
        if (piece->is_negative) plain[plain_count++] = '-';
        for (size_t i = 0; i < count; i++) {
            plain[plain_count++] = text[i];
            if (piece->has_quotes && text[i] == '\'') i++;
        }
        text = plain;
        count = plain_count;
    }
    return place(
        value_from_text(context, sql_type(type), text, count, arena, value_out), piece, sql);
}
