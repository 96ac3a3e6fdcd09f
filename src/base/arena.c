#include "base/arena.h"

#include "base/assert.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_CHUNK_BYTES = 8 * 1024,
    LARGEST_CHUNK_BYTES = 1024 * 1024,
    ALIGNMENT_MAX = 64,
    RESERVE_BYTES = 1024 * 1024,
};

struct ArenaChunk {
    ArenaChunk *older;
    size_t bytes; // of the whole chunk, this header included
    bool is_reserve;
};

// What arenas draw on when the system has no memory: enough to report the error of every session.
// Handed out by a counter that goes back when the last user has returned its piece.
static _Alignas(64) uint8_t reserve[RESERVE_BYTES];
static _Atomic size_t reserve_next;
static _Atomic size_t reserve_users;

void arena_init(Arena *arena, MemoryBudget *budget) {
    *arena = (Arena){.budget = budget};
}

void arena_init_within(Arena *arena, Arena *parent) {
    *arena = (Arena){.parent = parent};
}

static void chunk_free(Arena *arena, ArenaChunk *chunk) {
    arena->total_bytes -= chunk->bytes;
    if (arena->parent != NULL) {
        chunk->older = arena->spare;
        arena->spare = chunk;
        return;
    }
    if (chunk->is_reserve) {
        if (atomic_fetch_sub(&reserve_users, 1) == 1) atomic_store(&reserve_next, 0);
        return;
    }
    if (arena->budget != NULL) memory_budget_release(arena->budget, chunk->bytes);
    free(chunk);
}

void arena_deinit(Arena *arena) {
    while (arena->chunk != NULL) {
        ArenaChunk *chunk = arena->chunk;
        arena->chunk = chunk->older;
        chunk_free(arena, chunk);
    }
    *arena = (Arena){.budget = arena->budget, .parent = arena->parent};
}

void arena_reset(Arena *arena) {
    if (arena->chunk != NULL) {
        while (arena->chunk->older != NULL) {
            ArenaChunk *chunk = arena->chunk;
            arena->chunk = chunk->older;
            chunk_free(arena, chunk);
        }
        arena->next = (uint8_t *)(arena->chunk + 1);
        arena->end = (uint8_t *)arena->chunk + arena->chunk->bytes;
    }
    arena->is_exhausted = false;
}

ArenaMark arena_mark(const Arena *arena) {
    return (ArenaMark){.chunk = arena->chunk, .next = arena->next};
}

void arena_rewind(Arena *arena, ArenaMark mark) {
    if (mark.chunk == NULL) {
        bool was_exhausted = arena->is_exhausted;
        arena_reset(arena);
        arena->is_exhausted = was_exhausted;
        return;
    }
    while (arena->chunk != mark.chunk) {
        ArenaChunk *chunk = arena->chunk;
        arena->chunk = chunk->older;
        chunk_free(arena, chunk);
    }
    arena->next = mark.next;
    arena->end = (uint8_t *)arena->chunk + arena->chunk->bytes;
}

static void chunk_use(Arena *arena, ArenaChunk *chunk, size_t bytes, bool is_reserve) {
    *chunk = (ArenaChunk){.older = arena->chunk, .bytes = bytes, .is_reserve = is_reserve};
    arena->chunk = chunk;
    arena->next = (uint8_t *)(chunk + 1);
    arena->end = (uint8_t *)chunk + bytes;
    arena->total_bytes += bytes;
}

static size_t chunk_bytes_for(const Arena *arena, size_t bytes, size_t alignment) {
    size_t wanted = arena->chunk == NULL ? FIRST_CHUNK_BYTES : arena->chunk->bytes * 2;
    if (wanted > LARGEST_CHUNK_BYTES) wanted = LARGEST_CHUNK_BYTES;
    size_t needed = sizeof(ArenaChunk) + bytes + alignment;
    return needed > wanted ? needed : wanted;
}

static void *take_from_chunk(Arena *arena, size_t bytes, size_t alignment) {
    uintptr_t at = ((uintptr_t)arena->next + alignment - 1) & ~(uintptr_t)(alignment - 1);
    if (arena->chunk == NULL || at > (uintptr_t)arena->end || bytes > (uintptr_t)arena->end - at) {
        return NULL;
    }
    arena->next = (uint8_t *)at + bytes;
    return (void *)at;
}

static void reserve_draw(Arena *arena, size_t bytes, size_t alignment) {
    size_t needed = (sizeof(ArenaChunk) + bytes + alignment + 63) & ~(size_t)63;
    atomic_fetch_add(&reserve_users, 1);
    size_t at = atomic_fetch_add(&reserve_next, needed);
    if (at + needed > RESERVE_BYTES) {
        assert_fail("out of memory, and the reserve is used up", __FILE__, __LINE__);
    }
    chunk_use(arena, (ArenaChunk *)(void *)(reserve + at), needed, true);
}

// Takes a given-back chunk of at least this size, or a new one from the parent.
static void chunk_use_within(Arena *arena, size_t bytes) {
    for (ArenaChunk **link = &arena->spare; *link != NULL; link = &(*link)->older) {
        ArenaChunk *chunk = *link;
        if (chunk->bytes < bytes) continue;
        *link = chunk->older;
        chunk_use(arena, chunk, chunk->bytes, false);
        return;
    }
    ArenaChunk *chunk = arena_allocate(arena->parent, bytes, ALIGNMENT_MAX);
    arena->is_exhausted |= arena->parent->is_exhausted;
    chunk_use(arena, chunk, bytes, false);
}

void *arena_allocate(Arena *arena, size_t bytes, size_t alignment) {
    ASSERT(alignment != 0 && (alignment & (alignment - 1)) == 0 && alignment <= ALIGNMENT_MAX);
    void *memory = take_from_chunk(arena, bytes, alignment);
    if (memory != NULL) return memory;

    size_t chunk_bytes = chunk_bytes_for(arena, bytes, alignment);
    if (arena->parent != NULL) {
        chunk_use_within(arena, chunk_bytes);
        return take_from_chunk(arena, bytes, alignment);
    }
    ArenaChunk *chunk = malloc(chunk_bytes);
    if (chunk == NULL) {
        arena->is_exhausted = true;
        reserve_draw(arena, bytes, alignment);
    } else {
        if (arena->budget != NULL && !memory_budget_try_reserve(arena->budget, chunk_bytes)) {
            memory_budget_force(arena->budget, chunk_bytes);
            arena->is_exhausted = true;
        }
        chunk_use(arena, chunk, chunk_bytes, false);
    }
    return take_from_chunk(arena, bytes, alignment);
}

void *arena_allocate_zeroed(Arena *arena, size_t bytes, size_t alignment) {
    void *memory = arena_allocate(arena, bytes, alignment);
    memset(memory, 0, bytes);
    return memory;
}

Status arena_try_allocate(Arena *arena, size_t bytes, size_t alignment, void **memory_out) {
    void *memory = take_from_chunk(arena, bytes, alignment);
    if (memory == NULL && arena->parent != NULL) {
        size_t chunk_bytes = chunk_bytes_for(arena, bytes, alignment);
        void *chunk;
        TRY(arena_try_allocate(arena->parent, chunk_bytes, ALIGNMENT_MAX, &chunk));
        chunk_use(arena, chunk, chunk_bytes, false);
        memory = take_from_chunk(arena, bytes, alignment);
    } else if (memory == NULL) {
        size_t chunk_bytes = chunk_bytes_for(arena, bytes, alignment);
        if (arena->budget != NULL) TRY(memory_budget_reserve(arena->budget, chunk_bytes));
        ArenaChunk *chunk = malloc(chunk_bytes);
        if (chunk == NULL) {
            if (arena->budget != NULL) memory_budget_release(arena->budget, chunk_bytes);
            Status status = fail(OUT_OF_MEMORY, "out of memory");
            error_add_detail("Failed on request of size %zu.", bytes);
            return status;
        }
        chunk_use(arena, chunk, chunk_bytes, false);
        memory = take_from_chunk(arena, bytes, alignment);
    }
    *memory_out = memory;
    return OK;
}

bool arena_is_exhausted(const Arena *arena) {
    return arena->is_exhausted;
}

Status arena_check(const Arena *arena) {
    if (!arena->is_exhausted) return OK;
    return fail(OUT_OF_MEMORY, "out of memory");
}

char *arena_copy_text_n(Arena *arena, const char *text, size_t count) {
    char *copy = arena_allocate(arena, count + 1, 1);
    if (count > 0) memcpy(copy, text, count);
    copy[count] = 0;
    return copy;
}

char *arena_copy_text(Arena *arena, const char *text) {
    return arena_copy_text_n(arena, text, strlen(text));
}

void *arena_copy_bytes(Arena *arena, const void *bytes, size_t count) {
    void *copy = arena_allocate(arena, count, 16);
    if (count > 0) memcpy(copy, bytes, count);
    return copy;
}

char *arena_format_list(Arena *arena, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int count = vsnprintf(NULL, 0, format, arguments);
    ASSERT(count >= 0);
    char *text = arena_allocate(arena, (size_t)count + 1, 1);
    vsnprintf(text, (size_t)count + 1, format, again);
    va_end(again);
    return text;
}

char *arena_format(Arena *arena, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = arena_format_list(arena, format, arguments);
    va_end(arguments);
    return text;
}
