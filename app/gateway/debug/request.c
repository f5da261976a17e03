/* SPDX-License-Identifier: BSD-3-Clause */
/* What is asked for over the debugging socket (debug.h): whether it makes sense, and what it means for a watch. */
#include <string.h>

#include "../gateway.h"
#include "../watch.h"
#include "debug.h"

static bool is_prefix(const struct sl_prefix *p)
{
	const unsigned family = p->addr.family;

	return family == SL_NONE || (family == SL_IPV4 && p->len <= 32) ||
	       (family == SL_IPV6 && p->len <= 128);
}

const char *debug_check(const struct debug_request *r, ssize_t len)
{
	if (len != (ssize_t)sizeof(*r) || r->version != DEBUG_VERSION)
		return "the gateway is of another version than this command";
	if (r->what >= DEBUG_WHATS || r->frames > (DEBUG_WIRE | DEBUG_PLAIN | DEBUG_DROPS) ||
		(r->what == DEBUG_CAPTURE) != (r->frames != 0) || r->snaplen < DEBUG_SNAPLEN_MIN ||
		r->snaplen > DEBUG_SNAPLEN_MAX || memchr(r->peer, '\0', sizeof(r->peer)) == NULL ||
		!is_prefix(&r->from) || !is_prefix(&r->to))
		return "the request makes no sense to the gateway";
	return NULL;
}

/* A peer's addresses on the wire: as configured, and those of its SAs. */
static void add_peer_address(struct watch_order *o, const struct sl_addr *addr)
{
	for (unsigned i = 0; i < o->peer_address_count; i++) {
		if (sl_addr_equal(&o->peer_addresses[i], addr))
			return;
	}
	if (addr->family != SL_NONE && o->peer_address_count < WATCH_PEER_ADDRESSES)
		o->peer_addresses[o->peer_address_count++] = *addr;
}

static void add_sa_address(void *ctx, const struct sl_addr *addr)
{
	add_peer_address(ctx, addr);
}

bool debug_order(struct watch_order *o, const struct debug_request *r, const struct gateway *g)
{
	int slot;

	*o = (struct watch_order){
		.frames = {r->frames & DEBUG_WIRE, r->frames & DEBUG_PLAIN},
		.drops = r->frames & DEBUG_DROPS,
		.trace = r->what == DEBUG_TRACE,
		.snaplen = r->snaplen,
		.peer = SL_NO_FLOW,
		.from = r->from,
		.to = r->to,
	};
	if (r->peer[0] == '\0')
		return true;
	slot = peer_find(g, r->peer);
	if (slot < 0)
		return false;
	o->peer = (uint16_t)slot;
	add_peer_address(o, &g->peers[slot].config->endpoint.addr);
	sa_addresses(g, o->peer, add_sa_address, o);
	return true;
}
