// Running the automaton, and taking a match apart.
#include "base/error.h"
#include "base/utf8.h"
#include "functions/regex_tree.h"

RegexText regex_text_make(Bytes text, Arena *arena) {
    uint32_t *characters = arena_allocate(arena, (text.count + 1) * sizeof(uint32_t), 16);
    uint32_t count = 0;
    for (size_t i = 0; i < text.count;) {
        if (text.data[i] < 0x80) {
            characters[count++] = text.data[i++];
        } else {
            characters[count++] = utf8_decode((const char *)text.data + i);
            i += utf8_char_bytes(text.data[i]);
        }
    }
    return (RegexText){.characters = characters, .count = count};
}

// ---- Characters
// ----------------------------------------------------------------------------------

static bool regex_class_has(RegexClass which, uint32_t c) {
    switch (which) {
    case CLASS_ALNUM:
        return unicode_is_alnum(c);
    case CLASS_ALPHA:
        return unicode_is_alpha(c);
    case CLASS_BLANK:
        return c == ' ' || c == '\t';
    case CLASS_CNTRL:
        return c < 32 || (c >= 127 && c < 160);
    case CLASS_DIGIT:
        return unicode_is_digit(c);
    case CLASS_GRAPH:
        return c > 32 && !(c >= 127 && c < 160) && !unicode_is_space(c);
    case CLASS_LOWER:
        return unicode_upper(c) != c;
    case CLASS_PRINT:
        return c >= 32 && !(c >= 127 && c < 160);
    case CLASS_PUNCT:
        return c > 32 && !(c >= 127 && c < 160) && !unicode_is_alnum(c) && !unicode_is_space(c);
    case CLASS_SPACE:
        return unicode_is_space(c);
    case CLASS_UPPER:
        return unicode_lower(c) != c;
    case CLASS_XDIGIT:
        return unicode_is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f');
    case CLASS_WORD:
        return c == '_' || unicode_is_alnum(c);
    }
    UNREACHABLE();
}

static bool set_has_exactly(const RegexSet *set, uint32_t character) {
    for (uint32_t i = 0; i < set->range_count; i++) {
        if (character >= set->ranges[i].first && character <= set->ranges[i].last) return true;
    }
    for (uint32_t bits = set->classes; bits != 0; bits &= bits - 1) {
        if (regex_class_has((RegexClass)__builtin_ctz(bits), character)) return true;
    }
    for (uint32_t bits = set->not_classes; bits != 0; bits &= bits - 1) {
        if (!regex_class_has((RegexClass)__builtin_ctz(bits), character)) return true;
    }
    return false;
}

static bool set_has(const RegexSet *set, uint32_t character, bool ignores_case) {
    bool has = set_has_exactly(set, character);
    if (!has && ignores_case) {
        has = set_has_exactly(set, unicode_lower(character))
              || set_has_exactly(set, unicode_upper(character));
    }
    return has != set->is_negated;
}

static bool same_character(uint32_t a, uint32_t b, bool ignores_case) {
    return a == b || (ignores_case && unicode_lower(a) == unicode_lower(b));
}

// ---- Simulation
// ----------------------------------------------------------------------------------

// States that are current at a position, without repetition.
typedef struct StateSet {
    uint32_t *states;
    uint32_t *places; // by state, to tell membership without clearing
    uint32_t count;
} StateSet;

// Working memory of one simulation; nested ones (look-arounds) have their own.
typedef struct Simulation {
    StateSet now, next;
    uint32_t *stack;
    struct Simulation *inner; // for a look-around within this one
} Simulation;

typedef struct Matcher {
    const Regex *regex;
    const FunctionContext *context;
    RegexText text;
    Arena *arena;
    Simulation *simulation;
    RegexSpan *spans;
    bool ignores_case;
    uint64_t work; // steps so far; cancellation is looked at now and then
    uint64_t dissections;
} Matcher;

static const uint64_t DISSECTIONS_MAX = 10000000;

static StateSet state_set_make(Arena *arena, uint32_t state_count) {
    return (StateSet){
        .states = arena_new_array(arena, uint32_t, state_count),
        .places = arena_new_array(arena, uint32_t, state_count),
    };
}

static Simulation *simulation_make(const Matcher *matcher) {
    Simulation *simulation = arena_new(matcher->arena, Simulation);
    uint32_t count = matcher->regex->state_count;
    simulation->now = state_set_make(matcher->arena, count);
    simulation->next = state_set_make(matcher->arena, count);
    simulation->stack = arena_new_array(matcher->arena, uint32_t, 2 * count + 2);
    return simulation;
}

static inline bool state_set_has(const StateSet *set, uint32_t state) {
    uint32_t place = set->places[state];
    return place < set->count && set->states[place] == state;
}

static inline void state_set_add(StateSet *set, uint32_t state) {
    set->places[state] = set->count;
    set->states[set->count++] = state;
}

static bool is_word_at(const Matcher *matcher, int64_t at) {
    return at >= 0 && at < matcher->text.count
           && regex_class_has(CLASS_WORD, matcher->text.characters[at]);
}

static bool assertion_holds(const Matcher *matcher, RegexAssertion assertion, uint32_t at) {
    bool lines = (matcher->regex->options & REGEX_LINE_ANCHORS) != 0;
    bool before = is_word_at(matcher, (int64_t)at - 1), after = is_word_at(matcher, at);
    switch (assertion) {
    case ASSERT_LINE_START:
        return at == 0 || (lines && matcher->text.characters[at - 1] == '\n');
    case ASSERT_LINE_END:
        return at == matcher->text.count || (lines && matcher->text.characters[at] == '\n');
    case ASSERT_TEXT_START:
        return at == 0;
    case ASSERT_TEXT_END:
        return at == matcher->text.count;
    case ASSERT_WORD_START:
        return !before && after;
    case ASSERT_WORD_END:
        return before && !after;
    case ASSERT_WORD_EDGE:
        return before != after;
    case ASSERT_NO_WORD_EDGE:
        return before == after;
    }
    UNREACHABLE();
}

// What a simulation of one node is asked.
typedef enum Question {
    ASK_ANY,      // does it match from `from`, to anywhere?
    ASK_SHORTEST, // and where does that end first?
    ASK_LONGEST,
    ASK_EXACT,    // does it match to `limit` and no other end?
    ASK_ANYWHERE, // does it match from `from` or later?
    ASK_ENDS,     // all ends, as bits
} Question;

static Status simulate(Matcher *matcher, Simulation *simulation, uint32_t entry, uint32_t exit,
    uint32_t from, uint32_t limit, Question question, int64_t *end_out, uint64_t *ends);

static Status look_holds(
    Matcher *matcher, Simulation *simulation, const RegexNode *node, uint32_t at, bool *holds_out) {
    if (simulation->inner == NULL) simulation->inner = simulation_make(matcher);
    const RegexNode *child = node->child;
    int64_t end = -1;
    if (node->looks_behind) {
        for (uint32_t start = 0; start <= at && end < 0; start++) {
            TRY(simulate(matcher, simulation->inner, child->entry, child->exit, start, at,
                ASK_EXACT, &end, NULL));
        }
    } else {
        TRY(simulate(matcher, simulation->inner, child->entry, child->exit, at, matcher->text.count,
            ASK_ANY, &end, NULL));
    }
    *holds_out = (end >= 0) != node->is_negated;
    return OK;
}

// Adds a state and all that it leads to without a character. Nothing leads on from `exit`.
static Status close_over(Matcher *matcher, Simulation *simulation, StateSet *set, uint32_t state,
    uint32_t exit, uint32_t at) {
    uint32_t *stack = simulation->stack;
    uint32_t depth = 0;
    stack[depth++] = state;
    while (depth > 0) {
        state = stack[--depth];
        if (state_set_has(set, state)) continue;
        state_set_add(set, state);
        if (state == exit) continue;
        const RegexState *record = &matcher->regex->states[state];
        bool holds = true;
        switch (record->kind) {
        case STATE_PASS:
            break;
        case STATE_ASSERTION:
            holds = assertion_holds(matcher, record->node->assertion, at);
            break;
        case STATE_LOOK:
            TRY(look_holds(matcher, simulation, record->node, at, &holds));
            break;
        case STATE_CHARACTER:
        case STATE_ANY:
        case STATE_SET:
            continue;
        }
        if (!holds) continue;
        if (record->other != NO_STATE) stack[depth++] = record->other;
        if (record->next != NO_STATE) stack[depth++] = record->next;
    }
    return OK;
}

static Status check_work(Matcher *matcher, uint32_t steps) {
    uint64_t before = matcher->work >> 22;
    matcher->work += steps;
    if (matcher->work >> 22 == before || matcher->context == NULL) return OK;
    const _Atomic bool *is_cancelled = matcher->context->is_cancelled;
    if (is_cancelled != NULL && *is_cancelled) {
        return fail(QUERY_CANCELED, "canceling statement due to user request");
    }
    return OK;
}

static Status simulate(Matcher *matcher, Simulation *simulation, uint32_t entry, uint32_t exit,
    uint32_t from, uint32_t limit, Question question, int64_t *end_out, uint64_t *ends) {
    StateSet *now = &simulation->now, *next = &simulation->next;
    const RegexState *states = matcher->regex->states;
    *end_out = -1;
    now->count = 0;
    TRY(close_over(matcher, simulation, now, entry, exit, from));
    for (uint32_t at = from;; at++) {
        if (state_set_has(now, exit)) {
            if (question == ASK_EXACT) {
                if (at == limit) *end_out = at;
            } else {
                *end_out = at;
                if (question == ASK_ENDS) {
                    ends[(at - from) >> 6] |= UINT64_C(1) << ((at - from) & 63);
                } else if (question != ASK_LONGEST) {
                    return OK;
                }
            }
        }
        if (at == limit || now->count == 0) return OK;
        uint32_t character = matcher->text.characters[at];
        next->count = 0;
        for (uint32_t i = 0; i < now->count; i++) {
            if (now->states[i] == exit) continue;
            const RegexState *state = &states[now->states[i]];
            bool takes = false;
            if (state->kind == STATE_CHARACTER) {
                takes = same_character(state->node->character, character, matcher->ignores_case);
            } else if (state->kind == STATE_SET) {
                takes = set_has(state->node->set, character, matcher->ignores_case);
            } else {
                takes = state->kind == STATE_ANY;
            }
            if (takes) TRY(close_over(matcher, simulation, next, state->next, exit, at + 1));
        }
        if (question == ASK_ANYWHERE) {
            TRY(close_over(matcher, simulation, next, entry, exit, at + 1));
        }
        TRY(check_work(matcher, now->count + 1));
        StateSet swapped = *now;
        *now = *next;
        *next = swapped;
    }
}

// ---- Taking a match apart
// ------------------------------------------------------------------------

// Tells the captures of `node` over exactly this span, which the automaton has found possible.
// `fits_out` is false only when back references disagree.
static Status dissect(
    Matcher *matcher, const RegexNode *node, uint32_t from, uint32_t to, bool *fits_out);

static Status fits_exactly(
    Matcher *matcher, const RegexNode *node, uint32_t from, uint32_t to, bool *fits_out) {
    int64_t end;
    TRY(simulate(
        matcher, matcher->simulation, node->entry, node->exit, from, to, ASK_EXACT, &end, NULL));
    *fits_out = end >= 0;
    return OK;
}

// All positions up to `to` where `node` can end, as bits counted from `from`.
static Status ends_of(
    Matcher *matcher, const RegexNode *node, uint32_t from, uint32_t to, uint64_t **ends_out) {
    uint32_t words = (to - from) / 64 + 1;
    uint64_t *ends = arena_new_array(matcher->arena, uint64_t, words);
    int64_t last;
    TRY(simulate(
        matcher, matcher->simulation, node->entry, node->exit, from, to, ASK_ENDS, &last, ends));
    *ends_out = ends;
    return OK;
}

// Forgets what was captured inside a node.
static void spans_clear(Matcher *matcher, const RegexNode *node) {
    if (node == NULL || !node->has_captures || node->kind == REGEX_REFERENCE) return;
    if (node->kind == REGEX_CAPTURE) {
        matcher->spans[node->number] = (RegexSpan){.start = -1, .end = -1};
    }
    spans_clear(matcher, node->child);
    spans_clear(matcher, node->other);
}

static Status dissect_concatenation(
    Matcher *matcher, const RegexNode *node, uint32_t from, uint32_t to, bool *fits_out) {
    const RegexNode *first = node->child, *rest = node->other;
    uint64_t *ends;
    TRY(ends_of(matcher, first, from, to, &ends));
    uint32_t length = to - from;
    for (uint32_t i = 0; i <= length; i++) {
        uint32_t offset = first->prefers_short ? i : length - i;
        if ((ends[offset >> 6] >> (offset & 63) & 1) == 0) continue;
        uint32_t middle = from + offset;
        bool fits;
        TRY(fits_exactly(matcher, rest, middle, to, &fits));
        if (fits) TRY(dissect(matcher, first, from, middle, &fits));
        if (fits) TRY(dissect(matcher, rest, middle, to, &fits));
        if (fits) {
            *fits_out = true;
            return OK;
        }
        spans_clear(matcher, node);
    }
    *fits_out = false;
    return OK;
}

// One iteration of a repetition that is being taken apart.
typedef struct Iteration {
    uint32_t from;
    uint32_t tried; // candidate ends so far, in order of preference
    uint64_t *ends;
} Iteration;

// Whether the rest of the span is `least` or more iterations can be told only by trying; what
// cannot be is remembered by position, once the least number is reached.
static Status dissect_repeat(
    Matcher *matcher, const RegexNode *node, uint32_t from, uint32_t to, bool *fits_out) {
    const RegexNode *child = node->child;
    *fits_out = true;
    spans_clear(matcher, node);
    if (from == to && node->least == 0) return OK;
    // Iterations beyond the least take at least a character each.
    uint64_t most = (uint64_t)(to - from) + (uint64_t)node->least;
    if (node->most != REGEX_INFINITE && most > (uint64_t)node->most) most = (uint64_t)node->most;
    if (most == 0) most = 1;
    Iteration *iterations = NULL;
    uint32_t capacity = 0, depth = 0;
    uint64_t *failed = arena_new_array(matcher->arena, uint64_t, (to - from) / 64 + 1);
    bool has_bound = node->most != REGEX_INFINITE;

    uint32_t at = from;
    for (bool opens = true;;) {
        if (opens) {
            if (depth == capacity) {
                uint32_t wider = capacity == 0 ? 16 : capacity * 2;
                Iteration *copy = arena_new_array(matcher->arena, Iteration, wider);
                if (depth > 0) memcpy(copy, iterations, depth * sizeof *copy);
                iterations = copy;
                capacity = wider;
            }
            Iteration *opened = &iterations[depth++];
            *opened = (Iteration){.from = at};
            TRY(ends_of(matcher, child, at, to, &opened->ends));
        }
        Iteration *iteration = &iterations[depth - 1];
        uint32_t length = to - iteration->from;
        bool is_found = false;
        while (iteration->tried <= length && !is_found) {
            uint32_t i = iteration->tried++;
            uint32_t offset = child->prefers_short ? i : length - i;
            if ((iteration->ends[offset >> 6] >> (offset & 63) & 1) == 0) continue;
            if (offset == 0 && depth > (uint32_t)node->least) continue; // an empty one too many
            at = iteration->from + offset;
            bool is_last = at == to && depth >= (uint32_t)node->least;
            if (!is_last) {
                if (depth >= most) continue;
                bool known = !has_bound && depth >= (uint32_t)node->least
                             && (failed[(at - from) >> 6] >> ((at - from) & 63) & 1) != 0;
                if (known) continue;
                is_found = true;
                continue;
            }
            bool fits = true;
            for (uint32_t j = 0; j < depth && fits; j++) {
                uint32_t end = j + 1 < depth ? iterations[j + 1].from : to;
                spans_clear(matcher, node);
                TRY(dissect(matcher, child, iterations[j].from, end, &fits));
            }
            if (fits) return OK;
        }
        opens = is_found;
        if (is_found) continue;
        // No end of this iteration leads to the end: back to the one before.
        uint32_t dead = iteration->from - from;
        if (depth > (uint32_t)node->least) failed[dead >> 6] |= UINT64_C(1) << (dead & 63);
        if (--depth == 0) break;
        if (++matcher->dissections > DISSECTIONS_MAX) {
            return regex_fail("regular expression is too complex");
        }
    }
    *fits_out = false;
    return OK;
}

static bool reference_fits(
    const Matcher *matcher, const RegexNode *node, uint32_t from, uint32_t to) {
    RegexSpan span = matcher->spans[node->number];
    if (span.start < 0 || span.end - span.start != (int64_t)to - from) return false;
    for (uint32_t i = 0; i < to - from; i++) {
        if (!same_character(matcher->text.characters[span.start + i],
                matcher->text.characters[from + i], matcher->ignores_case)) {
            return false;
        }
    }
    return true;
}

static Status dissect(
    Matcher *matcher, const RegexNode *node, uint32_t from, uint32_t to, bool *fits_out) {
    *fits_out = true;
    if (!node->has_captures) return OK;
    if (++matcher->dissections > DISSECTIONS_MAX) {
        return regex_fail("regular expression is too complex");
    }
    switch (node->kind) {
    case REGEX_EMPTY:
    case REGEX_CHARACTER:
    case REGEX_ANY:
    case REGEX_SET:
    case REGEX_ASSERTION:
    case REGEX_LOOK:
        return OK;
    case REGEX_CAPTURE:
        TRY(dissect(matcher, node->child, from, to, fits_out));
        if (*fits_out) matcher->spans[node->number] = (RegexSpan){.start = from, .end = to};
        return OK;
    case REGEX_REFERENCE:
        *fits_out = reference_fits(matcher, node, from, to);
        return OK;
    case REGEX_CONCATENATE:
        return dissect_concatenation(matcher, node, from, to, fits_out);
    case REGEX_ALTERNATE: {
        bool fits;
        TRY(fits_exactly(matcher, node->child, from, to, &fits));
        if (fits) TRY(dissect(matcher, node->child, from, to, &fits));
        if (fits) return OK;
        spans_clear(matcher, node);
        TRY(fits_exactly(matcher, node->other, from, to, &fits));
        if (fits) TRY(dissect(matcher, node->other, from, to, &fits));
        *fits_out = fits;
        return OK;
    }
    case REGEX_REPEAT:
        return dissect_repeat(matcher, node, from, to, fits_out);
    }
    UNREACHABLE();
}

// ---- Searching
// -----------------------------------------------------------------------------------

static void spans_reset(Matcher *matcher) {
    for (uint32_t i = 0; i <= matcher->regex->capture_count; i++) {
        matcher->spans[i] = (RegexSpan){.start = -1, .end = -1};
    }
}

// With back references the longest (or shortest) end need not be one that fits: try them in order.
static Status search_at(Matcher *matcher, uint32_t start, bool *found_out) {
    const RegexNode *root = matcher->regex->root;
    *found_out = false;
    if (!matcher->regex->has_references) {
        int64_t end;
        TRY(simulate(matcher, matcher->simulation, root->entry, root->exit, start,
            matcher->text.count, root->prefers_short ? ASK_SHORTEST : ASK_LONGEST, &end, NULL));
        if (end < 0) return OK;
        spans_reset(matcher);
        TRY(dissect(matcher, root, start, (uint32_t)end, found_out));
        matcher->spans[0] = (RegexSpan){.start = start, .end = end};
        return OK;
    }
    uint64_t *ends;
    TRY(ends_of(matcher, root, start, matcher->text.count, &ends));
    uint32_t length = matcher->text.count - start;
    for (uint32_t i = 0; i <= length; i++) {
        uint32_t offset = root->prefers_short ? i : length - i;
        if ((ends[offset >> 6] >> (offset & 63) & 1) == 0) continue;
        spans_reset(matcher);
        TRY(dissect(matcher, root, start, start + offset, found_out));
        if (!*found_out) continue;
        matcher->spans[0] = (RegexSpan){.start = start, .end = (int64_t)start + offset};
        return OK;
    }
    return OK;
}

Status regex_search(const Regex *regex, const FunctionContext *context, RegexText text,
    uint32_t start, Arena *scratch, RegexSpan *spans_out, bool *found_out) {
    Matcher matcher = {
        .regex = regex,
        .context = context,
        .text = text,
        .arena = scratch,
        .spans = spans_out,
        .ignores_case = (regex->options & REGEX_IGNORE_CASE) != 0,
    };
    matcher.simulation = simulation_make(&matcher);
    *found_out = false;
    if (start > text.count) return OK;
    const RegexNode *root = regex->root;
    int64_t end;
    TRY(simulate(&matcher, matcher.simulation, root->entry, root->exit, start, text.count,
        ASK_ANYWHERE, &end, NULL));
    if (end < 0) return OK;
    if (spans_out == NULL && !regex->has_references) {
        *found_out = true;
        return OK;
    }
    if (spans_out == NULL) {
        matcher.spans = arena_new_array(scratch, RegexSpan, regex->capture_count + 1);
    }
    for (uint32_t at = start; at <= text.count && !*found_out; at++) {
        TRY(search_at(&matcher, at, found_out));
    }
    return OK;
}
