// The image of every store, and opening from it.
//
// Format   docs/row-format.md: one directory entry a store; store 0 holds counters and sequences.
// Model    The flip fixes which stores and definitions exist at the snapshot, then every index, and
//          last how far rows went, so that no entry of an index image can belong to a row id that
//          is given out again. Writing follows: indexes first, since their writers wait for it.
#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "table/table_internal.h"

#include <stdlib.h>

enum { ENTRY_VERSION = 1 };

// A store as it is in the image being made.
typedef struct StoreImage {
    Table *table;
    const Definition *definition;
    RowStoreMark mark;
} StoreImage;

typedef struct TableCheckpoint {
    StoreImage *stores;
    uint32_t store_count;
    uint64_t next_oid, next_store;
} TableCheckpoint;

static const Definition *definition_at(const Table *table, Lsn snapshot) {
    const Definition *definition = table_definition(table);
    while (definition->older != NULL && birth_commit(&definition->birth) > snapshot.value) {
        definition = definition->older;
    }
    return definition;
}

static bool is_there(const Table *table, Lsn snapshot) {
    if (birth_commit(&table->birth) > snapshot.value) return false;
    return table->death.history == NULL || birth_commit(&table->death) > snapshot.value;
}

static void flip(void *part, const CheckpointWork *work) {
    TableSet *set = part;
    TableCheckpoint *checkpoint = arena_new(work->arena, TableCheckpoint);
    mutex_lock(&set->mutex);
    set->checkpoint = checkpoint;
    uint32_t end = atomic_load(&set->store_end), count = 0;
    for (uint32_t i = 0; i < end; i++) // numbers have gaps: user stores start far behind
        count += table_find(set, (StoreId){i}) != NULL;
    checkpoint->stores = arena_new_array(work->arena, StoreImage, count);
    for (uint32_t i = 0; i < end; i++) {
        Table *table = table_find(set, (StoreId){i});
        if (table == NULL || !is_there(table, work->snapshot)) continue;
        checkpoint->stores[checkpoint->store_count++] =
            (StoreImage){.table = table, .definition = definition_at(table, work->snapshot)};
    }
    mutex_unlock(&set->mutex);
    for (uint32_t i = 0; i < checkpoint->store_count; i++) {
        const Definition *definition = checkpoint->stores[i].definition;
        for (uint32_t j = 0; j < definition->schema.index_count; j++) {
            learned_index_flip(definition->indexes[j]->learned, work->epoch);
        }
    }
    for (uint32_t i = 0; i < checkpoint->store_count; i++) {
        row_store_flip(checkpoint->stores[i].table->rows, &checkpoint->stores[i].mark);
    }
    checkpoint->next_oid = atomic_load(&set->next_oid);
    checkpoint->next_store = atomic_load(&set->next_store);
}

static Status indexes_write(const StoreImage *image, const CheckpointWork *work, Text *entry) {
    const Definition *definition = image->definition;
    for (uint32_t i = 0; i < definition->schema.index_count; i++) {
        TableIndex *index = definition->indexes[i];
        Text root;
        text_init(&root, work->arena);
        TRY(learned_index_write(index->learned, work, &root));
        text_append_varint(entry, root.count);
        text_append(entry, root.data, root.count);
        uint8_t *copy = malloc(root.count == 0 ? 1 : root.count);
        if (copy == NULL) return fail(OUT_OF_MEMORY, "out of memory");
        memcpy(copy, root.data, root.count);
        free(index->image);
        index->image = copy;
        index->image_bytes = root.count;
    }
    return OK;
}

static Status store_write_image(
    const StoreImage *image, const CheckpointWork *work, Directory *directory) {
    Text entry;
    text_init(&entry, work->arena);
    text_append_u8(&entry, ENTRY_VERSION);
    schema_encode(&image->definition->schema, &entry);
    TRY(indexes_write(image, work, &entry));
    text_append_varint(&entry, image->definition->layout->version);
    row_store_encode_layouts(image->table->rows, &entry);
    TRY(row_store_write(image->table->rows, &image->mark, work, &entry));
    directory_add(directory, image->table->id, text_bytes(&entry));
    return arena_check(work->arena);
}

static void counters_write(TableSet *set, const CheckpointWork *work, Directory *directory) {
    const TableCheckpoint *checkpoint = set->checkpoint;
    Text entry;
    text_init(&entry, work->arena);
    text_append_u8(&entry, ENTRY_VERSION);
    text_append_varint(&entry, checkpoint->next_oid);
    text_append_varint(&entry, checkpoint->next_store);
    // A state newer than the snapshot is fine: replay takes the higher version.
    mutex_lock(&set->mutex);
    uint32_t count = 0;
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1) text_append_varint(&entry, count);
        for (uint32_t i = 0; i < SEQUENCE_BUCKET_COUNT; i++) {
            for (Sequence *sequence = set->sequences[i]; sequence != NULL;
                 sequence = sequence->next) {
                bool is_in = birth_commit(&sequence->birth) <= work->snapshot.value;
                if (!is_in) continue;
                count++;
                if (pass == 0) continue;
                text_append_varint(&entry, sequence->oid);
                sequence_encode(sequence->version, &sequence->state, &entry);
            }
        }
    }
    mutex_unlock(&set->mutex);
    directory_add(directory, (StoreId){0}, text_bytes(&entry));
}

static Status write_part(void *part, const CheckpointWork *work, Directory *directory) {
    TableSet *set = part;
    TRY(arena_check(work->arena));
    counters_write(set, work, directory);
    for (uint32_t i = 0; i < set->checkpoint->store_count; i++) {
        TRY(store_write_image(&set->checkpoint->stores[i], work, directory));
    }
    return OK;
}

static void finish(void *part, const CheckpointWork *work, bool is_durable) {
    TableSet *set = part;
    for (uint32_t i = 0; i < set->checkpoint->store_count; i++) {
        const Definition *definition = set->checkpoint->stores[i].definition;
        for (uint32_t j = 0; j < definition->schema.index_count; j++) {
            learned_index_finish(definition->indexes[j]->learned, work, is_durable);
        }
    }
    mutex_lock(&set->mutex);
    set->checkpoint = NULL;
    mutex_unlock(&set->mutex);
    tables_free_dropped(set);
}

CheckpointPart table_set_checkpoint_part(TableSet *set) {
    return (CheckpointPart){.part = set, .flip = flip, .write = write_part, .finish = finish};
}

uint64_t table_set_dirty_bytes(const TableSet *set) {
    TableSet *self = (TableSet *)(uintptr_t)set; // locking is no change
    uint64_t bytes = 0;
    mutex_lock(&self->mutex); // no table is destroyed that has not been unregistered under it
    uint32_t end = atomic_load(&self->store_end);
    for (uint32_t i = 0; i < end; i++) {
        const Table *table = table_find(self, (StoreId){i});
        if (table != NULL) bytes += row_store_dirty_bytes(table->rows);
    }
    mutex_unlock(&self->mutex);
    return bytes;
}

// ---- Opening ------------------------------------------------------------------------------------

static Status damaged(StoreId store) {
    return fail(DATA_CORRUPTED, "the directory's entry of store %u is damaged", store.value);
}

static Status index_load(Table *table, const IndexSchema *schema, uint32_t column_count,
    Bytes *entry, TableIndex **index_out, bool *must_build_out) {
    uint64_t count;
    Bytes root;
    if (!bytes_take_varint(entry, &count) || !bytes_take(entry, (size_t)count, &root)) {
        return damaged(table->id);
    }
    *must_build_out = false;
    Status status = table_index_create_object(table, schema, column_count, root, index_out);
    if (status != OK && status != INDEX_CORRUPTED && status != DATA_CORRUPTED) return status;
    if (status != OK) {
        LOG_WARNING(
            "index %s is damaged and is built again: %s", schema->name, error_get()->message);
        error_clear();
        TRY(table_index_create_object(table, schema, column_count, (Bytes){0}, index_out));
        *must_build_out = true;
    }
    (*index_out)->next = table->indexes; // the table's from here on, whatever fails
    table->indexes = *index_out;
    if (*must_build_out) return OK;
    (*index_out)->image = malloc(root.count == 0 ? 1 : root.count);
    if ((*index_out)->image == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    memcpy((*index_out)->image, root.data, root.count);
    (*index_out)->image_bytes = root.count;
    return OK;
}

static Status definition_load(
    Table *table, const StoreSchema *schema, TableIndex **indexes, Bytes *entry) {
    uint64_t version;
    if (!bytes_take_varint(entry, &version) || version > UINT16_MAX) return damaged(table->id);
    Definition *definition;
    TRY(definition_create(schema, indexes, schema->index_count, &definition));
    RowLayout *layout;
    Status status = layout_for(schema, (uint16_t)version, &layout);
    if (status == OK) status = row_store_load_layouts(table->rows, layout, entry);
    if (status != OK) {
        definition_destroy(definition);
        return status;
    }
    definition->layout = layout;
    atomic_store(&table->definition, definition);
    return OK;
}

static Status table_load(Table *table, Bytes entry, Arena *arena) {
    uint8_t version;
    if (!bytes_take_u8(&entry, &version) || version != ENTRY_VERSION) return damaged(table->id);
    StoreSchema schema;
    TRY(schema_decode(&entry, arena, &schema));
    TableIndex **indexes = arena_new_array(arena, TableIndex *, schema.index_count);
    bool *must_build = arena_new_array(arena, bool, schema.index_count);
    for (uint32_t i = 0; i < schema.index_count; i++) {
        TRY(index_load(
            table, &schema.indexes[i], schema.column_count, &entry, &indexes[i], &must_build[i]));
    }
    TRY(definition_load(table, &schema, indexes, &entry));
    TRY(row_store_load(table->rows, &entry));
    for (uint32_t i = 0; i < schema.index_count; i++) {
        if (must_build[i]) TRY(index_build(table, NULL, indexes[i]));
    }
    return OK;
}

static Status counters_load(TableSet *set, Bytes entry) {
    uint8_t version;
    uint64_t next_oid, next_store, count;
    bool is_good = bytes_take_u8(&entry, &version) && version == ENTRY_VERSION
                   && bytes_take_varint(&entry, &next_oid) && bytes_take_varint(&entry, &next_store)
                   && bytes_take_varint(&entry, &count);
    if (!is_good) return damaged((StoreId){0});
    atomic_store(&set->next_oid, next_oid);
    atomic_store(&set->next_store, next_store);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t oid, sequence_version;
        SequenceState state;
        if (!bytes_take_varint(&entry, &oid) || oid > UINT32_MAX
            || !sequence_decode(&entry, &sequence_version, &state)) {
            return damaged((StoreId){0});
        }
        Sequence *sequence;
        TRY(sequence_add(set, (Oid)oid, &state, &sequence));
        sequence->version = sequence_version;
    }
    return OK;
}

Status table_set_load(TableSet *set, const Directory *directory) {
    for (size_t i = 0; i < directory_count(directory); i++) {
        StoreId store;
        Bytes entry;
        directory_get(directory, i, &store, &entry);
        if (store.value == 0) {
            TRY(counters_load(set, entry));
            continue;
        }
        Arena arena;
        arena_init(&arena, NULL);
        Table *table;
        Status status = table_make_empty(set, store, &table);
        bool is_made = status == OK;
        if (is_made) status = table_load(table, entry, &arena);
        if (status == OK) status = table_register(set, table);
        if (status != OK && is_made) table_destroy(table, false);
        arena_deinit(&arena);
        TRY(status);
    }
    return OK;
}

Status table_set_mark_extents(
    TableSet *set, Status (*visit)(void *argument, ExtentRef ref), void *argument) {
    uint32_t end = atomic_load(&set->store_end);
    for (uint32_t i = 0; i < end; i++) {
        Table *table = table_find(set, (StoreId){i});
        if (table == NULL) continue;
        TRY(row_store_extents(table->rows, visit, argument));
        mutex_lock(&set->mutex);
        TableIndex *index = table->indexes;
        mutex_unlock(&set->mutex);
        for (; index != NULL; index = index->next) {
            if (index->image == NULL) continue;
            TRY(learned_index_image_extents(cache_store(set->cache),
                bytes_make(index->image, index->image_bytes), visit, argument));
        }
    }
    return OK;
}
