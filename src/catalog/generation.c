// Generations of the shared cache, and a session's view of it.
#include "base/error.h"
#include "catalog/catalog_internal.h"
#include "os/clock.h"

#include <stdlib.h>
#include <string.h>

Entry *entry_create(EntryKind kind) {
    Arena arena;
    arena_init(&arena, NULL);
    Entry *entry = arena_new(&arena, Entry);
    entry->kind = kind;
    entry->arena = arena; // the entry lies in the arena that it holds
    return entry;
}

void entry_destroy(Entry *entry) {
    if (entry == NULL || entry->is_builtin) return;
    Arena arena = entry->arena;
    arena_deinit(&arena);
}

static void entries_destroy(Entry *list) {
    while (list != NULL) {
        Entry *next = list->next;
        entry_destroy(list);
        list = next;
    }
}

// ---- Maps ---------------------------------------------------------------------------------------

static uint64_t oid_hash(EntryKind kind, Oid oid) {
    return hash_u64((uint64_t)oid << 1 | (kind == ENTRY_SCHEMA));
}

static uint64_t name_hash(EntryKind kind, Oid schema, const char *name) {
    return hash_bytes(name, strlen(name), (uint64_t)schema << 1 | (kind == ENTRY_SCHEMA));
}

static Status map_init(EntryMap *map, uint32_t entry_count) {
    uint32_t slot_count = 64;
    while (slot_count < entry_count * 2)
        slot_count *= 2;
    map->mask = slot_count - 1;
    map->count = 0;
    map->by_oid = calloc((size_t)slot_count * 2, sizeof(Entry *));
    if (map->by_oid == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    map->by_name = map->by_oid + slot_count;
    return OK;
}

static void map_insert(EntryMap *map, Entry *entry) {
    uint64_t slot = oid_hash(entry->kind, entry->oid) & map->mask;
    while (map->by_oid[slot] != NULL)
        slot = (slot + 1) & map->mask;
    map->by_oid[slot] = entry;
    slot = name_hash(entry->kind, entry->schema, entry->name) & map->mask;
    while (map->by_name[slot] != NULL)
        slot = (slot + 1) & map->mask;
    map->by_name[slot] = entry;
    map->count++;
}

static Entry *entry_map_find(const EntryMap *map, EntryKind kind, Oid oid) {
    uint64_t slot = oid_hash(kind, oid) & map->mask;
    for (Entry *entry; (entry = map->by_oid[slot]) != NULL; slot = (slot + 1) & map->mask)
        if (entry->oid == oid && entry->kind == kind) return entry;
    return NULL;
}

static Entry *entry_map_find_name(
    const EntryMap *map, EntryKind kind, Oid schema, const char *name) {
    uint64_t slot = name_hash(kind, schema, name) & map->mask;
    for (Entry *entry; (entry = map->by_name[slot]) != NULL; slot = (slot + 1) & map->mask)
        if (entry->schema == schema && entry->kind == kind && strcmp(entry->name, name) == 0)
            return entry;
    return NULL;
}

// ---- Generations --------------------------------------------------------------------------------

Status generation_make_first(Catalog *catalog, Entry *const *entries, uint32_t count) {
    Generation *generation = calloc(1, sizeof *generation);
    if (generation == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    Status status = map_init(&generation->map, count);
    if (status != OK) {
        free(generation);
        return status;
    }
    for (uint32_t i = 0; i < count; i++)
        map_insert(&generation->map, entries[i]);
    generation->version = 1;
    catalog->oldest = generation;
    atomic_store(&catalog->newest, generation);
    atomic_store(&catalog->version, 1);
    return OK;
}

static void generation_free(Generation *generation) {
    entries_destroy(generation->replaced);
    free(generation->map.by_oid);
    free(generation);
}

// Frees the oldest generations that nobody holds. Under the mutex.
static void generations_collect(Catalog *catalog) {
    Generation *newest = atomic_load_explicit(&catalog->newest, memory_order_relaxed);
    while (catalog->oldest != newest && catalog->oldest->view_count == 0) {
        Generation *generation = catalog->oldest;
        catalog->oldest = generation->newer;
        generation_free(generation);
    }
}

// All but the newest `keep_count`.
static void view_release_held(CatalogView *view, uint32_t keep_count) {
    if (view->held_count <= keep_count) return;
    Catalog *catalog = view->catalog;
    uint32_t release_count = view->held_count - keep_count;
    mutex_lock(&catalog->mutex);
    for (uint32_t i = 0; i < release_count; i++)
        view->held[i]->view_count--;
    generations_collect(catalog);
    mutex_unlock(&catalog->mutex);
    memmove(view->held, view->held + release_count, keep_count * sizeof *view->held);
    view->held_count = keep_count;
}

void view_hold_newest(CatalogView *view) {
    Catalog *catalog = view->catalog;
    if (view->held_count > 0
        && view->held[view->held_count - 1]->version
               == atomic_load_explicit(&catalog->version, memory_order_acquire))
        return;
    mutex_lock(&catalog->mutex);
    Generation *newest = atomic_load_explicit(&catalog->newest, memory_order_relaxed);
    // A statement that outlives this many changes keeps the oldest it saw and the newest.
    if (view->held_count == VIEW_GENERATION_MAX) {
        view->held[view->held_count - 1]->view_count--;
        view->held_count--;
    }
    newest->view_count++;
    view->held[view->held_count++] = newest;
    mutex_unlock(&catalog->mutex);
}

// There is no way back once the commit's record is reserved: memory that cannot be had is waited
// for, since other statements give theirs back.
static Generation *generation_make_surely(uint32_t entry_count) {
    enum { TRIES = 100, PAUSE_US = 10000 };

    Generation *made = NULL;
    for (int tries = 0; made == NULL && tries < TRIES; tries++) {
        if (tries > 0) clock_sleep_us(clock_real(), PAUSE_US);
        made = calloc(1, sizeof *made);
        if (made == NULL || map_init(&made->map, entry_count) == OK) continue;
        error_clear();
        free(made);
        made = NULL;
    }
    ASSERT(made != NULL);
    return made;
}

// Makes the next generation from the overlay. Runs after the commit's record: the cache must not
// fall behind the truth.
static void overlay_publish(CatalogView *view) {
    if (view->overlay_count == 0) return;
    Catalog *catalog = view->catalog;
    mutex_lock(&catalog->mutex);
    Generation *old = atomic_load_explicit(&catalog->newest, memory_order_relaxed);
    Generation *made = generation_make_surely(old->map.count + view->overlay_count);
    for (uint32_t slot = 0; slot <= old->map.mask; slot++) {
        Entry *entry = old->map.by_oid[slot];
        if (entry == NULL) continue;
        bool is_replaced = false;
        for (uint32_t i = 0; i < view->overlay_count && !is_replaced; i++)
            is_replaced =
                view->overlay[i].oid == entry->oid && view->overlay[i].kind == entry->kind;
        if (!is_replaced) {
            map_insert(&made->map, entry);
        } else if (!entry->is_builtin) {
            entry->next = old->replaced;
            old->replaced = entry;
        }
    }
    made->version = old->version + 1;
    for (uint32_t i = 0; i < view->overlay_count; i++) {
        Entry *entry = view->overlay[i].entry;
        if (entry == NULL) continue;
        entry->table.version = made->version;
        map_insert(&made->map, entry);
    }
    old->newer = made;
    atomic_store_explicit(&catalog->newest, made, memory_order_release);
    atomic_store_explicit(&catalog->version, made->version, memory_order_release);
    generations_collect(catalog);
    mutex_unlock(&catalog->mutex);
    view->overlay_count = 0;
    view->overlay_version = 0;
}

// ---- The overlay --------------------------------------------------------------------------------

typedef struct OverlayChange {
    CatalogView *view;
    EntryKind kind;
    Oid oid;
    bool was_there;
    Entry *before;
} OverlayChange;

static OverlaySlot *overlay_find(CatalogView *view, EntryKind kind, Oid oid) {
    for (uint32_t i = view->overlay_count; i-- > 0;)
        if (view->overlay[i].oid == oid && view->overlay[i].kind == kind) return &view->overlay[i];
    return NULL;
}

static void view_discard(CatalogView *view, Entry *entry) {
    if (entry == NULL) return;
    entry->next = view->garbage;
    view->garbage = entry;
}

static void overlay_on_commit(void *argument, [[maybe_unused]] Lsn commit) {
    OverlayChange *change = argument;
    overlay_publish(change->view);
    view_discard(change->view, change->before);
}

static void overlay_on_rollback(void *argument) {
    OverlayChange *change = argument;
    CatalogView *view = change->view;
    OverlaySlot *slot = overlay_find(view, change->kind, change->oid);
    ASSERT(slot != NULL);
    view_discard(view, slot->entry);
    if (change->was_there) {
        slot->entry = change->before;
    } else {
        *slot = view->overlay[--view->overlay_count];
    }
    view->overlay_version = view->overlay_count == 0 ? 0 : ++view->overlay_serial;
}

void overlay_set(CatalogView *view, EntryKind kind, Oid oid, Entry *entry) {
    OverlaySlot *slot = overlay_find(view, kind, oid);
    OverlayChange *change = arena_new(&view->txn_arena, OverlayChange);
    *change = (OverlayChange){.view = view,
        .kind = kind,
        .oid = oid,
        .was_there = slot != NULL,
        .before = slot == NULL ? NULL : slot->entry};
    if (slot == NULL) {
        if (view->overlay_count == view->overlay_capacity) {
            uint32_t capacity = view->overlay_capacity == 0 ? 16 : view->overlay_capacity * 2;
            OverlaySlot *slots = arena_new_array(&view->txn_arena, OverlaySlot, capacity);
            if (view->overlay_count > 0)
                memcpy(slots, view->overlay, view->overlay_count * sizeof *slots);
            view->overlay = slots;
            view->overlay_capacity = capacity;
        }
        slot = &view->overlay[view->overlay_count++];
        *slot = (OverlaySlot){.kind = kind, .oid = oid};
    }
    slot->entry = entry;
    view->overlay_version = ++view->overlay_serial;
    txn_add_action(view->txn, (TxnAction){.on_commit = overlay_on_commit,
                                  .on_rollback = overlay_on_rollback,
                                  .on_unknown = overlay_on_rollback,
                                  .argument = change});
}

// ---- Views --------------------------------------------------------------------------------------

static const EntryMap *view_map(const CatalogView *view) {
    return &view->held[view->held_count - 1]->map;
}

Entry *view_find(CatalogView *view, EntryKind kind, Oid oid) {
    OverlaySlot *slot = overlay_find(view, kind, oid);
    return slot != NULL ? slot->entry : entry_map_find(view_map(view), kind, oid);
}

Entry *view_find_name(CatalogView *view, EntryKind kind, Oid schema, const char *name) {
    for (uint32_t i = 0; i < view->overlay_count; i++) {
        Entry *entry = view->overlay[i].entry;
        if (entry != NULL && entry->kind == kind && entry->schema == schema
            && strcmp(entry->name, name) == 0)
            return entry;
    }
    Entry *entry = entry_map_find_name(view_map(view), kind, schema, name);
    // Dropped or renamed here.
    if (entry != NULL && view->overlay_count > 0 && overlay_find(view, kind, entry->oid) != NULL)
        return NULL;
    return entry;
}

void view_each(CatalogView *view, EntryKind kind, void (*visit)(void *argument, Entry *entry),
    void *argument) {
    const EntryMap *map = view_map(view);
    for (uint32_t slot = 0; slot <= map->mask; slot++) {
        Entry *entry = map->by_oid[slot];
        if (entry == NULL || entry->kind != kind) continue;
        if (view->overlay_count > 0 && overlay_find(view, kind, entry->oid) != NULL) continue;
        visit(argument, entry);
    }
    for (uint32_t i = 0; i < view->overlay_count; i++) {
        Entry *entry = view->overlay[i].entry;
        if (entry != NULL && entry->kind == kind) visit(argument, entry);
    }
}

Status catalog_view_create(Catalog *catalog, CatalogView **view_out) {
    CatalogView *view = calloc(1, sizeof *view);
    if (view == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    view->catalog = catalog;
    arena_init(&view->txn_arena, NULL);
    arena_init(&view->path_arena, NULL);
    arena_init(&view->scratch, NULL);
    view->user_name = "omen";
    view->database_name = "omen";
    static const char *const path[] = {"$user", "public"};
    catalog_view_set_search_path(view, path, 2);
    view_hold_newest(view);
    *view_out = view;
    return OK;
}

void catalog_view_destroy(CatalogView *view) {
    if (view == NULL) return;
    view_release_held(view, 0);
    entries_destroy(view->garbage);
    arena_deinit(&view->txn_arena);
    arena_deinit(&view->path_arena);
    arena_deinit(&view->scratch);
    free(view->sequence_values);
    free(view);
}

void catalog_view_set_txn(CatalogView *view, Txn *txn) {
    view->txn = txn;
    if (txn != NULL) return;
    ASSERT(view->overlay_count == 0); // published or rolled back by the transaction's actions
    view->overlay = NULL;
    view->overlay_capacity = 0;
    entries_destroy(view->garbage);
    view->garbage = NULL;
    arena_reset(&view->txn_arena);
}

void catalog_view_begin_statement(CatalogView *view) {
    // Nothing is in it between statements; that one had no memory is no concern of the next.
    if (arena_is_exhausted(&view->scratch)) arena_reset(&view->scratch);
    if (view->held_count == 1
        && view->held[0]->version
               == atomic_load_explicit(&view->catalog->version, memory_order_acquire))
        return;
    view_hold_newest(view);
    view_release_held(view, 1);
}

void catalog_view_refresh(CatalogView *view) {
    view_hold_newest(view);
}

uint64_t catalog_view_version(const CatalogView *view) {
    if (view->overlay_version != 0) return UINT64_C(1) << 63 | view->overlay_version;
    return view->held[view->held_count - 1]->version;
}

void catalog_view_set_search_path(CatalogView *view, const char *const *schemas, size_t count) {
    arena_reset(&view->path_arena);
    view->search_path = arena_new_array(&view->path_arena, char *, count + 1);
    view->search_path_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        view->search_path[i] = arena_copy_text(&view->path_arena, schemas[i]);
}

void catalog_view_set_names(CatalogView *view, const char *user_name, const char *database_name) {
    view->user_name = user_name;
    view->database_name = database_name;
}

void catalog_view_set_hooks(CatalogView *view, const CatalogHooks *hooks) {
    view->hooks = *hooks;
}

Catalog *catalog_view_catalog(CatalogView *view) {
    return view->catalog;
}

TableSet *catalog_tables(Catalog *catalog) {
    return catalog->tables;
}

void catalog_close(Catalog *catalog) {
    if (catalog == NULL) return;
    Generation *generation = catalog->oldest;
    while (generation != NULL) {
        Generation *newer = generation->newer;
        if (newer == NULL) {
            for (uint32_t slot = 0; slot <= generation->map.mask; slot++)
                entry_destroy(generation->map.by_oid[slot]);
        }
        generation_free(generation);
        generation = newer;
    }
    mutex_deinit(&catalog->mutex);
    arena_deinit(&catalog->builtin_arena);
    free(catalog);
}
