#include "types/key.h"

#include "base/error.h"

// The byte before each column's key: NULL is below or above every value.
enum { KEY_NULL_FIRST = 0x00, KEY_VALUE = 0x01, KEY_NULL_LAST = 0x02 };

static const TypeOps *column_ops(const KeyColumn *column) {
    const TypeOps *ops = type_ops(column->type);
    ASSERT(ops != NULL && ops->key_append != NULL); // the catalog refuses such an index
    return ops;
}

// Bytes of every key of the type, or 0 when they vary.
static uint32_t ops_key_width(const TypeOps *ops) {
    return ops->physical == PHYSICAL_VIEW ? 0 : physical_width[ops->physical];
}

// One narrow column that cannot be NULL is its bytes alone.
static bool format_is_bare(const KeyFormat *format) {
    if (format->column_count != 1 || format->columns[0].is_nullable) return false;
    uint32_t width = ops_key_width(column_ops(&format->columns[0]));
    return width > 0 && width <= 8;
}

uint32_t key_format_width(const KeyFormat *format) {
    bool is_bare = format_is_bare(format);
    uint32_t total = 0;
    for (uint32_t i = 0; i < format->column_count; i++) {
        const KeyColumn *column = &format->columns[i];
        uint32_t width = ops_key_width(column_ops(column));
        if (width == 0 || column->is_nullable) return 0;
        total += width + !is_bare;
    }
    return total;
}

static void complement(uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)~bytes[i];
    }
}

void key_append(const KeyFormat *format, const Value *values, Text *key) {
    key_append_prefix(format, format->column_count, values, key);
}

void key_append_prefix(
    const KeyFormat *format, uint32_t column_count, const Value *values, Text *key) {
    ASSERT(column_count <= format->column_count);
    bool is_bare = format_is_bare(format);
    for (uint32_t i = 0; i < column_count; i++) {
        const KeyColumn *column = &format->columns[i];
        if (values[i].is_null) {
            ASSERT(column->is_nullable);
            text_append_u8(key, column->nulls_first ? KEY_NULL_FIRST : KEY_NULL_LAST);
            continue;
        }
        if (!is_bare) text_append_u8(key, KEY_VALUE);
        size_t start = key->count;
        column_ops(column)->key_append(&values[i].datum, key);
        if (column->is_descending) complement((uint8_t *)key->data + start, key->count - start);
    }
}

bool key_format_is_invertible(const KeyFormat *format) {
    for (uint32_t i = 0; i < format->column_count; i++) {
        const TypeOps *ops = column_ops(&format->columns[i]);
        if (!ops->key_is_invertible || ops->key_take == NULL) return false;
    }
    return true;
}

// Takes a column that was complemented: what is left of the key is turned back in a copy, because
// only the type knows how long its part is.
static bool take_descending(const TypeOps *ops, Bytes *key, Arena *arena, Datum *datum_out) {
    uint32_t width = ops_key_width(ops);
    size_t count = width > 0 && width < key->count ? width : key->count;
    uint8_t *turned = arena_copy_bytes(arena, key->data, count);
    complement(turned, count);
    Bytes rest = bytes_make(turned, count);
    if (!ops->key_take(&rest, arena, datum_out)) return false;
    size_t taken = count - rest.count;
    *key = bytes_make(key->data + taken, key->count - taken);
    return true;
}

bool key_decode(const KeyFormat *format, Bytes key, Arena *arena, Value *values_out) {
    bool is_bare = format_is_bare(format);
    for (uint32_t i = 0; i < format->column_count; i++) {
        const KeyColumn *column = &format->columns[i];
        const TypeOps *ops = column_ops(column);
        if (ops->key_take == NULL) return false;
        Value value = {0};
        if (!is_bare) {
            uint8_t mark;
            if (!bytes_take_u8(&key, &mark)) return false;
            value.is_null = mark != KEY_VALUE;
            uint8_t null_mark = column->nulls_first ? KEY_NULL_FIRST : KEY_NULL_LAST;
            if (value.is_null && (mark != null_mark || !column->is_nullable)) return false;
        }
        if (!value.is_null) {
            bool was_taken = column->is_descending ? take_descending(ops, &key, arena, &value.datum)
                                                   : ops->key_take(&key, arena, &value.datum);
            if (!was_taken) return false;
        }
        values_out[i] = value;
    }
    return key.count == 0;
}

void key_successor(Text *prefix) {
    while (prefix->count > 0 && (uint8_t)prefix->data[prefix->count - 1] == 0xFF) {
        prefix->count--;
    }
    if (prefix->count > 0) {
        uint8_t *last = (uint8_t *)prefix->data + prefix->count - 1;
        *last = (uint8_t)(*last + 1);
    }
    if (prefix->capacity > 0) prefix->data[prefix->count] = '\0';
}
