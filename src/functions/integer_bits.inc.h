// What an integer type has alone: T, UNSIGNED, NAME(op), FAIL(failed).
#define LEFT  T
#define RIGHT T

#define KERNEL NAME(mod)
#define EVALUATE(a, b, r)                                                                          \
    { (r) = (T)modulo(a, b, &failed); }
#include "functions/binary.inc.h"

#define KERNEL NAME(and)
#define EVALUATE(a, b, r)                                                                          \
    { (r) = (T)((a) & (b)); }
#include "functions/binary.inc.h"

#define KERNEL NAME(or)
#define EVALUATE(a, b, r)                                                                          \
    { (r) = (T)((a) | (b)); }
#include "functions/binary.inc.h"

#define KERNEL NAME(xor)
#define EVALUATE(a, b, r)                                                                          \
    { (r) = (T)((a) ^ (b)); }
#include "functions/binary.inc.h"

#define KERNEL NAME(larger)
#define EVALUATE(a, b, r)                                                                          \
    { (r) = (a) > (b) ? (a) : (b); }
#include "functions/binary.inc.h"

#define KERNEL NAME(smaller)
#define EVALUATE(a, b, r)                                                                          \
    { (r) = (a) < (b) ? (a) : (b); }
#include "functions/binary.inc.h"

#undef RIGHT
#define RIGHT int32_t

// Shift counts wrap at the width of the machine's int or long, as PostgreSQL's do.
#define KERNEL NAME(shl)
#define EVALUATE(a, b, r)                                                                          \
    { (r) = (T)((UNSIGNED)(a) << ((uint32_t)(b) & (sizeof(UNSIGNED) * 8 - 1))); }
#include "functions/binary.inc.h"

#define KERNEL NAME(shr)
#define EVALUATE(a, b, r)                                                                          \
    { (r) = (T)((a) >> ((uint32_t)(b) & (sizeof(UNSIGNED) * 8 - 1))); }
#include "functions/binary.inc.h"

#define SOURCE T

#define KERNEL NAME(not )
#define EVALUATE(a, r)                                                                             \
    { (r) = (T) ~(a); }
#include "functions/unary.inc.h"

#define KERNEL NAME(up)
#define EVALUATE(a, r)                                                                             \
    { (r) = (a); }
#include "functions/unary.inc.h"

#define KERNEL NAME(um)
#define EVALUATE(a, r)                                                                             \
    {                                                                                              \
        (r) = (T)(0 - (UNSIGNED)(a));                                                              \
        failed |= (a) < 0 && (a) == (r);                                                           \
    }
#include "functions/unary.inc.h"

#define KERNEL NAME(abs)
#define EVALUATE(a, r)                                                                             \
    {                                                                                              \
        (r) = (T)((a) < 0 ? 0 - (UNSIGNED)(a) : (UNSIGNED)(a));                                    \
        failed |= (r) < 0;                                                                         \
    }
#include "functions/unary.inc.h"

#undef SOURCE
#undef LEFT
#undef RIGHT
#undef T
#undef UNSIGNED
#undef NAME
#undef FAIL
