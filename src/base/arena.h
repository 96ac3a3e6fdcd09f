// Arena: memory that is freed all at once. Named by lifetime where it is passed:
// session_arena, txn_arena, statement_arena, operator_arena, scratch.
//
// Model    A chain of growing chunks. A mark can be rewound to, which frees what came later.
// Threads  An arena belongs to one thread at a time.
// Memory   arena_allocate never returns NULL. Past its budget, or when the system has no memory,
//          it draws on a process-wide reserve and marks the arena exhausted; whoever drives the
//          work checks arena_is_exhausted after each stage and fails with OUT_OF_MEMORY.
//          What may be large asks arena_try_allocate, which fails cleanly.
#pragma once

#include "base/memory_budget.h"
#include "base/status.h"

#include <stdarg.h>

typedef struct ArenaChunk ArenaChunk;

typedef struct Arena {
    ArenaChunk *chunk; // newest first
    uint8_t *next, *end;
    size_t total_bytes; // in all chunks
    MemoryBudget *budget;
    struct Arena *parent; // where an inner arena's chunks come from, or NULL
    ArenaChunk *spare;    // of an inner arena: chunks given back, to be used again
    bool is_exhausted;
} Arena;

typedef struct ArenaMark {
    ArenaChunk *chunk;
    uint8_t *next;
} ArenaMark;

// `budget` may be NULL. Allocates nothing yet.
void arena_init(Arena *arena, MemoryBudget *budget);
void arena_deinit(Arena *arena);

// An arena whose chunks lie in `parent`: it can be reset again and again, and needs no
// arena_deinit, for it ends with its parent. The parent must not be rewound below it.
void arena_init_within(Arena *arena, Arena *parent);

// Frees everything but the first chunk, and clears the exhaustion mark.
void arena_reset(Arena *arena);

ArenaMark arena_mark(const Arena *arena);
void arena_rewind(Arena *arena, ArenaMark mark);

// Not zeroed. Alignment is a power of two up to 64. Never NULL.
void *arena_allocate(Arena *arena, size_t bytes, size_t alignment);
void *arena_allocate_zeroed(Arena *arena, size_t bytes, size_t alignment);

// For large pieces. Errors: OUT_OF_MEMORY.
Status arena_try_allocate(Arena *arena, size_t bytes, size_t alignment, void **memory_out);

bool arena_is_exhausted(const Arena *arena);

// OK, or OUT_OF_MEMORY with PostgreSQL's text when the arena is exhausted.
Status arena_check(const Arena *arena);

char *arena_copy_text(Arena *arena, const char *text);
char *arena_copy_text_n(Arena *arena, const char *text, size_t count); // adds the zero
void *arena_copy_bytes(Arena *arena, const void *bytes, size_t count);
[[gnu::format(printf, 2, 3)]] char *arena_format(Arena *arena, const char *format, ...);
[[gnu::format(printf, 2, 0)]] char *arena_format_list(
    Arena *arena, const char *format, va_list arguments);

// Zeroed memory for one or for `count` objects of a type.
#define arena_new(arena, Type)                                                                     \
    ((Type *)arena_allocate_zeroed((arena), sizeof(Type), _Alignof(Type)))
#define arena_new_array(arena, Type, count)                                                        \
    ((Type *)arena_allocate_zeroed((arena), sizeof(Type) * (size_t)(count), _Alignof(Type)))
