// Values in flight: what one field of one row is while it is being computed.
//
// Model    A SQL type maps to one of a few physical kinds. Fixed-width kinds are C values; all
//          others are a View, a 16-byte reference to bytes. The meaning of a view's bytes is the
//          type's: text is UTF-8, numeric is types/numeric.h, arrays are types/array.h.
// Memory   A view of more than VIEW_INLINE_MAX bytes borrows them; whoever made it says for how
//          long. value_copy moves them into an arena.
#pragma once

#include "base/arena.h"
#include "base/assert.h"
#include "base/bytes.h"

// X(NAME, width in bytes)
#define PHYSICAL_KIND_LIST(X)                                                                      \
    X(BOOL, 1)                                                                                     \
    X(INT1, 1) /* "char" */                                                                        \
    X(INT2, 2)                                                                                     \
    X(INT4, 4) /* int4, date, and unsigned oid, reg*, xid */                                       \
    X(INT8, 8) /* int8, time, timestamp, timestamptz */                                            \
    X(FLOAT4, 4)                                                                                   \
    X(FLOAT8, 8)                                                                                   \
    X(UUID, 16)                                                                                    \
    X(INTERVAL, 16)                                                                                \
    X(VIEW, 16)

typedef enum PhysicalKind {

#define X(name, width) PHYSICAL_##name,
    PHYSICAL_KIND_LIST(X)
#undef X
        PHYSICAL_KIND_COUNT
} PhysicalKind;

extern const uint8_t physical_width[PHYSICAL_KIND_COUNT];

enum { VIEW_INLINE_MAX = 12 };

// Up to 12 bytes lie in the view itself, right after the count, zero-padded. Longer ones keep
// their first four bytes there for comparison, and their address.
typedef struct View {
    uint32_t count;
    uint8_t prefix[4];
    uint64_t rest; // the next 8 inline bytes, or the address
} View;

typedef struct Interval {
    int64_t time_us;
    int32_t days;
    int32_t months;
} Interval;

typedef struct Uuid {
    uint8_t bytes[16];
} Uuid;

typedef union Datum {
    bool boolean;
    int8_t int1;
    int16_t int2;
    int32_t int4;
    uint32_t oid;
    int64_t int8;
    float float4;
    double float8;
    Uuid uuid;
    Interval interval;
    View view;
} Datum;

static_assert(sizeof(View) == 16 && sizeof(Datum) == 16, "values move as two words");

typedef struct Value {
    Datum datum;
    bool is_null;
} Value;

static inline const uint8_t *view_data(const View *view) {
    return view->count <= VIEW_INLINE_MAX ? (const uint8_t *)view + offsetof(View, prefix)
                                          : (const uint8_t *)(uintptr_t)view->rest;
}

static inline Bytes view_bytes(const View *view) {
    return bytes_make(view_data(view), view->count);
}

// Borrows `data` when it is longer than VIEW_INLINE_MAX.
static inline View view_make(const void *data, size_t count) {
    View view = {.count = (uint32_t)count};
    if (count <= VIEW_INLINE_MAX) {
        if (count > 0) memcpy((uint8_t *)&view + offsetof(View, prefix), data, count);
    } else {
        memcpy(view.prefix, data, sizeof view.prefix);
        view.rest = (uint64_t)(uintptr_t)data;
    }
    return view;
}

static inline View view_from_text(const char *text) {
    return view_make(text, strlen(text));
}

View view_copy(View view, Arena *arena); // bytes in `arena`

// As memcmp over the bytes, the shorter first among equals.
int view_compare(const View *a, const View *b);

static inline bool view_equal(const View *a, const View *b) {
    if (memcmp(a, b, 8) != 0) return false; // count and prefix
    if (a->count <= VIEW_INLINE_MAX) return a->rest == b->rest;
    return memcmp(view_data(a), view_data(b), a->count) == 0;
}

Value value_null(void);

// Copies what a view borrows into `arena`.
Value value_copy(Value value, PhysicalKind kind, Arena *arena);
