// The operations of one floating-point type.
//
// A template: define these, then include. Each inclusion defines NAME(ops).
//   NAME(x)     names of the functions             float8_##x
//   T, U        the C type, an integer as wide     double, uint64_t
//   FIELD       its member of Datum                float8
//   KIND        its physical kind                  PHYSICAL_FLOAT8
//   PARSE       of text, count, and a T *          float8_parse
//   APPEND      of a context, a T, and a Text *    float8_append
//   GET, PUT    big-endian access                  get_u64_be, text_append_u64_be
//   SIGN_BIT    of a U

static Status NAME(from_text)([[maybe_unused]] const ValueContext *context, const char *text,
    size_t count, [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena,
    Datum *datum_out) {
    T value;
    TRY(PARSE(text, count, &value));
    *datum_out = (Datum){.FIELD = value};
    return OK;
}

static void NAME(to_text)(const ValueContext *context, const Datum *datum, Text *out) {
    APPEND(context, datum->FIELD, out);
}

static Status NAME(from_binary)([[maybe_unused]] const ValueContext *context, Bytes bytes,
    [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    TRY(binary_check_count(bytes, sizeof(T)));
    U bits = GET(bytes.data);
    T value;
    memcpy(&value, &bits, sizeof value);
    *datum_out = (Datum){.FIELD = value};
    return OK;
}

static void NAME(to_binary)(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    U bits;
    memcpy(&bits, &datum->FIELD, sizeof bits);
    PUT(out, bits);
}

static int NAME(compare)(const Datum *a, const Datum *b) {
    return float8_compare_total((double)a->FIELD, (double)b->FIELD);
}

// The bits of the number that stands for all that are equal to it: one zero, one NaN.
static U NAME(canonical_bits)(T value) {
    if (value == 0) value = 0;
    if (isnan(value)) value = (T)NAN;
    U bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint64_t NAME(hash)(const Datum *datum) {
    return hash_u64(NAME(canonical_bits)(datum->FIELD));
}

// Negative numbers are complemented whole, so that more negative is smaller.
static void NAME(key_append)(const Datum *datum, Text *key) {
    U bits = NAME(canonical_bits)(datum->FIELD);
    PUT(key, (U)(bits & SIGN_BIT ? ~bits : bits | SIGN_BIT));
}

const TypeOps NAME(ops) = {
    .physical = KIND,
    .from_text = NAME(from_text),
    .to_text = NAME(to_text),
    .from_binary = NAME(from_binary),
    .to_binary = NAME(to_binary),
    .compare = NAME(compare),
    .hash = NAME(hash),
    .key_append = NAME(key_append),
};

#undef NAME
#undef T
#undef U
#undef FIELD
#undef KIND
#undef PARSE
#undef APPEND
#undef GET
#undef PUT
#undef SIGN_BIT
