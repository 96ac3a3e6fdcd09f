#include "types/datetime_words.h"

#include "types/calendar.h"

#include <string.h>

static const DateTimeWord words[] = {
    {"-infinity", TOKEN_RESERVED, WORD_EARLY},
    {"ad", TOKEN_ERA, WORD_AD},
    {"allballs", TOKEN_RESERVED, WORD_ALLBALLS},
    {"am", TOKEN_AM_PM, WORD_AM},
    {"apr", TOKEN_MONTH, 4},
    {"april", TOKEN_MONTH, 4},
    {"at", TOKEN_IGNORED, 0},
    {"aug", TOKEN_MONTH, 8},
    {"august", TOKEN_MONTH, 8},
    {"bc", TOKEN_ERA, WORD_BC},
    {"d", TOKEN_UNIT, WORD_UNIT_DAY},
    {"dec", TOKEN_MONTH, 12},
    {"december", TOKEN_MONTH, 12},
    {"dow", TOKEN_UNIT, WORD_UNIT_OTHER},
    {"doy", TOKEN_UNIT, WORD_UNIT_OTHER},
    {"dst", TOKEN_DAYLIGHT_SHIFT, SECONDS_PER_HOUR},
    {"epoch", TOKEN_RESERVED, WORD_EPOCH},
    {"feb", TOKEN_MONTH, 2},
    {"february", TOKEN_MONTH, 2},
    {"fri", TOKEN_DAY_OF_WEEK, 5},
    {"friday", TOKEN_DAY_OF_WEEK, 5},
    {"h", TOKEN_UNIT, WORD_UNIT_HOUR},
    {"infinity", TOKEN_RESERVED, WORD_LATE},
    {"isodow", TOKEN_UNIT, WORD_UNIT_OTHER},
    {"isoyear", TOKEN_UNIT, WORD_UNIT_OTHER},
    {"j", TOKEN_UNIT, WORD_UNIT_JULIAN},
    {"jan", TOKEN_MONTH, 1},
    {"january", TOKEN_MONTH, 1},
    {"jd", TOKEN_UNIT, WORD_UNIT_JULIAN},
    {"jul", TOKEN_MONTH, 7},
    {"julian", TOKEN_UNIT, WORD_UNIT_JULIAN},
    {"july", TOKEN_MONTH, 7},
    {"jun", TOKEN_MONTH, 6},
    {"june", TOKEN_MONTH, 6},
    {"m", TOKEN_UNIT, WORD_UNIT_MONTH},
    {"mar", TOKEN_MONTH, 3},
    {"march", TOKEN_MONTH, 3},
    {"may", TOKEN_MONTH, 5},
    {"mm", TOKEN_UNIT, WORD_UNIT_MINUTE},
    {"mon", TOKEN_DAY_OF_WEEK, 1},
    {"monday", TOKEN_DAY_OF_WEEK, 1},
    {"nov", TOKEN_MONTH, 11},
    {"november", TOKEN_MONTH, 11},
    {"now", TOKEN_RESERVED, WORD_NOW},
    {"oct", TOKEN_MONTH, 10},
    {"october", TOKEN_MONTH, 10},
    {"on", TOKEN_IGNORED, 0},
    {"pm", TOKEN_AM_PM, WORD_PM},
    {"s", TOKEN_UNIT, WORD_UNIT_SECOND},
    {"sat", TOKEN_DAY_OF_WEEK, 6},
    {"saturday", TOKEN_DAY_OF_WEEK, 6},
    {"sep", TOKEN_MONTH, 9},
    {"sept", TOKEN_MONTH, 9},
    {"september", TOKEN_MONTH, 9},
    {"sun", TOKEN_DAY_OF_WEEK, 0},
    {"sunday", TOKEN_DAY_OF_WEEK, 0},
    {"t", TOKEN_ISO_TIME, WORD_UNIT_TIME},
    {"thu", TOKEN_DAY_OF_WEEK, 4},
    {"thur", TOKEN_DAY_OF_WEEK, 4},
    {"thurs", TOKEN_DAY_OF_WEEK, 4},
    {"thursday", TOKEN_DAY_OF_WEEK, 4},
    {"today", TOKEN_RESERVED, WORD_TODAY},
    {"tomorrow", TOKEN_RESERVED, WORD_TOMORROW},
    {"tue", TOKEN_DAY_OF_WEEK, 2},
    {"tues", TOKEN_DAY_OF_WEEK, 2},
    {"tuesday", TOKEN_DAY_OF_WEEK, 2},
    {"wed", TOKEN_DAY_OF_WEEK, 3},
    {"wednesday", TOKEN_DAY_OF_WEEK, 3},
    {"weds", TOKEN_DAY_OF_WEEK, 3},
    {"y", TOKEN_UNIT, WORD_UNIT_YEAR},
    {"yesterday", TOKEN_RESERVED, WORD_YESTERDAY},
};

// Words of an interval; a value of TOKEN_UNKNOWN is a unit that only extract takes.
static const DateTimeWord interval_words[] = {
    {"@", TOKEN_IGNORED, 0},
    {"ago", TOKEN_AGO, 0},
    {"c", TOKEN_UNIT, TOKEN_CENTURY},
    {"cent", TOKEN_UNIT, TOKEN_CENTURY},
    {"centuries", TOKEN_UNIT, TOKEN_CENTURY},
    {"century", TOKEN_UNIT, TOKEN_CENTURY},
    {"d", TOKEN_UNIT, TOKEN_DAY},
    {"day", TOKEN_UNIT, TOKEN_DAY},
    {"days", TOKEN_UNIT, TOKEN_DAY},
    {"dec", TOKEN_UNIT, TOKEN_DECADE},
    {"decade", TOKEN_UNIT, TOKEN_DECADE},
    {"decades", TOKEN_UNIT, TOKEN_DECADE},
    {"decs", TOKEN_UNIT, TOKEN_DECADE},
    {"h", TOKEN_UNIT, TOKEN_HOUR},
    {"hour", TOKEN_UNIT, TOKEN_HOUR},
    {"hours", TOKEN_UNIT, TOKEN_HOUR},
    {"hr", TOKEN_UNIT, TOKEN_HOUR},
    {"hrs", TOKEN_UNIT, TOKEN_HOUR},
    {"m", TOKEN_UNIT, TOKEN_MINUTE},
    {"microsecon", TOKEN_UNIT, TOKEN_MICROSECOND},
    {"mil", TOKEN_UNIT, TOKEN_MILLENNIUM},
    {"millennia", TOKEN_UNIT, TOKEN_MILLENNIUM},
    {"millennium", TOKEN_UNIT, TOKEN_MILLENNIUM},
    {"millisecon", TOKEN_UNIT, TOKEN_MILLISECOND},
    {"mils", TOKEN_UNIT, TOKEN_MILLENNIUM},
    {"min", TOKEN_UNIT, TOKEN_MINUTE},
    {"mins", TOKEN_UNIT, TOKEN_MINUTE},
    {"minute", TOKEN_UNIT, TOKEN_MINUTE},
    {"minutes", TOKEN_UNIT, TOKEN_MINUTE},
    {"mon", TOKEN_UNIT, TOKEN_MONTH},
    {"mons", TOKEN_UNIT, TOKEN_MONTH},
    {"month", TOKEN_UNIT, TOKEN_MONTH},
    {"months", TOKEN_UNIT, TOKEN_MONTH},
    {"ms", TOKEN_UNIT, TOKEN_MILLISECOND},
    {"msec", TOKEN_UNIT, TOKEN_MILLISECOND},
    {"msecond", TOKEN_UNIT, TOKEN_MILLISECOND},
    {"mseconds", TOKEN_UNIT, TOKEN_MILLISECOND},
    {"msecs", TOKEN_UNIT, TOKEN_MILLISECOND},
    {"qtr", TOKEN_UNIT, TOKEN_UNKNOWN},
    {"quarter", TOKEN_UNIT, TOKEN_UNKNOWN},
    {"s", TOKEN_UNIT, TOKEN_SECOND},
    {"sec", TOKEN_UNIT, TOKEN_SECOND},
    {"second", TOKEN_UNIT, TOKEN_SECOND},
    {"seconds", TOKEN_UNIT, TOKEN_SECOND},
    {"secs", TOKEN_UNIT, TOKEN_SECOND},
    {"timezone", TOKEN_UNIT, TOKEN_UNKNOWN},
    {"timezone_h", TOKEN_UNIT, TOKEN_UNKNOWN},
    {"timezone_m", TOKEN_UNIT, TOKEN_UNKNOWN},
    {"us", TOKEN_UNIT, TOKEN_MICROSECOND},
    {"usec", TOKEN_UNIT, TOKEN_MICROSECOND},
    {"usecond", TOKEN_UNIT, TOKEN_MICROSECOND},
    {"useconds", TOKEN_UNIT, TOKEN_MICROSECOND},
    {"usecs", TOKEN_UNIT, TOKEN_MICROSECOND},
    {"w", TOKEN_UNIT, TOKEN_WEEK},
    {"week", TOKEN_UNIT, TOKEN_WEEK},
    {"weeks", TOKEN_UNIT, TOKEN_WEEK},
    {"y", TOKEN_UNIT, TOKEN_YEAR},
    {"year", TOKEN_UNIT, TOKEN_YEAR},
    {"years", TOKEN_UNIT, TOKEN_YEAR},
    {"yr", TOKEN_UNIT, TOKEN_YEAR},
    {"yrs", TOKEN_UNIT, TOKEN_YEAR},
};

static const DateTimeWord *find(const DateTimeWord *list, size_t count, const char *word) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strncmp(list[middle].name, word, DATETIME_WORD_MAX);
        if (order == 0) return &list[middle];
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const DateTimeWord *datetime_word_find(const char *word) {
    return find(words, sizeof words / sizeof *words, word);
}

const DateTimeWord *interval_word_find(const char *word) {
    return find(interval_words, sizeof interval_words / sizeof *interval_words, word);
}
