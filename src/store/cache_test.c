#include "store/cache.h"

#include "base/assert.h"
#include "base/random.h"
#include "base/test.h"
#include "store/frame_memory.h"

#include <stdlib.h>

// An object: a number that is stored with a filling, so that it takes several blocks.
enum { OBJECT_BYTES = 8000, SLOT_COUNT = 200, THREAD_COUNT = 4 };

typedef struct Object {
    CacheFrame frame;
    _Atomic uint64_t number;
    uint8_t filling[OBJECT_BYTES];
} Object;

typedef struct Fixture {
    Store *store;
    EpochSet *epochs;
    MemoryBudget budget;
    Cache *cache;
    CacheSlot slots[SLOT_COUNT];
    _Atomic uint64_t added; // what all numbers sum up to
} Fixture;

static _Atomic int64_t object_count;

static _Atomic bool is_kept_in_memory;

static bool object_can_evict(const CacheFrame *frame) {
    (void)frame;
    return !atomic_load(&is_kept_in_memory);
}

static Status object_encode(const CacheFrame *frame, Text *bytes_out) {
    const Object *object = (const Object *)frame;
    text_append_u64_le(bytes_out, atomic_load(&object->number));
    text_append(bytes_out, object->filling, sizeof object->filling);
    return OK;
}

static Status object_decode(void *owner, Bytes bytes, CacheFrame **frame_out);

static void object_destroy(CacheFrame *frame) {
    (void)frame;
    atomic_fetch_sub(&object_count, 1);
}

static const ObjectKind object_kind = {
    .name = "object",
    .extent = EXTENT_PAGE,
    .rank = LATCH_RANK_PAGE,
    .can_evict = object_can_evict,
    .encode = object_encode,
    .decode = object_decode,
    .destroy = object_destroy,
};

static Status object_create(Fixture *fixture, Object **object_out) {
    CacheFrame *frame;
    TRY(cache_frame_create(fixture->cache, &object_kind, fixture, sizeof(Object), &frame));
    atomic_fetch_add(&object_count, 1);
    *object_out = (Object *)frame;
    return OK;
}

static Status object_decode(void *owner, Bytes bytes, CacheFrame **frame_out) {
    Object *object;
    TRY(object_create(owner, &object));
    atomic_store(&object->number, get_u64_le(bytes.data));
    memcpy(object->filling, bytes.data + 8, sizeof object->filling);
    *frame_out = &object->frame;
    return OK;
}

static void fixture_init(Fixture *fixture, size_t budget_bytes) {
    memset(fixture, 0, sizeof *fixture);
    assert_ok(store_create_volatile(environment_real(), &fixture->store));
    assert_ok(epoch_set_create(&fixture->epochs));
    memory_budget_init(&fixture->budget, "cache", budget_bytes, NULL);
    assert_ok(cache_create(fixture->store, fixture->epochs, &fixture->budget, &fixture->cache));
    for (int i = 0; i < SLOT_COUNT; i++) {
        Object *object = NULL;
        assert_ok(object_create(fixture, &object));
        memset(object->filling, i, sizeof object->filling);
        atomic_store(&object->frame.is_dirty, true);
        cache_attach(fixture->cache, &fixture->slots[i], &object->frame);
        cache_unpin(&object->frame);
    }
}

static void fixture_deinit(Fixture *fixture) {
    for (int i = 0; i < SLOT_COUNT; i++)
        cache_detach(fixture->cache, &fixture->slots[i]);
    epoch_advance(fixture->epochs);
    assert_int_equal(memory_budget_used(&fixture->budget), 0);
    assert_int_equal(cache_used_bytes(fixture->cache), 0);
    assert_int_equal(atomic_load(&object_count), 0);
    cache_destroy(fixture->cache);
    epoch_set_destroy(fixture->epochs);
    store_close(fixture->store);
}

// Adds one to a random object, through whatever eviction and replacement do meanwhile.
static void add_one(Fixture *fixture, size_t index, bool replaces) {
    CacheSlot *slot = &fixture->slots[index];
    for (;;) {
        CacheFrame *frame;
        ASSERT(cache_load(fixture->cache, slot, &object_kind, fixture, &frame) == OK);
        if (!latch_lock(&frame->latch, LATCH_RANK_PAGE)) {
            cache_unpin(frame);
            continue;
        }
        Object *object = (Object *)frame;
        Object *fresh;
        if (replaces) {
            epoch_enter(fixture->epochs);
            ASSERT(object_create(fixture, &fresh) == OK);
            epoch_leave(fixture->epochs);
            atomic_store(&fresh->number, atomic_load(&object->number) + 1);
            memcpy(fresh->filling, object->filling, sizeof fresh->filling);
            atomic_store(&fresh->frame.is_dirty, true);
            cache_replace(fixture->cache, slot, frame, &fresh->frame);
            cache_unpin(&fresh->frame);
        } else {
            atomic_fetch_add(&object->number, 1);
            atomic_store(&frame->is_dirty, true);
            latch_unlock(&frame->latch, LATCH_RANK_PAGE);
        }
        ASSERT(object->filling[OBJECT_BYTES - 1] == (uint8_t)index);
        cache_unpin(frame);
        return;
    }
}

static void add_many(void *argument) {
    Fixture *fixture = argument;
    Random random;
    random_seed(&random, (uint64_t)pthread_self());
    for (int i = 0; i < 3000; i++) {
        add_one(fixture, random_below(&random, SLOT_COUNT), i % 10 == 0);
        atomic_fetch_add(&fixture->added, 1);
    }
}

static uint64_t sum_numbers(Fixture *fixture) {
    uint64_t sum = 0;
    for (int i = 0; i < SLOT_COUNT; i++) {
        CacheFrame *frame;
        assert_ok(cache_load(fixture->cache, &fixture->slots[i], &object_kind, fixture, &frame));
        sum += atomic_load(&((Object *)frame)->number);
        cache_unpin(frame);
    }
    return sum;
}

TEST(cache, loses_nothing_when_it_evicts) {
    static Fixture fixture;
    fixture_init(&fixture, 40 * sizeof(Object)); // a fifth fits
    assert_true(cache_used_bytes(fixture.cache) <= 41 * sizeof(Object) + 41 * 64);
    Thread *threads[THREAD_COUNT];
    for (int i = 0; i < THREAD_COUNT; i++) {
        assert_ok(thread_start("add", 0, add_many, &fixture, &threads[i]));
    }
    for (int i = 0; i < THREAD_COUNT; i++)
        thread_join(threads[i]);
    assert_int_equal(sum_numbers(&fixture), atomic_load(&fixture.added));
    fixture_deinit(&fixture);
}

TEST(cache, keeps_what_is_pinned) {
    static Fixture fixture;
    fixture_init(&fixture, 1 << 30);
    CacheFrame *pinned;
    assert_ok(cache_load(fixture.cache, &fixture.slots[3], &object_kind, &fixture, &pinned));
    fixture.budget.limit_bytes = sizeof(Object) + 64;
    assert_false(cache_make_room(fixture.cache, sizeof(Object)));
    for (int i = 0; i < SLOT_COUNT; i++) {
        assert_int_equal(cache_find(&fixture.slots[i]) != NULL, i == 3);
    }
    // Out of its slot, it stays readable for the one who pinned it.
    cache_detach(fixture.cache, &fixture.slots[3]);
    epoch_advance(fixture.epochs);
    epoch_advance(fixture.epochs);
    assert_int_equal(((Object *)pinned)->filling[5], 3);
    assert_false(cache_pin(pinned));
    assert_int_equal(atomic_load(&object_count), 1);
    cache_unpin(pinned);
    assert_int_equal(atomic_load(&object_count), 0);

    CacheFrame *large;
    assert_fails(
        OUT_OF_MEMORY, cache_frame_create(fixture.cache, &object_kind, &fixture, 1 << 20, &large));
    Object *object = NULL;
    fixture.budget.limit_bytes = 1 << 30;
    assert_ok(object_create(&fixture, &object));
    cache_frame_destroy(&object->frame);
    fixture_deinit(&fixture);
}

static void let_go(void *argument) {
    _Atomic bool *is_told = argument;
    while (!atomic_load(is_told))
        thread_yield();
    atomic_store(&is_kept_in_memory, false);
}

static void note(void *argument) {
    atomic_store((_Atomic bool *)argument, true);
}

// Somebody else ends what keeps every frame in memory, and is told that it is time.
TEST(cache, waits_for_room_that_others_make) {
    static Fixture fixture;
    fixture_init(&fixture, SLOT_COUNT * (sizeof(Object) + 64));
    fixture.budget.limit_bytes = memory_budget_used(&fixture.budget);
    atomic_store(&is_kept_in_memory, true);
    CacheFrame *frame;
    assert_fails(OUT_OF_MEMORY,
        cache_frame_create(fixture.cache, &object_kind, &fixture, sizeof(Object), &frame));
    _Atomic bool is_told = false;
    cache_on_shortage(fixture.cache, note, &is_told);
    Thread *thread;
    assert_ok(thread_start("let go", 0, let_go, &is_told, &thread));
    Object *object = NULL;
    assert_ok(object_create(&fixture, &object));
    thread_join(thread);
    cache_frame_destroy(&object->frame);
    fixture_deinit(&fixture);
}

enum { PIECE_COUNT = 3000, PIECE_SIZES = 7 };

// Pieces of several sizes come and go: none lies in another, each keeps its bytes, and what was
// mapped goes back.
TEST(frame_memory, pieces_keep_apart) {
    static const size_t sizes[PIECE_SIZES] = {64, 704, 1088, 16448, 16512, 40000 / 64 * 64, 131072};
    FrameMemory *memory = frame_memory_create();
    assert_non_null(memory);
    uint8_t **pieces = calloc(PIECE_COUNT, sizeof *pieces);
    bool *is_cut = calloc(PIECE_COUNT, sizeof *is_cut);
    Random random;
    random_seed(&random, 7);
    size_t region_max = 0;
    for (uint32_t step = 0; step < 12 * PIECE_COUNT; step++) {
        uint32_t i = (uint32_t)(random_next(&random) % PIECE_COUNT);
        size_t bytes = sizes[i % PIECE_SIZES];
        if (pieces[i] == NULL) {
            pieces[i] = frame_memory_allocate(memory, bytes, &is_cut[i]);
            assert_non_null(pieces[i]);
            assert_int_equal((uintptr_t)pieces[i] % 64, 0);
            memset(pieces[i], (int)(i % 251), bytes);
            size_t regions = frame_memory_region_count(memory);
            if (regions > region_max) region_max = regions;
            continue;
        }
        for (size_t at = 0; at < bytes; at += bytes - 1)
            assert_int_equal(pieces[i][at], i % 251);
        frame_memory_free(memory, pieces[i], bytes, is_cut[i]);
        pieces[i] = NULL;
    }
#ifndef __SANITIZE_ADDRESS__ // there is none there
    assert_true(region_max > PIECE_SIZES);
#endif
    for (uint32_t i = 0; i < PIECE_COUNT; i++) {
        if (pieces[i] != NULL)
            frame_memory_free(memory, pieces[i], sizes[i % PIECE_SIZES], is_cut[i]);
    }
    assert_true(frame_memory_region_count(memory) <= PIECE_SIZES);
    frame_memory_destroy(memory);
    free(is_cut);
    free(pieces);
}

TEST_MAIN(TEST_OF(frame_memory, pieces_keep_apart), TEST_OF(cache, loses_nothing_when_it_evicts),
    TEST_OF(cache, keeps_what_is_pinned), TEST_OF(cache, waits_for_room_that_others_make))
