// The stores of a database: created, altered and dropped inside transactions.
//
// Model    A change of definition takes effect in memory at once, for the transaction that made it;
//          the caller's lock keeps others away. It is undone when the transaction rolls back.
//          A dropped store is freed when no snapshot needs it and no undo record refers to it.
#include "base/assert.h"
#include "base/error.h"
#include "table/table_internal.h"

#include <stdlib.h>

enum { FIRST_USER_STORE = 16384 };

Status table_set_create(Environment environment, TxnSystem *txns, Cache *cache,
    MemoryBudget *budget, uint64_t incarnation, TableSet **set_out) {
    TableSet *set = calloc(1, sizeof *set);
    if (set == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    set->environment = environment;
    set->txns = txns;
    set->cache = cache;
    set->epochs = cache_epochs(cache);
    set->budget = budget;
    set->incarnation = incarnation;
    mutex_init(&set->mutex, LATCH_RANK_TABLE_SET);
    atomic_store(&set->next_oid, FIRST_USER_OID);
    atomic_store(&set->next_store, FIRST_USER_STORE);
    *set_out = set;
    return OK;
}

void table_set_destroy(TableSet *set) {
    if (set == NULL) return;
    txn_system_drain(set->txns);
    tables_free_dropped(set);
    while (set->dropped != NULL) {
        Table *table = set->dropped;
        set->dropped = table->next_dropped;
        table_destroy(table, false);
    }
    uint32_t end = atomic_load(&set->store_end);
    for (uint32_t i = 0; i < end; i++) {
        Table *table = table_find(set, (StoreId){i});
        if (table != NULL) table_destroy(table, false);
    }
    for (uint32_t i = 0; i < TABLE_ROOT_COUNT; i++)
        free(atomic_load(&set->leaves[i]));
    for (uint32_t i = 0; i < SEQUENCE_BUCKET_COUNT; i++) {
        while (set->sequences[i] != NULL)
            sequence_remove(set, set->sequences[i]);
    }
    mutex_deinit(&set->mutex);
    free(set);
}

Table *table_find(TableSet *set, StoreId store) {
    if (store.value >= TABLE_ROOT_COUNT * TABLE_LEAF_COUNT) return NULL;
    TableLeaf *leaf =
        atomic_load_explicit(&set->leaves[store.value / TABLE_LEAF_COUNT], memory_order_acquire);
    if (leaf == NULL) return NULL;
    return atomic_load_explicit(
        &leaf->tables[store.value % TABLE_LEAF_COUNT], memory_order_acquire);
}

const StoreSchema *table_schema(const Table *table) {
    return &table_definition(table)->schema;
}

double table_row_estimate(const Table *table) {
    return (double)row_store_row_count(table->rows);
}

uint64_t table_row_bytes(Table *table) {
    return row_store_bytes(table->rows);
}

uint64_t table_index_bytes(Table *table, uint32_t index_number) {
    const Definition *definition = table_definition(table);
    for (uint32_t i = 0; i < definition->schema.index_count; i++) {
        TableIndex *index = definition->indexes[i];
        if (index->schema.index_number == index_number) return learned_index_bytes(index->learned);
    }
    return 0;
}

uint64_t table_set_file_bytes(const TableSet *set) {
    uint64_t bytes = store_usage(cache_store(set->cache)).file_bytes;
    return bytes > 0 ? bytes : cache_used_bytes(set->cache);
}

Status table_register(TableSet *set, Table *table) {
    uint32_t id = table->id.value;
    if (id >= TABLE_ROOT_COUNT * TABLE_LEAF_COUNT) {
        return fail(PROGRAM_LIMIT_EXCEEDED, "too many stores");
    }
    mutex_lock(&set->mutex);
    _Atomic(TableLeaf *) *root = &set->leaves[id / TABLE_LEAF_COUNT];
    TableLeaf *leaf = atomic_load(root);
    if (leaf == NULL) {
        leaf = calloc(1, sizeof *leaf);
        if (leaf != NULL) atomic_store_explicit(root, leaf, memory_order_release);
    }
    bool is_free = leaf != NULL && atomic_load(&leaf->tables[id % TABLE_LEAF_COUNT]) == NULL;
    if (is_free) {
        atomic_store_explicit(&leaf->tables[id % TABLE_LEAF_COUNT], table, memory_order_release);
        if (id >= atomic_load(&set->store_end)) atomic_store(&set->store_end, id + 1);
    }
    mutex_unlock(&set->mutex);
    if (leaf == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    return is_free ? OK : fail(INTERNAL_ERROR, "store %u is there already", id);
}

void table_unregister(TableSet *set, Table *table) {
    uint32_t id = table->id.value;
    TableLeaf *leaf = atomic_load(&set->leaves[id / TABLE_LEAF_COUNT]);
    atomic_store_explicit(&leaf->tables[id % TABLE_LEAF_COUNT], NULL, memory_order_release);
}

static void indexes_destroy(Table *table, bool must_drop) {
    while (table->indexes != NULL) {
        TableIndex *index = table->indexes;
        table->indexes = index->next;
        table_index_destroy_object(index, must_drop);
    }
}

static void definitions_destroy(Definition *definition) {
    while (definition != NULL) {
        Definition *older = definition->older;
        definition_destroy(definition);
        definition = older;
    }
}

void table_destroy(Table *table, bool must_drop) {
    ASSERT(atomic_load(&table->owner.record_count) == 0);
    indexes_destroy(table, must_drop);
    if (must_drop) {
        row_store_drop(table->rows);
    } else {
        row_store_destroy(table->rows);
    }
    definitions_destroy(atomic_load(&table->definition));
    definitions_destroy(table->unused_definitions);
    free(table);
}

// Index objects for a schema; on an error those made so far hang in table->indexes.
static Status indexes_create(Table *table, const StoreSchema *schema, TableIndex **indexes) {
    for (uint32_t i = 0; i < schema->index_count; i++) {
        TRY(table_index_create_object(
            table, &schema->indexes[i], schema->column_count, (Bytes){0}, &indexes[i]));
        indexes[i]->next = table->indexes;
        table->indexes = indexes[i];
    }
    return OK;
}

static Status definition_first(Table *table, const StoreSchema *schema) {
    TableIndex **indexes =
        calloc(schema->index_count == 0 ? 1 : schema->index_count, sizeof *indexes);
    if (indexes == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    Definition *definition = NULL;
    RowLayout *layout;
    Status status = indexes_create(table, schema, indexes);
    if (status == OK) {
        status = definition_create(schema, indexes, schema->index_count, &definition);
    }
    if (status == OK)
        status = layout_for(schema, row_store_next_layout_version(table->rows), &layout);
    if (status == OK) {
        row_store_add_layout(table->rows, layout);
        definition->layout = layout;
        atomic_store(&table->definition, definition);
    } else {
        definition_destroy(definition);
    }
    free(indexes);
    return status;
}

Status table_make_empty(TableSet *set, StoreId store, Table **table_out) {
    Table *table = calloc(1, sizeof *table);
    if (table == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    table->owner.actions = &table_undo_actions;
    table->set = set;
    table->id = store;
    RowStoreOptions options = {.cache = set->cache,
        .txns = set->txns,
        .budget = set->budget,
        .store = store,
        .owner = &table->owner};
    Status status = row_store_create(options, &table->rows);
    if (status != OK) {
        free(table);
        return status;
    }
    *table_out = table;
    return OK;
}

static Status table_create(
    TableSet *set, StoreId store, const StoreSchema *schema, Table **table_out) {
    Table *table;
    TRY(table_make_empty(set, store, &table));
    Status status = definition_first(table, schema);
    if (status != OK) {
        table_destroy(table, true);
        return status;
    }
    *table_out = table;
    return OK;
}

// Past a number that is in use.
static void store_counter_raise(TableSet *set, uint64_t store) {
    uint64_t next = atomic_load(&set->next_store);
    while (next <= store && !atomic_compare_exchange_weak(&set->next_store, &next, store + 1)) {}
}

Status table_set_bootstrap(TableSet *set, StoreId store, const StoreSchema *schema) {
    Table *table;
    TRY(table_create(set, store, schema, &table));
    Status status = table_register(set, table);
    if (status != OK) table_destroy(table, true);
    if (status == OK) store_counter_raise(set, store.value);
    return status;
}

// ---- Create, drop -------------------------------------------------------------------------------

static void definition_noted(void *argument, Lsn commit);

static void create_committed(void *argument, Lsn commit) {
    Table *table = argument;
    birth_done(&table->birth, commit);
    definition_noted(table, commit); // those that it was given since, too
}

static void create_rolled_back(void *argument) {
    Table *table = argument;
    mutex_lock(&table->set->mutex);
    table_unregister(table->set, table);
    mutex_unlock(&table->set->mutex);
    table_destroy(table, true);
}

Status table_store_create(TableSet *set, Txn *txn, const StoreSchema *schema, StoreId *store_out) {
    tables_free_dropped(set);
    TRY(undo_reserve(txn, 0));
    StoreId store = {(uint32_t)atomic_fetch_add(&set->next_store, 1)};
    Table *table;
    TRY(table_create(set, store, schema, &table));
    birth_begin(&table->birth, txn);
    Status status = table_register(set, table);
    if (status != OK) {
        table_destroy(table, true);
        return status;
    }
    txn_add_action(txn,
        (TxnAction){
            .on_commit = create_committed, .on_rollback = create_rolled_back, .argument = table});
    TRY(redo_schema(txn, REDO_NEW_STORE, store, table_schema(table)));
    *store_out = store;
    return OK;
}

static void drop_committed(void *argument, Lsn commit) {
    Table *table = argument;
    TableSet *set = table->set;
    mutex_lock(&set->mutex);
    birth_done(&table->death, commit);
    atomic_store(&table->is_dropped, true);
    table->next_dropped = set->dropped;
    set->dropped = table;
    mutex_unlock(&set->mutex);
}

static void drop_rolled_back(void *argument) {
    Table *table = argument;
    mutex_lock(&table->set->mutex);
    table->death.history = NULL;
    mutex_unlock(&table->set->mutex);
}

Status table_store_drop(TableSet *set, Txn *txn, StoreId store) {
    Table *table = table_find(set, store);
    if (table == NULL) return fail(UNDEFINED_TABLE, "store %u does not exist", store.value);
    TRY(undo_reserve(txn, 0));
    TRY(redo_number(txn, REDO_DROP_STORE, store.value, 0));
    mutex_lock(&set->mutex);
    birth_begin(&table->death, txn);
    mutex_unlock(&set->mutex);
    txn_add_action(
        txn, (TxnAction){
                 .on_commit = drop_committed, .on_rollback = drop_rolled_back, .argument = table});
    return OK;
}

// Called where nobody holds a table of a drop that every snapshot sees.
void tables_free_dropped(TableSet *set) {
    uint64_t oldest = txn_system_oldest(set->txns).value;
    Table *ready = NULL;
    mutex_lock(&set->mutex);
    // A checkpoint writes the tables of its flip, and its snapshot may have moved on.
    for (Table **link = &set->dropped; set->checkpoint == NULL && *link != NULL;) {
        Table *table = *link;
        bool is_ready =
            birth_commit(&table->death) <= oldest && atomic_load(&table->owner.record_count) == 0;
        if (!is_ready) {
            link = &table->next_dropped;
            continue;
        }
        *link = table->next_dropped;
        table_unregister(set, table);
        table->next_dropped = ready;
        ready = table;
    }
    mutex_unlock(&set->mutex);
    while (ready != NULL) {
        Table *table = ready;
        ready = table->next_dropped;
        table_destroy(table, true);
    }
}

// ---- Alter --------------------------------------------------------------------------------------

static void definition_committed(void *argument, Lsn commit) {
    Definition *definition = argument;
    birth_done(&definition->birth, commit);
    for (uint32_t i = 0; i < definition->schema.index_count; i++) {
        Birth *birth = &definition->indexes[i]->birth;
        if (birth->history == definition->birth.history && birth->id == definition->birth.id) {
            birth_done(birth, commit);
        }
    }
}

static void definition_rolled_back(void *argument) {
    Table *table = argument;
    Definition *definition = table_definition(table);
    Definition *older = definition->older;
    atomic_store_explicit(&table->definition, older, memory_order_release);
    row_store_set_layout(table->rows, older->layout);
    // It and its indexes stay until the table goes: a collector may be looking at them.
    mutex_lock(&table->set->mutex);
    definition->older = table->unused_definitions;
    table->unused_definitions = definition;
    mutex_unlock(&table->set->mutex);
}

static void definition_noted(void *argument, Lsn commit) {
    Table *table = argument;
    for (Definition *definition = table_definition(table); definition != NULL;
         definition = definition->older) {
        if (atomic_load(&definition->birth.commit) == 0 && definition->birth.history != NULL) {
            definition_committed(definition, commit);
        }
    }
}

static Status definition_publish(Table *table, Definition *definition, Txn *txn) {
    definition->older = table_definition(table);
    if (txn != NULL) birth_begin(&definition->birth, txn);
    row_store_set_layout(table->rows, definition->layout);
    atomic_store_explicit(&table->definition, definition, memory_order_release);
    if (txn == NULL) return OK; // recovery: what is replayed has committed
    txn_add_action(txn, (TxnAction){.on_commit = definition_noted,
                            .on_rollback = definition_rolled_back,
                            .argument = table});
    return OK;
}

// A transaction that defines something has a history from the start. NULL during recovery.
static Status writer_ensure(Txn *txn) {
    return txn == NULL ? OK : undo_reserve(txn, 0);
}

Status table_store_alter(TableSet *set, Txn *txn, StoreId store, const StoreSchema *schema) {
    Table *table = table_find(set, store);
    if (table == NULL) return fail(UNDEFINED_TABLE, "store %u does not exist", store.value);
    TRY(writer_ensure(txn));
    Definition *old = table_definition(table);
    for (uint32_t i = 0; i < old->schema.column_count; i++) {
        bool is_same = i < schema->column_count
                       && type_physical(schema->columns[i].type.oid)
                              == type_physical(old->schema.columns[i].type.oid);
        if (!is_same) return fail(FEATURE_NOT_SUPPORTED, "columns cannot change their place");
    }
    Definition *definition;
    TRY(definition_create(schema, old->indexes, old->schema.index_count, &definition));
    definition->layout = old->layout;
    Status status = OK;
    if (schema->column_count != old->schema.column_count) {
        RowLayout *layout;
        status = layout_for(schema, row_store_next_layout_version(table->rows), &layout);
        if (status == OK) {
            row_store_add_layout(table->rows, layout);
            definition->layout = layout;
        }
    }
    if (status == OK && txn != NULL) {
        status = redo_schema(txn, REDO_ALTER_STORE, store, &definition->schema);
    }
    if (status != OK) {
        row_store_set_layout(table->rows, old->layout);
        definition_destroy(definition);
        return status;
    }
    return definition_publish(table, definition, txn);
}

Status table_truncate(TableSet *set, Txn *txn, StoreId store, StoreId *new_store_out) {
    Table *table = table_find(set, store);
    if (table == NULL) return fail(UNDEFINED_TABLE, "store %u does not exist", store.value);
    StoreId fresh;
    TRY(table_store_create(set, txn, table_schema(table), &fresh));
    TRY(table_store_drop(set, txn, store));
    *new_store_out = fresh;
    return OK;
}

// ---- Indexes ------------------------------------------------------------------------------------

static Status definition_with(Table *table, Txn *txn, TableIndex *added, uint32_t removed_number) {
    Definition *old = table_definition(table);
    uint32_t count = old->schema.index_count;
    TableIndex **indexes = calloc(count + 1, sizeof *indexes);
    if (indexes == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (added != NULL || old->indexes[i]->schema.index_number != removed_number) {
            indexes[kept++] = old->indexes[i];
        }
    }
    if (added != NULL) indexes[kept++] = added;
    Definition *definition;
    Status status = definition_create(&old->schema, indexes, kept, &definition);
    free(indexes);
    TRY(status);
    definition->layout = old->layout;
    return definition_publish(table, definition, txn);
}

Status table_index_create(TableSet *set, Txn *txn, StoreId store, const IndexSchema *schema) {
    Table *table = table_find(set, store);
    if (table == NULL) return fail(UNDEFINED_TABLE, "store %u does not exist", store.value);
    TRY(writer_ensure(txn));
    TableIndex *index;
    TRY(table_index_create_object(
        table, schema, table_schema(table)->column_count, (Bytes){0}, &index));
    if (txn != NULL) birth_begin(&index->birth, txn);
    Status status = index_build(table, txn, index);
    if (status == OK && txn != NULL) status = redo_index(txn, store, &index->schema);
    if (status != OK) {
        table_index_destroy_object(index, true);
        return status;
    }
    mutex_lock(&set->mutex);
    index->next = table->indexes;
    table->indexes = index;
    mutex_unlock(&set->mutex);
    return definition_with(table, txn, index, 0);
}

Status table_index_drop(TableSet *set, Txn *txn, StoreId store, uint32_t index_number) {
    Table *table = table_find(set, store);
    if (table == NULL) return fail(UNDEFINED_TABLE, "store %u does not exist", store.value);
    TRY(writer_ensure(txn));
    if (txn != NULL) TRY(redo_number(txn, REDO_DETACH_INDEX, store.value, index_number));
    return definition_with(table, txn, NULL, index_number);
}

// ---- Counters -----------------------------------------------------------------------------------

Status table_set_next_oid(TableSet *set, Oid *oid_out) {
    uint64_t oid = atomic_fetch_add(&set->next_oid, 1);
    // Past the end of the numbers it starts over above the built-in ones, as PostgreSQL does; the
    // catalog's unique indexes refuse one that is still in use.
    if (oid > UINT32_MAX) {
        atomic_store(&set->next_oid, FIRST_USER_OID + 1);
        oid = FIRST_USER_OID;
    }
    *oid_out = (Oid)oid;
    return OK;
}
