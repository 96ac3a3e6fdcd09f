// Key read: the short path of a plan that is one row of one table by a unique key, its bounds given
// as parameters or constants and its results columns of the table. It needs no operators and no
// frame, and no memory once it is made.
//
// Threads  Of the thread that runs the statement.
// Memory   In the arena it was made in. Its batch is overwritten by the next run.
#pragma once

#include "plan/plan.h"

typedef struct KeyRead KeyRead;

// NULL for a plan of another shape, or when the table is not there.
KeyRead *key_read_make(const Plan *plan, TableSet *tables, Arena *arena);

// The table's OID: whoever runs it holds ACCESS SHARE on it.
Oid key_read_table(const KeyRead *read);

// The row's result columns; NULL when there is none.
Status key_read_run(KeyRead *read, Snapshot snapshot, const Value *parameters, Batch **batch_out);

// Lets go of what the row borrows; it may run again.
void key_read_release(KeyRead *read);
