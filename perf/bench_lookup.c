/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The steps of the data path that are not AES-GCM, each alone: the replay window, the route of a destination, the session
 * behind an SPI. A round of the lookups is a group of 32 in random order, of as many sessions as the name says.
 */
#include <stdlib.h>

#include "bed.h"
#include "bench.h"

enum { LOOKUPS = 32, DRAWN = 1 << 16 };

static struct bed bed;
static uint32_t drawn[DRAWN]; /* numbers of sessions */
static volatile uint64_t sink;

static void draw(long sessions)
{
	srandom(1);
	for (unsigned i = 0; i < DRAWN; i++)
		drawn[i] = (uint32_t)(random() % sessions);
}

/* A round is one packet: looked at before it is decrypted, taken after. Every step-th comes 13 steps late. */
static void replay(struct bench *b, long step)
{
	struct sl_replay_window window = {.top = 13 * (uint64_t)step};
	uint64_t number = 13 * (uint64_t)step, accepted = 0, rounds = 0;

	while (bench_running(b)) {
		uint64_t seq = ++number % (uint64_t)step ? number : number - 13 * (uint64_t)step;
		uint64_t whole = sl_replay_expand(&window, (uint32_t)seq);

		if (sl_replay_check(&window, whole) == SL_REPLAY_NEW)
			accepted += sl_replay_accept(&window, whole) == SL_REPLAY_NEW;
		rounds++;
	}
	if (accepted != rounds)
		abort();
	bench_items(b);
}

static void route(struct bench *b, long sessions)
{
	uint32_t dst[LOOKUPS];
	uint64_t flow[LOOKUPS];
	unsigned at = 0;

	draw(sessions);
	while (bench_running(b)) {
		for (unsigned i = 0; i < LOOKUPS; i++)
			dst[i] = bed_address(drawn[at++ % DRAWN]);
		sl_routes_find4(bed.alpha.routes, dst, flow, LOOKUPS);
		sink = flow[LOOKUPS - 1];
	}
	bench_items(b);
}

/* As the gateway does it: the slots first, then the sessions that are in them. */
static void session(struct bench *b, long sessions)
{
	const struct sl_esp_in *in[LOOKUPS];
	unsigned at = 0, found = 0;

	bed_prepare(&bed, 64, SL_AES128GCM16, (unsigned)sessions);
	draw(sessions);
	while (bench_running(b)) {
		for (unsigned i = 0; i < LOOKUPS; i++) {
			in[i] = bed.beta.in[sl_spi_slot(bed_spi(drawn[(at + i) % DRAWN]))];
			rte_prefetch0(in[i]);
		}
		for (unsigned i = 0; i < LOOKUPS; i++)
			found += in[i]->spi == bed_spi(drawn[at++ % DRAWN]);
	}
	if (found != at)
		abort();
	bench_items(b);
}

int main(int argc, char **argv)
{
	static const long sessions[] = {1, 1000, 16000, 64000};

	if (bed_init(&bed))
		return 1;
	bench_add("replay/in_order", replay, INT32_MAX); /* none of them late */
	bench_add("replay/one_late_of", replay, 8);
	for (unsigned i = 0; i < RTE_DIM(sessions); i++)
		bench_add("route", route, sessions[i]);
	for (unsigned i = 0; i < RTE_DIM(sessions); i++)
		bench_add("session", session, sessions[i]);
	return bench_main(argc, argv);
}
