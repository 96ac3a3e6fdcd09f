#include "execute/key_table.h"

#include "base/error.h"
#include "base/hash.h"

enum { DIRECTORY_BITS_MIN = 8 };

Status key_types_init(KeyTypes *types, Arena *arena, const Oid *oids, uint32_t count) {
    const TypeOps **ops = arena_new_array(arena, const TypeOps *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        TRY(type_ops_require(oids[i], &ops[i]));
        if (ops[i]->compare == NULL || ops[i]->hash == NULL) {
            Text name;
            text_init(&name, arena);
            type_format(sql_type(oids[i]), &name);
            return fail(UNDEFINED_FUNCTION, "could not identify an equality operator for type %s",
                name.data);
        }
    }
    *types = (KeyTypes){.count = count, .oids = oids, .ops = ops};
    return OK;
}

static uint64_t hash_of(const TypeOps *ops, const Column *column, uint32_t row) {
    const uint8_t *at =
        (const uint8_t *)column->values + row * (size_t)physical_width[column->kind];
    switch (column->kind) {
    case PHYSICAL_BOOL:
    case PHYSICAL_INT1:
        return hash_u64(*at);
    case PHYSICAL_INT2:
        return hash_u64(get_u16_le(at));
    case PHYSICAL_INT4:
        return hash_u64(get_u32_le(at));
    case PHYSICAL_INT8:
        return hash_u64(get_u64_le(at));
    case PHYSICAL_FLOAT4:
    case PHYSICAL_FLOAT8:
    case PHYSICAL_UUID:
    case PHYSICAL_INTERVAL:
    case PHYSICAL_VIEW:
    case PHYSICAL_KIND_COUNT:
        break;
    }
    Datum datum;
    memcpy(&datum, at, physical_width[column->kind]);
    return ops->hash(&datum);
}

void key_types_hash(const KeyTypes *types, const Column *columns, Selection selection,
    uint64_t *hashes_out, bool *null_rows_out) {
    for (uint32_t i = 0; i < selection.count; i++) {
        hashes_out[i] = 0;
        if (null_rows_out != NULL) null_rows_out[i] = false;
    }
    for (uint32_t k = 0; k < types->count; k++) {
        const Column *column = &columns[k];
        for (uint32_t i = 0; i < selection.count; i++) {
            uint32_t row = selection_row(selection, i);
            uint64_t hash = 1;
            if (column_is_null(column, row)) {
                if (null_rows_out != NULL) null_rows_out[i] = true;
            } else {
                hash = hash_of(types->ops[k], column, column->is_constant ? 0 : row);
            }
            hashes_out[i] = k == 0 ? hash : hash_combine(hashes_out[i], hash);
        }
    }
}

static bool value_equal(
    const TypeOps *ops, const Column *a, uint32_t row_a, const Column *b, uint32_t row_b) {
    size_t width = physical_width[a->kind];
    const uint8_t *at_a = (const uint8_t *)a->values + (a->is_constant ? 0 : row_a) * width;
    const uint8_t *at_b = (const uint8_t *)b->values + (b->is_constant ? 0 : row_b) * width;
    switch (a->kind) {
    case PHYSICAL_INT4:
        return get_u32_le(at_a) == get_u32_le(at_b);
    case PHYSICAL_INT8:
        return get_u64_le(at_a) == get_u64_le(at_b);
    case PHYSICAL_BOOL:
    case PHYSICAL_INT1:
    case PHYSICAL_INT2:
        return memcmp(at_a, at_b, width) == 0;
    case PHYSICAL_FLOAT4:
    case PHYSICAL_FLOAT8:
    case PHYSICAL_UUID:
    case PHYSICAL_INTERVAL:
    case PHYSICAL_VIEW:
    case PHYSICAL_KIND_COUNT:
        break;
    }
    Datum datum_a, datum_b;
    memcpy(&datum_a, at_a, width);
    memcpy(&datum_b, at_b, width);
    return ops->compare(&datum_a, &datum_b) == 0;
}

bool key_types_equal(
    const KeyTypes *types, const Column *a, uint32_t row_a, const Column *b, uint32_t row_b) {
    for (uint32_t k = 0; k < types->count; k++) {
        bool is_null = column_is_null(&a[k], row_a);
        if (is_null != column_is_null(&b[k], row_b)) return false;
        if (!is_null && !value_equal(types->ops[k], &a[k], row_a, &b[k], row_b)) return false;
    }
    return true;
}

Status key_table_init(KeyTable *table, Arena *arena, const Oid *oids, uint32_t count) {
    *table = (KeyTable){.arena = arena};
    TRY(key_types_init(&table->types, arena, oids, count));
    row_buffer_init(&table->keys, arena, table->types.oids, count);
    table->row = arena_new_array(arena, Value, count + 1);
    return OK;
}

// Room for `more` keys at a load of at most one half.
static Status key_table_reserve(KeyTable *table, uint32_t more) {
    uint32_t count = key_table_count(table);
    uint64_t wanted = ((uint64_t)count + more) * 2;
    if (table->hash_capacity < count + more) {
        uint32_t capacity = (count + more) * 2;
        void *hashes;
        TRY(arena_try_allocate(table->arena, capacity * sizeof(uint64_t), 64, &hashes));
        if (count > 0) memcpy(hashes, table->hashes, count * sizeof(uint64_t));
        table->hashes = hashes;
        table->hash_capacity = capacity;
    }
    if (table->directory != NULL && (UINT64_C(1) << table->directory_bits) >= wanted) return OK;

    uint32_t bits = DIRECTORY_BITS_MIN;
    while ((UINT64_C(1) << bits) < wanted * 2) {
        bits++;
    }
    void *memory;
    size_t bytes = sizeof(uint32_t) << bits;
    TRY(arena_try_allocate(table->arena, bytes, 64, &memory));
    memset(memory, 0, bytes);
    table->directory = memory;
    table->directory_bits = bits;
    uint64_t mask = (UINT64_C(1) << bits) - 1;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t slot = table->hashes[i] & mask;
        while (table->directory[slot] != 0) {
            slot = (slot + 1) & mask;
        }
        table->directory[slot] = i + 1;
    }
    return OK;
}

static bool key_matches(
    const KeyTable *table, uint32_t number, const Column *columns, uint32_t row) {
    const Batch *chunk = table->keys.chunks[number / BATCH_ROW_COUNT];
    return key_types_equal(&table->types, columns, row, chunk->columns, number % BATCH_ROW_COUNT);
}

Status key_table_add(KeyTable *table, const Column *columns, Selection selection,
    uint32_t *numbers_out, bool *is_new_out) {
    ASSERT(selection.count <= BATCH_ROW_COUNT);
    uint64_t hashes[BATCH_ROW_COUNT];
    key_types_hash(&table->types, columns, selection, hashes, NULL);
    TRY(key_table_reserve(table, selection.count));

    uint64_t mask = (UINT64_C(1) << table->directory_bits) - 1;
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = selection_row(selection, i);
        uint64_t slot = hashes[i] & mask;
        uint32_t number = 0;
        bool is_new = true;
        while (table->directory[slot] != 0) {
            number = table->directory[slot] - 1;
            if (table->hashes[number] == hashes[i] && key_matches(table, number, columns, row)) {
                is_new = false;
                break;
            }
            slot = (slot + 1) & mask;
        }
        if (is_new) {
            number = key_table_count(table);
            for (uint32_t k = 0; k < table->types.count; k++) {
                table->row[k] = column_get(&columns[k], row);
            }
            TRY(row_buffer_append_values(&table->keys, table->row));
            table->hashes[number] = hashes[i];
            table->directory[slot] = number + 1;
        }
        numbers_out[i] = number;
        if (is_new_out != NULL) is_new_out[i] = is_new;
    }
    return arena_check(table->arena);
}

Status key_table_merge(KeyTable *table, const KeyTable *from, uint32_t *numbers_out) {
    uint32_t ignored[BATCH_ROW_COUNT];
    for (uint32_t i = 0; i < from->keys.chunk_count; i++) {
        const Batch *chunk = from->keys.chunks[i];
        uint32_t *numbers = numbers_out == NULL ? ignored : numbers_out + i * BATCH_ROW_COUNT;
        TRY(key_table_add(table, chunk->columns, batch_selection(chunk), numbers, NULL));
    }
    return OK;
}
