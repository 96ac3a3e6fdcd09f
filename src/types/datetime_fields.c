// Splits a date, time or interval into its fields.
#include "types/datetime_read.h"
#include "types/datetime_words.h"

#include <ctype.h>

// One field after the other is copied, in lower case, into the room of the fields.
typedef struct Splitter {
    const char *at, *end;
    char *to, *room_end;
    bool is_full;
} Splitter;

static int peek(const Splitter *splitter) {
    return splitter->at < splitter->end ? (unsigned char)*splitter->at : '\0';
}

// The C locale's, whatever the process's.
static bool is_digit_at(const Splitter *splitter) {
    int c = peek(splitter);
    return c >= '0' && c <= '9';
}

static bool is_letter_at(const Splitter *splitter) {
    int c = peek(splitter) | 0x20;
    return c >= 'a' && c <= 'z';
}

static bool is_blank_at(const Splitter *splitter) {
    int c = peek(splitter);
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void put(Splitter *splitter, char c) {
    if (splitter->to >= splitter->room_end) {
        splitter->is_full = true;
    } else {
        *splitter->to++ = c;
    }
}

static void move(Splitter *splitter) {
    char c = *splitter->at++;
    put(splitter, (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
}

static void move_digits(Splitter *splitter) {
    while (is_digit_at(splitter)) {
        move(splitter);
    }
}

static void move_letters(Splitter *splitter) {
    while (is_letter_at(splitter)) {
        move(splitter);
    }
}

// Digits, and any of `others`.
static void move_digits_and(Splitter *splitter, const char *others) {
    while (is_digit_at(splitter) || (peek(splitter) != '\0' && strchr(others, peek(splitter)))) {
        move(splitter);
    }
}

static FieldKind split_digits(Splitter *splitter) {
    move_digits(splitter);
    int c = peek(splitter);
    if (c == ':') {
        move_digits_and(splitter, ":.");
        return FIELD_TIME;
    }
    if (c != '-' && c != '/' && c != '.') return FIELD_NUMBER;
    char delimiter[] = {(char)c, '\0'};
    move(splitter);
    if (is_digit_at(splitter)) {
        move_digits(splitter);
        // A third part with the same delimiter makes it a date for certain.
        if (peek(splitter) == c) {
            move_digits_and(splitter, delimiter);
            return FIELD_DATE;
        }
        return c == '.' ? FIELD_NUMBER : FIELD_DATE;
    }
    while (is_letter_at(splitter) || is_digit_at(splitter) || peek(splitter) == c) {
        move(splitter);
    }
    return FIELD_DATE;
}

static FieldKind split_letters(Splitter *splitter, const char *start) {
    move_letters(splitter);
    int c = peek(splitter);
    bool is_date = c == '-' || c == '/' || c == '.';
    if (c == '+' || is_digit_at(splitter)) {
        // A word of ours ends here; a zone's name goes on.
        char word[DATETIME_WORD_MAX + 2] = {0};
        size_t count = (size_t)(splitter->to - start);
        memcpy(word, start, count > DATETIME_WORD_MAX + 1 ? DATETIME_WORD_MAX + 1 : count);
        is_date = datetime_word_find(word) == NULL;
    }
    if (!is_date) return FIELD_STRING;
    do {
        move(splitter);
    } while (is_letter_at(splitter) || is_digit_at(splitter)
             || (peek(splitter) != '\0' && strchr("+-/_.:", peek(splitter))));
    return FIELD_DATE;
}

ReadOutcome datetime_split(
    const char *text, size_t count, size_t room_bytes, DateTimeFields *fields_out) {
    Splitter splitter = {.at = text,
        .end = text + count,
        .to = fields_out->room,
        .room_end = fields_out->room + room_bytes};
    fields_out->count = 0;
    while (splitter.at < splitter.end) {
        int c = peek(&splitter);
        if (is_blank_at(&splitter)) {
            splitter.at++;
            continue;
        }
        if (fields_out->count == DATETIME_FIELD_MAX) return READ_BAD_FORMAT;
        char *start = splitter.to;
        FieldKind kind;
        if (is_digit_at(&splitter)) {
            kind = split_digits(&splitter);
        } else if (c == '.') {
            move(&splitter);
            move_digits(&splitter);
            kind = FIELD_NUMBER;
        } else if (is_letter_at(&splitter)) {
            kind = split_letters(&splitter, start);
        } else if (c == '+' || c == '-') {
            move(&splitter);
            while (is_blank_at(&splitter)) {
                splitter.at++;
            }
            if (is_digit_at(&splitter)) {
                move_digits_and(&splitter, ":.-");
                kind = FIELD_ZONE;
            } else if (is_letter_at(&splitter)) {
                move_letters(&splitter);
                kind = FIELD_SPECIAL;
            } else {
                return READ_BAD_FORMAT;
            }
        } else if (c < 0x80 && ispunct(c)) {
            splitter.at++;
            continue;
        } else {
            return READ_BAD_FORMAT;
        }
        put(&splitter, '\0');
        if (splitter.is_full) return READ_BAD_FORMAT;
        fields_out->kinds[fields_out->count] = kind;
        fields_out->texts[fields_out->count++] = start;
    }
    return READ_OK;
}
