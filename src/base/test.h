// The test harness: cmocka, with tests that name themselves.
//
//   TEST(heat_map, halves_after_one_half_life) { ... }
//   TEST_MAIN(TEST_OF(heat_map, halves_after_one_half_life), ...)
#pragma once

#include "base/error.h"

// cmocka wants these before it, and has a `fail` of its own, which tests do not use.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#pragma push_macro("fail")
#undef fail
#include <cmocka.h>
#undef fail
#pragma pop_macro("fail")
// clang-format on

#define TEST(noun, sentence)    static void noun##_##sentence([[maybe_unused]] void **state)
#define TEST_OF(noun, sentence) cmocka_unit_test(noun##_##sentence)

#define TEST_MAIN(...)                                                                             \
    int main(void) {                                                                               \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                           \
        return cmocka_run_group_tests(tests, NULL, NULL);                                          \
    }

// The call succeeds; on an error, fails the test with the error's text.
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        Status test_status = (call);                                                               \
        if (test_status != OK) {                                                                   \
            print_error("%s: %s\n", #call, error_get()->message ? error_get()->message : "?");     \
            _fail(__FILE__, __LINE__);                                                             \
        }                                                                                          \
    } while (0)

// The call fails with this status; clears the error.
#define assert_fails(expected_status, call)                                                        \
    do {                                                                                           \
        Status test_status = (call);                                                               \
        assert_int_equal(test_status, expected_status);                                            \
        error_clear();                                                                             \
    } while (0)
