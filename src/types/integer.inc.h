// The operations of one integer type.
//
// A template: define these, then include. Each inclusion defines NAME(ops).
//   NAME(x)     names of the functions           int4_##x
//   T, U        the C type and its unsigned kin  int32_t, uint32_t
//   FIELD       its member of Datum              int4
//   KIND        its physical kind                PHYSICAL_INT4
//   FROM_TEXT   expression over text, count and a T *value_out; a Status
//   TO_TEXT     statement over value and out
//   GET, PUT    big-endian access                get_u32_be, text_append_u32_be
//   SIGN_BIT    what makes unsigned order the type's order: 0 for unsigned types

static Status NAME(from_text)([[maybe_unused]] const ValueContext *context, const char *text,
    size_t count, [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena,
    Datum *datum_out) {
    T value;
    TRY(FROM_TEXT(text, count, &value));
    *datum_out = (Datum){.FIELD = value};
    return OK;
}

static void NAME(to_text)(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    TO_TEXT(out, datum->FIELD);
}

static Status NAME(from_binary)([[maybe_unused]] const ValueContext *context, Bytes bytes,
    [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    TRY(binary_check_count(bytes, sizeof(T)));
    *datum_out = (Datum){.FIELD = (T)GET(bytes.data)};
    return OK;
}

static void NAME(to_binary)(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    PUT(out, (U)datum->FIELD);
}

static int NAME(compare)(const Datum *a, const Datum *b) {
    return (a->FIELD > b->FIELD) - (a->FIELD < b->FIELD);
}

static uint64_t NAME(hash)(const Datum *datum) {
    return hash_u64((uint64_t)datum->FIELD);
}

static void NAME(key_append)(const Datum *datum, Text *key) {
    PUT(key, (U)((U)datum->FIELD ^ (U)(SIGN_BIT)));
}

static bool NAME(key_take)(Bytes *key, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    Bytes taken;
    if (!bytes_take(key, sizeof(T), &taken)) return false;
    *datum_out = (Datum){.FIELD = (T)((U)GET(taken.data) ^ (U)(SIGN_BIT))};
    return true;
}

const TypeOps NAME(ops) = {
    .physical = KIND,
    .key_is_invertible = true,
    .from_text = NAME(from_text),
    .to_text = NAME(to_text),
    .from_binary = NAME(from_binary),
    .to_binary = NAME(to_binary),
    .compare = NAME(compare),
    .hash = NAME(hash),
    .key_append = NAME(key_append),
    .key_take = NAME(key_take),
};

#undef NAME
#undef T
#undef U
#undef FIELD
#undef KIND
#undef FROM_TEXT
#undef TO_TEXT
#undef GET
#undef PUT
#undef SIGN_BIT
