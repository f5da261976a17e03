/* SPDX-License-Identifier: BSD-3-Clause */
/* How the packets of an SA get to the peer: see sa.h. */
#include "sa.h"

unsigned sa_outer_mtu(const struct gateway *g, unsigned peer)
{
	const unsigned learned = g->peers[peer].path_mtu, wire = g->wire.config->mtu;

	return learned ? RTE_MIN(learned, wire) : wire;
}

static void resolve(const struct gateway *g, const struct sa *sa, const struct rte_ether_addr *mac)
{
	worker_command(sa_worker(g, sa),
		&(struct command){.type = COMMAND_OUT_RESOLVE, .object = sa->out, .mac = *mac});
}

void sa_find_next_hop(struct gateway *g, struct sa *sa, const struct sl_ike_path *path)
{
	const struct rte_ether_addr *mac = NULL;

	sa->path = *path;
	if (link_next_hop(&g->wire, &path->remote.addr, &sa->next_hop))
		mac = sl_neigh_resolve(g->wire.neighbours, gateway_now(), &sa->next_hop);
	else
		sa->next_hop.family = SL_NONE;
	if (mac)
		resolve(g, sa, mac);
}

void sa_move(void *gateway, unsigned peer, uint32_t spi_in, const struct sl_ike_path *path)
{
	struct gateway *g = gateway;
	struct sa *sa = sa_by_spi(g, spi_in);

	(void)peer;
	worker_command(sa_worker(g, sa),
		&(struct command){.type = COMMAND_OUT_MOVE, .object = sa->out, .endpoint = path->remote});
	sa_find_next_hop(g, sa, path);
}

void sa_resolve(struct gateway *g, const struct sl_addr *next_hop, const struct rte_ether_addr *mac)
{
	for (unsigned i = 0; i < g->peer_slots; i++) {
		const struct sa *sa;

		LIST_FOREACH (sa, &g->peers[i].sas, next) {
			if (sa->in_at_worker && !sa->removed && sl_addr_equal(&sa->next_hop, next_hop))
				resolve(g, sa, mac);
		}
	}
}

unsigned sa_inner_mtu(const struct gateway *g, unsigned peer)
{
	const struct sl_config_peer *c = g->peers[peer].config;
	enum sl_family family = c->endpoint.addr.family == SL_IPV6 ? SL_IPV6 : SL_IPV4;
	bool udp = c->udp;
	const struct sa *sa;

	LIST_FOREACH (sa, &g->peers[peer].sas, next) {
		if (!sa->in_at_worker || sa->removed)
			continue;
		family = (enum sl_family)sa->path.remote.addr.family;
		udp = sa->udp;
	}
	return sl_inner_mtu(sa_outer_mtu(g, peer), family, udp);
}

/* A packet that quotes all this was sealed by this SA, or by somebody who has seen one that was. */
static bool sealed_by(const struct sa *sa, const struct sl_icmp_too_big *told)
{
	return sa->in_at_worker && !sa->removed && sa->spi_out == told->spi &&
	       sa->udp == (told->dst_port != 0) && (!sa->udp || sa->path.remote.port == told->dst_port) &&
	       sl_addr_equal(&sa->path.local.addr, &told->src) &&
	       sl_addr_equal(&sa->path.remote.addr, &told->dst);
}

int sa_peer_told(const struct gateway *g, const struct sl_icmp_too_big *told)
{
	for (unsigned i = 0; i < g->peer_slots; i++) {
		const struct sa *sa;

		LIST_FOREACH (sa, &g->peers[i].sas, next) {
			if (sealed_by(sa, told))
				return (int)i;
		}
	}
	return -1;
}

void sa_path_mtu(struct gateway *g, unsigned peer, unsigned mtu)
{
	const struct sa *sa;

	if (g->peers[peer].path_mtu == mtu)
		return;
	g->peers[peer].path_mtu = mtu;
	LIST_FOREACH (sa, &g->peers[peer].sas, next) {
		if (!sa->in_at_worker || sa->removed)
			continue;
		worker_command(sa_worker(g, sa),
			&(struct command){.type = COMMAND_INNER_MTU,
				.object = sa->out,
				.other = sa->in,
				.arg = sl_inner_mtu(sa_outer_mtu(g, peer),
					(enum sl_family)sa->path.remote.addr.family, sa->udp)});
	}
}
