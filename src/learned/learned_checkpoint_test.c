#include "learned/learned_internal.h"
#include "learned/learned_test.h"

typedef struct Extents {
    uint32_t leaf_count, table_count;
} Extents;

static Status count_extent(void *argument, ExtentRef ref) {
    Extents *extents = argument;
    if (extent_kind(ref) == EXTENT_INDEX_LEAF) extents->leaf_count++;
    if (extent_kind(ref) == EXTENT_INDEX_TABLE) extents->table_count++;
    return OK;
}

static LearnedIndex *open_image(
    Fixture *fixture, uint32_t key_width, bool is_unique, uint64_t incarnation, Bytes root) {
    LearnedIndexOptions options = {.key_width = key_width,
        .is_unique = is_unique,
        .incarnation = incarnation,
        .budget = &fixture->inner_budget};
    LearnedIndex *index;
    assert_ok(learned_index_open(fixture->cache, options, root, &index));
    return index;
}

static void add_some(LearnedIndex *index, Universe *universe, Random *random, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        uint32_t key = (uint32_t)random_below(random, universe->key_count);
        uint32_t row = (uint32_t)random_below(random, universe->row_count);
        if (random_below(random, 4) == 0) {
            take(index, universe, key, row);
        } else {
            add(index, universe, key, row);
        }
    }
}

// An image opened anew equals what the index was at the flip, whatever changed since.
static void check_images(KeyMaker make, uint32_t key_width, bool is_unique, size_t cache_bytes) {
    Fixture fixture;
    fixture_init(&fixture, cache_bytes);
    Universe universe;
    universe_init(&universe, make, key_width, 60000, 2, 300, 5);
    size_t bitmap_bytes = (size_t)universe.key_count * universe.row_count;
    uint8_t *now = universe.is_in, *at_flip = malloc(bitmap_bytes);
    LearnedIndex *index = index_create(&fixture, key_width, is_unique);
    Random random;
    random_seed(&random, 3);
    add_some(index, &universe, &random, 60000);
    for (uint64_t epoch = 1; epoch <= 5; epoch++) {
        Arena arena;
        arena_init(&arena, NULL);
        Text root;
        text_init(&root, &arena);
        CheckpointWork work = {.epoch = epoch, .arena = &arena};
        store_begin_root(fixture.store);
        learned_index_flip(index, epoch);
        memcpy(at_flip, now, bitmap_bytes);
        uint64_t pairs_at_flip = universe.pair_count;
        if (epoch != 3) add_some(index, &universe, &random, 20000);
        assert_ok(learned_index_write(index, &work, &root));
        if (epoch != 3) add_some(index, &universe, &random, 20000);
        bool is_durable = epoch != 2;
        if (is_durable) {
            StoreRoot store_root_of_test = store_root(fixture.store);
            assert_ok(store_publish(fixture.store, &store_root_of_test));
        } else {
            store_abandon_root(fixture.store);
        }
        if (is_durable) {
            LearnedIndex *image =
                open_image(&fixture, key_width, is_unique, 1 + epoch % 2, text_bytes(&root));
            uint64_t pairs_now = universe.pair_count;
            universe.is_in = at_flip;
            universe.pair_count = pairs_at_flip;
            expect_all(image, &universe);
            universe.is_in = now;
            universe.pair_count = pairs_now;
            Extents extents = {0};
            assert_ok(learned_index_image_extents(
                fixture.store, text_bytes(&root), count_extent, &extents));
            assert_int_equal(extents.leaf_count, image->leaf_count);
            assert_true(extents.table_count >= 1);
            learned_index_destroy(image);
        }
        learned_index_finish(index, &work, is_durable);
        expect_all(index, &universe);
        arena_deinit(&arena);
    }
    learned_index_drop(index);
    universe_deinit(&universe);
    free(at_flip);
    fixture_deinit(&fixture);
}

TEST(learned_checkpoint, p04_holds_the_flip_instant) {
    check_images(make_uniform, 8, true, (size_t)1 << 28);
    check_images(make_uuid, 16, false, (size_t)1 << 28);
    check_images(make_text, 0, true, (size_t)1 << 28);
}

TEST(learned_checkpoint, holds_the_flip_instant_while_leaves_are_evicted) {
    check_images(make_bursts, 8, false, (size_t)1 << 20);
    check_images(make_text, 0, false, (size_t)1 << 20);
}

TEST(learned_checkpoint, loads_cold_leaves_when_the_cache_is_small) {
    Fixture fixture;
    fixture_init(&fixture, (size_t)1 << 20);
    Universe universe;
    universe_init(&universe, make_uniform, 8, 200000, 1, 8, 5);
    LearnedIndex *index = index_create(&fixture, 8, true);
    for (uint32_t i = 0; i < universe.key_count; i++)
        add(index, &universe, (uint32_t)(i * UINT64_C(7919) % universe.key_count), 0);
    assert_true(cache_used_bytes(fixture.cache) <= (size_t)1 << 20);
    expect_all(index, &universe);
    Random random;
    random_seed(&random, 1);
    for (uint32_t i = 0; i < 500; i++)
        expect_batch(index, &universe, &random);
    learned_index_drop(index);
    universe_deinit(&universe);
    fixture_deinit(&fixture);
}

// Bytes of an image changed one at a time: an error, or an index that is whole.
TEST(learned_checkpoint, refuses_a_damaged_root) {
    Fixture fixture;
    fixture_init(&fixture, (size_t)1 << 26);
    Universe universe;
    universe_init(&universe, make_uniform, 8, 20000, 1, 8, 5);
    LearnedIndex *index = index_create(&fixture, 8, true);
    for (uint32_t i = 0; i < universe.key_count; i++)
        add(index, &universe, i, 0);
    Arena arena;
    arena_init(&arena, NULL);
    Text root;
    text_init(&root, &arena);
    CheckpointWork work = {.epoch = 1, .arena = &arena};
    learned_index_flip(index, 1);
    assert_ok(learned_index_write(index, &work, &root));
    learned_index_finish(index, &work, true);
    LearnedIndexOptions options = {
        .key_width = 8, .is_unique = true, .incarnation = 1, .budget = &fixture.inner_budget};
    uint32_t refused_count = 0;
    for (size_t i = 0; i < root.count; i++) {
        char before = root.data[i];
        root.data[i] = (char)(before ^ 0x10);
        LearnedIndex *image;
        Status status = learned_index_open(fixture.cache, options, text_bytes(&root), &image);
        root.data[i] = before;
        if (status == OK) {
            learned_index_destroy(image);
        } else {
            refused_count++;
            error_clear();
        }
    }
    assert_true(refused_count > root.count / 2);
    for (size_t count = 0; count < root.count; count += 7) {
        LearnedIndex *image;
        Status status =
            learned_index_open(fixture.cache, options, bytes_make(root.data, count), &image);
        assert_true(status != OK);
        error_clear();
    }
    arena_deinit(&arena);
    learned_index_drop(index);
    universe_deinit(&universe);
    fixture_deinit(&fixture);
}

// A leaf's image with random changes is refused, or holds everything that must hold.
TEST(learned_checkpoint, refuses_a_damaged_leaf) {
    Fixture fixture;
    fixture_init(&fixture, (size_t)1 << 26);

    static const struct {
        KeyMaker make;
        uint32_t width;
    } kinds[] = {{make_uniform, 8}, {make_uuid, 16}, {make_text, 0}};

    Random random;
    random_seed(&random, 9);
    for (uint32_t kind = 0; kind < 3; kind++) {
        Universe universe;
        universe_init(&universe, kinds[kind].make, kinds[kind].width, 300, 2, 300, 5);
        LearnedIndex *index = index_create(&fixture, kinds[kind].width, true);
        for (uint32_t i = 0; i < universe.key_count * 2; i++)
            add(index, &universe, i / 2, i % 2);
        Arena arena;
        arena_init(&arena, NULL);
        Text image;
        text_init(&image, &arena);
        assert_ok(leaf_object_kind.encode(cache_find(&index->first->cache), &image));
        for (uint32_t i = 0; i < 4000; i++) {
            ArenaMark mark = arena_mark(&arena);
            uint8_t *bytes = arena_allocate(&arena, image.count, 64);
            memcpy(bytes, image.data, image.count);
            for (uint32_t j = 0; i > 0 && j < 1 + random_below(&random, 3); j++) {
                size_t room = random_below(&random, 2) == 0 ? 128 : image.count;
                bytes[random_below(&random, room)] ^= (uint8_t)(1 + random_below(&random, 255));
            }
            CacheFrame *frame;
            Status status = leaf_object_kind.decode(index, bytes_make(bytes, image.count), &frame);
            assert_true(i > 0 || status == OK);
            if (status == OK) {
                LeafView view = leaf_view(frame, index->shape);
                assert_null(leaf_find_fault(&view));
                cache_frame_destroy(frame);
            } else {
                error_clear();
            }
            arena_rewind(&arena, mark);
        }
        arena_deinit(&arena);
        learned_index_destroy(index);
        universe_deinit(&universe);
    }
    fixture_deinit(&fixture);
}

TEST_MAIN(TEST_OF(learned_checkpoint, p04_holds_the_flip_instant),
    TEST_OF(learned_checkpoint, holds_the_flip_instant_while_leaves_are_evicted),
    TEST_OF(learned_checkpoint, loads_cold_leaves_when_the_cache_is_small),
    TEST_OF(learned_checkpoint, refuses_a_damaged_root),
    TEST_OF(learned_checkpoint, refuses_a_damaged_leaf))
