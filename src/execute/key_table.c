#include "execute/key_table.h"

#include "base/error.h"
#include "base/hash.h"

enum { DIRECTORY_BITS_MIN = 6, PREFETCH_BITS_MIN = 15, NULL_HASH = 1 };

static bool is_integer_kind(PhysicalKind kind) {
    return kind == PHYSICAL_BOOL || kind == PHYSICAL_INT1 || kind == PHYSICAL_INT2
           || kind == PHYSICAL_INT4 || kind == PHYSICAL_INT8;
}

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
    // hash_u64 gives no two words the same.
    types->hash_is_key = count == 1 && is_integer_kind(ops[0]->physical);
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

// One loop a kind for flat columns without NULLs.
#define HASH_ALL(hash)                                                                             \
    for (uint32_t i = 0; i < selection.count; i++) {                                               \
        uint32_t row = selection_row(selection, i);                                                \
        hashes_out[i] = (hash);                                                                    \
    }

static void hash_first(
    const TypeOps *ops, const Column *column, Selection selection, uint64_t *hashes_out) {
    if (column->kind == PHYSICAL_INT4) {
        const uint32_t *values = column->values;
        HASH_ALL(hash_u64(values[row]))
    } else if (column->kind == PHYSICAL_INT8) {
        const uint64_t *values = column->values;
        HASH_ALL(hash_u64(values[row]))
    } else {
        HASH_ALL(hash_of(ops, column, row))
    }
}

static void hash_more(
    const TypeOps *ops, const Column *column, Selection selection, uint64_t *hashes_out) {
    if (column->kind == PHYSICAL_INT4) {
        const uint32_t *values = column->values;
        HASH_ALL(hash_combine(hashes_out[i], hash_u64(values[row])))
    } else if (column->kind == PHYSICAL_INT8) {
        const uint64_t *values = column->values;
        HASH_ALL(hash_combine(hashes_out[i], hash_u64(values[row])))
    } else {
        HASH_ALL(hash_combine(hashes_out[i], hash_of(ops, column, row)))
    }
}

void key_types_hash(const KeyTypes *types, const Column *columns, Selection selection,
    uint64_t *hashes_out, bool *null_rows_out) {
    if (null_rows_out != NULL) memset(null_rows_out, 0, selection.count * sizeof(bool));
    if (types->count == 0) memset(hashes_out, 0, selection.count * sizeof(uint64_t));
    for (uint32_t k = 0; k < types->count; k++) {
        const Column *column = &columns[k];
        if (column->nulls == NULL && !column->is_constant) {
            if (k == 0) {
                hash_first(types->ops[k], column, selection, hashes_out);
            } else {
                hash_more(types->ops[k], column, selection, hashes_out);
            }
            continue;
        }
        for (uint32_t i = 0; i < selection.count; i++) {
            uint32_t row = selection_row(selection, i);
            uint64_t hash = NULL_HASH;
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
    return OK;
}

// Room for `more` keys at a load of at most one half.
static Status key_table_reserve(KeyTable *table, uint32_t more) {
    uint64_t wanted = ((uint64_t)key_table_count(table) + more) * 2;
    uint64_t had = table->directory == NULL ? 0 : UINT64_C(1) << table->directory_bits;
    if (had >= wanted) return OK;
    uint32_t bits = DIRECTORY_BITS_MIN;
    while ((UINT64_C(1) << bits) < wanted) {
        bits++;
    }
    void *memory;
    size_t bytes = sizeof(KeySlot) << bits;
    TRY(arena_try_allocate(table->arena, bytes, 64, &memory));
    memset(memory, 0, bytes);
    KeySlot *directory = memory;
    uint64_t mask = (UINT64_C(1) << bits) - 1;
    for (uint64_t i = 0; i < had; i++) {
        if (table->directory[i].number == 0) continue;
        uint64_t slot = table->directory[i].hash & mask;
        while (directory[slot].number != 0) {
            slot = (slot + 1) & mask;
        }
        directory[slot] = table->directory[i];
    }
    table->directory = directory;
    table->directory_bits = bits;
    return OK;
}

// One loop a kind; what did not match before is not looked at.
#define MATCH_ALL(Type)                                                                            \
    for (uint32_t i = 0; i < selection.count; i++) {                                               \
        if (!matches[i]) continue;                                                                 \
        uint32_t number = candidates[i] - 1;                                                       \
        const Column *key = &keys->chunks[number / BATCH_ROW_COUNT]->columns[k];                   \
        uint32_t key_row = number % BATCH_ROW_COUNT;                                               \
        matches[i] = ((const Type *)key->values)[key_row]                                          \
                         == ((const Type *)column->values)[selection_row(selection, i)]            \
                     && !column_is_null(key, key_row);                                             \
    }

// Which of the rows have the key of their candidate, a number + 1 or 0 for none.
static void key_table_match(const KeyTable *table, const Column *columns, Selection selection,
    const uint32_t *candidates, bool *matches) {
    const RowBuffer *keys = &table->keys;
    for (uint32_t i = 0; i < selection.count; i++) {
        matches[i] = candidates[i] != 0;
    }
    for (uint32_t k = 0; k < table->types.count; k++) {
        const Column *column = &columns[k];
        bool is_flat = column->nulls == NULL && !column->is_constant;
        if (is_flat && column->kind == PHYSICAL_INT4) {
            MATCH_ALL(uint32_t)
            continue;
        }
        if (is_flat && column->kind == PHYSICAL_INT8) {
            MATCH_ALL(uint64_t)
            continue;
        }
        for (uint32_t i = 0; i < selection.count; i++) {
            if (!matches[i]) continue;
            uint32_t number = candidates[i] - 1, key_row = number % BATCH_ROW_COUNT;
            uint32_t row = selection_row(selection, i);
            const Column *key = &keys->chunks[number / BATCH_ROW_COUNT]->columns[k];
            bool is_null = column_is_null(column, row);
            matches[i] =
                is_null == column_is_null(key, key_row)
                && (is_null || value_equal(table->types.ops[k], column, row, key, key_row));
        }
    }
}

// The keys of a batch that are new: they are appended together at its end.
typedef struct NewKeys {
    uint32_t first; // their first number
    uint32_t count;
    uint16_t rows[BATCH_ROW_COUNT];
} NewKeys;

static bool key_matches(const KeyTable *table, const NewKeys *new_keys, uint32_t number,
    const Column *columns, uint32_t row) {
    if (number >= new_keys->first) {
        uint32_t other = new_keys->rows[number - new_keys->first];
        return key_types_equal(&table->types, columns, row, columns, other);
    }
    const Batch *chunk = table->keys.chunks[number / BATCH_ROW_COUNT];
    return key_types_equal(&table->types, columns, row, chunk->columns, number % BATCH_ROW_COUNT);
}

static uint32_t key_find_or_make(
    KeyTable *table, NewKeys *new_keys, const Column *columns, uint32_t row, uint64_t hash) {
    uint64_t mask = (UINT64_C(1) << table->directory_bits) - 1;
    uint64_t slot = hash & mask;
    for (; table->directory[slot].number != 0; slot = (slot + 1) & mask) {
        uint32_t number = table->directory[slot].number - 1;
        if (table->directory[slot].hash == hash
            && key_matches(table, new_keys, number, columns, row)) {
            return number;
        }
    }
    uint32_t number = new_keys->first + new_keys->count;
    new_keys->rows[new_keys->count++] = (uint16_t)row;
    table->directory[slot] = (KeySlot){.hash = hash, .number = number + 1};
    return number;
}

Status key_table_add(KeyTable *table, const Column *columns, Selection selection,
    uint32_t *numbers_out, bool *is_new_out) {
    ASSERT(selection.count <= BATCH_ROW_COUNT);
    uint64_t hashes[BATCH_ROW_COUNT];
    bool matches[BATCH_ROW_COUNT];
    key_types_hash(&table->types, columns, selection, hashes, NULL);
    TRY(key_table_reserve(table, selection.count));

    const KeySlot *directory = table->directory;
    uint64_t mask = (UINT64_C(1) << table->directory_bits) - 1;
    if (table->directory_bits >= PREFETCH_BITS_MIN) {
        for (uint32_t i = 0; i < selection.count; i++) {
            __builtin_prefetch(&directory[hashes[i] & mask]);
        }
    }
    for (uint32_t i = 0; i < selection.count; i++) {
        uint64_t slot = hashes[i] & mask;
        while (directory[slot].number != 0 && directory[slot].hash != hashes[i]) {
            slot = (slot + 1) & mask;
        }
        numbers_out[i] = directory[slot].number;
        matches[i] = numbers_out[i] != 0 && hashes[i] != NULL_HASH;
    }
    if (!table->types.hash_is_key) {
        key_table_match(table, columns, selection, numbers_out, matches);
    }

    NewKeys new_keys = {.first = key_table_count(table)};
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t count_before = new_keys.count;
        if (matches[i]) {
            numbers_out[i]--;
        } else {
            uint32_t row = selection_row(selection, i);
            numbers_out[i] = key_find_or_make(table, &new_keys, columns, row, hashes[i]);
        }
        if (is_new_out != NULL) is_new_out[i] = new_keys.count > count_before;
    }
    if (new_keys.count == 0) return OK;
    const Batch fresh = {
        .selection = new_keys.rows,
        .selected_count = new_keys.count,
        .column_count = table->types.count,
        .columns = (Column *)(uintptr_t)columns,
    };
    return row_buffer_append(&table->keys, &fresh);
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
