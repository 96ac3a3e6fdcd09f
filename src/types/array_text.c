// Array literals: {1,2,NULL}, {{a,b},{"c d",e}}, [0:1]={x,y}.
#include "base/error.h"
#include "types/array_internal.h"

#include <stdlib.h>

typedef struct Literal {
    const char *text, *at, *end; // all of it, and what is left
    uint32_t dimension_count;
    int32_t sizes[ARRAY_DIMENSION_MAX], lower_bounds[ARRAY_DIMENSION_MAX];
} Literal;

[[gnu::cold]] static Status fail_malformed(const Literal *literal, const char *detail) {
    Status status = fail(INVALID_TEXT_REPRESENTATION, "malformed array literal: \"%.*s\"",
        (int)(literal->end - literal->text), literal->text);
    if (detail != NULL) error_add_detail("%s", detail);
    return status;
}

[[gnu::cold]] static Status fail_unexpected(const Literal *literal, char c) {
    Status status = fail_malformed(literal, NULL);
    error_add_detail("Unexpected \"%c\" character.", c);
    return status;
}

static Status fail_dimensions(uint32_t count) {
    return fail(PROGRAM_LIMIT_EXCEEDED,
        "number of array dimensions (%u) exceeds the maximum allowed (%d)", count,
        ARRAY_DIMENSION_MAX);
}

static void skip_spaces(Literal *literal) {
    while (literal->at < literal->end && array_is_space(*literal->at)) {
        literal->at++;
    }
}

static bool at_char(const Literal *literal, char c) {
    return literal->at < literal->end && *literal->at == c;
}

// Digits and signs, as atoi understands them. False when there are none.
static bool take_bound(Literal *literal, int32_t *bound_out) {
    const char *start = literal->at;
    while (literal->at < literal->end
           && ((*literal->at >= '0' && *literal->at <= '9') || *literal->at == '-'
               || *literal->at == '+')) {
        literal->at++;
    }
    if (literal->at == start) return false;
    bool is_negative = *start == '-';
    if (*start == '-' || *start == '+') start++;
    int64_t value = 0;
    for (; start < literal->at && *start >= '0' && *start <= '9'; start++) {
        value = value * 10 + (*start - '0');
        if (value > INT64_C(1) << 40) value = INT64_C(1) << 40;
    }
    *bound_out = (int32_t)(is_negative ? -value : value);
    return true;
}

// "[1:3][2]=", when the literal starts with it.
static Status take_dimensions(Literal *literal) {
    for (;;) {
        skip_spaces(literal);
        if (!at_char(literal, '[')) break;
        literal->at++;
        if (literal->dimension_count >= ARRAY_DIMENSION_MAX) {
            return fail_dimensions(literal->dimension_count + 1);
        }
        int32_t lower = 1, upper;
        if (!take_bound(literal, &upper)) {
            return fail_malformed(
                literal, "\"[\" must introduce explicitly-specified array dimensions.");
        }
        if (at_char(literal, ':')) {
            literal->at++;
            lower = upper;
            if (!take_bound(literal, &upper)) {
                return fail_malformed(literal, "Missing array dimension value.");
            }
        }
        if (!at_char(literal, ']')) {
            return fail_malformed(literal, "Missing \"]\" after array dimensions.");
        }
        literal->at++;
        if (upper < lower) {
            return fail(ARRAY_SUBSCRIPT_ERROR, "upper bound cannot be less than lower bound");
        }
        literal->lower_bounds[literal->dimension_count] = lower;
        literal->sizes[literal->dimension_count++] = upper - lower + 1;
    }
    return OK;
}

// What was read last between the braces; it says what may follow.
typedef enum Place {
    AFTER_NOTHING,
    AFTER_OPEN_BRACE,
    IN_WORD,
    IN_QUOTES,
    AFTER_QUOTES,
    AFTER_COMMA,
    AFTER_CLOSE_BRACE,
    AFTER_CLOSE_BRACE_AND_COMMA,
} Place;

// Checks the braces from `at` to the end and counts what they hold. No dimensions for braces
// without an element.
static Status count_braces(
    const Literal *whole, uint32_t *dimension_count_out, int32_t sizes_out[ARRAY_DIMENSION_MAX]) {
    Place place = AFTER_NOTHING;
    uint32_t depth = 0, dimension_count = 1;
    bool has_element = false;
    int32_t counts[ARRAY_DIMENSION_MAX] = {0}; // members so far of the open list at each depth
    int32_t closed[ARRAY_DIMENSION_MAX] = {0}; // members of the lists closed at each depth, or 0
    // The sizes: lists closed at each depth since its last list was opened, and elements at the
    // deepest. Lists of uneven depth make one of them 0, which PostgreSQL takes for an empty array.
    int32_t sizes[ARRAY_DIMENSION_MAX] = {0};
    const Literal braces = {.text = whole->at, .end = whole->end}, *literal = &braces;
    const char *at = whole->at;
    do {
        if (at == literal->end) return fail_malformed(literal, "Unexpected end of input.");
        char c = *at++;
        if (place == IN_WORD || place == IN_QUOTES) has_element = true;
        if (c == '\\') {
            if (place != AFTER_OPEN_BRACE && place != IN_WORD && place != IN_QUOTES
                && place != AFTER_COMMA) {
                return fail_unexpected(literal, c);
            }
            if (place != IN_QUOTES) place = IN_WORD;
            if (at == literal->end) return fail_malformed(literal, "Unexpected end of input.");
            at++;
        } else if (c == '"') {
            if (place != AFTER_OPEN_BRACE && place != IN_QUOTES && place != AFTER_COMMA) {
                return fail_malformed(literal, "Unexpected array element.");
            }
            place = place == IN_QUOTES ? AFTER_QUOTES : IN_QUOTES;
            has_element = true;
        } else if (place == IN_QUOTES) {
            continue;
        } else if (c == '{') {
            if (place != AFTER_NOTHING && place != AFTER_OPEN_BRACE
                && place != AFTER_CLOSE_BRACE_AND_COMMA) {
                return fail_unexpected(literal, c);
            }
            if (depth == ARRAY_DIMENSION_MAX) return fail_dimensions(depth + 1);
            place = AFTER_OPEN_BRACE;
            sizes[depth] = 0;
            counts[depth++] = 1;
            if (depth > dimension_count) dimension_count = depth;
        } else if (c == '}') {
            if (place != IN_WORD && place != AFTER_QUOTES && place != AFTER_CLOSE_BRACE
                && !(depth == 1 && place == AFTER_OPEN_BRACE)) {
                return fail_unexpected(literal, c);
            }
            depth--;
            if (closed[depth] != 0 && closed[depth] != counts[depth]) {
                return fail_malformed(literal,
                    "Multidimensional arrays must have sub-arrays with matching dimensions.");
            }
            closed[depth] = counts[depth];
            sizes[depth > 0 ? depth - 1 : dimension_count - 1]++;
            place = AFTER_CLOSE_BRACE;
        } else if (c == ',') {
            if (place != IN_WORD && place != AFTER_QUOTES && place != AFTER_CLOSE_BRACE) {
                return fail_unexpected(literal, c);
            }
            place = place == AFTER_CLOSE_BRACE ? AFTER_CLOSE_BRACE_AND_COMMA : AFTER_COMMA;
            counts[depth - 1]++;
            sizes[dimension_count - 1]++;
        } else if (!array_is_space(c)) {
            if (place != AFTER_OPEN_BRACE && place != IN_WORD && place != AFTER_COMMA) {
                return fail_malformed(literal, "Unexpected array element.");
            }
            place = IN_WORD;
        }
    } while (depth > 0);
    for (; at < literal->end; at++) {
        if (!array_is_space(*at)) return fail_malformed(literal, "Junk after closing right brace.");
    }
    *dimension_count_out = has_element ? dimension_count : 0;
    memcpy(sizes_out, sizes, sizeof sizes);
    return OK;
}

static bool is_null_word(const char *text, size_t count) {
    return count == 4 && strncasecmp(text, "null", 4) == 0;
}

// Takes the next element, past braces and commas; its characters go to `word`. False when there is
// none left. `*is_quoted_out`: it had quotes or escapes, which keep NULL from being special. The
// braces have been checked, so an element has an end.
static bool take_element(Literal *literal, Text *word, bool *is_quoted_out) {
    text_clear(word);
    while (literal->at < literal->end
           && (array_is_space(*literal->at) || *literal->at == '{' || *literal->at == '}'
               || *literal->at == ',')) {
        literal->at++;
    }
    if (literal->at == literal->end) return false;
    bool is_quoted = false, is_inside = false;
    size_t significant = 0; // up to the last character that is no trailing blank
    for (;; literal->at++) {
        char c = *literal->at;
        if (c == '\\') {
            text_append_char(word, *++literal->at);
            significant = word->count;
            is_quoted = true;
        } else if (c == '"') {
            is_inside = !is_inside;
            is_quoted = true;
            significant = word->count;
        } else if (is_inside) {
            text_append_char(word, c);
            significant = word->count;
        } else if (c == ',' || c == '}') {
            break;
        } else {
            text_append_char(word, c);
            if (!array_is_space(c)) significant = word->count;
        }
    }
    word->count = significant;
    if (word->data != NULL) word->data[significant] = '\0';
    *is_quoted_out = is_quoted;
    return true;
}

Status array_from_text(Oid element, const ValueContext *context, const char *text, size_t count,
    int32_t modifier, Arena *arena, Datum *datum_out) {
    const TypeOps *ops;
    TRY(type_ops_require(element, &ops));
    Literal literal = {.text = text, .at = text, .end = text + count};
    TRY(take_dimensions(&literal));
    uint32_t brace_dimension_count;
    int32_t brace_sizes[ARRAY_DIMENSION_MAX];
    if (literal.dimension_count == 0) {
        if (!at_char(&literal, '{')) {
            return fail_malformed(
                &literal, "Array value must start with \"{\" or dimension information.");
        }
        TRY(count_braces(&literal, &brace_dimension_count, brace_sizes));
        literal.dimension_count = brace_dimension_count;
        for (uint32_t i = 0; i < brace_dimension_count; i++) {
            literal.sizes[i] = brace_sizes[i];
            literal.lower_bounds[i] = 1;
        }
    } else {
        if (!at_char(&literal, '=')) {
            return fail_malformed(&literal, "Missing \"=\" after array dimensions.");
        }
        literal.at++;
        skip_spaces(&literal);
        if (!at_char(&literal, '{')) {
            return fail_malformed(&literal, "Array contents must start with \"{\".");
        }
        TRY(count_braces(&literal, &brace_dimension_count, brace_sizes));
        bool is_same = brace_dimension_count == literal.dimension_count;
        for (uint32_t i = 0; is_same && i < brace_dimension_count; i++) {
            is_same = brace_sizes[i] == literal.sizes[i];
        }
        if (!is_same) {
            return fail_malformed(
                &literal, "Specified array dimensions do not match array contents.");
        }
    }
    uint32_t element_count;
    TRY(array_count_elements(
        literal.dimension_count, literal.sizes, literal.lower_bounds, &element_count));
    if (element_count == 0) literal.dimension_count = 0;
    void *memory;
    TRY(arena_try_allocate(
        arena, sizeof(Value) * ((size_t)element_count + 1), _Alignof(Value), &memory));
    Value *values = memory;
    Text word;
    text_init(&word, arena);
    for (uint32_t i = 0; i < element_count; i++) {
        values[i] = (Value){0};
        bool is_quoted;
        bool is_there = take_element(&literal, &word, &is_quoted);
        if (!is_there || (!is_quoted && is_null_word(word.data, word.count))) {
            values[i].is_null = true;
            continue;
        }
        const char *copy = arena_copy_text_n(arena, word.count > 0 ? word.data : "", word.count);
        TRY(ops->from_text(context, copy, word.count, modifier, arena, &values[i].datum));
    }
    *datum_out = (Datum){.view = array_make(element, literal.dimension_count, literal.sizes,
                             literal.lower_bounds, values, arena)};
    return OK;
}

static bool needs_quotes(const char *text, size_t count) {
    if (count == 0 || is_null_word(text, count)) return true;
    for (size_t i = 0; i < count; i++) {
        char c = text[i];
        if (c == '"' || c == '\\' || c == '{' || c == '}' || c == ',' || array_is_space(c)) {
            return true;
        }
    }
    return false;
}

// Puts quotes around what `out` holds from `start` on, and escapes into it.
static void quote_from(Text *out, size_t start) {
    size_t count = out->count - start, escape_count = 0;
    for (size_t i = start; i < out->count; i++) {
        escape_count += out->data[i] == '"' || out->data[i] == '\\';
    }
    text_extend(out, escape_count + 2);
    char *from = out->data + start + count, *to = out->data + out->count;
    *--to = '"';
    while (from > out->data + start) {
        *--to = *--from;
        if (*from == '"' || *from == '\\') *--to = '\\';
    }
    *--to = '"';
}

void array_to_text(const ValueContext *context, const Datum *datum, Text *out) {
    Array array = array_open(&datum->view);
    if (array.count == 0) {
        text_append_text(out, "{}");
        return;
    }
    const TypeOps *ops = type_ops(array.element);
    bool has_bounds = false;
    for (uint32_t i = 0; i < array.dimension_count; i++) {
        has_bounds = has_bounds || array.lower_bounds[i] != 1;
    }
    for (uint32_t i = 0; has_bounds && i < array.dimension_count; i++) {
        text_append_format(
            out, "[%d:%d]", array.lower_bounds[i], array.lower_bounds[i] + array.sizes[i] - 1);
    }
    if (has_bounds) text_append_char(out, '=');
    int32_t position[ARRAY_DIMENSION_MAX] = {0}; // of the element that comes next
    uint32_t opened = array.dimension_count;     // braces to open before it
    for (uint32_t i = 0; i < array.count; i++) {
        if (i > 0) text_append_char(out, ',');
        text_append_repeat(out, '{', opened);
        Value value = array_get(&array, i);
        size_t start = out->count;
        if (value.is_null) {
            text_append_text(out, "NULL");
        } else {
            ops->to_text(context, &value.datum, out);
            if (needs_quotes(out->data + start, out->count - start)) quote_from(out, start);
        }
        opened = 0;
        for (uint32_t d = array.dimension_count; d > 0 && ++position[d - 1] == array.sizes[d - 1];
             d--) {
            position[d - 1] = 0;
            opened++;
        }
        text_append_repeat(out, '}', opened);
    }
}
