// The directory of stores: StoreId -> where that store's rows and indexes are in the image, and
// what a row of it looks like, so that recovery needs no catalog.
//
// Model    One entry a store, bytes to this module; rows, learned and table encode what they need
//          in it. A checkpoint collects the entries of every store at the flip and writes them as
//          one run of extents; opening reads them all (16 bytes to a few hundred each).
// Threads  Used by the checkpointer and at open, one thread at a time.
// Format   docs/file-format.md
#pragma once

#include "store/store.h"

typedef struct Directory Directory;

Directory *directory_make(Arena *arena);

// Adds an entry; `bytes` are copied. Stores in rising order.
void directory_add(Directory *directory, StoreId store, Bytes bytes);

// Writes the entries as extents and returns the reference to the first, which names the others.
Status directory_write(const Directory *directory, Store *store, ExtentRef *ref_out);

// Reads a directory. Errors: DATA_CORRUPTED.
Status directory_read(Store *store, ExtentRef ref, Arena *arena, Directory **directory_out);

// Every extent the directory itself occupies, for freeing, marking and checking.
Status directory_extents(
    Store *store, ExtentRef ref, Arena *arena, ExtentRef **refs_out, size_t *count_out);

size_t directory_count(const Directory *directory);
void directory_get(const Directory *directory, size_t index, StoreId *store_out, Bytes *bytes_out);
