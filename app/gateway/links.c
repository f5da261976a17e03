/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What lies beyond either port: which addresses are ours there, who else is on the link and at which MAC, and who takes
 * packets further. Neighbours are lib/net's; here they get addresses, frames and time.
 */
#include <string.h>

#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "gateway.h"

enum { CONFLICTS_AT_ONCE = 4 };

_Static_assert((int)SL_CONFIG_ADDRESSES_MAX < (int)SL_NEIGH_OWN_MAX, "the link-local address has room");

/* ---- Addresses and routes ----------------------------------------------------------------------------------------------- */

/* A host's address in the network of ours, not the network's own or its broadcast address (RFC 3021: a /31 has none). */
static bool in_network(const struct sl_prefix *own, const struct sl_addr *addr)
{
	struct sl_addr first, last;

	if (!sl_prefix_contains(own, addr))
		return false;
	if (addr->family == SL_IPV6 || own->len >= 31)
		return true;
	sl_prefix_range(own, &first, &last);
	return !sl_addr_equal(addr, &first) && !sl_addr_equal(addr, &last);
}

static bool on_link(const struct link *link, const struct sl_addr *addr)
{
	for (unsigned i = 0; i < link->own_count; i++) {
		if (in_network(&link->own[i], addr))
			return true;
	}
	return false;
}

/* The router with the longest prefix that contains addr, or NULL. */
static const struct sl_addr *router_for(const struct link *link, const struct sl_addr *addr)
{
	const struct sl_config_route *best = NULL;

	for (unsigned i = 0; i < link->config->route_count; i++) {
		const struct sl_config_route *r = &link->config->routes[i];

		if (sl_prefix_contains(&r->prefix, addr) && (!best || r->prefix.len > best->prefix.len))
			best = r;
	}
	return best ? &best->via : NULL;
}

/* NULL: addr is on the link itself, or unreachable without the default. */
static const struct sl_addr *default_router(const struct link *link, const struct sl_addr *addr)
{
	const struct sl_addr *hop =
		addr->family == SL_IPV6 ? &link->config->next_hop6 : &link->config->next_hop;

	return hop->family == addr->family ? hop : NULL;
}

bool link_covers(const struct link *link, const struct sl_addr *addr)
{
	return on_link(link, addr) || router_for(link, addr);
}

bool link_next_hop(const struct link *link, const struct sl_addr *addr, struct sl_addr *hop)
{
	const struct sl_addr *router = NULL;

	if (!on_link(link, addr)) {
		router = router_for(link, addr);
		if (!router)
			router = default_router(link, addr);
		if (!router)
			return false;
	}
	*hop = router ? *router : *addr;
	return true;
}

/* A tap's addresses are those of this host's kernel behind it. */
bool link_is_own(const struct link *link, const struct sl_addr *addr)
{
	for (unsigned i = 0; i < link->own_count && !link->config->tap; i++) {
		if (sl_addr_equal(&link->own[i].addr, addr))
			return true;
	}
	return false;
}

const struct sl_addr *link_source(const struct link *link, const struct sl_addr *addr)
{
	const struct sl_addr *any = NULL;

	for (unsigned i = 0; i < link->own_count; i++) {
		const struct sl_prefix *own = &link->own[i];

		if (sl_prefix_contains(own, addr))
			return &own->addr;
		if (!any && own->addr.family == addr->family && !sl_addr_is_link_local(&own->addr))
			any = &own->addr;
	}
	return any;
}

/* ---- Frames ------------------------------------------------------------------------------------------------------------- */

void link_send(struct link *link, struct rte_mbuf *m)
{
	gateway_send(link->gateway, link->send, m);
}

bool link_frame(const struct link *link, struct rte_mbuf *m)
{
	bool v6 = *rte_pktmbuf_mtod(m, const uint8_t *) >> 4 == 6;
	struct rte_ether_hdr *eth = (void *)rte_pktmbuf_prepend(m, sizeof(*eth));

	if (!eth)
		return false;
	eth->dst_addr = link->port.mac;
	eth->src_addr = link->port.mac;
	eth->ether_type = rte_cpu_to_be_16(v6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
	return true;
}

void link_send_to(struct link *link, const struct sl_addr *hop, struct rte_mbuf *m)
{
	sl_neigh_send(link->neighbours, gateway_now(), hop, m);
}

/* ---- Neighbours --------------------------------------------------------------------------------------------------------- */

/* own NULL: a probe. */
static void ask(struct link *link, const struct sl_addr *own, const struct sl_addr *ip,
	const struct rte_ether_addr *mac)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(link->gateway->mbufs);

	if (!m) {
		link->gateway->drops[SL_DROP_NO_MBUF]++;
		return;
	}
	m->data_len = (uint16_t)sl_neigh_ask(rte_pktmbuf_mtod(m, void *), &link->port.mac, own, ip, mac);
	m->pkt_len = m->data_len;
	link_send(link, m);
}

static void on_ask(void *owner, const struct sl_addr *ip, const struct rte_ether_addr *mac)
{
	struct link *link = owner;

	/* As if we had no address, where we have none: the kernel behind a tap takes nobody else for itself. */
	ask(link, link->config->tap ? NULL : link_source(link, ip), ip, mac);
}

/* A frame whose Ethernet header lacks the destination only. */
static void on_release(void *owner, void *packet, const struct rte_ether_addr *mac)
{
	struct link *link = owner;
	struct gateway *g = link->gateway;
	struct rte_mbuf *m = packet;

	if (mac) {
		rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->dst_addr = *mac;
		link_send(link, m);
	} else if (link == &g->wire || link->closing) {
		gateway_drop(g, m, SL_DROP_NO_NEIGHBOUR);
	} else {
		/* RFC 1812 5.3.3: what waited for an answer in vain is answered itself. */
		rte_pktmbuf_adj(m, sizeof(struct rte_ether_hdr));
		error_about(g, m, SL_DROP_NO_NEIGHBOUR, SL_ICMP_NO_HOST, 0);
	}
}

static void on_conflict(void *owner, const struct sl_addr *ip, const struct rte_ether_addr *mac)
{
	struct link *link = owner;
	char address[SL_ADDR_TEXT], station[RTE_ETHER_ADDR_FMT_SIZE];

	if (!sl_rate_take(&link->conflicts, gateway_now()))
		return;
	rte_ether_format_addr(station, sizeof(station), mac);
	log_error("%s: our address %s is also that of station %s: take it away from one of us",
		link->port.role, sl_addr_text(ip, address), station);
}

static void wire_changed(void *owner, const struct sl_addr *ip, const struct rte_ether_addr *mac)
{
	struct link *link = owner;

	gateway_command_all(link->gateway,
		&(struct command){
			.type = mac ? COMMAND_KNOW : COMMAND_FORGET, .arg = GATE_WIRE, .address = *ip});
	/* A peer that does not answer for a moment keeps its old MAC: the IKE engine finds out if it is gone. */
	if (mac)
		sa_resolve(link->gateway, ip, mac);
}

static void plain_changed(void *owner, const struct sl_addr *ip, const struct rte_ether_addr *mac)
{
	struct link *link = owner;
	struct command command = {.type = COMMAND_NEIGHBOUR, .address = *ip};

	if (mac)
		command.mac = *mac;
	gateway_command_all(link->gateway, &command);
}

static const struct sl_neigh_ops wire_ops = {on_ask, wire_changed, on_release, on_conflict};
static const struct sl_neigh_ops plain_ops = {on_ask, plain_changed, on_release, on_conflict};

bool link_neighbour_input(struct link *link, struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	struct rte_ether_addr asker = eth->src_addr;
	struct sl_neigh_msg msg;

	if (!sl_neigh_parse(&msg, eth, m->data_len))
		return false;
	/* Who claims to be where it cannot be shall not draw a stranger's packets to itself. */
	if (on_link(link, &msg.who))
		sl_neigh_input(link->neighbours, gateway_now(), &msg);
	if (!msg.ask || !link_is_own(link, &msg.target)) {
		rte_pktmbuf_free(m);
		return true;
	}
	/* The question becomes the answer; every buffer has room for it. */
	m->data_len = (uint16_t)sl_neigh_tell(rte_pktmbuf_mtod(m, void *), &link->port.mac, &msg.target,
		&msg.who, msg.has_mac ? &msg.mac : &asker);
	m->pkt_len = m->data_len;
	link_send(link, m);
	return true;
}

/* ---- Both links --------------------------------------------------------------------------------------------------------- */

static void take_addresses(struct link *link)
{
	bool v6 = false;

	for (unsigned i = 0; i < link->config->address_count; i++) {
		link->own[link->own_count++] = link->config->addresses[i];
		v6 |= link->config->addresses[i].addr.family == SL_IPV6;
	}
	if (!v6 || link->config->tap)
		return;
	/* RFC 4291 2.8: whoever speaks IPv6 has one. Hosts may name their router by it. */
	link->own[link->own_count++] = (struct sl_prefix){sl_addr_link_local(&link->port.mac), 64};
	/* Solicitations come to groups. A device that cannot be told to hear them hears them anyway, or never will. */
	(void)!rte_eth_allmulticast_enable(link->port.id);
}

static int link_init(struct link *link, const char *name, const struct sl_neigh_ops *ops)
{
	struct sl_addr own[SL_NEIGH_OWN_MAX];
	unsigned own_count = 0;

	take_addresses(link);
	for (unsigned i = 0; i < link->own_count && !link->config->tap; i++)
		own[own_count++] = link->own[i].addr;
	link->conflicts = (struct sl_rate){.per_second = 1, .burst = CONFLICTS_AT_ONCE};
	link->neighbours = sl_neigh_new(name, &link->port.mac, own, own_count, ops, link);
	return link->neighbours ? 0 : -1;
}

int links_init(struct gateway *g)
{
	return link_init(&g->wire, "wire", &wire_ops) || link_init(&g->plain, "plain", &plain_ops) ? -1 : 0;
}

static void link_fini(struct link *link)
{
	link->closing = true;
	sl_neigh_free(link->neighbours);
}

void links_fini(struct gateway *g)
{
	link_fini(&g->wire);
	link_fini(&g->plain);
}

/*
 * RFC 4862 5.4: one probe for each address. We do not wait for an answer, for a gateway's addresses are given by hand and its
 * peers are waiting; a conflict is for people to solve.
 */
static void probe(struct link *link)
{
	for (unsigned i = 0; i < link->own_count && !link->config->tap; i++) {
		if (link->own[i].addr.family == SL_IPV6)
			ask(link, NULL, &link->own[i].addr, NULL);
	}
}

void links_start(struct gateway *g)
{
	probe(&g->wire);
	probe(&g->plain);
}

void links_tick(struct gateway *g, uint64_t now)
{
	sl_neigh_tick(g->wire.neighbours, now);
	sl_neigh_tick(g->plain.neighbours, now);
}

uint64_t links_deadline(const struct gateway *g)
{
	return RTE_MIN(sl_neigh_deadline(g->wire.neighbours), sl_neigh_deadline(g->plain.neighbours));
}
