// A workload of SQL for the tests of crashes and faults, with a model of what it has committed.
//
// Model    The workload is a row of steps; a step is a transaction, a definition, a checkpoint or a
//          close. Every step is made from a seed, so it is the same in every run. What the database
//          should hold after so many commits is a State, kept by this program alone and never read
//          from the database. A step that fails leaves the model as it was, unless the database
//          could not say whether it has committed: then both states are right.
// Threads  One. `database_observe` may be called on any thread for a database of its own.
#pragma once

#include "base/random.h"
#include "os/simulated_disk.h"
#include "session/session.h"

#define WORKLOAD_PATH "crash.omen"
#define WORKLOAD_LOG  "crash.omen-wal"

enum {
    WORKLOAD_IDS = 64,       // of rows in a table
    WORKLOAD_SERIALS = 1500, // rows whose ids a sequence gives
    WORKLOAD_TABLES = 2,     // "t", which is always there, and "u", which comes and goes
};

typedef struct TableState {
    bool exists, is_renamed, has_note, has_index;
    int32_t v[WORKLOAD_IDS];    // by id; 0 for no row. The text of a row follows from v
    int32_t note[WORKLOAD_IDS]; // 0 for null
} TableState;

typedef struct State {
    TableState tables[WORKLOAD_TABLES];
    bool has_serial;                  // the table "s" exists
    int16_t serial[WORKLOAD_SERIALS]; // by id; 0 for no row
} State;

typedef struct Workload {
    SimulatedDisk *disk;
    SimulatedClock *clock; // of this database alone, so that it moves the same way in every run
    Database *database;    // NULL when it could not be opened
    SessionPool *pool;
    Session *session, *other; // `other` has the transaction that stays open across checkpoints
    State acknowledged;       // what the database must hold, at the least
    State started;            // what it may hold: the commit under way, or one that is not known
    bool is_unknown;          // which of the two
    State other_state;        // of the open transaction: its table's rows
    bool other_is_open;
    bool has_faults; // steps may have failed, so that others have less to do
    Random random;
    uint32_t commits; // acknowledged

    struct CopyRows {
        char text[16384];
        size_t count;
        bool is_taken;
    } copy;

    int32_t returned; // by RETURNING
} Workload;

// Creates disk and database and the tables that are always there; `hook` may be NULL.
void workload_init(Workload *workload, uint64_t seed,
    void (*hook)(void *argument, uint64_t call, const char *path), void *argument);
void workload_deinit(Workload *workload); // closes, frees

// Runs step `number`. On an error the transaction is rolled back, and the error stays to be read.
// `name_out` says what kind of step it was.
Status workload_step(Workload *workload, uint32_t number, const char **name_out);

// The number of steps in a round, and of those from `number` on that belong together: no session
// may be closed between them.
uint32_t workload_round_steps(void);
uint32_t workload_unit_steps(uint32_t number);

// Sessions have threads, which a fork would not take along.
Status workload_open_sessions(Workload *workload);
void workload_close_sessions(Workload *workload);

// Opens or closes database and sessions. An open transaction of `other` is rolled back by a close.
Status workload_open(Workload *workload);
void workload_close(Workload *workload);

// Opens a database on a disk, with a clock of its own. The clock must outlive it.
Status workload_database_open(SimulatedDisk *disk, SimulatedClock *clock, Database **database_out);

// Reads everything. Each row must be one that the workload could have written, and the relations
// those that the state has. False, with the difference on standard error, when they are not.
bool database_observe(Database *database, State *state_out, uint64_t *row_count_out);

// Adds a row to "s" and commits; its id must be one that `state` has not. False when that fails.
bool database_add_serial(Database *database, State *state);

bool state_is_equal(const State *a, const State *b);
void state_print_difference(const State *expected, const State *found);
