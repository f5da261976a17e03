/* SPDX-License-Identifier: BSD-3-Clause */
/* /sealane/workers and /sealane/worker. */
#include <stdio.h>
#include <stdlib.h>

#include "telemetry.h"

static int list_workers(struct gateway *g, const char *param, struct rte_tel_data *d)
{
	struct page page = page_start(d, param);

	for (unsigned i = 0; i < g->worker_count; i++) {
		char id[16];

		snprintf(id, sizeof(id), "%u", i);
		page_add(&page, id);
	}
	return 0;
}

static uint64_t drops_of_worker(const struct worker *w)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < SL_DROP_COUNT; i++)
		sum += sl_counted(&w->dp.counters.drops[i]);
	return sum;
}

/* What has been counted, and what that was in the last second. */
static void tell_load(const struct gateway *g, unsigned id, struct rte_tel_data *d)
{
	const struct worker *w = &g->workers[id];
	struct load load;

	load_of(g, id, &load);
	tell_number(d, "polls", sl_counted(&w->load.polls));
	tell_number(d, "busy_polls", sl_counted(&w->load.busy_polls));
	tell_number(d, "busy_cycles", sl_counted(&w->load.busy_cycles));
	tell_number(d, "bursts", sl_counted(&w->load.bursts));
	tell_number(d, "load_permille", load.time_permille);
	tell_number(d, "busy_polls_permille", load.polls_permille);
	tell_number(d, "burst_fill_permille", load.fill_permille);
	tell_number(d, "cycles_per_packet", load.cycles_a_packet);
	tell_number(d, "packets_per_s", load.packets_a_second);
}

static int tell_worker(struct gateway *g, const char *param, struct rte_tel_data *d)
{
	unsigned long id = param ? strtoul(param, NULL, 10) : g->worker_count;
	const struct worker *w;
	const struct sl_counters *c;

	if (id >= g->worker_count)
		return -1;
	w = &g->workers[id];
	c = &w->dp.counters;
	tell_number(d, "worker", id);
	tell_number(d, "lcore", w->lcore);
	tell_number(d, "rx_wire", sl_counted(&c->rx_wire));
	tell_number(d, "rx_plain", sl_counted(&c->rx_plain));
	tell_number(d, "from_control", sl_counted(&c->from_control));
	tell_number(d, "tx_wire", sl_counted(&c->tx_wire));
	tell_number(d, "tx_plain", sl_counted(&c->tx_plain));
	tell_number(d, "to_control", sl_counted(&c->to_control));
	tell_number(d, "handed_in", sl_counted(&c->handed_in));
	tell_number(d, "handed_out", sl_counted(&c->handed_out));
	tell_number(d, "cut", sl_counted(&c->cut));
	tell_number(d, "drops", drops_of_worker(w));
	tell_load(g, (unsigned)id, d);
	return 0;
}

const struct telemetry_command telemetry_workers[] = {
	{"/sealane/workers", list_workers, true,
		"Numbers of the workers. Parameter: how many to leave out (0)"},
	{"/sealane/worker", tell_worker, false, "About one worker. Parameter: its number"},
	{0},
};
