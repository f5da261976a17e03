/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Outbound: frames from the plain port become sealed frames for the wire. A burst is worked off in groups, and a group in
 * passes: check every frame and collect the destinations; look all routes up at once, and find the sessions; write what
 * surrounds each packet; encrypt. Each pass calls near what the next one needs, and what a pass has stored is in the
 * cache, not on its way there, when AES-GCM loads it in words of another size.
 */
#include <string.h>

#include "../net/mss.h"
#include "frame.h"
#include "outer.h"

/* What one call of AES-GCM works on. */
struct job {
	const struct sl_esp_out *out;
	struct key_call call;
	uint8_t *inner;
	uint32_t len; /* with padding and trailer; the ICV goes behind */
	uint32_t aad_len;
	struct sl_esp_block nonce, aad;
};

/* Where the packets of a group stand between the passes. */
struct staged {
	unsigned count,
		count6; /* of IPv4, and of IPv6: when all have a session, these come behind those in m[] and out[] */
	bool handed;               /* by another worker: not to be passed on */
	struct rte_mbuf *m[GROUP]; /* data starts at the inner IP header and ends with it */
	uint32_t dst[GROUP];
	uint64_t flow[GROUP];
	struct sl_esp_out *out[GROUP];
	struct rte_mbuf *m6[GROUP]; /* those of IPv6, until all have a session */
	unsigned jobs;
	struct job job[GROUP];
};

/* PASS with the destination, and the data of the mbuf cut to the packet; or what check_plain_other() says. */
static int check_plain(const struct sl_dataplane *dp, struct rte_mbuf *m, uint32_t *dst)
{
	const struct rte_ipv4_hdr *ip;
	uint32_t total, header_len;
	int verdict = check_frame(m, &dp->plain, &total, &header_len);

	if (unlikely(verdict != PASS))
		return verdict;
	ip = rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, sizeof(struct rte_ether_hdr));
	*dst = rte_be_to_cpu_32(ip->dst_addr);
	if (unlikely(martian_pair4(ip)))
		return SL_DROP_MARTIAN;
	if (unlikely(own4(&dp->plain, *dst)))
		return TO_CONTROL;
	/* Off with the Ethernet header, and with what pads a short frame behind the packet. */
	cut_to(m, sizeof(struct rte_ether_hdr), total);
	return likely(ip->time_to_live > 1) ? PASS : EXPIRED;
}

static void stage_other(
	struct sl_dataplane *dp, struct rte_mbuf *m, int verdict, struct staged *s, struct sl_burst *burst)
{
	if (verdict == OTHER)
		verdict = check_plain_other(dp, m);
	if (verdict == PASS6)
		s->m6[s->count6++] = m;
	else if (verdict == TO_CONTROL)
		hand_over(dp, burst, m, SL_HANDED_PLAIN);
	else if (verdict == EXPIRED)
		hand_over_error(dp, burst, m, SL_HANDED_EXPIRED, SL_DROP_EXPIRED);
	else
		sl_drop(dp, m, (enum sl_drop)verdict);
}

static void stage(struct sl_dataplane *dp, struct rte_mbuf **frames, unsigned n, struct staged *s,
	struct sl_burst *burst)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = frames[i];
		int verdict = check_plain(dp, m, &s->dst[s->count]);

		if (likely(verdict == PASS))
			s->m[s->count++] = m;
		else
			stage_other(dp, m, verdict, s, burst);
	}
}

/* ---- Sessions ----------------------------------------------------------------------------------------------------------- */

/* The worker that takes the packets of this flow which this one cannot seal; SL_NO_WORKER when there is none. */
static uint8_t other_owner(const struct sl_dataplane *dp, const struct staged *s, uint64_t flow)
{
	uint8_t owner = dp->flows[flow].owner;

	return s->handed || owner == dp->id ? SL_NO_WORKER : owner;
}

/*
 * No SA here: the packet goes to the worker that has one. When none has, it is dropped, and the control thread will hear of
 * it, once a burst and flow.
 */
static void without_session(struct sl_dataplane *dp, const struct staged *s, struct rte_mbuf *m,
	uint64_t flow, struct sl_burst *burst)
{
	uint8_t owner;

	if (flow == SL_NO_FLOW) {
		hand_over_error(dp, burst, m, SL_HANDED_NO_ROUTE, SL_DROP_NO_ROUTE);
		return;
	}
	owner = other_owner(dp, s, flow);
	if (owner != SL_NO_WORKER) {
		pass_on(burst, m, owner);
		return;
	}
	if (dp->flows[flow].closed) {
		sl_drop(dp, m, SL_DROP_CLOSED);
		return;
	}
	if (!dp->flows[flow].wanted && dp->wanted_count < SL_BURST_MAX) {
		dp->flows[flow].wanted = true;
		dp->wanted_flow[dp->wanted_count++] = (uint16_t)flow;
	}
	sl_drop(dp, m, SL_DROP_NO_SESSION);
}

/* Packets m[0] to m[n - 1], which may be those of `s` itself, get the sessions of s->flow[], behind the `kept` of before. */
static inline unsigned take_sessions(struct sl_dataplane *dp, struct staged *s, struct rte_mbuf **m,
	unsigned n, unsigned kept, struct sl_burst *burst)
{
	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(&dp->flows[s->flow[i]]);
	for (unsigned i = 0; i < n; i++) {
		struct sl_esp_out *out = s->flow[i] == SL_NO_FLOW ? NULL : dp->flows[s->flow[i]].out;

		if (unlikely(!out)) {
			without_session(dp, s, m[i], s->flow[i], burst);
			continue;
		}
		/* Into L2 only: of the misses of L1 the CPU can have too few under way. */
		rte_prefetch1(out);
		rte_prefetch1(&out->template.esp);
		s->m[kept] = m[i];
		s->out[kept++] = out;
	}
	return kept;
}

static __rte_noinline unsigned find_sessions6(
	struct sl_dataplane *dp, struct staged *s, unsigned kept, struct sl_burst *burst)
{
	struct sl_ip6 dst[GROUP];

	for (unsigned i = 0; i < s->count6; i++)
		dst[i] = load_ip6(&rte_pktmbuf_mtod(s->m6[i], const struct rte_ipv6_hdr *)->dst_addr);
	sl_routes_find6(dp->routes, dst, s->flow, s->count6);
	return take_sessions(dp, s, s->m6, s->count6, kept, burst);
}

/* Every packet gets a session; what has none leaves the burst. */
static void find_sessions(struct sl_dataplane *dp, struct staged *s, struct sl_burst *burst)
{
	sl_routes_find4(dp->routes, s->dst, s->flow, s->count);
	s->count = take_sessions(dp, s, s->m, s->count, 0, burst);
	if (unlikely(s->count6))
		s->count6 = find_sessions6(dp, s, s->count, burst) - s->count;
}

/* The first selectors of the session are of IPv4 and whatever it carries, and cover the packet. */
static inline bool covers_plainly(const struct sl_esp_out *out, const struct rte_ipv4_hdr *ip)
{
	return sl_esp_out_covers_plainly(out, rte_be_to_cpu_32(ip->src_addr), rte_be_to_cpu_32(ip->dst_addr));
}

/* The first session of the chain that covers the packet, or why there is none. */
static __rte_noinline int choose_session(const struct sl_dataplane *dp, const struct staged *s,
	struct sl_esp_out **session, const struct rte_mbuf *m)
{
	struct sl_esp_out *out = *session;
	const uint16_t flow = out->peer;
	struct sl_esp_packet packet;

	if (!sl_esp_packet_read(&packet, rte_pktmbuf_mtod(m, const void *), m->data_len))
		return SL_DROP_RUNT;
	if (dp->flows[flow].apart && other_owner(dp, s, flow) != SL_NO_WORKER &&
		sl_esp_apart_covers(dp->flows[flow].apart, &packet))
		return TO_WORKER;
	while (out && !sl_esp_out_covers(out, &packet))
		out = out->next;
	if (!out)
		return other_owner(dp, s, flow) != SL_NO_WORKER ? TO_WORKER : SL_DROP_SELECTOR;
	*session = out;
	return PASS;
}

/* PASS with *session as it is, or moved along the chain to the first that covers the packet; or where else it goes. */
static inline int check_session(const struct sl_dataplane *dp, const struct staged *s,
	struct sl_esp_out **session, const struct rte_mbuf *m, const bool v6)
{
	struct sl_esp_out *out = *session;
	uint32_t len = m->data_len;

	if (v6 || unlikely(!covers_plainly(out, rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *)))) {
		int verdict = choose_session(dp, s, session, m);

		if (verdict != PASS)
			return verdict;
		out = *session;
	}
	if (unlikely(len > out->inner_mtu))
		return TOO_LARGE;
	if (unlikely(out->seq >= out->seq_limit || out->bytes + len > out->byte_limit))
		return SL_DROP_LIMIT;
	if (unlikely(!out->resolved))
		return SL_DROP_NO_NEIGHBOUR;
	return PASS;
}

static void not_sealed(struct sl_dataplane *dp, struct rte_mbuf *m, const struct sl_esp_out *out, int verdict,
	struct sl_burst *burst)
{
	if (verdict == TO_WORKER)
		pass_on(burst, m, dp->flows[out->peer].owner);
	else if (verdict == TOO_LARGE)
		too_large(dp, m, out->inner_mtu, burst);
	else
		sl_drop(dp, m, (enum sl_drop)verdict);
}

/* ---- What surrounds a packet ---------------------------------------------------------------------------------------------- */

/* Everything about a packet but the encryption. Its length and the session have been checked. */
static inline void prepare(struct job *job, struct rte_mbuf *m, struct sl_esp_out *out, const bool v6)
{
	uint8_t *inner = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t len = m->data_len, pad = -(len + 2) & 3, sealed_len = len + pad + 2;
	struct sl_esp_header *esp = (void *)(inner - sizeof(*esp));
	const rte_be64_t seq = rte_cpu_to_be_64(sl_count(&out->seq, 1));

	sl_count(&out->bytes, len);
	write_headers(inner, out, forward(inner, v6), sealed_len + SL_GCM_ICV_LEN);
	esp->seq = rte_cpu_to_be_32((uint32_t)out->seq);
	esp->iv = seq;
	memcpy(inner + len, trailers[v6][pad], sizeof(trailers[v6][pad]));
	job->inner = inner;
	job->out = out;
	job->len = sealed_len;
	job->nonce = (struct sl_esp_block){out->salt, seq};
	job->aad = (struct sl_esp_block){out->template.esp.spi, seq};
	job->aad_len = sizeof(job->aad);
	if (!out->esn) {
		job->aad.counter = (rte_be64_t)esp->seq;
		job->aad_len = 8;
	}
	m->data_off -= out->header_len;
	m->data_len = (uint16_t)(out->header_len + sealed_len + SL_GCM_ICV_LEN);
	m->pkt_len = m->data_len;
}

/* TCP's first packet says what segments it wants to send. Nearly no IPv4 packet gets further than the first question. */
static inline void clamp_mss(struct rte_mbuf *m, uint16_t inner_mtu, const bool v6)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);

	if (v6 || ip->next_proto_id == IPPROTO_TCP)
		sl_mss_clamp(rte_pktmbuf_mtod(m, void *), m->data_len, inner_mtu);
}

/* Packets from..end - 1, all of one family. */
static __rte_always_inline void prepare_family(struct sl_dataplane *dp, struct staged *s, unsigned from,
	unsigned end, const bool v6, struct sl_burst *burst)
{
	const struct sl_gcm_key *last = NULL;

	for (unsigned i = from; i < end; i++) {
		struct rte_mbuf *m = s->m[i];
		struct sl_esp_out *out = s->out[i];
		struct job *job = &s->job[s->jobs];
		int verdict = check_session(dp, s, &out, m, v6);

		if (unlikely(verdict != PASS)) {
			not_sealed(dp, m, out, verdict, burst);
			continue;
		}
		if (unlikely(rte_pktmbuf_headroom(m) < SL_ESP_HEADROOM ||
			     rte_pktmbuf_tailroom(m) < SL_ESP_TAILROOM)) {
			sl_drop(dp, m, SL_DROP_TOO_BIG);
			continue;
		}
		if (dp->clamp_mss)
			clamp_mss(m, out->inner_mtu, v6);
		job->call = (struct key_call){&out->key == last ? NULL : &out->key, out->cipher, m->data_len};
		last = &out->key;
		if (key_at_once(s->jobs, m->data_len))
			call_key(&job->call);
		prepare(job, m, out, v6);
		s->jobs++;
		burst->tx[burst->tx_count++] = m;
	}
}

static __rte_noinline void prepare_staged6(struct sl_dataplane *dp, struct staged *s, struct sl_burst *burst)
{
	prepare_family(dp, s, s->count, s->count + s->count6, true, burst);
}

static void prepare_staged(struct sl_dataplane *dp, struct staged *s, struct sl_burst *burst)
{
	s->jobs = 0;
	prepare_family(dp, s, 0, s->count, false, burst);
	if (unlikely(s->count6))
		prepare_staged6(dp, s, burst);
}

static void encrypt_staged(struct staged *s)
{
	for (unsigned i = 0; i < s->jobs; i++) {
		const struct job *j = &s->job[i];

		if (i + KEYS_FAR < s->jobs && !key_at_once(i + KEYS_FAR, j[KEYS_FAR].len))
			call_key(&j[KEYS_FAR].call);
		if (i + KEYS_NEAR < s->jobs)
			call_key(&j[KEYS_NEAR].call);
		sl_gcm_seal(&j->out->key, j->out->cipher, j->inner, j->len, (const uint8_t *)&j->nonce,
			&j->aad, j->aad_len, j->inner + j->len);
		if (unlikely(j->out->shape == SL_ESP_IPV6_UDP_SUM))
			write_udp_checksum(j->inner);
	}
}

static void seal_staged(struct sl_dataplane *dp, struct staged *s, struct sl_burst *burst)
{
	find_sessions(dp, s, burst);
	prepare_staged(dp, s, burst);
	encrypt_staged(s);
}

/* ---- Bursts ------------------------------------------------------------------------------------------------------------- */

/* Packets from another worker, which has checked the frames around them. */
static void stage_handed(struct rte_mbuf **packets, unsigned n, struct staged *s)
{
	for (unsigned i = 0; i < n; i++) {
		const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packets[i], const struct rte_ipv4_hdr *);

		if (unlikely(version_of(ip) == 6)) {
			s->m6[s->count6++] = packets[i];
			continue;
		}
		s->m[s->count] = packets[i];
		s->dst[s->count++] = rte_be_to_cpu_32(ip->dst_addr);
	}
}

void sl_seal_burst(struct sl_dataplane *dp, struct rte_mbuf **frames, unsigned n, struct sl_burst *burst)
{
	struct staged s; /* some kilobytes: only counts and flag need a value */

	s.handed = false;
	burst_clear(burst);
	for (unsigned i = 0; i < n; i += GROUP) {
		unsigned group = RTE_MIN(n - i, (unsigned)GROUP);

		s.count = s.count6 = 0;
		prefetch_frames(frames + i, group);
		stage(dp, frames + i, group, &s, burst);
		seal_staged(dp, &s, burst);
	}
}

void sl_seal_handed(struct sl_dataplane *dp, struct rte_mbuf **packets, unsigned n, struct sl_burst *burst)
{
	struct staged s;

	s.handed = true;
	burst_clear(burst);
	for (unsigned i = 0; i < n; i += GROUP) {
		unsigned group = RTE_MIN(n - i, (unsigned)GROUP);

		s.count = s.count6 = 0;
		prefetch_frames(packets + i, group);
		stage_handed(packets + i, group, &s);
		seal_staged(dp, &s, burst);
	}
}

/* Fragments of one packet, whose session was found here. */
void sl_seal_cut(struct sl_dataplane *dp, struct rte_mbuf *m, struct sl_burst *burst)
{
	struct rte_mbuf *parts[GROUP];
	unsigned n = cut_up(dp, m, parts);

	burst_clear(burst);
	if (n > 0)
		sl_seal_handed(dp, parts, n, burst);
}
