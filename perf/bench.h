/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Google Benchmark for C: benchmarks are C functions, and this shim is the only C++ of the project.
 *
 *     static void sum(struct bench *b, long n)
 *     {
 *             set up
 *             while (bench_running(b))
 *                     measured
 *             bench_items(b);
 *     }
 *
 *     int main(int argc, char **argv)
 *     {
 *             bench_add("sum", sum, 64);
 *             return bench_main(argc, argv);
 *     }
 *
 * Where a round holds more than what is to be measured, the benchmark keeps its own clock: see bench_add_case().
 */
#ifndef SEALANE_PERF_BENCH_H
#define SEALANE_PERF_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bench;

typedef void bench_fn(struct bench *b, long arg);
typedef void bench_case_fn(struct bench *b, const void *arg);

/* Registers a benchmark; it appears as NAME/ARG. name is copied. */
void bench_add(const char *name, bench_fn *fn, long arg);

/*
 * Registers a benchmark with a clock of its own; it appears as NAME. Each of its rounds must call bench_took(). *arg
 * must stay.
 */
void bench_add_case(const char *name, bench_case_fn *fn, const void *arg);

/* True as long as another round is to be measured. */
bool bench_running(struct bench *b);

/* Leaves what follows off the clock, until bench_resume(). Costs some hundred cycles itself. */
void bench_pause(struct bench *b);
void bench_resume(struct bench *b);

/* This round took so many TSC cycles. */
void bench_took(struct bench *b, uint64_t tsc);

/* TSC cycles a second. */
double bench_tsc_hz(void);

/* After the rounds: reports a figure. */
void bench_report(struct bench *b, const char *name, double value);

/* After the rounds: reports rounds a second, and TSC cycles of each (with an own clock: of what it showed). */
void bench_items(struct bench *b);

/* The same, when a round is one packet of this many bytes: also the bits. */
void bench_bytes(struct bench *b, unsigned bytes);

/* Runs what the command line selects (--benchmark_filter=, --benchmark_format=json, ...). Returns the exit code. */
int bench_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif
