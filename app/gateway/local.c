/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets to and from the gateway itself. Workers hand over what is not theirs: ARP and NDP, echoes to our addresses, IKE,
 * opened packets that wait for a MAC, and packets whose senders are to be told why they went no further. Nothing here is
 * fast, everything here is bounded: by the event ring, by the neighbour tables, by the rates of errors.
 */
#include <string.h>

#include <rte_ip.h>
#include <rte_mbuf.h>

#include "../../lib/net/ip.h"
#include "gateway.h"
#include "watch.h"

enum { MARKER = SL_NON_ESP_MARKER };

void gateway_drop(struct gateway *g, struct rte_mbuf *m, enum sl_drop reason)
{
	g->drops[reason]++;
	if (g->watch)
		watch_control_drop(g->watch, m, reason);
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

/* ---- In -------------------------------------------------------------------------------------------------------------- */

static void ike_input(struct gateway *g, struct rte_mbuf *m, const struct sl_udp *udp)
{
	static const uint8_t marker[MARKER];
	struct sl_ike_path path = {
		.local = {udp->dst, udp->dst_port},
		.remote = {udp->src, udp->src_port},
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
static void reflect(struct link *link, struct rte_mbuf *m)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);

	eth->dst_addr = eth->src_addr;
	eth->src_addr = link->port.mac;
	link_send(link, m);
}

/* What only the wire brings: IKE, and routers that cannot pass on what we sealed. */
static void wire_packet(
	struct gateway *g, struct rte_mbuf *m, const struct sl_ip *ip, const void *packet, size_t len)
{
	struct sl_icmp_too_big told;
	struct sl_udp udp;

	if (sl_udp_parse(&udp, packet, len)) {
		ike_input(g, m, &udp);
	} else if (sl_icmp_too_big_parse(&told, packet, len)) {
		path_mtu_told(g, &told);
		rte_pktmbuf_free(m);
	} else {
		/* Of a datagram the worker has looked at everything else. */
		gateway_drop(
			g, m, ip->protocol == SL_PROTOCOL_UDP ? SL_DROP_BAD_CHECKSUM : SL_DROP_NOT_FOR_US);
	}
}

static void frame_input(struct gateway *g, struct link *link, struct rte_mbuf *m)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	size_t len = m->data_len - sizeof(*eth);
	struct sl_ip ip;

	if (link_neighbour_input(link, m))
		return;
	if (!sl_ip_parse(&ip, eth + 1, len))
		gateway_drop(g, m, SL_DROP_RUNT);
	else if (!link_is_own(link, &ip.dst))
		gateway_drop(g, m, SL_DROP_NOT_FOR_US);
	else if (sl_addr_is_martian(&ip.src) || link_is_own(link, &ip.src))
		gateway_drop(
			g, m, SL_DROP_MARTIAN); /* whatever it wants, the answer would go nowhere, or to us */
	else if (sl_echo_answer(eth + 1, len))
		reflect(link, m);
	else if (link == &g->wire)
		wire_packet(g, m, &ip, eth + 1, len);
	else
		gateway_drop(g, m, SL_DROP_NOT_FOR_US);
}

void local_seal(struct gateway *g, struct rte_mbuf *m)
{
	if (link_frame(&g->plain, m))
		gateway_send(g, COMMAND_SEAL, m);
	else
		gateway_drop(g, m, SL_DROP_TOO_BIG);
}

/* An echo request that came through a tunnel is answered through a tunnel, as if a host behind us had sent it. */
static void inner_input(struct gateway *g, struct rte_mbuf *m)
{
	if (sl_echo_answer(rte_pktmbuf_mtod(m, void *), m->data_len))
		local_seal(g, m);
	else
		gateway_drop(g, m, SL_DROP_NOT_FOR_US);
}

static void resolve_input(struct gateway *g, struct rte_mbuf *m)
{
	struct sl_addr hop;
	struct sl_ip ip;

	if (!sl_ip_headers(&ip, rte_pktmbuf_mtod(m, void *), m->data_len) ||
		!link_next_hop(&g->plain, &ip.dst, &hop) || !link_frame(&g->plain, m))
		gateway_drop(g, m, SL_DROP_NO_NEIGHBOUR);
	else
		link_send_to(&g->plain, &hop, m);
}

void local_input(struct gateway *g, enum sl_handed why, struct rte_mbuf *m)
{
	switch (why) {
	case SL_HANDED_WIRE: frame_input(g, &g->wire, m); break;
	case SL_HANDED_PLAIN: frame_input(g, &g->plain, m); break;
	case SL_HANDED_INNER: inner_input(g, m); break;
	case SL_HANDED_RESOLVE: resolve_input(g, m); break;
	case SL_HANDED_EXPIRED: error_about(g, m, SL_DROP_EXPIRED, SL_ICMP_EXPIRED, 0); break;
	case SL_HANDED_TOO_BIG: error_about(g, m, SL_DROP_TOO_BIG, SL_ICMP_TOO_BIG, m->hash.usr); break;
	case SL_HANDED_NO_ROUTE: error_about(g, m, SL_DROP_NO_ROUTE, SL_ICMP_NO_NET, 0); break;
	}
}

/* ---- Out -------------------------------------------------------------------------------------------------------------- */

/* Sends `skip` bytes of zero and then the data. */
static void send_udp(
	struct gateway *g, const struct sl_ike_path *path, size_t skip, const uint8_t *data, size_t len)
{
	struct sl_udp udp = {
		.src = path->local.addr,
		.dst = path->remote.addr,
		.src_port = path->local.port,
		.dst_port = path->remote.port,
		.len = len + skip,
	};
	size_t headers = sl_udp_frame_headers(&udp.dst);
	struct sl_addr hop;
	bool reachable = link_next_hop(&g->wire, &udp.dst, &hop);
	struct rte_mbuf *m = reachable ? rte_pktmbuf_alloc(g->mbufs) : NULL;
	uint8_t *frame;

	if (!m) {
		g->drops[reachable ? SL_DROP_NO_MBUF : SL_DROP_NO_ROUTE]++;
		return;
	}
	if (headers - RTE_ETHER_HDR_LEN + udp.len > g->wire.config->mtu) {
		gateway_drop(g, m, SL_DROP_TOO_BIG);
		return;
	}
	frame = (void *)rte_pktmbuf_append(m, (uint16_t)(headers + udp.len));
	memset(frame + headers, 0, skip);
	memcpy(frame + headers + skip, data, len);
	sl_udp_headers(frame, &g->wire.port.mac, &g->wire.port.mac, &udp);
	link_send_to(&g->wire, &hop, m);
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
