/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of several workers have in common: three of one gateway, which seal as alpha and open as beta, what their loops
 * do with a burst, and the account of every packet.
 */
#ifndef SEALANE_TESTS_WORKERS_TEST_H
#define SEALANE_TESTS_WORKERS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <rte_ring.h>
#include <rte_udp.h>

#include "app/gateway/worker.h"
#include "dataplane_pair.h"
#include "eal.h"

enum { WORKERS = 3, FLOW = BETA_FLOW, SPI = 0x1000, NARROW_SPI = 0x2000, OTHER_HOST = BETA_HOST + 1 };

static struct pair pair;
static struct worker workers[WORKERS]; /* they seal as alpha and open as beta */
static struct sl_esp_out *wide, *narrow;
static struct sl_esp_in *in;
static struct sl_burst burst;
static uint64_t put_in[WORKERS], came_out[WORKERS];

/* ---- The stage ------------------------------------------------------------------------------------------------------- */

static inline int set_up_worker(unsigned id)
{
	const struct sl_addr host = sl_addr_v4(BETA_HOST);
	struct worker *w = &workers[id];

	w->id = id;
	w->all = workers;
	w->spreads = true;
	if (sl_dataplane_init(&w->dp, id))
		return -1;
	w->dp.workers = WORKERS;
	w->dp.plain = pair.alpha.plain;
	w->dp.wire = pair.beta.wire;
	w->dp.routes = pair.routes;
	sl_neighbour_set(&w->dp, &host, &pair_host_mac);
	return handover_init(w);
}

static inline int set_up(void **state)
{
	(void)state;
	if (eal_for_tests(NULL) || sl_crypto_init())
		return -1;
	pair_new(&pair);
	wide = aligned_alloc(64, sizeof(*wide));
	narrow = aligned_alloc(64, sizeof(*narrow));
	in = aligned_alloc(64, sizeof(*in));
	for (unsigned i = 0; i < WORKERS; i++)
		if (set_up_worker(i))
			return -1;
	return wide && narrow && in ? 0 : -1;
}

static inline int tear_down(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORKERS; i++) {
		handover_fini(&workers[i]);
		sl_dataplane_fini(&workers[i].dp);
	}
	pair_free(&pair);
	free(wide);
	free(narrow);
	free(in);
	return 0;
}

static inline struct sl_esp_params params(
	uint32_t spi, const struct sl_ts_list *local, const struct sl_ts_list *remote)
{
	return (struct sl_esp_params){
		.spi_in = spi,
		.spi_out = spi,
		.cipher = SL_AES256GCM16,
		.esn = true,
		.peer = FLOW,
		.wire_local = {sl_addr_v4(ALPHA_WIRE), 4500},
		.wire_remote = {sl_addr_v4(BETA_WIRE), 4500},
		.udp = true,
		.dscp = SL_DSCP_COPY,
		.path_mtu = 1500,
		.local = local,
		.remote = remote,
		.key_in = pair.key,
		.salt_in = pair.salt,
		.key_out = pair.key,
		.salt_out = pair.salt,
		.packet_limit = UINT32_MAX,
		.byte_limit = UINT32_MAX,
	};
}

static inline void make_out(struct sl_esp_out *out, uint32_t spi, const char *local, const char *remote)
{
	struct sl_ts_list a = pair_selector(local), b = pair_selector(remote);
	struct sl_esp_params p = params(spi, &a, &b);

	memset(out, 0, sizeof(*out));
	assert_int_equal(sl_esp_out_init(out, &p), 0);
	sl_esp_out_resolve(out, &pair.alpha.wire.mac, &pair.beta.wire.mac);
}

static inline void make_in(uint32_t spi)
{
	struct sl_ts_list a = pair_selector("10.2.0.0/16"), b = pair_selector("10.1.0.0/16");
	struct sl_esp_params p = params(spi, &a, &b);

	memset(in, 0, sizeof(*in));
	assert_int_equal(sl_esp_in_init(in, &p), 0);
}

static inline int fresh(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORKERS; i++) {
		struct sl_dataplane *dp = &workers[i].dp;

		memset(&dp->counters, 0, sizeof(dp->counters));
		dp->flows[FLOW] = (struct sl_flow){.owner = SL_NO_WORKER};
		dp->wanted_count = 0;
		put_in[i] = came_out[i] = 0;
	}
	make_out(wide, SPI, "10.1.0.0/16", "10.2.0.0/16");
	make_out(narrow, NARROW_SPI, "10.1.0.0/16", "10.2.0.9/32");
	return 0;
}

static inline uint64_t drops_of(const struct sl_counters *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < SL_DROP_COUNT; i++)
		sum += c->drops[i];
	return sum;
}

static inline int nothing_lost(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORKERS; i++) {
		const struct sl_counters *c = &workers[i].dp.counters;

		assert_int_equal(
			put_in[i] + c->handed_in, came_out[i] + c->to_control + c->handed_out + drops_of(c));
	}
	assert_int_equal(rte_mempool_in_use_count(pair.mbufs), 0);
	return 0;
}

/* What a worker's loop does with a burst, but for the ports. */
static inline void run(unsigned id, enum inbox others,
	void (*how)(struct sl_dataplane *, struct rte_mbuf **, unsigned, struct sl_burst *),
	struct rte_mbuf **packets, unsigned n)
{
	how(&workers[id].dp, packets, n, &burst);
	came_out[id] += burst.tx_count;
	hand_over_each(&workers[id], others, burst.away, burst.away_to, burst.away_count);
}

static inline void seal_frames(unsigned id, struct rte_mbuf **frames, unsigned n)
{
	put_in[id] += n;
	run(id, INBOX_SEAL, sl_seal_burst, frames, n);
}

static inline void seal_one(unsigned id, struct rte_mbuf *m)
{
	seal_frames(id, &m, 1);
}

static inline void open_one(unsigned id, struct rte_mbuf *m)
{
	put_in[id]++;
	run(id, INBOX_OPEN, sl_open_burst, &m, 1);
}

static inline unsigned take(unsigned id, enum inbox inbox, struct rte_mbuf **packets)
{
	unsigned n = rte_ring_dequeue_burst(workers[id].inbox[inbox], (void **)packets, SL_BURST_MAX, NULL);

	workers[id].dp.counters.handed_in += n;
	return n;
}

/* Returns how many there were. */
static inline unsigned take_to_seal(unsigned id)
{
	struct rte_mbuf *packets[SL_BURST_MAX];
	unsigned n = take(id, INBOX_SEAL, packets);

	run(id, INBOX_SEAL, sl_seal_handed, packets, n);
	return n;
}

static inline unsigned take_to_open(unsigned id)
{
	struct rte_mbuf *packets[SL_BURST_MAX];
	unsigned n = take(id, INBOX_OPEN, packets);

	run(id, INBOX_OPEN, sl_open_handed, packets, n);
	return n;
}

static inline struct rte_mbuf *plain(uint32_t dst)
{
	return pair_plain(&pair, ALPHA_HOST, dst, 64, 1);
}

static inline struct rte_mbuf *to_port(uint16_t port)
{
	struct rte_mbuf *m = plain(BETA_HOST);

	rte_pktmbuf_mtod_offset(m, struct rte_udp_hdr *, 34)->dst_port = rte_cpu_to_be_16(port);
	return m;
}

static inline uint32_t spi_of(struct rte_mbuf *m)
{
	const struct sl_esp_header *esp = rte_pktmbuf_mtod_offset(m, void *, SL_UDP_FRAME_HEADERS);

	return rte_be_to_cpu_32(esp->spi);
}

/* The last burst has sealed one packet, with this session. */
static inline void expect_sealed(uint32_t spi)
{
	assert_int_equal(burst.tx_count, 1);
	assert_int_equal(spi_of(burst.tx[0]), spi);
	rte_pktmbuf_free(burst.tx[0]);
}

static inline uint64_t drops(unsigned id, enum sl_drop reason)
{
	return workers[id].dp.counters.drops[reason];
}

static inline void set_owner(uint8_t owner)
{
	for (unsigned i = 0; i < WORKERS; i++)
		workers[i].dp.flows[FLOW].owner = owner;
}

#endif
