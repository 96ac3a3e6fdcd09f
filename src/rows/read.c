// Reading rows into batches.
//
// Model    A page without versions is read optimistically: copy, then validate the latch's version.
//          A page with versions is read under its latch, each row that has a chain put together
//          from it. Nothing that was copied is followed before it was validated, but for the bytes
//          of a short string, which lie within the page whatever was read.
//          Rows asked for by id mostly lie on as many pages: those are copied one by one, strings
//          and all, the misses of one hidden behind the others. Where several lie on one page, it
//          is read column by column and pinned for its strings.
#include "base/assert.h"
#include "base/error.h"
#include "rows/row_store_internal.h"

#if defined(__SANITIZE_THREAD__)
// The sanitizer cannot see that a validated copy is no race: read under the latch instead.
enum { IS_OPTIMISTIC = 0 };
#else
enum { IS_OPTIMISTIC = 1 };
#endif

enum { OPTIMISTIC_TRIES = 4 };

// ---- Keys ---------------------------------------------------------------------------------------

typedef struct KeyBuffer {
    char space[256];
    Arena arena;
    Text text;
} KeyBuffer;

// Keys up to the space's size take no memory from the heap.
static void key_buffer_init(KeyBuffer *buffer) {
    arena_init(&buffer->arena, NULL);
    buffer->text = (Text){
        .data = buffer->space, .capacity = sizeof buffer->space - 1, .arena = &buffer->arena};
}

static bool key_matches(KeyBuffer *buffer, const KeyFormat *format, const uint16_t *columns,
    const Value *values, Bytes key) {
    Value picked[64];
    uint32_t count = format->column_count;
    ASSERT(count <= sizeof picked / sizeof picked[0]);
    for (uint32_t i = 0; i < count; i++) {
        picked[i] = values[columns[i]];
        if (picked[i].is_null && !format->columns[i].is_nullable) return false;
    }
    buffer->text.count = 0;
    key_append(format, picked, &buffer->text);
    return bytes_equal(text_bytes(&buffer->text), key);
}

// A key that is one signed integer, big-endian with its sign turned round.
static inline bool integer_matches(
    const RowLayout *page_layout, const uint8_t *row, const KeyCheck *check, Bytes key) {
    uint32_t column = check->columns[0];
    if (key.count != check->integer_width || row_is_null(page_layout, row, column)) return false;
    const uint8_t *at = row + page_layout->columns[column].offset;
    if (check->integer_width == 8) {
        return get_u64_be(key.data) == (get_u64_le(at) ^ UINT64_C(1) << 63);
    }
    return get_u32_be(key.data) == (get_u32_le(at) ^ UINT32_C(1) << 31);
}

static inline bool row_matches(KeyBuffer *buffer, RowPage *page, const RowLayout *page_layout,
    const RowLayout *layout, const uint8_t *row, const KeyCheck *check, Bytes key) {
    if (check->integer_width != 0 && check->columns[0] < page_layout->column_count) {
        return integer_matches(page_layout, row, check, key);
    }
    Value picked[64];
    uint32_t count = check->format->column_count;
    ASSERT(count <= sizeof picked / sizeof picked[0]);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t column = check->columns[i];
        if (column < page_layout->column_count) {
            picked[i] = row_get(page, page_layout, row, column);
        } else if (layout->columns[column].has_missing) {
            picked[i] = layout->columns[column].missing;
        } else {
            picked[i] = (Value){.is_null = true};
        }
        // A torn read, or a row from before the column was NOT NULL.
        if (picked[i].is_null && !check->format->columns[i].is_nullable) return false;
    }
    buffer->text.count = 0;
    key_append(check->format, picked, &buffer->text);
    return bytes_equal(text_bytes(&buffer->text), key);
}

// ---- Gathering ----------------------------------------------------------------------------------

typedef struct Wide {
    uint64_t words[2];
} Wide;

// Rows of a page: `first` and those behind it, or by a list.
typedef struct RowPick {
    const uint16_t *rows; // NULL: consecutive ones, the common case in a scan
    uint32_t first, count;
} RowPick;

static inline uint32_t pick_row(const RowPick *pick, uint32_t i) {
    return pick->rows == NULL ? pick->first + i : pick->rows[i];
}

#define GATHER(Type)                                                                               \
    if (pick->rows == NULL) {                                                                      \
        const uint8_t *from = base + (size_t)pick->first * stride;                                 \
        _Pragma("GCC unroll 4") for (uint32_t i = 0; i < count; i++, from += stride) {             \
            memcpy((Type *)out + i, from, sizeof(Type));                                           \
        }                                                                                          \
    } else {                                                                                       \
        for (uint32_t i = 0; i < count; i++) {                                                     \
            memcpy((Type *)out + i, base + (size_t)pick->rows[i] * stride, sizeof(Type));          \
        }                                                                                          \
    }

static void gather_fixed(
    const uint8_t *base, uint32_t stride, uint32_t width, const RowPick *pick, void *out) {
    uint32_t count = pick->count;
    switch (width) {
    case 1:
        GATHER(uint8_t);
        break;
    case 2:
        GATHER(uint16_t);
        break;
    case 4:
        GATHER(uint32_t);
        break;
    case 8:
        GATHER(uint64_t);
        break;
    default:
        GATHER(Wide);
        break;
    }
}

// The bytes of the null bitmaps with this column's bit, all together.
static uint8_t gather_nulls(const uint8_t *nulls, uint32_t stride, const RowPick *pick) {
    uint8_t any = 0;
    if (pick->rows == NULL) {
        const uint8_t *at = nulls + (size_t)pick->first * stride;
#pragma GCC unroll 4
        for (uint32_t i = 0; i < pick->count; i++, at += stride)
            any |= *at;
        return any;
    }
    for (uint32_t i = 0; i < pick->count; i++)
        any |= nulls[(size_t)pick->rows[i] * stride];
    return any;
}

// True when a view borrows the page.
static bool views_adjust(RowPage *page, View *views, uint32_t count) {
    bool has_long = false;
    uint64_t base = (uint64_t)(uintptr_t)page->bytes;
    for (uint32_t i = 0; i < count; i++) {
        if (views[i].count > VIEW_INLINE_MAX) {
            views[i].rest += base;
            has_long = true;
        }
    }
    return has_long;
}

static void fill_missing(
    RowBatch *batch, const RowColumn *from, uint32_t column, uint32_t first, uint32_t count) {
    uint8_t *out = (uint8_t *)batch->batch.columns[column].values + (size_t)first * from->width;
    for (uint32_t i = 0; i < count; i++) {
        if (from->has_missing) {
            memcpy(out + (size_t)i * from->width, &from->missing.datum, from->width);
        } else {
            memset(out + (size_t)i * from->width, 0, from->width);
            row_batch_set_null(batch, column, first + i);
        }
    }
}

// Copies the wanted columns of rows of a page behind the batch's rows. True when a view borrows
// the page, which must then be pinned.
static bool gather_rows(RowPage *page, const RowLayout *page_layout, const RowLayout *layout,
    const RowPick *pick, RowBatch *batch) {
    uint32_t first = batch->batch.row_count, count = pick->count;
    const uint8_t *base = page_row(page, 0);
    uint32_t stride = page_layout->stride;
    bool has_long = false;
    for (uint32_t i = 0; i < batch->list_count; i++) {
        uint32_t column = batch->list[i].column;
        if (column >= page_layout->column_count) {
            fill_missing(batch, &layout->columns[column], column, first, count);
            continue;
        }
        const RowColumn *from = &page_layout->columns[column];
        uint8_t *out = (uint8_t *)batch->list[i].values + (size_t)first * from->width;
        gather_fixed(base + from->offset, stride, from->width, pick, out);
        if (from->kind == PHYSICAL_VIEW) {
            has_long |= views_adjust(page, (View *)(void *)out, count);
        }
        const uint8_t *nulls = base + page_layout->null_offset + column / 8;
        if ((gather_nulls(nulls, stride, pick) >> (column % 8) & 1) == 0) continue;
        for (uint32_t j = 0; j < count; j++) {
            if ((nulls[(size_t)pick_row(pick, j) * stride] >> (column % 8) & 1) != 0) {
                row_batch_set_null(batch, column, first + j);
            }
        }
    }
    return has_long;
}

// ---- One page -----------------------------------------------------------------------------------

// What is read of a page: all its rows, or some by index, each with the key it must have.
typedef struct PageRead {
    RowStore *store;
    const UndoReader *reader;
    const KeyCheck *check;
    KeyBuffer *key;
    RowBatch *batch;
    RowGroup *group;
    RowSlot *slot;
    uint32_t page;
    const uint16_t *wanted; // NULL: all
    uint32_t wanted_count;
    const Bytes *keys; // of `wanted`
} PageRead;

// The rows of a page that are to be read; `rows` is room for a list of them.
static RowPick live_rows(PageRead *read, RowPage *page, const RowLayout *page_layout,
    const RowLayout *layout, uint16_t *rows) {
    const RowPageHeader *header = page_header(page);
    RowPick pick = {.rows = rows};
    if (read->wanted == NULL) {
        uint32_t row_count = header->row_count, live = 0;
        for (uint32_t word = 0; word < (row_count + 63U) / 64; word++)
            live += (uint32_t)__builtin_popcountll(header->live[word]);
        if (live == row_count) return (RowPick){.count = row_count};
        for (uint32_t word = 0; word < (row_count + 63U) / 64; word++) {
            for (uint64_t bits = header->live[word]; bits != 0; bits &= bits - 1) {
                rows[pick.count++] = (uint16_t)(word * 64 + (uint32_t)__builtin_ctzll(bits));
            }
        }
        return pick;
    }
    for (uint32_t i = 0; i < read->wanted_count; i++) {
        uint32_t index = read->wanted[i];
        if (!page_is_live(page, index)) continue;
        if (read->check != NULL
            && !row_matches(read->key, page, page_layout, layout, page_row(page, index),
                read->check, read->keys[i])) {
            continue;
        }
        rows[pick.count++] = (uint16_t)index;
    }
    return pick;
}

static void rows_added(PageRead *read, const RowPick *pick) {
    Batch *batch = &read->batch->batch;
    uint64_t first = page_first_row(read->group, read->page).value;
    RowId *ids = batch->row_ids + batch->row_count;
    uint32_t count = pick->count;
    if (pick->rows == NULL) {
        first += pick->first;
        for (uint32_t i = 0; i < count; i++)
            ids[i].value = first + i;
    } else {
        for (uint32_t i = 0; i < count; i++)
            ids[i].value = first + pick->rows[i];
    }
    batch->row_count += count;
    batch->selected_count = batch->row_count;
}

typedef enum ReadResult { READ_DONE, READ_AGAIN, READ_NEEDS_LATCH, READ_NOT_RESIDENT } ReadResult;

// Nulls that an attempt set and that did not hold are cleared again.
static void nulls_forget(RowBatch *batch, uint32_t count) {
    uint32_t first = batch->batch.row_count;
    for (uint32_t column = 0; column < batch->batch.column_count; column++) {
        uint64_t *nulls = batch->batch.columns[column].nulls;
        if (nulls == NULL) continue;
        for (uint32_t i = first; i < first + count; i++) {
            nulls[i / 64] &= ~(UINT64_C(1) << (i % 64));
        }
    }
}

static ReadResult read_optimistic(PageRead *read) {
    CacheFrame *frame = cache_find(&read->slot->cache);
    if (frame == NULL) return READ_NOT_RESIDENT;
    RowPage *page = page_of(frame);
    const RowLayout *layout = row_store_layout(read->store);
    if (read->wanted != NULL) {
        // The latch, the header and the row are three misses: let them overlap.
        const uint8_t *row = page->bytes + page_rows_offset(1U << read->group->page_row_bits)
                             + (size_t)read->wanted[0] * layout->stride;
        __builtin_prefetch(page->bytes);
        __builtin_prefetch(row);
        __builtin_prefetch(row + layout->stride - 1);
    }
    uint64_t version;
    if (!latch_read_begin(&frame->latch, &version)) return READ_NEEDS_LATCH;
    if (slot_versions(read->slot) != NULL) return READ_NEEDS_LATCH;
    const RowLayout *page_layout = layout_find(read->store, page_header(page)->layout_version);
    uint16_t rows[ROW_PAGE_ROWS_MAX];
    RowPick pick = live_rows(read, page, page_layout, layout, rows);
    bool has_long = pick.count > 0 && gather_rows(page, page_layout, layout, &pick, read->batch);
    if (!latch_read_is_valid(&frame->latch, version) || (has_long && !cache_pin(frame))) {
        nulls_forget(read->batch, pick.count);
        return READ_AGAIN;
    }
    cache_touch(frame);
    if (has_long) row_batch_give_pin(read->batch, frame);
    rows_added(read, &pick);
    return READ_DONE;
}

// Puts a row's values, which may borrow records, behind the batch's rows.
static Status append_values(PageRead *read, uint32_t index) {
    RowBatch *rows = read->batch;
    Batch *batch = &rows->batch;
    for (uint32_t word = 0; word < (batch->column_count + 63) / 64; word++) {
        for (uint64_t bits = rows->columns[word]; bits != 0; bits &= bits - 1) {
            uint32_t column = word * 64 + (uint32_t)__builtin_ctzll(bits);
            Value *value = &rows->row_values[column];
            Column *to = &batch->columns[column];
            uint32_t width = physical_width[to->kind];
            uint8_t *out = (uint8_t *)to->values + (size_t)batch->row_count * width;
            if (value->is_null) {
                memset(out, 0, width);
                row_batch_set_null(rows, column, batch->row_count);
                continue;
            }
            if (to->kind == PHYSICAL_VIEW) TRY(row_batch_copy(rows, &value->datum.view));
            memcpy(out, &value->datum, width);
        }
    }
    rows_added(read, &(RowPick){.first = index, .count = 1});
    return OK;
}

// Whether a version is the one wanted.
typedef bool (*VersionTest)(const UndoRecord *record, const void *argument);

static bool is_seen(const UndoRecord *record, const void *argument) {
    return undo_is_visible(record, argument);
}

static bool is_own_or_committed(const UndoRecord *record, const void *argument) {
    return undo_is_own(record, argument) || undo_is_committed(record);
}

static void columns_wanted(RowBatch *rows, const KeyCheck *check) {
    memcpy(rows->row_columns, rows->columns, ((rows->batch.column_count + 63) / 64) * 8);
    for (uint32_t i = 0; check != NULL && i < check->format->column_count; i++) {
        rows->row_columns[check->columns[i] / 64] |= UINT64_C(1) << (check->columns[i] % 64);
    }
}

// One row that has a chain, under the latch.
static Status read_versioned(PageRead *read, RowPage *page, const RowLayout *page_layout,
    const RowLayout *layout, uint32_t index, const Bytes *key, const UndoRecord *head,
    VersionTest test, const void *argument) {
    RowBatch *rows = read->batch;
    RowVersion version = {.values = rows->row_values};
    version_load(page, page_layout, layout, index, rows->row_columns, &version);
    for (const UndoRecord *record = head; record != NULL && !test(record, argument);
         record = atomic_load_explicit(&record->older, memory_order_acquire)) {
        version_undo(record, rows->row_columns, &version);
    }
    if (!version.is_live) return OK;
    if (read->check != NULL
        && !key_matches(
            read->key, read->check->format, read->check->columns, version.values, *key)) {
        return OK;
    }
    return append_values(read, index);
}

static Status read_latched(PageRead *read, RowPage *page) {
    const RowLayout *layout = row_store_layout(read->store);
    const RowLayout *page_layout = layout_find(read->store, page_header(page)->layout_version);
    columns_wanted(read->batch, read->check);
    uint32_t count = read->wanted == NULL ? page_header(page)->row_count : read->wanted_count;
    bool has_long = false;
    Status status = OK;
    for (uint32_t i = 0; i < count && status == OK; i++) {
        uint16_t index = read->wanted == NULL ? (uint16_t)i : read->wanted[i];
        const UndoRecord *head = versions_head(read->slot, index);
        const Bytes *key = read->check == NULL ? NULL : &read->keys[i];
        if (head != NULL) {
            status = read_versioned(
                read, page, page_layout, layout, index, key, head, is_seen, read->reader);
            continue;
        }
        if (!page_is_live(page, index)) continue;
        if (key != NULL
            && !row_matches(
                read->key, page, page_layout, layout, page_row(page, index), read->check, *key)) {
            continue;
        }
        RowPick pick = {.first = index, .count = 1};
        has_long |= gather_rows(page, page_layout, layout, &pick, read->batch);
        rows_added(read, &pick);
    }
    if (has_long) {
        bool is_pinned = cache_pin(&page->frame);
        ASSERT(is_pinned); // nothing can leave its slot while it is latched
        row_batch_give_pin(read->batch, &page->frame);
    }
    return status;
}

static Status read_page(PageRead *read) {
    for (uint32_t tries = 0; IS_OPTIMISTIC && tries < OPTIMISTIC_TRIES; tries++) {
        epoch_enter(read->store->epochs);
        ReadResult result = read_optimistic(read);
        epoch_leave(read->store->epochs);
        if (result == READ_DONE) return OK;
        if (result != READ_AGAIN) break;
    }
    RowPage *page;
    bool exists;
    TRY(page_lock(read->store, read->slot, &page, &exists));
    if (!exists) return OK;
    Status status = read_latched(read, page);
    cache_touch(&page->frame);
    page_unlock(read->store, page);
    return status;
}

// ---- Rows one by one ----------------------------------------------------------------------------

enum {
    FETCH_GROUP_COUNT = 32,
    PAGE_RUN_COUNT = 8,     // so many rows of one page are read as a page
    COPIED_BYTES_MAX = 256, // longer strings are not copied: their page is pinned
    COPY_STEP = 16,
};

// What is the same for every row of a call.
typedef struct RowFetch {
    RowStore *store;
    const RowLayout *layout;
    const KeyCheck *check; // or NULL
    KeyBuffer *key;
    RowBatch *batch;
    // Of a key that is one integer: where the row has it, and whether it is NULL. Width 0: another.
    uint32_t key_width, key_offset, key_null_offset;
    uint8_t key_null_bit;
} RowFetch;

static RowFetch row_fetch(RowStore *store, const KeyCheck *check, RowBatch *batch, KeyBuffer *key) {
    const RowLayout *layout = row_store_layout(store);
    RowFetch fetch = {.store = store, .layout = layout, .check = check, .key = key, .batch = batch};
    if (check != NULL && check->integer_width != 0) {
        uint32_t column = check->columns[0];
        fetch.key_width = check->integer_width;
        fetch.key_offset = layout->columns[column].offset;
        fetch.key_null_offset = layout->null_offset + column / 8;
        fetch.key_null_bit = (uint8_t)(1U << (column % 8));
    }
    return fetch;
}

// Where a row is, if its page is in memory. Bytes at `row` may be read inside the epoch, whatever
// they are.
typedef struct FetchPlace {
    RowSlot *slot;
    CacheFrame *frame; // or NULL
    const uint8_t *row;
    uint32_t index; // in the page
} FetchPlace;

static inline bool fetch_matches(
    const RowFetch *fetch, RowPage *page, const uint8_t *row, const Bytes *key) {
    if (fetch->key_width == sizeof(uint64_t)) {
        return key->count == sizeof(uint64_t)
               && get_u64_be(key->data) == (get_u64_le(row + fetch->key_offset) ^ UINT64_C(1) << 63)
               && (row[fetch->key_null_offset] & fetch->key_null_bit) == 0;
    }
    return row_matches(fetch->key, page, fetch->layout, fetch->layout, row, fetch->check, *key);
}

static void fetch_nulls(const RowFetch *fetch, const uint8_t *nulls) {
    RowBatch *batch = fetch->batch;
    for (uint32_t i = 0; i < batch->list_count; i++) {
        uint32_t column = batch->list[i].column;
        bool is_null = (nulls[column / 8] >> (column % 8) & 1) != 0;
        if (is_null) row_batch_set_null(batch, column, batch->batch.row_count);
    }
}

// Puts the bytes of a long string in the batch. False when it is not for copying.
static inline bool fetch_string(
    const RowBatch *batch, RowPage *page, View *view, uint8_t **copy_inout) {
    uint32_t bytes = page_header(page)->bytes, count = view->count;
    if (count > COPIED_BYTES_MAX || bytes < count || view->rest > bytes - count
        || (size_t)(batch->copy_end - *copy_inout) < count + COPY_STEP) {
        return false;
    }
    const uint8_t *from = page->bytes + view->rest;
    uint8_t *to = *copy_inout;
    if (view->rest + count + COPY_STEP <= bytes) {
        // In steps, past the end: the next string writes over it.
        for (uint32_t i = 0; i < count; i += COPY_STEP)
            memcpy(to + i, from + i, COPY_STEP);
    } else {
        memcpy(to, from, count);
    }
    view->rest = (uint64_t)(uintptr_t)to;
    *copy_inout = to + count;
    return true;
}

// Copies a row's columns behind the batch's rows. False when it is not for copying.
static inline bool fetch_columns(
    const RowFetch *fetch, RowPage *page, const uint8_t *row, uint8_t **copy_inout) {
    const RowBatch *batch = fetch->batch;
    const RowBatchColumn *column = batch->list, *end = column + batch->list_count;
    uint32_t at = batch->batch.row_count;
    for (; column < end; column++) {
        const uint8_t *value = row + column->offset;
        if (column->width == 8) {
            memcpy((uint64_t *)column->values + at, value, 8);
        } else if (column->width == 16) {
            View *view = (View *)column->values + at;
            memcpy(view, value, 16);
            bool is_long = column->is_view && view->count > VIEW_INLINE_MAX;
            if (is_long && !fetch_string(batch, page, view, copy_inout)) return false;
        } else if (column->width == 4) {
            memcpy((uint32_t *)column->values + at, value, 4);
        } else if (column->width == 2) {
            memcpy((uint16_t *)column->values + at, value, 2);
        } else {
            ((uint8_t *)column->values)[at] = *value;
        }
    }
    const uint8_t *nulls = row + fetch->layout->null_offset;
    uint32_t null_bytes = (fetch->layout->column_count + 7) / 8;
    uint8_t any = 0;
    for (uint32_t i = 0; i < null_bytes; i++)
        any |= nulls[i];
    if (any != 0) fetch_nulls(fetch, nulls);
    return true;
}

// Reads one row of a page that is in memory and has no versions. False when it is not to be had
// like this, and then nothing has happened.
static inline bool fetch_row(
    const RowFetch *fetch, const FetchPlace *place, RowId row_id, const Bytes *key) {
    CacheFrame *frame = place->frame;
    uint64_t version;
    if (!latch_try_read(&frame->latch, &version)) return false;
    if (slot_versions(place->slot) != NULL) return false;
    RowPage *page = page_of(frame);
    if (page_header(page)->layout_version != fetch->layout->version) return false;
    RowBatch *batch = fetch->batch;
    bool is_wanted = page_is_live(page, place->index)
                     && (key == NULL || fetch_matches(fetch, page, place->row, key));
    uint8_t *copy = batch->copy_next;
    bool is_copied = !is_wanted || fetch_columns(fetch, page, place->row, &copy);
    if (!is_copied || !latch_read_is_valid(&frame->latch, version)) {
        nulls_forget(batch, 1);
        return false;
    }
    cache_touch(frame);
    if (!is_wanted) return true;
    batch->copy_next = copy;
    batch->batch.row_ids[batch->batch.row_count++] = row_id;
    return true;
}

static inline void place_follow(const RowFetch *fetch, const RowGroup *group, FetchPlace *place) {
    CacheFrame *frame = cache_find(&place->slot->cache);
    place->frame = frame;
    if (frame == NULL) return;
    const RowPage *page = page_of(frame);
    uint32_t stride = fetch->layout->stride;
    place->row =
        page->bytes + page_rows_offset(1U << group->page_row_bits) + (size_t)place->index * stride;
    // The latch, the header and the row are three misses or four: let them overlap.
    __builtin_prefetch(frame);
    __builtin_prefetch(page->bytes);
    __builtin_prefetch(place->row);
    __builtin_prefetch(place->row + stride - 1);
}

// The strings' places are in the rows. Where a read is torn the prefetch is in vain.
static void group_prefetch_strings(
    const RowFetch *fetch, const FetchPlace *places, uint32_t count) {
    for (uint32_t c = 0; c < fetch->batch->list_count; c++) {
        const RowBatchColumn *column = &fetch->batch->list[c];
        if (!column->is_view) continue;
        for (uint32_t i = 0; i < count; i++) {
            if (places[i].frame == NULL) continue;
            View view;
            memcpy(&view, places[i].row + column->offset, sizeof view);
            if (view.count <= VIEW_INLINE_MAX) continue;
            const uint8_t *bytes = page_of(places[i].frame)->bytes + view.rest;
            __builtin_prefetch(bytes);
            __builtin_prefetch(bytes + view.count - 1);
        }
    }
}

// How many of the rows were dealt with before one that has to be read through its page.
static uint32_t fetch_group(
    const RowFetch *fetch, const RowId *rows, const Bytes *keys, uint32_t count) {
    FetchPlace places[FETCH_GROUP_COUNT];
    const RowGroup *groups[FETCH_GROUP_COUNT];
    for (uint32_t i = 0; i < count; i++) {
        RowPlace place = row_place(fetch->store, rows[i]);
        places[i].slot = place.slot;
        places[i].index = place.index;
        groups[i] = place.group;
        if (place.slot != NULL) __builtin_prefetch(place.slot);
    }
    for (uint32_t i = 0; i < count; i++) {
        places[i].frame = NULL;
        if (places[i].slot != NULL) place_follow(fetch, groups[i], &places[i]);
    }
    if (fetch->batch->view_count > 0) group_prefetch_strings(fetch, places, count);
    for (uint32_t i = 0; i < count; i++) {
        if (places[i].slot == NULL) continue; // there never was such a row
        const Bytes *key = keys == NULL ? NULL : &keys[i];
        if (places[i].frame == NULL || !fetch_row(fetch, &places[i], rows[i], key)) return i;
    }
    return count;
}

// How many of the rows lie on the page of the first.
static uint32_t page_run(const RowPlace *place, const RowId *rows, uint32_t count) {
    uint64_t first = page_first_row(place->group, place->page).value;
    uint64_t page_row_count = UINT64_C(1) << place->group->page_row_bits;
    uint32_t run = 1;
    while (run < count && rows[run].value - first < page_row_count)
        run++;
    return run;
}

// Reads the rows at the front that lie on one page; returns how many those are.
static Status fetch_by_page(PageRead *read, const RowId *rows, uint32_t count, uint32_t *done_out) {
    *done_out = 1;
    RowPlace place = row_place(read->store, rows[0]);
    if (place.slot == NULL) return OK;
    uint32_t run = page_run(&place, rows, count < ROW_PAGE_ROWS_MAX ? count : ROW_PAGE_ROWS_MAX);
    uint16_t wanted[ROW_PAGE_ROWS_MAX];
    uint64_t first = page_first_row(place.group, place.page).value;
    for (uint32_t i = 0; i < run; i++)
        wanted[i] = (uint16_t)(rows[i].value - first);
    read->group = place.group;
    read->slot = place.slot;
    read->page = place.page;
    read->wanted = wanted;
    read->wanted_count = run;
    *done_out = run;
    return read_page(read);
}

// ---- Doors --------------------------------------------------------------------------------------

static bool is_run(RowStore *store, const RowId *rows, uint32_t count) {
    if (count < PAGE_RUN_COUNT) return false;
    // Most are far apart: that needs no directory.
    if (rows[PAGE_RUN_COUNT - 1].value - rows[0].value >= ROW_PAGE_ROWS_MAX) return false;
    RowPlace place = row_place(store, rows[0]);
    return place.slot != NULL && page_run(&place, rows, PAGE_RUN_COUNT) == PAGE_RUN_COUNT;
}

// One row that a key led to. False when it has to be read through its page.
static bool fetch_single(const RowFetch *fetch, RowId row_id, const Bytes *key) {
    RowPlace place = row_place(fetch->store, row_id);
    if (place.slot == NULL) return true;
    FetchPlace at = {.slot = place.slot, .index = place.index};
    epoch_enter(fetch->store->epochs);
    place_follow(fetch, place.group, &at);
    bool is_done = at.frame != NULL && fetch_row(fetch, &at, row_id, key);
    epoch_leave(fetch->store->epochs);
    return is_done;
}

// What could not be read by itself, or should not be, is read through its page.
static Status fetch_many(const RowFetch *fetch, const UndoReader *reader, const RowId *rows,
    uint32_t row_count, uint32_t *done_inout) {
    RowStore *store = fetch->store;
    RowBatch *batch = fetch->batch;
    const Bytes *keys = fetch->check == NULL ? NULL : fetch->check->keys;
    PageRead read = {
        .store = store, .reader = reader, .check = fetch->check, .key = fetch->key, .batch = batch};
    uint32_t done = *done_inout;
    Status status = OK;
    while (done < row_count && status == OK) {
        uint32_t room = BATCH_ROW_COUNT - batch->batch.row_count;
        if (room == 0) break;
        uint32_t left = row_count - done < room ? row_count - done : room;
        uint32_t taken = 0;
        uint32_t count = left < FETCH_GROUP_COUNT ? left : FETCH_GROUP_COUNT;
        if (IS_OPTIMISTIC && !is_run(store, rows + done, left)) {
            status = row_batch_reserve(
                batch, (size_t)batch->view_count * (COPIED_BYTES_MAX + COPY_STEP));
            if (status != OK) break;
            epoch_enter(store->epochs);
            taken = fetch_group(fetch, rows + done, keys == NULL ? NULL : keys + done, count);
            epoch_leave(store->epochs);
            done += taken;
            if (taken == count) continue;
        }
        read.keys = keys == NULL ? NULL : keys + done;
        status = fetch_by_page(&read, rows + done, left - taken, &taken);
        done += taken;
    }
    *done_inout = done;
    batch->batch.selected_count = batch->batch.row_count;
    return status;
}

Status row_store_fetch(RowStore *store, const UndoReader *reader, const RowId *rows,
    uint32_t row_count, const KeyCheck *check, RowBatch *batch, uint32_t *done_out) {
    KeyBuffer key;
    RowFetch fetch = row_fetch(store, check, batch, &key);
    row_batch_begin(batch, fetch.layout);
    bool has_buffer = check != NULL && check->integer_width == 0;
    if (has_buffer) key_buffer_init(&key);
    *done_out = 0;
    bool is_single = IS_OPTIMISTIC && row_count == 1 && batch->batch.row_count < BATCH_ROW_COUNT;
    if (is_single && fetch_single(&fetch, rows[0], check == NULL ? NULL : check->keys)) {
        *done_out = 1;
        batch->batch.selected_count = batch->batch.row_count;
        if (has_buffer) arena_deinit(&key.arena);
        return OK;
    }
    if (!has_buffer) key_buffer_init(&key); // a row of an old layout has its key made
    Status status = fetch_many(&fetch, reader, rows, row_count, done_out);
    arena_deinit(&key.arena);
    return status;
}

Status row_store_scan(RowStore *store, const UndoReader *reader, RowPosition *position_inout,
    RowPosition end, RowBatch *batch) {
    PageRead read = {.store = store, .reader = reader, .batch = batch};
    row_batch_begin(batch, row_store_layout(store));
    RowPosition at = *position_inout;
    while (at.group < end.group || (at.group == end.group && at.page < end.page)) {
        RowGroup *group = group_find(store, at.group);
        if (group == NULL || at.page >= group->page_count) {
            at = (RowPosition){.group = at.group + 1};
            continue;
        }
        if (BATCH_ROW_COUNT - batch->batch.row_count < 1U << group->page_row_bits) break;
        PageChunk *chunk = group_chunk(group, at.page);
        if (chunk == NULL) {
            at.page = (at.page / CHUNK_PAGE_COUNT + 1) * CHUNK_PAGE_COUNT;
            continue;
        }
        read.group = group;
        read.page = at.page;
        read.slot = &chunk->slots[at.page % CHUNK_PAGE_COUNT];
        TRY(read_page(&read));
        at.page++;
    }
    *position_inout = at;
    return OK;
}

bool row_store_advance(
    RowStore *store, RowPosition *position_inout, RowPosition end, uint32_t row_room) {
    RowPosition at = *position_inout;
    while (at.group < end.group) {
        RowGroup *group = group_find(store, at.group);
        if (group != NULL && at.page < group->page_count) break;
        at = (RowPosition){.group = at.group + 1};
    }
    if (at.group > end.group || (at.group == end.group && at.page >= end.page)) return false;
    RowGroup *group = group_find(store, at.group);
    uint32_t page_room = group == NULL ? 0 : row_room >> group->page_row_bits;
    if (page_room == 0) return false;
    uint32_t last = at.group == end.group ? end.page : group->page_count;
    at.page = last - at.page < page_room ? last : at.page + page_room;
    *position_inout = at;
    return true;
}

Status row_store_fetch_newest(
    RowStore *store, Txn *txn, RowId row, RowBatch *batch, bool *found_out) {
    RowPlace place = row_place(store, row);
    *found_out = false;
    row_batch_begin(batch, row_store_layout(store));
    if (place.slot == NULL) return OK;
    RowPage *page;
    bool exists;
    TRY(page_lock(store, place.slot, &page, &exists));
    if (!exists) return OK;
    PageRead read = {.store = store,
        .batch = batch,
        .group = place.group,
        .slot = place.slot,
        .page = place.page};
    const RowLayout *page_layout = layout_find(store, page_header(page)->layout_version);
    columns_wanted(batch, NULL);
    uint32_t count = batch->batch.row_count;
    Status status = read_versioned(&read, page, page_layout, row_store_layout(store), place.index,
        NULL, versions_head(place.slot, place.index), is_own_or_committed, txn_history(txn));
    page_unlock(store, page);
    *found_out = status == OK && batch->batch.row_count > count;
    return status;
}

Status row_store_load_row(RowStore *store, RowId row) {
    RowPlace place = row_place(store, row);
    if (place.slot == NULL) return OK;
    RowPage *page;
    bool exists;
    TRY(page_lock(store, place.slot, &page, &exists));
    if (exists) page_unlock(store, page);
    return OK;
}

// ---- Keys of versions ---------------------------------------------------------------------------

typedef struct KeyRead {
    KeyBuffer buffer;
    const KeyFormat *format;
    const uint16_t *columns;
    Bytes key;
    RowVersion version;
    uint64_t wanted[(ROW_COLUMNS_MAX + 63) / 64];
    Value values[ROW_COLUMNS_MAX];
} KeyRead;

static bool version_has_key(KeyRead *read) {
    return read->version.is_live
           && key_matches(
               &read->buffer, read->format, read->columns, read->version.values, read->key);
}

static void key_read_begin(KeyRead *read, RowStore *store, RowPage *page, uint32_t index,
    const KeyFormat *format, const uint16_t *columns, Bytes key) {
    key_buffer_init(&read->buffer);
    read->format = format;
    read->columns = columns;
    read->key = key;
    read->version.values = read->values;
    const RowLayout *layout = row_store_layout(store);
    memset(read->wanted, 0, (layout->column_count + 63) / 64 * sizeof(uint64_t));
    for (uint32_t i = 0; i < format->column_count; i++) {
        read->wanted[columns[i] / 64] |= UINT64_C(1) << (columns[i] % 64);
    }
    version_load(page, layout_find(store, page_header(page)->layout_version), layout, index,
        read->wanted, &read->version);
}

RowKeyState row_store_key_rival(RowStore *store, const TxnHistory *own, const KeyFormat *format,
    const uint16_t *columns, Bytes key, RowId row) {
    RowPlace place = row_place(store, row);
    if (place.slot == NULL) return ROW_KEY_DEAD;
    RowPage *page = page_try_lock_resident(store, place.slot);
    if (page == NULL) {
        return extent_is_none(place.slot->cache.disk) ? ROW_KEY_DEAD : ROW_KEY_ABSENT;
    }
    KeyRead read;
    key_read_begin(&read, store, page, place.index, format, columns, key);
    bool has_key = version_has_key(&read), is_pending = false;
    // Locks decide nothing; a change by another that is not committed does, if it is about this
    // key.
    for (const UndoRecord *record = versions_head(place.slot, place.index); record != NULL;
         record = atomic_load_explicit(&record->older, memory_order_acquire)) {
        if (record->kind == UNDO_LOCK) continue;
        if (undo_is_own(record, own) || undo_is_committed(record)) break;
        is_pending = true;
        version_undo(record, read.wanted, &read.version);
        has_key |= version_has_key(&read);
    }
    page_unlock(store, page);
    arena_deinit(&read.buffer.arena);
    if (!has_key) return ROW_KEY_DEAD;
    return is_pending ? ROW_KEY_PENDING : ROW_KEY_LIVE;
}

RowKeyState row_store_key_needed(
    RowStore *store, const KeyFormat *format, const uint16_t *columns, Bytes key, RowId row) {
    RowPlace place = row_place(store, row);
    if (place.slot == NULL) return ROW_KEY_DEAD;
    RowPage *page = page_try_lock_resident(store, place.slot);
    if (page == NULL) {
        return extent_is_none(place.slot->cache.disk) ? ROW_KEY_DEAD : ROW_KEY_ABSENT;
    }
    KeyRead read;
    key_read_begin(&read, store, page, place.index, format, columns, key);
    bool has_key = version_has_key(&read);
    // What is before a dead record nobody reads any more.
    for (const UndoRecord *record = versions_head(place.slot, place.index);
         record != NULL && !has_key
         && (atomic_load_explicit(&record->flags, memory_order_relaxed) & UNDO_IS_DEAD) == 0;
         record = atomic_load_explicit(&record->older, memory_order_acquire)) {
        version_undo(record, read.wanted, &read.version);
        has_key = version_has_key(&read);
    }
    page_unlock(store, page);
    arena_deinit(&read.buffer.arena);
    return has_key ? ROW_KEY_LIVE : ROW_KEY_DEAD;
}
