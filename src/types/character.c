// Types whose values are characters: text and its kin, varchar(n), bpchar(n), name, "char", unknown
// and cstring; and void, whose one value is the empty text.
//
// Format   A view of UTF-8 bytes without a zero, so one zero byte ends a key. bpchar is stored
//          blank-padded; trailing blanks do not count in its order, hash and key.
#include "base/hash.h"
#include "base/utf8.h"
#include "types/types_internal.h"

enum { NAME_BYTES_MAX = 63, CHARACTER_MODIFIER_BASE = 4, CHARACTER_COUNT_MAX = 10485760 };

// ---- text ---------------------------------------------------------------------------------------

static Status text_from_text([[maybe_unused]] const ValueContext *context, const char *text,
    size_t count, [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena,
    Datum *datum_out) {
    *datum_out = (Datum){.view = view_make(text, count)};
    return OK;
}

static void text_to_text(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    text_append(out, view_data(&datum->view), datum->view.count);
}

static Status text_from_binary(
    const ValueContext *context, Bytes bytes, int32_t modifier, Arena *arena, Datum *datum_out) {
    TRY(utf8_check((const char *)bytes.data, bytes.count));
    return text_from_text(
        context, (const char *)bytes.data, bytes.count, modifier, arena, datum_out);
}

static int text_compare(const Datum *a, const Datum *b) {
    return view_compare(&a->view, &b->view);
}

static uint64_t text_hash(const Datum *datum) {
    return hash_bytes(view_data(&datum->view), datum->view.count, 0);
}

static void text_key_append(const Datum *datum, Text *key) {
    text_append(key, view_data(&datum->view), datum->view.count);
    text_append_u8(key, 0);
}

static bool text_key_take(Bytes *key, Arena *arena, Datum *datum_out) {
    const uint8_t *zero = key->count > 0 ? memchr(key->data, 0, key->count) : NULL;
    if (zero == NULL) return false;
    size_t count = (size_t)(zero - key->data);
    *datum_out = (Datum){.view = view_make_copy(key->data, count, arena)};
    *key = bytes_make(zero + 1, key->count - count - 1);
    return true;
}

const TypeOps text_ops = {
    .physical = PHYSICAL_VIEW,
    .key_is_invertible = true,
    .from_text = text_from_text,
    .to_text = text_to_text,
    .from_binary = text_from_binary,
    .to_binary = text_to_text,
    .compare = text_compare,
    .hash = text_hash,
    .key_append = text_key_append,
    .key_take = text_key_take,
};

const TypeOps unknown_ops = {
    .physical = PHYSICAL_VIEW,
    .key_is_invertible = true,
    .from_text = text_from_text,
    .to_text = text_to_text,
    .from_binary = text_from_binary,
    .to_binary = text_to_text,
    .compare = text_compare,
    .hash = text_hash,
    .key_append = text_key_append,
    .key_take = text_key_take,
};

// ---- varchar(n) and bpchar(n) -------------------------------------------------------------------

static Status character_modifier_from_list(
    const char *type_name, const int32_t *list, size_t count, int32_t *modifier_out) {
    if (count != 1) return fail(INVALID_PARAMETER_VALUE, "invalid type modifier");
    if (list[0] < 1) {
        return fail(INVALID_PARAMETER_VALUE, "length for type %s must be at least 1", type_name);
    }
    if (list[0] > CHARACTER_COUNT_MAX) {
        return fail(INVALID_PARAMETER_VALUE, "length for type %s cannot exceed %d", type_name,
            CHARACTER_COUNT_MAX);
    }
    *modifier_out = list[0] + CHARACTER_MODIFIER_BASE;
    return OK;
}

static void character_modifier_to_text(int32_t modifier, Text *out) {
    if (modifier > CHARACTER_MODIFIER_BASE) {
        text_append_format(out, "(%d)", modifier - CHARACTER_MODIFIER_BASE);
    }
}

// The bytes of `view` that are its first `limit` characters. Blanks beyond them may always go;
// anything else only in an explicit cast.
static Status characters_clip(
    const View *view, size_t limit, bool is_explicit, const char *type_name, size_t *count_out) {
    const char *text = (const char *)view_data(view);
    *count_out = view->count;
    if (view->count <= limit) return OK;
    size_t kept = utf8_byte_offset(text, view->count, limit);
    for (size_t i = kept; i < view->count && !is_explicit; i++) {
        if (text[i] == ' ') continue;
        return fail(
            STRING_DATA_RIGHT_TRUNCATION, "value too long for type %s(%zu)", type_name, limit);
    }
    *count_out = kept;
    return OK;
}

static Status varchar_modifier_apply(const Datum *datum, int32_t modifier, bool is_explicit,
    [[maybe_unused]] Arena *arena, Datum *datum_out) {
    Datum result = *datum;
    if (modifier >= CHARACTER_MODIFIER_BASE) {
        size_t limit = (size_t)(modifier - CHARACTER_MODIFIER_BASE), kept;
        TRY(characters_clip(&datum->view, limit, is_explicit, "character varying", &kept));
        if (kept < datum->view.count) result.view = view_make(view_data(&datum->view), kept);
    }
    *datum_out = result;
    return OK;
}

static Status varchar_modifier_from_list(const int32_t *list, size_t count, int32_t *modifier_out) {
    return character_modifier_from_list("varchar", list, count, modifier_out);
}

static Status varchar_from_text([[maybe_unused]] const ValueContext *context, const char *text,
    size_t count, int32_t modifier, Arena *arena, Datum *datum_out) {
    Datum datum = {.view = view_make(text, count)};
    return varchar_modifier_apply(&datum, modifier, false, arena, datum_out);
}

static Status varchar_from_binary(
    const ValueContext *context, Bytes bytes, int32_t modifier, Arena *arena, Datum *datum_out) {
    TRY(utf8_check((const char *)bytes.data, bytes.count));
    return varchar_from_text(
        context, (const char *)bytes.data, bytes.count, modifier, arena, datum_out);
}

const TypeOps varchar_ops = {
    .physical = PHYSICAL_VIEW,
    .key_is_invertible = true,
    .from_text = varchar_from_text,
    .to_text = text_to_text,
    .from_binary = varchar_from_binary,
    .to_binary = text_to_text,
    .compare = text_compare,
    .hash = text_hash,
    .key_append = text_key_append,
    .key_take = text_key_take,
    .modifier_apply = varchar_modifier_apply,
    .modifier_from_list = varchar_modifier_from_list,
    .modifier_to_text = character_modifier_to_text,
};

static Bytes bpchar_significant(const View *view) {
    Bytes bytes = view_bytes(view);
    while (bytes.count > 0 && bytes.data[bytes.count - 1] == ' ') {
        bytes.count--;
    }
    return bytes;
}

static Status bpchar_modifier_apply(
    const Datum *datum, int32_t modifier, bool is_explicit, Arena *arena, Datum *datum_out) {
    Datum result = *datum;
    if (modifier >= CHARACTER_MODIFIER_BASE) {
        size_t limit = (size_t)(modifier - CHARACTER_MODIFIER_BASE), kept;
        const char *text = (const char *)view_data(&datum->view);
        TRY(characters_clip(&datum->view, limit, is_explicit, "character", &kept));
        size_t characters = utf8_char_count(text, kept);
        if (characters < limit) {
            size_t padded = kept + limit - characters;
            char *bytes = arena_allocate(arena, padded, 1);
            memcpy(bytes, text, kept);
            memset(bytes + kept, ' ', padded - kept);
            result.view = view_make(bytes, padded);
        } else if (kept < datum->view.count) {
            result.view = view_make(text, kept);
        }
    }
    *datum_out = result;
    return OK;
}

static Status bpchar_modifier_from_list(const int32_t *list, size_t count, int32_t *modifier_out) {
    return character_modifier_from_list("char", list, count, modifier_out);
}

static Status bpchar_from_text([[maybe_unused]] const ValueContext *context, const char *text,
    size_t count, int32_t modifier, Arena *arena, Datum *datum_out) {
    Datum datum = {.view = view_make(text, count)};
    return bpchar_modifier_apply(&datum, modifier, false, arena, datum_out);
}

static Status bpchar_from_binary(
    const ValueContext *context, Bytes bytes, int32_t modifier, Arena *arena, Datum *datum_out) {
    TRY(utf8_check((const char *)bytes.data, bytes.count));
    return bpchar_from_text(
        context, (const char *)bytes.data, bytes.count, modifier, arena, datum_out);
}

static int bpchar_compare(const Datum *a, const Datum *b) {
    return bytes_compare(bpchar_significant(&a->view), bpchar_significant(&b->view));
}

static uint64_t bpchar_hash(const Datum *datum) {
    Bytes bytes = bpchar_significant(&datum->view);
    return hash_bytes(bytes.data, bytes.count, 0);
}

static void bpchar_key_append(const Datum *datum, Text *key) {
    Bytes bytes = bpchar_significant(&datum->view);
    text_append(key, bytes.data, bytes.count);
    text_append_u8(key, 0);
}

const TypeOps bpchar_ops = {
    .physical = PHYSICAL_VIEW,
    .from_text = bpchar_from_text,
    .to_text = text_to_text,
    .from_binary = bpchar_from_binary,
    .to_binary = text_to_text,
    .compare = bpchar_compare,
    .hash = bpchar_hash,
    .key_append = bpchar_key_append,
    .modifier_apply = bpchar_modifier_apply,
    .modifier_from_list = bpchar_modifier_from_list,
    .modifier_to_text = character_modifier_to_text,
};

// ---- name ---------------------------------------------------------------------------------------

static Status name_from_text([[maybe_unused]] const ValueContext *context, const char *text,
    size_t count, [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena,
    Datum *datum_out) {
    if (count > NAME_BYTES_MAX) count = utf8_clip(text, count, NAME_BYTES_MAX);
    *datum_out = (Datum){.view = view_make(text, count)};
    return OK;
}

static Status name_from_binary(
    const ValueContext *context, Bytes bytes, int32_t modifier, Arena *arena, Datum *datum_out) {
    TRY(utf8_check((const char *)bytes.data, bytes.count));
    if (bytes.count > NAME_BYTES_MAX) {
        Status status = fail(NAME_TOO_LONG, "identifier too long");
        error_add_detail("Identifier must be less than %d characters.", NAME_BYTES_MAX + 1);
        return status;
    }
    return name_from_text(
        context, (const char *)bytes.data, bytes.count, modifier, arena, datum_out);
}

const TypeOps name_ops = {
    .physical = PHYSICAL_VIEW,
    .key_is_invertible = true,
    .from_text = name_from_text,
    .to_text = text_to_text,
    .from_binary = name_from_binary,
    .to_binary = text_to_text,
    .compare = text_compare,
    .hash = text_hash,
    .key_append = text_key_append,
    .key_take = text_key_take,
};

// ---- "char" -------------------------------------------------------------------------------------

static bool is_octal(char c) {
    return c >= '0' && c <= '7';
}

// The first byte; "\ooo" stands for a byte that is no character.
static Status char_from_text([[maybe_unused]] const ValueContext *context, const char *text,
    size_t count, [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena,
    Datum *datum_out) {
    int byte = count > 0 ? (unsigned char)text[0] : 0;
    if (count == 4 && text[0] == '\\' && is_octal(text[1]) && is_octal(text[2])
        && is_octal(text[3])) {
        byte = (text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0');
    }
    *datum_out = (Datum){.int1 = (int8_t)byte};
    return OK;
}

static void char_to_text(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    uint8_t byte = (uint8_t)datum->int1;
    if (byte >= 0x80) {
        text_append_format(out, "\\%03o", byte);
    } else if (byte != 0) {
        text_append_u8(out, byte);
    }
}

static Status char_from_binary([[maybe_unused]] const ValueContext *context, Bytes bytes,
    [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    TRY(binary_check_byte(bytes));
    *datum_out = (Datum){.int1 = (int8_t)bytes.data[0]};
    return OK;
}

static void char_to_binary(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    text_append_u8(out, (uint8_t)datum->int1);
}

static int char_compare(const Datum *a, const Datum *b) {
    return (uint8_t)a->int1 - (uint8_t)b->int1;
}

static uint64_t char_hash(const Datum *datum) {
    return hash_u64((uint8_t)datum->int1);
}

static void char_key_append(const Datum *datum, Text *key) {
    text_append_u8(key, (uint8_t)datum->int1);
}

static bool char_key_take(Bytes *key, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    uint8_t byte;
    if (!bytes_take_u8(key, &byte)) return false;
    *datum_out = (Datum){.int1 = (int8_t)byte};
    return true;
}

const TypeOps char_ops = {
    .physical = PHYSICAL_INT1,
    .key_is_invertible = true,
    .from_text = char_from_text,
    .to_text = char_to_text,
    .from_binary = char_from_binary,
    .to_binary = char_to_binary,
    .compare = char_compare,
    .hash = char_hash,
    .key_append = char_key_append,
    .key_take = char_key_take,
};

// ---- void ---------------------------------------------------------------------------------------

static Status void_from_text([[maybe_unused]] const ValueContext *context,
    [[maybe_unused]] const char *text, [[maybe_unused]] size_t count,
    [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena, Datum *datum_out) {
    *datum_out = (Datum){.view = {0}};
    return OK;
}

static Status void_from_binary([[maybe_unused]] const ValueContext *context,
    [[maybe_unused]] Bytes bytes, [[maybe_unused]] int32_t modifier, [[maybe_unused]] Arena *arena,
    Datum *datum_out) {
    *datum_out = (Datum){.view = {0}};
    return OK;
}

const TypeOps void_ops = {
    .physical = PHYSICAL_VIEW,
    .from_text = void_from_text,
    .to_text = text_to_text,
    .from_binary = void_from_binary,
    .to_binary = text_to_text,
};
