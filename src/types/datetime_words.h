// The words that dates, times and intervals may hold.
#pragma once

#include "types/datetime_read.h"

enum { DATETIME_WORD_MAX = 10 }; // longer words are compared by their first letters

// Values of the words of TOKEN_RESERVED, TOKEN_UNIT, TOKEN_AM_PM and TOKEN_ERA.
typedef enum WordValue {
    WORD_NONE,
    WORD_NOW,
    WORD_YESTERDAY,
    WORD_TODAY,
    WORD_TOMORROW,
    WORD_ALLBALLS,
    WORD_EPOCH,
    WORD_LATE,
    WORD_EARLY,
    WORD_UNIT_YEAR,
    WORD_UNIT_MONTH,
    WORD_UNIT_DAY,
    WORD_UNIT_HOUR,
    WORD_UNIT_MINUTE,
    WORD_UNIT_SECOND,
    WORD_UNIT_JULIAN,
    WORD_UNIT_TIME,
    WORD_UNIT_OTHER, // for extract alone
    WORD_AM,
    WORD_PM,
    WORD_AD,
    WORD_BC,
} WordValue;

typedef struct DateTimeWord {
    char name[DATETIME_WORD_MAX + 1];
    TokenKind kind;
    int32_t value;
} DateTimeWord;

// NULL when there is no such word. Lower case.
const DateTimeWord *datetime_word_find(const char *word);

// Units of an interval: the value is one of the TokenKinds of time.
const DateTimeWord *interval_word_find(const char *word);
