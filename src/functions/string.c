// Functions of text: lengths, parts, padding, search and replacement. Positions count characters
// from 1.
#include "base/error.h"
#include "base/utf8.h"
#include "functions/kernels_internal.h"

static size_t char_count(Bytes text) {
    return utf8_char_count((const char *)text.data, text.count);
}

// Byte offset of a character, from 0; the end when there are fewer.
static size_t offset_of(Bytes text, int64_t char_index) {
    if (char_index <= 0) return 0;
    if ((uint64_t)char_index >= text.count) return text.count;
    return utf8_byte_offset((const char *)text.data, text.count, (size_t)char_index);
}

static Status fail_too_large(void) {
    return fail(PROGRAM_LIMIT_EXCEEDED, "requested length too large");
}

// ---- Lengths
// -------------------------------------------------------------------------------------

Status kernel_textlen(Call *call) {
    FOR_EACH_ROW(call, row) {
        RESULT(call, int32_t, row) = (int32_t)char_count(argument_bytes(call, 0, row));
    }
    return OK;
}

static Bytes without_trailing_blanks(Bytes text) {
    while (text.count > 0 && text.data[text.count - 1] == ' ')
        text.count--;
    return text;
}

Status kernel_bpcharlen(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes text = without_trailing_blanks(argument_bytes(call, 0, row));
        RESULT(call, int32_t, row) = (int32_t)char_count(text);
    }
    return OK;
}

Status kernel_octets(Call *call) {
    FOR_EACH_ROW(call, row) {
        RESULT(call, int32_t, row) = (int32_t)argument_bytes(call, 0, row).count;
    }
    return OK;
}

Status kernel_bits(Call *call) {
    FOR_EACH_ROW(call, row) {
        RESULT(call, int32_t, row) = (int32_t)argument_bytes(call, 0, row).count * 8;
    }
    return OK;
}

// ---- Parts
// ---------------------------------------------------------------------------------------

// Characters `start` to `end` - 1, both counted from 1 and clipped to the text.
static Bytes text_slice(Bytes text, int64_t start, int64_t end) {
    if (start < 1) start = 1;
    if (end <= start) return bytes_make(text.data, 0);
    size_t first = offset_of(text, start - 1);
    Bytes rest = bytes_make(text.data + first, text.count - first);
    return bytes_make(rest.data, offset_of(rest, end - start));
}

Status kernel_text_substr(Call *call) {
    FOR_EACH_ROW(call, row) {
        int64_t start = argument_int4(call, 1, row), length = argument_int4(call, 2, row);
        if (length < 0) return fail(SUBSTRING_ERROR, "negative substring length not allowed");
        Bytes part = text_slice(argument_bytes(call, 0, row), start, start + length);
        result_set_bytes(call, row, part.data, part.count);
    }
    return OK;
}

Status kernel_text_substr_no_len(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes part =
            text_slice(argument_bytes(call, 0, row), argument_int4(call, 1, row), INT64_MAX);
        result_set_bytes(call, row, part.data, part.count);
    }
    return OK;
}

// A negative count leaves out that many at the other end.
Status kernel_text_left(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes text = argument_bytes(call, 0, row);
        int64_t count = argument_int4(call, 1, row);
        if (count < 0) count = (int64_t)char_count(text) + count;
        result_set_bytes(call, row, text.data, offset_of(text, count));
    }
    return OK;
}

Status kernel_text_right(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes text = argument_bytes(call, 0, row);
        int64_t count = argument_int4(call, 1, row);
        int64_t skipped = count < 0 ? -count : (int64_t)char_count(text) - count;
        size_t first = offset_of(text, skipped);
        result_set_bytes(call, row, text.data + first, text.count - first);
    }
    return OK;
}

static Status overlay(Call *call, uint32_t row, int32_t start, int64_t length) {
    if (start <= 0) return fail(SUBSTRING_ERROR, "negative substring length not allowed");
    int64_t after = (int64_t)start + length;
    if (after > INT32_MAX) return FAIL_INT4(FAILURE_RANGE);
    Bytes text = argument_bytes(call, 0, row), inserted = argument_bytes(call, 1, row);
    Bytes head = text_slice(text, 1, start), tail = text_slice(text, after, INT64_MAX);
    Text result;
    text_init(&result, call->arena);
    text_append(&result, head.data, head.count);
    text_append(&result, inserted.data, inserted.count);
    text_append(&result, tail.data, tail.count);
    result_set_text(call, row, &result);
    return OK;
}

Status kernel_textoverlay(Call *call) {
    FOR_EACH_ROW(call, row) {
        TRY(overlay(call, row, argument_int4(call, 2, row), argument_int4(call, 3, row)));
    }
    return OK;
}

Status kernel_textoverlay_no_len(Call *call) {
    FOR_EACH_ROW(call, row) {
        int64_t length = (int64_t)char_count(argument_bytes(call, 1, row));
        TRY(overlay(call, row, argument_int4(call, 2, row), length));
    }
    return OK;
}

// The n-th field between separators; a negative n counts from the end.
static Bytes split_field(Bytes text, Bytes separator, int32_t wanted) {
    Bytes none = bytes_make(text.data, 0);
    if (text.count == 0) return none;
    if (separator.count == 0) return wanted == 1 || wanted == -1 ? text : none;
    if (wanted < 0) {
        int64_t fields = 1;
        const uint8_t *at = text.data, *end = text.data + text.count;
        while ((at = memmem(at, (size_t)(end - at), separator.data, separator.count)) != NULL) {
            fields++;
            at += separator.count;
        }
        if (fields + wanted < 0) return none;
        wanted = (int32_t)(fields + wanted + 1);
    }
    const uint8_t *at = text.data, *end = text.data + text.count;
    for (int32_t field = 1;; field++) {
        const uint8_t *found = memmem(at, (size_t)(end - at), separator.data, separator.count);
        if (field == wanted) return bytes_make(at, (size_t)((found == NULL ? end : found) - at));
        if (found == NULL) return none;
        at = found + separator.count;
    }
}

Status kernel_split_part(Call *call) {
    FOR_EACH_ROW(call, row) {
        int32_t wanted = argument_int4(call, 2, row);
        if (wanted == 0) return fail(INVALID_PARAMETER_VALUE, "field position must not be zero");
        Bytes field =
            split_field(argument_bytes(call, 0, row), argument_bytes(call, 1, row), wanted);
        result_set_bytes(call, row, field.data, field.count);
    }
    return OK;
}

// ---- Trimming
// ------------------------------------------------------------------------------------

static bool set_has(Bytes set, const uint8_t *character, size_t bytes) {
    for (size_t i = 0; i < set.count; i += utf8_char_bytes(set.data[i])) {
        if (utf8_char_bytes(set.data[i]) == bytes && memcmp(set.data + i, character, bytes) == 0) {
            return true;
        }
    }
    return false;
}

static Bytes trim(Bytes text, Bytes set, bool at_start, bool at_end) {
    while (at_start && text.count > 0) {
        size_t bytes = utf8_char_bytes(text.data[0]);
        if (!set_has(set, text.data, bytes)) break;
        text = bytes_make(text.data + bytes, text.count - bytes);
    }
    while (at_end && text.count > 0) {
        size_t last = text.count - 1;
        while (last > 0 && (text.data[last] & 0xC0) == 0x80)
            last--;
        if (!set_has(set, text.data + last, text.count - last)) break;
        text.count = last;
    }
    return text;
}

static Status trim_rows(Call *call, bool at_start, bool at_end) {
    FOR_EACH_ROW(call, row) {
        Bytes set = call->argument_count > 1 ? argument_bytes(call, 1, row) : bytes_from_text(" ");
        Bytes rest = trim(argument_bytes(call, 0, row), set, at_start, at_end);
        result_set_bytes(call, row, rest.data, rest.count);
    }
    return OK;
}

Status kernel_btrim(Call *call) {
    return trim_rows(call, true, true);
}

Status kernel_ltrim(Call *call) {
    return trim_rows(call, true, false);
}

Status kernel_rtrim(Call *call) {
    return trim_rows(call, false, true);
}

// ---- Padding, repetition, order
// ------------------------------------------------------------------

static Status pad(Call *call, bool at_start) {
    FOR_EACH_ROW(call, row) {
        Bytes text = argument_bytes(call, 0, row);
        Bytes fill = call->argument_count > 2 ? argument_bytes(call, 2, row) : bytes_from_text(" ");
        int64_t length = argument_int4(call, 1, row);
        if (length < 0) length = 0;
        if ((size_t)length * 4 > VALUE_BYTES_MAX) return fail_too_large();
        int64_t has = (int64_t)char_count(text);
        if (has >= length || fill.count == 0) {
            result_set_bytes(call, row, text.data, offset_of(text, length));
            continue;
        }
        int64_t fill_chars = (int64_t)char_count(fill), missing = length - has;
        Text result;
        text_init(&result, call->arena);
        if (!at_start) text_append(&result, text.data, text.count);
        for (; missing >= fill_chars; missing -= fill_chars) {
            text_append(&result, fill.data, fill.count);
        }
        text_append(&result, fill.data, offset_of(fill, missing));
        if (at_start) text_append(&result, text.data, text.count);
        result_set_text(call, row, &result);
    }
    return OK;
}

Status kernel_lpad(Call *call) {
    return pad(call, true);
}

Status kernel_rpad(Call *call) {
    return pad(call, false);
}

Status kernel_repeat(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes text = argument_bytes(call, 0, row);
        int64_t count = argument_int4(call, 1, row);
        if (count < 0) count = 0;
        if ((size_t)count * text.count > VALUE_BYTES_MAX) return fail_too_large();
        void *memory;
        size_t bytes = (size_t)count * text.count;
        TRY(arena_try_allocate(call->arena, bytes + 1, 1, &memory));
        for (int64_t i = 0; i < count && text.count > 0; i++) {
            memcpy((char *)memory + (size_t)i * text.count, text.data, text.count);
        }
        result_set_bytes(call, row, memory, bytes);
    }
    return OK;
}

Status kernel_text_reverse(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes text = argument_bytes(call, 0, row);
        uint8_t *reversed = arena_allocate(call->arena, text.count + 1, 1);
        uint8_t *end = reversed + text.count;
        for (size_t i = 0; i < text.count;) {
            size_t bytes = utf8_char_bytes(text.data[i]);
            end -= bytes;
            memcpy(end, text.data + i, bytes);
            i += bytes;
        }
        result_set_bytes(call, row, reversed, text.count);
    }
    return OK;
}

// ---- Search and replacement
// ----------------------------------------------------------------------

Status kernel_textpos(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes text = argument_bytes(call, 0, row), wanted = argument_bytes(call, 1, row);
        const uint8_t *found = wanted.count == 0
                                   ? text.data
                                   : memmem(text.data, text.count, wanted.data, wanted.count);
        RESULT(call, int32_t, row) =
            found == NULL
                ? 0
                : (int32_t)char_count(bytes_make(text.data, (size_t)(found - text.data))) + 1;
    }
    return OK;
}

Status kernel_text_starts_with(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes text = argument_bytes(call, 0, row), prefix = argument_bytes(call, 1, row);
        RESULT(call, bool, row) =
            text.count >= prefix.count && bytes_equal(bytes_make(text.data, prefix.count), prefix);
    }
    return OK;
}

Status kernel_replace_text(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes text = argument_bytes(call, 0, row), from = argument_bytes(call, 1, row);
        Bytes to = argument_bytes(call, 2, row);
        const uint8_t *at = text.data, *end = text.data + text.count;
        const uint8_t *found =
            from.count == 0 ? NULL : memmem(at, text.count, from.data, from.count);
        if (found == NULL) {
            result_set_bytes(call, row, text.data, text.count);
            continue;
        }
        Text result;
        text_init(&result, call->arena);
        while (found != NULL) {
            text_append(&result, at, (size_t)(found - at));
            text_append(&result, to.data, to.count);
            at = found + from.count;
            found = memmem(at, (size_t)(end - at), from.data, from.count);
        }
        text_append(&result, at, (size_t)(end - at));
        result_set_text(call, row, &result);
    }
    return OK;
}

Status kernel_translate(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes text = argument_bytes(call, 0, row), from = argument_bytes(call, 1, row);
        Bytes to = argument_bytes(call, 2, row);
        Text result;
        text_init(&result, call->arena);
        for (size_t i = 0; i < text.count;) {
            size_t bytes = utf8_char_bytes(text.data[i]);
            size_t in_from = 0, in_to = 0;
            while (in_from < from.count) {
                size_t from_bytes = utf8_char_bytes(from.data[in_from]);
                if (from_bytes == bytes && memcmp(from.data + in_from, text.data + i, bytes) == 0) {
                    break;
                }
                in_from += from_bytes;
                if (in_to < to.count) in_to += utf8_char_bytes(to.data[in_to]);
            }
            if (in_from == from.count) {
                text_append(&result, text.data + i, bytes);
            } else if (in_to < to.count) {
                text_append(&result, to.data + in_to, utf8_char_bytes(to.data[in_to]));
            }
            i += bytes;
        }
        result_set_text(call, row, &result);
    }
    return OK;
}

// ---- Concatenation
// -------------------------------------------------------------------------------

Status kernel_textcat(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes left = argument_bytes(call, 0, row), right = argument_bytes(call, 1, row);
        size_t bytes = left.count + right.count;
        if (bytes > VALUE_BYTES_MAX) return fail_too_large();
        uint8_t *both = arena_allocate(call->arena, bytes + 1, 1);
        if (left.count > 0) memcpy(both, left.data, left.count);
        if (right.count > 0) memcpy(both + left.count, right.data, right.count);
        result_set_bytes(call, row, both, bytes);
    }
    return OK;
}

static Status append_argument(Call *call, uint32_t index, uint32_t row, Text *out) {
    Value value = column_get(&call->arguments[index], row);
    return value_to_text(&call->context->values, call->argument_types[index], &value, out);
}

// text || anything and anything || text, which PostgreSQL defines in SQL.
Status kernel_cat_any(Call *call) {
    FOR_EACH_ROW(call, row) {
        Text result;
        text_init(&result, call->arena);
        TRY(append_argument(call, 0, row, &result));
        TRY(append_argument(call, 1, row, &result));
        result_set_text(call, row, &result);
    }
    return OK;
}

Status kernel_text_concat(Call *call) {
    FOR_EACH_ROW(call, row) {
        Text result;
        text_init(&result, call->arena);
        for (uint32_t i = 0; i < call->argument_count; i++) {
            if (column_is_null(&call->arguments[i], row)) continue;
            TRY(append_argument(call, i, row, &result));
        }
        result_set_text(call, row, &result);
    }
    return OK;
}

Status kernel_text_concat_ws(Call *call) {
    FOR_EACH_ROW(call, row) {
        if (column_is_null(&call->arguments[0], row)) {
            result_set_null(call, row);
            continue;
        }
        Bytes separator = argument_bytes(call, 0, row);
        Text result;
        text_init(&result, call->arena);
        bool is_first = true;
        for (uint32_t i = 1; i < call->argument_count; i++) {
            if (column_is_null(&call->arguments[i], row)) continue;
            if (!is_first) text_append(&result, separator.data, separator.count);
            is_first = false;
            TRY(append_argument(call, i, row, &result));
        }
        result_set_text(call, row, &result);
    }
    return OK;
}

// ---- Single characters
// ---------------------------------------------------------------------------

Status kernel_ascii(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes text = argument_bytes(call, 0, row);
        RESULT(call, int32_t, row) =
            text.count == 0 ? 0 : (int32_t)utf8_decode((const char *)text.data);
    }
    return OK;
}

Status kernel_chr(Call *call) {
    FOR_EACH_ROW(call, row) {
        int32_t code_point = argument_int4(call, 0, row);
        if (code_point < 0) {
            return fail(INVALID_PARAMETER_VALUE, "character number must be positive");
        }
        if (code_point == 0) return fail(PROGRAM_LIMIT_EXCEEDED, "null character not permitted");
        if (code_point > 0x10FFFF) {
            return fail(PROGRAM_LIMIT_EXCEEDED, "requested character too large for encoding: %u",
                (unsigned)code_point);
        }
        char encoded[4];
        uint32_t bytes = utf8_encode((uint32_t)code_point, encoded);
        if (bytes == 0) {
            return fail(PROGRAM_LIMIT_EXCEEDED, "requested character not valid for encoding: %u",
                (unsigned)code_point);
        }
        result_set_bytes(call, row, encoded, bytes); // inline in the view
    }
    return OK;
}

static Status to_hex(Call *call, uint32_t row, uint64_t value) {
    char digits[16];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value != 0);
    size_t count = sizeof digits - at;
    result_set_bytes(call, row, arena_copy_bytes(call->arena, digits + at, count), count);
    return OK;
}

Status kernel_to_hex32(Call *call) {
    FOR_EACH_ROW(call, row) TRY(to_hex(call, row, (uint32_t)argument_int4(call, 0, row)));
    return OK;
}

Status kernel_to_hex64(Call *call) {
    FOR_EACH_ROW(call, row) TRY(to_hex(call, row, (uint64_t)ARGUMENT(call, 0, int64_t, row)));
    return OK;
}

// ---- Casts among the text types
// ------------------------------------------------------------------

Status kernel_same_bytes(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes text = argument_bytes(call, 0, row);
        result_set_bytes(call, row, text.data, text.count);
    }
    return OK;
}

enum { NAME_BYTES_MAX = 63 };

Status kernel_text_name(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes text = argument_bytes(call, 0, row);
        if (call->arguments[0].type == TYPE_BPCHAR) text = without_trailing_blanks(text);
        size_t bytes = utf8_clip((const char *)text.data, text.count, NAME_BYTES_MAX);
        result_set_bytes(call, row, text.data, bytes);
    }
    return OK;
}

Status kernel_booltext(Call *call) {
    FOR_EACH_ROW(call, row) {
        RESULT(call, View, row) = view_from_text(ARGUMENT(call, 0, bool, row) ? "true" : "false");
    }
    return OK;
}

Status kernel_char_text(Call *call) {
    FOR_EACH_ROW(call, row) {
        Datum datum = {.int1 = ARGUMENT(call, 0, int8_t, row)};
        Text text;
        text_init(&text, call->arena);
        TRY(value_to_text(&call->context->values, TYPE_CHAR, &(Value){.datum = datum}, &text));
        result_set_text(call, row, &text);
    }
    return OK;
}

Status kernel_text_char(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes text = argument_bytes(call, 0, row);
        Value value;
        TRY(value_from_text(&call->context->values, sql_type(TYPE_CHAR), (const char *)text.data,
            text.count, call->arena, &value));
        RESULT(call, int8_t, row) = value.datum.int1;
    }
    return OK;
}

// varchar(varchar, integer, boolean) and its kind: a modifier applied as a function.
Status kernel_apply_modifier(Call *call) {
    const TypeOps *ops;
    TRY(type_ops_require(call->arguments[0].type, &ops));
    FOR_EACH_ROW(call, row) {
        Value value = column_get(&call->arguments[0], row);
        int32_t modifier = argument_int4(call, 1, row);
        bool is_explicit = call->argument_count < 3 || ARGUMENT(call, 2, bool, row);
        if (modifier != -1 && ops->modifier_apply != NULL) {
            TRY(ops->modifier_apply(
                &value.datum, modifier, is_explicit, call->arena, &value.datum));
        }
        column_set(call->result, call->arena, row, &value);
    }
    return OK;
}
