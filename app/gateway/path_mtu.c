/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the path to each peer takes (RFC 1191, RFC 8201). Our sealed packets are never fragmented on their way, so a router
 * that cannot pass one on drops it and says how large it may be. Nobody can prove to be such a router; but it must quote the
 * addresses, ports and SPI of a packet that we could have sent just now, it can lower what is known only, and not below
 * what every path takes, and it is forgotten after some minutes: then a larger packet tries again.
 */
#include "../../lib/net/ip.h"
#include "gateway.h"

#define FORGOTTEN_AFTER_NS (600 * SECOND_NS) /* RFC 8201 4: ten minutes */

enum { HEARD_A_SECOND = 100, HEARD_AT_ONCE = 100 };

/* RFC 1191 5: what an old router may have meant that said nothing. */
static unsigned plateau_below(unsigned mtu)
{
	static const unsigned plateaus[] = {8166, 4352, 2002, 1492, 1006};

	for (unsigned i = 0; i < RTE_DIM(plateaus); i++) {
		if (plateaus[i] < mtu)
			return plateaus[i];
	}
	return 0;
}

static void set(struct gateway *g, unsigned peer, unsigned mtu, uint64_t forgotten)
{
	sa_path_mtu(g, peer, mtu);
	g->peers[peer].path_mtu_forgotten = forgotten;
	log_info("%s: packets on the wire may have %u bytes", g->peers[peer].name,
		mtu ? mtu : g->wire.config->mtu);
}

void path_mtu_told(struct gateway *g, const struct sl_icmp_too_big *told)
{
	unsigned least = told->src.family == SL_IPV6 ? SL_IPV6_MTU_MIN : SL_IPV4_MTU_MIN;
	uint64_t now = gateway_now();
	unsigned known, mtu;
	int peer;

	/* The search below may look at every SA there is. */
	g->errors.heard_rate.per_second = HEARD_A_SECOND;
	g->errors.heard_rate.burst = HEARD_AT_ONCE;
	if (!sl_rate_take(&g->errors.heard_rate, now))
		return;
	peer = sa_peer_told(g, told);
	if (peer < 0) {
		g->errors.forged++;
		return;
	}
	g->errors.heard++;
	known = g->peers[peer].path_mtu ? g->peers[peer].path_mtu : g->wire.config->mtu;
	mtu = RTE_MAX(told->mtu ? told->mtu : plateau_below(known), least);
	if (mtu < known)
		set(g, (unsigned)peer, mtu, now + FORGOTTEN_AFTER_NS);
	else if (mtu == known && g->peers[peer].path_mtu)
		g->peers[peer].path_mtu_forgotten = now + FORGOTTEN_AFTER_NS;
}

void path_mtu_tick(struct gateway *g, uint64_t now)
{
	for (unsigned i = 0; i < g->peer_slots; i++) {
		if (g->peers[i].path_mtu && now >= g->peers[i].path_mtu_forgotten)
			set(g, i, 0, 0);
	}
}
