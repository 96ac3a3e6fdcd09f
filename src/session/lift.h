// Lifting literals: from a statement's text to a key in which each constant is only its class, so
// that texts that differ in their constants alone share one plan.
//
// Model    One pass, by the lexical rules of PostgreSQL. What it does not know well (comments,
//          parameters, dollar quotes, prefixed strings, several statements) is not lifted at all.
//          Whether each literal stands where a plan does not depend on it is the binder's to say.
// Memory   The key and literals are in the caller's struct; literals point into the text.
#pragma once

#include "bind/bind.h"

enum { LIFT_LITERAL_MAX = 64, LIFT_KEY_MAX = 2048 };

typedef struct LiftedPiece {
    uint32_t offset, count; // in the text: of a number without its sign, or within the quotes
    int32_t location;       // of the constant in the syntax tree
    Oid type;               // int4, int8, numeric or unknown
    bool is_negative;
    bool has_quotes; // doubled ones within
    int64_t integer; // of int4 and int8
} LiftedPiece;

typedef struct LiftedText {
    uint32_t key_count, piece_count;
    uint64_t hash;
    char key[LIFT_KEY_MAX];
    LiftedPiece pieces[LIFT_LITERAL_MAX];
} LiftedText;

// False when the text is not one to lift from.
bool lift_text(const char *sql, size_t count, LiftedText *lifted_out);

// The value of a literal under the parameter type that binding found. Errors: the type's own, with
// the position in `sql`.
Status lifted_value(const LiftedPiece *piece, const char *sql, const ValueContext *context,
    Oid type, Arena *arena, Value *value_out);
