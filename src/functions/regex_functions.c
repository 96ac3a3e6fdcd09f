// The functions and operators over regular expressions.
#include "base/error.h"
#include "base/utf8.h"
#include "functions/kernels_internal.h"
#include "functions/regex_internal.h"
#include "types/array.h"

// ---- Patterns and options
// ------------------------------------------------------------------------

static Status parse_flags(Bytes flags, uint32_t *options_out, bool *is_global_out) {
    uint32_t options = 0;
    *is_global_out = false;
    for (size_t i = 0; i < flags.count; i++) {
        switch (flags.data[i]) {
        case 'g':
            *is_global_out = true;
            break;
        case 'c':
            options &= ~(uint32_t)REGEX_IGNORE_CASE;
            break;
        case 'i':
            options |= REGEX_IGNORE_CASE;
            break;
        case 'm':
        case 'n':
            options |= REGEX_LINE_STOP | REGEX_LINE_ANCHORS;
            break;
        case 'p':
            options |= REGEX_LINE_STOP;
            options &= ~(uint32_t)REGEX_LINE_ANCHORS;
            break;
        case 'w':
            options |= REGEX_LINE_ANCHORS;
            options &= ~(uint32_t)REGEX_LINE_STOP;
            break;
        case 's':
            options &= ~(uint32_t)(REGEX_LINE_STOP | REGEX_LINE_ANCHORS);
            break;
        case 'q':
            options |= REGEX_LITERAL;
            break;
        case 't':
            options &= ~(uint32_t)REGEX_EXPANDED;
            break;
        case 'x':
            options |= REGEX_EXPANDED;
            break;
        case 'e':
            break;
        case 'b':
            return fail(FEATURE_NOT_SUPPORTED, "basic regular expressions are not supported");
        default:
            return fail(INVALID_PARAMETER_VALUE, "invalid regular expression option: \"%.*s\"",
                (int)utf8_char_bytes(flags.data[i]), (const char *)flags.data + i);
        }
    }
    *options_out = options;
    return OK;
}

// A pattern that is constant is compiled once a call.
typedef struct Pattern {
    uint32_t index; // of the argument
    uint32_t options;
    Regex *regex;
    bool is_compiled;
} Pattern;

static Status pattern_get(Call *call, Pattern *pattern, uint32_t row, Regex **regex_out) {
    bool is_constant = call->arguments[pattern->index].is_constant;
    if (!pattern->is_compiled || !is_constant) {
        TRY(regex_compile(argument_bytes(call, pattern->index, row), pattern->options, call->arena,
            &pattern->regex));
        pattern->is_compiled = true;
    }
    *regex_out = pattern->regex;
    return OK;
}

// Working memory of a row's searches, given back after it.
static Arena scratch_begin(Call *call) {
    Arena scratch;
    arena_init_within(&scratch, call->arena);
    return scratch;
}

// ---- Matching operators
// --------------------------------------------------------------------------

static Status match_rows(Call *call, uint32_t options, bool is_negated) {
    Pattern pattern = {.index = 1, .options = options | REGEX_NO_CAPTURES};
    // Without captures there are no back references to them.
    Bytes first = call->selection.count == 0
                      ? bytes_make(NULL, 0)
                      : argument_bytes(call, 1, selection_row(call->selection, 0));
    if (!call->arguments[1].is_constant
        || (first.count > 0 && memchr(first.data, '\\', first.count) != NULL)) {
        pattern.options = options;
    }
    Arena scratch = scratch_begin(call);
    FOR_EACH_ROW(call, row) {
        Regex *regex;
        TRY(pattern_get(call, &pattern, row, &regex));
        arena_reset(&scratch);
        RegexText text = regex_text_make(argument_bytes(call, 0, row), &scratch);
        bool found;
        TRY(regex_search(regex, call->context, text, 0, &scratch, NULL, &found));
        RESULT(call, bool, row) = found != is_negated;
    }
    return OK;
}

Status kernel_textregexeq(Call *call) {
    return match_rows(call, 0, false);
}

Status kernel_textregexne(Call *call) {
    return match_rows(call, 0, true);
}

Status kernel_texticregexeq(Call *call) {
    return match_rows(call, REGEX_IGNORE_CASE, false);
}

Status kernel_texticregexne(Call *call) {
    return match_rows(call, REGEX_IGNORE_CASE, true);
}

// ---- All matches of a text
// -----------------------------------------------------------------------

typedef struct Matches {
    RegexText text;
    const char *bytes;
    uint32_t *offsets; // in bytes, by character
    RegexSpan *spans;  // span_count a match
    uint32_t span_count, count, capacity;
} Matches;

typedef struct MatchRequest {
    bool is_global;
    bool skips_degenerate; // empty matches at the ends or right after another
    uint32_t start;        // character, from 0
} MatchRequest;

static Bytes span_bytes(const Matches *matches, RegexSpan span) {
    uint32_t first = matches->offsets[span.start], last = matches->offsets[span.end];
    return bytes_make(matches->bytes + first, last - first);
}

static Status find_matches(const Regex *regex, const FunctionContext *context, Bytes bytes,
    MatchRequest request, Arena *arena, Matches *matches_out) {
    Matches matches = {
        .text = regex_text_make(bytes, arena),
        .bytes = (const char *)bytes.data,
        .span_count = regex_capture_count(regex) + 1,
    };
    matches.offsets = arena_new_array(arena, uint32_t, matches.text.count + 1);
    uint32_t offset = 0;
    for (uint32_t i = 0; i < matches.text.count; i++) {
        matches.offsets[i] = offset;
        offset += utf8_char_bytes(bytes.data[offset]);
    }
    matches.offsets[matches.text.count] = offset;

    Arena scratch;
    arena_init_within(&scratch, arena);
    RegexSpan *spans = arena_new_array(arena, RegexSpan, matches.span_count);
    int64_t search_from = request.start, previous_end = 0;
    while (search_from <= matches.text.count) {
        bool found;
        arena_reset(&scratch);
        TRY(regex_search(
            regex, context, matches.text, (uint32_t)search_from, &scratch, spans, &found));
        if (!found) break;
        bool is_degenerate = spans[0].start >= matches.text.count || spans[0].end <= previous_end;
        if (!request.skips_degenerate || !is_degenerate) {
            if (matches.count == matches.capacity) {
                uint32_t capacity = matches.capacity == 0 ? 8 : matches.capacity * 2;
                RegexSpan *wider =
                    arena_new_array(arena, RegexSpan, (size_t)capacity * matches.span_count);
                if (matches.count > 0) {
                    memcpy(wider, matches.spans,
                        sizeof(RegexSpan) * matches.count * matches.span_count);
                }
                matches.spans = wider;
                matches.capacity = capacity;
            }
            memcpy(matches.spans + (size_t)matches.count * matches.span_count, spans,
                sizeof(RegexSpan) * matches.span_count);
            matches.count++;
        }
        if (!request.is_global) break;
        previous_end = spans[0].end;
        search_from = spans[0].end + (spans[0].start == spans[0].end);
    }
    *matches_out = matches;
    return OK;
}

static const RegexSpan *match_spans(const Matches *matches, uint32_t index) {
    return matches->spans + (size_t)index * matches->span_count;
}

// The captures of a match, or the whole of it when there are none, as text[].
static View match_array(const Matches *matches, uint32_t index, Arena *arena) {
    const RegexSpan *spans = match_spans(matches, index);
    uint32_t count = matches->span_count > 1 ? matches->span_count - 1 : 1;
    Value *elements = arena_new_array(arena, Value, count);
    for (uint32_t i = 0; i < count; i++) {
        RegexSpan span = spans[matches->span_count > 1 ? i + 1 : 0];
        if (span.start < 0) {
            elements[i] = value_null();
        } else {
            Bytes bytes = span_bytes(matches, span);
            elements[i].datum.view = view_make(bytes.data, bytes.count);
        }
    }
    return array_make_list(TYPE_TEXT, elements, count, arena);
}

// ---- substring, regexp_match
// ---------------------------------------------------------------------

Status kernel_textregexsubstr(Call *call) {
    Pattern pattern = {.index = 1};
    FOR_EACH_ROW(call, row) {
        Regex *regex;
        TRY(pattern_get(call, &pattern, row, &regex));
        Matches matches;
        TRY(find_matches(regex, call->context, argument_bytes(call, 0, row), (MatchRequest){0},
            call->arena, &matches));
        RegexSpan span = {.start = -1};
        if (matches.count > 0) span = match_spans(&matches, 0)[matches.span_count > 1 ? 1 : 0];
        if (span.start < 0) {
            result_set_null(call, row);
        } else {
            Bytes part = span_bytes(&matches, span);
            result_set_bytes(call, row, part.data, part.count);
        }
    }
    return OK;
}

static Status fail_no_global(const char *function, const char *hint) {
    Status status =
        fail(INVALID_PARAMETER_VALUE, "%s() does not support the \"global\" option", function);
    if (hint != NULL) error_add_hint("%s", hint);
    return status;
}

// The options in a flags argument, when the call has one at `index`.
static Status argument_flags(
    const Call *call, uint32_t index, uint32_t row, uint32_t *options_out, bool *is_global_out) {
    *options_out = 0;
    *is_global_out = false;
    if (index >= call->argument_count) return OK;
    return parse_flags(argument_bytes(call, index, row), options_out, is_global_out);
}

Status kernel_regexp_match(Call *call) {
    Pattern pattern = {.index = 1};
    FOR_EACH_ROW(call, row) {
        uint32_t options;
        bool is_global;
        TRY(argument_flags(call, 2, row, &options, &is_global));
        if (is_global) {
            return fail_no_global("regexp_match", "Use the regexp_matches function instead.");
        }
        if (options != pattern.options) pattern = (Pattern){.index = 1, .options = options};
        Regex *regex;
        TRY(pattern_get(call, &pattern, row, &regex));
        Matches matches;
        TRY(find_matches(regex, call->context, argument_bytes(call, 0, row), (MatchRequest){0},
            call->arena, &matches));
        if (matches.count == 0) {
            result_set_null(call, row);
        } else {
            RESULT(call, View, row) = match_array(&matches, 0, call->arena);
        }
    }
    return OK;
}

Status set_regexp_matches(FunctionContext *context, const FunctionInfo *function,
    const Value *arguments, uint32_t argument_count, Arena *arena, SetGenerator **generator_out) {
    (void)function;
    uint32_t options = 0;
    MatchRequest request = {0};
    if (argument_count > 2) {
        TRY(parse_flags(view_bytes(&arguments[2].datum.view), &options, &request.is_global));
    }
    Regex *regex;
    TRY(regex_compile(view_bytes(&arguments[1].datum.view), options, arena, &regex));
    View text = view_copy(arguments[0].datum.view, arena);
    View *kept = arena_copy_bytes(arena, &text, sizeof text);
    Matches matches;
    TRY(find_matches(regex, context, view_bytes(kept), request, arena, &matches));
    Value *rows = arena_new_array(arena, Value, matches.count);
    for (uint32_t i = 0; i < matches.count; i++) {
        rows[i].datum.view = match_array(&matches, i, arena);
    }
    *generator_out = set_of_values(rows, matches.count, arena);
    return OK;
}

// ---- regexp_split
// --------------------------------------------------------------------------------

static Status split(const FunctionContext *context, Bytes text, Bytes pattern, Bytes flags,
    const char *function, Arena *arena, View *array_out) {
    uint32_t options = 0;
    bool is_global;
    TRY(parse_flags(flags, &options, &is_global));
    if (is_global) return fail_no_global(function, NULL);
    Regex *regex;
    TRY(regex_compile(pattern, options, arena, &regex));
    Matches matches;
    MatchRequest request = {.is_global = true, .skips_degenerate = true};
    TRY(find_matches(regex, context, text, request, arena, &matches));
    Value *fields = arena_new_array(arena, Value, matches.count + 1);
    RegexSpan field = {.start = 0};
    for (uint32_t i = 0; i <= matches.count; i++) {
        field.end = i < matches.count ? match_spans(&matches, i)[0].start : matches.text.count;
        Bytes bytes = span_bytes(&matches, field);
        fields[i].datum.view = view_make(bytes.data, bytes.count);
        if (i < matches.count) field.start = match_spans(&matches, i)[0].end;
    }
    *array_out = array_make_list(TYPE_TEXT, fields, matches.count + 1, arena);
    return OK;
}

Status kernel_regexp_split_to_array(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes flags = call->argument_count > 2 ? argument_bytes(call, 2, row) : bytes_make(NULL, 0);
        TRY(split(call->context, argument_bytes(call, 0, row), argument_bytes(call, 1, row), flags,
            "regexp_split_to_array", call->arena, &RESULT(call, View, row)));
    }
    return OK;
}

Status set_regexp_split_to_table(FunctionContext *context, const FunctionInfo *function,
    const Value *arguments, uint32_t argument_count, Arena *arena, SetGenerator **generator_out) {
    Bytes flags = argument_count > 2 ? view_bytes(&arguments[2].datum.view) : bytes_make(NULL, 0);
    Value array = {.is_null = false};
    TRY(split(context, view_bytes(&arguments[0].datum.view), view_bytes(&arguments[1].datum.view),
        flags, "regexp_split_to_table", arena, &array.datum.view));
    return set_array_unnest(context, function, &array, 1, arena, generator_out);
}

// ---- regexp_replace
// ------------------------------------------------------------------------------

static void append_replacement(
    Text *out, Bytes replacement, const Matches *matches, const RegexSpan *spans) {
    for (size_t i = 0; i < replacement.count; i++) {
        char byte = (char)replacement.data[i];
        if (byte != '\\' || i + 1 == replacement.count) {
            text_append_char(out, byte);
            continue;
        }
        char next = (char)replacement.data[++i];
        RegexSpan span = {.start = -1};
        if (next == '&') {
            span = spans[0];
        } else if (next >= '1' && next <= '9') {
            uint32_t number = (uint32_t)(next - '0');
            if (number < matches->span_count) span = spans[number];
        } else {
            text_append_char(out, '\\');
            if (next != '\\') text_append_char(out, next);
            continue;
        }
        if (span.start < 0) continue;
        Bytes part = span_bytes(matches, span);
        text_append(out, part.data, part.count);
    }
}

// Replaces the `wanted`-th match, or all of them for 0.
static Status replace(
    Call *call, uint32_t row, Regex *regex, MatchRequest request, uint32_t wanted) {
    Bytes text = argument_bytes(call, 0, row), replacement = argument_bytes(call, 2, row);
    Matches matches;
    TRY(find_matches(regex, call->context, text, request, call->arena, &matches));
    Text out;
    text_init(&out, call->arena);
    RegexSpan kept = {.start = 0};
    for (uint32_t i = 0; i < matches.count; i++) {
        if (wanted != 0 && i + 1 != wanted) continue;
        const RegexSpan *spans = match_spans(&matches, i);
        kept.end = spans[0].start;
        Bytes before = span_bytes(&matches, kept);
        text_append(&out, before.data, before.count);
        append_replacement(&out, replacement, &matches, spans);
        kept.start = spans[0].end;
    }
    kept.end = matches.text.count;
    Bytes rest = span_bytes(&matches, kept);
    text_append(&out, rest.data, rest.count);
    result_set_text(call, row, &out);
    return OK;
}

Status kernel_textregexreplace(Call *call) {
    Pattern pattern = {.index = 1};
    FOR_EACH_ROW(call, row) {
        uint32_t options;
        MatchRequest request = {0};
        TRY(argument_flags(call, 3, row, &options, &request.is_global));
        if (options != pattern.options) pattern = (Pattern){.index = 1, .options = options};
        Regex *regex;
        TRY(pattern_get(call, &pattern, row, &regex));
        TRY(replace(call, row, regex, request, 0));
    }
    return OK;
}

static Status fail_parameter(const char *name, int32_t value) {
    return fail(INVALID_PARAMETER_VALUE, "invalid value for parameter \"%s\": %d", name, value);
}

// An integer argument that must be at least `least`; `value` when the call has not so many.
static Status argument_number(const Call *call, uint32_t index, uint32_t row, const char *name,
    int32_t least, int32_t *value) {
    if (index >= call->argument_count) return OK;
    *value = argument_int4(call, index, row);
    return *value < least ? fail_parameter(name, *value) : OK;
}

// regexp_replace(text, pattern, replacement, start [, n [, flags]])
Status kernel_textregexreplace_extended(Call *call) {
    Pattern pattern = {.index = 1};
    FOR_EACH_ROW(call, row) {
        int32_t start = 1, wanted = 1;
        TRY(argument_number(call, 3, row, "start", 1, &start));
        TRY(argument_number(call, 4, row, "n", 0, &wanted));
        uint32_t options;
        bool is_global;
        TRY(argument_flags(call, 5, row, &options, &is_global));
        if (is_global && call->argument_count < 5) wanted = 0;
        if (options != pattern.options) pattern = (Pattern){.index = 1, .options = options};
        Regex *regex;
        TRY(pattern_get(call, &pattern, row, &regex));
        MatchRequest request = {.is_global = true, .start = (uint32_t)start - 1};
        TRY(replace(call, row, regex, request, (uint32_t)wanted));
    }
    return OK;
}

// ---- regexp_like, _count, _instr, _substr
// --------------------------------------------------------

// Finds matches from `start` with the flags in argument `flags_index`.
static Status find_for(Call *call, Pattern *pattern, uint32_t row, const char *function,
    int32_t start, uint32_t flags_index, Matches *matches_out) {
    uint32_t options;
    bool is_global;
    TRY(argument_flags(call, flags_index, row, &options, &is_global));
    if (is_global) return fail_no_global(function, NULL);
    if (options != pattern->options) *pattern = (Pattern){.index = 1, .options = options};
    Regex *regex;
    TRY(pattern_get(call, pattern, row, &regex));
    MatchRequest request = {.is_global = true, .start = (uint32_t)start - 1};
    return find_matches(
        regex, call->context, argument_bytes(call, 0, row), request, call->arena, matches_out);
}

Status kernel_regexp_like(Call *call) {
    Pattern pattern = {.index = 1};
    FOR_EACH_ROW(call, row) {
        Matches matches;
        TRY(find_for(call, &pattern, row, "regexp_like", 1, 2, &matches));
        RESULT(call, bool, row) = matches.count > 0;
    }
    return OK;
}

Status kernel_regexp_count(Call *call) {
    Pattern pattern = {.index = 1};
    FOR_EACH_ROW(call, row) {
        int32_t start = 1;
        TRY(argument_number(call, 2, row, "start", 1, &start));
        Matches matches;
        TRY(find_for(call, &pattern, row, "regexp_count", start, 3, &matches));
        RESULT(call, int32_t, row) = (int32_t)matches.count;
    }
    return OK;
}

// The span of the n-th match, or of a capture in it; start < 0 when there is none.
static RegexSpan chosen_span(const Matches *matches, int32_t n, int32_t capture) {
    RegexSpan none = {.start = -1, .end = -1};
    if ((uint32_t)n > matches->count || (uint32_t)capture >= matches->span_count) return none;
    return match_spans(matches, (uint32_t)n - 1)[capture];
}

// regexp_instr(text, pattern [, start [, n [, endoption [, flags [, subexpr]]]]])
Status kernel_regexp_instr(Call *call) {
    Pattern pattern = {.index = 1};
    FOR_EACH_ROW(call, row) {
        int32_t start = 1, n = 1, end_option = 0, capture = 0;
        TRY(argument_number(call, 2, row, "start", 1, &start));
        TRY(argument_number(call, 3, row, "n", 1, &n));
        TRY(argument_number(call, 4, row, "endoption", 0, &end_option));
        if (end_option > 1) return fail_parameter("endoption", end_option);
        TRY(argument_number(call, 6, row, "subexpr", 0, &capture));
        Matches matches;
        TRY(find_for(call, &pattern, row, "regexp_instr", start, 5, &matches));
        RegexSpan span = chosen_span(&matches, n, capture);
        RESULT(call, int32_t, row) =
            span.start < 0 ? 0 : (int32_t)(end_option == 1 ? span.end : span.start) + 1;
    }
    return OK;
}

// regexp_substr(text, pattern [, start [, n [, flags [, subexpr]]]])
Status kernel_regexp_substr(Call *call) {
    Pattern pattern = {.index = 1};
    FOR_EACH_ROW(call, row) {
        int32_t start = 1, n = 1, capture = 0;
        TRY(argument_number(call, 2, row, "start", 1, &start));
        TRY(argument_number(call, 3, row, "n", 1, &n));
        TRY(argument_number(call, 5, row, "subexpr", 0, &capture));
        Matches matches;
        TRY(find_for(call, &pattern, row, "regexp_substr", start, 4, &matches));
        RegexSpan span = chosen_span(&matches, n, capture);
        if (span.start < 0) {
            result_set_null(call, row);
        } else {
            Bytes part = span_bytes(&matches, span);
            result_set_bytes(call, row, part.data, part.count);
        }
    }
    return OK;
}

// ---- SIMILAR TO
// ----------------------------------------------------------------------------------

// Rewrites a pattern of SIMILAR TO as a regular expression. An empty escape: there is none.
static Status similar_to_regex(Bytes pattern, Bytes escape, Text *out) {
    if (escape.count > 0 && utf8_char_bytes(escape.data[0]) != escape.count) {
        Status status = fail(INVALID_ESCAPE_SEQUENCE, "invalid escape string");
        error_add_hint("Escape string must be empty or one character.");
        return status;
    }
    bool after_escape = false, in_set = false;
    uint32_t separator_count = 0;
    text_append_text(out, "^(?:");
    for (size_t i = 0; i < pattern.count;) {
        size_t bytes = utf8_char_bytes(pattern.data[i]);
        const char *at = (const char *)pattern.data + i;
        i += bytes;
        if (after_escape) {
            after_escape = false;
            if (*at == '"' && !in_set) {
                if (separator_count > 1) {
                    return fail(INVALID_ESCAPE_SEQUENCE,
                        "SQL regular expression may not contain more than two "
                        "escape-double-quote separators");
                }
                text_append_text(out, separator_count++ == 0 ? "){1,1}?(" : "){1,1}(?:");
            } else {
                text_append_char(out, '\\');
                text_append(out, at, bytes);
            }
        } else if (escape.count == bytes && memcmp(at, escape.data, bytes) == 0) {
            after_escape = true;
        } else if (in_set) {
            if (*at == '\\') text_append_char(out, '\\');
            text_append(out, at, bytes);
            in_set = *at != ']';
        } else if (*at == '%') {
            text_append_text(out, ".*");
        } else if (*at == '_') {
            text_append_char(out, '.');
        } else if (*at == '(') {
            text_append_text(out, "(?:");
        } else {
            if (*at == '\\' || *at == '.' || *at == '^' || *at == '$') text_append_char(out, '\\');
            text_append(out, at, bytes);
            in_set = *at == '[';
        }
    }
    text_append_text(out, ")$");
    return OK;
}

// Not strict: a NULL escape is the default one in similar_escape, and NULL elsewhere.
Status kernel_similar_to_escape(Call *call) {
    FOR_EACH_ROW(call, row) {
        if (column_is_null(&call->arguments[0], row)) {
            result_set_null(call, row);
            continue;
        }
        bool has_escape = call->argument_count > 1 && !column_is_null(&call->arguments[1], row);
        Bytes escape = has_escape ? argument_bytes(call, 1, row) : bytes_from_text("\\");
        Text out;
        text_init(&out, call->arena);
        TRY(similar_to_regex(argument_bytes(call, 0, row), escape, &out));
        result_set_text(call, row, &out);
    }
    return OK;
}

// substring(text from pattern for escape), which PostgreSQL defines in SQL.
Status kernel_similar_substring(Call *call) {
    FOR_EACH_ROW(call, row) {
        Text rewritten;
        text_init(&rewritten, call->arena);
        TRY(similar_to_regex(
            argument_bytes(call, 1, row), argument_bytes(call, 2, row), &rewritten));
        Regex *regex;
        TRY(regex_compile(text_bytes(&rewritten), 0, call->arena, &regex));
        Matches matches;
        TRY(find_matches(regex, call->context, argument_bytes(call, 0, row), (MatchRequest){0},
            call->arena, &matches));
        RegexSpan span = {.start = -1};
        if (matches.count > 0) span = match_spans(&matches, 0)[matches.span_count > 1 ? 1 : 0];
        if (span.start < 0) {
            result_set_null(call, row);
        } else {
            Bytes part = span_bytes(&matches, span);
            result_set_bytes(call, row, part.data, part.count);
        }
    }
    return OK;
}
