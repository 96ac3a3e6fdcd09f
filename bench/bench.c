#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

double bench_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(const BenchFigure *figure, double *min_out, double *max_out) {
    double sorted[BENCH_ROUNDS_MAX];
    uint32_t count = figure->round_count;
    if (count == 0) return 0.0;
    memcpy(sorted, figure->rate, count * sizeof sorted[0]);
    qsort(sorted, count, sizeof sorted[0], compare_doubles);
    if (min_out != NULL) *min_out = sorted[0];
    if (max_out != NULL) *max_out = sorted[count - 1];
    return count % 2 == 1 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

void bench_add(BenchFigure *figure, double rate, uint64_t checksum) {
    if (figure->round_count < BENCH_ROUNDS_MAX) figure->rate[figure->round_count++] = rate;
    figure->checksum = checksum;
}

static const char *rate_text(double rate, char *buffer, size_t bytes) {
    if (rate >= 1e6) {
        snprintf(buffer, bytes, "%.2f M", rate / 1e6);
    } else if (rate >= 1e4) {
        snprintf(buffer, bytes, "%.1f k", rate / 1e3);
    } else {
        snprintf(buffer, bytes, "%.0f", rate);
    }
    return buffer;
}

void bench_print_head(const char *ours, const char *peer) {
    printf("%-34s %10s %21s %10s %21s %8s %6s\n", "case", ours, "(min .. max)", peer,
        "(min .. max)", "ratio", "gate");
}

bool bench_print_case(const BenchCase *result) {
    double low, high, peer_low, peer_high;
    char a[32], b[32], c[32], d[32], e[32], f[32], range[64], peer_range[64];
    double ours = bench_median(&result->ours, &low, &high);
    double peer = bench_median(&result->peer, &peer_low, &peer_high);
    if (result->ours.round_count == 0 || result->peer.round_count == 0) {
        printf("%-34s not measured\n", result->name);
        return result->gate == 0;
    }
    snprintf(range, sizeof range, "(%s .. %s)", rate_text(low, a, sizeof a),
        rate_text(high, b, sizeof b));
    snprintf(peer_range, sizeof peer_range, "(%s .. %s)", rate_text(peer_low, c, sizeof c),
        rate_text(peer_high, d, sizeof d));
    printf("%-34s %10s %21s %10s %21s ", result->name, rate_text(ours, e, sizeof e), range,
        rate_text(peer, f, sizeof f), peer_range);
    if (result->ours.checksum != result->peer.checksum) {
        printf("the answers differ: no ratio\n");
        return false;
    }
    double ratio = ours / peer;
    bool holds = ratio >= result->gate;
    if (result->gate > 0) {
        printf("%7.2fx %5.2fx%s\n", ratio, result->gate, holds ? "" : "  MISSED");
    } else {
        printf("%7.2fx\n", ratio);
    }
    fflush(stdout);
    return holds;
}

void bench_print_machine(void) {
    struct utsname name;
    char model[256] = "unknown";
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[512];
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "model name : %255[^\n]", model) == 1) break;
    }
    if (file != NULL) fclose(file);
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    if (uname(&name) == 0) {
        printf("machine: %s, %ld cores, %.1f GiB, %s %s\n", model, sysconf(_SC_NPROCESSORS_ONLN),
            (double)pages * (double)page_bytes / (1 << 30), name.sysname, name.release);
    }
}

uint64_t bench_random(uint64_t *state) {
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *state;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

void bench_progress(const char *name, uint32_t round, uint32_t round_count, const char *who) {
    fprintf(stderr,
        isatty(STDERR_FILENO) ? "\r\033[K%s, round %u of %u, %s" : "%s, round %u of %u, %s\n", name,
        round + 1, round_count, who);
}

void bench_progress_end(void) {
    if (isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
}
