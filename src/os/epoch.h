// Epochs: memory that others may still be reading is freed once every reader of then has left.
//
// Model    A thread enters before it follows shared pointers and leaves before it blocks, does
//          I/O, or sleeps (rule I-6). Entering nests. epoch_retire frees later, on any thread.
// Threads  A thread is registered at its first entry, by an EpochSet per database.
// Source   Fraser, "Practical Lock-Freedom", 2004, section 5.2.3.
#pragma once

#include "base/status.h"

typedef struct EpochSet EpochSet;

Status epoch_set_create(EpochSet **set_out);
void epoch_set_destroy(EpochSet *set); // frees everything retired; nobody may be inside

void epoch_enter(EpochSet *set);
void epoch_leave(EpochSet *set);

// The same for a path that a call counts on: enters, and leaves by what entering returned.
typedef struct EpochSlot EpochSlot;
EpochSlot *epoch_pin(EpochSet *set);
void epoch_unpin(EpochSlot *slot);
bool epoch_is_inside(EpochSet *set); // for assertions

// Calls `release(memory)` when no thread that is inside now is inside any more. Never fails.
void epoch_retire(EpochSet *set, void *memory, void (*release)(void *memory));

// Moves the epoch on and frees what can be freed; for background threads and quiet moments.
void epoch_advance(EpochSet *set);
