/* SPDX-License-Identifier: BSD-3-Clause */
/* The shim between C benchmarks and Google Benchmark: see bench.h. */
#include "bench.h"

#include <benchmark/benchmark.h>

#include <x86intrin.h>

#include <chrono>

struct bench {
	benchmark::State &state;
	bool started, own_clock;
	uint64_t tsc_start, tsc_paused, tsc_total;
};

void bench_add(const char *name, bench_fn *fn, long arg)
{
	auto run = [fn](benchmark::State &state) {
		bench b{state, false, false, 0, 0, 0};

		fn(&b, state.range(0));
	};

	benchmark::RegisterBenchmark(name, run)->Arg(arg);
}

void bench_add_case(const char *name, bench_case_fn *fn, const void *arg)
{
	auto run = [fn, arg](benchmark::State &state) {
		bench b{state, false, true, 0, 0, 0};

		fn(&b, arg);
	};

	benchmark::RegisterBenchmark(name, run)->UseManualTime();
}

bool bench_running(struct bench *b)
{
	if (!b->started) {
		b->started = true;
		b->tsc_start = __rdtsc();
	}
	if (b->state.KeepRunning())
		return true;
	if (!b->own_clock)
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

double bench_tsc_hz(void)
{
	static double hz;

	if (hz == 0) {
		using clock = std::chrono::steady_clock;
		const auto start = clock::now();
		const uint64_t tsc = __rdtsc();

		while (clock::now() - start < std::chrono::milliseconds(20)) {
		}
		hz = double(__rdtsc() - tsc) / std::chrono::duration<double>(clock::now() - start).count();
	}
	return hz;
}

void bench_took(struct bench *b, uint64_t tsc)
{
	b->tsc_total += tsc;
	b->state.SetIterationTime(double(tsc) / bench_tsc_hz());
}

void bench_report(struct bench *b, const char *name, double value)
{
	b->state.counters[name] = value;
}

void bench_items(struct bench *b)
{
	double rounds = double(b->state.iterations());

	b->state.counters["tsc/round"] = double(b->tsc_total) / rounds;
	b->state.counters["rounds"] = benchmark::Counter(rounds, benchmark::Counter::kIsRate);
}

void bench_bytes(struct bench *b, unsigned bytes)
{
	double bits = double(b->state.iterations()) * bytes * 8;

	bench_items(b);
	b->state.counters["bits"] = benchmark::Counter(bits, benchmark::Counter::kIsRate);
}

int bench_main(int argc, char **argv)
{
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 1;
	benchmark::RunSpecifiedBenchmarks();
	return 0;
}
