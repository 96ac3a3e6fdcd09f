#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/test.h"
#include "base/text.h"
#include "base/utf8.h"

TEST(status, is_its_sqlstate) {
    char sqlstate[6];
    status_to_sqlstate(UNIQUE_VIOLATION, sqlstate);
    assert_string_equal(sqlstate, "23505");
    status_to_sqlstate(OK, sqlstate);
    assert_string_equal(sqlstate, "00000");
    assert_int_equal(status_from_sqlstate("XX001"), DATA_CORRUPTED);
    assert_int_equal(status_from_sqlstate("zz???"), INTERNAL_ERROR);
}

static Status fail_with_everything(void) {
    Status status = fail(CHECK_VIOLATION, "row %d is bad", 7);
    error_add_detail("It is %s.", "odd");
    error_set_name(ERROR_CONSTRAINT_NAME, "t_check");
    error_set_position(12);
    error_set_position(99);
    return status;
}

TEST(error, moves_to_another_thread_whole) {
    assert_int_equal(fail_with_everything(), CHECK_VIOLATION);
    Arena arena;
    arena_init(&arena, NULL);
    Error taken;
    error_take(&arena, &taken);
    assert_int_equal(error_get()->status, OK);
    assert_string_equal(taken.message, "row 7 is bad");

    assert_int_equal(error_raise(&taken), CHECK_VIOLATION);
    const Error *raised = error_get();
    assert_string_equal(raised->detail, "It is odd.");
    assert_string_equal(raised->constraint_name, "t_check");
    assert_int_equal(raised->position, 12); // the innermost place wins
    assert_null(raised->hint);
    error_clear();
    arena_deinit(&arena);
}

TEST(arena, rewinds_to_a_mark) {
    Arena arena;
    arena_init(&arena, NULL);
    char *kept = arena_copy_text(&arena, "kept");
    ArenaMark mark = arena_mark(&arena);
    size_t before = arena.total_bytes;
    for (int i = 0; i < 1000; i++) {
        memset(arena_allocate(&arena, 1000, 64), 0xAB, 1000);
    }
    assert_true(arena.total_bytes > before);
    arena_rewind(&arena, mark);
    assert_int_equal(arena.total_bytes, before);
    assert_string_equal(kept, "kept");
    arena_deinit(&arena);
}

TEST(arena, marks_itself_exhausted_past_its_budget) {
    MemoryBudget budget;
    memory_budget_init(&budget, "test", 64 * 1024, NULL);
    Arena arena;
    arena_init(&arena, &budget);
    void *memory = NULL;
    assert_fails(OUT_OF_MEMORY, arena_try_allocate(&arena, 1 << 20, 8, &memory));
    assert_false(arena_is_exhausted(&arena));
    memset(arena_allocate(&arena, 1 << 20, 8), 1, 1 << 20);
    assert_true(arena_is_exhausted(&arena));
    assert_fails(OUT_OF_MEMORY, arena_check(&arena));
    arena_deinit(&arena);
    assert_int_equal(memory_budget_used(&budget), 0);
}

TEST(bytes, take_varints_back) {
    Random random;
    random_seed(&random, 1);
    for (int i = 0; i < 10000; i++) {
        uint64_t value = random_next(&random) >> (random_next(&random) & 63);
        uint8_t buffer[10];
        Bytes bytes = bytes_make(buffer, put_varint(buffer, value));
        uint64_t taken;
        assert_true(bytes_take_varint(&bytes, &taken));
        assert_true(taken == value);
        assert_int_equal(bytes.count, 0);
        assert_true(zigzag_decode(zigzag_encode((int64_t)value)) == (int64_t)value);
    }
    Bytes cut = bytes_make("\xff\xff", 2);
    uint64_t value;
    assert_false(bytes_take_varint(&cut, &value));
    Bytes too_long = bytes_make("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10);
    assert_false(bytes_take_varint(&too_long, &value));
}

TEST(text, grows_and_formats) {
    Arena arena;
    arena_init(&arena, NULL);
    Text text;
    text_init(&text, &arena);
    assert_string_equal(text.data, "");
    text_append_i64(&text, INT64_MIN);
    text_append_format(&text, " %0200d", 7);
    assert_int_equal(text.count, strlen("-9223372036854775808") + 201);
    assert_int_equal(strlen(text.data), text.count);
    arena_deinit(&arena);
}

TEST(utf8, refuses_what_rfc_3629_refuses) {
    assert_ok(utf8_check("plain ascii, longer than eight", 30));
    assert_ok(utf8_check("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9));
    const char *bad[] = {
        "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x80\x80", "\xff", "\xc3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_fails(CHARACTER_NOT_IN_REPERTOIRE, utf8_check(bad[i], strlen(bad[i])));
    }
    assert_fails(CHARACTER_NOT_IN_REPERTOIRE, utf8_check("a\0b", 3));
    for (uint32_t first = 0xF8; first <= 0xFF; first++) {
        assert_int_equal(utf8_char_bytes((uint8_t)first), 1);
    }
    assert_int_equal(utf8_check("\xff abc", 5), CHARACTER_NOT_IN_REPERTOIRE);
    assert_string_equal(error_get()->message, "invalid byte sequence for encoding \"UTF8\": 0xff");
    error_clear();
    for (uint32_t c = 1; c < 0x110000; c++) {
        char bytes[4];
        uint32_t count = utf8_encode(c, bytes);
        if (c >= 0xD800 && c <= 0xDFFF) {
            assert_int_equal(count, 0);
            continue;
        }
        assert_int_equal(utf8_char_bytes((uint8_t)bytes[0]), count);
        assert_int_equal(utf8_decode(bytes), c);
    }
    assert_int_equal(utf8_clip("a\xc3\xa9", 3, 2), 1);
}

TEST(crc32c, matches_the_published_check_value) {
    assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283);
    assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xE3069283);
}

TEST_MAIN(TEST_OF(status, is_its_sqlstate), TEST_OF(error, moves_to_another_thread_whole),
    TEST_OF(arena, rewinds_to_a_mark), TEST_OF(arena, marks_itself_exhausted_past_its_budget),
    TEST_OF(bytes, take_varints_back), TEST_OF(text, grows_and_formats),
    TEST_OF(utf8, refuses_what_rfc_3629_refuses),
    TEST_OF(crc32c, matches_the_published_check_value))
