// Each call on the disk and each allocation of a workload of SQL fails in turn. Whatever meets the
// fault ends with the SQLSTATE of its kind, or does without; then the database goes on and holds
// what was acknowledged, or it has FAILED, reads, and refuses to write; opened again it holds what
// was acknowledged, and omendb check has no finding.
//
// Model    A process runs the workload and branches off by fork before each step: a scout counts
//          the step's calls and allocations, and one child for each of them meets the fault there.
//          A child that hangs is killed by its alarm. Blocks that a child has allocated in the end
//          and its scout has not are leaks.
//
// Usage: fault_points [--full] [--processes N] [--rounds N] [--seed N] [--step N] [--at N]
#include "base/assert.h"
#include "base/hash.h"
#include "base/log.h"
#include "engine/engine_internal.h"
#include "failing_memory.h"
#include "sql_workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PROCESSES_MAX = 64,
    DEFAULT_PROCESSES = 2,
    DEFAULT_ROUNDS = 1,
    CHILD_SECONDS = 60,
    MEMORY_SHARE = 16, // of a step's allocations, without --full
    STEPS_AFTER = 3,   // that must succeed when the fault is over
};

// X(NAME, what it is, the error)
#define FAULT_LIST(X)                                                                              \
    X(IO_ONCE, "an I/O error", IO_ERROR)                                                           \
    X(IO_LASTING, "a device that writes no more", IO_ERROR)                                        \
    X(SYNC, "a sync that fails", IO_ERROR)                                                         \
    X(FULL, "a full disk", DISK_FULL)                                                              \
    X(MEMORY, "no memory", OUT_OF_MEMORY)

typedef enum FaultKind {

#define X(name, text, status) KIND_##name,
    FAULT_LIST(X)
#undef X
        KIND_COUNT
} FaultKind;

static const char *const kind_texts[] = {
#define X(name, text, status) text,
    FAULT_LIST(X)
#undef X
};

static const Status kind_statuses[] = {
#define X(name, text, status) status,
    FAULT_LIST(X)
#undef X
};

typedef struct Options {
    bool is_full; // each allocation, and not a share of them
    uint32_t process_count, rounds;
    uint64_t seed;
    int64_t only_step, only_at;
} Options;

// Shared with the children.
typedef struct Tally {
    uint64_t met[KIND_COUNT], unnoticed[KIND_COUNT], failed[KIND_COUNT]; // FAILED: of the database
    uint64_t unknown, rows;
    uint64_t calls, allocations; // of the present step
    int64_t blocks;              // that are left when its scout has closed everything
    uint64_t problems;
    bool is_done;
} Tally;

typedef struct Run {
    const Options *options;
    uint32_t process;
    Tally *tally;
    Workload workload;
    uint32_t step, step_count; // of the unit
    const char *name;
    FaultKind kind;
    uint64_t at; // the call or allocation within the unit
} Run;

[[gnu::noreturn]] static void die(const Run *run, const char *what) {
    fprintf(stderr, "step %u (%s), %s at %llu: %s%s%s\n", run->step, run->name,
        kind_texts[run->kind], (unsigned long long)run->at, what,
        error_get()->message == NULL ? "" : ": ",
        error_get()->message == NULL ? "" : error_get()->message);
    _exit(1);
}

static bool is_failed(const Workload *workload) {
    return wal_is_failed(workload->database->wal) || store_is_failed(workload->database->store);
}

static Status run_unit(Run *run) {
    Status status = OK;
    for (uint32_t i = 0; i < run->step_count && status == OK; i++)
        status = workload_step(&run->workload, run->step + i, &run->name);
    return status;
}

static void observe(Run *run, Database *database, State *found_out) {
    uint64_t rows;
    if (!database_observe(database, found_out, &rows)) die(run, "what it holds is wrong");
    __atomic_fetch_add(&run->tally->rows, rows, __ATOMIC_RELAXED);
}

// ---- After the fault ----------------------------------------------------------------------------

// What is acknowledged is there and nothing else, whether the database has FAILED or not.
static void check_goes_on(Run *run) {
    Workload *workload = &run->workload;
    State found;
    observe(run, workload->database, &found);
    if (!state_is_equal(&found, &workload->acknowledged)) {
        state_print_difference(&workload->acknowledged, &found);
        die(run, "it holds something else than was acknowledged");
    }
    if (is_failed(workload)) {
        Status status = workload_step(workload, 0, NULL);
        if (status != IO_ERROR) die(run, "a failed database took a write, or had another error");
        error_clear();
        return;
    }
    uint32_t after = run->step + run->step_count;
    for (uint32_t i = 0; i < STEPS_AFTER; after++, i++) {
        if (workload_step(workload, after, NULL) != OK) die(run, "a later step failed");
    }
    if (workload_step(workload, after, NULL) != OK) die(run, "a later step failed");
    // A checkpoint that is given up for want of memory may lose a few blocks until the next open,
    // which marks what is taken anew; of memory the check comes after that.
    if (run->kind == KIND_MEMORY) return;
    Arena arena;
    arena_init(&arena, NULL);
    Text findings;
    text_init(&findings, &arena);
    if (database_check(workload->database, &findings) != OK) die(run, findings.data);
    arena_deinit(&arena);
}

static void check_reopened(Run *run) {
    Workload *workload = &run->workload;
    uint64_t seed = hash_combine(hash_combine(run->options->seed, run->step), run->at);
    simulated_disk_restart(workload->disk, seed % 2 == 0 ? CRASH_KILL : CRASH_NOTHING, seed);
    if (workload_open(workload) != OK) die(run, "it does not open again");
    State found;
    observe(run, workload->database, &found);
    if (!state_is_equal(&found, &workload->acknowledged)
        && !(workload->is_unknown && state_is_equal(&found, &workload->started))) {
        state_print_difference(&workload->acknowledged, &found);
        die(run, "opened again it holds something else than was acknowledged");
    }
    Arena arena;
    arena_init(&arena, NULL);
    Text findings;
    text_init(&findings, &arena);
    if (database_check(workload->database, &findings) != OK) die(run, findings.data);
    arena_deinit(&arena);
    if (!database_add_serial(workload->database, &found)) die(run, "it takes no row");
}

static void check_status(Run *run, Status status) {
    if (status == OK || status == kind_statuses[run->kind]) return;
    // A commit whose flush has failed.
    bool is_of_disk = run->kind != KIND_MEMORY && run->kind != KIND_FULL;
    if (is_of_disk && status == TRANSACTION_RESOLUTION_UNKNOWN) return;
    char code[6];
    status_to_sqlstate(status, code);
    fprintf(stderr, "SQLSTATE %s\n", code);
    die(run, "another error than the fault's");
}

// ---- Children -----------------------------------------------------------------------------------

static void arm(Run *run) {
    uint64_t call = simulated_disk_call_count(run->workload.disk) + run->at;
    switch (run->kind) {
    case KIND_IO_ONCE:
    case KIND_IO_LASTING:
        simulated_disk_fail_at(run->workload.disk, call, FAULT_IO, run->kind == KIND_IO_LASTING);
        return;
    case KIND_SYNC:
        simulated_disk_fail_at(run->workload.disk, call, FAULT_SYNC, true);
        return;
    case KIND_FULL:
        simulated_disk_fail_at(run->workload.disk, call, FAULT_FULL, true);
        return;
    case KIND_MEMORY:
        memory_fail_at(memory_allocation_count() + run->at);
        return;
    case KIND_COUNT:
        break;
    }
    UNREACHABLE();
}

static void run_child(Run *run) {
    Tally *tally = run->tally;
    Workload *workload = &run->workload;
    if (workload_open_sessions(workload) != OK) die(run, "no session");
    workload->has_faults = true;
    arm(run);
    Status status = run_unit(run);
    memory_fail_at(0);
    check_status(run, status);
    tally->met[run->kind]++;
    if (status == OK) tally->unnoticed[run->kind]++;
    if (workload->is_unknown) tally->unknown++;
    error_clear();
    if (workload->database != NULL) {
        if (is_failed(workload)) {
            tally->failed[run->kind]++;
            if (run->kind == KIND_FULL) die(run, "a full disk is no reason to fail for good");
            if (run->kind == KIND_MEMORY) die(run, "want of memory is no reason to fail for good");
        } else {
            simulated_disk_fail_at(workload->disk, 0, FAULT_IO, false);
        }
        check_goes_on(run);
        workload_close(workload);
    }
    check_reopened(run);
    workload_deinit(workload);
    if (memory_block_count() > tally->blocks) {
        fprintf(
            stderr, "%lld blocks too many\n", (long long)(memory_block_count() - tally->blocks));
        die(run, "memory leaks");
    }
}

// Runs the unit without a fault, and what follows it.
static void run_scout(Run *run) {
    Tally *tally = run->tally;
    Workload *workload = &run->workload;
    if (workload_open_sessions(workload) != OK) die(run, "no session");
    uint64_t calls = simulated_disk_call_count(workload->disk);
    uint64_t allocations = memory_allocation_count();
    if (run_unit(run) != OK) die(run, "without a fault");
    tally->calls = simulated_disk_call_count(workload->disk) - calls;
    tally->allocations = memory_allocation_count() - allocations;
    check_goes_on(run);
    workload_close(workload);
    check_reopened(run);
    workload_deinit(workload);
    tally->blocks = memory_block_count();
}

// Runs in a process of its own; false when that fails.
static bool branch(Run *run, void (*child)(Run *run)) {
    pid_t process = fork();
    if (process < 0) die(run, "no process");
    if (process == 0) {
        alarm(CHILD_SECONDS);
        child(run);
        _exit(0);
    }
    int result;
    waitpid(process, &result, 0);
    if (result == 0) return true;
    run->tally->problems++;
    if (WIFSIGNALED(result)) {
        fprintf(stderr, "step %u (%s), %s at %llu: %s\n", run->step, run->name,
            kind_texts[run->kind], (unsigned long long)run->at,
            WTERMSIG(result) == SIGALRM ? "it hangs" : "it is ended by a signal");
    }
    return false;
}

// ---- The row of steps ---------------------------------------------------------------------------

static void try_faults(Run *run) {
    if (run->options->only_step >= 0 && run->step != run->options->only_step) return;
    run->at = 0;
    if (!branch(run, run_scout)) return;
    for (run->kind = 0; run->kind < KIND_COUNT; run->kind++) {
        bool is_memory = run->kind == KIND_MEMORY;
        uint64_t count = is_memory ? run->tally->allocations : run->tally->calls;
        uint64_t stride = is_memory && !run->options->is_full ? MEMORY_SHARE : 1;
        uint64_t first = 1 + hash_combine(run->options->seed, run->step) % stride;
        for (run->at = first + run->process * stride; run->at <= count;
             run->at += stride * run->options->process_count) {
            if (run->options->only_at >= 0 && run->at != (uint64_t)run->options->only_at) continue;
            branch(run, run_child);
        }
    }
    run->kind = 0;
}

static void run_process(Run *run) {
    // Every fault is told in it; of one step it tells what a child has died of.
    log_set_severity(run->options->only_step >= 0 ? LOG_ERROR_SEVERITY : LOG_OFF);
    Workload *workload = &run->workload;
    run->name = "set-up";
    workload_init(workload, run->options->seed, NULL, NULL);
    while (run->step < run->options->rounds * workload_round_steps()) {
        run->step_count = workload_unit_steps(run->step);
        workload_close_sessions(workload);
        try_faults(run);
        if (workload_open_sessions(workload) != OK) die(run, "no session");
        if (run_unit(run) != OK) die(run, "without a fault");
        run->step += run->step_count;
    }
    workload_deinit(workload);
    run->tally->is_done = true;
}

static void print_help(FILE *out) {
    fputs("Lets each call on the disk and each allocation of a workload of SQL fail in turn.\n\n"
          "Usage: fault_points [OPTION]...\n\n"
          "  --full          each allocation (one in 16 if not given)\n"
          "  --processes N   to share the faults (default 2)\n"
          "  --rounds N      of the workload's steps (default 1)\n"
          "  --seed N        of the workload (default 1)\n"
          "  --step N        faults in this one alone\n"
          "  --at N          in this call or allocation of a step alone\n",
        out);
}

static Options parse(int count, char **arguments) {
    Options options = {.process_count = DEFAULT_PROCESSES,
        .rounds = DEFAULT_ROUNDS,
        .seed = 1,
        .only_step = -1,
        .only_at = -1};
    for (int i = 1; i < count; i++) {
        const char *name = arguments[i], *value = i + 1 < count ? arguments[i + 1] : NULL;
        if (strcmp(name, "--help") == 0) {
            print_help(stdout);
            exit(0);
        }
        if (strcmp(name, "--full") == 0) {
            options.is_full = true;
            continue;
        }
        uint64_t number = value == NULL ? 0 : strtoull(value, NULL, 10);
        i++;
        if (value != NULL && strcmp(name, "--processes") == 0 && number > 0
            && number <= PROCESSES_MAX) {
            options.process_count = (uint32_t)number;
        } else if (value != NULL && strcmp(name, "--rounds") == 0 && number > 0) {
            options.rounds = (uint32_t)number;
        } else if (value != NULL && strcmp(name, "--seed") == 0) {
            options.seed = number;
        } else if (value != NULL && strcmp(name, "--step") == 0) {
            options.only_step = (int64_t)number;
        } else if (value != NULL && strcmp(name, "--at") == 0) {
            options.only_at = (int64_t)number;
        } else {
            print_help(stderr);
            exit(2);
        }
    }
    return options;
}

int main(int count, char **arguments) {
    Options options = parse(count, arguments);
    Tally *tallies = mmap(NULL, sizeof *tallies * options.process_count, PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tallies == MAP_FAILED) return 1;
    pid_t processes[PROCESSES_MAX];
    for (uint32_t i = 0; i < options.process_count; i++) {
        processes[i] = fork();
        if (processes[i] < 0) return 1;
        if (processes[i] > 0) continue;
        static Run run;
        run.options = &options;
        run.process = i;
        run.tally = &tallies[i];
        run_process(&run);
        exit(0);
    }
    uint64_t problems = 0, unknown = 0, rows = 0;
    for (uint32_t i = 0; i < options.process_count; i++) {
        int result;
        waitpid(processes[i], &result, 0);
        problems += tallies[i].problems + (!tallies[i].is_done || result != 0);
        unknown += tallies[i].unknown;
        rows += tallies[i].rows;
    }
    for (FaultKind kind = 0; kind < KIND_COUNT; kind++) {
        uint64_t met = 0, unnoticed = 0, failed = 0;
        for (uint32_t i = 0; i < options.process_count; i++) {
            met += tallies[i].met[kind];
            unnoticed += tallies[i].unnoticed[kind];
            failed += tallies[i].failed[kind];
        }
        problems += met == 0 && options.only_step < 0; // then nothing has been tested
        printf("%s: %llu times, %llu done without, %llu failed databases\n", kind_texts[kind],
            (unsigned long long)met, (unsigned long long)unnoticed, (unsigned long long)failed);
    }
    printf("%llu commits of unknown outcome; %llu rows compared; %llu problems\n",
        (unsigned long long)unknown, (unsigned long long)rows, (unsigned long long)problems);
    printf("%d passed, %d failed\n", problems == 0, problems != 0);
    return problems != 0;
}
