// Memory of frames: much of it in large pages, because a row that a key leads to is mostly on a
// page of memory that the processor's address cache does not know.
//
// Model    Sizes that are in great demand come from regions of 2 MiB, one huge page each where the
//          system has them, each cut into pieces of one class of sizes; the first few MiB of a
//          class, and what is too large, come from the heap. So a small database has none.
// Threads  Any.
#pragma once

#include "base/status.h"

typedef struct FrameMemory FrameMemory;

FrameMemory *frame_memory_create(void); // NULL without memory
void frame_memory_destroy(FrameMemory *memory);

// `bytes` is a multiple of 64, and so is the address. NULL without memory. `is_cut_out`: it is a
// piece of a region.
void *frame_memory_allocate(FrameMemory *memory, size_t bytes, bool *is_cut_out);
void frame_memory_free(FrameMemory *memory, void *piece, size_t bytes, bool is_cut);

size_t frame_memory_region_count(FrameMemory *memory);
