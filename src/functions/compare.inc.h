// The six comparisons of two types: LEFT, RIGHT, NAME(op), EQUAL(a, b) and LESS(a, b).
// LESS is asked both ways round, so it takes the two types in either order.
#define T bool

#define KERNEL NAME(eq)
#define EVALUATE(a, b, r)                                                                          \
    { (r) = EQUAL(a, b); }
#include "functions/binary.inc.h"

#define KERNEL NAME(ne)
#define EVALUATE(a, b, r)                                                                          \
    { (r) = !(EQUAL(a, b)); }
#include "functions/binary.inc.h"

#define KERNEL NAME(lt)
#define EVALUATE(a, b, r)                                                                          \
    { (r) = LESS(a, b); }
#include "functions/binary.inc.h"

#define KERNEL NAME(le)
#define EVALUATE(a, b, r)                                                                          \
    { (r) = !(LESS(b, a)); }
#include "functions/binary.inc.h"

#define KERNEL NAME(gt)
#define EVALUATE(a, b, r)                                                                          \
    { (r) = LESS(b, a); }
#include "functions/binary.inc.h"

#define KERNEL NAME(ge)
#define EVALUATE(a, b, r)                                                                          \
    { (r) = !(LESS(a, b)); }
#include "functions/binary.inc.h"

#undef T
#undef LEFT
#undef RIGHT
#undef NAME
