/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inbound: sealed frames from the wire become frames for the plain port. A burst is worked off in groups, and a group in
 * passes: check the outer headers; find the sessions; tell the sequence numbers; refuse obvious replays and decrypt; look
 * at what was inside. Each pass calls near what the next one needs.
 */
#include <string.h>

#include "inner.h"
#include "wire.h"

/* A packet between the passes: its data starts at the ESP header and ends with the ICV, until it is decrypted. */
struct job {
	struct rte_mbuf *m;
	struct sl_esp_in *in;
	struct key_call call;
	uint64_t seq;
	uint32_t spi;
	uint8_t aad_len;
	uint8_t ecn; /* of the outer header */
	struct sl_esp_block nonce, aad;
	uint8_t icv[SL_GCM_ICV_LEN]; /* the right one */
};

struct staged {
	unsigned count;
	bool handed; /* by another worker: not to be passed on */
	struct job job[GROUP];
};

/* PASS with the data cut to ESP, and the outer ECN; or where else it goes, or why not. */
static int check_wire(const struct sl_dataplane *dp, struct rte_mbuf *m, uint8_t *ecn)
{
	const struct rte_ipv4_hdr *ip;
	uint32_t total, header_len, at = sizeof(struct rte_ether_hdr);
	int verdict = check_frame(m, &dp->wire, &total, &header_len);

	if (unlikely(verdict != PASS))
		return verdict;
	ip = rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, at);
	if (unlikely(!own4(&dp->wire, rte_be_to_cpu_32(ip->dst_addr))))
		return SL_DROP_NOT_FOR_US;
	if (unlikely(ip->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)))
		return SL_DROP_FRAGMENT;
	*ecn = ip->type_of_service & RTE_IPV4_HDR_ECN_MASK;
	if (likely(ip->next_proto_id == IPPROTO_UDP))
		return check_udp(m, at + header_len, at + total);
	if (ip->next_proto_id == IPPROTO_ESP)
		return check_esp(m, at + header_len, at + total);
	return ip->next_proto_id == IPPROTO_ICMP ? TO_CONTROL : SL_DROP_NOT_FOR_US;
}

/* The slot is on its way, nobody can tell yet whether it holds a session of this SPI. */
static inline void add_job(const struct sl_dataplane *dp, struct staged *s, struct rte_mbuf *m, uint8_t ecn)
{
	struct job *j = &s->job[s->count++];

	j->m = m;
	j->ecn = ecn;
	j->spi = rte_be_to_cpu_32(rte_pktmbuf_mtod(m, const struct sl_esp_header *)->spi);
	rte_prefetch1(&dp->in[sl_spi_slot(j->spi)]);
}

static void stage_other(
	struct sl_dataplane *dp, struct rte_mbuf *m, int verdict, struct staged *s, struct sl_burst *burst)
{
	uint8_t ecn;

	if (verdict == OTHER)
		verdict = check_wire_other(dp, m, &ecn);
	if (verdict == PASS)
		add_job(dp, s, m, ecn);
	else if (verdict == TO_CONTROL)
		hand_over(dp, burst, m, SL_HANDED_WIRE);
	else
		sl_drop(dp, m, (enum sl_drop)verdict);
}

static void stage(struct sl_dataplane *dp, struct rte_mbuf **frames, unsigned n, struct staged *s,
	struct sl_burst *burst)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t ecn;
		int verdict = check_wire(dp, frames[i], &ecn);

		if (likely(verdict == PASS))
			add_job(dp, s, frames[i], ecn);
		else
			stage_other(dp, frames[i], verdict, s, burst);
	}
}

/* No session here has this SPI; another worker's may. */
static void unknown_spi(
	struct sl_dataplane *dp, const struct staged *s, const struct job *j, struct sl_burst *burst)
{
	uint32_t worker = sl_spi_worker(j->spi);

	if (!s->handed && worker != dp->id && worker < dp->workers) {
		j->m->hash.usr = j->ecn; /* all that is still to be known of the outer header */
		pass_on(burst, j->m, worker);
	} else {
		sl_drop(dp, j->m, SL_DROP_NO_SPI);
	}
}

/* Job i stays, as number `kept` of those that do. */
static inline void keep(struct staged *s, unsigned i, unsigned kept)
{
	if (unlikely(kept < i))
		s->job[kept] = s->job[i];
}

static void find_sessions(struct sl_dataplane *dp, struct staged *s, struct sl_burst *burst)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < s->count; i++) {
		struct job *j = &s->job[i];
		struct sl_esp_in *in = dp->in[sl_spi_slot(j->spi)];

		if (unlikely(!in)) {
			unknown_spi(dp, s, j, burst);
			continue;
		}
		rte_prefetch1(&in->spi);
		j->in = in;
		keep(s, i, kept++);
	}
	s->count = kept;
}

/* Nonce and AAD, for which the sequence number must be whole. */
static void prepare(struct job *j)
{
	const struct sl_esp_header *esp = rte_pktmbuf_mtod(j->m, const struct sl_esp_header *);
	uint32_t low = rte_be_to_cpu_32(esp->seq);

	j->seq = j->in->esn ? sl_replay_expand(&j->in->window, low) : low;
	j->nonce = (struct sl_esp_block){j->in->salt, esp->iv};
	j->aad = (struct sl_esp_block){esp->spi, rte_cpu_to_be_64(j->seq)};
	j->aad_len = sizeof(j->aad);
	if (!j->in->esn) {
		j->aad.counter = (rte_be64_t)esp->seq;
		j->aad_len = 8;
	}
}

static void prepare_staged(struct sl_dataplane *dp, struct staged *s, struct sl_burst *burst)
{
	const struct sl_gcm_key *last = NULL;
	unsigned kept = 0;

	for (unsigned i = 0; i < s->count; i++) {
		struct job *j = &s->job[i];

		if (unlikely(j->in->spi != j->spi)) {
			unknown_spi(dp, s, j, burst);
			continue;
		}
		prepare(j);
		j->call = (struct key_call){
			&j->in->key == last ? NULL : &j->in->key, j->in->cipher, j->m->data_len};
		last = &j->in->key;
		if (key_at_once(kept, j->m->data_len))
			call_key(&j->call);
		keep(s, i, kept++);
	}
	s->count = kept;
}

/* The ICV that the packet must have. In place: then data is the inner packet with its trailer, and the ICV behind. */
static void decrypt(struct job *j)
{
	struct rte_mbuf *m = j->m;
	uint8_t *sealed = rte_pktmbuf_mtod_offset(m, uint8_t *, sizeof(struct sl_esp_header));
	uint32_t len = m->data_len - sizeof(struct sl_esp_header) - SL_GCM_ICV_LEN;

	sl_gcm_open(&j->in->key, j->in->cipher, sealed, len, (const uint8_t *)&j->nonce, &j->aad, j->aad_len,
		j->icv);
	m->data_off += sizeof(struct sl_esp_header);
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
}

static int replayed(struct sl_esp_in *in, enum sl_replay verdict)
{
	switch (verdict) {
	case SL_REPLAY_NEW: return PASS;
	case SL_REPLAY_SEEN: sl_count(&in->replayed, 1); return SL_DROP_REPLAY;
	case SL_REPLAY_LATE: sl_count(&in->late, 1); return SL_DROP_LATE;
	}
	__builtin_unreachable();
}

/*
 * With ESN a packet from before the window looks like one of the next 2^32 (RFC 4303 A2.2), which only its ICV can tell. So
 * many packets are hardly ever lost in a row, but the same old one is sent again as often as somebody likes, at the price of
 * a decryption each. A few are tried, so that an SA that did lose so many goes on.
 */
static inline bool is_far(const struct job *j)
{
	return (int64_t)(j->seq - j->in->window.top) > INT32_MAX;
}

static int try_far(struct sl_dataplane *dp, struct sl_esp_in *in)
{
	if (dp->far_left > 0) {
		dp->far_left--;
		return PASS;
	}
	sl_count(&in->late, 1);
	return SL_DROP_LATE;
}

/* Whether the packet is worth the decryption; or why not. */
static inline int check_seq(struct sl_dataplane *dp, const struct job *j)
{
	/* Nearly every packet is a next one, and new: one compare. */
	if (likely(j->seq - j->in->window.top - 1 < INT32_MAX))
		return PASS;
	if (is_far(j) && j->in->esn)
		return try_far(dp, j->in);
	return replayed(j->in, sl_replay_check(&j->in->window, j->seq));
}

static void decrypt_staged(struct sl_dataplane *dp, struct staged *s)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < s->count; i++) {
		struct job *j = &s->job[i];
		int verdict;

		if (i + KEYS_FAR < s->count && !key_at_once(i + KEYS_FAR, j[KEYS_FAR].call.len))
			call_key(&j[KEYS_FAR].call);
		if (i + KEYS_NEAR < s->count)
			call_key(&j[KEYS_NEAR].call);
		verdict = check_seq(dp, j);
		if (unlikely(verdict != PASS)) {
			sl_drop(dp, j->m, (enum sl_drop)verdict);
			continue;
		}
		decrypt(j);
		keep(s, i, kept++);
	}
	s->count = kept;
}

/* Takes trailer and padding off (RFC 4303 2.4-2.6), and tells what was sealed. */
static int strip_trailer(struct rte_mbuf *m, bool *v6)
{
	const struct sl_esp_trailer *trailer =
		rte_pktmbuf_mtod_offset(m, const struct sl_esp_trailer *, m->data_len - sizeof(*trailer));
	uint32_t behind = sizeof(*trailer) + trailer->pad_len;

	*v6 = trailer->next_header == SL_ESP_NEXT_IPV6;
	if (unlikely(trailer->next_header != SL_ESP_NEXT_IPV4 && !*v6))
		return trailer->next_header == SL_ESP_NEXT_NONE ? SL_DROP_DUMMY : SL_DROP_BAD_INNER;
	if (unlikely(behind > m->data_len))
		return SL_DROP_BAD_INNER;
	m->data_len -= (uint16_t)behind;
	m->pkt_len = m->data_len;
	return PASS;
}

/* The headers for the packet's next hop on the plain link, or NULL when its MAC is unknown. */
static inline const uint8_t *find_neighbour(struct sl_dataplane *dp, const struct rte_mbuf *m)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);

	return likely(version_of(ip) == 4) ? sl_neighbour(dp, rte_be_to_cpu_32(ip->dst_addr))
					   : neighbour6(dp, m);
}

/* Gives the opened packet its Ethernet header, or to the control thread. */
static inline void deliver(struct sl_dataplane *dp, struct rte_mbuf *m, struct sl_burst *burst)
{
	const uint8_t *header = find_neighbour(dp, m);

	if (unlikely(!header)) {
		hand_over(dp, burst, m, SL_HANDED_RESOLVE);
		return;
	}
	/* Room: the outer headers were there. */
	memcpy(rte_pktmbuf_mtod(m, uint8_t *) - SL_L2_MAX, header, SL_L2_MAX);
	rte_pktmbuf_prepend(m, dp->plain.vlan ? SL_L2_MAX : (uint16_t)sizeof(struct rte_ether_hdr));
	burst->tx[burst->tx_count++] = m;
}

/* The ICV was wrong. What is far was late, not forged. */
static int refused(const struct job *j)
{
	struct sl_esp_in *in = j->in;

	if (in->esn && is_far(j)) {
		sl_count(&in->late, 1);
		return SL_DROP_LATE;
	}
	sl_count(&in->bad_icv, 1);
	return SL_DROP_BAD_ICV;
}

/* The packet is the peer's, comes for the first time, and what was sealed may come out here; or why not. */
static int admit(const struct sl_dataplane *dp, const struct job *j)
{
	struct rte_mbuf *m = j->m;
	struct sl_esp_in *in = j->in;
	bool v6;
	int verdict;

	if (unlikely(!sl_icv_equal(j->icv, rte_pktmbuf_mtod_offset(m, const uint8_t *, m->data_len))))
		return refused(j);
	verdict = replayed(in, sl_replay_accept(&in->window, j->seq));
	if (unlikely(verdict != PASS))
		return verdict;
	verdict = strip_trailer(m, &v6);
	if (likely(verdict == PASS))
		verdict = likely(!v6) ? check_inner4(dp, in, m, j->ecn) : check_inner6(dp, in, m, j->ecn);
	if (likely(verdict < 0)) {
		sl_count(&in->packets, 1);
		sl_count(&in->bytes, m->data_len);
	} else {
		sl_count(&in->discarded, 1);
	}
	return verdict;
}

/* The packet is no larger than the MTU, if there is one: less one, none is the largest number there is. */
static inline bool fits(const struct sl_link *link, uint16_t len)
{
	return (uint16_t)(len - 1) <= (uint16_t)(link->mtu - 1);
}

static void not_delivered(struct sl_dataplane *dp, struct rte_mbuf *m, int verdict, struct sl_burst *burst)
{
	if (verdict == TO_CONTROL)
		hand_over(dp, burst, m, SL_HANDED_INNER);
	else if (verdict == EXPIRED)
		hand_over_error(dp, burst, m, SL_HANDED_EXPIRED, SL_DROP_EXPIRED);
	else
		sl_drop(dp, m, (enum sl_drop)verdict);
}

static void open_staged(struct sl_dataplane *dp, struct staged *s, struct sl_burst *burst)
{
	find_sessions(dp, s, burst);
	prepare_staged(dp, s, burst);
	decrypt_staged(dp, s);
	for (unsigned i = 0; i < s->count; i++) {
		struct job *j = &s->job[i];
		int verdict = admit(dp, j);

		if (unlikely(verdict != PASS)) {
			not_delivered(dp, j->m, verdict, burst);
			continue;
		}
		if (dp->clamp_mss)
			sl_mss_clamp(rte_pktmbuf_mtod(j->m, void *), j->m->data_len, j->in->inner_mtu);
		if (likely(fits(&dp->plain, j->m->data_len)))
			deliver(dp, j->m, burst);
		else
			too_large(dp, j->m, dp->plain.mtu, burst);
	}
}

void sl_open_burst(struct sl_dataplane *dp, struct rte_mbuf **frames, unsigned n, struct sl_burst *burst)
{
	struct staged s; /* some kilobytes: only count and flag need a value */

	s.handed = false;
	burst_clear(burst);
	for (unsigned i = 0; i < n; i += GROUP) {
		unsigned group = RTE_MIN(n - i, (unsigned)GROUP);

		s.count = 0;
		prefetch_frames(frames + i, group);
		stage(dp, frames + i, group, &s, burst);
		open_staged(dp, &s, burst);
	}
}

/* ESP packets from another worker, which has checked what was around them. */
void sl_open_handed(struct sl_dataplane *dp, struct rte_mbuf **packets, unsigned n, struct sl_burst *burst)
{
	struct staged s;

	s.handed = true;
	burst_clear(burst);
	for (unsigned i = 0; i < n; i += GROUP) {
		unsigned group = RTE_MIN(n - i, (unsigned)GROUP);

		s.count = 0;
		prefetch_frames(packets + i, group);
		for (unsigned k = 0; k < group; k++)
			add_job(dp, &s, packets[i + k], (uint8_t)packets[i + k]->hash.usr);
		open_staged(dp, &s, burst);
	}
}

void sl_open_cut(struct sl_dataplane *dp, struct rte_mbuf *m, struct sl_burst *burst)
{
	struct rte_mbuf *parts[GROUP];
	unsigned n = cut_up(dp, m, parts);

	burst_clear(burst);
	for (unsigned i = 0; i < n; i++)
		deliver(dp, parts[i], burst);
}
