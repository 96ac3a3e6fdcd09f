// The four operations of two floating-point types: LEFT, RIGHT, T (the result), NAME(op).
#define FAIL FAIL_FLOAT

#define KERNEL NAME(pl)
#define EVALUATE(a, b, r)                                                                          \
    {                                                                                              \
        (r) = (T)(a) + (T)(b);                                                                     \
        failed |= overflows((double)(a), (double)(b), (double)(r));                                \
    }
#include "functions/binary.inc.h"

#define KERNEL NAME(mi)
#define EVALUATE(a, b, r)                                                                          \
    {                                                                                              \
        (r) = (T)(a) - (T)(b);                                                                     \
        failed |= overflows((double)(a), (double)(b), (double)(r));                                \
    }
#include "functions/binary.inc.h"

#define KERNEL NAME(mul)
#define EVALUATE(a, b, r)                                                                          \
    {                                                                                              \
        (r) = (T)(a) * (T)(b);                                                                     \
        failed |= overflows((double)(a), (double)(b), (double)(r));                                \
        failed |= (r) == 0 && (a) != 0 && (b) != 0 ? FAILURE_UNDERFLOW : 0;                        \
    }
#include "functions/binary.inc.h"

#define KERNEL NAME(div)
#define EVALUATE(a, b, r)                                                                          \
    {                                                                                              \
        (r) = (T)(a) / (T)(b);                                                                     \
        failed |=                                                                                  \
            (b) == 0 && !isnan(a) ? FAILURE_DIVISION : overflows((double)(a), 0, (double)(r));     \
        failed |= (r) == 0 && (a) != 0 && !isinf(b) ? FAILURE_UNDERFLOW : 0;                       \
    }
#include "functions/binary.inc.h"

#undef LEFT
#undef RIGHT
#undef T
#undef NAME
#undef FAIL
