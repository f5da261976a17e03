/* SPDX-License-Identifier: BSD-3-Clause */
/* /sealane/neighbours and /sealane/neighbour: an entry is named PORT/ADDRESS, as in wire/192.0.2.2. */
#include <stdio.h>
#include <string.h>

#include "telemetry.h"

struct listing {
	struct page page;
	const char *role;
};

static bool list_neighbour(void *ctx, const struct sl_neigh_info *info)
{
	struct listing *l = ctx;
	char address[SL_ADDR_TEXT], name[8 + SL_ADDR_TEXT];

	if (!page_next(&l->page))
		return true;
	snprintf(name, sizeof(name), "%s/%s", l->role, sl_addr_text(&info->ip, address));
	page_put(&l->page, name);
	return true;
}

static int list_neighbours(struct gateway *g, const char *param, struct rte_tel_data *d)
{
	struct listing l = {.page = page_start(d, param)};

	l.role = "wire";
	sl_neigh_each(g->wire.neighbours, list_neighbour, &l);
	l.role = "plain";
	sl_neigh_each(g->plain.neighbours, list_neighbour, &l);
	return 0;
}

static int tell_neighbour(struct gateway *g, const char *name, struct rte_tel_data *d)
{
	const char *address = name ? strchr(name, '/') : NULL;
	bool wire = name && strncmp(name, "wire/", strlen("wire/")) == 0;
	struct sl_neigh_info info;
	struct sl_addr ip;

	if (!address || (!wire && strncmp(name, "plain/", strlen("plain/")) != 0))
		return -1;
	if (!sl_addr_parse(&ip, address + 1) ||
		!sl_neigh_find(wire ? g->wire.neighbours : g->plain.neighbours, &ip, &info))
		return -1;
	tell_text(d, "port", wire ? "wire" : "plain");
	tell_text(d, "address", address + 1);
	if (info.state == SL_NEIGH_INCOMPLETE)
		tell_text(d, "mac", "");
	else
		tell_mac(d, "mac", &info.mac);
	tell_text(d, "state", sl_neigh_state_name(info.state));
	tell_number(d, "age_s", seconds_since(info.since));
	return 0;
}

const struct telemetry_command telemetry_neighbours[] = {
	{"/sealane/neighbours", list_neighbours, true,
		"Neighbours on both links, as PORT/ADDRESS. Parameter: how many to leave out (0)"},
	{"/sealane/neighbour", tell_neighbour, false, "About one neighbour. Parameter: PORT/ADDRESS"},
	{0},
};
