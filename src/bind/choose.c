// Which operator or function a name with these argument types means.
//
// Source  PostgreSQL 15, sections 10.2 and 10.3, and parse_func.c for the order of the rules.
#include "bind/bind_internal.h"

// One possible meaning: what it declares for the arguments given.
typedef struct Candidate {
    const void *object; // FunctionInfo or OperatorInfo
    const Oid *types;
    FunctionChoice choice; // functions only
    bool is_variadic;
} Candidate;

enum { ARGUMENT_COUNT_MAX = 100 };

static bool types_equal(const Oid *a, const Oid *b, uint32_t count) {
    return count == 0 || memcmp(a, b, count * sizeof *a) == 0;
}

// Keeps those that every argument can be implicitly cast for.
static uint32_t keep_castable(
    Candidate *candidates, uint32_t candidate_count, const Oid *types, uint32_t count) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < candidate_count; i++) {
        if (can_coerce(types, candidates[i].types, count, CAST_IMPLICIT)) {
            candidates[kept++] = candidates[i];
        }
    }
    return kept;
}

typedef bool (*ScoreRule)(Oid given, Oid declared);

static bool is_exact(Oid given, Oid declared) {
    return given != TYPE_UNKNOWN && given == declared;
}

// Preferred within the category of the argument given.
static bool is_exact_or_preferred(Oid given, Oid declared) {
    if (given == TYPE_UNKNOWN) return false;
    if (given == declared) return true;
    return type_is_preferred(declared) && type_category(declared) == type_category(given);
}

// Keeps those that satisfy the rule at the most arguments.
static uint32_t keep_best(Candidate *candidates, uint32_t candidate_count, const Oid *types,
    uint32_t count, ScoreRule rule) {
    uint32_t best = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < candidate_count; i++) {
        uint32_t score = 0;
        for (uint32_t j = 0; j < count; j++) {
            if (rule(types[j], candidates[i].types[j])) score++;
        }
        if (i == 0 || score > best) {
            best = score;
            kept = 0;
        }
        if (score == best) candidates[kept++] = candidates[i];
    }
    return kept;
}

typedef struct Slot {
    char category;
    bool has_preferred;
    bool has_conflict;
} Slot;

// What the candidates accept where an unknown literal stands.
static Slot slot_of(const Candidate *candidates, uint32_t candidate_count, uint32_t index) {
    Slot slot = {0};
    for (uint32_t i = 0; i < candidate_count; i++) {
        Oid declared = candidates[i].types[index];
        char category = type_category(declared);
        bool is_preferred = type_is_preferred(declared);
        if (slot.category == 0) {
            slot.category = category;
            slot.has_preferred = is_preferred;
        } else if (category == slot.category) {
            slot.has_preferred |= is_preferred;
        } else if (category == 'S') { // strings win over anything
            slot.category = category;
            slot.has_preferred = is_preferred;
        } else {
            slot.has_conflict = true;
        }
    }
    return slot;
}

static bool candidate_fits(
    const Candidate *candidate, const Oid *types, uint32_t count, const Slot *slots) {
    for (uint32_t i = 0; i < count; i++) {
        if (types[i] != TYPE_UNKNOWN) continue;
        Oid declared = candidate->types[i];
        if (type_category(declared) != slots[i].category) return false;
        if (slots[i].has_preferred && !type_is_preferred(declared)) return false;
    }
    return true;
}

static uint32_t keep_by_category(
    Candidate *candidates, uint32_t candidate_count, const Oid *types, uint32_t count) {
    Slot slots[ARGUMENT_COUNT_MAX] = {0};
    for (uint32_t i = 0; i < count; i++) {
        if (types[i] != TYPE_UNKNOWN) continue;
        slots[i] = slot_of(candidates, candidate_count, i);
        if (slots[i].has_conflict && slots[i].category != 'S') return candidate_count;
    }
    uint32_t kept = 0;
    bool fits[2] = {false, false};
    for (uint32_t i = 0; i < candidate_count && !fits[1]; i++) {
        fits[1] = candidate_fits(&candidates[i], types, count, slots);
    }
    if (!fits[1]) return candidate_count; // none left would be no help
    for (uint32_t i = 0; i < candidate_count; i++) {
        if (candidate_fits(&candidates[i], types, count, slots)) candidates[kept++] = candidates[i];
    }
    return kept;
}

// When all known arguments have one type, the unknown ones are taken to have it too.
static const Candidate *choose_by_known_type(
    const Candidate *candidates, uint32_t candidate_count, const Oid *types, uint32_t count) {
    Oid known = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (types[i] == TYPE_UNKNOWN) continue;
        if (known != 0 && known != types[i]) return NULL;
        known = types[i];
    }
    if (known == 0) return NULL;
    Oid assumed[ARGUMENT_COUNT_MAX];
    for (uint32_t i = 0; i < count; i++) {
        assumed[i] = known;
    }
    const Candidate *found = NULL;
    for (uint32_t i = 0; i < candidate_count; i++) {
        if (!can_coerce(assumed, candidates[i].types, count, CAST_IMPLICIT)) continue;
        if (found != NULL) return NULL;
        found = &candidates[i];
    }
    return found;
}

// The one that fits best, NULL when several do equally. Rearranges `candidates`.
static const Candidate *choose_best(
    Candidate *candidates, uint32_t candidate_count, const Oid *types, uint32_t count) {
    candidate_count = keep_best(candidates, candidate_count, types, count, is_exact);
    if (candidate_count == 1) return candidates;
    candidate_count = keep_best(candidates, candidate_count, types, count, is_exact_or_preferred);
    if (candidate_count == 1) return candidates;

    uint32_t unknown_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (types[i] == TYPE_UNKNOWN) unknown_count++;
    }
    if (unknown_count == 0) return NULL;
    candidate_count = keep_by_category(candidates, candidate_count, types, count);
    if (candidate_count == 1) return candidates;
    if (unknown_count == count) return NULL;
    return choose_by_known_type(candidates, candidate_count, types, count);
}

// ---- Operators ----------------------------------------------------------------------------------

static const OperatorInfo *find_exact_operator(
    const OperatorInfo *const *list, size_t list_count, Oid left, Oid right) {
    for (size_t i = 0; i < list_count; i++) {
        if (list[i]->left == left && list[i]->right == right) return list[i];
    }
    return NULL;
}

enum { OPERATOR_CANDIDATES_MAX = 256 };

Choice choose_operator(const char *name, Oid left, Oid right, const OperatorInfo **out) {
    size_t list_count;
    const OperatorInfo *const *list = operator_candidates(name, &list_count);
    bool is_prefix = left == 0;
    // An unknown operand is first taken to have the other's type.
    Oid exact_left = left == TYPE_UNKNOWN ? right : left;
    Oid exact_right = right == TYPE_UNKNOWN && !is_prefix ? left : right;
    *out = find_exact_operator(list, list_count, exact_left, exact_right);
    if (*out != NULL) return CHOICE_ONE;

    Candidate candidates[OPERATOR_CANDIDATES_MAX];
    uint32_t candidate_count = 0;
    for (size_t i = 0; i < list_count && candidate_count < OPERATOR_CANDIDATES_MAX; i++) {
        if ((list[i]->left == 0) != is_prefix) continue;
        candidates[candidate_count++] = (Candidate){
            .object = list[i],
            .types = is_prefix ? &list[i]->right : &list[i]->left, // left and right lie together
        };
    }
    const Oid types[2] = {is_prefix ? right : left, right};
    uint32_t count = is_prefix ? 1 : 2;
    candidate_count = keep_castable(candidates, candidate_count, types, count);
    if (candidate_count == 0) return CHOICE_NONE;
    const Candidate *best =
        candidate_count == 1 ? candidates : choose_best(candidates, candidate_count, types, count);
    if (best == NULL) return CHOICE_AMBIGUOUS;
    *out = best->object;
    return CHOICE_ONE;
}

static_assert(offsetof(OperatorInfo, right) == offsetof(OperatorInfo, left) + sizeof(Oid),
    "an operator's operand types are read as an array");

// ---- Functions ----------------------------------------------------------------------------------

// The number of an input argument by its name; `count` when there is none. Names and modes are
// written as PostgreSQL writes arrays: {a,b,c}.
static uint32_t find_argument_name(const FunctionInfo *function, const char *wanted) {
    if (function->names == NULL) return function->argument_count;
    const char *name = function->names + 1;
    const char *mode = function->modes == NULL ? NULL : function->modes + 1;
    size_t wanted_count = strlen(wanted);
    uint32_t input = 0;
    while (*name != 0 && *name != '}' && input < function->argument_count) {
        size_t name_count = strcspn(name, ",}");
        bool is_input = mode == NULL || *mode == 'i' || *mode == 'b' || *mode == 'v';
        if (is_input) {
            if (name_count == wanted_count && memcmp(name, wanted, name_count) == 0) return input;
            input++;
        }
        name += name_count + (name[name_count] == ',');
        if (mode != NULL) mode += mode[1] == ',' ? 2 : 1;
    }
    return function->argument_count;
}

// Named notation: where each actual argument goes. False when the names do not fit.
static bool match_names(Arena *arena, const FunctionInfo *function, uint32_t count,
    const char *const *names, uint32_t name_count, Candidate *candidate) {
    if (function->argument_count < count || function->variadic != 0) return false;
    if (count + function->default_count < function->argument_count) return false;
    uint32_t *positions = arena_new_array(arena, uint32_t, function->argument_count);
    bool *is_given = arena_new_array(arena, bool, function->argument_count);
    Oid *declared = arena_new_array(arena, Oid, function->argument_count);
    uint32_t plain_count = count - name_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t position =
            i < plain_count ? i : find_argument_name(function, names[i - plain_count]);
        if (position >= function->argument_count || is_given[position]) return false;
        is_given[position] = true;
        positions[i] = position;
        declared[i] = function->arguments[position];
    }
    uint32_t first_default = (uint32_t)function->argument_count - function->default_count;
    for (uint32_t i = 0; i < function->argument_count; i++) {
        if (!is_given[i] && i < first_default) return false;
    }
    candidate->types = declared;
    candidate->choice = (FunctionChoice){
        .function = function,
        .declared = declared,
        .count = count,
        .variadic_from = UINT32_MAX,
        .default_count = (uint32_t)function->argument_count - count,
        .positions = positions,
    };
    return true;
}

static bool match_positions(Arena *arena, const FunctionInfo *function, uint32_t count,
    bool is_variadic_call, Candidate *candidate) {
    uint32_t own = function->argument_count;
    bool expands = function->variadic != 0 && !is_variadic_call && count >= own;
    if (is_variadic_call && (function->variadic == 0 || own != count)) return false;
    if (!expands && own != count && !(own > count && own - count <= function->default_count)) {
        return false;
    }
    Oid *declared = arena_new_array(arena, Oid, (count > own ? count : own) + 1);
    memcpy(declared, function->arguments, own * sizeof *declared);
    for (uint32_t i = own == 0 ? 0 : own - 1; expands && i < count; i++) {
        declared[i] = function->variadic;
    }
    candidate->types = declared;
    // A variadic "any" takes its arguments as they are, not as an array.
    bool makes_array = expands && function->variadic != TYPE_ANY;
    candidate->choice = (FunctionChoice){
        .function = function,
        .declared = declared,
        .count = own > count ? own : count,
        .variadic_from = makes_array ? own - 1 : UINT32_MAX,
        .default_count = own > count ? own - count : 0,
    };
    candidate->is_variadic = expands;
    return true;
}

// Of two that take the same types, one without variadic expansion and with fewer defaults wins;
// true when `other` makes `candidate` superfluous.
static bool is_beaten(const Candidate *candidate, const Candidate *other, uint32_t count) {
    if (!types_equal(candidate->types, other->types, count)) return false;
    if (candidate->is_variadic != other->is_variadic) return candidate->is_variadic;
    return candidate->choice.default_count > other->choice.default_count;
}

static uint32_t drop_beaten(Candidate *candidates, uint32_t candidate_count, uint32_t count) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < candidate_count; i++) {
        bool beaten = false;
        for (uint32_t j = 0; j < candidate_count && !beaten; j++) {
            beaten = j != i && is_beaten(&candidates[i], &candidates[j], count);
        }
        if (!beaten) candidates[kept++] = candidates[i];
    }
    return kept;
}

Choice choose_function(Arena *arena, const char *name, const Oid *arguments, uint32_t count,
    const char *const *names, uint32_t name_count, bool is_variadic_call, FunctionChoice *out) {
    if (count > ARGUMENT_COUNT_MAX) return CHOICE_NONE;
    size_t list_count;
    const FunctionInfo *const *list = function_candidates(name, &list_count);
    Candidate *candidates = arena_new_array(arena, Candidate, list_count + 1);
    uint32_t candidate_count = 0;
    for (size_t i = 0; i < list_count; i++) {
        Candidate *candidate = &candidates[candidate_count];
        *candidate = (Candidate){.object = list[i]};
        bool matches = name_count > 0
                           ? match_names(arena, list[i], count, names, name_count, candidate)
                           : match_positions(arena, list[i], count, is_variadic_call, candidate);
        if (matches) candidate_count++;
    }
    candidate_count = drop_beaten(candidates, candidate_count, count);
    for (uint32_t i = 0; i < candidate_count; i++) {
        if (types_equal(candidates[i].types, arguments, count)) {
            *out = candidates[i].choice;
            return CHOICE_ONE;
        }
    }
    candidate_count = keep_castable(candidates, candidate_count, arguments, count);
    if (candidate_count == 0) return CHOICE_NONE;
    const Candidate *best = candidate_count == 1
                                ? candidates
                                : choose_best(candidates, candidate_count, arguments, count);
    if (best == NULL) return CHOICE_AMBIGUOUS;
    *out = best->choice;
    return CHOICE_ONE;
}
