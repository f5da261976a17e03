/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Outbound: frames from the plain port become sealed frames for the wire. A burst is worked off in groups, and a group in
 * passes: check every frame and collect the destinations; look all routes up at once, and find the sessions; write what
 * surrounds each packet; encrypt. Each pass calls near what the next one needs, and what a pass has stored is in the
 * cache, not on its way there, when AES-GCM loads it in words of another size.
 */
#include <string.h>

#include "frame.h"

/* What one call of AES-GCM works on. */
struct job {
	const struct sl_esp_out *out;
	const struct sl_gcm_key *to_call; /* the key, when it is still to be called near */
	uint8_t *inner;
	uint32_t len; /* with padding and trailer; the ICV goes behind */
	uint32_t aad_len;
	struct sl_esp_block nonce, aad;
};

/* Where the packets of a group stand between the passes. */
struct staged {
	unsigned count;
	bool handed;               /* by another worker: not to be passed on */
	struct rte_mbuf *m[GROUP]; /* data starts at the inner IP header and ends with it */
	uint32_t dst[GROUP];
	uint64_t flow[GROUP];
	struct sl_esp_out *out[GROUP];
	unsigned jobs;
	struct job job[GROUP];
};

/* PASS with the destination, and the data of the mbuf cut to the packet; TO_CONTROL; or why not. */
static int check_plain(const struct sl_dataplane *dp, struct rte_mbuf *m, uint32_t *dst)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, sizeof(struct rte_ether_hdr));
	uint32_t total, header_len;
	int verdict = check_frame(m, &dp->plain, &total, &header_len);

	if (unlikely(verdict != PASS))
		return verdict;
	*dst = rte_be_to_cpu_32(ip->dst_addr);
	if (unlikely(*dst == dp->plain.ip))
		return TO_CONTROL;
	if (unlikely(total > dp->inner_mtu))
		return SL_DROP_TOO_BIG;
	/* Off with the Ethernet header, and with what pads a short frame behind the packet. */
	m->data_off += sizeof(struct rte_ether_hdr);
	m->data_len = (uint16_t)total;
	m->pkt_len = total;
	return PASS;
}

static void stage(struct sl_dataplane *dp, struct rte_mbuf **frames, unsigned n, struct staged *s,
	struct sl_burst *burst)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = frames[i];
		int verdict = check_plain(dp, m, &s->dst[s->count]);

		if (likely(verdict == PASS))
			s->m[s->count++] = m;
		else if (verdict == TO_CONTROL)
			hand_over(dp, burst, m, SL_HANDED_PLAIN);
		else
			sl_drop(dp, m, (enum sl_drop)verdict);
	}
}

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
		sl_drop(dp, m, SL_DROP_NO_ROUTE);
		return;
	}
	owner = other_owner(dp, s, flow);
	if (owner != SL_NO_WORKER) {
		pass_on(burst, m, owner);
		return;
	}
	if (!dp->flows[flow].wanted && dp->wanted_count < SL_BURST_MAX) {
		dp->flows[flow].wanted = true;
		dp->wanted_flow[dp->wanted_count++] = (uint16_t)flow;
	}
	sl_drop(dp, m, SL_DROP_NO_SESSION);
}

/* Replaces destinations by sessions; what has none leaves the burst. */
static void find_sessions(struct sl_dataplane *dp, struct staged *s, struct sl_burst *burst)
{
	unsigned kept = 0;

	/* The lookup of rte_fib does not change the table; its prototype has no const. */
	rte_fib_lookup_bulk((struct rte_fib *)(uintptr_t)dp->routes, s->dst, s->flow, (int)s->count);
	for (unsigned i = 0; i < s->count; i++)
		rte_prefetch0(&dp->flows[s->flow[i]]);
	for (unsigned i = 0; i < s->count; i++) {
		struct sl_esp_out *out = s->flow[i] == SL_NO_FLOW ? NULL : dp->flows[s->flow[i]].out;

		if (unlikely(!out)) {
			without_session(dp, s, s->m[i], s->flow[i], burst);
			continue;
		}
		/* Into L2 only: of the misses of L1 the CPU can have too few under way. */
		rte_prefetch1(out);
		rte_prefetch1(&out->template);
		s->m[kept] = s->m[i];
		s->dst[kept] = s->dst[i];
		s->out[kept++] = out;
	}
	s->count = kept;
}

/* RFC 4303 2.4: pad bytes 1, 2, 3, then the length of the padding and the next header; by length of the padding. */
static const uint8_t trailers[4][8] = {
	{0, SL_ESP_NEXT_IPV4},
	{1, 1, SL_ESP_NEXT_IPV4},
	{1, 2, 2, SL_ESP_NEXT_IPV4},
	{1, 2, 3, 3, SL_ESP_NEXT_IPV4},
};

/*
 * PASS with *session as it is, or moved along the chain to the first that covers the packet; TO_WORKER; or why not.
 */
static int check_session(const struct sl_dataplane *dp, const struct staged *s, struct sl_esp_out **session,
	uint32_t src, uint32_t dst, uint32_t len)
{
	struct sl_esp_out *out = *session;

	if (unlikely(!sl_esp_out_covers(out, src, dst))) {
		uint16_t flow = out->peer;

		do
			out = out->next;
		while (out && !sl_esp_out_covers(out, src, dst));
		if (!out)
			return other_owner(dp, s, flow) != SL_NO_WORKER ? TO_WORKER : SL_DROP_SELECTOR;
		*session = out;
	}
	if (unlikely(out->seq >= out->seq_limit || out->bytes + len > out->byte_limit))
		return SL_DROP_LIMIT;
	if (unlikely(!out->resolved))
		return SL_DROP_NO_NEIGHBOUR;
	return PASS;
}

/* Puts the outer headers before the inner packet, with its lengths and the counter filled in. */
static void write_headers(
	struct sl_esp_template *t, const struct sl_esp_out *out, uint32_t ip_len, uint64_t seq)
{
	struct rte_ipv4_hdr *ip = (void *)t->ipv4;
	rte_be16_t udp_len = rte_cpu_to_be_16((uint16_t)(ip_len - sizeof(*ip)));
	uint32_t sum;

	memcpy(t, &out->template, sizeof(*t));
	ip->total_length = rte_cpu_to_be_16((uint16_t)ip_len);
	sum = (uint32_t)out->ipv4_sum + ip->total_length;
	ip->hdr_checksum = (rte_be16_t) ~((sum & 0xffff) + (sum >> 16));
	memcpy(t->udp + 4, &udp_len, sizeof(udp_len));
	t->esp.seq = rte_cpu_to_be_32((uint32_t)seq);
	t->esp.iv = rte_cpu_to_be_64(seq);
}

/* Everything about a packet but the encryption. Its length and the session have been checked. */
static void prepare(struct job *job, struct rte_mbuf *m, struct sl_esp_out *out)
{
	uint8_t *inner = rte_pktmbuf_mtod(m, uint8_t *);
	struct sl_esp_template *t = (void *)(inner - sizeof(*t));
	uint32_t len = m->data_len, pad = -(len + 2) & 3, sealed_len = len + pad + 2;
	uint64_t seq = ++out->seq;

	out->bytes += len;
	write_headers(t, out, SL_ESP_OUTER + sealed_len + SL_GCM_ICV_LEN, seq);
	memcpy(inner + len, trailers[pad], sizeof(trailers[pad]));
	job->inner = inner;
	job->out = out;
	job->len = sealed_len;
	job->nonce = (struct sl_esp_block){out->salt, t->esp.iv};
	job->aad = (struct sl_esp_block){out->spi, t->esp.iv};
	job->aad_len = sizeof(job->aad);
	if (!out->esn) {
		job->aad.counter = (rte_be64_t)t->esp.seq;
		job->aad_len = 8;
	}
	m->data_off -= sizeof(*t) - sizeof(t->unused);
	m->data_len = (uint16_t)(sizeof(*t) - sizeof(t->unused) + sealed_len + SL_GCM_ICV_LEN);
	m->pkt_len = m->data_len;
}

static void prepare_staged(struct sl_dataplane *dp, struct staged *s, struct sl_burst *burst)
{
	const struct sl_gcm_key *last = NULL;

	s->jobs = 0;
	for (unsigned i = 0; i < s->count; i++) {
		struct rte_mbuf *m = s->m[i];
		struct sl_esp_out *out = s->out[i];
		struct job *job = &s->job[s->jobs];
		const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);
		int verdict =
			check_session(dp, s, &out, rte_be_to_cpu_32(ip->src_addr), s->dst[i], m->data_len);

		if (unlikely(verdict != PASS)) {
			if (verdict == TO_WORKER)
				pass_on(burst, m, dp->flows[out->peer].owner);
			else
				sl_drop(dp, m, (enum sl_drop)verdict);
			continue;
		}
		if (unlikely(rte_pktmbuf_headroom(m) < SL_ESP_HEADROOM ||
			     rte_pktmbuf_tailroom(m) < SL_ESP_TAILROOM)) {
			sl_drop(dp, m, SL_DROP_TOO_BIG);
			continue;
		}
		job->to_call = &out->key == last ? NULL : &out->key;
		last = &out->key;
		if (job->to_call && key_at_once(s->jobs, m->data_len)) {
			sl_gcm_prefetch(last, m->data_len);
			job->to_call = NULL;
		}
		prepare(job, m, out);
		s->jobs++;
		burst->tx[burst->tx_count++] = m;
	}
}

static void encrypt_staged(struct staged *s)
{
	for (unsigned i = 0; i < s->jobs; i++) {
		const struct job *j = &s->job[i];

		if (i + KEYS_AHEAD < s->jobs && j[KEYS_AHEAD].to_call)
			sl_gcm_prefetch(j[KEYS_AHEAD].to_call, j[KEYS_AHEAD].len);
		sl_gcm_seal(&j->out->key, j->out->cipher, j->inner, j->len, (const uint8_t *)&j->nonce,
			&j->aad, j->aad_len, j->inner + j->len);
	}
}

static void seal_staged(struct sl_dataplane *dp, struct staged *s, struct sl_burst *burst)
{
	find_sessions(dp, s, burst);
	prepare_staged(dp, s, burst);
	encrypt_staged(s);
}

/* Packets from another worker, which has checked the frames around them. */
static void stage_handed(struct rte_mbuf **packets, unsigned n, struct staged *s)
{
	for (unsigned i = 0; i < n; i++) {
		const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packets[i], const struct rte_ipv4_hdr *);

		s->m[i] = packets[i];
		s->dst[i] = rte_be_to_cpu_32(ip->dst_addr);
	}
	s->count = n;
}

void sl_seal_burst(struct sl_dataplane *dp, struct rte_mbuf **frames, unsigned n, struct sl_burst *burst)
{
	struct staged s; /* some kilobytes: only counts and flag need a value */

	s.handed = false;
	burst_clear(burst);
	for (unsigned i = 0; i < n; i += GROUP) {
		unsigned group = RTE_MIN(n - i, (unsigned)GROUP);

		s.count = 0;
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

		prefetch_frames(packets + i, group);
		stage_handed(packets + i, group, &s);
		seal_staged(dp, &s, burst);
	}
}
