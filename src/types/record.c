#include "types/record.h"

#include "base/error.h"
#include "base/hash.h"
#include "types/types_internal.h"

enum { HEAD_BYTES = 4, FIELD_BYTES = 8 };

View record_make(const Oid *types, const Value *values, uint32_t count, Arena *arena) {
    size_t bytes = HEAD_BYTES + (size_t)count * FIELD_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        PhysicalKind kind = type_physical(types[i]);
        if (values[i].is_null) continue;
        bytes += kind == PHYSICAL_VIEW ? values[i].datum.view.count : physical_width[kind];
    }
    uint8_t *record = arena_allocate(arena, bytes, 8);
    uint8_t *at = record + HEAD_BYTES + (size_t)count * FIELD_BYTES;
    put_u32_le(record, count);
    for (uint32_t i = 0; i < count; i++) {
        PhysicalKind kind = type_physical(types[i]);
        uint8_t *field = record + HEAD_BYTES + (size_t)i * FIELD_BYTES;
        put_u32_le(field, types[i]);
        put_u32_le(field + 4, RECORD_NULL);
        if (values[i].is_null) continue;
        bool is_view = kind == PHYSICAL_VIEW;
        uint32_t width = is_view ? values[i].datum.view.count : (uint32_t)physical_width[kind];
        const void *from = is_view ? (const void *)view_data(&values[i].datum.view)
                                   : (const void *)&values[i].datum;
        put_u32_le(field + 4, width);
        if (width > 0) memcpy(at, from, width);
        at += width;
    }
    return view_make(record, bytes);
}

static uint32_t record_count(const View *record) {
    return get_u32_le(view_data(record));
}

Value record_get(const View *record, uint32_t index, Oid *type_out) {
    const uint8_t *head = view_data(record);
    uint32_t count = get_u32_le(head);
    ASSERT(index < count);
    const uint8_t *at = head + HEAD_BYTES + (size_t)count * FIELD_BYTES;
    for (uint32_t i = 0; i < index; i++) {
        uint32_t width = get_u32_le(head + HEAD_BYTES + (size_t)i * FIELD_BYTES + 4);
        if (width != RECORD_NULL) at += width;
    }
    const uint8_t *field = head + HEAD_BYTES + (size_t)index * FIELD_BYTES;
    *type_out = get_u32_le(field);
    uint32_t width = get_u32_le(field + 4);
    if (width == RECORD_NULL) return value_null();
    Value value = {0};
    if (type_physical(*type_out) == PHYSICAL_VIEW) {
        value.datum.view = view_make(at, width);
    } else {
        memcpy(&value.datum, at, width);
    }
    return value;
}

static Status fail_input(void) {
    return fail(FEATURE_NOT_SUPPORTED, "input of anonymous composite types is not implemented");
}

static Status record_from_text([[maybe_unused]] const ValueContext *context,
    [[maybe_unused]] const char *text, [[maybe_unused]] size_t count,
    [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena,
    [[maybe_unused]] Datum *datum_out) {
    return fail_input();
}

static Status record_from_binary([[maybe_unused]] const ValueContext *context,
    [[maybe_unused]] Bytes bytes, [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena,
    [[maybe_unused]] Datum *datum_out) {
    return fail_input();
}

// A field as it stands between commas: quoted when it could be taken for something else.
static void append_field(Text *out, const char *text, size_t count) {
    bool must_quote = count == 0;
    for (size_t i = 0; i < count; i++) {
        must_quote |= strchr("\"\\(),", text[i]) != NULL || is_space(text[i]);
    }
    if (!must_quote) {
        text_append(out, text, count);
        return;
    }
    text_append_char(out, '"');
    for (size_t i = 0; i < count; i++) {
        if (text[i] == '"' || text[i] == '\\') text_append_char(out, text[i]);
        text_append_char(out, text[i]);
    }
    text_append_char(out, '"');
}

static void record_to_text(const ValueContext *context, const Datum *datum, Text *out) {
    Arena scratch;
    arena_init(&scratch, NULL);
    uint32_t count = record_count(&datum->view);
    text_append_char(out, '(');
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) text_append_char(out, ',');
        Oid type;
        Value value = record_get(&datum->view, i, &type);
        if (value.is_null) continue;
        Text text;
        text_init(&text, &scratch);
        const TypeOps *ops = type_ops(type);
        if (ops != NULL) ops->to_text(context, &value.datum, &text);
        append_field(out, text.data == NULL ? "" : text.data, text.count);
        arena_reset(&scratch);
    }
    text_append_char(out, ')');
    arena_deinit(&scratch);
}

static void record_to_binary(const ValueContext *context, const Datum *datum, Text *out) {
    Arena scratch;
    arena_init(&scratch, NULL);
    uint32_t count = record_count(&datum->view);
    text_append_u32_be(out, count);
    for (uint32_t i = 0; i < count; i++) {
        Oid type;
        Value value = record_get(&datum->view, i, &type);
        const TypeOps *ops = type_ops(type);
        text_append_u32_be(out, type);
        if (value.is_null || ops == NULL) {
            text_append_u32_be(out, UINT32_MAX);
            continue;
        }
        Text text;
        text_init(&text, &scratch);
        ops->to_binary(context, &value.datum, &text);
        text_append_u32_be(out, (uint32_t)text.count);
        text_append(out, text.data, text.count);
        arena_reset(&scratch);
    }
    arena_deinit(&scratch);
}

// Field by field, NULL above all; fields of different types by their types.
static int record_compare(const Datum *a, const Datum *b) {
    uint32_t left_count = record_count(&a->view), right_count = record_count(&b->view);
    for (uint32_t i = 0; i < left_count && i < right_count; i++) {
        Oid left_type, right_type;
        Value left = record_get(&a->view, i, &left_type);
        Value right = record_get(&b->view, i, &right_type);
        if (left.is_null || right.is_null) {
            if (left.is_null != right.is_null) return left.is_null ? 1 : -1;
            continue;
        }
        if (left_type != right_type) return left_type < right_type ? -1 : 1;
        const TypeOps *ops = type_ops(left_type);
        int order = ops == NULL || ops->compare == NULL
                        ? view_compare(&left.datum.view, &right.datum.view)
                        : ops->compare(&left.datum, &right.datum);
        if (order != 0) return order;
    }
    return left_count < right_count ? -1 : left_count > right_count;
}

static uint64_t record_hash(const Datum *datum) {
    uint32_t count = record_count(&datum->view);
    uint64_t hash = count;
    for (uint32_t i = 0; i < count; i++) {
        Oid type;
        Value value = record_get(&datum->view, i, &type);
        const TypeOps *ops = type_ops(type);
        bool has_hash = !value.is_null && ops != NULL && ops->hash != NULL;
        hash = hash_combine(hash, has_hash ? ops->hash(&value.datum) : 0);
    }
    return hash;
}

// Each field after a 1, a NULL is a 2, and a 0 ends them.
static void record_key_append(const Datum *datum, Text *key) {
    uint32_t count = record_count(&datum->view);
    for (uint32_t i = 0; i < count; i++) {
        Oid type;
        Value value = record_get(&datum->view, i, &type);
        const TypeOps *ops = type_ops(type);
        text_append_u8(key, value.is_null ? 2 : 1);
        if (value.is_null || ops == NULL || ops->key_append == NULL) continue;
        ops->key_append(&value.datum, key);
    }
    text_append_u8(key, 0);
}

const TypeOps record_ops = {
    .physical = PHYSICAL_VIEW,
    .from_text = record_from_text,
    .to_text = record_to_text,
    .from_binary = record_from_binary,
    .to_binary = record_to_binary,
    .compare = record_compare,
    .hash = record_hash,
    .key_append = record_key_append,
};
