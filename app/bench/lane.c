/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rounds of a lane. All of it runs in the worker's own thread, as a receive callback of its port: when the worker asks
 * for packets and the batch is used up, the worker has done with it, and the next round is prepared before it gets any
 * more. Nothing is added to the worker's loop.
 */
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "bench.h"

enum {
	PROBES = 8,
	PROBE_LEN = 1024,
	UDP_PORT = 9, /* discard */
	INNER_AT = RTE_PKTMBUF_HEADROOM +
		   sizeof(struct rte_ether_hdr) /* where an inner packet lies, sealed or not */
};

/* ---- Packets ------------------------------------------------------------------------------------------------------- */

struct frame {
	struct rte_ether_hdr eth;
	struct rte_ipv4_hdr ip;
	struct rte_udp_hdr udp;
	rte_be64_t number;
} __attribute__((packed, aligned(2)));

_Static_assert(
	sizeof(struct frame) - sizeof(struct rte_ether_hdr) <= BENCH_SIZE_MIN, "fits the shortest packet");

void bench_frame(const struct bench *b, struct rte_mbuf *m, uint32_t remote, uint64_t number)
{
	const struct bench_options *o = &b->options;
	struct frame *f;

	m->data_off = RTE_PKTMBUF_HEADROOM;
	m->data_len = (uint16_t)(sizeof(f->eth) + o->size);
	m->pkt_len = m->data_len;
	f = rte_pktmbuf_mtod(m, struct frame *);
	*f = (struct frame){
		.eth = {.dst_addr = b->plain.mac, .ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)},
		.ip = {.version_ihl = RTE_IPV4_VHL_DEF,
			.total_length = rte_cpu_to_be_16((uint16_t)o->size),
			.time_to_live = 64,
			.next_proto_id = IPPROTO_UDP,
			.src_addr = rte_cpu_to_be_32(o->open ? remote : BENCH_HOST),
			.dst_addr = rte_cpu_to_be_32(o->open ? BENCH_HOST : remote)},
		.udp = {.dst_port = rte_cpu_to_be_16(UDP_PORT),
			.dgram_len = rte_cpu_to_be_16((uint16_t)(o->size - sizeof(f->ip)))},
		.number = rte_cpu_to_be_64(number),
	};
	f->ip.hdr_checksum = rte_ipv4_cksum(&f->ip);
}

/* The far end seals it: a frame as it comes from the wire. */
static void seal_far(struct lane *lane, struct rte_mbuf *m, const struct bench_session *session)
{
	sl_out_switch(&lane->far, BENCH_FAR_FLOW, session->out, lane->far_out);
	lane->far_out = session->out;
	sl_seal_burst(&lane->far, &m, 1, &lane->far_burst);
	if (lane->far_burst.tx_count != 1)
		abort();
}

static unsigned next_session(const struct lane *lane, unsigned session)
{
	return session + 1 < lane->bench->options.sessions ? session + 1 : 0;
}

/* The batch as it is received. */
static void prepare(struct lane *lane)
{
	for (unsigned i = 0; i < lane->batch_size; i++) {
		const struct bench_session *session = &lane->sessions[lane->session];

		bench_frame(lane->bench, lane->batch[i], session->remote, ++lane->numbers);
		if (lane->bench->options.open)
			seal_far(lane, lane->batch[i], session);
		lane->session = next_session(lane, lane->session);
	}
}

/* ---- The loops beside ours ------------------------------------------------------------------------------------------- */

/*
 * What AES-GCM alone takes: the payloads of the batch under the keys of as many sessions, not of those whose turn is
 * next, so that the worker finds no key in the cache because it was used here. Another salt than the sessions' keeps the
 * nonces apart from theirs.
 */
static __rte_always_inline void crypt_batch(
	struct lane *lane, typeof(((struct sl_gcm_ops *)NULL)->seal) crypt)
{
	const struct bench_options *o = &lane->bench->options;
	uint64_t len = bench_sealed_len(o->size);
	unsigned session = (lane->session + o->sessions / 2) % o->sessions;
	struct gcm_context_data ctx;

	for (unsigned i = 0; i < lane->batch_size; i++) {
		uint8_t *data = (uint8_t *)lane->batch[i]->buf_addr + INNER_AT;
		/* Stored as AES-GCM loads it: the store need not reach the cache first. */
		const uint64_t nonce[2] = {++lane->counter, UINT32_MAX};

		crypt(&lane->sessions[session].key->data, &ctx, data, data, len, (const uint8_t *)nonce,
			(const uint8_t *)nonce, SL_GCM_NONCE_LEN, data + len, SL_GCM_ICV_LEN);
		session = next_session(lane, session);
	}
}

static uint64_t bare(struct lane *lane)
{
	const struct sl_gcm_ops *ops = &sl_gcm_ops[lane->bench->options.cipher];
	uint64_t start = rte_rdtsc_precise();

	crypt_batch(lane, lane->bench->options.open ? ops->open : ops->seal);
	return rte_rdtsc_precise() - start;
}

/* Always the same work: how fast the machine is at the moment. */
static uint64_t probe(void)
{
	static const uint8_t raw[SL_GCM_KEY_MAX], nonce[SL_GCM_NONCE_LEN];
	uint8_t data[PROBE_LEN + SL_GCM_ICV_LEN];
	struct sl_gcm_key key;
	uint64_t start;

	memset(data, 0, sizeof(data));
	sl_gcm_expand(&key, SL_AES128GCM16, raw);
	start = rte_rdtsc_precise();
	for (unsigned i = 0; i < PROBES; i++)
		sl_gcm_seal(
			&key, SL_AES128GCM16, data, PROBE_LEN, nonce, nonce, sizeof(nonce), data + PROBE_LEN);
	return rte_rdtsc_precise() - start;
}

/* ---- Rounds ---------------------------------------------------------------------------------------------------------- */

/* Waits for the other lanes. All of them hear the same: whether there is another round. */
static bool meet(struct bench *b)
{
	unsigned meeting = atomic_load(&b->meeting);

	if (atomic_fetch_add(&b->arrived, 1) + 1 == b->options.workers) {
		b->over = atomic_load(&b->stop);
		atomic_store(&b->arrived, 0);
		atomic_store(&b->meeting, meeting + 1);
	} else {
		while (atomic_load(&b->meeting) == meeting)
			rte_pause();
	}
	return !b->over;
}

static void record(struct lane *lane, uint64_t probe_after)
{
	unsigned n = atomic_load_explicit(&lane->round_count, memory_order_relaxed);

	if (n == BENCH_ROUNDS || lane->capturing)
		return;
	lane->now.probe = RTE_MAX(lane->now.probe, probe_after);
	lane->rounds[n] = lane->now;
	atomic_store_explicit(&lane->round_count, n + 1, memory_order_release);
}

/* The sent packets are in the pool again, some of them in this lcore's cache of it. */
static void fetch_batch(struct lane *lane)
{
	rte_mempool_cache_flush(rte_mempool_default_cache(lane->pool, rte_lcore_id()), lane->pool);
	if (rte_mempool_generic_get(lane->pool, (void **)lane->batch, lane->batch_size, NULL) != 0)
		abort(); /* one has got lost */
}

/* True when there is another round, whose clock is running then. */
static bool next_round(struct lane *lane, bool recycle)
{
	const struct bench *b = lane->bench;
	uint64_t end = rte_rdtsc_precise(), before = probe();

	lane->now.gateway = end - lane->started;
	if (lane->started)
		record(lane, before);
	if (lane->capturing) {
		atomic_store(&lane->finished, true);
		return false;
	}
	if (recycle)
		fetch_batch(lane);
	/* What bare() finds in the caches is what the worker will find there. */
	if (recycle)
		prepare(lane);
	lane->now.bare = bare(lane);
	if (recycle)
		prepare(lane);
	lane->now.probe = RTE_MAX(before, probe());
	lane->now.packets = 0;
	lane->at = 0;
	/* After the last timed round there is one more to be looked at. */
	if (!meet(lane->bench)) {
		lane->capturing = b->options.capture && recycle;
		if (!lane->capturing) {
			if (recycle)
				rte_mempool_generic_put(
					lane->pool, (void **)lane->batch, lane->batch_size, NULL);
			atomic_store(&lane->finished, true);
			return false;
		}
	}
	lane->started = rte_rdtsc_precise();
	return true;
}

/* The source `recycle`: the port itself has nothing. */
static uint16_t hand_out(
	uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t received, uint16_t max, void *arg)
{
	struct lane *lane = arg;
	unsigned n;

	(void)port;
	(void)queue;
	(void)received;
	if (lane->at == lane->batch_size) {
		if (atomic_load_explicit(&lane->finished, memory_order_relaxed) || !next_round(lane, true))
			return 0;
	}
	n = RTE_MIN(max, lane->batch_size - lane->at);
	memcpy(frames, lane->batch + lane->at, n * sizeof(*frames));
	lane->at += n;
	lane->now.packets += n;
	return (uint16_t)n;
}

/* The source `pcap`: counts what the port has copied. */
static uint16_t count(
	uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t received, uint16_t max, void *arg)
{
	struct lane *lane = arg;

	(void)port;
	(void)queue;
	(void)max;
	if (atomic_load_explicit(&lane->finished, memory_order_relaxed)) {
		rte_pktmbuf_free_bulk(frames, received);
		return 0;
	}
	/* Before the first round nothing has been counted, and no batch is due. */
	if (lane->at >= lane->batch_size && !next_round(lane, false)) {
		rte_pktmbuf_free_bulk(frames, received);
		return 0;
	}
	lane->at += received;
	lane->now.packets += received;
	return received;
}

int lane_init(struct lane *lane)
{
	struct bench *b = lane->bench;
	const struct port *port = b->options.open ? &b->wire : &b->plain;

	lane->batch_size = bench_batch(&b->options);
	lane->at = lane->batch_size;
	lane->rounds = calloc(BENCH_ROUNDS, sizeof(*lane->rounds));
	if (!lane->rounds)
		return -1;
	if (b->options.open) {
		if (sl_dataplane_init(&lane->far, SL_WORKERS_MAX + lane->worker->id) != 0)
			return -1;
		lane->far.plain =
			(struct sl_link){.mac = b->plain.mac, .count4 = 1, .ip4 = {BENCH_REMOTE - 1}};
		lane->far.routes = b->routes;
	}
	if (b->options.pcap)
		fetch_batch(lane); /* for the bare loop; the port has a pool of its own */
	return rte_eth_add_rx_callback(
		       port->id, (uint16_t)lane->worker->id, b->options.pcap ? count : hand_out, lane)
		       ? 0
		       : -1;
}
