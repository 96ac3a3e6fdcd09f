// The four operations of two integer types.
//
// A template: define LEFT, RIGHT, T (the result), NAME(op), FAIL(failed), and CHECKED as one of
//   CHECKED_NARROW  computes in 64 bits and looks whether the result fits: vectorises
//   CHECKED_WIDE    the compiler's overflow checks, for 64-bit results
#define KERNEL            NAME(pl)
#define EVALUATE(a, b, r) CHECKED(+, add, a, b, r)
#include "functions/binary.inc.h"

#define KERNEL            NAME(mi)
#define EVALUATE(a, b, r) CHECKED(-, sub, a, b, r)
#include "functions/binary.inc.h"

#define KERNEL            NAME(mul)
#define EVALUATE(a, b, r) CHECKED(*, mul, a, b, r)
#include "functions/binary.inc.h"

#define KERNEL NAME(div)
#define EVALUATE(a, b, r)                                                                          \
    { (r) = (T)divide(a, b, sizeof(T), &failed); }
#include "functions/binary.inc.h"

#undef LEFT
#undef RIGHT
#undef T
#undef NAME
#undef CHECKED
#undef FAIL
