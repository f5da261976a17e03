/* SPDX-License-Identifier: BSD-3-Clause */
/* /sealane/drops and /sealane/drop. */
#include <string.h>

#include "telemetry.h"

static uint64_t drops_for_reason(const struct gateway *g, unsigned reason)
{
	uint64_t sum = g->drops[reason];

	for (unsigned i = 0; i < g->worker_count; i++)
		sum += sl_counted(&g->workers[i].dp.counters.drops[reason]);
	return sum;
}

static int list_drops(struct gateway *g, const char *param, struct rte_tel_data *d)
{
	struct page page = page_start(d, param);

	(void)g;
	for (unsigned i = 0; i < SL_DROP_COUNT; i++)
		page_add(&page, sl_drop_name((enum sl_drop)i));
	return 0;
}

static int tell_drop(struct gateway *g, const char *name, struct rte_tel_data *d)
{
	unsigned i = 0;

	while (name && i < SL_DROP_COUNT && strcmp(sl_drop_name((enum sl_drop)i), name) != 0)
		i++;
	if (!name || i == SL_DROP_COUNT)
		return -1;
	tell_text(d, "name", name);
	tell_number(d, "packets", drops_for_reason(g, i));
	tell_text(d, "help", sl_drop_help((enum sl_drop)i));
	return 0;
}

const struct telemetry_command telemetry_drops[] = {
	{"/sealane/drops", list_drops, true,
		"Names of the drop reasons. Parameter: how many to leave out (0)"},
	{"/sealane/drop", tell_drop, false, "About one drop reason. Parameter: its name"},
	{0},
};
