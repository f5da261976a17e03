/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Three workers of one gateway: what one of them has no session for goes to the one that has, once, in order, and counted. After
 * each test every packet is accounted for, worker by worker, and every mbuf is back in its pool.
 */
#include "workers_test.h"

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
	};

	return cmocka_run_group_tests_name("workers", tests, set_up, tear_down);
}
