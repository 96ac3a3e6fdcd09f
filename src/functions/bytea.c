// Functions of bytea; encode, decode and md5.
//
// Source  RFC 1321 (MD5), RFC 4648 (base64).
#include "base/error.h"
#include "base/utf8.h"
#include "functions/kernels_internal.h"

// ---- Parts
// ---------------------------------------------------------------------------------------

static Bytes bytes_slice(Bytes bytes, int64_t start, int64_t end) {
    if (start < 1) start = 1;
    if (end > (int64_t)bytes.count + 1) end = (int64_t)bytes.count + 1;
    if (end <= start) return bytes_make(bytes.data, 0);
    return bytes_make(bytes.data + start - 1, (size_t)(end - start));
}

Status kernel_bytea_substr(Call *call) {
    FOR_EACH_ROW(call, row) {
        int64_t start = argument_int4(call, 1, row), length = argument_int4(call, 2, row);
        if (length < 0) return fail(SUBSTRING_ERROR, "negative substring length not allowed");
        Bytes part = bytes_slice(argument_bytes(call, 0, row), start, start + length);
        result_set_bytes(call, row, part.data, part.count);
    }
    return OK;
}

Status kernel_bytea_substr_no_len(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes part =
            bytes_slice(argument_bytes(call, 0, row), argument_int4(call, 1, row), INT64_MAX);
        result_set_bytes(call, row, part.data, part.count);
    }
    return OK;
}

Status kernel_byteapos(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes bytes = argument_bytes(call, 0, row), wanted = argument_bytes(call, 1, row);
        const uint8_t *found = wanted.count == 0
                                   ? bytes.data
                                   : memmem(bytes.data, bytes.count, wanted.data, wanted.count);
        RESULT(call, int32_t, row) = found == NULL ? 0 : (int32_t)(found - bytes.data) + 1;
    }
    return OK;
}

static Status overlay(Call *call, uint32_t row, int32_t start, int64_t length) {
    if (start <= 0) return fail(SUBSTRING_ERROR, "negative substring length not allowed");
    int64_t after = (int64_t)start + length;
    if (after > INT32_MAX) return FAIL_INT4(FAILURE_RANGE);
    Bytes bytes = argument_bytes(call, 0, row), inserted = argument_bytes(call, 1, row);
    Bytes head = bytes_slice(bytes, 1, start), tail = bytes_slice(bytes, after, INT64_MAX);
    Text result;
    text_init(&result, call->arena);
    text_append(&result, head.data, head.count);
    text_append(&result, inserted.data, inserted.count);
    text_append(&result, tail.data, tail.count);
    result_set_text(call, row, &result);
    return OK;
}

Status kernel_byteaoverlay(Call *call) {
    FOR_EACH_ROW(call, row) {
        TRY(overlay(call, row, argument_int4(call, 2, row), argument_int4(call, 3, row)));
    }
    return OK;
}

Status kernel_byteaoverlay_no_len(Call *call) {
    FOR_EACH_ROW(call, row) {
        int64_t length = (int64_t)argument_bytes(call, 1, row).count;
        TRY(overlay(call, row, argument_int4(call, 2, row), length));
    }
    return OK;
}

static Status trim_bytes(Call *call, bool at_start, bool at_end) {
    FOR_EACH_ROW(call, row) {
        Bytes bytes = argument_bytes(call, 0, row), set = argument_bytes(call, 1, row);
        while (at_start && bytes.count > 0 && set.count > 0
               && memchr(set.data, bytes.data[0], set.count) != NULL) {
            bytes = bytes_make(bytes.data + 1, bytes.count - 1);
        }
        while (at_end && bytes.count > 0 && set.count > 0
               && memchr(set.data, bytes.data[bytes.count - 1], set.count) != NULL) {
            bytes.count--;
        }
        result_set_bytes(call, row, bytes.data, bytes.count);
    }
    return OK;
}

Status kernel_byteatrim(Call *call) {
    return trim_bytes(call, true, true);
}

Status kernel_bytealtrim(Call *call) {
    return trim_bytes(call, true, false);
}

Status kernel_byteartrim(Call *call) {
    return trim_bytes(call, false, true);
}

// ---- Single bytes and bits
// -----------------------------------------------------------------------

static Status check_index(int64_t index, int64_t count) {
    if (index >= 0 && index < count) return OK;
    return fail(ARRAY_SUBSCRIPT_ERROR, "index %lld out of valid range, 0..%lld", (long long)index,
        (long long)count - 1);
}

Status kernel_byteaGetByte(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes bytes = argument_bytes(call, 0, row);
        int32_t index = argument_int4(call, 1, row);
        TRY(check_index(index, (int64_t)bytes.count));
        RESULT(call, int32_t, row) = bytes.data[index];
    }
    return OK;
}

Status kernel_byteaGetBit(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes bytes = argument_bytes(call, 0, row);
        int64_t index = ARGUMENT(call, 1, int64_t, row);
        TRY(check_index(index, (int64_t)bytes.count * 8));
        RESULT(call, int32_t, row) = bytes.data[index / 8] >> (index % 8) & 1;
    }
    return OK;
}

Status kernel_byteaSetByte(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes bytes = argument_bytes(call, 0, row);
        int32_t index = argument_int4(call, 1, row);
        TRY(check_index(index, (int64_t)bytes.count));
        uint8_t *copy = arena_copy_bytes(call->arena, bytes.data, bytes.count);
        copy[index] = (uint8_t)argument_int4(call, 2, row);
        result_set_bytes(call, row, copy, bytes.count);
    }
    return OK;
}

Status kernel_byteaSetBit(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes bytes = argument_bytes(call, 0, row);
        int64_t index = ARGUMENT(call, 1, int64_t, row);
        int32_t bit = argument_int4(call, 2, row);
        TRY(check_index(index, (int64_t)bytes.count * 8));
        if (bit != 0 && bit != 1) return fail(INVALID_PARAMETER_VALUE, "new bit must be 0 or 1");
        uint8_t *copy = arena_copy_bytes(call->arena, bytes.data, bytes.count);
        uint8_t mask = (uint8_t)(1U << (index % 8));
        copy[index / 8] = (uint8_t)(bit == 1 ? copy[index / 8] | mask : copy[index / 8] & ~mask);
        result_set_bytes(call, row, copy, bytes.count);
    }
    return OK;
}

Status kernel_bytea_bit_count(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes bytes = argument_bytes(call, 0, row);
        int64_t count = 0;
        for (size_t i = 0; i < bytes.count; i++)
            count += __builtin_popcount(bytes.data[i]);
        RESULT(call, int64_t, row) = count;
    }
    return OK;
}

// ---- encode and decode
// ---------------------------------------------------------------------------

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode_hex(Bytes bytes, Text *out) {
    for (size_t i = 0; i < bytes.count; i++) {
        text_append_char(out, "0123456789abcdef"[bytes.data[i] >> 4]);
        text_append_char(out, "0123456789abcdef"[bytes.data[i] & 15]);
    }
}

// With a line break after every 76 digits, as MIME has it.
static void encode_base64(Bytes bytes, Text *out) {
    uint32_t on_line = 0;
    for (size_t i = 0; i < bytes.count; i += 3) {
        if (on_line == 76) {
            text_append_char(out, '\n');
            on_line = 0;
        }
        size_t has = bytes.count - i < 3 ? bytes.count - i : 3;
        uint32_t group = (uint32_t)bytes.data[i] << 16;
        if (has > 1) group |= (uint32_t)bytes.data[i + 1] << 8;
        if (has > 2) group |= bytes.data[i + 2];
        text_append_char(out, base64_digits[group >> 18]);
        text_append_char(out, base64_digits[group >> 12 & 63]);
        text_append_char(out, has > 1 ? base64_digits[group >> 6 & 63] : '=');
        text_append_char(out, has > 2 ? base64_digits[group & 63] : '=');
        on_line += 4;
    }
}

static void encode_escape(Bytes bytes, Text *out) {
    for (size_t i = 0; i < bytes.count; i++) {
        uint8_t byte = bytes.data[i];
        if (byte == 0 || byte >= 0x80) {
            text_append_format(out, "\\%03o", (unsigned)byte);
        } else {
            if (byte == '\\') text_append_char(out, '\\');
            text_append_char(out, (char)byte);
        }
    }
}

static int hex_digit(uint8_t character) {
    if (character >= '0' && character <= '9') return character - '0';
    if (character >= 'a' && character <= 'f') return character - 'a' + 10;
    if (character >= 'A' && character <= 'F') return character - 'A' + 10;
    return -1;
}

static bool is_blank(uint8_t byte) {
    return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
}

static Status decode_hex(Bytes text, Text *out) {
    for (size_t i = 0; i < text.count;) {
        if (is_blank(text.data[i])) {
            i++;
            continue;
        }
        int digits[2];
        for (int j = 0; j < 2; j++, i++) {
            if (i == text.count) {
                return fail(
                    INVALID_PARAMETER_VALUE, "invalid hexadecimal data: odd number of digits");
            }
            digits[j] = hex_digit(text.data[i]);
            if (digits[j] < 0) {
                return fail(INVALID_PARAMETER_VALUE, "invalid hexadecimal digit: \"%.*s\"",
                    (int)utf8_char_bytes(text.data[i]), (const char *)text.data + i);
            }
        }
        text_append_char(out, (char)(digits[0] << 4 | digits[1]));
    }
    return OK;
}

static Status fail_base64_end(void) {
    Status status = fail(INVALID_PARAMETER_VALUE, "invalid base64 end sequence");
    error_add_hint("Input data is missing padding, is truncated, or is otherwise corrupted.");
    return status;
}

static Status decode_base64(Bytes text, Text *out) {
    uint32_t group = 0, position = 0, padding = 0;
    for (size_t i = 0; i < text.count; i++) {
        uint8_t byte = text.data[i];
        if (is_blank(byte)) continue;
        uint32_t digit = 0;
        if (byte == '=') {
            if (padding == 0 && position < 2) {
                return fail(
                    INVALID_PARAMETER_VALUE, "unexpected \"=\" while decoding base64 sequence");
            }
            padding++;
        } else {
            const char *found = byte == 0 ? NULL : strchr(base64_digits, byte);
            if (found == NULL || padding > 0) {
                return fail(INVALID_PARAMETER_VALUE,
                    "invalid symbol \"%.*s\" found while decoding base64 sequence",
                    (int)utf8_char_bytes(byte), (const char *)text.data + i);
            }
            digit = (uint32_t)(found - base64_digits);
        }
        group = group << 6 | digit;
        if (++position < 4) continue;
        text_append_char(out, (char)(group >> 16));
        if (padding < 2) text_append_char(out, (char)(group >> 8));
        if (padding < 1) text_append_char(out, (char)group);
        group = 0;
        position = 0;
        if (padding == 0) continue;
        padding = padding > 2 ? padding : 2;
    }
    return position == 0 ? OK : fail_base64_end();
}

static Status decode_escape(Bytes text, Text *out) {
    for (size_t i = 0; i < text.count; i++) {
        uint8_t byte = text.data[i];
        if (byte != '\\') {
            text_append_char(out, (char)byte);
            continue;
        }
        const uint8_t *next = text.data + i + 1;
        size_t left = text.count - i - 1;
        if (left >= 1 && next[0] == '\\') {
            text_append_char(out, '\\');
            i += 1;
        } else if (left >= 3 && next[0] >= '0' && next[0] <= '3' && next[1] >= '0' && next[1] <= '7'
                   && next[2] >= '0' && next[2] <= '7') {
            text_append_char(
                out, (char)((next[0] - '0') << 6 | (next[1] - '0') << 3 | (next[2] - '0')));
            i += 3;
        } else {
            return fail(INVALID_TEXT_REPRESENTATION, "invalid input syntax for type %s", "bytea");
        }
    }
    return OK;
}

static bool name_is(Bytes name, const char *wanted) {
    return name.count == strlen(wanted)
           && strncasecmp((const char *)name.data, wanted, name.count) == 0;
}

static Status fail_encoding(Bytes name) {
    return fail(INVALID_PARAMETER_VALUE, "unrecognized encoding: \"%.*s\"", (int)name.count,
        (const char *)name.data);
}

Status kernel_binary_encode(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes bytes = argument_bytes(call, 0, row), name = argument_bytes(call, 1, row);
        Text text;
        text_init(&text, call->arena);
        if (name_is(name, "hex")) {
            encode_hex(bytes, &text);
        } else if (name_is(name, "base64")) {
            encode_base64(bytes, &text);
        } else if (name_is(name, "escape")) {
            encode_escape(bytes, &text);
        } else {
            return fail_encoding(name);
        }
        result_set_text(call, row, &text);
    }
    return OK;
}

Status kernel_binary_decode(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes bytes = argument_bytes(call, 0, row), name = argument_bytes(call, 1, row);
        Text text;
        text_init(&text, call->arena);
        if (name_is(name, "hex")) {
            TRY(decode_hex(bytes, &text));
        } else if (name_is(name, "base64")) {
            TRY(decode_base64(bytes, &text));
        } else if (name_is(name, "escape")) {
            TRY(decode_escape(bytes, &text));
        } else {
            return fail_encoding(name);
        }
        result_set_text(call, row, &text);
    }
    return OK;
}

// convert_from and convert_to, between bytea and text: the only encoding is UTF-8.
static Status check_utf8_name(Bytes name) {
    if (name_is(name, "utf8") || name_is(name, "utf-8") || name_is(name, "unicode")) return OK;
    return fail(FEATURE_NOT_SUPPORTED, "encoding \"%.*s\" is not supported yet", (int)name.count,
        (const char *)name.data);
}

Status kernel_pg_convert_from(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes bytes = argument_bytes(call, 0, row);
        TRY(check_utf8_name(argument_bytes(call, 1, row)));
        TRY(utf8_check((const char *)bytes.data, bytes.count));
        result_set_bytes(call, row, bytes.data, bytes.count);
    }
    return OK;
}

Status kernel_pg_convert_to(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes bytes = argument_bytes(call, 0, row);
        TRY(check_utf8_name(argument_bytes(call, 1, row)));
        result_set_bytes(call, row, bytes.data, bytes.count);
    }
    return OK;
}

// ---- md5
// -----------------------------------------------------------------------------------------

// floor(2^32 x |sin(i + 1)|)
static const uint32_t md5_sines[64] = {0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf,
    0x4787c62a, 0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122,
    0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d,
    0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905,
    0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44,
    0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039,
    0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3,
    0x8f0ccc92, 0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82,
    0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
static const uint8_t md5_shifts[4][4] = {
    {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static void md5_block(uint32_t state[4], const uint8_t *block) {
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    for (uint32_t i = 0; i < 64; i++) {
        uint32_t mixed, word;
        switch (i / 16) {
        case 0:
            mixed = (b & c) | (~b & d), word = i;
            break;
        case 1:
            mixed = (d & b) | (~d & c), word = (5 * i + 1) & 15;
            break;
        case 2:
            mixed = b ^ c ^ d, word = (3 * i + 5) & 15;
            break;
        default:
            mixed = c ^ (b | ~d), word = (7 * i) & 15;
            break;
        }
        uint32_t sum = a + mixed + md5_sines[i] + get_u32_le(block + word * 4);
        uint32_t shift = md5_shifts[i / 16][i & 3];
        a = d;
        d = c;
        c = b;
        b += sum << shift | sum >> (32 - shift);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

static void md5(Bytes bytes, uint8_t digest_out[16]) {
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    size_t whole = bytes.count & ~(size_t)63;
    for (size_t i = 0; i < whole; i += 64)
        md5_block(state, bytes.data + i);
    uint8_t last[128] = {0};
    size_t rest = bytes.count - whole;
    if (rest > 0) memcpy(last, bytes.data + whole, rest);
    last[rest] = 0x80;
    size_t last_bytes = rest < 56 ? 64 : 128;
    put_u64_le(last + last_bytes - 8, (uint64_t)bytes.count * 8);
    for (size_t i = 0; i < last_bytes; i += 64)
        md5_block(state, last + i);
    for (int i = 0; i < 4; i++)
        put_u32_le(digest_out + 4 * i, state[i]);
}

Status kernel_md5(Call *call) {
    FOR_EACH_ROW(call, row) {
        uint8_t digest[16];
        md5(argument_bytes(call, 0, row), digest);
        Text text;
        text_init(&text, call->arena);
        encode_hex(bytes_make(digest, sizeof digest), &text);
        result_set_text(call, row, &text);
    }
    return OK;
}
