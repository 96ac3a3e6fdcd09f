#include "base/bytes.h"

#include "base/assert.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "formats are read as they lie in memory");

bool bytes_take_varint(Bytes *bytes, uint64_t *value_out) {
    uint64_t value = 0;
    for (size_t i = 0; i < 10 && i < bytes->count; i++) {
        uint64_t bits = bytes->data[i] & 0x7F;
        if (i == 9 && bits > 1) return false; // the tenth byte holds bit 63 alone
        value |= bits << (7 * i);
        if ((bytes->data[i] & 0x80) == 0) {
            bytes->data += i + 1;
            bytes->count -= i + 1;
            *value_out = value;
            return true;
        }
    }
    return false;
}

bool bytes_take(Bytes *bytes, size_t count, Bytes *taken_out) {
    if (bytes->count < count) return false;
    *taken_out = bytes_make(bytes->data, count);
    bytes->data += count;
    bytes->count -= count;
    return true;
}

bool bytes_take_u8(Bytes *bytes, uint8_t *value_out) {
    Bytes taken;
    if (!bytes_take(bytes, 1, &taken)) return false;
    *value_out = taken.data[0];
    return true;
}

bool bytes_take_u32_le(Bytes *bytes, uint32_t *value_out) {
    Bytes taken;
    if (!bytes_take(bytes, 4, &taken)) return false;
    *value_out = get_u32_le(taken.data);
    return true;
}

bool bytes_take_u64_le(Bytes *bytes, uint64_t *value_out) {
    Bytes taken;
    if (!bytes_take(bytes, 8, &taken)) return false;
    *value_out = get_u64_le(taken.data);
    return true;
}
