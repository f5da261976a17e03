/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets to and from the gateway itself. Workers hand over what is not theirs: ARP, ICMP echo to our addresses, IKE,
 * and opened packets that wait for a MAC. Nothing here is fast, everything here is bounded: by the event ring, by the
 * neighbour tables.
 */
#include <string.h>

#include <rte_ip.h>
#include <rte_mbuf.h>

#include "gateway.h"

enum { MARKER = SL_NON_ESP_MARKER };

void gateway_drop(struct gateway *g, struct rte_mbuf *m, enum sl_drop reason)
{
	g->drops[reason]++;
	rte_pktmbuf_free(m);
}

void gateway_command_all(struct gateway *g, const struct command *command)
{
	for (unsigned i = 0; i < g->worker_count; i++)
		worker_command(&g->workers[i], command);
}

void gateway_send(struct gateway *g, enum command_type type, struct rte_mbuf *m)
{
	if (!worker_send(&g->workers[0], type, m))
		gateway_drop(g, m, SL_DROP_TX_FULL);
}

/* ---- Neighbours ----------------------------------------------------------------------------------------------------- */

static void send_arp_request(void *owner, uint32_t ip, const struct rte_ether_addr *mac)
{
	struct link *link = owner;
	struct rte_mbuf *m = rte_pktmbuf_alloc(link->gateway->mbufs);

	if (!m) {
		link->gateway->drops[SL_DROP_NO_MBUF]++;
		return;
	}
	sl_arp_request(rte_pktmbuf_append(m, SL_ARP_FRAME), &link->port.mac, link->ip, ip, mac);
	gateway_send(link->gateway, link->send, m);
}

/* A frame whose Ethernet header lacks the destination only. */
static void send_resolved(void *owner, void *packet, const struct rte_ether_addr *mac)
{
	struct link *link = owner;
	struct rte_mbuf *m = packet;

	if (!mac) {
		gateway_drop(link->gateway, m, SL_DROP_NO_NEIGHBOUR);
		return;
	}
	rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->dst_addr = *mac;
	gateway_send(link->gateway, link->send, m);
}

static void wire_changed(void *owner, uint32_t ip, const struct rte_ether_addr *mac)
{
	struct link *link = owner;

	/* A peer that does not answer ARP for a moment keeps its old MAC: the IKE engine finds out if it is gone. */
	if (mac)
		sa_resolve(link->gateway, ip, mac);
}

static void plain_changed(void *owner, uint32_t ip, const struct rte_ether_addr *mac)
{
	struct link *link = owner;
	struct command command = {.type = COMMAND_NEIGHBOUR, .address = sl_addr_v4(ip)};

	if (mac)
		command.mac = *mac;
	gateway_command_all(link->gateway, &command);
}

static const struct sl_neigh_ops wire_ops = {send_arp_request, wire_changed, send_resolved};
static const struct sl_neigh_ops plain_ops = {send_arp_request, plain_changed, send_resolved};

static void link_addresses(struct link *link)
{
	const struct sl_prefix *p = sl_config_address(link->config, SL_IPV4);

	link->ip = sl_addr_u32(&p->addr);
	link->mask = p->len == 0 ? 0 : UINT32_MAX << (32 - p->len);
	link->net = link->ip & link->mask;
}

int local_init(struct gateway *g)
{
	link_addresses(&g->wire);
	link_addresses(&g->plain);
	g->wire.neighbours = sl_neigh_new("wire", g->wire.ip, &wire_ops, &g->wire);
	g->plain.neighbours = sl_neigh_new("plain", g->plain.ip, &plain_ops, &g->plain);
	return g->wire.neighbours && g->plain.neighbours ? 0 : -1;
}

void local_fini(struct gateway *g)
{
	sl_neigh_free(g->wire.neighbours);
	sl_neigh_free(g->plain.neighbours);
}

/* A host's address on the link, not the network's own or its broadcast address (RFC 3021 knows no such on a /31). */
static bool on_link(const struct link *link, uint32_t addr)
{
	uint32_t host = addr & ~link->mask;

	if ((addr & link->mask) != link->net)
		return false;
	return ~link->mask <= 1 || (host != 0 && host != ~link->mask);
}

uint32_t local_next_hop(const struct gateway *g, uint32_t addr)
{
	if (on_link(&g->wire, addr))
		return addr;
	return g->wire.config->next_hop.family == SL_IPV4 ? sl_addr_u32(&g->wire.config->next_hop) : 0;
}

/* ---- In -------------------------------------------------------------------------------------------------------------- */

static void arp_input(struct gateway *g, struct link *link, struct rte_mbuf *m)
{
	struct sl_arp arp;

	if (!sl_arp_parse(&arp, rte_pktmbuf_mtod(m, void *), m->data_len)) {
		gateway_drop(g, m, SL_DROP_RUNT);
		return;
	}
	sl_neigh_input(link->neighbours, gateway_now(), &arp);
	if (arp.reply || arp.target_ip != link->ip) {
		rte_pktmbuf_free(m);
		return;
	}
	/* The request becomes the reply. */
	m->data_len = SL_ARP_FRAME;
	m->pkt_len = SL_ARP_FRAME;
	sl_arp_reply(rte_pktmbuf_mtod(m, void *), &link->port.mac, link->ip, &arp.sender_mac, arp.sender_ip);
	gateway_send(g, link->send, m);
}

static void ike_input(struct gateway *g, struct rte_mbuf *m, const struct sl_udp *udp)
{
	static const uint8_t marker[MARKER];
	struct sl_ike_path path = {
		.local = {sl_addr_v4(udp->dst), udp->dst_port},
		.remote = {sl_addr_v4(udp->src), udp->src_port},
	};
	bool marked = udp->dst_port == SL_IKE_NAT_PORT;

	if (!marked && udp->dst_port != SL_IKE_PORT)
		gateway_drop(g, m, SL_DROP_NOT_FOR_US);
	else if (marked && (udp->len < MARKER || memcmp(udp->data, marker, MARKER) != 0))
		gateway_drop(g, m, SL_DROP_RUNT);
	else {
		size_t skip = marked ? MARKER : 0;

		sl_ike_input(g->ike, gateway_now(), &path, udp->data + skip, udp->len - skip);
		rte_pktmbuf_free(m);
	}
}

/* Sends the frame back where it came from. */
static void reflect(struct gateway *g, struct link *link, struct rte_mbuf *m)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);

	eth->dst_addr = eth->src_addr;
	eth->src_addr = link->port.mac;
	gateway_send(g, link->send, m);
}

static void frame_input(struct gateway *g, struct link *link, struct rte_mbuf *m)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	size_t len = m->data_len - sizeof(*eth);
	struct sl_udp udp;

	if (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP))
		arp_input(g, link, m);
	else if (sl_icmp_echo_answer(eth + 1, len))
		reflect(g, link, m);
	else if (link == &g->wire && sl_udp_parse(&udp, eth + 1, len))
		ike_input(g, m, &udp);
	else
		gateway_drop(g, m, SL_DROP_NOT_FOR_US);
}

/* An echo request that came through a tunnel is answered through a tunnel, as if a host behind us had sent it. */
static void inner_input(struct gateway *g, struct rte_mbuf *m)
{
	struct rte_ether_hdr *eth;

	if (!sl_icmp_echo_answer(rte_pktmbuf_mtod(m, void *), m->data_len)) {
		gateway_drop(g, m, SL_DROP_NOT_FOR_US);
		return;
	}
	eth = (void *)rte_pktmbuf_prepend(m, sizeof(*eth));
	eth->dst_addr = g->plain.port.mac;
	eth->src_addr = g->plain.port.mac;
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	gateway_send(g, COMMAND_SEAL, m);
}

static void resolve_input(struct gateway *g, struct rte_mbuf *m)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);
	uint32_t dst = rte_be_to_cpu_32(ip->dst_addr);
	struct rte_ether_hdr *eth;

	if (!on_link(&g->plain, dst)) {
		gateway_drop(g, m, SL_DROP_NO_NEIGHBOUR);
		return;
	}
	eth = (void *)rte_pktmbuf_prepend(m, sizeof(*eth));
	eth->src_addr = g->plain.port.mac;
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	sl_neigh_send(g->plain.neighbours, gateway_now(), dst, m);
}

void local_input(struct gateway *g, enum sl_handed why, struct rte_mbuf *m)
{
	switch (why) {
	case SL_HANDED_WIRE: frame_input(g, &g->wire, m); break;
	case SL_HANDED_PLAIN: frame_input(g, &g->plain, m); break;
	case SL_HANDED_INNER: inner_input(g, m); break;
	case SL_HANDED_RESOLVE: resolve_input(g, m); break;
	case SL_HANDED_EXPIRED: gateway_drop(g, m, SL_DROP_EXPIRED); break;
	case SL_HANDED_TOO_BIG: gateway_drop(g, m, SL_DROP_TOO_BIG); break;
	case SL_HANDED_NO_ROUTE: gateway_drop(g, m, SL_DROP_NO_ROUTE); break;
	}
}

/* ---- Out -------------------------------------------------------------------------------------------------------------- */

/* Sends `skip` bytes of zero and then the data. */
static void send_udp(
	struct gateway *g, const struct sl_ike_path *path, size_t skip, const uint8_t *data, size_t len)
{
	struct sl_udp udp = {
		.src = sl_addr_u32(&path->local.addr),
		.dst = sl_addr_u32(&path->remote.addr),
		.src_port = path->local.port,
		.dst_port = path->remote.port,
		.len = len + skip,
	};
	uint32_t next_hop = local_next_hop(g, udp.dst);
	struct rte_mbuf *m = next_hop ? rte_pktmbuf_alloc(g->mbufs) : NULL;
	uint8_t *frame;

	if (!m) {
		g->drops[next_hop ? SL_DROP_NO_MBUF : SL_DROP_NO_ROUTE]++;
		return;
	}
	if (SL_UDP_FRAME_HEADERS - RTE_ETHER_HDR_LEN + udp.len > g->wire.config->mtu) {
		gateway_drop(g, m, SL_DROP_TOO_BIG);
		return;
	}
	frame = (void *)rte_pktmbuf_append(m, (uint16_t)(SL_UDP_FRAME_HEADERS + udp.len));
	sl_udp_headers(frame, &g->wire.port.mac, &g->wire.port.mac, &udp);
	memset(frame + SL_UDP_FRAME_HEADERS, 0, skip);
	memcpy(frame + SL_UDP_FRAME_HEADERS + skip, data, len);
	sl_neigh_send(g->wire.neighbours, gateway_now(), next_hop, m);
}

void local_send_ike(void *gateway, const struct sl_ike_path *path, const uint8_t *msg, size_t len)
{
	send_udp(gateway, path, path->local.port == SL_IKE_NAT_PORT ? MARKER : 0, msg, len);
}

/* Neither IKE nor ESP: the receiver drops it (RFC 3948 2.3). What matters is the NAT that it passes. */
void local_send_keepalive(void *gateway, const struct sl_ike_path *path)
{
	static const uint8_t keepalive = 0xff;

	send_udp(gateway, path, 0, &keepalive, sizeof(keepalive));
}
