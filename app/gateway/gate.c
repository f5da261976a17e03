/* SPDX-License-Identifier: BSD-3-Clause */
/* The gate between a worker and the control thread: see gate.h. */
#include "gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_hash.h>
#include <rte_ip.h>
#include <rte_jhash.h>
#include <rte_random.h>
#include <rte_udp.h>

#include "../../lib/config/config.h"
#include "../../lib/ike/ike.h"
#include "../../lib/net/icmp.h"
#include "../../lib/net/neigh.h"
#include "../../lib/net/packet.h"

enum {
	KNOWN_MAX = SL_CONFIG_PEERS_MAX + 2 * SL_NEIGH_MAX,
	SAS = 256, /* IKE SAs share what one gets with those of the same number */
	WAYS = 2,  /* ports */
	ETHER = sizeof(struct rte_ether_hdr),
};

/* What passes in a second, and at once. An exchange is some messages; all the rest of a handshake is to an SA of ours. */
static const struct sl_rate sa_rate = {.per_second = 256, .burst = 512},
			    peer_rate = {.per_second = 256, .burst = 512},
			    returned_rate = {.per_second = 2000, .burst = 512},
			    stranger_rate = {.per_second = 2000, .burst = 512},
			    neighbour_rate = {.per_second = 4, .burst = 8},
			    /* All neighbours of a full table come back at once when we start. */
	link_rate = {.per_second = 1000, .burst = 1000}, echo_rate = {.per_second = 1000, .burst = 500},
			    /* More than may wait for a MAC. */
	waiting_rate = {.per_second = 8000, .burst = 2048};

/* An address in whole words: rte_jhash() reads such. */
struct key {
	struct sl_addr addr;
	uint8_t zero[3];
};

struct known {
	unsigned as; /* enum gate_as */
	struct sl_rate ike, link;
};

struct gate {
	const uint8_t *ike_key;
	struct rte_hash *index; /* address -> place in known[] */
	struct known *known;
	struct sl_rate sas[SAS], returned, strangers, links[WAYS], echoes[WAYS], inner, waiting;
};

/* ---- Who is known ------------------------------------------------------------------------------------------------------- */

static bool make_index(struct gate *g, unsigned id)
{
	char name[RTE_HASH_NAMESIZE];
	struct rte_hash_parameters params = {
		.name = name,
		.entries = KNOWN_MAX,
		.key_len = sizeof(struct key),
		.hash_func = rte_jhash,
		/* Nobody shall choose addresses that fall together. */
		.hash_func_init_val = (uint32_t)rte_rand(),
		.socket_id = SOCKET_ID_ANY,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};

	snprintf(name, sizeof(name), "gate%u", id);
	g->index = rte_hash_create(&params);
	if (g->index)
		g->known = calloc((size_t)rte_hash_max_key_id(g->index) + 1, sizeof(*g->known));
	return g->known;
}

struct gate *gate_new(unsigned id, const uint8_t *ike_key)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->ike_key = ike_key;
	for (unsigned i = 0; i < SAS; i++)
		g->sas[i] = sa_rate;
	g->returned = returned_rate;
	g->strangers = stranger_rate;
	for (unsigned i = 0; i < WAYS; i++) {
		g->links[i] = link_rate;
		g->echoes[i] = echo_rate;
	}
	g->inner = echo_rate;
	g->waiting = waiting_rate;
	if (!make_index(g, id)) {
		gate_free(g);
		return NULL;
	}
	return g;
}

void gate_free(struct gate *g)
{
	if (!g)
		return;
	rte_hash_free(g->index);
	free(g->known);
	free(g);
}

/* NULL: a stranger's. */
static struct known *find(const struct gate *g, const struct sl_addr *addr)
{
	const struct key key = {.addr = *addr};
	int32_t place = rte_hash_lookup(g->index, &key);

	return place < 0 ? NULL : &g->known[place];
}

void gate_know(struct gate *g, const struct sl_addr *addr, enum gate_as as)
{
	const struct key key = {.addr = *addr};
	struct known *known = find(g, addr);
	int32_t place;

	if (!known) {
		place = rte_hash_add_key(g->index, &key);
		if (place < 0)
			return;
		known = &g->known[place];
		*known = (struct known){.ike = peer_rate, .link = neighbour_rate};
	}
	known->as |= as;
}

void gate_forget(struct gate *g, const struct sl_addr *addr, enum gate_as as)
{
	const struct key key = {.addr = *addr};
	struct known *known = find(g, addr);

	if (!known)
		return;
	known->as &= ~(unsigned)as;
	if (known->as == 0)
		rte_hash_del_key(g->index, &key);
}

/* ---- What a packet is --------------------------------------------------------------------------------------------------- */

struct ike {
	struct sl_addr from;
	const uint8_t *msg;
	size_t len;
};

/* The UDP header, at `at` of the frame, is there or not; the worker has compared its length with that of the packet. */
static bool read_udp(struct ike *ike, const struct rte_mbuf *m, uint32_t at)
{
	const struct rte_udp_hdr *udp = rte_pktmbuf_mtod_offset(m, const struct rte_udp_hdr *, at);
	uint32_t skip = sizeof(*udp);

	if (m->data_len < at + skip)
		return false;
	if (udp->dst_port == rte_cpu_to_be_16(SL_IKE_NAT_PORT))
		skip += SL_NON_ESP_MARKER;
	if (m->data_len < at + skip)
		return false;
	ike->msg = (const uint8_t *)udp + skip;
	ike->len = m->data_len - at - skip;
	return true;
}

/* Of a frame from the wire that the worker has found to be for the control thread: UDP is IKE then. */
static bool read_ike(struct ike *ike, const struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_ipv4_hdr *ip = (const void *)(eth + 1);
	const struct rte_ipv6_hdr *ip6 = (const void *)(eth + 1);

	if (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) && m->data_len >= ETHER + sizeof(*ip) &&
		ip->next_proto_id == IPPROTO_UDP) {
		ike->from = sl_addr_v4(rte_be_to_cpu_32(ip->src_addr));
		return read_udp(ike, m, ETHER + rte_ipv4_hdr_len(ip));
	}
	if (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6) && m->data_len >= ETHER + sizeof(*ip6) &&
		ip6->proto == IPPROTO_UDP) {
		ike->from.family = SL_IPV6;
		memcpy(ike->from.bytes, ip6->src_addr, sizeof(ike->from.bytes));
		return read_udp(ike, m, ETHER + sizeof(*ip6));
	}
	return false;
}

/* ---- What may pass ------------------------------------------------------------------------------------------------------ */

static bool ike_passes(struct gate *g, uint64_t now, const struct ike *ike)
{
	uint32_t sa;
	enum sl_ike_sort sort =
		g->ike_key ? sl_ike_sort(g->ike_key, ike->msg, ike->len, &sa) : SL_IKE_STRANGE;
	struct known *known;

	if (sort == SL_IKE_OURS)
		return sl_rate_take(&g->sas[sa % SAS], now);
	known = find(g, &ike->from);
	if (known && (known->as & GATE_PEER))
		return sl_rate_take(&known->ike, now);
	return sl_rate_take(sort == SL_IKE_RETURNED ? &g->returned : &g->strangers, now);
}

static bool neighbour_passes(struct gate *g, uint64_t now, unsigned way, const struct sl_neigh_msg *msg)
{
	const unsigned as = GATE_ROUTER | (way == 0 ? GATE_PEER | GATE_WIRE : GATE_PLAIN);
	struct known *known = msg->who.family == SL_NONE ? NULL : find(g, &msg->who);

	return sl_rate_take(known && (known->as & as) ? &known->link : &g->links[way], now);
}

static bool frame_passes(
	struct gate *g, uint64_t now, unsigned way, const struct rte_mbuf *m, enum sl_drop *reason)
{
	struct sl_neigh_msg msg;
	struct ike ike;

	*reason = SL_DROP_IKE_FLOOD;
	if (way == 0 && read_ike(&ike, m))
		return ike_passes(g, now, &ike);
	*reason = SL_DROP_LINK_FLOOD;
	if (sl_neigh_parse(&msg, rte_pktmbuf_mtod(m, const void *), m->data_len))
		return neighbour_passes(g, now, way, &msg);
	return sl_rate_take(&g->echoes[way], now);
}

bool gate_passes(
	struct gate *g, uint64_t now, enum sl_handed why, const struct rte_mbuf *m, enum sl_drop *reason)
{
	switch (why) {
	case SL_HANDED_WIRE: return frame_passes(g, now, 0, m, reason);
	case SL_HANDED_PLAIN: return frame_passes(g, now, 1, m, reason);
	case SL_HANDED_INNER: *reason = SL_DROP_LINK_FLOOD; return sl_rate_take(&g->inner, now);
	case SL_HANDED_RESOLVE: *reason = SL_DROP_NO_NEIGHBOUR; return sl_rate_take(&g->waiting, now);
	/* The worker counts these before it hands them over. */
	case SL_HANDED_EXPIRED:
	case SL_HANDED_TOO_BIG:
	case SL_HANDED_NO_ROUTE: break;
	}
	return true;
}

uint64_t gate_now(void)
{
	const uint64_t hz = rte_get_tsc_hz(), now = rte_rdtsc();

	return now / hz * UINT64_C(1000000000) + now % hz * UINT64_C(1000000000) / hz;
}
