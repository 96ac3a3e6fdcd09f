// What benchmarks share: rounds that alternate between peers, medians, and a table of ratios.
//
// Model    A case is run by each side in turn, `round_count` times; a figure is operations a
// second,
//          its median with minimum and maximum. Each side returns a checksum over everything it
//          read; without equal checksums there is no ratio.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { BENCH_ROUNDS_MAX = 15 };

typedef struct BenchFigure {
    double rate[BENCH_ROUNDS_MAX]; // operations a second
    uint32_t round_count;
    uint64_t checksum;
} BenchFigure;

typedef struct BenchCase {
    const char *name;
    const char *unit; // "rows/s"
    double gate;      // the ratio that must be reached; 0 for none
    BenchFigure ours, peer;
} BenchCase;

double bench_now(void); // seconds, monotonic
double bench_median(const BenchFigure *figure, double *min_out, double *max_out);

void bench_add(BenchFigure *figure, double rate, uint64_t checksum);

void bench_print_head(const char *ours, const char *peer);
// Prints one line and returns whether the gate holds.
bool bench_print_case(const BenchCase *result);
void bench_print_machine(void);

// Which step runs, on stderr: one line on a terminal, written over; otherwise a line for each step.
void bench_progress(const char *name, uint32_t round, uint32_t round_count, const char *who);
void bench_progress_end(void);

uint64_t bench_random(uint64_t *state);
