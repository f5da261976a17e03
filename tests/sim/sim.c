/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs the histories of many seeds, in as many processes as there are cores, and says in TAP which held.
 *
 *     sim [--seeds N] [--from FIRST]      N seeds from FIRST on; default SEEDS of the environment, from 1 on
 *     sim --seed N [--trace]              one seed, with every event
 *     sim --crash-everywhere [--stride N] one history again and again, with a power cut at every moment of it, or at each
 *                                         N-th (crash.c)
 *     sim --crash SCENE,MOMENT,CUT [--trace]  one of those
 *
 * Each block of seeds is a process of its own, so that a crash ends no more than its block; the report lies in memory
 * that outlives it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim.h"

enum { BLOCKS = 12, TWICE = 5 };

struct block {
	uint64_t first, count;
	pid_t pid;
	int status;
	struct sim_report report;
};

static struct {
	uint64_t first, count;
	bool trace, everywhere;
	uint64_t stride;
	unsigned scene, moment, cut; /* moment 0: not one of those */
} options = {.first = 1, .count = SIM_SEEDS_DEFAULT, .stride = 1};

/* The first seeds of a block run twice, with another past in the heap: their traces must be the same. */
static void run_block(struct block *b)
{
	for (uint64_t i = 0; i < b->count; i++) {
		uint64_t seed = b->first + i, hash = sim_story(&b->report, seed, options.trace);

		if (i >= TWICE || options.trace)
			continue;
		if (sim_story(&b->report, seed, false) != hash) {
			snprintf(b->report.violation, SIM_LINE, "the same seed makes another history");
			exit(1);
		}
		b->report.seeds--;
	}
	exit(0);
}

/* A block is a scene. */
static void run_crashes(struct block *b)
{
	if (options.moment)
		sim_crash_story(&b->report, options.scene, options.moment, options.cut, options.trace);
	else
		sim_crash_everywhere(&b->report, (unsigned)b->first, (unsigned)options.stride);
	exit(0);
}

static void start_block(struct block *b)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(1);
	}
	if (pid == 0 && (options.everywhere || options.moment))
		run_crashes(b);
	if (pid == 0)
		run_block(b);
	b->pid = pid; /* here only: the child shares it */
}

static void wait_any(struct block *blocks, unsigned count)
{
	int status;
	pid_t pid;

	do {
		pid = wait(&status);
	} while (pid < 0 && errno == EINTR);
	for (unsigned i = 0; i < count; i++)
		if (blocks[i].pid == pid)
			blocks[i].status = status;
}

static void run_blocks(struct block *blocks, unsigned count)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned running = 0;

	for (unsigned i = 0; i < count; i++, running++) {
		if (running == (unsigned)(cores > 0 ? cores : 1)) {
			wait_any(blocks, count);
			running--;
		}
		start_block(&blocks[i]);
	}
	for (; running > 0; running--)
		wait_any(blocks, count);
}

static void tell_violation(const struct sim_report *r, int status)
{
	uint64_t kept = r->line_count < SIM_LINES ? r->line_count : SIM_LINES;

	if (r->violation[0])
		printf("# violation: %s\n", r->violation);
	else if (WIFSIGNALED(status))
		printf("# violation: it crashed, signal %d\n", WTERMSIG(status));
	else
		printf("# violation: it ended with status %d\n", WEXITSTATUS(status));
	printf("# the last events:\n");
	for (uint64_t i = r->line_count - kept; i < r->line_count; i++)
		printf("#   %s\n", r->lines[i % SIM_LINES]);
	if (r->again[0])
		printf("# again, with every event: build/tests/sim/sim %s --trace\n", r->again);
	else
		printf("# again, with every event: build/tests/sim/sim --seed %llu --trace\n",
			(unsigned long long)r->seed);
}

static bool tell(const struct block *b, unsigned number)
{
	const struct sim_report *r = &b->report;
	bool held = b->status == 0 && r->seeds == b->count;

	printf("%s %u - seeds %llu to %llu\n", held ? "ok" : "not ok", number, (unsigned long long)b->first,
		(unsigned long long)(b->first + b->count - 1));
	if (!held) {
		tell_violation(r, b->status);
		return false;
	}
	printf("# %.1f hours, %llu handshakes, %llu packets; calm after at most %.0f s, then a packet at least every "
	       "%.0f ms; at most %u children of a peer at once\n",
		(double)r->virtual_time / (double)SIM_S / 3600, (unsigned long long)r->handshakes,
		(unsigned long long)r->packets, (double)r->settle_max / (double)SIM_S,
		(double)r->blackout_max / (double)SIM_MS, r->sessions_max);
	return true;
}

static double seconds(uint64_t ns)
{
	return (double)ns / (double)SIM_S;
}

static bool tell_crashes(const struct block *b, unsigned number)
{
	const struct sim_report *r = &b->report;
	bool held = b->status == 0 && r->crashes > 0;

	printf("%s %u - %s: power cuts\n", held ? "ok" : "not ok", number,
		sim_scene_name((unsigned)b->first));
	if (!held) {
		tell_violation(r, b->status);
		return false;
	}
	printf("# %llu power cuts at %llu moments: back after at most %.2f s (moment %u, cut %u; allowed %.1f s), %.2f s in "
	       "the mean\n",
		(unsigned long long)r->crashes, (unsigned long long)r->moments, seconds(r->back_max),
		r->back_moment, r->back_cut, seconds(r->back_allowed), seconds(r->back_sum / r->crashes));
	return true;
}

static bool number(const char *text, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *value > 0;
}

static bool one_crash(const char *text)
{
	int end = -1;

	sscanf(text, "%u,%u,%u%n", &options.scene, &options.moment, &options.cut, &end);
	return end >= 0 && text[end] == '\0' && options.scene < SIM_SCENES && options.moment > 0 &&
	       options.cut < SIM_CUTS;
}

static bool read_options(int argc, char **argv)
{
	static const struct option names[] = {{"seeds", required_argument, NULL, 'n'},
		{"from", required_argument, NULL, 'f'}, {"seed", required_argument, NULL, 's'},
		{"trace", no_argument, NULL, 't'}, {"crash-everywhere", no_argument, NULL, 'e'},
		{"stride", required_argument, NULL, 'd'}, {"crash", required_argument, NULL, 'c'}, {0}};
	const char *seeds = getenv("SEEDS");
	bool ok = !seeds || number(seeds, &options.count);
	int c;

	while (ok && (c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (c) {
		case 'n': ok = number(optarg, &options.count); break;
		case 'f': ok = number(optarg, &options.first); break;
		case 's':
			ok = number(optarg, &options.first);
			options.count = 1;
			break;
		case 't': options.trace = true; break;
		case 'e': options.everywhere = true; break;
		case 'd': ok = number(optarg, &options.stride); break;
		case 'c': ok = one_crash(optarg); break;
		default: ok = false;
		}
	}
	return ok && optind == argc;
}

static void share_out(struct block *blocks, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		blocks[i].first = options.first + options.count * i / count;
		blocks[i].count = options.first + options.count * (i + 1) / count - blocks[i].first;
	}
}

int main(int argc, char **argv)
{
	unsigned count = BLOCKS;
	struct block *blocks;
	bool held = true, crashes;

	if (!read_options(argc, argv)) {
		fprintf(stderr,
			"usage: sim [--seeds N] [--from FIRST] | --seed N [--trace] | --crash-everywhere "
			"[--stride N] | --crash SCENE,MOMENT,CUT [--trace]\n");
		return 2;
	}
	if (sl_crypto_init() != 0)
		return 1;
	crashes = options.everywhere || options.moment;
	if (crashes) { /* a block for each scene */
		options.first = options.moment ? options.scene : 0;
		options.count = options.moment ? 1 : SIM_SCENES;
	}
	if (options.count < count)
		count = (unsigned)options.count;
	blocks = mmap(
		NULL, count * sizeof(*blocks), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (blocks == MAP_FAILED)
		return 1;
	share_out(blocks, count);
	run_blocks(blocks, count);
	for (unsigned i = 0; i < count; i++)
		held &= crashes ? tell_crashes(&blocks[i], i + 1) : tell(&blocks[i], i + 1);
	printf("1..%u\n", count);
	return !held;
}
