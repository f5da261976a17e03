/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP errors about packets that go no further. An error goes back the way the packet came: out of the plain port to a host
 * there, or sealed to a host behind a peer. So many a second are said, to everybody and to each; the others are counted.
 */
#include <string.h>

#include <rte_jhash.h>
#include <rte_mbuf.h>

#include "../../lib/net/ip.h"
#include "gateway.h"

enum {
	/* A host that traces a route sends some dozens of packets at once and wants an answer to each. */
	ERRORS_A_SECOND = 1000,
	ERRORS_AT_ONCE = 200,
	SOURCE_ERRORS_A_SECOND = 50,
	SOURCE_ERRORS_AT_ONCE = 50,
};

static bool may_say(struct errors *e, const struct sl_addr *to)
{
	uint64_t now = gateway_now();
	uint32_t words[4];
	struct sl_rate *source;

	memcpy(words, to->bytes, sizeof(words));
	source = &e->sources[rte_jhash_32b(words, RTE_DIM(words), 0) % RTE_DIM(e->sources)];
	if (source->per_second == 0)
		*source = (struct sl_rate){
			.per_second = SOURCE_ERRORS_A_SECOND, .burst = SOURCE_ERRORS_AT_ONCE};
	if (e->rate.per_second == 0)
		e->rate = (struct sl_rate){.per_second = ERRORS_A_SECOND, .burst = ERRORS_AT_ONCE};
	return sl_rate_take(source, now) && sl_rate_take(&e->rate, now);
}

/* The peer that addr is behind, or NULL. */
static const struct peer *peer_before(const struct gateway *g, const struct sl_addr *addr)
{
	for (unsigned i = 0; i < g->peer_slots; i++) {
		const struct sl_config_peer *peer = g->peers[i].config;

		for (unsigned j = 0; peer && j < peer->prefix_count; j++) {
			if (sl_prefix_contains(&peer->prefixes[j], addr))
				return &g->peers[i];
		}
	}
	return NULL;
}

/* Owns m, an error for `to`. */
static void send_back(struct gateway *g, struct rte_mbuf *m, const struct sl_addr *to, bool sealed)
{
	struct sl_addr hop;

	if (sealed)
		local_seal(g, m);
	else if (link_next_hop(&g->plain, to, &hop) && link_frame(&g->plain, m))
		link_send_to(&g->plain, &hop, m);
	else
		gateway_drop(g, m, SL_DROP_NO_NEIGHBOUR);
}

/* How long an error may be. Through a tunnel it must fit in the worst case, for there it would be silently lost. */
static size_t room(const struct gateway *g, const struct peer *peer)
{
	if (!peer)
		return g->plain.config->mtu;
	return sl_inner_mtu(peer->path_mtu ? peer->path_mtu : g->wire.config->mtu, SL_IPV6, true);
}

static void say(struct gateway *g, struct rte_mbuf *offending, const struct sl_addr *to,
	enum sl_icmp_error error, unsigned mtu)
{
	const struct peer *peer = link_covers(&g->plain, to) ? NULL : peer_before(g, to);
	/* The kernel behind a tap would not listen to its own addresses. */
	const struct sl_addr *from = link_source(g->plain.config->tap ? &g->wire : &g->plain, to);
	struct rte_mbuf *m = from ? rte_pktmbuf_alloc(g->mbufs) : NULL;
	size_t len;

	if (!m) {
		g->drops[SL_DROP_NO_MBUF] += from != NULL;
		return;
	}
	len = sl_icmp_error(rte_pktmbuf_mtod(m, void *),
		RTE_MIN(room(g, peer), (size_t)rte_pktmbuf_tailroom(m)), error, from,
		rte_pktmbuf_mtod(offending, void *), offending->data_len, mtu);
	if (len == 0) {
		rte_pktmbuf_free(m);
		return;
	}
	m->data_len = (uint16_t)len;
	m->pkt_len = m->data_len;
	g->errors.said++;
	send_back(g, m, to, peer != NULL);
}

void error_about(
	struct gateway *g, struct rte_mbuf *m, enum sl_drop reason, enum sl_icmp_error error, unsigned mtu)
{
	struct sl_ip ip;

	if (sl_ip_headers(&ip, rte_pktmbuf_mtod(m, void *), m->data_len) &&
		!link_is_own(&g->plain, &ip.src)) {
		if (may_say(&g->errors, &ip.src))
			say(g, m, &ip.src, error, mtu);
		else
			g->errors.not_said++;
	}
	gateway_drop(g, m, reason);
}
