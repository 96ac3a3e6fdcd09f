// The power fails inside every call of a workload of SQL that changes something on the disk. For
// each such point and each policy of what the unsynced leaves behind, a copy of the disk is brought
// up, compared with the model, checked, written to, and brought up again; and another copy fails
// again while it recovers.
//
// Model    The workload runs once in each process, on a simulated disk, and each process takes its
//          share of the points. A copy of the disk is taken inside the call and branches off there,
//          so nothing is run again to get to a point.
//
// Usage: crash_points [--full] [--processes N] [--rounds N] [--seed N] [--point N]
#include "base/assert.h"
#include "base/hash.h"
#include "base/log.h"
#include "os/thread.h"
#include "sql_workload.h"
#include "store/store_internal.h"
#include "wal/wal_internal.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES_MAX = 64, DEFAULT_PROCESSES = 2, DEFAULT_ROUNDS = 5 };

typedef struct Options {
    bool is_full; // every policy at every point; otherwise they take turns
    uint32_t process_count, rounds;
    uint64_t seed, only_point;
} Options;

// What a process has done, where its parent can read it when it is gone.
typedef struct Tally {
    uint64_t calls, points, cases, recoveries, crashes_in_recovery, rows, commits;
    uint64_t older_roots, refusals; // of openings whose newest root has rotted
    uint64_t point;                 // the present one
    CrashPolicy policy;
    const char *phase;
    bool is_done;
} Tally;

typedef struct Run {
    const Options *options;
    uint32_t process;
    Tally *tally;
    Workload workload;
    const char *step;
} Run;

// A copy that is being looked at.
typedef struct Case {
    Run *run;
    SimulatedClock *clock;
    SimulatedDisk *disk;
    Random random;
} Case;

[[gnu::noreturn]] static void die(const Run *run, const char *what) {
    fprintf(stderr, "point %llu, %s, %s, in step %s: %s%s%s\n",
        (unsigned long long)run->tally->point, crash_policy_name(run->tally->policy),
        run->tally->phase, run->step, what, error_get()->message == NULL ? "" : ": ",
        error_get()->message == NULL ? "" : error_get()->message);
    _exit(1);
}

static Database *open_or_die(const Case *self) {
    Database *database;
    if (workload_database_open(self->disk, self->clock, &database) != OK) {
        die(self->run, "it does not open");
    }
    self->run->tally->recoveries++;
    return database;
}

static void observe_or_die(const Case *self, Database *database, State *found_out) {
    uint64_t rows;
    if (!database_observe(database, found_out, &rows)) die(self->run, "what it holds is wrong");
    self->run->tally->rows += rows;
}

// What was acknowledged must be there; what was on its way wholly or not at all.
static void compare_with_model(const Case *self, Database *database, State *found_out) {
    const Workload *workload = &self->run->workload;
    observe_or_die(self, database, found_out);
    if (state_is_equal(found_out, &workload->acknowledged)) return;
    if (state_is_equal(found_out, &workload->started)) return;
    state_print_difference(&workload->acknowledged, found_out);
    die(self->run, "it holds something else than was committed");
}

// What it said once it says again.
static void compare_with_state(const Case *self, Database *database, const State *expected) {
    State found;
    observe_or_die(self, database, &found);
    if (state_is_equal(expected, &found)) return;
    state_print_difference(expected, &found);
    die(self->run, "it holds something else the second time");
}

static void check_structure(const Case *self, Database *database) {
    Arena arena;
    arena_init(&arena, NULL);
    Text findings;
    text_init(&findings, &arena);
    if (database_check(database, &findings) != OK) {
        fprintf(stderr, "%s", findings.data);
        die(self->run, "omendb check has findings");
    }
    arena_deinit(&arena);
}

static CrashPolicy random_policy(Random *random) {
    return (CrashPolicy)random_below(random, CRASH_POLICY_COUNT);
}

// The power fails again in the next call.
static void close_without_power(const Case *self, Database *database, CrashPolicy policy) {
    simulated_disk_crash_at(self->disk, simulated_disk_call_count(self->disk) + 1);
    database_close(database);
    simulated_disk_restart(self->disk, policy, random_next(&((Case *)(uintptr_t)self)->random));
}

// Brings a copy up, works with it, and brings it up again. Returns the calls its opening took.
static uint64_t check_once(Case *self, CrashPolicy policy, uint64_t seed) {
    Tally *tally = self->run->tally;
    simulated_disk_restart(self->disk, policy, seed);
    uint64_t before = simulated_disk_call_count(self->disk);
    tally->phase = "recovering";
    Database *database = open_or_die(self);
    uint64_t calls = simulated_disk_call_count(self->disk) - before;
    State found;
    compare_with_model(self, database, &found);
    tally->phase = "checking";
    check_structure(self, database);
    tally->phase = "writing after recovery";
    if (found.has_serial && !database_add_serial(database, &found)) die(self->run, "it failed");
    if (random_below(&self->random, 2) == 0) {
        database_close(database);
    } else {
        close_without_power(self, database, random_policy(&self->random));
    }
    tally->phase = "opening it again";
    database = open_or_die(self);
    compare_with_state(self, database, &found);
    database_close(database);
    return calls;
}

// Fails once or twice more while it recovers.
static void check_crash_in_recovery(Case *self, CrashPolicy policy, uint64_t seed, uint64_t calls) {
    Tally *tally = self->run->tally;
    tally->phase = "failing in recovery";
    simulated_disk_restart(self->disk, policy, seed);
    for (uint64_t times = 1 + random_below(&self->random, 2); times > 0; times--) {
        uint64_t at =
            simulated_disk_call_count(self->disk) + 1 + random_below(&self->random, calls);
        simulated_disk_crash_at(self->disk, at);
        Database *database;
        if (workload_database_open(self->disk, self->clock, &database) == OK) {
            database_close(database);
        } else {
            error_clear();
        }
        simulated_disk_restart(
            self->disk, random_policy(&self->random), random_next(&self->random));
        tally->crashes_in_recovery++;
    }
    tally->phase = "recovering after a failed recovery";
    Database *database = open_or_die(self);
    State found;
    compare_with_model(self, database, &found);
    database_close(database);
}

// ---- Both copies of the newest root rot ---------------------------------------------------------

// Reads a whole file of the copy; NULL when there is none. To be freed.
static uint8_t *read_file(const Case *self, const char *path, size_t *count_out) {
    FileSystem *files = simulated_disk_files(self->disk);
    File *file;
    if (!file_exists(files, path) || file_open(files, path, (FileOptions){0}, &file) != OK) {
        return NULL;
    }
    uint64_t size = 0;
    Status status = file_get_size(file, &size);
    uint8_t *bytes = malloc(size + 1);
    if (bytes == NULL || status != OK || file_read(file, 0, bytes, size, count_out) != OK) {
        die(self->run, "it cannot be read");
    }
    file_close(file);
    return bytes;
}

// The newest root of the file, of which both copies are damaged; false when it has one root alone.
static bool rot_newest_root(const Case *self, StoreRoot *root_out) {
    size_t count;
    uint8_t *bytes = read_file(self, WORKLOAD_PATH, &count);
    if (bytes == NULL) return false;
    *root_out = (StoreRoot){0};
    uint64_t oldest = UINT64_MAX;
    for (uint32_t slot = 0; slot < 4; slot++) {
        StoreRoot root;
        if (count < (slot + 1) * SUPERBLOCK_SPACING
            || superblock_decode(bytes + slot * SUPERBLOCK_SPACING, &root) != OK) {
            error_clear();
            continue;
        }
        if (root.generation > root_out->generation) *root_out = root;
        if (root.generation < oldest) oldest = root.generation;
    }
    free(bytes);
    if (oldest >= root_out->generation) return false;
    for (uint32_t copy = 0; copy < 2; copy++) {
        uint64_t at = superblock_offset(root_out->generation) + copy * SUPERBLOCK_SPACING + 32;
        simulated_disk_flip_bit(self->disk, WORKLOAD_PATH, at, 3);
    }
    return true;
}

// Whether the log says, anywhere in it, that the root has been durable.
static bool file_has_end(
    const StoreRoot *root, uint64_t number, const uint8_t *bytes, size_t count) {
    WalOptions options = {.timeline = (uint32_t)root->timeline};
    memcpy(options.database_id, root->database_id, sizeof options.database_id);
    uint32_t seed = wal_seed(&options), record_bytes = WAL_HEADER_BYTES + 8;
    for (size_t at = 0; at + record_bytes <= count; at += WAL_ALIGNMENT) {
        if (get_u64_le(bytes + at + 8) != number * count + at) continue;
        WalHeader header = wal_header_decode(bytes + at);
        if (header.type != WAL_CHECKPOINT_END || header.bytes != record_bytes) continue;
        uint32_t crc = wal_header_crc(seed, bytes + at);
        if (crc32c(crc, bytes + at + WAL_HEADER_BYTES, 8) != header.crc) continue;
        if (get_u64_le(bytes + at + WAL_HEADER_BYTES) == root->generation) return true;
    }
    return false;
}

static bool log_has_end(const Case *self, const StoreRoot *root) {
    Environment environment = {.files = simulated_disk_files(self->disk)};
    Arena arena;
    arena_init(&arena, NULL);
    uint64_t *numbers;
    size_t file_count;
    if (wal_list_files(environment, WORKLOAD_LOG, &arena, &numbers, &file_count) != OK) {
        die(self->run, "its log cannot be listed");
    }
    bool is_found = false;
    for (size_t i = 0; i < file_count && !is_found; i++) {
        size_t count;
        uint8_t *bytes = read_file(self, wal_file_path(&arena, WORKLOAD_LOG, numbers[i]), &count);
        if (bytes != NULL) is_found = file_has_end(root, numbers[i], bytes, count);
        free(bytes);
    }
    arena_deinit(&arena);
    return is_found;
}

// The root before may be opened only as long as nothing is given away that it needs: it must then
// hold all that was committed. From the CHECKPOINT_END on it is refused.
static void check_rot(Case *self, CrashPolicy policy, uint64_t seed) {
    Tally *tally = self->run->tally;
    simulated_disk_restart(self->disk, policy, seed);
    bool was_recovered = random_below(&self->random, 2) == 0;
    State expected;
    if (was_recovered) {
        tally->phase = "recovering before its newest root rots";
        Database *recovered = open_or_die(self);
        compare_with_model(self, recovered, &expected);
        if (expected.has_serial && !database_add_serial(recovered, &expected)) {
            die(self->run, "it failed");
        }
        close_without_power(self, recovered, random_policy(&self->random));
    }
    tally->phase = "opening without its newest root";
    StoreRoot root;
    if (!rot_newest_root(self, &root)) return;
    bool has_end = log_has_end(self, &root);
    Database *database;
    Status status = workload_database_open(self->disk, self->clock, &database);
    if (status == OK) {
        if (has_end) die(self->run, "an older root was opened than the log knows of");
        State found;
        if (was_recovered) {
            compare_with_state(self, database, &expected);
        } else {
            compare_with_model(self, database, &found);
        }
        check_structure(self, database);
        database_close(database);
        tally->older_roots++;
    } else {
        // A root that needs no log: the log may be gone before the root rots.
        if (!has_end && !root.is_clean) die(self->run, "the root before was refused");
        if (status != DATA_CORRUPTED) die(self->run, "it was refused with another error");
        error_clear();
        tally->refusals++;
    }
}

// ---- Points -------------------------------------------------------------------------------------

static CrashPolicy policy_in_turn(const Run *run, uint64_t point) {
    return (CrashPolicy)(point / run->options->process_count % CRASH_POLICY_COUNT);
}

static void check_policy(Run *run, uint64_t point, CrashPolicy policy) {
    run->tally->policy = policy;
    uint64_t seed = hash_combine(hash_combine(run->options->seed, point), policy);
    Case self = {.run = run};
    random_seed(&self.random, seed);
    SimulatedDisk *second, *third;
    if (simulated_clock_create(&self.clock) != OK
        || simulated_disk_copy(run->workload.disk, &self.disk) != OK
        || simulated_disk_copy(run->workload.disk, &second) != OK
        || simulated_disk_copy(run->workload.disk, &third) != OK) {
        die(run, "no copy");
    }
    uint64_t calls = check_once(&self, policy, seed);
    simulated_disk_destroy(self.disk);
    self.disk = second;
    if (calls > 0) check_crash_in_recovery(&self, policy, seed, calls);
    simulated_disk_destroy(second);
    self.disk = third;
    if (policy == policy_in_turn(run, point)) check_rot(&self, policy, seed);
    simulated_disk_destroy(third);
    simulated_clock_destroy(self.clock);
    run->tally->cases++;
}

static void check_point(void *argument) {
    Run *run = argument;
    uint64_t point = run->tally->point;
    if (!run->options->is_full) {
        check_policy(run, point, policy_in_turn(run, point));
        return;
    }
    for (CrashPolicy policy = 0; policy < CRASH_POLICY_COUNT; policy++)
        check_policy(run, point, policy);
}

static void visit_call(void *argument, uint64_t call, const char *path) {
    (void)path;
    Run *run = argument;
    run->tally->calls = call;
    if (call % run->options->process_count != run->process) return;
    if (run->options->only_point != 0 && call != run->options->only_point) return;
    run->tally->point = call;
    run->tally->points++;
    // On a thread of its own: this one holds whatever locks it holds inside its call.
    Thread *thread;
    if (thread_start("check", 0, check_point, run, &thread) != OK) die(run, "no thread");
    thread_join(thread);
}

static void run_process(Run *run) {
    log_set_severity(LOG_OFF); // every crash is told in it
    // Databases come and go; their memory need not go back to the system each time.
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    run->step = "set-up";
    workload_init(&run->workload, run->options->seed, visit_call, run);
    for (uint32_t number = 0; number < run->options->rounds * workload_round_steps(); number++) {
        Status status = workload_step(&run->workload, number, &run->step);
        if (status != OK) die(run, "a step failed");
    }
    run->step = "closing";
    run->tally->commits = run->workload.commits;
    workload_deinit(&run->workload);
    run->tally->is_done = true;
}

static void print_help(FILE *out) {
    fputs("Crashes a workload of SQL inside every call that changes the disk, and recovers it.\n\n"
          "Usage: crash_points [OPTION]...\n\n"
          "  --full          every policy at every point (they take turns if not given)\n"
          "  --processes N   to share the points (default 2)\n"
          "  --rounds N      of the workload's steps (default 5)\n"
          "  --seed N        of the workload and of what crashes leave (default 1)\n"
          "  --point N       this one alone\n",
        out);
}

static Options parse(int count, char **arguments) {
    Options options = {.process_count = DEFAULT_PROCESSES, .rounds = DEFAULT_ROUNDS, .seed = 1};
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
        if (value == NULL) break;
        uint64_t number = strtoull(value, NULL, 10);
        i++;
        if (strcmp(name, "--processes") == 0 && number > 0 && number <= PROCESSES_MAX) {
            options.process_count = (uint32_t)number;
        } else if (strcmp(name, "--rounds") == 0 && number > 0) {
            options.rounds = (uint32_t)number;
        } else if (strcmp(name, "--seed") == 0) {
            options.seed = number;
        } else if (strcmp(name, "--point") == 0) {
            options.only_point = number;
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
    Tally all = {0};
    uint32_t failed = 0;
    for (uint32_t i = 0; i < options.process_count; i++) {
        int result;
        waitpid(processes[i], &result, 0);
        const Tally *tally = &tallies[i];
        if (!tally->is_done || result != 0) {
            fprintf(stderr, "process %u ended at point %llu, %s, %s\n", i,
                (unsigned long long)tally->point, crash_policy_name(tally->policy),
                tally->phase == NULL ? "" : tally->phase);
            failed++;
        }
        all.calls = tally->calls;
        all.commits = tally->commits;
        all.points += tally->points;
        all.cases += tally->cases;
        all.recoveries += tally->recoveries;
        all.crashes_in_recovery += tally->crashes_in_recovery;
        all.rows += tally->rows;
        all.older_roots += tally->older_roots;
        all.refusals += tally->refusals;
    }
    printf("%llu commits, %llu calls; %llu points, %d policies%s, %llu crashes and %llu more in "
           "recovery; %llu recoveries; %llu rows compared; with both copies of the newest root "
           "damaged, %llu opened and %llu refused\n",
        (unsigned long long)all.commits, (unsigned long long)all.calls,
        (unsigned long long)all.points, CRASH_POLICY_COUNT, options.is_full ? "" : " in turn",
        (unsigned long long)all.cases, (unsigned long long)all.crashes_in_recovery,
        (unsigned long long)all.recoveries, (unsigned long long)all.rows,
        (unsigned long long)all.older_roots, (unsigned long long)all.refusals);
    printf("%d passed, %d failed\n", failed == 0, failed != 0);
    return failed != 0;
}
