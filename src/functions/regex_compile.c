// From a pattern to the tree and the automaton.
#include "base/error.h"
#include "base/utf8.h"
#include "functions/regex_tree.h"

typedef struct Parser {
    const uint32_t *at, *end;
    uint32_t options;
    uint32_t capture_count;
    uint32_t depth;
    RegexNode **captures; // by number, for back references
    uint32_t capture_capacity;
    bool has_references;
    Arena *arena;
} Parser;

enum { DEPTH_MAX = 1000 };

static RegexNode *node_make(Parser *parser, RegexNodeKind kind) {
    RegexNode *node = arena_new(parser->arena, RegexNode);
    node->kind = kind;
    return node;
}

static RegexNode *character_node(Parser *parser, uint32_t character) {
    RegexNode *node = node_make(parser, REGEX_CHARACTER);
    node->character = character;
    return node;
}

static RegexNode *assertion_node(Parser *parser, RegexAssertion assertion) {
    RegexNode *node = node_make(parser, REGEX_ASSERTION);
    node->assertion = assertion;
    return node;
}

static bool at_end(const Parser *parser) {
    return parser->at == parser->end;
}

static bool sees(const Parser *parser, const char *text) {
    const uint32_t *at = parser->at;
    for (; *text != 0; text++, at++) {
        if (at == parser->end || *at != (uint32_t)(uint8_t)*text) return false;
    }
    return true;
}

static bool takes(Parser *parser, const char *text) {
    if (!sees(parser, text)) return false;
    parser->at += strlen(text);
    return true;
}

static bool is_digit(uint32_t character) {
    return character >= '0' && character <= '9';
}

// White space and # comments in expanded syntax, and (?#...) in any.
static void skip_ignored(Parser *parser) {
    for (;;) {
        if ((parser->options & REGEX_EXPANDED) != 0) {
            while (!at_end(parser) && unicode_is_space(*parser->at))
                parser->at++;
            if (sees(parser, "#")) {
                while (!at_end(parser) && *parser->at != '\n')
                    parser->at++;
                continue;
            }
        }
        if (!takes(parser, "(?#")) return;
        while (!at_end(parser) && *parser->at != ')')
            parser->at++;
        if (!at_end(parser)) parser->at++;
    }
}

// ---- Sets of characters
// --------------------------------------------------------------------------

static void set_add_range(Parser *parser, RegexSet *set, uint32_t first, uint32_t last) {
    if (set->range_count == set->range_capacity) {
        uint32_t capacity = set->range_capacity == 0 ? 8 : set->range_capacity * 2;
        CodeRange *ranges = arena_new_array(parser->arena, CodeRange, capacity);
        if (set->range_count > 0) {
            memcpy(ranges, set->ranges, set->range_count * sizeof(CodeRange));
        }
        set->ranges = ranges;
        set->range_capacity = capacity;
    }
    set->ranges[set->range_count++] = (CodeRange){.first = first, .last = last};
}

static const char *const class_names[] = {
    [CLASS_ALNUM] = "alnum",
    [CLASS_ALPHA] = "alpha",
    [CLASS_BLANK] = "blank",
    [CLASS_CNTRL] = "cntrl",
    [CLASS_DIGIT] = "digit",
    [CLASS_GRAPH] = "graph",
    [CLASS_LOWER] = "lower",
    [CLASS_PRINT] = "print",
    [CLASS_PUNCT] = "punct",
    [CLASS_SPACE] = "space",
    [CLASS_UPPER] = "upper",
    [CLASS_XDIGIT] = "xdigit",
    [CLASS_WORD] = "word",
};

static RegexNode *class_node(Parser *parser, RegexClass which, bool is_negated) {
    RegexNode *node = node_make(parser, REGEX_SET);
    node->set = arena_new(parser->arena, RegexSet);
    if (is_negated) {
        node->set->not_classes = 1U << which;
    } else {
        node->set->classes = 1U << which;
    }
    return node;
}

// Whether a class escape follows the backslash just taken: d, s, w and their capitals.
static bool class_escape(uint32_t letter, RegexClass *which_out, bool *is_negated_out) {
    *is_negated_out = letter >= 'A' && letter <= 'Z';
    switch (letter | 32) {
    case 'd':
        *which_out = CLASS_DIGIT;
        return true;
    case 's':
        *which_out = CLASS_SPACE;
        return true;
    case 'w':
        *which_out = CLASS_WORD;
        return true;
    default:
        return false;
    }
}

static Status parse_hex(Parser *parser, uint32_t least, uint32_t most, uint32_t *value_out) {
    uint32_t value = 0, count = 0;
    while (count < most && !at_end(parser)) {
        uint32_t c = *parser->at;
        uint32_t digit;
        if (is_digit(c)) {
            digit = c - '0';
        } else if ((c | 32) >= 'a' && (c | 32) <= 'f') {
            digit = (c | 32) - 'a' + 10;
        } else {
            break;
        }
        value = value << 4 | digit;
        parser->at++;
        count++;
    }
    if (count < least || value > 0x10FFFF) return regex_fail("invalid escape \\ sequence");
    *value_out = value;
    return OK;
}

// A character escape, after the backslash. Letters that mean something else are refused.
static Status parse_character_escape(Parser *parser, uint32_t *character_out) {
    uint32_t letter = *parser->at++;
    switch (letter) {
    case 'a':
        *character_out = 7;
        return OK;
    case 'b':
        *character_out = 8;
        return OK;
    case 'B':
        *character_out = '\\';
        return OK;
    case 'c':
        if (at_end(parser)) return regex_fail("invalid escape \\ sequence");
        *character_out = *parser->at++ & 31;
        return OK;
    case 'e':
        *character_out = 27;
        return OK;
    case 'f':
        *character_out = 12;
        return OK;
    case 'n':
        *character_out = '\n';
        return OK;
    case 'r':
        *character_out = '\r';
        return OK;
    case 't':
        *character_out = '\t';
        return OK;
    case 'u':
        return parse_hex(parser, 4, 4, character_out);
    case 'U':
        return parse_hex(parser, 8, 8, character_out);
    case 'v':
        *character_out = 11;
        return OK;
    case 'x':
        return parse_hex(parser, 1, 255, character_out);
    case '0':
        *character_out = 0;
        break;
    default:
        if (unicode_is_alnum(letter)) return regex_fail("invalid escape \\ sequence");
        *character_out = letter;
        return OK;
    }
    for (int i = 0; i < 2 && !at_end(parser) && *parser->at >= '0' && *parser->at <= '7'; i++) {
        *character_out = *character_out * 8 + (*parser->at++ - '0');
    }
    return OK;
}

// One member of a bracket expression that is a character, or the end of a range.
static Status parse_set_character(Parser *parser, uint32_t *character_out) {
    if (at_end(parser)) return regex_fail("brackets [] not balanced");
    if (takes(parser, "[.")) {
        if (parser->end - parser->at < 3) return regex_fail("brackets [] not balanced");
        *character_out = *parser->at++;
        return takes(parser, ".]") ? OK : regex_fail("invalid collating element");
    }
    if (*parser->at == '\\') {
        parser->at++;
        if (at_end(parser)) return regex_fail("invalid escape \\ sequence");
        return parse_character_escape(parser, character_out);
    }
    *character_out = *parser->at++;
    return OK;
}

static Status parse_set_class(Parser *parser, RegexSet *set) {
    for (uint32_t i = 0; i < sizeof class_names / sizeof class_names[0]; i++) {
        const uint32_t *before = parser->at;
        if (takes(parser, class_names[i]) && takes(parser, ":]")) {
            bool any_case = (parser->options & REGEX_IGNORE_CASE) != 0
                            && (i == CLASS_LOWER || i == CLASS_UPPER);
            set->classes |= any_case ? 1U << CLASS_LOWER | 1U << CLASS_UPPER : 1U << i;
            return OK;
        }
        parser->at = before;
    }
    return regex_fail("invalid character class");
}

static Status parse_set(Parser *parser, RegexNode **node_out) {
    if (takes(parser, "[:<:]]")) {
        *node_out = assertion_node(parser, ASSERT_WORD_START);
        return OK;
    }
    if (takes(parser, "[:>:]]")) {
        *node_out = assertion_node(parser, ASSERT_WORD_END);
        return OK;
    }
    RegexNode *node = node_make(parser, REGEX_SET);
    RegexSet *set = node->set = arena_new(parser->arena, RegexSet);
    set->is_negated = takes(parser, "^");
    for (bool is_first = true;; is_first = false) {
        if (at_end(parser)) return regex_fail("brackets [] not balanced");
        if (*parser->at == ']' && !is_first) {
            parser->at++;
            break;
        }
        if (takes(parser, "[:")) {
            TRY(parse_set_class(parser, set));
            continue;
        }
        if (takes(parser, "[=")) {
            if (parser->end - parser->at < 3) return regex_fail("brackets [] not balanced");
            uint32_t member = *parser->at++;
            if (!takes(parser, "=]")) return regex_fail("invalid collating element");
            set_add_range(parser, set, member, member);
            continue;
        }
        RegexClass which;
        bool is_negated;
        if (*parser->at == '\\' && parser->at + 1 < parser->end
            && class_escape(parser->at[1], &which, &is_negated)) {
            parser->at += 2;
            if (is_negated) {
                set->not_classes |= 1U << which;
            } else {
                set->classes |= 1U << which;
            }
            continue;
        }
        uint32_t first, last;
        TRY(parse_set_character(parser, &first));
        last = first;
        if (sees(parser, "-") && parser->at + 1 < parser->end && parser->at[1] != ']') {
            parser->at++;
            TRY(parse_set_character(parser, &last));
            if (last < first) return regex_fail("invalid character range");
        }
        set_add_range(parser, set, first, last);
    }
    if (set->is_negated && (parser->options & REGEX_LINE_STOP) != 0) {
        set_add_range(parser, set, '\n', '\n');
    }
    *node_out = node;
    return OK;
}

// ---- Atoms
// ---------------------------------------------------------------------------------------

static Status parse_alternatives(Parser *parser, RegexNode **node_out);

static Status parse_reference(Parser *parser, RegexNode **node_out) {
    uint32_t number = *parser->at++ - '0';
    // A second digit counts only if there are so many captures by now.
    if (!at_end(parser) && is_digit(*parser->at)
        && number * 10 + (*parser->at - '0') <= parser->capture_count) {
        number = number * 10 + (*parser->at++ - '0');
    }
    if (number > parser->capture_count || parser->captures[number] == NULL) {
        return regex_fail("invalid backreference number");
    }
    RegexNode *node = node_make(parser, REGEX_REFERENCE);
    node->number = number;
    node->child = parser->captures[number]->child;
    node->has_captures = true;
    parser->has_references = true;
    *node_out = node;
    return OK;
}

static Status parse_escape(Parser *parser, RegexNode **node_out) {
    if (at_end(parser)) return regex_fail("invalid escape \\ sequence");
    uint32_t letter = *parser->at;
    RegexClass which;
    bool is_negated;
    if (class_escape(letter, &which, &is_negated)) {
        parser->at++;
        *node_out = class_node(parser, which, is_negated);
        if (is_negated && (parser->options & REGEX_LINE_STOP) != 0) {
            // \D and \W leave out the newline then, which \S does anyway.
            RegexSet *set = (*node_out)->set;
            set->not_classes = 0;
            set->classes = 1U << which;
            set_add_range(parser, set, '\n', '\n');
            set->is_negated = true;
        }
        return OK;
    }

    static const struct {
        char letter;
        RegexAssertion assertion;
    } assertions[] = {{'A', ASSERT_TEXT_START}, {'Z', ASSERT_TEXT_END}, {'m', ASSERT_WORD_START},
        {'M', ASSERT_WORD_END}, {'y', ASSERT_WORD_EDGE}, {'Y', ASSERT_NO_WORD_EDGE}};

    for (size_t i = 0; i < sizeof assertions / sizeof assertions[0]; i++) {
        if (letter != (uint32_t)assertions[i].letter) continue;
        parser->at++;
        *node_out = assertion_node(parser, assertions[i].assertion);
        return OK;
    }
    if (letter >= '1' && letter <= '9') return parse_reference(parser, node_out);
    uint32_t character;
    TRY(parse_character_escape(parser, &character));
    *node_out = character_node(parser, character);
    return OK;
}

static Status parse_group(Parser *parser, RegexNode **node_out) {
    RegexNode *node = NULL;
    uint32_t number = 0;
    if (takes(parser, "?:")) {
        // only a group
    } else if (takes(parser, "?=") || sees(parser, "?!") || sees(parser, "?<")) {
        node = node_make(parser, REGEX_LOOK);
        if (parser->at[-1] != '=') {
            if (takes(parser, "?!")) {
                node->is_negated = true;
            } else if (takes(parser, "?<=")) {
                node->looks_behind = true;
            } else if (takes(parser, "?<!")) {
                node->looks_behind = node->is_negated = true;
            } else {
                return regex_fail("quantifier operand invalid");
            }
        }
    } else if (sees(parser, "?")) {
        return regex_fail("quantifier operand invalid");
    } else if ((parser->options & REGEX_NO_CAPTURES) == 0) {
        node = node_make(parser, REGEX_CAPTURE);
        node->has_captures = true;
        number = node->number = ++parser->capture_count;
        if (number >= parser->capture_capacity) {
            uint32_t capacity = parser->capture_capacity * 2;
            RegexNode **captures = arena_new_array(parser->arena, RegexNode *, capacity);
            memcpy(captures, parser->captures, sizeof(RegexNode *) * parser->capture_capacity);
            parser->captures = captures;
            parser->capture_capacity = capacity;
        }
    }
    RegexNode *inside;
    uint32_t captures_before = parser->capture_count;
    TRY(parse_alternatives(parser, &inside));
    if (!takes(parser, ")")) return regex_fail("parentheses () not balanced");
    if (node == NULL) {
        *node_out = inside;
        return OK;
    }
    node->child = inside;
    if (node->kind == REGEX_CAPTURE) {
        node->has_preference = inside->has_preference;
        node->prefers_short = inside->prefers_short;
        parser->captures[number] = node;
    } else if (parser->capture_count != captures_before) {
        // Captures inside a look-around take no part; their numbers stay counted.
        inside->has_captures = false;
    }
    *node_out = node;
    return OK;
}

static bool starts_bound(const Parser *parser) {
    return parser->at + 1 < parser->end && parser->at[0] == '{' && is_digit(parser->at[1]);
}

static bool starts_quantifier(const Parser *parser) {
    if (at_end(parser)) return false;
    uint32_t c = *parser->at;
    return c == '*' || c == '+' || c == '?' || starts_bound(parser);
}

static Status parse_atom(Parser *parser, RegexNode **node_out) {
    if (starts_quantifier(parser)) return regex_fail("quantifier operand invalid");
    uint32_t character = *parser->at++;
    switch (character) {
    case '(':
        return parse_group(parser, node_out);
    case '[':
        return parse_set(parser, node_out);
    case '\\':
        return parse_escape(parser, node_out);
    case '.':
        if ((parser->options & REGEX_LINE_STOP) != 0) {
            RegexNode *node = node_make(parser, REGEX_SET);
            node->set = arena_new(parser->arena, RegexSet);
            node->set->is_negated = true;
            set_add_range(parser, node->set, '\n', '\n');
            *node_out = node;
        } else {
            *node_out = node_make(parser, REGEX_ANY);
        }
        return OK;
    case '^':
        *node_out = assertion_node(parser, ASSERT_LINE_START);
        return OK;
    case '$':
        *node_out = assertion_node(parser, ASSERT_LINE_END);
        return OK;
    default:
        *node_out = character_node(parser, character);
        return OK;
    }
}

// ---- Quantifiers, branches, alternatives
// ---------------------------------------------------------

static Status parse_count(Parser *parser, int32_t *count_out) {
    int32_t count = 0;
    while (!at_end(parser) && is_digit(*parser->at)) {
        count = count * 10 + (int32_t)(*parser->at++ - '0');
        if (count > REGEX_REPEAT_MAX) return regex_fail("invalid repetition count(s)");
    }
    *count_out = count;
    return OK;
}

static Status parse_quantifier(Parser *parser, RegexNode *atom, RegexNode **node_out) {
    bool is_constraint = atom->kind == REGEX_ASSERTION || atom->kind == REGEX_LOOK;
    if (is_constraint) return regex_fail("quantifier operand invalid");
    RegexNode *node = node_make(parser, REGEX_REPEAT);
    node->child = atom;
    node->least = 0;
    node->most = REGEX_INFINITE;
    bool is_fixed = false;
    uint32_t mark = *parser->at++;
    if (mark == '+') node->least = 1;
    if (mark == '?') node->most = 1;
    if (mark == '{') {
        TRY(parse_count(parser, &node->least));
        node->most = node->least;
        is_fixed = !sees(parser, ",");
        if (takes(parser, ",")) {
            node->most = REGEX_INFINITE;
            if (!at_end(parser) && is_digit(*parser->at)) TRY(parse_count(parser, &node->most));
        }
        if (at_end(parser)) return regex_fail("braces {} not balanced");
        if (!takes(parser, "}")) return regex_fail("invalid repetition count(s)");
        if (node->most != REGEX_INFINITE && node->least > node->most) {
            return regex_fail("invalid repetition count(s)");
        }
    }
    bool is_short = takes(parser, "?");
    // {m} has the atom's own preference, every other quantifier its mark's.
    node->has_preference = !is_fixed || atom->has_preference;
    node->prefers_short = is_fixed ? atom->prefers_short : is_short;
    node->has_captures = atom->has_captures;
    skip_ignored(parser);
    if (starts_quantifier(parser)) return regex_fail("quantifier operand invalid");
    *node_out = node;
    return OK;
}

static RegexNode *concatenate(Parser *parser, RegexNode *first, RegexNode *rest) {
    RegexNode *node = node_make(parser, REGEX_CONCATENATE);
    node->child = first;
    node->other = rest;
    const RegexNode *decides = first->has_preference ? first : rest;
    node->has_preference = decides->has_preference;
    node->prefers_short = decides->prefers_short;
    node->has_captures = first->has_captures || rest->has_captures;
    return node;
}

// A growing list of nodes.
typedef struct NodeList {
    RegexNode **nodes;
    uint32_t count, capacity;
} NodeList;

static void list_add(Parser *parser, NodeList *list, RegexNode *node) {
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity == 0 ? 8 : list->capacity * 2;
        RegexNode **nodes = arena_new_array(parser->arena, RegexNode *, capacity);
        if (list->count > 0) memcpy(nodes, list->nodes, sizeof(RegexNode *) * list->count);
        list->nodes = nodes;
        list->capacity = capacity;
    }
    list->nodes[list->count++] = node;
}

static RegexNode *alternate(Parser *parser, RegexNode *first, RegexNode *rest) {
    RegexNode *node = node_make(parser, REGEX_ALTERNATE);
    node->child = first;
    node->other = rest;
    node->has_preference = true; // for long matches
    node->has_captures = first->has_captures || rest->has_captures;
    return node;
}

// Joins nodes in a balanced tree, so that long lists do not nest deeply.
static RegexNode *join_balanced(Parser *parser, RegexNode **nodes, uint32_t count,
    RegexNode *(*join)(Parser *parser, RegexNode *first, RegexNode *rest)) {
    if (count == 1) return nodes[0];
    uint32_t half = count / 2;
    RegexNode *first = join_balanced(parser, nodes, half, join);
    return join(parser, first, join_balanced(parser, nodes + half, count - half, join));
}

// Pieces one after the other. The tree leans right, and pieces that keep no spans and all prefer
// long matches are first put together, as only their total length matters.
static RegexNode *branch_make(Parser *parser, const NodeList *pieces) {
    if (pieces->count == 0) return node_make(parser, REGEX_EMPTY);
    RegexNode **nodes = pieces->nodes;
    uint32_t grouped = 0;
    for (uint32_t i = 0; i < pieces->count;) {
        uint32_t first = i++;
        bool is_plain = !nodes[first]->has_captures && !nodes[first]->prefers_short;
        while (
            is_plain && i < pieces->count && !nodes[i]->has_captures && !nodes[i]->prefers_short) {
            i++;
        }
        nodes[grouped++] = join_balanced(parser, nodes + first, i - first, concatenate);
    }
    RegexNode *branch = nodes[grouped - 1];
    for (uint32_t i = grouped - 1; i-- > 0;)
        branch = concatenate(parser, nodes[i], branch);
    return branch;
}

static Status parse_branch(Parser *parser, RegexNode **node_out) {
    NodeList pieces = {0};
    for (;;) {
        skip_ignored(parser);
        if (at_end(parser) || *parser->at == '|' || *parser->at == ')') break;
        RegexNode *piece;
        TRY(parse_atom(parser, &piece));
        skip_ignored(parser);
        if (starts_quantifier(parser)) TRY(parse_quantifier(parser, piece, &piece));
        list_add(parser, &pieces, piece);
    }
    *node_out = branch_make(parser, &pieces);
    return OK;
}

static Status parse_alternatives(Parser *parser, RegexNode **node_out) {
    if (++parser->depth > DEPTH_MAX) return regex_fail("regular expression is too complex");
    NodeList branches = {0};
    do {
        RegexNode *branch;
        TRY(parse_branch(parser, &branch));
        list_add(parser, &branches, branch);
    } while (takes(parser, "|"));
    *node_out = join_balanced(parser, branches.nodes, branches.count, alternate);
    parser->depth--;
    return OK;
}

// ---- Options at the start
// ------------------------------------------------------------------------

static Status parse_options(Parser *parser) {
    if (takes(parser, "***=")) {
        parser->options |= REGEX_LITERAL;
        return OK;
    }
    if (takes(parser, "***")) {
        if (!takes(parser, ":")) return regex_fail("quantifier operand invalid");
    }
    bool has_options = parser->at + 2 < parser->end && sees(parser, "(?")
                       && ((parser->at[2] >= 'a' && parser->at[2] <= 'z')
                           || (parser->at[2] >= 'A' && parser->at[2] <= 'Z'));
    if (!has_options) return OK;
    parser->at += 2;
    for (; !at_end(parser) && *parser->at != ')'; parser->at++) {
        switch (*parser->at) {
        case 'c':
            parser->options &= ~(uint32_t)REGEX_IGNORE_CASE;
            break;
        case 'i':
            parser->options |= REGEX_IGNORE_CASE;
            break;
        case 'm':
        case 'n':
            parser->options |= REGEX_LINE_STOP | REGEX_LINE_ANCHORS;
            break;
        case 'p':
            parser->options |= REGEX_LINE_STOP;
            parser->options &= ~(uint32_t)REGEX_LINE_ANCHORS;
            break;
        case 'w':
            parser->options |= REGEX_LINE_ANCHORS;
            parser->options &= ~(uint32_t)REGEX_LINE_STOP;
            break;
        case 's':
            parser->options &= ~(uint32_t)(REGEX_LINE_STOP | REGEX_LINE_ANCHORS);
            break;
        case 'q':
            parser->options |= REGEX_LITERAL;
            break;
        case 't':
            parser->options &= ~(uint32_t)REGEX_EXPANDED;
            break;
        case 'x':
            parser->options |= REGEX_EXPANDED;
            break;
        case 'e':
            break;
        default:
            return regex_fail("invalid embedded option");
        }
    }
    if (at_end(parser)) return regex_fail("invalid embedded option");
    parser->at++;
    return OK;
}

// ---- The automaton
// -------------------------------------------------------------------------------

typedef struct Builder {
    RegexState *states;
    uint32_t count, capacity;
    Arena *arena;
} Builder;

static Status state_add(
    Builder *builder, RegexStateKind kind, const RegexNode *node, uint32_t *state_out) {
    if (builder->count == REGEX_STATE_MAX) return regex_fail("regular expression is too complex");
    if (builder->count == builder->capacity) {
        uint32_t capacity = builder->capacity == 0 ? 64 : builder->capacity * 2;
        RegexState *states = arena_new_array(builder->arena, RegexState, capacity);
        if (builder->count > 0) {
            memcpy(states, builder->states, builder->count * sizeof(RegexState));
        }
        builder->states = states;
        builder->capacity = capacity;
    }
    builder->states[builder->count] =
        (RegexState){.kind = kind, .next = NO_STATE, .other = NO_STATE, .node = node};
    *state_out = builder->count++;
    return OK;
}

static void state_link(Builder *builder, uint32_t from, uint32_t to) {
    RegexState *state = &builder->states[from];
    if (state->next == NO_STATE) {
        state->next = to;
    } else {
        ASSERT(state->other == NO_STATE);
        state->other = to;
    }
}

static Status build(Builder *builder, RegexNode *node, uint32_t *entry_out, uint32_t *exit_out);

// least copies in a row, then those that may be left out, or a loop.
static Status build_repeat(Builder *builder, const RegexNode *node, uint32_t entry, uint32_t exit) {
    uint32_t at = entry, first, last;
    for (int32_t i = 0; i < node->least; i++) {
        TRY(build(builder, node->child, &first, &last));
        state_link(builder, at, first);
        TRY(state_add(builder, STATE_PASS, NULL, &at));
        state_link(builder, last, at);
    }
    if (node->most == REGEX_INFINITE) {
        TRY(build(builder, node->child, &first, &last));
        uint32_t after, again;
        TRY(state_add(builder, STATE_PASS, NULL, &again));
        TRY(state_add(builder, STATE_PASS, NULL, &after));
        state_link(builder, at, again);
        state_link(builder, again, first);
        state_link(builder, again, after);
        state_link(builder, last, again);
        at = after;
    }
    for (int32_t i = node->least; i < node->most; i++) {
        TRY(build(builder, node->child, &first, &last));
        uint32_t next;
        TRY(state_add(builder, STATE_PASS, NULL, &next));
        state_link(builder, at, first);
        state_link(builder, at, exit);
        state_link(builder, last, next);
        at = next;
    }
    state_link(builder, at, exit);
    return OK;
}

static Status build_parts(Builder *builder, RegexNode *node, uint32_t entry, uint32_t exit) {
    uint32_t first, last, other_first, other_last;
    switch (node->kind) {
    case REGEX_EMPTY:
        state_link(builder, entry, exit);
        return OK;
    case REGEX_CAPTURE:
    case REGEX_REFERENCE: // what it refers to, checked when the span is taken apart
        TRY(build(builder, node->child, &first, &last));
        state_link(builder, entry, first);
        state_link(builder, last, exit);
        return OK;
    case REGEX_CONCATENATE:
        TRY(build(builder, node->child, &first, &last));
        TRY(build(builder, node->other, &other_first, &other_last));
        state_link(builder, entry, first);
        state_link(builder, last, other_first);
        state_link(builder, other_last, exit);
        return OK;
    case REGEX_ALTERNATE:
        TRY(build(builder, node->child, &first, &last));
        TRY(build(builder, node->other, &other_first, &other_last));
        state_link(builder, entry, first);
        state_link(builder, entry, other_first);
        state_link(builder, last, exit);
        state_link(builder, other_last, exit);
        return OK;
    case REGEX_REPEAT:
        return build_repeat(builder, node, entry, exit);
    case REGEX_LOOK: // an automaton beside, which the state asks
        TRY(build(builder, node->child, &first, &last));
        break;
    case REGEX_CHARACTER:
    case REGEX_ANY:
    case REGEX_SET:
    case REGEX_ASSERTION:
        break;
    }
    RegexStateKind kind = node->kind == REGEX_CHARACTER ? STATE_CHARACTER
                          : node->kind == REGEX_ANY     ? STATE_ANY
                          : node->kind == REGEX_SET     ? STATE_SET
                          : node->kind == REGEX_LOOK    ? STATE_LOOK
                                                        : STATE_ASSERTION;
    uint32_t state;
    TRY(state_add(builder, kind, node, &state));
    state_link(builder, entry, state);
    state_link(builder, state, exit);
    return OK;
}

static Status build(Builder *builder, RegexNode *node, uint32_t *entry_out, uint32_t *exit_out) {
    uint32_t entry, exit;
    TRY(state_add(builder, STATE_PASS, NULL, &entry));
    TRY(state_add(builder, STATE_PASS, NULL, &exit));
    TRY(build_parts(builder, node, entry, exit));
    if (!node->is_compiled) {
        node->is_compiled = true;
        node->entry = entry;
        node->exit = exit;
    }
    *entry_out = entry;
    *exit_out = exit;
    return OK;
}

// ---- Compiling
// -----------------------------------------------------------------------------------

static RegexNode *literal_make(Parser *parser) {
    NodeList characters = {0};
    for (; !at_end(parser); parser->at++) {
        list_add(parser, &characters, character_node(parser, *parser->at));
    }
    return branch_make(parser, &characters);
}

Status regex_compile(Bytes pattern, uint32_t options, Arena *arena, Regex **regex_out) {
    RegexText text = regex_text_make(pattern, arena);
    Parser parser = {
        .at = text.characters,
        .end = text.characters + text.count,
        .options = options,
        .capture_capacity = 16,
        .captures = arena_new_array(arena, RegexNode *, 16),
        .arena = arena,
    };
    Regex *regex = arena_new(arena, Regex);
    if ((options & REGEX_LITERAL) == 0) TRY(parse_options(&parser));
    if ((parser.options & REGEX_LITERAL) != 0) {
        regex->root = literal_make(&parser);
    } else {
        TRY(parse_alternatives(&parser, &regex->root));
        if (!at_end(&parser)) return regex_fail("parentheses () not balanced");
    }
    Builder builder = {.arena = arena};
    uint32_t entry, exit;
    TRY(build(&builder, regex->root, &entry, &exit));
    regex->states = builder.states;
    regex->state_count = builder.count;
    regex->capture_count = parser.capture_count;
    regex->options = parser.options;
    regex->has_references = parser.has_references;
    *regex_out = regex;
    return OK;
}

uint32_t regex_capture_count(const Regex *regex) {
    return regex->capture_count;
}
