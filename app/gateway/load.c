/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How busy the workers are. They only count; once a second the control thread takes note of their counters, and what is
 * told is the difference between its last two notes: the load of the last second.
 */
#include <stdlib.h>

#include <rte_cycles.h>

#include "gateway.h"

/* A worker's counters at some moment. */
struct note {
	struct worker_load load;
	uint64_t packets; /* that it has taken up */
	uint64_t tsc;
};

struct load_notes {
	struct note before, last;
};

static void take_note(const struct worker *w, struct note *note)
{
	const struct sl_counters *c = &w->dp.counters;

	note->load.polls = sl_counted(&w->load.polls);
	note->load.busy_polls = sl_counted(&w->load.busy_polls);
	note->load.busy_cycles = sl_counted(&w->load.busy_cycles);
	note->load.bursts = sl_counted(&w->load.bursts);
	note->packets = sl_counted(&c->rx_wire) + sl_counted(&c->rx_plain) + sl_counted(&c->handed_in);
	note->tsc = rte_rdtsc();
}

int load_init(struct gateway *g)
{
	g->loads = calloc(g->worker_count, sizeof(*g->loads));
	if (!g->loads)
		return -1;
	for (unsigned i = 0; i < g->worker_count; i++) {
		take_note(&g->workers[i], &g->loads[i].last);
		g->loads[i].before = g->loads[i].last;
	}
	return 0;
}

void load_fini(struct gateway *g)
{
	free(g->loads);
}

void load_tick(struct gateway *g)
{
	for (unsigned i = 0; i < g->worker_count; i++) {
		g->loads[i].before = g->loads[i].last;
		take_note(&g->workers[i], &g->loads[i].last);
	}
}

/* In thousandths; 0 of nothing. What is read while it changes must not come out above the whole. */
static unsigned permille(uint64_t part, uint64_t whole)
{
	return whole ? (unsigned)(RTE_MIN(part, whole) * 1000 / whole) : 0;
}

void load_of(const struct gateway *g, unsigned worker, struct load *load)
{
	const struct note *a = &g->loads[worker].before, *b = &g->loads[worker].last;
	uint64_t packets = b->packets - a->packets, cycles = b->load.busy_cycles - a->load.busy_cycles;
	uint64_t bursts = b->load.bursts - a->load.bursts;

	*load = (struct load){
		.time_permille = permille(cycles, b->tsc - a->tsc),
		.polls_permille =
			permille(b->load.busy_polls - a->load.busy_polls, b->load.polls - a->load.polls),
		.fill_permille = permille(packets, bursts * g->workers[worker].burst),
		.cycles_a_packet = packets ? cycles / packets : 0,
		.packets_a_second = b->tsc > a->tsc ? packets * rte_get_tsc_hz() / (b->tsc - a->tsc) : 0,
	};
}
