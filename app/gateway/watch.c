/* SPDX-License-Identifier: BSD-3-Clause */
/* Looking at packets: see watch.h. All of it but watch_new() and watch_free() runs in the thread whose watch it is. */
#include "watch.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ip.h>

#include "../../lib/net/ip.h"
#include "gateway.h"

enum { PROTOCOL_SCTP = 132, UDP_HEADER = 8 };

struct watch *watch_new(const struct gateway *g, struct worker *w, const struct watch_order *order)
{
	struct watch *watch =
		aligned_alloc(alignof(max_align_t), RTE_ALIGN_CEIL(sizeof(*watch), alignof(max_align_t)));

	if (!watch)
		return NULL;
	memset(watch, 0, sizeof(*watch));
	watch->order = order;
	watch->gateway = g;
	watch->worker = w;
	watch->tape = tape_new(WATCH_TAPE);
	if (watch->tape)
		return watch;
	free(watch);
	return NULL;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	tape_free(watch->tape);
	free(watch);
}

/* ---- Looking into packets ------------------------------------------------------------------------------------------------- */

/* The IP packet in a frame, with or without tag; NULL: there is none. */
static const uint8_t *packet_in(const uint8_t *frame, size_t len, size_t *packet_len)
{
	size_t at = sizeof(struct rte_ether_hdr);
	rte_be16_t type;

	if (len < at + sizeof(struct rte_vlan_hdr))
		return NULL;
	memcpy(&type, frame + offsetof(struct rte_ether_hdr, ether_type), sizeof(type));
	if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN)) {
		memcpy(&type, frame + at + offsetof(struct rte_vlan_hdr, eth_proto), sizeof(type));
		at += sizeof(struct rte_vlan_hdr);
	}
	if (type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) && type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6))
		return NULL;
	*packet_len = len - at;
	return frame + at;
}

static bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == PROTOCOL_SCTP;
}

/* Returns where the payload begins; 0 when this is no IP packet, and then *flow is empty. */
static size_t read_flow(struct watch_flow *flow, const uint8_t *packet, size_t len)
{
	struct sl_ip ip;

	*flow = (struct watch_flow){.protocol = 0};
	if (!packet || !sl_ip_headers(&ip, packet, len))
		return 0;
	flow->src = ip.src;
	flow->dst = ip.dst;
	flow->protocol = ip.protocol;
	flow->length = (uint16_t)ip.total;
	if (has_ports(ip.protocol) && !ip.later && len >= ip.at + 2 * sizeof(uint16_t)) {
		flow->src_port = (uint16_t)(packet[ip.at] << 8 | packet[ip.at + 1]);
		flow->dst_port = (uint16_t)(packet[ip.at + 2] << 8 | packet[ip.at + 3]);
	}
	return ip.at;
}

/* The ESP header behind the IP header of a packet whose flow has been read. */
static bool read_esp(struct sl_esp_header *esp, const struct watch_flow *flow, const uint8_t *packet,
	size_t len, size_t at)
{
	if (flow->protocol == IPPROTO_UDP)
		at += UDP_HEADER;
	else if (flow->protocol != IPPROTO_ESP)
		return false;
	if (len < at + sizeof(*esp))
		return false;
	memcpy(esp, packet + at, sizeof(*esp));
	return esp->spi != 0;
}

/* The peer behind which an address is; SL_NO_FLOW: none. */
static uint16_t behind(const struct watch *watch, const struct sl_addr *addr)
{
	const struct sl_routes *routes = watch->worker ? watch->worker->dp.routes : watch->gateway->routes;
	uint64_t number = SL_NO_FLOW;
	struct sl_ip6 ip6;
	uint32_t ip4;

	if (addr->family == SL_IPV4) {
		ip4 = sl_addr_u32(addr);
		sl_routes_find4(routes, &ip4, &number, 1);
	} else if (addr->family == SL_IPV6) {
		memcpy(&ip6, addr->bytes, sizeof(ip6));
		sl_routes_find6(routes, &ip6, &number, 1);
	}
	return (uint16_t)number;
}

static bool is_peers(const struct watch *watch, const struct sl_addr *addr)
{
	const struct watch_order *o = watch->order;

	for (unsigned i = 0; i < o->peer_address_count; i++) {
		if (sl_addr_equal(&o->peer_addresses[i], addr))
			return true;
	}
	return behind(watch, addr) == o->peer;
}

/* Between the gateway, or what is behind it, and the peer that is asked for. */
static bool concerns_peer(const struct watch *watch, const struct watch_flow *flow)
{
	if (watch->order->peer == SL_NO_FLOW)
		return true;
	return flow->src.family != SL_NONE && (is_peers(watch, &flow->src) || is_peers(watch, &flow->dst));
}

static bool packet_concerns_peer(const struct watch *watch, const uint8_t *packet, size_t len)
{
	struct watch_flow flow;

	if (watch->order->peer == SL_NO_FLOW)
		return true;
	read_flow(&flow, packet, len);
	return concerns_peer(watch, &flow);
}

static bool frame_concerns_peer(const struct watch *watch, const uint8_t *frame, size_t frame_len)
{
	size_t len = 0;

	if (watch->order->peer == SL_NO_FLOW)
		return true;
	frame = packet_in(frame, frame_len, &len);
	return frame && packet_concerns_peer(watch, frame, len);
}

/* ---- Records -------------------------------------------------------------------------------------------------------------- */

static struct watch_head head(const struct watch *watch, uint64_t tsc, bool trace)
{
	return (struct watch_head){tsc, trace, watch->worker ? (uint8_t)watch->worker->id : WATCH_CONTROL};
}

static void miss(struct watch *watch)
{
	atomic_store_explicit(&watch->missed, atomic_load_explicit(&watch->missed, memory_order_relaxed) + 1,
		memory_order_relaxed);
}

/* A record of a packet of which `len` bytes are at data; what describes it is in *like. */
static void record(struct watch *watch, const struct watch_packet *like, const void *data, size_t len)
{
	uint32_t captured =
		(uint32_t)RTE_MIN(len, (size_t)RTE_MIN(watch->order->snaplen, (uint32_t)WATCH_FRAME_MAX));
	struct watch_packet *p = tape_reserve(watch->tape, sizeof(*p) + captured);

	if (!p) {
		miss(watch);
		return;
	}
	*p = *like;
	p->captured = captured;
	memcpy(p->data, data, captured);
	tape_commit(watch->tape);
}

void watch_frames(struct watch *watch, enum watch_where port, bool out, struct rte_mbuf **frames, unsigned n)
{
	struct watch_packet like = {
		.head = head(watch, rte_rdtsc(), false), .where = (uint8_t)port, .out = out};

	if (!watch->order->frames[port])
		return;
	for (unsigned i = 0; i < n; i++) {
		const struct rte_mbuf *m = frames[i];
		const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);

		if (!frame_concerns_peer(watch, frame, m->data_len))
			continue;
		like.length = m->pkt_len;
		record(watch, &like, frame, m->data_len);
	}
}

/* ---- One packet's way ----------------------------------------------------------------------------------------------------- */

/*
 * The frame as it was received. Another worker that handed the packet over has moved the start of the data, no more: what
 * was there before is still there, where every port puts a frame, behind the tag that has been taken out.
 */
static const uint8_t *frame_of(const struct rte_mbuf *m, bool handed, uint32_t *len)
{
	uint32_t start = RTE_PKTMBUF_HEADROOM;

	if (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED)
		start += sizeof(struct rte_vlan_hdr);
	if (!handed || start > m->data_off)
		start = m->data_off;
	*len = m->data_off + m->data_len - start;
	return (const uint8_t *)m->buf_addr + start;
}

/* Sealed packets name their session: before they are opened, after they have been sealed. */
static void read_session(struct watch_trace *t, const struct sl_esp_header *esp)
{
	t->session = true;
	t->spi = rte_be_to_cpu_32(esp->spi);
	t->seq = rte_be_to_cpu_32(esp->seq);
}

/* Whose session it is, and which sequence number it stands for now. */
static void find_session(const struct sl_dataplane *dp, struct watch_trace *t)
{
	const struct sl_esp_in *in = dp->in[sl_spi_slot(t->spi)];

	if (!in || in->spi != t->spi)
		return;
	t->peer = in->peer;
	if (in->esn)
		t->seq = sl_replay_expand(&in->window, (uint32_t)t->seq);
}

static void look_at_received(struct watch *watch)
{
	struct watch_trace *t = &watch->trace;
	struct sl_esp_header esp;
	size_t len = 0, at;
	const uint8_t *packet = packet_in(watch->frame, watch->captured, &len);

	at = read_flow(&t->first, packet, len);
	if (at == 0)
		return;
	if (t->port == WATCH_PLAIN) {
		t->peer = behind(watch, &t->first.dst);
	} else if (read_esp(&esp, &t->first, packet, len, at)) {
		read_session(t, &esp);
		find_session(&watch->worker->dp, t);
	}
}

void watch_begin(struct watch *watch, enum watch_where port, bool handed, const struct rte_mbuf *m)
{
	const uint8_t *frame = frame_of(m, handed, &watch->length);
	const uint8_t own = watch->trace.own;

	watch->captured = RTE_MIN(watch->length, (uint32_t)sizeof(watch->frame));
	memcpy(watch->frame, frame, watch->captured);
	watch->trace = (struct watch_trace){
		.head = head(watch, rte_rdtsc(), true),
		.port = (uint8_t)port,
		.handed = handed,
		.own = own,
		.peer = SL_NO_FLOW,
		.frame_length = watch->length,
	};
	if (watch->order->trace)
		look_at_received(watch);
}

static void look_at_sent(struct watch_trace *t, const struct rte_mbuf *m)
{
	struct sl_esp_header esp;
	size_t len = 0, at;
	const uint8_t *packet = packet_in(rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, &len);

	t->sent_length = m->pkt_len;
	at = read_flow(&t->then, packet, len);
	if (at == 0 || t->port != WATCH_PLAIN || !read_esp(&esp, &t->then, packet, len, at))
		return;
	read_session(t, &esp);
	t->seq = rte_be_to_cpu_64(esp.iv); /* our own counter */
}

void watch_came_out(struct watch *watch, const struct sl_burst *burst)
{
	struct watch_trace *t = &watch->trace;

	if (watch->length == 0 || !watch->order->trace)
		return;
	if (burst->tx_count) {
		t->outcome = WATCH_SENT;
		t->parts = burst->tx_count > 1 ? (uint16_t)burst->tx_count : 0;
		look_at_sent(t, burst->tx[burst->tx_count - 1]);
	} else if (burst->handed_count) {
		const struct rte_mbuf *m = burst->handed[0];

		t->outcome = WATCH_TO_CONTROL;
		t->detail = burst->handed_why[0];
		if (t->port == WATCH_WIRE && t->detail != SL_HANDED_WIRE)
			read_flow(&t->then, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
	} else if (burst->away_count) {
		t->outcome = WATCH_TO_WORKER;
		t->detail = burst->away_to[0];
	}
}

/* Inner addresses where they are known; of a packet that stayed sealed the outer ones. */
static bool is_asked_for(const struct watch *watch)
{
	const struct watch_order *o = watch->order;
	const struct watch_trace *t = &watch->trace;
	const bool opened = t->port == WATCH_WIRE && t->then.src.family != SL_NONE;
	const struct watch_flow *inner = opened ? &t->then : &t->first;

	if (o->from.addr.family != SL_NONE && !sl_prefix_contains(&o->from, &inner->src))
		return false;
	if (o->to.addr.family != SL_NONE && !sl_prefix_contains(&o->to, &inner->dst))
		return false;
	return t->peer == o->peer || concerns_peer(watch, &t->first) ||
	       (opened && concerns_peer(watch, &t->then));
}

void watch_end(struct watch *watch)
{
	struct watch_trace *t;

	watch->length = 0;
	watch->trace.own = false;
	if (!watch->order->trace || !is_asked_for(watch))
		return;
	t = tape_reserve(watch->tape, sizeof(*t));
	if (!t) {
		miss(watch);
		return;
	}
	*t = watch->trace;
	tape_commit(watch->tape);
}

/* ---- Drops ---------------------------------------------------------------------------------------------------------------- */

/* When an opened packet is dropped for these, its data is the inner packet. */
static bool is_about_inner(enum sl_drop reason)
{
	return reason == SL_DROP_SELECTOR || reason == SL_DROP_MARTIAN || reason == SL_DROP_ECN ||
	       reason == SL_DROP_EXPIRED;
}

static void trace_drop(struct watch_trace *t, const struct rte_mbuf *m, enum sl_drop reason)
{
	t->dropped = true;
	t->reason = (uint8_t)reason;
	if (t->port == WATCH_WIRE && t->then.src.family == SL_NONE && is_about_inner(reason))
		read_flow(&t->then, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
}

/* From sl_drop(). A packet that is not on its way alone is a frame that its port did not take. */
static void dropped(void *arg, const struct rte_mbuf *m, enum sl_drop reason)
{
	struct watch *watch = arg;
	const bool alone = watch->length > 0;
	const uint8_t *frame = alone ? watch->frame : rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t len = alone ? watch->captured : m->data_len;
	struct watch_packet like = {
		.head = head(watch, alone ? watch->trace.head.tsc : rte_rdtsc(), false),
		.where = WATCH_DROPPED,
		.out = !alone,
		.port = alone ? watch->trace.port : WATCH_WHERES,
		.reason = (uint8_t)reason,
		.length = alone ? watch->length : m->pkt_len,
	};

	if (alone)
		trace_drop(&watch->trace, m, reason);
	if (watch->order->drops && frame_concerns_peer(watch, frame, len))
		record(watch, &like, frame, len);
}

/* The control thread drops IP packets and whole frames; this is a frame with an IP packet in it. */
static bool holds_packet(const uint8_t *frame, size_t frame_len)
{
	size_t len = 0;
	const uint8_t *packet = packet_in(frame, frame_len, &len);
	struct sl_ip ip;

	return packet && sl_ip_headers(&ip, packet, len);
}

void watch_control_drop(struct watch *watch, const struct rte_mbuf *m, enum sl_drop reason)
{
	const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);
	struct sl_ip ip;
	const bool bare = sl_ip_headers(&ip, data, m->data_len) && !holds_packet(data, m->data_len);
	struct watch_packet like = {
		.head = head(watch, rte_rdtsc(), false),
		.where = bare ? WATCH_DROPPED_IP : WATCH_DROPPED,
		.port = WATCH_WHERES,
		.reason = (uint8_t)reason,
		.length = m->pkt_len,
	};

	if (!watch->order->drops)
		return;
	if (bare ? packet_concerns_peer(watch, data, m->data_len)
		 : frame_concerns_peer(watch, data, m->data_len))
		record(watch, &like, data, m->data_len);
}

void watch_take(struct worker *w, struct watch *watch)
{
	struct watch *before = w->watch;

	w->watch = watch;
	w->dp.dropped = watch && watch_alone(watch) ? dropped : NULL;
	w->dp.dropped_arg = watch;
	if (before)
		atomic_store_explicit(&before->gone, true, memory_order_release);
}
