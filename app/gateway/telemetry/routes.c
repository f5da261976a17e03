/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * /sealane/routes and /sealane/route. There are three kinds, in this order: what lies behind the peers, what lies on the
 * plain side, and how outer packets get to the peers. A route is named by its place in this list.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "telemetry.h"

struct route {
	const char *layer; /* inner: of packets as hosts send them; outer: of sealed ones */
	struct sl_prefix prefix;
	const char *port;
	const char *peer;          /* NULL: it leads to no peer */
	const struct sl_addr *via; /* the next hop; NULL: there is none, it is on the link */
};

static unsigned routes_of_link(const struct sl_config_port *c)
{
	return c->address_count + c->route_count + (c->next_hop.family != SL_NONE) +
	       (c->next_hop6.family != SL_NONE);
}

static unsigned count_routes(const struct gateway *g)
{
	unsigned count = routes_of_link(&g->config->plain) + routes_of_link(&g->config->wire);

	for (unsigned i = 0; i < g->config->peer_count; i++)
		count += g->config->peers[i].prefix_count;
	return count;
}

/* Route n of those through a peer; n is reduced by as many as there are when there are fewer. */
static bool route_of_peers(const struct gateway *g, unsigned *n, struct route *r)
{
	for (unsigned i = 0; i < g->config->peer_count; i++) {
		const struct sl_config_peer *peer = &g->config->peers[i];

		if (*n < peer->prefix_count) {
			*r = (struct route){"inner", peer->prefixes[*n], "wire", peer->name, NULL};
			return true;
		}
		*n -= peer->prefix_count;
	}
	return false;
}

/* The same on a link: the networks of its addresses, what is behind routers, and the router for everything else. */
static bool route_of_link(
	const struct sl_config_port *c, const char *layer, const char *port, unsigned *n, struct route *r)
{
	unsigned count = routes_of_link(c), i = *n;

	if (i >= count) {
		*n -= count;
		return false;
	}
	*r = (struct route){.layer = layer, .port = port};
	if (i < c->address_count) {
		r->prefix = sl_prefix_mask(&c->addresses[i]);
		return true;
	}
	i -= c->address_count;
	if (i < c->route_count) {
		r->prefix = c->routes[i].prefix;
		r->via = &c->routes[i].via;
		return true;
	}
	/* All of a family: no bit of the prefix counts. */
	r->via = i == c->route_count && c->next_hop.family != SL_NONE ? &c->next_hop : &c->next_hop6;
	r->prefix.addr.family = r->via->family;
	return true;
}

static int list_routes(struct gateway *g, const char *param, struct rte_tel_data *d)
{
	struct page page = page_start(d, param);
	unsigned count = count_routes(g);

	for (unsigned i = 0; i < count; i++) {
		char number[16];

		if (!page_next(&page))
			continue;
		snprintf(number, sizeof(number), "%u", i);
		page_put(&page, number);
	}
	return 0;
}

static int tell_route(struct gateway *g, const char *param, struct rte_tel_data *d)
{
	unsigned n = param ? (unsigned)strtoul(param, NULL, 10) : UINT_MAX;
	char text[SL_ADDR_TEXT];
	struct route r;

	if (!route_of_peers(g, &n, &r) && !route_of_link(&g->config->plain, "inner", "plain", &n, &r) &&
		!route_of_link(&g->config->wire, "outer", "wire", &n, &r))
		return -1;
	tell_text(d, "layer", r.layer);
	tell_text(d, "prefix", sl_prefix_text(&r.prefix, text));
	tell_text(d, "port", r.port);
	tell_text(d, "peer", r.peer ? r.peer : "");
	tell_text(d, "via", r.via ? sl_addr_text(r.via, text) : "");
	return 0;
}

const struct telemetry_command telemetry_routes[] = {
	{"/sealane/routes", list_routes, true, "Numbers of the routes. Parameter: how many to leave out (0)"},
	{"/sealane/route", tell_route, false, "About one route. Parameter: its number"},
	{0},
};
