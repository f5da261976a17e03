/* SPDX-License-Identifier: BSD-3-Clause */
/* The shim between C benchmarks and Google Benchmark: see bench.h. */
#include "bench.h"

#include <benchmark/benchmark.h>

#include <x86intrin.h>

struct bench {
	benchmark::State &state;
	benchmark::State::StateIterator at, end;
	bool started;
	unsigned long long tsc_start, tsc_paused, tsc_total;
};

void bench_add(const char *name, bench_fn *fn, long arg)
{
	auto run = [fn](benchmark::State &state) {
		bench b{state, state.begin(), state.end(), false, 0, 0, 0};

		fn(&b, state.range(0));
	};

	benchmark::RegisterBenchmark(name, run)->Arg(arg);
}

bool bench_running(struct bench *b)
{
	if (!b->started) {
		b->started = true;
		b->tsc_start = __rdtsc();
	} else {
		++b->at;
	}
	if (b->at != b->end)
		return true;
	b->tsc_total = __rdtsc() - b->tsc_start - b->tsc_paused;
	return false;
}

void bench_pause(struct bench *b)
{
	b->state.PauseTiming();
	b->tsc_paused -= __rdtsc();
}

void bench_resume(struct bench *b)
{
	b->tsc_paused += __rdtsc();
	b->state.ResumeTiming();
}

void bench_packets(struct bench *b, unsigned packets, unsigned bytes)
{
	double total = double(b->state.iterations()) * packets;

	b->state.counters["tsc/packet"] = double(b->tsc_total) / total;
	b->state.counters["packets"] = benchmark::Counter(total, benchmark::Counter::kIsRate);
	b->state.counters["bits"] = benchmark::Counter(total * bytes * 8, benchmark::Counter::kIsRate);
}

void bench_items(struct bench *b)
{
	double rounds = double(b->state.iterations());

	b->state.counters["tsc/round"] = double(b->tsc_total) / rounds;
	b->state.counters["rounds"] = benchmark::Counter(rounds, benchmark::Counter::kIsRate);
}

int bench_main(int argc, char **argv)
{
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 1;
	benchmark::RunSpecifiedBenchmarks();
	return 0;
}
