// Checkpoints: the leaves as of one instant, the flip.
//
// Model    The flip lists all leaves and encodes the routing under the structure mutex, which
//          excludes structural changes; it looks at no leaf. From then on, whoever changes a leaf
//          first sees to it that its image of the flip instant is kept: the stored bytes when the
//          leaf is clean, a copy otherwise. What nobody changed is captured by the write.
//          slot.disk always names the newest stored bytes; an image that is older than the leaf is
//          the checkpoint's alone (storage-rules 4, 12).
#include "base/assert.h"
#include "base/error.h"
#include "base/hash.h"
#include "learned/image.h"

#include <stdlib.h>

enum { TABLE_CHUNK_BYTES = 1 << 20 };

Status checkpointing_reserve(
    LearnedIndex *index, uint32_t leaf_count, uint32_t node_count, uint64_t gate_slice_count) {
    Checkpointing *work = &index->checkpointing;
    size_t shape_bytes = (size_t)node_count * IMAGE_NODE_BYTES + (size_t)gate_slice_count * 8
                         + ((size_t)leaf_count + node_count + 1) * IMAGE_CHILD_BYTES;
    if (leaf_count <= work->capture_capacity && shape_bytes <= work->shape_capacity) return OK;
    uint32_t capacity = leaf_count + leaf_count / 2 + 16;
    shape_bytes += shape_bytes / 2;
    mutex_lock(&work->mutex);
    LeafCapture *captures = realloc(work->captures, capacity * sizeof(LeafCapture));
    if (captures != NULL) work->captures = captures;
    uint8_t *shape = realloc(work->shape, shape_bytes);
    if (shape != NULL) work->shape = shape;
    if (captures != NULL && shape != NULL) {
        work->capture_capacity = capacity;
        work->shape_capacity = shape_bytes;
    }
    mutex_unlock(&work->mutex);
    return captures != NULL && shape != NULL ? OK : fail(OUT_OF_MEMORY, "out of memory");
}

void checkpointing_deinit(LearnedIndex *index) {
    Checkpointing *work = &index->checkpointing;
    for (uint32_t i = 0; i < work->capture_count; i++)
        free(work->captures[i].bytes);
    free(work->captures);
    free(work->shape);
    free(work->image.refs);
    free(work->next_image.refs);
    mutex_deinit(&work->mutex);
}

void learned_index_free_image(LearnedIndex *index) {
    ExtentList *image = &index->checkpointing.image;
    for (uint32_t i = 0; i < image->count; i++)
        store_free(index->store, image->refs[i]);
    image->count = 0;
}

// ---- The flip

static void capture_later(void *argument, LeafEntry *entry) {
    Checkpointing *work = argument;
    entry->capture = work->capture_count;
    work->captures[work->capture_count++] = (LeafCapture){.entry = entry};
}

void learned_index_flip(LearnedIndex *index, uint64_t epoch) {
    Checkpointing *work = &index->checkpointing;
    ASSERT(epoch != 0);
    mutex_lock(&index->structure);
    learned_index_bury(index); // so that a quiet index holds no extent that nothing names
    mutex_lock(&work->mutex);
    ASSERT(atomic_load(&work->epoch) == 0 && work->capture_count == 0);
    uint8_t *end = image_encode_shape(learned_index_root(index), work->shape, capture_later, work);
    work->shape_bytes = (size_t)(end - work->shape);
    work->node_count = index->node_count;
    ASSERT(work->shape_bytes <= work->shape_capacity);
    ASSERT(work->capture_count == index->leaf_count);
    // Sequentially consistent with the load in leaf_entry_prepare_change: a writer that does not
    // see the epoch has its leaf latched, and its change belongs to the image.
    atomic_store(&work->epoch, epoch);
    mutex_unlock(&work->mutex);
    mutex_unlock(&index->structure);
}

// ---- Capturing. The leaf is latched, or cold; `work->mutex` is held.

static void capture_describe(LeafCapture *capture, const LeafEntry *entry) {
    capture->pair_count = atomic_load_explicit(&entry->pair_count, memory_order_relaxed);
    capture->is_exact = atomic_load_explicit(&entry->is_exact, memory_order_relaxed);
    capture->level = entry->level;
    capture->is_row_level = entry->is_row_level;
}

static void capture_done(LeafCapture *capture, uint64_t epoch) {
    atomic_store_explicit(&capture->entry->captured, epoch, memory_order_relaxed);
    capture_describe(capture, capture->entry);
    capture->entry = NULL;
}

// Copies a dirty leaf's image, or refers to a clean one's.
static Status capture_leaf(LeafCapture *capture, const CacheFrame *frame, uint64_t epoch) {
    const LeafEntry *entry = capture->entry;
    if (!atomic_load_explicit(&frame->is_dirty, memory_order_relaxed)) {
        capture->ref = entry->cache.disk;
        capture_done(capture, epoch);
        return OK;
    }
    Arena arena;
    arena_init(&arena, NULL);
    Text bytes;
    text_init(&bytes, &arena);
    Status status = leaf_object_kind.encode(frame, &bytes);
    uint8_t *copy = status == OK ? malloc(bytes.count) : NULL;
    if (copy != NULL) {
        memcpy(copy, bytes.data, bytes.count);
        capture->bytes = copy;
        capture->byte_count = bytes.count;
        capture_done(capture, epoch);
    }
    arena_deinit(&arena);
    if (status != OK) return status;
    return copy != NULL ? OK : fail(OUT_OF_MEMORY, "out of memory");
}

Status leaf_entry_prepare_change(LeafEntry *entry, CacheFrame *frame) {
    Checkpointing *work = &entry->index->checkpointing;
    uint64_t epoch = atomic_load(&work->epoch);
    if (epoch == 0 || atomic_load_explicit(&entry->captured, memory_order_relaxed) == epoch) {
        return OK;
    }
    Status status = OK;
    mutex_lock(&work->mutex);
    // The checkpoint may have ended, or captured the leaf while it was cold.
    if (atomic_load(&work->epoch) == epoch && work->captures[entry->capture].entry == entry) {
        status = capture_leaf(&work->captures[entry->capture], frame, epoch);
    }
    mutex_unlock(&work->mutex);
    return status;
}

// ---- Writing

// A leaf that is being written: what it was, and its frame, pinned, if it can be made clean.
typedef struct LeafWrite {
    LeafEntry *entry;
    CacheFrame *frame;
    uint64_t version;
    uint8_t *bytes;
    size_t byte_count;
} LeafWrite;

// Captures leaf `i` unless somebody has, under the structure mutex so that it cannot die.
static Status take_capture(LearnedIndex *index, uint32_t i, uint64_t epoch, LeafWrite *write_out) {
    Checkpointing *work = &index->checkpointing;
    *write_out = (LeafWrite){0};
    Status status = OK;
    bool is_done = false;
    mutex_lock(&index->structure);
    epoch_enter(index->epochs);
    while (!is_done) {
        mutex_lock(&work->mutex);
        LeafEntry *entry = work->captures[i].entry;
        CacheFrame *frame = entry == NULL ? NULL : cache_find(&entry->cache);
        if (entry != NULL && frame == NULL) { // cold: nobody changes it without our mutex
            work->captures[i].ref = entry->cache.disk;
            capture_done(&work->captures[i], epoch);
        }
        is_done = frame == NULL;
        mutex_unlock(&work->mutex);
        if (is_done || !latch_lock(&frame->latch, LATCH_RANK_INDEX_LEAF)) continue;
        mutex_lock(&work->mutex);
        if (work->captures[i].entry != NULL) {
            status = capture_leaf(&work->captures[i], frame, epoch);
            // Nobody has changed it since: what is written is its newest state.
            if (status == OK && work->captures[i].bytes != NULL && cache_pin(frame)) {
                write_out->entry = entry;
                write_out->frame = frame;
            }
        }
        mutex_unlock(&work->mutex);
        write_out->version = latch_unlock_version(&frame->latch, LATCH_RANK_INDEX_LEAF);
        is_done = true;
    }
    epoch_leave(index->epochs);
    mutex_unlock(&index->structure);
    mutex_lock(&work->mutex);
    write_out->bytes = work->captures[i].bytes;
    write_out->byte_count = work->captures[i].byte_count;
    mutex_unlock(&work->mutex);
    return status;
}

// The leaf's newest bytes are stored: it is clean if nobody has latched it since.
static bool adopt(LearnedIndex *index, const LeafWrite *write, ExtentRef ref) {
    if (!latch_lock_version(&write->frame->latch, write->version, LATCH_RANK_INDEX_LEAF)) {
        return false;
    }
    ExtentRef old = write->entry->cache.disk;
    write->entry->cache.disk = ref;
    atomic_store_explicit(&write->frame->is_dirty, false, memory_order_relaxed);
    latch_unlock(&write->frame->latch, LATCH_RANK_INDEX_LEAF);
    if (!extent_is_none(old)) store_free(index->store, old);
    return true;
}

static Status write_leaf(LearnedIndex *index, uint32_t i, uint64_t epoch) {
    Checkpointing *work = &index->checkpointing;
    LeafWrite write;
    Status status = take_capture(index, i, epoch, &write);
    if (status == OK && write.bytes != NULL) {
        ExtentRef ref;
        status = store_write(
            index->store, EXTENT_INDEX_LEAF, bytes_make(write.bytes, write.byte_count), &ref);
        if (status == OK) {
            bool is_adopted = write.frame != NULL && adopt(index, &write, ref);
            mutex_lock(&work->mutex);
            work->captures[i].ref = ref;
            work->captures[i].bytes = NULL;
            work->captures[i].is_fresh = !is_adopted;
            mutex_unlock(&work->mutex);
            free(write.bytes);
        }
    }
    if (write.frame != NULL) cache_unpin(write.frame);
    return status;
}

static void make_table(LearnedIndex *index, Text *table, uint64_t *pair_count_out) {
    Checkpointing *work = &index->checkpointing;
    uint64_t pair_count = 0;
    mutex_lock(&work->mutex);
    for (uint32_t i = 0; i < work->capture_count; i++) {
        const LeafCapture *capture = &work->captures[i];
        LeafRecordInTable record = {
            .ref = capture->ref,
            .pair_count = capture->pair_count,
            .level = capture->level,
            .is_row_level = capture->is_row_level,
            .is_exact = capture->is_exact,
        };
        pair_count += capture->pair_count;
        image_append_leaf(table, &record);
    }
    text_append(table, work->shape, work->shape_bytes);
    mutex_unlock(&work->mutex);
    *pair_count_out = pair_count;
}

// Writes the table in chunks; on an error those that were written are freed.
static Status write_table(LearnedIndex *index, Bytes table, ExtentList *chunks_out) {
    uint32_t count = (uint32_t)((table.count + TABLE_CHUNK_BYTES - 1) / TABLE_CHUNK_BYTES);
    ExtentRef *refs = calloc(count + 1, sizeof *refs);
    if (refs == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    for (uint32_t i = 0; i < count; i++) {
        size_t at = (size_t)i * TABLE_CHUNK_BYTES;
        size_t bytes = table.count - at < TABLE_CHUNK_BYTES ? table.count - at : TABLE_CHUNK_BYTES;
        Status status = store_write(
            index->store, EXTENT_INDEX_TABLE, bytes_make(table.data + at, bytes), &refs[i]);
        if (status != OK) {
            while (i-- > 0)
                store_free_now(index->store, refs[i]);
            free(refs);
            return status;
        }
    }
    *chunks_out = (ExtentList){.refs = refs, .count = count, .capacity = count};
    return OK;
}

Status learned_index_write(LearnedIndex *index, const CheckpointWork *work, Text *root_out) {
    Checkpointing *state = &index->checkpointing;
    ASSERT(atomic_load(&state->epoch) == work->epoch);
    for (uint32_t i = 0; i < state->capture_count; i++) {
        if (work->is_cancelled != NULL && work->is_cancelled(work->argument)) {
            return fail(QUERY_CANCELED, "the checkpoint was canceled");
        }
        TRY(write_leaf(index, i, work->epoch));
    }
    ArenaMark mark = arena_mark(work->arena);
    Text table;
    text_init(&table, work->arena);
    ImageRoot root = {
        .key_width = index->options.key_width,
        .is_unique = index->options.is_unique,
        .incarnation = index->options.incarnation,
        .leaf_count = state->capture_count,
        .node_count = state->node_count,
    };
    make_table(index, &table, &root.pair_count);
    root.table_bytes = table.count;
    Status status = arena_check(work->arena);
    state->next_hash = hash_bytes(table.data, table.count, 1);
    state->is_reused = state->image.count > 0 && state->next_hash == state->image_hash;
    if (status == OK && !state->is_reused) {
        status = write_table(index, text_bytes(&table), &state->next_image);
    }
    arena_rewind(work->arena, mark);
    if (status != OK) return status;
    image_append_root(root_out, &root, state->is_reused ? &state->image : &state->next_image);
    return OK;
}

// ---- The end

static void free_refs(LearnedIndex *index, ExtentList *list, bool is_durable) {
    for (uint32_t i = 0; i < list->count; i++) {
        if (is_durable) {
            store_free(index->store, list->refs[i]);
        } else {
            store_free_now(index->store, list->refs[i]);
        }
    }
    free(list->refs);
    *list = (ExtentList){0};
}

void learned_index_finish(
    LearnedIndex *index, [[maybe_unused]] const CheckpointWork *work, bool is_durable) {
    Checkpointing *state = &index->checkpointing;
    mutex_lock(&index->structure);
    mutex_lock(&state->mutex);
    for (uint32_t i = 0; i < state->capture_count; i++) {
        LeafCapture *capture = &state->captures[i];
        free(capture->bytes);
        if (!capture->is_fresh) continue;
        // Only the image refers to it: the next root will not.
        if (is_durable) {
            store_free(index->store, capture->ref);
        } else {
            store_free_now(index->store, capture->ref);
        }
    }
    state->capture_count = 0;
    if (is_durable && !state->is_reused) {
        free_refs(index, &state->image, true);
        state->image = state->next_image;
        state->next_image = (ExtentList){0};
        state->image_hash = state->next_hash;
    } else {
        free_refs(index, &state->next_image, false);
    }
    state->is_reused = false;
    atomic_store(&state->epoch, 0);
    mutex_unlock(&state->mutex);
    mutex_unlock(&index->structure);
}
