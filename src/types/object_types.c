// The types whose values are objects of the catalog: regclass and its kin, by number and by name;
// and tid, a row's place.
#include "base/hash.h"
#include "types/integer.h"
#include "types/types_internal.h"

#include <errno.h>
#include <stdlib.h>

// X(name of the functions, name of the type, how no object is written)
#define OBJECT_TYPE_LIST(X)                                                                        \
    X(regproc, REGPROC, "-")                                                                       \
    X(regprocedure, REGPROCEDURE, "-")                                                             \
    X(regoper, REGOPER, "0")                                                                       \
    X(regoperator, REGOPERATOR, "0")                                                               \
    X(regclass, REGCLASS, "-")                                                                     \
    X(regtype, REGTYPE, "-")                                                                       \
    X(regnamespace, REGNAMESPACE, "-")                                                             \
    X(regrole, REGROLE, "-")                                                                       \
    X(regcollation, REGCOLLATION, "-")

static Status object_from_text(Oid kind, const char *none, const ValueContext *context,
    const char *text, size_t count, Datum *datum_out) {
    uint32_t oid = 0;
    size_t digits = 0;
    while (digits < count && is_digit(text[digits])) {
        digits++;
    }
    bool is_none = count == 1 && *text == *none;
    if (!is_none && count > 0 && digits == count) {
        TRY(oid_read_text(text, count, &oid));
    } else if (!is_none) {
        const ObjectNames *names = context->object_names;
        if (names == NULL || names->find == NULL) {
            return fail(FEATURE_NOT_SUPPORTED,
                "names of type %s are not supported without a catalog", type_find(kind)->name);
        }
        TRY(names->find(names->catalog, kind, text, count, &oid));
    }
    *datum_out = (Datum){.oid = oid};
    return OK;
}

static void object_to_text(
    Oid kind, const char *none, const ValueContext *context, const Datum *datum, Text *out) {
    const ObjectNames *names = context->object_names;
    if (datum->oid == 0) {
        text_append_text(out, none);
        return;
    }
    bool is_named = names != NULL && names->format != NULL
                    && names->format(names->catalog, kind, datum->oid, out);
    if (!is_named) text_append_u64(out, datum->oid);
}

static Status object_from_binary([[maybe_unused]] const ValueContext *context, Bytes bytes,
    [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    TRY(binary_check_count(bytes, 4));
    *datum_out = (Datum){.oid = get_u32_be(bytes.data)};
    return OK;
}

static void object_to_binary(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    text_append_u32_be(out, datum->oid);
}

static int object_compare(const Datum *a, const Datum *b) {
    return (a->oid > b->oid) - (a->oid < b->oid);
}

static uint64_t object_hash(const Datum *datum) {
    return hash_u64(datum->oid);
}

static void object_key_append(const Datum *datum, Text *key) {
    text_append_u32_be(key, datum->oid);
}

static bool object_key_take(Bytes *key, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    Bytes taken;
    if (!bytes_take(key, 4, &taken)) return false;
    *datum_out = (Datum){.oid = get_u32_be(taken.data)};
    return true;
}

#define X(function, type, none)                                                                    \
    static Status function##_from_text(const ValueContext *context, const char *text,              \
        size_t count, [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena,            \
        Datum *datum_out) {                                                                        \
        return object_from_text(TYPE_##type, none, context, text, count, datum_out);               \
    }                                                                                              \
    static void function##_to_text(const ValueContext *context, const Datum *datum, Text *out) {   \
        object_to_text(TYPE_##type, none, context, datum, out);                                    \
    }                                                                                              \
    const TypeOps function##_ops = {                                                               \
        .physical = PHYSICAL_INT4,                                                                 \
        .key_is_invertible = true,                                                                 \
        .from_text = function##_from_text,                                                         \
        .to_text = function##_to_text,                                                             \
        .from_binary = object_from_binary,                                                         \
        .to_binary = object_to_binary,                                                             \
        .compare = object_compare,                                                                 \
        .hash = object_hash,                                                                       \
        .key_append = object_key_append,                                                           \
        .key_take = object_key_take,                                                               \
    };
OBJECT_TYPE_LIST(X)
#undef X

// ---- tid ----------------------------------------------------------------------------------------

enum { TID_OFFSET_BITS = 16, TID_TEXT_MAX = 64 };

// "(block,offset)", where anything may come before and after.
static bool tid_parse(const char *text, size_t count, int64_t *tid_out) {
    char copy[TID_TEXT_MAX];
    if (count >= sizeof copy) return false;
    memcpy(copy, text, count);
    copy[count] = '\0';
    const char *parts[2] = {0};
    int part_count = 0;
    for (const char *at = copy; *at != '\0' && part_count < 2 && *at != ')'; at++) {
        if (*at == ',' || (*at == '(' && part_count == 0)) parts[part_count++] = at + 1;
    }
    if (part_count < 2) return false;
    char *end;
    errno = 0;
    unsigned long block = strtoul(parts[0], &end, 10);
    if (errno != 0 || *end != ',') return false;
    if (block != (uint32_t)block && block != (unsigned long)(int32_t)block) return false;
    errno = 0;
    long offset = strtol(parts[1], &end, 10);
    if (errno != 0 || *end != ')' || offset < 0 || offset > UINT16_MAX) return false;
    *tid_out = (int64_t)(uint32_t)block << TID_OFFSET_BITS | offset;
    return true;
}

static Status tid_from_text([[maybe_unused]] const ValueContext *context, const char *text,
    size_t count, [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena,
    Datum *datum_out) {
    int64_t tid;
    if (!tid_parse(text, count, &tid)) return fail_syntax("tid", text, count);
    *datum_out = (Datum){.int8 = tid};
    return OK;
}

static void tid_to_text(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    text_append_format(out, "(%u,%u)", (uint32_t)(datum->int8 >> TID_OFFSET_BITS),
        (uint32_t)(datum->int8 & UINT16_MAX));
}

static Status tid_from_binary([[maybe_unused]] const ValueContext *context, Bytes bytes,
    [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    TRY(binary_check_count(bytes, 6));
    int64_t block = get_u32_be(bytes.data);
    *datum_out = (Datum){.int8 = block << TID_OFFSET_BITS | get_u16_be(bytes.data + 4)};
    return OK;
}

static void tid_to_binary(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    text_append_u32_be(out, (uint32_t)(datum->int8 >> TID_OFFSET_BITS));
    text_append_u16_be(out, (uint16_t)(datum->int8 & UINT16_MAX));
}

static int tid_compare(const Datum *a, const Datum *b) {
    return (a->int8 > b->int8) - (a->int8 < b->int8);
}

static uint64_t tid_hash(const Datum *datum) {
    return hash_u64((uint64_t)datum->int8);
}

static void tid_key_append(const Datum *datum, Text *key) {
    text_append_u64_be(key, (uint64_t)datum->int8);
}

static bool tid_key_take(Bytes *key, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    Bytes taken;
    if (!bytes_take(key, 8, &taken)) return false;
    *datum_out = (Datum){.int8 = (int64_t)get_u64_be(taken.data)};
    return true;
}

const TypeOps tid_ops = {
    .physical = PHYSICAL_INT8,
    .key_is_invertible = true,
    .from_text = tid_from_text,
    .to_text = tid_to_text,
    .from_binary = tid_from_binary,
    .to_binary = tid_to_binary,
    .compare = tid_compare,
    .hash = tid_hash,
    .key_append = tid_key_append,
    .key_take = tid_key_take,
};
