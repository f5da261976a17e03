/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Google Benchmark for C: benchmarks are C functions, and this shim is the only C++ of the project.
 *
 *     static void sum(struct bench *b, long n)
 *     {
 *             set up
 *             while (bench_running(b))
 *                     measured
 *             bench_packets(b, per_round, bytes_of_each);
 *     }
 *
 *     int main(int argc, char **argv)
 *     {
 *             bench_add("sum", sum, 64);
 *             return bench_main(argc, argv);
 *     }
 */
#ifndef SEALANE_PERF_BENCH_H
#define SEALANE_PERF_BENCH_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bench;

typedef void bench_fn(struct bench *b, long arg);

/* Registers a benchmark; it appears as NAME/ARG. name is copied. */
void bench_add(const char *name, bench_fn *fn, long arg);

/* True as long as another round is to be measured. */
bool bench_running(struct bench *b);

/* Leaves what follows off the clock, until bench_resume(). Costs some hundred cycles itself. */
void bench_pause(struct bench *b);
void bench_resume(struct bench *b);

/*
 * After the rounds: each had this many packets of this many bytes. Reports TSC cycles a packet, packets and bits a
 * second.
 */
void bench_packets(struct bench *b, unsigned packets, unsigned bytes);

/* After the rounds, when a round is not about packets: reports rounds a second, and TSC cycles of each. */
void bench_items(struct bench *b);

/* Runs what the command line selects (--benchmark_filter=, --benchmark_format=json, ...). Returns the exit code. */
int bench_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif
