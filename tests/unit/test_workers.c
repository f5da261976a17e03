/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Three workers of one gateway: what one of them has no session for goes to the one that has, once, in order, and counted;
 * frames of a port with one queue are spread by flow. After each test every packet is accounted for, worker by worker, and
 * every mbuf is back in its pool.
 */
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

static int set_up_worker(unsigned id)
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

static int set_up(void **state)
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

static int tear_down(void **state)
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

static struct sl_esp_params params(
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

static void make_out(struct sl_esp_out *out, uint32_t spi, const char *local, const char *remote)
{
	struct sl_ts_list a = pair_selector(local), b = pair_selector(remote);
	struct sl_esp_params p = params(spi, &a, &b);

	memset(out, 0, sizeof(*out));
	assert_int_equal(sl_esp_out_init(out, &p), 0);
	sl_esp_out_resolve(out, &pair.alpha.wire.mac, &pair.beta.wire.mac);
}

static void make_in(uint32_t spi)
{
	struct sl_ts_list a = pair_selector("10.2.0.0/16"), b = pair_selector("10.1.0.0/16");
	struct sl_esp_params p = params(spi, &a, &b);

	memset(in, 0, sizeof(*in));
	assert_int_equal(sl_esp_in_init(in, &p), 0);
}

static int fresh(void **state)
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

static uint64_t drops_of(const struct sl_counters *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < SL_DROP_COUNT; i++)
		sum += c->drops[i];
	return sum;
}

static int nothing_lost(void **state)
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
static void run(unsigned id, enum inbox others,
	void (*how)(struct sl_dataplane *, struct rte_mbuf **, unsigned, struct sl_burst *),
	struct rte_mbuf **packets, unsigned n)
{
	how(&workers[id].dp, packets, n, &burst);
	came_out[id] += burst.tx_count;
	hand_over_each(&workers[id], others, burst.away, burst.away_to, burst.away_count);
}

static void seal_frames(unsigned id, struct rte_mbuf **frames, unsigned n)
{
	put_in[id] += n;
	run(id, INBOX_SEAL, sl_seal_burst, frames, n);
}

static void seal_one(unsigned id, struct rte_mbuf *m)
{
	seal_frames(id, &m, 1);
}

static void open_one(unsigned id, struct rte_mbuf *m)
{
	put_in[id]++;
	run(id, INBOX_OPEN, sl_open_burst, &m, 1);
}

static unsigned take(unsigned id, enum inbox inbox, struct rte_mbuf **packets)
{
	unsigned n = rte_ring_dequeue_burst(workers[id].inbox[inbox], (void **)packets, SL_BURST_MAX, NULL);

	workers[id].dp.counters.handed_in += n;
	return n;
}

/* Returns how many there were. */
static unsigned take_to_seal(unsigned id)
{
	struct rte_mbuf *packets[SL_BURST_MAX];
	unsigned n = take(id, INBOX_SEAL, packets);

	run(id, INBOX_SEAL, sl_seal_handed, packets, n);
	return n;
}

static unsigned take_to_open(unsigned id)
{
	struct rte_mbuf *packets[SL_BURST_MAX];
	unsigned n = take(id, INBOX_OPEN, packets);

	run(id, INBOX_OPEN, sl_open_handed, packets, n);
	return n;
}

static struct rte_mbuf *plain(uint32_t dst)
{
	return pair_plain(&pair, ALPHA_HOST, dst, 64, 1);
}

static struct rte_mbuf *to_port(uint16_t port)
{
	struct rte_mbuf *m = plain(BETA_HOST);

	rte_pktmbuf_mtod_offset(m, struct rte_udp_hdr *, 34)->dst_port = rte_cpu_to_be_16(port);
	return m;
}

static uint32_t spi_of(struct rte_mbuf *m)
{
	const struct sl_esp_header *esp = rte_pktmbuf_mtod_offset(m, void *, SL_UDP_FRAME_HEADERS);

	return rte_be_to_cpu_32(esp->spi);
}

/* The last burst has sealed one packet, with this session. */
static void expect_sealed(uint32_t spi)
{
	assert_int_equal(burst.tx_count, 1);
	assert_int_equal(spi_of(burst.tx[0]), spi);
	rte_pktmbuf_free(burst.tx[0]);
}

static uint64_t drops(unsigned id, enum sl_drop reason)
{
	return workers[id].dp.counters.drops[reason];
}

static void set_owner(uint8_t owner)
{
	for (unsigned i = 0; i < WORKERS; i++)
		workers[i].dp.flows[FLOW].owner = owner;
}

/* ---- Sessions of one flow ------------------------------------------------------------------------------------------------ */

static void the_newest_session_that_covers_a_packet_seals_it(void **state)
{
	struct sl_dataplane *dp = &workers[0].dp;

	(void)state;
	sl_out_switch(dp, FLOW, wide, NULL);
	sl_out_switch(dp, FLOW, narrow, NULL);
	seal_one(0, plain(BETA_HOST));
	expect_sealed(NARROW_SPI);
	seal_one(0, plain(OTHER_HOST));
	expect_sealed(SPI);
	seal_one(0, pair_plain(&pair, 0x0a090001, BETA_HOST, 64, 1));
	assert_int_equal(drops(0, SL_DROP_SELECTOR), 1);
	sl_out_switch(dp, FLOW, NULL, narrow);
	seal_one(0, plain(BETA_HOST));
	expect_sealed(SPI);
	seal_one(0, pair_plain(&pair, 0x0a090001, BETA_HOST, 64, 1));
	assert_int_equal(drops(0, SL_DROP_SELECTOR), 2);
	sl_out_switch(dp, FLOW, NULL, wide);
	seal_one(0, plain(BETA_HOST));
	assert_int_equal(drops(0, SL_DROP_NO_SESSION), 1);
}

static void a_session_is_exchanged_wherever_it_stands(void **state)
{
	struct sl_dataplane *dp = &workers[0].dp;

	(void)state;
	sl_out_switch(dp, FLOW, wide, NULL);
	sl_out_switch(dp, FLOW, narrow, NULL);
	make_out(pair.out, SPI + 1, "10.1.0.0/16", "10.2.0.0/16");
	sl_out_switch(dp, FLOW, pair.out, wide); /* the last; now the first, and it covers everything */
	seal_one(0, plain(BETA_HOST));
	expect_sealed(SPI + 1);
	assert_ptr_equal(pair.out->next, narrow);
	assert_null(narrow->next);
	sl_out_switch(dp, FLOW, narrow, narrow); /* for itself: it comes to the front */
	seal_one(0, plain(BETA_HOST));
	expect_sealed(NARROW_SPI);
	assert_ptr_equal(narrow->next, pair.out);
	assert_null(pair.out->next);
}

/* The limit of a session is not a way to another one: that would be the old one of a rekey. */
static void the_limit_of_the_first_holds(void **state)
{
	(void)state;
	sl_out_switch(&workers[0].dp, FLOW, wide, NULL);
	sl_out_switch(&workers[0].dp, FLOW, narrow, NULL);
	narrow->seq_limit = 0;
	seal_one(0, plain(BETA_HOST));
	assert_int_equal(drops(0, SL_DROP_LIMIT), 1);
}

/* ---- Outbound, from worker to worker -------------------------------------------------------------------------------------- */

static void a_flow_without_a_session_here_goes_to_its_owner(void **state)
{
	struct rte_mbuf *frames[SL_BURST_MAX];
	struct sl_esp_header *esp;

	(void)state;
	sl_out_switch(&workers[0].dp, FLOW, wide, NULL);
	set_owner(0);
	for (unsigned i = 0; i < SL_BURST_MAX; i++)
		frames[i] = pair_plain(&pair, ALPHA_HOST, BETA_HOST, 100 + i, i);
	seal_frames(1, frames, SL_BURST_MAX);
	assert_int_equal(burst.tx_count + burst.handed_count, 0);
	assert_int_equal(workers[1].dp.counters.handed_out, SL_BURST_MAX);
	assert_int_equal(workers[1].dp.wanted_count, 0);
	assert_int_equal(take_to_seal(0), SL_BURST_MAX);
	assert_int_equal(burst.tx_count, SL_BURST_MAX);
	for (unsigned i = 0; i < SL_BURST_MAX; i++) {
		esp = rte_pktmbuf_mtod_offset(burst.tx[i], void *, SL_UDP_FRAME_HEADERS);
		assert_int_equal(rte_be_to_cpu_64(esp->iv), i + 1);
		assert_int_equal(wide->seq, SL_BURST_MAX);
		/* Sealed sizes grow with the packets: they are in order. */
		assert_int_equal(burst.tx[i]->data_len, HEADERS + ((100 + i + 2 + 3) & ~3u) + 16);
		rte_pktmbuf_free(burst.tx[i]);
	}
}

static void nothing_is_handed_over_twice(void **state)
{
	(void)state;
	set_owner(0);
	seal_one(1, plain(BETA_HOST));
	/* Its session is gone meanwhile, and it has heard of another owner. */
	workers[0].dp.flows[FLOW].owner = 2;
	assert_int_equal(take_to_seal(0), 1);
	assert_int_equal(burst.tx_count + burst.away_count, 0);
	assert_int_equal(drops(0, SL_DROP_NO_SESSION), 1);
	/* Nor for its selectors. */
	sl_out_switch(&workers[0].dp, FLOW, narrow, NULL);
	seal_one(1, plain(OTHER_HOST));
	assert_int_equal(take_to_seal(0), 1);
	assert_int_equal(burst.tx_count + burst.away_count, 0);
	assert_int_equal(drops(0, SL_DROP_SELECTOR), 1);
}

static void the_owner_changes(void **state)
{
	(void)state;
	sl_out_switch(&workers[0].dp, FLOW, wide, NULL);
	set_owner(0);
	seal_one(1, plain(BETA_HOST));
	assert_int_equal(take_to_seal(0), 1);
	expect_sealed(SPI);
	sl_out_switch(&workers[0].dp, FLOW, NULL, wide);
	sl_out_switch(&workers[2].dp, FLOW, wide, NULL);
	set_owner(2);
	for (unsigned i = 0; i < 2; i++) {
		seal_one(i, plain(BETA_HOST));
		assert_int_equal(take_to_seal(2), 1);
		expect_sealed(SPI);
	}
	/* Its own it keeps, and the session of a worker comes before the owner's. */
	seal_one(2, plain(BETA_HOST));
	expect_sealed(SPI);
	set_owner(0);
	seal_one(2, plain(BETA_HOST));
	expect_sealed(SPI);
	set_owner(SL_NO_WORKER);
	seal_one(1, plain(BETA_HOST));
	assert_int_equal(burst.away_count, 0);
	assert_int_equal(drops(1, SL_DROP_NO_SESSION), 1);
	assert_int_equal(workers[1].dp.wanted_count, 1);
}

static void what_no_session_here_covers_goes_to_the_owner(void **state)
{
	(void)state;
	sl_out_switch(&workers[0].dp, FLOW, wide, NULL);
	sl_out_switch(&workers[1].dp, FLOW, narrow, NULL);
	set_owner(0);
	seal_one(1, plain(BETA_HOST));
	expect_sealed(NARROW_SPI);
	seal_one(1, plain(OTHER_HOST));
	assert_int_equal(burst.tx_count, 0);
	assert_int_equal(take_to_seal(0), 1);
	expect_sealed(SPI);
	/* Where the owner has none either it stays, as does what no peer has. */
	seal_one(0, pair_plain(&pair, 0x0a090001, BETA_HOST, 64, 1));
	assert_int_equal(drops(0, SL_DROP_SELECTOR), 1);
	seal_one(1, plain(0x08080808));
	assert_int_equal(burst.handed_why[0], SL_HANDED_NO_ROUTE);
	rte_pktmbuf_free(burst.handed[0]);
}

/* The owner has a session of its own for some ports, which the others must not seal with theirs. */
static void what_is_set_apart_goes_to_the_owner(void **state)
{
	struct sl_ts_list a = pair_selector("10.1.0.0/16"), b = pair_selector("10.2.0.0/16"), port = b;
	struct sl_esp_params general = params(SPI, &a, &b), special = params(NARROW_SPI, &a, &port);
	struct sl_esp_apart apart = {0};

	(void)state;
	port.ts[0].protocol = IPPROTO_UDP;
	port.ts[0].port_first = port.ts[0].port_last = 5432;
	assert_int_equal(sl_esp_apart_init(&apart, &a, &port), 0);
	general.apart = true;
	special.rank = 1;
	memset(wide, 0, sizeof(*wide));
	memset(narrow, 0, sizeof(*narrow));
	assert_int_equal(sl_esp_out_init(wide, &general), 0);
	assert_int_equal(sl_esp_out_init(narrow, &special), 0);
	sl_esp_out_resolve(wide, &pair.alpha.wire.mac, &pair.beta.wire.mac);
	sl_esp_out_resolve(narrow, &pair.alpha.wire.mac, &pair.beta.wire.mac);
	set_owner(0);
	for (unsigned id = 0; id < WORKERS; id++)
		workers[id].dp.flows[FLOW].apart = &apart;
	sl_out_switch(&workers[0].dp, FLOW, narrow, NULL);
	sl_out_switch(&workers[1].dp, FLOW, wide, NULL);
	seal_one(1, to_port(5431));
	expect_sealed(SPI);
	seal_one(1, to_port(5432));
	assert_int_equal(burst.tx_count, 0);
	assert_int_equal(take_to_seal(0), 1);
	expect_sealed(NARROW_SPI);
	/* As long as there is no such session the owner's general one does. */
	sl_out_switch(&workers[1].dp, FLOW, NULL, wide);
	sl_out_switch(&workers[0].dp, FLOW, wide, narrow);
	seal_one(0, to_port(5432));
	expect_sealed(SPI);
}

/* ---- Inbound, from worker to worker --------------------------------------------------------------------------------------- */

/* A sealed frame of a packet of the given size, under the SPI of `in`. */
static struct rte_mbuf *sealed(unsigned total)
{
	struct rte_mbuf *m = pair_plain(&pair, ALPHA_HOST, BETA_HOST, total, total);

	sl_seal_burst(&pair.alpha, &m, 1, &burst);
	assert_int_equal(burst.tx_count, 1);
	return burst.tx[0];
}

static void session_at(unsigned id, uint32_t spi)
{
	make_in(spi);
	sl_in_install(&workers[id].dp, in);
	make_out(pair.out, spi, "10.1.0.0/16", "10.2.0.0/16");
	pair.alpha.flows[BETA_FLOW].out = pair.out;
}

static void an_spi_finds_its_worker(void **state)
{
	uint8_t before[100];
	struct rte_mbuf *m;

	(void)state;
	session_at(1, sl_spi_make(1, 77, 5));
	for (unsigned id = 0; id < WORKERS; id++) {
		m = pair_plain(&pair, ALPHA_HOST, BETA_HOST, sizeof(before), id);
		memcpy(before, rte_pktmbuf_mtod_offset(m, void *, 14), sizeof(before));
		pair_age(before, 2);
		sl_seal_burst(&pair.alpha, &m, 1, &burst);
		m = burst.tx[0];
		open_one(id, m);
		assert_int_equal(burst.tx_count, id == 1);
		assert_int_equal(take_to_open(1), id != 1);
		assert_int_equal(in->packets, id + 1);
		assert_int_equal(m->data_len, 14 + sizeof(before));
		assert_memory_equal(rte_pktmbuf_mtod_offset(m, void *, 14), before, sizeof(before));
		rte_pktmbuf_free(m);
	}
	assert_int_equal(workers[1].dp.counters.handed_in, 2);
	sl_in_remove(&workers[1].dp, in->spi);
}

static void a_handed_packet_is_checked_like_any_other(void **state)
{
	struct rte_mbuf *first, *twin, *again, *bad;

	(void)state;
	session_at(1, sl_spi_make(1, 77, 5));
	first = sealed(64);
	twin = rte_pktmbuf_copy(first, pair.mbufs, 0, UINT32_MAX);
	again = rte_pktmbuf_copy(first, pair.mbufs, 0, UINT32_MAX);
	bad = sealed(64);
	rte_pktmbuf_mtod(bad, uint8_t *)[HEADERS + 3] ^= 1;
	open_one(0, first);
	open_one(2, twin);
	open_one(0, bad);
	assert_int_equal(take_to_open(1), 3);
	assert_int_equal(burst.tx_count, 1);
	rte_pktmbuf_free(burst.tx[0]);
	assert_int_equal(drops(1, SL_DROP_REPLAY), 1);
	assert_int_equal(drops(1, SL_DROP_BAD_ICV), 1);
	open_one(2, again);
	assert_int_equal(take_to_open(1), 1);
	assert_int_equal(drops(1, SL_DROP_REPLAY), 2);
	assert_int_equal(drops(1, SL_DROP_NO_SPI), 0);
	sl_in_remove(&workers[1].dp, in->spi);
}

static void spis_of_nobody(void **state)
{
	(void)state;
	session_at(1, sl_spi_make(1, 77, 5));
	sl_in_remove(&workers[1].dp, in->spi);
	/* Its own, and known to it alone. */
	open_one(1, sealed(64));
	assert_int_equal(drops(1, SL_DROP_NO_SPI), 1);
	/* Another's, who does not know it either, and passes nothing on. */
	open_one(0, sealed(64));
	assert_int_equal(take_to_open(1), 1);
	assert_int_equal(drops(1, SL_DROP_NO_SPI), 2);
	/* A worker's that does not run. */
	for (unsigned other = WORKERS; other < SL_WORKERS_MAX; other++) {
		make_out(pair.out, sl_spi_make(other, 77, 5), "10.1.0.0/16", "10.2.0.0/16");
		open_one(0, sealed(64));
	}
	assert_int_equal(drops(0, SL_DROP_NO_SPI), SL_WORKERS_MAX - WORKERS);
}

/* Handed to the wrong one it is not passed on, whatever its SPI says. */
static void nothing_is_handed_over_twice_inbound(void **state)
{
	struct rte_mbuf *m;

	(void)state;
	session_at(1, sl_spi_make(1, 77, 5));
	open_one(0, sealed(64));
	assert_int_equal(take(1, INBOX_OPEN, &m), 1);
	workers[1].dp.counters.handed_in--;
	workers[2].dp.counters.handed_in++;
	run(2, INBOX_OPEN, sl_open_handed, &m, 1);
	assert_int_equal(burst.away_count, 0);
	assert_int_equal(drops(2, SL_DROP_NO_SPI), 1);
	sl_in_remove(&workers[1].dp, in->spi);
}

/* ---- Inboxes --------------------------------------------------------------------------------------------------------------- */

static void a_full_inbox_is_counted(void **state)
{
	enum { ROOM = 3, PACKETS = 10 };
	struct rte_ring *inbox = workers[0].inbox[INBOX_SEAL];
	struct rte_mbuf *frames[PACKETS];
	void *filler;

	(void)state;
	set_owner(0);
	for (unsigned i = 0; i < INBOX_PACKETS - 1 - ROOM; i++)
		assert_int_equal(rte_ring_enqueue(inbox, frames), 0);
	for (unsigned i = 0; i < PACKETS; i++)
		frames[i] = plain(BETA_HOST);
	seal_frames(1, frames, PACKETS);
	assert_int_equal(workers[1].dp.counters.handed_out, ROOM);
	assert_int_equal(drops(1, SL_DROP_HANDOFF_FULL), PACKETS - ROOM);
	for (unsigned i = 0; i < INBOX_PACKETS - 1 - ROOM; i++)
		assert_int_equal(rte_ring_dequeue(inbox, &filler), 0);
	sl_out_switch(&workers[0].dp, FLOW, wide, NULL);
	assert_int_equal(take_to_seal(0), ROOM);
	assert_int_equal(burst.tx_count, ROOM);
	for (unsigned i = 0; i < ROOM; i++)
		rte_pktmbuf_free(burst.tx[i]);
}

static void each_gets_its_own_in_order(void **state)
{
	static const uint8_t targets[] = {2, 1, 1, 0, 2, 1, 2, 2, 0, 1};
	struct rte_mbuf *packets[RTE_DIM(targets)], *given[RTE_DIM(targets)], *taken[SL_BURST_MAX];
	uint8_t to[RTE_DIM(targets)];

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(targets); i++)
		given[i] = packets[i] = plain(BETA_HOST);
	memcpy(to, targets, sizeof(to));
	put_in[0] += RTE_DIM(targets);
	hand_over_each(&workers[0], INBOX_OPEN, packets, to, RTE_DIM(targets));
	assert_int_equal(workers[0].dp.counters.handed_out, RTE_DIM(targets));
	for (unsigned id = 0; id < WORKERS; id++) {
		unsigned n = take(id, INBOX_OPEN, taken), at = 0;

		for (unsigned i = 0; i < RTE_DIM(targets); i++) {
			if (targets[i] == id)
				assert_ptr_equal(taken[at++], given[i]);
		}
		assert_int_equal(n, at);
		came_out[id] += n;
		rte_pktmbuf_free_bulk(taken, n);
	}
}

static void only_what_is_used_is_made(void **state)
{
	struct worker alone = {.dp.workers = 1};
	struct worker sends_wire = {.wire.sends_for_others = true, .id = 7, .dp.workers = 9};
	struct worker sends_plain = {.plain.sends_for_others = true, .id = 8, .dp.workers = 9};

	(void)state;
	assert_int_equal(handover_init(&alone), 0);
	for (unsigned i = 0; i < INBOX_COUNT; i++)
		assert_null(alone.inbox[i]);
	assert_int_equal(handover_init(&sends_wire), 0);
	assert_null(sends_wire.inbox[INBOX_RECEIVED]);
	assert_non_null(sends_wire.inbox[INBOX_SEAL]);
	assert_non_null(sends_wire.inbox[INBOX_OPEN]);
	assert_non_null(sends_wire.inbox[INBOX_SEND_WIRE]);
	assert_null(sends_wire.inbox[INBOX_SEND_PLAIN]);
	assert_int_equal(handover_init(&sends_plain), 0);
	assert_null(sends_plain.inbox[INBOX_SEND_WIRE]);
	assert_non_null(sends_plain.inbox[INBOX_SEND_PLAIN]);
	handover_fini(&sends_wire);
	handover_fini(&sends_plain);
}

/* ---- Spreading ------------------------------------------------------------------------------------------------------------- */

/* A frame of the flow with this source port. */
static struct rte_mbuf *of_flow(uint16_t port, unsigned total)
{
	struct rte_mbuf *m = pair_plain(&pair, ALPHA_HOST, BETA_HOST, total, 0);
	struct rte_udp_hdr *udp = rte_pktmbuf_mtod_offset(m, struct rte_udp_hdr *, 34);

	udp->src_port = port;
	udp->dst_port = 53;
	return m;
}

static struct rte_mbuf *of_flow6(uint16_t port, unsigned total, bool tagged)
{
	struct rte_mbuf *m = of_flow(0, total);
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	struct rte_ipv6_hdr *ip = (void *)(eth + 1);

	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6);
	memset(ip, 0xfd, sizeof(*ip));
	ip->proto = IPPROTO_UDP;
	memcpy(ip + 1, &port, sizeof(port));
	m->vlan_tci = 5;
	assert_int_equal(tagged ? rte_vlan_insert(&m) : 0, 0);
	return m;
}

/* Where a single frame goes when worker 1 has received it; frees it. */
static unsigned target_of(struct rte_mbuf *m)
{
	unsigned target = WORKERS, own;
	struct rte_mbuf *taken;

	put_in[1]++;
	own = spread(&workers[1], &m, 1);
	came_out[1] += own;
	if (own)
		target = 1;
	for (unsigned id = 0; id < WORKERS; id++) {
		if (take(id, INBOX_RECEIVED, &taken) == 0)
			continue;
		assert_int_equal(target, WORKERS);
		assert_ptr_equal(taken, m);
		came_out[id]++;
		target = id;
	}
	assert_true(target < WORKERS);
	rte_pktmbuf_free(m);
	return target;
}

static void flows_are_spread_over_all(void **state)
{
	unsigned count[WORKERS] = {0};

	(void)state;
	for (uint16_t port = 0; port < 300; port++) {
		unsigned target = target_of(of_flow(port, 64));

		assert_int_equal(target_of(of_flow(port, 1000)), target);
		count[target]++;
	}
	for (unsigned id = 0; id < WORKERS; id++)
		assert_in_range(count[id], 60, 140);
}

static void order_within_a_flow_survives_spreading(void **state)
{
	struct rte_mbuf *frames[SL_BURST_MAX], *taken[SL_BURST_MAX];
	unsigned own, all = 0;

	(void)state;
	for (unsigned i = 0; i < SL_BURST_MAX; i++)
		frames[i] = of_flow(i % 8, 64 + i);
	put_in[1] += SL_BURST_MAX;
	own = spread(&workers[1], frames, SL_BURST_MAX);
	for (unsigned id = 0; id < WORKERS; id++) {
		unsigned n = take(id, INBOX_RECEIVED, taken);

		if (id == 1) {
			assert_int_equal(n, 0);
			memcpy(taken, frames, own * sizeof(*frames));
			n = own;
		}
		/* Lengths grow in the order of sending. */
		for (unsigned i = 1; i < n; i++)
			assert_true(taken[i]->data_len > taken[i - 1]->data_len);
		all += n;
		came_out[id] += n;
		rte_pktmbuf_free_bulk(taken, n);
	}
	assert_int_equal(all, SL_BURST_MAX);
}

/* Only the first fragment has ports; all must go the same way. What is no IPv4 packet, or none yet, stays. */
static void fragments_and_strangers(void **state)
{
	unsigned fragments = 0, moved = 0;

	(void)state;
	for (uint16_t port = 0; port < 20; port++) {
		for (unsigned part = 0; part < 3; part++) {
			struct rte_mbuf *m = of_flow((uint16_t)(port + 100 * part), 64);
			struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, 14);
			unsigned target;

			ip->src_addr = rte_cpu_to_be_32(ALPHA_HOST + port);
			ip->fragment_offset = rte_cpu_to_be_16(
				(uint16_t)(part * 8 | (part < 2 ? RTE_IPV4_HDR_MF_FLAG : 0)));
			target = target_of(m);
			if (part > 0)
				assert_int_equal(target, fragments);
			fragments = target;
			moved += target != 1;
		}
	}
	assert_true(moved > 0);
	for (uint16_t port = 0; port < 20; port++) {
		struct rte_mbuf *arp = of_flow(port, 64), *runt = of_flow(port, 64);

		rte_pktmbuf_mtod(arp, struct rte_ether_hdr *)->ether_type =
			rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP);
		assert_int_equal(target_of(arp), 1);
		rte_pktmbuf_trim(runt, (uint16_t)(runt->data_len - 33));
		assert_int_equal(target_of(runt), 1);
	}
}

/* IPv6 and tags: as many flows go to each, and a flow to one. */
static void other_frames_are_spread_too(void **state)
{
	for (unsigned tagged = 0; tagged < 2; tagged++) {
		unsigned count[WORKERS] = {0};

		for (unsigned id = 0; id < WORKERS; id++)
			workers[id].dp.plain.vlan = tagged ? 5 : 0;
		for (uint16_t port = 0; port < 150; port++) {
			unsigned target = target_of(of_flow6(port, 100, tagged));

			assert_int_equal(target_of(of_flow6(port, 200, tagged)), target);
			count[target]++;
		}
		for (unsigned id = 0; id < WORKERS; id++)
			assert_in_range(count[id], 25, 80);
	}
	for (unsigned id = 0; id < WORKERS; id++)
		workers[id].dp.plain.vlan = 0;
	(void)state;
}

int main(void)
{
#define FRESH(f) cmocka_unit_test_setup_teardown(f, fresh, nothing_lost)
	const struct CMUnitTest tests[] = {
		FRESH(the_newest_session_that_covers_a_packet_seals_it),
		FRESH(a_session_is_exchanged_wherever_it_stands),
		FRESH(the_limit_of_the_first_holds),
		FRESH(a_flow_without_a_session_here_goes_to_its_owner),
		FRESH(nothing_is_handed_over_twice),
		FRESH(the_owner_changes),
		FRESH(what_no_session_here_covers_goes_to_the_owner),
		FRESH(what_is_set_apart_goes_to_the_owner),
		FRESH(an_spi_finds_its_worker),
		FRESH(a_handed_packet_is_checked_like_any_other),
		FRESH(spis_of_nobody),
		FRESH(nothing_is_handed_over_twice_inbound),
		FRESH(a_full_inbox_is_counted),
		FRESH(each_gets_its_own_in_order),
		FRESH(only_what_is_used_is_made),
		FRESH(flows_are_spread_over_all),
		FRESH(order_within_a_flow_survives_spreading),
		FRESH(fragments_and_strangers),
		FRESH(other_frames_are_spread_too),
	};

	return cmocka_run_group_tests_name("workers", tests, set_up, tear_down);
}
