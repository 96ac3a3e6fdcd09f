// What a store looks like: deep copies of schemas, and the indexes they name.
#include "base/assert.h"
#include "base/error.h"
#include "table/table_internal.h"

#include <stdlib.h>

void birth_begin(Birth *birth, Txn *txn) {
    birth->history = txn_history(txn);
    ASSERT(birth->history != NULL); // an id was assigned
    birth->id = atomic_load(&birth->history->id);
    atomic_store(&birth->commit, 0);
}

void birth_done(Birth *birth, Lsn commit) {
    atomic_store(&birth->commit, commit.value);
}

uint64_t birth_commit(const Birth *birth) {
    uint64_t commit = atomic_load(&birth->commit);
    if (commit != 0) return commit;
    const TxnHistory *history = birth->history;
    if (history == NULL) return 0; // there since the bootstrap, or by replay
    uint64_t reserved = atomic_load(&history->commit);
    if (atomic_load(&history->id) == birth->id) return reserved == 0 ? UINT64_MAX : reserved;
    commit = atomic_load(&birth->commit); // it ended in between, after noting it here
    return commit == 0 ? UINT64_MAX : commit;
}

static void index_schema_copy(Arena *arena, const IndexSchema *from, IndexSchema *to) {
    *to = *from;
    uint32_t count = from->column_count;
    to->name = arena_copy_text(arena, from->name == NULL ? "" : from->name);
    to->columns = arena_copy_bytes(arena, from->columns, sizeof(uint16_t) * count);
    to->keys = arena_copy_bytes(arena, from->keys, sizeof(KeyColumn) * count);
    const char **names = arena_new_array(arena, const char *, count);
    for (uint32_t i = 0; i < count; i++) {
        names[i] = arena_copy_text(arena, from->column_names == NULL ? "?" : from->column_names[i]);
    }
    to->column_names = names;
}

static void column_bit_set(uint64_t *bits, uint32_t column) {
    bits[column / 64] |= UINT64_C(1) << (column % 64);
}

Status definition_create(const StoreSchema *schema, TableIndex *const *indexes,
    uint32_t index_count, Definition **definition_out) {
    Definition *definition = calloc(1, sizeof *definition);
    if (definition == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    Arena *arena = &definition->arena;
    arena_init(arena, NULL);
    definition->schema = *schema;
    definition->schema.schema_name =
        arena_copy_text(arena, schema->schema_name == NULL ? "" : schema->schema_name);
    definition->schema.table_name =
        arena_copy_text(arena, schema->table_name == NULL ? "" : schema->table_name);
    StoreColumn *columns = arena_new_array(arena, StoreColumn, schema->column_count);
    definition->word_count = (schema->column_count + 63) / 64;
    if (definition->word_count == 0) definition->word_count = 1;
    definition->key_columns = arena_new_array(arena, uint64_t, definition->word_count);
    definition->all_columns = arena_new_array(arena, uint64_t, definition->word_count);
    for (uint32_t i = 0; i < schema->column_count; i++) {
        columns[i] = schema->columns[i];
        columns[i].missing =
            value_copy(columns[i].missing, type_physical(columns[i].type.oid), arena);
        column_bit_set(definition->all_columns, i);
    }
    definition->schema.columns = columns;
    definition->indexes = arena_new_array(arena, TableIndex *, index_count);
    IndexSchema *index_schemas = arena_new_array(arena, IndexSchema, index_count);
    for (uint32_t i = 0; i < index_count; i++) {
        definition->indexes[i] = indexes[i];
        index_schema_copy(arena, &indexes[i]->schema, &index_schemas[i]);
        for (uint32_t j = 0; j < indexes[i]->schema.column_count; j++) {
            column_bit_set(definition->key_columns, indexes[i]->schema.columns[j]);
        }
    }
    definition->schema.indexes = index_schemas;
    definition->schema.index_count = index_count;
    if (arena_is_exhausted(arena)) {
        definition_destroy(definition);
        return fail(OUT_OF_MEMORY, "out of memory");
    }
    *definition_out = definition;
    return OK;
}

void definition_destroy(Definition *definition) {
    if (definition == NULL) return;
    arena_deinit(&definition->arena);
    free(definition);
}

static uint32_t integer_width(const KeyFormat *format) {
    const KeyColumn *column = &format->columns[0];
    if (format->column_count != 1 || column->is_nullable || column->is_descending) return 0;
    switch (column->type) {
    case TYPE_INT4:
    case TYPE_DATE:
        return 4;
    case TYPE_INT8:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return 8;
    default:
        return 0;
    }
}

KeyCheck index_key_check(const TableIndex *index) {
    return (KeyCheck){.format = &index->format,
        .columns = index->schema.columns,
        .integer_width = index->integer_width};
}

Status table_index_create_object(Table *table, const IndexSchema *schema, uint32_t column_count,
    Bytes image, TableIndex **index_out) {
    for (uint32_t i = 0; i < schema->column_count; i++) {
        if (schema->columns[i] >= column_count) {
            return fail(
                INTERNAL_ERROR, "index \"%s\" names a column that is not there", schema->name);
        }
        const TypeOps *ops;
        TRY(type_ops_require(schema->keys[i].type, &ops));
        if (ops->key_append == NULL) {
            return fail(FEATURE_NOT_SUPPORTED, "indexes over this type are not supported");
        }
    }
    if (schema->column_count == 0 || schema->column_count > 32) {
        return fail(TOO_MANY_COLUMNS, "cannot use more than 32 columns in an index");
    }
    TableIndex *index = calloc(1, sizeof *index);
    if (index == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    arena_init(&index->arena, NULL);
    index_schema_copy(&index->arena, schema, &index->schema);
    index->format =
        (KeyFormat){.columns = index->schema.keys, .column_count = index->schema.column_count};
    index->integer_width = integer_width(&index->format);
    index->column_bits = arena_new_array(&index->arena, uint64_t, (column_count + 63) / 64);
    for (uint32_t i = 0; i < schema->column_count; i++) {
        column_bit_set(index->column_bits, schema->columns[i]);
    }
    LearnedIndexOptions options = {.key_width = key_format_width(&index->format),
        .is_unique = schema->is_unique,
        .incarnation = table->set->incarnation,
        .budget = table->set->budget};
    if (options.key_width > 16) options.key_width = 0;
    Status status = image.data == NULL
                        ? learned_index_create(table->set->cache, options, &index->learned)
                        : learned_index_open(table->set->cache, options, image, &index->learned);
    if (status != OK) {
        arena_deinit(&index->arena);
        free(index);
        return status;
    }
    *index_out = index;
    return OK;
}

void table_index_destroy_object(TableIndex *index, bool must_drop) {
    if (index == NULL) return;
    if (index->learned != NULL) {
        if (must_drop) {
            learned_index_drop(index->learned);
        } else {
            learned_index_destroy(index->learned);
        }
    }
    free(index->image);
    arena_deinit(&index->arena);
    free(index);
}

Status layout_for(const StoreSchema *schema, uint16_t version, RowLayout **layout_out) {
    uint32_t count = schema->column_count;
    RowLayoutColumn *columns = calloc(count == 0 ? 1 : count, sizeof *columns);
    if (columns == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = (RowLayoutColumn){.type = schema->columns[i].type.oid,
            .has_missing = schema->columns[i].has_missing,
            .missing = schema->columns[i].missing};
    }
    Status status = row_layout_create(version, columns, count, layout_out);
    free(columns);
    return status;
}
