// What the files of rows share.
#pragma once

#include "os/thread.h"
#include "rows/row_page.h"
#include "rows/row_store.h"

enum {
    CHUNK_PAGE_COUNT = 64,
    DIRECTORY_LEAF_COUNT = 1024,
    DIRECTORY_ROOT_COUNT = 1024, // 2^20 groups: 6.9e10 rows in a store
    POINT_COUNT_MAX = 8,
    FEW_VERSIONS = 8,
};

// Heads of the chains of one page's rows. Few: a list; many: one a row. Changed under the page's
// latch; replaced ones are retired, because optimistic readers look at the pointer.
typedef struct VersionTable {
    uint32_t count;
    uint32_t capacity; // FEW_VERSIONS, or the page's row count
    bool is_direct;    // heads[row]
    uint16_t rows[FEW_VERSIONS];
    UndoRecord *heads[];
} VersionTable;

typedef struct RowSlot {
    CacheSlot cache; // first
    _Atomic(VersionTable *) versions;
} RowSlot;

// 64 pages of a group.
typedef struct PageChunk {
    _Atomic uint64_t changed; // a bit a page whose bytes differ from the last image's
    RowSlot slots[CHUNK_PAGE_COUNT];
    ExtentRef images[CHUNK_PAGE_COUNT]; // in the last image; of the checkpointer
} PageChunk;

typedef struct RowGroup {
    uint32_t index;
    uint8_t page_row_bits;
    uint32_t page_count;           // that fit: 65,536 >> page_row_bits
    ExtentRef image;               // of its descriptor; of the checkpointer
    bool is_image_stale;           // a page's image is newer than the descriptor
    _Atomic(PageChunk *) chunks[]; // page_count / 64, at least one
} RowGroup;

typedef struct DirectoryLeaf {
    _Atomic(RowGroup *) groups[DIRECTORY_LEAF_COUNT];
} DirectoryLeaf;

// Where new rows go: one page of its own.
typedef struct InsertionPoint {
    _Alignas(64) Mutex mutex;
    bool has_page;
    RowGroup *group;
    uint32_t page, next; // next slot in the page
} InsertionPoint;

struct RowStore {
    RowStoreOptions options;
    Cache *cache;
    EpochSet *epochs;
    _Atomic(RowLayout *) layout;  // that is written now
    _Atomic(RowLayout *) layouts; // all of them, newest first; added to under structure

    Mutex structure; // next page, groups, layouts
    _Atomic uint32_t group_count;
    _Atomic uint32_t next_page; // in the last group
    _Atomic(DirectoryLeaf *) directory[DIRECTORY_ROOT_COUNT];
    uint32_t point_count;
    InsertionPoint points[POINT_COUNT_MAX];

    ExtentRef directory_image;              // of the list of groups, when it does not fit the entry
    _Atomic uint64_t row_count;             // live now
    _Atomic uint64_t heap_bytes, heap_rows; // what inserts brought, for choosing page sizes
};

// directory.c
static inline RowGroup *group_find(RowStore *store, uint32_t index) {
    if (index >= atomic_load_explicit(&store->group_count, memory_order_acquire)) return NULL;
    DirectoryLeaf *leaf =
        atomic_load_explicit(&store->directory[index / DIRECTORY_LEAF_COUNT], memory_order_acquire);
    return leaf == NULL ? NULL
                        : atomic_load_explicit(
                            &leaf->groups[index % DIRECTORY_LEAF_COUNT], memory_order_acquire);
}

static inline PageChunk *group_chunk(RowGroup *group, uint32_t page) {
    return atomic_load_explicit(&group->chunks[page / CHUNK_PAGE_COUNT], memory_order_acquire);
}

// A place of a row: NULL slot when there is no such page.
typedef struct RowPlace {
    RowGroup *group;
    RowSlot *slot;
    PageChunk *chunk;
    uint32_t page, index; // of the page in the group, of the row in the page
} RowPlace;

static inline RowPlace row_place(RowStore *store, RowId row) {
    RowPlace place = {
        .group = row.value > ROW_ID_MAX ? NULL : group_find(store, row_id_group(row))};
    if (place.group == NULL) return place;
    place.page = row_id_low(row) >> place.group->page_row_bits;
    place.index = row_id_low(row) & ((1U << place.group->page_row_bits) - 1);
    place.chunk = group_chunk(place.group, place.page);
    if (place.chunk == NULL) return place;
    place.slot = &place.chunk->slots[place.page % CHUNK_PAGE_COUNT];
    return place;
}

static inline RowId page_first_row(const RowGroup *group, uint32_t page) {
    return (RowId){
        ((uint64_t)group->index << GROUP_ROW_BITS) + ((uint64_t)page << group->page_row_bits)};
}

Status group_add(RowStore *store, uint32_t index, uint8_t page_row_bits, RowGroup **group_out);
Status chunk_ensure(RowStore *store, RowGroup *group, uint32_t page, PageChunk **chunk_out);
// The next page nobody has yet, with an empty frame in its slot.
Status page_claim(RowStore *store, size_t heap_bytes, RowGroup **group_out, uint32_t *page_out);
Status page_create(RowStore *store, RowGroup *group, uint32_t page, uint32_t bytes);
const RowLayout *layout_find(RowStore *store, uint16_t version);

// page_access.c
extern const ObjectKind row_page_kind;

static inline RowPage *page_of(CacheFrame *frame) {
    return (RowPage *)(void *)frame;
}

// Latches the page of a slot, inside an epoch, reading it if need be. False in *exists_out when
// the slot has none. Errors: IO_ERROR, DATA_CORRUPTED, OUT_OF_MEMORY.
Status page_lock(RowStore *store, RowSlot *slot, RowPage **page_out, bool *exists_out);
// The same when it is in memory; NULL otherwise.
RowPage *page_try_lock_resident(RowStore *store, RowSlot *slot);
void page_unlock(RowStore *store, RowPage *page);
// Whether the page has the store's layout and `heap_bytes` of room.
bool page_is_ready(RowStore *store, RowPage *page, size_t heap_bytes);
// As page_lock, and the page has the store's layout and `heap_bytes` of room.
Status page_lock_for_write(RowStore *store, const RowPlace *place, size_t heap_bytes,
    RowPage **page_out, bool *exists_out);
void page_changed(const RowPlace *place, RowPage *page);

// versions.c
static inline VersionTable *slot_versions(RowSlot *slot) {
    return atomic_load_explicit(&slot->versions, memory_order_acquire);
}

UndoRecord *versions_head(RowSlot *slot, uint32_t index);
// Room for the heads of `count` rows from `index` on, in a page of row_count; under the latch.
// Errors: OUT_OF_MEMORY.
Status versions_reserve(
    RowStore *store, RowSlot *slot, uint32_t index, uint32_t count, uint32_t row_count);
void versions_set(RowStore *store, RowSlot *slot, uint32_t index, UndoRecord *head); // NULL: none

// A row as one version of it has it.
typedef struct RowVersion {
    bool is_live;
    Value *values; // those of the columns wanted; views borrow the page and the records
} RowVersion;

// Loads the row as it is now.
void version_load(RowPage *page, const RowLayout *page_layout, const RowLayout *layout,
    uint32_t index, const uint64_t *columns, RowVersion *version);
// Turns it into what it was before the record.
void version_undo(const UndoRecord *record, const uint64_t *columns, RowVersion *version);

// Before-image of an update: items of one column each.
size_t before_item_bytes(const RowColumn *column, const Value *value);
uint8_t *before_item_put(
    uint8_t *at, uint32_t column, const RowColumn *layout_column, const Value *value);

typedef struct BeforeItem {
    uint32_t column;
    PhysicalKind kind;
    Value value; // borrows the record
} BeforeItem;

bool before_item_take(const UndoRecord *record, uint32_t *offset_inout, BeforeItem *item_out);
