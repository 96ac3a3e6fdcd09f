// Functions: what SQL can compute, by PostgreSQL's OIDs.
//
// Model    Facts about every function, operator, cast and aggregate of PostgreSQL 15 come from
//          functions/pg_*.tsv, turned into tables at build time. An implementation is a kernel over
//          columns, found by the function's OID in a FunctionRegistry: `functions` brings those
//          that need only values, the catalog and the session add theirs. A function without one is
//          FEATURE_NOT_SUPPORTED and is named.
// Threads  The facts are constant; a registry is constant once it is made.
// Source   PostgreSQL 15 src/include/catalog/pg_proc.dat, pg_operator.dat, pg_cast.dat,
//          pg_aggregate.dat for the facts.
#pragma once

#include "base/random.h"
#include "batch/batch.h"

typedef struct FunctionInfo {
    Oid oid;
    const char *name;
    char kind;      // prokind: f, a, w, p
    bool is_strict; // proisstrict: NULL in, NULL out, without a call
    bool returns_set;
    char volatility; // i, s, v
    Oid variadic;    // element type of a variadic last argument, or 0
    uint16_t argument_count, default_count;
    const Oid *arguments;
    Oid result;
    const char *source;                        // prosrc
    const char *all_arguments, *modes, *names; // proallargtypes ... as pg_proc prints them, or NULL
    const char *defaults;                      // the default expressions' text, or NULL
    Oid language;                              // prolang: 12 internal, 13 c, 14 sql
    bool is_leakproof;
    char parallel; // proparallel: s, r, u
    float cost, row_count;
    const char *support; // prosupport's name, or NULL
} FunctionInfo;

typedef struct OperatorInfo {
    Oid oid;
    const char *name;
    Oid left, right, result; // left is 0 for a prefix operator
    Oid function;
    Oid commutator, negator;
    bool can_hash, can_merge;
    Oid restrict_estimator, join_estimator;
} OperatorInfo;

typedef struct CastInfo {
    Oid oid;
    Oid source, target;
    Oid function; // 0 for a binary-coercible or an I/O cast
    char context; // e explicit, a assignment, i implicit
    char method;  // f function, b binary, i input and output
} CastInfo;

// What pg_aggregate says beside pg_proc. Functions by OID, 0 for none.
typedef struct AggregateInfo {
    Oid function;
    char kind; // n normal, o ordered set, h hypothetical set
    uint16_t direct_argument_count;
    Oid transition, final, combine, serialize, deserialize;
    Oid moving, moving_inverse, moving_final;
    bool final_takes_extra, moving_final_takes_extra;
    char final_modify, moving_final_modify;
    Oid sort_operator; // min and max: the operator whose first row is the answer
    Oid state_type, moving_state_type;
    int32_t state_bytes, moving_state_bytes;
    const char *initial, *moving_initial; // or NULL
} AggregateInfo;

// Functions are in pg_catalog, but for those of information_schema, which initdb numbers together.
static inline bool function_is_of_information_schema(Oid oid) {
    return oid >= 13200 && oid < 13300;
}

const FunctionInfo *function_find(Oid oid);
const AggregateInfo *aggregate_find(Oid function); // NULL for what is no aggregate
const OperatorInfo *operator_find(Oid oid);
const CastInfo *cast_find(Oid source, Oid target); // NULL when pg_cast has none

// All functions of a name, or operators, in OID order. Lower-case catalog names.
const FunctionInfo *const *function_candidates(const char *name, size_t *count_out);
const OperatorInfo *const *operator_candidates(const char *name, size_t *count_out);

const FunctionInfo *function_list(size_t *count_out); // for pg_proc
const OperatorInfo *operator_list(size_t *count_out);
const CastInfo *cast_list(size_t *count_out); // by source, then target

// The operators of a type's default btree class: =, <, >, <=, >= with both sides of the type.
// 0 when the type has no such class. `name` is one of those five, or "<>". A type without a class
// of its own has that of the type it is binary-coercible to, as varchar has text's and regclass
// has oid's; array types have anyarray's.
Oid operator_of_type(const char *name, Oid type);

// ---- Running ------------------------------------------------------------------------------------

typedef struct FunctionRegistry FunctionRegistry;
typedef struct FunctionContext FunctionContext;

// What a running function may ask for; filled by the session for each statement.
struct FunctionContext {
    ValueContext values;
    const FunctionRegistry *registry;
    int64_t statement_time_us, transaction_time_us;
    Random *random;
    struct Session *session;          // opaque here; for functions that the session registers
    struct CatalogView *catalog;      // opaque here; for functions that the catalog registers
    struct Txn *txn;                  // opaque here; for nextval and the like
    const _Atomic bool *is_cancelled; // long functions ask now and then
};

// One call over the selected rows of a batch. The kernel writes result->values and nulls for those
// rows only. For a strict function the runner has already taken out the rows with a NULL argument
// and marked their results NULL. `result->nulls` is there and clear for the selected rows; a
// kernel that answers NULL calls column_set_null. Row results of views live in `arena` or borrow
// an argument. A constant argument has one value and stands for every row.
typedef struct Call {
    FunctionContext *context;
    const FunctionInfo *function;
    const Column *arguments;
    uint32_t argument_count;
    const Oid *argument_types; // the actual ones of a polymorphic function
    SqlType result_type;
    Selection selection;
    Column *result; // flat, of the result type
    Arena *arena;
} Call;

typedef Status (*FunctionKernel)(Call *call);

// A set-returning function: called once, it makes a generator, which is asked for batches. The
// caller gives it a cleared batch of the result's columns to fill. Views live in the arena that the
// generator was made in, at least until the next call. A strict one is not called with a NULL.
typedef struct SetGenerator {
    Status (*next)(struct SetGenerator *generator, Batch *batch_out); // an empty batch ends it
} SetGenerator;

typedef Status (*SetFunction)(FunctionContext *context, const FunctionInfo *function,
    const Value *arguments, uint32_t argument_count, Arena *arena, SetGenerator **generator_out);

// An aggregate over one group's states, laid out by the caller: `state_bytes` each, zeroed to
// start.
typedef struct AggregateKernels {
    uint32_t state_bytes;
    bool is_order_sensitive; // array_agg, string_agg: combine is not allowed
    // Adds the selected rows: row i goes to states[i] (indexed as the selection is, from 0).
    // Arguments' NULLs are skipped by the kernel as the aggregate wants. What a state keeps beyond
    // its bytes lives in `state_arena`.
    Status (*update)(const Call *call, void *const *states, Arena *state_arena);
    // The same when all rows go to one state. NULL: through `update`.
    Status (*update_one)(const Call *call, void *state, Arena *state_arena);
    Status (*combine)(const Call *call, void *into, const void *from, Arena *state_arena);
    Status (*finalize)(const Call *call, const void *state, Arena *arena, Value *value_out);
} AggregateKernels;

typedef struct FunctionEntry {
    Oid function;
    FunctionKernel kernel; // exactly one of these three is set
    SetFunction set;
    const AggregateKernels *aggregate;
    bool cannot_raise; // may be evaluated for rows nobody asked for
} FunctionEntry;

// A registry of these tables of entries, each ended by {0}. Later tables win. In `arena`.
FunctionRegistry *function_registry_make(
    Arena *arena, const FunctionEntry *const *tables, size_t table_count);

// The entries that need values alone.
extern const FunctionEntry functions_of_values[];

// Errors: FEATURE_NOT_SUPPORTED, "function f(integer) is not supported yet".
Status function_registry_find(
    const FunctionRegistry *registry, Oid function, const FunctionEntry **entry_out);

// Calls a scalar function on one row of values: constant folding, DDL, tests.
Status function_call(FunctionContext *context, Oid function, SqlType result_type,
    const Oid *argument_types, const Value *arguments, uint32_t argument_count, Arena *arena,
    Value *value_out);
