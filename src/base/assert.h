// Assertions. ASSERT is always compiled in and cheap: a broken invariant must stop before it
// reaches the disk. SLOW_ASSERT is for debug and test builds.
#pragma once

#include <assert.h> // static_assert

#define ASSERT(condition)                                                                          \
    (__builtin_expect(!(condition), 0) ? assert_fail(#condition, __FILE__, __LINE__) : (void)0)

#ifdef OMEN_DEBUG
#define SLOW_ASSERT(condition) ASSERT(condition)
#else
#define SLOW_ASSERT(condition) ((void)sizeof((condition) ? 1 : 0))
#endif

#define UNREACHABLE() assert_fail("unreachable", __FILE__, __LINE__)

// Prints to the log and aborts.
[[gnu::noreturn, gnu::cold]] void assert_fail(const char *condition, const char *file, int line);
