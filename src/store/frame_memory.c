#include "store/frame_memory.h"

#include "base/assert.h"
#include "os/thread.h"

#include <stdlib.h>
#include <sys/mman.h>

enum {
    REGION_BYTES = 2 << 20,
    REGION_HEAD_BYTES = 128, // of the pieces' offset: pieces start on lines
    PIECE_BYTES_MAX = 128 << 10,
    // A class is a row page's frame and sixteen steps to each doubling, so that pages of 16 KiB
    // with their head fit without a rest and others lose a sixteenth at most.
    FRAME_HEAD_BYTES = 64,
    STEP_BITS = 4,
    CLASS_COUNT = 18 << STEP_BITS,
};

#ifdef __SANITIZE_ADDRESS__
// Pieces that are used again would hide what the sanitizer looks for.
static const size_t HEAP_BYTES_FIRST = SIZE_MAX;
#else
static const size_t HEAP_BYTES_FIRST = 8 << 20; // of a class
#endif

typedef struct FreePiece {
    struct FreePiece *next;
} FreePiece;

// Lies at the start of its region.
typedef struct Region {
    struct Region *next, *previous; // among those of its class that have room
    FreePiece *free;
    uint32_t class_index;
    uint32_t used, cut, capacity; // pieces in use; ever cut off; in all
} Region;

static_assert(sizeof(Region) <= REGION_HEAD_BYTES, "pieces start on lines");

typedef struct FrameClass {
    size_t piece_bytes;
    size_t heap_bytes; // of this class, from the heap
    Region *regions;   // with room
} FrameClass;

struct FrameMemory {
    Mutex mutex;
    size_t region_count;
    FrameClass classes[CLASS_COUNT];
};

FrameMemory *frame_memory_create(void) {
    FrameMemory *memory = calloc(1, sizeof *memory);
    if (memory != NULL) mutex_init(&memory->mutex, LATCH_RANK_FRAME_MEMORY);
    return memory;
}

void frame_memory_destroy(FrameMemory *memory) {
    if (memory == NULL) return;
    for (uint32_t i = 0; i < CLASS_COUNT; i++) {
        Region *region = memory->classes[i].regions;
        while (region != NULL) {
            Region *next = region->next;
            ASSERT(region->used == 0);
            munmap(region, REGION_BYTES);
            memory->region_count--;
            region = next;
        }
    }
    ASSERT(memory->region_count == 0);
    mutex_deinit(&memory->mutex);
    free(memory);
}

// The class of a size, with the bytes of its pieces.
static uint32_t class_of(size_t bytes, size_t *piece_bytes_out) {
    size_t body = bytes - FRAME_HEAD_BYTES;
    uint32_t bits = 10; // everything up to 1 KiB is one class
    while ((size_t)1 << (bits + 1) <= body)
        bits++;
    size_t step = (size_t)1 << (bits - STEP_BITS);
    size_t count = (body + step - 1) / step; // 16 to 32 steps
    *piece_bytes_out = FRAME_HEAD_BYTES + count * step;
    if (count >= 2U << STEP_BITS) { // the next doubling's first
        bits++;
        count = 1U << STEP_BITS;
    }
    uint32_t in_doubling = count < 1U << STEP_BITS ? 0 : (uint32_t)count - (1U << STEP_BITS);
    if (body < 1 << 10) *piece_bytes_out = FRAME_HEAD_BYTES + (1 << 10);
    return (bits - 10) << STEP_BITS | in_doubling;
}

static Region *region_create(FrameMemory *memory, uint32_t class_index) {
    // Twice as much, for a border of 2 MiB to lie in it.
    uint8_t *mapped = mmap(
        NULL, 2 * (size_t)REGION_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return NULL;
    size_t before = (REGION_BYTES - (uintptr_t)mapped % REGION_BYTES) % REGION_BYTES;
    if (before > 0) munmap(mapped, before);
    munmap(mapped + before + REGION_BYTES, REGION_BYTES - before);
    // Without huge pages it is as good as other memory.
    (void)madvise(mapped + before, REGION_BYTES, MADV_HUGEPAGE);
    Region *region = (Region *)(void *)(mapped + before);
    FrameClass *class = &memory->classes[class_index];
    *region = (Region){.class_index = class_index,
        .capacity = (uint32_t)((REGION_BYTES - REGION_HEAD_BYTES) / class->piece_bytes)};
    memory->region_count++;
    return region;
}

static void list_add(FrameClass *class, Region *region) {
    region->previous = NULL;
    region->next = class->regions;
    if (region->next != NULL) region->next->previous = region;
    class->regions = region;
}

static void list_remove(FrameClass *class, Region *region) {
    if (region->next != NULL) region->next->previous = region->previous;
    if (region->previous != NULL) {
        region->previous->next = region->next;
    } else {
        class->regions = region->next;
    }
}

static void *piece_take(FrameMemory *memory, uint32_t class_index) {
    FrameClass *class = &memory->classes[class_index];
    if (class->regions == NULL) {
        Region *region = region_create(memory, class_index);
        if (region == NULL) return NULL;
        list_add(class, region);
    }
    Region *region = class->regions;
    void *piece = region->free;
    if (piece != NULL) {
        region->free = region->free->next;
    } else {
        piece = (uint8_t *)region + REGION_HEAD_BYTES + region->cut++ * class->piece_bytes;
    }
    if (++region->used == region->capacity) list_remove(class, region);
    return piece;
}

void *frame_memory_allocate(FrameMemory *memory, size_t bytes, bool *is_cut_out) {
    *is_cut_out = false;
    if (bytes > PIECE_BYTES_MAX) return aligned_alloc(64, bytes);
    size_t piece_bytes;
    uint32_t class_index = class_of(bytes, &piece_bytes);
    FrameClass *class = &memory->classes[class_index];
    mutex_lock(&memory->mutex);
    class->piece_bytes = piece_bytes;
    *is_cut_out = class->heap_bytes >= HEAP_BYTES_FIRST;
    void *piece = NULL;
    if (*is_cut_out) {
        piece = piece_take(memory, class_index);
    } else {
        class->heap_bytes += bytes;
    }
    mutex_unlock(&memory->mutex);
    if (*is_cut_out) return piece;
    piece = aligned_alloc(64, bytes);
    if (piece != NULL) return piece;
    mutex_lock(&memory->mutex);
    class->heap_bytes -= bytes;
    mutex_unlock(&memory->mutex);
    return NULL;
}

static void piece_give(FrameMemory *memory, void *piece) {
    Region *region = (Region *)((uintptr_t)piece & ~(uintptr_t)(REGION_BYTES - 1));
    FrameClass *class = &memory->classes[region->class_index];
    if (region->used == region->capacity) list_add(class, region);
    ((FreePiece *)piece)->next = region->free;
    region->free = piece;
    // One empty region is kept, so that a frame that comes and goes maps none.
    bool is_only = class->regions == region && region->next == NULL;
    if (--region->used > 0 || is_only) return;
    list_remove(class, region);
    munmap(region, REGION_BYTES);
    memory->region_count--;
}

void frame_memory_free(FrameMemory *memory, void *piece, size_t bytes, bool is_cut) {
    if (bytes > PIECE_BYTES_MAX) {
        free(piece);
        return;
    }
    size_t piece_bytes;
    mutex_lock(&memory->mutex);
    if (is_cut) {
        piece_give(memory, piece);
    } else {
        memory->classes[class_of(bytes, &piece_bytes)].heap_bytes -= bytes;
    }
    mutex_unlock(&memory->mutex);
    if (!is_cut) free(piece);
}

size_t frame_memory_region_count(FrameMemory *memory) {
    mutex_lock(&memory->mutex);
    size_t count = memory->region_count;
    mutex_unlock(&memory->mutex);
    return count;
}
