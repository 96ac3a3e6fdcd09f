// Functions about values, the statement and the clock, and random ones.
#include "base/error.h"
#include "functions/kernels_internal.h"

Status kernel_now(Call *call) {
    FOR_EACH_ROW(call, row) RESULT(call, int64_t, row) = call->context->transaction_time_us;
    return OK;
}

Status kernel_statement_timestamp(Call *call) {
    FOR_EACH_ROW(call, row) RESULT(call, int64_t, row) = call->context->statement_time_us;
    return OK;
}

Status kernel_gen_random_uuid(Call *call) {
    FOR_EACH_ROW(call, row) {
        uint8_t *bytes = RESULT(call, Uuid, row).bytes;
        put_u64_le(bytes, random_next(call->context->random));
        put_u64_le(bytes + 8, random_next(call->context->random));
        bytes[6] = (uint8_t)((bytes[6] & 0x0F) | 0x40); // version 4
        bytes[8] = (uint8_t)((bytes[8] & 0x3F) | 0x80); // variant of RFC 4122
    }
    return OK;
}

Status kernel_setseed(Call *call) {
    FOR_EACH_ROW(call, row) {
        double seed = ARGUMENT(call, 0, double, row);
        if (!(seed >= -1 && seed <= 1)) {
            return fail(INVALID_PARAMETER_VALUE,
                "setseed parameter %g is out of allowed range [-1,1]", seed);
        }
        uint64_t bits;
        memcpy(&bits, &seed, sizeof bits);
        random_seed(call->context->random, bits);
    }
    return OK;
}

Status kernel_pg_typeof(Call *call) {
    FOR_EACH_ROW(call, row) RESULT(call, uint32_t, row) = call->argument_types[0];
    return OK;
}

// Bytes that PostgreSQL would store, uncompressed.
Status kernel_pg_column_size(Call *call) {
    const TypeInfo *info = type_find(call->argument_types[0]);
    FOR_EACH_ROW(call, row) {
        int32_t bytes = info == NULL ? -1 : info->length;
        if (bytes < 0) {
            size_t count = argument_bytes(call, 0, row).count;
            bytes = (int32_t)count + (bytes == -2 ? 1 : count < 127 ? 1 : 4);
        }
        RESULT(call, int32_t, row) = bytes;
    }
    return OK;
}

static Status count_nulls(Call *call, bool counts_nulls) {
    FOR_EACH_ROW(call, row) {
        int32_t count = 0;
        for (uint32_t i = 0; i < call->argument_count; i++) {
            count += column_is_null(&call->arguments[i], row) == counts_nulls;
        }
        RESULT(call, int32_t, row) = count;
    }
    return OK;
}

Status kernel_pg_num_nulls(Call *call) {
    return count_nulls(call, true);
}

Status kernel_pg_num_nonnulls(Call *call) {
    return count_nulls(call, false);
}

// format_type(oid, modifier), of built-in types; the catalog registers one that knows them all.
Status kernel_format_type(Call *call) {
    FOR_EACH_ROW(call, row) {
        if (column_is_null(&call->arguments[0], row)) {
            result_set_null(call, row);
            continue;
        }
        SqlType type = sql_type(ARGUMENT(call, 0, Oid, row));
        if (!column_is_null(&call->arguments[1], row)) {
            type.modifier = argument_int4(call, 1, row);
        }
        Text text;
        text_init(&text, call->arena);
        if (type.oid == 0) {
            text_append_char(&text, '-');
        } else {
            type_format(type, &text);
        }
        result_set_text(call, row, &text);
    }
    return OK;
}

// ---- Encodings, by PostgreSQL's numbers ---------------------------------------------------------

static const char *const encoding_names[] = {"SQL_ASCII", "EUC_JP", "EUC_CN", "EUC_KR", "EUC_TW",
    "EUC_JIS_2004", "UTF8", "MULE_INTERNAL", "LATIN1", "LATIN2", "LATIN3", "LATIN4", "LATIN5",
    "LATIN6", "LATIN7", "LATIN8", "LATIN9", "LATIN10", "WIN1256", "WIN1258", "WIN866", "WIN874",
    "KOI8R", "WIN1251", "WIN1252", "ISO_8859_5", "ISO_8859_6", "ISO_8859_7", "ISO_8859_8",
    "WIN1250", "WIN1253", "WIN1254", "WIN1255", "WIN1257", "KOI8U", "SJIS", "BIG5", "GBK", "UHC",
    "GB18030", "JOHAB", "SHIFT_JIS_2004"};

enum { ENCODING_COUNT = sizeof encoding_names / sizeof encoding_names[0] };

Status kernel_PG_encoding_to_char(Call *call) {
    FOR_EACH_ROW(call, row) {
        int32_t number = argument_int4(call, 0, row);
        const char *name = number >= 0 && number < ENCODING_COUNT ? encoding_names[number] : "";
        result_set_bytes(call, row, name, strlen(name));
    }
    return OK;
}

// Names count without their punctuation, in any case: "utf-8" is UTF8.
static bool encoding_matches(Bytes text, const char *name) {
    size_t i = 0;
    for (;; i++, name++) {
        while (i < text.count && (text.data[i] == '-' || text.data[i] == '_'))
            i++;
        while (*name == '_')
            name++;
        if (i == text.count || *name == 0) return i == text.count && *name == 0;
        uint8_t byte = text.data[i];
        if (byte >= 'a' && byte <= 'z') byte = (uint8_t)(byte - 32);
        if (byte != (uint8_t)*name) return false;
    }
}

Status kernel_PG_char_to_encoding(Call *call) {
    FOR_EACH_ROW(call, row) {
        Bytes text = argument_bytes(call, 0, row);
        int32_t number = -1;
        for (int32_t i = 0; i < ENCODING_COUNT && number < 0; i++) {
            if (encoding_matches(text, encoding_names[i])) number = i;
        }
        RESULT(call, int32_t, row) = number;
    }
    return OK;
}
