/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inbound: sealed frames from the wire become frames for the plain port. Two passes over the burst: check the outer
 * headers, find the session and refuse obvious replays; then open, with the key tables of the packets ahead on their
 * way into the cache, and look at what was inside.
 */
#include <string.h>

#include <rte_udp.h>

#include "frame.h"

enum {
	KEYS_AHEAD = 2,
	/* An empty inner packet: ESP header, trailer, ICV. */
	ESP_MIN = sizeof(struct sl_esp_header) + sizeof(struct sl_esp_trailer) + SL_GCM_ICV_LEN,
	IKE_PORT = 500,
};

struct staged {
	unsigned count;
	struct rte_mbuf *m[SL_BURST_MAX]; /* data starts at the ESP header and ends with the ICV */
	struct sl_esp_in *in[SL_BURST_MAX];
	uint64_t seq[SL_BURST_MAX];
};

/* A packet in UDP to our address: ESP, or IKE behind the marker, or on port 500 (RFC 3948 2). */
static int check_udp(struct rte_mbuf *m, uint32_t at, uint32_t end)
{
	const struct rte_udp_hdr *udp = rte_pktmbuf_mtod_offset(m, const struct rte_udp_hdr *, at);
	uint32_t len = end - at, udp_len;
	uint16_t port;

	if (unlikely(len < sizeof(*udp)))
		return SL_DROP_RUNT;
	port = rte_be_to_cpu_16(udp->dst_port);
	udp_len = rte_be_to_cpu_16(udp->dgram_len);
	if (unlikely(udp_len < sizeof(*udp) || udp_len > len))
		return SL_DROP_RUNT;
	if (unlikely(port != SL_ESP_UDP_PORT))
		return port == IKE_PORT ? TO_CONTROL : SL_DROP_NOT_FOR_US;
	udp_len -= sizeof(*udp);
	if (unlikely(udp_len < 4))
		return udp_len == 1 ? SL_DROP_DUMMY
				    : SL_DROP_RUNT; /* one byte is a NAT keepalive (RFC 3948 2.3) */
	if (unlikely(load32(udp + 1) == 0))
		return TO_CONTROL;
	if (unlikely(udp_len < ESP_MIN))
		return SL_DROP_RUNT;
	m->data_off += at + sizeof(*udp);
	m->data_len = (uint16_t)udp_len;
	m->pkt_len = udp_len;
	return PASS;
}

static int check_wire(const struct sl_dataplane *dp, struct rte_mbuf *m)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, sizeof(struct rte_ether_hdr));
	uint32_t total, header_len, at = sizeof(struct rte_ether_hdr);
	int verdict = check_frame(m, &dp->wire, &total, &header_len);

	if (unlikely(verdict != PASS))
		return verdict;
	if (unlikely(rte_be_to_cpu_32(ip->dst_addr) != dp->wire.ip))
		return SL_DROP_NOT_FOR_US;
	if (unlikely(ip->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)))
		return SL_DROP_FRAGMENT;
	if (likely(ip->next_proto_id == IPPROTO_UDP))
		return check_udp(m, at + header_len, at + total);
	return ip->next_proto_id == IPPROTO_ICMP ? TO_CONTROL : SL_DROP_NOT_FOR_US;
}

/* No session here has this SPI; another worker's may. */
static int unknown_spi(const struct sl_dataplane *dp, uint32_t spi)
{
	uint32_t worker = sl_spi_worker(spi);

	return worker != dp->id && worker < dp->workers ? TO_WORKER : SL_DROP_NO_SPI;
}

/* Finds the session and looks at the sequence number. */
static int find_session(const struct sl_dataplane *dp, const struct sl_esp_header *esp,
	struct sl_esp_in **session, uint64_t *seq)
{
	uint32_t spi = rte_be_to_cpu_32(esp->spi), low = rte_be_to_cpu_32(esp->seq);
	struct sl_esp_in *in = dp->in[sl_spi_slot(spi)];

	if (unlikely(!in || in->spi != spi))
		return unknown_spi(dp, spi);
	*session = in;
	*seq = in->esn ? sl_replay_expand(&in->window, low) : low;
	switch (sl_replay_check(&in->window, *seq)) {
	case SL_REPLAY_NEW: return PASS;
	case SL_REPLAY_SEEN: in->replayed++; return SL_DROP_REPLAY;
	case SL_REPLAY_LATE: in->late++; return SL_DROP_LATE;
	}
	__builtin_unreachable();
}

static void stage(struct sl_dataplane *dp, struct rte_mbuf **frames, unsigned n, struct staged *s,
	struct sl_burst *burst)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = frames[i];
		int verdict = check_wire(dp, m);

		if (likely(verdict == PASS))
			verdict = find_session(dp, rte_pktmbuf_mtod(m, const struct sl_esp_header *),
				&s->in[s->count], &s->seq[s->count]);
		if (likely(verdict == PASS))
			s->m[s->count++] = m;
		else if (verdict == TO_CONTROL)
			hand_over(dp, burst, m, SL_HANDED_WIRE);
		else if (verdict == TO_WORKER)
			pass_on(burst, m,
				sl_spi_worker(rte_be_to_cpu_32(load32(rte_pktmbuf_mtod(m, void *)))));
		else
			sl_drop(dp, m, (enum sl_drop)verdict);
	}
}

/* The same for ESP packets from another worker, which has checked what was around them. */
static void stage_handed(struct sl_dataplane *dp, struct rte_mbuf **packets, unsigned n, struct staged *s)
{
	for (unsigned i = 0; i < n; i++) {
		int verdict = find_session(dp, rte_pktmbuf_mtod(packets[i], const struct sl_esp_header *),
			&s->in[s->count], &s->seq[s->count]);

		if (likely(verdict == PASS))
			s->m[s->count++] = packets[i];
		else
			sl_drop(dp, packets[i],
				verdict == TO_WORKER ? SL_DROP_NO_SPI : (enum sl_drop)verdict);
	}
}

/* Decrypts in place; true when the ICV is right. Then data is the inner packet with its trailer. */
static bool open_sealed(struct rte_mbuf *m, const struct sl_esp_in *in, uint64_t seq)
{
	const struct sl_esp_header *esp = rte_pktmbuf_mtod(m, const struct sl_esp_header *);
	uint8_t *sealed = (uint8_t *)m->buf_addr + m->data_off + sizeof(*esp);
	uint32_t len = m->data_len - sizeof(*esp) - SL_GCM_ICV_LEN;
	struct sl_esp_block nonce = {in->salt, esp->iv};
	struct sl_esp_block aad = {esp->spi, rte_cpu_to_be_64(seq)};
	unsigned aad_len = sizeof(aad);
	uint8_t icv[SL_GCM_ICV_LEN];

	if (!in->esn) {
		aad.counter = (rte_be64_t)esp->seq;
		aad_len = 8;
	}
	sl_gcm_open(&in->key, in->cipher, sealed, len, (const uint8_t *)&nonce, &aad, aad_len, icv);
	m->data_off += sizeof(*esp);
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	return sl_icv_equal(icv, sealed + len);
}

/* Takes trailer and padding off (RFC 4303 2.4-2.6). */
static int strip_trailer(struct rte_mbuf *m)
{
	const struct sl_esp_trailer *trailer =
		rte_pktmbuf_mtod_offset(m, const struct sl_esp_trailer *, m->data_len - sizeof(*trailer));
	uint32_t behind = sizeof(*trailer) + trailer->pad_len;

	if (unlikely(trailer->next_header != SL_ESP_NEXT_IPV4))
		return trailer->next_header == SL_ESP_NEXT_NONE ? SL_DROP_DUMMY : SL_DROP_BAD_INNER;
	if (unlikely(behind > m->data_len))
		return SL_DROP_BAD_INNER;
	m->data_len -= (uint16_t)behind;
	m->pkt_len = m->data_len;
	return PASS;
}

/* The inner packet must be IPv4, whole, and between the addresses the SA was made for (RFC 4301 5.2). */
static int check_inner(struct rte_mbuf *m, const struct sl_esp_in *in, uint32_t *dst)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);
	uint32_t total, header_len;

	if (unlikely(ipv4_check(ip, m->data_len, &total, &header_len) != PASS))
		return SL_DROP_BAD_INNER;
	*dst = rte_be_to_cpu_32(ip->dst_addr);
	if (unlikely(!sl_esp_in_covers(in, rte_be_to_cpu_32(ip->src_addr), *dst)))
		return SL_DROP_SELECTOR;
	/* What lies behind the packet is traffic-flow padding (RFC 4303 2.7). */
	m->data_len = (uint16_t)total;
	m->pkt_len = total;
	return PASS;
}

/* Gives the opened packet its Ethernet header, or to the control thread. */
static void deliver(struct sl_dataplane *dp, struct rte_mbuf *m, uint32_t dst, struct sl_burst *burst)
{
	struct rte_ether_hdr *eth;
	int32_t at;

	if (unlikely(dst == dp->plain.ip)) {
		hand_over(dp, burst, m, SL_HANDED_INNER);
		return;
	}
	at = rte_hash_lookup(dp->neighbour_index, &dst);
	if (unlikely(at < 0)) {
		hand_over(dp, burst, m, SL_HANDED_RESOLVE);
		return;
	}
	eth = (void *)rte_pktmbuf_prepend(m, sizeof(*eth)); /* room: the outer headers were there */
	eth->dst_addr = dp->neighbours[at];
	eth->src_addr = dp->plain.mac;
	eth->ether_type = ETHER_IPV4;
	burst->tx[burst->tx_count++] = m;
}

/*
 * The ICV was wrong. With ESN a packet from before the window stands for a number of the next 2^32 (RFC 4303 A2.2), and
 * only the ICV tells. So many packets are hardly ever lost in a row: it was late, not forged.
 */
static int refused(struct sl_esp_in *in, uint64_t seq)
{
	if (in->esn && seq > in->window.top + INT32_MAX) {
		in->late++;
		return SL_DROP_LATE;
	}
	in->bad_icv++;
	return SL_DROP_BAD_ICV;
}

static int open_one(struct rte_mbuf *m, struct sl_esp_in *in, uint64_t seq, uint32_t *dst)
{
	int verdict;

	if (unlikely(!open_sealed(m, in, seq)))
		return refused(in, seq);
	switch (sl_replay_accept(&in->window, seq)) {
	case SL_REPLAY_NEW: break;
	case SL_REPLAY_SEEN: in->replayed++; return SL_DROP_REPLAY;
	case SL_REPLAY_LATE: in->late++; return SL_DROP_LATE;
	}
	verdict = strip_trailer(m);
	if (likely(verdict == PASS))
		verdict = check_inner(m, in, dst);
	if (likely(verdict == PASS)) {
		in->packets++;
		in->bytes += m->data_len;
	}
	return verdict;
}

static void open_staged(struct sl_dataplane *dp, struct staged *s, struct sl_burst *burst)
{
	for (unsigned i = 0; i < s->count && i < KEYS_AHEAD; i++)
		sl_gcm_prefetch(&s->in[i]->key, s->m[i]->data_len);
	for (unsigned i = 0; i < s->count; i++) {
		uint32_t dst;
		int verdict;

		if (i + KEYS_AHEAD < s->count && s->in[i + KEYS_AHEAD] != s->in[i + KEYS_AHEAD - 1])
			sl_gcm_prefetch(&s->in[i + KEYS_AHEAD]->key, s->m[i+KEYS_AHEAD]->data_len);
		verdict = open_one(s->m[i], s->in[i], s->seq[i], &dst);
		if (likely(verdict == PASS))
			deliver(dp, s->m[i], dst, burst);
		else
			sl_drop(dp, s->m[i], (enum sl_drop)verdict);
	}
}

void sl_open_burst(struct sl_dataplane *dp, struct rte_mbuf **frames, unsigned n, struct sl_burst *burst)
{
	struct staged s; /* some kilobytes: only the count needs a value */

	s.count = 0;
	burst_clear(burst);
	prefetch_frames(frames, n);
	stage(dp, frames, n, &s, burst);
	open_staged(dp, &s, burst);
}

void sl_open_handed(struct sl_dataplane *dp, struct rte_mbuf **packets, unsigned n, struct sl_burst *burst)
{
	struct staged s;

	s.count = 0;
	burst_clear(burst);
	prefetch_frames(packets, n);
	stage_handed(dp, packets, n, &s);
	open_staged(dp, &s, burst);
}
