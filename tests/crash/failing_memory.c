#include "failing_memory.h"

#include <stdatomic.h>
#include <stddef.h>

static _Atomic uint64_t allocation_count, fail_at;
static _Atomic int64_t block_count;

uint64_t memory_allocation_count(void) {
    return atomic_load(&allocation_count);
}

int64_t memory_block_count(void) {
    return atomic_load(&block_count);
}

void memory_fail_at(uint64_t allocation) {
    atomic_store(&fail_at, allocation);
}

static bool must_fail(void) {
    return atomic_fetch_add(&allocation_count, 1) + 1 == atomic_load(&fail_at);
}

static void *counted(void *memory) {
    if (memory != NULL) atomic_fetch_add(&block_count, 1);
    return memory;
}

// The names are the linker's.
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void __real_free(void *memory);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
void __wrap_free(void *memory);

void *__wrap_malloc(size_t bytes) {
    return must_fail() ? NULL : counted(__real_malloc(bytes));
}

void *__wrap_calloc(size_t count, size_t bytes) {
    return must_fail() ? NULL : counted(__real_calloc(count, bytes));
}

void *__wrap_realloc(void *memory, size_t bytes) {
    if (must_fail()) return NULL;
    void *grown = __real_realloc(memory, bytes);
    return memory == NULL ? counted(grown) : grown;
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes) {
    return must_fail() ? NULL : counted(__real_aligned_alloc(alignment, bytes));
}

void __wrap_free(void *memory) {
    if (memory != NULL) atomic_fetch_sub(&block_count, 1);
    __real_free(memory);
}
